"""The optimum is a strategy by its name, wherever scenarios are run."""

from __future__ import annotations

import pytest

from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.scenarios.running import SettingsRefused, run_strategy
from tests.simulation.strategies.test_interface import night


def test_the_optimum_is_run_by_its_name_and_takes_its_terms() -> None:
    settings = {"optimum": {"exact": True, "time_limit_s": 20}}
    best = measure(run_strategy(night(), "optimum", 1, settings))
    assert best.total_cost == pytest.approx(15.0 * 0.10)
    with pytest.raises(SettingsRefused, match="unknown field `margin_a`; it has wear_per_kwh, exact"):
        run_strategy(night(), "optimum", 1, {"optimum": {"margin_a": 2.0}})

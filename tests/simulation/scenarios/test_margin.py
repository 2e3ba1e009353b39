"""`dynamic` in scenarios has the margin of the law that runs sites."""

from __future__ import annotations

import pytest

from ampacity.control.limits import margin_a
from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.scenarios.building import build
from ampacity.simulation.scenarios.reading import load
from ampacity.simulation.scenarios.running import LIVE_MARGIN, run_strategy

NONE = {"dynamic": {"margin_a": 0.0, "margin_share": 0.0}}


@pytest.mark.parametrize("limit_a", [16.0, 80.0, 100.0, 600.0])
def test_it_is_the_margin_of_the_live_law(limit_a: float) -> None:
    assert max(LIVE_MARGIN["margin_a"], LIVE_MARGIN["margin_share"] * limit_a) == margin_a(limit_a, 1.0)


@pytest.mark.parametrize(("name", "seed"), [("ten-vans-at-six", 2), ("highway-hub", 2)])
def test_the_lag_of_chargers_takes_nothing_above_the_limit(name: str, seed: int) -> None:
    """Without a margin a charger that was cut drew on while another one rose: a minute above the limit."""
    scenario, folder = load(name)
    scene = build(scenario, seed, folder)
    assert measure(run_strategy(scene, "dynamic", seed, NONE)).over_limit_s > 0.0
    assert measure(run_strategy(scene, "dynamic", seed)).over_limit_s == 0.0

"""A node, its meter and its stations on real sockets: a step of the base is answered, and in which parts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ampacity.bench.reaction.run import figures_of, measure
from ampacity.bench.reaction.site import MAX_A, drawn, grid_phases, site_of


def test_a_step_of_the_base_is_answered_before_the_meters_next_telegram(tmp_path: Path) -> None:
    steps = asyncio.run(measure(6, 1, tmp_path))
    assert len(steps) == 1
    step = steps[0]
    assert step.first_at is not None
    assert step.below_at is not None
    assert step.last_at is not None
    assert step.sent_at < step.first_at <= step.below_at <= step.last_at < step.sent_at + 0.9
    assert step.parts is not None
    read_s, turn_s, out_s = step.parts
    assert min(read_s, turn_s, out_s) > 0.0
    figures = figures_of(6, steps)
    assert 0.0 < figures["first_p99_ms_6"] <= figures["last_max_ms_6"] < 900.0


def test_all_cars_fit_at_base_zero_with_the_margin() -> None:
    site = site_of(45, "127.0.0.1:1", 3)
    full_a = drawn(grid_phases(site.evses, list(site.circuits)), [MAX_A] * 45)
    assert max(full_a) <= 0.98 * site.root.rating_a
    assert sum(full_a) == sum(MAX_A * len(evse.phases) for evse in site.evses)

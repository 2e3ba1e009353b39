"""B3: energy delivered by departure behind a limit that binds, `dynamic` against a fixed share for each EVSE.

The whole curve from 40 to 100 % of 150 kW; the headline is 100 %. EVSEs give any current, as the recorded
site's continuous ones.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ...simulation.batch.episode import run
from .garage import Sessions, month_scene, months, week_of
from .weeks import Floats, Weeks, between

FULL_W: Final = 150_000.0
SHARES: Final = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def delivery(sessions: Sessions, seed: int, most_months: int | None = None) -> dict[str, float]:
    """Figures of B3 over all months of the sessions."""
    figures: dict[str, float] = {}
    for share in SHARES:
        groups: list[int] = []
        weekly: dict[str, list[Floats]] = {}
        for begins in months(sessions)[:most_months]:
            scene = month_scene(sessions, begins, share * FULL_W, declared=True)
            _, of_visit, count = week_of(scene)
            groups.append(count)
            for name in ("uncontrolled", "static", "dynamic"):
                done = run(scene, name)
                weekly.setdefault(name, []).append(
                    np.bincount(of_visit, done.state.energy_wh, count) / 1000.0
                )

        def total(name: str, weeks: list[Weeks]) -> float:
            return sum(float(kwh[w].sum()) for kwh, w in zip(weekly[name], weeks, strict=True))  # noqa: B023

        gain = between(groups, lambda w: 100.0 * (total("dynamic", w) / total("static", w) - 1.0), seed)
        whole = [np.arange(count) for count in groups]
        key = f"at_{round(100 * share)}_pct"
        figures[f"delivered_gain_pct_{key}"] = gain.value
        figures[f"delivered_gain_pct_{key}_low"] = gain.low
        figures[f"delivered_gain_pct_{key}_high"] = gain.high
        for name in ("static", "dynamic"):
            figures[f"{name}_unmet_pct_{key}"] = 100.0 * (
                1.0 - total(name, whole) / total("uncontrolled", whole)
            )
        if share == 1.0:
            figures["delivered_gain_pct"] = gain.value
    return figures

"""B4: how long drivers wait at a public DC hub, `dynamic` against fixed shares of the connection.

Eight EVSEs of 150 kW behind 400 kW (an equal share is 50 kW), first come, first served; nobody turns away.
Assumptions: Poisson arrivals round the clock, cars of the DC fleet with 10..25 % that leave at 80 %. The same
cars come under both strategies (common random numbers); wait is from arrival to the plug.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np

from ...simulation.batch.episode import run
from ...simulation.batch.outcome import Run, Scene
from ...simulation.batch.world import (
    CURVE_POINTS,
    NO_CABINETS,
    NO_FAULTS,
    NO_STORAGE,
    SLOTS,
    TAPER_CURVE,
    World,
)
from ...simulation.fleet import FLEET
from ...simulation.scenarios.caltech import ac_evses, unloaded_rows
from ...simulation.scenarios.recorded import ideal_visits, quiet_series
from ...simulation.scenarios.summary import interval

PLACES: Final = 8
RATING_W: Final = 150_000.0
CONNECTION_W: Final = 400_000.0
STEP_S: Final = 60.0
DAYS: Final = 7
WARM_S: Final = 6 * 3600.0
"""The first hours fill the hub and don't count."""

RATES: Final = (5, 6, 7, 8, 9)


def hub(rate_per_h: float, seed: int) -> Scene:
    """A week of cars at one hub."""
    rng = np.random.default_rng([seed, round(1000 * rate_per_h)])
    steps = round(DAYS * 86_400.0 / STEP_S)
    count = rng.poisson(rate_per_h * DAYS * 24)
    arrive_s = np.sort(rng.uniform(0.0, DAYS * 86_400.0, count))
    kinds = [kind for kind in FLEET if kind.dc_max_w >= 50_000.0]
    weights = np.array([kind.weight for kind in kinds])
    chosen = [kinds[k] for k in rng.choice(len(kinds), count, p=weights / weights.sum())]
    curves = {kind.curve: None for kind in kinds}
    lines = list(curves)
    soc = rng.uniform(0.10, 0.25, count)
    capacity = np.array([kind.battery_wh for kind in chosen])
    efficiency = np.array([kind.dc_efficiency for kind in chosen])
    visits = ideal_visits(
        arrive_s=arrive_s,
        depart_s=np.full(count, np.inf),
        evse=np.full(count, -1, np.int64),
        energy_wh=(0.8 - soc) * capacity / efficiency,
        max_a=300.0,
        accept_w=RATING_W,
    )._replace(
        pool=np.zeros(count, np.int64),
        leaves_done=np.ones(count, np.bool_),
        soc=soc,
        capacity_wh=capacity,
        efficiency=efficiency,
        accept_w=np.array([kind.accept_w for kind in chosen]),
        dc_max_w=np.array([kind.dc_max_w for kind in chosen]),
        slots=np.full(count, SLOTS, np.int64),
        taper=np.full(count, TAPER_CURVE, np.int64),
        curve=np.array([lines.index(kind.curve) for kind in chosen], np.int64),
        declared_wh=np.full(count, np.nan),
        declared_depart_s=np.full(count, np.nan),
    )
    entries = [(place, slot, slot, 1.0 + 0j) for place in range(PLACES) for slot in range(SLOTS)]
    volt_v, rectifier = 230.0, 0.95
    evses = ac_evses(PLACES, entries, volt_v=volt_v, max_a=RATING_W / rectifier / 3 / volt_v, slots=SLOTS)
    evses = evses._replace(
        dc=np.ones(PLACES, np.bool_),
        rating_w=np.full(PLACES, RATING_W),
        efficiency=np.full(PLACES, rectifier),
        pool=np.zeros(PLACES, np.int64),
    )
    soc_points = np.linspace(0.0, 1.0, CURVE_POINTS)
    world = World(
        step_s=STEP_S,
        steps=steps,
        evses=evses,
        rows=unloaded_rows(np.full(SLOTS, CONNECTION_W / 3 / volt_v)),
        visits=visits,
        storage=NO_STORAGE,
        cabinets=NO_CABINETS,
        series=quiet_series(steps),
        faults=NO_FAULTS,
        curves=np.array(
            [np.interp(soc_points, [x for x, _ in line], [y for _, y in line]) for line in lines]
        ),
        repair_s=0.0,
        plug_s=60.0,
    )
    return Scene(
        name="hub",
        starts_at=datetime(2026, 3, 2, tzinfo=UTC),
        time_zone="UTC",
        world=world,
        evses=tuple(f"place {k}" for k in range(PLACES)),
        rows=("L1", "L2", "L3"),
        visits=tuple(f"car {k}" for k in range(count)),
        root_rows=(0, 1, 2),
    )


def mean_wait_s(done: Run) -> float:
    """From arrival to the plug, over the cars that came after the warm-up; who still waits at the end has
    waited until then."""
    arrive_s = done.scene.world.visits.arrive_s
    end_s = done.scene.world.steps * done.scene.world.step_s
    counted = (arrive_s >= WARM_S) & (arrive_s < end_s)
    waits = np.minimum(done.state.plugged_s, end_s) - arrive_s
    return float(waits[counted].mean())


def waiting(seeds: int) -> dict[str, float]:
    """Figures of B4: means over seeds, the change in per cent with its interval (Student's t over seeds)."""
    figures: dict[str, float] = {}
    for rate in RATES:
        fixed, shared = [], []
        for seed in range(1, seeds + 1):
            scene = hub(rate, seed)
            fixed.append(mean_wait_s(run(scene, "static")))
            shared.append(mean_wait_s(run(scene, "dynamic")))
        base = float(np.mean(fixed))
        change = interval([100.0 * (new - old) / base for new, old in zip(shared, fixed, strict=True)])
        key = f"wait_change_pct_at_{rate}_per_h"
        figures[key] = change.mean
        figures[f"{key}_low"] = change.mean if change.low is None else change.low
        figures[f"{key}_high"] = change.mean if change.high is None else change.high
        figures[f"static_wait_min_at_{rate}_per_h"] = base / 60.0
        figures[f"dynamic_wait_min_at_{rate}_per_h"] = float(np.mean(shared)) / 60.0
    return figures

"""B5: how much a street's voltage fluctuates when its houses charge, `dynamic` under a common cap against
everybody at full rate.

The IEEE European low-voltage test feeder (55 houses on one phase each), 33 of them with a car of up to 32 A,
a day from noon to noon in steps of a minute. Households are synthetic (`electrical.street`), cars those of
the home archetype. The cap per phase is tuned on other seeds than those that are reported: the lowest
standard deviation with at most half a per cent unmet. Both cases share houses and cars.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import numpy as np

from ...simulation.arrivals import archetype
from ...simulation.batch.episode import run
from ...simulation.batch.outcome import Run, Scene
from ...simulation.batch.world import (
    CURVE_POINTS,
    NO_CABINETS,
    NO_FAULTS,
    NO_STORAGE,
    F,
    World,
)
from ...simulation.electrical.feeder import Feeder, FeederModel, consumer_loads
from ...simulation.electrical.feeders import ieee_european_lv, reduced
from ...simulation.electrical.street import household_w
from ...simulation.electrical.voltage import VoltageQuality, voltage_quality
from ...simulation.evses import replay_evses
from ...simulation.scenarios.caltech import ac_evses, unloaded_rows
from ...simulation.scenarios.recorded import ideal_visits, quiet_series
from ...simulation.scenarios.summary import interval

CARS: Final = 33
MAX_A: Final = 32.0
VOLT_V: Final = 230.0
MEAN_HOUSE_W: Final = 450.0
STEP_S: Final = 60.0
STEPS: Final = 1440
DAY: Final = date(2026, 1, 14)
CAPS_A: Final = (20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 130.0, 160.0)
MOST_UNMET: Final = 0.005
TUNING_SEEDS: Final = (101, 102, 103)


def street_scene(feeder: Feeder, seed: int, cap_a: float) -> tuple[Scene, list[int]]:
    """The cars of a day behind `cap_a` a phase, and the house of each EVSE."""
    rng = np.random.default_rng([seed, 5])
    houses = sorted(rng.choice(len(feeder.consumers), CARS, replace=False).tolist())
    names = tuple(f"house {house + 1}" for house in houses)
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    begins_s = noon.timestamp()
    drawn = archetype("home").generate(rng, DAY, replay_evses(names), days=1, sessions_per_evse=1.0)
    end_s = STEPS * STEP_S
    stays = sorted(
        (
            v.arrival_s - begins_s,
            min(v.departure_s - begins_s, end_s),
            names.index(v.station_id),
            v.requested_wh,
        )
        for v in drawn
        if v.station_id is not None and 0.0 <= v.arrival_s - begins_s < end_s - STEP_S
    )
    visits = ideal_visits(
        arrive_s=np.array([stay[0] for stay in stays]),
        depart_s=np.array([stay[1] for stay in stays]),
        evse=np.array([stay[2] for stay in stays], np.int64),
        energy_wh=np.array([stay[3] for stay in stays]),
        max_a=MAX_A,
        accept_w=MAX_A * VOLT_V,
    )
    visits = visits._replace(min_a=np.full(len(stays), 6.0), declared_wh=visits.energy_wh * np.nan)
    entries = [(i, 0, feeder.consumers[house].phase, 1.0 + 0j) for i, house in enumerate(houses)]
    evses = ac_evses(CARS, entries, volt_v=VOLT_V, max_a=MAX_A, slots=1)
    world = World(
        step_s=STEP_S,
        steps=STEPS,
        evses=evses._replace(min_a=np.full(CARS, 6.0), step_a=np.full(CARS, 0.1)),
        rows=unloaded_rows(np.full(3, cap_a)),
        visits=visits,
        storage=NO_STORAGE,
        cabinets=NO_CABINETS,
        series=quiet_series(STEPS),
        faults=NO_FAULTS,
        curves=np.ones((1, CURVE_POINTS)),
        repair_s=0.0,
        plug_s=0.0,
    )
    scene = Scene(
        name=feeder.name,
        starts_at=noon,
        time_zone="UTC",
        world=world,
        evses=names,
        rows=("L1", "L2", "L3"),
        visits=tuple(str(k) for k in range(len(stays))),
        root_rows=(0, 1, 2),
    )
    return scene, houses


def quality(feeder: Feeder, model: FeederModel, done: Run, houses: list[int], seed: int) -> VoltageQuality:
    """The feeder's voltages under the cars of a run and the houses of this seed."""
    power_w: F = household_w(
        np.random.default_rng([seed, 13]), len(feeder.consumers), STEPS, STEP_S, MEAN_HOUSE_W, 12.0
    )
    power_w[:, houses] += done.trace.evse_w
    active_w, reactive_var = consumer_loads(feeder, power_w, 0.97)
    flow = model.solve(active_w, reactive_var, branches=False)
    return voltage_quality(flow.voltage_v, STEP_S, feeder.phase_v)


def voltage(seeds: int) -> dict[str, float]:
    """Figures of B5: means over seeds; changes in per cent of the uncontrolled mean with their intervals."""
    feeder = reduced(ieee_european_lv())
    model = FeederModel(feeder)

    def both(seed: int, cap_a: float) -> tuple[VoltageQuality, VoltageQuality, float]:
        scene, houses = street_scene(feeder, seed, cap_a)
        plain = run(scene, "uncontrolled", each_evse=True)
        capped = run(scene, "dynamic", each_evse=True)
        unmet = 1.0 - capped.state.energy_wh.sum() / plain.state.energy_wh.sum()
        return (
            quality(feeder, model, plain, houses, seed),
            quality(feeder, model, capped, houses, seed),
            float(unmet),
        )

    best_a, best = CAPS_A[-1], np.inf
    for cap_a in CAPS_A:
        tried = [both(seed, cap_a) for seed in TUNING_SEEDS[: max(1, min(seeds, len(TUNING_SEEDS)))]]
        deviation = float(np.mean([new.change_std_v for _, new, _ in tried]))
        if np.mean([unmet for _, _, unmet in tried]) <= MOST_UNMET and deviation < best:
            best_a, best = cap_a, deviation
    found = [both(seed, best_a) for seed in range(1, seeds + 1)]
    figures: dict[str, float] = {"voltage_cap_a": best_a}
    for key, field in (("std", "change_std_v"), ("max", "change_max_v")):
        pairs = [(getattr(old, field), getattr(new, field)) for old, new, _ in found]
        base = float(np.mean([old for old, _ in pairs]))
        change = interval([100.0 * (new - old) / base for old, new in pairs])
        figures[f"voltage_{key}_change_pct"] = change.mean
        figures[f"voltage_{key}_change_pct_low"] = change.mean if change.low is None else change.low
        figures[f"voltage_{key}_change_pct_high"] = change.mean if change.high is None else change.high
        figures[f"uncontrolled_voltage_{key}_v"] = base
    figures["voltage_lowest_uncontrolled_v"] = min(old.lowest_v for old, _, _ in found)
    figures["voltage_lowest_dynamic_v"] = min(new.lowest_v for _, new, _ in found)
    figures["voltage_unmet_pct"] = 100.0 * float(np.mean([unmet for _, _, unmet in found]))
    return figures

"""Small hubs, for the speed of steps alone: a site like Chargax's default.

Chargax (K. Ponse et al., "Chargax: a JAX accelerated EV charging simulator", 2025) isn't on PyPI; what it is
measured at is quoted in docs/benchmarks.md. Its default has few ports, a stationary battery and steps of five
minutes; so has this one: six three-phase ports of 22 kW behind 100 A a phase, 200 kWh of storage, a
week of 2,016 steps. Each is a world of its own, with other cars.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np

from ...simulation.batch.outcome import Scene
from ...simulation.batch.world import (
    CURVE_POINTS,
    NO_CABINETS,
    NO_FAULTS,
    SLOTS,
    TAPER_LINEAR,
    Storage,
    World,
)
from ...simulation.scenarios.caltech import ac_evses, unloaded_rows
from ...simulation.scenarios.recorded import ideal_visits, quiet_series

PORTS: Final = 6
STEP_S: Final = 300.0
STEPS: Final = 7 * 288
VOLT_V: Final = 230.0
MAX_A: Final = 32.0
LIMIT_A: Final = 100.0
TARGET_W: Final = 40_000.0
"""What the stationary battery keeps the site at."""

_STAY_H: Final = (0.4, 2.5)
_PAUSE_H: Final = 1.5
_ENERGY_WH: Final = (5e3, 40e3)
_STORAGE: Final = Storage(200e3, 100e3, 100e3, 0.95, 0.95, 0.5, 0.1, 0.9, 0.0)


def hub_week(rng: np.random.Generator) -> Scene:
    """One week: at each port car after car, with an exponential pause between them."""
    stays = []
    for port in range(PORTS):
        at_h = rng.exponential(_PAUSE_H)
        while at_h < STEPS * STEP_S / 3600.0:
            leaves_h = at_h + rng.uniform(*_STAY_H)
            stays.append((at_h * 3600.0, leaves_h * 3600.0, port))
            at_h = leaves_h + rng.exponential(_PAUSE_H)
    stays.sort()
    v = len(stays)
    visits = ideal_visits(
        arrive_s=np.array([arrive for arrive, _, _ in stays]),
        depart_s=np.array([depart for _, depart, _ in stays]),
        evse=np.array([port for _, _, port in stays], np.int64),
        energy_wh=rng.uniform(*_ENERGY_WH, v),
        max_a=MAX_A,
        accept_w=SLOTS * MAX_A * VOLT_V,
    )
    visits = visits._replace(
        slots=np.full(v, SLOTS, np.int64),
        max_a=np.full((v, SLOTS), MAX_A),
        capacity_wh=np.full(v, 60e3),
        soc=rng.uniform(0.1, 0.6, v),
        taper=np.full(v, TAPER_LINEAR, np.int64),
        taper_from=np.full(v, 0.8),
    )
    entries = [(port, slot, slot, 1.0 + 0j) for port in range(PORTS) for slot in range(SLOTS)]
    rows = unloaded_rows(np.full(SLOTS, LIMIT_A))
    world = World(
        step_s=STEP_S,
        steps=STEPS,
        evses=ac_evses(PORTS, entries, volt_v=VOLT_V, max_a=MAX_A, slots=SLOTS),
        rows=rows._replace(storage_re=np.full(SLOTS, 1.0 / (SLOTS * VOLT_V))),
        visits=visits,
        storage=_STORAGE,
        cabinets=NO_CABINETS,
        series=quiet_series(STEPS),
        faults=NO_FAULTS,
        curves=np.ones((1, CURVE_POINTS)),
        repair_s=0.0,
        plug_s=0.0,
    )
    return Scene(
        name="hub",
        starts_at=datetime(2026, 1, 5, tzinfo=UTC),
        time_zone="UTC",
        world=world,
        evses=tuple(f"port {k}" for k in range(PORTS)),
        rows=("L1", "L2", "L3"),
        visits=tuple(f"car {k}" for k in range(v)),
        root_rows=(0, 1, 2),
    )

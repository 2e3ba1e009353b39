"""Small sites for the tests of the batch world: a grid connection, a panel below it, some EVSEs and cars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ampacity.simulation.batch.outcome import Run, Scene
from ampacity.simulation.batch.state import blank, fresh
from ampacity.simulation.batch.world import (
    NO_CABINETS,
    NO_FAULTS,
    NO_STORAGE,
    TAPER_NONE,
    Evses,
    F,
    Rows,
    Series,
    Storage,
    Visits,
    World,
)

VOLT_V = 230.0


def evses(phases: Sequence[tuple[int, ...]], panel: Sequence[bool] | None = None, **changes: Any) -> Evses:
    """EVSEs on phases 0..2 of the grid (rows 0..2) and, where `panel` says so, of the panel below it (rows
    3..5)."""
    n = len(phases)
    below = [False] * n if panel is None else panel
    start, rows = [0], []
    for mine, under in zip(phases, below, strict=True):
        for slot in range(3):
            if slot < len(mine):
                rows += [mine[slot], 3 + mine[slot]] if under else [mine[slot]]
            start.append(len(rows))
    fields: dict[str, Any] = {
        "min_a": np.full(n, 6.0),
        "max_a": np.full(n, 32.0),
        "step_a": np.full(n, 0.1),
        "volt_v": np.full(n, VOLT_V),
        "slots": np.array([len(mine) for mine in phases], np.int64),
        "dc": np.zeros(n, np.bool_),
        "rating_w": np.full(n, np.inf),
        "efficiency": np.ones(n),
        "standby_w": np.zeros(n),
        "safe_a": np.zeros(n),
        "priority": np.zeros(n, np.int64),
        "weight": np.ones(n),
        "cabinet": np.full(n, -1, np.int64),
        "pool": np.full(n, -1, np.int64),
        "derates": np.zeros(n, np.bool_),
        "entry_start": np.array(start, np.int64),
        "entry_row": np.array(rows, np.int64),
        "entry_re": np.ones(len(rows)),
        "entry_im": np.zeros(len(rows)),
    }
    return Evses(**{**fields, **changes})


def rows(limit_a: float = 100.0, panel_a: float = np.inf, **changes: Any) -> Rows:
    """Three rows of the grid and three of the panel, without a base."""
    limits = np.array([[limit_a] * 3 + [panel_a] * 3])
    nothing = np.zeros((1, 6))
    per_w = np.array([1 / (3 * VOLT_V)] * 3 + [0.0] * 3)
    fields: dict[str, Any] = {
        "limit_a": limits,
        "base_re": nothing,
        "base_im": nothing,
        "storage_re": per_w,
        "storage_im": np.zeros(6),
        "rated_a": np.full(6, np.inf),
        "trip_heat": np.ones(6),
        "quick_s": np.full(6, 10.0),
        "slow_s": np.full(6, 1000.0),
        "magnetic": np.full(6, 5.0),
    }
    return Rows(**{**fields, **changes})


def visits(
    arrive_s: Sequence[float], depart_s: Sequence[float], energy_wh: Sequence[float], **changes: Any
) -> Visits:
    """Cars of 60 kWh that take 32 A on three phases, lossless and without a taper, each at its own EVSE
    (0, 1 ..) with its truth declared."""
    v = len(arrive_s)
    fields: dict[str, Any] = {
        "arrive_s": np.array(arrive_s, np.float64),
        "depart_s": np.array(depart_s, np.float64),
        "evse": np.arange(v),
        "pool": np.full(v, -1, np.int64),
        "energy_wh": np.array(energy_wh, np.float64),
        "declared_wh": np.array(energy_wh, np.float64),
        "declared_depart_s": np.array(depart_s, np.float64),
        "stay_s": np.full(v, np.inf),
        "leaves_done": np.zeros(v, np.bool_),
        "soc": np.full(v, 0.2),
        "soc_needed": np.zeros(v),
        "before": np.full(v, -1, np.int64),
        "trip_wh": np.zeros(v),
        "capacity_wh": np.full(v, 60_000.0),
        "slots": np.full(v, 3, np.int64),
        "max_a": np.full((v, 3), 32.0),
        "min_a": np.full(v, 6.0),
        "accept_w": np.full(v, 100_000.0),
        "efficiency": np.ones(v),
        "dc_max_w": np.full(v, 100_000.0),
        "taper": np.full(v, TAPER_NONE, np.int64),
        "taper_from": np.ones(v),
        "curve": np.zeros(v, np.int64),
        "discharge_w": np.zeros(v),
        "soc_floor": np.zeros(v),
        "up_s": np.zeros(v),
        "down_s": np.zeros(v),
        "priority": np.zeros(v, np.int64),
        "weight": np.ones(v),
        "balk_at": np.full(v, 1_000_000, np.int64),
        "patience_s": np.full(v, np.inf),
        "reserve_s": np.full(v, np.inf),
        "reserve_until_s": np.full(v, np.inf),
    }
    return Visits(**{**fields, **changes})


def series(steps: int, **changes: Any) -> Series:
    """No sun, no building, 0.30 a kWh at any time."""
    fields: dict[str, Any] = {
        "buy": np.full(steps, 0.30),
        "sell": np.full(steps, 0.10),
        "co2": np.full(steps, 300.0),
        "pv_w": np.zeros(steps),
        "base_w": np.zeros(steps),
        "derate": np.ones(steps),
    }
    return Series(**{**fields, **changes})


def world(
    places: Evses,
    cars: Visits,
    *,
    step_s: float = 300.0,
    steps: int = 12,
    conductors: Rows | None = None,
    signals: Series | None = None,
    storage: Storage = NO_STORAGE,
    curves: F | None = None,
) -> World:
    """Put a world together."""
    return World(
        step_s=step_s,
        steps=steps,
        evses=places,
        rows=rows() if conductors is None else conductors,
        visits=cars,
        storage=storage,
        cabinets=NO_CABINETS,
        series=series(steps) if signals is None else signals,
        faults=NO_FAULTS,
        curves=np.ones((1, 101)) if curves is None else curves,
        repair_s=3600.0,
        plug_s=0.0,
    )


def scene(what: World, **changes: Any) -> Scene:
    """Name its things."""
    fields: dict[str, Any] = {
        "name": "small",
        "starts_at": datetime(2026, 3, 2, tzinfo=UTC),
        "time_zone": "Europe/Amsterdam",
        "world": what,
        "evses": tuple(f"evse {i}" for i in range(len(what.evses.min_a))),
        "rows": tuple(f"{circuit} L{phase}" for circuit in ("grid", "panel") for phase in (1, 2, 3)),
        "visits": tuple(f"visit {k}" for k in range(len(what.visits.arrive_s))),
        "root_rows": (0, 1, 2),
    }
    return Scene(**{**fields, **changes})


def empty_run(where: Scene) -> Run:
    """A run in which nothing was written down yet: tests write into its arrays."""
    what = where.world
    return Run(scene=where, strategy="by hand", state=fresh(what), trace=blank(what), wall_s=0.0)

"""A world and its state as the kernels take them: few arrays of records instead of many of numbers.

Compiled code counts references on every array that is handed on and is translated the longer the more there
are; with a hundred arrays a step cost fifty microseconds and the translation minutes. `State` and `Trace`
are views of these records, so both sides see the same numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .state import State, Trace
from .world import F, I, World

Records: TypeAlias = NDArray[Any]
"""One record an entry; its fields are named as those of the tuple that it was made of."""

Record: TypeAlias = Any
"""One entry of `Records`. Kernels that work on one EVSE or one car are handed its record: that is a pointer,
where a tuple of arrays would be counted in and out again."""


class Site(NamedTuple):
    """`World`, packed. `starts` and `entries` (row, re, im) are the slots' entries; `moments` (T or 1) are
    `Series`; `storage` and `facts` (step_s, repair_s, plug_s) have one record."""

    evses: Records
    starts: I
    entries: Records
    rows: Records
    limit_a: F
    base_re: F
    base_im: F
    visits: Records
    storage: Records
    cabinets: Records
    moments: Records
    faults: Records
    curves: F
    chargers: F
    facts: Records


class Live(NamedTuple):
    """`State`, packed."""

    evses: Records
    visits: Records
    rows: Records
    line: I
    counts: I
    store: F


class Log(NamedTuple):
    """`Trace`, packed."""

    steps: Records
    row_a: F
    evse_w: F


def pack(world: World) -> Site:
    """The same world as records. Series of one value and of one a step may be mixed."""
    series = {
        name: np.broadcast_to(values, world.steps) if len(values) < world.steps else values[: world.steps]
        for name, values in world.series._asdict().items()
    }
    wiring = ("entry_start", "entry_row", "entry_re", "entry_im")
    evses, rows = world.evses, world.rows
    return Site(
        evses=_records(_filled({k: v for k, v in evses._asdict().items() if k not in wiring})),
        starts=evses.entry_start,
        entries=_records({"row": evses.entry_row, "re": evses.entry_re, "im": evses.entry_im}),
        rows=_records(
            {k: v for k, v in rows._asdict().items() if k not in ("limit_a", "base_re", "base_im")}
        ),
        limit_a=rows.limit_a,
        base_re=rows.base_re,
        base_im=rows.base_im,
        visits=_records(_filled(world.visits._asdict())),
        storage=_records({k: np.array([v]) for k, v in world.storage._asdict().items()}),
        cabinets=_records(world.cabinets._asdict()),
        moments=_records(series),
        faults=_records(world.faults._asdict()),
        curves=world.curves,
        chargers=world.chargers,
        facts=_records({k: np.array([float(getattr(world, k))]) for k in ("step_s", "repair_s", "plug_s")}),
    )


def pack_state(state: State) -> tuple[Live, State]:
    """A state as records, and the state whose arrays are views of them."""
    fields = state._asdict()
    evses = _records({k: fields[k] for k in _EVSE})
    visits = _records({k: fields[k] for k in _VISIT})
    rows = _records({k: fields[k] for k in _ROW})
    seen = {k: part[k] for part in (evses, visits, rows) for k in part.dtype.names or ()}
    live = Live(
        evses=evses, visits=visits, rows=rows, line=state.line, counts=state.counts, store=state.store
    )
    return live, state._replace(**seen)


def pack_trace(trace: Trace) -> tuple[Log, Trace]:
    """A trace as records, and the trace whose arrays are views of them."""
    steps = _records({k: v for k, v in trace._asdict().items() if k not in ("row_a", "evse_w")})
    log = Log(steps=steps, row_a=trace.row_a, evse_w=trace.evse_w)
    return log, trace._replace(**{k: steps[k] for k in steps.dtype.names or ()})


_EVSE = (
    "visit", "setpoint_a", "drawn_a", "power_w", "supply_w", "slots_used", "accepts_a", "asked_s",
    "slack_since_s", "writes", "running_since_s", "waiting_since_s", "broken_until_s",
)  # fmt: skip
_VISIT = ("where", "at", "energy_wh", "given_wh", "lost_wh", "soc", "plugged_s", "left_s", "full")
_ROW = ("sum_re", "sum_im", "quick", "slow", "open_until_s", "over_s", "longest_s", "run_s", "trips")


_NEUTRAL = {"fixed_w": 0.0, "linear": 0.0, "ohm": 0.0, "charger": -1}


def _filled(fields: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The fields of models that a world does without get their neutral value for everybody."""
    length = len(next(iter(fields.values())))
    return {
        name: np.full(length, _NEUTRAL[name], values.dtype)
        if name in _NEUTRAL and len(values) < length
        else values
        for name, values in fields.items()
    }


def _records(fields: dict[str, NDArray[Any]]) -> Records:
    """One array of records from arrays of equal length; a field of several columns stays one."""
    shapes = {name: values.shape[1:] for name, values in fields.items()}
    form = np.dtype([(name, values.dtype, shapes[name]) for name, values in fields.items()], align=True)
    length = len(next(iter(fields.values())))
    records = np.zeros(length, form)
    for name, values in fields.items():
        records[name] = values
    return records

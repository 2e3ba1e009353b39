"""Worlds of one site side by side: each array of records holds those of all, one world after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batch.packed import Live, Log, Site, pack, pack_state, pack_trace
from ..batch.state import State, Trace, blank, fresh
from ..batch.world import F, I, World


class UnlikeError(ValueError):
    """Worlds that are to run side by side differ in what must be the same; the message says in what."""

    def __init__(self, what: str, values: Sequence[object]) -> None:
        super().__init__(
            f"worlds side by side must have the same {what}, these have {sorted(set(values), key=str)}: "
            "make them of one scenario"
        )
        self.what = what


class Beside:
    """Packed worlds with their states, all before their first step.

    `site_at`, `live_at` and `log_at` (fields, w + 1) say where each world's part of a field begins and ends.
    """

    def __init__(self, worlds: Sequence[World], *, traces: bool) -> None:
        for what, values in (
            ("step_s", [world.step_s for world in worlds]),
            ("number of steps", [world.steps for world in worlds]),
            ("number of EVSEs", [len(world.evses.min_a) for world in worlds]),
            ("number of rows", [world.rows.limit_a.shape[1] for world in worlds]),
        ):
            if len(set(values)) > 1:
                raise UnlikeError(what, values)
        self.worlds = tuple(worlds)
        sites = [pack(world) for world in worlds]
        self.site, self.site_at = Site(*_joined(sites)), _bounds(sites)
        self.begin(traces=traces)

    def begin(self, *, traces: bool) -> None:
        """Fresh states. With `traces` every step is written down, without only the last one."""
        lives = [pack_state(fresh(world))[0] for world in self.worlds]
        self.live, self.live_at = Live(*_joined(lives)), _bounds(lives)
        kept = [world if traces else world._replace(steps=1) for world in self.worlds]
        logs = [pack_trace(blank(world, each_evse=traces))[0] for world in kept]
        self.log, self.log_at = Log(*_joined(logs)), _bounds(logs)

    def result(self, number: int) -> tuple[State, Trace]:
        """The state of one world and what was written down of it, copied."""
        live, log = Live(*_part(self.live, self.live_at, number)), Log(*_part(self.log, self.log_at, number))
        seen: dict[str, Any] = {
            name: part[name].copy()
            for part in (live.evses, live.visits, live.rows)
            for name in part.dtype.names or ()
        }
        state = State(**seen, line=live.line.copy(), counts=live.counts.copy(), store=live.store.copy())
        written: dict[str, Any] = {name: log.steps[name].copy() for name in log.steps.dtype.names or ()}
        return state, Trace(**written, row_a=log.row_a.copy(), evse_w=log.evse_w.copy())


def _part(joined: Sequence[NDArray[Any]], at: I, number: int) -> list[NDArray[Any]]:
    return [field[at[k, number] : at[k, number + 1]] for k, field in enumerate(joined)]


def _joined(packs: Sequence[tuple[NDArray[Any], ...]]) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(np.concatenate(parts)) for parts in zip(*packs, strict=True)]


def _bounds(packs: Sequence[tuple[NDArray[Any], ...]]) -> I:
    lengths = np.array([[len(part) for part in parts] for parts in zip(*packs, strict=True)], np.int64)
    ends = np.cumsum(lengths, axis=1)
    return np.ascontiguousarray(np.concatenate([np.zeros((len(ends), 1), np.int64), ends], axis=1))


def joined_columns(columns: Sequence[F]) -> F:
    """One array of numbers of several."""
    return np.ascontiguousarray(np.concatenate(columns)) if columns else np.zeros(0)

"""Recorded sessions as visits with ideal cars, the way replays in the literature have it.

What a session took is what its car asks for; its battery takes any current until then, without a taper, a lag
or a least current; the stay and the energy are known from the plug on. Times are rounded down to whole steps
(ACN-Sim does the same), so a car that leaves in a step makes room for one that comes in it.
Such a world says how a strategy shares; `fleet` and `equipment` have the cars for everything else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from ..batch.world import (
    CURVE_POINTS,
    NO_CABINETS,
    NO_FAULTS,
    NO_STORAGE,
    SLOTS,
    TAPER_NONE,
    F,
    I,
    Series,
    Visits,
    World,
)
from ..sessions import SessionRow
from .caltech import MeteredSite


class NoRoomError(ValueError):
    """A session at a station that the site doesn't have, or one that takes no whole step."""


def recorded_world(
    site: MeteredSite, rows: Sequence[SessionRow], starts_at: datetime, step_s: float = 300.0
) -> World:
    """The sessions at `site`, from `starts_at` to the last departure. Raises NoRoomError.

    Visits have the order of `rows` sorted by arrival (stable); `declared_*` are the true ones.
    """
    place = {station: k for k, station in enumerate(site.stations)}
    stays = sorted((stay(row, starts_at, step_s) for row in rows), key=lambda each: each[0])
    for first, last, row in stays:
        if row.station_id not in place:
            raise NoRoomError(
                f"station {row.station_id!r} isn't one of the site's {len(place)}: leave it out"
            )
        if first < 0 or last <= first:
            raise NoRoomError(
                f"session {row.session_id!r} at {row.station_id} takes no whole step of {step_s:g} s after "
                f"{starts_at.isoformat()}: leave it out"
            )
    arrive_s = np.array([first * step_s for first, _, _ in stays])
    depart_s = np.array([last * step_s for _, last, _ in stays])
    energy_wh = np.array([row.delivered_wh for _, _, row in stays])
    greatest_w = max(
        (float(site.evses.max_a[k] * site.evses.volt_v[k]) for k in range(len(site.stations))), default=0.0
    )
    steps = 1 + max((last for _, last, _ in stays), default=0)
    return World(
        step_s=step_s,
        steps=steps,
        evses=site.evses,
        rows=site.rows,
        visits=ideal_visits(
            arrive_s=arrive_s,
            depart_s=depart_s,
            evse=np.array([place[row.station_id] for _, _, row in stays], np.int64),
            energy_wh=energy_wh,
            max_a=float(site.evses.max_a.max()),
            accept_w=greatest_w,
        ),
        storage=NO_STORAGE,
        cabinets=NO_CABINETS,
        series=quiet_series(steps),
        faults=NO_FAULTS,
        curves=np.ones((1, CURVE_POINTS)),
        repair_s=0.0,
        plug_s=0.0,
    )


def stay(row: SessionRow, starts_at: datetime, step_s: float) -> tuple[int, int, SessionRow]:
    """(first step, step it leaves in, the session): both rounded down on the clock of Unix time, as a grid of
    steps that doesn't depend on the day."""
    origin = math.floor(starts_at.timestamp() / step_s)
    first = math.floor(row.arrival.timestamp() / step_s) - origin
    last = math.floor(row.departure.timestamp() / step_s) - origin
    return first, last, row


def ideal_visits(
    *,
    arrive_s: F,
    depart_s: F,
    evse: I,
    energy_wh: F,
    max_a: float,
    accept_w: float,
) -> Visits:
    """Cars on one slot without taper, lag or least current, that said the truth; no queue, no priority."""
    v = len(arrive_s)
    zeros, ones = np.zeros(v), np.ones(v)
    amps = np.zeros((v, SLOTS))
    amps[:, 0] = max_a
    return Visits(
        arrive_s=arrive_s,
        depart_s=depart_s,
        evse=evse,
        pool=np.full(v, -1, np.int64),
        energy_wh=energy_wh,
        declared_wh=energy_wh.copy(),
        declared_depart_s=depart_s.copy(),
        stay_s=np.full(v, np.inf),
        leaves_done=np.zeros(v, np.bool_),
        soc=zeros.copy(),
        soc_needed=zeros.copy(),
        before=np.full(v, -1, np.int64),
        trip_wh=zeros.copy(),
        capacity_wh=energy_wh.copy(),
        slots=np.ones(v, np.int64),
        max_a=amps,
        min_a=zeros.copy(),
        accept_w=np.full(v, accept_w),
        efficiency=ones.copy(),
        dc_max_w=zeros.copy(),
        taper=np.full(v, TAPER_NONE, np.int64),
        taper_from=ones.copy(),
        curve=np.zeros(v, np.int64),
        discharge_w=zeros.copy(),
        soc_floor=zeros.copy(),
        up_s=zeros.copy(),
        down_s=zeros.copy(),
        priority=np.zeros(v, np.int64),
        weight=ones.copy(),
        balk_at=np.full(v, v + 1, np.int64),
        patience_s=np.full(v, np.inf),
        reserve_s=np.full(v, np.inf),
        reserve_until_s=np.full(v, np.inf),
    )


def quiet_series(steps: int) -> Series:
    """No sun, no building, no prices, no heat."""
    nothing = np.zeros(steps)
    return Series(
        buy=nothing,
        sell=nothing.copy(),
        co2=nothing.copy(),
        pv_w=nothing.copy(),
        base_w=nothing.copy(),
        derate=np.ones(steps),
    )

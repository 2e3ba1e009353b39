"""What changes while a world runs, and what is written down of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .world import B, F, I, World

NOBODY = -1
UNHEARD = np.inf


class State(NamedTuple):
    """Changed in place by the kernels; `fresh` makes one.

    Per EVSE (n): `visit` that stands there or -1, `setpoint_a` of this step, `drawn_a` a slot at the end of
    the last step, `power_w` on the car's side and `supply_w` taken from the site (means of the last step),
    `slots_used` by the car there, `accepts_a`: the most that the car was seen to take (infinite: not known)
    since `asked_s`, after it had taken less than it might since `slack_since_s`; `writes`: setpoints that
    were changed; `running_since_s`, `waiting_since_s`: since when it has a grant, or wants one and has none
    (infinite: not so); `broken_until_s`.

    Per visit (v): `where` (COMING ..), `at` its EVSE, `energy_wh` it got and `given_wh` it gave back, at the
    meter; `lost_wh` between the meter and its battery; `soc`, `plugged_s` (infinite: not yet), `left_s`: when
    it leaves as far as is known; `full`: it wants no more.

    Per row (r): `sum_re`, `sum_im` of the last step, `quick`, `slow` heat of the breaker, `open_until_s`,
    `over_s` seconds above the limit, `longest_s` and `run_s` of that, `trips`.

    `line`: waiting visits in order, `counts`: [next visit to come, length of the line, next fault, balked,
    reneged, turned away]. `store`: [state of charge, power at its meter, wh in, wh out].
    """

    visit: I
    setpoint_a: F
    drawn_a: F
    power_w: F
    supply_w: F
    slots_used: I
    accepts_a: F
    asked_s: F
    slack_since_s: F
    writes: I
    running_since_s: F
    waiting_since_s: F
    broken_until_s: F
    where: I
    at: I
    energy_wh: F
    given_wh: F
    lost_wh: F
    soc: F
    plugged_s: F
    left_s: F
    full: B
    sum_re: F
    sum_im: F
    quick: F
    slow: F
    open_until_s: F
    over_s: F
    longest_s: F
    run_s: F
    trips: I
    line: I
    counts: I
    store: F


class Trace(NamedTuple):
    """What is written down each step (T): `site_w` at the grid connection (import positive), `ev_w` on the
    cars' side, `supply_w` of all EVSEs, `storage_w`, `waiting` cars, `plugged` cars; `row_a` (T, r). `evse_w`
    (T, n) on the car's side only when it was asked for (else (0, n))."""

    site_w: F
    ev_w: F
    supply_w: F
    storage_w: F
    waiting: I
    plugged: I
    row_a: F
    evse_w: F


def fresh(world: World) -> State:
    """Everything as it is before the first step."""
    n, v, r = len(world.evses.min_a), len(world.visits.arrive_s), world.rows.limit_a.shape[1]
    base = np.hypot(world.rows.base_re[0], world.rows.base_im[0]) / world.rows.rated_a
    return State(
        visit=np.full(n, NOBODY, np.int64),
        setpoint_a=np.zeros(n),
        drawn_a=np.zeros(n),
        power_w=np.zeros(n),
        supply_w=np.zeros(n),
        slots_used=np.zeros(n, np.int64),
        accepts_a=np.full(n, UNHEARD),
        asked_s=np.zeros(n),
        slack_since_s=np.full(n, UNHEARD),
        writes=np.zeros(n, np.int64),
        running_since_s=np.full(n, UNHEARD),
        waiting_since_s=np.full(n, UNHEARD),
        broken_until_s=np.full(n, -np.inf),
        where=np.zeros(v, np.int64),
        at=np.full(v, NOBODY, np.int64),
        energy_wh=np.zeros(v),
        given_wh=np.zeros(v),
        lost_wh=np.zeros(v),
        soc=world.visits.soc.copy(),
        plugged_s=np.full(v, np.inf),
        left_s=np.full(v, np.inf),
        full=np.zeros(v, np.bool_),
        sum_re=np.zeros(r),
        sum_im=np.zeros(r),
        quick=base**2,
        slow=base**2,
        open_until_s=np.full(r, -np.inf),
        over_s=np.zeros(r),
        longest_s=np.zeros(r),
        run_s=np.zeros(r),
        trips=np.zeros(r, np.int64),
        line=np.full(v, NOBODY, np.int64),
        counts=np.zeros(6, np.int64),
        store=np.array([world.storage.soc, 0.0, 0.0, 0.0]),
    )


def blank(world: World, *, each_evse: bool = False) -> Trace:
    """Room for a trace of the whole run."""
    steps, n, r = world.steps, len(world.evses.min_a), world.rows.limit_a.shape[1]
    return Trace(
        site_w=np.zeros(steps),
        ev_w=np.zeros(steps),
        supply_w=np.zeros(steps),
        storage_w=np.zeros(steps),
        waiting=np.zeros(steps, np.int64),
        plugged=np.zeros(steps, np.int64),
        row_a=np.zeros((steps, r)),
        evse_w=np.zeros((steps if each_evse else 0, n)),
    )

"""What an environment shows after each step and what the step was worth; every array has a line a world."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..batch.world import B, F

EVSE_COLUMNS: Final = (
    "plugged", "wants", "slots", "max_a", "measured_a", "power_w", "accepts_a", "energy_wh",
    "declared_left_wh", "declared_left_s", "plugged_for_s", "gives_w",
)  # fmt: skip
"""Of each EVSE. `plugged`, `wants` (it could draw): 0 or 1. `slots`: conductors that the car uses.
`max_a`: what may be ordered, derated as now. `measured_a` a slot at the end and `power_w` over the last
step. `accepts_a`: the most that the car was seen to take, infinite while nothing is known. `energy_wh`:
what it got less what it gave back. `declared_left_wh`, `declared_left_s`: NaN where the driver said
nothing. `gives_w`: what the car can give back. All but `max_a` are 0 where nobody stands."""

ROW_COLUMNS: Final = ("limit_a", "base_re_a", "base_im_a", "current_a")
"""Of each conductor with a limit: limit and base (standby of the stations included) of this step, and the
current of the last one."""

SITE_COLUMNS: Final = ("building_w", "sun_w", "site_w", "waiting", "storage_soc", "storage_w")
"""Of the site: building and sun now, the grid connection's power of the last step (import positive), cars
in the queue, and the stationary battery."""


class Seen(NamedTuple):
    """What a running system would know at the start of a step, for `w` worlds.

    `evses` (w, n, 12), `rows` (w, r, 4) and `site` (w, 6) in the order of the columns above; `buy`,
    `sell` (per kWh) and `co2` (g/kWh) (w, k) from this step on, as far as was asked for (the last value
    stands for what lies behind the end of the run). `step` counts from 0.
    """

    step: int
    evses: F
    rows: F
    site: F
    buy: F
    sell: F
    co2: F


class Rewards(NamedTuple):
    """The parts of a step's worth, an entry a world; whoever learns weighs them.

    `energy_cost`: import at its price less export at its own, in the scene's currency. `unmet_wh`: what
    the cars that left in this step (or turned away, or were still there at the end of the run) could have
    had alone on the site and didn't get; of a fleet's vehicles, what is missing to the next trip.
    `over_limit_a`: the most that any conductor carried above its limit. `trips`: breakers that opened.
    `wear_cost`: ageing of batteries that gave something back, cars and storage
    (`equipment.ageing.cycle_price`).
    """

    energy_cost: F
    unmet_wh: F
    over_limit_a: F
    trips: F
    wear_cost: F


class Stepped(NamedTuple):
    """What a step answers. `clipped` (w): setpoints that had to be put right. `done` (w): the run is
    over."""

    seen: Seen
    rewards: Rewards
    done: B
    clipped: F

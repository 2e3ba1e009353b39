"""Switching an EVSE between three phases and one while a car charges: a small machine of its own.

One phase charges where three don't fit: 6 A on one are 1.4 kW, on three 4.1 kW. Some cars are damaged by a
switch under load, and some never wake after it, so it is off unless an EVSE allows it, and goes in steps:

| stage | holds at 0 | what ends it |
|---|---|---|
| `steady` | no | down: three phases not feasible for 60 s and one is; up: three feasible for 600 s |
| `stopping` | yes | the limit of 0 is in force and less than 100 W flow: `resting` |
| `resting` | yes | 30 s of less than 100 W: `switching`; more flows: back to `stopping` |
| `switching` | yes | the station took limits with the other number of phases: `proving` |
| `proving` | at the minimum | the meter shows that number: `steady`; another: `failed` |
| `failed` | no | the session's end |

All from `stopping` to `proving` together may last 600 s, then it has failed and is not tried again in this
session. At most three switches a session. Until the station has taken the other number all phases of the EVSE
count (`phases`); one that is seen to draw on more phases than it was switched to counts with all of them at
once.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, structs

from ampacity.model.live import Reason
from ampacity.model.site import Evse

from .settings import ControlSettings
from .topology import Topology
from .types import Decision

Stage: TypeAlias = Literal["steady", "stopping", "resting", "switching", "proving", "failed"]

ALL, ONE = 3, 1


class PhaseSwitch(Struct, frozen=True, kw_only=True, gc=False):
    """One EVSE's switch. `phases`: it is on so many, `to`: it goes there. `since`: in this stage, `began`:
    this switch; `wished_since`: since when the other number would be better. `switches`: begun in this
    session."""

    stage: Stage = "steady"
    phases: int = ALL
    to: int = ALL
    since: float = 0.0
    began: float = 0.0
    wished_since: float | None = None
    switches: int = 0

    @property
    def holds(self) -> bool:
        """Whether the car is held at 0."""
        return self.stage in ("stopping", "resting", "switching")

    @property
    def counted(self) -> int:
        """How many phases count. While it stands still, and after a failure: all."""
        if self.stage == "steady":
            return self.phases
        return self.to if self.stage == "proving" else ALL


class Seen(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of the EVSE now. `limit_a`: in force at most. `power_w`: of a fresh sample, None without
    one. `drawn_on`: on so many phases a fresh sample shows current, None where too little flows to tell.
    `taken`: the number of phases in the limits that the station took last. `three_fit`, `one_fits`: whether
    its minimum has room on all phases, and on its first."""

    session: bool
    online: bool
    limit_a: float
    power_w: float | None
    drawn_on: int | None
    taken: int
    three_fit: bool
    one_fits: bool


NEVER = PhaseSwitch()


def follow(switch: PhaseSwitch, seen: Seen, at: float, settings: ControlSettings) -> PhaseSwitch:
    """The next state of the switch (see the table at the head of the file)."""
    if not seen.session:
        # What it was switched to stays; a new car starts on it, and may be switched anew.
        settled = switch.stage == "steady"
        return PhaseSwitch(phases=switch.phases if settled else seen.taken)
    if switch.stage == "failed":
        return switch
    if switch.stage == "steady":
        return _steady(switch, seen, at, settings)
    if at - switch.began > settings.switch_timeout_s:
        return structs.replace(switch, stage="failed", since=at)
    still = seen.power_w is not None and seen.power_w < settings.switch_below_w and seen.limit_a <= 0.0
    match switch.stage:
        case "stopping" if still:
            return structs.replace(switch, stage="resting", since=at)
        case "resting" if not still:
            return structs.replace(switch, stage="stopping", since=at)
        case "resting" if at - switch.since >= settings.switch_rest_s:
            return structs.replace(switch, stage="switching", since=at)
        case "switching" if not still:
            return structs.replace(switch, stage="stopping", since=at)
        case "switching" if seen.taken == switch.to and seen.online:
            return structs.replace(switch, stage="proving", since=at)
        case "proving" if seen.drawn_on is not None:
            if (seen.drawn_on == ONE) == (switch.to == ONE):
                return structs.replace(switch, stage="steady", phases=switch.to, since=at, wished_since=None)
            # A car of one phase after a switch up is no failure of the station: it just has no more.
            if switch.to == ALL and seen.drawn_on == ONE:
                return structs.replace(switch, stage="failed", phases=ALL, since=at)
            return structs.replace(switch, stage="failed", since=at)
        case _:
            return switch


def _steady(switch: PhaseSwitch, seen: Seen, at: float, settings: ControlSettings) -> PhaseSwitch:
    if switch.phases == ONE and seen.drawn_on is not None and seen.drawn_on > ONE:
        return structs.replace(switch, stage="failed", since=at)
    down = switch.phases == ALL
    wished = (not seen.three_fit and seen.one_fits) if down else seen.three_fit
    if not wished or switch.switches >= settings.switches_a_session or not seen.online:
        return switch if switch.wished_since is None else structs.replace(switch, wished_since=None)
    if switch.wished_since is None:
        return structs.replace(switch, wished_since=at)
    if at - switch.wished_since < (settings.switch_down_s if down else settings.switch_up_s):
        return switch
    return PhaseSwitch(
        stage="stopping",
        phases=switch.phases,
        to=ONE if down else ALL,
        since=at,
        began=at,
        switches=switch.switches + 1,
    )


def room(topology: Topology, evse: Evse, decision: Decision, counted: int) -> tuple[bool, bool]:
    """Whether the EVSE's minimum has room on all its phases, and on its first alone, by the last decision: by
    what it has itself on the phases that counted, and what circuits have left on the others.

    Rows in watts, neutrals and unbalance are not looked at here: the law itself holds them afterwards.
    """
    grant = decision.grants.get(evse.key)
    if grant is None:
        return False, False
    has = grant.limit_a >= evse.min_a - 1e-6
    number = topology.evse_index[evse.key]
    fits = []
    for place, phase in enumerate(evse.phases):
        enough = True
        for row_number in topology.paths[topology.circuit_of[number]][phase]:
            row = topology.rows[row_number]
            ledger = decision.circuits[topology.circuits[row.circuit].circuit_id]
            k = row.phase
            if k is None:
                continue
            free = (
                ledger.limit_a - ledger.margin_a - ledger.base_a[k] - ledger.reserve_a[k] - ledger.grants_a[k]
            )
            enough = enough and free + 1e-6 >= evse.min_a
        fits.append(enough or (has and (counted == ALL or place == 0)))
    return all(fits), fits[0]


def switching(switch: PhaseSwitch) -> Reason | None:
    """Why the car is held at 0; None where it is not."""
    if not switch.holds:
        return None
    return Reason(code="switching", detail=f"to {'one phase' if switch.to == ONE else 'three phases'}")

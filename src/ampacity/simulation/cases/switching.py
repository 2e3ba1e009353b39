"""An EVSE of a case that may be switched between three phases and one.

The machine is the product's (`control.phase_switching`); here is the station that takes the other number of
phases with its next limit, or does not. `phase_switch` of a car in the document: `obeys`, `refuses` (it never
takes the other number), or `ignores` (it says that it did, and goes on as before).
"""

from __future__ import annotations

from math import inf

from msgspec import structs

from ampacity.control.phase_switching import ALL, NEVER, ONE, Seen, follow, room, switching
from ampacity.control.settings import ControlSettings
from ampacity.control.topology import Topology
from ampacity.control.types import Decision, EvseState
from ampacity.model.site import Evse

from .line import TIMEOUT_S, Line

CLEARLY_A, DRAWS_A = 5.0, 1.0
"""From the first on phases can be told apart; one with more than the second is loaded."""


class Switched:
    """One such EVSE. `phases`: the station is on so many. `taken`: so many it said it took."""

    def __init__(self, evse: Evse) -> None:
        self.evse = evse
        self.switch = NEVER
        self.phases = self.taken = ALL
        self.asked = False
        self.ask_again_at = -inf

    def drawn_on(self) -> tuple[int, ...]:
        """The circuit's phases that its car can load."""
        return self.evse.phases[:1] if self.phases == ONE else self.evse.phases

    def follow(
        self,
        line: Line,
        tree: Topology,
        decision: Decision,
        told: EvseState,
        voltage_v: float,
        settings: ControlSettings,
        at: float,
    ) -> bool:
        """After a decision; whether the limit in force is to be written again, with the other number."""
        known, sample_at = line.known, told.measured_at
        fresh = sample_at is not None and at - sample_at <= 2 * told.sample_interval_s + 5
        measured_a = told.measured_a if fresh else None
        drawn_on = None
        newer = sample_at is not None and sample_at > self.switch.since
        if measured_a is not None and newer and max(measured_a) >= CLEARLY_A:
            drawn_on = sum(amperes > DRAWS_A for amperes in measured_a)
        three, one = room(tree, self.evse, decision, self.switch.counted)
        in_force_a = self.evse.safe_a if known.committed_a is None else known.committed_a
        seen = Seen(
            session=told.session,
            online=known.ready,
            limit_a=max(in_force_a, known.inflight_a or 0.0, known.doubt_a(at) or 0.0),
            power_w=None if measured_a is None else sum(measured_a) * voltage_v,
            drawn_on=drawn_on,
            taken=self.taken,
            three_fit=three,
            one_fits=one,
        )
        self.switch = follow(self.switch, seen, at, settings)
        self.asked = self.switch.stage == "switching" and self.taken != self.switch.to
        if not self.asked or known.inflight_a is not None or at < self.ask_again_at:
            return False
        self.ask_again_at = at + TIMEOUT_S
        return True

    def took(self, does: str) -> None:
        """The station took a limit."""
        if not self.asked or does == "refuses":
            return
        self.taken = self.switch.to
        if does != "ignores":
            self.phases = self.switch.to

    def told(self, state: EvseState) -> EvseState:
        """`state` with what follows from the switch."""
        proving = self.switch.stage == "proving"
        return structs.replace(
            state,
            held=switching(self.switch) or state.held,
            phases=self.evse.phases[:1] if self.switch.counted == ONE else None,
            ceiling_a=self.evse.min_a if proving else state.ceiling_a,
            ceiling_source="phase switch" if proving else state.ceiling_source,
        )

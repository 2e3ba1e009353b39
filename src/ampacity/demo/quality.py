"""How well the site was used, beside that nothing broke: the copper's utilisation while cars wait, and how
often each car's limit was written.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from ..control.types import Decision, EvseState, Snapshot
from ..model.live import ReasonCode
from ..model.site import EvseKey
from .ledger import CircuitLedger

SCARCE: frozenset[ReasonCode] = frozenset(
    ("circuit", "ramp", "deadband", "in_flight", "minimum", "stale", "dead", "overload")
)
"""What keeps a car below what it wants although it could take more."""

LONGEST_STEP_S = 5.0
"""A longer pause between two looks (the machine was busy) says nothing of what was between them."""


class Quality(Struct):
    """Looks on at each decision. `share_s` is the integral of the fullest phase's share of its limit over the
    `scarce_s` in which some car was kept below what it wants; `charging_s` is charging time of all cars.
    `proven_at`: when each EVSE was first known to obey, epoch seconds.
    """

    scarce_s: float = 0.0
    share_s: float = 0.0
    charging_s: float = 0.0
    last_at: float | None = None
    proven_at: dict[EvseKey, float] = field(default_factory=dict)

    def observe(self, snapshot: Snapshot, decision: Decision, circuits: Mapping[str, CircuitLedger]) -> None:
        """Take in one decision, with what the world's copper carries at that moment."""
        step_s = 0.0 if self.last_at is None else min(LONGEST_STEP_S, decision.at - self.last_at)
        self.last_at = decision.at
        for state in snapshot.evses.values():
            if state.online and state.proven:
                self.proven_at.setdefault(state.key, snapshot.epoch_s)
        charging = [state for state in snapshot.evses.values() if is_charging(state)]
        self.charging_s += step_s * len(charging)
        if any(is_short(state, decision) for state in charging):
            self.scarce_s += step_s
            self.share_s += step_s * max(ledger.share for ledger in circuits.values())

    @property
    def utilisation_percent(self) -> float | None:
        """Mean over the time in which current was scarce; None where it never was."""
        return 100.0 * self.share_s / self.scarce_s if self.scarce_s > 0 else None

    def per_car_hour(self, count: int) -> float:
        """`count` things, for each hour that a car charged."""
        return 3600.0 * count / self.charging_s if self.charging_s > 0 else 0.0


def is_charging(state: EvseState) -> bool:
    """A car that wants current, at an EVSE that is told."""
    return state.online and state.session and state.wants and not state.paused


def is_short(state: EvseState, decision: Decision) -> bool:
    """Whether the site keeps the car below what it wants."""
    if state.key in decision.reserved:
        return False
    return any(reason.code in SCARCE for reason in decision.grants[state.key].reasons)

"""A charging station's memory of charging profiles as the standard has it, written without a line of the
product, so that what the product believes of a station can be held against it.

Profiles are kept by id; one of the same purpose, stack level and EVSE takes another's place (2.0.1
K01.FR.05, 1.6 3.13). A TxDefaultProfile limits each transaction of its EVSE, or of every one (EVSE 0); a
ChargingStationMaxProfile limits the station. Without a TxDefaultProfile a car charges without constraint
but the station's own (K06.FR.02).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Held:
    """One profile: amperes by seconds after its start."""

    evse: int
    purpose: str
    level: int
    periods: list[tuple[float, float]]


@dataclass
class Holder:
    """`rating_a` of each EVSE; `temper`: `obeys`, `refuses` (every profile), `mute` (takes it and never
    answers), `deaf` (neither), `blind` (can't tell a composite schedule)."""

    evses: tuple[int, ...]
    rating_a: float = 32.0
    temper: str = "obeys"
    profiles: dict[int, Held] = field(default_factory=dict)

    def set(self, number: int, profile: Held) -> str:
        """Accepted, rejected or silence."""
        if self.temper == "refuses":
            return "rejected"
        if self.temper == "deaf":
            return "silence"
        place = (profile.evse, profile.purpose, profile.level)
        for known, other in list(self.profiles.items()):
            if (other.evse, other.purpose, other.level) == place:
                del self.profiles[known]
        self.profiles[number] = profile
        return "silence" if self.temper == "mute" else "accepted"

    def starts_with(self, evse: int) -> float:
        """The most that a car may draw that comes now while nobody talks to the station."""
        defaults = [
            p for p in self.profiles.values() if p.purpose == "TxDefaultProfile" and p.evse in (0, evse)
        ]
        limit_a = self.rating_a
        if defaults:
            highest = max(p.level for p in defaults)
            limit_a = min(a for p in defaults if p.level == highest for _, a in p.periods)
        caps = [p for p in self.profiles.values() if p.purpose == "ChargingStationMaxProfile"]
        return min([limit_a, self.rating_a, *(a for p in caps for _, a in p.periods)])

    def has_base(self, evse: int) -> bool:
        """Whether a TxDefaultProfile holds for the EVSE."""
        return bool(self._defaults(evse))

    def _defaults(self, evse: int) -> list[Held]:
        held = self.profiles.values()
        return [p for p in held if p.purpose == "TxDefaultProfile" and p.evse in (0, evse)]

    def composite(self, evse: int) -> float | None:
        """What it says that it would allow; None where it can't tell."""
        return None if self.temper in ("blind", "deaf") else self.starts_with(evse)

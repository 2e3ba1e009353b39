"""The profiles a station holds, which ones it takes, and the current that they leave each EVSE.

What is kept: the station-wide profiles (EVSE 0) and those of each EVSE; a new one replaces the one with its
id, and the one with its purpose and stack level on the same EVSE (1.6 section 3.13, 2.x K01.FR.05/06). A
transaction's profiles go with it, the others outlive reboots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf

from ..ocpp.profiles import (
    ChargingProfile,
    Period,
    Unit,
    after_offline,
    composite_limit,
    composite_schedule,
    install,
)
from .config import EvseConfig, supply_phases
from .evse import DC_EFFICIENCY
from .variables import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL


def flaw(profile: ChargingProfile, evse_id: int) -> str | None:
    """What is wrong with a profile for this EVSE, by its own words; None: nothing."""
    schedule = profile.schedules[0]
    purpose = profile.purpose
    if purpose not in ("ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"):
        return f"purpose {purpose} can't be set by a CSMS here"
    if purpose == "ChargingStationMaxProfile" and (evse_id != 0 or profile.kind == "Relative"):
        return "ChargingStationMaxProfile belongs to EVSE 0 and is never Relative"  # K01.FR.38
    if purpose == "TxProfile" and evse_id == 0:
        return "TxProfile belongs to an EVSE"
    if not 0 <= profile.stack_level <= MAX_STACK_LEVEL:
        return f"stack level {profile.stack_level} is above {MAX_STACK_LEVEL}"
    if not 1 <= len(schedule.periods) <= MAX_PERIODS:
        return f"{len(schedule.periods)} periods: 1 to {MAX_PERIODS} are possible"
    starts = [period.start_s for period in schedule.periods]
    if starts[0] != 0.0 or any(later <= earlier for earlier, later in pairwise(starts)):
        return "periods must begin at 0 and ascend"
    if profile.kind == "Recurring" and schedule.start is None:
        return "a Recurring schedule needs a start"
    return None


class InstalledProfiles:
    """Profiles by EVSE (0: the station). `offline_s` tells for how long there has been no CSMS; a station
    that `keeps` to maxOfflineDuration (2.1 K01.FR.101) lets profiles fall silent by it.
    """

    def __init__(
        self,
        evses: Sequence[EvseConfig],
        offline_s: Callable[[], float] = lambda: 0.0,
        *,
        keeps: bool = False,
    ) -> None:
        self._offline_s, self._keeps = offline_s, keeps
        self._evses = {evse.evse_id: evse for evse in evses}
        self._held: dict[int, list[ChargingProfile]] = {0: [], **{evse.evse_id: [] for evse in evses}}
        self._cache: dict[int, tuple[float, float, float]] = {}

    def install(self, evse_id: int, profile: ChargingProfile) -> bool:
        """Keep a profile; False where the EVSE doesn't exist, or it is one too many, or EVSE 0 and an EVSE
        would hold a default of one stack level (K01.FR.52/53).
        """
        held = self._held.get(evse_id)
        if held is None or self._duplicates(evse_id, profile):
            return False
        others = sum(other.id != profile.id for profiles in self._held.values() for other in profiles)
        if others >= MAX_PROFILES:
            return False
        self.remove(lambda _, other: other.id == profile.id)
        held[:] = install(held, profile)
        self._cache.clear()
        return True

    def came_back(self, offline_s: float) -> None:
        """The CSMS is there again: profiles that are not valid after so long go for good (K01.FR.102)."""
        if not self._keeps:
            return
        for held in self._held.values():
            held[:] = after_offline(held, offline_s)
        self._cache.clear()

    def _away_s(self) -> float:
        return self._offline_s() if self._keeps else 0.0

    def remove(self, unwanted: Callable[[int, ChargingProfile], bool]) -> bool:
        """Forget the profiles for which `unwanted(evse_id, profile)` is true; False where there were none."""
        removed = False
        for evse_id, held in self._held.items():
            kept = [profile for profile in held if not unwanted(evse_id, profile)]
            removed = removed or len(kept) != len(held)
            held[:] = kept
        self._cache.clear()
        return removed

    def end_transaction(self, evse_id: int) -> None:
        """Forget the transaction's own profiles."""
        self.remove(lambda holder, profile: holder == evse_id and profile.purpose == "TxProfile")

    def transaction_changed(self) -> None:
        """Relative profiles count from the transaction's start: forget what was computed."""
        self._cache.clear()

    def held(self, evse_id: int | None = None) -> list[tuple[int, ChargingProfile]]:
        """All profiles with their EVSE, or those of one EVSE."""
        return [
            (holder, profile)
            for holder, profiles in self._held.items()
            if evse_id is None or evse_id == holder
            for profile in profiles
        ]

    def limit_a(self, evse_id: int, at: float, transaction_started_at: float | None) -> float:
        """Amperes on each of the EVSE's supply phases that the profiles leave at `at` (the station's clock);
        inf: no limit.
        """
        away_s = self._away_s()
        cached = self._cache.get(evse_id) if away_s == 0.0 else None
        if cached is not None and cached[0] <= at < cached[1]:
            return cached[2]
        limit_a, until = self._limit(self._evses[evse_id], at, transaction_started_at)
        if away_s == 0.0:
            # A clock that is set back would outlive a cached value: it holds from now on only.
            self._cache[evse_id] = (at, until, limit_a)
        else:
            self._cache.pop(evse_id, None)
        return limit_a

    def phases(self, evse_id: int, at: float, transaction_started_at: float | None) -> int:
        """How many phases the profiles leave the EVSE at `at`."""
        evse = self._evses[evse_id]
        composite = composite_limit(
            [*self._held[0], *self._held[evse_id]],
            at,
            transaction_started_at,
            unit="A",
            voltage_v=_voltage(evse),
            phases=supply_phases(evse),
            offline_s=self._away_s(),
        )
        return composite.number_phases

    def schedule(
        self, evse_id: int, at: float, duration_s: float, transaction_started_at: float, unit: Unit
    ) -> list[tuple[int, float]]:
        """`(start_s, limit)` from `at` on for `duration_s`, with the hardware's own limit where no profile
        speaks. EVSE 0 tells what the station-wide cap leaves all EVSEs together.
        """
        if evse_id == 0:
            most = sum(_most(evse, unit) for evse in self._evses.values())
            caps = [item for item in self._held[0] if item.purpose == "ChargingStationMaxProfile"]
            return _periods(composite_schedule(caps, at, duration_s, unit=unit), most)
        evse = self._evses[evse_id]
        periods = composite_schedule(
            [*self._held[0], *self._held[evse_id]],
            at,
            duration_s,
            transaction_started_at,
            unit=unit,
            voltage_v=_voltage(evse),
            phases=supply_phases(evse),
            offline_s=self._away_s(),
        )
        return _periods(periods, _most(evse, unit))

    def _duplicates(self, evse_id: int, profile: ChargingProfile) -> bool:
        if profile.purpose != "TxDefaultProfile":
            return False
        return any(
            (holder == 0) != (evse_id == 0)
            and other.id != profile.id
            and (other.purpose, other.stack_level) == (profile.purpose, profile.stack_level)
            for holder, other in self.held()
        )

    def _limit(
        self, evse: EvseConfig, at: float, transaction_started_at: float | None
    ) -> tuple[float, float]:
        profiles = [*self._held[0], *self._held[evse.evse_id]]
        if not profiles:
            return inf, inf
        composite = composite_limit(
            profiles,
            at,
            transaction_started_at,
            unit="A",
            voltage_v=_voltage(evse),
            phases=supply_phases(evse),
            offline_s=self._away_s(),
        )
        limit_a = composite.limit if composite.limit is not None else inf
        return limit_a, composite.changes_at if composite.changes_at is not None else inf


def _voltage(evse: EvseConfig) -> float:
    """What turns watts into the supply's amperes: on DC the watts are the car's, after the rectifier."""
    return evse.voltage_v if evse.dc_power_w is None else evse.voltage_v * DC_EFFICIENCY


def _most(evse: EvseConfig, unit: Unit) -> float:
    """What the hardware allows: amperes of a phase of the supply, or watts at the car's side."""
    if unit == "A":
        return evse.max_a
    return min(evse.dc_power_w or inf, evse.max_a * _voltage(evse) * supply_phases(evse))


def _periods(periods: Sequence[Period], most: float) -> list[tuple[int, float]]:
    return [
        (int(period.start_s), most if period.limit is None else min(most, period.limit)) for period in periods
    ]

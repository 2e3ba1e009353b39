"""The profiles a station holds, and the current that they leave each EVSE.

What is kept: the station-wide profiles (EVSE 0) and those of each EVSE; a new one replaces the one with its
id, and the one with its purpose and stack level on the same EVSE (1.6 section 3.13, 2.x K01.FR.05/06). A
transaction's profiles go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from ..ocpp.profiles import ChargingProfile, Period, composite_limit, composite_schedule, install
from .config import EvseConfig, supply_phases
from .evse import DC_EFFICIENCY


class InstalledProfiles:
    """Profiles by EVSE (0: the station)."""

    def __init__(self, evses: Sequence[EvseConfig]) -> None:
        self._evses = {evse.evse_id: evse for evse in evses}
        self._held: dict[int, list[ChargingProfile]] = {0: [], **{evse.evse_id: [] for evse in evses}}
        self._cache: dict[int, tuple[float, float, float]] = {}

    def install(self, evse_id: int, profile: ChargingProfile) -> bool:
        """Keep a profile; False where the EVSE doesn't exist."""
        held = self._held.get(evse_id)
        if held is None:
            return False
        for others in self._held.values():
            others[:] = [other for other in others if other.id != profile.id]
        held[:] = install(held, profile)
        self._cache.clear()
        return True

    def remove(self, profile_id: int | None) -> bool:
        """Forget one profile, or all; False where there was none."""
        removed = False
        for held in self._held.values():
            kept = [profile for profile in held if profile_id is not None and profile.id != profile_id]
            removed = removed or len(kept) != len(held)
            held[:] = kept
        self._cache.clear()
        return removed

    def end_transaction(self, evse_id: int) -> None:
        """Forget the transaction's own profiles."""
        held = self._held[evse_id]
        held[:] = [profile for profile in held if profile.purpose != "TxProfile"]
        self._cache.clear()

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
        cached = self._cache.get(evse_id)
        if cached is not None and cached[0] <= at < cached[1]:
            return cached[2]
        evse = self._evses[evse_id]
        limit_a, until = self._station_limit(evse, at, transaction_started_at)
        # A clock that is set back would outlive a cached value: it holds from now on only.
        self._cache[evse_id] = (at, until, limit_a)
        return limit_a

    def schedule(
        self, evse_id: int, at: float, duration_s: float, transaction_started_at: float
    ) -> tuple[Period, ...]:
        """Periods in amperes from `at` on for `duration_s`."""
        evse = self._evses[evse_id]
        return composite_schedule(
            [*self._held[0], *self._held[evse_id]],
            at,
            duration_s,
            transaction_started_at,
            unit="A",
            voltage_v=_voltage(evse),
            phases=supply_phases(evse),
        )

    def _station_limit(
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
        )
        limit_a = composite.limit if composite.limit is not None else inf
        return limit_a, composite.changes_at if composite.changes_at is not None else inf


def _voltage(evse: EvseConfig) -> float:
    """What turns watts into the supply's amperes: on DC the watts are the car's, after the rectifier."""
    return evse.voltage_v if evse.dc_power_w is None else evse.voltage_v * DC_EFFICIENCY

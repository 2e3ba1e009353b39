"""What the CSMS may have the station do (`wire.Operations`), in no version's words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from ..model.station import IdToken
from ..ocpp.profiles import ChargingProfile, Unit
from .bay import Bay
from .charging import InstalledProfiles, flaw
from .config import LimitBehaviour, Quirk
from .evse import read
from .line import Line
from .own_clock import OwnClock
from .transactions import Transactions
from .variables import MAX_STACK_LEVEL, Variables
from .wire import Changing, Message, ResetKind, Resetting, Triggering, Unlocking, Wire


class Commands:
    """`restart(kind)` reboots the station after the answer is out. `limits` is how it takes profiles."""

    def __init__(
        self,
        bays: Mapping[int, Bay],
        clock: OwnClock,
        wire: Wire,
        line: Line,
        variables: Variables,
        profiles: InstalledProfiles,
        transactions: Transactions,
        restart: Callable[[ResetKind], None],
        limits: LimitBehaviour,
        quirks: frozenset[Quirk],
    ) -> None:
        self._bays = bays
        self._clock = clock
        self._wire = wire
        self._line = line
        self._profiles = profiles
        self._transactions = transactions
        self._restart = restart
        self.variables = variables
        self.limits = limits
        self._quirks = quirks
        self.restarting = False

    def now(self) -> datetime:
        return self._clock.now()

    # ------------------------------------------------------------ transactions

    def request_start(
        self,
        evse_id: int | None,
        token: IdToken,
        remote_start_id: int | None,
        profile: ChargingProfile | None,
    ) -> bool:
        bay = self._bays.get(evse_id) if evse_id else self._free_bay()
        if bay is None or not bay.free or self.restarting or not self._line.up:
            return False
        if profile is not None and not self._takes(bay, profile):
            return False
        if profile is not None and not self._profiles.install(bay.evse_id, profile):
            return False
        if bay.hardware.vehicle is None:
            self._transactions.expect(bay, token, remote_start_id, remote=True)
        else:
            self._transactions.begin(bay, token, remote_start_id, "RemoteStart")
        return True

    def _takes(self, bay: Bay, profile: ChargingProfile) -> bool:
        """A start brings a TxProfile that names no transaction yet (F01.FR.09/10)."""
        return (
            self.limits != "reject"
            and profile.purpose == "TxProfile"
            and profile.transaction_id is None
            and flaw(profile, bay.evse_id) is None
        )

    def _free_bay(self) -> Bay | None:
        free = [bay for bay in self._bays.values() if bay.free]
        # A start for any EVSE is meant for the car that stands there.
        return next((bay for bay in free if bay.hardware.vehicle is not None), free[0] if free else None)

    def request_stop(self, wire_id: str) -> bool:
        for bay in self._bays.values():
            if bay.transaction is not None and bay.transaction.is_called(wire_id):
                self._transactions.end(bay, "Remote", "RemoteStop")
                return True
        return False

    def transaction_status(self, wire_id: str | None) -> tuple[bool | None, bool]:
        ongoing = None
        if wire_id is not None:
            running = [bay.transaction for bay in self._bays.values() if bay.transaction is not None]
            ongoing = any(transaction.is_called(wire_id) for transaction in running)
        return ongoing, self._line.holds(wire_id)

    # ------------------------------------------------------------ the station

    def reset(self, kind: ResetKind) -> Resetting:
        busy = any(bay.transaction is not None for bay in self._bays.values())
        self._restart(kind)
        return "Scheduled" if kind == "on idle" and busy else "Accepted"

    def trigger(self, message: str, evse_id: int | None) -> Triggering:
        if evse_id and evse_id not in self._bays:
            return "Rejected"
        bays = [self._bays[evse_id]] if evse_id else list(self._bays.values())
        match message:
            case "BootNotification":
                self._line.boot_now()
            case "Heartbeat":
                self._line.beat()
            case "StatusNotification":
                for bay in bays:
                    for shown in bay.shown():
                        if self._wire.word(shown) is not None:
                            self._line.post(self._wire.status(shown, self.now()))
            case "MeterValues":
                for bay in bays:
                    self._line.post(
                        self._wire.values(bay.evse_id, read(bay.hardware), self.now(), bay.transaction)
                    )
            case "TransactionEvent":
                running = [bay for bay in bays if bay.transaction is not None]
                for bay in running:
                    self._transactions.tell_now(bay)
                return "Accepted" if running else "Rejected"
            case _:
                rest = self._wire.at_rest(message)
                if rest is None:
                    return "NotImplemented"
                self._line.post(rest)
        return "Accepted"

    def unlock(self, evse_id: int, connector_id: int, *, ends_transaction: bool) -> Unlocking:
        bay = self._bays.get(evse_id)
        if bay is None or not 1 <= connector_id <= bay.hardware.config.connectors:
            return "UnknownConnector"
        if bay.transaction is not None and connector_id == bay.connector_id:
            if not ends_transaction:
                return "OngoingAuthorizedTransaction"
            self._transactions.end(bay, "UnlockCommand", "UnlockCommand")
        return "Unlocked"

    def change_availability(self, evse_id: int, operative: bool) -> Changing:
        if evse_id and evse_id not in self._bays:
            return "Rejected"
        bays = [self._bays[evse_id]] if evse_id else list(self._bays.values())
        for bay in bays:
            bay.operative = operative
            if not operative and bay.expected is not None:
                self._transactions.forget(bay)
        self._line.look()
        waits = not operative and any(bay.transaction is not None for bay in bays)
        return "Scheduled" if waits else "Accepted"

    def written(self, name: str) -> None:
        if name == "HeartbeatInterval":
            self._line.new_interval()

    def post(self, message: Message) -> None:
        self._line.post(message)

    # ------------------------------------------------------------ limits

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> bool:
        if self.limits == "reject" or flaw(profile, evse_id) is not None:
            return False
        if self.limits == "watts" and profile.schedules[0].unit == "A":
            return False
        if self.limits == "one_period" and len(profile.schedules[0].periods) > 1:
            return False
        if self.limits == "endless":
            first = replace(profile.schedules[0], periods=profile.schedules[0].periods[:1], duration_s=None)
            profile = replace(profile, schedules=(first,), valid_to=None, max_offline_s=None)
        if profile.purpose == "TxProfile":
            bay = self._bays.get(evse_id)
            if bay is None or bay.transaction is None:
                return False
            named = profile.transaction_id
            if named is not None and not bay.transaction.is_called(named):
                return False
        return self._profiles.install(evse_id, self._spoilt(evse_id, profile))

    def _spoilt(self, evse_id: int, profile: ChargingProfile) -> ChargingProfile:
        """What the station's quirks make of a profile."""
        level = profile.stack_level
        if "one_place" in self._quirks and level > 0:
            self._profiles.remove(
                lambda holder, other: (
                    holder != evse_id and (other.purpose, other.stack_level) == (profile.purpose, level)
                )
            )
        if "lowest_leads" in self._quirks:
            profile = replace(profile, stack_level=MAX_STACK_LEVEL - level)
        if "whole_amperes" in self._quirks:
            schedule = profile.schedules[0]
            periods = tuple(
                period if period.limit is None else replace(period, limit=math.floor(period.limit))
                for period in schedule.periods
            )
            profile = replace(profile, schedules=(replace(schedule, periods=periods),))
        return profile

    def clear_profiles(self, unwanted: Callable[[int, ChargingProfile], bool]) -> bool:
        return "keeps_cleared" in self._quirks or self._profiles.remove(unwanted)

    def profiles(self, evse_id: int | None) -> Sequence[tuple[int, ChargingProfile]]:
        return self._profiles.held(evse_id)

    def composite(
        self, evse_id: int, duration_s: int, unit: Unit
    ) -> tuple[datetime, list[tuple[int, float]]] | None:
        if (evse_id and evse_id not in self._bays) or (self.limits == "watts" and unit == "A"):
            return None
        # Whole seconds, as periods are told: no step may come out later than it is meant.
        start = math.floor(self._clock.time())
        bay = self._bays.get(evse_id)
        # Without a transaction the answer is what one would get that began now.
        running = bay.transaction if bay is not None else None
        began = running.started_at.timestamp() if running is not None else float(start)
        periods = self._profiles.schedule(evse_id, start, max(duration_s, 1), began, unit)
        if "first_period_only" in self._quirks:
            periods = periods[:1]
        return datetime.fromtimestamp(start, UTC), periods

"""Smart charging: which profiles each station holds from us, and what may be installed where.

The registry matters twice: a station must never get a second id for the same place (K01.FR.06, FR.39), and
after a restart we must know what limits still work out there. `pending` is a profile that may or may not have
arrived. What a station reports back is in `profile_reading`, what its car wants in `car_needs`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from msgspec.structs import replace

from ...model.events import TransactionChanged
from ...store.profiles import ProfileRow, ProfileStatus, mark_profile, save_profile
from ..charging import profile_in
from ..context import Context
from ..part import Part, Tell, perhaps
from ..state import StationState
from ..vocabulary import (
    ClearProfile,
    ClearProfiles,
    Command,
    GetCompositeSchedule,
    Outcome,
    Profile,
    RequestStart,
    SetProfile,
    VariableRef,
)
from .charging_units import ChargingUnits

_UNKNOWN = ("NotImplemented", "NotSupported")


class SmartCharging:
    """The registry of installed profiles, and the rules of installing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.units = ChargingUnits(context)

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            completes={SetProfile: self.prepared},
            carries=dict.fromkeys((RequestStart, SetProfile, GetCompositeSchedule), self.carried_out),
            follows={SetProfile: (perhaps(self.installed),)},
            effects={
                RequestStart: (self.started,),
                ClearProfile: (self.cleared,),
                ClearProfiles: (self.cleared_all,),
            },
            listens=((TransactionChanged, self.transaction_changed),),
        )

    # ------------------------------------------------------------ on the way out

    def prepared(self, state: StationState | None, command: SetProfile) -> SetProfile:
        """A TxProfile without a transaction gets that of its EVSE, if there is one."""
        if state is None:
            return command
        profile = command.profile
        if profile.purpose != "TxProfile" or profile.station_transaction_id is not None:
            return command
        row = state.transaction_on(command.evse_id)
        if row is None:
            return command
        return replace(command, profile=replace(profile, station_transaction_id=row.station_transaction_id))

    async def carried_out(self, state: StationState, command: Command, actor: str, tell: Tell) -> Outcome:
        """Carry a command out, if it keeps to the rules of installing profiles. `tell` sends a command, its
        effect included.
        """
        program = actor.startswith(("controller", "system"))
        refusal = self.refusal(state, command, program=program)
        if refusal is not None:
            return refusal
        if isinstance(command, SetProfile):
            return await self.set(state, command, tell, program=program)
        if isinstance(command, GetCompositeSchedule):
            command = self.units.asked_in_its_unit(state, command)
        return await tell(command)

    def refusal(self, state: StationState, command: Command, *, program: bool) -> Outcome | None:
        """Why a profile can't be sent; None where it can."""
        if isinstance(command, RequestStart) and command.profile is not None:
            return _refused(_flaw_of_start(command.profile) or _flaw_of_shape(command.profile))
        if not isinstance(command, SetProfile):
            return None
        mode, profile = state.charging.effective, command.profile
        if mode == "off" or (mode == "observed" and program):
            problem = f"smart charging of this station is {mode}: set it to managed"
            return _refused(("$", "SmartChargingOff", problem))
        flaw = _flaw_of_place(command) or _flaw_of_shape(profile) or _flaw_for(state, profile)
        occupant = self._occupant(state, command)
        if flaw is None and occupant is not None and not program:
            flaw = (
                "$.profile.profile_id",
                "DuplicateProfile",
                f"profile {occupant.profile_id} has stack level {profile.stack_level} of {profile.purpose} on"
                f" EVSE {occupant.evse_id} already: use its id to replace it, or clear it first",
            )
        return _refused(flaw)

    async def set(self, state: StationState, command: SetProfile, tell: Tell, *, program: bool) -> Outcome:
        """Install a profile, in the unit that the station takes. A program's takes its place from another
        id, which goes first; where it is refused for what may be its unit, the other unit is tried.
        """
        charging, profile_id = state.charging, command.profile.profile_id
        occupant = self._occupant(state, command)
        charging.on_the_way.add(profile_id)
        try:
            if occupant is not None:
                await tell(ClearProfile(profile_id=occupant.profile_id))
            known = self.units.in_its_unit(state, command)
            outcome = await tell(known)
            other = self.units.in_the_other(state, known, outcome) if program else None
            if other is not None:
                second = await tell(other)
                if second.accepted:
                    self.units.found(state, other.profile.unit)
                    known, outcome = other, second
        finally:
            charging.on_the_way.discard(profile_id)
        charging.refused = f"{outcome.status} {outcome.detail}".strip() if _knows_nothing(outcome) else ""
        if outcome.accepted and known.profile.unit != command.profile.unit:
            return replace(outcome, detail=f"sent in {known.profile.unit}, the unit that the station takes")
        return outcome

    @staticmethod
    def _occupant(state: StationState, command: SetProfile) -> ProfileRow | None:
        """Another profile in the place of this one. A default of the station and one of an EVSE share theirs
        (K01.FR.52, FR.53).
        """
        profile = command.profile
        for row in state.profiles.values():
            if row.profile_id == profile.profile_id:
                continue
            if _place(row) == _place_of(command):
                return row
            defaults = row.purpose == profile.purpose == "TxDefaultProfile"
            shared = (row.evse_id == 0) != (command.evse_id == 0)
            if defaults and shared and row.stack_level == profile.stack_level:
                return row
        return None

    # ------------------------------------------------------------ what became of it

    def installed(self, state: StationState, command: SetProfile, outcome: Outcome) -> None:
        """A profile was accepted, or sent without an answer (then it is pending)."""
        status: ProfileStatus = "accepted" if outcome.accepted else "pending"
        row = self._row(state, command, status)
        if outcome.accepted:
            for other in tuple(state.profiles.values()):
                if other.profile_id != row.profile_id and _place(other) == _place(row):
                    self.forget(state, other.profile_id)  # the station has replaced it
        self.keep(state, row)

    def started(self, state: StationState, command: RequestStart, outcome: Outcome) -> None:
        """A start was accepted with a profile: the transaction that comes will have it."""
        if command.profile is None or not outcome.accepted:
            return
        transaction_id = outcome.data if isinstance(outcome.data, str) else None
        profile = replace(command.profile, station_transaction_id=transaction_id)
        self.keep(state, self._row(state, SetProfile(evse_id=command.evse_id, profile=profile), "accepted"))

    def cleared(self, state: StationState, command: ClearProfile, outcome: Outcome) -> None:
        """The station no longer has the profile."""
        self.forget(state, command.profile_id)

    def cleared_all(self, state: StationState, command: ClearProfiles, outcome: Outcome) -> None:
        """The station no longer has any profile of these."""

        def meant(evse_id: int, purpose: str, stack_level: int) -> bool:
            return (
                command.evse_id in (None, evse_id)
                and command.purpose in (None, purpose)
                and command.stack_level in (None, stack_level)
            )

        for row in tuple(state.profiles.values()):
            if meant(row.evse_id, row.purpose, row.stack_level):
                self.forget(state, row.profile_id)
        for profile_id, held in tuple(state.charging.held.items()):
            if meant(held.evse_id, held.profile.purpose, held.profile.stack_level):
                del state.charging.held[profile_id]

    def transaction_changed(self, event: TransactionChanged) -> None:
        """A profile that came with a remote start gets the transaction's id, and goes with it (K01.FR.04)."""
        state = self._context.stations.get(event.station_id)
        if state is None:
            return
        for row in tuple(state.profiles.values()):
            waits = row.purpose == "TxProfile" and row.station_transaction_id is None
            if waits and row.evse_id in (0, event.evse_id):
                self._bind(state, row, event)
        if event.phase == "Ended":
            for profile_id, held in tuple(state.charging.held.items()):
                if held.profile.transaction_id == event.station_transaction_id:
                    del state.charging.held[profile_id]

    def _bind(self, state: StationState, row: ProfileRow, event: TransactionChanged) -> None:
        if event.phase == "Ended":
            self.forget(state, row.profile_id)
            return
        profile = replace(profile_in(row), station_transaction_id=event.station_transaction_id)
        command = SetProfile(evse_id=event.evse_id or row.evse_id, profile=profile)
        self.keep(state, self._row(state, command, row.status))

    # ------------------------------------------------------------ the registry

    def keep(self, state: StationState, row: ProfileRow) -> None:
        """The station holds (or may hold) this profile."""
        state.profiles[row.profile_id] = row
        self._context.store.post(lambda connection: save_profile(connection, row))

    def forget(self, state: StationState, profile_id: int) -> None:
        """The station no longer holds the profile."""
        state.profiles.pop(profile_id, None)
        state.charging.held.pop(profile_id, None)
        operator_id, station_id, now = state.operator_id, state.station_id, self._context.clock.now()
        self._context.store.post(
            lambda connection: mark_profile(connection, operator_id, station_id, profile_id, "cleared", now)
        )

    def _row(self, state: StationState, command: SetProfile, status: ProfileStatus) -> ProfileRow:
        profile = command.profile
        return ProfileRow(
            operator_id=state.operator_id,
            station_id=state.station_id,
            profile_id=profile.profile_id,
            evse_id=command.evse_id,
            purpose=profile.purpose,
            stack_level=profile.stack_level,
            station_transaction_id=profile.station_transaction_id,
            profile=msgspec.json.decode(msgspec.json.encode(profile)),
            status=status,
            at=self._context.clock.now(),
        )


def _place(row: ProfileRow) -> tuple[object, ...]:
    return row.purpose, row.stack_level, row.evse_id, row.station_transaction_id


def _place_of(command: SetProfile) -> tuple[object, ...]:
    profile = command.profile
    return profile.purpose, profile.stack_level, command.evse_id, profile.station_transaction_id


Flaw = tuple[str, str, str]
"""Where, its name, in words."""


def _flaw_of_place(command: SetProfile) -> Flaw | None:
    profile = command.profile
    if profile.purpose == "ChargingStationMaxProfile" and command.evse_id != 0:
        return "$.evse_id", "InvalidProfile", "a ChargingStationMaxProfile belongs to EVSE 0"
    if profile.purpose != "TxProfile":
        return None
    if command.evse_id == 0:
        return "$.evse_id", "InvalidProfile", "a TxProfile belongs to an EVSE: 0 is the station"  # K01.FR.16
    if profile.station_transaction_id is None:
        problem = f"EVSE {command.evse_id} has no transaction; without one it takes a TxDefaultProfile"
        return "$.profile.station_transaction_id", "TxNotFound", problem  # K01.FR.03
    return None


def _flaw_of_start(profile: Profile) -> Flaw | None:
    if profile.purpose != "TxProfile":
        return "$.profile.purpose", "InvalidProfile", "a start takes a TxProfile only"  # F01.FR.08
    if profile.station_transaction_id is not None:
        problem = "the transaction does not exist yet: leave its id out"
        return "$.profile.station_transaction_id", "InvalidProfile", problem  # F01.FR.11
    return None


def _flaw_of_shape(profile: Profile) -> Flaw | None:
    starts = [period.start_s for period in profile.periods]
    if not starts or starts[0] != 0:
        return "$.profile.periods", "InvalidSchedule", "the first period begins at 0"  # K01.FR.31
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return "$.profile.periods", "InvalidSchedule", "periods begin one after the other"  # K01.FR.35
    if profile.kind == "Relative":
        if profile.purpose == "ChargingStationMaxProfile":
            problem = "a ChargingStationMaxProfile is never Relative: no transaction begins it"  # K01.FR.38
            return "$.profile.kind", "InvalidProfile", problem
        if profile.start is not None:
            return "$.profile.start", "InvalidSchedule", "a Relative profile has no start"  # K01.FR.41
    elif profile.start is None:
        return "$.profile.start", "InvalidSchedule", f"an {profile.kind} profile needs a start"  # K01.FR.40
    return None


_MOST = {
    "stack_level": (
        VariableRef(component="SmartChargingCtrlr", variable="ProfileStackLevel"),
        VariableRef(component="OCPP16", variable="ChargeProfileMaxStackLevel"),
    ),
    "periods": (
        VariableRef(component="SmartChargingCtrlr", variable="PeriodsPerSchedule"),
        VariableRef(component="OCPP16", variable="ChargingScheduleMaxPeriods"),
    ),
}


def _flaw_for(state: StationState, profile: Profile) -> Flaw | None:
    """What is more than the station says it takes."""
    for name, count in (("stack_level", profile.stack_level), ("periods", len(profile.periods))):
        for ref in _MOST[name]:
            said = state.variables.get(ref)
            if said is not None and (said.value or "").isdigit() and count > int(said.value or 0):
                words = "a stack level of" if name == "stack_level" else "periods of a schedule:"
                problem = f"the station takes {words} at most {said.value} ({ref.variable}), not {count}"
                return f"$.profile.{name}", "InvalidProfile", problem
    return None


def _refused(flaw: Flaw | None) -> Outcome | None:
    if flaw is None:
        return None
    path, name, problem = flaw
    data: dict[str, Any] = {"path": path, "problem": problem}
    return Outcome(result="invalid", status=name, detail=f"{problem} ({path})", data=data)


def _knows_nothing(outcome: Outcome) -> bool:
    """Whether the station has no smart charging at all."""
    if outcome.result == "error":
        return outcome.status in _UNKNOWN
    return outcome.result == "rejected" and outcome.status == "NotSupported"

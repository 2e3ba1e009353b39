"""Smart charging: which profiles each station holds from us.

The register matters twice: a station must never get a second id for the same place (K01.FR.06, FR.39), and
after a restart we must know what limits still work out there. `pending` is a profile that may or may not have
arrived.
"""

from __future__ import annotations

import msgspec

from ...store.profiles import ProfileRow, ProfileStatus, mark_profile, save_profile
from ..context import Context
from ..state import StationState
from ..vocabulary import ClearProfile, Outcome, SetProfile


class SmartCharging:
    """SetChargingProfile and ClearChargingProfile."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def installed(self, state: StationState, command: SetProfile, outcome: Outcome) -> None:
        """A profile was accepted, or sent without an answer (then it is pending)."""
        status: ProfileStatus = "accepted" if outcome.accepted else "pending"
        profile = command.profile
        row = ProfileRow(
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
        if outcome.accepted:
            for other in tuple(state.profiles.values()):
                if other.profile_id != row.profile_id and _place(other) == _place(row):
                    self._clear(state, other.profile_id)  # the station has replaced it
        state.profiles[row.profile_id] = row
        self._context.store.post(lambda connection: save_profile(connection, row))

    def cleared(self, state: StationState, command: ClearProfile, outcome: Outcome) -> None:
        """The station no longer has the profile."""
        self._clear(state, command.profile_id)

    def _clear(self, state: StationState, profile_id: int) -> None:
        state.profiles.pop(profile_id, None)
        operator_id, station_id, now = state.operator_id, state.station_id, self._context.clock.now()
        self._context.store.post(
            lambda connection: mark_profile(connection, operator_id, station_id, profile_id, "cleared", now)
        )


def _place(row: ProfileRow) -> tuple[object, ...]:
    return row.purpose, row.stack_level, row.evse_id, row.station_transaction_id

"""Availability: connectors' statuses, and taking EVSEs in and out of service."""

from __future__ import annotations

from ...store.stations import ConnectorStatusRow, save_status
from ..context import Context
from ..part import Part
from ..state import ConnectorState, StationState
from ..vocabulary import Acknowledged, ChangeAvailability, Outcome, Status


class Availability:
    """StatusNotification and ChangeAvailability."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={Status: self.status}, effects={ChangeAvailability: (self.changed,)})

    def unchanged(self, state: StationState, said: Status) -> Acknowledged | None:
        """The answer to a status that tells nothing new (stations repeat theirs), None for one that does.
        `at` of a connector is when it took its status, so there is nothing to write.
        """
        known = state.connectors.get((said.evse_id, said.connector_id))
        if known is None or known.reported != said.status or known.error != said.error:
            return None
        state.status_since_boot = True
        self._settle_changes(state)
        return Acknowledged()

    async def status(self, state: StationState, said: Status) -> Acknowledged:
        """Keep a connector's status, durably:
        a station that reconnects without a boot does not tell it again.
        """
        context = self._context
        now = context.clock.now()
        row = ConnectorStatusRow(
            operator_id=state.operator_id,
            station_id=state.station_id,
            evse_id=said.evse_id,
            connector_id=said.connector_id,
            status=said.status,
            error=said.error,
            at=said.at or now,
        )
        await context.store.write(lambda connection: save_status(connection, row))
        state.status_since_boot = True
        context.show_connector(
            state,
            ConnectorState(
                evse_id=said.evse_id,
                connector_id=said.connector_id,
                reported=said.status,
                status=state.status_of(said.evse_id, said.status),
                error=said.error,
                at=row.at,
            ),
        )
        self._settle_changes(state)
        return Acknowledged()

    def changed(self, state: StationState, command: ChangeAvailability, outcome: Outcome) -> None:
        """The station accepted a change: it is seen when statuses say so, at once or after a transaction."""
        place = (command.evse_id, command.connector_id if command.evse_id else None)
        state.pending_availability[place] = command.operative
        if outcome.status != "Scheduled":
            self._settle_changes(state)  # a station tells nothing where nothing changes

    def _settle_changes(self, state: StationState) -> None:
        for place, operative in tuple(state.pending_availability.items()):
            if _seen(state, *place, operative):
                del state.pending_availability[place]


def _seen(state: StationState, evse_id: int, connector_id: int | None, operative: bool) -> bool:
    """Whether the statuses say that a place is in (or out of) service: all its connectors', or for the whole
    station its own (1.6)."""
    whole = state.connectors.get((0, 0))
    if not evse_id and whole is not None and (whole.reported != "Unavailable") == operative:
        return True
    own = [
        known.reported != "Unavailable"
        for (evse, connector), known in state.connectors.items()
        if evse and evse_id in (0, evse) and connector_id in (None, connector)
    ]
    return bool(own) and all(each == operative for each in own)

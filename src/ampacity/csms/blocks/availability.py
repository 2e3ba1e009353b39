"""Availability: connectors' statuses, and taking EVSEs in and out of service."""

from __future__ import annotations

from ...store.stations import ConnectorStatusRow, save_status
from ..context import Context
from ..state import ConnectorState, StationState
from ..vocabulary import Acknowledged, ChangeAvailability, Outcome, Status


class Availability:
    """StatusNotification and ChangeAvailability."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def unchanged(self, state: StationState, said: Status) -> Acknowledged | None:
        """The answer to a status that tells nothing new (stations repeat theirs), None for one that does.
        `at` of a connector is when it took its status, so there is nothing to write.
        """
        known = state.connectors.get((said.evse_id, said.connector_id))
        if known is None or known.reported != said.status or known.error != said.error:
            return None
        state.status_since_boot = True
        self._settle_change(state, said)
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
        self._settle_change(state, said)
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
        return Acknowledged()

    def changed(self, state: StationState, command: ChangeAvailability, outcome: Outcome) -> None:
        """The station accepted a change:
        it is seen when a status says so (at once, or after a transaction).
        """
        state.pending_availability[command.evse_id] = command.operative

    def _settle_change(self, state: StationState, said: Status) -> None:
        wanted = state.pending_availability.get(said.evse_id)
        if wanted is not None and wanted == (said.status != "Unavailable"):
            del state.pending_availability[said.evse_id]

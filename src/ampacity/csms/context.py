"""What every block works with."""

from __future__ import annotations

from msgspec import Struct

from ..bus import Bus
from ..clock import Clock
from ..model.events import ConnectorChanged
from ..store import Store
from .settings import CsmsSettings
from .state import ConnectorState, Stations, StationState


class Context(Struct, frozen=True):
    """The CSMS's store, bus, clock and settings, and what it knows of its stations."""

    store: Store
    bus: Bus
    clock: Clock
    settings: CsmsSettings
    stations: Stations

    def show_connector(self, state: StationState, shown: ConnectorState) -> None:
        """Keep a connector's state, and tell the bus if it changed."""
        key = (shown.evse_id, shown.connector_id)
        before = state.connectors.get(key)
        state.connectors[key] = shown
        if before is not None and (before.status, before.error) == (shown.status, shown.error):
            return
        self.bus.publish(
            ConnectorChanged(
                operator_id=state.operator_id,
                station_id=state.station_id,
                evse_id=shown.evse_id,
                connector_id=shown.connector_id,
                status=shown.status,
                error=shown.error,
                at=self.clock.now(),
            )
        )

    def refresh_connectors(self, state: StationState, evse_id: int) -> None:
        """Show an EVSE's connectors anew after its transaction changed."""
        for key, known in tuple(state.connectors.items()):
            if key[0] != evse_id:
                continue
            status = state.status_of(evse_id, known.reported)
            if status != known.status:
                shown = ConnectorState(
                    evse_id=known.evse_id,
                    connector_id=known.connector_id,
                    reported=known.reported,
                    status=status,
                    error=known.error,
                    at=self.clock.now(),
                )
                self.show_connector(state, shown)

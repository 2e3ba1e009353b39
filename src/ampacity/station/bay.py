"""One EVSE with what is going on there. Its connectors' statuses follow from that; nobody sets them."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from ..model.station import ChargingState, ConnectorStatus, IdToken
from .config import EvseConfig
from .evse import EvseHardware, Vehicle
from .notes import Transaction

SHOWN_AS: dict[ChargingState, ConnectorStatus] = {
    "EVConnected": "Preparing",
    "Charging": "Charging",
    "SuspendedEV": "SuspendedEV",
    "SuspendedEVSE": "SuspendedEVSE",
    "Idle": "Finishing",
}


class Expected(Struct, frozen=True):
    """A start that waits for a plug until `until` (site time)."""

    token: IdToken
    remote_start_id: int | None
    remote: bool
    until: float


class ConnectorShown(Struct, frozen=True):
    """What a connector shows. 1.6 tells `status`; 2.x tells Occupied where a plug is in."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    plugged: bool
    in_use: bool = True


class Bay:
    """See the module's text."""

    def __init__(self, config: EvseConfig) -> None:
        self.hardware = EvseHardware(config)
        self.connector_id = 1
        self.operative = True
        self.transaction: Transaction | None = None
        self.expected: Expected | None = None
        self.last_drew_at = 0.0
        self.next_sample_at = 0.0
        self.finished = False
        self._offers: deque[tuple[float, float]] = deque()

    @property
    def evse_id(self) -> int:
        return self.hardware.config.evse_id

    @property
    def free(self) -> bool:
        """Whether a start may be taken on."""
        return self.operative and self.transaction is None and self.expected is None

    def plug_in(self, vehicle: Vehicle, connector_id: int) -> None:
        """A plug goes in. Raises ValueError where that can't be."""
        if self.hardware.vehicle is not None:
            raise ValueError(f"EVSE {self.evse_id} has a car already: unplug it first")
        connectors = self.hardware.config.connectors
        if not 1 <= connector_id <= connectors:
            raise ValueError(
                f"EVSE {self.evse_id} has no connector {connector_id}: choose from 1 to {connectors}"
            )
        self.hardware.connect(vehicle)
        self.connector_id = connector_id
        self.finished = False
        self._offers.clear()

    def unplug(self) -> None:
        """The plug comes out."""
        self.hardware.disconnect()
        self.expected = None
        self.finished = False

    def offer_of(self, limit_a: float, at: float, late_s: float) -> float:
        """What is offered at `at` where `limit_a` holds by now and is obeyed `late_s` later."""
        offers = self._offers
        if not offers or offers[-1][1] != limit_a:
            offers.append((at, limit_a))
        while len(offers) > 1 and offers[1][0] <= at - late_s:
            offers.popleft()
        return offers[0][1]

    @property
    def status(self) -> ConnectorStatus:
        """Of the connector in use, in 1.6's words."""
        transaction = self.transaction
        if transaction is not None:
            return SHOWN_AS[transaction.charging_state]
        if not self.operative:
            return "Unavailable"
        if self.hardware.vehicle is not None:
            return "Finishing" if self.finished else "Preparing"
        return "Preparing" if self.expected is not None else "Available"

    def shown(self) -> list[ConnectorShown]:
        """All connectors. Those beside the one in use keep their word: who presents them to drivers has to
        know that an EVSE serves one car (2.x G01, remark).
        """
        idle: ConnectorStatus = "Available" if self.operative else "Unavailable"
        plugged = self.hardware.vehicle is not None
        return [
            ConnectorShown(self.evse_id, number, self.status, plugged)
            if number == self.connector_id
            else ConnectorShown(self.evse_id, number, idle, False, False)
            for number in range(1, self.hardware.config.connectors + 1)
        ]

"""What a station has to tell about transactions, before it is put into the words of a version.

Notes wait in the station's outbox until the CSMS has acknowledged them, in order, over outages and reboots:
that is what real stations do with transaction messages, and with nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from ..model.station import ChargingState, IdToken
from .evse import Reading


class Transaction(Struct, kw_only=True):
    """A transaction as the station holds it. `wire_id` is 2.x's own id from the start, 1.6's once it was
    given. `drawn_wh` is the car's own integral at the end.
    """

    local_id: str
    evse_id: int
    connector_id: int
    token: IdToken
    started_at: datetime
    start_reading: Reading
    wire_id: str | None = None
    remote_start_id: int | None = None
    seq_no: int = 0
    charging_state: ChargingState = "EVConnected"
    ended: bool = False
    drawn_wh_at_start: float = 0.0
    drawn_wh: float = 0.0

    def next_seq_no(self) -> int:
        """2.x: 0 for the first message, then one more for each."""
        number = self.seq_no
        self.seq_no += 1
        return number

    def is_called(self, wire_id: str) -> bool:
        """Whether the CSMS means this transaction."""
        return wire_id in (self.wire_id, self.local_id)


Phase: TypeAlias = Literal["Started", "Updated", "Ended"]


class Note(Struct, frozen=True, kw_only=True):
    """One event of a transaction. `sampled` marks a meter value, `offline` one made while the CSMS was out of
    reach.
    """

    phase: Phase
    transaction: Transaction
    seq_no: int
    at: datetime
    reading: Reading
    trigger: str
    charging_state: ChargingState
    stop_reason: str | None = None
    sampled: bool = False
    offline: bool = False


class Acknowledgement(Struct, frozen=True, gc=False):
    """A transaction message that the CSMS has answered: from then on it must never be lost."""

    station_id: str
    wire_id: str
    phase: str
    seq_no: int
    at: datetime


class FinishedSession(Struct, frozen=True, gc=False):
    """A transaction whose end the CSMS has acknowledged. `drawn_wh` is the car's own integral, not the
    meter's.
    """

    station_id: str
    wire_id: str
    drawn_wh: float

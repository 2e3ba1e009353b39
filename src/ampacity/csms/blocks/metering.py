"""Metering: values of EVSEs, in and outside of transactions."""

from __future__ import annotations

import hashlib

import msgspec

from ...model.events import MeterSampled
from ...model.station import MeterReading
from ...store import journal
from ..context import Context
from ..meters import EvseMeter
from ..state import StationState
from ..vocabulary import Acknowledged, Metered

_encoder = msgspec.json.Encoder()


class Metering:
    """MeterValues outside of transactions, and what all values do to the state."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def metered(self, state: StationState, said: Metered) -> Acknowledged:
        """Keep values that belong to no transaction."""
        payload = _encoder.encode(said)
        record = journal.TransactionRecord(
            operator_id=state.operator_id,
            station_id=state.station_id,
            received_at=self._context.clock.now(),
            kind="Metered",
            retry_key=f"metered:{said.evse_id}:{hashlib.blake2b(payload, digest_size=12).hexdigest()}",
            transaction_id=None,
            payload=payload,
        )
        kept = await self._context.store.write(lambda connection: journal.append(connection, record))
        if kept.fresh:
            self.show(state, said.evse_id, None, said.readings)
        return Acknowledged()

    def show(
        self,
        state: StationState,
        evse_id: int,
        transaction_id: str | None,
        readings: tuple[MeterReading, ...],
    ) -> None:
        """Take readings into the state and tell the bus. They are in the journal already."""
        context = self._context
        now = context.clock.now()
        meter = state.meters.get(evse_id)
        if meter is None:
            meter = state.meters[evse_id] = EvseMeter()
        for reading in readings:
            if not reading.samples:
                continue
            meter.take(reading)
            context.bus.publish(
                MeterSampled(
                    operator_id=state.operator_id,
                    station_id=state.station_id,
                    evse_id=evse_id,
                    transaction_id=transaction_id,
                    reading=reading,
                    received_at=now,
                )
            )

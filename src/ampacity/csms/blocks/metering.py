"""Metering: values of EVSEs, in and outside of transactions."""

from __future__ import annotations

import asyncio

from ...model.events import MeterSampled
from ...model.station import MeterReading
from ...ocpp.events import CallReceived
from ...store import StoreClosed, StoreUnavailable
from ..context import Context
from ..dialects.dialect import Dialect
from ..kept import Keeping, Outcome, clock_correction, key_of
from ..ledger import Ledger
from ..link import Reply
from ..meters import EvseMeter
from ..part import Part
from ..state import StationState
from ..vocabulary import Metered


class Metering:
    """MeterValues outside of transactions, and what all values do to the state."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._looking: set[asyncio.Task[None]] = set()
        ledger.owned(Metered, self)

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(stop=self.stop)

    def told(
        self,
        state: StationState,
        said: Metered,
        call: CallReceived,
        speech: Dialect,
        reply: Reply,
        received_us: int,
    ) -> None:
        """Keep values that belong to no transaction, and answer."""
        message = Keeping(
            state=state,
            said=said,
            key=key_of(state, said),
            line=f"evse {said.evse_id}",
            received_us=received_us,
            transaction_id=None,
            row=None,
            reply=reply,
            correction_s=clock_correction(state, said, received_us),
        )
        if self._ledger.repeats(message):
            return
        if self._ledger.is_new(state, message.line, said.at, said.retry_key):
            self._ledger.keep(message, speech.version, call.action, call.raw)
            return
        self._ledger.hold(message)
        task = asyncio.ensure_future(self._look(message, call, speech))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, message: Keeping, call: CallReceived, speech: Dialect) -> None:
        try:
            before = await self._ledger.kept_before(message)
        except BaseException as error:
            self._ledger.release(message)
            for reply in (message.reply, *(message.also or ())):
                if reply is not None:
                    reply.leave(str(error))
            if not isinstance(error, StoreUnavailable | StoreClosed):
                raise
            return
        if before is None:
            self._ledger.keep(message, speech.version, call.action, call.raw)
            return
        self._ledger.release(message)
        for reply in (message.reply, *(message.also or ())):
            if reply is not None:
                reply.answer_text(before)

    async def stop(self) -> None:
        """End what is being looked up: its stations get no answer."""
        for task in tuple(self._looking):
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    def apply(self, message: Keeping, live: bool) -> Outcome:
        """Let kept values count (see `ledger.Owner`)."""
        said = message.meant
        assert isinstance(said, Metered)
        self.show(message.state, said.evse_id, None, said.readings, live)
        return Outcome((), said.evse_id, None, said.readings)

    def show(
        self,
        state: StationState,
        evse_id: int,
        transaction_id: str | None,
        readings: tuple[MeterReading, ...],
        live: bool,
    ) -> None:
        """Take readings into the state and tell the bus. They are in the journal already."""
        context = self._context
        meter = state.meters.get(evse_id)
        if meter is None:
            meter = state.meters[evse_id] = EvseMeter()
        heard = live and context.bus.hears(MeterSampled)
        for reading in readings:
            if not reading.values:
                continue
            meter.take(reading)
            if heard:
                context.bus.publish(
                    MeterSampled(
                        operator_id=state.operator_id,
                        station_id=state.station_id,
                        evse_id=evse_id,
                        transaction_id=transaction_id,
                        reading=reading,
                        received_at=context.clock.now(),
                    )
                )

"""Transactions: each message is kept once, changes its transaction, and is answered after that.

The ledger says whether a message is new and keeps it; this block knows what it means. The usual message (an
open transaction goes on, no token) takes the quick way: nothing is looked up and no task is made. Any other
(a start, a token to be judged, a late or repeated message) is looked up first, in a task of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from ...model.events import TransactionChanged
from ...model.station import TransactionPhase
from ...ocpp.errors import ErrorCode
from ...ocpp.events import CallReceived
from ...store import StoreClosed, StoreUnavailable, audit, profiles
from ...store.identifiers import sortable_id
from ...store.transactions import TransactionRow, next_wire_ids
from .. import lifecycle
from ..context import Context
from ..dialects.dialect import Dialect
from ..kept import Keeping, Outcome, clock_correction, key_of, readings_of
from ..ledger import Ledger
from ..link import Reply
from ..lives import Lives
from ..part import Part
from ..state import StationState
from ..vocabulary import AuthorizationAnswer, TransactionAnswer, TransactionMessage
from .authorization import Authorization
from .costs import Costs
from .metering import Metering
from .reservations import Reservations

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode

ACTOR = "system oversight"
"""Who closes what stations forgot, in the audit."""

FRESH_S = 300.0
"""A value that is younger tells of now."""

WIRE_IDS_AT_ONCE = 50
"""1.6 ids that are taken from the store together; those not used at a stop are never given."""


class Transactions:
    """Start-/StopTransaction and a transaction's MeterValues of 1.6, TransactionEvent of 2.x."""

    def __init__(
        self,
        context: Context,
        authorization: Authorization,
        metering: Metering,
        ledger: Ledger,
        reservations: Reservations,
        costs: Costs,
    ) -> None:
        self._context = context
        self._authorization = authorization
        self._metering = metering
        self._ledger = ledger
        self._reservations = reservations
        self._costs = costs
        self.lives = Lives(context.settings.gaps, context.clock.time())
        self._looking: set[asyncio.Task[None]] = set()
        self._wire_ids: dict[str, list[int]] = {}
        self._taking = asyncio.Lock()
        self.when_ended: list[Callable[[StationState, TransactionRow], None]] = [self._forget_profiles]
        """Told of each transaction that has ended, by its station or by us."""
        ledger.owned(TransactionMessage, self)

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(stop=self.stop)

    def told(
        self,
        state: StationState,
        said: TransactionMessage,
        call: CallReceived,
        speech: Dialect,
        reply: Reply,
        received_us: int,
    ) -> None:
        """Keep the message, let it count, answer it."""
        wire_id = said.station_transaction_id
        row = None if wire_id is None else state.transactions.get(wire_id)
        line = wire_id or said.retry_key
        message = Keeping(
            state=state,
            said=said,
            key=key_of(state, said),
            line=line,
            received_us=received_us,
            transaction_id=None if row is None else row.transaction_id,
            row=row,
            reply=reply,
            correction_s=clock_correction(state, said, received_us),
        )
        if self._ledger.repeats(message):
            return
        if (
            row is not None
            and said.token is None
            and not said.anonymous
            and said.phase != "Started"
            and self._ledger.is_new(state, line, said.at, said.retry_key)
        ):
            if speech.tells_cost and self._costs.concern(state.operator_id):
                self._answer(message, call, speech, None)
            self._ledger.keep(message, speech.version, call.action, call.raw)
            return
        self._ledger.hold(message)
        task = asyncio.ensure_future(self._look(message, call, speech))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def stop(self) -> None:
        """End what is being looked up: its stations get no answer."""
        for task in tuple(self._looking):
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    # ------------------------------------------------------------ the slow way

    async def _look(self, message: Keeping, call: CallReceived, speech: Dialect) -> None:
        state, said = message.state, message.said
        assert isinstance(said, TransactionMessage)
        assert message.reply is not None
        try:
            if state.registering is not None:
                await state.registering
            before = await self._ledger.kept_before(message)
            if before is not None:
                self._ledger.release(message)
                for reply in (message.reply, *(message.also or ())):
                    reply.answer_text(before)
                return
            await self._find(message, said)
            verdict = None
            if said.token is not None:
                verdict = await self._authorization.of_transaction(state, said)
            elif said.anonymous:
                verdict = AuthorizationAnswer(status="Accepted")  # C02.FR.02
            self._answer(message, call, speech, verdict)
        except BaseException as error:
            self._ledger.release(message)
            self._give_up(message, call, error)
            if not isinstance(error, Exception):
                raise
            return
        self._ledger.keep(message, speech.version, call.action, call.raw)

    def _answer(
        self, message: Keeping, call: CallReceived, speech: Dialect, verdict: AuthorizationAnswer | None
    ) -> None:
        """What the station is told, where that is more than that its message is kept."""
        state, said = message.state, message.said
        assert isinstance(said, TransactionMessage)
        answer = TransactionAnswer(station_transaction_id=message.line, authorization=verdict)
        if speech.tells_cost and self._costs.concern(state.operator_id):
            try:
                answer = self._priced(message, answer)
            except Exception:  # a message must be kept whatever becomes of its cost
                log.exception("station %s: the cost of %s is not known", state.station_id, message.line)
        worth = answer.total_cost is not None or answer.message
        if answer.authorization is not None or worth or said.station_transaction_id is None:
            message.payload = speech.answer(call.action, call.payload, answer)
            message.answer = _encode(message.payload).decode()

    def _priced(self, message: Keeping, answer: TransactionAnswer) -> TransactionAnswer:
        """The answer with what the transaction costs, and what the driver should read of its price."""
        state, said, verdict = message.state, message.said, answer.authorization
        assert isinstance(said, TransactionMessage)
        before, row = self._followed(message)
        text = None
        if said.token is not None and verdict is not None:
            verdict = self._costs.with_price(state, verdict, said.token, row.evse_id)
        else:
            text = self._costs.new_text(state, before, row)
        return replace(
            answer,
            authorization=verdict,
            total_cost=self._costs.due(before, row, said),
            message="" if text is None else text.text,
            language="" if text is None else text.language,
        )

    async def _find(self, message: Keeping, said: TransactionMessage) -> None:
        """The transaction that the message is of; a new one gets its ids."""
        state, wire_id = message.state, said.station_transaction_id
        row = None
        if wire_id is None:
            wire_id = str(await self._next_wire_id(state.operator_id))
        else:
            row = await self._ledger.transaction(state, wire_id)
            meant = message.meant
            assert isinstance(meant, TransactionMessage)
            if row is not None and lifecycle.is_another(row, meant):
                row = None
        message.line, message.row = wire_id, row
        message.transaction_id = sortable_id(self._context.clock.now()) if row is None else row.transaction_id

    async def _next_wire_id(self, operator_id: str) -> int:
        """An id for a 1.6 transaction; taken from the store, so it is never given twice."""
        async with self._taking:
            ids = self._wire_ids.get(operator_id)
            if not ids:
                taken = await self._context.store.write(
                    lambda connection: next_wire_ids(connection, operator_id, WIRE_IDS_AT_ONCE)
                )
                ids = self._wire_ids[operator_id] = list(reversed(taken))
            return ids.pop()

    def _give_up(self, message: Keeping, call: CallReceived, error: BaseException) -> None:
        for reply in (message.reply, *(message.also or ())):
            if reply is None:
                continue
            if isinstance(error, StoreUnavailable | StoreClosed):
                reply.leave(str(error))
            elif isinstance(error, Exception):
                log.error(
                    "station %s: %s could not be handled",
                    message.state.station_id,
                    call.action,
                    exc_info=error,
                )
                reply.refuse(ErrorCode.INTERNAL_ERROR, type(error).__name__)
            else:
                reply.leave("the system stops")

    # ------------------------------------------------------------ when it is on the disk

    def apply(self, message: Keeping, live: bool) -> Outcome:
        """Let a kept message count (see `ledger.Owner`)."""
        state, said = message.state, message.meant
        assert isinstance(said, TransactionMessage)
        before, row = self._followed(message)
        received_at = message.received_us / 1e6
        self.lives.follow(row, before, said, received_at)
        closed = self._supersede(state, row) if before is None else ()
        self._take(state, row, before)
        if said.readings:
            self._metering.show(state, row.evse_id, row.transaction_id, said.readings, live)
        if said.reservation_id is not None or said.phase == "Started":
            self._reservations.used(state, said, row)
        ended = row.state == "ended"
        if ended:
            meter = state.meters.get(row.evse_id)
            if meter is not None and state.transaction_on(row.evse_id) is None:
                meter.rest()
        if live:
            if before is not None and lifecycle.supposed(before):
                self._tell_corrected(before, row)
            for old in closed:
                self._tell(old, "Ended")
            self._tell(row, "Ended" if ended else said.phase)
            if ended:
                self._tell_ended(state, row)
        return Outcome((*closed, row), row.evse_id, row.transaction_id, readings_of(said))

    def _followed(self, message: Keeping) -> tuple[TransactionRow | None, TransactionRow]:
        """The message's transaction before it (None: it is new) and after it. Changes nothing."""
        state, said = message.state, message.meant
        assert isinstance(said, TransactionMessage)
        assert message.transaction_id is not None
        row = state.transactions.get(message.line)
        if row is None or row.transaction_id != message.transaction_id:
            row = message.row
        before = row
        if row is None:
            row = lifecycle.begin(
                said,
                operator_id=state.operator_id,
                station_id=state.station_id,
                transaction_id=message.transaction_id,
                station_transaction_id=message.line,
            )
        received_at = message.received_us / 1e6
        fresh = row.state == "open" or (not said.offline and abs(received_at - said.at.timestamp()) < FRESH_S)
        row = lifecycle.follow(row, said, self._context.settings.nominal_voltage_v, fresh=fresh)
        if message.correction_s:
            lifecycle.correct_clock(row, before, state.clock, message.correction_s, received_at)
        return before, row

    def _supersede(self, state: StationState, row: TransactionRow) -> tuple[TransactionRow, ...]:
        """Close older open transactions of the EVSE: it can't hold two, so an end was lost or comes late."""
        if row.state != "open" or not row.evse_id:
            return ()
        closed = []
        for old in tuple(state.transactions.values()):
            if (
                old.evse_id == row.evse_id
                and old.transaction_id != row.transaction_id
                and old.started_at < row.started_at
            ):
                closed.append(lifecycle.supersede(old, row.started_at))
                self._take(state, closed[-1], old)
        return tuple(closed)

    def close(self, state: StationState, row: TransactionRow, closed: TransactionRow) -> None:
        """Let an end that nobody told take effect."""
        self._take(state, closed, row)
        meter = state.meters.get(closed.evse_id)
        if meter is not None and state.transaction_on(closed.evse_id) is None:
            meter.rest()
        self._tell(closed, "Ended")
        self._tell_ended(state, closed)

    def _tell_corrected(self, before: TransactionRow, row: TransactionRow) -> None:
        """The station has more to say of what we closed: for the audit."""
        if lifecycle.supposed(row):
            return
        store = self._context.store
        action = "reopen_transaction" if row.state == "open" else "correct_end"
        detail = {
            "station": row.station_id,
            "wire_id": row.station_transaction_id,
            "supposed_end": before.ended_at,
            "supposed_reason": before.stop_reason,
            "energy_wh": before.energy_wh,
        }
        target = f"transaction/{row.transaction_id}"
        audit_id = audit.post_record(store, row.operator_id, ACTOR, action, target, detail)
        audit.post_complete(
            store, row.operator_id, audit_id, "done", f"the station itself: {row.energy_wh:.0f} Wh"
        )

    def _take(self, state: StationState, row: TransactionRow, before: TransactionRow | None) -> None:
        if (
            before is None
            or row.state != "open"
            or before.state != "open"
            or before.token != row.token
            or row.station_transaction_id not in state.transactions
        ):
            self._context.stations.put_transaction(state, row)
            self._context.refresh_connectors(state, row.evse_id)
            return
        state.transactions[row.station_transaction_id] = row
        if before.charging_state != row.charging_state or before.evse_id != row.evse_id:
            self._context.refresh_connectors(state, row.evse_id)

    def _tell(self, row: TransactionRow, phase: TransactionPhase) -> None:
        bus = self._context.bus
        if not bus.hears(TransactionChanged):
            return
        bus.publish(
            TransactionChanged(
                operator_id=row.operator_id,
                station_id=row.station_id,
                evse_id=row.evse_id,
                transaction_id=row.transaction_id,
                station_transaction_id=row.station_transaction_id,
                phase=phase,
                token=row.token,
                charging_state=row.charging_state,
                started_at=row.started_at,
                energy_wh=row.energy_wh,
                power_w=row.power_w,
                stop_reason=row.stop_reason,
                at=self._context.clock.now(),
            )
        )

    def _tell_ended(self, state: StationState, row: TransactionRow) -> None:
        for tell in self.when_ended:
            tell(state, row)

    def _forget_profiles(self, state: StationState, row: TransactionRow) -> None:
        """A station drops a transaction's profiles at its end (K01.FR.04)."""
        now = self._context.clock.now()
        for profile_id, profile in tuple(state.profiles.items()):
            if profile.station_transaction_id == row.station_transaction_id:
                del state.profiles[profile_id]
                self._context.store.post(
                    lambda connection, gone=profile_id: _clear(connection, row, gone, now)  # type: ignore[misc]
                )


def _clear(connection: Connection, row: TransactionRow, profile_id: int, now: object) -> None:
    profiles.mark_profile(connection, row.operator_id, row.station_id, profile_id, "cleared", now)  # type: ignore[arg-type]

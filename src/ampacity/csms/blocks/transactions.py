"""Transactions: each message is kept once, changes its transaction's row in the same unit, and is answered
after that.

How a message travels: one unit of work in the writer thread finds the row, lets `lifecycle` change it,
appends message and answer to the journal and writes the row; all of it becomes durable together. A repetition
meets its retry key in the journal and is told the answer of the first one; nothing else happens. Only after
the commit do state, events and the station learn of it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from ...model.events import TransactionChanged
from ...model.station import TransactionPhase
from ...store import journal, profiles, transactions
from ...store.identifiers import sortable_id
from ...store.journal import TransactionRecord
from ...store.tokens import find_token
from ...store.transactions import TransactionRow
from .. import lifecycle
from ..context import Context
from ..state import StationState
from ..vocabulary import TransactionAnswer, TransactionMessage
from .authorization import Authorization
from .metering import Metering

_encode = msgspec.json.Encoder().encode
_answers = msgspec.json.Decoder(TransactionAnswer)


class _Kept(Struct, frozen=True):
    """What a unit of work did. `row` None: the message was a repetition."""

    answer: TransactionAnswer
    row: TransactionRow | None
    superseded: tuple[TransactionRow, ...] = ()


class Transactions:
    """Start-/StopTransaction and a transaction's MeterValues of 1.6, TransactionEvent of 2.x."""

    def __init__(self, context: Context, authorization: Authorization, metering: Metering) -> None:
        self._context = context
        self._authorization = authorization
        self._metering = metering

    async def told(self, state: StationState, said: TransactionMessage) -> TransactionAnswer:
        """Keep the message durably; then show what it changed, and answer."""
        context = self._context
        now = context.clock.now()
        elsewhere = self._authorization.elsewhere(state, said.token, said.station_transaction_id)
        station = (state.operator_id, state.station_id)
        kept = await context.store.write(
            lambda connection: self._keep(connection, station, said, elsewhere, now)
        )
        if kept.row is None:
            return kept.answer
        for old in kept.superseded:
            self._show(state, old, "Ended")
        if said.readings:
            self._metering.show(state, kept.row.evse_id, kept.row.transaction_id, said.readings)
        ended = kept.row.state == "ended"
        self._show(state, kept.row, "Ended" if ended else said.phase)
        if ended:
            self._forget_profiles(state, kept.row)
            meter = state.meters.get(kept.row.evse_id)
            if meter is not None and state.transaction_on(kept.row.evse_id) is None:
                meter.rest()
        return kept.answer

    # ------------------------------------------------------------ in the writer thread

    def _keep(
        self,
        connection: Connection,
        station: tuple[str, str],
        said: TransactionMessage,
        elsewhere: bool,
        now: datetime,
    ) -> _Kept:
        operator_id, station_id = station
        wire_id = said.station_transaction_id
        row: TransactionRow | None = None
        if wire_id is None:
            # A 1.6 start: its id is ours to give, so a repetition must be known before one is spent.
            found = journal.find(connection, operator_id, station_id, said.retry_key)
            if found is not None:
                return _Kept(_repeated(found), None)
            wire_id = str(transactions.next_wire_id(connection, operator_id))
        else:
            row = transactions.by_wire_id(connection, operator_id, station_id, wire_id)
            if row is not None and lifecycle.is_another(row, said):
                row = None
        known = row
        if row is None:
            row = lifecycle.begin(
                said,
                operator_id=operator_id,
                station_id=station_id,
                transaction_id=sortable_id(now),
                station_transaction_id=wire_id,
            )
        row = lifecycle.follow(row, said, self._context.settings.nominal_voltage_v)
        answer = self._answer(connection, said, row, elsewhere, now)
        result = journal.append(
            connection,
            TransactionRecord(
                operator_id=operator_id,
                station_id=station_id,
                received_at=now,
                kind=said.phase,
                retry_key=said.retry_key,
                transaction_id=row.transaction_id,
                payload=_encode(said),
                answer=_encode(answer),
            ),
        )
        if not result.fresh:
            return _Kept(_repeated(result), None)
        if known is not None:
            transactions.update_transaction(connection, row, known)
        else:
            transactions.insert_transaction(connection, row)
        return _Kept(answer, row, self._supersede(connection, row) if known is None else ())

    def _answer(
        self,
        connection: Connection,
        said: TransactionMessage,
        row: TransactionRow,
        elsewhere: bool,
        now: datetime,
    ) -> TransactionAnswer:
        verdict = None
        if said.token is not None:
            token = find_token(connection, row.operator_id, said.token.value)
            verdict = self._authorization.judge(token, elsewhere, now)
        return TransactionAnswer(station_transaction_id=row.station_transaction_id, authorization=verdict)

    def _supersede(self, connection: Connection, row: TransactionRow) -> tuple[TransactionRow, ...]:
        """Close older open transactions of the EVSE:
        it can't hold two, so an end was lost (or comes late).
        """
        if row.state != "open" or not row.evse_id:
            return ()
        closed = []
        for old in transactions.open_transactions(connection, row.operator_id, row.station_id, row.evse_id):
            if old.transaction_id != row.transaction_id and old.started_at < row.started_at:
                closed.append(lifecycle.supersede(old, row.started_at))
                transactions.update_transaction(connection, closed[-1])
        return tuple(closed)

    # ------------------------------------------------------------ in the event loop, after the commit

    def _show(self, state: StationState, row: TransactionRow, phase: TransactionPhase) -> None:
        context = self._context
        context.stations.put_transaction(state, row)
        context.refresh_connectors(state, row.evse_id)
        context.bus.publish(
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
                at=context.clock.now(),
            )
        )

    def _forget_profiles(self, state: StationState, row: TransactionRow) -> None:
        """A station drops a transaction's profiles at its end (K01.FR.04)."""
        now = self._context.clock.now()
        for profile_id, profile in tuple(state.profiles.items()):
            if profile.station_transaction_id == row.station_transaction_id:
                del state.profiles[profile_id]
                self._context.store.post(
                    lambda connection, gone=profile_id: profiles.mark_profile(  # type: ignore[misc]
                        connection, row.operator_id, row.station_id, gone, "cleared", now
                    )
                )


def _repeated(found: journal.JournalResult) -> TransactionAnswer:
    if found.answer is None:
        raise RuntimeError(f"journal row {found.journal_id} has no answer: it was not written by this block")
    return _answers.decode(found.answer)

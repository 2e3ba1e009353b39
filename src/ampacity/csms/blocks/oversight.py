"""Oversight: open transactions that will never end are closed, and what is missing of others is asked for.

Each `oversee_every_s` all open transactions are judged (`closing`) and those that miss messages are looked at
(`gaps`). A station that knows the question is asked (GetTransactionStatus) before anything is supposed. Each
closing, and each correction of one, is in the audit with its rule.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta

from ...store import StoreClosed, StoreUnavailable, audit
from ...store.transactions import TransactionRow, get_transaction, missing_numbers
from .. import closing, lifecycle
from ..closing import Closing, StationSigns
from ..context import Context
from ..dialects import dialect
from ..ledger import Ledger
from ..lives import Life, Lives
from ..part import Part
from ..state import StationState
from ..vocabulary import Command, GetTransactionStatus, Outcome, TransactionStatus
from .transactions import ACTOR, Transactions

log = logging.getLogger(__name__)

STATIONS_AT_ONCE = 100
"""Judged before everybody else gets a turn."""

GAPS_LOOKED_BACK = timedelta(days=60)
"""Transactions that began before are not asked about any more after a restart."""

_OVER = ("Available", "Unavailable")

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class Oversight:
    """`start` when the state is loaded, `run` beside, `stop` before the ledger. `send` carries a command out
    for the system."""

    def __init__(self, context: Context, transactions: Transactions, ledger: Ledger, send: Send) -> None:
        self._context = context
        self._transactions = transactions
        self._lives: Lives = transactions.lives
        self._ledger = ledger
        self._send = send
        self._began_at = context.clock.time()
        self._asking: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(start=self.start, stop=self.stop)

    async def start(self, operators: list[str]) -> None:
        """Take up the transactions that missed messages before the restart, then look each so often."""
        now = self._context.clock.time()
        since = datetime.fromtimestamp(now, UTC) - GAPS_LOOKED_BACK
        for operator_id in operators:
            for row in await self._context.store.read(
                lambda connection, owner=operator_id: missing_numbers(connection, owner, since)  # type: ignore[misc]
            ):
                if self._lives.get(row.transaction_id) is None:
                    self._lives.resume(row, now)
        self._running = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """End what is under way."""
        tasks = [*self._asking, *([self._running] if self._running is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        clock = self._context.clock
        while True:
            await clock.sleep(self._context.settings.oversee_every_s)
            try:
                await self.look()
            except (StoreUnavailable, StoreClosed) as trouble:
                log.warning("open transactions could not be looked at: %s", trouble)
            except Exception:
                log.exception("open transactions could not be looked at")

    async def look(self) -> None:
        """Judge everything once."""
        for number, state in enumerate(self._context.stations):
            if state.transactions:
                self._judge(state)
            if number % STATIONS_AT_ONCE == STATIONS_AT_ONCE - 1:
                await asyncio.sleep(0)
        await self._fill_gaps()

    # ------------------------------------------------------------ transactions without an end

    def _judge(self, state: StationState) -> None:
        now = self._context.clock.time()
        rows = {row.transaction_id: row for row in state.transactions.values()}
        verdict = closing.judge(
            [self._lives.seen(row) for row in rows.values()],
            {state.station_id: self._signs(state)},
            now,
            self._context.settings.closing,
        )
        for found in verdict.close:
            self._close(state, rows[found.transaction_id], found)
        for transaction_id in verdict.ask:
            life = self._lives.get(transaction_id)
            if life is not None:
                self._ask(state, transaction_id, life)

    def _signs(self, state: StationState) -> StationSigns:
        booted_at = state.booted_at
        return StationSigns(
            station_id=state.station_id,
            online=state.online,
            seen_at=max(state.seen_at or 0.0, self._began_at),
            booted_at=None
            if booted_at is None or state.boot_reason == "Triggered"
            else booted_at.timestamp(),
            statuses=_statuses(state),
            can_be_asked=self._can_be_asked(state),
        )

    def _can_be_asked(self, state: StationState) -> bool:
        return (
            self._context.settings.ask_for_transactions
            and state.online
            and state.version is not None
            and dialect(state.version).tells_transaction_status
        )

    async def close(self, state: StationState, transaction_id: str, actor: str, why: str) -> bool:
        """Close an open transaction for a person, as of its last word; returns whether there was one."""
        row = next((row for row in state.transactions.values() if row.transaction_id == transaction_id), None)
        if row is None:
            return False
        found = Closing(
            transaction_id=transaction_id,
            station_id=state.station_id,
            rule="person",
            at=row.updated_at.timestamp(),
            why=why,
        )
        store = self._context.store
        detail = self._detail(row, found) | {"why": why}
        target = f"transaction/{transaction_id}"
        audit_id = await audit.record(store, row.operator_id, actor, "close_transaction", target, detail)
        self._let_end(state, state.transactions.get(row.station_transaction_id, row), found)
        await audit.complete(store, row.operator_id, audit_id, "done", why)
        return True

    def _close(self, state: StationState, row: TransactionRow, found: Closing) -> None:
        self._let_end(state, row, found)
        store, detail = self._context.store, self._detail(row, found)
        target = f"transaction/{row.transaction_id}"
        audit_id = audit.post_record(store, row.operator_id, ACTOR, "close_transaction", target, detail)
        audit.post_complete(store, row.operator_id, audit_id, "done", found.why)

    def _let_end(self, state: StationState, row: TransactionRow, found: Closing) -> None:
        closed = lifecycle.supersede(row, datetime.fromtimestamp(found.at, UTC), found.reason)
        log.info("station %s: transaction %s is closed: %s", state.station_id, row.transaction_id, found.why)
        self._transactions.close(state, row, closed)
        self._ledger.put(closed)
        self._lives.forget_if_done(row.transaction_id)

    def _detail(self, row: TransactionRow, found: Closing) -> dict[str, object]:
        return {
            "station": row.station_id,
            "wire_id": row.station_transaction_id,
            "rule": found.rule,
            "ended_at": datetime.fromtimestamp(found.at, UTC),
            "energy_wh": row.energy_wh,
        }

    # ------------------------------------------------------------ missing messages

    async def _fill_gaps(self) -> None:
        now = self._context.clock.time()
        for transaction_id, life, watch in self._lives.with_holes():
            state = self._context.stations.get(life.station_id)
            if state is None or life.asking:
                continue
            step = watch.step(now, online=state.online)
            if step == "incomplete":
                await self._flag(state, transaction_id)
            elif step == "ask":
                if self._can_be_asked(state):
                    self._ask(state, transaction_id, life)
                else:
                    watch.answered(None, now)

    def _ask(self, state: StationState, transaction_id: str, life: Life) -> None:
        if life.asking:
            return
        life.asking = True
        task = asyncio.ensure_future(self._question(state, transaction_id, life))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _question(self, state: StationState, transaction_id: str, life: Life) -> None:
        ongoing: bool | None = None
        queued: bool | None = None
        try:
            outcome = await self._send(
                state, GetTransactionStatus(station_transaction_id=life.station_transaction_id), ACTOR
            )
            if isinstance(outcome.data, TransactionStatus):
                ongoing, queued = outcome.data.ongoing, outcome.data.messages_in_queue
        finally:
            life.asking = False
            now = self._context.clock.time()
            life.ongoing, life.answered_at = ongoing, now
            if life.watch is not None and life.watch.has_hole:
                life.watch.answered(queued, now)
        if life.watch is not None and life.watch.incomplete:
            await self._flag(state, transaction_id)

    async def _flag(self, state: StationState, transaction_id: str) -> None:
        """What is missing will not come: say so in the transaction's row."""
        life = self._lives.get(transaction_id)
        row = None if life is None else await self._ledger.transaction(state, life.station_transaction_id)
        if row is None or row.transaction_id != transaction_id:  # the station used its id again
            row = await self._context.store.read(
                lambda connection: get_transaction(connection, state.operator_id, transaction_id)
            )
        if row is None or row.incomplete:
            return
        flagged = copy(row)
        flagged.incomplete = True
        log.warning(
            "station %s: messages %s of transaction %s will not come",
            state.station_id,
            row.missing,
            transaction_id,
        )
        if flagged.state == "open":
            state.transactions[flagged.station_transaction_id] = flagged
        else:
            self._lives.forget_if_done(transaction_id)
        self._ledger.put(flagged)


def _statuses(state: StationState) -> Mapping[int, tuple[str, float]]:
    """Each EVSE's newest word. One with several connectors is free when all of them are."""
    found: dict[int, tuple[str, float]] = {}
    for (evse_id, _), (status, at) in state.heard_statuses.items():
        known = found.get(evse_id)
        if known is None:
            found[evse_id] = (status, at)
        elif (known[0] in _OVER) != (status in _OVER):
            found[evse_id] = (status, at) if status not in _OVER else known
        elif at > known[1]:
            found[evse_id] = (status, at)
    return found

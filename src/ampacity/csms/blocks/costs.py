"""Tariff and cost: what a charge costs, told to its station while it goes on and when it has ended.

A transaction has the price that its token, EVSE, station or everybody had when it began; so its cost follows
from its row, and is the same whenever it is asked. What is not known is not told: no price, no cost (0 would
say that it was free, I03.FR.04); energy that nobody metered, no cost where energy has a price.

A running cost goes with the answer to a transaction's message, once in `tell_cost_every_s`. Where none comes
for `push_cost_every_s` a station that shows costs is told by CostUpdated. The final cost is in the answer to
the end, which the journal keeps: a repeated end is told the same.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from ...model.station import IdToken
from ...pricing import Cost, Price, PriceBook, PriceEntry, Prices, cost_of
from ...store import Store
from ...store.prices import PriceRow, list_prices
from ...store.transactions import TransactionRow
from .. import lifecycle
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    AuthorizationAnswer,
    Command,
    CostUpdated,
    Outcome,
    TransactionMessage,
    VariableRef,
)

log = logging.getLogger(__name__)

ACTOR = "system cost"
LONGEST_MESSAGE = 512
"""Characters of a personal message."""

TOLD_AT_ONCE = 100
"""Stations: one that does not answer holds up no more than these."""

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]

_MICROSECOND = timedelta(microseconds=1)


class Costs:
    """`start` when the operators are known, `stop` with the rest. `send` carries a command out for the
    system. `prices` may be replaced by whatever else knows them; `book` holds those of the store."""

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send
        self.book = PriceBook()
        self.prices: Prices = self.book
        self._told: dict[str, tuple[float, Decimal]] = {}
        """Transaction -> when its running cost was told last, and what it was."""
        self._running: asyncio.Task[None] | None = None

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(start=self.start, stop=self.stop)

    async def start(self, operators: list[str]) -> None:
        """Load the prices, and tell costs until `stop`."""
        await self.load(self._context.store, operators)
        self._running = asyncio.ensure_future(self._run())

    async def load(self, store: Store, operators: list[str]) -> None:
        """Read all prices of these operators."""
        for operator_id in operators:
            rows = await store.read(
                lambda connection, owner=operator_id: list_prices(connection, owner)  # type: ignore[misc]
            )
            for row in rows:
                self.take(row)

    def take(self, row: PriceRow) -> None:
        """Let a price count that is in the store."""
        self.book.set(row.operator_id, entry_of(row))

    async def stop(self) -> None:
        """Tell nothing more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    # ------------------------------------------------------------ what it costs

    def concern(self, operator_id: str) -> bool:
        """Whether the operator has prices: where there are none nothing needs to be worked out."""
        return self.prices.any_for(operator_id)

    def cost(self, row: TransactionRow, now: datetime) -> Cost | None:
        """What a transaction costs (until `now` while it is open); None where that is not known."""
        price = self._price(row, row.evse_id)
        if price is None:
            return None
        metered = row.register_start_wh is not None and row.register_last_wh is not None
        lasted = max((row.ended_at or now) - row.started_at, timedelta(0)) // _MICROSECOND
        return cost_of(price, row.billed_energy_wh if metered else None, Decimal(lasted).scaleb(-6))

    def _price(self, row: TransactionRow, evse_id: int) -> Price | None:
        token = None if row.token is None else row.token.value
        return self.prices.price(row.operator_id, row.station_id, evse_id, token, row.started_at)

    # ------------------------------------------------------------ told in answers

    def due(
        self, before: TransactionRow | None, row: TransactionRow, said: TransactionMessage
    ) -> Decimal | None:
        """The cost that the answer to a message tells, None for none. `row` is the transaction after it."""
        if said.phase == "Ended":
            told = before is not None and before.state == "ended" and not lifecycle.supposed(before)
            if row.state != "ended" or told:
                return None  # an end of a transaction whose end was told before
            total = self._total(row)
            self._told.pop(row.transaction_id, None)
            return total
        if said.phase == "Started" or row.state != "open" or said.offline:
            return None
        now = self._context.clock.monotonic()
        last = self._told.get(row.transaction_id)
        if last is not None and now - last[0] < self._context.settings.tell_cost_every_s:
            return None
        total = self._total(row)
        if total is not None:
            self._told[row.transaction_id] = (now, total)
        return total

    def _total(self, row: TransactionRow) -> Decimal | None:
        cost = self.cost(row, self._context.clock.now())
        return None if cost is None else cost.total

    def new_text(
        self, state: StationState, before: TransactionRow | None, row: TransactionRow
    ) -> Price | None:
        """The price whose text the driver has not seen: the EVSE's, once it is known where the car is
        (I06.FR.02)."""
        if before is None or before.evse_id or not row.evse_id or not shows_text(state):
            return None
        price = self._price(row, row.evse_id)
        shown = self._price(row, 0)
        if price is None or not price.text or (shown is not None and shown.text == price.text):
            return None
        return price

    def with_price(
        self, state: StationState, verdict: AuthorizationAnswer, token: IdToken, evse_id: int
    ) -> AuthorizationAnswer:
        """A good verdict with the text of the token's price, for a station that can show it (I01.FR.02)."""
        if verdict.status != "Accepted" or not self.concern(state.operator_id) or not shows_text(state):
            return verdict
        now = self._context.clock.now()
        price = self.prices.price(state.operator_id, state.station_id, evse_id, token.value, now)
        if price is None or not price.text:
            return verdict
        if not verdict.message:
            return replace(verdict, message=price.text, language=verdict.language or price.language)
        both = f"{verdict.message}\n{price.text}"
        return replace(verdict, message=both) if len(both) <= LONGEST_MESSAGE else verdict

    def ended(self, state: StationState, row: TransactionRow) -> None:
        """Nothing is told of it any more."""
        self._told.pop(row.transaction_id, None)

    # ------------------------------------------------------------ told by ourselves

    async def _run(self) -> None:
        clock = self._context.clock
        while True:
            await clock.sleep(self._context.settings.tell_cost_every_s)
            try:
                await self.push()
            except Exception:
                log.exception("running costs could not be told")

    async def push(self) -> None:
        """Tell the running costs that no answer has told for long enough."""
        news = [
            (state, command)
            for state in self._context.stations
            if self.concern(state.operator_id) and state.online and state.transactions and shows_cost(state)
            for command in self._news(state)
        ]
        for start in range(0, len(news), TOLD_AT_ONCE):
            await asyncio.gather(
                *(self._send(state, command, ACTOR) for state, command in news[start : start + TOLD_AT_ONCE])
            )

    def _news(self, state: StationState) -> Iterator[CostUpdated]:
        now = self._context.clock.monotonic()
        for row in state.transactions.values():
            told_at, told = self._told.get(row.transaction_id, (-math.inf, None))
            if now - told_at < self._context.settings.push_cost_every_s:
                continue
            total = self._total(row)
            if total is not None and total != told:
                self._told[row.transaction_id] = (now, total)
                yield CostUpdated(station_transaction_id=row.station_transaction_id, total_cost=total)


def entry_of(row: PriceRow) -> PriceEntry:
    """A stored price as the book has it."""
    price = None
    if row.currency is not None:
        price = Price(
            currency=row.currency,
            per_kwh=row.per_kwh or Decimal(0),
            per_minute=row.per_minute or Decimal(0),
            text=row.text or "",
            language=row.language or "en",
        )
    return PriceEntry(scope=row.scope, scope_id=row.scope_id, valid_from=row.valid_from, price=price)


def shows_cost(state: StationState) -> bool:
    """Whether the station has said that it shows running costs."""
    return _says_yes(state, "TariffCostCtrlr", "Enabled", "Cost") or _says_yes(
        state, "TariffCostCtrlr", "Available", "Cost"
    )


def shows_text(state: StationState) -> bool:
    """Whether the station has said that it shows tariffs or messages."""
    return (
        _says_yes(state, "TariffCostCtrlr", "Enabled", "Tariff")
        or _says_yes(state, "TariffCostCtrlr", "Available", "Tariff")
        or _says_yes(state, "DisplayMessageCtrlr", "Available", None)
        or _says_yes(state, "DisplayMessageCtrlr", "Enabled", None)
    )


def _says_yes(state: StationState, component: str, variable: str, instance: str | None) -> bool:
    ref = VariableRef(component=component, variable=variable, variable_instance=instance)
    known = state.variables.get(ref)
    return known is not None and (known.value or "").lower() == "true"

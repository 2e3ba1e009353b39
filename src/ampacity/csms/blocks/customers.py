"""Customer information: what a station knows of a customer, told or forgotten on request (N09, N10).

What it tells is personal data. It is in no log and no audit of ours but the customer's own report, which is
short-lived and can be removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from ...model.station import IdToken
from ...store import customer_reports as rows
from ...store.customer_reports import CustomerReport
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import Acknowledged, CustomerInformation, CustomerPart, Outcome
from .reports import Reports

log = logging.getLogger(__name__)

Forgotten = Callable[[StationState, IdToken], Awaitable[None]]


class Customers:
    """CustomerInformation and NotifyCustomerInformation. `forgotten` are called for a token that a station
    was told to forget: its local list must follow (N10.FR.02).
    """

    def __init__(self, context: Context, reports: Reports) -> None:
        self._context = context
        self._reports = reports
        self.forgotten: list[Forgotten] = []
        self._following: set[asyncio.Task[None]] = set()

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={CustomerPart: self.told},
            precedes={CustomerInformation: (self.asking,)},
            follows={CustomerInformation: (self.asked,)},
            start=self.start,
            stop=self.stop,
        )

    async def start(self, operators: list[str]) -> None:
        """Say of what was awaited before a restart that it will not come."""
        now = self._context.clock.now()
        for operator_id in operators:
            await self._context.store.write(
                lambda connection, owner=operator_id: rows.abandon_reports(connection, owner, now)  # type: ignore[misc]
            )

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def asking(self, state: StationState, command: CustomerInformation, actor: str) -> None:
        """A question is about to be sent: keep it, without whom it is about."""
        report = CustomerReport(
            operator_id=state.operator_id,
            station_id=state.station_id,
            request_id=command.request_id,
            asked_at=self._context.clock.now(),
            asked_by=actor,
            reported=command.report,
            cleared=command.clear,
            state="asked",
        )
        await self._context.store.write(lambda connection: rows.save_report(connection, report))

    def asked(self, state: StationState, command: CustomerInformation, outcome: Outcome) -> None:
        """The station answered."""
        word = "waiting" if outcome.accepted else "refused" if outcome.result != "timeout" else "waiting"
        self._follow(self._answered(state, command, word))
        if outcome.accepted and command.clear and command.token is not None:
            for forgotten in self.forgotten:
                self._follow(forgotten(state, command.token))

    async def _answered(self, state: StationState, command: CustomerInformation, word: Any) -> None:
        def unit(connection: Any) -> None:
            kept = rows.get_report(connection, state.operator_id, state.station_id, command.request_id)
            if kept is not None and kept.state == "asked":
                over = self._context.clock.now() if word == "refused" else None
                rows.save_report(connection, replace(kept, state=word, finished_at=over))

        await self._context.store.write(unit)
        if word == "waiting":
            self._follow(self._see_to_the_end(state, command))

    async def _see_to_the_end(self, state: StationState, command: CustomerInformation) -> None:
        """Say so when parts stay missing."""
        report = await self._reports.finished(state, command.request_id)
        if report is None or report.state != "incomplete":
            return

        def unit(connection: Any) -> None:
            kept = rows.get_report(connection, state.operator_id, state.station_id, command.request_id)
            if kept is not None:
                over = self._context.clock.now()
                rows.save_report(connection, replace(kept, state="incomplete", finished_at=over))

        await self._context.store.write(unit)

    async def told(self, state: StationState, said: CustomerPart) -> Acknowledged:
        """Keep a part, durably."""
        first = self._reports.first_id(state, said.request_id)

        def unit(connection: Any) -> None:
            kept = rows.get_report(connection, state.operator_id, state.station_id, first)
            if kept is not None:
                parts = dict(kept.parts) | {said.seq_no: said.data}
                state_now = "waiting" if kept.state == "asked" else kept.state
                rows.save_report(connection, replace(kept, parts=tuple(parts.items()), state=state_now))

        await self._context.store.write(unit)
        report = self._reports.told(state, said.request_id, said.seq_no, said.to_be_continued, 1)
        if report is not None and report.state == "complete":

            def finish(connection: Any) -> None:
                kept = rows.get_report(connection, state.operator_id, state.station_id, first)
                if kept is not None and kept.state != "complete":
                    over = self._context.clock.now()
                    rows.save_report(connection, replace(kept, state="complete", finished_at=over))

            await self._context.store.write(finish)
        return Acknowledged()

    def _follow(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._following.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._following.discard(task)
            if not task.cancelled() and task.exception() is not None:
                log.error("customer information could not be followed up", exc_info=task.exception())

        task.add_done_callback(done)

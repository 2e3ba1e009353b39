"""Reservations: an EVSE is kept free for a driver until a time.

    requested --accepted--> active --a transaction uses it--> used
        |                     |----its time passes----------> expired (told by the station, or by our clock)
        |                     |----the driver came, no start-> no_show
        |                     |----cancelled by us-----------> cancelled
        |                     '----a fault, or unknown there-> removed
        '--refused, or never sent--> refused

- A row is written before the station is asked; what it answers is written after. A request without an answer
  stays requested: the station may hold it. Its time passes all the same.
- A transaction says which reservation it uses; where it names none, that of its token for its EVSE is meant:
  not every station says it. One that is told late still counts if it began in time.
- Our own clock ends what no station ended, `GRACE_S` after its time, so that its word comes first.
- `no_show` is also a mark of an expired one: the station was connected and its EVSE in order when the time
  passed, so it was the driver who did not come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from ...store import StoreClosed
from ...store import reservations as rows
from ...store.reservations import ReservationRow, ReservationState
from ...store.tokens import token_key
from ...store.transactions import TransactionRow
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Acknowledged,
    CancelReservation,
    Outcome,
    ReservationUpdate,
    ReserveNow,
    TransactionMessage,
)

log = logging.getLogger(__name__)

GRACE_S = 30.0
LOOK_EVERY_S = 15.0

EARLY = timedelta(hours=1)
"""Clocks of stations may be off by so much; what began before it was reserved is another story."""

_Key = tuple[str, int]


class Reservations:
    """ReserveNow, CancelReservation, ReservationStatusUpdate. `start` when the state is loaded."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._live: dict[_Key, ReservationRow] = {}
        """Those that a station may hold, by operator and id."""
        self._unwritten = False
        self._running: asyncio.Task[None] | None = None

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={ReservationUpdate: self.updated},
            prepares={ReserveNow: self.prepare},
            settles={ReserveNow: self.reserved, CancelReservation: self.cancelled},
            start=self.start,
            stop=self.stop,
        )

    async def start(self, operators: list[str]) -> None:
        """Load what is live, and look each so often for what has expired."""
        for operator_id in operators:
            for row in await self._context.store.read(
                lambda connection, owner=operator_id: rows.list_reservations(  # type: ignore[misc]
                    connection, owner, states=rows.LIVE
                )
            ):
                self._live[operator_id, row.reservation_id] = row
        self._running = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """End what is under way."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def of_station(self, state: StationState) -> tuple[ReservationRow, ...]:
        """What a station may hold, by number."""
        return tuple(
            row
            for (operator_id, _), row in sorted(self._live.items())
            if operator_id == state.operator_id and row.station_id == state.station_id
        )

    async def written(self) -> None:
        """Return when the table holds what is known now."""
        if self._unwritten:
            self._unwritten = False
            await self._context.store.write(lambda connection: None)  # behind what was posted

    # ------------------------------------------------------------ what stations are told

    async def prepare(self, state: StationState, command: ReserveNow, actor: str) -> ReserveNow:
        """Write a request before it is sent; a new one gets its number."""
        now = self._context.clock.now()

        def write(connection: Connection) -> ReservationRow:
            number = command.reservation_id or rows.next_reservation_id(connection, state.operator_id)
            row = self._row(state, replace(command, reservation_id=number), actor)
            known = rows.get_reservation(connection, state.operator_id, number)
            if known is None or known.state not in rows.LIVE:
                rows.save_reservation(connection, row)
            return row

        row = await self._context.store.write(write)
        self._live.setdefault((state.operator_id, row.reservation_id), replace(row, changed_at=now))
        return replace(command, reservation_id=row.reservation_id)

    def reserved(self, state: StationState, command: ReserveNow, outcome: Outcome) -> None:
        """What a station made of a request; one that it already held is replaced only if it accepts."""
        known = self._live.get((state.operator_id, command.reservation_id))
        actor = "" if known is None else known.created_by
        row = self._row(state, command, actor)
        if known is not None:
            row = replace(row, created_at=known.created_at)
        if outcome.accepted:
            self._put(replace(row, state="active", detail=""))
        elif known is not None and known.state == "requested":
            said = f"{outcome.status} {outcome.detail}".strip()
            if outcome.result == "timeout":  # it may hold it
                self._put(replace(known, detail=said or "no answer"))
            else:
                self._put(replace(known, state="refused", detail=said or outcome.result))

    def cancelled(self, state: StationState, command: CancelReservation, outcome: Outcome) -> None:
        """What a station made of a cancellation."""
        known = self._live.get((state.operator_id, command.reservation_id))
        if known is None or known.station_id != state.station_id:
            return
        if outcome.accepted:
            self._end(known, "cancelled")
        elif outcome.result == "rejected":  # it holds no such reservation (H02.FR.01)
            self._end(known, "removed", f"not known to the station ({outcome.status})")

    # ------------------------------------------------------------ what stations tell

    async def updated(self, state: StationState, said: ReservationUpdate) -> Acknowledged:
        """A reservation ended at the station."""
        known = self._live.get((state.operator_id, said.reservation_id))
        if known is not None and known.station_id == state.station_id:
            if said.status == "Removed":
                self._end(known, "removed", "removed by the station")
            elif said.status == "NoTransaction":
                self._end(known, "no_show", "the driver came and did not charge", no_show=True)
            else:
                self._end(known, "expired", no_show=self._in_order(state, known))
            await self.written()
        return Acknowledged()

    def used(self, state: StationState, said: TransactionMessage, row: TransactionRow) -> None:
        """A transaction's message was kept: its reservation, if it has one, is used."""
        number = said.reservation_id
        if number is None:
            if said.phase != "Started" or row.token is None or said.offline:
                return
            number = self._meant(state, row)
        if number is None or not 0 < number <= rows.LAST_ID:  # none of ours
            return
        known = self._live.pop((state.operator_id, number), None)
        if known is not None and known.station_id != state.station_id:
            self._live[state.operator_id, number] = known
            return
        operator_id, now = state.operator_id, self._context.clock.now()

        def write(connection: Connection) -> None:
            rows.use_reservation(
                connection,
                operator_id,
                state.station_id,
                number,
                row.transaction_id,
                now,
            )

        self._post(write)

    def _meant(self, state: StationState, row: TransactionRow) -> int | None:
        """The reservation of a transaction's token that fits its EVSE best."""
        assert row.token is not None
        fitting = [
            known
            for known in self.of_station(state)
            if known.state == "active"
            and known.evse_id in (None, row.evse_id)
            and token_key(known.token.value) == token_key(row.token.value)
            and known.created_at - EARLY <= row.started_at <= known.expires_at
        ]
        fitting.sort(key=lambda known: (known.evse_id is None, known.expires_at))
        return fitting[0].reservation_id if fitting else None

    # ------------------------------------------------------------ our own clock

    async def _run(self) -> None:
        while True:
            await self._context.clock.sleep(LOOK_EVERY_S)
            try:
                self.look()
            except StoreClosed:
                return
            except Exception:
                log.exception("reservations could not be looked at")

    def look(self) -> None:
        """Let go what has expired."""
        over = self._context.clock.now() - timedelta(seconds=GRACE_S)
        for row in [row for row in self._live.values() if row.expires_at <= over]:
            state = self._context.stations.get(row.station_id)
            came = row.state == "active" and state is not None and self._in_order(state, row)
            self._end(row, "expired", row.detail, no_show=came)

    def _in_order(self, state: StationState, row: ReservationRow) -> bool:
        places = (row.evse_id,) if row.evse_id else state.evse_ids
        working = [evse for evse in places if state.evse_status(evse) not in ("Faulted", "Unavailable")]
        return state.online and bool(working)

    # ------------------------------------------------------------ rows

    def _row(self, state: StationState, command: ReserveNow, actor: str) -> ReservationRow:
        now = self._context.clock.now()
        return ReservationRow(
            operator_id=state.operator_id,
            reservation_id=command.reservation_id,
            station_id=state.station_id,
            evse_id=command.evse_id or None,
            connector_type=command.connector_type,
            token=command.token,
            group=command.group,
            expires_at=command.expires_at,
            state="requested",
            created_by=actor,
            created_at=now,
            changed_at=now,
        )

    def _end(
        self, row: ReservationRow, state: ReservationState, detail: str = "", *, no_show: bool = False
    ) -> None:
        self._put(replace(row, state=state, detail=detail, no_show=no_show))

    def _put(self, row: ReservationRow) -> None:
        row = replace(row, changed_at=self._context.clock.now())
        key = (row.operator_id, row.reservation_id)
        if row.state in rows.LIVE:
            self._live[key] = row
        else:
            self._live.pop(key, None)
        self._post(lambda connection: rows.save_reservation(connection, row))

    def _post(self, unit: Callable[[Connection], object]) -> None:
        self._unwritten = True
        self._context.store.post(unit)

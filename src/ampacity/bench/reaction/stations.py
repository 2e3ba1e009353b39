"""Stations as bare sockets: OCPP 1.6, one EVSE each, whose car draws what the station was told.

They do what a node expects of a station (boot, start, tell values, take limits, tell composite schedules)
and nothing else, so that one process plays a thousand and notes when a limit has arrived rather than when it
was found time for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import picows
from picows import WSFrame, WSMsgType, WSTransport

from ..report import BenchFailed
from .site import MAX_A

CONNECTING_AT_ONCE = 32
ANSWER_LIMIT_S = 60.0
VALUES_S = (10.0, 30.0)
"""Each station tells its values so often."""
FALLS_AFTER_S = 0.3
"""A car takes so long to obey a lower limit."""
SHOWN_S = (0.5, 2.0)
"""So long after a new limit a station tells what its car draws, besides. Steps of the base come so quickly
here that the law would otherwise count on draws of before the last cut, and cut too little."""

_QUIET = logging.getLogger("ampacity.bench.picows")
_QUIET.setLevel(logging.CRITICAL)
_LIMIT = re.compile(rb'"limit":([0-9.]+)')


class StationFailed(BenchFailed):
    """A node did not do what every station may expect: the figures would mean nothing."""


class BareStation(picows.WSListener):
    """One station. `told(station, limit_a, at)` is called when a limit has arrived, before it is answered."""

    def __init__(
        self,
        number: int,
        identity: str,
        told: Callable[[BareStation, float, float], None],
        rng: random.Random,
    ) -> None:
        super().__init__()
        self.number = number
        self.identity = identity
        self.limit_a = 0.0
        self._rng = rng
        self._due: asyncio.Event = asyncio.Event()
        self._before_a, self._changed_at = 0.0, 0.0
        self._told = told
        self._ids = count(1)
        self._calls: dict[str, asyncio.Future[Any]] = {}
        self._transport: WSTransport | None = None
        self._transaction: int | None = None
        self._energy_wh = 0.0
        self._at = 0.0

    # ------------------------------------------------------------ the car

    def current_a(self, at: float) -> float:
        """What its car draws at monotonic second `at`: a lower limit is obeyed a little later."""
        if self._transaction is None:
            return 0.0
        return max(self.limit_a, self._before_a) if at - self._changed_at < FALLS_AFTER_S else self.limit_a

    def _limit(self, limit_a: float, at: float) -> None:
        self._before_a, self.limit_a, self._changed_at = self.current_a(at), limit_a, at

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        at = time.monotonic()
        if frame.msg_type != WSMsgType.TEXT:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        body = frame.get_payload_as_bytes()
        if body.startswith(b"[2") and b'"SetChargingProfile"' in body and b'"TxProfile"' in body:
            # The path that is measured: no more than what must be looked at.
            limit = _LIMIT.search(body)
            if limit is None:
                raise StationFailed(f"station {self.identity} was sent a profile without a limit: {body!r}")
            limit_a = float(limit[1])
            self._told(self, limit_a, at)
            self._limit(limit_a, at)
            self._due.set()
            self._answer(body.split(b'"', 2)[1].decode(), '{"status":"Accepted"}')
            return
        kind, message_id, *rest = json.loads(body)
        if kind == 2:
            self._answer(message_id, self._reply(rest[0], rest[1]))
        else:
            future = self._calls.pop(message_id, None)
            if future is None or future.done():
                return
            if kind == 3:
                future.set_result(rest[0])
            else:
                future.set_exception(StationFailed(f"station {self.identity} was refused: {rest}"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        for future in self._calls.values():
            if not future.done():
                future.set_exception(StationFailed(f"station {self.identity} lost its connection"))

    def _reply(self, action: str, payload: dict[str, Any]) -> str:
        match action:
            case "GetCompositeSchedule":
                limit = self.limit_a if self._transaction is not None else MAX_A
                return (
                    '{"status":"Accepted","connectorId":1,"scheduleStart":"'
                    + _moment()
                    + f'","chargingSchedule":{{"duration":{payload["duration"]},"chargingRateUnit":"A",'
                    f'"chargingSchedulePeriod":[{{"startPeriod":0,"limit":{limit}}}]}}}}'
                )
            case "GetConfiguration":
                return '{"configurationKey":[],"unknownKey":[]}'
            case "TriggerMessage":
                return '{"status":"Rejected"}'
            case _:
                return '{"status":"Accepted"}'

    def _answer(self, message_id: str, body: str) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, f'[3,"{message_id}",{body}]'.encode())

    # ------------------------------------------------------------ what it tells

    async def call(self, action: str, body: str) -> Any:
        """Send one call; returns the answer's payload."""
        if self._transport is None:
            raise StationFailed(f"station {self.identity} has no connection")
        message_id = f"{self.number}.{next(self._ids)}"
        future = self._calls[message_id] = asyncio.get_running_loop().create_future()
        self._transport.send(WSMsgType.TEXT, f'[2,"{message_id}","{action}",{body}]'.encode())
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await future

    async def boot(self) -> None:
        """Introduce itself."""
        await self.call(
            "BootNotification",
            f'{{"chargePointVendor":"Bench","chargePointModel":"Bare","chargePointSerialNumber":"{self.number}"}}',
        )
        await self.call("StatusNotification", '{"connectorId":1,"errorCode":"NoError","status":"Available"}')

    async def plug_in(self) -> None:
        """A car comes and charges."""
        self._at = time.monotonic()
        self._limit(MAX_A, self._at)
        answer = await self.call(
            "StartTransaction",
            f'{{"connectorId":1,"idTag":"CARD{self.number}","meterStart":{round(self._energy_wh)},'
            f'"timestamp":"{_moment()}"}}',
        )
        self._transaction = int(answer["transactionId"])
        await self.call("StatusNotification", '{"connectorId":1,"errorCode":"NoError","status":"Charging"}')
        await self.tell_values()

    async def unplug(self) -> None:
        """It leaves."""
        transaction, self._transaction = self._transaction, None
        await self.call(
            "StopTransaction",
            f'{{"transactionId":{transaction},"meterStop":{round(self._energy_wh)},"timestamp":"{_moment()}"}}',
        )
        await self.call("StatusNotification", '{"connectorId":1,"errorCode":"NoError","status":"Available"}')

    async def tell_values(self) -> None:
        """A MeterValues of what its car draws now."""
        at = time.monotonic()
        amperes = self.current_a(at)
        watts = 3 * 230.0 * amperes
        self._energy_wh += watts * (at - self._at) / 3600.0
        self._at = at
        phases = ",".join(
            f'{{"value":"{amperes:.1f}","measurand":"Current.Import","phase":"{phase}","unit":"A"}}'
            for phase in ("L1", "L2", "L3")
        )
        await self.call(
            "MeterValues",
            f'{{"connectorId":1,"transactionId":{self._transaction},"meterValue":[{{"timestamp":"{_moment()}",'
            f'"sampledValue":[{{"value":"{self._energy_wh:.0f}","measurand":"Energy.Active.Import.Register",'
            f'"unit":"Wh"}},{phases}]}}]}}',
        )

    async def charge(self) -> None:
        """Tell values until cancelled."""
        while True:
            self._due.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), self._rng.uniform(*VALUES_S))
                await asyncio.sleep(self._rng.uniform(*SHOWN_S))
            if self._transaction is not None:
                await self.tell_values()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.disconnect(False)


async def connect(stations: list[BareStation], port: int) -> None:
    """Open a socket for each and introduce it, some at a time."""
    turn = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def open_one(station: BareStation) -> None:
        async with turn:
            await picows.ws_connect(
                lambda: station,
                f"ws://127.0.0.1:{port}/ocpp/{station.identity}",
                extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"},
                websocket_handshake_timeout=ANSWER_LIMIT_S,
                read_buffer_init_size=2048,
                logger_name=_QUIET,
            )
            await station.boot()

    async with asyncio.TaskGroup() as opening:
        for station in stations:
            opening.create_task(open_one(station))


def _moment() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"

"""A gateway on a free port, with a handler whose every step a test decides."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from ampacity.bus import LocalBus
from ampacity.clock import WallClock
from ampacity.csms.link import (
    Admitted,
    HandshakeRejected,
    Line,
    NotAdmitted,
    OutboundCall,
    StationRef,
    station_address,
)
from ampacity.gateway import Gateway, GatewaySettings
from ampacity.model.events import MessagePassed, StationConnected, StationDisconnected
from ampacity.ocpp.messages import v16
from tests.gateway.asking import Asking

OPERATOR = "stadtwerke"
PASSWORDS = {"GUARDED": b"0123456789abcdef"}


class Script(Asking):
    """Answers 1.6 calls; `hold` keeps the answers back until the test lets them go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[str, Any]] = []
        self.done: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fail: Exception | None = None
        self.sent: list[str] = []

    async def respond(self, station: StationRef, action: str, payload: Any) -> Struct:
        self.begun.append((action, payload))
        await self.may_answer.wait()
        if self.fail is not None:
            raise self.fail
        self.done.append(action)
        if action == "DataTransfer":
            return v16.DataTransferResponse(status="Accepted", data=payload.data)
        return v16.CALLS[action][1]()

    def heard(self, station: StationRef, action: str, payload: Any) -> None:
        self.sent.append(action)


class Node:
    """What a test sees of the gateway."""

    def __init__(self, gateway: Gateway, bus: LocalBus, script: Script) -> None:
        self.gateway = gateway
        self.bus = bus
        self.script = script
        self.events: list[Any] = []
        for kind in (StationConnected, StationDisconnected, HandshakeRejected, MessagePassed):
            bus.subscribe(kind, self._take)

    def _take(self, event: Any) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    async def until(self, truth: Any, seconds: float = 30.0) -> None:
        """Return when `truth()` holds; polled each turn of the loop."""
        async with asyncio.timeout(seconds):
            while not truth():  # noqa: ASYNC110 (what is awaited is anything, also in the double)
                await asyncio.sleep(0.002)

    async def call(self, station_id: str, action: str, payload: Struct, **options: Any) -> Struct:
        call = OutboundCall(action, payload, **options)
        answer: Struct = await self.bus.request(station_address(OPERATOR, station_id), call)
        return answer


def credentials(identity: str, password: bytes | None, line: Line) -> Admitted | NotAdmitted:
    """`GUARDED` needs its password, whoever starts with `CP` may come in, nobody else."""
    if identity in PASSWORDS:
        if password is None:
            return NotAdmitted("password_missing")
        ok = password == PASSWORDS[identity]
        return Admitted(OPERATOR, identity, True) if ok else NotAdmitted("password_wrong")
    return Admitted(OPERATOR, identity, False) if identity.startswith("CP") else NotAdmitted("unknown")


@contextlib.asynccontextmanager
async def gateway_node(**settings: Any) -> AsyncIterator[Node]:
    """A started gateway. Settings are those of `GatewaySettings`."""
    bus, script = LocalBus(), Script()
    made = GatewaySettings(host="127.0.0.1", ocpp_port=0, **settings)
    gateway = Gateway(made, bus, WallClock(), credentials, script)
    await gateway.start()
    try:
        yield Node(gateway, bus, script)
    finally:
        script.may_answer.set()
        await gateway.stop()

"""A whole CSMS for a test: real store, real bus, real gateway on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from ampacity.bus import LocalBus
from ampacity.clock import Clock, WallClock
from ampacity.csms.service import Csms
from ampacity.csms.settings import CsmsSettings
from ampacity.csms.vocabulary import Command, Outcome
from ampacity.gateway import Gateway, GatewaySettings
from ampacity.model import events
from ampacity.store import Store

OPERATOR = "stadtwerke"


class World:
    """What a test sees."""

    def __init__(self, store: Store, bus: LocalBus, clock: Clock, csms: Csms, gateway: Gateway) -> None:
        self.store = store
        self.bus = bus
        self.clock = clock
        self.csms = csms
        self.gateway = gateway
        self.events: list[Any] = []
        for kind in (
            events.StationConnected,
            events.StationDisconnected,
            events.StationBooted,
            events.ConnectorChanged,
            events.TransactionChanged,
            events.MeterSampled,
        ):
            bus.subscribe(kind, self.events.append)

    @property
    def port(self) -> int:
        return self.gateway.port

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    async def command(self, station_id: str, command: Command, **options: Any) -> Outcome:
        return await self.csms.command(OPERATOR, station_id, command, "user:ada", **options)

    async def until(self, truth: Callable[[], Any], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not truth():  # noqa: ASYNC110 (what is awaited is anything)
                await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def world(place: Path | str, clock: Clock | None = None, **settings: Any) -> AsyncIterator[World]:
    """Open the database in the folder `place`, or at that address (again, after an earlier world), and serve
    stations.
    """
    clock = clock or WallClock()
    defaults = {"admit_unknown": True, "unknown_tokens": "accept", "onboard": False}
    store = await Store.open(place / "ampacity.db" if isinstance(place, Path) else place, clock)
    bus = LocalBus()
    csms = Csms(store, bus, clock, CsmsSettings(operator_id=OPERATOR, **(defaults | settings)))
    await csms.start()
    gateway = Gateway(
        GatewaySettings(host="127.0.0.1", ocpp_port=0), bus, clock, csms.credentials, csms, csms.record
    )
    await gateway.start()
    try:
        yield World(store, bus, clock, csms, gateway)
    finally:
        await gateway.stop()
        await csms.stop()
        await store.close()

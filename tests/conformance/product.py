"""The product, for scenarios that see it from outside only: a whole node on free ports, stations on its one
door and an HTTP client on its other. The clock can be put on, so that hours pass in no time.

This is the one module of the scenarios that imports the product, to start it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from ampacity.api.context import ApiSettings
from ampacity.clock import WallClock
from ampacity.csms.settings import CsmsSettings
from ampacity.gateway import GatewaySettings
from ampacity.node import Node
from ampacity.settings import NodeSettings

from .double import Double, station


class LeapClock(WallClock):
    """Real time that can be put on: `leap` lets what slept through it wake."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        return time.time() + self._ahead_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s

    def leap(self, seconds: float) -> None:
        """Let `seconds` be over."""
        self._ahead_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self.monotonic():
            sleeper = heapq.heappop(self._sleepers)[2]
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        leapt: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.monotonic() + seconds, next(self._order), leapt))
        await asyncio.wait((leapt,), timeout=seconds)
        leapt.cancel()


class Product:
    """A running node. `port` is the stations' door."""

    def __init__(self, node: Node, clock: LeapClock, api: httpx.AsyncClient) -> None:
        self._node = node
        self._clock = clock
        self.api = api

    @property
    def port(self) -> int:
        return self._node.gateway.port

    @property
    def ports(self) -> tuple[int, ...]:
        """Every door for stations."""
        return self._node.gateway.ports

    @property
    def now(self) -> datetime:
        """The node's time."""
        return self._clock.now()

    def at(self, seconds: float = 0.0) -> str:
        """The node's time `seconds` from now, as a station with a right clock writes it."""
        return wire_time(self.now + timedelta(seconds=seconds))

    def leap(self, seconds: float) -> None:
        """Let hours pass."""
        self._clock.leap(seconds)

    def station(
        self, identity: str, version: str = "1.6", **options: Any
    ) -> contextlib.AbstractAsyncContextManager[Double]:
        """Connect a double."""
        return station(self.port, identity, version, **options)

    async def get(self, path: str, **query: Any) -> Any:
        """What the API says below /api/v1."""
        answer = await self.api.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def key(self, role: Any) -> dict[str, str]:
        """The header of another program's requests, which may do what `role` may."""
        key, _ = await self._node.access.make_key("judge", role, "test")
        return {"authorization": f"Bearer {key}"}

    async def command(self, station_id: str, name: str, **body: Any) -> httpx.Response:
        """Tell a station something in the neutral words (POST .../commands/<name>), as a person's program."""
        return await self.api.post(f"/api/v1/stations/{station_id}/commands/{name}", json=body)

    async def ocpp(self, station_id: str, action: str, payload: dict[str, Any]) -> httpx.Response:
        """Tell a station an action of its OCPP version with exactly this payload."""
        return await self.api.post(f"/api/v1/stations/{station_id}/ocpp/{action}", json=payload)

    async def audit(self, station_id: str) -> list[dict[str, Any]]:
        """What was done to a station, the newest first."""
        page = await self.get("/audit", target=f"station/{station_id}")
        items: list[dict[str, Any]] = page["items"]
        return items

    async def transactions(self, station_id: str) -> list[dict[str, Any]]:
        """A station's transactions, the oldest first."""
        page = await self.get("/transactions", station_id=station_id)
        return list(reversed(page["items"]))

    async def transaction(self, station_id: str) -> dict[str, Any]:
        """The only one."""
        [found] = await self.transactions(station_id)
        return found

    async def series(self, transaction_id: str, measurand: str) -> list[tuple[float, float]]:
        """(epoch seconds, value) of a measurand's first line."""
        view = await self.get(f"/transactions/{transaction_id}/series", measurand=measurand)
        lines = view["lines"]
        return list(zip(lines[0]["at"], lines[0]["value"], strict=True)) if lines else []

    async def until(self, truth: Callable[[Any], Any], path: str, **query: Any) -> Any:
        """Ask the API until what it says is true of `truth`; returns it."""
        async with asyncio.timeout(30):
            while True:
                said = await self.get(path, **query)
                if truth(said):
                    return said
                await asyncio.sleep(0.02)


def wire_time(at: datetime) -> str:
    """As stations write it: UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def running(folder: Path, gateway: dict[str, Any] | None = None, **csms: Any) -> AsyncIterator[Product]:
    """A node over `folder` (again, after an earlier one); keyword arguments are settings of its CSMS,
    `gateway` those of its door.
    """
    clock = LeapClock()
    known = {"admit_unknown": True, "unknown_tokens": "accept", "onboard": False}
    settings = NodeSettings(
        data=str(folder),
        api=ApiSettings(host="127.0.0.1", port=0),
        gateway=msgspec.convert({"host": "127.0.0.1", "ocpp_port": 0} | (gateway or {}), GatewaySettings),
        csms=msgspec.convert(known | csms, CsmsSettings),
    )
    node = await Node.open(settings, clock)
    try:
        key, _ = await node.access.make_key("judge", "operator", "test")
        await node.start()
        assert node.http is not None
        async with httpx.AsyncClient(
            base_url=node.http.url, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        ) as api:
            yield Product(node, clock, api)
    finally:
        await node.stop()

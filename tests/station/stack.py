"""A station with cars on one side, the real gateway, CSMS and store on the other, on one fast clock."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ampacity.clock import ScaledClock
from ampacity.csms.vocabulary import Command, Outcome, Profile, SchedulePeriod, SetProfile
from ampacity.model import events
from ampacity.model.station import IdToken
from ampacity.ocpp.version import Version
from ampacity.simulation.cars import Car
from ampacity.simulation.fleet import FLEET
from ampacity.station import ChargingStation, EvseConfig, StationConfig
from ampacity.store import journal, transactions
from tests.csms.world import OPERATOR, World, world

VERSIONS = [version.value for version in Version]
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SPEED = 60.0
CARD = IdToken("CAFE01")
KINDS = {
    "AC1": EvseConfig(evse_id=1, phases=1),
    "AC3": EvseConfig(evse_id=1),
    "DC": EvseConfig(evse_id=1, max_a=80.0, dc_power_w=50_000.0),
}
TAKES_22_KW = next(kind for kind in FLEET if len(kind.ac_max_a) == 3 and kind.ac_max_a[2] >= 32.0)


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[ScaledClock]:
    """A running clock."""
    clock = ScaledClock(START, SPEED)
    runner = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        runner.cancel()


@contextlib.asynccontextmanager
async def running(station: ChargingStation) -> AsyncIterator[ChargingStation]:
    """Its line and its physics, and the proof that nothing of them is left behind."""
    before = asyncio.all_tasks()
    tasks = [asyncio.create_task(station.run()), asyncio.create_task(station.drive())]
    try:
        yield station
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(20.0):
            while left := [
                task
                for task in asyncio.all_tasks() - before
                if "ampacity/station" in str(getattr(task.get_coro(), "cr_code", ""))
            ]:
                await asyncio.wait(left)


def config(version: str, port: int, *evses: EvseConfig, **options: Any) -> StationConfig:
    options = {"sample_interval_s": 5.0, "boot_s": 3.0, "retry_interval_s": 2.0} | options
    return StationConfig(
        station_id="CP1",
        url=f"ws://127.0.0.1:{port}/ocpp",
        version=Version(version),
        evses=evses or (KINDS["AC3"],),
        **options,
    )


class Stack:
    """What a test sees and does."""

    def __init__(self, node: World, clock: ScaledClock, station: ChargingStation) -> None:
        self.node = node
        self.clock = clock
        self.station = station

    @property
    def state(self) -> Any:
        return self.node.csms.stations["CP1"]

    def car(self, **options: Any) -> Car:
        return Car(TAKES_22_KW, at_s=self.clock.time(), **({"soc": 0.3} | options))

    async def until(self, truth: Callable[[], Any], site_s: float = 200.0) -> None:
        """Wait for something to become true, within so much site time."""
        end = self.clock.monotonic() + site_s
        while not truth():
            assert self.clock.monotonic() < end, f"not within {site_s:g} s"
            await self.clock.sleep(0.2)

    async def charge(self, evse_id: int = 1, card: IdToken = CARD, **options: Any) -> Car:
        """Plug in, show a card, and wait until current flows and the CSMS knows it."""
        car = self.car(**options)
        self.station.plug_in(evse_id, car)
        assert await self.station.present(evse_id, card)
        await self.until(lambda: self.power_w(evse_id) > 3_000.0 and self.station.unsent == 0)
        return car

    def power_w(self, evse_id: int = 1) -> float:
        return self.station.bays[evse_id].hardware.power_w

    def current_a(self, evse_id: int = 1) -> float:
        return self.station.bays[evse_id].hardware.current_a[0]

    async def draws(self, amperes: float, evse_id: int = 1) -> None:
        await self.until(lambda: abs(self.current_a(evse_id) - amperes) < 0.2)

    async def told(self) -> None:
        """All transaction messages are answered."""
        await self.until(lambda: self.station.unsent == 0)

    async def command(self, command: Command, **options: Any) -> Outcome:
        return await self.node.command("CP1", command, **options)

    async def limit(self, *steps: tuple[int, float], evse_id: int = 1, **options: Any) -> Outcome:
        """Install `(start_s, amperes)` steps; a TxProfile unless told otherwise."""
        running = self.station.transaction_of(evse_id)
        defaults: dict[str, Any] = {
            "profile_id": 100 + evse_id,
            "stack_level": 1,
            "purpose": "TxProfile",
            "kind": "Absolute",
            "unit": "A",
            "start": self.station.clock.now() - timedelta(seconds=1),
            "station_transaction_id": running.wire_id if running is not None else None,
        }
        periods = tuple(SchedulePeriod(start_s=start_s, limit=limit) for start_s, limit in steps)
        profile = Profile(periods=periods, **(defaults | options))
        return await self.command(SetProfile(evse_id=evse_id, profile=profile))

    async def rows(self) -> list[transactions.TransactionRow]:
        await self.node.csms.written()
        found = await self.node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))
        return sorted(found, key=lambda row: row.started_at)

    async def journal(self) -> list[journal.JournalEntry]:
        return await self.node.store.read(lambda c: journal.entries(c, OPERATOR))

    def statuses(self, evse_id: int = 1, connector_id: int = 1) -> list[str]:
        """What the CSMS has shown of a connector, in order."""
        return [
            event.status
            for event in self.node.of(events.ConnectorChanged)
            if (event.evse_id, event.connector_id) == (evse_id, connector_id)
        ]

    async def nothing_is_lost(self) -> None:
        """Each message that was answered is in the journal once, each transaction holds what was drawn, and
        2.x's numbers have no gap.
        """
        entries = [entry for entry in await self.journal() if entry.kind != "Metered"]
        acknowledged = [item.phase for item in self.station.acknowledged]
        assert sorted(entry.kind for entry in entries) == sorted(acknowledged)
        rows = {row.station_transaction_id: row for row in await self.rows()}
        assert self.station.finished
        for session in self.station.finished:
            row = rows[session.wire_id]
            assert row.state == "ended"
            assert abs(row.energy_wh - session.drawn_wh) < 1.0
            assert not row.has_gap
        assert self.station.discarded == 0


@contextlib.asynccontextmanager
async def stack(
    folder: Path, version: str, *evses: EvseConfig, csms: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Stack]:
    """A booted station and its CSMS."""
    async with ticking() as clock, world(folder, clock, **(csms or {})) as node:
        station = ChargingStation(config(version, node.port, *evses, **options), clock, random.Random(7))
        async with running(station):
            whole = Stack(node, clock, station)
            await whole.until(lambda: station.connected and "CP1" in node.csms.stations)
            await whole.until(lambda: all(whole.statuses(evse.evse_id) for evse in station.config.evses))
            yield whole

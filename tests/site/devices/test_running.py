"""Devices at work over real sockets with a real store: leases, broken lines, the safe state at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from ampacity.clock import ScaledClock
from ampacity.control.types import DeviceTarget
from ampacity.model.devices import Device
from ampacity.site.devices import SiteDevices
from ampacity.site.devices.view import device_views
from ampacity.site.records import SiteRecords
from ampacity.store import Store
from tests.control.scene import site

from .simulated import SunSpecUnit, battery

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Stage:
    """A battery on a socket, a store, a clock that runs 30 times as fast."""

    def __init__(self, clock: ScaledClock, store: Store, unit: SunSpecUnit) -> None:
        self.clock, self.store, self.unit = clock, store, unit
        self.running: dict[str, asyncio.Task[None]] = {}

    def devices(self, holder: str, **changes: object) -> SiteDevices:
        device = battery(self.unit.port, **changes)
        records = SiteRecords(self.store, site())
        found = SiteDevices((device,), self.clock, records, holder)
        self.running[holder] = asyncio.create_task(found.run())
        return found

    async def end(self, holder: str) -> None:
        task = self.running.pop(holder)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = ScaledClock(START, 30.0)
    ticking = asyncio.create_task(clock.run())
    store = await Store.open(f"sqlite:///{tmp_path / 'ampacity.db'}", clock)
    unit = SunSpecUnit(701, 702, 704, 713)
    await unit.start()
    made = Stage(clock, store, unit)
    yield made
    for holder in tuple(made.running):
        await made.end(holder)
    await unit.stop()
    await store.close()
    ticking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticking


def tell(devices: SiteDevices, power_w: float) -> None:
    devices.follow({"b1": DeviceTarget("b1", power_w)})


async def test_a_command_is_written_read_back_and_left_safe_at_the_end(stage: Stage) -> None:
    devices = stage.devices("one")
    tell(devices, -3000.0)
    await stage.until(lambda: devices.states()["b1"].steered)
    state = devices.states()["b1"]
    assert (state.power_w, state.confirmed_w, state.soc_percent) == (-3000.0, -3000.0, 60.0)
    await stage.end("one")
    assert stage.unit.power_w == 0
    assert stage.unit.word(704, 20) == 1


async def test_one_master_at_a_time_and_the_next_follows_when_it_lets_go(stage: Stage) -> None:
    first = stage.devices("one")
    tell(first, 2000.0)
    await stage.until(lambda: first.states()["b1"].steered)
    second = stage.devices("two")
    tell(second, -5000.0)
    await stage.until(lambda: second.states()["b1"].online)
    assert not second.states()["b1"].steered
    view = device_views(structs.replace(site(), devices=(battery(1),)), second, stage.clock.monotonic())
    assert view[0].alarms == ("another program commands it",)
    assert stage.unit.power_w == -2000
    await stage.end("one")
    await stage.until(lambda: second.states()["b1"].steered)
    assert stage.unit.power_w == 5000


async def test_another_master_that_knows_no_lease_is_found_and_left(stage: Stage) -> None:
    devices = stage.devices("one")
    tell(devices, 2000.0)
    await stage.until(lambda: devices.states()["b1"].steered)
    stage.unit.another_master(4000)
    await stage.until(lambda: "foreign" in devices.runners["b1"].duty.alarms)
    written = len(stage.unit.writes)
    await stage.clock.sleep(40.0)
    await stage.end("one")
    assert len(stage.unit.writes) == written, "not even at the end: it is somebody else's"
    assert stage.unit.power_w == 4000


async def test_a_broken_line_is_opened_again_and_the_command_repeated(stage: Stage) -> None:
    devices = stage.devices("one")
    tell(devices, 2000.0)
    await stage.until(lambda: devices.states()["b1"].steered)
    await stage.unit.stop()
    await stage.until(lambda: devices.runners["b1"].failure is not None)
    await stage.until(lambda: not devices.states()["b1"].online)
    assert not devices.states()["b1"].online, "what it told grows old"
    stage.unit.set(704, 20, 0)
    stage.unit.power_w = 0
    await stage.unit.start()
    await stage.until(lambda: stage.unit.power_w == -2000 and devices.states()["b1"].steered)
    assert devices.runners["b1"].failure is None


@pytest.mark.parametrize("fault", ["refuses", "forgets"])
async def test_a_device_that_takes_no_command_is_never_steered(stage: Stage, fault: str) -> None:
    setattr(stage.unit, fault, True)
    devices = stage.devices("one")
    tell(devices, 2000.0)
    await stage.until(lambda: "refuses" in devices.runners["b1"].duty.alarms)
    assert not devices.states()["b1"].steered


async def test_a_device_that_is_only_read_is_never_written(stage: Stage) -> None:
    devices = stage.devices("one", commanded=False)
    tell(devices, 2000.0)
    await stage.until(lambda: devices.states()["b1"].online)
    await stage.clock.sleep(30.0)
    await stage.end("one")
    assert stage.unit.writes == []


async def test_a_device_can_be_changed_and_taken_away_while_the_site_runs(stage: Stage) -> None:
    devices = stage.devices("one")
    tell(devices, 2000.0)
    await stage.until(lambda: devices.states()["b1"].steered)
    changed: Device = battery(stage.unit.port, fallback_w=0.0, watchdog_s=20.0)
    await devices.replace("b1", changed)
    assert stage.unit.power_w == 0, "it was left safely"
    tell(devices, 1000.0)
    await stage.until(lambda: devices.states()["b1"].steered)
    assert stage.unit.word(704, 30) == 20
    await devices.replace("b1", None)
    assert devices.states() == {}
    assert stage.unit.power_w == 0


async def test_a_map_that_is_not_there_is_named_and_the_others_go_on(stage: Stage) -> None:
    devices = stage.devices("one", map="nobody")
    assert "nobody.toml" in devices.wrong["b1"]
    assert devices.states() == {}

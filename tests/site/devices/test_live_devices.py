"""A live site with devices on sockets: stations, a meter, two batteries (SunSpec and a map of registers) and
an inverter. What they do is measured by the meter, as everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from ampacity.clock import Clock
from ampacity.control.types import DeviceTarget
from ampacity.model.devices import Device
from ampacity.model.live import DeviceView
from ampacity.model.phases import PerPhase
from ampacity.site.devices import SiteDevices
from ampacity.site.records import SiteRecords
from ampacity.store import audit
from tests.site.live import OPERATOR, PERSON, LiveYard, yard
from tests.site.modbus.device import ModbusDevice, numbers

from .simulated import SunSpecUnit, battery, inverter

AMPERE_W = 690.0
MAP = """
name = "Store"
source = "made for this test"
watchdog = true
registers = [{ name = "power", address = 10, type = "int32", unit = "W" },
             { name = "soc", address = 12, type = "uint16", unit = "%", scale = 0.1 },
             { name = "state", address = 13, type = "uint16" }]
writes = [{ address = 20, type = "int32", value = "command", unit = "W", negate = true },
          { address = 22, type = "uint16", value = "watchdog", unit = "s" }]
"""


class MappedStore(ModbusDevice):
    """A battery with registers of its own: it counts what it gives, and forgets a command by its watchdog."""

    def __init__(self) -> None:
        super().__init__()
        self.holding = {10: 0, 11: 0, 12: 655, 13: 0, 20: 0, 21: 0, 22: 0}
        self._told_at: float | None = None
        self._told = False

    @property
    def draws_w(self) -> float:
        low = self.holding[11] | self.holding[10] << 16
        return float(low - (1 << 32) if low >> 31 else low)

    def _write(self, function: int, echo: bytes, words: dict[int, int]) -> bytes:
        answer = super()._write(function, echo, words)
        given = self.holding[21] | self.holding[20] << 16
        self._draw(-(given - (1 << 32) if given >> 31 else given))
        self._told = True
        return answer

    def _draw(self, power_w: int) -> None:
        self.holding.update(numbers(10, "i", power_w))

    def pass_time(self, at: float) -> None:
        self.holding[13] = int(at) % 7
        if self._told or self._told_at is None:
            self._told, self._told_at = False, at
        if 0 < self.holding[22] < at - self._told_at:
            self.holding.update(numbers(20, "i", 0))
            self._draw(0)


class Plant:
    """The devices, and what they draw together."""

    def __init__(self) -> None:
        self.sunspec = SunSpecUnit(701, 702, 704, 713)
        self.mapped = MappedStore()
        self.sun = SunSpecUnit(701, 702, 704)
        self.sun.sun_w = 0.0

    def draws_a(self) -> PerPhase:
        watts = self.mapped.draws_w - self.sunspec.power_w - self.sun.power_w
        return (watts / AMPERE_W,) * 3

    def devices(self, *names: str, **changes: Any) -> tuple[Device, ...]:
        common: dict[str, Any] = {"interval_s": 3.0, "watchdog_s": 45.0, "fallback_w": 0.0} | changes
        sun = {"interval_s": 3.0, "watchdog_s": 45.0}
        every = {
            "b1": lambda: battery(self.sunspec.port, **common),
            "b2": lambda: battery(self.mapped.port, device_id="b2", map="store", **common),
            "pv": lambda: inverter(self.sun.port, **sun),
        }
        return tuple(every[name]() for name in names)

    async def run(self, clock: Clock) -> None:
        while True:
            await clock.sleep(0.5)
            for unit in (self.sunspec, self.mapped, self.sun):
                unit.pass_time(clock.monotonic())


@contextlib.asynccontextmanager
async def live(
    folder: Path, stations: tuple[str, ...], names: tuple[str, ...], limit_a: float, **options: Any
) -> AsyncIterator[tuple[LiveYard, Plant]]:
    plant = Plant()
    (folder / "store.toml").write_text(MAP)
    units = (plant.sunspec, plant.mapped, plant.sun)
    for unit in units:
        await unit.start()
    try:
        async with yard(
            folder,
            *stations,
            limit_a=limit_a,
            maps=folder,
            devices_a=plant.draws_a,
            devices=plant.devices(*names, **options.pop("of_each", {})),
            **options,
        ) as it:
            it.beside(plant.run(it.clock))
            yield it, plant
    finally:
        for unit in units:
            await unit.stop()


def view(it: LiveYard, device_id: str) -> DeviceView:
    return next(found for found in it.controller.device_views() if found.device_id == device_id)


async def watch(it: LiveYard, seen: list[float], of: Callable[[PerPhase], float]) -> None:
    """Keep what flows at the connection, of its phases the largest or the least."""
    while True:
        seen.append(of(it.site_a))
        await it.clock.sleep(0.5)


async def deeds(it: LiveYard) -> list[str]:
    """What was done to devices and the site, the newest first."""
    rows = await it.node.store.read(lambda c: audit.list_audit(c, OPERATOR))
    return [row.action for row in rows if row.target.startswith(("device/", "site/"))]


async def test_batteries_cover_a_peak_and_when_one_dies_the_cars_pay_for_it(tmp_path: Path) -> None:
    """80 A, two cars of 32 A. The building rises from 10 to 30 A: 16 A are missing below the margin, which
    two batteries of 14.5 A give, so that the cars go on with all that they take. Then a battery's line
    breaks: it may stop giving at any moment, and does when its own watchdog ends its command."""
    async with live(tmp_path, ("A", "B"), ("b1", "b2"), 80.0, lease_s=120.0) as (it, plant):
        worst: list[float] = []
        it.beside(watch(it, worst, max))
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: it.current_a("A") + it.current_a("B") > 58.0, 600.0)
        for base in range(11, 31):
            it.base_a = (float(base),) * 3
            await it.clock.sleep(2.0)
        await it.until(lambda: it.current_a("A") + it.current_a("B") > 61.0 and plant.draws_a()[0] < -15.0)
        assert max(it.site_a) <= 80.0
        assert {view(it, name).steered for name in ("b1", "b2")} == {True}

        # Another program with the same store is no master, and writes nothing.
        other = SiteDevices(it.site.devices, it.clock, SiteRecords(it.node.store, it.site), "other", it.maps)
        running = it.beside(other.run())
        other.follow({name: DeviceTarget(name, 9000.0) for name in ("b1", "b2")})
        await it.until(lambda: all(state.online for state in other.states().values()))
        await it.clock.sleep(8.0)
        assert not any(state.steered for state in other.states().values())
        assert plant.draws_a()[0] < -15.0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        # A line breaks.
        await plant.sunspec.stop()
        await it.until(lambda: it.current_a("A") + it.current_a("B") < 64.0 - 14.0, 60.0)
        assert not plant.sunspec.lapsed, "the cars are down before the battery's own watchdog ends"
        assert view(it, "b1").alarms
        await it.until(lambda: plant.sunspec.lapsed, 60.0)
        assert plant.sunspec.power_w == 0
        await it.clock.sleep(10.0)
        assert max(worst) <= 80.0, "and no limit was broken at any moment"
        await plant.sunspec.start()
        await it.until(lambda: view(it, "b1").steered and plant.sunspec.power_w > 5000, 120.0)


async def test_an_emergency_stop_stands_a_battery_by_and_is_kept_with_its_proof(tmp_path: Path) -> None:
    async with live(tmp_path, (), ("b1", "pv"), 80.0) as (it, plant):
        plant.sun.sun_w = 2000.0
        await it.until(lambda: plant.sunspec.power_w < -5000 and plant.sun.power_w == 2000)
        await it.controller.emergency_stop("smoke in the garage", False, PERSON)
        await it.until(lambda: plant.sunspec.power_w == 0, 15.0)
        assert plant.sun.power_w == 2000, "generation goes on unless that is asked for too"
        await it.clock.sleep(40.0)
        assert await deeds(it) == ["device_stopped", "emergency_stop"], "once, when it was read back"
        assert plant.sunspec.power_w == 0
        await it.controller.release_emergency_stop("it was the toaster", PERSON)
        await it.until(lambda: plant.sunspec.power_w < 0, 90.0)
        assert plant.sunspec.power_w > -3000, "it comes back slowly"


async def test_a_battery_that_does_not_stop_is_an_alarm(tmp_path: Path) -> None:
    async with live(tmp_path, (), ("b1",), 80.0) as (it, plant):
        await it.until(lambda: plant.sunspec.power_w < -5000)
        plant.sunspec.follows = False
        await it.controller.safe_mode(True, "work on the panel", PERSON)
        await it.until(lambda: any("told to stop" in alarm for alarm in view(it, "b1").alarms), 90.0)
        plant.sunspec.follows = True
        await it.until(lambda: plant.sunspec.power_w == 0, 60.0)
        await it.until(lambda: not any("told to stop" in alarm for alarm in view(it, "b1").alarms), 30.0)
        await it.clock.sleep(5.0)
        assert await deeds(it) == ["device_stopped", "device_not_stopped", "safe_mode"]


async def test_an_inverter_keeps_to_what_may_flow_out(tmp_path: Path) -> None:
    grid = {"export_a": 5.0, "generation_a": 20.0}
    async with live(tmp_path, (), ("pv",), 80.0, grid=grid) as (it, plant):
        plant.sun.sun_w = 7000.0
        await it.until(lambda: plant.sun.power_w == 7000, 60.0)
        it.base_a = (2.0, 2.0, 2.0)
        await it.until(lambda: -5.0 <= min(it.site_a) <= -2.0, 60.0)
        lowest: list[float] = []
        keeping = it.beside(watch(it, lowest, min))
        await it.clock.sleep(30.0)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert min(lowest) >= -5.0

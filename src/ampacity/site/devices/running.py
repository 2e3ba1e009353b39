"""The devices of a site at work: read each interval, written when their duty says so, let go in a safe state.

Before anything is written a lease on the device is taken in the store, and renewed; who does not hold it only
reads. When the site ends, a battery goes to its fallback (or to nothing), a heat load to its lowest level; an
inverter keeps its limit. Then others may have the lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from ...clock import Clock
from ...control.types import DeviceState, DeviceTarget
from ...model.devices import Device
from ...store import StoreError
from ..modbus import ModbusRefusal, ModbusTrouble
from .duty import Duty
from .mapped import MappedDevice, load_device_map
from .sunspec import SunSpecDevice
from .told import DeviceDriver

log = logging.getLogger(__name__)

MASTER_S = 60.0
"""How long a lease on a device lasts; it is renewed at a third."""
LONGEST_PAUSE_S = 15.0
LEAVING_WALL_S = 3.0
SUNSPEC = "sunspec"


class Leases(Protocol):
    """Who commands which device (`site.records`)."""

    async def take_device(self, device_id: str, holder: str, seconds: float) -> int | None:
        """Become or stay the master; the epoch, or None while somebody else is."""
        ...

    async def leave_device(self, device_id: str, holder: str) -> None:
        """Let others command it."""
        ...


def driver_of(device: Device, maps: Path | None = None) -> DeviceDriver:
    """The way to a device. ValueError says what is wrong with its configuration."""
    if device.map == SUNSPEC:
        return SunSpecDevice(device)
    return MappedDevice(device, load_device_map(device.map, maps))


class DeviceRunner:
    """One device: connects, reads, writes, and begins again where that fails."""

    def __init__(
        self, device: Device, driver: DeviceDriver, clock: Clock, leases: Leases, holder: str
    ) -> None:
        self.device = device
        self.duty = Duty(device)
        self.failure: str | None = None
        self._driver, self._clock, self._leases, self._holder = driver, clock, leases, holder
        self._wanted = asyncio.Event()
        self._renew_at = 0.0

    def want(self, power_w: float) -> None:
        """What the law wants; written at the next turn, at once where it is news."""
        self.duty.want(power_w)
        if self.duty.due(self._clock.monotonic()) is not None:
            self._wanted.set()

    async def run(self) -> None:
        """Until cancelled. Troubles of the line are tried again, more seldom each time."""
        failures = 0
        try:
            while True:
                try:
                    await self._driver.open()
                    self.duty.has_watchdog = self._driver.has_watchdog
                    while True:
                        await self._turn()
                        self._well()
                        failures = 0
                        await self._pause()
                except ModbusTrouble as trouble:
                    self._failed(str(trouble))
                finally:
                    await self._driver.close()
                failures += 1
                pause = self.device.interval_s * 2.0 ** min(failures - 1, 10)
                await self._clock.sleep(min(pause, max(LONGEST_PAUSE_S, self.device.interval_s)))
        finally:
            # In a task of its own: this one is cancelled, and could wait for nothing.
            leaving = asyncio.ensure_future(self._leave())
            await asyncio.wait({leaving}, timeout=LEAVING_WALL_S)
            leaving.cancel()

    async def _turn(self) -> None:
        """Read, then write what is due and read that back."""
        await self._master()
        self.duty.seen(await self._driver.read(), self._clock.monotonic())
        command_w = self.duty.due(self._clock.monotonic())
        if command_w is None:
            return
        try:
            await self._driver.write(command_w)
        except ModbusRefusal as refusal:
            self.duty.refused(str(refusal), self._clock.monotonic())
            return
        self.duty.written(command_w, self._clock.monotonic())
        self.duty.seen(await self._driver.read(), self._clock.monotonic())

    async def _pause(self) -> None:
        self._wanted.clear()
        wait = asyncio.ensure_future(self._wanted.wait())
        try:
            await self._clock.wait_for(wait, self.device.interval_s)
        except TimeoutError:
            pass
        finally:
            wait.cancel()

    async def _master(self) -> None:
        """Take or renew the lease where it is due."""
        at = self._clock.monotonic()
        if not self.device.commanded or at < self._renew_at:
            return
        try:
            epoch = await self._leases.take_device(self.device.device_id, self._holder, MASTER_S)
        except StoreError as problem:
            # The lease that we have runs out by itself if this goes on.
            log.warning("the lease on device %s can't be renewed: %s", self.device.device_id, problem)
            self._renew_at = at + self.device.interval_s
            return
        if epoch is None and self.duty.epoch is not None:
            log.warning("device %s is commanded by another program now", self.device.device_id)
        # As of before the question: the lease ends here before it ends in the store.
        self.duty.mastered(epoch, at + MASTER_S)
        self._renew_at = at + MASTER_S / 3

    async def _leave(self) -> None:
        """The safe state, and the lease given back."""
        at = self._clock.monotonic()
        if not self.duty.is_master(at) or "foreign" in self.duty.alarms:
            return
        safe_w = self.device.fallback_w
        if safe_w is None:
            safe_w = self.device.levels_w[0] if self.device.kind == "heat" else 0.0
        try:
            if self.duty.command_w is not None and self.device.kind != "inverter":
                await self._driver.open()
                await self._driver.read()
                await self._driver.write(safe_w)
        except (ModbusTrouble, ValueError) as trouble:
            log.warning("device %s could not be left in its safe state: %s", self.device.device_id, trouble)
        finally:
            await self._driver.close()
            await self._leases.leave_device(self.device.device_id, self._holder)

    def _well(self) -> None:
        if self.failure is not None:
            log.info("device %s answers again", self.device.device_id)
            self.failure = None

    def _failed(self, text: str) -> None:
        self.duty.silent()
        if self.failure is None:
            log.warning("device %s at %s fails: %s", self.device.device_id, self.device.address, text)
        self.failure = text


class SiteDevices:
    """All devices of a site. `states` is what the law sees, `follow` what it wants."""

    def __init__(
        self, devices: tuple[Device, ...], clock: Clock, leases: Leases, holder: str, maps: Path | None = None
    ) -> None:
        self._clock = clock
        self._build: Callable[[Device], DeviceRunner] = lambda device: DeviceRunner(
            device, driver_of(device, maps), clock, leases, holder
        )
        self.runners: dict[str, DeviceRunner] = {}
        self.wrong: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._started = False
        for device in devices:
            self._add(device)

    def _add(self, device: Device) -> None:
        if device.protocol == "none":
            return
        try:
            self.runners[device.device_id] = self._build(device)
        except ValueError as problem:
            # The law counts it as a device that tells nothing; the others go on.
            self.wrong[device.device_id] = str(problem)
            log.error("device %s can't be used: %s", device.device_id, problem)

    def states(self) -> dict[str, DeviceState]:
        """As the law sees them."""
        at = self._clock.monotonic()
        return {device_id: runner.duty.state(at) for device_id, runner in self.runners.items()}

    def follow(self, commands: Mapping[str, DeviceTarget]) -> None:
        """Tell the devices what the law wants."""
        for device_id, target in commands.items():
            if device_id in self.runners:
                self.runners[device_id].want(target.power_w)

    async def run(self) -> None:
        """Until cancelled; a device whose program fails ends the site."""
        self._started = True
        try:
            for device_id in tuple(self.runners):
                self._start(device_id)
            while True:
                done = [task for task in self._tasks.values() if task.done() and not task.cancelled()]
                for task in done:
                    task.result()
                await self._clock.sleep(1.0)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def replace(self, device_id: str, device: Device | None) -> None:
        """Use a device as it is configured now (None: no longer)."""
        task = self._tasks.pop(device_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.runners.pop(device_id, None)
        self.wrong.pop(device_id, None)
        if device is not None:
            self._add(device)
            if self._started and device_id in self.runners:
                self._start(device_id)

    def _start(self, device_id: str) -> None:
        work = self.runners[device_id].run()
        self._tasks[device_id] = asyncio.create_task(work, name=f"device {device_id}")

"""Whether devices that people's order stops have stopped: read back, seen, and kept in the audit.

A command of 0 that was written is a hope. It counts as done when the device says that it follows it and its
power shows it. After `STOPS_S` without that somebody is alarmed; the device is told again all the while
(`duty`), and whatever it can draw stays reserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...control.types import DeviceState, DeviceTarget
from ...model.devices import Device
from ...store import StoreError
from ..live_site import LiveSite
from .running import SiteDevices

STOPS_S = 30.0
"""How long a device may take to stop (as `duty.FOLLOW_S`)."""
NEAR_SHARE = 0.10
"""Of its rating: what a device that stands by may still draw or feed in."""
ACTOR = "controller"
ORDERED = frozenset(("emergency_stop", "safe_mode"))


class Audit(Protocol):
    """Where it is kept (`site.records`)."""

    async def note(self, actor: str, action: str, target: str) -> None:
        """Keep that somebody did something."""
        ...


class Stops:
    """Follows the devices of one site. Call `look` each tick with what the law wants."""

    def __init__(self, live_site: LiveSite, devices: SiteDevices, records: Audit) -> None:
        self._live, self._devices, self._records = live_site, devices, records
        self._since: dict[str, float] = {}
        self._noted: dict[str, str] = {}

    def look(self, at: float, commands: Mapping[str, DeviceTarget]) -> None:
        """Note once for each order and device that it stopped, or that it does not."""
        ordered = {
            device_id: target
            for device_id, target in commands.items()
            if ORDERED & {reason.code for reason in target.reasons}
        }
        for device_id in self._since.keys() - ordered.keys():
            del self._since[device_id]
            self._noted.pop(device_id, None)
            self._alarm(device_id, None)
        states = self._live.device_states()
        for device in self._live.site.devices:
            target = ordered.get(device.device_id)
            if target is None:
                continue
            since = self._since.setdefault(device.device_id, at)
            if has_stopped(device, states.get(device.device_id), target.power_w):
                self._alarm(device.device_id, None)
                self._note(device.device_id, "device_stopped")
            elif at - since > STOPS_S:
                self._alarm(device.device_id, f"it was told to stop and goes on after {STOPS_S:g} s")
                self._note(device.device_id, "device_not_stopped")

    def _alarm(self, device_id: str, text: str | None) -> None:
        runner = self._devices.runners.get(device_id)
        if runner is not None:
            runner.duty.mark("goes_on", text is not None, text or "")

    def _note(self, device_id: str, action: str) -> None:
        if self._noted.get(device_id) == action:
            return
        self._noted[device_id] = action
        self._live.run_beside(self._keep(device_id, action))

    async def _keep(self, device_id: str, action: str) -> None:
        try:
            await self._records.note(ACTOR, action, f"device/{self._live.site.site_id}/{device_id}")
        except StoreError:
            self._noted.pop(device_id, None)  # tried again with the next tick


def has_stopped(device: Device, state: DeviceState | None, target_w: float) -> bool:
    """Whether the device says that it follows the order, and its power shows it."""
    if state is None or not state.online or state.confirmed_w is None or state.power_w is None:
        return False
    near_w = NEAR_SHARE * max(device.draw_w, device.feed_w)
    if abs(state.confirmed_w - target_w) > near_w or state.inflight_w is not None:
        return False
    return -near_w <= state.power_w <= max(0.0, target_w) + near_w

"""What batteries, inverters and heat loads do to the rows of a site, as far as it is certain.

Each device has a *span*: the least and the most that it may draw now (feeding in is drawing less than
nothing). The least is what is taken off a meter's reading to find the base; the most is set aside. A battery
is certain only within the command that was read back from it; one that tells nothing may do anything from
feeding in all that it can to charging with all that it can. What generation gives is never set against what
others may draw, and nothing that feeds in relieves the busbar that it feeds: a busbar has two sources then,
and its rating is for the sum of its loads. The grid connection is no busbar in this sense: its rating is that
of what comes from the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct

from ampacity.model.devices import Device
from ampacity.model.phases import PerPhase, on_phases

from .loading import DeviceEntry, device_entries, device_volts
from .settings import ControlSettings
from .topology import Topology
from .types import DeviceState


class Span(Struct, frozen=True, gc=False):
    """The least and the most that a device draws, watts. `steered`: it does what we tell it."""

    low_w: float
    high_w: float
    steered: bool = False


def span(device: Device, state: DeviceState | None, at: float, settings: ControlSettings) -> Span:
    """What a device may be doing now."""
    widest = Span(-device.feed_w, device.draw_w)
    if state is None:
        return widest
    commands = [w for w in (state.confirmed_w, state.inflight_w) if w is not None]
    if not is_fresh(device, state, at, settings):
        over = state.confirmed_until is not None and at >= state.confirmed_until
        if over and device.fallback_w is not None and state.inflight_w is None:
            return Span(device.fallback_w, device.fallback_w)
        return widest
    steered = device.commanded and state.steered and state.confirmed_w is not None and _finite(commands)
    power_w = state.power_w
    if power_w is not None and not math.isfinite(power_w):
        return widest
    if device.kind == "inverter":
        return Span(-device.feed_w if power_w is None else power_w, max(0.0, power_w or 0.0), steered)
    if device.kind == "heat":
        high_w = max(power_w or 0.0, *(commands if steered else [device.draw_w]))
        return Span(min(max(0.0, power_w or 0.0), high_w), high_w, steered)
    if power_w is None:
        return widest
    if not steered:
        return Span(power_w, max(power_w, device.draw_w))
    return Span(min(power_w, *commands), max(power_w, *commands), True)


def is_fresh(device: Device, state: DeviceState, at: float, settings: ControlSettings) -> bool:
    """Whether what the device told counts as of now."""
    measured_at = state.measured_at
    if not state.online or measured_at is None or not measured_at <= at + settings.future_s:
        return False
    return at - measured_at <= 2 * device.interval_s + 5


class DeviceRows:
    """The devices of a site on its rows. `low_a` and `high_a` (per row) are the sums of what they draw at
    least and at most; `spans` and `entries` are by device.
    """

    def __init__(
        self, topology: Topology, states: Mapping[str, DeviceState], at: float, settings: ControlSettings
    ) -> None:
        self.topology = topology
        self.spans: dict[str, Span] = {}
        self.entries: dict[str, tuple[DeviceEntry, ...]] = {}
        self.low_a = [0.0] * topology.row_count
        self.high_a = [0.0] * topology.row_count
        for device in topology.site.devices:
            found = self.spans[device.device_id] = span(device, states.get(device.device_id), at, settings)
            entries = self.entries[device.device_id] = device_entries(topology, device)
            low_a = self.amperes(device, found.low_w)
            for entry in entries:
                self.low_a[entry.row] += entry.least(low_a)
            for row, most_a in self.most(device):
                self.high_a[row] += most_a

    def most(self, device: Device) -> Iterator[tuple[int, float]]:
        """What is set aside for a device on each of its rows."""
        found = self.spans[device.device_id]
        low_a, high_a = self.amperes(device, found.low_w), self.amperes(device, found.high_w)
        for entry in self.entries[device.device_id]:
            yield entry.row, entry.most(low_a, high_a)

    def held_a(self) -> dict[str, PerPhase]:
        """By device, what is set aside for it on its circuit's phases; below zero where it relieves."""
        return {
            device.device_id: on_phases(
                self.amperes(device, self.spans[device.device_id].high_w), device.phases
            )
            for device in self.topology.site.devices
        }

    def amperes(self, device: Device, power_w: float) -> float:
        """A device's power as amperes on each of its phases (equal there, at a power factor of 1)."""
        return power_w / device_volts(self.topology.site, device)


def _finite(values: list[float]) -> bool:
    return all(math.isfinite(value) for value in values)

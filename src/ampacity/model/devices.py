"""Devices of a site that draw or feed in and that we may command: batteries, inverters, heat loads.

Signs: power is positive where a device draws from its circuit, negative where it feeds in.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from .phases import STRAIGHT

DeviceKind: TypeAlias = Literal["battery", "inverter", "heat"]
DeviceProtocol: TypeAlias = Literal["modbus-tcp", "none"]


class Device(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device and what is known of it beforehand (docs/devices.md).

    `circuit_id` and `phases` are where it hangs, `draw_w` and `feed_w` the most that it draws and feeds in on
    all of them together. `commanded`: whether we write to it; else it is only read. `map` names how it is
    spoken to: `sunspec`, or a device map. `address` is host:port/unit. With the
    protocol `none` it is neither read nor commanded, and all that it can do is set aside.

    `watchdog_s` is how long it keeps a command that it doesn't hear again, and `fallback_w` what it does then
    (None: not known, so that anything from -`feed_w` to `draw_w` counts). `ramp_w_s` is how fast a command
    may rise (0: at once); `writes_per_hour` how many changes of a command its memory stands (0: as many as
    needed; repetitions that the watchdog needs are counted apart).

    Of a battery: `min_soc_percent` and `max_soc_percent` are the bounds of what we do with it;
    `recharge_share` is the load, as a share of the grid connection's limit, up to which it charges.

    Of a heat load: `levels_w` are what it draws at its levels, rising, the first one is what it can't go
    below (relay: `(0, 6000)`); `dwell_s` is how long a level stays before a higher one. `yields`: it goes
    down before a car gets less; otherwise it goes down only where a limit can't be held without.
    """

    device_id: str
    kind: DeviceKind
    circuit_id: str
    name: str = ""
    phases: tuple[int, ...] = STRAIGHT
    draw_w: float = 0.0
    feed_w: float = 0.0
    commanded: bool = False
    protocol: DeviceProtocol = "modbus-tcp"
    address: str = ""
    map: str = "sunspec"
    interval_s: float = 2.0
    watchdog_s: float = 60.0
    fallback_w: float | None = None
    ramp_w_s: float = 0.0
    writes_per_hour: int = 0
    min_soc_percent: float = 10.0
    max_soc_percent: float = 95.0
    recharge_share: float = 0.5
    levels_w: tuple[float, ...] = ()
    dwell_s: float = 600.0
    yields: bool = True


def trouble(device: Device) -> str | None:
    """What is wrong with a device's configuration; None where nothing is."""
    phases = device.phases
    if not phases or len(set(phases)) != len(phases) or not set(phases) <= {0, 1, 2}:
        return f"phases {phases} must be different ones of 0, 1, 2"
    for name in ("draw_w", "feed_w", "ramp_w_s", "writes_per_hour"):
        if not 0 <= getattr(device, name) < 1e9:
            return f"{name} {getattr(device, name):g} must be 0 or more"
    if not device.interval_s > 0 or not device.watchdog_s > 0:
        return f"interval_s {device.interval_s:g} and watchdog_s {device.watchdog_s:g} must be above 0"
    if device.fallback_w is not None and not -device.feed_w <= device.fallback_w <= device.draw_w:
        return f"fallback_w {device.fallback_w:g} must lie within {-device.feed_w:g} and {device.draw_w:g}"
    if device.kind == "battery" and not (
        0 <= device.min_soc_percent < device.max_soc_percent <= 100 and 0 <= device.recharge_share <= 1
    ):
        return "a battery needs 0 <= min_soc_percent < max_soc_percent <= 100 and recharge_share of 0..1"
    if device.kind == "heat" and (
        len(device.levels_w) < 2
        or list(device.levels_w) != sorted(set(device.levels_w))
        or device.levels_w[0] < 0
        or device.levels_w[-1] > device.draw_w
    ):
        return f"a heat load needs two or more rising levels_w up to its draw_w {device.draw_w:g}"
    if device.kind == "heat" and device.feed_w:
        return "a heat load feeds nothing in: leave feed_w out"
    if device.kind == "inverter" and not device.feed_w:
        return "an inverter needs feed_w, its rating"
    if device.protocol == "none" and device.commanded:
        return "a device that nobody speaks to can't be commanded: give it protocol and address"
    return None

"""Reading a device once, for whoever sets it up: what it tells, in words. Nothing is written to it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from ...clock import Clock
from ...model.devices import Device
from ..modbus import ModbusTrouble
from .running import driver_of
from .told import DeviceTold

PATIENCE_S: Final = 15.0


class DeviceTrial(Struct, frozen=True, kw_only=True):
    """What came of it, line by line; `usable` where it has told how it stands."""

    usable: bool
    words: tuple[str, ...]


async def try_device(device: Device, clock: Clock, maps: Path | None = None) -> DeviceTrial:
    """Connect, read, let go. Never raises for what the device does; ValueError where it can't be spoken to
    like this."""
    if device.protocol == "none":
        return DeviceTrial(usable=True, words=("Nobody speaks to it: all that it can do is set aside.",))
    driver = driver_of(device, maps)
    words: list[str] = []
    try:
        await clock.wait_for(driver.open(), PATIENCE_S)
        words.append("Connected.")
        told = await clock.wait_for(driver.read(), PATIENCE_S)
    except ModbusTrouble as trouble:
        return DeviceTrial(usable=False, words=(*words, f"No reading: {trouble}."))
    except TimeoutError:
        return DeviceTrial(usable=False, words=(*words, f"No answer within {PATIENCE_S:g} s."))
    finally:
        await driver.close()
    return DeviceTrial(
        usable=told.power_w is not None, words=(*words, *_words(told, device, driver.has_watchdog))
    )


def _words(told: DeviceTold, device: Device, has_watchdog: bool) -> list[str]:
    lines = []
    if told.power_w is None:
        lines.append("It does not tell its power: it can't be relied on.")
    else:
        way = "draws" if told.power_w >= 0 else "feeds in"
        lines.append(f"It {way} {abs(told.power_w):.0f} W now.")
        most_w = device.draw_w if told.power_w >= 0 else device.feed_w
        if abs(told.power_w) > most_w * 1.05 + 50.0:
            lines.append(f"That is more than the {most_w:.0f} W entered: look at sign, scale and rating.")
    if told.soc_percent is not None:
        lines.append(f"Its battery is {told.soc_percent:.0f} % full.")
    if told.draw_w is not None or told.feed_w is not None:
        lines.append(f"By its own word it can draw {_most(told.draw_w)} and feed in {_most(told.feed_w)}.")
    if told.state:
        lines.append(f"State: {told.state}.")
    if told.fault:
        lines.append("It says that it has failed.")
    if device.commanded and not has_watchdog:
        lines.append("It has no watchdog: it keeps the last command for ever.")
    return lines


def _most(power_w: float | None) -> str:
    return "it does not tell how much" if power_w is None else f"{power_w:.0f} W"

"""What every way to a device looks like, and what a device tells."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class DeviceTold(Struct, frozen=True, kw_only=True):
    """One reading. Powers are positive where the device draws. None: it does not tell.

    `command_w` is the command that it says it follows (None: none), in the sense of
    `control.types.DeviceState.confirmed_w`; `step_w` how coarse the device keeps it. `state` is its state in
    words, `fault` whether it says that it has failed. `raw` are the registers that it comes from: a device
    that tells the same to the last bit for long has frozen.
    """

    power_w: float | None = None
    soc_percent: float | None = None
    draw_w: float | None = None
    feed_w: float | None = None
    generation_w: float | None = None
    command_w: float | None = None
    step_w: float = 1.0
    state: str = ""
    fault: bool = False
    raw: tuple[int, ...] = ()


class DeviceDriver(Protocol):
    """A way to one device. All troubles are ModbusTrouble; after one it is closed and opened again."""

    has_watchdog: bool
    """Whether the device itself forgets a command that it doesn't hear again. Known once it is open."""

    async def open(self) -> None:
        """Connect and find out what the device can do."""
        ...

    async def read(self) -> DeviceTold:
        """How it stands."""
        ...

    async def write(self, command_w: float) -> None:
        """Tell it what to do; what it makes of it is told by the next reading."""
        ...

    async def close(self) -> None:
        """Let go. Never raises."""
        ...

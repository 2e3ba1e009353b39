"""What is written to a device, and when; and whether it does it. No I/O: time and readings are arguments.

A command counts when it was read back. It is repeated at a third of the watchdog's time, whether the device
has a watchdog or not: one without keeps it for ever, and `Device.fallback_w` is then a hope that the law does
not use. A device that has forgotten (no command any more, or its fallback after the watchdog's time) is told
again; one that follows a command that is not ours has another master: it is left alone, and somebody is
alarmed.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from msgspec import structs

from ...control.types import DeviceState
from ...model.devices import Device
from .told import DeviceTold

Alarm: TypeAlias = Literal[
    "foreign", "refuses", "forgets", "disobeys", "frozen", "fault", "budget", "goes_on"
]
"""`foreign`: another master commands it. `refuses`: it does not take commands. `forgets`: it loses them
again and again. `disobeys`: it draws more than it was told. `frozen`: it tells the same to the last bit.
`fault`: it says that it has failed. `budget`: no more changes this hour, but towards less.
`goes_on`: people's order stops it, and it does not stop."""

SETTLE_S = 5.0
"""How long a command may take to be read back."""
FOLLOW_S = 30.0
"""How long a device may take to follow."""
FROZEN_S = 120.0
HOUR_S = 3600.0
FORGETS_OFTEN = 3
DISOBEY_SHARE = 0.10
"""Of its rating, beyond the command."""
_PAUSES_S = (5.0, 10.0, 20.0, 40.0, 60.0)


class Duty:
    """One device. `want` is told what the law wants, `seen` each reading; `due` says what to write now, and
    `written` or `refused` what became of it.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.alarms: dict[Alarm, str] = {}
        self.epoch: int | None = None
        self._master_until = -math.inf
        self._wanted_w: float | None = None
        self._told: DeviceTold | None = None
        self._told_at: float | None = None
        self._written_w: float | None = None
        self._written_at = -math.inf
        self._changed_at = -math.inf
        self._read_back = False
        self._confirmed_w: float | None = None
        self._confirmed_at = -math.inf
        self._refusals = 0
        self._again_at = -math.inf
        self._forgot: list[float] = []
        self._changes: list[float] = []
        self._over_since: float | None = None
        self._same_since: float | None = None
        self.has_watchdog = False

    # ------------------------------------------------------------ mastery and wishes

    def mastered(self, epoch: int | None, until: float) -> None:
        """We command the device until that monotonic time; `epoch` None: somebody else does."""
        self.epoch = epoch
        self._master_until = until if epoch is not None else -math.inf

    def is_master(self, at: float) -> bool:
        """Whether we may write at all."""
        return self.device.commanded and at < self._master_until

    def want(self, power_w: float) -> None:
        """What the law wants of it."""
        self._wanted_w = power_w

    def take_over(self) -> None:
        """A person says that the other master is gone."""
        self.alarms.pop("foreign", None)
        self._written_w = self._confirmed_w = None
        self._forgot.clear()

    # ------------------------------------------------------------ writing

    def due(self, at: float) -> float | None:
        """The command to write now; None where there is nothing to say or nobody may."""
        if not self.is_master(at) or self._wanted_w is None or "foreign" in self.alarms:
            return None
        if self._told is None or at < self._again_at:
            return None
        command_w = self._ramped(self._wanted_w, at)
        if self._written_w is None or abs(command_w - self._written_w) >= 1.0:
            if self._spent(at) and not self._is_less(command_w):
                self.alarms["budget"] = (
                    f"it stands no more than {self.device.writes_per_hour} changes an hour"
                )
                return self._repeat(at)
            return command_w
        return self._repeat(at)

    def written(self, command_w: float, at: float) -> None:
        """It took the message; whether it keeps the command is told by what is read back."""
        if self._written_w is None or abs(command_w - self._written_w) >= 1.0:
            self._changed_at = at
            self._changes = [t for t in self._changes if at - t < HOUR_S] + [at]
            self._read_back = False
        self._written_w, self._written_at = command_w, at

    def refused(self, text: str, at: float) -> None:
        """It answered that it won't. It is asked again, later each time."""
        self._again_at = at + _PAUSES_S[min(self._refusals, len(_PAUSES_S) - 1)]
        self._refusals += 1
        if self._refusals >= 3:
            self.alarms["refuses"] = text

    def _repeat(self, at: float) -> float | None:
        if self._written_w is not None and at - self._written_at >= self.device.watchdog_s / 3:
            return self._written_w
        return None

    def _ramped(self, wanted_w: float, at: float) -> float:
        """Towards nothing at once; away from it as fast as the device shall."""
        if not self.device.ramp_w_s or self.device.kind != "battery":
            return wanted_w
        before = self._written_w or 0.0
        start = before if before * wanted_w > 0 else 0.0
        most = self.device.ramp_w_s * min(max(0.0, at - self._changed_at), self.device.interval_s)
        if abs(wanted_w) <= abs(start):
            return wanted_w
        reached = min(abs(wanted_w), abs(start) + most)
        return round(math.copysign(reached, wanted_w))

    def _spent(self, at: float) -> bool:
        most = self.device.writes_per_hour
        recent = sum(1 for t in self._changes if at - t < HOUR_S)
        if not most or recent < most:
            self.alarms.pop("budget", None)
            return False
        return True

    def _is_less(self, command_w: float) -> bool:
        """Whether a command asks less of the device, so that no budget may stop it."""
        before = self._written_w
        if before is None:
            return True
        if self.device.kind == "battery":
            return abs(command_w) < abs(before) and command_w * before >= 0
        return abs(command_w) < abs(before)

    # ------------------------------------------------------------ reading

    def seen(self, told: DeviceTold, at: float) -> None:
        """A reading came."""
        same = self._told is not None and told.raw == self._told.raw and bool(told.raw) and bool(told.power_w)
        self._same_since = (self._same_since or at) if same else None
        frozen = self._same_since is not None and at - self._same_since > FROZEN_S
        self.mark("frozen", frozen, f"the same numbers for {FROZEN_S:g} s")
        self.mark("fault", told.fault, f"it says: {told.state or 'fault'}")
        self._told = told
        if not frozen:
            self._told_at = at
        self._read_command(told, at)
        self._follow(told, at)

    def silent(self) -> None:
        """The line broke: what it told last grows old."""
        self._same_since = None

    def _read_command(self, told: DeviceTold, at: float) -> None:
        ours = self._written_w
        if ours is None or not self.is_master(at):
            return
        if told.command_w is not None and abs(told.command_w - ours) <= told.step_w + 0.5:
            self._read_back = True
            self._refusals = 0
            self.alarms.pop("refuses", None)
            # What the device says that it follows, if that asks more of it: its steps are coarse.
            self._confirmed_w = told.command_w
            self._confirmed_at = self._written_at
            return
        if at - self._written_at <= SETTLE_S + 2 * self.device.interval_s and not self._read_back:
            return
        lapsed = at - self._written_at >= self.device.watchdog_s
        back = self.device.fallback_w or 0.0
        if told.command_w is None or (lapsed and abs(told.command_w - back) <= told.step_w + 0.5):
            self._forgotten(at)
        elif self._read_back:
            self.alarms["foreign"] = (
                f"it follows {told.command_w:g} W and we told it {ours:g} W: another program commands it. "
                "Stop that one, then let us take over"
            )
            self._confirmed_w = self._written_w = None
        else:
            self.refused(f"it keeps {told.command_w:g} W when told {ours:g} W", at)
            self._written_w = self._confirmed_w = None

    def _forgotten(self, at: float) -> None:
        self._forgot = [t for t in self._forgot if at - t < HOUR_S] + [at]
        if not self._read_back:
            self.refused("it takes the command and does not keep it", at)
        elif len(self._forgot) >= FORGETS_OFTEN:
            self.alarms["forgets"] = f"it lost its command {len(self._forgot)} times within an hour"
        self._written_w = self._confirmed_w = None

    def _follow(self, told: DeviceTold, at: float) -> None:
        if self._confirmed_w is None or told.power_w is None or self.device.kind == "inverter":
            self._over_since = None
        else:
            rating_w = max(self.device.draw_w, self.device.feed_w)
            if told.power_w > self._confirmed_w + DISOBEY_SHARE * rating_w:
                if self._over_since is None:
                    self._over_since = at
            else:
                self._over_since = None
        since = max(self._over_since or math.inf, self._changed_at)
        over = self._over_since is not None and at - since > FOLLOW_S
        text = f"it draws {told.power_w or 0:g} W on a command of {self._confirmed_w or 0:g} W"
        self.mark("disobeys", over, text)

    def mark(self, alarm: Alarm, on: bool, text: str) -> None:
        """Raise an alarm in words, or end it."""
        if on:
            self.alarms[alarm] = text
        else:
            self.alarms.pop(alarm, None)

    # ------------------------------------------------------------ for the law

    def state(self, at: float) -> DeviceState:
        """The device as the law sees it."""
        told = self._told
        if told is None or self._told_at is None:
            return DeviceState(device_id=self.device.device_id)
        answers = at - self._told_at <= 2 * self.device.interval_s + 5
        trusted = not {"foreign", "refuses", "disobeys", "frozen", "fault"} & self.alarms.keys()
        state = DeviceState(
            device_id=self.device.device_id,
            online=answers,
            steered=self.is_master(at) and trusted and self._confirmed_w is not None,
            power_w=told.power_w,
            measured_at=self._told_at,
            confirmed_w=self._confirmed_w,
            confirmed_until=self._confirmed_at + self.device.watchdog_s if self.has_watchdog else None,
            soc_percent=told.soc_percent,
            draw_w=told.draw_w,
            feed_w=told.feed_w,
        )
        if self._written_w is not None and not self._read_back:
            state = structs.replace(state, inflight_w=self._written_w)
        return state

    @property
    def told(self) -> DeviceTold | None:
        """The last reading, however old."""
        return self._told

    @property
    def command_w(self) -> float | None:
        """What was written last."""
        return self._written_w

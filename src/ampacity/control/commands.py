"""What devices are told: heat loads go down before cars, batteries support a connection that is short and
charge from what is left over, inverters keep to an export limit.

All of it is reckoned from *left*: what each row (phases, power, neutral, unbalance) has over when everybody
has what he wishes and all devices that are steered draw nothing. It does not change when a device obeys, so
nothing swings.

- A heat load gets the highest level that fits into what is left. It goes down at once and up after a while.
- A battery feeds in what is missing, on the row where most is missing, never more than flows in there anyway:
  it does not sell. It charges with what is left on every row above it, after a part of the connection's limit
  (`1 - recharge_share`) has been kept free, and never from what another battery feeds in. It does neither at
  once, never beyond its bounds of charge, and neither where its state of charge is not known.
- An inverter may feed in what flows in without it and what may flow out.

- In an emergency stop a battery stands by and a heat load is at its lowest level, at once and whatever is
  missing; an inverter goes on, unless it was asked that generation stops too. In safe mode a battery charges
  no more and gives only what a limit needs until cars are down, and heat is at its lowest level. Afterwards a
  battery or inverter comes back by `release_share_a_minute` of its rating (10 %, as EN 50549-1 has it for
  plants that reconnect), a heat load after its dwell time.

What may flow out of a circuit is its rating, which a conductor has in both directions, or less where
`export_a` says so (`outflow`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from ampacity.model.devices import Device
from ampacity.model.live import Reason

from .devices import is_fresh
from .limits import permitted
from .loading import DeviceEntry, device_volts
from .outflow import Outflow
from .picture import Picture
from .state import DeviceMemory
from .types import DeviceState, DeviceTarget

SOC_BACK_PERCENT = 3.0
"""An empty battery feeds in again, a full one charges again, when so much has come or gone."""

LEAST_SHARE = 0.03
"""Changes below this share of a device's rating are not worth a write."""


BACK_S = 3600.0
"""So long after an order a device comes back slowly when it is wanted again."""
BACK = Reason(code="ramp", detail="comes back after an order")


class Commands:
    """Targets of the commanded devices. `left_a` is per row, with all steered devices drawing nothing;
    `spare_a` the same without what batteries feed in."""

    def __init__(self, picture: Picture, left_a: Sequence[float], demand_a: Sequence[float]) -> None:
        self.picture, self.rows = picture, picture.devices
        self.left_a = [left - wish for left, wish in zip(left_a, demand_a, strict=True)]
        self.spare_a = list(self.left_a)
        self.without_cars_a = list(left_a)
        self.outflow = Outflow(picture)
        self.memories: dict[str, DeviceMemory] = {}

    def targets(self) -> dict[str, DeviceTarget]:
        """What each device that we command shall do, by its id."""
        found: dict[str, DeviceTarget] = {}
        order = {"heat": 0, "battery": 1, "inverter": 2}
        for device in sorted(self.picture.topology.site.devices, key=lambda d: (order[d.kind], d.yields)):
            if not device.commanded:
                continue
            state = self.picture.snapshot.devices.get(device.device_id)
            now = state or DeviceState(device_id=device.device_id)
            memory = self.picture.before.devices.get(device.device_id, DeviceMemory())
            memory = self._orders(device, memory)
            target, memory = self._stopped(device, memory) or self._steered(device, now, memory)
            found[device.device_id] = target
            self._take(device, target.power_w)
            self.memories[device.device_id] = memory
        return found

    def _steered(
        self, device: Device, now: DeviceState, memory: DeviceMemory
    ) -> tuple[DeviceTarget, DeviceMemory]:
        match device.kind:
            case "heat":
                return self._heat(device, memory)
            case "battery":
                return self._battery(device, now, memory)
            case _:
                return self._inverter(device, now, memory)

    # ------------------------------------------------------------ orders

    def _orders(self, device: Device, memory: DeviceMemory) -> DeviceMemory:
        """Follow whether people's order holds the device, and since when it does no more."""
        at, snapshot = self.picture.at, self.picture.snapshot
        stops = snapshot.mode == "stopped" and snapshot.stop_generation
        if stops or (snapshot.mode != "normal" and device.kind != "inverter"):
            return structs.replace(memory, ordered=True, released_at=None)
        if memory.ordered:
            return structs.replace(
                memory, ordered=False, released_at=at, back_w=0.0, back_at=at, changed_at=at
            )
        if memory.released_at is None:
            return memory
        rating_w = max(device.draw_w, device.feed_w)
        if memory.back_w >= rating_w or at - memory.released_at >= BACK_S:
            return structs.replace(memory, released_at=None)
        share = self.picture.settings.release_share_a_minute * max(0.0, at - memory.back_at) / 60.0
        return structs.replace(memory, back_w=memory.back_w + share * rating_w, back_at=at)

    def _stopped(self, device: Device, memory: DeviceMemory) -> tuple[DeviceTarget, DeviceMemory] | None:
        """What an order makes of the device; None where it goes on as usual."""
        stopped = self.picture.snapshot.mode == "stopped"
        if not memory.ordered or not (stopped or device.kind == "heat"):
            return None
        power_w = device.levels_w[0] if device.kind == "heat" else 0.0
        why = Reason(code="emergency_stop" if stopped else "safe_mode")
        return DeviceTarget(device.device_id, power_w, (why,)), self._kept(memory, power_w)

    def _reached(self, memory: DeviceMemory, wanted_w: float) -> DeviceMemory:
        """It comes back only as far as it is wanted."""
        if memory.released_at is None or abs(wanted_w) >= memory.back_w:
            return memory
        return structs.replace(memory, back_w=abs(wanted_w))

    # ------------------------------------------------------------ heat

    def _heat(self, device: Device, memory: DeviceMemory) -> tuple[DeviceTarget, DeviceMemory]:
        """The highest level that fits; up only after the dwell time."""
        room_a = self._room(device, self.left_a if device.yields else self.without_cars_a)
        fitting = [w for w in device.levels_w if self.rows.amperes(device, w) <= room_a + 1e-6]
        level_w = fitting[-1] if fitting else device.levels_w[0]
        before = memory.target_w
        waits = before is not None and level_w > before and not self._over(memory, device.dwell_s)
        if before is None:
            waits, level_w = False, min(level_w, device.levels_w[-1])
        if waits and before is not None:
            level_w = before
        reasons: list[Reason] = []
        if level_w < device.levels_w[-1]:
            detail = "stays for a while" if waits else "goes down before cars" if device.yields else None
            reasons.append(
                Reason(code="ramp" if waits else "circuit", circuit_id=device.circuit_id, detail=detail)
            )
        return DeviceTarget(device.device_id, level_w, tuple(reasons)), self._kept(memory, level_w)

    # ------------------------------------------------------------ batteries

    def _battery(
        self, device: Device, now: DeviceState, memory: DeviceMemory
    ) -> tuple[DeviceTarget, DeviceMemory]:
        soc = now.soc_percent
        if (
            soc is None
            or not 0 <= soc <= 100
            or not is_fresh(device, now, self.picture.at, self.picture.settings)
        ):
            memory = structs.replace(memory, empty=True, full=True)
            why = Reason(code="battery", detail="does not tell its state of charge")
            return DeviceTarget(device.device_id, 0.0, (why,)), self._kept(memory, 0.0)
        lowest, highest = device.min_soc_percent, device.max_soc_percent
        empty = soc <= lowest or (memory.empty and soc < lowest + SOC_BACK_PERCENT)
        full = soc >= highest or (memory.full and soc > highest - SOC_BACK_PERCENT)
        memory = structs.replace(memory, empty=empty, full=full)
        back_w = math.inf if memory.released_at is None else memory.back_w
        safe = self.picture.snapshot.mode == "safe"
        most_feed_w = min(device.feed_w, _or_all(now.feed_w, device.feed_w), back_w)
        most_draw_w = min(device.draw_w, _or_all(now.draw_w, device.draw_w), back_w)
        missing_a = self._missing(device)
        reasons: tuple[Reason, ...]
        if missing_a > 0:
            most_a = min(self._leading(device), self.outflow.most(device)[0])
            wanted_w = -self._watts(device, min(missing_a, most_a))
            target_w = 0.0 if empty else max(wanted_w, -most_feed_w)
            detail = "supports the connection"
            if empty:
                detail = f"is empty: {soc:g} % of charge, at least {lowest:g} % stay"
            elif wanted_w < -most_feed_w:
                detail = f"gives all that it can, {most_feed_w:g} W"
            reasons = (Reason(code="battery", detail=detail),)
        else:
            wanted_w = self._watts(device, self._surplus(device))
            target_w = 0.0 if full else min(wanted_w, most_draw_w)
            reasons = ()
            if safe:
                target_w, reasons = 0.0, (Reason(code="safe_mode"),)
            elif full:
                reasons = (Reason(code="battery", detail=f"is full: {soc:g} % of charge"),)
            elif target_w < most_draw_w:
                reasons = (Reason(code="battery", detail="charges from what is left over"),)
        if back_w < math.inf and abs(target_w) >= back_w - 1e-6:
            reasons = (*reasons, BACK)
        memory = self._reached(memory, target_w)
        target_w = self._steady(device, memory, target_w, empty or full, safe)
        return DeviceTarget(device.device_id, target_w, reasons), self._kept(memory, target_w)

    def _steady(
        self, device: Device, memory: DeviceMemory, wanted_w: float, bound: bool, safe: bool
    ) -> float:
        """Less charging goes out at once, and so does a battery's `bound`, or what goes towards nothing in
        `safe` mode; all else waits until it is worth a write."""
        before_w = memory.target_w
        if before_w is None or wanted_w == before_w:
            return wanted_w
        least_w = LEAST_SHARE * max(device.draw_w, device.feed_w)
        if wanted_w < before_w and before_w > 0:
            return wanted_w  # less charging: others need it
        if (wanted_w == 0.0 and bound) or (safe and abs(wanted_w) < abs(before_w)):
            return wanted_w
        if abs(wanted_w - before_w) < least_w:
            return before_w
        if wanted_w > before_w and not self._over(memory, self.picture.settings.raise_every_s):
            return before_w
        return wanted_w

    def _missing(self, device: Device) -> float:
        """Amperes that it has to feed in for the row that is shortest, among those that it can relieve."""
        return max((-self.left_a[e.row] / e.relief for e in self._entries(device) if e.relief), default=0.0)

    def _leading(self, device: Device) -> float:
        """Amperes that it may feed in until another phase leads by too much."""
        return max(
            0.0,
            min((self.left_a[e.row] / e.leads for e in self._entries(device) if e.leads), default=math.inf),
        )

    def _surplus(self, device: Device) -> float:
        """Amperes that every row above it can spare; at the grid connection a part of the limit stays free
        besides."""
        tree, room = self.picture.topology, [math.inf]
        for entry in self._entries(device):
            row = tree.rows[entry.row]
            kept = row.circuit == tree.root and row.kind not in ("neutral", "unbalance")
            free = (1.0 - device.recharge_share) * self.picture.row_limits[entry.row] if kept else 0.0
            if entry.drawn and free < math.inf:
                room.append((self.spare_a[entry.row] - free) / entry.drawn)
        return max(0.0, min(room))

    # ------------------------------------------------------------ inverters

    def _inverter(
        self, device: Device, now: DeviceState, memory: DeviceMemory
    ) -> tuple[DeviceTarget, DeviceMemory]:
        allowed_a, circuit_id, source = self.outflow.most(device)
        allowed_w = self._watts(device, min(allowed_a, self._leading(device)))
        why = Reason(code="circuit", circuit_id=circuit_id, source=source)
        if memory.released_at is not None and memory.back_w < allowed_w:
            allowed_w, why = memory.back_w, BACK
        memory = self._reached(memory, allowed_w)
        target_w = -device.feed_w
        reasons: tuple[Reason, ...] = ()
        if allowed_w < device.feed_w:
            target_w = -allowed_w
            reasons = (why,)
            before_w = memory.target_w
            least_w = LEAST_SHARE * device.feed_w
            if (
                before_w is not None
                and target_w < before_w
                and (
                    before_w - target_w < least_w
                    or not self._over(memory, self.picture.settings.raise_every_s)
                )
            ):
                target_w = before_w  # feeding in more is the favour here
        return DeviceTarget(device.device_id, target_w, reasons), self._kept(memory, target_w)

    # ------------------------------------------------------------ amperes and watts

    def _entries(self, device: Device) -> tuple[DeviceEntry, ...]:
        return self.rows.entries[device.device_id]

    def _watts(self, device: Device, current_a: float) -> float:
        return current_a * device_volts(self.picture.topology.site, device)

    def _room(self, device: Device, left_a: Sequence[float]) -> float:
        return min(left_a[e.row] / e.drawn for e in self._entries(device) if e.drawn)

    def _take(self, device: Device, power_w: float) -> None:
        """What this device will draw is not left for the next one. Of an inverter nothing is certain."""
        self.outflow.plan(device, power_w)
        draw_a = self.rows.amperes(device, 0.0 if device.kind == "inverter" else power_w)
        for entry in self._entries(device):
            drawn = entry.most(draw_a, draw_a)
            self.left_a[entry.row] -= drawn
            self.without_cars_a[entry.row] -= drawn
            self.spare_a[entry.row] -= max(0.0, drawn)

    def _over(self, memory: DeviceMemory, seconds: float) -> bool:
        return memory.changed_at is None or self.picture.at - memory.changed_at >= seconds

    def _kept(self, memory: DeviceMemory, target_w: float) -> DeviceMemory:
        if memory.target_w == target_w:
            return memory
        return structs.replace(memory, target_w=target_w, changed_at=self.picture.at)


def _or_all(value_w: float | None, all_w: float) -> float:
    """A bound that the device tells; one that is no number from 0 up permits nothing."""
    return all_w if value_w is None else permitted(value_w)

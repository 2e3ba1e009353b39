"""What a device may feed in, so that no circuit above it carries more outwards than it may.

A conductor's rating holds in both directions, and `export_a` may allow less of the way out. What flows out is
what is fed in less what is drawn; drawn is only what a fresh meter shows. Where there is none nothing is
drawn.

A reading shows what all devices do now. Those whose generation we limit share the room that is left: each may
have what it feeds in and a part of the room by its rating, or has to give up a part of the excess by what it
feeds in, so that together they stay within it even when the sun comes out for all. Any other device counts
with the most that it may feed in: a silent battery that charges may be feeding in a moment later.
"""

from __future__ import annotations

import math

from ampacity.model.devices import Device
from ampacity.model.site import Circuit

from .devices import is_fresh
from .limits import margin_a, permitted
from .picture import Picture

Most = tuple[float, str, str]
"""Amperes on each of a device's phases, the circuit that allows no more, and what of it: its `rating`, its
`export` limit, or its `inflow` (a battery does not sell)."""


class Outflow:
    """One step's reckoning."""

    def __init__(self, picture: Picture) -> None:
        self._picture, self._rows = picture, picture.devices
        self._planned_w: dict[str, float] = {}
        self._on: dict[int, list[tuple[Device, float]]] = {}
        """By row of conductors and power: its devices, and what an ampere of each is there."""
        for device in picture.topology.site.devices:
            for entry in self._rows.entries[device.device_id]:
                kind = picture.topology.rows[entry.row].kind
                if kind in ("phase", "watts", "va"):
                    flow = 1.0 if kind == "phase" else entry.drawn
                    self._on.setdefault(entry.row, []).append((device, flow))

    def plan(self, device: Device, power_w: float) -> None:
        """It will be told so much. Until it does so it may do either."""
        self._planned_w[device.device_id] = power_w

    def most(self, device: Device) -> Most:
        """The most that `device` may feed in."""
        tree = self._picture.topology
        found: Most = (math.inf, device.circuit_id, "rating")
        for row, on in self._on.items():
            flow = next((flow for other, flow in on if other is device), None)
            if flow is None:
                continue
            circuit = tree.circuits[tree.rows[row].circuit]
            for out_a, source in self._outwards(circuit, row):
                amperes = max(0.0, self._share(device, row, out_a) / flow)
                if amperes < found[0]:
                    found = amperes, circuit.circuit_id, source
            if device.kind == "battery" and tree.rows[row].circuit == tree.root:
                amperes = max(0.0, self._inflow(device, row) / flow)
                if amperes < found[0]:
                    found = amperes, circuit.circuit_id, "inflow"
        return found

    def _outwards(self, circuit: Circuit, row: int) -> list[tuple[float, str]]:
        """What may flow out on a row, below its margin, and by what."""
        interval_s = None if circuit.meter is None else circuit.meter.interval_s
        tree = self._picture.topology
        kind, lines = tree.rows[row].kind, len(tree.lines)
        limits: list[tuple[float | None, str]] = [(circuit.rating_a, "rating"), (circuit.export_a, "export")]
        across = 1
        if kind != "phase":
            rating = circuit.rating_w if kind == "watts" else circuit.rating_va
            limits = [(None if rating is None else rating / tree.site.voltage_v, "rating")]
            across = lines
        return [
            (permitted(limit) - margin_a(permitted(limit) / across, interval_s) * across, source)
            for limit, source in limits
            if limit is not None
        ]

    def _share(self, device: Device, row: int, out_a: float) -> float:
        """What the row lets `device` feed in when `out_a` may flow out."""
        metered_a = self._metered(row)
        if metered_a is not None and self._now_w(device) is not None:
            room = (
                out_a
                + metered_a
                - sum(
                    self._hidden_a(other, flow)
                    for other, flow in self._on[row]
                    if other is not device and not self._shares(other)
                )
            )
            own = -self._rows.amperes(device, self._now_w(device) or 0.0)
            if device.kind != "inverter":
                return room + own * self._flow(device, row)
            ours = [(other, flow) for other, flow in self._on[row] if other is device or self._shares(other)]
            fed = sum(max(0.0, -self._rows.amperes(o, self._now_w(o) or 0.0)) * flow for o, flow in ours)
            own = max(0.0, own) * self._flow(device, row)
            if room < 0:
                return own + (room * own / fed if fed else room)
            return own + room * self._part(device, row)
        others = sum(
            max(0.0, -self._rows.amperes(other, self._least_w(other))) * flow
            for other, flow in self._on[row]
            if other is not device and not (self._shares(other) and device.kind == "inverter")
        )
        room = out_a - others - self._undeclared_a(row)
        return room * self._part(device, row) if device.kind == "inverter" else room

    def _inflow(self, device: Device, row: int) -> float:
        """What flows in without the device; nothing where no meter tells."""
        metered_a, now_w = self._metered(row), self._now_w(device)
        if metered_a is None or now_w is None:
            return 0.0
        return metered_a - self._rows.amperes(device, now_w) * self._flow(device, row)

    def _flow(self, device: Device, row: int) -> float:
        return next(flow for other, flow in self._on[row] if other is device)

    def _part(self, device: Device, row: int) -> float:
        """The device's part of what inverters may feed in besides, by rating."""
        ours = [other.feed_w for other, _ in self._on[row] if other is device or self._shares(other)]
        return device.feed_w / sum(ours)

    def _shares(self, device: Device) -> bool:
        """Whether it is an inverter that keeps to a limit of ours."""
        steered = self._rows.spans[device.device_id].steered
        return device.kind == "inverter" and steered and self._now_w(device) is not None

    def _hidden_a(self, device: Device, flow: float) -> float:
        """How much more than now it may feed in."""
        now_w = self._now_w(device)
        if now_w is None:
            now_w = self._rows.spans[device.device_id].high_w
        return max(0.0, self._rows.amperes(device, now_w - self._least_w(device))) * flow

    def _least_w(self, device: Device) -> float:
        """The least that it may draw until the next step."""
        held = self._rows.spans[device.device_id]
        if device.kind == "heat":
            return 0.0
        if not held.steered:
            return -device.feed_w
        return min(held.low_w, self._planned_w.get(device.device_id, held.low_w))

    def _now_w(self, device: Device) -> float | None:
        """What it draws now; None where it does not tell."""
        state = self._picture.snapshot.devices.get(device.device_id)
        if state is None or not is_fresh(device, state, self._picture.at, self._picture.settings):
            return None
        known = state.power_w is not None and math.isfinite(state.power_w)
        return state.power_w if known else None

    def _metered(self, row: int) -> float | None:
        """What a fresh meter reads on the row. Currents between lines don't add as numbers: nothing is
        drawn there for certain."""
        tree = self._picture.topology
        place = tree.rows[row]
        state = self._picture.circuit_states[place.circuit]
        if self._picture.meters[place.circuit] != "fresh" or place.circuit in tree.between_lines:
            return None
        if state.metered_a is None:
            return None
        return state.metered_a[place.phase] if place.phase is not None else sum(state.metered_a)

    def _undeclared_a(self, row: int) -> float:
        """Generation below the circuit that is no device of the site."""
        tree = self._picture.topology
        place = tree.rows[row]
        across = 1 if place.phase is not None else len(tree.lines)
        known = sum(
            self._rows.amperes(device, device.feed_w) * flow
            for device, flow in self._on[row]
            if device.kind == "inverter"
        )
        return max(0.0, tree.circuits[place.circuit].generation_a * across - known)

"""The world of a case: the plant, built from a JSON document and changed by events.

The document is `base.json` with the case's merge patch. Times in it are seconds since the case began. A
null in a patch removes, so an event says "unknown" where something is not told any more.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec import structs

from ampacity.control.lease import Lease
from ampacity.control.settings import ControlSettings
from ampacity.control.signals import SignalState
from ampacity.control.types import CircuitState, Decision, DeviceState, EvseState, Snapshot
from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase, on_phases
from ampacity.model.site import Evse, EvseKey, LimitSource, Site

from .invariants import violations
from .plant import EPOCH_S, Car, Plant

START_S = 1000.0
Json = dict[str, Any]


def merged(document: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def site_of(told: Json) -> Site:
    named = {
        "circuits": [{"circuit_id": n, "name": n, **c} for n, c in told["circuits"].items()],
        "evses": [{"station_id": n, "evse_id": 1, **e} for n, e in told["evses"].items()],
        "devices": [{"device_id": n, **d} for n, d in told["devices"].items()],
    }
    fixed = {"site_id": "site", "operator_id": "operator", "name": "golden", "time_zone": "UTC"}
    return msgspec.convert(fixed | told | named, Site, strict=False)


class World(Plant):
    """A plant whose cars, meters, signals and people do what the document says."""

    def __init__(self, case: Json) -> None:
        self.told: Json = case["world"]
        self.events: Json = case["events"]
        self.refused: set[EvseKey] = set()
        self.heard: dict[str, dict[str, SignalState]] = {}
        self.sources: dict[str, tuple[LimitSource, ...]] = {}
        self.commanded: dict[str, float] = {}
        self.violations: list[tuple[float, str]] = []
        site = site_of(case["site"])
        super().__init__(
            site=site,
            base=self._base,
            cars={e.key: Car() for e in site.evses},
            settings=msgspec.convert(case["settings"], ControlSettings),
            at=START_S,
            **case["plant"],
        )
        self._obey()

    def second(self) -> Decision | None:
        """One second; None while the controller is dead."""
        event = self.events.get(f"{self.at - START_S:g}")
        if event is not None:
            self.told = merged(self.told, event)
            self._obey()
        if not self.told["controller"]:
            self.at += 1.0
            for evse in self.site.evses:
                self._move(evse, self.cars[evse.key], 1.0)
            return None
        decision = self.tick()
        for device_id, target in decision.commands.items():
            self.commanded[device_id] = target.power_w
        return decision

    def judge(self, snapshot: Snapshot, decision: Decision) -> None:
        """Keep what it breaks, with the second."""
        found = violations(snapshot, decision, self.tree)
        self.violations.extend((self.at - START_S, words) for words in found)

    def _obey(self) -> None:
        """Take in what the document says now."""
        for (name, _), car in self.cars.items():
            for field, value in self.told["cars"].get(name, {}).items():
                if hasattr(car, field):
                    setattr(car, field, value)
        sources = {
            circuit: tuple(_source(name, limit) for name, limit in limits.items())
            for circuit, limits in self.told["limits"].items()
        }
        if sources != self.sources:
            self.limits = self.sources = sources
        self.dead_meters = {n for n, meter in self.told["meters"].items() if meter.get("dead")}

    def _base(self, circuit_id: str, _: float) -> PerPhase:
        l1, l2, l3 = self.told["base_a"].get(circuit_id, (0.0, 0.0, 0.0))
        return l1, l2, l3

    def drawn_on(self, evse: Evse) -> tuple[int, ...]:
        """The circuit's phases that its car really loads."""
        return tuple(self.told["cars"].get(evse.station_id, {}).get("drawn_on", evse.phases))

    def flows(self, draws: dict[EvseKey, float] | None = None) -> list[float]:
        rows = [0.0] * self.tree.row_count
        for circuit in self.site.circuits:
            self._load(rows, circuit.circuit_id, self._base(circuit.circuit_id, self.at))
        for evse in self.site.evses:
            car = self.cars[evse.key]
            self._load(rows, evse.circuit_id, on_phases(car.draw_a, self.drawn_on(evse)))
        for device in self.site.devices:
            power_w = self.power_w(device.device_id)
            each = power_w / (self.site.voltage_v * len(device.phases))
            self._load(rows, device.circuit_id, on_phases(each, device.phases))
        return rows

    def _load(self, rows: list[float], circuit_id: str, amperes: PerPhase) -> None:
        for phase in range(3):
            for row in self.tree.paths[self.tree.index[circuit_id]][phase]:
                rows[row] += amperes[phase]

    def power_w(self, device_id: str) -> float:
        told = self.told["devices"].get(device_id, {})
        obeys = told.get("steered") and device_id in self.commanded
        return self.commanded[device_id] if obeys else float(told.get("power_w", 0.0))

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        return structs.replace(
            seen,
            circuits={name: self._circuit(state) for name, state in seen.circuits.items()},
            evses={key: self._evse(state) for key, state in seen.evses.items()},
            devices={device.device_id: self._device(device.device_id) for device in self.site.devices},
            mode=self.told["mode"],
            epoch_s=EPOCH_S + self.at + self.told["clock_jump_s"],
        )

    def _circuit(self, state: CircuitState) -> CircuitState:
        name = state.circuit_id
        meter = self.told["meters"].get(name, {})
        metered = state.metered_a
        if metered is not None and meter.get("unsigned"):
            metered = (abs(metered[0]), abs(metered[1]), abs(metered[2]))
        if "says_a" in meter:
            metered = tuple(_value(x) for x in meter["says_a"])
        heard = self.heard.setdefault(name, {})
        for source, doing in self.told["signals"].get(name, {}).items():
            before = heard.get(source, SignalState())
            heard[source] = SignalState(
                self.at if doing.get("beats") else before.heartbeat_at,
                self.at if doing.get("limits") else before.limit_at,
            )
        warm = self.told["temperatures"].get(name, {})
        return structs.replace(
            state,
            metered_a=metered,
            metered_w=meter.get("says_w"),
            metered_at=None if state.metered_at is None else state.metered_at + meter.get("ahead_s", 0.0),
            signals=dict(heard),
            temperatures={n: (celsius, self.at) for n, celsius in warm.items() if celsius != "unknown"},
        )

    def _evse(self, state: EvseState) -> EvseState:
        evse = self.site.evses[self.tree.evse_index[state.key]]
        if state.measured_a is not None:
            drawn = max(state.measured_a)
            state = structs.replace(state, measured_a=on_phases(drawn, self.drawn_on(evse)))
        told = self.told["cars"].get(evse.station_id, {}).get("told", {})
        changes: Json = {}
        for field, value in told.items():
            if field == "held":
                changes[field] = Reason(code=value)
            elif field == "temperatures":
                changes[field] = {sensor: (celsius, self.at) for sensor, celsius in value.items()}
            elif field.endswith(("_at", "_until", "_after")) and not isinstance(value, str):
                changes[field] = START_S + value
            else:
                changes[field] = tuple(map(_value, value)) if isinstance(value, list) else _value(value)
        return structs.replace(state, **changes)

    def _device(self, device_id: str) -> DeviceState:
        told = {k: _value(v) for k, v in self.told["devices"].get(device_id, {}).items() if k != "power_w"}
        power = self.power_w(device_id)
        online = bool(told.get("online"))
        if online and told.get("steered"):
            told.setdefault("confirmed_w", self.commanded.get(device_id, power))
        return DeviceState(
            device_id=device_id,
            power_w=power if online else None,
            measured_at=self.at if online else None,
            **told,
        )

    def _move(self, evse: Evse, car: Car, dt: float) -> None:
        told = self.told["cars"].get(evse.station_id, {})
        if told.get("refuses") and car.inflight is not None and self.at >= car.answers:
            car.inflight = None  # a refusal: an answer, and nothing taken
        if told.get("refuses") and car.inflight is not None:
            car.arrives = -1.0
        if told.get("silent"):
            car.next_sample = self.at + self.sample_s
        super()._move(evse, car, dt)

    def _send(self, key: EvseKey, limit_a: float) -> None:
        car = self.cars[key]
        renewed = car.acknowledged is not None and car.acknowledged.limit_a == limit_a
        if renewed and not self.told["cars"].get(key[0], {}).get("renews", True):
            return
        super()._send(key, limit_a)

    def station_a(self, evse: Evse) -> float:
        """What its station lets through."""
        car = self.cars[evse.key]
        lease: Lease | None = car.lease
        return evse.safe_a if lease is None else self.allowed(evse, car)


def _source(name: str, told: Json) -> LimitSource:
    fields = dict(told)
    if "until_s" in fields:
        fields["valid_until"] = EPOCH_S + START_S + fields.pop("until_s")
    fields["pieces"] = [
        {
            "valid_from": EPOCH_S + START_S + piece["from_s"],
            "valid_until": EPOCH_S + START_S + piece["until_s"],
            **{k: v for k, v in piece.items() if not k.endswith("_s")},
        }
        for piece in fields.get("pieces", ())
    ]
    return msgspec.convert({"source": name, **fields}, LimitSource)


def _value(told: Any) -> Any:
    return {"unknown": None, "nan": math.nan}.get(told, told) if isinstance(told, str) else told

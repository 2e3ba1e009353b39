"""The world of a case: the plant, built from a JSON document and changed by events.

Times in it are seconds since the case began. A null in a patch removes, so an event says "unknown" where
something is not told any more. `starts` is the date (UTC) of second 0.

What stations do and what we know of them is in `line`, their phases are in `switching`. Of a car the
document tells the fields of `plant.Car`, and besides: `told` (fields of the law's `EvseState` as they stand),
`drawn_on` (the phases that it loads), `refuses` and `silent` (its station refuses limits, its meter tells
nothing), `connected_for_s` (before the case began), `ahead_s` (its station's clock), `phase_switch`, `sleeps`
(once held at 0 it never draws again in its session), `schedule` (somebody else's at the station, daily: the
time on the wall that it starts at, and pairs of seconds from then on and amperes).
"""

from __future__ import annotations

import cmath
import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from ampacity.control.signals import SignalState
from ampacity.control.thermal import Reading
from ampacity.control.types import CircuitState, Decision, DeviceState, EvseState, Snapshot
from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase, on_phases
from ampacity.model.site import Evse, EvseKey, LimitSource
from ampacity.ocpp.profiles import ChargingProfile, Period, Schedule, composite_limit

from .checking import NOTHING, check_world
from .document import Json, merged, name_of, settings_of, site_of
from .invariants import violations
from .line import Line
from .plant import EPOCH_S, Car, Plant
from .switching import Switched

START_S = 1000.0
_AT = tuple(cmath.rect(1.0, -2.0 * math.pi * phase / 3.0) for phase in range(3))
"""The directions of the three phases' voltages."""


class World(Plant):
    """A plant whose cars, meters, signals and people do what the document says."""

    def __init__(self, case: Json) -> None:
        site = site_of(case["site"])
        check_world(case, site)
        self.told: Json = merged(NOTHING, case["world"])
        self.events: Json = case.get("events", {})
        self.heard: dict[str, dict[str, SignalState]] = {}
        self.sources: dict[str, tuple[LimitSource, ...]] = {}
        self.commanded: dict[str, float] = {}
        self.temperatures: dict[str, dict[str, Reading]] = {}
        self.violations: list[tuple[float, str]] = []
        self.epoch_s = EPOCH_S + START_S if "starts" not in case else _instant(case["starts"])
        self.lines = {e.key: Line(e, START_S - self._car(e).get("connected_for_s", 0.0)) for e in site.evses}
        self.switched = {e.key: Switched(e) for e in site.evses if e.phase_switch}
        self.asleep: set[EvseKey] = set()
        super().__init__(
            site=site,
            base=self._base,
            cars={e.key: Car() for e in site.evses},
            settings=settings_of(case),
            at=START_S,
            **case.get("plant", {}),
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

    def clock_s(self) -> float:
        """The true time as an epoch second."""
        return self.epoch_s + self.at - START_S

    def judge(self, snapshot: Snapshot, decision: Decision) -> None:
        """Keep what it breaks, with the second."""
        found = violations(snapshot, decision, self.tree)
        self.violations.extend((self.at - START_S, words) for words in found)

    def _obey(self) -> None:
        """Take in what the document says now."""
        for key, car in self.cars.items():
            for field, value in self.told["cars"].get(name_of(key), {}).items():
                if hasattr(car, field):
                    setattr(car, field, value)
        sources = {
            circuit: tuple(_source(name, limit, self.epoch_s) for name, limit in limits.items())
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
        switched = self.switched.get(evse.key)
        phases = evse.phases if switched is None else switched.drawn_on()
        return tuple(self._car(evse).get("drawn_on", phases))

    def _car(self, evse: Evse) -> Json:
        told: Json = self.told["cars"].get(name_of(evse.key), {})
        return told

    def flows(self, draws: dict[EvseKey, float] | None = None) -> list[float]:
        """True amperes in every conductor, as phasors: at 120 degrees, or in line on split phase."""
        rows = [0j] * self.tree.row_count
        for circuit in self.site.circuits:
            own = self._base(circuit.circuit_id, self.at)
            self._load(rows, circuit.circuit_id, own)
        for evse in self.site.evses:
            amperes = self.cars[evse.key].draw_a
            if self.tree.is_pair(evse) and self.site.supply != "split":
                self._load_between(rows, evse, amperes)
            else:
                self._load(rows, evse.circuit_id, on_phases(amperes, self.drawn_on(evse)))
        for device in self.site.devices:
            power_w = self.power_w(device.device_id)
            each = power_w / (self.site.voltage_v * len(device.phases))
            self._load(rows, device.circuit_id, on_phases(each, device.phases))
        # A current that feeds in is below zero: it stands against its phase's voltage.
        return [math.copysign(abs(row), (row * _AT[n % 3].conjugate()).real) for n, row in enumerate(rows)]

    def _load(self, rows: list[complex], circuit_id: str, amperes: PerPhase) -> None:
        for phase in range(3):
            for row in self.tree.paths[self.tree.index[circuit_id]][phase]:
                rows[row] += amperes[phase] * _AT[row % 3]

    def _load_between(self, rows: list[complex], evse: Evse, amperes: float) -> None:
        """A load between two lines: its current is in line with the voltage between them."""
        one, other = evse.phases
        paths = self.tree.paths[self.tree.index[evse.circuit_id]]
        for row, back in zip(paths[one], paths[other], strict=True):
            across = _AT[row % 3] - _AT[back % 3]
            rows[row] += amperes * across / abs(across)
            rows[back] -= amperes * across / abs(across)

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
            epoch_s=self.clock_s() + self.told["clock_jump_s"],
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
        return structs.replace(
            state,
            metered_a=metered,
            metered_w=meter.get("says_w"),
            metered_at=None if state.metered_at is None else state.metered_at + meter.get("ahead_s", 0.0),
            signals=dict(heard),
            temperatures=self._warm(name, self.told["temperatures"].get(name, {})),
        )

    def _warm(self, place: str, told: Json) -> dict[str, Reading]:
        """The last that each sensor said: one that is `unknown` says nothing any more."""
        last = self.temperatures.setdefault(place, {})
        last.update({sensor: (celsius, self.at) for sensor, celsius in told.items() if celsius != "unknown"})
        return dict(last)

    def _evse(self, state: EvseState) -> EvseState:
        evse = self.site.evses[self.tree.evse_index[state.key]]
        if state.measured_a is not None:
            drawn = max(state.measured_a)
            state = structs.replace(state, measured_a=on_phases(drawn, self.drawn_on(evse)))
        if state.session:
            state = self.lines[evse.key].told(state, self.at)
        if evse.key in self.switched:
            state = self.switched[evse.key].told(state)
        limit = self._own_limit(evse)
        if limit is not None:
            state = structs.replace(state, external_a=limit, external_source="its own schedule")
        told = self._car(evse).get("told", {})
        changes: Json = {}
        for field, value in told.items():
            if field == "held":
                changes[field] = None if value == "unknown" else Reason(code=value)
            elif field == "temperatures":
                changes[field] = self._warm(evse.station_id, value)
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
        told, line = self._car(evse), self.lines[evse.key]
        line.follow(self.at, online=car.online, proven=car.proven, session=car.session)
        refuses = bool(told.get("refuses"))
        if line.move(self.at, self.random, self.loss, online=car.online, refuses=refuses):
            switched = self.switched.get(evse.key)
            if switched is not None:
                switched.took(told.get("phase_switch", "obeys"))
        if told.get("silent"):
            car.next_sample = self.at + self.sample_s
        drew, sampled = car.draw_a > 1.0, car.sample
        super()._move(evse, car, dt)
        if car.sample is not None and car.sample is not sampled:
            ahead_s = told.get("ahead_s", 0.0) - self.told["clock_jump_s"]
            car.sample = line.sampled(self.at, ahead_s), car.sample[1]
        if told.get("sleeps") and drew and self.allowed(evse, car) < evse.min_a:
            self.asleep.add(evse.key)
        if not car.session:
            self.asleep.discard(evse.key)

    def _speak(self, decision: Decision) -> None:
        """Cuts, raises and renewals leave, as far as their stations are to be asked now."""
        for grant in decision.cuts:
            if self.lines[grant.key].known.may_cut(self.at, grant.limit_a, urgent=decision.overloaded):
                self._send(grant.key, grant.limit_a)
        for grant in decision.raises:
            if self.lines[grant.key].known.may_lift(self.at):
                self._send(grant.key, grant.limit_a)
        for key, line in self.lines.items():
            known = line.known
            if known.committed_a is None:
                continue
            if known.lease_is_over(self.at):
                known.lease_ended()
            elif known.may_renew(self.at):
                self._send(key, known.committed_a)
        for key, switched in self.switched.items():
            line = self.lines[key]
            told = self.snapshot().evses[key]
            voltage_v = self.site.voltage_v
            if switched.follow(line, self.tree, decision, told, voltage_v, self.settings, self.at):
                self._send(key, line.known.committed_a or 0.0)

    def _send(self, key: EvseKey, limit_a: float) -> None:
        if not self.cars[key].session:
            return
        self.writes += 1
        delay_s = self.latency_s * self.random.uniform(0.5, 1.5)
        epoch_s = self.clock_s() + self.told["clock_jump_s"]
        self.lines[key].send(limit_a, self.lease_s, self.at, epoch_s, delay_s)

    def takes(self, evse: Evse, car: Car) -> float:
        return 0.0 if evse.key in self.asleep else car.takes_a

    def allowed(self, evse: Evse, car: Car) -> float:
        """What its station lets through, per phase that the car loads."""
        told = self._car(evse)
        if not car.session:
            return evse.safe_a
        limit_a = self.lines[evse.key].allowed(self.clock_s() + told.get("ahead_s", 0.0))
        own = self._own_limit(evse)
        if own is not None:
            limit_a = min(limit_a, own)
        if told.get("told", {}).get("in_watts"):
            limit_a *= len(evse.phases) / len(self.drawn_on(evse))
        return limit_a

    def _own_limit(self, evse: Evse) -> float | None:
        """What somebody else's daily schedule at the station allows now; None without one."""
        told = self._car(evse).get("schedule")
        if told is None:
            return None
        profile = ChargingProfile(
            id=1,
            stack_level=0,
            purpose="ChargingStationExternalConstraints",
            kind="Recurring",
            recurrency="Daily",
            schedules=(
                Schedule(
                    unit="A",
                    start=_instant(told["starts"]),
                    local_time=True,
                    periods=tuple(Period(start_s=s, limit=a) for s, a in told["periods"]),
                ),
            ),
        )
        clock_s = self.clock_s() + self._car(evse).get("ahead_s", 0.0)
        return composite_limit([profile], clock_s, zone=ZoneInfo(self.site.time_zone)).limit

    def station_a(self, evse: Evse) -> float:
        """What its station lets through."""
        return self.allowed(evse, self.cars[evse.key])


def _source(name: str, told: Json, epoch_s: float) -> LimitSource:
    fields = dict(told)
    if "until_s" in fields:
        fields["valid_until"] = epoch_s + fields.pop("until_s")
    fields["pieces"] = [
        {
            "valid_from": epoch_s + piece["from_s"],
            "valid_until": epoch_s + piece["until_s"],
            **{k: v for k, v in piece.items() if not k.endswith("_s")},
        }
        for piece in fields.get("pieces", ())
    ]
    return msgspec.convert({"source": name, **fields}, LimitSource)


def _instant(told: str) -> float:
    return datetime.fromisoformat(told).replace(tzinfo=UTC).timestamp()


def _value(told: Any) -> Any:
    return {"unknown": None, "nan": math.nan}.get(told, told) if isinstance(told, str) else told

"""Before the law looks: everything that limits a circuit or an EVSE, as plain limits of this instant.

Schedules and dates, grid signals, heat, a transformer's hot spot and demand windows have memory and rules of
their own; what they come to is a `LimitSource` without dates on a circuit, or `EvseState.thermal_a`. The law
then knows one kind of limit only.
"""

from __future__ import annotations

import math

from msgspec import structs

from ampacity.model.protection import TemperatureSensor
from ampacity.model.site import Circuit, Evse, LimitSource

from . import demand, hot_spot, signals, sources, thermal
from .base import meter_state, usable
from .state import BoundsMemory
from .topology import Topology
from .types import CircuitState, EvseState, Snapshot

FUTURE_S = 2.0
AIR_S = 900.0
"""Air is slow: a reading of the temperature outside counts for so long."""


def apply(memory: BoundsMemory, snapshot: Snapshot, topology: Topology) -> tuple[BoundsMemory, Snapshot]:
    """The memory after this instant, and the snapshot with plain limits."""
    bound = _Bounds(memory, snapshot, topology)
    circuits = {circuit.circuit_id: bound.circuit(k, circuit) for k, circuit in enumerate(topology.circuits)}
    evses = {evse.key: bound.evse(evse) for evse in topology.evses if evse.sensors}
    after = BoundsMemory(
        sources=bound.sources,
        signals=bound.signals,
        sensors=bound.sensors,
        hot_spots=bound.hot_spots,
        demands=bound.demands,
    )
    return after, structs.replace(snapshot, circuits=circuits, evses=snapshot.evses | evses)


class _Bounds:
    """One instant while it is worked out."""

    def __init__(self, before: BoundsMemory, snapshot: Snapshot, topology: Topology) -> None:
        self.before, self.snapshot, self.topology = before, snapshot, topology
        self.at, self.epoch_s = snapshot.at, snapshot.epoch_s
        self.sources: sources.Sources = {}
        self.signals: dict[tuple[str, str], signals.SignalMemory] = {}
        self.sensors: dict[tuple[str, str], thermal.ThermalMemory] = {}
        self.hot_spots: dict[str, hot_spot.HotSpotMemory] = {}
        self.demands: dict[str, demand.DemandMemory] = {}

    def circuit(self, k: int, circuit: Circuit) -> CircuitState:
        """The state of a circuit with what limits it."""
        name = circuit.circuit_id
        state = self.snapshot.circuits.get(name) or CircuitState(circuit_id=name)
        if circuit.limits or state.limits:
            told = (*circuit.limits, *state.limits)
            limits, known = sources.resolve(name, told, self.before.sources, self.at, self.epoch_s)
            self.sources.update(known)
        else:
            limits = []
        for signal in circuit.signals:
            heard = state.signals.get(signal.source, signals.SILENT)
            followed = signals.follow(signal, heard, self.before.signals.get((name, signal.source)), self.at)
            self.signals[name, signal.source] = followed
            own = [x for x in limits if x.source.removesuffix(sources.FALLBACK) == signal.source]
            others = [x for x in limits if x not in own]
            limits = others + signals.limits(signal, followed.state, own)
        for sensor in circuit.sensors:
            share = self._share(name, sensor, state.temperatures)
            if share < 1.0:
                source = f"temperature of {sensor.sensor_id}"
                limits.append(LimitSource(limit_a=share * circuit.rating_a, source=source))
        if circuit.hot_spot is not None:
            limits.append(self._hot_spot(k, circuit, state))
        if circuit.demand is not None:
            limits.append(self._demand(k, circuit, state))
        return structs.replace(state, limits=tuple(limits))

    def evse(self, evse: Evse) -> EvseState:
        """The state of an EVSE with what its sensors allow."""
        state = self.snapshot.evses.get(evse.key) or EvseState(key=evse.key, online=False, proven=False)
        name = f"{evse.station_id}/{evse.evse_id}"
        shares = [(self._share(name, s, state.temperatures), s.sensor_id) for s in evse.sensors]
        share, sensor_id = min(shares)
        if share >= 1.0:
            return state
        return structs.replace(state, thermal_a=share * evse.max_a, thermal_at=sensor_id)

    def _share(self, name: str, sensor: TemperatureSensor, told: dict[str, thermal.Reading]) -> float:
        key = name, sensor.sensor_id
        known = self.before.sensors.get(key)
        memory = self.sensors[key] = thermal.follow(sensor, told.get(sensor.sensor_id), known, self.at)
        return memory.share

    def _hot_spot(self, k: int, circuit: Circuit, state: CircuitState) -> LimitSource:
        model = circuit.hot_spot
        assert model is not None
        ambient_c = model.ambient_c
        told = state.temperatures.get(model.ambient_sensor)
        if told is not None and -60.0 <= told[0] <= 60.0 and 0.0 <= self.at - told[1] + FUTURE_S <= AIR_S:
            ambient_c = told[0]
        load = hot_spot.load_share(self._load_a(k, circuit, state), model.rated_a)
        known = self.before.hot_spots.get(circuit.circuit_id)
        if known is None:
            # Nobody knows what it carried: as if it had been at its rating for ever.
            known = hot_spot.steady(model, max(1.0, load), ambient_c, self.at)
        memory = hot_spot.after(model, known, load, ambient_c, self.at)
        self.hot_spots[circuit.circuit_id] = memory
        share = hot_spot.permitted_share(model, memory, ambient_c)
        return LimitSource(limit_a=share * model.rated_a, source="hot spot")

    def _demand(self, k: int, circuit: Circuit, state: CircuitState) -> LimitSource:
        window = circuit.demand
        assert window is not None
        load_a = self._load_a(k, circuit, state)
        power_w = sum(load_a) * self.snapshot.site.voltage_v
        if load_a is state.metered_a and state.metered_w is not None and math.isfinite(state.metered_w):
            power_w = state.metered_w
        known = self.before.demands.get(circuit.circuit_id)
        memory = demand.follow(window, known, power_w, self.at, self.epoch_s)
        self.demands[circuit.circuit_id] = memory
        return LimitSource(limit_w=demand.permitted_w(window, memory), source="demand window")

    def _load_a(self, k: int, circuit: Circuit, state: CircuitState) -> tuple[float, float, float]:
        """What flows through a circuit now at most: what its meter tells, and its rating where none does."""
        worst = (circuit.rating_a,) * 3
        meter, read_at = circuit.meter, state.metered_at
        if meter is None or not usable(state.metered_a, read_at, self.at, FUTURE_S):
            return worst
        assert state.metered_a is not None
        assert read_at is not None
        if meter_state(max(0.0, self.at - read_at), meter.interval_s) != "fresh":
            return worst
        if meter.measures == "everything":
            return state.metered_a
        cars_a = 0.0
        for i, evse in enumerate(self.topology.evses):
            if k in self.topology.ancestors[self.topology.circuit_of[i]]:
                now = self.snapshot.evses.get(evse.key)
                told = None if now is None or not now.proven else now.committed_a
                cars_a += evse.max_a if told is None else max(told, evse.safe_a)
        one, two, three = state.metered_a
        return one + cars_a, two + cars_a, three + cars_a

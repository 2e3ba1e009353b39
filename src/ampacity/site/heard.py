"""What is heard from outside besides limits: heartbeats of signals, and temperatures."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from ..control.signals import SILENT
from ..model.protection import SignalSource
from ..model.site import EvseKey
from .live_site import LiveSite


class HeardDesk:
    """Takes them. Unknown circuits, EVSEs, signals and sensors are a LookupError."""

    _live: LiveSite

    def heartbeat(self, circuit_id: str, source: str) -> SignalSource:
        """The sender of a signal is there; returns the signal as it is configured."""
        signal = self._signal(circuit_id, source)
        heard = self._live.signals[circuit_id]
        at = self._live.clock.monotonic()
        heard[source] = structs.replace(heard.get(source, SILENT), heartbeat_at=at)
        self._live.wake()
        return signal

    def limit_told(self, circuit_id: str, source: str) -> None:
        """A limit came from `source`: news of a signal, where it is one."""
        heard = self._live.signals[circuit_id]
        heard[source] = structs.replace(heard.get(source, SILENT), limit_at=self._live.clock.monotonic())

    def record_temperature(
        self, place: str | EvseKey, sensor_id: str, celsius: float, at: datetime | None
    ) -> None:
        """What a sensor of a circuit or an EVSE tells, taken at `at` (None: now)."""
        clock = self._live.clock
        age_s = 0.0 if at is None else max(0.0, clock.time() - at.timestamp())
        reading = celsius, clock.monotonic() - age_s
        if isinstance(place, str):
            self._live.check_circuit(place)
            circuit = next(c for c in self._live.site.circuits if c.circuit_id == place)
            known = {sensor.sensor_id for sensor in circuit.sensors}
            if circuit.hot_spot is not None and circuit.hot_spot.ambient_sensor:
                known.add(circuit.hot_spot.ambient_sensor)
            name, kept = f"circuit {place!r}", self._live.temperatures[place]
        else:
            live = self._live.evse(place)
            known = {sensor.sensor_id for sensor in live.evse.sensors}
            name, kept = f"EVSE {place[1]} of station {place[0]!r}", live.temperatures
        if sensor_id not in known:
            names = ", ".join(sorted(known)) or "none"
            raise LookupError(f"{name} has no sensor {sensor_id!r}; it has {names}")
        kept[sensor_id] = reading
        self._live.wake()

    def _signal(self, circuit_id: str, source: str) -> SignalSource:
        self._live.check_circuit(circuit_id)
        circuit = next(c for c in self._live.site.circuits if c.circuit_id == circuit_id)
        for signal in circuit.signals:
            if signal.source == source:
                return signal
        known = ", ".join(signal.source for signal in circuit.signals) or "none"
        raise LookupError(f"circuit {circuit_id!r} has no signal {source!r}; it has {known}")

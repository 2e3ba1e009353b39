"""One circuit's meter at work: read, check, hand on; where that fails, say so once and try again.

Silence is never a value: a meter that tells nothing publishes nothing, and its last reading grows old. A line
that is of no more use is closed and opened again, after the interval at first, then after twice as long each
time, up to `LONGEST_PAUSE_S` (or the interval, where that is longer).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ...clock import Clock
from ...model.events import CircuitMetered, CircuitMeterFailed
from ...model.live import MeterFault
from ...model.phases import PerPhase
from ...model.site import Circuit, MeterConfig
from .checks import Checks, Reading
from .http import HttpSource
from .modbus import ModbusSource
from .mqtt import MqttSource
from .ocpp import OcppSource
from .p1 import P1Source
from .phase_order import PhaseOrder
from .source import Around, Source
from .told import MeterTrouble, Told

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 15.0
FRESH_FACTOR, FRESH_S = 2.0, 5.0
"""A reading that is told again is no fault before it is stale (docs/control.md)."""


def source_of(config: MeterConfig, around: Around, maps: Path | None = None) -> Source:
    """The way to a meter. ValueError says what is wrong with its configuration."""
    match config.protocol:
        case "modbus-tcp":
            return ModbusSource(config, around, maps)
        case "http":
            return HttpSource(config, around)
        case "mqtt":
            return MqttSource(config, around)
        case "p1":
            return P1Source(config, around)
        case "ocpp":
            return OcppSource(config, around)
        case "push":
            raise ValueError("a meter that is pushed is not read")


class CircuitMeter:
    """Reads one circuit's meter and hands the readings on.

    `fail` is told of each new fault, `cars_a` says what the EVSEs below draw by their own meters, `maps` is
    where the site's own register maps are. ValueError for a configuration that can't be.
    """

    def __init__(
        self,
        site_id: str,
        circuit: Circuit,
        clock: Clock,
        publish: Callable[[CircuitMetered], None],
        *,
        fail: Callable[[CircuitMeterFailed], None] = lambda event: None,
        cars_a: Callable[[], PerPhase | None] = lambda: None,
        around: Around | None = None,
        maps: Path | None = None,
    ) -> None:
        if circuit.meter is None:
            raise ValueError(f"circuit {circuit.circuit_id!r} has no meter")
        self._config, self._clock = circuit.meter, clock
        self._site_id, self._circuit_id = site_id, circuit.circuit_id
        self._publish, self._fail, self._cars_a = publish, fail, cars_a
        around = around or Around(clock=clock)
        self._source = source_of(self._config, around, maps)
        self._checks = Checks(self._config, circuit.rating_a, around.voltage_v, cars_a)
        self.phase_order = PhaseOrder(self._config.phases, self._config.measures)
        self._read_at: float | None = None
        self.fault: MeterFault | None = None
        self.failure: str | None = None

    async def run(self) -> None:
        """Read until cancelled; a failure is remembered, logged once and tried again."""
        failures = 0
        while True:
            try:
                await self._source.open()
                _still_wanted()
                while True:
                    due = self._clock.monotonic() + self._config.interval_s
                    if await self._read_once():
                        failures = 0
                    if self._source.paced:
                        await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            except MeterTrouble as trouble:
                self._failed(trouble)
                failures += 1
            finally:
                await self._source.close()
            await self._clock.sleep(pause_s(self._config.interval_s, failures))

    async def _read_once(self) -> bool:
        """Whether there was a reading. Raises MeterTrouble where the line is of no more use."""
        try:
            told = await self._source.read()
            _still_wanted()
            self._take(told)
        except MeterTrouble as trouble:
            _still_wanted()
            if trouble.reopen:
                raise
            self._failed(trouble)
            return False
        return True

    def _take(self, told: Told) -> None:
        reading = self._checks.judge(told, self._clock.now())
        if self.fault is not None:
            log.info("meter of circuit %s answers again", self._circuit_id)
            self.fault = self.failure = None
        self._read_at = self._clock.monotonic()
        self.phase_order.watch(self._read_at, reading.current_a, self._cars_a)
        self._publish(event_of(self._site_id, self._circuit_id, reading))

    def _failed(self, trouble: MeterTrouble) -> None:
        fresh_s = FRESH_FACTOR * self._config.interval_s + FRESH_S
        at = self._clock.monotonic()
        if trouble.fault == "duplicate" and self._read_at is not None and at - self._read_at <= fresh_s:
            return
        text = str(trouble)
        if self.fault != trouble.fault:
            log.warning(
                "meter of circuit %s (%s) fails: %s: %s",
                self._circuit_id,
                self._config.protocol,
                trouble.fault,
                text,
            )
        if (self.fault, self.failure) != (trouble.fault, text):
            self.fault, self.failure = trouble.fault, text
            self._fail(
                CircuitMeterFailed(
                    site_id=self._site_id,
                    circuit_id=self._circuit_id,
                    fault=trouble.fault,
                    text=text,
                    at=self._clock.now(),
                )
            )


def event_of(site_id: str, circuit_id: str, reading: Reading) -> CircuitMetered:
    """A reading as the bus tells it."""
    return CircuitMetered(
        site_id=site_id,
        circuit_id=circuit_id,
        current_a=reading.current_a,
        at=reading.at,
        power_w=reading.power_w,
        voltage_v=reading.voltage_v,
        import_wh=reading.import_wh,
        export_wh=reading.export_wh,
    )


def pause_s(interval_s: float, failures: int) -> float:
    """How long to wait before the line is opened again, after so many failures in a row."""
    return min(interval_s * 2.0 ** min(max(failures - 1, 0), 10), max(LONGEST_PAUSE_S, interval_s))


def _still_wanted() -> None:
    """Raise the cancellation that a library has lost: some wait by asyncio.wait_for, which in Python 3.11
    loses one that comes together with the answer. This loop would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError

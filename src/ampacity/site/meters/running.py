"""All meters of a site at work, each in a task of its own; one that is configured anew starts anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ...bus import Bus
from ...clock import Clock
from ...model.events import CircuitMeterFailed
from ...model.phases import PerPhase
from ...model.site import Circuit, MeterConfig, Site
from ..safe import Safe, SafeError
from .meter import CircuitMeter
from .phase_order import PhaseReport
from .source import Around
from .trial import Trial, try_out

log = logging.getLogger(__name__)


class SiteMeters:
    """`run` until cancelled; `follow` when a circuit's meter has changed.

    `site()` is the site as it is configured now, `cars_a(circuit_id)` what its cars draw by their own meters.
    """

    def __init__(
        self,
        site: Callable[[], Site],
        cars_a: Callable[[str], PerPhase | None],
        clock: Clock,
        bus: Bus,
        safe: Safe,
        maps: Path | None = None,
    ) -> None:
        self._site, self.cars_a = site, cars_a
        self._clock, self._bus, self._safe, self._maps = clock, bus, safe, maps
        self._meters: dict[str, CircuitMeter] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed: set[str] = set()
        self._woken = asyncio.Event()

    @property
    def maps(self) -> Path | None:
        """Where the site's own register maps are."""
        return self._maps

    async def run(self) -> None:
        """Read every meter that is read. A task that fails ends all: a defect must not look like silence."""
        self._changed |= {circuit.circuit_id for circuit in self._site().circuits}
        try:
            while True:
                for circuit_id in tuple(self._changed):
                    self._changed.discard(circuit_id)
                    await self._restart(circuit_id)
                self._woken.clear()
                await self._woken.wait()
                for task in self._tasks.values():
                    if task.done():
                        task.result()
        finally:
            for circuit_id in tuple(self._tasks):
                await self._end(circuit_id)

    def follow(self, circuit_id: str) -> None:
        """The circuit's meter was configured anew, or taken away."""
        self._changed.add(circuit_id)
        self._woken.set()

    def report(self, circuit_id: str) -> PhaseReport | None:
        """What cars' steps say of the meter's phases; None for one that isn't read."""
        meter = self._meters.get(circuit_id)
        return None if meter is None else meter.phase_order.report()

    async def try_out(self, circuit: Circuit, config: MeterConfig) -> Trial:
        """Read a meter once as `config` says. Raises SafeError."""
        around = self._around(self._safe.open(config.password))
        return await try_out(circuit, config, around, self._maps, lambda: self.cars_a(circuit.circuit_id))

    async def _restart(self, circuit_id: str) -> None:
        await self._end(circuit_id)
        site = self._site()
        circuit = next((found for found in site.circuits if found.circuit_id == circuit_id), None)
        if circuit is None or circuit.meter is None or circuit.meter.protocol == "push":
            return
        try:
            around = self._around(self._safe.open(circuit.meter.password))
            meter = CircuitMeter(
                site.site_id,
                circuit,
                self._clock,
                self._bus.publish,
                fail=self._bus.publish,
                cars_a=lambda: self.cars_a(circuit_id),
                around=around,
                maps=self._maps,
            )
        except ValueError as problem:
            # What was entered is checked; a map or key that has gone since must not end the site: its meter
            # is silent, and the law knows what that means.
            log.error("meter of circuit %s can't be read: %s", circuit_id, problem)
            self._bus.publish(
                CircuitMeterFailed(
                    site_id=site.site_id,
                    circuit_id=circuit_id,
                    fault="refused" if isinstance(problem, SafeError) else "garbled",
                    text=str(problem),
                    at=self._clock.now(),
                )
            )
            return
        self._meters[circuit_id] = meter
        task = self._tasks[circuit_id] = asyncio.create_task(meter.run(), name=f"meter {circuit_id}")
        task.add_done_callback(lambda _: self._woken.set())

    async def _end(self, circuit_id: str) -> None:
        self._meters.pop(circuit_id, None)
        task = self._tasks.pop(circuit_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _around(self, password: str) -> Around:
        site = self._site()
        return Around(
            clock=self._clock,
            password=password,
            bus=self._bus,
            operator_id=site.operator_id,
            voltage_v=site.voltage_v,
        )

"""Where readings of circuits' meters arrive, and where people set meters up.

A reading counts for the law once it is later than the one before; why one could not be used is kept beside
it and shown. A meter is set up for good only with a reading in hand, or knowingly without: a meter that tells
nothing holds every car below it at what it does unattended.
"""

from __future__ import annotations

from datetime import datetime
from math import inf

from msgspec import structs

from ..model.events import CircuitMetered, CircuitMeterFailed
from ..model.phases import PerPhase
from ..model.site import Circuit, MeterConfig, Site
from .live_site import LiveSite
from .meters import Checks, MeterTrouble, Told, check_meter, event_of
from .meters.phase_order import PhaseReport
from .meters.running import SiteMeters
from .meters.trial import Trial
from .records import SiteRecords
from .safe import Safe, resealed_meter


class MeterDesk:
    """The part of the site's desk that has to do with meters. Unknown circuits are a LookupError."""

    def __init__(self, live_site: LiveSite, records: SiteRecords, meters: SiteMeters, safe: Safe) -> None:
        self._live = live_site
        self._records = records
        self.meters = meters
        self._safe = safe
        self._pushed: dict[str, tuple[object, Checks]] = {}
        """By circuit: what the checks of its pushed readings were made for, and the checks."""

    @property
    def site(self) -> Site:
        """The site as it is configured now."""
        return self._live.site

    # ------------------------------------------------------------ readings

    def record_meter(
        self,
        circuit_id: str,
        current_a: PerPhase,
        at: datetime,
        power_w: PerPhase | None = None,
        voltage_v: PerPhase | None = None,
    ) -> None:
        """A reading that somebody pushes, checked like any other. MeterTrouble where it can't be used; one
        that is told again, or late, is no news and no trouble.
        """
        circuit = self._circuit(circuit_id)
        if circuit.meter is None:
            raise ValueError(f"circuit {circuit_id!r} has no meter")
        made_for = circuit.meter, circuit.rating_a, self.site.voltage_v
        known = self._pushed.get(circuit_id)
        if known is None or known[0] != made_for:
            known = made_for, Checks(*made_for, lambda: self.meters.cars_a(circuit_id))
            self._pushed[circuit_id] = known
        checks = known[1]
        told = Told(current_a=current_a, at=at)
        if power_w is not None:
            told = structs.replace(told, power_w=power_w)
        if voltage_v is not None:
            told = structs.replace(told, voltage_v=voltage_v)
        try:
            reading = checks.judge(told, self._live.clock.now())
        except MeterTrouble as trouble:
            if trouble.fault in ("duplicate", "older"):
                return
            self.circuit_meter_failed(
                CircuitMeterFailed(
                    site_id=self.site.site_id,
                    circuit_id=circuit_id,
                    fault=trouble.fault,
                    text=str(trouble),
                    at=self._live.clock.now(),
                )
            )
            raise
        self.circuit_metered(event_of(self.site.site_id, circuit_id, reading))

    def circuit_metered(self, event: CircuitMetered) -> None:
        """Keep a circuit's reading, unless a later one is known."""
        if event.site_id != self.site.site_id or event.circuit_id not in self._live.limits:
            return
        clock = self._live.clock
        taken_at = clock.monotonic() - max(0.0, clock.time() - event.at.timestamp())
        known = self._live.metered.get(event.circuit_id)
        if known is None or taken_at >= known[1]:
            self._live.metered[event.circuit_id] = (event.current_a, taken_at)
            self._live.told[event.circuit_id] = event
            if max(event.current_a) > self._live.full_a.get(event.circuit_id, inf):
                self._live.wake()
            else:
                self._live.wake_soon()
        self._live.meter_faults.pop(event.circuit_id, None)

    def circuit_meter_failed(self, event: CircuitMeterFailed) -> None:
        """Keep why a circuit's meter tells nothing that can be used."""
        if event.site_id == self.site.site_id and event.circuit_id in self._live.limits:
            self._live.meter_faults[event.circuit_id] = event

    # ------------------------------------------------------------ setting up

    async def try_meter(self, circuit_id: str, config: MeterConfig | None = None) -> Trial:
        """Read a circuit's meter once, as it is configured or as `config` says. ValueError where it can't be
        read like that.
        """
        circuit = self._circuit(circuit_id)
        if config is None and circuit.meter is None:
            raise ValueError(f"circuit {circuit_id!r} has no meter")
        wanted = resealed_meter(config, circuit.meter, self._safe) if config is not None else circuit.meter
        assert wanted is not None
        check_meter(self.site, circuit, wanted, self.meters.maps)
        return await self.meters.try_out(circuit, wanted)

    async def configure_meter(
        self, circuit_id: str, config: MeterConfig | None, actor: str, trial: Trial | None = None
    ) -> None:
        """Give a circuit this meter, or none. `trial`: what it has just told, which counts at once."""
        async with self._live.changing:
            circuit = self._circuit(circuit_id)
            if config is not None:
                config = resealed_meter(config, circuit.meter, self._safe)
                check_meter(self.site, circuit, config, self.meters.maps)
            await self._records.set_meter(circuit_id, config, actor)
            circuits = tuple(
                structs.replace(known, meter=config) if known.circuit_id == circuit_id else known
                for known in self.site.circuits
            )
            self._live.site = structs.replace(self._live.site, circuits=circuits)
        for kept in (self._live.metered, self._live.told, self._live.meter_faults, self._pushed):
            kept.pop(circuit_id, None)
        if trial is not None and trial.reading is not None:
            self.circuit_metered(event_of(self.site.site_id, circuit_id, trial.reading))
        self.meters.follow(circuit_id)
        self._live.wake()

    def meter_report(self, circuit_id: str) -> PhaseReport | None:
        """What cars' steps say of a meter's phases and direction; None for one that isn't read here."""
        self._live.check_circuit(circuit_id)
        return self.meters.report(circuit_id)

    def meter_told(self, circuit_id: str) -> tuple[CircuitMetered | None, CircuitMeterFailed | None]:
        """The last reading that counts, and why the meter's last word can't be used (None: it can)."""
        self._live.check_circuit(circuit_id)
        return self._live.told.get(circuit_id), self._live.meter_faults.get(circuit_id)

    def _circuit(self, circuit_id: str) -> Circuit:
        self._live.check_circuit(circuit_id)
        return next(circuit for circuit in self.site.circuits if circuit.circuit_id == circuit_id)

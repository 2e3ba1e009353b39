"""Finds out what stations really do, and keeps it with their firmware."""

from __future__ import annotations

from ..csms.state import StationState
from ..csms.vocabulary import Command, Outcome, SetProfile
from ..model.proving import Finding, ProbeReport, ProbeRun
from .limits_out import LimitWriter
from .live_site import Commander, LiveSite
from .probes import Probe
from .records import SiteRecords

PROBE_TIMEOUT_S = 30.0


class Prover:
    """Probes of a site's stations; one at a time for a station."""

    def __init__(
        self, live_site: LiveSite, commander: Commander, writer: LimitWriter, records: SiteRecords
    ) -> None:
        self._live = live_site
        self._commander = commander
        self._writer = writer
        self._records = records
        self._probed: dict[str, Probe] = {}

    async def probe(self, station_id: str, actor: str) -> ProbeReport:
        """Probe a station; what is found counts for all stations of its firmware at once. LookupError for a
        station that is not at this site, ValueError while it is probed.
        """
        evses, state = self._live.at_station(station_id), self._commander.station(station_id)
        if not evses or state is None:
            raise LookupError(f"site {self._live.site.site_id!r} has no station {station_id!r}")
        if station_id in self._probed:
            raise ValueError(f"station {station_id!r} is being probed already")
        site, clock = self._live.site, self._live.clock

        async def send(command: Command) -> Outcome:
            if isinstance(command, SetProfile):
                for live in evses:
                    if live.evse.evse_id == command.evse_id:
                        live.conduct.writes.count(clock.monotonic())
            return await self._commander.command(
                site.operator_id, station_id, command, "controller", PROBE_TIMEOUT_S
            )

        probe = self._probed[station_id] = Probe(self._live, self._writer, state, evses, send)
        try:
            findings = await probe.run()
        finally:
            del self._probed[station_id]
        return await self._keep(station_id, state, findings, actor)

    async def found(self, station_id: str, finding: Finding, actor: str) -> None:
        """Keep what a station of a firmware has shown outside a probe."""
        state = self._commander.station(station_id)
        if state is not None:
            await self._keep(station_id, state, (finding,), actor)

    async def _keep(
        self, station_id: str, state: StationState, findings: tuple[Finding, ...], actor: str
    ) -> ProbeReport:
        report = ProbeReport(
            station_id=station_id,
            vendor=state.info.vendor,
            model=state.info.model,
            firmware=state.info.firmware,
            version=state.version or "",
            at=self._live.clock.now(),
            actor=actor,
            findings=findings,
        )
        known = await self._records.keep_probe(report)
        self._learn(known)
        return report

    @property
    def probing(self) -> tuple[ProbeRun, ...]:
        """The probes that run now."""
        return tuple(
            ProbeRun(station_id=station_id, findings=probe.found)
            for station_id, probe in self._probed.items()
        )

    def firmware(self, station_id: str) -> tuple[str, str, str, str]:
        """Make, model, firmware and OCPP version of a station; empty where nothing is known."""
        state = self._commander.station(station_id)
        if state is None:
            return "", "", "", ""
        return state.info.vendor, state.info.model, state.info.firmware, state.version or ""

    def _learn(self, known: ProbeReport) -> None:
        key = (known.vendor, known.model, known.firmware, known.version)
        for live in self._live.evses.values():
            state = self._commander.station(live.evse.station_id)
            if state is None:
                continue
            info = state.info
            if (info.vendor, info.model, info.firmware, state.version or "") == key:
                live.conduct.learn(known)
                if not live.conduct.lease_credit:
                    live.credit_is_gone()
                if not live.conduct.offline_shown:
                    live.only_the_lease_ends_it()
        self._live.wake()

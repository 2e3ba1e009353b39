"""The assessment of a site: step by step, each result kept, taken up again where it was left.

A step that passed is not done again. One that waits (for a car, a week of readings, a hand at a cable) is
tried with each run. Until a person accepts the report the site uses 80 % of its headroom.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from msgspec import structs

from ..model.live import SiteHistory
from ..model.phases import ZERO, PerPhase, add, to_parent
from ..model.proving import Assessment, AssessmentStep, Finding, StepName, StepProgress, StepState
from ..store.identifiers import sortable_id
from . import walk
from .knowledge import LiveEvse
from .live_site import LiveSite
from .probes import NAMED
from .prover import Prover
from .records import SiteRecords
from .steps import metered_above, seen_words

log = logging.getLogger(__name__)

OF_THE_BUILD: frozenset[StepName] = frozenset(("tree", "offline_sum", "phases", "cable_pull"))
"""Steps that another form of the site has to pass anew."""

PULSE_S = 60.0
SETTLE_S = 12.0
MEAN_S = 5.0
PULLED_WITHIN_S = 900.0
"""So long a run of the assessment waits for somebody to pull a cable."""

History = Callable[[float, float], SiteHistory]


class MeterGone(Exception):
    """A circuit's meter was taken away while a step relied on it."""


class Assessor:
    """Assesses one site; one run at a time."""

    def __init__(self, live_site: LiveSite, records: SiteRecords, prover: Prover, history: History) -> None:
        self._live = live_site
        self._records = records
        self._prover = prover
        self._history = history
        self._task: asyncio.Task[None] | None = None
        self._progress: StepProgress | None = None

    # ------------------------------------------------------------ what people ask

    @property
    def running(self) -> bool:
        """Whether steps are being done."""
        return self._task is not None and not self._task.done()

    def worst_base_a(self) -> dict[str, PerPhase]:
        """The highest base load of the last week, by circuit."""
        _, highest_w = self._load(self._live.clock.now())
        site = self._live.site
        worst_a = 0.0 if highest_w is None else highest_w / (3.0 * site.voltage_v)
        return {site.root.circuit_id: (worst_a, worst_a, worst_a)}

    async def newest(self) -> Assessment | None:
        """The newest assessment, finished or not."""
        found = await self._records.newest_assessment()
        if found is None:
            return None
        return structs.replace(found, running=self.running, progress=self._progress if self.running else None)

    async def run(self, actor: str, steps: tuple[StepName, ...] = ()) -> Assessment:
        """Begin an assessment, or go on with the one that is open: with all steps that have not passed, or
        with `steps`, passed or not. Returns at once; `newest` shows how it goes. ValueError while one runs.
        """
        if self.running:
            raise ValueError(f"site {self._live.site.site_id!r} is being assessed already")
        found = await self._records.newest_assessment()
        if found is None or found.finished_at is not None:
            now = self._live.clock.now()
            found = Assessment(
                assessment_id=sortable_id(now), site_id=self._live.site.site_id, actor=actor, started_at=now
            )
        await self._records.keep_assessment(found, actor, "assess")
        wanted = steps or tuple(step.name for step in found.steps if step.state != "passed")
        self._task = self._live.run_beside(self._run(found, wanted))
        return structs.replace(found, running=True)

    async def cancel(self, actor: str) -> Assessment:
        """Give up the step that is being done. LookupError without an assessment, ValueError where nothing
        is being done."""
        found = await self.newest()
        if found is None:
            raise LookupError(f"site {self._live.site.site_id!r} was never assessed")
        if self._task is None or not self.running:
            raise ValueError(f"site {self._live.site.site_id!r} is not being assessed")
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._records.keep_assessment(found, actor, "cancel_assessment")
        return structs.replace(found, running=False, progress=None)

    async def accept(self, actor: str) -> Assessment:
        """A person has read the report: the site is commissioned. LookupError without a report, ValueError
        where a step has failed or has never been done.
        """
        found = await self._records.newest_assessment()
        if found is None:
            raise LookupError(f"site {self._live.site.site_id!r} was never assessed")
        if found.finished_at is not None:
            if self._live.site.commissioned:
                return found
            raise ValueError(
                f"site {self._live.site.site_id!r} was changed since it was accepted: assess it again"
            )
        bad = [step.name for step in found.steps if step.state in ("failed", "open")]
        if bad:
            raise ValueError(f"not passed: {', '.join(bad)}; run the assessment again when that is mended")
        found = structs.replace(found, finished_at=self._live.clock.now(), accepted_by=actor)
        await self._records.keep_assessment(found, actor, "commission", commissioned=True)
        self._live.site = structs.replace(self._live.site, commissioned=True)
        self._live.wake()
        return found

    async def site_changed(self, actor: str) -> None:
        """What was found of the site's build holds no longer: those steps have to be done again."""
        found = await self._records.newest_assessment()
        if found is None or found.finished_at is not None:
            return
        for step in found.steps:
            if step.name in OF_THE_BUILD:
                found = found.with_step(AssessmentStep(name=step.name))
        await self._records.keep_assessment(found, actor, None)

    # ------------------------------------------------------------ steps

    async def _run(self, assessment: Assessment, wanted: tuple[StepName, ...]) -> None:
        for step in assessment.steps:
            if step.name not in wanted:
                continue
            self._tell(step.name)
            findings = await self._do(step.name)
            verdicts = [finding.passed for finding in findings]
            done = AssessmentStep(
                name=step.name, state=_state(verdicts), findings=findings, at=self._live.clock.now()
            )
            assessment = assessment.with_step(done)
            await self._records.keep_assessment(assessment, assessment.actor, None)

    def _tell(
        self, step: StepName, what: str = "", done: int = 0, of: int = 1, lasts_s: float | None = None
    ) -> None:
        now = self._live.clock.now()
        self._progress = StepProgress(
            step=step,
            what=what,
            done=done,
            of=of,
            since=now,
            until=None if lasts_s is None else now + timedelta(seconds=lasts_s),
        )

    async def _do(self, name: StepName) -> tuple[Finding, ...]:
        site, clock = self._live.site, self._live.clock
        match name:
            case "tree":
                read_at = {circuit_id: at for circuit_id, (_, at) in self._live.metered.items()}
                return walk.tree(site, read_at, clock.monotonic())
            case "load":
                hours, highest_w = self._load(clock.now())
                return walk.load(hours, highest_w, site)
            case "offline_sum":
                hours, _ = self._load(clock.now())
                found = walk.offline_sum(site, self.worst_base_a())
                if site.root.reserve_a <= 0 and hours < walk.WEEK_H:
                    words = "neither a week of readings nor a reserve_a tells it"
                    found = (*found, Finding(name="worst base", passed=None, evidence=words))
                return found
            case "phases":
                found = ()
                for number, live in enumerate(self._live.evses.values()):
                    what, of = f"{live.evse.station_id}/{live.evse.evse_id}", len(self._live.evses)
                    self._tell("phases", what, number, of, PULSE_S + SETTLE_S + 2 * MEAN_S)
                    found = (*found, await _while_metered(what, self._phases(live)))
                return found
            case "probes":
                return await self._probes()
            case "cable_pull":
                return (await _while_metered("cable pull", self._cable_pull()),)

    def _load(self, now: datetime) -> tuple[float, float | None]:
        """Hours of known base load within the last week, and the highest of them in W."""
        week = self._history((now - timedelta(days=7)).timestamp(), now.timestamp())
        told = [power for power in week.base_power_w if power is not None]
        return len(told) * week.step_s / 3600.0, max(told, default=None)

    async def _probes(self) -> tuple[Finding, ...]:
        """One station of each firmware."""
        found, seen = [], set()
        firmwares = len(
            {self._prover.firmware(live.evse.station_id) for live in self._live.evses.values() if live.online}
        )
        for live in self._live.evses.values():
            station_id = live.evse.station_id
            firmware = self._prover.firmware(station_id)
            if firmware in seen or not live.online:
                continue
            seen.add(firmware)
            self._tell("probes", station_id, len(seen) - 1, firmwares)
            report = await self._prover.probe(station_id, "assessment")
            named = " ".join(part for part in firmware if part)
            found += [structs.replace(one, name=f"{named}: {one.name}") for one in report.findings]
        return tuple(found)

    # ------------------------------------------------------------ the phase map

    async def _phases(self, live: LiveEvse) -> Finding:
        """Lower one EVSE for a minute, and see on which phases the meter above it falls."""
        name = f"EVSE {live.evse.station_id}/{live.evse.evse_id}"
        above = metered_above(self._live, live)
        if above is None:
            return Finding(name=name, passed=None, evidence="no meter above it: look at the wiring by hand")
        if live.joint is not None and live.joint[0].verdict != "unknown":
            found, seen_in = live.joint
            return Finding(name=name, passed=found.verdict == "agrees", evidence=seen_words(found, seen_in))
        before = live.measured_a
        if live.transaction is None or before is None or max(before) < live.evse.min_a + 4.0:
            return Finding(name=name, passed=None, evidence="no car that draws enough")
        circuit_id, turns = above
        clock = self._live.clock
        meter_before = await self._mean(circuit_id)
        live.conduct.external[NAMED] = live.evse.min_a
        self._live.wake()
        try:
            since = clock.monotonic()
            while clock.monotonic() - since < PULSE_S:
                await clock.sleep(1.0)
                fell = live.measured_at is not None and live.measured_at > since
                if fell and max(live.measured_a or before) <= live.evse.min_a * 1.1 + 0.5:
                    break
            await clock.sleep(SETTLE_S)
            meter_after, after = await self._mean(circuit_id), live.measured_a or ZERO
        finally:
            live.conduct.external.pop(NAMED, None)
            self._live.wake()
        expected = _less(before, after)
        for rotation in turns:
            expected = to_parent(expected, rotation)
        seen = _less(meter_before, meter_after)
        if max(expected) < 2.0:
            return Finding(name=name, passed=None, evidence="the car did not follow")
        words = f"expected a fall of {_words(expected)} A at {circuit_id}, saw {_words(seen)} A"
        return Finding(name=name, passed=walk.judge_pulse(expected, seen), evidence=words)

    async def _mean(self, circuit_id: str) -> PerPhase:
        total = ZERO
        for _ in range(int(MEAN_S)):
            await self._live.clock.sleep(1.0)
            total = add(total, self._reading(circuit_id))
        return total[0] / MEAN_S, total[1] / MEAN_S, total[2] / MEAN_S

    def _reading(self, circuit_id: str) -> PerPhase:
        reading = self._live.metered.get(circuit_id)
        if reading is None:
            raise MeterGone(circuit_id)
        return reading[0]

    # ------------------------------------------------------------ the cable

    async def _cable_pull(self) -> Finding:
        """Wait for a hand at the cable of a station that charges, and see how long it goes on."""
        clock, name = self._live.clock, "cable pull"
        ready = [live for live in self._live.evses.values() if live.transaction is not None and live.online]
        if not ready:
            return Finding(name=name, passed=None, evidence="no car charges: run it again with one")
        drawn = {live.evse.key: live.measured_a or ZERO for live in ready}
        end = clock.monotonic() + PULLED_WITHIN_S
        self._tell("cable_pull", "waiting", lasts_s=PULLED_WITHIN_S)
        while clock.monotonic() < end:
            for live in ready:
                if not live.online and live.transaction is not None:
                    return await self._watch(live, drawn[live.evse.key])
                drawn[live.evse.key] = live.measured_a or ZERO
            await clock.sleep(1.0)
        return Finding(name=name, passed=None, evidence="nobody pulled a network cable: run it again")

    async def _watch(self, live: LiveEvse, drawn: PerPhase) -> Finding:
        clock, lease_s = self._live.clock, self._live.site.lease_s
        name = f"EVSE {live.evse.station_id}/{live.evse.evse_id}"
        heard_at = live.measured_at if live.measured_at is not None else clock.monotonic()
        above, excess = metered_above(self._live, live), max(drawn) - live.evse.safe_a
        if above is None or excess < 2.0:
            words = "no meter above it" if above is None else "it drew no more than its safe current"
            return Finding(name=name, passed=None, evidence=words)
        circuit_id, _ = above
        before = self._reading(circuit_id)
        self._tell("cable_pull", live.evse.station_id, lasts_s=2 * lease_s + 60.0)
        bound = live.conduct.time_to_safe_s(lease_s, live.clock.error_s)
        while clock.monotonic() - heard_at < 2 * lease_s + 60.0 and not live.online:
            if max(_less(before, self._reading(circuit_id))) >= excess / 2:
                took = clock.monotonic() - heard_at
                live.conduct.measured_to_safe_s = took
                in_time = bound is not None and took <= bound + 30.0
                words = f"safe {took:.0f} s after its last word; {bound or 0:.0f} s were promised"
                return Finding(name=name, passed=in_time, evidence=words)
            await clock.sleep(1.0)
        return Finding(name=name, passed=False, evidence="went on drawing until it was back")


async def _while_metered(name: str, asked: Awaitable[Finding]) -> Finding:
    """What was found; nothing, where the meter that it takes is gone."""
    try:
        return await asked
    except MeterGone as gone:
        words = f"the meter of circuit {gone} tells nothing any more: run it again when it does"
        return Finding(name=name, passed=None, evidence=words)


def _state(verdicts: list[bool | None]) -> StepState:
    if False in verdicts:
        return "failed"
    return "waiting" if None in verdicts or not verdicts else "passed"


def _less(one: PerPhase, other: PerPhase) -> PerPhase:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def _words(value: PerPhase) -> str:
    return "/".join(f"{amperes:.1f}" for amperes in value)

"""What stations and sites have shown of themselves: findings with their evidence."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct, structs


class Finding(Struct, frozen=True, kw_only=True):
    """One question put to a station or a site. `passed` None: it could not be asked (`evidence` says why)."""

    name: str
    passed: bool | None
    evidence: str


class ProbeReport(Struct, frozen=True, kw_only=True):
    """What a firmware does, as found out at one station."""

    station_id: str
    vendor: str
    model: str
    firmware: str
    version: str
    at: datetime
    actor: str
    findings: tuple[Finding, ...]

    def failed(self, name: str) -> bool:
        """Whether it was asked and did not pass."""
        return self.verdict(name) is False

    def verdict(self, name: str) -> bool | None:
        """How that turned out; None where it was never asked, or could not be."""
        return next((finding.passed for finding in self.findings if finding.name == name), None)


class ProbeRun(Struct, frozen=True, kw_only=True):
    """A probe at work: what it has found so far."""

    station_id: str
    findings: tuple[Finding, ...]


StepState: TypeAlias = Literal["open", "passed", "failed", "waiting"]
StepName: TypeAlias = Literal["tree", "load", "offline_sum", "phases", "probes", "cable_pull"]
STEPS: tuple[StepName, ...] = ("tree", "load", "offline_sum", "phases", "probes", "cable_pull")


class AssessmentStep(Struct, frozen=True, kw_only=True):
    """One step with what it found. `waiting`: something is missing (a car, a week, a hand at a cable); run
    the assessment again when it is there.
    """

    name: StepName
    state: StepState = "open"
    findings: tuple[Finding, ...] = ()
    at: datetime | None = None


class StepProgress(Struct, frozen=True, kw_only=True):
    """What an assessment does now: `what` (an EVSE, a station, a circuit; empty: nothing of its own), number
    `done` + 1 of `of`, and until when at the latest, where that is known."""

    step: StepName
    what: str = ""
    done: int = 0
    of: int = 1
    since: datetime
    until: datetime | None = None


class Assessment(Struct, frozen=True, kw_only=True):
    """A site looked at as a whole. `accepted_by` is who has read it and lets the site use all of its
    headroom; `running` while steps are being done, and `progress` how far they are.
    """

    assessment_id: str
    site_id: str
    actor: str
    started_at: datetime
    finished_at: datetime | None = None
    accepted_by: str | None = None
    running: bool = False
    progress: StepProgress | None = None
    steps: tuple[AssessmentStep, ...] = tuple(AssessmentStep(name=name) for name in STEPS)

    @property
    def failed(self) -> bool:
        """Whether any step has."""
        return any(step.state == "failed" for step in self.steps)

    def with_step(self, done: AssessmentStep) -> Assessment:
        """The same with a step's new state."""
        steps = tuple(done if step.name == done.name else step for step in self.steps)
        return structs.replace(self, steps=steps)

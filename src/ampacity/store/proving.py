"""Probes of firmware, and assessments of sites."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, structs
from sqlalchemy import Connection, select

from ..model.proving import Assessment, AssessmentStep, Finding, ProbeReport
from .statements import upsert
from .tables import firmware_probe, site_assessment


class AssessmentRow(Struct, frozen=True, kw_only=True):
    """An assessment of a site; `steps` is plain data, each step with its findings."""

    operator_id: str
    assessment_id: str
    site_id: str
    actor: str
    started_at: datetime
    finished_at: datetime | None
    steps: Any


def save_probe(connection: Connection, operator_id: str, report: ProbeReport) -> None:
    """Keep what was found; an answer that the new probe could not get stays as it was."""
    row = {**structs.asdict(report), "operator_id": operator_id}
    before = find_probe(connection, operator_id, report.vendor, report.model, report.firmware, report.version)
    known = {} if before is None else {finding.name: finding for finding in before.findings}
    for finding in report.findings:
        if finding.passed is not None or finding.name not in known:
            known[finding.name] = finding
    row["findings"] = msgspec.to_builtins(list(known.values()))
    upsert(connection, firmware_probe, row)


def find_probe(
    connection: Connection, operator_id: str, vendor: str, model: str, firmware: str, version: str
) -> ProbeReport | None:
    """What is known of a firmware."""
    column = firmware_probe.c
    query = select(firmware_probe).where(
        column.operator_id == operator_id,
        column.vendor == vendor,
        column.model == model,
        column.firmware == firmware,
        column.version == version,
    )
    row = connection.execute(query).first()
    return None if row is None else _report(dict(row._mapping))


def list_probes(connection: Connection, operator_id: str) -> list[ProbeReport]:
    """Of every firmware that was probed."""
    query = (
        select(firmware_probe)
        .where(firmware_probe.c.operator_id == operator_id)
        .order_by(firmware_probe.c.vendor, firmware_probe.c.model, firmware_probe.c.firmware)
    )
    return [_report(dict(row._mapping)) for row in connection.execute(query)]


def _report(values: dict[str, Any]) -> ProbeReport:
    del values["operator_id"]
    findings = tuple(msgspec.convert(values.pop("findings"), list[Finding]))
    return ProbeReport(findings=findings, **values)


def assessment_row(operator_id: str, found: Assessment) -> AssessmentRow:
    """An assessment as it is kept."""
    return AssessmentRow(
        operator_id=operator_id,
        assessment_id=found.assessment_id,
        site_id=found.site_id,
        actor=found.actor,
        started_at=found.started_at,
        finished_at=found.finished_at,
        steps=msgspec.to_builtins({"accepted_by": found.accepted_by, "steps": found.steps}),
    )


def assessment_of(row: AssessmentRow) -> Assessment:
    """An assessment as it was kept."""
    kept = msgspec.convert(row.steps, _Kept)
    return Assessment(
        assessment_id=row.assessment_id,
        site_id=row.site_id,
        actor=row.actor,
        started_at=row.started_at,
        finished_at=row.finished_at,
        accepted_by=kept.accepted_by,
        steps=kept.steps,
    )


class _Kept(Struct, frozen=True, kw_only=True):
    accepted_by: str | None
    steps: tuple[AssessmentStep, ...]


def save_assessment(connection: Connection, row: AssessmentRow) -> None:
    """Keep an assessment as it stands."""
    upsert(connection, site_assessment, structs.asdict(row))


def list_assessments(connection: Connection, operator_id: str, site_id: str) -> list[AssessmentRow]:
    """Of a site, the newest first."""
    column = site_assessment.c
    query = (
        select(site_assessment)
        .where(column.operator_id == operator_id, column.site_id == site_id)
        .order_by(column.started_at.desc(), column.assessment_id.desc())
    )
    return [AssessmentRow(**row._mapping) for row in connection.execute(query)]

"""What stations have shown of themselves: EVSEs in quarantine, probes of firmware, assessments of sites."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table, Text

from ..columns import Document, Instant
from .core import metadata, operator_id

evse_quarantine = Table(
    "evse_quarantine",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("most_a", Float, nullable=False),
    Column("why", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
"""A row is there for as long as the EVSE is in quarantine; how it came and went is in the audit."""

firmware_probe = Table(
    "firmware_probe",
    metadata,
    operator_id(),
    Column("vendor", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("firmware", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("findings", Document, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
"""The newest probe of each firmware in each OCPP version; `station_id` is where it was made."""

site_assessment = Table(
    "site_assessment",
    metadata,
    operator_id(),
    Column("assessment_id", Text, primary_key=True),
    Column("site_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("steps", Document, nullable=False),
    Index(None, "operator_id", "site_id"),
)

"""Tables of the stations' security: what each has proved, the certificates it got from us, its events."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text

from ..columns import Instant
from .core import belongs_to_operator, metadata, operator_id

station_security = Table(
    "station_security",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("next_password_hashes", Text, nullable=False),
    Column("tolerates_expired", Boolean, nullable=False),
    Column("certificate", Text),
    Column("certificate_ends_at", Instant),
    belongs_to_operator(),
)

station_certificate = Table(
    "station_certificate",
    metadata,
    operator_id(),
    Column("fingerprint", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("detail", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Index("ix_station_certificate_operator_id_station_id", "operator_id", "station_id"),
    belongs_to_operator(),
)

security_event = Table(
    "security_event",
    metadata,
    operator_id(),
    Column("event_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("critical", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_security_event_operator_id_at", "operator_id", "at"),
)

"""Certificates: roots that an operator trusts, and what each station holds. Public parts only."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from ..columns import Instant
from .core import belongs_to_operator, metadata, operator_id

trusted_certificate = Table(
    "trusted_certificate",
    metadata,
    operator_id(),
    Column("use", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("pem", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    belongs_to_operator(),
)

held_certificate = Table(
    "held_certificate",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("use", Text, primary_key=True),
    Column("certificate_id", Text, primary_key=True),
    Column("parent_id", Text),
    Column("hash_algorithm", Text, nullable=False),
    Column("issuer_name_hash", Text, nullable=False),
    Column("issuer_key_hash", Text, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("pem", Text),
    Column("subject", Text),
    Column("not_after", Instant),
    Column("installed_at", Instant),
    Column("reported_at", Instant),
    Index(None, "operator_id", "not_after"),
    belongs_to_operator(),
)

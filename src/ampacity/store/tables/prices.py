"""Prices, as they were set."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from ..columns import Instant
from .core import belongs_to_operator, metadata, operator_id

price = Table(
    "price",
    metadata,
    operator_id(),
    Column("scope", Text, primary_key=True),  # all, station, evse, token
    Column("scope_id", Text, primary_key=True),
    Column("valid_from", Instant, primary_key=True),
    Column("currency", Text),  # none of all: withdrawn
    Column("per_kwh", Text),
    Column("per_minute", Text),
    Column("text", Text),
    Column("language", Text),
    Column("set_by", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    belongs_to_operator(),
)
"""History: a row is never changed, the next one takes over. Amounts are decimal numbers as text."""

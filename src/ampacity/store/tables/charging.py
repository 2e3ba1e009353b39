"""Smart charging beside the profiles themselves: how each station is treated and what it told, and profiles
by name.
"""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from ..columns import Document, Instant
from .core import metadata, operator_id

station_charging = Table(
    "station_charging",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("mode", Text),  # managed, observed, off; null: nobody has said
    Column("rate_unit", Text),  # A, W; null: takes what it is given, as far as is known
    Column("notes", Document, nullable=False),
    Column("at", Instant, nullable=False),
)
"""`notes` are others' limits and what cars need and plan, as plain data."""

profile_template = Table(
    "profile_template",
    metadata,
    operator_id(),
    Column("name", Text, primary_key=True),
    Column("template", Document, nullable=False),
    Column("at", Instant, nullable=False),
)

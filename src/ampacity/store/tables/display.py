"""What stations' displays show for us."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Table, Text

from ..columns import Document, Instant
from .core import metadata, operator_id

display_message = Table(
    "display_message",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("message_id", BigInteger, primary_key=True),
    Column("message", Document, nullable=False),
    Column("status", Text, nullable=False),  # accepted, pending
    Column("at", Instant, nullable=False),
    ForeignKeyConstraint(
        ["operator_id", "station_id"], ["station.operator_id", "station.station_id"], ondelete="CASCADE"
    ),
)

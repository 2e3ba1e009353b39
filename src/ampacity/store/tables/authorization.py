"""Tables of authorization: the local lists that stations hold, and reservations."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, Table, Text

from ..columns import Document, Instant
from .core import metadata, operator_id

local_list = Table(
    "local_list",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("seen_version", Integer),
    Column("seen_at", Instant),
    Column("state", Text, nullable=False),  # unknown, synced, behind, failed, unsupported
    Column("detail", Text, nullable=False),
    Column("held", Document, nullable=False),  # key -> what the station took
    Column("changed_at", Instant, nullable=False),
    ForeignKeyConstraint(
        ["operator_id", "station_id"], ["station.operator_id", "station.station_id"], ondelete="CASCADE"
    ),
)
"""The local authorization list that each station holds from us."""

reservation = Table(
    "reservation",
    metadata,
    operator_id(),
    Column("reservation_id", Integer, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("evse_id", Integer),
    Column("connector_type", Text),
    Column("token", Text, nullable=False),
    Column("token_kind", Text, nullable=False),
    Column("token_key", Text, nullable=False),
    Column("group", Text),
    Column("expires_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("no_show", Boolean, nullable=False),
    Column("transaction_id", Text),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(None, "operator_id", "station_id", "state"),
    Index(None, "operator_id", "expires_at"),
)
"""Evidence: stands alone, like transactions."""

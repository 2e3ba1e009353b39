"""What people ordered of a site for safety, and sites that share one supply."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, false

from ..columns import Document, Instant
from .core import metadata, operator_id

site_mode = Table(
    "site_mode",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("stop_sessions", Boolean, nullable=False, server_default=false()),
    Column("stop_generation", Boolean, nullable=False, server_default=false()),
)
"""Safe mode and emergency stops that hold; the audit has the past."""

site_group = Table(
    "site_group",
    metadata,
    operator_id(),
    Column("group_id", Text, primary_key=True),
    Column("built", Document, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
"""Sites that share one supply as they are configured, and which program coordinates them until when."""

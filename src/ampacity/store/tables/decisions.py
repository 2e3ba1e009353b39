"""The controller's own record of what it saw and decided, and the sites as they were built then."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from ..columns import Document, Instant
from .core import metadata, operator_id

decision_log = Table(
    "decision_log",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("chain", Instant, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Pieces of chains, in order: the first holds everything, the others what changed since, all one compressed
stream. `chain` is the time of its first tick.
"""

decision_site = Table(
    "decision_site",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("last_at", Instant, nullable=False),
    Column("site", Document, nullable=False),
    Index(None, "operator_id", "last_at"),
)
"""A site as it was built, once for all chains that were written with it; the last of them at `last_at`."""

"""Who got what at a site: per session and day, the boosts, and what drivers thought of it."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table, Text

from ..columns import Instant, WattHours
from .core import metadata, operator_id

session_share = Table(
    "session_share",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # of the site's time zone
    Column("transaction_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("energy_wh", WattHours, nullable=False),
    Column("connected_s", Float, nullable=False),
    Column("wanting_s", Float, nullable=False),
    Column("satisfied_s", Float, nullable=False),
    Column("waited_s", Float, nullable=False),
    Column("boosted_s", Float, nullable=False),
)
"""Evidence: written while a session goes on, never afterwards."""

session_boost = Table(
    "session_boost",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("transaction_id", Text, primary_key=True),
    Column("token_key", Text),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "operator_id", "site_id", "day", "token_key"),
)
"""Sessions that were boosted on a day: what quotas count."""

session_feedback = Table(
    "session_feedback",
    metadata,
    operator_id(),
    Column("transaction_id", Text, primary_key=True),
    Column("score", Integer, nullable=False),  # 1 (bad) to 5 (good)
    Column("given_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

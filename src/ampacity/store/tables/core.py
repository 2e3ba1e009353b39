"""The tables of the core: who and where, stations, transactions, evidence."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from ..columns import Document, Instant, RowId, WattHours

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def operator_id(*, primary_key: bool = True) -> Column[str]:
    """The column that every table begins with."""
    return Column("operator_id", Text, primary_key=primary_key, nullable=False)


def belongs_to_operator() -> ForeignKeyConstraint:
    """For tables of configuration."""
    return ForeignKeyConstraint(["operator_id"], ["operator.operator_id"])


# ---------------------------------------------------------------- who and where

operator = Table(
    "operator",
    metadata,
    operator_id(),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    operator_id(),
    Column("key", Text, primary_key=True),
    Column("value", Document, nullable=False),
    Column("set_at", Instant, nullable=False),
    belongs_to_operator(),
)

site = Table(
    "site",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("voltage_v", Float, nullable=False),
    Column("lease_s", Float, nullable=False),
    Column("commissioned", Boolean, nullable=False),
    Column("supply", Text, nullable=False, server_default="wye"),
    Column("cabinets", Document, nullable=False, server_default="[]"),
    Column("sharing", Document),
    Column("stop_disobedient", Boolean, nullable=False, server_default=false()),
    Column("devices", Document, nullable=False, server_default="[]"),
    belongs_to_operator(),
)

circuit = Table(
    "circuit",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("circuit_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent_id", Text),
    Column("rating_a", Float, nullable=False),
    Column("reserve_a", Float, nullable=False),
    Column("rotation", Document, nullable=False),
    Column("meter", Document),
    Column("rating_w", Float),
    Column("rating_va", Float),
    Column("neutral_a", Float),
    Column("unbalance_a", Float),
    Column("generation_a", Float, nullable=False, server_default="0"),
    Column("export_a", Float),
    Column("sensors", Document, nullable=False, server_default="[]"),
    Column("hot_spot", Document),
    Column("demand", Document),
    Column("signals", Document, nullable=False, server_default="[]"),
    ForeignKeyConstraint(
        ["operator_id", "site_id"], ["site.operator_id", "site.site_id"], ondelete="CASCADE"
    ),
)

device_master = Table(
    "device_master",
    metadata,
    operator_id(),
    Column("site_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
"""Who commands a device: one program at a time, and each that comes after it has a higher epoch."""

circuit_limit = Table(
    "circuit_limit",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    operator_id(primary_key=False),
    Column("site_id", Text, nullable=False),
    Column("circuit_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("limit_a", Float, nullable=False),
    Column("fallback_a", Float),
    Column("limit_w", Float),
    Column("fallback_w", Float),
    Column("valid_until", Instant),
    Column("pieces", Document, nullable=False, server_default="[]"),
    Column("set_by", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by", Text),
    Index(None, "operator_id", "site_id", "circuit_id", "source"),
    sqlite_autoincrement=True,
)
"""History of limits: a row is never changed but for its withdrawal (by name, or by a later row of the same
source).
"""

station = Table(
    "station",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("site_id", Text),
    Column("password_hash", Text),
    Column("security_profile", Integer, nullable=False),
    Column("version", Text),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("firmware", Text, nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("auto_registered", Boolean, nullable=False),
    Column("booted_at", Instant),
    Column("boot_reason", Text),
    Column("first_seen_at", Instant),
    Column("last_seen_at", Instant),
    belongs_to_operator(),
    ForeignKeyConstraint(["operator_id", "site_id"], ["site.operator_id", "site.site_id"]),
    Index(None, "operator_id", "site_id"),
)

evse = Table(
    "evse",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("site_id", Text, nullable=False),
    Column("circuit_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("phases", Document, nullable=False),
    Column("min_a", Float, nullable=False),
    Column("max_a", Float, nullable=False),
    Column("step_a", Float, nullable=False),
    Column("safe_a", Float, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    Column("dc_power_w", Float),
    Column("connectors", Integer, nullable=False),
    Column("line_to_line", Boolean, nullable=False, server_default=false()),
    Column("cabinet_id", Text),
    Column("phase_switch", Boolean, nullable=False, server_default=false()),
    Column("sensors", Document, nullable=False, server_default="[]"),
    ForeignKeyConstraint(["operator_id", "station_id"], ["station.operator_id", "station.station_id"]),
    ForeignKeyConstraint(
        ["operator_id", "site_id", "circuit_id"],
        ["circuit.operator_id", "circuit.site_id", "circuit.circuit_id"],
    ),
    Index(None, "operator_id", "site_id", "circuit_id"),
)

# ---------------------------------------------------------------- what stations are


def _of_station() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["operator_id", "station_id"], ["station.operator_id", "station.station_id"], ondelete="CASCADE"
    )


connector_status = Table(
    "connector_status",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("connector_id", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("at", Instant, nullable=False),
    _of_station(),
)

charging_profile = Table(
    "charging_profile",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("profile_id", Integer, primary_key=True),
    Column("evse_id", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("stack_level", Integer, nullable=False),
    Column("station_transaction_id", Text),
    Column("profile", Document, nullable=False),
    Column("status", Text, nullable=False),  # pending, accepted, cleared
    Column("at", Instant, nullable=False),
    _of_station(),
)

id_token = Table(
    "id_token",
    metadata,
    operator_id(),
    Column("key", Text, primary_key=True),  # the value, case-folded
    Column("value", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("group", Text),
    Column("label", Text, nullable=False),
    Column("expires_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),
    Column("allowed", Document),  # places; none: everywhere
    Column("concurrent", Boolean),  # none: as the node is set
    Column("priority", Integer),
    Column("listed", Boolean, nullable=False, server_default=true()),
    belongs_to_operator(),
    Index(None, "operator_id", "group"),
)

# ---------------------------------------------------------------- evidence

charging_transaction = Table(
    "charging_transaction",
    metadata,
    operator_id(),
    Column("transaction_id", Text, primary_key=True),
    Column("station_transaction_id", Text, nullable=False),
    Column("station_id", Text, nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("connector_id", Integer),
    Column("token_key", Text),
    Column("token", Text),
    Column("token_kind", Text),
    Column("state", Text, nullable=False),  # open, ended
    Column("charging_state", Text),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("register_start_wh", WattHours),
    Column("register_last_wh", WattHours),
    Column("energy_wh", WattHours, nullable=False),
    Column("power_w", Float),
    Column("stop_reason", Text),
    Column("offline", Boolean, nullable=False),
    Column("seq_first", Integer),
    Column("seq_last", Integer),
    Column("seq_count", Integer, nullable=False),
    Column("remote_start_id", Integer),
    Column("clock_correction_s", Float),
    Column("missing", Text),
    Column("incomplete", Boolean, nullable=False),
    Index(None, "operator_id", "station_id", "station_transaction_id"),
    Index(None, "operator_id", "state", "station_id", "evse_id"),
    Index(None, "operator_id", "started_at"),
    Index(None, "operator_id", "token_key", "started_at"),
)

session_wish = Table(
    "session_wish",
    metadata,
    operator_id(),
    Column("transaction_id", Text, primary_key=True),
    Column("need_wh", WattHours),
    Column("departure", Instant),
    Column("boosted", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("goals", Document),
    Column("goal_reached", Text),
)
"""What people want of a session: theirs, not the station's, so apart from what is derived from messages."""

wire_id = Table(
    "wire_id",
    metadata,
    operator_id(),
    Column("last", BigInteger, nullable=False),
)
"""The last transaction id given to a 1.6 station."""

journal = Table(
    "journal",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=False),
    operator_id(primary_key=False),
    Column("station_id", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("version", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),  # Started, Updated, Ended, Metered
    Column("at", Instant, nullable=False),
    Column("retry_key", Text, nullable=False),
    Column("transaction_id", Text),
    Column("payload", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("correction_s", Float),
)
"""Appended to and never searched: each index here would be one more page to write for each message. What
finds messages is `message_key`.
"""

message_key = Table(
    "message_key",
    metadata,
    operator_id(),
    Column("at", Instant, primary_key=True),
    Column("station_id", Text, primary_key=True),
    Column("retry_key", Text, primary_key=True),
    Column("journal_id", RowId, nullable=False),
    Column("transaction_id", Text),
    sqlite_with_rowid=False,
)
"""Where in the journal a message lies, by the time that it tells. The time comes first, so that what is told
now by all stations is written in one place: by station it would be a page for each of them (200 keys and
their commit beside three million of 10,000 stations: 10.6 ms by station, 3.8 ms by time).
"""

watermark = Table(
    "watermark",
    metadata,
    operator_id(),
    Column("what", Text, primary_key=True),  # ledger (transactions, keys), samples (readings, rollups)
    Column("journal_id", RowId, nullable=False),
)
"""Up to which row of the journal what is derived from it has been written."""

meter_reading = Table(
    "meter_reading",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("transaction_id", Text),
    Column("register_wh", Float),
    Column("power_w", Float),
    Column("current_1_a", Float),
    Column("current_2_a", Float),
    Column("current_3_a", Float),
    Column("voltage_1_v", Float),
    Column("voltage_2_v", Float),
    Column("voltage_3_v", Float),
    Column("soc_percent", Float),
    Column("more", Text),
    sqlite_with_rowid=False,
)
"""What an EVSE measured at one instant: imports at the outlet in columns, whatever else was told in `more`
(a JSON array a line: measurand, phase, location, value, unit). One row a message, because rows are what
writing costs.
"""

rollup_15min = Table(
    "rollup_15min",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("evse_id", Integer, primary_key=True),
    Column("start", Instant, primary_key=True),
    Column("measurand", Text, primary_key=True),
    Column("phase", Integer, primary_key=True),
    Column("location", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("total_milli", RowId, nullable=False),  # whole thousandths of the unit: a sum without order
    Column("lowest", Float, nullable=False),
    Column("highest", Float, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("first", Float, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("last", Float, nullable=False),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    operator_id(),
    Column("audit_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Document),
    Column("outcome", Text),
    Column("outcome_detail", Text),
    Column("outcome_at", Instant),
    Index(None, "operator_id", "at"),
    Index(None, "operator_id", "target", "audit_id"),
)

message_log = Table(
    "message_log",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    operator_id(primary_key=False),
    Column("station_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("actions", Text, nullable=False),  # each once, a line each
    Column("frames", LargeBinary, nullable=False),
    Index(None, "operator_id", "station_id", "id"),
    # PostgreSQL drops old rows by the day; see migration 0002.
    Index(None, "operator_id", "at").ddl_if(dialect="sqlite"),
    Index(None, "at", postgresql_using="brin").ddl_if(dialect="postgresql"),
    sqlite_autoincrement=True,
)
"""Frames of one station within a fifth of a second, as MessagePack: [micros, inward, action, id, frame]."""

connection_finding = Table(
    "connection_finding",
    metadata,
    operator_id(),
    Column("finding_id", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("station_id", Text),
    Column("reason", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("offered", Text, nullable=False),
    Column("status", Integer),
    Column("lasted_s", Float),
    Column("count", BigInteger, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Index(None, "operator_id", "last_at"),
    Index(None, "operator_id", "station_id", "last_at"),
)

# ---------------------------------------------------------------- people and programs

user_account = Table(
    "user_account",
    metadata,
    operator_id(),
    Column("user_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    belongs_to_operator(),
    UniqueConstraint("operator_id", "name"),
)


def _of_user() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["operator_id", "user_id"], ["user_account.operator_id", "user_account.user_id"], ondelete="CASCADE"
    )


api_key = Table(
    "api_key",
    metadata,
    operator_id(),
    Column("prefix", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    belongs_to_operator(),
    Index(None, "prefix", unique=True),
)

login_link = Table(
    "login_link",
    metadata,
    operator_id(),
    Column("sha256", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    _of_user(),
    Index(None, "sha256", unique=True),
)

web_session = Table(
    "web_session",
    metadata,
    operator_id(),
    Column("sha256", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    _of_user(),
    Index(None, "sha256", unique=True),
)

"""The first schema.

Times are microseconds UTC, energies milliwatt-hours (see `columns`). Revision: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("audit_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_detail", sa.Text(), nullable=True),
        sa.Column("outcome_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("operator_id", "audit_id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_operator_id_at"), "audit", ["operator_id", "at"], unique=False)
    op.create_index(
        op.f("ix_audit_operator_id_target_audit_id"),
        "audit",
        ["operator_id", "target", "audit_id"],
        unique=False,
    )
    op.create_table(
        "charging_transaction",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("station_transaction_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=True),
        sa.Column("token_key", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("token_kind", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("charging_state", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("register_start_wh", sa.BigInteger(), nullable=True),
        sa.Column("register_last_wh", sa.BigInteger(), nullable=True),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("power_w", sa.Float(), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("seq_first", sa.Integer(), nullable=True),
        sa.Column("seq_last", sa.Integer(), nullable=True),
        sa.Column("seq_count", sa.Integer(), nullable=False),
        sa.Column("remote_start_id", sa.Integer(), nullable=True),
        sa.Column("clock_correction_s", sa.Float(), nullable=True),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "transaction_id", name=op.f("pk_charging_transaction")),
    )
    op.create_index(
        op.f("ix_charging_transaction_operator_id_started_at"),
        "charging_transaction",
        ["operator_id", "started_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_charging_transaction_operator_id_state_station_id_evse_id"),
        "charging_transaction",
        ["operator_id", "state", "station_id", "evse_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_charging_transaction_operator_id_station_id_station_transaction_id"),
        "charging_transaction",
        ["operator_id", "station_id", "station_transaction_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_charging_transaction_operator_id_token_key_started_at"),
        "charging_transaction",
        ["operator_id", "token_key", "started_at"],
        unique=False,
    )
    op.create_table(
        "circuit_limit",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("circuit_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("limit_a", sa.Float(), nullable=False),
        sa.Column("fallback_a", sa.Float(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_limit")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_circuit_limit_operator_id_site_id_circuit_id_source"),
        "circuit_limit",
        ["operator_id", "site_id", "circuit_id", "source"],
        unique=False,
    )
    op.create_table(
        "connection_finding",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("offered", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("lasted_s", sa.Float(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "finding_id", name=op.f("pk_connection_finding")),
    )
    op.create_index(
        op.f("ix_connection_finding_operator_id_last_at"),
        "connection_finding",
        ["operator_id", "last_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_connection_finding_operator_id_station_id_last_at"),
        "connection_finding",
        ["operator_id", "station_id", "last_at"],
        unique=False,
    )
    op.create_table(
        "journal",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("retry_key", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("correction_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_table(
        "message_key",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("retry_key", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("operator_id", "at", "station_id", "retry_key", name=op.f("pk_message_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message_log",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("frames", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_log")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_message_log_operator_id_at"), "message_log", ["operator_id", "at"], unique=False)
    op.create_index(
        op.f("ix_message_log_operator_id_station_id_id"),
        "message_log",
        ["operator_id", "station_id", "id"],
        unique=False,
    )
    op.create_table(
        "meter_reading",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("register_wh", sa.Float(), nullable=True),
        sa.Column("power_w", sa.Float(), nullable=True),
        sa.Column("current_1_a", sa.Float(), nullable=True),
        sa.Column("current_2_a", sa.Float(), nullable=True),
        sa.Column("current_3_a", sa.Float(), nullable=True),
        sa.Column("voltage_1_v", sa.Float(), nullable=True),
        sa.Column("voltage_2_v", sa.Float(), nullable=True),
        sa.Column("voltage_3_v", sa.Float(), nullable=True),
        sa.Column("soc_percent", sa.Float(), nullable=True),
        sa.Column("more", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("operator_id", "station_id", "evse_id", "at", name=op.f("pk_meter_reading")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operator",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_operator")),
    )
    op.create_table(
        "rollup_15min",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("measurand", sa.Text(), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total_milli", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lowest", sa.Float(), nullable=False),
        sa.Column("highest", sa.Float(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.Float(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(
            "operator_id",
            "station_id",
            "evse_id",
            "start",
            "measurand",
            "phase",
            "location",
            name=op.f("pk_rollup_15min"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session_wish",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("need_wh", sa.BigInteger(), nullable=True),
        sa.Column("departure", sa.BigInteger(), nullable=True),
        sa.Column("boosted", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "transaction_id", name=op.f("pk_session_wish")),
    )
    op.create_table(
        "watermark",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "what", name=op.f("pk_watermark")),
    )
    op.create_table(
        "wire_id",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_wire_id")),
    )
    op.create_table(
        "api_key",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_api_key_operator")),
        sa.PrimaryKeyConstraint("operator_id", "prefix", name=op.f("pk_api_key")),
    )
    op.create_index(op.f("ix_api_key_prefix"), "api_key", ["prefix"], unique=True)
    op.create_table(
        "id_token",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_id_token_operator")),
        sa.PrimaryKeyConstraint("operator_id", "key", name=op.f("pk_id_token")),
    )
    op.create_index(op.f("ix_id_token_operator_id_group"), "id_token", ["operator_id", "group"], unique=False)
    op.create_table(
        "setting",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_setting_operator")),
        sa.PrimaryKeyConstraint("operator_id", "key", name=op.f("pk_setting")),
    )
    op.create_table(
        "site",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("voltage_v", sa.Float(), nullable=False),
        sa.Column("lease_s", sa.Float(), nullable=False),
        sa.Column("commissioned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_site_operator")),
        sa.PrimaryKeyConstraint("operator_id", "site_id", name=op.f("pk_site")),
    )
    op.create_table(
        "user_account",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name=op.f("fk_user_account_operator")
        ),
        sa.PrimaryKeyConstraint("operator_id", "user_id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("operator_id", "name", name=op.f("uq_user_account_operator_id_name")),
    )
    op.create_table(
        "circuit",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("circuit_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("rating_a", sa.Float(), nullable=False),
        sa.Column("reserve_a", sa.Float(), nullable=False),
        sa.Column("rotation", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id", "site_id"],
            ["site.operator_id", "site.site_id"],
            name=op.f("fk_circuit_site"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operator_id", "site_id", "circuit_id", name=op.f("pk_circuit")),
    )
    op.create_table(
        "login_link",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id", "user_id"],
            ["user_account.operator_id", "user_account.user_id"],
            name=op.f("fk_login_link_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operator_id", "sha256", name=op.f("pk_login_link")),
    )
    op.create_index(op.f("ix_login_link_sha256"), "login_link", ["sha256"], unique=True)
    op.create_table(
        "station",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("security_profile", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("auto_registered", sa.Boolean(), nullable=False),
        sa.Column("booted_at", sa.BigInteger(), nullable=True),
        sa.Column("boot_reason", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id", "site_id"], ["site.operator_id", "site.site_id"], name=op.f("fk_station_site")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_station_operator")),
        sa.PrimaryKeyConstraint("operator_id", "station_id", name=op.f("pk_station")),
    )
    op.create_index(
        op.f("ix_station_operator_id_site_id"), "station", ["operator_id", "site_id"], unique=False
    )
    op.create_table(
        "web_session",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id", "user_id"],
            ["user_account.operator_id", "user_account.user_id"],
            name=op.f("fk_web_session_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operator_id", "sha256", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_sha256"), "web_session", ["sha256"], unique=True)
    op.create_table(
        "charging_profile",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("stack_level", sa.Integer(), nullable=False),
        sa.Column("station_transaction_id", sa.Text(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id", "station_id"],
            ["station.operator_id", "station.station_id"],
            name=op.f("fk_charging_profile_station"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operator_id", "station_id", "profile_id", name=op.f("pk_charging_profile")),
    )
    op.create_table(
        "connector_status",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id", "station_id"],
            ["station.operator_id", "station.station_id"],
            name=op.f("fk_connector_status_station"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "operator_id", "station_id", "evse_id", "connector_id", name=op.f("pk_connector_status")
        ),
    )
    op.create_table(
        "evse",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("circuit_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("phases", sa.Text(), nullable=False),
        sa.Column("min_a", sa.Float(), nullable=False),
        sa.Column("max_a", sa.Float(), nullable=False),
        sa.Column("step_a", sa.Float(), nullable=False),
        sa.Column("safe_a", sa.Float(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("dc_power_w", sa.Float(), nullable=True),
        sa.Column("connectors", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id", "site_id", "circuit_id"],
            ["circuit.operator_id", "circuit.site_id", "circuit.circuit_id"],
            name=op.f("fk_evse_circuit"),
        ),
        sa.ForeignKeyConstraint(
            ["operator_id", "station_id"],
            ["station.operator_id", "station.station_id"],
            name=op.f("fk_evse_station"),
        ),
        sa.PrimaryKeyConstraint("operator_id", "station_id", "evse_id", name=op.f("pk_evse")),
    )
    op.create_index(
        op.f("ix_evse_operator_id_site_id_circuit_id"),
        "evse",
        ["operator_id", "site_id", "circuit_id"],
        unique=False,
    )
    op.create_table(
        "variable",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text(), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("read_only", sa.Boolean(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id", "station_id"],
            ["station.operator_id", "station.station_id"],
            name=op.f("fk_variable_station"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "operator_id",
            "station_id",
            "component",
            "component_instance",
            "variable",
            "variable_instance",
            "evse_id",
            "attribute",
            name=op.f("pk_variable"),
        ),
    )

"""The device model: variables of connectors, with their traits; expected configuration, monitors, events,
customer reports; how stations are let in and provisioned.

The key of `variable` gets the connector, which SQLite can't change in place: the table is made anew. Stations
that have booted count as accepted.
Revision: 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OLD = (
    "operator_id",
    "station_id",
    "component",
    "component_instance",
    "variable",
    "variable_instance",
    "evse_id",
    "attribute",
    "value",
    "read_only",
    "seen_at",
)


def upgrade() -> None:
    _variables()
    _provisioning()
    _monitoring()
    op.create_table(
        "configuration_template",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("stations", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.operator_id"],
            name=op.f("fk_configuration_template_operator"),
        ),
        sa.PrimaryKeyConstraint("operator_id", "name", name=op.f("pk_configuration_template")),
    )
    op.create_table(
        "customer_report",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("operator_id", "station_id", "request_id", name=op.f("pk_customer_report")),
    )
    op.create_index(
        op.f("ix_customer_report_operator_id_asked_at"), "customer_report", ["operator_id", "asked_at"]
    )


def _of_station(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["operator_id", "station_id"],
        ["station.operator_id", "station.station_id"],
        name=op.f(f"fk_{table}_station"),
        ondelete="CASCADE",
    )


def _variables() -> None:
    names = ", ".join(_OLD)
    op.execute(f"CREATE TABLE variable_before AS SELECT {names} FROM variable")
    op.drop_table("variable")
    op.create_table(
        "variable",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text(), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("read_only", sa.Boolean()),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("mutability", sa.Text()),
        sa.Column("persistent", sa.Boolean()),
        sa.Column("constant", sa.Boolean()),
        sa.Column("data_type", sa.Text()),
        sa.Column("unit", sa.Text()),
        sa.Column("min_limit", sa.Float()),
        sa.Column("max_limit", sa.Float()),
        sa.Column("values_list", sa.Text()),
        sa.Column("supports_monitoring", sa.Boolean()),
        sa.Column("reboot_required", sa.Boolean()),
        _of_station("variable"),
        sa.PrimaryKeyConstraint(
            "operator_id",
            "station_id",
            "component",
            "component_instance",
            "variable",
            "variable_instance",
            "evse_id",
            "connector_id",
            "attribute",
            name=op.f("pk_variable"),
        ),
    )
    op.execute(f"INSERT INTO variable ({names}, connector_id) SELECT {names}, 0 FROM variable_before")
    op.execute("DROP TABLE variable_before")


def _provisioning() -> None:
    op.create_table(
        "station_provisioning",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("boot_policy", sa.Text()),
        sa.Column("provision", sa.Boolean()),
        sa.Column("registration", sa.Text()),
        sa.Column("provisioned_for", sa.Text()),
        sa.Column("inventory_of", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("refusals", sa.Text()),
        _of_station("station_provisioning"),
        sa.PrimaryKeyConstraint("operator_id", "station_id", name=op.f("pk_station_provisioning")),
    )
    op.execute(
        "INSERT INTO station_provisioning (operator_id, station_id, registration)"
        " SELECT operator_id, station_id, 'Accepted' FROM station WHERE booted_at IS NOT NULL"
    )


def _monitoring() -> None:
    op.create_table(
        "monitor",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("monitor_id", sa.BigInteger(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text()),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text()),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("connector_id", sa.Integer()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("in_transaction_only", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        _of_station("monitor"),
        sa.PrimaryKeyConstraint("operator_id", "station_id", "monitor_id", name=op.f("pk_monitor")),
    )
    op.create_table(
        "station_event",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text()),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text()),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("connector_id", sa.Integer()),
        sa.Column("value", sa.Text()),
        sa.Column("severity", sa.Integer()),
        sa.Column("monitor_id", sa.BigInteger()),
        sa.Column("cause", sa.BigInteger()),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.Column("tech_code", sa.Text()),
        sa.Column("tech_info", sa.Text()),
        sa.Column("station_transaction_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_event")),
        sqlite_autoincrement=True,
    )
    for columns, unique in (
        (["operator_id", "station_id", "id"], False),
        (["operator_id", "station_id", "event_id", "at"], True),
        (["operator_id", "alarm", "id"], False),
        (["operator_id", "at"], False),
    ):
        op.create_index(
            op.f(f"ix_station_event_{'_'.join(columns)}"), "station_event", columns, unique=unique
        )

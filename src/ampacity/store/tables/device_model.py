"""Tables of the device model: variables with their traits, what is expected of them, monitors, events, and
what a station told of a customer; and how a station is let in and provisioned.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
)

from ..columns import Document, Instant, RowId
from .core import belongs_to_operator, metadata, operator_id


def _of_station() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["operator_id", "station_id"], ["station.operator_id", "station.station_id"], ondelete="CASCADE"
    )


variable = Table(
    "variable",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("component_instance", Text, primary_key=True),  # "" where there is none
    Column("variable", Text, primary_key=True),
    Column("variable_instance", Text, primary_key=True),  # "" where there is none
    Column("evse_id", Integer, primary_key=True),  # 0 where it belongs to the station
    Column("connector_id", Integer, primary_key=True),  # 0 where it belongs to the EVSE or the station
    Column("attribute", Text, primary_key=True),
    Column("value", Text),
    Column("read_only", Boolean),
    Column("seen_at", Instant, nullable=False),
    Column("mutability", Text),
    Column("persistent", Boolean),
    Column("constant", Boolean),
    Column("data_type", Text),
    Column("unit", Text),
    Column("min_limit", Float),
    Column("max_limit", Float),
    Column("values_list", Text),
    Column("supports_monitoring", Boolean),
    Column("reboot_required", Boolean),
    _of_station(),
)

station_provisioning = Table(
    "station_provisioning",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("boot_policy", Text),  # accept, pending, reject; NULL: the node's
    Column("provision", Boolean),  # NULL: the node's
    Column("registration", Text),  # what its last boot was answered
    Column("provisioned_for", Text),  # firmware and expected values that it was provisioned for
    Column("inventory_of", Text),  # make, model and firmware that the last full inventory told of
    Column("problem", Text),  # why it could not be provisioned
    Column("refusals", Document),  # values that it refused
    _of_station(),
)

configuration_template = Table(
    "configuration_template",
    metadata,
    operator_id(),
    Column("name", Text, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("stations", Document, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("wanted", Document, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False),
    belongs_to_operator(),
)

monitor = Table(
    "monitor",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("monitor_id", BigInteger, primary_key=True),
    Column("component", Text, nullable=False),
    Column("component_instance", Text),
    Column("variable", Text, nullable=False),
    Column("variable_instance", Text),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("kind", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("in_transaction_only", Boolean, nullable=False),
    Column("seen_at", Instant, nullable=False),
    _of_station(),
)

station_event = Table(
    "station_event",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    operator_id(primary_key=False),
    Column("station_id", Text, nullable=False),
    Column("event_id", BigInteger, nullable=False),  # the station's
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("component_instance", Text),
    Column("variable", Text, nullable=False),
    Column("variable_instance", Text),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("value", Text),
    Column("severity", Integer),
    Column("monitor_id", BigInteger),
    Column("cause", BigInteger),
    Column("cleared", Boolean, nullable=False),
    Column("alarm", Boolean, nullable=False),  # an alert that has not been cleared or told anew
    Column("tech_code", Text),
    Column("tech_info", Text),
    Column("station_transaction_id", Text),
    Index(None, "operator_id", "station_id", "id"),
    Index(None, "operator_id", "station_id", "event_id", "at", unique=True),
    Index(None, "operator_id", "alarm", "id"),
    Index(None, "operator_id", "at"),
    sqlite_autoincrement=True,
)
"""What stations tell by their monitors, kept once however often it is told."""

customer_report = Table(
    "customer_report",
    metadata,
    operator_id(),
    Column("station_id", Text, primary_key=True),
    Column("request_id", Integer, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("reported", Boolean, nullable=False),  # whether data were asked for
    Column("cleared", Boolean, nullable=False),  # whether they were to be removed
    Column("state", Text, nullable=False),  # asked, refused, waiting, complete, incomplete
    Column("parts", Document, nullable=False),  # by their numbers
    Column("finished_at", Instant),
    Index(None, "operator_id", "asked_at"),
)
"""Personal data: short-lived (see `retention`), and whom it is about is not written down again."""

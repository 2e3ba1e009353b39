"""Every table. `operator_id` is in each of them and leads each key and index: no row and no query leaves its
tenant.

Two kinds of tables. *Configuration and state* (site, station, token, user ...) hang together by foreign keys
that carry `operator_id`. *Evidence* (journal, transactions, samples, audit, message log) stands alone without
foreign keys: a message that a station will never send again must not be refused because some other row is
missing, and history outlives what it tells about.

A topic that has tables of its own has a module of its own here; every table is to be had from the package.
"""

from __future__ import annotations

from .authorization import local_list, reservation
from .certificates import held_certificate, trusted_certificate
from .charging import profile_template, station_charging
from .core import (
    api_key,
    audit,
    charging_profile,
    charging_transaction,
    circuit,
    circuit_limit,
    connection_finding,
    connector_status,
    device_master,
    evse,
    id_token,
    journal,
    login_link,
    message_key,
    message_log,
    metadata,
    meter_reading,
    operator,
    rollup_15min,
    session_wish,
    setting,
    site,
    station,
    user_account,
    watermark,
    web_session,
    wire_id,
)
from .decisions import decision_log, decision_site
from .device_model import (
    configuration_template,
    customer_report,
    monitor,
    station_event,
    station_provisioning,
    variable,
)
from .display import display_message
from .files import file_grant, firmware_image, firmware_job, log_job, stored_file
from .prices import price
from .protection import site_group, site_mode
from .proving import evse_quarantine, firmware_probe, site_assessment
from .security import security_event, station_certificate, station_security
from .sharing import session_boost, session_feedback, session_share

__all__ = [
    "api_key",
    "audit",
    "charging_profile",
    "charging_transaction",
    "circuit",
    "circuit_limit",
    "configuration_template",
    "connection_finding",
    "connector_status",
    "customer_report",
    "decision_log",
    "decision_site",
    "device_master",
    "display_message",
    "evse",
    "evse_quarantine",
    "file_grant",
    "firmware_image",
    "firmware_job",
    "firmware_probe",
    "held_certificate",
    "id_token",
    "journal",
    "local_list",
    "log_job",
    "login_link",
    "message_key",
    "message_log",
    "metadata",
    "meter_reading",
    "monitor",
    "operator",
    "price",
    "profile_template",
    "reservation",
    "rollup_15min",
    "security_event",
    "session_boost",
    "session_feedback",
    "session_share",
    "session_wish",
    "setting",
    "site",
    "site_assessment",
    "site_group",
    "site_mode",
    "station",
    "station_certificate",
    "station_charging",
    "station_event",
    "station_provisioning",
    "station_security",
    "stored_file",
    "trusted_certificate",
    "user_account",
    "variable",
    "watermark",
    "web_session",
    "wire_id",
]

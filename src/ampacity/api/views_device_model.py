"""What the API takes and gives of the device model: variables, reports, expected configuration, monitors,
events and customer information.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from ..csms.blocks.reports import ReportState
from ..csms.boot_policy import BootPolicy
from ..csms.expectation import DriftState
from ..csms.vocabulary import VariableRef
from ..store.configurations import WantedValue
from ..store.customer_reports import CustomerReportState

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]


class StationChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a station; what isn't given stays. null: as the node's settings say.

    `boot_policy`: its boots are accepted, pending until it is provisioned, or rejected. `provision`: after a
    boot its variables are read and automatic templates set.
    """

    boot_policy: BootPolicy | UnsetType | None = UNSET
    provision: bool | UnsetType | None = UNSET


class VariableView(Struct, frozen=True, kw_only=True):
    """A variable (2.x) or configuration key (1.6: component `OCPP16`) as the station last told it. `value`
    null: write-only, or not told. What kind of variable it is, is null where no report told it.
    """

    component: str
    variable: str
    component_instance: str | None
    variable_instance: str | None
    evse_id: int | None
    connector_id: int | None
    attribute: str
    value: str | None
    read_only: bool | None
    mutability: str | None
    persistent: bool | None
    constant: bool | None
    data_type: str | None
    unit: str | None
    min_limit: float | None
    max_limit: float | None
    values_list: str | None
    supports_monitoring: bool | None
    reboot_required: bool
    seen_at: datetime


class VariablePage(Struct, frozen=True, kw_only=True):
    """By component, EVSE and name; `next` is the `after` of the following page, `total` what is known of the
    station in all.
    """

    items: tuple[VariableView, ...]
    next: str | None
    total: int


class ReportView(Struct, frozen=True, kw_only=True):
    """A report that a station was asked for. `items` is what it told so far, `missing` the parts that have
    not come; `asked_again`: it was asked for a second time because they did not.
    """

    request_id: int
    kind: str
    what: str
    state: ReportState
    status: str
    asked_at: datetime
    asked_again: bool
    parts: int
    items: int
    missing: tuple[int, ...]
    finished_at: datetime | None


# ---------------------------------------------------------------- expected configuration


class ConfigurationChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template: values that variables should have. It is for the stations named, else for those of a vendor
    and model ("": any). `automatic`: set after a boot of a station that is provisioned by itself.
    """

    vendor: Annotated[str, Meta(max_length=50)] = ""
    model: Annotated[str, Meta(max_length=50)] = ""
    stations: tuple[str, ...] = ()
    automatic: bool = False
    values: Annotated[tuple[WantedValue, ...], Meta(min_length=1, max_length=1000)]


class ConfigurationView(Struct, frozen=True, kw_only=True):
    """A template and who changed it last."""

    name: str
    vendor: str
    model: str
    stations: tuple[str, ...]
    automatic: bool
    values: tuple[WantedValue, ...]
    changed_at: datetime
    changed_by: str


class DriftView(Struct, frozen=True, kw_only=True):
    """A variable's wanted and actual value. `template` is whose value it is, `status` a refusing station's
    word.
    """

    ref: VariableRef
    wanted: str
    actual: str | None
    state: DriftState
    template: str
    status: str


class DriftReport(Struct, frozen=True, kw_only=True):
    """All that is expected of a station; `settled`: nothing is left to set."""

    station_id: str
    settled: bool
    items: tuple[DriftView, ...]


# ---------------------------------------------------------------- monitoring


class MonitorView(Struct, frozen=True, kw_only=True):
    """A monitor that a station holds, as it told it or accepted it."""

    monitor_id: int
    component: str
    variable: str
    component_instance: str | None
    variable_instance: str | None
    evse_id: int | None
    connector_id: int | None
    kind: str
    value: float
    severity: int
    in_transaction_only: bool
    seen_at: datetime


class EventView(Struct, frozen=True, kw_only=True):
    """An event that a station told. `id` is ours, `event_id` the station's; `severity` 0 (danger) to 9
    (debug), null where its monitor is not known; `alarm`: an alert that was not cleared yet.
    """

    id: int
    station_id: str
    event_id: int
    at: datetime
    received_at: datetime
    trigger: str
    kind: str
    component: str
    variable: str
    component_instance: str | None
    variable_instance: str | None
    evse_id: int | None
    connector_id: int | None
    value: str | None
    severity: int | None
    monitor_id: int | None
    cause: int | None
    cleared: bool
    alarm: bool
    tech_code: str | None
    tech_info: str | None
    station_transaction_id: str | None


class EventPage(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is the `before` of the following page."""

    items: tuple[EventView, ...]
    next: int | None


# ---------------------------------------------------------------- customers


class CustomerReportView(Struct, frozen=True, kw_only=True):
    """What a station was asked about a customer, and told: personal data. `reported`: data were asked for;
    `cleared`: they were to be removed. `data` is null in a list.
    """

    request_id: int
    asked_at: datetime
    asked_by: str
    reported: bool
    cleared: bool
    state: CustomerReportState
    finished_at: datetime | None
    data: str | None

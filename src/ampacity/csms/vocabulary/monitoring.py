"""Monitors of variables, the events they cause, and what a station knows of a customer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from ...model.station import IdToken
from .commands import VariableRef
from .device_model import ComponentVariable

MonitorKind: TypeAlias = Literal[
    "UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"
]
MonitoringCriterion: TypeAlias = Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]

Severity: TypeAlias = Annotated[int, Meta(ge=0, le=9)]
"""0 danger, 1 hardware failure, 2 system failure, 3 critical, 4 error, 5 alert, 6 warning, 7 notice,
8 information, 9 debug.
"""


class Monitor(Struct, frozen=True, kw_only=True):
    """A monitor of a variable: a threshold, a difference, or a period in s. `monitor_id` None makes a new
    one, else it takes the place of the one that has it.
    """

    variable: ComponentVariable
    kind: MonitorKind
    value: float
    severity: Severity
    in_transaction_only: bool = False
    monitor_id: int | None = None


class MonitorResult(Struct, frozen=True, kw_only=True):
    """What became of one monitor (`status` in the station's word); its id where it has one."""

    monitor_id: int | None
    status: str
    detail: str = ""


class SetMonitoringBase(Struct, frozen=True, kw_only=True, tag="set_monitoring_base"):
    """Which monitors are active: all that were ever preset, those of the factory, or hard-wired ones only."""

    base: Literal["All", "FactoryDefault", "HardWiredOnly"]


class SetMonitoringLevel(Struct, frozen=True, kw_only=True, tag="set_monitoring_level"):
    """Report events of this severity and of more severe ones (lower numbers) only."""

    severity: Severity


class SetVariableMonitoring(Struct, frozen=True, kw_only=True, tag="set_variable_monitoring"):
    """Install or replace monitors. Outcome data: list of MonitorResult, in the same order."""

    monitors: Annotated[tuple[Monitor, ...], Meta(min_length=1)]


class ClearVariableMonitoring(Struct, frozen=True, kw_only=True, tag="clear_variable_monitoring"):
    """Remove monitors by id. Outcome data: list of MonitorResult."""

    monitor_ids: Annotated[tuple[int, ...], Meta(min_length=1)]


class GetMonitoringReport(Struct, frozen=True, kw_only=True, tag="get_monitoring_report"):
    """Ask which monitors there are: all, those of some kinds, those of some variables, or both."""

    criteria: tuple[MonitoringCriterion, ...] = ()
    variables: tuple[ComponentVariable, ...] = ()
    request_id: int = 0


class MonitorPart(Struct, frozen=True, kw_only=True):
    """NotifyMonitoringReport: one part. Each monitor has its id."""

    request_id: int
    seq_no: int
    to_be_continued: bool
    monitors: tuple[Monitor, ...]


class VariableEvent(Struct, frozen=True, kw_only=True):
    """Something that a monitor saw. `trigger` is `Alerting`, `Delta` or `Periodic`; `kind` who set the
    monitor; `severity` only where the station tells it.
    """

    event_id: int
    at: datetime
    trigger: str
    kind: str
    ref: VariableRef
    value: str
    severity: int | None = None
    monitor_id: int | None = None
    cause: int | None = None
    cleared: bool = False
    tech_code: str | None = None
    tech_info: str | None = None
    station_transaction_id: str | None = None


class Events(Struct, frozen=True, kw_only=True):
    """NotifyEvent."""

    events: tuple[VariableEvent, ...]


class CertificateHash(Struct, frozen=True, kw_only=True):
    """What names a certificate: hashes of its issuer, and its serial number, in hexadecimal."""

    algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class CustomerInformation(Struct, frozen=True, kw_only=True, tag="customer_information"):
    """Ask what a station knows of a customer (`report`), let it forget it (`clear`), or both. The customer is
    named in exactly one way. What the station tells is under /customer-information.
    """

    report: bool
    clear: bool
    token: IdToken | None = None
    identifier: Annotated[str, Meta(max_length=64)] | None = None
    certificate: CertificateHash | None = None
    request_id: int = 0

    def __post_init__(self) -> None:
        if sum(name is not None for name in (self.token, self.identifier, self.certificate)) != 1:
            raise ValueError("name the customer in exactly one way: token, identifier or certificate")
        if not (self.report or self.clear):
            raise ValueError("nothing is asked for: set report, clear or both")


class CustomerPart(Struct, frozen=True, kw_only=True):
    """NotifyCustomerInformation: one part of what the station knows."""

    request_id: int
    seq_no: int
    to_be_continued: bool
    data: str

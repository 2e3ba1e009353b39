"""One vocabulary above the dialects: what stations say, what they are answered, what they can be told.

`csms.dialects` translates 1.6, 2.0.1 and 2.1 to and from these types; nothing above asks for a version. Times
are UTC and aware (a station's naive timestamp is read as UTC), energy in Wh, power in W, current in A.

The core is in `said`, `answers` and `commands`; a functional block that has more words has a module of its
own. Every type is to be had from here.
"""

from __future__ import annotations

from typing import TypeAlias

from .answers import (
    Acknowledged,
    AuthorizationAnswer,
    BootAnswer,
    HeartbeatAnswer,
    TransactionAnswer,
    VendorAnswer,
)
from .authorization import ClearCache, GetLocalListVersion, ListEntry, SendLocalList
from .certificates import (
    PNC_VENDOR,
    CertificateStatusAnswer,
    CertificateStatusRequest,
    CertificateUse,
    ChainStatusAnswer,
    ChainStatusRequest,
    ContractProof,
    ContractStatus,
    DeleteCertificate,
    EvCertificateAnswer,
    EvCertificateRequest,
    GetInstalledCertificates,
    HeldCertificate,
    Holdings,
    InstallCertificate,
    InstalledUse,
    OcspQuestion,
    StatusFound,
    StatusSource,
)
from .charging import (
    SOURCES,
    CarScheduleAnswer,
    CarScheduleTold,
    ChargingNeeds,
    ClearProfiles,
    GetProfiles,
    LimitImposed,
    LimitReleased,
    LimitSource,
    NeedsAnswer,
    NeedsTold,
    ProfilesReported,
)
from .commands import (
    ChangeAvailability,
    ClearProfile,
    CompositeSchedule,
    GetCompositeSchedule,
    GetTransactionStatus,
    GetVariables,
    Outcome,
    Profile,
    RawCall,
    RequestStart,
    RequestStop,
    Reset,
    SchedulePeriod,
    SendVendorData,
    SetProfile,
    SetVariables,
    TransactionStatus,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
)
from .cost import CostUpdated
from .device_model import (
    ComponentVariable,
    GetBaseReport,
    GetReport,
    ReportBase,
    ReportedVariable,
    ReportPart,
    Traits,
)
from .display import (
    ClearDisplayMessage,
    DisplayMessage,
    DisplayMessagesTold,
    GetDisplayMessages,
    SetDisplayMessage,
)
from .files import (
    FirmwareStatus,
    GetLog,
    JobBegun,
    LogPromised,
    LogStatus,
    LogType,
    PublishFirmware,
    PublishStatus,
    UnpublishFirmware,
    UpdateFirmware,
)
from .monitoring import (
    CertificateHash,
    ClearVariableMonitoring,
    CustomerInformation,
    CustomerPart,
    Events,
    GetMonitoringReport,
    Monitor,
    MonitorPart,
    MonitorResult,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
    VariableEvent,
)
from .reservations import CancelReservation, ReservationUpdate, ReserveNow
from .said import (
    NO_TIME,
    Authorize,
    Boot,
    Heartbeat,
    Metered,
    Notice,
    Status,
    TransactionMessage,
    VendorData,
    moved,
)
from .security import (
    CertificateRequest,
    CertificateRequestAnswer,
    InstallSigned,
    RenewCertificate,
    SecurityEvent,
    SetNetworkProfile,
    SetPassword,
    SetSecurityProfile,
)

__all__ = [
    "NO_TIME",
    "PNC_VENDOR",
    "SOURCES",
    "Acknowledged",
    "Answer",
    "AuthorizationAnswer",
    "Authorize",
    "Boot",
    "BootAnswer",
    "CancelReservation",
    "CarScheduleAnswer",
    "CarScheduleTold",
    "CertificateHash",
    "CertificateRequest",
    "CertificateRequestAnswer",
    "CertificateStatusAnswer",
    "CertificateStatusRequest",
    "CertificateUse",
    "ChainStatusAnswer",
    "ChainStatusRequest",
    "ChangeAvailability",
    "ChargingNeeds",
    "ClearCache",
    "ClearDisplayMessage",
    "ClearProfile",
    "ClearProfiles",
    "ClearVariableMonitoring",
    "Command",
    "ComponentVariable",
    "CompositeSchedule",
    "ContractProof",
    "ContractStatus",
    "CostUpdated",
    "CustomerInformation",
    "CustomerPart",
    "DeleteCertificate",
    "DisplayMessage",
    "DisplayMessagesTold",
    "EvCertificateAnswer",
    "EvCertificateRequest",
    "Events",
    "FirmwareStatus",
    "FromStation",
    "GetBaseReport",
    "GetCompositeSchedule",
    "GetDisplayMessages",
    "GetInstalledCertificates",
    "GetLocalListVersion",
    "GetLog",
    "GetMonitoringReport",
    "GetProfiles",
    "GetReport",
    "GetTransactionStatus",
    "GetVariables",
    "Heartbeat",
    "HeartbeatAnswer",
    "HeldCertificate",
    "Holdings",
    "InstallCertificate",
    "InstallSigned",
    "InstalledUse",
    "JobBegun",
    "LimitImposed",
    "LimitReleased",
    "LimitSource",
    "ListEntry",
    "LogPromised",
    "LogStatus",
    "LogType",
    "Metered",
    "Monitor",
    "MonitorPart",
    "MonitorResult",
    "NeedsAnswer",
    "NeedsTold",
    "Notice",
    "OcspQuestion",
    "Outcome",
    "Profile",
    "ProfilesReported",
    "PublishFirmware",
    "PublishStatus",
    "RawCall",
    "RenewCertificate",
    "ReportBase",
    "ReportPart",
    "ReportedVariable",
    "RequestStart",
    "RequestStop",
    "ReservationUpdate",
    "ReserveNow",
    "Reset",
    "SchedulePeriod",
    "SecurityEvent",
    "SendLocalList",
    "SendVendorData",
    "SetDisplayMessage",
    "SetMonitoringBase",
    "SetMonitoringLevel",
    "SetNetworkProfile",
    "SetPassword",
    "SetProfile",
    "SetSecurityProfile",
    "SetVariableMonitoring",
    "SetVariables",
    "Status",
    "StatusFound",
    "StatusSource",
    "Traits",
    "TransactionAnswer",
    "TransactionMessage",
    "TransactionStatus",
    "Trigger",
    "Unlock",
    "UnpublishFirmware",
    "UpdateFirmware",
    "VariableEvent",
    "VariableRef",
    "VariableValue",
    "VendorAnswer",
    "VendorData",
    "moved",
]

FromStation: TypeAlias = (
    Boot
    | Heartbeat
    | Status
    | Authorize
    | TransactionMessage
    | Metered
    | VendorData
    | CertificateRequest
    | SecurityEvent
    | FirmwareStatus
    | PublishStatus
    | LogStatus
    | ReservationUpdate
    | ProfilesReported
    | LimitImposed
    | LimitReleased
    | NeedsTold
    | CarScheduleTold
    | Notice
    | CertificateStatusRequest
    | ChainStatusRequest
    | EvCertificateRequest
    | ReportPart
    | MonitorPart
    | Events
    | CustomerPart
    | DisplayMessagesTold
)  # fmt: skip

Answer: TypeAlias = (
    BootAnswer
    | HeartbeatAnswer
    | AuthorizationAnswer
    | TransactionAnswer
    | VendorAnswer
    | CertificateRequestAnswer
    | NeedsAnswer
    | CarScheduleAnswer
    | Acknowledged
    | CertificateStatusAnswer
    | ChainStatusAnswer
    | EvCertificateAnswer
)  # fmt: skip

Command: TypeAlias = (
    RequestStart
    | RequestStop
    | GetTransactionStatus
    | Reset
    | Trigger
    | Unlock
    | ChangeAvailability
    | GetVariables
    | SetVariables
    | SetProfile
    | ClearProfile
    | ClearProfiles
    | GetProfiles
    | GetCompositeSchedule
    | SendVendorData
    | InstallSigned
    | RenewCertificate
    | SetPassword
    | SetNetworkProfile
    | SetSecurityProfile
    | DeleteCertificate
    | GetInstalledCertificates
    | InstallCertificate
    | GetBaseReport
    | GetReport
    | SetMonitoringBase
    | SetMonitoringLevel
    | SetVariableMonitoring
    | ClearVariableMonitoring
    | GetMonitoringReport
    | CustomerInformation
    | CostUpdated
    | SetDisplayMessage
    | GetDisplayMessages
    | ClearDisplayMessage
    | UpdateFirmware
    | PublishFirmware
    | UnpublishFirmware
    | GetLog
    | ClearCache
    | SendLocalList
    | GetLocalListVersion
    | ReserveNow
    | CancelReservation
)  # fmt: skip
"""Each is one path of the API by itself."""

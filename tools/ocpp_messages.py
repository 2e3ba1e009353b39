"""Write src/ampacity/ocpp/messages/{v16,v201,v21}.py from OCA's JSON schemas.

    python tools/ocpp_messages.py            write the three modules
    python tools/ocpp_messages.py --check    exit 1 when a module differs from what the schemas say

Every object of a schema becomes one msgspec Struct, every enumeration one Literal alias, every request and
response one class; `CALLS`, `SENDS`, `FROM_STATION` and `FROM_CSMS` say who may call what. Names are the
schema's. The schemas of 1.6 nest their objects without names; `NAMES_16` has the standard's names for them.
"""

from __future__ import annotations

import argparse
import json
import keyword
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE / "ocpp_schemas"
TARGET = HERE.parent / "src" / "ampacity" / "ocpp" / "messages"
Schema = dict[str, Any]


@dataclass(frozen=True)
class Edition:
    """One OCPP version: where its schemas lie and which actions a station may call."""

    module: str
    title: str
    folders: tuple[str, ...]
    from_station: frozenset[str]
    both: frozenset[str] = frozenset({"DataTransfer"})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATION_16 = _names(
    """Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
    LogStatusNotification MeterValues SecurityEventNotification SignCertificate
    SignedFirmwareStatusNotification StartTransaction StatusNotification StopTransaction"""
)
STATION_201 = _names(
    """Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit
    NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule
    NotifyEvent NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles
    ReservationStatusUpdate
    SecurityEventNotification SignCertificate StatusNotification TransactionEvent"""
)
STATION_21 = STATION_201 | _names(
    """BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
    NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream
    PullDynamicScheduleUpdate ReportDERControl VatNumberValidation"""
)
EDITIONS = (
    Edition("v16", "1.6", ("v16", "v16_security"), STATION_16),
    Edition("v201", "2.0.1", ("v201",), STATION_201),
    Edition("v21", "2.1", ("v21",), STATION_21),
)

# Objects of 1.6 by the property that holds them, enumerations by "Type.property".
NAMES_16 = {
    "idTagInfo": "IdTagInfo",
    "chargingSchedulePeriod": "ChargingSchedulePeriod",
    "chargingSchedule": "ChargingSchedule",
    "chargingProfile": "ChargingProfile",
    "csChargingProfiles": "ChargingProfile",
    "configurationKey": "KeyValue",
    "sampledValue": "SampledValue",
    "meterValue": "MeterValue",
    "transactionData": "MeterValue",
    "localAuthorizationList": "AuthorizationData",
    "IdTagInfo.status": "AuthorizationStatus",
    "BootNotificationResponse.status": "RegistrationStatus",
    "ChangeAvailabilityRequest.type": "AvailabilityType",
    "ChangeAvailabilityResponse.status": "AvailabilityStatus",
    "ChangeConfigurationResponse.status": "ConfigurationStatus",
    "ChargingProfile.chargingProfilePurpose": "ChargingProfilePurposeType",
    "ClearChargingProfileRequest.chargingProfilePurpose": "ChargingProfilePurposeType",
    "ChargingProfile.chargingProfileKind": "ChargingProfileKindType",
    "ChargingProfile.recurrencyKind": "RecurrencyKindType",
    "ChargingSchedule.chargingRateUnit": "ChargingRateUnitType",
    "GetCompositeScheduleRequest.chargingRateUnit": "ChargingRateUnitType",
    "DiagnosticsStatusNotificationRequest.status": "DiagnosticsStatus",
    "FirmwareStatusNotificationRequest.status": "FirmwareStatus",
    "SampledValue.context": "ReadingContext",
    "SampledValue.format": "ValueFormat",
    "SampledValue.measurand": "Measurand",
    "SampledValue.phase": "Phase",
    "SampledValue.location": "Location",
    "SampledValue.unit": "UnitOfMeasure",
    "RemoteStartTransactionResponse.status": "RemoteStartStopStatus",
    "RemoteStopTransactionResponse.status": "RemoteStartStopStatus",
    "ReserveNowResponse.status": "ReservationStatus",
    "ResetRequest.type": "ResetType",
    "SendLocalListRequest.updateType": "UpdateType",
    "SendLocalListResponse.status": "UpdateStatus",
    "SetChargingProfileResponse.status": "ChargingProfileStatus",
    "StatusNotificationRequest.errorCode": "ChargePointErrorCode",
    "StatusNotificationRequest.status": "ChargePointStatus",
    "StopTransactionRequest.reason": "Reason",
    "TriggerMessageRequest.requestedMessage": "MessageTrigger",
    "UnlockConnectorResponse.status": "UnlockStatus",
}
ANNOTATION_ONLY = {
    "$schema", "$id", "id", "title", "comment", "description", "javaType", "default", "additionalItems"
}  # fmt: skip
UNDERSTOOD = ANNOTATION_ONLY | {
    "type", "properties", "required", "additionalProperties", "definitions", "$ref", "enum", "items",
    "format", "minItems", "maxItems", "minimum", "maximum", "maxLength", "multipleOf",
}  # fmt: skip


@dataclass
class Module:
    """The types of one version, in the order in which they were met."""

    edition: Edition
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    structs: dict[str, list[tuple[str, str, bool]]] = field(default_factory=dict)
    tenths: dict[str, list[str]] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)
    items: set[tuple[int, int | None]] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)

    def read(self, message: str, schema: Schema) -> None:
        """Take in one message and the definitions that it brings along."""
        self.messages.append(message)
        for name, definition in schema.get("definitions", {}).items():
            if "enum" in definition:
                self._enum(name, definition)
            elif name != "CustomDataType":
                self._object(name, definition)
            elif definition["required"] != ["vendorId"] or set(definition["properties"]) != {"vendorId"}:
                raise SystemExit(f"{message}: CustomDataType is no longer what wire.CustomData checks")
        self._object(message, schema)

    def _enum(self, name: str, schema: Schema) -> str:
        values = tuple(schema["enum"])
        if self.enums.setdefault(name, values) != values:
            raise SystemExit(f"two enumerations are called {name} in {self.edition.title}: give one a name")
        return name

    def _object(self, name: str, schema: Schema) -> str:
        self._refuse_unknown(name, schema)
        if schema.get("additionalProperties") is not False:
            raise SystemExit(f"{name} is open: only CustomDataType may be")
        required = set(schema.get("required", ()))
        tenths: list[str] = []
        fields = []
        for prop, inner in schema.get("properties", {}).items():
            if inner.get("multipleOf") is not None:
                if inner["multipleOf"] != 0.1:
                    raise SystemExit(f"{name}.{prop}: multipleOf {inner['multipleOf']} is not understood")
                tenths.append(prop)
            fields.append((prop, self._type(name, prop, inner), prop in required))
        if self.structs.setdefault(name, fields) != fields:
            raise SystemExit(f"two objects are called {name} in {self.edition.title}: give one a name")
        if tenths:
            self.tenths[name] = tenths
        return name

    def _type(self, owner: str, prop: str, schema: Schema) -> str:
        """The annotation of one property."""
        self._refuse_unknown(f"{owner}.{prop}", schema)
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[1]
            return "CustomData" if name == "CustomDataType" else name
        if "enum" in schema:
            return self._enum(NAMES_16.get(f"{owner}.{prop}", _default_enum(owner, prop)), schema)
        match schema.get("type"):
            case None:
                return "Any"
            case "object":
                return self._object(NAMES_16[prop], schema)
            case "array":
                inner = self._type(owner, prop, schema["items"])
                limit = self._items(schema)
                return f"Annotated[list[{inner}], {limit}]" if limit else f"list[{inner}]"
            case "string":
                if schema.get("format") == "date-time":
                    return "datetime"
                if "maxLength" in schema:
                    self.lengths.add(schema["maxLength"])
                    return f"Str{schema['maxLength']}"
                return "str"
            case "integer":
                whole: Schema = {
                    key: int(float(schema[key])) for key in ("minimum", "maximum") if key in schema
                }
                return _annotated("int", whole, ("minimum", "ge"), ("maximum", "le"))
            case "number":
                return _annotated("float", schema, ("minimum", "ge"), ("maximum", "le"))
            case "boolean":
                return "bool"
            case other:
                raise SystemExit(f"{owner}.{prop}: type {other} is not understood")

    def _items(self, schema: Schema) -> str:
        """Name of the length limit of an array: Items1 is one or more, Items1to4 one to four, "" is none."""
        if "minItems" not in schema and "maxItems" not in schema:
            return ""
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        self.items.add((low, high))
        return f"Items{low}" if high is None else f"Items{low}to{high}"

    @staticmethod
    def _refuse_unknown(where: str, schema: Schema) -> None:
        if unknown := set(schema) - UNDERSTOOD:
            raise SystemExit(f"{where}: the generator does not understand {sorted(unknown)}")

    def text(self) -> str:
        """The module's source, formatted as `ruff format` leaves it."""
        title, folders = self.edition.title, " and ".join(self.edition.folders)
        lines = [
            f'"""OCPP {title} messages. Generated by tools/ocpp_messages.py from {folders}: do not edit."""',
            "",
            "from __future__ import annotations",
            "",
            "from datetime import datetime",
            *self._typing_import(),
            "",
            "from msgspec import Meta",
            "",
            f"from ampacity.ocpp.messages.wire import {', '.join(self._wire_names())}",
            "",
        ]
        lines += [f"Str{n} = Annotated[str, Meta(max_length={n})]" for n in sorted(self.lengths)]
        for low, high in sorted(self.items, key=lambda item: (item[0], item[1] or 0)):
            lines.append(
                f"Items{low} = Meta(min_length={low})"
                if high is None
                else f"Items{low}to{high} = Meta(min_length={low}, max_length={high})"
            )
        lines.append("")
        for name, values in sorted(self.enums.items()):
            lines += [f"{name} = Literal[", *(f'    "{value}",' for value in values), "]"]
        for name, fields in sorted(self.structs.items()):
            lines += ["", "", f"class {name}(WireStruct, frozen=True, kw_only=True):"]
            lines += [f'    """{self._docstring(name)}"""', ""] if name in self.messages else []
            lines += [_field(*entry) for entry in fields] or (
                ["    pass"] if name not in self.messages else []
            )
            if lines[-1] == "":
                lines.pop()
            if name in self.tenths:
                lines += ["", "    def __post_init__(self) -> None:"]
                lines += [f'        check_tenth("{prop}", self.{prop})' for prop in self.tenths[name]]
        lines += ["", "", *self._tables()]
        return "\n".join(lines) + "\n"

    def _typing_import(self) -> list[str]:
        any_used = any("Any" in kind for fields in self.structs.values() for _, kind, _ in fields)
        names = ["Annotated", *(["Any"] if any_used else []), "Literal"]
        return [f"from typing import {', '.join(names)}"]

    def _wire_names(self) -> list[str]:
        custom = any(kind == "CustomData" for fields in self.structs.values() for _, kind, _ in fields)
        return [*(["CustomData"] if custom else []), "WireStruct", *(["check_tenth"] if self.tenths else [])]

    def _docstring(self, name: str) -> str:
        for suffix in ("Request", "Response"):
            if name.endswith(suffix):
                return f"{name.removesuffix(suffix)}: {suffix.lower()} of OCPP {self.edition.title}."
        return f"{name}: unconfirmed message of OCPP {self.edition.title}."

    def _tables(self) -> list[str]:
        calls = sorted(name.removesuffix("Request") for name in self.messages if name.endswith("Request"))
        sends = sorted(name for name in self.messages if not name.endswith(("Request", "Response")))
        known = set(calls) | set(sends)
        station, both = self.edition.from_station, self.edition.both
        if stray := (station | both) - known:
            raise SystemExit(
                f"directions name actions that {self.edition.title} does not have: {sorted(stray)}"
            )
        out = ["CALLS: dict[str, tuple[type[WireStruct], type[WireStruct]]] = {"]
        for action in calls:
            line = f'    "{action}": ({action}Request, {action}Response),'
            if len(line) <= 110:
                out.append(line)
            else:
                out += [
                    f'    "{action}": (',
                    f"        {action}Request,",
                    f"        {action}Response,",
                    "    ),",
                ]
        out.append("}")
        entries = ", ".join(f'"{name}": {name}' for name in sends)
        out.append(f"SENDS: dict[str, type[WireStruct]] = {{{entries}}}")
        for table, actions in (
            ("FROM_STATION", station | both),
            ("FROM_CSMS", (known - station) | both),
        ):
            out += [
                f"{table} = frozenset(",
                "    {",
                *(f'        "{a}",' for a in sorted(actions)),
                "    }",
                ")",
            ]
        return out


def _default_enum(owner: str, prop: str) -> str:
    base = owner.removesuffix("Request").removesuffix("Response")
    return base + prop[0].upper() + prop[1:]


def _annotated(base: str, schema: Schema, *limits: tuple[str, str]) -> str:
    metas = [f"{meta}={schema[key]}" for key, meta in limits if key in schema]
    return f"Annotated[{base}, Meta({', '.join(metas)})]" if metas else base


def _field(name: str, kind: str, required: bool) -> str:
    if keyword.iskeyword(name):
        raise SystemExit(f"field {name} is a Python keyword: add a rename")
    if required:
        return f"    {name}: {kind}"
    return f"    {name}: {kind} = None" if kind == "Any" else f"    {name}: {kind} | None = None"


def generate(edition: Edition) -> str:
    """Source text of one version's module."""
    module = Module(edition)
    files = sorted(path for folder in edition.folders for path in (SCHEMAS / folder).glob("*.json"))
    for path in sorted(files, key=lambda path: path.stem):
        message = path.stem
        if edition.module == "v16" and not message.endswith("Response"):
            message += "Request"
        module.read(message, json.loads(path.read_text(encoding="utf-8-sig")))
    return module.text()


def main() -> int:
    """Write the modules, or with --check compare them."""
    parser = argparse.ArgumentParser(description="Generate the OCPP message modules.")
    parser.add_argument("--check", action="store_true", help="compare instead of write")
    check = parser.parse_args().check
    stale = 0
    for edition in EDITIONS:
        path = TARGET / f"{edition.module}.py"
        text = generate(edition)
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"{path.name} differs from its schemas: run python tools/ocpp_messages.py")
                stale = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path.name}: {text.count(chr(10))} lines")
    return stale


if __name__ == "__main__":
    sys.exit(main())

"""What we let pass of a message that breaks its schema: the tables that `repair` reads.

The line is drawn by what is lost. A repair that keeps the meaning (a number written as text, a word in
another case, an unknown extra member, null for absent) is made in every message. One that loses a part is
made only in messages whose refusal loses more: those that money, presence or inventory hang on, because a
station sends a refused one again for ever or throws it away. Profiles, certificates and commands are never
guessed at.

A member of a struct is named "Struct.member", whatever the version.
"""

LOSSY_REQUESTS = frozenset(
    {
        "Authorize",
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyEvent",
        "NotifyReport",
        "SecurityEventNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
        "TransactionEvent",
    }
)
"""Requests of which a broken optional member or list item may be left out alone."""

LOSSY_RESPONSES = frozenset({"GetConfiguration", "GetVariables"})
"""Responses of which the same holds."""

LOSSY_LISTS = frozenset(
    {
        "additionalInfo",
        "configurationKey",
        "meterValue",
        "reportData",
        "sampledValue",
        "transactionData",
        "unknownKey",
    }
)
"""Lists whose broken items are left out alone: one bad sampled value must not lose the good ones."""

MAY_BE_EMPTY = frozenset({"MeterValuesRequest.meterValue"})
"""Required lists that may lose all their items: there is nothing to keep, and nothing to send again for."""

DECISIVE = frozenset(
    {
        "AuthorizeRequest.certificate",
        "AuthorizeRequest.iso15118CertificateHashData",
        "SampledValue.format",
        "SampledValue.location",
        "SampledValue.measurand",
        "SampledValue.phase",
        "SampledValue.unit",
        "SampledValueType.location",
        "SampledValueType.measurand",
        "SampledValueType.phase",
        "SampledValueType.unitOfMeasure",
        "UnitOfMeasureType.multiplier",
        "UnitOfMeasureType.unit",
    }
)
"""Optional members whose absence says something else (no measurand means the energy register, no certificate
a token that needs none): when one is broken, what holds it goes."""

INFORMATIVE = frozenset(
    {
        "EventDataType.techCode",
        "EventDataType.techInfo",
        "SecurityEventNotificationRequest.techInfo",
        "StatusInfoType.additionalInfo",
        "StatusInfoType.reasonCode",
        "StatusNotificationRequest.info",
        "StatusNotificationRequest.vendorErrorCode",
    }
)
"""Text for a reader: cut at the schema's length when it is longer."""

KEPT_LONG: dict[str, int] = {
    "AuthorizeRequest.certificate": 10_000,
    "AuthorizeRequest.idTag": 255,
    "BootNotificationRequest.chargeBoxSerialNumber": 255,
    "BootNotificationRequest.chargePointModel": 255,
    "BootNotificationRequest.chargePointSerialNumber": 255,
    "BootNotificationRequest.chargePointVendor": 255,
    "BootNotificationRequest.firmwareVersion": 255,
    "BootNotificationRequest.iccid": 255,
    "BootNotificationRequest.imsi": 255,
    "BootNotificationRequest.meterSerialNumber": 255,
    "BootNotificationRequest.meterType": 255,
    "ChargingStationType.firmwareVersion": 255,
    "ChargingStationType.model": 255,
    "ChargingStationType.serialNumber": 255,
    "ChargingStationType.vendorName": 255,
    "GetVariableResultType.attributeValue": 10_000,
    "IdTokenType.idToken": 255,
    "KeyValue.key": 255,
    "KeyValue.value": 10_000,
    "StartTransactionRequest.idTag": 255,
    "StopTransactionRequest.idTag": 255,
    "VariableAttributeType.value": 10_000,
}
"""Identifiers and settings that are kept whole up to this length: cut, they would name something else."""

WHEN_MISSING: dict[str, object] = {
    "StatusNotificationRequest.errorCode": "NoError",
    "StopTransactionRequest.transactionId": 0,
}
"""Required members that may be absent or null, and how they are read. 0 is a transaction whose id the station
never got."""

WHEN_UNKNOWN: dict[str, object] = {
    "BootNotificationRequest.reason": "Unknown",
    "StatusNotificationRequest.errorCode": "OtherError",
    "StopTransactionRequest.reason": "Other",
    "StopTransactionRequest.transactionId": 0,
    "TransactionEventRequest.triggerReason": "ChargingStateChanged",
    "TransactionType.stoppedReason": "Other",
}
"""How a value is read that can't be understood; of a trigger, the reason that claims least."""

OTHER_WORDS: dict[str, dict[str, str]] = {
    # The errata sheet of 1.6 (v4.0, 2019) adds Hertz, the schema has it not; stations write Hz as well.
    "SampledValue.unit": {
        "hertz": "Hertz",
        "hz": "Hertz",
        "%": "Percent",
        "ma": "mA",
        "vah": "VAh",
        "kvah": "kVAh",
        "MWh": "MWh",
        "MW": "MW",
    },
    "SampledValueType.unitOfMeasure": {},
}
"""Words that a schema lacks and what they mean, in lower case; those with capitals only as they are (mW is
no MW)."""

WHOLE_WH = frozenset({"StartTransactionRequest.meterStart", "StopTransactionRequest.meterStop"})
"""Whole numbers that some stations send with decimals; the nearest is taken."""

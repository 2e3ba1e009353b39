"""The same deeds of a station in the words of each version: payloads by hand, no product code."""

from __future__ import annotations

from typing import Any, Protocol

Message = tuple[str, dict[str, Any]]


class Speech(Protocol):
    """How a version says it. Times are ISO 8601 with Z, registers Wh, powers W."""

    version: str

    def boot(self, vendor: str, model: str) -> Message: ...
    def status(self, evse_id: int, status: str, at: str) -> Message: ...
    def authorize(self, token: str) -> Message: ...
    def start(self, evse_id: int, token: str, register_wh: int, at: str) -> Message: ...
    def meter(self, register_wh: int, power_w: int, at: str) -> Message: ...
    def stop(self, register_wh: int, at: str) -> Message: ...
    def started(self, answer: dict[str, Any]) -> None:
        """Take the answer to `start`."""
        ...

    def token_status(self, answer: dict[str, Any]) -> str:
        """The verdict in an answer."""
        ...

    @property
    def wire_id(self) -> str:
        """The transaction's id on the wire."""
        ...


class Speech16:
    """OCPP 1.6."""

    version = "1.6"

    def __init__(self, name: str) -> None:
        self._transaction_id = 0
        self._evse_id = 0

    def boot(self, vendor: str, model: str) -> Message:
        return "BootNotification", {
            "chargePointVendor": vendor,
            "chargePointModel": model,
            "chargePointSerialNumber": "S1",
            "firmwareVersion": "1.0",
        }

    def status(self, evse_id: int, status: str, at: str) -> Message:
        return "StatusNotification", {
            "connectorId": evse_id,
            "errorCode": "NoError",
            "status": status,
            "timestamp": at,
        }

    def authorize(self, token: str) -> Message:
        return "Authorize", {"idTag": token}

    def start(self, evse_id: int, token: str, register_wh: int, at: str) -> Message:
        self._evse_id = evse_id
        return "StartTransaction", {
            "connectorId": evse_id,
            "idTag": token,
            "meterStart": register_wh,
            "timestamp": at,
        }

    def started(self, answer: dict[str, Any]) -> None:
        self._transaction_id = answer["transactionId"]

    def meter(self, register_wh: int, power_w: int, at: str) -> Message:
        return "MeterValues", {
            "connectorId": self._evse_id,
            "transactionId": self._transaction_id,
            "meterValue": [
                {
                    "timestamp": at,
                    "sampledValue": [
                        {"value": str(register_wh)},
                        {"value": f"{power_w / 1000:.3f}", "measurand": "Power.Active.Import", "unit": "kW"},
                        {"value": "9.1", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
                    ],
                }
            ],
        }

    def stop(self, register_wh: int, at: str) -> Message:
        return "StopTransaction", {
            "transactionId": self._transaction_id,
            "meterStop": register_wh,
            "timestamp": at,
            "reason": "EVDisconnected",
        }

    def token_status(self, answer: dict[str, Any]) -> str:
        return str(answer["idTagInfo"]["status"])

    @property
    def wire_id(self) -> str:
        return str(self._transaction_id)


class Speech2:
    """OCPP 2.0.1 and 2.1."""

    def __init__(self, name: str, version: str) -> None:
        self.version = version
        self._name = name
        self._started = 0
        self._number = 0
        self._evse_id = 0

    def boot(self, vendor: str, model: str) -> Message:
        return "BootNotification", {
            "reason": "PowerUp",
            "chargingStation": {
                "vendorName": vendor,
                "model": model,
                "serialNumber": "S1",
                "firmwareVersion": "1.0",
            },
        }

    def status(self, evse_id: int, status: str, at: str) -> Message:
        return "StatusNotification", {
            "evseId": evse_id,
            "connectorId": 1,
            "connectorStatus": status,
            "timestamp": at,
        }

    def authorize(self, token: str) -> Message:
        return "Authorize", {"idToken": {"idToken": token, "type": "ISO14443"}}

    def _event(self, kind: str, trigger: str, at: str, state: str | None = "Charging") -> dict[str, Any]:
        info: dict[str, Any] = {"transactionId": self.wire_id}
        if state is not None:
            info["chargingState"] = state
        event = {
            "eventType": kind,
            "triggerReason": trigger,
            "timestamp": at,
            "seqNo": self._number,
            "transactionInfo": info,
        }
        self._number += 1
        return event

    def start(self, evse_id: int, token: str, register_wh: int, at: str) -> Message:
        self._started += 1
        self._number = 0
        self._evse_id = evse_id
        return "TransactionEvent", self._event("Started", "Authorized", at) | {
            "evse": {"id": evse_id, "connectorId": 1},
            "idToken": {"idToken": token, "type": "ISO14443"},
            "meterValue": [self._values(register_wh, "Transaction.Begin", at)],
        }

    def started(self, answer: dict[str, Any]) -> None:
        pass

    def meter(self, register_wh: int, power_w: int, at: str) -> Message:
        values = self._values(register_wh, "Sample.Periodic", at)
        values["sampledValue"] += [
            {
                "value": power_w / 1000,
                "measurand": "Power.Active.Import",
                "unitOfMeasure": {"unit": "W", "multiplier": 3},
            },
            {"value": 9.1, "measurand": "Current.Import", "phase": "L1", "unitOfMeasure": {"unit": "A"}},
        ]
        return "TransactionEvent", self._event("Updated", "MeterValuePeriodic", at) | {"meterValue": [values]}

    def stop(self, register_wh: int, at: str) -> Message:
        event = self._event("Ended", "EVDeparted", at, None)
        event["transactionInfo"]["stoppedReason"] = "EVDisconnected"
        return "TransactionEvent", event | {"meterValue": [self._values(register_wh, "Transaction.End", at)]}

    def token_status(self, answer: dict[str, Any]) -> str:
        return str(answer["idTokenInfo"]["status"])

    @staticmethod
    def _values(register_wh: int, context: str, at: str) -> dict[str, Any]:
        return {"timestamp": at, "sampledValue": [{"value": register_wh, "context": context}]}

    @property
    def wire_id(self) -> str:
        return f"{self._name}-{self._started}"


def speech(version: str, name: str) -> Speech:
    """A station's way to speak."""
    return Speech16(name) if version == "1.6" else Speech2(name, version)

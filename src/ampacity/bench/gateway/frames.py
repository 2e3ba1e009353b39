"""What the stations of the gateway benchmark say: a fixed cycle of valid calls, ready to be written.

A cycle is eight calls. A 1.6 station sends six MeterValues of eight samples each, a Heartbeat and a
StatusNotification; a 2.0.1 station seven TransactionEvents of eight samples each and a Heartbeat. Frames are
made from templates, because the load generator must cost less than the servers that it measures; nothing
repeats: every call has its own message id, and every value message has its own time (the clocks of these
stations are right, to the millisecond) and a register that has moved on, so that no server may take it for a
repetition.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Literal, TypeAlias

Version: TypeAlias = Literal["1.6", "2.0.1"]

SUBPROTOCOLS: dict[Version, str] = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
VALUES_EVERY_S = 10
WH_PER_MESSAGE = 31

_V, _H, _S = "values", "heartbeat", "status"
_CYCLE_16 = (_V, _V, _V, _H, _V, _V, _V, _S)
_CYCLE_201 = (_V, _V, _V, _V, _H, _V, _V, _V)
CYCLE = len(_CYCLE_16)


class Script:
    """The calls of one station, in order.

    `offset` is where in the cycle it begins: with stations all over the cycle any stretch of time has the
    same mix of calls.
    """

    def __init__(self, version: Version, identity: str, offset: int = 0) -> None:
        self.version = version
        self.identity = identity
        self._at_ms = 0
        self._ids = count(1)
        self._values = 0
        self._wire_transaction: int | str | None = None
        self._kinds = _CYCLE_16 if version == "1.6" else _CYCLE_201
        self._turn = offset

    @property
    def kept_expected(self) -> int:
        """Messages told so far that a journal must keep: values, and the start of the transaction."""
        return self._values + (self._wire_transaction is not None)

    def heartbeat(self) -> tuple[str, str]:
        """(message id, frame) of a Heartbeat."""
        name = self._name()
        return name, f'[2,"{name}","Heartbeat",{{}}]'

    def start(self) -> tuple[str, str]:
        """(message id, frame) of the call that starts this station's transaction."""
        name, at = self._name(), self._moment()
        if self.version == "1.6":
            return name, (
                f'[2,"{name}","StartTransaction",{{"connectorId":1,"idTag":"{self.identity}","meterStart":0,'
                f'"timestamp":"{at}"}}]'
            )
        self._wire_transaction = f"{self.identity}-{self._at_ms // 1000}"
        return name, (
            f'[2,"{name}","TransactionEvent",{{"eventType":"Started","timestamp":"{at}","triggerReason":'
            f'"Authorized","seqNo":0,"transactionInfo":{{"transactionId":"{self._wire_transaction}",'
            f'"chargingState":"Charging"}},"evse":{{"id":1,"connectorId":1}},'
            f'"idToken":{{"idToken":"{self.identity}","type":"ISO14443"}}}}]'
        )

    def started(self, transaction_id: int) -> None:
        """1.6: the id that the server gave the transaction."""
        self._wire_transaction = transaction_id

    def next(self) -> tuple[str, str]:
        """(message id, frame) of the cycle's next call. The transaction must have started."""
        kind = self._kinds[self._turn % CYCLE]
        self._turn += 1
        if kind == "values":
            return self.values()
        return self.heartbeat() if kind == "heartbeat" else self._status()

    def values(self) -> tuple[str, str]:
        """(message id, frame) of a value message, outside of the cycle."""
        return self._meter_values() if self.version == "1.6" else self._transaction_event()

    # ------------------------------------------------------------ frames

    def _name(self) -> str:
        return f"{self.identity}.{next(self._ids)}"

    def _moment(self) -> str:
        self._at_ms = max(time.time_ns() // 1_000_000, self._at_ms + 1)
        second, millisecond = divmod(self._at_ms, 1000)
        return f"{_second(second)}.{millisecond:03}Z"

    def _status(self) -> tuple[str, str]:
        name = self._name()
        return name, (
            f'[2,"{name}","StatusNotification",{{"connectorId":1,"errorCode":"NoError","status":"Charging",'
            f'"timestamp":"{self._moment()}"}}]'
        )

    def _meter_values(self) -> tuple[str, str]:
        self._values += 1
        name, at, turn = self._name(), self._moment(), self._values
        return name, (
            f'[2,"{name}","MeterValues",{{"connectorId":1,"transactionId":{self._wire_transaction},'
            f'"meterValue":[{{"timestamp":"{at}","sampledValue":['
            f'{{"value":"{turn * WH_PER_MESSAGE}","context":"Sample.Periodic",'
            '"measurand":"Energy.Active.Import.Register","unit":"Wh"},'
            '{"value":"11040","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
            f"{_CURRENTS_16[turn % 10]}{_VOLTAGES_16}]}}]}}]"
        )

    def _transaction_event(self) -> tuple[str, str]:
        self._values += 1
        name, at, turn = self._name(), self._moment(), self._values
        return name, (
            f'[2,"{name}","TransactionEvent",{{"eventType":"Updated","timestamp":"{at}","triggerReason":'
            f'"MeterValuePeriodic","seqNo":{turn},"transactionInfo":{{"transactionId":'
            f'"{self._wire_transaction}","chargingState":"Charging"}},"evse":{{"id":1,"connectorId":1}},'
            f'"meterValue":[{{"timestamp":"{at}","sampledValue":['
            f'{{"value":{turn * WH_PER_MESSAGE},"context":"Sample.Periodic",'
            '"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},'
            '{"value":11040,"context":"Sample.Periodic","measurand":"Power.Active.Import",'
            '"unitOfMeasure":{"unit":"W"}},'
            f"{_CURRENTS_201[turn % 10]}{_VOLTAGES_201}]}}]}}]"
        )


def _each_phase(measurand: str, unit: str, values: tuple[float, float, float], version: Version) -> str:
    phase = "{}" if measurand.startswith("Current") else "{}-N"
    names = [phase.format(name) for name in ("L1", "L2", "L3")]
    if version == "1.6":
        parts = [
            f'{{"value":"{value:.1f}","context":"Sample.Periodic","measurand":"{measurand}",'
            f'"phase":"{name}","unit":"{unit}"}}'
            for name, value in zip(names, values, strict=True)
        ]
    else:
        parts = [
            f'{{"value":{value:.1f},"context":"Sample.Periodic","measurand":"{measurand}",'
            f'"phase":"{name}","unitOfMeasure":{{"unit":"{unit}"}}}}'
            for name, value in zip(names, values, strict=True)
        ]
    return ",".join(parts)


_CURRENTS_16 = [
    _each_phase("Current.Import", "A", (15.5 + n / 10, 15.9, 16.0), "1.6") + "," for n in range(10)
]
_CURRENTS_201 = [
    _each_phase("Current.Import", "A", (15.5 + n / 10, 15.9, 16.0), "2.0.1") + "," for n in range(10)
]
_VOLTAGES_16 = _each_phase("Voltage", "V", (230.1, 229.8, 231.4), "1.6")
_VOLTAGES_201 = _each_phase("Voltage", "V", (230.1, 229.8, 231.4), "2.0.1")


def scripts(number: int, prefix: str) -> list[Script]:
    """`number` stations, half 1.6 and half 2.0.1 in turns."""
    return [Script("1.6" if n % 2 == 0 else "2.0.1", f"{prefix}{n}", n // 2 % CYCLE) for n in range(number)]


@lru_cache(16)
def _second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"

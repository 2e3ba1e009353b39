"""Stations for crash tests: each tells a story that is the same each time it is told, and remembers what it
was answered.

A story is a list of messages: charge after charge, values in between. Message `n` depends on the station's
name, the seed and `n` only (and, in 1.6, on the id that the start was given), so a station that lost its
server goes on where its last answer left it. No two messages of a station have the same time: by it a message
is found again in a journal.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Phase: TypeAlias = Literal["Started", "Updated", "Ended", "Metered"]

STEP = timedelta(milliseconds=100)
TOKEN = "CRASH"
EVSE = 1


class Message(Struct, frozen=True, gc=False):
    """One message of a story. `charge` counts from 1, `number` counts the messages of the charge from 0.
    `register_wh` and `power_w` are what it tells of the meter."""

    phase: Phase
    charge: int
    number: int
    at: datetime
    register_wh: int
    power_w: int


class Answered(Struct, frozen=True, gc=False):
    """The message with this index was answered at `position`; a start of 1.6 got `wire_id`."""

    position: int
    wire_id: str


class Station:
    """One EVSE. `version` is 1.6, 2.0.1 or 2.1. Messages go out one after the other: the next one when the
    one before was answered."""

    def __init__(self, name: str, version: str, begin: datetime, seed: int) -> None:
        self.name = name
        self.version = version
        self.answered: list[Answered] = []
        self.sent: list[int] = []
        """Position at which each message was sent for the first time."""
        self.story: list[Message] = []
        self._rng = random.Random(f"{seed} {name}")
        self._begin = begin
        self._left = 0
        self._charge = 0
        self._number = 0
        self._register_wh = self._rng.randint(0, 100_000)

    def message(self, index: int) -> Message:
        """The story's message `index`."""
        while len(self.story) <= index:
            self.story.append(self._next())
        return self.story[index]

    def _next(self) -> Message:
        rng = self._rng
        at = self._begin + len(self.story) * STEP
        if self._left == 0:
            if rng.random() < 0.2:
                return Message("Metered", self._charge, 0, at, self._register_wh, 0)
            self._left, self._charge, self._number = rng.randint(2, 9), self._charge + 1, 0
            return Message("Started", self._charge, 0, at, self._register_wh, 0)
        self._left -= 1
        self._number += 1
        self._register_wh += rng.randint(1, 500)
        phase: Phase = "Updated" if self._left else "Ended"
        power_w = rng.randint(0, 22_000) if self._left else 0
        return Message(phase, self._charge, self._number, at, self._register_wh, power_w)

    def wire_id(self, charge: int) -> str:
        """The id of a charge on the wire; empty while 1.6 has not been told."""
        if self.version != "1.6":
            return f"{self.name}-{charge}"
        for index, answer in enumerate(self.answered):
            message = self.story[index]
            if message.phase == "Started" and message.charge == charge:
                return answer.wire_id
        return ""

    def words(self, index: int) -> tuple[str, dict[str, Any]]:
        """(action, payload) of a message, as JSON has it."""
        message = self.message(index)
        wire_id = self.wire_id(message.charge)
        return (_words_16 if self.version == "1.6" else _words_2)(message, wire_id)

    def go_back(self, position: int) -> None:
        """Power was lost at `position`: what came after it never was, what came before is long ago."""
        self.answered = [Answered(0, item.wire_id) for item in self.answered if item.position <= position]
        self.sent = [0 for at in self.sent if at <= position]


def fleet(seed: int, count: int, begin: datetime | None = None) -> list[Station]:
    """`count` stations of the three versions in turn. Their time begins now: clocks that are months off are
    another story."""
    if begin is None:
        begin = datetime.now(UTC).replace(microsecond=0)
    versions = ("1.6", "2.0.1", "2.1")
    return [Station(f"CP{n}", versions[n % 3], begin, seed) for n in range(count)]


def _time(message: Message) -> str:
    return message.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _words_16(message: Message, wire_id: str) -> tuple[str, dict[str, Any]]:
    at = _time(message)
    if message.phase == "Started":
        return "StartTransaction", {
            "connectorId": EVSE,
            "idTag": TOKEN,
            "meterStart": message.register_wh,
            "timestamp": at,
        }
    if message.phase == "Ended":
        return "StopTransaction", {
            "transactionId": int(wire_id),
            "meterStop": message.register_wh,
            "timestamp": at,
            "reason": "Local",
        }
    values: list[dict[str, Any]] = [{"value": str(message.register_wh)}]
    if message.phase == "Updated":
        values.append({"value": str(message.power_w), "measurand": "Power.Active.Import", "unit": "W"})
    payload = {"connectorId": EVSE, "meterValue": [{"timestamp": at, "sampledValue": values}]}
    return "MeterValues", payload | ({"transactionId": int(wire_id)} if message.phase == "Updated" else {})


def _words_2(message: Message, wire_id: str) -> tuple[str, dict[str, Any]]:
    at = _time(message)
    values: list[dict[str, Any]] = [{"value": message.register_wh}]
    if message.phase == "Updated":
        values.append({"value": message.power_w, "measurand": "Power.Active.Import"})
    meter = [{"timestamp": at, "sampledValue": values}]
    if message.phase == "Metered":
        return "MeterValues", {"evseId": EVSE, "meterValue": meter}
    payload: dict[str, Any] = {
        "eventType": message.phase,
        "timestamp": at,
        "seqNo": message.number,
        "transactionInfo": {"transactionId": wire_id},
        "meterValue": meter,
        "triggerReason": {"Started": "Authorized", "Updated": "MeterValuePeriodic"}.get(
            message.phase, "StopAuthorized"
        ),
    }
    if message.phase == "Started":
        payload["evse"] = {"id": EVSE, "connectorId": 1}
        payload["idToken"] = {"idToken": TOKEN, "type": "ISO14443"}
    return "TransactionEvent", payload

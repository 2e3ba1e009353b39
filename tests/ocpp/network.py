"""Two engines and a bad network between them: it loses, repeats, delays and reorders on command.

`World` keeps the books that the properties are about: which calls were made, how each try ended, and which
calls of the peer were done.
"""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime

from ampacity.ocpp import engine as e
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.history import CARRIED
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.messages.wire import WireStruct
from ampacity.ocpp.version import Role, Version
from tests.ocpp import schemas

NOW = datetime(2025, 1, 1, tzinfo=UTC)
TIMEOUT_S = 10.0


def station_call(version: Version, serial: int) -> tuple[str, WireStruct]:
    """Something that a station says, different each time."""
    if version is Version.V16:
        return "StartTransaction", v16.StartTransactionRequest(
            connectorId=1, idTag=f"tag{serial}", meterStart=serial, timestamp=NOW
        )
    module = v201 if version is Version.V201 else v21
    return "TransactionEvent", module.TransactionEventRequest(
        eventType="Updated",
        timestamp=NOW,
        triggerReason="MeterValuePeriodic",
        seqNo=serial,
        transactionInfo=module.TransactionType(transactionId="t"),
    )


def csms_call(version: Version, serial: int) -> tuple[str, WireStruct]:
    """Something that a CSMS says."""
    if version is Version.V16:
        return "RemoteStartTransaction", v16.RemoteStartTransactionRequest(idTag=f"tag{serial}")
    module = v201 if version is Version.V201 else v21
    return "CostUpdated", module.CostUpdatedRequest(totalCost=float(serial), transactionId="t")


def answer_to(version: Version, action: str, serial: int) -> WireStruct:
    """A valid answer that differs by `serial`."""
    if action == "StartTransaction":
        return v16.StartTransactionResponse(transactionId=serial, idTagInfo=v16.IdTagInfo(status="Accepted"))
    if action == "RemoteStartTransaction":
        return v16.RemoteStartTransactionResponse(status="Accepted")
    module = v201 if version is Version.V201 else v21
    if action == "TransactionEvent":
        return module.TransactionEventResponse(totalCost=float(serial))
    return module.CostUpdatedResponse()


class Side:
    """One end with its books."""

    def __init__(self, world: World, role: Role) -> None:
        self.world, self.role = world, role
        self.made: dict[str, tuple[str, WireStruct]] = {}
        self.tries: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.done: dict[str, str] = {}  # calls of the peer that were answered: id and action
        self.open: list[tuple[e.Engine, e.CallReceived]] = []
        self.seen: Counter[str] = Counter()
        self.history = e.History(size=1_000)
        self.new_engine()

    def new_engine(self) -> None:
        self.engine = e.Engine(
            self.world.codecs[self.role],
            new_id=lambda: f"{self.role.value}-{len(self.made) + 1}",
            history=self.history,
        )

    def call(self, *, front: bool = False) -> str:
        make = station_call if self.role is Role.STATION else csms_call
        action, payload = make(self.world.version, len(self.made))
        message_id = self.engine.call(action, payload, self.world.now, TIMEOUT_S, front=front)
        self.made[message_id] = (action, payload)
        self.tries[message_id] += 1
        self.world.flush(self)
        return message_id

    def repeatable(self) -> list[str]:
        """Calls whose every try has ended."""
        return [message_id for message_id in self.made if self.outcomes[message_id] == self.tries[message_id]]

    def repeat(self, message_id: str) -> None:
        """Try a call again with its id, as stations do after a time-out."""
        action, payload = self.made[message_id]
        self.engine.call(action, payload, self.world.now, TIMEOUT_S, message_id=message_id)
        self.tries[message_id] += 1
        self.world.flush(self)

    def take(self, events: list[e.Event]) -> None:
        for event in events:
            self.seen[type(event).__name__] += 1
            match event:
                case e.CallReceived():
                    assert event.message_id not in self.done, "done twice"
                    same = [engine for engine, other in self.open if other.message_id == event.message_id]
                    assert self.engine not in same, "worked on twice at a time"
                    assert not same or event.action not in CARRIED, "worked on twice at a time"
                    self.open.append((self.engine, event))
                case e.ResultReceived() | e.ErrorReceived() | e.CallTimedOut() | e.CallLost():
                    self.outcomes[event.message_id] += 1
                case e.ProtocolViolation():
                    # Late answers are the network's doing; everything else would be a fault of the engines.
                    assert event.kind == "unexpected answer", event
                case _:
                    raise AssertionError(event)
        self.world.flush(self)

    def finish(self, index: int, *, refuse: bool = False) -> None:
        engine, event = self.open.pop(index)
        if refuse:
            engine.refuse(event.message_id, "InternalError", "not now")
        else:
            serial = next(self.world.serial)
            engine.answer(event.message_id, answer_to(self.world.version, event.action, serial))
            if engine is self.engine or event.action in CARRIED:
                self.done[event.message_id] = event.action
        self.world.flush(self)


class World:
    """Both ends, the frames on their way, and the clock."""

    def __init__(self, version: Version) -> None:
        self.version, self.now = version, 0.0
        self.codecs = {role: Codec(version, role) for role in Role}
        self.wires: dict[Role, list[str]] = {Role.CSMS: [], Role.STATION: []}  # by receiver
        self.answers: dict[tuple[Role, str], str] = {}
        self.serial = itertools.count(1)
        self.sides = {role: Side(self, role) for role in Role}

    def flush(self, side: Side) -> None:
        """Put a side's frames on the wire, judging each by the independent validator and by the rules."""
        for text in side.engine.frames_to_send():
            self._judge(side, text)
            self.wires[side.role.peer].append(text)

    def _judge(self, side: Side, text: str) -> None:
        frame = schemas.json.loads(text)
        kind, message_id = frame[0], frame[1]
        if kind == 2:
            case = schemas.case(self.version, frame[2], "call")
            schemas.judge(case.folder, case.file).validate(frame[3])
            assert side.engine.in_flight == message_id, "a second call in flight"
        else:
            assert kind in (3, 4)
            if kind == 3:
                # A call that was done is answered by the same bytes each time.
                side.seen["answered again"] += (side.role, message_id) in self.answers
                first = self.answers.setdefault((side.role, message_id), text)
                assert text == first, "two different answers to one call"

    def deliver(self, receiver: Role, index: int, *, keep: bool = False) -> None:
        wire = self.wires[receiver]
        text = wire[index] if keep else wire.pop(index)
        side = self.sides[receiver]
        side.take(side.engine.receive(text, self.now))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for side in self.sides.values():
            side.take(side.engine.handle_timeout(self.now))

    def reconnect(self, *, abandon: bool) -> None:
        """The connection breaks: frames on their way are gone, both ends begin anew with their memory.

        Handlers either give up or go on and answer into the memory.
        """
        for side in self.sides.values():
            side.take(side.engine.close(self.now))
            if abandon:
                for engine, event in side.open:
                    engine.abandon(event.message_id)
                side.open.clear()
            side.done = {key: action for key, action in side.done.items() if action in CARRIED}
            side.new_engine()
        for wire in self.wires.values():
            wire.clear()

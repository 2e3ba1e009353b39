"""Two engines at a lossy byte pipe, each beside a plain reference of what it must do: after every step both
have told the same events and put the same frames on the wire.

Whatever the standard knows goes on at once and in both directions: calls, answers, errors, SEND and
CALLRESULTERROR of 2.1, repetitions, reconnections; frames that are lost, doubled, late, cut anywhere, or
broken in a way for which the standard names the answer.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ampacity.ocpp import engine as e
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.errors import PayloadError
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.messages.wire import WireStruct
from ampacity.ocpp.version import Role, Version
from tests.ocpp.reference_engine import Broken, Event, Frame, Memory, Reference

SIZE, MAX_QUEUE, MAX_OPEN = 4, 5, 2
MAX_FRAME, MAX_DEPTH = 60_000, 8
TIMEOUTS_S = (0.5, 10.0, 30.0)
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def speech(version: Version, role: Role, serial: int) -> tuple[str, WireStruct]:
    """Something that this end may call; every third text is the same each time."""
    if version is Version.V16:
        if role is Role.CSMS:
            if serial % 3:
                return "RemoteStartTransaction", v16.RemoteStartTransactionRequest(idTag=f"é{serial}")
            return "ClearCache", v16.ClearCacheRequest()
        if serial % 3:
            return "StartTransaction", v16.StartTransactionRequest(
                connectorId=1, idTag=f"é{serial}", meterStart=serial, timestamp=NOON
            )
        return "Heartbeat", v16.HeartbeatRequest()
    module = v201 if version is Version.V201 else v21
    if role is Role.CSMS:
        if serial % 3:
            return "CostUpdated", module.CostUpdatedRequest(totalCost=float(serial), transactionId="é")
        return "ClearCache", module.ClearCacheRequest()
    if serial % 3:
        return "TransactionEvent", module.TransactionEventRequest(
            eventType="Updated",
            timestamp=NOON,
            triggerReason="MeterValuePeriodic",
            seqNo=serial,
            transactionInfo=module.TransactionType(transactionId="é"),
        )
    return "Heartbeat", module.HeartbeatRequest()


def answer_to(version: Version, action: str, serial: int) -> WireStruct:
    """An answer that differs each time where it can."""
    if version is Version.V16:
        return {
            "RemoteStartTransaction": v16.RemoteStartTransactionResponse(status="Accepted"),
            "ClearCache": v16.ClearCacheResponse(status="Accepted"),
            "Heartbeat": v16.HeartbeatResponse(currentTime=NOON + timedelta(seconds=serial)),
            "StartTransaction": v16.StartTransactionResponse(
                transactionId=serial, idTagInfo=v16.IdTagInfo(status="Accepted")
            ),
        }[action]
    module = v201 if version is Version.V201 else v21
    answers: dict[str, WireStruct] = {
        "CostUpdated": module.CostUpdatedResponse(),
        "ClearCache": module.ClearCacheResponse(status="Accepted"),
        "Heartbeat": module.HeartbeatResponse(currentTime=NOON + timedelta(seconds=serial)),
        "TransactionEvent": module.TransactionEventResponse(totalCost=float(serial)),
    }
    return answers[action]


def bad_answer(version: Version, action: str) -> WireStruct:
    """An answer that must not go out: against its schema, or of another action."""
    if action == "StartTransaction":
        info = v16.IdTagInfo(status="Perhaps")  # type: ignore[arg-type]
        return v16.StartTransactionResponse(transactionId=1, idTagInfo=info)
    if action == "TransactionEvent":
        module = v201 if version is Version.V201 else v21
        answer: WireStruct = module.TransactionEventResponse(totalCost="much")
        return answer
    return v16.ResetResponse(status="Accepted")


def told(event: e.Event) -> Event:
    """An event as the reference tells it."""
    match event:
        case e.CallReceived():
            return ("call", event.message_id, event.action)
        case e.ResultReceived():
            return ("result", event.message_id, event.action, plain(event.payload))
        case e.ErrorReceived():
            return ("failed", event.message_id, event.action, event.code, event.invalid_result)
        case e.CallTimedOut():
            return ("timed out", event.message_id, event.action)
        case e.CallLost():
            return ("lost", event.message_id, event.action, event.sent)
        case e.SendReceived():
            return ("sent", event.message_id, event.action)
        case e.ResultErrorReceived():
            return ("answer refused", event.message_id, event.action, event.code)
        case e.ProtocolViolation():
            return ("violation", event.kind, event.message_id)


def plain(payload: WireStruct) -> Any:
    return json.loads(msgspec.json.encode(payload))


def seen_on_wire(text: str) -> Frame:
    """A frame as the reference tells it."""
    frame: Frame = json.loads(text)
    if frame[0] in (4, 5):
        assert isinstance(frame[3], str)
        assert isinstance(frame[4], dict)
        return frame[:3]
    return frame


def breakages(version: Version, role: Role, message_id: str) -> Iterator[tuple[str, str, Broken]]:
    """(name, text, what must become of it) for what may come to an end of this role."""
    known = "Heartbeat" if role is Role.CSMS else "ClearCache"
    other = "ClearCache" if role is Role.CSMS else "Heartbeat"

    def call(payload: str, action: str = known) -> str:
        return f'[2,"{message_id}","{action}",{payload}]'

    unknown = Broken(
        "message type", message_id, "MessageTypeNotSupported" if version is Version.V201 else None
    )
    nameless = Broken("frame", "-1", "RpcFrameworkError")
    undefined = "FormatViolation" if version is Version.V16 else "ProtocolError"
    missing = "ProtocolError" if version is Version.V16 else "OccurrenceConstraintViolation"
    yield "no JSON", "hello", nameless
    yield "an object", "{}", nameless
    yield "an empty array", "[]", nameless
    yield "no text at all", "", nameless
    yield "a number for the id", f'[2,5,"{known}",{{}}]', nameless
    yield "no payload", f'[2,"{message_id}","{known}"]', Broken("frame", message_id, "RpcFrameworkError")
    yield "half a payload", call('{"a":'), Broken("frame", message_id, "FormatViolation")
    yield "a result without payload", f'[3,"{message_id}"]', Broken("frame", message_id)
    yield "an error without code", f'[4,"{message_id}"]', Broken("frame", message_id)
    yield "type 7", f'[7,"{message_id}",{{}}]', unknown
    if version is not Version.V21:
        yield "SEND before 2.1", f'[6,"{message_id}","NotifyPeriodicEventStream",{{}}]', unknown
        yield "CALLRESULTERROR before 2.1", f'[5,"{message_id}","GenericError","",{{}}]', unknown
    long_id = message_id.ljust(37, "x")
    yield (
        "an id too long",
        f'[2,"{long_id}","{known}",{{}}]',
        Broken("message id", long_id, "RpcFrameworkError"),
    )
    yield "an empty id", f'[2,"","{known}",{{}}]', Broken("message id", "-1", "RpcFrameworkError")
    yield "a result with an id too long", f'[3,"{long_id}",{{}}]', Broken("message id", long_id)
    large = '{"x":"' + "y" * MAX_FRAME + '"}'
    yield "a call too large", call(large), Broken("size", message_id, "RpcFrameworkError")
    yield "a result too large", f'[3,"{message_id}",{large}]', Broken("size", message_id)
    yield "blanks without end", " " * (MAX_FRAME + 1), Broken("size", "-1", "RpcFrameworkError")
    deep = '{"x":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1)
    yield "details too deep", f'[4,"{message_id}","GenericError","",{deep}]', Broken("depth", message_id)
    endless = "[" * (MAX_FRAME // 2 - 40) + "]" * (MAX_FRAME // 2 - 40)
    yield "nested without end", call(f'{{"x":{endless}}}'), Broken("frame", message_id, "FormatViolation")
    yield "an unknown action", call("{}", "Dance"), Broken("action", message_id, "NotImplemented")
    yield "an action of the other end", call("{}", other), Broken("action", message_id, "NotSupported")
    yield "an unknown member", call('{"x":1}'), Broken("payload", message_id, undefined)
    yield "a payload that is a list", call("[]"), Broken("payload", message_id, undefined)
    yield "a member missing", call("{}", "DataTransfer"), Broken("payload", message_id, missing)
    yield (
        "another type",
        call('{"vendorId":5}', "DataTransfer"),
        Broken("payload", message_id, "TypeConstraintViolation"),
    )
    yield (
        "a string too long",
        call(f'{{"vendorId":"{"v" * 256}"}}', "DataTransfer"),
        Broken("payload", message_id, "PropertyConstraintViolation"),
    )
    if version is not Version.V16:
        customs = f'{{"customData":{{"vendorId":"v","x":{deep}}}}}'
        yield (
            "customData too deep",
            call(customs),
            Broken("payload", message_id, "PropertyConstraintViolation"),
        )
    if version is Version.V21:
        yield (
            "a bad SEND",
            f'[6,"{message_id}","NotifyPeriodicEventStream",{{}}]',
            Broken("payload" if role is Role.CSMS else "action", message_id),
        )
        yield "an unknown SEND", f'[6,"{message_id}","Dance",{{}}]', Broken("action", message_id)


def cut(text: bytes, at: int) -> tuple[bytes, Broken]:
    """A frame that ends in its midst: who it is for is known once the comma after the id is there."""
    frame = json.loads(text)
    left = text[:at]
    if left.count(b",") < 2 or len(frame[1]) > 36:
        return left, Broken("frame", "-1", "RpcFrameworkError")
    return left, Broken("frame", frame[1], "FormatViolation" if frame[0] == 2 else None)


@dataclass
class End:
    """One end: the engine, its reference, and the owner's books."""

    role: Role
    engine: e.Engine
    model: Reference
    history: e.History
    memory: Memory


class Pipe(RuleBasedStateMachine):
    """The rules. Each does one thing to both engine and reference, then compares (`_settle`)."""

    @initialize(version=st.sampled_from(list(Version)))
    def begin(self, version: Version) -> None:
        self.version = version
        self.now = 0.0
        self.serial = itertools.count(1)
        self.seen: Counter[str] = Counter()
        self.wires: dict[Role, list[bytes]] = {role: [] for role in Role}  # by receiver
        self.old: list[tuple[e.Engine, Reference, str, str]] = []
        """Calls that handlers of earlier connections still work on."""
        self.codecs = {role: Codec(version, role, max_frame=MAX_FRAME, max_depth=MAX_DEPTH) for role in Role}
        self.ends = {role: self._end(role, e.History(size=SIZE), Memory(size=SIZE)) for role in Role}
        self.made: dict[Role, list[tuple[str, str, WireStruct]]] = {role: [] for role in Role}

    def _end(self, role: Role, history: e.History, memory: Memory) -> End:
        engine = e.Engine(
            self.codecs[role],
            new_id=lambda: f"{role.value}{next(self.serial)}",
            history=history,
            max_queue=MAX_QUEUE,
            max_open=MAX_OPEN,
        )
        model = Reference(self.version, memory, max_queue=MAX_QUEUE, max_open=MAX_OPEN)
        return End(role, engine, model, history, memory)

    def _settle(self, end: End, events: list[e.Event], predicted: list[Event]) -> None:
        for event in events:
            name = told(event)
            self.seen[f"{name[0]}: {name[1]}" if name[0] == "violation" else name[0]] += 1
            if isinstance(event, e.CallReceived):
                assert event.raw.startswith(b"{")
        assert [told(event) for event in events] == predicted
        texts = end.engine.frames_to_send()
        assert [seen_on_wire(text) for text in texts] == end.model.frames()
        for text in texts:
            self.seen[f"frame {json.loads(text)[0]}"] += 1
            self.wires[end.role.peer].append(text.encode())

    # The owners

    @rule(role=st.sampled_from(list(Role)), front=st.booleans(), timeout_s=st.sampled_from(TIMEOUTS_S))
    def call(self, role: Role, front: bool, timeout_s: float) -> None:
        end, (action, payload) = self.ends[role], speech(self.version, role, len(self.made[role]))
        if len(end.model.queue) == MAX_QUEUE:
            with pytest.raises(e.QueueFull):
                end.engine.call(action, payload, self.now)
            self.seen["queue full"] += 1
            return
        message_id = end.engine.call(action, payload, self.now, timeout_s, front=front)
        self.made[role].append((message_id, action, payload))
        end.model.call([2, message_id, action, plain(payload)], self.now, timeout_s, front)
        self._settle(end, [], [])

    @rule(role=st.sampled_from(list(Role)), back=st.integers(1, 4))
    def call_again(self, role: Role, back: int) -> None:
        """A repetition under the id of an earlier try, as after a time-out."""
        end, made = self.ends[role], self.made[role]
        if len(made) < back:
            return
        message_id, action, payload = made[-back]
        ids = {frame[1] for frame, _, _ in end.model.queue}
        if end.model.waiting is not None:
            ids.add(end.model.waiting[0][1])
        if len(end.model.queue) == MAX_QUEUE:
            return
        if message_id in ids:
            with pytest.raises(ValueError, match="in use"):
                end.engine.call(action, payload, self.now, message_id=message_id)
            return
        end.engine.call(action, payload, self.now, 10.0, message_id=message_id)
        end.model.call([2, message_id, action, plain(payload)], self.now, 10.0, False)
        self._settle(end, [], [])

    @rule(role=st.sampled_from(list(Role)), at=st.integers(0, MAX_QUEUE))
    def withdraw(self, role: Role, at: int) -> None:
        end = self.ends[role]
        ids = [frame[1] for frame, _, _ in end.model.queue] or ["none"]
        message_id = ids[at % len(ids)]
        assert end.engine.withdraw(message_id) == end.model.withdraw(message_id)
        self._settle(end, [], [])

    @precondition(lambda self: self.version is Version.V21)
    @rule()
    def send(self) -> None:
        """An unconfirmed message passes all that waits."""
        end = self.ends[Role.STATION]
        element = v21.StreamDataElementType(t=0.0, v=str(next(self.serial)))
        payload = v21.NotifyPeriodicEventStream(data=[element], id=1, pending=0, basetime=NOON)
        message_id = end.engine.send("NotifyPeriodicEventStream", payload)
        end.model.out.append([6, message_id, "NotifyPeriodicEventStream", plain(payload)])
        self._settle(end, [], [])

    def _working(self) -> list[tuple[e.Engine, Reference, str, str]]:
        now = [
            (end.engine, end.model, message_id, action)
            for end in self.ends.values()
            for message_id, (action, _) in end.model.open.items()
        ]
        return now + self.old

    @precondition(_working)
    @rule(
        at=st.floats(0, 1, exclude_max=True),
        how=st.sampled_from(["answer", "answer", "refuse", "abandon", "bad"]),
    )
    def finish(self, at: float, how: str) -> None:
        """A handler is done with a call, perhaps after its connection is gone."""
        working = self._working()
        engine, model, message_id, action = working[int(at * len(working))]
        payload = answer_to(self.version, action, next(self.serial))
        if how == "bad":
            with pytest.raises((PayloadError, TypeError)):
                engine.answer(message_id, bad_answer(self.version, action))
            self.seen["bad answer of ours"] += 1
            return
        self.old = [entry for entry in self.old if entry[1] is not model or entry[2] != message_id]
        if how == "answer":
            engine.answer(message_id, payload)
            model.answer(message_id, plain(payload))
        elif how == "refuse":
            engine.refuse(message_id, "InternalError", "x" * 300, {"a": 1})
            model.refuse(message_id, "InternalError")
        else:
            engine.abandon(message_id)
            model.abandon(message_id)
        with pytest.raises(e.UnknownCall):
            engine.refuse(message_id)
        for end in self.ends.values():
            self._settle(end, [], [])

    # The pipe

    def _places(self) -> list[tuple[Role, int]]:
        return [(role, index) for role, wire in self.wires.items() for index in range(len(wire))]

    @precondition(_places)
    @rule(at=st.floats(0, 1, exclude_max=True), keep=st.booleans())
    def deliver(self, at: float, keep: bool) -> None:
        """A frame arrives: in any order, once or several times."""
        places = self._places()
        role, index = places[int(at * len(places))]
        text = self.wires[role][index] if keep else self.wires[role].pop(index)
        end = self.ends[role]
        self._settle(end, end.engine.receive(text, self.now), end.model.receive(text, self.now))

    @precondition(_places)
    @rule(at=st.floats(0, 1, exclude_max=True))
    def lose(self, at: float) -> None:
        places = self._places()
        role, index = places[int(at * len(places))]
        self.wires[role].pop(index)

    @precondition(_places)
    @rule(at=st.floats(0, 1, exclude_max=True), where=st.floats(0, 1, exclude_max=True))
    def deliver_a_part(self, at: float, where: float) -> None:
        places = self._places()
        role, index = places[int(at * len(places))]
        whole = self.wires[role].pop(index)
        text, broken = cut(whole, int(where * len(whole)))
        end = self.ends[role]
        self.seen["cut"] += 1
        self._settle(end, end.engine.receive(text, self.now), end.model.receive(text, self.now, broken))

    @rule(role=st.sampled_from(list(Role)), at=st.floats(0, 1, exclude_max=True))
    def deliver_something_broken(self, role: Role, at: float) -> None:
        end = self.ends[role]
        choices = list(breakages(self.version, role, f"b{next(self.serial)}"))
        name, text, broken = choices[int(at * len(choices))]
        self.seen[name] += 1
        self._settle(
            end, end.engine.receive(text, self.now), end.model.receive(text.encode(), self.now, broken)
        )

    @rule(role=st.sampled_from(list(Role)), stray=st.booleans())
    def deliver_a_bad_answer(self, role: Role, stray: bool) -> None:
        """A result that its schema refuses, for the call in flight or for none."""
        end = self.ends[role]
        message_id = end.engine.in_flight
        if message_id is None or stray:
            message_id = "stray"
        text = f'[3,"{message_id}",{{"nonsense":1}}]'
        code = "FormatViolation" if self.version is Version.V16 else "ProtocolError"
        broken = Broken("payload of a result", message_id, code)
        self._settle(
            end, end.engine.receive(text, self.now), end.model.receive(text.encode(), self.now, broken)
        )

    @precondition(lambda self: any(end.model.open for end in self.ends.values()))
    @rule()
    def deliver_another_call_of_an_open_id(self) -> None:
        """Answering it would answer the other one: it gets nothing."""
        end = next(end for end in self.ends.values() if end.model.open)
        message_id = next(iter(end.model.open))
        text = f'[2,"{message_id}","DataTransfer",{{"vendorId":"x{next(self.serial)}"}}]'.encode()
        self._settle(end, end.engine.receive(text, self.now), end.model.receive(text, self.now))

    @rule(seconds=st.sampled_from([0.1, 0.5, 5.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for end in self.ends.values():
            self._settle(end, end.engine.handle_timeout(self.now), end.model.pass_time(self.now))

    @rule()
    def reconnect(self) -> None:
        """Frames on their way are gone; handlers go on with what they work on, up to a number."""
        self.old = self._working()
        for role, end in self.ends.items():
            lost = [told(event) for event in end.engine.close(self.now)]
            assert lost == end.model.close()
            self.seen["lost"] += len(lost)
            assert end.engine.receive("[]", self.now) == []
            assert end.engine.close(self.now) == []
            with pytest.raises(e.EngineClosed):
                end.engine.call("ClearCache", v16.ClearCacheRequest(), self.now)
            self.ends[role] = self._end(role, end.history, end.memory)
        while len(self.old) > MAX_OPEN:
            engine, model, message_id, _ = self.old.pop(0)
            engine.abandon(message_id)
            model.abandon(message_id)
        for wire in self.wires.values():
            wire.clear()

    # What holds always

    @invariant()
    def one_call_is_in_flight_and_has_a_deadline(self) -> None:
        for end in self.ends.values():
            waiting = end.model.waiting
            assert end.engine.in_flight == (waiting[0][1] if waiting else None)
            assert end.engine.next_timeout() == (waiting[1] if waiting else None)
            assert end.engine.queued == len(end.model.queue)
            assert waiting is not None or not end.model.queue

    @invariant()
    def memory_is_bounded(self) -> None:
        for end in self.ends.values():
            assert len(end.history._answers) <= SIZE
            assert len(end.history._open) <= MAX_OPEN + 4 * SIZE
            assert len(end.engine._open) <= MAX_OPEN
            assert len(end.engine._awaited) <= len(end.history._open)
            assert end.engine._outbox == []


def test_two_engines_do_what_the_reference_says() -> None:
    run_state_machine_as_test(
        Pipe,
        settings=settings(
            max_examples=120,
            stateful_step_count=60,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


MIX = {
    "call": 6, "call_again": 2, "withdraw": 0.5, "finish": 6, "deliver": 12, "lose": 0.5,
    "deliver_a_part": 1, "deliver_something_broken": 2, "deliver_a_bad_answer": 0.5,
    "deliver_another_call_of_an_open_id": 0.3, "pass_time": 1, "reconnect": 0.4, "send": 1,
}  # fmt: skip


def walk(version: Version, seed: int) -> Counter[str]:
    """The rules by seeded dice with the mix of a busy, bad line; what came up."""
    dice = Random(f"{version} {seed}")
    pipe = Pipe()
    pipe.begin(version)
    for _ in range(300):
        step(pipe, dice, dice.choices(list(MIX), list(MIX.values()))[0])
        pipe.one_call_is_in_flight_and_has_a_deadline()
        pipe.memory_is_bounded()
    return pipe.seen


def walks(version: Version, count: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in range(count):
        seen += walk(version, seed)
    return seen


@pytest.mark.parametrize("version", list(Version))
def test_long_walks_find_nothing_else(version: Version) -> None:
    """Walks that go deep, and meet everything."""
    seen = walks(version, 150)
    names = {name for role in Role for name, _, _ in breakages(version, role, "x")}
    wanted = names | {
        "call", "result", "failed", "timed out", "lost", "queue full", "bad answer of ours", "cut",
        "violation: flood", "violation: unexpected answer", "violation: message id", "frame 2", "frame 3",
        "frame 4",
    }  # fmt: skip
    if version is Version.V21:
        wanted |= {"sent", "answer refused", "frame 5", "frame 6"}
    assert {name for name in wanted if seen[name] < 5} == set()


def forgets_nothing(self: e.History, key: object) -> None:
    pass


def never_remembers(self: e.History, key: object, action: str, frame: str, message_id: str) -> None:
    self._open.pop(key, None)  # type: ignore[call-overload]


def never_full(self: e.History, key: object, action: str, frame: str, message_id: str) -> None:
    self._open.pop(key, None)  # type: ignore[call-overload]
    self._answers[key] = (action, frame, message_id)  # type: ignore[index]


def starts_at_once(self: e.Engine, now: float) -> None:
    self._waiting = None


@pytest.mark.parametrize(
    ("place", "name", "doctored"),
    [
        (e.History, "dropped", forgets_nothing),
        (e.History, "answered", never_remembers),
        (e.History, "answered", never_full),
        (e.History, "reconnected", lambda self: None),
        (e.Engine, "_finish", starts_at_once),
        (e.Engine, "_repeated", lambda *_: []),
    ],
)
def test_a_wrong_engine_is_found(
    monkeypatch: pytest.MonkeyPatch, place: type, name: str, doctored: Any
) -> None:
    monkeypatch.setattr(place, name, doctored)
    with pytest.raises(AssertionError):
        walks(Version.V21, 20)


def step(pipe: Pipe, dice: Random, name: str) -> None:
    """One rule with what the dice give, if it may be done now."""
    role, at, other, yes = dice.choice(list(Role)), dice.random(), dice.random(), dice.random() < 0.3
    match name:
        case "call":
            pipe.call(role, yes, dice.choice(TIMEOUTS_S))
        case "call_again":
            pipe.call_again(role, dice.randint(1, 4))
        case "withdraw":
            pipe.withdraw(role, dice.randint(0, MAX_QUEUE))
        case "send" if pipe.version is Version.V21:
            pipe.send()
        case "finish" if pipe._working():
            pipe.finish(at, dice.choice(["answer", "answer", "answer", "refuse", "abandon", "bad"]))
        case "deliver" if pipe._places():
            pipe.deliver(at, yes)
        case "lose" if pipe._places():
            pipe.lose(at)
        case "deliver_a_part" if pipe._places():
            pipe.deliver_a_part(at, other)
        case "deliver_something_broken":
            pipe.deliver_something_broken(role, at)
        case "deliver_a_bad_answer":
            pipe.deliver_a_bad_answer(role, yes)
        case "deliver_another_call_of_an_open_id" if any(end.model.open for end in pipe.ends.values()):
            pipe.deliver_another_call_of_an_open_id()
        case "pass_time":
            pipe.pass_time(dice.choice([0.1, 0.5, 5.0, 30.0]))
        case "reconnect":
            pipe.reconnect()

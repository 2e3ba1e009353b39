"""What is fuzzed: functions that take any bytes and raise `Wrong` where the product does what it must not.

    frames      any text comes to a strict and to a lenient engine: nothing raises, the right code goes back
    payloads    any text is a payload of any message: our verdict is the schema's, a repair keeps its word
    messages    Hypothesis builds messages of the schemas and changes one thing: the same question
    sequences   two engines and a pipe that loses, repeats and damages: one outcome a call, bounded memory

Each counts what came up, so that a run can tell that it has tested something.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from random import Random
from typing import Any

import msgspec

from ...ocpp.codec import Codec
from ...ocpp.engine import Engine, History, QueueFull
from ...ocpp.errors import ErrorCode, PayloadError, spell
from ...ocpp.events import (
    CallReceived,
    ErrorReceived,
    Event,
    ProtocolViolation,
    ResultErrorReceived,
    ResultReceived,
    SendReceived,
)
from ...ocpp.messages import v16, v21, v201
from ...ocpp.messages.wire import WireStruct
from ...ocpp.version import Role, Version, vocabulary
from . import verdicts
from .messages import changed, text_of, valid
from .oracle import Expected, expected, may_differ
from .schemas import complaint, kinds, schema_of

ENDS = [(version, role) for version in Version for role in Role]
STRICT = {end: Codec(*end) for end in ENDS}
LENIENT = {end: Codec(*end, lenient=True) for end in ENDS}
CODES = {version: {spell(version, code) for code in ErrorCode} for version in Version}
SIZE, MAX_OPEN, MAX_QUEUE = 4, 3, 5
counts: Counter[str] = Counter()


class Wrong(Exception):
    """The product did what it must not."""


def check(holds: bool, what: str) -> None:
    """Raise Wrong unless `holds`."""
    if not holds:
        raise Wrong(what)


def ask_of(version: Version, role: Role) -> tuple[str, WireStruct]:
    """A call that an end of this role may make."""
    module: Any = {Version.V16: v16, Version.V201: v201, Version.V21: v21}[version]
    if role is Role.CSMS:
        return "ClearCache", module.ClearCacheRequest()
    return "Heartbeat", module.HeartbeatRequest()


# ---------------------------------------------------------------- frames


def frames(data: bytes) -> None:
    """The first byte says who listens, the rest is what comes."""
    if len(data) < 2:
        return
    version, role = ENDS[data[0] % 6]
    text = data[1:]
    strict = _hear(STRICT[version, role], text)
    _judge(version, role, text, *strict)
    _hear(LENIENT[version, role], text)
    if data[0] & 64:
        try:
            loose: str | bytes = text.decode()
        except UnicodeDecodeError:
            return
        # What is kept of a long text is cut by characters or bytes; all else must be the same.
        again = _hear(STRICT[version, role], loose)
        same = type(again[0][0]) is type(strict[0][0]) and again[1] == strict[1]
        check(same, f"text is read as {again}, bytes as {strict}")


def _hear(codec: Codec, text: str | bytes) -> tuple[list[Event], list[list[Any]]]:
    """What an engine that has a call "q" in flight makes of a frame."""
    engine = Engine(codec, new_id=lambda: "q")
    action, payload = ask_of(codec.version, codec.role)
    engine.call(action, payload, 0.0)
    engine.frames_to_send()
    events = engine.receive(text, 1.0)
    sent = [json.loads(frame) for frame in engine.frames_to_send()]
    check(len(events) == 1, f"{len(events)} events for one frame")
    for frame in sent:
        check(frame[0] in ((4, 5) if codec.version is Version.V21 else (4,)), f"sent {frame}")
        check(frame[2] in CODES[codec.version], f"no code of {codec.version}: {frame[2]}")
        check(len(frame[3]) <= 255 and isinstance(frame[4], dict), f"sent {frame}")
    if isinstance(events[0], ProtocolViolation):
        check(bool(events[0].reason) and len(events[0].raw) <= 4_000, "a violation without its reason")
    return events, sent


_MEANING = {
    CallReceived: "call",
    ResultReceived: "result",
    ErrorReceived: "error",
    SendReceived: "send",
    ResultErrorReceived: "result error",
}


def _judge(version: Version, role: Role, text: bytes, events: list[Event], sent: list[list[Any]]) -> None:
    wanted = expected(version, role, text, {"q": ask_of(version, role)[0]})
    event = events[0]
    meaning = _MEANING.get(type(event), "refused" if sent else "ignored")
    counts[f"frame {meaning}"] += 1
    if _fits(wanted, meaning, sent):
        return
    if may_differ(text):
        counts["frame differs on purpose"] += 1
        return
    raise Wrong(f"{version} {role}: wanted {wanted}, got {event} and sent {sent}")


def _fits(wanted: Expected, meaning: str, sent: list[list[Any]]) -> bool:
    if wanted.anything_but_accepted:
        return meaning in ("refused", "ignored", "error")
    if wanted.may_be_silent and meaning == "ignored":
        return True
    if meaning != wanted.meaning:
        return False
    if not wanted.codes:
        return not sent
    ids = {wanted.message_id} if wanted.message_id is not None else {sent[0][1]}
    return len(sent) == 1 and sent[0][1] in ids and sent[0][2] in wanted.codes


# ---------------------------------------------------------------- payloads and messages


def payloads(data: bytes) -> None:
    """Two bytes name the message, the rest is its payload."""
    if len(data) < 3:
        return
    kind = kinds()[int.from_bytes(data[:2], "big") % len(kinds())]
    try:
        text = data[2:].decode()
    except UnicodeDecodeError:
        return
    why = complaint(kind, text)
    message, ours = verdicts.verdict(kind, text)
    counts[f"payload {'valid' if why is None else 'invalid'}"] += 1
    # A text that ends the frame early and goes on is another frame, not this payload.
    if (why is None) != (message is not None):
        check(
            may_differ(data[2:]) or (why is not None and why.startswith("no JSON")), f"{kind}: {why} / {ours}"
        )
        counts["payload differs on purpose"] += 1
    if kind.part == "call" and kind.action in vocabulary(kind.version).started_by[Role.STATION]:
        _repair(LENIENT[kind.version, Role.CSMS], kind.action, data[2:], message)


def _repair(codec: Codec, action: str, text: bytes, strict: WireStruct | None) -> None:
    """A lenient codec repairs only what needs it, and says so."""
    try:
        message, repairs = codec.read_call(action, text)
    except PayloadError:
        check(strict is None, f"{action}: refused although faultless")
        return
    if strict is None:
        check(bool(repairs), f"{action}: repaired without a word")
        counts["payload repaired"] += 1
    msgspec.json.encode(message)


def messages() -> Callable[[bytes], None]:
    """The target that Hypothesis drives: it reads its choices from the bytes."""
    hypothesis = import_module("hypothesis")
    st = import_module("hypothesis.strategies")

    @hypothesis.settings(database=None, deadline=None, max_examples=1)  # type: ignore[untyped-decorator, unused-ignore]
    @hypothesis.given(  # type: ignore[untyped-decorator, unused-ignore]
        kind=st.sampled_from(kinds()),
        dice=st.randoms(use_true_random=False),
        fullness=st.sampled_from((0.0, 0.5, 1.0)),
        change=st.booleans(),
    )
    def one(kind: Any, dice: Random, fullness: float, change: bool) -> None:
        value: Any = valid(schema_of(kind), dice, fullness)
        name = "valid"
        if change:
            name, value = changed(schema_of(kind), value, dice)
        tally = verdicts.Tally()
        verdicts.judge(kind, name, text_of(value), tally)
        counts["message accepted" if tally.accepted else "message refused"] += 1
        check(not tally.unequal, "\n".join(map(str, tally.unequal)))

    target: Callable[[bytes], None] = one.hypothesis.fuzz_one_input  # type: ignore[attr-defined, unused-ignore]
    return target


# ---------------------------------------------------------------- sequences


class _Tape:
    """Small numbers from bytes, 0 when they are used up."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        self.at += 1
        return self.data[self.at - 1] % bound if self.at <= len(self.data) else 0

    @property
    def over(self) -> bool:
        """Whether all is used up."""
        return self.at >= len(self.data)


class _End:
    def __init__(self, version: Version, role: Role) -> None:
        self.role = role
        self.version = version
        self.history = History(SIZE)
        self.made = 0
        self.tries: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.open: list[str] = []
        self.answers: dict[str, str] = {}
        self.connect()

    def connect(self) -> None:
        """A new connection with the old memory."""
        self.open.clear()
        self.engine = Engine(
            STRICT[self.version, self.role],
            new_id=lambda: f"{self.role.value}{self.made}",
            history=self.history,
            max_open=MAX_OPEN,
            max_queue=MAX_QUEUE,
        )

    def take(self, events: list[Event], wire: list[str]) -> None:
        """Keep the books, and put what is to be sent on the wire to the other end."""
        for event in events:
            counts[f"sequence {type(event).__name__}"] += 1
            if isinstance(event, CallReceived):
                check(event.message_id not in self.open, "worked on twice at a time")
                self.open.append(event.message_id)
            elif not isinstance(event, ProtocolViolation | SendReceived | ResultErrorReceived):
                self.ended[event.message_id] += 1
        for text in self.engine.frames_to_send():
            frame = json.loads(text)
            if frame[0] == 2:
                check(frame[1] == self.engine.in_flight, "two calls in flight")
            wire.append(text)
        self._bounded()

    def _bounded(self) -> None:
        check(all(self.ended[key] <= tries for key, tries in self.tries.items()), "two outcomes of a try")
        check(self.engine.queued <= MAX_QUEUE, "the queue grows")
        history = self.history
        check(len(history._answers) <= SIZE, "remembered answers grow")
        check(len(history._open) <= MAX_OPEN + 4 * SIZE, "remembered calls grow")
        check(len(self.engine._open) <= MAX_OPEN, "open calls grow")


@cache
def _answers(version: Version) -> dict[str, WireStruct]:
    module: Any = {Version.V16: v16, Version.V201: v201, Version.V21: v21}[version]
    return {
        "Heartbeat": module.HeartbeatResponse(currentTime=datetime(2025, 1, 1, tzinfo=UTC)),
        "ClearCache": module.ClearCacheResponse(status="Accepted"),
    }


def sequences(data: bytes) -> None:
    """The first byte says the version; the others are steps and what they choose."""
    tape = _Tape(data)
    version = list(Version)[tape.below(3)]
    ends = {role: _End(version, role) for role in Role}
    wires: dict[Role, list[str]] = {role: [] for role in Role}  # by receiver
    now, steps = 0.0, 0
    while not tape.over and steps < 400:
        steps += 1
        step = tape.below(12)
        role = list(Role)[tape.below(2)]
        end, wire = ends[role], wires[role]
        events: list[Event] = []
        if step <= 1:
            _call(end, now, front=step == 1)
        elif step <= 5 and wire:
            place = tape.below(len(wire))
            text = wire[place] if step == 5 else wire.pop(place)
            events = end.engine.receive(text, now)
        elif step == 6 and wire:
            wire.pop(tape.below(len(wire)))
        elif step == 7 and wire:
            place, at = tape.below(len(wire)), tape.below(256)
            text = wire[place]
            at = at % (len(text) + 1)
            wire[place] = text[:at] + chr(tape.below(128)) + text[at + tape.below(4) :]
        elif step in (8, 9) and end.open:
            _finish(end, end.open.pop(tape.below(len(end.open))), tape.below(4))
        elif step == 10:
            now += (0.1, 5.0, 30.0)[tape.below(3)]
            events = end.engine.handle_timeout(now)
        elif step == 11 and tape.below(4) == 0:
            for other in ends.values():
                other.take(other.engine.close(now), [])
                other.connect()
            for lane in wires.values():
                lane.clear()
        end.take(events, wires[role.peer])
        # No more is on its way than the steps have put there, and a hostile pipe is no excuse.
        del wire[50:]
    for end in ends.values():
        end.take(end.engine.close(now), [])
        check(end.ended == end.tries, "a call without an outcome")


def _call(end: _End, now: float, *, front: bool) -> None:
    action, payload = ask_of(end.version, end.role)
    end.made += 1
    try:
        message_id = end.engine.call(action, payload, now, 10.0, front=front)
    except QueueFull:
        counts["sequence queue full"] += 1
        return
    end.tries[message_id] += 1


def _finish(end: _End, message_id: str, how: int) -> None:
    action = end.engine._open[message_id][0]
    answer = _answers(end.version).get(action)
    if how == 0 or answer is None:
        end.engine.refuse(message_id, "InternalError", "no")
    elif how == 1:
        end.engine.abandon(message_id)
    else:
        end.engine.answer(message_id, answer)


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "frames": lambda: frames,
    "payloads": lambda: payloads,
    "messages": messages,
    "sequences": lambda: sequences,
}
"""Name -> what makes the target."""

"""What an engine must do, written down once more in the plainest way: lists, JSON values, no types.

`Reference` is told the same things as the real engine and predicts its events and its frames. It reads frames
by `json` alone; of frames that are broken on purpose it is told what the standard wants done (`Broken`).
Frames are predicted as JSON values, errors without their text: [4, id, code].
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ampacity.ocpp.version import Version

# Part 2 of the standard's idea of a repetition: only what tells its own moment may be taken for one later on.
LASTING = {"StartTransaction", "TransactionEvent"}
OLD_NAMES = {
    "FormatViolation": "FormationViolation",
    "RpcFrameworkError": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "MessageTypeNotSupported": "NotSupported",
}
Frame = list[Any]
Event = tuple[Any, ...]


@dataclass(frozen=True)
class Broken:
    """What must become of a frame that breaks the rules: the violation that the owner is told of, with the
    id, and the code of the CALLERROR (in the spelling of 2.x) that goes back, if one does."""

    kind: str
    message_id: str
    code: str | None = None


@dataclass
class Memory:
    """What outlives a connection: answers given lately by (id, text), and calls that are being worked on."""

    size: int
    answers: dict[tuple[str, bytes], tuple[str, Frame]] = field(default_factory=dict)
    working: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def keep(self, key: tuple[str, bytes], action: str, frame: Frame) -> None:
        self.working.pop(key, None)
        self.answers.pop(key, None)
        self.answers[key] = (action, frame)
        while len(self.answers) > self.size:
            self.answers.pop(next(iter(self.answers)))

    def reconnect(self) -> None:
        self.answers = {key: kept for key, kept in self.answers.items() if kept[0] in LASTING}
        self.working = {key: action for key, action in self.working.items() if action in LASTING}


class Reference:
    """One end of one connection."""

    def __init__(self, version: Version, memory: Memory, *, max_queue: int, max_open: int) -> None:
        self.version = version
        self.memory = memory
        self.max_queue = max_queue
        self.max_open = max_open
        memory.reconnect()
        self.closed = False
        self.waiting: tuple[Frame, float] | None = None
        """The call in flight and its deadline."""
        self.queue: list[tuple[Frame, float, bool]] = []
        self.open: dict[str, tuple[str, tuple[str, bytes]]] = {}
        self.awaited: list[tuple[str, bytes]] = []
        self.out: list[Frame] = []

    # What the owner does

    def call(self, frame: Frame, now: float, timeout_s: float, front: bool) -> None:
        if self.waiting is None:
            self._start(frame, now, timeout_s)
            return
        place = len(self.queue)
        if front:
            place = sum(1 for _, _, first in self.queue if first)
        self.queue.insert(place, (frame, timeout_s, front))

    def _start(self, frame: Frame, now: float, timeout_s: float) -> None:
        self.waiting = (frame, now + timeout_s)
        self.out.append(frame)

    def _next(self, now: float) -> None:
        self.waiting = None
        if self.queue:
            frame, timeout_s, _ = self.queue.pop(0)
            self._start(frame, now, timeout_s)

    def withdraw(self, message_id: str) -> bool:
        before = len(self.queue)
        self.queue = [entry for entry in self.queue if entry[0][1] != message_id]
        return len(self.queue) < before

    def answer(self, message_id: str, payload: Any) -> None:
        action, key = self.open.pop(message_id)
        frame = [3, message_id, payload]
        if not self.closed:
            self.out.append(frame)
        elif action not in LASTING:
            self.memory.working.pop(key, None)
            return
        self.memory.keep(key, action, frame)

    def refuse(self, message_id: str, code: str) -> None:
        _, key = self.open.pop(message_id)
        self.memory.working.pop(key, None)
        if not self.closed:
            self._error(message_id, code)

    def abandon(self, message_id: str) -> None:
        _, key = self.open.pop(message_id)
        self.memory.working.pop(key, None)

    def close(self) -> list[Event]:
        self.closed = True
        lost: list[Event] = []
        if self.waiting is not None:
            lost.append(("lost", self.waiting[0][1], self.waiting[0][2], True))
        lost += [("lost", frame[1], frame[2], False) for frame, _, _ in self.queue]
        self.waiting, self.queue, self.out, self.awaited = None, [], [], []
        return lost

    def pass_time(self, now: float) -> list[Event]:
        if self.waiting is None or now < self.waiting[1]:
            return []
        frame = self.waiting[0]
        self._next(now)
        return [("timed out", frame[1], frame[2])]

    def frames(self) -> list[Frame]:
        for key in list(self.awaited):
            if key in self.memory.answers:
                self.out.append(self.memory.answers[key][1])
            if key not in self.memory.working:
                self.awaited.remove(key)
        out, self.out = self.out, []
        return out

    # What the peer does

    def receive(self, text: bytes, now: float, broken: Broken | None = None) -> list[Event]:
        if broken is None:
            frame = json.loads(text)
            if len(frame[1]) > 36:  # the answer to a call whose id was too long
                return [("violation", "message id", frame[1])]
            return {2: self._call, 3: self._result, 4: self._failed, 5: self._result_failed, 6: self._sent}[
                frame[0]
            ](frame, text, now)
        if broken.kind == "payload of a result":
            return self._bad_result(broken, now)
        if broken.kind in ("action", "payload") and text.startswith(b"[2,") and self._flooded():
            return self._flood(broken.message_id)  # what there is no room for is not looked into
        if broken.code is not None:
            self._error(broken.message_id, broken.code)
        return [("violation", broken.kind, broken.message_id)]

    def _error(self, message_id: str, code: str, number: int = 4) -> None:
        self.out.append(
            [number, message_id, OLD_NAMES.get(code, code) if self.version is Version.V16 else code]
        )

    def _call(self, frame: Frame, text: bytes, now: float) -> list[Event]:
        _, message_id, action, _ = frame
        key = (message_id, text)
        if key in self.memory.answers:
            self.out.append(self.memory.answers[key][1])
            return []
        if key in self.memory.working:
            if message_id not in self.open and key not in self.awaited:
                self.awaited.append(key)
            return []
        if message_id in self.open:
            return [("violation", "message id", message_id)]
        if self._flooded():
            return self._flood(message_id)
        self.open[message_id] = (action, key)
        self.memory.working[key] = action
        return [("call", message_id, action)]

    def _flooded(self) -> bool:
        return len(self.open) >= self.max_open

    def _flood(self, message_id: str) -> list[Event]:
        self._error(message_id, "GenericError")
        return [("violation", "flood", message_id)]

    def _awaits(self, message_id: str) -> bool:
        return self.waiting is not None and self.waiting[0][1] == message_id

    def _ended(self, now: float) -> Frame:
        assert self.waiting is not None
        frame = self.waiting[0]
        self._next(now)
        return frame

    def _result(self, frame: Frame, text: bytes, now: float) -> list[Event]:
        if not self._awaits(frame[1]):
            return [("violation", "unexpected answer", frame[1])]
        return [("result", frame[1], self._ended(now)[2], frame[2])]

    def _bad_result(self, broken: Broken, now: float) -> list[Event]:
        if not self._awaits(broken.message_id):
            return [("violation", "unexpected answer", broken.message_id)]
        assert broken.code is not None
        ours = self._ended(now)
        if self.version is Version.V21:
            self._error(broken.message_id, broken.code, 5)
        return [("failed", broken.message_id, ours[2], broken.code, True)]

    def _failed(self, frame: Frame, text: bytes, now: float) -> list[Event]:
        if not self._awaits(frame[1]):
            return [("violation", "unexpected answer", frame[1])]
        return [("failed", frame[1], self._ended(now)[2], self._modern(frame[2]), False)]

    def _result_failed(self, frame: Frame, text: bytes, now: float) -> list[Event]:
        kept = [action for (key, _), (action, _) in self.memory.answers.items() if key == frame[1]]
        return [("answer refused", frame[1], kept[0] if kept else "", self._modern(frame[2]))]

    def _sent(self, frame: Frame, text: bytes, now: float) -> list[Event]:
        return [("sent", frame[1], frame[2])]

    @staticmethod
    def _modern(code: str) -> str:
        return {
            "FormationViolation": "FormatViolation",
            "OccurenceConstraintViolation": "OccurrenceConstraintViolation",
        }.get(code, code)

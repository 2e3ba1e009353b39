"""Where the processor time of a station's message goes, stage by stage, in microseconds.

The messages of `frames` go through the real parts in this process, only without sockets: engines,
sessions, CSMS, journal, ledger and store. What a stage costs is the CPU time of its own thread, taken around
200 messages at a time, so the clock adds next to nothing; the least of all rounds counts, because the others
were disturbed. A stage that several messages share (a commit, what is derived each 200 ms) is divided by the
messages. What is left to the throughput's cost a message is TLS, sockets, and the two threads in each other's
way.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from ...bus import LocalBus
from ...clock import WallClock
from ...csms.dialects import dialect
from ...csms.ledger import Ledger
from ...csms.link import StationRef
from ...csms.service import Csms
from ...csms.settings import CsmsSettings
from ...gateway.budget import Budget
from ...gateway.session import Session, Surroundings
from ...gateway.settings import GatewaySettings
from ...ocpp.codec import Codec
from ...ocpp.engine import CallReceived, Engine
from ...ocpp.version import Role, Version
from ...store import Store
from ...store.messages import MessageLog
from ...store.rows import Rows
from .frames import Script, scripts

STATIONS = 200
OPERATOR = "default"
_CODECS = {
    "1.6": Codec(Version.V16, Role.CSMS, lenient=True),
    "2.0.1": Codec(Version.V201, Role.CSMS, lenient=True),
}


async def stages(folder: Path, rounds: int = 40) -> dict[str, float]:
    """Figures named `stage_*_us`: CPU time a message of each stage."""
    clock, bus = WallClock(), LocalBus()
    store = await Store.open(folder / "stages.db", clock)
    csms = Csms(store, bus, clock, CsmsSettings(unknown_tokens="accept"))
    await csms.start()
    group = scripts(STATIONS, "stage")
    for script in group:
        await csms.register(OPERATOR, script.identity)
    around = Surroundings(
        settings=GatewaySettings(inbound_burst=10**9, inbound_per_s=10**6),
        bus=bus,
        clock=clock,
        handler=csms,
        record=csms.record,
        budget=Budget(1 << 30),
        entered=_nothing,
        left=_nothing,
        moved=_nothing,
        answered=_nothing,
    )
    line = _Line(group, around)
    try:
        for script, (answer,) in zip(
            group, await line.carry([script.start()[1] for script in group]), strict=True
        ):
            if script.version == "1.6":
                script.started(json.loads(answer)[2]["transactionId"])
        for _ in range(8):  # warm up
            await line.carry([script.next()[1] for script in group])
        await csms.written()
        spent: dict[str, list[int]] = defaultdict(list)
        with _writer_timed(spent):
            for _ in range(rounds):
                frames = [script.next()[1] for script in group]
                read, understood = _read(group, frames)
                began = time.thread_time_ns()
                answers = line.hand_over(frames)
                handed = time.thread_time_ns() - began
                spent["receive"].append(read)
                spent["understand"].append(understood)
                spent["keep"].append(handed - read - understood)
                await answers
            await csms.written()
            await store.flush()
    finally:
        await csms.stop()
        await store.close()
    return _figures(spent, rounds * STATIONS)


def _figures(spent: dict[str, list[int]], messages: int) -> dict[str, float]:
    figures = {
        f"stage_{name}_us": min(spent[name]) / STATIONS / 1e3 for name in ("receive", "understand", "keep")
    }
    for name in ("count and answer", "journal", "commit", "derive", "log"):
        figures[f"stage_{name.replace(' ', '_')}_us"] = sum(spent[name]) / messages / 1e3
    return figures


class _Line:
    """The stations' sessions, with ends of sockets that keep what was sent."""

    def __init__(self, group: Sequence[Script], around: Surroundings) -> None:
        self._sockets = [_Socket() for _ in group]
        self._sessions = []
        for number, (script, socket) in enumerate(zip(group, self._sockets, strict=True)):
            engine = Engine(_CODECS[script.version], new_id=lambda: "unused")
            station = StationRef(OPERATOR, script.identity, script.version)
            self._sessions.append(Session(station, f"127.0.0.{number % 250}", engine, around))
            self._sessions[-1].opened(socket)

    def hand_over(self, frames: Sequence[str]) -> asyncio.Future[list[list[str]]]:
        """One frame of each station is received; the future has what each is answered."""
        done: asyncio.Future[list[list[str]]] = asyncio.get_running_loop().create_future()
        left = len(frames)

        def answered() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set_result([socket.sent for socket in self._sockets])

        for socket in self._sockets:
            socket.sent, socket.answered = [], answered
        for session, frame in zip(self._sessions, frames, strict=True):
            session.received(frame)
        return done

    async def carry(self, frames: Sequence[str]) -> list[list[str]]:
        """What each is answered."""
        return await self.hand_over(frames)


class _Socket:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.answered: Callable[[], None] = _nothing

    def send(self, text: str) -> None:
        self.sent.append(text)
        self.answered()

    def close(self, *_: Any) -> None:
        pass

    abort = pause_reading = resume_reading = close


def _read(group: Sequence[Script], frames: Sequence[str]) -> tuple[int, int]:
    """CPU time (ns) of reading and validating the frames, and of understanding what they say."""
    engines = [Engine(_CODECS[script.version], new_id=lambda: "unused") for script in group]
    began = time.thread_time_ns()
    events = [engine.receive(frame, 0.0) for engine, frame in zip(engines, frames, strict=True)]
    read = time.thread_time_ns()
    for script, (event,) in zip(group, events, strict=True):
        assert isinstance(event, CallReceived)
        dialect(script.version).understand(event.action, event.payload, event.raw)
    return read - began, time.thread_time_ns() - read


@contextmanager
def _writer_timed(spent: dict[str, list[int]]) -> Iterator[None]:
    """Time what is called once for many messages, in whatever thread it runs."""
    places: list[tuple[Any, str, Callable[..., str | None]]] = [
        (Rows, "write", lambda rows, *_: "journal" if rows.table.name == "journal" else None),
        (DefaultDialect, "do_commit", lambda *_: "commit"),
        (Ledger, "_write", lambda *_: "derive"),
        (MessageLog, "_write", lambda *_: "log"),
        (Ledger, "_kept", lambda *_: "count and answer"),
    ]
    before = [getattr(owner, name) for owner, name, _ in places]
    for (owner, name, what), original in zip(places, before, strict=True):
        setattr(owner, name, _timed(original, what, spent))
    try:
        yield
    finally:
        for (owner, name, _), original in zip(places, before, strict=True):
            setattr(owner, name, original)


def _timed(
    original: Callable[..., Any], what: Callable[..., str | None], spent: dict[str, list[int]]
) -> Callable[..., Any]:
    @wraps(original)
    def timed(*arguments: Any) -> Any:
        name = what(*arguments)
        if name is None:
            return original(*arguments)
        began = time.thread_time_ns()
        try:
            return original(*arguments)
        finally:
            spent[name].append(time.thread_time_ns() - began)

    return timed


def _nothing(*_: Any) -> None:
    pass

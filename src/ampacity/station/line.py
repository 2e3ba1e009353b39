"""The line to the CSMS: connect, boot until accepted, tell statuses and transactions, and again after each
loss, with pauses that double in site time.

A boot is told after a power-up or a reset only. After an outage a station goes on where it was: it tells all
statuses anew when it was away longer than OfflineThreshold, else those that changed (2.x B04), then what
waits in the outbox, in order. A transaction message leaves the outbox when it is answered, or given up after
so many CALLERRORs, each time with a longer pause (2.x E13).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from ..clock import Clock
from ..ocpp.history import History
from .bay import ConnectorShown
from .config import StationConfig
from .link import CallFailed, Link, Unreachable
from .notes import Note
from .own_clock import OwnClock
from .variables import Variables
from .wire import Message, Wire

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
ANSWERS_KEPT = 20_000

Standing = Literal["unknown", "Accepted", "Pending", "Rejected"]


class Line:
    """Runs until cancelled. `answer` carries out the CSMS's calls, `shown` tells what the connectors show
    now, `acknowledged(note, accepted)` hears of each transaction message that was answered,
    `came_back(seconds)` of each end of an outage.
    """

    def __init__(
        self,
        config: StationConfig,
        site: Clock,
        clock: OwnClock,
        rng: random.Random,
        wire: Wire,
        variables: Variables,
        answer: Callable[[str, Any], Awaitable[Any]],
        shown: Callable[[], list[ConnectorShown]],
        acknowledged: Callable[[Note, bool], None],
        came_back: Callable[[float], None],
    ) -> None:
        self.config = config
        self._site = site
        self._clock = clock
        self._rng = rng
        self._wire = wire
        self._variables = variables
        self._answer = answer
        self._shown = shown
        self._acknowledged = acknowledged
        self._came_back = came_back
        self._network = asyncio.Event()
        self._power = asyncio.Event()
        self._network.set()
        self._power.set()
        self._powering_up = False
        self._boot_reason: str | None = "PowerUp"
        self._boot_now = asyncio.Event()
        self._history = History()
        self._link: Link | None = None
        self._dead: list[Link] = []
        self._left_at = -float("inf")
        self._outbox: deque[Note] = deque()
        self._note_added = asyncio.Event()
        self._told: dict[tuple[int, int], str] = {}
        self._status_changed = asyncio.Event()
        self._posts: set[asyncio.Task[None]] = set()
        self._next_heartbeat_at = float("inf")
        self._earlier_messages = 0
        self.standing: Standing = "unknown"
        self.discarded = 0
        self.answer_wall_s: deque[float] = deque(maxlen=ANSWERS_KEPT)

    # ------------------------------------------------------------ what is known

    @property
    def up(self) -> bool:
        """Whether a socket is open and the station accepted. A dead line counts until it is noticed."""
        return self.powered and self._link is not None and self.standing == "Accepted"

    @property
    def offline_s(self) -> float:
        """How long there has been no CSMS, as far as the station has noticed; 0 while there is one."""
        return 0.0 if self.up else self._site.time() - self._left_at

    @property
    def powered(self) -> bool:
        """Whether the station has power and has booted."""
        return self._power.is_set() and not self._powering_up

    @property
    def waiting(self) -> int:
        """Transaction messages that no answer has come for."""
        return len(self._outbox)

    @property
    def messages(self) -> int:
        """Frames sent and received so far."""
        link = self._link
        return self._earlier_messages + (link.messages_in + link.messages_out if link is not None else 0)

    def holds(self, wire_id: str | None) -> bool:
        """Whether a message of this transaction (None: of any) waits."""
        return any(wire_id is None or note.transaction.is_called(wire_id) for note in self._outbox)

    # ------------------------------------------------------------ what the station has to tell

    def add(self, note: Note) -> None:
        """Keep a transaction's note until it is answered."""
        self._outbox.append(note)
        self._note_added.set()

    def look(self) -> None:
        """A connector may show something else."""
        self._status_changed.set()

    def post(self, message: Message) -> None:
        """Send a message once; nobody repeats it when it fails."""
        task = asyncio.create_task(self._post(message))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    def boot_now(self) -> None:
        """The CSMS asks for a boot notification."""
        if self.standing == "Accepted":
            self.post(self._wire.boot("Triggered"))
        else:
            self._boot_now.set()

    def beat(self) -> None:
        """Send a heartbeat, and take the time that it brings."""
        self._next_heartbeat_at = self._site.time() + self._variables.number("HeartbeatInterval")
        task = asyncio.create_task(self._beat())
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    def beat_if_due(self, at: float) -> None:
        """Once a step: send the heartbeat that is due."""
        if self.up and at >= self._next_heartbeat_at:
            self.beat()

    def new_interval(self) -> None:
        """The heartbeat's interval has changed."""
        due = self._site.time() + self._variables.number("HeartbeatInterval")
        self._next_heartbeat_at = min(self._next_heartbeat_at, due)

    # ------------------------------------------------------------ what happens to it

    def cut(self, silent: bool) -> None:
        """The network is gone: with a reset, or without a word."""
        self._network.clear()
        if self._link is not None:
            if silent:
                self._link.go_silent()
            else:
                self._link.abort()

    def restore(self) -> None:
        """The network is back. What was a dead line turns out to be one."""
        self._network.set()
        if self._link is not None and self._link.silent:
            self._link.abort()
        self._bury()

    def power_off(self) -> None:
        """The station goes dark without a goodbye."""
        self._power.clear()
        if self._link is not None:
            self._link.abort()

    def power_on(self, boot_reason: str) -> None:
        """It boots, which takes `boot_s`, and will tell why."""
        self._boot_reason = boot_reason
        self._powering_up = True
        self._power.set()

    async def goodbye(self) -> None:
        """Close the socket in order, if there is one."""
        if self._link is not None:
            await self._link.close()

    async def emptied(self, within_s: float) -> None:
        """Return when the outbox is empty, or `within_s` has passed."""
        until = self._site.time() + within_s
        while self._outbox and self.up and self._site.time() < until:
            await self._site.sleep(0.25)

    async def call(self, message: Message) -> Any:
        """Call the CSMS. Raises CallFailed."""
        link = self._link
        if link is None:
            raise CallFailed("lost", f"{self.config.station_id} is offline")
        answer, wall_s = await link.call(*message)
        self.answer_wall_s.append(wall_s)
        return answer

    # ------------------------------------------------------------ running

    async def run(self) -> None:
        """Keep the line until cancelled."""
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                await self._power.wait()
                if self._powering_up:
                    await self._site.sleep(self.config.boot_s)
                    if not self._power.is_set():
                        continue
                    self._powering_up = False
                    self._status_changed.set()
                await self._network.wait()
                if not self._power.is_set() or self._powering_up:
                    continue
                if await self._connect():
                    pause_s = FIRST_PAUSE_S
                await self._site.sleep(pause_s * (0.5 + self._rng.random()))
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        finally:
            self._bury()
            for task in tuple(self._posts):
                task.cancel()

    async def _connect(self) -> bool:
        """One connection, from handshake to loss; whether the CSMS has accepted us in it."""
        try:
            link = await Link.open(self.config, self._site, self._answer, self._history)
        except Unreachable as problem:
            log.debug("%s: %s", self.config.station_id, problem)
            return False
        if not (self._network.is_set() and self._power.is_set()):
            # The cable was pulled during the handshake.
            link.abort()
            await link.closed()
            return False
        self._link = link
        session = asyncio.create_task(self._session())
        try:
            await link.closed()
            return self.standing == "Accepted"
        finally:
            link.abort()
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)
            if self.standing == "Accepted":
                self._left_at = self._site.time()
            self.standing = "unknown"
            self._earlier_messages += link.messages_in + link.messages_out
            self._link = None
            self._dead.append(link)
            if self._network.is_set():
                self._bury()

    def _bury(self) -> None:
        """What was dropped while the network was cut reaches the other end now."""
        while self._dead:
            self._dead.pop().bury()

    async def _session(self) -> None:
        try:
            if self._boot_reason is not None:
                await self._boot(self._boot_reason)
            elif self._site.time() - self._left_at > self._variables.number("OfflineThreshold"):
                self._told.clear()
            self._came_back(self.offline_s)
            self.standing = "Accepted"
            interval_s = self._variables.number("HeartbeatInterval")
            # Stations that came back together must not beat together.
            self._next_heartbeat_at = self._site.time() + interval_s * self._rng.random()
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._tell_statuses())
                loops.create_task(self._empty_outbox())
        except* CallFailed as problem:
            log.debug("%s: %s", self.config.station_id, problem.exceptions[0])
        except* Exception:
            log.exception("%s: its session failed", self.config.station_id)
        if self._link is not None:
            self._link.abort()

    async def _boot(self, reason: str) -> None:
        """Boot until accepted. Raises CallFailed when the line is lost."""
        while True:
            wait_s = self.config.retry_interval_s
            try:
                verdict = self._wire.read_boot(await self.call(self._wire.boot(reason)))
            except CallFailed as problem:
                if problem.kind in ("lost", "unsent"):
                    raise
            else:
                self._clock.told(verdict.now)
                self.standing = verdict.status
                if verdict.status == "Accepted":
                    self._variables.told_heartbeat(float(verdict.interval_s or 300))
                    self._boot_reason = None
                    self._told.clear()
                    return
                wait_s = float(verdict.interval_s or wait_s)
            self._boot_now.clear()
            with contextlib.suppress(TimeoutError):
                await self._site.wait_for(self._boot_now.wait(), wait_s)

    async def _tell_statuses(self) -> None:
        while True:
            self._status_changed.clear()
            # Only the newest word of a connector is told; what it said meanwhile is over.
            for shown in self._shown():
                place, word = (shown.evse_id, shown.connector_id), self._wire.word(shown)
                if word is None or self._told.get(place) == word:
                    continue
                if not await self._told_status(self._wire.status(shown, self._clock.now())):
                    self._status_changed.set()
                    continue
                self._told[place] = word
            await self._status_changed.wait()

    async def _told_status(self, message: Message) -> bool:
        """Whether it needs no repetition. Raises CallFailed when the line is lost."""
        try:
            await self.call(message)
        except CallFailed as problem:
            if problem.kind == "lost":
                raise
            if problem.kind == "timeout":
                await self._site.sleep(self.config.retry_interval_s)
                return False
        return True

    async def _empty_outbox(self) -> None:
        refused = tries = 0
        while True:
            while not self._outbox:
                self._note_added.clear()
                await self._note_added.wait()
            note = self._outbox[0]
            message = self._wire.note(note)
            if message is None:
                self._outbox.popleft()
                continue
            try:
                answer = await self.call(message)
            except CallFailed as problem:
                if problem.kind == "lost":
                    raise
                tries += 1
                refused += problem.kind != "timeout"
                if refused < self._variables.number("MessageAttempts") and problem.kind != "unsent":
                    await self._site.sleep(self._variables.number("MessageAttemptInterval") * tries)
                    continue
                log.warning("%s gives %s up: %s", self.config.station_id, message[0], problem)
                self.discarded += 1
            else:
                self._acknowledged(note, self._wire.read_note(note, answer))
            self._outbox.popleft()
            refused = tries = 0

    async def _post(self, message: Message) -> None:
        with contextlib.suppress(CallFailed):
            await self.call(message)

    async def _beat(self) -> None:
        with contextlib.suppress(CallFailed):
            self._clock.told(self._wire.read_heartbeat(await self.call(self._wire.heartbeat())))

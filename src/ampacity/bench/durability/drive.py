"""Drives the real CSMS with stations in one process, and notes when each message was acknowledged.

The way is that of a gateway: a CALL with its raw text goes to `Csms.handle`, and what comes back through its
`Reply` is the acknowledgement. Some answers are "lost": the message comes again, after its answer or while
the first one is still on its way, as after a reconnect. Of both kinds the answer must be the first one's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ...bus import LocalBus
from ...clock import WallClock
from ...csms.link import StationRef
from ...csms.service import Csms
from ...csms.settings import CsmsSettings
from ...model.events import StationConnected
from ...ocpp.codec import Codec
from ...ocpp.events import CallReceived
from ...ocpp.version import Role, Version
from ...store import Store, StoreSettings
from .stations import Answered, Station

OPERATOR = "crash"
DATABASE = "ampacity.db"
ANSWER_LIMIT_S = 20.0
_CODECS = {version.value: Codec(version, Role.CSMS) for version in Version}
_numbers = itertools.count(1)


class Unlike(Exception):
    """A repetition was answered otherwise than the message itself."""

    def __init__(self, station: str, first: object, again: object) -> None:
        super().__init__(f"{station}: first answered {first}, then {again}")


class Refused(Exception):
    """A faultless message was answered with a CALLERROR."""


class Plant(Struct, frozen=True):
    """A store and the CSMS on it."""

    store: Store
    csms: Csms
    bus: LocalBus


@contextlib.asynccontextmanager
async def opened(place: Path | str, settings: StoreSettings | None = None) -> AsyncIterator[Store]:
    """Open (again) the store in the folder `place`, or at that address."""
    where = place / DATABASE if isinstance(place, Path) else place
    store = await Store.open(where, WallClock(), settings)
    try:
        yield store
    finally:
        await store.close()


def csms_settings() -> CsmsSettings:
    """Whoever comes is let in."""
    return CsmsSettings(operator_id=OPERATOR, admit_unknown=True, unknown_tokens="accept", onboard=False)


@contextlib.asynccontextmanager
async def plant(store: Store) -> AsyncIterator[Plant]:
    """Start the CSMS on a store, without anything that works by itself."""
    bus = LocalBus()
    csms = Csms(store, bus, store.clock, csms_settings())
    await csms.start()
    try:
        yield Plant(store, csms, bus)
    finally:
        await csms.stop()


class Heard:
    """Takes the reply to one call; `came` is its payload, or None when the call was left unanswered."""

    def __init__(self, position: Callable[[], int]) -> None:
        self.came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.at = 0
        self._position = position

    def answer(self, payload: Struct) -> None:
        self._done(msgspec.to_builtins(payload))

    def answer_text(self, body: str) -> None:
        self._done(msgspec.json.decode(body))

    def refuse(self, code: str, description: str) -> None:
        if not self.came.done():
            self.came.set_exception(Refused(f"{code}: {description}"))

    def leave(self, reason: str) -> None:
        self._done(None)

    def _done(self, payload: Any) -> None:
        # The moment of the acknowledgement: whatever happens to the disk later must not harm it.
        self.at = self._position()
        if not self.came.done():  # the station may have gone away
            self.came.set_result(payload)


def connect(built: Plant, stations: Sequence[Station]) -> None:
    """Say that the stations' sockets are open."""
    for station in stations:
        built.bus.publish(
            StationConnected(
                operator_id=OPERATOR,
                station_id=station.name,
                version=station.version,
                at=built.store.clock.now(),
            )
        )


def say(built: Plant, station: Station, index: int, position: Callable[[], int]) -> Heard:
    """Hand a message to the CSMS."""
    action, payload = station.words(index)
    raw = msgspec.json.encode(payload)
    call = CallReceived(str(next(_numbers)), action, _CODECS[station.version].decode_call(action, raw), raw)
    heard = Heard(position)
    built.csms.handle(StationRef(OPERATOR, station.name, station.version), call, heard)
    return heard


async def answer_of(heard: Heard) -> Any:
    """The reply's payload, None when it was left out. Raises Refused, TimeoutError."""
    # Not wait_for: in Python 3.11 it forgets a cancellation that comes together with the result.
    async with asyncio.timeout(ANSWER_LIMIT_S):
        return await heard.came


class Tally:
    """Counts acknowledgements; `full` is set at `wanted`."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.full = asyncio.Event()
        self._wanted = wanted

    def add(self) -> None:
        self.count += 1
        if self.count >= self._wanted:
            self.full.set()


async def _charge(
    built: Plant, station: Station, position: Callable[[], int], tally: Tally, rng: random.Random
) -> None:
    """Tell the station's story from where it is, without end."""
    while True:
        index = len(station.answered)
        if len(station.sent) <= index:
            station.sent.append(position())
        if rng.random() < 0.05:
            await asyncio.sleep(rng.random() * 0.005)
        heard = say(built, station, index, position)
        twin = say(built, station, index, position) if rng.random() < 0.1 else None
        answer = await answer_of(heard)
        if twin is not None:
            again = await answer_of(twin)
            if answer is not None and again is not None and again != answer:
                raise Unlike(station.name, answer, again)
            if answer is None:
                answer, heard = again, twin
        if answer is None:
            await asyncio.sleep(0.01)
            continue
        station.answered.append(Answered(heard.at, str(answer.get("transactionId", ""))))
        tally.add()
        if rng.random() < 0.1:
            again = await answer_of(say(built, station, index, position))
            if again is not None and again != answer:
                raise Unlike(station.name, answer, again)


async def drive(
    built: Plant,
    stations: Sequence[Station],
    position: Callable[[], int],
    wanted: int,
    rng: random.Random,
    limit_s: float = 60.0,
) -> int:
    """Let all stations charge until `wanted` messages were acknowledged; returns how many were."""
    tally = Tally(wanted)
    connect(built, stations)
    works = [
        asyncio.ensure_future(_charge(built, station, position, tally, random.Random(rng.random())))
        for station in stations
    ]
    full = asyncio.ensure_future(tally.full.wait())
    try:
        done, _ = await asyncio.wait([full, *works], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TimeoutError(f"only {tally.count} of {wanted} messages were answered within {limit_s:g} s")
        for work in done:
            work.result()
    finally:
        for work in (full, *works):
            work.cancel()
        await asyncio.gather(full, *works, return_exceptions=True)
    return tally.count

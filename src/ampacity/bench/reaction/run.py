"""`ampacity bench reaction`: how long a site takes from a meter's sample to the limits at its stations.

Two processes: the node (`node`), and this one, which is the building's meter and every station. The meter has
a P1 port and tells each second; stations tell their values each 10 to 30 s. At random moments the base load
rises by a few hundredths of the connection's rating, more than the law's margin, so that everybody must come
down at once. What is measured begins when the meter sends the first telegram that shows the step:

- first: a station has read the first SetChargingProfile of the answer;
- below: so many have that what all stations may draw fits again under the rating, base included;
- last: the last of the answer's cuts was read.
"""

from __future__ import annotations

import asyncio
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from ...model.phases import PerPhase
from ...node import calm_garbage_collector
from ...site.meters.p1 import crc16
from .. import Outcome
from ..gateway.servers import Server
from .site import MAX_A, drawn, grid_phases, site_of
from .stations import BareStation, StationFailed, connect

log = logging.getLogger(__name__)

SEED = 20261122
FULL = ((10, 30), (100, 30), (1_000, 60))
QUICK = ((100, 5),)
"""EVSEs, and steps of the base."""
METER_S = 1.0
STEP_SHARE = (0.025, 0.04)
"""How much of the rating a step of the base takes: more than the margin of 2 %."""
LEAST_A = 8.0
"""Below this for each car the base goes back to nothing and new cars come."""
SETTLE_S = 2.0
"""No step sooner than this after the one before."""
ANSWERED_S = 0.9
"""What comes later answers the next telegram, and counts as not answered."""
FORGOTTEN_S = 40.0
"""So long the law holds the highest base against the next cars."""


class Step(Struct, kw_only=True):
    """One rise of the base. Times are monotonic seconds; None: it did not come."""

    sent_at: float
    first_at: float | None = None
    below_at: float | None = None
    last_at: float | None = None
    cuts: int = 0
    parts: tuple[float, float, float] | None = None
    """Seconds until the node had the reading, from there until it had decided, and until all was written."""


class Grid:
    """The grid connection as it is: the base and the cars, and the limits that stations were told."""

    def __init__(self, count: int, meter: str, seed: int) -> None:
        self.site = site_of(count, meter, seed)
        self.rating_a = self.site.root.rating_a
        self.base_a = 0.0
        self._phases = grid_phases(self.site.evses, list(self.site.circuits))
        rng = random.Random(seed + 1)
        self.stations = [
            BareStation(number, evse.station_id, self._told, rng)
            for number, evse in enumerate(self.site.evses)
        ]
        self.told_a = [0.0, 0.0, 0.0]
        self.step: Step | None = None

    def plugged_in(self) -> None:
        """Everybody draws the base profile's current."""
        self.told_a = list(drawn(self._phases, [MAX_A] * len(self.stations)))

    def now_a(self, at: float) -> PerPhase:
        """What flows in."""
        one, two, three = drawn(self._phases, [station.current_a(at) for station in self.stations])
        return one + self.base_a, two + self.base_a, three + self.base_a

    def _told(self, station: BareStation, limit_a: float, at: float) -> None:
        lower = limit_a < station.limit_a
        for phase in self._phases[station.number]:
            self.told_a[phase] += limit_a - station.limit_a
        step = self.step
        if step is None or not lower or at > step.sent_at + ANSWERED_S:
            return
        step.cuts += 1
        step.last_at = at
        if step.first_at is None:
            step.first_at = at
        if step.below_at is None and max(self.told_a) + self.base_a <= self.rating_a:
            step.below_at = at


class P1Port:
    """The meter's port: a telegram each second to whoever is connected."""

    def __init__(self) -> None:
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.address = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        await reader.read()
        self._writers.discard(writer)
        writer.close()

    def send(self, current_a: PerPhase) -> None:
        """Tell amperes of three phases."""
        lines = [
            f"1-0:{code}.7.0({amperes:.1f}*A)" for code, amperes in zip((31, 51, 71), current_a, strict=True)
        ]
        body = ("/AMP5BENCH\r\n\r\n" + "\r\n".join(lines) + "\r\n!").encode()
        frame = body + f"{crc16(body):04X}\r\n".encode()
        for writer in self._writers:
            writer.write(frame)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()


class Bench:
    """One size: a node, its meter and its stations."""

    def __init__(self, grid: Grid, port: P1Port, rng: random.Random) -> None:
        self._grid, self._port, self._rng = grid, port, rng
        self._moving = False
        """While cars come and go the meter is silent: what a car draws before its first values would count as
        base for half a minute."""

    async def tell(self) -> None:
        """The meter, each second."""
        due = time.monotonic()
        shown_a = 0.0
        while True:
            due += METER_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            at = time.monotonic()
            grid = self._grid
            if self._moving:
                continue
            current_a = grid.now_a(at)
            if grid.base_a > shown_a:
                grid.step = Step(sent_at=time.monotonic())
            shown_a = grid.base_a
            self._port.send(current_a)

    async def cars_come(self) -> None:
        """Everybody plugs in, some at a time."""
        turn = asyncio.Semaphore(50)

        async def one(station: BareStation) -> None:
            async with turn:
                await station.plug_in()

        self._moving = True
        await asyncio.gather(*(one(station) for station in self._grid.stations))
        self._grid.plugged_in()
        self._moving = False

    async def cars_leave(self) -> None:
        """The base goes back to nothing, and everybody leaves."""
        self._grid.base_a, self._grid.step = 0.0, None
        turn = asyncio.Semaphore(50)

        async def one(station: BareStation) -> None:
            async with turn:
                await station.unplug()

        self._moving = True
        await asyncio.gather(*(one(station) for station in self._grid.stations))
        self._moving = False

    async def steps(self, wanted: int) -> list[Step]:
        """Raise the base until so many steps were answered, or the cars have little left."""
        grid = self._grid
        done: list[Step] = []
        while len(done) < wanted:
            await asyncio.sleep(SETTLE_S + self._rng.random() * METER_S)
            if max(grid.told_a) < LEAST_A / MAX_A * grid.rating_a:
                break
            grid.step = None
            grid.base_a += self._rng.uniform(*STEP_SHARE) * grid.rating_a
            # The answer is to the next telegram, and there is another one before the next step.
            await asyncio.sleep(2.0 * METER_S)
            step = grid.step
            if step is None:
                raise StationFailed("the meter did not tell of a step of the base: the machine is too slow")
            done.append(step)
        return done


async def measure(count: int, wanted: int, folder: Path) -> list[Step]:
    """`wanted` steps at a site of `count` EVSEs."""
    port = P1Port()
    await port.open()
    grid = Grid(count, port.address, SEED)
    bench = Bench(grid, port, random.Random(SEED + count))
    steps: list[Step] = []
    program = "ampacity.bench.reaction.node"
    command = (sys.executable, "-m", program, folder, str(count), port.address, str(SEED))
    async with _running(*command) as node, _beside(bench.tell()):
        await connect(grid.stations, node.port)
        while unsteered := (await node.ask("look"))["unsteered"]:
            log.info("%d of %d stations are not proven yet", unsteered, count)
            await asyncio.sleep(0.5)
        await asyncio.sleep(2.5 * METER_S)  # Nobody may charge before the meter has told something.
        async with _beside(*(station.charge() for station in grid.stations)):
            while True:
                await bench.cars_come()
                log.info("%d cars charge", count)
                # Until the law's margin is used up: from there on, each step asks for a cut.
                grid.base_a = 0.99 * grid.rating_a - max(grid.told_a)
                await asyncio.sleep(3.0 * METER_S)
                steps += await bench.steps(wanted - len(steps))
                if len(steps) >= wanted:
                    break
                await bench.cars_leave()
                await asyncio.sleep(FORGOTTEN_S)
        noted = await node.ask("look")
    for station in grid.stations:
        station.abort()
    port.close()
    for step in steps:
        step.parts = parts_of(step, noted)
    return steps


def parts_of(step: Step, noted: dict[str, Any]) -> tuple[float, float, float] | None:
    """Where a step's time went in the node; None where no turn of it began between reading and first cut."""
    read_at = next((at for at in noted["read"] if at >= step.sent_at), None)
    if read_at is None or step.first_at is None:
        return None
    for began_at, decided_at, written_at in noted["turned"]:
        if read_at <= began_at <= step.first_at:
            return read_at - step.sent_at, decided_at - read_at, written_at - decided_at
    return None


@asynccontextmanager
async def _running(*command: str | Path) -> AsyncIterator[Server]:
    node = await Server.start("node", *command)
    try:
        yield node
    finally:
        await node.stop()


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run works until the end of the block; what fails in one is raised then."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def run(quick: bool) -> Outcome:
    """Measure; see the module's text. Quick: a hundred EVSEs and a few steps."""
    calm_garbage_collector()
    figures: dict[str, float] = {}
    for count, wanted in QUICK if quick else FULL:
        with tempfile.TemporaryDirectory(prefix="ampacity-bench-") as name, asyncio.Runner() as runner:
            figures |= figures_of(count, runner.run(measure(count, wanted, Path(name))))
    return Outcome(figures=figures, seed=SEED, notes=NOTES)


NOTES = (
    "All times from when the meter has sent the telegram that shows the step; N is the number of EVSEs.",
    "first: a station has read its cut; below: limits and base fit under the rating; last: every cut read.",
    "read, turn, out: until the node has the reading, has decided on it, has written every cut; medians.",
)


def _seconds(step: Step, name: str) -> float:
    """From the telegram to the event; what did not come counts as late as can be told."""
    at: float | None = getattr(step, f"{name}_at")
    return ANSWERED_S if at is None else at - step.sent_at


def figures_of(count: int, steps: list[Step]) -> dict[str, float]:
    """Milliseconds by share of the steps."""
    figures: dict[str, float] = {f"steps_{count}": float(len(steps))}
    figures[f"cuts_{count}"] = round(sum(step.cuts for step in steps) / len(steps), 1)
    for name in ("first", "below", "last"):
        times = sorted(_seconds(step, name) * 1e3 for step in steps)
        for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            place = min(int(share * len(times)), len(times) - 1)
            figures[f"{name}_{label}_ms_{count}"] = round(times[place], 2)
    figures[f"unanswered_{count}"] = float(sum(step.below_at is None for step in steps))
    parts = [step.parts for step in steps if step.parts is not None]
    for number, name in enumerate(("read", "turn", "out")):
        if parts:
            figures[f"{name}_ms_{count}"] = round(statistics.median(part[number] for part in parts) * 1e3, 2)
    return figures

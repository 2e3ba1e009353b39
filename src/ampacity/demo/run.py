"""`ampacity demo`: a node and a simulated world in one process, on one clock, until a person or the time ends
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from sqlalchemy import Connection

from ..api.context import ApiSettings
from ..api.server import AddressTaken
from ..clock import MAX_SPEED, Clock, ScaledClock, WallClock
from ..csms.settings import CsmsSettings
from ..gateway.settings import GatewaySettings
from ..model.events import TransactionChanged
from ..model.site import Strategy
from ..node import Node, told_to_end
from ..settings import NodeSettings
from ..simulation.arrivals import SessionFile, SessionFileError, read_sessions
from ..simulation.scenario import WorldPlan, replay_plan, workplace_plan
from ..station import LimitBehaviour
from ..store import StoreError, tokens
from ..store.tokens import TokenRow
from .quality import Quality
from .site import demo_site
from .verdict import Figures, judge, table
from .world import SimulatedWorld, Switches, driver_token

log = logging.getLogger(__name__)

DRAIN_WALL_S = 20.0
"""So long may the stations take to get their last messages answered before the verdict."""

HURRIED_DRAIN_WALL_S = 2.0
"""The same where a person has ended it."""


class DemoOptions(Struct, frozen=True, kw_only=True):
    """What `ampacity demo` was asked for. `for_s` is wall time, `site_hours` site time; None: until a person
    ends it (a replay: until its last car has left)."""

    for_s: float | None = None
    site_hours: float | None = None
    speed: float = 20.0
    seed: int = 1
    evses: int = 24
    sessions: Path | None = None
    day: date | None = None
    strategy: Strategy = "dynamic"
    limit_a: float | None = None
    unruly: int = 0
    http_port: int = 8080
    ocpp_port: int = 9310
    data: Path | None = None
    database: str | None = None
    json: Path | None = None


class DemoError(Exception):
    """The demo can't run as asked: what, why, and what would do."""


def plan_of(options: DemoOptions) -> WorldPlan:
    """The world: from a session file, or generated."""
    if options.sessions is None:
        today = options.day or datetime.now(UTC).date()
        while today.weekday() >= 5 and options.day is None:
            # A workplace on a Sunday shows nothing.
            today -= timedelta(days=1)
        plan = workplace_plan(options.seed, today, options.evses)
    else:
        try:
            sessions = read_sessions(options.sessions)
        except SessionFileError as problem:
            raise DemoError(str(problem)) from None
        day = of_day(sessions, options.day)
        plan = replay_plan(day, options.seed, station_ids=sessions.station_ids)
    if options.limit_a is not None:
        plan = msgspec.structs.replace(plan, limit_a=options.limit_a)
    return plan


def of_day(sessions: SessionFile, day: date | None) -> SessionFile:
    """The sessions that arrive on one local day: the one asked for, or the file's first."""
    if not sessions.rows:
        raise DemoError(f"{sessions.path} holds no session")
    wanted = day or sessions.rows[0].arrival.date()
    rows = tuple(row for row in sessions.rows if row.arrival.date() == wanted)
    if not rows:
        first, last = sessions.rows[0].arrival.date(), sessions.rows[-1].arrival.date()
        raise DemoError(
            f"{sessions.path} holds no session on {wanted}: choose a --day from {first} to {last}"
        )
    return msgspec.structs.replace(sessions, rows=rows)


async def run_demo(options: DemoOptions, console: Console) -> int:
    """Run it; 0 when it was fit to be believed, 1 when not."""
    figures = await finished_demo(options, console)
    _report(console, options, figures)
    return 0 if figures.passed else 1


async def finished_demo(options: DemoOptions, console: Console) -> Figures:
    """Run it to its end; what came of it."""
    plan = plan_of(options)
    with contextlib.ExitStack() as cleanup:
        data = options.data
        if data is None:
            data = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="ampacity-demo-")))
        async with ticking(options.speed, plan.starts_at) as clock:
            return await _run(options, plan, data, clock, console)


@contextlib.asynccontextmanager
async def ticking(speed: float, start: datetime) -> AsyncIterator[Clock]:
    """Site time: the wall's own at speed 0, else the plan's, scaled."""
    if speed == 0:
        yield WallClock()
        return
    if not 0 < speed <= MAX_SPEED:
        raise DemoError(
            f"--speed {speed:g} is not possible: above {MAX_SPEED:g} protocol and leases would not keep "
            f"their timing; choose more than 0 and at most {MAX_SPEED:g}"
        )
    clock = ScaledClock(start, speed)
    runner = asyncio.create_task(clock.run(), name="site time")
    try:
        yield clock
    finally:
        runner.cancel()


async def _run(options: DemoOptions, plan: WorldPlan, data: Path, clock: Clock, console: Console) -> Figures:
    settings = NodeSettings(
        data=str(data),
        database=options.database or "",
        api=ApiSettings(host="127.0.0.1", port=options.http_port),
        gateway=GatewaySettings(host="127.0.0.1", ocpp_port=options.ocpp_port),
        csms=CsmsSettings(operator_id="demo", operator_name="Demo operator"),
    )
    node = await Node.open(settings, clock)
    world = SimulatedWorld(plan, clock, _unruly(plan, options.unruly))
    await world.meter.start()
    address = f"127.0.0.1:{world.meter.port}/1?0"
    site = demo_site(plan, node.operator_id, address, options.strategy)
    await node.save_site(site)
    await register(node, world, plan)
    node.bus.subscribe(TransactionChanged, world.transaction_changed)
    try:
        await node.start(Switches(world, options.speed))
        controller = node.sites[site.site_id]
        quality = Quality()
        world.wire(
            site,
            lambda key, need_wh, departure: controller.declare_need(key, need_wh, departure, "driver"),
            controller.limit_a,
        )
        controller.on_decision = lambda snapshot, decision: quality.observe(
            snapshot, decision, world.circuits
        )
        world.open_doors(f"ws://127.0.0.1:{node.gateway.port}/ocpp")
        node.spawn("world", world.run())
        link = await node.access.first_link()
        _greet(console, options, plan, node, link.path if link is not None else "/")
        site_s, wall_s = await _until_the_end(options, node, world, clock, console)
        figures = await judge(world, node, site.site_id, quality, site_s, wall_s)
    finally:
        await node.stop()
    return figures


def _unruly(plan: WorldPlan, count: int) -> dict[str, LimitBehaviour]:
    """The stations that accept limits and draw what they like."""
    stations = [group[0].station_id for group in plan.stations]
    return dict.fromkeys(stations[:count], "ignore")


async def register(node: Node, world: SimulatedWorld, plan: WorldPlan) -> None:
    """Make stations and drivers' cards known, as an operator would have."""
    for station_id in world.stations:
        await node.csms.register(
            node.operator_id, station_id, site_id="demo", password=world.password_of(station_id)
        )
    now = node.clock.now()
    cards = [
        TokenRow(operator_id=node.operator_id, token=driver_token(visit), label="Driver", created_at=now)
        for visit in plan.visits
    ]

    def save(connection: Connection) -> None:
        for card in cards:
            tokens.save_token(connection, card)

    await node.store.write(save)


def _greet(console: Console, options: DemoOptions, plan: WorldPlan, node: Node, path: str) -> None:
    console.print(f"[bold]{plan.name}[/]: {len(plan.evses)} EVSEs behind {plan.limit_a:g} A a phase")
    console.print(f"Open   {node.url}{path}", soft_wrap=True, highlight=False)
    console.print(f"OCPP   ws://127.0.0.1:{node.gateway.port}/ocpp/<station id>", highlight=False)
    pace = "real time" if options.speed == 0 else f"{options.speed:g} site seconds a second"
    until = "" if options.for_s is None else f", for {options.for_s:g} s"
    console.print(f"Pace   {pace}{until}. Ctrl-C ends it.", highlight=False)


async def _until_the_end(
    options: DemoOptions, node: Node, world: SimulatedWorld, clock: Clock, console: Console
) -> tuple[float, float]:
    """Wait for the end, let the last messages be answered; returns site seconds and wall seconds."""
    wall_started, site_started = time.monotonic(), clock.monotonic()
    ends = [asyncio.create_task(node.failed()), asyncio.create_task(told_to_end())]
    person = ends[1]
    if options.for_s is not None:
        ends.append(asyncio.create_task(asyncio.sleep(options.for_s)))
    if options.site_hours is not None:
        ends.append(asyncio.create_task(clock.sleep(options.site_hours * 3600.0)))
    elif options.sessions is not None:
        ends.append(asyncio.create_task(_everybody_left(world, clock)))
    if console.is_terminal:
        ends.append(asyncio.create_task(_progress(console, node, world, clock)))
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    hurried = person.done()
    for task in ends:
        task.cancel()
    if node.failure is not None:
        raise DemoError(f"the node has failed: {node.failure!r}")
    site_s = clock.monotonic() - site_started
    wall_s = time.monotonic() - wall_started
    await world.close_doors()
    deadline = time.monotonic() + (HURRIED_DRAIN_WALL_S if hurried else DRAIN_WALL_S)
    while world.unsent and time.monotonic() < deadline:
        await clock.sleep(0.5)
    return site_s, wall_s


async def _everybody_left(world: SimulatedWorld, clock: Clock) -> None:
    while not world.over:
        await clock.sleep(10.0)


async def _progress(console: Console, node: Node, world: SimulatedWorld, clock: Clock) -> None:
    """One line that tells that it lives."""
    controller = next(iter(node.sites.values()))
    with console.status("starting") as status:
        while True:
            await asyncio.sleep(0.5)
            view = controller.view()
            status.update(
                f"{clock.now():%H:%M:%S}  cars {len(world.occupied)}  "
                f"{view.ev_power_w / 1000:.1f} kW of cars + {view.base_power_w / 1000:.1f} kW building, "
                f"limit {view.limit_power_w / 1000:.0f} kW"
            )


def _report(console: Console, options: DemoOptions, figures: Figures) -> None:
    console.print(table(figures))
    for fault in figures.faults:
        console.print(f"[bold red]Fault:[/] {fault}", highlight=False)
    if figures.passed:
        console.print("[green]No limit was broken and nothing was lost.[/]")
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")


def main(options: DemoOptions) -> int:
    """Run the demo to its end and return the process's exit code."""
    console = Console(stderr=False)
    try:
        with asyncio.Runner() as runner:
            return runner.run(run_demo(options, console))
    except KeyboardInterrupt:
        print("ampacity demo: stopped at once, without a verdict", file=sys.stderr)
        return 130
    except (DemoError, AddressTaken, StoreError, OSError) as problem:
        print(f"ampacity demo: {problem}", file=sys.stderr)
        return 2

"""`ampacity bench day`: forty stations of mixed makes for a working day on real sockets, and all that goes
wrong in one.

One station in ten doesn't behave, each in its way (`FAULTS`; the seed says in which): one accepts limits and
draws what it likes, one refuses them, one answers after eight seconds, one has a network that comes and goes,
one follows its limits half a minute late, one measures half of what flows, one's meter is silent. Besides,
stations restart, lose their network and their power, and the node that controls them is stopped and started
again on the same database, three times.

What must hold: no breaker trips; nothing that was acknowledged is lost; and every car at a station that
behaves has at its departure what it could have had. That is what least laxity gives it in the batch world on
the same plan, with the whole rating of those that don't behave set aside, less what it lost while its station
was away.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

from msgspec import Struct, field, structs

from ..api.context import ApiSettings
from ..clock import Clock
from ..csms.settings import CsmsSettings
from ..demo.quality import Quality
from ..demo.run import register, ticking
from ..demo.site import demo_site
from ..demo.verdict import check_journal, energy_mismatches
from ..demo.world import SimulatedWorld
from ..gateway.settings import GatewaySettings
from ..model.events import TransactionChanged
from ..model.site import EvseKey, Site
from ..node import Node
from ..settings import NodeSettings
from ..simulation.batch.deciding import Tuning
from ..simulation.batch.episode import run as run_batch
from ..simulation.governed.planned import scene_of
from ..simulation.scenario import WorldPlan, workplace_plan
from ..site.controller import SiteController
from ..station import MeterFlaw
from . import Outcome

SEED = 1
DAY = date(2026, 11, 20)
EVSES = 42
"""On forty stations: two have two EVSEs."""
LIMIT_A = 330.0
HOURS, QUICK_HOURS = 10.5, 0.25
SPEED = 60.0
MISBEHAVING = 4
FAULTS = ("ignores", "refuses", "slow", "loose", "late", "measures wrong", "silent meter")
NODE_RESTARTS_H, QUICK_RESTARTS_H = (1.5, 4.0, 7.0), (0.1,)
TROUBLE_EVERY_S = 900.0
"""Site seconds between two stations that restart or lose network or power."""
READMITTED_S = 120.0
"""So long a station may wait after an outage until it connects again, was read back and its car is raised."""
NEAR_SHARE = 0.99
"""A car that has so much of what it could have had, has it: meters and lags make the rest."""


class Outages(Struct):
    """Seconds in which each station could not charge as it should, through no fault of the law."""

    lost_s: dict[str, float] = field(default_factory=dict)
    restarts: int = 0
    networks: int = 0
    powers: int = 0
    nodes: int = 0

    def add(self, station_id: str, seconds: float) -> None:
        self.lost_s[station_id] = self.lost_s.get(station_id, 0.0) + seconds


class Ground:
    """The node that is up, and how it comes back on its old data."""

    def __init__(self, data: Path, clock: Clock, world: SimulatedWorld, site: Site) -> None:
        self.clock, self.world, self.site = clock, world, site
        self.quality = Quality()
        self.limits_sent = 0
        self._settings = NodeSettings(
            data=str(data),
            api=ApiSettings(host="127.0.0.1", port=0),
            gateway=GatewaySettings(host="127.0.0.1", ocpp_port=0),
            csms=CsmsSettings(operator_id="demo", operator_name="Demo operator"),
        )
        self._up = asyncio.Event()
        self.steady = asyncio.Lock()
        """Held while the node changes."""
        self.node: Node
        self.controller: SiteController

    async def open(self, *, first: bool) -> None:
        """Start a node; the first one is told of the site and its stations."""
        self.node = await Node.open(self._settings, self.clock)
        if first:
            await self.node.save_site(self.site)
            await register(self.node, self.world, self.world.plan)
        self.node.bus.subscribe(TransactionChanged, self.world.transaction_changed)
        await self.node.start()
        self.controller = self.node.sites[self.site.site_id]
        self.controller.on_decision = lambda snapshot, decision: self.quality.observe(
            snapshot, decision, self.world.circuits
        )
        # Stations know one address: the next node listens where this one does.
        gateway = structs.replace(self._settings.gateway, ocpp_port=self.node.gateway.port)
        self._settings = structs.replace(self._settings, gateway=gateway)
        self._up.set()

    async def close(self) -> None:
        """Stop the node; what it counted is kept."""
        self._up.clear()
        self.limits_sent += self.controller.figures.limits_sent
        await self.node.stop()

    async def declare(self, key: EvseKey, need_wh: float | None, departure: datetime | None) -> None:
        """A driver types in what the car needs, when somebody listens."""
        await self._up.wait()
        await self.controller.declare_need(key, need_wh, departure, "driver")

    def limit_a(self, circuit_id: str) -> float:
        """As the controller has it."""
        return self.controller.limit_a(circuit_id)


def plan_of() -> WorldPlan:
    """The workplace, wider."""
    plan = workplace_plan(SEED, DAY, EVSES)
    return structs.replace(plan, limit_a=LIMIT_A)


def misbehaving_of(plan: WorldPlan) -> tuple[str, ...]:
    """One station of each kind of fault, spread over the site."""
    stations = [group[0].station_id for group in plan.stations]
    return tuple(stations[number] for number in range(3, len(stations), len(stations) // MISBEHAVING))[
        :MISBEHAVING
    ]


def faults_of(plan: WorldPlan, seed: int) -> dict[str, str]:
    """What is wrong with each of them: the kinds take turns from seed to seed."""
    return {
        station: FAULTS[(seed - SEED + number) % len(FAULTS)]
        for number, station in enumerate(misbehaving_of(plan))
    }


def spoil(world: SimulatedWorld, faults: dict[str, str]) -> None:
    """Build the faults in, as far as stations have them themselves."""
    for station_id, fault in faults.items():
        station = world.stations[station_id]
        match fault:
            case "ignores":
                station.treat_limits("ignore")
            case "refuses":
                station.treat_limits("reject")
            case "slow":
                station.answer_slowly(8.0)
            case "late":
                station.obey_after(30.0)
            case "measures wrong":
                station.measure(MeterFlaw(factor=0.5))
            case "silent meter":
                station.measure(MeterFlaw(silent=True))
            case _:
                pass


class Lived(Struct, kw_only=True):
    """A day that is over."""

    world: SimulatedWorld
    outages: Outages
    quality: Quality
    limits_sent: int
    messages: int
    lost: int
    repeated: int
    mismatches: int
    wall_s: float


async def live_through(plan: WorldPlan, hours: float, restarts_h: tuple[float, ...]) -> Lived:
    """Run the day, with all its troubles."""
    faults = faults_of(plan, plan.seed)
    good = [
        station for group in plan.stations if (station := group[0].station_id) not in misbehaving_of(plan)
    ]
    outages = Outages()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ampacity-day-") as data:
        async with ticking(SPEED, plan.starts_at) as clock:
            world = SimulatedWorld(plan, clock, {})
            spoil(world, faults)
            await world.meter.start()
            site = demo_site(plan, "demo", f"127.0.0.1:{world.meter.port}/1?0", "dynamic")
            # Least laxity judges the day, so the site goes by departures too.
            site = structs.replace(site, sharing=structs.replace(site.sharing, fairness="deadline"))
            ground = Ground(Path(data), clock, world, site)
            await ground.open(first=True)
            world.wire(site, ground.declare, ground.limit_a)
            world.open_doors(f"ws://127.0.0.1:{ground.node.gateway.port}/ocpp")
            tasks = [
                asyncio.create_task(work, name=name)
                for name, work in (
                    ("world", world.run()),
                    ("troubles", _trouble(world, clock, outages, good)),
                    *(
                        ("loose cable", _come_and_go(world, clock, station))
                        for station, fault in faults.items()
                        if fault == "loose"
                    ),
                    ("node", _restart_nodes(ground, clock, outages, restarts_h)),
                    ("end", clock.sleep(hours * 3600.0)),
                )
            ]
            try:
                done, _ = await asyncio.wait(
                    [task for task in tasks if task.get_name() != "node"], return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
                # A node that is just coming up is waited for.
                async with ground.steady:
                    for task in tasks[1:]:
                        task.cancel()
                await world.close_doors()
                deadline = time.monotonic() + 20.0
                while world.unsent and time.monotonic() < deadline:
                    await clock.sleep(0.5)
                node = ground.node
                await node.csms.written()
                messages, lost, repeated = await check_journal(world, node.store, node.operator_id)
                mismatches = await energy_mismatches(world, node.store, node.operator_id)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await ground.close()
    return Lived(
        world=world,
        outages=outages,
        quality=ground.quality,
        limits_sent=ground.limits_sent,
        messages=messages,
        lost=lost,
        repeated=repeated,
        mismatches=mismatches,
        wall_s=time.monotonic() - began,
    )


async def _trouble(world: SimulatedWorld, clock: Clock, outages: Outages, stations: list[str]) -> None:
    """Each quarter of an hour a station restarts, or its network or its power is gone for a while."""
    rng = random.Random(SEED)
    while True:
        await clock.sleep(TROUBLE_EVERY_S)
        station_id = rng.choice(stations)
        station = world.stations[station_id]
        boot_s = station.config.boot_s + READMITTED_S
        match rng.choice(("restart", "network", "power")):
            case "restart":
                outages.restarts += 1
                outages.add(station_id, boot_s)
                await station.reboot(hard=rng.random() < 0.5)
                world.present_again(station_id)
            case "network":
                seconds = rng.uniform(60.0, 600.0)
                outages.networks += 1
                outages.add(station_id, seconds + READMITTED_S)
                await world.unplug_network(station_id)
                await clock.sleep(seconds)
                await world.plug_network(station_id)
            case _:
                seconds = rng.uniform(30.0, 180.0)
                outages.powers += 1
                outages.add(station_id, seconds + boot_s)
                station.lose_power()
                await clock.sleep(seconds)
                station.restore_power()
                await clock.sleep(station.config.boot_s)
                world.present_again(station_id)


async def _come_and_go(world: SimulatedWorld, clock: Clock, station_id: str) -> None:
    """A plug that is loose: five minutes with a network, two without."""
    while True:
        await clock.sleep(300.0)
        await world.unplug_network(station_id)
        await clock.sleep(120.0)
        await world.plug_network(station_id)


async def _restart_nodes(ground: Ground, clock: Clock, outages: Outages, at_h: tuple[float, ...]) -> None:
    started = clock.monotonic()
    for hour in at_h:
        await clock.sleep(max(0.0, started + 3600.0 * hour - clock.monotonic()))
        async with ground.steady:
            gone = clock.monotonic()
            await ground.close()
            await ground.open(first=False)
            outages.nodes += 1
            for station_id in ground.world.stations:
                outages.add(station_id, clock.monotonic() - gone + READMITTED_S)


def possible_wh(plan: WorldPlan, hours: float) -> dict[str, float]:
    """By session, what least laxity gives it where the stations that don't behave have their whole rating."""
    away = misbehaving_of(plan)
    reserved = [0.0, 0.0, 0.0]
    for evse in plan.evses:
        if evse.station_id in away:
            for phase in evse.grid_phases:
                reserved[phase] += evse.max_a
    narrower = structs.replace(plan, limit_a=plan.limit_a - max(reserved))
    site = demo_site(narrower, "demo", "", "dynamic")
    visits = tuple(visit for visit in narrower.visits if visit.station_id not in away)
    scene = scene_of(structs.replace(narrower, visits=visits), site, hours=hours, step_s=60.0)
    done = run_batch(scene, "least-laxity", Tuning(margin_a=2.0, margin_share=0.02))
    return dict(zip(done.scene.visits, done.state.energy_wh.tolist(), strict=True))


def run(quick: bool) -> Outcome:
    """A working day (quick: its first minutes with one restart of the node)."""
    hours = QUICK_HOURS if quick else HOURS
    plan = plan_of()
    lived = asyncio.run(live_through(plan, hours, QUICK_RESTARTS_H if quick else NODE_RESTARTS_H))
    world, away = lived.world, misbehaving_of(plan)
    possible = possible_wh(plan, hours)
    evses = {evse.key: evse for evse in plan.evses}
    kept, short, worst_short_wh = 0, [], 0.0
    for session in world.finished:
        if session.station_id in away or session.session_id not in possible:
            continue
        evse = evses[session.station_id, session.evse_id]
        most_w = evse.dc_power_w or evse.max_a * evse.phases * plan.voltage_v
        excused_wh = lived.outages.lost_s.get(session.station_id, 0.0) * most_w / 3600.0
        missing_wh = possible[session.session_id] * NEAR_SHARE - session.drawn_wh - excused_wh
        if missing_wh > 0.0:
            short.append(f"{session.session_id} at {session.station_id}: {missing_wh:.0f} Wh")
            worst_short_wh = max(worst_short_wh, missing_wh)
        else:
            kept += 1
    phases = [figures for ledger in world.circuits.values() for figures in ledger.phases]
    wrong = {
        "breakers tripped": len(world.trips),
        "cars short of what they could have had": len(short),
        "acknowledged messages lost": lived.lost,
        "messages kept more than once": lived.repeated,
        "transactions with a wrong energy": lived.mismatches,
    }
    drawn = sum(session.drawn_wh for session in world.finished)
    return Outcome(
        figures={
            "stations": float(len(world.stations)),
            "misbehaving": float(len(away)),
            "site_hours": hours,
            "wall_s": round(lived.wall_s, 1),
            "cars_finished": float(len(world.finished)),
            "cars_satisfied": float(kept),
            "cars_short": float(len(short)),
            "worst_short_wh": round(worst_short_wh, 1),
            "delivered_kwh": round(drawn / 1000.0, 2),
            "breaker_trips": float(len(world.trips)),
            "seconds_over_limit": round(max(phase.over_s for phase in phases), 1),
            "longest_over_105_s": round(max(phase.longest_over_s for phase in phases), 1),
            "peak_pct": round(100.0 * max(phase.peak_share for phase in phases), 1),
            "node_restarts": float(lived.outages.nodes),
            "station_restarts": float(lived.outages.restarts),
            "network_outages": float(lived.outages.networks),
            "power_outages": float(lived.outages.powers),
            "writes_per_charger_h": round(lived.quality.per_car_hour(lived.limits_sent), 1),
            "acknowledged": float(lived.messages),
            "lost": float(lived.lost),
        },
        seed=SEED,
        notes=(f"stations that don't behave: {', '.join(away)}", *(f"short: {name}" for name in short)),
        failed="; ".join(f"{count} {what}" for what, count in wrong.items() if count),
    )

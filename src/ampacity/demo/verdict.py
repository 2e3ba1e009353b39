"""What came of a demo run: figures for a table or a file, and whether the run was fit to be believed.

A run fails when a sum of reservations ever exceeded a limit, when a breaker tripped, when a phase was above
105 % of its limit for more than 10 s on end, when an acknowledged message is not in the journal exactly once,
or when a transaction's energy is not the energy that was drawn, to the watt-hour.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import msgspec
from msgspec import Struct
from rich.table import Table
from sqlalchemy import Connection, and_, select

from ..node import Node
from ..ocpp.version import Version
from ..store import Store, tables, transactions
from .quality import Quality
from .world import SimulatedWorld

LONGEST_OVER_S = 10.0


class SessionFigures(Struct, frozen=True, kw_only=True):
    """One session: when its transaction began and when its meter told after that (seconds after the plan's
    start, None: it never did), and what its car had drawn at its end or the run's."""

    session_id: str
    station_id: str
    evse_id: int
    began_s: float | None
    sampled_s: float | None
    drawn_wh: float


class Course(Struct, frozen=True, kw_only=True):
    """When things happened, in seconds after the plan's start: the stations were let in, the run was judged,
    and each EVSE (`station/number`) was known to obey."""

    opened_s: float
    ended_s: float
    proven_s: dict[str, float]


class Figures(Struct, kw_only=True):
    """All numbers of a run; `faults` are sentences, empty for a good run."""

    site_hours: float
    wall_s: float
    speed_asked: float
    speed_reached: float
    sessions_started: int
    sessions_finished: int
    delivered_kwh: float
    owed_kwh: float
    peak_a: tuple[float, float, float]
    peak_percent: float
    limit_a: float
    over_100_s: float
    longest_over_105_s: float
    breaker_trips: int
    utilisation_percent: float | None
    limits_per_car_hour: float
    limits_sent: int
    renewals_sent: int
    limits_refused: int
    limits_unanswered: int
    messages: int
    answer_p50_ms: float
    answer_p99_ms: float
    acknowledged: int
    lost: int
    repeated: int
    energy_mismatches: int
    reservations_over: int
    faults: tuple[str, ...] = ()
    course: Course | None = None
    sessions: tuple[SessionFigures, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.faults


async def judge(
    world: SimulatedWorld, node: Node, site_id: str, quality: Quality, site_s: float, wall_s: float
) -> Figures:
    """Gather everything and weigh it."""
    controller = node.sites[site_id]
    root = world.circuits[controller.site.root.circuit_id]
    requested = sum(session.requested_wh for session in world.finished)
    drawn = sum(session.drawn_wh for session in world.finished)
    still = sum(occupancy.car.energy_wh for occupancy in world.occupied.values())
    # Both before anything is waited for: the world goes on meanwhile.
    course, sessions = course_of(world, quality, node.clock.time()), sessions_of(world)
    answers = sorted(wall for station in world.stations.values() for wall in station.answer_wall_s)
    await node.csms.written()
    acknowledged, lost, repeated = await check_journal(world, node.store, node.operator_id)
    mismatches = await energy_mismatches(world, node.store, node.operator_id)
    phases = [figures for ledger in world.circuits.values() for figures in ledger.phases]
    figures = Figures(
        site_hours=round(site_s / 3600.0, 3),
        wall_s=round(wall_s, 1),
        speed_asked=node.clock.speed,
        speed_reached=round(site_s / wall_s, 1) if wall_s > 0 else 0.0,
        sessions_started=world.started,
        sessions_finished=len(world.finished),
        delivered_kwh=round((drawn + still) / 1000.0, 2),
        owed_kwh=round(max(0.0, requested - drawn) / 1000.0, 2),
        peak_a=tuple(round(phase.peak_a, 1) for phase in root.phases),  # type: ignore[arg-type]
        peak_percent=round(100.0 * max(phase.peak_share for phase in phases), 1),
        limit_a=round(controller.limit_a(controller.site.root.circuit_id), 1),
        over_100_s=round(max(phase.over_s for phase in phases), 1),
        longest_over_105_s=round(max(phase.longest_over_s for phase in phases), 1),
        breaker_trips=len(world.trips),
        utilisation_percent=None
        if quality.utilisation_percent is None
        else round(quality.utilisation_percent, 1),
        limits_per_car_hour=round(quality.per_car_hour(controller.figures.limits_sent), 1),
        limits_sent=controller.figures.limits_sent,
        renewals_sent=controller.figures.renewals_sent,
        limits_refused=controller.figures.limits_refused,
        limits_unanswered=controller.figures.limits_unanswered,
        messages=sum(station.messages_total for station in world.stations.values()),
        answer_p50_ms=round(1000.0 * percentile(answers, 0.5), 2),
        answer_p99_ms=round(1000.0 * percentile(answers, 0.99), 2),
        acknowledged=acknowledged,
        lost=lost,
        repeated=repeated,
        energy_mismatches=mismatches,
        reservations_over=controller.figures.reservations_over,
    )
    figures.course = course
    figures.sessions = sessions
    figures.faults = tuple(faults(figures, controller.figures.worst_reservation_a))
    return figures


def course_of(world: SimulatedWorld, quality: Quality, ended_s: float) -> Course:
    """The moments of a run that is judged at epoch second `ended_s`."""
    zero_s = world.plan.starts_at.timestamp()
    return Course(
        opened_s=world.opened_s - zero_s,
        ended_s=ended_s - zero_s,
        proven_s={f"{station}/{evse}": at - zero_s for (station, evse), at in quality.proven_at.items()},
    )


def sessions_of(world: SimulatedWorld) -> tuple[SessionFigures, ...]:
    """Every session that began, in the order of their ids."""
    zero_s = world.plan.starts_at.timestamp()
    drawn = [(s.session_id, s.station_id, s.evse_id, s.drawn_wh) for s in world.finished]
    drawn += [
        (here.visit.session_id, station, evse, here.car.energy_wh)
        for (station, evse), here in world.occupied.items()
    ]
    return tuple(
        SessionFigures(
            session_id=session,
            station_id=station,
            evse_id=evse,
            began_s=None if session not in world.begun_s else world.begun_s[session] - zero_s,
            sampled_s=None if session not in world.sampled_s else world.sampled_s[session] - zero_s,
            drawn_wh=wh,
        )
        for session, station, evse, wh in sorted(drawn)
    )


def faults(figures: Figures, worst_reservation_a: float) -> list[str]:
    """Each sentence is a reason to fail."""
    found = []
    if figures.reservations_over:
        found.append(
            f"reservations exceeded a limit on {figures.reservations_over} ticks, "
            f"by {worst_reservation_a:.2f} A at most"
        )
    if figures.breaker_trips:
        found.append(f"{figures.breaker_trips} modelled breakers tripped")
    if figures.longest_over_105_s > LONGEST_OVER_S:
        found.append(f"a phase was above 105 % of its limit for {figures.longest_over_105_s:.1f} s on end")
    if figures.lost:
        found.append(f"{figures.lost} acknowledged messages are not in the journal")
    if figures.repeated:
        found.append(f"{figures.repeated} messages are in the journal more than once")
    if figures.energy_mismatches:
        found.append(f"{figures.energy_mismatches} transactions do not hold the energy that was drawn")
    return found


async def check_journal(world: SimulatedWorld, store: Store, operator_id: str) -> tuple[int, int, int]:
    """(acknowledged by the CSMS, of these missing in the journal, entries there more than once)."""

    def kept(connection: Connection) -> list[tuple[str, str | None, str, datetime, bytes]]:
        journal, transaction = tables.journal, tables.charging_transaction
        rows = connection.execute(
            select(
                journal.c.station_id,
                transaction.c.station_transaction_id,
                journal.c.kind,
                journal.c.at,
                journal.c.payload,
            )
            .join(
                transaction,
                and_(
                    transaction.c.operator_id == journal.c.operator_id,
                    transaction.c.transaction_id == journal.c.transaction_id,
                ),
                isouter=True,
            )
            .where(journal.c.operator_id == operator_id, journal.c.kind != "Metered")
        )
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    # The site goes on meanwhile: what is acknowledged after this line need not be in what is read below.
    answered = [(station.config.version, tuple(station.acknowledged)) for station in world.stations.values()]
    numbered = msgspec.json.Decoder(_Numbered)
    held: Counter[tuple[str, str, str, int]] = Counter()
    for station_id, wire_id, kind, at, payload in await store.read(kept):
        number = numbered.decode(payload).seqNo
        instant = number if number is not None else round(at.timestamp() * 1000)
        held[station_id, wire_id or "", kind, instant] += 1
    acknowledged = lost = 0
    for version, items in answered:
        for item in items:
            acknowledged += 1
            instant = int(item.at.timestamp() * 1000) if version is Version.V16 else item.seq_no
            if not any(held[item.station_id, item.wire_id, item.phase, instant + near] for near in (0, 1)):
                lost += 1
    return acknowledged, lost, sum(count - 1 for count in held.values() if count > 1)


class _Numbered(Struct):
    """What of a kept message tells it apart from others in 2.x."""

    seqNo: int | None = None


async def energy_mismatches(world: SimulatedWorld, store: Store, operator_id: str) -> int:
    """Ended transactions whose energy is a watt-hour or more away from what the car drew in them."""
    wrong = 0
    for station in world.stations.values():
        for session in tuple(station.finished):
            row = await store.read(
                lambda connection, session=session: transactions.by_wire_id(  # type: ignore[misc]
                    connection, operator_id, session.station_id, session.wire_id
                )
            )
            if row is None or row.state != "ended" or abs(row.energy_wh - session.drawn_wh) >= 1.0:
                wrong += 1
    return wrong


def percentile(ordered: list[float], share: float) -> float:
    """Of sorted values; 0 where there are none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Figures) -> Table:
    """The figures as a person reads them."""
    shown = Table(title="What the site did", title_justify="left", show_header=False, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column()
    peak = " / ".join(f"{amperes:.1f}" for amperes in figures.peak_a)
    rows = [
        ("Site time", f"{figures.site_hours:.2f} h in {figures.wall_s:.0f} s"),
        ("Speed", f"{figures.speed_reached:g} reached, {figures.speed_asked:g} asked"),
        ("Sessions", f"{figures.sessions_started} started, {figures.sessions_finished} finished"),
        (
            "Energy",
            f"{figures.delivered_kwh:.2f} kWh delivered, {figures.owed_kwh:.2f} kWh owed at departure",
        ),
        ("Peak L1 / L2 / L3", f"{peak} A of {figures.limit_a:g} A"),
        ("Highest phase", f"{figures.peak_percent:.1f} % of its limit"),
        ("Above 100 %", f"{figures.over_100_s:.1f} s"),
        ("Longest above 105 %", f"{figures.longest_over_105_s:.1f} s"),
        ("Breakers tripped", str(figures.breaker_trips)),
        (
            "Fullest phase while cars wait",
            "no car had to wait"
            if figures.utilisation_percent is None
            else f"{figures.utilisation_percent:.1f} % of its limit on average",
        ),
        ("Limits a car and hour", f"{figures.limits_per_car_hour:.1f}, renewals apart"),
        (
            "Limits written",
            f"{figures.limits_sent} and {figures.renewals_sent} renewals; "
            f"{figures.limits_refused} refused, {figures.limits_unanswered} unanswered",
        ),
        ("Messages", f"{figures.messages}"),
        ("Answers p50 / p99", f"{figures.answer_p50_ms:.1f} / {figures.answer_p99_ms:.1f} ms"),
        (
            "Acknowledged",
            f"{figures.acknowledged} transaction messages, {figures.lost} lost, {figures.repeated} repeated",
        ),
        ("Energy of transactions", f"{figures.energy_mismatches} differ from what was drawn"),
        ("Reservations above a limit", f"{figures.reservations_over} ticks"),
    ]
    for name, value in rows:
        shown.add_row(name, value)
    return shown

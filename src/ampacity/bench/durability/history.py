"""The history checker: what a database holds, against what stations said and were answered.

It knows the stories, so it derives by itself what must be there: each acknowledged message once, nothing that
was not sent, transactions as the surviving messages tell them, samples and quarters of an hour from the same
messages, ids that were given once. It reads the product's tables through the product, and what they should
hold from nothing but the stories.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection

from ...store import Store, StoreError, samples, transactions
from ...store.columns import from_micros
from ...store.samples import REGISTER
from ...store.transactions import TransactionRow
from .drive import OPERATOR, Plant, Refused, answer_of, connect, opened, plant, say
from .stations import EVSE, Message, Station

Kind: TypeAlias = Literal[
    "unreadable", "lost", "repeated", "unsaid", "wire id", "transaction", "sample", "rollup", "answer"
]
Depth: TypeAlias = Literal["kept", "alive", "derived"]
"""How much is checked: what the database holds; that the CSMS on it goes on rightly; and that what derives
from the messages is right, too. Each costs several times the one before."""

_HOPELESS: tuple[Kind, ...] = ("unreadable", "lost", "repeated", "unsaid")
QUARTER = timedelta(minutes=15)
POWER = "Power.Active.Import"
_SOON = datetime(2200, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Said: TypeAlias = tuple[str, str, datetime]
"""(station, phase, time): names one message."""


class Finding(Struct, frozen=True):
    """Something that must not be."""

    kind: Kind
    text: str


class Checked(Struct, frozen=True, kw_only=True):
    """What one database showed."""

    acknowledged: int
    kept: int
    findings: tuple[Finding, ...]


def kept_messages(connection: Connection) -> list[Said]:
    """The journal's messages. (All that the checker knows of the journal's form.)"""
    rows = connection.exec_driver_sql("SELECT station_id, kind, at FROM journal").all()
    return [(station_id, kind, from_micros(at)) for station_id, kind, at in rows]


async def check(
    place: Path | str,
    stations: Sequence[Station],
    position: int,
    rng: random.Random,
    depth: Depth = "derived",
) -> Checked:
    """Check the database in the folder `place`, or at that address, as it was left when power went at
    `position`; changes it."""
    findings: list[Finding] = []
    acknowledged = [sum(item.position <= position for item in station.answered) for station in stations]
    kept = 0
    try:
        async with opened(place) as store:
            kept = await _look(store, stations, position, acknowledged, findings)
            if depth == "kept" or any(finding.kind in _HOPELESS for finding in findings):
                return Checked(acknowledged=sum(acknowledged), kept=kept, findings=tuple(findings))
            async with plant(store) as built:
                # Rows follow from the journal: the start has applied what was kept and not derived yet.
                there = set(await store.read(kept_messages))
                await _transactions(store, stations, there, acknowledged, findings)
                await _go_on(built, stations, position, acknowledged, findings, rng)
                if depth == "derived":
                    await _derived(built, stations, findings)
    except (StoreError, Refused) as error:
        findings.append(Finding("unreadable", str(error)))
    return Checked(acknowledged=sum(acknowledged), kept=kept, findings=tuple(findings))


async def _look(
    store: Store,
    stations: Sequence[Station],
    position: int,
    acknowledged: Sequence[int],
    findings: list[Finding],
) -> int:
    if "://" not in store.place:  # PostgreSQL finds its own torn pages, when it reads them
        whole = await store.read(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalars().all())
        if whole != ["ok"]:
            findings.append(Finding("unreadable", f"integrity check: {whole[0]}"))
    kept = Counter(await store.read(kept_messages))
    _once(kept, findings)
    expected: dict[Said, int] = {}
    """Message -> 2 if it must be there, 1 if it may."""
    for station, count in zip(stations, acknowledged, strict=True):
        for index, at in enumerate(station.sent):
            if at <= position:
                expected[named(station, station.message(index))] = 2 if index < count else 1
    findings += [
        Finding("lost", f"acknowledged, but gone: {said}")
        for said, must in expected.items()
        if must == 2 and said not in kept
    ]
    findings += [Finding("unsaid", f"nobody said it: {said}") for said in kept if said not in expected]
    return len(kept)


async def _go_on(
    built: Plant,
    stations: Sequence[Station],
    position: int,
    acknowledged: Sequence[int],
    findings: list[Finding],
    rng: random.Random,
) -> None:
    """What stations do when their server is back: the message without an answer comes again. One station
    repeats one that was answered, too."""
    connect(built, stations)
    again = [
        (station, count)
        for station, count in zip(stations, acknowledged, strict=True)
        if count < len(station.sent) and station.sent[count] <= position
    ]
    repeats = [(station, count) for station, count in zip(stations, acknowledged, strict=True) if count]
    known = {
        answer.wire_id
        for station, count in zip(stations, acknowledged, strict=True)
        for answer in station.answered[:count]
        if answer.wire_id
    }
    asked = [(station, index, say(built, station, index, lambda: 0)) for station, index in again]
    if repeats:
        station, count = rng.choice(repeats)
        starts = [index for index in range(count) if station.message(index).phase == "Started"]
        index = rng.choice(starts or range(count))
        asked.append((station, index, say(built, station, index, lambda: 0)))
    for station, index, heard in asked:
        answer = await answer_of(heard)
        if answer is None:
            findings.append(Finding("answer", f"{station.name}: message {index} stays without an answer"))
            continue
        wire_id = str(answer.get("transactionId", ""))
        before = station.answered[index].wire_id if index < len(station.answered) else None
        if index >= acknowledged[stations.index(station)]:
            before = None
        if before is not None and wire_id != before:
            findings.append(
                Finding("wire id", f"{station.name}: a start had id {before}, repeated {wire_id}")
            )
        if before is None and wire_id and (wire_id in known or int(wire_id) <= 0):
            findings.append(Finding("wire id", f"{station.name}: a start got id {wire_id} of another one"))
        known.add(wire_id)
    kept = Counter(await built.store.read(kept_messages))
    _once(kept, findings)
    findings += [
        Finding("lost", f"repeated and acknowledged, but not there: {said}")
        for station, index in again
        if (said := named(station, station.message(index))) not in kept
    ]


def _once(kept: Counter[Said], findings: list[Finding]) -> None:
    findings += [
        Finding("repeated", f"there {count} times: {said}") for said, count in kept.items() if count > 1
    ]


def named(station: Station, message: Message) -> Said:
    """What names a message."""
    return station.name, message.phase, message.at


def _survivors(station: Station, kept: set[Said]) -> list[Message]:
    return [message for message in station.story if named(station, message) in kept]


# ---------------------------------------------------------------- what follows from the messages


async def _transactions(
    store: Store,
    stations: Sequence[Station],
    kept: set[Said],
    acknowledged: Sequence[int],
    findings: list[Finding],
) -> None:
    rows = await store.read(lambda c: transactions.list_transactions(c, OPERATOR, limit=1_000_000))
    by_start = {(row.station_id, row.started_at): row for row in rows}
    if len(by_start) != len(rows):
        findings.append(Finding("transaction", "two transactions of one station have the same start"))
    wire_ids = Counter(row.station_transaction_id for row in rows)
    findings += [
        Finding("wire id", f"id {wire_id} was given {count} times")
        for wire_id, count in wire_ids.items()
        if count > 1
    ]
    expected = 0
    for station, count in zip(stations, acknowledged, strict=True):
        charges: dict[int, list[Message]] = {}
        for message in _survivors(station, kept):
            if message.phase != "Metered":
                charges.setdefault(message.charge, []).append(message)
        expected += len(charges)
        ids = {
            station.message(index).charge: answer.wire_id
            for index, answer in enumerate(station.answered[:count])
            if answer.wire_id
        }
        for charge, told in charges.items():
            row = by_start.get((station.name, told[0].at))
            if row is None:
                findings.append(Finding("transaction", f"{station.name}: no row for charge {charge}"))
                continue
            text = _differs(row, told)
            if text:
                findings.append(Finding("transaction", f"{station.name}, charge {charge}: {text}"))
            if charge in ids and row.station_transaction_id != ids[charge]:
                findings.append(
                    Finding(
                        "wire id", f"{station.name}: told {ids[charge]}, kept {row.station_transaction_id}"
                    )
                )
            if station.version == "1.6" and int(row.station_transaction_id) <= 0:
                findings.append(Finding("wire id", f"{station.name}: id {row.station_transaction_id}"))
    if expected != len(rows):
        findings.append(Finding("transaction", f"{len(rows)} rows for {expected} charges"))


def _differs(row: TransactionRow, told: Sequence[Message]) -> str:
    ended = told[-1].at if told[-1].phase == "Ended" else None
    energy_wh = float(told[-1].register_wh - told[0].register_wh)
    wanted = ("ended" if ended else "open", ended, energy_wh, told[-1].register_wh)
    found = (row.state, row.ended_at, row.energy_wh, row.register_last_wh)
    return "" if found == wanted else f"(state, end, Wh, register) is {found}, told was {wanted}"


async def _derived(built: Plant, stations: Sequence[Station], findings: list[Finding]) -> None:
    """Samples and rollups, first as they were carried on, then built anew from the journal."""
    for how in ("carried on", "rebuilt"):
        if how == "rebuilt":
            await built.csms.ledger.samples.rebuild(OPERATOR)
        else:
            await built.csms.written()
        kept = set(await built.store.read(kept_messages))
        for station in stations:
            wanted = _samples(_survivors(station, kept))
            name = station.name
            found = {
                (point.measurand, point.at): point.value
                for point in await built.store.read(
                    lambda c, name=name: samples.list_samples(c, OPERATOR, name, EVSE, _LONG_AGO, _SOON)  # type: ignore[misc]
                )
            }
            if found != wanted:
                odd = sorted(found.items() ^ wanted.items(), key=str)[:4]
                findings.append(Finding("sample", f"{name}, {how}: differ in {odd}"))
            quarters = {
                (point.measurand, point.start): (
                    point.count,
                    point.lowest,
                    point.highest,
                    point.first,
                    point.last,
                    round(point.mean * point.count),
                )
                for point in await built.store.read(
                    lambda c, name=name: samples.list_rollups(c, OPERATOR, name, EVSE, _LONG_AGO, _SOON)  # type: ignore[misc]
                )
            }
            if quarters != _rollups(wanted):
                differing = sorted(quarters.items() ^ _rollups(wanted).items(), key=str)[:4]
                findings.append(Finding("rollup", f"{name}, {how}: differ in {differing}"))


def _samples(told: Sequence[Message]) -> dict[tuple[str, datetime], float]:
    found = {}
    for message in told:
        found[REGISTER, message.at] = float(message.register_wh)
        if message.phase == "Updated":
            found[POWER, message.at] = float(message.power_w)
    return found


def _rollups(
    points: dict[tuple[str, datetime], float],
) -> dict[tuple[str, datetime], tuple[int, float, float, float, float, int]]:
    quarters: dict[tuple[str, datetime], list[float]] = {}
    for (measurand, at), value in sorted(points.items(), key=lambda item: item[0][1]):
        start = at - (at - _LONG_AGO) % QUARTER
        quarters.setdefault((measurand, start), []).append(value)
    return {
        key: (len(values), min(values), max(values), values[0], values[-1], round(sum(values)))
        for key, values in quarters.items()
    }

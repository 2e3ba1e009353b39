"""Losses of power: the CSMS runs on a recording disk, and is looked at as it would come back from any moment.

A round is one life of the process: it opens what the round before left, stations charge, and it ends. Then
power is lost at random moments of that life, each time with another part of what was not synced; each of
those disks is opened by the real store and checked. One of them is where the next round begins: so crashes
hit databases that have crashed before, at any depth.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from sqlalchemy import event
from sqlalchemy.pool import Pool

from ...store import StoreSettings
from ..report import BenchFailed
from .disk import Fault, RecordingDisk
from .drive import drive, opened, plant
from .history import Checked, Depth, Finding, check
from .images import images
from .stations import Station, fleet

SYNC_TAKES_S = 0.0005
CHECKPOINT_PAGES = 60
"""A log so short is copied into the database all the time, which is where most can go wrong."""


class PowerPlan(Struct, frozen=True, kw_only=True):
    """How much is tried.

    Every `chain` rounds the database is a new one. Each `alive_every`-th disk is checked by a CSMS that goes
    on with it, each `derived_every`-th also for samples and rollups. `pragma` is run on each of the store's
    connections: a way to make the store worse than it is. `fault` makes the disk of a round fail.
    """

    seed: int = 20261121
    rounds: int = 8
    kills_a_round: int = 40
    messages_a_round: int = 60
    stations: int = 6
    chain: int = 8
    alive_every: int = 4
    derived_every: int = 8
    pragma: str = ""
    fault: Callable[[random.Random], Fault] | None = None
    settings: StoreSettings | None = None

    def depth_of(self, kill: int) -> Depth:
        """How deeply the kill of this number is checked."""
        if kill % self.derived_every == 0:
            return "derived"
        return "alive" if kill % self.alive_every == 0 else "kept"


class PowerReport(Struct, kw_only=True):
    """What became of it."""

    kills: int = 0
    acknowledged: int = 0
    """Messages answered in all rounds."""
    checked: int = 0
    """Acknowledged messages that were looked for, over all kills."""
    notes: int = 0
    syncs: int = 0
    losses: Counter[str] = Counter()
    found: Counter[str] = Counter()
    examples: list[str] = []
    drive_s: float = 0.0
    check_s: float = 0.0


async def lose_power(folder: Path, plan: PowerPlan) -> PowerReport:
    """Carry out `plan` below `folder` (best in memory: the disk's own speed is not what is measured)."""
    report = PowerReport(losses=Counter(), found=Counter(), examples=[])
    rng = random.Random(plan.seed)
    stations: list[Station] = []
    home, look = folder / "life", folder / "image"
    for number in range(plan.rounds):
        if number % plan.chain == 0:
            stations = fleet(rng.randrange(2**32), plan.stations)
            _clear(home)
        began = time.perf_counter()
        disk, serves_from = await _live(home, stations, plan, rng, report)
        report.drive_s += time.perf_counter() - began
        began = time.perf_counter()
        positions = _moments(len(disk.notes), serves_from, plan.kills_a_round, rng)
        await _die(disk, positions, home, look, stations, plan, rng, report)
        report.check_s += time.perf_counter() - began
    return report


async def _live(
    home: Path, stations: list[Station], plan: PowerPlan, rng: random.Random, report: PowerReport
) -> tuple[RecordingDisk, int]:
    """The disk of a round, and from which of its notes on stations were served."""
    disk = RecordingDisk(home, sync_takes_s=SYNC_TAKES_S)
    with disk.installed(), _on_connections(plan.pragma):
        async with opened(home, plan.settings) as store, plant(store) as built:
            await store.write(lambda c: c.exec_driver_sql(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}"))
            serves_from = len(disk.notes)
            if plan.fault is not None:
                disk.fault = plan.fault(rng)
            report.acknowledged += await drive(built, stations, disk.position, plan.messages_a_round, rng)
            disk.fault = None
    if disk.errors:
        raise BenchFailed(f"the recording disk itself failed: {disk.errors[0]!r}") from disk.errors[0]
    report.notes += len(disk.notes)
    report.syncs += disk.syncs
    return disk, serves_from


def _moments(notes: int, serves_from: int, count: int, rng: random.Random) -> list[int]:
    """When power is lost: one time in ten at any moment, the making of a new database included, else while
    stations are served.
    """
    return sorted(rng.randint(0 if rng.random() < 0.1 else serves_from, notes) for _ in range(count))


async def _die(
    disk: RecordingDisk,
    positions: list[int],
    home: Path,
    look: Path,
    stations: list[Station],
    plan: PowerPlan,
    rng: random.Random,
    report: PowerReport,
) -> None:
    chosen = rng.randrange(len(positions))
    next_life = None
    for number, image in enumerate(images(disk.notes, disk.begin, disk.begin_numbers, positions, rng)):
        image.write(look, garbage=rng.randbytes(32_768) if rng.random() < 0.3 else b"")
        checked = await check(look, stations, image.position, rng, plan.depth_of(report.kills))
        _count(report, checked, f"{image.loss} of the unsynced lost at note {image.position}")
        report.losses[image.loss] += 1
        if number == chosen:
            next_life = image
    assert next_life is not None
    next_life.write(home)
    for station in stations:
        station.go_back(next_life.position)


def _count(report: PowerReport, checked: Checked, where: str) -> None:
    report.kills += 1
    report.checked += checked.acknowledged
    kinds = Counter(finding.kind for finding in checked.findings)
    report.found.update(kinds)
    if checked.findings and len(report.examples) < 5:
        first: Finding = checked.findings[0]
        report.examples.append(f"{where}: {first.kind}: {first.text}")


def _clear(folder: Path) -> None:
    if folder.exists():
        for path in folder.iterdir():
            path.unlink()


@contextlib.contextmanager
def _on_connections(pragma: str) -> Iterator[None]:
    """Run a statement on each connection that is taken out of a pool while this lasts."""
    if not pragma:
        yield
        return

    def worsen(connection: Any, *_: Any) -> None:
        connection.execute(pragma)

    event.listen(Pool, "checkout", worsen)
    try:
        yield
    finally:
        event.remove(Pool, "checkout", worsen)

"""The recording disk and its images, with plain SQLite: what must last does, the rest can be lost."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampacity.bench.durability import sqlite as c
from ampacity.bench.durability.disk import (
    Create,
    Delete,
    Note,
    RecordingDisk,
    Sync,
    SyncFolder,
    Truncate,
    Write,
)
from ampacity.bench.durability.images import SECTOR, Image, images

ROWS = 25


def record(folder: Path, journal_mode: str, synchronous: str) -> tuple[RecordingDisk, list[int]]:
    """Row after row in a transaction of its own; returns the disk and its position after each commit."""
    disk = RecordingDisk(folder)
    after = []
    with disk.installed():
        connection = sqlite3.connect(folder / "a.db", isolation_level=None)
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint=10")
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, x TEXT)")
        for number in range(ROWS):
            connection.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 1500))
            after.append(disk.position())
        connection.close()
    assert disk.errors == []
    return disk, after


def lost_rows(disk: RecordingDisk, after: list[int], look: Path, count: int) -> Iterator[int]:
    """For each of `count` moments: how many committed rows are not there (all of them: not readable)."""
    rng = random.Random(1)
    positions = sorted(rng.randint(after[0], len(disk.notes)) for _ in range(count))
    for image in images(disk.notes, disk.begin, disk.begin_numbers, positions, rng):
        image.write(look, garbage=b"\xff" * 32_768)
        committed = {number for number, at in enumerate(after) if at <= image.position}
        connection = sqlite3.connect(look / "a.db")
        try:
            found = {number for (number,) in connection.execute("SELECT n FROM t WHERE length(x) = 1500")}
        except sqlite3.DatabaseError:
            found = set()
        connection.close()
        yield len(committed - found)


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
@pytest.mark.parametrize(("synchronous", "lasts"), [("EXTRA", True), ("OFF", False)])
def test_what_sqlite_promises_holds_on_the_images(
    fast_folder: Path, journal_mode: str, synchronous: str, lasts: bool
) -> None:
    disk, after = record(fast_folder / "life", journal_mode, synchronous)
    lost = sum(lost_rows(disk, after, fast_folder / "look", 150))
    assert (lost == 0) is lasts, lost


def test_everything_but_reading_is_noted(fast_folder: Path) -> None:
    disk, _ = record(fast_folder, "WAL", "FULL")
    kinds = Counter(type(note) for note in disk.notes)
    assert set(kinds) == {Write, Truncate, Sync, Create, Delete, SyncFolder}
    assert kinds[Sync] > ROWS
    # With all of it true, the image is what is on the disk.
    [last] = images(disk.notes, disk.begin, disk.begin_numbers, [len(disk.notes)], AllTrue())
    assert last.files == {path.name: path.read_bytes() for path in fast_folder.iterdir()}


class AllTrue(random.Random):
    """Chooses the loss of nothing."""

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return "nothing" if "nothing" in seq else super().choice(seq)


def left(notes: list[Note], seed: int, begin: bytes = b"a" * 2 * SECTOR) -> Image:
    """One image at the end of notes about file 1, named f."""
    [image] = images(notes, {"f": begin}, {"f": 1}, [len(notes)], random.Random(seed))
    return image


def test_sectors_are_torn_apart_and_synced_ones_are_safe() -> None:
    notes: list[Note] = [Write(1, 0, b"b" * SECTOR), Sync(1, 1), Write(1, 0, b"c" * 2 * SECTOR)]
    seen = {(left(notes, seed).files["f"][:1], left(notes, seed).files["f"][-1:]) for seed in range(200)}
    assert seen == {(b"b", b"a"), (b"c", b"a"), (b"b", b"c"), (b"c", b"c")}


def test_a_sync_covers_only_what_came_before_it_began() -> None:
    notes: list[Note] = [Write(1, 0, b"b"), Write(1, 1, b"c"), Sync(1, 1)]
    seen = {left(notes, seed).files["f"][:2] for seed in range(50)}
    assert seen == {b"ba", b"bc"}


def test_a_failed_sync_may_forget_what_a_later_one_does_not_bring_back() -> None:
    notes: list[Note] = [Write(1, 0, b"b"), Sync(1, 1, kept=False), Write(1, SECTOR, b"c"), Sync(1, 3)]
    seen = {left(notes, seed).files["f"][::SECTOR] for seed in range(50)}
    assert seen == {b"ac", b"bc"}


def test_names_need_a_sync_of_their_folder() -> None:
    notes: list[Note] = [Create("g", 2), Write(2, 0, b"b"), Sync(2, 2), Delete("f")]
    seen = {tuple(sorted(left(notes, seed).files)) for seed in range(200)}
    assert seen == {("f",), ("f", "g"), ("g",), ()}
    safe = [*notes, SyncFolder(4)]
    assert {tuple(left(safe, seed).files) for seed in range(50)} == {("g",)}


def test_sizes_are_those_that_were() -> None:
    notes: list[Note] = [Truncate(1, 10), Write(1, 3000, b"c")]
    assert {len(left(notes, seed).files["f"]) for seed in range(200)} == {1024, 10, 3000, 3001}


def test_a_library_that_is_not_the_drivers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c, "_places", lambda: iter(()))
    with pytest.raises(c.NoReachableSqlite, match="shared library, as Debian's is"):
        c.driver_library()


def test_a_twin_of_the_library_is_noticed() -> None:
    with pytest.raises(c.NoReachableSqlite, match="twin"):
        c.prove_reached("a name that was never registered")

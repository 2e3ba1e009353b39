"""What a disk may hold after power was lost, built from the notes of a `RecordingDisk`.

The model: what a sync returned for is there. Of what came later each sector of 512 bytes holds, by itself,
what it held at the last sync or after any of the later writes, so pages are torn and later writes may be
there without earlier ones; a file has any of the sizes that it had since; names that came or went since their
folder was synced did so or not. A sync that failed made any part of what it should have written durable and
forgot the rest. What SQLite counts on beyond that (a sector that is written does no harm to its other bytes
than those written) holds here, too.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from .disk import Create, Delete, Note, Sync, SyncFolder, Truncate, Write

SECTOR = 512

Loss: TypeAlias = Literal["nothing", "all", "files", "tail", "sectors"]
"""What becomes of what was not synced: all of it is there (as after a kill of the process), none of it, each
file's whole or not, what came up to some moment, or each sector for itself."""

_LOSSES: tuple[Loss, ...] = (*get_args(Loss), "sectors", "sectors", "sectors")


class Image(Struct, frozen=True, kw_only=True):
    """The files of a folder after power was lost at note `position`."""

    position: int
    loss: Loss
    files: dict[str, bytes]

    def write(self, folder: Path, *, garbage: bytes = b"") -> None:
        """Put the files into `folder`, which is made empty. `garbage` is what is left of shared memory."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
            if garbage and name.endswith("-wal"):
                (folder / (name.removesuffix("-wal") + "-shm")).write_bytes(garbage)


class _OnDisk:
    """One file: what is surely there, and what came later."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self.later: list[tuple[int, Write | Truncate]] = []

    def settle(self, since: int) -> None:
        """A sync: what was written before the note `since` is there now."""
        rest = []
        for at, change in self.later:
            if at < since:
                _apply(self.content, change)
            else:
                rest.append((at, change))
        self.later = rest

    def forget(self, since: int, rng: random.Random) -> None:
        """A sync failed: any part of what was written before `since` is there, the rest will never be."""
        early = [change for at, change in self.later if at < since]
        self.later = [(at, change) for at, change in self.later if at >= since]
        self.content = _torn(self.content, early, rng)


class Disk:
    """Walks along the notes; at each place it can tell what may be left."""

    def __init__(self, begin: Mapping[str, bytes], numbers: Mapping[str, int]) -> None:
        self._files = {numbers[name]: _OnDisk(content) for name, content in begin.items()}
        self._names = dict(numbers)
        self._later: list[tuple[int, Create | Delete]] = []

    def take(self, at: int, note: Note, rng: random.Random) -> None:
        """The note number `at` comes true."""
        match note:
            case Write() | Truncate():
                self._files[note.file].later.append((at, note))
            case Sync(kept=True):
                self._files[note.file].settle(note.since)
            case Sync():
                self._files[note.file].forget(note.since, rng)
            case Create():
                self._files[note.file] = _OnDisk()
                self._later.append((at, note))
            case Delete():
                self._later.append((at, note))
            case SyncFolder():
                for place, change in self._later:
                    if place < note.since:
                        _rename(self._names, change)
                self._later = [item for item in self._later if item[0] >= note.since]

    def image(self, position: int, loss: Loss, rng: random.Random) -> Image:
        """What is left when power is lost now."""
        names = dict(self._names)
        cut = rng.randint(0, position) if loss == "tail" else position
        for at, change in self._later:
            if {
                "nothing": True,
                "all": False,
                "files": rng.random() < 0.5,
                "tail": at < cut,
                "sectors": rng.random() < 0.5,
            }[loss]:
                _rename(names, change)
        cut = self._tail(rng) if loss == "tail" else position
        return Image(
            position=position,
            loss=loss,
            files={name: self._left(self._files[file], loss, cut, rng) for name, file in names.items()},
        )

    def _tail(self, rng: random.Random) -> int:
        """One of the changes that are not safe yet: it and what comes after it is lost."""
        places = [at for file in self._files.values() for at, _ in file.later]
        return rng.choice(places) if places else 0

    @staticmethod
    def _left(file: _OnDisk, loss: Loss, cut: int, rng: random.Random) -> bytes:
        if not file.later or loss == "all" or (loss == "files" and rng.random() < 0.5):
            return bytes(file.content)
        if loss == "sectors":
            return bytes(_torn(file.content, [change for _, change in file.later], rng))
        content = bytearray(file.content)
        for at, change in file.later:
            if loss != "tail" or at < cut:
                _apply(content, change)
            elif isinstance(change, Write) and at == cut:
                _apply(content, Write(0, change.offset, change.data[: rng.randint(0, len(change.data))]))
        return bytes(content)


def images(
    notes: Iterable[Note],
    begin: Mapping[str, bytes],
    numbers: Mapping[str, int],
    positions: Iterable[int],
    rng: random.Random,
) -> Iterator[Image]:
    """An image for each of the `positions` (in rising order), each with a kind of loss of its own."""
    disk, coming, done = Disk(begin, numbers), iter(notes), 0
    for position in positions:
        while done < position:
            disk.take(done, next(coming), rng)
            done += 1
        yield disk.image(position, rng.choice(_LOSSES), rng)


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    if change.offset > len(content):
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


def _torn(content: bytearray, changes: list[Write | Truncate], rng: random.Random) -> bytearray:
    """Each sector as it was at some moment, and one of the sizes."""
    now = bytearray(content)
    sizes = [len(content)]
    versions: dict[int, list[bytes]] = {}
    for change in changes:
        if isinstance(change, Write):
            first, last = change.offset, change.offset + len(change.data)
        else:
            first, last = min(change.size, len(now)), max(change.size, len(now))
        touched = range(first // SECTOR, -(-last // SECTOR))
        for sector in touched:
            if sector not in versions:
                versions[sector] = [_sector(now, sector)]
        _apply(now, change)
        for sector in touched:
            versions[sector].append(_sector(now, sector))
        sizes.append(len(now))
    result = bytearray(content)
    size = rng.choice(sizes)
    del result[size:]
    result.extend(bytes(size - len(result)))
    # Some disks lose much, some little.
    old = rng.choice((0.1, 0.5, 0.9))
    for sector, held in versions.items():
        start = sector * SECTOR
        if start < size:
            kept = held[0] if rng.random() < old else rng.choice(held)
            result[start : min(start + SECTOR, size)] = kept[: size - start]
    return result


def _sector(content: bytearray, sector: int) -> bytes:
    return bytes(content[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")


def _rename(names: dict[str, int], change: Create | Delete) -> None:
    if isinstance(change, Create):
        names[change.name] = change.file
    else:
        names.pop(change.name, None)

"""Files on disk: written beside, synced, then named. A file that has a name is whole.

A name is made here (a sortable id), never by who brings the file; so no path can be led elsewhere. Writing
and hashing run in threads, a block at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from .errors import FileBroken, FileTooLarge, NoRoom

BLOCK_BYTES = 1 << 20
"""Written and hashed at once: large enough that a thread is worth it (sha256 and md5: about 2 ms)."""
LEFTOVER_AFTER_S = 86_400.0
"""Half-written files older than this belong to nobody that still runs."""

_NAME = re.compile(r"[0-9a-z]{8,64}")


class Weighed(Struct, frozen=True, kw_only=True):
    """A file as it was written. `md5` is what PublishFirmware asks for (L03), `sha256` what we trust."""

    bytes: int
    sha256: str
    md5: str


class Shelf:
    """Files below `folder`, by name. `keep_free_bytes` of its disk are left alone."""

    def __init__(self, folder: Path, keep_free_bytes: int) -> None:
        self._folder = folder
        self._keep_free_bytes = keep_free_bytes

    def path(self, name: str) -> Path:
        """Where a file of this name lies. Raises ValueError for what is no name of ours."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a file: lower case letters and digits, 8 to 64")
        return self._folder / name[-2:] / name

    async def open(self) -> None:
        """Make the folder; remove what was being written when a former node ended."""
        await asyncio.to_thread(self._open)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in self._folder.glob("*.part"):
            with suppress(FileNotFoundError):
                if time.time() - part.stat().st_mtime > LEFTOVER_AFTER_S:
                    part.unlink()

    async def put(
        self,
        name: str,
        label: str,
        chunks: AsyncIterator[bytes],
        limit: int,
        expected: Mapping[str, str] | None = None,
    ) -> Weighed:
        """Write what `chunks` brings; returns when it is on the disk under its name. `expected` are digests
        (hex) that were announced, by algorithm (md5, sha256).

        Raises FileTooLarge above `limit` bytes, NoRoom, and FileBroken for an empty file and another digest;
        whatever `chunks` raises comes through. Nothing of the file is left then. `label` is what messages
        call it.
        """
        path = self.path(name)
        part = self._folder / f"{name}.part"
        writing = _Writing(part)
        await asyncio.to_thread(self._room_for, 0)
        await asyncio.to_thread(writing.open)
        try:
            waiting: list[bytes] = []
            held = total = 0
            async for chunk in chunks:
                total += len(chunk)
                if total > limit:
                    raise FileTooLarge(label, limit)
                waiting.append(chunk)
                held += len(chunk)
                if held >= BLOCK_BYTES:
                    await asyncio.to_thread(self._write, writing, b"".join(waiting))
                    waiting, held = [], 0
            if waiting:
                await asyncio.to_thread(self._write, writing, b"".join(waiting))
            if total == 0:
                raise FileBroken(f"the file {label!r} is empty", "send its content as the body")
            for algorithm, digest in (expected or {}).items():
                found = writing.digest(algorithm)
                if found != digest:
                    raise FileBroken(
                        f"the file {label!r} has the {algorithm} {found}, not {digest}", "send it again"
                    )
            return await asyncio.to_thread(writing.finish, path)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(writing.give_up))
            raise

    def _write(self, writing: _Writing, block: bytes) -> None:
        self._room_for(len(block))
        try:
            writing.write(block)
        except OSError as error:
            raise NoRoom(f"the disk of {self._folder} refuses: {error.strerror}", "free space") from error

    def _room_for(self, count: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free - count < self._keep_free_bytes:
            raise NoRoom(
                f"{free:,} bytes are free on the disk of {self._folder}, {self._keep_free_bytes:,} stay so",
                "free space, or lower files.keep_free_bytes",
            )

    def read(self, name: str, start: int, count: int) -> Generator[bytes, None, None]:
        """Blocks of `count` bytes from `start`. For a thread; raises FileNotFoundError at the first block."""
        with self.path(name).open("rb") as file:
            file.seek(start)
            while count > 0:
                block = file.read(min(count, BLOCK_BYTES))
                if not block:
                    return
                count -= len(block)
                yield block

    async def names(self) -> list[str]:
        """The files that have lain here for longer than a day."""
        return await asyncio.to_thread(self._names)

    def _names(self) -> list[str]:
        before = time.time() - LEFTOVER_AFTER_S
        return [path.name for path in self._folder.glob("??/*") if path.stat().st_mtime < before]

    async def remove(self, name: str) -> None:
        """Remove a file; one that is not there is as good as removed."""
        path = self.path(name)
        await asyncio.to_thread(path.unlink, missing_ok=True)


class _Writing:
    """A file that is being written."""

    def __init__(self, part: Path) -> None:
        self._part = part
        self._file: BinaryIO | None = None
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._bytes = 0

    def open(self) -> None:
        handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb", buffering=0)

    def write(self, block: bytes) -> None:
        assert self._file is not None
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]
        self._sha256.update(block)
        self._md5.update(block)
        self._bytes += len(block)

    def digest(self, algorithm: str) -> str:
        return (self._md5 if algorithm == "md5" else self._sha256).hexdigest()

    def finish(self, path: Path) -> Weighed:
        """On the disk, then under its name, then the name on the disk."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._file.close()
        path.parent.mkdir(exist_ok=True, mode=0o700)
        os.replace(self._part, path)
        for folder in (path.parent, self._part.parent):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return Weighed(bytes=self._bytes, sha256=self._sha256.hexdigest(), md5=self._md5.hexdigest())

    def give_up(self) -> None:
        if self._file is not None:
            self._file.close()
        self._part.unlink(missing_ok=True)

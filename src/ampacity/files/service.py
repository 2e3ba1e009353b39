"""The file service: keeps files, and gives one station an address for one file for a time.

The secret part of an address has 256 random bits and is kept as its hash. What is told of a finished transfer
(`on_brought`, `on_fetched`) is told before the station hears that it is done.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from sqlalchemy import Connection

from ..clock import Clock
from ..store import Store, StoreUnavailable
from ..store import files as rows
from ..store.files import FileKind, FileRow, GrantRow, Purpose
from ..store.identifiers import sortable_id
from ..store.operators import list_operators
from .errors import AddressUnfit, NoRoom
from .settings import FilesSettings
from .shelf import Shelf

log = logging.getLogger(__name__)

Told: TypeAlias = Callable[[GrantRow, FileRow], Awaitable[None]]

FILES_AT_ONCE = 100
CLEAN_EVERY_S = 3_600.0
USES_OF_A_LOG_ADDRESS = 10
"""A station tries an upload again; one that goes on for ever is stopped."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class FileService:
    """`open` before it is used. `clock` is the site's: addresses expire by it."""

    def __init__(self, store: Store, clock: Clock, folder: Path, settings: FilesSettings) -> None:
        self.settings = settings
        self.shelf = Shelf(folder, settings.keep_free_bytes)
        self._store = store
        self._clock = clock
        self._base_url = settings.public_url.rstrip("/")
        self._brought: list[Told] = []
        self._fetched: list[Told] = []

    async def open(self) -> None:
        """Make the folder."""
        await self.shelf.open()

    def listens_at(self, url: str) -> None:
        """Where the node itself serves files; counts where no `public_url` is set."""
        if not self.settings.public_url:
            self._base_url = url.rstrip("/")

    @property
    def base_url(self) -> str:
        """What addresses begin with. Raises AddressUnfit where stations can't or must not be sent there."""
        if not self._base_url:
            raise AddressUnfit(
                "this node serves no files yet", "start it, or set files.public_url to where they are served"
            )
        url = urlsplit(self._base_url)
        if url.scheme != "https" and not self.settings.allow_http and url.hostname not in _LOCAL:
            raise AddressUnfit(
                f"stations would get files from {self._base_url!r} without encryption",
                "set files.public_url to an https address, or files.allow_http",
            )
        return self._base_url

    @property
    def reach(self) -> str:
        """Which stations find the files, and where, for a person to read."""
        try:
            base = self.base_url
        except AddressUnfit as unfit:
            return f"none: {unfit}; {unfit.remedy}"
        if urlsplit(base).hostname in _LOCAL:
            return f"{base}, for stations on this machine only: set files.public_url for others"
        return base

    def on_brought(self, told: Told) -> None:
        """Call `told` with the address and the file that a station brought."""
        self._brought.append(told)

    def on_fetched(self, told: Told) -> None:
        """Call `told` when a station has fetched the last byte of a file."""
        self._fetched.append(told)

    # ------------------------------------------------------------ files

    async def keep(
        self,
        operator_id: str,
        kind: FileKind,
        name: str,
        chunks: AsyncIterator[bytes],
        by: str,
        *,
        station_id: str | None = None,
        limit: int | None = None,
        expected: Mapping[str, str] | None = None,
    ) -> FileRow:
        """Keep a file; returns when its content and its row are on the disk. `expected` are digests (hex)
        that were announced. Raises FileTrouble (too large, empty, no room, another digest); whatever `chunks`
        raises comes through.
        """
        if kind == "log":
            most = self.settings.max_log_bytes if limit is None else limit
            await self._room_for_logs(operator_id)
        else:
            most = self.settings.max_image_bytes if limit is None else limit
        now = self._clock.now()
        file_id = sortable_id(now)
        label = plain_name(name)
        weighed = await self.shelf.put(file_id, label, chunks, most, expected)
        row = FileRow(
            operator_id=operator_id,
            file_id=file_id,
            kind=kind,
            name=label,
            bytes=weighed.bytes,
            sha256=weighed.sha256,
            md5=weighed.md5,
            station_id=station_id,
            created_at=now,
            created_by=by,
        )
        try:
            await self._store.write(lambda connection: rows.add_file(connection, row))
        except BaseException:
            await asyncio.shield(self.shelf.remove(file_id))
            raise
        return row

    async def _room_for_logs(self, operator_id: str) -> None:
        taken = await self._store.read(lambda connection: rows.bytes_of(connection, operator_id, "log"))
        if taken >= self.settings.max_logs_bytes:
            raise NoRoom(
                f"logs take {taken:,} of {self.settings.max_logs_bytes:,} bytes",
                "delete some, or raise files.max_logs_bytes",
            )

    async def find(self, operator_id: str, file_id: str) -> FileRow | None:
        """A file's row."""
        return await self._store.read(lambda connection: rows.find_file(connection, operator_id, file_id))

    async def remove(self, operator_id: str, file_id: str) -> bool:
        """Delete a file: first its row, so that nobody is sent to what is half gone."""
        known = await self._store.write(lambda connection: rows.remove_file(connection, operator_id, file_id))
        await self.shelf.remove(file_id)
        return known

    # ------------------------------------------------------------ addresses

    async def address(
        self,
        operator_id: str,
        purpose: Purpose,
        station_id: str,
        job_id: str,
        *,
        file: FileRow | None = None,
        lasts_s: float | None = None,
    ) -> str:
        """A new address where `station_id` fetches `file` or brings one for its job. Raises AddressUnfit."""
        base = self.base_url
        secret = secrets.token_urlsafe(32)
        now = self._clock.now()
        lasts = timedelta(hours=self.settings.grant_hours)
        if lasts_s is not None:
            lasts = max(lasts, timedelta(seconds=lasts_s))
        row = GrantRow(
            operator_id=operator_id,
            sha256=hashed(secret),
            purpose=purpose,
            file_id=None if file is None else file.file_id,
            station_id=station_id,
            job_id=job_id,
            max_bytes=self.settings.max_log_bytes if file is None else file.bytes,
            created_at=now,
            expires_at=now + lasts,
        )
        await self._store.write(lambda connection: rows.add_grant(connection, row))
        return f"{base}/{secret}/" + ("" if file is None else file.name)

    async def withdraw(self, operator_id: str, job_id: str) -> None:
        """Let the addresses of a job be good no more."""
        await self._store.write(lambda connection: rows.withdraw_grants(connection, operator_id, job_id))

    async def granted(self, secret: str) -> GrantRow | None:
        """Whose an address is; None for one that is unknown or good no more."""
        found = await self._store.read(lambda connection: rows.find_grant(connection, hashed(secret)))
        if found is None or found.expires_at <= self._clock.now():
            return None
        if found.purpose == "bring" and found.uses >= USES_OF_A_LOG_ADDRESS:
            return None
        return found

    async def bring(
        self,
        grant: GrantRow,
        name: str,
        chunks: AsyncIterator[bytes],
        expected: Mapping[str, str] | None = None,
    ) -> FileRow:
        """Take what a station brings, and tell it to who asked for it. Raises FileTrouble."""
        by = f"station:{grant.station_id}"
        file = await self.keep(
            grant.operator_id,
            "log",
            name,
            chunks,
            by,
            station_id=grant.station_id,
            limit=grant.max_bytes,
            expected=expected,
        )
        for told in self._brought:
            await told(grant, file)
        await self._store.write(lambda connection: rows.count_use(connection, grant))
        return file

    async def fetched(self, grant: GrantRow, file: FileRow) -> None:
        """A station has got the last byte."""
        await self._store.write(lambda connection: rows.count_use(connection, grant))
        for told in self._fetched:
            await told(grant, file)

    # ------------------------------------------------------------ what is old

    async def run(self) -> None:
        """Delete what is old each hour (wall time) until cancelled."""
        while True:
            with suppress(StoreUnavailable):  # told by the store itself
                await self.clean()
            await asyncio.sleep(CLEAN_EVERY_S)

    async def clean(self) -> int:
        """Delete logs that are older than `log_days`, and forget addresses that are good no more; returns how
        many files went.
        """
        now = self._clock.now()
        before = now - timedelta(days=self.settings.log_days)
        gone = 0
        for operator in await self._store.read(list_operators):
            owner = operator.operator_id
            await self._store.write(partial(_expire, owner, now))
            while True:
                old = await self._store.read(partial(_old_logs, owner, before))
                for row in old:
                    await self.remove(owner, row.file_id)
                gone += len(old)
                if len(old) < FILES_AT_ONCE:
                    break
        if gone:
            log.info("%d logs older than %g days were deleted", gone, self.settings.log_days)
        await self._remove_strays()
        return gone

    async def _remove_strays(self) -> None:
        """Delete what lies here and has no row: its node ended between the two."""
        names = await self.shelf.names()
        for start in range(0, len(names), FILES_AT_ONCE):
            some = names[start : start + FILES_AT_ONCE]
            known = await self._store.read(partial(_known, some))
            for name in set(some) - known:
                log.warning("file %s belongs to nobody: it is deleted", name)
                await self.shelf.remove(name)


def _expire(operator_id: str, now: datetime, connection: Connection) -> int:
    return rows.remove_expired_grants(connection, operator_id, now)


def _old_logs(operator_id: str, before: datetime, connection: Connection) -> list[FileRow]:
    return rows.old_files(connection, operator_id, "log", before, FILES_AT_ONCE)


def _known(names: list[str], connection: Connection) -> set[str]:
    return rows.known_files(connection, names)


def hashed(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def plain_name(name: str) -> str:
    """A name that is safe in a header, an address and a folder: the last part of it, of few characters."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".")[:120]
    return plain or "file"

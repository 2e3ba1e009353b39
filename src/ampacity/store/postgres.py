"""PostgreSQL: how a server is spoken to, and what its errors mean.

Sessions ask for `synchronous_commit=on` whatever the server's default is: a commit returns after the log is
on the server's disk. One session writes and holds an advisory lock, so that two nodes never both believe to
be the writer; a few read, each in a read-only snapshot. A server that was restarted is taken up again by the
next write or read.

A commit that the network or the server's end cuts off is looked up by its transaction's number as soon as a
server answers again, however long that takes, so that callers are told what is true.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from . import migrations, partitions
from . import postgres_driver as driver
from .errors import StoreUnavailable, StoreUnfit, StoreUrlError, TroubleKind, without_password
from .statements import dbapi

log = logging.getLogger(__name__)

LOST_SESSION_S = 3.0
"""For so long a server may take to notice that a session of ours is gone."""

T = TypeVar("T")

LOCKED_WITHIN_S = 5.0
"""How long `open` waits for the writer's lock: that of a program just killed is given back within this."""
OLDEST_SERVER = 140_000
REST_AT_ONCE = 2_000
LOCK_ATTEMPTS = 5
LOCK_NOT_AVAILABLE = "55P03"

SETTINGS = {
    "application_name": "ampacity",
    "synchronous_commit": "on",
    "timezone": "UTC",
    # A session whose client vanished must not hold the writer's lock for the hours that TCP allows.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

REMEDIES: dict[str, str] = {
    "full": "free space on the server's disk; writing goes on as soon as there is room",
    "read-only": "name the primary server: this one is a standby, or default_transaction_read_only is on",
    "locked": "another Ampacity runs on this database: stop it, or name another database",
    "corrupt": "look into the server's log, and restore the last backup into a new database",
    "io": "look into the server's log and at its disk; writing goes on when it answers again",
    "28": "check user, password (AMPACITY_DATABASE, PGPASSWORD or a passfile) and the server's pg_hba.conf",
    "3D": "create it with CREATE DATABASE and make this user its owner, or name another one",
    "42501": "make this user the database's owner",
}
"""What helps, by kind or by the beginning of the code, where a server needs other help than a file."""

_KINDS: dict[str, TroubleKind] = {
    "53100": "full",
    "25006": "read-only",
    "55P03": "locked",
    "58030": "io",
    "58P01": "io",
    "58P02": "io",
    "XX001": "corrupt",
    "XX002": "corrupt",
    "25P03": "unreachable",
    "25P04": "unreachable",
    "08": "unreachable",
    "57P": "unreachable",
    "53": "overloaded",
    "28": "denied",
    "3D": "denied",
}
"""By code, else by its beginning."""


class PostgresBackend:
    """A server, one session that writes, a few that read (see `backend.Backend`)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = without_password(url)
        self.beside = False
        self._writing = self._engine("BEGIN", asks_outcome=True)
        self._reading: Engine | None = None
        self._writer: Connection | None = None

    def open(self, readers: int, guest: bool = False) -> None:
        try:
            self._writer = self._locked_session(guest)
            self._check_server(self._writer)
            with self._writer.begin():
                if self.beside:
                    migrations.check(self._writer, self.place)
                else:
                    migrations.upgrade(self._writer, self.place)
        except Exception as error:
            unavailable = self.unavailable(error) or self._denied(error)
            self.close_writer()
            if unavailable is None:
                raise
            raise unavailable from error
        self._reading = self._engine(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", asks_outcome=False, readers=readers
        )

    def writer(self) -> Connection:
        if self._writer is None:
            connection = self._writing.connect()
            try:
                if not self.beside:
                    _lock_again(connection, self.place)
            except BaseException:
                connection.close()
                raise
            self._writer = connection
        return self._writer

    def begin_unit(self, connection: Connection) -> None:
        dbapi(connection).savepoint()

    def keep_unit(self, connection: Connection) -> None:
        dbapi(connection).release()

    def undo_unit(self, connection: Connection) -> None:
        dbapi(connection).undo()

    def rows_changed(self, connection: Connection) -> int | None:
        return None  # the server has answered

    def read(self, fn: Callable[[Connection], T]) -> T:
        try:
            return self._read(fn)
        except Exception as error:
            if self.trouble_kind(error) != "unreachable":
                raise
        return self._read(fn)  # the server may have been restarted since this session was opened

    def make_room(self, now: datetime) -> None:
        with self._aside() as connection:
            for table in partitions.PARTITIONED:
                for start in self._step(connection, partitions.ahead, table, now) or ():
                    self._step(connection, partitions.make, table, start)

    def drop_before(self, table: Table, before: datetime) -> int | None:
        parted = next((known for known in partitions.PARTITIONED if known.table == table.name), None)
        if parted is None:
            return None
        gone = 0
        with self._aside() as connection:
            for name in self._step(connection, partitions.past, parted, before) or ():
                gone += self._step(connection, partitions.drop, name) or 0
            kept = parted.start_of(before)
            while some := self._step(connection, partitions.delete_rest, parted, kept, REST_AT_ONCE):
                gone += some
        return gone

    def trouble_kind(self, error: BaseException) -> TroubleKind | None:
        if isinstance(error, StoreUnavailable):  # told by `writer`
            return error.kind
        state = getattr(_cause(error), "sqlstate", "")
        return _KINDS.get(state) or _KINDS.get(state[:3]) or _KINDS.get(state[:2])

    def unavailable(self, error: BaseException) -> StoreUnavailable | None:
        if isinstance(error, StoreUnavailable):
            return error
        kind = self.trouble_kind(error)
        if kind is None:
            return None
        cause = _cause(error)
        detail = f"{getattr(cause, 'sqlstate', '')} {cause}".strip()
        if isinstance(cause, driver.OutcomeUnknown):
            detail += "; whether the last writes were kept is not known"
        return StoreUnavailable(kind, self.place, detail, _remedy(kind, getattr(cause, "sqlstate", "")))

    def kept(self, error: BaseException) -> bool | None:
        cause = _cause(error)
        if not isinstance(cause, driver.OutcomeUnknown):
            return False
        self.drop_writer()
        try:
            status = dbapi(self.writer()).value("SELECT txid_status($1)", cause.xid)
        except Exception as problem:
            return None if self.trouble_kind(problem) is not None else False
        if status == "in progress":  # the server has not yet seen that its client is gone
            return None
        return bool(status == "committed")

    def drop_writer(self) -> None:
        if self._writer is not None:
            with suppress(DBAPIError):
                self._writer.invalidate()
                self._writer.close()
            self._writer = None

    def close_writer(self) -> None:
        if self._writer is not None:
            with suppress(DBAPIError):
                self._writer.close()
            self._writer = None

    def close(self) -> None:
        for engine in (self._reading, self._writing):
            if engine is not None:
                engine.dispose()

    # ------------------------------------------------------------ inside

    @contextmanager
    def _aside(self) -> Iterator[Connection]:
        """A session beside the writer's, for a moment."""
        try:
            with self._writing.connect() as connection:
                yield connection
        except Exception as error:
            unavailable = self.unavailable(error)
            if unavailable is None:
                raise
            raise unavailable from error

    def _step(self, connection: Connection, work: Callable[..., T], *arguments: Any) -> T | None:
        """One transaction; None where others held its locks too long."""
        for _ in range(LOCK_ATTEMPTS):
            try:
                with connection.begin():
                    return work(dbapi(connection), *arguments)
            except driver.Error as error:
                if error.sqlstate != LOCK_NOT_AVAILABLE:
                    raise
                time.sleep(0.1)
        log.info("%s: others read what was to be changed; it is tried again later", self.place)
        return None

    def _engine(self, begin: str, *, asks_outcome: bool, readers: int | None = None) -> Engine:
        def connect() -> driver.Connection:
            try:
                return driver.Connection(self.url, SETTINGS, begin=begin, asks_outcome=asks_outcome)
            except (asyncpg.exceptions.ClientConfigurationError, ValueError) as error:
                # A password with characters that mean something in an address: the error would show them.
                why = str(error) if self.place == self.url else "write / ? # @ : % in the password as %2F ..."
                raise StoreUrlError(self.url, why) from None

        engine = (
            create_engine("postgresql+ampacity://", creator=connect, poolclass=NullPool)
            if readers is None
            else create_engine(
                "postgresql+ampacity://",
                creator=connect,
                poolclass=QueuePool,
                pool_size=readers,
                max_overflow=0,
            )
        )
        event.listen(engine, "begin", lambda connection: dbapi(connection).begin())
        return engine

    def _read(self, fn: Callable[[Connection], T]) -> T:
        assert self._reading is not None, "open() comes first"
        with self._reading.connect() as connection:
            try:
                with connection.begin():
                    return fn(connection)
            except Exception as error:
                if self.trouble_kind(error) == "unreachable":
                    connection.invalidate()
                raise

    def _locked_session(self, guest: bool) -> Connection:
        """A session with the writer's lock, which another program may be about to give back. A guest works
        beside its holder.
        """
        ends = time.monotonic() + LOCKED_WITHIN_S
        connection = self._writing.connect()
        while True:
            try:
                _lock(connection, self.place)
                return connection
            except StoreUnavailable:
                if guest:
                    self.beside = True
                    return connection
                if time.monotonic() >= ends:
                    connection.close()
                    raise
                time.sleep(0.1)

    def _check_server(self, connection: Connection) -> None:
        version = int(dbapi(connection).value("SHOW server_version_num"))
        if version < OLDEST_SERVER:
            raise StoreUnfit(
                self.place,
                f"its server is PostgreSQL {version // 10_000}",
                f"PostgreSQL {OLDEST_SERVER // 10_000} is the oldest that will do: update the server",
            )
        encoding = dbapi(connection).value("SHOW server_encoding")
        if encoding != "UTF8":
            raise StoreUnfit(
                self.place,
                f"its encoding is {encoding}, which has no place for what stations may say",
                "make another with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
            )

    def _denied(self, error: BaseException) -> StoreUnavailable | None:
        """What making the tables may run into: a user that may only look (PostgreSQL 15's default)."""
        cause = _cause(error)
        if getattr(cause, "sqlstate", "") != "42501":
            return None
        return StoreUnavailable("denied", self.place, str(cause), REMEDIES["42501"])


def _lock(connection: Connection, place: str) -> None:
    taken = dbapi(connection).value(
        "SELECT pg_try_advisory_lock(hashtext('ampacity writer'), hashtext(coalesce(current_schema(), '')))"
    )
    if not taken:
        raise StoreUnavailable("locked", place, "another session holds the writer's lock", REMEDIES["locked"])


def _lock_again(connection: Connection, place: str) -> None:
    """The same for who had it: our own session that was cut off may hold it until the server has noticed."""
    ends = time.monotonic() + LOST_SESSION_S
    while True:
        try:
            _lock(connection, place)
            return
        except StoreUnavailable:
            if time.monotonic() >= ends:
                raise
            time.sleep(0.05)


def _remedy(kind: TroubleKind, state: str) -> str | None:
    return REMEDIES.get(state[:2]) or REMEDIES.get(kind)


def _cause(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error

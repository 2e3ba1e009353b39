"""asyncpg as a driver for SQLAlchemy's blocking engine, for the store's own threads.

asyncpg is the quickest of the drivers with a permissive licence (docs/decisions/0006) but speaks asyncio. The
store works in threads: there each connection has an event loop of its own, which runs only while a statement
does. A statement takes 55 us that way, also behind a busy event loop in another thread.

What can wait is deferred: BEGIN, SAVEPOINT and RELEASE travel with the next statement's round trip or with
COMMIT. One unit of work with one statement is therefore four round trips (begin and savepoint, statement, the
question for the transaction's number, commit) instead of seven.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Literal, TypeVar

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.postgresql.base import PGExecutionContext

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 60.0
"""After this long without an answer the server counts as gone."""
STATEMENTS_KEPT = 512

apilevel = "2.0"
threadsafety = 1
paramstyle = "numeric_dollar"
Binary = bytes


class Error(Exception):
    """What the server or the driver refused; `sqlstate` is PostgreSQL's five-letter code."""

    def __init__(self, text: str, sqlstate: str = "") -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class Warning(Exception):
    """Part of the interface; never raised."""


class InterfaceError(Error):
    """The driver was used wrongly."""


class DatabaseError(Error):
    """The server refused."""


class DataError(DatabaseError):
    """A value doesn't fit its type."""


class OperationalError(DatabaseError):
    """The server can't, whatever is asked: it is gone, full, read-only, overloaded."""


class IntegrityError(DatabaseError):
    """A constraint is violated."""


class InternalError(DatabaseError):
    """The server found itself in a state that should not be."""


class ProgrammingError(DatabaseError):
    """The statement is wrong."""


class NotSupportedError(DatabaseError):
    """The server can't do that at all."""


class OutcomeUnknown(OperationalError):
    """The connection was lost while the transaction `xid` was being committed."""

    def __init__(self, text: str, xid: int) -> None:
        super().__init__(text, "08007")
        self.xid = xid


_CLASSES: dict[str, type[DatabaseError]] = {
    "0A": NotSupportedError,
    "08": OperationalError,
    "22": DataError,
    "23": IntegrityError,
    "25": OperationalError,
    "28": OperationalError,
    "3D": OperationalError,
    "42": ProgrammingError,
    "53": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "XX": InternalError,
}
CONNECTION_LOST = "08006"
_FAILED_TRANSACTION = "25P02"


def translated(error: BaseException) -> Error | None:
    """asyncpg's error as one of this interface; None for what is neither the server's nor the network's."""
    if isinstance(error, Error):
        return error
    if isinstance(error, asyncpg.PostgresError):
        state = str(getattr(error, "sqlstate", "") or "")
        detail = getattr(error, "detail", None)
        text = f"{error} ({detail})" if detail else str(error)
        return _CLASSES.get(state[:2], DatabaseError)(text, state)
    if isinstance(error, asyncpg.exceptions.DataError):
        return DataError(str(error), "22000")
    if isinstance(error, asyncpg.InterfaceError):
        closed = "closed" in str(error)
        return OperationalError(str(error), CONNECTION_LOST) if closed else InterfaceError(str(error))
    if isinstance(error, asyncpg.InternalClientError):  # the connection broke in the midst of an answer
        return OperationalError(str(error), CONNECTION_LOST)
    if isinstance(error, OSError | TimeoutError):  # TimeoutError: the server did not answer in time
        return OperationalError(str(error) or type(error).__name__, CONNECTION_LOST)
    return None


def connection_lost(error: Error) -> bool:
    """Whether the connection is of no use any more: the network's failure, or the server goes down."""
    return error.sqlstate.startswith(("08", "57P"))


class Connection:
    """A connection as SQLAlchemy wants it. One thread at a time, and none that runs an event loop."""

    def __init__(self, dsn: str, settings: dict[str, str], *, begin: str, asks_outcome: bool) -> None:
        """`begin` opens a transaction. With `asks_outcome` a commit that is cut off can be looked up."""
        self._begin = begin
        self._asks_outcome = asks_outcome
        self._loop = _new_loop()
        self._pending: list[str] = []
        self._begun = False
        self._failed = False
        self._statements: OrderedDict[str, tuple[Any, Any]] = OrderedDict()
        try:
            self.server: Any = self._wait(
                asyncpg.connect(
                    dsn,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=STATEMENT_TIMEOUT_S,
                    statement_cache_size=0,
                    server_settings=settings,
                )
            )
        except BaseException:
            self._loop.close()
            raise

    # ------------------------------------------------------------ transactions

    def begin(self) -> None:
        """Open a transaction with the next statement."""
        self._begun, self._failed = True, False
        self._pending = [self._begin]

    def defer(self, statement: str) -> None:
        """Send `statement`, which gives no rows, together with the next one."""
        self._pending.append(statement)

    def savepoint(self) -> None:
        """Begin a unit of work inside the transaction."""
        self._pending.append("SAVEPOINT unit")

    def release(self) -> None:
        """Keep what was done since the savepoint. Raises where a statement failed and nobody undid it."""
        if self._failed:
            raise OperationalError(
                "a statement of this unit of work failed and the unit went on: let the error through, or "
                "undo the statement by a savepoint",
                _FAILED_TRANSACTION,
            )
        self._pending.append("RELEASE unit")

    def undo(self) -> None:
        """Undo what was done since the savepoint."""
        self._failed = False
        self._pending += ("ROLLBACK TO unit", "RELEASE unit")

    def commit(self) -> None:
        """Commit; returns when the server has it on the disk. Raises OutcomeUnknown where that isn't
        known."""
        if not self._begun:
            return
        xid = None
        if self._asks_outcome and not self._failed:
            xid = self.value("SELECT txid_current_if_assigned()")
        commands, self._pending = [*self._pending, "COMMIT"], []
        self._begun = False
        try:
            told = self._wait(self.server.execute("; ".join(commands)))
        except OperationalError as error:
            if xid is not None and connection_lost(error):
                raise OutcomeUnknown(str(error), xid) from error
            raise
        if told != "COMMIT":
            raise OperationalError("the server undid the transaction", _FAILED_TRANSACTION)

    def rollback(self) -> None:
        """Undo the transaction."""
        pending, self._pending = self._pending, []
        begun, self._begun = self._begun, False
        if begun and pending[:1] != [self._begin] and not self.server.is_closed():
            self._wait(self.server.execute("ROLLBACK"))

    # ------------------------------------------------------------ statements

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute(self, statements: str) -> None:
        """Run statements without values that give no rows."""
        self._send_pending()
        self._wait(self.server.execute(statements))

    def value(self, statement: str, *values: Any) -> Any:
        """The first value that a statement gives."""
        rows, _ = self.run(statement, values)[:2]
        return rows[0][0] if rows else None

    def run(self, statement: str, values: Sequence[Any]) -> tuple[list[tuple[Any, ...]], Any, str]:
        """Run a statement: its rows, their description, and what the server says it did."""
        self._send_pending()
        prepared, described = self._prepared(statement)
        rows, status = self._wait(_fetched(prepared, without_nul(values)))
        if statement.startswith("ROLLBACK"):
            self._failed = False
        return [tuple(row) for row in rows], described, status

    def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of `rows`, without waiting for each answer."""
        self._send_pending()
        prepared, _ = self._prepared(statement)
        self._wait(_executed_many(prepared, [without_nul(row) for row in rows]))

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """COPY `rows` into `columns` of `table`; returns how many."""
        self._send_pending()
        records = [without_nul(row) for row in rows]
        self._wait(self.server.copy_records_to_table(table, records=records, columns=list(columns)))
        return len(records)

    def copy_out(self, query: str, file: Any) -> None:
        """Write the rows of `query` into an open binary file, in COPY's binary format."""
        self._send_pending()
        self._wait(self.server.copy_from_query(query, output=file, format="binary", timeout=3_600))

    def copy_in(self, table: str, columns: Sequence[str], file: Any) -> None:
        """Read rows in COPY's binary format from an open binary file."""
        self._send_pending()
        self._wait(
            self.server.copy_to_table(
                table, source=file, columns=list(columns), format="binary", timeout=3_600
            )
        )

    def close(self) -> None:
        """Say goodbye to the server and close."""
        try:
            if not self.server.is_closed():
                self._wait(self.server.close(timeout=2))
        finally:
            self.terminate()

    def terminate(self) -> None:
        """Close without waiting for the server."""
        if not self._loop.is_closed():
            self.server.terminate()
            self._loop.close()

    def _send_pending(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, []
            self._wait(self.server.execute("; ".join(pending)))

    def _prepared(self, statement: str) -> tuple[Any, Any]:
        found = self._statements.get(statement)
        if found is None:
            prepared, attributes = self._wait(_prepared(self.server, statement))
            described = [(a.name, a.type.oid, None, None, None, None, None) for a in attributes]
            found = self._statements[statement] = (prepared, described or None)
            if len(self._statements) > STATEMENTS_KEPT:
                self._statements.popitem(last=False)
        else:
            self._statements.move_to_end(statement)
        return found

    def _wait(self, work: Coroutine[Any, Any, T] | Any) -> T | Any:
        try:
            return self._loop.run_until_complete(work)
        except Exception as error:
            self._failed = True
            known = translated(error)
            if known is None or known is error:
                raise
            raise known from error


# asyncpg's prepared statements refuse by a plain call, too, once their connection is closed; in coroutines of
# ours whatever they raise comes out of `Connection._wait`, translated.


async def _prepared(server: Any, statement: str) -> tuple[Any, Any]:
    prepared = await server.prepare(statement)
    return prepared, prepared.get_attributes()


async def _fetched(prepared: Any, values: Sequence[Any]) -> tuple[Any, str]:
    rows = await prepared.fetch(*values)
    return rows, prepared.get_statusmsg()


async def _executed_many(prepared: Any, rows: list[Any]) -> Any:
    return await prepared.executemany(rows)


class Cursor:
    """The result of one statement."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0
        self.description: Any = None
        self.rowcount = -1

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        self._rows, self.description, status = self._connection.run(operation, parameters or ())
        self._next = 0
        counted = _COUNT.search(status or "")
        self.rowcount = int(counted[0]) if counted else -1

    def executemany(self, operation: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._connection.run_many(operation, parameters)
        self.description, self.rowcount = None, -1

    def fetchone(self) -> tuple[Any, ...] | None:
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        rows = self._rows[self._next : self._next + (size or self.arraysize)]
        self._next += len(rows)
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows = self._rows[self._next :] if self._next else self._rows
        self._rows, self._next = [], 0
        return rows

    def close(self) -> None:
        self._rows = []


class Dialect(PGDialect_asyncpg):
    """SQLAlchemy's PostgreSQL with the types as asyncpg wants them, on the blocking connection above."""

    driver = "ampacity"
    is_async = False
    supports_statement_cache = True
    supports_server_side_cursors = False
    execution_ctx_cls = PGExecutionContext  # type: ignore[assignment]  # without its parent's asyncio

    @classmethod
    def import_dbapi(cls) -> Any:
        import sys

        return sys.modules[__name__]

    def on_connect(self) -> None:
        return None

    def get_driver_connection(self, connection: Any) -> Any:
        return connection

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        return isinstance(e, Error) and connection_lost(e)

    def do_terminate(self, dbapi_connection: Any) -> None:
        dbapi_connection.terminate()

    def get_isolation_level(self, dbapi_connection: Any) -> Literal["READ COMMITTED"]:
        return "READ COMMITTED"


registry.register("postgresql.ampacity", __name__, "Dialect")

_COUNT = re.compile(r"\d+$")


def without_nul(values: Sequence[Any]) -> list[Any]:
    """PostgreSQL's text can't hold the character 0, which a station may well send: it is shown as unknown."""
    return [_shown(value) if type(value) in _MAY_HOLD_NUL else value for value in values]


_MAY_HOLD_NUL = (str, tuple)


def _shown(value: str | tuple[Any, ...]) -> Any:
    if isinstance(value, tuple):  # an array
        return without_nul(value)
    return value.replace("\0", "\ufffd") if "\0" in value else value


def _new_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()  # on Windows too, whose own kind can't wait for plain sockets

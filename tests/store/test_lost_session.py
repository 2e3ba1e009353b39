"""Found by killing servers: a session that is gone refuses by a plain call as well as by an answer, and each
time what is raised must say that the server can't be reached. Else a station hears of an internal error, and
may throw its message away."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from ampacity.store import postgres_driver as driver

PREPARED = "SELECT 1"


@pytest.fixture
def lost(pg_database: str) -> Iterator[driver.Connection]:
    """A session with a prepared statement, whose connection is gone."""
    session = driver.Connection(pg_database, {}, begin="BEGIN", asks_outcome=False)
    assert session.run(PREPARED, ())[0] == [(1,)]
    session.server.terminate()
    yield session
    session.terminate()


def test_a_lost_session_says_so(lost: driver.Connection) -> None:
    with pytest.raises(driver.OperationalError) as known:
        lost.run(PREPARED, ())
    assert driver.connection_lost(known.value)


def test_so_it_does_for_many_rows(lost: driver.Connection) -> None:
    with pytest.raises(driver.OperationalError) as known:
        lost.run_many(PREPARED, [()])
    assert driver.connection_lost(known.value)


def test_so_it_does_for_a_new_statement(lost: driver.Connection) -> None:
    with pytest.raises(driver.OperationalError) as known:
        lost.run("SELECT 2", ())
    assert driver.connection_lost(known.value)


def test_an_answer_that_breaks_off_is_a_lost_session() -> None:
    error = driver.translated(asyncpg.InternalClientError("another operation is in progress"))
    assert error is not None
    assert driver.connection_lost(error)

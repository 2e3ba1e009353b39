"""A PostgreSQL server that can't be used says which, what is wrong and what helps. On both databases commands
work beside a node, and a second node is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from ampacity.clock import WallClock
from ampacity.store import (
    Store,
    StoreOlder,
    StoreUnavailable,
    StoreUnfit,
    StoreUrlError,
    migrations,
    postgres,
    sqlite,
)
from ampacity.store.errors import without_password
from ampacity.store.operators import get_setting, put_setting
from tests.fixtures.ports import unused_port
from tests.fixtures.postgres import KEYED

from .conftest import NOON, OPERATOR, open_store


async def run(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def keyed(pg_database: str) -> AsyncIterator[str]:
    """The address of a user who needs the password `s3cret`, without it."""
    await run(pg_database, f"CREATE ROLE {KEYED} LOGIN PASSWORD 's3cret'")
    await run(pg_database, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {KEYED}")
    await run(pg_database, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {KEYED}")
    yield pg_database.replace("postgres@", f"{KEYED}@")
    await run(pg_database, f"DROP OWNED BY {KEYED}")
    await run(pg_database, f"DROP ROLE {KEYED}")


async def refused(address: str) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        await Store.open(address, WallClock())
    return caught.value


async def test_a_server_that_is_down() -> None:
    port = unused_port()
    error = await refused(f"postgresql://ampacity:s3cret@127.0.0.1:{port}/charging")
    assert error.kind == "unreachable"
    assert f"postgresql://ampacity@127.0.0.1:{port}/charging" in str(error)
    assert "see that the server runs" in error.remedy
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("password", ["", ":wr0ng"])
async def test_a_wrong_or_missing_password(keyed: str, password: str) -> None:
    error = await refused(keyed.replace(f"{KEYED}@", f"{KEYED}{password}@"))
    assert error.kind == "denied"
    assert "check user, password" in error.remedy
    assert "wr0ng" not in str(error)


async def test_the_password_may_come_from_the_environment(
    keyed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    store = await Store.open(keyed, WallClock())
    assert "s3cret" not in store.place
    await store.close()


async def test_no_such_database(pg_dsn: str) -> None:
    error = await refused(urlsplit(pg_dsn)._replace(path="/nowhere").geturl())
    assert error.kind == "denied"
    assert '"nowhere" does not exist' in str(error)
    assert "CREATE DATABASE" in error.remedy


async def test_a_server_that_is_too_old(pg_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OLDEST_SERVER", 990_000)
    with pytest.raises(StoreUnfit, match=r"PostgreSQL \d+: PostgreSQL 99 is the oldest .* update the server"):
        await Store.open(pg_database, WallClock())


async def test_a_database_of_another_encoding(pg_dsn: str) -> None:
    await run(pg_dsn, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreUnfit, match=r"encoding is LATIN1.* ENCODING 'UTF8'"):
        await Store.open(urlsplit(pg_dsn)._replace(path="/latin").geturl(), WallClock())
    await run(pg_dsn, "DROP DATABASE latin WITH (FORCE)")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret@host/db",
        "postgresql://user:s3/cr@et@host/db",
        "postgresql://user:s3?c#r@et@host/db",
        "postgresql://user@host/db?password=s3cret&sslmode=require",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    shown = without_password(url)
    assert "s3" not in shown
    assert "et@" not in shown
    assert shown.startswith("postgresql://user@host/db")


async def test_a_password_that_the_address_can_not_hold_is_not_shown() -> None:
    with pytest.raises(StoreUrlError, match=r"%2F") as caught:
        await Store.open("postgresql://user:s3/cr@host/db", WallClock())
    assert "s3" not in str(caught.value)


async def test_a_second_node_is_refused_and_a_guest_is_not(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCKED_WITHIN_S", 0.2)
    monkeypatch.setattr(sqlite, "LOCKED_WITHIN_S", 0.2)
    node = await open_store(address)
    assert not node.beside
    error = await refused(address)
    assert error.kind == "locked"
    assert "another Ampacity runs on" in str(error)
    assert "stop" in error.remedy
    guest = await Store.open(address, WallClock(), guest=True)
    assert guest.beside
    await asyncio.gather(
        *(
            store.write(lambda connection, key=key: put_setting(connection, OPERATOR, key, True, NOON))
            for key, store in (("node", node), ("guest", guest))
        )
    )
    assert await node.read(lambda connection: get_setting(connection, OPERATOR, "guest")) is True
    await guest.close()
    await node.close()
    alone = await Store.open(address, WallClock(), guest=True)
    assert not alone.beside
    await alone.close()


async def test_a_guest_does_not_change_the_schema_under_a_node(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await open_store(address)
    monkeypatch.setattr(migrations, "HEAD", "9998")
    with pytest.raises(StoreOlder, match=r"a node runs on it: stop the node"):
        await Store.open(address, WallClock(), guest=True)
    await node.close()

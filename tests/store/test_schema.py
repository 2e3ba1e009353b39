"""The schema: migrations and metadata agree, and everything belongs to an operator."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Index, create_engine, inspect

from ampacity.clock import WallClock
from ampacity.store import Store, StoreNewer, migrations
from ampacity.store.tables import metadata

PARTITION = re.compile(r"_(\d{6}|\d{8}|rest)$")


async def migrated(path: Path) -> None:
    await (await Store.open(path, WallClock())).close()


async def test_migrations_make_what_the_tables_say(address: str) -> None:
    def compare(connection: Connection) -> list[object]:
        def ours(thing: object, name: str | None, kind: str, reflected: bool, _: object) -> bool:
            if kind == "table":
                return not PARTITION.search(name or "")
            # An index of the other database is in the metadata only.
            return not (isinstance(thing, Index) and not reflected and not made_on(thing, connection))

        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        return list(compare_metadata(context, metadata))

    store = await Store.open(address, WallClock())
    assert await store.read(compare) == []
    await store.close()


def made_on(index: Index, connection: Connection) -> bool:
    made = index._ddl_if
    return made is None or made.dialect == connection.dialect.name


async def test_each_table_and_key_carries_the_operator(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await migrated(path)
    engine = create_engine(f"sqlite:///{path}")
    inspector = inspect(engine)
    tables = [
        name for name in inspector.get_table_names() if name not in ("alembic_version", "sqlite_sequence")
    ]
    assert len(tables) >= 24
    for table in tables:
        columns = {column["name"]: column for column in inspector.get_columns(table)}
        assert not columns["operator_id"]["nullable"], table
        for key in inspector.get_foreign_keys(table):
            assert key["constrained_columns"][0] == "operator_id", (table, key)
            assert key["referred_columns"][0] == "operator_id", (table, key)
        for index in inspector.get_indexes(table):
            # Who signs in by a secret is found by the secret: nobody knows the operator yet.
            by_secret = index["column_names"] in (["sha256"], ["prefix"])
            assert by_secret or index["column_names"][0] == "operator_id", (table, index)
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await migrated(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(
        StoreNewer, match=r"has schema 9999, this program knows up to .* start the newer"
    ) as caught:
        await Store.open(path, WallClock())
    assert caught.value.found == "9999"


async def test_a_second_start_migrates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await migrated(path)
    before = path.read_bytes()
    await migrated(path)
    assert path.read_bytes() == before

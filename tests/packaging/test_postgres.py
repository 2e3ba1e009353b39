"""The PostgreSQL that `./dev test` provides is real."""

from __future__ import annotations

import asyncpg


async def test_postgres_keeps_a_row(pg_dsn: str) -> None:
    connection = await asyncpg.connect(pg_dsn)
    try:
        await connection.execute("create temporary table reading (at timestamptz, power_w float8)")
        await connection.execute("insert into reading values (now(), 11040.5)")
        assert await connection.fetchval("select power_w from reading") == 11040.5
        assert "PostgreSQL" in await connection.fetchval("select version()")
    finally:
        await connection.close()

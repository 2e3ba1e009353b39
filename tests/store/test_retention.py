"""Retention deletes what is old, in small pieces, and nothing that money depends on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, insert, select

from ampacity.store import Store, findings, journal, retention
from ampacity.store.access import LoginLinkRow, UserRow, WebSessionRow, add_link, add_session, add_user
from ampacity.store.operators import ensure_operator
from ampacity.store.postgres import PostgresBackend
from ampacity.store.retention import RetentionPolicy, enforce
from ampacity.store.samples import ReadingWriter, Told
from ampacity.store.tables import connection_finding, message_key, message_log, meter_reading, rollup_15min
from ampacity.store.tables import journal as journal_table

from .conftest import NOON, OPERATOR
from .rows import finding, reading, record


async def count(store: Store, table) -> int:
    return await store.read(lambda connection: connection.scalar(select(func.count()).select_from(table)))


async def test_old_rows_go_and_young_ones_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # On PostgreSQL rollups and keys go by the month.
    rollups_old, keys_old = (0, 0) if isinstance(store.backend, PostgresBackend) else (5, 3)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)

    def fill(connection: Connection) -> None:
        ensure_operator(connection, "other", "Other", NOON)
        for operator_id in (OPERATOR, "other"):
            for day in range(20):
                at = NOON - timedelta(days=day)
                frames = {"operator_id": operator_id, "station_id": "CP1", "at": at, "last_at": at}
                connection.execute(insert(message_log), frames | {"actions": "", "frames": b"\x90"})
                findings.write(connection, [finding(f"f{day}", at, operator_id=operator_id)])
                for station_id in ("CP1", "CP2"):
                    message = record(f"m{day}", operator_id=operator_id, station_id=station_id)
                    journal.add(connection, message)
                    key = {"operator_id": operator_id, "station_id": station_id, "at": at, "retry_key": "k"}
                    connection.execute(insert(message_key), key | {"journal_id": message.id})
                    told = Told((operator_id, station_id, 1), None, (reading(at, 1.0),))
                    ReadingWriter().write(connection, [told])

    await store.write(fill)
    policy = RetentionPolicy(
        message_log_days=4.5, sample_days=9.5, rollup_days=14.5, connection_days=2.5, message_key_days=16.5
    )
    report = await enforce(store, policy, NOON)
    assert (report.messages, report.findings) == (2 * 15, 2 * 17)
    assert report.samples == 2 * 2 * 10  # operators, stations, days
    assert report.rollups == 2 * 2 * 5 * rollups_old
    assert report.message_keys == 2 * 2 * keys_old
    assert await count(store, message_key) == 2 * 2 * (20 - keys_old)
    assert await count(store, message_log) == 2 * 5
    assert await count(store, connection_finding) == 2 * 3
    assert await count(store, meter_reading) == 2 * 2 * 10
    assert await count(store, rollup_15min) == 2 * 2 * 5 * (20 - rollups_old)
    assert await count(store, journal_table) == 2 * 2 * 20
    oldest = await store.read(lambda connection: connection.scalar(select(func.min(meter_reading.c.at))))
    assert oldest == NOON - timedelta(days=9)
    again = await enforce(store, policy, NOON)
    assert again == retention.RetentionReport(
        messages=0, samples=0, rollups=0, message_keys=0, findings=0, sign_ins=0
    )


async def test_sign_ins_that_ended_go(store: Store) -> None:
    def fill(connection: Connection) -> None:
        add_user(
            connection,
            UserRow(operator_id=OPERATOR, user_id="u1", name="ada", role="owner", created_at=NOON),
        )
        for hours in (-1, 1):
            expires = NOON + timedelta(hours=hours)
            sign_in = {"operator_id": OPERATOR, "sha256": str(hours), "user_id": "u1", "created_at": NOON}
            add_session(connection, WebSessionRow(**sign_in, expires_at=expires))
            add_link(connection, LoginLinkRow(**sign_in, expires_at=expires))

    await store.write(fill)
    assert (await enforce(store, RetentionPolicy(), NOON)).sign_ins == 2

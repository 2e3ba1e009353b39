"""Retention: what is kept for how long. The journal, transactions and the audit are never deleted here.

Deleting goes in small batches with other writes in between, so that a site with a year of samples notices
nothing. On PostgreSQL whole partitions are dropped instead (see `partitions`): what is older than the policy
allows by less than a partition's day or month stays until all of it is.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct
from sqlalchemy import Connection, Table, delete, func, or_, select

from . import decisions, samples
from .database import Store
from .errors import StoreUnavailable
from .operators import list_operators
from .reservations import delete_expired_before
from .tables import (
    connection_finding,
    customer_report,
    login_link,
    message_key,
    message_log,
    meter_reading,
    rollup_15min,
    security_event,
    station_event,
    web_session,
)

ROWS_AT_ONCE = 2_000
EVENTS_OF_A_STATION = 20_000
"""A monitor that is set too fine must not fill the disk."""
ENFORCE_EVERY_S = 3_600.0


class RetentionPolicy(Struct, frozen=True, kw_only=True):
    """Days that each kind is kept. Rollups stay ten years: they are small, and bills look back. A message
    that a station repeats is known by its key; one that tells a time of longer ago than `message_key_days`
    counts as new. What stations told of customers is personal data and goes soon.
    """

    message_log_days: float = 14.0
    sample_days: float = 400.0
    rollup_days: float = 3_653.0
    message_key_days: float = 400.0
    connection_days: float = 30.0
    event_days: float = 400.0
    customer_report_days: float = 30.0
    reservation_days: float = 400.0
    decision_days: float = 60.0


class RetentionReport(Struct, frozen=True, kw_only=True):
    """Rows deleted; of dropped partitions about how many."""

    messages: int
    samples: int
    rollups: int
    message_keys: int
    findings: int
    sign_ins: int
    events: int = 0
    security_events: int = 0
    customer_reports: int = 0
    reservations: int = 0
    decisions: int = 0


async def run(store: Store, policy: RetentionPolicy) -> None:
    """Enforce each hour (wall time) until cancelled; a disk that refuses is tried again the next hour."""
    while True:
        with suppress(StoreUnavailable):  # told by the store itself
            await asyncio.to_thread(store.backend.make_room, store.clock.now())
            await enforce(store, policy, store.clock.now())
        await asyncio.sleep(ENFORCE_EVERY_S)


async def enforce(store: Store, policy: RetentionPolicy, now: datetime) -> RetentionReport:
    """Delete what is older than the policy allows, and sign-ins that have expired."""
    messages_before = now - timedelta(days=policy.message_log_days)
    samples_before = now - timedelta(days=policy.sample_days)
    rollups_before = now - timedelta(days=policy.rollup_days)
    messages = await _drop(store, message_log, messages_before)
    sampled = await _drop(store, meter_reading, samples_before)
    rolled = await _drop(store, rollup_15min, rollups_before)
    keys_before = now - timedelta(days=policy.message_key_days)
    keys = await _drop(store, message_key, keys_before) or 0
    one_by_one = messages is None
    messages, sampled, rolled = messages or 0, sampled or 0, rolled or 0
    findings = sign_ins = events = noticed = customers = reserved = decided = 0
    for known in await store.read(list_operators):
        operator_id = known.operator_id
        if one_by_one:
            messages += await _delete_older(store, message_log, operator_id, messages_before)
            sampled += await _delete_of_evses(store, meter_reading, operator_id, samples_before)
            rolled += await _delete_of_evses(store, rollup_15min, operator_id, rollups_before)
            keys += await _delete_keys(store, operator_id, keys_before)
        findings += await _delete_findings(store, operator_id, now - timedelta(days=policy.connection_days))
        sign_ins += await store.write(partial(_delete_expired, operator_id, now))
        events += await _delete_older(
            store, station_event, operator_id, now - timedelta(days=policy.event_days)
        )
        events += await _bound_events(store, operator_id)
        noticed += await _delete_security_events(store, operator_id, now - timedelta(days=policy.event_days))
        customers_before = now - timedelta(days=policy.customer_report_days)
        customers += await store.write(partial(_delete_customer_reports, operator_id, customers_before))
        reserved_before = now - timedelta(days=policy.reservation_days)
        reserved += await store.write(partial(delete_expired_before, operator_id, reserved_before))
        decided += await _delete_decisions(store, operator_id, now - timedelta(days=policy.decision_days))
    return RetentionReport(
        messages=messages,
        samples=sampled,
        rollups=rolled,
        message_keys=keys,
        findings=findings,
        sign_ins=sign_ins,
        events=events,
        security_events=noticed,
        customer_reports=customers,
        reservations=reserved,
        decisions=decided,
    )


async def _drop(store: Store, table: Table, before: datetime) -> int | None:
    return await asyncio.to_thread(store.backend.drop_before, table, before)


async def _delete_older(store: Store, table: Table, operator_id: str, before: datetime) -> int:
    def some(connection: Connection) -> int:
        oldest = (
            select(table.c.id)
            .where(table.c.operator_id == operator_id, table.c.at < before)
            .order_by(table.c.at)
            .limit(ROWS_AT_ONCE)
        )
        return connection.execute(
            delete(table).where(table.c.operator_id == operator_id, table.c.id.in_(oldest))
        ).rowcount

    total = 0
    while deleted := await store.write(some):
        total += deleted
    return total


async def _delete_keys(store: Store, operator_id: str, before: datetime) -> int:
    """The keys of old messages, which lie together at the table's beginning."""
    at = message_key.c.at
    old = (message_key.c.operator_id == operator_id, at < before)

    def some(connection: Connection) -> int:
        last = connection.execute(
            select(at).where(*old).order_by(at).offset(ROWS_AT_ONCE - 1).limit(1)
        ).scalar()
        doomed = delete(message_key).where(*old)
        return connection.execute(doomed if last is None else doomed.where(at <= last)).rowcount

    total = 0
    while deleted := await store.write(some):
        total += deleted
    return total


async def _delete_findings(store: Store, operator_id: str, before: datetime) -> int:
    column = connection_finding.c

    def some(connection: Connection) -> int:
        oldest = (
            select(column.finding_id)
            .where(column.operator_id == operator_id, column.last_at < before)
            .order_by(column.last_at)
            .limit(ROWS_AT_ONCE)
        )
        return connection.execute(
            delete(connection_finding).where(column.operator_id == operator_id, column.finding_id.in_(oldest))
        ).rowcount

    total = 0
    while deleted := await store.write(some):
        total += deleted
    return total


async def _delete_security_events(store: Store, operator_id: str, before: datetime) -> int:
    column = security_event.c

    def some(connection: Connection) -> int:
        oldest = (
            select(column.event_id)
            .where(column.operator_id == operator_id, column.at < before)
            .order_by(column.at)
            .limit(ROWS_AT_ONCE)
        )
        return connection.execute(
            delete(security_event).where(column.operator_id == operator_id, column.event_id.in_(oldest))
        ).rowcount

    total = 0
    while deleted := await store.write(some):
        total += deleted
    return total


async def _delete_decisions(store: Store, operator_id: str, before: datetime) -> int:
    total = 0
    for site_id in await store.read(partial(decisions.sites, operator_id=operator_id)):
        some = partial(
            decisions.delete_before,
            operator_id=operator_id,
            site_id=site_id,
            before=before,
            limit=ROWS_AT_ONCE // 10,  # they are long
        )
        while deleted := await store.write(some):
            total += deleted
    await store.write(partial(decisions.delete_sites_before, operator_id=operator_id, before=before))
    return total


async def _delete_of_evses(store: Store, table: Table, operator_id: str, before: datetime) -> int:
    total = 0
    evse: tuple[str, int] | None = None
    while True:
        evse = await store.read(partial(_next_evse, table, operator_id, evse))
        if evse is None:
            return total
        while deleted := await store.write(partial(_delete_some, table, operator_id, evse, before)):
            total += deleted


def _next_evse(
    table: Table, operator_id: str, evse: tuple[str, int] | None, connection: Connection
) -> tuple[str, int] | None:
    return samples.evse_after(connection, table, operator_id, evse)


def _delete_some(
    table: Table, operator_id: str, evse: tuple[str, int], before: datetime, connection: Connection
) -> int:
    return samples.delete_oldest(connection, table, operator_id, evse, before, ROWS_AT_ONCE)


def _delete_expired(operator_id: str, now: datetime, connection: Connection) -> int:
    sessions = delete(web_session).where(
        web_session.c.operator_id == operator_id, web_session.c.expires_at < now
    )
    links = delete(login_link).where(
        login_link.c.operator_id == operator_id,
        or_(login_link.c.expires_at < now, login_link.c.used_at < now - timedelta(days=1)),
    )
    return connection.execute(sessions).rowcount + connection.execute(links).rowcount


async def _bound_events(store: Store, operator_id: str) -> int:
    """Keep the newest events of each station that has too many."""
    column = station_event.c

    def crowded(connection: Connection) -> list[str]:
        query = (
            select(column.station_id)
            .where(column.operator_id == operator_id)
            .group_by(column.station_id)
            .having(func.count() > EVENTS_OF_A_STATION)
        )
        return [station_id for (station_id,) in connection.execute(query)]

    def some(connection: Connection, station_id: str) -> int:
        of_station = (column.operator_id == operator_id, column.station_id == station_id)
        newest = (
            select(column.id)
            .where(*of_station)
            .order_by(column.id.desc())
            .offset(EVENTS_OF_A_STATION)
            .limit(1)
        )
        last = connection.execute(newest).scalar()
        if last is None:
            return 0
        oldest = select(column.id).where(*of_station, column.id <= last).order_by(column.id)
        doomed = delete(station_event).where(column.id.in_(oldest.limit(ROWS_AT_ONCE)))
        return connection.execute(doomed.where(column.operator_id == operator_id)).rowcount

    total = 0
    for station_id in await store.read(crowded):
        while deleted := await store.write(partial(some, station_id=station_id)):
            total += deleted
    return total


def _delete_customer_reports(operator_id: str, before: datetime, connection: Connection) -> int:
    column = customer_report.c
    return connection.execute(
        delete(customer_report).where(column.operator_id == operator_id, column.asked_at < before)
    ).rowcount

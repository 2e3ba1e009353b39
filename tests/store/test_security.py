"""What stations have proved, certificates issued to them, and security events, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ampacity.store import Store, retention, security
from ampacity.store.security import SecurityEventRow, StationCertificate, StationSecurity

from .conftest import NOON, OPERATOR


def event(name: str, minute: int, **more: Any) -> SecurityEventRow:
    at = NOON + timedelta(minutes=minute)
    known: dict[str, Any] = {
        "operator_id": OPERATOR, "event_id": name, "station_id": "CP1", "kind": "ResetOrReboot",
        "critical": True, "detail": "", "happened_at": at, "at": at,
    }  # fmt: skip
    return SecurityEventRow(**(known | more))


def certificate(mark: str, **more: Any) -> StationCertificate:
    known: dict[str, Any] = {
        "operator_id": OPERATOR, "fingerprint": mark, "station_id": "CP1", "purpose":
        "ChargingStationCertificate", "state": "issued", "subject": "CN=CP1", "issuer": "CN=CA",
        "serial_number": "1f", "not_before": NOON, "not_after": NOON + timedelta(days=30), "issued_at":
        NOON, "changed_at": NOON, "detail": "", "chain": "PEM",
    }  # fmt: skip
    return StationCertificate(**(known | more))


async def test_events_are_kept_once_filtered_and_paged(store: Store) -> None:
    rows = [event(f"e{n}", n // 2) for n in range(6)]
    quiet = event("q", 9, critical=False, kind="Other", station_id="CP2")
    stranger = event("s", 9, operator_id="other")
    for row in (*rows, quiet, stranger):
        assert await store.write(lambda connection, row=row: security.add_event(connection, row))  # type: ignore[misc]
    assert not await store.write(lambda connection: security.add_event(connection, rows[0]))

    async def listed(**wanted: Any) -> list[str]:
        found = await store.read(lambda connection: security.list_events(connection, OPERATOR, **wanted))
        return [row.event_id for row in found]

    assert await listed() == ["q", "e5", "e4", "e3", "e2", "e1", "e0"]
    assert (
        await listed(critical=False) == await listed(station_id="CP2") == await listed(kind="Other") == ["q"]
    )
    assert await listed(limit=2) == ["q", "e5"]
    assert await listed(before=(rows[5].at, "e5"), limit=3) == ["e4", "e3", "e2"]


async def test_old_events_go(store: Store) -> None:
    for row in (event("old", -400 * 1440 - 1), event("new", 0)):
        await store.write(lambda connection, row=row: security.add_event(connection, row))  # type: ignore[misc]
    report = await retention.enforce(store, retention.RetentionPolicy(event_days=400), NOON)
    assert report.security_events == 1
    [left] = await store.read(lambda connection: security.list_events(connection, OPERATOR))
    assert left.event_id == "new"


async def test_a_revoked_certificate_stays_revoked(store: Store) -> None:
    old = certificate("b", not_after=NOON - timedelta(days=1))
    for row in (certificate("a"), old):
        await store.write(lambda connection, row=row: security.save_certificate(connection, row))  # type: ignore[misc]

    async def change(mark: str, state: Any) -> bool:
        return await store.write(
            lambda connection: security.change_certificate(connection, OPERATOR, mark, state, NOON, "why")
        )

    async def counting() -> dict[str, str]:
        found = await store.read(lambda connection: security.that_count(connection, OPERATOR, NOON))
        return {row.fingerprint: row.state for row in found}

    assert await counting() == {"a": "issued"}
    assert await change("a", "installed")
    assert await change("a", "revoked")
    assert await change("b", "revoked")
    assert not await change("a", "installed")
    assert not await change("nobody's", "revoked")
    assert await counting() == {"a": "revoked", "b": "revoked"}
    found = await store.read(
        lambda connection: security.list_certificates(connection, OPERATOR, station_id="CP1", state="revoked")
    )
    assert {(row.fingerprint, row.detail) for row in found} == {("a", "why"), ("b", "why")}


async def test_what_a_station_proved_is_replaced(store: Store) -> None:
    row = StationSecurity(operator_id=OPERATOR, station_id="CP1", next_password_hashes="x y")
    newer = StationSecurity(
        operator_id=OPERATOR, station_id="CP1", tolerates_expired=True, certificate="CN=CP1",
        certificate_ends_at=NOON
    )  # fmt: skip
    for each in (row, newer):
        await store.write(lambda connection, each=each: security.save_security(connection, each))  # type: ignore[misc]
    assert await store.read(lambda connection: security.list_security(connection, OPERATOR)) == [newer]
    assert await store.read(lambda connection: security.list_security(connection, "other")) == []

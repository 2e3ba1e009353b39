"""The connection doctor: causes are counted, strangers can't fill the disk, each operator sees its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ampacity.clock import WallClock
from ampacity.csms import doctor as module
from ampacity.csms.doctor import Doctor
from ampacity.csms.link import HandshakeRejected, RejectKind, SessionEnded
from ampacity.store import Store, findings
from ampacity.store.findings import Finding
from ampacity.store.operators import ensure_operator
from tests.conformance.double import station
from tests.csms.world import OPERATOR, world

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def turned_away(
    second: int = 0,
    *,
    identity: str | None = "CP1",
    kind: RejectKind = "password_wrong",
    peer: str = "10.0.0.7:5000",
    reason: str = "the password of station 'CP1' is wrong",
) -> HandshakeRejected:
    return HandshakeRejected(
        peer=peer,
        path=f"/ocpp/{identity}",
        identity=identity,
        kind=kind,
        reason=reason,
        status=401,
        at=NOON + timedelta(seconds=second),
        offered="ocpp1.6, ocpp2.0.1",
    )


def over(kind: str, reason: str, station_id: str = "CP1") -> SessionEnded:
    return SessionEnded(
        operator_id=OPERATOR,
        station_id=station_id,
        peer="10.0.0.7:5000",
        kind=kind,  # type: ignore[arg-type]
        reason=reason,
        lasted_s=12.5,
        at=NOON,
    )


class Practice:
    """A doctor with a database."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.doctor = Doctor(store, WallClock(), lambda identity: "other" if identity == "XX" else OPERATOR)

    async def found(self, operator_id: str = OPERATOR) -> list[Finding]:
        self.doctor.write_gathered()
        await self.store.flush()
        return await self.store.read(lambda connection: findings.list_findings(connection, operator_id))


@pytest.fixture
async def practice(address: str) -> AsyncIterator[Practice]:
    store = await Store.open(address, WallClock())
    await store.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", NOON))
    await store.write(lambda connection: ensure_operator(connection, "other", "Other", NOON))
    yield Practice(store)
    await store.close()


async def test_a_station_that_tries_for_ever_is_one_finding(practice: Practice) -> None:
    for second in range(500):
        practice.doctor.rejected(turned_away(second, peer=f"10.0.0.7:{5000 + second}"))
        if second == 250:
            practice.doctor.write_gathered()
    (found,) = await practice.found()
    assert (found.count, found.kind, found.status) == (500, "password_wrong", 401)
    assert found.peer == "10.0.0.7:5499"
    assert found.offered == "ocpp1.6, ocpp2.0.1"
    assert found.last_at - found.first_at == timedelta(seconds=499)


async def test_who_where_and_why_tell_causes_apart(practice: Practice) -> None:
    practice.doctor.rejected(turned_away())
    practice.doctor.rejected(turned_away(kind="password_missing"))
    practice.doctor.rejected(turned_away(peer="10.0.0.8:5000"))
    practice.doctor.rejected(turned_away(identity="CP2"))
    practice.doctor.ended(over("closed", "closed by the station (1000)"))
    practice.doctor.ended(over("closed", "closed by the station (1001)"))
    practice.doctor.ended(over("slow_consumer", "the station did not take 5000 bytes for 30 s"))
    practice.doctor.ended(over("slow_consumer", "the station did not take 9000 bytes for 30 s"))
    found = await practice.found()
    assert len(found) == 7
    assert sorted(one.count for one in found) == [1] * 6 + [2]


async def test_a_known_station_belongs_to_its_operator(practice: Practice) -> None:
    practice.doctor.rejected(turned_away(identity="XX"))
    assert await practice.found() == []
    (found,) = await practice.found("other")
    assert found.station_id == "XX"


async def test_what_no_database_keeps_is_shown_differently(practice: Practice) -> None:
    practice.doctor.rejected(turned_away(identity=None, kind="path", reason="a\0b \udcff"))
    (found,) = await practice.found()
    assert found.reason == "a\\0b ?"


async def test_invented_stations_can_not_fill_the_disk(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(module, "ROWS_PER_S", 0.001)
    practice.doctor.rejected(turned_away())
    for number in range(100):
        practice.doctor.rejected(turned_away(identity=f"X{number}", kind="unknown"))
        if number % 7 == 0:
            practice.doctor.write_gathered()
    practice.doctor.rejected(turned_away())
    found = await practice.found()
    assert len(found) == 10
    assert practice.doctor.shed == 92


async def test_both_ways_to_be_without_a_station_are_found_on_a_real_node(address: str) -> None:
    async with world(address, admit_unknown=False) as node:
        await node.csms.register(OPERATOR, "CP9", password="0123456789abcdef")
        await node.csms.register(OPERATOR, "CP8")
        for identity, status in (("CP9", "401"), ("CP1", "404")):
            with pytest.raises(Exception, match=status):
                async with station(node.port, identity):
                    pass
        async with station(node.port, "CP8"):
            pass
        await node.until(lambda: not node.gateway.connected)
        node.csms.doctor.write_gathered()
        await node.store.flush()
        kept = await node.store.read(lambda connection: findings.list_findings(connection, OPERATOR))
        by_station = {found.station_id: found for found in kept}
        assert {name: (found.outcome, found.kind) for name, found in by_station.items()} == {
            "CP9": ("rejected", "password_missing"),
            "CP1": ("rejected", "unknown"),
            "CP8": ("ended", "closed"),
        }
        assert by_station["CP9"].offered == "ocpp1.6"
        lasted_s = by_station["CP8"].lasted_s
        assert lasted_s is not None
        assert 0.0 <= lasted_s < 5.0

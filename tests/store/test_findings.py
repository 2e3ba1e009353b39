"""What the connection doctor found is kept once, counted, and found again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ampacity.store import Store, findings
from ampacity.store.findings import Finding

from .conftest import NOON, OPERATOR
from .rows import finding


async def listed(store: Store, **wanted: Any) -> list[Finding]:
    return await store.read(lambda connection: findings.list_findings(connection, OPERATOR, **wanted))


async def test_a_finding_made_again_is_counted_and_its_newest_words_kept(store: Store) -> None:
    later = NOON + timedelta(minutes=3)
    again = finding("a", later, count=4, peer="10.0.0.7:5099", first_at=NOON + timedelta(minutes=1))
    await store.write(lambda connection: findings.write(connection, [finding("a"), finding("b")]))
    await store.write(lambda connection: findings.write(connection, [again]))
    newest, other = await listed(store)
    assert (newest.count, newest.first_at, newest.last_at) == (5, NOON, later)
    assert newest.peer == "10.0.0.7:5099"
    assert other == finding("b")


async def test_findings_are_filtered_and_paged(store: Store) -> None:
    many = [finding(f"f{n}", NOON + timedelta(seconds=n // 2)) for n in range(6)]
    ended = finding(
        "e", NOON - timedelta(hours=1), outcome="ended", kind="lost", station_id="CP_2",
        reason="connection lost", status=None, lasted_s=61.5,
    )  # fmt: skip
    stranger = finding("s", NOON - timedelta(hours=2), station_id=None, kind="tls", operator_id="other")
    await store.write(lambda connection: findings.write(connection, [*many, ended, stranger]))
    assert await listed(store, outcome="ended") == [ended]
    assert await listed(store, station_id="CP_2") == [ended]
    assert await listed(store, kind="lost") == [ended]
    assert [found.finding_id for found in await listed(store, text="PASSWORD of")][:2] == ["f5", "f4"]
    assert await listed(store, text="P_") == [ended]  # a wildcard is a letter
    assert await listed(store, text="tls") == []
    seen: list[str] = []
    before = None
    while page := await listed(store, before=before, limit=4):
        seen += [found.finding_id for found in page]
        before = (page[-1].last_at, page[-1].finding_id)
    assert seen == ["f5", "f4", "f3", "f2", "f1", "f0", "e"]

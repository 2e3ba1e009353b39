"""The audit: every deed, its outcome once, nobody else's."""

from __future__ import annotations

from ampacity.store import Store, audit
from ampacity.store.identifiers import sortable_id

from .conftest import NOON, OPERATOR


async def test_a_deed_is_there_before_it_is_done_and_gets_one_outcome(store: Store) -> None:
    audit_id = await audit.record(store, OPERATOR, "user:ada", "reset", "CP1", {"kind": "OnIdle"})
    (row,) = await store.read(lambda connection: audit.list_audit(connection, OPERATOR))
    assert (row.audit_id, row.actor, row.action, row.target) == (audit_id, "user:ada", "reset", "CP1")
    assert row.detail == {"kind": "OnIdle"}
    assert row.outcome is None
    await audit.complete(store, OPERATOR, audit_id, "accepted", "it said yes")
    await audit.complete(store, OPERATOR, audit_id, "rejected")
    (row,) = await store.read(lambda connection: audit.list_audit(connection, OPERATOR))
    assert (row.outcome, row.outcome_detail) == ("accepted", "it said yes")
    assert row.outcome_at is not None
    assert row.outcome_at >= row.at


async def test_the_controllers_deeds_are_posted_in_order(store: Store) -> None:
    ids = [audit.post_record(store, OPERATOR, "controller", "set_profile", "CP1", n) for n in range(20)]
    for audit_id in ids:
        audit.post_complete(store, OPERATOR, audit_id, "accepted")
    await store.flush()
    rows = await store.read(lambda connection: audit.list_audit(connection, OPERATOR))
    assert {row.audit_id for row in rows} == set(ids)
    assert {row.outcome for row in rows} == {"accepted"}
    assert store.figures.failed_posts == 0


async def test_listing_is_by_operator_target_and_page(store: Store) -> None:
    for number in range(3):
        await audit.record(store, OPERATOR, "user:ada", "reset", f"CP{number % 2}")
    other_id = await audit.record(store, "other", "user:bob", "reset", "CP0")
    rows = await store.read(lambda connection: audit.list_audit(connection, OPERATOR))
    assert len(rows) == 3
    assert other_id not in {row.audit_id for row in rows}
    later = await store.read(
        lambda connection: audit.list_audit(connection, OPERATOR, before=rows[0].audit_id)
    )
    assert later == rows[1:]
    mine = await store.read(lambda connection: audit.list_audit(connection, OPERATOR, target="CP0"))
    assert len(mine) == 2
    nobody = await store.read(lambda connection: audit.list_audit(connection, OPERATOR, actor="user:bob"))
    assert nobody == []
    await audit.complete(store, "other", rows[0].audit_id, "accepted")  # not this operator's
    rows = await store.read(lambda connection: audit.list_audit(connection, OPERATOR))
    assert rows[0].outcome is None


def test_ids_sort_by_time_and_never_meet() -> None:
    ids = [sortable_id(NOON.replace(second=second)) for second in range(60)]
    assert ids == sorted(ids)
    assert len({sortable_id(NOON) for _ in range(1000)}) == 1000
    assert {len(made) for made in ids} == {26}

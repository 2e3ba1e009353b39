"""Links, sessions and keys over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ampacity.access.service import Access
from ampacity.clock import WallClock
from ampacity.store import access as rows
from ampacity.store import audit, operators
from ampacity.store.database import Store

OURS, THEIRS = "ours", "theirs"


class SetClock(WallClock):
    """Wall time that a test moves on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def later(self, **amount: float) -> None:
        self.at += timedelta(**amount)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "ampacity.db", WallClock())
    for operator_id in (OURS, THEIRS):
        await store.write(
            lambda connection, name=operator_id: operators.ensure_operator(
                connection, name, name, datetime.now(UTC)
            )
        )
    yield store
    await store.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def access(store: Store, clock: SetClock) -> Access:
    return await Access.open(store, OURS, clock=clock)


async def test_the_first_link_signs_the_owner_in_once(access: Access) -> None:
    link = await access.first_link()
    assert link is not None
    assert link.path == f"/#/sign-in?code={link.code}"
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    assert signed_in.principal.actor == "user:owner"
    assert signed_in.principal.may("administer")
    assert await access.redeem(link.code) is None
    found = await access.by_session(signed_in.token)
    assert found == signed_in.principal


async def test_a_first_link_is_offered_until_somebody_signed_in(access: Access) -> None:
    first, second = await access.first_link(), await access.first_link()
    assert first is not None
    assert second is not None
    assert first.code != second.code
    assert await access.redeem(first.code) is not None
    assert await access.first_link() is None


async def test_a_link_expires(access: Access, clock: SetClock) -> None:
    link = await access.make_link("anna", "operator", "system")
    clock.later(hours=24, seconds=1)
    assert await access.redeem(link.code) is None


async def test_a_session_expires_after_thirty_days(access: Access, clock: SetClock) -> None:
    link = await access.make_link("anna", "viewer", "system")
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    clock.later(days=29, hours=23)
    assert await access.by_session(signed_in.token) is not None
    clock.later(hours=2)
    assert await access.by_session(signed_in.token) is None
    assert await access.still_valid(signed_in.principal) is None


async def test_signing_out_ends_the_session(access: Access) -> None:
    link = await access.make_link("anna", "viewer", "system")
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    assert await access.sign_out(signed_in.principal)
    assert await access.by_session(signed_in.token) is None
    assert not await access.sign_out(signed_in.principal)


async def test_a_new_role_holds_for_sessions_that_are_open(access: Access) -> None:
    link = await access.make_link("anna", "operator", "system")
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    await access.make_link("anna", "viewer", "user:owner")
    now = await access.still_valid(signed_in.principal)
    assert now is not None
    assert now.role == "viewer"
    kept = await access.make_link("anna", None, "user:owner")
    assert kept.role == "viewer"


async def test_a_disabled_user_is_shut_out(access: Access, store: Store, clock: SetClock) -> None:
    link, other = [await access.make_link("anna", "operator", "system") for _ in range(2)]
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    user = await store.read(lambda connection: rows.find_user(connection, OURS, "anna"))
    assert user is not None
    await store.write(lambda connection: rows.disable_user(connection, OURS, user.user_id, clock.now()))
    assert await access.by_session(signed_in.token) is None
    assert await access.redeem(other.code) is None


async def test_a_key_is_known_until_revoked(access: Access, store: Store) -> None:
    key, row = await access.make_key("meter reader", "operator", "user:owner")
    assert key.startswith(f"amp_{row.prefix}_")
    principal = await access.by_key(key)
    assert principal is not None
    assert principal.actor == f"key:{row.prefix}"
    await store.flush()
    assert (await access.keys())[0].last_used_at is not None
    assert await access.revoke_key(row.prefix, "user:owner")
    assert await access.by_key(key) is None
    assert await access.still_valid(principal) is None
    assert not await access.revoke_key(row.prefix, "user:owner")


@pytest.mark.parametrize("change", [lambda k: k[:-1], lambda k: k + "0", lambda k: k.upper(), lambda k: ""])
async def test_a_key_that_is_nearly_right_is_wrong(access: Access, change) -> None:  # type: ignore[no-untyped-def]
    key, _ = await access.make_key("meter reader", "operator", "user:owner")
    assert await access.by_key(change(key)) is None


async def test_no_secret_is_kept(access: Access, store: Store) -> None:
    link = await access.make_link("anna", "operator", "system")
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    key, _ = await access.make_key("reader", "viewer", "user:anna")
    await store.flush()

    def everything(connection) -> str:  # type: ignore[no-untyped-def]
        names = (
            connection.execute(text("select name from sqlite_master where type = 'table'")).scalars().all()
        )
        return "\n".join(
            str(row) for name in names for row in connection.execute(text(f'select * from "{name}"'))
        )

    kept = await store.read(everything)
    assert "anna" in kept
    for secret in (link.code, signed_in.token, key, key.rsplit("_", 1)[1]):
        assert secret not in kept


async def test_nothing_of_another_operator_lets_in(access: Access, store: Store, clock: SetClock) -> None:
    theirs = await Access.open(store, THEIRS, clock=clock)
    link = await theirs.make_link("bob", "owner", "system")
    assert await access.redeem(link.code) is None
    signed_in = await theirs.redeem(link.code)  # trying it here did not use it up there
    assert signed_in is not None
    assert await access.by_session(signed_in.token) is None
    key, row = await theirs.make_key("k", "owner", "user:bob")
    assert await access.by_key(key) is None
    assert not await access.revoke_key(row.prefix, "user:owner")
    assert await access.keys() == []
    assert access.driver_code(("CP-1", 1)) != theirs.driver_code(("CP-1", 1))


async def test_deeds_are_audited(access: Access, store: Store) -> None:
    link = await access.make_link("anna", "operator", "user:owner")
    signed_in = await access.redeem(link.code)
    assert signed_in is not None
    _, row = await access.make_key("reader", "viewer", "user:anna")
    await access.revoke_key(row.prefix, "user:anna")
    await access.sign_out(signed_in.principal)
    deeds = await store.read(lambda connection: audit.list_audit(connection, OURS))
    assert {(deed.actor, deed.action, deed.target, deed.outcome) for deed in deeds} == {
        ("user:owner", "make_link", "user/anna", "done"),
        ("user:anna", "sign_in", "user/anna", "done"),
        ("user:anna", "make_key", f"key/{row.prefix}", "done"),
        ("user:anna", "revoke_key", f"key/{row.prefix}", "done"),
        ("user:anna", "sign_out", "user/anna", "done"),
    }


async def test_driver_codes_last_and_differ(access: Access, store: Store) -> None:
    again = await Access.open(store, OURS)
    keys = [("CP-1", 1), ("CP-1", 2), ("CP-11", 2), ("CP-1", 12)]
    codes = [access.driver_code(key) for key in keys]
    assert codes == [again.driver_code(key) for key in keys]
    assert len(set(codes)) == len(keys)
    assert all(len(code) == 12 and code.isalnum() for code in codes)

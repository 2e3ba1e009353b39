"""Users, links, sessions and keys as the store keeps them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from ampacity.store import Store, access
from ampacity.store.access import ApiKeyRow, LoginLinkRow, UserRow, WebSessionRow, digest

from .conftest import NOON, OPERATOR

LATER = NOON + timedelta(hours=1)
ADA = UserRow(operator_id=OPERATOR, user_id="u1", name="ada", role="owner", created_at=NOON)


async def add_ada(store: Store) -> None:
    await store.write(lambda connection: access.add_user(connection, ADA))


async def test_users(store: Store) -> None:
    await add_ada(store)
    twin = msgspec.structs.replace(ADA, user_id="u2")
    with pytest.raises(IntegrityError):
        await store.write(lambda connection: access.add_user(connection, twin))
    assert await store.read(lambda connection: access.find_user(connection, OPERATOR, "ada")) == ADA
    assert await store.read(lambda connection: access.find_user(connection, "other", "ada")) is None
    assert await store.write(lambda connection: access.set_user_role(connection, OPERATOR, "u1", "viewer"))
    (kept,) = await store.read(lambda connection: access.list_users(connection, OPERATOR))
    assert kept.role == "viewer"


async def test_a_link_works_once_and_in_time(store: Store) -> None:
    await add_ada(store)
    for secret in ("one", "two"):
        link = LoginLinkRow(
            operator_id=OPERATOR, sha256=digest(secret), user_id="u1", created_at=NOON, expires_at=LATER
        )
        await store.write(lambda connection, link=link: access.add_link(connection, link))
    uses = await asyncio.gather(
        *(store.write(lambda connection: access.use_link(connection, digest("one"), NOON)) for _ in range(10))
    )
    assert [use.user_id for use in uses if use is not None] == ["u1"]
    assert await store.write(lambda connection: access.use_link(connection, digest("two"), LATER)) is None
    assert await store.write(lambda connection: access.use_link(connection, digest("three"), NOON)) is None


async def test_a_session_ends_by_time_by_hand_and_with_its_user(store: Store) -> None:
    await add_ada(store)
    sessions = [
        WebSessionRow(
            operator_id=OPERATOR, sha256=digest(secret), user_id="u1", created_at=NOON, expires_at=LATER
        )
        for secret in ("one", "two")
    ]
    for session in sessions:
        await store.write(lambda connection, session=session: access.add_session(connection, session))

    async def find(secret: str, at=NOON):
        return await store.read(lambda connection: access.find_session(connection, digest(secret), at))

    assert await find("one") == (sessions[0], ADA)
    assert await find("one", LATER) is None
    assert await store.write(lambda connection: access.end_session(connection, OPERATOR, digest("one")))
    assert await find("one") is None
    await store.write(lambda connection: access.touch_session(connection, OPERATOR, digest("two"), NOON))
    found = await find("two")
    assert found is not None
    assert found[0].last_used_at == NOON
    await store.write(lambda connection: access.disable_user(connection, OPERATOR, "u1", NOON))
    assert await find("two") is None


async def test_keys(store: Store) -> None:
    key = ApiKeyRow(
        operator_id=OPERATOR,
        prefix="abc",
        sha256=digest("secret"),
        name="billing",
        role="viewer",
        created_at=NOON,
        created_by="user:ada",
    )
    await store.write(lambda connection: access.add_api_key(connection, key))
    assert await store.read(lambda connection: access.find_api_key(connection, "abc")) == key
    await store.write(lambda connection: access.touch_api_key(connection, OPERATOR, "abc", LATER))
    assert not await store.write(lambda connection: access.revoke_api_key(connection, "other", "abc", LATER))
    assert await store.write(lambda connection: access.revoke_api_key(connection, OPERATOR, "abc", LATER))
    assert not await store.write(lambda connection: access.revoke_api_key(connection, OPERATOR, "abc", LATER))
    (kept,) = await store.read(lambda connection: access.list_api_keys(connection, OPERATOR))
    assert (kept.revoked_at, kept.last_used_at) == (LATER, LATER)

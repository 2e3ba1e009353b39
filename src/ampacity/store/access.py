"""People and programs that sign in: users, one-time links, browser sessions, API keys.

Secrets are never kept, only their SHA-256 (they are long and random, so no slow hash is needed). Who finds a
link, a session or a key by its secret learns the operator from the row: it is the one query that can't name
it before.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, insert, select, update

from .tables import api_key, login_link, user_account, web_session


class UserRow(Struct, frozen=True, kw_only=True):
    """A person. `role` is a name that `access` knows."""

    operator_id: str
    user_id: str
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None = None


class ApiKeyRow(Struct, frozen=True, kw_only=True):
    """A program's key; `prefix` is its public part, unique over all operators."""

    operator_id: str
    prefix: str
    sha256: str
    name: str
    role: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class LoginLinkRow(Struct, frozen=True, kw_only=True):
    """A sign-in link that works once."""

    operator_id: str
    sha256: str
    user_id: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class WebSessionRow(Struct, frozen=True, kw_only=True):
    """A signed-in browser."""

    operator_id: str
    sha256: str
    user_id: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


# ---------------------------------------------------------------- users


def add_user(connection: Connection, row: UserRow) -> None:
    """Add a user; the name must be new (IntegrityError)."""
    connection.execute(insert(user_account), structs.asdict(row))


def get_user(connection: Connection, operator_id: str, user_id: str) -> UserRow | None:
    """One user by id."""
    row = connection.execute(
        select(user_account).where(
            user_account.c.operator_id == operator_id, user_account.c.user_id == user_id
        )
    ).one_or_none()
    return None if row is None else UserRow(**row._mapping)


def find_user(connection: Connection, operator_id: str, name: str) -> UserRow | None:
    """One user by name."""
    row = connection.execute(
        select(user_account).where(user_account.c.operator_id == operator_id, user_account.c.name == name)
    ).one_or_none()
    return None if row is None else UserRow(**row._mapping)


def list_users(connection: Connection, operator_id: str) -> list[UserRow]:
    """All users, by name."""
    query = (
        select(user_account).where(user_account.c.operator_id == operator_id).order_by(user_account.c.name)
    )
    return [UserRow(**row._mapping) for row in connection.execute(query)]


def set_user_role(connection: Connection, operator_id: str, user_id: str, role: str) -> bool:
    """Give a user another role; returns whether there is such a user."""
    result = connection.execute(
        update(user_account)
        .where(user_account.c.operator_id == operator_id, user_account.c.user_id == user_id)
        .values(role=role)
    )
    return result.rowcount > 0


def disable_user(connection: Connection, operator_id: str, user_id: str, at: datetime) -> bool:
    """Shut a user out: sessions end, links die; the row stays for the audit. Returns whether there is such a
    user.
    """
    result = connection.execute(
        update(user_account)
        .where(user_account.c.operator_id == operator_id, user_account.c.user_id == user_id)
        .values(disabled_at=at)
    )
    for table in (web_session, login_link):
        connection.execute(
            delete(table).where(table.c.operator_id == operator_id, table.c.user_id == user_id)
        )
    return result.rowcount > 0


# ---------------------------------------------------------------- one-time links


def add_link(connection: Connection, row: LoginLinkRow) -> None:
    """Keep a link."""
    connection.execute(insert(login_link), structs.asdict(row))


def use_link(connection: Connection, sha256: str, at: datetime) -> LoginLinkRow | None:
    """Use up the link with this digest: the row, once; None when it is unknown, used, or expired at `at`."""
    found = connection.execute(
        update(login_link)
        .where(login_link.c.sha256 == sha256, login_link.c.used_at.is_(None), login_link.c.expires_at > at)
        .values(used_at=at)
        .returning(login_link)
    ).one_or_none()
    return None if found is None else LoginLinkRow(**found._mapping)


# ---------------------------------------------------------------- browser sessions


def add_session(connection: Connection, row: WebSessionRow) -> None:
    """Keep a browser's session."""
    connection.execute(insert(web_session), structs.asdict(row))


def find_session(connection: Connection, sha256: str, at: datetime) -> tuple[WebSessionRow, UserRow] | None:
    """The session with this digest and its user; None when unknown, expired, or the user disabled."""
    row = connection.execute(
        select(web_session).where(web_session.c.sha256 == sha256, web_session.c.expires_at > at)
    ).one_or_none()
    if row is None:
        return None
    session = WebSessionRow(**row._mapping)
    user = get_user(connection, session.operator_id, session.user_id)
    if user is None or user.disabled_at is not None:
        return None
    return session, user


def touch_session(connection: Connection, operator_id: str, sha256: str, at: datetime) -> None:
    """Note that a session was used."""
    connection.execute(
        update(web_session)
        .where(web_session.c.operator_id == operator_id, web_session.c.sha256 == sha256)
        .values(last_used_at=at)
    )


def end_session(connection: Connection, operator_id: str, sha256: str) -> bool:
    """Sign a browser out; returns whether it was signed in."""
    result = connection.execute(
        delete(web_session).where(web_session.c.operator_id == operator_id, web_session.c.sha256 == sha256)
    )
    return result.rowcount > 0


# ---------------------------------------------------------------- API keys


def add_api_key(connection: Connection, row: ApiKeyRow) -> None:
    """Keep a key; the prefix must be new (IntegrityError)."""
    connection.execute(insert(api_key), structs.asdict(row))


def find_api_key(connection: Connection, prefix: str) -> ApiKeyRow | None:
    """The key with this prefix, revoked or not: the caller compares the digest and looks at `revoked_at`."""
    row = connection.execute(select(api_key).where(api_key.c.prefix == prefix)).one_or_none()
    return None if row is None else ApiKeyRow(**row._mapping)


def list_api_keys(connection: Connection, operator_id: str) -> list[ApiKeyRow]:
    """All keys, oldest first, revoked ones too."""
    query = (
        select(api_key)
        .where(api_key.c.operator_id == operator_id)
        .order_by(api_key.c.created_at, api_key.c.prefix)
    )
    return [ApiKeyRow(**row._mapping) for row in connection.execute(query)]


def touch_api_key(connection: Connection, operator_id: str, prefix: str, at: datetime) -> None:
    """Note that a key was used."""
    connection.execute(
        update(api_key)
        .where(api_key.c.operator_id == operator_id, api_key.c.prefix == prefix)
        .values(last_used_at=at)
    )


def revoke_api_key(connection: Connection, operator_id: str, prefix: str, at: datetime) -> bool:
    """End a key; returns False where there is none that is valid."""
    result = connection.execute(
        update(api_key)
        .where(
            api_key.c.operator_id == operator_id,
            api_key.c.prefix == prefix,
            api_key.c.revoked_at.is_(None),
        )
        .values(revoked_at=at)
    )
    return result.rowcount > 0

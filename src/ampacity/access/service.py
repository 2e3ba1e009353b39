"""Sign-in, sessions and keys of one operator, over the store.

A person signs in by a one-time link: there are no passwords to steal. The link's code and the browser's
session token are told once and kept as digests; the same holds for a program's API key. Times here are *wall*
time: a link lives a real day, however fast a simulated site runs. What is done is audited in the same unit of
work that does it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import Connection

from ..clock import Clock, WallClock
from ..model.site import EvseKey
from ..store import access as rows
from ..store import audit, operators
from ..store.access import ApiKeyRow, LoginLinkRow, UserRow, WebSessionRow
from ..store.database import Store
from ..store.identifiers import sortable_id
from . import credentials
from .principal import Principal
from .roles import Role

_DRIVER_SECRET = "access.driver_secret"
_SIGNED_IN_BEFORE = "access.signed_in_before"
FIRST_USER = "owner"


class AccessSettings(Struct, frozen=True, kw_only=True):
    """Lifetimes in wall seconds. `touch_s`: uses are noted at most so often."""

    link_s: float = 24 * 3600.0
    session_s: float = 30 * 24 * 3600.0
    touch_s: float = 60.0


class SignInLink(Struct, frozen=True, kw_only=True):
    """A link just made: the only time that its code is seen."""

    code: str
    user: str
    role: Role
    expires_at: datetime

    @property
    def path(self) -> str:
        """What follows the node's address. Behind a `#`, so that no server or proxy logs the code."""
        return f"/#/sign-in?code={self.code}"


class SignedIn(Struct, frozen=True, kw_only=True):
    """A browser that just signed in: the only time that its token is seen."""

    token: str
    expires_at: datetime
    principal: Principal


class _Refused(Exception):
    """A link that signs nobody in."""


class Access:
    """Who may in, for one operator. Make it with `open`."""

    def __init__(
        self, store: Store, operator_id: str, driver_secret: str, settings: AccessSettings, clock: Clock
    ) -> None:
        self.operator_id = operator_id
        self.settings = settings
        self._store = store
        self._clock = clock
        self._driver_secret = driver_secret
        self._touched: dict[str, datetime] = {}

    @classmethod
    async def open(
        cls,
        store: Store,
        operator_id: str,
        settings: AccessSettings | None = None,
        clock: Clock | None = None,
    ) -> Access:
        """Ready the operator's access; the operator itself is in the store already. `clock` is wall time."""

        def unit(connection: Connection) -> str:
            secret = operators.get_setting(connection, operator_id, _DRIVER_SECRET)
            if secret is None:
                secret = credentials.new_code()
                operators.put_setting(connection, operator_id, _DRIVER_SECRET, secret, store.clock.now())
            return str(secret)

        secret = await store.write(unit)
        return cls(store, operator_id, secret, settings or AccessSettings(), clock or WallClock())

    # ------------------------------------------------------------ links and sessions

    async def first_link(self) -> SignInLink | None:
        """A link for the owner as long as nobody ever signed in; None afterwards."""
        signed_in_before = await self._store.read(
            lambda connection: operators.get_setting(connection, self.operator_id, _SIGNED_IN_BEFORE, False)
        )
        return None if signed_in_before else await self.make_link(FIRST_USER, "owner", "system")

    async def make_link(self, user: str, role: Role | None, actor: str) -> SignInLink:
        """A link that signs `user` in once.

        The user is made where the name is new. `role` None keeps the role of one who is known and makes a new
        one a viewer; any other is the user's role from now on.
        """
        code = credentials.new_code()
        now = self._clock.now()
        expires_at = now + timedelta(seconds=self.settings.link_s)

        def unit(connection: Connection) -> Role:
            known = rows.find_user(connection, self.operator_id, user)
            if known is None:
                known = UserRow(
                    operator_id=self.operator_id,
                    user_id=sortable_id(now),
                    name=user,
                    role=role or "viewer",
                    created_at=now,
                )
                rows.add_user(connection, known)
            elif role is not None and known.role != role:
                rows.set_user_role(connection, self.operator_id, known.user_id, role)
            rows.add_link(
                connection,
                LoginLinkRow(
                    operator_id=self.operator_id,
                    sha256=rows.digest(code),
                    user_id=known.user_id,
                    created_at=now,
                    expires_at=expires_at,
                ),
            )
            given = role or cast(Role, known.role)
            self._audit(connection, actor, "make_link", f"user/{user}", {"role": given})
            return given

        given = await self._store.write(unit)
        return SignInLink(code=code, user=user, role=given, expires_at=expires_at)

    async def redeem(self, code: str) -> SignedIn | None:
        """Use a link up and sign its user in; None where it is unknown, used, expired, or its user is shut
        out.
        """
        token = credentials.new_code()
        now = self._clock.now()
        expires_at = now + timedelta(seconds=self.settings.session_s)

        def unit(connection: Connection) -> Principal:
            link = rows.use_link(connection, rows.digest(code), now)
            if link is None or link.operator_id != self.operator_id:
                raise _Refused  # undoes the use: another operator's link stays good where it belongs
            user = rows.get_user(connection, self.operator_id, link.user_id)
            if user is None or user.disabled_at is not None:
                raise _Refused
            session = WebSessionRow(
                operator_id=self.operator_id,
                sha256=rows.digest(token),
                user_id=user.user_id,
                created_at=now,
                expires_at=expires_at,
            )
            rows.add_session(connection, session)
            operators.put_setting(
                connection, self.operator_id, _SIGNED_IN_BEFORE, True, self._store.clock.now()
            )
            principal = _of_session(session, user)
            self._audit(connection, principal.actor, "sign_in", f"user/{user.name}", None)
            return principal

        try:
            principal = await self._store.write(unit)
        except _Refused:
            return None
        return SignedIn(token=token, expires_at=expires_at, principal=principal)

    async def sign_out(self, principal: Principal) -> bool:
        """End the browser session that `principal` came with; returns whether there was one."""
        if principal.via != "session":
            return False

        def unit(connection: Connection) -> bool:
            ended = rows.end_session(connection, self.operator_id, principal.credential)
            if ended:
                self._audit(connection, principal.actor, "sign_out", f"user/{principal.name}", None)
            return ended

        return await self._store.write(unit)

    async def by_session(self, token: str) -> Principal | None:
        """Whose browser holds this token; None where nobody's."""
        return await self._session(rows.digest(token))

    async def _session(self, sha256: str) -> Principal | None:
        now = self._clock.now()
        found = await self._store.read(lambda connection: rows.find_session(connection, sha256, now))
        if found is None or found[0].operator_id != self.operator_id:
            return None
        if self._due(sha256, now):
            self._store.post(lambda connection: rows.touch_session(connection, self.operator_id, sha256, now))
        return _of_session(*found)

    # ------------------------------------------------------------ API keys

    async def make_key(self, name: str, role: Role, actor: str) -> tuple[str, ApiKeyRow]:
        """A key for a program: the key itself, told this once, and what is kept of it."""
        prefix, key = credentials.new_api_key()
        row = ApiKeyRow(
            operator_id=self.operator_id,
            prefix=prefix,
            sha256=rows.digest(key),
            name=name,
            role=role,
            created_at=self._clock.now(),
            created_by=actor,
        )

        def unit(connection: Connection) -> None:
            rows.add_api_key(connection, row)
            self._audit(connection, actor, "make_key", f"key/{prefix}", {"name": name, "role": role})

        await self._store.write(unit)
        return key, row

    async def revoke_key(self, prefix: str, actor: str) -> bool:
        """End a key at once; returns False where there is none that is valid."""

        def unit(connection: Connection) -> bool:
            revoked = rows.revoke_api_key(connection, self.operator_id, prefix, self._clock.now())
            if revoked:
                self._audit(connection, actor, "revoke_key", f"key/{prefix}", None)
            return revoked

        return await self._store.write(unit)

    async def keys(self) -> list[ApiKeyRow]:
        """All keys, oldest first, revoked ones too."""
        return await self._store.read(lambda connection: rows.list_api_keys(connection, self.operator_id))

    async def by_key(self, key: str) -> Principal | None:
        """Whose key this is; None where nobody's, or revoked."""
        prefix = credentials.prefix_of(key)
        return None if prefix is None else await self._key(prefix, rows.digest(key))

    async def _key(self, prefix: str, sha256: str) -> Principal | None:
        row = await self._store.read(lambda connection: rows.find_api_key(connection, prefix))
        if row is None or row.operator_id != self.operator_id or row.revoked_at is not None:
            return None
        if not credentials.same(row.sha256, sha256):
            return None
        now = self._clock.now()
        if self._due(prefix, now):
            self._store.post(lambda connection: rows.touch_api_key(connection, self.operator_id, prefix, now))
        return Principal(
            operator_id=row.operator_id, name=prefix, role=cast(Role, row.role), via="key", credential=sha256
        )

    # ------------------------------------------------------------ both

    async def still_valid(self, principal: Principal) -> Principal | None:
        """The same principal as it stands now (its role may have changed); None when it may no longer in."""
        if principal.via == "session":
            return await self._session(principal.credential)
        return await self._key(principal.name, principal.credential)

    def driver_code(self, evse_key: EvseKey) -> str:
        """The code of an EVSE's public page."""
        return credentials.driver_code(self._driver_secret, evse_key)

    def _due(self, name: str, now: datetime) -> bool:
        last = self._touched.get(name)
        if last is not None and now - last < timedelta(seconds=self.settings.touch_s):
            return False
        if len(self._touched) > 10_000:
            self._touched.clear()
        self._touched[name] = now
        return True

    def _audit(self, connection: Connection, actor: str, action: str, target: str, detail: Any) -> None:
        """A deed that this unit of work does: recorded with its outcome."""
        at = self._store.clock.now()
        audit_id = sortable_id(at)
        audit.add(connection, self.operator_id, audit_id, at, actor, action, target, detail)
        audit.finish(connection, self.operator_id, audit_id, at, "done")


def _of_session(session: WebSessionRow, user: UserRow) -> Principal:
    return Principal(
        operator_id=session.operator_id,
        name=user.name,
        role=cast(Role, user.role),
        via="session",
        credential=session.sha256,
    )

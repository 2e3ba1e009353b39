"""The door: who asks, what they may, and whether the request came from our own pages.

Programs send `Authorization: Bearer amp_...`. Browsers send the session cookie, which is HttpOnly and
SameSite=Strict; beyond that a request that changes something, and each WebSocket, must name our own origin,
because SameSite looks at the site and not at the port. A handler says what it needs in `opt`:
`permission="operate"`, or `public=True`; one that says nothing needs `read`.
"""

from __future__ import annotations

import math
import time
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from litestar import Request, WebSocket
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from ..access.principal import Principal
from ..access.rate import RateLimit
from ..access.roles import Permission
from .context import ApiContext
from .errors import ApiError

COOKIE = "ampacity_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


def context_of(connection: Connection) -> ApiContext:
    """The node's parts."""
    context: ApiContext = connection.app.state.api
    return context


def peer_of(connection: Connection) -> str:
    """The address that asks, for rate limits."""
    return connection.client.host if connection.client else "unknown"


def rate_limited(limits: RateLimit, name: str, what: str) -> None:
    """429 when `name` tried too often."""
    wait_s = limits.take(name, time.monotonic())
    if wait_s > 0:
        raise ApiError(
            429,
            "too-many",
            f"Too many {what} from this address.",
            remedy=f"Wait {math.ceil(wait_s)} s.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )


def from_own_page(connection: Connection) -> bool | None:
    """Whether the request's origin is this node; None where it names none (a program, or an old browser)."""
    origin = connection.headers.get("origin")
    if origin is not None:
        public_url = context_of(connection).settings.public_url
        if public_url and origin.lower() == public_url.rstrip("/").lower():
            return True
        return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower() != ""
    fetch_site = connection.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    return None


async def identify(connection: Connection) -> Principal | None:
    """Who asks; None where nothing proves it. A wrong key is not covered by a good cookie."""
    access = context_of(connection).access
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, key = header.partition(" ")
        return await access.by_key(key.strip()) if scheme.lower() == "bearer" else None
    token = connection.cookies.get(COOKIE)
    return await access.by_session(token) if token else None


def require(principal: Principal, permission: Permission) -> None:
    """403 unless the role of `principal` holds `permission`."""
    if not principal.may(permission):
        raise ApiError(
            403,
            "forbidden",
            f"The role {principal.role!r} may not do this: it needs the permission {permission!r}.",
            where="role",
            remedy="Ask an owner for another role.",
        )


def foreign_origin() -> ApiError:
    """403 for a request that another site's page made."""
    return ApiError(
        403,
        "foreign-origin",
        "The request did not come from this node's own pages.",
        where="Origin",
        remedy="Programs use an API key in the Authorization header instead of the cookie.",
    )


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let in who may; put who it is into the request. Sockets are let in by `admit_socket` instead."""
    if handler.opt.get("public") or handler.opt.get("socket"):
        return
    principal = await identify(connection)
    if principal is None:
        raise ApiError(
            401,
            "not-signed-in",
            "Nobody is signed in.",
            where="Authorization",
            remedy="Open a sign-in link (`ampacity link` makes one), or send an API key.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if (
        principal.via == "session"
        and connection.scope.get("method") not in SAFE_METHODS
        and not from_own_page(connection)
    ):
        raise foreign_origin()
    require(principal, handler.opt.get("permission", "read"))
    connection.scope["user"] = principal


def principal_of(request: Request[Any, Any, Any]) -> Principal:
    """Who asks, in a handler that is not public."""
    principal: Principal = request.user
    return principal


# Close codes of WebSockets: 4000 and the HTTP status that says the same.
NOT_SIGNED_IN = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404


async def admit_socket(socket: WebSocket[Any, Any, Any], permission: Permission = "read") -> Principal | None:
    """Accept a socket and say who asks, or close it and return None.

    A refusal is told in the close code after accepting: a browser's script can't see the status of a refused
    handshake. Only a foreign page is refused outright.
    """
    if from_own_page(socket) is False:
        raise foreign_origin()
    principal = await identify(socket)
    await socket.accept()
    if principal is None:
        await socket.close(code=NOT_SIGNED_IN, reason="Nobody is signed in.")
        return None
    if not principal.may(permission):
        await socket.close(code=FORBIDDEN, reason=f"The role {principal.role} may not watch this.")
        return None
    return principal

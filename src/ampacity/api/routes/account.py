"""Signing in and out, API keys, sign-in links, and the audit."""

from __future__ import annotations

from typing import Any, cast

from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery, JSONBody

from ...access.principal import Principal
from ...access.rate import RateLimit
from ...access.roles import PERMISSIONS, Role
from ...store import access as rows
from ...store import audit
from ...store.access import ApiKeyRow
from ..errors import ApiError, not_found
from ..guard import COOKIE, context_of, foreign_origin, from_own_page, peer_of, rate_limited
from ..paging import page_of
from ..views_access import (
    ApiKeyChange,
    ApiKeyView,
    AuditPage,
    AuditView,
    LinkChange,
    LinkView,
    MeView,
    NewApiKeyView,
    SignInChange,
    UserView,
)
from .names import Api, Limit, Who


def me_view(principal: Principal) -> MeView:
    """A principal as the API shows it."""
    return MeView(
        operator_id=principal.operator_id,
        name=principal.name,
        role=principal.role,
        actor=principal.actor,
        via=principal.via,
        permissions=PERMISSIONS[principal.role],
    )


def key_view(row: ApiKeyRow) -> ApiKeyView:
    """A key as the API shows it: without its digest."""
    return ApiKeyView(
        prefix=row.prefix,
        name=row.name,
        role=cast(Role, row.role),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _cookie(request: Request[Any, Any, Any], token: str, max_age: int) -> Cookie:
    public_url = context_of(request).settings.public_url
    return Cookie(
        key=COOKIE,
        value=token,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="strict",
        secure=public_url.startswith("https:") or request.url.scheme == "https",
    )


@post("/sign-in", opt={"public": True}, status_code=200, summary="Sign in with a one-time link's code")
async def sign_in(
    request: Request[Any, Any, Any], api: Api, data: JSONBody[SignInChange]
) -> Response[MeView]:
    """Sets the session cookie: HttpOnly, SameSite=Strict, 30 days."""
    if from_own_page(request) is False:
        raise foreign_origin()
    limits: RateLimit = request.app.state.sign_in_limit
    rate_limited(limits, peer_of(request), "sign-in attempts")
    signed_in = await api.access.redeem(data.code)
    if signed_in is None:
        raise ApiError(
            401,
            "link-not-valid",
            "This link does not sign in: it was used, it is older than a day, or it was copied in part.",
            where="code",
            remedy="Make a new one with `ampacity link`.",
        )
    cookie = _cookie(request, signed_in.token, int(api.access.settings.session_s))
    return Response(me_view(signed_in.principal), cookies=[cookie])


@post("/sign-out", status_code=204, summary="Sign out")
async def sign_out(request: Request[Any, Any, Any], api: Api, who: Who) -> Response[None]:
    """Ends this browser's session."""
    await api.access.sign_out(who)
    return Response(None, status_code=204, cookies=[_cookie(request, "", 0)])


@get("/me", summary="Who asks")
async def me(who: Who) -> MeView:
    """Name, role and permissions."""
    return me_view(who)


@get("/users", opt={"permission": "administer"}, summary="List the users")
async def list_users(api: Api, who: Who) -> list[UserView]:
    """Everybody who was ever given a link."""
    found = await api.store.read(lambda connection: rows.list_users(connection, who.operator_id))
    return [
        UserView(
            name=row.name,
            role=cast(Role, row.role),
            created_at=row.created_at,
            disabled=row.disabled_at is not None,
        )
        for row in found
    ]


@post("/links", opt={"permission": "administer"}, summary="Make a sign-in link")
async def make_link(api: Api, who: Who, data: JSONBody[LinkChange]) -> LinkView:
    """Works once, within a day. Shown this once."""
    link = await api.access.make_link(data.user, data.role, who.actor)
    return LinkView(path=link.path, user=link.user, role=link.role, expires_at=link.expires_at)


@get("/api-keys", opt={"permission": "administer"}, summary="List the API keys")
async def list_keys(api: Api) -> list[ApiKeyView]:
    """Oldest first, revoked ones too."""
    return [key_view(row) for row in await api.access.keys()]


@post("/api-keys", opt={"permission": "administer"}, summary="Make an API key")
async def make_key(api: Api, who: Who, data: JSONBody[ApiKeyChange]) -> NewApiKeyView:
    """The key itself is shown this once."""
    key, row = await api.access.make_key(data.name, data.role, who.actor)
    return NewApiKeyView(key=key, about=key_view(row))


@delete("/api-keys/{prefix:str}", opt={"permission": "administer"}, summary="Revoke an API key")
async def revoke_key(api: Api, who: Who, prefix: FromPath[str]) -> None:
    """At once, and for good."""
    if not await api.access.revoke_key(prefix, who.actor):
        raise not_found("valid key", prefix, "/api/v1/api-keys lists them.")


@get("/audit", opt={"permission": "audit"}, summary="Who did what")
async def list_audit(
    api: Api,
    who: Who,
    target: FromQuery[str | None] = None,
    actor: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> AuditPage:
    """Newest first. A page's `next` is the `before` of the following one."""
    page, following = await page_of(
        api,
        lambda connection, most: audit.list_audit(
            connection,
            who.operator_id,
            target=target,
            actor=actor,
            action=action,
            before=before,
            limit=most,
        ),
        limit,
        lambda row: row.audit_id,
    )
    return AuditPage(
        items=tuple(
            AuditView(
                audit_id=row.audit_id,
                at=row.at,
                actor=row.actor,
                action=row.action,
                target=row.target,
                detail=row.detail,
                outcome=row.outcome,
                outcome_detail=row.outcome_detail,
                outcome_at=row.outcome_at,
            )
            for row in page
        ),
        next=following,
    )


router = Router(
    "/",
    tags=["access"],
    route_handlers=[
        sign_in,
        sign_out,
        me,
        list_users,
        make_link,
        list_keys,
        make_key,
        revoke_key,
        list_audit,
    ],
)

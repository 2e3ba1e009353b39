"""Drivers' tokens: who may charge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec.structs import replace
from sqlalchemy import Connection

from ...access.principal import Principal
from ...model.station import IdToken
from ...store import audit
from ...store import tokens as rows
from ...store.identifiers import sortable_id
from ...store.tokens import TokenFilter, TokenRow
from ..context import ApiContext
from ..errors import invalid, not_found
from ..views_authorization import TokenChange, TokenKind, TokenStatus, TokenView
from .names import Api, Limit, Who, aware


def view_of(api: ApiContext, row: TokenRow) -> TokenView:
    """A row as the API shows it."""
    master = api.csms.settings.master_pass_group
    return TokenView(
        value=row.token.value,
        kind=row.token.kind,
        status=row.status,
        group=row.group,
        expires_at=row.expires_at,
        label=row.label,
        message=row.message,
        language=row.language,
        allowed=row.allowed,
        concurrent=row.concurrent,
        priority=row.priority,
        listed=row.listed,
        master=master is not None and row.group == master,
    )


def _audit(
    api: ApiContext,
    connection: Connection,
    who: Principal,
    action: str,
    token: IdToken,
    change: TokenChange | None = None,
) -> None:
    """Key codes are secrets (C04.FR.04): the audit doesn't show them."""
    at = api.clock.now()
    value = "***" if token.kind == "KeyCode" else token.value
    detail = None if change is None else replace(change, value=value)
    audit_id = sortable_id(at)
    audit.add(connection, who.operator_id, audit_id, at, who.actor, action, f"token/{value}", detail)
    audit.finish(connection, who.operator_id, audit_id, at, "done")


@get("/", summary="List the tokens")
async def list_tokens(
    api: Api,
    who: Who,
    kind: FromQuery[TokenKind | None] = None,
    token_state: Annotated[TokenStatus | None, QueryParameter(name="status")] = None,
    group: FromQuery[str | None] = None,
    listed: FromQuery[bool | None] = None,
    expires_before: FromQuery[datetime | None] = None,
    after: Annotated[str, QueryParameter(description="Those after this value.")] = "",
    limit: Limit = 1000,
) -> list[TokenView]:
    """In the order of their values."""
    wanted = TokenFilter(
        kind=kind,
        status=token_state,
        group=group,
        listed=listed,
        expires_before=aware("expires_before", expires_before),
    )
    found = await api.store.read(
        lambda connection: rows.list_tokens(connection, who.operator_id, wanted, after=after, limit=limit)
    )
    return [view_of(api, row) for row in found]


@get("/{value:path}", summary="A token")
async def get_token(api: Api, who: Who, value: FromPath[str]) -> TokenView:
    """By its value, whatever its case."""
    name = value.removeprefix("/")
    row = await api.store.read(lambda connection: rows.find_token(connection, who.operator_id, name))
    if row is None:
        raise not_found("token", name, "/api/v1/tokens lists them.")
    return view_of(api, row)


@put("/{value:path}", opt={"permission": "operate"}, summary="Add or change a token")
async def put_token(api: Api, who: Who, value: FromPath[str], data: JSONBody[TokenChange]) -> TokenView:
    """The value in the path and in the body are the same, but for case."""
    name = value.removeprefix("/")
    if rows.token_key(name) != rows.token_key(data.value):
        raise invalid("value", f"{data.value!r} is not the token of the path, {name!r}.")

    def unit(connection: Connection) -> TokenRow:
        known = rows.find_token(connection, who.operator_id, data.value)
        row = TokenRow(
            operator_id=who.operator_id,
            token=IdToken(data.value, data.kind),
            status=data.status,
            group=data.group,
            label=data.label,
            expires_at=data.expires_at,
            message=data.message,
            language=data.language,
            allowed=data.allowed,
            concurrent=data.concurrent,
            priority=data.priority,
            listed=data.listed,
            created_at=api.clock.now() if known is None else known.created_at,
        )
        rows.save_token(connection, row)
        _audit(api, connection, who, "save_token", row.token, data)
        return row

    row = await api.store.write(unit)
    api.csms.local_lists.changed(who.operator_id)
    return view_of(api, row)


@delete("/{value:path}", opt={"permission": "operate"}, summary="Forget a token")
async def delete_token(api: Api, who: Who, value: FromPath[str]) -> None:
    """Transactions that it started stay."""
    name = value.removeprefix("/")

    def unit(connection: Connection) -> bool:
        known = rows.find_token(connection, who.operator_id, name)
        if known is None:
            return False
        rows.remove_token(connection, who.operator_id, name)
        _audit(api, connection, who, "remove_token", known.token)
        return True

    if not await api.store.write(unit):
        raise not_found("token", name, "/api/v1/tokens lists them.")
    api.csms.local_lists.changed(who.operator_id)


router = Router("/tokens", tags=["tokens"], route_handlers=[list_tokens, get_token, put_token, delete_token])

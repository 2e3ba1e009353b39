"""Tokens: who may charge. 1.6's idTags know no case, so a token is found by its case-folded value."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from ..model.station import IdToken
from .statements import upsert
from .tables import evse, id_token

Current = Literal["AC", "DC"]
TokenStatus = Literal["Accepted", "Blocked", "Expired", "Invalid"]


class Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a token is good: a site, or a station, or some of a station's EVSEs; of them (or of all there
    are) those that give this `current`.
    """

    site_id: str | None = None
    station_id: str | None = None
    evse_ids: tuple[int, ...] = ()
    current: Current | None = None


class TokenRow(Struct, frozen=True, kw_only=True):
    """A token and what it may. `group` is the parent token: members of one group may stop each other's
    transactions. `message` is shown to who presents it, in `language` (RFC 5646). `allowed` are the places
    where it is good, none: everywhere. `concurrent` lets it charge at two places at once (None: as the node
    is set). `priority` is -9..9 where a driver has one. `listed` puts it on the stations' local lists.
    """

    operator_id: str
    token: IdToken
    status: TokenStatus = "Accepted"
    group: str | None = None
    label: str = ""
    expires_at: datetime | None = None
    created_at: datetime
    message: str = ""
    language: str = ""
    allowed: tuple[Place, ...] = ()
    concurrent: bool | None = None
    priority: int | None = None
    listed: bool = True


class TokenFilter(Struct, frozen=True, kw_only=True):
    """Which tokens are wanted; what is None doesn't matter."""

    kind: str | None = None
    status: TokenStatus | None = None
    group: str | None = None
    listed: bool | None = None
    expires_before: datetime | None = None


def token_key(value: str) -> str:
    """What a token is found by: its text without case, a contract's (eMAID) without its separators, too."""
    key = value.casefold()
    return key.replace("-", "") if _SEPARATED_EMAID.fullmatch(key) else key


_SEPARATED_EMAID = re.compile(r"[a-z]{2}-[0-9a-z]{3}-c[0-9a-z]{8}(-[0-9a-z])?")


def save_token(connection: Connection, row: TokenRow) -> None:
    """Add a token, or replace the one with this value."""
    values = structs.asdict(row)
    token: IdToken = values.pop("token")
    values["allowed"] = values["allowed"] or None
    upsert(
        connection,
        id_token,
        values | {"key": token_key(token.value), "value": token.value, "kind": token.kind},
    )


def find_token(connection: Connection, operator_id: str, value: str) -> TokenRow | None:
    """The token with this value, whatever its case."""
    row = connection.execute(
        select(id_token).where(id_token.c.operator_id == operator_id, id_token.c.key == token_key(value))
    ).one_or_none()
    return None if row is None else _row(dict(row._mapping))


def evse_currents(connection: Connection, operator_id: str, station_id: str) -> dict[int, Current]:
    """What each EVSE of a station gives, as far as its site says."""
    query = select(evse.c.evse_id, evse.c.dc_power_w).where(
        evse.c.operator_id == operator_id, evse.c.station_id == station_id
    )
    return {row.evse_id: "AC" if row.dc_power_w is None else "DC" for row in connection.execute(query)}


def list_tokens(
    connection: Connection,
    operator_id: str,
    wanted: TokenFilter | None = None,
    *,
    after: str = "",
    limit: int = 1000,
) -> list[TokenRow]:
    """Tokens in the order of their values, those after the value `after`, that are as `wanted` says."""
    wanted = wanted or TokenFilter()
    query = select(id_token).where(id_token.c.operator_id == operator_id, id_token.c.key > token_key(after))
    for column, value in (
        (id_token.c.kind, wanted.kind),
        (id_token.c.status, wanted.status),
        (id_token.c.group, wanted.group),
        (id_token.c.listed, wanted.listed),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.expires_before is not None:
        query = query.where(id_token.c.expires_at < wanted.expires_before)
    query = query.order_by(id_token.c.key).limit(limit)
    return [_row(dict(row._mapping)) for row in connection.execute(query)]


def remove_token(connection: Connection, operator_id: str, value: str) -> bool:
    """Forget a token; returns whether it was there."""
    result = connection.execute(
        delete(id_token).where(id_token.c.operator_id == operator_id, id_token.c.key == token_key(value))
    )
    return result.rowcount > 0


def _row(values: dict[str, object]) -> TokenRow:
    del values["key"]
    token = IdToken(str(values.pop("value")), str(values.pop("kind")))
    allowed = msgspec.convert(values.pop("allowed") or (), tuple[Place, ...])
    return TokenRow(token=token, allowed=allowed, **values)  # type: ignore[arg-type]

"""Tokens: who may charge. 1.6's idTags know no case, so a token is found by its case-folded value."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from ..model.station import IdToken
from .statements import upsert
from .tables import id_token

TokenStatus = Literal["Accepted", "Blocked", "Expired", "Invalid"]


class TokenRow(Struct, frozen=True, kw_only=True):
    """A token and what it may. `group` is the parent token: members of one group may stop each other's
    transactions.
    """

    operator_id: str
    token: IdToken
    status: TokenStatus = "Accepted"
    group: str | None = None
    label: str = ""
    expires_at: datetime | None = None
    created_at: datetime


def token_key(value: str) -> str:
    """What a token is found by."""
    return value.casefold()


def save_token(connection: Connection, row: TokenRow) -> None:
    """Add a token, or replace the one with this value."""
    values = structs.asdict(row)
    token: IdToken = values.pop("token")
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


def list_tokens(
    connection: Connection, operator_id: str, *, after: str = "", limit: int = 1000
) -> list[TokenRow]:
    """Tokens in the order of their values, those after the value `after`."""
    query = (
        select(id_token)
        .where(id_token.c.operator_id == operator_id, id_token.c.key > token_key(after))
        .order_by(id_token.c.key)
        .limit(limit)
    )
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
    return TokenRow(token=token, **values)  # type: ignore[arg-type]

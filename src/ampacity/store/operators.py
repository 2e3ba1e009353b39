"""Operators (tenants) and their settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from .statements import insert_or_ignore, upsert
from .tables import operator, setting


class OperatorRow(Struct, frozen=True, kw_only=True):
    """A tenant: everything else belongs to one."""

    operator_id: str
    name: str
    created_at: datetime


def ensure_operator(connection: Connection, operator_id: str, name: str, at: datetime) -> bool:
    """Make the operator known; returns False where it is already."""
    return insert_or_ignore(
        connection, operator, {"operator_id": operator_id, "name": name, "created_at": at}
    )


def list_operators(connection: Connection) -> list[OperatorRow]:
    """All operators, by id: for the program's own start, never for a tenant's request."""
    rows = connection.execute(select(operator).order_by(operator.c.operator_id))
    return [OperatorRow(**row._mapping) for row in rows]


def put_setting(connection: Connection, operator_id: str, key: str, value: Any, at: datetime) -> None:
    """Keep a setting: anything that msgspec can encode as JSON, but None."""
    if value is None:
        raise ValueError(f"setting {key!r} can't be None: leave it out instead")
    upsert(connection, setting, {"operator_id": operator_id, "key": key, "value": value, "set_at": at})


def get_setting(connection: Connection, operator_id: str, key: str, default: Any = None) -> Any:
    """A setting as plain data (dicts, lists, scalars), or `default`."""
    value = connection.execute(
        select(setting.c.value).where(setting.c.operator_id == operator_id, setting.c.key == key)
    ).scalar()
    return default if value is None else value

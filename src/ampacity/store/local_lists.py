"""Local lists: what each station holds of our tokens, so that it can decide without us."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct, structs
from sqlalchemy import Connection, select

from .statements import upsert
from .tables import local_list

ListState = Literal["unknown", "synced", "behind", "failed", "unsupported"]
"""`unknown` until something was sent; `behind` when the station should hold something else."""


class Held(Struct, frozen=True, array_like=True):
    """An entry as a station took it: the token's value and kind, and a digest of the verdict."""

    value: str
    kind: str
    digest: str


class LocalListRow(Struct, frozen=True, kw_only=True):
    """A station's list. `version` is that of what it took last, `seen_version` what it told last itself.
    `held` is by the token's key.
    """

    operator_id: str
    station_id: str
    enabled: bool
    version: int = 0
    seen_version: int | None = None
    seen_at: datetime | None = None
    state: ListState = "unknown"
    detail: str = ""
    held: dict[str, Held] = {}
    changed_at: datetime


def save_local_list(connection: Connection, row: LocalListRow) -> None:
    """Keep a station's list in the place of the former one."""
    upsert(connection, local_list, structs.asdict(row))


def list_local_lists(connection: Connection, operator_id: str) -> list[LocalListRow]:
    """Those of all stations that have or had one."""
    query = (
        select(local_list).where(local_list.c.operator_id == operator_id).order_by(local_list.c.station_id)
    )
    return [
        LocalListRow(**{**found._mapping, "held": msgspec.convert(found.held, dict[str, Held])})
        for found in connection.execute(query)
    ]

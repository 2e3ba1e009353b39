"""The decision log's rows: chains of pieces, and the sites that they speak of. What the pieces hold is
`site.decisions`' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from .statements import insert_or_ignore
from .tables import decision_log, decision_site


class Piece(Struct, frozen=True):
    """Piece `number` of the chain that begins at `chain`."""

    chain: datetime
    number: int
    body: bytes


def append(connection: Connection, operator_id: str, site_id: str, pieces: Sequence[Piece]) -> None:
    """Add pieces. One that is there already (a write whose answer was lost) stays as it is."""
    for piece in pieces:
        values = {"operator_id": operator_id, "site_id": site_id, "chain": piece.chain}
        insert_or_ignore(connection, decision_log, values | {"number": piece.number, "body": piece.body})


def keep_site(
    connection: Connection, operator_id: str, site_id: str, digest: str, site: Any, at: datetime
) -> None:
    """Keep a site as it is built, or that it was still so at `at`."""
    column = decision_site.c
    known = connection.execute(
        update(decision_site)
        .where(column.operator_id == operator_id, column.site_id == site_id, column.digest == digest)
        .values(last_at=at)
    )
    if known.rowcount == 0:
        key = {"operator_id": operator_id, "site_id": site_id, "digest": digest}
        connection.execute(insert(decision_site), key | {"last_at": at, "site": site})


def site_of(connection: Connection, operator_id: str, site_id: str, digest: str) -> Any:
    """A site as it was built, as plain data; None where that is not kept."""
    column = decision_site.c
    return connection.execute(
        select(column.site).where(
            column.operator_id == operator_id, column.site_id == site_id, column.digest == digest
        )
    ).scalar()


def chain_at(connection: Connection, operator_id: str, site_id: str, at: datetime) -> list[Piece]:
    """The chain that had begun last at `at`; empty before the first."""
    column = decision_log.c
    of_site = (column.operator_id == operator_id, column.site_id == site_id)
    begun = connection.execute(select(func.max(column.chain)).where(*of_site, column.chain <= at)).scalar()
    if begun is None:
        return []
    query = (
        select(column.chain, column.number, column.body)
        .where(*of_site, column.chain == begun)
        .order_by(column.number)
    )
    return [Piece(*row) for row in connection.execute(query)]


def span(connection: Connection, operator_id: str, site_id: str) -> tuple[datetime, datetime] | None:
    """When the first and the last chain begin; None where nothing is kept."""
    column = decision_log.c
    first, last = connection.execute(
        select(func.min(column.chain), func.max(column.chain)).where(
            column.operator_id == operator_id, column.site_id == site_id
        )
    ).one()
    return None if first is None else (first, last)


def sites(connection: Connection, operator_id: str) -> list[str]:
    """The sites of which something is kept, removed ones among them."""
    column = decision_site.c
    query = select(column.site_id).where(column.operator_id == operator_id).distinct()
    return sorted(connection.execute(query).scalars())


def delete_before(
    connection: Connection, operator_id: str, site_id: str, before: datetime, limit: int
) -> int:
    """Delete some of the pieces whose chain began before that time; returns how many."""
    column = decision_log.c
    of_site = (column.operator_id == operator_id, column.site_id == site_id)
    oldest = connection.execute(
        select(column.chain)
        .where(*of_site, column.chain < before)
        .order_by(column.chain)
        .offset(limit - 1)
        .limit(1)
    ).scalar()
    doomed = delete(decision_log).where(*of_site, column.chain < before)
    return connection.execute(doomed if oldest is None else doomed.where(column.chain <= oldest)).rowcount


def delete_sites_before(connection: Connection, operator_id: str, before: datetime) -> int:
    """Forget how sites were built of which no chain is left. A day is left over for the last chain."""
    column = decision_site.c
    return connection.execute(
        delete(decision_site).where(
            column.operator_id == operator_id, column.last_at < before - timedelta(days=1)
        )
    ).rowcount

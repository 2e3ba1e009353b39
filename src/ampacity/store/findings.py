"""What the connection doctor found: why handshakes were turned away and why connections ended.

A station that is turned away tries again, some each second and for ever. So a finding is kept once, with how
often it was made, first and last; what is told beside it is the last one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection, and_, or_, select

from .columns import to_micros
from .rows import Rows
from .tables import connection_finding

Outcome: TypeAlias = Literal["rejected", "ended"]
"""A handshake that became no connection, or a connection that is over."""


class Finding(Struct, frozen=True, kw_only=True):
    """`count` handshakes or connections that ended for one reason. `station_id` is the identity that was
    named, None where none was; `status` (HTTP, 0: before any) and `offered` (subprotocols) are a
    handshake's, `lasted_s` (site time) a connection's.
    """

    operator_id: str
    finding_id: str
    outcome: Outcome
    kind: str
    station_id: str | None
    reason: str
    peer: str
    path: str
    offered: str
    status: int | None
    lasted_s: float | None
    count: int
    first_at: datetime
    last_at: datetime


Cursor: TypeAlias = tuple[datetime, str]
"""`last_at` and `finding_id` of a page's last finding."""


def write(connection: Connection, findings: Sequence[Finding]) -> None:
    """Add findings to what is known of them; none may be twice in `findings`."""
    _ROWS.write(
        connection,
        [
            (
                found.operator_id,
                found.finding_id,
                found.outcome,
                found.kind,
                found.station_id,
                found.reason,
                found.peer,
                found.path,
                found.offered,
                found.status,
                found.lasted_s,
                found.count,
                to_micros(found.first_at),
                to_micros(found.last_at),
            )
            for found in findings
        ],
    )


def list_findings(
    connection: Connection,
    operator_id: str,
    *,
    station_id: str | None = None,
    outcome: Outcome | None = None,
    kind: str | None = None,
    text: str | None = None,
    before: Cursor | None = None,
    limit: int = 100,
) -> list[Finding]:
    """The one made last first. `text` must occur in the station id, address, path, offer or reason, in
    whatever case; for the next page pass the last one's cursor as `before`.
    """
    column = connection_finding.c
    query = select(connection_finding).where(column.operator_id == operator_id)
    for asked, wanted in ((column.station_id, station_id), (column.outcome, outcome), (column.kind, kind)):
        if wanted is not None:
            query = query.where(asked == wanted)
    if text:
        places = (column.station_id, column.peer, column.path, column.offered, column.reason)
        query = query.where(or_(*(place.icontains(text, autoescape=True) for place in places)))
    if before is not None:
        at, finding_id = before
        query = query.where(
            or_(column.last_at < at, and_(column.last_at == at, column.finding_id < finding_id))
        )
    query = query.order_by(column.last_at.desc(), column.finding_id.desc()).limit(limit)
    return [Finding(**row._mapping) for row in connection.execute(query)]


def _merge(old: Any, new: Any) -> Mapping[str, Any]:
    newest = ("reason", "peer", "path", "offered", "status", "lasted_s", "last_at")
    return {name: new[name] for name in newest} | {"count": old["count"] + new["count"]}


_ROWS = Rows(connection_finding, conflict=_merge)

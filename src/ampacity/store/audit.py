"""The audit: who did what to what, and what came of it. Rows are only ever added; an outcome is written once.

`record` and `complete` return after the commit: a person's command is in the audit before it is sent.
`post_record` and `post_complete` don't wait; the controller's many commands use them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from .database import PostRank, Store
from .identifiers import sortable_id
from .tables import audit


class AuditRow(Struct, frozen=True, kw_only=True):
    """One deed. `actor` is `user:<name>`, `key:<prefix>`, `controller ...` or `system ...`; `detail` plain
    data.
    """

    operator_id: str
    audit_id: str
    at: datetime
    actor: str
    action: str
    target: str
    detail: Any
    outcome: str | None
    outcome_detail: str | None
    outcome_at: datetime | None


async def record(
    store: Store, operator_id: str, actor: str, action: str, target: str, detail: Any = None
) -> str:
    """Write a deed before it is done; returns its id for `complete`."""
    at = store.clock.now()
    audit_id = sortable_id(at)
    await store.write(
        lambda connection: add(connection, operator_id, audit_id, at, actor, action, target, detail)
    )
    return audit_id


def post_record(
    store: Store, operator_id: str, actor: str, action: str, target: str, detail: Any = None
) -> str:
    """As `record`, without waiting for the commit."""
    at = store.clock.now()
    audit_id = sortable_id(at)
    store.post(
        lambda connection: add(connection, operator_id, audit_id, at, actor, action, target, detail),
        PostRank.AUDIT,
    )
    return audit_id


async def complete(store: Store, operator_id: str, audit_id: str, outcome: str, detail: str = "") -> None:
    """Write what came of a deed; the first outcome stays."""
    at = store.clock.now()
    await store.write(lambda connection: finish(connection, operator_id, audit_id, at, outcome, detail))


def post_complete(store: Store, operator_id: str, audit_id: str, outcome: str, detail: str = "") -> None:
    """As `complete`, without waiting for the commit."""
    at = store.clock.now()
    store.post(
        lambda connection: finish(connection, operator_id, audit_id, at, outcome, detail), PostRank.AUDIT
    )


def add(
    connection: Connection,
    operator_id: str,
    audit_id: str,
    at: datetime,
    actor: str,
    action: str,
    target: str,
    detail: Any,
) -> None:
    """The row of a deed, within a unit of work that also does it."""
    connection.execute(
        insert(audit),
        {
            "operator_id": operator_id,
            "audit_id": audit_id,
            "at": at,
            "actor": actor,
            "action": action,
            "target": target,
            "detail": detail,
        },
    )


def finish(
    connection: Connection, operator_id: str, audit_id: str, at: datetime, outcome: str, detail: str = ""
) -> None:
    """Its outcome, within a unit of work."""
    connection.execute(
        update(audit)
        .where(audit.c.operator_id == operator_id, audit.c.audit_id == audit_id, audit.c.outcome.is_(None))
        .values(outcome=outcome, outcome_detail=detail, outcome_at=at)
    )


def list_audit(
    connection: Connection,
    operator_id: str,
    *,
    target: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[AuditRow]:
    """Deeds, newest first; for the next page pass the last one's id as `before`."""
    query = select(audit).where(audit.c.operator_id == operator_id)
    for column, value in ((audit.c.target, target), (audit.c.actor, actor), (audit.c.action, action)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(audit.c.audit_id < before)
    query = query.order_by(audit.c.audit_id.desc()).limit(limit)
    return [AuditRow(**row._mapping) for row in connection.execute(query)]

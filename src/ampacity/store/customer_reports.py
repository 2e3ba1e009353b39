"""What stations told of a customer when they were asked for it, or told to forget it.

It is personal data: kept for some days (see `retention`), removable at once, and without a word of whom it is
about but what the station itself tells.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select, update

from .statements import upsert
from .tables import customer_report

CustomerReportState: TypeAlias = Literal["asked", "refused", "waiting", "complete", "incomplete"]


class CustomerReport(Struct, frozen=True, kw_only=True):
    """A question and what came of it. `parts` is (number of the part, its text)."""

    operator_id: str
    station_id: str
    request_id: int
    asked_at: datetime
    asked_by: str
    reported: bool
    cleared: bool
    state: CustomerReportState
    parts: tuple[tuple[int, str], ...] = ()
    finished_at: datetime | None = None

    @property
    def text(self) -> str:
        """The parts in order, as one."""
        return "".join(text for _, text in sorted(self.parts))


def save_report(connection: Connection, report: CustomerReport) -> None:
    """Keep a question, or what is new about it."""
    upsert(connection, customer_report, structs.asdict(report))


def get_report(
    connection: Connection, operator_id: str, station_id: str, request_id: int
) -> CustomerReport | None:
    """One of them."""
    column = customer_report.c
    row = connection.execute(
        select(customer_report).where(
            column.operator_id == operator_id,
            column.station_id == station_id,
            column.request_id == request_id,
        )
    ).one_or_none()
    return None if row is None else _report(dict(row._mapping))


def list_reports(
    connection: Connection, operator_id: str, station_id: str, limit: int = 100
) -> list[CustomerReport]:
    """A station's, newest first."""
    column = customer_report.c
    query = (
        select(customer_report)
        .where(column.operator_id == operator_id, column.station_id == station_id)
        .order_by(column.asked_at.desc(), column.request_id.desc())
        .limit(limit)
    )
    return [_report(dict(row._mapping)) for row in connection.execute(query)]


def remove_report(connection: Connection, operator_id: str, station_id: str, request_id: int) -> bool:
    """Forget what was told; returns whether there was anything."""
    column = customer_report.c
    result = connection.execute(
        delete(customer_report).where(
            column.operator_id == operator_id,
            column.station_id == station_id,
            column.request_id == request_id,
        )
    )
    return result.rowcount > 0


def abandon_reports(connection: Connection, operator_id: str, at: datetime) -> int:
    """What was waited for before a restart will not be completed: say so; returns how many."""
    column = customer_report.c
    return connection.execute(
        update(customer_report)
        .where(column.operator_id == operator_id, column.state.in_(("asked", "waiting")))
        .values(state="incomplete", finished_at=at)
    ).rowcount


def _report(values: dict[str, Any]) -> CustomerReport:
    values["parts"] = tuple((number, text) for number, text in values["parts"])
    return CustomerReport(**values)

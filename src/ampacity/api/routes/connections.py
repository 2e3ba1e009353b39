"""The connection doctor: handshakes that were turned away and connections that ended, one entry a cause."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

from litestar import Router, get
from litestar.params import FromQuery, QueryParameter

from ...store import StoreUnavailable, findings
from ...store.columns import from_micros, to_micros
from ...store.findings import Finding
from ..errors import invalid
from ..views import ConnectionPage, ConnectionView
from .names import Api, Limit, Who


def view_of(found: Finding) -> ConnectionView:
    """A finding as the API shows it."""
    return ConnectionView(
        finding_id=found.finding_id,
        outcome=found.outcome,
        kind=found.kind,
        station_id=found.station_id,
        reason=found.reason,
        peer=found.peer,
        path=found.path or None,
        offered=found.offered or None,
        status=found.status,
        lasted_s=found.lasted_s,
        count=found.count,
        first_at=found.first_at,
        last_at=found.last_at,
    )


def _cursor_of(found: Finding) -> str:
    return f"{to_micros(found.last_at)}-{found.finding_id}"


def _read_cursor(text: str) -> findings.Cursor:
    at, dash, finding_id = text.partition("-")
    try:
        if dash and finding_id.isalnum():
            return from_micros(int(at)), finding_id
    except (ValueError, OverflowError):
        pass
    raise invalid("before", f"{text!r} is no end of a page.", "Use the 'next' of the page before.")


@get("/", summary="Why connections were turned away, and why they ended")
async def list_connections(
    api: Api,
    who: Who,
    station_id: FromQuery[str | None] = None,
    outcome: FromQuery[Literal["rejected", "ended"] | None] = None,
    kind: FromQuery[str | None] = None,
    text: Annotated[
        str | None,
        QueryParameter(description="Must occur in station id, address, path, subprotocols or reason."),
    ] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> ConnectionPage:
    """For the one who wonders why a station doesn't appear, or doesn't stay. A cause is told once, with how
    often it came; the newest first. A page's `next` is the `before` of the following one.
    """
    cursor = None if before is None else _read_cursor(before)
    api.csms.doctor.write_gathered()
    with suppress(StoreUnavailable):  # then what was written before is told
        await api.store.flush()
    found = await api.store.read(
        lambda connection: findings.list_findings(
            connection,
            who.operator_id,
            station_id=station_id,
            outcome=outcome,
            kind=kind,
            text=text,
            before=cursor,
            limit=limit + 1,
        )
    )
    page = found[:limit]
    return ConnectionPage(
        items=tuple(view_of(row) for row in page),
        next=_cursor_of(page[-1]) if len(found) > limit else None,
    )


router = Router("/connections", tags=["stations"], route_handlers=[list_connections])

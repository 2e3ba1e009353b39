"""The connection doctor: handshakes that were turned away and connections that ended, one entry a cause."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

from litestar import Router, get
from litestar.params import FromQuery, QueryParameter

from ...store import StoreUnavailable, findings
from ...store.findings import Finding
from ..paging import cursor_of, page_of, read_cursor
from ..views_stations import ConnectionPage, ConnectionView
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
    cursor = read_cursor(before)
    api.csms.doctor.write_gathered()
    with suppress(StoreUnavailable):  # then what was written before is told
        await api.store.flush()
    page, following = await page_of(
        api,
        lambda connection, most: findings.list_findings(
            connection,
            who.operator_id,
            station_id=station_id,
            outcome=outcome,
            kind=kind,
            text=text,
            before=cursor,
            limit=most,
        ),
        limit,
        lambda row: cursor_of(row.last_at, row.finding_id),
    )
    return ConnectionPage(items=tuple(view_of(row) for row in page), next=following)


router = Router("/connections", tags=["stations"], route_handlers=[list_connections])

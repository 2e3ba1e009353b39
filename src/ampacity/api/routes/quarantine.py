"""The quarantine: messages of stations that could not be taken, one entry a fault; and beside it what was
repaired of those that were taken.
"""

from __future__ import annotations

from datetime import UTC, datetime

from litestar import Router, delete, get
from litestar.params import FromPath, FromQuery
from sqlalchemy import Connection

from ...csms.quarantine import RefusedMessage
from ...store import audit
from ...store.identifiers import sortable_id
from ..errors import not_found
from ..views_stations import RefusedMessageView, RepairView
from .names import Api, Limit, Who


def view_of(fault: RefusedMessage) -> RefusedMessageView:
    """A fault as the API shows it."""
    return RefusedMessageView(
        refusal_id=fault.refusal_id,
        station_id=fault.station_id,
        kind=fault.kind,
        action=fault.action or None,
        reason=fault.reason,
        answered=fault.answered,
        frame=fault.frame,
        count=fault.count,
        first_at=datetime.fromtimestamp(fault.first_at, UTC),
        last_at=datetime.fromtimestamp(fault.last_at, UTC),
    )


@get("/", summary="Messages that were refused")
async def list_refused(
    api: Api, who: Who, station_id: FromQuery[str | None] = None, limit: Limit = 100
) -> list[RefusedMessageView]:
    """One entry for each fault since the node started, the newest first: for the one who wonders why a
    station says the same again and again.
    """
    found = api.quarantine.listed(who.operator_id, station_id)
    return [view_of(fault) for fault in found[:limit]]


@delete("/{refusal_id:str}", opt={"permission": "operate"}, summary="Forget a refused message")
async def delete_refused(api: Api, who: Who, refusal_id: FromPath[str]) -> None:
    """Should the fault come again, it is counted anew."""
    fault = api.quarantine.get(who.operator_id, refusal_id)
    if fault is None:
        raise not_found("refused message", refusal_id, "/api/v1/quarantine lists them.")
    at = api.clock.now()
    audit_id = sortable_id(at)
    detail = {"kind": fault.kind, "action": fault.action, "reason": fault.reason, "count": fault.count}

    def unit(connection: Connection) -> None:
        audit.add(
            connection,
            who.operator_id,
            audit_id,
            at,
            who.actor,
            "remove_refused",
            f"station/{fault.station_id}",
            detail,
        )
        audit.finish(connection, who.operator_id, audit_id, at, "done")

    await api.store.write(unit)
    api.quarantine.remove(who.operator_id, refusal_id)


@get("/", summary="Messages that were repaired")
async def list_repairs(
    api: Api, who: Who, station_id: FromQuery[str | None] = None, limit: Limit = 100
) -> list[RepairView]:
    """What broke its schema and was taken all the same: one entry for each station and kind since the node
    started, the newest first.
    """
    found = api.repairs.listed(who.operator_id, station_id)
    return [
        RepairView(
            station_id=count.station_id,
            action=count.action,
            kind=count.kind,
            newest=count.newest,
            count=count.count,
            first_at=datetime.fromtimestamp(count.first_at, UTC),
            last_at=datetime.fromtimestamp(count.last_at, UTC),
        )
        for count in found[:limit]
    ]


router = Router("/quarantine", tags=["stations"], route_handlers=[list_refused, delete_refused])
repairs_router = Router("/repairs", tags=["stations"], route_handlers=[list_repairs])

"""Monitors that stations hold, events that they told, alarms that stand, and what they told of customers."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import structs
from sqlalchemy import Connection

from ...access.principal import Principal
from ...store import audit, customer_reports, monitoring
from ...store.customer_reports import CustomerReport
from ...store.identifiers import sortable_id
from ...store.monitoring import EventRow
from ..context import ApiContext
from ..errors import not_found
from ..paging import page_of
from ..views_device_model import CustomerReportView, EventPage, EventView, MonitorView
from .names import Api, Limit, Who, station_of

MostSevere = Annotated[
    int | None,
    QueryParameter(ge=0, le=9, description="Those of severity 0 to this one; 0 is danger, 9 is debug."),
]


def _event_view(row: EventRow) -> EventView:
    values = structs.asdict(row)
    del values["operator_id"]
    return EventView(**values)


@get("/{station_id:str}/monitors", summary="A station's monitors")
async def list_monitors(api: Api, who: Who, station_id: FromPath[str]) -> list[MonitorView]:
    """As it told or accepted them; the command get_monitoring_report asks anew."""
    station_of(api, who, station_id)
    await api.csms.device_model.written()
    rows = await api.store.read(
        lambda connection: monitoring.list_monitors(connection, who.operator_id, station_id)
    )
    return [MonitorView(**structs.asdict(row)) for row in rows]


@get("/{station_id:str}/events", summary="Events that a station told")
async def list_events(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    most_severe: MostSevere = None,
    alarms: FromQuery[bool] = False,
    before: FromQuery[int | None] = None,
    limit: Limit = 100,
) -> EventPage:
    """Newest first; `alarms`: only alerts that were not cleared yet."""
    station_of(api, who, station_id)
    return await _events(api, who, station_id, most_severe, alarms, before, limit)


@get("/", summary="Alarms that stand")
async def list_alarms(
    api: Api,
    who: Who,
    station_id: FromQuery[str | None] = None,
    most_severe: MostSevere = None,
    before: FromQuery[int | None] = None,
    limit: Limit = 100,
) -> EventPage:
    """Alerts of all stations that were not cleared, told anew, or settled by a person; newest first."""
    return await _events(api, who, station_id, most_severe, True, before, limit)


@post("/{event:int}/settle", opt={"permission": "operate"}, status_code=200, summary="Settle an alarm")
async def settle_alarm(api: Api, who: Who, event: FromPath[int]) -> EventView:
    """It is no alarm any more; the event stays. For stations that never clear theirs."""

    def unit(connection: Connection) -> EventRow | None:
        row = monitoring.acknowledge_alarm(connection, who.operator_id, event)
        if row is not None:
            _audit(api, connection, who, "settle_alarm", row.station_id, {"event": event})
        return row

    row = await api.store.write(unit)
    if row is None:
        raise not_found("alarm", event, "/api/v1/alarms lists those that stand.")
    return _event_view(structs.replace(row, alarm=False))


async def _events(
    api: ApiContext,
    who: Principal,
    station_id: str | None,
    most_severe: int | None,
    alarms: bool,
    before: int | None,
    limit: int,
) -> EventPage:
    page, following = await page_of(
        api,
        lambda connection, most: monitoring.list_events(
            connection,
            who.operator_id,
            station_id=station_id,
            most_severe=most_severe,
            alarms=alarms,
            before=before,
            limit=most,
        ),
        limit,
        lambda row: row.id,
    )
    return EventPage(items=tuple(_event_view(row) for row in page), next=following)


# ---------------------------------------------------------------- customers


def _customer_view(report: CustomerReport, *, with_data: bool) -> CustomerReportView:
    return CustomerReportView(
        request_id=report.request_id,
        asked_at=report.asked_at,
        asked_by=report.asked_by,
        reported=report.reported,
        cleared=report.cleared,
        state=report.state,
        finished_at=report.finished_at,
        data=report.text if with_data else None,
    )


@get(
    "/{station_id:str}/customer-information",
    opt={"permission": "operate"},
    summary="What a station was asked about customers",
)
async def list_customer_reports(
    api: Api, who: Who, station_id: FromPath[str], limit: Limit = 100
) -> list[CustomerReportView]:
    """Newest first, without what it told."""
    station_of(api, who, station_id)
    rows = await api.store.read(
        lambda connection: customer_reports.list_reports(connection, who.operator_id, station_id, limit)
    )
    return [_customer_view(row, with_data=False) for row in rows]


@get(
    "/{station_id:str}/customer-information/{request_id:int}",
    opt={"permission": "operate"},
    summary="What a station told of a customer",
)
async def get_customer_report(
    api: Api, who: Who, station_id: FromPath[str], request_id: FromPath[int]
) -> CustomerReportView:
    """Personal data: who reads it is in the audit."""
    station_of(api, who, station_id)

    def unit(connection: Connection) -> CustomerReport | None:
        found = customer_reports.get_report(connection, who.operator_id, station_id, request_id)
        if found is not None:
            _audit(api, connection, who, "read_customer_information", station_id, {"request_id": request_id})
        return found

    row = await api.store.write(unit)
    if row is None:
        raise not_found("customer report", request_id)
    return _customer_view(row, with_data=True)


@delete(
    "/{station_id:str}/customer-information/{request_id:int}",
    opt={"permission": "operate"},
    summary="Forget what a station told of a customer",
)
async def delete_customer_report(
    api: Api, who: Who, station_id: FromPath[str], request_id: FromPath[int]
) -> None:
    """At once, before its time is over."""
    station_of(api, who, station_id)

    def unit(connection: Connection) -> bool:
        removed = customer_reports.remove_report(connection, who.operator_id, station_id, request_id)
        if removed:
            _audit(
                api, connection, who, "remove_customer_information", station_id, {"request_id": request_id}
            )
        return removed

    if not await api.store.write(unit):
        raise not_found("customer report", request_id)


def _audit(
    api: ApiContext, connection: Connection, who: Principal, action: str, station_id: str, detail: object
) -> None:
    at = api.clock.now()
    audit_id = sortable_id(at)
    audit.add(connection, who.operator_id, audit_id, at, who.actor, action, f"station/{station_id}", detail)
    audit.finish(connection, who.operator_id, audit_id, at, "done")


router = Router(
    "/stations",
    tags=["monitoring"],
    route_handlers=[
        list_monitors,
        list_events,
        list_customer_reports,
        get_customer_report,
        delete_customer_report,
    ],
)
alarms_router = Router("/alarms", tags=["monitoring"], route_handlers=[list_alarms, settle_alarm])

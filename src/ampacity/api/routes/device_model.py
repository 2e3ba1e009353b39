"""The device model: a station's variables, the reports it was asked for, and how it is let in."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec
from litestar import Router, get, patch
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import structs

from ...csms.blocks.reports import Report
from ...csms.vocabulary import GetBaseReport, GetMonitoringReport, GetReport
from ...store import variables
from ...store.variables import StationVariable
from ..paging import no_cursor, page_of
from ..views_device_model import ReportView, StationChange, VariablePage, VariableView
from ..views_stations import StationView
from .names import Api, Limit, Who, station_of
from .stations import station_view

MOST = 20_000
"""Variables of one answer that is no page."""

Text = Annotated[
    str | None,
    QueryParameter(description="Must occur in component, variable, instance or value, in whatever case."),
]


def variable_view(row: StationVariable) -> VariableView:
    """A row as the API shows it."""
    return VariableView(**structs.asdict(row) | {"reboot_required": bool(row.reboot_required)})


@patch("/{station_id:str}", opt={"permission": "operate"}, summary="Change how a station is let in")
async def change_station(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[StationChange]
) -> StationView:
    """Where its last boot would be answered otherwise now, it is asked to boot again."""
    state = station_of(api, who, station_id)
    await api.csms.device_model.provisioning.decide(
        state, who.actor, boot=data.boot_policy, provision=data.provision
    )
    return station_view(api, state)


@get("/{station_id:str}/variables", summary="A station's variables")
async def list_variables(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    text: Text = None,
    component: FromQuery[str | None] = None,
    evse_id: FromQuery[int | None] = None,
    writable: FromQuery[bool] = False,
    reboot_required: FromQuery[bool] = False,
) -> list[VariableView]:
    """All that were told and meet what is asked for; the commands get_variables and get_base_report ask
    anew.
    """
    station_of(api, who, station_id)
    await api.csms.device_model.written()
    rows = await api.store.read(
        lambda connection: variables.list_variables(
            connection,
            who.operator_id,
            station_id,
            text=text,
            component=component,
            evse_id=evse_id,
            writable=writable,
            reboot_required=reboot_required,
            limit=MOST,
        )
    )
    return [variable_view(row) for row in rows]


@get("/{station_id:str}/device-model", summary="A station's device model, page by page")
async def page_variables(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    text: Text = None,
    component: FromQuery[str | None] = None,
    evse_id: FromQuery[int | None] = None,
    writable: FromQuery[bool] = False,
    reboot_required: FromQuery[bool] = False,
    after: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> VariablePage:
    """A page's `next` is the `after` of the following one."""
    station_of(api, who, station_id)
    await api.csms.device_model.written()
    cursor = None if after is None else _read_cursor(after)
    page, following = await page_of(
        api,
        lambda connection, most: variables.list_variables(
            connection,
            who.operator_id,
            station_id,
            text=text,
            component=component,
            evse_id=evse_id,
            writable=writable,
            reboot_required=reboot_required,
            after=cursor,
            limit=most,
        ),
        limit,
        _cursor_of,
    )
    total = await api.store.read(
        lambda connection: variables.count_variables(connection, who.operator_id, station_id)
    )
    return VariablePage(items=tuple(variable_view(row) for row in page), next=following, total=total)


@get("/{station_id:str}/reports", summary="Reports that a station was asked for")
async def list_reports(api: Api, who: Who, station_id: FromPath[str]) -> list[ReportView]:
    """The last ones since the node started, newest first: how far each is, and what is missing."""
    state = station_of(api, who, station_id)
    return [report_view(report) for report in api.csms.device_model.reports.of(state.station_id)]


def report_view(report: Report) -> ReportView:
    """A report as the API shows it."""
    question = report.question
    if isinstance(question, GetBaseReport):
        what: str = question.base
    elif isinstance(question, GetReport | GetMonitoringReport):
        named = [
            ".".join(part for part in (item.component, item.variable) if part) for item in question.variables
        ]
        what = ", ".join((*question.criteria, *named)) or "all"
    else:
        what = "a customer"
    return ReportView(
        request_id=report.request_id,
        kind=str(question.__struct_config__.tag),
        what=what,
        state=report.state,
        status=report.status,
        asked_at=report.asked_at,
        asked_again=len(report.request_ids) > 1,
        parts=len(report.parts.seen),
        items=report.items,
        missing=() if report.state in ("complete", "empty", "refused") else report.parts.missing,
        finished_at=report.finished_at,
    )


def _cursor_of(row: StationVariable) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(variables.cursor_of(row))).decode()


def _read_cursor(text: str) -> variables.Cursor:
    try:
        return msgspec.json.decode(
            base64.b64decode(text, altchars=b"-_", validate=True),
            type=tuple[str, str, int, int, str, str, str],
        )
    except (binascii.Error, ValueError):
        raise no_cursor("after", text) from None


router = Router(
    "/stations",
    tags=["device model"],
    route_handlers=[change_station, list_variables, page_variables, list_reports],
)

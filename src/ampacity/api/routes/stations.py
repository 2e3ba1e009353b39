"""Stations: what they are, how they stand, and what they said."""

from __future__ import annotations

from litestar import Router, get
from litestar.params import FromPath, FromQuery

from ...csms.state import StationState
from ..context import ApiContext
from ..views_stations import (
    ConnectorView,
    NoticeView,
    PendingAvailabilityView,
    StationStatusView,
    StationView,
)
from .names import Api, Who, station_of


def connector_views(state: StationState) -> tuple[ConnectorView, ...]:
    """A station's connectors as the API shows them, in order."""
    return tuple(
        ConnectorView(
            evse_id=connector.evse_id,
            connector_id=connector.connector_id,
            status=connector.status,
            error=connector.error,
            at=connector.at,
        )
        for _, connector in sorted(state.connectors.items())
    )


def station_view(api: ApiContext, state: StationState) -> StationView:
    """A station as the API shows it."""
    provisioning = api.csms.device_model.provisioning
    return StationView(
        station_id=state.station_id,
        site_id=state.site_id,
        online=state.online,
        version=state.version,
        vendor=state.info.vendor or None,
        model=state.info.model or None,
        serial=state.info.serial or None,
        firmware=state.info.firmware or None,
        booted_at=state.booted_at,
        last_seen=state.last_seen,
        connectors=connector_views(state),
        transactions=tuple(row.transaction_id for row in state.transactions.values()),
        boot_policy=provisioning.policy(state),
        provision=provisioning.provisions(state),
        registration=state.registration,
        provisioning_problem=state.provisioning_problem,
        reboot_required=bool(state.reboot_required),
    )


@get("/", summary="List the stations")
async def list_stations(api: Api, who: Who, site_id: FromQuery[str | None] = None) -> list[StationView]:
    """All that are known, or those of a site."""
    found = [
        station_view(api, state)
        for state in api.csms.stations.values()
        if state.operator_id == who.operator_id and site_id in (None, state.site_id)
    ]
    return sorted(found, key=lambda view: view.station_id)


@get("/{station_id:str}", summary="A station")
async def get_station(api: Api, who: Who, station_id: FromPath[str]) -> StationView:
    """What it is, and how it stands."""
    return station_view(api, station_of(api, who, station_id))


@get("/{station_id:str}/status", summary="How a station stands")
async def get_status(api: Api, who: Who, station_id: FromPath[str]) -> StationStatusView:
    """Its connection and connectors, and what it notified lately."""
    state = station_of(api, who, station_id)
    return StationStatusView(
        station_id=state.station_id,
        online=state.online,
        last_seen=state.last_seen,
        connectors=connector_views(state),
        pending_availability=tuple(
            PendingAvailabilityView(evse_id=evse_id, connector_id=connector_id, operative=operative)
            for (evse_id, connector_id), operative in state.pending_availability.items()
        ),
        notices=tuple(
            NoticeView(at=heard.at, action=heard.notice.action, content=heard.notice.content)
            for heard in reversed(state.notices)
        ),
    )


router = Router(
    "/stations",
    tags=["stations"],
    route_handlers=[list_stations, get_station, get_status],
)

"""EVSEs: what a person does to the session at one, its meter series, and its QR code."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Annotated, Any, Literal

import segno
from litestar import Request, Response, Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ...csms.vocabulary import Outcome, RequestStop
from ...model.live import EvseView
from ..errors import conflict, invalid
from ..views_sites import (
    EvseLinkView,
    GoalsChange,
    NeedChange,
    OpenSessionView,
    QuarantineChange,
    SwitchChange,
)
from ..views_transactions import SeriesView
from .commands import send
from .names import Api, Who, evse_of, on_request, station_of
from .series import read_series

_HERE = "/{station_id:str}/{evse_id:int}"


@get(_HERE, summary="An EVSE as it stands now")
async def get_evse(api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]) -> EvseView:
    """The same view as in its site's live feed."""
    return evse_of(api, who, station_id, evse_id)[1]


@post(
    f"{_HERE}/boost", opt={"permission": "operate"}, status_code=200, summary="Boost a session, or no longer"
)
async def boost(
    api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int], data: JSONBody[SwitchChange]
) -> EvseView:
    """Lets the session go before the others; `{}` means on."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    with on_request():
        await runtime.boost((station_id, evse_id), data.on, who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@post(f"{_HERE}/pause", opt={"permission": "operate"}, status_code=200, summary="Pause a session")
async def pause(api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]) -> EvseView:
    """Holds the session at zero until it is resumed."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    with on_request():
        await runtime.pause((station_id, evse_id), True, who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@post(f"{_HERE}/resume", opt={"permission": "operate"}, status_code=200, summary="Resume a paused session")
async def resume(api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]) -> EvseView:
    """Lets a paused session go on."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    with on_request():
        await runtime.pause((station_id, evse_id), False, who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@post(f"{_HERE}/stop", opt={"permission": "operate"}, status_code=200, summary="Stop the session at an EVSE")
async def stop(api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]) -> Outcome:
    """Asks the station to end the transaction."""
    evse_of(api, who, station_id, evse_id)
    running = station_of(api, who, station_id).transaction_on(evse_id)
    if running is None:
        raise conflict(f"Nothing charges at {station_id}/{evse_id}.")
    command = RequestStop(station_transaction_id=running.station_transaction_id)
    return await send(api, who, station_id, command)


@post(f"{_HERE}/quarantine", opt={"permission": "operate"}, status_code=200, summary="Set an EVSE aside")
async def quarantine(
    api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int], data: JSONBody[QuarantineChange]
) -> EvseView:
    """It is no longer steered; what it was seen to draw is kept free for it until it is released."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    with on_request():
        await runtime.quarantine((station_id, evse_id), data.why, who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@post(f"{_HERE}/release", opt={"permission": "operate"}, status_code=200, summary="Release from quarantine")
async def release(api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]) -> EvseView:
    """Somebody has looked at it: it is steered again, and watched."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    with on_request():
        await runtime.release((station_id, evse_id), who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@put(f"{_HERE}/need", opt={"permission": "operate"}, summary="Declare what the driver needs")
async def put_need(
    api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int], data: JSONBody[NeedChange]
) -> EvseView:
    """Energy from now on, and departure; what is absent is withdrawn."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    now = api.clock.now()
    if data.departure is not None and data.departure <= now:
        raise invalid("departure", f"{data.departure.isoformat()} has passed (now: {now.isoformat()}).")
    with on_request():
        await runtime.declare_need((station_id, evse_id), data.need_wh, data.departure, who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@put(f"{_HERE}/goals", opt={"permission": "operate"}, summary="Say what a session shall end at")
async def put_goals(
    api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int], data: JSONBody[GoalsChange]
) -> EvseView:
    """State of charge, energy, time, budget, or a highest price; in the place of what was asked before."""
    runtime, _ = evse_of(api, who, station_id, evse_id)
    with on_request():
        if data.next:
            runtime.expect_goals((station_id, evse_id), data.goals, who.actor)
        else:
            await runtime.set_goals((station_id, evse_id), data.goals, who.actor)
    return evse_of(api, who, station_id, evse_id)[1]


@get(f"{_HERE}/series", summary="Meter values of an EVSE")
async def get_series(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    evse_id: FromPath[int],
    measurand: FromQuery[str | None] = None,
    start: Annotated[datetime | None, QueryParameter(name="from")] = None,
    end: Annotated[datetime | None, QueryParameter(name="to")] = None,
    resolution: FromQuery[Literal["raw", "15min"]] = "15min",
) -> SeriesView:
    """Of the last day where no time is named. Any EVSE of a station that is known, on a site or not; 0 is the
    station's main meter."""
    station_of(api, who, station_id)
    return await read_series(
        api, who, station_id, evse_id, measurand=measurand, start=start, end=end, resolution=resolution
    )


@get(f"{_HERE}/link", summary="The public page of an EVSE")
async def get_link(api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]) -> EvseLinkView:
    """What its QR code points at."""
    evse_of(api, who, station_id, evse_id)
    code = api.access.driver_code((station_id, evse_id))
    return EvseLinkView(code=code, path=f"/e/{code}")


@get(f"{_HERE}/qr.svg", summary="The QR code of an EVSE", media_type="image/svg+xml")
async def get_qr(
    request: Request[Any, Any, Any], api: Api, who: Who, station_id: FromPath[str], evse_id: FromPath[int]
) -> Response[bytes]:
    """Points at the EVSE's public page under `public_url`, or else the address that this request used.

    Error correction level M: still read when scratched.
    """
    evse_of(api, who, station_id, evse_id)
    code = api.access.driver_code((station_id, evse_id))
    base = api.settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    drawing = io.BytesIO()
    segno.make(f"{base}/e/{code}", error="m", micro=False).save(
        drawing,
        kind="svg",
        border=4,
        svgclass=None,
        lineclass=None,
        omitsize=True,
        title=f"{station_id}/{evse_id}",
    )
    return Response(
        drawing.getvalue(), media_type="image/svg+xml", headers={"cache-control": "private, max-age=3600"}
    )


@get("/", summary="Sessions that are open now")
async def list_sessions(api: Api, who: Who, site_id: FromQuery[str | None] = None) -> list[OpenSessionView]:
    """Every car that is plugged in, at all sites or one."""
    return [
        OpenSessionView(
            site_id=runtime.site.site_id,
            station_id=view.station_id,
            evse_id=view.evse_id,
            label=view.label,
            online=view.online,
            power_w=view.power_w,
            grant_a=view.grant_a,
            session=view.session,
            reasons=view.reasons,
        )
        for runtime in api.sites.values()
        if runtime.site.operator_id == who.operator_id and site_id in (None, runtime.site.site_id)
        for view in runtime.view().evses
        if view.session is not None
    ]


router = Router(
    "/evses",
    tags=["EVSEs"],
    route_handlers=[
        get_evse,
        boost,
        pause,
        resume,
        stop,
        quarantine,
        release,
        put_need,
        put_goals,
        get_series,
        get_link,
        get_qr,
    ],
)
sessions_router = Router("/sessions", tags=["EVSEs"], route_handlers=[list_sessions])

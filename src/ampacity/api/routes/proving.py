"""Proving stations and sites: probes of firmware, and the assessment before a site is commissioned."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery

from ...model.proving import Assessment, ProbeReport, ProbeRun, StepName
from ...model.site import EvseKey
from ...site.report_pdf import report_pdf
from ...store import proving
from ..context import ApiContext, SiteRuntime
from ..errors import not_found
from ..views_proving import CommissioningView, StationProofView
from .names import Api, Who, on_request, site_of


@post(
    "/{site_id:str}/stations/{station_id:str}/probe",
    opt={"permission": "operate"},
    status_code=200,
    summary="Probe a station's firmware",
)
async def post_probe(api: Api, who: Who, site_id: FromPath[str], station_id: FromPath[str]) -> ProbeReport:
    """Asks the station what it does with charging profiles, with evidence, and keeps it for its firmware.
    Takes some seconds without a car, and minutes with one.
    """
    runtime = site_of(api, who, site_id)
    with on_request():
        return await runtime.probe(station_id, who.actor)


@get("/{site_id:str}/probes", summary="What firmware was probed")
async def get_probes(api: Api, who: Who, site_id: FromPath[str]) -> list[ProbeReport]:
    """The newest findings of each firmware, of all sites."""
    site_of(api, who, site_id)
    return await api.store.read(lambda connection: proving.list_probes(connection, who.operator_id))


@get("/{site_id:str}/probing", summary="Probes that run now")
async def get_probing(api: Api, who: Who, site_id: FromPath[str]) -> list[ProbeRun]:
    """What each has found so far; empty where none runs."""
    return list(site_of(api, who, site_id).probing())


@get("/{site_id:str}/commissioning", summary="How far the commissioning of a site is")
async def get_commissioning(api: Api, who: Who, site_id: FromPath[str]) -> CommissioningView:
    """The assessment, each station with what its firmware has shown, and the probes that run."""
    runtime = site_of(api, who, site_id)
    known = await api.store.read(lambda connection: proving.list_probes(connection, who.operator_id))
    probes: dict[tuple[str, ...], ProbeReport] = {
        (one.vendor, one.model, one.firmware, one.version): one for one in known
    }
    keys: dict[str, list[EvseKey]] = {}
    for evse in runtime.site.evses:
        keys.setdefault(evse.station_id, []).append(evse.key)
    return CommissioningView(
        commissioned=runtime.site.commissioned,
        assessment=await runtime.assessor.newest(),
        stations=tuple(_proof(api, runtime, station_id, at, probes) for station_id, at in keys.items()),
        probing=runtime.probing(),
    )


def _proof(
    api: ApiContext,
    runtime: SiteRuntime,
    station_id: str,
    keys: list[EvseKey],
    probes: Mapping[tuple[str, ...], ProbeReport],
) -> StationProofView:
    proven = all(runtime.proven(key) for key in keys)
    state = api.csms.station(station_id)
    if state is None:
        return StationProofView(station_id=station_id, proven=proven)
    info, version = state.info, state.version or ""
    return StationProofView(
        station_id=station_id,
        online=state.online,
        ever_seen=state.last_seen is not None,
        has_password=state.password_hash is not None,
        proven=proven,
        version=version,
        vendor=info.vendor,
        model=info.model,
        firmware=info.firmware,
        probe=probes.get((info.vendor, info.model, info.firmware, version)),
    )


_ASSESSMENT = "/{site_id:str}/assessment"


@post(_ASSESSMENT, opt={"permission": "operate"}, status_code=202, summary="Assess a site, or go on with it")
async def post_assessment(
    api: Api, who: Who, site_id: FromPath[str], step: FromQuery[list[StepName] | None] = None
) -> Assessment:
    """Does every step that has not passed yet, or those that are named (again, if need be), beside whatever
    else goes on; ask for it to see how it goes. The step `phases` lowers each car for a minute.
    """
    runtime = site_of(api, who, site_id)
    with on_request():
        return await runtime.assessor.run(who.actor, tuple(step or ()))


@post(
    f"{_ASSESSMENT}/cancel",
    opt={"permission": "operate"},
    status_code=200,
    summary="Stop what is being assessed",
)
async def post_cancel(api: Api, who: Who, site_id: FromPath[str]) -> Assessment:
    """The step that runs is given up; those before it stay as they were found."""
    runtime = site_of(api, who, site_id)
    with on_request():
        return await runtime.assessor.cancel(who.actor)


@get(_ASSESSMENT, summary="A site's newest assessment")
async def get_assessment(api: Api, who: Who, site_id: FromPath[str]) -> Assessment:
    """Its steps with their findings."""
    found = await site_of(api, who, site_id).assessor.newest()
    if found is None:
        raise not_found("assessment of site", site_id)
    return found


@get(f"{_ASSESSMENT}/report.pdf", summary="The same as a PDF", media_type="application/pdf")
async def get_report(api: Api, who: Who, site_id: FromPath[str]) -> Response[bytes]:
    """For the file of the installation."""
    runtime = site_of(api, who, site_id)
    found = await runtime.assessor.newest()
    if found is None:
        raise not_found("assessment of site", site_id)
    return Response(report_pdf(found, runtime.site.name), media_type="application/pdf")


@post(f"{_ASSESSMENT}/accept", opt={"permission": "operate"}, status_code=200, summary="Commission the site")
async def accept(api: Api, who: Who, site_id: FromPath[str]) -> Assessment:
    """Somebody has read the report: from now on the site uses all of its headroom."""
    runtime = site_of(api, who, site_id)
    with on_request():
        return await runtime.assessor.accept(who.actor)


router = Router(
    "/sites",
    tags=["commissioning"],
    route_handlers=[
        post_probe,
        get_probes,
        get_probing,
        get_commissioning,
        post_assessment,
        post_cancel,
        get_assessment,
        get_report,
        accept,
    ],
)

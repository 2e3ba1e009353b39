"""Proving stations and sites: probes of firmware."""

from __future__ import annotations

from litestar import Router, get, post
from litestar.params import FromPath

from ...model.proving import ProbeReport
from ...store import proving
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


router = Router("/sites", tags=["commissioning"], route_handlers=[post_probe, get_probes])

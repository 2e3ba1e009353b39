"""What anybody may see who stands before an EVSE: the page behind its QR code. Nothing in it tells who
charges.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, get
from litestar.params import FromPath
from msgspec import structs

from ...access.rate import RateLimit
from ...model.live import EvseView
from ...model.site import EvseKey, Site
from ..context import ApiContext, SiteRuntime
from ..errors import not_found
from ..guard import peer_of, rate_limited
from ..views_sites import DriverView
from .names import Api


class DriverCodes:
    """Which EVSE a code means. Codes are computed once for each EVSE; a code that is unknown is looked for
    anew.
    """

    def __init__(self, api: ApiContext) -> None:
        self._api = api
        self._known: dict[str, tuple[str, EvseKey]] = {}
        self._sites: list[Site] = []

    def find(self, code: str) -> tuple[SiteRuntime, EvseView] | None:
        """The EVSE of a code and how it stands."""
        found = self._known.get(code)
        if found is None:
            self._learn()
            found = self._known.get(code)
        if found is None or found[0] not in self._api.sites:
            return None
        site_id, key = found
        runtime = self._api.sites[site_id]
        for view in runtime.view().evses:
            if (view.station_id, view.evse_id) == key:
                return runtime, view
        return None

    def _learn(self) -> None:
        sites = [runtime.site for runtime in self._api.sites.values()]
        # A wrong code must not cost an HMAC for each EVSE.
        if [id(site.evses) for site in sites] == [id(site.evses) for site in self._sites]:
            return
        self._sites = sites
        self._known = {
            self._api.access.driver_code(evse.key): (site.site_id, evse.key)
            for site in sites
            if site.operator_id == self._api.operator_id
            for evse in site.evses
        }


def driver_view(code: str, runtime: SiteRuntime, view: EvseView) -> DriverView:
    """An EVSE without whatever could tell who charges: no token, no transaction, no name of who set a
    limit.
    """
    session = view.session
    return DriverView(
        code=code,
        site_name=runtime.site.name,
        label=view.label or f"{view.station_id}/{view.evse_id}",
        at=runtime.view().at,
        online=view.online,
        status=view.status,
        state=None if session is None else session.state,
        power_w=view.power_w,
        energy_wh=None if session is None else session.energy_wh,
        ready_at=None if session is None else session.ready_at,
        departure=None if session is None else session.departure,
        reasons=tuple(
            structs.replace(reason, source=None, detail=None, circuit_id=None) for reason in view.reasons
        ),
    )


@get("/evses/{code:str}", opt={"public": True}, summary="The EVSE of a QR code")
async def get_evse(request: Request[Any, Any, Any], api: Api, code: FromPath[str]) -> Response[DriverView]:
    """State, power, energy, ready-by and the reasons why not more. No sign-in; rate limited."""
    limits: RateLimit = request.app.state.public_limit
    rate_limited(limits, peer_of(request), "requests")
    codes: DriverCodes = request.app.state.driver_codes
    found = codes.find(code.lower()) if len(code) <= 32 else None
    if found is None:
        raise not_found("charge point with the code", code[:32], "Scan the code on the charger again.")
    return Response(driver_view(code.lower(), *found), headers={"cache-control": "no-store"})


router = Router("/public", tags=["public"], route_handlers=[get_evse])

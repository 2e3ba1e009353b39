"""The form of a site: circuits, EVSEs, and everything else that its file says (docs/sites.md)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, Router, get, post, put
from litestar.params import FromPath, HeaderParameter, JSONBody

from ...access.principal import Principal
from ...model.site import Site
from ...site.form import FormError, read_form
from ...site.paper import points, sums
from ..context import ApiContext, SiteRuntime
from ..errors import conflict, invalid, not_found
from ..views_sites import SiteCheckView
from .names import Api, Who, on_request, site_of

_ONE = "/{site_id:str}"


def _shown(runtime: SiteRuntime, status: int = 200) -> Response[Site]:
    return Response(runtime.builder.form, status_code=status, headers={"etag": f'"{runtime.builder.mark}"'})


def _runs(api: ApiContext, who: Principal, site_id: str) -> bool:
    runtime = api.sites.get(site_id)
    return runtime is not None and runtime.site.operator_id == who.operator_id


def _read(api: ApiContext, who: Principal, site_id: str, values: dict[str, Any]) -> Site:
    """The form of a body; one without an id is this site's."""
    site = read_form({"site_id": site_id, **values}, who.operator_id, api.meter_maps)
    if site.site_id != site_id:
        raise FormError("site_id", f"{site.site_id!r} is not {site_id!r}: a site keeps its id")
    return site


@get(_ONE, summary="A site as it is built")
async def get_site(api: Api, who: Who, site_id: FromPath[str]) -> Response[Site]:
    """All that its file can say, with the limits in force. `ETag` names this state of it."""
    return _shown(site_of(api, who, site_id))


@put(_ONE, opt={"permission": "operate"}, summary="Build a site, or change how it is built")
async def put_site(
    api: Api,
    who: Who,
    site_id: FromPath[str],
    data: JSONBody[dict[str, Any]],
    if_match: Annotated[str | None, HeaderParameter(name="If-Match")] = None,
) -> Response[Site]:
    """The whole form, as GET shows it; what is left out has its default. It counts with the next tick, and
    cars charge on: who has another safe current, rating or wiring is held until its station has taken it.

    Limits that the form names are set, others stay. `If-Match` with the `ETag` of what the form was made from
    keeps two people apart. After a change that lets the site draw more than it was assessed for, it goes back
    to 80 % of its headroom.
    """
    try:
        wanted = _read(api, who, site_id, data)
        if not _runs(api, who, site_id):
            if api.found_site is None or site_id in api.sites:
                raise not_found("site", site_id, "/api/v1/sites lists them.")
            if wanted.commissioned:
                raise conflict(f"Site {site_id!r} was never assessed.", "Leave `commissioned` out.")
            with on_request():
                await api.found_site(wanted, who.actor)
            return _shown(site_of(api, who, site_id), 201)
        runtime = site_of(api, who, site_id)
        mark = None if if_match is None else if_match.strip('"')
        try:
            await runtime.builder.rebuild(wanted, who.actor, mark)
        except FormError:
            raise
        except ValueError as problem:
            raise conflict(f"{problem}.") from problem
    except FormError as problem:
        raise invalid(problem.where or "site", f"{problem}.", "See docs/sites.md.") from None
    return _shown(runtime)


@post(f"{_ONE}/check", status_code=200, summary="Look at a site's form before it is used")
async def post_check(
    api: Api, who: Who, site_id: FromPath[str], data: JSONBody[dict[str, Any]]
) -> SiteCheckView:
    """What would be refused, or what will not pass the assessment. Changes nothing."""
    try:
        wanted = _read(api, who, site_id, data)
        if _runs(api, who, site_id):
            found, carried = site_of(api, who, site_id).builder.look_at(wanted)
        else:
            found, carried = points(wanted, {}), sums(wanted, {})
    except FormError as problem:
        return SiteCheckView(usable=False, where=problem.where, error=problem.text)
    except ValueError as problem:
        return SiteCheckView(usable=False, where="", error=str(problem))
    return SiteCheckView(usable=True, where="", error="", points=found, sums=carried)


router = Router("/sites", tags=["sites"], route_handlers=[get_site, put_site, post_check])

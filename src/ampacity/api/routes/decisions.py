"""The decision log of a site: why an EVSE had what it had, and what happened when."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from litestar import Router, get
from litestar.params import FromPath, QueryParameter
from sqlalchemy import Connection

from ...model.why import Timeline, Why
from ...site.decisions.chain import ChainBroken
from ...site.decisions.reading import Logged, NothingKept
from ...site.decisions.timeline import LONGEST, timeline
from ...site.decisions.times import UnclearTime, read_time
from ...site.decisions.why import UnknownEvse, explain
from ...store import StoreUnavailable
from ..context import ApiContext, SiteRuntime
from ..errors import ApiError, invalid
from .names import Api, Limit, Who, aware, site_of

SPAN = timedelta(hours=1)
T = TypeVar("T")


@get("/{site_id:str}/why", summary="Why an EVSE had what it had")
async def get_why(
    api: Api,
    who: Who,
    site_id: FromPath[str],
    evse: Annotated[str, QueryParameter(description="Its label, STATION/EVSE, or a station with one EVSE.")],
    at: Annotated[
        str,
        QueryParameter(
            description="07:41:12 or a whole date, in the site's time zone where it has no offset."
        ),
    ] = "now",
) -> Why:
    """What held the EVSE at a second of the past, who had what, what was known, and what changed last."""
    runtime = site_of(api, who, site_id)
    try:
        asked = read_time(at, runtime.site.time_zone, api.clock.now())
    except UnclearTime as problem:
        raise invalid("at", str(problem)) from problem
    return await _read(api, runtime, lambda logged: explain(logged, evse, asked))


@get("/{site_id:str}/decisions", summary="What a site's controller did")
async def get_decisions(
    api: Api,
    who: Who,
    site_id: FromPath[str],
    start: Annotated[
        datetime | None, QueryParameter(name="from", description="An hour before `to` when absent.")
    ] = None,
    end: Annotated[datetime | None, QueryParameter(name="to", description="Now when absent.")] = None,
    evse: Annotated[str | None, QueryParameter(description="Only this EVSE, and what concerns all.")] = None,
    limit: Limit = 300,
) -> Timeline:
    """Cuts and raises with their causes, stations, sessions, meters and limits, the last first."""
    runtime = site_of(api, who, site_id)
    last = aware("to", end) or api.clock.now()
    first = aware("from", start) or last - SPAN
    if first >= last:
        raise invalid("from", f"{first.isoformat()} is not before {last.isoformat()}.")
    if last - first > LONGEST:
        raise invalid("from", f"{last - first} is too long a span.", f"Ask for at most {LONGEST} at once.")
    site = runtime.site
    return await _read(
        api,
        runtime,
        lambda logged: timeline(logged, site.site_id, site.time_zone, first, last, evse=evse, most=limit),
    )


async def _read(api: ApiContext, runtime: SiteRuntime, what: Callable[[Logged], T]) -> T:
    site = runtime.site
    with suppress(StoreUnavailable):  # what is kept can be read all the same
        await runtime.logged()

    def within(connection: Connection) -> T:
        return what(Logged(connection, site.operator_id, site.site_id))

    try:
        return await api.store.read(within)
    except (UnknownEvse, NothingKept) as problem:
        raise ApiError(404, "not-found", str(problem)) from problem
    except ChainBroken as problem:
        raise ApiError(409, "conflict", str(problem)) from problem


router = Router("/sites", tags=["sites"], route_handlers=[get_why, get_decisions])

"""Names that the routes share: what is injected into a handler, and how a thing of a path is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, TypeAlias

from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from ...access.principal import Principal
from ...csms.state import StationState
from ...model.live import EvseView
from ...model.site import Circuit, EvseKey
from ..context import ApiContext, SiteRuntime
from ..errors import ApiError, conflict, invalid, not_found

Api: TypeAlias = NamedDependency[SkipValidation[ApiContext]]
"""The node's parts."""

Who: TypeAlias = NamedDependency[SkipValidation[Principal]]
"""Who asks."""

Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000, description="At most so many.")]


def site_of(api: ApiContext, who: Principal, site_id: str) -> SiteRuntime:
    """The site, where it is the asker's operator's; 404 otherwise."""
    runtime = api.sites.get(site_id)
    if runtime is None or runtime.site.operator_id != who.operator_id:
        raise not_found("site", site_id, "/api/v1/sites lists them.")
    return runtime


def station_of(api: ApiContext, who: Principal, station_id: str) -> StationState:
    """A station, where it is the asker's operator's; 404 otherwise."""
    state = api.csms.station(station_id)
    if state is None or state.operator_id != who.operator_id:
        raise not_found("station", station_id, "/api/v1/stations lists them.")
    return state


def by_name(who: Principal) -> None:
    """403 for anybody but a person who is signed in: to release an emergency stop somebody answers for it by
    name."""
    if who.via != "session":
        raise ApiError(
            403,
            "forbidden",
            "An API key can't release an emergency stop.",
            where="Authorization",
            remedy="Let a person who is signed in release it.",
        )


def circuit_of(runtime: SiteRuntime, circuit_id: str) -> Circuit:
    """A circuit of the site; 404 otherwise."""
    for circuit in runtime.site.circuits:
        if circuit.circuit_id == circuit_id:
            return circuit
    raise not_found(
        "circuit", circuit_id, f"The site has {', '.join(c.circuit_id for c in runtime.site.circuits)}."
    )


def aware(where: str, at: datetime | None) -> datetime | None:
    """A time of the query; 422 for one without a zone, which would be nobody's."""
    if at is not None and at.tzinfo is None:
        raise invalid(where, f"{at.isoformat()} has no zone.", f"Write {at.isoformat()}Z for UTC.")
    return at


@contextmanager
def on_request() -> Iterator[None]:
    """What a site's runtime refuses, as an answer: LookupError is a 404, ValueError a 409."""
    try:
        yield
    except LookupError as error:
        raise ApiError(404, "not-found", str(error)) from error
    except ValueError as error:
        raise conflict(str(error)) from error


def evse_of(api: ApiContext, who: Principal, station_id: str, evse_id: int) -> tuple[SiteRuntime, EvseView]:
    """An EVSE of a running site and how it stands; 404 otherwise."""
    key: EvseKey = (station_id, evse_id)
    for runtime in api.sites.values():
        if runtime.site.operator_id != who.operator_id or all(evse.key != key for evse in runtime.site.evses):
            continue
        for view in runtime.view().evses:
            if (view.station_id, view.evse_id) == key:
                return runtime, view
    raise not_found("EVSE", f"{station_id}/{evse_id}", "/api/v1/sites/{site_id} lists a site's EVSEs.")

"""Sites: what they are, how they stand, their limits and strategy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import structs
from sqlalchemy import Connection

from ...control.limits import effective_limit, effective_power
from ...model.live import SiteHistory, SiteView
from ...model.protection import LimitPiece, SignalSource
from ...model.site import UNLIMITED_A, EvseKey, LimitSource, SharingRules, Site
from ...site.safe import hidden
from ...store import sites as rows
from ..context import ApiContext, SiteRuntime
from ..errors import invalid
from ..views_sites import (
    CircuitLimitsView,
    EmergencyRelease,
    EmergencyStop,
    LimitChange,
    LimitView,
    PieceView,
    SafeModeChange,
    SharingChange,
    SiteSummary,
    StrategyChange,
    TemperatureChange,
)
from .meters import CLOCK_TOLERANCE
from .names import Api, Who, aware, by_name, circuit_of, on_request, site_of

HISTORY = timedelta(hours=2)
LONGEST_HISTORY = timedelta(days=31)


async def limits_of(api: ApiContext, runtime: SiteRuntime, circuit_id: str) -> CircuitLimitsView:
    """A circuit's limits now and before."""
    site, now = runtime.site, api.clock.now()
    circuit = circuit_of(runtime, circuit_id)

    def unit(connection: Connection) -> tuple[tuple[LimitSource, ...], list[rows.LimitRow]]:
        in_force = rows.limits_in_force(connection, site.operator_id, site.site_id, now)
        history = rows.limit_history(connection, site.operator_id, site.site_id, circuit_id)
        return in_force.get(circuit_id, ()), history

    in_force, history = await api.store.read(unit)
    in_force = (*in_force, *runtime.granted(circuit_id))
    effective_a, whose = effective_limit(circuit, in_force, now.timestamp())
    effective_w, whose_w = effective_power(circuit, in_force, now.timestamp()) or (None, None)
    return CircuitLimitsView(
        circuit_id=circuit_id,
        rating_a=circuit.rating_a,
        effective_a=effective_a,
        effective_source=whose,
        effective_w=effective_w,
        effective_w_source=whose_w,
        sources=tuple(
            LimitView(
                source=limit.source,
                limit_a=_told(limit.limit_a),
                valid_until=None
                if limit.valid_until is None
                else datetime.fromtimestamp(limit.valid_until, UTC),
                fallback_a=limit.fallback_a,
                limit_w=limit.limit_w,
                fallback_w=limit.fallback_w,
                pieces=tuple(_shown(piece) for piece in limit.pieces),
            )
            for limit in in_force
        ),
        history=tuple(
            LimitView(
                source=row.source,
                limit_a=_told(row.limit_a),
                valid_until=row.valid_until,
                fallback_a=row.fallback_a,
                limit_w=row.limit_w,
                fallback_w=row.fallback_w,
                pieces=tuple(_shown(p) for p in msgspec.convert(row.pieces, tuple[LimitPiece, ...])),
                set_by=row.set_by,
                set_at=row.set_at,
                withdrawn_at=row.withdrawn_at,
            )
            for row in history
        ),
    )


def _shown(piece: LimitPiece) -> PieceView:
    return PieceView(
        valid_from=datetime.fromtimestamp(piece.valid_from, UTC),
        valid_until=datetime.fromtimestamp(piece.valid_until, UTC),
        limit_a=piece.limit_a,
        limit_w=piece.limit_w,
    )


def _told(limit_a: float) -> float | None:
    """The amperes of a limit; None where it is in watts only."""
    return None if limit_a >= UNLIMITED_A else limit_a


@get("/", summary="List the sites")
async def list_sites(api: Api, who: Who) -> list[SiteSummary]:
    """Each site with its figures of now."""
    summaries = []
    for runtime in api.sites.values():
        if runtime.site.operator_id != who.operator_id:
            continue
        view = runtime.view()
        summaries.append(
            SiteSummary(
                site_id=view.site_id,
                name=view.name,
                time_zone=runtime.site.time_zone,
                strategy=view.strategy,
                evses=len(view.evses),
                evses_online=sum(evse.online for evse in view.evses),
                sessions=sum(evse.session is not None for evse in view.evses),
                ev_power_w=view.ev_power_w,
                limit_power_w=view.limit_power_w,
                overloaded=view.overloaded,
            )
        )
    return summaries


@get("/{site_id:str}/live", summary="A site as it stands now")
async def get_live(api: Api, who: Who, site_id: FromPath[str]) -> SiteView:
    """The same view that the live feed sends, once."""
    return site_of(api, who, site_id).view()


@get("/{site_id:str}/history", summary="A site's power as it was")
async def get_history(
    api: Api,
    who: Who,
    site_id: FromPath[str],
    start: Annotated[
        datetime | None, QueryParameter(name="from", description="Two hours ago when absent.")
    ] = None,
    end: Annotated[datetime | None, QueryParameter(name="to", description="Now when absent.")] = None,
) -> SiteHistory:
    """Base load, each EVSE's power and the limit over time, for the stacked chart."""
    runtime = site_of(api, who, site_id)
    last = aware("to", end) or api.clock.now()
    first = aware("from", start) or last - HISTORY
    if first >= last:
        raise invalid(
            "from",
            f"{first.isoformat()} is not before {last.isoformat()}.",
            "Let `from` be earlier than `to`.",
        )
    if last - first > LONGEST_HISTORY:
        raise invalid("from", f"{last - first} is too long a span.", "Ask for at most 31 days at once.")
    return await runtime.history(first, last)


@put("/{site_id:str}/strategy", opt={"permission": "operate"}, summary="Choose a site's strategy")
async def put_strategy(
    api: Api, who: Who, site_id: FromPath[str], data: JSONBody[StrategyChange]
) -> SiteView:
    """Returns the site as it stands then."""
    runtime = site_of(api, who, site_id)
    with on_request():
        await runtime.set_strategy(data.strategy, who.actor)
    return runtime.view()


@post("/{site_id:str}/safe-mode", opt={"permission": "protect"}, status_code=200, summary="Order safe mode")
async def post_safe_mode(
    api: Api, who: Who, site_id: FromPath[str], data: JSONBody[SafeModeChange]
) -> SiteView:
    """Nobody gets more than what he draws unattended, until it is ended. Holds through restarts."""
    runtime = site_of(api, who, site_id)
    with on_request():
        await runtime.safe_mode(data.on, data.reason, who.actor)
    return runtime.view()


@post("/{site_id:str}/emergency-stop", opt={"permission": "protect"}, status_code=200, summary="Stop a site")
async def post_emergency_stop(
    api: Api, who: Who, site_id: FromPath[str], data: JSONBody[EmergencyStop]
) -> SiteView:
    """Everybody to nothing now, until a person releases it. Holds through restarts."""
    runtime = site_of(api, who, site_id)
    with on_request():
        await runtime.emergency_stop(
            data.reason, data.stop_sessions, who.actor, stop_generation=data.stop_generation
        )
    return runtime.view()


@post(
    "/{site_id:str}/emergency-stop/release",
    opt={"permission": "release"},
    status_code=200,
    summary="Release a stopped site",
)
async def post_release(
    api: Api, who: Who, site_id: FromPath[str], data: JSONBody[EmergencyRelease]
) -> SiteView:
    """By a person who is signed in, never by an API key: somebody answers for it by name."""
    runtime = site_of(api, who, site_id)
    by_name(who)
    with on_request():
        await runtime.release_emergency_stop(data.reason, who.actor)
    return runtime.view()


@put("/{site_id:str}/sharing", opt={"permission": "operate"}, summary="Choose who gets what is scarce")
async def put_sharing(api: Api, who: Who, site_id: FromPath[str], data: JSONBody[SharingChange]) -> Site:
    """Returns the site as it is built then."""
    runtime = site_of(api, who, site_id)
    with on_request():
        await runtime.set_sharing(SharingRules(**structs.asdict(data)), who.actor)
    return hidden(runtime.site)


@get("/{site_id:str}/circuits/{circuit_id:str}/limits", summary="A circuit's limits")
async def get_limits(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str]
) -> CircuitLimitsView:
    """The effective limit, whose it is, and the history of all sources."""
    return await limits_of(api, site_of(api, who, site_id), circuit_id)


@put(
    "/{site_id:str}/circuits/{circuit_id:str}/limits",
    opt={"permission": "operate"},
    summary="Limit a circuit",
)
async def put_limit(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str], data: JSONBody[LimitChange]
) -> CircuitLimitsView:
    """Sets the source's limit in the place of its former one. The effective limit is the lowest of all
    sources.
    """
    runtime = site_of(api, who, site_id)
    circuit = circuit_of(runtime, circuit_id)
    for where, value in (("limit_a", data.limit_a), ("fallback_a", data.fallback_a)):
        if value is not None and value > circuit.rating_a:
            raise invalid(
                where,
                f"{value:g} A is above the rating of {circuit.name} ({circuit.rating_a:g} A).",
                f"Set at most {circuit.rating_a:g} A, or withdraw the limit.",
            )
    now = api.clock.now()
    if data.valid_until is not None and data.valid_until <= now:
        raise invalid(
            "valid_until",
            f"{data.valid_until.isoformat()} has passed (now: {now.isoformat()}).",
            "Name a later time.",
        )
    for where, value in (("fallback_a", data.fallback_a), ("fallback_w", data.fallback_w)):
        if value is not None and data.valid_until is None:
            raise invalid(where, "A fallback needs an end.", "Set valid_until too.")
    for number, piece in enumerate(data.pieces):
        where = f"pieces[{number}]"
        if piece.valid_from >= piece.valid_until:
            raise invalid(where, "It ends before it begins.", "Let valid_from be before valid_until.")
        if piece.limit_a is None and piece.limit_w is None:
            raise invalid(where, "The piece has no value.", "Set limit_a, limit_w or both.")
        if piece.limit_a is not None and piece.limit_a > circuit.rating_a:
            raise invalid(where, f"{piece.limit_a:g} A is above the rating ({circuit.rating_a:g} A).")
    if data.limit_a is None and data.limit_w is None and not data.pieces:
        raise invalid("limit_a", "The limit has no value.", "Set limit_a, limit_w or both.")
    with on_request():
        await runtime.set_limit(
            circuit_id,
            data.limit_a,
            data.source,
            data.valid_until,
            data.fallback_a,
            who.actor,
            limit_w=data.limit_w,
            fallback_w=data.fallback_w,
            pieces=tuple(
                LimitPiece(
                    valid_from=piece.valid_from.timestamp(),
                    valid_until=piece.valid_until.timestamp(),
                    limit_a=piece.limit_a,
                    limit_w=piece.limit_w,
                )
                for piece in data.pieces
            ),
        )
    return await limits_of(api, runtime, circuit_id)


@post(
    "/{site_id:str}/circuits/{circuit_id:str}/signals/{source:str}/heartbeat",
    opt={"permission": "operate"},
    status_code=200,
    summary="Say that the sender of a signal is there",
)
async def post_heartbeat(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str], source: FromPath[str]
) -> SignalSource:
    """To be called each `heartbeat_s`; its limits are set like any other, under the source's name. Returns
    the signal as it is configured."""
    runtime = site_of(api, who, site_id)
    with on_request():
        return runtime.heartbeat(circuit_id, source)


@post(
    "/{site_id:str}/temperatures",
    opt={"permission": "operate"},
    status_code=204,
    summary="Push temperatures",
)
async def post_temperatures(
    api: Api, who: Who, site_id: FromPath[str], data: JSONBody[list[TemperatureChange]]
) -> None:
    """Of the sensors that the site's circuits and EVSEs are configured with."""
    runtime = site_of(api, who, site_id)
    now = api.clock.now()
    for number, reading in enumerate(data):
        if reading.at is not None and reading.at > now + CLOCK_TOLERANCE:
            raise invalid(f"[{number}].at", f"{reading.at.isoformat()} is in the future.")
        at_evse = reading.station_id is not None and reading.evse_id is not None
        if at_evse == (reading.circuit_id is not None):
            raise invalid(
                f"[{number}]",
                "It is not said where the sensor is.",
                "Name circuit_id, or station_id and evse_id.",
            )
        place: str | EvseKey
        if reading.circuit_id is not None:
            place = reading.circuit_id
        else:
            place = reading.station_id or "", reading.evse_id or 0
        with on_request():
            runtime.record_temperature(place, reading.sensor_id, reading.celsius, reading.at)


@delete(
    "/{site_id:str}/circuits/{circuit_id:str}/limits",
    opt={"permission": "operate"},
    status_code=200,
    summary="Withdraw a circuit's limit",
)
async def delete_limit(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str], source: FromQuery[str] = "operator"
) -> CircuitLimitsView:
    """Takes the source's limit away; those of others stay."""
    runtime = site_of(api, who, site_id)
    circuit_of(runtime, circuit_id)
    with on_request():
        await runtime.withdraw_limit(circuit_id, source, who.actor)
    return await limits_of(api, runtime, circuit_id)


router = Router(
    "/sites",
    tags=["sites"],
    route_handlers=[
        list_sites,
        get_live,
        get_history,
        put_strategy,
        post_safe_mode,
        post_emergency_stop,
        post_release,
        put_sharing,
        get_limits,
        put_limit,
        delete_limit,
        post_heartbeat,
        post_temperatures,
    ],
)

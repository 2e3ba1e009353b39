"""Groups: sites that share one supply, and what each of them is granted."""

from __future__ import annotations

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from ...access.principal import Principal
from ...model.groups import GroupView, MemberAnswer, MemberReport, SiteGroup
from ...model.protection import LimitPiece
from ...model.site import UNLIMITED_A, LimitSource
from ...site.groups.groups import Groups
from ...site.meters import MeterTrouble
from ..context import ApiContext
from ..errors import ApiError, invalid, not_found
from ..views_groups import GroupChange, GroupReading
from ..views_sites import EmergencyRelease, EmergencyStop, LimitChange
from .names import Api, Who, by_name, on_request


def groups_of(api: ApiContext, who: Principal) -> Groups:
    """The groups of the asker's operator; 404 where there can be none."""
    if api.groups is None or api.groups.operator_id != who.operator_id:
        raise not_found("group", "any", "This node coordinates no groups of yours.")
    return api.groups


@get("/", summary="List the groups")
async def list_groups(api: Api, who: Who) -> list[GroupView]:
    """Each as it stands now."""
    groups = groups_of(api, who)
    return [groups.view(group.group_id) for group in groups.known()]


@get("/{group_id:str}", summary="A group as it is configured")
async def get_group(api: Api, who: Who, group_id: FromPath[str]) -> SiteGroup:
    """Circuits and members."""
    with on_request():
        return groups_of(api, who).group(group_id)


@get("/{group_id:str}/live", summary="A group as it stands now")
async def get_live(api: Api, who: Who, group_id: FromPath[str]) -> GroupView:
    """Limits, and what each member needs, draws and is granted, and why not more."""
    with on_request():
        return groups_of(api, who).view(group_id)


@put("/{group_id:str}", opt={"permission": "operate"}, summary="Let sites share one supply")
async def put_group(api: Api, who: Who, group_id: FromPath[str], data: JSONBody[GroupChange]) -> SiteGroup:
    """Adds the group, or changes it. 409 where it can't be: more is guaranteed than a circuit carries, a site
    has another parent, or draws more than it is guaranteed when nobody steers it.
    """
    groups = groups_of(api, who)
    group = SiteGroup(
        group_id=group_id,
        operator_id=who.operator_id,
        name=data.name,
        circuits=data.circuits,
        members=data.members,
        voltage_v=data.voltage_v,
        lease_s=data.lease_s,
        settle_s=data.settle_s,
    )
    with on_request():
        await groups.save(group, who.actor)
        return groups.group(group_id)


@delete("/{group_id:str}", opt={"permission": "operate"}, status_code=204, summary="Forget a group")
async def delete_group(api: Api, who: Who, group_id: FromPath[str]) -> None:
    """Its members are limited by it no more, at once."""
    with on_request():
        await groups_of(api, who).remove(group_id, who.actor)


@put(
    "/{group_id:str}/circuits/{circuit_id:str}/limits",
    opt={"permission": "operate"},
    summary="Limit a circuit of a group",
)
async def put_limit(
    api: Api, who: Who, group_id: FromPath[str], circuit_id: FromPath[str], data: JSONBody[LimitChange]
) -> SiteGroup:
    """Sets the source's limit in the place of its former one. Below what is guaranteed, members fall back to
    so much less."""
    if data.limit_a is None and data.limit_w is None and not data.pieces:
        raise invalid("limit_a", "The limit has no value.", "Set limit_a, limit_w or both.")
    limit = LimitSource(
        limit_a=UNLIMITED_A if data.limit_a is None else data.limit_a,
        source=data.source,
        valid_until=None if data.valid_until is None else data.valid_until.timestamp(),
        fallback_a=data.fallback_a,
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
    groups = groups_of(api, who)
    with on_request():
        await groups.limit(group_id, circuit_id, data.source, limit, who.actor)
        return groups.group(group_id)


@delete(
    "/{group_id:str}/circuits/{circuit_id:str}/limits",
    opt={"permission": "operate"},
    status_code=200,
    summary="Withdraw a limit of a group's circuit",
)
async def delete_limit(
    api: Api,
    who: Who,
    group_id: FromPath[str],
    circuit_id: FromPath[str],
    source: FromQuery[str] = "operator",
) -> SiteGroup:
    """Takes the source's limit away; those of others stay."""
    groups = groups_of(api, who)
    with on_request():
        await groups.limit(group_id, circuit_id, source, None, who.actor)
        return groups.group(group_id)


@post(
    "/{group_id:str}/circuits/{circuit_id:str}/meter",
    opt={"permission": "operate"},
    status_code=204,
    summary="Push a reading of a group's meter",
)
async def post_meter(
    api: Api, who: Who, group_id: FromPath[str], circuit_id: FromPath[str], data: JSONBody[GroupReading]
) -> None:
    """For circuits whose meter is configured as `push`."""
    try:
        with on_request():
            groups_of(api, who).record_meter(group_id, circuit_id, data.current_a, data.power_w)
    except MeterTrouble as trouble:
        raise invalid("current_a", f"The reading can't be used ({trouble.fault}): {trouble}.") from None


@post(
    "/{group_id:str}/reports",
    opt={"permission": "operate"},
    status_code=200,
    summary="Report for a member, and be granted",
)
async def post_report(
    api: Api, who: Who, group_id: FromPath[str], data: JSONBody[MemberReport]
) -> MemberAnswer:
    """For a site whose controller runs on another node, which calls this each second. 503 while another
    program coordinates the group."""
    with on_request():
        try:
            return await groups_of(api, who).answer(group_id, data)
        except ConnectionError as problem:
            raise ApiError(503, "elsewhere", str(problem), remedy="Ask that one.") from None


@post(
    "/{group_id:str}/emergency-stop",
    opt={"permission": "protect"},
    status_code=200,
    summary="Stop all sites of a group",
)
async def post_stop(api: Api, who: Who, group_id: FromPath[str], data: JSONBody[EmergencyStop]) -> GroupView:
    """Everybody to nothing now, until a person releases it. Holds through restarts; a site that can't be
    reached is stopped as soon as it reports."""
    groups = groups_of(api, who)
    with on_request():
        await groups.stop(
            group_id, data.reason, data.stop_sessions, who.actor, stop_generation=data.stop_generation
        )
        return groups.view(group_id)


@post(
    "/{group_id:str}/emergency-stop/release",
    opt={"permission": "release"},
    status_code=200,
    summary="Release a stopped group",
)
async def post_release(
    api: Api, who: Who, group_id: FromPath[str], data: JSONBody[EmergencyRelease]
) -> GroupView:
    """By a person who is signed in. Sites that were stopped by themselves stay so."""
    groups = groups_of(api, who)
    by_name(who)
    with on_request():
        await groups.release(group_id, data.reason, who.actor)
        return groups.view(group_id)


router = Router(
    "/site-groups",
    tags=["groups"],
    route_handlers=[
        list_groups,
        get_group,
        get_live,
        put_group,
        delete_group,
        put_limit,
        delete_limit,
        post_meter,
        post_report,
        post_stop,
        post_release,
    ],
)

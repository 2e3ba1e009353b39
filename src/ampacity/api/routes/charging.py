"""Smart charging of a station: what it holds and is told by others, how it is treated; profiles by name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from ...access.principal import Principal
from ...csms.charging import profile_in
from ...csms.state import StationState
from ...csms.vocabulary import Outcome, Profile, SetProfile
from ...ocpp.profiles import Schedule
from ...store import audit
from ...store import charging as rows
from ...store.charging import TemplateRow
from ...store.identifiers import sortable_id
from ..context import ApiContext
from ..errors import not_found
from ..views_charging import (
    CarView,
    ChargingModeChange,
    CompositeView,
    ExternalLimitView,
    HeldPeriodView,
    HeldProfileView,
    HeldScheduleView,
    InstalledProfileView,
    ProfileTemplate,
    ProfileTemplateView,
    StationChargingView,
    TemplateUse,
)
from .commands import send
from .names import Api, Who, station_of


def _moment(at: float | None) -> datetime | None:
    """A station's time; None for one that is before or after all calendars."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError):
        return None


def _schedule(schedule: Schedule) -> HeldScheduleView:
    return HeldScheduleView(
        unit=schedule.unit,
        start=_moment(schedule.start),
        duration_s=schedule.duration_s,
        periods=tuple(
            HeldPeriodView(start_s=period.start_s, limit=period.limit, number_phases=period.number_phases)
            for period in schedule.periods
        ),
    )


def _cars(state: StationState) -> tuple[CarView, ...]:
    charging = state.charging
    found = []
    for evse_id in sorted({*charging.needs, *charging.schedules}):
        needs, plan = charging.needs.get(evse_id), charging.schedules.get(evse_id)
        found.append(
            CarView(
                evse_id=evse_id,
                needs=None if needs is None else needs.needs,
                answer=None if needs is None else needs.status,
                needs_at=None if needs is None else needs.at,
                plan=None if plan is None else _schedule(plan.schedule),
                within=None if plan is None else plan.within,
                plan_at=None if plan is None else plan.at,
            )
        )
    return tuple(found)


def view_of(state: StationState) -> StationChargingView:
    """A station's smart charging as the API shows it."""
    charging = state.charging
    return StationChargingView(
        station_id=state.station_id,
        mode=charging.mode,
        rate_unit=charging.rate_unit,
        refused=charging.refused,
        read_at=charging.read_at,
        installed=tuple(
            InstalledProfileView(evse_id=row.evse_id, profile=profile_in(row), status=row.status, at=row.at)
            for row in sorted(state.profiles.values(), key=lambda row: row.profile_id)
        ),
        held=tuple(
            HeldProfileView(
                evse_id=held.evse_id,
                profile_id=profile_id,
                source=held.source,
                purpose=held.profile.purpose,
                kind=held.profile.kind,
                stack_level=held.profile.stack_level,
                station_transaction_id=held.profile.transaction_id,
                schedules=tuple(_schedule(schedule) for schedule in held.profile.schedules),
                ours=profile_id in state.profiles,
                at=held.at,
            )
            for profile_id, held in sorted(charging.held.items())
        ),
        limits=tuple(
            ExternalLimitView(
                evse_id=limit.evse_id,
                source=limit.source,
                grid_critical=limit.grid_critical,
                schedules=tuple(_schedule(schedule) for schedule in limit.schedules),
                at=limit.at,
            )
            for _, limit in sorted(charging.limits.items())
        ),
        cars=_cars(state),
        composites=tuple(
            CompositeView(evse_id=evse_id, unit=said.unit, start=said.start, periods=said.periods)
            for evse_id, said in sorted(charging.composites.items())
        ),
    )


def _audit(
    api: ApiContext, connection: Connection, who: Principal, action: str, target: str, detail: Any
) -> None:
    at = api.clock.now()
    audit_id = sortable_id(at)
    audit.add(connection, who.operator_id, audit_id, at, who.actor, action, target, detail)
    audit.finish(connection, who.operator_id, audit_id, at, "done")


@get("/{station_id:str}/charging", summary="A station's smart charging")
async def get_charging(api: Api, who: Who, station_id: FromPath[str]) -> StationChargingView:
    """Profiles that we installed and that it reported, others' limits, what cars need and plan."""
    return view_of(station_of(api, who, station_id))


@put("/{station_id:str}/charging", opt={"permission": "operate"}, summary="Choose how a station is treated")
async def put_charging(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[ChargingModeChange]
) -> StationChargingView:
    """Profiles that it holds stay; clear them if they shall go."""
    state = station_of(api, who, station_id)
    row = msgspec.structs.replace(
        state.charging.row(state.operator_id, station_id, api.clock.now()), mode=data.mode
    )

    def unit(connection: Connection) -> None:
        rows.save_station_charging(connection, row)
        _audit(api, connection, who, "set_charging_mode", f"station/{station_id}", {"mode": data.mode})

    await api.store.write(unit)
    state.charging.mode = data.mode
    return view_of(state)


@post(
    "/{station_id:str}/charging/templates/{name:str}",
    opt={"permission": "operate"},
    status_code=200,
    summary="Set a profile by its template",
)
async def use_template(
    api: Api, who: Who, station_id: FromPath[str], name: FromPath[str], data: JSONBody[TemplateUse]
) -> Outcome:
    """As `set_profile` with the template's schedule."""
    station_of(api, who, station_id)
    template = await _template(api, who, name)
    start = template.start
    if start is None and template.kind != "Relative":
        start = api.clock.now().replace(microsecond=0)
    profile = Profile(
        profile_id=data.profile_id,
        stack_level=template.stack_level,
        purpose=template.purpose,
        kind=template.kind,
        unit=template.unit,
        periods=template.periods,
        start=start,
        duration_s=template.duration_s,
        recurrency=template.recurrency,
    )
    return await send(api, who, station_id, SetProfile(evse_id=data.evse_id, profile=profile))


def _view(row: TemplateRow) -> ProfileTemplateView:
    return ProfileTemplateView(
        name=row.name, template=msgspec.convert(row.template, ProfileTemplate), at=row.at
    )


async def _template(api: ApiContext, who: Principal, name: str) -> ProfileTemplate:
    row = await api.store.read(lambda connection: rows.find_template(connection, who.operator_id, name))
    if row is None:
        raise not_found("profile template", name, "/api/v1/profile-templates lists them.")
    return _view(row).template


@get("/", summary="List the profile templates")
async def list_templates(api: Api, who: Who) -> list[ProfileTemplateView]:
    """By name."""
    found = await api.store.read(lambda connection: rows.list_templates(connection, who.operator_id))
    return [_view(row) for row in found]


@get("/{name:str}", summary="A profile template")
async def get_template(api: Api, who: Who, name: FromPath[str]) -> ProfileTemplateView:
    """By its name."""
    row = await api.store.read(lambda connection: rows.find_template(connection, who.operator_id, name))
    if row is None:
        raise not_found("profile template", name, "/api/v1/profile-templates lists them.")
    return _view(row)


@put("/{name:str}", opt={"permission": "operate"}, summary="Add or change a profile template")
async def put_template(
    api: Api, who: Who, name: FromPath[str], data: JSONBody[ProfileTemplate]
) -> ProfileTemplateView:
    """Profiles that were set by it before stay as they are."""
    row = TemplateRow(
        operator_id=who.operator_id, name=name, template=msgspec.to_builtins(data), at=api.clock.now()
    )

    def unit(connection: Connection) -> None:
        rows.save_template(connection, row)
        _audit(api, connection, who, "save_profile_template", f"profile-template/{name}", row.template)

    await api.store.write(unit)
    return _view(row)


@delete("/{name:str}", opt={"permission": "operate"}, summary="Forget a profile template")
async def delete_template(api: Api, who: Who, name: FromPath[str]) -> None:
    """Profiles that were set by it stay."""

    def unit(connection: Connection) -> bool:
        removed = rows.remove_template(connection, who.operator_id, name)
        if removed:
            _audit(api, connection, who, "remove_profile_template", f"profile-template/{name}", None)
        return removed

    if not await api.store.write(unit):
        raise not_found("profile template", name, "/api/v1/profile-templates lists them.")


router = Router(
    "/stations", tags=["smart charging"], route_handlers=[get_charging, put_charging, use_template]
)
templates_router = Router(
    "/profile-templates",
    tags=["smart charging"],
    route_handlers=[list_templates, get_template, put_template, delete_template],
)

"""Expected configuration: templates of values, and how far stations are from them."""

from __future__ import annotations

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from ...access.principal import Principal
from ...csms.blocks.variables import is_secret
from ...csms.expectation import Drift
from ...csms.vocabulary import VariableRef
from ...store import audit, configurations
from ...store.configurations import Template, WantedValue
from ...store.identifiers import sortable_id
from ..context import ApiContext
from ..errors import conflict, invalid, not_found
from ..views_device_model import ConfigurationChange, ConfigurationView, DriftReport, DriftView, Name
from .names import Api, Who, station_of

_LEFT = ("differs", "unknown", "refused")


def configuration_view(template: Template) -> ConfigurationView:
    """A template as the API shows it."""
    return ConfigurationView(
        name=template.name,
        vendor=template.vendor,
        model=template.model,
        stations=template.stations,
        automatic=template.automatic,
        values=template.values,
        changed_at=template.changed_at,
        changed_by=template.changed_by,
    )


def _drift_report(station_id: str, found: list[Drift]) -> DriftReport:
    return DriftReport(
        station_id=station_id,
        settled=not any(item.state in _LEFT for item in found),
        items=tuple(
            DriftView(
                ref=item.ref,
                wanted=item.wanted,
                actual=item.actual,
                state=item.state,
                template=item.template,
                status=item.status,
            )
            for item in found
        ),
    )


def _ref(item: WantedValue) -> VariableRef:
    return VariableRef(
        component=item.component,
        variable=item.variable,
        component_instance=item.component_instance,
        variable_instance=item.variable_instance,
        evse_id=item.evse_id,
        connector_id=item.connector_id,
        attribute=item.attribute,
    )


def _checked(values: tuple[WantedValue, ...]) -> None:
    named: set[VariableRef] = set()
    for place, item in enumerate(values):
        ref = _ref(item)
        if is_secret(ref):
            raise invalid(
                f"values[{place}].variable",
                f"{item.variable} is a secret: a template would show it.",
                "Set passwords of stations one by one.",
            )
        if ref in named:
            raise invalid(
                f"values[{place}]", f"{item.component}.{item.variable} is named twice.", "Name it once."
            )
        named.add(ref)


@get("/", summary="List the templates of expected configuration")
async def list_configurations(api: Api, who: Who) -> list[ConfigurationView]:
    """By name."""
    return [configuration_view(item) for item in _templates(api, who)]


@get("/{name:str}", summary="A template")
async def get_configuration(api: Api, who: Who, name: FromPath[str]) -> ConfigurationView:
    """By its name."""
    for template in _templates(api, who):
        if template.name == name:
            return configuration_view(template)
    raise not_found("configuration", name, "/api/v1/configurations lists them.")


@put("/{name:str}", opt={"permission": "operate"}, summary="Add or change a template")
async def put_configuration(
    api: Api, who: Who, name: FromPath[Name], data: JSONBody[ConfigurationChange]
) -> ConfigurationView:
    """Stations of an automatic template get its values after their next boot; `converge` sets them now."""
    _checked(data.values)
    for station_id in data.stations:
        station_of(api, who, station_id)
    template = Template(
        operator_id=who.operator_id,
        name=name,
        vendor=data.vendor,
        model=data.model,
        stations=data.stations,
        automatic=data.automatic,
        values=data.values,
        changed_at=api.clock.now(),
        changed_by=who.actor,
    )

    def unit(connection: Connection) -> None:
        configurations.save_template(connection, template)
        _audit(api, connection, who, "save_configuration", name, data)

    await api.store.write(unit)
    await api.csms.device_model.configuration.reload(who.operator_id)
    return configuration_view(template)


@delete("/{name:str}", opt={"permission": "operate"}, summary="Forget a template")
async def delete_configuration(api: Api, who: Who, name: FromPath[str]) -> None:
    """Stations keep the values that they have."""

    def unit(connection: Connection) -> bool:
        removed = configurations.remove_template(connection, who.operator_id, name)
        if removed:
            _audit(api, connection, who, "remove_configuration", name, None)
        return removed

    if not await api.store.write(unit):
        raise not_found("configuration", name, "/api/v1/configurations lists them.")
    await api.csms.device_model.configuration.reload(who.operator_id)


@get("/{station_id:str}/drift", summary="How far a station is from what is expected of it")
async def get_drift(api: Api, who: Who, station_id: FromPath[str]) -> DriftReport:
    """Each expected value beside what the station last told."""
    state = station_of(api, who, station_id)
    await api.csms.device_model.written()
    return _drift_report(station_id, await api.csms.device_model.configuration.drift(state))


@post(
    "/{station_id:str}/converge",
    opt={"permission": "operate"},
    status_code=200,
    summary="Set what is expected of a station",
)
async def converge(api: Api, who: Who, station_id: FromPath[str]) -> DriftReport:
    """Read what is not known, set what differs, and tell what is left. What a station refused is tried
    again: a person asks.
    """
    state = station_of(api, who, station_id)
    if not state.online:
        raise conflict(
            f"Station {station_id} is not connected.",
            "An automatic template is set after its next boot.",
            kind="offline",
        )
    await api.csms.device_model.written()
    return _drift_report(station_id, await api.csms.device_model.configuration.converge(state, who.actor))


def _templates(api: ApiContext, who: Principal) -> list[Template]:
    return api.csms.device_model.configuration.templates(who.operator_id)


def _audit(
    api: ApiContext, connection: Connection, who: Principal, action: str, name: str, detail: object
) -> None:
    at = api.clock.now()
    audit_id = sortable_id(at)
    audit.add(connection, who.operator_id, audit_id, at, who.actor, action, f"configuration/{name}", detail)
    audit.finish(connection, who.operator_id, audit_id, at, "done")


router = Router(
    "/configurations",
    tags=["device model"],
    route_handlers=[list_configurations, get_configuration, put_configuration, delete_configuration],
)
stations_router = Router("/stations", tags=["device model"], route_handlers=[get_drift, converge])

"""Expected configuration: templates of values that variables of stations should have."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select

from .statements import upsert
from .tables import configuration_template


class WantedValue(Struct, frozen=True, kw_only=True):
    """A variable and the value it should have. A 1.6 key is component `OCPP16`."""

    component: str
    variable: str
    value: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    attribute: Literal["Actual", "Target", "MinSet", "MaxSet"] = "Actual"


class Template(Struct, frozen=True, kw_only=True):
    """Wanted values and whom they are for: `stations` by name, else those of `vendor` and `model` ("": any).
    `automatic`: they are set after a boot without being asked for.
    """

    operator_id: str
    name: str
    vendor: str = ""
    model: str = ""
    stations: tuple[str, ...] = ()
    automatic: bool = False
    values: tuple[WantedValue, ...] = ()
    changed_at: datetime
    changed_by: str


def save_template(connection: Connection, template: Template) -> None:
    """Add a template, or put it in the place of the one of its name."""
    upsert(
        connection,
        configuration_template,
        {
            "operator_id": template.operator_id,
            "name": template.name,
            "vendor": template.vendor,
            "model": template.model,
            "stations": template.stations,
            "automatic": template.automatic,
            "wanted": template.values,
            "changed_at": template.changed_at,
            "changed_by": template.changed_by,
        },
    )


def list_templates(connection: Connection, operator_id: str) -> list[Template]:
    """All of an operator, by name."""
    column = configuration_template.c
    query = select(configuration_template).where(column.operator_id == operator_id).order_by(column.name)
    return [_template(dict(row._mapping)) for row in connection.execute(query)]


def remove_template(connection: Connection, operator_id: str, name: str) -> bool:
    """Forget a template; what stations hold stays. Returns whether there was one."""
    column = configuration_template.c
    result = connection.execute(
        delete(configuration_template).where(column.operator_id == operator_id, column.name == name)
    )
    return result.rowcount > 0


def _template(values: dict[str, Any]) -> Template:
    values["values"] = msgspec.convert(values.pop("wanted"), tuple[WantedValue, ...])
    values["stations"] = tuple(values["stations"])
    return Template(**values)

"""Variables of the device model as stations last told them. A 1.6 configuration key is a variable of the
component `OCPP16`.

What is known comes from two sides: a *report* tells values and traits, a *reading* (or a change) values
only, and leaves the traits as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from .statements import upsert
from .tables import variable

HELD_IN_MEMORY = ("%Ctrlr", "OCPP16")
"""Patterns of the components that a running node has at hand: those that steer a station. A station may have
thousands of others."""

_KEY = (
    "component",
    "variable",
    "component_instance",
    "variable_instance",
    "evse_id",
    "connector_id",
    "attribute",
)


class StationVariable(Struct, frozen=True, kw_only=True):
    """A variable of the device model as last seen. `evse_id` None: the station's. `value` None: write-only,
    or none. Traits are None where no report told them.
    """

    component: str
    variable: str
    value: str | None
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    attribute: str = "Actual"
    read_only: bool | None = None
    seen_at: datetime
    mutability: str | None = None
    persistent: bool | None = None
    constant: bool | None = None
    data_type: str | None = None
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: str | None = None
    supports_monitoring: bool | None = None
    reboot_required: bool | None = None


Cursor: TypeAlias = tuple[str, str, int, int, str, str, str]
"""A variable's place in the order of pages (see `cursor_of`)."""


def save_variables(
    connection: Connection, operator_id: str, station_id: str, variables: Sequence[StationVariable]
) -> None:
    """Keep what a report told: values and traits; variables not named stay."""
    rows = [_row(operator_id, station_id, seen) for seen in variables]
    for row in rows:
        del row["reboot_required"]  # a report does not say
    upsert(connection, variable, rows)


def save_values(
    connection: Connection, operator_id: str, station_id: str, variables: Sequence[StationVariable]
) -> None:
    """Keep values as read or written; traits stay, and so does what a None leaves open (`read_only`,
    `reboot_required`)."""
    for optional in ((), ("read_only",), ("reboot_required",), ("read_only", "reboot_required")):
        rows = []
        for seen in variables:
            given = tuple(
                name for name in ("read_only", "reboot_required") if getattr(seen, name) is not None
            )
            if given == optional:
                row = _row(operator_id, station_id, seen)
                names = ("operator_id", "station_id", *_KEY, "value", "seen_at", *optional)
                rows.append({name: row[name] for name in names})
        upsert(connection, variable, rows)


def booted(connection: Connection, operator_id: str, station_id: str) -> int:
    """A boot has put values into force that waited for it; returns how many."""
    column = variable.c
    return connection.execute(
        update(variable)
        .where(
            column.operator_id == operator_id,
            column.station_id == station_id,
            column.reboot_required.is_(True),
        )
        .values(reboot_required=None)
    ).rowcount


def forget_seen_before(connection: Connection, operator_id: str, station_id: str, before: datetime) -> int:
    """Forget what a complete inventory did not tell any more; returns how many."""
    column = variable.c
    return connection.execute(
        delete(variable).where(
            column.operator_id == operator_id, column.station_id == station_id, column.seen_at < before
        )
    ).rowcount


def list_variables(
    connection: Connection,
    operator_id: str,
    station_id: str,
    *,
    text: str | None = None,
    component: str | None = None,
    evse_id: int | None = None,
    writable: bool = False,
    reboot_required: bool = False,
    in_memory: bool = False,
    after: Cursor | None = None,
    limit: int | None = None,
) -> list[StationVariable]:
    """Variables by component, EVSE, connector and name. `text` must occur in the component, the variable, an
    instance or the value, in whatever case; `writable` leaves out those known to be read-only; `in_memory`
    picks what a running node holds. For the next page pass `cursor_of` the last one as `after`.
    """
    column = variable.c
    wanted: list[ColumnElement[bool]] = [column.operator_id == operator_id, column.station_id == station_id]
    if text:
        places = (
            column.component,
            column.variable,
            column.component_instance,
            column.variable_instance,
            column.value,
        )
        wanted.append(or_(*(place.icontains(text, autoescape=True) for place in places)))
    if component is not None:
        wanted.append(column.component == component)
    if evse_id is not None:
        wanted.append(column.evse_id == evse_id)
    if writable:
        wanted.append(or_(column.read_only.is_(None), column.read_only.is_(False)))
    if reboot_required:
        wanted.append(column.reboot_required.is_(True))
    if in_memory:
        wanted.append(or_(*(column.component.like(pattern) for pattern in HELD_IN_MEMORY)))
    order = tuple(column[name] for name in _ORDER)
    if after is not None:
        later = [
            and_(*(before == value for before, value in zip(order[:place], after, strict=False)), at > limit_)
            for place, (at, limit_) in enumerate(zip(order, after, strict=True))
        ]
        wanted.append(or_(*later))
    query = select(variable).where(*wanted).order_by(*order)
    if limit is not None:
        query = query.limit(limit)
    return [_variable(dict(row._mapping)) for row in connection.execute(query)]


def find_variables(
    connection: Connection, operator_id: str, station_id: str, components: Collection[str]
) -> list[StationVariable]:
    """All variables of some components."""
    column = variable.c
    query = select(variable).where(
        column.operator_id == operator_id,
        column.station_id == station_id,
        column.component.in_(sorted(components)),
    )
    return [_variable(dict(row._mapping)) for row in connection.execute(query)]


def load_variables(connection: Connection, operator_id: str) -> list[tuple[str, StationVariable]]:
    """(station id, variable) of all that a running node holds of an operator's stations."""
    column = variable.c
    query = select(variable).where(
        column.operator_id == operator_id,
        or_(column.reboot_required.is_(True), *(column.component.like(like) for like in HELD_IN_MEMORY)),
    )
    return [(row._mapping["station_id"], _variable(dict(row._mapping))) for row in connection.execute(query)]


def count_variables(connection: Connection, operator_id: str, station_id: str) -> int:
    """How many attributes of variables are known of a station."""
    column = variable.c
    query = select(func.count()).where(column.operator_id == operator_id, column.station_id == station_id)
    return int(connection.execute(query).scalar_one())


def cursor_of(seen: StationVariable) -> Cursor:
    """Its place in the order of `list_variables`."""
    return (
        seen.component,
        seen.component_instance or "",
        seen.evse_id or 0,
        seen.connector_id or 0,
        seen.variable,
        seen.variable_instance or "",
        seen.attribute,
    )


_ORDER = (
    "component",
    "component_instance",
    "evse_id",
    "connector_id",
    "variable",
    "variable_instance",
    "attribute",
)


def _row(operator_id: str, station_id: str, seen: StationVariable) -> dict[str, Any]:
    return structs.asdict(seen) | {
        "operator_id": operator_id,
        "station_id": station_id,
        "component_instance": seen.component_instance or "",
        "variable_instance": seen.variable_instance or "",
        "evse_id": seen.evse_id or 0,
        "connector_id": seen.connector_id or 0,
    }


def _variable(values: dict[str, Any]) -> StationVariable:
    del values["operator_id"], values["station_id"]
    for name in ("component_instance", "variable_instance", "evse_id", "connector_id"):
        values[name] = values[name] or None
    return StationVariable(**values)

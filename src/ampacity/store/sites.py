"""Sites: the tree of circuits and its EVSEs, and the history of limits on each circuit.

`save_site` makes the tables tell exactly what the Site says. Stations that its EVSEs name become known (and
may connect). A limit is never overwritten: a new one of the same source withdraws the former, both stay in
the history.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, structs
from sqlalchemy import Connection, delete, insert, or_, select, update

from ..model.devices import Device
from ..model.protection import LimitPiece
from ..model.site import Cabinet, Circuit, Evse, LimitSource, MeterConfig, SharingRules, Site, Strategy
from .statements import upsert
from .stations import register_station
from .tables import circuit, circuit_limit, evse, site, station


class LimitRow(Struct, frozen=True, kw_only=True):
    """One entry of a circuit's history of limits."""

    id: int
    operator_id: str
    site_id: str
    circuit_id: str
    source: str
    limit_a: float
    fallback_a: float | None
    limit_w: float | None
    fallback_w: float | None
    valid_until: datetime | None
    pieces: Any
    set_by: str
    set_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None


def save_site(connection: Connection, saved: Site, at: datetime, actor: str = "system") -> None:
    """Add a site or replace its circuits, EVSEs and settings; limits of circuits that stay are kept.

    Limits in the Site's circuits are set where they differ from what is in force for their source.
    """
    key = {"operator_id": saved.operator_id, "site_id": saved.site_id}
    values = structs.asdict(saved)
    del values["circuits"], values["evses"]
    values["devices"] = [structs.asdict(device) for device in saved.devices]
    upsert(connection, site, values)
    # EVSEs refer to circuits, so they go first and come last.
    connection.execute(
        delete(evse).where(evse.c.operator_id == saved.operator_id, evse.c.site_id == saved.site_id)
    )
    connection.execute(
        delete(circuit).where(circuit.c.operator_id == saved.operator_id, circuit.c.site_id == saved.site_id)
    )
    in_force = _limits(connection, saved.operator_id, saved.site_id, at)
    for position, built in enumerate(saved.circuits):
        row = structs.asdict(built) | key | {"position": position}
        del row["limits"]
        connection.execute(insert(circuit), row)
        for limit in built.limits:
            if not any(_same(limit, other) for other in in_force[built.circuit_id]):
                set_limit(connection, saved.operator_id, saved.site_id, built.circuit_id, limit, actor, at)
    for position, load in enumerate(saved.evses):
        register_station(connection, saved.operator_id, load.station_id, at)
        connection.execute(
            update(station)
            .where(station.c.operator_id == saved.operator_id, station.c.station_id == load.station_id)
            .values(site_id=saved.site_id)
        )
        connection.execute(insert(evse), structs.asdict(load) | key | {"position": position})


def load_site(connection: Connection, operator_id: str, site_id: str, at: datetime) -> Site | None:
    """A site with the limits that count at `at`: not withdrawn, and still valid or with a fallback."""
    found = list_sites(connection, operator_id, at, site_id=site_id)
    return found[0] if found else None


def list_sites(
    connection: Connection, operator_id: str, at: datetime, *, site_id: str | None = None
) -> list[Site]:
    """All sites of an operator (or one), whole, by id."""
    query = select(site).where(site.c.operator_id == operator_id).order_by(site.c.site_id)
    if site_id is not None:
        query = query.where(site.c.site_id == site_id)
    sites = []
    for row in connection.execute(query).all():
        limits = _limits(connection, operator_id, row.site_id, at)
        circuits = connection.execute(
            select(circuit)
            .where(circuit.c.operator_id == operator_id, circuit.c.site_id == row.site_id)
            .order_by(circuit.c.position)
        )
        evses = connection.execute(
            select(evse)
            .where(evse.c.operator_id == operator_id, evse.c.site_id == row.site_id)
            .order_by(evse.c.position)
        )
        sites.append(
            Site(
                circuits=tuple(_circuit(dict(found._mapping), limits) for found in circuits),
                evses=tuple(_evse(dict(found._mapping)) for found in evses),
                **_of_site(dict(row._mapping)),
            )
        )
    return sites


def set_strategy(connection: Connection, operator_id: str, site_id: str, strategy: Strategy) -> bool:
    """Change how a site shares; returns whether it is known."""
    return _change_site(connection, operator_id, site_id, {"strategy": strategy})


def set_meter(
    connection: Connection, operator_id: str, site_id: str, circuit_id: str, meter: MeterConfig | None
) -> bool:
    """Change how a circuit is metered; returns whether it is known."""
    column = circuit.c
    result = connection.execute(
        update(circuit)
        .where(column.operator_id == operator_id, column.site_id == site_id, column.circuit_id == circuit_id)
        .values(meter=meter)
    )
    return result.rowcount > 0


def set_sharing(connection: Connection, operator_id: str, site_id: str, rules: SharingRules) -> bool:
    """Change whom a site gives what is scarce; returns whether it is known."""
    return _change_site(connection, operator_id, site_id, {"sharing": rules})


def set_commissioned(connection: Connection, operator_id: str, site_id: str) -> bool:
    """Let a site use all of its headroom; returns whether it is known."""
    return _change_site(connection, operator_id, site_id, {"commissioned": True})


def stations_elsewhere(
    connection: Connection, operator_id: str, site_id: str, station_ids: set[str]
) -> dict[str, str]:
    """Those of the stations that have EVSEs at another site, with that site's id."""
    found = connection.execute(
        select(evse.c.station_id, evse.c.site_id).where(
            evse.c.operator_id == operator_id, evse.c.site_id != site_id, evse.c.station_id.in_(station_ids)
        )
    )
    return {row.station_id: row.site_id for row in found}


def leave_site(connection: Connection, operator_id: str, site_id: str, station_ids: set[str]) -> None:
    """Stations that stand no longer at a site stay known, without one."""
    column = station.c
    connection.execute(
        update(station)
        .where(
            column.operator_id == operator_id,
            column.site_id == site_id,
            column.station_id.in_(station_ids),
        )
        .values(site_id=None)
    )


def remove_site(connection: Connection, operator_id: str, site_id: str) -> bool:
    """Forget a site with its circuits and EVSEs; stations stay known, without a site; the history of limits
    stays.
    """
    connection.execute(
        update(station)
        .where(station.c.operator_id == operator_id, station.c.site_id == site_id)
        .values(site_id=None)
    )
    connection.execute(delete(evse).where(evse.c.operator_id == operator_id, evse.c.site_id == site_id))
    result = connection.execute(
        delete(site).where(site.c.operator_id == operator_id, site.c.site_id == site_id)
    )
    return result.rowcount > 0


# ---------------------------------------------------------------- limits


def set_limit(
    connection: Connection,
    operator_id: str,
    site_id: str,
    circuit_id: str,
    limit: LimitSource,
    actor: str,
    at: datetime,
) -> int:
    """Add a limit, withdrawing the former one of its source; returns its id in the history."""
    withdraw_limit(connection, operator_id, site_id, circuit_id, limit.source, actor, at)
    until = None if limit.valid_until is None else datetime.fromtimestamp(limit.valid_until, UTC)
    added = connection.execute(
        insert(circuit_limit).returning(circuit_limit.c.id),
        {
            "operator_id": operator_id,
            "site_id": site_id,
            "circuit_id": circuit_id,
            "source": limit.source,
            "limit_a": limit.limit_a,
            "fallback_a": limit.fallback_a,
            "limit_w": limit.limit_w,
            "fallback_w": limit.fallback_w,
            "valid_until": until,
            "pieces": limit.pieces,
            "set_by": actor,
            "set_at": at,
        },
    )
    limit_id: int = added.scalar_one()
    return limit_id


def withdraw_limit(
    connection: Connection,
    operator_id: str,
    site_id: str,
    circuit_id: str,
    source: str,
    actor: str,
    at: datetime,
) -> bool:
    """End a source's limit; returns whether it had one."""
    column = circuit_limit.c
    result = connection.execute(
        update(circuit_limit)
        .where(
            column.operator_id == operator_id,
            column.site_id == site_id,
            column.circuit_id == circuit_id,
            column.source == source,
            column.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=at, withdrawn_by=actor)
    )
    return result.rowcount > 0


def withdraw_limits(
    connection: Connection, operator_id: str, site_id: str, circuit_id: str, actor: str, at: datetime
) -> None:
    """End all limits of a circuit that is no more."""
    column = circuit_limit.c
    connection.execute(
        update(circuit_limit)
        .where(
            column.operator_id == operator_id,
            column.site_id == site_id,
            column.circuit_id == circuit_id,
            column.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=at, withdrawn_by=actor)
    )


def limits_in_force(
    connection: Connection, operator_id: str, site_id: str, at: datetime
) -> dict[str, tuple[LimitSource, ...]]:
    """Per circuit, the limits that count at `at` (those expired but with a fallback among them)."""
    return {
        circuit_id: tuple(limits)
        for circuit_id, limits in _limits(connection, operator_id, site_id, at).items()
    }


def limit_history(
    connection: Connection,
    operator_id: str,
    site_id: str,
    circuit_id: str | None = None,
    *,
    before: int | None = None,
    limit: int = 100,
) -> list[LimitRow]:
    """Limits ever set, newest first; for the next page pass the last one's id as `before`."""
    column = circuit_limit.c
    query = select(circuit_limit).where(column.operator_id == operator_id, column.site_id == site_id)
    if circuit_id is not None:
        query = query.where(column.circuit_id == circuit_id)
    if before is not None:
        query = query.where(column.id < before)
    rows = connection.execute(query.order_by(column.id.desc()).limit(limit))
    return [LimitRow(**row._mapping) for row in rows]


def _limits(
    connection: Connection, operator_id: str, site_id: str, at: datetime
) -> defaultdict[str, list[LimitSource]]:
    column = circuit_limit.c
    query = (
        select(circuit_limit)
        .where(
            column.operator_id == operator_id,
            column.site_id == site_id,
            column.set_at <= at,
            or_(column.withdrawn_at.is_(None), column.withdrawn_at > at),
            or_(
                column.valid_until.is_(None),
                column.valid_until > at,
                column.fallback_a.is_not(None),
                column.fallback_w.is_not(None),
            ),
        )
        .order_by(column.id)
    )
    limits: defaultdict[str, list[LimitSource]] = defaultdict(list)
    for row in connection.execute(query):
        until = None if row.valid_until is None else row.valid_until.timestamp()
        limits[row.circuit_id].append(
            LimitSource(
                limit_a=row.limit_a,
                source=row.source,
                valid_until=until,
                fallback_a=row.fallback_a,
                limit_w=row.limit_w,
                fallback_w=row.fallback_w,
                pieces=msgspec.convert(row.pieces, tuple[LimitPiece, ...]),
            )
        )
    return limits


def _same(limit: LimitSource, other: LimitSource) -> bool:
    """Equal, where a time that went through the database has lost what is below a microsecond."""
    if limit.valid_until is None or other.valid_until is None:
        return limit == other
    near = abs(limit.valid_until - other.valid_until) < 1e-5
    return near and limit == structs.replace(other, valid_until=limit.valid_until)


def _change_site(connection: Connection, operator_id: str, site_id: str, values: dict[str, Any]) -> bool:
    result = connection.execute(
        update(site).where(site.c.operator_id == operator_id, site.c.site_id == site_id).values(values)
    )
    return result.rowcount > 0


def _of_site(values: dict[str, Any]) -> dict[str, Any]:
    values["cabinets"] = msgspec.convert(values["cabinets"], tuple[Cabinet, ...])
    values["sharing"] = msgspec.convert(values["sharing"] or {}, SharingRules)
    values["devices"] = msgspec.convert(values["devices"], tuple[Device, ...])
    return values


def _circuit(values: dict[str, Any], limits: dict[str, list[LimitSource]]) -> Circuit:
    built = msgspec.convert(_own(values), Circuit)
    return structs.replace(built, limits=tuple(limits.get(built.circuit_id, ())))


def _evse(values: dict[str, Any]) -> Evse:
    return msgspec.convert(_own(values), Evse)


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """A row's values less what says where it stands. (Column names are a kind of `str` that msgspec doesn't
    take.)"""
    return {
        str(name): value
        for name, value in values.items()
        if name not in ("operator_id", "site_id", "position")
    }

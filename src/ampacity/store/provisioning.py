"""How stations are let in and provisioned: what a person decided, and how far it has come."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, select

from .statements import upsert
from .tables import station_provisioning


class RefusedValue(Struct, frozen=True, kw_only=True):
    """A value that a station with `firmware` said no to; `status` is its word."""

    component: str
    variable: str
    value: str
    status: str
    firmware: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    attribute: Literal["Actual", "Target", "MinSet", "MaxSet"] = "Actual"


class ProvisioningRow(Struct, frozen=True, kw_only=True):
    """A station's. `boot_policy` and `provision` None: as the node's settings say. `registration` is what its
    last boot was answered; `provisioned_for` and `inventory_of` name what it was then; `problem` is why it
    could not be provisioned.
    """

    operator_id: str
    station_id: str
    boot_policy: Literal["accept", "pending", "reject"] | None = None
    provision: bool | None = None
    registration: Literal["Accepted", "Pending", "Rejected"] | None = None
    provisioned_for: str | None = None
    inventory_of: str | None = None
    problem: str | None = None
    refusals: tuple[RefusedValue, ...] = ()


def list_provisioning(connection: Connection, operator_id: str) -> list[ProvisioningRow]:
    """Of all stations of an operator that have any."""
    query = select(station_provisioning).where(station_provisioning.c.operator_id == operator_id)
    return [_row(dict(row._mapping)) for row in connection.execute(query)]


def save_provisioning(
    connection: Connection,
    operator_id: str,
    station_id: str,
    *,
    boot_policy: str | UnsetType | None = UNSET,
    provision: bool | UnsetType | None = UNSET,
    registration: str | UnsetType | None = UNSET,
    provisioned_for: str | UnsetType | None = UNSET,
    inventory_of: str | UnsetType | None = UNSET,
    problem: str | UnsetType | None = UNSET,
    refusals: tuple[RefusedValue, ...] | UnsetType = UNSET,
) -> None:
    """Keep what is given; what isn't stays."""
    given: dict[str, Any] = {
        "boot_policy": boot_policy,
        "provision": provision,
        "registration": registration,
        "provisioned_for": provisioned_for,
        "inventory_of": inventory_of,
        "problem": problem,
        "refusals": refusals,
    }
    values = {name: value for name, value in given.items() if value is not UNSET}
    if values:
        upsert(
            connection,
            station_provisioning,
            {"operator_id": operator_id, "station_id": station_id} | values,
        )


def _row(values: dict[str, Any]) -> ProvisioningRow:
    values["refusals"] = msgspec.convert(values["refusals"] or (), tuple[RefusedValue, ...])
    return ProvisioningRow(**values)

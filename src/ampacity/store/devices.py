"""Devices of sites: how they are configured, and who commands each of them.

One program commands a device at a time. It holds a lease with an *epoch* that only grows: who takes over from
one whose lease has run out gets a higher one, and whoever still believes in a lower one finds at the next
renewal that it is no longer the master.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ..model.devices import Device
from .tables import device_master, site


def list_devices(connection: Connection, operator_id: str, site_id: str) -> tuple[Device, ...]:
    """The devices of a site, as they are configured; empty for a site that is not known."""
    found = connection.execute(
        select(site.c.devices).where(site.c.operator_id == operator_id, site.c.site_id == site_id)
    ).scalar()
    return msgspec.convert(found or [], tuple[Device, ...])


def save_device(connection: Connection, operator_id: str, site_id: str, device: Device) -> bool:
    """Add a device to a site or replace the one with its id; returns whether the site is known."""
    devices = {known.device_id: known for known in list_devices(connection, operator_id, site_id)}
    devices[device.device_id] = device
    return _save(connection, operator_id, site_id, tuple(devices.values()))


def remove_device(connection: Connection, operator_id: str, site_id: str, device_id: str) -> bool:
    """Forget a device and who commands it; returns whether it was there."""
    devices = list_devices(connection, operator_id, site_id)
    left = tuple(device for device in devices if device.device_id != device_id)
    connection.execute(delete(device_master).where(*_one(operator_id, site_id, device_id)))
    return len(left) < len(devices) and _save(connection, operator_id, site_id, left)


def take_device(
    connection: Connection,
    operator_id: str,
    site_id: str,
    device_id: str,
    holder: str,
    now: datetime,
    until: datetime,
) -> int | None:
    """Become the master of a device, or stay it, until `until`. Returns the epoch; None while somebody else
    holds it.
    """
    one = _one(operator_id, site_id, device_id)
    found = connection.execute(select(device_master).where(*one).with_for_update()).one_or_none()
    if found is None:
        row = {"operator_id": operator_id, "site_id": site_id, "device_id": device_id}
        connection.execute(insert(device_master), row | {"epoch": 1, "holder": holder, "expires_at": until})
        return 1
    if found.holder != holder and found.expires_at > now:
        return None
    epoch: int = found.epoch if found.holder == holder else found.epoch + 1
    connection.execute(update(device_master).where(*one).values(epoch=epoch, holder=holder, expires_at=until))
    return epoch


def leave_device(
    connection: Connection, operator_id: str, site_id: str, device_id: str, holder: str, now: datetime
) -> None:
    """Let others command a device at once; its epoch stays known."""
    connection.execute(
        update(device_master)
        .where(*_one(operator_id, site_id, device_id), device_master.c.holder == holder)
        .values(expires_at=now)
    )


def master_of(
    connection: Connection, operator_id: str, site_id: str, device_id: str
) -> tuple[str, int] | None:
    """Who commanded a device last, and its epoch."""
    found = connection.execute(
        select(device_master.c.holder, device_master.c.epoch).where(*_one(operator_id, site_id, device_id))
    ).one_or_none()
    return None if found is None else (found.holder, found.epoch)


def _one(operator_id: str, site_id: str, device_id: str) -> tuple[ColumnElement[bool], ...]:
    column = device_master.c
    return column.operator_id == operator_id, column.site_id == site_id, column.device_id == device_id


def _save(connection: Connection, operator_id: str, site_id: str, devices: tuple[Device, ...]) -> bool:
    result = connection.execute(
        update(site)
        .where(site.c.operator_id == operator_id, site.c.site_id == site_id)
        .values(devices=[structs.asdict(device) for device in devices])
    )
    return result.rowcount > 0

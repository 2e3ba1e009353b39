"""Groups of sites that share one supply: how they are configured, and who coordinates each.

One program coordinates a group at a time, as one commands a device (`store.devices`): it holds a lease with
an *epoch* that only grows, and members follow no grant of an older one.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ..model.groups import SiteGroup
from .tables import site_group


def save_group(connection: Connection, group: SiteGroup, actor: str, at: datetime) -> None:
    """Add a group, or put it in the place of the one with its id; its epoch stays known."""
    one = _one(group.operator_id, group.group_id)
    values = {"built": group, "set_by": actor, "set_at": at}
    if connection.execute(update(site_group).where(*one).values(values)).rowcount == 0:
        key = {"operator_id": group.operator_id, "group_id": group.group_id}
        free = {"epoch": 0, "holder": "", "expires_at": at}
        connection.execute(insert(site_group), key | values | free)


def list_groups(connection: Connection, operator_id: str) -> list[SiteGroup]:
    """All groups of an operator, by id."""
    query = select(site_group.c.built).where(site_group.c.operator_id == operator_id)
    found = connection.execute(query.order_by(site_group.c.group_id)).scalars()
    return [msgspec.convert(built, SiteGroup) for built in found]


def remove_group(connection: Connection, operator_id: str, group_id: str) -> bool:
    """Forget a group; returns whether it was there."""
    return connection.execute(delete(site_group).where(*_one(operator_id, group_id))).rowcount > 0


def take_group(
    connection: Connection, operator_id: str, group_id: str, holder: str, now: datetime, until: datetime
) -> int | None:
    """Become the coordinator of a group, or stay it, until `until`. Returns the epoch; None while somebody
    else holds it, or where there is no such group.
    """
    one = _one(operator_id, group_id)
    found = connection.execute(select(site_group).where(*one).with_for_update()).one_or_none()
    if found is None or (found.holder != holder and found.expires_at > now):
        return None
    # Also above those of a group of this id that was forgotten, or of a database that was restored.
    epoch: int = found.epoch if found.holder == holder else max(found.epoch + 1, int(now.timestamp()))
    connection.execute(update(site_group).where(*one).values(epoch=epoch, holder=holder, expires_at=until))
    return epoch


def leave_group(connection: Connection, operator_id: str, group_id: str, holder: str, now: datetime) -> None:
    """Let others coordinate a group at once."""
    connection.execute(
        update(site_group)
        .where(*_one(operator_id, group_id), site_group.c.holder == holder)
        .values(expires_at=now, holder="")
    )


def _one(operator_id: str, group_id: str) -> tuple[ColumnElement[bool], ...]:
    column = site_group.c
    return column.operator_id == operator_id, column.group_id == group_id

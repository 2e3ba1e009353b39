"""Roles and what each may do.

| permission | what it lets one do | viewer | operator | owner |
|---|---|---|---|---|
| read | see sites, stations, sessions, transactions, messages | yes | yes | yes |
| operate | command stations, set limits and strategy, pause, keep tokens, push readings | no | yes | yes |
| protect | order safe mode or an emergency stop | no | yes | yes |
| release | end an emergency stop (a person by name, never an API key) | no | yes | yes |
| audit | read who did what, export the message log | no | yes | yes |
| administer | make and revoke API keys and sign-in links | no | no | yes |
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["owner", "operator", "viewer"]
Permission: TypeAlias = Literal["read", "operate", "protect", "release", "audit", "administer"]

ROLES: tuple[Role, ...] = get_args(Role)

PERMISSIONS: dict[Role, tuple[Permission, ...]] = {
    "viewer": ("read",),
    "operator": ("read", "operate", "protect", "release", "audit"),
    "owner": ("read", "operate", "protect", "release", "audit", "administer"),
}


def allows(role: Role, permission: Permission) -> bool:
    """Whether `role` holds `permission`."""
    return permission in PERMISSIONS[role]

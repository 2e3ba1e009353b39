"""Who asks, once it is proven."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .roles import Permission, Role, allows


class Principal(Struct, frozen=True, kw_only=True):
    """A person or a program that proved who it is. `credential` is the trace of what it proved it with.

    `name` is the user's, or the key's prefix.
    """

    operator_id: str
    name: str
    role: Role
    via: Literal["session", "key"]
    credential: str

    @property
    def actor(self) -> str:
        """Its name in the audit: `user:<name>` or `key:<prefix>`."""
        return f"user:{self.name}" if self.via == "session" else f"key:{self.name}"

    def may(self, permission: Permission) -> bool:
        """Whether its role holds `permission`."""
        return allows(self.role, permission)

"""What the API takes and gives of who asks: signing in, keys, links, and the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ..access.roles import Permission, Role
from .views import Word


class SignInChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of a one-time link."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]


class MeView(Struct, frozen=True, kw_only=True):
    """Who asks. `actor` is the name in the audit, `via` how they proved who they are."""

    operator_id: str
    name: str
    role: Role
    actor: str
    via: Literal["session", "key"]
    permissions: tuple[Permission, ...]


class UserView(Struct, frozen=True, kw_only=True):
    """A person who may sign in."""

    name: str
    role: Role
    created_at: datetime
    disabled: bool


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    prefix: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: Word
    role: Role


class NewApiKeyView(Struct, frozen=True, kw_only=True):
    """A key just made: the only time that `key` is shown."""

    key: str
    about: ApiKeyView


class LinkChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sign-in link to be made for a user, who is created where the name is new.

    `role` is the user's from now on; None keeps it (a new user is a viewer then).
    """

    user: Word
    role: Role | None = None


class LinkView(Struct, frozen=True, kw_only=True):
    """A sign-in link just made: the only time that it is shown. `path` follows the node's own address."""

    path: str
    user: str
    role: Role
    expires_at: datetime


class AuditView(Struct, frozen=True, kw_only=True):
    """One command and what became of it."""

    audit_id: str
    at: datetime
    actor: str
    action: str
    target: str
    detail: Any
    outcome: str | None
    outcome_detail: str | None
    outcome_at: datetime | None


class AuditPage(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is the `before` of the following page."""

    items: tuple[AuditView, ...]
    next: str | None

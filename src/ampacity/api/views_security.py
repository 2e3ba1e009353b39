"""Stations' security as the API takes and shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..store.security import CertificateState

Slot = Annotated[int, Meta(ge=0)]


class StationSecurityView(Struct, frozen=True, kw_only=True):
    """What a station has proved. It is not let in below `security_profile`; `profile_used` is that of its
    last connection since our start, null before one. `password_changing`: it was told a password and has
    not come back with it. `certificate` is the one that it showed last. `tolerates_expired`: an expired
    certificate lets it in once, to be renewed.
    """

    station_id: str
    security_profile: int
    profile_used: int | None
    has_password: bool
    password_changing: bool
    certificate: str | None
    certificate_ends_at: datetime | None
    certificate_expired: bool
    tolerates_expired: bool


class StationSecurityChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person decides about a station, past OCPP; what is left out stays. To lower `security_profile`
    needs the permission to administer. `password` is the one that the station already has.
    """

    security_profile: Literal[0, 1, 2, 3] | None = None
    password: Annotated[str, Meta(min_length=8, max_length=64)] | None = None
    tolerates_expired: bool | None = None


class ProfileUpgrade(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the station shall come from now on: the security profile and the URL of its port (without the
    station's id), kept in a `slot` of its network profiles (2.x).
    """

    profile: Literal[1, 2, 3]
    url: Annotated[str, Meta(min_length=6, max_length=512, pattern="^wss?://")]
    slot: Slot = 1
    interface: Literal[
        "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"
    ] = "Wired0"
    reset: bool = True


class SecurityEventView(Struct, frozen=True, kw_only=True):
    """A security event: by the station's clock at `happened_at`, told at `at`."""

    event_id: str
    station_id: str
    kind: str
    critical: bool
    detail: str
    happened_at: datetime
    at: datetime


class SecurityEventPage(Struct, frozen=True, kw_only=True):
    """The one told last first; `next` is the `before` of the following page."""

    items: tuple[SecurityEventView, ...]
    next: str | None


class IssuedCertificateView(Struct, frozen=True, kw_only=True):
    """A certificate that a station got from our authority. `fingerprint` is SHA-256 of its DER in hex."""

    fingerprint: str
    station_id: str
    purpose: str
    state: CertificateState
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    changed_at: datetime
    detail: str
    chain: str


class AuthorityView(Struct, frozen=True, kw_only=True):
    """Who signs stations' certificates. `root` (PEM) is what stations must trust where it is our own;
    `trouble` why there is none.
    """

    kind: Literal["internal", "outside", "none"]
    root: str | None
    subject: str | None
    ends_at: datetime | None
    trouble: str

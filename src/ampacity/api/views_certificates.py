"""Certificates as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from ..csms.vocabulary import CertificateUse, Outcome
from ..pki.certificates import HashData


class TrustedCertificateChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificates to trust for a use: one or more, PEM. Roots, or sub CAs that shall count as such."""

    use: CertificateUse
    pem: Annotated[str, Meta(min_length=1, max_length=65_536)]
    label: Annotated[str, Meta(max_length=200)] = ""


class TrustedCertificateView(Struct, frozen=True, kw_only=True):
    """A certificate that is trusted; `fingerprint` is SHA-256 of its DER in hex. `expiring`: within 30 days,
    or over already (`expired`).
    """

    use: str
    fingerprint: str
    label: str
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    expiring: bool
    expired: bool
    pem: str
    added_by: str
    added_at: datetime


class StationCertificateView(Struct, frozen=True, kw_only=True):
    """A certificate that a station holds, by the hashes it goes by there: what delete_certificate wants.

    `subject`, `not_after`, `expiring` and `expired` are known only of certificates that somebody here has
    had, null otherwise. `parent_id` is the certificate whose chain this one belongs to. `installed_at` is
    when the station took it from us, `reported_at` when it listed it.
    """

    station_id: str
    use: str
    certificate_id: str
    certificate: HashData
    parent_id: str | None
    subject: str | None
    not_after: datetime | None
    expiring: bool | None
    expired: bool | None
    installed_at: datetime | None
    reported_at: datetime | None


class InstallChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stations that shall hold a trusted certificate."""

    stations: Annotated[tuple[str, ...], Meta(min_length=1, max_length=500)]


class InstalledView(Struct, frozen=True, kw_only=True):
    """What became of an installation at a station: see the command `install_certificate`."""

    station_id: str
    outcome: Outcome


class ExpiringView(Struct, frozen=True, kw_only=True):
    """What ends soon, or has ended."""

    trusted: tuple[TrustedCertificateView, ...]
    held: tuple[StationCertificateView, ...]

"""Certificates: the roots that an operator trusts, and what each station is known to hold. No private key is
ever here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from .statements import upsert
from .tables import held_certificate, trusted_certificate


class TrustedRow(Struct, frozen=True, kw_only=True):
    """A certificate that an operator trusts for a use; `fingerprint` is SHA-256 of its DER in hex."""

    operator_id: str
    use: str
    fingerprint: str
    label: str
    pem: str
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    added_by: str
    added_at: datetime


class HeldRow(Struct, frozen=True, kw_only=True):
    """A certificate that a station holds, by the hashes it goes by; `parent_id` is the one whose chain it
    belongs to. `pem`, `subject` and `not_after` are known only where somebody here has had the certificate:
    a station tells hashes. `installed_at` is when it took it from us, `reported_at` when it listed it.
    """

    operator_id: str
    station_id: str
    use: str
    certificate_id: str
    parent_id: str | None
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    pem: str | None = None
    subject: str | None = None
    not_after: datetime | None = None
    installed_at: datetime | None = None
    reported_at: datetime | None = None


# ---------------------------------------------------------------- trusted


def save_trusted(connection: Connection, row: TrustedRow) -> None:
    """Trust a certificate, or change its label."""
    upsert(connection, trusted_certificate, structs.asdict(row))


def list_trusted(
    connection: Connection, operator_id: str, uses: Sequence[str] | None = None
) -> list[TrustedRow]:
    """What an operator trusts, by use and subject."""
    column = trusted_certificate.c
    query = select(trusted_certificate).where(column.operator_id == operator_id)
    if uses is not None:
        query = query.where(column.use.in_(uses))
    query = query.order_by(column.use, column.subject, column.fingerprint)
    return [TrustedRow(**row._mapping) for row in connection.execute(query)]


def trusted_pems(connection: Connection, operator_id: str, uses: Sequence[str] | None) -> list[str]:
    """The certificates themselves, those for `uses` or (None) for any."""
    column = trusted_certificate.c
    query = select(column.pem).where(column.operator_id == operator_id)
    if uses is not None:
        query = query.where(column.use.in_(uses))
    return list(connection.execute(query).scalars())


def remove_trusted(connection: Connection, operator_id: str, use: str, fingerprint: str) -> bool:
    """Trust a certificate no longer; returns whether it was there."""
    column = trusted_certificate.c
    result = connection.execute(
        delete(trusted_certificate).where(
            column.operator_id == operator_id, column.use == use, column.fingerprint == fingerprint
        )
    )
    return result.rowcount > 0


# ---------------------------------------------------------------- held by stations


def list_held(
    connection: Connection,
    operator_id: str,
    station_id: str | None = None,
    *,
    until: datetime | None = None,
) -> list[HeldRow]:
    """What a station holds, or all of them do; with `until` what ends by then."""
    column = held_certificate.c
    query = select(held_certificate).where(column.operator_id == operator_id)
    if station_id is not None:
        query = query.where(column.station_id == station_id)
    if until is not None:
        query = query.where(column.not_after <= until)
    query = query.order_by(column.station_id, column.use, column.certificate_id)
    return [HeldRow(**row._mapping) for row in connection.execute(query)]


def save_held(connection: Connection, row: HeldRow) -> None:
    """Know that a station holds a certificate."""
    upsert(connection, held_certificate, structs.asdict(row))


def replace_held(
    connection: Connection,
    operator_id: str,
    station_id: str,
    uses: Iterable[str],
    rows: Sequence[HeldRow],
) -> None:
    """What a station holds for `uses` is exactly `rows`: it has listed them."""
    column = held_certificate.c
    connection.execute(
        delete(held_certificate).where(
            column.operator_id == operator_id, column.station_id == station_id, column.use.in_(list(uses))
        )
    )
    upsert(connection, held_certificate, [structs.asdict(row) for row in rows])


def remove_held(
    connection: Connection, operator_id: str, station_id: str, certificate_ids: Sequence[str]
) -> None:
    """A station no longer holds certificates, nor what hangs below them."""
    column = held_certificate.c
    connection.execute(
        delete(held_certificate).where(
            column.operator_id == operator_id,
            column.station_id == station_id,
            column.certificate_id.in_(certificate_ids) | column.parent_id.in_(certificate_ids),
        )
    )

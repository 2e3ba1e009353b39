"""What stations have proved, the certificates they got from us, and their security events."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import Connection, and_, or_, select, update

from .statements import insert_or_ignore, upsert
from .tables import security_event, station_certificate, station_security

CertificateState: TypeAlias = Literal["issued", "installed", "rejected", "unanswered", "revoked"]
"""Signed by us; taken over by its station; refused by it; sent without an answer; no longer to be trusted."""


class StationSecurity(Struct, frozen=True, kw_only=True):
    """`next_password_hashes`: passwords that the station was told and has not come back with, one a line.
    `certificate` describes (as text) what it came with last, valid until `certificate_ends_at`.
    """

    operator_id: str
    station_id: str
    next_password_hashes: str = ""
    tolerates_expired: bool = False
    certificate: str | None = None
    certificate_ends_at: datetime | None = None


class StationCertificate(Struct, frozen=True, kw_only=True):
    """A certificate issued to a station. `chain` is what it was sent (PEM); `detail` why it was refused."""

    operator_id: str
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


class SecurityEventRow(Struct, frozen=True, kw_only=True):
    """A security event: by the station's clock at `happened_at`, told to us at `at`."""

    operator_id: str
    event_id: str
    station_id: str
    kind: str
    critical: bool
    detail: str
    happened_at: datetime
    at: datetime


Cursor: TypeAlias = tuple[datetime, str]
"""`at` and `event_id` of a page's last event."""


def save_security(connection: Connection, row: StationSecurity) -> None:
    """Keep what a station has proved."""
    upsert(connection, station_security, structs.asdict(row))


def list_security(connection: Connection, operator_id: str) -> list[StationSecurity]:
    """Of all stations."""
    query = select(station_security).where(station_security.c.operator_id == operator_id)
    return [StationSecurity(**row._mapping) for row in connection.execute(query)]


def save_certificate(connection: Connection, row: StationCertificate) -> None:
    """Keep a certificate as it was issued, or as it stands now."""
    upsert(connection, station_certificate, structs.asdict(row))


def change_certificate(
    connection: Connection,
    operator_id: str,
    fingerprint: str,
    state: CertificateState,
    at: datetime,
    detail: str = "",
) -> bool:
    """Note what became of a certificate; returns whether it is known and was not revoked before."""
    column = station_certificate.c
    return (
        connection.execute(
            update(station_certificate)
            .where(
                column.operator_id == operator_id,
                column.fingerprint == fingerprint,
                column.state != "revoked",
            )
            .values(state=state, changed_at=at, detail=detail)
        ).rowcount
        > 0
    )


def list_certificates(
    connection: Connection,
    operator_id: str,
    *,
    station_id: str | None = None,
    state: CertificateState | None = None,
    limit: int = 1000,
) -> list[StationCertificate]:
    """The one issued last first."""
    column = station_certificate.c
    query = select(station_certificate).where(column.operator_id == operator_id)
    if station_id is not None:
        query = query.where(column.station_id == station_id)
    if state is not None:
        query = query.where(column.state == state)
    query = query.order_by(column.issued_at.desc(), column.fingerprint).limit(limit)
    return [StationCertificate(**row._mapping) for row in connection.execute(query)]


def that_count(connection: Connection, operator_id: str, now: datetime) -> list[StationCertificate]:
    """Those that have not expired, and whatever was revoked."""
    column = station_certificate.c
    counts = or_(column.not_after > now, column.state == "revoked")
    query = select(station_certificate).where(column.operator_id == operator_id, counts)
    return [StationCertificate(**row._mapping) for row in connection.execute(query)]


def add_event(connection: Connection, row: SecurityEventRow) -> bool:
    """Keep an event; False where it is known already (the station repeated it)."""
    return insert_or_ignore(connection, security_event, structs.asdict(row))


def list_events(
    connection: Connection,
    operator_id: str,
    *,
    station_id: str | None = None,
    critical: bool | None = None,
    kind: str | None = None,
    before: Cursor | None = None,
    limit: int = 100,
) -> list[SecurityEventRow]:
    """The one told last first; for the next page pass the last one's cursor as `before`."""
    column = security_event.c
    query = select(security_event).where(column.operator_id == operator_id)
    for asked, wanted in ((column.station_id, station_id), (column.critical, critical), (column.kind, kind)):
        if wanted is not None:
            query = query.where(asked == wanted)
    if before is not None:
        at, event_id = before
        query = query.where(or_(column.at < at, and_(column.at == at, column.event_id < event_id)))
    query = query.order_by(column.at.desc(), column.event_id.desc()).limit(limit)
    return [SecurityEventRow(**row._mapping) for row in connection.execute(query)]

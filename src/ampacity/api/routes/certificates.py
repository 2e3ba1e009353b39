"""Certificates: the roots that an operator trusts, what stations hold, and what of both ends soon.

Installing, listing and deleting at a station are commands (`install_certificate`,
`get_installed_certificates`, `delete_certificate`).
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy import Connection

from ...access.principal import Principal
from ...csms.vocabulary import CertificateUse, InstallCertificate
from ...pki.certificates import ChainError, HashData, describe, pem_of, read_chain
from ...store import audit
from ...store import certificates as rows
from ...store.certificates import HeldRow, TrustedRow
from ...store.identifiers import sortable_id
from ..context import ApiContext
from ..errors import invalid, not_found
from ..views_certificates import (
    ExpiringView,
    InstallChange,
    InstalledView,
    StationCertificateView,
    TrustedCertificateChange,
    TrustedCertificateView,
)
from .names import Api, Who, station_of

SOON = timedelta(days=30)
AT_ONCE = 20
"""Stations that are told something at the same time."""


def trusted_view(row: TrustedRow, now: datetime) -> TrustedCertificateView:
    """A row as the API shows it."""
    return TrustedCertificateView(
        use=row.use,
        fingerprint=row.fingerprint,
        label=row.label,
        subject=row.subject,
        issuer=row.issuer,
        serial_number=row.serial_number,
        not_before=row.not_before,
        not_after=row.not_after,
        expiring=row.not_after <= now + SOON,
        expired=row.not_after <= now,
        pem=row.pem,
        added_by=row.added_by,
        added_at=row.added_at,
    )


def held_view(row: HeldRow, now: datetime) -> StationCertificateView:
    """A row as the API shows it."""
    end = row.not_after
    return StationCertificateView(
        station_id=row.station_id,
        use=row.use,
        certificate_id=row.certificate_id,
        certificate=HashData(
            hash_algorithm=row.hash_algorithm,  # type: ignore[arg-type]
            issuer_name_hash=row.issuer_name_hash,
            issuer_key_hash=row.issuer_key_hash,
            serial_number=row.serial_number,
        ),
        parent_id=row.parent_id,
        subject=row.subject,
        not_after=end,
        expiring=None if end is None else end <= now + SOON,
        expired=None if end is None else end <= now,
        installed_at=row.installed_at,
        reported_at=row.reported_at,
    )


@get("/", summary="List the trusted certificates")
async def list_trusted(
    api: Api, who: Who, use: FromQuery[CertificateUse | None] = None
) -> list[TrustedCertificateView]:
    """By use and subject."""
    uses = None if use is None else [use]
    found = await api.store.read(lambda connection: rows.list_trusted(connection, who.operator_id, uses))
    now = api.clock.now()
    return [trusted_view(row, now) for row in found]


@get("/expiring", summary="Certificates that end soon")
async def list_expiring(
    api: Api,
    who: Who,
    within_days: Annotated[
        float, QueryParameter(ge=0, le=3_650, description="Those that end within so many days.")
    ] = 30.0,
) -> ExpiringView:
    """Trusted ones and those that stations hold, with what has ended already."""
    now = api.clock.now()
    until = now + timedelta(days=within_days)
    trusted = await api.store.read(lambda connection: rows.list_trusted(connection, who.operator_id))
    held = await api.store.read(lambda connection: rows.list_held(connection, who.operator_id, until=until))
    return ExpiringView(
        trusted=tuple(trusted_view(row, now) for row in trusted if row.not_after <= until),
        held=tuple(held_view(row, now) for row in held),
    )


@post("/", opt={"permission": "administer"}, status_code=200, summary="Trust certificates")
async def add_trusted(
    api: Api, who: Who, data: JSONBody[TrustedCertificateChange]
) -> list[TrustedCertificateView]:
    """Each certificate of the text, checked: readable, a certificate authority's, and not expired."""
    now = api.clock.now()
    made = _checked(who, data, now)

    def unit(connection: Connection) -> None:
        for row in made:
            rows.save_trusted(connection, row)
            detail = {"use": row.use, "subject": row.subject, "not_after": row.not_after}
            _audit(api, connection, who, "trust_certificate", row.fingerprint, detail)

    await api.store.write(unit)
    return [trusted_view(row, now) for row in made]


def _checked(who: Principal, data: TrustedCertificateChange, now: datetime) -> list[TrustedRow]:
    if "PRIVATE KEY" in data.pem:
        raise invalid(
            "pem", "A private key is in the text.", "Send the certificate only; keep the key secret."
        )
    try:
        chain = read_chain(data.pem)
    except ChainError as error:
        raise invalid("pem", f"{error}.") from None
    made = []
    for certificate in chain:
        described = describe(certificate)
        if not described.is_ca:
            raise invalid(
                "pem",
                f"{described.subject} is no certificate authority's certificate.",
                "Trust the root above it.",
            )
        if described.not_after <= now:
            raise invalid("pem", f"{described.subject} has expired at {described.not_after.isoformat()}.")
        made.append(
            TrustedRow(
                operator_id=who.operator_id,
                use=data.use,
                fingerprint=described.fingerprint,
                label=data.label or described.common_name,
                pem=pem_of(certificate),
                subject=described.subject,
                issuer=described.issuer,
                serial_number=described.serial_number,
                not_before=described.not_before,
                not_after=described.not_after,
                added_by=who.actor,
                added_at=now,
            )
        )
    return made


@post(
    "/{use:str}/{fingerprint:str}/install",
    opt={"permission": "operate"},
    status_code=200,
    summary="Install a trusted certificate at stations",
)
async def install_trusted(
    api: Api, who: Who, use: FromPath[str], fingerprint: FromPath[str], data: JSONBody[InstallChange]
) -> list[InstalledView]:
    """At each station by itself, a few at a time; what one refuses does not hold up the others."""
    states = [station_of(api, who, station_id) for station_id in dict.fromkeys(data.stations)]
    found = await api.store.read(lambda connection: rows.list_trusted(connection, who.operator_id, [use]))
    row = next((row for row in found if row.fingerprint == fingerprint.lower()), None)
    if row is None:
        raise not_found("certificate", f"{use}/{fingerprint}", "/api/v1/certificates lists them.")
    command = InstallCertificate(use=row.use, certificate=row.pem)  # type: ignore[arg-type]
    turn = asyncio.Semaphore(AT_ONCE)

    async def install(station_id: str) -> InstalledView:
        async with turn:
            outcome = await api.csms.command(who.operator_id, station_id, command, who.actor)
        return InstalledView(station_id=station_id, outcome=outcome)

    return list(await asyncio.gather(*(install(state.station_id) for state in states)))


@delete(
    "/{use:str}/{fingerprint:str}", opt={"permission": "administer"}, summary="Trust a certificate no longer"
)
async def delete_trusted(api: Api, who: Who, use: FromPath[str], fingerprint: FromPath[str]) -> None:
    """Stations that hold it keep it until delete_certificate."""

    def unit(connection: Connection) -> bool:
        removed = rows.remove_trusted(connection, who.operator_id, use, fingerprint.lower())
        if removed:
            _audit(api, connection, who, "distrust_certificate", fingerprint.lower(), {"use": use})
        return removed

    if not await api.store.write(unit):
        raise not_found("certificate", f"{use}/{fingerprint}", "/api/v1/certificates lists them.")


def _audit(
    api: ApiContext, connection: Connection, who: Principal, action: str, fingerprint: str, detail: Any
) -> None:
    at = api.clock.now()
    audit_id = sortable_id(at)
    audit.add(
        connection, who.operator_id, audit_id, at, who.actor, action, f"certificate/{fingerprint}", detail
    )
    audit.finish(connection, who.operator_id, audit_id, at, "done")


@get("/{station_id:str}/certificates", summary="Certificates that a station holds")
async def list_held(api: Api, who: Who, station_id: FromPath[str]) -> list[StationCertificateView]:
    """As last installed or listed; the command get_installed_certificates asks anew."""
    state = station_of(api, who, station_id)
    found = await api.store.read(
        lambda connection: rows.list_held(connection, who.operator_id, state.station_id)
    )
    now = api.clock.now()
    return [held_view(row, now) for row in found]


router = Router(
    "/certificates",
    tags=["certificates"],
    route_handlers=[list_trusted, list_expiring, add_trusted, install_trusted, delete_trusted],
)
stations_router = Router("/stations", tags=["certificates"], route_handlers=[list_held])

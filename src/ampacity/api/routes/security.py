"""Stations' security: what they have proved, the certificates they got, what they noticed."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from ...access.principal import Principal
from ...csms.state import StationState
from ...csms.vocabulary import Outcome
from ...pki.certificates import pem_of
from ...store import audit
from ...store import security as rows
from ..context import ApiContext
from ..errors import ApiError, conflict, invalid, not_found
from ..paging import cursor_of, page_of, read_cursor
from ..views_security import (
    AuthorityView,
    IssuedCertificateView,
    ProfileUpgrade,
    SecurityEventPage,
    SecurityEventView,
    StationSecurityChange,
    StationSecurityView,
)
from .commands import trouble_of
from .names import Api, Limit, Who, station_of


def security_view(state: StationState) -> StationSecurityView:
    """A station's security as the API shows it."""
    proof = state.proof
    return StationSecurityView(
        station_id=state.station_id,
        security_profile=proof.floor,
        profile_used=proof.used,
        has_password=state.password_hash is not None,
        password_changing=bool(proof.next_hashes),
        certificate=proof.certificate,
        certificate_ends_at=proof.certificate_ends_at,
        certificate_expired=proof.expired,
        tolerates_expired=proof.tolerates_expired,
    )


@get("/stations/{station_id:str}/security", summary="A station's security")
async def get_security(api: Api, who: Who, station_id: FromPath[str]) -> StationSecurityView:
    """Its security profile, password and certificate; never a secret."""
    return security_view(station_of(api, who, station_id))


@put(
    "/stations/{station_id:str}/security",
    opt={"permission": "operate"},
    summary="Decide about a station's security",
)
async def put_security(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[StationSecurityChange]
) -> StationSecurityView:
    """What can't be done over OCPP: lower its profile, register its password, let an expired one in."""
    state = station_of(api, who, station_id)
    wanted = data.security_profile
    if wanted is not None and wanted < state.proof.floor and not who.may("administer"):
        raise ApiError(
            403,
            "forbidden",
            f"Station {station_id} is at security profile {state.proof.floor}; to lower it to {wanted} needs "
            "the permission to administer.",
            remedy="Ask an owner.",
        )
    detail: dict[str, Any] = {
        "security_profile": wanted,
        "password": None if data.password is None else "***",
        "tolerates_expired": data.tolerates_expired,
    }
    shown = {name: value for name, value in detail.items() if value is not None}
    audit_id = await audit.record(
        api.store, who.operator_id, who.actor, "change_security", f"station/{station_id}", shown
    )
    await api.csms.security.decide(
        state,
        security_profile=wanted,
        password=data.password,
        tolerates_expired=data.tolerates_expired,
    )
    await audit.complete(api.store, who.operator_id, audit_id, "done")
    return security_view(state)


@post(
    "/stations/{station_id:str}/security-profile",
    opt={"permission": "operate"},
    status_code=200,
    summary="Raise a station's security profile",
)
async def raise_profile(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[ProfileUpgrade]
) -> Outcome:
    """Its network profile, the slot's priority and a reset (2.x), or its key SecurityProfile (1.6), one after
    the other; the first refusal ends it. Once it has come that way it is refused below it.
    """
    state = station_of(api, who, station_id)
    secured = data.url.startswith("wss://")
    if secured != (data.profile >= 2):
        raise invalid(
            "url",
            f"{data.url!r} does not fit security profile {data.profile}.",
            "Profiles 2 and 3 are wss://, profile 1 is ws://.",
        )
    try:
        outcome = await api.csms.security.raise_profile(
            state,
            data.profile,
            data.url,
            data.slot,
            data.interface,
            who.actor,
            data.reset,
        )
    except ValueError as lower:
        raise conflict(str(lower)) from None
    if not outcome.accepted:
        raise trouble_of(station_id, outcome)
    return outcome


@get("/security-events", summary="What stations noticed of attacks and changes")
async def list_events(
    api: Api,
    who: Who,
    station_id: FromQuery[str | None] = None,
    critical: FromQuery[bool | None] = None,
    kind: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> SecurityEventPage:
    """Security events of stations, and certificates that we refused; the one told last first."""
    cursor = read_cursor(before)
    page, following = await page_of(
        api,
        lambda connection, most: rows.list_events(
            connection,
            who.operator_id,
            station_id=station_id,
            critical=critical,
            kind=kind,
            before=cursor,
            limit=most,
        ),
        limit,
        lambda row: cursor_of(row.at, row.event_id),
    )
    return SecurityEventPage(items=tuple(_event_view(row) for row in page), next=following)


def _event_view(row: rows.SecurityEventRow) -> SecurityEventView:
    return SecurityEventView(
        event_id=row.event_id,
        station_id=row.station_id,
        kind=row.kind,
        critical=row.critical,
        detail=row.detail,
        happened_at=row.happened_at,
        at=row.at,
    )


@get("/issued-certificates", summary="Certificates that stations got from our authority")
async def list_issued(
    api: Api,
    who: Who,
    station_id: FromQuery[str | None] = None,
    standing: FromQuery[rows.CertificateState | None] = None,
    limit: Limit = 100,
) -> list[IssuedCertificateView]:
    """The one issued last first, each with what became of it."""
    found = await api.store.read(
        lambda connection: rows.list_certificates(
            connection, who.operator_id, station_id=station_id, state=standing, limit=limit
        )
    )
    return [_issued_view(row) for row in found]


def _issued_view(row: rows.StationCertificate) -> IssuedCertificateView:
    return IssuedCertificateView(
        fingerprint=row.fingerprint,
        station_id=row.station_id,
        purpose=row.purpose,
        state=row.state,
        subject=row.subject,
        issuer=row.issuer,
        serial_number=row.serial_number,
        not_before=row.not_before,
        not_after=row.not_after,
        issued_at=row.issued_at,
        changed_at=row.changed_at,
        detail=row.detail,
        chain=row.chain,
    )


@post(
    "/issued-certificates/{fingerprint:str}/revoke",
    opt={"permission": "operate"},
    status_code=200,
    summary="Trust a station's certificate no longer",
)
async def revoke(api: Api, who: Who, fingerprint: FromPath[str]) -> None:
    """For good. Its station is refused with it from its next connection on."""
    target = f"certificate/{fingerprint}"
    audit_id = await audit.record(api.store, who.operator_id, who.actor, "revoke_certificate", target)
    revoked = await api.csms.signing.revoke(who.operator_id, fingerprint)
    await audit.complete(api.store, who.operator_id, audit_id, "done" if revoked else "unknown")
    if not revoked:
        raise not_found("certificate", fingerprint, "/api/v1/issued-certificates lists them.")


@get("/authority", summary="Who signs stations' certificates")
async def get_authority(api: Api, who: Who) -> AuthorityView:
    """Its root is what stations must trust before they can come by TLS."""
    return await _authority_view(api, who)


async def _authority_view(api: ApiContext, who: Principal) -> AuthorityView:
    signing = api.csms.signing
    own = signing.internal
    if own is None:
        kind = "none" if signing.authority is None else "outside"
        return AuthorityView(
            kind=kind,  # type: ignore[arg-type]
            root=None,
            subject=None,
            ends_at=None,
            trouble=signing.trouble,
        )
    try:
        root = await asyncio.to_thread(own.root, api.clock.now())
    except (ValueError, OSError) as problem:
        return AuthorityView(kind="internal", root=None, subject=None, ends_at=None, trouble=str(problem))
    return AuthorityView(
        kind="internal",
        root=pem_of(root),
        subject=root.subject.rfc4514_string(),
        ends_at=root.not_valid_after_utc,
        trouble="",
    )


router = Router(
    "/",
    tags=["security"],
    route_handlers=[
        get_security,
        put_security,
        raise_profile,
        list_events,
        list_issued,
        revoke,
        get_authority,
    ],
)

"""Security (block A): what stations prove, their passwords, their security profiles, their security events.

A password that a station is told counts from before it is sent on, and the one before it until the station
has accepted the new (A01.FR.03); where its answer is lost, or wants a reboot first, until it has come back
with the new. So it can come in whatever gets lost. A security profile only
ever goes up by what a station does (A05.FR.07); a person may lower it, which is in the audit.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import replace

from ...pki.certificates import Description
from ...store import security as rows
from ...store import stations
from ..admission import hash_password
from ..context import Context
from ..link import HandshakeRejected
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Acknowledged,
    Command,
    Outcome,
    Reset,
    SecurityEvent,
    SetNetworkProfile,
    SetPassword,
    SetSecurityProfile,
    SetVariables,
    VariableRef,
    VariableValue,
)
from .variables import is_secret

log = logging.getLogger(__name__)

PASSWORD_BYTES = 20
"""40 hex digits: the longest that 1.6 can keep, and text that 2.x can."""

NEXT_KEPT = 4
"""Passwords that a station may have taken over: more have never been told one after the other."""

CRITICAL = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate",
        "InvalidChargePointCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    }
)
"""Events that the standard calls critical (2.0.1 appendix 1, and the white paper's two other names)."""

PRIORITY = VariableRef(component="OCPPCommCtrlr", variable="NetworkConfigurationPriority")

_NO = frozenset(
    {"Rejected", "NotSupported", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType", "Failed"}
)
"""A station's words for what it did not take over."""

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class Security:
    """`send` carries a command out for somebody."""

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={SecurityEvent: self.event},
            completes={SetPassword: self.drawn},
            precedes=dict.fromkeys(_PASSWORDS, (self.about_to_tell,)),
            follows=dict.fromkeys(_PASSWORDS, (self.told,)),
            listens=((HandshakeRejected, self.rejected),),
        )

    def load(self, operator_id: str, known: list[rows.StationSecurity]) -> None:
        """Take what was kept."""
        for row in known:
            state = self._context.stations.get(row.station_id)
            if state is None or state.operator_id != operator_id:
                continue
            proof = state.proof
            proof.next_hashes = tuple(row.next_password_hashes.split())
            proof.tolerates_expired = row.tolerates_expired
            proof.certificate, proof.certificate_ends_at = row.certificate, row.certificate_ends_at

    # ------------------------------------------------------------ what stations prove

    def proved(
        self, state: StationState, profile: int, came_by: str | None, certificate: Description | None
    ) -> None:
        """A station may come in by `profile`, with the password of hash `came_by` or a certificate."""
        proof = state.proof
        before = (proof.next_hashes, proof.certificate, proof.certificate_ends_at, proof.tolerates_expired)
        if came_by is not None and came_by in proof.next_hashes:
            state.password_hash, proof.next_hashes = came_by, ()
            self._post_station(state, password_hash=came_by)
            log.info("station %s has come back with its new password", state.station_id)
        proof.used = profile
        proof.expired = False
        proof.fingerprint = "" if certificate is None else certificate.fingerprint
        proof.common_name = "" if certificate is None else certificate.common_name or ""
        if certificate is not None:
            proof.certificate = f"{certificate.subject} ({certificate.serial_number})"
            proof.certificate_ends_at = certificate.not_after
            proof.expired = certificate.not_after < self._context.clock.now()
            # To tolerate an expired one was for once: it is renewed.
            proof.tolerates_expired = proof.tolerates_expired and proof.expired
        if profile > proof.floor:
            proof.floor = profile
            self._post_station(state, security_profile=profile)
        if before != (
            proof.next_hashes,
            proof.certificate,
            proof.certificate_ends_at,
            proof.tolerates_expired,
        ):
            self._post_proof(state)

    async def decide(
        self,
        state: StationState,
        *,
        security_profile: int | None = None,
        password: str | None = None,
        tolerates_expired: bool | None = None,
    ) -> None:
        """What a person decides: the profile that the station is not let in below (lower too), the password
        that it has, whether an expired certificate lets it in to be renewed.
        """
        operator_id, station_id, proof = state.operator_id, state.station_id, state.proof
        hashed = None if password is None else await asyncio.to_thread(hash_password, password)
        tolerates = proof.tolerates_expired if tolerates_expired is None else tolerates_expired
        next_hashes = proof.next_hashes if hashed is None else ()
        row = replace(_row(state), tolerates_expired=tolerates, next_password_hashes=" ".join(next_hashes))
        changes: dict[str, Any] = {} if hashed is None else {"password_hash": hashed}
        if security_profile is not None:
            changes["security_profile"] = security_profile

        def unit(connection: Any) -> None:
            if changes:
                stations.change_station(connection, operator_id, station_id, **changes)
            rows.save_security(connection, row)

        await self._context.store.write(unit)
        proof.tolerates_expired, proof.next_hashes = tolerates, next_hashes
        if hashed is not None:
            state.password_hash = hashed
        if security_profile is not None:
            proof.floor = security_profile

    # ------------------------------------------------------------ passwords

    def drawn(self, state: StationState | None, command: SetPassword) -> SetPassword:
        """The command with a password where it has none."""
        if command.password is None:
            return SetPassword(password=secrets.token_hex(PASSWORD_BYTES))
        return command

    async def about_to_tell(self, state: StationState, command: Command, actor: str) -> None:
        """Keep a password before its station hears of it: it may act and its answer be lost."""
        password = _password_in(command)
        if password is None:
            return
        hashed = await asyncio.to_thread(hash_password, password)
        proof = state.proof
        proof.next_hashes = (*proof.next_hashes, hashed)[-NEXT_KEPT:]
        row = _row(state)
        await self._context.store.write(lambda connection: rows.save_security(connection, row))

    def told(self, state: StationState, command: Command, outcome: Outcome) -> None:
        """What the station made of a password: a clear yes ends the one before it, a clear no itself."""
        if _password_in(command) is None or not state.proof.next_hashes:
            return
        verdict = _verdict(command, outcome)
        if verdict == "Accepted" and not isinstance(command, SetNetworkProfile):
            # The one before it is worth nothing from now on (A01.FR.03).
            state.password_hash, state.proof.next_hashes = state.proof.next_hashes[-1], ()
            self._post_station(state, password_hash=state.password_hash)
        elif verdict in _NO or outcome.result in ("offline", "unsupported", "invalid", "not_accepted"):
            state.proof.next_hashes = state.proof.next_hashes[:-1]
        else:
            return  # after a reboot, or when its network profile is used, or nobody knows: either may count
        self._post_proof(state)

    # ------------------------------------------------------------ profiles

    async def raise_profile(
        self,
        state: StationState,
        profile: Literal[1, 2, 3],
        url: str,
        slot: int,
        interface: Any,
        actor: str,
        reset: bool = True,
    ) -> Outcome:
        """Let a station come by a higher security profile: its network profile in `slot`, that slot first,
        a reset; where its version has only one place for it (1.6), that. The first refusal is the outcome,
        and nothing is sent after it (A05, B09, B10). Raises ValueError for a lower profile (A00.FR.005).
        """
        if profile < state.proof.floor:
            raise ValueError(
                f"station {state.station_id!r} is at security profile {state.proof.floor}: OCPP must not be "
                f"used to lower it to {profile} (A00.FR.005)"
            )
        network = SetNetworkProfile(slot=slot, url=url, security_profile=profile, interface=interface)
        outcome = await self._send(state, network, actor)
        if outcome.result == "unsupported":
            return await self._send(state, SetSecurityProfile(profile=profile), actor)
        if not outcome.accepted:
            return outcome
        known = state.variables.get(PRIORITY)
        others = [] if known is None or known.value is None else known.value.split(",")
        order = ",".join([str(slot), *(other for other in others if other.strip() not in ("", str(slot)))])
        first = VariableValue(ref=PRIORITY, value=order)
        outcome = await self._send(state, SetVariables(values=(first,)), actor)
        if not outcome.accepted or not reset:
            return outcome
        return await self._send(state, Reset(kind="OnIdle"), actor)

    # ------------------------------------------------------------ events

    async def event(self, state: StationState, said: SecurityEvent) -> Acknowledged:
        """Keep a security event before it is acknowledged; a repeated one is known (A04.FR.02, .03)."""
        row = self._event(state.operator_id, state.station_id, said.kind, said.detail, said.at)
        await self._context.store.write(lambda connection: rows.add_event(connection, row))
        return Acknowledged()

    def rejected(self, event: HandshakeRejected) -> None:
        """A certificate that was refused is a security event of our own (A00.FR.408), once an hour."""
        if event.kind != "certificate" or event.identity is None:
            return
        state = self._context.stations.get(event.identity)
        if state is None:
            return
        hour = event.at.replace(minute=0, second=0, microsecond=0)
        kind = "InvalidChargingStationCertificate"
        row = self._event(state.operator_id, state.station_id, kind, event.reason, hour)
        self._context.store.post(lambda connection: rows.add_event(connection, row))

    def _event(
        self, operator_id: str, station_id: str, kind: str, detail: str, happened_at: datetime
    ) -> rows.SecurityEventRow:
        words = "\0".join((station_id, kind, detail, happened_at.isoformat()))
        at = self._context.clock.now()
        return rows.SecurityEventRow(
            operator_id=operator_id,
            event_id=hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=12).hexdigest(),
            station_id=station_id,
            kind=kind.replace("\0", ""),
            critical=kind in CRITICAL,
            detail=detail.replace("\0", ""),
            happened_at=happened_at,
            at=at,
        )

    # ------------------------------------------------------------ rows

    def _post_station(self, state: StationState, **values: Any) -> None:
        operator_id, station_id = state.operator_id, state.station_id
        self._context.store.post(
            lambda connection: stations.change_station(connection, operator_id, station_id, **values)
        )

    def _post_proof(self, state: StationState) -> None:
        row = _row(state)
        self._context.store.post(lambda connection: rows.save_security(connection, row))


def _row(state: StationState) -> rows.StationSecurity:
    proof = state.proof
    return rows.StationSecurity(
        operator_id=state.operator_id,
        station_id=state.station_id,
        next_password_hashes=" ".join(proof.next_hashes),
        tolerates_expired=proof.tolerates_expired,
        certificate=proof.certificate,
        certificate_ends_at=proof.certificate_ends_at,
    )


def _verdict(command: Command, outcome: Outcome) -> str:
    """The station's word on the password, which may be one of several values."""
    if isinstance(command, SetVariables):
        for value in outcome.data or ():
            if isinstance(value, VariableValue) and is_secret(value.ref):
                return value.status
    return outcome.status


_PASSWORDS = (SetPassword, SetNetworkProfile, SetVariables)
"""What may tell a station a password."""


def _password_in(command: Command) -> str | None:
    if isinstance(command, SetPassword | SetNetworkProfile):
        return command.password
    if isinstance(command, SetVariables):
        return next((item.value for item in command.values if is_secret(item.ref) and item.value), None)
    return None

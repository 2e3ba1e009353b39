"""Certificates that stations hold: installed by us, listed by them, deleted again (M03 to M05).

A station names a certificate by hashes, in an algorithm of its choice. We know what stands behind the hashes
where it came from us or is among the roots that the operator trusts: then subject and expiry can be shown.
A deletion uses the hashes as the station told them (M04.FR.07), so a certificate that was installed counts
as *reported* only when the station has listed it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import cast

from cryptography.x509 import Certificate
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from ...pki.certificates import (
    ChainError,
    Description,
    HashData,
    HashName,
    describe,
    hash_data,
    issued_by,
    read_certificate,
)
from ...store.certificates import (
    HeldRow,
    list_held,
    list_trusted,
    remove_held,
    replace_held,
    save_held,
    trusted_pems,
)
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Command,
    DeleteCertificate,
    GetInstalledCertificates,
    Holdings,
    InstallCertificate,
    InstalledUse,
    Outcome,
)

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class Certificates:
    """InstallCertificate, DeleteCertificate, GetInstalledCertificateIds. `send` carries a command out for
    somebody.
    """

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            prepares={DeleteCertificate: self.named},
            effects={InstallCertificate: (self.installed,), GetInstalledCertificates: (self.listed,)},
            settles={DeleteCertificate: self.deleted},
        )

    def installed(self, state: StationState, command: InstallCertificate, outcome: Outcome) -> None:
        """A station trusts a root from now on."""
        operator_id, now = state.operator_id, self._context.clock.now()

        def unit(connection: Connection) -> None:
            known = _Known([command.certificate, *(row.pem for row in list_trusted(connection, operator_id))])
            hashes = known.hashes_of(command.certificate, "SHA256")
            if hashes is None:
                return  # the station could make something of it, we can't: its list will tell
            save_held(connection, _row(state, command.use, hashes, known.find(hashes), installed_at=now))

        self._context.store.post(unit)

    async def named(self, state: StationState, command: DeleteCertificate, actor: str) -> DeleteCertificate:
        """The deletion in the station's own words: of a certificate that it has not listed yet it is asked
        for its list first (M04.FR.07). What a certificate is for tells a dialect how to say it.
        """
        operator_id, station_id, asked = state.operator_id, state.station_id, id_of(command.certificate)
        store = self._context.store
        held = await store.read(lambda connection: list_held(connection, operator_id, station_id))
        row = next((row for row in held if row.certificate_id == asked), None)
        if row is None:
            return command
        use = command.use or cast(InstalledUse, row.use)
        command = replace(command, use=use)
        if row.reported_at is not None or row.pem is None:
            return command
        outcome = await self._send(state, GetInstalledCertificates(uses=(use,)), actor)
        trusted = await store.read(lambda connection: trusted_pems(connection, operator_id, None))
        known = _Known([row.pem, *trusted])
        for item in outcome.data.certificates if isinstance(outcome.data, Holdings) else ():
            behind = known.find(item.certificate)
            if behind is not None and behind.pem == row.pem:
                return replace(command, certificate=item.certificate)
        return command

    def deleted(self, state: StationState, command: DeleteCertificate, outcome: Outcome) -> None:
        """A station has forgotten a certificate, by whatever hashes we know it; one that it can't find it
        does not hold.
        """
        if not outcome.accepted and outcome.status != "NotFound":
            return
        operator_id, station_id = state.operator_id, state.station_id
        gone = id_of(command.certificate)

        def unit(connection: Connection) -> None:
            held = list_held(connection, operator_id, station_id)
            pems = {row.pem for row in held if row.certificate_id == gone and row.pem}
            same = {row.certificate_id for row in held if row.pem in pems}
            remove_held(connection, operator_id, station_id, sorted(same | {gone}))

        self._context.store.post(unit)

    def listed(self, state: StationState, command: GetInstalledCertificates, outcome: Outcome) -> None:
        """A station has told what it holds for the uses that it was asked about."""
        held: Holdings = outcome.data
        operator_id, station_id, now = state.operator_id, state.station_id, self._context.clock.now()

        def unit(connection: Connection) -> None:
            before = list_held(connection, operator_id, station_id)
            pems = [row.pem for row in before if row.pem]
            pems += [row.pem for row in list_trusted(connection, operator_id)]
            known = _Known(pems)
            since = {row.pem: row.installed_at for row in before if row.pem}
            rows = []
            for item in held.certificates:
                behind = known.find(item.certificate)
                own = _row(
                    state,
                    item.use,
                    item.certificate,
                    behind,
                    installed_at=None if behind is None else since.get(behind.pem),
                    reported_at=now,
                )
                rows.append(own)
                rows += [
                    _row(state, item.use, child, known.find(child), own.certificate_id, reported_at=now)
                    for child in item.children
                ]
            replace_held(connection, operator_id, station_id, held.uses, rows)

        self._context.store.post(unit)


class _Behind(Struct, frozen=True):
    """A certificate that we have."""

    pem: str
    described: Description


class _Known:
    """The certificates that we have, by the hashes that a station may call them by."""

    def __init__(self, pems: Iterable[str]) -> None:
        self._read: dict[str, Certificate] = {}
        for pem in pems:
            with suppress(ChainError):
                self._read[pem] = read_certificate(pem)
        self._by_id: dict[HashName, dict[str, _Behind]] = {}

    def hashes_of(self, pem: str, algorithm: HashName) -> HashData | None:
        """What a certificate is called, None where its issuer is not known."""
        certificate = self._read.get(pem)
        if certificate is None:
            return None
        issuers = (other for other in self._read.values() if issued_by(certificate, other))
        issuer = next(issuers, None)
        return None if issuer is None else hash_data(certificate, issuer, algorithm)

    def find(self, hashes: HashData) -> _Behind | None:
        """What the hashes name."""
        algorithm = hashes.hash_algorithm
        if algorithm not in self._by_id:
            self._by_id[algorithm] = {
                id_of(named): _Behind(pem, describe(certificate))
                for pem, certificate in self._read.items()
                if (named := self.hashes_of(pem, algorithm)) is not None
            }
        return self._by_id[algorithm].get(id_of(hashes))


def id_of(hashes: HashData) -> str:
    """One name for a certificate's hashes, whatever their case."""
    serial = hashes.serial_number.lower().lstrip("0") or "0"
    return "-".join(
        (hashes.hash_algorithm, hashes.issuer_name_hash.lower(), hashes.issuer_key_hash.lower(), serial)
    )


def _row(
    state: StationState,
    use: InstalledUse,
    hashes: HashData,
    behind: _Behind | None,
    parent_id: str | None = None,
    *,
    installed_at: datetime | None = None,
    reported_at: datetime | None = None,
) -> HeldRow:
    return HeldRow(
        operator_id=state.operator_id,
        station_id=state.station_id,
        use=use,
        certificate_id=id_of(hashes),
        parent_id=parent_id,
        hash_algorithm=hashes.hash_algorithm,
        issuer_name_hash=hashes.issuer_name_hash,
        issuer_key_hash=hashes.issuer_key_hash,
        serial_number=hashes.serial_number,
        pem=None if behind is None else behind.pem,
        subject=None if behind is None else behind.described.subject,
        not_after=None if behind is None else behind.described.not_after,
        installed_at=installed_at,
        reported_at=reported_at,
    )

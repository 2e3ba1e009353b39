"""Certificates of a 1.6 station: the security white paper's messages for the roots of central system and
manufacturer, Plug & Charge's wrapped ones (`v16_pnc`) for all that is shown to cars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ...ocpp.messages import v16 as wire
from ...pki.certificates import HashData
from ..link import CallFailed
from ..vocabulary import (
    Command,
    DeleteCertificate,
    GetInstalledCertificates,
    HeldCertificate,
    Holdings,
    InstallCertificate,
    InstalledUse,
    Outcome,
)
from . import v16_pnc as pnc
from .dialect import Unsupported, WireCall, told
from .words import Words

_NATIVE: dict[InstalledUse, Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]] = {
    "CSMSRootCertificate": "CentralSystemRootCertificate",
    "ManufacturerRootCertificate": "ManufacturerRootCertificate",
}
_NEUTRAL: dict[str, Any] = {word: use for use, word in _NATIVE.items()}
_ALL: tuple[InstalledUse, ...] = (*_NATIVE, *pnc.USES)


def _install(dialect: Any, command: InstallCertificate) -> WireCall:
    if command.use in _NATIVE:
        return "InstallCertificate", wire.InstallCertificateRequest(
            certificateType=_NATIVE[command.use], certificate=command.certificate
        )
    _check(command.use)
    if len(command.certificate) > pnc.LONGEST_CERTIFICATE:
        raise ValueError(
            f"the certificate has {len(command.certificate)} characters: at most {pnc.LONGEST_CERTIFICATE} "
            "fit into a message of Plug & Charge"
        )
    return pnc.wrapped(
        "InstallCertificate", {"certificateType": command.use, "certificate": command.certificate}
    )


def _delete(dialect: Any, command: DeleteCertificate) -> WireCall:
    named = command.certificate
    if command.use is None or command.use in _NATIVE:
        return "DeleteCertificate", wire.DeleteCertificateRequest(
            certificateHashData=wire.CertificateHashDataType(
                hashAlgorithm=named.hash_algorithm,
                issuerNameHash=named.issuer_name_hash,
                issuerKeyHash=named.issuer_key_hash,
                serialNumber=named.serial_number,
            )
        )
    _check(command.use)
    return pnc.wrapped("DeleteCertificate", {"certificateHashData": pnc.Hash.of(named)})


def _get(dialect: Any, command: GetInstalledCertificates) -> tuple[WireCall, ...]:
    """A call for each kind of root, and one for all of Plug & Charge."""
    calls: list[WireCall] = []
    for uses in _questions(command):
        if uses[0] in _NATIVE:
            asked = wire.GetInstalledCertificateIdsRequest(certificateType=_NATIVE[uses[0]])
            calls.append(("GetInstalledCertificateIds", asked))
        else:
            calls.append(pnc.wrapped("GetInstalledCertificateIds", {"certificateType": uses}))
    return tuple(calls)


def _questions(command: GetInstalledCertificates) -> list[tuple[InstalledUse, ...]]:
    """The uses of each call."""
    uses = command.uses or _ALL
    for use in uses:
        _check(use)
    wrapped = tuple(use for use in uses if use in pnc.USES)
    return [*((use,) for use in uses if use in _NATIVE), *((wrapped,) if wrapped else ())]


def _check(use: InstalledUse) -> None:
    if use not in _ALL:
        raise Unsupported(f"OCPP 1.6 has no {use}")


# ---------------------------------------------------------------- what became of it


def _done(command: Command, reply: Any) -> Outcome:
    return told(pnc.status_of(reply))


def _held(command: GetInstalledCertificates, replies: Any) -> Outcome:
    """What was answered, together. A station without Plug & Charge, or without the security extensions, says
    so to its part only; when nothing was answered at all, the first trouble tells.
    """
    answered: list[InstalledUse] = []
    found: list[HeldCertificate] = []
    troubles: list[Outcome] = []
    given: Sequence[Any] = replies if isinstance(replies, (list, tuple)) else [replies]
    for uses, reply in zip(_questions(command), given, strict=True):
        part = _part(uses, reply)
        if isinstance(part, Outcome):
            troubles.append(part)
        else:
            answered += uses
            found += part
    if not answered:
        return troubles[0]
    data = Holdings(uses=tuple(answered), certificates=tuple(found))
    return told("Accepted" if found else "NotFound", ("Accepted", "NotFound"), data=data)


def _part(uses: tuple[InstalledUse, ...], reply: Any) -> Sequence[HeldCertificate] | Outcome:
    if isinstance(reply, CallFailed):
        return Outcome(result="error", status=reply.code, detail=reply.description)
    if not isinstance(reply, wire.DataTransferResponse):
        return [
            HeldCertificate(use=uses[0], certificate=_hash(named))
            for named in reply.certificateHashData or ()
        ]
    said = pnc.inside(reply)
    if said is None or said.status not in ("Accepted", "NotFound"):
        return Outcome(result="rejected", status=pnc.status_of(reply))
    return pnc.held(said)


def _hash(named: Any) -> HashData:
    return HashData(
        hash_algorithm=named.hashAlgorithm,
        issuer_name_hash=named.issuerNameHash,
        issuer_key_hash=named.issuerKeyHash,
        serial_number=named.serialNumber,
    )


def _meant_install(request: Any) -> Command | None:
    try:
        return InstallCertificate(use=_NEUTRAL[request.certificateType], certificate=request.certificate)
    except ValueError:
        return None  # whoever wrote it wants to see what the station makes of it


CERTIFICATES = Words(
    calls={InstallCertificate: _install, DeleteCertificate: _delete, GetInstalledCertificates: _get},
    outcomes={InstallCertificate: _done, DeleteCertificate: _done, GetInstalledCertificates: _held},
    meanings={
        "InstallCertificate": _meant_install,
        "DeleteCertificate": lambda request: DeleteCertificate(
            certificate=_hash(request.certificateHashData)
        ),
        "GetInstalledCertificateIds": lambda request: GetInstalledCertificates(
            uses=(_NEUTRAL[request.certificateType],)
        ),
    },
)

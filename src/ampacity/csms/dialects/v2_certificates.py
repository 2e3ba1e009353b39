"""Certificates and Plug & Charge in the words of 2.0.1 and 2.1 (block M; C07 is in the core's Authorize)."""

from __future__ import annotations

import base64
from typing import Any, get_args

from msgspec import Struct

from ...pki.certificates import HashData
from ..vocabulary import (
    CertificateStatusAnswer,
    CertificateStatusRequest,
    ChainStatusAnswer,
    ChainStatusRequest,
    Command,
    ContractProof,
    DeleteCertificate,
    EvCertificateAnswer,
    EvCertificateRequest,
    GetInstalledCertificates,
    HeldCertificate,
    Holdings,
    InstallCertificate,
    InstalledUse,
    OcspQuestion,
    Outcome,
    StatusSource,
)
from .dialect import Unsupported, WireCall, told
from .samples import whole_second
from .words import Words

_LONGEST_OCSP = {"2.0.1": 5_500, "2.1": 18_000}
_LONGEST_EXI = {"2.0.1": 5_600, "2.1": 17_000}


def hash_of(named: Any) -> HashData:
    """Hash data of the wire."""
    return HashData(
        hash_algorithm=named.hashAlgorithm,
        issuer_name_hash=named.issuerNameHash,
        issuer_key_hash=named.issuerKeyHash,
        serial_number=named.serialNumber,
    )


def proof_of(payload: Any) -> ContractProof | None:
    """What a car showed, as an AuthorizeRequest tells it; None where it showed nothing."""
    if payload.certificate is None and not payload.iso15118CertificateHashData:
        return None
    return ContractProof(
        chain_pem=payload.certificate,
        questions=tuple(question_of(asked) for asked in payload.iso15118CertificateHashData or ()),
    )


def question_of(asked: Any) -> OcspQuestion:
    """OCSPRequestDataType."""
    return OcspQuestion(certificate=hash_of(asked), responder_url=asked.responderURL)


def _wire_hash(dialect: Any, named: HashData) -> Any:
    return dialect.wire.CertificateHashDataType(
        hashAlgorithm=named.hash_algorithm,
        issuerNameHash=named.issuer_name_hash,
        issuerKeyHash=named.issuer_key_hash,
        serialNumber=named.serial_number,
    )


# ---------------------------------------------------------------- to the station


def _uses(dialect: Any) -> tuple[InstalledUse, ...]:
    uses: tuple[InstalledUse, ...] = get_args(dialect.wire.GetCertificateIdUseEnumType)
    return uses


def _check_use(dialect: Any, use: InstalledUse) -> None:
    if use not in _uses(dialect):
        raise Unsupported(f"OCPP {dialect.version} has no {use}")


def _install(dialect: Any, command: InstallCertificate) -> WireCall:
    _check_use(dialect, command.use)
    return "InstallCertificate", dialect.wire.InstallCertificateRequest(
        certificateType=command.use, certificate=command.certificate
    )


def _delete(dialect: Any, command: DeleteCertificate) -> WireCall:
    return "DeleteCertificate", dialect.wire.DeleteCertificateRequest(
        certificateHashData=_wire_hash(dialect, command.certificate)
    )


def _get(dialect: Any, command: GetInstalledCertificates) -> WireCall:
    for use in command.uses:
        _check_use(dialect, use)
    return "GetInstalledCertificateIds", dialect.wire.GetInstalledCertificateIdsRequest(
        certificateType=list(command.uses) or None
    )


def _held(command: GetInstalledCertificates, reply: Any) -> Outcome:
    """A station that holds none says NotFound, which is an answer and no refusal (M03.FR.02)."""
    found = tuple(
        HeldCertificate(
            use=item.certificateType,
            certificate=hash_of(item.certificateHashData),
            children=tuple(hash_of(child) for child in item.childCertificateHashData or ()),
        )
        for item in reply.certificateHashDataChain or ()
    )
    uses = command.uses or get_args(InstalledUse)
    return told(reply.status, ("Accepted", "NotFound"), data=Holdings(uses=uses, certificates=found))


def _meant_install(request: Any) -> Command | None:
    try:
        return InstallCertificate(use=request.certificateType, certificate=request.certificate)
    except ValueError:
        return None  # whoever wrote it wants to see what the station makes of it


# ---------------------------------------------------------------- from the station


def _ev_certificate(payload: Any, raw: bytes) -> EvCertificateRequest:
    return EvCertificateRequest(
        schema=payload.iso15118SchemaVersion,
        action=payload.action,
        exi_request=payload.exiRequest,
        maximum_contract_chains=getattr(payload, "maximumContractCertificateChains", None),
        prioritized_emaids=tuple(getattr(payload, "prioritizedEMAIDs", None) or ()),
    )


def _chain_status(payload: Any, raw: bytes) -> ChainStatusRequest:
    return ChainStatusRequest(
        asked=tuple(
            StatusSource(
                certificate=hash_of(asked.certificateHashData), source=asked.source, urls=tuple(asked.urls)
            )
            for asked in payload.certificateStatusRequests
        )
    )


def _tell_ev_certificate(dialect: Any, action: str, request: Any, answer: EvCertificateAnswer) -> Struct:
    wire, exi = dialect.wire, answer.exi_response
    made: Struct
    if exi is None or len(exi) > _LONGEST_EXI[dialect.version]:
        reason = wire.StatusInfoType(reasonCode="NoContract" if exi is None else "TooLarge")
        made = wire.Get15118EVCertificateResponse(status="Failed", exiResponse="", statusInfo=reason)
    elif answer.remaining_contracts is not None and dialect.version != "2.0.1":
        made = wire.Get15118EVCertificateResponse(
            status="Accepted", exiResponse=exi, remainingContracts=answer.remaining_contracts
        )
    else:
        made = wire.Get15118EVCertificateResponse(status="Accepted", exiResponse=exi)
    return made


def _tell_status(dialect: Any, action: str, request: Any, answer: CertificateStatusAnswer) -> Struct:
    wire = dialect.wire
    text = None if answer.ocsp_response is None else base64.b64encode(answer.ocsp_response).decode()
    made: Struct
    if text is None or len(text) > _LONGEST_OCSP[dialect.version]:
        reason = wire.StatusInfoType(reasonCode="NoAnswer" if text is None else "TooLarge")
        made = wire.GetCertificateStatusResponse(status="Failed", statusInfo=reason)
    else:
        made = wire.GetCertificateStatusResponse(status="Accepted", ocspResult=text)
    return made


def _tell_chain(dialect: Any, action: str, request: Any, answer: ChainStatusAnswer) -> Struct:
    wire = dialect.wire
    made: Struct = wire.GetCertificateChainStatusResponse(
        certificateStatus=[
            wire.CertificateStatusType(
                certificateHashData=_wire_hash(dialect, found.asked.certificate),
                source=found.asked.source,
                status=found.status,
                nextUpdate=whole_second(found.next_update),
            )
            for found in answer.found
        ]
    )
    return made


CERTIFICATES = Words(
    calls={InstallCertificate: _install, DeleteCertificate: _delete, GetInstalledCertificates: _get},
    outcomes={GetInstalledCertificates: _held},
    meanings={
        "InstallCertificate": _meant_install,
        "DeleteCertificate": lambda request: DeleteCertificate(
            certificate=hash_of(request.certificateHashData)
        ),
        "GetInstalledCertificateIds": lambda request: GetInstalledCertificates(
            uses=tuple(request.certificateType or ())
        ),
    },
    readers={
        "Get15118EVCertificate": _ev_certificate,
        "GetCertificateStatus": lambda payload, raw: CertificateStatusRequest(
            question=question_of(payload.ocspRequestData)
        ),
        "GetCertificateChainStatus": _chain_status,
    },
    answers={
        EvCertificateAnswer: _tell_ev_certificate,
        CertificateStatusAnswer: _tell_status,
        ChainStatusAnswer: _tell_chain,
    },
)

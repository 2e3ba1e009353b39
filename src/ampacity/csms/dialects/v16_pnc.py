"""Plug & Charge of a 1.6 station: nine messages of 2.0.1, a little simpler, as text inside DataTransfer.

OCA's application note "Using ISO 15118 Plug & Charge with OCPP 1.6" (v1.0): the vendor id is fixed, the
message id names the message, `data` is its JSON. They are for ISO 15118 only; what 1.6 and its security white
paper have messages for goes by those, and the two never mix.
"""

from __future__ import annotations

import base64
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from ...model.station import IdToken
from ...ocpp.messages import v16 as wire
from ...pki.certificates import HashData
from ..vocabulary import PNC_VENDOR as VENDOR
from ..vocabulary import (
    Answer,
    AuthorizationAnswer,
    Authorize,
    CertificateRequest,
    CertificateRequestAnswer,
    CertificateStatusAnswer,
    CertificateStatusRequest,
    Command,
    ContractProof,
    DeleteCertificate,
    EvCertificateAnswer,
    EvCertificateRequest,
    FromStation,
    GetInstalledCertificates,
    HeldCertificate,
    InstallCertificate,
    InstalledUse,
    InstallSigned,
    OcspQuestion,
    RenewCertificate,
)
from .dialect import WireCall
from .samples import whole_second

PncUse = Literal["V2GRootCertificate", "MORootCertificate", "V2GCertificateChain"]
USES: tuple[InstalledUse, ...] = get_args(PncUse)
"""What is told this way; the other roots belong to the security white paper."""

LONGEST_CERTIFICATE = 5_500
LONGEST_EXI = 5_600
LONGEST_OCSP = 5_500


# ---------------------------------------------------------------- what is inside


class _Token(Struct):
    idToken: str


class Hash(Struct, frozen=True):
    hashAlgorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuerNameHash: str
    issuerKeyHash: str
    serialNumber: str

    @classmethod
    def of(cls, named: HashData) -> Hash:
        return cls(named.hash_algorithm, named.issuer_name_hash, named.issuer_key_hash, named.serial_number)

    @property
    def data(self) -> HashData:
        return HashData(
            hash_algorithm=self.hashAlgorithm,
            issuer_name_hash=self.issuerNameHash,
            issuer_key_hash=self.issuerKeyHash,
            serial_number=self.serialNumber,
        )


class _Asked(Hash, frozen=True):
    responderURL: str

    @property
    def question(self) -> OcspQuestion:
        return OcspQuestion(certificate=self.data, responder_url=self.responderURL)


class _Authorize(Struct):
    idToken: _Token
    certificate: str | None = None
    iso15118CertificateHashData: list[_Asked] | None = None


class _GetEvCertificate(Struct):
    iso15118SchemaVersion: str
    action: Literal["Install", "Update"]
    exiRequest: str


class _GetStatus(Struct):
    ocspRequestData: _Asked


class _Sign(Struct):
    csr: str


class _Signed(Struct):
    certificateChain: str


class _Chain(Struct):
    certificateType: PncUse
    certificateHashData: Hash
    childCertificateHashData: list[Hash] | None = None


class _Status(Struct):
    status: str
    certificateHashDataChain: list[_Chain] | None = None


class _Install(Struct):
    certificateType: Literal["V2GRootCertificate", "MORootCertificate"]
    certificate: str


class _Delete(Struct):
    certificateHashData: Hash


class _Get(Struct):
    certificateType: list[PncUse] | None = None


# ---------------------------------------------------------------- from the station


def understand(payload: Any) -> FromStation | None:
    """What a DataTransfer says of Plug & Charge, None when it is of something else or can't be read."""
    if payload.vendorId != VENDOR or payload.data is None:
        return None
    data = payload.data
    try:
        match payload.messageId:
            case "Authorize":
                return _authorize(msgspec.json.decode(data, type=_Authorize))
            case "Get15118EVCertificate":
                asked = msgspec.json.decode(data, type=_GetEvCertificate)
                return EvCertificateRequest(
                    schema=asked.iso15118SchemaVersion, action=asked.action, exi_request=asked.exiRequest
                )
            case "GetCertificateStatus":
                status = msgspec.json.decode(data, type=_GetStatus)
                return CertificateStatusRequest(question=status.ocspRequestData.question)
            case "SignCertificate":
                csr = msgspec.json.decode(data, type=_Sign).csr
                return CertificateRequest(request=csr, purpose="V2GCertificate")
    except msgspec.DecodeError:
        return None
    return None


def _authorize(said: _Authorize) -> Authorize:
    token = IdToken(said.idToken.idToken, "eMAID")
    questions = tuple(asked.question for asked in said.iso15118CertificateHashData or ())
    if said.certificate is None and not questions:
        return Authorize(token=token)
    return Authorize(token=token, contract=ContractProof(chain_pem=said.certificate, questions=questions))


def answer(payload: Any, given: Answer, word: str | None) -> Struct | None:
    """The wrapped response, None when the answer is none of Plug & Charge. `word` is 1.6's for a verdict."""
    if payload.vendorId != VENDOR:
        return None
    said: dict[str, Any]
    match given:
        case AuthorizationAnswer():
            info: dict[str, Any] = {"status": word}
            if given.expires_at is not None:
                info["cacheExpiryDateTime"] = whole_second(given.expires_at)
            said = {"idTokenInfo": info}
            if given.certificate_status is not None:
                said["certificateStatus"] = given.certificate_status
        case EvCertificateAnswer():
            exi = given.exi_response
            fits = exi is not None and len(exi) <= LONGEST_EXI
            said = {"status": "Accepted" if fits else "Failed", "exiResponse": exi if fits else ""}
        case CertificateStatusAnswer():
            der = given.ocsp_response
            text = "" if der is None else base64.b64encode(der).decode()
            fits = 0 < len(text) <= LONGEST_OCSP
            said = {"status": "Accepted", "ocspResult": text} if fits else {"status": "Failed"}
        case CertificateRequestAnswer():
            said = {"status": "Accepted" if given.accepted else "Rejected"}
        case _:
            return None
    return wire.DataTransferResponse(status="Accepted", data=msgspec.json.encode(said).decode())


# ---------------------------------------------------------------- to the station


def wrapped(message_id: str, said: Any) -> WireCall:
    """A message of Plug & Charge for the station."""
    return "DataTransfer", wire.DataTransferRequest(
        vendorId=VENDOR, messageId=message_id, data=msgspec.json.encode(said).decode()
    )


def status_of(reply: Any) -> str:
    """The status inside a wrapped response; that of the wrapping where it was not taken."""
    if not isinstance(reply, wire.DataTransferResponse):
        return str(reply.status)
    if reply.status != "Accepted":
        return reply.status
    inner = inside(reply)
    return "Unreadable" if inner is None else inner.status


def inside(reply: Any) -> _Status | None:
    """What a wrapped response says, None where there is nothing to read."""
    if reply.status != "Accepted" or reply.data is None:
        return None
    try:
        return msgspec.json.decode(reply.data, type=_Status)
    except msgspec.DecodeError:
        return None


def held(said: _Status) -> tuple[HeldCertificate, ...]:
    """The certificates that GetInstalledCertificateIds tells of."""
    return tuple(
        HeldCertificate(
            use=chain.certificateType,
            certificate=chain.certificateHashData.data,
            children=tuple(child.data for child in chain.childCertificateHashData or ()),
        )
        for chain in said.certificateHashDataChain or ()
    )


def meaning(request: Any) -> Command | None:
    """The command that a DataTransfer of ours is, None when it is of something else."""
    if request.vendorId != VENDOR or request.data is None:
        return None
    try:
        match request.messageId:
            case "InstallCertificate":
                root = msgspec.json.decode(request.data, type=_Install)
                return InstallCertificate(use=root.certificateType, certificate=root.certificate)
            case "DeleteCertificate":
                gone = msgspec.json.decode(request.data, type=_Delete)
                return DeleteCertificate(certificate=gone.certificateHashData.data, use="MORootCertificate")
            case "GetInstalledCertificateIds":
                asked = msgspec.json.decode(request.data, type=_Get)
                return GetInstalledCertificates(uses=tuple(asked.certificateType or USES))
            case "CertificateSigned":
                signed = msgspec.json.decode(request.data, type=_Signed)
                return InstallSigned(chain=signed.certificateChain, purpose="V2GCertificate")
            case "TriggerMessage":
                return RenewCertificate(purpose="V2G")
    except (msgspec.DecodeError, ValueError):
        return None
    return None

"""Security in 1.6's words: the messages and keys of the security white paper, 3rd edition."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...ocpp.messages import v16 as wire
from ..vocabulary import (
    CertificateRequest,
    CertificateRequestAnswer,
    InstallSigned,
    Outcome,
    RenewCertificate,
    SecurityEvent,
    SetPassword,
    SetSecurityProfile,
)
from . import v16_pnc as pnc
from .dialect import Unsupported, WireCall, told
from .samples import utc
from .words import Words


def _renew(dialect: Any, command: RenewCertificate) -> WireCall:
    if command.purpose == "V2G":
        return pnc.wrapped("TriggerMessage", {})
    if command.purpose != "ChargingStation":
        raise Unsupported("OCPP 1.6 has one certificate for us and another for cars, never one for both")
    return "ExtendedTriggerMessage", wire.ExtendedTriggerMessageRequest(
        requestedMessage="SignChargePointCertificate"
    )


def _install(dialect: Any, command: InstallSigned) -> WireCall:
    if command.purpose == "V2GCertificate":
        return pnc.wrapped("CertificateSigned", {"certificateChain": command.chain})
    if command.purpose == "V2G20Certificate":
        raise Unsupported("OCPP 1.6 has no certificates for ISO 15118-20")
    return "CertificateSigned", wire.CertificateSignedRequest(certificateChain=command.chain)


def _set(key: str, value: str) -> WireCall:
    return "ChangeConfiguration", wire.ChangeConfigurationRequest(key=key, value=value)


def _set_password(dialect: Any, command: SetPassword) -> WireCall:
    return _set("AuthorizationKey", command.password or "")


def _changed(command: Any, reply: Any) -> Outcome:
    return told(reply.status, ("Accepted", "RebootRequired"))


def _answer(dialect: Any, action: str, request: Any, answer: CertificateRequestAnswer) -> Struct:
    return wire.SignCertificateResponse(status="Accepted" if answer.accepted else "Rejected")


SECURITY = Words(
    calls={
        InstallSigned: _install,
        RenewCertificate: _renew,
        SetPassword: _set_password,
        SetSecurityProfile: lambda dialect, command: _set("SecurityProfile", str(command.profile)),
    },
    outcomes={SetPassword: _changed, SetSecurityProfile: _changed},
    meanings={"CertificateSigned": lambda request: InstallSigned(chain=request.certificateChain)},
    readers={
        "SignCertificate": lambda request, raw: CertificateRequest(request=request.csr),
        "SecurityEventNotification": lambda request, raw: SecurityEvent(
            kind=request.type, at=utc(request.timestamp), detail=request.techInfo or ""
        ),
    },
    answers={CertificateRequestAnswer: _answer},
)

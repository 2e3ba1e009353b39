"""Security in the words of 2.0.1 and 2.1."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..vocabulary import (
    CertificateRequest,
    CertificateRequestAnswer,
    InstallSigned,
    Outcome,
    RenewCertificate,
    SecurityEvent,
    SetNetworkProfile,
    SetPassword,
)
from .dialect import Unsupported, WireCall, told
from .samples import utc
from .words import Words


def _install(dialect: Any, command: InstallSigned) -> WireCall:
    # Only 2.1 numbers its requests.
    number = {} if command.request_id is None else {"requestId": command.request_id}
    return "CertificateSigned", dialect.wire.CertificateSignedRequest(
        certificateChain=command.chain, certificateType=command.purpose, **number
    )


def _renew(dialect: Any, command: RenewCertificate) -> WireCall:
    return "TriggerMessage", dialect.wire.TriggerMessageRequest(
        requestedMessage=f"Sign{command.purpose}Certificate"
    )


def _set_password(dialect: Any, command: SetPassword) -> WireCall:
    wire = dialect.wire
    return "SetVariables", wire.SetVariablesRequest(
        setVariableData=[
            wire.SetVariableDataType(
                component=wire.ComponentType(name="SecurityCtrlr"),
                variable=wire.VariableType(name="BasicAuthPassword"),
                attributeValue=command.password or "",
            )
        ]
    )


def _set_network(dialect: Any, command: SetNetworkProfile) -> WireCall:
    wire = dialect.wire
    if command.password is not None and dialect.version == "2.0.1":
        raise Unsupported("OCPP 2.0.1 has no password in a network profile: set_password gives one")
    more = {} if command.password is None else {"basicAuthPassword": command.password}
    return "SetNetworkProfile", wire.SetNetworkProfileRequest(
        configurationSlot=command.slot,
        connectionData=wire.NetworkConnectionProfileType(
            # 2.0.1 calls itself so, and must be told; 2.1 leaves the version to the handshake.
            **({"ocppVersion": "OCPP20"} if dialect.version == "2.0.1" else {}),
            ocppTransport="JSON",
            ocppCsmsUrl=command.url,
            messageTimeout=command.message_timeout_s,
            securityProfile=command.security_profile,
            ocppInterface=command.interface,
            **more,
        ),
    )


def _network_of(request: Any) -> SetNetworkProfile:
    data = request.connectionData
    return SetNetworkProfile(
        slot=request.configurationSlot,
        url=data.ocppCsmsUrl,
        security_profile=data.securityProfile,
        interface=data.ocppInterface,
        message_timeout_s=data.messageTimeout,
        password=getattr(data, "basicAuthPassword", None),
    )


def _written(command: SetPassword, reply: Any) -> Outcome:
    [result] = reply.setVariableResult
    return told(result.attributeStatus, ("Accepted", "RebootRequired"))


def _answer(dialect: Any, action: str, request: Any, answer: CertificateRequestAnswer) -> Struct:
    wire = dialect.wire
    info = None
    if answer.reason:
        info = wire.StatusInfoType(reasonCode="InvalidCSR", additionalInfo=answer.reason[:512])
    made: Struct = wire.SignCertificateResponse(
        status="Accepted" if answer.accepted else "Rejected", statusInfo=info
    )
    return made


SECURITY = Words(
    calls={
        InstallSigned: _install,
        RenewCertificate: _renew,
        SetPassword: _set_password,
        SetNetworkProfile: _set_network,
    },
    outcomes={SetPassword: _written},
    meanings={
        "CertificateSigned": lambda request: InstallSigned(
            chain=request.certificateChain,
            purpose=request.certificateType,
            request_id=getattr(request, "requestId", None),
        ),
        "SetNetworkProfile": _network_of,
    },
    readers={
        "SignCertificate": lambda request, raw: CertificateRequest(
            request=request.csr,
            purpose=request.certificateType,
            request_id=getattr(request, "requestId", None),
        ),
        "SecurityEventNotification": lambda request, raw: SecurityEvent(
            kind=request.type, at=utc(request.timestamp), detail=request.techInfo or ""
        ),
    },
    answers={CertificateRequestAnswer: _answer},
)

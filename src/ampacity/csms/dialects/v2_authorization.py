"""Authorization and reservations in the words of 2.0.1 and 2.1."""

from __future__ import annotations

from typing import Any, get_args

from ...model.station import IdToken
from ..vocabulary import (
    AuthorizationAnswer,
    CancelReservation,
    ClearCache,
    GetLocalListVersion,
    ListEntry,
    Outcome,
    ReservationUpdate,
    ReserveNow,
    SendLocalList,
    VariableRef,
)
from .dialect import ListLimits, WireCall, detail_of, told
from .samples import identifier, utc, whole_second
from .words import Words


def _list_variable(name: str) -> VariableRef:
    return VariableRef(component="LocalAuthListCtrlr", variable=name)


LIST_LIMITS = ListLimits(
    enabled=_list_variable("Enabled"),
    items=_list_variable("ItemsPerMessage"),
    entries=None,
    limited=_list_variable("Entries"),
    bytes=_list_variable("BytesPerMessage"),
)


def token_info(dialect: Any, verdict: AuthorizationAnswer) -> Any:
    """A verdict as a station is told it."""
    return dialect.wire.IdTokenInfoType(
        status=verdict.status,
        cacheExpiryDateTime=None if verdict.expires_at is None else whole_second(verdict.expires_at),
        groupIdToken=_group(dialect, verdict.group),
        chargingPriority=verdict.priority,
        language1=verdict.language[:8] or None,
        evseId=list(verdict.evse_ids) or None,
        personalMessage=personal_message(dialect, verdict.message, verdict.language),
    )


def personal_message(dialect: Any, text: str, language: str) -> Any:
    """A text for the driver; None for none. 512 is what 2.0.1 has room for, 8 what a language has."""
    if not text:
        return None
    return dialect.wire.MessageContentType(format="UTF8", content=text[:512], language=language[:8] or None)


def _group(dialect: Any, group: str | None) -> Any:
    if not group or len(group) > dialect.token_chars:  # a longer one can't be said
        return None
    return dialect.wire.IdTokenType(idToken=group, type="Central")


def _token(dialect: Any, token: IdToken) -> Any:
    if not can_say(dialect, token):
        raise ValueError(
            f"token {token.value!r} of kind {token.kind!r} can't be said in OCPP {dialect.version}: it has "
            f"room for {dialect.token_chars} characters and a list of kinds"
        )
    return dialect.wire.IdTokenType(idToken=token.value, type=token.kind)


def can_say(dialect: Any, token: IdToken) -> bool:
    """Whether a token has room in the messages. Kinds are a closed list in 2.0.1."""
    kinds = get_args(getattr(dialect.wire, "IdTokenEnumType", None))
    return len(token.value) <= dialect.token_chars and (not kinds or token.kind in kinds)


# ---------------------------------------------------------------- local lists


def _send_list(dialect: Any, command: SendLocalList) -> WireCall:
    wire = dialect.wire
    entries = [
        wire.AuthorizationData(
            idToken=_token(dialect, entry.token),
            idTokenInfo=None if entry.verdict is None else token_info(dialect, entry.verdict),
        )
        for entry in command.entries
    ]
    return "SendLocalList", wire.SendLocalListRequest(
        versionNumber=command.version,
        updateType="Full" if command.full else "Differential",
        localAuthorizationList=entries or None,
    )


def _sent_list(request: Any) -> SendLocalList:
    return SendLocalList(
        full=request.updateType == "Full",
        version=request.versionNumber,
        entries=tuple(
            ListEntry(
                token=IdToken(item.idToken.idToken, item.idToken.type), verdict=_verdict(item.idTokenInfo)
            )
            for item in request.localAuthorizationList or ()
        ),
    )


def _verdict(info: Any) -> AuthorizationAnswer | None:
    if info is None:
        return None
    message = info.personalMessage
    return AuthorizationAnswer(
        status=info.status,
        group=None if info.groupIdToken is None else info.groupIdToken.idToken,
        expires_at=None if info.cacheExpiryDateTime is None else utc(info.cacheExpiryDateTime),
        message="" if message is None else message.content,
        language=info.language1 or "",
        priority=info.chargingPriority,
        evse_ids=tuple(info.evseId or ()),
    )


# ---------------------------------------------------------------- reservations


def _reserve(dialect: Any, command: ReserveNow) -> WireCall:
    wire = dialect.wire
    kinds = get_args(getattr(wire, "ConnectorEnumType", None))
    if command.connector_type is not None and kinds and command.connector_type not in kinds:
        raise ValueError(
            f"connector type {command.connector_type!r} is none of OCPP {dialect.version}: {', '.join(kinds)}"
        )
    return "ReserveNow", wire.ReserveNowRequest(
        id=command.reservation_id,
        expiryDateTime=whole_second(command.expires_at),
        idToken=_token(dialect, command.token),
        evseId=command.evse_id or None,
        connectorType=command.connector_type,
        groupIdToken=None if command.group is None else _token(dialect, IdToken(command.group, "Central")),
    )


def _reserved(request: Any) -> ReserveNow:
    return ReserveNow(
        token=IdToken(request.idToken.idToken, request.idToken.type),
        expires_at=utc(request.expiryDateTime),
        evse_id=request.evseId,
        connector_type=request.connectorType,
        group=None if request.groupIdToken is None else request.groupIdToken.idToken,
        reservation_id=request.id,
    )


AUTHORIZATION = Words(
    calls={
        ClearCache: lambda dialect, command: ("ClearCache", dialect.wire.ClearCacheRequest()),
        SendLocalList: _send_list,
        GetLocalListVersion: lambda dialect, command: (
            "GetLocalListVersion",
            dialect.wire.GetLocalListVersionRequest(),
        ),
        ReserveNow: _reserve,
        CancelReservation: lambda dialect, command: (
            "CancelReservation",
            dialect.wire.CancelReservationRequest(reservationId=command.reservation_id),
        ),
    },
    outcomes={
        GetLocalListVersion: lambda command, reply: Outcome(result="accepted", data=reply.versionNumber),
        ReserveNow: lambda command, reply: told(
            reply.status, detail=detail_of(reply), data=command.reservation_id
        ),
    },
    meanings={
        "ClearCache": lambda request: ClearCache(),
        "SendLocalList": _sent_list,
        "GetLocalListVersion": lambda request: GetLocalListVersion(),
        "ReserveNow": _reserved,
        "CancelReservation": lambda request: CancelReservation(reservation_id=request.reservationId),
    },
    readers={
        "ReservationStatusUpdate": lambda payload, raw: ReservationUpdate(
            reservation_id=identifier(payload.reservationId) or 0, status=payload.reservationUpdateStatus
        ),
    },
)

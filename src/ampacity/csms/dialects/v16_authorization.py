"""Authorization and reservations in 1.6's words."""

from __future__ import annotations

from typing import Any

from ...model.station import IdToken
from ...ocpp.messages import v16 as wire
from ..vocabulary import (
    AuthorizationAnswer,
    CancelReservation,
    ClearCache,
    GetLocalListVersion,
    ListEntry,
    Outcome,
    ReserveNow,
    SendLocalList,
    VariableRef,
)
from .dialect import ListLimits, Unsupported, WireCall, told
from .samples import utc, whole_second
from .v16_core import KEYS
from .words import Words

TOKEN_CHARS = 20

_STATUSES = {
    "Accepted": "Accepted",
    "Blocked": "Blocked",
    "ConcurrentTx": "ConcurrentTx",
    "Expired": "Expired",
    "NoCredit": "Blocked",
    "NotAllowedTypeEVSE": "Blocked",
    "NotAtThisLocation": "Blocked",
    "NotAtThisTime": "Blocked",
    "Invalid": "Invalid",
    "Unknown": "Invalid",
}
"""2.x's verdicts in 1.6's five words."""


def _key(name: str) -> VariableRef:
    return VariableRef(component=KEYS, variable=name)


LIST_LIMITS = ListLimits(
    enabled=_key("LocalAuthListEnabled"),
    items=_key("SendLocalListMaxLength"),
    entries=_key("LocalAuthListMaxLength"),
    limited=None,
    bytes=None,
)


def tag_info(verdict: AuthorizationAnswer) -> wire.IdTagInfo:
    """A verdict as a station of 1.6 is told it."""
    return wire.IdTagInfo(
        status=_STATUSES[verdict.status],  # type: ignore[arg-type]
        expiryDate=None if verdict.expires_at is None else whole_second(verdict.expires_at),
        # A longer group can't be said in 1.6 and is no error of the station's.
        parentIdTag=verdict.group if verdict.group and len(verdict.group) <= TOKEN_CHARS else None,
    )


def can_list(token: IdToken, master: bool) -> bool:
    """Whether a token can be on a list: 1.6 knows no master passes, they would start there."""
    cards = ("ISO14443", "ISO15693", "Central", "Local")
    return not master and len(token.value) <= TOKEN_CHARS and token.kind in cards


def _tag(value: str) -> str:
    if len(value) > TOKEN_CHARS:
        raise ValueError(f"token {value!r} is too long for OCPP 1.6, which has room for {TOKEN_CHARS}")
    return value


# ---------------------------------------------------------------- local lists


def _send_list(dialect: Any, command: SendLocalList) -> WireCall:
    entries = [
        wire.AuthorizationData(
            idTag=_tag(entry.token.value),
            idTagInfo=None if entry.verdict is None else tag_info(entry.verdict),
        )
        for entry in command.entries
    ]
    return "SendLocalList", wire.SendLocalListRequest(
        listVersion=command.version,
        updateType="Full" if command.full else "Differential",
        localAuthorizationList=entries or None,
    )


def _sent_list(request: Any) -> SendLocalList:
    return SendLocalList(
        full=request.updateType == "Full",
        version=request.listVersion,
        entries=tuple(
            ListEntry(token=IdToken(item.idTag), verdict=_verdict(item.idTagInfo))
            for item in request.localAuthorizationList or ()
        ),
    )


def _verdict(info: Any) -> AuthorizationAnswer | None:
    if info is None:
        return None
    expires = None if info.expiryDate is None else utc(info.expiryDate)
    return AuthorizationAnswer(status=info.status, group=info.parentIdTag, expires_at=expires)


def _version(command: GetLocalListVersion, reply: Any) -> Outcome:
    if reply.listVersion < 0:
        return Outcome(result="rejected", status="NotSupported", detail="the station has no local list")
    return Outcome(result="accepted", data=reply.listVersion)


# ---------------------------------------------------------------- reservations


def _reserve(dialect: Any, command: ReserveNow) -> WireCall:
    if command.connector_type is not None:
        raise Unsupported("OCPP 1.6 reserves connectors by number, not by type")
    return "ReserveNow", wire.ReserveNowRequest(
        connectorId=command.evse_id or 0,
        expiryDate=whole_second(command.expires_at),
        idTag=_tag(command.token.value),
        parentIdTag=None if command.group is None else _tag(command.group),
        reservationId=command.reservation_id,
    )


def _reserved(request: Any) -> ReserveNow:
    return ReserveNow(
        token=IdToken(request.idTag),
        expires_at=utc(request.expiryDate),
        evse_id=request.connectorId or None,
        group=request.parentIdTag,
        reservation_id=request.reservationId,
    )


AUTHORIZATION = Words(
    calls={
        ClearCache: lambda dialect, command: ("ClearCache", wire.ClearCacheRequest()),
        SendLocalList: _send_list,
        GetLocalListVersion: lambda dialect, command: (
            "GetLocalListVersion",
            wire.GetLocalListVersionRequest(),
        ),
        ReserveNow: _reserve,
        CancelReservation: lambda dialect, command: (
            "CancelReservation",
            wire.CancelReservationRequest(reservationId=command.reservation_id),
        ),
    },
    outcomes={
        GetLocalListVersion: _version,
        ReserveNow: lambda command, reply: told(reply.status, data=command.reservation_id),
    },
    meanings={
        "ClearCache": lambda request: ClearCache(),
        "SendLocalList": _sent_list,
        "GetLocalListVersion": lambda request: GetLocalListVersion(),
        "ReserveNow": _reserved,
        "CancelReservation": lambda request: CancelReservation(reservation_id=request.reservationId),
    },
)

"""Display messages in the words of 2.0.1 and 2.1. 1.6 has none."""

from __future__ import annotations

from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import asdict

from ..vocabulary import (
    ClearDisplayMessage,
    DisplayMessage,
    DisplayMessagesTold,
    GetDisplayMessages,
    Outcome,
    SetDisplayMessage,
)
from .dialect import Unsupported, WireCall, detail_of, told
from .samples import identifier, utc, whole_second
from .words import Words


def _set(dialect: Any, command: SetDisplayMessage) -> WireCall:
    wire = dialect.wire
    _known(dialect, wire.MessageStateEnumType, command.state)
    _known(dialect, wire.MessageFormatEnumType, command.format)
    return "SetDisplayMessage", wire.SetDisplayMessageRequest(
        message=wire.MessageInfoType(
            id=command.message_id,
            priority=command.priority,
            state=command.state,
            startDateTime=None if command.start is None else whole_second(command.start),
            endDateTime=None if command.end is None else whole_second(command.end),
            transactionId=command.station_transaction_id,
            message=wire.MessageContentType(
                format=command.format, language=command.language, content=command.content
            ),
        )
    )


def _known(dialect: Any, words: Any, word: str | None) -> None:
    if word is not None and word not in get_args(words):
        raise Unsupported(f"OCPP {dialect.version} has no {word!r} for display messages")


def _get(dialect: Any, command: GetDisplayMessages) -> WireCall:
    _known(dialect, dialect.wire.MessageStateEnumType, command.state)
    return "GetDisplayMessages", dialect.wire.GetDisplayMessagesRequest(
        id=list(command.message_ids) or None,
        requestId=command.request_id,
        priority=command.priority,
        state=command.state,
    )


def _clear(dialect: Any, command: ClearDisplayMessage) -> WireCall:
    return "ClearDisplayMessage", dialect.wire.ClearDisplayMessageRequest(id=command.message_id)


def _message(info: Any) -> DisplayMessage:
    return DisplayMessage(
        message_id=identifier(info.id) or 0,
        content=info.message.content,
        priority=info.priority,
        format=info.message.format,
        language=info.message.language,
        state=info.state,
        start=None if info.startDateTime is None else utc(info.startDateTime),
        end=None if info.endDateTime is None else utc(info.endDateTime),
        station_transaction_id=info.transactionId,
    )


def _was_set(command: SetDisplayMessage, reply: Any) -> Outcome:
    return told(reply.status, detail=detail_of(reply), data=DisplayMessage(**asdict(command)))


def _none_is_an_answer(command: Struct, reply: Any) -> Outcome:
    return told(reply.status, ("Accepted", "Unknown"), detail_of(reply))


def _told(payload: Any, raw: bytes) -> DisplayMessagesTold:
    return DisplayMessagesTold(
        request_id=payload.requestId,
        messages=tuple(_message(info) for info in payload.messageInfo or ()),
        more=bool(payload.tbc),
    )


DISPLAY = Words(
    calls={SetDisplayMessage: _set, GetDisplayMessages: _get, ClearDisplayMessage: _clear},
    outcomes={
        SetDisplayMessage: _was_set,
        GetDisplayMessages: _none_is_an_answer,
        ClearDisplayMessage: _none_is_an_answer,
    },
    meanings={
        "SetDisplayMessage": lambda request: SetDisplayMessage(**asdict(_message(request.message))),
        "GetDisplayMessages": lambda request: GetDisplayMessages(
            message_ids=tuple(request.id or ()),
            priority=request.priority,
            state=request.state,
            request_id=request.requestId,
        ),
        "ClearDisplayMessage": lambda request: ClearDisplayMessage(message_id=request.id),
    },
    readers={"NotifyDisplayMessages": _told},
)

"""A station handler whose answers are awaited: what a test writes down as a coroutine."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from ampacity.csms.link import Reply, StationRef
from ampacity.ocpp.errors import ErrorCode
from ampacity.ocpp.events import CallReceived, ProtocolViolation, ResultReceived, SendReceived


class NoAnswer(Exception):
    """Leave the call unanswered."""


class Asking:
    """Override `respond`, and `heard` for what is never answered."""

    def __init__(self) -> None:
        self.violations: list[ProtocolViolation] = []
        self.mends: list[ResultReceived] = []
        self._working: set[asyncio.Task[None]] = set()

    async def respond(self, station: StationRef, action: str, payload: Any) -> Struct:
        raise NotImplementedError

    def heard(self, station: StationRef, action: str, payload: Any) -> None:
        raise NotImplementedError

    def handle(self, station: StationRef, call: CallReceived, reply: Reply) -> None:
        task = asyncio.ensure_future(self._reply(station, call, reply))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _reply(self, station: StationRef, call: CallReceived, reply: Reply) -> None:
        try:
            answer = await self.respond(station, call.action, call.payload)
        except NoAnswer as reason:
            reply.leave(str(reason))
        except Exception as error:
            reply.refuse(ErrorCode.INTERNAL_ERROR, type(error).__name__)
        else:
            reply.answer(answer)

    def hear(self, station: StationRef, message: SendReceived) -> None:
        self.heard(station, message.action, message.payload)

    def mended(self, station: StationRef, answer: ResultReceived) -> None:
        self.mends.append(answer)

    def broken(self, station: StationRef, violation: ProtocolViolation) -> None:
        self.violations.append(violation)

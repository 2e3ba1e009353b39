"""A charging station that shares no code with the product: frames are JSON by hand over the `websockets`
client.

Every frame in both directions goes past an independent judge (`judge`), so a test speaks by the book unless
it says otherwise. The double does what it is told, nothing by itself: no retries, no state machine.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .judge import BadFrame, judge

SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}

Reaction = Callable[[dict[str, Any]], dict[str, Any]]


class CallError(Exception):
    """The CSMS answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class Lost(Exception):
    """The connection ended before the answer came."""


class Double:
    """One socket of a station. Make it with `station`."""

    def __init__(self, connection: ClientConnection, version: str, ids: Callable[[], str]) -> None:
        self.connection = connection
        self.version = version
        self.heard: list[tuple[str, dict[str, Any]]] = []
        """Calls of the CSMS, in order."""
        self.errors: list[list[Any]] = []
        """CALLERRORs that answered nothing of ours (id "-1")."""
        self.reactions: dict[str, Reaction | dict[str, Any]] = {}
        """Action -> what to answer; what is missing gets NotImplemented."""
        self.silent: set[str] = set()
        """Actions that get no answer."""
        self.own_faults: list[str] = []
        """What the judge says of our own answers: a test may give a wrong one on purpose."""
        self.broken: Exception | None = None
        """What the CSMS sent against the standard."""
        self._ids = ids
        self._called_ids: set[str] = set()
        self._waiting: dict[str, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._arrived = asyncio.Condition()
        self.reader = asyncio.ensure_future(self._read())

    async def call(
        self,
        action: str,
        payload: dict[str, Any],
        *,
        message_id: str | None = None,
        limit_s: float = 30.0,
        faulty: bool = False,
    ) -> dict[str, Any]:
        """Send a CALL and return the CALLRESULT's payload. Raises CallError, Lost, TimeoutError, and BadFrame
        for a call against the standard that is not `faulty` on purpose.
        """
        message_id = message_id or self._ids()
        text = json.dumps([2, message_id, action, payload])
        if not faulty:
            judge(self.version, text)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = (action, future)
        await self.send_text(text)
        async with asyncio.timeout(limit_s):  # wait_for of 3.11 swallows a cancellation that meets the answer
            return await future

    async def send_text(self, text: str) -> None:
        """Send anything, faulty or not."""
        try:
            await self.connection.send(text)
        except ConnectionClosed as closed:
            raise Lost(str(closed)) from closed

    async def wait_heard(self, action: str, count: int = 1, limit_s: float = 30.0) -> dict[str, Any]:
        """Wait until the CSMS has called `action` `count` times; returns the last payload."""

        def of_action() -> list[dict[str, Any]]:
            return [payload for name, payload in self.heard if name == action]

        async with asyncio.timeout(limit_s), self._arrived:
            await self._arrived.wait_for(lambda: len(of_action()) >= count)
        return of_action()[count - 1]

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                assert isinstance(text, str), "OCPP-J is text"
                await self._take(text)
        except ConnectionClosed:
            pass
        except Exception as error:
            self.broken = error
            await self.connection.close(1011)
            raise
        finally:
            for _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(Lost("closed"))

    async def _take(self, text: str) -> None:
        frame = json.loads(text)
        waiting = self._waiting.pop(frame[1], None) if frame[0] in (3, 4) else None
        if frame[0] == 3 and waiting is None:
            raise BadFrame(f"a result that answers nothing: {text[:300]}")
        try:
            judge(self.version, text, None if waiting is None else waiting[0])
        except BadFrame as fault:
            if waiting is None or waiting[1].done():
                raise
            waiting[1].set_exception(fault)  # where it hurts
            return
        if frame[0] == 2:
            if frame[1] in self._called_ids:
                raise BadFrame(f"a message id that was used before: {text[:300]}")
            self._called_ids.add(frame[1])
            await self._called(frame[1], frame[2], frame[3])
        elif waiting is None:
            self.errors.append(frame)
        elif not waiting[1].done():
            if frame[0] == 3:
                waiting[1].set_result(frame[2])
            else:
                waiting[1].set_exception(CallError(frame[2], frame[3]))

    async def _called(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        async with self._arrived:
            self.heard.append((action, payload))
            self._arrived.notify_all()
        if action in self.silent:
            return
        reaction = self.reactions.get(action)
        if reaction is None:
            answer: list[Any] = [4, message_id, "NotImplemented", "", {}]
        else:
            answer = [3, message_id, reaction(payload) if callable(reaction) else reaction]
        text = json.dumps(answer)
        try:
            judge(self.version, text, action)
        except BadFrame as fault:
            self.own_faults.append(str(fault))
        await self.connection.send(text)


_counter = itertools.count(1)


def basic(user: str, password: str | bytes) -> dict[str, str]:
    """The header of Basic authentication."""
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()}


@contextlib.asynccontextmanager
async def station(
    port: int,
    identity: str,
    version: str = "1.6",
    *,
    path: str | None = None,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Double]:
    """Connect a double to a local port; with the option `ssl` over TLS."""
    url = f"{'wss' if options.get('ssl') else 'ws'}://127.0.0.1:{port}{path or f'/ocpp/{identity}'}"
    async with connect(
        url,
        subprotocols=[SUBPROTOCOLS[version]],
        additional_headers=headers,
        proxy=None,
        close_timeout=2,
        **options,
    ) as connection:
        double = Double(connection, version, lambda: f"m{next(_counter)}")
        try:
            yield double
        finally:
            double.reader.cancel()
            await asyncio.gather(double.reader, return_exceptions=True)
            if double.broken is not None:
                raise double.broken

"""A charging station that shares no code with the product: frames are JSON by hand over the `websockets`
client.

Everything it receives is checked against the OCA's own schemas by an independent validator. It does what it
is told, nothing by itself: no retries, no state machine.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

SCHEMAS = Path(__file__).parents[2] / "tools" / "ocpp_schemas"
SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}

Reaction = Callable[[dict[str, Any]], dict[str, Any]]


class CallError(Exception):
    """The CSMS answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class Lost(Exception):
    """The connection ended before the answer came."""


@cache
def validator(version: str, name: str) -> jsonschema.protocols.Validator:
    """The schema of a message: `name` is the action with `Request` or `Response`."""
    folders = {"1.6": ("v16", "v16_security"), "2.0.1": ("v201",), "2.1": ("v21",)}[version]
    names = [f"{name}.json"]
    if version == "1.6" and name.endswith("Request"):
        names.append(f"{name.removesuffix('Request')}.json")
    for folder in folders:
        for file in names:
            path = SCHEMAS / folder / file
            if path.exists():
                schema = json.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
                return jsonschema.validators.validator_for(schema)(schema)
    raise LookupError(f"no schema for {name} of {version}")


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
        """Action -> what to answer; None keeps silent; what is missing gets NotImplemented."""
        self.silent: set[str] = set()
        self.broken: Exception | None = None
        """What the CSMS sent against its schema."""
        self._ids = ids
        self._waiting: dict[str, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._arrived = asyncio.Condition()
        self.reader = asyncio.ensure_future(self._read())

    async def call(
        self, action: str, payload: dict[str, Any], *, message_id: str | None = None, limit_s: float = 10.0
    ) -> dict[str, Any]:
        """Send a CALL and return the CALLRESULT's payload. Raises CallError, Lost, TimeoutError."""
        message_id = message_id or self._ids()
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = (action, future)
        await self.send_text(json.dumps([2, message_id, action, payload]))
        return await asyncio.wait_for(future, limit_s)

    async def send_text(self, text: str) -> None:
        """Send anything."""
        try:
            await self.connection.send(text)
        except ConnectionClosed as closed:
            raise Lost(str(closed)) from closed

    async def wait_heard(self, action: str, count: int = 1, limit_s: float = 10.0) -> dict[str, Any]:
        """Wait until the CSMS has called `action` `count` times; returns the last payload."""

        def of_action() -> list[dict[str, Any]]:
            return [payload for name, payload in self.heard if name == action]

        async with asyncio.timeout(limit_s), self._arrived:
            await self._arrived.wait_for(lambda: len(of_action()) >= count)
        return of_action()[count - 1]

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                # Decimals: in floats 8.1 is no multiple of 0.1, and 1.6's schemas ask for one.
                await self._take(json.loads(text), json.loads(text, parse_float=Decimal))
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

    async def _take(self, frame: list[Any], exact: list[Any]) -> None:
        kind, message_id = frame[0], frame[1]
        if kind == 2:
            validator(self.version, f"{frame[2]}Request").validate(exact[3])
            await self._called(message_id, frame[2], frame[3])
            return
        if message_id not in self._waiting:
            self.errors.append(frame)
            return
        action, future = self._waiting.pop(message_id)
        if future.done():
            return
        if kind == 3:
            try:
                validator(self.version, f"{action}Response").validate(exact[2])
            except jsonschema.ValidationError as error:
                future.set_exception(error)
            else:
                future.set_result(frame[2])
        else:
            future.set_exception(CallError(frame[2], frame[3]))

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
        await self.connection.send(json.dumps(answer))


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
    """Connect a double to a local port."""
    url = f"ws://127.0.0.1:{port}{path or f'/ocpp/{identity}'}"
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

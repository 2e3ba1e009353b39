"""Meters that answer HTTP with JSON: each interval one GET, each value by its path."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
import msgspec

from ...model.site import MeterConfig
from .json_path import find, number, parse
from .source import Around, tls_context
from .told import MeterTrouble, Told, told_of

TIMEOUT_S: Final = 5.0
"""Wall time, for the whole answer."""

LIMIT_BYTES: Final = 256 * 1024


class HttpSource:
    """One connection that is kept. Redirects are not followed: the address is the meter's own."""

    paced = True

    def __init__(self, config: MeterConfig, around: Around) -> None:
        self._config = config
        self._password = around.password
        self._paths = [(value, parse(value.path)) for value in config.values]
        self._client: httpx.AsyncClient | None = None
        # Reads the roots of the machine, which takes a while: once.
        self._tls = tls_context(config.ca_pem) if config.address.startswith("https:") else None

    async def open(self) -> None:
        config = self._config
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        auth: httpx.Auth | None = None
        if config.auth == "basic":
            auth = httpx.BasicAuth(config.user, self._password)
        elif config.auth == "digest":
            auth = httpx.DigestAuth(config.user, self._password)
        elif config.auth == "bearer":
            headers["Authorization"] = f"Bearer {self._password}"
        self._client = httpx.AsyncClient(
            auth=auth,
            headers=headers,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            verify=self._tls if self._tls is not None else False,
        )

    async def read(self) -> Told:
        assert self._client is not None
        document = await self._fetch(self._client)
        return told_of(
            {value.name: number(find(document, steps, value.path), value) for value, steps in self._paths}
        )

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _fetch(self, client: httpx.AsyncClient) -> object:
        body = bytearray()
        try:
            # httpx bounds each byte, not the whole.
            async with asyncio.timeout(TIMEOUT_S), client.stream("GET", self._config.address) as answer:
                if answer.status_code in (401, 403):
                    raise MeterTrouble("refused", f"it answers {answer.status_code}: auth, user or password")
                if answer.status_code != 200:
                    raise MeterTrouble("garbled", f"it answers {answer.status_code} {answer.reason_phrase}")
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > LIMIT_BYTES:
                        raise MeterTrouble("garbled", f"its answer has more than {LIMIT_BYTES} bytes")
        except (httpx.TimeoutException, TimeoutError):
            raise MeterTrouble("no_answer", f"no answer within {TIMEOUT_S:g} s") from None
        except httpx.ConnectError as problem:
            said = str(problem) or type(problem).__name__
            raise MeterTrouble("refused" if "CERTIFICATE" in said else "no_connection", said) from None
        except httpx.HTTPError as problem:
            raise MeterTrouble("no_answer", str(problem) or type(problem).__name__) from None
        try:
            return msgspec.json.decode(bytes(body))
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise MeterTrouble("garbled", f"its answer is no JSON: {problem}") from None

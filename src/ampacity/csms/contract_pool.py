"""Where new contract certificates for cars come from: a port, and the adapter to a contract certificate pool.

A car's request goes to the pool as it is and the pool's answer to the car as it is (both EXI). The contract's
key is in the answer, encrypted so that only the car can read it; nobody here tries to.
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from .outbound import Answer, Outbound, OutboundError
from .settings import PlugAndChargeSettings
from .vocabulary import EvCertificateAnswer, EvCertificateRequest

LIMIT_BYTES = 256 * 1024
TOKEN_BYTES = 16 * 1024
TOKEN_SPARE_S = 60.0
"""A token is renewed so long before its end."""


class NoContract(Exception):
    """There is no contract certificate for this car now: the text says why."""


class ContractProvider(Protocol):
    """Who has the contract certificates of cars."""

    async def contract(self, request: EvCertificateRequest) -> EvCertificateAnswer:
        """The message for the car, within the few seconds that a car waits. Raises NoContract."""
        ...


class _Message(Struct):
    certificateInstallationRes: str


class _Content(Struct):
    messageDef: _Message


class _Contents(Struct):
    emaidContent: list[_Content]


class _PoolAnswer(Struct):
    CCPResponse: _Contents


class _Token(Struct):
    access_token: str
    expires_in: float = 300.0


class ContractPool:
    """A contract certificate pool over HTTP (VDE-AR-E 2802-100-1, Open Plug & Charge Protocol 1.0: CCP)."""

    def __init__(self, settings: PlugAndChargeSettings) -> None:
        self._url = settings.pool_url.rstrip("/") + "/v1/ccp/signedContractData"
        self._settings = settings
        # Wherever they are: the operator has named them.
        named = (settings.pool_url, settings.pool_token_url)
        self._outbound = Outbound(tuple(urlsplit(url).hostname or "" for url in named))
        self._token = settings.pool_token
        self._token_ends = float("-inf") if settings.pool_token_url else float("inf")
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        """Let go of what is connected."""
        await self._outbound.close()

    async def contract(self, request: EvCertificateRequest) -> EvCertificateAnswer:
        """Ask the pool. It knows installations and updates by the request itself."""
        try:
            async with asyncio.timeout(self._settings.pool_timeout_s):
                answer = await self._ask(request)
        except TimeoutError:
            raise NoContract(f"the pool did not answer in {self._settings.pool_timeout_s:g} s") from None
        except OutboundError as trouble:
            raise NoContract(str(trouble)) from None
        if answer.status not in (200, 404):  # 404 may carry the message that there is no contract
            raise NoContract(f"the pool answers with HTTP status {answer.status}")
        return EvCertificateAnswer(exi_response=_exi(answer.body, answer.status))

    async def _ask(self, request: EvCertificateRequest) -> Answer:
        body = {"certificateInstallationReq": request.exi_request, "xsdMsgDefNamespace": request.schema}
        answer = await self._post(msgspec.json.encode(body), await self._bearer())
        if answer.status == 401 and self._settings.pool_token_url:
            self._token_ends = float("-inf")  # taken back before its end
            answer = await self._post(msgspec.json.encode(body), await self._bearer())
        return answer

    async def _post(self, body: bytes, bearer: str) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "alwaysReturnEXI": "true",
        }
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        timeout_s = self._settings.pool_timeout_s
        return await self._outbound.post(
            self._url, body, headers, timeout_s=timeout_s, limit_bytes=LIMIT_BYTES
        )

    async def _bearer(self) -> str:
        """The token that counts now, from the pool's own authority where it has one (RFC 6749 4.4)."""
        async with self._renewing:
            if self._token_ends > time.monotonic():
                return self._token
            settings = self._settings
            form = {"grant_type": "client_credentials"}
            if settings.pool_audience:
                form["audience"] = settings.pool_audience
            secret = f"{settings.pool_client_id}:{settings.pool_client_secret}".encode()
            answer = await self._outbound.post(
                settings.pool_token_url,
                urlencode(form).encode(),
                {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Accept": "application/json",
                    "Authorization": f"Basic {base64.b64encode(secret).decode()}",
                },
                timeout_s=settings.pool_timeout_s,
                limit_bytes=TOKEN_BYTES,
            )
            if answer.status != 200:
                raise NoContract(f"the pool's token service answers with HTTP status {answer.status}")
            try:
                token = msgspec.json.decode(answer.body, type=_Token)
            except msgspec.DecodeError as error:
                raise NoContract(f"the pool's token service gives no token: {error}") from None
            self._token = token.access_token
            self._token_ends = time.monotonic() + token.expires_in - TOKEN_SPARE_S
            return self._token


def _exi(body: bytes, status: int) -> str:
    try:
        contents = msgspec.json.decode(body, type=_PoolAnswer).CCPResponse.emaidContent
        exi = contents[0].messageDef.certificateInstallationRes
        if not base64.b64decode(exi, validate=True):
            raise ValueError("an empty message")
    except (ValueError, IndexError) as error:
        raise NoContract(f"the pool's answer (HTTP status {status}) holds no message: {error}") from None
    return exi

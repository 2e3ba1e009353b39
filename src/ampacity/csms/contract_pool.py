"""Where new contract certificates for cars come from: a port, and the adapter to a contract certificate pool.

A car's request goes to the pool as it is and the pool's answer to the car as it is (both EXI): the contract's
key is in it, encrypted for the car. So neither is ever logged or kept.
"""

from __future__ import annotations

import base64
import binascii
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from .outbound import Outbound, OutboundError
from .settings import PlugAndChargeSettings
from .vocabulary import EvCertificateAnswer, EvCertificateRequest

LIMIT_BYTES = 256 * 1024


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


class ContractPool:
    """A contract certificate pool over HTTP (VDE-AR-E 2802-100-1, Open Plug & Charge Protocol 1.0: CCP)."""

    def __init__(self, settings: PlugAndChargeSettings) -> None:
        self._url = settings.pool_url.rstrip("/") + "/v1/ccp/signedContractData"
        self._settings = settings
        # Wherever it is: the operator has named it.
        self._outbound = Outbound((urlsplit(settings.pool_url).hostname or "",))

    async def close(self) -> None:
        """Let go of what is connected."""
        await self._outbound.close()

    async def contract(self, request: EvCertificateRequest) -> EvCertificateAnswer:
        """Ask the pool. It knows installations and updates by the request itself."""
        body = {"certificateInstallationReq": request.exi_request, "xsdMsgDefNamespace": request.schema}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "alwaysReturnEXI": "true",
        }
        if self._settings.pool_token:
            headers["Authorization"] = f"Bearer {self._settings.pool_token}"
        try:
            answer = await self._outbound.post(
                self._url,
                msgspec.json.encode(body),
                headers,
                timeout_s=self._settings.pool_timeout_s,
                limit_bytes=LIMIT_BYTES,
            )
        except OutboundError as trouble:
            raise NoContract(str(trouble)) from None
        if answer.status not in (200, 404):  # 404 may carry the message that there is no contract
            raise NoContract(f"the pool answers with HTTP status {answer.status}")
        return EvCertificateAnswer(exi_response=_exi(answer.body, answer.status))


def _exi(body: bytes, status: int) -> str:
    try:
        contents = msgspec.json.decode(body, type=_PoolAnswer).CCPResponse.emaidContent
        exi = contents[0].messageDef.certificateInstallationRes
        if not base64.b64decode(exi, validate=True):
            raise ValueError("an empty message")
    except (msgspec.DecodeError, ValueError, IndexError, binascii.Error) as error:
        raise NoContract(f"the pool's answer (HTTP status {status}) holds no message: {error}") from None
    return exi

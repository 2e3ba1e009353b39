"""The contract certificate pool: tokens that end, and a car that waits no longer than it will."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from ampacity.csms.contract_pool import ContractPool, NoContract
from ampacity.csms.settings import PlugAndChargeSettings
from ampacity.csms.vocabulary import EvCertificateRequest
from tests.conformance.outside import Outside, outside

ASKED = EvCertificateRequest(schema="urn:iso:15118:2:2013:MsgDef", action="Install", exi_request="QUJD")
EXI = base64.b64encode(b"answer").decode()
PATH = "/v1/ccp/signedContractData"


@pytest.fixture
async def place() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


class Pool:
    """A pool that takes `good` tokens, and the service that gives them."""

    def __init__(self, place: Outside, lasts_s: float = 3_600.0) -> None:
        self.place = place
        self.good = "none yet"
        self.given = 0
        self.lasts_s = lasts_s
        place.paths[PATH] = self._answer
        place.paths["/token"] = self._give

    def _answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        if headers.get("authorization") != f"Bearer {self.good}":
            return 401, "application/json", b"{}"
        content = {"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": EXI}}]}}
        return 200, "application/json", json.dumps(content).encode()

    def _give(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        basic = base64.b64encode(b"cpo:s3cret").decode()
        wanted = {"grant_type": ["client_credentials"], "audience": ["ccp"]}
        if headers["authorization"] != f"Basic {basic}" or parse_qs(body.decode()) != wanted:
            return 401, "application/json", b"{}"
        self.given += 1
        self.good = f"token {self.given}"
        told = {"access_token": self.good, "token_type": "Bearer", "expires_in": self.lasts_s}
        return 200, "application/json", json.dumps(told).encode()


def settings(place: Outside, **more: Any) -> PlugAndChargeSettings:
    known: dict[str, Any] = {
        "pool_url": place.url,
        "pool_token_url": f"{place.url}/token",
        "pool_client_id": "cpo",
        "pool_client_secret": "s3cret",
        "pool_audience": "ccp",
    }
    return PlugAndChargeSettings(**(known | more))


async def test_a_token_is_fetched_once_for_as_long_as_it_is_good(place: Outside) -> None:
    service = Pool(place)
    pool = ContractPool(settings(place))
    answers = await asyncio.gather(*(pool.contract(ASKED) for _ in range(5)))
    assert {answer.exi_response for answer in answers} == {EXI}
    assert service.given == 1
    service.good = "another"  # taken back before its end
    assert (await pool.contract(ASKED)).exi_response == EXI
    assert service.given == 2
    await pool.close()


async def test_a_token_that_is_about_to_end_is_renewed(place: Outside) -> None:
    service = Pool(place, lasts_s=59.0)
    pool = ContractPool(settings(place))
    for _ in range(2):
        assert (await pool.contract(ASKED)).exi_response == EXI
    assert service.given == 2
    await pool.close()


async def test_a_token_service_that_refuses_is_no_contract_and_tells_no_secret(place: Outside) -> None:
    Pool(place)
    pool = ContractPool(settings(place, pool_client_secret="wrong"))
    with pytest.raises(NoContract, match="token service answers with HTTP status 401") as refused:
        await pool.contract(ASKED)
    assert "wrong" not in str(refused.value)
    place.paths["/token"] = lambda body, headers: (200, "application/json", b"{}")
    with pytest.raises(NoContract, match="gives no token"):
        await pool.contract(ASKED)
    await pool.close()


async def test_a_car_waits_no_longer_than_it_will() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pool = ContractPool(PlugAndChargeSettings(pool_url=url, pool_timeout_s=0.05))
        with pytest.raises(NoContract, match=r"0\.05 s"):
            await pool.contract(ASKED)
        await pool.close()

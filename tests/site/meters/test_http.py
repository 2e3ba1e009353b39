"""Meters that answer HTTP: documents as two makes send them, proofs of identity, limits, nonsense."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ampacity.clock import WallClock
from ampacity.model.site import MeterConfig, MeterValue
from ampacity.site.meters import MeterTrouble, Told
from ampacity.site.meters import http as module
from ampacity.site.meters.http import HttpSource
from ampacity.site.meters.source import Around
from tests.site.meters.certificates import loopback_certificate

Answer = Callable[[dict[str, str]], bytes]


def said(body: str, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return "\r\n".join(lines).encode()


class Server:
    """Answers each request on loopback with what `answer` makes of its headers."""

    def __init__(self) -> None:
        self.answer: Answer = lambda headers: said("{}")
        self.port = 0
        self.asked = 0
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                self.asked += 1
                headers = dict(
                    line.lower().split(": ", 1) if i else ("", line) for i, line in enumerate(head) if line
                )
                authorization = [line for line in head if line.lower().startswith("authorization: ")]
                if authorization:
                    headers["authorization"] = authorization[0].split(": ", 1)[1]
                writer.write(self.answer(headers))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    made.stop()


def values(**paths: str) -> tuple[MeterValue, ...]:
    return tuple(MeterValue(name=name, path=path) for name, path in paths.items())  # type: ignore[arg-type]


PLAIN = values(current_l1="i[0]", current_l2="i[1]", current_l3="i[2]")


async def read(server: Server, password: str = "", **changes: Any) -> Told:
    fields = {"protocol": "http", "address": f"http://127.0.0.1:{server.port}/meter", "values": PLAIN}
    source = HttpSource(MeterConfig(**{**fields, **changes}), Around(clock=WallClock(), password=password))
    await source.open()
    try:
        return await source.read()
    finally:
        await source.close()


async def fault(server: Server, password: str = "", **changes: Any) -> str:
    with pytest.raises(MeterTrouble) as trouble:
        await read(server, password, **changes)
    return trouble.value.fault


async def test_a_document_of_three_clamps(server: Server) -> None:
    server.answer = lambda headers: said(
        '{"emeters":[{"power":1150.5,"current":5.1,"voltage":230.2},{"power":-460.0,"current":2.1,"voltage":229.8},'
        '{"power":0.0,"current":0.02,"voltage":231.0}],"total_power":690.5}'
    )
    wanted = {
        f"{name}_l{n + 1}": f"emeters[{n}].{name}"
        for n in range(3)
        for name in ("current", "power", "voltage")
    }
    told = await read(server, values=values(power="total_power", **wanted))
    assert told.current_a == (5.1, 2.1, 0.02)
    assert told.power_w == (1150.5, -460.0, 0.0)
    assert told.voltage_v == (230.2, 229.8, 231.0)
    assert told.total_w == 690.5


async def test_a_document_of_nested_lists(server: Server) -> None:
    server.answer = lambda headers: said(
        '{"StatusSNS":{"Time":"2026-06-01T12:00:00","ENERGY":{"Power":[100,200,300],"Current":[0.5,0.9,1.4]}}}'
    )
    paths = {f"current_l{n + 1}": f"StatusSNS.ENERGY.Current[{n}]" for n in range(3)}
    assert (await read(server, values=values(**paths))).current_a == (0.5, 0.9, 1.4)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("basic", "Basic " + base64.b64encode(b"ada:s3cret").decode()),
        ("bearer", "Bearer s3cret"),
    ],
)
async def test_proofs(server: Server, auth: str, expected: str) -> None:
    right = said('{"i":[1,2,3]}')
    server.answer = lambda headers: (
        right if headers.get("authorization") == expected else said("", "401 Unauthorized")
    )
    assert (await read(server, "s3cret", auth=auth, user="ada")).current_a == (1.0, 2.0, 3.0)
    assert await fault(server, "wrong", auth=auth, user="ada") == "refused"
    assert await fault(server) == "refused"


async def test_digest(server: Server) -> None:
    def answer(headers: dict[str, str]) -> bytes:
        if 'username="ada"' in headers.get("authorization", "") and "response=" in headers["authorization"]:
            return said('{"i":[1,2,3]}')
        challenge = 'WWW-Authenticate: Digest realm="meter", nonce="abc", algorithm=SHA-256, qop="auth"'
        return said("", "401 Unauthorized", challenge)

    server.answer = answer
    assert (await read(server, "s3cret", auth="digest", user="ada")).current_a == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said("<html>"), "garbled"),
        (said('{"i":[1,2]}'), "missing"),
        (said('{"i":[1,2,"x"]}'), "garbled"),
        (said('{"i":[1,2,null]}'), "garbled"),
        (said("", "500 Broken"), "garbled"),
        (said("", "302 Found", "Location: http://127.0.0.1:9/"), "garbled"),
        (said('{"i":[1,2,3],"x":"' + "y" * module.LIMIT_BYTES + '"}'), "garbled"),
        (b"SSH-2.0-nonsense\r\n\r\n", "no_answer"),
    ],
    ids=["html", "short", "text", "null", "500", "redirect", "too long", "no http"],
)
async def test_nonsense_is_named(server: Server, answer: bytes, expected: str) -> None:
    server.answer = lambda headers: answer
    assert await fault(server) == expected


async def test_a_silent_server_and_none(
    server: Server, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    server.answer = lambda headers: b""
    assert await fault(server) == "no_answer"
    assert await fault(server, address=f"http://127.0.0.1:{free_port}/") == "no_connection"


async def test_a_server_that_drips_does_not_hold_us(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time and the whole never does."""
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(50):
            writer.write(b" ")
            await asyncio.sleep(0.1)

    dripping = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = dripping.sockets[0].getsockname()[1]
    begun = asyncio.get_running_loop().time()
    assert await fault(server, address=f"http://127.0.0.1:{port}/") == "no_answer"
    assert asyncio.get_running_loop().time() - begun < 3.0
    dripping.close()


async def test_tls_is_checked(tmp_path: Path) -> None:
    certificate, key, pem = loopback_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Server()
    await made.start(context)
    made.answer = lambda headers: said('{"i":[1,2,3]}')
    address = f"https://127.0.0.1:{made.port}/"
    assert (await read(made, address=address, ca_pem=pem)).current_a == (1.0, 2.0, 3.0)
    assert await fault(made, address=address) == "refused"
    made.stop()

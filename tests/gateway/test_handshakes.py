"""Handshakes over real sockets, each rejection with the reason that is kept."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ampacity.csms.link import HandshakeRejected
from ampacity.model.events import StationConnected, StationDisconnected
from tests.conformance.double import basic, station

from .conftest import NodeMaker
from .node import gateway_node

CERTIFICATE = Path(__file__).with_name("localhost.pem")


@pytest.mark.parametrize(
    ("identity", "headers", "status", "word"),
    [
        ("STRANGER", None, 404, "unknown"),
        ("GUARDED", None, 401, "no password"),
        ("GUARDED", basic("GUARDED", "wrong"), 401, "wrong"),
        ("GUARDED", basic("CP1", "0123456789abcdef"), 401, "Basic user"),
    ],
)
async def test_rejected_over_http_and_kept(
    make_node: NodeMaker, identity: str, headers: dict[str, str] | None, status: int, word: str
) -> None:
    async with make_node() as node:
        with pytest.raises(InvalidStatus) as refused:
            async with station(node.gateway.port, identity, headers=headers):
                pass
        assert refused.value.response.status_code == status
        if status == 401:
            assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic")
        (kept,) = node.of(HandshakeRejected)
        assert (kept.identity, kept.status) == (identity, status)
        assert word in kept.reason
        assert kept.path == f"/ocpp/{identity}"
        assert kept.peer.startswith("127.0.0.1:")
        assert node.of(StationConnected) == []


async def test_no_common_subprotocol_completes_the_handshake_and_closes(make_node: NodeMaker) -> None:
    async with make_node() as node:
        url = f"ws://127.0.0.1:{node.gateway.port}/ocpp/CP1"
        for offer in (["ocpp2.0", "soap"], None):
            async with connect(url, subprotocols=offer, proxy=None) as connection:
                assert connection.subprotocol is None
                with pytest.raises(ConnectionClosed):
                    await asyncio.wait_for(connection.recv(), 30)
        reasons = [event.reason for event in node.of(HandshakeRejected)]
        assert len(reasons) == 2
        assert "ocpp2.0" in reasons[0]
        assert "no subprotocol" in reasons[1]
        assert node.of(StationConnected) == []


async def test_a_plain_http_request_is_told_what_this_port_is(make_node: NodeMaker) -> None:
    async with make_node() as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.gateway.port)
        writer.write(b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(4096), 30)
        writer.close()
        assert answer.startswith((b"HTTP/1.1 426", b"HTTP/1.1 400"))


@pytest.mark.parametrize(
    ("version", "subprotocol"), [("1.6", "ocpp1.6"), ("2.0.1", "ocpp2.0.1"), ("2.1", "ocpp2.1")]
)
async def test_each_version_is_agreed_and_told(make_node: NodeMaker, version: str, subprotocol: str) -> None:
    async with make_node() as node, station(node.gateway.port, "CP%7C1", version) as double:
        assert double.connection.subprotocol == subprotocol
        await node.until(lambda: node.of(StationConnected))
        (event,) = node.of(StationConnected)
        assert (event.station_id, event.version) == ("CP|1", version)


async def test_the_server_prefers_the_newest(make_node: NodeMaker) -> None:
    async with make_node() as node:
        url = f"ws://127.0.0.1:{node.gateway.port}/CP1"
        async with connect(url, subprotocols=["ocpp1.6", "ocpp2.1", "ocpp2.0.1"], proxy=None) as connection:
            assert connection.subprotocol == "ocpp2.1"


async def test_the_right_password_opens(make_node: NodeMaker) -> None:
    async with make_node() as node:
        headers = basic("GUARDED", "0123456789abcdef")
        async with station(node.gateway.port, "GUARDED", headers=headers) as double:
            assert await double.call("DataTransfer", {"vendorId": "v", "data": "hi"}) == {
                "status": "Accepted",
                "data": "hi",
            }
        await node.until(lambda: node.of(StationDisconnected))
        assert "1000" in node.of(StationDisconnected)[0].reason


async def test_tls(make_node: NodeMaker) -> None:
    trust = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with make_node(certfile=str(CERTIFICATE)) as node:
        url = f"wss://localhost:{node.gateway.port}/ocpp/CP1"
        async with connect(url, subprotocols=["ocpp1.6"], ssl=trust, proxy=None) as connection:
            await connection.send('[2,"1","DataTransfer",{"vendorId":"v"}]')
            assert await asyncio.wait_for(connection.recv(), 30) == '[3,"1",{"status":"Accepted"}]'
        assert node.of(StationConnected)


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00\x01 hello of TLS\r\n\r\n", b"GET /oc", b""])
async def test_who_asks_for_nothing_is_told_of(said: bytes) -> None:
    async with gateway_node(handshake_timeout_s=0.2) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.gateway.port)
        writer.write(said)
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await node.until(lambda: node.of(HandshakeRejected))
        (kept,) = node.of(HandshakeRejected)
        assert (kept.identity, kept.kind, kept.status) == (None, "not_websocket", 0)
        assert "wss:" in kept.reason

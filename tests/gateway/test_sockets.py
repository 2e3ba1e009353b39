"""What a socket lives through: order, crossing, duplicates, silence, floods, newer sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from ampacity.bus import NoResponder
from ampacity.csms.link import CallFailed
from ampacity.model.events import MessagePassed, StationConnected, StationDisconnected
from ampacity.ocpp.messages import v16
from tests.conformance.double import CallError, Lost, station

from .asking import NoAnswer
from .conftest import NodeMaker

RESET = v16.ResetRequest(type="Soft")


async def test_newest_socket_wins_and_the_old_ones_call_is_lost(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as old:
        old.silent.add("Reset")
        pending = asyncio.ensure_future(node.call("CP1", "Reset", RESET))
        await old.wait_heard("Reset")
        async with station(node.gateway.port, "CP1") as new:
            with pytest.raises(CallFailed) as lost:
                await pending
            assert (lost.value.kind, lost.value.sent) == ("lost", True)
            await asyncio.wait_for(old.connection.wait_closed(), 30)
            assert old.connection.close_code == 1008
            new.reactions["Reset"] = {"status": "Accepted"}
            answer: Any = await node.call("CP1", "Reset", RESET)
            assert answer.status == "Accepted"
            assert node.of(StationDisconnected) == []  # the station never left
        await node.until(lambda: node.of(StationDisconnected))
        assert len(node.of(StationConnected)) == 2
        assert node.gateway.connected == 0
        with pytest.raises(NoResponder):
            await node.call("CP1", "Reset", RESET)


class RawPeer:
    """A WebSocket client of bytes: it never answers pings, and sends frames as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, identity: str, extensions: str = "") -> RawPeer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        extra = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        writer.write(
            f"GET /ocpp/{identity} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ocpp1.6\r\n{extra}\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return cls(reader, writer)

    def send(self, opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> None:
        mask = os.urandom(4) if masked else bytes(4)
        head = bytes([(0x80 if fin else 0) | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if masked else payload
        self.writer.write(head + mask + body)

    async def receive(self) -> tuple[int, bytes]:
        """Next frame as (opcode, payload)."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(length)

    async def close_code(self) -> int | None:
        """Read until the close frame (its code) or the end (None)."""
        try:
            while True:
                opcode, payload = await self.receive()
                if opcode == 8:
                    return int.from_bytes(payload[:2], "big")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


async def test_a_peer_that_never_pongs_is_let_go(make_node: NodeMaker) -> None:
    async with make_node(ping_interval_s=0.2, pong_timeout_s=0.2, close_timeout_s=0.3) as node:
        peer = await RawPeer.open(node.gateway.port, "CP1")
        opcode, _ = await asyncio.wait_for(peer.receive(), 30)
        assert opcode == 9
        await node.until(lambda: node.of(StationDisconnected))
        assert node.of(StationDisconnected)[0].reason == "no pong in time"
        peer.writer.close()


async def test_a_peer_that_pongs_stays(make_node: NodeMaker) -> None:
    async with make_node(ping_interval_s=0.2, pong_timeout_s=5.0) as node:
        peer = await RawPeer.open(node.gateway.port, "CP1")
        for _ in range(3):
            opcode, payload = await asyncio.wait_for(peer.receive(), 30)
            assert opcode == 9
            peer.send(10, payload)
        assert node.of(StationDisconnected) == []
        peer.writer.close()


async def test_a_repeated_message_is_handled_once_and_answered_alike(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        payload = {"vendorId": "v", "data": "once"}
        first = await double.call("DataTransfer", payload, message_id="same")
        again = await double.call("DataTransfer", payload, message_id="same")
        assert first == again
        assert len(node.script.begun) == 1


async def test_a_repetition_on_a_new_socket_gets_the_answer_that_was_under_way(make_node: NodeMaker) -> None:
    async with make_node() as node:
        node.script.may_answer.clear()
        stop = {"transactionId": 7, "meterStop": 1, "timestamp": "2026-03-02T12:00:00Z"}
        async with station(node.gateway.port, "CP1") as old:
            pending = asyncio.ensure_future(old.call("StopTransaction", stop, message_id="s1"))
            await node.until(lambda: node.script.begun)
        with pytest.raises(Lost):
            await pending
        async with station(node.gateway.port, "CP1") as new:
            pending = asyncio.ensure_future(new.call("StopTransaction", stop, message_id="s1"))
            await node.until(
                lambda: sum(1 for event in node.of(MessagePassed) if event.direction == "in") == 2
            )
            node.script.may_answer.set()
            assert await pending == {}
        assert len(node.script.begun) == 1


async def test_calls_cross(make_node: NodeMaker) -> None:
    """A station may call while ours is unanswered, and answer ours while its own is."""
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        node.script.may_answer.clear()
        double.reactions["Reset"] = {"status": "Accepted"}
        theirs = asyncio.ensure_future(double.call("DataTransfer", {"vendorId": "v"}))
        await node.until(lambda: node.script.begun)
        ours: Any = await node.call("CP1", "Reset", RESET)  # answered while theirs hangs
        assert ours.status == "Accepted"
        assert not theirs.done()
        node.script.may_answer.set()
        assert (await theirs)["status"] == "Accepted"


async def test_calls_of_a_station_are_handled_in_order_and_stations_do_not_wait_for_each_other(
    make_node: NodeMaker,
) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as one:
        node.script.may_answer.clear()
        pending = [
            asyncio.ensure_future(one.call("DataTransfer", {"vendorId": "v", "data": str(n)}))
            for n in range(5)
        ]
        await node.until(lambda: node.script.begun)
        async with station(node.gateway.port, "CP2") as other:
            two = asyncio.ensure_future(other.call("DataTransfer", {"vendorId": "w"}))
            await node.until(lambda: len(node.script.begun) == 2)
            assert [payload.vendorId for _, payload in node.script.begun] == ["v", "w"]
            node.script.may_answer.set()
            await asyncio.gather(*pending, two)
        data = [payload.data for _, payload in node.script.begun if payload.vendorId == "v"]
        assert data == ["0", "1", "2", "3", "4"]


async def test_front_overtakes_what_waits(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        order: list[str] = []

        def answer(payload: dict[str, Any]) -> dict[str, Any]:
            order.append(payload["key"])
            return {"status": "Accepted"}

        double.silent.add("Reset")
        first = asyncio.ensure_future(node.call("CP1", "Reset", RESET, timeout_s=0.5))
        await double.wait_heard("Reset")
        double.reactions["ChangeConfiguration"] = answer

        def change(key: str, front: bool) -> asyncio.Future[Any]:
            request = v16.ChangeConfigurationRequest(key=key, value="x")
            return asyncio.ensure_future(node.call("CP1", "ChangeConfiguration", request, front=front))

        waiting = [change("raise", False), change("cut", True)]
        await asyncio.sleep(0)
        with pytest.raises(CallFailed) as late:
            await first
        assert (late.value.kind, late.value.sent) == ("timeout", True)
        await asyncio.gather(*waiting)
        assert order == ["cut", "raise"]


async def test_a_handler_that_fails_makes_a_callerror_and_the_session_lives(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        node.script.fail = RuntimeError("boom")
        with pytest.raises(CallError) as error:
            await double.call("DataTransfer", {"vendorId": "v"})
        assert error.value.code == "InternalError"
        node.script.fail = NoAnswer("the disk is full")
        with pytest.raises(TimeoutError):
            await double.call("DataTransfer", {"vendorId": "v"}, message_id="kept", limit_s=0.2)
        node.script.fail = None
        # The repetition of what was left unanswered is handled anew.
        answer = await double.call("DataTransfer", {"vendorId": "v"}, message_id="kept")
        assert answer == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", "FormationViolation"),
        ('[2,"x","NoSuchAction",{}]', "NotImplemented"),
        ('[2,"x","Reset",{"type":"Soft"}]', "NotSupported"),
        ('[2,"x","DataTransfer",{}]', "ProtocolError"),
        ('[2,"x","DataTransfer",{"vendorId":["v"]}]', "TypeConstraintViolation"),
    ],
)
async def test_bad_frames_get_the_right_error_and_the_socket_stays(
    make_node: NodeMaker, text: str, code: str
) -> None:
    async with make_node() as node:
        url = f"ws://127.0.0.1:{node.gateway.port}/ocpp/CP1"
        async with connect(url, subprotocols=["ocpp1.6"], proxy=None) as connection:
            await connection.send(text)
            answer = json.loads(await asyncio.wait_for(connection.recv(), 30))
            assert (answer[0], answer[2]) == (4, code)
            await connection.send('[2,"y","DataTransfer",{"vendorId":"v"}]')
            assert json.loads(await connection.recv())[:2] == [3, "y"]


async def test_fragments_and_pings_between_them(make_node: NodeMaker) -> None:
    async with make_node() as node:
        peer = await RawPeer.open(node.gateway.port, "CP1")
        text = b'[2,"f","DataTransfer",{"vendorId":"v","data":"%s"}]' % (b"x" * 300)
        peer.send(1, text[:10], fin=False)
        peer.send(9, b"still there?")
        peer.send(0, text[10:200], fin=False)
        peer.send(0, text[200:])
        assert await asyncio.wait_for(peer.receive(), 30) == (10, b"still there?")
        opcode, answer = await asyncio.wait_for(peer.receive(), 30)
        assert opcode == 1
        assert json.loads(answer)[2]["data"] == "x" * 300
        peer.writer.close()


@pytest.mark.parametrize("fragments", [1, 5])
async def test_too_large_a_message_closes_with_1009(make_node: NodeMaker, fragments: int) -> None:
    async with make_node(max_frame_bytes=1000) as node:
        peer = await RawPeer.open(node.gateway.port, "CP1")
        part = b"x" * (1200 // fragments)
        for number in range(fragments):
            peer.send(0 if number else 1, part, fin=number == fragments - 1)
        assert await asyncio.wait_for(peer.close_code(), 5) == 1009
        peer.writer.close()


async def test_compression_without_context_takeover(make_node: NodeMaker) -> None:
    async with make_node() as node:
        url = f"ws://127.0.0.1:{node.gateway.port}/ocpp/CP1"
        options: dict[str, Any] = {
            "subprotocols": ["ocpp1.6"],
            "proxy": None,
            "compression": None,
            "extensions": [ClientPerMessageDeflateFactory(client_max_window_bits=True)],
        }
        async with connect(url, **options) as connection:
            (agreed,) = connection.protocol.extensions
            assert agreed.local_no_context_takeover
            assert agreed.remote_no_context_takeover
            for number in range(3):
                data = f"{number}" * 2000
                await connection.send(
                    json.dumps([2, f"c{number}", "DataTransfer", {"vendorId": "v", "data": data}])
                )
                assert json.loads(await asyncio.wait_for(connection.recv(), 30))[2]["data"] == data


async def test_a_compressed_bomb_is_stopped_at_the_limit(make_node: NodeMaker) -> None:
    async with make_node(max_frame_bytes=10_000) as node:
        url = f"ws://127.0.0.1:{node.gateway.port}/ocpp/CP1"
        async with connect(url, subprotocols=["ocpp1.6"], proxy=None) as connection:
            await connection.send("[" + " " * 1_000_000 + "]")
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(connection.recv(), 30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009


async def test_compression_can_be_switched_off(make_node: NodeMaker) -> None:
    async with make_node(compression=False) as node:
        url = f"ws://127.0.0.1:{node.gateway.port}/ocpp/CP1"
        async with connect(url, subprotocols=["ocpp1.6"], proxy=None) as connection:
            assert connection.protocol.extensions == []


async def test_a_station_above_its_rate_is_slowed_down_and_loses_nothing(make_node: NodeMaker) -> None:
    limits = {"inbound_per_s": 100.0, "inbound_burst": 10, "max_waiting_inbound": 4}
    async with make_node(compression=False, **limits) as node:
        async with station(node.gateway.port, "CP1") as double:
            loop = asyncio.get_running_loop()
            began = loop.time()
            data = [f"{n}".ljust(2000) for n in range(60)]
            await asyncio.gather(*(double.call("DataTransfer", {"vendorId": "v", "data": d}) for d in data))
            # 50 are beyond the burst, at 100 a second; what one read takes comes before it is known.
            assert loop.time() - began >= 0.25
        assert [payload.data for _, payload in node.script.begun] == data


async def test_large_messages_count_as_many(make_node: NodeMaker) -> None:
    limits = {"inbound_per_s": 100.0, "inbound_burst": 10, "inbound_token_bytes": 1000}
    async with make_node(**limits) as node, station(node.gateway.port, "CP1") as double:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(2):
            await double.call("DataTransfer", {"vendorId": "v", "data": f"{number}" * 40_000})
        await double.call("DataTransfer", {"vendorId": "v", "data": "last"})
        assert loop.time() - began >= 0.5  # 80 tokens and more, 10 of them at once


async def test_a_peer_that_does_not_read_is_not_read_either(make_node: NodeMaker) -> None:
    async with make_node(compression=False, inbound_token_bytes=1_000_000) as node:
        peer = await RawPeer.open(node.gateway.port, "CP1")
        data, count = "x" * 200_000, 150
        for number in range(count):
            call = json.dumps([2, f"n{number}", "DataTransfer", {"vendorId": "v", "data": data}])
            peer.send(1, call.encode(), masked=False)
        seen = -1
        while seen != len(node.script.begun):  # until nothing more is taken
            seen = len(node.script.begun)
            await asyncio.sleep(0.3)
        assert seen < count
        answers = [json.loads((await asyncio.wait_for(peer.receive(), 30))[1]) for _ in range(count)]
        assert [answer[1] for answer in answers] == [f"n{number}" for number in range(count)]
        peer.writer.close()


async def test_a_full_queue_refuses_without_harm(make_node: NodeMaker) -> None:
    async with make_node(max_queued_calls=2) as node, station(node.gateway.port, "CP1") as double:
        double.silent.add("Reset")
        calls = [asyncio.ensure_future(node.call("CP1", "Reset", RESET, timeout_s=0.4)) for _ in range(4)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        kinds = [(failed.kind, failed.code) for failed in results if isinstance(failed, CallFailed)]
        assert kinds[3] == ("lost", "QueueFull")
        assert [kind for kind, _ in kinds[:3]] == ["timeout"] * 3


async def test_what_breaks_its_schema_is_never_sent(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        bad = v16.ChangeConfigurationRequest(key="k" * 51, value="x")
        with pytest.raises(CallFailed) as failed:
            await node.call("CP1", "ChangeConfiguration", bad)
        assert (failed.value.kind, failed.value.sent) == ("error", False)
        assert double.heard == []


async def test_an_error_of_the_station_comes_through(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        with pytest.raises(CallFailed) as failed:
            await node.call("CP1", "Reset", RESET)
        assert (failed.value.kind, failed.value.code) == ("error", "NotImplemented")
        double.reactions["Reset"] = {"status": "Perhaps"}
        with pytest.raises(CallFailed) as failed:
            await node.call("CP1", "Reset", RESET)
        assert failed.value.code == "PropertyConstraintViolation"


async def test_every_frame_is_told_and_passwords_are_not(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        await double.call("DataTransfer", {"vendorId": "v"}, message_id="a")
        double.reactions["ChangeConfiguration"] = {"status": "Accepted"}
        secret = v16.ChangeConfigurationRequest(key="AuthorizationKey", value="c0ffee")
        await node.call("CP1", "ChangeConfiguration", secret)
        assert (await double.wait_heard("ChangeConfiguration"))["value"] == "c0ffee"
        frames = [(event.direction, event.frame) for event in node.of(MessagePassed)]
        assert frames[0] == ("in", '[2, "a", "DataTransfer", {"vendorId": "v"}]')
        assert frames[1] == ("out", '[3,"a",{"status":"Accepted"}]')
        assert "ChangeConfiguration" in frames[2][1]
        assert not any("c0ffee" in frame for _, frame in frames)
        assert json.loads(frames[2][1])[3] == {}


async def test_a_stop_answers_what_was_read_and_then_goes_away(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1") as double:
        node.script.may_answer.clear()
        pending = asyncio.ensure_future(double.call("DataTransfer", {"vendorId": "v"}))
        await node.until(lambda: node.script.begun)
        stopping = asyncio.ensure_future(node.gateway.stop())
        await asyncio.sleep(0.01)
        node.script.may_answer.set()
        assert await pending == {"status": "Accepted"}
        await stopping
        await asyncio.wait_for(double.connection.wait_closed(), 30)
        assert double.connection.close_code == 1001


async def test_a_send_of_2_1_is_heard_and_not_answered(make_node: NodeMaker) -> None:
    async with make_node() as node, station(node.gateway.port, "CP1", "2.1") as double:
        stream = {
            "id": 1,
            "pending": 0,
            "basetime": "2026-03-02T12:00:00Z",
            "data": [{"t": 0.0, "v": "16.0"}],
        }
        await double.send_text(json.dumps([6, "s1", "NotifyPeriodicEventStream", stream]))
        await node.until(lambda: node.script.sent)
        assert node.script.sent == ["NotifyPeriodicEventStream"]
        assert double.errors == []

"""The live feed: in step, without gaps, whatever the client does. Over real sockets, and the slow ones by
hand.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ampacity.api.live import LiveFeed, difference
from ampacity.model.live import CircuitView, EvseView, LiveDelta, LiveSnapshot, SiteView

from .node import Node, Peer, running_node

LIVE = "/api/v1/live?site=work"
MESSAGE: msgspec.json.Decoder[LiveSnapshot | LiveDelta] = msgspec.json.Decoder(LiveSnapshot | LiveDelta)


async def watch(node: Node, path: str = LIVE, role: Any = "viewer", **headers: str) -> ClientConnection:
    """A program that watches."""
    headers = {"authorization": f"Bearer {await node.key(role)}", **headers}
    return await connect(node.socket_url(path), additional_headers=headers, compression=None)


async def read(socket: ClientConnection) -> LiveSnapshot | LiveDelta:
    """Its next message."""
    async with asyncio.timeout(30):
        return MESSAGE.decode(await socket.recv())


def applied(site: SiteView, delta: LiveDelta) -> SiteView:
    """What a client makes of a delta."""
    circuits = {circuit.circuit_id: circuit for circuit in (*site.circuits, *delta.circuits)}
    evses = {(evse.station_id, evse.evse_id): evse for evse in (*site.evses, *delta.evses)}
    return msgspec.structs.replace(
        site,
        at=delta.at,
        strategy=delta.strategy,
        overloaded=delta.overloaded,
        base_power_w=delta.base_power_w,
        ev_power_w=delta.ev_power_w,
        limit_power_w=delta.limit_power_w,
        circuits=tuple(circuits[circuit.circuit_id] for circuit in site.circuits),
        evses=tuple(evses[evse.station_id, evse.evse_id] for evse in site.evses),
    )


async def test_a_snapshot_then_deltas_without_a_gap(node: Node) -> None:
    async with await watch(node) as socket:
        first = await read(socket)
        assert isinstance(first, LiveSnapshot)
        site, seq = first.site, first.seq
        peer = node.peer("CP-1")
        await peer.connect()
        transaction_id = await peer.start()
        await peer.meter(transaction_id, 1500.0, 7000.0)
        touched: set[str] = set()
        while site.evses[0].power_w != 7000.0:
            delta = await read(socket)
            assert isinstance(delta, LiveDelta)
            seq += 1
            assert delta.seq == seq
            touched |= {evse.station_id for evse in delta.evses}
            site = applied(site, delta)
        assert site.evses[0].session is not None
        assert touched == {"CP-1"}  # only what changed travels


async def test_two_clients_get_the_same_frames(node: Node) -> None:
    async with await watch(node) as one, await watch(node) as two:
        first, second = await read(one), await read(two)
        seen_one, seen_two = {first.seq: first}, {second.seq: second}
        for _ in range(3):
            for socket, seen in ((one, seen_one), (two, seen_two)):
                message = await read(socket)
                seen[message.seq] = message
        both = {s for s in seen_one if isinstance(seen_one[s], LiveDelta)} & {
            s for s in seen_two if isinstance(seen_two[s], LiveDelta)
        }
        assert len(both) >= 2
        assert all(seen_one[seq] == seen_two[seq] for seq in both)


async def test_any_text_asks_for_a_snapshot(node: Node) -> None:
    async with await watch(node) as socket:
        await read(socket)
        await socket.send("again")
        messages = [await read(socket)]
        while not isinstance(messages[-1], LiveSnapshot):
            messages.append(await read(socket))
        following = await read(socket)
        assert isinstance(following, LiveDelta)
        assert following.seq == messages[-1].seq + 1


async def test_nobody_watches_nothing_is_followed(node: Node) -> None:
    async with await watch(node) as socket:
        await read(socket)
        assert len(node.site._watchers) == 1
    left = asyncio.Event()
    node.site.on_change(left.set)
    async with asyncio.timeout(30):
        while len(node.site._watchers) > 1:
            left.clear()
            await left.wait()


async def drained(socket: ClientConnection) -> None:
    """Read until the node ends the socket."""
    async with asyncio.timeout(30):
        while True:
            await socket.recv()


async def closed(socket: ClientConnection) -> int:
    """The close code that the node ends a socket with."""
    with pytest.raises(ConnectionClosed) as caught:
        await drained(socket)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


async def test_who_may_not_watch_is_told(node: Node) -> None:
    for headers in ({}, {"authorization": "Bearer amp_a_b"}):
        async with connect(node.socket_url(LIVE), additional_headers=headers) as socket:
            assert await closed(socket) == 4401
    for site in ("nowhere", "theirs", ""):
        async with await watch(node, f"/api/v1/live?site={site}") as socket:
            assert await closed(socket) == 4404
    with pytest.raises(InvalidStatus) as refused:
        await watch(node, origin="http://evil.example")
    assert refused.value.response.status_code == 403


async def test_a_browser_watches_by_its_cookie_from_its_own_page_only(node: Node) -> None:
    browser = await node.as_person("anna", "viewer")
    cookie = f"ampacity_session={browser.cookies['ampacity_session']}"
    headers = {"cookie": cookie, "origin": node.server.url}
    async with connect(node.socket_url(LIVE), additional_headers=headers) as socket:
        assert isinstance(await read(socket), LiveSnapshot)
    headers["origin"] = "http://127.0.0.1:9"
    with pytest.raises(InvalidStatus):
        await connect(node.socket_url(LIVE), additional_headers=headers)


async def test_a_feed_ends_when_its_key_is_revoked(node: Node) -> None:
    key, row = await node.access.make_key("screen", "viewer", "test")
    headers = {"authorization": f"Bearer {key}"}
    async with connect(node.socket_url(LIVE), additional_headers=headers) as socket:
        await read(socket)
        await node.access.revoke_key(row.prefix, "test")
        assert await closed(socket) == 4401


async def test_the_tail_shows_each_frame_as_it_passes(node: Node) -> None:
    peer: Peer = node.peer("CP-1")
    await peer.connect()
    other = node.peer("CP-2")
    await other.connect()
    async with await watch(node, "/api/v1/stations/CP-1/messages/live") as socket:
        ping = await socket.ping()
        await ping  # the node has accepted; its subscription follows in the same turn
        seen = asyncio.create_task(socket.recv())
        while not seen.done():
            other.frame("in", '[2,"x","Heartbeat",{}]')
            peer.frame("in", '[2,"a1","Heartbeat",{}]')
            await asyncio.wait({seen}, timeout=0.05)
        shown = msgspec.json.decode(seen.result())
        assert (shown["direction"], shown["action"]) == ("in", "Heartbeat")
        assert shown["frame"] == '[2,"a1","Heartbeat",{}]'
    async with await watch(node, "/api/v1/stations/XX-1/messages/live") as socket:
        assert await closed(socket) == 4404


async def test_stopping_the_node_closes_the_feeds(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        socket = await watch(node)
        await read(socket)
        await node.server.stop()
        assert await closed(socket) == 1012


# ---------------------------------------------------------------- by hand: a site that changes when told


def circuit(**change: Any) -> CircuitView:
    return msgspec.structs.replace(
        CircuitView(
            circuit_id="grid",
            name="Main",
            parent_id=None,
            rating_a=100.0,
            limit_a=100.0,
            limit_source="rating",
            meter_state="none",
            metered_a=None,
            base_a=(0.0, 0.0, 0.0),
            ev_a=(0.0, 0.0, 0.0),
            reserve_a=(0.0, 0.0, 0.0),
            margin_a=0.0,
        ),
        **change,
    )


def evse(number: int, **change: Any) -> EvseView:
    return msgspec.structs.replace(
        EvseView(
            station_id=f"CP-{number}",
            evse_id=1,
            label="",
            circuit_id="grid",
            phases=(0,),
            max_a=32.0,
            dc=False,
            status="Available",
            online=True,
            version="1.6",
            vendor=None,
            grant_a=None,
            grant_w=None,
            measured_a=(0.0, 0.0, 0.0),
            power_w=0.0,
            reserve_a=0.0,
            session=None,
            reasons=(),
        ),
        **change,
    )


class ToldSite:
    """A runtime whose view is set by the test."""

    def __init__(self, node: Node) -> None:
        self.now = node.site.view()
        self.now = msgspec.structs.replace(
            self.now, circuits=(circuit(),), evses=tuple(evse(n) for n in range(50))
        )
        self.callbacks: list[Any] = []

    def view(self) -> SiteView:
        return self.now

    def on_change(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def power(self, number: int, power_w: float) -> None:
        evses = list(self.now.evses)
        evses[number] = evse(number, power_w=power_w)
        self.now = msgspec.structs.replace(self.now, evses=tuple(evses))
        for callback in self.callbacks:
            callback()


async def test_a_slow_client_gets_a_snapshot_and_never_a_growing_queue(node: Node) -> None:
    site = ToldSite(node)
    feed = LiveFeed(site, interval_s=0.0, queue=4)  # type: ignore[arg-type]
    quick, slow = feed.join(), feed.join()
    for watcher in (quick, slow):
        assert isinstance(MESSAGE.decode(await watcher.receive()), LiveSnapshot)
    for step in range(1, 21):
        site.power(step % 50, float(step))
        async with asyncio.timeout(30):
            delta = MESSAGE.decode(await quick.receive())
        assert isinstance(delta, LiveDelta)
        assert delta.seq == step
        assert [view.power_w for view in delta.evses] == [float(step)]
        assert len(slow._frames) <= 4
    caught_up = MESSAGE.decode(await slow.receive())
    assert isinstance(caught_up, LiveSnapshot)
    assert caught_up.seq == 20
    assert caught_up.site == site.now
    site.power(3, 99.0)
    following = MESSAGE.decode(await slow.receive())
    assert isinstance(following, LiveDelta)
    assert following.seq == 21
    feed.leave(quick)
    assert site.callbacks
    feed.leave(slow)
    assert not site.callbacks


async def test_changes_within_the_interval_travel_together(node: Node) -> None:
    site = ToldSite(node)
    feed = LiveFeed(site, interval_s=0.05, queue=4)  # type: ignore[arg-type]
    watcher = feed.join()
    await watcher.receive()
    for step in range(10):
        site.power(step, 1.0)
    delta = MESSAGE.decode(await watcher.receive())
    assert isinstance(delta, LiveDelta)
    assert len(delta.evses) == 10
    assert delta.seq == 1
    feed.close()


async def test_a_rebuilt_site_is_a_snapshot(node: Node) -> None:
    site = ToldSite(node)
    feed = LiveFeed(site, interval_s=0.0, queue=4)  # type: ignore[arg-type]
    watcher = feed.join()
    await watcher.receive()
    before = site.now
    site.now = msgspec.structs.replace(site.now, evses=site.now.evses[:-1])
    assert difference(before, site.now, 1) is None
    for callback in site.callbacks:
        callback()
    message = MESSAGE.decode(await watcher.receive())
    assert isinstance(message, LiveSnapshot)
    assert (message.seq, len(message.site.evses)) == (1, 49)
    feed.close()

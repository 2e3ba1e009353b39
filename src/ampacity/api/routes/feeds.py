"""The WebSockets: a site's live feed, and the live tail of a station's raw messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Router, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath

from ...access.principal import Principal
from ...model.events import MessagePassed
from ...store import StoreUnavailable
from ..guard import NOT_FOUND, NOT_SIGNED_IN, admit_socket, context_of
from ..live import LiveFeeds
from ..views_stations import MessageView

Socket = WebSocket[Any, Any, Any]

TAIL_LIMIT = 500

_encoder = msgspec.json.Encoder()


class Superseded(Exception):
    """Whoever watches may no longer."""


async def _recheck(socket: Socket, principal: Principal) -> None:
    """Raise Superseded once the principal may no longer in: a feed outlives the request that opened it."""
    api = context_of(socket)
    while True:
        await asyncio.sleep(api.settings.recheck_s)
        try:
            now = await api.access.still_valid(principal)
        except StoreUnavailable:  # who watched may go on until it can be asked
            continue
        if now is None or not now.may("read"):
            raise Superseded


async def _listen(socket: Socket, on_text: Callable[[str], None]) -> None:
    while True:
        on_text(await socket.receive_data(mode="text"))


async def _pump(socket: Socket, receive: Callable[[], Awaitable[str]]) -> None:
    while True:
        await socket.send_data(await receive(), mode="text")


async def serve(
    socket: Socket,
    principal: Principal,
    receive: Callable[[], Awaitable[str]],
    on_text: Callable[[str], None] = lambda text: None,
) -> None:
    """Send what `receive` gives until the client goes or may no longer watch. Pings are the server's."""
    tasks = {
        asyncio.create_task(_pump(socket, receive)),
        asyncio.create_task(_listen(socket, on_text)),
        asyncio.create_task(_recheck(socket, principal)),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        error = task.exception()
        if isinstance(error, Superseded):
            await socket.close(code=NOT_SIGNED_IN, reason="Signed out.")
        elif error is not None and not isinstance(error, WebSocketDisconnect):
            # The client went while something was being sent: every server spells that its own way.
            continue


@websocket("/live", opt={"socket": True})
async def live(socket: Socket) -> None:
    """`?site=ID`: a snapshot, then deltas, each with the next `seq`. Any text asks for a new snapshot."""
    principal = await admit_socket(socket)
    if principal is None:
        return
    api = context_of(socket)
    site_id = socket.query_params.get("site", "")
    runtime = api.sites.get(site_id)
    if runtime is None or runtime.site.operator_id != principal.operator_id:
        await socket.close(code=NOT_FOUND, reason=f"There is no site {site_id[:40]!r}.")
        return
    feeds: LiveFeeds = socket.app.state.feeds
    feed = feeds.of(runtime)
    watcher = feed.join()
    try:
        await serve(socket, principal, watcher.receive, lambda text: watcher.resync())
    finally:
        feed.leave(watcher)


class Tail:
    """A station's frames as they pass, the newest `limit` of them where the client is slow."""

    def __init__(self, operator_id: str, station_id: str, limit: int = TAIL_LIMIT) -> None:
        self._operator_id = operator_id
        self._station_id = station_id
        self._frames: deque[MessagePassed] = deque(maxlen=limit)
        self._ready = asyncio.Event()

    def take(self, event: MessagePassed) -> None:
        """A frame of any station passed."""
        if event.station_id == self._station_id and event.operator_id == self._operator_id:
            self._frames.append(event)
            self._ready.set()

    async def receive(self) -> str:
        """The next one, encoded as MessageView."""
        await self._ready.wait()
        event = self._frames.popleft()
        if not self._frames:
            self._ready.clear()
        view = MessageView(
            message_log_id=0,
            station_id=event.station_id,
            at=event.at,
            direction="in" if event.direction == "in" else "out",
            action=action_of(event.frame),
            message_id=message_id_of(event.frame),
            frame=event.frame,
        )
        return _encoder.encode(view).decode()


def action_of(frame: str) -> str | None:
    """The action that a CALL or SEND names; None for answers and for what is no OCPP frame."""
    try:
        parts = msgspec.json.decode(frame, type=list[msgspec.Raw])
        kind = msgspec.json.decode(parts[0]) if parts else None
        return msgspec.json.decode(parts[2], type=str) if kind in (2, 6) else None
    except (msgspec.DecodeError, IndexError):
        return None


def message_id_of(frame: str) -> str | None:
    """What a CALL and its answer share; None for what is no OCPP frame."""
    try:
        return msgspec.json.decode(msgspec.json.decode(frame, type=list[msgspec.Raw])[1], type=str)
    except (msgspec.DecodeError, IndexError):
        return None


@websocket("/stations/{station_id:str}/messages/live", opt={"socket": True})
async def messages(socket: Socket, station_id: FromPath[str]) -> None:
    """Each raw frame of a station as it passes, as a MessageView."""
    principal = await admit_socket(socket)
    if principal is None:
        return
    api = context_of(socket)
    state = api.csms.station(station_id)
    if state is None or state.operator_id != principal.operator_id:
        await socket.close(code=NOT_FOUND, reason=f"There is no station {station_id[:40]!r}.")
        return
    tail = Tail(principal.operator_id, station_id)
    end = api.bus.subscribe(MessagePassed, tail.take)
    try:
        await serve(socket, principal, tail.receive)
    finally:
        end()


router = Router("/", route_handlers=[live, messages])

"""The API's socket, within the node's event loop: uvicorn as a task that leaves signals to the node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from litestar import Litestar


class AddressTaken(Exception):
    """Another program listens at this address."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen at {host}:{port}: {reason}. Choose another port, or end what listens there."
        )
        self.host = host
        self.port = port


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._told = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        # Uvicorn looks ten times a second whether it shall end; this wakes for the date of the answers only.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._told.wait()

    def end(self) -> None:
        """Stop serving, at once."""
        self.should_exit = True
        self._told.set()


class HttpServer:
    """Serves `app` from `start()` to `stop()`. Port 0 takes a free one; `port` and `url` tell which."""

    def __init__(self, app: Litestar, host: str = "127.0.0.1", port: int = 8080) -> None:
        self._app = app
        self._host = host
        self._asked_port = port
        self._task: asyncio.Task[None] | None = None
        self._server: _Server | None = None
        self.port = port

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen and answer. Raises AddressTaken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listener = socket.create_server((self._host, self._asked_port), family=family, backlog=512)
        except OSError as error:
            raise AddressTaken(self._host, self._asked_port, error.strerror or str(error)) from error
        # Its connections inherit this, and asyncio does not set it on them. Without it the body of an answer
        # waits for the client's receipt of its head: 40 ms each time.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            # The feed is small JSON once a second for many: compressing it for each costs more than it saves.
            ws_per_message_deflate=False,
            ws_max_size=4096,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=15,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listener]), name="http server")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({up, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            up.cancel()
            listener.close()
            await self._task
            raise RuntimeError("the HTTP server ended while it started: its log says why")

    async def stop(self) -> None:
        """Close each connection, at the latest after two seconds."""
        if self._task is None or self._server is None:
            return
        self._server.end()
        await self._task
        self._task = None

"""A door of its own for files, where stations must not come near the API: a port, with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn

from .settings import FilesSettings


class FilesPortTaken(OSError):
    """Another program listens where files were to be served."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot serve files at {host}:{port}: {reason}. Set files.port to a free one, or leave it out."
        )


class _Server(uvicorn.Server):
    """Leaves signals to the node."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class FilesListener:
    """Serves `app` from `start` to `stop` at `settings.host` and `settings.port` (0: any free one; `url`
    tells which). `tls` is how it speaks TLS, None for plain HTTP.
    """

    def __init__(self, app: Any, settings: FilesSettings, tls: ssl.SSLContext | None) -> None:
        self._app = app
        self._settings = settings
        self._tls = tls
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = settings.port or 0

    @property
    def url(self) -> str:
        """Where a program on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._settings.host, self._settings.host)
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}/files"

    async def start(self) -> None:
        """Listen and answer. Raises FilesPortTaken."""
        host = self._settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, self._settings.port or 0), family=family, backlog=256)
        except OSError as error:
            raise FilesPortTaken(host, self._settings.port or 0, error.strerror or str(error)) from error
        # Its connections inherit this, and asyncio does not set it on them. Without it the body of an answer
        # waits for the client's receipt of its head: 40 ms each time.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,  # addresses are secrets
            lifespan="off",
            interface="asgi3",
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=15,
        )
        config.load()
        config.ssl = self._tls
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listener]), name="file server")

    async def stop(self) -> None:
        """Close each connection, at the latest after two seconds."""
        if self._task is None or self._server is None:
            return
        self._server.should_exit = True
        await self._task
        self._task = None


def tls_context(settings: FilesSettings) -> ssl.SSLContext | None:
    """TLS 1.3, and 1.2 with the suites that OCPP names for stations (A00.FR.318) and their kin with forward
    secrecy; None where no certificate is set.
    """
    if settings.certfile is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(settings.certfile, settings.keyfile)
    return context

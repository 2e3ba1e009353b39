"""Takes connections from the kernel, at the pace that the gateway can bear.

A TLS handshake costs as much CPU as thirty messages. When ten thousand stations come back at once, those that
are connected must not wait behind them. So connections are taken a few at a time, and only as fast as the
`Bucket` of handshakes says; the others wait in the kernel's queue, where they cost nothing and lose nothing.
Who gave up while it waited there is seen before its handshake, and costs one system call.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from .rates import Bucket
from .transport import Door

log = logging.getLogger(__name__)

BACKLOG = 4096
AT_ONCE = 4
"""Connections taken in one turn of the event loop: about 3 ms of handshakes, then others have their turn."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_S = 0.025
"""Looking away from a socket and back costs as much as a tenth of a handshake: so not for each one."""
_RETRY_S = 1.0


class Acceptor:
    """Listens on bound sockets from the moment it is made, and takes connections after `start`."""

    def __init__(
        self,
        listening: list[socket.socket],
        pace: Bucket,
        door: Door,
        welcome: Callable[[socket.socket, str], Coroutine[Any, Any, None]],
    ) -> None:
        self._listening = listening
        self._pace = pace
        self._door = door
        self._welcome = welcome
        self._handshakes: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.port = int(listening[0].getsockname()[1])

    def start(self) -> None:
        """Take connections."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for listening in self._listening:
            loop.add_reader(listening.fileno(), self._readable, listening)

    def close(self) -> None:
        """Take what waits in the kernel's queue (closing would reset it), then stop listening."""
        self._stop_reading()
        for listening in self._listening:
            while True:
                try:
                    connection, address = listening.accept()
                except OSError:
                    break
                self._take(connection, address)
            listening.close()
        self._listening = []

    def _readable(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(AT_ONCE):
            wait_s = self._pace.late(loop.time())
            if wait_s > 0.0:
                self._wait(max(wait_s, _PAUSE_S))
                return
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                log.error("no more connections can be taken for now: %s", error)
                self._wait(_RETRY_S)
                return
            self._pace.take(loop.time())
            self._take(connection, address)

    def _take(self, connection: socket.socket, address: Any) -> None:
        connection.setblocking(False)
        if self._door.shuns(str(address[0]), asyncio.get_running_loop().time()) or _has_gone(connection):
            connection.close()
            return
        task = asyncio.ensure_future(self._welcome(connection, f"{address[0]}:{address[1]}"))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def _wait(self, seconds: float) -> None:
        self._stop_reading()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.start)

    def _stop_reading(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.remove_reader(listening.fileno())


def _has_gone(connection: socket.socket) -> bool:
    """Whether the other end has closed already: it waited too long for us."""
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True

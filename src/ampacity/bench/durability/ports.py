"""A TCP port that a server can come back to after it was killed."""

from __future__ import annotations

import contextlib
import random
import socket


def lasting_port() -> int:
    """A free port of the loopback address out of a range that the kernel gives to nobody by itself (its own
    choices begin at 32768). A port of the kernel's range may be somebody's before the server is back: even
    that of a client that tries to connect to it, and so meets itself.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port

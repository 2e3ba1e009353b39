"""What every way to a meter looks like: open, read as often as it is asked, close."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from ...bus import Bus
from ...clock import Clock
from ...model.site import MeterConfig
from .told import Told


class Source(Protocol):
    """A way to one meter. Troubles of all kinds are MeterTrouble; after one it is closed and opened again."""

    paced: bool
    """Whether a reading is asked for each interval; else it comes when the meter tells it."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def read(self) -> Told:
        """The next reading."""
        ...

    async def close(self) -> None:
        """Let go. Never raises, whatever state it is in."""
        ...


class Around(Struct, frozen=True, kw_only=True):
    """What a source may need of its surroundings. `password` is the open text; `bus` and `operator_id` are
    for meters that are stations.
    """

    clock: Clock
    password: str = ""
    bus: Bus | None = None
    operator_id: str = ""
    voltage_v: float = 230.0


Opener = Callable[[MeterConfig, Around], Source]


def tls_context(ca_pem: str) -> ssl.SSLContext:
    """TLS 1.2 or later; trusts `ca_pem`, or the machine's authorities where it is empty. ValueError for a
    text that holds no certificate.
    """
    try:
        context = ssl.create_default_context(cadata=ca_pem or None)
    except ssl.SSLError as problem:
        raise ValueError(f"ca_pem holds no certificate that can be read: {problem}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

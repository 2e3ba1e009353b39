"""permessage-deflate (RFC 7692) without context takeover: what is agreed, and single messages.

A kept context costs about 300 kB a connection, and station messages are small. So both sides start each
message afresh, whatever the station offers; both `no_context_takeover` parameters may be in an answer without
having been offered (7.1.1). An offer is declined, and the next one looked at, when it has a parameter that is
unknown, twice there or out of range, or asks for a window of 256 bytes, which zlib can't make.
"""

from __future__ import annotations

import zlib

from msgspec import Struct

COMPRESS_FROM_BYTES = 256
"""Below this a deflated message is seldom smaller, and never by enough to pay for its CPU."""

_TAIL = b"\x00\x00\xff\xff"
_OUR_WINDOW_BITS = 12
"""4 kB: most of what we send is smaller, and the window is made anew for each message."""


class TooLarge(Exception):
    """Unpacked, the message is larger than it may be."""


class Agreed(Struct, frozen=True):
    """What was agreed. `answer` is the value of our Sec-WebSocket-Extensions header."""

    answer: str
    window_bits: int

    def pack(self, text: str) -> bytes:
        """The payload of a frame with RSV1 set."""
        squeeze = zlib.compressobj(1, zlib.DEFLATED, -self.window_bits, 5)
        return (squeeze.compress(text.encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


def unpack(body: bytes, limit: int) -> bytes:
    """The message of a compressed payload. Raises TooLarge, without unpacking more than `limit` bytes, and
    zlib.error.
    """
    inflate = zlib.decompressobj(wbits=-15)
    message = inflate.decompress(body + _TAIL, limit + 1)
    if len(message) > limit:
        raise TooLarge
    return message


def agree(offers: str) -> Agreed | None:
    """Choose among the offers of a Sec-WebSocket-Extensions header; None: no compression."""
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == "permessage-deflate":
            agreed = _consider(parameters)
            if agreed is not None:
                return agreed
    return None


def _consider(parameters: list[str]) -> Agreed | None:
    seen: set[str] = set()
    bits, told = _OUR_WINDOW_BITS, ""
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name in seen:
            return None
        seen.add(name)
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if equals:
                return None
        elif name == "server_max_window_bits":
            if value not in _WINDOWS or value == "8":
                return None
            bits = min(bits, int(value))
            told = f"; server_max_window_bits={value}"
        elif name == "client_max_window_bits":
            if equals and value not in _WINDOWS:
                return None
        else:
            return None
    return Agreed(
        f"permessage-deflate; server_no_context_takeover; client_no_context_takeover{told}",
        bits,
    )


_WINDOWS = frozenset(str(bits) for bits in range(8, 16))

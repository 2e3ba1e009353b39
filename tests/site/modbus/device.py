"""A Modbus TCP device on loopback whose registers a test sets, and which misbehaves as told.

Frame: transaction id, protocol 0, length, unit, function, data (Modbus Messaging on TCP/IP V1.0b, 3.1.3);
functions 3, 4, 6 and 16 (Modbus Application Protocol V1.1b3, 6.3, 6.4, 6.6, 6.12).
"""

from __future__ import annotations

import asyncio
import struct

HEADER = struct.Struct(">HHHBB")
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2


def floats(start: int, *values: float) -> dict[int, int]:
    """Registers of float32, two each."""
    words = struct.unpack(f">{2 * len(values)}H", struct.pack(f">{len(values)}f", *values))
    return {start + offset: word for offset, word in enumerate(words)}


def numbers(start: int, kind: str, *values: int, low_first: bool = False) -> dict[int, int]:
    """Registers of integers of a struct format (`i`, `I`, `h`, `Q` ...)."""
    found: list[int] = []
    for value in values:
        packed = struct.pack(f">{kind}", value)
        words = struct.unpack(f">{len(packed) // 2}H", packed)
        found += words[::-1] if low_first else words
    return {start + offset: word for offset, word in enumerate(found)}


class ModbusDevice:
    """`holding` and `input` are its registers: one that is not there is refused. `silent`: takes questions
    and answers none. `busy`: refuses everything with that code. `asked` counts questions.
    """

    def __init__(self) -> None:
        self.holding: dict[int, int] = {}
        self.input: dict[int, int] = {}
        self.silent = False
        self.busy = 0
        self.asked = 0
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Break every line."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                header = await reader.readexactly(HEADER.size)
                transaction, _, length, unit, function = HEADER.unpack(header)
                body = await reader.readexactly(length - 2)
                self.asked += 1
                if self.silent:
                    continue
                answer = bytes((function | 0x80, self.busy)) if self.busy else self._answer(function, body)
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, function: int, body: bytes) -> bytes:
        start, count = struct.unpack(">HH", body[:4])
        if function in (3, 4):
            table = self.holding if function == 3 else self.input
            words = [table.get(start + offset) for offset in range(count)]
            known = [word for word in words if word is not None]
            if not 0 < count <= 125 or len(known) != count:
                return bytes((function | 0x80, ILLEGAL_ADDRESS))
            return bytes((function, 2 * count)) + struct.pack(f">{count}H", *known)
        if function == 6:
            return self._write(function, body, {start: count})
        if function == 16:
            words = list(struct.unpack(f">{count}H", body[5 : 5 + 2 * count]))
            return self._write(function, body[:4], {start + i: word for i, word in enumerate(words)})
        return bytes((function | 0x80, ILLEGAL_FUNCTION))

    def _write(self, function: int, echo: bytes, words: dict[int, int]) -> bytes:
        if not words.keys() <= self.holding.keys():
            return bytes((function | 0x80, ILLEGAL_ADDRESS))
        self.holding.update(words)
        return bytes((function,)) + echo

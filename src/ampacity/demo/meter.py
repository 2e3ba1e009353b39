"""The building's meter in the demo: a Modbus TCP device that answers FC 4 with three float32 amperes.

Frame: transaction id, protocol 0, length, unit, function, data (Modbus Messaging on TCP/IP V1.0b, 3.1.3). It
can be made silent, to show what the law does when a meter dies.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from ..model.phases import PerPhase

READ_INPUT_REGISTERS = 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2
HEADER = struct.Struct(">HHHBB")


class MeterServer:
    """Serves `read()` at registers 0..5 on loopback."""

    def __init__(self, read: Callable[[], PerPhase]) -> None:
        self._read = read
        self._server: asyncio.Server | None = None
        self.silent = False
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = await reader.readexactly(HEADER.size)
                transaction, protocol, length, unit, function = HEADER.unpack(header)
                if protocol != 0 or not 2 <= length <= 254:
                    return
                body = await reader.readexactly(length - 2)
                if self.silent:
                    continue
                answer = self._answer(function, body)
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answer(self, function: int, body: bytes) -> bytes:
        if function != READ_INPUT_REGISTERS or len(body) != 4:
            return bytes((function | 0x80, ILLEGAL_FUNCTION))
        start, count = struct.unpack(">HH", body)
        registers = struct.pack(">3f", *self._read())
        if start + count > len(registers) // 2 or not count:
            return bytes((function | 0x80, ILLEGAL_ADDRESS))
        data = registers[2 * start : 2 * (start + count)]
        return bytes((function, len(data))) + data

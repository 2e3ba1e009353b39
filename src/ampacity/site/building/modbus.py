"""Modbus TCP for building management: we are the server (the map: `registers`).

Who is not in the list of allowed addresses is hung up on. Writing is refused unless it was switched on. A
limit falls to its fallback when the heartbeat register was not changed for the watchdog's time. Frame and
functions: Modbus Messaging on TCP/IP V1.0b, 3.1.3; Modbus Application Protocol V1.1b3, 6.3, 6.4, 6.6, 6.12.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import struct
from typing import Final

from ...clock import Clock
from ...store import StoreError
from .limits import BuildingLimits, LimitedSite
from .registers import FIRST_CIRCUIT, HELD, HELD_STRIDE, NO_LIMIT, told_words
from .settings import BuildingSettings

log = logging.getLogger(__name__)

_HEADER: Final = struct.Struct(">HHHBB")
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, FAILED = 1, 2, 3, 4
MOST_REGISTERS: Final = 125
MOST_CLIENTS: Final = 8
IDLE_WALL_S: Final = 300.0


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class BuildingServer:
    """Serves one site. `start`, then it answers until `stop`."""

    def __init__(
        self, site: LimitedSite, limits: BuildingLimits, settings: BuildingSettings, clock: Clock
    ) -> None:
        self._site, self._limits, self._settings, self._clock = site, limits, settings, clock
        self._allowed = [ipaddress.ip_network(text) for text in settings.allow]
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._heartbeat = 0
        self._held: dict[int, int] = {}
        self.port = 0

    async def start(self) -> None:
        """Listen. OSError where the port can't be had."""
        self._server = await asyncio.start_server(
            self._serve, self._settings.modbus_host, self._settings.modbus_port or 0
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.close()

    def _may_speak(self, writer: asyncio.StreamWriter) -> bool:
        peer = writer.get_extra_info("peername")
        address = ipaddress.ip_address(peer[0]) if peer else None
        known = address is not None and any(address in network for network in self._allowed)
        if not known:
            log.warning("building management: %s is not in `allow`, and was hung up on", address)
        return known and len(self._clients) < MOST_CLIENTS

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self._may_speak(writer):
                return
            self._clients.add(writer)
            while True:
                async with asyncio.timeout(IDLE_WALL_S):
                    header = await reader.readexactly(_HEADER.size)
                    transaction, protocol, length, unit, function = _HEADER.unpack(header)
                    if protocol != 0 or not 2 <= length <= 254:
                        return
                    body = await reader.readexactly(length - 2)
                try:
                    answer = bytes((function,)) + await self._answer(function, body)
                except _Refused as refused:
                    answer = bytes((function | 0x80, refused.code))
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            return
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, function: int, body: bytes) -> bytes:
        if function in (3, 4) and len(body) == 4:
            start, count = struct.unpack(">HH", body)
            if not 0 < count <= MOST_REGISTERS:
                raise _Refused(ILLEGAL_VALUE)
            words = self._holding() if function == 3 else self._input()
            found = [words.get(start + offset) for offset in range(count)]
            # Gaps between blocks are told as 0, so that a whole map comes with few questions.
            if start > max(words) or start + count - 1 > max(words):
                raise _Refused(ILLEGAL_ADDRESS)
            return bytes((2 * count,)) + struct.pack(f">{count}H", *(word or 0 for word in found))
        if function == 6 and len(body) == 4:
            address, word = struct.unpack(">HH", body)
            await self._write({address: word})
            return body
        if function == 16 and len(body) >= 7:
            start, count, size = struct.unpack(">HHB", body[:5])
            if size != 2 * count or len(body) != 5 + size or not 0 < count <= 123:
                raise _Refused(ILLEGAL_VALUE)
            words_in = struct.unpack(f">{count}H", body[5:])
            await self._write({start + offset: word for offset, word in enumerate(words_in)})
            return body[:4]
        raise _Refused(ILLEGAL_FUNCTION)

    def _input(self) -> dict[int, int]:
        return told_words(self._site.view(), self._clock.monotonic())

    def _holding(self) -> dict[int, int]:
        words = {0: self._heartbeat}
        for k in range(len(self._site.site.circuits)):
            for offset in range(len(HELD)):
                at = FIRST_CIRCUIT + HELD_STRIDE * k + offset
                words[at] = self._held.get(at, NO_LIMIT)
        return words

    async def _write(self, words: dict[int, int]) -> None:
        """All of it or nothing: every register must be one that takes."""
        if not self._settings.writable:
            raise _Refused(ILLEGAL_FUNCTION)
        if not words.keys() <= self._holding().keys():
            raise _Refused(ILLEGAL_ADDRESS)
        changed = {(at - FIRST_CIRCUIT) // HELD_STRIDE for at in words if at >= FIRST_CIRCUIT}
        self._held.update({at: word for at, word in words.items() if at >= FIRST_CIRCUIT})
        try:
            for k in sorted(changed):
                await self._limit(k)
            if 0 in words and words[0] != self._heartbeat:
                self._heartbeat = words[0]
                await self._limits.beat()
        except StoreError as problem:
            log.warning("building management: a limit can't be kept: %s", problem)
            raise _Refused(FAILED) from None

    async def _limit(self, k: int) -> None:
        at = FIRST_CIRCUIT + HELD_STRIDE * k
        circuit_id = self._site.site.circuits[k].circuit_id
        limit, back = self._held.get(at, NO_LIMIT), self._held.get(at + 1, NO_LIMIT)
        if limit == NO_LIMIT:
            await self._limits.withdraw(circuit_id)
        else:
            await self._limits.set(circuit_id, limit / 10.0, None if back == NO_LIMIT else back / 10.0)

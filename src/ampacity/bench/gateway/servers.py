"""The servers of the gateway benchmark as processes, and what the kernel says that they cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ..report import BenchFailed

START_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
SETTLE_LIMIT_S = 120.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ServerFailed(BenchFailed):
    """A server of the benchmark is not there, did not start, or ended by itself."""


class Server:
    """A running server. Make it with `start`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.port = 0
        self._process = process

    @classmethod
    async def start(cls, name: str, *command: str | Path) -> Server:
        """Run `command` and wait for its port. Raises ServerFailed."""
        process = await asyncio.create_subprocess_exec(
            *(str(word) for word in command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        server = cls(name, process)
        try:
            server.port = (await server._heard(START_LIMIT_S))["port"]
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()
            raise
        return server

    @property
    def pid(self) -> int:
        """The process, for a profiler to attach to."""
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all its threads until now, in user and kernel mode; exact to a hundredth."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def cpu_since(self, before_s: float) -> float:
        """CPU seconds used since `before_s`; never less than the clock can tell, so that a rate is a rate."""
        return max(self.cpu_s - before_s, 1 / _TICKS_PER_S)

    @property
    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def settle(self) -> int:
        """Let it finish what it put off; returns the messages that it keeps in its journal (0: none)."""
        return int((await self.ask("settle"))["kept"])

    async def ask(self, order: str) -> dict[str, Any]:
        """Say one of the words that it obeys; returns its answer. Raises ServerFailed."""
        self._say(order.encode() + b"\n")
        return await self._heard(SETTLE_LIMIT_S)

    async def stop(self) -> None:
        """End it; by force when it does not."""
        try:
            # To the pipes' end: else they are closed after their event loop.
            await asyncio.wait_for(self._process.communicate(b"stop\n"), STOP_LIMIT_S)
        except (TimeoutError, ConnectionError):
            self._process.kill()
            await self._process.communicate()

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    async def _heard(self, limit_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), limit_s)
        except TimeoutError:
            raise ServerFailed(f"the {self.name} server says nothing for {limit_s:g} s") from None
        if not line:
            raise ServerFailed(f"the {self.name} server has ended: its own message is above")
        return dict(json.loads(line))


def peer_programs() -> tuple[Path, Path]:
    """(the interpreter of the peer's environment, the peer's program). Raises ServerFailed."""
    python = Path(os.environ.get("AMPACITY_PEERS", "")) / "gateway/bin/python"
    program = Path(__file__).parents[4] / "bench/peers/gateway_peer.py"
    for path in (python, program):
        if not path.exists():
            raise ServerFailed(
                f"{path} is not there: run './dev bench gateway' in a checkout, which installs the peer"
            )
    return python, program


async def make_certificate(python: Path, program: Path, folder: Path) -> tuple[Path, Path]:
    """A new self-signed ECDSA certificate and its key in `folder`.

    The peer's environment makes it: the product itself needs no library for certificates yet.
    """
    process = await asyncio.create_subprocess_exec(python, program, "certificate", folder)
    if await asyncio.wait_for(process.wait(), START_LIMIT_S) != 0:
        raise ServerFailed("no certificate could be made: the reason is above")
    return folder / "certificate.pem", folder / "key.pem"

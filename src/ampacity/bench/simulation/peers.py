"""The rival simulators as processes of their own interpreter: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..report import BenchFailed

START_LIMIT_S = 60.0
ANSWER_LIMIT_S = 240.0
_READ_BYTES = 1 << 16
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Linear algebra in one thread: the rivals multiply small matrices, which several threads make slower
(ACN-Sim two and a half times on two cores)."""


class PeerFailed(BenchFailed):
    """A rival isn't installed, ended by itself, or answered nothing in time."""


class Peer:
    """A running rival; make one with `running`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self._process = process
        self._rest = b""

    def ask(self, task: dict[str, Any], limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        """Its answer to a task. Raises PeerFailed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerFailed(f"{self.name} has ended: its own message is above") from None
        answer: dict[str, Any] = json.loads(self._line(limit_s))
        return answer

    def _line(self, limit_s: float) -> bytes:
        """The next line of its output. It may print other things before, which aren't JSON objects."""
        assert self._process.stdout is not None
        until = time.monotonic() + limit_s
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                line, found, rest = self._rest.partition(b"\n")
                if found:
                    self._rest = rest
                    if line.startswith(b"{"):
                        return line
                    continue
                if not waiting.select(max(0.0, until - time.monotonic())):
                    raise PeerFailed(f"{self.name} answered nothing within {limit_s:g} s")
                got = os.read(self._process.stdout.fileno(), _READ_BYTES)
                if not got:
                    raise PeerFailed(f"{self.name} has ended: its own message is above")
                self._rest += got


@contextmanager
def running(name: str, program: str) -> Iterator[Peer]:
    """The rival `name`, whose program is a file of bench/peers. Raises PeerFailed."""
    python = Path(os.environ.get("AMPACITY_PEERS", "")) / "simulation/bin/python"
    script = Path(__file__).parents[4] / "bench/peers" / program
    for path in (python, script):
        if not path.exists():
            raise PeerFailed(
                f"{path} is not there: run './dev bench simulation' in a checkout, which installs the peers"
            )
    process = subprocess.Popen(
        [str(python), "-W", "ignore", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD},
    )
    try:
        yield Peer(name, process)
    finally:
        process.kill()
        process.communicate()

"""Run as a program: dies again and again while it writes.

Each line on stdin is `prefix seconds`. A child is forked that writes journal rows from 16 tasks and tells
each retry key on stdout once its write returned; after `seconds` it is killed, and `died` is told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime

from ampacity.clock import WallClock
from ampacity.store import Store, journal
from ampacity.store.transactions import next_wire_ids


async def main(path: str, prefix: str) -> None:
    store = await Store.open(path, WallClock())

    async def write(task: int) -> None:
        number = 0
        while True:
            key = f"{prefix}-{number}"

            def unit(connection, key=key):
                entry = journal.JournalEntry(
                    id=journal.last_id(connection) + 1,
                    operator_id="op",
                    station_id=f"CP{task}",
                    received_at=datetime.now(UTC),
                    version="1.6",
                    action="MeterValues",
                    kind="Updated",
                    at=datetime.now(UTC),
                    retry_key=key,
                    transaction_id=None,
                    payload=b"{}",
                )
                journal.add(connection, entry)
                return next_wire_ids(connection, "op")[0]

            wire_id = await store.write(unit)
            os.write(1, f"CP{task} {key} {wire_id}\n".encode())
            number += 1

    await asyncio.gather(*(write(task) for task in range(16)))


for line in sys.stdin:
    prefix, seconds = line.split()
    child = os.fork()
    if child == 0:
        asyncio.run(main(sys.argv[1], prefix))
    time.sleep(float(seconds))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.write(1, b"\ndied\n" if os.WTERMSIG(status) == signal.SIGKILL else b"\nended by itself\n")

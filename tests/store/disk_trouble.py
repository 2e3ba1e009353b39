"""Run as a program: writes until the file may not grow any more, then gives room; prints what happened as
JSON.

The limit on the size of files makes the system call fail as a full disk does, without one.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from datetime import UTC, datetime

from sqlalchemy import text

from ampacity.clock import WallClock
from ampacity.store import Store, StoreSettings, StoreTrouble, StoreUnavailable, journal


def record(number: int) -> journal.JournalEntry:
    return journal.JournalEntry(
        id=number + 1,
        operator_id="op",
        station_id="CP1",
        received_at=datetime.now(UTC),
        version="1.6",
        action="MeterValues",
        kind="Updated",
        at=datetime.now(UTC),
        retry_key=str(number),
        transaction_id=None,
        payload=b"x" * 3000,
    )


async def main(path: str) -> None:
    store = await Store.open(path, WallClock(), StoreSettings(retry_s=0.05))
    events: list[StoreTrouble] = []
    recovered = asyncio.Event()

    def told(event: StoreTrouble) -> None:
        events.append(event)
        if event.kind == "recovered":
            recovered.set()

    store.on_trouble(told)
    size = os.stat(path + "-wal").st_size + 2_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    acknowledged: list[str] = []
    refused: list[str] = []
    error = ""
    for number in range(1000):
        message = record(number)
        try:
            await store.write(lambda connection, message=message: journal.add(connection, message))
            acknowledged.append(message.retry_key)
        except StoreUnavailable as trouble:
            refused.append(message.retry_key)
            error = str(trouble)
            if len(refused) == 5:
                break
    await store.write(lambda connection: connection.execute(text("DELETE FROM journal WHERE 1 = 0")))
    troubled = store.troubled  # still: what writes nothing says nothing of the disk
    readable = await store.read(lambda connection: len(journal.entries(connection, "op")))
    posted = record(5000)
    store.post(lambda connection: journal.add(connection, posted))
    async with asyncio.timeout(30):
        while store.figures.failed_commits <= len(refused):  # noqa: ASYNC110 (an attempt at the post fails, too)
            await asyncio.sleep(0.02)
    failed_before = store.figures.failed_commits
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await asyncio.wait_for(recovered.wait(), 30)  # by the waiting post, without anybody asking
    last = record(9999)
    await store.write(lambda connection: journal.add(connection, last))
    acknowledged.append(last.retry_key)
    kept = await store.read(
        lambda connection: [entry.retry_key for entry in journal.entries(connection, "op")]
    )
    await store.close()
    print(  # noqa: T201
        json.dumps(
            {
                "acknowledged": acknowledged,
                "refused": refused,
                "kept": kept,
                "readable": readable,
                "troubled": troubled,
                "failed_before": failed_before,
                "kinds": [event.kind for event in events],
                "error": error,
                "failed_posts": store.figures.failed_posts,
            }
        )
    )


asyncio.run(main(sys.argv[1]))

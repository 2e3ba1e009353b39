"""Our side of the gateway benchmark: `python -m ampacity.bench.gateway.server FOLDER CERTIFICATE KEY`.

The real thing as a node runs it, less API and sites: gateway, CSMS, SQLite with synchronous=FULL, the raw
message log, samples and rollups derived from the journal. Default settings but for two: stations and tokens
that nobody entered are let in.

It prints its port as a JSON line, then obeys lines on its standard input: `settle` catches up with all that
was put off, so that its cost is measured too, and answers with the rows of the journal; `stop` (or the end of
the input) ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from ...bus import LocalBus
from ...clock import WallClock
from ...csms.service import Csms
from ...csms.settings import CsmsSettings
from ...gateway import Gateway, GatewaySettings
from ...node import calm_garbage_collector
from ...store import Store, StoreSettings, housekeeping
from ...store.messages import WRITE_EVERY_S
from ...store.tables import journal


async def serve(folder: Path, certificate: Path, key: Path) -> None:
    """Run until told to stop."""
    clock, bus = WallClock(), LocalBus()
    settings = StoreSettings()
    store = await Store.open(folder / "ampacity.db", clock, settings)
    csms = Csms(store, bus, clock, CsmsSettings(admit_unknown=True, unknown_tokens="accept"))
    await csms.start()
    gateway = Gateway(
        GatewaySettings(host="127.0.0.1", ocpp_port=0, certfile=str(certificate), keyfile=str(key)),
        bus,
        clock,
        csms.credentials,
        csms,
        csms.record,
    )
    calm_garbage_collector()
    upkeep = asyncio.create_task(housekeeping.run(store))
    await gateway.start()
    _tell({"port": gateway.port})
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while (await orders.readline()).strip() == b"settle":
        # What the message log gathers is posted by its timer, and the post rides with the next write.
        await asyncio.sleep(WRITE_EVERY_S + settings.post_s)
        await csms.written()
        await store.flush()
        _tell({"kept": await store.read(_kept)})
    await gateway.stop()
    upkeep.cancel()
    await asyncio.gather(upkeep, return_exceptions=True)
    await csms.stop()
    await store.close()


def _kept(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(journal)).scalar_one())


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """The process's life."""
    folder, certificate, key = (Path(word) for word in arguments)
    with asyncio.Runner() as runner:
        runner.run(serve(folder, certificate, key))


if __name__ == "__main__":
    main(sys.argv[1:])

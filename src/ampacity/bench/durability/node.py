"""A node that is killed: gateway, CSMS and store on a database, in a process of its own.

python -m ampacity.bench.durability.node DATABASE PORT      prints the port (0: any) and serves
"""

from __future__ import annotations

import asyncio
import sys

from ...bus import LocalBus
from ...clock import WallClock
from ...csms.service import Csms
from ...gateway import Gateway, GatewaySettings
from ...store import Store
from .drive import csms_settings


async def serve(database: str, port: int) -> None:
    """Serve until killed."""
    clock, bus = WallClock(), LocalBus()
    store = await Store.open(database, clock)
    csms = Csms(store, bus, clock, csms_settings())
    await csms.start()
    settings = GatewaySettings(host="127.0.0.1", ocpp_port=port)
    gateway = Gateway(settings, bus, clock, csms.credentials, csms, csms.record)
    await gateway.start()
    sys.stdout.write(f"{gateway.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

"""A node that a crash test kills: gateway, CSMS and store over a database and a port given as arguments."""

from __future__ import annotations

import asyncio
import sys

from ampacity.bus import LocalBus
from ampacity.clock import WallClock
from ampacity.csms.service import Csms
from ampacity.csms.settings import CsmsSettings
from ampacity.gateway import Gateway, GatewaySettings
from ampacity.store import Store


async def serve(database: str, port: int) -> None:
    """Serve until killed."""
    clock, bus = WallClock(), LocalBus()
    store = await Store.open(database, clock)
    settings = CsmsSettings(
        operator_id="stadtwerke", admit_unknown=True, unknown_tokens="accept", onboard=False
    )
    csms = Csms(store, bus, clock, settings)
    await csms.start()
    gateway = Gateway(
        GatewaySettings(host="127.0.0.1", ocpp_port=port), bus, clock, csms.credentials, csms, csms.record
    )
    await gateway.start()
    sys.stdout.write(f"{gateway.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

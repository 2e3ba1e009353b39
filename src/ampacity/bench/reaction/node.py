"""The node whose reaction is measured: `python -m ampacity.bench.reaction.node FOLDER COUNT METER SEED`.

The real thing as `ampacity serve` runs it: gateway, CSMS, SQLite with synchronous=FULL, journal, message log,
controller, decision log, API. Default settings, but stations and tokens that nobody entered are let in.

It prints its port as a JSON line, then obeys lines on its standard input: `look` answers with what was noted
since, `stop` (or the end of the input) ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from ...api.context import ApiSettings
from ...clock import WallClock
from ...control import allocate
from ...control.types import Decision, Snapshot
from ...csms.settings import CsmsSettings
from ...gateway.settings import GatewaySettings
from ...model.events import CircuitMetered
from ...node import Node
from ...settings import NodeSettings
from ...site.controller import LARGE_SITE
from ...site.live_site import SiteFigures
from .site import site_of


class Notes:
    """When readings arrived, and of each turn that cut: when it began, when it had decided, and when its cuts
    were written; the machine's monotonic seconds, which all processes share."""

    def __init__(self, figures: SiteFigures) -> None:
        self._figures = figures
        self.read: list[float] = []
        self.turned: list[tuple[float, float, float]] = []

    def metered(self, event: CircuitMetered) -> None:
        self.read.append(time.monotonic())

    def decided(self, snapshot: Snapshot, decision: Decision) -> None:
        if decision.cuts:
            decided_at = decision.at + self._figures.decided_s
            self.turned.append((decision.at, decided_at, time.monotonic()))

    def taken(self) -> dict[str, Any]:
        """Everything since the last time."""
        read, self.read = self.read, []
        turned, self.turned = self.turned, []
        return {"read": read, "turned": turned}


async def serve(folder: Path, count: int, meter: str, seed: int) -> None:
    """Run until told to stop."""
    settings = NodeSettings(
        data=str(folder),
        api=ApiSettings(host="127.0.0.1", port=0),
        gateway=GatewaySettings(host="127.0.0.1", ocpp_port=0),
        csms=CsmsSettings(admit_unknown=True, unknown_tokens="accept"),
    )
    if count >= LARGE_SITE:
        # The controller does it beside its ticks; a bench need not measure the seconds until then.
        allocate.prepare()
    node = await Node.open(settings, WallClock())
    site = site_of(count, meter, seed)
    await node.save_site(site)
    await node.start()
    controller = node.sites[site.site_id]
    notes = Notes(controller.figures)
    node.bus.subscribe(CircuitMetered, notes.metered)
    controller.on_decision = notes.decided
    _tell({"port": node.gateway.port})
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while (await orders.readline()).strip() == b"look":
        unsteered = sum(
            any(reason.code in ("unproven", "offline") for reason in view.reasons)
            for view in controller.view().evses
        )
        _tell(notes.taken() | {"unsteered": unsteered})
    await node.stop()


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """The process's life."""
    folder, count, meter, seed = arguments
    with asyncio.Runner() as runner:
        runner.run(serve(Path(folder), int(count), meter, int(seed)))


if __name__ == "__main__":
    main(sys.argv[1:])

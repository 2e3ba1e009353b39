"""`ampacity serve`: a node for real stations, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from rich.console import Console

from ..api.server import AddressTaken
from ..clock import WallClock
from ..node import Node, event_loop, told_to_end
from ..settings import NodeSettings, SettingsError
from ..store import StoreError


def serve(settings_of: Callable[[], NodeSettings]) -> int:
    """Run it; 0 after a polite end, 1 when a part failed, 2 when it can't start."""
    try:
        settings = settings_of()
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            return runner.run(_serve(settings, Console()))
    except KeyboardInterrupt:
        print("ampacity serve: stopped at once; what was acknowledged is kept", file=sys.stderr)
        return 130
    except (SettingsError, StoreError, AddressTaken, OSError, ValueError) as problem:
        print(f"ampacity serve: {problem}", file=sys.stderr)
        return 2


async def _serve(settings: NodeSettings, console: Console) -> int:
    ending = asyncio.create_task(told_to_end())
    node = await Node.open(settings, WallClock())
    try:
        await node.start()
        link = await node.access.first_link()
        console.print(
            f"Open   {node.url}{link.path if link is not None else '/'}", soft_wrap=True, highlight=False
        )
        console.print(f"OCPP   port {node.gateway.port}, path /<station id>", highlight=False)
        console.print(f"Sites  {', '.join(node.sites) or 'none yet: ampacity site FILE'}", highlight=False)
        waits = {ending, asyncio.create_task(node.failed())}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
    finally:
        ending.cancel()
        await node.stop()
    if node.failure is not None:
        print(f"ampacity serve: a part has failed: {node.failure!r}", file=sys.stderr)
        return 1
    return 0

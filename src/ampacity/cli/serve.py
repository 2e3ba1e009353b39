"""`ampacity serve`: a node for real stations, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from rich.console import Console

from ..api.server import AddressTaken
from ..clock import WallClock
from ..gateway.listening import bind
from ..node import Node, told_to_end
from ..settings import NodeSettings, SettingsError
from ..store import StoreError, StoreUnavailable


def serve(settings_of: Callable[[], NodeSettings]) -> int:
    """Run it; 0 after a polite end, 1 when a part failed, 2 when it can't start."""
    try:
        settings = settings_of()
        with asyncio.Runner() as runner:
            return runner.run(_serve(settings, Console()))
    except KeyboardInterrupt:
        print("ampacity serve: stopped at once; what was acknowledged is kept", file=sys.stderr)
        return 130
    except (SettingsError, StoreError, AddressTaken, OSError, ValueError) as problem:
        print(f"ampacity serve: {problem}", file=sys.stderr)
        return 2


async def _serve(settings: NodeSettings, console: Console) -> int:
    ending = asyncio.create_task(told_to_end())
    node = await _take_over(settings, console, ending)
    if node is None:
        return 0
    try:
        await node.start()
        link = await node.access.first_link()
        console.print(
            f"Open   {node.url}{link.path if link is not None else '/'}", soft_wrap=True, highlight=False
        )
        for port, known in zip(node.gateway.ports, node.settings.gateway.all_ports, strict=True):
            secured = ", TLS" if known.secured else ""
            least = f", security profile {known.lowest_profile} and above" if known.lowest_profile else ""
            console.print(f"OCPP   port {port}{secured}{least}, path /<station id>", highlight=False)
        console.print(f"Files  {node.files.reach}", soft_wrap=True, highlight=False)
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


TAKE_OVER_WALL_S = 60.0
"""How long a node that shares its port waits for the one before it to end."""


async def _take_over(settings: NodeSettings, console: Console, ending: asyncio.Task[None]) -> Node | None:
    """The node; None where it was told to end before it was one.

    With `share_port` it listens first and then waits for the database, which the node before it holds until
    it has answered its last message. So stations that come in between wait in the kernel's queue, and none is
    refused.
    """
    bound = bind(settings.gateway) if settings.gateway.share_port else None
    try:
        if bound is not None:
            port = bound[0].getsockname()[1]
            console.print(f"Shares port {port}, starts when the node before it has ended", highlight=False)
        ends = asyncio.get_running_loop().time() + (0.0 if bound is None else TAKE_OVER_WALL_S)
        while not ending.done():
            try:
                return await Node.open(settings, WallClock(), bound)
            except StoreUnavailable as trouble:
                if trouble.kind != "locked" or asyncio.get_running_loop().time() >= ends:
                    raise
    except BaseException:
        for waiting in bound or ():
            waiting.close()
        raise
    return None

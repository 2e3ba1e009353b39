"""`ampacity bench durability`: thousands of crashes, and what was acknowledged looked for after each.

Three ways to crash: power lost at any moment (images of a recording disk, `power`), the node killed
under stations at real sockets, and the PostgreSQL server killed beneath it (`kills`). After each, an
independent checker compares the database with what stations said and were answered (`history`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from .. import Outcome
from ..report import Figures
from .kills import KillReport, kill_nodes, kill_servers
from .postgres import Server
from .power import PowerPlan, PowerReport, lose_power

SEED = 20261121
KILLS, QUICK_KILLS = 2_000, 160
KILLS_A_ROUND = 40
NODE_KILLS, QUICK_NODE_KILLS = 25, 3
SERVER_KILLS, QUICK_SERVER_KILLS = 25, 3
MEMORY = Path("/dev/shm")


def run(quick: bool, count: int | None = None) -> Outcome:
    """Lose power `count` times (2,000), kill nodes and servers; the figures."""
    kills = count or (QUICK_KILLS if quick else KILLS)
    node_kills = QUICK_NODE_KILLS if quick else NODE_KILLS
    server_kills = QUICK_SERVER_KILLS if quick else SERVER_KILLS
    power, power_s = asyncio.run(_power(kills))
    nodes = asyncio.run(_nodes(node_kills))
    servers = asyncio.run(_servers(server_kills))
    return outcome(power, power_s, nodes, servers)


def _memory() -> Path | None:
    """Where thousands of disks are written of which none needs to last."""
    return MEMORY if MEMORY.is_dir() else None


async def _power(kills: int) -> tuple[PowerReport, float]:
    folder = Path(tempfile.mkdtemp(prefix="ampacity-power-", dir=_memory()))
    began = time.perf_counter()
    try:
        plan = PowerPlan(seed=SEED, rounds=max(1, kills // KILLS_A_ROUND), kills_a_round=KILLS_A_ROUND)
        return await lose_power(folder, plan), time.perf_counter() - began
    finally:
        shutil.rmtree(folder)


async def _nodes(kills: int) -> KillReport:
    with tempfile.TemporaryDirectory(prefix="ampacity-nodes-") as folder:
        return await kill_nodes(Path(folder), kills, SEED)


async def _servers(kills: int) -> KillReport:
    with tempfile.TemporaryDirectory(prefix="ampacity-server-", dir="/tmp") as folder:
        server = Server(Path(folder))
        server.make()
        await server.start()
        try:
            return await kill_servers(server, kills, SEED)
        finally:
            server.stop()


def outcome(power: PowerReport, power_s: float, nodes: KillReport, servers: KillReport) -> Outcome:
    """The figures, and whether anything was lost, repeated or else wrong."""
    found = power.found + nodes.found + servers.found
    figures: Figures = {
        "kills": power.kills + nodes.kills + servers.kills,
        "acknowledged": power.acknowledged + nodes.acknowledged + servers.acknowledged,
        "looked_for": power.checked + nodes.checked + servers.checked,
        "lost": found["lost"],
        "repeated": found["repeated"],
        "other_findings": found.total() - found["lost"] - found["repeated"],
        "kills_per_s": round(power.kills / power_s, 1),
        "power_kills": power.kills,
        "power_syncs": power.syncs,
        "node_kills": nodes.kills,
        "node_acknowledged": nodes.acknowledged,
        "node_sent_again": nodes.repeated_sends,
        "node_back_s": round(nodes.median_back_s, 2),
        "server_kills": servers.kills,
        "server_acknowledged": servers.acknowledged,
        "server_back_s": round(servers.median_back_s, 2),
    }
    examples = (*power.examples, *nodes.examples, *servers.examples)
    return Outcome(
        figures=figures,
        seed=SEED,
        notes=(
            "looked_for: acknowledged messages that had to be there, over all kills.",
            "node_back_s, server_back_s: from a kill to the next acknowledgement, start and checks included.",
            *examples,
        ),
        failed=f"{found.total()} findings, the first: {examples[0]}" if examples else "",
    )

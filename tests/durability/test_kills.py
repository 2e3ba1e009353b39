"""A few kills of real processes: the node under stations at real sockets, and the database server beneath it
(`./dev bench durability` does many)."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from ampacity.bench.durability import run
from ampacity.bench.durability.kills import KillReport, kill_nodes, kill_servers
from ampacity.bench.durability.postgres import Server
from ampacity.bench.durability.power import PowerReport


async def test_a_killed_node_has_lost_nothing(fast_folder: Path) -> None:
    report = await kill_nodes(fast_folder, 3, seed=3)
    assert report.found == {}, report.examples
    assert report.kills == 3
    assert report.acknowledged > 20
    assert report.checked > 2 * report.acknowledged  # each was looked for after each later kill
    assert report.repeated_sends > 0


async def test_a_killed_database_server_has_lost_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="ampacity-server-", dir="/tmp") as folder:
        server = Server(Path(folder))
        server.make()
        await server.start()
        try:
            report = await kill_servers(server, 4, seed=3)
        finally:
            server.stop()
    assert report.found == {}, report.examples
    assert report.kills == 4
    assert report.acknowledged > 30
    assert len(report.back_s) == 4


def test_the_figures_of_a_run() -> None:
    power = PowerReport(
        kills=40, acknowledged=100, checked=900, losses=Counter(), found=Counter(), examples=[]
    )
    nodes = KillReport(
        kills=2, acknowledged=10, checked=20, found=Counter(), examples=[], back_s=[1.0, 3.0, 2.0]
    )
    servers = KillReport(
        kills=3, acknowledged=5, checked=6, found=Counter(lost=2, repeated=1, sample=1), examples=["first"]
    )
    outcome = run.outcome(power, 2.0, nodes, servers)
    expected = {"kills": 45, "acknowledged": 115, "lost": 2, "repeated": 1, "other_findings": 1}
    assert expected.items() <= outcome.figures.items()
    assert outcome.figures["kills_per_s"] == 20
    assert outcome.figures["node_back_s"] == 2
    assert outcome.failed == "4 findings, the first: first"
    clean = KillReport(found=Counter(), examples=[], back_s=[])
    assert run.outcome(power, 2.0, nodes, clean).failed == ""

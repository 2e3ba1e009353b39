"""The gateway benchmark: its messages are valid, nothing repeats, and a small run of our side is exact."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest

from ampacity.bench.gateway.frames import CYCLE, Script, scripts
from ampacity.bench.gateway.load import Client, LoadFailed, client_context, closed_loop, connect, open_loop
from ampacity.bench.gateway.run import Plan, Side, measure
from ampacity.bench.gateway.servers import Server, ServerFailed, peer_programs

SCHEMAS = Path(__file__).parents[2] / "tools/ocpp_schemas"
CERTIFICATE = Path(__file__).parents[1] / "gateway/localhost.pem"
"""Certificate and key in one file."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Our server as the benchmark runs it: a process of its own, TLS, a database on disk."""
    started = await Server.start(
        "test", sys.executable, "-m", "ampacity.bench.gateway.server", tmp_path, CERTIFICATE, CERTIFICATE
    )
    yield started
    await started.stop()


async def connected(server: Server, group: list[Script]) -> list[Client]:
    clients = await connect(group, server.port, client_context(CERTIFICATE))
    for client in clients:
        await client.start()
    return clients


def told(script: Script, cycles: int = 1) -> list[tuple[str, str, dict[str, object]]]:
    """(message id, action, payload) of the transaction's start and of so many cycles."""
    frames = [script.start()]
    if script.version == "1.6":
        script.started(7)
    frames += [script.next() for _ in range(cycles * CYCLE)]
    calls = []
    for name, frame in frames:
        kind, message_id, action, payload = json.loads(frame)
        assert (kind, message_id) == (2, name)
        calls.append((message_id, action, payload))
    return calls


@pytest.mark.parametrize(("index", "folder", "suffix"), [(0, "v16", ""), (1, "v201", "Request")])
def test_every_call_is_valid_by_the_schemas(index: int, folder: str, suffix: str) -> None:
    for _, action, payload in told(scripts(2, "s")[index]):
        schema = json.loads((SCHEMAS / folder / f"{action}{suffix}.json").read_text("utf-8-sig"))
        jsonschema.validators.validator_for(schema)(schema).validate(payload)


def test_a_cycle_is_the_promised_mix() -> None:
    old, new = (told(script)[1:] for script in scripts(2, "s"))
    assert sorted(action for _, action, _ in old) == ["Heartbeat", *["MeterValues"] * 6, "StatusNotification"]
    assert sorted(action for _, action, _ in new) == ["Heartbeat", *["TransactionEvent"] * 7]
    for _, action, payload in old + new:
        if action in ("MeterValues", "TransactionEvent"):
            (value,) = payload["meterValue"]  # type: ignore[misc]
            assert len(value["sampledValue"]) == 8


def test_stations_begin_all_over_the_cycle_so_that_any_moment_has_the_mix() -> None:
    group = scripts(CYCLE * 2, "s")
    for script in group:
        script.start()
        script.started(1) if script.version == "1.6" else None
    first = [json.loads(script.next()[1])[2] for script in group]
    assert first.count("Heartbeat") == 2
    assert first.count("StatusNotification") == 1


def test_nothing_repeats() -> None:
    group = scripts(4, "s")
    calls = [call for script in group for call in told(script, 3)]
    assert len({message_id for message_id, _, _ in calls}) == len(calls)
    for script in group:
        times = [
            (payload["timestamp"] if "timestamp" in payload else payload["meterValue"][0]["timestamp"])  # type: ignore[index]
            for _, action, payload in told(script, 2)[1:]
            if action in ("MeterValues", "TransactionEvent")
        ]
        assert times == sorted(set(times))


async def test_what_was_answered_is_in_the_journal_once(server: Server) -> None:
    group = scripts(6, "s")
    clients = await connected(server, group)
    cpu_s = server.cpu_s
    answered = await closed_loop(clients, 0.3, 20)
    assert answered >= len(clients)
    assert await server.settle() == sum(script.kept_expected for script in group)
    assert server.cpu_s > cpu_s
    assert server.resident_bytes > 10_000_000


async def test_an_open_loop_keeps_its_rate_and_counts_from_when_a_call_was_due(server: Server) -> None:
    clients = await connected(server, scripts(4, "s"))
    seen = await open_loop(clients, 100, 0.5, 20)
    assert len(seen.seconds) == 50
    assert seen.unanswered == 0
    assert 0 < seen.quantile_ms(0.5) <= seen.quantile_ms(0.99)


async def test_calls_without_an_answer_count_with_the_time_that_they_waited(server: Server) -> None:
    clients = await connected(server, scripts(2, "s"))
    seen = await open_loop(clients, 100_000, 0.02, 0.0)
    assert seen.unanswered > 0
    assert len(seen.seconds) == 2_000


async def test_a_lost_connection_is_no_figure(server: Server) -> None:
    (client,) = await connect(scripts(1, "s"), server.port, client_context(CERTIFICATE))
    await server.stop()
    with pytest.raises(LoadFailed, match="connection"):
        await client.call(client.script.heartbeat())


async def test_the_whole_measurement_gives_every_figure_of_both(server: Server, tmp_path: Path) -> None:
    """Ours plays the peer too: what is tried here is the measurement."""
    other = tmp_path / "other"
    other.mkdir()
    peer = await Server.start(
        "peer", sys.executable, "-m", "ampacity.bench.gateway.server", other, CERTIFICATE, CERTIFICATE
    )
    plan = Plan(
        connections=6,
        rounds=1,
        round_s=0.2,
        held=8,
        peer_held=4,
        held_s=1.0,
        open_s=0.1,
        drain_s=2.0,
        reconnects=4,
    )
    try:
        context = client_context(CERTIFICATE)
        ours, theirs = Side(server, context), Side(peer, context)
        await ours.hold(plan.held, plan.held_s)
        await theirs.hold(plan.peer_held, plan.held_s)
        figures, peers = await measure(plan, ours, theirs)
    finally:
        await peer.stop()
    promised = {"messages_per_cpu_s", "stations", "answer_p99_ms", "bytes_per_connection", "reconnects_per_s"}
    assert promised <= peers.keys()
    assert promised | {"ratio_to_ocpp_websockets"} <= figures.keys()
    assert figures["stations"] == 8
    assert all(isinstance(value, float | int) for value in figures.values())


def test_without_the_peer_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AMPACITY_PEERS", str(tmp_path))
    with pytest.raises(ServerFailed, match=r"\./dev bench gateway"):
        peer_programs()


async def test_a_server_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(ServerFailed, match="has ended"):
        await Server.start("broken", sys.executable, "-c", "pass")

"""The raw message log over the API: searched over all stations, exported as a stream, and in the audit."""

from __future__ import annotations

import csv
import io
import json

import httpx
import pytest

from ampacity.api.routes import messages as routes
from ampacity.csms.link import StationRef
from ampacity.store.messages import MessageLog

from .node import OPERATOR, OTHER, Node

API = "/api/v1"
TAG = 'TAG,"7"'


@pytest.fixture
async def filled(node: Node) -> Node:
    """Thirty calls with their answers of two stations, and another operator's."""
    log, at = MessageLog(node.store), node.clock.time() - 3600.0
    for number in range(30):
        station_id = f"CP-{1 + number % 2}"
        call = json.dumps([2, f"m{number}", "Authorize", {"idTag": TAG, "n": number}])
        log.add(OPERATOR, station_id, "in", call, at + number)
        log.add(OPERATOR, station_id, "out", f'[3,"m{number}",{{}}]', at + number + 0.1)
        log.write_gathered()
    log.add(OTHER, "XX-1", "in", '[2,"m1","Heartbeat",{"secret":1}]', at)
    log.add(OPERATOR, "CP-1", "in", '[2,"=cmd()","=HYPERLINK(1)",{}]', at + 100)
    log.write_gathered()
    await node.store.flush()
    return node


@pytest.fixture
async def operator(filled: Node) -> httpx.AsyncClient:
    return await filled.as_person("anna", "operator")


async def test_all_stations_are_searched(filled: Node, operator: httpx.AsyncClient) -> None:
    async def found(**query: object) -> list[dict[str, object]]:
        answer = await operator.get(f"{API}/messages", params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]  # type: ignore[no-any-return]

    assert len(await found()) == 61
    assert {row["station_id"] for row in await found(station_id="CP-2")} == {"CP-2"}
    assert len(await found(action="Authorize", direction="out")) == 30
    assert [row["frame"] for row in await found(message_id="m4", direction="out")] == ['[3,"m4",{}]']
    assert len(await found(text='"N": 7')) == 1
    newest = (await found(limit=1))[0]
    assert newest["message_id"] == "=cmd()"
    at = str((await found(message_id="m20", direction="in"))[0]["at"])
    assert len(await found(**{"from": at})) == 21
    assert len(await found(to=at)) == 40
    assert await found(text="secret") == []
    answer = await operator.get(f"{API}/messages", params={"from": "2026-01-01T00:00:00"})
    assert answer.status_code == 422
    assert (await operator.get(f"{API}/messages/log")).json() == {"kept": True, "days": 14.0}


async def test_what_has_just_passed_is_found(filled: Node, operator: httpx.AsyncClient) -> None:
    """Whoever opens a live tail and then reads the log must find between the two no gap."""
    frame = '[2,"just-now","Heartbeat",{}]'
    filled.csms.record(StationRef(OPERATOR, "CP-1", "1.6"), "in", frame, filled.clock.time())
    answer = await operator.get(f"{API}/messages", params={"station_id": "CP-1", "limit": 1})
    assert [row["frame"] for row in answer.json()["items"]] == [frame]


@pytest.mark.parametrize("at_once", [500, 7])
async def test_an_export_holds_all_that_the_search_finds(
    filled: Node, operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(routes, "EXPORT_FRAMES", at_once)
    answer = await operator.get(f"{API}/messages/export", params={"action": "Authorize"})
    assert answer.status_code == 200
    assert ".jsonl" in answer.headers["content-disposition"]
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["message_id"] for row in rows[::2]] == [f"m{number}" for number in range(29, -1, -1)]
    assert all(row["station_id"].startswith("CP-") for row in rows)
    answer = await operator.get(f"{API}/messages/export", params={"format": "csv", "station_id": "CP-1"})
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(table) == 31
    assert (table[0]["action"], table[0]["message_id"]) == ("'=HYPERLINK(1)", "'=cmd()")
    assert json.loads(table[2]["frame"])[3]["idTag"] == TAG


async def test_an_export_is_audited_and_not_for_everyone(filled: Node, operator: httpx.AsyncClient) -> None:
    await operator.get(f"{API}/messages/export", params={"station_id": "CP-2", "text": "Tag"})
    await filled.store.flush()
    deed = (await operator.get(f"{API}/audit", params={"action": "export_messages"})).json()["items"][0]
    assert (deed["actor"], deed["target"]) == ("user:anna", "station/CP-2")
    assert deed["detail"] == {"format": "jsonl", "station_id": "CP-2", "text": "Tag"}
    assert (deed["outcome"], deed["outcome_detail"]) == ("accepted", "15 messages")
    viewer = await filled.as_role("viewer")
    refused = await viewer.get(f"{API}/messages/export")
    assert refused.status_code == 403
    assert (await viewer.get(f"{API}/messages")).status_code == 200


async def test_a_client_that_goes_away_ends_the_export(
    filled: Node, operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MessageLog(filled.store)
    for number in range(3_000):
        log.add(OPERATOR, "CP-1", "in", f'[2,"x{number}","DataTransfer",{{"data":"{"y" * 2000}"}}]', 1e9)
    log.write_gathered()
    await filled.store.flush()
    monkeypatch.setattr(routes, "EXPORT_FRAMES", 10)
    async with operator.stream("GET", f"{API}/messages/export") as answer:
        async for _ in answer.aiter_bytes(1000):
            break

    async def outcome() -> dict[str, object]:
        deeds = await operator.get(f"{API}/audit", params={"action": "export_messages"})
        return deeds.json()["items"][0]  # type: ignore[no-any-return]

    for _ in range(500):
        await filled.store.flush()
        deed = await outcome()
        if deed["outcome"] is not None:
            break
    assert deed["outcome"] == "cancelled"
    assert int(str(deed["outcome_detail"]).split()[0]) < 3_000

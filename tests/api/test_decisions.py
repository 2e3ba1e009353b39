"""Asking a site why, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from .node import Node

API = "/api/v1"
WHY = f"{API}/sites/work/why"
DECISIONS = f"{API}/sites/work/decisions"


@pytest.fixture
async def viewer(node: Node) -> httpx.AsyncClient:
    return await node.as_person("vera", "viewer")


async def test_why_is_told_to_who_may_look(node: Node, viewer: httpx.AsyncClient) -> None:
    peer = node.peer("CP-1")
    await peer.connect()
    await peer.status(1, "Preparing")
    transaction_id = await peer.start()
    await peer.meter(transaction_id, 1500.0, 7000.0)
    await node.until(lambda: node.site.view().evses[0].session is not None)
    await node.until(lambda: node.site.figures.ticks > 3)
    answer = await viewer.get(WHY, params={"evse": "A1"})
    assert answer.status_code == 200, answer.text
    why = answer.json()
    assert (why["station_id"], why["label"], why["time_zone"]) == ("CP-1", "A1", "Europe/Berlin")
    assert why["words"]
    assert {known["what"] for known in why["inputs"]} == {
        "meter",
        "limit",
        "evse_meter",
        "station",
        "session",
    }
    assert any(known["trouble"] for known in why["inputs"] if known["what"] == "meter")  # never read
    told = (await viewer.get(DECISIONS)).json()
    kinds = [one["kind"] for one in told["happenings"]]
    assert kinds[-1] == "started"
    assert {"online", "session"} <= set(kinds)
    narrow = (await viewer.get(DECISIONS, params={"evse": "A2", "limit": 5})).json()
    assert not any(step["label"] == "A1" for one in narrow["happenings"] for step in one["evses"])


async def test_what_can_not_be_told(node: Node, viewer: httpx.AsyncClient) -> None:
    await node.until(lambda: node.site.figures.ticks > 1)
    unknown = await viewer.get(WHY, params={"evse": "Z9"})
    assert unknown.status_code == 404
    assert "known are A1 (CP-1/1), A2 (CP-2/1), A3 (CP-2/2)" in unknown.json()["what"]
    before = await viewer.get(WHY, params={"evse": "A1", "at": "2020-01-01 12:00"})
    assert before.status_code == 404
    assert "the log reaches from" in before.json()["what"]
    unclear = await viewer.get(WHY, params={"evse": "A1", "at": "soon"})
    assert unclear.status_code == 422
    assert unclear.json()["errors"][0]["where"] == "at"
    assert (await viewer.get(WHY)).status_code == 422
    assert (await viewer.get(f"{API}/sites/nowhere/why", params={"evse": "A1"})).status_code == 404
    long_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert (await viewer.get(DECISIONS, params={"from": long_ago})).status_code == 422


async def test_nobody_else_may_ask(node: Node) -> None:
    assert (await node.client().get(WHY, params={"evse": "A1"})).status_code == 401

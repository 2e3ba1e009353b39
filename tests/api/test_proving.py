"""Stations and sites are proven over HTTP: quarantine, probes, the assessment and its report."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from .node import Node

API = "/api/v1"


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    return await node.as_person("anna", "operator")


async def test_an_evse_is_set_aside_and_released(node: Node, operator: httpx.AsyncClient) -> None:
    path = f"{API}/evses/CP-1/1"
    aside = await operator.post(f"{path}/quarantine", json={"why": "burnt plug"})
    assert (aside.status_code, aside.json()["trust"]) == (200, "quarantined")
    assert "burnt plug" in aside.json()["alarms"][0]
    freed = await operator.post(f"{path}/release")
    assert (freed.status_code, freed.json()["trust"]) == (200, "trusted")
    assert (await operator.post(f"{path}/release")).status_code == 409
    viewer = await node.as_person("vera", "viewer")
    assert (await viewer.post(f"{path}/quarantine", json={})).status_code == 403


async def test_a_station_that_is_away_fails_its_probe(operator: httpx.AsyncClient) -> None:
    answer = await operator.post(f"{API}/sites/work/stations/CP-1/probe")
    assert answer.status_code == 200
    assert [(one["name"], one["passed"]) for one in answer.json()["findings"]] == [("online", False)]
    assert len((await operator.get(f"{API}/sites/work/probes")).json()) == 1
    assert (await operator.post(f"{API}/sites/work/stations/NONE/probe")).status_code == 404


async def test_a_site_that_fails_can_t_be_accepted(operator: httpx.AsyncClient) -> None:
    path = f"{API}/sites/work/assessment"
    assert (await operator.get(path)).status_code == 404
    assert (await operator.post(path)).json()["running"]
    async with asyncio.timeout(20.0):
        while (found := (await operator.get(path)).json())["running"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert {step["name"] for step in found["steps"]} >= {"tree", "offline_sum", "phases"}
    assert all(step["state"] != "open" for step in found["steps"])
    report = await operator.get(f"{path}/report.pdf")
    assert report.headers["content-type"] == "application/pdf"
    assert report.content.startswith(b"%PDF")
    accepted = await operator.post(f"{path}/accept")
    failed = any(step["state"] == "failed" for step in found["steps"])
    assert accepted.status_code == (409 if failed else 200)


async def test_one_step_is_done_alone_and_given_up(node: Node, operator: httpx.AsyncClient) -> None:
    path = f"{API}/sites/work/assessment"
    assert (await operator.post(f"{path}/cancel")).status_code == 404
    assert (await operator.post(path, params={"step": "tree"})).json()["running"]
    found = await ended(operator)
    assert [step["name"] for step in found["steps"] if step["state"] != "open"] == ["tree"]
    refused = await operator.post(f"{path}/cancel")
    assert (refused.status_code, "not being assessed" in refused.json()["what"]) == (409, True)
    peer = node.peer("CP-2")
    await peer.connect()
    await peer.start()
    assert (await operator.post(path, params={"step": "cable_pull"})).status_code == 202
    async with asyncio.timeout(20.0):
        while (await operator.get(path)).json()["progress"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    # A site that is being assessed is not built anew under the assessment's feet.
    form = (await operator.get(f"{API}/sites/work")).json()
    refused = await operator.put(f"{API}/sites/work", json=form)
    assert (refused.status_code, "being assessed" in refused.json()["what"]) == (409, True)
    given_up = (await operator.post(f"{path}/cancel")).json()
    assert (given_up["running"], given_up["progress"]) == (False, None)
    # One that may draw more has to show itself again.
    form["evses"][0]["max_a"] = 40.0
    assert (await operator.put(f"{API}/sites/work", json=form)).status_code == 200
    found = (await operator.get(path)).json()
    assert {step["state"] for step in found["steps"]} == {"open"}


async def ended(operator: httpx.AsyncClient) -> dict[str, Any]:
    """The site's assessment when nothing is being done any more."""
    async with asyncio.timeout(20.0):
        while True:
            found: dict[str, Any] = (await operator.get(f"{API}/sites/work/assessment")).json()
            if not found["running"]:
                return found
            await asyncio.sleep(0.05)


async def test_a_meter_that_goes_leaves_its_step_open_and_the_site_alive(
    node: Node, operator: httpx.AsyncClient
) -> None:
    peer = node.peer("CP-2")
    await peer.connect()
    number = await peer.start(connector_id=2)
    meter = f"{API}/sites/work/circuits/grid/meter"
    await operator.post(meter, json={"current_a": [20, 20, 20]})
    await peer.meter(number, 1000.0, 230.0 * 20.0, connector_id=2)
    assert (await operator.post(f"{API}/sites/work/assessment", params={"step": "phases"})).status_code == 202
    async with asyncio.timeout(20.0):
        path = f"{API}/sites/work/assessment"
        while "CP-2/2" not in str((await operator.get(path)).json()["progress"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await operator.delete(meter)).status_code == 200
    found = await ended(operator)
    [step] = [step for step in found["steps"] if step["name"] == "phases"]
    assert "the meter of circuit grid tells nothing any more" in str(step["findings"])
    ticks = node.site.figures.ticks
    await node.until(lambda: node.site.figures.ticks > ticks)

"""Groups of sites over the API: made, limited, reported to, stopped; by whom, and down to the audit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .node import Node

API = "/api/v1"
HERE = f"{API}/site-groups/campus"


def campus(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Campus",
        "circuits": [
            {
                "circuit_id": "supply",
                "name": "Supply",
                "rating_a": 100.0,
                "reserve_a": 10.0,
                "meter": {"protocol": "push", "interval_s": 1.0},
            }
        ],
        "members": [
            {"site_id": "work", "circuit_id": "supply", "guaranteed_a": 50.0},
            {"site_id": "far", "circuit_id": "supply", "guaranteed_a": 40.0, "priority": 1},
        ],
        "settle_s": 0.0,
        "lease_s": 5.0,
    } | changes


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    return await node.as_person("anna", "operator")


async def test_a_group_is_made_limited_and_forgotten(operator: httpx.AsyncClient) -> None:
    for member, words in (
        ({"site_id": "work", "guaranteed_a": 20.0}, "draws up to 40 A when nobody steers it"),
        ({"site_id": "far", "guaranteed_a": 95.0}, "guarantee 90 A in all, or less"),
        ({"site_id": "theirs", "guaranteed_a": 50.0}, "another operator's"),
    ):
        refused = await operator.put(HERE, json=campus(members=[{"circuit_id": "supply"} | member]))
        assert (refused.status_code, words in refused.json()["detail"]) == (409, True), refused.text
    made = await operator.put(HERE, json=campus())
    assert made.status_code == 200, made.text
    assert made.json()["members"][1]["priority"] == 1
    [listed] = (await operator.get(f"{API}/site-groups")).json()
    assert [member["name"] for member in listed["members"]] == ["Workplace", "far"]
    limits = f"{HERE}/circuits/supply/limits"
    limited = await operator.put(limits, json={"limit_a": 60.0, "source": "dso"})
    assert [limit["source"] for limit in limited.json()["circuits"][0]["limits"]] == ["dso"]
    assert (await operator.delete(limits, params={"source": "nobody"})).status_code == 404
    left = await operator.delete(limits, params={"source": "dso"})
    assert left.json()["circuits"][0]["limits"] == []
    assert (await operator.delete(HERE)).status_code == 204
    assert (await operator.get(HERE)).status_code == 404
    audit = (await operator.get(f"{API}/audit", params={"actor": "user:anna"})).json()["items"]
    assert [item["action"] for item in audit][:4] == ["remove_group", "set_group", "set_group", "set_group"]
    assert audit[0]["target"] == "group/campus"


async def test_a_member_reports_is_granted_and_stopped(node: Node, operator: httpx.AsyncClient) -> None:
    await operator.put(HERE, json=campus())
    assert (await operator.post(f"{HERE}/circuits/supply/meter", json={"current_a": [9, 9, 9]})).is_success
    report = {"site_id": "far", "life": "a", "number": 1, "base_a": 10.0, "demand_a": 30.0, "held_a": 10.0}
    await node.until(lambda: node.groups.view("campus").members[0].standing == "live")
    answered = await operator.post(f"{HERE}/reports", json=report | {"limit_a": 0.0})
    grant = answered.json()["grant"]
    assert grant["fallback_a"] == 40.0
    assert grant["limit_a"] >= 10.0
    unknown = await operator.post(f"{HERE}/reports", json=report | {"site_id": "who"})
    assert unknown.status_code == 404
    live = (await operator.get(f"{HERE}/live")).json()
    assert {member["site_id"]: member["standing"] for member in live["members"]}["far"] == "live"
    viewer = await node.as_person("vera", "viewer")
    assert (await viewer.get(f"{HERE}/live")).status_code == 200
    assert (await viewer.post(f"{HERE}/reports", json=report)).status_code == 403
    # What a group grants can be read like any limit of the site, and not be set aside.
    limits = f"{API}/sites/work/circuits/grid/limits"
    sources = [limit["source"] for limit in (await operator.get(limits)).json()["sources"]]
    assert sources[0].startswith("group:campus")
    refused = await operator.put(limits, json={"limit_a": 90.0, "source": "group:campus"})
    assert refused.status_code == 409
    # Anybody who protects may stop a group; a person lets it go on.
    stopped = await operator.post(f"{HERE}/emergency-stop", json={"reason": "smoke"})
    assert stopped.json()["stop"] == {
        "reason": "smoke",
        "by": "user:anna",
        "stop_sessions": False,
        "stop_generation": False,
    }
    key = await node.as_role("operator")
    released = await key.post(f"{HERE}/emergency-stop/release", json={"reason": "toast"})
    assert released.status_code == 403
    released = await operator.post(f"{HERE}/emergency-stop/release", json={"reason": "toast"})
    assert released.json()["stop"] is None

"""Devices of a site by the API: set up, shown, refused, forgotten, with an audit row each."""

from __future__ import annotations

from typing import Any

import pytest

from .node import Node

DEVICES = "/api/v1/sites/work/devices"
BATTERY: dict[str, Any] = {
    "device_id": "b1",
    "kind": "battery",
    "circuit_id": "garage",
    "draw_w": 5000,
    "feed_w": 4000,
    "protocol": "none",
}


async def test_a_device_is_set_up_shown_and_forgotten(node: Node) -> None:
    client = await node.as_person("anna", "operator")
    assert (await client.get(DEVICES)).json() == []
    assert (await client.put(f"{DEVICES}/b1", json=BATTERY)).status_code == 200
    assert (await client.get(f"{DEVICES}/b1")).json()["draw_w"] == 5000
    [view] = (await client.get(DEVICES)).json()
    assert (view["device_id"], view["online"], view["steered"], view["power_w"]) == ("b1", False, False, None)
    assert (await client.delete(f"{DEVICES}/b1")).status_code == 204
    assert (await client.delete(f"{DEVICES}/b1")).status_code == 404
    assert (await client.get(f"{DEVICES}/b1")).status_code == 404
    audit = (await client.get("/api/v1/audit", params={"actor": "user:anna"})).json()["items"]
    assert [item["action"] for item in audit].count("set_device") == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"device_id": "b2"}, 422),
        ({"feed_w": -1}, 422),
        ({"kind": "heat"}, 422),
        ({"commanded": True}, 422),
        ({"circuit_id": "cellar"}, 404),
        ({"protocol": "modbus-tcp", "address": "10.0.0.1:502/1", "map": "nobody"}, 409),
        ({"protocol": "modbus-tcp", "address": ""}, 409),
    ],
)
async def test_what_can_not_be_is_refused(node: Node, change: dict[str, Any], status: int) -> None:
    client = await node.as_person("anna", "operator")
    answer = await client.put(f"{DEVICES}/b1", json=BATTERY | change)
    assert answer.status_code == status, answer.text
    assert (await client.get(DEVICES)).json() == []


async def test_who_only_looks_on_sets_up_nothing(node: Node) -> None:
    client = await node.as_person("otto", "viewer")
    assert (await client.put(f"{DEVICES}/b1", json=BATTERY)).status_code == 403
    assert (await client.post(f"{DEVICES}/b1/take-over")).status_code == 403
    assert (await client.get(DEVICES)).status_code == 200


async def test_a_device_is_read_once_before_it_is_kept(node: Node) -> None:
    client = await node.as_person("anna", "operator")
    tried = await client.post(f"{DEVICES}/b1/test", json=BATTERY)
    assert (tried.status_code, tried.json()["usable"]) == (200, True)
    nobody = BATTERY | {"protocol": "modbus-tcp", "address": "127.0.0.1:9/1"}
    tried = await client.post(f"{DEVICES}/b1/test", json=nobody)
    assert (tried.status_code, tried.json()["usable"]) == (200, False)
    assert tried.json()["words"][-1].startswith("No reading: ")
    assert (await client.post(f"{DEVICES}/b1/test", json=BATTERY | {"kind": "heat"})).status_code == 409
    assert (await client.get(DEVICES)).json() == []

"""Meters by the API: tried, given, taken away, pushed; their passwords never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ampacity.site.safe import PREFIX
from ampacity.store import sites
from tests.site.modbus.device import ModbusDevice, floats

from .node import OPERATOR, Node

GRID = "/api/v1/sites/work/circuits/grid/meter"
GARAGE = "/api/v1/sites/work/circuits/garage/meter"


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    return await node.as_person("anna", "operator")


@pytest.fixture
async def device() -> AsyncIterator[ModbusDevice]:
    made = ModbusDevice()
    made.input = floats(0, 230.0, 230.0, 230.0, 10.0, 5.0, 2.0, 2300.0, -1150.0, 460.0) | dict.fromkeys(
        range(18, 80), 0
    )
    await made.start()
    yield made
    await made.stop()


def eastron(device: ModbusDevice, **changes: Any) -> dict[str, Any]:
    return {
        "protocol": "modbus-tcp",
        "address": f"127.0.0.1:{device.port}/1",
        "map": "eastron-sdm630",
        "interval_s": 0.5,
    } | changes


async def test_a_meter_is_tried_before_it_is_given(operator: httpx.AsyncClient, device: ModbusDevice) -> None:
    answer = await operator.post(f"{GARAGE}/test", json={"meter": eastron(device)})
    assert answer.status_code == 200
    told = answer.json()
    assert told["usable"]
    assert told["reading"]["current_a"] == [10.0, -5.0, 2.0]
    words = "\n".join(told["words"])
    assert "Its L2 tells 5.00 A, -1150 W, 230.0 V." in words
    assert "Garage L2 (its L2): 5.00 A fed in, 8% of the rating" in words
    assert (await operator.get(GARAGE)).json()["meter"] is None, "a trial changes nothing"


async def test_a_meter_is_given_read_and_taken_away(
    operator: httpx.AsyncClient, device: ModbusDevice, node: Node
) -> None:
    device.input |= floats(14, 1150.0)
    answer = await operator.put(GARAGE, json={"meter": eastron(device, phases=[1, 2, 0])})
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert view["reading"]["current_a"] == [2.0, 10.0, 5.0]
    assert view["reading"]["power_w"] == 3910.0, "the phases' own, not the sum that another register tells"
    asked = device.asked
    await node.until(lambda: device.asked >= asked + 2)
    seen = node.site._live.snapshot(node.clock.monotonic()).circuits["garage"]
    assert (seen.metered_a, seen.metered_w) == ((2.0, 10.0, 5.0), 3910.0), "the law gets both"
    assert (await operator.get(GARAGE)).json()["state"] == "fresh"
    stored = await node.store.read(lambda c: sites.load_site(c, OPERATOR, "work", node.clock.now()))
    assert stored is not None
    assert stored.circuits[1].meter is not None
    assert stored.circuits[1].meter.phases == (1, 2, 0)
    gone = (await operator.delete(GARAGE)).json()
    assert (gone["meter"], gone["reading"], gone["state"]) == (None, None, "none")


async def test_a_meter_that_tells_nothing_is_kept_only_knowingly(
    operator: httpx.AsyncClient, device: ModbusDevice, node: Node
) -> None:
    device.busy = 2
    answer = await operator.put(GARAGE, json={"meter": eastron(device)})
    assert answer.status_code == 409
    assert "it has no such register" in answer.json()["what"]
    assert (await operator.get(GARAGE)).json()["meter"] is None
    answer = await operator.put(GARAGE, json={"meter": eastron(device), "unproven": True})
    assert answer.status_code == 200
    await node.until(lambda: node.site.view().circuits[1].meter_fault == "missing")
    shown = (await operator.get(GARAGE)).json()
    assert (shown["fault"], shown["state"]) == ("missing", "dead")
    assert "no such register" in shown["fault_text"]
    device.busy = 0
    await node.until(lambda: node.site.view().circuits[1].meter_fault is None)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"map": "nobody-3000"}, "meter.map"),
    ({"map": "../../etc/passwd"}, "meter.map"),
    ({"address": "host:port"}, "meter.address"),
    ({"interval_s": 0.01}, "meter.interval_s"),
    ({"phases": [0, 0, 1]}, "meter.phases"),
    ({"phases": [0]}, "meter.phases"),
    ({"ca_pem": "none"}, "meter.ca_pem"),
    ({"protocol": "http", "address": "ftp://x", "map": ""}, "meter.address"),
    ({"protocol": "http", "address": "http://x", "map": ""}, "meter.values"),
    (
        {"protocol": "mqtt", "address": "mqtt://x", "map": "", "values": [{"name": "power"}]},
        "meter.topic",
    ),
    ({"protocol": "p1", "address": "x", "map": ""}, "meter.address"),
    ({"protocol": "ocpp", "address": "x", "map": ""}, "meter.address"),
]


async def test_what_cannot_be_is_said_field_by_field(
    operator: httpx.AsyncClient, device: ModbusDevice
) -> None:
    for changes, field in WRONG:
        for method, path, body in (
            ("POST", f"{GARAGE}/test", {"meter": eastron(device, **changes)}),
            ("PUT", GARAGE, {"meter": eastron(device, **changes), "unproven": True}),
        ):
            answer = await operator.request(method, path, json=body)
            assert (answer.status_code, answer.json()["where"]) == (422, field), answer.text
    unknown = await operator.put(GARAGE, json={"meter": eastron(device) | {"import_is_postive": False}})
    assert unknown.status_code in (400, 422)
    assert (await operator.get(GARAGE)).json()["meter"] is None


async def test_a_password_is_sealed_never_shown_and_not_sent_elsewhere(
    operator: httpx.AsyncClient, node: Node
) -> None:
    meter = {
        "protocol": "http",
        "address": "http://127.0.0.1:9/meter",
        "auth": "basic",
        "user": "ada",
        "password": "s3cret",
        "values": [{"name": f"current_l{n}", "path": "a"} for n in (1, 2, 3)],
    }
    assert (await operator.put(GARAGE, json={"meter": meter, "unproven": True})).status_code == 200
    stored = await node.store.read(lambda c: sites.load_site(c, OPERATOR, "work", node.clock.now()))
    assert stored is not None
    assert stored.circuits[1].meter is not None
    sealed = stored.circuits[1].meter.password
    assert sealed.startswith(PREFIX)
    assert "s3cret" not in sealed
    audit = (await operator.get("/api/v1/audit", params={"actor": "user:anna"})).text
    for text in (
        (await operator.get(GARAGE)).text,
        (await operator.get("/api/v1/sites/work")).text,
        (await operator.get("/api/v1/sites/work/live")).text,
        audit,
    ):
        assert "s3cret" not in text
        assert PREFIX not in text
    assert "set_meter" in audit
    assert (await operator.get(GARAGE)).json()["meter"]["password"] == "***"

    for kept in ("***", ""):
        body = {"meter": meter | {"password": kept, "interval_s": 2.0}, "unproven": True}
        assert (await operator.put(GARAGE, json=body)).status_code == 200
        assert node.site.site.circuits[1].meter is not None
        assert node.site.site.circuits[1].meter.password == sealed
    elsewhere = {"meter": meter | {"password": "***", "address": "http://127.0.0.1:8/"}}
    refused = await operator.post(f"{GARAGE}/test", json=elsewhere)
    assert refused.status_code == 409
    assert "entered again" in refused.json()["what"]


async def test_a_pushed_reading_is_checked_like_any_other(operator: httpx.AsyncClient, node: Node) -> None:
    good = {"current_a": [10, 5, 2], "power_w": [2300, -1150, 460]}
    assert (await operator.post(GRID, json=good)).status_code == 204
    assert node.site.view().circuits[0].metered_a == (10.0, -5.0, 2.0)
    bad = await operator.post(GRID, json={"current_a": [1000, 5, 2]})
    assert bad.status_code == 422
    assert "implausible" in bad.json()["what"]
    shown = (await operator.get(GRID)).json()
    assert (shown["fault"], shown["reading"]["current_a"]) == ("implausible", [10.0, -5.0, 2.0])
    assert (await operator.post(GRID, json=good)).status_code == 204
    assert (await operator.get(GRID)).json()["fault"] is None


async def test_maps_that_may_be_named(operator: httpx.AsyncClient) -> None:
    maps = (await operator.get("/api/v1/meter-maps")).json()
    assert "eastron-sdm630" in [item["map"] for item in maps]
    assert all("current_l1" in item["tells"] and item["source"] for item in maps)


async def test_a_viewer_sees_meters_and_changes_none(node: Node) -> None:
    viewer = await node.as_role("viewer")
    assert (await viewer.get(GRID)).status_code == 200
    for method, path, body in (
        ("PUT", GRID, {"meter": {"protocol": "push"}}),
        ("DELETE", GRID, None),
        ("POST", f"{GRID}/test", {}),
    ):
        assert (await viewer.request(method, path, json=body)).status_code == 403

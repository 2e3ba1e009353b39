"""A site's form by the API: everything that a file can say is set and comes back, live, audited."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct

from ampacity.cli.offline import read_site
from ampacity.model import devices, protection, site
from ampacity.store import sites as site_rows
from tests.site.meters.certificates import loopback_certificate

from .node import Node, workplace

WORK = "/api/v1/sites/work"

EVERYTHING: dict[str, Any] = {
    "site_id": "work",
    "name": "Works",
    "time_zone": "Europe/Paris",
    "strategy": "static",
    "voltage_v": 120.0,
    "lease_s": 240.0,
    "supply": "delta",
    "stop_disobedient": True,
    "sharing": {
        "fairness": "need",
        "keep_alive": "always",
        "boosts_at_once": 2,
        "boosts_per_day": 3,
        "boost_tokens": ["TAG-1"],
    },
    "cabinets": [{"cabinet_id": "c1", "modules": 6, "module_w": 50000.0, "move_s": 7.0, "name": "Cabinet"}],
    "devices": [
        {
            "device_id": "b1",
            "kind": "battery",
            "circuit_id": "garage",
            "name": "Battery",
            "phases": [1, 0],
            "draw_w": 5000.0,
            "feed_w": 4000.0,
            "commanded": True,
            "protocol": "modbus-tcp",
            "address": "192.0.2.9:502/1",
            "map": "own",
            "interval_s": 3.0,
            "watchdog_s": 30.0,
            "fallback_w": 0.0,
            "ramp_w_s": 100.0,
            "writes_per_hour": 5,
            "min_soc_percent": 20.0,
            "max_soc_percent": 90.0,
            "recharge_share": 0.4,
        },
        {
            "device_id": "h1",
            "kind": "heat",
            "circuit_id": "garage",
            "draw_w": 6000.0,
            "protocol": "none",
            "levels_w": [0.0, 6000.0],
            "dwell_s": 60.0,
            "yields": False,
        },
    ],
    "circuits": [
        {
            "circuit_id": "grid",
            "name": "Grid",
            "rating_a": 150.0,
            "meter": {
                "protocol": "mqtt",
                "address": "mqtts://192.0.2.1:8883",
                "interval_s": 2.0,
                "import_is_positive": False,
                "measures": "without_evs",
                "phases": [2, 0, 1],
                "meter_time": False,
                "map": "unused",
                "topic": "meter",
                "values": [
                    {"name": "current_l1", "path": "a", "topic": "t", "unit": "mA", "scale": 0.5},
                    {"name": "current_l2", "path": "b"},
                    {"name": "current_l3", "path": "c"},
                ],
                "status_topic": "lwt",
                "offline_text": "gone",
                "auth": "bearer",
                "user": "me",
                "password": "***",
            },
        },
        {
            "circuit_id": "garage",
            "name": "Garage",
            "rating_a": 63.0,
            "parent_id": "grid",
            "rotation": [1, 2, 0],
            "reserve_a": 5.0,
            "generation_a": 4.0,
            "export_a": 3.0,
            "rating_w": 30000.0,
            "rating_va": 31000.0,
            "unbalance_a": 18.0,
            "demand": {"limit_w": 20000.0, "window_s": 600.0},
            "hot_spot": {
                "rated_a": 60.0, "loss_ratio": 7.0, "ambient_c": 35.0, "ambient_sensor": "air",
                "hot_spot_c": 118.0, "top_oil_c": 100.0, "most_share": 1.4, "horizon_s": 900.0,
                "oil_rise_k": 50.0, "gradient_k": 20.0, "oil_s": 9000.0, "winding_s": 200.0,
                "x": 0.9, "y": 1.5, "k11": 0.9, "k21": 1.1, "k22": 1.9,
            },
            "limits": [
                {
                    "limit_a": 50.0, "source": "dso", "valid_until": 4102444800.0, "fallback_a": 20.0,
                    "limit_w": 25000.0, "fallback_w": 10000.0,
                    "pieces": [
                        {"valid_from": 4e9, "valid_until": 4.0001e9, "limit_a": 10.0, "limit_w": 9000.0}
                    ],
                }
            ],
            "sensors": [
                {
                    "sensor_id": "air", "points": [[60.0, 1.0], [80.0, 0.0]], "fallback_share": 0.4,
                    "stale_s": 20.0, "recover_s": 30.0,
                }
            ],
            "signals": [
                {
                    "source": "dso", "failsafe_a": 20.0, "failsafe_w": 9000.0, "heartbeat_s": 30.0,
                    "lost_s": 90.0, "resume": "last", "resume_s": 60.0,
                }
            ],
        },
    ],
    "evses": [
        {
            "station_id": "CP-1",
            "evse_id": 1,
            "circuit_id": "garage",
            "phases": [2, 0],
            "min_a": 7.0,
            "max_a": 25.0,
            "step_a": 0.5,
            "safe_a": 7.0,
            "priority": 2,
            "weight": 2.0,
            "connectors": 2,
            "label": "Bay 1",
            "line_to_line": True,
            "sensors": [{"sensor_id": "ocpp/Body", "points": [[50.0, 1.0], [70.0, 0.5]]}],
        },
        {
            "station_id": "CP-9",
            "evse_id": 1,
            "circuit_id": "grid",
            "phases": [0, 1, 2],
            "dc_power_w": 60000.0,
            "cabinet_id": "c1",
            "phase_switch": True,
        },
    ],
}  # fmt: skip

ELSEWHERE = {
    ("Site", "commissioned"): "by accepting its assessment",
    ("Site", "operator_id"): "who asks",
    ("Circuit", "neutral_a"): "a delta supply has none",
    ("MeterConfig", "ca_pem"): "wants a real certificate",
}
"""Fields that this form can't set, and why; the next test sets those that can be."""


@pytest.fixture
async def operator(node: Node, tmp_path: Path) -> httpx.AsyncClient:
    folder = tmp_path / "meter-maps"
    folder.mkdir(exist_ok=True)
    (folder / "own.toml").write_text(
        'name = "Own"\nsource = "a test"\n[[registers]]\nname = "power"\naddress = 1\ntype = "int16"\n'
        'unit = "W"\n[[writes]]\naddress = 2\ntype = "int16"\nvalue = "command"\n'
    )
    return await node.as_person("anna", "operator")


def structs_of_a_site() -> Iterator[type[Struct]]:
    for module in (site, protection, devices):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Struct) and kind.__module__ == module.__name__:
                yield kind


def told(kind: Any, value: Any, found: set[tuple[str, str]]) -> None:
    """Note each field that a plain value says otherwise than its default."""
    if isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            if field.name in value:
                if field.required or value[field.name] != field.default:
                    found.add((kind.cls.__name__, field.name))
                told(field.type, value[field.name], found)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for one in kind.types:
            if isinstance(one, msgspec.inspect.StructType) and isinstance(value, dict):
                told(one, value, found)
    elif isinstance(kind, msgspec.inspect.VarTupleType):
        for one in value:
            told(kind.item_type, one, found)


def within(part: Any, whole: Any, where: str = "") -> None:
    """What was said comes back, whatever else does."""
    if isinstance(part, dict):
        for name, value in part.items():
            within(value, whole[name], f"{where}.{name}")
    elif isinstance(part, list):
        assert len(part) == len(whole), where
        for number, value in enumerate(part):
            within(value, whole[number], f"{where}[{number}]")
    else:
        assert part == whole, where


async def test_everything_that_a_file_can_say_is_set_and_comes_back(
    node: Node, operator: httpx.AsyncClient
) -> None:
    set_here: set[tuple[str, str]] = set()
    told(msgspec.inspect.type_info(site.Site), EVERYTHING, set_here)
    all_fields = {
        (kind.__name__, field.name) for kind in structs_of_a_site() for field in msgspec.structs.fields(kind)
    }
    assert all_fields - set_here == ELSEWHERE.keys()
    form = copy.deepcopy(EVERYTHING)
    form["circuits"][0]["meter"] |= {"password": "open sesame"}
    answer = await operator.put(WORK, json=form)
    assert answer.status_code == 200, answer.text
    shown = (await operator.get(WORK)).json()
    within(EVERYTHING, shown)
    # And so after a restart, but for what is in force anyhow.
    async with asyncio.timeout(5):
        kept = await node.store.read(
            lambda connection: site_rows.load_site(connection, "default", "work", node.clock.now())
        )
    assert kept is not None
    within({**EVERYTHING, "circuits": []}, {**msgspec.to_builtins(kept), "circuits": []})
    assert [circuit.circuit_id for circuit in kept.circuits] == ["grid", "garage"]
    audit = (await operator.get("/api/v1/audit", params={"actor": "user:anna"})).json()["items"]
    [row] = [item for item in audit if item["action"] == "rebuild_site"]
    assert row["detail"]["EVSE CP-9/1"] == "added"
    assert row["detail"]["EVSE CP-1/1.max_a"] == [32.0, 25.0]
    assert "sesame" not in answer.text + str(audit)
    # The law goes on with it.
    await node.until(lambda: {evse.station_id for evse in node.site.view().evses} == {"CP-1", "CP-9"})


async def test_what_a_delta_supply_has_not_and_a_meter_s_authority_are_set_too(
    operator: httpx.AsyncClient, tmp_path: Path
) -> None:
    form = (await operator.get(WORK)).json()
    _, _, pem = loopback_certificate(tmp_path)
    form["circuits"][1] |= {"neutral_a": 40.0, "meter": {"protocol": "push", "ca_pem": pem}}
    assert (await operator.put(WORK, json=form)).status_code == 200
    circuit = (await operator.get(WORK)).json()["circuits"][1]
    assert (circuit["neutral_a"], circuit["meter"]["ca_pem"]) == (40.0, pem)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("circuits[1].rating_a", {"rating_a": 0}),
        ("circuits[1].parent_id", {"parent_id": "attic"}),
        ("circuits[1].ratting_w", {"ratting_w": 5}),
        ("circuits[1].rating_a", {"rating_a": "much"}),
        ("circuits[1].sensors[0].points", {"sensors": [{"sensor_id": "s", "points": [[60, 1], [50, 0]]}]}),
        ("circuits[1].demand.window_s", {"demand": {"limit_w": 5, "window_s": 0}}),
        ("circuits[1].meter.phases", {"meter": {"protocol": "push", "phases": [0]}}),
        ("circuits", {"parent_id": None}),
        ("site", {"rotation": [0, 0, 1]}),
    ],
)
async def test_what_can_t_be_built_is_refused_with_the_same_words_as_a_file(
    operator: httpx.AsyncClient, tmp_path: Path, where: str, change: dict[str, Any]
) -> None:
    form = (await operator.get(WORK)).json()
    form["circuits"][1] |= change
    answer = (await operator.put(WORK, json=form)).json()
    assert (answer["status"], answer["errors"][0]["where"]) == (422, where.replace(".ratting_w", ""))
    checked = (await operator.post(f"{WORK}/check", json=form)).json()
    assert not checked["usable"]
    assert checked["error"] in answer["what"]
    file = tmp_path / "site.toml"
    file.write_text(toml(form))
    with pytest.raises(ValueError, match="site file") as problem:
        read_site(file, "default")
    assert str(problem.value).endswith(checked["error"])
    assert (await operator.get(WORK)).json()["circuits"][1]["rating_a"] == 63.0


def toml(values: dict[str, Any]) -> str:
    """Plain values as TOML, tables inline."""
    return "".join(f"{name} = {_inline(value)}\n" for name, value in values.items() if value is not None)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        parts = (f"{name} = {_inline(part)}" for name, part in value.items() if part is not None)
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return msgspec.json.encode(value).decode()


async def test_a_check_names_what_will_not_pass(operator: httpx.AsyncClient) -> None:
    form = (await operator.get(WORK)).json()
    form["circuits"][0]["reserve_a"] = 60
    form["circuits"][0]["rating_a"] = 80
    for evse in form["evses"]:
        evse |= {"safe_a": 10, "phases": [1]}
    found = (await operator.post(f"{WORK}/check", json=form)).json()
    assert found["usable"]
    [point] = [point for point in found["points"] if point["kind"] == "offline_sum"]
    assert point["circuit_id"] == "grid"
    assert "L2: safe currents 30.0 A + worst base 60.0 A = 90.0 A > 80 A" in point["text"]
    assert "lower safe_a of CP-1/1" in point["text"]
    assert (await operator.get(WORK)).json()["circuits"][0]["rating_a"] == 150


async def test_a_new_safe_current_is_written_to_a_station_that_is_there(
    node: Node, operator: httpx.AsyncClient
) -> None:
    peer = node.peer("CP-1")
    await peer.connect()
    written = lambda: [  # noqa: E731
        call.payload.csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit
        for call in peer.calls
        if call.action == "SetChargingProfile" and call.payload.csChargingProfiles.stackLevel == 0
    ]
    await node.until(lambda: 0.0 in written())
    form = (await operator.get(WORK)).json()
    form["evses"][0]["safe_a"] = 7.5
    assert (await operator.put(WORK, json=form)).status_code == 200
    await node.until(lambda: 7.5 in written())


async def test_an_evse_with_a_car_stays_until_it_is_stopped(node: Node, operator: httpx.AsyncClient) -> None:
    peer = node.peer("CP-2")
    await peer.connect()
    number = await peer.start(connector_id=2)
    form = (await operator.get(WORK)).json()
    form["evses"] = [evse for evse in form["evses"] if evse["evse_id"] == 1]
    refused = await operator.put(WORK, json=form)
    assert refused.status_code == 409
    assert "a car charges at EVSE 2 of station 'CP-2'" in refused.json()["what"]
    await peer.stop(number, 2000)
    assert (await operator.put(WORK, json=form)).status_code == 200
    assert len(node.site.view().evses) == 2


async def test_two_people_do_not_undo_each_other_s_work(node: Node, operator: httpx.AsyncClient) -> None:
    answer = await operator.get(WORK)
    mark = {"if-match": answer.headers["etag"]}
    form = answer.json() | {"name": "Quay"}
    assert (await operator.put(WORK, json=form, headers=mark)).status_code == 200
    second = await operator.put(WORK, json=form | {"name": "Pier"}, headers=mark)
    assert (second.status_code, "changed by somebody else" in second.json()["what"]) == (409, True)
    assert node.site.site.name == "Quay"


async def test_who_may_draw_more_than_was_assessed_starts_again(
    node: Node, operator: httpx.AsyncClient
) -> None:
    form = (await operator.get(WORK)).json()
    refused = await operator.put(WORK, json=form | {"commissioned": True})
    assert (refused.status_code, "accept its assessment" in refused.json()["what"]) == (409, True)
    await node.store.write(lambda connection: site_rows.set_commissioned(connection, "default", "work"))
    node.site.builder._live.site = msgspec.structs.replace(node.site.site, commissioned=True)
    form = (await operator.get(WORK)).json()
    form["evses"][0]["safe_a"] = 0.0
    form["circuits"][1]["rating_a"] = 50.0
    assert (await operator.put(WORK, json=form)).json()["commissioned"]
    form["circuits"][1]["rating_a"] = 63.0
    points = (await operator.post(f"{WORK}/check", json=form)).json()["points"]
    assert "circuit garage.rating_a" in next(p["text"] for p in points if p["kind"] == "back_to_start")
    assert not (await operator.put(WORK, json=form)).json()["commissioned"]


async def test_stations_stand_at_one_site_and_viewers_change_nothing(
    node: Node, operator: httpx.AsyncClient
) -> None:
    await node.store.write(
        lambda connection: site_rows.save_site(
            connection, workplace("quay", "default", "Q"), node.clock.now()
        )
    )
    form = (await operator.get(WORK)).json()
    form["evses"].append(form["evses"][0] | {"station_id": "Q-1"})
    refused = await operator.put(WORK, json=form)
    assert (refused.status_code, "stands at site 'quay'" in refused.json()["what"]) == (409, True)
    viewer = await node.as_person("otto", "viewer")
    assert (await viewer.put(WORK, json=form)).status_code == 403
    assert (await operator.put("/api/v1/sites/theirs", json=form | {"site_id": "theirs"})).status_code == 404


async def test_passwords_go_nowhere_else(operator: httpx.AsyncClient) -> None:
    form = (await operator.get(WORK)).json()
    values = [{"name": f"current_l{line}", "path": "a"} for line in (1, 2, 3)]
    meter = {"protocol": "http", "address": "http://192.0.2.1/", "password": "sesame", "values": values}
    form["circuits"][1]["meter"] = meter
    assert (await operator.put(WORK, json=form)).json()["circuits"][1]["meter"]["password"] == "***"
    form["circuits"][1]["meter"] = meter | {"password": "***", "address": "http://192.0.2.66/"}
    refused = await operator.put(WORK, json=form)
    assert (refused.status_code, "entered again" in refused.json()["what"]) == (409, True)

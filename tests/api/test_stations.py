"""Stations, commands, tokens, transactions, series: their effects and errors, each for its own operator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from ampacity.api.routes.commands import COMMANDS
from ampacity.csms.link import CallFailed
from ampacity.ocpp.messages import v16

from .node import OTHER, Node, Peer, running_node

API = "/api/v1"


@pytest.fixture
async def node(address: str) -> AsyncIterator[Node]:
    """On each database: here is most of what the API asks it."""
    async with running_node(address) as node:
        yield node


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    return await node.as_person("anna", "operator")


@pytest.fixture
async def peer(node: Node) -> Peer:
    """CP-1, online."""
    peer = node.peer("CP-1")
    await peer.connect()
    await peer.status(1, "Available")
    return peer


async def test_stations_as_they_are_and_as_they_stand(operator: httpx.AsyncClient, peer: Peer) -> None:
    listed = (await operator.get(f"{API}/stations")).json()
    assert [(station["station_id"], station["online"]) for station in listed] == [
        ("CP-1", True),
        ("CP-2", False),
    ]
    one = (await operator.get(f"{API}/stations/CP-1")).json()
    assert (one["vendor"], one["model"], one["version"], one["site_id"]) == ("Voltwerk", "V1", "1.6", "work")
    assert one["serial"] is None
    assert [(c["evse_id"], c["connector_id"], c["status"]) for c in one["connectors"]] == [
        (1, 1, "Available")
    ]
    status = (await operator.get(f"{API}/stations/CP-1/status")).json()
    assert status["online"]
    peer.disconnect()
    assert not (await operator.get(f"{API}/stations/CP-1/status")).json()["online"]
    assert (await operator.get(f"{API}/stations", params={"site_id": "elsewhere"})).json() == []


async def test_a_command_acts_and_is_audited(operator: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["Reset"] = v16.ResetResponse(status="Accepted")
    answer = await operator.post(f"{API}/stations/CP-1/commands/reset", json={"kind": "Immediate"})
    assert answer.status_code == 200
    assert answer.json()["result"] == "accepted"
    assert [msgspec.to_builtins(call.payload) for call in peer.calls if call.action == "Reset"] == [
        {"type": "Hard"}
    ]
    [deed] = (await operator.get(f"{API}/audit", params={"action": "reset"})).json()["items"]
    assert (deed["actor"], deed["target"], deed["outcome"]) == ("user:anna", "station/CP-1", "accepted")


async def test_variables_read_by_command_are_shown(operator: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["GetConfiguration"] = v16.GetConfigurationResponse(
        configurationKey=[v16.KeyValue(key="HeartbeatInterval", readonly=False, value="300")]
    )
    answer = await operator.post(f"{API}/stations/CP-1/commands/get_variables", json={})
    assert answer.status_code == 200, answer.text
    [shown] = (await operator.get(f"{API}/stations/CP-1/variables")).json()
    assert (shown["component"], shown["variable"], shown["value"], shown["read_only"]) == (
        "OCPP16",
        "HeartbeatInterval",
        "300",
        False,
    )


async def test_what_a_station_does_not_do_is_an_error(operator: httpx.AsyncClient, peer: Peer) -> None:
    unlock = f"{API}/stations/CP-1/commands/unlock"
    peer.answers["UnlockConnector"] = v16.UnlockConnectorResponse(status="UnlockFailed")
    refused = await operator.post(unlock, json={"evse_id": 1})
    assert refused.status_code == 502
    assert refused.json()["type"] == "urn:ampacity:rejected"
    assert refused.json()["outcome"]["status"] == "UnlockFailed"
    peer.answers["UnlockConnector"] = CallFailed("timeout", sent=True)
    late = await operator.post(unlock, json={"evse_id": 1})
    assert (late.status_code, late.json()["type"]) == (504, "urn:ampacity:timeout")
    peer.answers["UnlockConnector"] = CallFailed("error", "InternalError", "burnt out")
    garbled = await operator.post(unlock, json={"evse_id": 1})
    assert garbled.status_code == 502
    assert "burnt out" in garbled.json()["detail"]
    peer.disconnect()
    gone = await operator.post(unlock, json={"evse_id": 1})
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:ampacity:offline")
    outcomes = (await operator.get(f"{API}/audit", params={"action": "unlock"})).json()["items"]
    assert [deed["outcome"] for deed in outcomes] == ["offline", "error", "timeout", "rejected"]


async def test_a_command_that_can_not_be(operator: httpx.AsyncClient, peer: Peer) -> None:
    base = f"{API}/stations/CP-1/commands"
    sent = len(peer.calls)
    unknown = await operator.post(f"{base}/explode", json={})
    assert unknown.status_code == 404
    assert "request_start" in unknown.json()["remedy"]
    for name, body, where in [
        ("unlock", {}, "evse_id"),
        ("unlock", {"evse_id": "one"}, "evse_id"),
        ("reset", {"kind": "Gentle"}, "kind"),
        ("request_start", {"evse_id": 1, "token": {}}, "value"),
        ("change_availability", {"evse_id": 1}, "operative"),
    ]:
        answer = await operator.post(f"{base}/{name}", json=body)
        assert answer.status_code == 422, (name, answer.text)
        assert where in answer.text
    nowhere = await operator.post(f"{API}/stations/CP-9/commands/reset", json={})
    assert nowhere.status_code == 404
    assert len(peer.calls) == sent


async def test_each_command_of_the_vocabulary_has_its_path(operator: httpx.AsyncClient) -> None:
    described = (await operator.get(f"{API}/openapi.json")).json()["paths"]
    assert len(COMMANDS) >= 20
    for name, kind in COMMANDS.items():
        operation = described[f"{API}/stations/{{station_id}}/commands/{name}"]["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body["$ref"].endswith(kind.__name__)


async def test_raw_messages_are_found(node: Node, operator: httpx.AsyncClient, peer: Peer) -> None:
    peer.frame("in", '[2,"a1","Heartbeat",{}]')
    peer.frame("out", '[3,"a1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    for n in range(3):
        peer.frame("in", f'[2,"s{n}","StatusNotification",{{"connectorId":{n}}}]')
    await node.csms.stop()  # writes what has gathered
    await node.store.flush()
    path = f"{API}/stations/CP-1/messages"

    async def frames(**query: object) -> list[str]:
        return [m["frame"].split('"')[1] for m in (await operator.get(path, params=query)).json()["items"]]  # type: ignore[arg-type]

    assert await frames() == ["s2", "s1", "s0", "a1", "a1"]
    assert await frames(action="Heartbeat") == ["a1", "a1"]
    assert await frames(direction="out") == ["a1"]
    assert await frames(text='"connectorId":1') == ["s1"]
    first = (await operator.get(path, params={"limit": 2})).json()
    assert [message["action"] for message in first["items"]] == ["StatusNotification"] * 2
    rest = (await operator.get(path, params={"limit": 3, "before": first["next"]})).json()
    assert len(rest["items"]) == 3
    assert rest["next"] is None
    for query in ({"limit": 0}, {"limit": 1001}, {"direction": "up"}, {"before": "x"}):
        assert (await operator.get(path, params=query)).status_code == 422, query
    assert (await operator.get(f"{API}/stations/CP-9/messages")).status_code == 404


async def test_tokens_are_kept_changed_and_forgotten(operator: httpx.AsyncClient) -> None:
    body = {"value": "Ab/12", "label": "Van 7", "status": "Blocked"}
    made = await operator.put(f"{API}/tokens/Ab%2F12", json=body)
    assert made.status_code == 200, made.text
    assert (made.json()["value"], made.json()["kind"]) == ("Ab/12", "ISO14443")
    await operator.put(f"{API}/tokens/zz", json={"value": "zz"})
    listed = (await operator.get(f"{API}/tokens")).json()
    assert [(token["value"], token["status"]) for token in listed] == [
        ("Ab/12", "Blocked"),
        ("zz", "Accepted"),
    ]
    assert [t["value"] for t in (await operator.get(f"{API}/tokens", params={"after": "ab/12"})).json()] == [
        "zz"
    ]
    assert (await operator.get(f"{API}/tokens/AB/12")).json()["label"] == "Van 7"
    assert (await operator.delete(f"{API}/tokens/ab%2F12")).status_code == 204
    assert (await operator.get(f"{API}/tokens/ab%2F12")).status_code == 404
    assert (await operator.delete(f"{API}/tokens/ab%2F12")).status_code == 404
    actions = [
        (deed["action"], deed["target"])
        for deed in (await operator.get(f"{API}/audit", params={"actor": "user:anna"})).json()["items"]
    ]
    assert actions[:3] == [
        ("remove_token", "token/Ab/12"),
        ("save_token", "token/zz"),
        ("save_token", "token/Ab/12"),
    ]
    for wrong in (
        {"value": "other"},
        {"value": "x", "status": "Maybe"},
        {"value": "x", "kind": "Card"},
        {"value": "x", "expires_at": "2030-01-01T00:00:00"},
        {},
    ):
        assert (await operator.put(f"{API}/tokens/x", json=wrong)).status_code == 422, wrong


async def test_transactions_are_listed_page_by_page(
    node: Node, operator: httpx.AsyncClient, peer: Peer
) -> None:
    for n in range(3):
        wire = await peer.start(token=f"TAG-{n}", meter_wh=1000 * n)
        await peer.meter(wire, 1000 * n + 400, 3700)
        if n < 2:
            await peer.stop(
                wire, 1000 * n + 500, token=f"TAG-{n}", reason="DeAuthorized" if n else "EVDisconnected"
            )
    path = f"{API}/transactions"
    first = (await operator.get(path, params={"limit": 2})).json()
    assert [(t["token"], t["state"], t["energy_wh"]) for t in first["items"]] == [
        ("TAG-2", "open", 400.0),
        ("TAG-1", "ended", 500.0),
    ]
    second = (await operator.get(path, params={"limit": 2, "before": first["next"]})).json()
    assert [t["token"] for t in second["items"]] == ["TAG-0"]
    assert second["next"] is None

    async def tokens(**query: str) -> list[str]:
        return [t["token"] for t in (await operator.get(path, params=query)).json()["items"]]

    assert await tokens(state="open") == ["TAG-2"]
    assert await tokens(state="ended") == ["TAG-1", "TAG-0"]
    assert await tokens(token="tag-1") == ["TAG-1"]
    assert await tokens(stop_reason="DeAuthorized") == ["TAG-1"]
    assert await tokens(stop_reason="EVDisconnected", state="ended", token="TAG-0") == ["TAG-0"]
    assert await tokens(stop_reason="EVDisconnected", token="TAG-1") == []
    assert await tokens(stop_reason="Local") == []
    assert await tokens(station_id="CP-2") == []
    assert await tokens(site_id="work", evse_id="1") == ["TAG-2", "TAG-1", "TAG-0"]
    assert await tokens(**{"from": first["items"][1]["started_at"]}) == ["TAG-2", "TAG-1"]
    assert await tokens(to=first["items"][1]["started_at"]) == ["TAG-0"]
    for query in ({"before": "x"}, {"before": "12"}, {"before": "9" * 30 + ".a"}, {"state": "lost"}):
        assert (await operator.get(path, params=query)).status_code == 422, query

    one = first["items"][1]
    assert (await operator.get(f"{path}/{one['transaction_id']}")).json() == one
    assert (await operator.get(f"{path}/none")).status_code == 404

    await node.derived()
    series = (
        await operator.get(
            f"{path}/{one['transaction_id']}/series", params={"measurand": "Energy.Active.Import.Register"}
        )
    ).json()
    [line] = series["lines"]
    assert line["value"] == [1000.0, 1400.0, 1500.0]
    assert line["unit"] == "Wh"
    assert line["at"] == sorted(line["at"])
    quarters = await operator.get(f"{path}/{one['transaction_id']}/series", params={"resolution": "15min"})
    powers = [line for line in quarters.json()["lines"] if line["measurand"] == "Power.Active.Import"]
    assert powers[0]["value"][-1] == 3700
    assert powers[0]["low"] == powers[0]["high"]
    assert (await operator.get(f"{path}/none/series")).status_code == 404


async def test_an_evse_s_series_and_stop(node: Node, operator: httpx.AsyncClient, peer: Peer) -> None:
    wire = await peer.start()
    await peer.meter(wire, 1500, 7000)
    await node.derived()
    path = f"{API}/evses/CP-1/1/series"
    raw = (await operator.get(path, params={"resolution": "raw", "measurand": "Power.Active.Import"})).json()
    assert [line["value"] for line in raw["lines"]] == [[7000.0]]
    assert {line["measurand"] for line in (await operator.get(path)).json()["lines"]} == {
        "Energy.Active.Import.Register",
        "Power.Active.Import",
    }
    for query in (
        {"resolution": "daily"},
        {"from": "2026-01-01T00:00:00"},
        {"from": "2001-01-01T00:00:00Z", "to": "2000-01-01T00:00:00Z"},
    ):
        assert (await operator.get(path, params=query)).status_code == 422, query
    peer.answers["RemoteStopTransaction"] = v16.RemoteStopTransactionResponse(status="Accepted")
    stopped = await operator.post(f"{API}/evses/CP-1/1/stop")
    assert stopped.status_code == 200
    asked = [call.payload for call in peer.calls if call.action == "RemoteStopTransaction"]
    assert asked == [v16.RemoteStopTransactionRequest(transactionId=wire)]


async def test_nothing_of_another_operator_is_seen(node: Node, operator: httpx.AsyncClient) -> None:
    theirs = node.peer("XX-1", OTHER)
    await theirs.connect()
    wire = await theirs.start(token="SECRET-TAG")
    await theirs.meter(wire, 1500, 7000)
    await node.derived()
    theirs.frame("in", '[2,"a1","Heartbeat",{}]')
    state = node.csms.station("XX-1")
    assert state is not None
    [row] = state.transactions.values()
    for path in (
        "/sites",
        "/stations",
        "/sessions",
        "/transactions",
        "/transactions?token=SECRET-TAG",
        "/tokens",
        "/audit",
        "/connections",
    ):
        answer = await operator.get(API + path)
        assert answer.status_code == 200, path
        assert "XX-1" not in answer.text, path
        assert "SECRET" not in answer.text.replace("token=SECRET-TAG", ""), path
    for method, path in [
        ("GET", "/sites/theirs"),
        ("GET", "/sites/theirs/live"),
        ("GET", "/sites/theirs/history"),
        ("PUT", "/sites/theirs/strategy"),
        ("PUT", "/sites/theirs/circuits/grid/limits"),
        ("GET", "/evses/XX-1/1"),
        ("POST", "/evses/XX-1/1/pause"),
        ("POST", "/evses/XX-1/1/stop"),
        ("GET", "/evses/XX-1/1/series"),
        ("GET", "/evses/XX-1/1/qr.svg"),
        ("GET", "/stations/XX-1"),
        ("GET", "/stations/XX-1/status"),
        ("GET", "/stations/XX-1/variables"),
        ("GET", "/stations/XX-1/device-model"),
        ("GET", "/stations/XX-1/reports"),
        ("GET", "/stations/XX-1/drift"),
        ("POST", "/stations/XX-1/converge"),
        ("PATCH", "/stations/XX-1"),
        ("GET", "/stations/XX-1/monitors"),
        ("GET", "/stations/XX-1/events"),
        ("GET", "/stations/XX-1/customer-information"),
        ("GET", "/stations/XX-1/messages"),
        ("POST", "/stations/XX-1/commands/reset"),
        ("GET", f"/transactions/{row.transaction_id}"),
        ("GET", f"/transactions/{row.transaction_id}/series"),
    ]:
        body = {"strategy": "static", "limit_a": 1} if method == "PUT" else {}
        if "strategy" in path:
            body.pop("limit_a")
        elif method == "PUT":
            body.pop("strategy")
        answer = await operator.request(method, API + path, json=body if method != "GET" else None)
        assert answer.status_code == 404, (method, path, answer.text)
    assert theirs.calls == [] or all(call.action != "Reset" for call in theirs.calls)
    assert node.sites["theirs"].site.strategy == "dynamic"

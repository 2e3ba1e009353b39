"""Sites, EVSEs and sessions: what a person sees and changes, down to the audit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ampacity.api.routes.fairness import fairness_view
from ampacity.store.sharing import ShareRow, save_shares

from .node import OPERATOR, Node, Peer, in_an_hour

API = "/api/v1"
LIMITS = f"{API}/sites/work/circuits/grid/limits"


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    return await node.as_person("anna", "operator")


@pytest.fixture
async def charging(node: Node) -> tuple[Peer, int]:
    """CP-1 online with a car that draws."""
    peer = node.peer("CP-1")
    await peer.connect()
    await peer.status(1, "Preparing")
    transaction_id = await peer.start()
    await peer.meter(transaction_id, 1500.0, 7000.0)
    return peer, transaction_id


async def deeds(client: httpx.AsyncClient) -> list[tuple[str, str, str]]:
    """Actor, action and outcome of what anna did, newest first, without her sign-in."""
    items = (await client.get(f"{API}/audit", params={"actor": "user:anna"})).json()["items"]
    return [(item["actor"], item["action"], item["outcome"]) for item in items][:-1]


async def test_sites_as_built_and_as_they_stand(operator: httpx.AsyncClient, charging: object) -> None:
    [summary] = (await operator.get(f"{API}/sites")).json()
    assert (summary["site_id"], summary["evses"], summary["evses_online"], summary["sessions"]) == (
        "work",
        3,
        1,
        1,
    )
    built = (await operator.get(f"{API}/sites/work")).json()
    assert [circuit["circuit_id"] for circuit in built["circuits"]] == ["grid", "garage"]
    assert built["evses"][0]["label"] == "A1"
    live = (await operator.get(f"{API}/sites/work/live")).json()
    assert live["evses"][0]["session"]["energy_wh"] == 500.0
    assert live["evses"][0]["power_w"] == 7000.0
    assert {circuit["circuit_id"] for circuit in live["circuits"]} == {"grid", "garage"}


async def test_a_site_s_history_is_columns_of_one_length(operator: httpx.AsyncClient) -> None:
    history = (await operator.get(f"{API}/sites/work/history")).json()
    assert [evse["label"] for evse in history["evses"]] == ["A1", "A2", "A3"]
    columns = [history["base_power_w"], history["limit_power_w"], *(e["power_w"] for e in history["evses"])]
    assert {len(column) for column in columns} == {len(history["at"])}


async def test_a_history_that_can_not_be(operator: httpx.AsyncClient) -> None:
    for query in (
        {"from": "yesterday"},
        {"from": "2026-01-01T00:00:00"},  # no zone
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
    ):
        answer = await operator.get(f"{API}/sites/work/history", params=query)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["where"] == "from"


async def test_goals_of_a_session_are_said_shown_and_taken_back(
    operator: httpx.AsyncClient, charging: object
) -> None:
    goals = f"{API}/evses/CP-1/1/goals"
    refused = await operator.put(goals, json={"budget": "5"})
    assert (refused.status_code, "no price is known" in refused.json()["what"]) == (409, True)
    price = {"scope": "all", "price": {"currency": "EUR", "per_kwh": "0.42"}}
    await operator.post(f"{API}/prices", json=price)
    said = {"budget": "12.50", "soc_percent": 80.0, "at_goal": "pause"}
    # The transaction began before there was a price, and keeps that.
    assert (await operator.put(goals, json=said)).status_code == 409
    shown = (await operator.put(goals, json={"energy_wh": 9000.0, "at_goal": "pause"})).json()["session"]
    assert (shown["goals"], shown["goal_reached"]) == ({"energy_wh": 9000.0, "at_goal": "pause"}, None)
    assert (await deeds(operator))[0] == ("user:anna", "set_goals", "done")
    for wrong in ({"soc_percent": 101}, {"budget": "-1"}, {"energy_wh": 0}, {"colour": 1}):
        assert (await operator.put(goals, json=wrong)).status_code == 422, wrong
    assert (await operator.put(goals, json={})).json()["session"]["goals"] is None
    assert (await operator.put(f"{API}/evses/CP-1/1/goals", json={"next": True})).status_code == 409


async def test_who_gets_what_is_scarce_is_chosen_and_audited(node: Node, operator: httpx.AsyncClient) -> None:
    rules = {"fairness": "deadline", "boosts_at_once": 2}
    built = (await operator.put(f"{API}/sites/work/sharing", json=rules)).json()
    assert built["sharing"] == {
        "fairness": "deadline",
        "keep_alive": "learnt",
        "boosts_at_once": 2,
        "boosts_per_day": None,
        "boost_tokens": [],
    }
    assert node.site.site.sharing.fairness == "deadline"
    assert (await deeds(operator))[0] == ("user:anna", "set_sharing", "done")
    wrong = await operator.put(f"{API}/sites/work/sharing", json={"fairness": "loudest"})
    assert wrong.status_code == 422


async def test_feedback_is_one_tap_and_shown_beside_who_got_what(
    node: Node, operator: httpx.AsyncClient, charging: tuple[Peer, int]
) -> None:
    path = (await operator.get(f"{API}/evses/CP-1/1/link")).json()["code"]
    door = f"{API}/public/evses/{path}/feedback"
    given = (await operator.put(door, json={"score": 2})).json()
    assert given["score"] == 2
    session = (await operator.get(f"{API}/evses/CP-1/1")).json()["session"]
    own = f"{API}/transactions/{session['transaction_id']}/feedback"
    assert (await operator.put(own, json={"score": 5})).json()["given_at"] == given["given_at"]
    for wrong in ({"score": 6}, {"score": 0}, {}, {"score": 3, "name": "Ada"}):
        assert (await operator.put(door, json=wrong)).status_code == 422, wrong
    assert (await operator.put(f"{API}/transactions/nobody/feedback", json={"score": 1})).status_code == 404
    empty = (await operator.get(f"{API}/evses/CP-2/1/link")).json()["code"]
    nobody = await operator.put(f"{API}/public/evses/{empty}/feedback", json={"score": 1})
    assert nobody.status_code == 409
    row = ShareRow(
        operator_id=OPERATOR,
        site_id="work",
        day=node.clock.now().date().isoformat(),
        transaction_id=session["transaction_id"],
        station_id="CP-1",
        evse_id=1,
        energy_wh=3600.0,
        wanting_s=100.0,
        satisfied_s=25.0,
        waited_s=50.0,
    )
    await node.store.write(lambda c: save_shares(c, [row]))
    told = (await operator.get(f"{API}/sites/work/fairness")).json()
    assert (told["satisfied_share"], told["waited_share"], told["mean_score"]) == (0.25, 0.5, 5.0)
    [item] = told["items"]
    assert (item["score"], item["energy_wh"]) == (5, 3600.0)
    wrong_way = {"from": "2030-01-01T00:00:00Z", "to": "2029-01-01T00:00:00Z"}
    assert (await operator.get(f"{API}/sites/work/fairness", params=wrong_way)).status_code == 422


def test_evenness_is_one_where_all_were_alike() -> None:
    def rows(*energies: float) -> list[ShareRow]:
        return [
            ShareRow(
                operator_id=OPERATOR,
                site_id="work",
                day="2026-03-01",
                transaction_id=str(number),
                station_id="CP-1",
                evse_id=1,
                energy_wh=energy_wh,
                wanting_s=3600.0,
            )
            for number, energy_wh in enumerate(energies)
        ]

    def evenness(*energies: float) -> float | None:
        return fairness_view(rows(*energies), {}, "equal", "2026-03-01", "2026-03-01").evenness

    assert evenness(5.0, 5.0, 5.0) == pytest.approx(1.0)
    assert evenness(9.0, 0.0, 0.0) == pytest.approx(1 / 3)
    assert evenness(9.0) is None


async def test_the_strategy_is_changed_and_audited(node: Node, operator: httpx.AsyncClient) -> None:
    answer = await operator.put(f"{API}/sites/work/strategy", json={"strategy": "static"})
    assert answer.status_code == 200
    assert answer.json()["strategy"] == "static"
    assert node.site.site.strategy == "static"
    assert (await deeds(operator))[0] == ("user:anna", "set_strategy", "done")
    wrong = await operator.put(f"{API}/sites/work/strategy", json={"strategy": "wild"})
    assert wrong.status_code == 422
    assert wrong.json()["where"] == "strategy"


async def test_a_limit_is_set_replaced_and_withdrawn(node: Node, operator: httpx.AsyncClient) -> None:
    before = (await operator.get(LIMITS)).json()
    assert (before["effective_a"], before["effective_source"], before["sources"]) == (150, "rating", [])
    until = in_an_hour()
    body = {"limit_a": 80, "valid_until": until, "fallback_a": 100}
    put = await operator.put(LIMITS, json=body)
    assert put.status_code == 200
    limits = put.json()
    assert (limits["effective_a"], limits["effective_source"]) == (80, "operator")
    assert limits["sources"][0]["fallback_a"] == 100
    await operator.put(LIMITS, json={"limit_a": 60, "source": "grid"})
    lower = (await operator.put(LIMITS, json={"limit_a": 70})).json()
    assert (lower["effective_a"], lower["effective_source"]) == (60, "grid")
    assert len(lower["sources"]) == 2
    history = lower["history"]
    assert [(row["source"], row["limit_a"], row["set_by"]) for row in history] == [
        ("operator", 70, "user:anna"),
        ("grid", 60, "user:anna"),
        ("operator", 80, "user:anna"),
    ]
    assert history[2]["withdrawn_at"] is not None
    assert datetime.fromisoformat(history[2]["valid_until"]) == datetime.fromisoformat(until)

    gone = await operator.delete(LIMITS, params={"source": "grid"})
    assert gone.status_code == 200
    assert gone.json()["effective_a"] == 70
    assert (await operator.delete(LIMITS, params={"source": "grid"})).status_code == 404
    view = node.site.view()
    assert [action for _, action, _ in await deeds(operator)] == ["withdraw_limit", *["set_limit"] * 3]
    assert view.site_id == "work"


async def test_a_limit_in_watts_stands_beside_the_amperes(operator: httpx.AsyncClient) -> None:
    body = {"limit_w": 40_000, "valid_until": in_an_hour(), "fallback_w": 60_000, "source": "grid"}
    limits = (await operator.put(LIMITS, json=body)).json()
    assert (limits["effective_a"], limits["effective_source"]) == (150, "rating")
    assert (limits["effective_w"], limits["effective_w_source"]) == (40_000, "grid")
    (source,) = limits["sources"]
    assert (source["limit_a"], source["limit_w"], source["fallback_w"]) == (None, 40_000, 60_000)


IMPOSSIBLE_LIMITS: list[tuple[dict[str, object], str]] = [
    ({}, "limit_a"),
    ({"limit_a": -1}, "limit_a"),
    ({"limit_a": "eighty"}, "limit_a"),
    ({"limit_a": 151}, "limit_a"),
    ({"limit_a": 80, "valid_until": "2020-01-01T00:00:00Z"}, "valid_until"),
    ({"limit_a": 80, "valid_until": "2030-01-01T00:00:00"}, "valid_until"),
    ({"limit_a": 80, "fallback_a": 20}, "fallback_a"),
    ({"limit_a": 80, "valid_until": "2099-01-01T00:00:00Z", "fallback_a": 200}, "fallback_a"),
    ({"limit_w": 80_000, "fallback_w": 20_000}, "fallback_w"),
    ({"limit_w": -1}, "limit_w"),
    ({"limit_a": 80, "source": ""}, "source"),
    ({"limit_a": 80, "amps": 1}, "amps"),
]


async def test_a_limit_that_can_not_be(operator: httpx.AsyncClient) -> None:
    for body, where in IMPOSSIBLE_LIMITS:
        answer = await operator.put(LIMITS, json=body)
        assert answer.status_code == 422, body
        problem = answer.json()
        assert where in problem["errors"][0]["where"] + problem["errors"][0]["what"]
        assert problem["remedy"]
    assert (await operator.get(LIMITS)).json()["sources"] == []


async def test_a_body_that_is_no_json(operator: httpx.AsyncClient) -> None:
    answer = await operator.put(LIMITS, content=b'{"limit_a": ', headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:ampacity:malformed"


async def test_a_reading_is_pushed(node: Node, operator: httpx.AsyncClient) -> None:
    path = f"{API}/sites/work/circuits/grid/meter"
    assert (await operator.post(path, json={"current_a": [20, 30.5, 10]})).status_code == 204
    await node.until(lambda: node.site.view().circuits[0].meter_state == "fresh")
    assert node.site.view().circuits[0].metered_a == (20.0, 30.5, 10.0)
    no_meter = await operator.post(f"{API}/sites/work/circuits/garage/meter", json={"current_a": [1, 1, 1]})
    assert no_meter.status_code == 409
    assert "has no meter" in no_meter.json()["what"]
    for body in (
        {"current_a": [1, 1]},
        {"current_a": [1, 1, 1], "at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
    ):
        assert (await operator.post(path, json=body)).status_code == 422


async def test_boost_pause_and_need_reach_the_session(
    node: Node, operator: httpx.AsyncClient, charging: tuple[Peer, int]
) -> None:
    evse = f"{API}/evses/CP-1/1"
    boosted = await operator.post(f"{evse}/boost", json={})
    assert boosted.status_code == 200
    assert boosted.json()["session"]["boosted"]
    assert not (await operator.post(f"{evse}/boost", json={"on": False})).json()["session"]["boosted"]
    assert (await operator.post(f"{evse}/pause")).json()["session"]["paused"]
    assert not (await operator.post(f"{evse}/resume")).json()["session"]["paused"]
    departure = in_an_hour()
    needed = await operator.put(f"{evse}/need", json={"need_wh": 12000, "departure": departure})
    session = needed.json()["session"]
    assert session["need_wh"] == 12000
    assert datetime.fromisoformat(session["departure"]) == datetime.fromisoformat(departure)
    assert [action for _, action, _ in await deeds(operator)] == [
        "declare_need",
        "pause",
        "pause",
        "boost",
        "boost",
    ]
    for body in ({"need_wh": -1}, {"departure": "2020-01-01T00:00:00Z"}, {"departure": "soon"}):
        assert (await operator.put(f"{evse}/need", json=body)).status_code == 422


async def test_without_a_session_there_is_nothing_to_change(operator: httpx.AsyncClient) -> None:
    for path in ("boost", "pause", "resume", "stop"):
        answer = await operator.post(f"{API}/evses/CP-2/1/{path}", json={} if path == "boost" else None)
        assert answer.status_code == 409, path
        assert "othing charges" in answer.json()["what"]


async def test_open_sessions_are_listed(operator: httpx.AsyncClient, charging: tuple[Peer, int]) -> None:
    [session] = (await operator.get(f"{API}/sessions")).json()
    assert (session["site_id"], session["station_id"], session["evse_id"]) == ("work", "CP-1", 1)
    assert session["session"]["token"] == "TAG-1"
    assert (await operator.get(f"{API}/sessions", params={"site_id": "elsewhere"})).json() == []
    one = (await operator.get(f"{API}/evses/CP-1/1")).json()
    assert one["session"]["transaction_id"] == session["session"]["transaction_id"]


async def test_what_is_not_there(operator: httpx.AsyncClient) -> None:
    for method, path in [
        ("GET", "/sites/nowhere"),
        ("GET", "/sites/nowhere/live"),
        ("GET", "/sites/work/circuits/attic/limits"),
        ("GET", "/evses/CP-1/9"),
        ("GET", "/evses/CP-9/1"),
        ("GET", "/nothing"),
        ("GET", "/evses/CP-1/one"),
    ]:
        answer = await operator.request(method, API + path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("application/problem+json")
    answer = await operator.post(f"{API}/sites")
    assert answer.status_code == 405
    assert answer.json()["type"] == "urn:ampacity:method-not-allowed"


async def test_the_demo_s_switches(node: Node, operator: httpx.AsyncClient) -> None:
    assert (await operator.get(f"{API}/demo")).json() == {
        "speed": 10.0,
        "stations": {"CP-1": True, "CP-2": True},
    }
    answer = await operator.post(f"{API}/demo/stations/CP-2/unplug")
    assert answer.json() == {"station_id": "CP-2", "plugged": False}
    assert node.demo.plugged == {"CP-1": True, "CP-2": False}
    await operator.post(f"{API}/demo/stations/CP-2/plug")
    assert node.demo.plugged["CP-2"]
    assert (await operator.post(f"{API}/demo/stations/CP-9/unplug")).status_code == 404


async def test_safe_mode_is_ordered_and_ended(node: Node, operator: httpx.AsyncClient) -> None:
    path = f"{API}/sites/work/safe-mode"
    answer = await operator.post(path, json={"on": True, "reason": "work on the panel"})
    assert answer.status_code == 200
    view = answer.json()
    assert (view["mode"], view["mode_reason"], view["mode_by"]) == ("safe", "work on the panel", "user:anna")
    assert (await deeds(operator))[0] == ("user:anna", "safe_mode", "done")
    assert (await operator.post(path, json={"on": True})).status_code == 422  # nobody is safe without a why
    answer = await operator.post(path, json={"on": False, "reason": "done"})
    assert (answer.json()["mode"], answer.json()["mode_by"]) == ("normal", None)
    assert (await operator.post(path, json={"on": False, "reason": "done"})).status_code == 409


async def test_only_a_named_person_releases_an_emergency_stop(
    node: Node, operator: httpx.AsyncClient
) -> None:
    path = f"{API}/sites/work/emergency-stop"
    stopped = await operator.post(path, json={"reason": "smoke in the garage"})
    assert (stopped.status_code, stopped.json()["mode"]) == (200, "stopped")
    viewer = await node.as_person("vera", "viewer")
    assert (await viewer.post(path, json={"reason": "for fun"})).status_code == 403
    why = {"reason": "it was the toaster"}
    assert (await viewer.post(f"{path}/release", json=why)).status_code == 403
    program = await node.as_role("owner")
    refused = await program.post(f"{path}/release", json=why)
    assert (refused.status_code, "API key" in refused.json()["what"]) == (403, True)
    assert node.site.view().mode == "stopped"
    released = await operator.post(f"{path}/release", json=why)
    assert (released.status_code, released.json()["mode"]) == (200, "normal")
    assert (await deeds(operator))[0] == ("user:anna", "release_emergency_stop", "done")


async def test_a_schedule_of_limits_in_pieces(node: Node, operator: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    pieces = [
        {
            "valid_from": (now - timedelta(minutes=1)).isoformat(),
            "valid_until": (now + timedelta(hours=1)).isoformat(),
            "limit_a": 40.0,
        },
        {
            "valid_from": (now + timedelta(hours=1)).isoformat(),
            "valid_until": (now + timedelta(hours=2)).isoformat(),
            "limit_w": 9000.0,
        },
    ]
    answer = await operator.put(LIMITS, json={"limit_a": 100.0, "source": "utility", "pieces": pieces})
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert (view["effective_a"], view["effective_source"]) == (40.0, "utility")
    assert [piece["limit_w"] for piece in view["sources"][0]["pieces"]] == [None, 9000.0]
    assert [piece["limit_a"] for piece in view["history"][0]["pieces"]] == [40.0, None]
    for wrong in (
        [pieces[0] | {"valid_until": pieces[0]["valid_from"]}],
        [pieces[0] | {"limit_a": None}],
        [pieces[0] | {"limit_a": 151.0}],
    ):
        refused = await operator.put(LIMITS, json={"source": "utility", "pieces": wrong})
        assert refused.status_code == 422
        assert refused.json()["where"] == "pieces[0]"


async def test_heartbeats_and_temperatures_need_what_the_site_is_built_with(
    operator: httpx.AsyncClient,
) -> None:
    circuits = f"{API}/sites/work/circuits"
    answer = await operator.post(f"{circuits}/garage/signals/dso/heartbeat")
    assert (answer.status_code, answer.json()["failsafe_a"]) == (200, 20.0)
    assert (await operator.post(f"{circuits}/grid/signals/dso/heartbeat")).status_code == 404
    path = f"{API}/sites/work/temperatures"
    known = {"circuit_id": "garage", "sensor_id": "cable", "celsius": 45.0}
    assert (await operator.post(path, json=[known])).status_code == 204
    assert (await operator.post(path, json=[known | {"sensor_id": "roof"}])).status_code == 404
    assert (await operator.post(path, json=[{"sensor_id": "cable", "celsius": 45.0}])).status_code == 422
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert (await operator.post(path, json=[known | {"at": late}])).status_code == 422

"""Reservations and local lists by the API: who may, whose they are, and what the pages tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ampacity.model.station import IdToken
from ampacity.ocpp.messages import v16
from ampacity.store.reservations import ReservationRow, save_reservation

from .node import OPERATOR, OTHER, Node, Peer

API = "/api/v1"
NOW = datetime.now(UTC)


def row(number: int, operator_id: str = OPERATOR, **more: Any) -> ReservationRow:
    known: dict[str, Any] = {
        "operator_id": operator_id,
        "reservation_id": number,
        "station_id": "CP-1",
        "evse_id": 1,
        "connector_type": None,
        "token": IdToken("TAG"),
        "group": None,
        "expires_at": NOW + timedelta(hours=number),
        "state": "used",
        "created_by": "user:anna",
        "created_at": NOW,
        "changed_at": NOW,
    }
    return ReservationRow(**known | more)


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


async def fill(node: Node, *rows: ReservationRow) -> None:
    def write(connection: Any) -> None:
        for made in rows:
            save_reservation(connection, made)

    await node.store.write(write)


async def numbers(operator: httpx.AsyncClient, **query: Any) -> list[int]:
    answer = await operator.get(f"{API}/reservations", params=query)
    assert answer.status_code == 200, answer.text
    return [item["reservation_id"] for item in answer.json()["items"]]


async def test_pages_and_filters(node: Node, operator: httpx.AsyncClient) -> None:
    await fill(node, row(1), row(2, station_id="CP-2"), row(3, state="expired"), row(4, token=IdToken("X")))
    assert await numbers(operator) == [4, 3, 2, 1]
    assert await numbers(operator, station_id="CP-2") == [2]
    assert await numbers(operator, state="expired") == [3]
    assert await numbers(operator, token="tag") == [3, 2, 1]
    until = (NOW + timedelta(hours=3)).isoformat()
    assert await numbers(operator, to=until) == [2, 1]
    assert await numbers(operator, **{"from": until}) == [4, 3]
    first = (await operator.get(f"{API}/reservations", params={"limit": 3})).json()
    assert first["next"] == 2
    assert await numbers(operator, before=first["next"]) == [1]
    for wrong in ({"state": "lost"}, {"from": "2026-01-01T00:00:00"}, {"limit": 0}):
        assert (await operator.get(f"{API}/reservations", params=wrong)).status_code == 422, wrong


async def test_nothing_of_another_operator_is_seen_or_cancelled(
    node: Node, operator: httpx.AsyncClient
) -> None:
    await node.peer("XX-1", OTHER).connect()
    await fill(node, row(7, OTHER, station_id="XX-1", state="active"))
    assert await numbers(operator) == []
    ahead = (NOW + timedelta(hours=1)).isoformat()
    for method, path, body in (
        ("GET", "/reservations/7", None),
        ("DELETE", "/reservations/7", None),
        ("POST", "/reservations", {"station_id": "XX-1", "token": "T", "expires_at": ahead}),
        ("GET", "/stations/XX-1/local-list", None),
        ("GET", "/stations/XX-1/local-list/entries", None),
        ("PUT", "/stations/XX-1/local-list", {"enabled": True}),
        ("POST", "/stations/XX-1/local-list/sync", {}),
        ("POST", "/stations/XX-1/local-list/reset", None),
        ("POST", "/transactions/nothing/close", {"why": "gone"}),
    ):
        answer = await operator.request(method, API + path, json=body)
        assert answer.status_code == 404, (path, answer.text)


async def test_a_viewer_looks_only(node: Node, peer: Peer) -> None:
    viewer = await node.as_role("viewer")
    await fill(node, row(1))
    assert await numbers(viewer) == [1]
    assert (await viewer.get(f"{API}/stations/CP-1/local-list")).json()["enabled"] is False
    ahead = (NOW + timedelta(hours=1)).isoformat()
    for method, path, body in (
        ("DELETE", "/reservations/1", None),
        ("POST", "/reservations", {"station_id": "CP-1", "token": "T", "expires_at": ahead}),
        ("PUT", "/stations/CP-1/local-list", {"enabled": True}),
        ("POST", "/stations/CP-1/local-list/sync", {}),
        ("POST", "/stations/CP-1/local-list/reset", None),
        ("POST", "/transactions/nothing/close", {"why": "gone"}),
    ):
        answer = await viewer.request(method, API + path, json=body)
        assert answer.status_code == 403, (path, answer.text)


async def test_a_reservation_is_asked_for_as_it_is_written(
    node: Node, operator: httpx.AsyncClient, peer: Peer
) -> None:
    peer.answers["ReserveNow"] = v16.ReserveNowResponse(status="Accepted")
    body = {
        "station_id": "CP-1",
        "token": "TAG",
        "evse_id": 1,
        "expires_at": (NOW + timedelta(hours=1)).isoformat(),
    }
    made = await operator.post(f"{API}/reservations", json=body)
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["state"], view["token"], view["evse_id"], view["created_by"]) == (
        "active",
        "TAG",
        1,
        "user:anna",
    )
    again = await operator.get(f"{API}/reservations/{view['reservation_id']}")
    assert again.json() == view

"""The connection doctor over the API: filtered, paged, and each operator's own."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from ampacity.store import findings

from .node import OPERATOR, OTHER, Node

API = "/api/v1"


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    at = node.clock.now()
    rows = [
        findings.Finding(
            operator_id=OTHER if station_id == "XX-1" else OPERATOR,
            finding_id=f"f{number}",
            outcome="ended" if kind == "lost" else "rejected",
            kind=kind,
            station_id=station_id,
            reason=f"why {number}",
            peer=f"10.0.0.{number}:5000",
            path="" if kind == "lost" else f"/ocpp/{station_id}",
            offered="",
            status=None if kind == "lost" else 404,
            lasted_s=9.5 if kind == "lost" else None,
            count=number,
            first_at=at - timedelta(hours=1),
            last_at=at - timedelta(seconds=number),
        )
        for number, (station_id, kind) in enumerate(
            [("CP-7", "unknown"), ("CP-8", "unknown"), ("XX-1", "unknown"), ("CP-7", "lost")], start=1
        )
    ]
    await node.store.write(lambda connection: findings.write(connection, rows))
    return await node.as_role("viewer")


async def test_findings_are_told_newest_first_and_by_filter(operator: httpx.AsyncClient) -> None:
    page = (await operator.get(f"{API}/connections")).json()
    assert [row["reason"] for row in page["items"]] == ["why 1", "why 2", "why 4"]
    assert page["next"] is None
    assert page["items"][0]["lasted_s"] is None
    assert page["items"][2] | {"path": None, "status": None, "lasted_s": 9.5, "count": 4} == page["items"][2]
    for query, reasons in (
        ({"station_id": "CP-7"}, ["why 1", "why 4"]),
        ({"outcome": "ended"}, ["why 4"]),
        ({"kind": "unknown"}, ["why 1", "why 2"]),
        ({"text": "cp-8"}, ["why 2"]),
        ({"text": "10.0.0.4"}, ["why 4"]),
        ({"text": "XX"}, []),
    ):
        items = (await operator.get(f"{API}/connections", params=query)).json()["items"]
        assert [row["reason"] for row in items] == reasons, query


async def test_pages_follow_each_other(operator: httpx.AsyncClient) -> None:
    first = (await operator.get(f"{API}/connections", params={"limit": 2})).json()
    rest = (await operator.get(f"{API}/connections", params={"before": first["next"]})).json()
    assert [row["reason"] for row in rest["items"]] == ["why 4"]
    for before in ("x", "12", "12-", "9" * 30 + "-a"):
        answer = await operator.get(f"{API}/connections", params={"before": before})
        assert answer.status_code == 422, before
        assert answer.json()["where"] == "before"

"""Tokens with all that they may carry: kept, filtered, and never shown where they are secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from .node import Node

API = "/api/v1"


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    return await node.as_person("anna", "operator")


async def put(operator: httpx.AsyncClient, value: str, **more: Any) -> Any:
    answer = await operator.put(f"{API}/tokens/{value}", json={"value": value, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def names(operator: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await operator.get(f"{API}/tokens", params=query)
    assert answer.status_code == 200, answer.text
    return [token["value"] for token in answer.json()]


async def test_everything_that_a_token_may_carry_comes_back(operator: httpx.AsyncClient) -> None:
    full = {
        "kind": "eMAID",
        "status": "Accepted",
        "group": "fleet",
        "label": "Van 7",
        "message": "Guten Tag",
        "language": "de",
        "allowed": [{"station_id": "CP1", "evse_ids": [1, 2]}, {"site_id": "yard"}],
        "concurrent": True,
        "priority": -3,
        "listed": False,
    }
    await put(operator, "DEABCC123", **full)
    shown = (await operator.get(f"{API}/tokens/deabcc123")).json()
    assert {name: shown[name] for name in full} == full
    assert shown["master"] is False


async def test_tokens_are_found_by_kind_state_group_and_expiry(operator: httpx.AsyncClient) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    await put(operator, "a", group="fleet", expires_at=soon.isoformat())
    await put(operator, "b", status="Blocked", group="fleet")
    await put(operator, "c", kind="KeyCode", listed=False)
    assert await names(operator, group="fleet") == ["a", "b"]
    assert await names(operator, status="Blocked") == ["b"]
    assert await names(operator, kind="KeyCode") == ["c"]
    assert await names(operator, listed="true") == ["a", "b"]
    assert await names(operator, expires_before=(soon + timedelta(hours=1)).isoformat()) == ["a"]
    assert (await operator.get(f"{API}/tokens", params={"kind": "Card"})).status_code == 422


async def test_wrong_members_are_refused(operator: httpx.AsyncClient) -> None:
    for wrong in (
        {"priority": 10},
        {"language": "much too long"},
        {"allowed": [{"evse_ids": ["one"]}]},
        {"allowed": [{"town": "Berlin"}]},
    ):
        answer = await operator.put(f"{API}/tokens/x", json={"value": "x", **wrong})
        assert answer.status_code == 422, wrong


async def test_the_audit_shows_no_key_code(operator: httpx.AsyncClient) -> None:
    await put(operator, "83617", kind="KeyCode")
    await operator.delete(f"{API}/tokens/83617")
    audit = (await operator.get(f"{API}/audit")).text
    assert "83617" not in audit
    assert "token/***" in audit

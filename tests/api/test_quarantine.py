"""Refused messages over HTTP: shown to their operator, forgotten by who may, and that is audited."""

from __future__ import annotations

import httpx
import pytest

from ampacity.csms.link import StationRef
from ampacity.ocpp.events import ProtocolViolation

from .node import OPERATOR, OTHER, Node

PATH = "/api/v1/quarantine"


def refuse(node: Node, station_id: str, action: str, at: float, operator_id: str = OPERATOR) -> None:
    node.quarantine.take(
        StationRef(operator_id, station_id, "1.6"),
        ProtocolViolation(
            f"{action}: `vendorId` is missing",
            f'[2,"m1","{action}",{{}}]',
            "payload",
            "m1",
            action,
            "ProtocolError",
        ),
        at,
    )


@pytest.fixture
async def operator(node: Node) -> httpx.AsyncClient:
    refuse(node, "CP-1", "DataTransfer", 1_800_000_000.0)
    refuse(node, "CP-1", "DataTransfer", 1_800_000_060.0)
    refuse(node, "CP-2", "Authorize", 1_800_000_090.0)
    refuse(node, "XX-1", "Authorize", 1_800_000_095.0, OTHER)
    return await node.as_person("anna", "operator")


async def test_the_newest_fault_of_the_operator_comes_first(operator: httpx.AsyncClient) -> None:
    shown = (await operator.get(PATH)).json()
    assert [(fault["station_id"], fault["action"], fault["count"]) for fault in shown] == [
        ("CP-2", "Authorize", 1),
        ("CP-1", "DataTransfer", 2),
    ]
    [fault] = (await operator.get(PATH, params={"station_id": "CP-1"})).json()
    assert (fault["first_at"], fault["last_at"]) == ("2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z")
    assert (fault["kind"], fault["answered"], fault["frame"]) == (
        "payload",
        "ProtocolError",
        '[2,"m1","DataTransfer",{}]',
    )
    assert len((await operator.get(PATH, params={"limit": 1})).json()) == 1


async def test_a_forgotten_fault_is_gone_and_in_the_audit(operator: httpx.AsyncClient) -> None:
    [fault] = (await operator.get(PATH, params={"station_id": "CP-1"})).json()
    address = f"{PATH}/{fault['refusal_id']}"
    assert (await operator.delete(address)).status_code == 204
    assert [left["station_id"] for left in (await operator.get(PATH)).json()] == ["CP-2"]
    assert (await operator.delete(address)).status_code == 404
    [deed] = (await operator.get("/api/v1/audit", params={"action": "remove_refused"})).json()["items"]
    assert (deed["actor"], deed["target"], deed["outcome"]) == ("user:anna", "station/CP-1", "done")
    assert (deed["detail"]["action"], deed["detail"]["count"]) == ("DataTransfer", 2)


async def test_who_may_only_look_forgets_nothing_nor_does_another_operator(
    node: Node, operator: httpx.AsyncClient
) -> None:
    viewer = await node.as_person("vera", "viewer")
    for fault in (await viewer.get(PATH)).json():
        assert (await viewer.delete(f"{PATH}/{fault['refusal_id']}")).status_code == 403
    [theirs] = node.quarantine.listed(OTHER)
    assert (await operator.delete(f"{PATH}/{theirs.refusal_id}")).status_code == 404
    assert len(node.quarantine) == 3

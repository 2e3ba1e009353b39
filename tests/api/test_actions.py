"""OCPP's actions by version, as forms are made of them."""

from __future__ import annotations

from .node import running_node

API = "/api/v1"


async def test_the_actions_of_a_version_come_with_their_schemas(address: str) -> None:
    async with running_node(address) as node:
        viewer = await node.as_person("vera", "viewer")
        listed = (await viewer.get(f"{API}/ocpp/1.6/actions")).json()
        actions = {entry["action"]: entry["schema"] for entry in listed}
        assert list(actions) == sorted(actions)
        assert actions["Reset"]["properties"]["type"]["enum"] == ["Hard", "Soft"]
        assert actions["Reset"]["required"] == ["type"]
        assert "BootNotification" not in actions
        later = (await viewer.get(f"{API}/ocpp/2.1/actions")).json()
        assert {"SetDisplayMessage", "SetDERControl"} <= {entry["action"] for entry in later}
        unknown = await viewer.get(f"{API}/ocpp/2.0/actions")
        assert unknown.status_code == 404
        assert "2.0.1" in unknown.json()["remedy"]

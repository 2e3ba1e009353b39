"""Any action of OCPP by the API: exactly the given payload on the wire, the answer back, the same effect as
the command that it is.
"""

from __future__ import annotations

from typing import Any

import pytest

from .product import Product

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_payload_is_sent_as_it_was_written(product: Product) -> None:
    async with product.station("RAW1", "2.0.1") as double:
        double.reactions["DataTransfer"] = {"status": "Accepted", "data": {"b": 1, "a": [1.50]}}
        body = '{ "vendorId" : "x y" ,\n "data": {"z": 8.10, "a": "b \\" c" } }'
        answer = await product.api.post(
            "/api/v1/stations/RAW1/ocpp/DataTransfer",
            content=body,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"status": "Accepted", "data": {"b": 1, "a": [1.5]}}
        page = await product.until(
            lambda said: [item["direction"] for item in said["items"]] == ["in", "out"],
            "/stations/RAW1/messages",
            action="DataTransfer",
        )
        [call] = [item for item in page["items"] if item["direction"] == "out"]
        assert call["frame"].endswith('"DataTransfer",{"vendorId":"x y","data":{"z":8.10,"a":"b \\" c"}}]')


async def test_a_refusal_is_an_answer_too(product: Product) -> None:
    async with product.station("RAW2", "1.6") as double:
        double.reactions["Reset"] = {"status": "Rejected"}
        answer = await product.ocpp("RAW2", "Reset", {"type": "Hard"})
        assert (answer.status_code, answer.json()) == (200, {"status": "Rejected"})
        [deed] = await product.audit("RAW2")
        assert (deed["action"], deed["outcome"]) == ("ocpp", "rejected")
        assert deed["detail"] == {"action": "Reset", "payload": {"type": "Hard"}}


async def test_errors_have_their_own_status(product: Product) -> None:
    async with product.station("RAW3", "2.1") as double:
        broken = await product.ocpp("RAW3", "Reset", {"type": "Sometimes"})
        assert broken.status_code == 422
        assert broken.json()["errors"] == [
            {"where": "$.type", "what": "Reset: Invalid enum value 'Sometimes'"}
        ]
        ours = await product.ocpp("RAW3", "BootNotification", {})
        assert ours.status_code == 422
        no_json = await product.api.post("/api/v1/stations/RAW3/ocpp/Reset", content="{")
        assert no_json.status_code == 422
        assert double.heard == []

        refused = await product.ocpp("RAW3", "ClearCache", {})  # the double answers NotImplemented
        assert refused.status_code == 502
        assert "NotImplemented" in refused.text

        double.silent.add("Reset")
        url = "/api/v1/stations/RAW3/ocpp/Reset?timeout_s=0.05"
        assert (await product.api.post(url, json={"type": "Immediate"})).status_code == 504
    await product.until(lambda said: not said["online"], "/stations/RAW3")
    assert (await product.ocpp("RAW3", "Reset", {"type": "OnIdle"})).status_code == 409
    assert (await product.ocpp("NOBODY", "Reset", {"type": "OnIdle"})).status_code == 404


@pytest.mark.parametrize(
    ("version", "action", "payload", "reply", "name"),
    [
        (
            "1.6",
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "value": "77"},
            {"status": "Accepted"},
            "HeartbeatInterval",
        ),
        (
            "2.0.1",
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "77",
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "HeartbeatInterval"},
                    }
                ]
            },
            {
                "setVariableResult": [
                    {
                        "attributeStatus": "Accepted",
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "HeartbeatInterval"},
                    }
                ]
            },
            "HeartbeatInterval",
        ),
    ],
)
async def test_it_has_the_effect_of_the_command(
    product: Product, version: str, action: str, payload: dict[str, Any], reply: dict[str, Any], name: str
) -> None:
    station_id = f"RAW-{version}"
    async with product.station(station_id, version) as double:
        double.reactions[action] = reply
        assert (await product.ocpp(station_id, action, payload)).status_code == 200
        said = await product.get(f"/stations/{station_id}/variables")
        assert [item["value"] for item in said if item["variable"] == name] == ["77"]


async def test_a_password_is_not_shown(product: Product) -> None:
    async with product.station("RAW4", "1.6") as double:
        double.reactions["ChangeConfiguration"] = {"status": "Accepted"}
        payload = {"key": "AuthorizationKey", "value": "00112233445566778899"}
        assert (await product.ocpp("RAW4", "ChangeConfiguration", payload)).status_code == 200
        assert double.heard == [("ChangeConfiguration", payload)]
        [deed] = await product.audit("RAW4")
        assert deed["detail"] == {"action": "ChangeConfiguration", "payload": "***"}
        page = await product.get("/stations/RAW4/messages")
        assert "0011223344" not in str(page)

"""What of stations' security outlives a restart, and who may decide about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from .double import station
from .product import Product, running
from .secured import PASSWORD, basic

NEW = "another-p4ssword-of-20"


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """The profile reached, a password on its way, and events; the issuing authority is the same."""
    async with running(tmp_path) as product:
        await known(product)
        async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)) as double:
            double.reactions["SetVariables"] = {
                "setVariableResult": [RESULT | {"attributeStatus": "RebootRequired"}]
            }
            told = await product.command("K1", "set_password", password=NEW)
            assert told.status_code == 200, told.text
            event = {"type": "TamperDetectionActivated", "timestamp": product.at(), "techInfo": "lid"}
            assert await double.call("SecurityEventNotification", event) == {}
        before = (await product.get("/authority"))["root"]
    async with running(tmp_path) as product:
        said = await product.get("/stations/K1/security")
        assert (said["security_profile"], said["password_changing"], said["has_password"]) == (1, True, True)
        assert (await product.get("/authority"))["root"] == before
        [kept] = (await product.get("/security-events", critical=True))["items"]
        assert (kept["kind"], kept["detail"]) == ("TamperDetectionActivated", "lid")
        for password in (PASSWORD, NEW):
            async with station(product.port, "K1", "2.0.1", headers=basic("K1", password)):
                pass
        with pytest.raises(InvalidStatus):
            async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)):
                pass
    async with (
        running(tmp_path) as product,
        station(product.port, "K1", "2.0.1", headers=basic("K1", NEW)),
    ):
        assert not (await product.get("/stations/K1/security"))["password_changing"]


async def test_only_an_owner_lowers_a_profile(tmp_path: Path) -> None:
    """An operator may raise it and register passwords; each deed is in the audit, without its secret."""
    async with running(tmp_path) as product:
        await known(product)
        path = "/api/v1/stations/K1/security"
        raised = await product.api.put(path, json={"security_profile": 2})
        assert raised.json()["security_profile"] == 2
        lowered = await product.api.put(path, json={"security_profile": 0})
        assert (lowered.status_code, "administer" in lowered.text) == (403, True)
        with pytest.raises(InvalidStatus) as caught:
            async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)):
                pass
        assert caught.value.response.status_code == 403
        owner = await product.key("owner")
        lowered = await product.api.put(path, json={"security_profile": 1}, headers=owner)
        assert lowered.json()["security_profile"] == 1
        async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)):
            pass
        deeds = [row["detail"] for row in await product.audit("K1") if row["action"] == "change_security"]
        assert deeds == [{"security_profile": 1}, {"security_profile": 2}, {"password": "***"}]
        viewer = await product.key("viewer")
        assert (await product.api.get(path, headers=viewer)).status_code == 200
        assert (await product.api.put(path, json={}, headers=viewer)).status_code == 403


async def test_a_password_must_be_long_enough(tmp_path: Path) -> None:
    """16 to 40 characters; nothing is sent, and nothing of it is told again."""
    async with running(tmp_path) as product:
        await known(product)
        async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)) as double:
            for wrong in ("short", "x" * 41):
                told = await product.command("K1", "set_password", password=wrong)
                assert told.status_code == 422
                assert "16 to 40" in told.text
                assert wrong not in told.text
            assert double.heard == []


async def test_a_password_among_other_values(tmp_path: Path) -> None:
    """The station's word on it counts, not that on its neighbours."""
    async with running(tmp_path) as product:
        await known(product)
        other = {"component": {"name": "ClockCtrlr"}, "variable": {"name": "TimeOffset"}}
        values = [
            {"ref": {"component": "SecurityCtrlr", "variable": "BasicAuthPassword"}, "value": NEW},
            {"ref": {"component": "ClockCtrlr", "variable": "TimeOffset"}, "value": "01:00"},
        ]
        async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)) as double:
            double.reactions["SetVariables"] = {
                "setVariableResult": [
                    RESULT | {"attributeStatus": "Accepted"},
                    other | {"attributeStatus": "Rejected"},
                ]
            }
            assert (await product.command("K1", "set_variables", values=values)).status_code == 502
        async with station(product.port, "K1", "2.0.1", headers=basic("K1", NEW)) as double:
            double.reactions["SetVariables"] = {
                "setVariableResult": [
                    RESULT | {"attributeStatus": "Rejected"},
                    other | {"attributeStatus": "Accepted"},
                ]
            }
            values[0]["value"] = "yet-another-p4ssword"
            assert (await product.command("K1", "set_variables", values=values)).status_code == 502
        async with station(product.port, "K1", "2.0.1", headers=basic("K1", NEW)):
            assert not (await product.get("/stations/K1/security"))["password_changing"]


async def test_a_password_in_a_network_profile(tmp_path: Path) -> None:
    """2.1 may give one along: it counts beside the old until the station comes with it, and is shown
    nowhere.
    """
    async with running(tmp_path) as product:
        await known(product)
        async with station(product.port, "K1", "2.1", headers=basic("K1", PASSWORD)) as double:
            double.reactions["SetNetworkProfile"] = {"status": "Accepted"}
            data = {
                "ocppInterface": "Wired0", "ocppTransport": "JSON", "messageTimeout": 30, "securityProfile":
                1, "ocppCsmsUrl": "ws://csms.example.org", "basicAuthPassword": NEW,
            }  # fmt: skip
            payload = {"configurationSlot": 1, "connectionData": data}
            assert (await product.ocpp("K1", "SetNetworkProfile", payload)).json() == {"status": "Accepted"}
            [(_, heard)] = double.heard
            assert heard == payload
        assert NEW not in str(await product.audit("K1")) + str(
            await product.get("/messages", station_id="K1")
        )
        for password in (PASSWORD, NEW):
            async with station(product.port, "K1", "2.1", headers=basic("K1", password)):
                pass
        with pytest.raises(InvalidStatus):
            async with station(product.port, "K1", "2.1", headers=basic("K1", PASSWORD)):
                pass


async def test_security_events_are_paged(tmp_path: Path) -> None:
    async with running(tmp_path) as product:
        async with station(product.port, "K2", "1.6") as double:
            for number in range(5):
                event = {"type": f"Kind{number}", "timestamp": product.at(number)}
                assert await double.call("SecurityEventNotification", event) == {}
        first = await product.get("/security-events", station_id="K2", limit=3)
        rest = await product.get("/security-events", station_id="K2", limit=3, before=first["next"])
        assert [item["kind"] for item in first["items"] + rest["items"]] == [
            f"Kind{n}" for n in (4, 3, 2, 1, 0)
        ]
        assert rest["next"] is None
        assert not any(item["critical"] for item in first["items"])
        wrong = await product.api.get("/api/v1/security-events", params={"before": "nonsense"})
        assert wrong.status_code == 422


async def test_without_an_authority_requests_are_rejected(tmp_path: Path) -> None:
    async with running(tmp_path, security={"authority": "none"}) as product:
        assert (await product.get("/authority"))["kind"] == "none"
        async with station(product.port, "K3", "2.0.1") as double:
            said = await double.call("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"})
        assert said["status"] == "Rejected"
        assert "authority" in said["statusInfo"]["additionalInfo"]


RESULT = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


async def known(product: Product) -> None:
    """Station K1 with its password, having come by it."""
    async with station(product.port, "K1", "2.0.1"):
        await product.until(lambda said: said["online"], "/stations/K1")
    told = await product.api.put("/api/v1/stations/K1/security", json={"password": PASSWORD})
    assert told.status_code == 200, told.text
    async with station(product.port, "K1", "2.0.1", headers=basic("K1", PASSWORD)):
        pass

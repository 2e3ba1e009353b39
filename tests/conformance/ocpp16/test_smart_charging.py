"""Smart charging in 1.6: profiles that a person sets, replaces and clears, starts with a profile, and
composite schedules.

Each function is a test case for a central system of OCA's certification.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ..double import Double
from ..product import Product, wire_time
from ..speech import Speech16

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def name() -> str:
    return f"SC16-{next(_names)}"


@contextlib.asynccontextmanager
async def station(product: Product, name: str) -> AsyncIterator[Double]:
    """A double that takes what is set and cleared."""
    async with product.station(name, "1.6") as double:
        boot = {"chargePointVendor": "V1", "chargePointModel": "M1"}
        assert (await double.call("BootNotification", boot))["status"] == "Accepted"
        for action in ("SetChargingProfile", "ClearChargingProfile", "RemoteStartTransaction"):
            double.reactions[action] = ACCEPTED
        yield double


def profile(product: Product, purpose: str, **more: Any) -> dict[str, Any]:
    """Absolute from now on, 6 A, unless told otherwise."""
    return {
        "profile_id": 31,
        "stack_level": 1,
        "purpose": purpose,
        "kind": "Absolute",
        "unit": "A",
        "periods": [{"start_s": 0, "limit": 6.0}, {"start_s": 600, "limit": 8.1, "number_phases": 1}],
        "start": product.now.replace(microsecond=0).isoformat(),
        "duration_s": 3600,
    } | more


async def start(product: Product, double: Double, name: str, evse_id: int = 1) -> Speech16:
    """A transaction goes on at a connector."""
    words = Speech16(name)
    words.started(await double.call(*words.start(evse_id, f"TAG{name}"[:20], 100, product.at(-60.0))))
    return words


async def installed(product: Product, name: str) -> dict[int, tuple[int, str]]:
    """Profile id -> (connector, purpose) as the API tells it."""
    view = await product.get(f"/stations/{name}/charging")
    return {
        row["profile"]["profile_id"]: (row["evse_id"], row["profile"]["purpose"]) for row in view["installed"]
    }


@proves("1.6 5.16", "1.6 7.8")
async def test_TC_056_CSMS_default_profile(product: Product, name: str) -> None:
    """A TxDefaultProfile with its periods, unit and start; the person's deed is in the audit."""
    async with station(product, name) as double:
        given = profile(product, "TxDefaultProfile")
        outcome = await product.command(name, "set_profile", evse_id=1, profile=given)
        assert outcome.status_code == 200, outcome.text
        action, request = double.heard[-1]
        assert (action, request["connectorId"]) == ("SetChargingProfile", 1)
        assert request["csChargingProfiles"] == {
            "chargingProfileId": 31,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "duration": 3600,
                "startSchedule": given["start"].replace("+00:00", "Z"),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 6.0},
                    {"startPeriod": 600, "limit": 8.1, "numberPhases": 1},
                ],
            },
        }
        assert await installed(product, name) == {31: (1, "TxDefaultProfile")}
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_profile", "accepted")


@proves("1.6 3.13.1", "1.6 5.16")
async def test_TC_056_CSMS_cap_of_the_station(product: Product, name: str) -> None:
    """What caps the station is a ChargePointMaxProfile of connector 0, in 1.6's words."""
    async with station(product, name) as double:
        given = profile(product, "ChargingStationMaxProfile")
        assert (await product.command(name, "set_profile", evse_id=0, profile=given)).status_code == 200
        request = double.heard[-1][1]
        assert request["connectorId"] == 0
        assert request["csChargingProfiles"]["chargingProfilePurpose"] == "ChargePointMaxProfile"


@proves("1.6 3.13.1", "1.6 5.16.2")
async def test_TC_057_CSMS_profile_of_a_transaction(product: Product, name: str) -> None:
    """A TxProfile names the transaction of its connector, and is forgotten with it."""
    async with station(product, name) as double:
        words = await start(product, double, name)
        given = profile(product, "TxProfile")
        assert (await product.command(name, "set_profile", evse_id=1, profile=given)).status_code == 200
        wire = double.heard[-1][1]["csChargingProfiles"]
        assert (wire["chargingProfilePurpose"], wire["transactionId"]) == ("TxProfile", int(words.wire_id))
        assert await installed(product, name) == {31: (1, "TxProfile")}
        await double.call(*words.stop(200, product.at(-10.0)))
        await product.until(lambda view: not view["installed"], f"/stations/{name}/charging")


@proves("1.6 5.16.2")
async def test_TC_058_1_CSMS_no_transaction(product: Product, name: str) -> None:
    """A TxProfile for a connector without transaction is not sent; a station's refusal is told."""
    async with station(product, name) as double:
        given = profile(product, "TxProfile")
        refused = await product.command(name, "set_profile", evse_id=1, profile=given)
        assert (refused.status_code, len(double.heard)) == (422, 0)
        double.reactions["SetChargingProfile"] = {"status": "Rejected"}
        wire = {
            "chargingProfileId": 31,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
            },
        }
        answer = await product.ocpp(
            name, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": wire}
        )
        assert (answer.status_code, answer.json()) == (200, {"status": "Rejected"})
        assert await installed(product, name) == {}


@proves("1.6 5.16.2")
async def test_TC_058_2_CSMS_another_transaction(product: Product, name: str) -> None:
    """A TxProfile of a transaction that the station does not know is refused by it; nothing is installed."""
    async with station(product, name) as double:
        await start(product, double, name)
        double.reactions["SetChargingProfile"] = {"status": "Rejected"}
        given = profile(product, "TxProfile", station_transaction_id="999999")
        refused = await product.command(name, "set_profile", evse_id=1, profile=given)
        assert (refused.status_code, refused.json()["outcome"]["status"]) == (502, "Rejected")
        assert double.heard[-1][1]["csChargingProfiles"]["transactionId"] == 999999
        assert await installed(product, name) == {}


# ---------------------------------------------------------------- remote start with a profile

FOR_START = {
    "profile_id": 32,
    "stack_level": 0,
    "purpose": "TxProfile",
    "kind": "Relative",
    "unit": "A",
    "periods": [{"start_s": 0, "limit": 10.0}],
}


@proves("1.6 5.11", "1.6 3.13.3")
async def test_TC_059_CSMS_remote_start_with_a_profile(product: Product, name: str) -> None:
    """The start carries a TxProfile without transaction; the transaction that comes has it."""
    async with station(product, name) as double:
        token = {"value": f"TAG{name}", "kind": "Central"}
        outcome = await product.command(name, "request_start", evse_id=1, token=token, profile=FOR_START)
        assert outcome.status_code == 200, outcome.text
        action, request = double.heard[-1]
        assert (action, request["connectorId"], request["idTag"]) == (
            "RemoteStartTransaction",
            1,
            f"TAG{name}",
        )
        wire = request["chargingProfile"]
        assert wire["chargingProfilePurpose"] == "TxProfile"
        assert "transactionId" not in wire
        words = await start(product, double, name)
        await product.until(
            lambda view: (
                [row["profile"]["station_transaction_id"] for row in view["installed"]] == [words.wire_id]
            ),
            f"/stations/{name}/charging",
        )
        await double.call(*words.stop(200, product.at(-10.0)))
        await product.until(lambda view: not view["installed"], f"/stations/{name}/charging")


@proves("1.6 5.11")
async def test_TC_060_CSMS_remote_start_with_a_profile_is_rejected(product: Product, name: str) -> None:
    """A refused start installs nothing."""
    async with station(product, name) as double:
        double.reactions["RemoteStartTransaction"] = {"status": "Rejected"}
        token = {"value": f"TAG{name}", "kind": "Central"}
        outcome = await product.command(name, "request_start", evse_id=1, token=token, profile=FOR_START)
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, "Rejected")
        assert await installed(product, name) == {}


# ---------------------------------------------------------------- asking and clearing


@pytest.mark.parametrize("connector_id", [0, 1])
@proves("1.6 5.7")
async def test_TC_066_CSMS_composite_schedule(product: Product, name: str, connector_id: int) -> None:
    """The schedule of a connector, or of the station, is asked for with duration and unit, and shown."""
    async with station(product, name) as double:
        double.reactions["GetCompositeSchedule"] = ACCEPTED | {
            "connectorId": connector_id,
            "scheduleStart": wire_time(product.now),
            "chargingSchedule": {
                "duration": 300,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
            },
        }
        outcome = await product.command(
            name, "get_composite_schedule", evse_id=connector_id, duration_s=300, unit="A"
        )
        assert outcome.json()["data"]["periods"][0]["limit"] == 8.1
        expected = {"connectorId": connector_id, "duration": 300, "chargingRateUnit": "A"}
        assert double.heard[-1] == ("GetCompositeSchedule", expected)
        [said] = (await product.get(f"/stations/{name}/charging"))["composites"]
        assert (said["evse_id"], said["periods"][0]["limit"]) == (connector_id, 8.1)


@proves("1.6 5.4")
async def test_TC_067_CSMS_clears_profiles(product: Product, name: str) -> None:
    """By id, then by what they are; of those installed only these go."""
    async with station(product, name) as double:
        for profile_id, level in ((31, 1), (32, 2), (33, 3)):
            given = profile(product, "TxDefaultProfile", profile_id=profile_id, stack_level=level)
            assert (await product.command(name, "set_profile", evse_id=1, profile=given)).status_code == 200
        assert (await product.command(name, "clear_profile", profile_id=31)).status_code == 200
        assert double.heard[-1] == ("ClearChargingProfile", {"id": 31})
        outcome = await product.command(
            name, "clear_profiles", evse_id=1, purpose="TxDefaultProfile", stack_level=2
        )
        assert outcome.status_code == 200
        criteria = {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 2}
        assert double.heard[-1] == ("ClearChargingProfile", criteria)
        assert set(await installed(product, name)) == {33}
        double.reactions["ClearChargingProfile"] = {"status": "Unknown"}
        unknown = await product.command(name, "clear_profiles", purpose="ChargingStationMaxProfile")
        assert (unknown.status_code, unknown.json()["status"]) == (200, "Unknown")
        assert double.heard[-1][1] == {"chargingProfilePurpose": "ChargePointMaxProfile"}


# ---------------------------------------------------------------- stack levels


@proves("1.6 3.13.2")
async def test_TC_070_CSMS_stack_levels(product: Product, name: str) -> None:
    """Two of one purpose differ in stack level and id; a second id in one place is not sent."""
    async with station(product, name) as double:
        low = profile(product, "TxDefaultProfile")
        high = profile(product, "TxDefaultProfile", profile_id=32, stack_level=2)
        for given in (low, high):
            assert (await product.command(name, "set_profile", evse_id=1, profile=given)).status_code == 200
        wires = [request["csChargingProfiles"] for _, request in double.heard]
        assert [(wire["chargingProfileId"], wire["stackLevel"]) for wire in wires] == [(31, 1), (32, 2)]
        refused = await product.command(name, "set_profile", evse_id=1, profile=low | {"profile_id": 33})
        assert (refused.status_code, len(double.heard)) == (422, 2)
        assert set(await installed(product, name)) == {31, 32}


@proves("1.6 5.16.4")
async def test_TC_071_CSMS_replaces_a_profile(product: Product, name: str) -> None:
    """The same id with another limit takes the place of what was there."""
    async with station(product, name) as double:
        for limit in (16.0, 6.0):
            given = profile(product, "TxDefaultProfile", periods=[{"start_s": 0, "limit": limit}])
            assert (await product.command(name, "set_profile", evse_id=1, profile=given)).status_code == 200
        schedule = double.heard[-1][1]["csChargingProfiles"]["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 6.0}]
        [row] = (await product.get(f"/stations/{name}/charging"))["installed"]
        assert row["profile"]["periods"][0]["limit"] == 6.0


@pytest.mark.parametrize("recurrency", ["Daily", "Weekly"])
@proves("1.6 3.13.4")
async def test_TC_072_CSMS_recurring_profile(product: Product, name: str, recurrency: str) -> None:
    """A recurring profile says how often it returns, and when it begins."""
    async with station(product, name) as double:
        given = profile(product, "TxDefaultProfile", kind="Recurring", recurrency=recurrency)
        assert (await product.command(name, "set_profile", evse_id=1, profile=given)).status_code == 200
        wire = double.heard[-1][1]["csChargingProfiles"]
        assert (wire["chargingProfileKind"], wire["recurrencyKind"]) == ("Recurring", recurrency)
        assert "startSchedule" in wire["chargingSchedule"]


# ---------------------------------------------------------------- units


@proves("1.6 9.4.3")
async def test_TC_056_CSMS_a_station_that_takes_power_only(product: Product, name: str) -> None:
    """What its key says counts: amperes go out as watts of the phases that the periods name, one where they
    name none.
    """
    async with station(product, name) as double:
        double.reactions["GetConfiguration"] = {
            "configurationKey": [
                {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Power"}
            ]
        }
        ref = {"component": "OCPP16", "variable": "ChargingScheduleAllowedChargingRateUnit"}
        assert (await product.command(name, "get_variables", variables=[ref])).status_code == 200
        given = profile(
            product,
            "TxDefaultProfile",
            periods=[{"start_s": 0, "limit": 10.0}, {"start_s": 60, "limit": 10.0, "number_phases": 3}],
        )
        outcome = await product.command(name, "set_profile", evse_id=1, profile=given)
        assert "sent in W" in outcome.json()["detail"]
        schedule = double.heard[-1][1]["csChargingProfiles"]["chargingSchedule"]
        assert schedule["chargingRateUnit"] == "W"
        assert [period["limit"] for period in schedule["chargingSchedulePeriod"]] == [2300.0, 6900.0]

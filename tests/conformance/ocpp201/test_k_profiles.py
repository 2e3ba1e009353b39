"""Block K, smart charging: profiles that a person sets, replaces and clears, and composite schedules.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import httpx
import pytest

from ..charge import Charge, charging
from ..product import Product, wire_time

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def name() -> str:
    return f"K{next(_names)}"


def periods(limit: float, **more: Any) -> list[dict[str, Any]]:
    return [{"start_s": 0, "limit": limit} | more]


def profile(product: Product, purpose: str, **more: Any) -> dict[str, Any]:
    """Absolute from now on, 6 A, for an hour, unless told otherwise."""
    now = product.now.replace(microsecond=0)
    return {
        "profile_id": 41,
        "stack_level": 2,
        "purpose": purpose,
        "kind": "Absolute",
        "unit": "A",
        "periods": periods(6.0, number_phases=1),
        "start": now.isoformat(),
        "duration_s": 3600,
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(hours=1)).isoformat(),
    } | more


async def set_profile(charge: Charge, evse_id: int, **given: Any) -> dict[str, Any]:
    """Set it and return what came over the wire."""
    charge.double.reactions.setdefault("SetChargingProfile", ACCEPTED)
    outcome = await charge.product.command(charge.name, "set_profile", evse_id=evse_id, profile=given)
    assert outcome.status_code == 200, outcome.text
    action, request = charge.double.heard[-1]
    assert (action, request["evseId"]) == ("SetChargingProfile", evse_id)
    [deed, *_] = await charge.product.audit(charge.name)
    assert (deed["action"], deed["outcome"]) == ("set_profile", "accepted")
    wire: dict[str, Any] = request["chargingProfile"]
    return wire


async def installed(charge: Charge) -> list[tuple[int, int, str, float]]:
    """(EVSE, id, purpose, first limit) of what the API says is installed."""
    view = await charge.product.get(f"/stations/{charge.name}/charging")
    return [
        (
            row["evse_id"],
            row["profile"]["profile_id"],
            row["profile"]["purpose"],
            row["profile"]["periods"][0]["limit"],
        )
        for row in view["installed"]
        if row["status"] == "accepted"
    ]


# ---------------------------------------------------------------- setting


@proves("K01.FR.31", "K01.FR.40")
async def test_TC_K_01_CSMS_default_for_one_evse(product: Product, name: str, version: str) -> None:
    """A TxDefaultProfile for one EVSE, with its times, unit, limit and phases as they were given."""
    async with charging(product, name, version) as charge:
        given = profile(product, "TxDefaultProfile")
        wire = await set_profile(charge, 1, **given)
        [schedule] = wire.pop("chargingSchedule")
        start = given["start"].replace("+00:00", "Z")
        assert wire == {
            "id": 41,
            "stackLevel": 2,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "validFrom": start,
            "validTo": given["valid_to"].replace("+00:00", "Z"),
        }
        schedule.pop("id")
        assert schedule == {
            "startSchedule": start,
            "duration": 3600,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 1}],
        }
        assert await installed(charge) == [(1, 41, "TxDefaultProfile", 6.0)]


@proves("K01.FR.03", "K01.FR.16")
async def test_TC_K_02_CSMS_txprofile_without_a_transaction(
    product: Product, name: str, version: str
) -> None:
    """A TxProfile needs a transaction, so none is sent; one of an id that the station does not know is told
    as refused.
    """
    async with charging(product, name, version) as charge:
        given = profile(product, "TxProfile", periods=periods(7.0))
        refused = await product.command(name, "set_profile", evse_id=1, profile=given)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["where"] == "$.profile.station_transaction_id"
        assert charge.double.heard == []
        charge.double.reactions["SetChargingProfile"] = {
            "status": "Rejected",
            "statusInfo": {"reasonCode": "TxNotFound"},
        }
        unknown = given | {"station_transaction_id": "nobody-knows"}
        refused = await product.command(name, "set_profile", evse_id=1, profile=unknown)
        assert (refused.status_code, refused.json()["outcome"]["detail"]) == (502, "TxNotFound")
        assert await installed(charge) == []


@proves("K01.FR.31", "K01.FR.38")
async def test_TC_K_03_CSMS_cap_of_the_station(product: Product, name: str, version: str) -> None:
    """A ChargingStationMaxProfile goes to EVSE 0; one for an EVSE, or a Relative one, is not sent."""
    async with charging(product, name, version) as charge:
        given = profile(product, "ChargingStationMaxProfile", periods=periods(8.0))
        wire = await set_profile(charge, 0, **given)
        [schedule] = wire["chargingSchedule"]
        assert (wire["chargingProfilePurpose"], wire["chargingProfileKind"]) == (
            "ChargingStationMaxProfile",
            "Absolute",
        )
        assert {"validFrom", "validTo"} <= set(wire)
        assert "startSchedule" in schedule
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.0}]
        for evse_id, wrong in ((1, {}), (0, {"kind": "Relative", "start": None})):
            outcome = await product.command(name, "set_profile", evse_id=evse_id, profile=given | wrong)
            assert outcome.status_code == 422
        assert len(charge.double.heard) == 1


@proves("K01.FR.05")
async def test_TC_K_04_CSMS_replaces_a_profile(product: Product, name: str, version: str) -> None:
    """The same id with another limit takes the place of what was there."""
    async with charging(product, name, version) as charge:
        first = await set_profile(charge, 1, **profile(product, "TxDefaultProfile", periods=periods(8.0)))
        second = await set_profile(charge, 1, **profile(product, "TxDefaultProfile", periods=periods(6.0)))
        assert first["id"] == second["id"] == 41
        assert await installed(charge) == [(1, 41, "TxDefaultProfile", 6.0)]


@proves("K01.FR.06", "K01.FR.39")
async def test_TC_K_04_CSMS_no_second_id_in_one_place(product: Product, name: str, version: str) -> None:
    """Another id of the same purpose, stack level and EVSE is not sent: who asks is told who is there."""
    async with charging(product, name, version) as charge:
        given = profile(product, "TxDefaultProfile")
        await set_profile(charge, 1, **given)
        outcome = await product.command(name, "set_profile", evse_id=1, profile=given | {"profile_id": 42})
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (422, "DuplicateProfile")
        assert "profile 41" in outcome.text
        assert len(charge.double.heard) == 1
        await set_profile(charge, 2, **given | {"profile_id": 42})


@proves("K01.FR.31")
async def test_TC_K_10_CSMS_default_for_all_evses(product: Product, name: str, version: str) -> None:
    """A TxDefaultProfile for EVSE 0 counts for each EVSE."""
    async with charging(product, name, version) as charge:
        wire = await set_profile(charge, 0, **profile(product, "TxDefaultProfile"))
        [schedule] = wire["chargingSchedule"]
        assert {"validFrom", "validTo"} <= set(wire)
        assert {"startSchedule", "duration"} <= set(schedule)
        assert await installed(charge) == [(0, 41, "TxDefaultProfile", 6.0)]


@proves("K01.FR.29")
async def test_TC_K_15_CSMS_station_without_smart_charging(product: Product, name: str, version: str) -> None:
    """A station that knows no profiles says so by an error: nothing is installed, and it is seen why."""
    async with product.station(name, version) as double:  # the double answers NotImplemented
        given = profile(product, "TxDefaultProfile")
        outcome = await product.command(name, "set_profile", evse_id=1, profile=given)
        assert (outcome.status_code, len(double.heard)) == (502, 1)
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_profile", "error")
        view = await product.get(f"/stations/{name}/charging")
        assert "NotImplemented" in view["refused"]
        assert view["installed"] == []


@pytest.mark.parametrize("recurrency", ["Daily", "Weekly"])
@proves("K01.FR.31", "K01.FR.40")
async def test_TC_K_19_CSMS_recurring_profile(
    product: Product, name: str, version: str, recurrency: str
) -> None:
    """A recurring profile says how often it returns, and when it begins."""
    async with charging(product, name, version) as charge:
        given = profile(product, "TxDefaultProfile", kind="Recurring", recurrency=recurrency)
        wire = await set_profile(charge, 1, **given)
        assert (wire["chargingProfileKind"], wire["recurrencyKind"]) == ("Recurring", recurrency)
        assert wire["chargingSchedule"][0]["chargingSchedulePeriod"][0]["startPeriod"] == 0
        assert "startSchedule" in wire["chargingSchedule"][0]


@proves("K01.FR.03", "K01.FR.31")
async def test_TC_K_60_CSMS_profile_of_a_transaction(product: Product, name: str, version: str) -> None:
    """A TxProfile names the transaction that goes on at its EVSE, and is forgotten with it."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        wire = await set_profile(charge, 1, **profile(product, "TxProfile"))
        assert (wire["chargingProfilePurpose"], wire["transactionId"]) == ("TxProfile", charge.wire_id)
        assert await installed(charge) == [(1, 41, "TxProfile", 6.0)]
        await charge.ev_disconnected()
        await product.until(lambda view: not view["installed"], f"/stations/{name}/charging")


@proves("K01.FR.06")
async def test_TC_K_70_CSMS_several_stack_levels(product: Product, name: str, version: str) -> None:
    """Two profiles of one purpose differ in stack level and id, and both are installed."""
    async with charging(product, name, version) as charge:
        low = await set_profile(charge, 1, **profile(product, "TxDefaultProfile", stack_level=1))
        high = await set_profile(
            charge, 1, **profile(product, "TxDefaultProfile", stack_level=3, profile_id=42)
        )
        assert (low["stackLevel"], high["stackLevel"]) == (1, 3)
        assert low["id"] != high["id"]
        assert len(await installed(charge)) == 2


# ---------------------------------------------------------------- with a remote start


@proves("K05.FR.02", "F01.FR.08", "F01.FR.09", "F01.FR.11")
async def test_TC_K_37_CSMS_remote_start_with_a_profile(product: Product, name: str, version: str) -> None:
    """The start carries a TxProfile without transaction; the transaction that comes has it."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["RequestStartTransaction"] = ACCEPTED
        given = {
            "profile_id": 9,
            "stack_level": 0,
            "purpose": "TxProfile",
            "kind": "Relative",
            "unit": "A",
            "periods": periods(10.0),
        }
        token = {"value": charge.token["idToken"], "kind": "ISO14443"}
        outcome = await product.command(name, "request_start", evse_id=1, token=token, profile=given)
        assert outcome.status_code == 200, outcome.text
        _, request = charge.double.heard[-1]
        assert (request["evseId"], request["idToken"]) == (1, charge.token)
        wire = request["chargingProfile"]
        assert (wire["chargingProfilePurpose"], wire["chargingProfileKind"]) == ("TxProfile", "Relative")
        assert "transactionId" not in wire
        await charge.event(
            "RemoteStart",
            info={"remoteStartId": request["remoteStartId"]},
            idToken=charge.token,
            evse=charge.evse,
        )
        view = await product.until(
            lambda view: (
                [row["profile"]["station_transaction_id"] for row in view["installed"]] == [charge.wire_id]
            ),
            f"/stations/{name}/charging",
        )
        assert view["installed"][0]["evse_id"] == 1
        await charge.ev_disconnected()
        await product.until(lambda view: not view["installed"], f"/stations/{name}/charging")


@proves("K05.FR.02", "F01.FR.08", "F01.FR.11")
async def test_TC_K_37_CSMS_a_start_takes_no_other_profile(product: Product, name: str, version: str) -> None:
    """Another purpose, or a transaction's id, is not sent with a start."""
    async with charging(product, name, version) as charge:
        token = {"value": charge.token["idToken"], "kind": "ISO14443"}
        relative = profile(product, "TxDefaultProfile")
        named = profile(product, "TxProfile", station_transaction_id="T1")
        for given in (relative, named):
            outcome = await product.command(name, "request_start", evse_id=1, token=token, profile=given)
            assert outcome.status_code == 422
        assert charge.double.heard == []


# ---------------------------------------------------------------- composite schedules


async def composite(charge: Charge, evse_id: int) -> httpx.Response:
    start = wire_time(charge.product.now)
    charge.double.reactions["GetCompositeSchedule"] = lambda request: (
        ACCEPTED
        | {
            "schedule": {
                "evseId": request["evseId"],
                "duration": request["duration"],
                "scheduleStart": start,
                "chargingRateUnit": request["chargingRateUnit"],
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
            }
        }
    )
    return await charge.product.command(
        charge.name, "get_composite_schedule", evse_id=evse_id, duration_s=300, unit="A"
    )


@proves("K08.FR.01")
async def test_TC_K_43_CSMS_composite_schedule_of_an_evse(product: Product, name: str, version: str) -> None:
    """The question names EVSE, duration and unit; the answer is shown."""
    async with charging(product, name, version) as charge:
        outcome = await composite(charge, 1)
        assert outcome.json()["data"]["periods"][0]["limit"] == 10.0
        expected = {"evseId": 1, "duration": 300, "chargingRateUnit": "A"}
        assert charge.double.heard[-1] == ("GetCompositeSchedule", expected)
        view = await product.get(f"/stations/{name}/charging")
        assert [(said["evse_id"], said["unit"]) for said in view["composites"]] == [(1, "A")]


@proves("K08.FR.01")
async def test_TC_K_44_CSMS_composite_schedule_of_the_station(
    product: Product, name: str, version: str
) -> None:
    """EVSE 0 is the station."""
    async with charging(product, name, version) as charge:
        assert (await composite(charge, 0)).status_code == 200
        assert charge.double.heard[-1][1]["evseId"] == 0
        view = await product.get(f"/stations/{name}/charging")
        assert [said["evse_id"] for said in view["composites"]] == [0]


# ---------------------------------------------------------------- clearing


@proves("K10.FR.02")
async def test_TC_K_05_CSMS_clears_a_profile_by_its_id(product: Product, name: str, version: str) -> None:
    """The id alone, nothing else; then it is not installed any more."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["ClearChargingProfile"] = ACCEPTED
        await set_profile(charge, 0, **profile(product, "ChargingStationMaxProfile"))
        outcome = await product.command(name, "clear_profile", profile_id=41)
        assert outcome.status_code == 200
        assert charge.double.heard[-1] == ("ClearChargingProfile", {"chargingProfileId": 41})
        assert await installed(charge) == []


@proves("K10.FR.02")
async def test_TC_K_06_CSMS_clears_profiles_by_what_they_are(
    product: Product, name: str, version: str
) -> None:
    """Purpose, EVSE and stack level; of those installed only these go."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["ClearChargingProfile"] = ACCEPTED
        await set_profile(charge, 1, **profile(product, "TxDefaultProfile"))
        await set_profile(charge, 1, **profile(product, "TxDefaultProfile", stack_level=3, profile_id=42))
        outcome = await product.command(
            name, "clear_profiles", evse_id=1, purpose="TxDefaultProfile", stack_level=2
        )
        assert outcome.status_code == 200
        criteria = {"evseId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 2}
        assert charge.double.heard[-1] == (
            "ClearChargingProfile",
            {"chargingProfileCriteria": criteria},
        )
        assert [row[1] for row in await installed(charge)] == [42]
        [deed, *_] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("clear_profiles", "accepted")


@proves("K10.FR.02", "K10.FR.06")
async def test_TC_K_06_CSMS_clears_nothing_unnamed(product: Product, name: str, version: str) -> None:
    """Without any criterion, or for external constraints, nothing is sent."""
    async with charging(product, name, version) as charge:
        assert (await product.command(name, "clear_profiles")).status_code == 502
        external = await product.command(name, "clear_profiles", purpose="ChargingStationExternalConstraints")
        assert external.status_code == 422
        assert charge.double.heard == []


@proves("K10.FR.02")
async def test_TC_K_08_CSMS_clears_what_is_not_there(product: Product, name: str, version: str) -> None:
    """A station that has no such profile says Unknown, which is as good as cleared, and is told."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["ClearChargingProfile"] = {"status": "Unknown"}
        outcome = await product.command(
            name, "clear_profiles", evse_id=1, purpose="TxDefaultProfile", stack_level=2
        )
        assert (outcome.status_code, outcome.json()["status"]) == (200, "Unknown")


# ---------------------------------------------------------------- by name


@proves("K01.FR.01")
async def test_TC_K_01_CSMS_a_template_is_set(product: Product, name: str, version: str) -> None:
    """A profile by its name: kept, shown, set at a station, forgotten."""
    url = f"/api/v1/profile-templates/night-{version}"
    template = {
        "stack_level": 1,
        "purpose": "TxDefaultProfile",
        "kind": "Recurring",
        "unit": "W",
        "periods": [{"start_s": 0, "limit": 4200.0}, {"start_s": 3600, "limit": 11000.0}],
        "recurrency": "Daily",
    }
    kept = await product.api.put(url, json=template)
    assert kept.status_code == 200, kept.text
    assert kept.json()["template"]["periods"][1]["limit"] == 11000.0
    assert f"night-{version}" in [item["name"] for item in await product.get("/profile-templates")]
    async with charging(product, name, version) as charge:
        charge.double.reactions["SetChargingProfile"] = ACCEPTED
        use = f"/api/v1/stations/{name}/charging/templates/night-{version}"
        outcome = await product.api.post(use, json={"evse_id": 1, "profile_id": 5})
        assert outcome.status_code == 200, outcome.text
        wire = charge.double.heard[-1][1]["chargingProfile"]
        assert (wire["id"], wire["recurrencyKind"]) == (5, "Daily")
        assert "startSchedule" in wire["chargingSchedule"][0]
    assert (await product.api.delete(url)).status_code == 204
    assert (await product.api.get(url)).status_code == 404

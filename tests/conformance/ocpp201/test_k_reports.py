"""Block K, smart charging: what stations report of their profiles, and limits that others impose.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from ..charge import Charge, charging
from ..double import Double
from ..product import Product, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
ACCEPTED = {"status": "Accepted"}
ALL = {"chargingLimitSource": ["CSO", "EMS", "Other", "SO"]}


@pytest.fixture
def name() -> str:
    return f"KR{next(_names)}"


def held(profile_id: int, purpose: str = "TxDefaultProfile", stack_level: int = 1) -> dict[str, Any]:
    """A profile as a station reports it."""
    return {
        "id": profile_id,
        "stackLevel": stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": "2031-01-01T00:00:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 13.0}],
            }
        ],
    }


async def report(
    double: Double, request: dict[str, Any], evse_id: int, *profiles: dict[str, Any], **more: Any
) -> None:
    """Answer a question with profiles of one EVSE."""
    payload = {
        "requestId": request["requestId"],
        "chargingLimitSource": "CSO",
        "evseId": evse_id,
        "chargingProfile": list(profiles),
    } | more
    assert await double.call("ReportChargingProfiles", payload) == {}


async def ask(charge: Charge, **question: Any) -> dict[str, Any]:
    """Ask, and return what came over the wire."""
    charge.double.reactions["GetChargingProfiles"] = ACCEPTED
    outcome = await charge.product.command(charge.name, "get_profiles", **question)
    assert outcome.status_code == 200, outcome.text
    action, request = charge.double.heard[-1]
    assert action == "GetChargingProfiles"
    return request


async def shown(charge: Charge) -> list[tuple[int, int, str]]:
    """(EVSE, id, source) of what was reported."""
    view = await charge.product.get(f"/stations/{charge.name}/charging")
    return [(item["evse_id"], item["profile_id"], item["source"]) for item in view["held"]]


# ---------------------------------------------------------------- asking


@proves("K09.FR.03")
async def test_TC_K_29_CSMS_profiles_of_the_station_itself(product: Product, name: str, version: str) -> None:
    """EVSE 0 is the station's grid connection; its report is shown."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        request = await ask(charge, evse_id=0, purpose="ChargingStationMaxProfile")
        assert request["evseId"] == 0
        assert request["chargingProfile"] == {"chargingProfilePurpose": "ChargingStationMaxProfile"}
        await report(charge.double, request, 0, held(7, "ChargingStationMaxProfile"))
        assert await shown(charge) == [(0, 7, "CSO")]


@pytest.mark.parametrize(
    ("question", "criterion"),
    [
        pytest.param({"sources": ["CSO"]}, {"chargingLimitSource": ["CSO"]}, id="evse"),
    ],
)
@proves("K09.FR.03")
async def test_TC_K_30_CSMS_profiles_of_an_evse(
    product: Product, name: str, version: str, question: dict[str, Any], criterion: dict[str, Any]
) -> None:
    """Those of one EVSE."""
    await _asks(product, name, version, {"evse_id": 1} | question, {"evseId": 1}, criterion)


@proves("K09.FR.03")
async def test_TC_K_31_CSMS_all_profiles(product: Product, name: str, version: str) -> None:
    """Without an EVSE a report comes for each; the last one ends it."""
    async with charging(product, name, version) as charge:
        request = await ask(charge, sources=ALL["chargingLimitSource"])
        assert "evseId" not in request
        assert request["chargingProfile"] == ALL
        await report(charge.double, request, 1, held(7), tbc=True)
        await report(charge.double, request, 2, held(8), tbc=False)
        assert await shown(charge) == [(1, 7, "CSO"), (2, 8, "CSO")]
        assert (await product.get(f"/stations/{name}/charging"))["read_at"] is not None


@proves("K09.FR.03")
async def test_TC_K_32_CSMS_a_profile_by_its_id(product: Product, name: str, version: str) -> None:
    """One that was reported before, by its id alone."""
    await _asks(product, name, version, {"profile_ids": [7]}, {}, {"chargingProfileId": [7]})


@proves("K09.FR.03")
async def test_TC_K_33_CSMS_profiles_of_a_stack_level(product: Product, name: str, version: str) -> None:
    """Those of an EVSE and a stack level."""
    await _asks(product, name, version, {"evse_id": 1, "stack_level": 2}, {"evseId": 1}, {"stackLevel": 2})


@proves("K09.FR.03")
async def test_TC_K_34_CSMS_profiles_of_a_source(product: Product, name: str, version: str) -> None:
    """Those of an EVSE that somebody else has set."""
    criterion = {"chargingLimitSource": ["EMS"]}
    await _asks(product, name, version, {"evse_id": 1, "sources": ["EMS"]}, {"evseId": 1}, criterion)


@proves("K09.FR.03")
async def test_TC_K_35_CSMS_profiles_of_a_purpose(product: Product, name: str, version: str) -> None:
    """Those of an EVSE and a purpose."""
    criterion = {"chargingProfilePurpose": "TxDefaultProfile"}
    question = {"evse_id": 1, "purpose": "TxDefaultProfile"}
    await _asks(product, name, version, question, {"evseId": 1}, criterion)


@proves("K09.FR.03")
async def test_TC_K_36_CSMS_profiles_of_a_purpose_and_level(
    product: Product, name: str, version: str
) -> None:
    """Those of an EVSE, a purpose and a stack level."""
    criterion = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    question = {"evse_id": 1, "purpose": "TxDefaultProfile", "stack_level": 1}
    await _asks(product, name, version, question, {"evseId": 1}, criterion)


async def _asks(
    product: Product,
    name: str,
    version: str,
    question: dict[str, Any],
    place: dict[str, Any],
    criterion: dict[str, Any],
) -> None:
    async with charging(product, name, version) as charge:
        request = await ask(charge, **question)
        number = request.pop("requestId")
        assert request == place | {"chargingProfile": criterion}
        await report(charge.double, {"requestId": number}, 1, held(7))
        assert await shown(charge) == [(1, 7, "CSO")]
        again = await ask(charge, **question)
        assert again["requestId"] != number
        [deed, *_] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("get_profiles", "accepted")


@proves("K09.FR.03")
async def test_TC_K_31_CSMS_a_question_names_what_it_is_about(
    product: Product, name: str, version: str
) -> None:
    """Without any criterion nothing is sent."""
    async with charging(product, name, version) as charge:
        outcome = await product.command(name, "get_profiles", evse_id=1)
        assert (outcome.status_code, charge.double.heard) == (502, [])
        assert "sources" in outcome.text


# ---------------------------------------------------------------- what reports settle


@proves("K09.FR.01", "K09.FR.02", "K01.FR.06")
async def test_TC_K_31_CSMS_what_is_gone_and_who_is_a_stranger(
    product: Product, name: str, version: str
) -> None:
    """After a full report the registry has what is there; in a managed station strangers are cleared."""
    async with charging(product, name, version) as charge:
        double = charge.double
        double.reactions["SetChargingProfile"] = double.reactions["ClearChargingProfile"] = ACCEPTED
        for profile_id, level in ((11, 1), (12, 2)):
            given = {
                "profile_id": profile_id,
                "stack_level": level,
                "purpose": "TxDefaultProfile",
                "kind": "Relative",
                "unit": "A",
                "periods": [{"start_s": 0, "limit": 10.0}],
            }
            set_ = await product.command(name, "set_profile", evse_id=1, profile=given)
            assert set_.status_code == 200
        mode = await product.api.put(f"/api/v1/stations/{name}/charging", json={"mode": "managed"})
        assert mode.json()["mode"] == "managed"
        request = await ask(charge, sources=ALL["chargingLimitSource"])
        external = held(99, "ChargingStationExternalConstraints")
        await report(double, request, 0, external, chargingLimitSource="EMS", tbc=True)
        await report(double, request, 1, held(11), held(13, stack_level=4))
        view = await product.get(f"/stations/{name}/charging")
        assert [row["profile"]["profile_id"] for row in view["installed"]] == [11]
        assert {item["profile_id"]: item["ours"] for item in view["held"]} == {
            11: True, 13: False, 99: False,
        }  # fmt: skip
        product.leap(2.0)
        assert await double.wait_heard("ClearChargingProfile") == {"chargingProfileId": 13}
        await product.until(
            lambda view: [item["profile_id"] for item in view["held"]] == [11, 99],
            f"/stations/{name}/charging",
        )


@proves("K09.FR.03")
async def test_TC_K_31_CSMS_profiles_are_read_back_after_a_boot(
    tmp_path: Path, name: str, version: str
) -> None:
    """Some seconds after its boot a station is asked for all that it holds."""
    async with running(tmp_path, onboard=True) as product, product.station(name, version) as double:
        double.reactions["GetVariables"] = lambda request: {
            "getVariableResult": [
                item | {"attributeStatus": "UnknownVariable"} for item in request["getVariableData"]
            ]
        }
        double.reactions["GetBaseReport"] = {"status": "NotSupported"}
        double.reactions["GetChargingProfiles"] = {"status": "NoProfiles"}
        boot = {"reason": "PowerUp", "chargingStation": {"model": "M1", "vendorName": "V1"}}
        assert (await double.call("BootNotification", boot))["status"] == "Accepted"
        product.leap(4.0)
        request = await double.wait_heard("GetChargingProfiles")
        assert request["chargingProfile"] == ALL
        await product.until(lambda view: view["read_at"] is not None, f"/stations/{name}/charging")


# ---------------------------------------------------------------- limits of others


@proves("K12.FR.02")
async def test_TC_K_48_CSMS_external_limit(product: Product, name: str, version: str) -> None:
    """A limit of a local energy management is answered and shown, with its schedule."""
    async with charging(product, name, version) as charge:
        told = {
            "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": False},
            "chargingSchedule": held(1)["chargingSchedule"],
            "evseId": 1,
        }
        assert await charge.double.call("NotifyChargingLimit", told) == {}
        [limit] = (await product.get(f"/stations/{name}/charging"))["limits"]
        assert (limit["evse_id"], limit["source"], limit["grid_critical"]) == (1, "EMS", False)
        assert limit["schedules"][0]["periods"][0]["limit"] == 13.0
        again = told | {"chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True}}
        assert await charge.double.call("NotifyChargingLimit", again) == {}
        [limit] = (await product.get(f"/stations/{name}/charging"))["limits"]
        assert limit["grid_critical"] is True


@pytest.mark.parametrize(
    "start", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59Z"]
)
@proves("K12.FR.02")
async def test_TC_K_48_CSMS_a_limit_of_another_age(
    product: Product, name: str, version: str, start: str
) -> None:
    """Times and numbers at the ends of what can be said are answered, kept and shown."""
    async with charging(product, name, version) as charge:
        schedule = held(1)["chargingSchedule"][0] | {"startSchedule": start, "duration": 2**62}
        schedule["chargingSchedulePeriod"] = [
            {"startPeriod": -(2**62), "limit": 1e300},
            {"startPeriod": 2**62, "limit": -1e300},
        ]
        told = {"chargingLimit": {"chargingLimitSource": "SO"}, "chargingSchedule": [schedule], "evseId": 0}
        assert await charge.double.call("NotifyChargingLimit", told) == {}
        [limit] = (await product.get(f"/stations/{name}/charging"))["limits"]
        assert len(limit["schedules"][0]["periods"]) == 2
        plan = {"evseId": 1, "timeBase": start, "chargingSchedule": schedule}
        answer = await charge.double.call("NotifyEVChargingSchedule", plan)
        assert answer["status"] in ("Accepted", "Rejected")


@proves("K12.FR.02")
async def test_TC_K_48_CSMS_no_more_limits_than_honest(product: Product, name: str, version: str) -> None:
    """A station that tells limits without end is answered, and only the newest are kept."""
    async with charging(product, name, version) as charge:
        for evse_id in range(60):
            told = {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": evse_id}
            assert await charge.double.call("NotifyChargingLimit", told) == {}
        limits = (await product.get(f"/stations/{name}/charging"))["limits"]
        assert [limit["evse_id"] for limit in limits] == list(range(10, 60))


@proves("K13.FR.02")
async def test_TC_K_50_CSMS_external_limit_is_released(product: Product, name: str, version: str) -> None:
    """A limit that its source takes back is not shown any more; those of others stay."""
    async with charging(product, name, version) as charge:
        for source in ("EMS", "SO"):
            told = {"chargingLimit": {"chargingLimitSource": source}}
            assert await charge.double.call("NotifyChargingLimit", told) == {}
        assert await charge.double.call("ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == {}
        view = await product.get(f"/stations/{name}/charging")
        assert [limit["source"] for limit in view["limits"]] == ["SO"]


@proves("K13.FR.02", "K13.FR.03")
async def test_TC_K_51_CSMS_released_while_charging(product: Product, name: str, version: str) -> None:
    """The transaction goes on, and its rate changes."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        assert await charge.double.call("ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == {}
        assert await charge.event("ChargingRateChanged", "Charging") == {}
        assert await charge.state() == ("open", "Charging")


@proves("K12.FR.05")
async def test_TC_K_52_CSMS_external_limit_in_a_report(product: Product, name: str, version: str) -> None:
    """An external constraint that is only reported is a limit all the same."""
    async with charging(product, name, version) as charge:
        request = await ask(charge, purpose="ChargingStationExternalConstraints")
        external = held(99, "ChargingStationExternalConstraints")
        await report(charge.double, request, 0, external, chargingLimitSource="SO")
        [limit] = (await product.get(f"/stations/{name}/charging"))["limits"]
        assert (limit["evse_id"], limit["source"]) == (0, "SO")


@proves("K12.FR.02")
async def test_TC_K_48_CSMS_limits_outlast_a_restart(tmp_path: Path, name: str, version: str) -> None:
    """A limit that was answered is known after a restart, as is how the station is treated."""
    async with running(tmp_path) as product, product.station(name, version) as double:
        told = {"chargingLimit": {"chargingLimitSource": "SO"}}
        assert await double.call("NotifyChargingLimit", told) == {}
        url = f"/api/v1/stations/{name}/charging"
        assert (await product.api.put(url, json={"mode": "observed"})).status_code == 200
    async with running(tmp_path) as product:
        view = await product.get(f"/stations/{name}/charging")
        assert (view["mode"], [limit["source"] for limit in view["limits"]]) == ("observed", ["SO"])

"""Block K, smart charging with ISO 15118: what cars need, the schedules they get, and what they then plan.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..charge import Charge, charging
from ..product import Product

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
ACCEPTED = {"status": "Accepted"}
AC = {
    "requestedEnergyTransfer": "AC_three_phase",
    "acChargingParameters": {
        "energyAmount": 30000,
        "evMinCurrent": 6,
        "evMaxCurrent": 32,
        "evMaxVoltage": 400,
    },
}
DC = {
    "requestedEnergyTransfer": "DC",
    "dcChargingParameters": {
        "evMaxCurrent": 200,
        "evMaxVoltage": 500,
        "evMaxPower": 80000,
        "energyAmount": 40000,
        "stateOfCharge": 35,
    },
}


@pytest.fixture
def name() -> str:
    return f"KC{next(_names)}"


async def connected(charge: Charge) -> None:
    """States Authorized and EVConnectedPreSession; the station takes profiles."""
    charge.double.reactions["SetChargingProfile"] = ACCEPTED
    await charge.authorized()
    await charge.ev_connected()


async def needs(charge: Charge, wanted: dict[str, Any] = AC) -> str:
    """The car's needs; returns the answer's status."""
    payload = {"evseId": 1, "maxScheduleTuples": 3, "chargingNeeds": wanted}
    return str((await charge.double.call("NotifyEVChargingNeeds", payload))["status"])


async def plan(charge: Charge, limit: float, unit: str = "A") -> str:
    """What the car means to draw; returns the answer's status."""
    schedule = {
        "id": 1,
        "chargingRateUnit": unit,
        "duration": 3600,
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": limit},
            {"startPeriod": 600, "limit": limit / 2},
        ],
    }
    payload = {"evseId": 1, "timeBase": charge.product.at(0.0), "chargingSchedule": schedule}
    return str((await charge.double.call("NotifyEVChargingSchedule", payload))["status"])


async def offered(charge: Charge, count: int = 1) -> dict[str, Any]:
    """The schedule that came: for this EVSE and this transaction."""
    request = await charge.double.wait_heard("SetChargingProfile", count)
    wire: dict[str, Any] = request["chargingProfile"]
    assert request["evseId"] == 1
    assert (wire["chargingProfilePurpose"], wire["transactionId"]) == ("TxProfile", charge.wire_id)
    assert len(wire["chargingSchedule"]) == 1
    assert len(wire["chargingSchedule"][0]["chargingSchedulePeriod"]) <= 3
    return wire


def first_limit(wire: dict[str, Any]) -> float:
    return float(wire["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"])


async def smart_charging(charge: Charge) -> None:
    """State ISO15118SmartCharging: the car has its schedule and charges by it."""
    await connected(charge)
    assert await needs(charge) == "Accepted"
    limit = first_limit(await offered(charge))
    assert await plan(charge, limit) == "Accepted"
    await charge.event("ChargingStateChanged", "Charging")


async def car(charge: Charge) -> dict[str, Any]:
    """The car as the API tells it."""
    [found] = (await charge.product.get(f"/stations/{charge.name}/charging"))["cars"]
    return dict(found)


@proves("K15.FR.02", "K15.FR.03", "K15.FR.07", "K15.FR.08", "K15.FR.11")
async def test_TC_K_53_CSMS_a_car_gets_its_schedule(product: Product, name: str, version: str) -> None:
    """Needs are accepted and followed by a TxProfile within what the car takes; its plan is within it."""
    async with charging(product, name, version) as charge:
        await smart_charging(charge)
        assert first_limit(await offered(charge)) == 32.0
        found = await car(charge)
        assert (found["answer"], found["within"]) == ("Accepted", True)
        assert found["needs"]["energy_wh"] == 30000.0
        await charge.ev_disconnected()
        await product.until(lambda view: not view["cars"], f"/stations/{name}/charging")


@proves("K15.FR.03", "K15.FR.07")
async def test_TC_K_53_CSMS_within_what_the_evse_may(product: Product, name: str, version: str) -> None:
    """A profile that is installed lowers what a car is offered; a DC car is offered watts."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["SetChargingProfile"] = ACCEPTED
        default = {
            "profile_id": 4,
            "stack_level": 0,
            "purpose": "TxDefaultProfile",
            "kind": "Relative",
            "unit": "W",
            "periods": [{"start_s": 0, "limit": 22080.0}],
        }
        set_ = await product.command(name, "set_profile", evse_id=1, profile=default)
        assert set_.status_code == 200
        await charge.authorized()
        await charge.ev_connected()
        assert await needs(charge, DC) == "Accepted"
        wire = await offered(charge, 2)
        assert (wire["chargingSchedule"][0]["chargingRateUnit"], first_limit(wire)) == ("W", 22080.0)
        assert await plan(charge, 22080.0, "W") == "Accepted"


@proves("K15.FR.04")
async def test_TC_K_53_CSMS_nothing_is_known(product: Product, name: str, version: str) -> None:
    """Needs that tell no limit, at an EVSE that has none either: no schedule can be made of that."""
    async with charging(product, name, version) as charge:
        await connected(charge)
        assert await needs(charge, {"requestedEnergyTransfer": "AC_three_phase"}) == "Rejected"
        await charge.event("ChargingStateChanged", "Charging")
        assert charge.double.heard == []


@proves("K15.FR.11")
async def test_TC_K_53_CSMS_a_plan_without_end(product: Product, name: str, version: str) -> None:
    """A plan for thousands of years, from before its start on, is checked in no time."""
    async with charging(product, name, version) as charge:
        await smart_charging(charge)
        daily = {
            "profile_id": 6,
            "stack_level": 0,
            "purpose": "ChargingStationMaxProfile",
            "kind": "Recurring",
            "unit": "A",
            "start": "2031-01-01T00:00:00Z",
            "duration_s": 86400,
            "periods": [{"start_s": 0, "limit": 40.0}],
        }
        assert (await product.command(name, "set_profile", evse_id=0, profile=daily)).status_code == 200
        schedule = {
            "id": 1,
            "chargingRateUnit": "A",
            "duration": 2**40,
            "chargingSchedulePeriod": [
                {"startPeriod": -7, "limit": 6.0},
                {"startPeriod": 2**39, "limit": 99.0},
            ],
        }
        payload = {"evseId": 1, "timeBase": product.at(0.0), "chargingSchedule": schedule}
        answer = await charge.double.call("NotifyEVChargingSchedule", payload)
        assert answer["status"] == "Accepted"


@proves("K15.FR.04")
async def test_TC_K_53_CSMS_a_station_that_is_only_observed(
    product: Product, name: str, version: str
) -> None:
    """Where nobody manages, needs are rejected and no schedule follows."""
    async with charging(product, name, version) as charge:
        await connected(charge)
        url = f"/api/v1/stations/{name}/charging"
        assert (await product.api.put(url, json={"mode": "observed"})).status_code == 200
        assert await needs(charge) == "Rejected"
        assert (await car(charge))["answer"] == "Rejected"
        await charge.event("ChargingStateChanged", "Charging")
        assert charge.double.heard == []


@proves("K15.FR.05", "K15.FR.07")
async def test_TC_K_53_CSMS_needs_before_their_transaction(product: Product, name: str, version: str) -> None:
    """Needs of no transaction yet are being processed; the schedule comes with the transaction."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["SetChargingProfile"] = ACCEPTED
        assert await needs(charge) == "Processing"
        await charge.authorized()
        assert first_limit(await offered(charge)) == 32.0


@proves("K15.FR.12", "K15.FR.13", "K16.FR.07", "K16.FR.08", "K17.FR.12", "K17.FR.13")
async def test_TC_K_55_CSMS_a_plan_that_is_too_high(product: Product, name: str, version: str) -> None:
    """A plan above the schedule is rejected, and the schedule is sent anew."""
    async with charging(product, name, version) as charge:
        await connected(charge)
        assert await needs(charge) == "Accepted"
        limit = first_limit(await offered(charge))
        assert await plan(charge, limit + 8) == "Rejected"
        assert (await car(charge))["within"] is False
        await charge.event("ChargingStateChanged", "Charging")
        assert first_limit(await offered(charge, 2)) == limit
        assert await plan(charge, limit) == "Accepted"
        await charge.event("ChargingRateChanged", "Charging")
        assert (await car(charge))["within"] is True


@proves("K16.FR.08")
async def test_TC_K_55_CSMS_not_for_ever(product: Product, name: str, version: str) -> None:
    """A car that never keeps within is told no each time, and is sent the schedule a few times only."""
    async with charging(product, name, version) as charge:
        await connected(charge)
        await needs(charge)
        limit = first_limit(await offered(charge))
        for _ in range(6):
            assert await plan(charge, limit + 8) == "Rejected"
        await charge.event("ChargingStateChanged", "Charging")
        sent = [request for action, request in charge.double.heard if action == "SetChargingProfile"]
        assert 1 < len(sent) <= 4


@proves("K17.FR.02", "K17.FR.03", "K17.FR.05", "K17.FR.07", "K17.FR.11")
async def test_TC_K_57_CSMS_a_car_negotiates_again(product: Product, name: str, version: str) -> None:
    """New needs in the course of charging get a schedule like the first ones."""
    async with charging(product, name, version) as charge:
        await smart_charging(charge)
        assert await needs(charge) == "Accepted"
        await charge.event("ChargingRateChanged", "Charging")
        limit = first_limit(await offered(charge, 2))
        assert await plan(charge, limit) == "Accepted"
        await charge.event("ChargingRateChanged", "Charging")


async def renegotiate(charge: Charge, limit: float) -> None:
    """A person sends another schedule, in the place of the one that the car has."""
    view = await charge.product.get(f"/stations/{charge.name}/charging")
    [standing] = [row["profile"] for row in view["installed"]]
    given = standing | {"periods": [{"start_s": 0, "limit": limit}]}
    outcome = await charge.product.command(charge.name, "set_profile", evse_id=1, profile=given)
    assert outcome.status_code == 200, outcome.text


@proves("K16.FR.06")
async def test_TC_K_58_CSMS_negotiates_again(product: Product, name: str, version: str) -> None:
    """A new schedule while the car charges; a plan by the old one would be too high now."""
    async with charging(product, name, version) as charge:
        await smart_charging(charge)
        await renegotiate(charge, 16.0)
        assert first_limit(await offered(charge, 2)) == 16.0
        assert await plan(charge, 16.0) == "Accepted"
        await charge.event("ChargingRateChanged", "Charging")
        assert await plan(charge, 32.0) == "Rejected"


@proves("K16.FR.12")
async def test_TC_K_59_CSMS_needs_once_more(product: Product, name: str, version: str) -> None:
    """A station that repeats the car's needs after a new schedule gets that schedule once more."""
    async with charging(product, name, version) as charge:
        await smart_charging(charge)
        await renegotiate(charge, 16.0)
        await offered(charge, 2)
        assert await needs(charge) == "Accepted"
        assert first_limit(await offered(charge, 3)) == 16.0
        assert await plan(charge, 16.0) == "Accepted"
        await charge.event("ChargingRateChanged", "Charging")

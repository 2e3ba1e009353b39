"""Stations that misbehave in the ways that are met with outside: what they do, and that the product stays
right and says so.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.site.live import yard

from .charge import charging
from .ocpp16.charge import charging16
from .product import Product

pytestmark = pytest.mark.asyncio(loop_scope="module")
_names = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"BAD{next(_names)}"


def profile(product: Product, profile_id: int = 3) -> dict[str, Any]:
    """10 A on three phases, then 8.1 A."""
    return {
        "profile_id": profile_id,
        "stack_level": 1,
        "purpose": "TxDefaultProfile",
        "kind": "Absolute",
        "unit": "A",
        "start": product.at(0),
        "periods": [
            {"start_s": 0, "limit": 10.0, "number_phases": 3},
            {"start_s": 60, "limit": 8.1, "number_phases": 3},
        ],
    }


def asked_units(heard: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """The units of the profiles that a station was sent, in order."""
    units = []
    for action, request in heard:
        if action != "SetChargingProfile":
            continue
        sent = request.get("csChargingProfiles") or request["chargingProfile"]
        schedule = sent["chargingSchedule"]
        units.append((schedule[0] if isinstance(schedule, list) else schedule)["chargingRateUnit"])
    return units


def watts_only(request: dict[str, Any]) -> dict[str, Any]:
    """Refuses amperes without a word of why."""
    [unit] = asked_units([("SetChargingProfile", request)])
    return {"status": "Accepted" if unit == "W" else "Rejected"}


# ---------------------------------------------------------------- profiles


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_that_refuses_amperes_is_told_of_and_gets_watts_once_it_says_so(
    product: Product, name: str, version: str
) -> None:
    """A person hears the refusal, nothing is exchanged behind their back; watts that the station says it
    takes are what goes out, never more than was meant. (Programs find it out by trying: `csms`.)
    """
    async with product.station(name, version) as double:
        double.reactions["SetChargingProfile"] = watts_only
        refused = await product.command(name, "set_profile", evse_id=1, profile=profile(product))
        assert (refused.status_code, refused.json()["outcome"]["status"]) == (502, "Rejected")
        assert asked_units(double.heard) == ["A"]
        if version == "1.6":
            ref = {"component": "OCPP16", "variable": "ChargingScheduleAllowedChargingRateUnit"}
            said = {"key": ref["variable"], "readonly": True, "value": "Power"}
            double.reactions["GetConfiguration"] = {"configurationKey": [said]}
        else:
            ref = {"component": "SmartChargingCtrlr", "variable": "RateUnit"}
            value = {
                "attributeStatus": "Accepted",
                "attributeValue": "W",
                "component": {"name": ref["component"]},
                "variable": {"name": ref["variable"]},
            }
            double.reactions["GetVariables"] = {"getVariableResult": [value]}
        assert (await product.command(name, "get_variables", variables=[ref])).status_code == 200
        taken = await product.command(name, "set_profile", evse_id=1, profile=profile(product))
        assert (taken.status_code, "sent in W" in taken.json()["detail"]) == (200, True)
        assert asked_units(double.heard) == ["A", "W"]
        request = double.heard[-1][1]
        sent = request.get("csChargingProfiles") or request["chargingProfile"]
        schedule = sent["chargingSchedule"]
        schedule = schedule[0] if isinstance(schedule, list) else schedule
        limits = [period["limit"] for period in schedule["chargingSchedulePeriod"]]
        assert limits == [6_900.0, 5_589.0]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_without_smart_charging_says_so_and_charges(
    product: Product, name: str, version: str
) -> None:
    """NotImplemented, or 1.6's NotSupported: told as it is, nothing counts as installed."""
    async with product.station(name, version) as double:  # the double answers NotImplemented
        answer = await product.command(name, "set_profile", evse_id=1, profile=profile(product))
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "NotImplemented")
        if version == "1.6":
            double.reactions["SetChargingProfile"] = {"status": "NotSupported"}
            answer = await product.command(name, "set_profile", evse_id=1, profile=profile(product))
            assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "NotSupported")
        assert set(asked_units(double.heard)) == {"A"}
        assert await double.call("Heartbeat", {})


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_station_that_takes_limits_and_draws_what_it_likes_is_seen_through(
    tmp_path: Path, version: str
) -> None:
    """It accepts 6 A and measures 32: it is said, nothing is promised on its word, the others make room."""
    async with yard(tmp_path, "LIAR", "HONEST", limit_a=60.0, connect=False) as it:
        it.station("LIAR", version, limits="ignore")
        it.station("HONEST", version)
        await it.proven("HONEST")
        await it.charge("LIAR")
        await it.charge("HONEST")
        await it.draws("LIAR", 32.0)
        await it.until(
            lambda: any(
                reason.code == "unproven" and (reason.detail or "").startswith("draws 32")
                for reason in it.evse("LIAR").reasons
            )
        )
        # 60 A less 10 A of building and the 32 A that are drawn: 18 A and a margin are left.
        await it.until(lambda: 6.0 <= it.current_a("HONEST") <= 18.0)
        assert it.site_a[0] <= 60.0
        await it.clock.sleep(30.0)
        assert it.site_a[0] <= 60.0
        assert "HONEST" not in {view.station_id for view in it.controller.view().evses if not view.online}


# ---------------------------------------------------------------- measured values


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("unit", [{"unit": "kWh"}, {"unit": "Wh", "multiplier": 3}])
async def test_a_2_x_station_that_counts_in_kilowatt_hours_is_billed_in_watt_hours(
    product: Product, name: str, version: str, unit: dict[str, Any]
) -> None:
    """kWh as a unit, or as a multiplier of Wh: the same energy, the same cost."""
    async with charging(product, name, version) as charge:
        body = {"scope": "station", "scope_id": name, "price": {"currency": "EUR", "per_kwh": "0.50"}}
        assert (await product.api.post("/api/v1/prices", json=body)).status_code == 200
        product.leap(1_000)

        def values(kwh: float, kw: float, context: str) -> list[dict[str, Any]]:
            power = {"value": kw, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}}
            return [
                {
                    "timestamp": product.at(-1),
                    "sampledValue": [{"value": kwh, "context": context, "unitOfMeasure": unit}, power],
                }
            ]

        await charge.ev_connected(meterValue=values(1.0, 0.0, "Transaction.Begin"))
        await charge.event("MeterValuePeriodic", "Charging", meterValue=values(1.25, 7.4, "Sample.Periodic"))
        row = await charge.row()
        assert (row["energy_wh"], row["cost"]["total"]) == (250.0, "0.13")  # 0.125, half up
        power = await product.series(row["transaction_id"], "Power.Active.Import")
        assert [watts for _, watts in power] == [0.0, 7_400.0]


async def test_a_1_6_station_that_counts_in_kilowatt_hours_is_understood(product: Product, name: str) -> None:
    """Registers of the start in Wh, samples in kWh and kW, as many stations do."""
    async with charging16(product, name) as charge:
        charge.register_wh = 1_000
        await charge.charging()
        sampled = [
            {"value": "1.75", "measurand": "Energy.Active.Import.Register", "unit": "kWh"},
            {"value": "11.04", "measurand": "Power.Active.Import", "unit": "kW"},
        ]
        request = {
            "connectorId": 1,
            "transactionId": charge.transaction_id,
            "meterValue": [{"timestamp": charge.at(), "sampledValue": sampled}],
        }
        assert await charge.double.call("MeterValues", request) == {}
        row = await charge.row()
        assert row["energy_wh"] == 750.0
        power = await product.series(row["transaction_id"], "Power.Active.Import")
        assert [watts for _, watts in power] == [11_040.0]


# ---------------------------------------------------------------- repetition


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_station_that_says_everything_three_times_is_billed_once(
    product: Product, name: str, version: str
) -> None:
    """Each message comes with a new id and the same words: one transaction, its energy, one final cost."""
    async with charging(product, name, version) as charge:
        body = {"scope": "station", "scope_id": name, "price": {"currency": "EUR", "per_kwh": "0.50"}}
        assert (await product.api.post("/api/v1/prices", json=body)).status_code == 200
        product.leap(1_000)
        once = charge.double.call
        answers: list[list[dict[str, Any]]] = []

        async def thrice(action: str, payload: dict[str, Any], **options: Any) -> dict[str, Any]:
            answers.append([await once(action, payload, **options) for _ in range(3)])
            return answers[-1][0]

        charge.double.call = thrice  # type: ignore[method-assign]
        await charge.energy_transfer()
        charge.register_wh += 1_000
        await charge.event("MeterValuePeriodic", meterValue=charge.values())
        end = await charge.ev_disconnected()
        row = await charge.row()
        assert (row["state"], row["energy_wh"], row["missing"]) == ("ended", 1_500.0, None)
        assert (row["cost"]["total"], end["totalCost"]) == ("0.75", 0.75)
        assert all(first == second == third for first, second, third in answers)
        assert len(await product.transactions(name)) == 1

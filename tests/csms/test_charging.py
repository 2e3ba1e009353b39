"""Smart charging at stations that are not as one thinks: other units, lost answers, a mode of their own."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ampacity.csms.blocks.charging_units import cut, supply_phases
from ampacity.csms.vocabulary import (
    GetCompositeSchedule,
    GetProfiles,
    Profile,
    SchedulePeriod,
    SetProfile,
    VariableRef,
    VariableValue,
)
from ampacity.model.site import Circuit, Evse, Site
from ampacity.store import sites
from tests.conformance.double import station
from tests.conformance.product import LeapClock

from .world import OPERATOR, World, world

ACCEPTED = {"status": "Accepted"}
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DEFAULT = Profile(
    profile_id=5,
    stack_level=0,
    purpose="TxDefaultProfile",
    kind="Relative",
    unit="A",
    periods=(SchedulePeriod(start_s=0, limit=10.0, number_phases=3), SchedulePeriod(start_s=60, limit=8.1)),
)


def schedule_of(request: dict[str, Any]) -> tuple[str, list[float]]:
    """Unit and limits of what was set."""
    profile = request.get("csChargingProfiles") or request["chargingProfile"]
    schedule = profile["chargingSchedule"]
    schedule = schedule[0] if isinstance(schedule, list) else schedule
    return schedule["chargingRateUnit"], [p["limit"] for p in schedule["chargingSchedulePeriod"]]


def watts_only(request: dict[str, Any]) -> dict[str, Any]:
    """A station that refuses amperes and says nothing of it."""
    return ACCEPTED if schedule_of(request)[0] == "W" else {"status": "Rejected"}


async def controller(node: World, profile: Profile, evse_id: int = 1) -> Any:
    return await node.csms.command(
        OPERATOR, "CP1", SetProfile(evse_id=evse_id, profile=profile), "controller"
    )


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_that_refuses_amperes_is_told_watts(tmp_path: Path, version: str) -> None:
    """The unit is found out once and remembered over a restart; phases that nobody knows count as one."""
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = watts_only
        outcome = await controller(node, DEFAULT)
        assert (outcome.result, outcome.detail) == (
            "accepted",
            "sent in W, the unit that the station takes",
        )
        told = [schedule_of(request) for _, request in double.heard]
        assert told == [("A", [10.0, 8.1]), ("W", [6900.0, 1863.0])]
        await node.store.flush()
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        double.reactions["SetChargingProfile"] = watts_only
        assert node.csms.stations["CP1"].charging.rate_unit == "W"
        await node.until(lambda: node.csms.stations["CP1"].online)
        assert (await controller(node, DEFAULT)).accepted
        assert [schedule_of(request)[0] for _, request in double.heard] == ["W"]


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        ({"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRateUnit"}}, 2),
        ({"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}, 1),
    ],
)
async def test_another_reason_is_no_unit(tmp_path: Path, answer: dict[str, Any], calls: int) -> None:
    """A station that names another reason is not tried again; one that refuses both units has its word."""
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = answer
        outcome = await controller(node, DEFAULT)
        assert (outcome.result, len(double.heard)) == ("rejected", calls)
        state = node.csms.stations["CP1"]
        assert (state.charging.rate_unit, state.profiles) == (None, {})


async def test_a_unit_that_was_taken_before_is_not_doubted(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = ACCEPTED
        assert (await controller(node, DEFAULT)).accepted
        double.reactions["SetChargingProfile"] = {"status": "Rejected"}
        higher = replace(DEFAULT, profile_id=6, stack_level=1)
        assert (await controller(node, higher)).result == "rejected"
        assert len(double.heard) == 2


async def test_a_persons_unit_is_not_exchanged_behind_their_back(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = watts_only
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=DEFAULT))).result == "rejected"
        assert len(double.heard) == 1


@pytest.mark.parametrize(
    ("value", "unit", "limits"),
    [
        ("W", "W", [6900.0, 3726.0]),
        ("A", "A", [10.0, 8.1]),
        ("A,W", "A", [10.0, 8.1]),
    ],
)
async def test_what_a_station_says_of_units_counts(
    tmp_path: Path, value: str, unit: str, limits: list[float]
) -> None:
    """Its variable names the units, another one the phases that feed the EVSE."""
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        state = node.csms.stations["CP1"]
        for ref, told in (
            (VariableRef(component="SmartChargingCtrlr", variable="RateUnit"), value),
            (VariableRef(component="EVSE", variable="SupplyPhases", evse_id=1), "2"),
        ):
            state.variables[ref] = VariableValue(ref=ref, value=told)
        assert supply_phases(state, 1) == 2
        double.reactions["SetChargingProfile"] = ACCEPTED
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=DEFAULT))).accepted
        assert schedule_of(double.heard[-1][1]) == (unit, limits)


async def test_what_a_site_knows_of_the_wiring_counts(tmp_path: Path) -> None:
    """The phases of a site's EVSE turn amperes into watts, and a question is asked in the station's unit."""
    site = Site(
        operator_id=OPERATOR,
        site_id="yard",
        name="Yard",
        time_zone="Europe/Berlin",
        circuits=(Circuit(circuit_id="main", name="Main", rating_a=63.0),),
        evses=(Evse(station_id="CP1", evse_id=1, circuit_id="main", phases=(0, 1, 2)),),
    )
    async with world(tmp_path) as node:
        await node.store.write(lambda connection: sites.save_site(connection, site, NOON))
        await node.csms.reload()
        async with station(node.port, "CP1", "2.0.1") as double:
            await node.until(lambda: node.csms.stations["CP1"].online)
            node.csms.stations["CP1"].charging.rate_unit = "W"
            double.reactions["SetChargingProfile"] = ACCEPTED
            ten = replace(DEFAULT, periods=(SchedulePeriod(start_s=0, limit=10.0),))
            assert (await controller(node, ten)).accepted
            assert schedule_of(double.heard[-1][1]) == ("W", [6900.0])
            double.reactions["GetCompositeSchedule"] = {"status": "Rejected"}
            await node.command("CP1", GetCompositeSchedule(evse_id=1, duration_s=300))
            assert double.heard[-1][1]["chargingRateUnit"] == "W"


async def test_watts_become_amperes_that_are_never_more(tmp_path: Path) -> None:
    """Phases that nobody knows count as three on the way to amperes."""
    async with world(tmp_path) as node, station(node.port, "CP1", "1.6") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        ref = VariableRef(component="OCPP16", variable="ChargingScheduleAllowedChargingRateUnit")
        node.csms.stations["CP1"].variables[ref] = VariableValue(ref=ref, value="Current")
        double.reactions["SetChargingProfile"] = ACCEPTED
        power = replace(DEFAULT, unit="W", periods=(SchedulePeriod(start_s=0, limit=7_000.0),))
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=power))).accepted
        assert schedule_of(double.heard[-1][1]) == ("A", [10.1])
        assert cut(10.1449) == 10.1


@pytest.mark.parametrize(
    ("variable", "change", "where"),
    [
        ("ProfileStackLevel", {"stack_level": 4}, "$.profile.stack_level"),
        ("PeriodsPerSchedule", {}, None),
        (
            "PeriodsPerSchedule",
            {"periods": tuple(SchedulePeriod(start_s=at, limit=6.0) for at in range(4))},
            "$.profile.periods",
        ),
    ],
)
async def test_what_a_station_does_not_take_is_not_sent(
    tmp_path: Path, variable: str, change: dict[str, Any], where: str | None
) -> None:
    """Its highest stack level and its most periods are three here."""
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        ref = VariableRef(component="SmartChargingCtrlr", variable=variable)
        node.csms.stations["CP1"].variables[ref] = VariableValue(ref=ref, value="3")
        double.reactions["SetChargingProfile"] = ACCEPTED
        profile = replace(DEFAULT, **change)
        outcome = await node.command("CP1", SetProfile(evse_id=1, profile=profile))
        if where is None:
            assert outcome.accepted
        else:
            assert (outcome.result, outcome.data["path"], double.heard) == ("invalid", where, [])


async def test_a_default_of_the_station_and_one_of_an_evse_share_a_level(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = ACCEPTED
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=DEFAULT))).accepted
        whole = replace(DEFAULT, profile_id=6)
        outcome = await node.command("CP1", SetProfile(evse_id=0, profile=whole))
        assert (outcome.status, len(double.heard)) == ("DuplicateProfile", 1)
        above = replace(whole, stack_level=1)
        assert (await node.command("CP1", SetProfile(evse_id=0, profile=above))).accepted


async def test_a_composite_schedule_without_a_limit_is_no_zero(tmp_path: Path) -> None:
    """2.1 may leave a limit out: nobody may take that for a station that draws nothing."""
    async with world(tmp_path) as node, station(node.port, "CP1", "2.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["GetCompositeSchedule"] = ACCEPTED | {
            "schedule": {
                "evseId": 1,
                "duration": 300,
                "scheduleStart": "2026-03-02T12:00:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "setpoint": 5.0},
                    {"startPeriod": 60, "limit": 0.0},
                    {"startPeriod": 90, "limit": 6.0, "limit_L2": 16.0, "limit_L3": 8.0},
                ],
            }
        }
        outcome = await node.command("CP1", GetCompositeSchedule(evse_id=1, duration_s=300))
        assert [period.limit for period in outcome.data.periods] == [math.inf, 0.0, 16.0]


async def test_modes_keep_programs_out(tmp_path: Path) -> None:
    """Observed: only people set profiles; off: nobody does; and neither reads strangers away."""
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        state = node.csms.stations["CP1"]
        double.reactions["SetChargingProfile"] = ACCEPTED
        state.charging.mode = "observed"
        assert (await controller(node, DEFAULT)).status == "SmartChargingOff"
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=DEFAULT))).accepted
        state.charging.mode = "off"
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=DEFAULT))).result == "invalid"
        assert len(double.heard) == 1


async def test_a_pending_profile_is_settled_by_a_report(tmp_path: Path) -> None:
    """An answer that never came leaves a profile in doubt until the station reports it."""
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        state = node.csms.stations["CP1"]
        double.silent.add("SetChargingProfile")
        lost = await node.command("CP1", SetProfile(evse_id=1, profile=DEFAULT), timeout_s=0.1)
        assert (lost.result, state.profiles[5].status) == ("timeout", "pending")
        double.reactions["GetChargingProfiles"] = ACCEPTED
        sources = ("CSO", "EMS", "Other", "SO")
        assert (await node.command("CP1", GetProfiles(sources=sources))).accepted
        request = double.heard[-1][1]
        profile = {
            "id": 5,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {
                    "id": 1,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
                }
            ],
        }
        await double.call(
            "ReportChargingProfiles",
            {
                "requestId": request["requestId"],
                "chargingLimitSource": "CSO",
                "evseId": 1,
                "chargingProfile": [profile],
            },
        )
        assert state.profiles[5].status == "accepted"
        assert state.charging.held[5].ours


async def test_a_station_that_cannot_report_is_asked_what_it_makes_of_them(tmp_path: Path) -> None:
    """1.6 has no reports: after a boot the composite schedule of each connector is read."""
    clock = LeapClock()
    settings = {"onboard": True, "status_grace_s": 1e6}
    async with world(tmp_path, clock, **settings) as node, station(node.port, "CP1", "1.6") as double:
        double.reactions["GetConfiguration"] = {"configurationKey": []}
        double.reactions["GetCompositeSchedule"] = lambda request: (
            ACCEPTED
            | {
                "connectorId": request["connectorId"],
                "scheduleStart": datetime.now(UTC).isoformat(),
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
                },
            }
        )
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        assert (await double.call("BootNotification", boot))["status"] == "Accepted"
        status = {"connectorId": 2, "errorCode": "NoError", "status": "Available"}
        await double.call("StatusNotification", status)
        clock.leap(4.0)
        assert (await double.wait_heard("GetCompositeSchedule"))["connectorId"] == 2
        state = node.csms.stations["CP1"]
        await node.until(lambda: 2 in state.charging.composites)
        assert state.charging.composites[2].periods[0].limit == 16.0

"""Stations come, go, refuse and come back: what is reserved for them, and what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from ampacity.ocpp.version import Version

from .live import PERSON, LiveYard, yard

VERSIONS = [version.value for version in Version]


def writes(it: LiveYard, station_id: str) -> int:
    """Profiles that the station was sent within the last hour."""
    return it.live(station_id).conduct.writes.limits(it.clock.monotonic())


@pytest.mark.parametrize("version", VERSIONS)
async def test_no_grant_before_the_base_profiles_are_installed_and_read_back(
    tmp_path: Path, version: str
) -> None:
    async with yard(tmp_path, "A", safe_a=6.0, connect=False) as it:
        await it.until(lambda: bool(it.decisions))
        assert it.held_a("A") == 32.0  # never seen: its maximum
        station = it.station("A", version)
        station.ignore("GetCompositeSchedule")
        await it.until(lambda: "TxDefaultProfile" in it.profiles("A"))
        await it.charge("A")
        await it.clock.sleep(5.0)
        # It holds the profiles, but nobody has read them back.
        assert not it.live("A").ready
        assert it.codes("A") == {"unproven"}
        assert it.held_a("A") == 32.0
        assert not any(grant.key[0] == "A" for decision in it.decisions for grant in decision.raises)
        station.ignore()
        await it.proven("A")
        assert it.profiles("A")["TxDefaultProfile"] == [6.0]
        assert it.profiles("A")["ChargingStationMaxProfile"] == [32.0]
        await it.until(lambda: it.current_a("A") > 12.0)


async def test_a_station_that_refuses_profiles_stays_reserved_at_its_maximum(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", connect=False) as it:
        it.station("A", limits="reject")
        it.station("B")
        await it.proven("B")
        await it.charge("A")
        await it.charge("B")
        # 80 A less 10 A of building, 2 A of margin and the 32 A that nobody controls.
        await it.draws("A", 32.0)
        await it.until(lambda: it.current_a("B") > 28.0)
        assert it.codes("A") == {"unproven"}
        assert it.held_a("A") >= 32.0
        assert it.evse("B").grant_a is not None
        assert "base profiles" in it.evse("A").alarms[0]
        # It is asked again, but less and less often; and not at all once its memory has had enough.
        written = writes(it, "A")
        await it.clock.sleep(125.0)
        assert 1 <= writes(it, "A") - written <= 5
        it.live("A").conduct.write_budget = 1
        written = it.controller.figures.limits_refused
        await it.clock.sleep(125.0)
        assert it.controller.figures.limits_refused == written
        # A lower limit is a new question.
        await it.controller.set_limit("grid", 12.0, "operator", None, None, PERSON)
        await it.until(lambda: it.controller.figures.limits_refused > written, 20.0)
        await it.controller.withdraw_limit("grid", "operator", PERSON)
        assert it.site_a[0] <= 80.0


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_station_that_takes_no_amperes_is_told_watts(tmp_path: Path, version: str) -> None:
    """It refuses them without a word; by the site's wiring the watts are those of three phases."""
    async with yard(tmp_path, "A", safe_a=6.0, connect=False) as it:
        it.station("A", version, limits="watts")
        await it.proven("A")
        assert it.profiles("A")["TxDefaultProfile"] == [6.0 * 3 * 230.0]
        assert it.node.csms.stations["A"].charging.rate_unit == "W"
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 12.0)
        assert it.codes("A") != {"unproven"}


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_an_outage_reserves_at_once_steps_down_and_ends_in_a_proof(
    tmp_path: Path, version: str
) -> None:
    async with yard(tmp_path, "A", "B", limit_a=84.0, safe_a=6.0, version=version) as it:
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: it.current_a("A") > 29.0 and it.current_a("B") > 29.0)
        promised = it.live("A").committed_a or 0.0
        await it.stations["A"].cut_network()
        await it.until(lambda: not it.live("A").online)
        await it.clock.sleep(2.0)
        assert it.codes("A") == {"offline"}
        assert it.held_a("A") >= promised
        view = it.evse("A")
        assert view.reserve_a + max(view.measured_a) >= promised - 0.2
        if version == "2.1":
            # It leaves its limit aside by itself. Nothing has shown yet that it does: all counts until its
            # lease is over.
            await it.draws("A", 6.0, 30.0)
            assert it.held_a("A") >= promised
        else:
            # What A draws is in the meter, and nobody can tell it from building any more: it counts twice.
            await it.until(lambda: it.current_a("B") < 12.0)
            await it.draws("A", 6.0)  # its lease ends by itself
        await it.until(lambda: it.held_a("A") == 6.0)
        await it.until(lambda: it.current_a("B") > 28.0)
        await it.until(lambda: it.held_a("B") > 28.0)
        # While it is looked at, it counts as what it was promised while it was away: nobody is cut for it.
        station = it.stations["A"]
        station.ignore("GetCompositeSchedule")
        station.restore_network()
        await it.until(lambda: it.live("A").online)
        await it.clock.sleep(5.0)
        assert not it.live("A").ready
        assert it.held_a("A") < 6.2
        assert it.current_a("B") > 28.0
        station.ignore()
        await it.proven("A")
        await it.until(lambda: it.current_a("A") > 28.0)
        assert it.site_a[0] <= 84.0


async def test_renewals_that_fail_until_the_lease_is_over_do_not_bring_the_old_limit_back(
    tmp_path: Path,
) -> None:
    async with yard(tmp_path, "A", "B", limit_a=46.0) as it:
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: it.current_a("A") > 13.0 and it.current_a("B") > 13.0)
        it.stations["A"].ignore("SetChargingProfile")
        await it.draws("A", 0.0)  # the station is there, and its lease is over
        # What was never answered ends like any lease; what is tried since is the minimum.
        await it.until(lambda: it.current_a("B") > 19.0, 400.0)
        assert it.held_a("A") <= 6.0
        it.stations["A"].ignore()
        await it.until(lambda: it.current_a("A") > 13.0, 400.0)
        assert it.site_a[0] <= 46.0
        assert it.controller.figures.limits_unanswered > 0


async def test_a_reboot_is_proven_again_and_the_session_after_it_is_new(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 10.0)
        await it.stations["A"].reboot(hard=True)
        await it.until(lambda: it.live("A").transaction is None)
        await it.proven("A")
        assert it.live("A").committed_a is None
        assert it.profiles("A")["TxDefaultProfile"] == [0.0]


async def test_a_new_controller_reserves_everything_until_proven_and_forgets_nothing(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=60.0) as it:
        for station in ("A", "B"):
            await it.charge(station)
        departure = it.clock.now().replace(hour=18)
        await it.controller.set_limit("feeder", 40.0, "operator", None, None, "user:ada")
        await it.controller.pause(it.key("A"), True, "user:ada")
        await it.controller.boost(it.key("B"), True, "user:ada")
        await it.controller.declare_need(it.key("B"), 20_000.0, departure, "user:ada")
        await it.draws("A", 0.0)
        await it.until(lambda: it.current_a("B") > 20.0)
        it.decisions.clear()
        await it.control()
        await it.until(lambda: bool(it.decisions))
        assert it.held_a("A") == it.held_a("B") == 32.0
        assert it.decisions[-1].circuits["feeder"].limit_a == 40.0
        assert all(not decision.raises for decision in it.decisions)
        # The process that was restarted has lost its sockets; the stations come back.
        for station in it.stations.values():
            await station.cut_network()
            station.restore_network()
        await it.proven("A", "B")
        await it.until(lambda: it.live("B").boosted and it.live("A").paused)
        assert it.live("B").need_wh == 20_000.0
        assert it.live("B").departure == departure
        assert it.controller.limit_a("feeder") == 40.0
        await it.draws("A", 0.0)
        await it.until(lambda: it.current_a("B") > 20.0)

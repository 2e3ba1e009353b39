"""Probes of firmware on real sockets, and what follows from them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ampacity.csms.charging import ExternalLimit, HeldProfile
from ampacity.model.proving import ProbeReport
from ampacity.model.site import Evse
from ampacity.ocpp.profiles import ChargingProfile, Period, Schedule
from ampacity.site import outside
from ampacity.station import EvseConfig, Quirk
from ampacity.store import proving

from .live import OPERATOR, PERSON, LiveYard, yard


def verdicts(report: ProbeReport) -> dict[str, bool | None]:
    return {finding.name: finding.passed for finding in report.findings}


TWO = (EvseConfig(evse_id=1), EvseConfig(evse_id=2))


def twice(*stations: str) -> tuple[Evse, ...]:
    """Two EVSEs at each."""
    return tuple(
        Evse(station_id=station, evse_id=number, circuit_id="feeder", phases=(0, 1, 2), safe_a=0.0)
        for station in stations
        for number in (1, 2)
    )


async def all_proven(it: LiveYard) -> None:
    """Every EVSE, of every station."""
    await it.until(lambda: all(live.ready for live in it.controller._live.evses.values()))


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_good_station_passes_and_is_left_as_it_was(tmp_path: Path, version: str) -> None:
    async with yard(tmp_path, "A", connect=False, evses=twice("A")) as it:
        it.station("A", version, evses=TWO)
        await all_proven(it)
        before = it.profiles("A")
        report = await it.controller.probe("A", PERSON)
        found = verdicts(report)
        assert {name for name, passed in found.items() if passed} == {
            "periods", "unit", "tenths", "composite", "stack_levels", "two_connectors", "clears",
            "meter_interval",
        }, report.findings  # fmt: skip
        assert False not in found.values(), report.findings
        assert found["obeys"] is found["lease_ends"] is None
        assert it.profiles("A") == before
        kept = await it.node.store.read(lambda connection: proving.list_probes(connection, OPERATOR))
        assert [(one.firmware, one.version) for one in kept] == [("1.0", version)]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_each_question_fails_a_station_that_is_built_to_fail_it(tmp_path: Path, version: str) -> None:
    flaws: dict[str, tuple[Quirk, ...]] = {
        "A": ("whole_amperes", "first_period_only", "keeps_cleared", "coarse_meter"),
        "B": ("lowest_leads",),
        "C": ("one_place",),
    }
    failed = {
        "A": {"tenths", "composite", "clears", "meter_interval"},
        "B": {"tenths", "composite", "stack_levels", "two_connectors"},
        "C": {"two_connectors"},
    }
    async with yard(tmp_path, *flaws, connect=False, evses=twice(*flaws), limit_a=250.0) as it:
        for name, quirks in flaws.items():
            it.station(name, version, evses=TWO, quirks=frozenset(quirks), firmware=name)
        await all_proven(it)
        for name in flaws:
            report = await it.controller.probe(name, PERSON)
            found = {question for question, passed in verdicts(report).items() if passed is False}
            assert found == failed[name], (name, report.findings)


async def test_with_a_car_a_station_that_draws_what_it_likes_fails(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", version="1.6") as it:
        it.stations["A"].treat_limits("ignore")
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 30.0 and it.live("A").committed_a is not None)
        found = verdicts(await it.controller.probe("A", PERSON))
        assert found["obeys"] is False


async def test_with_a_car_it_shows_that_it_obeys_and_that_its_lease_ends(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", version="2.1") as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 12.0)
        found = verdicts(await it.controller.probe("A", PERSON))
        assert found["obeys"] is True
        assert found["lease_ends"] is True
        assert it.evse("A").time_to_safe_s is not None
        await it.until(lambda: it.current_a("A") > 12.0, 300.0)


async def test_one_whose_leases_never_end_gets_no_credit(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        it.stations["A"].treat_limits("endless")
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 12.0)
        found = verdicts(await it.controller.probe("A", PERSON))
        assert found["lease_ends"] is False
        assert it.evse("A").time_to_safe_s is None
        await it.until(lambda: (it.live("A").committed_a or 0.0) > 12.0 and it.current_a("A") > 12.0, 400.0)
        assert it.live("A").lease_until is None
        await it.stations["A"].cut_network(silent=False)
        await it.until(lambda: not it.live("A").online)
        await it.clock.sleep(2 * it.site.lease_s)
        assert it.held_a("A") + 0.3 >= it.current_a("A") > 5.0  # silent for ever, and kept free


async def test_one_period_is_enough_for_a_lease(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        it.stations["A"].treat_limits("one_period")
        found = verdicts(await it.controller.probe("A", PERSON))
        assert found["periods"] is False
        assert found["one_period"] is True
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 20.0)
        await it.stations["A"].cut_network(silent=False)
        await it.until(lambda: it.current_a("A") == 0.0, it.site.lease_s + 60.0)


async def test_others_limits_are_named_and_what_goes_before_ours_is_set_aside(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        state = it.node.csms.station("A")
        assert state is not None
        await it.charge("A")
        state.charging.limits[0, "EMS"] = limited(it, 10.0)
        await it.until(lambda: "external" in it.codes("A"))
        await it.draws("A", 10.0)
        assert next(r.source for r in it.evse("A").reasons if r.code == "external") == "EMS"
        state.charging.limits.clear()
        await it.until(lambda: it.current_a("A") > 12.0)
        foreign = HeldProfile(
            evse_id=1,
            source="CSO",
            profile=ChargingProfile(
                id=77,
                stack_level=0,
                purpose=outside.GO_BEFORE[0],
                kind="Absolute",
                schedules=(Schedule(unit="A", periods=(Period(0.0, 32.0),)),),
            ),
            ours=False,
            at=it.clock.now(),
        )
        state.charging.held[77] = foreign
        await it.until(lambda: it.held_a("A") == 32.0)
        assert outside.GO_BEFORE[0] in it.evse("A").alarms[0]
        state.charging.held.clear()
        await it.until(lambda: it.evse("A").alarms == ())


def limited(it: LiveYard, limit_a: float) -> ExternalLimit:
    schedule = Schedule(unit="A", periods=(Period(0.0, 16.0), Period(600.0, limit_a)))
    return ExternalLimit(
        evse_id=0, source="EMS", grid_critical=None, schedules=(schedule,), at=it.clock.now() - timedelta(1)
    )


async def test_a_site_without_the_station_says_so(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", connect=False) as it:
        with pytest.raises(LookupError, match="no station 'B'"):
            await it.controller.probe("B", PERSON)

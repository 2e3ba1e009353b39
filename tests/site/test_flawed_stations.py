"""Stations that follow late, measure wrong, fall silent or are wired otherwise: each is found, live."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from ampacity.model.phases import PerPhase
from ampacity.model.station import IdToken
from ampacity.station import MeterFlaw
from ampacity.store import audit

from .live import OPERATOR, PERSON, LiveYard, yard


class Taken(Struct, frozen=True):
    """What a car takes."""

    current_a: PerPhase
    power_w: float


class SteppingCar:
    """A car that takes up to 14 A and nothing by turns, 7 s each, in these shares of its phases."""

    soc_percent = None
    full = False

    def __init__(self, shares: PerPhase) -> None:
        self.shares = shares
        self.energy_wh = 0.0
        self._at: float | None = None
        self._power_w = 0.0

    def step(self, at_s: float, offered_current_a: float, phases_available: int, voltage_v: float) -> Taken:
        self.cut(at_s)
        most = min(offered_current_a, 14.0 if int(at_s / 7.0) % 2 else 0.0)
        one, two, three = (share * most for share in self.shares)
        self._power_w = (one + two + three) * voltage_v
        return Taken((one, two, three), self._power_w)

    def dc_step(self, at_s: float, offered_power_w: float) -> Taken:
        raise AssertionError("an AC car")

    def cut(self, at_s: float) -> None:
        if self._at is not None:
            self.energy_wh += self._power_w * (at_s - self._at) / 3600.0
        self._at, self._power_w = at_s, 0.0


async def found_by_steps(it: LiveYard, shares: PerPhase, truth: Callable[[], bool]) -> None:
    """Such cars come to A one after the other until it is known. One is enough where samples come in time;
    the law may take a car that is sampled badly for one that accepts little, and its steps get too small.
    """
    for _ in range(4):
        it.stations["A"].plug_in(1, SteppingCar(shares))
        assert await it.stations["A"].present(1, IdToken("CARD-A"))
        with contextlib.suppress(AssertionError):
            await it.until(truth, 300.0)
            return
        it.stations["A"].unplug(1)
        await it.until(lambda: it.live("A").transaction is None)
    raise AssertionError("four sessions did not show it")


ONE_PHASE: PerPhase = (1.0, 0.0, 0.0)


async def test_one_that_follows_late_is_asked_again_learnt_and_never_in_the_way(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=70.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 30.0)
        it.stations["A"].obey_after(35.0)
        await it.controller.set_limit("grid", 40.0, "operator", None, None, PERSON)
        await it.until(lambda: it.evse("A").trust == "doubted", 60.0)
        assert it.held_a("A") + 0.3 >= it.current_a("A")
        await it.draws("A", it.live("A").committed_a or 0.0, 60.0)
        await it.until(lambda: it.evse("A").trust == "trusted", 60.0)
        assert 20.0 < it.live("A").conduct.verification.late_s < 60.0
        assert "only after" in it.evse("A").alarms[0]
        # Known for it, it has its time: nobody doubts it again.
        await it.controller.set_limit("grid", 30.0, "operator", None, None, PERSON)
        end = it.clock.monotonic() + 45.0
        while it.clock.monotonic() < end:
            assert it.evse("A").trust == "trusted"
            await it.clock.sleep(1.0)
        assert it.current_a("A") < 19.0


async def test_one_that_tells_too_little_is_found_in_the_circuits_meter(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", limit_a=60.0, connect=False) as it:
        it.station("A", sample_interval_s=3.0, meter=MeterFlaw(factor=0.6))
        await it.proven("A")
        await found_by_steps(
            it,
            (1.0, 1.0, 1.0),
            lambda: any("measures wrong" in alarm for alarm in it.evse("A").alarms),
        )
        found = it.live("A").joint
        assert found is not None
        assert found[0].gain == pytest.approx(1 / 0.6, rel=0.2)


async def test_one_that_tells_too_much_seems_to_disobey(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", limit_a=40.0) as it:
        it.stations["A"].measure(MeterFlaw(factor=1.3, offset_a=3.0))
        await it.charge("A")
        await it.until(lambda: it.evse("A").trust not in ("trusted", "doubted"), 240.0)
        assert "does not obey" in it.evse("A").alarms[0]


@pytest.mark.parametrize("turned", [False, True])
async def test_the_first_session_shows_on_which_phases_a_car_is(tmp_path: Path, turned: bool) -> None:
    async with yard(tmp_path, "A", limit_a=60.0, connect=False) as it:
        it.turned = turned  # somebody has swapped the wires
        it.station("A", sample_interval_s=3.0)
        await it.proven("A")
        verdict = "contradicts" if turned else "agrees"

        def known() -> bool:
            found = it.live("A").joint
            return found is not None and found[0].verdict == verdict

        await found_by_steps(it, ONE_PHASE, known)
        finding = await it.controller.assessor._phases(it.live("A"))
        assert finding.passed is not turned
        assert "steps" in finding.evidence
        assert any("other phases" in alarm for alarm in it.evse("A").alarms) == turned


def silent(it: LiveYard) -> bool:
    """Whether A's alarms say that its meter is silent."""
    return any("its meter is silent" in alarm for alarm in it.evse("A").alarms)


async def test_a_dead_meter_is_told_and_kept_until_it_speaks_again(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        assert it.evse("A").meter_state == "none"
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 12.0 and it.evse("A").meter_state == "fresh")
        it.stations["A"].measure(MeterFlaw(silent=True))
        await it.until(lambda: it.evse("A").meter_state == "stale", 40.0)
        assert not silent(it)
        await it.until(lambda: it.evse("A").meter_state == "dead", 60.0)
        assert silent(it)
        assert it.held_a("A") >= it.current_a("A")
        it.stations["A"].measure(MeterFlaw())
        await it.until(lambda: it.evse("A").meter_state == "fresh", 30.0)
        assert not silent(it)
        await it.clock.sleep(30.0)
        kept = await it.node.store.read(lambda connection: audit.list_audit(connection, OPERATOR))
        told = [entry.action for entry in kept if entry.target == "evse/A/1" and "meter" in entry.action]
        assert sorted(told) == ["meter_silent", "meter_speaks"]

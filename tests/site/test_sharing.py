"""A live site shares: ramps, cuts before raises, leases, a meter that dies, people's wishes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ampacity.csms.vocabulary import RequestStop

from .live import ONE_PHASE, OPERATOR, PERSON, yard


async def test_a_session_starts_low_and_ramps_up_to_what_is_free(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", safe_a=6.0) as it:
        await it.charge("A")
        limits = []
        await it.until(lambda: it.live("A").committed_a is not None)
        limits.append(it.live("A").committed_a)
        await it.until(lambda: it.current_a("A") > 31.0)
        assert limits[0] is not None
        assert limits[0] < 32.0  # not everything at once
        assert it.evse("A").reasons[0].code == "evse_max"
        assert it.evse("A").session is not None


async def test_a_lower_limit_cuts_first_and_raises_others_only_when_it_was_seen(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=60.0) as it:
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: min(it.current_a("A"), it.current_a("B")) > 20.0)
        it.decisions.clear()
        await it.controller.set_limit("grid", 40.0, "operator", None, None, PERSON)
        await it.until(lambda: it.site_a[0] <= 40.0, 20.0)
        assert any(decision.cuts for decision in it.decisions)
        assert not any(decision.raises for decision in it.decisions)
        reason = next(reason for reason in it.evse("A").reasons if reason.code == "circuit")
        assert (reason.circuit_id, reason.phase, reason.source) == ("grid", 1, "operator")
        await it.controller.withdraw_limit("grid", "operator", PERSON)
        await it.until(lambda: it.site_a[0] > 52.0)


async def test_a_limit_runs_out_and_its_fallback_holds(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        until = it.clock.now() + timedelta(seconds=40)
        await it.controller.set_limit("grid", 26.0, "utility", until, 30.0, PERSON)
        await it.until(lambda: it.controller.limit_a("grid") == 26.0)
        await it.until(lambda: it.controller.limit_a("grid") == 30.0, 60.0)
        grid = next(circuit for circuit in it.controller.view().circuits if circuit.circuit_id == "grid")
        assert grid.limit_source == "utility (fallback)"


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_lease_is_renewed_with_the_same_profile(tmp_path: Path, version: str) -> None:
    async with yard(tmp_path, "A", lease_s=60.0, version=version) as it:
        await it.charge("A")
        await it.draws("A", 32.0)
        held = [profile.id for _, profile in it.stations["A"]._profiles.held()]
        renewals = it.controller.figures.renewals_sent
        sent = it.controller.figures.limits_sent
        await it.until(lambda: it.controller.figures.renewals_sent >= renewals + 3, 240.0)
        assert it.current_a("A") > 31.5
        assert it.controller.figures.limits_sent == sent
        assert [profile.id for _, profile in it.stations["A"]._profiles.held()] == held
        assert len(held) == len(set(held)) == 3
        assert it.profiles("A")["TxProfile"] == [32.0, 0.0]


async def test_a_meter_that_dies_freezes_then_costs_the_worst_case_then_everything(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", limit_a=70.0, reserve_a=50.0) as it:
        await it.charge("A")
        await it.draws("A", 32.0)
        it.meter.silent = True
        states: list[str] = []

        def follow() -> bool:
            state = it.decisions[-1].circuits["grid"].meter_state
            if not states or states[-1] != state:
                states.append(state)
            return state == "lost"

        await it.until(follow)
        assert states == ["fresh", "stale", "dead", "lost"]
        await it.draws("A", 0.0)
        assert "dead" in it.codes("A")
        it.meter.silent = False
        await it.until(lambda: it.current_a("A") > 15.0, 400.0)


async def test_strategies_change_while_it_runs(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=60.0, reserve_a=40.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 25.0)
        await it.controller.set_strategy("static", PERSON)
        await it.draws("A", 10.0)  # half of what the worst base leaves, used by B or not
        assert "strategy" in it.codes("A")
        await it.controller.set_strategy("uncontrolled", PERSON)
        await it.charge("B")
        await it.until(lambda: it.site_a[0] > 70.0)
        # Nobody promised to keep it: it is the copper's trouble, and no fault in the sums.
        assert it.controller.figures.reservations_over == 0
        await it.controller.set_strategy("dynamic", PERSON)
        await it.until(lambda: it.site_a[0] <= 60.0, 40.0)


async def test_pause_and_resume(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 15.0)
        await it.controller.pause(it.key("A"), True, PERSON)
        await it.draws("A", 0.0, 60.0)
        session = it.evse("A").session
        assert session is not None
        assert session.state == "paused"
        await it.controller.pause(it.key("A"), False, PERSON)
        await it.until(lambda: it.current_a("A") > 15.0, 400.0)


async def test_a_boost_goes_before_the_others(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=46.0) as it:
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: min(it.current_a("A"), it.current_a("B")) > 13.0)
        await it.controller.boost(it.key("A"), True, PERSON)
        await it.until(lambda: it.current_a("A") > 24.0 and it.current_a("B") < 10.0)
        await it.controller.boost(it.key("A"), False, PERSON)
        await it.until(lambda: it.current_a("B") > 14.0)


async def test_who_must_leave_soon_is_admitted_first(tmp_path: Path) -> None:
    """Two cars, current for one."""
    async with yard(tmp_path, "A", "B", limit_a=60.0) as it:
        await it.charge("A")
        await it.charge("B")
        soon = it.clock.now() + timedelta(hours=1)
        await it.controller.declare_need(it.key("B"), 20_000.0, soon, PERSON)
        await it.clock.sleep(310.0)  # who has just begun is not stopped for anybody
        await it.controller.set_limit("grid", 20.0, "operator", None, None, PERSON)
        await it.until(lambda: it.current_a("A") < 0.5 and it.current_a("B") > 5.5, 240.0)
        assert it.codes("A") == {"minimum"} or "circuit" in it.codes("A")


async def test_a_stop_ends_the_session_and_frees_its_current(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=46.0) as it:
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: min(it.current_a("A"), it.current_a("B")) > 13.0)
        running = it.live("A").transaction
        assert running is not None
        outcome = await it.node.csms.command(
            OPERATOR, "A", RequestStop(station_transaction_id=running.station_transaction_id), PERSON
        )
        assert outcome.accepted
        await it.until(lambda: it.live("A").transaction is None)
        assert it.evse("A").session is None
        await it.until(lambda: it.current_a("B") > 25.0)


async def test_a_one_phase_car_of_a_1_6_station_leaves_the_other_phases_to_others(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=46.0, version="1.6") as it:
        await it.charge("A", ONE_PHASE)
        await it.charge("B")
        await it.until(lambda: it.live("A").loaded_phases == (0,))
        # B can't rise on L1 alone, but what A has on L2 and L3 is no reserve any more.
        await it.until(lambda: it.decisions[-1].circuits["grid"].grants_a[1] < 20.0)
        assert it.decisions[-1].circuits["grid"].grants_a[0] > 30.0


async def test_the_view_and_the_past_add_up(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=90.0) as it:
        await it.charge("A")
        await it.charge("B")
        await it.until(lambda: min(it.current_a("A"), it.current_a("B")) > 30.5)
        await it.clock.sleep(60.0)
        view = it.controller.view()
        grid = view.circuits[0]
        assert grid.metered_a is not None
        for phase in range(3):
            assert grid.base_a[phase] == pytest.approx(10.0, abs=0.5)
            assert grid.base_a[phase] + grid.ev_a[phase] == pytest.approx(grid.metered_a[phase], abs=0.5)
        assert view.base_power_w == pytest.approx(3 * 230.0 * 10.0, rel=0.05)
        assert view.ev_power_w == pytest.approx(sum(evse.power_w for evse in view.evses), abs=2)
        assert view.limit_power_w == 3 * 230 * 90
        past = await it.controller.history(it.clock.now() - timedelta(seconds=25), it.clock.now())
        assert len(past.at) >= 2
        assert len(past.base_power_w) == len(past.limit_power_w) == len(past.at)
        assert all(len(evse.power_w) == len(past.at) for evse in past.evses)
        assert past.base_power_w[-1] == pytest.approx(view.base_power_w, rel=0.05)


async def test_a_pushed_meter_counts_and_falls_silent(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", meter="push") as it:
        await it.until(lambda: bool(it.decisions))
        it.controller.record_meter("grid", (20.0, 21.0, 22.0), it.clock.now())
        await it.until(lambda: it.decisions[-1].circuits["grid"].meter_state == "fresh")
        assert it.decisions[-1].circuits["grid"].base_a == (20.0, 21.0, 22.0)
        # One that was taken earlier does not undo it.
        it.controller.record_meter("grid", (1.0, 1.0, 1.0), it.clock.now() - timedelta(seconds=30))
        await it.clock.sleep(2.0)
        assert it.controller.view().circuits[0].metered_a == (20.0, 21.0, 22.0)
        await it.until(lambda: it.decisions[-1].circuits["grid"].meter_state == "dead")


async def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        with pytest.raises(LookupError, match=r"no circuit 'roof'; it has grid, feeder"):
            await it.controller.set_limit("roof", 10.0, "operator", None, None, PERSON)
        with pytest.raises(LookupError, match=r"no circuit 'roof'"):
            it.controller.record_meter("roof", (1.0, 1.0, 1.0), it.clock.now())
        with pytest.raises(LookupError, match=r"no limit of 'utility'; it has none"):
            await it.controller.withdraw_limit("grid", "utility", PERSON)
        with pytest.raises(LookupError, match=r"no EVSE 7 at station 'A'"):
            await it.controller.pause(("A", 7), True, PERSON)
        with pytest.raises(ValueError, match=r"nothing charges at EVSE 1 of station 'A'"):
            await it.controller.boost(("A", 1), True, PERSON)

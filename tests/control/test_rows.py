"""Rows of every kind by hand: power, neutral, unbalance, loads between lines, split phase, stations that are
told watts."""

from __future__ import annotations

import math

import pytest
from msgspec import structs

from ampacity.control.loading import BASE_SHARE, SIDE, entries_of, volts
from ampacity.control.topology import Topology
from ampacity.model.site import DC_TOLD_SHARE, Cabinet, Circuit, Evse, LimitSource, MeterConfig, Supply
from tests.control.scene import GRID, Scene, codes, limit, site

PLAIN = Circuit(circuit_id="grid", name="grid", rating_a=200.0)
"""No meter and no base: what cars may take is the limit itself."""


def evse(name: str, *phases: int, **changes: object) -> Evse:
    return structs.replace(Evse(station_id=name, evse_id=1, circuit_id="grid", phases=phases), **changes)


def row(tree: Topology, mark: int) -> int:
    return next(n for n in tree.rows_in[0] if tree.rows[n].mark == mark)


def test_watts_of_all_phases_are_shared_and_named() -> None:
    """69 kW at 230 V are 300 A in all: two three-phase cars and one on one phase get 300 / 7."""
    grid = structs.replace(PLAIN, rating_w=69_000.0)
    scene = Scene(site(evse("a", 0, 1, 2), evse("b", 0, 1, 2), evse("c", 0), circuits=(grid,)))
    for name in "abc":
        scene.charge((name, 1), 6.0, phases=None)
    scene.change(("c", 1), measured_a=(6.0, 0.0, 0.0))
    decision = scene.tick()
    assert [limit(decision, (name, 1)) for name in "abc"] == [32.0, 32.0, 32.0]
    scene.limits = (LimitSource(source="grid operator", limit_w=46_000.0),)
    decision = scene.tick()
    assert [limit(decision, (name, 1)) for name in "abc"] == [28.5, 28.5, 28.5]
    (ledger,) = decision.circuits["grid"].others
    assert (ledger.kind, ledger.row, ledger.limit, ledger.limit_source) == (
        "watts",
        4,
        46_000.0,
        "grid operator",
    )
    assert ledger.grants == pytest.approx(7 * 28.5 * 230)
    reason = decision.grants["a", 1].reasons[0]
    assert (reason.code, reason.circuit_id, reason.phase, reason.source) == (
        "watts",
        "grid",
        None,
        "grid operator",
    )


@pytest.mark.parametrize(
    ("metered_w", "base_w"),
    [(None, 3 * 20 * 230.0), (12_000.0, 12_000.0), (math.nan, 3 * 20 * 230.0)],
)
def test_base_in_watts_is_the_meters_own_or_amperes_times_volts(
    metered_w: float | None, base_w: float
) -> None:
    scene = Scene(site(circuits=(structs.replace(GRID, rating_w=50_000.0),), evses=(evse("a", 0, 1, 2),)))
    scene.metered_w = metered_w
    decision = scene.tick()
    (ledger,) = decision.circuits["grid"].others
    assert ledger.base == pytest.approx(base_w)
    assert ledger.margin == pytest.approx(230 * 3 * 2)  # 2 A on each phase


def test_a_dead_meter_means_the_worst_base_in_watts_too() -> None:
    scene = Scene(site(circuits=(structs.replace(GRID, rating_w=50_000.0),), evses=(evse("a", 0, 1, 2),)))
    scene.metered = None
    (ledger,) = scene.tick().circuits["grid"].others
    assert ledger.base == pytest.approx(3 * 30 * 230)
    unknown = structs.replace(GRID, rating_w=50_000.0, reserve_a=0.0)
    scene = Scene(site(circuits=(unknown,), evses=(evse("a", 0, 1, 2),)))
    scene.metered = None
    (ledger,) = scene.tick().circuits["grid"].others
    assert ledger.base == pytest.approx(50_000.0)


def test_a_watt_limit_that_ends_falls_to_its_fallback_and_its_amperes_alone_are_gone() -> None:
    scene = Scene(site(evse("a", 0, 1, 2), circuits=(PLAIN,)))
    until = scene.snapshot().epoch_s + 5
    scene.limits = (LimitSource(source="dso", limit_w=9_000.0, valid_until=until, fallback_w=7_000.0),)
    scene.charge(("a", 1), 6.0)
    assert scene.tick(1).circuits["grid"].others[0].limit == 9_000.0
    (ledger,) = scene.tick(10).circuits["grid"].others
    assert (ledger.limit, ledger.limit_source) == (7_000.0, "dso (fallback)")
    scene.limits = (LimitSource(source="dso", limit_w=math.nan),)
    decision = scene.tick(1)
    assert decision.circuits["grid"].others[0].limit == 0.0
    assert limit(decision, ("a", 1)) == 0.0


def test_above_the_watt_limit_is_an_overload() -> None:
    scene = Scene(site(circuits=(structs.replace(GRID, rating_w=10_000.0),), evses=(evse("a", 0, 1, 2),)))
    scene.charge(("a", 1), 6.0)
    scene.metered = (20.0, 20.0, 20.0)
    for _ in range(22):
        decision = scene.tick()
        assert decision.overloaded
        for cut in decision.cuts:
            scene.change(cut.key, committed_a=cut.limit_a, committed_at=scene.at)
            scene.change(cut.key, measured_a=(cut.limit_a,) * 3)
    assert "overload" in codes(decision, ("a", 1))
    assert limit(decision, ("a", 1)) == 0.0


def test_apparent_power_counts_amperes_whatever_the_meter_says_of_watts() -> None:
    scene = Scene(site(circuits=(structs.replace(GRID, rating_va=20_000.0),), evses=(evse("a", 0, 1, 2),)))
    scene.metered_w = 1_000.0
    (ledger,) = scene.tick().circuits["grid"].others
    assert (ledger.kind, ledger.base) == ("va", pytest.approx(3 * 20 * 230))


def test_the_neutral_carries_the_most_loaded_phase_of_single_phase_cars() -> None:
    """40 A in the neutral: two cars on L1 share them, one on L2 has its own; a three-phase car adds
    nothing, once it is known to be one."""
    grid = structs.replace(PLAIN, neutral_a=40.0)
    cars = (evse("a", 0), evse("b", 0), evse("c", 1), evse("d", 0, 1, 2))
    scene = Scene(site(*cars, circuits=(grid,)))
    for car in cars:
        scene.charge(car.key, 6.0, phases=car.phases)
    decision = scene.tick()
    assert [limit(decision, car.key) for car in cars] == [20.0, 20.0, 32.0, 32.0]
    assert codes(decision, ("a", 1)) >= {"neutral"}
    scene.change(("d", 1), phases=None)
    decision = scene.tick()
    assert [limit(decision, car.key) for car in cars] == [13.3, 13.3, 26.6, 13.3]


def test_one_phase_may_lead_the_others_by_so_much_only() -> None:
    """The most loaded phase is capped: 18 A, of which the base's own lead is taken off."""
    grid = structs.replace(GRID, unbalance_a=18.0)
    scene = Scene(site(evse("a", 0), evse("b", 0, 1, 2), circuits=(grid,)))
    scene.charge(("a", 1), 6.0, phases=(0,), measured_a=(6.0, 0.0, 0.0))
    scene.charge(("b", 1), 10.0, phases=(0, 1, 2))
    scene.metered = (20.0 + 16.0, 17.0 + 10.0, 17.0 + 10.0)
    decision = scene.tick()
    # 20 A - 17 A of base, and 2 A of margin: 13 A are left for what leads on L1.
    assert limit(decision, ("a", 1)) == 13.0
    assert codes(decision, ("a", 1)) >= {"unbalance"}
    assert limit(decision, ("b", 1)) == 32.0


@pytest.mark.parametrize(
    ("supply", "load", "expected"),
    [
        ("wye", evse("a", 0), [1.0, 0.0, 0.0]),
        ("wye", evse("a", 0, 1), [1.0, 1.0, 0.0]),
        ("split", evse("a", 0, 1), [1.0, 1.0, 0.0]),
        ("split", evse("a", 1), [0.0, 1.0, 0.0]),
        ("wye", evse("a", 0, 1, line_to_line=True), [1.0, SIDE, 0.0]),
        ("delta", evse("a", 1, 0), [1.0, SIDE, 0.0]),
        ("delta", evse("a", 2, 0), [SIDE, 0.0, 1.0]),
        ("delta", evse("a", 0, 1, 2), [1.0, 1.0, 1.0]),
    ],
)
def test_what_an_ampere_takes_of_the_phases(supply: Supply, load: Evse, expected: list[float]) -> None:
    tree = Topology(site(load, circuits=(PLAIN,), supply=supply))
    taken = dict(entries_of(tree, 0).pairs())
    assert [taken.get(phase, 0.0) for phase in range(3)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("supply", "load", "expected_v"),
    [
        ("wye", evse("a", 0), 230),
        ("wye", evse("a", 0, 1), 460),
        ("wye", evse("a", 0, 1, line_to_line=True), 230 * math.sqrt(3)),
        ("delta", evse("a", 0, 1), 230 * math.sqrt(3)),
        ("split", evse("a", 0, 1), 460),
        ("wye", evse("a", 0, 1, 2), 690),
    ],
)
def test_what_an_ampere_is_worth_in_watts(supply: Supply, load: Evse, expected_v: float) -> None:
    where = site(load, circuits=(structs.replace(PLAIN, rating_w=1e5),), supply=supply)
    tree = Topology(where)
    assert volts(where, load) == pytest.approx(expected_v)
    taken = dict(entries_of(tree, 0).pairs())
    assert taken[row(tree, 4)] * 230 == pytest.approx(expected_v)


def test_between_lines_two_cars_share_a_line_by_phasors() -> None:
    """208 V: on L1 two cars of x A each (L1-L2 and L3-L1) make sqrt 3 x, so each gets limit / sqrt 3."""
    grid = structs.replace(PLAIN, rating_a=40.0)
    cars = (evse("a", 0, 1), evse("b", 2, 0))
    scene = Scene(site(*cars, circuits=(grid,), supply="delta", voltage_v=120.0))
    for car in cars:
        scene.charge(car.key, 6.0)
    decision = scene.tick()
    assert [limit(decision, car.key) for car in cars] == [23.0, 23.0]  # 40 / sqrt 3 = 23.09
    scene.evses.pop(("b", 1))
    scene.evses[("b", 1)] = structs.replace(scene.evses[("a", 1)], key=("b", 1), session=False)
    assert limit(scene.tick(), ("a", 1)) == 32.0


def test_a_base_of_any_angle_costs_a_little_more_between_lines() -> None:
    cars = (evse("a", 0, 1),)
    scene = Scene(site(*cars, circuits=(GRID,), supply="delta", voltage_v=120.0))
    scene.metered = (50.0, 50.0, 20.0)
    scene.charge(("a", 1), 10.0, measured_a=(10.0, 10.0, 0.0))
    ledger = scene.tick().circuits["grid"]
    assert ledger.base_a[0] == pytest.approx(50 * BASE_SHARE - 10)
    assert ledger.base_a[1] == pytest.approx(50 * BASE_SHARE - 10 * SIDE)
    lines = {other.row: other for other in ledger.others}
    assert lines[12].base == pytest.approx(50 * BASE_SHARE - 10 * SIDE)
    assert lines[13].base == pytest.approx(50 * BASE_SHARE - 10)


def test_a_station_that_is_told_watts_may_put_them_all_on_one_phase() -> None:
    """16 A on three phases are 11 kW, and 48 A where a car has one phase only."""
    grid = structs.replace(PLAIN, rating_a=30.0)
    scene = Scene(site(evse("a", 1, 2, 0), circuits=(grid,)))
    scene.charge(("a", 1), 6.0, in_watts=True, phases=None)
    assert limit(scene.tick(), ("a", 1)) == 10.0
    scene.change(("a", 1), phases=(0, 1, 2))
    assert limit(scene.tick(), ("a", 1)) == 30.0
    scene.change(("a", 1), phases=(1,))
    assert limit(scene.tick(), ("a", 1)) == 10.0


def test_what_a_car_takes_of_watts_on_one_phase_is_no_base_and_no_disobedience() -> None:
    grid = structs.replace(PLAIN, rating_a=60.0, meter=GRID.meter)
    scene = Scene(site(evse("a", 1, 2, 0), circuits=(grid,)))
    scene.charge(("a", 1), 6.0, in_watts=True, measured_a=(0.0, 18.0, 0.0))
    scene.metered = (5.0, 23.0, 5.0)
    for _ in range(60):
        decision = scene.tick()
    assert decision.circuits["grid"].base_a == (5.0, 5.0, 5.0)
    assert not decision.reserved
    scene.change(("a", 1), measured_a=(0.0, 24.0, 0.0))  # 8 A a phase of 6
    for _ in range(30):
        decision = scene.tick()
    assert decision.reserved == {("a", 1)}
    assert decision.held_a["a", 1] == 8.0


def test_trucks_and_sockets_stand_in_one_tree() -> None:
    """A 3.75 MW truck beside a 6 A socket: no step, tolerance or sum breaks."""
    grid = Circuit(circuit_id="grid", name="grid", rating_a=6_000.0, rating_w=4_000_000.0)
    truck = evse("t", 0, 1, 2, max_a=5_908.0, min_a=10.0, step_a=1.0, dc_power_w=3_750_000.0)
    scene = Scene(site(truck, evse("s", 1, max_a=6.0), circuits=(grid,)))
    scene.charge(("t", 1), 100.0)
    scene.charge(("s", 1), 6.0, phases=(1,))
    decision = scene.tick()
    assert limit(decision, ("s", 1)) == 6.0
    assert limit(decision, ("t", 1)) == math.floor((4_000_000 / 230 - 6) / 3)


def test_a_site_whose_rows_change_keeps_its_base_and_takes_the_worst_for_new_rows() -> None:
    scene = Scene(site(circuits=(GRID,), evses=(evse("a", 0, 1, 2),)))
    scene.tick()
    scene.site = structs.replace(scene.site, circuits=(structs.replace(GRID, unbalance_a=18.0),))
    scene.metered_at = scene.at  # no new reading
    ledger = scene.tick().circuits["grid"]
    assert ledger.base_a == (20.0, 20.0, 20.0)
    assert [other.base for other in ledger.others] == [30.0, 30.0, 30.0]


def test_a_meter_that_has_no_cars_in_it_adds_them_in_watts() -> None:
    apart = MeterConfig(protocol="push", interval_s=1.0, measures="without_evs")
    grid = structs.replace(GRID, meter=apart, rating_w=20_000.0)
    scene = Scene(site(circuits=(grid,), evses=(evse("a", 0, 1, 2),)))
    scene.charge(("a", 1), 16.0)
    decision = scene.tick()
    assert decision.circuits["grid"].others[0].base == pytest.approx(3 * 20 * 230)
    assert decision.overloaded  # 20 A and 16 A on three phases are 24.8 kW


HALL = Cabinet(cabinet_id="hall", modules=4, module_w=30_000.0)


@pytest.mark.parametrize(
    ("most_a", "expected_kw"),
    [
        ((500.0, 500.0), (60, 60)),
        ((500.0, 40.0), (90, 25)),  # 40 A are 25 kW: one module, and three are left
        ((500.0, 500.0, 500.0), (60, 30, 30)),  # a third of a module more is worth nothing to three
        ((70.0, 500.0), (44, 60)),  # 44 kW need two modules
        ((500.0,) * 5, (30, 30, 30, 30, 0)),
    ],
)
def test_a_cabinet_gives_whole_modules(most_a: tuple[float, ...], expected_kw: tuple[int, ...]) -> None:
    cars = [
        evse(str(n), 0, 1, 2, max_a=a, dc_power_w=a * 690.0, cabinet_id="hall") for n, a in enumerate(most_a)
    ]
    grid = structs.replace(PLAIN, rating_a=2_000.0)
    scene = Scene(site(*cars, circuits=(grid,), cabinets=(HALL,)))
    for car in cars:
        scene.charge(car.key, 6.0)
    decision = scene.tick()
    told = [limit(decision, car.key) * 690 * DC_TOLD_SHARE / 1000 for car in cars]
    assert told == pytest.approx(expected_kw, abs=0.5)
    assert sum(math.ceil(kw / 30 - 1e-6) for kw in told) <= 4
    held = [car for car, kw in zip(cars, told, strict=True) if limit(decision, car.key) < car.max_a - 0.1]
    assert all("cabinet" in codes(decision, car.key) for car in held)

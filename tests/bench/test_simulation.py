"""The simulation benchmark: what the peers are told, and the peer's battery that both sides are held to."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.bench.report import BenchFailed
from ampacity.bench.simulation.day import PeerCar, PeerDay, battery_kwh, day_scene, in_scene_order
from ampacity.bench.simulation.hub import hub_week
from ampacity.bench.simulation.month import Month, own_month, recorded_month
from ampacity.bench.simulation.peers import PeerFailed, running
from ampacity.bench.simulation.run import FULL_SOC, month_scene, written
from ampacity.simulation.batch.episode import run as play
from ampacity.simulation.scenarios.caltech import STATIONS, caltech_site
from ampacity.simulation.scenarios.recorded import recorded_world
from ampacity.simulation.sessions import write_sessions


@pytest.fixture(scope="module")
def made() -> Month:
    """Our own month, once for all tests."""
    return own_month(3)


def test_our_own_month_has_one_car_at_a_station_and_the_same_seed_the_same_month(made: Month) -> None:
    assert 500 < len(made.rows) < 1_200
    assert own_month(3).rows == made.rows
    at_station: dict[str, list[list[float]]] = {}
    for station, first, last, kwh in made.task(60.0)["visits"]:
        assert station in STATIONS
        assert 0 <= first < last
        assert kwh > 0
        at_station.setdefault(station, []).append([first, last])
    for stays in at_station.values():
        assert all(before[1] <= after[0] for before, after in pairwise(stays))


def test_the_peer_is_told_what_our_world_holds(made: Month) -> None:
    month = made.first_days(3)
    assert 0 < len(month.rows) < len(made.rows)
    visits = recorded_world(caltech_site(), month.rows, month.starts_at).visits
    told = [
        [STATIONS[k], arrive / 300, depart / 300, energy / 1000]
        for k, arrive, depart, energy in zip(
            visits.evse, visits.arrive_s, visits.depart_s, visits.energy_wh, strict=True
        )
    ]
    assert month.task(150.0)["visits"] == told


def test_a_file_gives_its_first_month(tmp_path: Path, made: Month) -> None:
    file = tmp_path / "garage.csv"
    write_sessions(file, made.rows)
    read = recorded_month(file)
    assert read.starts_at == made.starts_at
    assert read.source == "garage.csv"
    assert [row.session_id for row in read.rows] == [row.session_id for row in made.rows]


def test_a_file_of_another_site_is_refused(tmp_path: Path, made: Month) -> None:
    file = tmp_path / "elsewhere.csv"
    write_sessions(
        file, [msgspec.structs.replace(row, station_id=f"X{row.station_id}") for row in made.rows[:3]]
    )
    with pytest.raises(BenchFailed, match="no session at a station of the Caltech garage"):
        recorded_month(file)


def test_peers_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMPACITY_PEERS", str(tmp_path))
    with (
        pytest.raises(PeerFailed, match=r"run '\./dev bench simulation'"),
        running("ACN-Sim", "simulation_acn_peer.py"),
    ):
        pass


def car(**changes: float) -> PeerCar:
    values: dict[str, float] = {
        "capacity_kwh": 60.0,
        "arrival_kwh": 20.0,
        "max_kw": 11.0,
        "efficiency": 0.9,
        "taper_from": 0.8,
        "tail": 1.0,
        "energy_kwh": 0.0,
        "left_kwh": 0.0,
    }
    return PeerCar(charger=0, arrival=0, departure=0, **{**values, **changes})  # type: ignore[arg-type]


@given(
    steps=st.integers(1, 96),
    soc=st.floats(0.01, 0.99),
    capacity_kwh=st.floats(20, 120),
    max_kw=st.floats(3, 22),
    offered=st.floats(1.5, 25),
    taper_from=st.floats(0.7, 0.95),
)
@settings(max_examples=60)
def test_the_battery_of_the_peer_is_the_taper_integrated_finely(
    steps: int, soc: float, capacity_kwh: float, max_kw: float, offered: float, taper_from: float
) -> None:
    """Power at most `max_kw`, and from `taper_from` on a straight line to nothing: by small steps."""
    one = msgspec.structs.replace(
        car(capacity_kwh=capacity_kwh, arrival_kwh=soc * capacity_kwh, max_kw=max_kw, taper_from=taper_from),
        departure=steps - 1,
    )
    closed = battery_kwh(one, offered, 15.0, rounded=False)
    state, pieces = soc, 40
    hours = 0.25 / pieces

    def rate(at: float) -> float:
        limit = max_kw * min(1.0, max(0.0, (1.0 - at) / (1.0 - taper_from)))
        return 0.9 * min(offered, limit) / capacity_kwh

    for _ in range(steps * pieces):
        middle = state + rate(state) * hours / 2
        state += rate(middle) * hours
    assert closed == pytest.approx((state - soc) * capacity_kwh, abs=2e-3)
    assert 0.0 <= closed <= capacity_kwh * (1.0 - soc) + 1e-9


def test_rounding_makes_the_peers_battery_take_less() -> None:
    one = msgspec.structs.replace(car(arrival_kwh=20.003), departure=30)
    exact = battery_kwh(one, 22.17, 15.0, rounded=False)
    rounded = battery_kwh(one, 22.17, 15.0, rounded=True)
    assert exact - 31 * 0.01 <= rounded < exact
    assert math.isfinite(rounded)


def test_a_full_car_takes_nothing_more() -> None:
    one = msgspec.structs.replace(car(arrival_kwh=59.0), departure=40)
    ended = battery_kwh(one, 22.17, 15.0, rounded=False, full_soc=0.9995)
    assert 59.97 <= 59.0 + ended < 59.0 + battery_kwh(one, 22.17, 15.0, rounded=False) < 60.0


def test_the_month_under_a_small_transformer_is_shared_and_kept_within_its_rows(made: Month) -> None:
    """Three days of our own month as the bench runs them: every car gets what it asked or what its stay
    allows, behind 60 kVA no more a moment than the conductors carry."""
    month = made.first_days(3)
    done = play(month_scene(month, 60.0), "least-laxity")
    free = play(month_scene(month, 1_000.0), "least-laxity")
    visits = done.scene.world.visits
    longest_wh = (visits.depart_s - visits.arrive_s) / 3600.0 * 6656.0
    assert (done.trace.row_a <= done.scene.world.rows.limit_a + 1e-6).all()
    assert done.trace.row_a[:, 5:].max() == pytest.approx(72.20217, abs=1e-4)
    assert free.state.energy_wh == pytest.approx(np.minimum(visits.energy_wh, longest_wh), abs=1e-3)
    assert (done.state.energy_wh <= free.state.energy_wh + 1e-3).all()


def test_our_engine_is_least_laxity_as_written_down(made: Month) -> None:
    """Five crowded days behind 60 kVA: every session to 1e-9 kWh, and who halves gives a little else."""
    scene = month_scene(made.first_days(5), 60.0)
    ours = play(scene, "least-laxity").state.energy_wh / 1000.0
    assert ours == pytest.approx(written(scene, halving=False), abs=1e-9)
    halved = written(scene, halving=True)
    assert np.abs(halved - ours).max() > 0.0
    assert halved.sum() == pytest.approx(ours.sum(), rel=5e-3)


def test_a_day_of_the_peers_cars_is_its_dynamics_without_rounding() -> None:
    """Cars that the bench would get from EV2Gym: our engine gives each what the written dynamics say."""
    cars = tuple(
        msgspec.structs.replace(
            car(arrival_kwh=20.0 + 3.1 * k, max_kw=11.0 if k % 2 else 7.4, taper_from=0.75 + 0.03 * k),
            charger=k,
            arrival=3 + k,
            departure=12 + 6 * k,
        )
        for k in range(6)
    )
    day = PeerDay(
        reset_s=0.0,
        steps_s=0.0,
        steps=60,
        step_min=15.0,
        chargers=6,
        volt_line_to_line=400.0,
        max_a=32.0,
        energy_kwh=0.0,
        power_kw=(),
        cars=cars,
    )
    done = play(day_scene(day), "uncontrolled")
    into_kwh = done.state.energy_wh * done.scene.world.visits.efficiency / 1000.0
    written = [
        battery_kwh(one, day.charger_kw, 15.0, rounded=False, full_soc=FULL_SOC)
        for one in in_scene_order(cars)
    ]
    assert into_kwh == pytest.approx(written, abs=1e-9)
    assert min(written) > 1.0


def test_small_worlds_have_cars_at_every_port_and_keep_their_limit() -> None:
    scene = hub_week(np.random.default_rng(1))
    done = play(scene, "least-laxity")
    assert set(scene.world.visits.evse) == set(range(6))
    assert (done.trace.row_a <= 100.0 + 1e-6).all()
    assert done.state.energy_wh.sum() > 350e3

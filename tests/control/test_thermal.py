"""Heat: sensors take away at once and give back late; a transformer by its hot spot, as in the standard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control import hot_spot
from ampacity.control.thermal import Reading, ThermalMemory, follow, share_at
from ampacity.model.protection import HotSpotModel, TemperatureSensor
from ampacity.simulation.electrical import transformer

from .scene import GRID, PANEL, A, Scene, codes, limit, site

CABLE = TemperatureSensor(
    sensor_id="cable", points=((60.0, 1.0), (80.0, 0.5), (90.0, 0.0)), fallback_share=0.4
)


@pytest.mark.parametrize(
    ("celsius", "share"),
    [(-10.0, 1.0), (60.0, 1.0), (70.0, 0.75), (80.0, 0.5), (85.0, 0.25), (90.0, 0.0), (200.0, 0.0)],
)
def test_derating_is_piecewise(celsius: float, share: float) -> None:
    assert share_at(CABLE, celsius) == pytest.approx(share)


def shares(*readings: tuple[float, Reading | None]) -> list[float]:
    memory: ThermalMemory | None = None
    found = []
    for at, reading in readings:
        memory = follow(CABLE, reading, memory, at)
        found.append(round(memory.share, 3))
    return found


def test_down_at_once_up_after_a_minute_and_then_by_the_warmest_of_it() -> None:
    assert shares(
        (0, (50.0, 0)), (1, (80.0, 1)), (2, (50.0, 2)), (30, (70.0, 30)), (61, (50.0, 61)), (62, (50.0, 62))
    ) == [1.0, 0.5, 0.5, 0.5, 0.5, 0.75]


@pytest.mark.parametrize(
    "told", [None, (math.nan, 11.0), (999.0, 11.0), (20.0, 99.0), (20.0, 0.0), (20.0, math.nan)]
)
def test_a_silent_or_senseless_sensor_falls_to_its_fallback(told: Reading | None) -> None:
    assert shares((0, (20.0, 0)), (11, told)) == [1.0, 0.4]
    assert shares((11, told)) == [0.4]
    assert shares((0, (85.0, 0)), (11, told)) == [0.25, 0.25]  # silence is not cooler


def test_an_evse_gives_what_its_warmest_sensor_allows() -> None:
    plug = TemperatureSensor(sensor_id="plug", points=((70.0, 1.0), (90.0, 0.0)), stale_s=60.0)
    evse = structs.replace(site().evses[0], sensors=(structs.replace(CABLE, stale_s=60.0), plug))
    scene = Scene(site(evse))
    scene.charge(A, 30.0, temperatures={"cable": (50.0, scene.at), "plug": (50.0, scene.at)})
    assert limit(scene.tick(), A) == 32.0
    scene.change(A, temperatures={"cable": (70.0, scene.at), "plug": (80.0, scene.at)})
    decision = scene.tick()
    assert limit(decision, A) == 16.0
    [reason] = [r for r in decision.grants[A].reasons if r.code == "thermal"]
    assert reason.detail == "plug"
    assert [cut.limit_a for cut in decision.cuts] == [16.0]
    scene.change(A, temperatures={"cable": (70.0, scene.at), "plug": (89.0, scene.at)})
    assert limit(scene.tick(), A) == 0.0  # less than the minimum is nothing


def test_a_warm_cabinet_limits_its_circuit() -> None:
    scene = Scene(site(circuits=(structs.replace(GRID, sensors=(CABLE,)), PANEL)))
    scene.charge(A, 20.0)
    scene.metered = (45.0, 45.0, 45.0)
    scene.temperatures = {"cable": (80.0, scene.at)}
    decision = scene.tick()
    ledger = decision.circuits["grid"]
    assert (ledger.limit_a, ledger.limit_source) == (50.0, "temperature of cable")
    assert "thermal" in codes(decision, A)
    for _ in range(20):
        decision = scene.tick()
    assert decision.circuits["grid"].limit_a == 40.0  # stale: the fallback


# ---------------------------------------------------------------- the hot spot

KIND = transformer.eu_distribution(400.0)
MODEL = HotSpotModel(rated_a=577.0, loss_ratio=KIND.loss_ratio)


@given(st.lists(st.floats(0.0, 1.8), min_size=1, max_size=30), st.floats(-10.0, 40.0), st.floats(1.0, 3600.0))
def test_the_law_s_hot_spot_is_the_simulation_s(loads: list[float], ambient_c: float, step_s: float) -> None:
    there = transformer.temperatures(KIND, np.array(loads), ambient_c, step_s)
    here = hot_spot.steady(MODEL, loads[0], ambient_c, 0.0)
    for n, load in enumerate(loads):
        here = hot_spot.after(MODEL, here, load, ambient_c, (n + 1) * step_s)
        assert here.hot_spot_c == pytest.approx(float(there.hot_spot_c[n]), abs=1e-6)
        assert here.oil_c == pytest.approx(float(there.top_oil_c[n]), abs=1e-6)


def test_a_cold_transformer_may_carry_more_than_its_rating_and_a_hot_one_less() -> None:
    cold = hot_spot.steady(MODEL, 0.3, 0.0, 0.0)
    warm = hot_spot.steady(MODEL, 1.0, 20.0, 0.0)
    hot = hot_spot.steady(MODEL, 1.2, 40.0, 0.0)
    found = [hot_spot.permitted_share(MODEL, m, c) for m, c in ((cold, 0.0), (warm, 20.0), (hot, 40.0))]
    assert found[0] == 1.5
    assert found[0] > found[1] > 1.0 > found[2]


@given(st.floats(0.0, 1.5), st.floats(-10.0, 45.0))
def test_who_follows_the_limit_never_gets_too_hot(share: float, ambient_c: float) -> None:
    memory = hot_spot.steady(MODEL, share, ambient_c, 0.0)
    start_c = memory.hot_spot_c
    for n in range(1, 40):
        allowed = hot_spot.permitted_share(MODEL, memory, ambient_c)
        memory = hot_spot.after(MODEL, memory, allowed, ambient_c, n * 300.0)
        assert memory.hot_spot_c <= max(MODEL.hot_spot_c + 0.01, start_c)


def transformed(**changes: Any) -> Scene:
    model = HotSpotModel(rated_a=100.0, **changes)
    scene = Scene(site(circuits=(structs.replace(GRID, rating_a=160.0, hot_spot=model), PANEL)))
    scene.charge(A, 20.0)
    return scene


def test_a_transformer_nobody_knows_is_taken_as_hot_as_its_rating_makes_it() -> None:
    scene = transformed(ambient_c=20.0)
    first = scene.tick().circuits["grid"]
    assert first.limit_source == "hot spot"
    assert 100.0 < first.limit_a < 150.0
    for _ in range(120):
        scene.tick(60.0)
    assert scene.tick().circuits["grid"].limit_a == 150.0  # it carries little, and has cooled down


def test_a_silent_meter_heats_the_transformer_by_all_that_it_could_carry() -> None:
    scene = transformed(ambient_c=20.0)
    scene.tick()
    scene.metered_at = scene.at
    for _ in range(60):
        decision = scene.tick(120.0)
    assert decision.circuits["grid"].limit_a < 100.0


def test_the_air_outside_counts_where_a_sensor_tells_it() -> None:
    scene = transformed(ambient_c=40.0, ambient_sensor="air")
    worst = scene.tick().circuits["grid"].limit_a
    told = transformed(ambient_c=40.0, ambient_sensor="air")
    told.temperatures = {"air": (0.0, told.at)}
    assert told.tick().circuits["grid"].limit_a > worst

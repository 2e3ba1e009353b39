"""What a battery takes in a step: closed forms against fine steps, and the batch car against the live one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.world import TAPER_CURVE, TAPER_LINEAR
from ampacity.simulation.cars import Car
from ampacity.simulation.fleet import FLEET
from tests.simulation.worlds import evses, rows, scene, visits, world

HOUR = 3600.0


def charged(step_s: float, *, soc: float, limit_a: float, hours: float, **car: object) -> float:
    """Energy of one car alone on three phases, Wh at the meter."""
    built = visits([0.0], [hours * HOUR], [1e9], soc=np.array([soc]), **car)
    steps = round(hours * HOUR / step_s)
    made = world(evses([(0, 1, 2)]), built, step_s=step_s, steps=steps, conductors=rows(limit_a))
    return float(run(scene(made), "dynamic").state.energy_wh[0])


@settings(max_examples=25, deadline=None)
@given(
    soc=st.floats(0.0, 0.95),
    start=st.floats(0.5, 0.95),
    limit_a=st.floats(7.0, 32.0),
    accept_w=st.floats(5_000.0, 30_000.0),
)
def test_a_straight_taper_does_not_depend_on_the_step(
    soc: float, start: float, limit_a: float, accept_w: float
) -> None:
    car = {
        "taper": np.array([TAPER_LINEAR]),
        "taper_from": np.array([start]),
        "accept_w": np.array([accept_w]),
        "capacity_wh": np.array([20_000.0]),
        "efficiency": np.array([0.9]),
    }
    coarse = charged(900.0, soc=soc, limit_a=limit_a, hours=2.0, **car)
    fine = charged(5.0, soc=soc, limit_a=limit_a, hours=2.0, **car)
    # The strategy sees the taper late on coarse steps, which changes what it orders, not what is taken. Full,
    # at 99.95 %, is seen at a step's end: up to 0.0005 * 20 kWh / 0.9 more goes in until then.
    assert coarse == pytest.approx(fine, rel=2e-3, abs=11.2)


@pytest.mark.parametrize("kind", FLEET, ids=lambda kind: kind.name)
@pytest.mark.parametrize("step_s", [5.0, 60.0, 300.0])
def test_the_batch_car_takes_what_the_live_one_takes(kind: object, step_s: float) -> None:
    archetype = FLEET[FLEET.index(kind)]  # type: ignore[arg-type]
    rng = np.random.default_rng(FLEET.index(archetype))
    soc = 0.55
    orders = rng.choice([0.0, 8.0, 16.0, 32.0], 24, p=[0.1, 0.3, 0.3, 0.3]).repeat(round(300.0 / step_s))
    live = Car(archetype, soc=soc, at_s=0.0)
    for k, order in enumerate(orders):
        live.step(k * step_s, order, 3)
    live.step(len(orders) * step_s, 0.0, 3)
    max_a = np.zeros((1, 3))
    max_a[0, : len(archetype.ac_max_a)] = archetype.ac_max_a
    car = visits(
        [0.0],
        [len(orders) * step_s],
        [1e9],
        soc=np.array([soc]),
        slots=np.array([len(archetype.ac_max_a)]),
        max_a=max_a,
        min_a=np.array([archetype.min_a]),
        capacity_wh=np.array([archetype.battery_wh]),
        accept_w=np.array([archetype.accept_w]),
        efficiency=np.array([archetype.ac_efficiency]),
        taper=np.array([TAPER_CURVE]),
        up_s=np.array([10.0]),
        down_s=np.array([4.0]),
    )
    curve = np.interp(np.linspace(0, 1, 101), *np.array(archetype.curve).T)[None, :]
    # The orders reach the car as a limit of the conductors that moves.
    limits = np.repeat(orders[:, None], 6, axis=1)
    made = world(
        evses([(0, 1, 2)], step_a=np.zeros(1)),
        car,
        step_s=step_s,
        steps=len(orders),
        conductors=rows()._replace(limit_a=limits),
    )._replace(curves=curve)
    # Learning what the car takes would change the orders.
    done = run(scene(made), "first-come")
    assert done.state.energy_wh[0] == pytest.approx(live.energy_wh, rel=5e-3)
    assert math.isclose(done.state.soc[0], live.soc, rel_tol=5e-3)

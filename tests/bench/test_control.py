"""The closed loop of `ampacity bench control`: the law keeps the limit where a plain one does not."""

from __future__ import annotations

from ampacity.bench.control.laws import LAWS, deadbeat, guarded
from ampacity.bench.control.plant import COUNT, LIMIT_A, Plant
from ampacity.bench.control.run import closed_loop


def test_the_law_keeps_the_limit_and_writes_little() -> None:
    plant = closed_loop(guarded, 3, 0.5)
    assert plant.longest_over_s <= 12
    assert plant.over_s <= 18
    assert plant.writes / COUNT / 0.5 <= 40
    assert plant.flowed_as / 1800 / LIMIT_A > 0.85
    assert not plant.breaker.tripped


def test_a_dead_beat_on_the_meter_does_not() -> None:
    plant = closed_loop(deadbeat, 3, 0.5)
    assert plant.over_s > 100
    assert plant.longest_over_s > 12


def test_the_plant_is_the_same_for_all() -> None:
    bases = []
    for law in (LAWS["oracle_"](), LAWS["quarter_"]()):
        plant = Plant(1)
        base = []
        for _ in range(900):
            plant.step()
            law(plant)
            base.append(plant.base_a)
        bases.append(base)
    assert bases[0] == bases[1]


def test_one_limit_of_a_charger_is_under_way_at_a_time() -> None:
    plant = Plant(1)
    assert plant.tell(0, 6.0)
    assert not plant.tell(0, 8.0)
    for _ in range(4):
        plant.step()
    assert plant.chargers[0].limit_a == 6.0
    assert plant.tell(0, 8.0)

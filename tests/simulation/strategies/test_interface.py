"""Strategies of other people: how they are found, what they see, and what happens when they are wrong."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.world import Storage
from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.strategies.interface import (
    API,
    BadDecisionError,
    Decision,
    FailedError,
    Observation,
    SitePlan,
    StrategyError,
    WrongApiError,
)
from ampacity.simulation.strategies.loading import BUILT_IN, NotFoundError, load
from ampacity.simulation.strategies.stepping import step_through
from tests.simulation.worlds import evses, scene, series, visits, world

PAGE = Path(__file__).resolve().parents[3] / "docs" / "strategies.md"


def night(**changes: Any) -> Scene:
    """Two cars for twelve hours at 15-min steps; the last four hours cost a third. Car 1 declared nothing."""
    buy = np.array([0.30] * 32 + [0.10] * 16)
    cars = visits(
        [0, 900],
        [43_200, 43_200],
        [10_000, 5_000],
        declared_wh=np.array([10_000, np.nan]),
        declared_depart_s=np.array([43_200, np.nan]),
    )
    return scene(
        world(evses([(0, 1, 2), (1,)]), cars, step_s=900.0, steps=48, signals=series(48, buy=buy)), **changes
    )


class Told:
    """Answers what a test wants, and keeps what it saw."""

    name = "told"
    api = API

    def __init__(self, answer: Callable[[Observation], Decision]) -> None:
        self.answer, self.seen = answer, list[Observation]()

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self.site, self.drawn = site, rng.random()

    def decide(self, observation: Observation) -> Decision:
        self.seen.append(observation)
        return self.answer(observation)


def test_the_example_of_the_page_runs_from_a_file_and_saves(tmp_path: Path) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    file = tmp_path / "my.py"
    file.write_text(code)
    patient = step_through(night(), load(f"{file}:Patient", {"spare_s": 1800.0}))
    assert patient.clipped == 0
    mine, full = measure(patient.run), measure(run(night(), "uncontrolled"))
    assert mine.unmet_kwh == pytest.approx(0.0, abs=1e-6)
    assert full.energy_cost == pytest.approx(15.0 * 0.30)
    # The car that declared its departure waits for the night, the other one can't.
    assert mine.energy_cost == pytest.approx(10.0 * 0.10 + 5.0 * 0.30)


def test_the_page_lists_the_built_in_strategies() -> None:
    page = PAGE.read_text().partition("## Your own")[0]
    listed = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert listed == [*BUILT_IN, "optimum"]


def test_a_module_and_an_entry_point_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other_people.py").write_text(
        "from ampacity.simulation.strategies.plain import Uncontrolled\n"
        "class Bold(Uncontrolled):\n    name = 'bold'\n"
    )
    named = tmp_path / "other_people-1.0.dist-info"
    named.mkdir()
    (named / "METADATA").write_text("Metadata-Version: 2.1\nName: other_people\nVersion: 1.0\n")
    (named / "entry_points.txt").write_text("[ampacity.strategies]\nbold = other_people:Bold\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load("other_people:Bold").name == load("bold").name == "bold"
    monkeypatch.delitem(sys.modules, "other_people")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("least-lax", r"no strategy 'least-lax': choose one of uncontrolled, .*package.module:Class"),
        ("no.such:Thing", "module 'no.such' can't be imported"),
        ("missing.py:Thing", "there is no file missing.py"),
        ("ampacity.simulation.strategies.plain:Nope", "has no class 'Nope'"),
        ("ampacity.simulation.strategies.room:Room", "does not take these settings"),
        ("ampacity.simulation.strategies.interface:StrategyError", "has no 'name'"),
    ],
)
def test_what_is_not_found_says_what_would_be_right(name: str, says: str) -> None:
    with pytest.raises(StrategyError, match=says):
        load(name)


def test_a_file_that_fails_and_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(NotFoundError, match=r"broken\.py can't be run: ZeroDivisionError"):
        load(f"{tmp_path / 'broken.py'}:Thing")
    with pytest.raises(StrategyError, match=r"'first-come' does not take these settings \(speed\)"):
        load("first-come", {"speed": 3})


def test_another_version_is_refused_before_the_first_step() -> None:
    strategy = Told(lambda seen: Decision(setpoint_a=[0.0, 0.0]))
    strategy.api = 2
    with pytest.raises(WrongApiError, match=r"written for version 2 .* this is version 1"):
        step_through(night(), strategy)
    assert strategy.seen == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Decision(setpoint_a=[0.0]), "at step 0: setpoint_a has the shape .*answer 2 numbers"),
        (Decision(setpoint_a=[0.0, math.nan]), "'told' at step 0: the setpoint of EVSE 'evse 1' is not a"),
        (Decision(setpoint_a=[0.0, 0.0], storage_w=math.inf), "storage_w is inf"),
    ],
)
def test_answers_that_are_none_are_named(answer: Decision, says: str) -> None:
    with pytest.raises(BadDecisionError, match=says):
        step_through(night(), Told(lambda seen: answer))


def test_an_exception_names_strategy_and_step() -> None:
    def late(seen: Observation) -> Decision:
        return Decision(setpoint_a=[0.0, 0.0]) if seen.step < 3 else Decision(setpoint_a=seen.buy[[99]])

    with pytest.raises(FailedError, match="'told' failed at step 3: IndexError") as caught:
        step_through(night(), Told(late))
    assert isinstance(caught.value.__cause__, IndexError)


def test_setpoints_are_put_right_and_counted() -> None:
    answers = iter([[40.0, 5.0], [-10.0, 32.0], [6.0, 0.0]])
    stepped = step_through(
        night(), Told(lambda seen: Decision(setpoint_a=next(answers, [0.0, 0.0]))), each_evse=True
    )
    assert stepped.clipped == 3
    kw = stepped.run.trace.evse_w / 1e3
    assert kw[:3, 0] == pytest.approx([22.08, 0.0, 4.14])
    assert kw[:3, 1] == pytest.approx([0.0, 7.36, 0.0])


def test_a_strategy_sees_what_a_running_system_knows_and_no_more() -> None:
    strategy = Told(lambda seen: Decision(setpoint_a=[32.0, 16.0]))
    step_through(night(), strategy, seed=7)
    assert strategy.drawn == np.random.default_rng(7).random()
    first, later = strategy.seen[0], strategy.seen[2]
    assert [car.evse for car in first.cars] == [0]
    one, two = later.cars
    assert (one.declared_wh, one.declared_depart_s, one.wants) == (10_000.0, 43_200.0, False)
    assert (two.declared_wh, two.declared_depart_s, two.wants) == (None, None, True)
    assert two.energy_wh == pytest.approx(16 * 230 / 4)
    assert two.measured_a == pytest.approx(16.0)
    assert len(first.buy) == 48
    assert len(later.sun_w) == len(later.building_w) == 3
    assert strategy.site.coefficients.shape == (6, 2, 3)
    assert strategy.site.coefficients[:, 0].sum(axis=1).tolist() == [1, 1, 1, 0, 0, 0]


def test_a_strategy_commands_the_stationary_battery() -> None:
    storage = Storage(10_000.0, 5_000.0, 5_000.0, 0.9, 0.9, 0.5, 0.1, 1.0, 0.0)
    where = night()
    stored = scene(where.world._replace(storage=storage))
    stepped = step_through(stored, Told(lambda seen: Decision(setpoint_a=[0.0, 0.0], storage_w=-1_000.0)))
    # 4 kWh above its floor, a tenth lost on the way: 3.6 kWh at 1 kW.
    assert stepped.run.trace.storage_w.sum() / 4 == pytest.approx(-3_600.0)
    assert stepped.run.state.store[0] == pytest.approx(0.1)

"""What the law does over time: I11 (ramp, minimum run and pause, write budget), and I17 through a phase
switch, in cases that are drawn as documents (docs/cases.md) and played in a closed loop."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.settings import DEFAULTS
from ampacity.control.types import Decision, EvseState, Snapshot
from ampacity.control.writes import Writes, thrift
from ampacity.model.site import Circuit, Evse, EvseKey, MeterConfig, Site
from ampacity.simulation.cases.document import Json
from ampacity.simulation.cases.playing import Course, broken, play
from ampacity.simulation.cases.series import Second, value
from tests.control import recording
from tests.control.plant import Car, Plant

SEEDS = st.integers(0, 2**32)


def played(case: Json) -> Course:
    """The course of a case, which is left as a file where the test fails; its claims hold."""
    recording.begin_case(case)
    course = play(case)
    assert not broken(case, course)
    return course


def site_of(r: random.Random, count: int, rating_a: float, **evse: Any) -> Json:
    return {
        "lease_s": 300.0,
        "commissioned": True,
        "circuits": {"grid": {"rating_a": rating_a, "reserve_a": 5, "meter": {"protocol": "push"}}},
        "evses": {
            f"e{k}": {"circuit_id": "grid", "phases": r.choice(([0], [1], [2], [0, 1, 2])), **evse}
            for k in range(count)
        },
    }


def comings(r: random.Random, names: list[str], seconds: int) -> Json:
    """Cars come once each, at any time, and stay."""
    events: Json = {}
    for name in names:
        at = str(r.randrange(1, seconds // 2))
        events.setdefault(at, {"cars": {}})["cars"][name] = {"session": True, "wants": True}
    return events


def limits_of(second: Second, name: str) -> float:
    return float(value(second, f"limit {name}"))


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(20, 200))
def test_a_site_and_each_of_its_chargers_rise_slowly(seed: int, count: int, rating: int) -> None:
    """I11: a tenth of the connection's limit in 30 s, an EVSE once in 30 s. Starting from nothing to the
    minimum is not rationed."""
    r = random.Random(seed)
    site = site_of(r, count, float(rating))
    case = {
        "form": 1,
        "title": "a site and each of its chargers rise slowly",
        "seconds": 300,
        "site": site,
        "plant": {"seed": seed, "latency_s": r.uniform(0.5, 4), "lag_s": r.uniform(1, 6)},
        "world": {
            "base_a": {"grid": [r.uniform(0, rating / 2) for _ in range(3)]},
            "cars": {name: {"session": False, "wants": False} for name in site["evses"]},
        },
        "events": comings(r, list(site["evses"]), 300),
    }
    course = played(case)
    raised: dict[EvseKey, float] = {}
    added: list[tuple[float, list[float]]] = []
    before: Second | None = None
    for second in course.seconds:
        decision, rows = second.decision, [0.0, 0.0, 0.0]
        for grant in decision.raises:
            evse = second.tree.evses[second.tree.evse_index[grant.key]]
            held_a = decision.held_a[grant.key]
            if held_a < evse.min_a:
                assert grant.limit_a <= evse.min_a + evse.step_a
                continue
            if grant.key in raised:
                assert second.at_s - raised[grant.key] >= DEFAULTS.raise_every_s, (grant, second.at_s)
            raised[grant.key] = second.at_s
            for phase in evse.phases:
                rows[phase] += grant.limit_a - held_a
        added.append((second.at_s, rows))
        for phase in range(3):
            sums = [a[phase] for at_s, a in added if second.at_s - at_s < DEFAULTS.raise_every_s]
            most = DEFAULTS.site_raise_share * decision.circuits["grid"].limit_a
            assert sum(sums) <= most + 1e-6, (second.at_s, phase, sums)
        before = second
    assert before is not None


@settings(max_examples=3, deadline=None)
@given(SEEDS, st.integers(3, 5))
def test_a_car_runs_five_minutes_and_pauses_three_unless_a_fuse_is_at_risk(seed: int, count: int) -> None:
    """I11, where the minimum is not there for all and the input is steady: turns, and cars that come with a
    higher class, take nobody's minimum run and nobody's pause."""
    r = random.Random(seed)
    rating = 6.0 * r.randint(1, count - 1) + r.uniform(3, 5) + 10.0
    site = site_of(r, count, rating)
    for evse in site["evses"].values():
        evse["phases"] = [0, 1, 2]
    case = {
        "form": 1,
        "title": "a car runs five minutes and pauses three",
        "seconds": 2400,
        "site": site,
        "plant": {"seed": seed, "latency_s": r.uniform(0.5, 3)},
        "world": {
            "base_a": {"grid": [8, 8, 8]},
            "cars": {
                name: {"session": False, "wants": False, "priority": r.choice((0, 0, 1))}
                for name in site["evses"]
            },
        },
        "events": comings(r, list(site["evses"]), 2400),
    }
    course = played(case)
    for name in site["evses"]:
        changed_at, ran, pauses = 0.0, False, 0
        began = next(s.at_s for s in course.seconds if s.draws[name] > 0 or s is course.seconds[-1])
        for second in course.seconds:
            runs = limits_of(second, name) >= 6.0
            if runs == ran:
                continue
            lasted_s = second.at_s - changed_at
            slack_s = 5.0  # between a decision and the station's doing it
            if not runs:
                pauses += 1
                assert lasted_s >= DEFAULTS.minimum_run_s - slack_s, (name, second.at_s, "ran", lasted_s)
            elif second.at_s > began and pauses:
                assert lasted_s >= DEFAULTS.minimum_pause_s - slack_s, (name, second.at_s, "paused", lasted_s)
            changed_at, ran = second.at_s, runs


class Thrifty(Plant):
    """Counts what is written, and tells the law what is left of a budget, as the site does."""

    budget = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        self.counts: dict[EvseKey, Writes] = {key: Writes() for key in self.cars}
        self.free_writes = 0

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        return structs.replace(seen, evses={key: self._thrift(state) for key, state in seen.evses.items()})

    def _thrift(self, state: EvseState) -> EvseState:
        least_a, every_s = thrift(self.counts[state.key].limits(self.at), self.budget)
        return structs.replace(state, raise_least_a=least_a, raise_every_s=every_s)

    def judge(self, snapshot: Snapshot, decision: Decision) -> None:
        super().judge(snapshot, decision)
        for grant in decision.raises:
            counted, state = self.counts[grant.key], snapshot.evses[grant.key]
            start = (state.committed_a or 0.0) < 6.0
            assert start or counted.limits(self.at) < self.budget, (grant, self.at)
        for grant in (*decision.cuts, *decision.raises):
            if snapshot.evses[grant.key].inflight_a is None:
                self.counts[grant.key].count(self.at)


@settings(max_examples=3, deadline=None)
@given(SEEDS, st.integers(1, 4))
def test_no_raise_is_written_once_the_budget_of_an_hour_is_spent(seed: int, count: int) -> None:
    """I11: under a base that goes up and down each minute. Cuts and starts are never withheld."""
    r = random.Random(seed)
    levels = [r.uniform(5, 20) if k % 2 else r.uniform(70, 85) for k in range(30)]

    def base(circuit_id: str, at: float) -> tuple[float, float, float]:
        level = levels[int(at // 60) % len(levels)]
        return level, level, level

    site = Site(
        site_id="site",
        operator_id="operator",
        name="thrifty",
        time_zone="UTC",
        circuits=(
            Circuit(
                circuit_id="grid",
                name="grid",
                rating_a=100.0,
                reserve_a=60.0,
                meter=MeterConfig(protocol="push", interval_s=1.0),
            ),
        ),
        evses=tuple(
            Evse(station_id=f"s{k}", evse_id=1, circuit_id="grid", phases=(0, 1, 2)) for k in range(count)
        ),
        commissioned=True,
    )
    plant = Thrifty(site, base, {e.key: Car() for e in site.evses}, seed=seed)
    plant.run(1500)
    spent = [counted.limits(plant.at) for counted in plant.counts.values()]
    assert max(spent) >= plant.budget, "the budget was of no account here"


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.sampled_from(("obeys", "obeys", "refuses")), st.booleans())
def test_amperes_and_watts_hold_through_a_phase_switch(seed: int, station: str, watts: bool) -> None:
    """I17, with the machine of `control.phase_switching` and the writer's sequence: a base that rises on two
    phases sends the car to one, and back when it falls. Quicker timers, so that both happen."""
    r = random.Random(seed)
    rating = float(r.randint(28, 40))
    site = site_of(r, 2, rating)
    site["evses"]["e0"] |= {"phases": r.choice(([0, 1, 2], [1, 2, 0], [2, 0, 1])), "phase_switch": True}
    first = site["evses"]["e0"]["phases"][0]
    most = rating - r.uniform(3.0, 6.0)
    high = [most if phase != first else r.uniform(0, 8) for phase in range(3)]
    low = [r.uniform(0, 4) for _ in range(3)]
    if watts:
        site["circuits"]["grid"]["rating_w"] = 230.0 * (sum(high) + r.uniform(12.0, 25.0))
    step_s, alone = r.randint(60, 90), r.random() < 0.5
    case = {
        "form": 1,
        "title": "amperes and watts hold through a phase switch",
        "seconds": 520,
        "site": site,
        "settings": {"switch_down_s": 10, "switch_up_s": 20, "switch_rest_s": 5, "minimum_run_s": 20}
        | {"minimum_pause_s": 10, "switch_timeout_s": 120},
        "plant": {"seed": seed, "latency_s": r.uniform(0.5, 2), "sample_s": 5.0},
        "world": {
            "base_a": {"grid": low},
            "cars": {
                "e0": {"takes_a": r.uniform(10, 32), "phase_switch": station},
                "e1": {"session": not alone, "wants": not alone},
            },
        },
        "events": {
            str(step_s): {"base_a": {"grid": high}},
            str(step_s + 230): {"base_a": {"grid": low}},
        },
        "over_at_most_s": 12,
        "claims": [
            {"what": "excess grid", "at_most": 0, "from": step_s + 20},
            {"what": "excess grid", "at_most": 0, "until": step_s},
        ],
    }
    if station == "obeys" and alone:  # else the other one may need its first phase
        case["claims"] += [{"what": "reasons e0", "has": "switching", "ever": True}]
    if station == "obeys" and alone and not watts:  # where power has room for the minimum is not asked before
        case["claims"] += [{"what": "starts e0", "is": 1, "from": step_s + 120, "until": step_s + 229}]
    if watts:
        power_w = site["circuits"]["grid"]["rating_w"]
        case["claims"] += [
            {"what": "watts grid", "at_most": power_w, "until": step_s},
            {"what": "watts grid", "at_most": power_w, "from": step_s + 20, "until": step_s + 229},
        ]
    played(case)

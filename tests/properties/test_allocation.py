"""`allocate` over random trees: within every row, 0 or at least the minimum, fair, deterministic, no better
for a name."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.allocate import Allocation, Problem, allocate, problem
from ampacity.control.topology import Topology
from ampacity.model.site import Circuit, Evse, Site
from tests.properties.trees import sites

EXAMPLES = settings(max_examples=100, deadline=None)


@st.composite
def tasks(draw: st.DrawFn, classes: int = 3) -> tuple[Site, Problem]:
    site = draw(sites(meters=False, most_evses=12))
    return site, _task(site, classes)


def _task(site: Site, classes: int = 3) -> Problem:
    tree = Topology(site)
    capacity = [c.rating_a - c.reserve_a for c in site.circuits for _ in range(3)]
    rows = [tree.rows_of(i) for i in range(len(site.evses))]
    return problem(
        capacity,
        rows,
        [e.min_a for e in site.evses],
        [e.max_a for e in site.evses],
        weight=[e.weight for e in site.evses],
        step_a=[e.step_a for e in site.evses],
        priority=[e.priority % classes for e in site.evses],
        order=np.argsort(np.argsort([-(e.priority % classes) for e in site.evses], kind="stable")).tolist(),
        coefficients=[
            [_coefficient(e.max_a, k) for k in range(len(r))] for e, r in zip(site.evses, rows, strict=True)
        ],
    )


def _coefficient(max_a: float, entry: int) -> float:
    """One for half of the EVSEs, as on plain circuits; for the others any, the same however phases are
    named."""
    return 1.0 if int(max_a) % 2 or max_a == 32.0 else (0.5, 1.0, 2.3, 3.0)[(int(max_a) // 2) % 4]


@EXAMPLES
@given(tasks())
def test_no_row_is_over_and_every_grant_is_nothing_or_in_range(case: tuple[Site, Problem]) -> None:
    _, task = case
    result = allocate(task)
    amperes = task.entry_coefficient * result.grant_a[task.entry_load]
    loads = np.bincount(task.entry_row, amperes, len(task.capacity_a))
    assert (loads <= np.maximum(task.capacity_a, 0) + 1e-6).all()
    for grant, low, high, step in zip(
        result.grant_a, task.minimum_a, task.maximum_a, task.step_a, strict=True
    ):
        assert grant == 0 or low - 1e-9 <= grant <= high + 1e-9
        assert abs(grant / step - round(grant / step)) < 1e-6


@EXAMPLES
@given(tasks(classes=1))
def test_nobody_can_have_more_without_somebody_with_as_little_having_less(case: tuple[Site, Problem]) -> None:
    """Max-min: whoever is below the maximum is on a full row where nobody who is above the minimum has
    more."""
    _, task = case
    result = allocate(task)
    rows = _rows(task)
    slack = result.slack_a
    for i, grant in enumerate(result.grant_a):
        if not result.admitted[i] or grant >= task.maximum_a[i] - task.step_a[i] + 1e-9:
            continue
        level = (grant + task.step_a[i]) / task.weight[i]
        held = False
        for row in rows[i]:
            others = [j for j, theirs in enumerate(rows) if row in theirs and result.grant_a[j] > 0]
            full = slack[row] <= _floor_loss(task, row)
            above = [
                j
                for j in others
                if result.grant_a[j] > task.minimum_a[j] + task.step_a[j]
                and result.grant_a[j] / task.weight[j] > level + task.step_a[j] / task.weight[j] + 1e-6
            ]
            held = held or (full and not above)
        assert held, f"load {i} at {grant} A is held by no row: slack {[slack[r] for r in rows[i]]}"


@EXAMPLES
@given(tasks())
def test_who_gets_less_than_the_maximum_is_told_which_rows_bind(case: tuple[Site, Problem]) -> None:
    _, task = case
    result = allocate(task)
    for i, grant in enumerate(result.grant_a):
        mine = task.entry_load == i
        bound = task.entry_row[mine & result.binding]
        if grant < task.maximum_a[i] - task.step_a[i] + 1e-6:
            assert len(bound)
        else:
            assert not len(bound)
        for row in bound:
            assert result.slack_a[row] <= _floor_loss(task, row) or not result.admitted[i]


@EXAMPLES
@given(tasks(classes=1))
def test_lifting_every_row_that_binds_gives_more(case: tuple[Site, Problem]) -> None:
    """I16, for one class."""
    _, task = case
    result = allocate(task)
    for i in np.flatnonzero(result.grant_a < task.maximum_a - task.step_a + 1e-6)[:3]:
        named = set(task.entry_row[(task.entry_load == i) & result.binding].tolist())
        capacity = task.capacity_a.copy()
        capacity[list(named)] += 1e6
        lifted = allocate(structs.replace(task, capacity_a=capacity))
        next_ones = set(task.entry_row[(task.entry_load == i) & lifted.binding].tolist())
        assert not named & next_ones
        if result.admitted.all():
            assert lifted.grant_a[i] >= result.grant_a[i]
        if not next_ones:
            assert lifted.grant_a[i] > result.grant_a[i]


@EXAMPLES
@given(tasks(), st.randoms(use_true_random=False))
def test_order_of_the_list_and_names_of_phases_do_not_matter(
    case: tuple[Site, Problem], random: object
) -> None:
    """I6 and I10: the same site listed differently, with its phases renamed, gives everybody the same."""
    site, task = case
    base = {e.key: x for e, x in zip(site.evses, allocate(task).grant_a, strict=True)}
    assert (allocate(task).grant_a == np.array(list(base.values()))).all()
    turned = structs.replace(
        site,
        circuits=tuple(_turned(c) for c in site.circuits),
        evses=tuple(structs.replace(e, phases=tuple((p + 1) % 3 for p in e.phases)) for e in site.evses),
    )
    again = allocate(_task(turned))
    assert {e.key: x for e, x in zip(site.evses, again.grant_a, strict=True)} == base
    listed = structs.replace(site, circuits=tuple(reversed(site.circuits)))
    assert {e.key: x for e, x in zip(site.evses, allocate(_task(listed)).grant_a, strict=True)} == base


@EXAMPLES
@given(st.integers(2, 10), st.integers(6, 200), st.sampled_from([(0,), (0, 1, 2)]))
def test_equals_get_the_same_when_all_are_admitted(count: int, rating: int, phases: tuple[int, ...]) -> None:
    """I6: symmetric within a class."""
    site = _flat(
        float(rating),
        [Evse(station_id=f"s{k}", evse_id=1, circuit_id="grid", phases=phases) for k in range(count)],
    )
    result = allocate(_task(site))
    assert len(set(result.grant_a[result.admitted])) <= 1
    assert result.admitted.sum() == min(count, rating // 6)


@EXAMPLES
@given(tasks())
def test_a_higher_class_is_never_below_a_lower_one_on_the_same_wires(case: tuple[Site, Problem]) -> None:
    """I8: compare pairs that differ in nothing but their class."""
    site, _ = case
    twins = []
    for e in site.evses[:5]:
        one = structs.replace(e, weight=1.0, priority=0)
        twins += [one, structs.replace(one, station_id=e.station_id + "high", priority=1)]
    both = structs.replace(site, evses=tuple(twins))
    grants = allocate(_task(both)).grant_a
    assert all(high >= low for low, high in zip(grants[::2], grants[1::2], strict=True))


@EXAMPLES
@given(tasks(), st.integers(0, 1000))
def test_a_lower_capacity_never_gives_that_row_more(case: tuple[Site, Problem], which: int) -> None:
    """I3 for the memoryless part."""
    _, task = case
    row = which % len(task.capacity_a)
    capacity = task.capacity_a.copy()
    capacity[row] *= 0.7
    before, after = allocate(task), allocate(structs.replace(task, capacity_a=capacity))
    assert _load(task, after, row) <= max(0.0, capacity[row]) + 1e-6
    assert _load(task, after, row) <= _load(task, before, row) + _floor_loss(task, row)


def _load(task: Problem, result: Allocation, row: int) -> float:
    here = task.entry_row == row
    return float((task.entry_coefficient * result.grant_a[task.entry_load])[here].sum())


def _floor_loss(task: Problem, row: int) -> float:
    """What flooring may have taken from the row before: one step for each load."""
    here = task.entry_row == row
    return float((task.entry_coefficient * task.step_a[task.entry_load])[here].sum()) + 1e-6


def _rows(task: Problem) -> list[list[int]]:
    return [task.entry_row[task.entry_load == i].tolist() for i in range(len(task.minimum_a))]


def _turned(circuit: Circuit) -> Circuit:
    """Every phase of every circuit has the next one's name."""
    r = circuit.rotation
    return structs.replace(circuit, rotation=tuple((r[(p - 1) % 3] + 1) % 3 for p in range(3)))


def _flat(rating_a: float, evses: list[Evse]) -> Site:
    return Site(
        site_id="site",
        operator_id="operator",
        name="flat",
        time_zone="UTC",
        circuits=(Circuit(circuit_id="grid", name="grid", rating_a=rating_a),),
        evses=tuple(evses),
        commissioned=True,
    )

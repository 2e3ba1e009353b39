"""`step` over random sites and random news of them: the invariants of docs/control.md that one step can
break."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.check import reservation_excess
from ampacity.control.law import step
from ampacity.control.limits import effective_limit
from ampacity.control.state import START
from ampacity.control.topology import Topology
from ampacity.control.types import Decision, Snapshot
from ampacity.model.site import Circuit, LimitSource
from tests.control import recording
from tests.properties.trees import AT, EPOCH_S, snapshots

EXAMPLES = settings(max_examples=100, deadline=None)
HOSTILE = (math.nan, math.inf, -math.inf, -1e9, 1e12, -40.0)


def decide(snapshot: Snapshot) -> Decision:
    recording.begin()
    recording.note(snapshot)
    return step(START, snapshot)[1]


def sums(decision: Decision) -> dict[tuple[str, int], float]:
    """Grants and reserves on each circuit and phase."""
    return {
        (name, phase): ledger.grants_a[phase] + ledger.reserve_a[phase]
        for name, ledger in decision.circuits.items()
        for phase in range(3)
    }


def floor_loss(snapshot: Snapshot) -> float:
    """What rounding down to the steps may have hidden, on any row."""
    return sum(evse.step_a for evse in snapshot.site.evses) + 1e-6


@EXAMPLES
@given(snapshots())
def test_base_grants_and_reserves_fit_or_everything_there_is_off(snapshot: Snapshot) -> None:
    """I1."""
    decision = decide(snapshot)
    tree = Topology(snapshot.site)
    for name, ledger in decision.circuits.items():
        for phase in range(3):
            total = ledger.base_a[phase] + ledger.grants_a[phase] + ledger.reserve_a[phase]
            if (name, phase + 1) in decision.overcommitted:
                assert ledger.grants_a[phase] == 0
            else:
                assert total + ledger.margin_a <= ledger.limit_a + 1e-6
    for k in reservation_excess(snapshot, decision, tree):
        assert k in decision.overcommitted


@EXAMPLES
@given(snapshots())
def test_grants_are_nothing_or_in_range_and_named(snapshot: Snapshot) -> None:
    """I2, and a reason for every grant."""
    decision = decide(snapshot)
    for evse in snapshot.site.evses:
        grant = decision.grants[evse.key]
        assert grant.reasons
        if evse.key in decision.reserved or snapshot.evses[evse.key].paused:
            continue
        assert grant.limit_a == 0 or evse.min_a <= grant.limit_a <= evse.max_a
        assert abs(grant.limit_a / evse.step_a - round(grant.limit_a / evse.step_a)) < 1e-6
    for raised in decision.raises:
        assert raised.limit_a <= decision.grants[raised.key].limit_a + 1e-9
        assert snapshot.evses[raised.key].online
        assert snapshot.evses[raised.key].proven
        assert snapshot.evses[raised.key].inflight_a is None


@EXAMPLES
@given(snapshots())
def test_raises_fit_beside_everything_that_is_held(snapshot: Snapshot) -> None:
    """I5 for one step: old and new count at their maximum, cuts that nobody confirmed not at all."""
    decision = decide(snapshot)
    tree = Topology(snapshot.site)
    promised = [a for c in tree.circuits for a in decision.circuits[c.circuit_id].base_a]
    raised = {grant.key: grant.limit_a for grant in decision.raises}
    touched: set[int] = set()
    for i, evse in enumerate(tree.evses):
        held = decision.held_a[evse.key]
        for row in tree.rows_of(i):
            promised[row] += max(held, raised.get(evse.key, 0.0))
            if raised.get(evse.key, 0.0) > held:
                touched.add(row)
    for row in touched:
        assert promised[row] <= decision.circuits[tree.circuits[row // 3].circuit_id].limit_a + 1e-6


@EXAMPLES
@given(snapshots(), st.integers(0, 100), st.floats(0, 60))
def test_a_lower_limit_or_a_higher_base_never_raises_the_sum(
    snapshot: Snapshot, which: int, amperes: float
) -> None:
    """I3."""
    circuit = snapshot.site.circuits[which % len(snapshot.site.circuits)]
    name, state = circuit.circuit_id, snapshot.circuits[circuit.circuit_id]
    limit, _ = effective_limit(circuit, state.limits, EPOCH_S)
    lower = LimitSource(limit_a=max(0.0, limit - amperes), source="person")
    fewer = structs.replace(state, limits=(*state.limits, lower))
    first, second = decide(snapshot), decide(_with(snapshot, name, fewer))
    before, after = sums(first), sums(second)
    loss = floor_loss(snapshot)
    # Who loses even the minimum on one phase leaves room on the others, within their limits: not a rise by
    # the limit.
    same = [k for k, g in first.grants.items() if (g.limit_a > 0) != (second.grants[k].limit_a > 0)] == []
    assert not same or all(after[name, p] <= before[name, p] + loss for p in range(3))
    if state.metered_a is not None:
        l1, l2, l3 = state.metered_a
        more = structs.replace(state, metered_a=(l1 + amperes, l2 + amperes, l3 + amperes))
        plausible = min(state.metered_a) - sum(e.max_a for e in snapshot.site.evses) > 0
        third = decide(_with(snapshot, name, more))
        after = sums(third)
        if plausible and all(
            (g.limit_a > 0) == (third.grants[k].limit_a > 0) for k, g in first.grants.items()
        ):
            assert all(after[name, p] <= before[name, p] + loss for p in range(3))


@EXAMPLES
@given(snapshots(), st.integers(0, 100), st.integers(1, 400))
def test_a_meter_that_falls_silent_never_raises_the_sum(snapshot: Snapshot, which: int, later: int) -> None:
    """I3 and I13: the longer it is silent, the less. Who loses even the minimum leaves room on his other
    phases, or in a panel; only cars that had nothing get in there, each with no more than its minimum, and
    nothing else adds to any phase."""
    circuit = snapshot.site.circuits[which % len(snapshot.site.circuits)]
    name, state = circuit.circuit_id, snapshot.circuits[circuit.circuit_id]
    if circuit.meter is None or state.metered_at is None:
        return
    old = structs.replace(state, metered_at=state.metered_at - later)
    before, after = decide(snapshot), decide(_with(snapshot, name, old))
    assert all(after.circuits[name].base_a[p] >= before.circuits[name].base_a[p] for p in range(3))
    most = {place: amperes + floor_loss(snapshot) for place, amperes in sums(before).items()}
    tree = Topology(snapshot.site)
    for i, evse in enumerate(snapshot.site.evses):
        if before.grants[evse.key].limit_a == 0 < after.grants[evse.key].limit_a:
            for row in tree.rows_of(i):
                most[tree.circuits[row // 3].circuit_id, row % 3] += evse.min_a
    assert all(sums(after)[name, p] <= most[name, p] for p in range(3))


@EXAMPLES
@given(snapshots(), st.integers(0, 2**32))
def test_nonsense_gives_no_more_than_nothing_known(snapshot: Snapshot, seed: int) -> None:
    """I4: not a number, infinite, negative, huge or from the future."""
    r = random.Random(seed)
    blind = structs.replace(
        snapshot,
        circuits={
            k: structs.replace(c, metered_a=None, metered_at=None) for k, c in snapshot.circuits.items()
        },
        evses={k: structs.replace(e, measured_a=None, measured_at=None) for k, e in snapshot.evses.items()},
    )
    circuits, evses = dict(blind.circuits), dict(blind.evses)
    for name, circuit in circuits.items():
        future = r.random() < 0.3
        value = r.uniform(0, 20) if future else r.choice(HOSTILE)
        circuits[name] = structs.replace(
            circuit, metered_a=(value,) * 3, metered_at=AT + 3600 if future else AT - 1
        )
    for key, evse in evses.items():
        if r.random() < 0.5:
            value = r.choice(HOSTILE)
            evses[key] = structs.replace(
                evse, measured_a=(value,) * 3, measured_at=AT + r.choice((-1.0, 900.0))
            )
        elif evse.committed_a is not None and r.random() < 0.5:
            evses[key] = structs.replace(evse, committed_a=r.choice(HOSTILE[:4]))
    hostile = structs.replace(blind, circuits=circuits, evses=evses)
    known, decision = decide(blind), decide(hostile)
    loss = floor_loss(snapshot)
    for name, ledger in decision.circuits.items():
        for phase in range(3):
            assert math.isfinite(ledger.grants_a[phase])
            worst = known.circuits[name]
            if snapshot.site.circuits[0].meter is not None and ledger.meter_state != "none":
                assert ledger.base_a[phase] >= min(worst.base_a[phase], 1e6) - 1e-6
            assert ledger.grants_a[phase] <= max(0.0, ledger.limit_a - ledger.base_a[phase]) + loss


@EXAMPLES
@given(snapshots(), st.floats(-90_000, 90_000))
def test_a_jump_of_our_clock_permits_no_more(snapshot: Snapshot, jump_s: float) -> None:
    """I14: the hour of daylight saving, or any other jump, makes no permission longer and no restriction
    shorter, and no lease: those are counted on a clock that does not jump."""
    state, _ = step(START, snapshot)
    later = structs.replace(snapshot, at=AT + 1, epoch_s=EPOCH_S + 1)
    _, plain = step(state, later)
    _, jumped = step(state, structs.replace(later, epoch_s=EPOCH_S + 1 + jump_s))
    for name, ledger in jumped.circuits.items():
        assert ledger.limit_a <= plain.circuits[name].limit_a + 1e-9
    assert jumped.held_a == plain.held_a


@EXAMPLES
@given(snapshots())
def test_renamed_phases_give_the_same_grants(snapshot: Snapshot) -> None:
    """I10."""
    site = snapshot.site
    turned = structs.replace(
        snapshot,
        site=structs.replace(
            site,
            circuits=tuple(_turned(c) for c in site.circuits),
            evses=tuple(structs.replace(e, phases=tuple((p + 1) % 3 for p in e.phases)) for e in site.evses),
        ),
        circuits={
            k: structs.replace(
                c, metered_a=None if c.metered_a is None else (c.metered_a[2], *c.metered_a[:2])
            )
            for k, c in snapshot.circuits.items()
        },
    )
    before, after = decide(snapshot), decide(turned)
    assert {k: g.limit_a for k, g in before.grants.items()} == {k: g.limit_a for k, g in after.grants.items()}
    assert [(g.key, g.limit_a) for g in before.cuts] == [(g.key, g.limit_a) for g in after.cuts]
    assert sorted((g.key, g.limit_a) for g in before.raises) == sorted(
        (g.key, g.limit_a) for g in after.raises
    )


@EXAMPLES
@given(snapshots())
def test_two_equal_calls_give_equal_answers(snapshot: Snapshot) -> None:
    """I6."""
    assert decide(snapshot) == decide(snapshot)
    state, _ = step(START, snapshot)
    again, second = step(state, structs.replace(snapshot, at=AT + 1))
    assert step(state, structs.replace(snapshot, at=AT + 1)) == (again, second)


@EXAMPLES
@given(snapshots())
def test_static_promises_no_more_than_the_worst_base_leaves(snapshot: Snapshot) -> None:
    site = structs.replace(snapshot.site, strategy="static")
    decision = decide(structs.replace(snapshot, site=site))
    for circuit in site.circuits:
        ledger = decision.circuits[circuit.circuit_id]
        for phase in range(3):
            assert ledger.base_a[phase] == circuit.reserve_a
            if ledger.grants_a[phase] > 0:
                assert (
                    circuit.reserve_a + ledger.grants_a[phase] + ledger.reserve_a[phase]
                    <= ledger.limit_a + 1e-6
                )


def _with(snapshot: Snapshot, name: str, state: object) -> Snapshot:
    return structs.replace(snapshot, circuits={**snapshot.circuits, name: state})


def _turned(circuit: Circuit) -> Circuit:
    r = circuit.rotation
    return structs.replace(circuit, rotation=tuple((r[(p - 1) % 3] + 1) % 3 for p in range(3)))

"""Ticks become pieces and ticks again: all of them, as they were, whatever happens to the last piece."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.types import EvseState
from ampacity.model.phases import PerPhase
from ampacity.model.site import LimitSource
from ampacity.site.decisions.chain import ChainBroken, Reader, Writer, as_built
from ampacity.site.decisions.columns import COLUMNS, Moment, Tick

from .world import kept, panel

BEGUN = datetime(2026, 9, 21, tzinfo=UTC)


def pieces(ticks: list[Tick], each: int = 5) -> list[bytes]:
    writer = Writer(ticks[0].snapshot.site)
    return [writer.piece(ticks[k : k + each]) for k in range(0, len(ticks), each)]


def moments(bodies: list[bytes], site) -> list[Moment]:
    reader = Reader(BEGUN, bodies)
    return [reader.moment(site) for _ in reader.links()]


def same(kept_value: object, true: object, where: str) -> None:
    """Equal to the precision that is kept."""
    if isinstance(true, float) and math.isfinite(true):
        step = 30.1 if where == "slack_s" else 0.0501
        assert kept_value == pytest.approx(true, abs=step), where
    elif isinstance(true, tuple) and not isinstance(true, str):
        assert len(kept_value) == len(true), where  # type: ignore[arg-type]
        for one, other in zip(kept_value, true, strict=True):  # type: ignore[call-overload]
            same(one, other, where)
    elif isinstance(true, dict):
        assert kept_value.keys() == true.keys(), where  # type: ignore[attr-defined]
        for key, value in true.items():
            same(kept_value[key], value, f"{where} {key}")  # type: ignore[index]
    elif isinstance(true, msgspec.Struct):
        for name in true.__struct_fields__:
            same(getattr(kept_value, name), getattr(true, name), name)
    else:
        assert kept_value == true or str(kept_value) == str(true), where


def test_every_tick_comes_back_as_it_was() -> None:
    site = panel()
    plant = kept(site)
    plant.keep(60)
    plant.cars["CP-2", 1].online = False
    plant.cars["CP-1", 1].slack_s = 1234.0
    plant.limits["grid"] = (LimitSource(limit_a=50.0, source="dso", valid_until=plant.epoch_s + 40),)
    plant.keep(60)
    plant.dead_meters.add("grid")
    plant.keep(120)
    read = moments(pieces(plant.ticks, 7), site)
    assert len(read) == len(plant.ticks) == 240
    for moment, tick in zip(read, plant.ticks, strict=True):
        same(moment.snapshot, tick.snapshot, "snapshot")
        same(moment.decision, tick.decision, "decision")
    states = {moment.decision.circuits["grid"].meter_state for moment in read}
    assert states >= {"fresh", "stale", "dead"}


def test_a_day_stays_small() -> None:
    """Ten busy EVSEs under a meter with noise: what docs/why.md says of their day, and no more."""
    noise = random.Random(5)

    def base(circuit: str, at: float) -> PerPhase:
        load = 20.0 + 5.0 * (at // 300 % 3)
        return (load + noise.gauss(0, 0.5),) * 3 if circuit == "grid" else (0.0, 0.0, 0.0)

    plant = kept(panel(10), base)
    for number in range(1, 5):
        plant.cars[f"CP-{number}", 1].session = False
    ticks = plant.keep(600)
    size = sum(len(piece) for half in (ticks[:300], ticks[300:]) for piece in pieces(half))
    assert size / 10 * 144 < 250_000  # bytes per EVSE and day


def test_a_chain_is_read_up_to_its_last_piece() -> None:
    """After a crash, what had reached the disk can be read."""
    ticks = kept(panel()).keep(30)
    bodies = pieces(ticks)
    for there in range(1, len(bodies) + 1):
        assert len(moments(bodies[:there], ticks[0].snapshot.site)) == 5 * there


def test_a_missing_or_damaged_piece_is_said() -> None:
    ticks = kept(panel()).keep(30)
    bodies = pieces(ticks)
    site = ticks[0].snapshot.site
    for damaged in (
        [bodies[0], *bodies[2:]],
        [bodies[0], b"\x00" + bodies[1], *bodies[2:]],
        bodies[1:],
        [bodies[0][: len(bodies[0]) // 2]],
    ):
        with pytest.raises(ChainBroken):
            moments(damaged, site)


def test_a_chain_of_another_program_is_read() -> None:
    """Columns that are not known any more are left out, those that are new have their defaults."""
    ticks = kept(panel()).keep(20)
    bodies = pieces(ticks, 20)
    reader = Reader(BEGUN, bodies)
    evse = tuple("gone_since" if name == "inflight_a" else name for name in COLUMNS.evse)
    reader.head = structs.replace(reader.head, columns=COLUMNS._replace(evse=evse))
    for _ in reader.links():
        state = reader.moment(ticks[0].snapshot.site).snapshot.evses["CP-1", 1]
        assert state.inflight_a is None
        assert state.session


def test_tables_and_what_is_new_in_the_law_come_back() -> None:
    """By their types alone: nothing in the log names them."""
    tick = kept(panel()).keep(1)[0]
    decision = structs.replace(tick.decision, devices_a={"battery": (1.5, 0.0, -3.2)}, mode="safe")
    snapshot = structs.replace(tick.snapshot, mode="safe")
    [moment] = moments(pieces([Tick(snapshot, decision)]), tick.snapshot.site)
    assert moment.decision.devices_a == {"battery": (1.5, 0.0, -3.2)}
    assert moment.decision.mode == "safe"


def test_columns_fit_into_the_bits_of_a_change() -> None:
    for names in COLUMNS:
        assert len(names) <= 64
        assert len(set(names)) == len(names)


def test_nothing_secret_is_kept() -> None:
    kept_site = as_built(panel())
    assert "10.0.0.7" not in str(kept_site)
    assert kept_site["circuits"][0]["meter"]["protocol"] == "push"


NUMBER = st.sampled_from([0.0, -3.0, 12.34, 1e9, 1e300, math.inf, -math.inf, math.nan])
ODD = st.none() | NUMBER
STATES = st.builds(
    EvseState,
    key=st.just(("CP-1", 1)),
    online=st.booleans(),
    proven=st.booleans(),
    priority=st.none() | st.integers(-5, 5),
    weight=ODD,
    slack_s=ODD,
    measured_a=st.none() | st.tuples(NUMBER, NUMBER, NUMBER),
    measured_at=ODD,
    committed_a=ODD,
    lease_until=ODD,
    ceiling_source=st.none() | st.text(),
    phases=st.sampled_from([None, (0,), (0, 1, 2)]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STATES, min_size=1, max_size=8))
def test_whatever_the_law_was_told_is_told_again(states: list[EvseState]) -> None:
    """Nonsense among it: it is what one wants to see afterwards."""
    first = kept(panel()).keep(1)[0]
    ticks = []
    for number, state in enumerate(states):
        snapshot = structs.replace(
            first.snapshot,
            evses=first.snapshot.evses | {state.key: state},
            at=first.snapshot.at + number,
            epoch_s=first.snapshot.epoch_s + number,
        )
        ticks.append(Tick(snapshot, first.decision))
    for moment, tick in zip(moments(pieces(ticks, 2), first.snapshot.site), ticks, strict=True):
        same(moment.snapshot.evses["CP-1", 1], tick.snapshot.evses["CP-1", 1], "state")

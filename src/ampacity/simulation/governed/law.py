"""The live law, second by second: snapshots from the arrays, decisions back to them.

What stands between the law and the cars in a live site is modelled: a limit is acknowledged `ANSWER_S` after
it was sent, and the car's charger begins to follow it a dead time later; EVSE meters tell each ten seconds of
a transaction and are heard `WAY_S` later, the grid connection's each second; a car that is full is seen to
have stopped. Every station is online, proven and obeys.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC
from typing import Final

import numpy as np
from msgspec import Struct, field

from ...control.law import step
from ...control.lease import Lease, expires_at
from ...control.state import START, ControlState
from ...control.types import CircuitState, EvseState, Snapshot
from ...model.phases import PerPhase
from ...model.site import DC_TOLD_SHARE, Evse, Site
from ..batch.arriving import arrive
from ..batch.outcome import Run, Scene
from ..batch.packed import Live, pack, pack_state, pack_trace
from ..batch.physics import settle
from ..batch.state import blank, fresh
from ..batch.world import Visits
from ..cars import AC_LAG, DC_LAG

ANSWER_S: Final = 1.0
SAMPLE_S: Final = 10.0
WAY_S: Final = 0.3
"""From a sample to the controller."""

#: A car that loads fewer phases for so long has fewer (site.knowledge).
_PHASES_KNOWN_S: Final = 60.0
_CLEARLY_A: Final = 5.0


class _Place(Struct):
    """One EVSE as the controller knows it, and what is on its way to and from it."""

    evse: Evse
    dead_s: float
    known_s: float = 0.0
    told: float = 1.0
    """Of the law's amperes, what the EVSE's supply draws when it is told them in its own unit."""
    visit: int = -1
    sample_at: float = np.inf
    before_a: float = 0.0
    sampled: tuple[PerPhase, float] | None = None
    """A sample on its way, and when it is here."""
    offered: deque[tuple[float, float]] = field(default_factory=deque)
    """When the car is told what, the last of the past first."""
    measured_a: PerPhase | None = None
    measured_at: float | None = None
    committed_a: float | None = None
    committed_at: float | None = None
    lease_until: float | None = None
    inflight_a: float | None = None
    answer_at: float = 0.0
    seen_since: float | None = None
    phases: tuple[int, ...] | None = None


def run_law(
    scene: Scene,
    site: Site,
    *,
    proven_s: Mapping[str, float] | None = None,
    sampled_s: Mapping[str, float] | None = None,
    each_evse: bool = False,
) -> Run:
    """Run `scene` (see `planned.scene_of`) under the law, one step of `scene.world.step_s` a tick.

    `proven_s`: by the names of `scene.evses`, from when on each EVSE's station is online and known to obey;
    before it is unknown to the law (left out: known from the start). `sampled_s`: by the names of
    `scene.visits`, when each one's meter told for the first time (left out: one after the other).
    """
    world = scene.world
    packed = pack(world)
    live, state = pack_state(fresh(world))
    log, trace = pack_trace(blank(world, each_evse=each_evse))
    known_s = proven_s or {}
    places = [
        _Place(
            evse=evse,
            dead_s=(AC_LAG if evse.dc_power_w is None else DC_LAG).dead_s,
            known_s=known_s.get(name, 0.0 if proven_s is None else np.inf),
            told=1.0 if evse.dc_power_w is None else DC_TOLD_SHARE / float(efficiency),
        )
        for evse, name, efficiency in zip(site.evses, scene.evses, world.evses.efficiency, strict=True)
    ]
    orders_a = np.zeros(len(places))
    control = START
    epoch_s = scene.starts_at.astimezone(UTC).timestamp()
    began = time.perf_counter()
    for t in range(world.steps):
        now_s = t * world.step_s
        arrive(packed, live, t)
        for i, place in enumerate(places):
            _follow(place, i, scene, live, now_s, sampled_s or {})
        snapshot = _snapshot(scene, site, places, live, now_s, epoch_s + now_s, t)
        control = _decide(control, snapshot, places, site, now_s)
        for i, place in enumerate(places):
            orders_a[i] = _offer(place, now_s)
        settle(packed, live, log, t, orders_a, 0.0)
    return Run(scene=scene, strategy="law", state=state, trace=trace, wall_s=time.perf_counter() - began)


def _offer(place: _Place, now_s: float) -> float:
    """What the car's charger follows now: what its station offered a dead time ago."""
    if place.visit < 0:
        return 0.0
    limit_a = (place.evse.safe_a if place.committed_a is None else place.committed_a) * place.told
    offered = place.offered
    if not offered or offered[-1][1] != limit_a:
        offered.append((now_s + place.dead_s, limit_a))
    while len(offered) > 1 and offered[1][0] <= now_s:
        offered.popleft()
    return offered[0][1] if offered[0][0] <= now_s else 0.0


def _follow(
    place: _Place, i: int, scene: Scene, live: Live, now_s: float, sampled_s: Mapping[str, float]
) -> None:
    """What the station tells: sessions, answers, meter values, the phases that are loaded."""
    here = live.evses[i]
    visit = int(here["visit"])
    if visit >= 0 and now_s < live.visits[visit]["plugged_s"] + scene.world.plug_s:
        visit = -1
    if visit != place.visit:
        # The transaction's profile went with it.
        place.visit = visit
        place.committed_a = place.committed_at = place.lease_until = place.inflight_a = None
        place.seen_since = place.phases = place.sampled = None
        place.offered.clear()
        # Stations don't tell at the same moment, and only while a transaction runs.
        place.sample_at = np.inf
        if visit >= 0:
            place.sample_at = sampled_s.get(scene.visits[visit], now_s + i % SAMPLE_S)
    if place.inflight_a is not None and now_s >= place.answer_at:
        place.committed_a, place.committed_at, place.inflight_a = place.inflight_a, now_s, None
    drawn_a = float(here["drawn_a"])
    if now_s >= place.sample_at:
        # Between two ticks the draw is taken to go straight.
        ago = min((now_s - place.sample_at) / scene.world.step_s, 1.0)
        sample_a = drawn_a + (place.before_a - drawn_a) * ago
        amperes = [0.0, 0.0, 0.0]
        for phase in place.evse.phases[: int(here["slots_used"])]:
            amperes[phase] = sample_a
        place.sampled = (amperes[0], amperes[1], amperes[2]), place.sample_at + WAY_S
        place.sample_at += SAMPLE_S
    place.before_a = drawn_a
    if place.sampled is not None and now_s >= place.sampled[1]:
        # What is a few seconds old counts as of now (site.knowledge).
        place.measured_a, place.measured_at = place.sampled[0], now_s
        place.sampled = None
        _learn_phases(place, now_s)


def _learn_phases(place: _Place, now_s: float) -> None:
    assert place.measured_a is not None
    if place.visit < 0 or max(place.measured_a) < _CLEARLY_A:
        place.seen_since = None
        return
    loaded = tuple(phase for phase in place.evse.phases if place.measured_a[phase] > 1.0)
    if place.seen_since is None:
        place.seen_since = now_s
    elif now_s - place.seen_since >= _PHASES_KNOWN_S:
        place.phases = loaded if len(loaded) < len(place.evse.phases) else None


def _snapshot(
    scene: Scene, site: Site, places: list[_Place], live: Live, now_s: float, epoch_s: float, t: int
) -> Snapshot:
    visits = scene.world.visits
    return Snapshot(
        site=site,
        circuits=_circuits(scene, site, live, now_s, t),
        evses={place.evse.key: _state(place, visits, live, now_s, site.voltage_v) for place in places},
        at=now_s,
        epoch_s=epoch_s,
    )


def _circuits(scene: Scene, site: Site, live: Live, now_s: float, t: int) -> dict[str, CircuitState]:
    """What the circuits' meters told: the sums of the last step."""
    circuits = {}
    for k, circuit in enumerate(site.circuits):
        if circuit.meter is None:
            circuits[circuit.circuit_id] = CircuitState(circuit_id=circuit.circuit_id)
            continue
        rows = live.rows["sum_re"][3 * k : 3 * k + 3]
        if t == 0:
            rows = scene.world.rows.base_re[0, 3 * k : 3 * k + 3]
        metered = (float(rows[0]), float(rows[1]), float(rows[2]))
        circuits[circuit.circuit_id] = CircuitState(
            circuit_id=circuit.circuit_id, metered_a=metered, metered_at=now_s
        )
    return circuits


def _state(place: _Place, visits: Visits, live: Live, now_s: float, voltage_v: float) -> EvseState:
    v = place.visit
    wants, slack_s = False, None
    if v >= 0:
        stay = live.visits[v]
        wants = not bool(stay["full"])
        leaves_s = float(visits.declared_depart_s[v])
        if leaves_s == leaves_s:
            slack_s = leaves_s - now_s
            declared_wh = float(visits.declared_wh[v])
            if declared_wh == declared_wh:
                phases = len(place.phases or place.evse.phases)
                full_w = place.evse.dc_power_w or place.evse.max_a * phases * voltage_v
                slack_s -= max(0.0, declared_wh - float(stay["energy_wh"])) / full_w * 3600.0
    return EvseState(
        key=place.evse.key,
        online=now_s >= place.known_s,
        proven=now_s >= place.known_s,
        session=v >= 0,
        wants=wants,
        slack_s=slack_s,
        measured_a=place.measured_a,
        measured_at=place.measured_at,
        sample_interval_s=SAMPLE_S,
        committed_a=place.committed_a,
        committed_at=place.committed_at,
        lease_until=place.lease_until,
        inflight_a=place.inflight_a,
        phases=place.phases,
    )


def _decide(
    control: ControlState, snapshot: Snapshot, places: list[_Place], site: Site, now_s: float
) -> ControlState:
    """One step of the law; its cuts and raises are on their way."""
    control, decision = step(control, snapshot)
    by_key = {place.evse.key: place for place in places}
    for grant in (*decision.cuts, *decision.raises):
        place = by_key[grant.key]
        if place.inflight_a is None and place.visit >= 0 and now_s >= place.known_s:
            place.inflight_a, place.answer_at = grant.limit_a, now_s + ANSWER_S
    for place in places:
        if place.visit >= 0:
            # Renewed long before it ends, and never lost.
            promise = Lease(
                limit_a=0.0, safe_a=place.evse.safe_a, lease_s=site.lease_s, sent_at=now_s, skew_s=0.0
            )
            place.lease_until = expires_at(promise)
    return control

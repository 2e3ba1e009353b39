"""The live law, second by second: snapshots from the arrays, decisions back to them.

What stands between the law and the cars in a live site is modelled: a limit is acknowledged `ANSWER_S` after
it was sent and holds from then on; EVSE meters tell each ten seconds, the grid connection's each second; a
car that is full is seen to have stopped. Every station is online, proven and obeys.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC
from typing import Final

import numpy as np
from msgspec import Struct

from ...control.law import step
from ...control.lease import Lease, expires_at
from ...control.state import START, ControlState
from ...control.types import CircuitState, EvseState, Snapshot
from ...model.phases import PerPhase
from ...model.site import Evse, Site
from ..batch.arriving import arrive
from ..batch.outcome import Run, Scene
from ..batch.packed import Live, pack, pack_state, pack_trace
from ..batch.physics import settle
from ..batch.state import blank, fresh
from ..batch.world import Visits, World

ANSWER_S: Final = 1.0
SAMPLE_S: Final = 10.0

#: A car that loads fewer phases for so long has fewer (site.knowledge).
_PHASES_KNOWN_S: Final = 60.0
_CLEARLY_A: Final = 5.0


class _Place(Struct):
    """One EVSE as the controller knows it."""

    evse: Evse
    known_s: float = 0.0
    visit: int = -1
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
    each_evse: bool = False,
) -> Run:
    """Run `scene` (see `planned.scene_of`) under the law, one step of `scene.world.step_s` a tick.

    `proven_s`: by the names of `scene.evses`, from when on each EVSE's station is online and known to obey;
    before it is unknown to the law (left out: known from the start).
    """
    world = scene.world
    packed = pack(world)
    live, state = pack_state(fresh(world))
    log, trace = pack_trace(blank(world, each_evse=each_evse))
    known_s = proven_s or {}
    places = [
        _Place(evse=evse, known_s=known_s.get(name, 0.0 if proven_s is None else np.inf))
        for evse, name in zip(site.evses, scene.evses, strict=True)
    ]
    orders_a = np.zeros(len(places))
    control = START
    epoch_s = scene.starts_at.astimezone(UTC).timestamp()
    began = time.perf_counter()
    for t in range(world.steps):
        now_s = t * world.step_s
        arrive(packed, live, t)
        for i, place in enumerate(places):
            _follow(place, i, world, live, now_s)
        snapshot = _snapshot(scene, site, places, live, now_s, epoch_s + now_s, t)
        control = _decide(control, snapshot, places, site, now_s)
        for i, place in enumerate(places):
            limit_a = place.evse.safe_a if place.committed_a is None else place.committed_a
            orders_a[i] = limit_a if place.visit >= 0 else 0.0
        settle(packed, live, log, t, orders_a, 0.0)
    return Run(scene=scene, strategy="law", state=state, trace=trace, wall_s=time.perf_counter() - began)


def _follow(place: _Place, i: int, world: World, live: Live, now_s: float) -> None:
    """What the station tells: sessions, answers, meter values, the phases that are loaded."""
    here = live.evses[i]
    visit = int(here["visit"])
    if visit >= 0 and now_s < live.visits[visit]["plugged_s"] + world.plug_s:
        visit = -1
    if visit != place.visit:
        # The transaction's profile went with it.
        place.visit = visit
        place.committed_a = place.committed_at = place.lease_until = place.inflight_a = None
        place.seen_since = place.phases = None
    if place.inflight_a is not None and now_s >= place.answer_at:
        place.committed_a, place.committed_at, place.inflight_a = place.inflight_a, now_s, None
    # Stations don't tell at the same moment.
    if (now_s + i) % SAMPLE_S < world.step_s:
        amperes = [0.0, 0.0, 0.0]
        for phase in place.evse.phases[: int(here["slots_used"])]:
            amperes[phase] = float(here["drawn_a"])
        place.measured_a, place.measured_at = (amperes[0], amperes[1], amperes[2]), now_s
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

"""Follows steps of EVSEs' currents in the meters above them, all day: which phases they really load, and
whether their own meters tell what flows (`control.correlation`).

A step is judged some seconds later, when all other EVSEs have told what they did meanwhile: what is known of
them is taken off the circuit's change.
"""

from __future__ import annotations

import logging
from collections import deque

from ..bus import Bus
from ..control.correlation import MOST_STEPS, Joint, Step, is_step, joint
from ..model.events import CircuitMetered, MeterSampled
from ..model.phases import PerPhase, to_parent
from ..model.site import EvseKey
from .knowledge import LiveEvse
from .live_site import SAMPLE_INTERVAL_S, LiveSite
from .wiring import Wiring

log = logging.getLogger(__name__)

WAIT_S = SAMPLE_INTERVAL_S + 2.0
"""After so long everybody else has told."""

KEPT_S = 60.0
NEAR_S = 5.0
"""A circuit's readings further apart tell nothing of what was in between."""

FARTHEST_S = 3.0 * SAMPLE_INTERVAL_S
"""Two samples of an EVSE that lie further apart are no step."""

Series = deque[tuple[float, PerPhase]]


class Steps:
    """One site's. `subscriptions` after those that keep samples and readings."""

    def __init__(self, live_site: LiveSite, bus: Bus) -> None:
        self._live = live_site
        self._circuits: dict[str, Series] = {}
        self._evses: dict[EvseKey, Series] = {}
        self._waiting: deque[tuple[EvseKey, float, float]] = deque()
        """EVSEs with a step: between which times."""
        self._seen: dict[EvseKey, deque[Step]] = {}
        self.subscriptions = [
            bus.subscribe(MeterSampled, self._sampled),
            bus.subscribe(CircuitMetered, self._metered),
        ]

    def forget(self) -> None:
        """The site was built anew: what was seen was of other wires."""
        for series in (self._circuits, self._evses, self._waiting, self._seen):
            series.clear()
        for live in self._live.evses.values():
            live.joint = None

    def _sampled(self, event: MeterSampled) -> None:
        key = event.station_id, event.evse_id
        live = self._live.evses.get(key)
        if live is None or live.measured_a is None or live.measured_at is None:
            return
        series = self._evses.setdefault(key, deque(maxlen=32))
        at, own = live.measured_at, live.measured_a
        if series and at <= series[-1][0]:
            return
        if series and at - series[-1][0] <= FARTHEST_S and live.evse.dc_power_w is None:
            before_at, before = series[-1]
            if is_step(_less(own, before)):
                self._waiting.append((key, before_at, at))
        series.append((at, own))

    def _metered(self, event: CircuitMetered) -> None:
        reading = self._live.metered.get(event.circuit_id)
        if event.site_id != self._live.site.site_id or reading is None:
            return
        current, at = reading
        series = self._circuits.setdefault(event.circuit_id, deque())
        series.append((at, current))
        while series[0][0] < at - KEPT_S:
            series.popleft()
        while self._waiting and self._waiting[0][2] + WAIT_S <= at:
            self._judge(*self._waiting.popleft())

    def _judge(self, key: EvseKey, begin: float, end: float) -> None:
        live = self._live.evses.get(key)
        above = None if live is None else metered_above(self._live, live)
        if live is None or above is None:
            return
        circuit_id, turns = above
        changed = _change(self._circuits.get(circuit_id), begin, end, NEAR_S)
        own = _change(self._evses.get(key), begin, end, FARTHEST_S)
        if changed is None or own is None:
            return
        for other_key, other in self._live.evses.items():
            if other_key == key or not (series := self._evses.get(other_key)):
                continue
            theirs = metered_above(self._live, other)
            if theirs is not None and theirs[0] == circuit_id and series[-1][0] > begin - KEPT_S:
                moved = _change(series, begin, end, FARTHEST_S)
                if moved is not None:
                    changed = _less(changed, _turned(moved, theirs[1]))
        steps = self._seen.setdefault(key, deque(maxlen=MOST_STEPS))
        steps.append(Step(_turned(own, turns), changed))
        self._tell(live, joint(tuple(steps)), circuit_id)

    def _tell(self, live: LiveEvse, found: Joint, circuit_id: str) -> None:
        before = None if live.joint is None else live.joint[0]
        live.joint = found, circuit_id
        if found.verdict == "contradicts" and (before is None or before.verdict != "contradicts"):
            log.warning("%s/%d: %s", *live.evse.key, seen_words(found, circuit_id))


def metered_above(live_site: LiveSite, live: LiveEvse) -> tuple[str, list[tuple[int, int, int]]] | None:
    """The nearest circuit above an EVSE with a reading, and the rotations on the way to it."""
    turns: list[tuple[int, int, int]] = []
    for circuit in Wiring(live_site.site).ancestors(live.evse.circuit_id):
        sees_cars = circuit.meter is None or circuit.meter.measures == "everything"
        if circuit.circuit_id in live_site.metered and sees_cars:
            return circuit.circuit_id, turns
        turns.append(circuit.rotation)
    return None


def seen_words(found: Joint, circuit_id: str) -> str:
    """What the steps say of the phases, for a person."""
    lands = ", ".join(f"L{drawn + 1} on L{real + 1}" for drawn, real in enumerate(found.lands))
    match found.verdict:
        case "agrees":
            return f"{found.steps} steps of its current show on {circuit_id} as drawn"
        case "contradicts":
            return f"{found.steps} steps of its current show on {circuit_id} as {lands}"
        case _:
            return f"{found.steps} steps of its current tell nothing certain on {circuit_id}"


def _turned(value: PerPhase, turns: list[tuple[int, int, int]]) -> PerPhase:
    for rotation in turns:
        value = to_parent(value, rotation)
    return value


def _change(series: Series | None, begin: float, end: float, near_s: float) -> PerPhase | None:
    if not series:
        return None
    before, after = _at(series, begin, near_s), _at(series, end, near_s)
    return None if before is None or after is None else _less(after, before)


def _at(series: Series, at: float, near_s: float) -> PerPhase | None:
    """The value at a time, on the line between its neighbours; None where they are too far apart."""
    earlier: tuple[float, PerPhase] | None = None
    for moment, value in series:
        if moment >= at:
            if earlier is None:
                return value if moment - at <= 1e-6 else None
            if moment - earlier[0] > near_s:
                return None
            share = (at - earlier[0]) / (moment - earlier[0])
            one, two, three = (a + (b - a) * share for a, b in zip(earlier[1], value, strict=True))
            return one, two, three
        earlier = moment, value
    # Nobody has told since: what it told last holds, as long as that is young.
    return earlier[1] if earlier is not None and at - earlier[0] <= near_s else None


def _less(one: PerPhase, other: PerPhase) -> PerPhase:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]

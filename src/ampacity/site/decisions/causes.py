"""Why there was less, or more, than before: two moments of a site held against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from ...control.types import CircuitLedger, Decision, EvseState, Snapshot
from ...model.live import Reason
from ...model.site import Evse, EvseKey, Site
from .columns import Moment

CLEARLY_A = 0.15
"""Less than this explains nothing: everything is kept to 0.1 A."""

ON_CIRCUITS = frozenset({"circuit", "minimum", "thermal", "demand", "signal"})
"""Reasons that can name a circuit's phase and its limit, by rating or by somebody."""

CUT_UNEXPLAINED = "the shares were worked out anew"
RAISE_UNEXPLAINED = "its share was not reached yet, and raises go in steps"


class Place(Struct, frozen=True):
    """A circuit and one of its phases, 1..3."""

    circuit_id: str
    phase: int


class Tree:
    """A site's names, and which places each EVSE loads."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.circuits = {circuit.circuit_id: circuit for circuit in site.circuits}
        self.evses = {evse.key: evse for evse in site.evses}

    def label(self, key: EvseKey) -> str:
        """What people call an EVSE."""
        evse = self.evses.get(key)
        return evse.label if evse is not None and evse.label else f"{key[0]}/{key[1]}"

    def name(self, circuit_id: str) -> str:
        """What people call a circuit."""
        circuit = self.circuits.get(circuit_id)
        return circuit.name if circuit is not None and circuit.name else circuit_id

    def at(self, place: Place) -> str:
        """A place in words."""
        return f"{self.name(place.circuit_id)} L{place.phase}"

    def places(self, evse: Evse, state: EvseState | None) -> tuple[Place, ...]:
        """The places that an EVSE loads, its own circuit's first."""
        phases = evse.phases
        if state is not None and state.session and state.phases and set(state.phases) <= set(evse.phases):
            phases = state.phases
        found = []
        circuit = self.circuits.get(evse.circuit_id)
        while circuit is not None:
            found += [Place(circuit.circuit_id, phase + 1) for phase in phases]
            if circuit.parent_id is None:
                break
            phases = tuple(circuit.rotation[phase] for phase in phases)
            circuit = self.circuits.get(circuit.parent_id)
        return tuple(found)

    def loading(self, place: Place, snapshot: Snapshot) -> list[EvseKey]:
        """The EVSEs that load a place."""
        return [
            evse.key for evse in self.site.evses if place in self.places(evse, snapshot.evses.get(evse.key))
        ]


def bound_places(reasons: Iterable[Reason]) -> list[Place]:
    """The places that the reasons name."""
    return [
        Place(reason.circuit_id, reason.phase)
        for reason in reasons
        if reason.code in ON_CIRCUITS and reason.circuit_id is not None and reason.phase is not None
    ]


def left_a(ledger: CircuitLedger, phase: int) -> float:
    """What is free at a place (phase 1..3)."""
    p = phase - 1
    return ledger.limit_a - ledger.margin_a - ledger.base_a[p] - ledger.reserve_a[p] - ledger.grants_a[p]


def amperes(value: float) -> str:
    """As people write it."""
    return f"{value:.1f}".removesuffix(".0") + " A"


class _Found(Struct, frozen=True):
    amount_a: float
    words: str


def cause_of_cut(tree: Tree, before: Moment, after: Moment, key: EvseKey) -> str:
    """Why an EVSE was cut between two ticks."""
    was, now = before.snapshot.evses.get(key), after.snapshot.evses.get(key)
    grant = after.decision.grants.get(key)
    reasons = () if grant is None else grant.reasons
    if now is not None and now.paused and not (was is not None and was.paused):
        return "a person paused it"
    for reason in reasons:
        if reason.code == "overload":
            where = tree.name(reason.circuit_id) if reason.circuit_id else "a circuit"
            return f"the meter of {where} read more than its limit"
    if before.decision.strategy != after.decision.strategy:
        return f"the strategy changed from {before.decision.strategy} to {after.decision.strategy}"
    found = [
        change
        for place in bound_places(reasons) or _places_of(tree, after, key)
        for change in _less_at(tree, place, before, after, key)
    ]
    if found:
        return max(found, key=lambda change: change.amount_a).words
    if any(reason.code == "car" for reason in reasons):
        return "the car left a part unused for a minute; others got it"
    if any(reason.code in ("stale", "dead") for reason in reasons):
        return "a meter fell silent"
    return CUT_UNEXPLAINED


def cause_of_raise(tree: Tree, before: Moment, after: Moment, key: EvseKey) -> str:
    """Why an EVSE was raised, compared with some time before."""
    was, now = before.snapshot.evses.get(key), after.snapshot.evses.get(key)
    if now is not None and was is not None:
        if now.session and not was.session:
            return "a car began to charge"
        if was.paused and not now.paused:
            return "a person let it go on"
        if not was.online and now.online:
            return "its station came back"
    found = [
        change
        for place in _places_of(tree, after, key)
        for change in _less_at(tree, place, after, before, key, _MORE)
    ]
    if found:
        return max(found, key=lambda change: change.amount_a).words
    return RAISE_UNEXPLAINED


def _places_of(tree: Tree, moment: Moment, key: EvseKey) -> tuple[Place, ...]:
    evse = tree.evses.get(key)
    return () if evse is None else tree.places(evse, moment.snapshot.evses.get(key))


class _Words(Struct, frozen=True):
    limit: str
    base: str
    reserve: str
    others: str


_LESS = _Words("was lowered", "rose", "rose", "took more of")
_MORE = _Words("was lifted", "fell", "fell", "needed less of")


def _less_at(
    tree: Tree, place: Place, more: Moment, less: Moment, key: EvseKey, words: _Words = _LESS
) -> list[_Found]:
    """What left less at a place in `less` than in `more`. With the words for more, `less` is the earlier."""
    was, now = more.decision.circuits.get(place.circuit_id), less.decision.circuits.get(place.circuit_id)
    if was is None or now is None:
        return []
    p, where = place.phase - 1, tree.at(place)
    found = []

    def tell(amount_a: float, text: Callable[[], str]) -> None:
        if amount_a > CLEARLY_A:
            found.append(_Found(amount_a, text()))

    def shown(old: float, new: float) -> str:
        first, last = (old, new) if words is _LESS else (new, old)
        return f"from {amperes(first)} to {amperes(last)}"

    source = (now if words is _LESS else was).limit_source
    tell(
        was.limit_a - now.limit_a,
        lambda: (
            f"the limit of {tree.name(place.circuit_id)} {words.limit} "
            f"{shown(was.limit_a, now.limit_a)} ({source})"
        ),
    )
    tell(
        now.base_a[p] - was.base_a[p],
        lambda: _base_words(where, words.base, shown(was.base_a[p], now.base_a[p]), less, place),
    )
    tell(
        now.reserve_a[p] - was.reserve_a[p],
        lambda: (
            f"the reserve on {where} {words.reserve} {shown(was.reserve_a[p], now.reserve_a[p])}"
            + _who_reserved(tree, place, more.decision, less)
        ),
    )
    others = _taken(tree, place, more, less, key)
    if others:
        most = max(others, key=lambda other: others[other])
        tell(sum(others.values()), lambda: _others_words(tree, others, most, where, words, more, less))
    return found


def _base_words(where: str, verb: str, shown: str, moment: Moment, place: Place) -> str:
    state = moment.decision.circuits[place.circuit_id].meter_state
    silent = " (its meter was silent: the worst case counts)" if state in ("dead", "lost") else ""
    return f"the building's load on {where} {verb} {shown}{silent}"


def _who_reserved(tree: Tree, place: Place, was: Decision, now: Moment) -> str:
    new = [key for key in tree.loading(place, now.snapshot) if key in now.decision.reserved - was.reserved]
    if not new:
        return ""
    return f": {', '.join(tree.label(key) for key in new[:3])} could not be steered"


def _taken(tree: Tree, place: Place, more: Moment, less: Moment, key: EvseKey) -> Mapping[EvseKey, float]:
    """Steered EVSEs that have more of a place in `less`."""
    taken = {}
    for other in tree.loading(place, less.snapshot):
        if other == key or other in less.decision.reserved:
            continue
        had = 0.0 if other in more.decision.reserved else _target(more.decision, other)
        has = _target(less.decision, other)
        if has > had + CLEARLY_A:
            taken[other] = has - had
    return taken


def _target(decision: Decision, key: EvseKey) -> float:
    grant = decision.grants.get(key)
    return 0.0 if grant is None else grant.limit_a


def _others_words(
    tree: Tree,
    others: Mapping[EvseKey, float],
    most: EvseKey,
    where: str,
    words: _Words,
    more: Moment,
    less: Moment,
) -> str:
    state_more, state_less = more.snapshot.evses.get(most), less.snapshot.evses.get(most)
    if state_less is not None and state_less.session and (state_more is None or not state_more.session):
        verb = "began to charge" if words is _LESS else "ended its session"
        return f"{tree.label(most)} {verb} ({amperes(others[most])} of {where})"
    who = tree.label(most) if len(others) == 1 else f"{tree.label(most)} and {len(others) - 1} more"
    return f"{who} {words.others} {where} ({amperes(sum(others.values()))})"

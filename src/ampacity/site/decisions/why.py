"""Explains a second of the past: what an EVSE had, what held it, who had what, and what changed last."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ...control.base import sample_stale_s
from ...control.reserve import in_force
from ...control.settings import DEFAULTS
from ...control.types import EvseState
from ...model.phases import PerPhase
from ...model.site import Evse, EvseKey, LimitSource, Site
from ...model.why import Answer, Bound, Change, Input, Share, Why
from .causes import ON_CIRCUITS, Place, Tree, amperes, cause_of_cut, cause_of_raise, left_a
from .columns import Moment
from .reading import Chain, Logged, NothingKept
from .words import Scene, bound_of

LOOKED_BACK = timedelta(hours=2)
"""So far back the last change is looked for."""
BEFORE_A_RAISE = timedelta(seconds=60)
"""A raise follows what made room by some seconds: it is explained by what changed in so long."""

CHANGES = 3
"""So many of the last changes are told: a small one often follows a large one."""

PACE = ("in_flight", "stale", "ramp", "deadband")
"""Reasons why a limit is not at its share yet."""


class UnknownEvse(LookupError):
    """Nobody goes by that name at the site. Says who does."""


def find_evse(site: Site, name: str) -> Evse:
    """The EVSE that a person means: its label, STATION/EVSE, or a station with one EVSE."""
    wanted = name.strip().casefold()
    for evse in site.evses:
        if wanted in (evse.label.casefold(), f"{evse.station_id}/{evse.evse_id}".casefold()) and wanted:
            return evse
    at_station = [evse for evse in site.evses if evse.station_id.casefold() == wanted]
    if len(at_station) == 1:
        return at_station[0]
    known = [_name(evse) for evse in (at_station or site.evses)]
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    which = "has several EVSEs" if at_station else f"is no EVSE of site {site.site_id!r}"
    raise UnknownEvse(f"{name!r} {which}: known are {listed}")


def _name(evse: Evse) -> str:
    own = f"{evse.station_id}/{evse.evse_id}"
    return f"{evse.label} ({own})" if evse.label and evse.label != own else own


def explain(logged: Logged, name: str, asked: datetime) -> Why:
    """Why an EVSE had what it had at `asked`. Raises UnknownEvse, NothingKept and ChainBroken."""
    moment = logged.at(asked)
    site = moment.snapshot.site
    evse = find_evse(site, name)
    tree = Tree(site)
    state = moment.snapshot.evses[evse.key]
    scene = Scene(tree, moment, evse, state, ZoneInfo(site.time_zone))
    limit_a = in_force(evse, state, moment.snapshot.at)
    bounds = _bounds(scene)
    return Why(
        site_id=site.site_id,
        station_id=evse.station_id,
        evse_id=evse.evse_id,
        label=tree.label(evse.key),
        time_zone=site.time_zone,
        asked=asked,
        at=_when(moment.epoch_s),
        words=_verdict(scene, limit_a, bounds),
        limit_a=round(limit_a, 1),
        target_a=scene.target_a,
        held_a=scene.held_a,
        drawn_a=_drawn(state),
        max_a=evse.max_a,
        strategy=moment.decision.strategy,
        bounds=bounds,
        shares=_shares(scene, bounds),
        changes=_changes(logged, scene),
        inputs=_inputs(scene),
        actions=_actions(tree, moment),
        notes=moment.decision.notes,
    )


def _when(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(round(epoch_s, 3), UTC)


def _drawn(state: EvseState) -> float | None:
    return None if state.measured_a is None else max(0.0, *state.measured_a)


# ---------------------------------------------------------------- what held it


def _bounds(scene: Scene) -> tuple[Bound, ...]:
    """All reasons in words: the fullest circuit first, pace last."""
    grant = scene.moment.decision.grants.get(scene.evse.key)
    if grant is None:
        return ()

    def rank(bound: Bound) -> tuple[int, float]:
        if bound.code in ON_CIRCUITS and bound.circuit_id is not None and bound.phase is not None:
            return 0, left_a(scene.moment.decision.circuits[bound.circuit_id], bound.phase)
        return (2 if bound.code in PACE else 1), 0.0

    return tuple(sorted((bound_of(scene, reason) for reason in grant.reasons), key=rank))


def _verdict(scene: Scene, limit_a: float, bounds: tuple[Bound, ...]) -> str:
    evse, state, target_a = scene.evse, scene.state, scene.target_a
    most = amperes(evse.max_a)
    aside = (
        f"{amperes(scene.held_a)} were set aside for it" if scene.held_a else "nothing was set aside for it"
    )
    if not state.online:
        return f"could not be reached: {aside}"
    if not state.proven:
        return f"had not proved its base profile yet: {aside}"
    if not state.session:
        return f"had nothing to charge; a car could have begun with {amperes(limit_a)}"
    because = next((b.words for b in bounds if b.code not in PACE), None)
    pace = next((b.words for b in bounds if b.code in PACE), None)
    at = f"was held at {amperes(limit_a)} of {most}"
    if limit_a <= 0:
        at = "waited at 0 A"
    if target_a is not None and target_a > limit_a + DEFAULTS.deadband_a:
        text = f"{at} and rising to its share of {amperes(target_a)}: {pace or 'raises go in steps'}"
        return f"{text}. Its share was no more because {because}" if because else text
    if target_a is not None and target_a < limit_a - 0.05:
        why = because or pace or "the law gave no reason"
        return f"was at {amperes(limit_a)} and being cut to {amperes(target_a)}: {why}"
    if limit_a >= evse.max_a - 0.05:
        return f"was free to draw all of its {most}"
    return f"{at}: {because or pace or 'the law gave no reason'}"


def _shares(scene: Scene, bounds: tuple[Bound, ...]) -> tuple[Share, ...]:
    """Who had what of the place that bound most; the largest first."""
    if not bounds or bounds[0].circuit_id is None or bounds[0].phase is None:
        return ()
    place = Place(bounds[0].circuit_id, bounds[0].phase)
    decision, snapshot = scene.moment.decision, scene.moment.snapshot
    shares = []
    for key in scene.tree.loading(place, snapshot):
        state, evse = snapshot.evses[key], scene.tree.evses[key]
        reserved = key in decision.reserved
        grant = decision.grants.get(key)
        counted = decision.held_a.get(key, 0.0) if reserved else 0.0 if grant is None else grant.limit_a
        drawn = _drawn(state)
        if counted or drawn or key == scene.evse.key or state.session:
            shares.append(
                Share(
                    station_id=key[0],
                    evse_id=key[1],
                    label=scene.tree.label(key),
                    amperes=counted,
                    drawn_a=drawn,
                    reserved=reserved,
                    priority=evse.priority if state.priority is None else state.priority,
                )
            )
    return tuple(sorted(shares, key=lambda share: (-share.amperes, share.label)))


# ---------------------------------------------------------------- what was told


def _inputs(scene: Scene) -> tuple[Input, ...]:
    snapshot, decision = scene.moment.snapshot, scene.moment.decision
    inputs: list[Input] = []
    for circuit_id in dict.fromkeys(p.circuit_id for p in scene.tree.places(scene.evse, None)):
        circuit, state, ledger = (
            scene.tree.circuits[circuit_id],
            snapshot.circuits[circuit_id],
            decision.circuits[circuit_id],
        )
        name = scene.tree.name(circuit_id)
        inputs.append(
            _meter_input(name, circuit_id, state.metered_a, state.metered_at, ledger.meter_state, scene)
        )
        inputs.append(
            Input(
                what="limit", words=f"{name}: {amperes(circuit.rating_a)}, its rating", circuit_id=circuit_id
            )
        )
        inputs += [
            Input(what="limit", words=_limit_words(name, limit, scene), circuit_id=circuit_id)
            for limit in (*circuit.limits, *state.limits)
        ]
    return (*inputs, _evse_meter(scene), _station(scene), _session(scene))


def _meter_input(
    name: str, circuit_id: str, value: PerPhase | None, at: float | None, meter_state: str, scene: Scene
) -> Input:
    if meter_state == "none":
        reserve = scene.tree.circuits[circuit_id].reserve_a
        text = f"{name}: no meter" + (f"; {amperes(reserve)} count for what else it feeds" if reserve else "")
        return Input(what="meter", words=text, circuit_id=circuit_id)
    if value is None or at is None:
        return Input(
            what="meter", words=f"{name}: never read ({meter_state})", circuit_id=circuit_id, trouble=True
        )
    age = max(0.0, scene.moment.snapshot.at - at)
    return Input(
        what="meter",
        words=f"{name}: {_phases(value)}, {age:.1f} s old, {meter_state}",
        circuit_id=circuit_id,
        age_s=round(age, 1),
        trouble=meter_state != "fresh",
    )


def _phases(value: PerPhase) -> str:
    return " / ".join(f"{part:.1f}" for part in value) + " A"


def _limit_words(name: str, limit: LimitSource, scene: Scene) -> str:
    text = f"{name}: {amperes(limit.limit_a)} by {limit.source}"
    if limit.valid_until is None:
        return text
    ends = datetime.fromtimestamp(limit.valid_until, scene.zone).strftime("%H:%M:%S")
    then = "nothing" if limit.fallback_a is None else amperes(limit.fallback_a)
    return f"{text} {'until' if limit.valid_until > scene.moment.epoch_s else 'ended at'} {ends}, then {then}"


def _evse_meter(scene: Scene) -> Input:
    state, at = scene.state, scene.moment.snapshot.at
    if state.measured_a is None or state.measured_at is None:
        return Input(what="evse_meter", words="no sample", trouble=state.session)
    age = max(0.0, at - state.measured_at)
    late = state.session and age > sample_stale_s(state.sample_interval_s)
    words = f"{_phases(state.measured_a)}, {age:.1f} s old{', too old to count' if late else ''}"
    return Input(what="evse_meter", words=words, age_s=round(age, 1), trouble=late)


def _station(scene: Scene) -> Input:
    state, at = scene.state, scene.moment.snapshot.at
    words = ["online" if state.online else "not reachable"]
    words.append("verified" if state.proven else "not verified")
    if state.committed_a is None:
        words.append("runs on its base profile")
    else:
        since = "" if state.committed_at is None else f" at {scene.clock(state.committed_at)}"
        words.append(f"accepted {amperes(state.committed_a)}{since}")
        if state.lease_until is not None:
            ended = state.lease_until <= at
            words.append(f"which {'ended' if ended else 'ends'} at {scene.clock(state.lease_until)}")
        else:
            words.append("which nothing ends")
    if state.inflight_a is not None:
        words.append(f"{amperes(state.inflight_a)} on the way")
    if state.doubt_a is not None:
        words.append(f"did not answer to {amperes(state.doubt_a)}")
    if state.refusing:
        words.append("refuses limits")
    trouble = not state.online or not state.proven or state.refusing or state.doubt_a is not None
    return Input(what="station", words=", ".join(words), trouble=trouble)


def _session(scene: Scene) -> Input:
    state, evse = scene.state, scene.evse
    if not state.session:
        return Input(what="session", words="none")
    words = ["a person paused it"] if state.paused else []
    words.append("the car would draw" if state.wants else "the car stopped by itself")
    words.append(f"class {evse.priority if state.priority is None else state.priority}")
    if state.slack_s is not None:
        slack_min = round(state.slack_s / 60)
        late = f"{-slack_min} min too few until its departure"
        words.append(late if slack_min < 0 else f"{slack_min} min to spare until its departure")
    if state.ceiling_a is not None:
        words.append(f"no more than {amperes(state.ceiling_a)} by {state.ceiling_source or 'a ceiling'}")
    if state.phases is not None:
        words.append("on " + ", ".join(f"L{phase + 1}" for phase in state.phases))
    return Input(what="session", words=", ".join(words))


def _actions(tree: Tree, moment: Moment) -> tuple[str, ...]:
    return tuple(
        f"{tree.label(grant.key)} {verb} {amperes(grant.limit_a)}"
        for verb, grants in (("cut to", moment.decision.cuts), ("raised to", moment.decision.raises))
        for grant in grants
    )


# ---------------------------------------------------------------- what changed last


class _Sent(NamedTuple):
    """A limit that went out, and the tick before it."""

    at_s: float
    before_s: float
    kind: str
    to: int


def _changes(logged: Logged, scene: Scene) -> tuple[Change, ...]:
    """The last limits that were sent to the EVSE, the newest first. Where one was sent again, it is its first
    time.
    """
    until = _when(scene.moment.epoch_s)
    found: list[_Sent] = []
    first_times: list[_Sent] = []
    for chain in logged.chains(until - LOOKED_BACK, until):
        found = _sent_in(chain, scene.evse.key, until) + found
        first_times = [one for k, one in enumerate(found) if k == 0 or one[2:] != found[k - 1][2:]]
        if len(first_times) > CHANGES:
            break
    changes: list[Change] = []
    for one in reversed(first_times[-CHANGES:]):
        with suppress(NothingKept):
            changes.append(_told(logged, scene, logged.at(_when(one.at_s)), one, latest=not changes))
    return tuple(changes)


def _sent_in(chain: Chain, key: EvseKey, until: datetime) -> list[_Sent]:
    """The cuts and raises for an EVSE within a chain, in order."""
    keys = [evse.key for evse in chain.site.evses]
    names = chain.reader.head.columns.evse
    if key not in keys:
        return []
    row = 1 + len(chain.site.circuits) + keys.index(key)
    columns = [(kind, names.index(kind)) for kind in ("cut_a", "raise_a")]
    found: list[_Sent] = []
    previous_s: float | None = None
    for link in chain.reader.links(until.timestamp()):
        if row in link.changed:
            for kind, place in columns:
                to = chain.reader.rows[row][place]
                if to is not None:
                    before_s = link.epoch_s - 1.0 if previous_s is None else previous_s
                    found.append(_Sent(link.epoch_s, before_s, kind, to))
        previous_s = link.epoch_s
    return found


def _told(logged: Logged, scene: Scene, sent: Moment, found: _Sent, *, latest: bool) -> Change:
    key = scene.evse.key
    tree, state = Tree(sent.snapshot.site), sent.snapshot.evses[key]
    sent_at, to_a = _when(sent.epoch_s), found.to / 10
    if found.kind == "cut_a":
        cause = cause_of_cut(tree, _moment_or(logged, _when(found.before_s), sent), sent, key)
    else:
        cause = cause_of_raise(tree, _moment_or(logged, sent_at - BEFORE_A_RAISE, sent), sent, key)
    answer, answered_at = _answer(scene, sent, to_a) if latest else ("unknown", None)
    before_a = max(in_force(tree.evses[key], state, sent.snapshot.at), state.inflight_a or 0.0)
    return Change(
        at=sent_at,
        kind="cut" if found.kind == "cut_a" else "raise",
        from_a=round(before_a, 1),
        to_a=to_a,
        cause=cause,
        answer=answer,
        answered_at=answered_at,
    )


def _moment_or(logged: Logged, at: datetime, otherwise: Moment) -> Moment:
    try:
        return logged.at(at)
    except NothingKept:
        return otherwise


def _answer(scene: Scene, sent: Moment, limit_a: float) -> tuple[Answer, datetime | None]:
    """What became of a limit, as far as the moment that is asked for knows."""
    state, now = scene.state, scene.moment
    if state.committed_a is not None and state.committed_at is not None:
        since_s = state.committed_at - sent.snapshot.at
        if abs(state.committed_a - limit_a) < 0.06 and since_s > -0.1:
            return "accepted", _when(now.epoch_s + state.committed_at - now.snapshot.at)
    if state.inflight_a is not None or now.snapshot.at - sent.snapshot.at < 1.0:
        return "under way", None
    if state.doubt_a is not None:
        return "unanswered", None
    return ("refused", None) if state.raise_after is not None else ("unknown", None)

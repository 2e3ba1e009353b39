"""The reasons of the law in English: what held an EVSE, and what would have given it more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from ...control.settings import DEFAULTS
from ...control.types import EvseState
from ...model.live import Reason
from ...model.site import Evse
from ...model.why import Bound
from .causes import ON_CIRCUITS, Place, Tree, amperes
from .columns import Moment


class Scene(Struct, frozen=True):
    """What a reason is told of: an EVSE at a moment."""

    tree: Tree
    moment: Moment
    evse: Evse
    state: EvseState
    zone: ZoneInfo

    @property
    def target_a(self) -> float | None:
        """Where the law wanted it to be."""
        grant = self.moment.decision.grants.get(self.evse.key)
        return None if grant is None else grant.limit_a

    @property
    def held_a(self) -> float:
        """The most that it may have drawn."""
        return self.moment.decision.held_a.get(self.evse.key, 0.0)

    def clock(self, monotonic_s: float) -> str:
        """A moment of the site's own count as time of day there."""
        epoch_s = self.moment.epoch_s + monotonic_s - self.moment.snapshot.at
        return datetime.fromtimestamp(epoch_s, self.zone).strftime("%H:%M:%S")


Said = tuple[str, str | None]
"""What held, and what would have given more."""


def bound_of(scene: Scene, reason: Reason) -> Bound:
    """A reason with its sum and its words."""
    if reason.code in ON_CIRCUITS and reason.circuit_id in scene.moment.decision.circuits and reason.phase:
        return _of_circuit(scene, reason, Place(reason.circuit_id, reason.phase))
    say = _SAY.get(reason.code)
    words, more = say(scene, reason) if say is not None else _generic(scene, reason)
    if reason.detail and reason.detail not in words:
        words = f"{words} ({reason.detail})"
    return Bound(
        code=reason.code,
        words=words,
        more=more,
        circuit_id=reason.circuit_id,
        circuit=None if reason.circuit_id is None else scene.tree.name(reason.circuit_id),
        phase=reason.phase,
        source=reason.source,
    )


def _of_circuit(scene: Scene, reason: Reason, place: Place) -> Bound:
    ledger = scene.moment.decision.circuits[place.circuit_id]
    circuit = scene.tree.circuits[place.circuit_id]
    p = place.phase - 1
    room = ledger.limit_a - ledger.margin_a - ledger.base_a[p]
    share = 1.0 if scene.moment.snapshot.site.commissioned else DEFAULTS.commissioning_share
    kept_back = max(0.0, room * (1.0 - share))
    source = ledger.limit_source
    until = _valid_until(scene, place.circuit_id, source)
    base_from = {"none": "reserve", "fresh": "meter", "stale": "held"}.get(ledger.meter_state, "worst")
    base_note = {
        "held": ", the highest of five minutes",
        "worst": ", the worst case",
        "reserve": ", set aside",
    }
    keys = scene.tree.loading(place, scene.moment.snapshot)
    sharing = [key for key in keys if _shares(scene, key)]
    whose = "its rating" if source == "rating" else f"set by {source}"
    if until is not None:
        whose += f" until {until.astimezone(scene.zone):%H:%M:%S}"
    parts = [f"base {amperes(ledger.base_a[p])}{base_note.get(base_from, '')}"]
    if ledger.margin_a:
        parts.append(f"margin {amperes(ledger.margin_a)}")
    if ledger.reserve_a[p]:
        parts.append(f"set aside {amperes(ledger.reserve_a[p])}")
    parts.append(f"{_count(len(sharing), 'car')} {amperes(ledger.grants_a[p])}")
    if kept_back:
        parts.append(f"kept back until the site is commissioned {amperes(kept_back)}")
    where = scene.tree.at(place)
    lack = f"had less left than {amperes(scene.evse.min_a)}" if reason.code == "minimum" else "was full"
    sums = f"limit {amperes(ledger.limit_a)}, {whose}: {' + '.join(parts)}"
    others = max(0, len(sharing) - (1 if scene.evse.key in sharing else 0))
    more = f"a higher limit or less load on {where}"
    if others:
        more += f"; each ampere there is shared with {_count(others, 'other car')}"
    return Bound(
        code=reason.code,
        words=f"{where} {lack} ({sums})",
        more=more,
        circuit_id=place.circuit_id,
        circuit=circuit.name,
        phase=place.phase,
        limit_a=ledger.limit_a,
        source=source,
        valid_until=until,
        base_a=ledger.base_a[p],
        base_from=base_from,  # type: ignore[arg-type]
        margin_a=ledger.margin_a,
        reserve_a=ledger.reserve_a[p],
        grants_a=ledger.grants_a[p],
        kept_back_a=round(kept_back, 1),
    )


def _shares(scene: Scene, key: tuple[str, int]) -> bool:
    grant = scene.moment.decision.grants.get(key)
    return grant is not None and grant.limit_a > 0 and key not in scene.moment.decision.reserved


def _valid_until(scene: Scene, circuit_id: str, source: str) -> datetime | None:
    for limit in scene.moment.snapshot.circuits[circuit_id].limits:
        if limit.source == source and limit.valid_until is not None:
            return datetime.fromtimestamp(limit.valid_until, scene.zone)
    return None


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


# ---------------------------------------------------------------- everything that is no circuit


def _evse_max(scene: Scene, reason: Reason) -> Said:
    return f"the EVSE gives no more than {amperes(scene.evse.max_a)}", None


def _car(scene: Scene, reason: Reason) -> Said:
    if not scene.state.wants:
        return "the car had stopped by itself", "a car that draws again"
    most = "" if scene.target_a is None else f": it keeps {amperes(scene.target_a)}"
    again = f"asked again each {DEFAULTS.ask_again_s / 60:g} min"
    return f"the car took less than it might have{most}", f"a car that takes more; it is {again}"


def _ramp(scene: Scene, reason: Reason) -> Said:
    every = f"at most each {DEFAULTS.raise_every_s:g} s, a quarter of what is free at a time"
    return "raises go in steps", f"time: it rises {every}"


def _deadband(scene: Scene, reason: Reason) -> Said:
    least = f"{DEFAULTS.deadband_a:g} A or {DEFAULTS.deadband_share:.0%}"
    waived = f"{DEFAULTS.deadband_waived_after_s / 60:g} min"
    return (
        f"the rest to its share was less than is worth a message ({least})",
        f"time: after {waived} below its share it gets smaller steps too",
    )


def _paused(scene: Scene, reason: Reason) -> Said:
    return "a person had paused it", "letting the session go on"


def _offline(scene: Scene, reason: Reason) -> Said:
    return (
        f"its station could not be reached: {amperes(scene.held_a)} stay set aside for it",
        "the station's connection",
    )


def _unproven(scene: Scene, reason: Reason) -> Said:
    return (
        f"its station had not proved its base profile yet: {amperes(scene.held_a)} are set aside for it",
        "reading the base profile back, which the controller does by itself",
    )


def _stale(scene: Scene, reason: Reason) -> Said:
    return f"{_meter(scene, reason)} was late: nothing rises until it tells", "a reading of that meter"


def _dead(scene: Scene, reason: Reason) -> Said:
    return f"{_meter(scene, reason)} had fallen silent: the worst case counts", "a reading of that meter"


def _meter(scene: Scene, reason: Reason) -> str:
    if reason.circuit_id is None:
        return "a meter"
    metered_at = scene.moment.snapshot.circuits[reason.circuit_id].metered_at
    told = "never read" if metered_at is None else f"last read at {scene.clock(metered_at)}"
    return f"the meter of {scene.tree.name(reason.circuit_id)}, {told},"


def _in_flight(scene: Scene, reason: Reason) -> Said:
    if scene.state.inflight_a is not None:
        return f"{amperes(scene.state.inflight_a)} were on their way to its station", "the station's answer"
    if scene.state.raise_after is not None and scene.state.raise_after > scene.moment.snapshot.at:
        again = scene.clock(scene.state.raise_after)
        return f"its station refused or did not answer; it is asked again at {again}", "an answer"
    waited = waited_for(scene)
    if waited:
        return f"the decrease of {', '.join(waited)} was not seen yet", "a sample that shows it"
    return "a decrease was not seen in the meter yet", "a sample that shows it"


def waited_for(scene: Scene) -> list[str]:
    """Who shares a place with the EVSE and holds more than it shall have."""
    places = set(scene.tree.places(scene.evse, scene.state))
    decision, found = scene.moment.decision, []
    for evse in scene.tree.site.evses:
        grant = decision.grants.get(evse.key)
        if evse.key in decision.reserved or grant is None or evse.key == scene.evse.key:
            continue
        above = decision.held_a.get(evse.key, 0.0) > grant.limit_a + 0.1
        if above and places & set(scene.tree.places(evse, scene.moment.snapshot.evses.get(evse.key))):
            found.append(scene.tree.label(evse.key))
    return found[:5]


def _strategy(scene: Scene, reason: Reason) -> Said:
    name = reason.source or scene.moment.decision.strategy
    return f"the strategy {name} fixes it", "another strategy" if name != "uncontrolled" else None


def _overload(scene: Scene, reason: Reason) -> Said:
    where = "a circuit" if reason.circuit_id is None else scene.tree.name(reason.circuit_id)
    return (
        f"the meter of {where} read more than its limit",
        f"{DEFAULTS.calm_s:g} s below the limit",
    )


def _no_session(scene: Scene, reason: Reason) -> Said:
    return "nothing was charging there", None


def _generic(scene: Scene, reason: Reason) -> Said:
    """A reason without words of its own here."""
    words = reason.code.replace("_", " ")
    if reason.circuit_id is not None:
        words += f" at {scene.tree.name(reason.circuit_id)}"
    if reason.source is not None:
        words += f", by {reason.source}"
    return words, None


def _on_circuit(words: str, more: str) -> Callable[[Scene, Reason], Said]:
    """What is said of a circuit as a whole: `{0}` is its name, with the phase where the reason has one."""

    def say(scene: Scene, reason: Reason) -> Said:
        name = "a circuit" if reason.circuit_id is None else scene.tree.name(reason.circuit_id)
        where = name if reason.phase is None else f"{name} L{reason.phase}"
        return words.format(where), more.format(where)

    return say


def _external(scene: Scene, reason: Reason) -> Said:
    whose = reason.source or "somebody else"
    return f"{whose} limits the station itself", f"{whose}, who would have to lift it"


def _cabinet(scene: Scene, reason: Reason) -> Said:
    which = f" {reason.source}" if reason.source else ""
    return f"the power cabinet{which} had no more modules free", "a car that leaves the cabinet"


def _thermal(scene: Scene, reason: Reason) -> Said:
    return f"{reason.detail or 'something'} was too warm", "time to cool down"


def _said(words: str, more: str | None) -> Callable[[Scene, Reason], Said]:
    return lambda scene, reason: (words, more)


_SAY: dict[str, Callable[[Scene, Reason], Said]] = {
    "circuit": _on_circuit("{0} was full", "a higher limit or less load on {0}"),
    "minimum": _on_circuit("{0} had less than the minimum left", "a higher limit or less load on {0}"),
    "evse_max": _evse_max,
    "car": _car,
    "ramp": _ramp,
    "deadband": _deadband,
    "paused": _paused,
    "offline": _offline,
    "unproven": _unproven,
    "stale": _stale,
    "dead": _dead,
    "in_flight": _in_flight,
    "strategy": _strategy,
    "overload": _overload,
    "no_session": _no_session,
    "watts": _on_circuit("{0} carried all the power that it may", "a higher limit or less load on {0}"),
    "neutral": _on_circuit(
        "the neutral of {0} was full", "loads that are spread better over the phases of {0}"
    ),
    "unbalance": _on_circuit(
        "one phase of {0} may not lead the others by more", "load on the other phases of {0}"
    ),
    "demand": _on_circuit("the energy of {0}'s demand window was used up", "the next window"),
    "signal": _on_circuit("who limits {0} from afar was silent: the fail-safe held", "its next signal"),
    "thermal": _thermal,
    "cabinet": _cabinet,
    "external": _external,
    "battery": _said("the battery could give no more, or was charging", None),
    "goal": _said("the session had what it was asked to end at", "another goal"),
    "price": _said(
        "the price or the budget of the session did not allow more", "a lower price or a higher budget"
    ),
    "switching": _said("it was being switched to another number of phases", "the end of the switching"),
    "safe_mode": _said(
        "people had ordered safe mode: no more than it draws unattended", "the end of safe mode"
    ),
    "emergency_stop": _said("people had stopped the site", "a person who releases the stop"),
}

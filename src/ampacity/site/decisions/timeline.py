"""What happened in a span: who was cut and raised and why, who came and went, which meters fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ...model.site import EvseKey
from ...model.why import Happening, HappeningKind, Step, Timeline
from .causes import CUT_UNEXPLAINED, RAISE_UNEXPLAINED, Tree, amperes, cause_of_cut, cause_of_raise
from .chain import ChainBroken
from .columns import Moment, moment_of
from .reading import Chain, Logged, NothingKept
from .why import find_evse

LONGEST = timedelta(hours=6)
"""One asks for so much at once: each five minutes cost a reader some milliseconds."""

_SENT: tuple[tuple[HappeningKind, str], ...] = (("cut", "cut_a"), ("raise", "raise_a"))

Named = dict[str, Any]
"""A row with the names of its columns."""


def timeline(
    logged: Logged,
    site_id: str,
    time_zone: str,
    start: datetime,
    end: datetime,
    *,
    evse: str | None = None,
    most: int = 500,
) -> Timeline:
    """What happened from `start` to `end`, the last first, at most `most` of it. `evse` (as `find_evse` takes
    it) narrows it to one and to what concerns all. Raises UnknownEvse and ChainBroken.
    """
    happenings: list[Happening] = []
    more = False
    try:
        kept_from: datetime | None = logged.span()[0]
    except NothingKept:
        kept_from = None
    later: _Telling | None = None
    for chain in logged.chains(start, end) if kept_from is not None else ():
        telling = _Telling(chain, evse)
        telling.tell()
        if later is not None:
            happenings += _within(later.told_after(telling), start, end)
        later = telling
        if len(happenings) > most:
            break
    if later is not None and len(happenings) <= most:
        happenings += _within(later.told_after(None), start, end)
    if len(happenings) > most:
        happenings, more = happenings[:most], True
    return Timeline(
        site_id=site_id,
        time_zone=time_zone,
        start=start,
        end=end,
        kept_from=kept_from,
        happenings=tuple(happenings),
        more=more,
    )


def _within(told: Sequence[Happening], start: datetime, end: datetime) -> list[Happening]:
    return [one for one in reversed(told) if start <= one.at <= end]


class _State(NamedTuple):
    """Everything at one tick, by names."""

    overall: Named
    circuits: dict[str, Named]
    evses: dict[EvseKey, Named]


class _Telling:
    """Goes through one chain, row by row as they change: `tell`, then `told_after` the chain before it."""

    def __init__(self, chain: Chain, evse: str | None) -> None:
        self._site, self._reader = chain.site, chain.reader
        self._tree = Tree(chain.site)
        self._zone = ZoneInfo(chain.site.time_zone)
        self._wanted: EvseKey | None = None if evse is None else find_evse(chain.site, evse).key
        self._at = self._begun = chain.begun
        self._told: list[Happening] = []
        self._before: list[list[Any]] = []
        self._before_at = (0.0, 0.0)
        self._first: Moment | None = None
        self._first_state: _State | None = None
        self.last: Moment | None = None
        self.last_state: _State | None = None

    def tell(self) -> None:
        """Note everything that happened after the first tick."""
        try:
            for link in self._reader.links():
                self._at = datetime.fromtimestamp(round(link.epoch_s, 3), UTC)
                if self._before:
                    self._compare(link.changed)
                else:
                    self._first, self._first_state = self._reader.moment(self._site), self._state()
                self._before = [list(row) for row in self._reader.rows]
                self._before_at = link.at, link.epoch_s
        except ChainBroken as broken:
            self._add("gap", f"the rest of this time can't be read: {broken}")
        if self._before:
            self.last, self.last_state = self._reader.moment(self._site), self._state()

    def told_after(self, before: _Telling | None) -> list[Happening]:
        """Everything that happened, in order, with what changed since the chain before."""
        later, self._told = self._told, []
        self._at, head = self._begun, self._reader.head
        if head.started:
            self._add("started", "the controller started: everything is set aside until stations prove it")
        if head.gap is not None:
            since = datetime.fromtimestamp(head.gap.since, self._zone)
            self._add("gap", f"{head.gap.ticks} ticks since {since:%H:%M:%S} were not kept")
        was = None if before is None else before.last_state
        if was is not None and self._first_state is not None and not head.started:
            now = self._first_state
            self._overall(was.overall, now.overall)
            for circuit_id in was.circuits.keys() & now.circuits.keys():
                self._circuit(circuit_id, was.circuits[circuit_id], now.circuits[circuit_id])
            for key in now.evses:
                if key in was.evses and self._wanted in (None, key):
                    self._evse(key, was.evses[key], now.evses[key])
        if self._first is not None:
            earlier = before.last if before is not None and not head.started else None
            cuts, raises = self._first.decision.cuts, self._first.decision.raises
            self._sent("cut", [grant.key for grant in cuts], earlier or self._first, self._first)
            self._sent("raise", [grant.key for grant in raises], earlier or self._first, self._first)
        return self._told + later

    def _state(self) -> _State:
        columns, rows = self._reader.head.columns, self._reader.rows
        first = 1 + len(self._site.circuits)
        circuits = zip(self._site.circuits, rows[1:first], strict=True)
        evses = zip(self._site.evses, rows[first:], strict=True)
        return _State(
            dict(zip(columns.site, rows[0], strict=True)),
            {circuit.circuit_id: dict(zip(columns.circuit, row, strict=True)) for circuit, row in circuits},
            {evse.key: dict(zip(columns.evse, row, strict=True)) for evse, row in evses},
        )

    def _add(self, kind: HappeningKind, words: str, **more: Any) -> None:
        self._told.append(Happening(at=self._at, kind=kind, words=words, **more))

    def _pair(self, row: int, names: Sequence[str]) -> tuple[Named, Named]:
        was, now = self._before[row], self._reader.rows[row]
        return dict(zip(names, was, strict=True)), dict(zip(names, now, strict=True))

    def _compare(self, changed: frozenset[int]) -> None:
        columns = self._reader.head.columns
        if 0 in changed:
            self._overall(*self._pair(0, columns.site))
        for number, circuit in enumerate(self._site.circuits, 1):
            if number in changed:
                self._circuit(circuit.circuit_id, *self._pair(number, columns.circuit))
        first = 1 + len(self._site.circuits)
        for number, evse in enumerate(self._site.evses, first):
            if number in changed and self._wanted in (None, evse.key):
                self._evse(evse.key, *self._pair(number, columns.evse))
        for kind, column in _SENT:
            place = columns.evse.index(column)
            rows = [n for n in sorted(changed) if n >= first and self._reader.rows[n][place] is not None]
            if rows:
                keys = [self._site.evses[n - first].key for n in rows]
                self._sent(kind, keys, self._moment_before(), self._reader.moment(self._site))

    # ------------------------------------------------------------ the site and its circuits

    def _overall(self, was: Named, now: Named) -> None:
        if was["overloaded"] != now["overloaded"]:
            if now["overloaded"]:
                self._add("overload", "a meter reads more than its limit")
            else:
                self._add("calm", "all meters read less than their limits again")
        if was["strategy"] != now["strategy"]:
            self._add("strategy", f"the strategy changed from {was['strategy']} to {now['strategy']}")
        if was.get("mode", "normal") != now.get("mode", "normal"):
            modes = {
                "normal": "normal control again",
                "safe": "safe mode ordered",
                "stopped": "emergency stop",
            }
            self._add("mode", modes.get(str(now["mode"]), str(now["mode"])))

    def _circuit(self, circuit_id: str, was: Named, now: Named) -> None:
        name = self._tree.name(circuit_id)
        if was["meter_state"] != now["meter_state"]:
            states = {
                "fresh": "tells again",
                "stale": "is late: nothing rises",
                "dead": "is silent: the worst case counts",
                "lost": "is lost: nobody gets more than stations may draw unattended",
            }
            words = states.get(now["meter_state"], now["meter_state"])
            self._add("meter", f"the meter of {name} {words}", circuit_id=circuit_id)
        if was["limit_a"] != now["limit_a"] or was["limit_source"] != now["limit_source"]:
            old, new = amperes(was["limit_a"] / 10), amperes(now["limit_a"] / 10)
            before = f"before: {old} by {was['limit_source']}"
            words = f"{name} is limited to {new} by {now['limit_source']} ({before})"
            self._add("limit", words, circuit_id=circuit_id)

    # ------------------------------------------------------------ EVSEs

    def _evse(self, key: EvseKey, was: Named, now: Named) -> None:
        def add(kind: HappeningKind, words: str) -> None:
            step = Step(station_id=key[0], evse_id=key[1], label=label)
            last = self._told[-1] if self._told else None
            if last is not None and (last.at, last.kind, last.words) == (self._at, kind, words):
                # The EVSEs of a station, or of a whole site, come and go together.
                more = (*last.evses, step)
                self._told[-1] = Happening(at=last.at, kind=kind, words=words, evses=more)
            else:
                self._add(kind, words, evses=(step,))

        label = self._tree.label(key)
        if was["online"] != now["online"]:
            online = bool(now["online"])
            add("online" if online else "offline", "reachable again" if online else "not reachable")
        if was["session"] != now["session"]:
            begun = bool(now["session"])
            add("session" if begun else "ended", "a session began" if begun else "the session ended")
        elif was["paused"] != now["paused"]:
            paused = bool(now["paused"])
            add("paused" if paused else "resumed", "paused by a person" if paused else "goes on")
        if was["inflight_a"] is not None and now["inflight_a"] is None:
            asked = amperes(was["inflight_a"] / 10)
            if now["doubt_a"] is not None and was["doubt_a"] != now["doubt_a"]:
                add("unanswered", f"no answer to {asked}")
            elif now["raise_after"] is not None and was["raise_after"] != now["raise_after"]:
                add("refused", f"{asked} was refused")

    def _sent(self, kind: HappeningKind, keys: list[EvseKey], before: Moment, after: Moment) -> None:
        """Cuts or raises of a tick, together."""
        if not keys or (self._wanted is not None and self._wanted not in keys):
            return
        grants = after.decision.cuts if kind == "cut" else after.decision.raises
        limits = {grant.key: grant.limit_a for grant in grants}
        steps = []
        for key in keys:
            reach_a = _reach_a(after, key)
            steps.append(
                Step(
                    station_id=key[0],
                    evse_id=key[1],
                    label=self._tree.label(key),
                    from_a=reach_a,
                    to_a=limits[key],
                )
            )
        largest = max(steps, key=lambda step: abs((step.from_a or 0.0) - (step.to_a or 0.0)))
        about = self._wanted or (largest.station_id, largest.evse_id)
        explain = cause_of_cut if kind == "cut" else cause_of_raise
        cause = explain(self._tree, before, after, about)
        verb = "cut" if kind == "cut" else "raised"
        if len(steps) == 1:
            only = steps[0]
            words = f"{only.label} {verb} from {amperes(only.from_a or 0.0)} to {amperes(only.to_a or 0.0)}"
        else:
            words = f"{len(steps)} EVSEs {verb}"
        told = None if cause in (CUT_UNEXPLAINED, RAISE_UNEXPLAINED) else cause
        self._add(kind, words, evses=tuple(steps), cause=told)

    def _moment_before(self) -> Moment:
        columns, reasons = self._reader.head.columns, self._reader.reasons
        return moment_of(self._site, *self._before_at, columns, self._before, reasons, self._reader.known)


def _reach_a(moment: Moment, key: EvseKey) -> float:
    """The limit before: the accepted one, or one on its way if that is higher."""
    state = moment.snapshot.evses[key]
    safe_a = next(evse.safe_a for evse in moment.snapshot.site.evses if evse.key == key)
    accepted = safe_a if state.committed_a is None else state.committed_a
    return max(accepted, state.inflight_a or 0.0)

"""What must hold in every state of the small world that can be reached with so many faults.

- *raise* (I5): where a limit is raised, everybody at the most that they may draw, now or when a message on
  its way lands, fits.
- *promise* (I1): the reservation sum of every decision fits, but on rows that are overcommitted.
- *draw* (I1, I13): what the cars draw is within the limit, or within the one that held until one time to
  safe ago.
- *silence* (I12): were the controller dead from here on, the same would hold at every later moment, and after
  one time to safe everybody would be within the limit in force.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ampacity.control.check import reservation_excess
from ampacity.control.topology import Topology
from ampacity.control.types import Decision, Snapshot
from ampacity.model.site import Evse, EvseKey

from .stations import LAG_TICKS, Periods, Station, allowed_at, allows

MOST_KEPT = 1_000_000
"""Futures of stations that are kept."""


class Holding:
    """Each check says what is broken, or nothing. `periods` gives what a station is sent for a limit and a
    safe current; a lower limit must be kept after `to_safe` ticks of `tick_s`. `high`: a limit that held a
    while ago, and the ticks for which it still excuses what is drawn."""

    def __init__(
        self,
        topology: Topology,
        periods: Callable[[float, float], Periods],
        tick_s: float,
        to_safe: int,
    ) -> None:
        self.topology, self.evses = topology, topology.evses
        self.periods, self.tick_s, self.to_safe = periods, tick_s, to_safe
        self._futures: dict[tuple[Station, int], tuple[float, ...]] = {}

    def drawn(self, stations: Sequence[Station], limit: float, high: tuple[float, int]) -> str:
        """What cars draw now."""
        drawn = sum(s.draw_a for s in stations)
        if drawn > max(limit, high[0]) + 1e-6:
            return f"draw: cars draw {drawn:g} A where {limit:g} A hold"
        return ""

    def promised(self, snapshot: Snapshot, decision: Decision) -> str:
        """The reservation sum of a decision."""
        for row, over in reservation_excess(snapshot, decision, self.topology).items():
            if row not in decision.overcommitted:
                return f"promise: the reservation sum is {over:g} A above the limit"
        return ""

    def raises_fit(self, stations: Sequence[Station], raised: dict[EvseKey, float], limit: float) -> str:
        """Everybody at the most, where something is raised."""
        if not raised:
            return ""
        total = 0.0
        rises = False
        for station, evse in zip(stations, self.evses, strict=True):
            may = self._may(station, evse)
            up = raised.get(evse.key, 0.0)
            rises = rises or up > may
            total += max(may, up)
        if rises and total > limit + 1e-6:
            return f"raise: {total:g} A may be drawn after a raise where {limit:g} A hold"
        return ""

    def _may(self, station: Station, evse: Evse) -> float:
        """The most that it may draw, now or when a message on its way lands."""
        may = max(station.draw_a, allows(station, evse.safe_a, self._shape(evse.safe_a)))
        return max([may, *(m.limit_a for m in station.queue if m.kind == "limit")])

    def silence(self, stations: Sequence[Station], limit: float, high: tuple[float, int]) -> str:
        """Nobody says anything from here on: the most that is drawn at every later tick."""
        futures = [self._future(station, i) for i, station in enumerate(stations)]
        for tick, drawn in enumerate(zip(*futures, strict=True), start=1):
            ceiling = max(limit, high[0] if tick < high[1] else 0.0)
            if sum(drawn) > ceiling + 1e-6:
                later = tick * self.tick_s
                return f"silence: {sum(drawn):g} A may flow {later:g} s after the last word, of {ceiling:g} A"
        return ""

    def _future(self, station: Station, i: int) -> tuple[float, ...]:
        """The most that one station may draw at each later tick when nobody says anything any more."""
        found = self._futures.get((station, i))
        if found is not None:
            return found
        safe_a = self.evses[i].safe_a
        shape = self._shape(safe_a)
        promises = [(shape(m.limit_a), m.age_s) for m in station.queue if m.kind == "limit"]
        if station.held is not None:
            promises.append((shape(station.held[0]), station.held[1]))
        future = []
        for tick in range(1, 2 * self.to_safe):
            later = tick * self.tick_s
            may = safe_a if station.held is None else 0.0
            may = max([may, *(allowed_at(periods, age_s + later) for periods, age_s in promises)])
            future.append(max(may, station.draw_a) if tick <= LAG_TICKS - station.lag else may)
        if len(self._futures) < MOST_KEPT:
            self._futures[station, i] = tuple(future)
        return tuple(future)

    def _shape(self, safe_a: float) -> Callable[[float], Periods]:
        return lambda limit_a: self.periods(limit_a, safe_a)

"""The stations' lines: messages that come late, in order, or not at all.

A line keeps the order of its messages, as a WebSocket does. What was under way when it broke is lost; what a
station must not lose (that a session began or ended) waits for the line, and is repeated when it was lost.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from math import exp
from typing import NamedTuple

from ampacity.csms.vocabulary import Command
from ampacity.model.phases import PerPhase
from ampacity.model.site import EvseKey

from .sites import FleetSite, Line, clipped

JITTER = 0.3
"""Standard deviation of the logarithm of one message's latency."""
THERE = (0.3, 1.0)
"""How much of a latency is the way to the station: for the rest the answer is on its way."""
REPEATED_S = 30.0
NOTICED_S = (20.0, 50.0)
"""After how long a broken line is known: a ping each 30 s, and 20 s for its answer."""
READ_BACK_S = 5.0
"""To read back what a station holds that has come again, besides the latency."""


class Told(NamedTuple):
    """A command on its way to a station; its answer takes `answer_s`."""

    number: int
    command: Command
    answer_s: float


class Heard(NamedTuple):
    """What the site hears of an EVSE: `kind` says which of the others count.

    `answer` (number, accepted), `began`, `ended`, `full` (session), `sample` (draw_a on the circuit's phases,
    taken_at, energy_wh), `lost`, `opened`, `read` (the line).
    """

    kind: str
    key: EvseKey
    session: int = 0
    number: int = 0
    accepted: bool = False
    draw_a: PerPhase = (0.0, 0.0, 0.0)
    taken_at: float = 0.0
    energy_wh: float = 0.0


class Lines:
    """All lines of a site. Times are seconds of the run."""

    def __init__(self, world: FleetSite, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self._order = 0
        self._down: list[tuple[float, int, EvseKey, Told]] = []
        self._up: list[tuple[float, int, Heard]] = []
        self._arrived_at: dict[tuple[EvseKey, bool], float] = {}
        self.lost = 0
        self.sent = 0
        for key in world.lines:
            for begins, ends in world.outages[key[0]]:
                known = begins + rng.uniform(*NOTICED_S)
                back = ends + self._latency(world.lines[key])
                self._push_up(min(known, ends), Heard("lost", key))
                self._push_up(back, Heard("opened", key))
                self._push_up(back + READ_BACK_S + self._latency(world.lines[key]), Heard("read", key))

    def tell(self, key: EvseKey, number: int, command: Command, at: float) -> None:
        """A command goes out."""
        line = self._world.lines[key]
        latency = self._latency(line)
        there = latency * self._rng.uniform(*THERE)
        self.sent += 1
        arrives = self._in_order(key, at + there, down=True)
        if self._rng.random() < line.commands_lost or self._broken(key, at, arrives):
            self.lost += 1
            return
        self._order += 1
        heappush(self._down, (arrives, self._order, key, Told(number, command, latency - there)))

    def arrived(self, at: float) -> list[tuple[EvseKey, Told]]:
        """Commands that have come to stations until now."""
        found = []
        while self._down and self._down[0][0] <= at:
            _, _, key, told = heappop(self._down)
            found.append((key, told))
        return found

    def answer(self, key: EvseKey, told: Told, accepted: bool, at: float) -> None:
        """A station answers."""
        heard = Heard("answer", key, number=told.number, accepted=accepted)
        self._report(heard, at, told.answer_s, self._world.lines[key].answers_lost)

    def sample(self, heard: Heard, at: float) -> None:
        """A station tells its meter."""
        line = self._world.lines[heard.key]
        self._report(heard, at, self._way_back_s(line), line.samples_lost)

    def report(self, heard: Heard, at: float) -> None:
        """A station tells what must not be lost."""
        line = self._world.lines[heard.key]
        while self._rng.random() < line.samples_lost:
            at += REPEATED_S
        for begins, ends in self._world.outages[heard.key[0]]:
            if begins <= at < ends:
                at = ends
        self._push_up(self._in_order(heard.key, at + self._way_back_s(line), down=False), heard)

    def heard(self, at: float) -> list[Heard]:
        """What has come to the site until now."""
        found = []
        while self._up and self._up[0][0] <= at:
            found.append(heappop(self._up)[2])
        return found

    def _report(self, heard: Heard, at: float, takes_s: float, share: float) -> None:
        arrives = self._in_order(heard.key, at + takes_s, down=False)
        self.sent += 1
        if self._rng.random() < share or self._broken(heard.key, at, arrives):
            self.lost += 1
            return
        self._push_up(arrives, heard)

    def _push_up(self, at: float, heard: Heard) -> None:
        self._order += 1
        heappush(self._up, (at, self._order, heard))

    def _in_order(self, key: EvseKey, arrives: float, *, down: bool) -> float:
        arrives = max(arrives, self._arrived_at.get((key, down), 0.0))
        self._arrived_at[key, down] = arrives
        return arrives

    def _broken(self, key: EvseKey, sent_at: float, arrives: float) -> bool:
        return any(begins <= arrives and sent_at < ends for begins, ends in self._world.outages[key[0]])

    def _latency(self, line: Line) -> float:
        return clipped(line.latency_s * exp(self._rng.gauss(0.0, JITTER)))

    def _way_back_s(self, line: Line) -> float:
        return self._latency(line) * (1.0 - self._rng.uniform(*THERE))

"""Which numbered messages of a 2.x transaction are missing, and when to ask for them. Pure.

Theory. A station numbers the events of a transaction (`seqNo`), from 0 and without holes by the standard;
some count from 1, or go on counting over transactions. So the first number expected is the start's own, and
0 where no start was told. The last one expected is the end's, and while no end was told the highest heard of.

A hole is mostly a message on its way: stations replay in their own order. So first there is patience, which
every message of the transaction renews. Then the station is asked (GetTransactionStatus) whether it still
holds messages: if so, patience again; if not, what is missing will never come. Without an answer (offline,
or a station that does not know the question) `give_up_s` after the hole was first seen decides. A transaction
given up on is incomplete: it is flagged, billed with care, and whole again should the rest come after all.

The CSMS keeps a `SequenceWatch` for each open transaction of 2.x, and for an ended one until `settled`:
`told` for each fresh event, `answered` for what came of a question, and `step` now and then, which says what
to do (`lives`, `blocks.oversight`). What is missing goes into the transaction's row, from which a restart
goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from msgspec import Struct

RUNS_KEPT = 64
"""Runs of a set: a station that sends every second number only would make it grow for ever."""


class Numbers(Struct, frozen=True, gc=False):
    """A set of message numbers as runs: ((0, 41), (43, 50)) is 0..50 without 42.

    `cut` says that there were too many runs, and the lowest were joined: what was missing there is no longer
    known, only that something was.
    """

    runs: tuple[tuple[int, int], ...] = ()
    cut: bool = False

    def __contains__(self, number: int) -> bool:
        return any(low <= number <= high for low, high in self.runs)

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self.runs)

    @property
    def last(self) -> int | None:
        """The highest number."""
        return self.runs[-1][1] if self.runs else None

    def add(self, number: int) -> Numbers:
        """The set with `number`."""
        runs = self.runs
        if runs and number == runs[-1][1] + 1:  # nearly always
            return Numbers((*runs[:-1], (runs[-1][0], number)), self.cut)
        if number in self:
            return self
        low = high = number
        kept = []
        for run in runs:
            if run[1] == number - 1:
                low = run[0]
            elif run[0] == number + 1:
                high = run[1]
            else:
                kept.append(run)
        merged = sorted([*kept, (low, high)])
        if len(merged) <= RUNS_KEPT:
            return Numbers(tuple(merged), self.cut)
        return Numbers(((merged[0][0], merged[1][1]), *merged[2:]), True)

    def missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The holes from `first` to `last`, as runs."""
        expected = first
        for low, high in self.runs:
            if low > expected and expected <= last:
                yield expected, min(low - 1, last)
            expected = max(expected, high + 1)
        if expected <= last:
            yield expected, last

    @property
    def text(self) -> str:
        """`0-41,43-50`; a `~` before it where it is `cut`."""
        words = (f"{low}-{high}" if low != high else f"{low}" for low, high in self.runs)
        return ("~" if self.cut else "") + ",".join(words)

    @classmethod
    def read(cls, text: str) -> Numbers:
        """The set that `text` stands for. Raises ValueError for what `text` never makes."""
        runs = []
        for word in text.removeprefix("~").split(",") if text.removeprefix("~") else ():
            low, _, high = word.partition("-")
            runs.append((int(low), int(high or low)))
        if any(low > high for low, high in runs) or any(
            before[1] + 1 >= after[0] for before, after in pairwise(runs)
        ):
            raise ValueError(f"{text!r} is no set of numbers: runs must rise and not touch")
        return cls(tuple(runs), text.startswith("~"))


class GapRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds. `patience_s` after the transaction's last message before asking, `again_s` between questions,
    at most `questions` of them without a clear answer, `give_up_s` after the hole was seen.
    """

    patience_s: float = 60.0
    again_s: float = 300.0
    questions: int = 5
    give_up_s: float = 86_400.0


class SequenceWatch:
    """The numbers of one transaction. `now` is epoch seconds and does not run back."""

    def __init__(self, rules: GapRules | None = None) -> None:
        self._numbers = Numbers()
        self._newest: int | None = None
        """The last of the numbers; what follows it is added to them when somebody asks."""
        self.has_hole = False
        """Whether a number is missing."""
        self.incomplete = False
        """What is missing will not come. A message that fills the last hole takes it back."""
        self._rules = rules or GapRules()
        self._first = 0
        self._end: int | None = None
        self._seen_at: float | None = None
        self._ask_at = 0.0
        self._asked = False
        self._unclear = 0
        self._asking = False

    @classmethod
    def resumed(
        cls,
        numbers: Numbers,
        now: float,
        *,
        first: int = 0,
        end: int | None = None,
        rules: GapRules | None = None,
    ) -> SequenceWatch:
        """Go on after a restart. `first` is the start's number (0 where no start was told), `end` the end's;
        a hole is as if seen now.
        """
        watch = cls(rules)
        watch._numbers, watch._newest, watch._first, watch._end = numbers, numbers.last, first, end
        watch._look(now)
        return watch

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """The holes, as runs."""
        last = self._end if self._end is not None else self.numbers.last
        return () if last is None else tuple(self.numbers.missing(self._first, last))

    @property
    def numbers(self) -> Numbers:
        """All that came."""
        newest, runs = self._newest, self._numbers.runs
        if newest is not None and newest != runs[-1][1]:
            self._numbers = Numbers((*runs[:-1], (runs[-1][0], newest)), self._numbers.cut)
        return self._numbers

    @property
    def missing_text(self) -> str | None:
        """The holes as `Numbers.text` writes them, None for none."""
        return Numbers(self.missing, self.numbers.cut).text if self.has_hole else None

    @property
    def settled(self) -> bool:
        """Ended, and nothing more to be done: whole, or given up."""
        return self._end is not None and (self.incomplete or self._seen_at is None)

    def told(
        self, number: int, now: float, phase: Literal["Started", "Updated", "Ended"] = "Updated"
    ) -> None:
        """A message with this number came."""
        newest = self._newest
        if newest is not None and number == newest + 1 and phase == "Updated" and not self.has_hole:
            self._newest = number  # nearly always: nothing was missing, nothing is
            return
        self._numbers = self.numbers.add(number)
        self._newest = self._numbers.last
        if phase == "Started":
            self._first = number
        elif phase == "Ended":
            self._end = number
        self._look(now)

    def answered(self, messages_in_queue: bool | None, now: float) -> None:
        """The station answered GetTransactionStatus; None: no answer, or one that does not say."""
        self._asking = False
        if self._seen_at is None:
            return
        if messages_in_queue is False:
            self.incomplete = True
        elif messages_in_queue is None:
            self._unclear += 1
        else:
            self._unclear = 0
        self._ask_at = now + self._rules.again_s

    def due_at(self) -> float | None:
        """When `step` has something to say, None for never (as things are)."""
        if self._seen_at is None or self.incomplete or self._asking:
            return None
        give_up_at = self._seen_at + self._rules.give_up_s
        if self._unclear >= self._rules.questions:
            return give_up_at
        return min(self._ask_at, give_up_at) if self._asked else self._ask_at

    def step(self, now: float, *, online: bool) -> Literal["ask", "incomplete"] | None:
        """What to do: `ask` the station and say what it `answered`, or flag the transaction (told once).

        An offline station may still hold what is missing: nothing is decided before it is back and was asked.
        """
        due = self.due_at()
        if due is None or now < due or not online:
            return None
        assert self._seen_at is not None
        if self._asked and now >= self._seen_at + self._rules.give_up_s:
            self.incomplete = True
            return "incomplete"
        self._asked = self._asking = True
        return "ask"

    def _look(self, now: float) -> None:
        """Whether there is a hole, after the numbers changed."""
        if not self.numbers.cut and not self.missing:
            self._seen_at = None
            self.has_hole = self.incomplete = self._asked = False
            self._unclear = 0
            return
        if self._seen_at is None:
            self._seen_at = now
            self.has_hole = True
        self._ask_at = now + self._rules.patience_s

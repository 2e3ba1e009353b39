"""How wrong a station's clock is, learnt from when its messages come; and what a told time really was. Pure.

Theory. `late = received - told` of one message is its delay minus the clock's error. Delays are never
negative and mostly below a second, so the smallest `late` of some minutes is what has to be added to the
station's times. That smallest value is the offset of an *epoch*: a stretch in which the clock runs on without
a jump. What a message can tell:

    late is                             it is taken for
    near the epoch's offset             live: the epoch goes on, its offset follows (a drift is followed too)
    near zero                           live, and the clock is right now: a new epoch at once
    anything else                       late (a replay), or the clock has jumped: not known yet

A replay comes faster than it was recorded, so two replayed messages disagree in `late`; after a jump they
agree. `late` that agrees in three messages over half a minute, none in between that fits the epoch, is a
jump (two messages where the station itself says that it is not offline: 1.6 has no such word).

Which offset holds for a late message? The one of the epoch in which it was recorded: the newest whose times
reach it and whose offset does not put it after that epoch's end. A message from before all epochs is taken
as told. A boot needs no word here: a clock that was set right shows itself by the first live message, one
that runs on fits its epoch, and one that begins at the year 2000 is a jump like any other.

What can't be believed (later than when it came, or older than `max_late_s`) gets the time of its coming, and
says so: a transaction recorded at "2000-01-01" before the clock was set keeps its energy and loses its times.

The CSMS keeps one `ClockError` a station. Each message that is to be kept is asked for its `correction` when
it comes, which goes into the journal with it: what is derived from it, now or anew, has the same times. All
times that a message tells are moved alike. The message's key keeps the time as it was told, so that a
repetition is known whatever was learnt in between. A transaction that began before its station's error was
known has its start moved when it is (`judge`). After a restart the newest part of the journal teaches the
errors again.

Within an epoch the correction is stated once and kept until the offset has moved by `agree_s`: an instant
that two messages tell stays one instant.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["told", "corrected", "received"]


class SkewRules(Struct, frozen=True, kw_only=True):
    """`tolerance_s` is the error that nobody cares for: clocks tell whole seconds, stations sample before
    they send. `agree_s` is how far the lateness of two messages of one clock may differ. `confirm_s` is how
    long a jump must have been seen. `window_s`: an offset is the smallest lateness of one to two of these.
    """

    tolerance_s: float = 10.0
    agree_s: float = 2.5
    confirm_s: float = 30.0
    window_s: float = 600.0
    max_late_s: float = 30 * 86_400.0
    epochs: int = 8


class Judged(Struct, frozen=True, gc=False):
    """When something was, in epoch seconds of our clock.

    `told`: as the station said. `corrected`: `correction_s` was added. `received`: what was told can't be,
    `at` is when the message came.
    """

    at: float
    verdict: Verdict = "told"
    correction_s: float = 0.0

    @property
    def remark(self) -> str:
        """For people; empty where nothing is to be said."""
        if self.verdict == "corrected":
            return f"clock corrected by {self.correction_s:+.0f} s"
        return "clock unbelievable: time of receipt" if self.verdict == "received" else ""


class _Epoch:
    """A stretch of one clock. `low` is its first told time, `until` when (our clock) the next one began."""

    __slots__ = ("_before", "_now", "_turned_at", "low", "offset_s", "stated_s", "until")

    def __init__(self, low: float, late: float, received_at: float) -> None:
        self.low = low
        self.until = float("inf")
        self.offset_s = self.stated_s = self._now = self._before = late
        self._turned_at = received_at

    def learn(self, told_at: float, late: float, received_at: float, rules: SkewRules) -> None:
        if received_at - self._turned_at >= rules.window_s:
            gone = received_at - self._turned_at >= 2 * rules.window_s
            self._before = late if gone else self._now
            self._now = late
            self._turned_at = received_at
        elif late < self._now:
            self._now = late
        self.offset_s = min(self._now, self._before)
        if abs(self.offset_s - self.stated_s) > rules.agree_s:
            self.stated_s = self.offset_s
        if told_at < self.low:
            self.low = told_at


class ClockError:
    """What is known of one station's clock. Times are epoch seconds; `received_at` must not run back."""

    __slots__ = ("_doubt", "_epochs", "_rules")

    def __init__(self, rules: SkewRules | None = None) -> None:
        self._rules = rules or SkewRules()
        self._epochs: list[_Epoch] = []
        """The newest last."""
        self._doubt: tuple[float, float, float, int] | None = None
        """The first message of a jump that is not sure yet (told, received), its lateness, and how many."""

    @property
    def offset_s(self) -> float | None:
        """What must be added to the station's times now, None where nothing is known yet."""
        return self._epochs[-1].offset_s if self._epochs else None

    def correction(self, told_at: float, received_at: float, offline: bool | None = None) -> float:
        """Learn from a message, and say what must be added to the times that it tells (see `observe`)."""
        epochs = self._epochs
        if epochs and not offline:  # nearly always: live, of a clock that is right
            late, rules, epoch = received_at - told_at, self._rules, epochs[-1]
            tolerance_s, offset_s = rules.tolerance_s, epoch.offset_s
            if (
                -tolerance_s <= offset_s <= tolerance_s
                and -tolerance_s <= late
                and -tolerance_s <= late - offset_s <= tolerance_s
            ):
                epoch.learn(told_at, late, received_at, rules)
                self._doubt = None
                return 0.0
        elif not epochs and received_at - self._rules.max_late_s < told_at <= received_at:
            # Nothing is known yet, and it may be so: a replay, or a clock that is slow.
            if not offline:
                self._learn(told_at, received_at, 3 if offline is None else 2)
            if not epochs:
                return 0.0
            return self._amount(self.judge(told_at, received_at), told_at)
        return self._amount(self.observe(told_at, received_at, offline), told_at)

    @staticmethod
    def _amount(judged: Judged, told_at: float) -> float:
        return 0.0 if judged.verdict == "told" else round(judged.at - told_at, 3)

    def observe(self, told_at: float, received_at: float, offline: bool | None = None) -> Judged:
        """Learn from a message, and judge its time. `offline` is the station's own word, None where its
        version has none.
        """
        if not offline:
            self._learn(told_at, received_at, 3 if offline is None else 2)
        return self.judge(told_at, received_at)

    def judge(self, told_at: float, received_at: float) -> Judged:
        """When something was that a message received at `received_at` tells."""
        rules = self._rules
        latest = received_at + rules.tolerance_s
        offset_s = 0.0
        for epoch in reversed(self._epochs):
            if told_at >= epoch.low and told_at + epoch.offset_s <= min(epoch.until, latest):
                offset_s = epoch.stated_s
                break
        if -rules.tolerance_s <= offset_s <= rules.tolerance_s:
            at, judged = told_at, None
        else:
            at = told_at + offset_s
            judged = Judged(min(at, received_at), "corrected", offset_s)
        if at > latest or at < received_at - rules.max_late_s:
            return Judged(received_at, "received", received_at - told_at)
        return judged or Judged(at)

    def _learn(self, told_at: float, received_at: float, needed: int) -> None:
        rules = self._rules
        late = received_at - told_at
        epoch = self._epochs[-1] if self._epochs else None
        if epoch is not None and abs(late - epoch.offset_s) <= rules.tolerance_s:
            epoch.learn(told_at, late, received_at, rules)
            self._doubt = None
            return
        if abs(late) <= rules.tolerance_s:
            self._begin(told_at, late, received_at)
            return
        doubt = self._doubt
        if doubt is None or abs(late - doubt[2]) > rules.agree_s:
            self._doubt = (told_at, received_at, late, 1)
            return
        first_told, first_received, least, count = doubt
        self._doubt = (first_told, first_received, min(least, late), count + 1)
        if count + 1 >= needed and received_at - first_received >= rules.confirm_s:
            self._begin(min(first_told, told_at), min(least, late), first_received)

    def _begin(self, low: float, late: float, received_at: float) -> None:
        if self._epochs:
            self._epochs[-1].until = received_at
        self._epochs.append(_Epoch(low, late, received_at))
        del self._epochs[: -self._rules.epochs]
        self._doubt = None

"""A site's own history, made ready for a fit: sessions as arrays, days counted, days off and closures found.

Days off aren't assumed to be Saturday and Sunday: of the usual weekends (none, one day, two days; the world
has Friday and Saturday too) the one is taken under which the days' numbers and the hours of arrival are
likeliest, by the Bayesian information criterion. A day is closed (a holiday, a gap in the record) where so
few sessions would be most unlikely for its day of the week.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, tzinfo
from typing import Final

import numpy as np
from msgspec import Struct

from ..sessions import SessionFile, SessionRow
from .mixture import Array, Mask
from .stays import SHORTEST_H

#: So little energy is a plug that was tried, not a session, in kWh.
LEAST_KWH: Final = 0.05

#: Stays up to the first of these hours that holds 99.5 % of them are kept.
_LONGEST_H: Final = (24.0, 48.0, 72.0, 168.0)

#: The usual weekends, 0 Monday.
_WEEKENDS: Final = ((), (6,), (5, 6), (4, 5), (4,))

#: A day, or a run of empty days, that is less likely than this is closed.
_UNLIKELY: Final = 1e-4


class History(Struct, frozen=True, kw_only=True):
    """Sessions of one site (or of several, pooled), in order of arrival.

    Arrays of equal length: `ordinal` the local day of arrival (date.toordinal), `hour` 0..24, `dwell_h`,
    `energy_kwh`, `declared_h` and `declared_kwh` (NaN where nothing was declared). `first` and `last` are the
    days that the history covers; `left_out` counts what isn't a session (too short, too long, no energy).
    """

    evses: int
    first: date
    last: date
    ordinal: Array
    hour: Array
    dwell_h: Array
    energy_kwh: Array
    declared_h: Array
    declared_kwh: Array
    longest_h: float
    most_kw: float
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.hour)

    @property
    def days(self) -> range:
        """The ordinals of the days."""
        return range(self.first.toordinal(), self.last.toordinal() + 1)

    def counts(self) -> Array:
        """Sessions on each of the days."""
        found, _ = np.histogram(
            self.ordinal, bins=len(self.days), range=(self.days.start - 0.5, self.days.stop - 0.5)
        )
        return found.astype(float)

    def part(self, start: int, stop: int) -> History:
        """The sessions of the days with ordinals from `start` up to and not with `stop`."""
        there = (self.ordinal >= start) & (self.ordinal < stop)
        return self.picked(there, date.fromordinal(start), date.fromordinal(stop - 1))

    def picked(self, there: Mask, first: date | None = None, last: date | None = None) -> History:
        """The sessions where `there` is true."""
        return History(
            evses=self.evses,
            first=first or self.first,
            last=last or self.last,
            ordinal=self.ordinal[there],
            hour=self.hour[there],
            dwell_h=self.dwell_h[there],
            energy_kwh=self.energy_kwh[there],
            declared_h=self.declared_h[there],
            declared_kwh=self.declared_kwh[there],
            longest_h=self.longest_h,
            most_kw=self.most_kw,
        )

    def held_back(self, share: float = 0.25) -> tuple[History, History]:
        """The earlier days, and the last `share` of them, which a fit doesn't see."""
        cut = self.days.start + round(len(self.days) * (1.0 - share))
        return self.part(self.days.start, cut), self.part(cut, self.days.stop)


def history_of(files: Sequence[SessionFile], tz: tzinfo | None = None) -> History:
    """One history of all files: their EVSEs together, their sessions in one order.

    `tz` is where the site stands; without it the hours are those of the files' own offsets.
    """
    rows = sorted((row for file in files for row in file.rows), key=lambda row: row.arrival)
    dwell = np.array([row.dwell_s / 3600.0 for row in rows])
    energy = np.array([row.delivered_wh / 1000.0 for row in rows])
    longest_h = next(
        (limit for limit in _LONGEST_H if np.mean(dwell <= limit) >= 0.995), _LONGEST_H[-1]
    )  # fmt: skip
    kept = (dwell >= SHORTEST_H) & (dwell <= longest_h) & (energy >= LEAST_KWH)
    local = [row.arrival if tz is None else row.arrival.astimezone(tz) for row in rows]
    days = [moment.date() for moment in local]
    declared = np.array([_declared(row) for row in rows]).reshape(len(rows), 2)
    rated = [row.max_kw for row in rows if row.max_kw is not None]
    means_kw = (energy / dwell)[kept & (dwell > 0.25)]
    return History(
        evses=len({row.station_id for row in rows}),
        first=min(days),
        last=max(days),
        ordinal=np.array([day.toordinal() for day in days], dtype=float)[kept],
        hour=np.array([m.hour + m.minute / 60.0 + m.second / 3600.0 for m in local])[kept],
        dwell_h=dwell[kept],
        energy_kwh=energy[kept],
        declared_h=declared[kept, 0],
        declared_kwh=declared[kept, 1],
        longest_h=longest_h,
        # Some records are wrong; no EVSE is twice as strong as nearly all sessions say.
        most_kw=max(rated) if rated else float(np.quantile(means_kw, 0.998)) * 1.03 if len(means_kw) else 1.0,
        left_out=int((~kept).sum()),
    )


def _declared(row: SessionRow) -> tuple[float, float]:
    hours = kwh = math.nan
    if row.claimed and row.estimated_departure is not None and row.estimated_departure > row.arrival:
        hours = (row.estimated_departure - row.arrival).total_seconds() / 3600.0
    if row.claimed and row.requested_wh:
        kwh = row.requested_wh / 1000.0
    return hours, kwh


class Calendar(Struct, frozen=True, kw_only=True):
    """What kinds of days a history has: `days_off` of the week, and the ordinals of closed days."""

    days_off: tuple[int, ...]
    closed: frozenset[int]

    def is_off(self, ordinals: Array) -> Mask:
        """Which of these days are off or closed, as booleans."""
        off = [self.of_week(int(day)) in self.days_off or int(day) in self.closed for day in ordinals]
        return np.array(off, dtype=bool)

    @staticmethod
    def of_week(ordinal: int) -> int:
        """The day of the week, 0 Monday."""
        return (ordinal + 6) % 7


def calendar_of(history: History) -> Calendar:
    """The days off and the closures that the numbers themselves show."""
    closed = _closed(history)
    days_off = min(_WEEKENDS, key=lambda weekend: _criterion(history, weekend, closed))
    # A closure says something of a working day only.
    return Calendar(
        days_off=days_off,
        closed=frozenset(day for day in closed if Calendar.of_week(day) not in days_off),
    )


def _closed(history: History) -> set[int]:
    counts, days = history.counts(), history.days
    of_week = np.array([Calendar.of_week(day) for day in days])
    usual = np.zeros(7)
    for weekday in range(7):
        there = counts[of_week == weekday]
        # The upper half of the days: holidays must not pull down what is usual.
        usual[weekday] = float(np.mean(there[there >= np.median(there)])) if len(there) else 0.0
    found: set[int] = set()
    run: list[int] = []
    for day, n, weekday in zip([*days, days.stop], [*counts, 1.0], [*of_week, 0], strict=True):
        expected = usual[weekday]
        if n == 0:
            run.append(day)
            continue
        # An empty run: none of them by chance, together.
        if sum(usual[Calendar.of_week(one)] for one in run) > -math.log(_UNLIKELY):
            found.update(run)
        run = []
        if day < days.stop and n < 0.4 * expected and _poisson_at_most(n, expected) < _UNLIKELY:
            found.add(day)
    return found


def _poisson_at_most(n: float, mean: float) -> float:
    terms = [k * math.log(mean) - mean - math.lgamma(k + 1.0) for k in range(int(n) + 1)]
    return float(np.exp(terms).sum())


def _criterion(history: History, weekend: tuple[int, ...], closed: set[int]) -> float:
    """BIC of: each kind of day has its own Poisson rate and its own shares of eight times of day."""
    days = np.array([day for day in history.days if day not in closed])
    counts = history.counts()[days.astype(int) - history.days.start] if len(days) else np.empty(0)
    open_hours = history.hour[~np.isin(history.ordinal, list(closed))]
    open_days = history.ordinal[~np.isin(history.ordinal, list(closed))]
    total, parameters = 0.0, 0
    for off in (False, True):
        mine = np.array([(Calendar.of_week(int(day)) in weekend) == off for day in days], dtype=bool)
        of_mine = np.array([(Calendar.of_week(int(day)) in weekend) == off for day in open_days], dtype=bool)
        if not mine.any():
            continue
        n = counts[mine]
        rate = max(float(n.mean()), 1e-9)
        total += float((n * math.log(rate) - rate).sum())
        shares, _ = np.histogram(open_hours[of_mine], bins=8, range=(0.0, 24.0))
        seen = shares[shares > 0]
        total += float((seen * np.log(seen / seen.sum())).sum())
        # The rate, and a share for each time at which anybody came but the last.
        parameters += max(len(seen), 1)
    return parameters * math.log(max(len(open_hours), 1)) - 2.0 * total

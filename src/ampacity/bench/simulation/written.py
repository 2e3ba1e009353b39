"""Least laxity first at the garage as ACN-Sim runs it, written down once more and compiled.

Both simulators are held to this: with the peer's halving and its 1 Wh it must give what ACN-Sim gave, session
by session; with the quadratic and without them, what our engine gives. What is left between the two is then
those two choices and nothing else.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ...simulation.batch.world import F, I
from ...simulation.compiled import compiled

_VOLT: Final = 208.0
_MAX_A: Final = 32.0
_STEPS_PER_H: Final = 12.0
_HALVED_TO_A: Final = 0.01
_SLACK_A: Final = 1e-5
"""How far over a limit the peer still calls a schedule feasible."""

PEER_DONE_KWH: Final = 1e-3
"""A car that lacks no more is done for the peer."""


@compiled
def least_laxity(
    steps: int,
    first: I,
    last: I,
    evse: I,
    energy_kwh: F,
    starts: I,
    rows: I,
    re: F,
    im: F,
    limit_a: F,
    halving: bool,
    done_kwh: float,
) -> F:
    """kWh of each session. Sessions (v) are in order of arrival and charge in the steps `first` up to before
    `last`; `starts` (n + 1), `rows`, `re`, `im` are what an ampere of each EVSE adds to the rows (r)."""
    n = len(starts) - 1
    got = np.zeros(len(first))
    at = np.full(n, -1)
    coming = 0
    key, order = np.empty(n), np.empty(n, np.int64)
    for t in range(steps):
        for i in range(n):
            if at[i] >= 0 and last[at[i]] <= t:
                at[i] = -1
        while coming < len(first) and first[coming] <= t:
            at[evse[coming]] = coming
            coming += 1
        count = 0
        for i in range(n):
            v = at[i]
            if v >= 0 and energy_kwh[v] - got[v] > done_kwh:
                lacks_a = (energy_kwh[v] - got[v]) * 1000.0 / _VOLT * _STEPS_PER_H
                place = count
                laxity = (last[v] - t) - lacks_a / _MAX_A
                while place > 0 and key[place - 1] > laxity:
                    key[place], order[place] = key[place - 1], order[place - 1]
                    place -= 1
                key[place], order[place] = laxity, i
                count += 1
        sum_re, sum_im = np.zeros(len(limit_a)), np.zeros(len(limit_a))
        for place in range(count):
            i = order[place]
            v = at[i]
            most = min(_MAX_A, (energy_kwh[v] - got[v]) * 1000.0 / _VOLT * _STEPS_PER_H)
            a, b = starts[i], starts[i + 1]
            if halving:
                amperes = _halved(rows[a:b], re[a:b], im[a:b], sum_re, sum_im, limit_a, most)
            else:
                amperes = _solved(rows[a:b], re[a:b], im[a:b], sum_re, sum_im, limit_a, most)
            for e in range(a, b):
                sum_re[rows[e]] += re[e] * amperes
                sum_im[rows[e]] += im[e] * amperes
            got[v] += min(amperes * _VOLT / 1000.0 / _STEPS_PER_H, energy_kwh[v] - got[v])
    return got


@compiled
def _halved(rows: I, re: F, im: F, sum_re: F, sum_im: F, limit_a: F, most: float) -> float:
    """All of it if it fits; otherwise the lower end of an interval that was halved to 0.01 A."""
    low, high, tried = 0.0, most, most
    while True:
        fits = True
        for e in range(len(rows)):
            r = rows[e]
            amount = math.sqrt((sum_re[r] + re[e] * tried) ** 2 + (sum_im[r] + im[e] * tried) ** 2)
            fits = fits and amount <= limit_a[r] + _SLACK_A
        if fits:
            low = tried
        else:
            high = tried
        if high - low <= _HALVED_TO_A:
            return low
        tried = (low + high) / 2.0


@compiled
def _solved(rows: I, re: F, im: F, sum_re: F, sum_im: F, limit_a: F, most: float) -> float:
    """The most with which every row is at its limit or below: where |sum + x c| = limit."""
    amperes = most
    for e in range(len(rows)):
        r = rows[e]
        square = re[e] * re[e] + im[e] * im[e]
        half = re[e] * sum_re[r] + im[e] * sum_im[r]
        rest = sum_re[r] * sum_re[r] + sum_im[r] * sum_im[r] - limit_a[r] * limit_a[r]
        inside = max(half * half - square * rest, 0.0)
        amperes = min(amperes, (math.sqrt(inside) - half) / square)
    return max(amperes, 0.0)

"""Mixtures of normal distributions: maximum likelihood by EM, density, conditionals, draws.

A mixture over a vector (x1, .., xd) holds everything that a conditional law needs: the law of x2 given x1
is again a mixture, of linear regressions on x1 whose weights move with x1 (Bishop, Pattern Recognition and
Machine Learning, sections 2.3 and 9.2). So one fitted table serves both "when do cars arrive" and "how long
do those stay that arrive now".

Pure: arrays and a generator come in, arrays go out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class NormalMixture:
    """`k` normal components in `d` dimensions.

    `weights` has shape (k,) and sums to 1, `means` (k, d), `covariances` (k, d, d), positive definite.
    """

    weights: Array
    means: Array
    covariances: Array

    def __post_init__(self) -> None:
        k, d = self.means.shape
        if self.weights.shape != (k,) or self.covariances.shape != (k, d, d):
            raise ValueError(
                f"mixture shapes disagree: weights {self.weights.shape}, means {self.means.shape}, "
                f"covariances {self.covariances.shape}; expected ({k},), ({k}, {d}), ({k}, {d}, {d})"
            )

    @property
    def parameters(self) -> int:
        """How many free numbers the mixture has (for information criteria)."""
        k, d = self.means.shape
        return int((k - 1) + k * d + k * d * (d + 1) // 2)

    def component_log_densities(self, points: Array) -> Array:
        """Log of weight times density of each component: points (n, d) to (n, k)."""
        n, d = points.shape
        out = np.empty((n, len(self.weights)))
        for j, (weight, mean, covariance) in enumerate(
            zip(self.weights, self.means, self.covariances, strict=True)
        ):
            root = np.linalg.cholesky(covariance)
            scaled = np.linalg.solve(root, (points - mean).T)
            log_det = 2.0 * float(np.log(np.diag(root)).sum())
            out[:, j] = np.log(weight) - 0.5 * (d * _LOG_2PI + log_det + (scaled**2).sum(axis=0))
        return out

    def log_density(self, points: Array) -> Array:
        """Log density at each of the points (n, d), shape (n,)."""
        return _log_sum_exp(self.component_log_densities(points))

    def marginal(self, *axes: int) -> NormalMixture:
        """The mixture of the named coordinates alone."""
        picked = np.array(axes)
        return NormalMixture(
            self.weights, self.means[:, picked], self.covariances[:, picked[:, None], picked]
        )

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """`n` points, shape (n, d)."""
        d = self.means.shape[1]
        chosen = rng.choice(len(self.weights), size=n, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)
        noise = rng.standard_normal((n, d))
        drawn: Array = self.means[chosen] + np.einsum("nij,nj->ni", roots[chosen], noise)
        return drawn

    def draw_last_given_rest(self, rng: np.random.Generator, rest: Array) -> Array:
        """One draw of the last coordinate for each row of the other ones, `rest` (n, d - 1); shape (n,)."""
        m, c = self.means, self.covariances
        d = m.shape[1]
        gates = self.marginal(*range(d - 1)).component_log_densities(rest)
        shares = np.exp(gates - _log_sum_exp(gates)[:, None])
        cumulated = np.cumsum(shares, axis=1)
        chosen = np.minimum(
            (rng.random(len(rest))[:, None] > cumulated).sum(axis=1),
            len(self.weights) - 1,
        )
        slopes = np.linalg.solve(c[:, :-1, :-1], c[:, :-1, -1:])[:, :, 0]
        spreads = np.sqrt(c[:, -1, -1] - (slopes * c[:, :-1, -1]).sum(axis=1))
        centre = m[chosen, -1] + (slopes[chosen] * (rest - m[chosen, :-1])).sum(axis=1)
        drawn: Array = centre + spreads[chosen] * rng.standard_normal(len(rest))
        return drawn


def fit(
    points: Array,
    components: int,
    rng: np.random.Generator,
    *,
    floor: float = 1e-4,
    rounds: int = 500,
    tolerance: float = 1e-7,
    weights: Array | None = None,
    start: NormalMixture | None = None,
) -> NormalMixture:
    """Maximum likelihood for the points (n, d) by expectation-maximisation from a random start, or `start`.

    `weights` (n,) says how often each point stands for itself (default: once). `floor` is added to the
    diagonal of every covariance, in squared units of the points, so that no component collapses on a single
    value. Ends when the mean log likelihood gains less than `tolerance`.
    """
    n, d = points.shape
    counts = np.ones(n) if weights is None else weights * (n / weights.sum())
    if start is None:
        means = points[rng.choice(n, size=components, replace=False, p=counts / n)]
        spread = np.cov(points.T, aweights=counts).reshape(1, d, d) / components
        covariances = np.repeat(spread, components, axis=0) + floor * np.eye(d)
        start = NormalMixture(np.full(components, 1.0 / components), means, covariances)
    mixture = start
    before = -np.inf
    for _ in range(rounds):
        logs = mixture.component_log_densities(points)
        totals = _log_sum_exp(logs)
        shares = np.exp(logs - totals[:, None]) * counts[:, None]
        mass = shares.sum(axis=0) + 1e-9
        means = (shares.T @ points) / mass[:, None]
        covariances = np.empty((components, d, d))
        for j in range(components):
            away = points - means[j]
            covariances[j] = (shares[:, j, None] * away).T @ away / mass[j] + floor * np.eye(d)
        mixture = NormalMixture(mass / mass.sum(), means, covariances)
        now = float(totals @ counts) / n
        if now - before < tolerance:
            break
        before = now
    return mixture


def likeliest(
    points: Array,
    components: int,
    rng: np.random.Generator,
    *,
    starts: int = 6,
    floor: float = 1e-3,
    weights: Array | None = None,
) -> NormalMixture:
    """The likeliest of several random starts, heaviest component first.

    Each start runs for 40 rounds; the best of them runs on to its end.
    """
    tries = [
        fit(points, components, rng, floor=floor, rounds=40, weights=weights)
        for _ in range(starts if components > 1 else 1)
    ]
    best = max(tries, key=lambda tried: _mean(tried.log_density(points), weights))
    best = fit(points, components, rng, floor=floor, tolerance=1e-6, weights=weights, start=best)
    order = np.argsort(-best.weights)
    return NormalMixture(best.weights[order], best.means[order], best.covariances[order])


def by_bic(
    points: Array,
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    starts: int = 6,
    floor: float = 1e-3,
    tried: Callable[[int, float], None] | None = None,
) -> NormalMixture:
    """The mixture of that size, of `sizes` in rising order, whose Bayesian information criterion is least.

    BIC = parameters x log n - 2 log likelihood (Schwarz 1978). Ends early when two sizes in a row were worse;
    a size that has more parameters than a fifth of the points isn't tried. `tried` hears of each size and its
    criterion.
    """
    best: NormalMixture | None = None
    least, worse = np.inf, 0
    n = len(points)
    for size in sizes:
        if best is not None and (worse == 2 or size * (best.parameters + 1) / len(best.weights) > n / 5):
            break
        fitted = likeliest(points, size, rng, starts=starts, floor=floor)
        criterion = fitted.parameters * float(np.log(n)) - 2.0 * float(fitted.log_density(points).sum())
        if tried is not None:
            tried(size, criterion)
        if best is None or criterion < least:
            best, least, worse = fitted, criterion, 0
        else:
            worse += 1
    if best is None:
        raise ValueError("no size of mixture to try: give at least one, such as (1, 2, 4)")
    return best


def _mean(values: Array, weights: Array | None) -> float:
    return float(np.average(values, weights=weights))


def _log_sum_exp(logs: Array) -> Array:
    top = logs.max(axis=1)
    summed: Array = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return summed

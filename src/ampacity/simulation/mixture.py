"""Mixtures of normal distributions: maximum likelihood by EM, density, conditionals, draws.

A mixture over a vector (x1, .., xd) holds everything that a conditional law needs: the law of x2 given x1
is again a mixture, of linear regressions on x1 whose weights move with x1 (Bishop, Pattern Recognition and
Machine Learning, sections 2.3 and 9.2). So one fitted table serves both "when do cars arrive" and "how long
do those stay that arrive now".

Pure: arrays and a generator come in, arrays go out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

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

    def draw_second_given_first(self, rng: np.random.Generator, first: Array) -> Array:
        """For a mixture in two dimensions: one draw of the second coordinate for each value of the first."""
        m, c = self.means, self.covariances
        gates = self.marginal(0).component_log_densities(first[:, None])
        shares = np.exp(gates - _log_sum_exp(gates)[:, None])
        cumulated = np.cumsum(shares, axis=1)
        chosen = np.minimum(
            (rng.random(len(first))[:, None] > cumulated).sum(axis=1),
            len(self.weights) - 1,
        )
        slope = c[chosen, 0, 1] / c[chosen, 0, 0]
        spread = np.sqrt(c[chosen, 1, 1] - slope * c[chosen, 0, 1])
        centre = m[chosen, 1] + slope * (first - m[chosen, 0])
        drawn: Array = centre + spread * rng.standard_normal(len(first))
        return drawn


def fit(
    points: Array,
    components: int,
    rng: np.random.Generator,
    *,
    floor: float = 1e-4,
    rounds: int = 500,
    tolerance: float = 1e-7,
) -> NormalMixture:
    """Maximum likelihood for the points (n, d) by expectation-maximisation from a random start.

    `floor` is added to the diagonal of every covariance, in squared units of the points, so that no
    component collapses on a single value. Ends when the mean log likelihood gains less than `tolerance`.
    """
    n, d = points.shape
    means = points[rng.choice(n, size=components, replace=False)]
    covariances = np.repeat(np.cov(points.T).reshape(1, d, d) / components, components, axis=0)
    covariances = covariances + floor * np.eye(d)
    mixture = NormalMixture(np.full(components, 1.0 / components), means, covariances)
    before = -np.inf
    for _ in range(rounds):
        logs = mixture.component_log_densities(points)
        totals = _log_sum_exp(logs)
        shares = np.exp(logs - totals[:, None])
        mass = shares.sum(axis=0) + 1e-9
        means = (shares.T @ points) / mass[:, None]
        covariances = np.empty((components, d, d))
        for j in range(components):
            away = points - means[j]
            covariances[j] = (shares[:, j, None] * away).T @ away / mass[j] + floor * np.eye(d)
        mixture = NormalMixture(mass / mass.sum(), means, covariances)
        now = float(totals.mean())
        if now - before < tolerance:
            break
        before = now
    return mixture


def _log_sum_exp(logs: Array) -> Array:
    top = logs.max(axis=1)
    summed: Array = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return summed

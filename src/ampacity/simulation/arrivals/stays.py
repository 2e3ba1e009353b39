"""How cars stay: the law of (arrival hour, length of stay, energy), and of what drivers declare.

`MixtureStays` is what a fit finds: one mixture of normals over (hour, log h, log kWh), so that the stay hangs
on the hour and the energy on both. `AssumedStays` is what we assume where no data of single sessions are
open.
"""

from __future__ import annotations

import math
from typing import Final, Protocol, TypeAlias

import numpy as np
from msgspec import Struct

from .mixture import Array, NormalMixture

#: A stay shorter than this isn't a session, in hours.
SHORTEST_H: Final = 0.1

#: Nobody declares less or more than this, in hours and kWh.
_DECLARED_H: Final = (0.25, 72.0)
_DECLARED_KWH: Final = (0.5, 150.0)

Rows: TypeAlias = tuple[tuple[float, ...], ...]
"""A mixture as a table, a row a component: weight, means, then the upper triangle of the covariance."""


class Stay(Struct, frozen=True):
    """A visit before it has an EVSE: local hours after midnight (0..24), hours, kWh."""

    hour: float
    dwell_h: float
    energy_kwh: float
    declared_dwell_h: float | None = None
    declared_kwh: float | None = None


class StayLaw(Protocol):
    """Draws stays."""

    def draw(self, rng: np.random.Generator, n: int) -> list[Stay]:
        """`n` stays, independent of each other."""
        ...


class Declared(Struct, frozen=True, kw_only=True):
    """What drivers say: a `share` of them declares, with these mixtures over (log true, log declared).

    `dwell` is in hours, `energy` in kWh.
    """

    share: float
    dwell: NormalMixture
    energy: NormalMixture


class MixtureStays(Struct, frozen=True, kw_only=True):
    """Stays from one fitted mixture over (arrival hour, log stay h, log kWh).

    The hours of the mixture run from `day_starts_h` to 24 hours later, so that the cut lies where few arrive.
    A stay is at most `longest_h`; its energy at most `most_kw` times the stay (the EVSEs that were fitted).
    """

    together: NormalMixture
    most_kw: float
    day_starts_h: float = 0.0
    longest_h: float = 24.0
    declared: Declared | None = None

    def draw(self, rng: np.random.Generator, n: int) -> list[Stay]:
        """`n` stays; an energy that no EVSE could have given becomes what it could give."""
        stays = self.together.marginal(0, 1)
        low = np.array([self.day_starts_h, math.log(SHORTEST_H)])
        high = np.array([self.day_starts_h + 24.0, math.log(self.longest_h)])
        rest = np.empty((0, 2))
        while len(rest) < n:
            drawn = stays.draw(rng, 2 * n)
            rest = np.concatenate([rest, drawn[np.all((drawn >= low) & (drawn < high), axis=1)]])
        rest = rest[:n]
        most = rest[:, 1] + math.log(self.most_kw)
        # Who wants more than the EVSE gives in that time takes all that it gives, save what the start costs.
        log_energy = np.minimum(self.together.draw_last_given_rest(rng, rest), most + math.log(0.97))
        hours, dwell, energy = rest[:, 0] % 24.0, np.exp(rest[:, 1]), np.exp(log_energy)
        if self.declared is None:
            return [Stay(*stay) for stay in zip(hours.tolist(), dwell.tolist(), energy.tolist(), strict=True)]
        says = rng.random(n) < self.declared.share
        dwells = np.exp(self.declared.dwell.draw_last_given_rest(rng, rest[:, 1:]))
        energies = np.exp(self.declared.energy.draw_last_given_rest(rng, log_energy[:, None]))
        return [
            Stay(
                float(hours[i]),
                float(dwell[i]),
                float(energy[i]),
                float(np.clip(dwells[i], *_DECLARED_H)) if says[i] else None,
                float(np.clip(energies[i], *_DECLARED_KWH)) if says[i] else None,
            )
            for i in range(n)
        ]


Knots: TypeAlias = tuple[tuple[float, float], ...]
"""A distribution by its quantiles: (probability, value), linear in between."""


class AssumedStays(Struct, frozen=True, kw_only=True):
    """Stays that are assumed: shares of the arrival hours, quantiles of stay and energy.

    `hours` weighs the 24 hours of arrival (any scale). `together` is the correlation of the normal scores of
    stay and energy. `until_hour` makes stays end then, on the next day, give or take the spread of `dwell_h`
    around 0. Drivers declare the truth.
    """

    hours: tuple[float, ...]
    dwell_h: Knots
    energy_kwh: Knots
    together: float = 0.5
    until_hour: float | None = None

    def draw(self, rng: np.random.Generator, n: int) -> list[Stay]:
        """`n` stays."""
        weights = np.array(self.hours)
        hours = rng.choice(24, size=n, p=weights / weights.sum()) + rng.random(n)
        first = rng.standard_normal(n)
        second = self.together * first + math.sqrt(1.0 - self.together**2) * rng.standard_normal(n)
        dwell = _at(self.dwell_h, first)
        if self.until_hour is not None:
            dwell = np.maximum(24.0 + self.until_hour - hours + dwell, 0.25)
        energy = _at(self.energy_kwh, second)
        return [
            Stay(hour, stay, kwh, stay, kwh)
            for hour, stay, kwh in zip(hours.tolist(), dwell.tolist(), energy.tolist(), strict=True)
        ]


_erf = np.vectorize(math.erf, otypes=[float])


def _at(knots: Knots, score: Array) -> Array:
    probability = 0.5 * (1.0 + _erf(score / math.sqrt(2.0)))
    at, value = zip(*knots, strict=True)
    values: Array = np.interp(probability, at, value)
    return values


def mixture_of(rows: Rows) -> NormalMixture:
    """The mixture of a table. Raises ValueError where it is none (see `Rows`)."""
    width = {len(row) for row in rows}
    sizes = {1 + d + d * (d + 1) // 2: d for d in (1, 2, 3)}
    if len(width) != 1 or not width <= sizes.keys():
        raise ValueError(
            f"rows of {sorted(width)} numbers: a component in 1, 2 or 3 dimensions has {sorted(sizes)}"
        )
    d = sizes[width.pop()]
    table = np.array(rows, dtype=float)
    if not np.isfinite(table).all():
        raise ValueError("a number isn't finite: write plain numbers")
    weights = table[:, 0]
    if weights.min() <= 0.0 or abs(weights.sum() - 1.0) > 1e-3:
        raise ValueError(f"weights sum to {weights.sum():.4g}: they must be above 0 and sum to 1")
    upper = np.triu_indices(d)
    covariances = np.zeros((len(table), d, d))
    covariances[:, upper[0], upper[1]] = table[:, 1 + d :]
    covariances[:, upper[1], upper[0]] = table[:, 1 + d :]
    if np.linalg.eigvalsh(covariances).min() <= 0.0:
        raise ValueError("a covariance isn't positive definite: fit anew, or correct the row")
    return NormalMixture(weights / weights.sum(), table[:, 1 : 1 + d], covariances)


def rows_of(mixture: NormalMixture, figures: int = 6) -> Rows:
    """The table of a mixture, to so many significant figures."""
    upper = np.triu_indices(mixture.means.shape[1])
    return tuple(
        tuple(
            float(f"{value:.{figures}g}")
            for value in (weight, *mean, *covariance[upper[0], upper[1]])
        )
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    )  # fmt: skip

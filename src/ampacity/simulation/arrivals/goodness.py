"""How good a fit is: against days that it didn't see, and against what those days differ by anyway.

Distances are those of Kolmogorov and Smirnov: the greatest difference of two distribution functions. *Real to
real* is that between the fitted and the held-out sessions; a model can't be expected to come nearer to days
that it hasn't seen than the days themselves are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from .fitting import Fitted, Progress, check_enough, fit_counts, fit_model, points, refit
from .history import Calendar, History, calendar_of
from .mixture import Array
from .model import ArrivalModel
from .stays import MixtureStays

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_DRAWN: Final = 20_000


class Distance(Struct, frozen=True, kw_only=True):
    """Distances of one quantity's distributions."""

    generated_to_fitted: float
    generated_to_held_out: float
    fitted_to_held_out: float


class QuantileRow(Struct, frozen=True, kw_only=True):
    """One quantile of one quantity; hours of the day, hours, kWh."""

    quantity: str
    probability: float
    fitted: float
    held_out: float
    generated: float


class Goodness(Struct, frozen=True, kw_only=True):
    """How a model that was fitted on the earlier days does on the later ones.

    `log_likelihood_*` is the mean over sessions of the log density of (hour, log h, log kWh). The rates are
    per EVSE and working day, the dispersions variance over mean.
    """

    sessions_fitted: int
    sessions_held_out: int
    days_fitted: int
    days_held_out: int
    components_working: int
    components_off: int
    log_likelihood_fitted: float
    log_likelihood_held_out: float
    sessions_per_evse_fitted: float
    sessions_per_evse_held_out: float
    dispersion_fitted: float
    dispersion_held_out: float
    distances: dict[str, Distance]
    quantiles: tuple[QuantileRow, ...]

    def figures(self) -> dict[str, float]:
        """All of it but the quantiles, flat."""
        flat = {
            name: float(getattr(self, name))
            for name in self.__struct_fields__
            if name not in ("distances", "quantiles")
        }
        for quantity, distance in self.distances.items():
            for name in distance.__struct_fields__:
                flat[f"ks_{quantity}_{name}"] = float(getattr(distance, name))
        return flat


class SiteFit(Struct, frozen=True, kw_only=True):
    """A site's model, fitted on all days, and how good it was when it had seen the earlier ones alone."""

    fitted: Fitted
    goodness: Goodness


def fit_site(
    history: History,
    seed: int,
    *,
    name: str,
    source: str,
    held_out: float = 0.25,
    starts: int = 6,
    progress: Progress | None = None,
) -> SiteFit:
    """Fit on the earlier days, judge on the last `held_out` of them, then fit all days at the same sizes.

    Raises `TooLittleData`.
    """
    check_enough(history)
    earlier, later = history.held_back(held_out)
    judged = fit_model(
        earlier, np.random.default_rng(seed), name=name, source=source, starts=starts, progress=progress
    )
    goodness = judge(judged, earlier, later, np.random.default_rng(seed))
    return SiteFit(fitted=refit(judged, history), goodness=goodness)


def kolmogorov_smirnov(one: Array, other: Array) -> float:
    """Greatest distance of two empirical distribution functions."""
    grid = np.sort(np.concatenate([one, other]))
    mine = np.searchsorted(np.sort(one), grid, side="right") / len(one)
    theirs = np.searchsorted(np.sort(other), grid, side="right") / len(other)
    return float(np.abs(mine - theirs).max())


def judge(fitted: Fitted, history: History, held_out: History, rng: np.random.Generator) -> Goodness:
    """Compare a model with what it was fitted on and with what was held out."""
    model, calendar = fitted.model, fitted.calendar
    later = Calendar(days_off=calendar.days_off, closed=calendar_of(held_out).closed)
    counts = fit_counts(held_out, later)
    off_share = float(calendar.is_off(history.ordinal).mean())
    drawn = draw_stays(model, rng, _DRAWN, off_share)
    distances, quantiles = {}, []
    for at, (quantity, mine, theirs) in enumerate(
        (
            ("arrival", history.hour, held_out.hour),
            ("stay", history.dwell_h, held_out.dwell_h),
            ("energy", history.energy_kwh, held_out.energy_kwh),
        )
    ):
        distances[quantity] = Distance(
            generated_to_fitted=kolmogorov_smirnov(drawn[:, at], mine),
            generated_to_held_out=kolmogorov_smirnov(drawn[:, at], theirs),
            fitted_to_held_out=kolmogorov_smirnov(mine, theirs),
        )
        for probability in QUANTILES:
            one, two, three = (
                float(np.quantile(values, probability)) for values in (mine, theirs, drawn[:, at])
            )
            quantiles.append(
                QuantileRow(
                    quantity=quantity, probability=probability, fitted=one, held_out=two, generated=three
                )
            )
    return Goodness(
        sessions_fitted=len(history),
        sessions_held_out=len(held_out),
        days_fitted=len(history.days),
        days_held_out=len(held_out.days),
        components_working=_components(model.working),
        components_off=_components(model.off),
        log_likelihood_fitted=log_likelihood(model, history, calendar),
        log_likelihood_held_out=log_likelihood(model, held_out, later),
        sessions_per_evse_fitted=fitted.counts.sessions_per_evse,
        sessions_per_evse_held_out=counts.sessions_per_evse,
        dispersion_fitted=fitted.counts.dispersion,
        dispersion_held_out=counts.dispersion,
        distances=distances,
        quantiles=tuple(quantiles),
    )


def draw_stays(model: ArrivalModel, rng: np.random.Generator, n: int, off_share: float) -> Array:
    """Hour, stay h and energy kWh of `n` stays, `off_share` of them of days off: (n, 3)."""
    n_off = round(n * off_share) if model.off is not None else 0
    stays = model.working.draw(rng, n - n_off)
    if model.off is not None and n_off:
        stays = stays + model.off.draw(rng, n_off)
    return np.array([(stay.hour, stay.dwell_h, stay.energy_kwh) for stay in stays])


def log_likelihood(model: ArrivalModel, history: History, calendar: Calendar) -> float:
    """Mean log density of the sessions, each under the law of its day."""
    off = calendar.is_off(history.ordinal)
    total = 0.0
    for law, there in ((model.working, ~off), (model.off or model.working, off)):
        if there.any() and isinstance(law, MixtureStays):
            data = points(history.picked(there), law.day_starts_h)
            total += float(law.together.log_density(data).sum())
    return total / len(history)


def _components(law: object) -> int:
    return len(law.together.weights) if isinstance(law, MixtureStays) else 0

"""Fits an arrival model on a site's own history, by maximum likelihood.

The stays are one mixture of normals over (hour, log h, log kWh) for working days and one for days off, by
expectation-maximisation from several random starts; its size is the one with the least Bayesian information
criterion (at most 20 components). The numbers of a day have a rate per EVSE, a factor for each day of the
week and a dispersion. What drivers declared are two more mixtures given the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct, structs

from . import mixture
from .history import LEAST_KWH, Calendar, History, calendar_of
from .mixture import Array, Mask, NormalMixture
from .model import ArrivalModel
from .stays import SHORTEST_H, Declared, MixtureStays, StayLaw

Progress: TypeAlias = Callable[[str, float], None]
"""Told what is being fitted and how far all of it is, 0..1."""

SIZES: Final = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20)
_DECLARED_SIZES: Final = (1, 2, 3, 4)

#: Below this no fit: a mixture of three coordinates alone has nine numbers a component.
LEAST_SESSIONS: Final = 100
LEAST_DAYS: Final = 14

#: So many sessions of days off carry a law of their own, so many declarations one of theirs.
_OWN_LAW: Final = 100


class TooLittleData(ValueError):
    """A history that can't carry a fit: how much there is, how much is needed."""

    def __init__(self, sessions: int, days: int) -> None:
        self.sessions, self.days = sessions, days
        super().__init__(
            f"{sessions} sessions on {days} day{'s' if days != 1 else ''} are too few for a fit: at least"
            f" {LEAST_SESSIONS} sessions (of {SHORTEST_H:g} h and {LEAST_KWH:g} kWh or more) on {LEAST_DAYS}"
            " days are needed; some hundreds in two months are good. Give more files, or use a shipped kind"
            " of site"
        )


def check_enough(history: History) -> None:
    """Raises `TooLittleData` where a history can't carry a fit."""
    if len(history) < LEAST_SESSIONS or len(history.days) < LEAST_DAYS:
        raise TooLittleData(len(history), len(history.days))


class Counts(Struct, frozen=True, kw_only=True):
    """Sessions a day: the mean of a working day per EVSE, how days differ, variance over mean."""

    sessions_per_evse: float
    day_factors: tuple[float, float, float, float, float, float, float]
    holiday_factor: float
    dispersion: float


class Fitted(Struct, frozen=True, kw_only=True):
    """A model, and the calendar that was found for it."""

    model: ArrivalModel
    calendar: Calendar
    counts: Counts


def fit_model(
    history: History,
    rng: np.random.Generator,
    *,
    name: str,
    source: str,
    starts: int = 6,
    progress: Progress | None = None,
) -> Fitted:
    """The likeliest model of a history, which `check_enough` should have found long enough."""
    calendar = calendar_of(history)
    off = calendar.is_off(history.ordinal)
    cut = quietest_hour(history.hour)
    told = progress or _silent
    told("what drivers declare", 0.0)
    declared = fit_declared(history, rng, starts)

    def law(what: str, there: Mask, begins: float, ends: float) -> MixtureStays:
        """The likeliest law of these sessions; all of the fit goes from `begins` to `ends` meanwhile."""

        def tried(size: int, _: float) -> None:
            share = (SIZES.index(size) + 1) / len(SIZES)
            told(f"{what}: {size} components tried", begins + (ends - begins) * share)

        return MixtureStays(
            together=mixture.by_bic(
                points(history.picked(there), cut), SIZES, rng, starts=starts, tried=tried
            ),
            most_kw=history.most_kw,
            day_starts_h=cut,
            longest_h=history.longest_h,
            declared=declared,
        )

    # A site that has hardly any sessions but on days off has one law for all.
    own = (~off).sum() >= _OWN_LAW
    working = law("working days", ~off if own else np.ones(len(history), dtype=bool), 0.1, 0.9)
    of_days_off = law("days off", off, 0.9, 1.0) if own and off.sum() >= _OWN_LAW else None
    counts = fit_counts(history, calendar)
    model = ArrivalModel(
        name=name,
        source=source,
        sessions_per_evse=counts.sessions_per_evse,
        working=working,
        off=of_days_off,
        day_factors=counts.day_factors,
        holiday_factor=counts.holiday_factor,
        days_off=calendar.days_off,
        dispersion=counts.dispersion,
    )
    return Fitted(model=model, calendar=calendar, counts=counts)


def _silent(what: str, share: float) -> None:
    """Nobody asked how far it is."""


def points(history: History, day_starts_h: float) -> Array:
    """The sessions as (n, 3): hour from `day_starts_h` on, log h, log kWh."""
    hours = (history.hour - day_starts_h) % 24.0 + day_starts_h
    return np.column_stack([hours, np.log(history.dwell_h), np.log(history.energy_kwh)])


def quietest_hour(hours: Array) -> float:
    """The whole hour with the fewest arrivals within 1.5 h, then within 3 and 6 h, of it."""

    def near(cut: int) -> tuple[int, ...]:
        away = np.abs((hours - cut + 12.0) % 24.0 - 12.0)
        return tuple(int((away < width).sum()) for width in (1.5, 3.0, 6.0))

    return float(min(range(24), key=near))


def fit_declared(history: History, rng: np.random.Generator, starts: int) -> Declared | None:
    """What drivers declare given the truth; None where too few declare anything."""
    stay, energy = ~np.isnan(history.declared_h), ~np.isnan(history.declared_kwh)
    if min(stay.sum(), energy.sum()) < _OWN_LAW:
        return None
    laws: list[NormalMixture] = []
    for there, true, said in (
        (stay, history.dwell_h, history.declared_h),
        (energy, history.energy_kwh, history.declared_kwh),
    ):
        both = np.log(np.column_stack([true[there], said[there]]))
        laws.append(mixture.by_bic(both, _DECLARED_SIZES, rng, starts=starts))
    return Declared(share=float((stay | energy).mean()), dwell=laws[0], energy=laws[1])


def fit_counts(history: History, calendar: Calendar) -> Counts:
    """Means are the likeliest rates; the dispersion is Pearson's chi-square over its degrees of freedom.

    Working days, and days off, have factors of their own where that is likelier by the Bayesian information
    criterion; else one for all of them.
    """
    counts = history.counts()
    closed = np.array([day in calendar.closed for day in history.days], dtype=bool)
    of_week = np.array([Calendar.of_week(day) for day in history.days])
    working = ~closed & ~np.isin(of_week, calendar.days_off)
    usual = max(float(counts[working].mean()) if working.any() else float(counts.mean()), 1e-9)
    expected = np.full(len(counts), usual)
    factors = np.ones(7)
    freedom = int(working.sum())
    for group in (working, ~closed & ~working):
        kinds = np.unique(of_week[group])
        means = {int(kind): float(counts[group & (of_week == kind)].mean()) for kind in kinds}
        whole = float(counts[group].mean()) if group.any() else usual
        # Twice the log likelihood of Poisson rates, without what both have.
        gain = 2.0 * sum(
            float(counts[group & (of_week == kind)].sum()) * float(np.log(mean / whole))
            for kind, mean in means.items()
            if mean > 0.0
        )
        differ = gain > (len(means) - 1) * np.log(max(int(group.sum()), 1))
        for kind, mean in means.items():
            factors[kind] = (mean if differ else whole) / usual
            expected[of_week == kind] = max(mean if differ else whole, 1e-9)
        if group is working:
            freedom -= len(means) if differ else 1
    freedom = max(freedom, 1)
    pearson = float((((counts - expected) ** 2) / expected)[working].sum()) / freedom
    on_closed = float(counts[closed].mean()) / usual if closed.any() else float(factors.min())
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = factors.tolist()
    return Counts(
        sessions_per_evse=usual / history.evses,
        day_factors=(monday, tuesday, wednesday, thursday, friday, saturday, sunday),
        holiday_factor=on_closed,
        dispersion=pearson,
    )


def refit(fitted: Fitted, history: History) -> Fitted:
    """The same model, its sizes and kinds of law kept, on more of the same history."""
    calendar = calendar_of(history)
    off = calendar.is_off(history.ordinal)

    def again(law: StayLaw | None, there: Mask) -> StayLaw | None:
        if not isinstance(law, MixtureStays) or there.sum() < _OWN_LAW:
            return law
        together = mixture.fit(
            points(history.picked(there), law.day_starts_h),
            len(law.together.weights),
            np.random.default_rng(0),
            floor=1e-3,
            tolerance=1e-6,
            start=law.together,
        )
        return structs.replace(
            law, together=together, most_kw=history.most_kw, longest_h=history.longest_h
        )  # fmt: skip

    counts = fit_counts(history, calendar)
    model = structs.replace(
        fitted.model,
        working=again(fitted.model.working, ~off),
        off=again(fitted.model.off, off),
        sessions_per_evse=counts.sessions_per_evse,
        day_factors=counts.day_factors,
        holiday_factor=counts.holiday_factor,
        days_off=calendar.days_off,
        dispersion=counts.dispersion,
    )
    return Fitted(model=model, calendar=calendar, counts=counts)

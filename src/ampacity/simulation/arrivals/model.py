"""Who comes when, stays how long and wants how much: a model that generates the visits of a site.

A model is a rate (sessions per EVSE and day, with the days' own factors and their dispersion) and a law of
stays for working days and for days off. The shipped kinds of site (`archetypes`), a site's own fit
(`model_file`) and what is assumed are all of this one type.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import numpy as np
from msgspec import Struct, structs

from ...model.site import EvseKey
from ..evses import EvsePlan, equal_evses
from ..fleet import draw_car
from .stays import Stay, StayLaw
from .visits import Visit

#: The next car needs this long to find that an EVSE is free, in seconds.
_CHANGEOVER_S: Final = 120.0

#: How often a visit that finds no EVSE free is drawn anew before it is turned away.
_TRIES: Final = 20


class ArrivalModel(Struct, frozen=True, kw_only=True):
    """How a site is visited.

    `sessions_per_evse` is the mean of a usual working day; `day_factors` multiply it, Monday to Sunday, and
    `holiday_factor` on holidays. `dispersion` is the variance of a day's number over its mean: 1 Poisson,
    above it negative binomial, below it binomial, 0 always the number itself (a depot's vans). `off` is the
    law of stays on `days_off` (0 Monday) and holidays, None where it is that of working days.

    `dc` is how the DC EVSEs of the site are visited, None where like the others. `evse_*` describe the EVSEs
    that are made when only their number is given. `source` says what it was fitted on, or that it is assumed.
    """

    name: str
    source: str
    sessions_per_evse: float
    working: StayLaw
    off: StayLaw | None = None
    day_factors: tuple[float, float, float, float, float, float, float] = (1.0,) * 7
    holiday_factor: float = 1.0
    days_off: tuple[int, ...] = (5, 6)
    dispersion: float = 1.0
    dc: ArrivalModel | None = None
    evse_phases: int = 3
    evse_max_a: float = 32.0
    evse_dc_power_w: float | None = None

    def generate(
        self,
        rng: np.random.Generator,
        day: date,
        evses: Sequence[EvsePlan] | int,
        *,
        days: int = 1,
        tz: tzinfo = UTC,
        sessions_per_evse: float | None = None,
        holidays: Collection[date] = (),
    ) -> tuple[Visit, ...]:
        """The visits that begin on `days` local days from `day` on, in order of arrival.

        `evses` are those of the site, or how many the model shall assume. `sessions_per_evse` stands for the
        model's own. A visit that finds no EVSE free is drawn anew, up to 20 times, then turned away; a car
        that stays overnight holds its EVSE on the next day.
        """
        plans = self.usual_evses(evses) if isinstance(evses, int) else tuple(evses)
        fast = tuple(plan for plan in plans if self.dc is not None and plan.dc_power_w is not None)
        slow = tuple(plan for plan in plans if plan not in fast) if fast else plans
        rate = self.sessions_per_evse if sessions_per_evse is None else sessions_per_evse
        groups = [(self, rate, _Kerb(slow))]
        if self.dc is not None and fast:
            groups.append((self.dc, self.dc.sessions_per_evse, _Kerb(fast)))
        visits: list[Visit] = []
        for offset in range(days):
            today = day + timedelta(days=offset)
            begun: list[Visit] = []
            for model, usual, kerb in groups:
                count = model._count(rng, usual * len(kerb.evses), today, today in holidays)
                begun += kerb.settle(rng, today, tz, count, model.law_of(today, holidays))
            visits += _numbered(today, begun)
        return tuple(visits)

    def usual_evses(self, count: int) -> tuple[EvsePlan, ...]:
        """So many EVSEs of the model's usual kind."""
        return equal_evses(
            count,
            prefix=self.name.upper().replace("_", "-")[:12],
            phases=self.evse_phases,
            max_a=self.evse_max_a,
            dc_power_w=self.evse_dc_power_w,
        )

    def law_of(self, day: date, holidays: Collection[date] = ()) -> StayLaw:
        """The law of the stays that begin on that day."""
        is_off = day in holidays or day.weekday() in self.days_off
        return self.off if is_off and self.off is not None else self.working

    def _count(self, rng: np.random.Generator, usual: float, day: date, holiday: bool) -> int:
        factor = self.day_factors[day.weekday()]
        if holiday:
            factor = min(factor, self.holiday_factor)
        return draw_count(rng, usual * factor, self.dispersion)


def draw_count(rng: np.random.Generator, mean: float, dispersion: float) -> int:
    """A number with this mean and, as near as whole numbers allow, variance `dispersion` times the mean."""
    if mean <= 0.0:
        return 0
    if dispersion <= 0.0:
        return round(mean)
    if dispersion < 0.99:
        trials = max(1, math.ceil(mean / (1.0 - dispersion)))
        return int(rng.binomial(trials, mean / trials))
    if dispersion <= 1.01:
        return int(rng.poisson(mean))
    shape = mean / (dispersion - 1.0)
    return int(rng.negative_binomial(shape, shape / (shape + mean)))


class _Kerb:
    """EVSEs beside each other and until when they are taken, in epoch seconds."""

    def __init__(self, evses: Sequence[EvsePlan]) -> None:
        self.evses = evses
        self._taken: dict[EvseKey, list[tuple[float, float]]] = {evse.key: [] for evse in evses}

    def settle(
        self, rng: np.random.Generator, day: date, tz: tzinfo, count: int, law: StayLaw
    ) -> list[Visit]:
        """Give each of `count` stays an EVSE that is free for all of it, at random among those."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=tz)
        earliest_s = midnight.timestamp() - _CHANGEOVER_S
        self._taken = {
            key: [stay for stay in stays if stay[1] > earliest_s] for key, stays in self._taken.items()
        }
        waiting = law.draw(rng, count) if self.evses and count else []
        visits: list[Visit] = []
        for _ in range(_TRIES):
            turned_away = 0
            for stay in waiting:
                arrival, departure = _times(midnight, stay)
                evse = self._free(rng, arrival.timestamp(), departure.timestamp())
                if evse is None:
                    turned_away += 1
                else:
                    visits.append(_visit(rng, arrival, departure, stay, evse))
            if not turned_away:
                break
            waiting = law.draw(rng, turned_away)
        return visits

    def _free(self, rng: np.random.Generator, start_s: float, end_s: float) -> EvsePlan | None:
        free = [
            evse
            for evse in self.evses
            if all(
                end_s + _CHANGEOVER_S <= begins_s or start_s >= ends_s + _CHANGEOVER_S
                for begins_s, ends_s in self._taken[evse.key]
            )
        ]
        if not free:
            return None
        evse = free[int(rng.integers(len(free)))]
        self._taken[evse.key].append((start_s, end_s))
        return evse


def _times(midnight: datetime, stay: Stay) -> tuple[datetime, datetime]:
    # Whole seconds, so that a file of visits holds them exactly; wall-clock hours of the local day, also on
    # the day of a change of the clock.
    arrival = (midnight + timedelta(seconds=min(round(stay.hour * 3600.0), 86_399))).astimezone(UTC)
    return arrival, arrival + timedelta(seconds=round(stay.dwell_h * 3600.0))


def _visit(
    rng: np.random.Generator, arrival: datetime, departure: datetime, stay: Stay, evse: EvsePlan
) -> Visit:
    dwell_s = (departure - arrival).total_seconds()
    energy_wh = float(round(stay.energy_kwh * 1000.0))
    if evse.dc_power_w is not None:
        # Whoever waits beside a DC station stays until the energy is in.
        energy_wh = min(energy_wh, float(round(0.5 * evse.dc_power_w * dwell_s / 3600.0)))
    car = draw_car(
        rng,
        energy_wh=energy_wh,
        dwell_s=dwell_s,
        phases=evse.phases,
        max_a=evse.max_a,
        dc_power_w=evse.dc_power_w,
    )
    declared = stay.declared_dwell_h
    return Visit(
        arrival=arrival,
        departure=departure,
        requested_wh=energy_wh,
        station_id=evse.station_id,
        evse_id=evse.evse_id,
        car=car,
        user_estimate_departure=None
        if declared is None
        else arrival + timedelta(seconds=round(declared * 3600.0)),
        declared_wh=None if stay.declared_kwh is None else float(round(stay.declared_kwh * 1000.0)),
    )


def _numbered(day: date, visits: Sequence[Visit]) -> list[Visit]:
    ordered = sorted(visits, key=lambda visit: (visit.arrival, visit.station_id or "", visit.evse_id))
    return [
        structs.replace(visit, session_id=f"{day:%Y%m%d}-{number:04d}")
        for number, visit in enumerate(ordered, start=1)
    ]

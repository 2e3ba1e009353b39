"""What a run costs a battery in life: calendar and cycle ageing, and its price.

Two semi-empirical models of capacity loss (a share of the new capacity):

- NMC: Schmalstieg, Kaebitz, Ecker and Sauer, J. Power Sources 257 (2014). Calendar alpha t^0.75 with
  alpha = (7.543 V - 23.75) 1e6 exp(-6976 / T), t in days; cycles beta sqrt(Q) with
  beta = 7.348e-3 (V - 3.667)^2 + 7.6e-4 + 4.081e-3 depth, Q in Ah through a cell of 2.05 Ah.
- LFP: Naumann and others, J. Energy Storage 17 (2018) and J. Power Sources 451 (2020). Calendar k sqrt(t)
  with k = 1.2571e-5 exp(-17126 / R (1/T - 1/298.15)) (2.8575 (soc - 0.5)^3 + 0.60225), t in seconds; cycles
  (0.0630 C + 0.0971) (4.0253 (depth - 0.6)^3 + 1.0923) / 100 sqrt(N), N full equivalent cycles.

Both laws flatten with age, so what a run costs depends on what was before it. Stress that changes is added
where the law is straight: L^(1/p) grows by rate^(1/p) times the time or the charge. That gives the published
law for constant stress, doesn't depend on the order, and more of anything is never less loss.

Assumed: the open-circuit voltage of NMC (a usual table), a battery of `Past` (1,000 days, 200 cycles),
stationary batteries of LFP, 20 degrees, and the price: 120 per kWh of new battery (the size of
BloombergNEF's pack prices of 2024), spent when 20 % are lost. Left out: knees, resistance, temperature by the
charge itself, plating by fast charging in the cold.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from ..batch.outcome import Run
from ..batch.world import NO_STORAGE, F
from ..fleet import Chemistry
from .storage import soc_course

DAY_S: Final = 86_400.0
_KELVIN: Final = 273.15
_GAS: Final = 8.3144598
_AH_PER_CYCLE: Final = 2.0 * 2.05

_CALENDAR_POWER: Final[dict[Chemistry, float]] = {"NMC": 0.75, "LFP": 0.5}

_OCV_SOC: Final = np.linspace(0.0, 1.0, 11)
_OCV_V: Final = np.array([3.30, 3.46, 3.53, 3.58, 3.62, 3.67, 3.75, 3.85, 3.94, 4.05, 4.18])
"""Open-circuit voltage of a cell of NMC on graphite."""


class Past(Struct, frozen=True, kw_only=True):
    """What a battery had behind it before the run, at `soc`, `temperature_c` and `depth`."""

    days: float = 1000.0
    cycles: float = 200.0
    soc: float = 0.6
    temperature_c: float = 20.0
    depth: float = 0.5


class Price(Struct, frozen=True, kw_only=True):
    """What a battery costs per kWh of its capacity, and the share of loss at which it is spent."""

    per_kwh: float = 120.0
    spent_at: float = 0.2


class Cycles(NamedTuple):
    """Counted cycles: depth (0..1), mean state of charge, and how many: 1 a whole, 0.5 a half one."""

    depth: F
    mean: F
    times: F


class Losses(NamedTuple):
    """Shares of the new capacity that a run took, by the calendar and by cycles."""

    calendar: F
    cycle: F


def calendar_rate(chemistry: Chemistry, soc: F | float, temperature_c: F | float) -> F:
    """Loss per day to the power of the law (NMC 0.75, LFP 0.5)."""
    at_soc = np.clip(np.asarray(soc, float), 0.0, 1.0)
    kelvin = np.asarray(temperature_c, float) + _KELVIN
    if chemistry == "NMC":
        volt = np.interp(at_soc, _OCV_SOC, _OCV_V)
        return np.asarray((7.543 * volt - 23.75) * 1e6 * np.exp(-6976.0 / kelvin))
    heat = np.exp(-17126.0 / _GAS * (1.0 / kelvin - 1.0 / 298.15))
    return np.asarray(1.2571e-5 * heat * (2.8575 * (at_soc - 0.5) ** 3 + 0.60225) * np.sqrt(DAY_S))


def cycle_rate(
    chemistry: Chemistry, depth: F | float, mean_soc: F | float = 0.5, c_rate: F | float = 0.3
) -> F:
    """Loss per square root of full equivalent cycles; `c_rate` counts for LFP, `mean_soc` for NMC."""
    at_depth = np.clip(np.asarray(depth, float), 0.0, 1.0)
    if chemistry == "NMC":
        volt = np.interp(np.asarray(mean_soc, float), _OCV_SOC, _OCV_V)
        beta = 7.348e-3 * (volt - 3.667) ** 2 + 7.6e-4 + 4.081e-3 * at_depth
        return np.asarray(beta * np.sqrt(_AH_PER_CYCLE))
    speed = 0.0630 * np.asarray(c_rate, float) + 0.0971
    return np.asarray(0.01 * speed * (4.0253 * (at_depth - 0.6) ** 3 + 1.0923))


def calendar_loss(
    chemistry: Chemistry, days: F, soc: F, temperature_c: F | float = 20.0, past: Past | None = None
) -> F:
    """Loss of batteries (...) that stood `days` at `soc` each: arrays (..., pieces), summed over the last."""
    before = Past() if past is None else past
    power = _CALENDAR_POWER[chemistry]
    first = before.days * calendar_rate(chemistry, before.soc, before.temperature_c) ** (1.0 / power)
    more = (np.asarray(days, float) * calendar_rate(chemistry, soc, temperature_c) ** (1.0 / power)).sum(-1)
    return np.asarray((first + more) ** power - first**power)


def cycle_loss(chemistry: Chemistry, cycles: Cycles, c_rate: F | float = 0.3, past: Past | None = None) -> F:
    """Loss of batteries (...) by their cycles: arrays (..., cycles), summed over the last. A half cycle of
    depth d is d / 2 full equivalent ones."""
    before = Past() if past is None else past
    first = before.cycles * cycle_rate(chemistry, before.depth) ** 2
    rate = cycle_rate(chemistry, cycles.depth, cycles.mean, c_rate)
    more = (np.asarray(cycles.times) * np.asarray(cycles.depth) * rate**2).sum(-1)
    return np.asarray(np.sqrt(first + more) - np.sqrt(first))


def rainflow(soc: F) -> Cycles:
    """The cycles in a course of states of charge, by ASTM E1049 (rainflow): closed ones count 1, what is
    left 0.5. Twice depth times `times` is the way of the course."""
    course = np.asarray(soc, float)
    course = course[np.concatenate([[True], np.diff(course) != 0.0])] if len(course) else course
    turns = np.sign(np.diff(course))
    ends = course[np.concatenate([[True], turns[1:] != turns[:-1], [True]])] if len(course) > 1 else course
    open_: list[float] = []
    depth: list[float] = []
    mean: list[float] = []
    counts: list[float] = []

    def add(one: float, other: float, times: float) -> None:
        depth.append(abs(one - other))
        mean.append(0.5 * (one + other))
        counts.append(times)

    for point in ends.tolist():
        open_.append(point)
        while len(open_) >= 3:
            last, before = abs(open_[-1] - open_[-2]), abs(open_[-2] - open_[-3])
            if last < before:
                break
            if len(open_) == 3:
                add(open_[0], open_[1], 0.5)
                del open_[0]
            else:
                add(open_[-3], open_[-2], 1.0)
                del open_[-3:-1]
    for one, other in pairwise(open_):
        add(one, other, 0.5)
    return Cycles(np.array(depth), np.array(mean), np.array(counts))


def course_losses(
    chemistry: Chemistry,
    soc: F,
    step_s: float,
    *,
    c_rate: float = 0.3,
    temperature_c: F | float = 20.0,
    past: Past | None = None,
) -> Losses:
    """Losses of one battery over a course of its state of charge (T + 1 values, `step_s` apart)."""
    between = 0.5 * (soc[1:] + soc[:-1])
    days = np.full(len(between), step_s / DAY_S)
    return Losses(
        calendar_loss(chemistry, days, between, temperature_c, past),
        cycle_loss(chemistry, rainflow(soc), c_rate, past),
    )


def storage_losses(run: Run, *, chemistry: Chemistry = "LFP", past: Past | None = None) -> Losses:
    """What the run took from the stationary battery; nothing where there is none."""
    battery = run.scene.world.storage
    if battery.capacity_wh <= NO_STORAGE.capacity_wh:
        return Losses(np.zeros(()), np.zeros(()))
    power = run.trace.storage_w - battery.standby_w
    through = np.abs(power)
    # Weighted by energy: what flows fast counts as fast.
    c_rate = float((through**2).sum() / max(through.sum(), 1e-9)) / battery.capacity_wh
    course = np.clip(soc_course(battery, power, run.scene.world.step_s), 0.0, 1.0)
    return course_losses(chemistry, course, run.scene.world.step_s, c_rate=c_rate, past=past)


def car_losses(
    run: Run, *, chemistry: Chemistry | None = None, temperature_c: float = 20.0, past: Past | None = None
) -> Losses:
    """What the stay at the site took from each car (v): the time on the plug at its state of charge, the half
    cycle of what it gained, and the cycles of what it gave back. Driving isn't the site's. `chemistry` stands
    for the scene's.

    Where the trace holds each EVSE's power the state of charge is followed through the stay; otherwise the
    mean of arrival and end stands for all of it, so that charging later shows no calendar gain.
    """
    visits, state = run.scene.world.visits, run.state
    start, out = _on_arrival(run)
    days, at = _stay_days(run)[:, None], 0.5 * (start + state.soc)[:, None]
    if len(run.trace.evse_w):
        days, at = _followed(run, start)
    cycles = Cycles(
        depth=np.stack([np.abs(state.soc - start), np.minimum(out, 1.0)], axis=-1),
        mean=np.stack([0.5 * (start + state.soc), np.clip(state.soc - 0.5 * out, 0.0, 1.0)], axis=-1),
        # What was given back was also taken in again, or was taken before: a whole cycle.
        times=np.stack([np.full(len(out), 0.5), np.maximum(out, 1.0)], axis=-1),
    )
    c_rate = _offered_w(run) / visits.capacity_wh
    return _by_chemistry(
        run,
        chemistry,
        lambda kind: Losses(
            calendar_loss(kind, days, at, temperature_c, past),
            cycle_loss(kind, cycles, c_rate[:, None], past),
        ),
    )


def car_rest(
    run: Run, *, chemistry: Chemistry | None = None, temperature_c: float = 20.0, past: Past | None = None
) -> F:
    """What the calendar would have taken from each car (v) in the same stay at the state of charge with
    which it came: nobody's choice at the site."""
    start, _ = _on_arrival(run)
    days = _stay_days(run)[:, None]
    return _by_chemistry(
        run,
        chemistry,
        lambda kind: Losses(
            calendar_loss(kind, days, start[:, None], temperature_c, past), np.zeros(len(start))
        ),
    ).calendar


def _by_chemistry(run: Run, chemistry: Chemistry | None, losses: Callable[[Chemistry], Losses]) -> Losses:
    """Each visit's losses by the chemistry of its battery."""
    kinds = run.scene.chemistries
    if chemistry is not None or not kinds:
        return losses(chemistry or "NMC")
    iron = np.array([kind == "LFP" for kind in kinds])
    return Losses(
        *(np.where(iron, of_lfp, of_nmc) for of_lfp, of_nmc in zip(losses("LFP"), losses("NMC"), strict=True))
    )


def _on_arrival(run: Run) -> tuple[F, F]:
    """State of charge with which each car came, and what it gave back as a share of its battery."""
    visits, state = run.scene.world.visits, run.state
    out = state.given_wh / (visits.efficiency * visits.capacity_wh)
    gained = state.energy_wh * visits.efficiency / visits.capacity_wh - out
    return np.clip(state.soc - gained, 0.0, 1.0), out


def _offered_w(run: Run) -> F:
    """The most that each car was offered, or that its battery takes (v): how fast it charged, at the most."""
    world, at = run.scene.world, np.maximum(run.state.at, 0)
    evses, visits = world.evses, world.visits
    slots = np.where(evses.dc[at], evses.slots[at], np.minimum(evses.slots[at], visits.slots))
    offered = np.minimum(evses.max_a[at] * evses.volt_v[at] * slots, evses.rating_w[at])
    return np.minimum(offered, visits.accept_w)


def _stay_days(run: Run) -> F:
    world, state = run.scene.world, run.state
    stay_s = np.clip(np.minimum(state.left_s, world.steps * world.step_s) - state.plugged_s, 0.0, None)
    return np.where(np.isfinite(state.plugged_s), stay_s, 0.0) / DAY_S


def _followed(run: Run, start: F) -> tuple[F, F]:
    """Days at each of twenty levels of charge (v, 20), and the levels."""
    world, state = run.scene.world, run.state
    visits, step_s = world.visits, world.step_s
    levels = (np.arange(20) + 0.5) / 20.0
    days = np.zeros((len(start), 20))
    for v in np.flatnonzero(np.isfinite(state.plugged_s)):
        first = int(state.plugged_s[v] // step_s)
        last = min(int(np.ceil(min(state.left_s[v], world.steps * step_s) / step_s)), world.steps)
        power = run.trace.evse_w[first:last, state.at[v]]
        efficiency = visits.efficiency[v]
        stored = np.where(power > 0.0, power * efficiency, power / efficiency)
        course = np.clip(start[v] + np.cumsum(stored) * step_s / 3600.0 / visits.capacity_wh[v], 0.0, 0.999)
        days[v] += np.bincount((course * 20.0).astype(np.int64), minlength=20) * step_s / DAY_S
    return days, np.broadcast_to(levels, days.shape)


def run_wear(
    run: Run,
    *,
    cars: Chemistry | None = None,
    storage: Chemistry = "LFP",
    price: Price | None = None,
    past: Past | None = None,
) -> float:
    """What the ageing of all batteries of a run costs beyond what they would have lost at rest, in the
    price's currency (`metrics.measure.Wear`).

    At rest: the same stay at the state of charge on arrival, the stationary battery at the one of the start.
    Batteries age on the shelf, too; only the rest is the site's doing. It is below 0 where cars were emptied
    so that their calendar gained more than the cycles took.
    """
    worth, scene = Price() if price is None else price, run.scene
    by_car = car_losses(run, chemistry=cars, past=past)
    rest = car_rest(run, chemistry=cars, past=past)
    kwh = float(((by_car.calendar + by_car.cycle - rest) * scene.world.visits.capacity_wh).sum()) / 1000.0
    battery = scene.world.storage
    if battery.capacity_wh > 0.0:
        by_store = storage_losses(run, chemistry=storage, past=past)
        days = np.array([scene.world.steps * scene.world.step_s / DAY_S])
        idle = calendar_loss(storage, days, np.array([battery.soc]), past=past)
        kwh += float(by_store.calendar + by_store.cycle - idle) * battery.capacity_wh / 1000.0
    return kwh / worth.spent_at * worth.per_kwh


def cycle_price(
    chemistry: Chemistry,
    *,
    depth: float = 0.5,
    mean_soc: float = 0.5,
    c_rate: float = 0.3,
    price: Price | None = None,
    past: Past | None = None,
) -> float:
    """What the next kWh through a battery (in or out) costs in wear: the slope of the law at its past, which
    must hold some cycles (a new battery's slope has no end)."""
    worth, before = Price() if price is None else price, Past() if past is None else past
    if before.cycles <= 0.0:
        raise ValueError(f"{before.cycles!r} cycles of the past must be above 0")
    first = np.sqrt(before.cycles * cycle_rate(chemistry, before.depth) ** 2)
    slope = float(cycle_rate(chemistry, depth, mean_soc, c_rate) ** 2 / (2.0 * first))
    return slope / worth.spent_at * worth.per_kwh / 2.0

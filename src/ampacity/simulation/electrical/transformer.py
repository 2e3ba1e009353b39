"""A transformer's losses, temperatures and ageing.

Temperatures are those of IEC 60076-7 (loading guide, mineral oil): three first-order bodies after the load
factor K (current over rated current) and the ambient temperature,

    top oil     k11 tau_o  d(o)/dt  = rise_o ((1 + R K^2) / (1 + R))^x - (o - ambient)
    gradient 1  k22 tau_w  d(g1)/dt = k21 g K^y - g1
    gradient 2  tau_o/k22  d(g2)/dt = (k21 - 1) g K^y - g2
    hot spot    h = o + g1 - g2

(its annex on the differential equations). The standard steps them with small differences; here the load is
held over a step and the step is exact, so a quarter of an hour gives what a second would. Ageing: relative
rate V of 6.3, one at 98 C for normal paper (doubling each 6 K) and at 110 C for thermally upgraded paper.

Limits of the same standard for distribution transformers, cyclic loading: K 1.5, hot spot 120 C, top oil 105
C.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


class Thermal(Struct, frozen=True, kw_only=True):
    """Constants of a cooling kind; rises in kelvin at rated load, time constants in seconds, the rest as
    named in the standard (x oil exponent, y winding exponent, k11, k21, k22)."""

    oil_rise_k: float
    gradient_k: float
    oil_s: float
    winding_s: float
    x: float
    y: float
    k11: float
    k21: float
    k22: float


#: IEC 60076-7, tables of thermal characteristics: distribution transformers up to 2.5 MVA, oil and air by
#: nature.
ONAN_DISTRIBUTION: Final = Thermal(
    oil_rise_k=55.0,
    gradient_k=23.0,
    oil_s=180 * 60.0,
    winding_s=4 * 60.0,
    x=0.8,
    y=1.6,
    k11=1.0,
    k21=1.0,
    k22=2.0,
)
#: The same tables: medium and large power transformers.
ONAN_POWER: Final = Thermal(
    oil_rise_k=52.0,
    gradient_k=26.0,
    oil_s=210 * 60.0,
    winding_s=10 * 60.0,
    x=0.8,
    y=1.3,
    k11=0.5,
    k21=2.0,
    k22=2.0,
)


_DISTRIBUTION_KVA: Final = 2500.0


class Transformer(Struct, frozen=True, kw_only=True):
    """Rating, losses at rated voltage and at rated current, cooling, and whether its paper is thermally
    upgraded."""

    rated_va: float
    no_load_loss_w: float
    load_loss_w: float
    thermal: Thermal = ONAN_DISTRIBUTION
    upgraded_paper: bool = False

    @property
    def loss_ratio(self) -> float:
        """R of the standard: load loss at rated current over no-load loss."""
        return self.load_loss_w / self.no_load_loss_w


#: Regulation (EU) 548/2014, tier 2 (from July 2021): greatest no-load and load losses in watts by kVA,
#: liquid-immersed.
EU_TIER_2: Final[dict[int, tuple[float, float]]] = {
    25: (63.0, 600.0), 50: (81.0, 750.0), 100: (130.0, 1250.0), 160: (189.0, 1750.0), 250: (270.0, 2350.0),
    315: (324.0, 2800.0), 400: (387.0, 3250.0), 500: (459.0, 3900.0), 630: (540.0, 4600.0),
    800: (585.0, 6000.0), 1000: (693.0, 7600.0), 1250: (855.0, 9500.0),
}  # fmt: skip


def eu_distribution(rated_kva: float) -> Transformer:
    """A new European distribution transformer with the greatest losses that the regulation allows,
    interpolated between the ratings of its table (annex I, 1.1). Raises ValueError outside it."""
    ratings = sorted(EU_TIER_2)
    if not ratings[0] <= rated_kva <= ratings[-1]:
        raise ValueError(f"{rated_kva:g} kVA isn't a distribution rating: give {ratings[0]}..{ratings[-1]}")
    no_load, load = (float(np.interp(rated_kva, ratings, [EU_TIER_2[k][n] for k in ratings])) for n in (0, 1))
    return Transformer(rated_va=rated_kva * 1000.0, no_load_loss_w=no_load, load_loss_w=load)


def usual_transformer(rated_kva: float) -> Transformer:
    """A transformer of any rating: one of the table; below and above it with the losses of its ends in
    proportion (assumed), from 2.5 MVA on with the standard's constants of power transformers."""
    ratings = sorted(EU_TIER_2)
    if not rated_kva > 0.0:
        raise ValueError(f"a transformer of {rated_kva:g} kVA: the rating must be above 0")
    nearest = min(max(rated_kva, ratings[0]), ratings[-1])
    kind = eu_distribution(nearest)
    return Transformer(
        rated_va=rated_kva * 1000.0,
        no_load_loss_w=kind.no_load_loss_w * rated_kva / nearest,
        load_loss_w=kind.load_loss_w * rated_kva / nearest,
        thermal=ONAN_DISTRIBUTION if rated_kva <= _DISTRIBUTION_KVA else ONAN_POWER,
    )


def loss_w(transformer: Transformer, load_factor: Floats) -> Floats:
    """No-load and load loss at a load factor of any shape."""
    factor = np.asarray(load_factor, dtype=np.float64)
    return transformer.no_load_loss_w + transformer.load_loss_w * factor**2


def load_factor(phase_a: Floats, rated_a: float) -> Floats:
    """K of three phase currents [..., 3]: their root mean square over the rating, which has the same load
    loss."""
    currents = np.asarray(phase_a, dtype=np.float64)
    factor: Floats = np.sqrt((currents**2).mean(axis=-1)) / rated_a
    return factor


class State(NamedTuple):
    """What a transformer remembers: top oil in C, both parts of the gradient in K; scalars or arrays."""

    top_oil_c: Floats
    gradient_1_k: Floats
    gradient_2_k: Floats


class Temperatures(NamedTuple):
    """At the end of every step, [..., steps]; and the state after the last, to go on from."""

    top_oil_c: Floats
    hot_spot_c: Floats
    last: State


def _targets(transformer: Transformer, load: Floats) -> tuple[Floats, Floats]:
    t, ratio = transformer.thermal, transformer.loss_ratio
    oil: Floats = t.oil_rise_k * ((1.0 + ratio * load**2) / (1.0 + ratio)) ** t.x
    gradient: Floats = t.gradient_k * load**t.y
    return oil, gradient


def steady_state(transformer: Transformer, load: Floats, ambient_c: Floats) -> State:
    """Where constant load and ambient temperature lead after an infinite time."""
    t = transformer.thermal
    oil, gradient = _targets(transformer, np.asarray(load, dtype=np.float64))
    return State(np.asarray(ambient_c, dtype=np.float64) + oil, t.k21 * gradient, (t.k21 - 1.0) * gradient)


def temperatures(
    transformer: Transformer,
    load: Floats,
    ambient_c: Floats | float,
    step_s: float,
    start: State | None = None,
) -> Temperatures:
    """Top oil and hot spot of load factors [..., steps], each held for `step_s`.

    `ambient_c` has the same shape or is one number. Starts in the steady state of the first step unless
    `start` is given. Leading axes are independent transformers or days. Raises ValueError for negative loads.
    """
    factor = np.asarray(load, dtype=np.float64)
    ambient = np.broadcast_to(np.asarray(ambient_c, dtype=np.float64), factor.shape)
    if not (np.isfinite(factor).all() and (factor >= 0.0).all()):
        raise ValueError("load factors must be finite and not negative: give current over rated current")
    if not step_s > 0.0:
        raise ValueError(f"step {step_s!r} s must be above 0")
    t = transformer.thermal
    oil_target, gradient = _targets(transformer, factor)
    oil_target = oil_target + ambient
    if start is None:
        if not factor.shape[-1]:
            raise ValueError("no step: without a start at least one is needed")
        start = steady_state(transformer, factor[..., 0], ambient[..., 0])
    oil_keeps = math.exp(-step_s / (t.k11 * t.oil_s))
    first_keeps = math.exp(-step_s / (t.k22 * t.winding_s))
    second_keeps = math.exp(-step_s * t.k22 / t.oil_s)
    oil, first, second = (np.broadcast_to(part, factor.shape[:-1]) for part in start)
    top_oil, hot_spot = np.empty_like(factor), np.empty_like(factor)
    for k in range(factor.shape[-1]):
        oil = oil_target[..., k] + (oil - oil_target[..., k]) * oil_keeps
        goal = t.k21 * gradient[..., k]
        first = goal + (first - goal) * first_keeps
        goal = (t.k21 - 1.0) * gradient[..., k]
        second = goal + (second - goal) * second_keeps
        top_oil[..., k] = oil
        hot_spot[..., k] = oil + first - second
    return Temperatures(top_oil, hot_spot, State(np.array(oil), np.array(first), np.array(second)))


def ageing_rate(hot_spot_c: Floats, upgraded_paper: bool = False) -> Floats:
    """V, how many times faster than normal the insulation ages at a hot spot (6.3 of the standard)."""
    hot = np.asarray(hot_spot_c, dtype=np.float64)
    rate: Floats
    if upgraded_paper:
        rate = np.exp(15000.0 / (110.0 + 273.0) - 15000.0 / (hot + 273.0))
    else:
        rate = np.exp2((hot - 98.0) / 6.0)
    return rate


def loss_of_life_h(transformer: Transformer, hot_spot_c: Floats, step_s: float) -> Floats:
    """Hours of normal life used up over steps [..., steps]; divided by the hours passed it is the mean
    rate."""
    used: Floats = ageing_rate(hot_spot_c, transformer.upgraded_paper).sum(axis=-1) * step_s / 3600.0
    return used

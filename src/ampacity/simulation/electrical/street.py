"""A site at the end of a street: what its cars do to its own voltage and to its neighbours'.

The street is one cable behind a village transformer, houses along it on phases in turn, the site at its far
end. All of it is an assumption but the parts (`feeders`): a usual cable, the transformer's greatest permitted
losses. Houses take a share that never rests (refrigerators, standby) and appliances that come and go, more
often when people are up; the mean is what was asked for, the hourly shape is a coarse household day.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from .feeder import Cable, Consumer, Feeder, FeederModel, FeederTransformer, PowerFlow, Source
from .feeders import NAYY_4X150, cigre_european_lv, cigre_peak_loads, ieee_european_lv, reduced
from .transformer import (
    Transformer,
    eu_distribution,
    load_factor,
    loss_of_life_h,
    temperatures,
    usual_transformer,
)
from .voltage import VoltageQuality, unbalance_p95, voltage_quality

#: How active a household is by hour of the day, relative; an assumption with a mean of 1.
_HOURS: Final = np.array(
    [0.5, 0.4, 0.35, 0.35, 0.35, 0.5, 0.9, 1.2, 1.1, 1.0, 1.0, 1.15,
     1.25, 1.1, 0.95, 0.95, 1.1, 1.45, 1.75, 1.8, 1.6, 1.35, 1.05, 0.75]
)  # fmt: skip
_RESTLESS_SHARE: Final = 0.3
_APPLIANCE_W: Final = 1_800.0
_APPLIANCE_S: Final = 480.0


class Street(Struct, frozen=True, kw_only=True):
    """A feeder, its transformer's thermal side, and where the site is; houses are the feeder's consumers."""

    feeder: Feeder
    transformer: Transformer
    site_bus: int


class StreetFigures(Struct, frozen=True, kw_only=True):
    """What a run did to its street. Shares are of the rating; temperatures start from a steady first step."""

    site: VoltageQuality
    """At the site's own connection."""
    street: VoltageQuality
    """At the worst bus of all, houses included."""
    unbalance_p95: float
    line_peak_share: float
    neutral_peak_share: float
    transformer_peak_share: float
    hot_spot_peak_c: float
    life_h: float
    """Hours of the transformer's normal life that were used up."""
    losses_kwh: float


def street(transformer_kva: float, length_m: float, neighbours: int, *, cable: Cable = NAYY_4X150) -> Street:
    """A street of `length_m` with `neighbours` houses at equal distances and the site at its end."""
    if not length_m > 0.0:
        raise ValueError(f"length {length_m!r} m must be above 0")
    if neighbours < 0:
        raise ValueError(f"{neighbours} neighbours: there can't be less than none")
    transformer = eu_distribution(transformer_kva)
    spacing_m = length_m / (neighbours + 1)
    feeder = Feeder(
        name="Street",
        source=Source(short_circuit_va=100e6),
        transformer=FeederTransformer(
            rated_va=transformer.rated_va,
            primary_v=20e3,
            secondary_v=400.0,
            short_circuit_pu=0.04,
            load_loss_w=transformer.load_loss_w,
            no_load_loss_w=transformer.no_load_loss_w,
        ),
        buses=("busbar", *(f"house {number}" for number in range(1, neighbours + 1)), "site"),
        lines=tuple(cable.line(number, number + 1, spacing_m) for number in range(neighbours + 1)),
        consumers=tuple(Consumer(bus=number, phase=(number - 1) % 3) for number in range(1, neighbours + 1)),
    )
    return Street(feeder=feeder, transformer=transformer, site_bus=neighbours + 1)


Network: TypeAlias = Literal["ieee-european", "cigre-residential"]

#: What a house of the CIGRE network takes at its peak, in watts: an assumption, for how many live there.
_HOUSE_PEAK_W: Final = 5_000.0


def published_street(network: Network) -> Street:
    """A published network with the site at its far end: the IEEE European feeder's bus 906 (the end of its
    longest way), or R10 of CIGRE's residential network.

    The European feeder has its 55 houses. CIGRE gives loads by bus: a house for every 5 kW of its peak, on
    phases in turn (assumed); the 200 kVA at its busbar are left out.
    """
    if network == "ieee-european":
        feeder, rated_kva, end = reduced(ieee_european_lv(), keep=("906",)), 800.0, "906"
    else:
        feeder, rated_kva, end = cigre_european_lv("residential"), 500.0, "R10"
        active_w, _ = cigre_peak_loads("residential")
        homes = np.ceil(active_w[0, 1:].sum(axis=1) / _HOUSE_PEAK_W).astype(np.int64)
        buses = np.repeat(np.arange(1, len(homes) + 1), homes).tolist()
        houses = tuple(Consumer(bus=bus, phase=number % 3) for number, bus in enumerate(buses))
        feeder = structs.replace(feeder, consumers=houses)
    return Street(feeder=feeder, transformer=usual_transformer(rated_kva), site_bus=feeder.buses.index(end))


def household_w(
    rng: np.random.Generator, count: int, steps: int, step_s: float, mean_w: float, start_hour: float = 0.0
) -> NDArray[np.float64]:
    """Loads of `count` houses [steps, count]; `start_hour` is the local hour of the first step.

    A restless 30 % of the mean, and appliances of 1.8 kW and 8 minutes on average that switch on at random,
    so many that the mean is `mean_w` in expectation. Each holds whole steps.
    """
    hours = ((start_hour * 3600.0 + np.arange(steps) * step_s) // 3600.0).astype(np.int64) % 24
    stay_steps = max(_APPLIANCE_S / step_s, 1.0)
    starts_mean = (
        (1.0 - _RESTLESS_SHARE) * mean_w * _HOURS[hours] / _HOURS.mean() / (_APPLIANCE_W * stay_steps)
    )
    running = np.zeros((steps, count))
    for house in range(count):
        # Appliances that switched on before the first step are drawn as if the first hour had always been.
        begun = rng.poisson(starts_mean)
        already = rng.poisson(starts_mean[0] * stay_steps) if steps else 0
        first = np.concatenate([np.repeat(np.arange(steps), begun), np.zeros(already, np.int64)])
        last = first + rng.geometric(1.0 / stay_steps, len(first))
        edges = np.zeros(steps + 1)
        np.add.at(edges, first, 1.0)
        np.add.at(edges, np.minimum(last, steps), -1.0)
        running[:, house] = np.cumsum(edges)[:steps]
    return _RESTLESS_SHARE * mean_w + _APPLIANCE_W * running


def street_flow(built: Street, site_w: NDArray[np.float64], neighbour_w: NDArray[np.float64]) -> PowerFlow:
    """Power flow of the site's power [steps, 3] beside its neighbours' [steps, houses], unity power
    factor."""
    steps = len(site_w)
    active = np.zeros((steps, len(built.feeder.buses), 3))
    for column, house in zip(neighbour_w.T, built.feeder.consumers, strict=True):
        active[:, house.bus, house.phase] += column
    active[:, built.site_bus] += site_w
    return FeederModel(built.feeder).solve(active)


def street_figures(
    built: Street, flow: PowerFlow, step_s: float, ambient_c: NDArray[np.float64] | float = 20.0
) -> StreetFigures:
    """Voltage, currents and transformer of a street's power flow; steps of at most a minute that divide
    it."""
    nominal_v = built.feeder.phase_v
    rated_a = built.transformer.rated_va / (3.0 * nominal_v)
    hot = temperatures(
        built.transformer, load_factor(flow.transformer_a, rated_a), ambient_c, step_s
    ).hot_spot_c
    cable_a = np.array([line.rated_a for line in built.feeder.lines])
    return StreetFigures(
        site=voltage_quality(flow.voltage_v[:, [built.site_bus]], step_s, nominal_v),
        street=voltage_quality(flow.voltage_v, step_s, nominal_v),
        unbalance_p95=unbalance_p95(flow.unbalance, step_s),
        line_peak_share=float(flow.line_loading.max()),
        neutral_peak_share=float((flow.neutral_a / cable_a).max()),
        transformer_peak_share=float(flow.transformer_loading.max()),
        hot_spot_peak_c=float(hot.max()),
        life_h=float(loss_of_life_h(built.transformer, hot, step_s)),
        losses_kwh=float(flow.loss_w.sum()) * step_s / 3.6e6,
    )

"""What surrounds the cars of a scenario, step by step: the building, the sun, the air, prices and CO2."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from ..batch.world import F, Series
from ..building import BuildingLoad
from ..equipment import signals, tariffs
from ..equipment.buildings import building_course
from ..equipment.local_time import LocalTime, local_time, step_times
from ..equipment.series import read_series
from ..equipment.stations import derate
from ..equipment.sun import Panels, pv_power_w
from ..equipment.weather import PLACES, ambient_c
from .arrays import Tree, neutral_voltage
from .spec import BuildingSpec, PricesSpec, RunSpec, Scenario


class Times(Struct, frozen=True, kw_only=True):
    """The steps of a run: UTC start, and for the middle of each step (T) epoch seconds and local calendar."""

    starts_at: datetime
    zone: ZoneInfo
    step_s: float
    steps: int
    at_s: F
    local: LocalTime

    def between(self, from_hour: float, to_hour: float, working_days: bool) -> F:
        """1 in the steps within these local hours (which may lie across midnight), else 0. Across midnight
        the day that counts is the one on which the hours begin."""
        hour, day = self.local.hour, self.local.weekday
        if from_hour < to_hour:
            inside = (hour >= from_hour) & (hour < to_hour)
        else:
            inside = (hour >= from_hour) | (hour < to_hour)
            day = np.where(hour < to_hour, (day - 1) % 7, day)
        if working_days:
            inside &= day < 5
        return inside.astype(np.float64)


def times_of(run: RunSpec) -> Times:
    """The steps of a run; on the days of a change of the clock local hours jump as they do."""
    zone = ZoneInfo(run.time_zone)
    minutes = round(run.start_hour * 60.0)
    day = run.starts
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
    starts_at = local.astimezone(UTC)
    steps = max(1, round(run.days * 86_400.0 / run.step_s))
    at_s = step_times(starts_at, steps, run.step_s, middle=True)
    return Times(
        starts_at=starts_at,
        zone=zone,
        step_s=run.step_s,
        steps=steps,
        at_s=at_s,
        local=local_time(at_s, zone),
    )


def building_a(load: BuildingSpec, tree: Tree, times: Times, seed: int) -> F:
    """Amperes of one building on each conductor of its circuit (T, conductors)."""
    if load.kw_by_hour is not None:
        watts = load.scale * 1000.0 * np.array(load.kw_by_hour)[times.local.hour.astype(np.int64)]
        amperes = watts / (tree.count * neutral_voltage(tree.supply))
        return np.repeat(amperes[:, None], tree.count, axis=1)
    begins_s = times.at_s - 0.5 * times.step_s
    office = BuildingLoad(seed, scale=load.scale)
    return building_course(office, begins_s, times.step_s, times.zone).current_a[:, : tree.count]


def _prices(prices: PricesSpec, times: Times, rng: np.random.Generator, folder: Path) -> tuple[F, F]:
    """What a kWh costs and what one gets for it, in each step (T)."""
    wholesale: F | None = None
    begins_s = times.at_s - 0.5 * times.step_s
    if prices.tariff is not None:
        buy = tariffs.buy_prices(tariffs.read_tariff(folder / prices.tariff), times.at_s, times.zone)
    elif prices.file is not None or prices.day_ahead:
        wholesale = (
            signals.day_ahead_prices(rng, times.at_s, times.zone)
            if prices.file is None
            else read_series(folder / prices.file, "price").over(begins_s, times.step_s)
        )
        buy = wholesale + prices.fee
    else:
        buy = np.full(times.steps, prices.flat)
        for band in reversed(prices.bands):
            fits = times.between(band.from_hour, band.to_hour, band.working_days) > 0.0
            if band.months:
                fits &= np.isin(times.local.month, band.months)
            buy[fits] = band.price
    if prices.sell is not None:
        return buy, np.full(times.steps, prices.sell)
    return buy, np.zeros(times.steps) if wholesale is None else wholesale


def demand_price(prices: PricesSpec, times: Times, folder: Path) -> float:
    """The demand charge per kW: the tariff's where a file holds one, else as the scenario says."""
    if prices.tariff is None:
        return prices.demand
    tariff = tariffs.read_tariff(folder / prices.tariff)
    return tariffs.demand_price(tariff, times.starts_at.astimezone(times.zone).date())


def series_of(
    scenario: Scenario, times: Times, rng: np.random.Generator, base_w: F, folder: Path
) -> tuple[Series, F]:
    """The series of a world, and the air in degrees Celsius in each step. Air, clouds, prices and CO2 have a
    stream of numbers each."""
    prices, weather, sun = scenario.prices, scenario.weather, scenario.sun
    air_rng, cloud_rng, price_rng, co2_rng = rng.spawn(4)
    place = PLACES[weather.place]
    begins_s = times.at_s - 0.5 * times.step_s
    air_c = ambient_c(air_rng, place, times.at_s) + weather.warmer_k
    pv_w = np.zeros(times.steps)
    if sun is not None and sun.file is not None:
        pv_w = 1000.0 * sun.kwp * read_series(folder / sun.file, "sun").over(begins_s, times.step_s)
        pv_w = np.minimum(pv_w, 1000.0 * (sun.inverter_kw or sun.kwp))
    elif sun is not None:
        panels = Panels(
            peak_w=1000.0 * sun.kwp,
            tilt_deg=sun.tilt_deg,
            azimuth_deg=sun.azimuth_deg,
            inverter_w=1000.0 * (sun.inverter_kw or sun.kwp),
        )
        left = signals.clear_share(cloud_rng, times.at_s, times.zone)
        pv_w = pv_power_w(panels, place, times.at_s, clear_share=left, ambient_c=air_c)
    if prices.co2_file is not None:
        co2: F | float = read_series(folder / prices.co2_file, "co2").over(begins_s, times.step_s)
    elif prices.co2_g_per_kwh is not None:
        co2 = prices.co2_g_per_kwh
    else:
        co2 = signals.marginal_co2(co2_rng, times.at_s, times.zone)
    buy, sell = _prices(prices, times, price_rng, folder)
    series = signals.series(
        times.steps, buy=buy, sell=sell, co2=co2, pv_w=pv_w, base_w=base_w, derate=derate(air_c)
    )
    return series, air_c

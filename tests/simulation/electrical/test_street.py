"""A site at the end of a street: what it does to its voltage, and that houses take what they should."""

from __future__ import annotations

import numpy as np
import pytest

from ampacity.simulation.electrical.street import (
    Network,
    household_w,
    published_street,
    street,
    street_figures,
    street_flow,
)

MINUTES = 120


@pytest.mark.parametrize("step_s", [10.0, 60.0, 900.0])
def test_houses_take_their_mean_over_a_day(step_s: float) -> None:
    steps = round(86_400 / step_s)
    loads = household_w(np.random.default_rng(3), 400, steps, step_s, 500.0)
    assert loads.shape == (steps, 400)
    assert loads.mean() == pytest.approx(500.0, rel=0.05)
    assert loads.min() == pytest.approx(150.0)
    evening = loads[round(19 * 3600 / step_s) : round(20 * 3600 / step_s)].mean()
    night = loads[round(3 * 3600 / step_s) : round(4 * 3600 / step_s)].mean()
    assert evening > 2.0 * night


def test_the_day_may_begin_at_any_hour() -> None:
    late = household_w(np.random.default_rng(4), 500, 60, 60.0, 500.0, start_hour=18.5)
    early = household_w(np.random.default_rng(4), 500, 60, 60.0, 500.0, start_hour=2.5)
    assert late.mean() > 2.0 * early.mean()
    assert household_w(np.random.default_rng(4), 2, 0, 60.0, 500.0).shape == (0, 2)


def figures(site_w: np.ndarray) -> tuple[float, float, float, float]:
    built = street(160.0, 600.0, 6)
    houses = household_w(np.random.default_rng(1), 6, MINUTES, 60.0, 600.0, start_hour=17.0)
    told = street_figures(built, street_flow(built, site_w, houses), 60.0)
    return told.site.change_std_v, told.site.lowest_v, told.unbalance_p95, told.hot_spot_peak_c


def test_cars_that_switch_make_the_voltage_move_and_balanced_ones_less_unbalance() -> None:
    still = np.full((MINUTES, 3), 7_000.0)
    switching = still.copy()
    switching[::10] = 0.0
    one_phase = np.zeros((MINUTES, 3))
    one_phase[:, 0] = 21_000.0
    calm, moved, leaning = figures(still), figures(switching), figures(one_phase)
    assert moved[0] > 2.0 * calm[0]
    assert leaning[1] < calm[1] - 10.0
    assert leaning[2] > 3.0 * calm[2]


def test_a_site_warms_the_transformer_and_loads_its_neutral() -> None:
    built = street(100.0, 300.0, 3)
    nobody, houses = np.zeros((MINUTES, 3)), np.full((MINUTES, 3), 500.0)
    cars = np.zeros((MINUTES, 3))
    cars[:, 1] = 22_000.0
    idle = street_figures(built, street_flow(built, nobody, houses), 60.0)
    busy = street_figures(built, street_flow(built, cars, houses), 60.0)
    assert busy.hot_spot_peak_c > idle.hot_spot_peak_c + 5.0
    assert busy.losses_kwh > idle.losses_kwh
    assert busy.transformer_peak_share > idle.transformer_peak_share
    # A single-phase car's current comes back through the neutral, whole.
    assert busy.neutral_peak_share == pytest.approx(busy.line_peak_share, rel=0.05)
    assert idle.street.keeps_en_50160
    assert busy.street.lowest_v < busy.site.highest_v


def test_a_street_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        street(160.0, 0.0, 3)
    with pytest.raises(ValueError, match="-1 neighbours"):
        street(160.0, 100.0, -1)
    with pytest.raises(ValueError, match="5000 kVA"):
        street(5000.0, 100.0, 1)
    assert street(200.0, 100.0, 0).feeder.buses == ("busbar", "site")


@pytest.mark.parametrize(("network", "houses"), [("ieee-european", 55), ("cigre-residential", 42)])
def test_a_site_on_a_published_network_lowers_its_voltage(network: Network, houses: int) -> None:
    built = published_street(network)
    assert len(built.feeder.consumers) == pytest.approx(houses, abs=3)
    told = []
    for site_w in (0.0, 6_000.0):
        loads = household_w(np.random.default_rng(1), len(built.feeder.consumers), 4, 60.0, 500.0)
        flow = street_flow(built, np.full((4, 3), site_w), loads)
        told.append(street_figures(built, flow, 60.0))
    idle, busy = told
    assert 0.85 * built.feeder.phase_v < busy.site.lowest_v < idle.site.lowest_v - 0.5
    assert busy.transformer_peak_share > idle.transformer_peak_share
    assert busy.losses_kwh > idle.losses_kwh > 0.0

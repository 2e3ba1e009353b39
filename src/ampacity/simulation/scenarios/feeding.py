"""The street that a site hangs on: its voltages and its transformer, worked out from a run after it.

The run itself keeps its voltage constant (the batch world has no power flow). On AC cars take a constant
current, so at the lower voltage they would draw a little less than what is put here: the figures lie on the
bad side.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from ..batch.outcome import Run
from ..electrical.feeder import FeederCollapsed
from ..electrical.street import household_w, published_street, street, street_figures, street_flow
from .spec import Scenario

USUAL_C: Final = 20.0
"""Air around a transformer where a scene says nothing of it."""


class StreetMetrics(Struct, frozen=True, kw_only=True):
    """Voltages phase to neutral: the lowest minute at the site and on the whole street as shares of nominal,
    deviation and greatest of the change from minute to minute (V, worst bus), the share of ten-minute means
    outside 10 % (worst bus); the transformer's highest load (share of its rating), hot spot and hours of
    normal life used up. Where no voltage carries the loads, the lowest is 0 and the others mean nothing."""

    voltage_lowest_share: float
    street_voltage_lowest_share: float
    voltage_change_std_v: float | None = None
    voltage_change_max_v: float | None = None
    voltage_outside_share: float | None = None
    transformer_peak_share: float | None = None
    transformer_hot_spot_c: float | None = None
    transformer_life_h: float | None = None
    street_losses_kwh: float | None = None


def street_metrics(run: Run, scenario: Scenario, seed: int) -> StreetMetrics:
    """The street under a run of a scenario that has a `feeder`."""
    spec = scenario.feeder
    assert spec is not None
    world = run.scene.world
    if spec.network == "street":
        built = street(spec.transformer_kva, spec.length_m, spec.neighbours)
    else:
        built = published_street(spec.network)
    nominal_v = built.feeder.phase_v
    houses_w = household_w(
        np.random.default_rng([seed, 13]),
        len(built.feeder.consumers),
        world.steps,
        world.step_s,
        1000.0 * spec.neighbour_kw,
        scenario.run.start_hour,
    )
    # Rows are magnitudes: a site that gives back as a whole is taken to do so on every phase.
    direction = np.where(run.trace.site_w < 0.0, -nominal_v, nominal_v)
    site_w = run.trace.row_a[:, list(run.scene.root_rows)] * direction[:, None]
    try:
        flow = street_flow(built, site_w, houses_w)
    except FeederCollapsed:
        return StreetMetrics(voltage_lowest_share=0.0, street_voltage_lowest_share=0.0)
    figures = street_figures(built, flow, world.step_s, run.scene.air_c if len(run.scene.air_c) else USUAL_C)
    return StreetMetrics(
        voltage_lowest_share=figures.site.lowest_v / nominal_v,
        street_voltage_lowest_share=figures.street.lowest_v / nominal_v,
        voltage_change_std_v=figures.street.change_std_v,
        voltage_change_max_v=figures.street.change_max_v,
        voltage_outside_share=figures.street.outside_share,
        transformer_peak_share=figures.transformer_peak_share,
        transformer_hot_spot_c=figures.hot_spot_peak_c,
        transformer_life_h=figures.life_h,
        street_losses_kwh=figures.losses_kwh,
    )

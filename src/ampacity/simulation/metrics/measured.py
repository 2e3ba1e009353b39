"""The figures of one run. Every field stands in docs/metrics.md with its unit and its definition."""

from __future__ import annotations

from msgspec import Struct


class Metrics(Struct, frozen=True, kw_only=True):
    """Flat, numbers only; None where a figure means nothing (no sun, nobody came, nothing bound).

    Money is in the scene's currency. Definitions: docs/metrics.md.
    """

    visits: int
    cut_visits: int
    asked_kwh: float
    possible_kwh: float
    delivered_kwh: float
    given_back_kwh: float
    unmet_kwh: float
    unmet_share: float | None
    grid_import_kwh: float
    grid_export_kwh: float
    energy_cost: float
    demand_cost: float
    operating_cost: float
    unmet_cost: float
    wear_cost: float
    total_cost: float
    peak_kw: float
    peak_window_kw: float
    peak_row_share: float | None
    over_limit_s: float
    longest_over_limit_s: float
    trips: int
    congested_h: float
    utilisation_congested: float | None
    plugged: int
    missed_departures: int
    balked: int
    reneged: int
    turned_away: int
    wait_mean_s: float | None
    wait_p95_s: float | None
    time_in_system_mean_s: float | None
    fairness_jain: float | None
    served_share_p5: float | None
    co2_kg: float
    sun_kwh: float
    self_consumption: float | None
    self_sufficiency: float | None
    station_losses_kwh: float
    car_losses_kwh: float
    storage_losses_kwh: float
    battery_throughput_kwh: float
    storage_cycles: float | None
    writes_per_evse_h: float

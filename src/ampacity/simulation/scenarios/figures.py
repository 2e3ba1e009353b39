"""The figures that people are shown, with their units, and how a number is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from .summary import Figure, Interval


class Shown(Struct, frozen=True):
    """A metric of docs/metrics.md for people: `unit` may be `money`; `scale` turns it into that unit.
    `always`: shown even where it is nothing under every strategy."""

    label: str
    unit: str = ""
    scale: float = 1.0
    digits: int = 0
    always: bool = False


SHOWN: Final[Mapping[str, Shown]] = {
    "total_cost": Shown("total cost", "money", always=True, digits=2),
    "energy_cost": Shown("energy", "money", digits=2),
    "demand_cost": Shown("demand charge", "money", digits=2),
    "unmet_cost": Shown("unmet energy, priced", "money", digits=2),
    "wear_cost": Shown("battery wear", "money", digits=2),
    "delivered_kwh": Shown("delivered", "kWh", always=True),
    "given_back_kwh": Shown("given back", "kWh", digits=1),
    "unmet_share": Shown("unmet", "%", 100.0, 2, always=True),
    "missed_departures": Shown("left short", "cars", digits=1, always=True),
    "peak_kw": Shown("peak", "kW", digits=1, always=True),
    "peak_window_kw": Shown("peak for the demand charge", "kW", digits=1),
    "peak_row_share": Shown("fullest conductor", "% of its limit", 100.0, 1, always=True),
    "over_limit_s": Shown("above a limit", "min", 1.0 / 60.0, 1, always=True),
    "trips": Shown("breaker trips", "", digits=1, always=True),
    "utilisation_congested": Shown("limit used while cars want more", "%", 100.0, 1),
    "wait_mean_s": Shown("mean wait", "min", 1.0 / 60.0, 1),
    "wait_p95_s": Shown("wait, 95th percentile", "min", 1.0 / 60.0, 1),
    "balked": Shown("drove on", "cars", digits=1),
    "reneged": Shown("gave up waiting", "cars", digits=1),
    "turned_away": Shown("found its place taken", "cars", digits=1),
    "fairness_jain": Shown("fairness (Jain)", "", digits=3),
    "served_share_p5": Shown("served, 5th percentile", "%", 100.0, 1),
    "co2_kg": Shown("CO2", "kg"),
    "self_consumption": Shown("sun used here", "%", 100.0, 1),
    "self_sufficiency": Shown("not from the grid", "%", 100.0, 1),
    "storage_cycles": Shown("storage, full cycles", "", digits=2),
    "voltage_lowest_share": Shown("lowest voltage", "% of nominal", 100.0, 1),
    "street_voltage_lowest_share": Shown("lowest voltage on its street", "% of nominal", 100.0, 1),
    "transformer_peak_share": Shown("street's transformer, highest load", "%", 100.0, 1),
    "transformer_life_h": Shown("street's transformer, life used", "h", digits=1),
    "site_transformer_peak_share": Shown("own transformer, highest load", "%", 100.0, 1),
    "site_transformer_hot_spot_c": Shown("own transformer, hot spot", "°C", digits=1),
    "site_transformer_life_h": Shown("own transformer, life used", "h", digits=1),
    "voltage_outside_share": Shown("time beyond ±10 % of the voltage", "%", 100.0, 2),
    "voltage_change_std_v": Shown("voltage change a minute, deviation", "V", digits=3),
    "writes_per_evse_h": Shown("setpoints written per EVSE", "1/h", digits=1),
}


def unit_of(shown: Shown, currency: str) -> str:
    """The unit with the scenario's currency."""
    return currency if shown.unit == "money" else shown.unit


def number(value: float, digits: int) -> str:
    """A number with thousands set apart, without a minus before a zero; thousands need no decimals."""
    digits = 0 if abs(value) >= 1000.0 else digits
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def value_text(interval: Interval, shown: Shown) -> str:
    """Mean and half the width of its interval: `12.3 ± 0.4`."""
    text = number(interval.mean * shown.scale, shown.digits)
    if interval.low is None or interval.high is None:
        return text
    half = 0.5 * (interval.high - interval.low) * abs(shown.scale)
    return text if half == 0.0 else f"{text} ± {number(half, shown.digits)}"


def difference_text(interval: Interval, shown: Shown) -> str:
    """The same of a difference, with its sign."""
    text = value_text(interval, shown)
    return text if text.startswith("-") or not text.strip("0.,± ") else f"+{text}"


def told(summary: Mapping[str, Mapping[str, Figure]]) -> Sequence[str]:
    """The metrics worth showing: those that are something under one strategy at least."""
    return [
        name
        for name, shown in SHOWN.items()
        if any(name in figures for figures in summary.values())
        and (
            shown.always
            or any(name in figures and figures[name].value.mean != 0.0 for figures in summary.values())
        )
    ]

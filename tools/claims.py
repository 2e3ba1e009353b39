"""Writes docs/claims.md from docs/figures/strategies.json and strategies-2020.json, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import Any

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "figures"
RATES = (5, 6, 7, 8, 9)
WIDTH = 110
LIMITS = (40, 50, 60, 70, 80, 90, 100)

HEAD = """# Claims B1 to B5

Made by `./dev docs` from docs/figures/strategies.json and strategies-2020.json, which `./dev bench strategies
--sessions FILE --json FILE` writes; no figure here is typed. Square brackets are 95 % intervals: paired
bootstrap over weeks (B1 to B3) or seeds (B5), Student's t over seeds with common random numbers (B4).
Definitions: [metrics](metrics.md); of the strategies: [strategies](strategies.md).
"""

COSTS = """## B1 and B2: what a month costs

Sessions of the JPL workplace (ACN-Data), tariff SCE TOU-EV-4 (March 2019), energy and demand charge, against
charging at full rate from the plug on. The cap of a month is tuned on the month before it; the first month of
a file is for tuning only. 2020 holds the first lockdown and stands apart. Unmet energy is told beside, and
was priced at 1 USD a kWh when the cap was tuned.
"""

DELIVERY = """## B3: energy delivered behind a limit that binds

`dynamic` against `static` (each EVSE a fixed share), by departure; the limit is a share of 150 kW for
52 EVSEs.
"""

WAITING = """## B4: waiting at a hub

Eight EVSEs of 150 kW behind 400 kW, a week, first come, first served, `dynamic` against fixed shares of 50
kW; mean from arrival to the plug. Arrivals and cars are assumptions (`ampacity.bench.strategies.waiting`).
"""

VOLTAGE = """## B5: voltage of a street

The IEEE European low-voltage test feeder, 33 of 55 houses with a car, a winter day by seconds, against
everybody at full rate from the plug on. Levers one by one and together, tuned on other
seeds; no lever knows more than its own connection and what drivers declared
([simulation-models](simulation-models.md#a-street-held-still)).
"""

LEVERS = (
    ("sharing", "`dynamic` under a common cap, no lever"),
    ("still", "cars start softly, no faster than they must"),
    ("meter", "... and follow their house's meter"),
    ("follow", "... and follow the voltage at the plug, each second"),
    ("follow_10s", "... each ten seconds"),
    ("both_ways", "... each second, a quarter of the cars give back"),
    ("vde", "full rate, Q(V) of VDE-AR-N 4105 in all chargers"),
    ("ieee", "full rate, Q(V) of IEEE 1547, category B, in all chargers"),
    ("moving", "full rate, steepest Q(V) of IEEE 1547 around a moving reference"),
    ("store", "full rate, a battery of 5 kWh in a quarter of the houses"),
    ("together", "cars follow, a quarter give back and have Q(V), a quarter of the houses a battery"),
)


def _read(name: str) -> dict[str, Any]:
    path = FIGURES / f"{name}.json"
    told: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return told


def _span(figures: dict[str, float], key: str, digits: int = 1) -> str:
    value, low, high = (figures[f"{key}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.{digits}f} % [{low:.{digits}f}, {high:.{digits}f}]"


def _costs(name: str, told: dict[str, Any]) -> list[str]:
    figures = told["figures"]
    lines = [
        f"### {name} ({figures['months']:.0f} months)",
        "",
        "| | `least-laxity`, knowing what drivers said | knowing true departures | offline optimum |",
        "|---|---|---|---|",
    ]
    for what, key in (
        ("B1 operating cost saved", "cost_saving_pct"),
        ("B2 demand charge saved", "demand_saving_pct"),
        ("gap to the optimum closed", "gap_closed_pct"),
        ("unmet", "unmet_pct"),
    ):
        cells = [
            "100 %" if prefix == "optimum_" and key == "gap_closed_pct" else _span(figures, f"{prefix}{key}")
            for prefix in ("", "known_", "optimum_")
        ]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return [*lines, ""]


def page() -> str:
    """docs/claims.md."""
    main, later = _read("strategies"), _read("strategies-2020")
    lines = [HEAD]
    if not main:
        return "\n".join([HEAD, "Nothing was measured yet.", ""])
    figures = main["figures"]
    lines += [f"Measured on {main['git']}, seed {main['seed']}; {figures['sessions']:,.0f} sessions.", ""]
    lines += [COSTS, *_costs("2019", main)]
    if later:
        lines += _costs("2020", later)
    lines += [
        DELIVERY,
        "| limit | delivered more | unmet, `static` | unmet, `dynamic` |",
        "|---|---|---|---|",
    ]
    for limit in LIMITS:
        at = f"at_{limit}_pct"
        unmet = [f"{figures[f'{name}_unmet_pct_{at}']:.1f} %" for name in ("static", "dynamic")]
        lines.append(f"| {limit} % | {_span(figures, f'delivered_gain_pct_{at}')} | {' | '.join(unmet)} |")
    lines += ["", WAITING, "| cars an hour | wait, fixed | wait, shared | change |", "|---|---|---|---|"]
    for rate in RATES:
        waits = [f"{figures[f'{name}_wait_min_at_{rate}_per_h']:.1f} min" for name in ("static", "dynamic")]
        change = _span(figures, f"wait_change_pct_at_{rate}_per_h")
        lines.append(f"| {rate} | {' | '.join(waits)} | {change} |")
    git = main.get("parts", {}).get("voltage", "")
    return "\n".join([*lines, "", VOLTAGE, *_voltage(figures, git)])


def _voltage(figures: dict[str, float], git: str) -> list[str]:
    def told(key: str, digits: int = 1) -> str:
        return _span(figures, f"voltage_{key}", digits)

    def number(key: str, digits: int = 1, sign: str = "") -> str:
        return f"{figures[key]:{sign}.{digits}f}"

    lines = [
        fill(
            f"{number('voltage_seeds', 0)} seeds; intervals: paired bootstrap over them. At full rate the "
            "change from minute to minute at the worst bus has a standard deviation of "
            f"{number('uncontrolled_voltage_std_v', 2)} V and is {number('uncontrolled_voltage_max_v')} V at "
            f"most. The houses alone make {number('voltage_houses_alone_std_v', 2)} V of deviation, the "
            f"cars alone {number('voltage_cars_alone_std_v', 2)} V. So no cars at all would change it by "
            f"{number('voltage_without_cars_std_change_pct', 0)} %: spreading alone cannot do more. "
            "The rest is the houses' own and has to be answered.",
            WIDTH,
        ),
        "",
        "| lever | deviation | greatest change | not delivered | losses, kWh | wear, EUR | orders |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, words in LEVERS:
        key = f"voltage_{name}"
        cells = [words, told(f"{name}_std_change_pct"), "", "", "", "", ""]
        if name != "sharing":
            cells[2:] = [
                told(f"{name}_max_change_pct", 0),
                f"{number(f'{key}_unmet_pct')} %",
                number(f"{key}_loss_kwh", 1, "+"),
                number(f"{key}_wear", 2),
                number(f"{key}_writes_per_car_h", 0),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = (
        "Not delivered: less than at full rate, of what cars asked that left within the day. Losses "
        f"(feeder, converters, batteries) beside {number('uncontrolled_loss_kwh', 0)} kWh, and wear: of the "
        "whole street and day. Orders: new setpoints per car and hour. With houses that switch on whole "
        "minutes only, as in earlier figures, following the voltage gives "
        f"{told('minute_houses_std_change_pct')}. Chargers that answer too quickly swing within the minute, "
        "which means of minutes do not show, so the change from second to second is bounded in tuning: "
        f"{told('follow_second_change_pct')} when following, {told('together_second_change_pct')} together."
    )
    if git:
        notes += f" Measured on {git} by `./dev bench strategies --part voltage`."
    return [*lines, "", fill(notes, WIDTH), ""]

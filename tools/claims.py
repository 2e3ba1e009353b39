"""Writes docs/claims.md from docs/figures/strategies.json and strategies-2020.json, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "figures"
RATES = (5, 6, 7, 8, 9)
LIMITS = (40, 50, 60, 70, 80, 90, 100)

HEAD = """# Claims B1 to B5

Made by `./dev docs` from docs/figures/strategies.json and strategies-2020.json, which `./dev bench strategies
--sessions FILE --json FILE` writes; no figure here is typed. Square brackets are 95 % intervals: paired
bootstrap over weeks (B1 to B3), Student's t over seeds with common random numbers (B4, B5). Definitions:
[metrics](metrics.md); of the strategies: [strategies](strategies.md).
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

The IEEE European low-voltage test feeder, 33 of 55 houses with a car, a day by minutes: `dynamic` under a
common cap (tuned on other seeds) against everybody at full rate.
"""


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
    lines += ["", VOLTAGE, "| figure at the worst bus | full rate | change |", "|---|---|---|"]
    for what, key in (
        ("standard deviation of the change from minute to minute", "std"),
        ("its greatest", "max"),
    ):
        base = f"{figures[f'uncontrolled_voltage_{key}_v']:.2f} V"
        lines.append(f"| {what} | {base} | {_span(figures, f'voltage_{key}_change_pct')} |")
    lowest = [f"{figures[f'voltage_lowest_{name}_v']:.1f} V" for name in ("uncontrolled", "dynamic")]
    lines += [
        "",
        f"The lowest voltage rises from {lowest[0]} to {lowest[1]};",
        f"{figures['voltage_unmet_pct']:.1f} % is not delivered.",
        "Most of the fluctuation is the households' own, and sharing current does not flatten that.",
        "",
    ]
    return "\n".join(lines)

"""The page: one HTML file, styles and pictures inside, light and dark, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from ..figures import SHOWN, difference_text, number, told, unit_of, value_text
from ..outcomes import SERVED, WAITED_MIN, Course
from ..result import Result
from .charts import Area, Line, Part, bars, courses, dots

_MOST_ROWS: Final = 12

_STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#16212b;--soft:#5b6b7a;--rule:#dde3e9;--card:#f6f8fa;
--building:#9aa7b3;--cars:#2f7de1;--sun:#e3a008;--storage:#8b5cf6;--site:#16212b;--limit:#d03a3a;
--good:#2a9d6f;--fair:#8ecfae;--poor:#f2b84b;--bad:#e07b39;--worst:#c23b3b;
--s0:#2f7de1;--s1:#e07b39;--s2:#2a9d6f;--s3:#8b5cf6;--s4:#c23b7a;--s5:#0f8b9d;--s6:#8a6d1f;--s7:#667}
@media(prefers-color-scheme:dark){:root{--bg:#10171e;--fg:#e8eef4;--soft:#9fb0c0;--rule:#2b3844;--card:#17212b;
--building:#5d6c7a;--cars:#4c96f0;--site:#e8eef4;--limit:#ff6b6b;--good:#3cba88;--fair:#2c6e54;--poor:#c99026;
--bad:#c8642a;--worst:#d65050}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:20px 16px 48px}h1{font-size:26px;margin:0 0 4px}
h2{font-size:18px;margin:34px 0 8px}p{margin:6px 0}.soft{color:var(--soft)}
.grid-of{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px}
figure{margin:0;background:var(--card);border-radius:10px;padding:10px 10px 6px}
figcaption{font-weight:600;margin:0 2px 4px}svg{display:block;width:100%;height:auto;max-width:720px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px}
th,td{padding:5px 12px 5px 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule);
vertical-align:top}th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--bg)}
td small{display:block;color:var(--soft)}.legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin:6px 2px;
font-size:13px;color:var(--soft)}.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;
margin-right:5px}ul{padding-left:20px;margin:6px 0}li{margin:3px 0}
.small{font-size:10.5px;fill:var(--soft)}.label{font-size:11.5px;fill:var(--fg)}
.grid{stroke:var(--rule);stroke-width:1;fill:none}.tick{stroke:var(--soft);stroke-width:1}
.line{fill:none;stroke-width:1.4}.line-site{stroke:var(--site)}.line-limit{stroke:var(--limit);
stroke-dasharray:5 4}.line-sun{stroke:var(--sun)}.line-storage{stroke:var(--storage)}
.area-building{fill:var(--building);opacity:.55}.area-cars{fill:var(--cars);opacity:.65}
.whisker{stroke:var(--fg);stroke-width:1.3;fill:none}.hover{fill:transparent}
.hover:hover{fill:var(--fg);fill-opacity:.08}
@media(max-width:640px){td:first-child{white-space:normal;min-width:104px;max-width:120px}th,td{padding-right:9px}}
@media print{body{font-size:11px}figure{break-inside:avoid}}
"""

_SERVED_KINDS: Final = ("worst", "bad", "poor", "fair", "good")
_WAITED_KINDS: Final = ("good", "fair", "poor", "bad", "worst")
_COSTS: Final = (
    ("energy_cost", "cars", "energy"),
    ("demand_cost", "poor", "demand charge"),
    ("unmet_cost", "worst", "unmet energy, priced"),
    ("wear_cost", "storage", "battery wear"),
)
_KINDS: Final = ("building", "cars", "sun", "storage", "good", "fair", "poor", "bad", "worst")


def page(result: Result, version: str, command: str) -> str:
    """The report of a sweep. `command` makes the same figures again."""
    scenario = result.scenario
    run = scenario.run
    series = [f"s{k}" for k in range(8)]
    parts = "".join(f".part-{kind}{{fill:var(--{kind})}}" for kind in (*_KINDS, *series))
    kind_of = {name: series[k % 8] for k, name in enumerate(result.strategies)}
    first, last = result.seeds[0], result.seeds[-1]
    seeds = f"seed {first}" if first == last else f"{len(result.seeds)} seeds ({first} to {last})"
    body = [
        f"<h1>{escape(scenario.name)}</h1><p>{escape(scenario.shows)}</p>",
        f'<p class="soft">{run.days:g} days from {run.starts.isoformat()} ({escape(run.time_zone)}), steps '
        f"of {run.step_s:g} s, {seeds}; {sum(group.count for group in scenario.evse)} EVSEs. Differences are "
        f"to <b>{escape(result.baseline)}</b>, seed by seed; ± is the 95 % interval of the mean."
        "</p>",
        "<h2>In figures</h2>",
        _table(result),
        "<h2>Power over time</h2>",
        f'<p class="soft">Seed {first}. Hover for details; times are local.</p>',
        _legend(_power_legend(result)),
        _powers(result),
        "<h2>Costs</h2>",
        _legend([(kind, name) for _, kind, name in _COSTS]),
        _costs(result),
        "<h2>What drivers got</h2>",
        _drivers(result),
        "<h2>Circuits</h2>",
        '<p class="soft">The highest share of its limit that each conductor carried, over all seeds.</p>',
        _legend([(kind_of[name], name) for name in result.strategies]),
        _circuits(result, kind_of),
        "<h2>What was assumed</h2>",
        "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in result.assumptions) + "</ul>",
        f'<p class="soft">Made by Ampacity {escape(version)}: <code>{escape(command)}</code></p>',
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(scenario.name)}: simulation</title><style>{_STYLE}{parts}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _table(result: Result) -> str:
    currency = result.scenario.prices.currency
    head = "".join(f"<th>{escape(name)}</th>" for name in result.strategies)
    rows = []
    for name in told(result.summary):
        shown = SHOWN[name]
        unit = unit_of(shown, currency)
        cells = []
        for strategy in result.strategies:
            figure = result.summary[strategy].get(name)
            if figure is None:
                cells.append("<td>–</td>")
                continue
            apart = ""
            if figure.difference is not None:
                apart = f"<small>{escape(difference_text(figure.difference, shown))}</small>"
            cells.append(f"<td>{escape(value_text(figure.value, shown))}{apart}</td>")
        label = escape(shown.label + (f", {unit}" if unit else ""))
        rows.append(f"<tr><td>{label}</td>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    spans = "".join(
        f'<span><i style="background:var(--{kind})"></i>{escape(name)}</span>' for kind, name in entries
    )
    return f'<div class="legend">{spans}</div>'


def _power_legend(result: Result) -> list[tuple[str, str]]:
    scenario = result.scenario
    entries = [("cars", "cars"), ("site", "site, from the grid"), ("limit", "limit of the connection")]
    if scenario.building:
        entries.insert(0, ("building", "building"))
    if scenario.sun is not None:
        entries.append(("sun", "sun"))
    if scenario.storage is not None:
        entries.append(("storage", "storage, charging"))
    return entries


def _powers(result: Result) -> str:
    found: list[tuple[str, Course]] = []
    for strategy in result.strategies:
        course = result.course_of(strategy).course
        if course is not None:
            found.append((strategy, course))
    # What a connection never comes near to would press everything else flat.
    most = max(
        max(*course.site_kw, *map(sum, zip(course.building_kw, course.cars_kw, strict=True)))
        for _, course in found
    )
    least = min(min(0.0, *course.site_kw, *course.storage_kw) for _, course in found)
    limit = max(max(course.limit_kw) for _, course in found)
    high = max(most, limit) if limit < 3.0 * most else most
    figures = []
    for strategy, course in found:
        zero = [0.0] * len(course.hours)
        top = [b + max(c, 0.0) for b, c in zip(course.building_kw, course.cars_kw, strict=True)]
        areas = [
            Area(name="building", kind="building", low=zero, high=course.building_kw),
            Area(name="cars", kind="cars", low=course.building_kw, high=top),
        ]
        lines = [
            Line(name="site", kind="site", values=course.site_kw),
            Line(name="sun", kind="sun", values=course.sun_kw),
            Line(name="storage", kind="storage", values=course.storage_kw),
        ]
        if max(course.limit_kw) <= high:
            lines.append(Line(name="limit", kind="limit", values=course.limit_kw))
        first_hour = result.scenario.run.start_hour
        drawn = courses(
            f"Power under {strategy}", course.hours, first_hour, lines, areas, "kW", (least, high * 1.02)
        )
        figures.append(f"<figure><figcaption>{escape(strategy)}, kW</figcaption>{drawn}</figure>")
    return f'<div class="grid-of">{"".join(figures)}</div>'


def _costs(result: Result) -> str:
    currency = result.scenario.prices.currency
    rows, whiskers = [], []
    for strategy in result.strategies:
        figures = result.summary[strategy]
        parts = []
        for metric, kind, name in _COSTS:
            value = figures[metric].value.mean
            parts.append(Part(name=name, kind=kind, value=value, said=f"{number(value, 2)} {currency}"))
        total = figures["total_cost"].value
        rows.append((strategy, parts, f"{value_text(total, SHOWN['total_cost'])} {currency}"))
        whiskers.append(None if total.low is None or total.high is None else (total.low, total.high))
    drawn = bars("Costs by strategy", rows, whiskers)
    caption = f"<figcaption>Mean over the seeds, {escape(currency)}</figcaption>"
    return f'<div class="grid-of"><figure>{caption}{drawn}</figure></div>'


def _drivers(result: Result) -> str:
    low = ["less than 50 %", "50 to 80 %", "80 to 95 %", "95 to 99.5 %", "all"]
    assert len(low) == len(SERVED) + 1 == len(_SERVED_KINDS)
    found = [
        "<figure><figcaption>Share of what was possible, by cars</figcaption>",
        _legend(list(zip(_SERVED_KINDS, low, strict=True))),
        _classes(result, "served", _SERVED_KINDS, low, "cars"),
        "</figure>",
    ]
    if any(sum(result.counted(strategy, "waited")) for strategy in result.strategies):
        waits = ["at once", "to 5 min", "5 to 15 min", "15 to 30 min", "longer"]
        assert len(waits) == len(WAITED_MIN) + 1
        found += [
            "<figure><figcaption>Waiting for an EVSE, by cars</figcaption>",
            _legend(list(zip(_WAITED_KINDS, waits, strict=True))),
            _classes(result, "waited", _WAITED_KINDS, waits, "cars"),
            "</figure>",
        ]
    return f'<div class="grid-of">{"".join(found)}</div>'


def _classes(result: Result, what: str, kinds: Sequence[str], names: Sequence[str], unit: str) -> str:
    rows = []
    for strategy in result.strategies:
        counts = result.counted(strategy, what)
        total = sum(counts) or 1
        parts = [
            Part(
                name=name,
                kind=kind,
                value=count / total,
                said=f"{count} {unit}, {100.0 * count / total:.1f} %",
            )
            for kind, name, count in zip(kinds, names, counts, strict=True)
        ]
        best = -1 if what == "served" else 0
        rows.append((strategy, parts, f"{100.0 * counts[best] / total:.1f} % {names[best]}"))
    return bars(f"Drivers by class: {what}", rows)


def _circuits(result: Result, kind_of: dict[str, str]) -> str:
    names = result.outcomes[0].rows
    peaks = {
        strategy: [
            max(one.row_peaks[k] for one in result.outcomes if one.strategy == strategy)
            for k in range(len(names))
        ]
        for strategy in result.strategies
    }
    fullest = sorted(range(len(names)), key=lambda k: -max(peaks[s][k] for s in result.strategies))
    chosen = sorted(fullest[:_MOST_ROWS])
    rows = [
        (
            names[k],
            [
                Part(name=s, kind=kind_of[s], value=peaks[s][k], said=f"{100.0 * peaks[s][k]:.1f} %")
                for s in result.strategies
            ],
        )
        for k in chosen
    ]
    left = len(names) - len(chosen)
    note = f'<p class="soft">The {_MOST_ROWS} fullest of {len(names)}.</p>' if left else ""
    drawn = dots("Highest load of each conductor", rows, 1.0)
    return f'<div class="grid-of"><figure>{drawn}</figure></div>{note}'

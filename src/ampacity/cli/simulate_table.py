"""The table of a sweep on the terminal: a metric a row, a strategy a column."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ..simulation.scenarios.figures import SHOWN, difference_text, number, told, unit_of, value_text
from ..simulation.scenarios.result import Result

_LABEL, _COLUMN = 34, 19
"""Characters that a metric's name and a strategy's figures take."""


def title_of(result: Result, width: int) -> str:
    """What the table is about, on one line."""
    count, run = len(result.seeds), result.scenario.run
    seeds = f"{count} seeds" if count > 1 else f"seed {result.seeds[0]}"
    told = f"{result.scenario.name}: {run.days:g} days, {seeds}"
    if not _fits(result, width):
        needed = _LABEL + _COLUMN * len(result.strategies)
        return f"{told}, means (intervals and differences: from {needed} columns on, or --html)"
    return f"{told}, ± 95 %; below: difference to {result.baseline}"


def foot_of(result: Result) -> str:
    """What the end of the run left out, on one line; empty where it cut nothing."""
    figures = result.summary[result.baseline]
    cut, visits = figures["cut_visits"], figures["visits"]
    if cut is None or visits is None or cut.value.mean <= 0.0:
        return ""
    return (
        f"{cut.value.mean:.1f} of {visits.value.mean:.1f} visits a run are cut by its end: "
        "they count with what was possible until then"
    )


def _fits(result: Result, width: int) -> bool:
    return width >= _LABEL + _COLUMN * len(result.strategies)


def table_of(result: Result, width: int) -> Table:
    """Means with their intervals over the seeds; beneath, the difference to the baseline, seed by seed. On a
    terminal too narrow for these, the means alone."""
    whole = _fits(result, width)
    currency = result.scenario.prices.currency
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for strategy in result.strategies:
        table.add_column(strategy, justify="right", overflow="fold")
    for name in told(result.summary):
        shown = SHOWN[name]
        unit = unit_of(shown, currency)
        cells = []
        for strategy in result.strategies:
            figure = result.summary[strategy].get(name)
            if figure is None:
                cells.append(Text("–"))
            elif not whole:
                cells.append(Text(number(figure.value.mean * shown.scale, shown.digits)))
            else:
                cell = Text(value_text(figure.value, shown))
                if figure.difference is not None:
                    cell.append(f"\n{difference_text(figure.difference, shown)}", style="dim")
                cells.append(cell)
        table.add_row(f"{shown.label}, {unit}" if unit else shown.label, *cells)
    return table

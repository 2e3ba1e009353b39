"""The table of a sweep on the terminal: a metric a row, a strategy a column."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ..simulation.scenarios.figures import SHOWN, difference_text, told, unit_of, value_text
from ..simulation.scenarios.result import Result


def title_of(result: Result) -> str:
    """What the table is about, on one line."""
    count, run = len(result.seeds), result.scenario.run
    said = f"{count} seeds, ± 95 %" if count > 1 else f"seed {result.seeds[0]}"
    name = result.scenario.name
    return f"{name}: {run.days:g} days, {said}; below: difference to {result.baseline}"


def table_of(result: Result) -> Table:
    """Means with their intervals over the seeds; beneath, the difference to the baseline, seed by seed."""
    scenario = result.scenario
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for strategy in result.strategies:
        table.add_column(strategy, justify="right")
    for name in told(result.summary):
        shown = SHOWN[name]
        unit = unit_of(shown, scenario.prices.currency)
        cells = []
        for strategy in result.strategies:
            figure = result.summary[strategy].get(name)
            cell = Text("–" if figure is None else value_text(figure.value, shown))
            if figure is not None and figure.difference is not None:
                cell.append(f"\n{difference_text(figure.difference, shown)}", style="dim")
            cells.append(cell)
        table.add_row(f"{shown.label}, {unit}" if unit else shown.label, *cells)
    return table

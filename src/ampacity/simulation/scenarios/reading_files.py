"""Reading the files that a scenario names before anything is run: what is wrong in one is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from ..arrivals import read_sessions
from ..arrivals.model_file import load_arrivals
from ..equipment import tariffs
from ..equipment.series import Quantity, SeriesRangeError, read_series
from .faults import Fault, shown
from .spec import ModelArrivals, Scenario, SessionArrivals
from .surroundings import times_of


def unreadable(scenario: Scenario, folder: Path) -> Iterator[Fault]:
    """What is wrong in files that are there. Series must have values for all of the run."""
    times = times_of(scenario.run)
    begins_s = times.at_s - 0.5 * times.step_s

    def series(quantity: Quantity, path: Path) -> None:
        read_series(path, quantity).over(begins_s, times.step_s)

    prices = scenario.prices
    named: list[tuple[str, str | None, Quantity]] = [
        ("prices.file", prices.file, "price"),
        ("prices.co2_file", prices.co2_file, "co2"),
        ("sun.file", None if scenario.sun is None else scenario.sun.file, "sun"),
    ]
    for key, file, quantity in named:
        if file is not None:
            yield from _tried(key, file, partial(series, quantity), folder)
    if prices.tariff is not None:
        yield from _tried("prices.tariff", prices.tariff, tariffs.read_tariff, folder)
    for k, arrivals in enumerate(scenario.arrivals):
        if isinstance(arrivals, SessionArrivals):
            yield from _tried(f"arrivals[{k}].file", arrivals.file, read_sessions, folder)
        elif isinstance(arrivals, ModelArrivals):
            yield from _tried(f"arrivals[{k}].file", arrivals.file, load_arrivals, folder)


def _tried(key: str, file: str, read: Callable[[Path], object], folder: Path) -> Iterator[Fault]:
    try:
        read(folder / file)
    except SeriesRangeError as problem:
        yield Fault(key=key, value=shown(file), problem=str(problem), remedy="Or move run.starts.")
    except (ValueError, OSError, msgspec.MsgspecError) as problem:
        # The readers name file, line, column, value and what would be right.
        yield Fault(
            key=key,
            value=shown(file),
            problem=f"can't be used: {problem}",
            remedy="Mend the file or name another.",
        )

"""`ampacity fit`: a site's own history becomes a model of its arrivals, with its goodness beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..simulation.arrivals import SessionFile, SessionFileError, read_sessions
from ..simulation.arrivals.fitting import Fitted, TooLittleData
from ..simulation.arrivals.goodness import Goodness, fit_site
from ..simulation.arrivals.history import History, history_of
from ..simulation.arrivals.model_file import arrivals_text

#: Of the days, the last ones, that the judged model doesn't see.
_HELD_OUT = 0.25

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def fit_sessions(
    paths: Sequence[Path],
    *,
    output: Path | None = None,
    figures: Path | None = None,
    timezone: str | None = None,
    name: str | None = None,
    seed: int = 1,
) -> int:
    """Fit, show, write; 0 when it is done, 2 when the files can't carry a fit."""
    console = Console()
    try:
        tz = None if timezone is None else ZoneInfo(timezone)
        files = [read_sessions(path) for path in paths]
        history = history_of(files, tz)
        name = name or paths[0].name.split(".")[0]
        source = f"{', '.join(path.name for path in paths)}: {history.first} to {history.last}"
        with _bar(console) as bar:
            task = bar.add_task("fit", total=1.0)

            def told(what: str, share: float) -> None:
                bar.update(task, completed=share, description=what)

            made = fit_site(history, seed, name=name, source=source, held_out=_HELD_OUT, progress=told)
        whole, goodness = made.fitted, made.goodness
        if output is not None:
            output.write_text(arrivals_text(whole.model, goodness.figures(), _remarks(history, seed)))
        if figures is not None:
            figures.write_bytes(_figures(whole, history, goodness, seed))
    except ZoneInfoNotFoundError:
        print(
            f"ampacity fit: there is no time zone {timezone!r}: write one such as Europe/Brussels",
            file=sys.stderr,
        )
        return 2
    except (SessionFileError, TooLittleData) as problem:
        print(f"ampacity fit: {problem}", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"ampacity fit: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 2
    _show(console, files, history, whole, goodness, tz is None)
    if output is not None:
        console.print(f"Model  {output}", soft_wrap=True, highlight=False)
    return 0


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description:38}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _remarks(history: History, seed: int) -> tuple[str, ...]:
    return (
        "A model of arrivals, written by ampacity fit; docs/session-files.md describes it.",
        f"Fitted on {len(history)} sessions of {len(history.days)} days, {history.evses} EVSEs, seed {seed}.",
        f"Its goodness: the same on the first {1 - _HELD_OUT:.0%} of the days, judged on the rest.",
    )


def _figures(fitted: Fitted, history: History, goodness: Goodness, seed: int) -> bytes:
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "name": "fit",
                "figures": goodness.figures(),
                "quantiles": goodness.quantiles,
                "seed": seed,
                "history": {
                    "first": history.first,
                    "last": history.last,
                    "sessions": len(history),
                    "left_out": history.left_out,
                    "evses": history.evses,
                    "days_off": [_WEEK[day] for day in fitted.calendar.days_off],
                    "closed": [date.fromordinal(day) for day in sorted(fitted.calendar.closed)],
                },
                "days": fitted.counts,
            }
        )
    )


def _show(
    console: Console,
    files: Sequence[SessionFile],
    history: History,
    fitted: Fitted,
    goodness: Goodness,
    own_offsets: bool,
) -> None:
    counts, calendar = fitted.counts, fitted.calendar
    closed = [date.fromordinal(day) for day in sorted(calendar.closed)]
    found = Table(title="What the files say", show_header=False)
    found.add_row("Period", f"{history.first} to {history.last}, {len(history.days)} days")
    found.add_row("Sessions", f"{len(history)}, left out {history.left_out} (too short, too long, no energy)")
    mended = sum(file.shortened + file.dropped + file.credited + file.merged for file in files)
    if mended:
        found.add_row("Mended", f"{mended} rows: two cars on one EVSE, credits, parts of one session")
    found.add_row("EVSEs", f"{history.evses}, up to {history.most_kw:.1f} kW")
    found.add_row("Days off", ", ".join(_WEEK[day] for day in calendar.days_off) or "none")
    found.add_row("Closed", _listed(closed))
    found.add_row(
        "Sessions per EVSE and working day",
        f"{counts.sessions_per_evse:.2f}, variance over mean {counts.dispersion:.2f}",
    )
    found.add_row(
        "Days of the week",
        " ".join(f"{day[:2]} {f:.2f}" for day, f in zip(_WEEK, counts.day_factors, strict=True)),
    )
    declared = int((~np.isnan(history.declared_h)).sum())
    found.add_row("Declared departures", f"{declared}{'' if declared >= 100 else ', too few to fit'}")
    console.print(found)
    if own_offsets and {file.form for file in files} == {"ocpi"}:
        console.print("Times of CDRs are UTC: give --timezone for hours as the site has them.")
    how = Table(
        title=f"How good: fitted on {goodness.days_fitted} days, held out {goodness.days_held_out}"
    )  # fmt: skip
    for head in ("", "fitted", "held out"):
        how.add_column(head, justify="right" if head else "left")
    how.add_row("sessions", str(goodness.sessions_fitted), str(goodness.sessions_held_out))
    for label, one, two in (
        ("log likelihood a session", goodness.log_likelihood_fitted, goodness.log_likelihood_held_out),
        (
            "sessions per EVSE and working day",
            goodness.sessions_per_evse_fitted,
            goodness.sessions_per_evse_held_out,
        ),
        ("variance over mean of a day", goodness.dispersion_fitted, goodness.dispersion_held_out),
    ):
        how.add_row(label, f"{one:.3f}", f"{two:.3f}")
    console.print(how)
    away = Table(title="Kolmogorov-Smirnov distances")
    for head in ("", "generated to fitted", "generated to held out", "fitted to held out (real to real)"):
        away.add_column(head, justify="right" if head else "left")
    for quantity, distance in goodness.distances.items():
        away.add_row(
            quantity,
            f"{distance.generated_to_fitted:.3f}",
            f"{distance.generated_to_held_out:.3f}",
            f"{distance.fitted_to_held_out:.3f}",
        )
    console.print(away)
    quantiles = Table(title="Quantiles: hour of arrival, hours, kWh")
    for head in ("", "quantile", "fitted", "held out", "generated"):
        quantiles.add_column(head, justify="right" if head else "left")
    for row in goodness.quantiles:
        quantiles.add_row(
            row.quantity,
            f"{row.probability:.0%}",
            f"{row.fitted:.2f}",
            f"{row.held_out:.2f}",
            f"{row.generated:.2f}",
        )
    console.print(quantiles)


def _listed(days: Sequence[date], most: int = 12) -> str:
    shown = ", ".join(str(day) for day in days[:most])
    return (f"{shown} and {len(days) - most} more" if len(days) > most else shown) or "none"

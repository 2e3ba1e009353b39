"""`ampacity bench strategies`: claims B1 to B5, each against the baseline that its definition names.

Recorded sessions (`--sessions FILE`, several whole months) or, without a file, four months of our fitted
generator. Nothing is tuned on what is reported.
"""

from __future__ import annotations

from pathlib import Path

from .. import Outcome
from ..report import BenchFailed
from .costs import costs
from .delivery import delivery
from .garage import generated, recorded
from .voltage import voltage
from .waiting import waiting

SEED = 20261122
SEEDS = 10
QUICK_SEEDS = 2


VOLTAGE_NOTES = (
    "voltage_: B5, against full rate; headline: together (see ampacity.bench.strategies.voltage).",
    "_low, _high: 95 % intervals, a paired bootstrap over seeds.",
)


def run(quick: bool, sessions: Path | None = None, part: str | None = None) -> Outcome:
    """Measure all five, or `part` "voltage" (B5) alone; see the modules. Raises BenchFailed."""
    if part is not None:
        if part != "voltage":
            raise BenchFailed(f"bench strategies has no part {part!r}: the one that runs alone is 'voltage'")
        found = voltage(QUICK_SEEDS if quick else SEEDS, SEED, quick)
        return Outcome(figures=found, seed=SEED, notes=VOLTAGE_NOTES)
    recordings = generated(SEED) if sessions is None else recorded(sessions)
    most_months = 2 if quick else None
    figures, names = costs(recordings, SEED, most_months)
    figures |= delivery(recordings, SEED, most_months)
    figures |= waiting(QUICK_SEEDS if quick else SEEDS)
    figures |= voltage(QUICK_SEEDS if quick else SEEDS, SEED, quick)
    figures["sessions"] = float(len(recordings.rows))
    figures["sessions_left_out"] = float(recordings.left_out)
    return Outcome(
        figures=figures,
        seed=SEED,
        notes=(
            f"sessions: {recordings.source}; costs of {', '.join(names)}, each tuned on the month before.",
            "cost_, demand_, unmet_, gap_closed_: least laxity under a tuned cap, knowing what drivers said; "
            "known_: knowing true departures; optimum_: offline, knowing everything.",
            "_low, _high: 95 % intervals, over weeks (B1 to B3) or seeds (B4, B5).",
        ),
    )

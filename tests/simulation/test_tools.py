"""The tools behind the fitted numbers run on files of the documented form, from the command line."""

from __future__ import annotations

import runpy
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from ampacity.simulation.arrivals import generate_workplace, session_rows
from ampacity.simulation.evses import replay_evses
from ampacity.simulation.sessions import read_sessions, write_sessions

ROOT = Path(__file__).parents[2]


def run(tool: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "", **environment},
        check=False,
    )


def test_the_fit_finds_its_own_generator_again(tmp_path: Path) -> None:
    evses = replay_evses(tuple(f"E{n}" for n in range(40)))
    rng = np.random.default_rng(8)
    visits = [
        visit
        for offset in range(14)
        for visit in generate_workplace(rng, date(2026, 6, 1) + timedelta(offset), evses)
    ]
    # Nights may cross midnight: stations of the second week are their own.
    write_sessions(tmp_path / "site.csv", session_rows(visits))
    site, constants = str(tmp_path / "site.csv"), tmp_path / "constants.py"
    done = run("fit_arrivals.py", "--fit", site, site, "--held-out", site, "--write", str(constants))
    assert done.returncode == 0, done.stderr
    assert "Kolmogorov-Smirnov distance, arrival: generated to fitted 0.0" in done.stdout
    found = runpy.run_path(str(constants))
    assert sum(row[0] for row in found["ARRIVAL_DWELL"]) == pytest.approx(1.0, abs=1e-4)
    assert found["SESSIONS_PER_EVSE"][0] == pytest.approx(1.05, abs=0.15)
    assert found["WEEKEND_FACTOR"] < 0.35
    assert found["DECLARED_SHARE"] == pytest.approx(0.934, abs=0.03)


def test_without_files_the_fit_says_what_it_needs() -> None:
    done = run("fit_arrivals.py")
    assert done.returncode == 2
    assert "AMPACITY_REFERENCE" in done.stderr


def test_the_small_file_can_be_made_again(tmp_path: Path) -> None:
    done = run("synthetic_sessions.py", "--out", str(tmp_path / "s.csv"))
    assert done.returncode == 0, done.stderr
    made = read_sessions(tmp_path / "s.csv")
    assert made.shortened == made.dropped == 0
    assert len(made.station_ids) > 45

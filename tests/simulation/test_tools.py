"""The tools behind the fitted numbers run on files of the documented form, from the command line."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ampacity.simulation.arrivals import archetype, load_arrivals, session_rows
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
    evses = replay_evses(tuple(f"E{n}" for n in range(20)))
    truth = archetype("workplace")
    visits = truth.generate(np.random.default_rng(8), date(2026, 6, 1), evses, days=28)
    write_sessions(tmp_path / "site.csv", session_rows(visits))
    site, written = str(tmp_path / "site.csv"), tmp_path / "workplace.toml"
    done = run(
        "fit_arrivals.py", "--fit", site, "--held-out", site, "--starts", "1", "--write", str(written)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ks_arrival_generated_to_fitted" in done.stdout
    found = load_arrivals(written)
    assert found.sessions_per_evse == pytest.approx(truth.sessions_per_evse, abs=0.12)
    assert found.days_off == (5, 6)
    assert max(found.day_factors[5:]) < 0.35


@pytest.mark.parametrize("tool", ["fit_arrivals.py", "fit_published.py"])
def test_without_files_a_fit_says_what_it_needs(tool: str) -> None:
    done = run(tool)
    assert done.returncode == 2
    assert "AMPACITY_REFERENCE" in done.stderr


def test_the_small_file_can_be_made_again(tmp_path: Path) -> None:
    done = run("synthetic_sessions.py", "--out", str(tmp_path / "s.csv"))
    assert done.returncode == 0, done.stderr
    made = read_sessions(tmp_path / "s.csv")
    assert made.shortened == made.dropped == 0
    assert len(made.station_ids) > 45

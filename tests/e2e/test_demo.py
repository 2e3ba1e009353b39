"""The demo as a command: real sessions through live stations, misbehaving stations, and misuse."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SESSIONS = ROOT / "tests" / "data" / "sessions_54evse_2h.csv"
PORTS = ("--http-port", "0", "--ocpp-port", "0")


def run_demo(folder: Path, *options: str, timeout_s: float = 400.0) -> tuple[int, str, dict[str, Any]]:
    """Run `ampacity demo` to its end; returns its exit code, what it said and its figures."""
    figures = folder / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "ampacity", "demo", *options, "--json", str(figures)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    told = json.loads(figures.read_text()) if figures.exists() else {}
    return done.returncode, done.stdout + done.stderr, told


def hurried(folder: Path, times: int) -> Path:
    """The session file with everything so many times as soon after its beginning, and so much less energy."""
    with SESSIONS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    begin = min(datetime.fromisoformat(row["arrival"]) for row in rows)
    for row in rows:
        for name in ("arrival", "departure", "estimated_departure"):
            if row[name]:
                row[name] = str(begin + (datetime.fromisoformat(row[name]) - begin) / times)
        for name in ("requested_energy (kWh)", "delivered_energy (kWh)"):
            if row[name]:
                row[name] = f"{float(row[name]) / times:.3f}"
    hurried = folder / "hurried.csv"
    with hurried.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return hurried


@pytest.mark.timeout(500)
def test_two_hours_of_a_session_file_at_54_evses(tmp_path: Path) -> None:
    """Arrivals, departures, stations and energies of a file, through 54 live stations of three versions: all
    that happens in its two hours within half an hour (as it is: `ampacity demo --sessions FILE`).
    """
    sessions = str(hurried(tmp_path, 4))
    code, said, figures = run_demo(
        tmp_path, *PORTS, "--sessions", sessions, "--site-hours", "0.5", "--speed", "60"
    )
    assert code == 0, said
    assert figures["faults"] == []
    assert figures["sessions_started"] == len(SESSIONS.read_text().splitlines()) - 1
    assert figures["sessions_finished"] >= 10
    assert figures["delivered_kwh"] > 40
    assert figures["energy_mismatches"] == 0
    assert figures["acknowledged"] > 1_500
    assert figures["lost"] == figures["repeated"] == 0
    assert figures["reservations_over"] == figures["breaker_trips"] == 0
    assert figures["longest_over_105_s"] <= 10


def test_stations_that_ignore_limits_do_not_break_the_site(tmp_path: Path) -> None:
    # On this day the unruly three and the building alone take 74 A of the 110: the others must make room.
    code, said, figures = run_demo(
        tmp_path, *PORTS, "--seed", "3", "--day", "2026-09-17", "--site-hours", "0.25", "--speed", "60",
        "--unruly", "3", "--evses", "16", "--limit", "110",
    )  # fmt: skip
    assert code == 0, said
    assert figures["breaker_trips"] == 0
    assert figures["longest_over_105_s"] <= 10


def test_uncontrolled_cars_break_a_small_connection_and_the_demo_says_so(tmp_path: Path) -> None:
    """The same verdict can fail: a demo that always passes proves nothing."""
    code, said, figures = run_demo(
        tmp_path, *PORTS, "--day", "2026-09-15", "--site-hours", "0.2", "--speed", "60",
        "--strategy", "uncontrolled", "--limit", "90",
    )  # fmt: skip
    assert code == 1
    assert figures["longest_over_105_s"] > 10
    assert "above 105 %" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--speed", "1000"), ("--speed", "1000", "at most")),
        (("--sessions", "absent.csv"), ("absent.csv", "no such file")),
        (("--sessions", str(SESSIONS), "--day", "1999-01-01"), ("1999-01-01", "--day")),
    ],
)
def test_what_is_not_possible_is_said_with_its_remedy(
    tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    code, said, _ = run_demo(tmp_path, *PORTS, *options, timeout_s=60)
    assert code == 2
    assert all(word in said for word in words)
    assert "Traceback" not in said


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said, _ = run_demo(tmp_path, "--http-port", port, "--ocpp-port", "0", timeout_s=60)
    assert code == 2
    assert port in said
    assert "Traceback" not in said


def test_a_session_file_with_nonsense_names_line_and_column(tmp_path: Path) -> None:
    lines = SESSIONS.read_text().splitlines()
    broken = tmp_path / "broken.csv"
    broken.write_text(
        os.linesep.join([lines[0], lines[1], lines[2].replace(lines[2].split(",")[0], "yesterday")])
    )
    code, said, _ = run_demo(tmp_path, *PORTS, "--sessions", str(broken), timeout_s=60)
    assert code == 2
    assert "broken.csv" in said
    assert "yesterday" in said
    assert "arrival" in said

"""Sweeps: the same figures whatever the number of workers, errors that say which run it was, a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from ampacity.cli import main
from ampacity.simulation.scenarios.reading import load
from ampacity.simulation.scenarios.spec import Scenario, StrategiesSpec
from ampacity.simulation.scenarios.sweep import TaskFailed, perform, sweep, tasks_of

NAMES = ("uncontrolled", "static", "dynamic")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    found, _ = load("ten-vans-at-six")
    return structs.replace(found, run=structs.replace(found.run, days=0.5, step_s=300.0))


def figures(folder: Path, name: str, *options: str) -> dict[str, object]:
    path = folder / f"{name}.json"
    words = ["simulate", "ten-vans-at-six", "--seeds", "2", "--days", "0.5", "--strategies", ",".join(NAMES)]
    assert main([*words, "--json", str(path), *options]) == 0
    found: dict[str, object] = msgspec.json.decode(path.read_bytes())
    return found


def test_the_figures_are_the_same_bytes_with_one_process_and_with_two(tmp_path: Path) -> None:
    alone, together = figures(tmp_path, "one"), figures(tmp_path, "two", "--jobs", "2")
    assert list(alone)[-1] == "timings"
    del alone["timings"], together["timings"]
    assert msgspec.json.encode(alone) == msgspec.json.encode(together)
    runs = alone["runs"]
    assert isinstance(runs, list)
    assert [(run["strategy"], run["seed"]) for run in runs] == [(s, k) for k in (1, 2) for s in NAMES]


def test_the_same_arrivals_meet_every_strategy(scenario: Scenario) -> None:
    tasks = tasks_of(scenario, Path.cwd(), ("static", "dynamic"), [5])
    first, second = sweep(tasks)
    assert first.metrics["possible_kwh"] == second.metrics["possible_kwh"]
    assert first.metrics["delivered_kwh"] != second.metrics["delivered_kwh"]


def test_a_run_that_fails_names_scenario_strategy_and_seed(scenario: Scenario, tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "class Broken:\n"
        "    name, api = 'broken', 1\n"
        "    def begin(self, site, rng): pass\n"
        "    def decide(self, observation): raise RuntimeError('no idea')\n"
    )
    tasks = tasks_of(scenario, tmp_path, ("static", f"{plugin}:Broken"), [3])
    with pytest.raises(TaskFailed, match="no idea") as caught:
        sweep(tasks, jobs=2)
    assert (caught.value.scenario, caught.value.seed) == ("Ten vans at six", 3)
    assert caught.value.strategy.endswith("broken.py:Broken")


def test_an_unknown_strategy_or_setting_is_told_with_what_there_is(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "ten-vans-at-six", "--seeds", "1", "--strategies", "dynamo"]) == 1
    said = capsys.readouterr().err
    assert "seed 1" in said
    assert "dynamic" in said
    odd = structs.replace(
        scenario, strategies=StrategiesSpec(names=("dynamic",), settings={"dynamic": {"cap_kw": 3.0}})
    )
    with pytest.raises(TaskFailed, match="no setting 'cap_kw': it has"):
        perform(tasks_of(odd, Path.cwd(), ("dynamic",), [1])[0])


def test_a_variant_is_its_strategy_with_other_settings(scenario: Scenario) -> None:
    capped = structs.replace(
        scenario,
        strategies=StrategiesSpec(
            names=("least-laxity", "capped"),
            settings={"capped": {"strategy": "least-laxity", "cap_w": 15_000.0}},
        ),
    )
    free, bound = sweep(tasks_of(capped, Path.cwd(), capped.strategies.names, [2]))
    assert max(bound.course.cars_kw) <= 15.1 < max(free.course.cars_kw)  # type: ignore[union-attr]


def test_ctrl_c_ends_the_sweep_and_its_workers(tmp_path: Path) -> None:
    words = ["simulate", "ten-vans-at-six", "--seeds", "5000", "--jobs", "2", "--days", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ampacity", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        workers: list[int] = []
        # The first run may compile the kernels before there are workers.
        deadline = time.monotonic() + 180.0
        while len(workers) < 2 and time.monotonic() < deadline and process.poll() is None:
            workers = children(process.pid, "spawn_main")
            time.sleep(0.1)
        assert len(workers) == 2
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said.decode()
    assert b"Traceback" not in said
    assert not [pid for pid in workers if "spawn_main" in command(pid)]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def children(pid: int, of: str) -> list[int]:
    """Children of a process whose command line holds `of`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and of in command(int(entry.name)):
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


@contextmanager
def local_ray(folder: Path) -> Iterator[str]:
    """A Ray of one machine, started as its users start it; its address."""
    import ray

    context = ray.init(
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=str(folder),
    )
    try:
        yield str(context.address_info["gcs_address"])
    finally:
        ray.shutdown()


def test_a_cluster_gives_the_same_figures(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """The command runs by itself, as a user's would, on a real Ray."""
    here = figures(tmp_path, "here")
    path = tmp_path / "there.json"
    with local_ray(tmp_path_factory.mktemp("r")) as address:
        words = ["simulate", "ten-vans-at-six", "--seeds", "2", "--days", "0.5", "--json", str(path)]
        done = subprocess.run(
            [sys.executable, "-m", "ampacity", *words, "--strategies", ",".join(NAMES), "--cluster", address],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    there = msgspec.json.decode(path.read_bytes())
    del here["timings"], there["timings"]
    assert msgspec.json.encode(here) == msgspec.json.encode(there)


def test_no_cluster_at_the_address_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "ten-vans-at-six", "--seeds", "1", "--cluster", "127.0.0.1:1"]
    assert main(words) == 2
    assert "no Ray cluster at 127.0.0.1:1" in capsys.readouterr().err

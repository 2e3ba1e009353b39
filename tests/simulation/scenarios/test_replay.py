"""A recording of the control law gives the same decisions again, and a failing test leaves one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ampacity.cli import main
from ampacity.control.types import Decision, Snapshot
from ampacity.simulation.scenarios.replay import read_recording, record, replay
from tests.control.plant import Car, Plant
from tests.control.scene import A, site

ROOT = Path(__file__).resolve().parents[3]


def some_minutes() -> tuple[list[Snapshot], list[Decision]]:
    """A plant that loses messages, for two minutes."""
    snapshots: list[Snapshot] = []

    class Watched(Plant):
        def snapshot(self) -> Snapshot:
            snapshots.append(super().snapshot())
            return snapshots[-1]

    plant = Watched(site(), lambda circuit, at: (20.0, 20.0, 20.0), {A: Car(takes_a=25.0)}, seed=4, loss=0.2)
    plant.run(120)
    return snapshots, plant.log


def test_a_recording_gives_the_same_decisions_again(tmp_path: Path) -> None:
    snapshots, decisions = some_minutes()
    path = tmp_path / "law.json"
    path.write_bytes(record(snapshots))
    assert [tick.decision for tick in replay(read_recording(path))] == decisions
    assert any(decision.raises for decision in decisions)


def test_the_command_shows_each_tick_with_its_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    snapshots, _ = some_minutes()
    path = tmp_path / "law.json"
    path.write_bytes(record(snapshots[:40]))
    assert main(["simulate", "--replay", str(path)]) == 0
    said = capsys.readouterr().out
    assert "+39 s, dynamic" in said
    assert "a/1" in said
    assert "raise to" in said
    assert "no_session" in said
    assert "40 ticks, 0 promises above a limit" in said


@pytest.mark.parametrize(
    ("content", "says"), [(b"{", "no recording"), (b'{"form": 2}', "no recording"), (None, "can't be read")]
)
def test_what_is_no_recording_is_told(
    content: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "law.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["simulate", "--replay", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_a_failing_test_of_the_law_leaves_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/control/conftest.py").read_text())
    (tmp_path / "test_wrong.py").write_text(
        "from hypothesis import given, settings, strategies as st\n"
        "from tests.control.scene import A, Scene, limit, site\n"
        "@settings(database=None, max_examples=20)\n"
        "@given(st.integers(1, 9))\n"
        "def test_wrong(ticks):\n"
        "    scene = Scene(site())\n"
        "    scene.charge(A, 16.0)\n"
        "    for _ in range(ticks):\n"
        "        decision = scene.tick()\n"
        "    assert limit(decision, A) > 1000 or ticks < 3\n"
    )
    options = ["--rootdir", str(tmp_path), "-p", "no:cacheprovider", str(tmp_path / "test_wrong.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-n0", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = re.search(r"ampacity simulate --replay (\S+)", done.stdout)
    assert found is not None, done.stdout
    path = Path(found.group(1))
    try:
        assert len(read_recording(path).ticks) == 3, "Hypothesis' smallest example"
        assert main(["simulate", "--replay", str(path)]) == 0
        assert "3 ticks" in capsys.readouterr().out
    finally:
        path.unlink()
        path.parent.rmdir()

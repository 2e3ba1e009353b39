"""What the law was told, kept as a case, gives the same decisions again; a failing test leaves such a case,
and `ampacity simulate` breaks on it as the test did."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec import structs

from ampacity.cli import main
from ampacity.control import law
from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.state import START, ControlState
from ampacity.control.types import Decision, Snapshot
from ampacity.simulation.cases import playing
from ampacity.simulation.cases.document import check
from ampacity.simulation.cases.playing import play
from ampacity.simulation.cases.told import snapshots_of, told_case
from tests.control.plant import Car, Plant
from tests.control.scene import A, site
from tests.properties.trees import snapshots

ROOT = Path(__file__).resolve().parents[3]


def some_minutes() -> tuple[list[Snapshot], list[Decision]]:
    """A plant that loses messages, for two minutes."""
    told: list[Snapshot] = []

    class Watched(Plant):
        def snapshot(self) -> Snapshot:
            told.append(super().snapshot())
            return told[-1]

    plant = Watched(site(), lambda circuit, at: (20.0, 20.0, 20.0), {A: Car(takes_a=25.0)}, seed=4, loss=0.2)
    plant.run(120)
    return told, plant.log


def test_what_was_told_gives_the_same_decisions_again() -> None:
    told, decisions = some_minutes()
    case = json.loads(json.dumps(told_case(told)))
    assert [second.decision for second in play(case).seconds] == decisions
    assert any(decision.raises for decision in decisions)


def text_of(snapshot: Snapshot) -> str:
    """As text, in which two that are not a number are alike."""
    return repr(snapshot)


@settings(max_examples=40, deadline=None)
@given(snapshots(kinds=True))
def test_any_snapshot_comes_back_to_the_last_bit(snapshot: Snapshot) -> None:
    strange = {
        key: structs.replace(state, measured_a=(float("nan"), float("-inf"), -0.25))
        for key, state in list(snapshot.evses.items())[:1]
    }
    later = structs.replace(snapshot, at=snapshot.at + 1, evses={**snapshot.evses, **strange}, circuits={})
    case = json.loads(json.dumps(told_case([snapshot, later, snapshot]), allow_nan=False))
    check(case, "case")
    assert [text_of(again) for again in snapshots_of(case)] == [
        text_of(s) for s in (snapshot, later, snapshot)
    ]


def failing_test(folder: Path, body: str) -> Path:
    """Runs a test of the law that fails, and returns the case that it left."""
    (folder / "conftest.py").write_text((ROOT / "tests/control/conftest.py").read_text())
    (folder / "test_wrong.py").write_text(
        "from hypothesis import given, settings, strategies as st\n"
        "from tests.control import recording\n"
        "from tests.control.scene import A, Scene, limit, site\n" + body
    )
    options = ["--rootdir", str(folder), "-p", "no:cacheprovider", str(folder / "test_wrong.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-n0", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = re.search(r"ampacity simulate (\S+\.json)", done.stdout)
    assert found is not None, done.stdout
    return Path(found.group(1))


def test_a_failing_property_leaves_a_case_that_breaks_as_it_did(tmp_path: Path) -> None:
    """The claim is wrong on purpose; Hypothesis shrinks to three ticks, and so does the case."""
    path = failing_test(
        tmp_path,
        "@settings(database=None, max_examples=20)\n"
        "@given(st.integers(1, 9))\n"
        "def test_wrong(ticks):\n"
        "    scene = Scene(site())\n"
        "    scene.charge(A, 16.0)\n"
        "    recording.claim('grant a', at_least=1000, until=1) if ticks < 3 else "
        "recording.claim('grant a', at_least=1000)\n"
        "    for _ in range(ticks):\n"
        "        decision = scene.tick()\n"
        "    assert limit(decision, A) > 1000 or ticks < 3\n",
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ampacity", "simulate", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "3 ticks, 1 claims, 0 violations" in done.stdout
        assert "broken  {'what': 'grant a', 'at_least': 1000}: 32.0 at 0 s" in done.stdout
        assert "test_wrong" in done.stdout
    finally:
        path.unlink()
        path.parent.rmdir()


def generous(
    state: ControlState, snapshot: Snapshot, told: ControlSettings = DEFAULTS
) -> tuple[ControlState, Decision]:
    """A law that raises everybody to the maximum whatever stands in its way."""
    after, decision = law.step(state, snapshot, told)
    raises = tuple(
        structs.replace(grant, limit_a=evse.max_a + 0.05)
        for evse in snapshot.site.evses
        for grant in [decision.grants[evse.key]]
        if evse.key not in decision.reserved
    )
    grants = {**decision.grants, **{grant.key: grant for grant in raises}}
    return after, structs.replace(decision, raises=raises, grants=grants, cuts=(), cutting={})


def test_a_fault_in_the_law_breaks_the_same_invariants_when_its_case_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    told, _ = some_minutes()
    path = tmp_path / "case.json"
    path.write_text(json.dumps(told_case(told[-2:])))
    assert main(["simulate", str(path)]) == 0
    assert "0 violations of invariants" in capsys.readouterr().out
    monkeypatch.setattr(playing, "step", generous)
    assert main(["simulate", str(path), "--json", str(tmp_path / "figures.json")]) == 1
    said = capsys.readouterr().out
    assert "I2: a/1 is granted 32.05 A: neither 0 nor 6..32 A in steps of 0.1 A, at 0 s" in said
    state, decision = generous(START, told[-2])
    assert state.topology is not None
    for words in playing.violations(told[-2], decision, state.topology):
        assert f"{words}, at 0 s" in said
    figures = json.loads((tmp_path / "figures.json").read_text())["case"]
    assert any(words.startswith("I2") for words in figures["broken"])

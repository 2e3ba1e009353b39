"""How a bench is called: its options, its JSON, and that a wrong result fails the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ampacity import bench
from ampacity.bench import BENCHES, Outcome, UnknownBenchError, main
from ampacity.bench.report import BenchFailed, BenchReport, write_part
from ampacity.cli.main import main as command


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> str:
    """A bench that measures, and finds something wrong."""
    module = ModuleType("ampacity_test_broken")

    def run(quick: bool, count: int | None = None) -> Outcome:
        return Outcome(figures={"lost": 1.0, "count": count or 0}, seed=1, failed="a message was lost")

    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(BENCHES, "broken", module.__name__)
    return "broken"


def test_a_wrong_result_is_written_and_fails_the_command(
    tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert command(["bench", broken, "--count", "7", "--json", str(file)]) == 2
    assert json.loads(file.read_text())["figures"] == {"lost": 1.0, "count": 7}
    assert "a message was lost" in capsys.readouterr().err


def test_an_option_that_a_bench_has_not_is_refused(broken: str) -> None:
    with pytest.raises(BenchFailed, match="bench broken has no --minutes"):
        main(broken, minutes=1.0)
    with pytest.raises(BenchFailed, match="bench allocation has no --count"):
        main("allocation", count=1)


def test_an_unknown_bench_names_those_that_are() -> None:
    with pytest.raises(UnknownBenchError, match=r"durability.*fuzz.*gateway"):
        bench.main("speed")


def test_a_part_leaves_the_other_figures_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    old = BenchReport(name="speed", figures={"wind_a": 1.0, "wind_gone": 2.0, "rain": 3.0}, git="old", seed=1)
    write_part(old, "all", file)
    write_part(BenchReport(name="speed", figures={"wind_a": 4.0}, git="new", seed=1), "wind", file)
    kept = json.loads(file.read_text())
    assert kept["figures"] == {"rain": 3.0, "wind_a": 4.0}
    assert (kept["git"], kept["parts"]) == ("old", {"wind": "new"})
    with pytest.raises(BenchFailed, match="holds bench speed, not noise"):
        write_part(BenchReport(name="noise", figures={}, git="new", seed=1), "wind", file)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(BenchFailed, match="no part 'weather'"):
        main("strategies", part="weather")

"""Summaries, tables and the report: right means, and one file that opens anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.cli import main
from ampacity.simulation.scenarios.assumptions import assumptions
from ampacity.simulation.scenarios.figures import SHOWN, difference_text, number, value_text
from ampacity.simulation.scenarios.outcomes import Outcome
from ampacity.simulation.scenarios.reading import load
from ampacity.simulation.scenarios.report import page
from ampacity.simulation.scenarios.report.charts import round_steps
from ampacity.simulation.scenarios.result import Result, result_of
from ampacity.simulation.scenarios.summary import Interval, interval, summarise
from ampacity.simulation.scenarios.sweep import sweep, tasks_of

VOID = {"meta"}


def outcome(strategy: str, seed: int, **metrics: float | None) -> Outcome:
    return Outcome(
        strategy=strategy, seed=seed, metrics=metrics, served=(), waited=(), rows=(), row_peaks=(), wall_s=0.0
    )


def test_an_interval_is_students_t() -> None:
    """Five values: mean 12, deviation 1.5811, t(4) 2.776."""
    found = interval([10.0, 11.0, 12.0, 13.0, 14.0])
    assert found.mean == 12.0
    assert found.high == pytest.approx(12.0 + 2.776 * 1.58114 / 5**0.5, abs=1e-3)
    assert interval([3.0]) == Interval(mean=3.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.floats(-100.0, 100.0))
def test_differences_are_taken_seed_by_seed(values: list[float], apart: float) -> None:
    """However much the seeds differ: what one strategy always does better has an interval of nothing."""
    runs = [outcome("a", seed, cost=value) for seed, value in enumerate(values)]
    runs += [outcome("b", seed, cost=value + apart) for seed, value in enumerate(values)]
    figure = summarise(runs, "a")["b"]["cost"]
    assert figure.difference is not None
    assert figure.difference.mean == pytest.approx(apart, abs=1e-6)
    assert figure.difference.low is not None
    assert figure.difference.high is not None
    assert figure.difference.high - figure.difference.low < 1e-6
    assert summarise(runs, "a")["a"]["cost"].difference is None


def test_a_metric_that_means_nothing_is_left_out_or_taken_over_the_others() -> None:
    runs = [outcome("a", 1, wait=None, cost=1.0), outcome("a", 2, wait=4.0, cost=None)]
    figures = summarise(runs, "a")["a"]
    assert figures["wait"].value.mean == 4.0
    assert figures["cost"].value.mean == 1.0
    assert "wait" not in summarise(runs[:1], "a")["a"]


def test_numbers_are_written_for_people() -> None:
    assert number(12345.6, 2) == "12,346"
    assert number(-0.001, 1) == "0.0"
    assert value_text(Interval(mean=0.5, low=0.4, high=0.6), SHOWN["unmet_share"]) == "50.00 ± 10.00"
    assert difference_text(Interval(mean=2.0), SHOWN["total_cost"]) == "+2.00"
    assert difference_text(Interval(mean=-2.0), SHOWN["total_cost"]) == "-2.00"


@settings(max_examples=80, deadline=None)
@given(st.floats(-1e5, 1e5), st.floats(0.01, 1e5))
def test_an_axis_covers_its_values_with_few_round_steps(low: float, span: float) -> None:
    ticks = round_steps(low, low + span)
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= low + span - 1e-6 * span
    assert 3 <= len(ticks) <= 8


@pytest.fixture(scope="module")
def result() -> Result:
    """A hub with cabinets and a queue, two strategies and two seeds."""
    scenario, folder = load("highway-hub")
    scenario = structs.replace(scenario, run=structs.replace(scenario.run, days=0.5, step_s=120.0))
    names = ("static", "dynamic")
    outcomes = sweep(tasks_of(scenario, folder, names, [1, 2]))
    return result_of(scenario, names, "static", [1, 2], outcomes, assumptions(scenario))


class Page(HTMLParser):
    """Tags in order, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_needs_nothing_but_itself(result: Result) -> None:
    text = page(result, "1.0", "ampacity simulate highway-hub")
    tags = Page(text).tags
    assert not {"script", "link", "img", "iframe", "object", "embed"} & {tag for tag, _ in tags}
    for _, attributes in tags:
        assert not {"src", "href", "onload", "onclick"} & set(attributes)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "prefers-color-scheme:dark" in text
    assert 'name="viewport"' in text


def test_the_report_shows_every_strategy_and_what_was_assumed(result: Result) -> None:
    text = page(result, "1.0", "ampacity simulate highway-hub")
    pictures = [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.S)]
    assert len(pictures) == 2 + 1 + 2 + 1, "power by strategy, costs, served and waited, circuits"
    labels = [picture.attrib["aria-label"] for picture in pictures]
    for name in result.strategies:
        assert f"Power under {name}" in labels
        assert f"<th>{name}</th>" in text
    titles = [found.text for picture in pictures for found in picture.iter() if found.tag.endswith("title")]
    assert any(title and re.search(r"cars [\d,.]+ kW", title) for title in titles), "details on hover"
    assert all(len(line) > 20 for line in result.assumptions)
    assert "5 cars waiting" in text
    assert "EUR" in text


def test_names_of_a_file_are_no_markup(result: Result) -> None:
    odd = structs.replace(result, scenario=structs.replace(result.scenario, name="<b>&</b><script>"))
    text = page(odd, "1.0", "ampacity simulate '<script>'")
    assert "<script>" not in text
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in text


def test_the_command_lists_the_gallery_and_writes_both_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["simulate", "--list"]) == 0
    assert "highway-hub" in capsys.readouterr().out
    narrow = ["simulate", "ten-vans-at-six", "--seeds", "2", "--days", "0.5"]
    monkeypatch.setenv("COLUMNS", "80")
    assert main(narrow) == 0
    said = capsys.readouterr().out
    assert "±" not in said
    assert "from 129" in said
    assert all(len(line.rstrip()) <= 80 for line in said.splitlines())
    monkeypatch.setenv("COLUMNS", "160")
    html, figures = tmp_path / "r.html", tmp_path / "r.json"
    words = ["simulate", "ten-vans-at-six", "--seeds", "2", "--days", "0.5", "--strategies", "static,dynamic"]
    assert main([*words, "--html", str(html), "--json", str(figures)]) == 0
    said = capsys.readouterr().out
    assert "difference to static" in said
    assert "breaker trips" in said
    assert html.stat().st_size > 10_000
    assert figures.stat().st_size > 10_000
    assert main(["simulate", "ten-vans-at-six", "--seeds", "1", "--html", str(tmp_path / "no/r.html")]) == 2
    assert "no/r.html" in capsys.readouterr().err
    assert main(["simulate", "ten-vans-at-six", "--seeds", "1", "--baseline", "nobody"]) == 2
    assert "choose one of uncontrolled, static" in capsys.readouterr().err
    assert main(["simulate"]) == 2
    assert main(["simulate", "ten-vans"]) == 2
    assert "Did you mean 'ten-vans-at-six'" in capsys.readouterr().err


def test_without_the_extra_the_gallery_is_listed_and_a_run_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from ampacity.cli import main\n"
        "assert main(['simulate', '--list']) == 0\n"
        "sys.exit(main(['simulate', 'ten-vans-at-six', '--seeds', '1']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "highway-hub" in done.stdout
    assert "pip install 'ampacity[simulate]'" in done.stderr
    assert "Traceback" not in done.stderr

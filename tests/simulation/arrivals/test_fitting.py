"""`ampacity fit`: what a history shows is found, a model survives its file, and its goodness is honest."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.cli.main import main
from ampacity.simulation.arrivals import session_rows
from ampacity.simulation.arrivals.archetypes import archetype
from ampacity.simulation.arrivals.fitting import TooLittleData, fit_counts, fit_model
from ampacity.simulation.arrivals.goodness import fit_site, judge
from ampacity.simulation.arrivals.history import History, calendar_of, history_of
from ampacity.simulation.arrivals.model import ArrivalModel, draw_count
from ampacity.simulation.arrivals.model_file import ArrivalFileError, arrivals_text, load_arrivals
from ampacity.simulation.arrivals.stays import MixtureStays
from ampacity.simulation.evses import replay_evses
from ampacity.simulation.sessions import SessionFile, read_sessions, write_sessions

MONDAY = date(2026, 6, 1)
WORKPLACE = archetype("workplace")
EVSES = replay_evses(tuple(f"E{n}" for n in range(20)))
BERLIN = ZoneInfo("Europe/Berlin")


def generated(
    model: ArrivalModel, days: int, seed: int = 4, without: Sequence[date] = (), tz: ZoneInfo = BERLIN
) -> SessionFile:
    """A session file of a site of 20 EVSEs; nobody came on the days `without`."""
    visits = model.generate(np.random.default_rng(seed), MONDAY, EVSES, days=days, tz=tz)
    rows = session_rows(visits, tz)
    return SessionFile(path="made.csv", rows=tuple(row for row in rows if row.arrival.date() not in without))


@pytest.fixture(scope="module")
def eight_weeks() -> History:
    return history_of([generated(WORKPLACE, 56)])


def test_days_off_and_closed_days_are_found() -> None:
    holidays = [date(2026, 6, 17), date(2026, 7, 1), date(2026, 7, 2)]
    found = calendar_of(history_of([generated(WORKPLACE, 56, without=holidays)]))
    assert found.days_off == (5, 6)
    assert [date.fromordinal(day) for day in sorted(found.closed)] == holidays


def test_a_weekend_on_friday_and_saturday_is_found() -> None:
    factors = (1.0, 1.0, 1.0, 1.0, 0.2, 0.2, 1.0)
    model = msgspec.structs.replace(WORKPLACE, day_factors=factors, days_off=(4, 5))
    history = history_of([generated(model, 56)])
    assert calendar_of(history).days_off == (4, 5)
    counts = fit_counts(history, calendar_of(history))
    assert counts.day_factors == pytest.approx(factors, abs=0.25)


def test_a_site_that_knows_no_weekend_has_none() -> None:
    same = msgspec.structs.replace(WORKPLACE, day_factors=(1.0,) * 7, off=None)
    assert calendar_of(history_of([generated(same, 56)])).days_off == ()


def test_days_that_differ_by_chance_have_one_factor() -> None:
    same = msgspec.structs.replace(WORKPLACE, day_factors=(1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2))
    history = history_of([generated(same, 56)])
    counts = fit_counts(history, calendar_of(history))
    assert len(set(counts.day_factors[:5])) == 1
    assert len(set(counts.day_factors[5:])) == 1
    assert counts.day_factors[6] == pytest.approx(0.2, abs=0.06)


def test_a_depot_that_rests_on_two_days_has_them_off() -> None:
    history = history_of([generated(archetype("depot"), 56)])
    found = calendar_of(history)
    counts = fit_counts(history, found)
    assert found.days_off == (5, 6)
    assert counts.sessions_per_evse == pytest.approx(1.0, abs=0.02)
    assert counts.dispersion == pytest.approx(0.0, abs=0.02)


def test_a_quiet_site_has_no_closed_days() -> None:
    quiet = msgspec.structs.replace(WORKPLACE, sessions_per_evse=0.05)
    assert calendar_of(history_of([generated(quiet, 84)])).closed == frozenset()


@settings(max_examples=25, deadline=None)
@given(mean=st.floats(0.2, 60.0), dispersion=st.sampled_from([0.3, 0.6, 0.9, 1.0, 1.5, 3.0]))
def test_the_number_of_a_day_has_the_mean_and_the_dispersion(mean: float, dispersion: float) -> None:
    rng = np.random.default_rng(1)
    drawn = np.array([draw_count(rng, mean, dispersion) for _ in range(3000)])
    sigma = np.sqrt(mean * max(dispersion, 0.3) / 3000)
    assert drawn.mean() == pytest.approx(mean, abs=5 * sigma)
    if mean > 5:
        # Whole trials: the binomial's variance is the asked one or a little above.
        assert drawn.var() / mean == pytest.approx(dispersion, rel=0.2, abs=0.12)


def test_without_dispersion_the_number_is_the_mean() -> None:
    rng = np.random.default_rng(1)
    assert {draw_count(rng, 9.6, 0.0) for _ in range(20)} == {10}


def test_a_fit_finds_the_law_that_made_the_history(eight_weeks: History) -> None:
    fit = fit_model(eight_weeks, np.random.default_rng(1), name="made", source="made", starts=2)
    fresh = history_of([generated(WORKPLACE, 56, seed=5)])
    found = judge(fit, eight_weeks, fresh, np.random.default_rng(2))
    assert fit.model.sessions_per_evse == pytest.approx(WORKPLACE.sessions_per_evse, rel=0.08)
    assert fit.model.dispersion == pytest.approx(WORKPLACE.dispersion, abs=0.35)
    assert found.log_likelihood_held_out > found.log_likelihood_fitted - 0.35
    for distance in found.distances.values():
        assert distance.generated_to_held_out < distance.fitted_to_held_out + 0.05


def test_the_model_of_a_file_makes_the_same_visits(tmp_path: Path, eight_weeks: History) -> None:
    fit = fit_model(eight_weeks, np.random.default_rng(1), name="made", source='made "so"', starts=1)
    path = tmp_path / "m.toml"
    path.write_text(arrivals_text(fit.model, {"ks": 0.02}, ("a remark",)))
    model = load_arrivals(path)
    assert isinstance(fit.model.working, MixtureStays)
    assert isinstance(model.working, MixtureStays)
    assert model.working.together.means == pytest.approx(fit.model.working.together.means, rel=1e-5)
    assert model.working.together.weights == pytest.approx(fit.model.working.together.weights, rel=1e-5)
    assert (model.source, model.days_off) == ('made "so"', (5, 6))
    one, two = (
        read.generate(np.random.default_rng(3), MONDAY, EVSES) for read in (model, load_arrivals(path))
    )
    assert one == two
    assert len(one) > 10


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('format = "ampacity-arrivals"', 'format = "other"', "format: not 'ampacity-arrivals': 'other'"),
        ("version = 1", "version = 2", "version: version 2, this program reads 1"),
        ("holiday_factor = ", "holiday_factor = -", "days.holiday_factor: .* outside 0 to 100"),
        ("longest_h = ", "longest = ", "unknown field `longest`"),
        ("working = [\n    [0.", "working = [\n    [1.", "stays.working: weights sum to"),
        ("working = [\n    [", "working = [\n    [0.1, ", "stays.working: rows of"),
        ("name = ", "name ", "not TOML"),
    ],
)
def test_a_bad_model_names_its_field(tmp_path: Path, was: str, becomes: str, says: str) -> None:
    text = arrivals_text(WORKPLACE, {})
    assert was in text
    path = tmp_path / "m.toml"
    path.write_text(text.replace(was, becomes, 1))
    with pytest.raises(ArrivalFileError, match=says) as caught:
        load_arrivals(path)
    assert str(path) in str(caught.value)


def test_a_model_that_is_not_there_or_only_assumed(tmp_path: Path) -> None:
    with pytest.raises(ArrivalFileError, match="no such file"):
        load_arrivals(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="are assumed"):
        arrivals_text(archetype("depot"), {})


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(TooLittleData, match=r"at least 100 sessions .* on 14 days"):
        fit_site(history_of([generated(WORKPLACE, 3)]), 1, name="x", source="x")


def test_the_command_fits_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sessions(tmp_path / "site.csv", generated(WORKPLACE, 42, tz=ZoneInfo("UTC")).rows)
    model, figures = tmp_path / "site.toml", tmp_path / "site.json"
    command = ["fit", str(tmp_path / "site.csv"), "--output", str(model), "--json", str(figures)]
    assert main([*command, "--timezone", "Europe/Berlin"]) == 0
    said = capsys.readouterr().out
    assert "Days off" in said
    assert "Saturday, Sunday" in said
    written = json.loads(figures.read_text())
    assert written["figures"]["ks_arrival_generated_to_held_out"] < 0.2
    assert written["history"]["days_off"] == ["Saturday", "Sunday"]
    # Hours are the site's: two hours after UTC's in June.
    hours = [stay.hour for stay in load_arrivals(model).working.draw(np.random.default_rng(1), 2000)]
    there = [stay.hour + 2.0 for stay in WORKPLACE.working.draw(np.random.default_rng(1), 2000)]
    assert np.median(hours) == pytest.approx(np.median(there), abs=0.5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.csv"], "there is no such file"),
        (["tests/data/sessions_54evse_2h.csv"], "64 sessions on 1 day are too few"),
        (["tests/data/sessions_54evse_2h.csv", "--timezone", "Mars/Base"], "no time zone 'Mars/Base'"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    assert main(["fit", *arguments]) == 2
    assert says in capsys.readouterr().err


if "AMPACITY_REFERENCE" in os.environ:

    def test_a_fit_of_a_real_site_is_about_as_near_as_its_own_months_are() -> None:
        folder = Path(os.environ["AMPACITY_REFERENCE"]) / "data" / "sessions"
        files = [read_sessions(path) for path in sorted(folder.glob("caltech_2019*.csv.gz"))]
        found = fit_site(history_of(files), 1, name="caltech", source="reference").goodness
        for distance in found.distances.values():
            assert distance.generated_to_fitted < 0.03
            assert distance.generated_to_held_out < distance.fitted_to_held_out + 0.03

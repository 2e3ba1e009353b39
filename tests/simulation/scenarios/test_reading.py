"""What a scenario file may say, and what one hears about a wrong one."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from ampacity.simulation.scenarios.reading import ScenarioError, check_files, gallery, load, parse
from ampacity.simulation.scenarios.spec import FleetArrivals, Scenario

SMALLEST = """
version = 1
name = "Smallest"
shows = "One EVSE."
[run]
starts = 2026-03-02
[[circuit]]
id = "grid"
rating_a = 32
[[evse]]
id = "ac"
count = 1
circuit = "grid"
[[arrivals]]
kind = "archetype"
archetype = "home"
"""


def wrong(text: str) -> dict[str, str]:
    """Key and whole message of every fault of a file."""
    with pytest.raises(ScenarioError) as caught:
        parse(text, "wrong.toml")
    assert all(line.startswith("wrong.toml: ") for line in str(caught.value).splitlines())
    assert all(fault.problem and fault.remedy.endswith((".", "?", ")")) for fault in caught.value.faults)
    return {fault.key: str(fault) for fault in caught.value.faults}


def with_lines(*replaced: tuple[str, str], more: str = "") -> str:
    text = SMALLEST
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return text + more


def test_what_is_left_out_has_its_default() -> None:
    scenario = parse(SMALLEST)
    assert scenario.supply.kind == "wye"
    assert scenario.run.step_s == 60.0
    assert scenario.strategies.names[0] == "uncontrolled"


@pytest.mark.parametrize("name", gallery())
def test_a_scenario_of_the_gallery_is_read_and_says_what_it_shows(name: str) -> None:
    scenario, _ = load(name)
    assert isinstance(scenario, Scenario)
    text = resources.files("ampacity.simulation.scenarios").joinpath("gallery", f"{name}.toml").read_text()
    assert text.startswith("# ")
    assert tomllib.loads(text)["version"] == 1


def test_all_faults_are_told_at_once_each_with_its_key_value_and_remedy() -> None:
    faults = wrong(
        """
version = 1
name = "x"
shows = 3
nmae = 2
[run]
starts = 2026-03-02
days = "two"
steps = 3
[supply]
kind = "why"
[[circuit]]
id = "grid"
rating_a = -4
[[circuit]]
id = "second"
[[arrivals]]
kind = "foo"
[[arrivals]]
archetype = "home"
[[arrivals]]
kind = "archetype"
archetype = "works"
[[arrivals]]
kind = "fleet"
cont = 3
[prices]
bands = [{ price = 1, form_hour = 3 }]
"""
    )
    assert set(faults) == {
        "shows",
        "nmae",
        "evse",
        "run.days",
        "run.steps",
        "supply.kind",
        "circuit[0].rating_a",
        "circuit[1].rating_a",
        "arrivals[0].kind",
        "arrivals[1].kind",
        "arrivals[2].archetype",
        "arrivals[3].cont",
        "prices.bands[0].form_hour",
    }
    assert faults["run.days"].startswith("run.days = 'two': doesn't fit: give a number, got text.")
    assert "Did you mean name?" in faults["nmae"]
    assert "Did you mean step_s?" in faults["run.steps"]
    assert "one of wye, split, delta" in faults["supply.kind"]
    assert "a number > 0.0" in faults["circuit[0].rating_a"]
    assert "is missing" in faults["circuit[1].rating_a"]
    assert "one of workplace, home, public, dc_hub, depot" in faults["arrivals[2].archetype"]
    assert "Did you mean count?" in faults["arrivals[3].cont"]
    assert "Write [[evse]]" in faults["evse"] or "Add [[evse]]" in faults["evse"]


@pytest.mark.parametrize(
    ("replaced", "more", "key", "says"),
    [
        (('circuit = "grid"', 'circuit = "gird"'), "", "evse[0].circuit", "Did you mean 'grid'?"),
        (
            ("rating_a = 32", 'rating_a = 32\nparent = "up"'),
            "",
            "circuit[0].parent",
            "is no circuit",
        ),
        (("count = 1", 'count = 1\ncabinet = "c"'), "", "evse[0].cabinet", "cabinet"),
        (("count = 1", "count = 1\nmax_a = 5"), "", "evse[0].max_a", "below min_a = 6"),
        (
            ("rating_a = 32", "rating_a = 32\nrotation = [0, 0, 1]"),
            "",
            "circuit[0].rotation",
            "an order of",
        ),
        (("rating_a = 32", "rating_a = 32\nmargin_a = 40"), "", "circuit[0].margin_a", "leaves nothing"),
        (('"home"', '"home"\nevses = ["dc"]'), "", "arrivals[0].evses", "group of EVSEs or pool"),
        (("starts", 'time_zone = "Mars/Crater"\nstarts'), "", "run.time_zone", "is no time zone"),
        (None, '[supply]\nkind = "split"\n', "evse[0].phases", "no three phases"),
        (None, '[storage]\ncircuit = "grid"\nkwh = 9\nkw = 3\nsoc = 1.0\n', "storage.soc", "between soc_min"),
        (None, "[prices]\nday_ahead = true\nbands = [{ price = 1 }]\n", "prices", "only one"),
        (None, '[strategies]\nbaseline = "dynamic2"\n', "strategies.baseline", "Did you mean 'dynamic'?"),
        (None, '[[building]]\ncircuit = "grid"\nkw_by_hour = [1, 2]\n', "building[0].kw_by_hour", "24 hours"),
        (None, '[[circuit]]\nid = "b"\nrating_a = 9\n', "circuit", "2 circuits have no parent"),
        (
            None,
            '[[circuit]]\nid = "b"\nrating_a = 9\nparent = "c"\n'
            '[[circuit]]\nid = "c"\nrating_a = 9\nparent = "b"\n',
            "circuit[1].parent",
            "round in a loop",
        ),
    ],
)
def test_what_sections_say_of_each_other_is_checked(
    replaced: tuple[str, str] | None, more: str, key: str, says: str
) -> None:
    faults = wrong(with_lines(*([replaced] if replaced else []), more=more))
    assert says in faults[key], faults


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = 2\n", "this program reads version 1"),
        ("name = 'x'\n", "this program reads version 1"),
        ("version = = 1", "is no TOML"),
    ],
)
def test_another_version_and_no_toml_at_all_are_told_alone(text: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as caught:
        parse(text)
    assert len(caught.value.faults) == 1


def test_a_file_that_is_not_there_is_named_with_its_likeness(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="Did you mean 'ten-vans-at-six' of the gallery"):
        load("ten-vans-at-sex")
    path = tmp_path / "mine.toml"
    path.write_text(
        with_lines(('kind = "archetype"\narchetype = "home"', 'kind = "sessions"\nfile = "absent.csv"'))
    )
    scenario, folder = load(str(path))
    with pytest.raises(ScenarioError, match=r"arrivals\[0\].file = 'absent.csv': is no file in"):
        check_files(scenario, folder)
    (tmp_path / "absent.csv").write_text(
        "arrival,departure,delivered_energy (kWh),station_id\n"
        "2026-03-02T08:00:00Z,2026-03-02T09:00:00Z,4,one\n"
    )
    check_files(scenario, folder)


def test_the_kind_of_arrivals_chooses_their_keys() -> None:
    scenario = parse(with_lines(('kind = "archetype"\narchetype = "home"', 'kind = "fleet"\ncount = 3')))
    (fleet,) = scenario.arrivals
    assert isinstance(fleet, FleetArrivals)
    assert fleet.count == 3


def test_the_example_of_the_documentation_is_read() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/scenarios.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]
    assert parse(example).name == "Four places at home"

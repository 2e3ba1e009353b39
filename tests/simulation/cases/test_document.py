"""A case file stands alone, patches a base or holds many; what is wrong with one is told with its remedy."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.cli import main
from ampacity.simulation.cases.checking import NOTHING, PLANT, STATION
from ampacity.simulation.cases.document import KEYS, CaseError, difference, merged, read_cases
from ampacity.simulation.cases.series import value

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/control/golden"
ALONE: dict[str, Any] = {
    "form": 1,
    "title": "one car",
    "seconds": 30,
    "site": {"circuits": {"grid": {"rating_a": 32}}, "evses": {"a": {"circuit_id": "grid", "phases": [0]}}},
    "world": {"base_a": {"grid": [4, 0, 0]}, "cars": {"a": {"takes_a": 10}}},
    "claims": [{"what": "draw a", "at_least": 6, "from": 20}],
}

documents = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=2), documents), st.dictionaries(st.text(max_size=2), documents))
def test_the_difference_of_two_documents_is_the_patch_between_them(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert merged(before, difference(before, after)) == after


def test_a_case_plays_and_its_claims_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    path = tmp_path / "one.json"
    path.write_text(json.dumps(ALONE))
    patch = tmp_path / "less.json"
    patch.write_text(json.dumps({"form": 1, "base": "one.json", "world": {"cars": {"a": {"takes_a": 0}}}}))
    assert main(["simulate", str(path)]) == 0
    said = capsys.readouterr().out
    assert "holds   {'what': 'draw a', 'at_least': 6, 'from': 20}" in said
    assert "+1 s" in said
    assert "grid" in said
    assert main(["simulate", str(patch), "--every"]) == 1
    said = capsys.readouterr().out
    assert "broken  {'what': 'draw a', 'at_least': 6, 'from': 20}: 0.0 at 20 s" in said
    assert all(f"+{second} s" in said for second in range(1, 31))


def test_one_case_of_a_collection_is_played_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = GOLDEN / "cases/mistakes.json"
    assert main(["simulate", f"{file}#dead_meter", "--json", str(tmp_path / "out.json")]) == 0
    assert "dead_meter: " in capsys.readouterr().out
    told = json.loads((tmp_path / "out.json").read_text())["dead_meter"]
    assert told["broken"] == []
    assert told["seconds"][0]["circuits"]["grid"]["limit_a"] == 60
    assert all(claim["broken"] is None for claim in told["claims"])
    with pytest.raises(CaseError, match="did you mean dead_meter"):
        read_cases(file, "dead_metre")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"form": 2}, "form is 2, this program plays form 1"),
        ({"titel": "x"}, "'titel' is not known: did you mean 'title'"),
        ({"settings": {"raise_shares": 1}}, "did you mean 'raise_share'"),
        ({"settings": {"raise_share": "much"}}, "Expected `float`"),
        ({"site": {"circuits": {"grid": {"parent_id": "roof"}}}}, "grid connections"),
        ({"site": {"evses": None}}, "evses is missing"),
        ({"world": None}, "give either a world"),
        ({"told": []}, "give either a world"),
        ({"seconds": None}, "seconds is missing"),
        ({"world": {"cars": {"b": {}}}}, "cars: b is not of the site"),
        ({"world": {"cars": {"a": {"take_a": 3}}}}, "did you mean 'takes_a'"),
        ({"world": {"clockjump": 3}}, "did you mean 'clock_jump_s'"),
        ({"events": {"4": {"cars": {"a": {"silents": True}}}}}, "did you mean 'silent'"),
        ({"events": {"soon": {}}}, "'soon' is no second"),
        ({"claims": [{"what": "draw a"}]}, "exactly one of at_most"),
        ({"claims": [{"what": "draw a", "at_most": 1, "form": 3}]}, "did you mean 'from'"),
        ({"claims": [{"what": "draft a", "at_most": 1}]}, "no series 'draft a'"),
        ({"claims": [{"what": "draw z", "at_most": 1}]}, "'draw z': KeyError('z') is not of this site"),
    ],
)
def test_what_is_wrong_with_a_case_is_told(
    change: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(merged(ALONE, change)))
    assert main(["simulate", str(path)]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "no JSON"), ("[]", "must be an object"), ("{}", "names no base"), (None, "can't be read")],
)
def test_what_is_no_case_is_told(
    content: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "law.json"
    if content is not None:
        path.write_text(content)
    assert main(["simulate", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_the_page_names_every_key_and_every_series() -> None:
    page = (ROOT / "docs/cases.md").read_text()
    for key in (*KEYS, *NOTHING, *PLANT, *STATION):
        assert f"`{key}`" in page, key
    listed = page[page.index("| series |") :]
    for kind in re.findall(r"case ([^_:]+):", inspect.getsource(value)):
        for series in re.findall(r'"(\w+)"', kind):
            assert re.search(rf"`{series}[ `]", listed), series


def test_a_loop_of_bases_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"form": 1, "base": "b.json"}')
    (tmp_path / "b.json").write_text('{"form": 1, "base": "a.json"}')
    with pytest.raises(CaseError, match="cut the loop"):
        read_cases(tmp_path / "a.json")

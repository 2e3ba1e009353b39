"""Paths into JSON, and what is there."""

from __future__ import annotations

from typing import Any

import pytest

from ampacity.model.site import MeterValue
from ampacity.site.meters import MeterTrouble
from ampacity.site.meters.json_path import find, number, parse

DOCUMENT = {"emeters": [{"current": 1.5}, {"current": "2.5"}], "em:0": {"a.b": 3}, "n": None, "t": True}


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("", ()),
        ("$", ()),
        ("a", ("a",)),
        ("$.a.b", ("a", "b")),
        ("a[0].b[12]", ("a", 0, "b", 12)),
        ("em:0.a_current", ("em:0", "a_current")),
        ('["a.b"].c', ("a.b", "c")),
        ("a['b c']", ("a", "b c")),
    ],
)
def test_paths(path: str, steps: tuple[Any, ...]) -> None:
    assert parse(path) == steps


@pytest.mark.parametrize("path", ["a[", "a[x]", "a..b", "a.", "[-1]"])
def test_a_path_that_is_none_shows_where(path: str) -> None:
    with pytest.raises(ValueError, match="can't be read from"):
        parse(path)


@pytest.mark.parametrize(
    ("path", "expected"), [("emeters[0].current", 1.5), ("emeters[1].current", 2.5), ('["em:0"]["a.b"]', 3.0)]
)
def test_numbers_are_found(path: str, expected: float) -> None:
    value = MeterValue(name="current_l1", path=path)
    assert number(find(DOCUMENT, parse(path), path), value) == expected


@pytest.mark.parametrize(
    ("path", "fault", "says"),
    [
        ("emeter", "missing", "emeters, em:0, n, t"),
        ("emeters[2].current", "missing", "2 entries"),
        ("emeters.current", "missing", "2 entries"),
        ("n", "garbled", "no number"),
        ("t", "garbled", "no number"),
        ("emeters", "garbled", "no number"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(path: str, fault: str, says: str) -> None:
    with pytest.raises(MeterTrouble, match=says) as trouble:
        number(find(DOCUMENT, parse(path), path), MeterValue(name="current_l1", path=path))
    assert trouble.value.fault == fault


@pytest.mark.parametrize(
    ("found", "unit", "scale", "expected"),
    [(1500, "mA", 1.0, 1.5), (1.5, "kW", 1.0, 1500.0), (2, "", -1.0, -2.0), ("0.5", "kWh", 1.0, 500.0)],
)
def test_units_and_scale(found: Any, unit: str, scale: float, expected: float) -> None:
    assert number(found, MeterValue(name="power", unit=unit, scale=scale)) == expected


def test_times_in_seconds_milliseconds_and_words() -> None:
    def time(found: Any, unit: str = "") -> float:
        return number(found, MeterValue(name="time", unit=unit))

    assert time(1_780_315_200) == time(1_780_315_200_000, "ms") == time("2026-06-01T12:00:00Z")
    assert time("2026-06-01T14:00:00+02:00", "iso") == time("2026-06-01T12:00:00Z")
    with pytest.raises(MeterTrouble, match="no zone"):
        time("2026-06-01T12:00:00")
    with pytest.raises(MeterTrouble, match="no number"):
        time(12, "iso")


@pytest.mark.parametrize("found", ["NaN", "inf", float("nan")])
def test_not_a_number(found: Any) -> None:
    with pytest.raises(MeterTrouble) as trouble:
        number(found, MeterValue(name="power"))
    assert trouble.value.fault == "not_a_number"

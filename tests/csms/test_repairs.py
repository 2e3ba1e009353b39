"""Repairs are counted by station and kind, within bounds."""

from __future__ import annotations

from ampacity.csms.link import StationRef
from ampacity.csms.repairs import Repairs


def ref(station_id: str, operator_id: str = "o") -> StationRef:
    return StationRef(operator_id, station_id, "1.6")


def test_the_same_fault_with_other_values_and_places_is_one_kind() -> None:
    repairs = Repairs()
    repairs.take(ref("A"), "MeterValues", ["$.meterValue[0].timestamp: '2026' taken for 'x'"], 10.0)
    repairs.take(ref("A"), "MeterValues", ["$.meterValue[3].timestamp: '2027' taken for 'it\\'s'"], 20.0)
    [count] = repairs.listed("o")
    assert (count.count, count.first_at, count.last_at) == (2, 10.0, 20.0)
    assert count.kind == "$.meterValue[#].timestamp: # taken for #"
    assert "2027" in count.newest


def test_actions_stations_and_operators_are_told_apart() -> None:
    repairs = Repairs()
    for station, action in (
        (ref("A"), "Boot"),
        (ref("A"), "Stop"),
        (ref("B"), "Boot"),
        (ref("C", "p"), "Boot"),
    ):
        repairs.take(station, action, ["$.a: null, taken for absent"], 1.0)
    assert [(count.station_id, count.action) for count in repairs.listed("o")] == [
        ("B", "Boot"), ("A", "Stop"), ("A", "Boot"),
    ]  # fmt: skip
    assert [count.station_id for count in repairs.listed("p")] == ["C"]
    assert len(repairs.listed("o", "A")) == 2


def test_memory_is_bounded_and_what_is_heard_of_stays() -> None:
    repairs = Repairs(per_station=3, in_all=5)
    for number in range(50):
        repairs.take(ref("A"), "Boot", [f"$.{'x' * number}: left out", "$.kept: left out"], float(number))
    assert len(repairs.listed("o", "A")) == 3
    assert repairs.listed("o", "A")[0].count == 50
    for number in range(50):
        repairs.take(ref(f"S{number}"), "Boot", ["$.a: left out"], 100.0 + number)
    assert len(repairs) == 5
    assert repairs.listed("o", "A") == []


def test_a_long_line_is_cut() -> None:
    repairs = Repairs()
    repairs.take(ref("A"), "Boot", ["$." + "y" * 5_000], 1.0)
    assert len(repairs.listed("o")[0].newest) == 300

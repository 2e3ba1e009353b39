"""Composite schedules as another implementation of the standards (EVerest's libocpp) expects them for its own
profiles: all of those, where the reference folder is at hand (AMPACITY_REFERENCE; else this file is not
collected, see conftest). `test_composite_cases` has the same meanings in profiles of ours.

A line of the table: what it shows, the version, the folders or files of profiles for EVSE 0 and for EVSE 1
(and 2), from when to when, the unit, and the periods (start, limit, phases) that come out. None as a limit is
where that implementation falls back to the hardware's own.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ampacity.ocpp.messages import v16, v21
from ampacity.ocpp.profile_messages import from_v2, from_v16
from ampacity.ocpp.profiles import (
    ChargingProfile,
    EvseSituation,
    Period,
    after_offline,
    composite_schedule,
    station_schedule,
)

HARDWARE_A = 57.0
GRID = [(3600 * hour, hour + 1, 1) for hour in range(24)]
ONE = "singles/"
MAX_24, DEFAULT_W = ONE + "ChargingStationMaxProfile_24_Ampere.json", ONE + "TXDefaultProfile_25_Watt.json"

EVSE_CASES: list[tuple[str, str, tuple[str, ...], str, str, str, list[tuple[Any, ...]]]] = [
    ("nothing", "v2", (), "2024-01-02T00:00:00", "2024-01-02T01:00:00", "A", [(0, None)]),
    (
        "a second before and after", "v2", (ONE + "Absolute_301.json",),
        "2024-01-01T12:01:59", "2024-01-01T13:02:01", "A",
        [(0, None), (1, 32), (1801, 31), (2701, 30), (3601, None)],
    ),
    ("grid", "v2", ("grid/",), "2024-01-17T00:00:00", "2024-01-18T00:00:00", "W", GRID),
    (
        "absolute layer is over", "v2", ("layered/",),
        "2024-01-18T18:04:00", "2024-01-18T18:22:00", "W", [(0, 19, 1)],
    ),
    (
        "absolute layer ends", "v2", ("layered/",),
        "2024-01-17T18:04:00", "2024-01-17T19:04:00", "W", [(0, 2000, 1), (1080, 19, 1), (3360, 20, 1)],
    ),
    (
        "recurring layer", "v2", ("layered_recurring/",),
        "2024-02-17T18:04:00", "2024-02-17T18:05:00", "W", [(0, 2000, 1)],
    ),
    (
        "recurring layer begins and ends", "v2", ("layered_recurring/",),
        "2024-02-19T18:00:00", "2024-02-19T19:04:00", "W",
        [(0, 19, 1), (240, 2000, 1), (1320, 19, 1), (3600, 20, 1)],
    ),
    (
        "later start", "v2", (ONE + "TXProfile_Absolute_Start18-04.json",),
        "2024-01-17T18:00:00", "2024-01-17T18:05:00", "W", [(0, None), (240, 2000, 1)],
    ),
    (
        "the standard's own example", "v2", ("baseline/",),
        "2024-01-17T18:01:00", "2024-01-18T06:00:00", "W", [(0, 2000, 1), (1020, 11000, 3), (25140, 6000, 3)],
    ),
    (
        "relative", "v2", ("relative/",),
        "2024-05-17T05:00:00", "2024-05-17T06:01:00", "W", [(0, 2000, 1), (3601, 7, 1)],
    ),
    (
        "case one, first day", "v2", ("case_one/",),
        "2024-01-17T18:00:00", "2024-01-18T06:00:00", "W",
        [(0, 2000, 1), (1080, 11000, 1), (25200, 6000, 1)],
    ),
    (
        "case one, later", "v2", ("case_one/",),
        "2024-01-19T18:00:00", "2024-01-20T06:00:00", "W", [(0, 11000, 1), (25200, 6000, 1)],
    ),
    (
        "station cap is lower", "v2", ("max/0/", "max/1/"),
        "2024-01-17T00:00:00", "2024-01-17T02:00:00", "W", [(0, 10, 1), (3600, 20, 1)],
    ),
    (
        "station cap is higher", "v2", ("max/0/", "max/1/"),
        "2024-01-17T22:00:00", "2024-01-18T00:00:00", "W", [(0, 230, 1), (3600, 10, 1)],
    ),
    (
        "external limit is lower", "v2", ("external/0/", "external/1/"),
        "2024-01-17T00:00:00", "2024-01-17T02:00:00", "W", [(0, 10, 1), (3600, 20, 1)],
    ),
    (
        "external limit is higher", "v2", ("external/0/", "external/1/"),
        "2024-01-17T22:00:00", "2024-01-18T00:00:00", "W", [(0, 230, 1), (3600, 10, 1)],
    ),
    (
        "purposes combined", "v2", ("OCCT_TC_K_41_CS/0/", "OCCT_TC_K_41_CS/1/"),
        "2024-08-21T12:24:40", "2024-08-21T12:31:20", "A",
        [(0, 8, 3), (46, 10, 3), (196, 6, 3), (236, 10, 3), (260, 8, 3), (300, 10, 3)],
    ),
    (
        "one phase, 16 A", "v2", (MAX_24, DEFAULT_W),
        "2024-01-02T00:00:00", "2024-01-02T01:00:00", "A", [(0, 16, 1), (1200, 9, 1)],
    ),
    (
        "three phases, 16 A", "v2", (MAX_24, DEFAULT_W),
        "2024-01-02T01:00:00", "2024-01-02T02:00:00", "A",
        [(0, 16, 3), (300, 12, 3), (600, 9, 3), (900, 6, 3), (1200, 3, 3)],
    ),
    (
        "one phase, 10 A", "v2", (MAX_24, DEFAULT_W),
        "2024-01-02T02:00:00", "2024-01-02T03:00:00", "A", [(0, 10, 1), (1200, 9, 1)],
    ),
    (
        "three phases, 10 A", "v2", (MAX_24, DEFAULT_W),
        "2024-01-02T03:00:00", "2024-01-02T04:00:00", "A",
        [(0, 10, 3), (600, 9, 3), (900, 6, 3), (1200, 3, 3)],
    ),
    (
        "one phase, in watts", "v2", (MAX_24, DEFAULT_W),
        "2024-01-02T02:00:00", "2024-01-02T03:00:00", "W", [(0, 2300, 1), (1200, 2070, 1)],
    ),
    (
        "three phases, in watts", "v2", (MAX_24, DEFAULT_W),
        "2024-01-02T03:00:00", "2024-01-02T04:00:00", "W",
        [(0, 6900, 3), (600, 6210, 3), (900, 4140, 3), (1200, 2070, 3)],
    ),
    (
        "phases change", "v2", (MAX_24, ONE + "Relative_302_phase_limit.json"),
        "2024-01-02T00:40:00", "2024-01-02T01:40:00", "A",
        [(0, 16, 1), (1200, 16, 3), (1800, 15, 1), (2700, 14, 3)],
    ),
    (
        "one after the other", "v2", ("no_gap/",),
        "2024-01-02T08:00:00", "2024-01-02T08:20:00", "A", [(0, 16), (300, 12), (600, None)],
    ),
    (
        "daily hours", "v21", ("", "stack/"),
        "2025-03-24T16:00:00", "2025-03-24T21:00:00", "W", [(0, None), (3600, 2000, 3), (14400, None)],
    ),
    (
        "weekly exception", "v21", ("", "stack/"),
        "2025-03-23T16:00:00", "2025-03-23T21:00:00", "W", [(0, 999999, 3)],
    ),
    (
        "the exception of one day is over", "v21", ("", "stack/"),
        "2025-12-25T16:00:00", "2025-12-25T21:00:00", "W", [(0, None), (3600, 2000, 3), (14400, None)],
    ),
    (
        "exception of one day", "v21", ("", "stack/"),
        "2020-12-25T16:00:00", "2020-12-25T21:00:00", "W", [(0, 999999, 3)],
    ),
    (
        "a period without limit", "v21", ("no_limit_specified/",),
        "2024-01-17T18:00:00", "2024-01-17T21:00:00", "A", [(0, None)],
    ),
    (
        "1.6: the standard's own example", "v16", ("TxDefaultProfile_01.json", "TxDefaultProfile_100.json"),
        "2024-01-17T18:01:00", "2024-01-18T06:00:00", "W", [(0, 2000, 1), (1020, 11000, 3), (25140, 6000, 3)],
    ),
    (
        "1.6: Absolute does not recur", "v16", ("TxProfile_grid.json", "TxProfile_03_Absolute.json"),
        "2024-01-18T18:04:00", "2024-01-18T18:22:00", "W", [(0, 19, 1)],
    ),
    (
        "1.6: tight", "v16", ("TxProfile_grid.json", "TxProfile_02.json"),
        "2024-01-18T18:04:00", "2024-01-18T18:22:00", "W", [(0, 2000, 1)],
    ),
    (
        "1.6: wide", "v16", ("TxProfile_grid.json", "TxProfile_02.json"),
        "2024-01-18T18:02:00", "2024-01-18T18:24:00", "W", [(0, 19, 1), (120, 2000, 1), (1200, 19, 1)],
    ),
    (
        "1.6: a second before and after", "v16", ("Absolute_301.json",),
        "2024-01-01T12:01:59", "2024-01-01T13:02:01", "A",
        [(0, None), (1, 32), (1801, 31), (2701, 30), (3601, None)],
    ),
    (
        "1.6: one phase, 16 A", "v16",
        ("ChargingStationMaxProfile_24_Ampere.json", "TXDefaultProfile_25_Watt.json"),
        "2024-01-02T00:00:00", "2024-01-02T01:00:00", "A", [(0, 16, 1), (1200, 9, 1)],
    ),
    (
        "1.6: one after the other", "v16", ("TxDefaultProfile_401.json", "TxDefaultProfile_402.json"),
        "2024-01-02T08:00:00", "2024-01-02T08:20:00", "A", [(0, 16), (300, 12), (600, None)],
    ),
]  # fmt: skip

STATION_CASES: list[tuple[str, str, tuple[str, ...], str, str, list[tuple[Any, ...]]]] = [
    (
        "cap alone", "v2", (ONE + "ChargingStationMaxProfile_401.json", ""),
        "2024-08-21T08:00:00", "2024-08-21T09:00:00",
        [(0, 24, 1), (900, 28, 1), (1800, 30, 1), (2700, 32, 1)],
    ),
    (
        "default of one EVSE", "v2", (ONE + "Relative_303.json", ""),
        "2024-01-02T08:00:00", "2024-01-02T09:00:00", [(0, 16, 3), (1800, 15, 3), (2700, 14, 3)],
    ),
    (
        "default of two EVSEs", "v2", (ONE + "Relative_303.json", "", ""),
        "2024-01-02T08:00:00", "2024-01-02T09:00:00", [(0, 32, 3), (1800, 30, 3), (2700, 28, 3)],
    ),
    (
        "default in watts of two EVSEs", "v2", (DEFAULT_W, "", ""),
        "2024-01-02T08:00:00", "2024-01-02T09:00:00",
        [(0, 36, 3), (300, 24, 3), (600, 18, 3), (900, 12, 3), (1200, 6, 3)],
    ),
    (
        "cap over one EVSE", "v2", (ONE + "ChargingStationMaxProfile_401.json", ONE + "Relative_303.json"),
        "2024-01-02T08:01:00", "2024-01-02T09:01:00", [(0, 16, 1), (1800, 15, 1), (2700, 14, 1)],
    ),
    (
        "cap over two EVSEs", "v2",
        (ONE + "ChargingStationMaxProfile_401.json", ONE + "Relative_303.json", ONE + "Relative_303.json"),
        "2024-01-02T08:01:00", "2024-01-02T09:01:00",
        [(0, 24, 1), (840, 28, 1), (1740, 30, 1), (2700, 28, 1)],
    ),
    (
        "EVSEs of their own", "v2", ("", ONE + "Recurring_Daily_301.json", ONE + "Relative_303.json"),
        "2024-01-02T08:01:00", "2024-01-02T09:01:00",
        [(0, 32, 3), (1740, 31, 3), (1800, 30, 3), (2640, 29, 3), (2700, 28, 3), (3540, 14 + HARDWARE_A, 3)],
    ),
    (
        "EVSEs of different phases", "v2",
        ("", ONE + "Recurring_Daily_302_phase_limit.json", ONE + "Relative_302_phase_limit.json"),
        "2024-01-02T08:00:00", "2024-01-02T09:00:00", [(0, 32, 3), (1800, 30, 1), (2700, 28, 3)],
    ),
    (
        "1.6: cap over two EVSEs", "v16",
        ("ChargingStationMaxProfile_401.json", "Relative_303.json", "Relative_303.json"),
        "2024-01-02T08:01:00", "2024-01-02T09:01:00",
        [(0, 24, 1), (840, 28, 1), (1740, 30, 1), (2700, 28, 1)],
    ),
]  # fmt: skip

PHASE_CASES: list[tuple[str, tuple[str, ...], str, str, str, list[dict[str, Any]]]] = [
    (
        "setpoints", ("", "setpoints/"), "2024-01-17T18:00:00", "2024-01-18T06:00:00", "W",
        [
            {"start_s": 0, "limit": 1500, "setpoint": 1500, "discharge_limit": -2000},
            {"start_s": 1080, "limit": 11000, "setpoint": -8000, "discharge_limit": -10000},
            {"start_s": 14000, "limit": 6000, "setpoint": -5000, "discharge_limit": -5000},
            {"start_s": 28000, "limit": 15000, "setpoint": -4000},
        ],
    ),
    (
        "a cap lowers a setpoint", ("max/0/", "max/1/"), "2024-01-17T00:00:00", "2024-01-17T04:00:00", "A",
        [
            {"start_s": 0, "limit": 10, "discharge_limit": -23, "setpoint": 10},
            {"start_s": 3600, "limit": 20, "discharge_limit": -23, "setpoint": 20},
            {"start_s": 7200, "limit": 30, "setpoint": 28},
            {"start_s": 10800, "limit": 40, "setpoint": 28},
        ],
    ),
    (
        "phases of their own, in two units",
        ("charging_rate_unit_combine/0/", "charging_rate_unit_combine/1/"),
        "2024-01-17T18:00:00", "2024-01-17T21:00:00", "W",
        [
            {"start_s": 0, "limit": (500, 500, 500), "setpoint": (500, 500, 500),
             "discharge_limit": (-1000, -1000, -1000)},
            {"start_s": 2400, "limit": (400, 400, 400), "setpoint": (400, 400, 400),
             "discharge_limit": (-300, -300, -300)},
            {"start_s": 3000, "limit": (43700, 87400, 131100)},
            {"start_s": 3600, "limit": (46000, 92000, 138000)},
            {"start_s": 7200, "limit": (48300, 96600, 144900)},
        ],
    ),
    (
        "fewer phases than limits", ("different_number_phases/0/", "different_number_phases/1/"),
        "2024-01-17T18:00:00", "2024-01-17T21:00:00", "A",
        [
            {"start_s": 0, "limit": 160, "discharge_limit": -900, "setpoint": 160},
            {"start_s": 3000, "limit": 190},
            {"start_s": 3600, "limit": 200},
            {"start_s": 7200, "limit": 210},
        ],
    ),
    (
        "fewer phases than limits, in watts", ("different_number_phases/0/", "different_number_phases/1/"),
        "2024-01-17T18:00:00", "2024-01-17T21:00:00", "W",
        [
            {"start_s": 0, "limit": 36800, "discharge_limit": -207000, "setpoint": 36800},
            {"start_s": 3000, "limit": 43700},
            {"start_s": 3600, "limit": 46000},
            {"start_s": 7200, "limit": 48300},
        ],
    ),
    (
        "a cap with phases of their own", ("station_wide_three_phases/", ""),
        "2024-01-17T18:00:00", "2024-01-17T21:00:00", "W",
        [
            {"start_s": 0, "limit": (12420, 12430, 12440)},
            {"start_s": 300, "limit": (8280, 8290, 8300)},
            {"start_s": 600, "limit": (2070, 2070, 2070)},
            {"start_s": 900, "limit": (1380, 1380, 1380)},
            {"start_s": 1200, "limit": (690, 690, 690)},
            {"start_s": 3600, "limit": (200000, 400000, 600000)},
            {"start_s": 7200, "limit": (210000, 420000, 630000)},
        ],
    ),
]  # fmt: skip

REFERENCE = Path(os.environ["AMPACITY_REFERENCE"])
VECTORS = next(REFERENCE.glob("**/ocpp/everest-vectors"))


def root(version: str) -> Path:
    return VECTORS / version / "json"


def read(version: str, place: str) -> list[ChargingProfile]:
    """The profiles of a folder or a file, none of ""."""
    if not place:
        return []
    path = root(version) / place
    texts = [item.read_bytes() for item in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if version == "v16":
        found = [msgspec.json.decode(text) for text in texts]
        for profile in found:
            profile["chargingSchedule"].pop("id", None)  # a member of 2.0.1 that some have
        return [from_v16(msgspec.convert(profile, v16.ChargingProfile)) for profile in found]
    return [from_v2(msgspec.json.decode(text, type=v21.ChargingProfileType)) for text in texts]


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def plain(periods: tuple[Period, ...], expected: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The periods as the table has them: with phases where it tells them."""
    return [
        (period.start_s, period.limit, period.number_phases)[: len(line)]
        for period, line in zip(periods, [*expected, *[(0, 0, 0)] * len(periods)], strict=False)
    ]


@pytest.mark.parametrize("case", EVSE_CASES, ids=lambda case: f"{case[1]}-{case[0]}")
def test_an_evse_is_allowed_what_the_vectors_say(case: tuple[Any, ...]) -> None:
    _, version, places, start, end, unit, expected = case
    profiles = [profile for place in places for profile in read(version, place)]
    periods = composite_schedule(profiles, at(start), at(end) - at(start), at(start), unit=unit)
    assert plain(periods, expected) == expected


@pytest.mark.parametrize("case", STATION_CASES, ids=lambda case: f"{case[1]}-{case[0]}")
def test_a_station_is_allowed_what_the_vectors_say(case: tuple[Any, ...]) -> None:
    _, version, places, start, end, expected = case
    station, *evses = [read(version, place) for place in places]
    periods = station_schedule(
        station,
        {
            evse_id: EvseSituation(profiles=own, transaction_started_at=at(start))
            for evse_id, own in enumerate(evses, 1)
        },
        at(start),
        at(end) - at(start),
        default_limit=HARDWARE_A,
    )
    assert plain(periods, expected) == expected


@pytest.mark.parametrize("case", PHASE_CASES, ids=lambda case: case[0])
def test_phases_setpoints_and_discharge_come_out_as_the_vectors_say(case: tuple[Any, ...]) -> None:
    _, places, start, end, unit, expected = case
    profiles = [profile for place in places for profile in read("v21", place)]
    periods = composite_schedule(profiles, at(start), at(end) - at(start), at(start), unit=unit)
    told = []
    for period in periods:
        line: dict[str, Any] = {"start_s": period.start_s}
        for name in ("limit", "setpoint", "discharge_limit"):
            values = [getattr(period, name + suffix) for suffix in ("", "_l2", "_l3")]
            if values[0] is not None:
                line[name] = values[0] if values[1] is None else tuple(values)
        told.append(line)
    assert [sorted(line) for line in told] == [sorted(line) for line in expected]
    for line, wanted in zip(told, expected, strict=True):
        assert {key: pytest.approx(value) for key, value in wanted.items()} == line


@pytest.mark.parametrize(("folder", "gone"), [("valid", False), ("invalid", True)])
def test_a_profile_ends_with_its_time_offline(folder: str, gone: bool) -> None:
    """The upper one lasts for its maxOfflineDuration of 600 s, and comes back unless it may not."""
    profiles = read("v2", f"offline_duration/{folder}_after_offline_duration/")
    start = at("2024-01-17T18:00:00")

    def setpoint(offline_s: float, held: list[ChargingProfile]) -> float | None:
        return composite_schedule(held, start, 60.0, start, unit="W", offline_s=offline_s)[0].setpoint

    assert [setpoint(offline_s, profiles) for offline_s in (0.0, 300.0, 900.0)] == [
        -2000.0,
        -2000.0,
        None,
    ]
    assert setpoint(0.0, after_offline(profiles, 900.0)) == (None if gone else -2000.0)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("v*/json/**/*.json")), ids=lambda p: p.stem)
def test_every_vector_is_understood_or_refused(path: Path) -> None:
    """All are profiles but the one that lacks its unit."""
    version = path.relative_to(VECTORS).parts[0]
    place = str(path.relative_to(root(version)))
    if "no_chargingRateUnit" in place:
        with pytest.raises(msgspec.ValidationError, match="chargingRateUnit"):
            read(version, place)
    else:
        [profile] = read(version, place)
        for kind in ("A", "W"):
            composite_schedule([profile], at("2024-01-17T12:00:00"), 86_400.0, None, unit=kind)

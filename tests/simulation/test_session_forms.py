"""The plain form and OCPI's CDRs: what they say becomes rows, and what is wrong in them is named."""

from __future__ import annotations

import copy
import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.arrivals import evses_of_sessions, visits_from_sessions
from ampacity.simulation.sessions import (
    PLAIN_COLUMNS,
    SessionFileError,
    SessionRow,
    read_sessions,
    write_sessions,
)

HEADER = ",".join(PLAIN_COLUMNS)
FULL = "2026-05-04 08:00:00+02:00,2026-05-04 16:30:00+02:00,18.4,yard-1,x1,3,11,,20,2026-05-04 17:00:00+02:00"
DATA = Path(__file__).parents[1] / "data"


def plain(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "s.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def cdr(**changes: Any) -> dict[str, Any]:
    """A CDR of our own with the fields that OCPI 2.2.1 demands, as far as the reader looks."""
    whole: dict[str, Any] = {
        "country_code": "NL",
        "party_id": "AMP",
        "id": "C1",
        "session_id": "S1",
        "start_date_time": "2026-05-04T06:00:00Z",
        "end_date_time": "2026-05-04T14:30:00Z",
        "cdr_location": {"evse_uid": "yard-1", "evse_id": "NL*AMP*E1", "connector_power_type": "AC_3_PHASE"},
        "tariffs": [{"id": "day"}, {"id": "night"}],
        "charging_periods": [
            {"start_date_time": "2026-05-04T06:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 18.4},
             {"type": "MAX_POWER", "volume": 10.8}], "tariff_id": "day"},
            {"start_date_time": "2026-05-04T10:00:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 4}],
             "tariff_id": "night"},
        ],
        "total_energy": 18.4,
    }  # fmt: skip
    return {**copy.deepcopy(whole), **changes}


def ocpi(tmp_path: Path, *cdrs: object, wrapped: bool = False) -> Path:
    path = tmp_path / "cdrs.json"
    path.write_text(json.dumps({"status_code": 1000, "data": cdrs} if wrapped else cdrs))
    return path


def test_a_plain_line_becomes_a_row(tmp_path: Path) -> None:
    file = read_sessions(plain(tmp_path, FULL))
    (row,) = file.rows
    assert file.form == "plain"
    assert row.arrival == datetime(2026, 5, 4, 6, tzinfo=UTC)
    assert row.arrival.utcoffset() == timedelta(hours=2)
    assert (row.delivered_wh, row.requested_wh, row.claimed) == (18_400.0, 20_000.0, True)
    assert row.estimated_departure == datetime(2026, 5, 4, 15, tzinfo=UTC)
    assert (row.station_id, row.session_id, row.phases, row.max_kw, row.dc) == (
        "yard-1",
        "x1",
        3,
        11.0,
        False,
    )


def test_four_plain_columns_are_enough(tmp_path: Path) -> None:
    line = "yard-1,4.2,2026-05-04T08:00Z,2026-05-04T09:00Z,whatever"
    (row,) = read_sessions(plain(tmp_path, line, header="evse,energy_kwh,start,end,note")).rows
    assert (row.delivered_wh, row.claimed, row.max_kw) == (4200.0, False, None)


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        (("08:00:00+02:00", "08:00:00"), "start", "without its offset"),
        (("16:30:00", "07:30:00"), "end", "not after the arrival"),
        ((",18.4,", ",184000,"), "energy_kwh", "in kWh, not Wh"),
        ((",3,11,", ",4,11,"), "phases", "Write 1, 2 or 3"),
        ((",3,11,", ",3,11000,"), "max_kw", "in kW, not W"),
        ((",11,,", ",11,maybe,"), "dc", "neither true nor false"),
        (("17:00:00", "07:00:00"), "declared_end", "not after the start"),
        ((",yard-1,", ",,"), "evse", "a station is needed"),
    ],
)
def test_a_bad_plain_value_is_named_with_its_place(
    tmp_path: Path, change: tuple[str, str], column: str, says: str
) -> None:
    path = plain(tmp_path, FULL.replace("yard-1", "yard-2"), FULL.replace(*change))
    with pytest.raises(SessionFileError, match="line 3") as caught:
        read_sessions(path)
    assert caught.value.column == column
    assert says in str(caught.value)


def test_a_plain_header_that_lacks_columns_names_them(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match=r"lacks 'energy_kwh', 'evse'.*start,end,energy_kwh,evse"):
        read_sessions(plain(tmp_path, "1,2", header="start,end"))


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_cdr_becomes_a_row(tmp_path: Path, wrapped: bool) -> None:
    file = read_sessions(ocpi(tmp_path, cdr(), wrapped=wrapped))
    (row,) = file.rows
    assert file.form == "ocpi"
    assert (row.arrival.hour, row.dwell_s, row.delivered_wh) == (6, 8.5 * 3600, 18_400.0)
    assert (row.station_id, row.session_id, row.phases, row.max_kw, row.dc) == (
        "yard-1",
        "S1",
        3,
        10.8,
        False,
    )
    assert not row.claimed


def test_a_cdr_may_come_alone_and_compressed(tmp_path: Path) -> None:
    path = tmp_path / "anything"
    path.write_bytes(gzip.compress(json.dumps(cdr(end_date_time="2026-05-04T14:30:00")).encode()))
    (row,) = read_sessions(path).rows
    # OCPI's times are UTC, with or without the designator.
    assert row.departure == datetime(2026, 5, 4, 14, 30, tzinfo=UTC)


def test_parts_of_a_session_are_put_together(tmp_path: Path) -> None:
    second = cdr(id="C2", start_date_time="2026-05-04T14:30:00Z", end_date_time="2026-05-04T18:00:00Z",
                 total_energy=3.1, charging_periods=[])  # fmt: skip
    other = cdr(id="C3", session_id="S2", cdr_location={"evse_uid": "#NA", "evse_id": "NL*AMP*E2"})
    file = read_sessions(ocpi(tmp_path, second, cdr(), other))
    assert file.merged == 1
    assert {row.station_id: row.delivered_wh for row in file.rows} == {
        "yard-1": 21_500.0,
        "NL*AMP*E2": 18_400.0,
    }
    assert max(row.dwell_s for row in file.rows) == 12 * 3600


def test_a_credit_takes_its_cdr_and_itself_out(tmp_path: Path) -> None:
    credit = cdr(id="C1-credit", credit=True, credit_reference_id="c1", total_energy=18.4)
    file = read_sessions(ocpi(tmp_path, cdr(), credit, cdr(id="C2", session_id="S2", total_energy=17.0)))
    assert [row.session_id for row in file.rows] == ["S2"]
    assert file.credited == 2


def test_a_reservation_is_no_part_of_the_stay(tmp_path: Path) -> None:
    reserved = {
        "start_date_time": "2026-05-04T05:30:00Z",
        "dimensions": [{"type": "RESERVATION_TIME", "volume": 0.5}],
    }
    used = cdr(
        start_date_time="2026-05-04T05:30:00Z", charging_periods=[reserved, *cdr()["charging_periods"]]
    )
    unused = cdr(id="C2", session_id="S2", charging_periods=[reserved], total_energy=0)
    (row,) = read_sessions(ocpi(tmp_path, unused, used)).rows
    assert row.arrival == datetime(2026, 5, 4, 6, tzinfo=UTC)
    with pytest.raises(SessionFileError, match="no CDR is of a charging session"):
        read_sessions(ocpi(tmp_path, unused))


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"start_date_time": None}, "start_date_time", "a time is needed: 'null'"),
        ({"end_date_time": "soon"}, "end_date_time", "not a time: 'soon'"),
        ({"end_date_time": "2026-05-04T05:00:00Z"}, "end_date_time", "not after the start"),
        ({"total_energy": "18.4"}, "total_energy", "not an energy"),
        ({"total_energy": -2.0}, "total_energy", "below 0"),
        ({"total_energy": 1.0e6}, "total_energy", "in kWh, not Wh"),
        ({"cdr_location": {"evse_uid": "#NA"}}, "cdr_location.evse_uid", "an EVSE is needed"),
        ({"cdr_location": None}, "cdr_location", "2.1.1 isn't read"),
        ({"charging_periods": {}}, "charging_periods", "not an array"),
        ({"charging_periods": [{}]}, "charging_periods[0].start_date_time", "a time is needed"),
    ],
)
def test_a_bad_cdr_is_named_with_its_field(
    tmp_path: Path, changes: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(SessionFileError, match="CDR 2") as caught:
        read_sessions(ocpi(tmp_path, cdr(), cdr(id="C2", session_id="S2", **changes)))
    assert (caught.value.element, caught.value.column) == (2, field)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("[1]", "a CDR must be an object"), ("{", "not JSON"), ("[]", "no session"), ('{"a": 1}', "no CDRs")],
)
def test_json_that_holds_no_cdrs_says_so(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SessionFileError, match=says):
        read_sessions(tmp_path / "x.json")


def test_evses_are_what_the_file_says_of_them(tmp_path: Path) -> None:
    lines = [FULL, FULL.replace("yard-1", "quick").replace(",3,11,,", ",,50,true,"),
             FULL.replace("yard-1", "solo").replace(",3,11,", ",1,3.7,"),
             FULL.replace("yard-1", "unknown").replace(",3,11,", ",,,"),
             FULL.replace("yard-1", "strong").replace(",3,11,", ",,22,")]  # fmt: skip
    file = read_sessions(plain(tmp_path, *lines))
    evses = {plan.station_id: plan for plan in evses_of_sessions(file)}
    assert {name: (plan.phases, plan.max_a, plan.dc_power_w) for name, plan in evses.items()} == {
        "yard-1": (3, 16.0, None),
        "quick": (3, 77.0, 50_000.0),
        "solo": (1, 16.0, None),
        "unknown": (1, 32.0, None),
        "strong": (3, 32.0, None),
    }
    visits = visits_from_sessions(np.random.default_rng(1), file.rows, tuple(evses.values()))
    assert [visit.requested_wh for visit in visits] == [18_400.0] * 5


STAYS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 40 * 24 * 3600),
        st.integers(60, 30 * 3600),
        st.integers(0, 60_000),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(stays=STAYS)
def test_the_three_forms_of_the_same_sessions_are_one(
    stays: list[tuple[int, int, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("forms")
    rows = []
    for number, (evse, start_s, dwell_s, energy_wh) in enumerate(stays):
        arrival = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=start_s)
        rows.append(
            SessionRow(
                arrival=arrival,
                departure=arrival + timedelta(seconds=dwell_s),
                delivered_wh=float(energy_wh),
                station_id=f"yard-{evse}",
                session_id=f"S{number}",
            )
        )
    write_sessions(folder / "acn.csv", rows)
    lines = [
        f"{row.arrival.isoformat()},{row.departure.isoformat()},{row.delivered_wh / 1000.0},"
        f"{row.station_id},{row.session_id}"
        for row in rows
    ]
    plain(folder, *lines, header="start,end,energy_kwh,evse,session")
    ocpi(
        folder,
        *(
            cdr(
                id=f"C{row.session_id}",
                session_id=row.session_id,
                start_date_time=row.arrival.isoformat(),
                end_date_time=row.departure.isoformat(),
                total_energy=row.delivered_wh / 1000.0,
                cdr_location={"evse_uid": row.station_id},
                charging_periods=[],
            )
            for row in rows
        ),
    )
    acn, ours, cdrs = (read_sessions(folder / name) for name in ("acn.csv", "s.csv", "cdrs.json"))
    assert acn.rows == ours.rows == cdrs.rows
    assert (acn.shortened, acn.dropped) == (ours.shortened, ours.dropped) == (cdrs.shortened, cdrs.dropped)
    assert len(acn.rows) + acn.dropped == len(stays)
    # Mended as it is, no two cars stand at one station.
    for one, other in combinations(acn.rows, 2):
        if one.station_id == other.station_id:
            assert one.departure <= other.arrival or other.departure <= one.arrival

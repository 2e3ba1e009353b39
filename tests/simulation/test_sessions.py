"""Session files: what is read is what was written, and what can't be read says where and how to mend it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ampacity.simulation.sessions import COLUMNS, SessionFileError, read_sessions, write_sessions

HEADER = ",".join(COLUMNS)
GOOD = "2026-05-04 08:00:00-07:00,2026-05-04 09:30:00-07:00,20.0,11.39,A-1,x1,2026-05-04 12:00:00-07:00,True"
SMALL = Path(__file__).parents[1] / "data" / "sessions_54evse_2h.csv"


def file_of(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "s.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def test_a_line_becomes_a_row(tmp_path: Path) -> None:
    (row,) = read_sessions(file_of(tmp_path, GOOD)).rows
    assert row.arrival == datetime(2026, 5, 4, 15, tzinfo=UTC)
    assert row.arrival.utcoffset() == timedelta(hours=-7)
    assert row.dwell_s == 5400.0
    assert (row.requested_wh, row.delivered_wh) == (20_000.0, 11_390.0)
    assert (row.station_id, row.session_id, row.claimed) == ("A-1", "x1", True)
    assert row.estimated_departure == datetime(2026, 5, 4, 19, tzinfo=UTC)


def test_what_the_driver_did_not_say_is_none(tmp_path: Path) -> None:
    line = "2026-05-04T08:00:00Z,2026-05-04T09:30:00Z,,1.5,A-1,,,False"
    (row,) = read_sessions(file_of(tmp_path, line)).rows
    assert row.requested_wh is None
    assert row.estimated_departure is None
    assert not row.claimed


def test_four_columns_are_enough_in_any_order(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "A-1,1.5,2026-05-04T08:00:00Z,2026-05-04T09:30:00Z",
        header="station_id,delivered_energy (kWh),arrival,departure",
    )
    assert read_sessions(path).rows[0].delivered_wh == 1500.0


def test_gzip_is_read_and_written(tmp_path: Path) -> None:
    rows = read_sessions(file_of(tmp_path, GOOD)).rows
    write_sessions(tmp_path / "s.csv.gz", rows)
    assert gzip.decompress((tmp_path / "s.csv.gz").read_bytes()).startswith(b"arrival,")
    assert read_sessions(tmp_path / "s.csv.gz").rows == rows


def test_rows_out_of_order_are_sorted(tmp_path: Path) -> None:
    later = GOOD.replace("05-04", "05-05")
    rows = read_sessions(file_of(tmp_path, later, GOOD)).rows
    assert [row.arrival.day for row in rows] == [4, 5]


def test_a_row_that_overlaps_the_next_on_its_station_is_shortened(tmp_path: Path) -> None:
    second = "2026-05-04 09:00:00-07:00,2026-05-04 10:00:00-07:00,,2.0,A-1,x2,,False"
    elsewhere = "2026-05-04 09:00:00-07:00,2026-05-04 10:00:00-07:00,,2.0,A-2,x3,,False"
    file = read_sessions(file_of(tmp_path, GOOD, second, elsewhere))
    assert (file.shortened, file.dropped) == (1, 0)
    assert file.rows[0].departure == file.rows[1].arrival
    assert len(file.rows) == 3


def test_two_rows_that_begin_at_once_on_one_station_are_one(tmp_path: Path) -> None:
    file = read_sessions(file_of(tmp_path, GOOD, GOOD.replace("x1", "x2")))
    assert (file.shortened, file.dropped) == (0, 1)
    assert [row.session_id for row in file.rows] == ["x2"]


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        (GOOD.replace("2026-05-04 08:00:00-07:00", "yesterday"), "arrival", "not a time: 'yesterday'"),
        (GOOD.replace("08:00:00-07:00", "08:00:00"), "arrival", "with the offset"),
        (GOOD.replace("09:30:00", "07:30:00"), "departure", "not after the arrival"),
        (GOOD.replace("11.39", "lots"), "delivered_energy (kWh)", "not an energy: 'lots'"),
        (GOOD.replace("11.39", "-1"), "delivered_energy (kWh)", "not below 0"),
        (GOOD.replace("11.39", "nan"), "delivered_energy (kWh)", "not an energy"),
        (GOOD.replace("11.39", ""), "delivered_energy (kWh)", "an energy is needed"),
        (GOOD.replace("11.39", "11390"), "delivered_energy (kWh)", "in kWh, not Wh"),
        (GOOD.replace("20.0", "inf"), "requested_energy (kWh)", "not an energy"),
        (GOOD.replace("A-1", " "), "station_id", "a station is needed"),
        (GOOD.replace("12:00:00-07:00", "noon"), "estimated_departure", "not a time"),
    ],
)
def test_a_bad_value_is_named_with_its_place(tmp_path: Path, line: str, column: str, says: str) -> None:
    path = file_of(tmp_path, GOOD.replace("A-1", "A-9"), line)
    with pytest.raises(SessionFileError, match="line 3") as caught:
        read_sessions(path)
    assert caught.value.column == column
    assert caught.value.line == 3
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_header_that_lacks_columns_names_them(tmp_path: Path) -> None:
    path = file_of(tmp_path, "1,2", header="begin,finish")
    with pytest.raises(SessionFileError, match=r"lacks 'arrival', 'departure', .*'station_id'"):
        read_sessions(path)


def test_files_that_are_none_say_so(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="no such file"):
        read_sessions(tmp_path / "none.csv")
    with pytest.raises(SessionFileError, match="can't be read"):
        read_sessions(tmp_path)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"arrival")[:12])
    with pytest.raises(SessionFileError, match="can't be read"):
        read_sessions(tmp_path / "cut.csv.gz")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SessionFileError, match="UTF-8"):
        read_sessions(tmp_path / "latin.csv")
    with pytest.raises(SessionFileError, match="no session"):
        read_sessions(file_of(tmp_path))


def test_a_part_of_the_day_can_be_cut_out() -> None:
    file = read_sessions(SMALL)
    start = file.rows[0].arrival
    first_hour = file.between(start, start + timedelta(hours=1))
    assert 0 < len(first_hour.rows) < len(file.rows)


def test_our_small_file_is_two_hours_of_54_evses() -> None:
    file = read_sessions(SMALL)
    start = datetime.fromisoformat("2026-09-15 08:00:00-07:00")
    end = start + timedelta(hours=2)
    assert len(file.station_ids) == 54
    assert (file.shortened, file.dropped) == (0, 0)
    assert all(start <= row.arrival < end for row in file.rows)
    assert sum(row.arrival >= start + timedelta(minutes=1) for row in file.rows) >= 25
    assert sum(row.departure < end for row in file.rows) >= 10
    # What the fitted sites' EVSEs can give.
    assert all(row.delivered_wh <= 6656.0 * row.dwell_s / 3600.0 for row in file.rows)

"""The garage at Caltech: wired as published, and recorded sessions on whole steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.simulation.batch.world import SLOTS
from ampacity.simulation.scenarios.caltech import ROWS, STATIONS, MeteredSite, caltech_site
from ampacity.simulation.scenarios.recorded import NoRoomError, recorded_world
from ampacity.simulation.sessions import SessionRow

SITE = caltech_site()
MIDNIGHT = datetime(2019, 9, 1, 7, tzinfo=UTC)


def row_currents(site: MeteredSite, amps: np.ndarray) -> np.ndarray:
    """Magnitudes on the rows, from the arrays as the engine reads them."""
    evses = site.evses
    total = np.zeros(len(site.row_names), np.complex128)
    for place, amp in enumerate(amps):
        for entry in range(evses.entry_start[SLOTS * place], evses.entry_start[SLOTS * place + 1]):
            total[evses.entry_row[entry]] += amp * complex(evses.entry_re[entry], evses.entry_im[entry])
    return np.abs(total)


def published(amps: np.ndarray) -> np.ndarray:
    """The published constraints: group phasors at 30, -90 and 150 degrees, primary (A - C) / 4."""
    angles = np.deg2rad(np.repeat([30.0, -90.0, 150.0], [26, 14, 14]))
    phasors = amps * np.exp(1j * angles)
    between = [phasors[:26].sum(), phasors[26:40].sum(), phasors[40:].sum()]
    a, b, c = between[0] - between[2], between[1] - between[0], between[2] - between[1]
    pods = [
        sum(amp for amp, name in zip(amps, STATIONS, strict=True) if name in pod)
        for pod in (
            {f"CA-{n}" for n in (320, 321, 322, 323, 493, 494, 495, 496)},
            {f"CA-{n}" for n in (324, 325, 326, 327, 489, 490, 491, 492)},
        )
    ]
    return np.abs(np.array([*pods, a, b, c, (a - c) / 4, (b - a) / 4, (c - b) / 4]))


@given(st.lists(st.floats(0, 32), min_size=54, max_size=54))
def test_rows_carry_what_the_published_network_says(amps: list[float]) -> None:
    given_a = np.array(amps)
    np.testing.assert_allclose(row_currents(SITE, given_a), published(given_a), atol=1e-9)


@pytest.mark.parametrize(
    ("kva", "secondary_a", "primary_a"), [(60.0, 166.66667, 72.20217), (150.0, 416.66667, 180.50542)]
)
def test_limits_follow_the_transformer(kva: float, secondary_a: float, primary_a: float) -> None:
    limits = dict(zip(ROWS, caltech_site(kva).rows.limit_a[0], strict=True))
    assert limits.pop("CC pod") == limits.pop("AV pod") == 80.0
    for name, limit_a in limits.items():
        assert limit_a == pytest.approx(secondary_a if name.startswith("secondary") else primary_a, rel=1e-7)


def test_a_transformer_needs_a_rating() -> None:
    with pytest.raises(ValueError, match=r"transformer_kva 0\.0 must be above 0"):
        caltech_site(0.0)


def session(station: str, from_min: float, to_min: float, kwh: float = 5.0) -> SessionRow:
    return SessionRow(
        arrival=MIDNIGHT + timedelta(minutes=from_min),
        departure=MIDNIGHT + timedelta(minutes=to_min),
        delivered_wh=kwh * 1000.0,
        station_id=station,
        session_id=f"{station} {from_min}",
    )


def test_sessions_lie_on_whole_steps_and_ask_for_what_they_got() -> None:
    world = recorded_world(
        SITE, [session("CA-303", 14, 61), session("CA-308", 4.9, 10.1, kwh=0.5)], MIDNIGHT, 300.0
    )
    visits = world.visits
    assert visits.arrive_s.tolist() == [0.0, 600.0]
    assert visits.depart_s.tolist() == [600.0, 3600.0]
    assert [STATIONS[k] for k in visits.evse] == ["CA-308", "CA-303"]
    assert visits.energy_wh.tolist() == [500.0, 5000.0]
    assert world.steps == 13
    assert visits.accept_w.tolist() == [6656.0, 6656.0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (session("CA-1", 0, 60), "'CA-1' isn't one of the site's 54"),
        (session("CA-303", 1, 4), "takes no whole step of 300 s"),
        (session("CA-303", -30, 60), "takes no whole step of 300 s after"),
    ],
)
def test_a_session_that_has_no_room_is_named(row: SessionRow, told: str) -> None:
    with pytest.raises(NoRoomError, match=told):
        recorded_world(SITE, [row], MIDNIGHT)

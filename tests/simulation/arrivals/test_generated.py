"""Visits: generated days look like the fitted sites, replayed ones are the file."""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from ampacity.simulation.arrivals import Visit, session_rows, visits_from_sessions
from ampacity.simulation.arrivals.archetypes import ARCHETYPES, DC_HUB, DEPOT, UnknownArchetype, archetype
from ampacity.simulation.evses import EvsePlan, replay_evses, workplace_evses
from ampacity.simulation.sessions import read_sessions, write_sessions

SMALL = Path(__file__).parents[2] / "data" / "sessions_54evse_2h.csv"
#: The whole sets of real sessions as well, where the environment names their folder.
REPLAYED = [SMALL]
if "AMPACITY_REFERENCE" in os.environ:
    REPLAYED += sorted((Path(os.environ["AMPACITY_REFERENCE"]) / "data" / "sessions").glob("*.csv.gz"))

MONDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 28)
WORKPLACE = archetype("workplace")
FIFTY = replay_evses(tuple(f"E{n}" for n in range(50)))


def evse(**changes: object) -> EvsePlan:
    return EvsePlan(station_id="A", vendor="V", model="M", ocpp_version="2.1", **changes)  # type: ignore[arg-type]


def energy_at_full_offer(visit: Visit, at: EvsePlan) -> float:
    car = visit.plug_in()
    for at_s in (visit.arrival_s, visit.departure_s):
        if at.dc_power_w is None:
            car.step(at_s, at.max_a, at.phases)
        else:
            car.dc_step(at_s, at.dc_power_w)
    return car.energy_wh


def weekdays(count: int) -> list[Visit]:
    visits: list[Visit] = []
    day = MONDAY
    rng = np.random.default_rng(5)
    while count:
        if day.weekday() < 5:
            visits.extend(WORKPLACE.generate(rng, day, FIFTY, sessions_per_evse=1.0))
            count -= 1
        day += timedelta(days=1)
    return visits


def test_generated_weekdays_look_like_the_fitted_sites() -> None:
    visits = weekdays(40)
    hours = np.array([v.arrival.hour + v.arrival.minute / 60 for v in visits])
    dwell = np.array([v.dwell_s / 3600 for v in visits])
    kwh = np.array([v.requested_wh / 1000 for v in visits])
    # Of the 9,010 sessions that the fit saw (May to August 2019): 1.0 session an EVSE and day by argument.
    assert len(visits) / 40 / 50 == pytest.approx(1.0, abs=0.06)
    assert np.quantile(hours, [0.25, 0.5, 0.75]) == pytest.approx([7.0, 8.4, 13.0], abs=0.9)
    assert np.median(dwell) == pytest.approx(7.6, abs=0.9)
    assert np.median(kwh) == pytest.approx(9.4, abs=1.2)
    assert kwh.mean() == pytest.approx(12.2, abs=0.8)
    assert np.all(kwh <= 6.656 * dwell)
    early = hours < 9
    assert dwell[early].mean() > dwell[~early].mean() + 2.0
    claimed = np.mean([v.user_estimate_departure is not None for v in visits])
    assert claimed == pytest.approx(0.934, abs=0.03)


def test_a_weekend_is_nearly_empty() -> None:
    rng = np.random.default_rng(1)
    assert len(WORKPLACE.generate(rng, SATURDAY, FIFTY, sessions_per_evse=1.0)) < 15


@pytest.mark.parametrize("kind", ARCHETYPES)
def test_one_car_at_a_time_and_the_same_seed_the_same_day(kind: str) -> None:
    evses = workplace_evses(24)

    def day(seed: int) -> tuple[Visit, ...]:
        return archetype(kind).generate(np.random.default_rng(seed), MONDAY, evses)

    visits = day(3)
    assert visits == day(3)
    assert visits != day(4)
    assert visits
    assert all(a.arrival <= b.arrival for a, b in pairwise(visits))
    assert len({v.session_id for v in visits}) == len(visits)
    there: dict[object, list[Visit]] = defaultdict(list)
    for visit in visits:
        there[(visit.station_id, visit.evse_id)].append(visit)
        assert visit.arrival.tzinfo is UTC
        assert visit.departure > visit.arrival
        assert visit.requested_wh > 0.0
    assert set(there) <= {plan.key for plan in evses}
    for stays in there.values():
        assert all(a.departure < b.arrival for a, b in pairwise(stays))


def test_a_crowded_site_turns_visits_away_rather_than_stacking_them() -> None:
    visits = WORKPLACE.generate(np.random.default_rng(2), MONDAY, FIFTY[:2], sessions_per_evse=40.0)
    assert 2 < len(visits) < 60


def test_a_site_without_evses_has_no_visits() -> None:
    assert WORKPLACE.generate(np.random.default_rng(2), MONDAY, ()) == ()


def test_local_hours_become_utc() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    visits = WORKPLACE.generate(np.random.default_rng(2), MONDAY, FIFTY, tz=zone, sessions_per_evse=1.0)
    assert {visit.arrival.astimezone(zone).date() for visit in visits} == {MONDAY}


def test_ten_vans_at_six_are_ten_vans() -> None:
    evses = workplace_evses(10)
    visits = DEPOT.generate(np.random.default_rng(7), MONDAY, evses)
    assert len(visits) == 10
    for visit in visits:
        assert 16 <= visit.arrival.hour < 20
        left = visit.departure - datetime(2026, 11, 24, 7, tzinfo=UTC)
        assert abs(left.total_seconds()) <= 0.75 * 3600 + 1


def test_dc_stops_are_short_and_their_energy_can_be_had() -> None:
    hub = tuple(evse(evse_id=n, dc_power_w=150_000.0, max_a=240.0) for n in range(1, 9))
    visits = DC_HUB.generate(np.random.default_rng(7), MONDAY, hub)
    assert len(visits) > 30
    assert max(visit.dwell_s for visit in visits) < 1.5 * 3600
    got = sum(energy_at_full_offer(visit, hub[0]) for visit in visits)
    assert got / sum(visit.requested_wh for visit in visits) > 0.97


def test_generated_energy_can_be_had_on_the_workplace() -> None:
    evses = workplace_evses(24)
    by_key = {plan.key: plan for plan in evses}
    visits = WORKPLACE.generate(np.random.default_rng(9), MONDAY, evses, sessions_per_evse=1.4)
    for visit in visits:
        got = energy_at_full_offer(visit, by_key[(visit.station_id or "", visit.evse_id)])
        assert got == pytest.approx(visit.requested_wh, rel=0.01)


@pytest.mark.parametrize("path", REPLAYED, ids=lambda path: path.name)
def test_a_replay_is_the_file_and_every_possible_energy_can_be_had(path: Path) -> None:
    file = read_sessions(path)
    evses = {plan.station_id: plan for plan in replay_evses(file.station_ids)}
    visits = visits_from_sessions(np.random.default_rng(1), file.rows, tuple(evses.values()))
    assert len(visits) == len(file.rows)
    for visit, row in zip(visits, file.rows, strict=True):
        assert (visit.arrival, visit.departure) == (row.arrival, row.departure)
        assert visit.arrival.tzinfo is UTC
        assert (visit.station_id, visit.session_id) == (row.station_id, row.session_id)
        assert visit.declared_wh == (row.requested_wh if row.claimed else None)
        got_wh = energy_at_full_offer(visit, evses[row.station_id])
        possible = row.delivered_wh <= 0.98 * 7360.0 * (row.dwell_s - 40.0) / 3600.0
        # To the watt-hour and beyond: the car stops exactly there.
        assert got_wh == row.delivered_wh or (got_wh < row.delivered_wh and not possible)


def test_what_the_driver_did_not_claim_stays_unknown() -> None:
    row = read_sessions(SMALL).rows[0]
    silent = msgspec.structs.replace(row, claimed=False)
    (visit,) = visits_from_sessions(np.random.default_rng(1), [silent], replay_evses((row.station_id,)))
    assert visit.declared_wh is None
    assert visit.user_estimate_departure is None


def test_an_energy_beyond_the_evse_gets_the_strongest_car_and_stays_owed() -> None:
    row = read_sessions(SMALL).rows[0]
    greedy = msgspec.structs.replace(row, departure=row.arrival + timedelta(hours=1), delivered_wh=9_000.0)
    evses = replay_evses((row.station_id,))
    (visit,) = visits_from_sessions(np.random.default_rng(1), [greedy], evses)
    got = energy_at_full_offer(visit, evses[0])
    assert 7_200.0 < got < 7_360.0


def test_a_generated_day_survives_the_file(tmp_path: Path) -> None:
    visits = WORKPLACE.generate(np.random.default_rng(9), MONDAY, FIFTY)
    write_sessions(tmp_path / "day.csv", session_rows(visits, ZoneInfo("Europe/Berlin")))
    back = read_sessions(tmp_path / "day.csv")
    assert (back.shortened, back.dropped) == (0, 0)
    assert [row.delivered_wh for row in back.rows] == [visit.requested_wh for visit in visits]
    assert [row.arrival for row in back.rows] == [visit.arrival for visit in visits]
    assert [row.departure for row in back.rows] == [visit.departure for visit in visits]


#: Of ElaadNL's published distributions: medians of stay and energy, and the median stay of who arrives at six
#: in the evening.
@pytest.mark.parametrize(
    ("kind", "stay_h", "energy_kwh", "evening_h"), [("home", 11.0, 19.4, 13.9), ("public", 4.4, 7.2, 12.5)]
)
def test_home_and_public_follow_the_published_curves(
    kind: str, stay_h: float, energy_kwh: float, evening_h: float
) -> None:
    rng = np.random.default_rng(1)
    model = archetype(kind)
    stays = [stay for day in range(7) for stay in model.law_of(MONDAY + timedelta(day)).draw(rng, 3000)]
    dwell, energy = np.array([s.dwell_h for s in stays]), np.array([s.energy_kwh for s in stays])
    assert np.median(dwell) == pytest.approx(stay_h, rel=0.06)
    assert np.median(energy) == pytest.approx(energy_kwh, rel=0.06)
    at_six = np.array([18.0 <= s.hour < 18.5 for s in stays])
    assert np.mean(dwell[at_six] <= evening_h) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("kind", ARCHETYPES)
def test_over_several_days_an_evse_still_holds_one_car(kind: str) -> None:
    visits = archetype(kind).generate(np.random.default_rng(2), MONDAY, 12, days=9)
    there: dict[object, list[Visit]] = defaultdict(list)
    for visit in visits:
        there[(visit.station_id, visit.evse_id)].append(visit)
    assert 1 < len(there) <= 12
    assert len({visit.session_id for visit in visits}) == len(visits)
    assert all(a.arrival <= b.arrival for a, b in pairwise(visits))
    for stays in there.values():
        assert all(a.departure < b.arrival for a, b in pairwise(stays))


def test_holidays_are_days_off() -> None:
    rng = np.random.default_rng(3)
    usual = WORKPLACE.generate(rng, MONDAY, FIFTY)
    assert len(WORKPLACE.generate(rng, MONDAY, FIFTY, holidays=[MONDAY])) < 0.6 * len(usual)


def test_a_kind_of_site_that_is_not_shipped_says_which_are() -> None:
    with pytest.raises(UnknownArchetype, match="workplace, home, public, dc_hub, depot are shipped"):
        archetype("garage")

"""Scenarios that name files: sessions, arrival models, prices, CO2, sun and tariffs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from ampacity.simulation.arrivals import archetype, read_sessions
from ampacity.simulation.arrivals.model_file import arrivals_text
from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.scenarios.building import build
from ampacity.simulation.scenarios.faults import ScenarioError
from ampacity.simulation.scenarios.reading import check_files, load
from ampacity.simulation.scenarios.running import run_strategy

DATA = Path(__file__).resolve().parents[2] / "data"

SITE = """
version = 1
name = "Files"
shows = "A site whose cars and prices are in files."
[run]
starts = 2026-03-02
days = 1
step_s = 300
time_zone = "UTC"
[[circuit]]
id = "grid"
rating_a = 250
[[evse]]
id = "solo"
count = 54
circuit = "grid"
phases = 1
"""


def built(folder: Path, more: str, seed: int = 1) -> Scene:
    path = folder / "mine.toml"
    path.write_text(SITE + more)
    scenario, found = load(str(path))
    check_files(scenario, found)
    return build(scenario, seed, found)


def replayed(folder: Path, from_day: str) -> Scene:
    (folder / "sessions.csv").write_bytes((DATA / "sessions_54evse_2h.csv").read_bytes())
    return built(folder, f'[[arrivals]]\nkind = "sessions"\nfile = "sessions.csv"\nfrom_day = {from_day}\n')


def test_sessions_of_a_file_come_at_their_hours_on_the_runs_day(tmp_path: Path) -> None:
    rows = read_sessions(DATA / "sessions_54evse_2h.csv").rows
    day = min(row.arrival.astimezone(UTC).date() for row in rows)
    mine = [row for row in rows if row.arrival.astimezone(UTC).date() == day]
    assert len(mine) > 50
    visits = replayed(tmp_path, day.isoformat()).world.visits
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    expected = sorted((row.arrival - midnight).total_seconds() for row in mine)
    np.testing.assert_allclose(visits.arrive_s, expected)
    stays = sorted((row.departure - row.arrival).total_seconds() for row in mine)
    np.testing.assert_allclose(np.sort(visits.depart_s - visits.arrive_s), stays)
    assert visits.energy_wh.sum() == pytest.approx(sum(row.delivered_wh for row in mine))
    assert np.isfinite(visits.declared_depart_s).sum() == sum(row.claimed for row in mine)


def test_a_fitted_model_draws_the_cars_of_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(arrivals_text(archetype("workplace"), {}))
    model = '[[arrivals]]\nkind = "model"\nfile = "ours.toml"\nsessions_per_evse = 1.0\n'
    shipped = '[[arrivals]]\nkind = "archetype"\narchetype = "workplace"\nsessions_per_evse = 1.0\n'
    ours, theirs = built(tmp_path, model).world.visits, built(tmp_path, shipped).world.visits
    assert len(ours.arrive_s) > 20
    np.testing.assert_allclose(ours.arrive_s, theirs.arrive_s)
    np.testing.assert_allclose(ours.energy_wh, theirs.energy_wh)


def test_a_days_prices_co2_and_sun_are_those_of_their_files(tmp_path: Path) -> None:
    hours = [f"2026-03-02T{hour:02d}:00:00Z" for hour in range(24)]
    for name, column, scale in (("price", "price_per_kwh", 0.01), ("co2", "co2_g_per_kwh", 10.0)):
        lines = [f"{at},{scale * hour:g}" for hour, at in enumerate(hours)]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"time,{column}", *lines]) + "\n")
    sun = [f"{at},{0.5 if 6 < hour < 18 else 0.0}" for hour, at in enumerate(hours)]
    (tmp_path / "sun.csv").write_text("\n".join(["time,kw_per_kwp", *sun]) + "\n")
    more = """
[[arrivals]]
kind = "archetype"
archetype = "workplace"
[prices]
file = "price.csv"
fee = 0.1
co2_file = "co2.csv"
[sun]
kwp = 40
circuit = "grid"
file = "sun.csv"
"""
    series = built(tmp_path, more).world.series
    hour = np.repeat(np.arange(24), 12)
    np.testing.assert_allclose(series.buy, 0.01 * hour + 0.1)
    np.testing.assert_allclose(series.sell, 0.01 * hour)
    np.testing.assert_allclose(series.co2, 10.0 * hour)
    np.testing.assert_allclose(series.pv_w, np.where((hour > 6) & (hour < 18), 20_000.0, 0.0))


def test_a_published_tariff_sets_prices_and_demand_charge(tmp_path: Path) -> None:
    season = {"id": "all", "effective_start": "01-01", "effective_end": "12-31", "demand_charge": 12.5}
    days = [
        {**season, "dow_mask": "WEEKDAYS", "times": [0, 8], "tariffs": [0.1, 0.3]},
        {**season, "dow_mask": "WEEKENDS", "times": [0], "tariffs": [0.1], "id": "off"},
    ]
    (tmp_path / "tariff.json").write_text(json.dumps({"name": "T", "schedule": days}))
    more = '[[arrivals]]\nkind = "archetype"\narchetype = "home"\n[prices]\ntariff = "tariff.json"\n'
    scene = built(tmp_path, more)
    assert scene.demand_price == 12.5
    hour = np.repeat(np.arange(24), 12)
    np.testing.assert_allclose(scene.world.series.buy, np.where(hour < 8, 0.1, 0.3))


@pytest.mark.parametrize(
    ("kind", "volts", "rows"), [("split", 240.0, 2), ("delta", 208.0, 3), ("wye", 230.0, 3)]
)
def test_a_site_of_each_supply_keeps_its_limit(kind: str, volts: float, rows: int, tmp_path: Path) -> None:
    """Conductors carry what the cars draw, and the law keeps them below the limit."""
    more = f'[supply]\nkind = "{kind}"\n[[arrivals]]\nkind = "archetype"\narchetype = "workplace"\n'
    scene = built(tmp_path, more)
    assert len(scene.rows) == rows
    assert set(scene.world.evses.volt_v) == {volts}
    tight = scene.world.rows._replace(limit_a=np.full((1, rows), 60.0))
    run = run_strategy(structs.replace(scene, world=scene.world._replace(rows=tight)), "dynamic", 1)
    assert run.trace.row_a.max() <= 60.0 + 1e-6
    assert run.trace.row_a.max() > 55.0
    # Power on the neutral's phasors is the power at the meters: balanced within what the sums allow.
    neutral_v = volts / {"split": 2.0, "delta": 3.0**0.5, "wye": 1.0}[kind]
    assert np.all(run.trace.supply_w <= run.trace.row_a.sum(axis=1) * neutral_v + 1e-3)


@pytest.mark.parametrize(
    ("more", "file", "text", "told"),
    [
        ('[prices]\nfile = "p.csv"\n', "p.csv", "time,price_per_kwh\n2026-03-02T00:00:00Z,cheap\n", "line 2"),
        ('[prices]\ntariff = "t.json"\n', "t.json", '{"name": "x"}', "schedule"),
        ('[[arrivals]]\nkind = "sessions"\nfile = "s.csv"\n', "s.csv", "a,b\n1,2\n", "s.csv"),
        ('[[arrivals]]\nkind = "model"\nfile = "m.toml"\n', "m.toml", "version = 'old'\n", "m.toml"),
    ],
)
def test_a_malformed_file_is_told_when_the_scenario_is_checked(
    tmp_path: Path, more: str, file: str, text: str, told: str
) -> None:
    """Not as a run that failed, after minutes."""
    (tmp_path / file).write_text(text)
    cars = "" if "arrivals" in more else '[[arrivals]]\nkind = "archetype"\narchetype = "workplace"\n'
    with pytest.raises(ScenarioError, match="can't be used") as caught:
        built(tmp_path, cars + more)
    (fault,) = caught.value.faults
    assert fault.value == repr(file)
    assert file in fault.problem or told in fault.problem
    assert told in fault.problem

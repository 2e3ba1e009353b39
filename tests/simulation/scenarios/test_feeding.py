"""What a run does to its street: taking lowers the voltage, giving back lifts it, too much has none."""

from __future__ import annotations

import msgspec
import pytest

from ampacity.simulation.scenarios.feeding import StreetMetrics, street_metrics
from ampacity.simulation.scenarios.reading import load
from ampacity.simulation.scenarios.spec import FeederSpec
from tests.simulation.worlds import empty_run, evses, scene, series, visits, world

MINUTES = 60


def street_of(amperes: float, *, length_m: float = 500.0, seed: int = 1) -> StreetMetrics:
    """A site that takes (or gives back) so much on each phase, at the end of a street of four houses."""
    school, _ = load("school-weak-feeder")
    spec = FeederSpec(transformer_kva=160.0, length_m=length_m, neighbours=4, neighbour_kw=0.4)
    what = world(
        evses([(0,)]), visits([0], [3600], [3000]), step_s=60.0, steps=MINUTES, signals=series(MINUTES)
    )
    run = empty_run(scene(what))
    run.trace.row_a[:, :3] = abs(amperes)
    run.trace.site_w[:] = 690.0 * amperes
    return street_metrics(run, msgspec.structs.replace(school, feeder=spec), seed)


def test_taking_lowers_and_giving_back_lifts_the_voltage() -> None:
    giving, idle, taking = (street_of(amperes) for amperes in (-30.0, 0.0, 30.0))
    assert taking.voltage_lowest_share < idle.voltage_lowest_share - 0.01
    assert giving.voltage_lowest_share > idle.voltage_lowest_share + 0.01
    assert taking.transformer_peak_share is not None
    assert idle.transformer_peak_share is not None
    more = taking.transformer_peak_share - idle.transformer_peak_share
    assert more == pytest.approx(30.0 * 693.0 / 160e3, rel=0.1)
    assert taking.street_voltage_lowest_share <= taking.voltage_lowest_share


def test_the_same_seed_is_the_same_street() -> None:
    assert street_of(10.0, seed=4) == street_of(10.0, seed=4) != street_of(10.0, seed=5)


def test_more_than_the_street_can_carry_is_no_voltage() -> None:
    assert street_of(400.0, length_m=2000.0) == StreetMetrics(
        voltage_lowest_share=0.0, street_voltage_lowest_share=0.0
    )


@pytest.mark.parametrize("network", ["ieee-european", "cigre-residential"])
def test_a_scenario_may_hang_on_a_published_network(network: str) -> None:
    school, _ = load("school-weak-feeder")
    what = world(evses([(0,)]), visits([0], [3600], [3000]), step_s=60.0, steps=5, signals=series(5))
    run = empty_run(scene(what))
    run.trace.row_a[:, :3] = 20.0
    run.trace.site_w[:] = 690.0 * 20.0
    spec = msgspec.convert({"network": network}, FeederSpec)
    told = street_metrics(run, msgspec.structs.replace(school, feeder=spec), 1)
    assert 0.85 < told.voltage_lowest_share < 1.1
    assert told.transformer_life_h is not None
    assert told.transformer_life_h > 0.0

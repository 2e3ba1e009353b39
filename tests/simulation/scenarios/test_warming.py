"""The site's own transformer: loaded, warm and older, on three phases and on split phase."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from ampacity.simulation.batch import episode
from ampacity.simulation.electrical.transformer import steady_state, usual_transformer
from ampacity.simulation.scenarios.arrays import Tree
from ampacity.simulation.scenarios.building import build
from ampacity.simulation.scenarios.reading import load
from ampacity.simulation.scenarios.spec import CircuitSpec, Scenario, SupplySpec, TransformerSpec
from ampacity.simulation.scenarios.warming import transformer_metrics


def townhouses(kva: float = 50.0) -> Scenario:
    scenario, _ = load("american-townhouses")
    return msgspec.structs.replace(scenario, transformer=TransformerSpec(kva=kva, primary_v=7200.0))


@pytest.mark.parametrize("amperes", [0.0, 30.0])
def test_a_leg_to_leg_load_weighs_what_its_power_says(amperes: float) -> None:
    circuit = CircuitSpec(id="service", rating_a=400.0)
    site = Tree(SupplySpec(kind="split"), [circuit], TransformerSpec(kva=50.0, primary_v=7200.0))
    load_a = site.load(0, (0, 1))
    primary_a = abs(load_a[site.row_of[None, 0]]) * amperes
    assert primary_a * 7200.0 == pytest.approx(240.0 * amperes)
    assert site.rows[-1].limit_a == pytest.approx(50_000.0 / 7200.0)
    # A load from one leg to the neutral weighs half of that.
    assert abs(site.alone(0, 1)[site.row_of[None, 0]]) == pytest.approx(120.0 / 7200.0)


def test_control_keeps_a_pole_transformer_young() -> None:
    scenario = townhouses()
    scene = build(scenario, 1)
    free, kept = (
        transformer_metrics(episode.run(scene, name), scenario) for name in ("uncontrolled", "dynamic")
    )
    assert free.site_transformer_peak_share > 1.0 >= kept.site_transformer_peak_share
    assert free.site_transformer_hot_spot_c > kept.site_transformer_hot_spot_c > scene.air_c.max()
    assert free.site_transformer_life_h > kept.site_transformer_life_h > 0.0


def test_a_bigger_transformer_stays_cooler() -> None:
    run = episode.run(build(townhouses(), 1), "uncontrolled")
    bigger = townhouses(100.0)
    cool = transformer_metrics(episode.run(build(bigger, 1), "uncontrolled"), bigger)
    warm = transformer_metrics(run, townhouses())
    assert cool.site_transformer_peak_share == pytest.approx(0.5 * warm.site_transformer_peak_share)
    assert cool.site_transformer_life_h < warm.site_transformer_life_h


@pytest.mark.parametrize(("kva", "rise_k"), [(10.0, 78.0), (400.0, 78.0), (2500.0, 78.0), (10_000.0, 78.0)])
def test_any_rating_has_its_rise_at_rated_load(kva: float, rise_k: float) -> None:
    kind = usual_transformer(kva)
    state = steady_state(kind, np.array(1.0), np.array(20.0))
    assert float(state.top_oil_c + state.gradient_1_k - state.gradient_2_k) - 20.0 == pytest.approx(rise_k)
    assert kind.load_loss_w / kind.rated_va < 0.03
    with pytest.raises(ValueError, match="above 0"):
        usual_transformer(0.0)

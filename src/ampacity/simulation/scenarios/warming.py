"""The site's own transformer after a run: how loaded and how warm it was, and what that took of its life."""

from __future__ import annotations

from msgspec import Struct

from ..batch.outcome import Run
from ..electrical.transformer import load_factor, loss_of_life_h, temperatures, usual_transformer
from .spec import Scenario


class TransformerMetrics(Struct, frozen=True, kw_only=True):
    """Highest load as a share of the rating (root mean square of its phases), highest hot spot under the
    scenario's air, and hours of normal life used up (as many as passed at a steady 98 C)."""

    site_transformer_peak_share: float
    site_transformer_hot_spot_c: float
    site_transformer_life_h: float


def transformer_metrics(run: Run, scenario: Scenario) -> TransformerMetrics:
    """The transformer under a run of a scenario that has one; its rows stand last. Oil-immersed, with the
    losses of new European ones (`usual_transformer`); it begins in the steady state of the first step."""
    assert scenario.transformer is not None
    kind = usual_transformer(scenario.transformer.kva)
    rows = 1 if scenario.supply.kind == "split" else 3
    rated_a = float(run.scene.world.rows.limit_a[0, -1])
    load = load_factor(run.trace.row_a[:, -rows:], rated_a)
    step_s = run.scene.world.step_s
    hot_c = temperatures(kind, load, run.scene.air_c, step_s).hot_spot_c
    return TransformerMetrics(
        site_transformer_peak_share=float(load.max()),
        site_transformer_hot_spot_c=float(hot_c.max()),
        site_transformer_life_h=float(loss_of_life_h(kind, hot_c, step_s)),
    )

"""Mixtures: densities integrate to one, a fit finds what was drawn, conditionals agree with the joint law."""

from __future__ import annotations

import numpy as np
import pytest

from ampacity.simulation.arrivals.mixture import NormalMixture, fit

TRUTH = NormalMixture(
    np.array([0.7, 0.3]),
    np.array([[0.0, 1.0], [6.0, -1.0]]),
    np.array([[[1.0, 0.6], [0.6, 1.0]], [[0.5, -0.2], [-0.2, 0.3]]]),
)


def test_the_density_integrates_to_one() -> None:
    x, y = np.meshgrid(np.linspace(-8, 14, 300), np.linspace(-8, 8, 300))
    cell = (x[0, 1] - x[0, 0]) * (y[1, 0] - y[0, 0])
    total = np.exp(TRUTH.log_density(np.column_stack([x.ravel(), y.ravel()]))).sum() * cell
    assert total == pytest.approx(1.0, abs=1e-6)


def test_a_fit_finds_the_law_that_it_was_drawn_from() -> None:
    points = TRUTH.draw(np.random.default_rng(1), 20_000)
    found = fit(points, 2, np.random.default_rng(2))
    order = np.argsort(-found.weights)
    assert found.weights[order] == pytest.approx(TRUTH.weights, abs=0.02)
    assert found.means[order] == pytest.approx(TRUTH.means, abs=0.05)
    assert found.covariances[order] == pytest.approx(TRUTH.covariances, abs=0.05)
    # Maximum likelihood is at least as likely as the truth.
    assert found.log_density(points).mean() >= TRUTH.log_density(points).mean() - 1e-4


def test_last_given_rest_follows_the_joint_law() -> None:
    rng = np.random.default_rng(3)
    joint = TRUTH.draw(rng, 60_000)
    second = TRUTH.draw_last_given_rest(rng, joint[:, :1])
    for low, high in ((-1.0, 0.0), (0.0, 1.0), (2.0, 5.0), (5.0, 7.0)):
        there = (joint[:, 0] >= low) & (joint[:, 0] < high)
        assert second[there].mean() == pytest.approx(joint[there, 1].mean(), abs=0.06)
        assert second[there].std() == pytest.approx(joint[there, 1].std(), abs=0.06)


def test_marginal_and_parameters() -> None:
    first = TRUTH.marginal(0)
    assert first.means.ravel().tolist() == [0.0, 6.0]
    assert first.covariances.ravel().tolist() == [1.0, 0.5]
    assert TRUTH.parameters == 11


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes disagree"):
        NormalMixture(np.ones(3), TRUTH.means, TRUTH.covariances)

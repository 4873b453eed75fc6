"""Weights for rare targets."""

import numpy as np
import numpy.testing as npt
import pytest

from imbalance.density import dense_weights, inverse_density_weights, target_density

PM25 = np.array([10.0, 11, 12, 11, 10, 12, 11, 150])


@pytest.mark.parametrize("weigh", [dense_weights, inverse_density_weights])
def test_the_rare_value_weighs_most(weigh):
    "One day of 150 among seven around 11; weights have a mean of one."
    weights = weigh(PM25)
    assert weights.argmax() == 7
    npt.assert_allclose(weights.mean(), 1)


def test_strength_zero_weighs_all_alike():
    "DenseWeight with alpha 0 is plain regression."
    npt.assert_allclose(dense_weights(PM25, alpha=0), np.ones(8))


def test_the_densest_value_loses_its_weight_at_strength_one():
    "Its scaled density is 1, and 1 - 1 leaves the smallest weight."
    weights = dense_weights(PM25)
    assert weights[target_density(PM25).argmax()] == pytest.approx(1e-6 * weights[7] / 1, rel=1e-6)


def test_root_of_the_inverse():
    "A value a hundred times as dense weighs a tenth."
    density, weights = target_density(PM25), inverse_density_weights(PM25)
    npt.assert_allclose(weights[7] / weights[0], np.sqrt(density[0] / density[7]))


def test_targets_without_spread_are_refused():
    "No density can be told of one value."
    with pytest.raises(ValueError, match="all alike"):
        dense_weights([5.0, 5.0])

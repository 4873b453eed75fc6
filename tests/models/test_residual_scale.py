"""The scale of the error: grows with the prediction, has two sides, is never zero."""

import json

import numpy as np
import numpy.testing as npt
import pytest

from airq.models.intervals import FLOOR, ResidualScale


def proportional(n=300):
    "Residuals of -10 % or +30 % of the prediction plus 5."
    predicted = np.linspace(5, 95, n)
    share = np.where(np.arange(n) % 2, -0.1, 0.3)
    return predicted, share * (predicted + 5), np.arange(n)


def test_a_proportional_error_has_a_proportional_scale():
    "From 15 to 95 the prediction plus 5 grows fivefold, and so do both residual scales, 3 to 1 by side."
    scale = ResidualScale().fit(np.inf, *proportional()).predict(np.inf, [15.0, 95.0])
    npt.assert_allclose(scale[1] / scale[0], [5, 5], rtol=0.15)
    npt.assert_allclose(scale[:, 1] / scale[:, 0], [3, 3], rtol=0.01)


def test_a_constant_error_has_a_constant_scale():
    "Residuals of 4 up and 4 down everywhere."
    predicted = np.linspace(0, 200, 400)
    residual = np.where(np.arange(400) % 2, -4.0, 4.0)
    scale = ResidualScale().fit(np.inf, predicted, residual, np.arange(400)).predict(np.inf, [0.0, 200.0])
    npt.assert_allclose(scale, np.full((2, 2), 4), rtol=0.02)


def test_cities_weigh_the_same():
    "A hundred days with errors of 1 and ten cities' days with errors of 9: the scale is the ten's."
    predicted, groups = np.full(110, 20.0), np.r_[np.full(100, "many"), np.arange(10).astype(str)]
    residual = np.r_[np.tile([1.0, -1.0], 50), np.tile([9.0, -9.0], 5)]
    npt.assert_allclose(
        ResidualScale().fit(np.inf, predicted, residual, groups).predict(np.inf, [20.0]), [[9, 9]]
    )


def test_repeating_the_rows_of_a_city_changes_nothing():
    "Constant errors in a, proportional ones in b: the exponent is the same if a's rows are there ten times."
    predicted = np.tile([5.0, 20.0, 80.0], 20)
    residual = np.where(np.arange(60) < 30, 4.0, 0.3 * (predicted + 5)) * np.tile([1.0, -1.0], 30)
    groups, ten_times = np.repeat(["a", "b"], 30), np.r_[np.tile(np.arange(30), 10), np.arange(30, 60)]
    once = ResidualScale().fit(np.inf, predicted, residual, groups)
    repeated = ResidualScale().fit(np.inf, predicted[ten_times], residual[ten_times], groups[ten_times])
    assert 0.2 < once.exponent_ < 0.8
    assert repeated.exponent_ == pytest.approx(once.exponent_)


def test_the_exponent_is_the_slope_of_a_line_through_equally_heavy_cities():
    """Logarithms of prediction and error with their offsets: a thrice at (0, 0), b at (1, 1), c at (2, 1).

    Through one point each the slope is (-1 * 0 + 0 * 1 + 1 * 1) / 2 = 0.5; with a thrice it would be 0.56.
    """
    x, y = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 0, 1, 1])
    fitted = ResidualScale().fit(None, 5 * np.exp(x) - 5, np.exp(y) - 0.5, list("aaabc"))
    assert fitted.exponent_ == pytest.approx(0.5)


@pytest.mark.parametrize("residual", [0.0, 3.0, -3.0])
def test_a_scale_is_positive_whatever_the_residuals(residual):
    "Errors of nothing, or of one sign only, leave both sides positive, also at a prediction of zero."
    residual_scale = ResidualScale().fit(np.inf, np.full(20, 10.0), np.full(20, residual), np.arange(20))
    assert (residual_scale.predict(np.inf, [0.0, 10.0, 1000.0]) >= FLOOR).all()


def test_saved_facts_give_the_same_scale(tmp_path):
    "Through JSON and back, number by number, and no file is needed."
    residual_scale = ResidualScale().fit(np.inf, *proportional())
    facts = json.loads(json.dumps(residual_scale.save(tmp_path)))
    npt.assert_array_equal(
        ResidualScale.load(tmp_path, facts).predict(np.inf, [3.0, 30.0]),
        residual_scale.predict(np.inf, [3.0, 30.0]),
    )
    assert list(tmp_path.iterdir()) == []


def test_errors_grow_with_the_distance_to_a_monitor():
    "Errors of 2 µg m⁻³ at 3 km and of 20 at 700 km, forty groups each: the scale between is between."
    km, size = np.repeat([3.0, 700.0], 400), np.repeat([2.0, 20.0], 400)
    residual = np.tile([-1.0, 1.0], 400) * size
    scale = ResidualScale().fit(km, np.full(800, 30.0), residual, np.repeat(np.arange(80), 10))
    near, between, far, none = scale.predict([3.0, 50.0, 700.0, np.inf], np.full(4, 30.0))[:, 1]
    assert near < 0.4 * far and near <= between <= far
    assert none == far


def test_the_scale_does_not_fall_with_the_distance():
    "Errors of 20 next to a monitor and of 2 far away: the far ones count as the near ones."
    km, size = np.repeat([3.0, 700.0], 400), np.repeat([20.0, 2.0], 400)
    residual = np.tile([-1.0, 1.0], 400) * size
    scale = ResidualScale().fit(km, np.full(800, 30.0), residual, np.repeat(np.arange(80), 10))
    near, far = scale.predict([3.0, 700.0], np.full(2, 30.0))[:, 1]
    assert near == far

"""What depends on the distance to the nearest monitor."""

import numpy as np
import numpy.testing as npt

from airq.models.shares import CENTRES_KM, at_distance, kriging_shares, share_at


def shares(km, blended, kriged, observed):
    return kriging_shares(*(np.asarray(part, dtype="float64") for part in (km, blended, kriged, observed)))


def test_a_kriging_that_is_always_right_gets_everything():
    "Blend 0, kriging 1, observed 1."
    found = shares([2.0] * 10, [0.0] * 10, [1.0] * 10, [1.0] * 10)
    npt.assert_allclose(share_at(found, np.array([0.0, 2.5])), 1.0)


def test_a_kriging_that_only_errs_gets_nothing():
    "Blend 0, kriging 1, observed 0 or less."
    assert not shares([2.0] * 4, [0.0] * 4, [1.0] * 4, [0.0, -1.0, 0.0, -1.0]).any()


def test_half_way_between_blend_and_kriging():
    "Observed 5 between a blend of 0 and a kriging of 10, at every distance that was seen."
    found = shares([2.0, 7.0, 400.0], [0.0] * 3, [10.0] * 3, [5.0] * 3)
    npt.assert_allclose(share_at(found, np.array([1.0, 7.5, 100.0, 350.0])), 0.5)


def test_the_share_does_not_grow_with_the_distance():
    "Right at 400 km, wrong at 2 km: both get what they get together."
    found = shares([2.0] * 5 + [400.0] * 5, [0.0] * 10, [1.0] * 10, [0.0] * 5 + [1.0] * 5)
    assert (np.diff(found) <= 1e-12).all()
    npt.assert_allclose(found[:7], 0.5)


def test_beyond_what_was_seen_nothing_is_drawn():
    "Evidence ends in the class of 10 to 25 km: none at 700 km, nor without a monitor."
    found = shares([20.0] * 5, [0.0] * 5, [1.0] * 5, [1.0] * 5)
    npt.assert_array_equal(share_at(found, np.array([700.0, np.inf, np.nan])), 0.0)
    npt.assert_allclose(share_at(found, np.array([1.0])), 1.0)


def test_without_any_monitor_the_shares_are_zero():
    "The kriging is NaN in every row."
    assert not shares([np.inf], [1.0], [np.nan], [2.0]).any()


def test_values_of_classes_meet_at_their_centres():
    "At the centre of a class its own value; two columns keep apart."
    values = np.arange(18.0).reshape(9, 2)
    npt.assert_allclose(at_distance(values, CENTRES_KM), values)
    npt.assert_allclose(at_distance(values, [np.inf, np.nan, 1e5]), [values[-1]] * 3)

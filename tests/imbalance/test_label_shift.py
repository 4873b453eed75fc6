"""Class shares of unlabelled rows: PACC by hand, intervals of both sides, and what is no label shift."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from imbalance.label_shift import LabelShiftAdapter
from imbalance.probability import (
    class_means,
    estimate_prior,
    fit_mixture,
    label_shift_test,
    pacc_with_intervals,
    some_rows,
    some_rows_by_class,
)


def pairs(*shares):
    """Probabilities of two classes from those of the second."""
    return np.column_stack([1 - np.array(shares), shares])


def pacc(unlabelled, held_out, codes, weights=None):
    """Shares of the mixture of mean held-out predictions that is nearest to the mean unlabelled one."""
    return fit_mixture(class_means(held_out, codes, weights=weights).T, np.mean(unlabelled, axis=0))


def population(n, share, rng, changed=0.0):
    """Two features 1.5 and 1 standard deviations apart and two of noise, all moved by `changed`."""
    y = (rng.random(n) < share).astype(int)
    X = rng.normal(changed, size=(n, 4))
    X[:, :2] += y[:, None] * [1.5, 1.0]
    return X, y


# PACC


@pytest.mark.parametrize(("mean", "share"), [(0.2, 0), (0.3, 0.25), (0.4, 0.5), (0.6, 1), (0.1, 0), (0.9, 1)])
def test_pacc_is_the_way_between_the_means_of_the_classes(mean, share):
    "Held-out means .2 and .6: .3 is a quarter of the way; beyond either end there is no further."
    held_out = pairs(0.1, 0.3, 0.6, 0.6)
    npt.assert_allclose(pacc(pairs(mean), held_out, [0, 0, 1, 1]), [1 - share, share], atol=1e-6)


def test_pacc_needs_no_calibration():
    "Whether the means are .2 and .6 or, from a timid classifier, .44 and .48: half-way is half."
    for low, high in ((0.2, 0.6), (0.44, 0.48)):
        found = pacc(pairs((low + high) / 2), pairs(low, high), [0, 1])
        npt.assert_allclose(found, [0.5, 0.5], atol=1e-5)


def test_pacc_counts_weights_of_held_out_rows():
    "Rows of .1 and .4 weigh 2:1, so their class has .2, not .25: .4 is half-way to .6."
    found = pacc(pairs(0.4), pairs(0.1, 0.4, 0.6), [0, 0, 1], weights=[2, 1, 1])
    npt.assert_allclose(found, [0.5, 0.5], atol=1e-6)


def test_pacc_of_three_classes():
    "A mixture of 50, 30 and 20 % of three mean predictions is taken apart."
    means = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
    found = pacc([[0.5, 0.3, 0.2] @ means], means, [0, 1, 2])
    npt.assert_allclose(found, [0.5, 0.3, 0.2], atol=1e-5)


def test_em_looks_at_a_bounded_number_of_rows():
    "Of 20,000 rows it takes the same as of the 5,000 that are drawn."
    p = pairs(*np.random.default_rng(0).random(20_000))
    npt.assert_array_equal(
        estimate_prior(p, trained=[0.5, 0.5]), estimate_prior(p[some_rows(20_000, 5000)], trained=[0.5, 0.5])
    )


# Intervals


def test_few_held_out_rows_make_the_interval_wide():
    "The same 5,000 unlabelled rows with 30 held-out rows of the rare class instead of 1,000."
    rng = np.random.default_rng(0)
    new, _ = population(5000, 0.5, rng)

    def width(n):
        X, y = population(10 * n, 0.1, rng)
        adapter = LabelShiftAdapter(LogisticRegression(), n_bootstrap=100, random_state=0).fit(X, y)
        return np.ptp(adapter.adapt(new).prior_interval_[1])

    assert width(30) > 2 * width(1000)


def perfect(n_common, n_rare):
    """Probabilities of a classifier without errors."""
    return pairs(*np.repeat([0.0, 1.0], [n_common, n_rare])), np.repeat([0, 1], [n_common, n_rare])


def test_no_interval_is_shorter_than_labels_would_give():
    "None of 300 by a perfect classifier: Wilson's upper end is z^2 / (300 + z^2)."
    held_out, codes = perfect(10_000, 10_000)
    low, high = pacc_with_intervals(perfect(300, 0)[0], held_out, codes)[1][1]
    assert low == 0
    npt.assert_allclose(high, 1.96**2 / (300 + 1.96**2), rtol=1e-3)


def test_with_a_perfect_classifier_the_interval_is_wilsons():
    "30 of 100: the two shares p with (.3 - p)^2 = z^2 p (1 - p) / 100, the textbook's .219 and .396."
    held_out, codes = perfect(10_000, 10_000)
    shares, intervals = pacc_with_intervals(perfect(70, 30)[0], held_out, codes)
    npt.assert_allclose(shares, [0.7, 0.3], atol=1e-6)
    npt.assert_allclose(intervals[1], [0.219, 0.396], atol=1e-3)


def test_with_endless_unlabelled_rows_the_interval_is_fiellers():
    "Means .3 and .7 of ten rows each, all .2 off: (.5 - .3 - .4 t)^2 = q (.04 / 9) ((1 - t)^2 + t^2)."
    held_out, codes = pairs(*[0.1, 0.5] * 5, *[0.5, 0.9] * 5), np.repeat([0, 1], 10)
    low, high = pacc_with_intervals(pairs(*[0.5] * 1_000_000), held_out, codes)[1][1]
    q = 2.262157**2 * 0.04 / 9  # of Student's t with 9 degrees of freedom
    for t in (low, high):
        npt.assert_allclose((0.2 - 0.4 * t) ** 2, q * ((1 - t) ** 2 + t**2), rtol=1e-4)


def test_the_intervals_of_two_classes_mirror_each_other():
    "The share of one class is one less that of the other."
    rng = np.random.default_rng(0)
    held_out, codes = pairs(*rng.random(60) * np.repeat([0.5, 1], 30)), np.repeat([0, 1], 30)
    first, second = pacc_with_intervals(pairs(*rng.random(40) * 0.7), held_out, codes)[1]
    npt.assert_allclose(first, 1 - second[::-1], atol=1e-6)


@pytest.mark.parametrize("apart", [1, 8])
def test_rows_of_one_class_allow_some_of_the_other(apart):
    "300 rows without the rare class: zero is in its interval, and so is .01."
    rng = np.random.default_rng(0)
    X, y = population(2000, 0.05, rng)
    X[:, 0] += (apart - 1) * 1.5 * y
    adapter = LabelShiftAdapter(LogisticRegression(), random_state=0).fit(X, y)
    low, high = adapter.adapt(rng.normal(size=(300, 4))).prior_interval_[1]
    assert low == 0
    assert high >= 0.01
    assert adapter.prior_[1] > 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["pacc", "em"])
def test_the_interval_holds_the_share_on_boosted_trees(method):
    "Trained at 5 %, adapted to 30 %, eight draws; at 95 % fewer than six happen once in 170 times."
    holds, shares = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        model = LGBMClassifier(n_estimators=40, n_jobs=1, verbose=-1)
        adapter = LabelShiftAdapter(model, method=method, n_bootstrap=100, random_state=0)
        adapter.fit(*population(1500, 0.05, rng)).adapt(population(500, 0.3, rng)[0])
        low, high = adapter.prior_interval_[1]
        holds.append(low <= 0.3 <= high)
        shares.append(adapter.prior_[1])
        npt.assert_array_equal(adapter.prior_, adapter.estimates_[method])
    assert sum(holds) >= 6
    assert abs(np.mean(shares) - 0.3) < 0.05


# What is no label shift


def test_a_rare_class_is_among_the_rows_that_are_compared():
    "Three rows of 100,000 stay; of the other class there are 2,500."
    kept = some_rows_by_class(np.repeat([0, 1], [99_997, 3]), 5000)
    assert (len(kept), np.sum(kept >= 99_997)) == (2503, 3)


def test_the_best_mixture_is_sought_among_all():
    "Class distributions at .2 and .8; new rows are one half of each: no distance is left."
    held_out = np.repeat([0.2, 0.8], [900, 100])[:, None]
    codes = np.repeat([0, 1], [900, 100])
    found = label_shift_test(np.repeat([0.2, 0.8], 50)[:, None], held_out, codes, n_bootstrap=100)
    assert found.distance < 0.01
    assert found.p_value > 0.5


def test_rows_between_the_classes_are_no_mixture():
    "Class distributions at .2 and .8; new rows at .5: half of any mixture lies on one side."
    held_out = np.repeat([0.2, 0.8], 200)[:, None]
    found = label_shift_test(np.full((50, 1), 0.5), held_out, np.repeat([0, 1], 200), n_bootstrap=100)
    assert found.distance > 0.4
    assert found.p_value < 0.02


def test_a_shift_of_the_features_is_refused_by_name_of_the_column():
    "All shares stay, but one column without influence moves by a standard deviation, gaps and words aside."
    rng = np.random.default_rng(0)

    def table(n, share, moved):
        X, y = population(n, share, rng)
        frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
        frame["c"] += moved
        frame.loc[::7, "d"] = np.nan
        return frame, y

    X, y = table(1000, 0.2, 0)
    model = LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1)
    adapter = LabelShiftAdapter(model, random_state=0).fit(X, y)
    assert adapter.adapt(table(500, 0.6, 0)[0]).plausible_, adapter.reason_
    assert not adapter.adapt(table(500, 0.6, 1)[0]).plausible_
    assert "for column 'c'" in adapter.reason_


def test_disagreement_is_a_warning_and_an_attribute():
    "Rows around 1 with half the spread, classes at 0 and 2: EM and PACC find other shares."
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [1800, 200])
    X = rng.normal(size=(2000, 1)) + 2 * y[:, None]
    adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    assert adapter.adapt(X).agree_
    with pytest.warns(UserWarning, match="PACC and EM disagree about the share of class"):
        adapter.adapt(rng.normal(1, 0.5, size=(2000, 1)))
    assert not adapter.agree_
    assert set(adapter.estimates_) == {"pacc", "em"}


def test_a_classifier_that_tells_nothing_leaves_the_shares_open():
    "The same probabilities for every row: any share is possible, and training's is kept."
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    adapter = LabelShiftAdapter(DummyClassifier(strategy="prior"), random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="do not tell the classes apart"):
        adapter.adapt(X)
    npt.assert_allclose(adapter.prior_, [0.9, 0.1])
    npt.assert_array_equal(adapter.prior_interval_, [[0, 1], [0, 1]])


def test_an_unknown_method_is_refused():
    "The line lists the known ones."
    with pytest.raises(ValueError, match="Unknown method 'bbse'; use one of pacc, em"):
        LabelShiftAdapter(GaussianNB(), method="bbse").fit([[0.0], [1.0]], [0, 1])

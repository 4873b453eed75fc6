"""The stand-in has the published shape, and its truth is known."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from imbalance.probability import kl_divergence
from imbalance.standin import (
    CLASSES,
    PUBLISHED_NONE,
    SEPARATION,
    TARGET_PRIOR,
    TRAINING_ROWS,
    draw_traits,
    exact_log_loss,
    exact_posteriors,
    prior_in_order,
    rows_by_prior,
    separation_of,
    standin_table,
)

TARGET = prior_in_order(TARGET_PRIOR)
TRAINED = np.array([31208, 1149, 420]) / 32777
SMALL = {"normal": 60, "post_alzheimer": 30, "pre_alzheimer": 10}


def test_the_shape_is_the_published_one():
    "32,777 rows, 121 columns, three classes."
    X, y = standin_table(seed=3)
    assert X.shape == (32777, 121)
    assert y.value_counts().to_dict() == TRAINING_ROWS
    assert (X.dtypes == "float32").all()


def test_a_validation_table_has_the_target_prior():
    ".749, .171 and .080 of a thousand rows."
    assert rows_by_prior(1000) == {"normal": 749, "post_alzheimer": 171, "pre_alzheimer": 80}
    assert sum(rows_by_prior(363).values()) == 363


def test_a_seed_is_a_table():
    "Again the same; another seed or sample shares no row."
    first, again = standin_table(SMALL, seed=1)[0], standin_table(SMALL, seed=1)[0]
    pd.testing.assert_frame_equal(first, again)
    for other in (standin_table(SMALL, seed=2)[0], standin_table(SMALL, seed=1, sample="validation")[0]):
        assert not set(first["noise_00"].dropna()) & set(other["noise_00"].dropna())


def test_samples_of_a_seed_share_the_relation_of_columns_to_classes():
    "A column's mean in a class agrees between training and validation: label shift is pure."
    rows = {"normal": 4000, "post_alzheimer": 4000, "pre_alzheimer": 4000}
    means = []
    for sample in ("training", "validation"):
        X, y = standin_table(rows, seed=5, sample=sample)
        means.append(X.filter(regex="mixed|flag").groupby(y.to_numpy()).mean())
    npt.assert_allclose(means[0], means[1], atol=0.15)
    assert (means[0].max() - means[0].min()).max() > 1


def test_values_go_missing_whatever_the_class():
    "A tenth of each column, in each class."
    X, y = standin_table(dict.fromkeys(CLASSES, 5000), seed=0)
    shares = X.isna().groupby(y.to_numpy()).mean()
    npt.assert_allclose(shares, 0.1, atol=0.02)


def test_tails_are_heavy():
    "A fifth of the rows is spread twice as wide: kurtosis 3 * (.8 + .2 * 16) / (.8 + .2 * 4)**2."
    traits = draw_traits(np.zeros(400_000, dtype=int), np.random.default_rng(0))
    kurtosis = (traits**4).mean() / (traits**2).mean() ** 2
    npt.assert_allclose(kurtosis, 3 * (0.8 + 0.2 * 16) / (0.8 + 0.2 * 4) ** 2, rtol=0.03)


def test_posteriors_are_exact():
    "Among rows that get a probability of about one half, one half are of the class."
    random = np.random.default_rng(2)
    labels = random.choice(3, size=200_000, p=TARGET)
    posterior = exact_posteriors(draw_traits(labels, random), TARGET)
    for label in range(3):
        near = np.abs(posterior[:, label] - 0.5) < 0.05
        npt.assert_allclose((labels[near] == label).mean(), posterior[near, label].mean(), atol=0.02)


def test_no_prior_does_better_than_the_right_one():
    "The loss of exact posteriors is least for the prior of the population; the excess is at most the KL."
    right = exact_log_loss(TARGET, TARGET, rows=20_000)
    wrong = exact_log_loss(TRAINED, TARGET, rows=20_000)
    assert right < wrong <= right + kl_divergence(TARGET, TRAINED)


def test_the_separation_follows_from_the_published_loss_alone():
    "Exact posteriors for the training prior lose 0.6746 under the target prior, within simulation error."
    npt.assert_allclose(exact_log_loss(TRAINED, TARGET), PUBLISHED_NONE, atol=0.004)
    found = separation_of(PUBLISHED_NONE, trained=TRAINED, target=TARGET, rows=20_000, steps=10, seed=4)
    npt.assert_allclose(found, SEPARATION, atol=0.05)


def test_rows_of_an_unknown_class_are_refused():
    "All three classes are named."
    with pytest.raises(ValueError, match="pre_alzheimer"):
        standin_table({"normal": 5, "post_alzheimer": 5}, seed=0)

"""Label sets: for every class they hold it as often as was asked for."""

import warnings

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from imbalance.comparison.models import BoostedClassifier
from imbalance.decisions import CostSensitiveClassifier, LabelSetClassifier
from imbalance.estimators import PriorCorrectedClassifier
from imbalance.label_shift import LabelShiftAdapter

MISS_20 = {("yes", "no"): 20, ("no", "yes"): 1}


def population(n, rare=0.1, seed=0):
    """Rows of 'no' and 'yes', the latter 1.5 standard deviations away in the first of three features."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) < round(n * rare), "yes", "no")
    X = rng.normal(size=(n, 3))
    X[y == "yes", 0] += 1.5
    return X, y


def coverage(model, X, y):
    """Share of the rows of each class whose set holds it."""
    sets = model.predict_set(X)
    return {name: sets.loc[y == name, name].mean() for name in sets}


@pytest.mark.filterwarnings("ignore:Class .* It is in every set")
@parametrize_with_checks(
    [
        LabelSetClassifier(LogisticRegression(), random_state=0),
        LabelSetClassifier(LogisticRegression(), target="balanced", cv=2, random_state=0),
    ]
)
def test_scikit_learn_finds_nothing_wrong_with_sets(estimator, check):
    "scikit-learn's own checks of a classifier."
    check(estimator)


# What is in a set


def told(X, y):
    """A logistic regression whose probability of 'b' is that of the number itself."""
    one = LogisticRegression().fit([[-1.0], [1.0]], ["a", "b"])
    one.coef_, one.intercept_ = np.array([[1.0]]), np.array([0.0])
    return LabelSetClassifier(FrozenEstimator(one), random_state=0).fit(X, y)


def test_p_values_by_hand():
    "Nine rows of 'b' at 1 to 9: at 3.5 three look as unlike it, and the row itself, of ten: p = .4."
    X = np.arange(-9.0, 10.0)[:, None][np.arange(19) != 9]
    model = told(X, np.where(X[:, 0] > 0, "b", "a"))
    npt.assert_allclose(model.p_values([[3.5], [0.5], [9.5]])["b"], [0.4, 0.1, 1.0])
    assert model.predict_set([[0.5], [1.5]])["b"].tolist() == [False, True]


def test_another_coverage_is_another_cut():
    "p = .4 is in sets of more than 60 %, and not in those of 60 %."
    X = np.arange(-9.0, 10.0)[:, None][np.arange(19) != 9]
    model = told(X, np.where(X[:, 0] > 0, "b", "a"))
    assert [bool(model.predict_set([[3.5]], coverage=c)["b"].iloc[0]) for c in (0.6, 0.61)] == [False, True]


def test_sets_grow_with_the_coverage():
    "A label in a set of 80 % is in that of 95 %, too."
    model = LabelSetClassifier(GaussianNB(), random_state=0).fit(*population(500))
    X, _ = population(500, seed=1)
    assert np.all(model.predict_set(X, 0.8) <= model.predict_set(X, 0.95))


def test_a_small_class_is_in_every_set():
    "Eight rows cannot give 90 % (the best is 8/9), nine can; with eight a warning says so."
    X, y = population(308, rare=8 / 308)
    with pytest.warns(UserWarning, match="Class 'yes' has 8 rows; sets of 90% need 9. It is in every set."):
        model = LabelSetClassifier(GaussianNB(), random_state=0).fit(X, y)
    assert model.predict_set(population(1000, seed=1)[0])["yes"].all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nine = LabelSetClassifier(GaussianNB(), random_state=0).fit(*population(309, rare=9 / 309))
    assert not nine.predict_set(population(1000, seed=1)[0])["yes"].all()
    with pytest.warns(UserWarning, match="sets of 95% need 19"):
        nine.predict_set(X, coverage=0.95)


def test_where_all_probabilities_tie_labels_are_drawn_by_lot():
    "A classifier that says the same of every row still has sets that hold 90 % of either class, not all."
    X, y = population(2000)
    model = LabelSetClassifier(DummyClassifier(strategy="prior"), random_state=0).fit(X, y)
    for share in coverage(model, *population(20_000, rare=0.5, seed=1)).values():
        assert share == pytest.approx(0.9, abs=0.01)


def test_small_trees_tie_and_keep_their_coverage():
    "A stump has two values only; in the mean over 40 fits either class is held by 89 to 92 %."
    found = [
        coverage(
            LabelSetClassifier(DecisionTreeClassifier(max_depth=1), random_state=seed).fit(
                *population(1000, seed=seed)
            ),
            *population(4000, rare=0.5, seed=100 + seed),
        )
        for seed in range(40)
    ]
    for share in pd.DataFrame(found).mean():
        assert 0.89 < share < 0.92


# Coverage in other populations


@pytest.mark.parametrize("rare", [0.05, 0.5])
def test_every_class_keeps_its_coverage_when_the_shares_change(rare):
    "Trained at 10 %, in the mean over 20 fits of a booster 88 to 93 % of either class, at 5 % and at 50 %."
    booster = LGBMClassifier(n_estimators=20, num_leaves=7, n_jobs=1, verbose=-1)
    found = [
        coverage(
            LabelSetClassifier(booster, random_state=seed).fit(*population(1000, seed=seed)),
            *population(4000, rare=rare, seed=100 + seed),
        )
        for seed in range(20)
    ]
    for share in pd.DataFrame(found).mean():
        assert 0.88 < share < 0.93


def test_a_forest_that_knows_its_rows_by_heart_keeps_the_coverage():
    "Compared with its own rows' probabilities new ones would look unlike any class: 60 % instead of 90 %."
    forest = RandomForestClassifier(50, random_state=0)
    X, y = population(1000)
    new = population(10_000, rare=0.5, seed=1)
    held_out = coverage(LabelSetClassifier(forest, random_state=0).fit(X, y), *new)
    leaking = coverage(
        LabelSetClassifier(FrozenEstimator(clone(forest).fit(X, y)), random_state=0).fit(X, y), *new
    )
    assert 0.84 < held_out["yes"] < 0.96
    assert leaking["yes"] < 0.7


def test_groups_keep_what_is_known_by_heart_apart():
    "Eight near copies of each row: held out by row they are known, and new rows are covered too seldom."
    X, y = population(200, rare=0.4)
    X, y, group = X.repeat(8, axis=0), y.repeat(8), np.arange(200).repeat(8)
    X = X + 0.01 * np.random.default_rng(0).normal(size=X.shape)
    new = population(5000, rare=0.4, seed=1)
    model = LabelSetClassifier(RandomForestClassifier(50, random_state=0), random_state=0)
    assert coverage(clone(model).fit(X, y, groups=group), *new)["yes"] > 0.85
    assert coverage(clone(model).fit(X, y), *new)["yes"] < 0.75


def test_a_target_gives_coverage_of_all_rows_together():
    "90 % of a population with half rare, with smaller sets than those that are valid for each class."
    X, y = population(5000)
    inner = PriorCorrectedClassifier(GaussianNB(), target_prior="balanced")
    model = LabelSetClassifier(inner, 0.9, target={"no": 0.5, "yes": 0.5}, random_state=0).fit(X, y)
    new, truth = population(20_000, rare=0.5, seed=1)
    sets = model.predict_set(new)
    held = np.where(truth == "yes", sets["yes"], sets["no"])
    assert held.mean() == pytest.approx(0.9, abs=0.015)
    by_class = model.set_params(target=None).predict_set(new)
    assert sets.sum(axis=1).mean() <= by_class.sum(axis=1).mean()


def test_for_the_wrong_target_rows_together_lose_their_coverage():
    "Sets made for the training shares hold less than 80 % where half is rare; those for each class do not."
    X, y = population(5000)
    new, truth = population(20_000, rare=0.5, seed=1)
    model = LabelSetClassifier(GaussianNB(), target="training", random_state=0).fit(X, y)
    held = [
        np.where(truth == "yes", sets["yes"], sets["no"]).mean()
        for sets in (model.predict_set(new), model.set_params(target=None).predict_set(new))
    ]
    assert held[0] < 0.8 < 0.88 < held[1]


# As an estimator


def test_prediction_and_probabilities_are_those_of_the_classifier_inside():
    "Decisions by cost stay decisions by cost; nothing is resampled or calibrated on the way."
    X, y = population(400)
    corrected = PriorCorrectedClassifier(GaussianNB(), target_prior="balanced", random_state=0)
    inner = CostSensitiveClassifier(corrected, MISS_20)
    model, alone = LabelSetClassifier(inner, random_state=0).fit(X, y), clone(inner).fit(X, y)
    npt.assert_array_equal(model.predict(X), alone.predict(X))
    npt.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_a_frame_with_words_and_a_booster():
    "Sets stand under the index of the rows and the names of the classes."
    X, y = population(300)
    frame = pd.DataFrame(X, columns=list("uvw"), index=np.arange(300) + 7).assign(place=list("ab") * 150)
    model = LabelSetClassifier(BoostedClassifier(settings={"n_estimators": 10}), random_state=0).fit(frame, y)
    sets = model.predict_set(frame[:5])
    assert sets.index.tolist() == [7, 8, 9, 10, 11] and sets.columns.tolist() == ["no", "yes"]
    assert set(sets.dtypes) == {np.dtype(bool)}


def test_the_same_rows_have_the_same_sets():
    "Lots and deal are drawn once."
    X, y = population(300)
    model = LabelSetClassifier(DummyClassifier(), random_state=None).fit(X, y)
    pd.testing.assert_frame_equal(model.predict_set(X), model.predict_set(X))


def test_an_adapted_classifier_inside_leaves_the_sets_as_they_are():
    "They need no prior; the probabilities follow."
    model = LabelSetClassifier(LabelShiftAdapter(GaussianNB(), random_state=0), random_state=0)
    model.fit(*population(1000))
    X, _ = population(2000, rare=0.5, seed=1)
    before, p = model.predict_set(X), model.predict_proba(X)
    model.estimator_.adapt(X)
    pd.testing.assert_frame_equal(model.predict_set(X), before)
    assert model.predict_proba(X)[:, 1].mean() > 2 * p[:, 1].mean()


def test_routed_weights_reach_every_copy():
    "Rows of weight zero are no rows, for the classifier nor for the comparison."
    X, y = population(600)
    weights = np.arange(600) % 2
    with config_context(enable_metadata_routing=True):
        inner = make_pipeline(StandardScaler(), GaussianNB().set_fit_request(sample_weight=True))
        inner.steps[0][1].set_fit_request(sample_weight=True)
        model = LabelSetClassifier(inner, random_state=0).fit(X, y, sample_weight=weights)
    assert model.n_rows_.sum() == 300
    kept = clone(inner).fit(X[weights == 1], y[weights == 1])
    npt.assert_allclose(model.predict_proba(X), kept.predict_proba(X))


def test_a_search_around_sets():
    "Parameters of the classifier inside are parameters of a grid."
    grid = {"estimator__var_smoothing": [1e-9, 1e-2]}
    search = GridSearchCV(
        LabelSetClassifier(GaussianNB(), random_state=0), grid, cv=3, scoring="neg_log_loss"
    )
    assert search.fit(*population(300)).best_estimator_.predict_set(population(10)[0]).shape == (10, 2)


@pytest.mark.parametrize("share", [0, 1, 90, "90%"])
def test_a_coverage_that_is_no_share_is_refused(share):
    "Whether at fit or afterwards."
    with pytest.raises(ValueError, match="number between 0 and 1"):
        LabelSetClassifier(GaussianNB(), share).fit(*population(100))
    model = LabelSetClassifier(GaussianNB(), random_state=0).fit(*population(200))
    with pytest.raises(ValueError, match="number between 0 and 1"):
        model.predict_set(population(5)[0], coverage=share)


def test_a_class_of_one_row_is_refused():
    "It cannot be held out and learned from."
    with pytest.raises(ValueError, match="class 'yes' has 1"):
        LabelSetClassifier(GaussianNB()).fit(*population(100, rare=0.01))

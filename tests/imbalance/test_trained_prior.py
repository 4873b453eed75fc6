"""The prior that a fitted classifier stands for: estimated, counted or told."""

import numpy as np
import numpy.testing as npt
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imbalance.boosters import make_model
from imbalance.estimators import PriorCorrectedClassifier, learns_as_counted


def population(n, seed, share=0.06):
    """Exactly that share of rare rows, 1.5 and 1 standard deviations away in two of four features."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n - round(n * share), round(n * share)])
    X = rng.normal(size=(n, 4))
    X[:, :2] += y[:, None] * [1.5, 1.0]
    return X, y


def booster(**settings):
    return LGBMClassifier(n_estimators=30, n_jobs=1, verbose=-1, random_state=0, **settings)


def balanced_before():
    """LightGBM that was fitted on other rows, as many of either class."""
    return FrozenEstimator(booster().fit(*population(1000, seed=2, share=0.5)))


WRAPPERS = {
    "imblearn pipeline": lambda: make_sampling_pipeline(
        RandomUnderSampler(random_state=0), LogisticRegression()
    ),
    "SMOTE in a pipeline": lambda: make_sampling_pipeline(SMOTE(random_state=0), booster()),
    "balanced forest": lambda: BalancedRandomForestClassifier(50, random_state=0),
    "easy ensemble": lambda: EasyEnsembleClassifier(3, random_state=0),
    "is_unbalance": lambda: booster(is_unbalance=True),
    "scale_pos_weight": lambda: booster(scale_pos_weight=15),
    "class_weight": lambda: LogisticRegression(class_weight="balanced"),
    "class_weight in a bag": lambda: BaggingClassifier(
        LogisticRegression(class_weight="balanced"), random_state=0
    ),
    "priors": lambda: GaussianNB(priors=[0.5, 0.5]),
    "fit_prior": lambda: BernoulliNB(fit_prior=False),
    "search over weights": lambda: GridSearchCV(
        LogisticRegression(), {"class_weight": ["balanced", {0: 1, 1: 5}]}, cv=3
    ),
    "fitted before": balanced_before,
    "setting of a booster": lambda: make_model("lightgbm", n_estimators=30, is_unbalance=True),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_whatever_weights_inside_the_mean_probability_is_right(name):
    "6 % are rare, and on new rows the mean probability says so to .01; uncorrected it says more than .08."
    model = PriorCorrectedClassifier(WRAPPERS[name](), random_state=0).fit(*population(4000, seed=0))
    new, _ = population(20_000, seed=1)
    assert model.raw_proba(new)[:, 1].mean() > 0.08
    assert abs(model.predict_proba(new)[:, 1].mean() - 0.06) < 0.01


def test_a_bag_of_under_samples_is_right_in_the_mean():
    "Ten members, each corrected from its own prior; their mean meets the share."
    model = PriorCorrectedClassifier(booster(), sampler=RandomUnderSampler(), n_members=10, random_state=0)
    model.fit(*population(4000, seed=0))
    assert abs(model.predict_proba(population(20_000, seed=1)[0])[:, 1].mean() - 0.06) < 0.01


def test_the_estimate_by_hand():
    "A classifier that says 1:1 of every row stands for 1:1; corrected to training's 9:1 it says 9:1."
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    model = PriorCorrectedClassifier(DummyClassifier(strategy="uniform"), random_state=0).fit(X, y)
    npt.assert_allclose(model.effective_prior_, [0.5, 0.5], atol=1e-4)
    npt.assert_allclose(model.nominal_prior_, [0.9, 0.1])
    npt.assert_allclose(model.predict_proba(X[:1]), [[0.9, 0.1]], atol=1e-4)


@pytest.mark.parametrize("told", [{1: 0.25, 0: 0.75}, [0.75, 0.25]])
def test_whoever_knows_better_says_so(told):
    "Says 1:1, stands for 3:1, so the evidence is 1:3; for a population of 9:1 that makes 3:1."
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    model = PriorCorrectedClassifier(DummyClassifier(strategy="uniform"), trained_prior=told).fit(X, y)
    npt.assert_allclose(model.predict_proba(X[:1]), [[0.75, 0.25]])


def test_a_plain_fit_is_counted_without_more_fits():
    "One fit, also at the end of a pipeline; with weights inside it takes one for each fold, too."
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    fits = []

    class Counted(GaussianNB):
        def fit(self, X, y):
            fits.append(len(y))
            return super().fit(X, y)

    Counted.__module__, Counted.__name__ = "sklearn.naive_bayes", "GaussianNB"
    X = np.random.default_rng(0).normal(size=(100, 1))
    PriorCorrectedClassifier(make_pipeline(StandardScaler(), Counted())).fit(X, y)
    assert len(fits) == 1
    PriorCorrectedClassifier(Counted(priors=[0.5, 0.5]), cv=5).fit(X, y)
    assert len(fits) == 1 + 1 + 5


@pytest.mark.parametrize(
    ("estimator", "counted"),
    [
        (LogisticRegression(C=0.1, max_iter=500), True),
        (LogisticRegression(class_weight="balanced"), False),
        (make_pipeline(StandardScaler(), LogisticRegression()), True),
        (make_sampling_pipeline(LogisticRegression()), False),
        (booster(num_leaves=7), True),
        (booster(pos_bagging_fraction=0.5), False),
        (make_model("lightgbm", learning_rate=0.05), True),
        (make_model("catboost", auto_class_weights="Balanced"), False),
        (BernoulliNB(), False),
        (PriorCorrectedClassifier(GaussianNB(priors=[0.5, 0.5])), True),
    ],
)
def test_what_is_plain(estimator, counted):
    "Common classifiers with settings that shape the model only, and those that keep book themselves."
    assert learns_as_counted(estimator) == counted


def test_counting_takes_the_estimators_own_weights():
    "Weights 3 outside and balanced inside 90:10 rows multiply to 1:3."
    X, y = population(100, seed=0, share=0.1)
    model = PriorCorrectedClassifier(
        LogisticRegression(class_weight="balanced"), weights={0: 1, 1: 3}, trained_prior="count"
    )
    npt.assert_allclose(model.fit(X, y).effective_prior_, [0.25, 0.75])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trained_prior": "guess"}, "Unknown trained prior 'guess'"),
        ({"trained_prior": [0.5, 0.6]}, "trained prior sums to 1.1"),
        ({"n_members": 0}, "n_members must be at least 1, got 0"),
        ({"calibration": "isotonic"}, "Unknown calibration 'isotonic'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    "In a line that says what is wrong."
    with pytest.raises(ValueError, match=message):
        PriorCorrectedClassifier(GaussianNB(), **options).fit(*population(100, seed=0))


def test_a_model_of_other_classes_is_refused():
    "It was fitted on 'a' and 'b'; the rows hold 0 and 1."
    frozen = FrozenEstimator(GaussianNB().fit([[0.0], [1.0], [2.0], [3.0]], list("aabb")))
    with pytest.raises(ValueError, match=r"knows the classes \['a', 'b'\], but the rows hold \[0, 1\]"):
        PriorCorrectedClassifier(frozen).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


def test_one_rare_row_cannot_be_held_out():
    "The line names the class; counted it can be done."
    X, y = np.arange(20.0)[:, None], np.repeat(["common", "rare"], [19, 1])
    with pytest.raises(ValueError, match="class 'rare' has 1"):
        PriorCorrectedClassifier(BernoulliNB()).fit(X, y)
    PriorCorrectedClassifier(BernoulliNB(), trained_prior="count").fit(X, y)

"""The prior that a fitted classifier stands for: estimated, counted or told."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from catboost import CatBoostClassifier
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from imbalance.comparison.models import BoostedClassifier
from imbalance.decisions import CostSensitiveClassifier, LabelSetClassifier
from imbalance.estimators import PriorCorrectedClassifier, learns_as_counted
from imbalance.label_shift import LabelShiftAdapter


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
    "setting of a booster": lambda: BoostedClassifier(settings={"n_estimators": 30, "is_unbalance": True}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRAPPERS)
def test_whatever_weights_inside_the_mean_probability_is_right(name):
    "6 % are rare, and on new rows the mean probability says so to .01; uncorrected it says more than .08."
    model = PriorCorrectedClassifier(WRAPPERS[name](), random_state=0).fit(*population(4000, seed=0))
    new, _ = population(20_000, seed=1)
    assert model.raw_proba(new)[:, 1].mean() > 0.08
    assert abs(model.predict_proba(new)[:, 1].mean() - 0.06) < 0.01


def test_neighbours_are_right_for_other_shares_once_they_are_calibrated():
    "Votes of none and all of five cannot be corrected: of 30 % rare, less than 25 % without calibration."
    new, (X, y) = population(4000, seed=9, share=0.3)[0], population(3000, seed=0)
    kinds = {"calibration": "none"}, {"calibration": "sigmoid"}
    told = {"target_prior": {1: 0.3, 0: 0.7}, "random_state": 0}
    models = [PriorCorrectedClassifier(KNeighborsClassifier(), **told, **kind).fit(X, y) for kind in kinds]
    means = [model.predict_proba(new)[:, 1].mean() for model in models]
    assert means[0] < 0.25 and abs(means[1] - 0.3) < 0.01


@pytest.mark.slow
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

    class Counted(LogisticRegression):
        def fit(self, X, y):
            fits.append(len(y))
            return super().fit(X, y)

    Counted.__module__, Counted.__name__ = "sklearn.linear_model", "LogisticRegression"
    X = np.random.default_rng(0).normal(size=(100, 1))
    PriorCorrectedClassifier(make_pipeline(StandardScaler(), Counted())).fit(X, y)
    assert len(fits) == 1
    PriorCorrectedClassifier(Counted(class_weight="balanced")).fit(X, y)
    assert len(fits) == 1 + 1 + 5


@pytest.mark.parametrize(
    ("estimator", "counted"),
    [
        (LogisticRegression(C=0.1, max_iter=500), True),
        (LogisticRegression(class_weight="balanced"), False),
        (make_pipeline(StandardScaler(), LogisticRegression()), True),
        (make_sampling_pipeline(LogisticRegression()), False),
        (booster(), False),
        (BoostedClassifier("catboost"), False),
        (BernoulliNB(), False),
        (GaussianNB(), False),
        (QuadraticDiscriminantAnalysis(), False),
        (KNeighborsClassifier(50), False),
        (LogisticRegression(solver="liblinear"), False),
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
        ({"n_members": 0}, "n_members must be a whole number, at least 1, got 0"),
        ({"n_members": "3"}, "n_members must be a whole number, at least 1, got '3'"),
        ({"calibration": "isotonic"}, "Unknown calibration 'isotonic'"),
        ({"sampler": "smote"}, r"one of imbalanced-learn, such as SMOTE\(\), not 'smote'"),
        ({"sampler": [SMOTE]}, "such as SMOTE"),
        ({"cv": 1}, "cv must be two folds or more, got 1"),
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


def test_boosted_trees_are_not_taken_at_their_word():
    "60 of 1,000 are rare. Over four draws the mean on new rows is .054 where counted, right where estimated."
    new, _ = population(20_000, seed=9)

    def means(told):
        models = (PriorCorrectedClassifier(booster(), trained_prior=told, random_state=0) for _ in range(4))
        fitted = (model.fit(*population(1000, seed)) for seed, model in enumerate(models))
        return np.array([model.predict_proba(new)[:, 1].mean() for model in fitted])

    assert means("count").mean() < 0.055
    assert abs(means("auto").mean() - 0.06) < 0.004


@pytest.mark.parametrize("estimator", [GaussianNB(), LogisticRegression(solver="liblinear", C=0.01)])
def test_classifiers_that_miss_the_share_of_their_own_rows_are_not_counted(estimator):
    "6 % are rare in eight columns that repeat one; plain these say more than .12, corrected .06."

    def rows(seed):
        rng = np.random.default_rng(seed)
        y = np.repeat([0, 1], [1880, 120])
        return rng.normal(size=(2000, 1)) + 1.2 * y[:, None] + 0.3 * rng.normal(size=(2000, 8)), y

    model, (new, _) = PriorCorrectedClassifier(estimator, random_state=0).fit(*rows(0)), rows(1)
    assert model.raw_proba(new)[:, 1].mean() > 0.12
    assert abs(model.predict_proba(new)[:, 1].mean() - 0.06) < 0.01


WRAPPING = [PriorCorrectedClassifier, LabelShiftAdapter, CostSensitiveClassifier, LabelSetClassifier]


@pytest.mark.parametrize("wrapper", WRAPPING)
@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LinearSVC(), "Model 'LinearSVC' has no predict_proba"),
        (make_pipeline(StandardScaler(), LinearSVC()), "Model 'LinearSVC' has no predict_proba"),
        (LinearRegression(), "Model 'LinearRegression' is no classifier"),
        (LogisticRegression, "Model 'LogisticRegression' is no scikit-learn classifier; give an instance"),
        ("logistic", "Model 'str' is no scikit-learn classifier"),
    ],
)
def test_what_gives_no_probabilities_is_refused(wrapper, estimator, message):
    "In a line, before anything is fitted."
    with pytest.raises(ValueError, match=message):
        wrapper(estimator).fit(*population(100, seed=0))


@pytest.mark.parametrize("wrapper", WRAPPING)
def test_weights_below_zero_or_of_a_whole_class_are_refused(wrapper):
    "A class whose rows all weigh nothing is no class of these rows."
    X, y = population(100, seed=0, share=0.2)
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        wrapper(LogisticRegression()).fit(X, y, sample_weight=np.where(y == 1, -1.0, 1.0))
    with pytest.raises(ValueError, match="All rows of class 1 have a weight of zero"):
        wrapper(LogisticRegression()).fit(X, y, sample_weight=1.0 - y)


def test_calibrated_after_smote_the_mean_probability_is_right():
    "The slope and the prior come from the same held-out rows, once."
    model = PriorCorrectedClassifier(booster(), sampler=SMOTE(), calibration="sigmoid", random_state=0)
    model.fit(*population(4000, seed=0))
    assert abs(model.predict_proba(population(20_000, seed=1)[0])[:, 1].mean() - 0.06) < 0.01


# Processes, metadata, copies


@pytest.mark.long
@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_any_number_of_processes_gives_the_same(calibration):
    "Members and folds, seeds drawn beforehand."
    X, y = population(300, seed=0, share=0.2)
    one, two = (
        PriorCorrectedClassifier(
            LogisticRegression(),
            sampler=RandomUnderSampler(),
            n_members=3,
            calibration=calibration,
            cv=3,
            n_jobs=n_jobs,
            random_state=0,
        ).fit(X, y)
        for n_jobs in (1, 2)
    )
    npt.assert_array_equal(one.priors_, two.priors_)
    npt.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_weights_inside_a_pipeline_with_metadata_routing():
    "No step has said what it requests: the classifier is weighted, as without routing."
    X, y = population(300, seed=0, share=0.2)
    model = PriorCorrectedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), weights="balanced", trained_prior="count"
    )
    expected = model.fit(X, y).predict_proba(X)
    with config_context(enable_metadata_routing=True):
        npt.assert_array_equal(clone(model).fit(X, y).predict_proba(X), expected)


def test_requests_of_a_pipelines_steps_are_honoured():
    "The scaler asks for the weights, too, and centres on the weighted mean: (1 * 3 + 1 * 0) / 4."
    X, y = np.array([[3.0], [0.0], [3.0], [0.0]]), np.array([0, 1, 0, 1])
    with config_context(enable_metadata_routing=True):
        steps = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=True),
            LogisticRegression().set_fit_request(sample_weight=True),
        )
        model = PriorCorrectedClassifier(steps, weights={0: 1, 1: 3}, trained_prior="count").fit(X, y)
    npt.assert_allclose(model.estimators_[0][0].mean_, [0.75])


@pytest.mark.parametrize("wrapper", [PriorCorrectedClassifier, LabelShiftAdapter])
def test_a_search_routes_weights_to_the_classifier(wrapper):
    "Rows of the rare class weigh nine times: 1:1."
    X, y = population(300, seed=0, share=0.1)
    weight = np.where(y == 1, 9.0, 1.0)
    with config_context(enable_metadata_routing=True):
        model = wrapper(LogisticRegression()).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"estimator__C": [1.0]}, cv=2).fit(X, y, sample_weight=weight)
    npt.assert_allclose(search.best_estimator_.training_prior_, [0.5, 0.5])


@pytest.mark.parametrize("columns", [["place"], ("place",)])
def test_catboost_with_columns_of_words_can_be_wrapped(columns):
    "A list of cat_features, which scikit-learn's clone refuses, and a tuple; also in a search."
    X, y = population(200, seed=0, share=0.2)
    frame = pd.DataFrame({"size": X[:, 0], "place": np.where(X[:, 1] > 0, "town", "land")})
    catboost = CatBoostClassifier(
        iterations=10, thread_count=1, allow_writing_files=False, verbose=False, cat_features=columns
    )
    model = PriorCorrectedClassifier(catboost, cv=2, random_state=0)
    found = cross_val_predict(model, frame, y, cv=2, method="predict_proba")
    assert found[y == 1, 1].mean() > found[y == 0, 1].mean() + 0.1
    assert LabelShiftAdapter(model, cv=2, random_state=0).fit(frame, y).adapt(frame).plausible_


@pytest.mark.parametrize(
    "options", [{}, {"trained_prior": "estimate"}, {"sampler": RandomUnderSampler()}, {"sampler": SMOTE()}]
)
def test_sparse_rows_give_what_dense_ones_give(options):
    "Half of the values are zero."
    X, y = population(400, seed=0, share=0.2)
    X = np.where(X > 0, X, 0)
    model = PriorCorrectedClassifier(LogisticRegression(), cv=3, random_state=0, **options)
    dense, sparse = model.fit(X, y).predict_proba(X), model.fit(csr_array(X), y).predict_proba(csr_array(X))
    npt.assert_allclose(sparse, dense, atol=1e-4)


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are whatever it was told."""

    def __init__(self, row):
        self.row = row

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.row, (len(X), 1))

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("row", [[0.7, 0.7], [np.nan, np.nan], [1.0]])
@pytest.mark.parametrize(
    "kind", [PriorCorrectedClassifier, LabelShiftAdapter, LabelSetClassifier, CostSensitiveClassifier]
)
def test_an_estimator_without_probabilities_is_told_so(kind, row):
    "None of them computes with rows that do not sum to one, are missing, or lack a class."
    X, y = population(200, seed=0)
    with pytest.raises(ValueError, match="Row 0 of the probabilities|do not fit 2 classes"):
        kind(Odd(row)).fit(X, y).predict(X)


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        ([None, *["a", "b"] * 10], None, "1 of 21 labels are missing"),
        (["a", "b"] * 10, None, "inconsistent numbers of samples"),
        ([], None, "inconsistent numbers of samples"),
        (["a", "b", "a"] * 7, [None, *range(20)], "1 rows have no group"),
        (["a", "b", "a"] * 7, range(20), "20 groups for 21 rows"),
    ],
)
def test_missing_labels_and_groups_are_told(y, groups, message):
    "Before anything is fitted."
    model = LabelShiftAdapter(GaussianNB())
    with pytest.raises(ValueError, match=message):
        model.fit(np.zeros((21, 1)), np.array(y, dtype=object), groups=groups)


@pytest.mark.parametrize("cv", [[], [([0, 1], [2, 400])] * 2, [([0, 1], [])] * 2, "5"])
def test_folds_that_are_none_are_refused(cv):
    "No folds, rows that are not there, nothing to test, a word."
    X, y = population(200, seed=0)
    with pytest.raises(ValueError, match="cv "):
        LabelSetClassifier(GaussianNB(), cv=cv).fit(X, y)

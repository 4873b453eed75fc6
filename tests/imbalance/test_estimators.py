"""Classifiers that know the prior of their probabilities: what they count, correct and refuse."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from imbalance.comparison.models import BoostedClassifier
from imbalance.estimators import PriorCorrectedClassifier, held_out_members
from imbalance.label_shift import LabelShiftAdapter
from imbalance.metrics import weighted_log_loss
from imbalance.probability import estimate_prior, resolve_prior
from imbalance.resampling import FoldImputer, resample


@parametrize_with_checks(
    [
        PriorCorrectedClassifier(LogisticRegression()),
        PriorCorrectedClassifier(LogisticRegression(), trained_prior="estimate", cv=2, random_state=0),
        PriorCorrectedClassifier(LogisticRegression(), calibration="sigmoid", cv=2, random_state=0),
        LabelShiftAdapter(LogisticRegression(), random_state=0),
    ]
)
def test_scikit_learn_finds_nothing_wrong(estimator, check):
    "scikit-learn's own checks of a classifier."
    check(estimator)


def two_classes(common=90, rare=10, shift=2.0, seed=0):
    """Two normal classes in one dimension."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["common", "rare"], [common, rare])
    return rng.normal(size=(common + rare, 1)) + np.where(y == "rare", shift, 0.0)[:, None], y


def three_classes(seed=0):
    """60, 25 and 5 rows in two dimensions."""
    y = np.repeat(["a", "b", "c"], [60, 25, 5])
    return np.random.default_rng(seed).normal(size=(90, 2)) + np.repeat([0, 1, 2], [60, 25, 5])[:, None], y


# What the target prior means


def test_a_mapping_is_free_of_order():
    "By name, whatever comes first."
    X, y = three_classes()
    orders = {"a": 0.2, "b": 0.3, "c": 0.5}, {"c": 0.5, "a": 0.2, "b": 0.3}
    one, other = (PriorCorrectedClassifier(LogisticRegression(), target_prior=t).fit(X, y) for t in orders)
    npt.assert_array_equal(one.target_prior_, [0.2, 0.3, 0.5])
    npt.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_a_series_is_read_by_its_index():
    "As value_counts gives it, the common class first, which is the last of the sorted ones."
    X, y = two_classes()
    y = np.where(y == "rare", "abnormal", "normal")
    shares = pd.Series({"normal": 0.7, "abnormal": 0.3})
    model = PriorCorrectedClassifier(
        GaussianNB(),
        target_prior=shares,
        trained_prior=shares,
        weights=pd.Series({"normal": 1, "abnormal": 3}),
    ).fit(X, y)
    npt.assert_array_equal(model.target_prior_, [0.3, 0.7])
    npt.assert_array_equal(model.effective_prior_, [0.3, 0.7])
    share = np.mean(y == "abnormal")
    npt.assert_allclose(model.nominal_prior_[0], 3 * share / (3 * share + 1 - share))


def test_an_array_is_in_the_order_of_sorted_classes():
    "Not in the order in which the labels occur: 'rare' comes first here."
    X, y = two_classes()
    model = PriorCorrectedClassifier(GaussianNB(), target_prior=[0.7, 0.3]).fit(X[::-1], y[::-1])
    assert dict(zip(model.classes_, model.target_prior_, strict=True)) == {"common": 0.7, "rare": 0.3}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"common": 0.5, "rare": 0.3, "never": 0.2}, "names 'never', which training never saw"),
        ({"common": 1.0}, "lacks 'rare', which training has"),
        ({"common": 0.5, "rare": 0.6}, "sums to 1.1"),
        ([0.5, 0.3, 0.2], "3 shares, but the classes are"),
        ("equal", "Unknown target prior 'equal'"),
    ],
)
def test_what_is_no_prior_of_these_classes_is_refused(target, message):
    "One line says what is wrong; a class absent from a training fold is named."
    X, y = two_classes()
    with pytest.raises(ValueError, match=message):
        PriorCorrectedClassifier(GaussianNB(), target_prior=target).fit(X, y)


def test_balanced_means_equal_shares():
    "A third for each of three classes."
    npt.assert_allclose(resolve_prior("balanced", list("abc"), [0.8, 0.1, 0.1]), [1 / 3] * 3)


# What correction does


def test_correction_to_the_training_prior_changes_nothing():
    "Same probabilities as the bare estimator."
    X, y = two_classes()
    model = PriorCorrectedClassifier(LogisticRegression(), target_prior="training").fit(X, y)
    npt.assert_allclose(model.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X), atol=1e-12)


def test_correction_is_what_bayes_says():
    "Naive Bayes told the prior beforehand gives the same probabilities as corrected afterwards."
    X, y = three_classes()
    prior = [0.2, 0.3, 0.5]
    told = GaussianNB(priors=prior).fit(X, y).predict_proba(X)
    model = PriorCorrectedClassifier(GaussianNB(), target_prior=prior, trained_prior="count").fit(X, y)
    npt.assert_allclose(model.predict_proba(X), told, atol=1e-9)


def test_binary_ranks_do_not_change():
    "The order of the rows by the rare class's probability stays."
    X, y = two_classes()
    plain = GaussianNB().fit(X, y).predict_proba(X)[:, 1]
    model = PriorCorrectedClassifier(GaussianNB(), target_prior="balanced", trained_prior="count")
    corrected = model.fit(X, y).predict_proba(X)
    npt.assert_array_equal(np.argsort(corrected[:, 1]), np.argsort(plain))


def test_weights_are_taken_back_by_the_correction():
    "Weighted to balance and corrected to the training prior, naive Bayes says what it says without both."
    X, y = two_classes()
    model = PriorCorrectedClassifier(GaussianNB(), weights="balanced", trained_prior="count").fit(X, y)
    npt.assert_allclose(model.effective_prior_, [0.5, 0.5])
    npt.assert_allclose(model.predict_proba(X), GaussianNB().fit(X, y).predict_proba(X), atol=1e-9)


# The effective prior


def test_effective_prior_after_sampler_and_weights():
    "60, 25, 5 rows cut to 10, 10, 5; weights 1, 1, 4 make 10, 10, 20: a quarter, a quarter, a half."
    X, y = three_classes()
    cut = RandomUnderSampler(sampling_strategy={"a": 10, "b": 10})
    model = PriorCorrectedClassifier(
        GaussianNB(),
        sampler=cut,
        weights={"c": 4, "b": 1, "a": 1},
        trained_prior="count",
        random_state=0,
    ).fit(X, y)
    npt.assert_allclose(model.effective_prior_, [0.25, 0.25, 0.5])
    npt.assert_allclose(model.training_prior_, [60 / 90, 25 / 90, 5 / 90])


def test_effective_prior_after_smote_and_under_sampling():
    "60, 25, 5 grow to 60, 30, 20; the largest is cut to 50."
    X, y = three_classes()
    steps = [
        SMOTE(sampling_strategy={"b": 30, "c": 20}, k_neighbors=3),
        RandomUnderSampler(sampling_strategy={"a": 50}),
    ]
    model = PriorCorrectedClassifier(GaussianNB(), sampler=steps, trained_prior="count", random_state=0).fit(
        X, y
    )
    npt.assert_allclose(model.effective_prior_, [0.5, 0.3, 0.2])


def test_effective_prior_counts_row_weights_through_an_under_sampler():
    "Rows of 'rare' weigh 3: ten of them against ten of 'common' are 3:1."
    X, y = two_classes()
    weight = np.where(y == "rare", 3.0, 1.0)
    model = PriorCorrectedClassifier(
        GaussianNB(), sampler=RandomUnderSampler(), trained_prior="count", random_state=0
    )
    npt.assert_allclose(model.fit(X, y, sample_weight=weight).effective_prior_, [0.25, 0.75])


def test_an_estimators_own_class_weight_is_counted():
    "Balanced inside: the effective prior is balanced, too, also at the end of a pipeline."
    X, y = two_classes()
    own = LogisticRegression(class_weight="balanced")
    for estimator in (own, make_pipeline(StandardScaler(), own)):
        model = PriorCorrectedClassifier(estimator, trained_prior="count").fit(X, y)
        npt.assert_allclose(model.effective_prior_, [0.5, 0.5])


def test_weights_reach_the_end_of_a_pipeline():
    "Balanced from outside is balanced from inside."
    X, y = two_classes()
    outside = PriorCorrectedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), weights="balanced", target_prior=None
    )
    inside = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")).fit(X, y)
    npt.assert_allclose(outside.fit(X, y).predict_proba(X), inside.predict_proba(X), atol=1e-4)


def test_target_weights_need_no_correction():
    "Weighted to the target, the effective prior is the target."
    X, y = two_classes()
    model = PriorCorrectedClassifier(
        GaussianNB(), weights="target", target_prior=[0.6, 0.4], trained_prior="count"
    ).fit(X, y)
    npt.assert_allclose(model.effective_prior_, [0.6, 0.4])
    npt.assert_allclose(model.predict_proba(X), model.raw_proba(X))


def test_smote_does_not_stand_for_the_prior_that_its_labels_count():
    "Trees know synthetic rows: the estimate lies between 1:1 and the training prior, and predicts better."
    X, y = make_classification(
        9000, 15, n_informative=5, weights=[0.95], flip_y=0.02, class_sep=0.5, random_state=1
    )
    models = {
        method: PriorCorrectedClassifier(
            BoostedClassifier(),
            sampler=SMOTE(),
            target_prior="balanced",
            trained_prior=method,
            cv=3,
            random_state=0,
        ).fit(X[:4000], y[:4000])
        for method in ("count", "auto")
    }
    npt.assert_allclose(models["count"].effective_prior_, [0.5, 0.5])
    assert 0.6 < models["auto"].effective_prior_[0] < 0.95
    loss = {
        m: weighted_log_loss(y[4000:], p.predict_proba(X[4000:]), classes=[0, 1], target=[0.5, 0.5])
        for m, p in models.items()
    }
    assert loss["auto"] < loss["count"] - 0.02


def test_the_estimated_prior_is_the_counted_one_where_that_is_right():
    "Naive Bayes on its own model, balanced by repetition: both say 1:1."
    X, y = two_classes(1800, 200)
    model = PriorCorrectedClassifier(GaussianNB(), sampler=RandomOverSampler(), random_state=0).fit(X, y)
    npt.assert_allclose(model.nominal_prior_, [0.5, 0.5])
    npt.assert_allclose(model.effective_prior_, [0.5, 0.5], atol=0.05)


# Correcting twice


def test_corrected_once_however_often_wrapped():
    "The outer one takes the prior that the inner one stands for."
    X, y = two_classes()
    once = PriorCorrectedClassifier(LinearDiscriminantAnalysis(), target_prior=[0.3, 0.7])
    twice = PriorCorrectedClassifier(once, target_prior=[0.3, 0.7])
    thrice = PriorCorrectedClassifier(make_pipeline(StandardScaler(), twice), target_prior=[0.3, 0.7])
    expected = once.fit(X, y).predict_proba(X)
    for wrapped in (twice, thrice):
        npt.assert_allclose(wrapped.fit(X, y).predict_proba(X), expected, atol=1e-9)


def test_calibrating_again_changes_nothing():
    "The estimate starts from the counted prior each time."
    X, y = two_classes(300, 60)
    model = PriorCorrectedClassifier(GaussianNB(), trained_prior="estimate", random_state=0).fit(X, y)
    first = model.effective_prior_
    again = model.calibrate_on(*held_out_members(model, X, y), y)
    npt.assert_array_equal(again.effective_prior_, first)


# Calibration on original rows that were held out


def test_calibration_is_on_original_rows():
    "Balanced by repetition, calibrated, for the training prior: the mean prediction is a tenth, not a half."
    X, y = two_classes(900, 100)
    new, _ = two_classes(9000, 1000, seed=1)
    model = PriorCorrectedClassifier(
        KNeighborsClassifier(25), sampler=RandomOverSampler(), calibration="sigmoid", random_state=0
    ).fit(X, y)
    assert abs(model.predict_proba(new)[:, 1].mean() - 0.1) < 0.03


@pytest.mark.parametrize("sampler", [None, RandomOverSampler(), SMOTE()])
def test_held_out_rows_and_their_children_are_not_trained_on(sampler):
    "Labels are noise: one nearest neighbour finds the rare class no more often than chance."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 3)), np.repeat([0, 1], [500, 100])
    model = PriorCorrectedClassifier(
        KNeighborsClassifier(1), sampler=sampler, target_prior=None, random_state=0
    )
    p = held_out_members(model, X, y)[1].mean(axis=0)
    assert p[y == 1, 1].mean() - p[y == 0, 1].mean() < 0.15


def test_no_number_of_folds_is_five():
    "As in scikit-learn."
    X, y = two_classes(90, 30)
    one, other = (
        PriorCorrectedClassifier(LogisticRegression(), calibration="sigmoid", cv=cv, random_state=0).fit(X, y)
        for cv in (None, 5)
    )
    npt.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_groups_stay_together_in_the_folds_of_calibration():
    "Every row has a twin; held out with it, one nearest neighbour learns nothing of noise."
    rng = np.random.default_rng(0)
    X, y = np.tile(rng.normal(size=(300, 3)), (2, 1)), np.tile(rng.integers(0, 2, 300), 2)
    model = PriorCorrectedClassifier(KNeighborsClassifier(1), random_state=0)
    right = {
        name: np.mean(held_out_members(model, X, y, groups=groups)[1][0].argmax(axis=1) == y)
        for name, groups in {"alone": None, "together": np.tile(np.arange(300), 2)}.items()
    }
    assert right["alone"] > 0.8
    assert right["together"] < 0.6


def test_folds_of_calibration_are_as_many_as_a_class_has_groups():
    "Twenty rare rows in three groups: three folds, not five; in one group it cannot be had."
    X, y = two_classes(90, 20)
    groups = np.where(
        y == np.unique(y)[np.unique(y, return_counts=True)[1].argmin()], 0, np.arange(len(y)) + 9
    )
    rare = groups == 0
    groups[rare] = np.arange(20) % 3
    model = PriorCorrectedClassifier(GaussianNB(), calibration="sigmoid", random_state=0)
    copies, _ = held_out_members(model, X, y, groups=groups)
    assert len(copies) == 3
    assert np.isfinite(model.fit(X, y, groups=groups).predict_proba(X)).all()
    with pytest.raises(ValueError, match="two groups of each class; class .* has 1"):
        model.fit(X, y, groups=np.where(rare, 0, groups))


def test_a_class_of_one_row_cannot_be_calibrated():
    "The line names it."
    X, y = two_classes(20, 1)
    with pytest.raises(ValueError, match="class 'rare' has 1"):
        PriorCorrectedClassifier(GaussianNB(), calibration="sigmoid").fit(X, y)


# Samplers: neighbours, categories, gaps


def test_smote_looks_at_fewer_neighbours_where_a_class_is_small():
    "Five rows have four neighbours each; the note says so."
    X, y = three_classes()
    model = PriorCorrectedClassifier(GaussianNB(), sampler=SMOTE(), random_state=0).fit(X, y)
    assert model.notes_ == ["SMOTE looks at 4 neighbours instead of 5: class 'c' has 5 rows."]


def test_smote_needs_two_rows():
    "There is nothing to draw between; the line names the class."
    X, y = two_classes(20, 1)
    with pytest.raises(ValueError, match="class 'rare' has only one"):
        PriorCorrectedClassifier(GaussianNB(), sampler=SMOTE()).fit(X, y)


@pytest.mark.parametrize("kind", ["one-hot", "words", "category", "array"])
def test_categories_are_not_interpolated(kind):
    "Every value of a synthetic row's category is one that exists."
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    X = pd.DataFrame({"size": rng.normal(size=100), "place": rng.integers(0, 2, 100).astype("float64")})
    if kind in ("words", "category"):
        X["place"] = X["place"].map({0.0: "town", 1.0: "land"})
    if kind == "category":
        X["place"] = X["place"].astype("category")
    allowed = set(X["place"])
    new, _, rows, notes = resample([SMOTE()], X if kind != "array" else X.to_numpy(), y, seeds=[0])
    made = pd.DataFrame(new).iloc[100:]
    assert len(made) == 60
    assert rows is None
    assert set(made.iloc[:, 1]) <= allowed
    assert set(made.iloc[:, 0]).isdisjoint(X["size"])
    assert notes[0].startswith("SMOTENC does not interpolate 1 categorical column (")


def test_categories_alone_are_drawn_from_neighbours():
    "Without a number to interpolate SMOTEN takes over."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"place": rng.choice(["town", "land"], 100), "road": rng.integers(0, 2, 100)})
    new, _, _, notes = resample([SMOTE()], X, np.repeat([0, 1], [80, 20]), seeds=[0])
    assert set(new["place"]) == {"town", "land"}
    assert notes[0].startswith("SMOTEN ")


def test_whole_numbers_are_not_cut_off():
    "Between 2 and 3 lies 2.5; cast to whole numbers every child would fall to 2."
    X = np.column_stack([np.arange(12) % 2 + 2, np.arange(12) * 10])
    new, _, _, _ = resample([SMOTE()], X, np.repeat([0, 1], [9, 3]), seeds=[0])
    assert np.any(new[12:, 1] % 1 != 0)


def test_a_sampler_of_numbers_refuses_words():
    "The line names sampler and column."
    X = pd.DataFrame({"size": range(20), "place": ["town"] * 20})
    with pytest.raises(ValueError, match="ADASYN cannot take the words of column 'place'"):
        resample([ADASYN()], X, np.repeat([0, 1], [15, 5]), seeds=[0])


def test_gaps_are_filled_from_training_rows_and_it_is_said():
    "The median of 1, 2 and 9 is 2, whatever the rows to predict hold."
    imputer = FoldImputer().fit(pd.DataFrame({"size": [1.0, 2.0, 9.0, None], "place": ["a", "a", "b", None]}))
    filled = imputer.transform(pd.DataFrame({"size": [None, 500.0], "place": ["b", None]}))
    assert filled["size"].tolist() == [2.0, 500.0]
    assert filled["place"].tolist() == ["b", "a"]
    X, y = two_classes()
    X[3] = np.nan
    model = PriorCorrectedClassifier(
        GaussianNB(), sampler=SMOTE(), trained_prior="count", random_state=0
    ).fit(X, y)
    assert "SMOTE cannot take missing values: 1 column was filled" in model.notes_[0]
    npt.assert_allclose(model.imputer_.fillers_[0], np.nanmedian(X))
    npt.assert_allclose(model.predict_proba([[np.nan]]), model.predict_proba([[np.nanmedian(X)]]))


def test_a_column_without_values_is_filled_with_a_constant_and_it_is_said():
    "In one training fold a column may be empty; the fit goes on, and the column tells nothing."
    frame = pd.DataFrame({"size": [None, None], "place": pd.Series([None, None], dtype="str")})
    frame["size"] = frame["size"].astype("float64")
    frame["kind"] = pd.Categorical([None, None], categories=["a", "b"])
    filled = FoldImputer().fit(frame).transform(frame)
    assert filled.iloc[0].tolist() == [0, "missing", "a"]
    X, y = two_classes()
    X = np.column_stack([X, np.full(len(X), np.nan)])
    model = PriorCorrectedClassifier(LogisticRegression(), sampler=SMOTE(), random_state=0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert any("holds no value in the training rows" in note for note in model.notes_)


def test_gaps_stay_where_the_sampler_copies_rows():
    "Under-sampling does not mind, so nothing is filled."
    X, y = two_classes()
    X[3] = np.nan
    model = PriorCorrectedClassifier(BoostedClassifier(), sampler=RandomUnderSampler(), random_state=0)
    assert model.fit(X, y).notes_ == []


# Members of a bag


def test_members_are_corrected_each_and_then_averaged():
    "By hand from the fitted members and their priors."
    X, y = two_classes()
    model = PriorCorrectedClassifier(
        GaussianNB(),
        target_prior=[0.8, 0.2],
        trained_prior="count",
        sampler=RandomUnderSampler(),
        n_members=3,
        random_state=0,
    ).fit(X, y)
    odds = [m.predict_proba(X)[:, 1] / m.predict_proba(X)[:, 0] * 0.2 / 0.8 for m in model.estimators_]
    assert len(odds) == 3
    npt.assert_allclose(model.predict_proba(X)[:, 1], np.mean([o / (1 + o) for o in odds], axis=0), atol=1e-9)
    assert not np.array_equal(model.estimators_[0].theta_, model.estimators_[1].theta_)


# Label shift


def test_em_finds_the_shares_of_rows_that_it_knows_for_sure():
    "700 rows surely of the first class, 300 of the second, and one row spread as trained: 700.5 / 1001."
    p = [[1.0, 0.0]] * 700 + [[0.0, 1.0]] * 300
    npt.assert_allclose(estimate_prior(p, trained=[0.5, 0.5]), [700.5 / 1001, 300.5 / 1001], atol=1e-6)


def test_em_on_one_row_is_refused():
    "One row says nothing of a share: the likeliest is 0 or 1."
    X, y = two_classes()
    adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="1 unlabelled rows say too little"):
        adapter.adapt(X[:1])
    npt.assert_array_equal(adapter.prior_, adapter.training_prior_)


def test_em_on_the_training_population_finds_the_training_prior():
    "New rows of the same population: nine to one."
    X, y = two_classes(1800, 200)
    adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    new, _ = two_classes(3600, 400, seed=1)
    npt.assert_allclose(adapter.adapt(new).prior_, [0.9, 0.1], atol=0.03)


def test_label_shift_is_found_with_an_interval_that_holds_the_truth():
    "Nine to one in training, two to three in the new rows."
    X, y = two_classes(1800, 200)
    new, _ = two_classes(800, 1200, seed=1)
    adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y).adapt(new)
    low, high = adapter.prior_interval_[1]
    assert low < 0.6 < high
    assert high - low < 0.2
    assert adapter.plausible_, adapter.reason_


def test_rows_that_changed_are_no_label_shift():
    "No mixture of classes around 0 and 2 lies around 1 only, with half the spread."
    X, y = two_classes(1800, 200)
    changed = np.random.default_rng(1).normal(1, 0.5, size=(2000, 1))
    adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="PACC and EM disagree"):
        adapter.adapt(changed)
    assert not adapter.plausible_
    assert not adapter.agree_
    assert "they changed, too" in adapter.reason_


def test_label_shift_is_seldom_called_implausible():
    "Of 10 shifted populations, an overfitting classifier is wrong about one at most."
    X, y = two_classes(900, 100, shift=1.5)
    adapter = LabelShiftAdapter(KNeighborsClassifier(7), n_bootstrap=100, random_state=0).fit(X, y)
    called = [
        adapter.adapt(two_classes(300, 300, shift=1.5, seed=seed)[0]).plausible_ for seed in range(1, 11)
    ]
    assert sum(called) >= 9


@pytest.mark.parametrize("method", ["pacc", "em"])
def test_rows_of_one_class_leave_room_for_the_other(method):
    "None in 300 is no proof of none: 3 in 300 would be missed in 5 of 100 draws (rule of three)."
    X, y = make_classification(1000, weights=[0.9], class_sep=2, random_state=0)
    adapter = LabelShiftAdapter(LogisticRegression(), method=method, random_state=0).fit(X, y)
    adapter.adapt(X[y == 0][:300])
    (low, high), share = adapter.prior_interval_[1], adapter.prior_[1]
    assert low == pytest.approx(0, abs=1e-9)
    assert low <= share <= high
    assert 0.01 < high < 0.03
    npt.assert_allclose(adapter.prior_interval_[0], [1 - high, 1 - low])


def test_before_it_adapts_the_adapter_predicts_for_the_training_prior():
    "Uncalibrated the same probabilities as the bare estimator."
    X, y = two_classes()
    adapter = LabelShiftAdapter(LogisticRegression(), calibration="none", random_state=0).fit(X, y)
    npt.assert_allclose(adapter.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X), atol=1e-9)


def test_the_adapter_takes_back_what_a_sampler_did():
    "Around an under-sampled classifier it starts from the training prior, and corrects once."
    X, y = two_classes(1800, 200)
    new, _ = two_classes(1000, 1000, seed=1)
    inner = PriorCorrectedClassifier(GaussianNB(), sampler=RandomUnderSampler(), random_state=0)
    adapter = LabelShiftAdapter(inner, calibration="none", random_state=0).fit(X, y)
    npt.assert_allclose(adapter.predict_proba(new), inner.fit(X, y).predict_proba(new), atol=0.02)
    npt.assert_allclose(adapter.adapt(new).prior_, [0.5, 0.5], atol=0.05)


# Input


def test_one_class_only_is_refused():
    "The line names it."
    with pytest.raises(ValueError, match="1 class, 'a'"):
        PriorCorrectedClassifier(GaussianNB()).fit([[0.0], [1.0]], ["a", "a"])


def test_a_continuous_target_is_refused():
    "Classes are wanted."
    with pytest.raises(ValueError, match="continuous"):
        PriorCorrectedClassifier(GaussianNB()).fit([[0.0], [1.0], [2.0]], [0.1, 0.25, 1.3])


def test_an_estimator_without_weights_refuses_them():
    "It would be silently unweighted."
    X, y = two_classes()
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        PriorCorrectedClassifier(KNeighborsClassifier(), weights="balanced").fit(X, y)


def test_made_up_rows_have_no_weight():
    "Neither zero nor one is right."
    X, y = two_classes()
    model = PriorCorrectedClassifier(GaussianNB(), sampler=SMOTE())
    with pytest.raises(ValueError, match="Rows that a sampler makes have no weight"):
        model.fit(X, y, sample_weight=np.ones(len(y)))

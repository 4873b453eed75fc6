"""What a comparison does with rows, folds and class shares, shown on rows that a reader can picture."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import numpy.testing as npt
import pandas as pd
import pyarrow as pa
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from imbalance.comparison.compare import compare
from imbalance.comparison.fits import Scoring, choose_scoring, make_jobs
from imbalance.comparison.problem import make_problem
from imbalance.comparison.strategies import ROWS, Strategy
from imbalance.decisions import expected_cost, threshold_at
from imbalance.metrics import average_precision, corrected_t_interval
from imbalance.probability import parse_target_prior
from imbalance.reading import features

SMALL = {"models": GaussianNB(), "cv": 3, "repeats": 1}
COUNTED = SMALL | {"models": LogisticRegression()}
FOLDS = {"cv": 3, "repeats": 1}
FIGURES = ["log_loss", "brier", "auc", "average_precision", "calibration_slope", "recall_rare", "prior_rare"]


def rows(n=240, share=0.15, shift=1.5, seed=0):
    "Two features, the first of which tells the rare class by `shift` standard deviations."
    rng = np.random.default_rng(seed)
    y = np.repeat(["common", "rare"], [n - round(n * share), round(n * share)])
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["told", "noise"])
    X["told"] += shift * (y == "rare")
    return X, y


def pieces(folder):
    "Test rows and probabilities of every finished piece of a folder."
    for path in sorted((folder / "parts").glob("*.npz")):
        with np.load(path) as parts:
            yield path.name, parts["test"], parts["probabilities"]


def table_of(found):
    "The table with the strategy as its index."
    return found.table.set_index("strategy")


def judged(problem, strategy, endings, *, fold=0, model=None, scoring=None):
    "Record and arrays of one job."
    jobs, _ = make_jobs(
        {"m": model or GaussianNB()}, {"m"}, [(strategy, endings)], scoring or choose_scoring(), 3
    )
    return next(job for job in jobs if job.fold == fold).run(problem)


# The same figures, however it is run


@pytest.mark.long
def test_any_number_of_processes_and_any_order_give_the_same_figures():
    "One or two processes, rows and models turned round: every column but the seconds to the last digit."
    X, y = rows()
    options = {
        "models": ["lightgbm", RandomForestClassifier(5)],
        "rows": ["none", "smote"],
        "ending": ["raw", "em"],
    }
    turned = {"models": options["models"][::-1], "rows": ["smote", "none"], "ending": ["em", "raw"]}
    one, two, other = (
        compare(X, y, **FOLDS, **given)
        for given in (
            options,
            options | {"n_jobs": 2},
            turned,
        )
    )
    pd.testing.assert_frame_equal(one.scores.drop(columns="seconds"), two.scores.drop(columns="seconds"))
    for found in (two, other):
        pd.testing.assert_frame_equal(one.table.drop(columns="seconds"), found.table.drop(columns="seconds"))
        assert one.findings == found.findings


def test_all_are_scored_on_the_same_rows_each_once_a_repeat(tmp_path):
    "240 rows, 2 repeats: each fit predicts 480, fold by fold the same ones; none of them was made up."
    X, y = rows()
    options = SMALL | {"repeats": 2}
    compare(X, y, rows=["none", "smote", "under-sample"], ending="raw", out=tmp_path / "out", **options)
    by_fit = {}
    for name, test, _ in pieces(tmp_path / "out"):
        by_fit.setdefault(name.rsplit("-", 1)[0], []).append(test.tolist())
    assert len(by_fit) == 3
    first, *others = by_fit.values()
    assert all(other == first for other in others)
    assert sorted(np.concatenate(first)) == sorted(list(range(240)) * 2)


# No test row teaches


def test_resampling_before_the_split_would_show():
    "Nothing can be learned here, and copies of test rows would teach it: AUC stays near one half."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), np.repeat(["common", "rare"], [250, 50])
    options = SMALL | {"models": LGBMClassifier(verbose=-1), "ending": "raw"}
    found = table_of(compare(X, y, rows=RandomOverSampler(), **options))
    assert found.loc["RandomOverSampler", "auc"] < 0.65
    leaked = np.r_[X, np.repeat(X[250:], 4, axis=0)] + rng.normal(0, 1e-6, (500, 3))
    split_later = compare(leaked, np.r_[y, ["rare"] * 200], rows="none", **options)
    assert table_of(split_later).loc["as they are", "auc"] > 0.9


@pytest.mark.parametrize("ending", ["raw", "calibrated", "em"])
def test_nothing_is_fitted_on_a_test_row(ending):
    "An estimator that notes its rows sees none of the fold that it predicts, nor does any sampler before it."
    seen = []

    class Noting(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            seen.append(set(np.asarray(X)[:, 2].tolist()))
            self.inner_ = GaussianNB().fit(X[["told", "noise"]], y)
            self.classes_ = self.inner_.classes_
            return self

        def predict_proba(self, X):
            return self.inner_.predict_proba(X[["told", "noise"]])

    X, y = rows()
    X["number"] = np.arange(240) + 0.5
    problem, _ = make_problem(X, y, cv=3, repeats=1, by_name=False)
    for strategy in (ROWS["as they are"], ROWS["under-sample"], ROWS["bagged-under"]):
        (job, *_), _ = make_jobs({"m": Noting()}, set(), [(strategy, (ending,))], choose_scoring(), 3)
        job.run(problem)
    test = set((problem.splits[0][1] + 0.5).tolist())
    assert len(seen) >= 3
    assert not any(test & fitted for fitted in seen)


def test_the_number_of_trees_is_chosen_on_training_rows():
    "Labels of the test rows exchanged: the same predictions, to the last digit."
    X, y = rows(share=0.3)
    problem, _ = make_problem(X, y, cv=3, repeats=1)
    test = problem.splits[0][1]
    other = problem.y.copy()
    other[test] = other[test][::-1]
    from imbalance.comparison.models import choose_models

    (model,) = choose_models("lightgbm")[0].values()
    found = [
        judged(one, ROWS["smote"], ("raw", "calibrated"), model=model)[1]["probabilities"]
        for one in (problem, replace(problem, y=other))
    ]
    npt.assert_array_equal(*found)


def test_equal_rows_never_stand_on_both_sides_and_it_is_said(tmp_path):
    "Every row is there twice with its label: a split between twins would tell the labels of noise."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 3)), np.repeat(["common", "rare"], [110, 40])
    options = SMALL | {"models": LGBMClassifier(verbose=-1), "ending": "raw", "rows": "none"}
    found = compare(np.r_[X, X], np.r_[y, y], out=tmp_path / "out", **options)
    for _, test, _ in pieces(tmp_path / "out"):
        assert sorted(test % 150) == sorted(np.repeat(np.unique(test % 150), 2))
    assert found.table["auc"].item() < 0.65
    assert any("300 of 300 rows" in note and "one fold" in note for note in found.notes)


def test_groups_stay_whole(tmp_path):
    "Rows of a town are never in two folds."
    X, y = rows()
    towns = np.arange(240) % 24
    found = compare(X, y, groups=towns, rows="none", ending="raw", out=tmp_path / "out", **SMALL)
    held_out = [set(towns[test]) for _, test, _ in pieces(tmp_path / "out")]
    assert sum(map(len, held_out)) == len(set.union(*held_out)) == 24
    assert found.settings["groups"] == 24


def test_folds_of_ones_own_are_taken_but_for_twins_of_test_rows():
    "Rows 0 and 239 are equal; the fold that tests one does not train on the other."
    X, y = rows()
    X.iloc[239] = X.iloc[0]
    folds = [(np.arange(120, 240), np.arange(120)), (np.arange(120), np.arange(120, 240))]
    y = np.where(np.arange(240) % 5 == 0, "rare", "common")
    problem, notes = make_problem(X, y, cv=folds)
    assert [len(train) for train, _ in problem.splits] == [119, 119]
    assert any("2 training rows of the given folds" in note for note in notes)
    found = compare(X, y, cv=ShuffleSplit(3, random_state=0), models=GaussianNB(), rows="none")
    assert (found.settings["folds"], found.settings["repeats"]) == (3, 1)
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=2)
    assert len(compare(X, y, cv=folds, models=GaussianNB(), rows="none", ending="raw").scores) == 4
    with pytest.raises(ValueError, match="Fold 0 of cv tests no row of class 'rare'"):
        make_problem(X, y, cv=[(np.arange(100), np.arange(121, 125))] * 2)


# The target


def test_correction_to_the_training_prior_changes_nothing():
    "The population is that of training: no difference, no win, nothing said to be better."
    X, y = rows()
    found = compare(X, y, rows="none", ending="prior", target="training", **COUNTED)
    corrected = table_of(found).loc["as they are+prior"]
    assert corrected[["vs_none", "ci_low", "ci_high", "wins"]].tolist() == [0, 0, 0, 0]
    assert not any("is clearly" in sentence for sentence in found.findings)


def test_correction_leaves_binary_ranks_alone():
    "AUC does not see the prior, log loss does."
    X, y = rows()
    found = table_of(compare(X, y, rows="none", ending="prior", **COUNTED))
    assert found.loc["as they are+prior", "auc"] == pytest.approx(found.loc["as they are", "auc"], abs=1e-12)
    assert found.loc["as they are+prior", "log_loss"] < found.loc["as they are", "log_loss"]


@pytest.mark.long
def test_every_treatment_of_the_rows_is_corrected_too():
    "Cut to 1:1 but judged at 9:1, uncorrected probabilities lose to corrected ones, of each treatment."
    X, y = rows()
    found = table_of(
        compare(
            X, y, rows=["under-sample", "weights", "bagged-under"], target=[0.9, 0.1], ending="prior", **SMALL
        )
    )
    raw = table_of(
        compare(
            X, y, rows=["under-sample", "weights", "bagged-under"], target=[0.9, 0.1], ending="raw", **SMALL
        )
    )
    for name in ("under-sample", "weights", "bagged-under"):
        assert found.loc[f"{name}+prior", "log_loss"] < raw.loc[name, "log_loss"] - 0.05


def test_a_weighted_fit_is_corrected_from_what_it_stands_for():
    "Labels were weighted to the target, but trees know rare rows by heart: corrected they predict better."
    X, y = rows()
    options = SMALL | {"models": LGBMClassifier(verbose=-1)}
    found = table_of(compare(X, y, rows="weights", ending=["raw", "prior"], **options))
    assert found.loc["weights+prior", "log_loss"] < found.loc["weights", "log_loss"]
    assert found.loc["weights", "mismatch"] == pytest.approx(0, abs=1e-12)


@pytest.mark.long
def test_a_model_that_weights_by_itself_is_corrected_from_what_it_stands_for():
    "A search that chooses balanced weights, and a naive Bayes told 1:1, are right at the training shares."
    X, y = rows(n=600)
    models = {
        "search": GridSearchCV(LogisticRegression(), {"class_weight": ["balanced"]}, cv=3),
        "told": GaussianNB(priors=[0.5, 0.5]),
    }
    found = compare(X, y, models=models, rows="none", ending=["raw", "prior"], target="training", **FOLDS)
    losses = found.table.set_index(["model", "strategy"])["log_loss"]
    plain = compare(X, y, models=LogisticRegression(), rows="none", ending="raw", target="training", **FOLDS)
    for model in models:
        assert losses[model, "as they are"] > losses[model, "as they are+prior"] + 0.1
        assert losses[model, "as they are+prior"] == pytest.approx(plain.table["log_loss"].item(), abs=0.02)


def test_the_mismatch_of_priors_stands_beside_each_row():
    "15 % rare in training, half in the target: KL = (ln(.5/.85) + ln(.5/.15)) / 2 = 0.3367 for none."
    X, y = rows()
    found = table_of(compare(X, y, rows=["none", "under-sample"], ending=["raw", "prior"], **SMALL))
    assert found.loc["as they are", "mismatch"] == pytest.approx(0.3367, abs=1e-4)
    npt.assert_allclose(found.loc[["as they are+prior", "under-sample"], "mismatch"], 0, atol=1e-12)


def test_a_target_in_another_order_is_read_by_name():
    "The same table as in the order of the classes, and a note."
    X, y = rows()
    ordered = compare(X, y, rows="none", target="common=.7,rare=.3", **SMALL)
    other = compare(X, y, rows="none", target={"rare": 0.3, "common": 0.7}, **SMALL)
    pd.testing.assert_frame_equal(ordered.table.drop(columns="seconds"), other.table.drop(columns="seconds"))
    assert other.settings["target_prior"] == {"common": 0.7, "rare": 0.3}
    assert not any("order" in note for note in ordered.notes)
    assert any("another order than common, rare" in note for note in other.notes)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("common=.5,rare=.6", "sums to 1.1"),
        ("common=.5,scarce=.5", "names 'scarce', which training never saw"),
        ("common=1", "lacks 'rare'"),
        ("common=1,rare=0", "gives rare no share"),
        ("common=.5,common=.5", "names 'common' twice"),
        ("half", "not of the form"),
        ("common=a,rare=b", "not of the form"),
        ("common=-.5,rare=1.5", "none negative"),
        ([0.2, 0.3, 0.5], "3 shares"),
    ],
)
def test_a_target_that_is_none_is_refused(target, words):
    "Before anything is fitted, in a line."
    X, y = rows()
    with pytest.raises(ValueError, match=words) as refused:
        compare(X, y, target=target, **SMALL)
    assert "\n" not in str(refused.value)


def test_classes_may_have_any_sign_in_their_names():
    "The last equals sign parts name and share."
    assert parse_target_prior("x<=1=.25,x>1=.75") == {"x<=1": 0.25, "x>1": 0.75}


# The table


def test_nothing_done_is_always_there_and_named_once():
    "All others are compared to it, whatever was asked for."
    X, y = rows()
    found = compare(X, y, rows=["smote", "smote"], ending="calibrated", **SMALL)
    assert set(found.table["strategy"]) == {"as they are", "smote+calibrated"}
    assert table_of(found).loc["as they are", "vs_none"] == 0
    both = compare(X, y, rows=["none", "as they are"], ending="prior", **SMALL)
    assert set(both.table["strategy"]) == {"as they are", "as they are+prior"}


def test_the_table_follows_from_the_scores():
    "Means over folds; the difference is paired, its interval is that of Nadeau and Bengio; wins are counted."
    X, y = rows()
    found = compare(X, y, rows="under-sample", ending="raw", **(SMALL | {"repeats": 2}))
    losses = {
        name: part.set_index(["repeat", "fold"])["log_loss"]
        for name, part in found.scores.groupby("strategy")
    }
    difference = losses["under-sample"] - losses["as they are"]
    row = table_of(found).loc["under-sample"]
    low, high = corrected_t_interval(difference, test_share=1 / 3)
    assert len(difference) == 6
    npt.assert_allclose(
        row[["log_loss", "vs_none", "ci_low", "ci_high"]].astype(float),
        [losses["under-sample"].mean(), difference.mean(), low, high],
    )
    assert row["wins"] == (difference < 0).sum()


def test_the_sweep_meets_the_table_at_the_target():
    "And what is not corrected is scored as trained: its loss is linear in the share."
    X, y = rows()
    found = compare(X, y, rows=["none", "under-sample"], target="common=.7,rare=.3", **SMALL)
    for name in found.table["strategy"]:
        line = found.sweep[found.sweep["strategy"] == name].set_index("share")["log_loss"]
        assert line.loc[0.3] == pytest.approx(table_of(found).loc[name, "log_loss"])
        straight = (line.loc[0.2] + line.loc[0.4]) / 2
        assert (line.loc[0.3] == pytest.approx(straight)) == ("+" not in name)


def test_the_sweep_corrects_each_member_of_a_bag_from_what_it_saw():
    "At a target of the sweep a corrected bag predicts what the classifier predicts that is told this target."
    X, y = rows()
    bag = Strategy("bag", sampler=RandomUnderSampler(sampling_strategy=0.5), bag=3)
    problem, _ = make_problem(X, y, cv=3, repeats=1)
    told = replace(problem, target=np.array([0.9, 0.1]))
    swept, alone = (
        judged(replace(one, sweep=np.array([[0.9, 0.1]])), bag, ("prior",))[0] for one in (problem, told)
    )
    assert swept["sweep"][0]["log_loss"] == pytest.approx(alone["scores"][0]["log_loss"], abs=1e-12)


def test_the_bins_of_a_class_hold_the_whole_target_population():
    "Shares sum to one, and the observed share over all bins is that of the target."
    X, y = rows()
    found = compare(X, y, rows="none", ending="raw", target="common=.6,rare=.4", **SMALL)
    bins = found.reliability[found.reliability["class"] == "rare"]
    assert bins["share"].sum() == pytest.approx(1)
    assert (bins["share"] * bins["observed"]).sum() == pytest.approx(0.4)


def test_average_precision_finds_the_class_that_is_rarest_of_all():
    "100 of a, 99 of b in twin groups: some folds have fewer a, and still look for b."
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b"], [100, 99])
    X = pd.DataFrame({"told": rng.normal(size=199) + (y == "b")})
    problem, _ = make_problem(X, y, groups=rng.integers(0, 25, 199), cv=3, repeats=1)
    assert problem.rarest == "b"
    fewer_a = [(y[test] == "a").mean() < 0.5 for _, test in problem.splits]
    assert any(fewer_a)
    record, arrays = judged(problem, ROWS["as they are"], ("raw",), fold=fewer_a.index(True))
    known = {"classes": ["a", "b"], "target": [0.5, 0.5], "positive": "b"}
    expected = average_precision(y[arrays["test"]], arrays["probabilities"][0], **known)
    assert record["scores"][0]["average_precision"] == pytest.approx(expected, abs=1e-6)


def test_intervals_take_the_sizes_that_the_folds_have():
    "A group of 120 among 240 rows: ratios of test to training rows 120/120 and four times 30/210."
    X, y = rows()
    groups = np.where(np.arange(240) % 2 == 0, 0, np.arange(240) + 1)
    found = compare(X, y, rows="none", ending="prior", groups=groups, models=GaussianNB(), repeats=1)
    sizes = found.settings["test_share"]
    npt.assert_allclose(sizes / (1 - sizes), (1 + 4 * 30 / 210) / 5, rtol=0.02)
    losses = found.scores.pivot_table(index="fold", columns="strategy", values="log_loss")
    expected = corrected_t_interval(losses["as they are+prior"] - losses["as they are"], test_share=sizes)
    row = table_of(found).loc["as they are+prior", ["ci_low", "ci_high"]]
    npt.assert_allclose(row.astype(float), expected)


# Scores


def test_costs_are_those_of_the_least_expected_cost():
    "The same as from the probabilities that were kept; classes may be named as text."
    X, y = rows()
    y = (y == "rare").astype(int)
    costs = {("1", "0"): 20, ("0", "1"): 1}
    problem, _ = make_problem(X, y, cv=3, repeats=1)
    scoring = choose_scoring(costs=costs, classes=problem.classes)
    record, arrays = judged(problem, ROWS["as they are"], ("prior",), scoring=scoring)
    expected = expected_cost(
        y[arrays["test"]], arrays["probabilities"][0], [[0, 1], [20, 0]], classes=[0, 1], target=[0.5, 0.5]
    )
    assert record["scores"][0]["cost"] == pytest.approx(expected)
    found = compare(X, y, costs=costs, rows="none", **SMALL)
    assert any("costs least" in sentence for sentence in found.findings)
    with pytest.raises(ValueError, match="no pair"):
        compare(X, y, costs={(1, 2): 1}, **SMALL)


def test_recall_is_at_a_threshold_that_training_rows_set():
    "By hand, from held-out predictions of the job's own training rows."
    X, y = rows(n=600)
    problem, _ = make_problem(X, y, cv=3, repeats=1)
    train, test = problem.splits[0]
    record, arrays = judged(problem, ROWS["as they are"], ("raw",), scoring=Scoring(rates=(0.1,), scorers={}))
    p = arrays["probabilities"][0][:, 1]
    copies = GaussianNB()
    inner = np.empty(len(train))
    for fold in range(5):
        out = np.arange(len(train)) % 5 == fold
        inner[out] = copies.fit(X.iloc[train][~out], y[train][~out]).predict_proba(X.iloc[train][out])[:, 1]
    threshold = threshold_at(inner, y[train] == "rare", 0.1)
    rare = y[test] == "rare"
    (row,) = record["scores"]
    assert row["recall@0.1"] == pytest.approx((p[rare] > threshold).mean(), abs=0.08)
    assert row["false_alarms@0.1"] == pytest.approx((p[~rare] > threshold).mean(), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["raw", "prior", "calibrated"])
@pytest.mark.parametrize("name", ["as they are", "under-sample", "bagged-under"])
def test_stated_false_alarms_hold_after_every_ending(name, ending):
    "A tenth was asked for; 900 common test rows see it within three hundredths."
    X, y = rows(n=3000, share=0.1)
    found = compare(
        X, y, rows=name, ending=ending, scoring="recall@0.1", models=GaussianNB(), cv=3, repeats=1
    )
    label = name if ending == "raw" else f"{name}+{ending}"
    assert table_of(found).loc[label, "false_alarms@0.1"] == pytest.approx(0.1, abs=0.03)


def test_scorers_of_scikit_learn_are_weighted_to_the_target():
    "At a balanced target accuracy is the mean of both recalls; a function scores as it is called."
    X, y = rows()
    found = compare(
        X, y, rows="none", ending="raw", scoring={"acc": "accuracy", "n": lambda model, X, y: len(y)}, **SMALL
    )
    scores = found.scores
    npt.assert_allclose(scores["acc"], (scores["recall_common"] + scores["recall_rare"]) / 2)
    assert scores["n"].tolist() == [80, 80, 80]
    with pytest.raises(ValueError, match="Did you mean balanced_accuracy"):
        compare(X, y, scoring="balanced_acuracy", **SMALL)
    with pytest.raises(ValueError, match="Scoring 'neg_mean_squared_error' cannot be computed"):
        compare(X, y, rows="none", scoring="neg_mean_squared_error", **SMALL)
    with pytest.raises(ValueError, match="between 0 and 1"):
        compare(X, y, scoring="recall@5", **SMALL)


# Anybody's rows and classifiers


@pytest.mark.long
def test_three_classes_with_gaps_and_categories():
    "SMOTE sees imputed rows and whole categories; both are said; probabilities of all stand up."
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], [180, 40, 20])
    X = pd.DataFrame({"size": rng.normal(size=240) + (y == "c"), "place": rng.choice(["x", "y"], 240)})
    X.loc[::7, "size"] = np.nan
    found = compare(
        X, y, models=["logistic", "lightgbm"], rows="smote", target={"a": 0.5, "b": 0.3, "c": 0.2}, **FOLDS
    )
    said = " ".join(found.notes)
    assert "missing" in said
    assert "SMOTENC" in said
    assert {"recall_a", "recall_b", "recall_c"} <= set(found.table.columns)
    assert found.settings["rarest"] == "c"
    assert set(found.table["model"]) == {"logistic", "lightgbm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=3),
        LGBMClassifier(n_estimators=5, verbose=-1),
    ],
)
@pytest.mark.parametrize("kind", ["frame", "array", "sparse"])
def test_classifiers_of_the_user_see_the_rows_as_given(model, kind):
    "Each of them compares, and gives a fitted classifier that predicts for the same kind of rows."
    X, y = rows()
    if kind != "frame":
        X = X.to_numpy() if kind == "array" else csr_matrix(np.abs(X.to_numpy()))
    if kind == "sparse" and hasattr(model, "steps"):
        model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    found = compare(X, y, models=model, rows=["none", "under-sample"], ending=["raw", "prior"], **FOLDS)
    assert len(found.table) == 4
    fitted = found.fit(X, y)
    assert fitted.predict_proba(X).shape == (240, 2)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([False, True]), [False, True]),
        (np.array([3, 7]), [3, 7]),
        (np.array(["9", "10"]), ["10", "9"]),
        (np.array([1.0, 2.0]), [1, 2]),
        (pd.array(["u", "v"], dtype="category"), ["u", "v"]),
        (pd.array([True, False], dtype="boolean"), [False, True]),
    ],
)
def test_labels_of_any_kind(labels, classes):
    "The fitted classifier predicts them as they were given (floats as whole numbers)."
    X, y = rows()
    y = labels[(y == "rare").astype(int)]
    found = compare(X, y, rows="none", ending="prior", **SMALL)
    fitted = found.fit(X, y)
    assert fitted.classes_.tolist() == classes
    assert set(fitted.predict(X).tolist()) == set(classes)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (LinearSVC(), "Model 'LinearSVC' has no predict_proba"),
        (Ridge(), "Model 'Ridge' is no classifier"),
        (GaussianNB, "Model 'GaussianNB' is no scikit-learn classifier; give an instance"),
        ("ligthgbm", "Did you mean lightgbm"),
        ([], "No model is named"),
        ({"a": 3}, "Model 'a' is no scikit-learn classifier"),
    ],
)
def test_what_gives_no_probabilities_is_refused(models, words):
    "In a line, before anything is fitted."
    X, y = rows()
    with pytest.raises(ValueError, match=words) as refused:
        compare(X, y, models=models)
    assert "\n" not in str(refused.value)


def test_a_model_that_the_rows_do_not_allow_is_left_out_in_one_line():
    "Naive Bayes takes no gaps, LightGBM does."
    X, y = rows()
    X.iloc[::5, 1] = np.nan
    found = compare(X, y, models=[GaussianNB(), "lightgbm"], rows=["none", "weights"], **FOLDS)
    assert set(found.table["model"]) == {"lightgbm"}
    (note,) = [note for note in found.notes if "left out" in note]
    assert note.startswith("GaussianNB was left out: Input X contains NaN.")
    with pytest.raises(ValueError, match="^as they are with GaussianNB: Input X contains NaN") as refused:
        compare(X, y, rows="none", **SMALL)
    assert "\n" not in str(refused.value)


def test_columns_may_be_called_by_words_and_numbers():
    "A frame with an array beside it."
    X, y = rows()
    found = compare(X.rename(columns={"noise": 0}), y, models="logistic", rows="smote", ending="raw", **FOLDS)
    assert len(found.table) == 2


# The winner


@pytest.mark.slow
def test_the_winner_predicts_for_the_target_and_reads_rows_as_it_learned():
    "Days, words and flags of new rows; three rows alone, in another order of columns."
    rng = np.random.default_rng(0)
    X, y = rows(n=600)
    X["place"] = np.where(rng.random(600) < 0.3, "town", "land")
    X["day"] = pd.date_range("2020-01-01", periods=600)[rng.permutation(600)].astype(str)
    found = compare(X, y, models="logistic", rows=["none", "smote"], target=[0.5, 0.5], **FOLDS)
    fitted = found.fit(X, y)
    whole = fitted.predict_proba(X)
    npt.assert_allclose(fitted.predict_proba(X.iloc[[5, 599]][X.columns[::-1]]), whole[[5, 599]])
    assert whole[:, 1].mean() > 0.25


@pytest.mark.slow
def test_every_row_of_the_table_can_be_fitted_by_name():
    "Corrected to 9:1 the mean probability of the rare class is lower than to 1:9; unknown names are told."
    X, y = rows()
    found = compare(X, y, rows=["none", "under-sample"], ending="all", target=[0.9, 0.1], **SMALL)
    for name in found.table["strategy"]:
        fitted = found.fit(X, y, strategy=name, model="GaussianNB")
        npt.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
    assert hasattr(found.fit(X, y, strategy="as they are+em"), "adapt")
    with pytest.raises(ValueError, match="no strategy 'smote'"):
        found.fit(X, y, strategy="smote")
    with pytest.raises(ValueError, match="hold the classes"):
        found.fit(X, np.where(y == "rare", "seldom", "common"))


def test_the_winner_predicts_what_costs_least():
    "A miss at twenty false alarms: more alarms than at equal costs, from the same probabilities."
    X, y = rows()
    costs = {("rare", "common"): 20, ("common", "rare"): 1}
    plain, dear = (
        compare(X, y, rows="none", ending="prior", costs=one, **SMALL).fit(X, y) for one in (None, costs)
    )
    npt.assert_allclose(plain.predict_proba(X), dear.predict_proba(X))
    assert (dear.predict(X) == "rare").sum() > (plain.predict(X) == "rare").sum()
    npt.assert_array_equal(dear.predict(X) == "rare", dear.predict_proba(X)[:, 1] > 1 / 21)


# An interrupted comparison


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on_and_ends_the_same(tmp_path):
    "Stopped after two of six pieces, then run again: four are left, and the figures are those of one run."
    X, y = rows()
    options = SMALL | {"rows": ["none", "smote"]}

    def stop(done, total, text):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(X, y, out=tmp_path / "out", advance=stop, **options)
    steps = []
    again = compare(X, y, out=tmp_path / "out", advance=lambda *step: steps.append(step[:2]), **options)
    assert steps == [(2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]
    whole = compare(X, y, **options)
    pd.testing.assert_frame_equal(again.scores[FIGURES], whole.scores[FIGURES])


def test_a_damaged_piece_is_done_again(tmp_path):
    "As after a full disk."
    X, y = rows()
    first = compare(X, y, rows="none", out=tmp_path, **SMALL)
    path = next((tmp_path / "parts").glob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    steps = []
    again = compare(X, y, rows="none", out=tmp_path, advance=lambda *s: steps.append(s[0]), **SMALL)
    assert steps == [2, 3]
    pd.testing.assert_frame_equal(first.scores[FIGURES], again.scores[FIGURES])


@pytest.mark.parametrize(
    "change",
    [
        {"rows": {"mine": RandomUnderSampler(sampling_strategy=0.5)}},
        {"ending": "calibrated"},
        {"models": {"GaussianNB": GaussianNB(var_smoothing=0.1)}},
        {"scoring": "accuracy"},
    ],
)
def test_what_was_changed_is_not_taken_for_the_old(tmp_path, change):
    "The name is the same, the sampler, ending, model or score another: its pieces are done anew."
    X, y = rows()
    options = {"rows": {"mine": RandomUnderSampler()}, "ending": "raw", **SMALL}
    compare(X, y, out=tmp_path, **options)
    steps = []
    compare(X, y, out=tmp_path, advance=lambda *step: steps.append(step[:2]), **(options | change))
    assert steps[0][0] < 6
    steps.clear()
    compare(X, y, out=tmp_path, advance=lambda *step: steps.append(step[:2]), **(options | change))
    assert steps[0] == (6, 6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seed": 1}, "seed"),
        ({"cv": 2}, "folds"),
        ({"repeats": 2}, "repeats"),
        ({"target": "training"}, "target_prior"),
    ],
)
def test_a_folder_of_another_comparison_is_refused(tmp_path, change, word):
    "What is other is named, and nothing else."
    X, y = rows()
    compare(X, y, rows="none", ending="raw", out=tmp_path, **SMALL)
    with pytest.raises(ValueError, match=f"comparison with other {word}; choose"):
        compare(X, y, rows="none", ending="raw", out=tmp_path, **(SMALL | change))


def test_a_folder_with_other_rows_or_other_things_is_refused(tmp_path):
    "One value changed; other groups; a folder that holds something else."
    X, y = rows()
    options = SMALL | {"rows": "none", "ending": "raw"}
    compare(X, y, out=tmp_path / "out", **options)
    X.iloc[5, 0] += 1
    with pytest.raises(ValueError, match="other data"):
        compare(X, y, out=tmp_path / "out", **options)
    compare(X, y, groups=np.arange(240) // 2, out=tmp_path / "g", **options)
    with pytest.raises(ValueError, match="with other data"):
        compare(X, y, groups=(np.arange(240) + 1) // 2 % 120, out=tmp_path / "g", **options)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("Dear")
    with pytest.raises(FileExistsError, match="holds no comparison"):
        compare(X, y, out=tmp_path / "letters", **options)
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["letter.txt"]


def test_what_another_run_cannot_know_again_is_said(tmp_path):
    "A function without a name; it is fitted anew, and nothing old is taken for it."
    X, y = rows()
    steps = []
    for n in (50, 60):
        cut = RandomUnderSampler(sampling_strategy=lambda labels, n=n: {"common": n})
        found = compare(
            X,
            y,
            rows={"cut": cut},
            ending="raw",
            out=tmp_path,
            advance=lambda *s: steps.append(s[0]),
            **SMALL,
        )
        priors = found.scores[found.scores["strategy"] == "cut"]["prior_rare"]
        npt.assert_allclose(priors, 24 / (24 + n))
    assert steps.count(3) >= 1
    assert any("'cut' holds what only this run knows" in note for note in found.notes)


def test_predictions_are_kept_as_float32_and_nothing_is_pickled(tmp_path):
    "A piece is read without executing anything; its record is JSON."
    X, y = rows()
    compare(X, y, rows="none", ending="prior", out=tmp_path, **SMALL)
    for _, test, probabilities in pieces(tmp_path):
        assert probabilities.dtype == np.float32
        assert probabilities.shape == (2, len(test), 2)
        npt.assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-6)
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["rows"] == 240


# What the rows do not allow


def test_a_rare_class_in_as_many_groups_as_folds_is_calibrated():
    "Five groups, of which each outer fold leaves four: four inner folds."
    X, y = rows()
    groups = np.arange(len(y)) + 5
    groups[y == "rare"] = np.arange((y == "rare").sum()) % 5
    found = compare(X, y, models=GaussianNB(), rows="none", ending="calibrated", groups=groups, repeats=1)
    assert len(found.scores) == 10


def test_an_ending_that_the_rows_do_not_allow_is_named():
    "Two groups of the rare class; an outer fold leaves one, too few to calibrate on."
    X, y = rows()
    groups = np.where(y == "rare", np.arange(len(y)) % 2, np.arange(len(y)) + 2)
    with pytest.raises(ValueError, match=r"as they are\+calibrated with GaussianNB: .* two groups"):
        compare(X, y, rows="none", ending="calibrated", groups=groups, models=GaussianNB(), cv=2, repeats=1)


def test_what_cannot_be_fitted_is_named():
    "Twice as many rare rows as common ones cannot be had by dropping rare rows."
    X, y = rows()
    impossible = {"impossible": RandomUnderSampler(sampling_strategy={"rare": 500})}
    with pytest.raises(ValueError, match="^impossible with GaussianNB: "):
        compare(X, y, rows=impossible, ending="raw", **SMALL)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a"] * 60, "one class only"),
        (["a"] * 57 + ["b"] * 3, "Class b has 3 rows, fewer than the 5 folds"),
        (np.linspace(0, 1, 60), "continuous"),
        (["a"] * 30 + ["b"] * 29, "60 rows of features, but 59 labels"),
        (["a"] * 30 + ["b"] * 29 + [None], "1 of 60 rows have no value"),
    ],
)
def test_labels_that_cannot_be_compared_on_are_refused(y, words):
    "In a line, before anything is fitted."
    with pytest.raises(ValueError, match=words):
        compare(np.random.default_rng(0).normal(size=(60, 2)), y)


def test_a_treatment_that_the_rows_do_not_allow_is_left_out_and_said():
    "Of two rare rows each fold trains on one: SMOTE has no neighbour, under-sampling goes on."
    X, y = rows(n=40, share=0.05)
    found = compare(
        X, y, models="lightgbm", rows=["smote", "under-sample"], ending=["raw", "prior"], cv=2, repeats=1
    )
    assert set(found.table["strategy"]) == {"under-sample", "as they are"}
    assert any("smote (raw, prior) with lightgbm was left out: SMOTE draws between" in n for n in found.notes)
    assert any(note.startswith("under-sample (prior) with lightgbm was left out") for note in found.notes)
    assert any("grows its usual number of trees" in note for note in found.notes)


def test_a_treatment_that_one_fold_does_not_allow_is_left_out_of_all():
    "The sampler fails on the training rows of two of three folds; pairs need all of them."
    X, y = rows()

    class Fussy(RandomUnderSampler):
        def fit_resample(self, X, y, **params):
            if X["told"].iloc[0] == first:
                raise ValueError("not these rows")
            return super().fit_resample(X, y, **params)

    first = X["told"].iloc[0]
    found = compare(X, y, rows=["none", Fussy()], ending=["raw", "prior"], **SMALL)
    assert set(found.scores["strategy"]) == {"as they are", "as they are+prior"}
    assert any("Fussy (raw, prior) with GaussianNB was left out: not these" in note for note in found.notes)
    assert any("(2 of 3 folds)" in note for note in found.notes)


def test_equal_treatments_are_called_so():
    "At a balanced target the weights of both rules are the same."
    X, y = rows()
    both = ["weights", "weights-target"]
    balanced = compare(X, y, rows=both, ending="raw", **SMALL)
    assert table_of(balanced)["log_loss"][both].nunique() == 1
    assert any("weights and weights-target are the same" in note for note in balanced.notes)
    other = compare(X, y, rows=both, ending="raw", target=[0.7, 0.3], **SMALL)
    assert not any("are the same" in note for note in other.notes)


def test_em_does_not_see_the_labels():
    "Where nothing can be learned the estimates scatter, far from the target's nine tenths in the mean."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), np.repeat(["common", "rare"], [360, 40])
    found = compare(X, y, rows="none", ending="em", target={"common": 0.1, "rare": 0.9}, **SMALL)
    estimated = found.scores.loc[found.scores["ending"] == "em", "prior_rare"]
    assert estimated.mean() < 0.7


def test_a_number_behind_a_name_reaches_the_rows():
    "204 common and 36 rare rows, two thirds in training: cut to 2:1, or half of the common ones dropped."
    X, y = rows()
    found = compare(X, y, rows=["under-sample:2", "drop-majority:1/2"], ending="raw", **SMALL)
    assert set(found.table["strategy"]) == {"as they are", "under-sample:2", "drop-majority:1/2"}
    priors = found.scores.groupby("strategy")["prior_rare"].mean()
    assert priors["under-sample:2"] == pytest.approx(1 / 3)
    assert priors["drop-majority:1/2"] == pytest.approx(24 / (24 + 68))


def test_samplers_in_a_list_within_the_list_are_applied_in_turn():
    "SMOTE alone makes 136 rare rows of 24, both classes cut to 24 afterwards: one to one in both."
    X, y = rows()
    found = compare(X, y, rows=[[SMOTE(), RandomUnderSampler()], SMOTE()], ending="raw", **SMALL)
    assert set(found.table["strategy"]) == {"as they are", "SMOTE, RandomUnderSampler", "SMOTE"}


def test_false_alarms_are_weighted_to_the_target():
    "Alarms at all of b, a fifth of the target, and at none of a, three fifths: a quarter of what is not c."
    y = np.repeat(["a", "b", "c"], [40, 40, 10])
    X = np.random.default_rng(0).normal(size=(90, 1))
    problem, _ = make_problem(X, y, target={"a": 0.6, "b": 0.2, "c": 0.2}, cv=3, repeats=1)
    told = np.repeat([[0.8, 0.1, 0.1], [0.1, 0.4, 0.5], [0.1, 0.1, 0.8]], [40, 40, 10], axis=0)
    outcome = SimpleNamespace(probabilities=told, held_out=told)
    scores = Scoring(rates=(0.3,), scorers={}).scores(problem, X, y, outcome, y)
    assert scores["recall@0.3"] == 1
    assert scores["false_alarms@0.3"] == pytest.approx(0.25)


def test_folds_of_the_user_that_are_dealt_twice_count_every_row_once():
    "240 rows are tested twice; the reliability diagram has 240 of each class's predictions."
    X, y = rows()
    found = compare(X, y, models=GaussianNB(), rows="none", ending="raw", cv=RepeatedStratifiedKFold(
        n_splits=3, n_repeats=2, random_state=0))  # fmt: skip
    assert found.reliability.groupby("class")["rows"].sum().tolist() == [240, 240]


def test_a_winner_with_costs_and_groups_is_fitted_where_metadata_is_routed():
    "Groups reach the folds inside; the model predicts both classes."
    X, y = rows()
    costs = {("rare", "common"): 1, ("common", "rare"): 1}
    found = compare(X, y, rows="none", ending="calibrated", costs=costs, **SMALL)
    with config_context(enable_metadata_routing=True):
        model = found.fit(X, y, groups=np.arange(len(y)) // 2, strategy="as they are+calibrated")
    assert set(model.predict(X)) == {"common", "rare"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": None}, "seed must be a whole number"),
        ({"repeats": 1.5}, "repeats must be a whole number"),
        ({"n_jobs": 0}, "n_jobs must not be 0"),
        ({"cv": 2.5}, "cv must be"),
    ],
)
def test_options_that_make_no_sense_are_a_sentence(wrong, words):
    "It names the option."
    X, y = rows()
    with pytest.raises(ValueError, match=words):
        compare(X, y, **{**SMALL, **wrong})


def test_no_number_of_processes_is_one_and_two_targets_are_refused():
    "As in scikit-learn, None is one process."
    X, y = rows()
    assert len(compare(X, y, rows="none", ending="raw", n_jobs=None, **SMALL).table) == 1
    with pytest.raises(ValueError, match="must be one column"):
        compare(X, np.column_stack([y, y]), **SMALL)


def test_a_column_that_tells_the_class_is_noted_in_python_too():
    "What was filled in after the class was known."
    X, y = rows()
    found = compare(X.assign(paid=np.where(y == "rare", "late", "ok")), y, models="logistic", rows="none",
                    ending="raw", **FOLDS)  # fmt: skip
    assert [note.split()[0] for note in found.notes if "alone tells the class" in note] == ["paid"]


@pytest.mark.parametrize("names", [[0.0, 1.0], [" no", " yes"], [False, True], [7, 9]])
def test_classes_stay_as_they_are(names):
    "Floats stay floats, blanks stay; the fitted model predicts what was given."
    X, y = rows()
    y = np.array(names)[(y == "rare").astype(int)]
    shares = dict(zip(names, (0.25, 0.75), strict=True))
    found = compare(X, y, rows="none", ending="prior", target=shares, **SMALL)
    model = found.fit(X, y)
    assert model.classes_.tolist() == names and model.classes_.dtype == y.dtype
    assert list(found.settings["target_prior"].values()) == [0.25, 0.75]


def test_classes_that_are_floats_may_be_called_by_whole_numbers():
    "0=.25 is the share of 0.0."
    X, y = rows()
    found = compare(X, 1.0 * (y == "rare"), rows="none", ending="prior", target="0=.25,1=.75", **SMALL)
    assert found.settings["target_prior"] == {"0.0": 0.25, "1.0": 0.75}


def test_the_winner_learns_from_the_days_that_were_compared():
    "Days in a row are no numbers of the rows, neither in the comparison nor in the fit of its winner."
    X, y = rows()
    X, *_ = features(X.assign(when=pd.date_range("2020-01-01", periods=len(y)).astype("str")))
    found = compare(X, y, models="logistic", rows="none", ending="raw", **FOLDS)
    assert found.fit(X, y)[-1].n_features_in_ == X.shape[1] == found.settings["features"]


# Inputs as people have them


def test_the_figures_are_those_of_a_plain_loop():
    "Fit, correct by Bayes, weight the loss to the target: three folds by hand give the same mean."
    X, y = rows()
    found = compare(X, y, target={"rare": 0.3, "common": 0.7}, rows="none", ending="prior", **COUNTED)
    losses = {"as they are": [], "as they are+prior": []}
    for train, test in make_problem(X, y, cv=3, repeats=1)[0].splits:
        p = LogisticRegression().fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])
        trained, tested = (
            np.array([np.mean(y[rows] != "rare"), np.mean(y[rows] == "rare")]) for rows in (train, test)
        )
        odds = p * [0.7, 0.3] / trained
        rare = (y[test] == "rare").astype(int)
        weights = (np.array([0.7, 0.3]) / tested)[rare]
        for name, q in zip(losses, (p, odds / odds.sum(axis=1, keepdims=True)), strict=True):
            losses[name].append(np.average(-np.log(q[np.arange(len(q)), rare]), weights=weights))
    for name, own in losses.items():
        npt.assert_allclose(table_of(found).loc[name, "log_loss"], np.mean(own))


def test_a_frozen_model_is_compared_as_it_is():
    "Every fold has the probabilities of the model that was fitted elsewhere; that nobody can check is said."
    X, y = rows()
    elsewhere = FrozenEstimator(LogisticRegression().fit(*rows(seed=1)))
    found = compare(X, y, **SMALL | {"models": elsewhere}, rows="none", ending="raw", target="training")
    losses = -np.log(elsewhere.predict_proba(X)[np.arange(len(y)), (y == "rare").astype(int)])
    npt.assert_allclose(found.table["log_loss"], losses.mean())
    assert "FrozenEstimator was fitted before" in " ".join(found.notes)


def test_a_table_of_arrow_is_read_by_its_names():
    "As a frame of pandas, in the comparison and in the model that is fitted after it."
    X, y = rows()
    table = pa.Table.from_pandas(X)
    options = {"models": "logistic", "rows": "none", "ending": "raw"} | FOLDS
    found, same = (compare(one, y, **options) for one in (table, X))
    pd.testing.assert_frame_equal(found.table.drop(columns="seconds"), same.table.drop(columns="seconds"))
    model = found.fit(table, y)
    npt.assert_array_equal(model.predict_proba(table), model.predict_proba(X))


def test_a_fitted_model_by_name_warns_where_it_extrapolates():
    "As the command line says it: of rows mostly outside the range of training, and of words among numbers."
    X, y = rows()
    model = compare(X, y, models="logistic", rows="none", ending="raw", **FOLDS).fit(X, y)
    with pytest.warns(UserWarning, match="extrapolates.*told"):
        model.predict_proba(X + [100, 0])
    with pytest.warns(UserWarning, match="Taken for missing: 240 cells of noise"):
        model.predict_proba(X.assign(noise="loud"))


def test_halves_are_classes_as_text():
    "scikit-learn takes 0.5 for a measurement; here it names a class, as in a file."
    X, y = rows()
    found = compare(X, np.where(y == "rare", 1.5, 0.5), rows="none", ending="raw", **SMALL)
    assert found.settings["classes"] == ["0.5", "1.5"]


def test_scores_of_a_positive_class_are_of_the_rarest():
    "F1 of labels that are no 0 and 1; of 0 and 1 it is scikit-learn's own, of the 1."
    X, y = rows()
    options = {"rows": "none", "ending": "raw", "scoring": "f1"} | COUNTED
    texts, numbers = (compare(X, one, **options) for one in (y, (y == "rare").astype(int)))
    npt.assert_allclose(texts.table["f1"], numbers.table["f1"])
    own = {"f1": make_scorer(f1_score, pos_label="rare")}
    npt.assert_allclose(compare(X, y, **options | {"scoring": own}).table["f1"], texts.table["f1"])
    listed = {"f1": make_scorer(f1_score, labels=["rare"], average="micro")}
    with pytest.raises(ValueError, match="Scoring 'f1' cannot be computed here"):
        compare(X, y, **options | {"scoring": listed})


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(40), "rows and columns"),
        (np.zeros((40, 0)), "rows and columns"),
        (pd.DataFrame(np.zeros((40, 2)), columns=["a", "a"]), "Two columns are called 'a'"),
    ],
)
def test_what_is_no_table_is_refused(X, message):
    "One dimension, no column, one name twice."
    with pytest.raises(ValueError, match=message):
        compare(X, ["a", "b"] * 20, **SMALL)


def test_cells_of_lists_and_imaginary_numbers_are_left_out():
    "A model by name cannot learn from them; the rest is compared."
    X, y = rows()
    X = X.assign(lists=[[1, 2]] * len(X), imaginary=1j)
    X[3] = X["lists"]
    found = compare(X, y, models="logistic", rows="none", ending="raw", **FOLDS)
    left = ", ".join(f"{name} (neither numbers nor words)" for name in ("lists", "imaginary", 3))
    assert f"Left out: {left}." in found.notes

"""What is done to the rows, the endings that share a fit, and the models by name."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from joblib import Parallel, delayed
from scipy.sparse import csr_matrix
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imbalance.comparison.fits import deployment_rows, fit_endings
from imbalance.comparison.models import (
    TREES,
    BoostedClassifier,
    choose_models,
    logistic,
    seeded,
    with_trees,
)
from imbalance.comparison.runner import mark
from imbalance.comparison.strategies import (
    ENDINGS,
    ROWS,
    Strategy,
    choose_endings,
    choose_rows,
    find_rows,
)
from imbalance.estimators import PriorCorrectedClassifier
from imbalance.metrics import class_shares, weighted_log_loss

PUBLISHED = {"normal": 31208, "post": 1149, "pre": 420}
HALVES = np.array([0.5, 0.5])


def rows(counts, seed=0):
    """Classes around (0, 0), (2, 2) and (4, 4), so many rows of each."""
    y = np.repeat(list(counts), list(counts.values()))
    middle = 2.0 * np.repeat(np.arange(len(counts)), list(counts.values()))
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(len(y), 2)) + middle[:, None]), y


def effective(name, counts):
    """Prior that a classifier sees after what is done to the rows."""
    X, y = rows(counts)
    target = np.full(len(counts), 1 / len(counts))
    model = find_rows(name).classifier(GaussianNB(), ending="raw", target=target)
    return model.fit(X, y).effective_prior_


# What is done to the rows


def test_the_published_priors():
    "Drop 5/6: .768 / .170 / .062; SMOTE and under-sampling: .499 / .367 / .134, as far as known."
    few = {name: n // 4 for name, n in PUBLISHED.items()}
    npt.assert_allclose(effective("drop-majority", few), [0.768, 0.170, 0.062], atol=0.001)
    npt.assert_allclose(effective("smote-under", few), [0.499, 0.367, 0.134], atol=0.002)
    npt.assert_allclose(effective("none", few), [0.952, 0.035, 0.013], atol=0.001)


@pytest.mark.parametrize("name", ["under-sample", "smote", "weights", "bagged-under", "weights-target"])
def test_treatments_that_balance(name):
    "Each class counts a third; the target was balanced, so target weights balance, too."
    npt.assert_allclose(effective(name, {"normal": 90, "post": 30, "pre": 12}), [1 / 3] * 3)


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("drop-majority:.5", [60, 30, 6]),
        ("drop-majority:5/6", [20, 30, 6]),
        ("under-sample:2", [12, 12, 6]),
        ("bagged-under:2", [12, 12, 6]),
        ("smote:.5", [120, 60, 60]),
        ("smote-under:2", [72, 60, 12]),
    ],
)
def test_a_number_behind_the_name(name, shares):
    "Of 120, 30 and 6 rows so many are left, or made; the name stays as it was asked for."
    npt.assert_allclose(
        effective(name, {"normal": 120, "post": 30, "pre": 6}), np.array(shares) / sum(shares)
    )
    assert find_rows(name).name == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("weights:2", "'weights' takes no number"),
        ("as they are:.5", "takes no number"),
        ("drop-majority:1", "above 0 and below 1"),
        ("drop-majority:1/0", "'1/0' is not"),
        ("under-sample:.5", "1 or more"),
        ("smote:1.5", "at most 1"),
        ("under-sample:two", "'two' is not"),
        ("under-sample:nan", "'nan' is not"),
        ("under-sample:", "'' is not"),
        ("under-smaple:2", "Nothing called 'under-smaple:2' is done to rows. Did you mean under-sample"),
        ("none+prior", "Nothing called"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused(name, words):
    "In a line that says what is wanted."
    with pytest.raises(ValueError, match=words) as refused:
        find_rows(name)
    assert "\n" not in str(refused.value)


def test_rows_may_be_names_samplers_strategies_or_a_mapping():
    "A list is alternatives, a list within it is samplers in turn; a mapping gives names."
    mine = Strategy("mine", sampler=RandomOverSampler())
    chosen = choose_rows(["none", SMOTE(), [SMOTE(), RandomUnderSampler()], mine])
    assert [one.name for one in chosen] == ["as they are", "SMOTE", "SMOTE, RandomUnderSampler", "mine"]
    assert [one.name for one in choose_rows({"a": SMOTE(), "b": "weights"})] == ["a", "b"]
    assert [one.name for one in choose_rows("all")] == list(ROWS)
    assert choose_endings(["em", "raw"]) == ["raw", "em"]
    assert choose_endings("all") == list(ENDINGS)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([SMOTE(), SMOTE(k_neighbors=2)], "Two things done to the rows are called 'SMOTE'"),
        (LogisticRegression(), "neither a name nor a sampler"),
        (SMOTE, "neither a name nor a sampler"),
        ([], "Nothing is to be done"),
        (Strategy("as they are", weights="balanced"), "what all others are compared with"),
    ],
)
def test_rows_that_make_no_sense_are_refused(rows, words):
    "Before anything is fitted."
    with pytest.raises(ValueError, match=words):
        choose_rows(rows)


def test_an_unknown_ending_is_refused():
    "With the name that was meant."
    with pytest.raises(ValueError, match="Did you mean calibrated"):
        choose_endings("calibratd")
    with pytest.raises(ValueError, match="No ending"):
        choose_endings([])


def test_a_mark_is_the_same_in_another_process_and_changes_with_a_parameter():
    "By type and parameters; what only this process knows has none."
    values = [
        SMOTE(),
        Strategy("a", sampler=SMOTE(k_neighbors=2)),
        LogisticRegression(C=2),
        BoostedClassifier(),
    ]
    assert Parallel(n_jobs=2)(delayed(mark)(value) for value in values) == [mark(value) for value in values]
    assert len({mark(value) for value in values}) == 4
    assert mark(SMOTE(sampling_strategy=lambda y: {"a": 5})) is None


# Endings


@pytest.mark.slow
@pytest.mark.parametrize("name", ["as they are", "under-sample", "bagged-under", "weights"])
def test_a_shared_fit_predicts_what_each_ending_predicts_alone(name):
    "The same probabilities, fitted once or each by itself."
    X, y = rows({"a": 150, "b": 50})
    new, _ = rows({"a": 100, "b": 100}, seed=1)
    outcomes, *_ = fit_endings(
        ROWS[name], GaussianNB(), list(ENDINGS), X, y, new, target=np.array([0.3, 0.7])
    )
    for ending in ENDINGS:
        alone = ROWS[name].classifier(GaussianNB(), ending=ending, target=[0.3, 0.7]).fit(X, y)
        if ending == "em":
            npt.assert_allclose(outcomes[ending].prior, HALVES, atol=0.1)
            continue
        npt.assert_allclose(outcomes[ending].probabilities, alone.predict_proba(new), atol=1e-9)


@pytest.mark.parametrize("name", ["as they are", "weights"])
@pytest.mark.parametrize(
    "model", [GradientBoostingClassifier(n_estimators=10, random_state=0), GaussianNB(), LogisticRegression()]
)
def test_a_corrected_prior_is_that_of_the_classifier_by_itself(name, model):
    "Compared, fitted as the winner, or made by hand: estimated for boosted trees, naive Bayes and weights."
    X, y = rows({"a": 150, "b": 50})
    new, _ = rows({"a": 100, "b": 100}, seed=1)
    target = np.array([0.3, 0.7])
    shared = fit_endings(ROWS[name], model, ["raw", "prior"], X, y, new, target=target)[0]["prior"]
    winner = ROWS[name].classifier(model, ending="prior", target=target).fit(X, y)
    alone = PriorCorrectedClassifier(
        model, target_prior=target, weights=ROWS[name].weights, random_state=0
    ).fit(X, y)
    npt.assert_allclose(shared.probabilities, alone.predict_proba(new), atol=1e-9)
    npt.assert_allclose(winner.predict_proba(new), alone.predict_proba(new), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smote-under", "bagged-under"])
def test_any_number_of_jobs_gives_the_same_result(name):
    "Bit by bit, in this process or in two others."
    X, y = rows({"a": 120, "b": 30})

    def predict(seed):
        outcomes, *_ = fit_endings(
            ROWS[name], BoostedClassifier(), ["calibrated"], X, y, X, target=HALVES, seed=seed
        )
        return outcomes["calibrated"].probabilities

    alone = [predict(seed) for seed in range(2)]
    npt.assert_array_equal(Parallel(n_jobs=2)(delayed(predict)(seed) for seed in range(2)), alone)


def test_held_out_probabilities_are_those_of_rows_that_were_not_seen():
    "A nearest neighbour knows its own rows by heart; held out it errs on a fifth of them."
    from sklearn.neighbors import KNeighborsClassifier

    X, y = rows({"a": 150, "b": 50})
    outcomes, *_ = fit_endings(
        ROWS["as they are"], KNeighborsClassifier(1), ["raw"], X, y, X, target=HALVES, held_out=True
    )
    right = y == np.array(["a", "b"])[outcomes["raw"].probabilities.argmax(axis=1)]
    held_out = y == np.array(["a", "b"])[outcomes["raw"].held_out.argmax(axis=1)]
    assert right.all()
    assert held_out.mean() < 0.97


def test_deployment_rows_have_the_shares_of_the_population():
    "Nine to one among the rows, one to three among those drawn; only rows that exist."
    y = np.repeat(["a", "b"], [900, 100])
    drawn = deployment_rows(y, ["a", "b"], [0.25, 0.75], size=20000)
    npt.assert_allclose(class_shares(y[drawn], ["a", "b"]), [0.25, 0.75], atol=0.02)


def test_em_learns_from_the_unlabelled_rows_that_it_is_given():
    "A fold with training's shares teaches it training's prior; rows of the population, theirs."
    X, y = rows({"a": 1800, "b": 200})
    fold, labels = rows({"a": 1800, "b": 200}, seed=1)
    drawn = deployment_rows(labels, ["a", "b"], [0.5, 0.5])
    for unlabelled, expected, within in ((None, [0.9, 0.1], 0.02), (drawn, [0.5, 0.5], 0.03)):
        outcomes, *_ = fit_endings(
            ROWS["as they are"], GaussianNB(), ["em"], X, y, fold, target=HALVES, unlabelled=unlabelled
        )
        npt.assert_allclose(outcomes["em"].prior, expected, atol=within)


def test_correction_beats_nothing_on_another_population():
    "Well separated normal classes, trained at 9:1 and judged at 1:1."
    X, y = rows({"a": 900, "b": 100})
    new, labels = rows({"a": 500, "b": 500}, seed=1)
    outcomes, *_ = fit_endings(ROWS["as they are"], GaussianNB(), ["raw", "prior"], X, y, new, target=HALVES)
    loss = {n: weighted_log_loss(labels, o.probabilities, classes=["a", "b"]) for n, o in outcomes.items()}
    assert loss["prior"] < loss["raw"]


# Models


def test_models_by_name_instance_list_or_mapping():
    "Two of a kind get numbers; a pipeline is called by its last step; sparse rows have a linear model only."
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    named, by_name = choose_models(["logistic", pipeline, LogisticRegression(), LogisticRegression(C=2)])
    assert list(named) == ["logistic", "LogisticRegression", "LogisticRegression 2", "LogisticRegression 3"]
    assert by_name == {"logistic"}
    assert list(choose_models()[0])[:2] == ["logistic", "lightgbm"]
    assert list(choose_models(sparse=True)[0]) == ["logistic"]
    with pytest.raises(ValueError, match="takes no sparse rows"):
        choose_models("lightgbm", sparse=True)


def test_a_seed_is_given_where_there_is_none():
    "And one thread to LightGBM, which would take all."
    from lightgbm import LGBMClassifier

    model = seeded(make_pipeline(StandardScaler(), LGBMClassifier()), 5)[-1]
    assert (model.random_state, model.n_jobs) == (5, 1)
    assert seeded(LGBMClassifier(random_state=1, n_jobs=2), 5).get_params()["n_jobs"] == 2


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_a_booster_stops_where_held_out_rows_say(library):
    "On noise few trees are best; where a column tells the class, many are."
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b"], [300, 100])
    noise, told = pd.DataFrame(rng.normal(size=(400, 5))), pd.DataFrame({"x": (y == "b") + 0.0})
    name = {"lightgbm": "n_estimators", "catboost": "iterations"}[library]
    trees = [
        with_trees(BoostedClassifier(library), ROWS["as they are"], X, y, target=HALVES)[0].settings[name]
        for X in (noise, told)
    ]
    assert trees[0] <= TREES[3] < 50 < trees[1]


def test_rows_are_held_out_before_they_are_repeated_and_groups_stay_whole(monkeypatch):
    "What judges the number of trees is a fifth of the groups, as they were; the sampler sees the others."
    seen = []

    class Noting(RandomOverSampler):
        def fit_resample(self, X, y, **params):
            seen.append(set(X["group"]))
            return super().fit_resample(X, y, **params)

    X, y = rows({"a": 100, "b": 100})
    X, groups = X.assign(group=np.arange(200) // 10 + 0.5), np.arange(200) // 10
    X.columns = X.columns.map(str)
    predicted, held_out = BoostedClassifier.predict_proba, []
    monkeypatch.setattr(
        BoostedClassifier,
        "predict_proba",
        lambda self, X: held_out.append(set(X["group"])) or predicted(self, X),
    )
    with_trees(BoostedClassifier(), Strategy("n", sampler=Noting()), X, y, target=HALVES, groups=groups)
    assert len(seen) == 1
    assert len(seen[0]) == 16
    assert len(held_out[0]) == 4
    assert not seen[0] & held_out[0]


def test_a_number_of_trees_that_is_given_is_kept():
    "And other classifiers are left alone."
    X, y = rows({"a": 40, "b": 20})
    for model in (BoostedClassifier(settings={"n_estimators": 7}), GaussianNB()):
        assert with_trees(model, ROWS["smote"], X, y, target=HALVES) == (model, [])


def test_the_logistic_model_takes_gaps_words_and_values_never_seen():
    "The word decides; columns without a value, or only in training, are no obstacle; nor are sparse rows."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=200), "place": rng.choice(["land", "town"], 200)})
    X = X.assign(empty=np.nan, place=X["place"].astype("category"))
    y = X["place"].map({"land": "no", "town": "yes"}).to_numpy()
    X.loc[::9, "size"] = np.nan
    X.loc[::11, "place"] = None
    model = logistic().fit(X, y)
    new = pd.DataFrame(
        {"size": [0.0, np.nan, 0.0], "place": ["land", "town", "sea"], "empty": [1.0, 2.0, 3.0]}
    )
    assert model.predict(new).tolist()[:2] == ["no", "yes"]
    sparse = logistic(sparse=True).fit(csr_matrix([[0, 1], [5, 0], [0, 2], [4, 0]]), [0, 1, 0, 1])
    assert sparse.predict(csr_matrix([[6, 0]])).tolist() == [1]


def test_a_library_that_cannot_learn_says_so_in_one_line():
    "CatBoost refuses rows that are all alike; LightGBM takes them."
    X, y = np.ones((20, 2)), np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match="^catboost cannot learn from these rows: All features") as refused:
        BoostedClassifier("catboost", settings={"iterations": 5}).fit(X, y)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_boosters_take_words_gaps_and_values_never_seen(library):
    "The word decides the class; a number column with a name that LightGBM refuses and gaps is no obstacle."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size [m]": rng.normal(size=200), "place": rng.choice(["land", "town"], 200)})
    X.loc[::9, "size [m]"] = np.nan
    y = X["place"].map({"land": "no", "town": "yes"}).to_numpy()
    X.loc[::11, "place"] = None
    model = BoostedClassifier(library, settings={"iterations": 30} if library == "catboost" else None).fit(
        X, y
    )
    new = pd.DataFrame({"size [m]": [0.0, np.nan, 0.0], "place": ["land", "town", "sea"]})
    assert model.predict(new).tolist()[:2] == ["no", "yes"]
    npt.assert_allclose(model.predict_proba(new).sum(axis=1), 1)


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_a_booster_predicts_by_its_first_trees(library):
    "As many trees as if it had grown no more."
    X, y = rows({"a": 150, "b": 50})
    name = {"lightgbm": "n_estimators", "catboost": "iterations"}[library]
    short, long = (
        BoostedClassifier(library, settings={"learning_rate": 0.1, name: n}).fit(X, y) for n in (5, 20)
    )
    assert not np.allclose(short.predict_proba(X), long.predict_proba(X))
    long.trees_ = 5
    npt.assert_allclose(short.predict_proba(X), long.predict_proba(X))
    with pytest.raises(NotFittedError):
        BoostedClassifier(library).predict_proba(X)


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_weights_reach_the_boosters(library):
    "The rare class weighs as much as the common one: on noise its mean probability is near a half."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 2)), np.repeat([0, 1], [450, 50])
    settings = {"iterations": 5} if library == "catboost" else {"n_estimators": 5}
    means = {}
    for name in ("as they are", "weights"):
        model = ROWS[name].classifier(
            BoostedClassifier(library, settings=settings), ending="raw", target=HALVES
        )
        means[name] = model.fit(X, y).predict_proba(X)[:, 1].mean()
    assert means["as they are"] < 0.3 < 0.4 < means["weights"]


def test_an_unknown_model_is_refused():
    "The line lists the known ones."
    with pytest.raises(ValueError, match="use one of lightgbm, catboost"):
        BoostedClassifier("xgboost").fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="Known: logistic, lightgbm, catboost"):
        choose_models("xgboost")

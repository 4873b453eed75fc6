"""Strategies: what each does to the prior, and how they share a fit."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from joblib import Parallel, delayed
from sklearn.naive_bayes import GaussianNB

from imbalance.boosters import BoostedClassifier, make_model
from imbalance.comparison.strategies import (
    STRATEGIES,
    Strategy,
    deployment_rows,
    find_strategy,
    predict_strategies,
    register,
)
from imbalance.label_shift import LabelShiftAdapter
from imbalance.metrics import class_shares, weighted_log_loss

CLASSES = ["normal", "post", "pre"]
PUBLISHED = {"normal": 31208, "post": 1149, "pre": 420}


def rows(counts, seed=0):
    """Classes around (0, 0), (2, 2) and (4, 4), so many rows of each."""
    y = np.repeat(list(counts), list(counts.values()))
    middle = 2.0 * np.repeat(np.arange(len(counts)), list(counts.values()))
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(len(y), 2)) + middle[:, None]), y


def effective(name, counts):
    """Prior that a strategy's classifier sees."""
    X, y = rows(counts)
    model = STRATEGIES[name].classifier(GaussianNB(), target_prior="balanced")
    return model.fit(X, y).effective_prior_


def test_the_published_priors():
    "Drop 5/6: .768 / .170 / .062; SMOTE and under-sampling: .499 / .367 / .134, as far as known."
    few = {name: n // 4 for name, n in PUBLISHED.items()}
    npt.assert_allclose(effective("drop-majority", few), [0.768, 0.170, 0.062], atol=0.001)
    npt.assert_allclose(effective("smote-under", few), [0.499, 0.367, 0.134], atol=0.002)
    npt.assert_allclose(effective("none", few), [0.952, 0.035, 0.013], atol=0.001)


@pytest.mark.parametrize("name", ["under-sample", "smote", "weights", "bagged-under", "weights-target"])
def test_strategies_that_balance(name):
    "Each class counts a third; the target was balanced, so target weights balance, too."
    npt.assert_allclose(effective(name, {"normal": 90, "post": 30, "pre": 12}), [1 / 3] * 3)


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("drop-majority:.5", [60, 30, 6]),
        ("under-sample:2", [12, 12, 6]),
        ("bagged-under:2", [12, 12, 6]),
        ("smote:.5", [120, 60, 60]),
        ("smote-under:2", [72, 60, 12]),
    ],
)
def test_a_number_behind_the_name(name, shares):
    "Of 120, 30 and 6 rows so many are left, or made; the name stays as it was asked for."
    X, y = rows({"normal": 120, "post": 30, "pre": 6})
    strategy = find_strategy(name)
    model = strategy.classifier(GaussianNB(), target_prior="balanced").fit(X, y)
    npt.assert_allclose(model.effective_prior_, np.array(shares) / sum(shares))
    assert strategy.name == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("weights:2", "'weights' takes no number"),
        ("none+prior:.5", "takes no number"),
        ("drop-majority:1", "above 0 and below 1"),
        ("under-sample:.5", "1 or more"),
        ("smote:1.5", "at most 1"),
        ("under-sample:two", "'two' is not"),
        ("under-sample:nan", "'nan' is not"),
        ("under-sample:", "'' is not"),
        ("under-smaple:2", "Unknown strategy 'under-smaple:2'. Did you mean under-sample"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(name, words):
    "In a line that says what is wanted."
    with pytest.raises(ValueError, match=words) as refused:
        find_strategy(name)
    assert "\n" not in str(refused.value)


def test_a_library_that_cannot_learn_says_so_in_one_line():
    "CatBoost refuses rows that are all alike; LightGBM takes them."
    X, y = np.ones((20, 2)), np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match="^catboost cannot learn from these rows: All features") as refused:
        make_model("catboost", iterations=5).fit(X, y)
    assert "\n" not in str(refused.value)


def test_a_strategy_is_added_in_one_line():
    "It is then known by name and fits."
    try:
        register(Strategy("repeat", sampler=RandomOverSampler(), posthoc="prior"))
        X, y = rows({"a": 40, "b": 10})
        model = STRATEGIES["repeat"].classifier(GaussianNB(), target_prior=[0.3, 0.7]).fit(X, y)
        npt.assert_allclose(model.nominal_prior_, [0.5, 0.5])
        npt.assert_allclose(model.target_prior_, [0.3, 0.7])
    finally:
        STRATEGIES.pop("repeat", None)


def test_a_name_is_taken_once():
    "Another strategy of that name would silently change comparisons."
    with pytest.raises(ValueError, match="already"):
        register(Strategy("none", posthoc="prior"))


def test_contradictions_are_refused():
    "Weights to a known prior and a search for an unknown one."
    with pytest.raises(ValueError, match="choose one"):
        Strategy("both", weights="target", posthoc="em")
    with pytest.raises(ValueError, match="use one of none, prior"):
        Strategy("what", posthoc="elkan")


def test_what_follows_the_fit_shares_it():
    "The same key for what differs after the fit only; another for another sampler or setting of it."
    key = {name: s.fit_key for name, s in STRATEGIES.items()}
    assert key["none"] == key["none+prior"] == key["none+em"] == key["calibrated+prior"]
    assert len(set(key.values())) == 8
    assert Strategy("k1", sampler=SMOTE(k_neighbors=1)).fit_key != Strategy("k2", sampler=SMOTE()).fit_key


def test_a_shared_fit_predicts_what_each_strategy_predicts_alone():
    "The same probabilities, fitted once or each by itself."
    X, y = rows({"a": 150, "b": 50})
    new, _ = rows({"a": 100, "b": 100}, seed=1)
    shared = [s for s in STRATEGIES.values() if s.fit_key == STRATEGIES["none"].fit_key]
    outcomes = predict_strategies(shared, GaussianNB(), X, y, new, target_prior=[0.5, 0.5])
    for strategy in shared:
        alone = strategy.classifier(GaussianNB(), target_prior=[0.5, 0.5]).fit(X, y)
        if isinstance(alone, LabelShiftAdapter):
            alone.adapt(new)
        npt.assert_allclose(outcomes[strategy.name].probabilities, alone.predict_proba(new), atol=1e-9)


def test_strategies_with_other_fits_cannot_share_one():
    "The second would be reported with the first's fit."
    X, y = rows({"a": 40, "b": 10})
    with pytest.raises(ValueError, match="cannot share a fit"):
        predict_strategies(
            [STRATEGIES["none"], STRATEGIES["smote"]], GaussianNB(), X, y, X, target_prior="balanced"
        )


@pytest.mark.parametrize("name", ["smote-under", "bagged-under", "calibrated+prior"])
def test_any_number_of_jobs_gives_the_same_result(name):
    "Bit by bit, in this process or in two others."
    X, y = rows({"a": 120, "b": 30})

    def predict(seed):
        outcome = predict_strategies(
            [STRATEGIES[name]], make_model("lightgbm"), X, y, X, target_prior="balanced", random_state=seed
        )
        return outcome[name].probabilities

    alone = [predict(seed) for seed in range(2)]
    npt.assert_array_equal(Parallel(n_jobs=2)(delayed(predict)(seed) for seed in range(2)), alone)


def test_deployment_rows_have_the_shares_of_the_population():
    "Nine to one among the rows, one to three among those drawn; only rows that exist."
    y = np.repeat(["a", "b"], [900, 100])
    drawn = deployment_rows(y, ["a", "b"], [0.25, 0.75], size=20000)
    npt.assert_allclose(class_shares(y[drawn], ["a", "b"]), [0.25, 0.75], atol=0.02)


def test_em_learns_from_the_unlabelled_rows_that_it_is_given():
    "A fold with training's shares teaches it training's prior; rows of the population, theirs."
    X, y = rows({"a": 1800, "b": 200})
    fold, labels = rows({"a": 1800, "b": 200}, seed=1)
    em = [STRATEGIES["none+em"]]
    plain = predict_strategies(em, GaussianNB(), X, y, fold, target_prior="balanced")["none+em"]
    npt.assert_allclose(plain.prior, [0.9, 0.1], atol=0.02)
    drawn = fold.iloc[deployment_rows(labels, ["a", "b"], [0.5, 0.5])]
    told = predict_strategies(em, GaussianNB(), X, y, fold, target_prior="balanced", unlabelled=drawn)
    npt.assert_allclose(told["none+em"].prior, [0.5, 0.5], atol=0.03)


def test_correction_beats_nothing_on_another_population():
    "Well separated normal classes, trained at 9:1 and judged at 1:1."
    X, y = rows({"a": 900, "b": 100})
    new, labels = rows({"a": 500, "b": 500}, seed=1)
    pair = [STRATEGIES["none"], STRATEGIES["none+prior"]]
    outcomes = predict_strategies(pair, GaussianNB(), X, y, new, target_prior="balanced")
    loss = {n: weighted_log_loss(labels, o.probabilities, classes=["a", "b"]) for n, o in outcomes.items()}
    assert loss["none+prior"] < loss["none"]


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_boosters_take_words_gaps_and_values_never_seen(library):
    "The word decides the class; a number column with a name that LightGBM refuses and gaps is no obstacle."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size [m]": rng.normal(size=200), "place": rng.choice(["land", "town"], 200)})
    X.loc[::9, "size [m]"] = np.nan
    y = X["place"].map({"land": "no", "town": "yes"}).to_numpy()
    X.loc[::11, "place"] = None
    model = make_model(library, **({"iterations": 30} if library == "catboost" else {})).fit(X, y)
    new = pd.DataFrame({"size [m]": [0.0, np.nan, 0.0], "place": ["land", "town", "sea"]})
    assert model.predict(new).tolist()[:2] == ["no", "yes"]
    npt.assert_allclose(model.predict_proba(new).sum(axis=1), 1)


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_weights_reach_the_boosters(library):
    "The rare class weighs as much as the common one: on noise its mean probability is near a half."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 2)), np.repeat([0, 1], [450, 50])
    settings = {"iterations": 5} if library == "catboost" else {"n_estimators": 5}
    means = {}
    for name in ("none", "weights"):
        model = STRATEGIES[name].classifier(make_model(library, **settings), target_prior="balanced")
        means[name] = model.fit(X, y).predict_proba(X)[:, 1].mean()
    assert means["none"] < 0.3 < 0.4 < means["weights"]


def test_an_unknown_model_is_refused():
    "The line lists the known ones."
    with pytest.raises(ValueError, match="use one of lightgbm, catboost"):
        make_model("xgboost")
    with pytest.raises(ValueError, match="use one of lightgbm, catboost"):
        BoostedClassifier("xgboost").fit([[0.0], [1.0]], [0, 1])

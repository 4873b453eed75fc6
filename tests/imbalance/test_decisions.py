"""Decisions: what costs least, what it costs, and alarms at the rate that was asked for."""

import itertools

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from imbalance.decisions import (
    CostSensitiveClassifier,
    cost_curve,
    cost_matrix,
    expected_cost,
    least_cost,
    threshold_at,
)
from imbalance.estimators import PriorCorrectedClassifier
from imbalance.label_shift import LabelShiftAdapter, adapt
from imbalance.metrics import weighted_log_loss

MISS_20 = {("yes", "no"): 20, ("no", "yes"): 1}


def screening(n=2000, share=0.1, seed=0, shift=1.5):
    """Rows of two classes, the rare one 1.5 standard deviations away in the first of three features."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) < round(n * share), "yes", "no")
    X = rng.normal(size=(n, 3))
    X[y == "yes", 0] += shift
    return X, y


@parametrize_with_checks(
    [
        CostSensitiveClassifier(LogisticRegression()),
        CostSensitiveClassifier(LogisticRegression(), false_alarms=0.1, cv=2, random_state=0),
    ],
    expected_failed_checks=lambda estimator: (
        {"check_classifiers_train": "by a threshold, the most probable class need not be the prediction"}
        if estimator.false_alarms
        else {}
    ),
)
def test_scikit_learn_finds_nothing_wrong_with_decisions(estimator, check):
    "scikit-learn's own checks of a classifier."
    check(estimator)


# Costs


def test_a_pair_that_is_not_named_is_refused():
    "Three classes have six pairs of different ones; the one that is missing is named."
    pairs = {pair: 1 for pair in itertools.permutations("abc", 2) if pair != ("c", "a")}
    with pytest.raises(ValueError, match="No cost is given for c>a; add it"):
        cost_matrix(pairs, list("abc"))


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (MISS_20 | {("yes", "maybe"): 1}, "name yes>maybe, which is no pair true>predicted of no, yes"),
        (np.ones((3, 3)), r"shape \(3, 3\) do not fit 2 classes"),
        ([[0, np.nan], [20, 0]], "predicting 'yes' for 'no' is nan"),
        (pd.DataFrame(np.ones((2, 2)), index=["no", "yes"], columns=["no", "maybe"]), "the classes are"),
        ("no>yes=1", "Costs are numbers by pair"),
        ([[0, 1], [5]], "Costs are numbers by pair"),
    ],
)
def test_what_are_no_costs_of_these_classes_is_refused(costs, message):
    "One line says what is wrong."
    with pytest.raises(ValueError, match=message):
        cost_matrix(costs, ["no", "yes"])


def test_mapping_frame_and_array_say_the_same():
    "A frame is read by its labels, in whatever order they stand."
    frame = pd.DataFrame([[0, 20], [1, 0]], index=["yes", "no"], columns=["yes", "no"])
    for costs in (MISS_20, frame, [[0, 1], [20, 0]]):
        npt.assert_array_equal(cost_matrix(costs, ["no", "yes"]), [[0, 1], [20, 0]])


def test_least_cost_is_brute_force():
    "For 200 rows of 4 classes and random costs, gains among them, no prediction has a lower expected cost."
    rng = np.random.default_rng(0)
    p, costs = rng.dirichlet(np.ones(4), 200), rng.normal(size=(4, 4))
    predicted = least_cost(p, costs, range(4))
    for row, label in zip(p, predicted, strict=True):
        by_hand = [sum(row[true] * costs[true, choice] for true in range(4)) for choice in range(4)]
        assert by_hand[label] == min(by_hand)


def test_equal_costs_predict_the_most_probable_class():
    "Each error costs 1."
    p = np.random.default_rng(0).dirichlet(np.ones(5), 300)
    npt.assert_array_equal(least_cost(p, None, range(5)), p.argmax(axis=1))


def test_a_gain_is_a_negative_cost():
    "Finding a case gains 5 and a false alarm costs 1: an alarm from a sixth on."
    gain = {("yes", "yes"): -5, ("yes", "no"): 0, ("no", "yes"): 1}
    found = least_cost([[5.1 / 6, 0.9 / 6], [4.9 / 6, 1.1 / 6]], gain, ["no", "yes"])
    assert found.tolist() == ["no", "yes"]


@pytest.mark.parametrize("row", [[np.nan, 0.5], [0.2, 0.2], [1.5, -0.5]])
def test_rows_that_are_no_probabilities_are_refused(row):
    "Not decided in silence, and the row is named."
    with pytest.raises(
        ValueError, match="Row 1 of the probabilities, .* does not sum to one or has a negative"
    ):
        least_cost([[0.5, 0.5], row], MISS_20, ["no", "yes"])


def test_expected_cost_of_a_population_by_hand():
    "Half the yes are missed (20), a third of the no alarm (1): at 10 % yes it costs .1*10 + .9/3 = 1.3."
    y, predicted = ["no", "no", "no", "yes", "yes"], ["no", "no", "yes", "yes", "no"]
    at = expected_cost(y, predicted, MISS_20, classes=["no", "yes"], target={"yes": 0.1, "no": 0.9})
    assert at == pytest.approx(1.3)


def test_expected_cost_of_probabilities_is_that_of_their_decisions():
    "And of a target without rows it is missing."
    p = np.random.default_rng(1).dirichlet([1, 1], 50)
    y = np.repeat(["no", "yes"], 25)
    decided = least_cost(p, MISS_20, ["no", "yes"])
    both = [expected_cost(y, one, MISS_20, classes=["no", "yes"]) for one in (p, decided)]
    assert both[0] == both[1]
    assert np.isnan(expected_cost(["no"], ["no"], MISS_20, classes=["no", "yes"], target=[0.5, 0.5]))


# Thresholds


def test_weights_count_as_repeated_rows_in_a_threshold():
    "Weights 0 to 3 give the threshold of rows left out and repeated, for any rate, ties included."
    rng = np.random.default_rng(2)
    scores, event, weights = rng.integers(0, 20, 80), rng.random(80) < 0.2, rng.integers(0, 4, 80)
    for rate in (0.03, 0.1, 0.29, 0.5, 0.99):
        repeated = threshold_at(scores.repeat(weights), event.repeat(weights), rate)
        assert threshold_at(scores, event, rate, sample_weight=weights) == repeated


def false_alarms(model, X, y, positive="yes"):
    return np.mean(model.predict(X[y != positive]) == positive)


def test_the_threshold_knows_no_row_that_its_classifier_learned_from():
    "A forest knows its own rows by heart; asked for 5 %, on new rows it raises 3 to 7 % false alarms."
    forest = RandomForestClassifier(50, random_state=0)
    model = CostSensitiveClassifier(forest, false_alarms=0.05, random_state=0).fit(*screening())
    assert 0.03 < false_alarms(model, *screening(20_000, seed=1)) < 0.07


def places(n_places, seed):
    """Eight rows a place, alike but for noise; one place in ten is all 'yes'."""
    rng = np.random.default_rng(seed)
    place = np.repeat(np.arange(n_places), 8)
    y = np.where(rng.permutation(n_places) < n_places // 10, "yes", "no")[place]
    X = rng.normal(size=(n_places, 3))[place] + 0.05 * rng.normal(size=(len(place), 3))
    return X, y, place


def test_the_threshold_knows_no_place_that_its_classifier_learned_from():
    "Rows of a place are nearly the same row: the rate holds for new places if folds keep places together."
    X, y, place = places(400, seed=0)
    new = [*places(1000, seed=1)[:2]]
    model = CostSensitiveClassifier(
        RandomForestClassifier(50, random_state=0), false_alarms=0.05, random_state=0
    )
    assert false_alarms(clone(model).fit(X, y, groups=place), *new) < 0.08
    assert false_alarms(clone(model).fit(X, y), *new) > 0.12


def test_alarms_for_a_named_class_among_three():
    "A tenth of the other classes' rows alarm, in the mix of the target; the others are told apart by cost."
    rng = np.random.default_rng(3)

    def rows(n):
        y = rng.choice(list("abc"), n, p=[0.7, 0.2, 0.1])
        return rng.normal(size=(n, 2)) + np.select(
            [y[:, None] == "b", y[:, None] == "c"], [[0, 2.0], [1.5, 1.0]]
        ), y

    target = {"a": 0.2, "b": 0.7, "c": 0.1}
    inner = PriorCorrectedClassifier(GaussianNB(), target_prior=target)
    model = CostSensitiveClassifier(inner, false_alarms=0.1, positive="c", random_state=0).fit(*rows(4000))
    X, y = rows(40_000)
    predicted = model.predict(X)
    rates = [np.mean(predicted[y == name] == "c") for name in "ab"]
    assert rates[0] * 2 / 9 + rates[1] * 7 / 9 == pytest.approx(0.1, abs=0.02)
    quiet = predicted != "c"
    p = model.predict_proba(X)
    npt.assert_array_equal(predicted[quiet], np.array(list("ab"))[p[quiet, :2].argmax(axis=1)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"false_alarms": 1.5}, "number between 0 and 1, got 1.5"),
        ({"false_alarms": "5%"}, "number between 0 and 1, got '5%'"),
        ({"false_alarms": 0.1, "costs": MISS_20}, "costs or false_alarms"),
        ({"false_alarms": 0.1, "positive": "maybe"}, "'maybe' is none of the classes"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    "Before anything is predicted."
    with pytest.raises(ValueError, match=message):
        CostSensitiveClassifier(GaussianNB(), **settings).fit(*screening(200))


# Around other classifiers


def test_decisions_follow_the_prior_of_the_classifier_inside():
    "At 50 % yes a row is called yes that is no at 10 %; the costs are the same."
    X, y = screening()
    rare = CostSensitiveClassifier(PriorCorrectedClassifier(GaussianNB()), MISS_20).fit(X, y)
    half = CostSensitiveClassifier(PriorCorrectedClassifier(GaussianNB(), target_prior="balanced"), MISS_20)
    npt.assert_array_equal(
        half.fit(X, y).predict(X), least_cost(half.predict_proba(X), MISS_20, ["no", "yes"])
    )
    assert np.sum(half.predict(X) == "yes") > np.sum(rare.predict(X) == "yes")


@pytest.mark.parametrize("settings", [{"costs": MISS_20}, {"false_alarms": 0.05}])
def test_an_adapted_classifier_inside(settings):
    "By cost half the rows being yes means more alarms; a rate of false alarms stays what it is."
    model = CostSensitiveClassifier(
        LabelShiftAdapter(GaussianNB(), random_state=0), random_state=0, **settings
    )
    model.fit(*screening())
    X, y = screening(4000, share=0.5, seed=1)
    before = false_alarms(model, X, y)
    after = false_alarms(model.adapt(X), X, y)
    if "costs" in settings:
        assert after > 1.2 * before
    else:
        assert after == pytest.approx(0.05, abs=0.02)
        assert after == pytest.approx(before, abs=0.01)


def test_an_adapter_is_adapted_through_pipelines_and_searches():
    "The share of yes that probabilities and threshold follow is about half, wherever the adapter stands."
    (X, y), (new, _) = screening(1000), screening(2000, share=0.5, seed=1)
    adapter = LabelShiftAdapter(LogisticRegression(), random_state=0)
    piped = make_pipeline(StandardScaler(), adapter)
    search = GridSearchCV(piped, {"labelshiftadapter__estimator__C": [0.1, 1.0]}, cv=2)
    for inside in (piped, search):
        for options in ({"costs": MISS_20}, {"false_alarms": 0.05, "cv": 2, "random_state": 0}):
            model = CostSensitiveClassifier(inside, **options).fit(X, y)
            npt.assert_allclose(model._output_prior(), model._training_prior)
            assert abs(model.adapt(new)._output_prior()[1] - 0.5) < 0.1
    assert abs(adapt(CostSensitiveClassifier(piped).fit(X, y), new)._output_prior()[1] - 0.5) < 0.1


def test_only_what_can_adapt_is_adapted():
    "Naive Bayes has no such method, so neither has the classifier around it."
    for inside in (GaussianNB(), make_pipeline(StandardScaler(), GaussianNB())):
        assert not hasattr(CostSensitiveClassifier(inside), "adapt")


def test_a_classifier_fitted_before_gives_its_threshold_on_other_rows():
    "As it was fitted it stays; its probabilities are cut, none is changed."
    X, y = screening()
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    other = screening(seed=5)
    model = CostSensitiveClassifier(FrozenEstimator(fitted), false_alarms=0.05).fit(*other)
    expected = threshold_at(fitted.predict_proba(other[0])[:, 1], other[1] == "yes", 0.05)
    assert model.threshold_ == expected


def test_weights_reach_the_last_step_of_a_pipeline():
    "Rows of weight zero are no rows."
    X, y = screening(400)
    weights = np.arange(400) % 2
    model = CostSensitiveClassifier(make_pipeline(StandardScaler(), GaussianNB()), MISS_20)
    weighted = clone(model).set_params(estimator=GaussianNB()).fit(X, y, sample_weight=weights)
    kept = clone(model).set_params(estimator=GaussianNB()).fit(X[weights == 1], y[weights == 1])
    npt.assert_allclose(weighted.predict_proba(X), kept.predict_proba(X))
    scaled = model.fit(X, y, sample_weight=weights)
    npt.assert_allclose(scaled.predict_proba(X), kept.predict_proba(X), atol=1e-6)


def test_routed_weights_arrive():
    "With scikit-learn's metadata routing a pipeline inside gets the weights that its step asks for."
    X, y = screening(400)
    weights = np.arange(400) % 2
    plain = CostSensitiveClassifier(GaussianNB(), MISS_20).fit(X[weights == 1], y[weights == 1])
    with config_context(enable_metadata_routing=True):
        step = GaussianNB().set_fit_request(sample_weight=True)
        routed = CostSensitiveClassifier(make_pipeline(step), MISS_20, cv=2).fit(X, y, sample_weight=weights)
    npt.assert_allclose(routed.predict_proba(X), plain.predict_proba(X))


def test_a_search_tunes_what_is_inside():
    "Parameters of the classifier inside and costs themselves are parameters of a grid."
    grid = {"estimator__var_smoothing": [1e-9, 1e-2], "costs": [None, MISS_20]}
    search = GridSearchCV(CostSensitiveClassifier(GaussianNB()), grid, cv=3, scoring="recall_macro")
    search.fit(*screening())
    assert search.best_params_["costs"] == MISS_20


# Cost curves


def curve_rows(n=400, seed=0):
    X, y = screening(n, share=0.2, seed=seed)
    return y, cross_val_predict(GaussianNB(), X, y, cv=5, method="predict_proba")


def test_a_cost_curve_by_hand():
    "At each prior and ratio the cost is that of least-cost decisions on probabilities corrected to it."
    y, p = curve_rows()
    curve = cost_curve(
        y, p, MISS_20, classes=["no", "yes"], priors=[0.05, 0.4], ratios=[0.5, 1], random_state=0
    )
    for row in curve[curve["policy"] == "least cost"].itertuples():
        odds = p[:, 1] / p[:, 0] * (0.8 / 0.2) * row.prior / (1 - row.prior)
        alarm = odds * 20 * row.ratio > 1
        missed, false = np.mean(~alarm[y == "yes"]), np.mean(alarm[y == "no"])
        assert row.cost == pytest.approx(row.prior * missed * 20 * row.ratio + (1 - row.prior) * false)
        assert row.low <= row.cost <= row.high


def test_probabilities_of_a_frame_are_read_by_its_columns():
    "Swapped columns mean the same; numbers from 0 are positions; other names are refused."
    y, p = curve_rows()
    by_name = pd.DataFrame(p, columns=["no", "yes"])[["yes", "no"]]
    cost = expected_cost(y, p, MISS_20, classes=["no", "yes"])
    assert expected_cost(y, by_name, MISS_20, classes=["no", "yes"]) == cost
    assert expected_cost(y, pd.DataFrame(p), MISS_20, classes=["no", "yes"]) == cost
    loss = weighted_log_loss(y, p, classes=["no", "yes"])
    assert weighted_log_loss(y, by_name, classes=["no", "yes"]) == loss
    options = {"classes": ["no", "yes"], "priors": [0.1], "random_state": 0}
    pd.testing.assert_frame_equal(
        cost_curve(y, by_name, MISS_20, **options), cost_curve(y, p, MISS_20, **options)
    )
    other = by_name.rename(columns={"yes": "ja"})
    with pytest.raises(ValueError, match=r"columns \['ja', 'no'\], but the classes are \['no', 'yes'\]"):
        least_cost(other, MISS_20, ["no", "yes"])


@pytest.mark.parametrize(
    "costs",
    [
        {(True, False): 20, (False, True): 1},
        pd.DataFrame([[0, 20], [1, 0]], index=[True, False], columns=[True, False]),
        pd.DataFrame([[0, 1], [20, 0]], index=[0, 1], columns=[0, 1]),
    ],
)
def test_true_and_false_are_labels(costs):
    "The costs of yes and no, written for truth values, decide alike and cost alike."
    X, y = screening()
    npt.assert_array_equal(cost_matrix(costs, [False, True]), [[0, 1], [20, 0]])
    words = CostSensitiveClassifier(GaussianNB(), MISS_20).fit(X, y)
    truth = CostSensitiveClassifier(GaussianNB(), costs).fit(X, y == "yes")
    npt.assert_array_equal(truth.predict(X), words.predict(X) == "yes")
    p, options = words.predict_proba(X), {"priors": [0.1], "random_state": 0}
    npt.assert_array_equal(
        cost_curve(y == "yes", p, costs, classes=[False, True], **options)["cost"],
        cost_curve(y, p, MISS_20, classes=["no", "yes"], **options)["cost"],
    )


def test_priors_of_a_curve_are_read_by_name():
    "A series with the classes as index, in another order than the columns."
    y, p = curve_rows()
    options = {"classes": ["no", "yes"], "random_state": 0}
    by_name = pd.Series({"yes": 0.2, "no": 0.8})
    pd.testing.assert_frame_equal(
        cost_curve(y, p, MISS_20, trained=by_name, priors=by_name, **options),
        cost_curve(y, p, MISS_20, trained=[0.8, 0.2], priors=[[0.8, 0.2]], **options),
    )


def test_constant_decisions_cost_what_the_prior_says():
    "Always no misses every yes: .05 * 20 = 1; always yes alarms at every no: .95."
    y, p = curve_rows()
    curve = cost_curve(y, p, MISS_20, classes=["no", "yes"], priors=[0.05]).set_index("policy")
    npt.assert_allclose(curve.loc[["always no", "always yes"], "cost"], [1, 0.95])


def test_no_threshold_is_cheaper_than_the_best():
    "Brute force over all thresholds, on scores with many ties."
    y, p = curve_rows()
    p = p.round(1)
    curve = cost_curve(y, p, MISS_20, classes=["no", "yes"], priors=[0.1], ratios=[1, 3]).set_index(
        ["policy", "ratio"]
    )
    for ratio in (1, 3):
        costs = [
            0.1 * np.mean(p[y == "yes", 1] <= cut) * 20 * ratio + 0.9 * np.mean(p[y == "no", 1] > cut)
            for cut in (-1, *np.unique(p[:, 1]))
        ]
        assert curve.loc[("best threshold", ratio), "cost"] == pytest.approx(min(costs))
        assert (
            curve.loc[("best threshold", ratio), "cost"] <= curve.loc[("least cost", ratio), "cost"] + 1e-12
        )


def test_three_classes_have_a_curve_without_thresholds():
    "Priors may be whole ones; a share of the positive class leaves the others in proportion."
    p = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    y = np.repeat(list("abc"), [30, 20, 10])
    curve = cost_curve(y, p, None, classes=list("abc"), priors=[0.5, {"a": 0.3, "b": 0.2, "c": 0.5}])
    assert curve["policy"].tolist() == ["least cost", "always a", "always b", "always c"] * 2
    npt.assert_allclose(curve["cost"][:4], curve["cost"][4:])


def test_no_error_seen_is_no_proof_of_none():
    "20 yes, all found: a miss rate of up to about 9 % fits them (Jeffreys), so the interval has a width."
    y = np.repeat(["no", "yes"], [200, 20])
    p = np.eye(2)[(y == "yes").astype(int)]
    curve = cost_curve(
        y, p, MISS_20, classes=["no", "yes"], priors=[0.5], n_bootstrap=20_000, random_state=0
    ).set_index("policy")
    assert curve.loc["least cost", "cost"] == curve.loc["least cost", "low"] == 0
    assert 0.5 * 0.09 * 20 < curve.loc["least cost", "high"] < 0.5 * 0.15 * 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_bootstrap": 0}, "at least 100, got 0"),
        ({"groups": [1, 2]}, "inconsistent numbers of samples"),
        ({"priors": 1.5}, "between 0 and 1, got 1.5"),
        ({"positive": "maybe"}, "'maybe' is none of the classes"),
        ({"trained": {"yes": 1}}, "trained prior lacks 'no'"),
        ({"level": 95}, "level must be a number between 0 and 1"),
        ({"groups": [np.nan] * 60}, "60 rows have no group"),
    ],
)
def test_a_curve_that_makes_no_sense_is_refused(settings, message):
    "One line says what is wrong."
    y, p = curve_rows(60)
    with pytest.raises(ValueError, match=message):
        cost_curve(y, p, MISS_20, classes=["no", "yes"], **settings)


def test_whole_groups_make_wider_intervals():
    "Ten copies of every row, as groups, know no more than one."
    y, p = curve_rows(200)
    ten = np.repeat(y, 10), np.repeat(p, 10, axis=0)
    options = {"classes": ["no", "yes"], "priors": [0.2], "random_state": 0}

    def width(*rows, **more):
        found = cost_curve(*rows, MISS_20, **options, **more).set_index("policy").loc["least cost"]
        return found["high"] - found["low"]

    assert width(*ten, groups=np.repeat(np.arange(200), 10)) == pytest.approx(width(y, p), rel=0.25)
    assert width(*ten) == pytest.approx(width(y, p) / np.sqrt(10), rel=0.25)


@pytest.mark.long
def test_cost_intervals_hold_the_truth():
    "Of 400 samples 92 to 98 % of the 95 % intervals hold the cost on 200,000 new rows, over two priors."
    X, y = screening()
    model = GaussianNB().fit(X, y)
    options = {"classes": ["no", "yes"], "trained": [0.9, 0.1], "priors": [0.05, 0.3], "n_bootstrap": 300}

    def curve(n, seed):
        X, y = screening(n, seed=seed)
        found = cost_curve(y, model.predict_proba(X), MISS_20, **options, random_state=seed)
        return found[found["policy"] == "least cost"]

    truth = curve(200_000, 1)["cost"].to_numpy()
    held = [(c["low"] <= truth) & (truth <= c["high"]) for c in (curve(500, seed) for seed in range(2, 402))]
    assert 0.92 <= np.mean(held) <= 0.98

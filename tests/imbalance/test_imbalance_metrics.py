"""Scores that a reader can do by hand."""

import pickle

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from imbalance.estimators import PriorCorrectedClassifier
from imbalance.metrics import (
    accuracy,
    auc,
    average_precision,
    brier,
    calibration,
    class_shares,
    class_weights,
    corrected_t_interval,
    recalls,
    scorer,
    weighted_log_loss,
)
from imbalance.probability import fit_calibrator

AB = ["a", "b"]


def two_classes(common, rare, shift=2.0, seed=0):
    """Two normal classes in one dimension."""
    y = np.repeat(["common", "rare"], [common, rare])
    return np.random.default_rng(seed).normal(size=(len(y), 1)) + shift * (y == "rare")[:, None], y


def test_weights_by_hand():
    "Shares 3:1, wanted 1:1: a row of the first class counts 2/3, one of the second 2."
    npt.assert_allclose(class_weights(["a", "a", "a", "b"], AB, [0.5, 0.5]), [2 / 3, 2])


def test_weights_in_the_order_of_the_classes_given():
    "Classes listed the other way round turn the weights round."
    npt.assert_allclose(class_weights(["a", "a", "a", "b"], ["b", "a"], [0.5, 0.5]), [2, 2 / 3])


def test_a_class_of_the_target_without_rows_cannot_be_weighted():
    "The line names the class."
    with pytest.raises(ValueError, match="Class 'b' has no row"):
        class_weights(["a", "a"], AB, [0.5, 0.5])


def test_a_label_that_is_no_class_is_refused():
    "The line names the label."
    with pytest.raises(ValueError, match="Label 'c' is none of the classes"):
        class_shares(["a", "c"], AB)


def test_log_loss_of_a_population_is_the_mean_of_class_losses_by_its_shares():
    "Losses ln 2 for a and ln 4 for b, shares .9 and .1, whatever the rows."
    p = [[0.5, 0.5]] * 3 + [[0.75, 0.25]]
    loss = weighted_log_loss(["a", "a", "a", "b"], p, classes=AB, target=[0.9, 0.1])
    npt.assert_allclose(loss, 0.9 * np.log(2) + 0.1 * np.log(4))


def test_a_target_of_another_number_of_classes_is_refused():
    "Three shares for two classes."
    with pytest.raises(ValueError, match="has 3 shares, but the classes are"):
        weighted_log_loss(["a", "b"], [[0.5, 0.5], [0.2, 0.8]], classes=AB, target=[0.3, 0.3, 0.4])


def test_log_loss_without_a_target_is_the_usual_one():
    "Every row counts alike."
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 20)
    y = np.repeat(["a", "b", "c", "a"], 5)
    npt.assert_allclose(weighted_log_loss(y, p, classes=list("abc")), log_loss(y, p, labels=list("abc")))


def test_a_certain_error_costs_a_finite_loss():
    "Probabilities are clipped at 1e-15."
    npt.assert_allclose(weighted_log_loss(["b"], [[1.0, 0.0]], classes=AB), -np.log(1e-15))


@pytest.mark.parametrize("score", [weighted_log_loss, brier, auc, average_precision])
def test_scores_are_missing_where_a_class_of_the_target_has_no_row(score):
    "Nothing is known of its loss; a zero would flatter."
    assert np.isnan(score(["a", "a"], [[0.9, 0.1], [0.6, 0.4]], classes=AB, target=[0.5, 0.5]))


def test_brier_of_two_classes_is_the_usual_one():
    "Errors .1 for a and .9 for b, at .5 each: (.01 + .81) / 2."
    p = [[0.9, 0.1]] * 4
    npt.assert_allclose(brier(["a", "a", "a", "b"], p, classes=AB, target=[0.5, 0.5]), (0.01 + 0.81) / 2)


def test_auc_does_not_depend_on_the_target():
    "Of the four pairs (a, b) three are in order."
    p = [[1 - s, s] for s in (0.1, 0.6, 0.5, 0.9)]
    for target in (None, [0.5, 0.5], [0.99, 0.01]):
        npt.assert_allclose(auc(["a", "a", "b", "b"], p, classes=AB, target=target), 0.75)


def test_average_precision_falls_with_the_share_of_the_class():
    "The one b ranks second of four. Counted by rows precision is 1/2; at a share of .1 it is .1 / (.1 + .3)."
    y, p = ["a", "b", "a", "a"], [[1 - s, s] for s in (0.9, 0.8, 0.2, 0.1)]
    npt.assert_allclose(average_precision(y, p, classes=AB), 1 / 2)
    npt.assert_allclose(average_precision(y, p, classes=AB, target=[0.9, 0.1]), 0.25)


def test_the_rare_class_is_the_one_to_find_unless_told():
    "The first class is rare here; its one row ranks first."
    y, p = ["a", "b", "b"], [[0.9, 0.1], [0.5, 0.5], [0.4, 0.6]]
    assert average_precision(y, p, classes=AB) == 1
    npt.assert_allclose(average_precision(y, p, classes=AB, positive="b"), 1)
    mixed = [[0.9, 0.1], [0.5, 0.5], [0.95, 0.05]]
    npt.assert_allclose(average_precision(y, mixed, classes=AB), 1 / 2)
    npt.assert_allclose(average_precision(y, mixed, classes=AB, positive="b"), (1 + 2 / 3) / 2)


def test_the_intercept_is_that_of_the_class_named():
    "Two classes of one row more or less: the same predictions, the sign follows the class asked for."
    p = [[0.9, 0.1]] * 12 + [[0.5, 0.5]] * 4
    y = ["a"] * 9 + ["b"] * 3 + ["a"] + ["b"] * 3
    _, of_b = calibration(y, p, classes=AB, positive="b")
    _, of_a = calibration(y, p, classes=AB, positive="a")
    npt.assert_allclose([of_b, of_a], [np.log(3), -np.log(3)], atol=1e-4)


def test_auc_of_three_classes_is_the_mean_over_them():
    "a and c are found by their columns, b's column is the wrong way round: (1 + 0 + 1) / 3."
    p = [[0.5, 0.4, 0.1], [0.4, 0.2, 0.4], [0.1, 0.4, 0.5]]
    npt.assert_allclose(auc(["a", "b", "c"], p, classes=list("abc")), 2 / 3)


def test_calibrated_predictions_have_slope_one_and_intercept_zero():
    "9:1 comes true as 9:1, 1:1 as 1:1 and 1:9 as 1:9."
    p = [[0.9, 0.1]] * 10 + [[0.5, 0.5]] * 2 + [[0.1, 0.9]] * 10
    y = ["a"] * 9 + ["b"] + ["a", "b"] + ["a"] + ["b"] * 9
    npt.assert_allclose(calibration(y, p, classes=AB), (1, 0), atol=1e-4)


def test_the_intercept_is_positive_where_the_rare_class_is_predicted_too_seldom():
    "Odds of 1:9 and 1:1 come true three times as often: slope 1, intercept ln 3."
    p = [[0.9, 0.1]] * 12 + [[0.5, 0.5]] * 4
    y = ["a"] * 9 + ["b"] * 3 + ["a"] + ["b"] * 3
    npt.assert_allclose(calibration(y, p, classes=AB), (1, np.log(3)), atol=1e-4)


def test_the_intercept_sees_a_wrong_prior():
    "Predictions calibrated at 1:1, judged at 9:1 for a: b is predicted too often, by ln 9."
    p = [[0.75, 0.25]] * 4 + [[0.25, 0.75]] * 4
    y = ["a", "a", "a", "b"] + ["a", "b", "b", "b"]
    slope, intercept = calibration(y, p, classes=AB, target=[0.9, 0.1])
    npt.assert_allclose((slope, intercept), (1, -np.log(9)), atol=1e-4)


def test_the_slope_of_three_classes_by_hand():
    "Predictions that come true as often as they say, made too extreme by a power of two: slope 1/2."
    honest = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
    extreme = honest**2 / (honest**2).sum(axis=1, keepdims=True)
    y = list("aaabc") + list("abbbc") + list("abccc")
    npt.assert_allclose(calibration(y, extreme.repeat(5, axis=0), classes=list("abc")), (0.5, 0), atol=1e-4)


def test_calibrators_of_the_prior_meet_the_shares():
    "The mean of the calibrated predictions is the share of each class, 3 in 4."
    p = np.array([[0.5, 0.5], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    calibrated = fit_calibrator(p, [0, 0, 0, 1], method="prior")(p)
    npt.assert_allclose(calibrated.mean(axis=0), [0.75, 0.25], atol=1e-6)


def test_recalls_by_hand():
    "Of a one in two, of b none; of c there is none."
    p = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]
    npt.assert_array_equal(recalls(["a", "a", "b"], p, classes=list("abc")), [0.5, 0, np.nan])


def test_overlapping_training_rows_widen_the_interval():
    "Five folds: the variance counts 1/5 + 1/4 times, 2.25 of what independent folds would have."
    differences = np.array([-0.3, -0.1, -0.2, -0.25, -0.15])
    low, high = corrected_t_interval(differences, test_share=1 / 5)
    t_975_of_4 = 2.776445
    reach = t_975_of_4 * differences.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    npt.assert_allclose([low, high], [-0.2 - reach, -0.2 + reach], rtol=1e-6)


@pytest.mark.parametrize("differences", [[0.1], [0.1, np.nan]])
def test_no_interval_from_one_or_missing_differences(differences):
    "One line instead of a NaN."
    with pytest.raises(ValueError, match="two or more differences"):
        corrected_t_interval(differences, test_share=0.2)


# Scorers


@pytest.mark.parametrize("row", [[0.5, 0.6], [1.2, -0.2], [np.nan, 1.0]])
@pytest.mark.parametrize("score", [weighted_log_loss, brier, auc, average_precision, accuracy])
def test_rows_that_are_no_probabilities_are_refused(score, row):
    "The line says which row."
    with pytest.raises(ValueError, match="Row 1 of the probabilities"):
        score(["a", "b"], [[0.5, 0.5], row], classes=AB)


def test_rounded_probabilities_are_taken():
    "Thirds of three digits sum to .999."
    y, p = ["a", "b", "c"], [[0.333, 0.333, 0.333]] * 3
    npt.assert_allclose(weighted_log_loss(y, p, classes=list("abc")), -np.log(0.333))


def test_accuracy_by_hand():
    "Of a all are right, of b none: the share of a."
    p = [[0.9, 0.1]] * 3
    npt.assert_allclose(accuracy(["a", "a", "b"], p, classes=AB, target=[0.3, 0.7]), 0.3)


class Says(ClassifierMixin, BaseEstimator):
    """Probability of the last class of every row as its only feature says."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        share = np.asarray(X)[:, 0]
        return np.column_stack([1 - share, share])


def test_a_scorer_is_the_score_of_the_target_larger_being_better():
    "Losses ln 2 for three rows of no and ln 4 for one of yes, at .7 and .3."
    X, y = [[0.5]] * 3 + [[0.25]], ["no"] * 3 + ["yes"]
    found = scorer("log_loss", target={"yes": 0.3, "no": 0.7})(Says().fit(X, y), X, y)
    npt.assert_allclose(found, -(0.7 * np.log(2) + 0.3 * np.log(4)))
    by_name = pd.Series({"yes": 0.3, "no": 0.7})
    assert scorer("log_loss", target=by_name)(Says().fit(X, y), X, y) == found
    assert scorer("accuracy", target="balanced")(Says().fit(X, y), X, y) == 0.5


def test_a_scorer_survives_pickle_and_clone():
    "Searches hand it to other processes."
    first = scorer("auc", target=[0.7, 0.3], positive="yes")
    assert pickle.loads(pickle.dumps(first)) == first
    assert clone(GridSearchCV(Says(), {}, scoring=first)).scoring == first


def test_a_search_for_the_target_chooses_for_the_target():
    "One candidate is calibrated at 9:1, the other at 1:1: the target's scorer takes the second."
    X, y = two_classes(900, 100)
    model = PriorCorrectedClassifier(GaussianNB(), target_prior="training")
    grid = {"target_prior": ["training", "balanced"]}
    chosen = {
        name: GridSearchCV(model, grid, scoring=scoring, cv=3).fit(X, y).best_params_["target_prior"]
        for name, scoring in {
            "usual": "neg_log_loss",
            "target": scorer("log_loss", target="balanced"),
            "brier": scorer("brier", target="balanced"),
        }.items()
    }
    assert chosen == {"usual": "training", "target": "balanced", "brier": "balanced"}


def test_an_unknown_metric_is_refused():
    "With the nearest name."
    with pytest.raises(ValueError, match="Unknown metric 'logloss'. Did you mean log_loss?"):
        scorer("logloss")
    with pytest.raises(ValueError, match="'brier' has no positive class"):
        scorer("brier", positive=1)

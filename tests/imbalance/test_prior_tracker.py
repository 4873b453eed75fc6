"""Class shares of batches over time: histories, forgetting, alarms, and adapting at the end of a pipeline."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from imbalance.decisions import CostSensitiveClassifier
from imbalance.label_shift import LabelShiftAdapter, PriorTracker, adapt

FOLDS = "its folds are dealt by rows, so rows of weight zero and repeated rows change them"
OF_WEIGHTS = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]


@parametrize_with_checks(
    [PriorTracker(LogisticRegression(), random_state=0)],
    expected_failed_checks=lambda _: dict.fromkeys(OF_WEIGHTS, FOLDS),
)
def test_scikit_learn_finds_nothing_wrong_with_a_tracker(estimator, check):
    "scikit-learn's own checks of a classifier."
    check(estimator)


def population(n, share, seed, moved=0.0):
    """Two normal classes four standard deviations apart in the first of two features, all moved."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < share, "rare", "common")
    X = rng.normal(moved, size=(n, 2))
    X[:, 0] += 4.0 * (y == "rare")
    return X, y


@pytest.fixture(scope="module")
def adapter():
    return LabelShiftAdapter(GaussianNB(), random_state=0).fit(*population(2000, 0.1, 0))


def rare(tracker):
    return tracker.history_.query("label == 'rare'").reset_index(drop=True)


def test_a_history_is_a_row_for_each_batch_and_class(adapter):
    "Two batches of two classes; the shares of a batch sum to one and lie in their intervals."
    tracker = PriorTracker(adapter)
    tracker.update(population(300, 0.2, 1)[0], when="May").update(population(400, 0.5, 2)[0], when="June")
    history = tracker.history_
    assert history[["when", "label", "n_rows"]].to_numpy().tolist() == [
        ["May", "common", 300],
        ["May", "rare", 300],
        ["June", "common", 400],
        ["June", "rare", 400],
    ]
    npt.assert_allclose(history.groupby("when")["share"].sum(), [1, 1])
    assert ((history["low"] <= history["share"]) & (history["share"] <= history["high"])).all()


def test_the_shares_of_every_month_are_found(adapter):
    "From .05 to .6 in six months of 500 rows: each within .06, and in its interval but for one at most."
    shares = np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.3])
    tracker = PriorTracker(adapter)
    for month, share in enumerate(shares):
        tracker.update(population(500, share, month + 1)[0])
    found = rare(tracker)
    npt.assert_allclose(found["share"], shares, atol=0.06)
    assert ((found["low"] <= shares) & (shares <= found["high"])).sum() >= 5
    assert found["when"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_fitted_adapter_is_left_as_it_is(adapter):
    "The tracker adapts a copy."
    before = adapter.prior_.copy()
    tracker = PriorTracker(adapter).update(population(300, 0.5, 1)[0])
    npt.assert_array_equal(adapter.prior_, before)
    assert tracker.output_prior_[1] > 0.4


def test_fitting_is_fitting_the_adapter(adapter):
    "The same history from a classifier and training rows."
    new, _ = population(300, 0.5, 1)
    fitted = PriorTracker(GaussianNB(), random_state=0).fit(*population(2000, 0.1, 0)).update(new)
    pd.testing.assert_frame_equal(fitted.history_, PriorTracker(adapter).update(new).history_)


def test_probabilities_follow_the_latest_batch(adapter):
    "As those of the adapter after that batch."
    new, _ = population(300, 0.5, 1)
    tracker = PriorTracker(GaussianNB(), random_state=0).fit(*population(2000, 0.1, 0)).update(new)
    expected = LabelShiftAdapter(GaussianNB(), random_state=0).fit(*population(2000, 0.1, 0)).adapt(new)
    npt.assert_allclose(tracker.predict_proba(new), expected.predict_proba(new))


def test_the_alarm_is_for_rows_that_changed(adapter):
    "Shares may move; a batch moved by a standard deviation raises it, and the next one does not."
    tracker = PriorTracker(adapter)
    for seed, (share, moved) in enumerate([(0.1, 0), (0.6, 0), (0.1, 1), (0.1, 0)]):
        tracker.update(population(500, share, seed + 1, moved)[0])
    assert rare(tracker)["alarm"].tolist() == [False, False, True, False]
    assert "they changed, too" in rare(tracker)["reason"][2]


def test_a_year_of_months_has_its_false_alarms_together():
    "1 - .95^(1/12) is .00427: with as few draws as can tell, p values of 1 in 470."
    tracker = PriorTracker(LabelShiftAdapter(GaussianNB(), n_bootstrap=100, random_state=0))
    tracker.fit(*population(500, 0.1, 0)).update(population(500, 0.1, 1, moved=2)[0])
    assert rare(tracker)["alarm"].tolist() == [True]
    npt.assert_allclose(rare(tracker)["p_value"], 1 / (469 + 1), rtol=0.01)


def test_false_alarms_are_few(adapter):
    "30 batches of shares from .05 to .6 at 5 % for twelve: 2 alarms or more happen once in 150 times."
    tracker = PriorTracker(adapter)
    for seed in range(30):
        tracker.update(population(200, [0.05, 0.2, 0.6][seed % 3], seed + 1)[0])
    assert rare(tracker)["alarm"].sum() <= 1


def test_a_batch_is_compared_with_the_rows_of_its_reference():
    """Half of the training rows are moved by 3: a batch that is moved, too, is no mixture of the classes of
    all rows, but of those of the moved half, with its share of .5."""
    parts = [population(1000, 0.2, 0), population(1000, 0.2, 1, moved=3.0)]
    X, y = map(np.concatenate, zip(*parts, strict=True))
    moved, (new, _) = np.repeat([False, True], 1000), population(500, 0.5, 2, moved=3.0)
    tracker = PriorTracker(GaussianNB(), random_state=0).fit(X, y)
    found = rare(tracker.update(new, "all").update(new, "moved", reference=moved).update(new, "again"))
    assert found["alarm"].tolist() == [True, False, True]
    assert found["n_held_out"].tolist() == [2000, 1000, 2000]
    assert abs(found["share"][1] - 0.5) < 0.06
    pd.testing.assert_series_equal(found["share"][[0]], found["share"][[2]].set_axis([0]))


def test_a_reference_of_few_rows_is_replaced_by_all_and_said(adapter):
    "Four rare rows are fewer than ten."
    _, y = population(2000, 0.1, 0)
    few = np.isin(np.arange(2000), [*np.flatnonzero(y == "rare")[:4], *np.flatnonzero(y == "common")])
    found = rare(PriorTracker(adapter).update(population(300, 0.1, 1)[0], reference=few)).iloc[-1]
    assert found["n_held_out"] == 2000
    assert (
        "4 rows of class 'rare' among those compared, fewer than 10, so all training rows were"
        in found["reason"]
    )


def test_a_reference_that_makes_no_sense_is_refused(adapter):
    "Of another length, of numbers, or beside remembered rows."
    X, _ = population(300, 0.1, 1)
    for reference in ([True], np.ones(2000)):
        with pytest.raises(ValueError, match="true or false for each of 2,000 training rows"):
            PriorTracker(adapter).update(X, reference=reference)
    with pytest.raises(ValueError, match="Give a reference or half_life"):
        PriorTracker(adapter, half_life=1).update(X, reference=np.ones(2000, dtype=bool))


def test_false_alarms_beside_a_reference_are_few(adapter):
    "30 batches beside a fifth of the rows, at 5 % for twelve: 2 alarms or more happen once in 150 times."
    reference, tracker = np.arange(2000) < 400, PriorTracker(adapter)
    for seed in range(30):
        tracker.update(population(200, [0.05, 0.2, 0.6][seed % 3], seed + 1)[0], reference=reference)
    assert rare(tracker)["alarm"].sum() <= 1
    assert (rare(tracker)["n_held_out"] == 400).all()


def test_with_a_half_life_older_rows_count_less(adapter):
    "Ten batches of .1, then one of .6: half of each is remembered, so the share is about .35, and surer."
    steady, quick = PriorTracker(adapter, half_life=1), PriorTracker(adapter)
    for seed in range(10):
        steady.update(population(400, 0.1, seed + 1)[0])
        quick.update(population(400, 0.1, seed + 1)[0])
    widths = [(rare(t)["high"] - rare(t)["low"]).iloc[-1] for t in (steady, quick)]
    assert widths[0] < widths[1]
    found = rare(steady.update(population(400, 0.6, 11)[0])).iloc[-1]
    assert abs(found["share"] - 0.35) < 0.05
    assert abs(found["n_used"] - 800) < 100


def test_what_raised_the_alarm_is_not_remembered(adapter):
    "After it the shares are those of the rows before and after."
    tracker = PriorTracker(adapter, half_life=1).update(population(500, 0.1, 1)[0])
    tracker.update(population(500, 0.1, 2, moved=3)[0])
    assert rare(tracker)["alarm"].tolist() == [False, True]
    found = rare(tracker.update(population(500, 0.1, 3)[0])).iloc[-1]
    assert found["n_used"] < 850
    assert abs(found["share"] - 0.1) < 0.04


def test_a_table_is_tracked_in_order(adapter):
    "Batches by a column, sorted; the column is no feature."
    parts = []
    for month, share in [(2, 0.5), (1, 0.1)]:
        X, _ = population(300, share, month)
        parts.append(pd.DataFrame(X).assign(month=month))
    table = pd.concat(parts)
    X, y = population(2000, 0.1, 0)
    fitted = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    by_name = PriorTracker(fitted).track(table, "month")
    by_values = PriorTracker(fitted).track(table[[0, 1]], table["month"])
    assert rare(by_name)["when"].tolist() == [1, 2]
    npt.assert_allclose(rare(by_name)["share"], [0.1, 0.5], atol=0.06)
    pd.testing.assert_frame_equal(by_name.history_, by_values.history_)


def test_a_batch_of_few_rows_has_no_share(adapter):
    "It is in the history, with the reason; the shares stay those of the batch before."
    tracker = PriorTracker(adapter).update(population(500, 0.5, 1)[0])
    before = tracker.output_prior_
    tracker.update(population(4, 0.5, 2)[0], when="short")
    last = rare(tracker).iloc[-1]
    assert np.isnan(last["share"]) and not last["alarm"]
    assert last["reason"] == "4 rows say too little about their class shares."
    npt.assert_array_equal(tracker.output_prior_, before)


def test_what_cannot_be_tracked_is_refused(adapter):
    "One line each."
    X, _ = population(300, 0.1, 1)
    tracker = PriorTracker(adapter).update(X, when="May")
    with pytest.raises(ValueError, match="Batch 'May' is in the history already"):
        tracker.update(X, when="May")
    with pytest.raises(ValueError, match="1 rows have no batch"):
        PriorTracker(adapter).track(X, [None, *["May"] * 299])
    with pytest.raises(ValueError, match="half_life must be more than 0 batches, got 0"):
        PriorTracker(adapter, half_life=0).update(X)
    with pytest.raises(ValueError, match="false_alarms must lie between 0 and 1"):
        PriorTracker(adapter, false_alarms=2).update(X)
    with pytest.raises(ValueError, match="The rows have no column 'month'; give the batch of every row"):
        PriorTracker(adapter).track(X, "month")
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[300, 2\]"):
        PriorTracker(adapter).track(X, ["May", "June"])
    with pytest.raises(ValueError, match="coverage must be a number between 0 and 1, got 95"):
        PriorTracker(LabelShiftAdapter(GaussianNB(), coverage=95)).fit(*population(100, 0.3, 1))


# Adapting through a pipeline


def test_a_pipeline_is_adapted_through_its_steps():
    "As the adapter is on rows that are scaled by hand; a search's best estimator, too."
    (X, y), (new, _) = population(1000, 0.1, 0), population(300, 0.5, 1)
    model = make_pipeline(StandardScaler(), LabelShiftAdapter(LogisticRegression(), random_state=0))
    scaler = StandardScaler().fit(X)
    by_hand = LabelShiftAdapter(LogisticRegression(), random_state=0).fit(scaler.transform(X), y)
    expected = by_hand.adapt(scaler.transform(new)).predict_proba(scaler.transform(new))
    npt.assert_allclose(adapt(model.fit(X, y), new).predict_proba(new), expected)
    search = GridSearchCV(model, {"labelshiftadapter__cv": [5]}, cv=2).fit(X, y)
    npt.assert_allclose(adapt(search, new).predict_proba(new), expected)


def test_a_fitted_adapter_is_tracked_wherever_it_stands():
    "In a pipeline, inside decisions by cost, in a search: the history of the adapter on scaled rows."
    (X, y), (new, _) = population(1000, 0.1, 0), population(300, 0.5, 1)
    own = LabelShiftAdapter(LogisticRegression(), random_state=0)
    scaler = StandardScaler().fit(X)
    by_hand = PriorTracker(clone(own).fit(scaler.transform(X), y)).update(scaler.transform(new))
    piped = make_pipeline(StandardScaler(), own)
    search = GridSearchCV(piped, {"labelshiftadapter__cv": [5]}, cv=2)
    for model in (piped, search, CostSensitiveClassifier(piped)):
        tracker = PriorTracker(model.fit(X, y)).update(new)
        pd.testing.assert_frame_equal(tracker.history_, by_hand.history_)
        npt.assert_allclose(tracker.predict_proba(new), by_hand.predict_proba(scaler.transform(new)))


def test_what_does_not_adapt_is_refused():
    "The line says what to do."
    with pytest.raises(TypeError, match="GaussianNB does not adapt; put a LabelShiftAdapter around it"):
        adapt(make_pipeline(StandardScaler(), GaussianNB()).fit([[0.0], [1.0]], [0, 1]), [[0.0]])

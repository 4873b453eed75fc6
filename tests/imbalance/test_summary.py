"""What is said about a comparison: as much as its figures support."""

import pandas as pd
import pytest

from imbalance.comparison.summary import (
    beside_the_shares,
    differences,
    estimated_priors,
    findings,
    summary_table,
)


def scores(**losses):
    "A row per strategy and fold of two classes, with the log losses given; three folds, once."
    rows = [
        {
            "strategy": name.replace("_", "+"), "model": "lightgbm", "repeat": 0, "fold": fold,
            "log_loss": loss, "brier": 0.1, "auc": 0.9, "average_precision": 0.5, "calibration_slope": 1.0,
            "calibration_intercept": 0.0, "recall_a": 0.9, "recall_b": 0.5, "prior_a": 0.9, "prior_b": 0.1,
            "seconds": 1.0,
        }
        for name, values in losses.items()
        for fold, loss in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def said(table, pairs):
    "All findings in one text."
    return " ".join(findings(table, pairs))


def judged(**losses):
    "Table and pairs of such scores, for a target half and half."
    rows = scores(**losses)
    table = summary_table(rows, target={"a": 0.5, "b": 0.5}, test_share=1 / 3)
    return table, differences(rows, test_share=1 / 3)


def test_a_row_of_the_table_by_hand():
    "Differences -0.3, -0.1, -0.2: mean -0.2, three wins; KL of .5/.5 from .9/.1 is 0.5108."
    table, _ = judged(none=[1.0, 1.0, 1.0], weights=[0.7, 0.9, 0.8])
    row = table.set_index("strategy").loc["weights"]
    assert row["log_loss"] == pytest.approx(0.8)
    assert row["log_loss_sd"] == pytest.approx(0.1)
    assert row["vs_none"] == pytest.approx(-0.2)
    assert row["wins"] == 3
    assert row["prior_kl"] == pytest.approx(0.5108, abs=1e-4)
    # 0.1 * sqrt(1/3 + 1/2) * 4.3027, Student's t with 2 degrees of freedom
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 0.1 * 0.912871 * 4.302653, rel=1e-5)
    assert table["strategy"].tolist() == ["weights", "none"]


def test_a_difference_within_noise_is_not_called_one():
    "Lower in the mean, but the folds disagree."
    text = said(*judged(none=[1.0, 1.0, 1.0], weights=[0.5, 1.3, 0.9]))
    assert "no clear difference with weights" in text
    assert "lower log loss with" not in text
    assert "but not clearly lower than none" in text


def test_a_difference_beyond_noise_is():
    "Every fold gains 0.5, give or take 0.01; the other strategy loses as much."
    text = said(*judged(none=[1.0, 1.0, 1.0], weights=[0.5, 0.51, 0.49], smote=[1.5, 1.51, 1.49]))
    assert "lower log loss with weights; higher log loss with smote" in text
    assert "clearly lower than every other strategy" in text
    assert "Of 3 pairs of strategies, 3 differ clearly when each pair is judged by itself" in text


def test_many_pairs_ask_for_wider_intervals():
    "With ten pairs the joint interval is that of 99.5 %, and holds the one of 95 %."
    _, pairs = judged(
        **{name: [1.0, 1.1, 1.3 + n / 9] for n, name in enumerate(["none", "b", "c", "d", "e"])}
    )
    assert len(pairs) == 10
    assert (pairs["joint_low"] < pairs["ci_low"]).all()
    assert (pairs["joint_high"] > pairs["ci_high"]).all()


def test_rounding_is_no_difference():
    "1e-15 in every fold has no spread, so its interval would exclude zero."
    table, _ = judged(none=[1.0, 1.0, 1.0], none_prior=[1 - 1e-15] * 3)
    row = table.set_index("strategy").loc["none+prior"]
    assert row[["vs_none", "ci_low", "ci_high", "wins"]].tolist() == [0, 0, 0, 0]


def test_why_is_said_only_where_correction_helps():
    "Nothing but the prior is changed from none to none+prior."
    helps = said(*judged(none=[1.0, 1.1, 1.2], none_prior=[0.5, 0.61, 0.69]))
    assert "Why: 0.500 of the 1.100 nats" in helps
    assert "Why" not in said(*judged(none=[1.0, 1.1, 1.2], none_prior=[1.5, 0.61, 0.99]))


def test_the_claim_of_the_best_is_judged_jointly():
    """Five strategies by hand: differences of the best to the next have an interval of 95 % below 0, but not
    of 1 - 5 % / 4, so that the first sentence does not tell them apart; the table's interval stays."""
    losses = {name: [2.0, 2.1, 2.2] for name in ("c", "d", "e")}
    table, pairs = judged(none=[1.0, 1.0, 1.0], b=[0.8, 0.72, 0.76], **losses)
    row = table.set_index("strategy").loc["b"]
    assert row["ci_high"] < 0
    pair = pairs[(pairs["strategy"] == "b") & (pairs["other"] == "none")].iloc[0]
    # 0.04 * sqrt(1/3 + 1/2) times Student's t with 2 degrees of freedom at 1 - 0.05 / 4 / 2
    assert pair["best_high"] - pair["difference"] == pytest.approx(0.04 * 0.912871 * 8.860, rel=1e-3)
    assert pair["best_high"] > 0
    first, against, *_ = findings(table, pairs)
    assert "not clearly lower than none (all strategies judged jointly, Bonferroni)" in first
    assert "lower log loss with b" in against
    assert "each strategy by itself" in against


def test_none_alone_is_compared_to_nothing():
    "There is no other strategy to be less than."
    text = said(*judged(none=[1.0, 1.0, 1.0]))
    assert "every other strategy" not in text


def test_a_model_is_named_where_there_are_several():
    "One model needs no name before every sentence."
    table, pairs = judged(none=[1.0, 1.0, 1.0], weights=[0.7, 0.9, 0.8])
    assert findings(table, pairs)[0].startswith("weights has the lowest mean log loss, 0.800 ± 0.100")
    both = [pd.concat([one, one.assign(model="catboost")]) for one in (table, pairs)]
    assert findings(*both)[0].startswith("lightgbm: weights has")


def test_all_can_be_better_than_the_shares():
    "Half and half is log 2 = 0.693 nats; 0.4 and 0.6 are less."
    table, _ = judged(none=[0.6, 0.6, 0.6], weights=[0.4, 0.4, 0.4])
    (sentence,) = beside_the_shares(table, {"a": 0.5, "b": 0.5})
    assert sentence.endswith("0.693 nats: every strategy does better.")


def test_what_em_estimated_is_said_beside_the_truth():
    "Shares of b 0.3, 0.4 and 0.5: mean 0.4, standard deviation 0.1; the target has 0.5."
    rows = scores(none_em=[1.0, 1.0, 1.0]).assign(prior_b=[0.3, 0.4, 0.5], prior_a=[0.7, 0.6, 0.5])
    (sentence,) = estimated_priors(rows, ["none+em"], target={"a": 0.5, "b": 0.5})
    assert "b 0.400 ± 0.100 (0.5)" in sentence
    assert estimated_priors(rows, [], target={"a": 0.5, "b": 0.5}) == []


def test_prior_errors_of_folds_do_not_cancel():
    "EM at 0.2 in one fold and 0.8 in another is wrong in both: KL(.5; .2) = 0.2231, not 0."
    rows = scores(none=[1.0, 1.0]).assign(prior_a=[0.2, 0.8], prior_b=[0.8, 0.2])
    table = summary_table(rows, target={"a": 0.5, "b": 0.5}, test_share=1 / 2)
    assert table["prior_kl"].item() == pytest.approx(0.2231, abs=1e-4)

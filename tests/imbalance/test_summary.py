"""What is said about a comparison: as much as its figures support, the answer first."""

import numpy as np
import pandas as pd
import pytest

from imbalance.comparison.summary import (
    answer,
    beside_the_shares,
    differences,
    findings,
    learner_or_rows,
    may_be_best,
    summary_table,
)

TARGET = {"a": 0.5, "b": 0.5}


def scores(model="lightgbm", **losses):
    "A row per strategy and fold of two classes, with the log losses given; three folds, once."
    rows = []
    for name, values in losses.items():
        treatment, _, ending = name.partition("_")
        treatment = "as they are" if treatment == "none" else treatment
        for fold, loss in enumerate(values):
            rows.append(
                {
                    "strategy": treatment + ("+" + ending if ending else ""), "model": model,
                    "rows": treatment, "ending": ending or "raw", "repeat": 0, "fold": fold,
                    "log_loss": loss, "brier": 0.1, "auc": 0.9, "average_precision": 0.5,
                    "calibration_slope": 1.0, "calibration_intercept": 0.0, "recall_a": 0.9, "recall_b": 0.5,
                    "prior_a": 0.9, "prior_b": 0.1, "seconds": 1.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def table_of(rows):
    "The table of such scores, for a target half and half."
    return summary_table(rows, target=TARGET, test_share=1 / 3)


def said(rows):
    "All findings in one text."
    return " ".join(findings(table_of(rows), rows, target=TARGET))


def test_a_row_of_the_table_by_hand():
    "Differences -0.3, -0.1, -0.2: mean -0.2, three wins; KL of .5/.5 from .9/.1 is 0.5108."
    table = table_of(scores(none=[1.0, 1.0, 1.0], weights=[0.7, 0.9, 0.8]))
    row = table.set_index("strategy").loc["weights"]
    assert row["log_loss"] == pytest.approx(0.8)
    assert row["log_loss_sd"] == pytest.approx(0.1)
    assert row["vs_none"] == pytest.approx(-0.2)
    assert row["wins"] == 3
    assert row["mismatch"] == pytest.approx(0.5108, abs=1e-4)
    # 0.1 * sqrt(1/3 + 1/2) * 4.3027, Student's t with 2 degrees of freedom
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 0.1 * 0.912871 * 4.302653, rel=1e-5)
    assert table["strategy"].tolist() == ["weights", "as they are"]


def test_the_difference_is_to_nothing_by_the_same_model():
    "Another model's nothing is another: -0.5 for one, -0.1 for the other."
    both = pd.concat(
        [
            scores(none=[1.0, 1.0, 1.0], smote=[0.5, 0.5, 0.5]),
            scores("logistic", none=[0.4, 0.4, 0.4], smote=[0.3, 0.3, 0.3]),
        ]
    )
    table = table_of(both).set_index(["model", "strategy"])
    assert table["vs_none"]["lightgbm", "smote"] == pytest.approx(-0.5)
    assert table["vs_none"]["logistic", "smote"] == pytest.approx(-0.1)
    assert table_of(both)["log_loss"].is_monotonic_increasing


def test_a_difference_within_noise_is_not_called_one():
    "Lower in the mean, but the folds disagree."
    text = answer(table_of(scores(none=[1.0, 1.0, 1.0], weights=[0.5, 1.3, 0.9])))
    assert text.startswith("Cannot tell any of the 2 apart on these rows; weights has the lowest log loss")
    assert "is not clearly better than nothing (by 0.1, 95 % -" in text


def test_a_difference_beyond_noise_is():
    "Every fold gains 0.5, give or take 0.01."
    rows = scores(none=[1.0, 1.0, 1.0], weights=[0.5, 0.51, 0.49], smote=[1.5, 1.51, 1.49])
    # 0.01 * sqrt(1/3 + 1/2) * 4.3027 = 0.039
    assert answer(table_of(rows)) == (
        "weights has the lowest log loss, 0.500, clearly below all others; it is 0.5 better than nothing "
        "(95 % 0.46 to 0.54)."
    )
    assert table_of(rows).set_index("strategy")["level"].to_dict() == {
        "weights": True, "as they are": False, "smote": False,
    }  # fmt: skip


def test_many_that_are_level_are_counted_not_listed():
    "Nine of ten within noise of each other: no list of nine names."
    level = {f"s{n}": [0.5 + n / 1000, 0.6, 0.4 + n / 1000] for n in range(9)}
    text = answer(table_of(scores(none=[5.0, 5.01, 5.02], **level)))
    assert text.startswith(
        "Cannot tell 9 of 10 apart on these rows; s0 has the lowest log loss; it is 4.5 better"
    )
    assert "s3" not in text


def test_few_that_are_level_are_named():
    "Three of four."
    rows = scores(
        none=[5.0, 5.01, 5.02], smote=[0.5, 0.6, 0.4], weights=[0.4, 0.65, 0.47], bag=[0.5, 0.61, 0.42]
    )
    assert answer(table_of(rows)).startswith(
        "Cannot tell smote, weights and bag apart on these rows; smote is 4.5"
    )


def test_nothing_can_be_best():
    "Then it is said, and no difference of it to itself."
    rows = scores(none=[0.5, 0.5, 0.5], smote=[1.0, 1.1, 1.05])
    text = answer(table_of(rows))
    assert text.endswith("it is nothing done to the rows and nothing corrected.")
    assert "there is nothing to compare it with" in answer(table_of(scores(none=[1.0, 1.1, 1.2])))


def test_a_pair_among_many_is_judged_jointly_and_rows_that_are_alike_count_as_one():
    """The joint interval of b and nothing is wider than Student's t (4.303) and, since c, d and e are one,
    narrower than Bonferroni's for two comparisons (6.205); for four it would be 8.860."""
    alike = {name: [2.0, 2.1, 2.2] for name in ("c", "d", "e")}
    rows = scores(none=[1.0, 1.0, 1.0], b=[0.8, 0.72, 0.76], **alike)
    pairs = differences(rows, test_share=1 / 3)
    pair = pairs[(pairs["strategy"] == "b") & (pairs["other"] == "as they are")].iloc[0]
    # 0.04 * sqrt(1/3 + 1/2) is the standard error
    assert 4.303 < (pair["joint_high"] - pair["difference"]) / (0.04 * 0.912871) < 6.205
    assert pair["ci_high"] < pair["joint_high"] < 0
    assert table_of(rows)["level"].tolist() == [True, False, False, False, False]
    assert len(pairs) == 10


def test_the_lowest_in_truth_is_marked():
    "Twelve rows of one and the same loss, ten folds: the first of them is told worse in 2.5 % of 60 draws."
    rng, missed = np.random.default_rng(0), 0
    for _ in range(60):
        names = pd.MultiIndex.from_tuples([(f"s{n}", "m") for n in range(12)])
        missed += not may_be_best(pd.DataFrame(rng.normal(size=(10, 12)), columns=names), 0).iloc[0]
    assert missed <= 5


def test_rounding_is_no_difference():
    "1e-15 in every fold has no spread, so its interval would exclude zero."
    table = table_of(scores(none=[1.0, 1.0, 1.0], none_prior=[1 - 1e-15] * 3))
    row = table.set_index("strategy").loc["as they are+prior"]
    assert row[["vs_none", "ci_low", "ci_high", "wins"]].tolist() == [0, 0, 0, 0]


def test_what_the_class_shares_cost_is_said_only_where_correction_helps():
    "Nothing but the shares is changed from raw to prior: 0.5 of 1.1 nats."
    helps = said(scores(none=[1.0, 1.1, 1.2], none_prior=[0.5, 0.61, 0.69]))
    assert "0.500 of the 1.100 nats that the rows as they are lose come from the wrong class shares" in helps
    assert "wrong class shares" not in said(scores(none=[1.0, 1.1, 1.2], none_prior=[1.5, 0.61, 0.99]))


def test_the_learner_is_set_against_the_treatment_of_rows():
    "Calibrated: models 0.3 and 0.5 apart by 0.2 in both rows, rows by 0.02 and 0.0; raw rows do not count."
    both = pd.concat(
        [
            scores("x", none=[9.0, 9.1, 9.2], none_calibrated=[0.3] * 3, smote_calibrated=[0.32] * 3),
            scores("y", none=[9.0, 9.1, 9.2], none_calibrated=[0.5] * 3, smote_calibrated=[0.5] * 3),
        ]
    )
    assert learner_or_rows(table_of(both)) == (
        "The learner moves the log loss by 0.19 on average; what is done to the rows by 0.01 (calibrated)."
    )
    assert learner_or_rows(table_of(scores(none=[1.0, 1.1, 1.2], smote=[1.0, 1.1, 1.2]))) == ""


def test_all_can_be_better_than_the_shares():
    "Half and half is log 2 = 0.693 nats; 0.4 and 0.6 are less."
    table = table_of(scores(none=[0.6, 0.6, 0.6], weights=[0.4, 0.4, 0.4]))
    assert beside_the_shares(table, TARGET).endswith("the log loss is 0.693: all do better.")


def test_what_em_estimated_is_said_beside_the_truth():
    "Shares of b 0.3, 0.4 and 0.5: mean 0.4, standard deviation 0.1; the target has 0.5."
    plain = scores(none=[1.0, 1.0, 1.0])
    rows = scores(none_em=[0.9, 0.9, 0.9]).assign(prior_b=[0.3, 0.4, 0.5], prior_a=[0.7, 0.6, 0.5])
    assert "as they are+em estimated the class shares" in said(pd.concat([plain, rows]))
    assert "b 0.400 ± 0.100 (0.5)" in said(pd.concat([plain, rows]))
    assert "estimated" not in said(plain)


def test_costs_order_the_table_and_the_answer():
    "smote has the lowest log loss, nothing the lowest cost: .2 a row in every fold against .3."
    rows = scores(none=[1.0, 1.1, 1.2], smote=[0.5, 0.6, 0.7]).assign(cost=[0.2] * 3 + [0.3] * 3)
    table = table_of(rows)
    assert table["strategy"].tolist() == ["as they are", "smote"]
    assert table["level"].tolist() == [True, False]
    assert table.loc[1, ["cost", "cost_vs_none", "vs_none"]].tolist() == pytest.approx([0.3, 0.1, -0.5])
    assert said(rows).startswith(
        "as they are costs least, 0.2 a row, clearly below all others; it is nothing"
    )
    assert "smote has the lowest log loss, 0.600; as they are has 1.100." in said(rows)


def test_what_the_cheapest_saves_is_said():
    "Half and .1 a row, in every fold; its log loss is the lowest, too."
    rows = scores(none=[1.0, 1.1, 1.2], smote=[0.5, 0.6, 0.7]).assign(cost=[0.6] * 3 + [0.1] * 3)
    assert answer(table_of(rows)) == (
        "smote costs least, 0.1 a row, clearly below all others; it is 0.5 better than nothing "
        "(95 % 0.5 to 0.5)."
    )
    assert "Its log loss, 0.600, is the lowest, too." in said(rows)


def test_mismatches_of_folds_do_not_cancel():
    "EM at 0.2 in one fold and 0.8 in another is wrong in both: KL(.5; .2) = 0.2231, not 0."
    rows = scores(none=[1.0, 1.0]).assign(prior_a=[0.2, 0.8], prior_b=[0.8, 0.2])
    table = summary_table(rows, target=TARGET, test_share=1 / 2)
    assert table["mismatch"].item() == pytest.approx(0.2231, abs=1e-4)


def test_a_gap_that_the_best_of_many_may_have_by_luck_is_called_so():
    """Differences of -.5, -.4 and -.3 are -.4 ± .39 for one pair; among nine rows that go their own ways the
    two are level, and the sentence says why."""
    others = {f"s{n}": [5 + n + np.cos(n), 5 + n + np.sin(n), 5 + n] for n in range(7)}
    table = table_of(scores(none=[1.0, 1.0, 1.0], weights=[0.5, 0.6, 0.7], **others))
    assert table["strategy"][0] == "weights" and table["ci_high"][0] < 0
    assert "Cannot tell weights and as they are apart" in answer(table)
    assert answer(table).endswith(", but the best of 9 can be that much better by luck.")

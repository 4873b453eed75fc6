"""Several sets, each family of them counted once."""

import json

import pandas as pd
import pytest
from imblearn.under_sampling import RandomUnderSampler

from imbalance.comparison.strategies import Strategy
from imbalance.datasets.suite import SuiteResult, compare_suite, suite_findings, suite_table, write_suite


def row(name, family, strategy, log_loss, vs_none, half_width=0.1):
    "A row of a set's table."
    return {
        "set": name, "family": family, "strategy": strategy, "model": "lightgbm", "log_loss": log_loss,
        "vs_none": vs_none, "ci_low": vs_none - half_width, "ci_high": vs_none + half_width,
    }  # fmt: skip


def test_a_family_counts_once():
    "Two sister sets at -0.4 and -0.2 are one family at -0.3; with another at +0.1 the mean is -0.1."
    sets = pd.DataFrame(
        [
            row("one", "yeast", "none", 1.0, 0.0, 0.0),
            row("one", "yeast", "smote", 0.6, -0.4),
            row("two", "yeast", "none", 1.0, 0.0, 0.0),
            row("two", "yeast", "smote", 0.8, -0.2),
            row("loans", "loans", "none", 1.0, 0.0, 0.0),
            row("loans", "loans", "smote", 1.1, 0.1),
        ]
    )
    smote = suite_table(sets).set_index("strategy").loc["smote"]
    assert smote["vs_none"] == pytest.approx(-0.1)
    assert (smote["families"], smote["sets"], smote["families_below"]) == (2, 3, 1)
    assert (smote["sets_clearly_below"], smote["sets_clearly_above"]) == (2, 0)
    assert smote["rank"] == pytest.approx(1.5)


def test_families_are_the_cases_of_the_sign_test():
    "none+prior below none in 5 of 5 families: p = 2 / 32; one family is not tested."
    sets = pd.DataFrame(
        [
            row(name, name, strategy, 1.0, difference)
            for name in "abcde"
            for strategy, difference in [("none", 0.0), ("smote", -0.2), ("none+prior", -0.1)]
        ]
    )
    best, named = suite_findings(suite_table(sets))
    assert "smote has the lowest mean difference to none, -0.200 nats (chosen after looking" in best
    assert "it is below none in 5 of them" in best
    assert " p = " not in best
    assert "none+prior, named beforehand, is below none in 5 of 5 families" in named
    assert "sign test p = 0.062" in named
    best, named = suite_findings(suite_table(sets[sets["set"] == "a"]))
    assert "Over 1 family, smote has the lowest" in best
    assert "1 of 1 family (mean difference -0.100 nats; one family, so no test)" in named


@pytest.mark.slow
def test_a_suite_of_one_set_that_ships_with_scikit_learn(tmp_path):
    "Its folder is a comparison's folder, and the suite's table stands beside it."
    options = {"strategies": ["none+prior"], "n_splits": 2, "n_repeats": 1}
    result = compare_suite("digits-8", out=tmp_path, **options)
    write_suite(result, tmp_path)
    assert (tmp_path / "digits-8" / "table.csv").exists()
    assert result.table["families"].tolist() == [1, 1]
    assert pd.read_csv(tmp_path / "sets.csv")["family"].unique().tolist() == ["optdigits"]
    assert "vs none" in (tmp_path / "table.md").read_text()
    settings = json.loads((tmp_path / "suite.json").read_text(encoding="utf-8"))
    assert (settings["seed"], settings["n_splits"], settings["sets"]) == (0, 2, ["digits-8"])
    assert "lightgbm" in settings["versions"]
    with pytest.raises(ValueError, match="holds a suite with other seed"):
        compare_suite("digits-8", out=tmp_path, seed=1, **options)


def test_a_folder_that_is_no_suites_is_left_alone(tmp_path):
    "Neither is a comparison started in it nor is a table written."
    (tmp_path / "letter.txt").write_text("keep")
    with pytest.raises(FileExistsError, match=r"has no suite\.json"):
        compare_suite("digits-8", out=tmp_path, strategies=[])
    table = pd.DataFrame([row("a", "a", "none", 1.0, 0.0)])
    with pytest.raises(FileExistsError, match=r"has no suite\.json"):
        write_suite(SuiteResult(table, suite_table(table)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_set_that_a_strategy_cannot_take_is_left_out_and_said(tmp_path):
    "No rare rows can be dropped to reach 5,000; the suite goes on and says why the set is missing."
    impossible = Strategy("impossible", sampler=RandomUnderSampler(sampling_strategy={"rare": 5000}))
    options = {"strategies": [impossible], "n_splits": 2, "n_repeats": 1}
    with pytest.raises(ValueError, match="No set .* Left out digits-8: Strategy 'impossible'"):
        compare_suite("digits-8", out=tmp_path, **options)


def test_a_set_that_is_too_small_is_left_out_and_said(tmp_path):
    "174 rows of the class cannot be dealt to 1,000 folds; with no other set the reason is the error."
    with pytest.raises(ValueError, match="Left out digits-8: Class rare has 174 rows"):
        compare_suite("digits-8", out=tmp_path, strategies=[], n_splits=1000)

"""Several sets, each family of them counted once."""

import json

import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import RandomUnderSampler

from imbalance.comparison.strategies import Strategy
from imbalance.datasets.suite import (
    SuiteResult,
    compare_suite,
    mean_interval,
    suite_findings,
    suite_table,
    write_suite,
)

QUICK = {"models": "logistic", "rows": "none", "ending": "prior", "cv": 2, "repeats": 1}


def sets_of(losses):
    "Tables of sets from log losses by set, family, rows and ending, one model."
    return pd.DataFrame(
        [
            {
                "set": name,
                "family": family,
                "model": "logistic",
                "rows": rows,
                "ending": ending,
                "log_loss": loss,
            }
            for (name, family, rows, ending), loss in losses.items()
        ]
    )


def three_families(*, sampled, calibrated=0.5):
    "Doing nothing loses 1.0 on each of three families, under-sampling and calibration what is told."
    shifts = dict(zip("abc", (-0.01, 0.0, 0.01), strict=True))
    return sets_of(
        {
            (name, name, rows, ending): 1.0 if (rows, ending) == ("as they are", "raw") else loss + shift
            for name, shift in shifts.items()
            for rows, ending, loss in (
                ("as they are", "raw", 1.0),
                ("as they are", "calibrated", calibrated),
                ("under-sample", "raw", 0.7),
                ("under-sample", "calibrated", sampled + shift),
            )
        }
    )


def test_a_family_counts_once():
    "Two sister sets at -0.4 and -0.2 are one family at -0.3; with another at +0.1 the mean is -0.1."
    none = {
        (name, family, "as they are", "raw"): 1.0 for name, family in (("1", "y"), ("2", "y"), ("3", "z"))
    }
    smote = {
        ("1", "y", "smote", "raw"): 0.6,
        ("2", "y", "smote", "raw"): 0.8,
        ("3", "z", "smote", "raw"): 1.1,
    }
    row = suite_table(sets_of(none | smote)).set_index("strategy").loc["smote"]
    assert row["vs_none"] == pytest.approx(-0.1)
    assert (row["families"], row["sets"], row["families_below"]) == (2, 3, 1)
    assert row["vs_rows"] == pytest.approx(-0.1)


def test_the_interval_is_students():
    "0, 1 and 2: mean 1, standard error 1 / sqrt(3), quantile 4.303 for two degrees of freedom."
    mean, low, high = mean_interval([0, 1, 2])
    np.testing.assert_allclose(
        [mean, low, high], [1, 1 - 4.303 / np.sqrt(3), 1 + 4.303 / np.sqrt(3)], atol=1e-3
    )
    assert np.isnan(mean_interval([3.0])[1:]).all()


def test_rows_are_compared_with_the_same_done_to_the_probabilities():
    "Raw, under-sampling is 0.3 below nothing; calibrated, 0.02 above, which no interval puts below zero."
    table = suite_table(three_families(sampled=0.52)).set_index("strategy")
    assert table.loc["under-sample", "vs_rows"] == pytest.approx(-0.3)
    assert table.loc["under-sample+calibrated", "vs_none"] == pytest.approx(-0.48)
    assert table.loc["under-sample+calibrated", "vs_rows"] == pytest.approx(0.02)
    assert np.isnan(table.loc["as they are", "vs_rows"])
    said = " ".join(suite_findings(three_families(sampled=0.52)))
    assert "With raw probabilities, what is done to the rows helps (under-sample)" in said
    assert "hardly matters: no interval lies below 0" in said
    assert "changes the log loss by -0.500 (95 % interval" in said


def test_rows_that_still_help_are_named():
    "A tenth less than the calibrated probabilities of the rows as they are, on every family."
    said = " ".join(suite_findings(three_families(sampled=0.4)))
    assert "what is done to the rows still helps (under-sample)" in said
    assert "hardly matters" not in said


def test_the_model_is_said_where_there_are_several():
    "Worst minus best on each set: 0.2 in the mean."
    sets = three_families(sampled=0.5)
    other = sets.assign(model="lightgbm", log_loss=sets["log_loss"] + 0.2)
    assert "The choice of the model alone moves it by 0.200" in suite_findings(pd.concat([sets, other]))[-1]


@pytest.mark.slow
def test_a_suite_of_one_set_that_ships_with_scikit_learn(tmp_path):
    "Its folder is a comparison's folder, and the suite's table stands beside it."
    result = compare_suite("digits-8", out=tmp_path, **QUICK)
    write_suite(result, tmp_path)
    assert (tmp_path / "digits-8" / "table.csv").exists()
    assert result.table["families"].tolist() == [1, 1]
    assert pd.read_csv(tmp_path / "sets.csv")["family"].unique().tolist() == ["optdigits"]
    assert "difference to none" in (tmp_path / "table.md").read_text()
    settings = json.loads((tmp_path / "suite.json").read_text(encoding="utf-8"))
    assert (settings["seed"], settings["cv"], settings["sets"]) == (0, 2, ["digits-8"])
    assert "scikit-learn" in settings["versions"]
    with pytest.raises(ValueError, match="holds a suite with other seed"):
        compare_suite("digits-8", out=tmp_path, seed=1, **QUICK)


def test_a_folder_that_is_no_suites_is_left_alone(tmp_path):
    "Neither is a comparison started in it nor is a table written."
    (tmp_path / "letter.txt").write_text("keep")
    with pytest.raises(FileExistsError, match=r"has no suite\.json"):
        compare_suite("digits-8", out=tmp_path, **QUICK)
    table = three_families(sampled=0.5)
    with pytest.raises(FileExistsError, match=r"has no suite\.json"):
        write_suite(SuiteResult(suite_table(table), sets=table), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_rows_that_a_set_does_not_allow_are_said(tmp_path):
    "No rare rows can be dropped to reach 5,000: the rows as they are remain, and a note says so."
    impossible = Strategy("impossible", sampler=RandomUnderSampler(sampling_strategy={"rare": 5000}))
    result = compare_suite("digits-8", out=tmp_path, **QUICK | {"rows": [impossible, "none"]})
    assert set(result.table["rows"]) == {"as they are"}
    assert any(note.startswith("digits-8") and "impossible" in note for note in result.notes)


def test_a_set_that_is_too_small_is_left_out_and_said(tmp_path):
    "174 rows of the class cannot be dealt to 1,000 folds; with no other set the reason is the error."
    with pytest.raises(ValueError, match="Left out digits-8: Class rare has 174 rows"):
        compare_suite("digits-8", out=tmp_path, **QUICK | {"cv": 1000})

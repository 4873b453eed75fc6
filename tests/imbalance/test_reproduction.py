"""Orders, pairs and wins are counted as a reader would; a run goes on and never mixes settings."""

import json
from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from imbalance import boosters
from imbalance.comparison.strategies import STRATEGIES
from imbalance.reproduction import Case, reproduce, reproduction_cases, rows_at, shared_fits
from imbalance.reproduction_report import findings, loss_picture, shown_table, write_reproduction
from imbalance.reproduction_scores import order_counts, pair_counts, reproduction_table, t_interval
from imbalance.standin import PUBLISHED, TRAINING_ROWS

PRIOR = {"normal": 0.749, "post_alzheimer": 0.171, "pre_alzheimer": 0.080}

PLAIN = [
    Case(STRATEGIES["drop-majority"], published="drop-majority"),
    Case(STRATEGIES["none"], published="none"),
    Case(STRATEGIES["none+prior"]),
]

TRIAL = {"scale": 0.03, "validation_rows": 300, "cases": PLAIN}


@pytest.fixture
def scores():
    """Three seeds by hand: losses of the post's strategies, "weights" read in two ways, and one of ours."""
    losses = {
        ("drop-majority", "lightgbm", "drop-majority"): [0.50, 0.55, 0.52],
        ("weights-target", "catboost", "weights"): [0.51, 0.54, 0.53],
        ("weights", "catboost", "weights"): [0.90, 0.91, 0.92],
        ("smote-under", "lightgbm", "smote-under"): [0.60, 0.61, 0.62],
        ("none", "lightgbm", "none"): [0.70, 0.71, 0.72],
        ("none+prior", "lightgbm", ""): [0.49, 0.53, 0.53],
    }
    prior = {"prior_normal": 0.749, "prior_post_alzheimer": 0.171, "prior_pre_alzheimer": 0.080}
    return pd.DataFrame(
        [
            {"data": "STAND-IN", "seed": seed, "strategy": strategy, "model": model}
            | {"published": published, "log_loss": loss}
            | prior
            | {"brier": 0.2, "auc": 0.8, "seconds": 1.0}
            for (strategy, model, published), column in losses.items()
            for seed, loss in enumerate(column)
        ]
    )


def test_the_post_has_four_strategies_and_weights_are_read_in_two_ways():
    "Nobody published which weights; each reading is a case of its own."
    named = [case.published for case in reproduction_cases() if case.published]
    assert set(named) == set(PUBLISHED)
    assert named.count("weights") == 2
    assert {case.model for case in reproduction_cases() if case.published == "weights"} == {"catboost"}


def test_cases_that_differ_after_the_fit_share_it():
    "none and what is made of it fit once; drop and its correction, too."
    groups = [{case.name for case in group} for group in shared_fits(reproduction_cases())]
    assert {"none", "none+prior", "none+em", "calibrated+prior", "calibrated+em"} in groups
    assert {"drop-majority", "drop-majority+prior"} in groups


def test_orders_by_hand(scores):
    "Target weights: the published order in seeds 0 and 2, weights first in seed 1; alike: never."
    orders = order_counts(scores).set_index(["weights", "order"])["seeds"]
    published = "drop-majority < weights < smote-under < none"
    assert orders["weights-target", published] == 2
    assert orders["weights-target", "weights < drop-majority < smote-under < none"] == 1
    assert orders["weights", published] == 0
    assert orders["weights", "drop-majority < smote-under < none < weights"] == 3


def test_pairs_by_hand(scores):
    "drop below weights in two of three seeds, by 0.01/3 in the mean; below none always."
    pairs = pair_counts(scores).set_index(["weights", "better", "worse"])
    near = pairs.loc[("weights-target", "drop-majority", "weights")]
    assert near["holds"] == 2
    npt.assert_allclose(near["difference"], (-0.01 + 0.01 - 0.01) / 3)
    assert pairs.loc[("weights", "drop-majority", "none"), "holds"] == 3


def test_the_table_by_hand(scores):
    "none+prior against drop, the published best: -0.01, -0.02 and +0.01."
    table = reproduction_table(scores).set_index(["strategy", "model"])
    ours = table.loc[("none+prior", "lightgbm")]
    npt.assert_allclose(ours["vs_best"], -0.02 / 3)
    assert ours["wins"] == 2
    assert np.isnan(ours["published"])
    assert table.loc[("weights", "catboost"), "published"] == PUBLISHED["weights"]
    npt.assert_allclose(table.loc[("none", "lightgbm"), "log_loss_sd"], 0.01)
    npt.assert_allclose(ours["prior_kl"], 0, atol=1e-9)


def test_an_interval_by_hand():
    "Five differences: t of four degrees of freedom at .975 is 2.7764, the standard error a tenth."
    low, high = t_interval(0.2 + np.array([-2, -1, 0, 1, 2]) / np.sqrt(50))
    npt.assert_allclose([low, high], [0.2 - 2.7764 * 0.1, 0.2 + 2.7764 * 0.1], rtol=1e-4)


def test_few_seeds_have_no_interval(scores):
    "Three seeds: no interval and no spread in what is shown, and the sentences say how many are needed."
    assert np.isnan(t_interval([0.1, 0.2, 0.3, 0.4])).all()
    assert reproduction_table(scores)[["ci_low", "ci_high"]].isna().all(axis=None)
    assert set(shown_table(scores)["95 %"]) == set(shown_table(scores)["±"]) == {"-"}
    assert "(no interval: 3 seeds, 5 are needed)" in findings(scores)[-1]


def test_the_published_best_is_not_compared_with_itself(scores):
    "A dash instead of a difference of zero and no win."
    row = shown_table(scores).set_index("strategy").loc["drop-majority"]
    assert row[["vs drop-majority", "95 %", "wins"]].tolist() == ["-", "-", "-"]


def test_a_trial_is_called_so_everywhere_and_shows_nothing_published(scores, tmp_path):
    "Every row, sentence, page and picture says TRIAL; no published loss, difference or order is in them."
    trial = scores.assign(data="STAND-IN, TRIAL")
    settings = {"training_rows": rows_at(0.05), "validation_rows": 500, "target_prior": PRIOR}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    write_reproduction(trial, tmp_path)
    for name in ("table.csv", "orders.csv", "pairs.csv"):
        table = pd.read_csv(tmp_path / name)
        assert set(table["data"]) == {"STAND-IN, TRIAL"}
        assert not [column for column in table if "published" in column]
    assert all(sentence.startswith("STAND-IN, TRIAL: ") for sentence in findings(trial))
    for name in ("table.md", "table.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "A TRIAL of the published comparison on a STAND-IN" in text
        assert "its figures say nothing about the published ones" in text
        assert not [loss for loss in PUBLISHED.values() if f"{loss:.4f}" in text]
    assert loss_picture(trial).get_suptitle() == "STAND-IN, TRIAL"
    assert len(loss_picture(trial).axes[0].lines) == len(loss_picture(scores).axes[0].lines) - 1


def test_a_trial_keeps_the_shares_of_the_classes():
    "A twentieth of each class, or a refusal that names the class and the least scale: 12 of 420 rows."
    assert rows_at(1.0) == TRAINING_ROWS
    assert rows_at(0.05) == {"normal": 1560, "post_alzheimer": 57, "pre_alzheimer": 21}
    with pytest.raises(
        ValueError, match="scale of 0.02 leaves 8 rows of pre_alzheimer; .* take 0.03 or more"
    ):
        rows_at(0.02)
    assert rows_at(0.03)["pre_alzheimer"] == 13


def test_every_text_says_that_it_is_a_stand_in(scores, tmp_path):
    "Every row of every table, every sentence, the page; and the assumptions stand in two places."
    (tmp_path / "settings.json").write_text(
        json.dumps(
            {
                "training_rows": TRAINING_ROWS,
                "validation_rows": 100,
                "target_prior": PRIOR,
            }
        )
    )
    write_reproduction(scores, tmp_path)
    assert all(sentence.startswith("STAND-IN: ") for sentence in findings(scores))
    written = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert written == findings(scores)
    for name in ("table.csv", "orders.csv", "pairs.csv"):
        assert set(pd.read_csv(tmp_path / name)["data"]) == {"STAND-IN"}
    assert set(pd.read_parquet(tmp_path / "scores.parquet")["data"]) == {"STAND-IN"}
    records = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert {record["data"] for record in records} == {"STAND-IN"}
    page = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert page.startswith("# The published comparison on a STAND-IN")
    assert "The published comparison on a STAND-IN" in (tmp_path / "table.html").read_text(encoding="utf-8")
    assert (tmp_path / "log_loss.png").exists()
    assert loss_picture(scores).get_suptitle() == "STAND-IN"
    assert "| none+prior | lightgbm | - |" in page
    for text in (page.split("|")[0], findings(scores)[0]):
        assert "exact posteriors reproduce the published log loss of none" in text
        assert "label shift is pure by construction" in text
    assert "do not stand for the counted prior" in page
    assert pd.read_csv(tmp_path / "orders.csv")["published"].sum() == 2


@pytest.mark.long
def test_a_stopped_run_goes_on_with_the_same_values(tmp_path):
    "One seed, then two in the same folder: as two at once, and the first is not run again."
    first = reproduce(tmp_path / "stopped", seeds=1, **TRIAL)
    written = (tmp_path / "stopped" / "seeds" / "seed-000.json").stat().st_mtime_ns
    both = reproduce(tmp_path / "stopped", seeds=2, **TRIAL).drop(columns="seconds")
    at_once = reproduce(tmp_path / "at-once", seeds=2, **TRIAL).drop(columns="seconds")
    pd.testing.assert_frame_equal(both, at_once)
    assert both["log_loss"].tolist()[:3] == first["log_loss"].tolist()
    assert (tmp_path / "stopped" / "seeds" / "seed-000.json").stat().st_mtime_ns == written


def test_other_settings_do_not_mix(tmp_path):
    "A folder of one scale refuses another, and a folder of something else is left alone."
    reproduce(tmp_path / "run", seeds=1, **TRIAL)
    with pytest.raises(ValueError, match="other training_rows; choose another"):
        reproduce(tmp_path / "run", seeds=1, **TRIAL | {"scale": 0.04})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="choose another name"):
        reproduce(tmp_path / "mine", seeds=1, **TRIAL)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_other_learners_do_not_mix(tmp_path, monkeypatch):
    "Seeds of another version, other defaults of a learner or another correction are refused."
    reproduce(tmp_path / "run", seeds=1, **TRIAL)
    with monkeypatch.context() as patch:
        patch.setitem(boosters.SETTINGS, "lightgbm", boosters.SETTINGS["lightgbm"] | {"n_estimators": 7})
        with pytest.raises(ValueError, match="other model_defaults"):
            reproduce(tmp_path / "run", seeds=1, **TRIAL)
    renamed = [*PLAIN[:2], Case(replace(STRATEGIES["none+prior"], posthoc="em"))]
    with pytest.raises(ValueError, match="other cases"):
        reproduce(tmp_path / "run", seeds=1, **TRIAL | {"cases": renamed})
    path = tmp_path / "run" / "settings.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(held | {"versions": held["versions"] | {"airq": "0.0"}}), encoding="utf-8")
    with pytest.raises(ValueError, match="other versions"):
        reproduce(tmp_path / "run", seeds=1, **TRIAL)


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"scale": 0.0}, {"scale": 1.5}, {"validation_rows": 3}])
def test_numbers_that_make_no_sense_are_refused(wrong, tmp_path):
    "Before anything is written."
    with pytest.raises(ValueError, match="scale in"):
        reproduce(tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()

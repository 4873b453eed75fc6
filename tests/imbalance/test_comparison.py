"""What a comparison does with rows, folds and priors, shown on rows that a reader can picture."""

import json
from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from imbalance.comparison.compare import choose_strategies, compare_strategies
from imbalance.comparison.problem import make_problem, parse_target_prior
from imbalance.comparison.strategies import STRATEGIES, Strategy
from imbalance.comparison.tasks import Task, judge
from imbalance.metrics import average_precision, corrected_t_interval

SMALL = {"n_splits": 3, "n_repeats": 1}
FIGURES = ["log_loss", "brier", "auc", "average_precision", "calibration_slope", "recall_rare", "prior_rare"]


def rows(n=240, share=0.15, shift=1.5, seed=0):
    "Two features, the first of which tells the rare class by `shift` standard deviations."
    rng = np.random.default_rng(seed)
    y = np.repeat(["common", "rare"], [n - round(n * share), round(n * share)])
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["told", "noise"])
    X["told"] += shift * (y == "rare")
    return X, y


def pieces(folder):
    "Test rows and probabilities of every finished piece of a folder."
    for path in sorted((folder / "parts").glob("*.npz")):
        with np.load(path) as parts:
            yield path.name, parts["test"], parts["probabilities"]


def table_of(found):
    "The table with the strategy as its index."
    return found.table.set_index("strategy")


def test_any_number_of_processes_gives_the_same_figures():
    "One or two processes: every column but the seconds is equal to the last digit."
    X, y = rows()
    one, two = (
        compare_strategies(X, y, strategies=["smote", "none+em"], n_jobs=jobs, **SMALL) for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one.scores.drop(columns="seconds"), two.scores.drop(columns="seconds"))
    pd.testing.assert_frame_equal(one.table.drop(columns="seconds"), two.table.drop(columns="seconds"))
    assert one.findings == two.findings


def test_all_strategies_are_judged_on_the_same_rows_each_once_a_repeat(tmp_path):
    "240 rows, 2 repeats: each strategy judges 480, fold by fold the same ones; none of them was made up."
    X, y = rows()
    compare_strategies(
        X, y, strategies=["smote", "under-sample"], n_splits=3, n_repeats=2, out=tmp_path / "out"
    )
    by_strategy = {}
    for name, test, _ in pieces(tmp_path / "out"):
        by_strategy.setdefault(name.rsplit("-", 3)[0], []).append(test.tolist())
    assert len(by_strategy) == 3
    first, *others = by_strategy.values()
    assert all(other == first for other in others)
    assert sorted(np.concatenate(first)) == sorted(list(range(240)) * 2)


def test_resampling_before_the_split_would_show():
    "Nothing can be learned here, and copies of test rows would teach it: AUC stays near one half."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), np.repeat(["common", "rare"], [250, 50])
    copies = Strategy("copies", sampler=RandomOverSampler())
    found = table_of(compare_strategies(X, y, strategies=[copies], **SMALL))
    assert found.loc["copies", "auc"] < 0.65
    leaked = np.r_[X, np.repeat(X[250:], 4, axis=0)] + rng.normal(0, 1e-6, (500, 3))
    split_later = compare_strategies(leaked, np.r_[y, ["rare"] * 200], strategies=["none"], **SMALL)
    assert table_of(split_later).loc["none", "auc"] > 0.9


def test_equal_rows_never_stand_on_both_sides_and_it_is_said(tmp_path):
    "Every row is there twice with its label: a split between twins would tell the labels of noise."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 3)), np.repeat(["common", "rare"], [110, 40])
    found = compare_strategies(np.r_[X, X], np.r_[y, y], strategies=["none"], out=tmp_path / "out", **SMALL)
    for _, test, _ in pieces(tmp_path / "out"):
        assert sorted(test % 150) == sorted(np.repeat(np.unique(test % 150), 2))
    assert found.table["auc"].item() < 0.65
    assert any("300 of 300 rows" in note and "one fold" in note for note in found.notes)


def test_groups_stay_whole(tmp_path):
    "Rows of a town are never in two folds."
    X, y = rows()
    towns = np.arange(240) % 24
    found = compare_strategies(X, y, groups=towns, strategies=["none"], out=tmp_path / "out", **SMALL)
    held_out = [set(towns[test]) for _, test, _ in pieces(tmp_path / "out")]
    assert sum(map(len, held_out)) == len(set.union(*held_out)) == 24
    assert found.settings["groups"] == 24


def test_correction_to_the_training_prior_changes_nothing():
    "The population is that of training: no difference, no win, nothing said to be better."
    X, y = rows()
    found = compare_strategies(X, y, strategies=["none+prior"], target_prior="training", **SMALL)
    corrected = table_of(found).loc["none+prior"]
    assert corrected[["vs_none", "ci_low", "ci_high", "wins"]].tolist() == [0, 0, 0, 0]
    assert not any("better" in sentence for sentence in found.findings)


def test_correction_leaves_binary_ranks_alone():
    "AUC does not see the prior, log loss does."
    X, y = rows()
    found = table_of(compare_strategies(X, y, strategies=["none+prior"], **SMALL))
    assert found.loc["none+prior", "auc"] == pytest.approx(found.loc["none", "auc"], abs=1e-12)
    assert found.loc["none+prior", "log_loss"] < found.loc["none", "log_loss"]


def test_a_weighted_fit_is_corrected_from_what_it_stands_for():
    "Labels were weighted to the target, but trees know rare rows by heart: corrected they predict better."
    X, y = rows()
    twice = Strategy("weights+prior", weights="balanced", posthoc="prior")
    found = table_of(compare_strategies(X, y, strategies=["weights", twice], **SMALL))
    assert found.loc["weights+prior", "log_loss"] < found.loc["weights", "log_loss"]
    assert found.loc["weights", "prior_kl"] == pytest.approx(0, abs=1e-12)


def test_the_mismatch_of_priors_stands_beside_each_row():
    "15 % rare in training, half in the target: KL = (ln(.5/.85) + ln(.5/.15)) / 2 = 0.3367 for none."
    X, y = rows()
    found = table_of(compare_strategies(X, y, strategies=["none+prior", "under-sample"], **SMALL))
    assert found.loc["none", "prior_kl"] == pytest.approx(0.3367, abs=1e-4)
    npt.assert_allclose(found.loc[["none+prior", "under-sample"], "prior_kl"], 0, atol=1e-12)


def test_a_target_prior_in_another_order_is_read_by_name():
    "The same table as in the order of the classes, and a note."
    X, y = rows()
    ordered = compare_strategies(X, y, strategies=[], target_prior="common=.7,rare=.3", **SMALL)
    other = compare_strategies(X, y, strategies=[], target_prior={"rare": 0.3, "common": 0.7}, **SMALL)
    pd.testing.assert_frame_equal(ordered.table.drop(columns="seconds"), other.table.drop(columns="seconds"))
    assert other.settings["target_prior"] == {"common": 0.7, "rare": 0.3}
    assert not any("order" in note for note in ordered.notes)
    assert any("another order than common, rare" in note for note in other.notes)


@pytest.mark.parametrize(
    ("target_prior", "words"),
    [
        ("common=.5,rare=.6", "sums to 1.1"),
        ("common=.5,scarce=.5", "names 'scarce', but the classes are common, rare"),
        ("common=1", "lacks 'rare'"),
        ("common=1,rare=0", "gives rare no share"),
        ("common=.5,common=.5", "names 'common' twice"),
        ("half", "not of the form"),
        ("common=a,rare=b", "not of the form"),
        ("common=-.5,rare=1.5", "none negative"),
        ([0.2, 0.3, 0.5], "3 shares"),
    ],
)
def test_a_target_prior_that_is_none_is_refused(target_prior, words):
    "Before anything is fitted, in a line."
    X, y = rows()
    with pytest.raises(ValueError, match=words) as refused:
        compare_strategies(X, y, target_prior=target_prior, **SMALL)
    assert "\n" not in str(refused.value)


def test_classes_may_have_any_sign_in_their_names():
    "The last equals sign parts name and share."
    assert parse_target_prior("x<=1=.25,x>1=.75") == {"x<=1": 0.25, "x>1": 0.75}


def test_none_is_always_there_and_named_once():
    "The others are compared to it."
    assert [strategy.name for strategy in choose_strategies(["smote"])] == ["none", "smote"]
    assert [strategy.name for strategy in choose_strategies(["smote", "none"])] == ["none", "smote"]
    with pytest.raises(ValueError, match="Unknown strategy 'smoke'. Did you mean smote"):
        choose_strategies(["smoke"])
    with pytest.raises(ValueError, match="Two strategies are called 'none'"):
        choose_strategies([Strategy("none", weights="balanced")])


def test_the_table_follows_from_the_scores():
    "Means over folds; the difference is paired, its interval is that of Nadeau and Bengio; wins are counted."
    X, y = rows()
    found = compare_strategies(X, y, strategies=["under-sample"], n_splits=3, n_repeats=2)
    losses = {
        name: part.set_index(["repeat", "fold"])["log_loss"]
        for name, part in found.scores.groupby("strategy")
    }
    difference = losses["under-sample"] - losses["none"]
    row = table_of(found).loc["under-sample"]
    low, high = corrected_t_interval(difference, test_share=1 / 3)
    assert len(difference) == 6
    npt.assert_allclose(
        row[["log_loss", "vs_none", "ci_low", "ci_high"]].astype(float),
        [losses["under-sample"].mean(), difference.mean(), low, high],
    )
    assert row["wins"] == (difference < 0).sum()


def test_the_sweep_meets_the_table_at_the_target():
    "And strategies without a correction are judged as trained: their loss is linear in the share."
    X, y = rows()
    found = compare_strategies(
        X, y, strategies=["under-sample", "none+prior"], target_prior="common=.7,rare=.3", **SMALL
    )
    for name in ("none", "under-sample", "none+prior"):
        line = found.sweep[found.sweep["strategy"] == name].set_index("share")["log_loss"]
        assert line.loc[0.3] == pytest.approx(table_of(found).loc[name, "log_loss"])
        straight = (line.loc[0.2] + line.loc[0.4]) / 2
        assert (line.loc[0.3] == pytest.approx(straight)) == (name != "none+prior")


def test_the_bins_of_a_class_hold_the_whole_target_population():
    "Shares sum to one, and the observed share over all bins is that of the target."
    X, y = rows()
    found = compare_strategies(X, y, strategies=[], target_prior="common=.6,rare=.4", **SMALL)
    bins = found.reliability[found.reliability["class"] == "rare"]
    assert bins["share"].sum() == pytest.approx(1)
    assert (bins["share"] * bins["observed"]).sum() == pytest.approx(0.4)


def test_three_classes_with_gaps_and_categories():
    "SMOTE sees imputed rows and whole categories; both are said; probabilities of all strategies stand up."
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], [180, 40, 20])
    X = pd.DataFrame({"size": rng.normal(size=240) + (y == "c"), "place": rng.choice(["x", "y"], 240)})
    X.loc[::7, "size"] = np.nan
    found = compare_strategies(
        X, y, strategies=["smote"], target_prior={"a": 0.5, "b": 0.3, "c": 0.2}, **SMALL
    )
    said = " ".join(found.notes)
    assert "missing" in said
    assert "SMOTENC" in said
    assert {"recall_a", "recall_b", "recall_c"} <= set(found.table.columns)
    assert found.settings["rarest"] == "c"


def test_an_interrupted_comparison_goes_on_and_ends_the_same(tmp_path):
    "Stopped after two of six pieces, then run again: four are left, and the figures are those of one run."
    X, y = rows()

    def stop(done, total, text):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_strategies(X, y, strategies=["smote"], out=tmp_path / "out", advance=stop, **SMALL)
    steps = []
    again = compare_strategies(
        X,
        y,
        strategies=["smote"],
        out=tmp_path / "out",
        advance=lambda *step: steps.append(step[:2]),
        **SMALL,
    )
    assert steps == [(2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]
    whole = compare_strategies(X, y, strategies=["smote"], **SMALL)
    pd.testing.assert_frame_equal(again.scores[FIGURES], whole.scores[FIGURES])


def test_a_damaged_piece_is_done_again(tmp_path):
    "As after a full disk."
    X, y = rows()
    first = compare_strategies(X, y, strategies=[], out=tmp_path, **SMALL)
    path = next((tmp_path / "parts").glob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    steps = []
    again = compare_strategies(
        X, y, strategies=[], out=tmp_path, advance=lambda *s: steps.append(s[0]), **SMALL
    )
    assert steps == [2, 3]
    pd.testing.assert_frame_equal(first.scores[FIGURES], again.scores[FIGURES])


def test_a_changed_strategy_is_not_taken_for_the_old_one(tmp_path):
    "The name is the same, the sampler another: its pieces are done anew."
    X, y = rows()
    losses = []
    for ratio in (0.5, 1.0):
        mine = Strategy("mine", sampler=RandomUnderSampler(sampling_strategy=ratio))
        found = compare_strategies(X, y, strategies=[mine], out=tmp_path, **SMALL)
        losses.append(table_of(found).loc["mine", "log_loss"])
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("change", "word"),
    [({"seed": 1}, "seed"), ({"n_splits": 2}, "n_splits"), ({"target_prior": "training"}, "target_prior")],
)
def test_a_folder_of_another_comparison_is_refused(tmp_path, change, word):
    "What is other is named."
    X, y = rows()
    compare_strategies(X, y, strategies=[], out=tmp_path, **SMALL)
    with pytest.raises(ValueError, match=f"comparison with other .*{word}"):
        compare_strategies(X, y, strategies=[], out=tmp_path, **(SMALL | change))


def test_a_folder_with_other_rows_or_other_things_is_refused(tmp_path):
    "One value changed; a folder that holds something else."
    X, y = rows()
    compare_strategies(X, y, strategies=[], out=tmp_path / "out", **SMALL)
    X.iloc[5, 0] += 1
    with pytest.raises(ValueError, match="other data"):
        compare_strategies(X, y, strategies=[], out=tmp_path / "out", **SMALL)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("Dear")
    with pytest.raises(FileExistsError, match="holds no comparison"):
        compare_strategies(X, y, strategies=[], out=tmp_path / "letters", **SMALL)
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["letter.txt"]


def test_a_rare_class_in_as_many_groups_as_folds_is_calibrated():
    "Five groups, of which each outer fold leaves four: four inner folds."
    X, y = rows()
    rare = np.asarray(y) == pd.Series(y).value_counts().index[-1]
    groups = np.arange(len(y)) + 5
    groups[rare] = np.arange(rare.sum()) % 5
    found = compare_strategies(X, y, strategies=["calibrated+prior"], groups=groups, n_repeats=1)
    assert len(found.scores) == 10


def test_the_strategy_that_calibrates_is_named_not_the_one_it_shares_the_fit_with():
    "Two groups of the rare class; an outer fold leaves one."
    X, y = rows()
    rare = np.asarray(y) == pd.Series(y).value_counts().index[-1]
    groups = np.where(rare, np.arange(len(y)) % 2, np.arange(len(y)) + 2)
    with pytest.raises(ValueError, match=r"Strategy 'calibrated\+prior': .* two groups"):
        compare_strategies(X, y, strategies=["calibrated+prior"], groups=groups, n_splits=2, n_repeats=1)


def test_intervals_take_the_sizes_that_the_folds_have():
    "A group of 120 among 240 rows: ratios of test to training rows 120/120 and four times 30/210."
    X, y = rows()
    groups = np.where(np.arange(240) % 2 == 0, 0, np.arange(240) + 1)
    found = compare_strategies(X, y, strategies=["none+prior"], groups=groups, n_repeats=1)
    sizes = found.settings["test_share"]
    npt.assert_allclose(sizes / (1 - sizes), (1 + 4 * 30 / 210) / 5, rtol=0.02)
    losses = found.scores.pivot_table(index="fold", columns="strategy", values="log_loss")
    expected = corrected_t_interval(losses["none+prior"] - losses["none"], test_share=sizes)
    npt.assert_allclose(table_of(found).loc["none+prior", ["ci_low", "ci_high"]].astype(float), expected)


def test_a_strategy_that_cannot_be_fitted_is_named():
    "Twice as many rare rows as common ones cannot be had by dropping rare rows."
    X, y = rows()
    impossible = Strategy("impossible", sampler=RandomUnderSampler(sampling_strategy={"rare": 500}))
    with pytest.raises(ValueError, match="Strategy 'impossible'"):
        compare_strategies(X, y, strategies=[impossible], **SMALL)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a"] * 60, "one class only"),
        (["a"] * 57 + ["b"] * 3, "Class b has 3 rows, fewer than the 5 folds"),
        (np.linspace(0, 1, 60), "continuous"),
        (["a"] * 30 + ["b"] * 29, "60 rows of features, but 59 labels"),
        (["a"] * 30 + ["b"] * 29 + [None], "1 of 60 rows have no value"),
    ],
)
def test_labels_that_cannot_be_compared_on_are_refused(y, words):
    "In a line, before anything is fitted."
    with pytest.raises(ValueError, match=words):
        compare_strategies(np.random.default_rng(0).normal(size=(60, 2)), y)


def test_predictions_are_kept_as_float32_and_nothing_is_pickled(tmp_path):
    "A piece is read without executing anything; its record is JSON."
    X, y = rows()
    compare_strategies(X, y, strategies=["none+prior"], out=tmp_path, **SMALL)
    for _, test, probabilities in pieces(tmp_path):
        assert probabilities.dtype == np.float32
        assert probabilities.shape == (2, len(test), 2)
        npt.assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-6)
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["rows"] == 240


def test_a_strategy_that_the_rows_do_not_allow_is_left_out_and_said():
    "Of two rare rows each fold trains on one: SMOTE has no neighbour, under-sampling goes on."
    X, y = rows(n=40, share=0.05)
    found = compare_strategies(X, y, strategies=["smote", "under-sample"], n_splits=2, n_repeats=1)
    assert found.table["strategy"].tolist() == ["under-sample", "none"]
    (note,) = [note for note in found.notes if "left out" in note]
    assert "Strategy 'smote' with lightgbm was left out: SMOTE draws between rows" in note
    assert list(found.settings["strategies"]) == ["none", "under-sample"]


def test_a_strategy_that_one_fold_does_not_allow_is_left_out_of_all():
    "The sampler fails on the training rows of one of three folds; pairs need all of them."
    X, y = rows()

    class Fussy(RandomUnderSampler):
        def fit_resample(self, X, y, **params):
            if X["told"].iloc[0] == first:
                raise ValueError("not these rows")
            return super().fit_resample(X, y, **params)

    first = X["told"].iloc[0]
    fussy = Strategy("fussy", sampler=Fussy())
    found = compare_strategies(X, y, strategies=[fussy, "none+prior"], **SMALL)
    assert set(found.scores["strategy"]) == {"none", "none+prior"}
    assert any("'fussy' with lightgbm was left out: not these rows (2 of 3 folds)" in n for n in found.notes)


def test_where_no_strategy_is_left_the_reason_is_the_error():
    "Neither SMOTE nor calibration can do with one rare row."
    X, y = rows(n=40, share=0.05)
    with pytest.raises(ValueError, match="^Strategy '.*': .*has"):
        compare_strategies(X, y, strategies=["smote", "calibrated+prior"], n_splits=2, n_repeats=1)


def test_strategies_may_have_a_number():
    "204 common and 36 rare rows, two thirds in training: cut to 2:1, or half of the common ones dropped."
    X, y = rows()
    found = table_of(compare_strategies(X, y, strategies=["under-sample:2", "drop-majority:.5"], **SMALL))
    assert set(found.index) == {"none", "under-sample:2", "drop-majority:.5"}
    scores = compare_strategies(X, y, strategies=["under-sample:2", "drop-majority:.5"], **SMALL).scores
    priors = scores.groupby("strategy")["prior_rare"].mean()
    assert priors["under-sample:2"] == pytest.approx(1 / 3)
    assert priors["drop-majority:.5"] == pytest.approx(24 / (24 + 68))


def test_average_precision_finds_the_class_that_is_rarest_of_all():
    "100 of a, 99 of b in twin groups: some folds have fewer a, and still look for b."
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b"], [100, 99])
    X = pd.DataFrame({"told": rng.normal(size=199) + (y == "b")})
    groups = rng.integers(0, 25, 199)
    problem, _ = make_problem(X, y, target_prior="balanced", groups=groups, **SMALL)
    assert problem.rarest == "b"
    fewer_a = [(y[problem.fold_of[0] == fold] == "a").mean() < 0.5 for fold in range(3)]
    assert any(fewer_a)
    fold = fewer_a.index(True)
    record, test, probabilities = judge(Task("lightgbm", (STRATEGIES["none"],), 0, fold), problem)
    judged = {"classes": ["a", "b"], "target": [0.5, 0.5]}
    expected = average_precision(y[test], probabilities[0], positive="b", **judged)
    assert record["scores"][0]["average_precision"] == pytest.approx(expected, abs=1e-6)


def test_the_sweep_corrects_each_member_of_a_bag_from_what_it_saw():
    "At a prior of the sweep a corrected bag predicts what the classifier predicts that is told this prior."
    X, y = rows()
    bag = Strategy("bag+prior", sampler=RandomUnderSampler(sampling_strategy=0.5), bag=3, posthoc="prior")
    problem, _ = make_problem(X, y, target_prior="balanced", **SMALL)
    told = replace(problem, target=np.array([0.9, 0.1]))
    sweeps = {}
    for name, one in {"swept": problem, "told": told}.items():
        record, *_ = judge(Task("lightgbm", (bag,), 0, 0), replace(one, sweep=np.array([[0.9, 0.1]])))
        sweeps[name] = record
    assert sweeps["swept"]["sweep"][0]["log_loss"] == pytest.approx(
        sweeps["told"]["scores"][0]["log_loss"], abs=1e-12
    )


def test_only_what_differs_is_blamed(tmp_path):
    "Another seed, other folds: the data are the same; other groups are other data."
    X, y = rows()
    compare_strategies(X, y, strategies=["none"], out=tmp_path, **SMALL)
    for change in ({"seed": 1}, {"n_splits": 2}, {"n_repeats": 2}):
        with pytest.raises(ValueError, match=f"with other {next(iter(change))}; choose"):
            compare_strategies(X, y, strategies=["none"], out=tmp_path, **(SMALL | change))
    compare_strategies(X, y, strategies=["none"], groups=np.arange(240) // 2, out=tmp_path / "g", **SMALL)
    with pytest.raises(ValueError, match="with other data"):
        compare_strategies(
            X, y, strategies=["none"], groups=(np.arange(240) + 1) // 2 % 120, out=tmp_path / "g", **SMALL
        )


def test_a_strategy_made_of_a_function_goes_on(tmp_path):
    "Written anew, as in another process, it is known again; with another number in it, it is not."
    X, y = rows()
    kept = []  # so that no function gets the address of an earlier one

    def comparison(n):
        halve = Strategy("cut", sampler=RandomUnderSampler(sampling_strategy=lambda labels: {"common": n}))
        kept.append(halve)
        steps = []
        compare_strategies(
            X, y, strategies=[halve], out=tmp_path, advance=lambda *step: steps.append(step[0]), **SMALL
        )
        return steps[0]

    assert [comparison(50), comparison(50), comparison(60)] == [0, 6, 3]


def test_a_strategy_that_cannot_be_known_again_is_said(tmp_path):
    "A random generator is known by its address only."
    X, y = rows()
    drawn = Strategy("drawn", sampler=RandomUnderSampler(random_state=np.random.RandomState(0)))
    found = compare_strategies(X, y, strategies=[drawn], out=tmp_path, **SMALL)
    assert any("'drawn' holds an object that is known by its address only" in note for note in found.notes)


def test_equal_strategies_are_called_so():
    "At a balanced target the weights of both rules are the same."
    X, y = rows()
    both = ["weights", "weights-target"]
    balanced = compare_strategies(X, y, strategies=both, **SMALL)
    assert balanced.table.set_index("strategy")["log_loss"][both].nunique() == 1
    assert any("weights and weights-target are the same" in note for note in balanced.notes)
    other = compare_strategies(X, y, strategies=both, target_prior=[0.7, 0.3], **SMALL)
    assert not any("are the same" in note for note in other.notes)


def test_columns_may_be_called_by_words_and_numbers():
    "A frame with an array beside it."
    X, y = rows()
    found = compare_strategies(X.rename(columns={"noise": 0}), y, strategies=["smote"], **SMALL)
    assert len(found.table) == 2


def test_em_does_not_see_the_labels():
    "Where nothing can be learned the estimates scatter, far from the target's nine tenths in the mean."
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), np.repeat(["common", "rare"], [360, 40])
    target = {"common": 0.1, "rare": 0.9}
    found = compare_strategies(X, y, strategies=["none+em"], target_prior=target, **SMALL)
    estimated = found.scores.loc[found.scores["strategy"] == "none+em", "prior_rare"]
    assert estimated.mean() < 0.7

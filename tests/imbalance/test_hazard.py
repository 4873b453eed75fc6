"""High-pollution days: folds, leaks, thresholds, refusals, words."""

import json
import os

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import typer
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.dummy import DummyRegressor
from threadpoolctl import threadpool_info, threadpool_limits
from typer.testing import CliRunner

from airq.features.recipe import make_recipe
from airq.io import read_panel, write_panel
from airq.panel import PanelMetadata, check_panel, label_panel
from airq.sources.airqo import read_uganda
from airq.validation.splitters import Fold
from imbalance.cli import hazard
from imbalance.hazard import (
    HeldOut,
    Question,
    check_question,
    choose_methods,
    compare_hazard,
    features_of,
    hazardous_rows,
    held_out_group,
    nested_folds,
)
from imbalance.hazard_report import alarm_curves, findings, headline_cells, headlines

LEVEL = 60.0


@pytest.fixture
def air(make_panel):
    "Twelve sites, twenty days; the higher the site's number, the dirtier, and smoke tells the day."
    sites = [f"s{number:02}" for number in range(12)]
    days = [f"2020-01-{day:02}" for day in range(1, 21)]
    rng = np.random.default_rng(0)
    smoke = rng.random((12, 20))
    pm25 = 10 + 40 * smoke + 3 * np.arange(12)[:, None]
    return make_panel(dict.fromkeys(sites, days), aod055=smoke.ravel(), pm25=pm25.ravel().round(1))


@pytest.fixture
def air_file(air, tmp_path):
    write_panel(air, tmp_path / "panel.parquet")
    return tmp_path / "panel.parquet"


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(hazard)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_level_is_exceeded_in_the_panels_own_precision():
    "55.4 stored as float32 is a little more than 55.4, and yet not above it."
    panel = pd.DataFrame({"pm25": np.float32([55.4, 55.5, 250.4, np.nan])})
    npt.assert_array_equal(hazardous_rows(panel, 55.4), [False, True, True, False])
    npt.assert_array_equal(hazardous_rows(panel, 250.4), [False, False, False, False])


def test_every_fold_scores_sites_that_exceed_the_threshold(air):
    "Sites are whole, each is held out once, and the ones that exceed the threshold are spread."
    hazardous = hazardous_rows(air, LEVEL)
    folds = [fold for fold, *_ in nested_folds(air, LEVEL, "site", 5)]
    npt.assert_array_equal(np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(air)))
    for fold in folds:
        assert not set(air["site_id"].iloc[fold.test]) & set(air["site_id"].iloc[fold.visible])
        assert hazardous[fold.test].any()
        assert hazardous[fold.train].any()


def test_inner_folds_stay_inside_the_training_rows(air):
    "Cut-offs are chosen on rows of training sites, each scored once, by models of the other sites."
    fold, *inner = nested_folds(air, LEVEL, "site", 5)[0]
    npt.assert_array_equal(np.sort(np.concatenate([part.test for part in inner])), fold.train)
    for part in inner:
        assert set(part.visible) <= set(fold.visible)
        assert not set(air["site_id"].iloc[part.test]) & set(air["site_id"].iloc[part.visible])


@pytest.mark.parametrize("group", ["site", "city"])
def test_a_station_under_two_names_is_on_one_side(air, group):
    "Two sites, and cities, at one place: where one is held out, the other is not seen."
    twins = air.copy()
    twins.loc[twins["site_id"] == "s01", ["latitude", "longitude"]] = [0.0, 32.0]
    for fold, *_ in nested_folds(twins, LEVEL, group, 5):
        held_out, seen = (set(twins["site_id"].iloc[rows]) for rows in (fold.test, fold.visible))
        assert not (held_out & {"s00", "s01"} and seen & {"s00", "s01"})


def test_inputs_of_held_out_sites_stay_out_of_training_features(air):
    "More smoke at a held-out site changes no training row, although areas overlap, but its own rows."
    fold = nested_folds(air, LEVEL, "site", 5)[0][0]
    recipe = make_recipe("retrospective", air)
    assert any(feature.radius_km for feature in recipe.features)
    changed = air.copy()
    changed.loc[fold.test, "aod055"] += 5
    learn, new = features_of(recipe, air, fold)
    other_learn, other_new = features_of(recipe, changed, fold)
    npt.assert_array_equal(other_learn, learn)
    assert not other_new.equals(new)


def test_a_held_out_site_does_not_see_the_other_held_out_sites(air):
    "What a new site gets around it comes from training sites, whichever new sites are asked about with it."
    fold = nested_folds(air, LEVEL, "site", 5)[0][0]
    recipe = make_recipe("retrospective", air)
    sites = air["site_id"].iloc[fold.test]
    first = (sites == sites.iloc[0]).to_numpy()
    changed = air.copy()
    changed.loc[fold.test[~first], "aod055"] += 5
    _, new = features_of(recipe, air, fold)
    _, other = features_of(recipe, changed, fold)
    npt.assert_array_equal(other[first], new[first])


def test_pm25_of_held_out_rows_reaches_no_score(air):
    "Held-out days made worse or better, on their side of the threshold: no cut-off or score of theirs moves."
    fold = nested_folds(air, LEVEL, "city", 2)[0][0]
    changed = air.copy()
    above = hazardous_rows(air, LEVEL)[fold.test]
    changed.loc[fold.test, "pm25"] = np.where(above, 900, 1).astype("float32")
    methods = ["regression", "none"]
    first, second = (compare_hazard(panel, LEVEL, methods=methods, cv=2) for panel in (air, changed))
    own, other = (
        [table["fold"] == number for table in (first.held_out, second.held_out)] for number in (0, 1)
    )
    pd.testing.assert_frame_equal(second.held_out[own[1]][methods], first.held_out[own[0]][methods])
    cuts = [found.scores[found.scores["fold"] == 0]["threshold"] for found in (first, second)]
    npt.assert_array_equal(*cuts)
    assert second.held_out[other[1]]["regression"].max() > 100


@pytest.mark.long
def test_results_do_not_depend_on_the_number_of_processes(air):
    "One process and two give the same figures."
    options = {"methods": ["regression", "under-sample"], "cv": 3}
    one, two = (compare_hazard(air, LEVEL, n_jobs=jobs, **options) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.methods, two.methods)


@pytest.fixture
def by_hand(make_panel):
    """Function that scores site b, then c; inner scores of ten quiet days of a are 1 to 10.

    Of three days at each the last is hazardous, and at b and c together two quiet days score 20.
    """
    days = [f"2020-01-{day:02}" for day in range(1, 12)]
    pm25 = [*[5] * 10, 50, 5, 5, 50, 5, 5, 50]
    panel = make_panel({"a": days, "b": days[:3], "c": days[:3]}, pm25=pm25)
    a, b, c = np.arange(11), np.arange(11, 14), np.arange(14, 17)
    folds = [[Fold("site", n, test, a, a), Fold("site", 0, a, a, a)] for n, test in enumerate((b, c))]
    outer = {0: np.array([20.0, 3, 30]), 1: np.array([20.0, 4, 5])}
    inner = np.append(np.arange(1.0, 11.0), 80.0)

    def build(above=25.0, **shifts):
        shifts = {"regression": 0, **shifts}
        found = {
            (name, n): {"outer": outer[n] + by, "inner": inner} for name, by in shifts.items() for n in outer
        }
        methods = {name: model for name, (model, _) in choose_methods(list(shifts)).items()}
        return HeldOut(Question(panel, above, "site", folds, "live"), methods, found)

    return build


def test_the_rate_asked_for_and_the_rate_that_came_are_two_figures(by_hand):
    "Asked for 10 %, the cut-off is 9; two of four held-out days raise false alarms, and that is reported."
    scores, table = by_hand().alarms([0.1])
    row = table.set_index("rule").loc["10 % false alarms"]
    assert (row["asked"], row["false_alarm_rate"], row["recall"]) == (0.1, 0.5, 0.5)
    assert set(scores.set_index("rule").loc["10 % false alarms", "threshold"]) == {9}


def test_taken_by_its_word_a_regression_alarms_above_the_threshold(by_hand):
    "Of the two hazardous days one is predicted above 25, the other never; no false alarm: precision 1."
    scores, table = by_hand().alarms([0.1])
    row = table.set_index("rule").loc["plain"]
    assert (row["hits"], row["events"], row["recall"], row["precision"]) == (1, 2, 0.5, 1.0)
    assert set(scores.set_index("rule").loc["plain", "threshold"]) == {25}


def test_the_spread_over_folds_is_that_of_two_numbers(by_hand):
    "By its word it catches the one hazardous day of b and not that of c: 1 and 0, spread 0.707."
    _, table = by_hand().alarms([0.1])
    npt.assert_allclose(table.set_index("rule").loc["plain", "recall_sd"], np.sqrt(0.5))


def test_the_curve_counts_as_the_cut_offs_do(by_hand):
    "At 10 % asked for, the curve has the recall and the false alarms of the table."
    held_out = by_hand()
    row = held_out.alarms([0.1])[1].set_index("rule").loc["10 % false alarms"]
    point = held_out.curve([0.1]).iloc[0]
    assert (point["recall"], point["false_alarm_rate"]) == (row["recall"], row["false_alarm_rate"])


def test_the_price_in_rmse_is_a_difference_to_mean_regression(by_hand):
    "Errors 15, -2, -20, 15, -1, -45 have squares of 2,880; 18, 1, -17, 18, 2, -42 of 2,706, over six rows."
    figures = by_hand(**{"dense-weights": 3}).figures().set_index("method")
    expected = np.sqrt(np.array([2880, 2706]) / 6)
    npt.assert_allclose(figures["rmse"], expected)
    npt.assert_allclose(figures.loc["dense-weights", "rmse_cost"], expected[1] - expected[0])
    npt.assert_allclose(figures["bias_hazardous"], [(-20 - 45) / 2, (-17 - 42) / 2])
    npt.assert_allclose(figures.loc["regression", ["rmse_cost_low", "rmse_cost_high"]].tolist(), [0, 0])


def test_losses_of_probabilities_by_hand(by_hand):
    "Of six days the third and the last are hazardous; a regression has no probabilities."
    held_out = by_hand(none=0)
    held_out.outer["none"] = np.array([0.2, 0.1, 0.8, 0.2, 0.1, 0.5])
    figures = held_out.figures().set_index("method")
    npt.assert_allclose(figures.loc["none", "log_loss"], -np.log([0.8, 0.9, 0.8, 0.8, 0.9, 0.5]).mean())
    npt.assert_allclose(figures.loc["none", "brier"], np.mean([0.04, 0.01, 0.04, 0.04, 0.01, 0.25]))
    assert figures.loc["regression", ["log_loss", "brier"]].isna().all()


def test_average_precision_is_a_mean_over_folds(by_hand):
    "At b the hazardous day comes first: 1; at c it is the second of three: 1/2."
    figures = by_hand().figures().set_index("method")
    assert figures.loc["regression", "average_precision"] == 0.75
    npt.assert_allclose(figures.loc["regression", "average_precision_sd"], np.sqrt(0.125))


def test_a_threshold_that_few_sites_exceed_is_refused_with_one_that_works(air):
    "The message counts the sites, and the threshold that it offers is accepted while the next tenth is not."
    with pytest.raises(ValueError, match=r"of 12 sites; at least 5 sites must do so") as refusal:
        check_question(air, 79.0, group="site")
    highest = float(str(refusal.value).split("sites exceed ")[1].split()[0])
    check_question(air, highest, group="site")
    with pytest.raises(ValueError, match="in 4 of 12 sites"):
        check_question(air, highest + 0.1, group="site")


def test_other_thresholds_that_make_no_rare_class(air):
    "Nobody below, no number, more folds than sites that exceed it: one line each, with the counts."
    with pytest.raises(ValueError, match=r"above 1 µg m⁻³ in 100% of the rows.*above the median"):
        check_question(air, 1.0)
    with pytest.raises(ValueError, match="0 µg m⁻³ or more, not nan"):
        check_question(air, np.nan)
    reach = air.loc[air["pm25"] > LEVEL, "site_id"].nunique()
    with pytest.raises(ValueError, match=f"{reach} sites exceed 60 µg m⁻³, fewer than the {reach + 1} folds"):
        check_question(air, LEVEL, group="site", cv=reach + 1)


def test_sites_are_held_out_where_there_are_few_cities(air):
    "Cities, where each site is its own; sites, where all lie in one city; anything else is refused."
    assert held_out_group(air) == "city"
    assert held_out_group(air.assign(city_id="one")) == "site"
    with pytest.raises(ValueError, match="'city' or 'site'"):
        held_out_group(air, "country")


def test_methods_are_chosen_by_name():
    "Regressions, rows and endings stand in one list; a wrong name gets the nearest."
    names = ["weights", "regression", "drop-majority:5/6", "smote+calibrated"]
    kinds = [is_classifier(model) for model, _ in choose_methods(names).values()]
    assert kinds == [True, False, True, True]
    with pytest.raises(ValueError, match="No method 'regresion'. Did you mean regression?"):
        choose_methods(["regresion"])
    for name in ("none+magic", "regression+prior"):
        with pytest.raises(ValueError, match=r"those that are no regression may end in \+prior"):
            choose_methods([name])


class Counting(ClassifierMixin, BaseEstimator):
    "Gives every row the number of places that it learned from, over a hundred."

    def fit(self, X, y, groups):
        assert len(groups) == len(X)
        self.classes_, self.share_ = np.unique(y), len(np.unique(groups)) / 100
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.share_, self.share_], (len(X), 1))


def test_places_reach_the_methods_so_that_calibration_keeps_their_days_together(air):
    "A classifier that takes groups is told the site of every training row: six of twelve, in two folds."
    found = compare_hazard(air, LEVEL, methods={"counting": Counting()}, cv=2)
    npt.assert_allclose(found.held_out["counting"], 0.06)
    assert any(
        text.startswith("counting learned nothing in 2 folds: all held-out rows have one score")
        for text in findings(found)
    )


def test_a_method_that_cannot_learn_is_left_out_and_said(air):
    "Hazardous days at one site cannot be calibrated by sites: it is said; alone, it is an error."
    few = air.copy()
    few["pm25"] = few["pm25"].where(few["site_id"] > "s06", few["pm25"].clip(upper=50))
    methods = ["regression", "none+calibrated"]
    found = compare_hazard(few, 62.0, methods=methods, cv=2)
    assert list(found.skipped) == ["none+calibrated"]
    assert "two groups of each class" in found.skipped["none+calibrated"]
    assert list(found.methods["method"]) == ["regression"]
    assert any(text.startswith("none+calibrated is left out: ") for text in findings(found))
    with pytest.raises(ValueError, match="No method can learn from these rows; none\\+calibrated: "):
        compare_hazard(few, 62.0, methods=methods[1:], cv=2)


def test_the_command_writes_its_folder(run, air_file, tmp_path):
    "All files are there, the settings hold the question, records a row per method and rule."
    out = tmp_path / "hazard"
    arguments = (
        "--methods",
        "regression,dense-weights,weights",
        "--folds",
        3,
        "--jobs",
        1,
        "--json",
        tmp_path / "f",
    )
    result = run(air_file, "--above", LEVEL, "--out", out, *arguments)
    assert result.exit_code == 0, result.stderr
    files = "hazard.parquet held_out.parquet table.csv table.md table.json methods.csv curve.csv curve.png"
    assert {path.name for path in out.iterdir()} == {*files.split(), "settings.json", "parts"}
    settings = json.loads((out / "settings.json").read_text())
    assert (settings["above"], settings["unit"], settings["group"]) == (60, "µg m⁻³", "city")
    assert len(json.loads((tmp_path / "f").read_text())) == 3 * 4


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (PanelMetadata(pm25_origin="simulated"), "SIMULATED"),
        (PanelMetadata(pm25_origin="index", statistic="median"), "INDEX, MEDIANS"),
    ],
)
def test_what_is_not_measured_is_called_so_everywhere(run, air, tmp_path, metadata, words):
    "On both streams, in every row of every table, in the text, in the settings and on every picture."
    write_panel(label_panel(air, metadata), tmp_path / "panel.parquet")
    out = tmp_path / "hazard"
    arguments = "--methods", "regression,none", "--folds", 2, "--jobs", 1, "--json", tmp_path / "records"
    result = run(tmp_path / "panel.parquet", "--above", LEVEL, "--out", out, *arguments)
    for word in words.split(", "):
        for text in (result.stdout, result.stderr, (out / "table.md").read_text()):
            assert word in text
    assert json.loads((out / "settings.json").read_text())["data"] == words
    for path in (out / "table.json", tmp_path / "records"):
        assert {record["data"] for record in json.loads(path.read_text())} == {words}
    tables = [pd.read_csv(path) for path in out.glob("*.csv")]
    tables += [pd.read_parquet(path) for path in out.glob("*.parquet")]
    assert len(tables) == 5
    assert all(set(table["data"]) == {words} for table in tables)


def test_the_picture_says_what_is_not_measured(air):
    "Above the axes; nothing is said where monitors measured."
    for metadata, words in ((PanelMetadata(pm25_origin="simulated"), "SIMULATED"), (PanelMetadata(), "")):
        comparison = compare_hazard(label_panel(air, metadata), LEVEL, methods=["regression"], cv=2)
        title = alarm_curves(comparison).get_suptitle()
        assert title.startswith(words)
        assert ("SIMULATED" in title) == bool(words)


@pytest.mark.long
def test_an_interrupted_comparison_goes_on_with_the_same_values(air, tmp_path):
    "Stopped after three of six folds; the next run keeps their files and ends as one that was never stopped."

    def stop(done, total, text):
        if done == 3:
            raise KeyboardInterrupt

    options = {"methods": ["regression", "none"], "cv": 3}
    whole = compare_hazard(air, LEVEL, **options)
    with pytest.raises(KeyboardInterrupt):
        compare_hazard(air, LEVEL, out=tmp_path / "out", advance=stop, **options)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").glob("*.npz")}
    assert len(before) == 3
    told = []
    again = compare_hazard(
        air, LEVEL, out=tmp_path / "out", advance=lambda *said: told.append(said), **options
    )
    assert {path: path.stat().st_mtime_ns for path in before} == before
    pd.testing.assert_frame_equal(again.table, whole.table)
    pd.testing.assert_frame_equal(again.methods, whole.methods)
    assert [said[:2] for said in told] == [(done, 6) for done in range(3, 7)]


def test_a_panel_read_again_is_known_again(air_file, tmp_path):
    "From another reading of the same file nothing is fitted anew."
    options = {"methods": ["regression", "dense-weights"], "cv": 2, "out": tmp_path / "out"}
    compare_hazard(read_panel(air_file), LEVEL, **options)
    told = []
    compare_hazard(read_panel(air_file), LEVEL, **options, advance=lambda *said: told.append(said))
    assert told == [(4, 4, "")]


def test_an_estimator_that_cannot_be_known_again_is_fitted_again(air, tmp_path):
    "Of a class that only this process knows: never the scores of another one of its name."

    class Constant(DummyRegressor):
        pass

    options = {"cv": 2, "out": tmp_path / "out"}
    for value in (10.0, 90.0):
        methods = {"mine": Constant(strategy="constant", constant=value)}
        assert set(compare_hazard(air, LEVEL, methods=methods, **options).held_out["mine"]) == {value}


@pytest.mark.long
def test_a_killed_process_is_one_line(air):
    "Two fits side by side, each of which ends its process; nothing is kept, and nothing else is said."

    class Deadly(DummyRegressor):
        def fit(self, X, y):
            os._exit(9)

    with pytest.raises(OSError, match=r"ended from outside.* memory\. Run again with fewer processes\."):
        compare_hazard(air, LEVEL, methods={"deadly": Deadly()}, cv=2, n_jobs=2)


def test_a_damaged_piece_is_fitted_again(air, tmp_path):
    "Half a file counts as none."
    options = {"methods": ["regression"], "cv": 2, "out": tmp_path / "out"}
    first = compare_hazard(air, LEVEL, **options)
    piece = next((tmp_path / "out" / "parts").glob("regression-*.npz"))
    piece.write_bytes(piece.read_bytes()[:100])
    pd.testing.assert_frame_equal(compare_hazard(air, LEVEL, **options).table, first.table)


def test_fits_of_another_question_do_not_mix(air, tmp_path):
    "Another level, another panel, a folder of something else: one line; other methods and rates go on."
    options = {"methods": ["regression"], "cv": 2, "out": tmp_path / "out"}
    compare_hazard(air, LEVEL, **options)
    with pytest.raises(ValueError, match="other above; choose another"):
        compare_hazard(air, LEVEL + 1, **options)
    with pytest.raises(ValueError, match="other rows; choose another"):
        compare_hazard(air.assign(aod055=air["aod055"] + 1), LEVEL, **options)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="choose another"):
        compare_hazard(air, LEVEL, **options | {"out": tmp_path / "mine"})
    more = compare_hazard(air, LEVEL, **options | {"methods": ["regression", "none"], "rates": [0.2]})
    assert set(more.table["method"]) == {"regression", "none"}


def test_a_fit_has_one_thread(air):
    "Whatever library a method calls: its pools are limited while it learns."

    class Looking(DummyRegressor):
        def predict(self, X):
            return np.full(len(X), max(pool["num_threads"] for pool in threadpool_info()))

    with threadpool_limits(2):
        found = compare_hazard(air, LEVEL, methods={"looking": Looking()}, cv=2)
    assert set(found.held_out["looking"]) == {1}


def test_the_console_answers_with_one_rate(run, air_file, tmp_path):
    "The answer first, then every method once, the highest recall first; other rates stand in the folder."
    out = tmp_path / "hazard"
    methods = "regression,dense-weights,none"
    result = run(air_file, "--above", LEVEL, "--out", out, "--methods", methods, "--folds", 2, "--jobs", 1)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Asked for 5 % false alarms, mean regression catches ")
    table = pd.read_csv(out / "table.csv")
    assert set(table["rule"]) == {"plain", "1 % false alarms", "5 % false alarms", "10 % false alarms"}
    recalls = [
        float(line.split()[1]) for line in lines if line.split()[:1] in [[m] for m in methods.split(",")]
    ]
    assert len(recalls) == 3
    assert recalls == sorted(recalls, reverse=True)
    assert "10 % false alarms" not in result.stdout


def test_a_narrow_terminal_gets_fewer_columns(air):
    "Recall with its interval and the false alarms stay."
    comparison = compare_hazard(air, LEVEL, methods=["regression", "none"], cv=2, rates=[0.2])
    wide, narrow = headline_cells(comparison, 110)[0], headline_cells(comparison, 80)[0]
    assert set(wide) - set(narrow) == {"vs regression", "vs low", "vs high"}
    assert {"recall", "recall low", "recall high", "false alarm rate"} <= set(narrow)


def test_nothing_caught_has_no_interval(by_hand):
    "No alarm in any draw of places is no certainty: recall 0 stands alone, and the sentence says so."
    row = by_hand(above=45.0, regression=-10).alarms([0.1])[1].set_index("rule").loc["plain"]
    assert row["recall"] == 0
    assert np.isnan(row["recall_low"])


@pytest.mark.parametrize(
    ("change", "level", "options", "words"),
    [
        ({"pm25": None}, 60, (), "no PM2.5"),
        ({"pm25": None, "aqi": 120.0}, 60, (), "AQI only"),
        ({}, 300, (), "in 0 of 12 cities; at least 5 cities must do so"),
        ({}, 2, (), "not the rare one"),
        ({}, 60, ("--folds", 40), "fewer than the 40 folds"),
        ({}, 60, ("--rates", "2"), "between 0 and 1, not 2"),
        ({}, 60, ("--methods", "magic"), "No method 'magic'"),
    ],
)
def test_bad_input_gets_one_line(run, air, tmp_path, change, level, options, words):
    "Exit code 1, one line, no folder."
    change = {name: np.nan if value is None else value for name, value in change.items()}
    write_panel(label_panel(air.assign(**change), PanelMetadata()), tmp_path / "panel.parquet")
    result = run(tmp_path / "panel.parquet", "--above", level, "--out", tmp_path / "out", *options)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_what_was_changed_to_fit_is_said(air):
    "SMOTE takes no missing values: the imputation stands in the findings, beside the method's name."
    gaps = air.copy()
    gaps.loc[::7, "aod055"] = np.nan
    gaps["no2"] = np.where(np.arange(len(air)) % 3, np.nan, 1e-5)
    comparison = compare_hazard(gaps, LEVEL, methods=["regression", "smote"], cv=2, recipe="live")
    assert any(text.startswith("smote: ") and "missing values" in text for text in findings(comparison))


def test_findings_claim_no_more_than_the_intervals(air):
    "A method with the very figures of mean regression does not catch clearly more."
    comparison = compare_hazard(air, LEVEL, methods=["regression", "dense-weights"], cv=2)
    twin = comparison.table[comparison.table["method"] == "regression"].assign(method="dense-weights")
    comparison.table = pd.concat([comparison.table[comparison.table["method"] == "regression"], twin])
    assert headlines(comparison)[1] == "None of 1 other methods clearly catches more at no more false alarms."
    assert set(headlines(comparison)) < set(findings(comparison))


@pytest.mark.parametrize(("false_alarms", "better"), [(0.1, True), (0.2, False)])
def test_recall_that_false_alarms_have_bought_is_no_gain(air, false_alarms, better):
    "20 points more at the same false alarms are named; at twice as many nothing is called better."
    comparison = compare_hazard(air, LEVEL, methods=["regression", "dense-weights"], cv=2, rates=[0.1])
    own = comparison.table["method"] == "regression"
    comparison.table.loc[own, "false_alarm_rate"] = 0.1
    comparison.table.loc[~own, ["false_alarm_rate", "vs_low", "vs_high"]] = false_alarms, 0.1, 0.3
    said = " ".join(headlines(comparison))
    assert ("dense-weights catches more, at no more false alarms" in said) == better
    assert ("None of 1 other methods clearly catches more" in said) != better


def test_a_class_that_is_not_rare_is_called_so(air):
    "Above 55 lie 35 % of the rows, and the threshold that 5 % exceed is named; above 65 lie 15 %."
    common, rare = (compare_hazard(air, level, methods=["regression"], cv=2) for level in (55.0, 65.0))
    usual = np.quantile(air["pm25"], 0.95).round()
    assert any(
        text.startswith("35% of the rows") and f"about 5% lie above {usual:g} µg" in text
        for text in headlines(common)
    )
    assert not any("not rare" in text for text in findings(rare))


@pytest.mark.realdata
def test_a_level_that_one_ugandan_city_reaches_is_refused_for_cities_only(shared_data):
    "150.4 µg m⁻³: six sites, all in one city, by counts that plain pandas makes; sites may be held out."
    panel = check_panel(read_uganda([shared_data / "uganda_airqo_2019_2020.csv.gz"]).panel)
    above = panel[panel["pm25"] > 150.4]
    assert (above["site_id"].nunique(), above["city_id"].nunique()) == (6, 1)
    assert check_question(panel, 150.4) == "site"
    with pytest.raises(ValueError, match=f"in {len(above)} of 1,985 rows, in 1 of 7 cities"):
        check_question(panel, 150.4, group="city")

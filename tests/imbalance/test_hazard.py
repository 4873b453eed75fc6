"""High-pollution days: folds, leaks, thresholds, refusals, words."""

import json

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import typer
from threadpoolctl import threadpool_info, threadpool_limits
from typer.testing import CliRunner

from airq.features.recipe import make_recipe
from airq.io import write_panel
from airq.panel import PanelMetadata, check_panel, label_panel
from airq.sources.airqo import read_uganda
from airq.validation.splitters import Fold
from imbalance.hazard import class_confusion, compare_hazard
from imbalance.hazard_commands import hazard
from imbalance.hazard_findings import findings, headlines
from imbalance.hazard_fits import HeldOut, features_of, held_out_scores
from imbalance.hazard_methods import REGRESSIONS, chosen_methods
from imbalance.hazard_panel import (
    check_level,
    group_by,
    hazardous_rows,
    inner_folds,
    make_hazard_folds,
)
from imbalance.hazard_report import FILES, alarm_curves, headline_cells, weight_costs
from imbalance.hazard_scores import judge_alarms, judge_methods

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


def test_every_fold_judges_sites_that_reach_the_level(air):
    "Sites are whole, each is held out once, and the ones that reach the level are spread."
    hazardous = hazardous_rows(air, LEVEL)
    folds = make_hazard_folds(air, LEVEL, "site", 5)
    npt.assert_array_equal(np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(air)))
    for fold in folds:
        assert not set(air["site_id"].iloc[fold.test]) & set(air["site_id"].iloc[fold.visible])
        assert hazardous[fold.test].any()
        assert hazardous[fold.train].any()


def test_inner_folds_stay_inside_the_training_rows(air):
    "Thresholds are chosen on rows of training sites, each judged once, by models of the other sites."
    fold = make_hazard_folds(air, LEVEL, "site", 5)[0]
    inner = inner_folds(air, LEVEL, "site", fold)
    npt.assert_array_equal(np.sort(np.concatenate([part.test for part in inner])), fold.train)
    for part in inner:
        assert set(part.visible) <= set(fold.visible)
        assert not set(air["site_id"].iloc[part.test]) & set(air["site_id"].iloc[part.visible])


def test_inputs_of_held_out_sites_stay_out_of_training_features(air):
    "More smoke at a held-out site changes no training row, although areas overlap, but its own rows."
    fold = make_hazard_folds(air, LEVEL, "site", 5)[0]
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
    fold = make_hazard_folds(air, LEVEL, "site", 5)[0]
    recipe = make_recipe("retrospective", air)
    sites = air["site_id"].iloc[fold.test]
    first = (sites == sites.iloc[0]).to_numpy()
    changed = air.copy()
    changed.loc[fold.test[~first], "aod055"] += 5
    _, new = features_of(recipe, air, fold)
    _, other = features_of(recipe, changed, fold)
    npt.assert_array_equal(other[first], new[first])


def test_pm25_of_held_out_rows_reaches_no_score(air):
    "Held-out days made worse or better, on their side of the level: no threshold or score of theirs moves."
    fold = make_hazard_folds(air, LEVEL, "site", 2)[0]
    changed = air.copy()
    above = hazardous_rows(air, LEVEL)[fold.test]
    changed.loc[fold.test, "pm25"] = np.where(above, 900, 1).astype("float32")
    methods = chosen_methods(["regression", "none"])
    (first, *_), _, _ = held_out_scores(air, LEVEL, methods, n_folds=2)
    (second, other), _, _ = held_out_scores(changed, LEVEL, methods, n_folds=2)
    for name in methods:
        npt.assert_array_equal(second.inner[name], first.inner[name])
        npt.assert_array_equal(second.outer[name], first.outer[name])
    assert other.outer["regression"].max() > 100


@pytest.mark.long
def test_results_do_not_depend_on_the_number_of_processes(air):
    "One process and two give the same figures."
    options = {"methods": ["regression", "under-sample"], "n_folds": 3}
    one, two = (compare_hazard(air, LEVEL, n_jobs=jobs, **options) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.methods, two.methods)


def by_hand():
    """One fold: inner scores of ten quiet days are 1 to 10; of four held-out quiet days two score 20."""
    fold = Fold("site", 0, test=np.arange(11, 17), train=np.arange(11), visible=np.arange(11))
    inner = np.append(np.arange(1.0, 11.0), 80.0)
    outer = np.array([20.0, 20.0, 3.0, 4.0, 30.0, 5.0])
    hazardous = np.zeros(17, dtype=bool)
    hazardous[[10, 15, 16]] = True
    groups = np.array([0] * 11 + [0, 0, 0, 1, 1, 1])
    return HeldOut(fold, np.arange(11), {"regression": inner}, {"regression": outer}), hazardous, groups


def test_the_rate_asked_for_and_the_rate_that_came_are_two_figures():
    "Asked for 10 %, the threshold is 9; held-out days raise false alarms at 50 %, and that is reported."
    part, hazardous, groups = by_hand()
    _, table = judge_alarms(
        [part], {"regression": REGRESSIONS["regression"]}, hazardous, groups, above=25.0, rates=[0.1]
    )
    row = table.set_index("rule").loc["10 % false alarms"]
    assert (row["asked"], row["false_alarm_rate"], row["recall"]) == (0.1, 0.5, 0.5)


def test_taken_by_its_word_a_regression_alarms_above_the_level():
    "Of the two hazardous days one is predicted above 25, the other never; no false alarm: precision 1."
    part, hazardous, groups = by_hand()
    scores, table = judge_alarms(
        [part], {"regression": REGRESSIONS["regression"]}, hazardous, groups, above=25.0, rates=[0.1]
    )
    row = table.set_index("rule").loc["plain"]
    assert (row["hits"], row["events"], row["recall"], row["precision"]) == (1, 2, 0.5, 1.0)
    assert scores.set_index("rule").loc["plain", "threshold"] == 25.0


def test_the_price_in_rmse_is_a_difference_to_mean_regression():
    "Errors of 3 everywhere against errors of 1 everywhere cost 2 in every draw of groups."
    part, hazardous, groups = by_hand()
    pm25 = np.append(np.zeros(11), part.outer["regression"] + 1)
    part.inner["dense-weights"] = part.inner["regression"]
    part.outer["dense-weights"] = pm25[11:] + 3
    names = ["regression", "dense-weights"]
    table = judge_methods(
        [part], {name: REGRESSIONS[name] for name in names}, pm25, hazardous, groups, above=25.0
    )
    row = table.set_index("method").loc["dense-weights"]
    npt.assert_allclose(row[["rmse", "rmse_cost", "rmse_cost_low", "rmse_cost_high"]].tolist(), [3, 2, 2, 2])


def test_the_confusion_shows_a_class_that_is_never_predicted():
    "Two hazardous days predicted as unhealthy leave the last column empty."
    table = class_confusion([300.0, 400.0, 5.0], [60.0, 70.0, 5.0])
    assert table["Hazardous"].sum() == 0
    assert table.loc["Hazardous", "Unhealthy"] == 2


def test_a_level_that_few_sites_reach_is_refused_with_a_level_that_works(air):
    "The message counts the sites, and the level that it offers is accepted while the next tenth is not."
    with pytest.raises(ValueError, match=r"of 12 sites; at least 5 sites must reach") as refusal:
        check_level(air, 79.0, "site")
    level = float(str(refusal.value).split("sites exceed ")[1].split()[0])
    check_level(air, level, "site", 5)
    with pytest.raises(ValueError, match="in 4 of 12 sites"):
        check_level(air, level + 0.1, "site", 5)


def test_other_levels_that_make_no_rare_class(air):
    "Nobody below, no number, more folds than sites that reach it: one line each, with the counts."
    with pytest.raises(ValueError, match=r"above 1 µg m⁻³ in 100% of the rows.*above the median"):
        check_level(air, 1.0, "site")
    with pytest.raises(ValueError, match="0 µg m⁻³ or more, not nan"):
        check_level(air, np.nan, "site")
    reach = air.loc[air["pm25"] > LEVEL, "site_id"].nunique()
    with pytest.raises(ValueError, match=f"{reach} sites reach 60 µg m⁻³, fewer than the {reach + 1} folds"):
        check_level(air, LEVEL, "site", reach + 1)


def test_sites_are_held_out_where_there_are_few_cities(air):
    "Cities, where each site is its own; sites, where all lie in one city; anything else is refused."
    assert group_by(air) == "city"
    assert group_by(air.assign(city_id="one")) == "site"
    with pytest.raises(ValueError, match="'city' or 'site'"):
        group_by(air, "country")


def test_methods_are_chosen_by_name():
    "Regressions and strategies stand in one list; a wrong name gets the nearest."
    assert list(chosen_methods(["weights", "regression"])) == ["weights", "regression"]
    with pytest.raises(ValueError, match="No method 'regresion'. Did you mean regression?"):
        chosen_methods(["regresion"])


def test_places_reach_the_methods_so_that_calibration_keeps_their_days_together(air):
    "Each fit is told the site of every training row; a class in one site only cannot be calibrated."

    class Counting:
        def score(self, learn, pm25, hazardous, new, *, seed, groups):
            assert len(groups) == len(learn)
            return np.full(len(new), len(np.unique(groups))), []

    (first, _), _, _ = held_out_scores(air, LEVEL, {"counting": Counting()}, n_folds=2)
    assert set(first.outer["counting"]) == {air["site_id"].iloc[first.fold.train].nunique()}
    learn = pd.DataFrame({"aod055": np.linspace(0, 1, 80)})
    hazardous = np.arange(80) >= 60
    calibrated = chosen_methods(["calibrated+prior"])["calibrated+prior"]
    assert len(calibrated.score(learn, None, hazardous, learn)[0]) == 80
    with pytest.raises(ValueError, match="two groups of each class; class True has 1"):
        calibrated.score(learn, None, hazardous, learn, groups=np.arange(80) // 20)


def test_a_method_that_cannot_learn_is_left_out_and_said(air):
    "The others keep their figures, and the reason stands in the findings."

    class Stubborn:
        name, kind, meaning = "stubborn", "regression", "never learns"

        def score(self, *_, **__):
            raise ValueError("too few rows")

    methods = chosen_methods(["regression"]) | {"stubborn": Stubborn()}
    held_out, skipped, _ = held_out_scores(air, LEVEL, methods, n_folds=2)
    assert skipped == {"stubborn": "too few rows"}
    assert list(held_out[0].outer) == ["regression"]


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
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "parts"])
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
    assert len(tables) == 6
    assert all(set(table["data"]) == {words} for table in tables)


def test_pictures_say_what_is_not_measured(air):
    "Above the axes of both; nothing is said where monitors measured."
    for metadata, words in ((PanelMetadata(pm25_origin="simulated"), "SIMULATED"), (PanelMetadata(), "")):
        comparison = compare_hazard(label_panel(air, metadata), LEVEL, methods=["regression"], n_folds=2)
        for draw in (alarm_curves, weight_costs):
            title = draw(comparison).get_suptitle()
            assert title.startswith(words)
            assert ("SIMULATED" in title) == bool(words)


def test_an_interrupted_comparison_goes_on_with_the_same_values(air, tmp_path):
    "Stopped after three fits; the next run keeps their files and ends as one that was never stopped."

    def stop(done, total, text):
        if done == 3:
            raise KeyboardInterrupt

    options = {"methods": ["regression", "none"], "n_folds": 2}
    whole = compare_hazard(air, LEVEL, **options)
    with pytest.raises(KeyboardInterrupt):
        compare_hazard(air, LEVEL, out=tmp_path / "out", advance=stop, **options)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").glob("*.npz")}
    assert 3 <= len(before) < 2 * 2 * 4
    told = []
    again = compare_hazard(
        air, LEVEL, out=tmp_path / "out", advance=lambda *said: told.append(said), **options
    )
    assert {path: path.stat().st_mtime_ns for path in before} == before
    pd.testing.assert_frame_equal(again.table, whole.table)
    pd.testing.assert_frame_equal(again.methods, whole.methods)
    assert [said[:2] for said in told] == [(done, 16) for done in range(17)]


def test_a_damaged_piece_is_fitted_again(air, tmp_path):
    "Half a file counts as none."
    options = {"methods": ["regression"], "n_folds": 2, "out": tmp_path / "out"}
    first = compare_hazard(air, LEVEL, **options)
    piece = next((tmp_path / "out" / "parts").glob("regression-*.npz"))
    piece.write_bytes(piece.read_bytes()[:100])
    pd.testing.assert_frame_equal(compare_hazard(air, LEVEL, **options).table, first.table)


def test_fits_of_another_question_do_not_mix(air, tmp_path):
    "Another level, another panel, a folder of something else: one line; other methods and rates go on."
    options = {"methods": ["regression"], "n_folds": 2, "out": tmp_path / "out"}
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


def test_a_fit_has_one_thread(air, tmp_path):
    "Whatever library a method calls: its pools are limited while it learns."

    class Looking:
        def score(self, learn, pm25, hazardous, new, *, seed, groups):
            return np.full(len(new), max(pool["num_threads"] for pool in threadpool_info())), []

    with threadpool_limits(2):
        (first, _), _, _ = held_out_scores(air, LEVEL, {"looking": Looking()}, n_folds=2)
    assert set(first.outer["looking"]) == {1}


def test_the_console_answers_with_one_rate(run, air_file, tmp_path):
    "Every method once, the highest recall first; the other rates stand in the folder."
    out = tmp_path / "hazard"
    methods = "regression,dense-weights,none"
    result = run(air_file, "--above", LEVEL, "--out", out, "--methods", methods, "--folds", 2, "--jobs", 1)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("days above 60 µg m⁻³ in held-out cities, asked for 5 % false alarms")
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
    comparison = compare_hazard(air, LEVEL, methods=["regression", "none"], n_folds=2, rates=[0.2])
    wide, narrow = headline_cells(comparison, 110)[0], headline_cells(comparison, 80)[0]
    assert set(wide) - set(narrow) == {"vs regression"}
    assert {"recall", "95 %", "false alarms"} <= set(narrow)


def test_nothing_caught_has_no_interval():
    "No alarm in any draw of groups is no certainty: recall 0 stands alone, and the sentence says so."
    part, hazardous, groups = by_hand()
    _, table = judge_alarms(
        [part], {"regression": REGRESSIONS["regression"]}, hazardous, groups, above=99.0, rates=[0.1]
    )
    row = table.set_index("rule").loc["plain"]
    assert row["recall"] == 0
    assert np.isnan(row["recall_low"])


@pytest.mark.parametrize(
    ("change", "level", "options", "words"),
    [
        ({"pm25": None}, 60, (), "no PM2.5"),
        ({"pm25": None, "aqi": 120.0}, 60, (), "AQI only"),
        ({}, 300, (), "in 0 of 12 cities; at least 5 cities must reach"),
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


def test_what_was_changed_to_fit_is_said(air):
    "SMOTE takes no missing values: the imputation stands in the findings, beside the method's name."
    gaps = air.copy()
    gaps.loc[::7, "aod055"] = np.nan
    gaps["no2"] = np.where(np.arange(len(air)) % 3, np.nan, 1e-5)
    comparison = compare_hazard(gaps, LEVEL, methods=["regression", "smote"], n_folds=2, recipe="live")
    assert any(text.startswith("smote: ") and "missing values" in text for text in findings(comparison))


def test_findings_claim_no_more_than_the_intervals(air):
    "Identical methods differ by exactly zero, and the sentence tells nobody ahead."
    comparison = compare_hazard(air, LEVEL, methods=["regression", "dense-weights"], n_folds=2)
    twin = comparison.table[comparison.table["method"] == "regression"].assign(method="dense-weights")
    comparison.table = pd.concat([comparison.table[comparison.table["method"] == "regression"], twin])
    comparison.table["false_alarm_rate"] = 0.01
    said = " ".join(findings(comparison))
    assert "intervals of the difference: 1 of 1 methods" in said
    assert set(headlines(comparison)) < set(findings(comparison))
    assert "Only" in said


def test_a_class_that_is_not_rare_is_called_so(air):
    "Above 55 lie 35 % of the rows, above 65 15 %."
    common, rare = (compare_hazard(air, level, methods=["regression"], n_folds=2) for level in (55.0, 65.0))
    assert any(text.startswith("35% of the rows") and "not rare" in text for text in headlines(common))
    assert not any("not rare" in text for text in findings(rare))


def test_recall_that_false_alarms_have_bought_is_no_gain(air):
    "Twice the false alarms asked for: whatever such a method catches, it is not called better."
    comparison = compare_hazard(air, LEVEL, methods=["regression", "dense-weights"], n_folds=2, rates=[0.1])
    dear = comparison.table["method"] == "dense-weights"
    comparison.table.loc[~dear, "false_alarm_rate"] = 0.1
    comparison.table.loc[dear, ["false_alarm_rate", "vs_low", "vs_high"]] = 0.2, 0.1, 0.3
    said = " ".join(findings(comparison))
    assert "more, at more false alarms: dense-weights" in said
    assert "at no more false alarms" not in said


@pytest.mark.realdata
def test_a_level_that_one_ugandan_city_reaches_is_refused_for_cities_only(shared_data):
    "150.4 µg m⁻³: six sites, all in one city, by counts that plain pandas makes; sites may be held out."
    panel = check_panel(read_uganda([shared_data / "uganda_airqo_2019_2020.csv.gz"]).panel)
    above = panel[panel["pm25"] > 150.4]
    assert (above["site_id"].nunique(), above["city_id"].nunique()) == (6, 1)
    assert group_by(panel) == "site"
    check_level(panel, 150.4, "site")
    with pytest.raises(ValueError, match=f"in {len(above)} of 1,985 rows, in 1 of 7 cities"):
        check_level(panel, 150.4, "city")

"""Any scikit-learn regressor beside ours: same folds, same features, intervals of its own."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from airq.messages import AirqWarning
from airq.models import FAST_BASELINES, SLOW_BASELINES
from airq.models.baselines import TrainingMean, baselines
from airq.panel import PLACE, check_panel, label_panel, panel_metadata
from airq.regressor import PM25Regressor
from airq.sources.simulated import simulate
from airq.validation.evaluation import SECONDS
from airq.validation.scores import rmse
from airq.workflows.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("few_rounds")
RIDGE = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), Ridge())


@pytest.fixture(scope="module")
def panel():
    "Fifteen simulated cities, twenty days."
    return check_panel(simulate(n_cities=15, start="2020-01-01", end="2020-01-20", random_state=3))


@pytest.fixture(scope="module")
def evaluation(panel, few_rounds):
    "Ours, two regressors of scikit-learn, one that cannot be fitted, and a baseline, by city."
    estimators = {
        "ours": PM25Regressor(),
        "ridge": RIDGE,
        "trees": HistGradientBoostingRegressor(max_iter=3),
        "gaps": Ridge(),
    }
    return evaluate(estimators, panel, ["city"], coverage=0.8, baselines=["mean"])


@pytest.mark.parametrize(("name", "prefix"), [("ours", ""), ("ridge", "ridge_"), ("trees", "trees_")])
def test_the_coverage_of_every_estimator_is_that_of_its_intervals(evaluation, name, prefix):
    "Counted by hand in the held-out rows."
    rows = evaluation.predictions
    inside = rows["observed"].between(rows[f"{prefix}lower"], rows[f"{prefix}upper"])
    record = next(record for record in evaluation.records if record["model"] == name)
    assert record["coverage"] == pytest.approx(inside.mean())
    assert record["width"] == pytest.approx((rows[f"{prefix}upper"] - rows[f"{prefix}lower"]).mean())


@pytest.mark.parametrize("name", ["ours", "ridge", "trees"])
def test_every_estimator_has_intervals_probabilities_and_applicability(evaluation, name):
    "One record of coverage for the days, Brier scores, and the share of rows outside."
    coverage = evaluation.coverage.query("model == @name and part == 'all' and period == 'day'")
    assert coverage["level"].tolist() == [0.8]
    assert evaluation.exceedance.query("model == @name")["brier"].between(0, 1).all()
    assert 0 <= evaluation.scores.set_index("model").loc[name, "outside_share"] <= 1
    assert name in set(evaluation.reliability["model"])


def test_one_that_cannot_be_fitted_is_left_out_with_advice(evaluation):
    "Ridge takes no missing values; the others are scored all the same."
    assert "gaps" not in set(evaluation.scores["model"])
    assert "NaN" in evaluation.skipped["city/gaps"] and "SimpleImputer" in evaluation.skipped["city/gaps"]


def test_estimators_are_compared_with_the_best_baseline(evaluation):
    "Here the only one; a baseline is compared with nothing."
    best = evaluation.scores.set_index("model")["best_baseline"]
    assert best[["ours", "ridge", "trees"]].tolist() == ["mean"] * 3 and pd.isna(best["mean"])


@pytest.mark.slow
def test_held_out_targets_move_nothing_of_a_foreign_regressor(panel, evaluation):
    "Double the PM2.5 of the first fold: its predictions, intervals and flags stay, alone as beside others."
    columns = ["lower", "upper", "dissimilarity", "p_above_25"]
    before = evaluation.predictions
    first = before["fold"] == 0
    spoiled = panel["site_id"].isin(before.loc[first, "site_id"])
    doubled = panel.assign(pm25=panel["pm25"].mask(spoiled, panel["pm25"] * 2))
    after = evaluate({"ridge": RIDGE}, doubled, ["city"], coverage=0.8, baselines=False).predictions
    of_ridge = before.loc[first, ["ridge", *(f"ridge_{name}" for name in columns)]]
    npt.assert_array_equal(of_ridge, after.loc[first, ["ridge", *columns]])
    assert of_ridge.notna().all(axis=None)


@pytest.mark.slow
def test_one_estimator_needs_no_name(panel):
    "It is called default, as in the command line."
    evaluation = evaluate(RIDGE, panel, "random", baselines=False)
    assert evaluation.scores["model"].tolist() == ["default"]
    assert repr(evaluation).splitlines()[0] == "Evaluation [µg m⁻³]"


@pytest.mark.slow
def test_without_baselines_others_are_compared_with_the_first(panel):
    "The second minus the first."
    estimators = {"ridge": RIDGE, "stiff": make_pipeline(SimpleImputer(), StandardScaler(), Ridge(1e6))}
    scores = evaluate(estimators, panel, ["random"], baselines=False).scores.set_index("model")
    assert scores.loc["stiff", "best_baseline"] == "ridge"
    assert scores.loc["stiff", "difference"] == pytest.approx(
        scores.loc["stiff", "rmse"] - scores.loc["ridge", "rmse"]
    )


@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        ({"mean": RIDGE}, "'mean' is the name of a baseline"),
        ({"clusters": KMeans()}, "not a scikit-learn regressor"),
        ({"text": "ridge"}, "not a scikit-learn regressor"),
        ({"a class": Ridge}, "not a scikit-learn regressor"),
        ([RIDGE], "a dict of names"),
    ],
)
def test_wrong_estimators_are_refused(panel, estimators, message):
    "Before any fit, in a line."
    with pytest.raises(ValueError, match=message):
        evaluate(estimators, panel, ["city"])


@pytest.mark.parametrize(("chosen", "model"), [({}, "ours"), ({"scheme": "city", "model": "mean"}, "mean")])
def test_the_plot_holds_the_rows_of_one_model(evaluation, chosen, model):
    "Of 282 held-out rows with PM2.5 two are beyond the axes, as the subtitle says."
    chart = evaluation.plot(**chosen).to_dict()
    drawn = sum(cell["rows"] for cells in chart["datasets"].values() for cell in cells if "rows" in cell)
    assert drawn == 280 and "282 rows (2 beyond the axes)" in chart["title"]["subtitle"]
    assert f"held out by city ({model})" in chart["title"]["text"]


def test_a_plot_of_what_was_not_scored_is_refused(evaluation):
    "The message names what there is."
    with pytest.raises(ValueError, match="model='gaps'; there are: city, ours; city, ridge"):
        evaluation.plot(model="gaps")


def test_the_folder_holds_table_text_and_pictures(evaluation, tmp_path):
    "What `airq evaluate --out` promises."
    evaluation.save(tmp_path / "e")
    names = {path.name for path in (tmp_path / "e").iterdir()}
    assert {
        "evaluation.json",
        "evaluation.md",
        "coverage.json",
        "exceedance.json",
        "held_out.parquet",
        "parts.json",
        "distance.json",
        "error_by_distance_city.png",
    } <= names
    assert (tmp_path / "e" / "evaluation.md").read_text() == evaluation.to_markdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (True, FAST_BASELINES),
        ("all", [*FAST_BASELINES, *SLOW_BASELINES]),
        ("nearest", ["nearest"]),
        (["airqo-job", "mean"], ["airqo-job", "mean"]),
        (False, []),
    ],
)
def test_baselines_are_chosen_by_a_word_or_by_name(panel, monkeypatch, asked, names):
    "True for the fast ones, all of them, one, those listed in their order, none; each fits like the mean."
    monkeypatch.setattr(
        "airq.workflows.evaluate.all_baselines",
        lambda table, seed: dict.fromkeys(baselines(table), TrainingMean),
    )
    scores = evaluate(RIDGE, panel, ["random"], coverage=None, baselines=asked).scores
    assert scores["model"].tolist() == ["default", *names]


@pytest.mark.slow
def test_the_best_baseline_is_the_one_to_beat(panel):
    "Of mean and inverse distance, both by city, the one with the smaller error."
    evaluation = evaluate(
        RIDGE, panel, ["city"], coverage=None, baselines=["mean", "inverse-distance", "nearest"]
    )
    scores = evaluation.scores.set_index("model")
    assert scores.loc["default", "best_baseline"] == scores["rmse"].drop("default").idxmin()


@pytest.mark.slow
def test_a_panel_without_inputs_is_evaluated(panel, few_rounds):
    "Places, days and PM2.5 alone: a sentence says what predictions rest on, and every baseline has an error."
    bare = label_panel(panel[[*PLACE, "date", "pm25"]], panel_metadata(panel))
    with pytest.warns(AirqWarning, match="There are no input columns: predictions rest on the monitors"):
        scores = evaluate(PM25Regressor(), bare, ["city"], coverage=None).scores
    assert set(scores["model"]) == {"default", *FAST_BASELINES} - {"cams"}
    assert np.isfinite(scores["rmse"]).all()


def test_an_unknown_baseline_is_refused(panel):
    "The message lists those of the panel."
    with pytest.raises(ValueError, match="No baseline 'median' .* mean, climatology, .*lightgbm-defaults"):
        evaluate(RIDGE, panel, ["city"], baselines=["median"])


def test_every_record_has_its_seconds(evaluation):
    "Those of intervals apart, where there are intervals."
    for record in evaluation.records:
        assert record["seconds"] >= 0
        assert ("seconds_intervals" in record) == ("coverage" in record)


@pytest.mark.long
def test_two_runs_differ_in_their_seconds_alone(panel):
    "All other figures are the same."
    one, two = (evaluate(RIDGE, panel, ["city"], coverage=None, baselines=["mean"]) for _ in range(2))
    untimed = [found.scores.drop(columns=[*SECONDS], errors="ignore") for found in (one, two)]
    pd.testing.assert_frame_equal(*untimed)


def test_errors_by_distance_are_those_of_the_held_out_rows(evaluation):
    "All rows of a model are in one class; the RMSE of ours in the first is counted by hand."
    records = [one for one in evaluation.distance_records if one["model"] == "ours"]
    rows = evaluation.predictions
    assert sum(one["n"] for one in records) == len(rows)
    part = rows[rows["distance_km"].between(records[0]["low_km"], records[0]["high_km"], inclusive="left")]
    assert records[0]["rmse"] == pytest.approx(rmse(part["observed"], part["ours"]))
    assert records[0]["coverage"] == pytest.approx(
        part["observed"].between(part["lower"], part["upper"]).mean()
    )


@pytest.fixture(scope="module")
def repeated(panel):
    "Ridge and the mean, by city, three times, for two cities to predict."
    cities = pd.DataFrame({"city": ["A", "B"], "country": "UGA", "latitude": [0.3, 1.0], "longitude": 32.5})
    return evaluate(
        {"ridge": RIDGE}, panel, ["city"], coverage=None, baselines=["mean"], repeats=3, cities=cities
    )


@pytest.mark.long
def test_the_first_repeat_is_the_evaluation_without_repeats(panel, repeated):
    "Its predictions and its figures, which lie between the lowest and the highest."
    once = evaluate({"ridge": RIDGE}, panel, ["city"], coverage=None, baselines=["mean"])
    pd.testing.assert_frame_equal(repeated.first_repeat, once.predictions)
    ours, before = repeated.records[0], once.records[0]
    assert ours["rmse_low"] <= before["rmse"] <= ours["rmse_high"]


@pytest.mark.long
def test_repeats_hold_other_cities_out_together(repeated):
    "The fold of a row is not the same in all repeats, and so is its prediction."
    folds = repeated.predictions.pivot_table(index=["site_id", "date"], columns="repeat", values="fold")
    assert len(folds) == 282 and (folds.nunique(axis=1) > 1).any()
    assert repeated.records[0]["rmse_low"] < repeated.records[0]["rmse_high"]


@pytest.mark.long
def test_a_difference_is_that_of_the_mean_errors(repeated):
    "Of the ridge and the training mean."
    ridge, mean = repeated.records
    assert ridge["difference"] == pytest.approx(ridge["rmse"] - mean["rmse"])


@pytest.mark.long
def test_the_error_for_given_cities_stands_in_the_text(repeated, tmp_path):
    "With the scheme that applies, and in a file."
    repeated.save(tmp_path / "e")
    (record,) = repeated.city_records
    assert record["cities"] == 2
    text = (tmp_path / "e" / "evaluation.md").read_text()
    assert "The scheme `city` comes closest" in text and "*city, ridge*" in text
    assert {"expected.json", "proximity.json"} <= {path.name for path in (tmp_path / "e").iterdir()}


@pytest.mark.slow
def test_folds_are_matched_to_given_cities(panel):
    "Every site is held out once, in at most five folds."
    cities = pd.DataFrame({"city": ["A"], "country": "UGA", "latitude": [0.3], "longitude": 32.5})
    found = evaluate(RIDGE, panel, "knndm", coverage=None, baselines=False, cities=cities)
    assert found.records[0]["scheme"] == "knndm" and found.records[0]["folds"] == 5
    assert found.predictions.groupby("site_id")["fold"].nunique().max() == 1


def test_no_repeat_is_refused(panel):
    "At least one."
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        evaluate(RIDGE, panel, ["city"], repeats=0)

"""Rows of predictions, and a model that somebody else saved."""

import catboost
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from typer.testing import CliRunner

from airq.cli import app
from airq.features.recipe import reference
from airq.io import write_panel
from airq.messages import AirqWarning
from airq.models.intervals import Calibration
from airq.models.predictions import prediction_rows
from airq.panel import PanelMetadata, label_panel, sort_panel
from airq.units import pm25_from_aqi

YEAR = pd.date_range("2019-01-01", "2019-12-31").strftime("%Y-%m-%d").tolist()


def days(pm25):
    "Predictions without a description."
    return pd.DataFrame({"pm25": pm25})


def described(pm25, inside):
    "Predictions with residual_scales 1 below and 2 above."
    return pd.DataFrame({"pm25": pm25, "scale_low": 1.0, "scale_high": 2.0, "inside_domain": inside})


@pytest.fixture
def calibration():
    "Nine cities with a day each, whose observations lie 1 to 9 residual_scales above their predictions."
    return Calibration.from_held_out(
        pd.DataFrame(
            {
                "group": list("abcdefghi"),
                "date": pd.Timestamp("2020-01-01"),
                "observed": 10.0 + np.arange(1, 10),
                "predicted": 10.0,
                "scale_low": 1.0,
                "scale_high": 1.0,
            }
        )
    )


def test_interval_of_a_day(make_panel, calibration):
    "With nine cities the 90 % interval reaches as far as the worst did: 9 residual_scales to either side."
    rows = prediction_rows(
        make_panel({"a": ["2020-01-01"]}), described([20.0], [True]), calibration=calibration
    )
    assert rows[["lower", "upper", "level"]].to_numpy().tolist() == [[11.0, 38.0, 0.9]]


def test_no_interval_where_too_few_cities_calibrate(make_panel, calibration):
    "Nine cities do not give a 95 % interval: nineteen are needed, so the columns are empty."
    rows = prediction_rows(
        make_panel({"a": ["2020-01-01"]}), described([20.0], [True]), calibration=calibration, coverage=0.95
    )
    assert rows[["lower", "upper", "level"]].isna().all(axis=None)


def test_no_interval_of_a_month_from_days(make_panel, calibration):
    "Cities whose days are known, but no whole month, calibrate no month: bounds of days are not averaged."
    month = make_panel({"a": YEAR[:31]})
    rows = prediction_rows(
        month, described(np.full(31, 20.0), [True] * 31), calibration=calibration, period="month"
    )
    assert rows[["lower", "upper", "level"]].isna().all(axis=None)


def test_probability_of_a_day_above_a_level(make_panel, calibration):
    "Above 37.5, at 20 with a scale of 2, lie observations of 8.75 scales: one city of nine."
    rows = prediction_rows(
        make_panel({"a": ["2020-01-01"]}), described([20.0], [True]), calibration=calibration
    )
    assert rows["p_above_37.5"].tolist() == pytest.approx([1 / 9])
    assert rows["p_above_15"].tolist() == [1.0]


def test_a_month_lies_inside_with_three_quarters_of_its_days(make_panel):
    "Of two months, one with 24 of 31 days inside the domain and one with 23 of 31, the first is inside."
    inside = [True] * 24 + [False] * 7 + [True] * 23 + [False] * 8
    panel = make_panel({"a": YEAR[:31], "b": YEAR[:31]})
    rows = prediction_rows(panel, described(np.full(62, 9.0), inside), period="month")
    assert rows["inside_domain"].tolist() == [True, False]


def test_the_distance_from_training_stands_beside_the_flag(make_panel):
    "Of a day as it is; of a month with half of its days at 0.2 and half at 0.4 the mean."
    day = described([20.0], [True]).assign(dissimilarity=0.2)
    assert prediction_rows(make_panel({"a": YEAR[:1]}), day)["dissimilarity"].tolist() == [0.2]
    april = described(np.full(30, 20.0), [True] * 30).assign(dissimilarity=np.tile([0.2, 0.4], 15))
    month = prediction_rows(make_panel({"a": YEAR[90:120]}), april, period="month")
    assert month["dissimilarity"].tolist() == pytest.approx([0.3])


def test_index_and_class_of_a_day(make_panel):
    "15 µg/m³ is AQI 62 by the table of 2024 (51 + 5.9 * 49 / 26.3) and meets the WHO guideline."
    rows = prediction_rows(make_panel({"a": ["2020-01-01"]}), days([15.0]))
    assert rows["aqi"].tolist() == [62]
    assert rows["aqi_table"].tolist() == ["aqi-us-2024"]
    assert rows["who_class"].tolist() == ["guideline met"]


def test_a_year_is_judged_by_the_annual_levels(make_panel):
    "A mean of 15 meets the daily guideline; as an annual mean it only meets interim target 3."
    rows = prediction_rows(make_panel({"a": YEAR}), days(np.full(365, 15.0)), period="year")
    assert len(rows) == 1
    assert rows["date"].iloc[0] == pd.Timestamp("2019-01-01")
    assert rows["who_class"].tolist() == ["interim target 3"]
    assert rows["aqi"].isna().all()


def test_half_a_year_is_not_a_year(make_panel):
    "Fewer than three quarters of the days give no mean; if that is all there is, it is refused."
    panel = make_panel({"a": YEAR, "b": YEAR[:180]})
    with pytest.warns(AirqWarning, match="1 of 2 calendar years of a site are left out"):
        rows = prediction_rows(panel, days(np.full(545, 15.0)), period="year")
    assert rows["site_id"].tolist() == ["a"]
    with pytest.raises(ValueError, match="no mean to give"):
        prediction_rows(make_panel({"a": YEAR[:180]}), days(np.full(180, 15.0)), period="year")


def test_a_month_has_no_who_class(make_panel):
    "WHO has levels for days and years only."
    rows = prediction_rows(make_panel({"a": YEAR[:31]}), days(np.full(31, 15.0)), period="month")
    assert rows["who_class"].isna().all()


@pytest.fixture
def reference_panel(tmp_path):
    "Two places, ten days, the inputs of the published model under its own names."
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=10)
    panel = pd.DataFrame({"site_id": np.repeat(["a", "b"], 10), "date": np.tile(days, 2)})
    panel["city_id"] = panel["city"] = panel["site_id"]
    panel["country"] = "ZAF"
    panel["latitude"] = panel["site_id"].map({"a": -26.2, "b": -33.9})
    panel["longitude"] = panel["site_id"].map({"a": 28.0, "b": 18.4})
    panel[reference().inputs] = rng.normal(size=(20, len(reference().inputs)))
    panel = label_panel(sort_panel(panel), PanelMetadata())
    write_panel(panel, tmp_path / "panel.parquet")
    return panel, tmp_path / "panel.parquet"


def foreign_model(names, path):
    "A CatBoost model trained and saved natively, without any code of ours."
    rng = np.random.default_rng(1)
    model = catboost.CatBoostRegressor(iterations=5, allow_writing_files=False, verbose=False, thread_count=1)
    model.fit(catboost.Pool(rng.normal(size=(50, len(names))), rng.uniform(20, 200, 50), feature_names=names))
    model.save_model(str(path))
    return model


def run(panel, model, out, unit="aqi-us-2012"):
    arguments = [
        "predict",
        panel,
        "--model-file",
        model,
        "--recipe",
        "reference",
        "--unit",
        unit,
        "--out",
        out,
    ]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_model_saved_elsewhere_runs(reference_panel, tmp_path):
    "Its index comes out as it predicts it; PM2.5 is that index inverted by the 2012 table."
    panel, path = reference_panel
    model = foreign_model(reference().names, tmp_path / "m.cbm")
    result = run(path, tmp_path / "m.cbm", tmp_path / "p.parquet")
    assert result.exit_code == 0, result.output
    rows = pd.read_parquet(tmp_path / "p.parquet")
    index = model.predict(reference().transform(panel).to_numpy())
    npt.assert_allclose(rows["pm25"], pm25_from_aqi(index, "aqi-us-2012"))
    npt.assert_allclose(rows["aqi"], index, atol=1)
    assert set(rows["aqi_table"]) == {"aqi-us-2012"}


def test_a_model_with_other_columns_is_refused(reference_panel, tmp_path):
    "The first name that differs is told."
    _, path = reference_panel
    foreign_model([*reference().names[:-1], "something"], tmp_path / "m.cbm")
    result = run(path, tmp_path / "m.cbm", tmp_path / "p.parquet")
    assert result.exit_code == 1
    assert "'something'" in result.stderr
    assert not (tmp_path / "p.parquet").exists()


def test_what_is_not_a_model_is_refused(reference_panel, tmp_path):
    "A text file under the name of a model gets one line."
    _, path = reference_panel
    (tmp_path / "m.cbm").write_text("no model")
    result = run(path, tmp_path / "m.cbm", tmp_path / "p.parquet")
    assert result.exit_code == 1
    assert "not a CatBoost model" in result.stderr


def test_a_unit_that_pm25_cannot_have_is_refused(reference_panel, tmp_path):
    "Kelvin is no group of PM2.5."
    _, path = reference_panel
    foreign_model(reference().names, tmp_path / "m.cbm")
    assert "not K" in run(path, tmp_path / "m.cbm", tmp_path / "p.parquet", unit="K").stderr

"""Pictures of errors, intervals, explanations and distances."""

import json
import struct

import numpy as np
import pandas as pd
import pytest

from airq.models import BASE, REMAINDER
from airq.models.intervals import Calibration
from airq.panel import PanelMetadata
from airq.report import charts
from airq.validation.evaluation import HeldOutScores, score_calibration
from airq.validation.proximity import Proximity, compare

SIMULATED = PanelMetadata(pm25_origin="simulated")


def held_out(n_rows, *, scheme="city", n_cities=4):
    "Held-out rows of cities on a line, observed 0 to 100, predicted 10 too high."
    observed = np.linspace(0, 100, n_rows)
    city = np.arange(n_rows) % n_cities
    return pd.DataFrame(
        {
            "scheme": scheme,
            "city_id": [f"c{number}" for number in city],
            "city": [f"C{number}" for number in city],
            "longitude": city.astype(float),
            "latitude": city / 2,
            "observed": observed,
            "default": observed + 10,
        }
    )


def distances():
    "Two cities to predict, three held-out sites."
    cities = pd.DataFrame({"distance_km": [10.0, 200.0]})
    sites = np.array([5.0, 50, 100])
    record = compare(cities["distance_km"].to_numpy(), sites, "city")
    return Proximity(cities, 3, held_out={"city": sites, "site": sites}, records=[record])


def explained(**columns):
    return pd.DataFrame({"by": ["product", "column"], "name": ["a$1$", "b"], "rows": 9, **columns})


def dropped():
    shared = {"scheme": "city", "resampled": "cities"}
    return [
        shared | {"product": "no2", "increase": 1.0, "ci_low": 0.5, "ci_high": 1.5},
        shared | {"product": "co", "increase": 0.1, "ci_low": np.nan, "ci_high": np.nan},
    ]


def covered():
    shared = {"scheme": "city", "period": "day", "level": 0.9, "n": 30}
    return [
        shared | {"part": "all", "value": "", "coverage": 0.91, "ci_low": 0.8, "ci_high": 0.95},
        shared | {"part": "season", "value": "DJF", "coverage": 0.8, "ci_low": None, "ci_high": None},
    ]


def reliable():
    "Six thresholds with two classes each."
    rows = [
        {"threshold": threshold, "low": low, "n": 10 * threshold, "probability": low + 0.05, "frequency": low}
        for threshold in (9.0, 15, 25, 35.4, 37.5, 50)
        for low in (0.0, 0.5)
    ]
    return pd.DataFrame(rows).assign(scheme="city", ci_low=np.nan, ci_high=np.nan)


def by_distance():
    "Ours and two baselines at two distances; only ours has intervals."
    shared = {"scheme": "city", "places": 7}
    return [
        shared | {"model": model, "low_km": low, "high_km": high, "rmse": error, "coverage": coverage}
        for low, high in ((500.0, np.inf), (10.0, 25.0))
        for model, error, coverage in (("default", 9.0, 0.9), ("mean", 20.0, np.nan), ("cams", 12.0, np.nan))
    ]


CHARTS = {
    "observed": lambda: charts.observed_against_predicted(held_out(50), SIMULATED),
    "map": lambda: charts.error_map(held_out(50), SIMULATED),
    "classes": lambda: charts.class_confusion(held_out(50), SIMULATED),
    "coverage": lambda: charts.coverage_by_part(covered(), SIMULATED),
    "reliability": lambda: charts.reliability_of_thresholds(reliable(), SIMULATED),
    "importance": lambda: charts.importance_bars(explained(importance=[2.0, 1.0]), SIMULATED),
    "dependence": lambda: charts.dependence_curves(
        pd.DataFrame({"column": "no2", "value": [1e-5, 2e-5], "pm25": [20.0, 25], "unit": "mol m⁻²"}),
        SIMULATED,
    ),
    "contributions": lambda: charts.contribution_bars(
        pd.DataFrame({"product": [BASE, "no2", REMAINDER], "contribution": [20.0, -3, 0]}),
        "Kampala",
        SIMULATED,
    ),
    "drop scores": lambda: charts.drop_score_bars(dropped(), SIMULATED),
    "distances": lambda: charts.distance_curves(distances(), SIMULATED),
    "error by distance": lambda: charts.error_by_distance(
        by_distance(), SIMULATED, models=["default", "cams"]
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_written_and_names_its_origin(tmp_path, name):
    "A PNG of at least 300 by 100 pixels, and a subtitle that says SIMULATED."
    chart = CHARTS[name]()
    assert "SIMULATED" in chart.title.subtitle
    charts.save(chart, tmp_path / "chart.png")
    content = (tmp_path / "chart.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG") and width > 300 and height > 100


@pytest.mark.parametrize(
    "name", ["observed", "map", "classes", "coverage", "reliability", "drop scores", "error by distance"]
)
def test_titles_name_the_scheme(name):
    "Figures stand beside what was held out."
    assert "held out by city" in CHARTS[name]().title.text


def test_the_name_decides_the_format(tmp_path):
    "chart.svg is SVG with its words as text, unit and all."
    charts.save(CHARTS["observed"](), tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert text.startswith("<svg") and "predicted PM2.5 [µg m⁻³]" in text


@pytest.mark.parametrize(
    "draw", [charts.observed_against_predicted, charts.error_map, charts.class_confusion]
)
def test_a_chart_of_many_rows_stays_small(draw):
    "100,000 rows of 20,000 cities give a specification below 1 MB, and Altair does not refuse it."
    chart = draw(held_out(100_000, n_cities=20_000))
    assert len(json.dumps(chart.to_dict())) < 1_000_000


def test_thinning_is_said():
    "Of 20,000 cities one in ten is drawn."
    chart = charts.error_map(held_out(40_000, n_cities=20_000))
    assert chart.title.subtitle == "20,000 cities, one in 10 drawn"


def test_rows_beyond_the_axes_are_counted():
    "Of 1,000 rows the five largest predictions and observations lie beyond."
    subtitle = charts.observed_against_predicted(held_out(1000)).title.subtitle
    assert subtitle.startswith("RMSE 10.00 µg m⁻³, 1,000 rows (")


def test_another_model_is_named():
    "The default one is not."
    table = held_out(20).rename(columns={"default": "ridge"})
    title = charts.class_confusion(table, model="ridge").title.text
    assert title == "Observed and predicted AQI classes, held out by city (ridge)"


def test_four_thresholds_are_drawn():
    "Those with the most rows of probabilities between 5 and 95 %."
    data = charts.reliability_of_thresholds(reliable()).to_dict()["datasets"].values()
    assert {row["above"] for rows in data for row in rows if "above" in row} == {
        "25 µg m⁻³",
        "35.4 µg m⁻³",
        "37.5 µg m⁻³",
        "50 µg m⁻³",
    }


def test_distances_are_drawn_in_their_order_with_the_models_asked_for():
    "10-25 km stands before all that is farther; the mean was not asked for."
    chart = CHARTS["error by distance"]().to_dict()
    table = max(chart["datasets"].values(), key=len)
    assert [row["km"] for row in table] == ["10-25", "10-25", "> 500", "> 500"]
    assert {row["model"] for row in table} == {"default", "cams"}
    assert len(chart["vconcat"]) == 2


def test_without_intervals_no_coverage_is_drawn():
    "The pane of errors alone."
    chart = charts.error_by_distance(by_distance(), models=["mean"]).to_dict()
    assert len(chart["vconcat"]) == 1


def test_the_best_three_baselines_stand_beside_the_model(tmp_path, monkeypatch):
    "Of four the one with the largest error is left out."
    drawn = []
    monkeypatch.setattr(charts, "error_by_distance", lambda *_, models: drawn.append(models))
    monkeypatch.setattr(charts, "save", lambda *_: None)
    errors = {"default": 5.0, "mean": 9.0, "cams": 8.0, "climatology": 7.0, "worst": 10.0}
    records = [{"scheme": "city", "model": name, "rmse": error} for name, error in errors.items()]
    found = HeldOutScores(records=records, distance_records=records, described=("default",))
    charts.draw_distance(found, SIMULATED, tmp_path)
    assert drawn == [["default", "climatology", "cams", "mean"]]


def test_schemes_of_the_same_distances_share_a_curve():
    "Site and city hold out the same sites; city applies."
    data = charts.distance_curves(distances()).to_dict()["datasets"].values()
    groups = {row["group"] for rows in data for row in rows}
    assert groups == {"cities to predict", "held out by city, site (nearest)"}


def test_names_that_would_overlap_are_left_out():
    "Of two cities at one place only the worse has its name."
    table = held_out(40).assign(longitude=0.0, latitude=0.0)
    data = charts.error_map(table).to_dict()["datasets"].values()
    assert sorted(map(len, data)) == [1, 4]


def test_intervals_without_probabilities_are_drawn(tmp_path):
    "Three cities give a 50 % interval, but no probability: one picture, not two."
    table = pd.DataFrame({"group": list("abc"), "date": pd.Timestamp("2020-01-01"), "predicted": 10.0})
    table = table.assign(observed=10 + np.arange(1.0, 4), scale_low=1.0, scale_high=1.0)
    calibration = Calibration.from_held_out(table)
    names = dict.fromkeys(("site_id", "city_id", "city"), table["group"])
    table = table.drop(columns="group").assign(scheme="city", country="UGA", **names)
    coverage, exceedance, reliable = score_calibration(table, calibration, nominal=0.5, thresholds=[15.0])
    found = HeldOutScores(coverage_records=coverage, exceedance_records=exceedance, reliability=reliable)
    charts.draw_uncertainty(found, PanelMetadata(pm25_origin="sensor"), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["coverage_city.png"]


def test_every_model_with_intervals_has_its_pictures(tmp_path):
    "The first without its name, as in a bundle; the second with it, made fit for a file."
    coverage = covered() + [one | {"model": "my/ridge"} for one in covered()]
    found = HeldOutScores(coverage_records=coverage, reliability=reliable())
    charts.draw_uncertainty(found, SIMULATED, tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["coverage_city.png", "coverage_city_my_ridge.png", "reliability_city.png"]


def test_a_scheme_without_all_predictions_is_not_drawn(tmp_path):
    "One row without a prediction: no picture of errors that would leave it out."
    table = held_out(20)
    table.loc[3, "default"] = np.nan
    charts.draw_evaluation(table, SIMULATED, tmp_path)
    assert not list(tmp_path.iterdir())


def test_cities_are_drawn_where_no_scheme_applies(tmp_path):
    "A panel that supports no scheme: the cities alone."
    found = Proximity(pd.DataFrame({"distance_km": [10.0, 200.0]}), 3)
    charts.save(charts.distance_curves(found), tmp_path / "distances.png")
    data = charts.distance_curves(found).to_dict()["datasets"].values()
    assert {row["group"] for rows in data for row in rows} == {"cities to predict"}

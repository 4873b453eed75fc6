"""The page Trust, drawn without a browser."""

import json

import pytest

pytest.importorskip("streamlit")

from app.evidence import checked
from app.views import trust as charts

PM25 = {"kla": [10.0, 60.0], "nbo": [30.0, 31.0]}
RECORD = {
    "scheme": "city",
    "model": "default",
    "folds": 5,
    "groups": 20,
    "group": "cities",
    "n": 100,
    "rmse": 18.0,
    "rmse_sd": 3.0,
    "mae": 9.0,
    "bias": -1.0,
    "r2": 0.5,
    "unit": "µg m⁻³",
    "aqi_table": "aqi-us-2024",
    "worst_city": "Kampala",
    "worst_city_rmse": 40.0,
}
PART = {
    "scheme": "city",
    "period": "day",
    "n": 100,
    "groups": 20,
    "level": 0.9,
    "width": 50.0,
    "winkler": 60.0,
}
COVERAGE = [
    PART | {"part": "all", "value": "", "coverage": 0.91, "ci_low": 0.85, "ci_high": 0.95},
    PART | {"part": "season", "value": "DJF", "coverage": 0.8, "ci_low": None, "ci_high": None},
    PART | {"part": "worst_city", "value": "=cmd", "coverage": 0.5, "ci_low": None, "ci_high": None},
]
EXCEEDED = {"scheme": "city", "threshold": 15.0, "n": 100, "frequency": 0.66, "mean_probability": 0.7}


def said(app):
    "All text of a page."
    parts = (*app.markdown, *app.caption, *app.warning, *app.error, *app.info)
    return "\n".join(str(part.value) for part in parts)


@pytest.fixture
def evaluation(tmp_path):
    """Function that writes the records of an evaluation and returns the argument that names them."""

    def write(records=(RECORD,), coverage=COVERAGE, exceedance=(EXCEEDED | {"brier": 0.2, "skill": 0.1},)):
        for name, content in (("evaluation", records), ("coverage", coverage), ("exceedance", exceedance)):
            (tmp_path / f"{name}.json").write_text(json.dumps(list(content)))
        return ["--evaluation", tmp_path / "evaluation.json"]

    return write


def test_an_official_reads_how_often_it_held(draw, make_rows, evaluation):
    "Coverage 0.91 and an error of 9 µg/m³, in words."
    text = said(draw("trust", make_rows(PM25), arguments=evaluation()))
    assert "In cities that it had never seen, 91 % of 100 days lay inside their 90 % interval" in text
    assert "off by 9.0 µg/m³" in text
    assert "66 % of days were above 15 µg/m³. The mean predicted probability was 70 %" in text


def test_the_best_baseline_is_named_in_words(draw, make_rows, evaluation):
    "An error of 0.79 below cams, interval -2.04 to 0.39: no clear difference; one unit, one name."
    compared = {"best_baseline": "cams", "difference": -0.79, "ci_low": -2.04, "ci_high": 0.39}
    records = [RECORD | compared | {"resampled": "cities"}, RECORD | {"model": "cams"}]
    app = draw("trust", make_rows(PM25), arguments=evaluation(records))
    assert "RMSE is 0.79 µg/m³ lower than that of the best baseline, cams." in said(app)
    assert "This is no clear difference." in said(app)
    assert "µg m⁻³" not in said(app)
    assert app.dataframe[0].value["model"].tolist() == ["this predictor", "cams"]


def test_many_countries_are_in_the_table_and_the_worst_in_the_picture(draw, make_rows, evaluation):
    "Of 30 countries, covered at 70 to 99 %, 12 are drawn; all days and 30 countries are listed."
    countries = [
        PART | {"part": "country", "value": f"C{n}", "coverage": n / 100, "ci_low": None, "ci_high": None}
        for n in range(99, 69, -1)
    ]
    app = draw("trust", make_rows(PM25), arguments=evaluation(coverage=[COVERAGE[0], *countries]))
    table = app.dataframe[1].value
    assert table["Inside [%]"].round().tolist() == [91, *range(70, 100)]
    records = checked([COVERAGE[0], *countries], "coverage", "it")
    picture = charts.coverage(charts.coverage_parts(records, "city"))
    labels = {row["label"] for rows in picture["datasets"].values() for row in rows if "label" in row}
    assert labels == {"all days (100)", *(f"C{n} (100)" for n in range(70, 82))}
    assert "Of 30 countries the 12 whose intervals held least are drawn" in said(app)


def test_without_evidence_the_page_says_how_to_give_it(draw, make_rows):
    "No evaluation, no bundle, nothing in the file."
    app = draw("trust", make_rows(PM25))
    assert not app.exception
    assert "--evaluation" in said(app)


def test_what_the_predictions_tell_of_their_validation_is_used(draw, make_rows, write_predictions):
    "The records of the bundle travel in the file of predictions."
    facts = {"trained_on": "sensor", "period": "day", "validation": [RECORD]}
    assert "off by 9.0 µg/m³" in said(draw("trust", path=write_predictions(make_rows(PM25), facts=facts)))


def test_models_have_the_same_marks_at_every_start():
    "The predictor first, the others in the order of the records."
    records = checked([RECORD | {"model": model} for model in ("mean", "cams", "default")], "records", "it")
    marks = charts.errors(records)["layer"][1]["encoding"]["shape"]["scale"]["domain"]
    assert marks == ["this predictor", "mean", "cams"]


@pytest.mark.parametrize(("origin", "times"), [("simulated", 1), ("sensor", 0)])
def test_an_evaluation_on_simulated_air_says_so(draw, make_rows, evaluation, origin, times):
    "The predictions are real, the observations that judge the model are not: one warning."
    app = draw("trust", make_rows(PM25), arguments=evaluation([RECORD | {"pm25_origin": origin}]))
    assert said(app).count("SIMULATED") == times


def test_classes_have_the_names_of_the_map(draw, make_rows, evaluation):
    "What meets interim target 1 lies above interim target 2, as the legend of the map says."
    part = PART | {"part": "predicted_class", "value": "interim target 1", "coverage": 0.8}
    app = draw("trust", make_rows(PM25), arguments=evaluation(coverage=[COVERAGE[0], part]))
    assert app.dataframe[1].value["Part"].tolist() == ["all days", "above interim target 2"]


def test_a_file_of_something_else_gives_words(draw, make_rows, tmp_path):
    "No traceback."
    (tmp_path / "evaluation.json").write_text('{"a": 1}')
    app = draw("trust", make_rows(PM25), arguments=["--evaluation", tmp_path / "evaluation.json"])
    assert not app.exception
    assert "airq evaluate" in app.error[0].value


def test_records_with_gaps_draw(draw, make_rows, evaluation):
    "Figures may be missing: only the scheme and the model stand there."
    bare = {"scheme": "city", "model": "default"}
    app = draw("trust", make_rows(PM25), arguments=evaluation([bare], [], []))
    assert not app.exception
    assert not app.error


def test_where_the_model_applies_is_counted(draw, make_rows):
    "Kampala is outside on both days, Nairobi on none."
    rows = make_rows(PM25)
    rows["inside_domain"] = rows["city_id"] == "nbo"
    assert "1 of 2 cities" in said(draw("trust", rows))


def test_hostile_names_in_records_are_shown_not_followed(draw, make_rows, evaluation):
    "A worst city of markup, a scheme of markup."
    name = "![x](http://example.org/x.png)<script>"
    records = [RECORD | {"worst_city": name}, RECORD | {"scheme": name, "model": name}]
    app = draw("trust", make_rows(PM25), arguments=evaluation(records, [COVERAGE[0] | {"scheme": name}]))
    assert not app.exception
    assert "![x](" not in said(app)
    assert "<script>" not in said(app)

"""The pages Map and City, drawn without a browser."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from patience import PATIENCE

from app import jobs

pytest.importorskip("streamlit")

PM25 = {"kla": [10.0, 60.0, 20.0], "nbo": [30.0, 31.0, 8.0]}


def said(app):
    "All text of a page."
    parts = (
        *app.markdown,
        *app.metric,
        *app.caption,
        *app.warning,
        *app.error,
        *app.info,
        *app.title,
        *app.header,
    )
    return "\n".join(str(part.value) for part in parts)


@pytest.mark.parametrize("page", ["map", "city"])
def test_a_page_draws_without_an_error(page, draw, make_rows):
    "Two cities and three days: no exception, no error, and the most populous city is chosen."
    app = draw(page, make_rows(PM25))
    assert not app.exception
    assert not app.error
    assert app.selectbox[0].value == "nbo"


def test_a_live_folder_tells_its_newest_day(draw, write_predictions, make_rows):
    "The last day is a forecast without an interval; the file says when it was predicted."
    rows = make_rows(PM25, lower=5.0, upper=80.0, level=0.9, inputs="final", lead_days=0)
    last = rows["date"] == rows["date"].max()
    rows.loc[last, ["lower", "upper", "level"]] = np.nan
    facts = {"unit": "µg m⁻³", "trained_on": "sensor", "statistic": "mean", "period": "day"}
    path = write_predictions(rows, facts={**facts, "as_of": "2020-01-03", "sources": ["by hand"]})
    text = said(draw("map", path=path))
    assert "They were predicted on 3 January 2020; days from then on are forecasts." in text
    assert "No interval is known for this day." in text and "no prediction to" not in text


@pytest.mark.parametrize("page", ["map", "city"])
def test_a_link_chooses_city_and_day(page, draw, make_rows):
    "?city=kla&date=2020-01-02 shows 60.0 µg/m³."
    app = draw(page, make_rows(PM25), query={"city": "kla", "date": "2020-01-02"})
    assert "60.0 µg/m³" in said(app)


def test_a_link_to_what_is_not_there_gives_words(draw, make_rows):
    "Unknown city, date and scale are each named in a warning; markup in them is shown."
    query = {"city": "<b>", "date": "../../etc/passwd", "scale": "x"}
    app = draw("map", make_rows(PM25), query=query)
    assert not app.exception
    assert len(app.warning) == 3
    assert "<b>" not in said(app)


def test_choosing_a_city_writes_the_link(draw, make_rows):
    "The address bar then leads back to the same city."
    app = draw("map", make_rows(PM25))
    app.selectbox(key="city").select("kla").run()
    assert app.query_params["city"] in ("kla", ["kla"])
    assert "20.0 µg/m³" in said(app)


def test_the_mean_of_a_period_is_that_of_its_days(draw, make_rows):
    "Kampala: 10, 60 and 20 make 30."
    app = draw("map", make_rows(PM25), query={"show": "mean", "city": "kla"})
    assert "30.0 µg/m³" in said(app)


def test_the_share_of_days_above_a_level(draw, make_rows):
    "Kampala is above 15 on two of three days."
    app = draw("map", make_rows(PM25), query={"show": "share", "level": "15", "city": "kla"})
    assert "67 %" in said(app)


@pytest.mark.parametrize(
    ("scale", "levels"),
    [
        ("who", ["15 µg/m³ (WHO daily guideline)", "25 µg/m³ (WHO daily interim target 4)"]),
        ("aqi-us-2012", ["12 µg/m³ (end of “Good”)", "35.4 µg/m³ (end of “Moderate”)"]),
        ("aqi-us-2024", ["9 µg/m³ (end of “Good”)", "35.4 µg/m³ (end of “Moderate”)"]),
    ],
)
def test_levels_are_those_of_the_scale(draw, make_rows, scale, levels):
    "Five each: the index of 2012 begins at 12 µg/m³, that of 2024 at 9, the WHO at 15."
    box = draw("map", make_rows(PM25), query={"show": "share", "scale": scale}).selectbox(key="level")
    assert box.options[:2] == levels
    assert len(box.options) == 5


def test_the_card_says_above_what_and_how_it_was_counted(draw, make_rows):
    "Kampala is above 12 on two of three days; its probability of more than 15 is 0.5 on each of them."
    rows = make_rows(PM25, **{"p_above_15": 0.5})
    query = {"show": "share", "city": "kla"}
    counted = said(draw("map", rows, query=query | {"scale": "aqi-us-2012"}))
    assert "67 %" in counted
    assert "Counted from the predictions" in counted
    assert "**Share of days above 12 µg/m³**: more than half" in counted
    expected = said(draw("map", rows, query=query))
    assert "50 %" in expected
    assert "Expected from the probability" in expected


def test_a_level_of_another_scale_gives_words(draw, make_rows):
    "25 µg/m³ is the WHO's: the link is told that the index of 2012 has none, and 12 is shown."
    query = {"show": "share", "scale": "aqi-us-2012", "level": "25"}
    app = draw("map", make_rows(PM25), query=query)
    assert "the level “25”, which is not here" in app.warning[0].value
    assert len(app.warning) == 1
    assert app.selectbox(key="level").value == "12"


def test_a_level_goes_with_its_scale(draw, make_rows):
    "37.5 is chosen; the index of 2012 begins with 12, and there is no warning."
    app = draw("map", make_rows(PM25), query={"show": "share", "level": "37.5"})
    app.segmented_control(key="scale").set_value("aqi-us-2012").run()
    assert app.query_params["level"] in ("12", ["12"])
    assert not app.warning


def test_the_map_says_that_numbers_remain_concentrations(draw, make_rows):
    "Of an index the colours are used only; the advice at 10 µg/m³ is for the class of 2024, Moderate."
    app = draw("map", make_rows({"kla": [10.0]}), query={"scale": "aqi-us-2012"})
    assert "numbers remain concentrations in µg/m³" in said(app)
    assert "**Good**" in said(app)
    assert "Advice for “Moderate” of the US AQI 2024" in said(app)


def test_play_stops_at_the_last_day(draw, make_rows):
    "Begun at the second of three days: shown, then the third, where it stays; once more begins at the first."
    app = draw("map", make_rows(PM25), query={"date": "2020-01-02"})
    days = []
    for _ in range(2):
        app.button[0].click().run()
        days += [app.header[0].value, app.run().header[0].value]
    assert [day[-14:] for day in days] == [
        "2 January 2020",
        "3 January 2020",
        "1 January 2020",
        "2 January 2020",
    ]


def test_index_points_are_never_called_concentrations(draw, make_rows):
    "A file with AQI only: its unit stands in the numbers, µg/m³ nowhere."
    rows = make_rows({"kla": [np.nan] * 3}, aqi=[60.0, 151.0, 301.0], aqi_table="aqi-us-2012")
    for page in ("map", "city"):
        app = draw(page, rows)
        assert not app.exception
        assert "301 AQI points (2012)" in said(app)
        assert "µg/m³" not in said(app)


def test_one_row_is_enough(draw, make_rows):
    "One city, one day."
    for page in ("map", "city"):
        app = draw(page, make_rows({"kla": [10.0]}))
        assert not app.exception
        assert "10.0 µg/m³" in said(app)


def test_a_simulation_says_so(draw, make_rows, write_predictions):
    "Predictions of a model that learned from a simulation carry the word on the page."
    path = write_predictions(make_rows(PM25), facts={"trained_on": "simulated"})
    for page in ("map", "city"):
        assert "SIMULATED" in said(draw(page, path=path))
    assert "SIMULATED" not in said(draw("map", make_rows(PM25)))


def test_a_file_that_is_none_gives_words(draw, tmp_path):
    "The page says what is wrong and shows no traceback."
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    app = draw("map", path=tmp_path / "x.parquet")
    assert not app.exception
    assert "not a whole Parquet file" in said(app)


def test_hostile_names_are_shown_not_obeyed(draw, make_rows):
    "Markup, Markdown and ten thousand letters."
    for name in ("<script>alert(1)</script>", "# [x](javascript:alert(1)) $a$", "x" * 10_000):
        app = draw("city", make_rows({"kla": [10.0]}).assign(city=name))
        assert not app.exception
        assert "<script>" not in said(app)
        assert len(app.selectbox(key="city").options[0]) < 300


@pytest.fixture
def given(trained, tmp_path):
    "Arguments of a panel of its own and of the bundle that fits it."
    panel = shutil.copy(trained / "panel.parquet", tmp_path / "panel.parquet")
    return ["--panel", str(panel), "--bundle", str(trained / "bundle")]


def why(app):
    "Ask why the prediction is what it is."
    return app.toggle(key="city_why").set_value(True).run()


WHY = f"""
import json, sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_string("from app.views import city\\ncity.page()\\n", default_timeout={PATIENCE}).run()
app.toggle(key="city_why").set_value(True).run()
print(json.dumps({{"said": app.code[0].value, "modules": sorted(sys.modules)}}))
"""


@pytest.fixture
def asked(trained, tmp_path, monkeypatch):
    "What a server of its own says when it is asked why, and the modules that it has loaded then."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = {"predictions": "predictions.parquet", "panel": "panel.parquet", "bundle": "bundle"}
    given = [part for kind, name in files.items() for part in (f"--{kind}", str(trained / name))]
    ran = subprocess.run([sys.executable, "-c", WHY, *given], check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


@pytest.mark.slow
def test_the_server_gives_reasons_without_loading_a_model(asked):
    "Neither the boosters nor what explains them are in its memory."
    heavy = {"lightgbm", "catboost", "shap", "sklearn", "airq.models.explanation", "airq.workflows.explain"}
    assert asked["said"]
    assert not heavy & set(asked["modules"])


REASONS = {"product": ["base", "no2", "remainder"], "contribution": [9.0, 1.0, 0.0]}


@pytest.fixture
def questions(monkeypatch):
    "The questions that reach a process, which knows Kampala only."
    found = []

    def ask(answers, panel, bundle, city_id, date):
        found.append((city_id, date))
        yield from ()
        if city_id != "kla":
            raise ValueError("unknown")
        answers.keep(city_id, {date: (pd.DataFrame(REASONS), ["the words"])})

    monkeypatch.setattr(jobs, "explain", ask)
    return found


def test_the_same_question_is_worked_on_once(draw, make_rows, given, questions):
    "Another visitor gets the answer that the first one got."
    for _ in range(2):
        app = why(draw("city", make_rows(PM25), query={"city": "kla"}, arguments=given))
        assert app.code[0].value == "the words"
    assert questions == [("kla", "2020-01-03")]


def test_a_question_that_was_refused_is_not_worked_on_again(draw, make_rows, given, questions):
    "A page that is drawn again repeats the words."
    app = why(draw("city", make_rows(PM25), query={"city": "nbo"}, arguments=given)).run()
    assert "unknown" in said(app)
    assert len(questions) == 1


def test_a_changed_panel_is_asked_again(draw, make_rows, given, questions):
    "Its answers were another panel's."
    app = why(draw("city", make_rows(PM25), query={"city": "kla"}, arguments=given))
    os.utime(given[1], (0, 0))
    app.run()
    assert len(questions) == 2


@pytest.mark.parametrize("page", ["map", "city", "countries", "trust", "data"])
def test_predictions_of_a_model_field_say_so(draw, make_rows, write_predictions, page):
    "Trained on the output of another model, not on sensors: every page with its numbers tells it."
    path = write_predictions(
        make_rows({"kla": [10.0, 20.0]}), facts={"unit": "µg m⁻³", "trained_on": "model"}
    )
    app = draw(page, None, path=path)
    assert [one.value for one in app.warning if one.value.startswith("MODEL FIELD")]


@pytest.mark.parametrize("page", ["map", "city", "countries", "trust", "data"])
def test_days_that_the_model_was_not_trained_on_are_told(draw, make_rows, write_predictions, page):
    "Trained until 2 January; of three days the third lies outside. A file that covers all says nothing."
    days = ["2019-01-01", "2020-01-02"]
    path = write_predictions(
        make_rows(PM25), facts={"unit": "µg m⁻³", "trained_on": "sensor", "trained_days": days}
    )
    told = [one.value for one in draw(page, None, path=path).warning]
    assert len(told) == 1
    assert told[0].startswith(
        "1 of 3 days lie outside the days of training (1 January 2019 to 2 January 2020)"
    )


def test_days_within_those_of_training_are_not_told(draw, make_rows, write_predictions):
    "Trained until 3 January, predicted until then; a file that is silent says nothing either."
    facts = {"unit": "µg m⁻³", "trained_on": "sensor"}
    path = write_predictions(make_rows(PM25), facts={**facts, "trained_days": ["2020-01-01", "2020-01-03"]})
    assert not draw("map", None, path=path).warning
    assert not draw("map", make_rows(PM25)).warning


def test_the_name_of_a_country_is_plain_in_its_list(draw, make_rows):
    "A pill is Markdown, whose signs are escaped: a reader sees Guinea-Bissau."
    app = draw("city", make_rows({"bxo": [10.0], "bff": [8.0]}).assign(country="GNB"))
    assert r"Mean of Guinea\-Bissau" in app.button_group(key="with").options


def test_medians_are_not_called_means(draw, make_rows, write_predictions):
    "A file of daily medians: the map says so over the day and warns of levels made for means."
    path = write_predictions(make_rows({"kla": [10.0]}), facts={"statistic": "median", "period": "day"})
    app = draw("map", None, path=path)
    assert [one.value for one in app.header] == ["Daily median, 1 January 2020"]
    assert [one.value for one in app.warning if one.value.startswith("MEDIANS")]


@pytest.mark.parametrize("page", ["map", "city", "countries", "data"])
def test_an_address_shows_the_same_with_tomorrows_file(page, draw, make_rows):
    "The defaults stand in it: with a day more, or a larger city, the address of today changes nothing."
    before = draw(page, make_rows(PM25))
    query = {
        name: value[-1] if isinstance(value, list) else value for name, value in before.query_params.items()
    }
    assert query
    longer = make_rows({"kla": [10.0, 60.0, 20.0, 99.0], "nbo": [30.0, 31.0, 8.0, 99.0]})
    after = draw(page, longer.assign(population=longer["city_id"].map({"kla": 9e6, "nbo": 1.0})), query=query)
    assert not after.warning
    assert dict(after.query_params) == dict(before.query_params)
    if page == "map":
        assert [after.metric[0].value, after.header[0].value] == [
            "8.0 µg/m³",
            "Daily mean, 3 January 2020",
        ]


def test_a_rank_is_as_sure_as_the_intervals(draw, make_rows):
    "60 (46 to 80) lies above 30 (20 to 39) for sure; 30 and 25 (15 to 45) may change places."
    rows = make_rows({"a": [60.0], "b": [30.0], "c": [25.0]}, level=0.9)
    ends = {"a": (46.0, 80.0), "b": (20.0, 39.0), "c": (15.0, 45.0)}
    rows = rows.assign(lower=rows["city_id"].map(lambda one: ends[one][0]))
    rows = rows.assign(upper=rows["city_id"].map(lambda one: ends[one][1]))
    assert "Number 1 of 3, the highest first." in said(draw("map", rows, query={"city": "a"}))
    text = said(draw("map", rows, query={"city": "b"}))
    assert "Number 2 of 3, the highest first; by the intervals between 2 and 3." in text


def test_the_ranking_has_all_cities_or_those_of_a_country(draw, make_rows):
    "Kampala 20.0 before Nairobi 8.0, with their classes in words; of Kenya there is Nairobi, still second."
    table = draw("map", make_rows(PM25), query={"beside": "list"}).dataframe[0].value
    assert table["City"].tolist() == ["Kampala, Uganda", "Nairobi, Kenya"]
    assert table["Class"].tolist() == ["above the guideline", "within the guideline"]
    kenya = draw("map", make_rows(PM25), query={"beside": "list", "in": "KEN"}).dataframe[0].value
    assert kenya[["Rank", "City"]].to_numpy().tolist() == [[2, "Nairobi, Kenya"]]


def test_a_comparison_is_in_the_link_and_in_words(draw, make_rows):
    "Kampala has 30 on average, Nairobi 23: 7 lower, and 504 km away: 178 km south, 472 km east."
    app = draw("city", make_rows(PM25), query={"city": "kla", "with": "nbo"})
    assert "**Nairobi, Kenya**: 23.0 µg/m³, 7.0 µg/m³ lower than here, over the 3 days" in said(app)
    assert app.button_group(key="with").options == [r"Nairobi, Kenya \(504 km\)"]
    assert app.query_params["with"] in ("nbo", ["nbo"])


def test_a_file_of_two_years_has_no_trend(draw, make_rows):
    "60 in December 2019, 10 in December 2018: the months that both have, and no trend."
    rows = make_rows({"kla": [10.0] * 365 + [60.0] * 366}, start="2018-12-01")
    text = said(draw("city", rows))
    assert "too short for a trend, which takes 5 years" in text

"""What is said of a number follows from the time that it averages: days, months and years."""

from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("streamlit")

from airq.io import write_panel
from airq.panel import PanelMetadata, label_panel
from app import evidence, maps, scales, series, style
from app.charts.city import poster_page
from app.series import Series, days_of
from app.session import age_of
from app.store import few_of, open_store
from app.views.countries import country_table, levels_of, monthly, span_of

FACTS = {
    "unit": "µg m⁻³",
    "trained_on": "sensor",
    "statistic": "mean",
    "period": "day",
    "sources": ["made by hand"],
}

KAMPALA = pd.Series({"label": "Kampala, Uganda"})


def said(app):
    "All text of a page."
    parts = (*app.markdown, *app.metric, *app.caption, *app.warning, *app.error, *app.info, *app.header)
    return "\n".join(str(part.value) for part in parts)


@pytest.fixture
def by_month(make_rows, write_predictions):
    "Function that writes months (first days) of Kampala, 12 each, from a month on."

    def write(number, start="2020-01-01", **columns):
        rows = make_rows({"kla": [12.0] * number}, **columns)
        rows["date"] = pd.date_range(start, periods=number, freq="MS").to_numpy()
        return write_predictions(rows, facts={**FACTS, "period": "month"})

    return write


@pytest.fixture
def gappy(make_rows, write_predictions):
    "200 days: Kampala has them all at 10, Nairobi three at 80."
    pm25 = {"kla": [10.0] * 200, "nbo": [80.0] * 3 + [np.nan] * 197}
    return write_predictions(make_rows(pm25))


def test_a_month_is_compared_with_the_mean_of_its_observed_days():
    "January at 10 on odd and 20 on even days: 16 x 10 + 15 x 20 over 31; not the 10 of the first."
    days = pd.date_range("2020-01-01", "2020-01-31")
    observed = pd.Series(np.where(days.day % 2, 10.0, 20.0), index=days)
    assert evidence.averaged(observed, "month").tolist() == pytest.approx([460 / 31])


@pytest.mark.parametrize(("known", "counts"), [(24, True), (23, False)])
def test_a_month_counts_with_three_quarters_of_its_days(known, counts):
    "Of 31 days, 23.25 are three quarters."
    observed = pd.Series(1.0, index=pd.date_range("2020-01-01", periods=known))
    assert len(evidence.averaged(observed, "month")) == counts


def test_an_agreement_of_months_speaks_of_months():
    "Six months, no day."
    found = evidence.agreement_words(evidence.Agreement(6, 1.0, 2.0, 0.5), "month")
    assert "6 months" in found and "day" not in found


@pytest.fixture
def daily_panel(make_rows, tmp_path):
    "Kampala at 10 on every day of the first half of 2020."
    write_panel(label_panel(make_rows({"kla": [10.0] * 182}), PanelMetadata()), tmp_path / "panel.parquet")
    return ["--panel", tmp_path / "panel.parquet"]


def test_a_page_of_months_compares_months(by_month, daily_panel, draw):
    "Six months at 12 against days at 10: 2 too high in six months."
    text = said(draw("city", path=by_month(6), arguments=daily_panel))
    assert "In 6 months with an observation the predictions were off by 2.0 µg/m³ and 2.0 µg/m³ too" in text


def test_held_out_days_beside_months_are_called_days(by_month, daily_panel, draw, tmp_path):
    "What was held out are six single days, whatever the file holds."
    days = {"city_id": "kla", "date": pd.date_range("2020-01-01", periods=6), "scheme": "city"}
    held_out = pd.DataFrame(days | {"observed": 10.0, "default": 13.0})
    held_out.to_parquet(tmp_path / "held_out.parquet")
    (tmp_path / "evaluation.json").write_text("[]")
    arguments = [*daily_panel, "--evaluation", tmp_path / "evaluation.json"]
    text = said(draw("city", path=by_month(6), arguments=arguments))
    assert "single days), by a model that had not seen it: On 6 days" in text


def test_a_bias_that_rounds_to_nothing_has_no_direction():
    "0.04 is 0.0: neither too high nor too low."
    found = evidence.agreement_words(evidence.Agreement(10, 0.04, 2.0, np.nan))
    assert "no bias" in found and "too" not in found


def test_not_all_days_inside_the_interval_are_not_all():
    "999 of 1,000 days are more than 99%, not 100%."
    assert "more than 99%" in evidence.agreement_words(evidence.Agreement(1000, 1.0, 2.0, 0.999))


def test_a_mean_of_three_days_has_no_annual_class(gappy):
    "Kampala's 200 days have the class of 10, the second; Nairobi's three have the one after all classes."
    store = open_store(gappy)
    layer = series.mean_layer(store, *store.day_names[:: len(store.dates) - 1], scale="who")
    assert maps.places(store.cities, layer).set_index("place")["number"].to_dict() == {0: 1, 1: 6}


def test_the_legend_says_that_cities_have_up_to_so_many_days(gappy):
    "One city has 200 days, the other three."
    store = open_store(gappy)
    layer = series.mean_layer(store, store.day_names[0], store.day_names[-1], scale="who")
    assert layer.scale.note == "Held against the annual guideline; up to 200 of 365 days."


def test_the_card_of_a_city_says_its_own_days(gappy, draw):
    "Nairobi is chosen: three days, no verdict."
    text = said(draw("map", path=gappy, query={"show": "mean", "city": "nbo"}))
    assert "Mean of 3 days, too few for a class" in text
    assert "times the WHO" not in text


def test_a_country_of_a_city_of_three_days_has_no_class(gappy, draw):
    "Kenya's only city has three days; Uganda's is classed."
    store = open_store(gappy)
    span = span_of(store, store.dates[0], store.dates[-1])
    table = country_table(store, span, monthly(store, span)).set_index("country")
    assert table["few"].to_dict() == {"KEN": True, "UGA": False}
    assert "Too few days for a class." in said(draw("countries", path=gappy, query={"country": "KEN"}))


def test_an_index_greys_no_country(gappy, draw):
    "The US AQI has no class of a mean, so none can be missing for want of days."
    text = said(draw("countries", path=gappy, query={"country": "KEN", "scale": "aqi-us-2024"}))
    assert "Too few days" not in text


def test_a_country_is_classed_where_most_of_its_people_have_enough_days():
    "The city of few days has a fifth of the people of the one and half of those of the other country."
    cities = pd.DataFrame({"country": ["A", "A", "B", "B"], "population": [8.0, 2.0, 5.0, 5.0]})
    assert few_of(cities, np.ones(4), np.array([False, True, False, True])).tolist() == [False, True]


def test_february_is_as_long_as_any_month(by_month):
    "Its 29 days have annual classes for the day of the map, the mean and the countries alike."
    store = open_store(by_month(1, "2020-02-01"))
    day = store.day_names[0]
    found = [series.day_layer(store, day, scale="who"), series.mean_layer(store, day, day, scale="who")]
    assert [layer.scale.guideline for layer in found] == [5.0, 5.0]
    assert levels_of(store, span_of(store, day, day), "people") == found[0].scale.edges


@pytest.mark.parametrize("number", [1, 2])
def test_countries_of_a_file_of_concentrations_hear_nothing_of_index_points(number, by_month, draw):
    "February alone, and February with March: people are held against the annual levels."
    text = said(draw("countries", path=by_month(number, "2020-02-01")))
    assert "index points" not in text
    assert "against the WHO's **annual** levels" in text


def test_the_note_of_a_month_has_its_real_days(by_month):
    "January has 31 of 365 days."
    layer = series.day_layer(open_store(by_month(2)), "2020-01-01", scale="who")
    assert layer.scale.note == "Held against the annual guideline; 31 of 365 days."


@pytest.mark.parametrize("page", ["map", "city"])
def test_a_file_of_months_says_nothing_of_days_above_the_daily_guideline(page, by_month, draw):
    "It holds a probability for 15, which is a level of days."
    path = by_month(3, p_above_15=0.4)
    text = said(draw(page, path=path))
    assert "Chance above" not in text and "the chosen day" not in text and "of ten days" not in text


def test_the_switch_of_the_map_names_what_a_value_stands_for(by_month, draw):
    "One month, not one day."
    app = draw("map", path=by_month(3))
    assert [option for option in app.segmented_control(key="show").options if "ay" in option] == []


def test_a_span_of_one_day_is_named_once(draw, make_rows):
    "The mean from 1 to 1 January."
    query = {"show": "mean", "from": "2020-01-01", "to": "2020-01-01"}
    text = said(draw("map", make_rows({"kla": [10.0, 20.0]}), query=query))
    assert "Mean, 1 January 2020\n" in text + "\n" and "2020 to 1" not in text


def test_a_mean_without_a_class_leaves_no_empty_line(draw, make_rows):
    "Three days: neither daily nor annual levels, and no bold nothing."
    app = draw("city", make_rows({"kla": [10.0, 20.0, 30.0]}))
    assert "" not in [part.value for part in app.markdown]
    assert "****" not in said(app)


def told(period, last, as_of=""):
    "What stands for a store in the sentence about its age."
    return SimpleNamespace(period=period, dates=pd.DatetimeIndex([last]), told=lambda name: as_of)


def test_a_month_that_has_not_ended_looks_ahead():
    "On 10 January the mean of January is no thing of the past, though it begins on the first."
    words = age_of(told("month", "2020-01-01"), pd.Timestamp("2020-01-10"))
    assert "21 days ahead" in words and "look ahead" in words and "no forecast" not in words


def test_a_prediction_from_the_middle_of_its_last_month_is_partly_a_forecast():
    "Predicted on 10 January: the end of January lay ahead."
    words = age_of(told("month", "2020-01-01", "2020-01-10"), pd.Timestamp("2020-03-01"))
    assert "the end of January 2020 lay ahead" in words


def test_a_month_that_had_ended_is_no_forecast():
    "Predicted on 1 February."
    assert "no forecast" in age_of(told("month", "2020-01-01", "2020-02-01"), pd.Timestamp("2020-03-01"))


def page_of(dates, period, name="who"):
    "The page about Kampala with 20, 30, 40 … on these dates."
    dates = pd.DatetimeIndex(dates)
    values = 20.0 + 10 * np.arange(len(dates), dtype="float32")
    series = Series(dates, values, "µg m⁻³", lower=values - 5, upper=values + 5, period=period)
    chosen = scales.scale(name, unit=series.unit, period=period)
    over_all = scales.scale(name, unit=series.unit, days=days_of(dates, period), period=period)
    return poster_page(KAMPALA, series, chosen, over_all, simulated=False)


def printed(page):
    "The texts of a printed page, without their places."
    return [ElementTree.fromstring(text).text for text in page["texts"] if "<text" in text]


def rows_of(page, chart, table):
    "A table that a chart of the page draws."
    return page["charts"][chart]["spec"]["datasets"][table]


@pytest.mark.parametrize(
    ("dates", "period", "title"),
    [
        (["2020-01-01"], "day", "Day by day; dashed: the levels"),
        (["2020-01-01", "2020-02-01"], "month", "Month by month; dashed: the levels"),
        (["2019-01-01", "2020-01-01"], "year", "Year by year; dashed: the levels"),
    ],
)
def test_the_main_chart_of_the_printed_page_is_named_by_its_values(dates, period, title):
    "Day by day, month by month, year by year."
    assert title in printed(page_of(dates, period))


def test_the_printed_page_of_years_has_no_season():
    "A year has no month."
    assert "Mean of every month of the year" not in printed(page_of(["2019-01-01", "2020-01-01"], "year"))


def test_the_printed_page_draws_no_levels_where_there_are_none():
    "The index of the US is made for days; a month has no level of it."
    page = page_of(["2020-01-01", "2020-02-01"], "month", "aqi-us-2024")
    assert "Month by month" in printed(page)
    assert rows_of(page, 0, "levels") == []


def test_the_printed_page_follows_the_scale_of_the_screen():
    "With the US AQI it does not name the WHO."
    page = page_of(["2020-01-01", "2020-02-01"], "month", "aqi-us-2024")
    assert not any("WHO" in text for text in printed(page))


def test_one_day_is_a_point_on_the_printed_page():
    "A line through one value shows nothing: it has no neighbour."
    assert [row["lone"] for row in rows_of(page_of(["2020-01-01"], "day"), 0, "days")] == [20.0]


def test_shares_on_the_printed_page_end_at_all():
    "The bars of the classes lie on an axis from 0 to 100 %."
    spec = page_of(["2020-01-01"], "day")["charts"][2]["spec"]
    assert spec["encoding"]["x"]["scale"]["domain"] == [0, 1]


def test_one_month_is_named_once_on_the_printed_page():
    "Not from January to January."
    assert "Predicted PM2.5, January 2020" in printed(page_of(["2020-01-01"], "month"))


def test_the_printed_page_counts_one_year_as_one():
    "The legend of the bars says what is known of 2020."
    counts = rows_of(page_of(["2020-01-01"], "year"), 2, "counts")
    assert {row["year"] for row in counts} == {"2020 (1 year known)"}


def test_words_of_a_share_of_days_are_by_the_period():
    "How months above a level are counted names no day."
    from app.views.map import HOW

    assert all("day" not in style.by_period(words, "month") for words in HOW.values())

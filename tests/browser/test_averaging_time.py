"""No page and no picture says of a mean what holds for a day, or of a day what holds for a year."""

import numpy as np
import pandas as pd
import pytest

from airq.io import write_table
from airq.units import AQI_CLASSES
from app import scales, style
from app.charts.city import poster_page
from app.scales import ADVICE
from app.series import Series

pytestmark = [pytest.mark.slow, pytest.mark.long]
#: Days of each file, or months, and the period of its values.
FILES = {
    "day": (1, "day"),
    "month": (30, "day"),
    "half-year": (184, "day"),
    "year": (366, "day"),
    "months": (12, "month"),
}
ADVICE_WORDS = [text for one in ADVICE for text in (one.short, one.everyone, one.sensitive)]
DAILY = ["daily guideline", "daily levels", "Daily mean"]
ANNUAL = ["annual guideline", "annual levels", "Annual mean"]
INDEX = [f"“{name}”" for name in AQI_CLASSES]


def rows_of(kind):
    "Two cities of 30 and 8 µg/m³ over the days or months of a file."
    number, period = FILES[kind]
    dates = pd.date_range("2019-01-01", periods=number, freq="D" if period == "day" else "MS")
    places = pd.DataFrame(
        {
            "city_id": ["kla", "nbo"],
            "city": ["Kampala", "Nairobi"],
            "country": ["UGA", "KEN"],
            "latitude": [0.32, -1.29],
            "longitude": [32.58, 36.82],
            "population": 2e6,
            "pm25": [30.0, 8.0],
        }
    )
    rows = places.merge(pd.DataFrame({"date": dates, "more": np.arange(number) % 3}), how="cross")
    return rows.assign(site_id=rows["city_id"], pm25=rows["pm25"] + rows.pop("more"), period=period)


@pytest.fixture(scope="module", params=FILES)
def opened(request, server, tmp_path_factory):
    "Kind of file, and the address of the app over it."
    path = tmp_path_factory.mktemp("files") / f"{request.param}.parquet"
    facts = {"unit": "µg m⁻³", "trained_on": "sensor", "period": FILES[request.param][1]}
    write_table(rows_of(request.param), path, metadata={"airq": facts})
    return request.param, server(predictions=path)


def assert_without(text, words):
    "None of the words stands in the text."
    assert [word for word in words if word in text] == []


def text_of(here):
    "All words of a page."
    return here.page.locator("[data-testid=stMainBlockContainer]").inner_text()


def test_the_mean_of_a_span_has_the_words_of_its_length(visit, opened):
    "One day: daily words. Thirty days or more: annual ones, how many days of the year, and no advice."
    kind, url = opened
    text = text_of(visit(f"{url}/?show=mean"))
    if kind == "day":
        assert "daily guideline" in text
        assert_without(text, ANNUAL)
        return
    assert "annual guideline" in text
    assert_without(text, DAILY + ADVICE_WORDS + INDEX)
    assert ("Held against the annual guideline" in text) == (kind in ("month", "half-year"))


def test_an_index_for_days_classes_no_mean(visit, opened):
    "A mean over a span has no class of the US AQI; one day has."
    kind, url = opened
    text = text_of(visit(f"{url}/?show=mean&scale=aqi-us-2024"))
    assert ("made for single days" in text) == (kind != "day")
    if kind != "day":
        assert_without(text, [*DAILY, *ADVICE_WORDS, "Moderate", "Unhealthy"])


def test_countries_have_one_scale(visit, opened):
    "Mean, map and months by the levels of the span; nothing of a day stands beside a mean."
    kind, url = opened
    text = text_of(visit(f"{url}/countries"))
    if kind == "day":
        assert_without(text, ANNUAL)
        return
    assert_without(text, [*DAILY, *ADVICE_WORDS, *INDEX])


def test_a_city_has_advice_for_days_only(visit, opened):
    "A file of months has neither advice nor a word of a day; means of days are held against the year."
    kind, url = opened
    text = text_of(visit(f"{url}/city"))
    assert any(word in text for word in ADVICE_WORDS) == (kind != "months")
    if kind == "months":
        assert_without(text, DAILY)
    if kind == "day":
        assert_without(text, ANNUAL)
    else:
        assert "annual guideline of 5" in text


@pytest.mark.parametrize("kind", FILES)
def test_the_picture_of_a_city_has_the_words_of_its_values(kind):
    "Its classes are those of its values, its mean is held against the year from thirty days on."
    rows, period = rows_of(kind).query("city_id == 'kla'"), FILES[kind][1]
    series = Series(pd.DatetimeIndex(rows["date"]), rows["pm25"].to_numpy(), "µg m⁻³", period=period)
    scale = scales.scale("who", unit="µg m⁻³", days=scales.DAYS[period])
    page = poster_page(pd.Series({"label": "Kampala, Uganda"}), series, scale, simulated=False)
    text = "\n".join(page["texts"])
    assert ("annual guideline of 5" in text) == (kind != "day")
    assert_without(text, DAILY if kind == "months" else ADVICE_WORDS + INDEX)
    assert f"{style.SPANS[period].capitalize()} above" in text or "above each level" in text

"""Readings become days: what a column is decides how, and too few hours are no day."""

import datetime

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from airq.sources.cleaning import Tally
from airq.sources.days import (
    aggregation,
    joined,
    read_times,
    stands_for_hours,
    time_zone,
    to_days,
    wall_times,
)


def hours(values, name="pm25", start="2020-01-01", site="a", freq="h"):
    """Readings of one site, hour by hour."""
    begin = pd.date_range(start, periods=len(values), freq=freq).astype("datetime64[us]")
    return pd.DataFrame({"site_id": site, "begin": begin, name: values})


def one(rows, **options):
    """The only day that rows make."""
    made = to_days(rows, Tally(), **options)
    assert len(made) == 1
    return made.iloc[0]


# -- how a column is aggregated


def test_concentrations_are_averaged():
    "Hours of 0 to 23 have a mean of 11.5."
    day = one(hours(np.arange(24.0)))
    assert day["pm25"] == 11.5 and day["n_hours"] == 24


def test_rain_is_added_up():
    "2 mm and 3 mm make 5 mm."
    assert one(hours([2.0, 3.0], "precipitation"), min_hours=2)["precipitation"] == 5


def test_directions_are_averaged_as_vectors():
    "350° and 10° make north, not 180°."
    assert one(hours([350.0, 10.0], "wind_direction"), min_hours=2)["wind_direction"] % 360 == pytest.approx(
        0, abs=1e-6
    )


def test_the_speed_weighs_the_direction():
    "1 m/s from the north and 3 m/s from the east come from atan(3) = 71.6° on the whole."
    rows = hours([0.0, 90.0], "wind_direction").assign(wind_speed=[1.0, 3.0])
    assert one(rows, min_hours=2)["wind_direction"] == pytest.approx(71.565, abs=1e-3)


@pytest.mark.parametrize(("name", "value"), [("temp_max", 3.0), ("gust", 3.0), ("TempMin", 1.0)])
def test_a_name_says_that_the_extreme_counts(name, value):
    "The largest of 1 and 3 is 3, the least 1."
    assert one(hours([1.0, 3.0], name), min_hours=2)[name] == value


def test_constants_are_taken_once():
    "An elevation does not become 1,199.9999."
    assert one(hours([1200.1] * 24, "elevation").assign(pm25=1.0))["elevation"] == 1200.1


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("rain_rate", "mean"),
        ("mean_rainfall", "mean"),
        ("Rain", "sum"),
        ("wd", "direction"),
        ("windDirection", "direction"),
        ("maximum", "max"),
        ("climax", "mean"),
        ("direct_radiation", "mean"),
    ],
)
def test_names(name, how):
    "Whole words count: a rate is averaged although it is one of rain."
    assert aggregation(name, pd.Series([1.0, 2.0])) == how


# -- how many hours a day needs


def test_17_hours_are_no_day():
    "The day falls and its readings are counted; with 17 as the limit it stays."
    tally = Tally()
    assert to_days(hours(np.ones(17)), tally).empty
    assert tally.dropped == {"fewer than 18 hours": 17}
    assert tally.notes == ["1 of 1 days fell: fewer than 18 hours"]
    assert one(hours(np.ones(17)), min_hours=17)["n_hours"] == 17


def test_minutes_count_once_an_hour():
    "100 readings within two hours are two hours."
    assert to_days(hours(np.ones(100), freq="min"), Tally()).empty


def test_an_hour_of_many_readings_weighs_as_one():
    "Hours of 0 and 10, the second read twice: their mean is 5."
    rows = pd.concat([hours([0.0, 10.0]), hours([10.0], start="2020-01-01 01:30")])
    assert one(rows, min_hours=2)["pm25"] == 5


def test_each_column_needs_its_own_hours():
    "PM2.5 of 5 hours is missing on a day whose temperature has 24."
    rows = hours(np.full(24, 20.0), "temp_air").assign(pm25=[1.0] * 5 + [np.nan] * 19)
    tally = Tally()
    day = to_days(rows, tally).iloc[0]
    assert np.isnan(day["pm25"]) and day["temp_air"] == 20 and day["n_hours"] == 5
    assert tally.emptied == {"pm25 of fewer than 18 hours": 1}


SITES = st.sampled_from(["a", "b", "c"])
READINGS = st.lists(
    st.tuples(SITES, st.integers(0, 60 * 24 * 3), st.one_of(st.none(), st.integers(0, 500))),
    min_size=1,
    max_size=120,
)


@settings(deadline=None, max_examples=60)
@given(READINGS, st.integers(1, 24), st.randoms())
def test_days_equal_a_slow_reference(readings, min_hours, random):
    "Readings of any minutes, with gaps, shuffled: the mean of hourly means of days with enough hours."
    slow = {}
    for site, minute, value in readings:
        if value is not None:
            slow.setdefault((site, minute // 1440), {}).setdefault(minute // 60, []).append(value)
    slow = {
        key: sum(sum(own) / len(own) for own in by_hour.values()) / len(by_hour)
        for key, by_hour in slow.items()
        if len(by_hour) >= min_hours
    }
    random.shuffle(readings)
    start = pd.Timestamp("2020-02-28")
    rows = pd.DataFrame(
        [(site, start + pd.Timedelta(minutes=minute), value) for site, minute, value in readings],
        columns=["site_id", "begin", "pm25"],
    ).astype({"begin": "datetime64[us]", "pm25": "float64"})
    made = to_days(rows, Tally(), min_hours=min_hours)
    keys = zip(made["site_id"], (made["date"] - start).dt.days, strict=True)
    assert dict(zip(keys, made["pm25"], strict=True)) == pytest.approx(slow)


# -- times as they are written


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("2020-01-01 01:00 AM", "01 01:00"),
        ("2020-01-01 12:00 AM", "01 00:00"),
        ("2020/1/1 12:30 pm", "01 12:30"),
        ("2020-01-01T24:00", "02 00:00"),
        ("2020-01-01 7", "01 07:00"),
        ("2020-01-01T07:15:30.5Z", "01 07:15"),
        ("20200101", "01 00:00"),
        ("1577836800", "01 00:00"),
        ("1577836800000", "01 00:00"),
    ],
)
def test_times_are_read(text, clock):
    "Half days, hours alone, 24:00, fractions of seconds."
    assert read_times(pd.Series([text])).wall.dt.strftime("%d %H:%M").tolist() == [clock]


@pytest.mark.parametrize("text", ["2020-01-01 25:00", "2020-01-01 late", "01-01-2020"])
def test_other_text_is_no_time(text):
    "Not read, rather than read as its day."
    times = read_times(pd.Series([text]))
    assert times.wall.isna().all() or not times.written.all()


def test_a_format_reads_days_first():
    "The 2nd of January, not the 1st of February."
    times = read_times(pd.Series(["02-01-2020 05:00"]), "%d-%m-%Y %H:%M")
    assert times.wall[0] == pd.Timestamp("2020-01-02 05:00") and times.timed.all()


def test_a_day_and_an_hour_stand_in_two_columns():
    "Whole numbers and texts alike."
    parts = pd.DataFrame({"day": ["2020-01-31"], "hour": [5.0]})
    assert read_times(joined(parts)).wall[0] == pd.Timestamp("2020-01-31 05:00")


def clock(texts, longitude=32.0, **options):
    """Times on the clock of the days."""
    values = pd.Series(texts)
    options = {"basis": None, "clock": None, "zone": None, **options}
    where = pd.Series(longitude, index=values.index)
    return wall_times(read_times(values), longitude=where, column="when", path="f.csv", **options)[0]


def test_days_in_utc_of_times_with_a_zone():
    "Half past midnight at +03:00 is the evening before."
    texts = ["2020-01-02T00:30+03:00", "2020-01-02T09:00+03:00"]
    assert clock(texts, basis="utc").dt.strftime("%d %H:%M").tolist() == ["01 21:30", "02 06:00"]


def test_local_days_of_times_in_utc_need_the_zone():
    "Nairobi is three hours ahead."
    texts = ["2020-01-01T22:00Z", "2020-01-02T07:00Z"]
    with pytest.raises(ValueError, match="time_zone"):
        clock(texts, basis="local")
    local = clock(texts, basis="local", zone=time_zone("Africa/Nairobi"))
    assert local.dt.strftime("%d %H:%M").tolist() == ["02 01:00", "02 10:00"]


def test_days_in_utc_of_local_times_need_the_zone():
    "Seven in Nairobi is four in UTC."
    texts = ["2020-01-01 07:00", "2020-01-01 08:00"]
    with pytest.raises(ValueError, match="time_zone"):
        clock(texts, basis="utc", clock="local")
    utc = clock(texts, basis="utc", clock="local", zone=time_zone("+03:00"))
    assert utc.dt.hour.tolist() == [4, 5]


@pytest.mark.parametrize("basis", [None, "utc"])
@pytest.mark.parametrize(
    ("texts", "longitude", "zone"),
    [
        (["2021-01-12 00:00:00 +01:00", "2021-01-13 00:00:00 +01:00"], 10.7, r"\+01:00"),
        (["2021-01-12T21:00Z", "2021-01-13T21:00Z"], 36.8, r"\+03:00"),
        (["2021-01-12T18:30Z", "2021-01-13T18:30Z"], 77.2, r"\+05:30"),
        (["2021-01-12T05:00Z", "2021-01-13T05:00Z"], -74.0, r"-05:00"),
        (["2021-01-12 00:00+00:00", "2021-07-12 00:00+01:00"], 0.1, r"\+01:00"),
    ],
)
def test_midnights_of_another_zone_are_local_days(texts, longitude, zone, basis):
    "Written with their offset, or in UTC, where the longitude tells the zone."
    with pytest.raises(ValueError, match=f"midnights of {zone}, so these are local days"):
        clock(texts, longitude, basis=basis)


def test_midnights_in_utc_become_local_days():
    "18:30 in UTC begins the next day in Delhi."
    local = clock(["2021-01-12T18:30Z", "2021-01-13T18:30Z"], 77.2, basis="local")
    assert local.tolist() == [pd.Timestamp("2021-01-13"), pd.Timestamp("2021-01-14")]


def test_one_time_of_day_stands_for_days():
    "Noon of each day is a day; noon and one o'clock are hours; so is a single noon."
    noons = pd.Series(["2020-01-01 12:00", "2020-01-02 12:00"])
    assert not stands_for_hours(read_times(noons))
    assert stands_for_hours(read_times(pd.Series(["2020-01-01 12:00", "2020-01-01 13:00"])))
    assert stands_for_hours(read_times(noons[:1]))


@pytest.mark.parametrize("name", ["Africa/Kampalla", "+3", "here", ""])
def test_an_unknown_zone_is_refused(name):
    "In words, with an example."
    with pytest.raises(ValueError, match="no time zone; write it as"):
        time_zone(name)


def test_an_offset_is_a_zone():
    "Five hours and a half."
    assert time_zone("+05:30").utcoffset(None) == datetime.timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("rain_10min", "sum"),
        ("temp_10min", "mean"),
        ("terrain_height", "mean"),
        ("train_km", "mean"),
        ("prcp", "sum"),
        ("TMAX", "max"),
        ("tempmax", "max"),
        ("dewpointmin", "min"),
        ("precip_type", "mean"),
        ("winddirdegrees", "direction"),
        ("wind_deg", "direction"),
        ("drct", "direction"),
    ],
)
def test_parts_of_words_do_not_count(name, how):
    "Ten minutes are no minimum, terrain and trains are no rain."
    assert aggregation(name, pd.Series([1.0, 2.0])) == how


def test_the_day_of_25_hours_has_25():
    "Paris on 25 October 2020: 100 in the second 02:00, else 0, make 100 / 25 = 4."
    utc = pd.date_range("2020-10-24 22:00", periods=25, freq="h")
    times = read_times(pd.Series(utc.strftime("%Y-%m-%dT%H:%MZ")))
    options = {"basis": "local", "clock": None, "zone": time_zone("Europe/Paris")}
    where = pd.Series(2.3, index=times.wall.index)
    begin, offset = wall_times(times, longitude=where, column="t", path="f.csv", **options)
    values = np.where(utc == pd.Timestamp("2020-10-25 01:00"), 100.0, 0.0)
    rows = pd.DataFrame({"site_id": "a", "begin": begin, "offset": offset, "pm25": values})
    day = one(rows)
    assert day["pm25"] == 4 and day["n_hours"] == 25


def test_each_cell_of_a_format_keeps_its_zone():
    "01:00 at +03:00."
    times = read_times(pd.Series(["01.02.2020 01:00 +0300"]), "%d.%m.%Y %H:%M %z")
    assert times.wall[0] == pd.Timestamp("2020-02-01 01:00") and times.offset[0] == 180

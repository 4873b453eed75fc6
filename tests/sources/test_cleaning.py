"""Bad rows are counted by reason; a table wrong throughout is refused."""

import numpy as np
import pandas as pd
import pytest

from airq.sources.cleaning import (
    Tally,
    numbers,
    one_per_key,
    require_columns,
    to_panel,
    with_coordinates,
    with_target,
    with_values,
    without_implausible,
)
from airq.sources.days import with_days


def dated(values, tally=None):
    values = pd.Series(values)
    rows = pd.DataFrame({"n": range(len(values))}, index=values.index)
    return with_days(values, tally or Tally(), rows, column="when", path="f.csv")


@pytest.mark.parametrize(
    "written",
    [
        "2020-01-31",
        "2020/1/31",
        "2020.01.31",
        "20200131",
        "2020-01-31T23:30:00Z",
        "2020-01-31 05:00",
        20200131,
    ],
)
def test_days_written_year_first_are_read(written):
    "Times of day do not move a day."
    assert dated([written])["date"].tolist() == [pd.Timestamp("2020-01-31")]


def test_times_and_dates_of_parquet_are_days():
    "A column of times needs no text."
    times = pd.Series(pd.to_datetime(["2020-01-31T23:30:00"]))
    assert dated(times)["date"].tolist() == [pd.Timestamp("2020-01-31")]


@pytest.mark.parametrize("written", ["31/01/2020", "01-31-2020", "Jan 31 2020", "03/04/20"])
def test_days_not_written_year_first_are_refused(written):
    "Day and month could be exchanged without anybody noticing."
    with pytest.raises(ValueError, match="f.csv: column 'when'.*2020-01-31"):
        dated([written, written])


def test_day_numbers_of_excel_are_refused():
    "43831 is 2020-01-01 in Excel, and no year 4383."
    with pytest.raises(ValueError, match="Excel"):
        dated([43831, 43832])


def test_impossible_days_are_dropped_and_counted():
    "One reason for each: a 30th of February, a year 2999, an empty cell, a word."
    tally = Tally()
    rows = dated(["2020-02-29", "2020-02-30", "2999-01-01", None, "soon", "2020-03-01"], tally)
    assert rows["n"].tolist() == [0, 5]
    assert tally.dropped == {"missing date": 1, "unreadable date": 1, "impossible date": 2}


def test_pm25_that_cannot_be_is_dropped_by_reason():
    "Missing stays: the row may carry inputs."
    rows = pd.DataFrame({"pm25": [12.0, -1.0, 999.99, 2000.0, np.nan, 0.0, 985.0]})
    tally = Tally()
    kept = with_target(rows, tally, zero="drop")
    assert kept.index.tolist() == [0, 4]
    assert tally.dropped == {
        "negative PM2.5": 1,
        "PM2.5 of zero": 1,
        "PM2.5 at a sensor's ceiling": 2,
        "PM2.5 above the plausible range": 1,
    }


def test_zero_stays_unless_told():
    "A rounded concentration may be zero."
    assert len(with_target(pd.DataFrame({"pm25": [0.0]}), Tally())) == 1


def test_infinite_pm25_is_dropped():
    "Both infinities lie outside the range."
    assert with_target(pd.DataFrame({"pm25": [np.inf, -np.inf]}), Tally()).empty


def test_coordinates_that_cannot_be_are_dropped():
    "Empty, unreadable, or off the Earth."
    rows = pd.DataFrame(
        {"latitude": ["0.3", None, "95", "x", "1"], "longitude": ["32.5", "1", "32", "3", "190"]}
    )
    tally = Tally()
    assert with_coordinates(rows, tally, path="f.csv").index.tolist() == [0]
    assert tally.dropped == {"missing coordinates": 2, "coordinates out of range": 2}


def test_latitudes_beyond_the_poles_throughout_are_an_exchange():
    "Longitudes of Los Angeles in the column of latitudes."
    rows = pd.DataFrame({"latitude": [-118.2, -117.9], "longitude": [34.1, 33.8]})
    with pytest.raises(ValueError, match="swapped"):
        with_coordinates(rows, Tally(), path="f.csv")


def test_implausible_values_become_missing_not_rows():
    "A humidity of 300 % says nothing about the rest of its row."
    rows = pd.DataFrame({"relative_humidity": [50.0, 60.0, 300.0], "other": [1.0, 2.0, 3.0]})
    tally = Tally()
    kept = without_implausible(rows, tally, path="f.csv")
    assert kept["relative_humidity"].tolist()[:2] == [50.0, 60.0]
    assert np.isnan(kept["relative_humidity"].iloc[2])
    assert kept["other"].tolist() == [1.0, 2.0, 3.0]
    assert tally.emptied == {"relative_humidity out of range": 1}


def test_a_column_that_is_implausible_throughout_is_refused():
    "Kelvin in a column of degrees Celsius."
    with pytest.raises(ValueError, match="'temp_air'.*Wrong unit"):
        without_implausible(pd.DataFrame({"temp_air": [293.1, 295.2]}), Tally(), path="f.csv")


def test_rounding_beyond_the_range_is_put_back():
    "A cloud fraction of 1 + 5e-8 is 1."
    tally = Tally()
    assert without_implausible(pd.DataFrame({"cloud_fraction": [1 + 5e-8]}), tally, path="f").iloc[0, 0] == 1
    assert tally.emptied == {}


def test_rows_without_any_number_are_dropped():
    "Keys and places are no values."
    rows = pd.DataFrame({"site_id": ["a", "b"], "latitude": [1.0, 2.0], "pm25": [5.0, np.nan]})
    tally = Tally()
    assert with_values(rows, tally)["site_id"].tolist() == ["a"]
    assert tally.dropped == {"without values": 1}


@pytest.fixture
def repeated():
    return pd.DataFrame(
        {
            "site_id": ["a", "a", "a", "b"],
            "date": pd.to_datetime(["2020-01-01"] * 3 + ["2020-01-01"]),
            "pm25": [10.0, 20.0, 90.0, 7.0],
            "aod055": [0.5, np.nan, 0.7, np.nan],
            "device": ["x", "y", "z", "w"],
        }
    )


@pytest.mark.parametrize(("several", "pm25"), [("mean", 40.0), ("median", 20.0), ("first", 10.0)])
def test_rows_of_one_key_become_one(repeated, several, pm25):
    "(10 + 20 + 90) / 3 = 40, the middle is 20, the first 10; two rows go into another."
    tally = Tally()
    rows = one_per_key(repeated, tally, several=several).set_index("site_id")
    assert rows.loc["a", "pm25"] == pm25
    assert rows.loc["b", "pm25"] == 7.0
    assert rows.loc["a", "device"] == "x"
    assert tally.merged == 2


def test_missing_values_do_not_count_in_a_mean(repeated):
    "The mean of 0.5, missing, 0.7 is 0.6."
    rows = one_per_key(repeated, Tally()).set_index("site_id")
    assert rows.loc["a", "aod055"] == pytest.approx(0.6)


def test_rows_of_one_key_can_be_refused(repeated):
    "The message names the first."
    with pytest.raises(ValueError, match="2 rows repeat.*site a on 2020-01-01"):
        one_per_key(repeated, Tally(), several="refuse")


def test_nothing_left_says_why():
    "The counts by reason stand in the message."
    tally = Tally(read=3, dropped={"negative PM2.5": 3})
    with pytest.raises(ValueError, match="f.csv: none of 3 rows is left .3 negative PM2.5."):
        to_panel(pd.DataFrame({"pm25": []}), tally, ["f.csv"], "A source")


def test_every_row_read_is_kept_or_dropped():
    "Kept rows are those read less those dropped; merging loses none."
    tally = Tally(read=10, dropped={"a": 2, "b": 1}, merged=4)
    assert tally.kept == 7


def test_words_are_not_numbers():
    "Blanks are missing, not unreadable."
    values, unreadable = numbers(pd.Series(["1", " ", "n.d."]))
    assert values.iloc[0] == 1
    assert unreadable.tolist() == [False, False, True]


def test_a_missing_column_is_named_with_the_nearest():
    "A misspelt column is likelier than an absent one."
    with pytest.raises(ValueError, match="'latitude'.*Did you mean latitud"):
        require_columns(pd.DataFrame({"latitud": [1]}), ["latitude"], "f.csv", format="open-meteo")


def test_the_format_that_fits_is_named():
    "A table of one format read as another says which one it looks like."
    waqi = pd.DataFrame(columns=["Date", "Country", "City", "Specie", "count", "median"])
    with pytest.raises(ValueError, match="looks like --format waqi"):
        require_columns(waqi, ["site_latitude"], "f.csv", format="uganda")

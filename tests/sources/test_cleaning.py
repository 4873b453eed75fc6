"""Files are read or refused by name; bad rows are counted by reason; a table wrong throughout is refused."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest

from airq.sources.cleaning import (
    Tally,
    days,
    numbers,
    one_per_key,
    read_file,
    read_json,
    require_columns,
    to_panel,
    with_coordinates,
    with_target,
    with_values,
    without_implausible,
)


def dated(values, tally=None):
    values = pd.Series(values)
    rows = pd.DataFrame({"n": range(len(values))}, index=values.index)
    return days(values, tally or Tally(), rows, column="when", path="f.csv")


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


CSV = "site,value\na,1\nb,2\n"


def refused(path, words):
    return pytest.raises(ValueError, match=re.escape(str(path)) + ".*" + words)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_separator_is_read(tmp_path, separator):
    "The separator is the one that the header has most of."
    path = tmp_path / "t.csv"
    path.write_text(CSV.replace(",", separator))
    assert read_file(path)["value"].tolist() == [1, 2]


def test_gzip_and_parquet_hold_the_same_table(tmp_path):
    "The ending of the name decides how a file is opened, not what is in it."
    zipped, parquet = tmp_path / "t.csv.gz", tmp_path / "t.parquet"
    zipped.write_bytes(gzip.compress(CSV.encode(), mtime=0))
    pd.DataFrame({"site": ["a", "b"], "value": [1, 2]}).to_parquet(parquet)
    pd.testing.assert_frame_equal(read_file(zipped), read_file(parquet))


def test_an_index_of_parquet_is_a_column(tmp_path):
    "A table saved with its keys as the index still has them."
    path = tmp_path / "t.parquet"
    pd.DataFrame({"value": [1]}, index=pd.Index(["a"], name="site")).to_parquet(path)
    assert read_file(path).columns.tolist() == ["site", "value"]


def test_comments_before_the_header_are_skipped(tmp_path):
    "Only leading lines: a # inside a row is part of it."
    path = tmp_path / "t.csv"
    path.write_text("# archive\n#\nsite,value\n#1,3\n")
    assert read_file(path)["site"].tolist() == ["#1"]


def test_text_columns_stay_as_written(tmp_path):
    "Namibia's code is no missing value and a leading zero no ornament."
    path = tmp_path / "t.csv"
    path.write_text("country,id,value\nNA,007,NA\n")
    table = read_file(path, text=["country", "id"])
    assert table.loc[0, ["country", "id"]].tolist() == ["NA", "007"]
    assert pd.isna(table.loc[0, "value"])


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    "Excel puts one before the header."
    path = tmp_path / "t.csv"
    path.write_text(CSV, encoding="utf-8-sig")
    assert read_file(path).columns[0] == "site"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"  \n", "is empty"),
        ("a.csv", b"# only\n# comments\n", "comments only"),
        ("a.csv", b"site,value\n", "no rows"),
        ("a.csv", b"site,value\nBogot\xe1,1\n", "not UTF-8 text .line 2."),
        ("a.csv", b"site,value\na,1\nb,2,3\n", "rows have more cells|Expected 2 fields"),
        ("a.csv", b"site,value\na,1,9\nb,2,9\n", "more cells than its header"),
        ("a.csv", b"PK\x03\x04rest", "Excel"),
        ("a.csv", b"PAR1rest", "Parquet"),
        ("a.csv", gzip.compress(CSV.encode(), mtime=0), "gzip.*[.]gz"),
        ("a.csv.gz", gzip.compress(CSV.encode() * 1000, mtime=0)[:-20], "cut off"),
        ("a.csv.gz", CSV.encode(), "not compressed"),
        ("a.csv.gz", b"", "is empty"),
        ("a.parquet", CSV.encode(), "not a whole Parquet"),
        ("a.parquet", b"", "not a whole Parquet"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, name, content, words):
    "One line, with the file's name and what is wrong."
    path = tmp_path / name
    path.write_bytes(content)
    with refused(path, words) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)


def test_a_cut_off_parquet_is_refused(tmp_path):
    "A file without its last bytes has no schema."
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(100)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])
    with refused(path, "not a whole Parquet"):
        read_file(path)


def test_a_missing_file_and_a_folder_are_os_errors(tmp_path):
    "Both are named."
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        read_file(tmp_path / "nowhere.csv")
    with pytest.raises(IsADirectoryError, match="folder"):
        read_file(tmp_path)


def test_cut_off_json_is_refused(tmp_path):
    "The line where it ends is named."
    path = tmp_path / "t.json"
    path.write_text('{"results": [\n{"value": 1')
    with refused(path, "line 2"):
        read_json(path)


def test_a_missing_column_is_named_with_the_nearest(tmp_path):
    "A misspelt column is likelier than an absent one."
    with pytest.raises(ValueError, match="'latitude'.*Did you mean latitud"):
        require_columns(pd.DataFrame({"latitud": [1]}), ["latitude"], "f.csv", format="open-meteo")


def test_the_format_that_fits_is_named():
    "A table of one format read as another says which one it looks like."
    waqi = pd.DataFrame(columns=["Date", "Country", "City", "Specie", "count", "median"])
    with pytest.raises(ValueError, match="looks like --format waqi"):
        require_columns(waqi, ["site_latitude"], "f.csv", format="uganda")

"""Downloads say what their numbers are, open elsewhere, and execute nothing."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from app import downloads
from app.store import open_store

HOSTILE = '=cmd|" /C calc"!A0'


@pytest.fixture
def opened(make_rows, write_predictions):
    """Function that opens rows as a store."""
    return lambda rows, **options: open_store(write_predictions(rows, **options))


def csv_of(store, **chosen):
    data = downloads.to_csv(downloads.selection(store, **chosen), downloads.about(store))
    return pd.read_csv(io.BytesIO(data))


def test_csv_carries_unit_origin_and_licence_in_every_row(opened, make_rows):
    "They stand in columns, so that no parser stumbles over them."
    table = csv_of(opened(make_rows({"kla": [10.0, 12.5]})))
    assert table["pm25"].tolist() == [10.0, 12.5]
    assert table["date"].tolist() == ["2020-01-01", "2020-01-02"]
    assert set(table["unit"]) == {"µg m⁻³"}
    assert set(table["trained_on"]) == {"sensor"}
    assert table["licence"].str.contains("CC BY 4.0").all()


def test_csv_opens_in_a_spreadsheet_with_accents(opened, make_rows):
    "A byte-order mark tells that it is UTF-8."
    store = opened(make_rows({"kla": [10.0]}).assign(city="Yaoundé"))
    data = downloads.to_csv(downloads.selection(store), downloads.about(store))
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Yaoundé" in data.decode("utf-8-sig")


@pytest.mark.parametrize("name", [HOSTILE, "+1+1", "-2+3", "@SUM(1)", "\t=1"])
def test_a_name_that_looks_like_a_formula_is_neutralised(opened, make_rows, name):
    "It begins with an apostrophe; the negative longitude beside it stays a number."
    store = opened(make_rows({"kla": [10.0]}).assign(city=name, longitude=-3.5))
    table = csv_of(store)
    assert table["city"].tolist() == ["'" + name]
    assert table["longitude"].tolist() == [-3.5]


def test_a_name_with_quotes_and_line_breaks_stays_one_cell(opened, make_rows):
    "What is read back is what was there."
    name = 'A "b",\nc; <script>'
    assert csv_of(opened(make_rows({"kla": [10.0]}).assign(city=name)))["city"].tolist() == [name]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_was_downloaded_opens_in_the_app_again(opened, make_rows, tmp_path, kind):
    "Values, intervals, their level and the origin come back."
    store = opened(make_rows({"kla": [10.0, 20.0]}, lower=5.0, upper=30.0, level=0.9, inside_domain=True))
    rows = downloads.selection(store)
    (tmp_path / f"again.{kind}").write_bytes(downloads.WRITERS[kind](rows, downloads.about(store)))
    again = open_store(tmp_path / f"again.{kind}")
    assert again.city("pm25", "kla").tolist() == [10.0, 20.0]
    assert again.city("upper", "kla").tolist() == [30.0, 30.0]
    assert (again.level, again.trained_on, again.unit) == (0.9, "sensor", "µg m⁻³")


def test_parquet_has_a_unit_at_every_number(opened, make_rows):
    "PM2.5 in µg m⁻³, probabilities in 1, positions in degrees; text has none."
    store = opened(make_rows({"kla": [10.0]}, p_above_15=0.2))
    data = downloads.to_parquet(downloads.selection(store), downloads.about(store))
    schema = pq.read_schema(io.BytesIO(data))
    units = {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in schema}
    assert units["pm25"] == "µg m⁻³"
    assert units["p_above_15"] == "1"
    assert units["latitude"] == "°"
    assert units["city"] == ""
    assert json.loads(schema.metadata[b"airq"])["licence"] == downloads.LICENCE


def test_geojson_has_points_and_tells_units_and_licence_beside_them(opened, make_rows):
    "Longitude stands first; what is missing is null, not NaN."
    store = opened(make_rows({"kla": [10.0, 11.0]}, lower=[np.nan, 8.0], upper=12.0))
    whole = json.loads(downloads.to_geojson(downloads.selection(store), downloads.about(store)))
    feature = whole["features"][0]
    assert feature["geometry"] == {"type": "Point", "coordinates": [32.58, 0.32]}
    assert feature["properties"]["pm25"] == 10.0
    assert feature["properties"]["lower"] is None
    assert whole["about"]["units"]["pm25"] == "µg m⁻³"
    assert "licence" in whole["about"]


def test_index_points_keep_their_unit(opened, make_rows):
    "A file of AQI points is never labelled in µg m⁻³."
    rows = make_rows({"kla": [10.0]}).drop(columns="pm25").assign(aqi=151.0, aqi_table="aqi-us-2012")
    store = opened(rows, facts={})
    table = csv_of(store)
    assert set(table["unit"]) == {"aqi-us-2012"}
    assert table["aqi"].tolist() == [151.0]
    assert "µg" not in downloads.to_csv(downloads.selection(store), downloads.about(store)).decode()


def test_simulated_numbers_say_so_in_the_name_and_inside(opened, make_rows):
    "Whoever finds the file later knows."
    store = opened(make_rows({"kla": [10.0]}), facts={"trained_on": "simulated"})
    facts = downloads.about(store)
    assert downloads.file_name(facts, "parquet").startswith("SIMULATED")
    assert "SIMULATED" in facts["warning"]
    assert set(csv_of(store)["trained_on"]) == {"simulated"}


def test_cities_days_and_columns_are_chosen(opened, make_rows):
    "Of two cities and three days, one city, two days and one column are left, beside place and day."
    store = opened(make_rows({"kla": [1.0, 2.0, 3.0], "nbo": [4.0, 5.0, 6.0]}, aqi=7.0))
    rows = downloads.selection(store, ["nbo"], "2020-01-02", "2020-01-03", ["pm25"])
    assert rows["pm25"].tolist() == [5.0, 6.0]
    assert "aqi" not in rows


def test_the_mean_of_a_city_has_no_interval(opened, make_rows):
    "Mean of 10 and 20 is 15 over 2 days; ends of daily intervals are not averaged."
    store = opened(make_rows({"kla": [10.0, 20.0]}, lower=5.0, upper=30.0, p_above_15=[0.0, 1.0]))
    table = downloads.means(store)
    assert table["pm25"].tolist() == [15.0]
    assert table["days"].tolist() == [2]
    assert table["share_above_15"].tolist() == [0.5]
    assert not {"lower", "upper"} & set(table.columns)


def test_a_place_without_position_has_no_geometry(opened, make_rows):
    "GeoJSON has null for it."
    store = opened(make_rows({"kla": [10.0]}).assign(latitude=np.nan))
    whole = json.loads(downloads.to_geojson(downloads.selection(store), downloads.about(store)))
    assert whole["features"][0]["geometry"] is None


def test_too_large_a_selection_is_refused_in_words():
    "The words tell the limit and what to do."
    assert downloads.too_many(100_000, "csv") == ""
    assert "choose fewer" in downloads.too_many(100_001, "csv")

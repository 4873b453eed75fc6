"""A surface: cells of a grid from a table and from a GeoTIFF, and what the browser gets of them."""

import base64
import io

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("streamlit")
from PIL import Image

from airq.io import write_table
from airq.units import PM25_UNIT
from airq.workflows.app import check_basemap
from app import maps, sources
from app.store import open_store

METADATA = {"trained_on": "simulated", "period": "day", "statistic": "mean", "sources": []}


def rows_of(values, *, days=("2020-01-01",)):
    """Predictions of a grid of 0.5° whose north-west corner is 1° north, 30° east; NaN where no cell is.

    The interval reaches from half the value to twice it; the first cell lies outside the domain.
    """
    grid = np.asarray(values, dtype="float32")
    row, column = np.nonzero(np.isfinite(grid))
    cells = pd.DataFrame(
        {
            "site_id": [f"{one}-{other}" for one, other in zip(row, column, strict=True)],
            "city": "cell",
            "country": "UGA",
            "latitude": 0.75 - 0.5 * row,
            "longitude": 30.25 + 0.5 * column,
            "population": np.nan,
            "pm25": grid[row, column],
            "inside_domain": np.arange(len(row)) > 0,
        }
    )
    rows = pd.concat(
        [cells.assign(date=pd.Timestamp(day), pm25=cells["pm25"] + n) for n, day in enumerate(days)]
    )
    rows = rows.assign(
        city_id=rows["site_id"],
        lower=rows["pm25"] / 2,
        upper=rows["pm25"] * 2,
        level=0.9,
        period="day",
        n_days=1,
    )
    rows = rows.sort_values(["site_id", "date"]).reset_index(drop=True)
    rows.attrs["airq"] = METADATA
    return rows


@pytest.fixture
def table(tmp_path, monkeypatch):
    "Two rows and three columns of cells on two days, one cell missing."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = rows_of([[10, 20, 30], [40, np.nan, 60]], days=("2020-01-01", "2020-01-02"))
    write_table(rows, tmp_path / "cells.parquet", metadata={"airq": METADATA})
    return tmp_path / "cells.parquet"


@pytest.fixture
def raster(table):
    "The same as a GeoTIFF."
    pytest.importorskip("rasterio")
    from airq.workflows.rasters import write_raster

    rows = rows_of([[10, 20, 30], [40, np.nan, 60]], days=("2020-01-01", "2020-01-02"))
    write_raster(rows, table.with_suffix(".tif"))
    return table.with_suffix(".tif")


def test_a_table_of_cells_is_a_surface(table):
    "Every cell has its value where it lies; on the second day each is one more; the hole stays a hole."
    surface = maps.open_surface(table)
    assert surface.values("pm25", "2020-01-01").tolist()[0] == [10, 20, 30]
    np.testing.assert_array_equal(surface.values("pm25", "2020-01-02")[1], [41, np.nan, 61])
    assert surface.simulated


def test_a_geotiff_says_the_same_as_the_table(table, raster):
    "Grid, days, level and values are equal; only the table knows the domain."
    one, other = maps.open_surface(table), maps.open_surface(raster)
    assert one.grid == pytest.approx(other.grid)
    assert (one.dates == other.dates).all()
    assert (one.level, one.period, one.simulated) == (other.level, other.period, other.simulated)
    for name in ("pm25", "lower", "upper"):
        np.testing.assert_array_equal(one.values(name, "2020-01-02"), other.values(name, "2020-01-02"))
    assert one.outside("2020-01-01").tolist() == [[True, False, False], [False, False, False]]
    assert not other.outside("2020-01-01").any()


def test_the_width_of_an_interval_is_its_upper_less_its_lower_end(table):
    "Half to twice 20: from 10 to 40, 30 wide, in steps that are no classes."
    surface = maps.open_surface(table)
    assert surface.view("width", "2020-01-01")[0, 1] == 30
    assert not maps.scale_of(surface, "width").classed
    assert maps.scale_of(surface, "lower").classed


def test_the_browser_reads_value_class_domain_and_interval_of_every_cell(table):
    "30 µg/m³ is 300 tenths, in the class of 25 to 37.5, its interval 15 to 60; the first cell is marked."
    surface = maps.open_surface(table)
    scale = maps.scale_of(surface, "pm25")
    layer = maps.layer_of(surface, "pm25", "2020-01-01", scale)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(layer["png"])))).astype(int)
    assert pixels.shape == (3 * 2, 3, 3)
    tenths = pixels[..., 0] * 256 + pixels[..., 1]
    assert (tenths[0, 2], tenths[2, 2], tenths[4, 2]) == (300, 150, 600)
    assert pixels[0, :, 2].tolist() == [128 + 1, 1 + 1, 2 + 1]
    assert pixels[1, 1, 2] == 0


def test_a_cell_says_its_value_and_its_interval(table):
    "The middle of the second cell, and a place beside the grid."
    surface = maps.open_surface(table)
    found = maps.cell_at(surface, 30.75, 0.75, "2020-01-01")
    assert found == {"pm25": 20, "lower": 10, "upper": 40, "outside": False}
    assert maps.cell_at(surface, 10.0, 50.0, "2020-01-01") is None
    assert maps.cell_at(surface, 30.75, 0.25, "2020-01-01") is None


def test_a_surface_says_that_it_is_modelled(table):
    "With the width of its cells: half a degree is about 56 km."
    words = maps.words_of(maps.open_surface(table))
    assert words.startswith("Modelled on a grid of 0.5° (cells of about 56 km), not measured")


def test_a_surface_is_not_shown_beside_another_day(table):
    "It holds two days; a third, and means of months, are told in words."
    surface = maps.open_surface(table)
    assert surface.absent("2020-01-02", "day") == ""
    assert "1 January 2020 to 2 January 2020" in surface.absent("2020-01-03", "day")
    assert surface.absent("2020-01-01", "month")


def test_cities_are_no_surface(make_rows, write_predictions, table):
    "Two cities stand on no grid, and five cells are too few to be taken for one unasked."
    store = open_store(write_predictions(make_rows({"kla": [1.0], "nbo": [2.0]})))
    assert maps.surface_in(store, "cities.parquet") is None
    assert maps.surface_in(open_store(table), table) is None
    with pytest.raises(ValueError, match="no regular grid"):
        maps.check_surface(write_predictions(make_rows({"kla": [1.0], "nbo": [2.0]})))
    maps.check_surface(table)


def test_a_grid_of_predictions_is_a_surface_unasked(tmp_path, monkeypatch):
    "Eight by ten cells."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_table(rows_of(np.full((8, 10), 5.0)), tmp_path / "cells.parquet", metadata={"airq": METADATA})
    store = open_store(tmp_path / "cells.parquet")
    surface = maps.surface_in(store, tmp_path / "cells.parquet")
    assert (surface.grid.height, surface.grid.width) == (8, 10)
    assert maps.row_at(surface, 30.25, 0.75) == store.row("0-0")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("text.tif", b"no picture", "is no GeoTIFF"), ("text.parquet", b"no table", "not a whole Parquet file")],
)
def test_a_file_that_is_no_surface_is_refused_in_words(tmp_path, name, content, words):
    "What is wrong stands in one sentence."
    pytest.importorskip("rasterio")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        maps.check_surface(tmp_path / name)


def test_a_raster_of_something_else_is_refused(tmp_path):
    "A GeoTIFF whose bands name no PM2.5."
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    profile["transform"] = rasterio.transform.from_origin(30, 1, 0.5, 0.5)
    with rasterio.open(tmp_path / "other.tif", "w", **profile) as file:
        file.write(np.ones((1, 2, 2), dtype="float32"))
    with pytest.raises(ValueError, match="no band that names PM2.5"):
        maps.check_surface(tmp_path / "other.tif")


def test_index_points_are_no_surface(make_rows, write_predictions):
    "A surface is of concentrations."
    rows = make_rows({"kla": [np.nan]}, aqi=[151.0], aqi_table="aqi-us-2012")
    with pytest.raises(ValueError, match=r"predictions of PM2\.5"):
        maps.of_store(open_store(write_predictions(rows)), "index.parquet")


@pytest.mark.parametrize(
    "url",
    ["tiles.org/{z}/{x}/{y}.png", "https://tiles.org/{z}/{x}.png", "https://{s}.tiles.org/{z}/{x}/{y}.png"],
)
def test_an_address_of_tiles_that_is_none_is_refused(url):
    "Without a protocol, without a row, with more than one server."
    with pytest.raises(ValueError, match="--basemap"):
        check_basemap(url)


def test_no_tiles_are_asked_for_unless_they_are_named():
    "Off by default; with an address, its server is named where nobody else is."
    assert sources.basemap([]) is None
    url = "http://localhost:9/{z}/{x}/{y}.png"
    assert sources.basemap(["--basemap", url]) == {"url": url, "credit": "Tiles: localhost:9"}
    named = sources.basemap(["--basemap", url, "--basemap-credit", "© Somebody"])
    assert named["credit"] == "© Somebody"
    assert sources.named(["--basemap", url]) == sources.Sources()


def test_the_unit_of_a_surface_is_that_of_predictions(table):
    "Its classes are those of concentrations."
    assert maps.scale_of(maps.open_surface(table), "pm25").unit == PM25_UNIT

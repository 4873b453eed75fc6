"""Predictions for the cells of a grid as a map: GeoTIFF and Zarr, read back by other programs."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import airq
from airq.cli import app
from airq.io import write_panel
from airq.messages import AirqWarning

rasterio = pytest.importorskip("rasterio")
xarray = pytest.importorskip("xarray")
pytest.importorskip("zarr")

UNIT = "µg m⁻³"


def airq_(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def rows():
    "Predictions of two days for Rwanda's cells of 0.1 degrees; the third is missing, a tenth lies outside."
    cells = airq.places("RWA", grid=0.1)
    cells["site_id"] = cells["city_id"]
    days = pd.DataFrame({"date": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    rows = cells.merge(days, how="cross")
    rng = np.random.default_rng(0)
    rows["pm25"] = rng.uniform(5, 80, len(rows))
    rows = rows.assign(lower=rows["pm25"] / 2, upper=rows["pm25"] * 2, level=0.9)
    rows["inside_domain"] = pd.array(np.arange(len(rows)) % 10 > 0, dtype="boolean")
    rows = rows.drop(index=2).reset_index(drop=True)
    rows.attrs["airq"] = {"trained_on": "sensor", "period": "day", "sources": ["monitors of X"], "inputs": []}
    return rows


def test_every_value_is_read_back_at_its_place(rows, tmp_path):
    "At each cell's middle, on each day, for PM2.5 and both ends of the interval."
    airq.write_raster(rows, tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.crs.to_epsg() == 4326 and raster.count == 6
        at = rows[["longitude", "latitude"]].to_numpy()
        read = np.array(list(raster.sample(at)))
        day = (rows["date"] == "2020-01-02").to_numpy(dtype=int)
        for number, name in enumerate(["pm25", "lower", "upper"]):
            own = read[np.arange(len(rows)), 2 * number + day]
            np.testing.assert_array_equal(own, rows[name].astype("float32"))


def test_a_map_across_180_degrees_is_small(rows, tmp_path):
    "Rwanda's cells moved by 149.5°, to both sides of 180°: as many columns, and each value at its place."
    moved = (rows["longitude"] + 149.5 + 180).round(6) % 360 - 180
    assert moved.min() < -179 and moved.max() > 179
    airq.write_raster(rows, tmp_path / "here.tif")
    airq.write_raster(rows.assign(longitude=moved.round(6)), tmp_path / "there.tif")
    with rasterio.open(tmp_path / "here.tif") as here, rasterio.open(tmp_path / "there.tif") as there:
        np.testing.assert_array_equal(here.read(), there.read())
        assert there.bounds.left == pytest.approx(here.bounds.left + 149.5)


def test_a_foreign_folder_is_no_zarr_store(trained, grid_panel, tmp_path):
    "It stays, and the message names the option."
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    result = airq_("predict", grid_panel, "--bundle", trained / "bundle", "--zarr", tmp_path / "mine")
    assert result.exit_code == 1
    assert result.stderr.rstrip().endswith("choose another name for --zarr.")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "letter.txt"]


def test_what_is_not_predicted_has_no_data(rows, tmp_path):
    "A missing row, and every cell beyond the border."
    airq.write_raster(rows, tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        bands = raster.read(masked=True)
        assert np.isnan(raster.nodata)
    n_days = rows.groupby("date").size()
    assert [(~bands[number].mask).sum() for number in (0, 1)] == n_days.tolist()


def test_bands_and_tags_say_what_they_are(rows, tmp_path):
    "Description, date, unit of each band; origin, period and sources of the file."
    airq.write_raster(rows, tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.descriptions[:2] == ("PM2.5, 2020-01-01", "PM2.5, 2020-01-02")
        assert raster.descriptions[5] == "PM2.5, upper end, 2020-01-02"
        assert set(raster.units) == {UNIT}
        assert raster.tags(2)["date"] == "2020-01-02" and raster.tags(2)["quantity"] == "pm25"
        tags = raster.tags()
    assert tags["UNITS"] == UNIT and tags["PERIOD"] == "day" and tags["COVERAGE"] == "0.9"
    assert tags["ORIGIN"] == "predictions of a model that learned from PM2.5 from monitors"
    assert tags["SOURCES"] == "monitors of X" and "WARNING" not in tags


def test_simulated_inputs_are_told(rows, tmp_path):
    "Even if the model learned from monitors."
    rows.attrs["airq"] = {**rows.attrs["airq"], "inputs": ["SIMULATED weather"]}
    airq.write_raster(rows, tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.tags()["WARNING"].startswith("SIMULATED")
        assert raster.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("SIMULATED")


def test_it_is_cloud_optimised(rows, tmp_path):
    "Tiles and overviews inside, in the layout of GDAL's COG driver; overviews are means."
    airq.write_raster(rows, tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.profile["tiled"] and raster.overviews(1) == [2]
        full = raster.read(1)
    with rasterio.open(tmp_path / "m.tif", overview_level=0) as raster:
        small = raster.read(1)
    assert small.shape == tuple(-(-side // 2) for side in full.shape)
    assert np.nanmin(full) < np.nanmin(small) < np.nanmean(full) < np.nanmax(small) < np.nanmax(full)


def test_masking_leaves_out_what_lies_outside(rows, tmp_path):
    "Only rows inside the area of applicability have data, and the tags say how many lie outside."
    airq.write_raster(rows, tmp_path / "m.tif", mask_outside=True)
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert (~raster.read([1, 2], masked=True).mask).sum() == rows["inside_domain"].sum()
        assert raster.tags()["MASKED"].startswith(f"{1 - rows['inside_domain'].mean():.1%} of the values")


def test_a_map_of_nothing_says_so_and_keeps_its_bands(rows, tmp_path):
    "Every cell lies outside: two days of three quantities are six bands, as without masking, and a warning."
    rows["inside_domain"] = pd.array([False] * len(rows), dtype="boolean")
    with pytest.warns(AirqWarning, match="The map is empty"):
        airq.write_raster(rows, tmp_path / "m.tif", mask_outside=True)
    airq.write_raster(rows, tmp_path / "whole.tif")
    with rasterio.open(tmp_path / "m.tif") as raster, rasterio.open(tmp_path / "whole.tif") as whole:
        assert raster.descriptions == whole.descriptions
        assert np.isnan(raster.read()).all()


def test_masking_needs_to_know_what_lies_outside(rows, tmp_path):
    "A model without an area of applicability is refused, and nothing is written."
    rows["inside_domain"] = pd.array([None] * len(rows), dtype="boolean")
    with pytest.raises(ValueError, match="no area of applicability"):
        airq.write_raster(rows, tmp_path / "m.tif", mask_outside=True)
    assert list(tmp_path.iterdir()) == []


def test_without_intervals_there_is_one_band_a_day(rows, tmp_path):
    "Lower and upper ends that nobody knows make no bands."
    airq.write_raster(rows.assign(lower=np.nan, upper=np.nan, level=np.nan), tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.count == 2


def test_a_year_of_days(rows, tmp_path):
    "1,098 bands are in one file, whose last is the upper end of the last day."
    days = pd.DataFrame({"date": pd.date_range("2020-01-01", "2020-12-31")})
    attrs = rows.attrs
    year = rows.drop_duplicates("site_id").drop(columns="date").merge(days, how="cross")
    year["upper"] = year["date"].dt.day_of_year.astype("float64")
    year.attrs = attrs
    airq.write_raster(year, tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.count == 3 * 366
        assert np.nanmin(raster.read(3 * 366)) == np.nanmax(raster.read(3 * 366)) == 366


def test_zarr_holds_the_same(rows, tmp_path):
    "By day, latitude and longitude; a store is replaced, a folder of something else is not."
    for _ in range(2):
        airq.write_zarr(rows, tmp_path / "m.zarr")
    with xarray.open_dataset(tmp_path / "m.zarr", engine="zarr", consolidated=False) as store:
        at = {name: xarray.DataArray(rows[name].to_numpy()) for name in ("latitude", "longitude")}
        days = xarray.DataArray(rows["date"].to_numpy())
        near = store.sel(**at, method="nearest").sel(time=days)
        np.testing.assert_array_equal(near["lower"], rows["lower"].astype("float32"))
        assert store["pm25"].attrs["units"] == "ug m-3" and store.attrs["PERIOD"] == "day"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").write_text("mine")
    with pytest.raises(FileExistsError, match="choose another name"):
        airq.write_zarr(rows, tmp_path / "thesis")


@pytest.fixture(scope="module")
def grid_panel(trained):
    "The panel of the cells of 0.5 degrees of Rwanda on five days, SIMULATED, without PM2.5."
    cells = airq.places("RWA", grid=0.5)
    panel = airq.simulate(cells, start="2020-01-01", end="2020-01-05", random_state=1)
    write_panel(panel.drop(columns="pm25"), trained / "grid.parquet")
    return trained / "grid.parquet"


def test_predict_writes_maps(trained, grid_panel, tmp_path):
    "The command's map and its table hold the same; SIMULATED is said in the map."
    bundle = ["--bundle", trained / "bundle"]
    out = ["--raster", tmp_path / "m.tif", "--zarr", tmp_path / "m.zarr", "--out", tmp_path / "p.parquet"]
    result = airq_("predict", grid_panel, *bundle, *out)
    assert result.exit_code == 0, result.output
    table = pd.read_parquet(tmp_path / "p.parquet")
    row = table.iloc[7]
    with rasterio.open(tmp_path / "m.tif") as raster:
        band = raster.descriptions.index(f"PM2.5, {row['date']:%Y-%m-%d}")
        value = next(raster.sample([(row["longitude"], row["latitude"])]))[band]
        assert raster.tags()["WARNING"].startswith("SIMULATED")
    assert value == np.float32(row["pm25"])
    assert (tmp_path / "m.zarr" / "zarr.json").exists()
    again = airq_("predict", grid_panel, *bundle, "--zarr", tmp_path / "m.zarr")
    assert again.exit_code == 0, again.output


def test_a_monthly_mean_is_one_band(trained, tmp_path):
    "--period month."
    cells = airq.places("RWA", grid=0.5)
    panel = airq.simulate(cells, start="2020-01-01", end="2020-01-31", random_state=1).drop(columns="pm25")
    write_panel(panel, tmp_path / "grid.parquet")
    result = airq_(
        *("predict", tmp_path / "grid.parquet", "--bundle", trained / "bundle"),
        *("--period", "month", "--raster", tmp_path / "m.tif", "--json", tmp_path / "r.json"),
    )
    assert result.exit_code == 0, result.output
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.descriptions == ("PM2.5, 2020-01-01",)
        assert np.nanmean(raster.read(1)) == pytest.approx(
            json.loads((tmp_path / "r.json").read_text())[0]["pm25_mean"], rel=1e-5
        )


@pytest.mark.parametrize(
    ("panel", "options", "code", "words"),
    [
        ("panel.parquet", ["--raster", "m.tif"], 1, "no regular grid"),
        ("grid.parquet", ["--raster", "m.png"], 1, "name that ends in .tif"),
        ("grid.parquet", ["--raster", "grid.parquet"], 1, "also the input PANEL"),
        ("grid.parquet", ["--raster", "m.tif", "--mask-outside"], 1, "no area of applicability"),
        ("grid.parquet", ["--out", "p.csv", "--mask-outside"], 2, "does not apply without"),
        ("grid.parquet", [], 2, "predict needs --out, --raster or --zarr"),
        ("grid.parquet", ["--zarr", "bundle"], 1, "also the input --bundle"),
    ],
)
def test_wrong_arguments_are_told(trained, grid_panel, monkeypatch, panel, options, code, words):
    "In one line, before anything is predicted or written."
    monkeypatch.chdir(trained)
    before = sorted(trained.rglob("*"))
    result = airq_("predict", panel, "--bundle", "bundle", *options)
    assert result.exit_code == code
    assert words in " ".join(result.stderr.replace("│", " ").split()), result.stderr
    assert sorted(trained.rglob("*")) == before

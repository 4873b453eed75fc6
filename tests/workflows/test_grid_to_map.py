"""From a country's urban centres and its grid to a GeoTIFF, by the commands alone; all data are SIMULATED."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import airq
from airq.cities import read_cities
from airq.cli import app
from airq.io import read_panel, write_panel
from airq.panel import PLACE

rasterio = pytest.importorskip("rasterio")
xarray = pytest.importorskip("xarray")
for name in ("netCDF4", "exactextract"):
    pytest.importorskip(name)

DAYS = pd.date_range("2020-01-01", "2020-02-09")


def airq_(*arguments):
    "Run a command, which must succeed."
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def write_weather(folder):
    "Daily temperature, wind and mixing height over Africa on a grid of a degree, longitudes from 0 to 359."
    rng = np.random.default_rng(0)
    latitude, longitude = np.arange(37.0, -36, -1), np.arange(0.0, 360)
    shape = (len(DAYS), len(latitude), len(longitude))
    fields = {
        "t2m": (
            "K",
            295 + 5 * np.cos(np.radians(latitude))[None, :, None] + rng.normal(size=(len(DAYS), 1, 1)),
        ),
        "u10": ("m s**-1", 3 * np.sin(np.radians(3 * longitude))[None, None, :]),
        "v10": ("m s**-1", 2 * np.cos(np.radians(5 * latitude))[None, :, None]),
        "blh": ("m", 800 + 300 * np.sin(np.arange(len(DAYS)) / 3)[:, None, None]),
    }
    axes = {"valid_time": DAYS, "latitude": latitude, "longitude": longitude}
    content = {
        name: (tuple(axes), np.broadcast_to(values, shape), {"units": unit})
        for name, (unit, values) in fields.items()
    }
    xarray.Dataset(content, axes, {"title": "SIMULATED weather"}).to_netcdf(folder / "era5.nc")


def write_people(path):
    "A city of 400,000 people around Kigali, on cells of 30 arc seconds."
    people = np.full((480, 480), 50.0, dtype="float32")
    people[230:240, 120:140] = 2000
    transform = rasterio.transform.from_origin(29.0, 0.0, 1 / 120, 1 / 120)
    profile = {"driver": "GTiff", "width": 480, "height": 480, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **profile) as raster:
        raster.write(people, 1)


@pytest.mark.slow
def test_from_places_to_a_map(tmp_path):
    "The value at a cell equals the table's, the map covers Rwanda, and says that it is SIMULATED."
    (tmp_path / "rasters").mkdir()
    write_weather(tmp_path / "rasters")
    write_people(tmp_path / "people.tif")
    airq_("places", "--clusters", "RWA", "--population", tmp_path / "people.tif", "--out", tmp_path / "c.csv")
    airq_("places", "--grid", "0.1", "--country", "RWA", "--out", tmp_path / "grid.csv")
    assert read_cities(tmp_path / "c.csv")["city"].tolist() == ["Kigali"]
    monitors = airq.simulate(n_cities=14, start=DAYS[0], end=DAYS[-1], random_state=1)
    monitors.drop_duplicates("city_id")[["city_id", "city", "country", "latitude", "longitude"]].to_csv(
        tmp_path / "monitors.csv", index=False
    )
    targets = monitors[[*PLACE, "date", "pm25"]].copy()
    targets.attrs = monitors.attrs
    write_panel(targets, tmp_path / "targets.parquet")
    for name in ("monitors", "grid", "c"):
        cities, out = tmp_path / f"{name}.csv", tmp_path / f"{name}.parquet"
        airq_("sample", tmp_path / "rasters", "--cities", cities, "--out", out)
    airq_(
        *("join", tmp_path / "monitors.parquet", tmp_path / "targets.parquet"),
        *("--out", tmp_path / "panel.parquet"),
    )
    train = ["train", tmp_path / "panel.parquet", "--out", tmp_path / "bundle", "--fast", "--jobs", 1]
    airq_(*train, "--scheme", "none")
    predict = ["predict", tmp_path / "grid.parquet", "--bundle", tmp_path / "bundle"]
    airq_(*predict, "--out", tmp_path / "p.parquet", "--raster", tmp_path / "map.tif", "--mask-outside")
    airq_(
        "predict",
        tmp_path / "c.parquet",
        "--bundle",
        tmp_path / "bundle",
        "--out",
        tmp_path / "c.csv.parquet",
    )
    table = pd.read_parquet(tmp_path / "p.parquet")
    assert len(read_panel(tmp_path / "grid.parquet")) == len(table) == 204 * len(DAYS)
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert raster.res == (0.1, 0.1) and raster.tags()["WARNING"].startswith("SIMULATED")
        west, south, east, north = raster.bounds
        assert (west, south) == pytest.approx((28.8, -2.8), abs=0.11) and east - west < 2.3
        for _, row in table.iloc[::911].iterrows():
            band = raster.descriptions.index(f"PM2.5, {row['date']:%Y-%m-%d}")
            value = next(raster.sample([(row["longitude"], row["latitude"])]))[band]
            assert value == np.float32(row["pm25"]) if row["inside_domain"] else np.isnan(value)

"""From a country's urban centres and its grid to a map, by Earth Engine's pixels; all data are SIMULATED."""

import numpy as np
import pandas as pd
import pytest
from earthengine_server import EarthEngineServer, answers
from typer.testing import CliRunner

import airq
from airq.cities import read_cities
from airq.cli import app
from airq.io import read_panel, write_panel
from airq.panel import PLACE

rasterio = pytest.importorskip("rasterio")

START, END = "2023-01-01", "2023-01-30"
KIGALI = (30.06, -1.95)
POPULATION = "JRC/GHSL/P2023A/GHS_POP"


def airq_(*arguments):
    "Run a command, which must succeed."
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def server(monkeypatch):
    "A stand-in whose people live in one town, at the place of Kigali."
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    usual = answers.field_at

    def field_at(asset, band, places, time):
        if asset != POPULATION:
            return usual(asset, band, places, time)
        near = np.hypot(places.longitude - KIGALI[0], places.latitude - KIGALI[1]) < 0.06
        return np.where(near, 40.0, 0.5)

    monkeypatch.setattr(answers, "field_at", field_at)
    with EarthEngineServer() as server:
        yield server


@pytest.mark.long
def test_from_a_country_to_its_map(server, tmp_path):
    "What GDAL reads at Kigali is the prediction of Kigali's cell, on every day; every cell has one."
    engine = ["--ee-url", server.url, "--ee-project", "p", "--ee-credentials", "anonymous"]
    airq_("places", "--clusters", "RWA", "--earth-engine", *engine, "--out", tmp_path / "centres.csv")
    airq_("places", "--grid", "0.1", "--country", "RWA", "--out", tmp_path / "grid.csv")
    assert read_cities(tmp_path / "centres.csv")["city"].tolist() == ["Kigali"]

    monitors = airq.simulate(n_cities=14, start=START, end=END, random_state=1)
    places = monitors.drop_duplicates("city_id")[["city_id", "city", "country", "latitude", "longitude"]]
    places.to_csv(tmp_path / "monitors.csv", index=False)
    targets = monitors[[*PLACE, "date", "pm25"]].copy()
    targets.attrs = monitors.attrs
    write_panel(targets, tmp_path / "targets.parquet")

    asked = ["--start", START, "--end", END, "--products", "no2,cams,era5,fires", "--rings-km", "50"]
    for name, path in (("monitors", "table:computeFeatures"), ("grid", "image:computePixels")):
        server.stats.reset()
        cities, out = tmp_path / f"{name}.csv", tmp_path / name
        airq_("extract", "--cities", cities, "--out", out, *asked, *engine)
        assert {one.path for one in server.stats.compute} - {"value:compute"} == {path}
    airq_("extract", "--cities", tmp_path / "centres.csv", "--out", tmp_path / "centres", *asked, *engine)

    inputs = tmp_path / "monitors" / "panel.parquet"
    airq_("join", inputs, tmp_path / "targets.parquet", "--out", tmp_path / "panel.parquet")
    train = ["train", tmp_path / "panel.parquet", "--out", tmp_path / "bundle", "--fast", "--jobs", 1]
    airq_(*train, "--scheme", "none")
    for name, more in (("grid", ["--raster", tmp_path / "map.tif"]), ("centres", [])):
        predict = ["predict", tmp_path / name / "panel.parquet", "--bundle", tmp_path / "bundle"]
        airq_(*predict, "--out", tmp_path / f"{name}.parquet", *more)

    features = read_panel(tmp_path / "grid" / "panel.parquet")
    assert features[["cams_pm25", "temp_air", "fire_power_50km", "fire_seen_50km"]].notna().all().all()
    table = pd.read_parquet(tmp_path / "grid.parquet")
    of_kigali = table[table["city_id"] == "RWA:-1.95_30.05"].sort_values("date")
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert raster.crs.to_epsg() == 4326 and raster.res == (0.1, 0.1)
        assert raster.tags()["WARNING"].startswith("SIMULATED")
        read = next(raster.sample([KIGALI]))
        bands = [raster.descriptions.index(f"PM2.5, {day:%Y-%m-%d}") for day in of_kigali["date"]]
        np.testing.assert_array_equal(read[bands], of_kigali["pm25"].astype("float32"))
        assert np.isfinite(raster.read(1)).sum() == len(read_cities(tmp_path / "grid.csv")) == 204

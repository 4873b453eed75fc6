"""An analyst's job: hourly monitors, stations, weather and satellite become one panel in four commands."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from airq.cities import bundled_cities
from airq.cli import app
from airq.io import read_panel

DAYS = pd.date_range("2020-03-01", "2020-03-05")
#: Cities of the weather and satellite tables, the last seven of which have no monitor.
N_CITIES, N_WITH_MONITOR = 21, 14

READINGS = """
where = { parameter = "pm25" }
missing = [-999]
keep = []
[panel]
pm25_origin = "sensor"
day_basis = "local"
statistic = "mean"
marks = "end"
[columns]
site_id = "sensor"
date = { from = "measured", format = "%d.%m.%Y %H:%M" }
latitude = "lat"
longitude = "lon"
city = "town"
country = { value = "Uganda" }
pm25 = { from = "value", unit = "UG/M3" }
"""
WEATHER = """
[panel]
day_basis = "local"
[columns]
city = "place"
country = { value = "Uganda" }
date = { from = ["day", "hour"] }
latitude = "lat"
longitude = "lon"
temp_air = { from = "temperature", unit = "°F" }
precipitation = { from = "rain", unit = "in" }
wind = { speed = "speed", direction = "direction", unit = "knots" }
"""
SATELLITE = """
[panel]
day_basis = "local"
[columns]
city = "name"
country = { value = "Uganda" }
date = "date"
latitude = "lat"
longitude = "lon"
aod055 = "Optical_Depth_055"
"""


@pytest.fixture(scope="module")
def tables():
    """Readings, stations, weather and satellite as the analyst has them."""
    rng = np.random.default_rng(0)
    cities = bundled_cities(countries=["UGA"]).drop_duplicates("city").head(N_CITIES).reset_index(drop=True)
    home = np.r_[np.arange(N_WITH_MONITOR), 0, 1, 2]
    stations = pd.DataFrame({"code": [f"S{number:02}" for number in range(len(home))]})
    stations = stations.assign(
        town=cities.loc[home, "city"].to_numpy(),
        lat=cities.loc[home, "latitude"].to_numpy() + rng.uniform(-0.01, 0.01, len(home)),
        lon=cities.loc[home, "longitude"].to_numpy() + rng.uniform(-0.01, 0.01, len(home)),
    )
    hours = pd.date_range("2020-03-01 01:00", periods=24 * len(DAYS), freq="h")
    readings = pd.MultiIndex.from_product([stations["code"], hours, ["pm25", "pm10"]]).to_frame(index=False)
    readings.columns = ["sensor", "time", "parameter"]
    readings["value"] = rng.gamma(2, 20, len(readings)).round(1)
    readings.loc[rng.random(len(readings)) < 0.05, "value"] = -999
    readings = readings[rng.random(len(readings)) < 0.85].sample(frac=1, random_state=0)
    grid = pd.MultiIndex.from_product([cities.index, hours - pd.Timedelta(hours=1)]).to_frame(index=False)
    grid.columns = ["city", "time"]
    weather = grid.assign(
        temperature=rng.normal(75, 9, len(grid)).round(1),
        rain=rng.gamma(0.1, 0.1, len(grid)).round(2),
        speed=rng.gamma(2, 4, len(grid)).round(1),
        direction=rng.integers(0, 360, len(grid)),
    )
    aod = pd.MultiIndex.from_product([cities.index, DAYS]).to_frame(index=False)
    aod.columns = ["city", "date"]
    aod["Optical_Depth_055"] = rng.gamma(2, 0.1, len(aod)).round(3)
    aod.loc[rng.random(len(aod)) < 0.3, "Optical_Depth_055"] = -9999
    return cities, stations, readings, weather, aod


@pytest.fixture(scope="module")
def panel(tables, tmp_path_factory):
    """The panel that four commands make of the files."""
    cities, stations, readings, weather, aod = tables
    folder = tmp_path_factory.mktemp("analyst")
    stations.to_csv(folder / "stations.csv", index=False, sep=";")
    written = readings["time"].dt.strftime("%d.%m.%Y %H:%M")
    readings.drop(columns="time").assign(measured=written).to_csv(folder / "readings.csv")
    place = cities.loc[weather["city"], ["city", "latitude", "longitude"]].set_axis(weather.index)
    weather.assign(
        place=place["city"],
        lat=place["latitude"],
        lon=place["longitude"],
        day=weather["time"].dt.strftime("%Y-%m-%d"),
        hour=weather["time"].dt.hour,
    ).drop(columns=["city", "time"]).to_csv(folder / "weather.csv", index=False)
    place = cities.loc[aod["city"], ["city", "latitude", "longitude"]].set_axis(aod.index)
    aod.assign(name=place["city"], lat=place["latitude"], lon=place["longitude"]).drop(columns="city").to_csv(
        folder / "satellite.csv", index_label="system:index"
    )
    for name, text in (("readings", READINGS), ("weather", WEATHER), ("satellite", SATELLITE)):
        (folder / f"{name}.toml").write_text(text)
        options = ["--stations", str(folder / "stations.csv")] if name == "readings" else []
        mapping = ["--format", "table", "--mapping", str(folder / f"{name}.toml")]
        airq(
            "ingest",
            str(folder / f"{name}.csv"),
            *mapping,
            *options,
            "--out",
            str(folder / f"{name}.parquet"),
        )
    files = [str(folder / f"{name}.parquet") for name in ("weather", "satellite", "readings")]
    airq("join", *files, "--several", "mean", "--out", str(folder / "panel.parquet"))
    return read_panel(folder / "panel.parquet")


def airq(*arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output


def by_city(panel, cities, name):
    """A column of the panel by number of the city and day."""
    number = {city: row for row, city in enumerate(cities["city"])}
    return panel.set_index([panel["city"].map(number), "date"])[name].sort_index()


def test_every_city_and_day_has_a_row(panel):
    "21 cities, five days, as the weather and the satellite have them."
    assert len(panel) == N_CITIES * len(DAYS)
    assert panel.groupby("city")["pm25"].count().gt(0).sum() == N_WITH_MONITOR


def test_pm25_is_the_mean_of_the_complete_days_of_the_monitors(panel, tables):
    "Hours marked by their end, of 18 or more of a day, monitor by monitor, then averaged for a city."
    cities, stations, readings, *_ = tables
    valid = readings[(readings["parameter"] == "pm25") & (readings["value"] >= 0)]
    day = (valid["time"] - pd.Timedelta(hours=1)).dt.normalize().rename("date")
    days = valid.groupby(["sensor", day])["value"].agg(["mean", "count"])
    days = days[days["count"] >= 18].reset_index()
    towns = stations.set_index("code")["town"]
    number = {city: row for row, city in enumerate(cities["city"])}
    expected = days.groupby([days["sensor"].map(towns).map(number), "date"])["mean"].agg(["mean", "count"])
    found = by_city(panel, cities, "pm25").dropna()
    assert len(found) == len(expected) > 50
    np.testing.assert_allclose(found, expected["mean"], rtol=1e-6)
    np.testing.assert_array_equal(by_city(panel, cities, "n_monitors").dropna(), expected["count"])


def test_the_weather_is_that_of_all_hours(panel, tables):
    "Means of °C, sums of mm, means of the components of the wind."
    cities, _, _, weather, _ = tables
    speed, angle = weather["speed"] * 1852 / 3600, np.radians(weather["direction"])
    hourly = weather.assign(
        temp_air=(weather["temperature"] - 32) / 1.8,
        precipitation=weather["rain"] * 25.4,
        wind_u=-speed * np.sin(angle),
        wind_v=-speed * np.cos(angle),
    )
    how = {"temp_air": "mean", "precipitation": "sum", "wind_u": "mean", "wind_v": "mean"}
    expected = hourly.groupby(["city", hourly["time"].dt.normalize()]).agg(how).sort_index()
    for name in how:
        np.testing.assert_allclose(by_city(panel, cities, name), expected[name], rtol=1e-6, atol=1e-6)


def test_the_aerosol_is_there_where_the_satellite_saw_it(panel, tables):
    "-9999 is no value."
    cities, *_, aod = tables
    expected = aod.set_index(["city", "date"])["Optical_Depth_055"].sort_index()
    expected = expected.where(expected > -9999)
    np.testing.assert_allclose(by_city(panel, cities, "aod055"), expected, rtol=1e-6)

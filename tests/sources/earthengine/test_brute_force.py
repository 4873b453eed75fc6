"""Panels of whole recipes against `brute_force`, which works their columns out on its own.

50 cities of Kenya and Uganda on 30 days around a new year's day were compared in the same way once: of
24 columns, with `--quality --day local` 42, the worst relative error was 5.9e-8, the rounding of float32.
"""

import numpy as np
import pandas as pd
import pytest
from brute_force import (
    DAILY,
    DAILY_LIVE,
    DAILY_REFERENCE,
    discs,
    elevation,
    expected,
    fires,
    kilometres,
    night_lights,
    population_density,
    worst_error,
)
from earthengine_server import EarthEngineServer, answers

from airq.messages import AirqWarning
from airq.sources.chunks import read_chunks
from airq.workflows.extract import EarthEngine, extract

#: West and east, north and south, by the equator and far from it: longitude and latitude. [°]
PLACES = {
    "accra": (-0.2, 5.6),
    "bamako": (-8.0, 12.6),
    "cairo": (31.2, 30.1),
    "cape": (18.4, -33.9),
    "kampala": (32.6, 0.3),
}
CITIES = list(PLACES.values())
DAYS = ["2022-12-31", "2023-01-01", "2023-01-02"]
RINGS = (10.0, 25.0, 40.0)
#: A float32 holds 24 binary digits.
ROUNDING = 2.0**-24 * 1.01


@pytest.fixture(scope="module")
def server():
    with EarthEngineServer() as server:
        yield server


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    path = tmp_path_factory.mktemp("cities") / "cities.csv"
    places = pd.DataFrame(CITIES, columns=["longitude", "latitude"])
    places.insert(0, "city_id", list(PLACES))
    places.assign(city=list(PLACES), country="GHA", population=1e6).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def extracted(server, cities, tmp_path_factory):
    """Function that extracts a recipe; returns the folder and its columns, each cities by days."""

    def run(days=DAYS, **settings):
        out = tmp_path_factory.mktemp("extracted") / "out"
        client = EarthEngine("p", "anonymous", server.url, workers=2)
        with pytest.warns(AirqWarning, match="SIMULATED"):
            panel = extract(cities, days[0], days[-1], out=out, rings_km=RINGS, client=client, **settings)
        assert panel["site_id"].tolist() == [name for name in PLACES for _ in days]
        return out, {name: panel[name].to_numpy().reshape(len(PLACES), -1) for name in panel}

    return run


@pytest.fixture(scope="module")
def default(extracted):
    return extracted()


def agree(found, wanted, tolerance=ROUNDING):
    errors = {name: worst_error(found[name], values) for name, values in wanted.items()}
    assert max(errors.values()) <= tolerance, errors


def test_daily_columns_are_means_over_discs_of_the_days_images(default):
    "Seventeen columns, five cities, three days: value by value, and where it is empty."
    wanted = expected(CITIES, DAYS, DAILY)
    agree(default[1], wanted)
    # Clouds and orbits leave gaps, or the comparison would say little about masks.
    assert 0.2 < np.isnan(wanted["no2"]).mean() < 0.8


def test_chunks_keep_all_digits(default):
    "A chunk holds float64: no2 of Kampala agrees in 13 digits, not in 7."
    chunks, _ = read_chunks(default[0] / "chunks")
    (chunk,) = [chunk for chunk in chunks if chunk.layer == "day-disc5km-1113p2m-mean"]
    assert set(chunk.sites) == set(PLACES)
    wanted = expected(
        [PLACES[site] for site in chunk.sites], DAYS, {"co": DAILY["co"], "temp_air": DAILY["temp_air"]}
    )
    agree({name: chunk.values([name])[:, :, 0] for name in wanted}, wanted, tolerance=1e-11)


def test_fire_power_in_rings(default):
    "Rings of 10, 25 and 40 km: sums over cells, and the share of cells that was seen, by day and city."
    starts = [answers.milliseconds(day) for day in DAYS]
    wanted = [fires(city, starts, RINGS) for city in CITIES]
    power, seen = (np.array(part) for part in zip(*wanted, strict=True))
    agree(default[1], {f"fire_power_{ring:g}km": power[:, :, number] for number, ring in enumerate(RINGS)})
    assert (power > 0).any()
    # The share is of the ring's area, which holds a whole number of cells only nearly.
    shares = {f"fire_seen_{ring:g}km": seen[:, :, number] for number, ring in enumerate(RINGS)}
    agree(default[1], shares, tolerance=0.02)
    assert (seen < 1).mean() > 0.2


def test_yearly_and_fixed_columns(default):
    "Night lights of 2022 and 2023, the population of 2020, the heights: 31 December and 1 January."
    of_year = {
        "night_lights": lambda year: night_lights(CITIES, year, 5.0),
        "population_density": lambda year: population_density(CITIES, year, 5.0),
        "elevation": lambda year: elevation(CITIES, 5.0),
    }
    agree(default[1], {name: np.column_stack([of(2022), of(2023), of(2023)]) for name, of in of_year.items()})


def test_first_year_of_night_lights_serves_those_before(extracted):
    "Before 2022 the image of 2022 stands in."
    _, found = extracted(days=["2019-05-05"], products=["night-lights"])
    agree(found, {"night_lights": night_lights(CITIES, 2022, 5.0)[:, None]})


def test_counts_and_ages_of_local_days(extracted):
    "Midnight in Cairo and Kampala comes two hours early, in Cape Town one hour early, in Bamako one late."
    products = ["no2", "so2", "maiac", "era5-rain"]
    _, found = extracted(products=products, quality=True, day_basis="local")
    offsets = [0, -1, 2, 1, 2]
    seen = {name: DAILY[name] for name in ("no2", "so2")}
    agree(found, expected(CITIES, DAYS, seen, quality=True, offset_hours=offsets))
    whole_days = {name: DAILY[name] for name in ("aod047", "aod055")}
    agree(found, expected(CITIES, DAYS, whole_days, quality=True))
    rain = {"precipitation": DAILY["precipitation"]}
    agree(found, expected(CITIES, DAYS, rain, offset_hours=offsets))


def test_live_recipe(extracted):
    "Near-real-time Sentinel-5P, GFS of its next six hours and rain of its hour 6, in 2025."
    days = ["2025-03-01", "2025-03-02"]
    _, found = extracted(days=days, recipe="live")
    agree(found, expected(CITIES, days, DAILY_LIVE))


def test_reference_recipe_takes_the_most_recent_pixel_and_the_first_image(extracted):
    "Pixels of 5 km, of the five days before the day and never of the day; GFS of 00 UTC."
    _, found = extracted(days=DAYS[:2], recipe="reference")
    agree(found, expected(CITIES, DAYS[:2], DAILY_REFERENCE))


def test_reference_statics_have_mean_least_and_greatest(extracted):
    "Lights of 2010 over a disc of 5 km: three columns of the same pixels."
    _, found = extracted(days=DAYS[:1], recipe="reference", products=["reference-night-lights"])
    disc, time = discs(CITIES, 5.0, 5000.0), answers.milliseconds("2010-01-01")
    light = answers.field_at("NOAA/DMSP-OLS/CALIBRATED_LIGHTS_V4", "avg_vis", disc.places, time)
    for name, statistic in {"mean": np.mean, "min": np.min, "max": np.max}.items():
        wanted = [[statistic(light[disc.city == number])] for number in range(len(CITIES))]
        agree(found, {f"avg_vis_5000_{name}": wanted})


def test_fires_of_local_days_west_of_greenwich(extracted):
    "An image of fires is of a day in UTC; Bamako's day, an hour later, takes that of its date."
    _, found = extracted(products=["fires"], day_basis="local")
    bamako = list(PLACES).index("bamako")
    wanted, _ = fires(CITIES[bamako], [answers.milliseconds(day) for day in DAYS], RINGS)
    # Days differ, so that a neighbouring image would show.
    assert len(set(wanted[:, 2])) == len(DAYS)
    for number, ring in enumerate(RINGS):
        agree({"fires": found[f"fire_power_{ring:g}km"][bamako]}, {"fires": wanted[:, number]})


def test_a_day_without_an_image_of_fires_is_empty(cities, tmp_path):
    "Neither no fire nor nothing seen: on the other day there are numbers in each ring."
    with EarthEngineServer(missing_days={"NASA/VIIRS/002/VNP14A1": [DAYS[1]]}) as server:
        client = EarthEngine("p", "anonymous", server.url, workers=2)
        with pytest.warns(AirqWarning, match="SIMULATED|fires: no or too few images on 1 of 2 days"):
            settings = {"products": ["fires"], "rings_km": RINGS, "client": client}
            panel = extract(cities, *DAYS[:2], out=tmp_path / "out", **settings)
    columns = [name for name in panel if name.startswith("fire_")]
    assert len(columns) == 6
    assert panel.loc[panel["date"] == DAYS[1], columns].isna().all(axis=None)
    assert panel.loc[panel["date"] == DAYS[0], columns].notna().all(axis=None)


def test_brute_force_knows_distances():
    "A degree of latitude is 2 pi 6371.0088 km / 360 = 111.195 km, one of longitude at 60° north half of it."
    assert kilometres(0, 0, np.zeros(1), np.ones(1))[0] == pytest.approx(111.195, abs=1e-3)
    assert kilometres(0, 60, np.full(1, 0.01), np.full(1, 60.0))[0] == pytest.approx(0.555975, abs=1e-6)

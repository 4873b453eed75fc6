"""Pixels of a grid by image:computePixels, and urban centres of what Earth Engine says of people."""

import io

import ee
import geopandas as gpd
import numpy as np
import pytest
import shapely
from earthengine_server import EarthEngineServer, Faults, Limits, answers
from scripted_server import DOCUMENTS, in_turn, opened, running, says
from typer.testing import CliRunner

import airq
from airq.cities import read_cities
from airq.cli import app
from airq.grids import Grid, grid_around
from airq.sources.earthengine.budget import Budget, Patience
from airq.sources.earthengine.errors import Refused
from airq.sources.earthengine.pixels import GHS_POP, compute_pixels, people_per_km2, tiles
from airq.workflows.extract import EarthEngine
from airq.workflows.places import MOST_CELLS

GRID = Grid(20.0, 10.0, 2.0, 2.0, 7, 5)
NO2, BAND = "COPERNICUS/S5P/OFFL/L3_NO2", "tropospheric_NO2_column_number_density"
PATIENCE = Patience(attempts=8, base=0.01, longest=0.05)
#: Name, latitude, longitude, people per km², radius [°].
TOWNS = [("Kigali", -1.94995, 30.05885, 4000.0, 0.06), ("Huye", -2.6, 29.74, 6000.0, 0.03)]


@pytest.fixture
def server():
    with EarthEngineServer() as server:
        yield server


def client(server, **settings):
    return EarthEngine("p", "anonymous", server.url, patience=PATIENCE, **settings)


def asked(server, make, bands, grid=GRID, **settings):
    "Pixels of the image that ``make()`` returns, once a connection is open."
    with client(server).connect("airq-test") as connection:
        return compute_pixels(
            connection, make(), bands, grid, budget=Budget(4, patience=PATIENCE), **settings
        )


def no2():
    "Two bands of an orbit of a day that covers a part of the grid, less what clouds mask."
    return ee.Image(f"{NO2}/{orbit().index}").select([BAND, "cloud_fraction"], ["no2", "cloud"])


def orbit():
    "The first image of the day that shows some of the cells, and not all."
    begin, end = (answers.milliseconds(day) for day in ("2020-01-05", "2020-01-06"))
    for image in answers.images(NO2, begin, end):
        if 0.1 < np.isnan(expected(GRID, NO2, BAND, image.field_time)).mean() < 0.9:
            return image
    raise LookupError("no orbit")


def expected(grid, asset, band, time):
    "What the stand-in holds at the middles of the cells, and where."
    longitude, latitude = (axis.ravel() for axis in np.meshgrid(grid.longitudes, grid.latitudes))
    places = answers.Places(longitude, latitude)
    values = np.where(
        answers.valid_at(asset, band, places, time), answers.field_at(asset, band, places, time), np.nan
    )
    return values.reshape(grid.height, grid.width)


def test_tiles_cover_the_grid_once():
    "Each cell is in one tile, and no tile has more bytes, or a longer side, than a request may bring."
    for width, height, n_bands, most in ((10, 8, 2, 400), (40_000, 3, 1, 10**9), (7, 9, 3, 24)):
        covered = np.zeros((height, width), dtype=int)
        for rows, columns in tiles(Grid(0.0, 1.0, 0.1, 0.1, width, height), n_bands, most_bytes=most):
            covered[rows, columns] += 1
            cells = (rows.stop - rows.start) * (columns.stop - columns.start)
            assert 4 * n_bands * cells <= most
            assert columns.stop - columns.start <= 32_768
        assert (covered == 1).all()


def test_pixels_are_those_at_the_middles_of_cells(server):
    "Every value, and every gap; a gap is no zero."
    pixels = asked(server, no2, ["no2", "cloud"])
    for values, band in zip(pixels, (BAND, "cloud_fraction"), strict=True):
        known = expected(GRID, NO2, band, orbit().field_time)
        np.testing.assert_allclose(values, known, rtol=1e-5)
    assert 0.1 < np.isnan(pixels[0]).mean() < 0.9


def test_tiles_hold_what_one_request_would(server):
    "Cut into requests of 100 bytes."
    whole = asked(server, no2, ["no2", "cloud"])
    server.stats.reset()
    np.testing.assert_array_equal(asked(server, no2, ["no2", "cloud"], most_bytes=100), whole)
    assert dict_of(server)[200] > 2


def dict_of(server):
    "Requests for pixels by status."
    return {
        status: n for path, status, n in server.stats.to_dict()["requests"] if path == "image:computePixels"
    }


def test_requests_are_repeated(server):
    "Refusals, faults, half answers and pages of HTML change nothing."
    whole = asked(server, no2, ["no2"])
    server.faults = Faults(
        unavailable=[0], too_many=[1], truncated=[2], html=[3], dropped=[4], invalid_json=[5]
    )
    np.testing.assert_array_equal(asked(server, no2, ["no2"]), whole)
    assert sum(dict_of(server).values()) >= 8


def test_other_pixels_than_those_asked_for_are_asked_for_again():
    "A row too few, and a band too few; then whole numbers, the bands in another order: these are taken."

    def says_pixels(height, *bands):
        content = np.zeros((height, 2), dtype=[(band, "int16") for band in bands])
        content[bands[0]] = 5
        np.save(file := io.BytesIO(), content)
        return says(200, file.getvalue())

    with running() as server:
        server.algorithms = (DOCUMENTS / "algorithms.json").read_bytes()
        server.reply = in_turn(says_pixels(2, "b", "a"), says_pixels(3, "a"), says_pixels(3, "b", "a"))
        with opened(server) as connection:
            image = ee.Image.constant([0, 0]).rename(["a", "b"])
            settings = {"budget": Budget(1, patience=PATIENCE)}
            pixels = compute_pixels(connection, image, ["a", "b"], Grid(0.0, 1.0, 1.0, 1.0, 2, 3), **settings)
        assert len(server.asked) == 3
    assert pixels.dtype == "float32" and pixels[0].max() == 0 and (pixels[1] == 5).all()


def test_what_is_too_large_comes_in_halves(monkeypatch, server):
    "A user's memory of 10 cells: 35 cells come in smaller parts."
    whole = asked(server, no2, ["no2"])
    with EarthEngineServer(limits=Limits(cells=10)) as small:
        np.testing.assert_array_equal(asked(small, no2, ["no2"]), whole)
        assert dict_of(small)[400] >= 2


def test_an_asset_that_may_not_be_seen_is_refused(server):
    "At once; repetition would not help."
    server.faults = Faults(refused_assets={GHS_POP: 403})
    with pytest.raises(Refused, match="has no asset of that name, or these credentials may not read it"):
        asked(server, people_per_km2, ["people"])
    assert sum(dict_of(server).values()) == 1


def test_density_is_the_mean_over_cells_of_a_hectare(server):
    "People per cell of 100 m, times 100, averaged over the 9 by 9 cells under one of 30 arc seconds."
    grid = Grid(30.0, -1.9, 1 / 120, 1 / 120, 4, 3)
    (density,) = asked(server, people_per_km2, ["people"], grid)
    fine = Grid(30.0, -1.9, 1 / 1080, 1 / 1080, 36, 27)
    time = answers.milliseconds("2020-01-01")
    people = expected(fine, GHS_POP, "population_count", time).reshape(3, 9, 4, 9).mean(axis=(1, 3))
    np.testing.assert_allclose(density, 100 * people, rtol=1e-5)


@pytest.fixture
def towns(monkeypatch):
    "The stand-in's people live in two towns of Rwanda and in one beyond its border."
    usual = answers.field_at

    def field_at(asset, band, places, time):
        if asset != GHS_POP:
            return usual(asset, band, places, time)
        people = np.full(places.longitude.shape, 0.5)
        for _, latitude, longitude, density, radius in [*TOWNS, ("Goma", -1.6, 28.5, 9000.0, 0.1)]:
            near = np.hypot(places.longitude - longitude, places.latitude - latitude) < radius
            people[near] = density / 100
        return people

    monkeypatch.setattr(answers, "field_at", field_at)


def test_clusters_by_earth_engine(server, towns, tmp_path):
    "The towns of Rwanda by falling number of people, as many as their discs hold; a request for all."
    options = ["--ee-url", server.url, "--ee-project", "p", "--ee-credentials", "anonymous"]
    command = ["places", "--clusters", "Rwanda", "--earth-engine", *options, "--out", tmp_path / "c.csv"]
    result = CliRunner().invoke(app, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    centres = read_cities(tmp_path / "c.csv")
    assert centres["city"].tolist()[0] == "Kigali" and len(centres) == 2
    for (_, latitude, longitude, density, radius), (_, row) in zip(TOWNS, centres.iterrows(), strict=True):
        assert row["population"] == pytest.approx(density * np.pi * (radius * 111.0) ** 2, rel=0.05)
        assert (row["latitude"], row["longitude"]) == pytest.approx((latitude, longitude), abs=0.005)
    assert sum(dict_of(server).values()) == 1


def test_clusters_on_both_sides_of_the_antimeridian(server, monkeypatch, tmp_path):
    """A town that 180° cuts is one place, and one far to the east of it another; a request for each side.

    0.2° by 0.1° at the equator are 22.2 km by 11.1 km.
    """
    towns = {"across": (179.9, -179.9, 3000.0), "east": (-179.0, -178.9, 9000.0)}

    def field_at(asset, band, places, time):
        people = np.full(places.longitude.shape, 0.5)
        for west, east, density in towns.values():
            inside = (places.longitude - west) % 360 < (east - west) % 360
            people[inside & (np.abs(places.latitude) < 0.05)] = density / 100
        return people

    monkeypatch.setattr(answers, "field_at", field_at)
    shapes = [shapely.box(179, -1, 180, 1), shapely.box(-180, -1, -178.5, 1)]
    gpd.GeoSeries(shapes, crs="EPSG:4326").to_file(tmp_path / "across.gpkg")
    centres = airq.places("FJI", boundary=tmp_path / "across.gpkg", client=client(server))
    people = [111.2 * 0.1 * 111.2 * 0.1 * 9000, 111.2 * 0.2 * 111.2 * 0.1 * 3000]
    assert centres["population"].tolist() == pytest.approx(people, rel=0.02)
    assert centres["longitude"].abs().tolist() == pytest.approx([178.95, 180], abs=0.005)
    assert sum(dict_of(server).values()) == 2


def test_the_box_of_russia_is_not_too_large():
    "171° by 41° of cells of 30 arc seconds, beyond the limit of a grid's cells."
    grid = grid_around((19.6, 41.2, 190.4, 81.9), 1 / 120, most=MOST_CELLS)
    assert (grid.width, grid.height) == (20_496, 4_884)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--clusters", "RWA"], "either --population RASTER or --earth-engine"),
        (["--clusters", "RWA", "--earth-engine", "--population", "p.tif"], "either --population RASTER or"),
        (["--clusters", "RWA", "--population", "p.tif", "--ee-project", "p"], "--ee-project does not apply"),
        (["--grid", "1", "--country", "RWA", "--earth-engine"], "--earth-engine does not apply"),
    ],
)
def test_wrong_options_are_refused(options, words, tmp_path):
    "As a usage error."
    result = CliRunner().invoke(app, ["places", *options, "--out", str(tmp_path / "c.csv")])
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())


def test_a_client_gives_urban_centres_only():
    "Cells of a grid take their people from a raster."
    with pytest.raises(ValueError, match="leave out grid and population"):
        airq.places("RWA", grid=0.1, client=EarthEngine())

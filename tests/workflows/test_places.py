"""`airq places`: urban centres of a raster with known towns, and grids of a country."""

import json
import re
import sys

import geopandas as gpd
import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

import airq
from airq.cities import read_cities
from airq.cli import app
from airq.messages import AirqWarning

rasterio = pytest.importorskip("rasterio")

#: Towns of Uganda and a place without a name: name, latitude, longitude, people, radius in cells.
TOWNS = [
    ("Kampala", 0.3163, 32.5822, 1_500_000, 15),
    ("Gulu", 2.7666, 32.3056, 120_000, 5),
    ("Mbarara", -0.6047, 30.6485, 80_000, 4),
    ("Uganda 3.104, 31.604", 3.104166667, 31.604166667, 60_000, 3.2),
    ("too few people", 1.5, 33.6, 49_000, 3),
    ("too thin", 3.0, 34.0, 90_000, 12),
    ("in Kenya", -1.2864, 36.8172, 3_000_000, 12),
]
WEST, NORTH, STEP, WIDTH, HEIGHT = 28.0, 5.0, 1 / 120, 1200, 900


@pytest.fixture(scope="module")
def people():
    "People per cell of 30 arc seconds: the towns as discs of even density, hamlets elsewhere."
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    people = np.random.default_rng(0).gamma(1, 20, (HEIGHT, WIDTH))
    for _, latitude, longitude, number, radius in TOWNS:
        y, x = (NORTH - latitude) / STEP - 0.5, (longitude - WEST) / STEP - 0.5
        disc = np.hypot(row - y, column - x) <= radius
        people[disc] = number / disc.sum()
    return people.astype("float32")


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    "Function that writes a raster."
    folder = tmp_path_factory.mktemp("people")

    def write(name, values, *, crs="EPSG:4326", transform=None, **profile):
        transform = transform or rasterio.transform.from_origin(WEST, NORTH, STEP, STEP)
        height, width = values.shape[-2:]
        count = 1 if values.ndim == 2 else len(values)
        profile = {"nodata": -200, "dtype": values.dtype, "crs": crs, "transform": transform, **profile}
        shape = {"width": width, "height": height, "count": count}
        with rasterio.open(folder / name, "w", driver="GTiff", **shape, **profile) as raster:
            raster.write(values.reshape(count, height, width))
        return folder / name

    return write


@pytest.fixture(scope="module")
def raster(write, people):
    "The raster of people, where lakes have no data."
    lakes = people.copy()
    lakes[600:610, 600:640] = -200
    return write("people.tif", lakes)


def airq_(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_clusters_of_known_towns(raster):
    "Four of seven: one has 49,000 people, one is too thin, one lies in Kenya; by falling number of people."
    centres = airq.places("Uganda", population=raster)
    assert centres["city"].tolist() == [name for name, *_ in TOWNS[:4]]
    assert centres["population"].tolist() == pytest.approx([1_500_000, 120_000, 80_000, 60_000], rel=1e-3)
    assert centres["country"].unique().tolist() == ["UGA"]
    at = np.array([[latitude, longitude] for _, latitude, longitude, *_ in TOWNS[:4]])
    assert np.abs(centres[["latitude", "longitude"]] - at).to_numpy().max() < STEP


def test_area_of_a_cluster(raster):
    "Kampala's disc has 709 cells of 0.8547 km²."
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    y, x = (NORTH - 0.3163) / STEP - 0.5, (32.5822 - WEST) / STEP - 0.5
    n_cells = (np.hypot(row - y, column - x) <= 15).sum()
    area = airq.places("UGA", population=raster)["area_km2"][0]
    # Smoothing adds a cell at some steps of the edge.
    assert n_cells * 0.8547 <= area < 1.03 * n_cells * 0.8547


def test_fine_cells_are_added_up_to_a_kilometre(write, people):
    "The same people on cells a tenth as wide make the same urban centres."
    part = people[500:620, 480:620]
    fine = np.repeat(np.repeat(part / 100, 10, axis=0), 10, axis=1)
    west, north = WEST + 480 * STEP, NORTH - 500 * STEP
    path = write(
        "fine.tif", fine, transform=rasterio.transform.from_origin(west, north, STEP / 10, STEP / 10)
    )
    with pytest.warns(AirqWarning, match="covers only a part"):
        centres = airq.places("UGA", population=path)
    assert centres["city"].tolist() == ["Kampala"]
    assert centres["population"][0] == pytest.approx(1_500_000, rel=1e-3)


def test_an_equal_area_projection(write):
    "GHS-POP is in Mollweide with cells of 1 km²: 60 cells of 1,500 people are an urban centre of 60 km²."
    transform = rasterio.transform.from_origin(3_100_000, 100_000, 1000, 1000)
    people = np.zeros((200, 400), dtype="float32")
    people[100:106, 180:190] = 1500
    with pytest.warns(AirqWarning, match="covers only a part"):
        centres = airq.places(
            "UGA", population=write("moll.tif", people, crs="ESRI:54009", transform=transform)
        )
    assert centres["population"].tolist() == [90_000]
    assert centres["area_km2"][0] == pytest.approx(60, rel=1e-6)


def test_people_of_cells(raster, people):
    "Cells of half a degree hold what their raster cells hold; the lake holds nobody."
    cells = airq.places("UGA", grid=0.5, population=raster)
    cell = cells[(cells["latitude"] == 0.25) & (cells["longitude"] == 32.75)].iloc[0]
    own = people[540:600, 540:600].astype("float64")
    assert cell["population"] == pytest.approx(own.sum())


def test_people_of_cells_that_an_outline_only_touches(write, tmp_path):
    "A cell at the edge holds all 100 times 10 of its people, though the outline ends within it."
    transform = rasterio.transform.from_origin(-1, 2, 0.01, 0.01)
    path = write("even.tif", np.full((300, 300), 10.0, dtype="float32"), transform=transform)
    box = gpd.GeoDataFrame({"name": ["Ghana"]}, geometry=[shapely.box(0.02, 0.02, 0.98, 0.98)], crs=4326)
    box.to_file(tmp_path / "box.geojson")
    cells = airq.places("GHA", grid=0.1, population=path, boundary=tmp_path / "box.geojson")
    assert cells["population"].tolist() == [1000] * 100


def test_cells_beyond_the_raster_have_unknown_people(write, tmp_path):
    "The raster ends at 0.5° east: five columns of ten are known, the others are not empty of people."
    transform = rasterio.transform.from_origin(-1, 2, 0.01, 0.01)
    path = write("half.tif", np.full((300, 150), 10.0, dtype="float32"), transform=transform)
    box = gpd.GeoDataFrame({"name": ["Ghana"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    box.to_file(tmp_path / "box.geojson")
    with pytest.warns(AirqWarning, match="covers only a part"):
        cells = airq.places("GHA", grid=0.1, population=path, boundary=tmp_path / "box.geojson")
    np.testing.assert_array_equal(cells["population"].isna(), cells["longitude"] > 0.5)


def test_coordinates_are_rounded(raster):
    "To six decimals, some 10 cm; people to a tenth."
    centres = airq.places("Uganda", population=raster)
    for name, decimals in (("latitude", 6), ("longitude", 6), ("population", 1)):
        assert (centres[name] == centres[name].round(decimals)).all()


def test_places_are_city_tables(raster, tmp_path):
    "read_cities takes both files, unchanged."
    for name, options in (("a", ["--grid", "0.5", "--country", "UGA"]), ("b", ["--clusters", "uganda"])):
        out = tmp_path / f"{name}.csv"
        result = airq_(
            "places", *options, "--population", raster, "--out", out, "--json", tmp_path / "r.json"
        )
        assert result.exit_code == 0, result.output
        cities = read_cities(out)
        record = json.loads((tmp_path / "r.json").read_text())[0]
        assert cities["city_id"].is_unique and (cities["country"] == "UGA").all()
        assert record["places"] == len(cities)
        assert record["population"] == pytest.approx(cities["population"].sum())


def test_a_boundary_of_ones_own(tmp_path):
    "Of a file of several countries the one that is named counts; in metres it is projected."
    shapes = gpd.GeoDataFrame(
        {"ISO_A3": ["IND", "NPL"]},
        geometry=[shapely.box(77, 12, 78, 13), shapely.box(84, 27, 85, 28)],
        crs="EPSG:4326",
    )
    shapes.to_file(tmp_path / "two.geojson")
    shapes.head(1).to_crs("EPSG:7755").to_file(tmp_path / "one.gpkg")
    assert len(airq.places("India", grid=0.5, boundary=tmp_path / "two.geojson")) == 4
    assert len(airq.places("India", grid=0.5, boundary=tmp_path / "one.gpkg")) == 4
    with pytest.raises(ValueError, match="names countries, but not China"):
        airq.places("China", grid=0.5, boundary=tmp_path / "two.geojson")


def test_people_on_both_sides_of_the_antimeridian(tmp_path, write):
    "A raster of the Earth in degrees with 7 people in its first and 9 in its last cell of a row."
    people = np.zeros((180, 360), dtype="float32")
    people[100, 0], people[100, -1] = 7, 9
    raster = write("earth.tif", people, transform=rasterio.transform.from_origin(-180, 90, 1, 1))
    outline = shapely.union(shapely.box(178, -11, 180, -10), shapely.box(-180, -11, -178, -10))
    gpd.GeoSeries([outline], crs="EPSG:4326").to_file(tmp_path / "across.gpkg")
    cells = airq.places("FJI", grid=1, population=raster, boundary=tmp_path / "across.gpkg")
    found = dict(zip(cells["longitude"], cells["population"], strict=True))
    assert found == {178.5: 0, 179.5: 9, -179.5: 7, -178.5: 0}


def test_a_bundled_outline_with_parts():
    "Somaliland, which Natural Earth draws apart, is a part of Somalia's grid, as its cities are."
    cells = airq.places("SOM", grid=0.5)
    assert ((cells["latitude"] > 9) & (cells["longitude"] < 46)).any()
    assert not cells["city_id"].duplicated().any()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--grid", "0.1"], 2, "--grid needs --country"),
        (["--grid", "0.1", "--clusters", "UGA"], 2, "either --clusters COUNTRY or --grid"),
        ([], 2, "either --clusters COUNTRY or --grid"),
        (["--clusters", "UGA", "--country", "UGA"], 2, "--country does not apply"),
        (["--grid", "0.1", "--country", "Uganad"], 1, "Did you mean uganda?"),
        (["--grid", "0.1", "--country", "FRA"], 1, "--boundary"),
        (["--grid", "0.1", "--country", "UGA", "--boundary", "no.geojson"], 1, "No such file"),
        (["--grid", "0.1", "--country", "UGA", "--boundary", "text.csv"], 1, "no outlines|cannot|no polygon"),
        (["--clusters", "UGA", "--population", "no.tif"], 1, "No such file"),
        (["--clusters", "UGA", "--population", "text.csv"], 1, "no raster that can be read"),
        (["--clusters", "UGA", "--population", "elsewhere.tif"], 1, "does not reach the country"),
        (["--clusters", "UGA", "--population", "empty.tif"], 1, "no urban centre"),
        (["--clusters", "UGA", "--population", "bands.tif"], 1, "has 2 bands"),
        (["--clusters", "UGA", "--population", "nowhere.tif"], 1, "no projection"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_wrong_arguments_are_told_in_one_line(options, code, words, tmp_path, monkeypatch, write):
    "What is wrong, and nothing is written."
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    zeros = np.zeros((600, 720), dtype="float32")
    far = rasterio.transform.from_origin(100, NORTH, STEP, STEP)
    made = [
        write("elsewhere.tif", zeros, transform=far),
        write("empty.tif", np.zeros((900, 1200), dtype="float32")),
        write("bands.tif", np.zeros((2, 9, 9), dtype="float32")),
        write("nowhere.tif", zeros, crs=None),
    ]
    for path in made:
        (tmp_path / path.name).symlink_to(path)
    result = airq_("places", *options, "--out", "out.csv")
    assert result.exit_code == code, result.output
    assert re.search(words, " ".join(result.stderr.replace("│", " ").split())), result.stderr
    if code == 1:
        assert [line.startswith("Error: ") for line in result.stderr.splitlines()] == [True]
    assert not (tmp_path / "out.csv").exists()


def test_rasters_need_a_package(tmp_path, monkeypatch, raster):
    "One line that says what to install; a grid without people needs nothing."
    monkeypatch.setitem(sys.modules, "rasterio", None)
    result = airq_("places", "--clusters", "UGA", "--population", raster, "--out", tmp_path / "c.csv")
    assert result.exit_code == 1
    assert result.stderr == "Error: Rasters need rasterio, which is not installed: pip install rasterio\n"
    assert airq_("places", "--grid", 1, "--country", "UGA", "--out", tmp_path / "g.csv").exit_code == 0

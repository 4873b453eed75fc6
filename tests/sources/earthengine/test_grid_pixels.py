"""Features of the cells of a grid by their pixels: what they are, and that they agree with those of discs.

A cell of 0.1° and a disc of its area share 91 % of it. Their means therefore differ by less than a tenth of
the range of the values in both: by little where fields are smooth, and at most by that where they are rough.
"""

import json

import numpy as np
import pandas as pd
import pytest
from brute_force import fires
from earthengine_server import EarthEngineServer, Faults, Limits, answers
from extractions import QUICK

import airq
from airq.grids import cell_width
from airq.io import read_panel
from airq.panel import panel_metadata
from airq.sources.earthengine.catalogue import PRODUCTS
from airq.sources.earthengine.planning import PixelRequest, SampleRequest, plan_requests
from airq.sources.earthengine.sampler import probe
from airq.sources.earthengine.windows import disc_sums, sinusoidal_window
from airq.sources.folder import LayerRequest
from airq.workflows.extract import EarthEngine, ExtractionRequest, check, plan, run_extraction

#: A disc of the area of a cell of 0.1° at the equator. [km]
SAME_AREA_KM = 6.28
START, END = "2023-02-13", "2023-02-14"


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with EarthEngineServer() as server:
        yield server


def cells(rows=4, columns=5, step=0.1, west=30.0, north=0.4):
    """Cells of a grid as `airq places --grid` names them, from north to south."""
    north, west = (np.round(edge, 6) for edge in (north, west))
    latitude = np.repeat(np.round(north - step * (np.arange(rows) + 0.5), 9), columns)
    longitude = np.tile(np.round(west + step * (np.arange(columns) + 0.5), 9), rows)
    names = [f"{n:.8g}_{e:.8g}" for n, e in zip(latitude, longitude, strict=True)]
    table = {"city_id": [f"UGA:{name}" for name in names], "city": names, "country": "UGA"}
    return pd.DataFrame({**table, "latitude": latitude, "longitude": longitude})


def client(server, **settings):
    return EarthEngine("p", "anonymous", server.url, 4, QUICK, **settings)


def extracted(server, folder, cities, start=START, end=END, **settings):
    how = {name: settings.pop(name) for name in ("on_day",) if name in settings}
    request = ExtractionRequest(cities, start, end, **settings)
    report = run_extraction(request, out=folder, client=client(server), **how)
    return read_panel(report.panel)


def paths(server):
    "Requests for values by path, those for the times of images left out."
    return {one.path for one in server.stats.compute} - {"value:compute"}


def test_a_table_of_cells_is_known_by_its_ids():
    "Cells of `airq places --grid`, or some of them; not places on a grid under other names."
    table = airq.places("Rwanda", grid=0.25)
    assert cell_width(table) == 0.25
    assert cell_width(table.iloc[3:9]) == 0.25
    assert cell_width(table.assign(city_id=[f"c{row}" for row in range(len(table))])) is None
    assert cell_width(table.iloc[:1]) is None


def test_every_other_cell_is_no_wider_cell():
    "Cells 0.2° apart whose edges do not lie at multiples of 0.2°."
    table = cells(8, 8)
    apart = table["longitude"].isin(table["longitude"].unique()[::2])
    apart &= table["latitude"].isin(table["latitude"].unique()[::2])
    assert cell_width(table) == 0.1
    assert cell_width(table[apart]) is None


@pytest.mark.parametrize("quality", [False, True])
def test_smooth_fields_agree_with_discs(server, tmp_path, quality):
    "Weather and CAMS change little across 11 km: within a hundredth of their spread, ages within a minute."
    asked = {"products": ["era5", "era5-rain", "cams"], "quality": quality}
    by_cell = extracted(server, tmp_path / "cells", cells(), **asked)
    assert paths(server) == {"image:computePixels"}
    server.stats.reset()
    by_disc = extracted(server, tmp_path / "discs", cells(), radius_km=SAME_AREA_KM, **asked)
    assert paths(server) == {"table:computeFeatures"}
    assert by_cell.columns.tolist() == by_disc.columns.tolist()
    assert panel_metadata(by_cell).units == panel_metadata(by_disc).units
    for name in by_cell.columns[by_cell.columns.get_loc("cams_pm25") :]:
        difference = (by_cell[name] - by_disc[name]).abs().max()
        assert difference < (1 / 1440 if name.endswith("_age") else 0.01 * np.ptp(by_disc[name])), name


def rough(monkeypatch, band, low, high):
    """Give every hundredth of a degree a value of its own, from `low` to `high`, in the stand-in."""
    usual = answers.field_at

    def field_at(asset, name, places, time):
        if name != band:
            return usual(asset, name, places, time)
        row, column = (np.floor(100 * axis + 1e-6) for axis in (places.latitude, places.longitude))
        return low + (high - low) * np.abs(np.modf(np.sin(12.9898 * row + 78.233 * column) * 43_758.5)[0])

    monkeypatch.setattr(answers, "field_at", field_at)


def test_rough_fields_agree_with_discs_within_what_they_share(server, tmp_path, monkeypatch):
    "Heights from 0 to 1,000 m, unlike in every pixel: no two means differ by a tenth of that."
    rough(monkeypatch, "DEM", 0.0, 1000.0)
    by_cell, by_disc = (
        extracted(server, tmp_path / name, cells(), START, START, products=["elevation"], radius_km=radius)
        for name, radius in (("cells", None), ("discs", SAME_AREA_KM))
    )
    difference = (by_cell["elevation"] - by_disc["elevation"]).abs()
    assert 1.0 < difference.max() < 100.0


def test_a_table_of_cells_has_their_means(server, tmp_path):
    "Where values come as tables, as those of tasks do, the regions are the cells, not discs."
    request = ExtractionRequest(cells(), START, START, products=["no2", "era5"])
    (layer,) = request.extraction().layers
    places = cells()[["longitude", "latitude"]].to_numpy()
    asked = SampleRequest(layer, np.arange(len(places)), np.array([START], dtype="datetime64[D]"))
    with client(server).connect("airq-test") as connection:
        values = probe(connection, asked, places)[:, 0]
    assert paths(server) == {"table:computeFeatures"}
    found = extracted(server, tmp_path, cells(), START, START, products=["no2", "era5"])
    by_cell = found.set_index("city_id").loc[cells()["city_id"], layer.columns]
    assert (np.abs(values - by_cell) < 0.01 * np.ptp(values, axis=0)).all().all()


def test_a_cell_is_the_mean_of_its_pixels(server, tmp_path, monkeypatch):
    "Nitrogen dioxide, of valid pixels alone, and how many there are: worked out at the 10 by 10 pixels."
    asset, band = "COPERNICUS/S5P/OFFL/L3_NO2", "tropospheric_NO2_column_number_density"
    rough(monkeypatch, band, -0.0015, 0.001)
    found = extracted(server, tmp_path, cells(), START, START, products=["no2"], quality=True)
    table = cells()
    offset = (np.arange(10) - 4.5) / 100
    longitude = (table["longitude"].to_numpy()[:, None, None] + offset[None, None, :]).repeat(10, axis=1)
    latitude = (table["latitude"].to_numpy()[:, None, None] + offset[None, :, None]).repeat(10, axis=2)
    places = answers.Places(longitude.ravel(), latitude.ravel())
    begin = answers.milliseconds(START)
    images = []
    for image in answers.images(asset, begin, begin + 86_400_000):
        values = answers.field_at(asset, band, places, image.field_time)
        seen = answers.valid_at(asset, band, places, image.field_time) & (values >= -0.001)
        images.append(np.where(seen, values, np.nan))
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        composite = np.nanmean(images, axis=0).reshape(len(table), 100)
        means = np.nanmean(composite, axis=1)
    found = found.set_index("city_id").loc[table["city_id"]]
    assert 0 < np.isnan(composite).mean() < 1
    np.testing.assert_allclose(found["no2"], means, rtol=1e-5)
    np.testing.assert_array_equal(found["no2_count"], (~np.isnan(composite)).sum(axis=1))


def test_rings_are_those_of_discs(server, tmp_path):
    "Fires to 20 and 300 km, power and share seen: the same pixels, and blocks of them, are summed here."
    asked = {"products": ["fires"], "rings_km": (20, 300), "end": START}
    table = cells(1, 2, north=-5.0)
    by_cell = extracted(server, tmp_path / "cells", table, **asked)
    assert paths(server) == {"image:computePixels"}
    by_disc = extracted(server, tmp_path / "discs", table, radius_km=5.0, **asked)
    columns = [name for name in by_cell if name.startswith("fire")]
    assert len(columns) == 4 and by_disc[columns].notna().all().all()
    np.testing.assert_allclose(by_cell[columns], by_disc[columns], rtol=1e-4)


@pytest.mark.parametrize("place", [(30.0, 0.0), (30.0, 55.0), (145.0, -35.0)])
def test_sums_of_discs_are_those_of_their_cells(place):
    "A window of 1s and some gaps, counted pixel by pixel with the haversine formula."
    places, metres = np.array([place, (place[0] + 0.7, place[1] - 0.4)]), 926.625433055833
    window = sinusoidal_window(places, 50.0, metres)
    rng = np.random.default_rng(0)
    pixels = rng.random((1, window.height, window.width))
    pixels[pixels < 0.1] = np.nan
    north = (window.north - metres * (np.arange(window.height) + 0.5)) / 6_371_007.181
    x = window.west + metres * (np.arange(window.width) + 0.5)
    east = x[None, :] / (6_371_007.181 * np.cos(north[:, None]))
    sums, counts = disc_sums(pixels, window, places, 50.0)
    for number, (longitude, latitude) in enumerate(np.radians(places)):
        half = np.sin((north[:, None] - latitude) / 2) ** 2
        half = half + np.cos(north[:, None]) * np.cos(latitude) * np.sin((east - longitude) / 2) ** 2
        inside = 2 * 6371.0088 * np.arcsin(np.sqrt(half)) <= 50.0
        assert sums[0, number] == pytest.approx(np.nansum(pixels[0][inside]))
        assert counts[0, number] == np.isfinite(pixels[0][inside]).sum()


@pytest.mark.parametrize(
    ("west", "north", "by_pixels"), [(30.0, 0.4, True), (178.0, 0.4, False), (30.0, 88.4, False)]
)
def test_rings_across_the_end_of_the_map_are_asked_for_as_discs(west, north, by_pixels):
    "At the antimeridian and the poles; values of the cells themselves come by pixels there, too."
    request = ExtractionRequest(cells(west=west, north=north), START, END, products=["no2", "fires"])
    layers, places = request.extraction().layers, request.cities[["longitude", "latitude"]].to_numpy()
    days = np.array([START], dtype="datetime64[D]")
    missing = [LayerRequest(layer, np.arange(len(places)), days) for layer in layers]
    for own, _ in plan_requests(missing, workers=1, places=places):
        # At 300 km; rings of 50 km still fit.
        if own.layer.is_cells or own.layer.radius_km == 300:
            assert isinstance(own, PixelRequest) == (by_pixels or own.layer.is_cells)


def test_requests_keep_to_the_limits_and_miss_nothing():
    "Half of 48 MB and 1,024 bands each; every cell and day in one request, those of two hemispheres apart."
    table = pd.concat([cells(60, 70), cells(60, 70, west=-179.9, north=6.4)], ignore_index=True)
    request = ExtractionRequest(table, "2023-01-01", "2023-03-31", products=["no2", "maiac", "cams", "era5"])
    extraction = request.extraction()
    (layer,) = extraction.layers
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2023-04-01"))
    missing = [LayerRequest(layer, np.arange(len(table)), days)]
    seen = np.zeros((len(table), len(days)), dtype=int)
    places = table[["longitude", "latitude"]].to_numpy()
    planned = plan_requests(missing, workers=4, places=places)
    for own, _ in planned:
        assert isinstance(own, PixelRequest)
        ((_, window),) = own.answers
        assert window.width * window.height * 4 * len(layer.outputs) * len(own.periods) <= 24_000_000
        assert len(layer.outputs) * len(own.periods) <= 1024
        assert np.ptp(places[own.rows, 0]) < 10
        seen[np.ix_(own.rows, np.isin(days, own.periods))] += 1
    assert (seen == 1).all() and len(planned) > 2


def test_what_fails_comes_in_smaller_parts(server, tmp_path):
    "A small memory, refusals, lost answers: the same values."
    asked = {"products": ["no2", "fires"], "rings_km": (20,)}
    whole = extracted(server, tmp_path / "whole", cells(), **asked)
    with EarthEngineServer(limits=Limits(cells=12_000)) as small:
        small.faults = Faults(unavailable=[1], too_many=[2], dropped=[5])
        found = extracted(small, tmp_path / "small", cells(), **asked)
        statuses = {one.status for one in small.stats.compute if one.path == "image:computePixels"}
    pd.testing.assert_frame_equal(found, whole, check_exact=True)
    assert {200, 400, 503} <= statuses


def test_a_folder_of_cells_goes_on(server, tmp_path):
    "Nothing is asked for twice; later days and more cells are added; discs and cities are refused."
    few, more = cells(3, 4), cells(4, 4)
    extracted(server, tmp_path / "out", few, products=["no2"])
    server.stats.reset()
    extracted(server, tmp_path / "out", few, products=["no2"])
    assert paths(server) == set()
    panel = extracted(server, tmp_path / "out", more, START, "2023-02-15", products=["no2"])
    pixels = [one for one in server.stats.compute if one.path == "image:computePixels"]
    assert sum(one.regions * one.bands for one in pixels) == 16 * 1 + 4 * 2
    once = extracted(server, tmp_path / "once", more, START, "2023-02-15", products=["no2"])
    pd.testing.assert_frame_equal(panel, once, check_exact=True)
    towns = more.assign(city_id=[f"town {row}" for row in range(len(more))])
    for table, radius_km in ((more, 5.0), (towns, None)):
        with pytest.raises(ValueError, match=r"other settings \(cells of a grid\)"):
            extracted(server, tmp_path / "out", table, products=["no2"], radius_km=radius_km)


def test_a_folder_that_was_begun_by_discs_goes_on_by_discs(server, tmp_path):
    "As folders of grids were before cells were taken by their pixels."
    extracted(server, tmp_path / "out", cells(3, 4), START, START, products=["no2"], radius_km=5.0)
    manifest = tmp_path / "out" / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts["extraction"]["cell"]
    manifest.write_text(json.dumps(facts))
    server.stats.reset()
    panel = extracted(server, tmp_path / "out", cells(3, 4), products=["no2"])
    assert paths(server) == {"table:computeFeatures"} and len(panel) == 24


def test_a_plan_names_the_tiles_and_what_was_measured(server, tmp_path):
    "And the price of a cell, by its pixels and by those of its rings, stands for all of them."
    asked = {"products": ["no2", "fires"], "rings_km": (20,)}
    planned = plan(cells(), START, END, client=client(server), **asked)
    assert planned.cost.requests == 2
    assert (planned.cost.tiles, plan(cells(), START, END, radius_km=5.0).cost.tiles) == (2, 0)
    assert any(note.startswith("by pixels: 2 tiles of less than 24 MB each") for note in planned.notes)
    assert not any("by pixels" in note for note in plan(cells(), START, END, radius_km=5.0).notes)
    assert all(probe.works for probe in check(cells(), START, END, client=client(server), **asked))
    measured = plan(cells(), START, END, client=client(server), **asked)
    assert measured.measured is not None
    assert server.stats.compute and paths(server) == {"image:computePixels"}


def test_fires_of_a_cell_are_the_sum_of_theirs(server, tmp_path):
    "Against the sum over the product's own cells, worked out apart."
    table = cells(1, 2, north=-4.9)
    found = extracted(server, tmp_path, table, START, START, products=["fires"], rings_km=(50,))
    power, seen = fires(
        tuple(table.loc[0, ["longitude", "latitude"]]),
        [answers.milliseconds(START)],
        (50.0,),
        PRODUCTS["fires"].asset,
    )
    row = found[found["city_id"] == table.loc[0, "city_id"]].iloc[0]
    assert row["fire_power_50km"] == pytest.approx(power[0, 0], rel=1e-5)
    assert row["fire_seen_50km"] == pytest.approx(seen[0, 0], rel=0.01)

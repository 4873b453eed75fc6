"""Grids of cells: which cells a country has, and on which grid places stand."""

import numpy as np
import pandas as pd
import pytest
import shapely

from airq.cities import read_cities
from airq.geo import cell_areas_km2
from airq.grids import Grid, grid_around, grid_cells, grid_of

BOX = shapely.box(32.4, 0.2, 32.7, 0.4)


def test_cells_whose_middle_lies_inside():
    "A box of 0.3 by 0.2 degrees has six cells of 0.1 degrees, from north to south and west to east."
    cells = grid_cells(BOX, 0.1, "UGA")
    assert cells["latitude"].tolist() == [0.35] * 3 + [0.25] * 3
    assert cells["longitude"].tolist() == [32.45, 32.55, 32.65] * 2


def test_a_middle_outside_is_no_cell():
    "Less than half of the third column lies in a box that ends at 32.64."
    assert len(grid_cells(shapely.box(32.4, 0.2, 32.64, 0.4), 0.1, "UGA")) == 4


def test_grids_of_neighbours_share_their_cells():
    "Edges are multiples of the step, wherever the outline begins."
    one, other = grid_around((29.57, -1.48, 34.97, 4.22), 0.1), grid_around((33.91, -4.7, 41.9, 5.0), 0.1)
    assert (one.west - other.west) / 0.1 == pytest.approx(round((one.west - other.west) / 0.1))


def test_an_outline_that_the_antimeridian_cuts_has_cells_on_both_sides():
    "Two by one degrees in 0.01°: 100 cells by 100 on each side, and no box around the Earth."
    outline = shapely.union(shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17))
    cells = grid_cells(outline, 0.01, "FJI")
    assert (len(cells), (cells["longitude"] < 0).sum()) == (20_000, 10_000)
    assert cells["longitude"].iloc[[99, 100]].tolist() == [179.995, -179.995]


def test_cells_are_a_city_table():
    "Every command's check passes; identifiers differ; south and west are written as such."
    cells = read_cities(grid_cells(shapely.box(-0.35, -0.35, 0.35, 0.35), 0.2, "GHA"))
    assert cells["city_id"].is_unique
    assert cells["city"].iloc[-1] == "0.3°S 0.3°E"


@pytest.mark.parametrize("step", [0.0, -0.1, 11.0, float("nan")])
def test_an_impossible_step_is_refused(step):
    "From 0.001 to 10 degrees."
    with pytest.raises(ValueError, match=r"Cells are 0\.001 to 10 degrees wide"):
        grid_cells(BOX, step, "UGA")


def test_a_step_too_wide_for_the_country_is_refused():
    "No middle of a cell of 5 degrees lies in the box."
    with pytest.raises(ValueError, match="choose a narrower step"):
        grid_cells(BOX, 5.0, "UGA")


def test_millions_of_cells_are_refused():
    "Before they are made."
    with pytest.raises(ValueError, match="choose a wider step"):
        grid_cells(shapely.box(-20, -35, 50, 37), 0.001, "UGA")


@pytest.mark.parametrize("step", [0.1, 0.25, 1 / 12, 0.01, 1 / 120])
def test_the_grid_of_its_cells(step):
    "Cells that are written with five decimals tell their grid: every middle within 2 % of a cell."
    cells = grid_cells(shapely.box(32, 0, 32 + 20 * step, 15 * step), step, "UGA").round(5)
    grid = grid_of(cells)
    assert (grid.width, grid.height) == (20, 15)
    row, column = grid.cells(cells)
    assert np.abs(grid.longitudes[column] - cells["longitude"]).max() < 0.02 * step
    assert np.abs(grid.latitudes[row] - cells["latitude"]).max() < 0.02 * step


def test_a_grid_need_not_be_full():
    "A country is no rectangle; the missing cells are only missing."
    cells = grid_cells(BOX, 0.1, "UGA").drop(index=[0, 5])
    assert grid_of(cells) == Grid(32.4, 0.4, 0.1, 0.1, 3, 2)


def test_a_single_row_has_square_cells():
    "As high as they are wide."
    grid = grid_of(pd.DataFrame({"latitude": 0.25, "longitude": [32.55, 32.65]}))
    assert grid == Grid(32.5, 0.3, 0.1, 0.1, 2, 1)


def test_a_grid_across_180_degrees_goes_on():
    "Four columns from 179 to 181 degrees, not 720 around the globe; each place lies in its own cell."
    places = pd.DataFrame({"latitude": 0.25, "longitude": [179.25, 179.75, -179.75, -179.25]})
    grid = grid_of(places)
    assert grid == Grid(179.0, 0.5, 0.5, 0.5, 4, 1)
    assert grid.cells(places)[1].tolist() == [0, 1, 2, 3]


def test_one_cell_has_no_width():
    "Nothing beside it tells it."
    with pytest.raises(ValueError, match="one cell has no known width"):
        grid_of(pd.DataFrame({"latitude": [0.25], "longitude": [32.55]}))


@pytest.mark.parametrize(
    ("latitudes", "longitudes", "words"),
    [
        ([0.05, 0.15, 0.27], [32.05, 32.15, 32.25], "stands between cells"),
        ([0.05, 0.05, 0.051], [32.05, 32.15, 32.05], "100 times as wide as high"),
        ([0.3] * 3, [32.5] * 3, "one position"),
        ([0.05, 1.05, 9.05, 7.05], [32.05, 39.05, 33.05, 30.05], "no neighbour"),
    ],
)
def test_places_off_a_grid_are_refused(latitudes, longitudes, words):
    "Uneven steps, one position, and towns that happen to have round coordinates."
    with pytest.raises(ValueError, match=words):
        grid_of(pd.DataFrame({"latitude": latitudes, "longitude": longitudes}))


def test_two_places_in_a_cell_are_refused():
    "A raster has one value for both."
    places = pd.DataFrame({"latitude": 0.05, "longitude": [32.05, 32.15, 32.05]})
    with pytest.raises(ValueError, match="two places share a cell"):
        grid_of(places)


def test_areas_of_the_zones_of_the_earth():
    "They add up to the ellipsoid's 510,065,622 km², and shrink with the cosine of the latitude (1 % less)."
    assert cell_areas_km2(np.linspace(90, -90, 181), 360).sum() == pytest.approx(510_065_622, abs=1)
    equator, sixty = cell_areas_km2([0, 0.1], 0.1)[0], cell_areas_km2([60, 60.1], 0.1)[0]
    assert sixty / equator == pytest.approx(1.01 * np.cos(np.radians(60.05)), rel=1e-3)

"""Cells of a raster that places cover."""

import numpy as np
import pandas as pd
import pytest

from airq.sources.coverage import RasterGrid, covered_cells

GRID = RasterGrid(np.arange(0.5, 360), np.arange(89.5, -90, -1))


def place(latitude, longitude):
    return pd.DataFrame({"latitude": [latitude], "longitude": [longitude]})


def means(grid, places, radius_km=0, values=None):
    "Of a field that holds the longitude of each column unless values are given."
    cells = covered_cells(grid, places, radius_km)
    field = (
        np.broadcast_to(grid.x[None, None, :], (1, len(grid.y), len(grid.x))) if values is None else values
    )
    return cells.means(field[:, cells.rows][:, :, cells.columns])[0][0]


@pytest.mark.parametrize(("longitude", "cell"), [(-0.5, 359.5), (0.2, 0.5), (179.9, 179.5), (-179.9, 180.5)])
def test_the_globe_has_no_edge(longitude, cell):
    "Longitudes from 0 to 360 hold western places, too, and those at either side of 180."
    assert means(GRID, place(10.2, longitude)).tolist() == [cell]


def test_a_cell_that_straddles_180_degrees():
    "Columns around -180, -179 …: a place at 179.8 lies in the first."
    grid = RasterGrid(np.arange(-180.0, 180), np.arange(89.5, -90, -1))
    assert means(grid, place(0.2, 179.8)).tolist() == [-180]


def test_a_part_of_the_pacific():
    "Columns from 170 to 190 degrees are even only from 0."
    grid = RasterGrid(np.arange(170.5, 190), np.arange(9.5, -10, -1))
    assert means(grid, place(0.2, -175.2)).tolist() == [184.5]


def test_places_beyond_the_raster_have_no_value():
    "One of two lies on it."
    grid = RasterGrid(np.arange(0.5, 20), np.arange(9.5, -10, -1))
    both = pd.DataFrame({"latitude": [0.2, 50.0], "longitude": [5.2, 5.2]})
    np.testing.assert_array_equal(means(grid, both), [5.5, np.nan])
    assert covered_cells(grid, place(50, 5), 0) is None


def test_missing_cells_do_not_count():
    "A disc over two cells of which one is missing has the value of the other."
    pytest.importorskip("exactextract")
    values = np.broadcast_to(GRID.x, (180, 360)).copy()[None]
    values[:, :, 32] = np.nan
    assert means(GRID, place(0.5, 32.0), 30, values).tolist() == [31.5]


def test_a_disc_has_the_area_of_a_disc():
    "Of 0.01-degree cells, a disc of 20 km at 60° north covers 20² pi km², within 0.5 %."
    pytest.importorskip("exactextract")
    grid = RasterGrid(np.arange(29, 31, 0.01) + 0.005, np.arange(60.5, 59.5, -0.01) - 0.005)
    cells = covered_cells(grid, place(60.0, 30.0), 20)
    assert cells.weights.sum() * (0.01 * 111.195) ** 2 == pytest.approx(np.pi * 20**2, rel=5e-3)


@pytest.mark.parametrize("longitude", [179.9, -179.9])
@pytest.mark.parametrize("start", [-180, 0])
def test_a_disc_across_180_degrees_is_whole(longitude, start):
    "It covers 20² pi km² of the globe's cells, as anywhere."
    pytest.importorskip("exactextract")
    grid = RasterGrid(np.arange(start, start + 360, 0.1) + 0.05, np.arange(1, -1, -0.1) - 0.05)
    cells = covered_cells(grid, place(0.0, longitude), 20)
    assert cells.weights.sum() * 11.1195**2 == pytest.approx(np.pi * 20**2, rel=5e-3)


@pytest.mark.parametrize("y", [np.array([10.0, 9, 7, 3]), np.array([5.0])])
def test_uneven_rows_are_refused(y):
    "Gaussian grids, single rows."
    with pytest.raises(ValueError, match="uneven|single"):
        covered_cells(RasterGrid(np.arange(0.5, 20), y), place(5, 5), 0)

"""Urban centres from a grid of people, by the Degree of Urbanisation.

An urban centre is a group of cells that share sides, each with at least 1,500 people per km², with at least
50,000 people together. Gaps in it of less than 15 km² are filled, and its edge is smoothed. The rule is made
for cells of 1 km².

References
----------
.. [1] European Union, FAO, UN-Habitat, OECD, World Bank, Applying the Degree of Urbanisation: a
   methodological manual to define cities, towns and rural areas for international comparisons, Publications
   Office of the European Union, 2021.
.. [2] M. Schiavina, M. Melchiorri, M. Pesaresi, GHS-SMOD R2023A, European Commission, Joint Research Centre,
   2023.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

from airq.cities import country_name
from airq.geo import distances_km

#: Fewest people per km² of a cell, and fewest people of an urban centre.
MIN_DENSITY, MIN_PEOPLE = 1500, 50_000
#: Gaps of this area and larger stay. [km²]
GAP_KM2 = 15
#: A cell joins an urban centre that so many of the eight cells around it belong to.
MAJORITY = 5
#: Farthest that a city may lie from an urban centre's middle to lend its name, unless it lies inside. [km]
NAME_KM = 10
AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
#: Side of the blocks of cells by which parts of a large grid are told apart.
BLOCK = 60


def urban_centres(people, area) -> np.ndarray:
    """Return the number of the urban centre that each cell belongs to.

    Parameters
    ----------
    people : array of shape (n_rows, n_columns)
        People of each cell, NaN where no urban centre may be, such as beyond the border.
    area : array that broadcasts to the same shape
        Area of each cell. [km²]

    Returns
    -------
    array of int of shape (n_rows, n_columns)
        From 1, by falling number of people before gaps are filled; 0 outside.

    Examples
    --------
    Two cells that share a corner are apart, and neither has enough people:

    >>> people = np.array([[40_000, 20_000, 0], [0, 0, 30_000]])
    >>> urban_centres(people, 1.0).tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    area = np.broadcast_to(area, people.shape)
    allowed = ~np.isnan(people)
    people = np.where(allowed, people, 0.0)
    groups, n_groups = ndimage.label(people >= MIN_DENSITY * area)
    total = np.bincount(groups.ravel(), people.ravel(), minlength=n_groups + 1)
    total[0] = 0
    order = np.argsort(-total, kind="stable")
    order = order[total[order] >= MIN_PEOPLE]
    rank = np.zeros(n_groups + 1, dtype="int32")
    rank[order] = np.arange(1, len(order) + 1)
    centres = rank[groups]
    # Beyond its box a cell has at most three of the eight cells around it inside, so none joins.
    for number, box in enumerate(ndimage.find_objects(centres), start=1):
        centres[box] = _smoothed(centres[box], number, allowed[box], area[box])
    return centres


def _smoothed(centres, number, allowed, area):
    """Fill the gaps of an urban centre, then add cells that its own surround, until none is left."""
    free = allowed & (centres == 0)
    own = centres == number
    gaps, _ = ndimage.label(ndimage.binary_fill_holes(own) & ~own)
    small = np.bincount(gaps.ravel(), area.ravel()) < GAP_KM2
    small[0] = False
    own |= small[gaps] & free
    while True:
        joining = free & ~own & (ndimage.convolve(own.astype("uint8"), AROUND, mode="constant") >= MAJORITY)
        if not joining.any():
            return np.where(own, number, centres)
        own |= joining


def dense_parts(density):
    """Yield the parts of a large grid that may hold urban centres, so that a country fits into memory.

    A part holds blocks with a cell of 1,500 people per km² that touch each other, and a block around them. It
    comes as rows and columns, slices of `density` [people km⁻²] of shape (n_rows, n_columns), and a mask of
    its cells among these: other parts may lie in its box.

    >>> density = np.zeros((60, 300))
    >>> density[0, [0, 299]] = 2000
    >>> [(columns.start, columns.stop) for _, columns, _ in dense_parts(density)]
    [(0, 120), (180, 300)]
    """
    edges = [np.arange(0, size, BLOCK) for size in density.shape]
    most = np.maximum.reduceat(np.maximum.reduceat(density, edges[0], axis=0), edges[1], axis=1)
    touching = np.ones((3, 3))
    groups, _ = ndimage.label(most >= MIN_DENSITY, touching)
    for number, box in enumerate(ndimage.find_objects(groups), start=1):
        wider = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        blocks = ndimage.binary_dilation(groups[wider] == number, touching)
        rows, columns = (
            slice(side.start * BLOCK, min(side.stop * BLOCK, size))
            for side, size in zip(wider, density.shape, strict=True)
        )
        mask = np.kron(blocks, np.ones((BLOCK, BLOCK), dtype=bool))
        yield rows, columns, mask[: rows.stop - rows.start, : columns.stop - columns.start]


def centre_table(centres, people, area, longitude, latitude) -> pd.DataFrame:
    """Return people, area and position of urban centres, by falling number of people.

    Parameters
    ----------
    centres : array of int of shape (n_rows, n_columns)
        From :func:`urban_centres`.
    people, area, longitude, latitude : arrays that broadcast to the same shape
        People, area [km²] and middle [°] of each cell.

    Returns
    -------
    DataFrame
        `latitude, longitude` [°] of the mean position of the people, `population`, `area_km2`.
    """
    cell = np.flatnonzero(centres)
    number = centres.ravel()[cell]
    at = {
        name: np.broadcast_to(values, centres.shape).ravel()[cell]
        for name, values in zip(
            ("people", "area", "x", "y"), (people, area, longitude, latitude), strict=True
        )
    }
    counted = np.nan_to_num(at["people"])
    population, size, x, y = (
        np.bincount(number, weight)[1:]
        for weight in (counted, at["area"], counted * at["x"], counted * at["y"])
    )
    table = pd.DataFrame({"latitude": y / population, "longitude": x / population})
    table = table.assign(population=population, area_km2=size)
    return table.sort_values("population", ascending=False, kind="stable")


def name_centres(table, member, cities, country: str) -> pd.DataFrame:
    """Name urban centres after the most populous known city inside, or else the nearest within 10 km.

    Parameters
    ----------
    table : DataFrame
        From :func:`centre_table`, its index 0 for the urban centre with the number 1.
    member : array of int of shape (n_cities,)
        Number of the urban centre that each city lies in, 0 if in none.
    cities : DataFrame
        Known cities: `city, latitude, longitude` [°], `population`.
    country : str
        ISO 3166-1 alpha-3 code.

    Returns
    -------
    DataFrame
        A city table with `area_km2`, by falling number of people. A name goes to one urban centre; those that
        get none are called after their position. Where a name repeats, `city_id` holds the position, too.
    """
    names = pd.Series(index=table.index, dtype="object")
    inside = cities.assign(member=member)[member > 0]
    first = inside.sort_values("population", ascending=False, kind="stable").drop_duplicates("member")
    names.loc[first["member"].to_numpy() - 1] = first["city"].to_numpy()
    free = cities[member == 0].reset_index(drop=True)
    for row in table.index[names.isna()]:
        if free.empty:
            break
        distance = distances_km(table.loc[[row]], free)[0]
        if distance.min() <= NAME_KM:
            names[row] = free.loc[distance.argmin(), "city"]
            free = free.drop(distance.argmin()).reset_index(drop=True)
    position = table["latitude"].map("{:.3f}".format) + ", " + table["longitude"].map("{:.3f}".format)
    named = names.fillna(f"{country_name(country)} " + position).astype("str")
    ids = f"{country}:" + named
    ids = ids.where(~named.duplicated(keep=False), ids + " (" + position + ")")
    return table.assign(city_id=ids, city=named, country=country)[
        ["city_id", "city", "country", "latitude", "longitude", "population", "area_km2"]
    ].reset_index(drop=True)

"""Geometry, and which pixels lie in it.

Shapes live on the sphere of 6371.0088 km. A buffered point is the disc of that radius along great
circles. Pixels form a grid in EPSG:4326 whose size in degrees is `scale` / 111319.49, or of `scale`
metres in the sinusoidal projection of MODIS and VIIRS, SR-ORG:6974; a pixel
belongs to a region if its centre does, and then counts fully. (Earth Engine weights pixels on the
edge by their share in the region in `mean` and `sum`; here all reducers are unweighted, so that
known answers are exact.) A region without any pixel centre gets the pixel in which its own centre
lies.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import shapely

from .errors import not_implemented
from .values import DEGREE

EARTH_RADIUS = 6_371_008.8  # [m]
DEGREES, SINUSOIDAL = "EPSG:4326", "SR-ORG:6974"
SINUSOIDAL_RADIUS = 6_371_007.181  # of the sphere of that projection [m]


@dataclass(frozen=True)
class Disc:
    """Places within a distance of a point; the point itself if the radius is 0."""

    longitude: float
    latitude: float
    radius: float = 0.0

    @property
    def centre(self):
        return self.longitude, self.latitude

    @property
    def bounds(self):
        """West, south, east, north; west may be below -180 and east above 180. [°]"""
        reach = self.radius / EARTH_RADIUS
        south, north = self.latitude - np.rad2deg(reach), self.latitude + np.rad2deg(reach)
        shrink = np.cos(np.deg2rad(self.latitude))
        if south <= -90 or north >= 90 or np.sin(reach) >= shrink:
            return self.longitude - 180, max(south, -90), self.longitude + 180, min(north, 90)
        width = np.rad2deg(np.arcsin(np.sin(reach) / shrink))
        return self.longitude - width, south, self.longitude + width, north

    def contains(self, longitude, latitude):
        """Whether places are at most the radius away along a great circle (haversine formula)."""
        south, north = np.deg2rad(latitude), np.deg2rad(self.latitude)
        east = np.deg2rad(longitude - self.longitude)
        half = np.sin((south - north) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin(east / 2) ** 2
        return half <= np.sin(min(self.radius / (2 * EARTH_RADIUS), np.pi / 2)) ** 2

    def buffered(self, distance):
        return Disc(self.longitude, self.latitude, self.radius + distance)

    def geojson(self):
        if not self.radius:
            return {"type": "Point", "coordinates": [self.longitude, self.latitude]}
        return {"type": "Polygon", "coordinates": [self._ring()]}

    def _ring(self, corners=24):
        bearing = np.linspace(0, 2 * np.pi, corners + 1)
        reach, latitude = self.radius / EARTH_RADIUS, np.deg2rad(self.latitude)
        height = np.sin(latitude) * np.cos(reach) + np.cos(latitude) * np.sin(reach) * np.cos(bearing)
        east = np.arctan2(
            np.sin(bearing) * np.sin(reach) * np.cos(latitude), np.cos(reach) - np.sin(latitude) * height
        )
        corner = np.column_stack([self.longitude + np.rad2deg(east), np.rad2deg(np.arcsin(height))])
        return corner.tolist()


@dataclass(frozen=True)
class Shape:
    """A planar shape in degrees: polygons, rectangles, lines."""

    shape: shapely.Geometry

    @property
    def centre(self):
        return self.shape.centroid.x, self.shape.centroid.y

    @property
    def bounds(self):
        return self.shape.bounds

    def contains(self, longitude, latitude):
        return shapely.contains_xy(self.shape, longitude, latitude)

    def buffered(self, distance):
        raise not_implemented("buffers of anything but points")

    def geojson(self):
        return shapely.geometry.mapping(self.shape)


@dataclass(frozen=True)
class Combined:
    """Union, intersection or difference of shapes; a place is in it as `rule` says."""

    kind: str
    parts: tuple

    @property
    def centre(self):
        return self.parts[0].centre

    @property
    def bounds(self):
        bounds = np.array([part.bounds for part in self.parts])
        return (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))

    def contains(self, longitude, latitude):
        inside = [part.contains(longitude, latitude) for part in self.parts]
        return functools.reduce(_RULES[self.kind], inside)

    def buffered(self, distance):
        if self.kind != "union":
            raise not_implemented(f"buffers of a {self.kind}")
        return Combined("union", tuple(part.buffered(distance) for part in self.parts))

    def geojson(self):
        return {"type": "GeometryCollection", "geometries": [part.geojson() for part in self.parts]}


_RULES = {
    "union": np.logical_or,
    "intersection": np.logical_and,
    "difference": lambda inside, cut: inside & ~cut,
}


def to_sinusoidal(longitude, latitude):
    """Coordinates in SR-ORG:6974. [m]"""
    north = np.deg2rad(latitude)
    return SINUSOIDAL_RADIUS * np.deg2rad(longitude) * np.cos(north), SINUSOIDAL_RADIUS * north


def from_sinusoidal(x, y):
    """Longitude and latitude of coordinates in SR-ORG:6974. [°]"""
    north = y / SINUSOIDAL_RADIUS
    return np.rad2deg(x / (SINUSOIDAL_RADIUS * np.cos(north))), np.rad2deg(north)


def pixels_of(region, scale, which="all", crs=DEGREES):
    """Centres of the pixels of a region.

    Parameters
    ----------
    region : Disc, Shape or Combined
    scale : float
        Size of a pixel. [m]
    which : {"all", "centre"}
        ``"centre"``: the pixel under the region's centre only.
    crs : {"EPSG:4326", "SR-ORG:6974"}
        Projection of the grid.

    Returns
    -------
    longitude, latitude : numpy.ndarray of shape (n,)
        At least one. [°]

    Examples
    --------
    >>> longitude, latitude = pixels_of(Disc(0.5, 0.5, 100.0), DEGREE)
    >>> longitude.tolist(), latitude.tolist()
    ([0.5], [0.5])
    """
    if which == "all" and not (isinstance(region, Disc) and region.radius == 0):
        grid = _sinusoidal_grid if crs == SINUSOIDAL else _grid
        longitude, latitude = grid(region.bounds, scale)
        inside = region.contains(longitude, latitude)
        if inside.any():
            return longitude[inside], latitude[inside]
    return centre_of_cell(*(np.array([degrees]) for degrees in region.centre), scale, crs)


def centre_of_cell(longitude, latitude, scale, crs=DEGREES):
    """Centres of the cells of a grid in which places lie."""
    if crs == DEGREES:
        size = scale / DEGREE
        return (np.floor(longitude / size) + 0.5) * size, (np.floor(latitude / size) + 0.5) * size
    return from_sinusoidal(*((np.floor(m / scale) + 0.5) * scale for m in to_sinusoidal(longitude, latitude)))


def _grid(bounds, scale):
    west, south, east, north = np.array(bounds) / (scale / DEGREE)
    columns, rows = np.arange(np.floor(west), np.ceil(east)), np.arange(np.floor(south), np.ceil(north))
    longitude, latitude = np.meshgrid((columns + 0.5) * scale / DEGREE, (rows + 0.5) * scale / DEGREE)
    return longitude.ravel(), latitude.ravel()


def _sinusoidal_grid(bounds, scale):
    """Row by row, as the meridians bend."""
    west, south, east, north = bounds
    lowest, highest = (to_sinusoidal(0.0, degrees)[1] / scale for degrees in (south, north))
    longitudes, latitudes = [], []
    for row in np.arange(np.floor(lowest), np.ceil(highest)):
        y = (row + 0.5) * scale
        first, last = (
            to_sinusoidal(end, np.rad2deg(y / SINUSOIDAL_RADIUS))[0] / scale for end in (west, east)
        )
        x = (np.arange(np.floor(first), np.ceil(last)) + 0.5) * scale
        longitude, latitude = from_sinusoidal(x, np.full(len(x), y))
        longitudes.append(longitude)
        latitudes.append(latitude)
    return np.concatenate(longitudes), np.concatenate(latitudes)

"""The pixels of a grid, as image:computePixels answers them."""

from __future__ import annotations

import numpy as np

from .errors import EarthEngineError, not_implemented
from .geometry import DEGREES, SINUSOIDAL, from_sinusoidal
from .graph import Pixels, computed
from .values import DEGREE, Image

MOST_BYTES, MOST_SIDE, MOST_BANDS = 50_331_648, 32_768, 1_024
_AT_ONCE = 200_000  # pixels computed together, which bounds the memory


def pixels_of_grid(image, grid, bands=None):
    """A structured array (height, width) with a field for every band; masked pixels are 0.

    Raises
    ------
    EarthEngineError
        If the grid or the number of bands is larger than one request may bring.
    """
    if not isinstance(image, Image):
        raise EarthEngineError("Image.computePixels: The expression is not an image.")
    bands = bands or list(image.bands)
    width, height = (int(grid["dimensions"][name]) for name in ("width", "height"))
    affine = grid["affineTransform"]
    crs = grid.get("crsCode")
    if crs not in (DEGREES, SINUSOIDAL) or affine.get("shearX") or affine.get("shearY"):
        raise not_implemented("a grid that is turned, or in another projection")
    dtype = np.dtype([(name, "<f4") for name in bands])
    if width * height * dtype.itemsize > MOST_BYTES:
        raise EarthEngineError(
            f"Total request size ({width * height * dtype.itemsize} bytes) must be less than or equal to "
            f"{MOST_BYTES} bytes."
        )
    if max(width, height) > MOST_SIDE or len(bands) > MOST_BANDS:
        raise EarthEngineError(f"Pixel grid dimensions ({width}x{height}) or bands exceed the maximum.")
    x = affine["translateX"] + affine["scaleX"] * (np.arange(width) + 0.5)
    y = affine["translateY"] + affine["scaleY"] * (np.arange(height) + 0.5)
    rows = max(1, _AT_ONCE // width)
    raster = np.zeros((height, width), dtype=dtype)
    for top in range(0, height, rows):
        part = y[top : top + rows]
        east, north = (axis.ravel() for axis in np.meshgrid(x, part))
        if crs == SINUSOIDAL:
            pixels = Pixels(*from_sinusoidal(east, north), abs(affine["scaleX"]), crs)
        else:
            pixels = Pixels(east, north, abs(affine["scaleX"]) * DEGREE)
        for name, (values, valid) in zip(
            bands, computed([image.bands[name] for name in bands], pixels), strict=True
        ):
            raster[name][top : top + rows] = np.where(valid, values, 0).reshape(len(part), width)
    return raster

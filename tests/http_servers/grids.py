"""Grids of the weather and air-quality models: which cell a place lies in."""

from __future__ import annotations

import numpy as np

#: Distance of the middles of cells by model [°]; every grid has one at 90° S 180° W. The reduced Gaussian
#: grid of IFS (9 km) and the mixed ones of the forecast are regular here.
STEPS = {
    "era5": 0.25,
    "era5_land": 0.1,
    "era5_ensemble": 0.5,
    "ecmwf_ifs": 0.0703125,
    "ecmwf_ifs025": 0.25,
    "gfs_seamless": 0.125,
    "icon_seamless": 0.125,
    "cams_global": 0.4,
}


def cells(latitude, longitude, grid):
    """Return the middles of the cells that places lie in, as the service's 32-bit numbers.

    >>> [values.tolist() for values in cells([6.45], [3.39], "era5")]
    [[6.5], [3.5]]
    """
    step = STEPS[grid]
    row = np.floor((np.asarray(latitude, dtype="float64") + 90) / step + 0.5)
    column = np.floor((np.asarray(longitude, dtype="float64") + 180) / step + 0.5) % round(360 / step)
    step = np.float32(step)
    return np.float32(-90) + row.astype("float32") * step, np.float32(-180) + column.astype("float32") * step

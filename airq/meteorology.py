"""Formulas of the weather.

Quantities are floats or arrays of shape (n_samples,). `wind_u` and `wind_v` are the components of the wind
towards the east and towards the north. [m s⁻¹]
"""

from __future__ import annotations

import numpy as np


def relative_humidity(temp_air, temp_dew):
    """Compute relative humidity from air and dew-point temperature, at most 100 %.

    Parameters
    ----------
    temp_air, temp_dew : float or array-like of shape (n_samples,)
        Temperatures at 2 m. [°C]

    Returns
    -------
    float or numpy.ndarray of shape (n_samples,)
        Relative humidity over water; NaN where a temperature is. [%]

    References
    ----------
    .. [1] O. A. Alduchov, R. E. Eskridge, Improved Magnus form approximation of saturation vapor
       pressure, J. Appl. Meteorol. 35, 601-609, 1996, equation 21.

    Examples
    --------
    >>> float(relative_humidity(20.0, 20.0))
    100.0
    >>> round(float(relative_humidity(20.0, 9.3)), 1)
    50.1
    """
    return np.minimum(100 * np.exp(_magnus(temp_dew) - _magnus(temp_air)), 100.0)


def _magnus(temperature):
    temperature = np.asarray(temperature, dtype="float64")
    return 17.625 * temperature / (temperature + 243.04)


def wind_speed(wind_u, wind_v):
    """Compute the speed of the mean wind [m s⁻¹], which is at most the mean speed.

    >>> float(wind_speed(3.0, -4.0))
    5.0
    """
    return np.hypot(wind_u, wind_v)


def wind_direction(wind_u, wind_v):
    """Compute the direction that the wind comes from, clockwise from north.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Meteorological direction: 0 is wind from the north, 90 from the east; NaN where there is
        no wind. [°]

    Examples
    --------
    >>> wind_direction([0.0, -2.0, 0.0], [-1.0, 0.0, 0.0]).tolist()
    [0.0, 90.0, nan]
    """
    u, v = np.asarray(wind_u, dtype="float64"), np.asarray(wind_v, dtype="float64")
    degrees = np.degrees(np.arctan2(-u, -v)) % 360
    return np.where((u == 0) & (v == 0), np.nan, degrees)


def ventilation(wind_u, wind_v, boundary_layer_height):
    """Compute the ventilation coefficient [m² s⁻¹]: wind speed times boundary-layer height [m].

    >>> float(ventilation(3.0, 4.0, 800.0))
    4000.0
    """
    return wind_speed(wind_u, wind_v) * boundary_layer_height

"""Formulas of the weather that sources and features share."""

from __future__ import annotations

import numpy as np


def relative_humidity(temp_air, temp_dew):
    """Relative humidity from air and dew-point temperature, at most 100 %.

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

"""Tell which column of a panel a variable of a raster is, by its name or standard name, and convert it."""

from __future__ import annotations

import re

import numpy as np

from airq.panel import COLUMNS
from airq.units import convert, magnitude, unit_name

#: Column -> names of variables, in lower case: of ECMWF (ERA5, CAMS), MERRA-2, CMIP, Sentinel-5P by HARP.
_NAMES = {
    "cams_pm25": "pm2p5 pm2p5_conc particulate_matter_d_less_than_25_um_surface",
    "temp_air": "t2m 2t tas temperature_2m air_temperature_2m 2m_temperature",
    "temp_dew": "d2m 2d t2mdew tdps dewpoint_temperature_2m dew_point_2m 2m_dewpoint_temperature",
    "relative_humidity": "r2 rh2m hurs relative_humidity_2m",
    "wind_u": "u10 10u u10m uas u_component_of_wind_10m 10m_u_component_of_wind",
    "wind_v": "v10 10v v10m vas v_component_of_wind_10m 10m_v_component_of_wind",
    "precipitation": "tp prectotcorr prectot prectotland pr total_precipitation precip",
    "pressure": "sp ps surface_pressure",
    "boundary_layer_height": "blh pblh zmla hpbl",
    "aod055": "aod550 totexttau aodana od550aer optical_depth_055",
    "aod047": "aod469 optical_depth_047",
    "no2": "tropospheric_no2_column_number_density nitrogendioxide_tropospheric_column",
    "co": "co_column_number_density carbonmonoxide_total_column",
    "hcho": "tropospheric_hcho_column_number_density formaldehyde_tropospheric_vertical_column",
    "so2": "so2_column_number_density sulfurdioxide_total_vertical_column",
    "o3": "o3_column_number_density ozone_total_vertical_column",
    "aer_ai": "absorbing_aerosol_index",
    "elevation": "elevation dem",
}
#: Columns that a variable of the same name is, too.
_SAME = ("night_lights", "cloud_fraction", *(name for name in _NAMES if name != "elevation"))
NAMES = {name: column for column, names in _NAMES.items() for name in names.split()}
NAMES |= {name: name for name in _SAME}
#: Names of PM2.5 of whatever source, such as GHAP_PM2.5 or GWRPM25.
_PM25 = re.compile(r"(?<![0-9])pm[_ .]?2[._p]?5(?![0-9])", re.IGNORECASE)
#: CF standard name -> column, of fields near the ground or of the whole column of air.
STANDARD_NAMES = {
    "air_temperature": "temp_air",
    "dew_point_temperature": "temp_dew",
    "relative_humidity": "relative_humidity",
    "eastward_wind": "wind_u",
    "northward_wind": "wind_v",
    "surface_air_pressure": "pressure",
    "atmosphere_boundary_layer_thickness": "boundary_layer_height",
    "precipitation_amount": "precipitation",
    "precipitation_flux": "precipitation",
    "lwe_thickness_of_precipitation_amount": "precipitation",
    "lwe_precipitation_rate": "precipitation",
    "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air": "pm25",
    "mass_concentration_of_pm2p5_ambient_aerosol_in_air": "pm25",
}
#: Names of other fields that carry such a standard name: skin, soil, sea, extremes of a day, 100 m.
_ELSEWHERE = re.compile(
    r"skin|skt|soil|stl|sst|sea|max|min|mx2t|mn2t|100|(?<!\d)50m|gust|snow|convective", re.I
)
_SPREAD = re.compile(r"std|stdev|anom|count|err|uncert|qual|flag|qa|percentile|sum|max|min(?!us)", re.I)
#: Methods of a cell (CF) after the names of its axes, without what stands in brackets.
_METHOD = re.compile(r"(?:\w+:\s*)+(\w+)")
GRIB_METHODS = {"max": "maximum", "min": "minimum", "sd": "standard_deviation", "cov": "covariance"}
RATES = {(1, -2, -1, 0, 0), (0, 1, -1, 0, 0)}
AMOUNTS = {(1, -2, 0, 0, 0), (0, 1, 0, 0, 0)}


def column_of(name: str, attributes: dict, source: str = "") -> str | None:
    """Return the column of a panel that a variable is, or None.

    `attributes` are those of CF (`standard_name`, `long_name`); `source` is what the file says of itself,
    which tells PM2.5 of CAMS, an input, from that of other models.

    >>> column_of("T2M", {}), column_of("PM2.5", {}), column_of("PM2.5", {}, "CAMS reanalysis")
    ('temp_air', 'pm25', 'cams_pm25')
    >>> column_of("tas_other", {"standard_name": "air_temperature"}), column_of("ssrd", {})
    ('temp_air', None)
    """
    column = NAMES.get(name.lower())
    if column is None and _PM25.search(name) and not _SPREAD.search(name):
        column = "pm25"
    if column is None and not _ELSEWHERE.search(f"{name} {attributes.get('long_name', '')}"):
        column = STANDARD_NAMES.get(str(attributes.get("standard_name", "")))
    return "cams_pm25" if column == "pm25" and re.search(r"cams\b|cams_", source, re.I) else column


def why_no_mean(column: str | None, attributes: dict) -> str | None:
    """Return why a variable is no mean (or sum of precipitation) by its `cell_methods`, or None if it is.

    >>> why_no_mean("temp_air", {"cell_methods": "area: mean time: maximum (interval: 1 hour)"})
    'its values are of the method maximum (cell_methods), no means'
    >>> why_no_mean("temp_air", {"cell_methods": "time: mean"})
    """
    methods = _METHOD.findall(re.sub(r"\(.*?\)", " ", str(attributes.get("cell_methods", ""))))
    methods += [GRIB_METHODS[step] for step in [attributes.get("GRIB_stepType")] if step in GRIB_METHODS]
    means = {"mean", "point"} | ({"sum"} if column == "precipitation" else set())
    other = [method for method in methods if method.lower() not in means]
    return f"its values are of the method {other[0]} (cell_methods), no means" if other else None


def range_in(column: str, unit: str, hours: float) -> tuple[float, float]:
    """Return the plausible range of a column, a hundredth wider, in the unit of a file.

    >>> [round(float(limit), 2) for limit in range_in("relative_humidity", "1", 24)]
    [-0.01, 1.06]
    """
    low, high = COLUMNS[column].low, COLUMNS[column].high
    zero, one = in_column_unit(np.array([0.0, 1.0]), column, unit, hours)
    margin = 0.01 * (high - low)
    return (low - margin - zero) / (one - zero), (high + margin - zero) / (one - zero)


def variable_in(name: str) -> str:
    """Return the word of a file's name that is a known variable, or the name if there is none or two.

    A name that speaks of an extreme, a spread or a count is of something else.

    >>> variable_in("era5_t2m_africa"), variable_in("era5_t2m_max"), variable_in("temp_air")
    ('t2m', 'era5_t2m_max', 'temp_air')
    """
    known = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word.lower() in NAMES]
    return known[0] if len(known) == 1 and not (_ELSEWHERE.search(name) or _SPREAD.search(name)) else name


def is_rate(unit: str) -> bool:
    """Tell whether a unit of precipitation is one of its rate rather than of its amount.

    >>> is_rate("kg m-2 s-1"), is_rate("mm/day"), is_rate("m")
    (True, True, False)
    """
    known = magnitude(unit)
    return known is not None and known.dimension in RATES


def in_column_unit(values, column: str, unit: str, hours: float = 24.0) -> np.ndarray:
    """Return values of a variable in the unit of its column.

    Parameters
    ----------
    values : array-like
        In `unit`.
    column : str
        Of the vocabulary.
    unit : str
        As the file writes it.
    hours : float
        For how long a rate of precipitation lasts; a kilogram of water on a square metre is a millimetre.

    Raises
    ------
    ValueError
        If the unit is unknown or measures something else.

    Examples
    --------
    >>> in_column_unit([0.001], "precipitation", "m").tolist()
    [1.0]
    >>> in_column_unit([0.5 / 3600], "precipitation", "kg m-2 s-1", hours=1).round(6).tolist()
    [0.5]
    """
    if column != "precipitation":
        return convert(values, unit, COLUMNS[column].unit)
    unit = re.sub(r"\s+of\s+water(\s+equivalent)?", "", unit)
    known = magnitude(unit)
    if known is None or known.dimension not in RATES | AMOUNTS:
        raise ValueError(f"No conversion from {unit!r} to {COLUMNS[column].unit!r}.")
    # In SI base units: kg m⁻² or m, or either a second.
    factor = float(known.factor) * (1 if known.dimension[0] else 1000)
    return np.asarray(values, dtype="float64") * factor * (hours * 3600 if known.dimension in RATES else 1)


def checked_unit(column: str | None, unit: str | None, where: str) -> str:
    """Return the unit of a variable; refuse one that is missing, unknown or of another quantity.

    `column` is None for a variable that keeps its own name; `where` names the variable in messages.
    """
    if not str(unit or "").strip():
        if column is not None and COLUMNS[column].unit == "1":
            return "1"
        raise ValueError(
            f"{where} says no unit; give it with --units, such as --units {where.split()[-1]}=K."
        )
    try:
        if column is None:
            return unit_name(unit)
        in_column_unit(0.0, column, unit)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return unit

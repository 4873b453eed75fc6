"""Weather in Earth Engine: ERA5 for days that are a week old, GFS for today.

References
----------
.. [1] https://developers.google.com/earth-engine/datasets/catalog/ECMWF_ERA5_HOURLY
.. [2] https://developers.google.com/earth-engine/datasets/catalog/NOAA_GFS0P25
"""

from __future__ import annotations

from airq.sources.product import DISC_METRES, Band, Product

_ERA5 = {
    "asset": "ECMWF/ERA5/HOURLY",
    "start": "1940-01-01",
    "end": None,
    "citation": "H. Hersbach et al., ERA5 hourly data on single levels, Copernicus Climate Change Service, "
    "doi:10.24381/cds.adbb2d47. Terms: free, credit Copernicus. Recent months may be preliminary.",
    "kind": "model",
    "resolution": DISC_METRES,
    "latency": 8,
}

#: An image's time is that of its run, not the time that it forecasts.
_GFS = {
    "asset": "NOAA/GFS0P25",
    "end": None,
    "citation": "Global Forecast System, NOAA NCEP EMC, "
    "https://www.emc.ncep.noaa.gov/emc/pages/numerical_forecast_systems/gfs.php. Terms: public domain.",
    "kind": "model",
    "resolution": DISC_METRES,
    "latency": 1,
}
#: Four runs a day, each for its next six hours.
_NEXT_SIX_HOURS = (("forecast_hours", "gte", 1.0), ("forecast_hours", "lte", 6.0))

WEATHER = (
    Product(
        key="era5",
        title="ERA5 hourly reanalysis, daily means",
        bands=(
            Band("temp_air", "temperature_2m", "°C", offset=-273.15),
            Band("temp_dew", "dewpoint_temperature_2m", "°C", offset=-273.15),
            Band("wind_u", "u_component_of_wind_10m", "m s⁻¹"),
            Band("wind_v", "v_component_of_wind_10m", "m s⁻¹"),
            Band("pressure", "surface_pressure", "hPa", scale=0.01),
            Band("boundary_layer_height", "boundary_layer_height", "m"),
        ),
        **_ERA5,
    ),
    Product(
        key="era5-rain",
        title="ERA5 hourly reanalysis, daily precipitation",
        # An image holds the hour before its time, so that the day's sum is from 23 to 23 o'clock.
        bands=(Band("precipitation", "total_precipitation", "mm", scale=1000.0),),
        composite="sum",
        **_ERA5,
    ),
    Product(
        key="gfs",
        title="GFS forecasts of 1 to 6 hours, daily means",
        bands=(
            Band("temp_air", "temperature_2m_above_ground", "°C"),
            Band("relative_humidity", "relative_humidity_2m_above_ground", "%"),
            Band("wind_u", "u_component_of_wind_10m_above_ground", "m s⁻¹"),
            Band("wind_v", "v_component_of_wind_10m_above_ground", "m s⁻¹"),
            Band("precipitable_water", "precipitable_water_entire_atmosphere", "kg m⁻²"),
        ),
        # Before, a run had forecasts of 3 and 6 hours only.
        start="2017-07-10",
        where=_NEXT_SIX_HOURS,
        **_GFS,
    ),
    Product(
        key="gfs-2025",
        title="GFS forecasts of 1 to 6 hours, daily means of the bands that came with 2025-01-15",
        bands=(
            Band("temp_dew", "dew_point_temperature_2m_above_ground", "°C"),
            Band("boundary_layer_height", "planetary_boundary_layer_height", "m"),
        ),
        # A day later than that, as one image without the bands fails a whole request, and the local day
        # of the east begins on the day before.
        start="2025-01-17",
        where=_NEXT_SIX_HOURS,
        **_GFS,
    ),
    Product(
        key="gfs-rain",
        title="GFS forecasts of 6 hours, daily precipitation",
        # Of hour 6, what fell since the run; of other hours, too, so that sums over them count twice.
        bands=(Band("precipitation", "total_precipitation_surface", "mm"),),
        # Until 2019-11-07 06 UTC the band held something else.
        start="2019-11-09",
        composite="sum",
        where=(("forecast_hours", "eq", 6.0),),
        **_GFS,
    ),
)

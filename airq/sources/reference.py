"""The products of 2020 whose columns the published CatBoost model reads, under its own column names.

The model's author took the *first* pixel of a disc of 5 km at 5 km resolution, an arbitrary one; here
stands the disc's mean. Everything else is as published: the most recent valid pixel of the five days
before, the first weather image of the day, night lights and population of 2010.

References
----------
.. [1] J. Whitaker, air_quality_prediction, 2020, notebook "2. Fetch GEE Data",
   https://github.com/johnowhitaker/air_quality_prediction (CC0).
"""

from __future__ import annotations

from airq.sources.product import Band, Product

SENTINEL = (
    "Sentinel-5P TROPOMI, European Union, ESA, Copernicus; gridded by Google. "
    "Terms: free, credit Copernicus, "
    "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
)

_METRES = 5000
#: 2010-01-01 in milliseconds, as `system:time_start` counts.
_SINCE_2010 = ("system:time_start", "gte", 1_262_304_000_000.0)


def _recent(number, layer, start, bands, *, latency):
    """A Sentinel-5P layer; its columns are the bands behind the number that the reference gave it."""
    return Product(
        key=f"reference-{layer[3:].lower().replace('_', '-')}",
        title=f"Sentinel-5P OFFL {layer}, most recent pixel of five days before",
        asset=f"COPERNICUS/S5P/OFFL/{layer}",
        bands=tuple(Band(f"{number}_{band}", band, unit) for band, unit in bands.items()),
        start=start,
        end=None,
        citation=SENTINEL,
        kind="satellite",
        resolution=_METRES,
        latency=latency,
        composite="recent",
        window=5,
    )


def _of_2010(key, title, asset, band, *, citation, start, end):
    """A layer of the year 2010: mean, least and greatest over the disc."""
    return Product(
        key=key,
        title=title,
        asset=asset,
        bands=(band,),
        start=start,
        end=end,
        citation=citation,
        kind="static",
        resolution=_METRES,
        latency=0,
        composite="first",
        cadence="once",
        where=(_SINCE_2010,),
        reducers=("mean", "min", "max"),
    )


REFERENCE = (
    Product(
        key="reference-gfs",
        title="GFS: Global Forecast System, analysis of 00 UTC",
        asset="NOAA/GFS0P25",
        bands=(
            Band("precipitable_water_entire_atmosphere", "precipitable_water_entire_atmosphere", "kg m⁻²"),
            Band("relative_humidity_2m_above_ground", "relative_humidity_2m_above_ground", "%"),
            Band("specific_humidity_2m_above_ground", "specific_humidity_2m_above_ground", "kg kg⁻¹"),
            Band("temperature_2m_above_ground", "temperature_2m_above_ground", "°C"),
            Band("u_component_of_wind_10m_above_ground", "u_component_of_wind_10m_above_ground", "m s⁻¹"),
            Band("v_component_of_wind_10m_above_ground", "v_component_of_wind_10m_above_ground", "m s⁻¹"),
        ),
        # Before, hour 0 was not kept.
        start="2017-07-10",
        end=None,
        citation="Global Forecast System, NOAA NCEP EMC, "
        "https://www.emc.ncep.noaa.gov/emc/pages/numerical_forecast_systems/gfs.php. Terms: public domain.",
        kind="model",
        resolution=_METRES,
        latency=1,
        composite="first",
        # The reference's image lacked rain, clouds and radiation, as hour 0 did then.
        where=(("forecast_hours", "eq", 0.0),),
    ),
    _recent(
        0,
        "L3_NO2",
        "2018-06-28",
        {
            "NO2_column_number_density": "mol m⁻²",
            "NO2_slant_column_number_density": "mol m⁻²",
            "absorbing_aerosol_index": "1",
            "stratospheric_NO2_column_number_density": "mol m⁻²",
            "tropopause_pressure": "Pa",
        },
        latency=10,
    ),
    _recent(
        1,
        "L3_O3",
        "2018-09-08",
        {"O3_column_number_density": "mol m⁻²", "O3_effective_temperature": "K"},
        latency=10,
    ),
    _recent(
        2,
        "L3_CO",
        "2018-06-28",
        {
            "CO_column_number_density": "mol m⁻²",
            "H2O_column_number_density": "mol m⁻²",
            "cloud_height": "m",
        },
        latency=10,
    ),
    _recent(
        3,
        "L3_HCHO",
        "2018-12-05",
        {
            "HCHO_slant_column_number_density": "mol m⁻²",
            "tropospheric_HCHO_column_number_density": "mol m⁻²",
            "tropospheric_HCHO_column_number_density_amf": "1",
        },
        latency=10,
    ),
    _recent(
        4,
        "L3_CLOUD",
        "2018-07-04",
        {
            "cloud_base_height": "m",
            "cloud_base_pressure": "Pa",
            "cloud_fraction": "1",
            "cloud_optical_depth": "1",
            "cloud_top_height": "m",
            "cloud_top_pressure": "Pa",
            "surface_albedo": "1",
        },
        latency=10,
    ),
    _recent(
        5,
        "L3_AER_AI",
        "2018-07-04",
        {
            "absorbing_aerosol_index": "1",
            "sensor_altitude": "m",
            "sensor_azimuth_angle": "°",
            "sensor_zenith_angle": "°",
            "solar_azimuth_angle": "°",
            "solar_zenith_angle": "°",
        },
        latency=10,
    ),
    _of_2010(
        "reference-night-lights",
        "DMSP OLS: Global Radiance-Calibrated Nighttime Lights Version 4, 2010",
        "NOAA/DMSP-OLS/CALIBRATED_LIGHTS_V4",
        Band("avg_vis_5000", "avg_vis", "1"),
        citation="Earth Observation Group, Colorado School of Mines, from NOAA and US Air Force data, "
        "https://eogdata.mines.edu/dmsp/download_radcal.html. Terms: public domain.",
        start="1996-03-16",
        end="2011-07-31",
    ),
    _of_2010(
        "reference-population",
        "GPWv411: UN-adjusted population density of 2010",
        "CIESIN/GPWv411/GPW_UNWPP-Adjusted_Population_Density",
        Band("pop_density2010_5000", "unwpp-adjusted_population_density", "people km⁻²"),
        citation="CIESIN, Columbia University, 2018, doi:10.7927/H4F47M65. Terms: CC BY 4.0.",
        start="2000-01-01",
        end="2020-12-31",
    ),
)

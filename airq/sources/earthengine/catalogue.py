"""Catalogue of Earth Engine products, and the sets of them that extractions take.

Ids, bands, units and dates are those of the public data catalogue [1]_, read from its source [2]_ in
2026. What no document confirms stands in a product's `unconfirmed`. Its `latency` is what its makers promise
and a day or two for its way into Earth Engine, which is unconfirmed, too.

Weather comes from ERA5 [3]_ for days that are a week old, and from GFS [4]_ for today. The products of the
``reference`` recipe are those of 2020 whose columns the published CatBoost model reads, under its own
column names [5]_. The model's author took the *first* pixel of a disc of 5 km at 5 km resolution, an
arbitrary one; here it is the disc's mean. Everything else is as published: the most recent valid pixel of
the five days before, the first weather image of the day, night lights and population of 2010.

References
----------
.. [1] https://developers.google.com/earth-engine/datasets/catalog
.. [2] https://github.com/google/earthengine-catalog
.. [3] https://developers.google.com/earth-engine/datasets/catalog/ECMWF_ERA5_HOURLY
.. [4] https://developers.google.com/earth-engine/datasets/catalog/NOAA_GFS0P25
.. [5] J. Whitaker, air_quality_prediction, 2020, notebook "2. Fetch GEE Data",
   https://github.com/johnowhitaker/air_quality_prediction (CC0).
"""

from __future__ import annotations

from airq.messages import near_name
from airq.sources.earthengine.product import (
    DISC_METRES,
    MODEL_METRES,
    SINUSOIDAL,
    SINUSOIDAL_METRES,
    Band,
    Mask,
    Product,
)
from airq.units import PM25_UNIT

RINGS_KM = (50, 150, 300)

MOL = "mol m⁻²"
#: Noise makes small negative columns legal; the data catalogue advises to drop those below. [mol m⁻²]
LOWEST_COLUMN = -0.001
#: Pixels of the reference model's products. [m]
_REFERENCE_METRES = 5000
#: 2010-01-01 in milliseconds, as `system:time_start` counts.
_SINCE_2010 = ("system:time_start", "gte", 1_262_304_000_000.0)
#: Four runs of GFS a day, each for its next six hours.
_NEXT_SIX_HOURS = (("forecast_hours", "gte", 1.0), ("forecast_hours", "lte", 6.0))

SENTINEL = (
    "Sentinel-5P TROPOMI, European Union, ESA, Copernicus; gridded by Google, which keeps pixels by their "
    "qa_value: over 75 % for tropospheric NO2, over 80 % for the aerosol index, over 50 % for the others (by "
    "the words of its catalogue; the commands beside them say over 50 % for all). "
    "Terms: free, credit Copernicus, "
    "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
)

_ERA5 = {
    "asset": "ECMWF/ERA5/HOURLY",
    "start": "1940-01-01",
    "citation": "H. Hersbach et al., ERA5 hourly data on single levels, Copernicus Climate Change Service, "
    "doi:10.24381/cds.adbb2d47. Terms: free, credit Copernicus. Recent months may be preliminary.",
    "kind": "model",
    "resolution": MODEL_METRES,
    "latency": 8,
}

#: An image's time is that of its run, not the time that it forecasts.
_GFS = {
    "asset": "NOAA/GFS0P25",
    "citation": "Global Forecast System, NOAA NCEP EMC, "
    "https://www.emc.ncep.noaa.gov/emc/pages/numerical_forecast_systems/gfs.php. Terms: public domain.",
    "kind": "model",
    "resolution": MODEL_METRES,
    "latency": 1,
}

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
        # "Accumulated over the 1 hour ending at the validity date and time", says the catalogue [3]_.
        bands=(Band("precipitation", "total_precipitation", "mm", scale=1000.0),),
        composite="sum",
        ends_hour=True,
        fewest=24,
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
        start="2019-11-09",
        composite="sum",
        where=(("forecast_hours", "eq", 6.0),),
        fewest=4,
        # By the catalogue's [4]_ words of those years, the band held the rate at the forecast time until
        # 2019-11-07 06 UTC, and the sum since then; scripts of its users still part the two there.
        unconfirmed=(
            "that rain of before 2019-11-09 is another quantity: today's catalogue no longer says it",
        ),
        **_GFS,
    ),
)


#: Layer of Sentinel-5P -> key; column, band and unit; first days of the offline and near-real-time streams.
_SENTINEL_LAYERS = {
    "L3_NO2": ("no2", "no2", "tropospheric_NO2_column_number_density", MOL, "2018-06-28", "2018-07-10"),
    "L3_CO": ("co", "co", "CO_column_number_density", MOL, "2018-06-28", "2018-11-22"),
    "L3_HCHO": ("hcho", "hcho", "tropospheric_HCHO_column_number_density", MOL, "2018-12-05", "2018-10-02"),
    "L3_SO2": ("so2", "so2", "SO2_column_number_density", MOL, "2018-12-05", "2018-07-10"),
    "L3_O3": ("o3", "o3", "O3_column_number_density", MOL, "2018-09-08", "2018-07-10"),
    "L3_AER_AI": ("aerosol-index", "aer_ai", "absorbing_aerosol_index", "1", "2018-07-04", "2018-07-10"),
    "L3_CLOUD": ("cloud", "cloud_fraction", "cloud_fraction", "1", "2018-07-04", "2018-07-05"),
}


def _sentinel(stream, layer, bands, *, key, latency, **settings):
    """Return a layer of Sentinel-5P."""
    *_, offline, near_real_time = _SENTINEL_LAYERS[layer]
    return Product(
        key=key,
        asset=f"COPERNICUS/S5P/{stream}/{layer}",
        bands=bands,
        start=offline if stream == "OFFL" else near_real_time,
        citation=SENTINEL,
        kind="satellite",
        latency=latency,
        **{"title": f"Sentinel-5P {stream} {layer}", "resolution": DISC_METRES} | settings,
    )


def _stream(stream, suffix, *, latency):
    """Return every layer of a stream of Sentinel-5P, with the one band that a recipe takes."""
    for layer, (key, column, band, unit, *_) in _SENTINEL_LAYERS.items():
        bands = (Band(column, band, unit, low=LOWEST_COLUMN if unit == MOL else None),)
        yield _sentinel(stream, layer, bands, key=f"{key}{suffix}", latency=latency)


def _recent(number, layer, bands):
    """Return a layer whose columns are its bands behind the number that the reference model gave it."""
    return _sentinel(
        "OFFL",
        layer,
        tuple(Band(f"{number}_{band}", band, unit) for band, unit in bands.items()),
        key=f"reference-{layer[3:].lower().replace('_', '-')}",
        title=f"Sentinel-5P OFFL {layer}, most recent pixel of five days before",
        resolution=_REFERENCE_METRES,
        latency=10,
        composite="recent",
        window=5,
    )


def _of_2010(**settings):
    """Return a layer of the year 2010: mean, least and greatest over the disc."""
    return Product(
        kind="static",
        resolution=_REFERENCE_METRES,
        latency=0,
        composite="first",
        cadence="once",
        where=(_SINCE_2010,),
        reducers=("mean", "min", "max"),
        **settings,
    )


#: Layer -> the bands of the reference model and their units.
_REFERENCE_BANDS = {
    "L3_NO2": {
        "NO2_column_number_density": MOL,
        "NO2_slant_column_number_density": MOL,
        "absorbing_aerosol_index": "1",
        "stratospheric_NO2_column_number_density": MOL,
        "tropopause_pressure": "Pa",
    },
    "L3_O3": {"O3_column_number_density": MOL, "O3_effective_temperature": "K"},
    "L3_CO": {"CO_column_number_density": MOL, "H2O_column_number_density": MOL, "cloud_height": "m"},
    "L3_HCHO": {
        "HCHO_slant_column_number_density": MOL,
        "tropospheric_HCHO_column_number_density": MOL,
        "tropospheric_HCHO_column_number_density_amf": "1",
    },
    "L3_CLOUD": {
        **{"cloud_base_height": "m", "cloud_base_pressure": "Pa", "cloud_fraction": "1"},
        **{"cloud_optical_depth": "1", "cloud_top_height": "m", "cloud_top_pressure": "Pa"},
        "surface_albedo": "1",
    },
    "L3_AER_AI": {
        **{"absorbing_aerosol_index": "1", "sensor_altitude": "m"},
        **{"sensor_azimuth_angle": "°", "sensor_zenith_angle": "°"},
        **{"solar_azimuth_angle": "°", "solar_zenith_angle": "°"},
    },
}

REFERENCE = (
    Product(
        key="reference-gfs",
        title="GFS: Global Forecast System, analysis of 00 UTC",
        # The reference's image lacked rain, clouds and radiation, as hour 0 did then.
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
        composite="first",
        where=(("forecast_hours", "eq", 0.0),),
        **_GFS | {"resolution": _REFERENCE_METRES},
    ),
    *(_recent(number, *layer) for number, layer in enumerate(_REFERENCE_BANDS.items())),
    _of_2010(
        key="reference-night-lights",
        title="DMSP OLS: Global Radiance-Calibrated Nighttime Lights Version 4, 2010",
        asset="NOAA/DMSP-OLS/CALIBRATED_LIGHTS_V4",
        bands=(Band("avg_vis_5000", "avg_vis", "1"),),
        start="1996-03-16",
        end="2011-07-31",
        citation="Earth Observation Group, Colorado School of Mines, from NOAA and US Air Force data, "
        "https://eogdata.mines.edu/dmsp/download_radcal.html. Terms: public domain.",
    ),
    _of_2010(
        key="reference-population",
        title="GPWv411: UN-adjusted population density of 2010",
        asset="CIESIN/GPWv411/GPW_UNWPP-Adjusted_Population_Density",
        bands=(Band("pop_density2010_5000", "unwpp-adjusted_population_density", "people km⁻²"),),
        start="2000-01-01",
        end="2020-12-31",
        citation="CIESIN, Columbia University, 2018, doi:10.7927/H4F47M65. Terms: CC BY 4.0.",
    ),
)

_FIRES = {
    # The files hold tenths of MW, as those of MODIS do; the catalogue gives MODIS alone the factor. Of the
    # fire mask, 5 is land without fire, 6 unclassified, 7 to 9 fire of low to high confidence, and each
    # counts; below 5, a cell was not processed, water, or cloud.
    "bands": (
        Band("fire_power", "MaxFRP", "MW", scale=0.1, low=0.0),
        Band("fire_seen", "FireMask", "1", classes=(5, 9)),
    ),
    "kind": "satellite",
    "resolution": SINUSOIDAL_METRES,
    "crs": SINUSOIDAL,
    "reducers": ("sum",),
    "shape": "rings",
    "fill": 0.0,
    "whole_days": True,
    "unconfirmed": (
        "the unit of MaxFRP, taken as tenths of MW; if Earth Engine's are MW, fire power is ten times this",
        "its latency",
    ),
}

_ALL = (
    # Offline files of 2018 were made 6 or 7 days after the overpass, those in near real time 2 hours.
    *_stream("OFFL", "", latency=10),
    *_stream("NRTI", "-nrti", latency=1),
    Product(
        key="maiac",
        title="MCD19A2.061: Terra & Aqua MAIAC land aerosol optical depth, daily, 1 km",
        asset="MODIS/061/MCD19A2_GRANULES",
        bands=(
            Band("aod047", "Optical_Depth_047", "1", scale=0.001),
            Band("aod055", "Optical_Depth_055", "1", scale=0.001),
        ),
        start="2000-02-24",
        citation="A. Lyapustin, Y. Wang, NASA LP DAAC, doi:10.5067/MODIS/MCD19A2.061. "
        "Terms: no restrictions.",
        kind="satellite",
        resolution=DISC_METRES,
        latency=7,
        # Right whether an image's time is that of the overpass or midnight: over land from 90° west to 150°
        # east the satellites pass on the same day in UTC.
        whole_days=True,
        # Clear (bits 0 to 2 are 1), no cloud or snow beside it (bits 5 to 7 are 0), and best quality of the
        # retrieval (bits 8 to 11 are 0). Pixels beside clouds read high, and so do those that may be cloudy
        # (11); within 2 km of a coast (10) the value is that of another pixel. What is left is less, and a
        # disc at a coast rests on its inland part; the count of valid pixels tells how much that is.
        mask=Mask("AOD_QA", bits=0b1111_1110_0111, value=1),
        unconfirmed=(
            "that the time of an image is that of the overpass: the catalogue's last image is of 23:55",
            "its latency",
        ),
    ),
    Product(
        key="cams",
        title="CAMS global near-real-time forecasts of atmospheric composition",
        asset="ECMWF/CAMS/NRT",
        bands=(
            Band("cams_pm25", "particulate_matter_d_less_than_25_um_surface", PM25_UNIT, scale=1e9),
            Band("cams_aod", "total_aerosol_optical_depth_at_550nm_surface", "1"),
        ),
        # The asset begins with the run of 12 UTC of the day before.
        start="2016-06-23",
        citation="Copernicus Atmosphere Monitoring Service, ECMWF; A. Benedetti et al., "
        "J. Geophys. Res. 114, D13205, 2009, doi:10.1029/2008JD011115. Terms: free, credit Copernicus.",
        kind="model",
        resolution=MODEL_METRES,
        latency=2,
        # An image's time is the one that it forecasts. Of the runs of 00 UTC alone, the first 24 hours
        # hold each time once; where a run is missing, that of 12 UTC the day before forecasts the same times.
        where=(("model_initialization_hour", "eq", 0.0), ("model_forecast_hour", "lt", 24.0)),
        instead=(
            ("model_initialization_hour", "eq", 12.0),
            ("model_forecast_hour", "gte", 12.0),
            ("model_forecast_hour", "lt", 36.0),
        ),
        lead="model_forecast_hour",
    ),
    *WEATHER,
    Product(
        key="fires",
        title="VNP14A1.002: VIIRS thermal anomalies and fire, daily, 1 km",
        asset="NASA/VIIRS/002/VNP14A1",
        start="2012-01-19",
        citation="L. Giglio, NASA LP DAAC, doi:10.5067/VIIRS/VNP14A1.002. Terms: free, cite.",
        latency=14,
        **_FIRES,
    ),
    Product(
        key="fires-noaa21",
        title="VJ214A1.002: VIIRS on NOAA-21, thermal anomalies and fire, daily, 1 km",
        asset="NASA/VIIRS/002/VJ214A1",
        start="2023-02-10",
        citation="L. Giglio, NASA LP DAAC, doi:10.5067/VIIRS/VJ214A1.002. Terms: free, cite.",
        latency=2,
        **_FIRES,
    ),
    Product(
        key="night-lights",
        # V2.1, which ends in 2021, differs from V2.2: one version for all years keeps them comparable, so
        # that the earliest year serves those before it.
        title="VIIRS annual night lights V2.2",
        asset="NOAA/VIIRS/DNB/ANNUAL_V22",
        bands=(Band("night_lights", "average_masked", "nW cm⁻² sr⁻¹"),),
        start="2012-04-01",
        citation="C. D. Elvidge et al., Remote Sens. 13, 922, 2021, doi:10.3390/rs13050922, "
        "Earth Observation Group, Colorado School of Mines. Terms: public domain.",
        kind="static",
        resolution=463.83,
        latency=400,
        composite="latest",
        cadence="year",
        fill=0.0,
        unconfirmed=(
            "its first year: the catalogue's dates begin in 2012, its words say 2022; "
            "years before the first take the first",
        ),
    ),
    Product(
        key="population",
        title="GHS-POP R2023A: residential population, 100 m",
        asset="JRC/GHSL/P2023A/GHS_POP",
        # A cell holds 0.01 km². A density depends on the radius less than a sum, and is not to be
        # mistaken for `population`, the people of the whole city from the city table.
        bands=(Band("population_density", "population_count", "people km⁻²", scale=100.0),),
        start="1975-01-01",
        end="2030-12-31",
        citation="M. Schiavina et al., European Commission JRC, 2023, "
        "doi:10.2905/2FF68A52-5B5B-4A22-8F40-C41DA8332CFE. Terms: free, cite. 2025 and 2030 are projections.",
        kind="static",
        resolution=100.0,
        latency=0,
        composite="latest",
        cadence="year",
        fill=0.0,
    ),
    Product(
        key="elevation",
        title="Copernicus DEM GLO-30, 2024_1: height of the surface, with buildings and trees",
        asset="COPERNICUS/DEM/GLO30_2024_1",
        bands=(Band("elevation", "DEM", "m"),),
        start="2010-12-01",
        end="2020-11-13",
        citation="© DLR e.V. 2010-2014 and © Airbus Defence and Space GmbH 2014-2018 provided under "
        "COPERNICUS by the European Union and ESA, "
        "https://dataspace.copernicus.eu/explore-data/data-collections/copernicus-contributing-missions/"
        "collections-description/COP-DEM. Terms: free, with this notice.",
        kind="static",
        # Coarser than its 30 m: a disc's mean needs no more.
        resolution=300.0,
        latency=0,
        cadence="once",
    ),
    *REFERENCE,
)

PRODUCTS = {product.key: product for product in _ALL}

_SENTINEL_KEYS = tuple(key for key, *_ in _SENTINEL_LAYERS.values())
_STATIC = ("night-lights", "population", "elevation")

#: Products by recipe. ``live`` takes what is there within two days: no MAIAC, which arrives later, and no
#: surface pressure, which this GFS lacks. Under the names of ``default`` it holds cousins: near-real-time
#: ozone is of another algorithm, so is the boundary-layer height of GFS, and fires are those of NOAA-21.
EXTRACTIONS = {
    "default": (*_SENTINEL_KEYS, "maiac", "cams", "era5", "era5-rain", "fires", *_STATIC),
    "live": (
        *(f"{key}-nrti" for key in _SENTINEL_KEYS),
        "cams",
        "gfs",
        "gfs-2025",
        "gfs-rain",
        "fires-noaa21",
        *_STATIC,
    ),
    "reference": tuple(product.key for product in REFERENCE),
}


def products_of(recipe, only=None):
    """Return the products of a recipe, in its order, or of these `only` some keys.

    Raises ValueError if the recipe is unknown, or has no product of a key in `only`.

    >>> [product.asset for product in products_of("default", only=["no2"])]
    ['COPERNICUS/S5P/OFFL/L3_NO2']
    """
    if recipe not in EXTRACTIONS:
        hint = near_name(recipe, EXTRACTIONS)
        raise ValueError(f"No extraction recipe {recipe!r}.{hint} Choose from {', '.join(EXTRACTIONS)}.")
    keys = EXTRACTIONS[recipe]
    only = keys if only is None else tuple(only)
    if not only:
        raise ValueError(f"No product is named. Recipe {recipe!r} has {', '.join(keys)}.")
    for key in only:
        if key not in keys:
            hint = near_name(key, keys)
            raise ValueError(f"Recipe {recipe!r} has no product {key!r}.{hint} It has {', '.join(keys)}.")
    return tuple(PRODUCTS[key] for key in keys if key in only)

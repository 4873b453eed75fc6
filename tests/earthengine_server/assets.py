"""The assets that the server knows: bands with invented ranges, days, images of a day.

The ids, band names, native units and dates are those of the public catalogue. Everything else is
SIMULATED: ranges are round numbers that look plausible in the native unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DAY = 86_400_000  # [ms]
HOUR = 3_600_000  # [ms]


@dataclass(frozen=True)
class Asset:
    """An image collection, or one image.

    Attributes
    ----------
    id : str
        Asset id.
    bands : dict of str to (float, float)
        Lowest and highest value of each band, in the native unit.
    scale : float
        Size of a native pixel. [m]
    first, last : str or None
        First and last day with images (ISO 8601); without `last` the collection goes on.
    cadence : str
        How its images lie in time, a name in ``answers.CADENCES``.
    clear_below : float
        Pixels are masked where the simulated cloudiness, between 0 and 1, is not below this.
    swath_km : float or None
        Width of what one orbit sees; None if every image covers the Earth. [km]
    pace : float
        How fast simulated time runs; slow for what hardly changes from year to year.
    seed : str
        What the simulated values depend on beside the band: two assets of one seed agree.
    later_bands : dict of str to str
        Bands that exist from a day on only.
    forecast_bands : tuple of str
        Bands that images of forecast hour 0 lack.
    whole_numbers : tuple of str
        Bands whose values are whole.
    cell : float or None
        Size of its cells in the sinusoidal projection, each of one value; None where every place has its
        own. [m]
    """

    id: str
    bands: dict[str, tuple[float, float]]
    scale: float
    first: str
    last: str | None = None
    cadence: str = "daily"
    clear_below: float = 2.0
    swath_km: float | None = None
    pace: float = 1.0
    seed: str = ""
    later_bands: dict[str, str] = field(default_factory=dict)
    forecast_bands: tuple[str, ...] = ()
    whole_numbers: tuple[str, ...] = ()
    cell: float | None = None


_VIEW = {
    "sensor_azimuth_angle": (-180.0, 180.0),
    "sensor_zenith_angle": (0.0, 66.0),
    "solar_azimuth_angle": (-180.0, 180.0),
    "solar_zenith_angle": (8.0, 80.0),
}
_ALTITUDE = {"sensor_altitude": (828_000.0, 856_000.0)}

_S5P = {
    "L3_NO2": (
        "2018-06-28",
        0.53,
        {
            "NO2_column_number_density": (3e-5, 2.4e-4),
            "tropospheric_NO2_column_number_density": (-2e-5, 1.8e-4),
            "stratospheric_NO2_column_number_density": (2.5e-5, 7e-5),
            "NO2_slant_column_number_density": (9e-5, 4e-4),
            "tropopause_pressure": (7_000.0, 22_000.0),
            "absorbing_aerosol_index": (-2.5, 2.5),
            "cloud_fraction": (0.0, 0.6),
            **_ALTITUDE,
            **_VIEW,
        },
    ),
    "L3_CO": (
        "2018-06-28",
        0.56,
        {
            "CO_column_number_density": (0.02, 0.07),
            "H2O_column_number_density": (300.0, 4_200.0),
            "cloud_height": (0.0, 5_000.0),
            **_ALTITUDE,
            **_VIEW,
        },
    ),
    "L3_HCHO": (
        "2018-12-05",
        0.5,
        {
            "tropospheric_HCHO_column_number_density": (-1e-4, 5e-4),
            "tropospheric_HCHO_column_number_density_amf": (0.5, 2.0),
            "HCHO_slant_column_number_density": (-1e-4, 5e-4),
            "cloud_fraction": (0.0, 0.6),
            **_VIEW,
        },
    ),
    "L3_SO2": (
        "2018-12-05",
        0.55,
        {
            "SO2_column_number_density": (-1.5e-3, 2.5e-3),
            "SO2_column_number_density_amf": (0.2, 1.4),
            "SO2_slant_column_number_density": (-4e-4, 8e-4),
            "absorbing_aerosol_index": (-2.5, 2.5),
            "cloud_fraction": (0.0, 0.3),
            **_VIEW,
        },
    ),
    "L3_O3": (
        "2018-09-08",
        0.7,
        {
            "O3_column_number_density": (0.1, 0.17),
            "O3_effective_temperature": (205.0, 245.0),
            "cloud_fraction": (0.0, 1.0),
            **_VIEW,
        },
    ),
    "L3_AER_AI": (
        "2018-07-04",
        0.8,
        {"absorbing_aerosol_index": (-2.5, 2.5), **_ALTITUDE, **_VIEW},
    ),
    "L3_AER_LH": (
        "2018-07-04",
        0.28,
        {
            "aerosol_height": (200.0, 6_000.0),
            "aerosol_pressure": (50_000.0, 99_000.0),
            "aerosol_optical_depth": (0.0, 3.0),
            **_VIEW,
        },
    ),
    "L3_CLOUD": (
        "2018-07-04",
        0.51,
        {
            "cloud_fraction": (0.0, 1.0),
            "cloud_top_pressure": (20_000.0, 95_000.0),
            "cloud_top_height": (500.0, 12_000.0),
            "cloud_base_pressure": (25_000.0, 99_000.0),
            "cloud_base_height": (100.0, 10_000.0),
            "cloud_optical_depth": (1.0, 60.0),
            "surface_albedo": (0.02, 0.5),
            **_VIEW,
        },
    ),
}


_NRTI_FIRST = {
    "L3_NO2": "2018-07-10",
    "L3_CO": "2018-11-22",
    "L3_HCHO": "2018-10-02",
    "L3_SO2": "2018-07-10",
    "L3_O3": "2018-07-10",
    "L3_AER_AI": "2018-07-10",
    "L3_CLOUD": "2018-07-05",
}


def _sentinel5p(stream, product):
    first, clear_below, bands = _S5P[product]
    first = first if stream == "OFFL" else _NRTI_FIRST[product]
    return Asset(
        f"COPERNICUS/S5P/{stream}/{product}",
        bands,
        scale=1113.2,
        first=first,
        cadence="orbits",
        clear_below=clear_below,
        swath_km=2_900.0,
        seed=product,
    )


_STREAMS = {"OFFL": _S5P, "NRTI": _NRTI_FIRST}

_ASSETS = [
    *(_sentinel5p(stream, product) for stream, products in _STREAMS.items() for product in products),
    Asset(
        "MODIS/061/MCD19A2_GRANULES",
        {
            "Optical_Depth_047": (0.0, 1_500.0),
            "Optical_Depth_055": (0.0, 1_100.0),
            "AOD_Uncertainty": (50.0, 900.0),
            "Column_WV": (200.0, 5_000.0),
            "AOD_QA": (0.0, 0.0),
        },
        scale=1000.0,
        first="2000-02-24",
        cadence="granules",
        clear_below=0.62,
        swath_km=10_100.0,
        whole_numbers=("Optical_Depth_047", "Optical_Depth_055", "AOD_Uncertainty", "Column_WV", "AOD_QA"),
    ),
    Asset(
        "NOAA/VIIRS/AOD_EDR/V3",
        {"AOD550": (0.0, 1.5), "QCAll": (-0.5, 2.5)},
        scale=6000.0,
        first="2022-10-29",
        clear_below=0.62,
        whole_numbers=("QCAll",),
    ),
    Asset(
        "ECMWF/CAMS/NRT",
        {
            "particulate_matter_d_less_than_25_um_surface": (2e-9, 1.2e-7),
            "total_aerosol_optical_depth_at_550nm_surface": (0.02, 1.4),
            "particulate_matter_d_less_than_10_um_surface": (4e-9, 2.4e-7),
            "total_column_nitrogen_dioxide_surface": (5e-7, 2e-5),
        },
        scale=44_528.0,
        first="2016-06-22",
        cadence="cams_runs",
        later_bands={
            "particulate_matter_d_less_than_10_um_surface": "2021-07-01",
            "total_column_nitrogen_dioxide_surface": "2021-07-01",
        },
    ),
    Asset(
        "NASA/GEOS-CF/v1/rpl/tavg1hr",
        {"PM25_RH35_GCC": (2.0, 130.0), "ZPBL": (50.0, 2_500.0)},
        scale=27_750.0,
        first="2018-01-01",
        cadence="hourly",
    ),
    Asset(
        "ECMWF/ERA5/HOURLY",
        {
            "temperature_2m": (278.0, 310.0),
            "dewpoint_temperature_2m": (268.0, 297.0),
            "u_component_of_wind_10m": (-9.0, 9.0),
            "v_component_of_wind_10m": (-9.0, 9.0),
            "total_precipitation": (0.0, 0.004),
            "surface_pressure": (83_000.0, 102_500.0),
            "boundary_layer_height": (40.0, 2_600.0),
        },
        scale=27_830.0,
        first="1940-01-01",
        cadence="hourly",
    ),
    Asset(
        "NOAA/GFS0P25",
        {
            "temperature_2m_above_ground": (5.0, 37.0),
            "specific_humidity_2m_above_ground": (0.003, 0.02),
            "relative_humidity_2m_above_ground": (15.0, 98.0),
            "u_component_of_wind_10m_above_ground": (-9.0, 9.0),
            "v_component_of_wind_10m_above_ground": (-9.0, 9.0),
            "total_precipitation_surface": (0.0, 12.0),
            "precipitable_water_entire_atmosphere": (5.0, 60.0),
            "dew_point_temperature_2m_above_ground": (-5.0, 24.0),
            "planetary_boundary_layer_height": (40.0, 2_600.0),
        },
        scale=27_830.0,
        first="2015-07-01",
        cadence="gfs_runs",
        later_bands={
            "dew_point_temperature_2m_above_ground": "2025-01-15",
            "planetary_boundary_layer_height": "2025-01-15",
        },
        forecast_bands=("total_precipitation_surface",),
    ),
    *(
        Asset(
            f"NASA/VIIRS/002/{product}",
            {"FireMask": (1.0, 9.0), "MaxFRP": (10.0, 160.0)},
            scale=1000.0,
            first=first,
            whole_numbers=("FireMask",),
            cell=926.625433055833,
        )
        for product, first in (("VNP14A1", "2012-01-19"), ("VJ214A1", "2023-02-10"))
    ),
    *(
        Asset(
            f"NOAA/VIIRS/DNB/ANNUAL_{version}",
            {
                "average": (0.0, 60.0),
                "average_masked": (0.0, 60.0),
                "median": (0.0, 50.0),
                "cf_cvg": (10.0, 250.0),
            },
            scale=464.0,
            first=first,
            last=last,
            cadence="yearly",
            pace=1e-4,
            seed="DNB",
        )
        for version, first, last in (
            ("V21", "2013-01-01", "2021-12-31"),
            ("V22", "2022-01-01", "2024-12-31"),
        )
    ),
    Asset(
        "JRC/GHSL/P2023A/GHS_POP",
        {"population_count": (0.0, 90.0)},
        scale=100.0,
        first="1975-01-01",
        last="2030-12-31",
        cadence="five_yearly",
        pace=1e-4,
    ),
    Asset(
        "COPERNICUS/DEM/GLO30_2024_1",
        {"DEM": (0.0, 2_600.0)},
        scale=30.0,
        first="2010-12-01",
        last="2010-12-01",
        cadence="tiles",
        pace=1e-4,
    ),
    Asset(
        "NOAA/DMSP-OLS/CALIBRATED_LIGHTS_V4",
        {"avg_vis": (0.0, 80.0), "cf_cvg": (10.0, 120.0)},
        scale=927.67,
        first="1996-03-16",
        last="2010-12-31",
        cadence="dmsp_years",
        pace=1e-4,
    ),
    *(
        Asset(
            f"CIESIN/GPWv411/GPW_{title}Population_Density",
            {f"{prefix}population_density": (0.0, 9_000.0)},
            scale=927.67,
            first="2000-01-01",
            last="2020-12-31",
            cadence=cadence,
            pace=1e-4,
        )
        for title, prefix, cadence in (
            ("", "", "gpw_years"),
            ("UNWPP-Adjusted_", "unwpp-adjusted_", "gpw_adjusted_years"),
        )
    ),
]

#: Every asset by its id.
ASSETS = {asset.id: asset for asset in _ASSETS}

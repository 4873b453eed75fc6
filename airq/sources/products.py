"""Name the product that a column of a panel comes from."""

from __future__ import annotations

from airq.sources.earthengine.catalogue import PRODUCTS, RINGS_KM
from airq.sources.earthengine.layers import column_units

POSITION = "position"
WEATHER = "weather"
#: Key in the catalogue -> name of the group, where several products serve one purpose.
_GROUPS = {
    **dict.fromkeys(["era5", "era5-rain", "gfs", "gfs-2025", "gfs-rain", "reference-gfs"], WEATHER),
    "reference-aer-ai": "aerosol-index",
}
_WEATHER_WORDS = (
    "temp temperature apparent relative humidity wind rain snowfall pressure precipitation precipitable "
    "sunrise sunset sunshine daylight shortwave et0 weather"
)
#: First word of a column of a foreign table -> product: layers of Sentinel-5P, Airathon's AOD, weather.
_WORDS = {
    "NitrogenDioxide": "no2",
    "CarbonMonoxide": "co",
    "Formaldehyde": "hcho",
    "SulphurDioxide": "so2",
    "Ozone": "o3",
    "UvAerosolIndex": "aerosol-index",
    "Cloud": "cloud",
    "Optical": "maiac",
    "Column": "maiac",
    **dict.fromkeys(_WEATHER_WORDS.split(), WEATHER),
}
#: Open-Meteo's fields of the CAMS model; beside them the aerosol optical depth is the model's, too.
_CAMS_FIELDS = ("carbon_monoxide", "nitrogen_dioxide", "sulphur_dioxide", "ozone", "dust", "pm10")
_CAMS_FIELDS += ("uv_index", "uv_index_clear_sky")
_AOD = ("aod047", "aod055")


def products_of_columns(columns):
    """Return the name of the product that each column of a panel comes from, by column.

    For a column of the catalogue the product's key, without the suffix of a stream (``-nrti``) or the prefix
    of a recipe (``reference-``); ``weather`` for ERA5, GFS and other weather; ``position`` for coordinates.
    A foreign column takes the product that the word before its first underscore means, or that word itself.

    >>> products_of_columns(["no2", "temp_air", "Ozone_cloud_fraction", "myband_b2"])
    {'no2': 'no2', 'temp_air': 'weather', 'Ozone_cloud_fraction': 'o3', 'myband_b2': 'myband'}
    >>> products_of_columns(["aod055"]), products_of_columns(["aod055", "dust"])
    ({'aod055': 'maiac'}, {'aod055': 'cams', 'dust': 'cams'})
    """
    known = dict.fromkeys(["latitude", "longitude"], POSITION)
    for key, product in PRODUCTS.items():
        name = _GROUPS.get(key, key.removesuffix("-nrti").removeprefix("reference-"))
        known = dict.fromkeys(column_units(product, rings_km=RINGS_KM, quality=True), name) | known
    if any(name in columns for name in _CAMS_FIELDS):
        known |= dict.fromkeys([*_CAMS_FIELDS, *_AOD], "cams")
    words = {name: name.split("_")[0] for name in columns}
    return {name: known.get(name, _WORDS.get(word, word)) for name, word in words.items()}

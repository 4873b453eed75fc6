"""Daily PM2.5 for cities that have no sensor.

The public names, each imported when it is first used:

=====================  ====================================================================
read_panel             read a panel, a DataFrame with metadata, from Parquet
write_panel            write one
write_predictions      write a table of predictions, as the app reads it
write_raster           write predictions for a grid as a GeoTIFF
write_zarr             write predictions for a grid as a Zarr store
read_table             turn tables of monitors, satellites or models into a panel
join                   put targets beside features, by site and day
extract                satellite and weather features of any cities from Google Earth Engine
EarthEngine            which Earth Engine to ask, and as whom
places                 urban centres of a country, or a grid of cells over it, as a city table
sample                 what rasters on this machine hold at places, as a panel
fetch                  weather and CAMS fields of Open-Meteo, or OpenAQ's monitors; no account
OpenMeteo              which Open-Meteo to ask, and how often
update                 keep the predictions of a folder up to date, once a day
simulate               a panel of a SIMULATED atmosphere
HoldOut                split a panel by city, site, country, … for scikit-learn
PM25Regressor          fit, calibrate, predict with intervals, save
load                   load a saved model
evaluate               score estimators on held-out places, beside the baselines
explain                what the predictions rest on
drop_product_scores    how the error grows without a product
=====================  ====================================================================

Everything else is private by omission. The command `airq` calls the same functions.
"""

import importlib

__version__ = "0.1.0"

#: Public name -> the module that defines it.
_HOMES = {
    "read_panel": "airq.io",
    "write_panel": "airq.io",
    "write_predictions": "airq.models.predictions",
    "write_raster": "airq.workflows.rasters",
    "write_zarr": "airq.workflows.rasters",
    "read_table": "airq.workflows.ingest",
    "join": "airq.workflows.join",
    "extract": "airq.workflows.extract",
    "EarthEngine": "airq.workflows.extract",
    "places": "airq.workflows.places",
    "sample": "airq.workflows.sample",
    "fetch": "airq.workflows.fetch",
    "OpenMeteo": "airq.workflows.fetch",
    "update": "airq.workflows.update",
    "simulate": "airq.sources.simulated",
    "HoldOut": "airq.validation.splitters",
    "PM25Regressor": "airq.regressor",
    "load": "airq.regressor",
    "evaluate": "airq.workflows.evaluate",
    "explain": "airq.workflows.explain",
    "drop_product_scores": "airq.workflows.explain",
}
__all__ = [
    "EarthEngine",
    "HoldOut",
    "OpenMeteo",
    "PM25Regressor",
    "__version__",
    "drop_product_scores",
    "evaluate",
    "explain",
    "extract",
    "fetch",
    "join",
    "load",
    "places",
    "read_panel",
    "read_table",
    "sample",
    "simulate",
    "update",
    "write_panel",
    "write_predictions",
    "write_raster",
    "write_zarr",
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'airq' has no attribute {name!r}")


def __dir__():
    return __all__

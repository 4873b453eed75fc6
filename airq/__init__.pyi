"""Public names of airq, for type checkers and editors."""

from airq.io import read_panel as read_panel
from airq.io import write_panel as write_panel
from airq.models.predictions import write_predictions as write_predictions
from airq.regressor import PM25Regressor as PM25Regressor
from airq.regressor import load as load
from airq.sources.simulated import simulate as simulate
from airq.validation.splitters import HoldOut as HoldOut
from airq.workflows.evaluate import evaluate as evaluate
from airq.workflows.explain import drop_product_scores as drop_product_scores
from airq.workflows.explain import explain as explain
from airq.workflows.extract import EarthEngine as EarthEngine
from airq.workflows.extract import extract as extract
from airq.workflows.fetch import OpenMeteo as OpenMeteo
from airq.workflows.fetch import fetch as fetch
from airq.workflows.ingest import read_table as read_table
from airq.workflows.join import join as join
from airq.workflows.places import places as places
from airq.workflows.rasters import write_raster as write_raster
from airq.workflows.rasters import write_zarr as write_zarr
from airq.workflows.sample import sample as sample
from airq.workflows.update import update as update

__version__: str
__all__: list[str]

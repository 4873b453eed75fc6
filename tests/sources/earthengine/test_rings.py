"""Fires in rings, on the product's own cells, against sums over cells that are worked out apart."""

import numpy as np
import pytest
from brute_force import fires
from earthengine_server import EarthEngineServer, answers
from scripted_server import ANONYMOUS

from airq.sources.earthengine.catalogue import PRODUCTS
from airq.sources.earthengine.client import connect
from airq.sources.earthengine.extraction import Extraction
from airq.sources.earthengine.planning import SampleRequest
from airq.sources.earthengine.sampler import probe

RINGS = (50.0, 150.0, 300.0)
DAY = np.datetime64("2023-02-14")
START = answers.milliseconds(str(DAY))
#: Two of them far from the meridian of Greenwich, where the rows of cells lean.
PLACES = [(30.0, 0.0), (30.0, -20.0), (30.0, 35.0), (30.0, 55.0), (145.0, 35.0), (145.0, 55.0)]


@pytest.fixture(scope="module")
def engine():
    with (
        EarthEngineServer() as server,
        connect(url=server.url, project="p", credentials=ANONYMOUS) as engine,
    ):
        yield engine


def rings_of(engine, product, place):
    """Power [MW] and share seen of each ring around a place, each of shape (n_rings,)."""
    extraction = Extraction("mine", (product,), rings_km=RINGS)
    columns = {}
    for layer in extraction.layers:
        request = SampleRequest(layer, np.array([0]), np.array([DAY]))
        columns |= dict(zip(layer.columns, probe(engine, request, np.array([place])).ravel(), strict=True))
    rings = extraction.derived(columns)
    return np.array(
        [[rings[f"{name}_{radius:g}km"] for radius in RINGS] for name in ("fire_power", "fire_seen")]
    )


@pytest.mark.slow
def test_rings_are_the_sums_of_their_cells(engine):
    "Latitudes 0 to 55, rings to 50, 150 and 300 km of 20 to 2,000 fires: within 1 %, power and share."
    product = PRODUCTS["fires"]
    found = np.array([rings_of(engine, product, place) for place in PLACES])
    wanted = np.array([fires(place, [START], RINGS, product.asset) for place in PLACES])[:, :, 0]
    power, seen = (np.abs(found - wanted) / wanted).transpose(1, 0, 2)
    # On the cells themselves a sum is exact.
    assert power[:, :2].max() < 1e-9, power
    assert power.max() < 0.01, power
    assert seen.max() < 0.01, seen


def test_noaa_21_has_fires_of_its_own(engine):
    "The same bands of another satellite, exact on the cells of the ring to 50 km."
    product = PRODUCTS["fires-noaa21"]
    (power, seen), wanted = (
        rings_of(engine, product, PLACES[1]),
        fires(PLACES[1], [START], RINGS, product.asset),
    )
    assert power[0] == pytest.approx(wanted[0][0, 0])
    assert seen[0] == pytest.approx(wanted[1][0, 0], rel=0.01)

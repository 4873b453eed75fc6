"""Many requests to a simulated Earth Engine that fails in every way it knows: the same results."""

import concurrent.futures

import ee
import pytest
from earthengine_server import EarthEngineServer, Faults, Latency, Limits
from scripted_server import ANONYMOUS

from airq.sources.earthengine.budget import Budget, Patience
from airq.sources.earthengine.client import call_with_retries, connect
from airq.sources.earthengine.errors import Incomplete

EXPECTED = [{"k": number} for number in range(6)]
#: Waits of users, a hundredth as long.
PATIENCE = Patience(base=0.01, longest=0.6, silence=1.0)


def asked_many_times(server, requests, *, workers):
    """The results of equal requests, their rows in order, and the connection's counts."""
    budget = Budget(workers, patience=PATIENCE)
    with connect(url=server.url, project="p", credentials=ANONYMOUS, patience=PATIENCE) as engine:
        rows = [ee.Feature(ee.Geometry.Point([number, 0]), {"k": number}) for number in range(6)]
        collection = ee.FeatureCollection(rows)

        def call(_):
            settings = {"budget": budget, "read": whole}
            found = call_with_retries(lambda: engine.compute(collection, rows=6), engine, **settings)
            return sorted(found, key=lambda row: row["k"])

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(call, range(requests))), engine.stats.as_dict()


def whole(found):
    if len(found) < 6:
        raise Incomplete(f"{len(found)} of 6 features")
    return found


@pytest.mark.parametrize(
    "faults",
    [
        {"unavailable": 0.3},
        {"dropped": 0.1, "dropped_midway": 0.1},
        {"truncated": 0.1, "truncated_length": 0.1},
        {"invalid_json": 0.1, "html": 0.1},
        {"lacking": 0.2, "shuffled": 0.5},
        {"too_many": 0.1},
        {"unavailable": 0.1, "internal": 0.1, "dropped": 0.05, "truncated": 0.05, "lacking": 0.05},
    ],
    ids=lambda faults: " ".join(faults),
)
def test_faults_change_nothing(faults):
    "60 requests, 10 at once, faults in the opening, too: every result is the same six rows."
    with EarthEngineServer(faults=Faults(**faults, everywhere=True, seed=3)) as server:
        results, counts = asked_many_times(server, 60, workers=10)
    assert results == [EXPECTED] * 60
    assert counts["requests"] >= 60


def test_forty_workers_and_room_for_two():
    "After the first 60 answers fewer than one request in ten is refused, and never more than 2 run."
    limits, latency = Limits(concurrent=2), Latency(fixed=1.0, per_city_band=0, scale=0.02)
    with EarthEngineServer(limits=limits, latency=latency) as server:
        results, _ = asked_many_times(server, 200, workers=40)
        statuses = [request.status for request in server.stats.compute]
        assert server.stats.max_concurrent == 2
    assert results == [EXPECTED] * 200
    assert statuses.count(429) < 60
    assert statuses[60:].count(429) < len(statuses[60:]) / 10

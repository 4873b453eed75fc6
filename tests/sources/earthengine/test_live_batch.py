"""What tasks rest on, asserted of the service: ``AIRQ_BATCH=gs://BUCKET/PREFIX pytest -m live``."""

import os

import pandas as pd
import pytest

from airq.cities import bundled_cities
from airq.workflows.extract import EarthEngine, ExtractionRequest, run_extraction

pytestmark = pytest.mark.live


def test_tasks_bring_what_requests_bring_and_no_second_task_is_started(tmp_path):
    """Three cities and two days by tasks and at once; a second folder finds the files."""
    place = os.environ.get("AIRQ_BATCH")
    if place is None:
        pytest.skip("AIRQ_BATCH names no bucket and no folder of Drive.")
    cities = bundled_cities().nlargest(3, "population")
    asked = ExtractionRequest(cities, "2023-06-01", "2023-06-02", products=["no2", "fires", "elevation"])
    panels, reports = [], []
    for out, batch in (("once", None), ("tasks", place), ("found", place)):
        reports.append(run_extraction(asked, out=tmp_path / out, client=EarthEngine(), batch=batch))
        panels.append(pd.read_parquet(reports[-1].panel))
    pd.testing.assert_frame_equal(panels[0], panels[1])
    pd.testing.assert_frame_equal(panels[1], panels[2])
    assert reports[2].started == 0

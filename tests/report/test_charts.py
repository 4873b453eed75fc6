"""Pictures of intervals and probabilities."""

import numpy as np
import pandas as pd

from airq.models.intervals import Calibration
from airq.panel import PanelMetadata
from airq.report.charts import draw_uncertainty
from airq.validation.evaluation import Evaluation, score_calibration


def test_intervals_without_probabilities_are_drawn(tmp_path):
    "Three cities give a 50 % interval, but no probability: one picture, not two."
    table = pd.DataFrame({"group": list("abc"), "date": pd.Timestamp("2020-01-01"), "predicted": 10.0})
    table = table.assign(observed=10 + np.arange(1.0, 4), scale_low=1.0, scale_high=1.0)
    calibration = Calibration.from_held_out(table)
    names = {name: table["group"] for name in ("site_id", "city_id", "city")}
    table = table.drop(columns="group").assign(scheme="city", country="UGA", **names)
    coverage, exceedance, reliable = score_calibration(table, calibration, nominal=0.5, thresholds=[15.0])
    found = Evaluation(coverage=coverage, exceedance=exceedance, reliability=reliable)
    draw_uncertainty(found, PanelMetadata(pm25_origin="sensor"), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["coverage_city.png"]

"""Values of the sites near by."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pandas.testing as pdt
import pytest

from airq.features import neighbours
from airq.features.feature import Feature

NAN = float("nan")


def around(panel, kind, radius_km, days=1):
    """Values of a feature of the sites around."""
    return Feature(kind, "no2", days=days, radius_km=radius_km).compute(panel)


@pytest.fixture
def panel(make_panel):
    """Three sites half a degree (55 km) apart in a row from south to north, two days."""
    both = ["2020-01-01", "2020-01-02"]
    return make_panel({"a": both, "b": both, "c": both[:1]}, no2=[1.0, 2.0, 10.0, NAN, 100.0])


def test_mean_is_over_others_within_the_radius(panel):
    "Within 60 km: a sees b; b sees a and c, (1 + 100) / 2; c sees b."
    npt.assert_array_equal(around(panel, "near", 60), [10.0, NAN, 50.5, 2.0, 10.0])


def test_wider_radius_reaches_further(panel):
    "Within 120 km everybody sees everybody else: a has (10 + 100) / 2 on the first day."
    npt.assert_array_equal(around(panel, "near", 120), [55.0, NAN, 50.5, 2.0, 5.5])


def test_count_is_of_values(panel):
    "The missing value of b on the second day counts for nobody, nor does c's absent row."
    npt.assert_array_equal(around(panel, "near_count", 60), [1, 0, 2, 1, 1])


def test_area_includes_the_site_itself(panel):
    "Within 60 km: a has (1 + 10) / 2, b (1 + 10 + 100) / 3, c (10 + 100) / 2; then a and b both 2."
    npt.assert_array_equal(around(panel, "area", 60), [5.5, 2.0, 37.0, 2.0, 55.0])


def test_window_pools_values_and_days(panel):
    "Over two days within 60 km: b on the second has 1 and 2 of a, and 100 of c on the first."
    pooled = around(panel, "near", 60, days=2)
    assert pooled.name == "no2_near60km_mean2"
    npt.assert_array_equal(pooled, [10.0, 10.0, 50.5, (1 + 2 + 100) / 3, 10.0])


def test_centred_window_sees_days_after(panel):
    "b on the first day has 1 and 2 of a, and 100 of c."
    pooled = around(panel, "near_centred", 60, days=3)
    assert pooled.name == "no2_near60km_mean3c"
    npt.assert_allclose(pooled.iloc[2], (1 + 2 + 100) / 3)


def test_nobody_near_gives_nan(panel):
    "Within 10 km there is nobody: no mean, a count of 0."
    npt.assert_array_equal(around(panel, "near", 10), [NAN] * 5)
    npt.assert_array_equal(around(panel, "near_count", 10), [0] * 5)


@pytest.mark.parametrize("target", ["pm25", "aqi"])
@pytest.mark.parametrize("kind", ["near", "near_count", "area"])
def test_target_is_refused(kind, target):
    "Neighbours' PM2.5 would carry the held-out city's own measurements."
    with pytest.raises(ValueError, match="what is predicted"):
        Feature(kind, target, days=1, radius_km=60)


def test_any_row_order_and_small_blocks(monkeypatch):
    "The same values from rows in another order, and when two days at a time are held."
    rng = np.random.default_rng(0)
    sites = pd.DataFrame({"site_id": list("zyxw"), "latitude": [0, 0.3, 0.6, 5.0], "longitude": 30.0})
    panel = sites.merge(pd.DataFrame({"date": pd.date_range("2020-01-01", periods=9)}), how="cross")
    panel["no2"] = np.where(rng.random(len(panel)) < 0.3, NAN, rng.integers(0, 50, len(panel)))
    panel = panel.drop(index=[3, 4, 20])
    whole = around(panel, "near_centred", 50, days=3)
    shuffled = panel.sample(frac=1, random_state=1)
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", 8)
    pdt.assert_series_equal(around(shuffled, "near_centred", 50, days=3).sort_index(), whole)
    assert whole.notna().sum() > 20


def test_neighbours_leave_the_panel_alone(panel):
    "The panel is the same before and after."
    before = panel.copy(deep=True)
    around(panel, "near", 60, days=3)
    pdt.assert_frame_equal(panel, before)

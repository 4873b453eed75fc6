"""Residuals carried in space and time: limits that a reader can reason out."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.kriging import ResidualKriging


def places(sites, n_days, start="2020-01-01"):
    "Rows of every site on every day; sites are (name, latitude)."
    days = pd.date_range(start, periods=n_days)
    rows = [(name, day, latitude, 30.0) for name, latitude in sites for day in days]
    table = pd.DataFrame(rows, columns=["site_id", "date", "latitude", "longitude"])
    return table.astype({"site_id": "str"})


SITES = [(f"s{number}", number * 0.01) for number in range(10)]
N_DAYS = 60


@pytest.fixture(scope="module")
def shared_error():
    "Ten sites within 10 km whose residual is the same day by day, and the kriging fitted to it."
    table = places(SITES, N_DAYS)
    by_day = np.random.default_rng(0).normal(0, 5, N_DAYS)
    residual = np.tile(by_day, len(SITES))
    folds = np.repeat(np.arange(10) % 5, N_DAYS)
    return by_day, ResidualKriging().fit(residual, folds, table)


def test_a_shared_error_is_carried_to_a_new_place(shared_error):
    "A new site in the middle gets nearly the day's error of its neighbours."
    by_day, kriging = shared_error
    carried = kriging.predict(places([("new", 0.055)], N_DAYS))
    assert np.corrcoef(carried, by_day)[0, 1] > 0.95


def test_far_away_nothing_is_added(shared_error):
    "Forty degrees north of all monitors the correction vanishes."
    _, kriging = shared_error
    npt.assert_allclose(kriging.predict(places([("far", 40.0)], N_DAYS)), 0, atol=1e-6)


def test_on_days_without_monitors_nothing_is_added(shared_error):
    "A year later no monitor is known."
    _, kriging = shared_error
    npt.assert_array_equal(kriging.predict(places([("new", 0.05)], 5, start="2021-06-01")), 0)


def test_errors_that_are_not_shared_are_not_carried():
    "Independent errors at every site leave an amplitude near zero, so little is added."
    table = places(SITES, N_DAYS)
    residual = np.random.default_rng(1).normal(0, 5, len(table))
    kriging = ResidualKriging().fit(residual, np.repeat(np.arange(10) % 5, N_DAYS), table)
    assert np.abs(kriging.predict(places([("new", 0.05)], N_DAYS))).max() < 1


def test_one_spike_does_not_spread():
    "A single residual of 10,000 among residuals of 1 is cut before it reaches a neighbour."
    table = places(SITES, N_DAYS)
    residual = np.tile(np.where(np.arange(N_DAYS) % 2, 1.0, -1.0), len(SITES))
    residual[5] = 10_000
    kriging = ResidualKriging().fit(residual, np.repeat(np.arange(10) % 5, N_DAYS), table)
    assert np.abs(kriging.predict(places([("new", 0.05)], N_DAYS))).max() < 5
    # 2.5 standard deviations, of which 1.4826 times the median of 1 is a robust estimate.
    assert kriging.observations()["residual"].abs().max() == pytest.approx(2.5 * 1.4826)


def test_the_own_part_of_a_monitor_is_not_carried():
    """At the place of the only monitor, on its only day, a stranger gets shared / (shared + own + nugget).

    Of a residual of 10, with 0.7 shared, 0.3 of the site's own and a nugget of 1: 10 * 0.7 / 2.
    """
    table = places([("monitor", 0.0)], 1).assign(residual=10.0)
    parameters = {"range_km": 50.0, "nugget": 1.0, "shared": 0.7}
    kriging = ResidualKriging.from_observations(table, parameters=parameters, amplitude=1.0)
    npt.assert_allclose(kriging.predict(places([("stranger", 0.0)], 1)), 3.5)


def test_saved_residuals_give_the_same_corrections(shared_error):
    "The table of observations, the parameters and the amplitude are all that is needed."
    _, kriging = shared_error
    again = ResidualKriging.from_observations(
        kriging.observations(), parameters=kriging.parameters_, amplitude=kriging.amplitude_
    )
    new = places([("new", 0.031)], N_DAYS)
    npt.assert_allclose(again.predict(new), kriging.predict(new))

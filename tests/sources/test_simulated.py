"""The simulated atmosphere: labelled, repeatable, plausible, and hard for a city without a sensor."""

import lightgbm as lgb
import numpy as np
import pandas as pd
import pandas.testing as pdt
import pytest
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from airq.cities import bundled_cities
from airq.panel import COLUMNS, TARGET, at_ceiling, check_panel, feature_columns, panel_metadata
from airq.sources.simulated import sample_cities, simulate


@pytest.fixture(scope="module")
def panel():
    """The default panel: 120 cities, a year and a half."""
    return simulate()


@pytest.fixture(scope="module")
def cities():
    """Function that simulates 2019 in named cities."""

    def build(*names):
        table = bundled_cities(min_population=100_000)
        return simulate(table[table["city"].isin(names)], end="2019-12-31")

    return build


@pytest.fixture(scope="module")
def twins():
    """Forty cities of the same place and size in a year without a fire or dust season to speak of."""
    names = [f"twin {number}" for number in range(40)]
    table = pd.DataFrame({"city": names, "country": "ZAF", "latitude": -26.0, "longitude": 28.0})
    return simulate(table.assign(population=500_000.0), end="2019-12-31")


def month_mean(panel, city, column, months):
    rows = (panel["city"] == city) & panel["date"].dt.month.isin(months)
    assert rows.any()
    return panel.loc[rows, column].mean()


def within_city_month(panel, columns):
    """Values less their mean in the same city and month."""
    groups = [panel["site_id"], panel["date"].dt.to_period("M")]
    return panel[columns] - panel.groupby(groups)[columns].transform("mean")


def test_the_same_seed_gives_the_same_panel():
    "Twice the same call, twice the same table."
    once, again = (simulate(n_cities=5, end="2019-02-28", random_state=3) for _ in range(2))
    pdt.assert_frame_equal(once, again)


def test_another_seed_gives_another_weather():
    "With the cities given, no day of another seed has the same PM2.5."
    cities = sample_cities(3)
    one, other = (simulate(cities, end="2019-02-28", random_state=seed)[TARGET] for seed in (0, 1))
    assert not (one == other).any()


def test_more_cities_and_a_later_end_leave_rows_as_they_are():
    "The first 40 days of 4 cities are the same in a panel of 8 cities and 60 days, up to rounding."
    cities = sample_cities(8)
    small = simulate(cities[::2], start="2019-01-01", end="2019-02-09")
    large = simulate(cities, start="2019-01-01", end="2019-03-01")
    inside = large["site_id"].isin(small["site_id"]) & (large["date"] <= "2019-02-09")
    pdt.assert_frame_equal(large[inside].reset_index(drop=True), small, rtol=1e-4)


def test_a_smaller_sample_is_part_of_a_larger_one():
    "The 10 cities are among the 30."
    assert set(sample_cities(10)["city_id"]) <= set(sample_cities(30)["city_id"])


def test_the_label_says_simulated(panel):
    "The metadata say that nothing here was measured, and credit GeoNames."
    metadata = panel_metadata(panel)
    assert (metadata.pm25_origin, metadata.day_basis, metadata.statistic) == ("simulated", "utc", "mean")
    assert "SIMULATED" in metadata.sources[0]
    assert any("GeoNames (CC BY 4.0)" in source for source in metadata.sources)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_a_panel_of_the_vocabulary(seed):
    "check_panel accepts it, changes nothing, and knows every column."
    panel = simulate(n_cities=60, random_state=seed)
    pdt.assert_frame_equal(check_panel(panel, target="required"), panel)
    assert set(panel.columns) <= set(COLUMNS)
    assert len(panel) == 60 * 547  # days from 2019-01-01 to 2020-06-30


def test_small_and_remote_cities_stay_in_range():
    "A week at the height of dust and fires in 1,000 cities, islands among them, passes check_panel."
    panel = simulate(n_cities=1000, start="2020-01-10", end="2020-01-16")
    assert len(check_panel(panel, target="required")) == 7000


def test_pm25_is_plausible(panel):
    "Positive, below every sensor's ceiling, in most cities 10 to 80 on average, some days above 200."
    pm25 = panel[TARGET].dropna()
    assert pm25.min() > 0 and pm25.max() < 900
    assert not at_ceiling(pm25).any()
    mean = panel.groupby("city_id")[TARGET].mean()
    assert mean.between(10, 80).mean() > 0.9
    assert 0.0001 < (pm25 > 200).mean() < 0.02


def test_some_sensors_fail_on_some_days_and_inputs_stay(panel):
    "Some cities lose no day, some 5 to 20 %; rows without PM2.5 have their weather."
    lost = panel[TARGET].isna().groupby(panel["city_id"]).mean()
    assert (lost == 0).any() and lost.between(0.05, 0.2).any() and lost.max() < 0.2
    assert panel.loc[panel[TARGET].isna(), "temp_air"].notna().all()


def test_countries_can_be_held_out(panel):
    "At least ten countries have three cities or more."
    per_country = panel.drop_duplicates("city_id")["country"].value_counts()
    assert (per_country >= 3).sum() >= 10


def test_dust_comes_with_the_harmattan(cities):
    "Niamey: more PM2.5 and AOD in December to February than in July to September, which has the rain."
    panel = cities("Niamey")
    dry, wet = [12, 1, 2], [7, 8, 9]
    assert month_mean(panel, "Niamey", TARGET, dry) > 1.5 * month_mean(panel, "Niamey", TARGET, wet)
    assert month_mean(panel, "Niamey", "aod055", dry) > month_mean(panel, "Niamey", "aod055", wet)
    assert month_mean(panel, "Niamey", "precipitation", dry) == 0
    assert month_mean(panel, "Niamey", "precipitation", wet) > 1


def test_dust_thins_out_with_the_distance_from_the_bodele(cities):
    "In January N'Djamena has more dust than Niamey, Niamey more than Dakar, going by the prior."
    panel = cities("N'Djamena", "Niamey", "Dakar")
    assert (
        month_mean(panel, "N'Djamena", "cams_pm25", [1, 2])
        > month_mean(panel, "Niamey", "cams_pm25", [1, 2])
        > month_mean(panel, "Dakar", "cams_pm25", [1, 2])
    )


def test_fire_seasons_are_opposite_in_the_hemispheres(cities):
    "Tamale (9.4° N) burns in December to February, Lubumbashi (11.7° S) in July to September."
    panel = cities("Tamale", "Lubumbashi")
    turn, middle = [12, 1, 2], [7, 8, 9]
    for ring in ("fire_power_50km", "fire_power_150km", "fire_power_300km"):
        assert month_mean(panel, "Tamale", ring, turn) > 10 * month_mean(panel, "Tamale", ring, middle)
        north = month_mean(panel, "Lubumbashi", ring, turn)
        assert month_mean(panel, "Lubumbashi", ring, middle) > 10 * north


def test_seasons_of_temperature_are_opposite_in_the_hemispheres(cities):
    "Tunis is warmer in July than in January, Johannesburg colder."
    panel = cities("Tunis", "Johannesburg")
    assert month_mean(panel, "Tunis", "temp_air", [7]) > month_mean(panel, "Tunis", "temp_air", [1]) + 10
    january = month_mean(panel, "Johannesburg", "temp_air", [1])
    assert month_mean(panel, "Johannesburg", "temp_air", [7]) < january - 5


@pytest.mark.parametrize("column", ["no2", "co", "hcho", "so2", "aod047", "aod055"])
def test_satellites_miss_cloudy_days(panel, column):
    "Where the cloud fraction is known, a value is missing more often above 0.7 than below 0.3."
    missing = panel[column].isna()
    cloudy, clear = panel["cloud_fraction"] > 0.7, panel["cloud_fraction"] < 0.3
    assert missing[cloudy].mean() > missing[clear].mean() + 0.5


def test_gaps_are_as_common_as_in_african_tables(panel):
    "NO2 is missing in 30 to 50 % of the rows, cloud fraction in 35 to 50 %, ozone in a few."
    assert 0.3 < panel["no2"].isna().mean() < 0.5
    assert 0.35 < panel["cloud_fraction"].isna().mean() < 0.5
    assert panel["o3"].isna().mean() < 0.1


def test_retrieval_noise_makes_some_columns_negative(panel):
    "SO2 is mostly noise, NO2 is not; both go below zero at times."
    assert (panel["so2"] < 0).sum() / panel["so2"].notna().sum() > 0.3
    assert 0 < (panel["no2"] < 0).sum() / panel["no2"].notna().sum() < 0.05


def test_rain_washes_particles_out(panel):
    "In the same city and month, days with 10 mm or more have less PM2.5 than days without rain."
    excess = within_city_month(panel, [TARGET])[TARGET]
    rainy, dry = panel["precipitation"] >= 10, panel["precipitation"] == 0
    assert excess[rainy].mean() < excess[dry].mean() - 2


def test_a_deep_boundary_layer_dilutes(panel):
    "In the same city and month, PM2.5 is higher on the shallowest fifth of days than on the deepest."
    within = within_city_month(panel, ["boundary_layer_height", TARGET])
    fifth = pd.qcut(within["boundary_layer_height"], 5, labels=False)
    assert within[TARGET][fifth == 0].mean() > within[TARGET][fifth == 4].mean() + 2


def test_weather_is_coherent_in_space(cities):
    "Temperature anomalies of Lagos and Ibadan (120 km) go together, those of Lagos and Nairobi do not."
    panel = cities("Lagos", "Ibadan", "Nairobi")
    wide = panel.assign(temp_air=within_city_month(panel, ["temp_air"])["temp_air"])
    correlation = wide.pivot_table(index="date", columns="city", values="temp_air").corr()
    assert correlation.loc["Lagos", "Ibadan"] > 0.7
    assert abs(correlation.loc["Lagos", "Nairobi"]) < 0.3


def test_no_column_tells_what_is_a_citys_own(twins):
    "Cities alike in place and size differ in mean log PM2.5 by 0.25 or more, in the prior hardly."
    log = np.log(twins[[TARGET, "cams_pm25"]]).groupby(twins["city_id"]).mean()
    assert log[TARGET].std() > 0.25
    assert log["cams_pm25"].std() < 0.02


def test_a_citys_own_factor_drifts(twins):
    "Within a city the log ratio of PM2.5 to the twins' mean moves from quarter to quarter."
    log = np.log(twins.pivot_table(index="date", columns="city_id", values=TARGET))
    own = log.sub(log.mean(axis=1), axis=0)
    quarters = own.groupby(own.index.quarter).mean()
    # Day noise of 0.18 alone would leave 0.18 / sqrt(91) = 0.02.
    assert quarters.sub(quarters.mean()).std().mean() > 0.06


def test_a_city_of_unknown_size_is_simulated_and_stays_unknown():
    "Population stays missing, PM2.5 does not."
    table = pd.DataFrame({"city": ["A"], "country": ["KEN"], "latitude": [-1.0], "longitude": [37.0]})
    panel = simulate(table, end="2019-03-31")
    assert panel["population"].isna().all()
    assert panel[TARGET].notna().any()


@pytest.mark.slow
def test_a_held_out_city_is_harder_than_a_held_out_row():
    "With the same model and rows, RMSE by city is at least 1.3 times RMSE by random rows."
    panel = simulate(n_cities=60, end="2019-12-31").dropna(subset=[TARGET])
    X, y = panel[feature_columns(panel)], panel[TARGET]
    model = lgb.LGBMRegressor(n_estimators=60, num_leaves=15, random_state=0, n_jobs=1, verbose=-1)
    rows = KFold(3, shuffle=True, random_state=0)
    by_row = cross_val_predict(model, X, y, cv=rows)
    by_city = cross_val_predict(model, X, y, cv=GroupKFold(3), groups=panel["city_id"])
    rmse = [np.sqrt(np.mean((predicted - y) ** 2)) for predicted in (by_row, by_city)]
    assert rmse[1] > 1.3 * rmse[0]
    assert rmse[1] < y.std()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"start": "2020-01-02", "end": "2020-01-01"}, "end 2020-01-01 lies before the start 2020-01-02"),
        ({"n_cities": 0}, "n_cities is 0"),
        ({"n_cities": 5000}, "n_cities is 5000"),
        ({"random_state": -1}, "at least 0, got -1"),
    ],
)
def test_impossible_requests_are_refused(options, problem):
    "The message names the value that is wrong."
    with pytest.raises(ValueError, match=problem):
        simulate(**options)

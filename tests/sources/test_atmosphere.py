"""The pieces of the simulated atmosphere, one by one: random fields, weather, dust, fires, smoke."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.sources.atmosphere import (
    autoregression,
    city_noise,
    dust,
    elevation,
    fire_power,
    pressure_at,
    rain,
    smooth_field,
    urban,
    ventilation,
    washout,
    wetness,
)


@pytest.fixture
def calm():
    """A dry day and place: 20 °C, 2.5 m/s, 600 m of boundary layer."""
    return {
        "temp_air": np.array([[20.0]]),
        "speed": np.array([[2.5]]),
        "boundary_layer_height": np.array([[600.0]]),
    }


def test_the_equator_has_two_rainy_seasons():
    "At 1° N the belt passes in spring and in autumn, and is away in February and August."
    spring, summer, autumn, winter = wetness(1.0, np.array([129, 220, 311, 37]))
    assert min(spring, autumn) > max(summer, winter)


def test_winter_rain_of_the_mediterranean_and_the_cape():
    "Algiers is wetter in January than in July; Cape Town the other way round."
    assert wetness(36.8, 15) > 0.3 > wetness(36.8, 196)
    assert wetness(-34.0, 196) > 0.3 > wetness(-34.0, 15)


def test_rain_falls_on_the_share_of_days_that_it_says():
    "In the middle of the belt 60 % of days have rain, of 11 mm in the mean."
    millimetres = rain(1.0, np.random.default_rng(0).standard_normal(100_000))
    npt.assert_allclose((millimetres > 0).mean(), 0.6, atol=0.01)
    npt.assert_allclose(millimetres[millimetres > 0].mean(), 11, atol=0.2)


def test_air_is_thinner_in_addis_ababa_than_in_djibouti():
    "Addis Ababa (2,355 m in truth) lies above 2,000 m, Lagos below 100 m; pressure follows."
    places = pd.DataFrame({"latitude": [9.02, 6.45], "longitude": [38.75, 3.39]})
    addis, lagos = elevation(places)
    assert addis > 2000 and lagos < 100
    assert pressure_at(addis) < 800 < 1000 < pressure_at(lagos)


def test_twice_the_boundary_layer_ventilates_twice(calm):
    "Ventilation is proportional to depth."
    deep = {**calm, "boundary_layer_height": np.array([[1200.0]])}
    npt.assert_allclose(ventilation(deep), 2 * ventilation(calm))


def test_urban_smoke_grows_with_people_and_cold_and_falls_with_wind(calm):
    "Thirty-two times the people make twice the smoke; frost adds, wind takes away."
    small, large = urban(np.array([1e5]), calm), urban(np.array([3.2e6]), calm)
    npt.assert_allclose(large, 2 * small, rtol=1e-6)
    assert urban(np.array([1e5]), {**calm, "temp_air": np.array([[0.0]])}) > 1.5 * small
    assert urban(np.array([1e5]), {**calm, "speed": np.array([[6.0]])}) < small


def test_the_first_day_has_no_yesterday():
    "Rain of the first city's last day does not wash the second city's first."
    left = washout(np.array([[0.0, 20.0], [0.0, 0.0]]))
    npt.assert_allclose(left[1], [1, 1])


def test_dust_needs_the_season_the_wind_and_no_rain():
    "Kano in January: more than in August, more in northerly wind, none in the rain belt."
    kano = pd.DataFrame({"latitude": [12.0], "longitude": [8.52]})
    january, august = pd.DatetimeIndex(["2020-01-25"]), pd.DatetimeIndex(["2020-08-25"])

    def amount(day, wind_v=-3.0, wet=0.0):
        return dust(kano, day, {"wind_v": np.array([[wind_v]]), "wetness": np.array([[wet]])}, seed=0)[0, 0]

    assert amount(january) > 5 * amount(august)
    assert amount(january) > amount(january, wind_v=3.0)
    assert amount(january, wet=1.0) == 0


def test_clouds_hide_fires():
    "Under full cloud 30 % of the power is seen; a tenth of a usual day in a small ring is not."
    still = dict.fromkeys(["fire_power_50km", "fire_power_150km", "fire_power_300km"], 0.0)
    clear = fire_power(np.array(1.0), np.array(0.0), still)
    cloudy = fire_power(np.array(1.0), np.array(1.0), still)
    for ring, power in clear.items():
        npt.assert_allclose(cloudy[ring], 0.3 * power, rtol=1e-6)
    assert fire_power(np.array(0.001), np.array(0.0), still)["fire_power_50km"] == 0


@pytest.fixture
def line():
    """Places on the equator, 0, 111 and 3,330 km east of the first."""
    return pd.DataFrame({"city_id": ["a", "b", "c"], "latitude": 0.0, "longitude": [20.0, 21.0, 50.0]})


def test_a_field_has_unit_variance_and_fades_with_distance(line):
    "At length 111 km the correlation is exp(-1/2) = 0.61 one length away, and 0 far away."
    days = smooth_field("x", line, 3000, seed=0, length_km=111, memory_days=0.01)
    npt.assert_allclose(days.std(axis=1), 1, atol=0.05)
    correlation = np.corrcoef(days)
    npt.assert_allclose(correlation[0, 1], np.exp(-0.5), atol=0.15)
    npt.assert_allclose(correlation[0, 2], 0, atol=0.25)


def test_fields_of_other_names_are_independent(line):
    "Two names, one seed: no correlation in time."
    one, other = (smooth_field(name, line, 3000, seed=0, length_km=111, memory_days=0.01)[0] for name in "xy")
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.07


def test_autoregression_remembers_and_keeps_its_variance():
    "Memory of 10 days: correlation exp(-1/10) from day to day, variance 1 on the first day and the last."
    series = autoregression(np.random.default_rng(0).standard_normal((4000, 30)), memory_days=10)
    npt.assert_allclose(series[:, [0, 29]].std(axis=0), 1, atol=0.05)
    npt.assert_allclose(np.corrcoef(series[:, 28], series[:, 29])[0, 1], np.exp(-0.1), atol=0.02)


def test_a_citys_noise_is_its_own(line):
    "City b has the same noise alone as among others; a and b differ."
    among = city_noise(line, 5, ["x", "y"], seed=0)
    alone = city_noise(line[1:2], 5, ["x", "y"], seed=0)
    npt.assert_array_equal(among["y"][1], alone["y"][0])
    assert not (among["x"][0] == among["x"][1]).any()

"""AQI tables and WHO levels against the published breakpoints."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airq.units import aqi, aqi_class, aqi_points, convert, pm25_from_aqi, unit_name, who_class


@pytest.mark.parametrize(
    ("table", "pm25", "expected"),
    [
        ("aqi-us-2012", [0, 12.0, 12.1, 35.4, 35.5, 55.4, 55.5], [0, 50, 51, 100, 101, 150, 151]),
        (
            "aqi-us-2012",
            [150.4, 150.5, 250.4, 250.5, 350.4, 350.5, 500.4],
            [200, 201, 300, 301, 400, 401, 500],
        ),
        ("aqi-us-2024", [0, 9.0, 9.1, 35.4, 35.5, 55.4, 55.5], [0, 50, 51, 100, 101, 150, 151]),
        ("aqi-us-2024", [125.4, 125.5, 225.4, 225.5, 325.4], [200, 201, 300, 301, 500]),
    ],
)
def test_breakpoints_are_the_published_ones(table, pm25, expected):
    "Both ends of every band give the index that the EPA's table prints."
    npt.assert_array_equal(aqi(pm25, table), expected)
    npt.assert_array_equal(aqi(np.array(pm25, dtype="float32"), table), expected)


def test_concentrations_between_bands_are_truncated():
    "12.09 counts as 12.0 (index 50, Good), not as 12.1."
    assert aqi(12.09, "aqi-us-2012") == 50
    assert aqi_class([12.09], "aqi-us-2012")[0] == 0


def test_beyond_the_2012_table_its_last_line_goes_on():
    "Band 401-500 spans 149.9 µg/m³ for 99 points; 650.3 is one such span above 500.4, so 599."
    npt.assert_allclose(aqi_points(650.3, "aqi-us-2012"), 599)
    assert aqi_class([650.3], "aqi-us-2012")[0] == 5


def test_beyond_the_2024_table_its_last_line_goes_on():
    "Band 301-500 spans 99.9 µg/m³ for 199 points; 425.3 is one such span above 325.4, so 699."
    npt.assert_allclose(aqi_points(425.3, "aqi-us-2024"), 699)


@given(st.floats(0, 900), st.sampled_from(["aqi-us-2012", "aqi-us-2024"]))
def test_inverting_an_index_gives_the_concentration_back(pm25, table):
    "PM2.5 -> continuous index -> PM2.5 is the identity, in the gaps and beyond the table, too."
    npt.assert_allclose(pm25_from_aqi(aqi_points(pm25, table), table), pm25, atol=1e-9)


@given(st.integers(0, 700))
def test_a_published_2012_index_survives_inversion(index):
    "Whole index -> PM2.5 -> reported index gives the same number under the 2012 table."
    assert aqi(pm25_from_aqi(index, "aqi-us-2012"), "aqi-us-2012") == index


def test_the_two_tables_disagree():
    "10 µg/m³ is Good by the 2012 table (up to 12.0) and Moderate by that of 2024 (up to 9.0)."
    assert aqi_class([10.0], "aqi-us-2012")[0] == 0
    assert aqi_class([10.0], "aqi-us-2024")[0] == 1


def test_missing_stays_missing():
    "NaN has no index, no class, no WHO class."
    assert np.isnan(aqi(np.nan, "aqi-us-2024"))
    assert aqi_class([np.nan], "aqi-us-2024")[0] == -1
    assert who_class([np.nan])[0] is None


@pytest.mark.parametrize("convert_one", [aqi, aqi_class, pm25_from_aqi])
def test_negative_values_are_refused(convert_one):
    "Neither a concentration nor an index is below zero."
    with pytest.raises(ValueError, match="cannot be negative"):
        convert_one([3.0, -0.1], "aqi-us-2012")


def test_who_levels_include_their_end():
    "15.0 meets the daily guideline, 15.1 does not; 5.0 meets the annual one."
    assert who_class([15.0, 15.1]).tolist() == ["guideline met", "interim target 4"]
    assert who_class([5.0, 35.1], "year").tolist() == ["guideline met", "above interim target 1"]


def test_who_has_no_monthly_level():
    "A month is refused rather than judged by the daily levels."
    with pytest.raises(ValueError, match="not for 'month'"):
        who_class([10.0], "month")


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (1e-9, "kg/m3", "µg/m³", 1.0),
        (300.15, "K", "°C", 27.0),
        (36.0, "km/h", "m/s", 10.0),
        (0.5, "1", "%", 50.0),
    ],
)
def test_conversions(value, unit, to, expected):
    "A known quantity comes out as in a textbook, and back again."
    npt.assert_allclose(convert(value, unit, to), expected)
    npt.assert_allclose(convert(convert(value, unit, to), to, unit), value)


def test_an_unknown_unit_names_the_near_one():
    "A misspelt unit is refused with a hint, never guessed."
    with pytest.raises(ValueError, match="did you mean 'µg/m³'"):
        unit_name("µg/m")


def test_units_of_different_kinds_do_not_mix():
    "A temperature does not become a concentration."
    with pytest.raises(ValueError, match="No conversion"):
        convert(1.0, "K", "µg/m³")

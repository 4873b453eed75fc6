"""AQI tables and WHO levels against the published breakpoints."""

import re

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


#: Spelling -> value, unit of a panel, the value in it, by hand.
PRINTED = {
    **dict.fromkeys(
        ["UG/M3", "ug.m-3", "µg/m^3", "µgm⁻³", "μg m-3", "μg m**-3", "ug/m3"], (12, "µg m⁻³", 12)
    ),
    **dict.fromkeys(
        ["µg·m⁻³", "ug*m^-3", "ug m^{-3}", "[µg/m³]", "㎍/㎥", "ugm3", "Ug/m3"], (12, "µg m⁻³", 12)
    ),
    **dict.fromkeys(["Micrograms/cubic meter (LC)", "micrograms per cubic meter"], (12, "µg m⁻³", 12)),
    **dict.fromkeys(["Micrograms/cubic meter (25 C)", "µg per cubic metre"], (12, "µg m⁻³", 12)),
    **dict.fromkeys(["UG/CU METER", "Micrograms per metre cubed of air", "mcg/m3"], (12, "µg m⁻³", 12)),
    **dict.fromkeys(["Âµg/mÂ³", "&micro;g/m&sup3;", "ug/m<sup>3</sup>"], (12, "µg m⁻³", 12)),
    **dict.fromkeys(["mg/m3", "mg m**-3", "milligrams per cubic meter"], (0.5, "µg m⁻³", 500)),
    **dict.fromkeys(["kg m**-3", "kg/m^3", "KG/M3", "kgm-3"], (2e-8, "µg m⁻³", 20)),
    **dict.fromkeys(["ng/m3", "ng m-3"], (3000, "µg m⁻³", 3)),
    **dict.fromkeys(["µmol/m²", "umol m-2", "umol/m^2", "micromoles per square meter"], (7, "mol m⁻²", 7e-6)),
    **dict.fromkeys(["mmol m-2", "mmol/m2"], (7, "mol m⁻²", 7e-3)),
    **dict.fromkeys(["molec/cm²", "molecules/cm2", "molec cm-2"], (6.02214076e15, "mol m⁻²", 1e-4)),
    **dict.fromkeys(
        ["1e15 molec/cm2", "10^15 molec cm^-2", "10¹⁵ molecules cm⁻²"], (6.02214076, "mol m⁻²", 1e-4)
    ),
    **dict.fromkeys(["DU", "dobson", "Dobson units"], (300, "mol m⁻²", 0.133845)),
    **dict.fromkeys(["m s**-1", "m/s", "M/S", "meters per second"], (3, "m s⁻¹", 3)),
    **dict.fromkeys(["km/h", "kph", "KM/H", "km h**-1", "kilometres per hour"], (36, "m s⁻¹", 10)),
    **dict.fromkeys(["mph", "MPH", "miles per hour", "mi/h"], (10, "m s⁻¹", 4.4704)),
    **dict.fromkeys(["knots", "kt", "Knots", "kts"], (9, "m s⁻¹", 4.63)),
    **dict.fromkeys(["°F", "deg F", "degF", "Fahrenheit", "degrees Fahrenheit", "F", "℉"], (50, "°C", 10)),
    **dict.fromkeys(
        ["°C", "deg C", "deg_C", "Celsius", "degrees Celsius", "C", "℃", "ºC", "Degrees Centigrade"],
        (10, "°C", 10),
    ),
    **dict.fromkeys(["K", "kelvin", "Kelvin"], (283.15, "°C", 10)),
    **dict.fromkeys(
        ["inHg", "in Hg", "inches of mercury", "IN HG", "Inches (Mercury)"], (10, "hPa", 338.6389)
    ),
    **dict.fromkeys(["mmHg", "mm Hg"], (700, "hPa", 933.2568)),
    **dict.fromkeys(["kPa", "KPA", "kilopascals"], (90, "hPa", 900)),
    **dict.fromkeys(["Pa", "pascal"], (90_000, "hPa", 900)),
    **dict.fromkeys(["hPa", "HPA", "mbar", "mb", "millibars", "MBAR"], (900, "hPa", 900)),
    **dict.fromkeys(["atm", "atmospheres"], (1, "hPa", 1013.25)),
    **dict.fromkeys(["in", "inch", "inches", "Inches (rainfall)"], (2, "mm", 50.8)),
    **dict.fromkeys(["m", "meters"], (0.02, "mm", 20)),
    **dict.fromkeys(["cm", "centimetres"], (2, "mm", 20)),
    **dict.fromkeys(["ft", "feet", "FT"], (1000, "m", 304.8)),
    **dict.fromkeys(["%", "percent", "Percent", "pct", "Percent relative humidity", "% RH"], (50, "1", 0.5)),
    **dict.fromkeys(["MW", "megawatts"], (3, "MW", 3)),
}


@pytest.mark.parametrize("spelling", PRINTED)
def test_units_as_archives_print_them(spelling):
    "The value in the panel's unit shows that the right factor was read from the spelling."
    value, unit, expected = PRINTED[spelling]
    npt.assert_allclose(convert(value, spelling, unit), expected, rtol=1e-12)
    npt.assert_allclose(convert(expected, unit, spelling), value, rtol=1e-12)


@pytest.mark.parametrize(
    "spelling",
    [
        "ppb",
        "ppm",
        "M",
        "MG/M3",
        "kg m-2",
        "mol m-3",
        "J/kg K",
        "m/s2",
        "nan",
        "g/kg",
        "kg kg**-1",
        "0 m",
        "10 °C",
    ],
)
def test_what_is_unknown_or_could_mean_two_things_is_refused(spelling):
    "No conversion exists, or capitals leave it open: MG is milligram or megagram."
    with pytest.raises(ValueError, match=r"Unknown unit '.*'\. Known units: µg m⁻³, "):
        unit_name(spelling)


@pytest.mark.parametrize("spelling", ["km999999999", "1e999999999 m", "m-999999999"])
def test_an_absurd_power_is_refused_at_once(spelling):
    "1000 to the power of 999,999,999 would fill the memory."
    with pytest.raises(ValueError, match="Unknown unit"):
        unit_name(spelling)


def test_capitals_tell_prefixes_apart():
    "Milligrams and megagrams, milliwatts and megawatts."
    assert [unit_name(text) for text in ("mg/m3", "Mg/m3", "mW", "MW")] == ["mg m⁻³", "Mg m⁻³", "mW", "MW"]


@pytest.mark.parametrize(
    ("slip", "hint"),
    [
        ("µg/m", "µg m⁻³"),
        ("ug/m-3", "µg m⁻³"),
        ("micograms/m3", "µg m⁻³"),
        ("miligrams/m3", "mg m⁻³"),
        ("farenheit", "°F"),
    ],
)
def test_an_unknown_unit_names_the_near_one(slip, hint):
    "A misspelt unit is refused with a hint, never guessed."
    with pytest.raises(ValueError, match=f"did you mean '{hint}'"):
        unit_name(slip)


@given(st.sampled_from(list(PRINTED)), st.data())
def test_a_hint_is_never_another_factor_or_quantity(spelling, data):
    "One letter lost, doubled or exchanged: where a hint is given, it is the unit that was meant."
    place = data.draw(st.integers(0, len(spelling) - 1))
    letter = data.draw(st.sampled_from(["", spelling[place] * 2, *"kmcµnu2-/ "]))
    text = spelling[:place] + letter + spelling[place + 1 :]
    try:
        unit_name(text)
    except ValueError as error:
        if hint := re.search("did you mean '(.*)'", str(error)):
            npt.assert_allclose(convert([0, 1], hint[1], spelling), [0, 1], atol=1e-12)


def test_units_of_different_kinds_do_not_mix():
    "A temperature does not become a concentration."
    with pytest.raises(ValueError, match="No conversion"):
        convert(1.0, "K", "µg/m³")

"""A mapping file is checked before any table is read."""

import pytest

from airq.sources.mapping import ColumnSource, read_mapping

MAPPING = """
keep = "*"
several = "mean"
[panel]
pm25_origin = "sensor"
day_basis = "local"
statistic = "mean"
[columns]
site_id = "station"
date = "day"
latitude = "lat"
longitude = "lon"
city = "town"
country = "nation"
pm25 = { from = "pm2_5", unit = "µg/m³" }
temp_air = { from = "t2m", unit = "K" }
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "m.toml"
        path.write_text(text)
        return read_mapping(path)

    return read_text


def test_a_mapping_says_where_columns_come_from(read):
    "By name, with a unit, as parts, or as a constant; what is left out has its default."
    text = MAPPING.replace('date = "day"', 'date = { from = ["y", "m", "d"] }')
    found = read(text.replace('country = "nation"', 'country = { value = "KEN" }'))
    assert found.columns["latitude"] == ColumnSource(("lat",))
    assert found.columns["date"] == ColumnSource(("y", "m", "d"))
    assert found.columns["country"] == ColumnSource(value="KEN")
    assert found.columns["pm25"] == ColumnSource(("pm2_5",), "µg m⁻³")
    assert (found.keep, found.several) == ("*", "mean")


def test_a_panels_own_unit_is_known(read):
    "Degrees and people are units of a panel, though nothing converts to them."
    text = MAPPING.replace('latitude = "lat"', 'latitude = { from = "lat", unit = "°" }')
    assert read(text).columns["latitude"] == ColumnSource(("lat",), "°")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("several", "sevral", "unknown key 'sevral'.*Did you mean several"),
        ("day_basis", "daybasis", "unknown key 'daybasis'.*Did you mean day_basis"),
        ('"local"', '"lokal"', "day_basis is 'lokal'.*utc, local"),
        ('"mean"\n[panel]', '"average"\n[panel]', "several is 'average'"),
        ("latitude =", "latitud =", "'latitud', which is no column.*Did you mean latitude"),
        ('latitude = "lat"\n', "", "does not say where 'latitude' comes from"),
        (', unit = "µg/m³"', "", "pm25 needs its unit"),
        ('{ from = "pm2_5", unit = "µg/m³" }', '"pm2_5"', "pm25 needs its unit"),
        ("µg/m³", "µg/m4", "pm25: Unknown unit 'µg/m4'"),
        ("µg/m³", "ppm", "pm25: Unknown unit 'ppm'"),
        ("µg/m³", "K", "pm25: No conversion"),
        ('unit = "K"', 'unit = "µg/m³"', "temp_air: No conversion"),
        ("unit =", "unitt =", "unknown key 'unitt'.*Did you mean unit"),
        ('keep = "*"', "keep = 3", "keep must be"),
        ("[columns]", "[columns", "is not TOML"),
        ("[columns]", "[column]", "unknown key 'column'.*Did you mean columns"),
        ("[panel]", "[panel.x]", "unknown key 'x'"),
        ('"day"', "{ from = [1, 2, 3] }", "date: `from` names a column as text, not 1"),
        ('"day"', '["y", 2, "d"]', "date: `from` names a column as text, not 2"),
        ('"day"', '{ from = ["y", "m"] }', "date comes from one column, or from three"),
        ('"day"', "{ value = 2020-01-01 }", "date comes from a column"),
        ('"lat"', "{ from = 3 }", "latitude: `from` names a column as text, not 3"),
        ('"lat"', "{ from = [] }", "latitude comes from one column"),
        ('"lat"', '["lat", "lon"]', "latitude comes from one column"),
        ('"lat"', '{ value = "north" }', "latitude: `value` must be a number, not 'north'"),
        ('"lat"', "{ value = true }", "latitude: `value` must be a number, not True"),
        ('"nation"', '{ value = ["a"] }', r"country: `value` must be text, not \['a'\]"),
        ('"nation"', "{ value = 3 }", "country: `value` must be text, not 3"),
        ('unit = "K"', 'unit = ["K"]', r"temp_air: `unit` must be text, not \['K'\]"),
        ('keep = "*"', 'keep = ["road", 3]', "keep must be"),
        ('"mean"\n[panel]', '["mean"]\n[panel]', r"several is \['mean'\]"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused(tmp_path, old, new, words):
    "One line that names the file, what is wrong, and what it may have meant."
    assert old in MAPPING
    path = tmp_path / "m.toml"
    path.write_text(MAPPING.replace(old, new, 1))
    with pytest.raises(ValueError, match=f"m.toml.*{words}") as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)

"""A suggested mapping says what a table tells, and asks for the rest."""

import tomllib

import numpy as np
import pandas as pd
import pytest

from airq.sources.mapping import read_mapping
from airq.sources.suggest import suggest_mapping
from airq.workflows.ingest import read_table

HOURS = pd.date_range("2021-03-20", periods=48, freq="h")
TEN_AND_THIRTY = np.repeat([10, 30], 24)
PLACE = {"lat": 0.3, "lon": 32.6}
CITIES = pd.DataFrame({"city": ["Lakeside"], "country": ["Uganda"], "latitude": [0.3], "longitude": [32.6]})


@pytest.fixture
def suggest(tmp_path):
    def write(frame, **options):
        path = tmp_path / "readings.csv"
        frame.to_csv(path, index=False, **options)
        return path, suggest_mapping(path)

    return write


def long_table():
    "Two pollutants, flags, units in a column, times with a zone."
    fine = pd.DataFrame({"station_id": "k1", **PLACE, "timestamp": HOURS.strftime("%Y-%m-%dT%H:%M:%S+03:00")})
    fine = fine.assign(parameter="pm25", value=TEN_AND_THIRTY, unit="µg/m³", flag="valid")
    gas = fine.assign(parameter="no2", value=7, unit="ppb")
    return pd.concat([fine, gas, fine.assign(value=500, flag="invalid")])


def european_table():
    "A city, days first, units in brackets."
    times = HOURS.strftime("%d/%m/%Y %H:%M")
    return pd.DataFrame(
        {"Town": "Lakeside", "Date": times, "PM2.5 (µg/m³)": TEN_AND_THIRTY + 0.5, "Temp [°F]": 50.5}
    )


def table_in_parts():
    "Year, month, day and hour in columns."
    parts = {"year": HOURS.year, "month": HOURS.month, "day": HOURS.day, "hour": HOURS.hour}
    return pd.DataFrame({"Station": "k1", **PLACE, **parts, "PM2.5_ugm3": TEN_AND_THIRTY})


def daily_table():
    "A day a row, -999 for none, milligrams."
    days = ["2021-03-20", "2021-03-21", "2021-03-22"]
    return pd.DataFrame(
        {"site": "k1", **PLACE, "Date": days, "pm2.5 [mg/m3]": [0.01, 0.03, -999], "RH (%)": 60}
    )


def table_of_day_and_hour():
    "A day, days first, and an hour beside it."
    frame = pd.DataFrame({"sensor": "k1", **PLACE, "Date": HOURS.strftime("%d.%m.%Y"), "Hour": HOURS.hour})
    return frame.assign(**{"PM25 (ug/m^3)": TEN_AND_THIRTY})


def flagged_table():
    "A pollutant, a unit and a flag that are the same in all rows."
    days = pd.to_datetime(["2021-03-20", "2021-03-21"])
    frame = pd.DataFrame({"site_code": "k1", **PLACE, "Sample Date": days, "Raw Conc.": [10, 30]})
    return frame.assign(Pollutant="PM2.5", **{"Conc. Unit": "UG/M3", "QC Name": "Valid"})


TWO_DAYS = {"2021-03-20": 10.0, "2021-03-21": 30.0}


@pytest.mark.parametrize(
    ("table", "days", "options"),
    [
        (long_table, TWO_DAYS, {}),
        (european_table, {"2021-03-20": 10.5, "2021-03-21": 30.5}, {"cities": CITIES}),
        (table_in_parts, TWO_DAYS, {}),
        (daily_table, TWO_DAYS, {}),
        (table_of_day_and_hour, TWO_DAYS, {}),
        (flagged_table, TWO_DAYS, {}),
    ],
)
def test_what_is_suggested_can_be_ingested(suggest, table, days, options):
    "Each table has 10 µg/m³ on the first day of spring and 30 on the next."
    style = {"sep": ";", "decimal": ","} if table is european_table else {}
    path, text = suggest(table(), **style)
    panel, _ = read_table(path, mapping=tomllib.loads(text), **options)
    panel = panel.dropna(subset="pm25")
    assert dict(zip(panel["date"].dt.strftime("%Y-%m-%d"), panel["pm25"].round(3), strict=True)) == days


def test_rows_and_units_are_chosen(suggest):
    "The pollutant, the flag and the unit of a long table; what the zone tells of the days."
    content = tomllib.loads(suggest(long_table())[1])
    assert content["where"] == {"parameter": "pm25", "flag": "valid"}
    assert content["columns"]["pm25"] == {"from": "value", "unit": "µg/m³"}
    assert content["panel"] == {"day_basis": "local", "interval": "hour"}


def test_units_in_brackets_come_with_their_column(suggest):
    "Degrees Fahrenheit; commas and semicolons are said."
    text = suggest(european_table(), sep=";", decimal=",")[1]
    assert tomllib.loads(text)["columns"]["temp_air"] == {"from": "Temp [°F]", "unit": "°F"}
    assert "# readings.csv: cells are separated by semicolons." in text
    assert 'format = "%d/%m/%Y %H:%M"' in text


def test_what_stands_for_no_value_is_listed(suggest):
    "-999 among numbers."
    assert tomllib.loads(suggest(daily_table())[1])["missing"] == [-999]


def test_two_ways_to_read_a_date_are_asked(suggest):
    "01/02/2021 is the second of January or the first of February."
    frame = daily_table().iloc[:2].assign(Date=["01/02/2021", "02/02/2021"])
    assert "# or %m/%d/%Y: day or month first?" in suggest(frame)[1]


def test_a_unit_that_is_not_told_is_asked(suggest):
    "The line is a comment until somebody fills it in."
    text = suggest(daily_table().rename(columns={"pm2.5 [mg/m3]": "pm2.5"}))[1]
    assert '# pm25 = { from = "pm2.5", unit = "…" }   # in which unit?' in text
    assert "pm25" not in tomllib.loads(text)["columns"]


def test_what_every_panel_needs_is_asked(suggest):
    "The place, the position and the day, with the columns to choose from; such a mapping is refused."
    text = suggest(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))[1]
    assert '# site_id = "…"   # which column names the places? The table has: a, b' in text
    assert "# latitude, longitude: which columns? Or give --stations. The table has: a, b" in text
    assert '# date = "…"   # which column has the day or the time? The table has: a, b' in text
    with pytest.raises(ValueError, match="columns"):
        read_mapping(tomllib.loads(text))


def test_a_date_that_cannot_be_read_is_asked(suggest):
    "Days counted from 1900 are no dates."
    text = suggest(daily_table().assign(Date=[44275, 44276, 44277]))[1]
    assert "# date = \"Date\"   # how is '44275' written?" in text


def test_a_name_of_two_lines_stays_within_its_line(suggest):
    "The suggestion can be parsed."
    assert tomllib.loads(suggest(daily_table().assign(**{"two\nlines": 1}))[1])["keep"] == "*"


def test_codes_that_are_not_words_are_asked(suggest):
    "Which of 0 and 1 is good cannot be known."
    text = suggest(daily_table().assign(quality_flag=[0, 1, 1]))[1]
    assert "# quality_flag has 0, 1; which mark values to use?" in text


def test_a_known_format_is_named_first(suggest):
    "In the line below the title."
    frame = pd.DataFrame({"time_stamp": [1646092800], "sensor_index": 1, "pm2.5_atm": 9})
    text = suggest(frame)[1]
    assert text.splitlines()[1] == "# This looks like --format purpleair, which needs no mapping."


def test_other_readings_of_pm25_are_named(suggest):
    "Which of two is meant, the user knows."
    text = suggest(daily_table().assign(**{"pm2.5 raw [mg/m3]": 0.05}))[1]
    assert "# or from 'pm2.5 raw [mg/m3]'?" in text


def test_names_of_airport_weather(tmp_path):
    "As METAR archives call them; the units, which only the user knows, are asked for."
    path = tmp_path / "asos.csv"
    rows = [f"HKJK,2020-01-01 {hour:02}:00,-1.32,36.93,68,60,0.1,90,5" for hour in range(24)]
    path.write_text("\n".join(["station,valid,lat,lon,tmpf,dwpf,p01i,drct,sknt", *rows]) + "\n")
    text = suggest_mapping([path])
    assert 'date = "valid"' in text
    for name, column in [("temp_air", "tmpf"), ("temp_dew", "dwpf"), ("precipitation", "p01i")]:
        assert any(line.lstrip("# ").startswith(name) and column in line for line in text.splitlines())
    assert any("wind" in line and "drct" in line and "sknt" in line for line in text.splitlines())


HEADINGS = {
    "French": "Capteur;Latitude;Longitude;Date et heure;"
    "PM2,5 (µg/m³);Température (°C);Humidité (%);Pluie (mm)",
    "German": "Messstelle;Breite;Länge;Datum;"
    "PM₂,₅ [µg/m³];Lufttemperatur [°C];Luftfeuchte [%];Niederschlag [mm]",
    "Spanish": "Estación;Latitud;Longitud;Fecha;PM2.5 (µg/m3);Temperatura (°C);Humedad (%);Lluvia (mm)",
    "Portuguese": "Estação;Latitude;Longitude;Data e hora;"
    "PM2.5 (µg/m3);Temperatura (°C);Umidade (%);Chuva (mm)",
}


@pytest.mark.parametrize("language", HEADINGS)
def test_headings_of_other_languages_are_known(tmp_path, language):
    "Place, position, time, PM2.5 and weather, each by the column that stands there; it can be ingested."
    path, heads = tmp_path / "readings.csv", HEADINGS[language]
    rows = [f"k1;0,3;32,6;{time:%d/%m/%Y %H:%M};{20 + time.hour};21,5;60;0,1" for time in HOURS]
    path.write_text("\n".join([heads, *rows]), encoding="utf-8")
    content = tomllib.loads(suggest_mapping(path))
    columns = {
        name: own["from"] if isinstance(own, dict) else own for name, own in content["columns"].items()
    }
    names = (
        "site_id",
        "latitude",
        "longitude",
        "date",
        "pm25",
        "temp_air",
        "relative_humidity",
        "precipitation",
    )
    assert [columns[name] for name in names] == heads.split(";")
    panel, _ = read_table(path, mapping=content)
    # 20 to 43 in the 24 hours of a day.
    assert panel["pm25"].tolist() == [31.5, 31.5]


def test_a_date_in_parts_of_another_language(tmp_path):
    "Year, month, day and hour in French."
    path = tmp_path / "readings.csv"
    rows = [f"k1,0.3,32.6,{time.year},{time.month},{time.day},{time.hour},{time.hour}" for time in HOURS]
    path.write_text("\n".join(["poste,lat,lon,Année,Mois,Jour,Heure,PM2.5 (µg/m3)", *rows]), encoding="utf-8")
    content = tomllib.loads(suggest_mapping(path))
    assert content["columns"]["date"] == ["Année", "Mois", "Jour", "Heure"]


@pytest.mark.parametrize("order", [["Datum", "Zeit"], ["Zeit", "Datum"]])
def test_a_day_and_a_time_beside_it_in_german(tmp_path, order):
    "The day comes first in the mapping, whatever the order of the columns."
    path = tmp_path / "readings.csv"
    frame = pd.DataFrame({"Datum": HOURS.strftime("%d.%m.%Y"), "Zeit": HOURS.strftime("%H:%M")})[order]
    frame.assign(Messstelle="k1", **PLACE, **{"PM2.5 [µg/m³]": TEN_AND_THIRTY}).to_csv(path, index=False)
    content = tomllib.loads(suggest_mapping(path))
    assert content["columns"]["date"] == {"from": ["Datum", "Zeit"], "format": "%d.%m.%Y %H:%M"}
    panel, _ = read_table(path, mapping=content)
    assert panel["pm25"].tolist() == [10, 30]

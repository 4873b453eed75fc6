"""Files that go and come: predictions to download, and lists of cities that people upload.

A download (CSV, Parquet, GeoJSON) carries its units, what the model learned from, and the licence. A CSV has
them in columns of its own, so that every program reads it; Parquet in its metadata; GeoJSON in the member
`about`. An uploaded list is data and nothing else, read within limits.
"""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import airq
from airq import panel
from airq.io import open_panel_file
from airq.panel import ORIGINS, check_names
from airq.units import PM25_UNIT, WHO_LEVELS, unit_name, who_class
from app import style
from app.style import for_csv, for_markdown, shown

#: Columns that say which place and day a row is about.
IDENTITY = ("site_id", "city_id", "city", "country", "latitude", "longitude", "population", "date")
PLACE = IDENTITY[:-1]
#: Most rows of a file, which is made in memory; the whole table lies on the disk already.
MOST_ROWS = {"csv": 100_000, "parquet": 300_000, "geojson": 30_000}
MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "geojson": "application/geo+json"}
LICENCE = (
    "Code: MIT. City table (city_id that begins with gn): GeoNames, geonames.org, CC BY 4.0. "
    "Inputs: the licences of the sources named."
)
#: The same for a column of a table, where every letter counts.
BRIEF_LICENCE = "city table: GeoNames, CC BY 4.0; code: MIT; inputs: their own"
#: What a column holds, in words, with its unit where it has one.
MEANINGS = {
    "pm25": "Predicted PM2.5",
    "lower": "Lower end of the interval",
    "upper": "Upper end of the interval",
    "level": "Level of the interval",
    "inside_domain": "Inside what the model was trained on",
    "aqi": "Air-quality index",
    "who_class": "Class of the WHO guidelines",
    "days": "Number of days",
    "share_inside": "Share of days that the model knows the like of",
}
DEGREES = {"latitude": "°", "longitude": "°", "population": "people", "days": "1", "share_inside": "1"}
# A byte-order mark: without it a spreadsheet takes é for two letters.
CSV_ENCODING = "utf-8-sig"
LONG = 600


def selection(store, city_ids=None, start=None, end=None, columns=None):
    """Return the predictions of chosen cities, days (both ends included) and columns; all by default.

    `columns` are some of :func:`columns_of`; place and day always stand in front. `inside_domain` is true
    where no site of the city lies outside; `level` and `aqi_table` tell what `lower, upper` and `aqi` are.
    """
    columns = columns_of(store) if columns is None else columns
    rows = store.rows(city_ids, start, end)
    if "inside_domain" in rows:
        rows["inside_domain"] = (
            (rows["inside_domain"] >= 1).astype("boolean").mask(rows["inside_domain"].isna())
        )
    if "who_class" in columns:
        rows["who_class"] = pd.Series(who_class(rows["pm25"], store.period), index=rows.index, dtype="str")
    if {"lower", "upper"} & set(columns) and store.level is not None:
        rows["level"] = store.level
        columns = [*columns, "level"]
    if "aqi" in columns:
        rows["aqi_table"] = index_of(store)
        columns = [*columns, "aqi_table"]
    return rows[[name for name in (*IDENTITY, *columns) if name in rows.columns]]


def means(store, city_ids=None, start=None, end=None):
    """Average every city over a span of days; these means have no interval.

    Columns: place, `days` that are known, the mean, the share of days inside the model's domain, and the
    expected share of days above each level that the file holds a probability for.
    """
    numbers = np.arange(len(store.cities)) if city_ids is None else [store.row(one) for one in city_ids]
    table = store.cities_as_told.iloc[numbers].reset_index(drop=True)
    table["days"] = store.days_known(start, end)[numbers]
    quantities = {store.main: store.main, "inside_domain": "share_inside"}
    for name in store.quantities:
        if name.startswith("p_above_"):
            quantities[name] = name.replace("p_above_", "share_above_")
    for quantity, name in quantities.items():
        if store.has(quantity):
            table[name] = store.mean(quantity, start, end)[numbers]
    if store.main == "aqi":
        table["aqi_table"] = index_of(store)
    return table[table["days"] > 0].reset_index(drop=True)


def columns_of(store):
    """List the columns that can be chosen, beside place and day."""
    columns = [name for name in store.quantities if store.has(name)]
    if store.main == "pm25" and store.period in WHO_LEVELS:
        columns.append("who_class")
    return columns


def column_words(name, table=""):
    """Say what a column holds.

    >>> column_words("p_above_15")
    'Probability of PM2.5 above 15 µg/m³'
    """
    if name.startswith("p_above_"):
        return f"Probability of PM2.5 above {name.removeprefix('p_above_')} µg/m³"
    if name in ("pm25", "lower", "upper"):
        return f"{MEANINGS[name]} [µg/m³]"
    return (
        f"{MEANINGS[name]} [{style.unit_words(table)}]"
        if name == "aqi" and table
        else MEANINGS.get(name, name)
    )


def unit_of(name, index):
    """Return the unit of a column: of PM2.5, of an index, of a place; empty for text.

    >>> unit_of("lower", "aqi-us-2024"), unit_of("aqi", "aqi-us-2024"), unit_of("city", "")
    ('µg m⁻³', 'aqi-us-2024', '')
    """
    if name in ("pm25", "lower", "upper"):
        return PM25_UNIT
    if name == "aqi":
        return index
    if name.startswith(("p_above_", "share_above_")) or name == "level":
        return "1"
    return DEGREES.get(name, "")


def index_of(store):
    """Name of the index table of a store's `aqi`."""
    if store.main == "aqi":
        return store.unit
    named = store.about.get("aqi_tables") or [""]
    return named[0]


def about(store, *, simulated=False, span=""):
    """Return the facts that a download tells of its predictions: those of their file and some more.

    These are `unit, trained_on, period, licence, selection, notes` and perhaps a `warning`; `span` are the
    days that were chosen, in words.
    """
    trained = "simulated" if simulated else store.trained_on
    warning = ORIGINS[trained].warning if trained in ORIGINS else ""
    facts = dict(store.facts)
    # The records of the validation are long and stand in the bundle.
    facts.pop("validation", None)
    return (
        facts
        | {
            "unit": store.unit,
            "trained_on": trained,
            "period": store.period,
            "licence": store.told("licence") or LICENCE,
            "selection": span,
            "notes": list(store.notes),
        }
        | ({"warning": warning} if warning else {})
    )


def to_csv(rows, facts):
    """Return the rows as CSV for spreadsheets and programs: UTF-8, a header, and `unit` in a column.

    A text cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    rows = rows.copy(deep=False)
    for name in rows.columns:
        if rows[name].dtype == object or pd.api.types.is_string_dtype(rows[name].dtype):
            rows[name] = _neutral(rows[name])
    if "date" in rows:
        rows["date"] = rows["date"].dt.strftime("%Y-%m-%d")
    rows["unit"] = facts["unit"]
    rows["trained_on"] = for_csv(str(facts["trained_on"]))
    licence = facts.get("licence", LICENCE)
    rows["licence"] = BRIEF_LICENCE if licence == LICENCE else for_csv(licence)
    return rows.to_csv(index=False, lineterminator="\r\n").encode(CSV_ENCODING)


def to_parquet(rows, facts):
    """Return the rows as Parquet: the facts in its metadata (`airq`, JSON), a unit at every column."""
    rows = rows.copy(deep=False)
    rows.attrs = {}
    table = pa.Table.from_pandas(rows, preserve_index=False)
    index = _index_in(rows, facts)
    fields = [
        field.with_metadata({"unit": unit_of(field.name, index)}) if unit_of(field.name, index) else field
        for field in table.schema
    ]
    told = {**(table.schema.metadata or {}), b"airq": json.dumps(facts, ensure_ascii=False).encode()}
    out = io.BytesIO()
    pq.write_table(table.cast(pa.schema(fields, metadata=told)), out)
    return out.getvalue()


def to_geojson(rows, facts):
    """Return the rows as GeoJSON points (RFC 7946), the facts in a member `about` beside the features.

    Rows without a position have a feature without a geometry.
    """
    index = _index_in(rows, facts)
    units = {name: unit for name in rows.columns if (unit := unit_of(name, index))}
    names = [name for name in rows.columns if name not in ("latitude", "longitude")]
    cells = zip(*(_plain(rows[name]) for name in names), strict=True)
    features = [
        {
            "type": "Feature",
            "geometry": _point(longitude, latitude),
            "properties": dict(zip(names, values, strict=True)),
        }
        for longitude, latitude, values in zip(
            rows["longitude"].to_list(), rows["latitude"].to_list(), cells, strict=True
        )
    ]
    whole = {"type": "FeatureCollection", "about": facts | {"units": units}, "features": features}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


WRITERS = {"csv": to_csv, "parquet": to_parquet, "geojson": to_geojson}


def file_name(facts, kind, stem="predictions"):
    """Name of a download; that of simulated numbers says so.

    >>> file_name({"trained_on": "simulated"}, "csv")
    'SIMULATED_predictions.csv'
    """
    return f"{'SIMULATED_' * (facts['trained_on'] == 'simulated')}{stem}.{kind}"


def too_many(number, kind):
    """Say that a selection is larger than a file may be; empty where it is not.

    >>> too_many(40_000, "geojson").split(";")[0]
    '40,000 rows are more than the 30,000 that a GeoJSON file from this page holds'
    """
    most = MOST_ROWS[kind]
    if number <= most:
        return ""
    name = {"csv": "CSV", "parquet": "Parquet", "geojson": "GeoJSON"}[kind]
    return (
        f"{number:,} rows are more than the {most:,} that a {name} file from this page holds; choose fewer "
        "cities or days" + ("." if kind == "parquet" else ", or Parquet, which takes more.")
    )


def _neutral(column):
    known = {value: for_csv(value) for value in column.dropna().unique()}
    return column.map(lambda value: known.get(value, value))


def _index_in(rows, facts):
    if "aqi_table" in rows and len(rows):
        return str(rows["aqi_table"].iloc[0])
    unit = facts.get("unit", "")
    return "" if unit == PM25_UNIT else unit_name(unit)


def _plain(column):
    """Return the values of a column as JSON knows them; numbers of single precision keep their short form."""
    if column.dtype.kind == "M":
        return column.dt.strftime("%Y-%m-%d").to_list()
    if column.dtype == "float32":
        column = pd.Series(column.to_numpy().astype("str")).astype("float64")
    values = column.astype(object).where(column.notna(), None)
    return values.to_list()


def _point(longitude, latitude):
    if not (np.isfinite(longitude) and np.isfinite(latitude)):
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def method_lines(store, simulated=False):
    """Yield sentences on how the predictions of a store came about, in Markdown."""
    facts = store.facts
    trained = "simulated" if simulated else store.trained_on
    unit = style.unit_words(store.unit)
    if told := store.told("description"):
        yield for_markdown(told, limit=LONG)
    if told := store.told("method"):
        yield for_markdown(told, limit=LONG)
    yield (
        f"PM2.5, {store.value_words}, in {unit}: estimated by gradient-boosted trees from "
        "satellite, weather and model values of the place, its surroundings and the days around."
        if store.main == "pm25"
        else f"Air-quality index, {store.value_words}, in {unit}."
    )
    if trained in ORIGINS:
        yield f"The model learned from {ORIGINS[trained].words}."
        yield from filter(None, [ORIGINS[trained].warning])
    elif not facts.get("sources"):
        yield "The file does not say what the model learned from."
    if facts.get("statistic") == "median":
        yield "Days are summarised by their median; WHO and AQI levels are made for means."
    if facts.get("day_basis") in ("utc", "local"):
        yield f"Days end at midnight {'UTC' if facts['day_basis'] == 'utc' else 'of the place'}."
    if isinstance(facts.get("intervals"), str):
        yield for_markdown(facts["intervals"], limit=LONG)
    if facts.get("looks_ahead") is True:
        yield "It looks ahead: the features of a day use later days, so it cannot forecast."


def citation(store):
    """Say how to cite the predictions of a store: as its file asks for, where it does."""
    if told := store.told("cite"):
        return shown(told, limit=LONG)
    made = store.facts.get("bundle_hash")
    text = f"airq {airq.__version__}, daily PM2.5 for cities without a sensor"
    if isinstance(made, str):
        text += f"; bundle {shown(made, limit=16)}"
    days = f"{store.dates[0]:%Y-%m-%d} to {store.dates[-1]:%Y-%m-%d}"
    return f"{text}; {len(store.cities):,} cities, {days}. Cite the sources of the data as well."


def about_bundle(facts, rows):
    """Return the facts that a download tells of predictions made here with a bundle."""
    first, last = rows["date"].min(), rows["date"].max()
    return {
        "unit": PM25_UNIT,
        "trained_on": facts["panel"]["pm25_origin"],
        "statistic": facts["panel"]["statistic"],
        "day_basis": facts["panel"]["day_basis"],
        "period": "day",
        "bundle_hash": facts["hash"],
        "sources": facts["panel"]["sources"],
        "licence": LICENCE,
        "selection": f"uploaded list of cities, {first:%Y-%m-%d} to {last:%Y-%m-%d}",
    }


#: Limits of a list of cities. [bytes, rows, columns]
LIST_BYTES, LIST_CITIES, LIST_COLUMNS = 1_000_000, 5_000, 50
#: A listed city is the site of the panel that lies nearest, at most so far. [km]
NEAR_KM = 10.0
#: The same identifier counts only this near: it may be another list's. [km]
SAME_ID_KM = 50.0
#: Most days of all cities that are predicted at once; more are for `airq predict`.
MOST_DAYS = 60_000
MISSING = {"latitude": [""], "longitude": [""], "population": ["", "NA", "NaN"]}


def read_city_list(data, name="The list"):
    """Read and check an uploaded list of cities, see :func:`airq.cities.read_cities`.

    It is CSV in UTF-8 with `city, country, latitude, longitude` and perhaps `city_id, population`; commas or,
    as some spreadsheets write, semicolons. `name` is what messages call it. ValueError if it is too large,
    not such a table, or a place in it is impossible.

    >>> read_city_list(b"city,country,latitude,longitude\\nKampala,Uganda,0.32,32.58")["city_id"].tolist()
    ['UGA:Kampala']
    """
    if len(data) > LIST_BYTES:
        raise ValueError(f"{name} has {len(data):,} bytes; at most {LIST_BYTES:,} are read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not text in UTF-8; save it as “CSV UTF-8”.") from None
    head = text.lstrip().split("\n", 1)[0]
    if not head.strip():
        raise ValueError(
            f"{name} is empty; its first line names the columns city,country,latitude,longitude."
        )
    separator = ";" if head.count(";") > head.count(",") else ","
    if head.count(separator) >= LIST_COLUMNS:
        raise ValueError(f"{name} has more than {LIST_COLUMNS} columns; four are needed.")
    cities = _parsed(text, separator, name)
    if len(cities) > LIST_CITIES:
        raise ValueError(f"{name} has more than {LIST_CITIES:,} rows; split it, or use `airq predict`.")
    # The geography comes with it, which only those who upload a list need.
    from airq.cities import check_cities

    return check_cities(cities, name=name)


def _parsed(text, separator, name):
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype={"city_id": "str", "city": "str", "country": "str"},
            keep_default_na=False,
            na_values=MISSING,
            nrows=LIST_CITIES + 1,
            index_col=False,
            on_bad_lines="error",
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{name} is not a CSV table: {str(error).splitlines()[0][:200]}") from None


def match(cities, places, *, key="site_id"):
    """Find the places of a panel, or of predictions, that the cities of a checked list stand for.

    `places` holds `city_id, latitude, longitude` and the column `key` that names the place. A row a city: its
    `city_id, city, country`, `place` (missing where there is none), `how` ("id", "position" or empty) and
    `distance` of the place. [km] A city of the same identifier counts up to 50 km away, else the nearest
    place up to 10 km.
    """
    from airq.geo import nearest

    found = cities[["city_id", "city", "country"]].assign(place=None, how="", distance=np.nan)
    places = places.dropna(subset=["latitude", "longitude"]).reset_index(drop=True)
    if places.empty:
        return found
    position, distance = nearest(cities, places)
    near = distance <= NEAR_KM
    same = _same_identifier(cities, places)
    found["how"] = np.where(same >= 0, "id", np.where(near, "position", ""))
    row = np.where(same >= 0, same, np.where(near, position, -1))
    away = _pairwise_km(cities, places, np.where(row >= 0, row, position))
    found["distance"] = away
    found["place"] = np.where(row >= 0, places[key].to_numpy(dtype=object)[row], None)
    return found


def _same_identifier(cities, places):
    """Return the row of the nearest place of the same `city_id` within 50 km, or -1."""
    first = places.drop_duplicates("city_id")
    at = pd.Index(first["city_id"]).get_indexer(cities["city_id"])
    row = np.where(at >= 0, first.index.to_numpy()[at], -1)
    known = row >= 0
    if known.any():
        away = _pairwise_km(cities[known], places, row[known])
        row[np.flatnonzero(known)[away > SAME_ID_KM]] = -1
    return row


def _pairwise_km(cities, places, rows):
    """Return the distance of every city from the place in its row. [km]"""
    from airq.geo import arc_km, geocentric_km

    apart = geocentric_km(cities) - geocentric_km(places.iloc[rows])
    return arc_km(np.linalg.norm(apart, axis=1))


def match_words(found, what="panel"):
    """Say how many cities of a list were found, and how.

    >>> found = pd.DataFrame({"how": ["id", "position", ""], "distance": [0.0, 4.2, 80.0]})
    >>> match_words(found)
    '2 of 3 cities stand in the panel: 1 by city_id, 1 by position (the site lies up to 4.2 km away).'
    """
    known = found[found["how"] != ""]
    text = f"{len(known):,} of {len(found):,} cities stand in the {what}"
    if known.empty:
        return text + "."
    by_position = known[known["how"] == "position"]
    parts = [f"{(known['how'] == 'id').sum():,} by city_id"] * bool((known["how"] == "id").any())
    if len(by_position):
        parts.append(
            f"{len(by_position):,} by position (the site lies up to {by_position['distance'].max():.1f} km "
            f"away)"
        )
    return f"{text}: {', '.join(parts)}."


def panel_places(path):
    """Return the sites of a panel (Parquet) with the number of their `days`; its features stay on disk.

    OSError or ValueError if it is not a panel.
    """
    parts = []
    with open_panel_file(path) as (file, _):
        check_names(file.schema_arrow.names)
        for batch in file.iter_batches(100_000, columns=panel.PLACE):
            parts.append(batch.to_pandas().groupby(panel.PLACE, as_index=False, dropna=False).size())
    if not parts:
        raise ValueError(f"{path} has no rows.")
    return (
        pd.concat(parts)
        .groupby(panel.PLACE, as_index=False, dropna=False)["size"]
        .sum()
        .rename(columns={"size": "days"})
        .drop_duplicates("site_id")
    )

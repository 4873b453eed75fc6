"""Suggest a mapping for a table: what names, units, dates and codes tell, and questions for the rest."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from airq.files.tables import read_file
from airq.panel import COLUMNS, IDENTITY, TARGET
from airq.sources import days
from airq.sources.mixtures import VALIDITY
from airq.sources.shipped import formats_of
from airq.units import convert, unit_name

_STATION = (
    r"(site|station|sensor|device|monitor|location|sampling.?point|capteur|poste"
    r"|messstelle|messstation|standort|estac(ion|ao)|posto)"
)
_PM25 = r"pm[ _.-]?0?2[ _.,p-]?5"
_CODE = r"(id|code|index|no|nr|num|number|kennung|codigo)"
#: Column of the panel -> how tables call it in English, French, German, Spanish and Portuguese, the likelier
#: names first, without accents; the whole name must fit.
NAMES = {
    "date": (
        r"(date.?time|time.?stamp|date|day|time)(.?(utc|gmt|lt|lst|local|begin|start|beginning))?",
        r"(utc|local|from|start|begin|sample|sampling).?(date|time|date.?time)|start|valid(.?(utc|local))?",
        r"fecha(.?(y.?)?hora)?|data(.?(e.?)?hora)?|date.?(et.?)?heure|horodat(e|age)|zeit(punkt|stempel)",
        r"(mess)?datum(.?(und.?)?(uhr)?zeit)?|messzeit|jour|tag|dia",
        "zeit",
    ),
    "latitude": (r"((site|station).?)?lat(itude?)?|(geogr\w*.?)?breite(ngrad)?",),
    "longitude": (r"((site|station).?)?(lon(g|gitude?)?|lng)|(geogr\w*.?)?lange(ngrad)?",),
    "site_id": (
        rf"{_STATION}s?.?{_CODE}",
        rf"{_STATION}(.?name)?|(name|nom|nombre|nome)\W+(\w+\W+)?{_STATION}",
    ),
    "city": (r"(city|town|municipality|ville|commune|ciudad|municipio|cidade|stadt|ort|gemeinde)(.?name)?",),
    "country": (r"(country|nation|pays|land|pais)(.?(code|name|iso.?\d?))?|iso.?[23]?",),
    TARGET: (_PM25, rf"(raw.?)?{_PM25}(\W|_).*|pm02"),
    "temp_air": (
        r"(air.?|luft.?)?(temp|temperature?|temperatura)(.?(de.?l.?|del.?|do.?)?(air|aire|ar))?"
        r"(.?(2m|mean|avg|moyenne|media|mittel))*|t2m|at|tmp[fc]",
    ),
    "temp_dew": (
        r"(dew.?point|dew|dewp|d2m)(.?(temp|temperature|2m|mean))*|temp.?dew|dwp[fc]",
        r"(temperature.?(du.?)?)?point.?de.?rosee|taupunkt(s?temperatur)?|(temperatura.?(del.?)?)?punto.?de.?rocio"
        r"|(temperatura.?(do.?)?)?ponto.?de.?orvalho",
    ),
    "relative_humidity": (
        r"(relative.?|rel.?)?(humidity|hum)(.?(2m|mean|avg))*|rh(um)?|relh",
        r"(humidite|humedad|h?umidade)(.?relativ[ea])?|(relative.?|rel\W*)?(luft)?feuchte|(relative.?)?luftfeuchtigkeit",
    ),
    "precipitation": (
        r"(precip|precipitations?|rain|rainfall)(.?(sum|total|mm))?|prcp|tp|p01[im]",
        r"pluie|pluviometrie|niederschlag(s?(summe|menge))?|regen|precipitac(ion|ao)|lluvia|chuva",
    ),
    "pressure": (
        r"(surface.?|atmospheric.?|air.?|barometric.?)?(pressure|pres|press)(.?mean)?|sp|bp",
        r"(pression|presion|pressao)(.?atmosferica|.?atmospherique)?|luftdruck",
    ),
    "boundary_layer_height": (
        r"(planetary.?)?boundary.?layer.?height|blh|pblh?",
        r"(hauteur.?de.?(la.?)?)?couche.?limite|grenzschichthohe|altura.?(de.?la.?|da.?)?cap[ae].?limite",
    ),
    "elevation": (r"elevation|altitude?|elev|alt|hohe(.?(uber|u).?(nn|nhn|meer))?|elevacion|altura",),
    "population": (r"population|pop|habitants|einwohner(zahl)?|bevolkerung|poblacion|populacao|habitantes",),
}
#: The same for columns that say what others are.
ROLES = {
    "speed": (
        r"wind.?(speed|spd)(.?10m)?|wspd|wspm|ws|sknt",
        r"vitesse.?(du.?)?vent|windgeschwindigkeit|velocidade?.?(del.?|do.?)?(viento|vento)",
    ),
    "direction": (
        r"wind.?(direction|dir)(.?10m)?|wdir|wd|drct",
        r"direction.?(du.?)?vent|windrichtung|direc(cion|ao).?(del.?|do.?)?(viento|vento)",
    ),
    "parameter": (
        r"(air.?)?(parameter|pollutant|species|specie|component|analyte|variable)(.?(name|code|id))?",
        r"polluant|parametre|schadstoff|komponente|contaminante|parametro|poluente",
    ),
    "value": (
        r"value|(raw.?)?conc(entration)?\.?|measurement|result|mean|median|arithmetic.?mean",
        r"valeur|(mess)?wert|valor|konzentration|concentrac(ion|ao)",
    ),
    "unit": (
        r"(conc\W*|value\W*)?units?(.?(of.?measure(ment)?|name))?",
        r"unite(.?de.?mesure)?|(mess)?einheit|unidade?(.?de.?medida)?",
    ),
}
#: What columns of a date in parts are called.
PARTS = {
    "year": "year|annee|jahr|ano",
    "month": "month|mois|monat|mes",
    "day": "day|jour|tag|dia",
    "hour": "hour|hr|time|heure|stunde|(uhr|mess)?zeit|hora",
}
#: How values to use are marked.
_VALID = r"valid|ok|good|v|true|passed|verified"
#: Ways to write a date that is not year first.
DATE_FORMATS = [
    f"{day}{clock}"
    for day in ("%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d %b %Y", "%d-%b-%Y")
    for clock in ("", " %H", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
]
#: What people write among numbers where there is no value.
NO_VALUES = ("-", "--", "nd", "n.d.", "n/d", "bdl", "missing", "invalid", "-99", "-999", "-9999")


def suggest_mapping(paths: str | Path | Sequence[str | Path]) -> str:
    """Return a mapping to start from, as TOML.

    It holds what names of columns, units in brackets or in a column, dates and codes tell. What they do not
    tell is asked in lines that begin with `#`. If places and date are found, it can be read as it is.

    Parameters
    ----------
    paths : path or list of paths
        Files of one kind; the first is looked at.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no table.
    """
    path, notes = Path(paths if isinstance(paths, str | Path) else next(iter(paths))), []
    table = read_file(path, notes=notes)
    found = _recognised(table)
    where, asked = _choice(table, found)
    table = _chosen(table, where)
    date, panel = _date(table, found)
    used = [column for own in found.values() for column in (own if isinstance(own, list) else [own])]
    rest = [str(name) for name in table.columns if name not in (*used, *where)]
    lines = [
        f"# A mapping to start from, for {path.name}. Lines that begin with # explain or ask.",
        *(f"# This looks like --format {format}, which needs no mapping." for format in formats_of(path)),
        *(f"# {note}." for note in notes),
        *([f"# Under their own names stay {', '.join(rest)}; keep = [] leaves them out."] if rest else []),
        'keep = "*"',
        *([f"missing = {_toml(missing)}"] if (missing := _missing(table, found)) else []),
        *([f"where = {_toml(where)}"] if where else []),
        *asked,
        *("", "[panel]", *panel, "", "[columns]"),
        *_place_lines(table, found),
        date,
        *_value_lines(table, found),
    ]
    return "".join(f"{' '.join(line.splitlines())}\n" for line in lines)


def _bare(name):
    """Return a column's name in lower case, without accents and a unit in brackets, and that unit."""
    unit = re.search(r"\s*[\[(]\s*([^\[\]()]+?)\s*[\])]", str(name))
    bare = str(name).replace(unit[0], "") if unit else str(name)
    plain = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode()
    return plain.strip().lower(), unit[1] if unit else ""


def _toml(value):
    """Return a value as TOML."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(key)} = {_toml(own)}' for key, own in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value.item() if hasattr(value, "item") else value, ensure_ascii=False)


def _recognised(table):
    """Return columns of the table by the name in the panel or by role; a list for a date in parts."""
    bare = {name: _bare(name)[0] for name in table.columns}
    # What monitors call NO2 is no column density: such names of the panel must be written as they are.
    patterns = {name: (re.escape(name), *NAMES.get(name, ())) for name in [*NAMES, *COLUMNS]} | ROLES
    bare |= {name: "" for name, own in bare.items() if own in COLUMNS and own not in NAMES and name != own}
    found = {}
    for name, choices in patterns.items():
        free = [column for column in table.columns if column not in found.values()]
        fits = [column for each in choices for column in free if re.fullmatch(each, bare[column])]
        if fits and name not in ("city_id", "aqi", "n_hours", "n_monitors"):
            found[name] = fits[0]
    *parts, hour = (
        [column for column in bare if re.fullmatch(part, bare[column])][:1] for part in PARTS.values()
    )
    if all(parts):
        found["date"] = [*chain(*parts), *hour]
    elif "date" in found and hour not in ([], [found["date"]]):
        found["date"] = [found["date"], *hour]
    return found


def _choice(table, found):
    """Return which rows to read, and what must be asked of codes.

    If the rows are of several pollutants, those of PM2.5 are chosen, and `found` gets their column.
    """
    where, asked = {}, []
    if TARGET not in found and {"parameter", "value"} <= set(found):
        kinds = table[found["parameter"]].dropna().unique()
        fine = [kind for kind in kinds if re.match(rf"{_PM25}|(88101|6001)$", str(kind).strip().lower())]
        if fine:
            where[found["parameter"]] = fine[0] if len(fine) == 1 else fine
            found[TARGET] = found.pop("value")
    for name in table.columns:
        words = list(table[name].dropna().unique()) if VALIDITY.search(str(name)) else []
        valid = [word for word in words if re.fullmatch(_VALID, str(word).strip().lower())]
        if valid:
            where[name] = valid[0] if len(valid) == 1 else valid
        elif 1 < len(words) <= 10:
            there = ", ".join(map(str, sorted(words, key=str)))
            asked.append(f"# {name} has {there}; which mark values to use? where = {{ {_toml(name)} = … }}")
    return where, asked


def _chosen(table, where):
    """Return the rows that a mapping would read; all if there are none."""
    rows = table
    for name, chosen in where.items():
        rows = rows[rows[name].isin(chosen if isinstance(chosen, list) else [chosen])]
    return table if rows.empty else rows


def _date(table, found):
    """Return the line of the date, a question if no column has one, and the lines of [panel]."""
    panel = ['# pm25_origin = "sensor"   # or index, model, simulated?'] if TARGET in found else []
    panel += [
        '# day_basis = "utc"   # whose midnight ends a day: utc or local?',
        '# statistic = "mean"   # or median?',
    ]
    if "date" not in found:
        there = ", ".join(map(str, table.columns))
        return f'# date = "…"   # which column has the day or the time? The table has: {there}', panel
    columns = found["date"] if isinstance(found["date"], list) else [found["date"]]
    values = table[columns[0]] if len(columns) == 1 else days.joined(table[columns])
    times, form, question = _read(values.dropna())
    zones = times.offset.dropna()
    if len(zones):
        basis = "utc" if (zones == 0).all() else "local"
        panel[-2] = f'day_basis = "{basis}"   # as the times have a zone'
    if days.stands_for_hours(times):
        panel += ['interval = "hour"', _marks(columns[0]), *([] if len(zones) else [_clock(columns[0])])]
    source = _toml(columns[0] if len(columns) == 1 else columns)
    entry = f"{{ from = {source}, format = {_toml(form)} }}" if form else source
    return f"{'' if times.written.any() else '# '}date = {entry}{question}", panel


def _clock(column):
    """Return the line that says whose clock times without a zone show; a question if the name does not."""
    told = re.search(r"(?<![a-z])(utc|local)(?![a-z])", str(column), re.IGNORECASE)
    line = f'times = "{told[0].lower() if told else "local"}"'
    why = "with another day_basis also the time_zone of the places"
    return f"{line}   # {why}" if told else f"# {line}   # whose clock do they show: utc or local? {why}"


def _marks(column):
    """Return the line that says what times mark; a question if the column's name does not tell it."""
    told = re.search(r"(end|to.?date)|begin|start|from", str(column), re.IGNORECASE)
    line = f'marks = "{"end" if told and told[1] else "begin"}"'
    return line if told else f"# {line}   # do times mark the begin or the end of an hour?"


def _read(values):
    """Return times, their format (None: year first), and a question if none or two would do."""
    times = days.read_times(values)
    if values.empty or times.written.mean() > 0.5:
        return times, None, ""
    read = {form: days.read_times(values, form) for form in DATE_FORMATS}
    fits = [form for form, own in read.items() if own.written.all()]
    if not fits:
        return times, None, f'   # how is {str(values.iloc[0])!r} written? format = "%d-%m-%Y %H:%M" …'
    question = f"   # or {fits[1]}: day or month first?" if len(fits) > 1 else ""
    return read[fits[0]], fits[0], question


def _missing(table, found):
    """List what stands for no value in columns of numbers."""
    missing = []
    for name in [name for name in COLUMNS if name in found and name not in IDENTITY]:
        column = found[name]
        if pd.to_numeric(table[column], errors="coerce").notna().mean() <= 0.5:
            continue
        words = set(table[column].astype("str").str.strip().str.lower().str.removesuffix(".0"))
        missing += [word for word in NO_VALUES if word in words and word not in missing]
    return [int(word) if word.lstrip("-").isdigit() else word for word in missing]


def _place_lines(table, found):
    """Return the entries of the place; questions for what is not there."""
    lines, there = [], ", ".join(map(str, table.columns))
    for name in ("site_id", "city", "country", "latitude", "longitude"):
        if name in found:
            lines.append(f"{name} = {_toml(found[name])}")
    if not {"site_id", "city"} & set(found):
        lines.append(f'# site_id = "…"   # which column names the places? The table has: {there}')
    if not {"latitude", "longitude"} <= set(found):
        asked = f"which columns? Or give --stations. The table has: {there}"
        looked_up = "those of the city are looked up in --cities, or give --stations"
        lines.append(f"# latitude, longitude: {looked_up if 'city' in found else asked}")
    return lines


def _value_lines(table, found):
    """Return the entries of what was measured, with units as far as they are told; questions for the rest."""
    lines = []
    if TARGET not in found:
        there = ", ".join(map(str, table.columns))
        lines.append(
            f"# pm25: which column, if any, and in which unit (µg/m³, aqi-us-2012 …)? It has: {there}"
        )
    fine = [name for name in table.columns if re.match(_PM25, _bare(name)[0]) and name not in found.values()]
    for name in [name for name in COLUMNS if name in found and name not in IDENTITY]:
        unit = _unit(found[name], name) or _unit_column(table, found, name)
        entry = f"{name} = {{ from = {_toml(found[name])}, unit = {_toml(unit or '…')} }}"
        if found[name] == name and not unit and name != TARGET:
            entry, unit = f"{name} = {_toml(name)}   # taken to be in {COLUMNS[name].unit}", "panel"
        if name == TARGET and fine:
            entry += f"   # or from {' or '.join(map(repr, fine))}?"
        lines.append(entry if unit else f"# {entry}   # in which unit?")
    if {"speed", "direction"} <= set(found):
        unit = _unit(found["speed"], "wind_u")
        entry = f"wind = {{ speed = {_toml(found['speed'])}, direction = {_toml(found['direction'])}, unit = "
        lines.append(f"{entry}{_toml(unit)} }}" if unit else f'# {entry}"…" }}   # in which unit?')
    return lines


def _unit_column(table, found, name):
    """Return the unit of PM2.5 that a column of units has, or an empty text."""
    units = table[found["unit"]].dropna().unique() if name == TARGET and "unit" in found else []
    return _known(str(units[0]), name) if len(units) == 1 else ""


def _unit(column, name):
    """Return the unit that a column's name tells, in brackets or at its end, or an empty text."""
    parts = re.split(r"[_\s]+", str(column))
    tried = [_bare(column)[1], *([parts[-1], parts[-1].capitalize()] if len(parts) > 1 else [])]
    return next((unit for unit in (_known(each, name) for each in tried) if unit), "")


def _known(unit, name):
    """Return a unit as it is written if it leads to that of the panel's column, or an empty text."""
    try:
        convert(1.0, unit_name(unit), COLUMNS[name].unit)
    except ValueError:
        return ""
    return unit

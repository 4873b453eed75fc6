"""From readings to days: read the times of a table, and aggregate what was measured within a day.

What a column is decides how: concentrations and temperatures are averaged, rain is added up, directions are
averaged as vectors, maxima stay maxima, and what does not change is taken once. Every reader whose rows
may stand for less than a day goes through here.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.panel import COLUMNS, FIRST_DATE, IDENTITY, TARGET

#: Fewest hours that a daily value is made of: three quarters of a day, as the US EPA asks for in 40 CFR 50,
#: appendix N.
MIN_HOURS = 18
#: Largest share of cells that may not fit the format that a mapping gives for its dates.
SHARE_UNREADABLE = 0.1
INTERVALS, MARKS, CLOCKS = ("day", "hour"), ("begin", "end"), ("utc", "local")

#: Days as they may be written: year first, perhaps with a time and its zone behind.
_DAY = (
    r"^(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"
    r"(?:[T ]\s*(?P<clock>.*))?$"
)
_CLOCK = (
    r"^(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?)?\s*"
    r"(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
#: How the vocabulary's columns are aggregated where it is not the mean.
_VOCABULARY = {"precipitation": "sum", "population": "first", "elevation": "first", "night_lights": "first"}
#: The same for other columns, by their names; the first pattern that fits decides.
_BY_NAME = {
    "mean": r"rate|intensity|probab|mean|average|(?<![a-z])avg|(?<![a-z])(type|code|flag)(?![a-z])",
    "direction": r"wind ?(dir|deg)|(?<![a-z])(dir|direction|wd|wdir|drct)(?![a-z])",
    "max": r"(?<![a-z])(t|temp|dewpoint|rh|ws|wind|windspeed)?max(imum)?(?![a-z])|gust",
    "min": r"(?<!\d)(?<!\d )(?<![a-z])(t|temp|dewpoint|rh|ws|wind|windspeed)?min(imum)?(?![a-z])",
    "sum": r"(?<![a-z])(rain|rainfall|precip|precipitation|snowfall|prcp|tp|p01[im])(?![a-z])",
}
_SPEED = r"wind[ _]?sp(ee)?d|(?<![a-z])(ws|wsp|wspd|wspm|sknt)(?![a-z])"


_CLOCK_IN_NAME = re.compile(r"(?<![a-z])(utc|local)(?![a-z])", re.IGNORECASE)


class Times(NamedTuple):
    """Times of a column as they are written."""

    #: Time on the clock of the column, or of the zone that stands behind it.
    wall: pd.Series
    #: Minutes by which that zone is ahead of UTC; missing where none is written.
    offset: pd.Series
    #: Whether a time of day is written.
    timed: pd.Series
    #: Whether the cell could be read.
    written: pd.Series


def read_times(values: pd.Series, form: str | None = None) -> Times:
    """Read days or times: ISO 8601 text, dates, times, or whole numbers such as 20200131.

    Half days (01:00 PM), 24:00 and a zone behind the time are understood, and so are the ten digits of Unix
    seconds or thirteen of milliseconds; `form` is for text that is written otherwise, in the codes of
    :meth:`datetime.datetime.strptime`.

    >>> times = read_times(pd.Series(["2020-01-31", "2020-01-31 01:30 PM +03:00"]))
    >>> times.wall.dt.strftime("%d %H:%M").tolist(), times.offset.tolist()
    (['31 00:00', '31 13:30'], [nan, 180.0])
    """
    if pd.api.types.is_datetime64_dtype(values):
        wall = values.astype("datetime64[us]")
        return Times(wall, pd.Series(np.nan, values.index), wall != wall.dt.normalize(), wall.notna())
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    # Panels repeat every time once a site, so each is read once.
    number, distinct = pd.factorize(values.astype("str").str.strip(), use_na_sentinel=False)
    read = (_read_text if form is None else _read_formatted)(pd.Series(distinct, dtype="str"), form)
    return Times(*(column.iloc[number].set_axis(values.index) for column in read))


def _read_formatted(text, form):
    """Read text in a format of strptime; the zone of each cell is kept."""
    if "%z" not in form:
        wall = pd.to_datetime(text, format=form, errors="coerce").astype("datetime64[us]")
        offset = pd.Series(np.nan, text.index)
    else:
        read = [_parsed(cell, form) for cell in text]
        wall = pd.Series([moment and moment.replace(tzinfo=None) for moment in read], dtype="datetime64[us]")
        minutes = [moment and moment.utcoffset() / datetime.timedelta(minutes=1) for moment in read]
        offset = pd.Series(minutes, dtype="float64")
    timed = any(code in form for code in ("%H", "%I", "%T", "%X", "%c"))
    return Times(wall, offset, pd.Series(timed, text.index) & wall.notna(), wall.notna())


def _parsed(cell, form):
    try:
        return datetime.datetime.strptime(cell, form)
    except ValueError:
        return None


def _read_text(text, _):
    parts = text.str.extract(_DAY)
    clock = parts["clock"].fillna("").str.strip().str.extract(_CLOCK)
    timed = parts["clock"].fillna("").str.strip() != ""
    # Only eight digits may stand without a mark between: 43831 is a day number of Excel.
    written = parts["year"].notna() & ((parts["mark"] != "") | (text.str.len() >= 8))
    written &= ~timed | clock["hour"].notna()
    day = parts["year"] + "-" + parts["month"].str.zfill(2) + "-" + parts["day"].str.zfill(2)
    day = pd.to_datetime(day.where(written), format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    hour = pd.to_numeric(clock["hour"])
    half = clock["half"].str[0].str.lower()
    hour = hour.mask(half.notna(), hour % 12) + 12 * (half == "p")
    seconds = 3600 * hour + 60 * pd.to_numeric(clock["minute"]).fillna(0)
    seconds += pd.to_numeric(clock["second"]).fillna(0)
    wall = day + pd.to_timedelta(seconds.where(timed, 0).fillna(0), unit="s").astype("timedelta64[us]")
    wall = wall.where(~(seconds > 86400))
    # Seconds of 2001 to 2030: no year, month, day and hour begin with 10 to 18.
    unix = text.str.fullmatch(r"1[0-8]\d{8}(\d{3})?")
    seconds = pd.to_numeric(text[unix].str.slice(0, 10))
    wall[unix] = pd.to_datetime(seconds, unit="s").astype(wall.dtype)
    return Times(wall, _offsets(clock["zone"]).mask(unix, 0.0), timed & written | unix, written | unix)


def _offsets(zones):
    """Return minutes ahead of UTC of zones such as Z or +05:30."""
    minutes = {}
    for zone in zones.dropna().unique():
        digits = re.sub(r"\D", "", zone).ljust(4, "0")
        size = 60 * int(digits[:2]) + int(digits[2:])
        minutes[zone] = float(-size if zone.startswith("-") else size)
    return zones.map(minutes).astype("float64")


def joined(parts: pd.DataFrame) -> pd.Series:
    """Return times as text from columns: a day and an hour; year, month, day; or these and an hour.

    >>> joined(pd.DataFrame({"y": [2020], "m": [1], "d": [31], "h": [5]})).tolist()
    ['2020-1-31 5']
    """
    text = [_plain(parts[name]) for name in parts.columns]
    if len(text) % 2 == 0:
        # An hour such as 1300.
        text[-1] = text[-1].str.replace(r"^(\d{1,2})(\d{2})$", r"\1:\2", regex=True)
    if len(text) == 2:
        day = text[0].str.replace(r"[T ]00:00(:00)?$", "", regex=True)
        joined = day + " " + text[1]
    else:
        joined = text[0] + "-" + text[1] + "-" + text[2]
        joined = joined + " " + text[3] if len(text) == 4 else joined
    return joined.where(parts.notna().all(axis=1))


def _plain(values):
    """Return text, whole numbers without a point."""
    if pd.api.types.is_float_dtype(values):
        return values.map("{:g}".format)
    return values.astype("str").str.strip()


def check_times(times, values, *, column, path, form=None):
    """Return masks by reason of rows that have no day; refuse a column that is mostly written otherwise."""
    missing = values.isna() | (values.astype("str").str.strip() == "")
    strange = ~missing & ~times.written
    if strange.sum() > (~missing).sum() / 2:
        first = values[strange].iloc[0]
        excel = pd.api.types.is_number(first) and 10_000 < float(first) < 100_000
        what = "looks like a day number of Excel" if excel else "is not a day written year first"
        raise ValueError(
            f"{path}: column {column!r} has {str(first)!r}, which {what}; write days as 2020-01-31, or say "
            'how they are written: date = { from = "…", format = "%d-%m-%Y %H:%M" }.'
        )
    last = pd.Timestamp(datetime.date.today()) + pd.Timedelta(days=366)
    if form is not None and strange.sum() > SHARE_UNREADABLE * (~missing).sum():
        raise ValueError(
            f"{path}: {strange.sum():,} of {(~missing).sum():,} cells of column {column!r} do not fit the "
            f"format {form!r}, first {str(values[strange].iloc[0])!r}."
        )
    impossible = ~missing & ~strange & ~times.wall.between(FIRST_DATE, last)
    return {"missing date": missing, "unreadable date": strange, "impossible date": impossible}


def with_days(values, tally, rows, *, column, path):
    """Add the calendar day of each row as `date`; drop and count rows that have none.

    A day is the one that is written; a time of day and its zone do not move it. `column` and `path` are
    what messages call them. A ValueError is raised if most values are not written year first.
    """
    times = read_times(values)
    rows = rows.assign(date=times.wall.dt.normalize())
    return tally.drop_each(rows, check_times(times, values, column=column, path=path))


def time_zone(name: str) -> datetime.tzinfo:
    """Return a time zone by its IANA name or its offset; raise ValueError if there is none.

    >>> time_zone("+05:30").utcoffset(None)
    datetime.timedelta(seconds=19800)
    """
    try:
        if re.fullmatch(r"[+-]\d{2}:?\d{2}", name):
            return datetime.timezone(datetime.timedelta(minutes=_offsets(pd.Series([name]))[0]))
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"{name!r} is no time zone; write it as Africa/Kampala or +03:00.") from None


def stands_for_hours(times: Times) -> bool:
    """Tell whether the rows of a file stand for less than a day.

    They do if times of day are written that are not one and the same on all days, such as midnight.
    """
    wall = times.wall[times.timed & times.wall.notna()]
    clock = wall - wall.dt.normalize()
    if clock.nunique() > 1:
        return True
    return bool(len(clock)) and clock.iloc[0] > pd.Timedelta(0) and wall.dt.normalize().nunique() == 1


def wall_times(times: Times, *, basis, clock, zone, longitude, column, path) -> tuple[pd.Series, pd.Series]:
    """Return times on the clock whose midnights end the panel's days, and by how much it is ahead of UTC.

    The second tells the two hours apart that a clock shows twice when summer time ends. [min], 0 where it is
    not known.

    Parameters
    ----------
    times : Times
        As the file has them.
    basis : {"utc", "local", None}
        Whose days the panel has; None if the mapping does not say it, which means UTC.
    clock : {"utc", "local", None}
        What times without a zone are; None if they are those of the panel's days.
    zone : tzinfo or None
        Time zone of the places.
    longitude : Series
        Of the rows; tells the zone whose midnights are written in UTC. [°]
    column, path : str
        What messages call them.

    Raises
    ------
    ValueError
        If local days are wanted of times in UTC, or days in UTC of local midnights.
    """
    wall = _on_the_clock(times, basis, clock, zone, longitude, column, path)
    offset = times.offset.fillna(0.0) if clock == "utc" else times.offset
    utc = times.wall - _minutes(offset.fillna(0.0))
    ahead = ((wall - utc) / pd.Timedelta(minutes=1)).where(offset.notna() & (basis == "local"))
    return wall, ahead.fillna(0.0)


def _minutes(numbers):
    return pd.to_timedelta(numbers, unit="min").astype("timedelta64[us]")


def _on_the_clock(times, basis, clock, zone, longitude, column, path):
    offset = times.offset.fillna(0.0) if clock == "utc" else times.offset
    known = offset.notna()
    if not known.any():
        return _unmarked(times, basis, clock, zone, column, path)
    utc = times.wall - _minutes(offset.fillna(0.0))
    midnights = None if stands_for_hours(times) else _midnights(times.wall[known], offset[known], longitude)
    if midnights is not None and basis != "local":
        raise ValueError(
            f"{path}: the times in column {column!r} are midnights of {midnights}, so these are local days; "
            'say day_basis = "local" in [panel].'
        )
    if basis != "local":
        return utc.where(known, times.wall)
    if zone is not None:
        local = utc.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        return local.where(known, times.wall).astype("datetime64[us]")
    if (offset[known] != 0).any():
        return times.wall
    if midnights is not None and midnights != "+00:00":
        return (utc + pd.Timedelta(minutes=_offsets(pd.Series([midnights]))[0])).astype("datetime64[us]")
    raise ValueError(
        f'{path}: column {column!r} has times in UTC, but [panel] says day_basis = "local"; give the zone '
        'of the places, such as time_zone = "Africa/Kampala", or say day_basis = "utc".'
    )


def _unmarked(times, basis, clock, zone, column, path):
    """Return times without a zone on the clock of the panel's days; what a clock shows twice is missing."""
    wall = times.wall
    if clock is None and zone is not None and stands_for_hours(times):
        raise ValueError(
            f"{path}: column {column!r} has times without a zone, and [panel] names the time_zone of the "
            'places; say whose clock the times show: times = "utc" or times = "local".'
        )
    told = _CLOCK_IN_NAME.search(column)
    if clock is None and told and told[0].lower() != (basis or "utc") and stands_for_hours(times):
        raise ValueError(
            f"{path}: the name of column {column!r} says {told[0]}, but the days are {basis or 'utc'}; say "
            f'times = "{told[0].lower()}" and the time_zone of the places in [panel].'
        )
    if clock != "local" or basis == "local":
        return wall
    if not stands_for_hours(times):
        raise ValueError(
            f"{path}: the days in column {column!r} are local, so they are no days in UTC; say "
            'day_basis = "local" in [panel].'
        )
    if zone is None:
        raise ValueError(
            f'{path}: times = "local" and day_basis = "utc" need the zone of the places, such as '
            'time_zone = "Africa/Kampala" in [panel].'
        )
    local = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")


def _midnights(wall, offset, longitude):
    """Return the zone other than UTC whose midnights all times are, or None.

    Times in UTC may be those of the places' midnights, which their longitude tells.
    """
    if (wall - wall.dt.normalize()).nunique() != 1:
        return None
    minutes = (wall.iloc[0] - wall.iloc[0].normalize()) / pd.Timedelta(minutes=1)
    if minutes == 0:
        # Summer time moves the offset, in London from that of UTC.
        return _zone_name(offset[offset != 0].iloc[0]) if (offset != 0).any() else None
    if (offset != 0).any() or minutes % 30:
        return None
    solar = longitude.loc[wall.index].median() * 4
    zone = min((-minutes, 1440 - minutes), key=lambda minutes: abs(minutes - solar))
    return _zone_name(zone) if abs(zone - solar) <= 150 else None


def _zone_name(minutes):
    sign, minutes = "-" if minutes < 0 else "+", abs(int(minutes))
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


def aggregation(name: str, values: pd.Series) -> str:
    """Return how a column becomes a daily value: mean, sum, max, min, direction or first.

    >>> [aggregation(name, pd.Series([1.0])) for name in ("temp_air", "precipitation", "wind_dir", "gust")]
    ['mean', 'sum', 'direction', 'max']
    """
    if name in IDENTITY or not pd.api.types.is_numeric_dtype(values):
        return "first"
    if name in COLUMNS:
        return _VOCABULARY.get(name, "mean")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)).lower().replace("_", " ")
    return next((how for how, pattern in _BY_NAME.items() if re.search(pattern, words)), "mean")


def to_days(rows: pd.DataFrame, tally, *, min_hours: int = MIN_HOURS, how=None) -> pd.DataFrame:
    """Aggregate readings to days, each place by itself.

    Several readings within an hour count once: their mean, or the sum of amounts. A column has a value on a
    day that has it in at least `min_hours` hours; days without any are dropped and counted.

    Parameters
    ----------
    rows : DataFrame of shape (n_readings, n_columns)
        With `site_id`, `begin` (the time at which each reading begins, on the clock of the days), perhaps
        `offset` (by how much that clock is ahead of UTC) and whatever was measured; texts are taken once a
        day.
    tally : airq.sources.cleaning.Tally
        Counts the readings that are merged or dropped.
    min_hours : int
        Fewest hours of a daily value, 1 to 24.
    how : dict of str to str, optional
        Aggregation of columns whose names do not tell it, see :func:`aggregation`.

    Returns
    -------
    DataFrame of shape (n_days, n_columns + 1)
        One row per `site_id` and `date`, with `n_hours`: hours with PM2.5, or else with any value.
    """
    columns = [name for name in rows.columns if name not in ("site_id", "begin", "offset")]
    how = {name: (how or {}).get(name) or aggregation(name, rows[name]) for name in columns}
    site, names = pd.factorize(rows["site_id"])
    hour = rows["begin"].astype("datetime64[us]").astype("int64").to_numpy() // 3_600_000_000
    first_day, last_day = int(hour.min()) // 24, int(hour.max()) // 24
    n_days = last_day - first_day + 1
    # Where summer time ends, a clock shows one hour twice.
    fold = pd.factorize(rows["offset"])[0] if "offset" in rows.columns else np.zeros(1, dtype="int64")
    n_folds = int(fold.max()) + 1
    keys = (site * (24 * n_days) + hour - 24 * first_day) * n_folds + fold
    table, readings = rows[columns], None
    if not (np.diff(keys) > 0).all() and not pd.Index(keys).is_unique:
        code, keys = pd.factorize(keys)
        readings = np.bincount(code)
        table, _ = _aggregated(table, code, how)
    code, days = _codes(keys // (24 * n_folds))
    table, counts = _aggregated(table, code, how)
    number, day = np.divmod(days, n_days)
    date = pd.to_datetime((day + first_day) * 86_400, unit="s").astype("datetime64[us]")
    table = table.assign(site_id=names[number], date=date, n_hours=_hours(counts, how))
    fallen = _empty_incomplete(table, counts, how, min_hours, tally)
    readings = np.bincount(code, readings)
    if fallen.any():
        reason = f"fewer than {min_hours} hours"
        tally.dropped[reason] = tally.dropped.get(reason, 0) + int(readings[fallen].sum())
        tally.notes.append(f"{fallen.sum():,} of {len(table):,} days fell: {reason}")
    tally.merged += int(readings[~fallen].sum()) - int((~fallen).sum())
    return table[~fallen].reset_index(drop=True)


def _codes(keys):
    """Return the number of each key among the different ones, and these; quicker where they are sorted."""
    steps = np.diff(keys)
    if (steps < 0).any():
        return pd.factorize(keys)
    first = np.concatenate([[0], np.flatnonzero(steps) + 1])
    return np.repeat(np.arange(len(first)), np.diff(first, append=len(keys))), keys[first]


def _hours(counts, how):
    """Return how many hours each day has."""
    measured = [counts[name] for name in how if how[name] != "first"]
    return counts[TARGET] if TARGET in counts else np.max(measured, axis=0) if measured else 0


def _aggregated(table, code, how):
    """Return a row for each code, and by column how many values it was made of.

    `code` has shape (n_rows,) and holds 0 to n - 1.
    """
    n, values, counts = int(code.max()) + 1, {}, {}
    speed = next((name for name in table.columns if how[name] != "first" and _is_speed(name)), None)
    for name in table.columns:
        if how[name] == "first":
            values[name] = table[name].groupby(code).first().to_numpy()
            continue
        column = table[name].to_numpy(dtype="float64")
        weight = table[speed].to_numpy(dtype="float64") if how[name] == "direction" and speed else None
        values[name], counts[name] = _reduced(column, code, n, how[name], weight)
    return pd.DataFrame(values, columns=table.columns), counts


def _is_speed(name):
    return re.search(_SPEED, str(name), re.IGNORECASE) is not None


def _reduced(values, code, n, how, weight):
    """Return the aggregate of each code, missing where it has no value, and how many it has."""
    there = ~np.isnan(values)
    own, values = (code, values) if there.all() else (code[there], values[there])
    counts = np.bincount(own, minlength=n)
    if how == "direction":
        angle = np.radians(values)
        # Where the air stands still its direction counts for nothing, unless it stands still all day.
        weight = 1.0 if weight is None else np.nan_to_num(weight[there]) + 1e-6
        parts = [np.bincount(own, weight * part, minlength=n) for part in (np.sin(angle), np.cos(angle))]
        result = np.degrees(np.arctan2(*parts)) % 360
    elif how in ("max", "min"):
        result = np.full(n, np.nan)
        groups = pd.Series(values).groupby(own)
        extreme = groups.max() if how == "max" else groups.min()
        result[extreme.index] = extreme
    else:
        result = np.bincount(own, values, minlength=n)
        if how == "mean":
            result = result / np.maximum(counts, 1)
    return np.where(counts > 0, result, np.nan), counts


def _empty_incomplete(table, counts, how, min_hours, tally):
    """Empty values of too few hours in place; return a mask of the days that have no other."""
    measured = [name for name in how if how[name] != "first"]
    enough = {name: counts[name] >= min_hours for name in measured}
    fallen = ~np.any(list(enough.values()), axis=0) if measured else np.zeros(len(table), dtype=bool)
    for name in measured:
        short = (counts[name] > 0) & ~enough[name] & ~fallen
        table[name] = tally.empty(table[name], short, f"{name} of fewer than {min_hours} hours")
    return fallen

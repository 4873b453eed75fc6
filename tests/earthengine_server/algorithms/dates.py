"""Dates and ranges of dates, in UTC."""

from __future__ import annotations

import calendar
import re

from ..assets import DAY, HOUR
from ..errors import EarthEngineError
from ..registry import algorithm
from ..values import Date, DateRange

#: Lengths of units. [ms]
UNITS = {
    "second": 1000,
    "minute": 60_000,
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "month": 365.2425 / 12 * DAY,
    "year": 365.2425 * DAY,
}
_MONTHS = {"month": 1, "year": 12}


def _unit(name):
    unit = name.lower().removesuffix("s")
    if unit not in UNITS:
        raise EarthEngineError(f"Date: Unknown unit '{name}'.")
    return unit


def _moment(value):
    return (
        value
        if isinstance(value, Date)
        else Date.parse(value)
        if isinstance(value, str)
        else Date(int(value))
    )


@algorithm("Date")
def date(value):
    try:
        return _moment(value)
    except (TypeError, ValueError):
        raise EarthEngineError(f"Date: Bad date/time '{value}'.") from None


@algorithm("Date.fromYMD")
def date_from_ymd(year, month, day):
    return Date.parse(f"{year:04d}-{month:02d}-{day:02d}")


@algorithm("Date.millis")
def date_millis(date):
    return date.millis


@algorithm("Date.advance")
def date_advance(date, delta, unit):
    """Months and years keep the day of the month, or take the month's last."""
    unit = _unit(unit)
    if unit not in _MONTHS:
        return Date(round(date.millis + delta * UNITS[unit]))
    moment = date.moment
    months = moment.year * 12 + moment.month - 1 + round(delta * _MONTHS[unit])
    year, month = months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return Date(round(moment.replace(year=year, month=month, day=day).timestamp() * 1000))


@algorithm("Date.difference")
def date_difference(date, start, unit):
    return (date.millis - start.millis) / UNITS[_unit(unit)]


@algorithm("Date.get")
def date_get(date, unit):
    return getattr(date.moment, _unit(unit)) if _unit(unit) != "week" else date.moment.isocalendar().week


@algorithm("Date.getRelative")
def date_get_relative(date, unit, inUnit):
    if (_unit(unit), _unit(inUnit)) != ("day", "year"):
        raise EarthEngineError("Date.getRelative: only the day in the year is implemented here.")
    return date.moment.timetuple().tm_yday - 1


@algorithm("Date.getRange")
def date_get_range(date, unit):
    moment, unit = date.moment, _unit(unit)
    smaller = {"second": {}, "minute": {"second": 0}, "hour": {"minute": 0, "second": 0}}
    smaller["day"] = {"hour": 0, "minute": 0, "second": 0}
    smaller["month"] = {"day": 1, **smaller["day"]}
    smaller["year"] = {"month": 1, **smaller["month"]}
    if unit not in smaller:
        raise EarthEngineError(f"Date.getRange: The unit '{unit}' is not implemented here.")
    start = Date(round(moment.replace(microsecond=0, **smaller[unit]).timestamp() * 1000))
    return DateRange(start.millis, date_advance(start, 1, unit).millis)


_PATTERNS = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "DDD": "%j",
}


@algorithm("Date.format")
def date_format(date, format):
    """Numbers of Joda time's patterns: yyyy, MM, dd, HH, mm, ss, DDD."""
    words = re.sub("|".join(_PATTERNS), lambda match: _PATTERNS[match[0]], format or "yyyy-MM-ddTHH:mm:ss")
    return date.moment.strftime(words.replace("'", ""))


@algorithm("DateRange")
def date_range(start, end):
    """Without an end, one millisecond."""
    first = date(start)
    last = date(end) if end is not None else Date(first.millis + 1)
    if last.millis <= first.millis:
        raise EarthEngineError("DateRange: An empty date range: its end is not after its start.")
    return DateRange(first.millis, last.millis)


@algorithm("DateRange.start")
def date_range_start(dateRange):
    return Date(dateRange.start)


@algorithm("DateRange.end")
def date_range_end(dateRange):
    return Date(dateRange.end)


@algorithm("DateRange.contains")
def date_range_contains(dateRange, other):
    return dateRange.start <= date(other).millis < dateRange.end

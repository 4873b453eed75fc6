"""Cells of text as numbers, truth values and days, in the ways that people write them."""

from __future__ import annotations

import re

import pandas as pd

from airq.files.tables import EMPTY_CELLS
from airq.io import atomic_write

#: Words in at most this share of the filled cells, among more than so many different numbers, are slips.
SLIPS, FEWEST_NUMBERS = 0.5, 20
_SIGN, _MONEY, _BLANKS = r"[+\-−]", "[$€£¥₹₽₩₦]", " '’\u00a0\u202f"


def _number(mark, other):
    """Return the pattern of a number with a decimal mark; the other one or blanks separate thousands."""
    mark, thousands = re.escape(mark), rf"(?:{re.escape(other)}|[{_BLANKS}])"
    body = rf"(?:[1-9]\d{{0,2}}(?:{thousands}\d{{3}})+|\d+)(?:{mark}\d*)?|{mark}\d+"
    return (
        rf"(?P<open>\()?\s*(?P<sign>{_SIGN})?\s*(?:{_MONEY}|[A-Z]{{3}}\b)?\s*(?P<inner>{_SIGN})?"
        rf"(?P<body>(?:{body})(?:[eE][+-]?\d+)?)"
        rf"\s*(?:{_MONEY}|%|(?P<unit>[^\W\d_][^\d\s]*))?\s*(?P<behind>-)?\)?"
    )


_PATTERNS = {".": _number(".", ","), ",": _number(",", ".")}
#: Words of truth values, the false one first.
FLAGS = (
    ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"), ("falsch", "wahr"),
    ("nein", "ja"), ("faux", "vrai"), ("non", "oui"), ("no", "si"), ("no", "sí"), ("não", "sim"),
    ("falso", "verdadero"),
)  # fmt: skip

_TIME = r"(?:[T ]\d{1,2}:\d{2}.*)?"
#: Days that begin with the year, or have the name of a month.
_YEAR_FIRST = rf"\d{{4}}(?P<dash>[-/])\d{{1,2}}(?P=dash)\d{{1,2}}{_TIME}"
_NAMED = (
    rf"(?i:(?:\d{{1,2}}(?:st|nd|rd|th)?[ .-]*)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    rf"[ .,-]*(?:\d{{1,2}},?[ -]+)?\d{{4}}){_TIME}"
)
#: Days that begin with the day or the month; points need two digits before a year of two digits.
_YEAR_LAST = (
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second>\d{1,2})(?P=mark)"
    rf"(?:\d{{4}}|(?:(?<=\d\d.\d\d.)|(?<=[-/]))\d{{2}}){_TIME}"
)
#: Fewer numbers than this, such as 20200131, are not taken for days.
_FEWEST_DAYS = 10


def filled(column):
    """Return a column as stripped text, blank cells and "?" missing."""
    column = column.astype(object).where(column.notna(), None)
    values = {value: cell_text(value) for value in column.dropna().unique()}
    values = {value: None if text in (*EMPTY_CELLS, "?") else text for value, text in values.items()}
    return column.map(values).astype(object)


def cell_text(value):
    """Return a cell as stripped text; a whole number is the same one where a gap made it a float."""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()


def _shares(text):
    """Return the share of the different cells that are numbers, by decimal mark."""
    known = pd.Series(text.dropna().unique(), dtype="str")
    return {mark: known.str.fullmatch(pattern).mean() for mark, pattern in _PATTERNS.items()}


def decimal_mark(words):
    """Return the decimal mark of a table: a comma if some column of text has it in numbers, else a point."""
    shares = [_shares(text) for text in words]
    return "," if any(one[","] > SLIPS and one[","] > one["."] for one in shares) else "."


def as_numbers(text, mark=".", *, known=False):
    """Read text as numbers: decimal commas, thousands, money, percent, one unit behind all.

    Of the two decimal marks the one that fits more cells is taken, `mark` if both do, or, if it is known,
    wherever it fits half of them. Returns floats, missing where a cell is no number, and the mark.

    >>> as_numbers(pd.Series(["1.234,50 €", "(12)", None, "many"]))[0].tolist()
    [1234.5, -12.0, nan, nan]
    """
    shares = _shares(text)
    if not (known and shares[mark] >= SLIPS) and shares[","] != shares["."]:
        mark = max(shares, key=shares.get)
    parts = text.astype("str").str.extract(f"^{_PATTERNS[mark]}$")
    body = parts["body"].str.replace(rf"[{_BLANKS}{'.' if mark == ',' else ','}]", "", regex=True)
    numbers = pd.to_numeric(body.str.replace(",", "."), errors="coerce").astype("float64")
    negative = parts[["sign", "inner", "behind"]].isin(["-", "−"]).any(axis=1) | parts["open"].notna()
    units = parts["unit"].dropna()
    if units.nunique() > 1 or 0 < len(units) < numbers.notna().sum():
        numbers = numbers.mask(parts["unit"].notna())
    elif len(units) and numbers.nunique() <= FEWEST_NUMBERS:
        numbers[:] = float("nan")
    return numbers.where(~negative, -numbers), mark


def as_flags(text, pair=None):
    """Read words such as yes and no as 1 and 0, or give None if they are others; return them and the pair."""
    lower = text.map(str.lower, na_action="ignore")
    found = set(lower.dropna())
    pair = pair or next((pair for pair in FLAGS if set(pair) == found), None)
    if pair is None:
        return None, None
    known = {pair[0]: 0.0, "0": 0.0, "0.0": 0.0, pair[1]: 1.0, "1": 1.0, "1.0": 1.0}
    return lower.map(known).astype("float64"), pair


def as_days(column, order=""):
    """Read dates as days since 1970, or give None; return them and what they begin with.

    That is "year", "day", "month", or "?" where nobody can tell day and month. If it is given, what is no
    such date is missing; else all cells must be dates.

    >>> as_days(pd.Series(["31.01.1970", "01.01.1970"]))[0].tolist()
    [30.0, 0.0]
    """
    times, known = column, bool(order)
    if not pd.api.types.is_datetime64_any_dtype(column):
        if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(column):
            return None, ""
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.dropna()
            if not (numbers.between(19000101, 21001231) & (numbers % 1 == 0)).all():
                return None, ""
            column = column.map("{:.0f}".format, na_action="ignore")
        column = text = filled(column).astype("str")
        found = _order(text.dropna())
        order = found if found == "year" or not order else order
        if order in ("", "?"):
            return None, order
        times = pd.to_datetime(text, utc=True, format="mixed", dayfirst=order == "day", errors="coerce")
        if order == "year":
            times = times.where(text.str.fullmatch(rf"{_YEAR_FIRST}|{_NAMED}|\d{{8}}"))
        else:  # pandas would exchange day and month where that makes a date
            first = text.str.extract(f"^{_YEAR_LAST}$")["first"].astype("float64")
            times = times.where(first == (times.dt.day if order == "day" else times.dt.month))
    times = pd.to_datetime(times, utc=True)
    if not known and times.notna().sum() < column.notna().sum():
        return None, ""
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1), order or "year"


def _order(cells):
    """Return what dates begin with, "?" where day and month could be exchanged, "" for other cells."""
    if not len(cells):
        return ""
    if cells.str.fullmatch(r"\d{8}").all():
        return "year" if cells.nunique() >= _FEWEST_DAYS else ""
    if cells.str.fullmatch(rf"{_YEAR_FIRST}|{_NAMED}").all():
        return "year"
    if not cells.str.fullmatch(_YEAR_LAST).all():
        return ""
    first, second = cells.str.extract(f"^{_YEAR_LAST}$")[["first", "second"]].astype("int").to_numpy().T
    if (second > 12).any():
        return "month"
    return "day" if (first > 12).any() or (first == second).all() else "?"


#: What makes a spreadsheet take a cell of text for a formula, unless it is a number.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$)")


def without_formulas(frame):
    """Return a copy whose text, names of columns too, no spreadsheet takes for formulas; numbers stay.

    >>> without_formulas(pd.DataFrame({"a": ["=1+1", "-5", "b"]}))["a"].tolist()
    ["'=1+1", '-5', 'b']
    """

    def guarded(value):
        return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value

    frame = frame.rename(columns=guarded)
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].map(guarded) for name in texts})


def write_csv(frame, path):
    """Write a table as CSV, whole or not at all, see :func:`without_formulas`."""
    with atomic_write(path) as unfinished:
        without_formulas(frame).to_csv(unfinished, index=False)

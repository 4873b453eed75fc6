"""Cells of text as numbers, truth values and days, in the ways that people write them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from airq.files.tables import EMPTY_CELLS

#: How some tables write a missing value.
UNKNOWN = "?"
#: Words in at most this share of the filled cells, among more than so many different numbers, are slips.
SLIPS, FEWEST_NUMBERS = 0.5, 20

_MONEY = (
    r"(?:[$€£¥₹₽₩₦]|R\$|Rs\.?|kr\.?|zł|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|BRL|MXN|ZAR|SEK|NOK|DKK|PLN|CZK"
    r"|TRY|NGN|KES|UGX|XAF|XOF)"
)
_SIGN, _BLANKS = r"[+\-−]", " '’\u00a0\u202f"


def _number(mark, other):
    """Pattern of a number with a decimal mark; the other one, blanks or apostrophes separate thousands."""
    mark, other = re.escape(mark), re.escape(other)
    grouped = rf"[1-9]\d{{0,2}}(?:{other}\d{{3}})+|[1-9]\d{{0,2}}(?:[{_BLANKS}]\d{{3}})+"
    body = rf"(?:{grouped}|\d+)(?:{mark}\d*)?|{mark}\d+"
    return re.compile(
        rf"(?P<open>\()?\s*(?P<sign>{_SIGN})?\s*{_MONEY}?\s*(?P<inner>{_SIGN})?(?P<body>(?:{body})(?:[eE][+-]?\d+)?)"
        rf"\s*(?:{_MONEY}|%|(?P<unit>[^\W\d_][^\d\s]*))?\s*(?P<behind>-)?\)?"
    )


_PATTERNS = {".": _number(".", ","), ",": _number(",", ".")}
#: Words of truth values, the false one first.
FLAGS = (
    ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"), ("falsch", "wahr"),
    ("nein", "ja"), ("faux", "vrai"), ("non", "oui"), ("no", "si"), ("no", "sí"), ("não", "sim"),
    ("falso", "verdadero"),
)  # fmt: skip

#: Days as CSV has them, year first, perhaps with a time behind.
_TIME = r"(?:[T ]\d{1,2}:\d{2}.*)?"
_DAY = rf"\d{{4}}(?P<dash>[-/])\d{{1,2}}(?P=dash)\d{{1,2}}{_TIME}"
#: Days that begin with the day or the month, perhaps with a time behind; points need two digits before "19".
_YEAR_LAST = (
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|(?:(?<=\d\d.\d\d.)|"
    r"(?<=[-/]))\d{2})(?P<time>[T ]\d{1,2}:\d{2}.*)?"
)
#: Days with the name of a month.
_NAMED = (
    rf"(?i:(?:\d{{1,2}}(?:st|nd|rd|th)?[ .-]*)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    rf"[ .,-]*(?:\d{{1,2}},?[ -]+)?\d{{4}}){_TIME}"
)
#: Fewer numbers than this, such as 20200131, are not taken for days.
_FEWEST_DAYS = 10


def filled(column):
    """A column as stripped text, blank cells and "?" missing.

    >>> filled(pd.Series([1, None, 2.5])).dropna().tolist()
    ['1', '2.5']
    """
    column = column.astype(object).where(column.notna(), None)
    values = {value: cell_text(value) for value in column.dropna().unique()}
    values = {value: None if text in (*EMPTY_CELLS, UNKNOWN) else text for value, text in values.items()}
    return column.map(values).astype(object)


def cell_text(value):
    """A cell as stripped text; a whole number is the same one where a gap made the column floats.

    >>> cell_text(1.0), cell_text(1), cell_text(" 1.0 ")
    ('1', '1', '1.0')
    """
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()


def distinct(text):
    """Different cells of a column of :func:`filled`: what they are need be found out only once.

    >>> distinct(pd.Series(["a", None, "a"])).tolist()
    ['a']
    """
    return pd.Series(text.dropna().unique(), dtype=object)


def _share(text, mark):
    """Share of the different cells that are numbers with this decimal mark."""
    known = distinct(text)
    return known.str.fullmatch(_PATTERNS[mark]).mean() if len(known) else 0.0


def decimal_mark(words):
    """Decimal mark of a table: a comma if some column of numbers has it, else a point.

    Parameters
    ----------
    words : mapping of str to Series of str
        Its columns of text.

    Returns
    -------
    str

    Examples
    --------
    >>> decimal_mark({"a": pd.Series(["1.234,5", "7"])}), decimal_mark({"a": pd.Series(["1,234", "7"])})
    (',', '.')
    """
    shares = [(_share(text, ","), _share(text, ".")) for text in words.values()]
    return "," if any(comma > SLIPS and comma > point for comma, point in shares) else "."


def as_numbers(text, mark=".", *, known=None):
    """Text as numbers: decimal commas, thousands, money, percent, one unit behind all.

    Parameters
    ----------
    text : Series of str
        From :func:`filled`.
    mark : str
        Decimal mark where the column itself does not tell.
    known : str, optional
        Decimal mark that the column must have; another one only where most cells are numbers with that alone.

    Returns
    -------
    numbers : Series of float
        Missing where a cell is no number; -5 for "(5)" and "5-", as accounts have it; 12 for "12 %".
    mark : str
        Decimal mark that was used.

    Examples
    --------
    >>> as_numbers(pd.Series(["1.234,50 €", "(12)", None, "many"]))[0].tolist()
    [1234.5, -12.0, nan, nan]
    >>> as_numbers(pd.Series(["1.500", "2.5"]), known=",")[0].tolist()
    [1500.0, nan]
    """
    shares = {one: _share(text, one) for one in _PATTERNS}
    if known and shares[known] >= SLIPS:
        mark = known
    elif shares[","] != shares["."]:
        mark = max(shares, key=shares.get)
    else:
        mark = known or mark
    parts = text.str.extract(f"^{_PATTERNS[mark].pattern}$")
    body = parts["body"].str.replace(rf"[{_BLANKS}{'.' if mark == ',' else ','}]", "", regex=True)
    numbers = pd.to_numeric(body.str.replace(",", "."), errors="coerce").astype("float64")
    signs = parts[["sign", "inner", "behind"]].isin(["-", "−"]).any(axis=1) | parts["open"].notna()
    units = parts["unit"].dropna()
    if len(units) and (units.nunique() > 1 or len(units) < numbers.notna().sum()):
        numbers = numbers.mask(parts["unit"].notna())
    elif len(units) and numbers.nunique() <= FEWEST_NUMBERS:
        numbers[:] = np.nan
    return numbers.where(~signs, -numbers).where(text.notna()), mark


def as_flags(text, values=None):
    """Words such as yes and no as 1 and 0, or None if they are others.

    Parameters
    ----------
    text : Series of str
        From :func:`filled`.
    values : pair of str, optional
        Words that are known to be meant, the false one first; others are then missing.

    Returns
    -------
    flags : Series of float or None
    values : pair of str or None

    Examples
    --------
    >>> as_flags(pd.Series(["Yes", "no", None]))[0].tolist()
    [1.0, 0.0, nan]
    """
    lower = text.map(str.lower, na_action="ignore")
    found = set(lower.dropna())
    pair = values or next((pair for pair in FLAGS if set(pair) == found), None)
    if pair is None:
        return None, None
    known = {pair[0]: 0.0, "0": 0.0, "0.0": 0.0, pair[1]: 1.0, "1": 1.0, "1.0": 1.0}
    return lower.map(known).astype("float64"), pair


def as_days(column, order=""):
    """Days since 1970 of a column of dates or times.

    Parameters
    ----------
    column : Series
        Text, numbers such as 20200131, or dates.
    order : {"", "year", "day", "month"}
        With what the dates begin, where it is known.

    Returns
    -------
    days : Series of float or None
        None where the column holds something else, or dates of which nobody can tell day and month.
    order : str
        With what they begin; "?" where nobody can tell.

    Examples
    --------
    >>> as_days(pd.Series(["31.01.1970", "01.01.1970"]))[0].tolist()
    [30.0, 0.0]
    """
    known = bool(order)
    if not pd.api.types.is_datetime64_any_dtype(column):
        if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(column):
            return None, ""
        numeric = pd.api.types.is_numeric_dtype(column)
        if numeric and not known and not _counts_days(column):
            return None, ""
        text = column.map("{:.0f}".format, na_action="ignore") if numeric else filled(column)
        column, order = _year_first(text.astype(object), order or ("year" if numeric else ""))
        if column is None:
            return None, order
    times = pd.to_datetime(column, utc=True, format="mixed", errors="coerce")
    if not known and times.notna().sum() < column.notna().sum():
        return None, ""
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1), order or "year"


def _counts_days(column):
    """Whether whole numbers such as 20200131 are days, each of them."""
    known = column.dropna()
    if known.nunique() < _FEWEST_DAYS or known.min() < 19000101 or known.max() > 21001231:
        return False
    return bool(
        pd.to_datetime(known.astype("int64").astype("str"), format="%Y%m%d", errors="coerce").notna().all()
    )


def _year_first(text, order):
    """Days as text with the year first, and with what they began; None where that cannot be."""
    known = text.dropna()
    if not len(known):
        return None, ""
    if known.str.fullmatch(rf"{_DAY}|{_NAMED}|\d{{8}}").all() and (
        order or not known.str.fullmatch(r"\d{8}").any()
    ):
        return text, "year"
    if not (order in ("day", "month") or known.str.fullmatch(_YEAR_LAST).all()):
        return (text, order) if order else (None, "")
    parts = text.str.extract(f"^{_YEAR_LAST}$")
    if order not in ("day", "month"):
        order = _told_order(parts["first"].astype("float64"), parts["second"].astype("float64"))
        if order == "?":
            return None, order
    day, month = ("first", "second") if order == "day" else ("second", "first")
    year = parts["year"].where(parts["year"].str.len() == 4, "20" + parts["year"])
    year = year.where(
        year.astype("float64").fillna(0) < 2070, (year.astype("float64") - 100).map("{:.0f}".format)
    )
    return year + "-" + parts[month] + "-" + parts[day] + parts["time"].fillna(""), order


def _told_order(first, second):
    """Whether the day or the month stands first, or "?" where they could be exchanged."""
    if (second > 12).any():
        return "month"
    if (first > 12).any() or (first.dropna() == second.dropna()).all():
        return "day"
    return "?"


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

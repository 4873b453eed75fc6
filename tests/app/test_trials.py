"""Uploaded tables: checked, then compared on in a process that ends with the page."""

from contextlib import closing

import numpy as np
import pytest

from app import comparisons, trials
from imbalance.comparison.strategies import ROWS

SMALL = b"size,kind\n1,a\n2,b\n3,a\n"


def rows(n, *, common="no", rare="yes"):
    "A table of n rows, a fifth of them rare; what is rare is larger."
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal() + 2 * (i % 5 == 0):.3f},{rare if i % 5 == 0 else common}" for i in range(n)]
    return ("size,late\n" + "\n".join(lines) + "\n").encode()


def job(**changes):
    "A comparison of two strategies on three folds."
    usual = {
        "target": "late",
        "target_prior": "balanced",
        "strategies": ["under-sample", "weights"],
        "folds": 3,
    }
    return trials.make_job(**usual | changes)


def test_the_strategies_on_offer_exist():
    "Every name is one that the comparison knows."
    assert set(trials.QUICK) <= set(ROWS)


def test_columns_that_could_be_the_classes():
    "Sizes 1, 2, 3 and kinds a, b; an identifier with more values than classes may have is none."
    upload = trials.read_upload(SMALL)
    assert upload.columns == ("size", "kind")
    assert trials.class_rows(upload, "kind") == {"a": 2, "b": 1}
    many = b"id,kind\n" + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(21))
    assert list(trials.read_upload(many).candidates) == ["kind"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n" + b"1,2\n" * 1_300_000, "5.2 MB"),
        (b"a,b\n" + b"1,2\n" * 20_001, "20,002 lines"),
        (b"a\r" * 20_003, "20,003 lines"),
        (b"a," * 200 + b"a\n1\n", "201 columns"),
        (b"", "empty"),
        (b"a,b\n", "no rows"),
        (b"a\n1\n2\n", "one column only"),
        (b"a,b\n1,1\n", "No column has 2 to 20"),
        (b"PAR1....", "is Parquet"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\x1f\x8b\x08....", "gzip"),
        ("a,b\nÀ,1\n".encode("latin-1"), "not UTF-8"),
        (b"a,b\n1,2,3,4\n", "line 2 has 4 cells, its header in line 1 has 2"),
        (b"\x80\x04\x95\x10.", "not UTF-8"),
    ],
)
def test_what_is_no_small_table_gives_words(content, words):
    "The line never names a file of the server."
    with pytest.raises(ValueError, match=words) as caught:
        trials.read_upload(content)
    assert "/" not in str(caught.value).replace("imbalance compare", "")


def test_twenty_thousand_rows_are_taken():
    "The limit itself is allowed."
    assert trials.read_upload(b"a,b\n" + b"1,2\n2,1\n" * 10_000).rows == 20_000


def test_labels_that_are_missing_are_counted():
    "One of three rows has no class."
    upload = trials.read_upload(b"size,kind\n1,a\n2,b\n3,\n")
    with pytest.raises(ValueError, match="1 of 3 rows"):
        trials.class_rows(upload, "kind")


@pytest.mark.parametrize("wrong", [{"strategies": []}, {"strategies": ["weights", "rm -rf"]}, {"folds": 99}])
def test_only_what_is_on_offer_is_run(wrong):
    "None is too few, an unknown one is none, 99 folds are too many."
    with pytest.raises(ValueError, match="Choose"):
        job(**wrong)


@pytest.mark.slow
def test_a_comparison_runs_to_its_end_and_leaves_nothing():
    "Two strategies on three folds, a common class whose name is a broken formula; progress never goes back."
    content = rows(150, common="$\\x$")
    with trials.trial_folder(content, job()) as folder:
        with closing(trials.run(folder)) as steps:
            done = [step.done for step in steps]
        found = comparisons.open_comparison(folder / trials.RESULT)
    assert done == sorted(done)
    assert set(found.table["rows"]) == {"as they are", "under-sample", "weights"}
    assert set(found.table["ending"]) == {"raw", "prior", "calibrated"}
    assert found.settings["class_rows"] == {"$\\x$": 120, "yes": 30}
    assert {"reliability", "sweep", "differences"} == set(found.tables)
    assert not folder.exists()


@pytest.mark.slow
def test_what_the_table_does_not_allow_is_said():
    "Two rows of a class are too few for three folds."
    content = b"size,late\n" + b"1,no\n" * 20 + b"2,yes\n3,yes\n"
    with (
        trials.trial_folder(content, job()) as folder,
        closing(trials.run(folder)) as steps,
        pytest.raises(ValueError, match="fold"),
    ):
        list(steps)

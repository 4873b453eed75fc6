"""A list of cities is read as data, and its cities are found or not."""

from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from app import comparisons, downloads, jobs
from app.views import imbalance
from imbalance.comparison.strategies import ROWS

HEAD = "city,country,latitude,longitude\n"
PLACES = pd.DataFrame(
    {
        "site_id": ["s1", "s2"],
        "city_id": ["kla", "nbo"],
        "latitude": [0.32, -1.29],
        "longitude": [32.58, 36.82],
    }
)


def listed(**columns):
    row = {"city_id": "x", "city": "X", "country": "UGA", "latitude": 0.0, "longitude": 0.0} | columns
    return pd.DataFrame({name: [value] for name, value in row.items()})


def test_semicolons_of_a_spreadsheet_are_understood():
    "With a byte-order mark, as spreadsheets write it."
    data = "\ufeffcity;country;latitude;longitude\r\nKampala;Uganda;0.32;32.58\r\n".encode()
    assert downloads.read_city_list(data)["country"].tolist() == ["UGA"]


def test_names_stay_text():
    "A formula, a number and markup are names like others."
    data = (HEAD + '=1+1,Uganda,0.3,32.5\n007,Uganda,0.4,32.6\n"<b>NA</b>",Uganda,0.5,32.7\n').encode()
    assert downloads.read_city_list(data)["city"].tolist() == ["=1+1", "007", "<b>NA</b>"]


WRONG = {
    "bytes": (b"x" * 1_000_001, "at most 1,000,000"),
    "rows": ((HEAD + "A,Uganda,0.3,32.5\n" * 5001).encode(), "more than 5,000 rows"),
    "columns": (("," * 60 + "\n").encode(), "more than 50 columns"),
    "empty": (b"", "is empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not text in UTF-8"),
    "other columns": (b"a,b\n1,2\n", "no column 'city'"),
    "no rows": (HEAD.encode(), "has no rows"),
    "a ragged row": ((HEAD + "A,Uganda,0.3,32.5,9,9\n").encode(), "."),
    "an open quote": ((HEAD + '"A,Uganda,0.3,32.5\n').encode(), "not a CSV table"),
    "a latitude of text": ((HEAD + "A,Uganda,north,32.5\n").encode(), "latitude of 'A'"),
    "an unknown country": ((HEAD + "A,Atlantis,0.3,32.5\n").encode(), "Unknown country 'Atlantis'"),
    "zeros": (b"\x00" * 100, "."),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_lists_are_refused_in_words(case):
    "Each with what is wrong, none with a traceback."
    data, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        downloads.read_city_list(data)


def test_a_city_is_found_by_its_identifier():
    "The same city_id, 1 km away."
    found = downloads.match(listed(city_id="kla", latitude=0.329, longitude=32.58), PLACES)
    assert found[["place", "how"]].to_numpy().tolist() == [["s1", "id"]]


def test_a_city_is_found_by_its_position():
    "Another identifier, 5 km from the site of Nairobi (0.045° of latitude are 5 km)."
    found = downloads.match(listed(latitude=-1.29 + 0.045, longitude=36.82), PLACES)
    assert found[["place", "how"]].to_numpy().tolist() == [["s2", "position"]]
    assert found["distance"].iloc[0] == pytest.approx(5.0, abs=0.05)


def test_the_same_identifier_far_away_is_another_city():
    "A list of another country may use kla as well."
    found = downloads.match(listed(city_id="kla", latitude=14.0, longitude=-17.0), PLACES)
    assert found["how"].tolist() == [""]
    assert found["place"].isna().all()


def test_the_same_identifier_far_away_leaves_the_place_nearby():
    "The identifier is Kampala's, the position Nairobi's: the position counts."
    found = downloads.match(listed(city_id="kla", latitude=-1.29, longitude=36.82), PLACES)
    assert found[["place", "how"]].to_numpy().tolist() == [["s2", "position"]]


def test_a_city_with_nothing_near_is_not_found():
    "20 km from the site (0.18° of latitude)."
    found = downloads.match(listed(latitude=-1.29 + 0.18, longitude=36.82), PLACES)
    assert found["how"].tolist() == [""]


SMALL = b"size,kind\n1,a\n2,b\n3,a\n"


def rows(n, *, common="no", rare="yes"):
    "A table of n rows, a fifth of them rare; what is rare is larger."
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal() + 2 * (i % 5 == 0):.3f},{rare if i % 5 == 0 else common}" for i in range(n)]
    return ("size,late\n" + "\n".join(lines) + "\n").encode()


def job(**changes):
    "A comparison of two strategies on three folds, as arguments."
    usual = {
        "target": "late",
        "target_prior": "balanced",
        "strategies": ["under-sample", "weights"],
        "folds": 3,
    }
    return imbalance.comparison_arguments(**usual | changes)


def test_the_strategies_on_offer_exist():
    "Every name is one that the comparison knows."
    assert set(imbalance.QUICK) <= set(ROWS)


def test_columns_that_could_be_the_classes():
    "Sizes 1, 2, 3 and kinds a, b; an identifier with more values than classes may have is none."
    upload = imbalance.read_upload(SMALL)
    assert list(upload) == ["size", "kind"]
    assert imbalance.class_rows(upload, "kind") == {"a": 2, "b": 1}
    many = b"id,kind\n" + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(21))
    assert list(imbalance.read_upload(many)) == ["kind"]


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
        imbalance.read_upload(content)
    assert "/" not in str(caught.value).replace("imbalance compare", "")


def test_twenty_thousand_rows_are_taken():
    "The limit itself is allowed."
    assert len(imbalance.read_upload(b"a,b\n" + b"1,2\n2,1\n" * 10_000)) == 20_000


def test_labels_that_are_missing_are_counted():
    "One of three rows has no class."
    upload = imbalance.read_upload(b"size,kind\n1,a\n2,b\n3,\n")
    with pytest.raises(ValueError, match="1 of 3 rows"):
        imbalance.class_rows(upload, "kind")


@pytest.mark.parametrize("wrong", [{"strategies": []}, {"strategies": ["weights", "rm -rf"]}, {"folds": 99}])
def test_only_what_is_on_offer_is_run(wrong):
    "None is too few, an unknown one is none, 99 folds are too many."
    with pytest.raises(ValueError, match="Choose"):
        job(**wrong)


def compare(content):
    "Compare on a table; the steps done, and what was found."
    with imbalance.as_file(content) as path:
        result = path.with_name("result")
        with closing(jobs.COMPARISON.run(path, *job(), "--jobs", 1, "--out", result)) as steps:
            done = [step.done for step in steps]
        return done, comparisons.open_comparison(result)


@pytest.mark.long
@pytest.mark.slow
def test_a_comparison_runs_to_its_end():
    "Two strategies on three folds, a common class whose name is a broken formula; progress never goes back."
    done, found = compare(rows(150, common="$\\x$"))
    assert done == sorted(done)
    assert set(found.table["rows"]) == {"as they are", "under-sample", "weights"}
    assert set(found.table["ending"]) == {"raw", "prior", "calibrated"}
    assert found.settings["class_rows"] == {"$\\x$": 120, "yes": 30}
    assert {"reliability", "sweep", "differences"} == set(found.tables)


@pytest.mark.slow
def test_what_the_table_does_not_allow_is_said():
    "Two rows of a class are too few for three folds."
    with pytest.raises(ValueError, match="fold"):
        compare(b"size,late\n" + b"1,no\n" * 20 + b"2,yes\n3,yes\n")

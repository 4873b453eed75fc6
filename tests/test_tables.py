"""Files of tables are read whole, or refused in one line by name."""

import gzip
import re

import pandas as pd
import pytest

from airq.tables import read_file, read_json

CSV = "site,value\na,1\nb,2\n"


def refused(path, words):
    return pytest.raises(ValueError, match=re.escape(str(path)) + ".*" + words)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_separator_is_read(tmp_path, separator):
    "The separator is the one that the header has most of."
    path = tmp_path / "t.csv"
    path.write_text(CSV.replace(",", separator))
    assert read_file(path)["value"].tolist() == [1, 2]


def test_gzip_and_parquet_hold_the_same_table(tmp_path):
    "The ending of the name decides how a file is opened, not what is in it."
    zipped, parquet = tmp_path / "t.csv.gz", tmp_path / "t.parquet"
    zipped.write_bytes(gzip.compress(CSV.encode(), mtime=0))
    pd.DataFrame({"site": ["a", "b"], "value": [1, 2]}).to_parquet(parquet)
    pd.testing.assert_frame_equal(read_file(zipped), read_file(parquet))


def test_an_index_of_parquet_is_a_column(tmp_path):
    "A table saved with its keys as the index still has them."
    path = tmp_path / "t.parquet"
    pd.DataFrame({"value": [1]}, index=pd.Index(["a"], name="site")).to_parquet(path)
    assert read_file(path).columns.tolist() == ["site", "value"]


def test_comments_before_the_header_are_skipped(tmp_path):
    "Only leading lines: a # inside a row is part of it."
    path = tmp_path / "t.csv"
    path.write_text("# archive\n#\nsite,value\n#1,3\n")
    assert read_file(path)["site"].tolist() == ["#1"]


def test_text_columns_stay_as_written(tmp_path):
    "Namibia's code is no missing value and a leading zero no ornament."
    path = tmp_path / "t.csv"
    path.write_text("country,id,value\nNA,007,NA\n")
    table = read_file(path, text=["country", "id"])
    assert table.loc[0, ["country", "id"]].tolist() == ["NA", "007"]
    assert pd.isna(table.loc[0, "value"])


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    "Excel puts one before the header."
    path = tmp_path / "t.csv"
    path.write_text(CSV, encoding="utf-8-sig")
    assert read_file(path).columns[0] == "site"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"  \n", "is empty"),
        ("a.csv", b"# only\n# comments\n", "comments only"),
        ("a.csv", b"site,value\n", "no rows"),
        ("a.csv", b"site,value\nBogot\xe1,1\n", "not UTF-8 text .line 2."),
        ("a.csv", b"site,value\na,1\nb,2,3\n", "line 3 has 3 cells, its header in line 1 has 2"),
        ("a.csv", b"site,value\na,1,9\nb,2,9\n", "line 2 has 3 cells, its header in line 1 has 2"),
        ("a.csv", b"PK\x03\x04rest", "Excel"),
        ("a.csv", b"PAR1rest", "Parquet"),
        ("a.csv", gzip.compress(CSV.encode(), mtime=0), "gzip.*[.]gz"),
        ("a.csv.gz", gzip.compress(CSV.encode() * 1000, mtime=0)[:-20], "cut off"),
        ("a.csv.gz", CSV.encode(), "not compressed"),
        ("a.csv.gz", b"", "is empty"),
        ("a.parquet", CSV.encode(), "not a whole Parquet"),
        ("a.parquet", b"", "not a whole Parquet"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, name, content, words):
    "One line, with the file's name and what is wrong."
    path = tmp_path / name
    path.write_bytes(content)
    with refused(path, words) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)


def test_a_cut_off_parquet_is_refused(tmp_path):
    "A file without its last bytes has no schema."
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(100)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])
    with refused(path, "not a whole Parquet"):
        read_file(path)


def test_a_missing_file_and_a_folder_are_os_errors(tmp_path):
    "Both are named."
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        read_file(tmp_path / "nowhere.csv")
    with pytest.raises(IsADirectoryError, match="folder"):
        read_file(tmp_path)


def test_cut_off_json_is_refused(tmp_path):
    "The line where it ends is named."
    path = tmp_path / "t.json"
    path.write_text('{"results": [\n{"value": 1')
    with refused(path, "line 2"):
        read_json(path)

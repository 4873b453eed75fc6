"""Files of tables are read whole, or refused in one line by name."""

import gzip
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airq.files import header, tables
from airq.files.tables import parse_csv, read_file

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
        ("a.json", b'[{"a":1}]', "is JSON, not a table; save its table as CSV"),
        ("a.csv", b'{\n  "a": 1,\n  "b": 2\n}', "is JSON, not a table"),
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


def read(content, **options):
    "A table from CSV text, and the notes on it."
    notes = []
    return parse_csv(content, "t.csv", notes=notes, **options), notes


def table(*rows):
    return "".join(f"{row}\n" for row in rows)


def test_plain_csv_has_no_notes():
    "Nothing was recognised that a reader would not expect."
    assert read(CSV)[1] == []


def test_names_and_words_lose_outer_blanks():
    "Also inside quotation marks, and in columns that stay as they are written."
    found, _ = read(' day , "town ",code\n1, Jinja ," 07 "\n', text=["code"])
    assert found.columns.tolist() == ["day", "town", "code"]
    assert found.loc[0].tolist() == [1, "Jinja", "07"]


def test_blank_cells_are_empty():
    "A column with some stays one of numbers; Namibia's code with a blank is still no word elsewhere."
    found, _ = read(table("a,b,c", "1, ,NA ", "2,5,3"))
    assert found["b"].tolist()[1:] == [5] and np.isnan(found["b"][0])
    assert found["c"].tolist()[1:] == [3] and np.isnan(found["c"][0])


def test_a_quoted_separator_in_a_name_is_part_of_it():
    "NA is an empty cell in that column, too."
    found, _ = read(table('site,"depth, blue",x', "a,0.2,1", "b,NA,2"))
    assert found.columns.tolist() == ["site", "depth, blue", "x"]
    assert found["depth, blue"].isna().tolist() == [False, True]


def test_a_line_that_names_the_separator_is_read():
    "As Excel writes it."
    found, notes = read(table("sep=;", "site;value", "a;1"))
    assert found["value"].tolist() == [1]
    assert notes == ["t.csv: cells are separated by semicolons"]


@pytest.mark.parametrize("content", ["a,b\n1,2,\n3,4,\n", "a,b,\n1,2,\n3,4,\n", "a,b\n1,2,,\n3,4,\n"])
def test_a_separator_at_the_end_of_every_row_is_no_column(content):
    "With one in the header or without."
    found, _ = read(content)
    assert found.columns.tolist() == ["a", "b"]
    assert found["b"].tolist() == [2, 4]


SENTENCES = (
    "Hourly values of a school\nAsk the teacher first\n\nroom,day,dust\nA,2020-01-01,7\nB,2020-01-01,8\n"
)


@pytest.mark.parametrize("padding", ["", ",,"])
def test_sentences_above_the_header_are_skipped(padding):
    "They fill one cell; Excel pads them with separators."
    found, notes = read(SENTENCES.replace("school", f"school{padding}").replace("first", f"first{padding}"))
    assert found["dust"].tolist() == [7, 8]
    assert notes == ["t.csv: 3 lines above the header were skipped"]


def test_the_head_of_a_nasa_file_is_skipped():
    "Whatever it says, the header is behind its end."
    head = table("-BEGIN HEADER-", "Daily data, in local time, for a place", "T2M, WS2M", "-END HEADER-")
    found, notes = read(head + table("YEAR,DOY,T2M", "2020,1,20.5", "2020,2,21.5"))
    assert found["T2M"].tolist() == [20.5, 21.5]
    assert notes == ["t.csv: 4 lines above the header were skipped"]


PAIRS = table("School,North", "From,2020-01-01", "", "room,day,dust", "A,2020-01-01,7", "B,2020-01-01,8")


def test_lines_that_may_be_rows_are_not_skipped_unasked():
    "The message says where the header seems to stand, and what to write."
    with pytest.raises(ValueError, match="t.csv: the header seems to stand in line 4; .*skip = 3"):
        read(PAIRS)


def test_a_table_of_words_alone_does_not_show_its_header():
    "Any of its lines could be one."
    with pytest.raises(ValueError, match="header seems to stand in line 2; .*skip = 1"):
        read(table("Names of rooms", "room;floor", "A;first", "B;second"))


@pytest.mark.parametrize("options", [{"needed": ["room", "dust"]}, {"skip": 3}])
def test_the_header_is_found_by_names_or_by_the_users_word(options):
    "The first line with all names, or the one below as many lines."
    found, _ = read(PAIRS, **options)
    assert found.columns.tolist() == ["room", "day", "dust"]
    assert found["dust"].tolist() == [7, 8]


def test_needed_names_tell_the_separator():
    "The first sentence has commas, the table semicolons."
    found, _ = read(table("One, two, three", "a;b", "1,5;2,5"), needed=["a", "b"])
    assert found.loc[0].tolist() == [1.5, 2.5]


def test_the_users_separator_counts():
    "A bar would have been taken for one."
    found, notes = read(table("a|b~c", "1|2~3"), separator="~")
    assert found.columns.tolist() == ["a|b", "c"]
    assert notes == []


def test_a_comment_may_be_the_header():
    "If it names as many cells as the row of numbers below it has."
    assert read(table("# made by hand", "# a, b", "1,2"))[0].to_dict("list") == {"a": [1], "b": [2]}


def test_a_repeated_header_is_dropped():
    "Of files that were glued together; the columns stay numbers."
    found, notes = read(CSV + CSV)
    assert found["value"].tolist() == [1, 2, 1, 2]
    assert notes == ["t.csv: the header stands 2 times; 1 dropped"]


def test_a_repeated_header_may_be_written_in_another_way():
    "With quotation marks, a byte order mark or a separator at its end."
    for again in ('"site","value"', "\ufeffsite,value", "site, value ,"):
        assert read(table("site,value", "a,1", again, "b,2"))[0]["value"].tolist() == [1, 2]


def test_what_stood_above_the_first_header_goes_with_the_others():
    "Title and comment of the second file are no rows, so that the columns stay numbers."
    for head in ("Dust at a school\n\n", "# made by hand\n"):
        found, _ = read(2 * (head + table("dust,rain", "1,2")))
        assert found.to_dict("list") == {"dust": [1, 1], "rain": [2, 2]}


def test_glued_files_with_columns_in_another_order_are_refused():
    "The numbers below would stand under the wrong names."
    with pytest.raises(ValueError, match="t.csv: the header stands again above row 2, .*another order"):
        read(table("site,value,x", "a,1,2", "site,x,value", "b,2,1"))


def test_lines_may_end_as_on_any_machine():
    "Windows and old Macs."
    for end in ("\r\n", "\r"):
        assert read(SENTENCES.replace("\n", end))[0]["dust"].tolist() == [7, 8]


def test_repeated_names_are_told_apart_and_nameless_columns_numbered():
    "As pandas does."
    assert read(",a,a\n1,2,3\n")[0].columns.tolist() == ["Unnamed: 0", "a", "a.1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            table("a,b", "1,2", "", "3,4,5"),
            "line 4 has 3 cells, its header in line 1 has 2; put quotation marks",
        ),
        (table("a,b", *["1,2"] * 300, "3,4,"), "line 302 has 3 cells.*commas at its end"),
        (table("x y", "", "a;b", "1;2", "3;4;5"), "line 5 has 3 cells"),
        (table("a,b", '1,"2', "3,4"), "quotation marks that begin in line 2 do not match"),
        (table("a,b,a", "1,2,3"), "two columns are called 'a'"),
        (table("Dear reader", "this is a letter", "no table, only words"), "line 3 has 2 cells"),
        (",".join(["a"] * 10_001), "10,001 columns; at most 10,000"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(content, words):
    "Lines are counted as in an editor, and the reason is told."
    with pytest.raises(ValueError, match=f"^t.csv.*({words})"):
        read(content, needed=["a"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"separator": "::"}, "one character"),
        ({"separator": ""}, "one character"),
        ({"skip": -1}, "number of lines"),
        ({"skip": True}, "number of lines"),
        ({"decimal": "·"}, "decimal must be"),
        ({"skip": 9}, "no table"),
    ],
)
def test_impossible_words_of_the_user_are_refused(options, words):
    "By the name of the file."
    with pytest.raises(ValueError, match=f"^t.csv.*{words}"):
        read(CSV, **options)


def test_decimal_commas_are_points_where_commas_do_not_separate():
    "Most cells have one, or all that have none are whole; words beside them stay."
    found, notes = read(table("site;fine;coarse;code", "a;1,5;3;x,1", "b;-2,5;4,5;y", "c;;5;z"))
    assert found["fine"].tolist()[:2] == [1.5, -2.5]
    assert found["coarse"].tolist() == [3, 4.5, 5]
    assert found["code"].tolist() == ["x,1", "y", "z"]
    assert notes[1:] == ["t.csv: commas in fine, coarse were read as decimal points"]


def test_commas_in_few_cells_or_in_text_are_no_points():
    "A list of two numbers stays one, as does a column that the caller calls text."
    found, notes = read(table("pair;code", "1,2;1,5", "x;2,5", "y;3,5"), text=["code"])
    assert found["pair"].tolist() == ["1,2", "x", "y"]
    assert found["code"].tolist() == ["1,5", "2,5", "3,5"]
    assert len(notes) == 1


def test_the_user_says_what_a_comma_is():
    "Never a point, or one in quoted cells of a table with commas, too."
    assert read(table("a;b", "1,5;2"), decimal=".")[0].loc[0].tolist() == ["1,5", 2]
    assert read(table("a,b", '"1,5",2'), decimal=",")[0].loc[0].tolist() == [1.5, 2]


def test_thousands_are_not_guessed():
    "1.234,5 stays as it is written."
    assert read(table("a;b", "1.234,5;1"))[0]["a"].tolist() == ["1.234,5"]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("plain", ["500", "12500"])
def test_commas_that_may_separate_thousands_are_no_points(separator, plain):
    "1,234 people are not 1.234; the other column has decimal points."
    rows = ("pop;rain", "1,234;6.5", "12,500;7.5", f"{plain};8.5")
    found, notes = read(table(*rows).replace(";", separator))
    assert found["pop"].tolist() == ["1,234", "12,500", plain]
    assert found["rain"].tolist() == [6.5, 7.5, 8.5]
    assert notes[1:] == ["t.csv: commas in pop may separate thousands; write decimal or remove them"]


@pytest.mark.parametrize("cells", [["1,234", "12,500", "7"], ["1,234,567", "1,234"], ["1,234.5", "2,345.5"]])
def test_thousands_need_no_other_column(cells):
    "Every comma has three digits behind it, and no cell has a thousand without."
    found, notes = read(table("pop;n", *(f"{cell};1" for cell in cells)))
    assert found["pop"].tolist() == cells
    assert notes[1:] == ["t.csv: commas in pop may separate thousands; write decimal or remove them"]


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        (["1,234;1", "12,50;1"], [1.234, 12.5]),
        (["1,234;1", "0,125;1"], [1.234, 0.125]),
        (["1,234;1", "1250;1"], [1.234, 1250]),
        (["1,234;0,5", "12,500;1,5"], [1.234, 12.5]),
    ],
    ids=["two digits", "nought before", "a thousand without", "another column with decimal commas"],
)
def test_three_digits_behind_commas_may_be_decimals(rows, values):
    "If something tells that commas separate no thousands here."
    assert read(table("a;b", *rows))[0]["a"].tolist() == values


def test_quoted_decimal_commas_are_points():
    "Where commas separate cells, those of numbers are in quotation marks."
    found, notes = read(table("a,b", '"5,47",1.5', '"6,1",2.5', "7,3.5"))
    assert found["a"].tolist() == [5.47, 6.1, 7]
    assert notes == ["t.csv: commas in a were read as decimal points"]


def test_quoted_commas_beside_points_or_thousands_are_no_decimals():
    "A column has one mark of decimals; 1,234 may be a thousand and more."
    found, notes = read(table("a,pop", '"5,47","1,234"', '"6,1","2,345"', '7.5,"3,456"'))
    assert found["a"].tolist() == ["5,47", "6,1", "7.5"]
    assert found["pop"].tolist() == ["1,234", "2,345", "3,456"]
    assert notes == ["t.csv: commas in pop may separate thousands; write decimal or remove them"]


def test_a_word_among_decimal_commas_stays_for_the_caller_to_count():
    "The numbers around it have points then."
    assert read(table("a;b", "1,5;1", "2,5;1", "n.d.;1"))[0]["a"].tolist() == ["1.5", "2.5", "n.d."]


def test_bytes_in_parquet_are_text(tmp_path):
    "Some writers do not say that they wrote text."
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({" site ": [b"Jinja "], "n": [1]}), path)
    assert read_file(path).to_dict("list") == {"site": ["Jinja"], "n": [1]}


def test_nested_columns_of_parquet_are_left_out(tmp_path):
    "Lists, structs and maps, by name; durations stay."
    day = np.timedelta64(1, "D")
    columns = {
        "n": [1],
        "tags": [["a", "b"]],
        "place": [{"lat": 0.3}],
        "facts": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        "lasted": pa.array([day.astype("timedelta64[us]")]),
    }
    path, notes = tmp_path / "t.parquet", []
    pq.write_table(pa.table(columns), path)
    assert read_file(path, notes=notes).to_dict("list") == {"n": [1], "lasted": [pd.Timedelta(day)]}
    assert notes == ["t.parquet: lists, structs or maps were left out: tags, place, facts"]


def test_a_nested_index_of_parquet_is_left_out(tmp_path):
    "What pandas wrote about it does not matter."
    path = tmp_path / "t.parquet"
    pd.DataFrame({"value": [1]}, index=pd.Index([("a", "b")], name="tags", tupleize_cols=False)).to_parquet(
        path
    )
    assert read_file(path).to_dict("list") == {"value": [1]}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"tags": [["a"]]}, "only columns of lists"),
        ({"site": [b"\xff\xfe"]}, "not a whole Parquet"),
        ({"a": [1], "a ": [2]}, "two columns are called 'a'"),
        ({f"c{i}": [1] for i in range(10_001)}, "10,001 columns"),
    ],
)
def test_parquet_that_cannot_be_read_is_named(tmp_path, columns, words):
    "Bytes that are no text, names that are equal, too many columns."
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    with refused(path, words):
        read_file(path)


def test_a_damaged_page_of_parquet_is_named(tmp_path):
    "The end of the file, which says what is in it, is whole."
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.arange(10_000)}), path, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[200:400] = b"\x55" * 200
    path.write_bytes(content)
    with refused(path, "not a whole Parquet"):
        read_file(path)


def test_parquet_of_too_many_cells_is_refused(tmp_path, monkeypatch):
    "A few bytes may stand for millions of equal ones."
    monkeypatch.setattr(tables, "MOST_CELLS", 9)
    pd.DataFrame({"a": [1] * 10}).to_parquet(tmp_path / "t.parquet")
    with refused(tmp_path / "t.parquet", "10 rows of 1 columns"):
        read_file(tmp_path / "t.parquet")


def test_a_table_that_does_not_fit_into_memory_is_named(tmp_path, monkeypatch):
    "Where memory ends, the file is still known."
    (tmp_path / "t.csv").write_text(CSV)
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(MemoryError, match="t.csv does not fit"):
        read_file(tmp_path / "t.csv")


def test_a_long_line_is_no_trouble():
    "A header of 5,000 names, longer than what the csv module takes for a cell."
    names = [f"a column with a rather long name, number {i}" for i in range(5_000)]
    quoted = ",".join(f'"{name}"' for name in names)
    assert read(f"{quoted}\n{','.join(['1'] * 5_000)}\n")[0].columns.tolist() == names


def test_the_header_is_sought_in_the_first_lines_only(monkeypatch):
    "What comes later cannot change how the file is read."
    monkeypatch.setattr(header, "_FIRST_LINES", 3)
    with pytest.raises(ValueError, match="line 4 has 3 cells"):
        read(table("a,b", "1,2", "3,4", "5,6,7"))


def test_endings_may_be_written_in_capitals(tmp_path):
    "Windows calls files T.CSV.GZ and T.PARQUET; each holds the same table."
    (tmp_path / "T.CSV.GZ").write_bytes(gzip.compress(CSV.encode()))
    pd.DataFrame({"site": ["a", "b"], "value": [1, 2]}).to_parquet(tmp_path / "T.PARQUET")
    for name in ("T.CSV.GZ", "T.PARQUET"):
        assert read_file(tmp_path / name)["value"].tolist() == [1, 2]

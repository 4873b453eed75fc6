"""Tables as people hand them over."""

import pandas as pd
import pytest

from airq.io import write_table
from imbalance.reading import features, labels, read_labelled

TABLE = "size,colour,code,town,risk\n1,red,7,A,low\n2,,7,A,high\n3,blue,8,B,low\n4,red,9,B,low\n"


@pytest.fixture
def file(tmp_path):
    "Four rows as CSV."
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_numbers_stay_numbers_and_text_becomes_categories(file):
    "Neither the target nor the group is a feature; a cell without text stays missing."
    table = read_labelled(file, target="risk", group="town")
    assert list(table.X.columns) == ["size", "colour", "code"]
    assert table.X["size"].tolist() == [1, 2, 3, 4]
    assert list(table.X["colour"].cat.categories) == ["blue", "red"]
    assert table.X["colour"].isna().tolist() == [False, True, False, False]
    assert table.y.tolist() == ["low", "high", "low", "low"]
    assert table.groups.tolist() == [0, 0, 1, 1]


def test_numbers_that_only_name_something_become_categories(file):
    "7, 8 and 9 are then names."
    X = read_labelled(file, target="risk", categorical=["code"], drop=["town"]).X
    assert list(X.columns) == ["size", "colour", "code"]
    assert list(X["code"].cat.categories) == ["7", "8", "9"]


def test_csv_and_parquet_give_the_same(file, tmp_path):
    "The kind of file does not matter."
    pd.read_csv(file).to_parquet(tmp_path / "table.parquet")
    here, there = (read_labelled(path, target="risk") for path in (file, tmp_path / "table.parquet"))
    pd.testing.assert_frame_equal(here.X, there.X)
    assert here.y.tolist() == there.y.tolist()


def test_labels_sort_as_numbers_where_all_are():
    "9 comes before 10; truth values and words stay words."
    assert labels(pd.Series(["10", "9", "9"])).tolist() == [10, 9, 9]
    assert labels(pd.Series([1.0, 0.0])).tolist() == [1, 0]
    assert labels(pd.Series(["None", "mild"])).tolist() == ["None", "mild"]


def test_a_code_with_a_leading_zero_is_no_number():
    "01 and 1 stay two classes, as they are written; 1 and 1.0 are one number."
    assert labels(pd.Series(["01", "1", "2"])).tolist() == ["01", "1", "2"]
    assert labels(pd.Series(["0", "1.0", "1"])).tolist() == [0, 1, 1]


def test_columns_called_by_words_and_numbers_get_names_of_one_type():
    "As after a concatenation; two that would be called alike are refused."
    X, _ = features(pd.DataFrame({0: [1.0, 2.0], "size": [3.0, 4.0]}))
    assert list(X.columns) == ["0", "size"]
    with pytest.raises(ValueError, match="Two columns are called '0'"):
        features(pd.DataFrame({0: [1.0, 2.0], "0": [3.0, 4.0]}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", None, "b"], ["1 of 3 rows", "no value"]),
        (["a", "a"], ["one class only", "a"]),
        ([i / 7 for i in range(30)], ["continuous", "30 different numbers"]),
        (list(range(200)), ["continuous", "0 to 199"]),
        ([f"name {i}" for i in range(200)], ["200 different labels"]),
    ],
)
def test_a_target_that_is_no_class_is_refused(values, words):
    "The message says what is wrong and counts it."
    with pytest.raises(ValueError) as refused:
        labels(pd.Series(values), name="risk")
    for word in words:
        assert word in str(refused.value)


def test_what_no_booster_can_learn_from_is_left_out_and_said():
    "Durations, empty columns and names of rows."
    table = pd.DataFrame(
        {
            "time": pd.to_timedelta([1] * 30, unit="h"),
            "nothing": [None] * 30,
            "name": [f"case {i}" for i in range(30)],
            "size": [1.5, 2.5, 3.5] * 10,
        }
    )
    X, notes = features(table)
    assert list(X.columns) == ["size"]
    for word in ("time (durations)", "nothing (empty)", "name (another value in nearly every row)"):
        assert word in notes[0]


def test_a_question_mark_is_a_missing_number():
    "Some tables write it so; the column is one of numbers all the same."
    X, _ = features(pd.DataFrame({"age": ["41", "?", "23"]}))
    assert X["age"].isna().tolist() == [False, True, False]
    assert X["age"].dropna().tolist() == [41, 23]


def test_infinite_numbers_are_refused():
    "They are a mistake made earlier."
    with pytest.raises(ValueError, match="'rate' holds infinite"):
        features(pd.DataFrame({"rate": [1.0, float("inf")]}))


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "is empty"), ("size,risk\n", "no rows"), ("size,risk\n1,a\n", "one class only")],
)
def test_a_file_without_cases_is_refused(tmp_path, content, words):
    "Nothing, a header alone, one class."
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=words):
        read_labelled(path, target="risk")


def test_a_column_that_is_not_there_is_named_with_the_nearest(file):
    "A slip of the pen is seen at once."
    with pytest.raises(ValueError, match=r"no column 'rsik'\. Did you mean risk\?"):
        read_labelled(file, target="rsik")
    with pytest.raises(ValueError, match="no column 'city'"):
        read_labelled(file, target="risk", group="city")


def test_the_target_cannot_be_a_feature(file):
    "As its own group it would tell the answer."
    with pytest.raises(ValueError, match="'risk' cannot be the group"):
        read_labelled(file, target="risk", group="risk")


def test_rows_of_a_simulation_say_so(file, tmp_path):
    "A panel or predictions tell it in their metadata; a plain table tells nothing."
    table = pd.read_csv(file)
    for name, facts in {
        "panel": {"pm25_origin": "simulated"},
        "predictions": {"trained_on": "simulated"},
    }.items():
        write_table(table, tmp_path / f"{name}.parquet", metadata={"airq": facts})
        note = read_labelled(tmp_path / f"{name}.parquet", target="risk").notes[0]
        assert note.startswith("SIMULATED")
    assert read_labelled(file, target="risk", drop=["colour", "town"]).notes == ()

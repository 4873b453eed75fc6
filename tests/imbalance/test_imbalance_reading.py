"""Tables as people hand them over."""

import pandas as pd
import pytest

from airq.io import write_table
from imbalance.comparison.problem import telling_columns
from imbalance.reading import Column, features, labels, read_alike, read_labelled, read_rows

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
    X, *_ = features(pd.DataFrame({0: [1.0, 2.0], "size": [3.0, 4.0]}))
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
    X, notes, _ = features(table)
    assert list(X.columns) == ["size"]
    for word in ("time (durations)", "nothing (empty)", "name (another value in nearly every row)"):
        assert word in notes[0]


def test_a_question_mark_is_a_missing_number():
    "Some tables write it so; the column is one of numbers all the same."
    X, *_ = features(pd.DataFrame({"age": ["41", "?", "23"]}))
    assert X["age"].isna().tolist() == [False, True, False]
    assert X["age"].dropna().tolist() == [41, 23]


def test_infinite_numbers_are_refused():
    "They are a mistake made earlier; so are those that are infinite in single precision."
    with pytest.raises(ValueError, match="'rate' holds infinite.*first in row 2: inf"):
        features(pd.DataFrame({"size": [1.0, 2.0], "rate": [1.0, float("inf")]}))
    with pytest.raises(ValueError, match=r"'rate' holds infinite.*first in row 3: -1e\+300"):
        features(pd.DataFrame({"rate": [None, 1e38, -1e300, 1e300]}))


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


def test_decimal_commas_are_numbers(tmp_path):
    "As exported where commas are decimal marks; a note says so."
    path = tmp_path / "table.csv"
    path.write_text("size ; risk\n0,5;low\n-1,25;high\n2;low\n")
    table = read_labelled(path, target="risk")
    assert table.X["size"].tolist() == [0.5, -1.25, 2]
    assert "Read as numbers: size ('0,5' is 0.5)." in table.notes


def test_quoted_decimal_commas_are_numbers(tmp_path):
    "Where commas separate the cells; a note says so."
    path = tmp_path / "table.csv"
    path.write_text('size,risk\n"0,5",low\n"-1,25",high\n2,low\n')
    table = read_labelled(path, target="risk")
    assert table.X["size"].tolist() == [0.5, -1.25, 2]
    assert table.notes == ("Read as numbers: size ('0,5' is 0.5).",)


def numbered(values, n=40, name="number"):
    "Names of the features, and the notes, of a table with a column of numbers beside a measurement."
    X, notes, _ = features(pd.DataFrame({name: list(values), "size": [0.5, 1.5] * (n // 2)}))
    return list(X), notes


@pytest.mark.parametrize(
    "values",
    [
        range(40),
        range(1001, 1041),
        range(40, 0, -1),
        [7 * n % 40 + 0.0 for n in range(40)],
    ],
    ids=["from 0", "from 1001", "falling", "shuffled"],
)
def test_a_number_of_the_row_is_no_feature(values):
    "In order or shuffled; a note names it."
    names, notes = numbered(values)
    assert names == ["size"]
    assert notes == ["Left out: number (a number of the row)."]


@pytest.mark.parametrize(
    "values",
    [
        [n**3 for n in range(40)],
        [n for n in range(50) if n % 5],
        [7 * n % 41 for n in range(40)],
        [977 * n % 1009 for n in range(40)],
        [*range(39), 38],
        [n + 0.5 for n in range(40)],
        [*range(39), None],
    ],
    ids=[
        "wide gaps",
        "small gaps",
        "shuffled, one gone",
        "drawn from a wide range",
        "one repeated",
        "no whole numbers",
        "one missing",
    ],
)
def test_a_measurement_of_whole_numbers_stays(values):
    "Random draws leave wide gaps or repeat a value."
    names, notes = numbered(values)
    assert (names, notes) == (["number", "size"], [])


def test_thirty_different_ages_stay():
    "So does a figure that only rises from row to row."
    ages = [20 + 7 * n % 40 for n in range(30)]
    gdp = [500 + 3 * n for n in range(30)]
    assert list(features(pd.DataFrame({"age": ages, "gdp": gdp}))[0]) == ["age", "gdp"]


def test_few_rows_cannot_tell_a_number_of_the_row():
    "Four sizes in order may be sizes."
    assert list(features(pd.DataFrame({"size": [1, 2, 3, 4]}))[0]) == ["size"]


@pytest.mark.parametrize("name", ["Unnamed: 0", "index", "level_0"])
def test_an_index_is_no_feature_in_few_rows_either(name):
    "Its name tells."
    assert numbered([3, 1, 7, 5], n=4, name=name)[0] == ["size"]


def test_rows_that_differ_by_their_number_only_are_equal(tmp_path):
    "The index that pandas writes is gone before equal rows are sought."
    from imbalance.comparison.problem import make_problem

    pd.DataFrame({"size": [1, 2] * 15, "risk": ["low", "high", "low"] * 10}).to_csv(tmp_path / "t.csv")
    table = read_labelled(tmp_path / "t.csv", target="risk")
    problem, notes = make_problem(table.X, table.y, target="balanced", cv=2, repeats=1)
    assert any("30 of 30 rows have the features of another row" in note for note in notes)
    assert len(set(problem.groups)) == 2


@pytest.mark.parametrize(
    "days",
    [
        ["1970-01-02", "1970-01-03 12:00", None],
        ["1970/1/2", "1970/1/3 12:00", "?"],
        pd.to_datetime(["1970-01-02 00:00", "1970-01-03 12:00", None]),
        pd.to_datetime(["1970-01-02T03:00+03:00", "1970-01-03T15:00+03:00", None]),
    ],
)
def test_days_are_numbers(days):
    "Since 1970, in days, and the weekday, a Friday and a Saturday; the third is missing."
    X, notes, _ = features(pd.DataFrame({"day": days}))
    assert X["day"].tolist()[:2] == [1, 2.5]
    assert X["day weekday"].tolist()[:2] == [4, 5]
    assert X["day"].isna().tolist() == [False, False, True]
    assert notes == ["Dates are used as numbers: day (days since 1970, weekday)."]


def test_days_in_a_row_stay_when_they_come_again():
    "Another day in every row is no number of the row, neither as text nor as the number that it became."
    X, *_ = features(pd.DataFrame({"day": pd.date_range("2020-01-01", periods=40)}))
    assert list(features(X)[0]) == ["day", "day month", "day weekday"]


@pytest.mark.parametrize(
    "days",
    [
        ["02/01/1970", "31/01/1970", None],
        ["2.1.1970 00:00", "31.01.1970 00:00", "?"],
        ["01-02-1970", "01-31-1970", ""],
    ],
)
def test_days_written_year_last_are_numbers_where_one_tells_the_order(days):
    "There is no 31st month, wherever it stands."
    X, notes, _ = features(pd.DataFrame({"day": days}))
    assert X["day"].tolist()[:2] == [1, 30]
    assert X["day"].isna().tolist() == [False, False, True]
    assert notes == ["Dates are used as numbers: day (days since 1970, weekday)."]


def test_days_that_may_be_months_are_left_out():
    "The third of April, or the fourth of March; the second of February is the same either way."
    table = pd.DataFrame({"day": ["03/04/2020", "05/04/2020"], "same": ["02/02/1970", "01/01/1970"]})
    X, notes, _ = features(table)
    assert X.to_dict("list") == {"same": [32, 0], "same month": [2, 1], "same weekday": [0, 3]}
    assert notes[0] == "Left out: day (dates that may be day first or month first)."


def test_what_is_no_day_in_either_order_stays_words():
    "The thirteenth stands first and second; a 31st of February."
    X, *_ = features(pd.DataFrame({"a": ["13/01/2020", "01/13/2020"], "b": ["31/02/2020", "01/02/2020"]}))
    assert list(X["a"].cat.categories) == ["01/13/2020", "13/01/2020"]
    assert list(X["b"].cat.categories) == ["01/02/2020", "31/02/2020"]


def test_groups_of_one_row_are_said(tmp_path):
    "They keep nothing together."
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    words = "Every row of 'size' is a group of its own: the folds are as without --group."
    assert words in read_labelled(path, target="risk", group="size").notes
    assert words not in read_labelled(path, target="risk", group="town").notes


def test_categories_are_named(file):
    "So that a column of numbers that is taken for words is seen."
    notes = read_labelled(file, target="risk", categorical=["code"]).notes
    assert "Taken for categories: colour, code, town." in notes


@pytest.mark.parametrize("value", ["inf", "x" * 201])
def test_a_label_that_nobody_can_print_is_refused(value):
    "Infinite, or of more than 200 characters."
    with pytest.raises(ValueError, match="'risk' has (an infinite label|a label of more than 200)"):
        labels(pd.Series([value, "1", "2"]), name="risk")


def test_labels_too_large_for_whole_numbers_stay_text():
    "1e30 is no 64-bit integer."
    assert labels(pd.Series(["1e30", "1", "1"])).tolist() == ["1e30", "1", "1"]


def test_a_word_among_many_numbers_is_a_missing_value():
    "One dash does not make 39 measurements names; three classes and a word stay four names."
    X, notes, _ = features(pd.DataFrame({"flow": ["-", *(f"{n}.5" for n in range(39))]}))
    assert X["flow"].isna().sum() == 1 and X["flow"].sum() == sum(range(39)) + 39 / 2
    assert notes == ["Words among numbers were taken for missing: flow (first '-')."]
    X, notes, _ = features(pd.DataFrame({"children": ["0", "1", "2", "3+"] * 10}))
    assert list(X["children"].cat.categories) == ["0", "1", "2", "3+"]


def test_whole_numbers_that_may_name_the_rows_are_said(tmp_path):
    "With wide gaps they may be prices or numbers of customers."
    path = tmp_path / "t.csv"
    path.write_text("price,risk\n" + "".join(f"{n**3},{n % 2}\n" for n in range(40)))
    (note,) = read_labelled(path, target="risk").notes
    assert note == "Another whole number in each row: price; --drop what only names the row."


def table_of(tmp_path, text, name="t.csv"):
    "A file of such text, and what was read from it to predict `y`."
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_labelled(tmp_path / name, target="y")


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.234,56", "12,5", "7"], [1234.56, 12.5, 7]),
        (["1,234.56", "12.5", "7"], [1234.56, 12.5, 7]),
        (["1.234", "999", "0,5"], [1234, 999, 0.5]),
        (["1 234,5", "12,5", "1’000"], [1234.5, 12.5, 1000]),
        (["$1,200.50", "-$3", "USD 4"], [1200.5, -3, 4]),
        (["1.200,50 €", "3 €", "€4"], [1200.5, 3, 4]),
        (["12 %", "3.5%", "100%"], [12, 3.5, 100]),
        (["(5)", "5-", "−5"], [-5, -5, -5]),
        (["1e3", "2.5E-1", "3"], [1000, 0.25, 3]),
    ],
)
def test_numbers_as_people_write_them(cells, values):
    "Decimal points and commas, thousands, money, percent, losses in brackets."
    X, *_ = features(pd.DataFrame({"amount": cells}))
    assert X["amount"].tolist() == pytest.approx(values)


def test_points_separate_thousands_where_another_column_has_decimal_commas(tmp_path):
    "1.234 is more than 999: a CSV of Europe, in which pandas would read 1.234 as a little more than one."
    X = table_of(tmp_path, "amount;rate;y\n1.234;0,5;a\n999;1,5;b\n2.000;2,5;a\n").X
    assert X["amount"].tolist() == [1234, 999, 2000]
    assert X["rate"].tolist() == [0.5, 1.5, 2.5]


def test_one_unit_in_every_row_is_a_number_and_several_are_words():
    "30 weights in kg; kg and g mixed would be wrong by a thousand; three sizes of shirts are names."
    X, *_ = features(pd.DataFrame({"weight": [f"{n}.5 kg" for n in range(30)]}))
    assert X["weight"].tolist() == [n + 0.5 for n in range(30)]
    mixed, sizes = ["1 kg", "900 g"] * 15, ["1X", "2X", "3X"] * 10
    X, *_ = features(pd.DataFrame({"mixed": mixed, "sizes": sizes}))
    assert all(isinstance(dtype, pd.CategoricalDtype) for dtype in X.dtypes)


def test_words_that_mean_true_or_false_are_one_and_zero():
    "In some languages; a third word makes them names."
    for false, true in [("no", "yes"), ("FALSE", "TRUE"), ("nein", "ja"), ("f", "t")]:
        assert features(pd.DataFrame({"late": [false, true, None]}))[0]["late"].tolist()[:2] == [0, 1]
    X, *_ = features(pd.DataFrame({"late": ["no", "yes", "perhaps"]}))
    assert list(X["late"].cat.categories) == ["no", "perhaps", "yes"]


@pytest.mark.parametrize(
    "day", ["31 Jan 2020", "January 31, 2020", "31.01.20", "1/31/20", "2020-01-31T10:30:00Z"]
)
def test_days_in_other_ways(day):
    "Named months and years of two digits, too: the 31st of January 2020 is day 18292 since 1970."
    X, *_ = features(pd.DataFrame({"day": [day, None]}))
    assert X["day"].iloc[0] // 1 == 18292


def test_days_of_another_table_may_begin_with_the_year():
    "A model of days written day first reads ISO days, too; what is neither is missing, and said."
    how = [Column("day", "days", order="day")]
    assert read_alike(pd.DataFrame({"day": ["1970-01-05", "1970-02-01"]}), how)[0]["day"].tolist() == [4, 31]
    X, (note,) = read_alike(pd.DataFrame({"day": ["05.01.1970", "01/13/1970", "5"]}), how)
    assert X["day"].dropna().tolist() == [4] and note.startswith("Taken for missing: 2 cells of day")


def test_versions_are_no_days():
    "1.2.10 has neither two digits for the day nor for the month."
    X, *_ = features(pd.DataFrame({"version": ["1.2.10", "1.13.11", "1.2.10"]}))
    assert list(X["version"].cat.categories) == ["1.13.11", "1.2.10"]


def test_numbers_such_as_20200131_are_days():
    "Where each of them is one, in ten different rows or more."
    days = [f"202001{day:02}" for day in range(1, 31)]
    assert features(pd.DataFrame({"day": map(int, days)}))[0]["day"].tolist()[0] == 18262
    numbers = features(pd.DataFrame({"code": [*map(int, days), 20200230, 20200230]}))[0]
    assert list(numbers) == ["code"] and numbers["code"].iloc[-1] == 20200230


def test_text_dates_and_datetimes_give_the_same(tmp_path):
    "CSV and Parquet."
    days = pd.date_range("2020-01-30", periods=40, freq="9D")
    table = pd.DataFrame({"when": days, "y": ["a", "b"] * 20})
    table.to_parquet(tmp_path / "t.parquet")
    here = table_of(tmp_path, table.to_csv(index=False))
    there = read_labelled(tmp_path / "t.parquet", target="y")
    assert list(here.X) == ["when", "when year", "when month", "when weekday"]
    pd.testing.assert_frame_equal(here.X, there.X)


def test_a_column_that_alone_tells_the_class_is_said(tmp_path):
    "A sum that only those who paid back have, and a word; chance and a good feature are not named."
    rows = [
        f"{n * n % 101},{'' if n % 3 else n},{'good' if n % 3 else 'bad'},{n % 3 + n % 7},"
        + ("no" if n % 3 else "yes")
        for n in range(300)
    ]
    table = table_of(tmp_path, "chance,repaid,grade,feature,y\n" + "\n".join(rows))
    notes = telling_columns(table.X, table.y)
    said = [note.split()[0] for note in notes if "alone tells the class of 100%" in note]
    assert said == ["repaid", "grade"]


def test_a_category_of_many_values_is_said_with_their_number(tmp_path):
    "60 streets, each twice."
    rows = "\n".join(f"street {n % 60},{'ab'[n < 60]}" for n in range(120))
    assert "Taken for categories: street (60 values)." in table_of(tmp_path, f"street,y\n{rows}\n").notes


def test_another_table_is_read_as_the_first_one(tmp_path):
    "The same columns in the same order; unknown words and no numbers are missing, and said; others are left."
    first = table_of(
        tmp_path,
        "size;when;town;late;y\n1.200,5;31.01.2020;Kano;no;a\n2,5;01.02.2020;Lagos;yes;b\n3,5;02.03.2021;Kano;no;a\n",
    )
    (tmp_path / "new.csv").write_text(
        "late;town;more;size;when\nyes;Kano;x;4.000,25;03.04.2020\nyes;Jos;x;about 5;05.06.2021\n"
    )
    X, notes = read_alike(read_rows(tmp_path / "new.csv"), first.columns)
    assert (
        list(X)
        == list(first.X)
        == ["size", "when", "when year", "when month", "when weekday", "town", "late"]
    )
    assert X["size"].tolist()[0] == 4000.25 and X["late"].tolist() == [1, 1]
    assert X["when month"].tolist() == [4, 6]  # day first, as in the table before; alone, nobody could tell
    assert X["town"].isna().tolist() == [False, True]
    assert notes == [
        "Taken for missing: 1 cell of size (first 'about 5').",
        "Taken for missing: 1 cell of town (first 'Jos').",
        "The model extrapolates from what it was trained on: size (mostly outside 2.5 to 1200.5), when "
        "(dates outside 2020-01-31 to 2021-03-02).",
    ]
    with pytest.raises(ValueError, match="no column 'town'"):
        read_alike(pd.DataFrame({"size": [1], "when": ["2020-01-01"], "late": ["no"]}), first.columns)


@pytest.mark.parametrize("gap", ["first", "new"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_codes_are_the_same_with_and_without_a_gap(tmp_path, gap, ending):
    "An empty cell makes whole numbers floats; the code 2 is 2.0, whichever table has the gap."
    codes = {name: [1, None if gap == name else 3, 2, 2] for name in ("first", "new")}
    for name, values in codes.items():
        table = pd.DataFrame({"code": values, "y": ["a", "b"] * 2})
        path = tmp_path / f"{name}.{ending}"
        table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    first = read_labelled(tmp_path / f"first.{ending}", target="y", categorical=["code"])
    X, _ = read_alike(read_rows(tmp_path / f"new.{ending}", columns=first.columns), first.columns)
    assert X["code"].astype(object).tolist()[2:] == ["2", "2"] == first.X["code"].astype(object).tolist()[2:]


def test_a_known_decimal_comma_is_not_guessed_anew(tmp_path):
    "1.500 is 1500 where the model learned from decimal commas, also in a table that has none."
    first = table_of(tmp_path, "sum;x;y\n1.234,50;1;a\n99,5;2;b\n2.000,25;3;a\n")
    (tmp_path / "new.csv").write_text("sum;x\n1.500;2\n1.900;3\n")
    X, notes = read_alike(read_rows(tmp_path / "new.csv", columns=first.columns), first.columns)
    assert X["sum"].tolist() == [1500, 1900] and X["x"].tolist() == [2, 3] and not notes


def test_rows_beyond_those_of_training_are_said(tmp_path):
    "One later day is said; a number only where more than half of the rows lie outside; gaps do not count."
    first = table_of(tmp_path, "when,size,y\n2020-01-01,1,a\n2020-01-20,2,b\n2020-01-31,5,a\n")

    def said(when, size):
        return read_alike(pd.DataFrame({"when": when, "size": size}), first.columns)[1]

    inside = ["2020-01-05", "2020-01-31", None]
    assert said(inside, [1.0, 5.0, None]) == said(inside, [2.0, 9.0, None]) == []
    assert said(["2020-01-05", "2020-02-01", None], [6.0, 7.0, 2.0]) == [
        "The model extrapolates from what it was trained on: when (dates outside 2020-01-01 to 2020-01-31), "
        "size (mostly outside 1 to 5)."
    ]


def test_a_table_whose_cells_only_fit_the_other_mark_is_read_by_it(tmp_path):
    "0.25 is no number with a decimal comma; most cells decide."
    first = table_of(tmp_path, "sum;y\n0,5;a\n1,25;b\n2,5;a\n")
    (tmp_path / "new.csv").write_text("sum\n0.25\n1.75\n")
    X, _ = read_alike(read_rows(tmp_path / "new.csv", columns=first.columns), first.columns)
    assert X["sum"].tolist() == [0.25, 1.75]

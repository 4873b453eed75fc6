"""Names from data on a page."""

import pytest

from app.style import for_csv, for_markdown, safe_card, short_path, shown


def test_long_names_are_cut():
    "Ten thousand letters become sixty."
    assert len(shown("x" * 10_000)) == 60


def test_nothing_turns_the_text_around():
    "A character that overrides the direction is gone; Arabic is isolated from what follows."
    assert shown("abc\u202egnp.exe") == "abcgnp.exe"
    assert shown("القاهرة") == "\u2068القاهرة\u2069"


def test_markup_is_shown_not_obeyed():
    "Every sign that opens markup is escaped."
    assert for_markdown("# [a](javascript:b) **c** $d$ `e`").count("\\") == 14


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@sum", "\t=1"])
def test_formulas_are_neutralised(cell):
    "A spreadsheet takes a cell that begins with an apostrophe for text."
    assert for_csv(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["-1.5", "+2e3", "Kano", 3.0, None])
def test_numbers_and_names_stay(cell):
    "A negative number is no formula."
    assert for_csv(cell) == cell


def test_a_path_is_written_as_a_person_would(tmp_path, monkeypatch):
    "From the working folder, from the home folder, or whole."
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = [tmp_path / "work" / "demo", tmp_path / "cache", tmp_path.parent]
    assert [short_path(path) for path in paths] == ["demo", "~/cache", str(tmp_path.parent)]


@pytest.mark.parametrize(
    "name",
    [
        "![x](http://example.org/x.png)",
        "[click](javascript:alert(1))",
        "<img src=http://example.org/x>",
        "<script>alert(1)</script>",
        "`![x](http://example.org/x)``",
        "<http://example.org>",
        ":red[alarm]",
        "$x$",
    ],
)
def test_nothing_active_survives(name):
    "Every character that begins a link, a picture, HTML or a formula is written out."
    text = safe_card(f"| worst city |\n|---|\n| {name} |")
    for letter in "[<$!":
        assert text.count(letter) == text.count("\\" + letter)


def test_tables_headings_and_code_stay():
    "A heading goes two steps down; a table and a plain code span stay as they are."
    assert safe_card("## How\n\n| a | b |\n|---|---|\n| `no2` | *c* |") == (
        "#### How\n\n| a | b |\n|---|---|\n| `no2` | *c* |"
    )


def test_an_endless_name_is_cut():
    "10,000 characters in a cell become 120; the cells beside it stay."
    line = safe_card(f"| {'x' * 10_000} | 5.0 |")
    assert len(line) < 140
    assert line.endswith("| 5.0 |")


def test_a_name_cannot_turn_the_text_around_it():
    "Characters that steer the direction are left out."
    assert safe_card("a\u202eb") == "ab"

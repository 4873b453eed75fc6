"""Names from data on a page."""

import pytest

from app.text import for_csv, for_markdown, short_path, shown


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

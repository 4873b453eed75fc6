"""A card shows words, whatever a name in it holds."""

import pytest

from app.card_text import safe_card


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

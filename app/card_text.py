"""The card of a bundle as Markdown that shows words only: no link, no picture, no markup of a name."""

from __future__ import annotations

import re

from app.text import STEERING

#: Most characters of a card, of a line, and of a cell of a table.
MOST, LONGEST_LINE, LONGEST_CELL = 60_000, 1_500, 120
#: A code span that can hold nothing but a name, a number or a hash.
CODE = re.compile(r"(`[A-Za-z0-9_.:+/= -]{1,80}`)")
#: What makes links, pictures, HTML, formulas, coloured text and addresses.
ACTIVE = re.compile(r"([\[\]<>!$:@`~&\\])")
CELL = re.compile(r"(?<!\\)\|")


def safe_card(text):
    """Return the text of card.md, headings two steps lower, with everything active written out.

    Emphasis, lists, tables and plain code spans stay; what could fetch, link or draw does not.

    Parameters
    ----------
    text : str
        Markdown of unknown origin.

    Returns
    -------
    str

    Examples
    --------
    >>> print(safe_card("# Card\\n![x](http://a.b) `no2` *city*"))
    ### Card
    \\!\\[x\\](http\\://a.b) `no2` *city*
    """
    lines = text[:MOST].splitlines()
    return "\n".join(_line(line) for line in lines) + ("\n\n…" if len(text) > MOST else "")


def _line(line):
    line = "".join(
        letter for letter in line if letter not in STEERING and (letter.isprintable() or letter == " ")
    )
    if line.startswith("|"):
        line = "|".join(_cut(cell, LONGEST_CELL) for cell in CELL.split(line))
    line = _cut(line, LONGEST_LINE)
    if re.match(r" {0,3}(```|~~~)", line):
        return ""
    heading = re.match(r"(#{1,4}) ", line)
    if heading:
        line = "##" + line
    parts = CODE.split(line.lstrip() if line.startswith("    ") else line)
    return "".join(part if number % 2 else _quiet(part) for number, part in enumerate(parts))


def _quiet(part):
    part = re.sub(r"www\.", r"www\\.", ACTIVE.sub(r"\\\1", part), flags=re.IGNORECASE)
    # A pipe that the card has escaped stays escaped.
    return part.replace("\\\\|", "\\|")


def _cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "…"

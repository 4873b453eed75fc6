"""Text from data, made safe to show: names may hold markup, formulas or anything else.

A name goes through one of these on its way to the page. Which one depends on who reads it: a plain
widget or a chart, Markdown, or a spreadsheet.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

#: Longest name on a page. [characters]
LIMIT = 60
#: Mean length of a year. [d]
YEAR = 365.25
#: Characters that steer the direction of what follows, up to the end of the line.
STEERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ISOLATE, END = "\u2068", "\u2069"
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&^=@])")
#: Where a browser would make a link of bare text: addresses and mail. An invisible letter stands there.
LINKS = re.compile(r"(?<=http)(?=://)|(?<=https)(?=://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
WORD_JOINER = "\u2060"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: Most characters of a card, of a line, and of a cell of a table.
MOST, LONGEST_LINE, LONGEST_CELL = 60_000, 1_500, 120
#: A code span that can hold nothing but a name, a number or a hash.
CODE = re.compile(r"(`[A-Za-z0-9_.:+/= -]{1,80}`)")
#: What makes links, pictures, HTML, formulas, coloured text and addresses.
ACTIVE = re.compile(r"([\[\]<>!$:@`~&\\])")
CELL = re.compile(r"(?<!\\)\|")


def shown(value, *, limit=LIMIT):
    """Write a name on one line, at most `limit` characters, so that it cannot turn the text around it.

    Examples
    --------
    >>> shown("Bamako\\n")
    'Bamako'
    >>> shown("x" * 100, limit=5)
    'xxxx…'
    """
    line = " ".join(str(value).split())
    line = "".join(
        letter
        for letter in line
        if letter not in STEERING and unicodedata.category(letter) not in ("Cc", "Cs", "Co", "Cn")
    )
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    if any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in line):
        return ISOLATE + line + END
    return line


def short_path(path):
    """Write a path as a person would: from the working folder, else from the home folder, else whole.

    >>> short_path(Path.cwd() / "demo")
    'demo'
    """
    path = Path(path).absolute()
    for folder, mark in ((Path.cwd(), "."), (Path.home(), "~")):
        if path.is_relative_to(folder):
            return str(Path(mark, path.relative_to(folder)))
    return str(path)


def age_words(day, today):
    """Say how long ago a day was, in words.

    >>> from datetime import date
    >>> age_words(date(2020, 8, 1), date(2026, 11, 29))
    'more than 6 years ago'
    >>> age_words(date(2020, 8, 1), date(2020, 11, 29))
    '120 days ago'
    >>> age_words(date(2020, 8, 4), date(2020, 8, 1))
    '3 days ahead'
    """
    days = (today - day).days
    if days < 0:
        return "tomorrow" if days == -1 else f"{-days} days ahead"
    if days < 2 * YEAR:
        return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return f"more than {int(days / YEAR)} years ago"


def words_of(error):
    """Say what an error says, without the number that the system gives it.

    >>> words_of(FileNotFoundError(2, "No such file or directory", "here"))
    'No such file or directory: here'
    """
    if not (isinstance(error, OSError) and error.strerror):
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def for_markdown(value, *, limit=LIMIT):
    """Escape a name for Markdown: captions, messages, labels; no part of it becomes a link.

    >>> print(for_markdown("[a](b)"))
    \\[a\\]\\(b\\)
    >>> "http://" in for_markdown("http://a.b").replace("\\\\", "")
    False
    """
    return MARKDOWN.sub(r"\\\1", LINKS.sub(WORD_JOINER, shown(value, limit=limit)))


def for_csv(value):
    """Guard a cell so that no spreadsheet takes it for a formula; numbers stay as they are.

    >>> for_csv("=cmd()"), for_csv("-1.5"), for_csv("Kano")
    ("'=cmd()", '-1.5', 'Kano')
    """
    if not isinstance(value, str) or not value.startswith(FORMULA) or NUMBER.fullmatch(value):
        return value
    return "'" + value


def for_file_name(value, *, limit=LIMIT):
    """Turn a name into part of a file's name: plain letters and digits, joined by hyphens.

    >>> for_file_name("São Tomé / ../x"), for_file_name("القاهرة")
    ('sao-tome-x', 'city')
    """
    plain = unicodedata.normalize("NFKD", str(value)[: 10 * limit]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:limit].strip("-") or "city"


def safe_card(text):
    """Return the text of card.md, headings two steps lower, with everything active written out.

    Emphasis, lists, tables and plain code spans stay; what could fetch, link or draw does not.

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

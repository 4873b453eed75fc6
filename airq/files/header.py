"""Find the header of a CSV text: its separator, its names, and the lines that stand above it."""

from __future__ import annotations

import contextlib
import csv
import re
from collections import Counter
from typing import NamedTuple

MOST_COLUMNS = 10_000

#: What may stand between cells -> what to call it.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

#: What pandas takes for an empty cell, for the columns that are not text: Namibia's code is NA.
EMPTY_CELLS = ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#N/A", "<NA>"]

#: Lines that are looked at to find the header, and their length in all.
_FIRST_LINES, _FIRST_CHARACTERS = 200, 2_000_000
#: First line of a table that Excel wrote, and the line that ends the head of one from NASA POWER.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_END_OF_HEAD = re.compile(r"-+ ?END HEADER ?-+\s*", re.IGNORECASE)
#: Cells of numbers, days and times, which are no names of columns.
_NUMBER = re.compile(r"[-+.,:/ \d]*\d[-+.,:/ \d]*(?:[TeE][-+:.\d]+Z?)?")


class Header(NamedTuple):
    """What the header of a CSV text says, and where it stands."""

    #: Number of lines above it.
    line: int
    #: Number of lines and of characters in front of the first row.
    below: int
    end: int
    separator: str
    #: Names of the columns, all different; "Unnamed: 2" where there is none.
    names: list
    #: Number of separators at the end of rows that the header lacks.
    trailing: int
    #: First cells of the lines above it, comments among them.
    above: set
    #: Whether those lines say something, apart from comments.
    skipped: bool


class _Record(NamedTuple):
    """Cells of a row, and the lines at which it begins and ends."""

    line: int
    end: int
    cells: list
    comment: bool

    @property
    def filled(self):
        return sum(cell != "" for cell in self.cells)

    def fits(self, row):
        """Whether a row has as many cells, apart from empty ones at its end."""
        return len(row.cells) >= len(self.cells) and not any(row.cells[len(self.cells) :])

    @property
    def has_names(self):
        """Whether no cell is a number, a day, or how a missing one is written."""
        return not any(_NUMBER.fullmatch(cell) or (cell and cell in EMPTY_CELLS) for cell in self.cells)

    def heads(self, rows):
        """Whether it may be the header of some rows: names above as many cells."""
        return bool(rows) and self.filled > 1 and self.has_names and all(map(self.fits, rows))


def find_header(content, path, *, needed=(), skip=None, separator=None):
    """Find the header of a CSV text: the first line with all `needed` names, or that looks like one.

    A ValueError is raised if there are comments only, a needed name stands twice, there are more than
    :data:`MOST_COLUMNS` names, or the header seems to stand below lines that may be rows. The parameters
    are those of :func:`read_file`.
    """
    if separator is not None and (not isinstance(separator, str) or len(separator) != 1):
        raise ValueError(f"{path}: the separator must be one character, got {separator!r}.")
    if skip is not None and (not isinstance(skip, int) or isinstance(skip, bool) or skip < 0):
        raise ValueError(f"{path}: skip must be a number of lines, got {skip!r}.")
    lines = _first_lines(content, _FIRST_LINES + (skip or 0))
    begin = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if told := _SEPARATOR_LINE.fullmatch(lines[begin]):
        separator, begin = separator or told[1], begin + 1
    begin = max([begin, *(i + 1 for i, line in enumerate(lines) if _END_OF_HEAD.fullmatch(line))])
    begin = begin if skip is None else skip
    marks = [separator] if separator else SEPARATORS
    tables = {mark: _records(lines, begin, mark) for mark in marks}
    mark, record = _by_names(tables, needed, skip) or _by_shape(tables, path, skip)
    check_width(len(record.cells), path)
    twice = next((name for name in needed if record.cells.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: two columns are called {twice!r}; leave one out.")
    rows = [row for row in tables[mark] if row.line > record.line]
    longer = [row for row in rows if len(row.cells) > len(record.cells)]
    trailing = 0
    if all(map(record.fits, longer)):
        trailing = max([len(row.cells) - len(record.cells) for row in longer], default=0)
    above = [line.strip() for line in lines[: record.line] if line.strip()]
    skipped = any(not line.startswith("#") and not _SEPARATOR_LINE.fullmatch(line) for line in above)
    first = {next(csv.reader([line], delimiter=mark))[0].strip() for line in above}
    end = sum(map(len, lines[: record.end]))
    return Header(record.line, record.end, end, mark, _unique(record.cells), trailing, first, skipped)


def _first_lines(content, number):
    """Return the first lines of a text with their ends, without one that is cut off."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", content[:_FIRST_CHARACTERS], maxsplit=number)
    whole = len(content) <= _FIRST_CHARACTERS and len(lines) <= number
    return lines if whole or len(lines) == 1 else lines[:-1]


def _records(lines, begin, separator):
    """Return the rows in some lines that are not blank, and the comments among them."""
    options, records, line = {"delimiter": separator, "skipinitialspace": True}, [], begin
    comments = [line.startswith("#") for line in lines]
    reader = csv.reader(
        ["\n" if comment else line for line, comment in zip(lines[begin:], comments[begin:], strict=True)],
        **options,
    )
    with contextlib.suppress(csv.Error):
        for cells in reader:
            if comments[line]:
                cells = next(csv.reader([lines[line].lstrip("# ")], **options), [])
            cells = [cell.strip().strip("\ufeff") for cell in cells]
            if any(cells):
                records.append(_Record(line, begin + reader.line_num, cells, comments[line]))
            line = begin + reader.line_num
    return records


def _by_names(tables, needed, skip):
    """Return the separator and the first row that holds all needed names, or None."""
    found = [
        (row.comment, row.line, -len(row.cells), mark, row)
        for mark, rows in tables.items()
        for row in (rows if skip is None else rows[:1])
        if needed and set(needed) <= set(row.cells)
    ]
    return min(found, key=lambda each: each[:3])[3:] if found else None


def _by_shape(tables, path, skip):
    """Return the separator that fits best, and the row that looks like the header."""
    rows_of = {mark: [row for row in rows if not row.comment] for mark, rows in tables.items()}
    mark = max(rows_of, key=lambda each: _regularity(rows_of[each]))
    rows = rows_of[mark]
    if not rows:
        raise ValueError(f"{path} has {'comments only,' if skip is None else ''} no table.")
    first, tail = rows[0], rows[len(rows) // 2 :]
    sentence = len(first.cells) > 2 and first.filled == 1
    if skip is not None or (sum(map(first.fits, tail)) > len(tail) / 2 and not sentence):
        return mark, _comment_above(first, tables[mark]) or first
    row = next((row for number, row in enumerate(rows) if row.heads(rows[number + 1 :])), first)
    # Of files that were glued together the first header counts.
    row = next(other for other in rows if other.cells == row.cells)
    above = [other for other in rows if other.line < row.line]
    numbers = [other for other in rows if other.line > row.line and not other.has_names]
    if any(other.filled > 1 for other in above) and not numbers:
        return mark, first
    if any(other.filled > 1 for other in above) or (above and not numbers):
        raise ValueError(
            f"{path}: the header seems to stand in line {row.line + 1}; remove the lines above it, or write "
            f"skip = {row.line} in the mapping."
        )
    return mark, row


def _comment_above(first, rows):
    """Return the comment just above the first row if it has names and the row numbers, or None."""
    above = [row for row in rows if row.comment and row.end == first.line]
    return above[0] if above and above[0].heads([first]) and not first.has_names else None


def _regularity(rows):
    """Rate a separator by the rows that it makes: as many as can be with the same number of cells."""
    widths = [len(row.cells) for row in rows]
    looked_at = [*widths[len(widths) // 2 :], *widths[:1]]
    usual = Counter(width for width in looked_at if width > 1).most_common(1)
    if not usual:
        return (0,)
    width = usual[0][0]
    return 1, widths.count(width) / len(widths), -widths.index(width), width


def _unique(names):
    """Return different names as pandas makes them: "a", "a.1", "Unnamed: 2"."""
    unique = {}
    for number, name in enumerate(names):
        name, again = name or f"Unnamed: {number}", 0
        tried = name
        while tried in unique:
            again += 1
            tried = f"{name}.{again}"
        unique[tried] = None
    return list(unique)


def check_width(number, path):
    """Raise a ValueError if a table has more than :data:`MOST_COLUMNS` columns."""
    if number > MOST_COLUMNS:
        raise ValueError(f"{path} has {number:,} columns; at most {MOST_COLUMNS:,} are read.")

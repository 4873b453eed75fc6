"""What the commands of `imbalance` show: tables as wide as the screen."""

from __future__ import annotations

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# A file or a pipe has no width to respect: tables take theirs.
screen = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 110)
#: More characters than any table has.
WIDEST = 10_000


def room():
    """Return how many characters a table may take: those of the terminal, or as many as it likes."""
    return screen.width if sys.stdout.isatty() else WIDEST


def say(text):
    """Print a sentence."""
    screen.print(text, markup=False)


def print_table(headings, rows, *, left=2, sections=None):
    """Print text cells as a table: the first `left` columns hold words, a line marks changes of column
    `sections`."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right", overflow="fold")
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        ends = sections is not None and after is not None and after[sections] != row[sections]
        table.add_row(*map(escape, row), end_section=ends)
    Console(highlight=False, width=room()).print(table)


def listed(text):
    """Return names separated by commas, or None for none."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]

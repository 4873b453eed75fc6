"""How the results of `airq` look on a screen.

Words and tables are imported inside the functions, because the help of a command must not wait for pandas.

What workflows tell while they run: progress, notes, and the warnings that a table calls for.
"""

from __future__ import annotations

import contextlib
import sys
import time

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from airq.messages import notes

# A file or a pipe has no width to respect.
screen = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 100)


def print_table(headings, rows, *, n_words=1):
    """A table whose first columns are words and whose others are numbers."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < n_words else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    screen.print(table, soft_wrap=False)


def print_evaluation(evaluation):
    """Print records, intervals, domain, and what was left out."""
    from airq.report.words import applicability_sentences, coverage_sentences

    print_records(evaluation.records)
    for sentence in coverage_sentences(evaluation.coverage) + applicability_sentences(evaluation.records):
        screen.print(sentence, markup=False)
    for name, reason in evaluation.skipped.items():
        screen.print(f"left out, {name}: {reason}", markup=False)


def print_records(records):
    """Print the table of an evaluation with its caption and sentences."""
    from airq.report.card import comparison_sentences, evaluation_caption, narrow_rows

    if not records:
        return
    headings, rows = narrow_rows(records, screen.width)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("scheme", "model") else "right", no_wrap=True)
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        table.add_row(*map(escape, row), end_section=after is not None and after[0] != row[0])
    screen.print(table, soft_wrap=False)
    screen.print(evaluation_caption(records), markup=False, style="dim")
    for sentence in comparison_sentences(records):
        screen.print(sentence, markup=False)


def print_proximity(found):
    """Print the distances of cities to predict, and which scheme speaks for them."""
    from airq.report.words import distance_histogram, proximity_caption, proximity_rows, proximity_sentences

    screen.print(distance_histogram(found), markup=False)
    print_table(*proximity_rows(found))
    screen.print(proximity_caption(), markup=False, style="dim")
    for sentence in proximity_sentences(found):
        screen.print(sentence, markup=False)
    for name, reason in found.skipped.items():
        screen.print(f"left out, {name}: {reason}", markup=False)


def print_plan(planned, workers):
    """Print what an extraction would ask for and cost."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("product", "asset", "columns", "first day", "last day"):
        table.add_column(heading, overflow="fold")
    for facts in planned.products:
        last = facts["last_day"] or "today"
        table.add_row(facts["product"], facts["asset"], ", ".join(facts["columns"]), facts["first_day"], last)
    screen.print(table, soft_wrap=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("asked together", "cities", "days or years", "requests", "hours"):
        table.add_column(heading, overflow="fold", justify="left" if heading == "asked together" else "right")
    for facts in planned.layers:
        numbers = [f"{facts[name]:,}" for name in ("cities", "periods", "requests")]
        table.add_row(", ".join(facts["products"]), *numbers, f"{facts['hours']:,.2f}")
    screen.print(table, soft_wrap=False)
    cost = planned.cost
    screen.print(
        f"{planned.cities:,} cities, {planned.days:,} days: about {cost.requests:,} requests for "
        f"{cost.bands:,} bands, {cost.bytes_sent / 1e6:,.1f} MB sent, {cost.bytes_received / 1e6:,.1f} MB "
        f"received.\n"
        f"About {cost.minutes:,.0f} minutes with {workers} requests at once; their time adds up to "
        f"{cost.compute_hours:,.1f} h, a first guess at the EECU-hours (no live run has confirmed it; "
        "a project's monthly budget is 150 or more).",
        markup=False,
    )
    for note in planned.notes:
        screen.print(f"note: {note}", markup=False)


def print_probes(probes):
    """Print which products answered.

    Raises
    ------
    ValueError
        If one of them does not work.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("product", "asset", "works", "answer"):
        table.add_column(heading, overflow="fold")
    for probe in probes:
        works = {True: "yes", False: "NO", None: "?"}[probe.works]
        table.add_row(probe.product, probe.asset, works, escape(probe.answer))
    screen.print(table, soft_wrap=False)
    failed = [probe.product for probe in probes if probe.works is False]
    if failed:
        raise ValueError(f"{len(failed)} of {len(probes)} products do not work: {', '.join(failed)}.")


def print_report(report):
    """Print a report with its notes."""
    screen.print(str(report), markup=False)
    for note in report.notes:
        screen.print(f"note: {note}", markup=False)


def tell_origin(metadata):
    """Print what must be known about the origin of a panel's PM2.5."""
    from airq.panel import origin_warning

    if warning := origin_warning(metadata):
        notes.print(f"[bold yellow]{warning}[/]")


def tell_trained(facts, panel):
    """Print what must be known of a bundle before it predicts the days of a panel."""
    from airq.panel import PanelMetadata

    trained, data = PanelMetadata.from_dict(facts["panel"]), facts["data"]
    tell_origin(trained)
    days = panel["date"]
    outside = ((days < data["first_day"]) | (days > data["last_day"])).sum()
    if outside:
        notes.print(
            f"[yellow]{outside:,} of {len(panel):,} rows lie outside the days of training[/] "
            f"({data['first_day']} to {data['last_day']}); the figures of the card do not hold for them."
        )


@contextlib.contextmanager
def request_progress(wire):
    """Progress bar of requests; yields ``tell(progress)``.

    Parameters
    ----------
    wire : Stats
        Counts of what went over the wire.
    """
    if not notes.is_interactive:
        # See airq.messages.progress.
        yield lambda progress: None
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("[dim]{task.fields[state]}[/]"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task("Extracting", total=None, state="")
        begun = time.monotonic()

        def tell(progress):
            rate = progress.fetched / max(time.monotonic() - begun, 1e-3)
            state = (
                f"{progress.chunks:,} chunks, {progress.under_way} requests under way of {wire.requests:,} "
                f"({progress.retries:,} repeated), {rate:,.0f} values/s"
            )
            bar.update(task, completed=progress.done, total=progress.total, state=state)

        yield tell

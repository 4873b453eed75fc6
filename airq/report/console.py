"""How results look in a terminal.

Words are imported inside the functions, because the help of a command must not wait for pandas.
"""

from __future__ import annotations

import contextlib
import itertools
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

from airq.terminal import SECONDS_BETWEEN_LINES, notes, progress

# A file or a pipe has no width to respect.
screen = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 100)


def print_written(*paths):
    """Print where something was written; None stands for nothing."""
    for path in filter(None, paths):
        screen.print(f"Written to {path}")


def print_table(headings, rows, *, n_words=1, sections=False, on=screen, **column):
    """Print a table whose first `n_words` columns are words and whose others are numbers.

    `sections` draws a line where the first cell changes; `on` is the console; `column` is for
    :meth:`rich.table.Table.add_column`.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    column = column or {"overflow": "fold"}
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < n_words else "right", **column)
    for row, after in itertools.zip_longest(rows, rows[1:]):
        table.add_row(*map(escape, row), end_section=sections and after is not None and after[0] != row[0])
    on.print(table, soft_wrap=False)


def _print_lines(lines, style=None):
    for line in lines:
        screen.print(line, markup=False, style=style)


def print_evaluation(evaluation):
    """Print records, intervals, applicability, and what was left out."""
    from airq.report.words import (
        applicability_sentence,
        by_scheme,
        coverage_sentences,
        expected_sentence,
        proximity_sentences,
    )

    print_records(evaluation.records)
    if evaluation.proximity is not None:
        _print_lines(proximity_sentences(evaluation.proximity))
        _print_lines(by_scheme(expected_sentence, evaluation.city_records))
    _print_lines(coverage_sentences(evaluation.coverage_records))
    _print_lines(by_scheme(applicability_sentence, evaluation.records))
    _print_skipped(evaluation.skipped)


def _print_skipped(skipped):
    _print_lines(f"left out, {name}: {reason}" for name, reason in skipped.items())


def print_records(records):
    """Print the table of an evaluation with its caption and sentences."""
    from airq.report.words import (
        by_scheme,
        comparison_sentence,
        evaluation_caption,
        narrow_table,
        repeats_sentence,
    )

    if records:
        headings, rows = narrow_table(records, screen.width)
        print_table(headings, rows, n_words=2, sections=True, no_wrap=True)
        _print_lines([f"{evaluation_caption(records, headings=headings)}."], style="dim")
        _print_lines(by_scheme(comparison_sentence, records))
        _print_lines(by_scheme(repeats_sentence, [one for one in records if "best_baseline" in one]))


def print_proximity(comparison):
    """Print the distances of cities to predict, and which scheme applies to them."""
    from airq.report.words import PROXIMITY_CAPTION, distance_histogram, proximity_sentences, proximity_table

    _print_lines([distance_histogram(comparison)])
    print_table(*proximity_table(comparison))
    _print_lines([PROXIMITY_CAPTION], style="dim")
    _print_lines(proximity_sentences(comparison))
    _print_skipped(comparison.skipped)


def print_predictions(figures, out):
    """Print the figures of predictions, places with a monitor apart from places without."""
    from airq.report.words import prediction_sentences

    _print_lines(f"{out}: {sentence}" for sentence in prediction_sentences(figures))


def print_plan(planned, workers):
    """Print what an extraction would ask for and cost."""
    headings = ["product", "asset", "columns", "first day", "last day"]
    products = [
        [
            one["product"],
            one["asset"],
            ", ".join(one["columns"]),
            one["first_day"],
            one["last_day"] or "today",
        ]
        for one in planned.products
    ]
    print_table(headings, products, n_words=5)
    headings = ["asked together", "cities", "days or years", "requests", "hours"]
    layers = [
        [", ".join(one["products"]), *(f"{one[name]:,}" for name in ("cities", "periods", "requests"))]
        + [f"{one['hours']:,.2f}"]
        for one in planned.layers
    ]
    print_table(headings, layers)
    cost = planned.cost
    # As the table has them, so that a reader can add them up.
    hours = sum(round(one["hours"], 2) for one in planned.layers)
    guessed = sum(one["measured"] is None for one in planned.layers)
    if planned.measured:
        spent = (
            f"They take {hours:,.2f} EECU-hours, measured with one city and one day ({planned.measured}); "
        )
        spent += "cities that lie together take less. "
    else:
        of_rows = f" of {guessed} of {len(planned.layers)} rows" if guessed < len(planned.layers) else ""
        spent = f"Their time adds up to {hours:,.2f} h, a first guess at the EECU-hours{of_rows}: "
        spent += "`airq extract --check` with the same options measures them. "
    _print_lines(
        [
            f"{planned.cities:,} cities, {planned.days:,} days: about {cost.requests:,} requests for "
            f"{cost.bands:,} bands, {cost.bytes_sent / 1e6:,.1f} MB sent, {cost.bytes_received / 1e6:,.1f} "
            "MB received.",
            f"About {cost.minutes:,.0f} minutes with {workers} requests at once. {spent}"
            "A project's monthly budget is 150 EECU-hours or more.",
            *_two_ways(cost, planned.batch),
            *(f"note: {note}" for note in planned.notes),
        ]
    )


def _two_ways(cost, batch):
    """Return which way is faster and which cheaper, at once or by tasks, and why."""
    if not cost.requests:
        return
    hours, least = batch.minutes / 60, "tasks" if batch.minutes < cost.minutes else "asking at once"
    yield (
        f"By tasks (--batch gs://BUCKET/PREFIX): about {batch.requests:,} tasks, {hours:,.1f} hours with two "
        f"at once as a project has them on average. Faster is {least}, by first guesses. Tasks go on without "
        "this machine, with more memory and up to ten days each: they are for what takes longer than this "
        "machine stays on, or fails at once by time or memory."
    )
    cheaper = "Neither is cheaper in EECU-hours, as the work is the same."
    if cost.tiles:
        cheaper = "Cheaper is asking at once: its pixels serve all cells, where tasks draw rings around each."
    yield (
        f"{cheaper} Both count against the monthly budget. A project that pays has a price for each: "
        "https://cloud.google.com/earth-engine/pricing"
    )


def print_call_plan(planned, console):
    """Print what a run will ask of a service that counts calls."""
    if console is screen:
        headings = ["layer", "from", "columns", "requests", "calls"]
        rows = [
            [
                own["layer"],
                own["asset"],
                ", ".join(own["columns"]),
                f"{own['requests']:,}",
                f"{own['calls']:,.0f}",
            ]
            for own in planned.layers
        ]
        print_table(headings, rows, n_words=3)
    within = ""
    if planned.limits is not None:
        within = " within {:,.0f} calls a minute, {:,.0f} an hour, {:,.0f} a day".format(*planned.limits)
    took = (
        f"{planned.minutes:,.0f} minutes" if planned.minutes < 180 else f"{planned.minutes / 60:,.1f} hours"
    )
    took = "a minute at most" if planned.minutes < 1 else f"at least {took}"
    text = (
        f"{planned.cities:,} cities, {planned.days:,} days: {planned.requests:,} requests, "
        f"{planned.calls:,.0f} calls, some {planned.bytes_received / 1e6:,.1f} MB, {took}{within}."
    )
    for line in (text, *(f"note: {note}" for note in planned.notes)):
        console.print(line, markup=False)


def print_probes(probes):
    """Print which products answered; raise ValueError if one of them does not work."""
    works = {True: "yes", False: "NO", None: "?"}
    rows = [
        [
            probe.product,
            probe.asset,
            works[probe.works],
            "" if probe.eecu_seconds is None else f"{probe.eecu_seconds:.3g}",
            probe.answer,
        ]
        for probe in probes
    ]
    print_table(["product", "asset", "works", "EECU-s", "answer"], rows, n_words=5)
    measured = [probe.eecu_seconds for probe in probes if probe.eecu_seconds is not None]
    if measured:
        screen.print(
            f"{sum(measured):.3g} EECU-seconds, measured; `airq plan` reckons with them.", markup=False
        )
    failed = [probe.product for probe in probes if probe.works is False]
    if failed:
        raise ValueError(f"{len(failed)} of {len(probes)} products do not work: {', '.join(failed)}.")


def print_report(report, out=None):
    """Print a report with its notes, the file that it is about first."""
    text = f"{report}" if out is None else f"{out}: {report}"
    _print_lines([text, *(f"note: {note}" for note in report.notes)])


@contextlib.contextmanager
def request_progress():
    """Show a progress bar of requests; yields a function of a `sampler.Progress`."""
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

        def show(progress):
            rate = progress.fetched / max(time.monotonic() - begun, 1e-3)
            state = (
                f"{progress.chunks:,} chunks, {progress.under_way} requests under way "
                f"of {progress.requests:,} ({progress.retries:,} retries), {rate:,.0f} values/s"
            )
            bar.update(task, completed=progress.done, total=progress.total, state=state)

        yield show


@contextlib.contextmanager
def task_progress():
    """Show how many tasks are done; yields a function of a `sampler.Progress`."""
    with progress("Tasks") as advance:

        def show(own):
            again = f", {own.restarted:,} started again" if own.restarted else ""
            advance(own.chunks, own.blocks, f"({own.under_way:,} at Earth Engine{again})")

        yield show


@contextlib.contextmanager
def call_progress():
    """Show a progress bar of calls; yields a function of a progress with `done`, `total`, `waiting_until`."""
    if not notes.is_interactive:
        yield _Lines()
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("[dim]{task.fields[state]}[/]"),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task("Fetching", total=None, state="")

        def show(progress):
            until = getattr(progress, "waiting_until", None)
            state = f"waiting for the allowance until {until:%H:%M:%S} UTC" if until else ""
            bar.update(task, completed=progress.done, total=progress.total, state=state)

        yield show


class _Lines:
    """A line now and then, where no terminal shows a bar."""

    def __init__(self):
        self._last = time.monotonic()

    def __call__(self, progress):
        if time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            share = 100 * progress.done / progress.total if progress.total else 0
            until = getattr(progress, "waiting_until", None)
            waiting = f", waiting for the allowance until {until:%H:%M} UTC" if until else ""
            notes.print(f"fetched {share:.0f} %{waiting}", markup=False)

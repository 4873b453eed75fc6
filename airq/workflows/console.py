"""What workflows tell while they run: progress, notes, and the warnings that a table calls for."""

from __future__ import annotations

import contextlib
import time

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from airq.console import notes
from airq.origin import origin_warning
from airq.panel import PanelMetadata


def tell_origin(metadata):
    """Print what must be known about the origin of a panel's PM2.5."""
    if warning := origin_warning(metadata):
        notes.print(f"[bold yellow]{warning}[/]")


def tell_trained(facts, panel):
    """Print what must be known of a bundle before it predicts the days of a panel."""
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
        # See airq.console.progress.
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

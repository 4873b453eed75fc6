"""Open a panel at the door of a workflow: read, check, and tell what must be known of it."""

from __future__ import annotations

from airq.cities import check_swapped
from airq.io import read_panel
from airq.messages import notes
from airq.panel import TARGET, check_panel, feature_columns, panel_metadata
from airq.report.console import tell_origin
from airq.validation.splitters import MIN_TRAINING_ROWS


def open_panel(path, *, target="optional"):
    """Read and check a panel.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.
    target : {"optional", "required"}
        Whether at least one row must have a `pm25`.

    Returns
    -------
    DataFrame
        The panel, sorted by site and day.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not a sound panel.
    """
    panel = check_panel(read_panel(path), target=target)
    check_swapped(panel.drop_duplicates("site_id"), name=str(path))
    return panel


def open_training_panel(path):
    """Read and check a panel to learn from or to judge by; tell what its PM2.5 is.

    Raises
    ------
    ValueError
        Also if no input column is left, or if PM2.5 is constant or known in too few rows.
    """
    panel = open_panel(path, target="required")
    empty = [name for name in feature_columns(panel) if panel[name].isna().all()]
    if empty:
        notes.print(f"[yellow]Left out, for no row has a value: {', '.join(empty)}.[/]")
        panel = panel.drop(columns=empty)
    if not feature_columns(panel):
        raise ValueError("The panel has no input column to learn from, only places, days and PM2.5.")
    labelled = panel[TARGET].dropna()
    if len(labelled) < MIN_TRAINING_ROWS:
        raise ValueError(
            f"The panel has PM2.5 in {len(labelled)} row{'s' * (len(labelled) != 1)}; at least "
            f"{MIN_TRAINING_ROWS} are needed."
        )
    if labelled.min() == labelled.max():
        raise ValueError(f"PM2.5 is {labelled.iloc[0]:g} in every row, so there is nothing to learn.")
    tell_origin(panel_metadata(panel))
    return panel

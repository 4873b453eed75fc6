"""Open a panel at the door of a workflow: read, check, and tell what must be known of it."""

from __future__ import annotations

from airq.cities import check_swapped
from airq.panel import check_panel, feature_columns, panel_metadata, read_panel
from airq.workflows.console import tell_origin


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
        Also if a column has no value in any row.
    """
    panel = open_panel(path, target="required")
    empty = [name for name in feature_columns(panel) if panel[name].isna().all()]
    if empty:
        raise ValueError(
            f"{len(empty)} column{'s have' if empty[1:] else ' has'} no value in any row, "
            f"first {empty[0]!r}; drop such columns from the table or fill them."
        )
    tell_origin(panel_metadata(panel))
    return panel

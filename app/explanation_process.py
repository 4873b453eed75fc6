"""The process that finds the reasons for a prediction: ``python -m app.explanation_process FOLDER``."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from airq.models.explanation import contribution_sentences
from airq.workflows.explain import find_row, open_contributions
from airq.workflows.panels import open_panel
from app.explaining import ANSWERS
from app.processes import serve

#: Days before and after a day that are answered along with it: a row is a hundredth of the work.
DAYS_AROUND = 7


def work(folder, job, advance):
    """Answer; see :func:`app.processes.serve` and :func:`app.explaining.ask`."""
    answers = explain_days(job["panel"], job["bundle"], job["city_id"], job["date"], advance=advance)
    (folder / ANSWERS).write_text(json.dumps(answers), encoding="utf-8")


def explain_days(path, bundle, city_id, date, *, advance):
    """Contributions for the prediction of a city on a day, and on the days around it.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.
    bundle : str or Path
        Folder of the bundle.
    city_id : str
        City; the first of its sites answers.
    date : str
        Day, such as 2020-01-31.
    advance : callable
        Called with the steps done, their number and the next one's words.

    Returns
    -------
    dict of str to dict
        By day `reasons` and `sentences`, see :class:`app.explaining.Answer`.

    Raises
    ------
    OSError, ValueError
        If panel or bundle are not sound, do not fit together, or the panel has no such city or day.
    """
    advance(0, 3, "Reading the panel")
    panel = open_panel(path)
    row = find_row(panel, _site(panel, city_id), date)
    advance(1, 3, f"Making the features of {len(panel):,} rows")
    made, _, _ = open_contributions(path, bundle, panel=panel)
    advance(2, 3, "Taking the prediction apart")
    table = made.of(_rows_around(panel, row))
    return {f"{day:%Y-%m-%d}": _told(mine, panel.iloc[row]) for day, mine in table.groupby("date")}


def _site(panel, city_id):
    sites = panel.loc[panel["city_id"] == city_id, "site_id"]
    if sites.empty:
        raise ValueError(
            "The panel has no row of this city, so there are no reasons to give. Start the app with the "
            "panel that was predicted."
        )
    return sites.iloc[0]


def _rows_around(panel, row):
    """Numbers of the rows of the same site on the days around that of a row."""
    near = (panel["date"] - panel["date"].iloc[row]).abs() <= pd.Timedelta(days=DAYS_AROUND)
    return np.flatnonzero(near & (panel["site_id"] == panel["site_id"].iloc[row]))


def _told(table, place):
    reasons = table[["product", "contribution"]]
    return {"reasons": reasons.to_numpy().tolist(), "sentences": contribution_sentences(table, place)}


if __name__ == "__main__":
    serve(work)

"""The process that explains a prediction: ``python -m app.explanation_process FOLDER``."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd

from airq.messages import AirqWarning
from airq.models.explanation import contribution_sentences
from airq.models.predictor import open_panel
from airq.workflows.explain import find_row, open_contributions
from app.explaining import ANSWERS
from app.processes import serve

#: Days before and after a day that are answered along with it: a row is a hundredth of the work.
DAYS_AROUND = 7


def work(folder, job, advance):
    """Answer a request; see :func:`app.processes.serve` and :func:`app.explaining.ask`."""
    answers = explain_days(job["panel"], job["bundle"], job["city_id"], job["date"], advance=advance)
    (folder / ANSWERS).write_text(json.dumps(answers), encoding="utf-8")


def explain_days(path, bundle, city_id, date, *, advance):
    """Return the contributions to the prediction for a city on a day, and on the days around it.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.
    bundle : str or Path
        Folder of the bundle.
    city_id : str
        City; the answer is about the first of its sites.
    date : str
        Day, such as 2020-01-31.
    advance : callable
        Called with the steps done, their number and the text of the next.

    Returns
    -------
    dict of str to dict
        By day `contributions` and `sentences`, see :class:`app.explaining.Answer`.

    Raises
    ------
    OSError, ValueError
        If panel or bundle is damaged, they do not fit together, or the panel has no such city or day.
    """
    advance(0, 3, "Reading the panel")
    panel = open_panel(path)
    row = find_row(panel, _site(panel, city_id), date)
    advance(1, 3, f"Making the features of {len(panel):,} rows")
    with warnings.catch_warnings():
        # The page shows them beside the prediction.
        warnings.simplefilter("ignore", AirqWarning)
        contributions, _ = open_contributions(bundle, panel)
    advance(2, 3, "Computing the contributions")
    near = (panel["date"] - panel["date"].iloc[row]).abs() <= pd.Timedelta(days=DAYS_AROUND)
    rows = np.flatnonzero(near & (panel["site_id"] == panel["site_id"].iloc[row]))
    days = contributions.table(rows).groupby("date")
    return {
        f"{day:%Y-%m-%d}": {
            "contributions": table[["product", "contribution"]].to_numpy().tolist(),
            "sentences": contribution_sentences(table, panel.iloc[[row]]),
        }
        for day, table in days
    }


def _site(panel, city_id):
    sites = panel.loc[panel["city_id"] == city_id, "site_id"]
    if sites.empty:
        raise ValueError(
            "The panel has no row of this city, so its prediction cannot be explained. Start the app with "
            "the panel that was predicted."
        )
    return sites.iloc[0]


if __name__ == "__main__":
    serve(work)

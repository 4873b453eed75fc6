"""The process that predicts the cities of an uploaded list: ``python -m app.prediction_process FOLDER``."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from airq.bundle import check_fits, load_bundle
from airq.io import json_ready, open_panel_file, write_table
from airq.models.predictions import prediction_rows
from airq.panel import TARGET, check_panel, label_panel, panel_metadata
from app.predicting import FACTS, ROWS
from app.processes import serve
from app.provenance import about_bundle


def work(folder, job, advance):
    """Predict; see :func:`app.processes.serve` and :func:`app.predicting.prediction_folder`."""
    rows, facts = predict_sites(
        job["panel"], job["bundle"], job["sites"], level=job["level"], advance=advance
    )
    write_table(rows, folder / ROWS, metadata={})
    told = {"facts": about_bundle(facts, rows), "trained": known_to(facts, job["sites"])}
    (folder / FACTS).write_text(json.dumps(json_ready(told)), encoding="utf-8")


def panel_of(path, sites):
    """The rows of some sites of a panel, checked; the others stay on disk.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.
    sites : list of str
        Sites.

    Returns
    -------
    DataFrame
    """
    wanted = pa.array(list(sites), pa.string())
    parts = []
    with open_panel_file(path) as (file, metadata):
        for batch in file.iter_batches(50_000):
            mask = pc.is_in(batch.column("site_id").cast(pa.string()), value_set=wanted)
            if pc.any(mask).as_py():
                parts.append(pa.Table.from_batches([batch]).filter(mask))
    if not parts:
        raise ValueError(f"{path} has no rows of these sites.")
    panel = pa.concat_tables(parts).to_pandas(ignore_metadata=True)
    for name in panel.columns:
        if panel[name].dtype == "object":
            panel[name] = panel[name].astype("str")
    return check_panel(label_panel(panel, metadata))


def predict_sites(path, bundle, sites, *, level, advance):
    """Predict all days of some sites of a panel with a bundle.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.
    bundle : str or Path
        Folder of the bundle.
    sites : list of str
        Sites.
    level : float
        Level of the intervals.
    advance : callable
        Called with the steps done, their number and the next one's words.

    Returns
    -------
    rows : DataFrame
        See :func:`airq.models.predictions.prediction_rows`.
    facts : dict
        Facts of the bundle.

    Raises
    ------
    OSError, ValueError
        If panel or bundle are not sound, or do not fit together.
    """
    advance(0, 3, "Reading the panel")
    panel = panel_of(path, sites)
    advance(1, 3, "Reading the bundle")
    predictor, facts = load_bundle(bundle)
    check_fits(panel, panel_metadata(panel), facts)
    advance(2, 3, "Predicting")
    described = predictor.describe(panel.drop(columns=TARGET, errors="ignore"))
    return prediction_rows(panel, described, calibration=predictor.calibration_, coverage=level), facts


def known_to(facts, sites):
    """Those of the sites that the bundle was trained on: predictions there flatter it."""
    return sorted(set(sites) & set(facts["data"]["places"]))


if __name__ == "__main__":
    serve(work)

"""Keep the predictions of a folder up to date: fetch what is new, predict it, remember what was said before.

A folder holds `update.toml` (what to do), `cities.csv`, `inputs/` (a folder of :func:`airq.fetch` or
:func:`airq.extract`), `predictions.parquet` (one row for each city and day, the newest), `history/` (rows
that were replaced, a file for each month of `as_of`) and `log.md` (what the last runs did).

A day's inputs are *final* once its sources no longer change them, a *forecast* if they came before the day
was over, and *provisional* between. What is not final is predicted anew when its inputs have come anew;
`lead_days` counts from the day on which they came, `as_of` is the date of the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from airq.cities import read_cities
from airq.io import read_panel, write_table, write_text
from airq.messages import AirqWarning
from airq.models.intervals import DEFAULT_COVERAGE, Calibration, groups_needed
from airq.models.predictions import prediction_rows
from airq.models.predictor import SCALE
from airq.panel import KEYS, TARGET
from airq.regressor import load
from airq.sources.folder import MANIFEST, PANEL, open_folder
from airq.sources.online.open_meteo import OpenMeteoExtraction
from airq.sources.site_days import SiteDays, today
from airq.sources.sites import mean_by_city
from airq.workflows.extract import EarthEngine, ExtractionRequest, run_extraction
from airq.workflows.fetch import OpenMeteo, fetch_open_meteo
from airq.workflows.folders import now
from airq.workflows.live import CITIES, CONTEXT_DAYS, check_model, read_settings

INPUTS = "inputs"
PREDICTIONS, HISTORY, LOG = "predictions.parquet", "history", "log.md"
#: Where the key of a customer of Open-Meteo is looked for.
KEY_VARIABLE = "OPEN_METEO_API_KEY"
#: Days on which forecasts of a lead must stand beside observations before they get intervals.
DAYS_OF_A_LEAD = 14
#: Cities in which they must do so: with fewer there is no 90 % interval.
FEWEST_CITIES = groups_needed(DEFAULT_COVERAGE)
#: Runs that the log keeps a line of.
LOGGED_RUNS = 60
FINAL, PROVISIONAL, FORECAST = "final", "provisional", "forecast"


@dataclass(frozen=True)
class UpdateReport:
    """What a run did.

    Attributes
    ----------
    folder, as_of : str
        The folder, and the date of the run (UTC).
    predicted : dict of str to int
        Rows predicted by this run, by what their inputs are: final, provisional, forecast.
    newest_day : str
        Last day that has a prediction; empty if there is none.
    missing : dict of str to int
        Rows that have no prediction, by reason.
    lasting : bool
        Whether rows are missing for a reason that will not pass.
    notes : tuple of str
        What else a user should know.
    """

    folder: str
    as_of: str
    predicted: dict = field(default_factory=dict)
    newest_day: str = ""
    missing: dict = field(default_factory=dict)
    lasting: bool = False
    notes: tuple = ()

    def to_dict(self):
        """Return the same as plain values."""
        return {**vars(self), "notes": list(self.notes)}

    def __str__(self):
        counts = ", ".join(f"{number:,} {name}" for name, number in self.predicted.items() if number)
        text = f"{self.folder}: {counts or 'nothing new'} predicted on {self.as_of}"
        text += (
            f"; the newest day is {self.newest_day}." if self.newest_day else "; there is no prediction yet."
        )
        for reason, number in self.missing.items():
            text += f"\n{number:,} city-days have no prediction: {reason}."
        return text


def update(
    folder: str | PathLike, *, on_day=None, client: OpenMeteo | None = None, report_progress=None
) -> UpdateReport:
    """Fetch what is new, predict it, and write the predictions of a live folder.

    Parameters
    ----------
    folder : str or Path
        Folder that :func:`airq.workflows.live.init` began.
    on_day : datetime64[D], optional
        The date in UTC; by default today.
    client : OpenMeteo, optional
        Which Open-Meteo to ask; by default that of the folder's settings.
    report_progress : callable, optional
        As for :func:`airq.workflows.fetch.fetch_open_meteo`.

    Returns
    -------
    UpdateReport
        A source that is down is among its `missing`, not an error: the next run asks again.

    Raises
    ------
    ValueError
        If a setting, the bundle or the inputs are wrong.
    OSError
        If a file cannot be read or written, or another process is at work in the folder (BlockingIOError).
    """
    folder, on_day = Path(folder), np.datetime64(on_day or today(), "D")
    settings = read_settings(folder)
    with _locked(folder):
        try:
            report = _updated(folder, settings, on_day, client, report_progress)
        except (ValueError, OSError) as error:
            _log(folder, f"as of {on_day}: {error}", f"{error}\n")
            raise
        counts = ", ".join(f"{number:,} {name}" for name, number in report.predicted.items())
        lacking = "".join(f"; {number:,} missing: {reason}" for reason, number in report.missing.items())
        notes = "".join(f"\n{note}\n" for note in report.notes)
        line = f"as of {on_day}: {counts or 'nothing new'} predicted{lacking}"
        _log(folder, line, f"{report}\n{notes}")
    return report


def _updated(folder, settings, on_day, client, report_progress):
    """Fetch, predict and write; return the report."""
    model = load(folder / settings.bundle)
    check_model(folder, model, settings)
    last = on_day + settings.ahead if settings.ahead else on_day - 1
    notes, failure = _fetch_inputs(folder, settings, last, on_day, client, report_progress)
    before = _read(folder / PREDICTIONS)
    days = np.arange(np.datetime64(settings.start), last + 1)
    status = _status(folder, settings, days, on_day)
    due = _due(status, before)
    rows, predicted, notes = before, {}, list(notes)
    if len(due):
        with warnings.catch_warnings(record=True) as caught:
            # Each run would say the same: it stands in the log.
            warnings.simplefilter("always", AirqWarning)
            made, metadata = _predict(folder, settings, model, due, before, on_day)
        notes += [*(str(one.message) for one in caught), *metadata["leads"]]
        predicted = made["inputs"].value_counts().to_dict()
        rows = _replace(folder, _wanted(before, status), made, metadata)
    missing, lasting = _missing(status, rows, failure)
    newest = "" if rows is None or rows.empty else f"{rows['date'].max():%Y-%m-%d}"
    return UpdateReport(str(folder), str(on_day), predicted, newest, missing, lasting, tuple(notes))


def _wanted(before, status):
    """Leave out rows that are not final and that the settings no longer ask for, such as of a city."""
    if before is None:
        return None
    asked = pd.MultiIndex.from_frame(before[KEYS]).isin(pd.MultiIndex.from_frame(status[KEYS]))
    return before[asked | (before["inputs"] == FINAL)]


@contextlib.contextmanager
def _locked(folder):
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        message = f"Another airq update is at work in {folder}; wait until it ends."
        raise BlockingIOError(message) from None
    try:
        for left in [*folder.glob(".*.parquet.*"), *folder.glob(f".{LOG}.*"), *folder.glob(f"{HISTORY}/.*")]:
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()


def _fetch_inputs(folder, settings, last, on_day, client, report_progress):
    """Fill the folder of inputs up to a day; return notes, and the words of a failure that will pass."""
    start = np.datetime64(settings.start) - CONTEXT_DAYS
    cities, out = folder / CITIES, folder / INPUTS
    if last < np.datetime64(settings.start):
        return (), f"the first day, {settings.start}, is not over yet"
    try:
        if settings.source == "open-meteo":
            client = client or OpenMeteo(settings.url, None if settings.url else os.environ.get(KEY_VARIABLE))
            options = {"recipe": settings.recipe, "day_basis": settings.day_basis, "client": client}
            options |= {"on_day": on_day, "report_progress": report_progress}
            return fetch_open_meteo(cities, str(start), str(last), out=out, **options).notes, None
        basis = settings.day_basis
        request = ExtractionRequest(cities, str(start), str(last), settings.recipe, day_basis=basis)
        client = EarthEngine(settings.project, settings.credentials or "default", settings.url)
        return run_extraction(request, out=out, client=client, on_day=on_day).notes, None
    except ConnectionError as error:
        return (), f"the source gave no more for now: {error}"


def _status(folder, settings, days, on_day):
    """Return a row for each city and day that is wanted.

    Beside `site_id` and `date` it has when its inputs last came (`fetched`), what they are (`inputs`), the
    days that a forecast looks ahead (`lead_days`), and whether there is any (`there`).
    """
    cities = read_cities(folder / CITIES)["city_id"].sort_values()
    keys = pd.MultiIndex.from_product([cities, days.astype("datetime64[us]")], names=KEYS)
    status = keys.to_frame(index=False)
    status = status.assign(
        fetched=pd.Series(dtype="datetime64[us]"), inputs=PROVISIONAL, lead_days=0, there=False
    )
    if not all((folder / INPUTS / name).exists() for name in (MANIFEST, PANEL)):
        return status
    inputs = _opened(folder, settings, on_day)
    all_came, last_came, settled = inputs.ages(inputs.read_chunks()[0], days)
    rows = inputs.site_days.sites.index.get_indexer(cities)
    status["fetched"] = last_came[rows].ravel().astype("datetime64[us]")
    came = pd.Series(all_came[rows].ravel().astype("datetime64[us]")).dt.normalize()
    lead = (status["date"] - came).dt.days
    status.loc[lead >= 0, "inputs"] = FORECAST
    status["lead_days"] = lead.clip(lower=0).fillna(0).astype(int)
    status.loc[settled[rows].ravel(), "inputs"] = FINAL
    panel = read_panel(folder / INPUTS / PANEL)
    there = pd.MultiIndex.from_frame(status[KEYS]).isin(pd.MultiIndex.from_frame(_with_inputs(panel, inputs)))
    return status.assign(there=there)


def _with_inputs(panel, inputs):
    """Return site and date of the rows that have inputs of the day.

    Of models, which have values every day, each layer must have some; of satellites any will do.
    """
    days = panel["date"].to_numpy().astype("datetime64[D]")
    has = []
    for layer in inputs.extraction.layers:
        columns = [name for name in layer.columns if name in panel.columns and name != "elevation"]
        if layer.cadence == "day" and columns:
            known = panel[columns].notna().any(axis=1).to_numpy()
            has.append(known | ~np.isin(days, layer.periods(days.min(), days.max())))
    every = isinstance(inputs.extraction, OpenMeteoExtraction)
    return panel.loc[np.all(has, axis=0) if every else np.any(has, axis=0), KEYS]


def _opened(folder, settings, on_day):
    """Return the folder of inputs with what its manifest says was asked for."""
    day = pd.Timestamp(settings.start)
    site_days = SiteDays.from_cities(read_cities(folder / CITIES), day, day)
    return open_folder(folder / INPUTS, settings.extraction(folder / CITIES), site_days, on_day)


def _due(status, before):
    """Return the rows to predict: those with inputs that have no prediction of these inputs yet."""
    due = status[status["there"]]
    if before is None or before.empty:
        return due
    have = before[[*KEYS, "inputs", "fetched"]].rename(columns={"inputs": "before", "fetched": "then"})
    due = due.merge(have, on=KEYS, how="left")
    done = (due["before"] == due["inputs"]) & (due["then"] == due["fetched"])
    return due.loc[~done, status.columns]


def _predict(folder, settings, model, due, before, on_day):
    """Return rows of predictions, and the metadata of their file."""
    panel = read_panel(folder / INPUTS / PANEL)
    first = due["date"].min() - pd.Timedelta(days=CONTEXT_DAYS)
    panel = model.check_panel(panel[panel["date"] >= first].reset_index(drop=True))
    monitors = settings.monitors and model.open_monitors(folder / settings.monitors)
    if monitors is not None:
        # A forecast has no monitor of its own day, whenever the panel of monitors was made.
        monitors = monitors[monitors["date"] <= pd.Timestamp(on_day)].reset_index(drop=True)
    visible = panel.drop(columns=TARGET, errors="ignore")
    described = model.predictor_.describe(visible, monitors).assign(**panel[KEYS])
    facts = panel[KEYS].merge(due, on=KEYS, how="left")
    lead = facts["lead_days"].where(facts["inputs"] == FORECAST)
    calibrations, notes = _calibrations(folder, before, monitors, sorted(lead.dropna().astype(int).unique()))
    parts = []
    for kind, calibration in {None: model.predictor_.calibration_, **calibrations}.items():
        own = facts["inputs"].notna() & (lead.isna() if kind is None else lead == kind)
        if own.any():
            table = described[own].reset_index(drop=True)
            places = model.metadata_["data"]["places"]
            rows = prediction_rows(
                panel[own].reset_index(drop=True), table, calibration=calibration, places=places
            )
            parts.append(rows.merge(table[[*KEYS, *SCALE]], on=KEYS))
    made = pd.concat(parts, ignore_index=True).merge(due.drop(columns="there"), on=KEYS)
    metadata = model.prediction_metadata(DEFAULT_COVERAGE, "day", monitors)
    facts = {"as_of": str(on_day), "source": settings.source, "leads": notes}
    return made.assign(as_of=pd.Timestamp(on_day)).sort_values(KEYS), {**metadata, **facts}


def _calibrations(folder, before, monitors, leads):
    """Return what calibrates the forecasts of each lead, None where there is too little, and words."""
    if monitors is None and leads:
        told = (
            "Forecasts have no intervals: these are learned from past forecasts beside monitors in at least "
        )
        return dict.fromkeys(leads), [
            f"{told}{FEWEST_CITIES} cities of the folder; name a panel of them as monitors."
        ]
    past = _forecasts(folder, before) if leads else pd.DataFrame()
    calibrations, notes = dict.fromkeys(leads), []
    for lead in leads:
        pairs = _pairs(past, monitors, lead)
        days, cities = (0, 0) if pairs.empty else (pairs["date"].nunique(), pairs["group"].nunique())
        enough = days >= DAYS_OF_A_LEAD and cities >= FEWEST_CITIES
        if enough:
            calibrations[lead] = Calibration.from_held_out(pairs)
        ahead = {0: "of the same day", 1: "one day ahead"}.get(lead, f"{lead} days ahead")
        have = "have 90 % intervals" if enough else "have no interval yet"
        needed = f"; {DAYS_OF_A_LEAD} days and {FEWEST_CITIES} cities are needed"
        if enough:
            needed = ", all with a monitor; in cities without one errors may be larger than the intervals say"
        notes.append(
            f"Forecasts {ahead} {have}: past ones stand beside observations on {days} days in {cities} cities"
            f"{needed}."
        )
    return calibrations, notes


def _pairs(past, monitors, lead):
    """Return past forecasts of a lead beside what was observed then."""
    if past.empty:
        return pd.DataFrame()
    # What was predicted later than its inputs came has seen monitors of the days between.
    issued = past["as_of"] == past["date"] - pd.to_timedelta(past["lead_days"], unit="D")
    past = past[issued & (past["lead_days"] == lead)]
    past = past[["city_id", "date", TARGET, *SCALE]].rename(columns={TARGET: "predicted"})
    observed = mean_by_city(monitors)[["city_id", "date", TARGET]].rename(columns={TARGET: "observed"})
    pairs = past.merge(observed, on=["city_id", "date"]).dropna()
    return pairs.drop_duplicates(["city_id", "date"]).rename(columns={"city_id": "group"})


def _replace(folder, before, made, metadata):
    """Write the predictions with the rows that were made, and keep those that they replace."""
    rows = made
    if before is not None and len(before):
        old = pd.MultiIndex.from_frame(before[KEYS]).isin(pd.MultiIndex.from_frame(made[KEYS]))
        for month, part in before[old].groupby(before["as_of"].dt.strftime("%Y-%m")):
            path = folder / HISTORY / f"{month}.parquet"
            # A run that was killed between the files leaves rows in both.
            history = pd.concat([_read(path), part]).drop_duplicates([*KEYS, "as_of"])
            history = history.sort_values([*KEYS, "as_of"], ignore_index=True)
            write_table(history, path, metadata={"airq": metadata})
        rows = pd.concat([before[~old], made], ignore_index=True)
    rows = rows.sort_values(KEYS, ignore_index=True)
    write_table(rows, folder / PREDICTIONS, metadata={"airq": metadata})
    return rows


def _forecasts(folder, before):
    """Return the forecasts of this folder so far, those that were replaced and those that stand."""
    columns = ["city_id", "date", TARGET, *SCALE, "inputs", "lead_days", "as_of"]
    files = sorted((folder / HISTORY).glob("*.parquet"))
    parts = [pq.read_table(path, columns=columns, filters=[("inputs", "=", FORECAST)]) for path in files]
    parts = [part.to_pandas() for part in parts]
    if before is not None:
        parts.append(before.loc[before["inputs"] == FORECAST, columns])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _missing(status, rows, failure):
    """Return how many wanted rows have no prediction by reason, and whether a reason will not pass."""
    known = [] if rows is None else pd.MultiIndex.from_frame(rows[KEYS])
    lacking = status[~pd.MultiIndex.from_frame(status[KEYS]).isin(known)]
    final = int((lacking["inputs"] == FINAL).sum())
    passing = len(lacking) - final
    counts = {failure or "the source has no values for them yet": passing}
    counts["the source has no values for them, and will not get any"] = final
    return {reason: number for reason, number in counts.items() if number}, final > 0


def _read(path):
    """Return a table of predictions, or None where there is none yet."""
    return pq.read_table(path).to_pandas() if path.exists() else None


def _log(folder, line, text):
    """Write one page: what this run did, and a line for each of the runs before it."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    earlier = [own for own in lines if own.startswith("- ")][: LOGGED_RUNS - 1]
    page = [f"# {folder.name}", "", text, "## Runs", "", f"- {now()}, {' '.join(line.split())}", *earlier]
    write_text(path, "\n".join(page) + "\n")

"""Keep the predictions of a folder up to date: fetch what is new, predict it, remember what was said before.

A folder holds `update.toml` (what to do), `cities.csv`, `inputs/` (a folder of :func:`airq.fetch` or
:func:`airq.extract`), `predictions.parquet` (one row for each city and day, the newest), `history.parquet`
(rows that were replaced) and `log.md` (what the last runs did).

A day's inputs are *final* once its sources no longer change them, a *forecast* if they came before the day
was over, and *provisional* between. What is not final is predicted anew when its inputs have come anew;
`lead_days` counts from the day on which they came, `as_of` is the date of the run.
"""

from __future__ import annotations

import contextlib
import shutil
import tomllib
import warnings
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from airq.cities import read_cities
from airq.io import atomic_folder, read_panel, write_table, write_text
from airq.messages import AirqWarning, near_name
from airq.models.intervals import DEFAULT_COVERAGE, Calibration, groups_needed
from airq.models.predictions import prediction_rows
from airq.models.predictor import SCALE
from airq.panel import KEYS, TARGET, feature_columns
from airq.regressor import load
from airq.sources.folder import MANIFEST, PANEL, SiteDays, day_labels, open_folder
from airq.sources.online.address import service_name
from airq.sources.online.open_meteo import MOST_AHEAD, SERVICE, OpenMeteoExtraction
from airq.sources.sites import mean_by_city
from airq.workflows.fetch import OpenMeteo, fetch_open_meteo
from airq.workflows.folders import now, today

SETTINGS, CITIES, INPUTS = "update.toml", "cities.csv", "inputs"
PREDICTIONS, HISTORY, LOG = "predictions.parquet", "history.parquet", "log.md"
SOURCES = ("open-meteo", "earthengine")
#: Days before the first prediction whose inputs its features may need. [d]
CONTEXT_DAYS = 30
#: Days on which forecasts of a lead must stand beside observations before they get intervals.
DAYS_OF_A_LEAD = 14
#: Runs that the log keeps a line of.
LOGGED_RUNS = 60
FINAL, PROVISIONAL, FORECAST = "final", "provisional", "forecast"


@dataclass(frozen=True)
class Settings:
    """What a live folder does, as its `update.toml` says.

    Attributes
    ----------
    bundle : str
        Trained bundle; a path that is not absolute starts at the folder.
    start : str
        First day to predict, ISO.
    source : {"open-meteo", "earthengine"}
        Where inputs come from.
    recipe : str
        Set of products of the source.
    ahead : int
        Days ahead to predict, 0 to 4.
    monitors : str, optional
        Panel of monitors: seen by predictions, and by what calibrates the intervals of forecasts.
    url, project : str, optional
        Address of the service, and Cloud project of Earth Engine.
    """

    bundle: str
    start: str
    source: str = "open-meteo"
    recipe: str = "live"
    ahead: int = 0
    monitors: str | None = None
    url: str | None = None
    project: str | None = None

    def __post_init__(self):
        day_labels(self.start, self.start)
        if self.source not in SOURCES:
            raise ValueError(f"source is {self.source!r}; it must be one of {', '.join(SOURCES)}.")
        most = MOST_AHEAD if self.source == "open-meteo" else 0
        if type(self.ahead) is not int or not 0 <= self.ahead <= most:
            raise ValueError(f"ahead is {self.ahead!r}; {self.source} has forecasts for 0 to {most} days.")


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


def init(folder, cities, bundle, *, start=None, on_day=None, **settings) -> Settings:
    """Begin a live folder: check what it rests on and write its `update.toml` and `cities.csv`.

    Parameters
    ----------
    folder : str or Path
        New folder.
    cities : DataFrame, str or Path
        Cities to predict, see :func:`airq.cities.read_cities`.
    bundle : str or Path
        Bundle that was trained with the recipe ``live``.
    start : str, optional
        First day to predict; by default two weeks ago.
    on_day : datetime64[D], optional
        The date in UTC; by default today.
    **settings
        `source`, `recipe`, `ahead`, `monitors`, `url`, `project` of :class:`Settings`.

    Raises
    ------
    ValueError
        If a setting is wrong, or the bundle looks ahead.
    OSError
        If the folder exists, or a file cannot be read.
    """
    folder, table = Path(folder), read_cities(cities)
    start = start or str((on_day or today()) - 14)
    paths = {"bundle": bundle, "monitors": settings.pop("monitors", None)}
    paths = {name: str(Path(path).absolute()) for name, path in paths.items() if path is not None}
    settings = Settings(start=start, **paths, **settings)
    _open_bundle(folder, settings)
    if settings.monitors is not None:
        read_panel(settings.monitors, target="required")
    with atomic_folder(folder, marker=SETTINGS) as unfinished:
        if (folder / SETTINGS).exists():
            raise FileExistsError(f"{folder} is a live folder already; run airq update {folder}.")
        table.to_csv(unfinished / CITIES, index=False)
        (unfinished / SETTINGS).write_text(_toml(settings), encoding="utf-8")
    return settings


def read_settings(folder) -> Settings:
    """Read the `update.toml` of a live folder; ValueError says what is wrong in it."""
    path = Path(folder) / SETTINGS
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = f"begin one with: airq update init {folder} --cities cities.csv --bundle bundle"
        raise FileNotFoundError(f"{folder} is no live folder: it has no {SETTINGS}; {hint}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    known = Settings.__dataclass_fields__
    for name in facts:
        if name not in known:
            raise ValueError(f"{path}: unknown setting {name!r}.{near_name(name, known)}")
    try:
        return Settings(**facts)
    except TypeError:
        raise ValueError(f"{path}: it must say bundle and start.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def update(
    folder: str | PathLike, *, on_day=None, client: OpenMeteo | None = None, report_progress=None
) -> UpdateReport:
    """Fetch what is new, predict it, and write the predictions of a live folder.

    Parameters
    ----------
    folder : str or Path
        Folder that :func:`init` began.
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
    folder, on_day = Path(folder), on_day or today()
    settings = read_settings(folder)
    with _locked(folder):
        model = _open_bundle(folder, settings)
        last = on_day + settings.ahead if settings.ahead else on_day - 1
        failure = _fetch_inputs(folder, settings, last, on_day, client, report_progress)
        before = _read(folder / PREDICTIONS)
        days = np.arange(np.datetime64(settings.start), last + 1)
        status = _status(folder, settings, days)
        due = _due(status, before)
        rows, predicted, metadata = before, {}, None
        if len(due):
            with warnings.catch_warnings(record=True) as caught:
                # Each run would say the same: it stands in the log.
                warnings.simplefilter("always", AirqWarning)
                made, metadata = _predict(folder, settings, model, due, before, on_day)
            metadata["notes"] = [*(str(one.message) for one in caught), *metadata["notes"]]
            predicted = made["inputs"].value_counts().to_dict()
            rows = _replace(folder, before, made, metadata)
        missing, lasting = _missing(status, rows, failure)
        newest = "" if rows is None or rows.empty else f"{rows['date'].max():%Y-%m-%d}"
        notes = () if metadata is None else tuple(metadata["notes"])
        report = UpdateReport(str(folder), str(on_day), predicted, newest, missing, lasting, notes)
        _log(folder, report)
    return report


@contextlib.contextmanager
def _locked(folder):
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        message = f"Another airq update is at work in {folder}; wait until it ends."
        raise BlockingIOError(message) from None
    try:
        for name in (PREDICTIONS, HISTORY, LOG):
            for left in folder.glob(f".{name}.*"):
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()


def _open_bundle(folder, settings):
    """Return the model of a live folder; refuse one whose predictions rest on later days."""
    model = load(folder / settings.bundle)
    if model.metadata_["looks_ahead"]:
        raise ValueError(
            f"{settings.bundle} looks at later days, which a live folder does not have yet; train one with: "
            "airq train panel.parquet --recipe live --out bundle"
        )
    return model


def _fetch_inputs(folder, settings, last, on_day, client, report_progress):
    """Fill the folder of inputs up to a day; return the words of a failure that will pass, or None."""
    start = np.datetime64(settings.start) - CONTEXT_DAYS
    cities, out = folder / CITIES, folder / INPUTS
    if last < np.datetime64(settings.start):
        return f"the first day, {settings.start}, is not over yet"
    try:
        if settings.source == "open-meteo":
            options = {"recipe": settings.recipe, "client": client or OpenMeteo(url=settings.url)}
            options |= {"on_day": on_day, "report_progress": report_progress}
            fetch_open_meteo(cities, str(start), str(last), out=out, **options)
        else:
            from airq.workflows.extract import EarthEngine, ExtractionRequest, run_extraction

            request = ExtractionRequest(cities, str(start), str(last), settings.recipe)
            run_extraction(request, out=out, client=EarthEngine(settings.project, url=settings.url))
    except ConnectionError as error:
        return f"the source cannot be reached now ({error})"
    return None


def _status(folder, settings, days):
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
    inputs = _opened(folder, settings)
    all_came, last_came, settled = inputs.ages(inputs.read_chunks()[0], days)
    rows = inputs.site_days.sites.index.get_indexer(cities)
    status["fetched"] = last_came[rows].ravel().astype("datetime64[us]")
    lead = (status["date"] - all_came[rows].ravel().astype("datetime64[us]")).dt.days
    status.loc[lead >= 0, "inputs"] = FORECAST
    status["lead_days"] = lead.clip(lower=0).fillna(0).astype(int)
    status.loc[settled[rows].ravel(), "inputs"] = FINAL
    panel = read_panel(folder / INPUTS / PANEL)
    daily = [name for name in feature_columns(panel) if panel.groupby("site_id")[name].nunique().max() > 1]
    known = panel.loc[panel[daily].notna().any(axis=1), KEYS]
    there = pd.MultiIndex.from_frame(status[KEYS]).isin(pd.MultiIndex.from_frame(known))
    return status.assign(there=there)


def _opened(folder, settings):
    """Return the folder of inputs with what its manifest says was asked for."""
    cities = read_cities(folder / CITIES)
    day = pd.Timestamp(settings.start)
    if settings.source == "open-meteo":
        extraction = OpenMeteoExtraction(settings.recipe, service=service_name(settings.url, SERVICE))
    else:
        from airq.workflows.extract import ExtractionRequest

        request = ExtractionRequest(folder / CITIES, settings.start, settings.start, settings.recipe)
        extraction = request.extraction(settings.url)
    return open_folder(folder / INPUTS, extraction, SiteDays.from_cities(cities, day, day))


def _due(status, before):
    """Return the rows to predict: those with inputs that have no prediction of these inputs yet."""
    due = status[status["there"]]
    if before is None or before.empty:
        return due
    have = before[[*KEYS, "inputs", "fetched"]].rename(columns={"inputs": "before", "fetched": "then"})
    due = due.merge(have, on=KEYS, how="left")
    done = (due["before"] == FINAL) | ((due["then"] == due["fetched"]) & (due["before"] == due["inputs"]))
    return due.loc[~done, status.columns]


def _predict(folder, settings, model, due, before, on_day):
    """Return rows of predictions, and the metadata of their file."""
    panel = read_panel(folder / INPUTS / PANEL)
    first = due["date"].min() - pd.Timedelta(days=CONTEXT_DAYS)
    panel = model.check_panel(panel[panel["date"] >= first].reset_index(drop=True))
    monitors = (
        None if settings.monitors is None else read_panel(folder / settings.monitors, target="required")
    )
    visible = panel.drop(columns=TARGET, errors="ignore")
    described = model.predictor_.describe(visible, model._open_monitors(monitors)).assign(**panel[KEYS])
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
    metadata = model._prediction_metadata(DEFAULT_COVERAGE, "day", monitors)
    facts = {"as_of": str(on_day), "source": settings.source, "notes": notes}
    return made.assign(as_of=pd.Timestamp(on_day)).sort_values(KEYS), {**metadata, **facts}


def _calibrations(folder, before, monitors, leads):
    """Return what calibrates the forecasts of each lead, None where there is too little, and words."""
    past = pd.concat([before if before is not None else pd.DataFrame(), _read(folder / HISTORY)])
    calibrations, notes = dict.fromkeys(leads), []
    for lead in leads:
        pairs = _pairs(past, monitors, lead)
        days = 0 if pairs.empty else pairs["date"].nunique()
        if days < DAYS_OF_A_LEAD:
            notes.append(
                f"Forecasts {lead} days ahead have no interval yet: {days} of {DAYS_OF_A_LEAD} days that are "
                "needed stand beside observations."
            )
            continue
        calibrations[lead] = Calibration.from_held_out(pairs)
        cities, needed = calibrations[lead].n_groups(), groups_needed(DEFAULT_COVERAGE)
        have = "have 90 % intervals" if cities >= needed else f"have no interval: {needed} cities are needed"
        notes.append(
            f"Forecasts {lead} days ahead {have}; {len(pairs):,} past ones of {cities} cities on {days} days "
            "stand beside observations."
        )
    return calibrations, notes


def _pairs(past, monitors, lead):
    """Return past forecasts of a lead beside what was observed then."""
    if monitors is None or past.empty:
        return pd.DataFrame()
    past = past[(past["inputs"] == FORECAST) & (past["lead_days"] == lead)]
    past = past[["city_id", "date", TARGET, *SCALE]].rename(columns={TARGET: "predicted"})
    observed = mean_by_city(monitors)[["city_id", "date", TARGET]].rename(columns={TARGET: "observed"})
    pairs = past.merge(observed, on=["city_id", "date"]).dropna()
    return pairs.drop_duplicates(["city_id", "date"]).rename(columns={"city_id": "group"})


def _replace(folder, before, made, metadata):
    """Write the predictions with the rows that were made, and keep those that they replace."""
    rows = made
    if before is not None and len(before):
        new = pd.MultiIndex.from_frame(made[KEYS])
        old = pd.MultiIndex.from_frame(before[KEYS]).isin(new)
        earlier = _read(folder / HISTORY)
        kept = [table for table in (earlier, before[old]) if table is not None and len(table)]
        if kept:
            # A run that was killed between the two files leaves rows in both.
            history = pd.concat(kept, ignore_index=True).drop_duplicates([*KEYS, "as_of"])
            history = history.sort_values([*KEYS, "as_of"], ignore_index=True)
            write_table(history, folder / HISTORY, metadata={"airq": metadata})
        rows = pd.concat([before[~old], made], ignore_index=True)
    rows = rows.sort_values(KEYS, ignore_index=True)
    write_table(rows, folder / PREDICTIONS, metadata={"airq": metadata})
    return rows


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


def _log(folder, report):
    """Write one page: what this run did, and a line for each of the runs before it."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    earlier = [line for line in lines if line.startswith("- ")][: LOGGED_RUNS - 1]
    counts = ", ".join(f"{number:,} {name}" for name, number in report.predicted.items()) or "nothing new"
    lacking = "; ".join(f"{number:,} missing: {reason}" for reason, number in report.missing.items())
    line = f"- {now()}, as of {report.as_of}: {counts} predicted{lacking and f'; {lacking}'}"
    notes = "".join(f"{note}\n\n" for note in report.notes)
    write_text(
        path, f"# {folder.name}\n\n{report}\n\n{notes}## Runs\n\n" + "\n".join([line, *earlier]) + "\n"
    )


def _toml(settings):
    """Return the settings as a small TOML file for people to read and change."""
    words = {
        "bundle": "trained with --recipe live",
        "start": "first day to predict",
        "source": "open-meteo | earthengine",
        "recipe": "set of products of the source",
        "ahead": "days ahead to predict, 0 to 4",
        "monitors": "panel of monitors, for predictions and for the intervals of forecasts",
        "url": "address of the service, where it is not its own",
        "project": "Cloud project of Earth Engine",
    }
    lines = ["# Read by every run of `airq update`; paths that are not absolute start at this folder."]
    for name, comment in words.items():
        value = getattr(settings, name)
        text = "" if value is None else str(value) if isinstance(value, int) else _quoted(str(value))
        lines.append(f"{'# ' if value is None else ''}{name} = {text or _quoted('')}  # {comment}")
    return "\n".join(lines) + "\n"


def _quoted(text):
    """Return text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Predict panels that need not fit into memory, in one file or in a folder of parts.

Every row is checked first, which also tells where the places lie. Then the rows are sorted into blocks of
places near each other, in a hidden folder beside the output; each block is predicted with the inputs of the
places around it; last, the results are written by site and day. A run that was interrupted goes on where it
ended. The predictions are those of :meth:`airq.PM25Regressor.predict_table`, bit for bit, see
:mod:`airq.models.blocks`. On a cluster, see :func:`airq.cluster.on_cluster`, its workers predict the blocks,
whose rows they read from the hidden folder; this process writes what they find.

Scores and explanations of a bundle go through the same blocks, see :func:`sorted_blocks`.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import filelock
import joblib
import numpy as np
import pandas as pd

import airq
from airq.bundle import check_columns, check_same_places, check_some_input
from airq.cities import check_swapped
from airq.cluster import active_client
from airq.features.shifts import day_numbers, numbers
from airq.io import ROW_GROUP, json_ready, open_panel_file
from airq.models.blocks import beside, cut
from airq.models.intervals import check_coverage
from airq.models.predictions import (
    DESCRIBED,
    Figures,
    check_periods,
    classified_rows,
    day_rows,
    period_rows,
    prediction_writer,
    write_predictions,
)
from airq.panel import PLACE, Labels, check_keys, check_panel, check_places, panel_metadata
from airq.parallel import workers

#: Memory of a run unless another is asked for, and what of it no row needs; larger blocks are not faster.
#: [bytes]
MEMORY, FIXED = 600_000_000, 400_000_000
#: Memory of a run that scores or explains, which keeps figures of the rows beside. [bytes]
LEAN = 500_000_000
#: Memory that a row of a block needs for itself and for every feature. [bytes]
ROW_BYTES, FEATURE_BYTES = 600, 12
#: Fewest rows of a block: smaller ones would read their surroundings again and again.
FEWEST = 5_000
#: Blocks for the workers of a cluster, unless the memory asks for more.
FOR_WORKERS = 64
#: Rows that are read at a time.
BATCH = 50_000
#: Folder for large temporary files on systems that have one (Filesystem Hierarchy Standard 3.0, 5.15).
VAR_TMP = "/var/tmp"
#: In what the files of a panel must agree, beside their columns.
ALIKE = ("day_basis", "pm25_origin", "statistic")
#: What is kept of a row until it is written.
RESULT = np.dtype(
    [("place", "i4"), ("day", "i4"), ("population", "f8"), *((name, "f8") for name in DESCRIBED)]
)


def parse_bytes(text):
    """Return a number of bytes that is written like 800MB or 1.5 GB; refuse another text.

    >>> parse_bytes("1.5 GB"), parse_bytes("800mb")
    (1500000000, 800000000)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG])B", text.strip(), re.IGNORECASE)
    size = float(match[1]) * {"M": 1e6, "G": 1e9}[match[2].upper()] if match else 0
    if size <= FIXED:
        raise ValueError(
            f"The memory is {text!r}; write it like 1GB or 800MB, more than {FIXED / 1e6:.0f}MB."
        )
    return int(size)


def predict_panel(model, source, out, coverage, period="day", *, monitors=None, memory=None, advance=None):
    """Predict the rows of a panel in files, and write them.

    Parameters
    ----------
    model : PM25Regressor
        Fitted.
    source : path
        Parquet file of a panel, or a folder of such files.
    out : path
        Parquet or CSV file; or a folder, which gets a part for every file of the folder `source`.
    coverage, period, monitors
        As for :meth:`airq.PM25Regressor.predict_table`; a folder has days only.
    memory : int, optional
        About how much may be used; by default 600 MB, or half of the machine's where that is less. [bytes]
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every step.

    Returns
    -------
    metadata : dict
        Where the predictions come from, see :func:`airq.write_predictions`.
    figures : Figures
        Of the predictions.
    """
    check_coverage(coverage)
    files, out = panel_files(source), Path(out)
    parts = [out / name for name in files] if is_folder(out) else [out]
    check_parts(source, out)
    if is_folder(out) and period != "day":
        raise ValueError(f"The days of a {period} may lie in several parts; name a file for --out.")
    most = _rows_within(memory, len(model.metadata_["features"]))
    if active_client() is not None:
        most = min(most, max(sum(map(_n_rows, files.values())) // FOR_WORKERS, FEWEST))
    if Path(source).is_file() and _n_rows(source) <= most:
        rows, figures = model.predict_table(source, coverage, period, monitors=monitors), Figures()
        write_predictions(rows, out)
        figures.add(rows)
        return rows.attrs["airq"], figures
    monitors, advance = model.open_monitors(monitors), advance or (lambda done, total, text: None)
    survey = Survey(model, list(files.values()), n_parts=len(parts), advance=advance)
    metadata = model.prediction_metadata(coverage, period, monitors) | {"inputs": survey.sources}
    seen = None if monitors is None else pd.util.hash_pandas_object(monitors).sum()
    facts = [airq.__version__, model.metadata_, metadata, seen, most, list(map(str, parts))]
    with _workspace(out, [*facts, *map(_stamp, files.values())]) as work:
        run = Run(model.predictor_.seeing(monitors), survey, work.resolve(), most)
        run.sort_into_blocks(advance)
        run.predict(advance)
        figures = run.write(parts, model.metadata_["data"]["places"], metadata, coverage, period)
    return metadata, figures


def check_parts(source, out):
    """Refuse a folder for the predictions of a panel that is a single file."""
    if is_folder(out) and not Path(source).is_dir():
        raise ValueError(f"{out} must end in .parquet or .csv; only a folder of panels gives a folder.")


def panel_files(source):
    """Return the Parquet files of a panel by name: the file itself, or those of a folder and of its folders.

    ValueError is raised if one is no panel, a folder has none, or they differ in columns, kind of day, origin
    of PM2.5 or statistic.
    """
    source = Path(source)
    if not source.is_dir():
        return {source.name: source}
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() == ".parquet")
    found = {str(path.relative_to(source)): path for path in paths}
    files = {name: path for name, path in found.items() if not re.search(r"(^|/)[._]", name)}
    if not files:
        raise ValueError(f"{source} holds no Parquet file.")
    seen = None
    for path in files.values():
        with open_panel_file(path) as (file, metadata):
            facts = {"columns": sorted(file.schema_arrow.names)}
            facts |= {name: getattr(metadata, name) for name in ALIKE}
        first, expected = seen = seen or (path, facts)
        for name, value in facts.items():
            if value != expected[name]:
                raise ValueError(f"{path} and {first} have different {name}; parts must be alike.")
    return files


class Survey:
    """What the files of a panel hold, every row checked.

    Attributes
    ----------
    spelled : DataFrame
        The different :data:`airq.panel.PLACE` of the rows: a site has several if its city is spelled in
        several ways. `codes` holds their numbers.
    places : DataFrame
        One row for every site, sorted; `site` is the number of the site of every row of `spelled`.
    n_rows : numpy.ndarray of shape (n_parts, n_sites)
        Rows by part of the output.
    record : numpy.dtype
        Of a row in a block: part, place in `spelled`, day, inputs and the column `kept`, where it is there.
    sources : list of str
        Where the rows come from.
    metadata : PanelMetadata
        Of the first file.
    """

    def __init__(self, model, files, *, n_parts=1, kept: str | None = "population", advance=None):
        self.files, self.n_parts = files, n_parts
        inputs, total = model.metadata_["recipe_inputs"], sum(map(_n_rows, files))
        kinds = dict.fromkeys([*inputs, *filter(None, [kept])], "f4")
        self.codes, counts, filled, sources, n_outside = {}, {}, set(), {}, 0
        with open_panel_file(files[0]) as (_, self.metadata):
            pass
        for done, part, batch in self.batches():
            check_columns(batch.columns, panel_metadata(batch), model.metadata_)
            sources |= dict.fromkeys(panel_metadata(batch).sources)
            for place, rows in batch.groupby(PLACE, sort=False).size().items():
                key = part, self.codes.setdefault(place, len(self.codes))
                counts[key] = counts.get(key, 0) + rows
            filled |= {name for name in inputs if name not in filled and batch[name].notna().any()}
            kinds |= {name: "f8" for name in kinds if name in batch and batch[name].dtype != "float32"}
            n_outside += model.n_outside(batch)
            if advance is not None:
                advance(done, total, "rows checked")
        if not counts:
            raise ValueError("The panel has no rows.")
        self.sources, self.spelled = list(sources), pd.DataFrame(list(self.codes), columns=PLACE)
        self.spelled = self.spelled.astype(dict.fromkeys(PLACE[:4], "str"))
        check_places(self.spelled)
        self.places = self.spelled.drop_duplicates("site_id").sort_values("site_id", ignore_index=True)
        check_swapped(self.places)
        check_some_input(inputs, filled)
        check_same_places(self.places, model.metadata_["data"]["places"])
        model.warn_of([name for name in inputs if name not in filled], n_outside, total)
        self.site = pd.Index(self.places["site_id"]).get_indexer(self.spelled["site_id"])
        self.n_rows = np.zeros((n_parts, len(self.places)), dtype=np.int64)
        for (part, code), rows in counts.items():
            self.n_rows[part, self.site[code]] += rows
        columns = [(name, kind) for name, kind in kinds.items() if name in batch and name not in PLACE]
        self.record = np.dtype([("part", "i4"), ("place", "i4"), ("day", "i4"), *columns])

    def batches(self):
        """Yield how many rows are read, the part that some of them go to, and these rows, checked."""
        done = 0
        for number, path in enumerate(self.files):
            with open_panel_file(path) as (file, metadata):
                for batch in file.iter_batches(BATCH):
                    panel = batch.to_pandas()
                    panel.attrs = {"airq": Labels(metadata.to_dict())}
                    done += len(panel)
                    try:
                        yield done, min(number, self.n_parts - 1), check_panel(panel)
                    except ValueError as error:
                        raise ValueError(f"{path}: {error}") from None

    def records(self, part, batch):
        """Return the rows of a checked panel as records."""
        records = np.empty(len(batch), self.record)
        change = (batch[PLACE] != batch[PLACE].shift()).any(axis=1).to_numpy()
        codes = [self.codes[place] for place in batch.loc[change, PLACE].itertuples(index=False, name=None)]
        records["place"] = np.array(codes)[np.cumsum(change) - 1]
        records["part"], records["day"] = part, day_numbers(batch)
        for name in self.record.names[3:]:
            records[name] = numbers(batch, name)
        return records

    def panel(self, records, columns):
        """Return records as a table with their places and days, and columns of theirs."""
        table = self.spelled.take(records["place"]).reset_index(drop=True)
        days = records["day"].astype("datetime64[D]").astype("datetime64[us]")
        return table.assign(date=days, **{name: records[name] for name in columns})


class Run:
    """A prediction in steps, each of which goes on where it ended: sort rows, predict blocks, write parts.

    The folder `work` keeps what is done; `most` is the largest number of rows of a block. `advance` is called
    as in :func:`predict_panel`. `elsewhere` says how to choose another folder where this one has no room.
    """

    def __init__(self, predictor, survey, work, most, *, elsewhere=""):
        self.predictor, self.survey, self.work, self.elsewhere = predictor, survey, work, elsewhere
        self.blocks = cut(survey.places, survey.n_rows.sum(axis=0), most)
        self.total = int(survey.n_rows.sum())
        self.results = work / "results"
        #: Where the results of a part and site begin.
        self.first = np.cumsum(survey.n_rows).reshape(survey.n_rows.shape) - survey.n_rows

    def sort_into_blocks(self, advance=None):
        """Append every row to the file of its block."""
        if "sorted" in self._done():
            return
        needed = self.total * (self.survey.record.itemsize + RESULT.itemsize)
        if needed > (free := shutil.disk_usage(self.work).free):
            raise OSError(
                f"{self.total:,} rows need {needed / 1e9:.1f} GB of room in {self.work.parent} while airq "
                f"works, but {free / 1e9:.1f} GB are free there.{self.elsewhere}"
            )
        block_of = np.empty(len(self.survey.places), dtype=int)
        for number, block in enumerate(self.blocks):
            block_of[block] = number
            self._file(number).unlink(missing_ok=True)
        for done, part, batch in self.survey.batches():
            records = self.survey.records(part, batch)
            where = block_of[self.survey.site[records["place"]]]
            for some in _runs(where):
                with open(self._file(where[some[0]]), "ab") as file:
                    file.write(records[some].tobytes())
            if advance is not None:
                advance(done, self.total, "rows sorted")
        self._finish("sorted")

    def predict(self, advance):
        """Predict the blocks, and write their results where they belong."""
        self.results.touch()
        finished, n_rows = self._done(), self.survey.n_rows.sum(axis=0)
        left = [number for number in range(len(self.blocks)) if str(number) not in finished]
        done = self.total - sum(int(n_rows[self.blocks[number]].sum()) for number in left)
        tasks = (
            joblib.delayed(_block)(self, number, f"{number + 1} of {len(self.blocks)}") for number in left
        )
        with workers(1, return_as="generator_unordered") as run:
            for number, results in run(tasks):
                self._write_results(results)
                self._finish(number)
                done += len(results)
                advance(done, self.total, "rows predicted")

    def block(self, number):
        """Return the records of a block by site and day, the same as a panel, and the rows around them."""
        recipe, records = self.predictor.recipe_, self.load(number)
        columns = [name for name in self.survey.record.names[3:] if name in recipe.inputs]
        around = self._around(number, [name for name in columns if name in recipe.surroundings.inputs])
        return records, self.survey.panel(records, columns), around

    def _predict(self, number):
        """Return the results of a block, by site and day, and their parts and sites."""
        records, panel, around = self.block(number)
        described = self.predictor.describe(panel, around=around)
        results = np.empty(len(records), [("part", "i4"), ("site", "i4"), *RESULT.descr])
        results["part"], results["site"] = records["part"], self.survey.site[records["place"]]
        for name in RESULT.names:
            source = described if name in described else records
            results[name] = source[name] if name in (*described, *records.dtype.names) else np.nan
        return results

    def _around(self, number, columns):
        """Return the rows of the places around a block, with the columns that its features look at."""
        near = beside(self.survey.places, self.blocks[number], self.predictor.recipe_.reach_km)
        tables = []
        for other, block in enumerate(self.blocks):
            if other != number and np.isin(block, near).any():
                records = self.load(other)
                records = records[np.isin(self.survey.site[records["place"]], near)]
                tables.append(
                    self.survey.panel(records, columns).drop(columns=["city_id", "city", "country"])
                )
        return pd.concat(tables, ignore_index=True) if tables else None

    def load(self, number):
        """Return the records of a block by site and day; refuse a day that a site has twice."""
        records = np.fromfile(self._file(number), self.survey.record)
        records = records[np.lexsort((records["day"], self.survey.site[records["place"]]))]
        same_site = np.diff(self.survey.site[records["place"]]) == 0
        if np.any(same_site & (np.diff(records["day"]) == 0)):
            check_keys(self.survey.panel(records, []))
        return records

    def _write_results(self, results):
        order = np.argsort(results["part"], kind="stable")
        results = results[order]
        with open(self.results, "r+b") as file:
            for some in _runs(results["part"].astype(np.int64) * len(self.survey.places) + results["site"]):
                part, site = results[["part", "site"]][some[0]]
                file.seek(int(self.first[part, site]) * RESULT.itemsize)
                file.write(np.ascontiguousarray(results[some][list(RESULT.names)].astype(RESULT)).tobytes())
            file.flush()
            os.fsync(file.fileno())

    def write(self, parts, places, metadata, coverage, period):
        """Write the parts of the output, each whole or not at all; return figures by place.

        `places` are those of training.
        """
        finished, figures, n_periods, n_rows = self._done(), Figures(), 0, 0
        calibration = self.predictor.calibration_
        for number, path in enumerate(parts):
            if not self.survey.n_rows[number].any():
                continue
            writer = prediction_writer(path, metadata)
            if f"part-{number}" in finished and path.exists():
                writer = contextlib.nullcontext(lambda rows: None)
            _remove_drafts(path)
            with writer as write:
                for results in self._results_of(number, period):
                    described = pd.DataFrame({name: results[name] for name in DESCRIBED})
                    rows = day_rows(self.survey.panel(results, ["population"]), described, places)
                    if period != "day":
                        rows, n_here = period_rows(rows, period)
                        n_periods, n_rows = n_periods + n_here, n_rows + len(rows)
                    if len(rows):
                        rows = classified_rows(rows, calibration, coverage=coverage, period=period)
                        figures.add(rows)
                        write(rows)
                if period != "day":
                    check_periods(n_rows, n_periods, period)
            self._finish(f"part-{number}")
        return figures

    def _results_of(self, part, period):
        """Yield the results of a part, some at a time; of longer periods whole sites."""
        ends = np.cumsum(self.survey.n_rows[part])
        cuts = np.arange(ROW_GROUP, ends[-1], ROW_GROUP)
        if period != "day":
            cuts = np.unique(ends[np.searchsorted(ends, cuts)])
        bounds = np.unique([0, *cuts, ends[-1]])
        with open(self.results, "rb") as file:
            file.seek(int(self.first[part, 0]) * RESULT.itemsize)
            for n_rows in np.diff(bounds):
                yield np.frombuffer(file.read(int(n_rows) * RESULT.itemsize), RESULT)

    def _file(self, number):
        return self.work / f"block-{number}"

    def _done(self):
        done = self.work / "done"
        return set(done.read_text().split()) if done.exists() else set()

    def _finish(self, step):
        """Note that a step is done; what it wrote is on the disk by then."""
        with open(self.work / "done", "a") as file:
            file.write(f"{step}\n")
            file.flush()
            os.fsync(file.fileno())


def _block(run, number, which):
    """Return the number of a block and its results; `which` names it where its worker fails."""
    if not run.results.exists():
        raise OSError(
            f"The worker of block {which} does not see {run.work.parent}; write --out to a folder that all "
            "workers of the cluster share."
        )
    return number, run._predict(number)


@contextlib.contextmanager
def sorted_blocks(model, source, *, kept, most, advance=None):
    """Yield the rows of a panel in files, checked and sorted into blocks of at most `most` rows, as a Run.

    `kept` is a column that the records hold beside the inputs, None for none. The blocks are in a temporary
    folder, which is removed at the end: in TMPDIR, or in /var/tmp, as /tmp may lie in memory. The other
    arguments are those of :func:`predict_panel`.
    """
    survey = Survey(model, list(panel_files(source).values()), kept=kept, advance=advance)
    large = None if "TMPDIR" in os.environ or not os.access(VAR_TMP, os.W_OK) else VAR_TMP
    with tempfile.TemporaryDirectory(prefix="airq-", dir=large) as work:
        elsewhere = " Name a folder that has room in the variable TMPDIR."
        run = Run(model.predictor_, survey, Path(work), most, elsewhere=elsewhere)
        run.sort_into_blocks(advance)
        yield run


def rows_at_once(model, source):
    """Return how many rows of a panel are scored or explained at once, None if it is there or fits whole."""
    if isinstance(source, pd.DataFrame):
        return None
    most = _rows_within(LEAN, len(model.metadata_["features"]))
    return None if Path(source).is_file() and _n_rows(source) <= most else most


@contextlib.contextmanager
def _workspace(out, facts):
    """Yield the folder that keeps what is done of one run, which `facts` describe; remove it at the end.

    What another run left is removed first. A ValueError says that the input is at fault, so there is nothing
    to go on with. BlockingIOError is raised if another process is at work.
    """
    work = out.with_name(f".{out.name}.unfinished")
    work.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(work / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(f"Another airq process is writing {out}; wait until it ends.") from None
    fingerprint = hashlib.sha256(json.dumps(json_ready(facts)).encode()).hexdigest()
    try:
        if not (work / fingerprint).exists():
            for file in work.iterdir():
                if file.name != ".lock":
                    file.unlink()
            (work / fingerprint).touch()
        yield work
        shutil.rmtree(work)
    except ValueError:
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        lock.release()


def _remove_drafts(path):
    """Remove what a killed run left of a file that it was writing."""
    for scratch in path.parent.glob(f".{glob.escape(path.name)}.????????"):
        shutil.rmtree(scratch, ignore_errors=True)


def _runs(values):
    """Return the positions of equal values, a list of arrays, each in order."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1)


def _rows_within(memory, n_features):
    """Return how many rows a block may have."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = min(MEMORY, installed // 2) if memory is None else memory
    return max(int((memory - FIXED) // (ROW_BYTES + FEATURE_BYTES * n_features)), FEWEST)


def is_folder(out):
    """Tell whether predictions go to a folder of parts: its name does not end like that of a table."""
    return out.suffix.lower() not in (".parquet", ".pq", ".csv")


def _n_rows(path):
    with open_panel_file(path) as (file, _):
        return file.metadata.num_rows


def _stamp(path):
    return str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns

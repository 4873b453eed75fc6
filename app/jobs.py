"""Jobs that the server leaves to the commands of `airq` and `imbalance`, each in a process of its own.

So the server stays small and answers meanwhile. A process ends with the page that asked for it, with the
server, or after its time.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from airq.panel import PLACE
from airq.report.contributions import contribution_sentences
from app import sources

#: How often the server looks at a process, and a process at its server. [s]
EVERY = 0.3
#: A line of progress as commands print it, see :func:`airq.messages.progress`.
PROGRESS = re.compile(
    r"(?!note|Warning|Error)(?P<what>[^:]*): (?P<done>[\d,]+) of (?P<total>[\d,]+) ?(?P<text>.*)"
)
#: Days before and after a day that are explained along with it: a row is a hundredth of the work.
DAYS_AROUND = 7
#: Explanations that the server keeps, some kilobytes each.
MOST_KEPT = 1000


@dataclass(frozen=True)
class Step:
    """How far a job is: pieces done of `total`, and words; no total while it waits."""

    done: int
    total: int
    text: str

    @property
    def share(self):
        """Part that is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True)
class Job:
    """A command that runs in a process of its own.

    Attributes
    ----------
    command : tuple of str
        ``"airq"`` or ``"imbalance"``, and which of its commands.
    what : str
        What is at work, in words.
    longest : int
        A job that takes longer is ended. [s]
    instead : str
        What to do where it takes too long, a sentence.
    begins : str
        Words until the command tells its own.
    slots : threading.BoundedSemaphore
        Jobs of this kind that run at the same time on this server; one by default.
    """

    command: tuple
    what: str
    longest: int
    instead: str
    begins: str = "Starting"
    slots: threading.BoundedSemaphore = field(default_factory=threading.BoundedSemaphore)

    def run(self, *arguments):
        """Run the command with arguments; yield a :class:`Step` several times a second.

        Closing the generator ends the process.

        Raises
        ------
        ValueError
            If the command refused; the words are its own.
        OSError
            If it took too long or was ended from outside.
        """
        while not self.slots.acquire(timeout=EVERY):
            yield Step(0, 0, f"Another {self.what} is running; this one begins when it ends.")
        try:
            with tempfile.TemporaryFile() as told:
                yield from self._run(told, [str(one) for one in arguments])
        finally:
            self.slots.release()

    def _run(self, told, arguments):
        # A folder or file called app where the server was started is another's.
        command = [sys.executable, "-P", "-m", "app.jobs", *self.command, *arguments]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": told}
        process = subprocess.Popen(command, env=_environment(), process_group=0, **quiet)
        started = time.monotonic()
        try:
            while _runs(process):
                if time.monotonic() - started > self.longest:
                    minutes = self.longest // 60
                    raise TimeoutError(
                        f"The {self.what} took more than {minutes} minutes and was ended. {self.instead}"
                    )
                yield self._step(told)
        finally:
            _end_group(process.pid)
            process.wait()
        if process.returncode:
            refused = [line for line in _lines(told) if line.startswith("Error: ")]
            if refused:
                raise ValueError(refused[-1].removeprefix("Error: "))
            raise OSError(f"The {self.what} stopped before its end; perhaps the machine is short of memory.")

    def _step(self, told):
        found = [match for line in _lines(told) if (match := PROGRESS.fullmatch(line))]
        if not found:
            return Step(0, 0, self.begins)
        done, total = (int(found[-1][name].replace(",", "")) for name in ("done", "total"))
        return Step(done, total, found[-1]["text"] or found[-1]["what"])


def main():
    """Run the command of a package that the command line names: ``python -m app.jobs airq predict ...``."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    package = sys.argv.pop(1)
    # A comparison is long: it stands back behind the server.
    if package == "imbalance" and hasattr(os, "nice"):
        os.nice(10)
    importlib.import_module(f"{package}.cli").main()


def _lines(told):
    """Return the whole lines of a file that a process writes; where it writes next is not moved."""
    text = os.pread(told.fileno(), os.fstat(told.fileno()).st_size, 0)
    return text.decode("utf-8", errors="replace").split("\n")[:-1]


def _runs(process):
    """Tell whether a process still runs after a moment."""
    try:
        process.wait(EVERY)
    except subprocess.TimeoutExpired:
        return True
    return False


def _environment():
    """Return the server's environment, with one thread a process and this package where it was found."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**os.environ, **own, "AIRQ_SECONDS_BETWEEN_LINES": "0", "NO_COLOR": "1"}


def _end_with(server):
    while os.getppid() == server:
        time.sleep(EVERY)
    if os.getpgrp() == os.getpid():
        _end_group(os.getpid())
    os._exit(1)


def _end_group(leader):
    """End a process and those that it started; it leads a group of its own, see :meth:`Job.run`."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


DEMONSTRATION = Job(
    ("airq", "demo"),
    "demonstration",
    7200,
    "Run `airq demo` in a terminal and start the app beside its folder.",
)
PREDICTION = Job(
    ("airq", "predict"), "prediction", 300, "Upload fewer cities, or use `airq predict`.", "Predicting"
)
EXPLANATION = Job(
    ("airq", "explain"),
    "explanation",
    600,
    "Ask `airq explain` in a terminal, or give the app a smaller panel.",
    "Computing the contributions",
)
COMPARISON = Job(
    ("imbalance", "compare"),
    "comparison",
    300,
    "Take fewer rows or strategies, or run it in a terminal.",
    "Reading the table",
)


def demonstration():
    """Return the demonstration that was made before, or None."""
    there = sources.in_folder(sources.demonstration_folder())
    return None if there == sources.Sources() else there


def make_demonstration():
    """Make the demonstration and keep it in the cache folder; yield a :class:`Step` now and then.

    OSError or ValueError if it could not be made.
    """
    folder = sources.demonstration_folder()
    lock = FileLock(folder.with_suffix(".lock"))
    while not _taken(lock):
        yield Step(0, 0, "Another window is making it; this one waits.")
    scratch = Path(tempfile.mkdtemp(prefix=".demonstration.", dir=folder.parent))
    try:
        if demonstration() is None:
            yield from DEMONSTRATION.run("--out", scratch / "demo", "--jobs", os.cpu_count() or 1)
            shutil.rmtree(folder, ignore_errors=True)
            (scratch / "demo").rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        lock.release()


def _taken(lock):
    try:
        lock.acquire(timeout=EVERY)
    except Timeout:
        return False
    return True


def predict(folder, panel, bundle, sites):
    """Predict all days of some sites of a panel into `folder`; yield a :class:`Step` now and then.

    The folder gets ``rows.parquet``, see :func:`airq.models.predictions.prediction_rows`. OSError or
    ValueError if panel (Parquet file) or bundle are not sound, or do not fit together.
    """
    _write_sites(panel, sites, folder / "panel.parquet")
    yield from PREDICTION.run(folder / "panel.parquet", "--bundle", bundle, "--out", folder / "rows.parquet")


def _write_sites(panel, sites, out):
    """Write the rows of some sites of a panel; the others stay on disk."""
    with pq.ParquetFile(panel) as file:
        wanted = pa.array(list(sites), pa.string())
        kept = [
            batch.filter(pc.is_in(batch.column("site_id").cast(pa.string()), value_set=wanted))
            for batch in file.iter_batches(50_000)
        ]
        schema = file.schema_arrow
    pq.write_table(pa.Table.from_batches(kept).replace_schema_metadata(schema.metadata), out)


class Answers:
    """Contributions by city and day, for all sessions of a server; the oldest are dropped first.

    An answer is a table of `product, contribution` and more, see
    :meth:`airq.models.explanation.Contributions.table`, and the same in sentences.
    """

    def __init__(self, most=MOST_KEPT):
        self.most = most
        self._found = {}
        self._changing = threading.Lock()

    def get(self, city_id, date):
        """Return the answer for a city and a day like 2020-01-31; None if there is none yet."""
        return self._found.get((city_id, date))

    def keep(self, city_id, answers):
        """Store answers for a city, by day."""
        with self._changing:
            self._found |= {(city_id, date): answer for date, answer in answers.items()}
            for oldest in list(self._found)[: -self.most]:
                del self._found[oldest]


def explain(answers, panel, bundle, city_id, date):
    """Compute the contributions to a prediction and to those around it; yield a :class:`Step` now and then.

    The first site of the city is explained for a day such as 2020-01-31; `answers` receives what is found. It
    ends once the answer is stored, by this session or another. Closing the generator ends the work. Raises as
    :meth:`Job.run` does.
    """
    with tempfile.TemporaryDirectory(prefix="airq-job-") as folder:
        out = Path(folder, "contributions.json")
        asked = ["--bundle", bundle, "--date", date, "--days-around", DAYS_AROUND, "--json", out]
        place = _place(panel, city_id)
        with closing(EXPLANATION.run(panel, "--site", place["site_id"].iloc[0], *asked)) as steps:
            for step in steps:
                if answers.get(city_id, date) is not None:
                    return
                yield step
        table = pd.DataFrame(json.loads(out.read_text(encoding="utf-8")))
    table = table.assign(date=pd.to_datetime(table["date"]), value=table["value"].astype("float64"))
    answers.keep(
        city_id,
        {f"{day:%Y-%m-%d}": (own, contribution_sentences(own, place)) for day, own in table.groupby("date")},
    )


def _place(panel, city_id):
    """Return the first site of a city in a panel, as a table of one row."""
    places = pq.read_table(panel, columns=PLACE, filters=[("city_id", "=", city_id)], partitioning=None)
    if not places.num_rows:
        raise ValueError(
            "The panel has no row of this city, so its prediction cannot be explained. Start the app with "
            "the panel that was predicted."
        )
    return places.slice(0, 1).to_pandas(ignore_metadata=True)


if __name__ == "__main__":
    main()

"""Run tasks side by side in processes of joblib, which leave Ctrl-C to the process that started them."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing.resource_tracker
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from joblib.externals.loky import backend as loky
from threadpoolctl import ThreadpoolController

from airq.cluster import active_client, run_tasks

#: How often a process looks whether the one that started it is still there. [s]
SECONDS_OF_A_LOOK = 0.5


@contextlib.contextmanager
def workers(n_jobs: int, **options) -> Iterator[Callable]:
    """Start a pool of `n_jobs` single-threaded processes; end them when the block ends early.

    Yields ``run(tasks)``, which starts joblib's delayed calls and returns an iterator over their results: in
    the order of the tasks, or as they come with ``return_as="generator_unordered"``. One job runs everything
    in this process; `options` are those of :class:`joblib.Parallel`.

    Ctrl-C reaches every process of a terminal. Each would end with a traceback of its own, so they block it,
    and the process that started them ends them. If that one is killed, they end by themselves.

    >>> with workers(1) as run:
    ...     list(run(joblib.delayed(abs)(number) for number in (-1, -2)))
    [1, 2]
    """
    if (client := active_client()) is not None:
        ordered = options.get("return_as") != "generator_unordered"
        yield lambda tasks: run_tasks(client, tasks, ordered=ordered)
        return
    started = []
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=n_jobs, **{"return_as": "generator", **options})

        def run(tasks):
            # A process inherits the signals that the thread starting it has blocked. The trackers come
            # before, because starting one lets interrupts through again.
            if n_jobs > 1:
                for tracker in (multiprocessing.resource_tracker, loky.resource_tracker):
                    tracker.ensure_running()
            with _interrupts_later():
                started.append(parallel(_ending_with(os.getpid(), *task) for task in tasks))
            return started[-1]

        try:
            yield run
        finally:
            with _interrupts_later(), _unfinished_tasks_end_quietly():
                for results in started:
                    results.close()


class Mapped(NamedTuple):
    """A value in a file, which each process maps into its memory once."""

    path: str


@contextlib.contextmanager
def shared(value: object, n_jobs: int) -> Iterator[object]:
    """Write what many tasks read to a file once; yield what they get instead of it, see :func:`opened`.

    Where tasks do not run in other processes of this machine, that is the value itself. Its arrays are mapped
    read-only, so that the processes have one copy of them together.
    """
    if n_jobs == 1 or active_client() is not None:
        yield value
        return
    with tempfile.TemporaryDirectory(prefix="airq-") as folder:
        path = str(Path(folder) / "shared.joblib")
        joblib.dump(value, path)
        yield Mapped(path)


def opened(value: object) -> object:
    """Return a value that tasks share, in the process of a task.

    >>> with shared({"days": [1, 2]}, n_jobs=2) as days:
    ...     opened(days)
    {'days': [1, 2]}
    """
    return _load(value.path) if isinstance(value, Mapped) else value


@functools.lru_cache(maxsize=1)
def _load(path):
    return joblib.load(path, mmap_mode="r")


def _ending_with(parent, function, arguments, options):
    """Return joblib's call of a function in a process that ends when `parent` does."""
    return joblib.delayed(_watched)(parent, function, arguments, options)


def _watched(parent, function, arguments, options):
    if os.getpid() != parent:
        _watch(parent)
    return function(*arguments, **options)


@functools.lru_cache(maxsize=1)
def _watch(parent):
    """End this process, in the middle of whatever it does, once its parent is gone."""

    def wait():
        while os.getppid() == parent:
            time.sleep(SECONDS_OF_A_LOOK)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


#: Rows that :func:`product_by_row` multiplies at a time.
TILE = 64


def product_by_row(rows, matrix):
    """Return ``rows @ matrix`` in double precision, every row the same bits whatever rows stand beside it.

    How a library adds up depends on the shape of a product, so all products have one shape: 64 rows, the
    last ones filled up with zeros. `rows` is of shape (n_rows, n_terms), `matrix` of (n_terms, n_columns).

    >>> product_by_row(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    matrix = np.ascontiguousarray(matrix, dtype="float64")
    product, tile = np.empty((len(rows), matrix.shape[1])), np.zeros((TILE, len(matrix)))
    for start in range(0, len(rows), TILE):
        part = rows[start : start + TILE]
        tile[: len(part)], tile[len(part) :] = part, 0.0
        product[start : start + TILE] = (tile @ matrix)[: len(part)]
    return product


def one_thread():
    """Limit a block to one thread of linear algebra and of OpenMP: sums depend on how threads share them.

    It is threadpoolctl.threadpool_limits(1), which looks for the libraries anew every time.

    >>> from threadpoolctl import threadpool_info
    >>> with one_thread():
    ...     {library["num_threads"] for library in threadpool_info()} <= {1}
    True
    """
    return _libraries(len(sys.modules)).limit(limits=1)


@functools.lru_cache(maxsize=1)
def _libraries(_n_modules):
    """Find the libraries that have threads, which takes 8 ms; no other is loaded before another import."""
    return ThreadpoolController()


@contextlib.contextmanager
def _interrupts_later():
    """Delay Ctrl-C until after the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _unfinished_tasks_end_quietly():
    """Leave out what joblib says when it ends unfinished tasks, which is what we want.

    It warns; and its thread may look for a task that it has dropped itself a moment before, and end with a
    KeyError. The processes are ended by then.
    """
    before = threading.excepthook

    def all_but_a_dropped_task(error):
        dropped = error.thread.name == "ExecutorManagerThread" and issubclass(error.exc_type, KeyError)
        if not dropped:
            before(error)

    threading.excepthook = all_but_a_dropped_task
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        threading.excepthook = before

"""Work side by side in processes of joblib, which leave Ctrl-C to the process that started them."""

from __future__ import annotations

import contextlib
import multiprocessing.resource_tracker
import signal
import warnings

import joblib
from joblib.externals.loky import backend as loky


@contextlib.contextmanager
def workers(n_jobs, **options):
    """Processes of one thread each, which end where the block ends early.

    Ctrl-C reaches every process of a terminal. Wherever one met it, in a fit or between two, it would end
    with a traceback of its own, so they never see it: the process that started them ends them.

    Parameters
    ----------
    n_jobs : int
        Number of processes; 1 for none but this one.
    **options
        Of :class:`joblib.Parallel`.

    Yields
    ------
    callable
        ``run(tasks)`` begins joblib's delayed calls and returns an iterator over their results: in the order
        of the tasks, or with ``return_as="generator_unordered"`` as they come.

    Examples
    --------
    >>> with workers(1) as run:
    ...     list(run(joblib.delayed(abs)(number) for number in (-1, -2)))
    [1, 2]
    """
    begun = []
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=n_jobs, **{"return_as": "generator", **options})

        def run(tasks):
            # A process inherits what the thread that starts it has blocked, from its first moment on. The
            # trackers come before: whoever starts one has interrupts let through again.
            if n_jobs > 1:
                for tracker in (multiprocessing.resource_tracker, loky.resource_tracker):
                    tracker.ensure_running()
            with _interrupts_later():
                begun.append(parallel(tasks))
            return begun[-1]

        try:
            yield run
        finally:
            with _interrupts_later(), warnings.catch_warnings():
                # joblib warns that unfinished tasks are ended, as is meant here.
                warnings.simplefilter("ignore")
                for results in begun:
                    results.close()


@contextlib.contextmanager
def _interrupts_later():
    """Ctrl-C counts after the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Run tasks on the workers of a Dask cluster, with the results of this machine.

Every fit of :mod:`airq` uses one thread and a seed of its own, so a result depends neither on the machine
that finds it nor on how many there are. Needs the extra ``dask``, which is imported once it is asked for.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import pickle
import uuid

from threadpoolctl import threadpool_limits

from airq.messages import versions

#: Arguments of more bytes than this reach the cluster once, not with each of their tasks.
SHARED_BYTES = 10_000
#: How long to wait for the scheduler, and for its first worker. [s]
PATIENCE = 15

_client = contextvars.ContextVar("client", default=None)


@contextlib.contextmanager
def on_cluster(cluster):
    """Run the fits of a block, of evaluations and of comparisons, on a Dask cluster.

    Parameters
    ----------
    cluster : str, distributed.Client or None
        Address of a scheduler such as ``"tcp://10.0.0.1:8786"``, or a client that is connected to one. None
        leaves everything on this machine.

    Raises
    ------
    ModuleNotFoundError
        If Dask is not installed.
    OSError
        If no scheduler answers, it has no worker, or a worker has other versions of the packages than this
        process; inside the block: if the scheduler is lost, or if a task ended one worker after another.
    """
    if cluster is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(_connected(cluster)) if isinstance(cluster, str) else cluster
        _check_workers(client)
        token = _client.set(client)
        try:
            yield
        finally:
            _client.reset(token)


def active_client():
    """Return the client of the cluster that tasks run on, or None: tasks run on this machine."""
    return _client.get()


def run_tasks(client, tasks, *, ordered):
    """Run joblib's delayed calls on a cluster.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    tasks : iterable
        Delayed calls. An argument that several share is sent once.
    ordered : bool
        Whether results come in the order of the tasks, or as they are found.

    Yields
    ------
    object
        Result of every task. A worker that dies is replaced by another, which repeats its tasks.

    Raises
    ------
    OSError
        If a task ended one worker after another, or if the scheduler is lost.
    """
    from distributed import as_completed

    shared = _Shared(client)
    futures = [shared.submit(*task) for task in tasks]
    try:
        for future in futures if ordered else as_completed(futures, loop=client.loop):
            yield _result(future, client)
            future.release()
    finally:
        with contextlib.suppress(Exception):
            client.cancel([*futures, *shared.sent.values()])


class _Shared:
    """What tasks share: each large argument is a task of its own, which any worker can repeat."""

    def __init__(self, client):
        self.client, self.sent, self._kept = client, {}, {}

    def submit(self, function, args, kwargs):
        """Start a call; its key says what it is."""
        words = [getattr(arg, "name", arg) for arg in args]
        name = " ".join([function.__name__.strip("_"), *(word for word in words if isinstance(word, str))])
        args, kwargs = (
            [self._sent(arg) for arg in args],
            {key: self._sent(arg) for key, arg in kwargs.items()},
        )
        return self.client.submit(_call, function, args, kwargs, key=f"{name}-{uuid.uuid4().hex}", pure=False)

    def _sent(self, argument):
        import dask

        if id(argument) not in self._kept:
            blob = pickle.dumps(argument, protocol=pickle.HIGHEST_PROTOCOL)
            # A scattered object is lost with its workers; the result of a task is found again.
            if len(blob) > SHARED_BYTES:
                # Dask warns of much data in a task; it is sent once.
                with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
                    self.sent[id(argument)] = self.client.submit(pickle.loads, blob, pure=False)
            self._kept[id(argument)] = argument
        return self.sent.get(id(argument), argument)


def _call(function, args, kwargs):
    """Run a task in a worker, whose libraries keep to one thread for as long as it lives."""
    threadpool_limits(1)
    return function(*args, **kwargs)


def _result(future, client):
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        return future.result()
    except KilledWorker as error:
        what = str(error.task).rsplit("-", 1)[0]
        raise OSError(
            f"{what!r} ended one worker after another, perhaps for want of memory. "
            "Give the workers more memory, or leave it out; of blocks make smaller ones with --memory."
        ) from None
    except (CancelledError, FutureCancelledError):
        raise OSError(
            f"The Dask scheduler at {_address(client)} is gone, and with it what its workers were doing. "
            "Start it, then run the command again."
        ) from None


def _address(client):
    return client.scheduler.address if client.scheduler is not None else "its address"


@contextlib.contextmanager
def _connected(address):
    try:
        from distributed import Client
    except ImportError:
        raise ModuleNotFoundError(
            "A Dask cluster needs dask and distributed: pip install 'airq-cities[dask]'."
        ) from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(
            f"No Dask scheduler answers at {address} ({str(error).splitlines()[0]}). Start one with "
            "`dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`."
        ) from None
    # What it says of a lost scheduler, with tracebacks, is one line of ours.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with client:
        yield client


def _check_workers(client):
    """Raise unless workers are there, and have the versions of this process."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise OSError(
            f"The Dask scheduler at {_address(client)} has no worker. "
            f"Start some: dask worker {_address(client)} --nthreads 1."
        ) from None
    own = versions()
    try:
        found = client.run(versions)
    except ImportError as error:
        raise OSError(f"A worker of {_address(client)} cannot import what tasks need: {error}.") from None
    for worker, there in found.items():
        for package, version in own.items():
            if there.get(package) != version:
                raise OSError(
                    f"The worker {worker} has {package} {there.get(package)}, this process has {version}. "
                    "Results would differ: install the same versions on all machines."
                )

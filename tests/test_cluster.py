"""A Dask cluster of two workers: the results of this machine, and what happens when a part of it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from airq.cluster import on_cluster
from airq.io import write_panel
from airq.models.predictor import Predictor
from airq.panel import check_panel
from airq.parallel import workers
from airq.regressor import PM25Regressor, load
from airq.sources.simulated import simulate
from airq.validation.evaluation import SECONDS
from airq.workflows.predict_blocks import predict_panel
from imbalance.comparison.runner import Job, run_jobs

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parent


@contextlib.contextmanager
def started(folder, n_workers=2):
    """A scheduler and its workers in processes of their own; yields its address and all processes."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}", "OMP_NUM_THREADS": "1"}
    running = []

    def run(*arguments):
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        with open(folder / f"{len(running)}.log", "w") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder))

    facts = folder / "scheduler.json"
    run("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", facts)
    while not facts.exists():
        assert running[0].poll() is None, (folder / "0.log").read_text()
        time.sleep(0.1)
    for _ in range(n_workers):
        run("dask_worker", "--scheduler-file", facts, "--nthreads", "1", "--no-dashboard")
    try:
        yield json.loads(facts.read_text())["address"], running
    finally:
        for process in running:
            process.kill()
            process.wait()


def square(number):
    return number**2


def total(table, number):
    return table["values"].sum() + number


def ends_its_process(_):
    os.kill(os.getpid(), signal.SIGKILL)


def ends_its_process_once(path):
    """End this process where the file is not there yet; it is made before."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@pytest.mark.long
def test_tasks_on_a_cluster(tmp_path):
    "In their order or as they come; a large argument reaches all; a worker that dies is replaced."
    table = pd.DataFrame({"values": range(100_000)})
    with started(tmp_path) as (address, _), on_cluster(address):
        with workers(1) as run:
            assert list(run(joblib.delayed(square)(number) for number in range(5))) == [0, 1, 4, 9, 16]
            sums = list(run(joblib.delayed(total)(table, number) for number in range(3)))
            assert sums == [4999950000 + number for number in range(3)]
            assert list(run([joblib.delayed(ends_its_process_once)(str(tmp_path / "died"))])) == ["done"]
        with workers(1, return_as="generator_unordered") as run:
            assert sorted(run(joblib.delayed(square)(number) for number in (3, 2, 1))) == [1, 4, 9]
        with (
            workers(1) as run,
            pytest.raises(OSError, match="'ends_its_process city' ended one worker after"),
        ):
            list(run([joblib.delayed(ends_its_process)("city")]))


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    "Ten simulated cities, a month."
    path = tmp_path_factory.mktemp("panel") / "panel.parquet"
    write_panel(
        check_panel(simulate(n_cities=10, start="2020-01-01", end="2020-01-30", random_state=3)), path
    )
    return path


def command(*arguments):
    "A run of airq in a process of its own."
    ran = [sys.executable, "-m", "airq", *map(str, arguments)]
    return subprocess.Popen(ran, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE.parent)


def evaluation(panel, out, *options):
    "Scores of a quick model at cities held out."
    return command(
        *("evaluate", panel, "--scheme", "city", "--fast", "--json", out),
        *("--baselines", "mean", "--coverage", "0", *options),
    )


def figures(path):
    "Records without the seconds."
    return [
        {key: value for key, value in record.items() if key not in SECONDS}
        for record in json.loads(path.read_text())
    ]


def until_busy(client):
    "Wait until a worker has a fit; return the numbers of their processes."
    while not any(client.processing().values()):
        time.sleep(0.05)
    return list(client.run(os.getpid).values())


@pytest.mark.long
def test_an_evaluation_has_the_figures_of_one_process(panel, tmp_path):
    "To the last digit, also when a worker is killed on the way."
    from distributed import Client

    evaluation(panel, tmp_path / "local.json", "--jobs", "1").communicate()
    with started(tmp_path) as (address, _), Client(address, set_as_default=False) as client:
        client.wait_for_workers(2)
        running = evaluation(panel, tmp_path / "cluster.json", "--cluster", address)
        os.kill(until_busy(client)[0], signal.SIGKILL)
        printed, said = running.communicate()
    assert running.returncode == 0, said
    assert figures(tmp_path / "cluster.json") == figures(tmp_path / "local.json")


@pytest.mark.long
def test_a_lost_scheduler_is_one_line(panel, tmp_path):
    "The command ends with what to do; nothing is written."
    from distributed import Client

    with started(tmp_path) as (address, processes):
        with Client(address, set_as_default=False) as client:
            running = evaluation(panel, tmp_path / "out.json", "--cluster", address)
            until_busy(client)
        processes[0].kill()
        printed, said = running.communicate()
    assert running.returncode == 1
    assert "Traceback" not in said and f"The Dask scheduler at {address} is gone" in said
    assert not (tmp_path / "out.json").exists()


@pytest.mark.slow
def test_no_scheduler_is_one_line(panel, tmp_path):
    "Nobody listens at the address."
    printed, said = evaluation(panel, tmp_path / "out.json", "--cluster", "tcp://127.0.0.1:9").communicate()
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in said and "Traceback" not in said


@pytest.mark.long
def test_a_comparison_has_the_figures_of_one_process(tmp_path):
    "And goes on from the parts that are kept on this machine."
    chance = np.random.default_rng(0)
    table = pd.DataFrame({"x": chance.normal(size=400), "z": chance.normal(size=400)})
    table["rare"] = (table["x"] + chance.normal(size=400)).gt(1.5).map({True: "yes", False: "no"})
    table.to_csv(tmp_path / "t.csv", index=False)

    def compared(out, *options):
        command = [Path(sys.executable).with_name("imbalance"), "compare", "t.csv", "--target", "rare"]
        command += ["--out", out, "--models", "logistic", "--rows", "none,under-sample", *options]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        return pd.read_csv(tmp_path / out / "table.csv").drop(columns="seconds", errors="ignore")

    with started(tmp_path) as (address, _):
        found = compared("cluster", "--cluster", address)
        for part in sorted((tmp_path / "cluster" / "parts").glob("*.npz"))[::2]:
            part.unlink()
        pd.testing.assert_frame_equal(compared("cluster", "--cluster", address), found)
    pd.testing.assert_frame_equal(compared("local", "--jobs", "1"), found)


class Ends(Job):
    """A piece of a comparison that ends its worker."""

    def run(self, problem):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.long
def test_a_fit_that_ends_workers_is_named(tmp_path):
    "A comparison says which of its fits ended one worker after another."
    with (
        started(tmp_path) as (address, _),
        on_cluster(address),
        pytest.raises(OSError, match="'fit lightgbm, smote' ended one worker after another"),
    ):
        run_jobs([Ends("lightgbm, smote", "0", 0)], None)


@pytest.fixture(scope="module")
def bundle(panel, tmp_path_factory):
    "A quick model of the ten cities."
    path = tmp_path_factory.mktemp("bundle") / "bundle"
    PM25Regressor("fast").fit(panel).save(path)
    return path


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    "Rows of fifty cities, 500 days each, for five blocks."
    path = tmp_path_factory.mktemp("many") / "many.parquet"
    write_panel(
        check_panel(simulate(n_cities=50, start="2020-01-01", end="2021-05-14", random_state=4)), path
    )
    return path


@pytest.fixture(scope="module")
def predicted(bundle, many, tmp_path_factory):
    "The predictions of one process."
    path = tmp_path_factory.mktemp("predicted") / "local.parquet"
    command("predict", many, "--bundle", bundle, "--out", path).communicate()
    return path.read_bytes()


@pytest.mark.long
def test_predictions_are_the_bytes_of_one_process(bundle, many, predicted, tmp_path):
    "Also when a worker is killed on the way; from the command with its variable, and in Python."
    from distributed import Client

    with started(tmp_path) as (address, _), Client(address, set_as_default=False) as client:
        client.wait_for_workers(2)
        running = command(
            "predict", many, "--bundle", bundle, "--out", tmp_path / "a.parquet", "--cluster", address
        )
        os.kill(until_busy(client)[0], signal.SIGKILL)
        printed, said = running.communicate()
        assert running.returncode == 0, said
        with on_cluster(client), pytest.warns(match="outside the days of training"):
            predict_panel(load(bundle), many, tmp_path / "b.parquet", 0.9)
    assert (tmp_path / "a.parquet").read_bytes() == predicted
    assert (tmp_path / "b.parquet").read_bytes() == predicted


@pytest.mark.long
def test_predictions_go_on_with_another_scheduler(bundle, many, predicted, tmp_path):
    "The first is killed after a block: one line, nothing written, and what is done is kept."
    out, done = tmp_path / "out.parquet", tmp_path / ".out.parquet.unfinished" / "done"
    (tmp_path / "first").mkdir()
    with started(tmp_path / "first") as (address, processes):
        running = command("predict", many, "--bundle", bundle, "--out", out, "--cluster", address)
        while not (done.exists() and len(done.read_text().split()) > 1):
            assert running.poll() is None, running.communicate()
            time.sleep(0.02)
        processes[0].kill()
        printed, said = running.communicate()
    assert running.returncode == 1
    assert "Traceback" not in said and f"The Dask scheduler at {address} is gone" in said
    assert not out.exists() and "sorted" in done.read_text().split()
    with started(tmp_path) as (address, _):
        command("predict", many, "--bundle", bundle, "--out", out, "--cluster", address).communicate()
    assert out.read_bytes() == predicted


class EndsItsWorker(Predictor):
    "A predictor that needs more memory than there is, say."

    def describe(self, *_, **__):
        ends_its_process(self)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
def test_a_block_that_ends_workers_is_named(bundle, many, tmp_path):
    "After three of them; nothing is written."
    model = load(bundle)
    model.predictor_.__class__ = EndsItsWorker
    with (
        started(tmp_path) as (address, _),
        on_cluster(address),
        pytest.raises(OSError, match=r"'block \d of 5' ended one worker after another"),
    ):
        predict_panel(model, many, tmp_path / "out.parquet", 0.9)
    assert not (tmp_path / "out.parquet").exists()

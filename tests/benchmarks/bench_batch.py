"""An extraction by tasks, killed twice and with a task that fails, beside the same at once.

Run ``python tests/benchmarks/bench_batch.py`` (or ``make bench-batch``): 555 cities x 579 days against the
loopback server, which looks at one pixel of a disc and answers as soon as it can. The two panels must be
equal, and no task may have been started twice. Some minutes with the default products; ``--products all`` for
the whole recipe takes twenty times as long. Times are the stand-in's, and say nothing of Earth Engine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from earthengine_server import EarthEngineServer

from airq.cities import bundled_cities
from airq.io import read_panel

START, DAYS = "2019-01-01", 579


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cities", type=int, default=555)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--products", default="no2,night-lights")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EarthEngineServer(pixels="centre") as server:
        folder, exports = Path(folder), server.exports
        cities = bundled_cities()
        cities[cities["population"].notna()].head(options.cities).to_csv(folder / "c.csv", index=False)
        arguments = command(folder, server.url, options)
        failed = []

        def failing(body):
            """Fail the fifth task."""
            name = body["description"]
            if "-0_" in name and len(failed) < 1 and exports.descriptions().index(name) == 4:
                failed.append(name)
                return "Internal error."
            return None

        exports.failing = failing
        batch = [*arguments, "--out", folder / "tasks", "--batch", "gs://bucket/bench"]
        begin = time.monotonic()
        killed = [kill(batch, lambda: len(exports.states()) >= 10)]
        killed.append(kill(batch, lambda: len(list(folder.glob("tasks/chunks/*.parquet"))) >= 20))
        run(batch)
        seconds = time.monotonic() - begin
        started, unique = exports.descriptions(), set(exports.descriptions())
        states = pd.Series(exports.states()).value_counts().to_dict()
        begin = time.monotonic()
        run([*arguments, "--out", folder / "once"])
        print(f"{options.cities} cities x {options.days} days, products {options.products}")
        print(f"by tasks: {len(started)} tasks {states}, killed {sum(killed)} times, {seconds:,.0f} s")
        print(f"at once: {time.monotonic() - begin:,.0f} s")
        tasks, once = (read_panel(folder / out / "panel.parquet") for out in ("tasks", "once"))
        pd.testing.assert_frame_equal(tasks, once, check_exact=True)
        values = int(once.select_dtypes("number").notna().sum().sum())
        print(f"the same {values:,} numbers in {len(once):,} rows and {once.shape[1]} columns")
        if len(started) != len(unique) or len(failed) != 1:
            sys.exit("A task was started twice, or none failed.")


def command(folder, url, options):
    """Arguments that both ways have."""
    end = pd.Timestamp(START) + pd.Timedelta(days=options.days - 1)
    words = [sys.executable, "-m", "airq", "extract", "--cities", folder / "c.csv", "--start", START]
    words += ["--end", f"{end:%Y-%m-%d}", "--ee-url", url, "--ee-credentials", "anonymous"]
    words += ["--ee-project", "p"]
    return words + ([] if options.products == "all" else ["--products", options.products])


def begun(words):
    environment = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, env=environment)


def kill(words, when):
    """Run a command and kill it once something is so; whether it was alive."""
    process = begun(words)
    while process.poll() is None and not when():
        time.sleep(0.05)
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def run(words):
    """Run a command until its end."""
    if begun(words).wait():
        raise SystemExit("The extraction failed.")


if __name__ == "__main__":
    main()

"""Time of an extraction beside the sequential way, against the loopback server.

Run ``python tests/benchmarks/bench_extract.py`` (or ``make bench-extract``): 555 cities x 579 days x 9
bands, as the reference project asked for them, with the latency of its requests (1.5 s, and 2.76 ms a
city and band), 40 requests at once at most, 300 s a request at most. About half an hour. Time can be
dilated with ``--time-scale 0.5``; seconds and ratios printed are then those of the model's clock, and the
client's own work, which is not dilated, counts the more against us.

The sequential way sends a request a day for all cities, one after another, as the reference project did;
a few of its requests are timed and multiplied by the number of days.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from airq.cities import bundled_cities

NINE = "no2,co,hcho,so2,o3,aerosol-index,cloud,maiac"
START, DAYS = "2019-01-01", 579
SEQUENTIAL_DAYS = 4
#: Least ratio to the sequential way by workers, and most requests.
AIMS = {20: 20.0, 40: 35.0}
MOST_REQUESTS = 150

SEQUENTIAL = """
import sys, time
import ee, numpy as np
from google.auth.credentials import AnonymousCredentials
import numpy as np

from airq.cities import read_cities
from airq.sources.earthengine.catalogue import products_of
from airq.sources.earthengine import graph
from airq.sources.earthengine.extraction import Extraction

url, cities, products, days = sys.argv[1:]
ee.Initialize(AnonymousCredentials(), url=url, project="p")
places = read_cities(cities)[["longitude", "latitude"]].to_numpy()
layers = Extraction("default", products_of("default", products.split(","))).layers
begin = time.monotonic()
for day in np.arange("2019-01-01", "2020-01-01", dtype="datetime64[D]")[: int(days)]:
    for layer in layers:
        graph.table(layer, places, np.array([day])).getInfo()
print(time.monotonic() - begin)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--cities", type=int, default=555)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--workers", default="20,40")
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument("--no-many", action="store_true", help="leave out the run over 4,000 cities")
    options = parser.parse_args()
    scale = options.time_scale
    with tempfile.TemporaryDirectory() as folder, Server(scale) as server:
        cities = write_cities(Path(folder), options.cities)
        alone = sequential(server.url, cities) / scale * options.days
        print(f"{options.cities} cities x {options.days} days x 9 bands, time scale {scale:g}")
        print(f"sequential: {options.days:,} requests, {alone:,.0f} s ({SEQUENTIAL_DAYS} of them timed)")
        end = last_day(options.days)
        missed = []
        for workers in map(int, options.workers.split(",")):
            run = extract(server, cities, Path(folder) / f"w{workers}", end, workers)
            report(f"{workers} workers", run, scale, alone)
            if alone / (run["seconds"] / scale) < AIMS.get(workers, 0) or run["requests"] > MOST_REQUESTS:
                missed.append(workers)
        if not options.no_quality:
            quality = extract(server, cities, Path(folder) / "quality", end, workers, "--quality")
            report(f"{workers} workers, --quality", quality, scale, alone)
            print(f"price of --quality: {quality['seconds'] / run['seconds']:.2f} times the time")
        if not options.no_many:
            many = write_cities(Path(folder), 4000)
            days = max(1, options.days * options.cities // 4000)
            wide = extract(server, many, Path(folder) / "many", last_day(days), workers)
            report(f"{workers} workers, 4,000 cities x {days} days", wide, scale, None)
            rates = [one["values"] / one["seconds"] for one in (wide, run)]
            print(f"values a second, 4,000 cities : {options.cities} cities = {rates[0] / rates[1]:.2f}")
    if missed and (options.cities, options.days) == (555, DAYS):
        sys.exit(f"The aim is missed with {', '.join(map(str, missed))} workers.")


def report(name, run, scale, alone):
    """Print a run; its seconds on the model's clock."""
    seconds = run["seconds"] / scale
    ratio = "" if alone is None else f", {alone / seconds:.1f} times faster than sequential"
    share = 100 * run["cpu"] / run["seconds"]
    print(
        f"{name}: {run['requests']} requests, {seconds:,.0f} s{ratio}; processor time {run['cpu']:.1f} s, "
        f"{share:.0f} % of the time on the clock; peak memory {run['memory']:.0f} MB",
        flush=True,
    )


def extract(server, cities, out, end, workers, *more):
    """Run the command as a user does; what it took."""
    server.reset()
    begin = time.monotonic()
    command = [
        *(Path(sys.executable).parent / "airq", "extract", "--cities", cities, "--start", START),
        *("--end", end, "--out", out, "--products", NINE, "--workers", workers, "--ee-url", server.url),
        *("--ee-credentials", "anonymous", "--ee-project", "p", "--json", f"{out}.json", *more),
    ]
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=offline())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit("The extraction failed.")
    facts = json.loads(Path(f"{out}.json").read_text())[0]
    return {
        "seconds": time.monotonic() - begin,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "requests": server.requests(),
        "values": facts["fetched"],
    }


def sequential(url, cities):
    """Seconds of a day the sequential way."""
    command = [sys.executable, "-c", SEQUENTIAL, url, str(cities), NINE, str(SEQUENTIAL_DAYS)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=offline())
    return float(answer.stdout) / SEQUENTIAL_DAYS


class Server:
    """The loopback server in a process of its own, with the reference project's latency."""

    def __init__(self, scale):
        command = [
            *(sys.executable, "-m", "earthengine_server", "--latency", "reference"),
            *("--time-scale", str(scale), "--pixels", "centre"),
        ]
        tests = Path(__file__).resolve().parents[1]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tests)
        self.url = self._process.stdout.readline().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def stats(self):
        with urllib.request.urlopen(f"{self.url}/stats") as answer:
            return json.load(answer)

    def reset(self):
        self._before = self.computed()

    def computed(self):
        """Compute requests so far."""
        return len(self.stats()["compute"])

    def requests(self):
        """Compute requests since the last reset."""
        return self.computed() - self._before


def write_cities(folder, number):
    """City table of so many bundled cities, the most populous."""
    path = folder / f"cities{number}.csv"
    bundled_cities().nlargest(number, "population").to_csv(path, index=False)
    return path


def last_day(days):
    return str(np.datetime64(START) + days - 1)


def offline():
    """Environment in which nothing but the loopback server is reached."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    return {**os.environ, **nowhere, "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()

"""A server and a browser, both on this machine, for tests of what a person sees."""

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from patience import BROWSER_PATIENCE, PATIENCE, wait_until

from airq.sources.simulated import simulate

FLAGS = ["--no-sandbox", "--disable-gpu"]
#: Every chart of the page has its drawing, and every map its outlines, names and cells.
DRAWN = """() => [...document.querySelectorAll("[data-testid=stVegaLiteChart]")]
    .every(chart => chart.querySelector("svg.marks"))
    && [...document.querySelectorAll("*")].every(one => !one.shadowRoot?.airqMap
        || one.shadowRoot.querySelector(".map").dataset.drawn === "all")"""
#: Places of a map with their pixels on the page, those on top last.
PLACES = """frame => {
    const root = [...frame.querySelectorAll("*")].find(one => one.shadowRoot?.airqMap).shadowRoot;
    const map = root.airqMap, box = root.querySelector("canvas").getBoundingClientRect();
    return map.targets.map(one => {
        const [x, y] = map.pixel(one.x, one.y);
        return { place: one.place, title: one.title, x: box.left + x, y: box.top + y };
    });
}"""
#: Streamlit looks for its own end points below the address of the page first, in vain but for the first page.
OWN_PROBES = ("/_stcore/health", "/_stcore/host-config")


def missing(what):
    """Skip where a browser is not at hand; in continuous integration it has to be."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not installed")


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=BROWSER_PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Function that starts the app on files by kind, in a folder, and returns its address."""
    processes = []
    cache = tmp_path_factory.mktemp("cache")
    # Not the folder of the cache: a folder airq in it would hide the package of that name.
    home = tmp_path_factory.mktemp("home")

    def start(cwd=home, **files):
        port = free_port()
        shown = [part for kind, path in files.items() for part in (f"--{kind}", str(path))]
        script = Path(__file__).resolve().parents[2] / "app" / "main.py"
        options = ["--server.port", str(port), "--server.headless", "true"]
        command = [sys.executable, "-m", "streamlit", "run", str(script), *options, "--", *shown]
        log = open(cache / f"{port}.log", "w+")  # noqa: SIM115
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=cwd)
        processes.append((process, log))
        wait_for(f"http://localhost:{port}", process, log)
        return f"http://localhost:{port}"

    yield start
    for process, log in processes:
        process.terminate()
        process.wait(timeout=PATIENCE)
        log.close()


@pytest.fixture(scope="session")
def predictions(tmp_path_factory):
    """A file of predictions: twelve simulated cities and forty days, two cities outside the domain."""
    from airq.io import write_table
    from airq.models.predictions import prediction_rows

    panel = simulate(n_cities=12, start="2020-01-01", end="2020-02-09")
    panel["pm25"] = panel["pm25"].fillna(panel["pm25"].mean())
    rows = prediction_rows(panel, panel[["pm25"]])
    rows = rows.assign(lower=rows["pm25"] * 0.6, upper=rows["pm25"] * 1.6, level=0.9)
    rows["inside_domain"] = ~rows["city_id"].isin(sorted(rows["city_id"].unique())[:2])
    path = tmp_path_factory.mktemp("predictions") / "predictions.parquet"
    write_table(rows, path, metadata={"airq": {"trained_on": "simulated", "period": "day"}})
    return path


@pytest.fixture(scope="session")
def trained_url(server, trained):
    """Address of the app over the predictions, the bundle and the panel of :func:`trained`."""
    return server(
        predictions=trained / "predictions.parquet",
        bundle=trained / "bundle",
        panel=trained / "panel.parquet",
    )


@pytest.fixture(scope="session")
def app_url(server, predictions):
    """Address of the app over :func:`predictions`."""
    return server(predictions=predictions)


@pytest.fixture(scope="session")
def windows(chromium):
    """Light and dark browser windows, whose cache lasts for all visits."""
    contexts = {
        dark: chromium.new_context(color_scheme="dark" if dark else "light") for dark in (False, True)
    }
    for context in contexts.values():
        context.set_default_timeout(BROWSER_PATIENCE)
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def visit(windows):
    """Function that opens an address in a new tab and returns a :class:`Visit`, settled."""
    pages = []

    def go(url, *, width=1280, height=900, dark=False):
        pages.append(windows[dark].new_page())
        pages[-1].set_viewport_size({"width": width, "height": height})
        return Visit(pages[-1], url)

    yield go
    for page in pages:
        page.close()


class Visit:
    """A page that remembers what it asked for and what went wrong.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The page.
    requests, errors : list of str
        Addresses asked for, and what the console complained about.
    """

    def __init__(self, page, url):
        self.page, self.url = page, url
        self.requests, self.errors, self.received, self.asked = [], [], 0, False
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", self._listen)
        page.goto(url)
        self.settle()

    def _listen(self, socket):
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, frame):
        self.asked = True

    def _answered(self):
        # Events arrive while the page is waited for.
        self.page.wait_for_timeout(50)
        return not self.asked

    def _received(self, frame):
        self.asked = False
        self.received += len(frame)

    def _said(self, message):
        where = message.location.get("url", "") if message.location else ""
        if message.type == "error" and not where.endswith(OWN_PROBES):
            self.errors.append(f"{message.text} ({where})")

    def settle(self):
        """Wait until the server has answered, the script has run and every chart is there."""
        done = "[data-testid=stApp][data-test-script-state=notRunning]"
        self.page.wait_for_timeout(300)
        wait_until(self._answered, "An answer of the server")
        self.page.wait_for_selector("h1")
        self.page.wait_for_selector(done)
        self.page.wait_for_selector("[data-testid=stSkeleton]", state="detached")
        self.page.wait_for_function(DRAWN)
        self.page.wait_for_timeout(500)

    def assert_clean(self):
        """No exception on the page, no complaint of the console, no request beyond the server."""
        assert self.page.locator("[data-testid=stException]").count() == 0
        assert self.errors == []
        here = self.url.split("/", 3)[2]
        beyond = [
            url for url in self.requests if not url.startswith(("data:", "blob:")) and f"//{here}/" not in url
        ]
        assert beyond == []

    def colours(self, selector):
        """Number of pixels of every colour in a part of the page, by (red, green, blue)."""
        from PIL import Image

        picture = Image.open(io.BytesIO(self.page.locator(selector).first.screenshot())).convert("RGB")
        found, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
        return {tuple(map(int, colour)): int(count) for colour, count in zip(found, counts, strict=True)}

    def places(self, key="map_points"):
        """Places of a map: `place`, `title`, and `x, y` on the page, those on top last. [px]"""
        return self.page.locator(f".st-key-{key}_frame").evaluate(PLACES)

    def click(self, place):
        """Click a place of a map."""
        self.page.mouse.click(place["x"], place["y"])

    def download(self, selector):
        """Path of the file that a button of the page saves."""
        with self.page.expect_download() as caught:
            self.page.locator(selector).click()
        return caught.value.path()

    def pixels(self, selector, colours):
        """Number of pixels in one of some colours, written as ``#rrggbb``."""
        found = self.colours(selector)
        return sum(found.get(tuple(int(one[at : at + 2], 16) for at in (1, 3, 5)), 0) for one in colours)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, log):
    def answers():
        if process.poll() is not None:
            log.seek(0)
            pytest.fail(f"The app did not start: {log.read()[-2000:]}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=PATIENCE):
            return True
        return False

    wait_until(answers, "The start of the app")

"""Time the app in a real browser beside a plain page of the same data; check the aims of speed and memory.

Run with ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_app.py`` on an idle machine that has Chromium; it
takes some minutes. The table (1,466 cities x 579 days) is made up and marked SIMULATED. The plain page reads
the whole frame through ``st.cache_data`` and draws the chosen day with pydeck, which Streamlit ships, on a
white background as there is no internet. Both servers are warm, every visit is a new browser window with an
empty cache, and a map counts as drawn when a screenshot holds its coloured points. The browser draws without
a graphics card, which is harder on the plain page's WebGL than on the app's canvas. While cities are switched
the server has a core of its own and the browser the others, since visitors bring their own machines.

It ends with exit code 1 where an aim is missed: the map drawn before the plain page's, a city switched in
50 ms of server time, a step of the slider drawn within 1 s, at most 500 kB a rerun, the server below 300 MB
and no larger after 20 sessions than after one, no error with 8 sessions at once.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from playwright.sync_api import Error, sync_playwright
from scipy.special import ndtr

import app
from airq.cities import bundled_cities
from airq.io import write_table
from airq.units import aqi, exceedance_column, exceedance_thresholds, who_class
from airq.workflows.app import command, environment, free_port

#: What is measured, unless the command line asks for less.
ASKED = argparse.Namespace(cities=1466, days=579, runs=5, sessions=20, together=8)
#: The aims: [ms], [s], [kB], [MB]; the growth over the sessions is what measuring memory is good for. [MB]
SWITCH_MS, STEP_S, RERUN_KB, MEMORY_MB, GROWTH_MB = 50, 1.0, 500, 300, 10
FLAGS = [
    *("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    # Without a graphics card Chromium itself puts pages together in software; WebGL alone is emulated.
    *("--disable-gpu-compositing", "--disable-gpu-rasterization"),
]
WINDOW = {"width": 1280, "height": 1000}
PATIENCE = 150
#: Cities to switch to, as the box of cities names them.
NAMES = ("Nairobi, Kenya", "Accra, Ghana", "Kampala, Uganda", "Luanda, Angola", "Dakar, Senegal")
MAP = ".map[data-drawn=all]"
CHART = f"[data-testid=stDeckGlJsonChart], [data-testid=stVegaLiteChart], {MAP}"
SLIDER = "[data-testid=stSlider] input"
ERRORS = "[data-testid=stException], [data-testid=stAlertContentError]"
RESTS = "[data-testid=stApp][data-test-script-state=notRunning]"
#: Streamlit looks for its own end points below the address of the page first, in vain but for the first page.
OWN_PROBES = ("/_stcore/health", "/_stcore/host-config")
#: How far the channels of a colour are apart at least; land, borders and pages that fade are not.
COLOURFUL = 90

TIMED_WORDS = {
    "first": "map in pixels, first visit of the server",
    "map": "map in pixels",
    "step": "step of the slider to pixels",
}

PLAIN = """
import pandas as pd, pydeck, streamlit as st

st.set_page_config(layout="wide")

@st.cache_data
def read():
    return pd.read_parquet({path!r})

st.title("SIMULATED PM2.5")
frame = read()
days = sorted(frame["date"].unique())
day = st.select_slider("Day", days, days[-1], format_func=lambda day: f"{{day:%Y-%m-%d}}")
shown = frame.loc[frame["date"] == day, ["city", "latitude", "longitude", "pm25"]]
# Pale to red, as in the app: a day differs from the next in where strong colours are.
ramp = (4 * shown["pm25"]).clip(0, 255).astype(int)
shown["colour"] = [[255, 255 - value // 2, 204 * (255 - value) // 255] for value in ramp]
points = pydeck.Layer(
    "ScatterplotLayer", shown, get_position=["longitude", "latitude"], get_fill_color="colour",
    get_radius=1, radius_units="'pixels'", radius_scale=4, pickable=True,
)
view = pydeck.ViewState(latitude=2, longitude=17, zoom=2)
tooltip = {{"text": "{{city}}: {{pm25}}"}}
deck = pydeck.Deck([points], initial_view_state=view, map_provider=None, map_style=None, tooltip=tooltip)
st.pydeck_chart(deck, height=560)
"""
TIMED = """
import time
from app.main import main

began, worked = time.perf_counter(), time.thread_time()
try:
    main()
finally:
    with open({log!r}, "a") as file:
        print(1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - worked), file=file)
"""


def made_up(path):
    "Write predictions of made-up air over the largest of the bundled cities, with all columns."
    rng = np.random.default_rng(0)
    cities = bundled_cities().nlargest(ASKED.cities, "population").sort_values("city_id", ignore_index=True)
    dates = pd.date_range("2019-01-01", periods=ASKED.days).as_unit("us")
    latitude = cities["latitude"].to_numpy()[:, None]
    season = 1 + 0.6 * np.cos(2 * np.pi * np.arange(ASKED.days) / 365.25) * np.sign(latitude)
    level = 8 + 40 * rng.random((ASKED.cities, 1)) * np.exp(-(((latitude - 12) / 15) ** 2))
    pm25 = level * season * np.exp(0.35 * rng.standard_normal((ASKED.cities, ASKED.days)))
    rows = cities.loc[cities.index.repeat(ASKED.days)].reset_index(drop=True)
    pm25 = pm25.clip(1, 500).astype("float32").ravel()
    index = aqi(pm25, "aqi-us-2024").astype("float32")
    rows = rows.assign(site_id=rows["city_id"], date=np.tile(dates, ASKED.cities), pm25=pm25)
    rows = rows.assign(lower=0.6 * pm25, upper=1.7 * pm25, level=0.9, aqi=index, aqi_table="aqi-us-2024")
    rows["inside_domain"] = np.repeat(rng.random(ASKED.cities) > 0.15, ASKED.days)
    rows["who_class"] = pd.array(who_class(pm25), dtype="str")
    for limit in exceedance_thresholds():
        rows[exceedance_column(limit)] = ndtr(np.log(pm25 / limit) / 0.3).astype("float32")
    write_table(rows, path, metadata={"airq": {"trained_on": "simulated", "period": "day"}})


@dataclass(frozen=True)
class Server:
    "A server that runs: its address, its process, and where it notes the times of its runs."

    url: str
    process: int
    log: Path

    def memory(self, name="VmRSS"):
        "Memory of the process now, or with VmHWM at its highest. [MB]"
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name))

    def runs(self):
        "Time of all runs of the script, and time of the processor in it. [ms]"
        return np.loadtxt(self.log, ndmin=2) if self.log.exists() else np.empty((0, 2))


@contextlib.contextmanager
def serving(folder, script, shown):
    "A server of a script, as `airq app` starts it."
    port = free_port(18501)
    folder.mkdir()
    log, called = folder / "times", command(shown, port=port, browser=False)
    place = Path(app.__file__).parent
    (folder / "static").symlink_to(place / "static")
    shutil.copytree(place / ".streamlit", folder / ".streamlit")
    (folder / "page.py").write_text(script.format(path=str(shown["predictions"]), log=str(log)))
    called[called.index("run") + 1] = str(folder / "page.py")
    within = {**environment(), "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(place.parent)}
    with open(folder / "said", "w") as said:
        process = subprocess.Popen(called, stdout=said, stderr=said, env=within, cwd=folder)
        try:
            wait_until(lambda: answers(f"http://localhost:{port}/_stcore/health"))
            yield Server(f"http://localhost:{port}", process.pid, log)
        finally:
            process.terminate()
            process.wait()


def answers(url):
    "Whether a server is there."
    with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):
        return True
    return False


def wait_until(condition):
    "Seconds until a condition holds."
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"Nothing happened for {PATIENCE} s.")
        time.sleep(0.005)
    return time.perf_counter() - began


class Visit:
    "A new window with a page that is loading; counts what it receives and what goes wrong."

    def __init__(self, browser, url):
        self.context = browser.new_context(viewport=WINDOW)
        self.page = self.context.new_page()
        self.screen = self.context.new_cdp_session(self.page)
        self.received, self.errors = 0, []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._received))
        self.page.goto(url, wait_until="commit")

    def _received(self, frame):
        self.received += len(frame)

    def _said(self, message):
        if message.type == "error" and not message.location.get("url", "").endswith(OWN_PROBES):
            self.errors.append(message.text)

    def settle(self):
        "Wait until the script has run and nothing moves."
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector(RESTS, timeout=PATIENCE * 1000)
        self.page.wait_for_timeout(700)

    def coloured(self, clip):
        "Which pixels of a part of the page are in a strong colour."
        options = {"format": "png", "clip": {**clip, "scale": 1}, "optimizeForSpeed": True}
        try:
            shot = self.screen.send("Page.captureScreenshot", options)["data"]
        except Error:
            # There is nothing to see before the first frame.
            return np.zeros(1, dtype=bool)
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB")).astype("int16")
        return np.ptp(pixels, axis=2) > COLOURFUL

    def map_place(self):
        "The part of the window that the map takes."
        self.page.wait_for_selector(CHART, timeout=PATIENCE * 1000)
        self.settle()
        box = self.page.locator(CHART).first.bounding_box()
        return {**box, "height": min(box["height"], WINDOW["height"] - box["y"])}

    def close(self):
        self.context.close()


@dataclass(frozen=True)
class Target:
    "A page with a map: where the map is, and how many coloured pixels make half of it."

    server: Server
    clip: dict
    enough: float


def open_first(browser, server):
    "The first visit of a server, what a map looks like there, and the seconds that it took."
    began = time.perf_counter()
    visit = Visit(browser, server.url)
    clip = visit.map_place()
    wait_until(lambda: visit.coloured(clip).sum() > 500)
    seconds = time.perf_counter() - began
    visit.settle()
    return visit, Target(server, clip, 0.5 * visit.coloured(clip).sum()), seconds


def seconds_to_map(browser, target):
    "Seconds from the call of the address until the map is in pixels."
    began = time.perf_counter()
    visit = Visit(browser, target.server.url)
    wait_until(lambda: visit.coloured(target.clip).sum() >= target.enough)
    seconds = time.perf_counter() - began
    visit.settle()
    visit.close()
    return seconds


def steps(visit, target):
    "Seconds from a key on the slider until other pixels are coloured, and kilobytes; medians."
    visit.page.locator(SLIDER).first.focus()
    found = []
    for _ in range(ASKED.runs):
        visit.settle()
        before, received = visit.coloured(target.clip), visit.received
        visit.page.keyboard.press("ArrowLeft")
        seconds = wait_until(lambda old=before: changed(old, visit.coloured(target.clip), target.enough))
        visit.settle()
        found.append((seconds, (visit.received - received) / 1000))
    return np.median(found, axis=0)


def changed(before, now, enough):
    "Whether a whole map is there, and another one than before."
    return now.shape == before.shape and now.sum() >= enough and (now != before).sum() > 20


@contextlib.contextmanager
def apart(server):
    "The server on the first core; the browser and all that measures on the others, where there are several."
    cores = sorted(os.sched_getaffinity(0))
    rest = [one for one in family(os.getpid()) if one != server.process]
    if len(cores) > 1:
        run_on(cores[:1], [server.process])
        run_on(cores[1:], rest)
    yield
    run_on(cores, [server.process, *rest])


def family(process):
    "A process and all that it has started."
    found = [process]
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            children = Path(f"/proc/{process}/task/{thread}/children").read_text().split()
            found += [one for child in children for one in family(int(child))]
    return found


def run_on(cores, processes):
    "Let all threads of processes run on some cores only."
    for process in processes:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                os.sched_setaffinity(int(thread), cores)


def switches(visit, server):
    "Milliseconds of the server, of its processor, and kilobytes for another city on its page; medians."
    visit.page.goto(f"{server.url}/city")
    visit.page.wait_for_selector(CHART, timeout=PATIENCE * 1000)
    found = []
    for name in NAMES:
        visit.settle()
        runs, received = len(server.runs()), visit.received
        visit.page.get_by_role("combobox", name="City").first.fill(name)
        visit.page.keyboard.press("Enter")
        visit.page.get_by_role("heading", name=name, level=2).wait_for(timeout=PATIENCE * 1000)
        visit.settle()
        found.append((*server.runs()[runs:].sum(axis=0), (visit.received - received) / 1000))
    return np.median(found, axis=0)


def together(browser, url, number):
    "What goes wrong when several sessions open the map at once and step on."
    visits = [Visit(browser, url) for _ in range(number)]
    for visit in visits:
        visit.page.wait_for_selector(CHART, timeout=PATIENCE * 1000)
    for visit in visits:
        visit.page.locator(SLIDER).first.press("ArrowLeft")
    wrong = []
    for visit in visits:
        visit.settle()
        wrong += visit.errors
        wrong += ["an error on the page"] * visit.page.locator(ERRORS).count()
        wrong += ["points are missing"] * (
            int(visit.page.locator(MAP).first.get_attribute("data-places")) < ASKED.cities
        )
        visit.close()
    return wrong


def measure(browser, ours, plain):
    "All figures by name, as they come."
    # One page at a time, so that none draws while another is timed.
    visit, app_map, first = open_first(browser, ours)
    step, rerun = steps(visit, app_map)
    with apart(ours):
        yield "switch", switches(visit, ours)
    visit.close()
    once = ours.memory()
    visit, plain_map, plain_first = open_first(browser, plain)
    plain_step, plain_rerun = steps(visit, plain_map)
    visit.close()
    yield "first", (first, plain_first)
    yield "step", (step, plain_step)
    yield "rerun", (rerun, plain_rerun)
    maps = [[seconds_to_map(browser, one) for one in (app_map, plain_map)] for _ in range(ASKED.runs)]
    yield "map", np.median(maps, axis=0)
    wrong = together(browser, ours.url, ASKED.together)
    for _ in range(1 + ASKED.runs + ASKED.together, ASKED.sessions, 3):
        wrong += together(browser, ours.url, 3)
    yield "wrong", wrong
    yield "memory", (once, ours.memory(), ours.memory("VmHWM"), plain.memory())


def words(name, value):
    "A figure in words."
    if name in TIMED_WORDS:
        return "{}: app {:.2f} s, plain page {:.2f} s, ratio {:.2f}".format(
            TIMED_WORDS[name], *value, value[0] / value[1]
        )
    return {
        "rerun": "received a step: app {:.0f} kB, plain page {:.0f} kB",
        "switch": "another city: {:.0f} ms of the server, of these {:.0f} ms of its processor, {:.0f} kB",
        "memory": "memory of the server: {:.0f} MB after 1 session, {:.0f} MB after "
        f"{ASKED.sessions}, at most {{:.0f}} MB; plain page {{:.0f}} MB",
        "wrong": f"{ASKED.together} sessions at once: {len(value)} errors",
    }[name].format(*value)


def shortcomings(found):
    "What the aims are missed by, a line each."
    ratio = found["map"][0] / found["map"][1]
    kilobytes = max(found["rerun"][0], found["switch"][2])
    once, later, highest, _ = found["memory"]
    limits = [
        (ratio, 1, "times the plain page's seconds to the map"),
        (found["switch"][0], SWITCH_MS, "ms of the server for another city"),
        (found["step"][0], STEP_S, "s for a step of the slider"),
        (kilobytes, RERUN_KB, "kB a rerun"),
        (highest, MEMORY_MB, "MB of memory"),
        (later - once, GROWTH_MB, "MB more after all sessions than after one"),
        (len(found["wrong"]), 0, f"errors with many sessions: {'; '.join(found['wrong'])[:300]}"),
    ]
    return [f"{value:.2f} {what}; the aim is {limit}" for value, limit, what in limits if value > limit]


def main():
    "Print all figures; exit code 1 where an aim is missed."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in vars(ASKED).items():
        parser.add_argument(f"--{name}", type=int, help=f"{usual} by default")
    parser.parse_args(namespace=ASKED)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not installed.")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airq-bench-")))
        made_up(folder / "predictions.parquet")
        shown = {"predictions": folder / "predictions.parquet"}
        ours = stack.enter_context(serving(folder / "ours", TIMED, shown))
        plain = stack.enter_context(serving(folder / "plain", PLAIN, shown))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        stack.callback(browser.close)
        print(f"Medians of {ASKED.runs} runs, {ASKED.cities:,} cities x {ASKED.days:,} days")
        found = {}
        for name, value in measure(browser, ours, plain):
            found[name] = value
            print(words(name, value), flush=True)
    print(f"load of the machine (1 minute): {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    missed = shortcomings(found)
    for line in missed:
        print(f"Missed: {line}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())

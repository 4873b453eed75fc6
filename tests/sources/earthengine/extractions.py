"""A small extraction, and a simulated Earth Engine whose memory is so small that it takes many requests."""

import threading

import numpy as np
import pandas as pd
from earthengine_server import EarthEngineServer, Limits

from airq.io import read_panel
from airq.sources.chunks import read_chunks
from airq.sources.earthengine.budget import Patience
from airq.workflows.extract import EarthEngine, ExtractionRequest, run_extraction

#: Six invented cities of western, central and eastern Africa.
CITIES = pd.DataFrame(
    [(f"c{row:02}", f"City {row}", "UGA", 10.0 - 3.4 * row, -12.0 + 8.2 * row, 1000.0) for row in range(6)],
    columns=["city_id", "city", "country", "latitude", "longitude", "population"],
)
#: Two bands a day each, and one a year.
PRODUCTS = ["maiac", "cams", "night-lights"]
MAIAC, CAMS = "MODIS/061/MCD19A2_GRANULES", "ECMWF/CAMS/NRT"
START, END, DAYS = "2023-01-01", "2023-01-04", 4
#: Cities times bands of the whole extraction.
CELLS = 6 * 4 * 4 + 6

#: Waits of users, a hundredth as long.
QUICK = Patience(base=0.01, longest=0.6, silence=1.0)
#: Some 20 requests, and some 30.
SMALL, TINY = Limits(cells=8), Limits(cells=4)


def written(folder, cities=CITIES, name="cities.csv"):
    """The file of a city table."""
    cities.to_csv(folder / name, index=False)
    return folder / name


def six_cities(folder, *, start=START, end=END, products=PRODUCTS, cities=CITIES, **settings):
    """The extraction, or one with other settings."""
    return ExtractionRequest(written(folder, cities), start, end, products=products, **settings)


def simulated(limits=SMALL, **settings):
    """A server that looks at one pixel of a disc, to be quick."""
    return EarthEngineServer(limits=limits, pixels="centre", **settings)


def run(server, folder, asked=None, *, workers=8, out="out", patience=QUICK, day=None, **settings):
    """Extract from a server into a folder, on a day (ISO) if one is given; the report."""
    how = {name: settings.pop(name) for name in ("refresh", "report_progress", "batch") if name in settings}
    client = EarthEngine("p", "anonymous", server.url, workers, patience, **settings)
    how |= {"client": client, "on_day": day and np.datetime64(day)}
    return run_extraction(asked or six_cities(folder), out=folder / out, **how)


def panel(folder, out="out"):
    """The panel of a folder."""
    return read_panel(folder / out / "panel.parquet")


def kept(folder, out="out"):
    """Chunks of a folder that are whole."""
    return read_chunks(folder / out / "chunks")[0]


def cells(chunks):
    """Cities times bands of chunks."""
    return sum(
        len(chunk.sites) * len(chunk.periods) * (4 if chunk.layer.startswith("day") else 1)
        for chunk in chunks
    )


def answered(server):
    """Requests that were answered with 200."""
    return [request for request in server.stats.compute if request.status == 200]


def after(server, answers, change):
    """Change something as soon as so many requests were answered with 200; an event that is set then."""
    count, lock, done = server.stats.count, threading.Lock(), threading.Event()

    def counted(*arguments):
        count(*arguments)
        with lock:
            if not done.is_set() and len(answered(server)) >= answers:
                change()
                done.set()

    server.stats.count = counted
    return done


def sent(server):
    """Cities times bands of the answers that a server gave."""
    return sum(request.regions * request.bands for request in answered(server))


def looks(server):
    """How often the server told the times of images."""
    return sum(request.path == "value:compute" for request in answered(server))


def hidden(asset, *days):
    """For `server.hidden`: images of an asset on days (ISO) have not arrived yet."""
    late = {np.datetime64(day) for day in days}
    return lambda own, image: own == asset and np.datetime64(image.time, "ms").astype("datetime64[D]") in late


def same(one, other):
    """Raise unless two panels are equal: rows, columns, values, types."""
    pd.testing.assert_frame_equal(one, other, check_exact=True)

"""A small file of predictions, and a page to draw it on."""

import functools
import importlib
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from patience import PATIENCE

from airq.cities import CITY_COLUMNS
from airq.io import write_table

FACTS = {
    "unit": "µg m⁻³",
    "trained_on": "sensor",
    "statistic": "mean",
    "period": "day",
    "sources": ["made by hand"],
}


@pytest.fixture(scope="session", autouse=True)
def components_once():
    """Streamlit looks for components once, not before every run of a page: it reads what pip installed."""
    if find_spec("streamlit") is None:
        yield
        return
    scanner = importlib.import_module("streamlit.components.v2.manifest_scanner")
    found = functools.cache(scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "scan_component_manifests", found)
        yield


@pytest.fixture
def make_rows():
    """Function that lays predictions out as rows: a list of values a city, one a day."""

    def build(pm25, *, start="2020-01-01", **columns):
        names = {
            "kla": ("Kampala", "UGA", 0.32, 32.58, 1.7e6),
            "nbo": ("Nairobi", "KEN", -1.29, 36.82, 4.4e6),
        }
        rows = []
        for city_id, values in pm25.items():
            city, country, latitude, longitude, population = names.get(
                city_id, (city_id, "UGA", 1, 33, np.nan)
            )
            for date, value in zip(pd.date_range(start, periods=len(values)), values, strict=True):
                rows.append((city_id, city_id, city, country, latitude, longitude, population, date, value))
        frame = pd.DataFrame(
            rows,
            columns=["site_id", *CITY_COLUMNS, "date", "pm25"],
        )
        return frame.assign(**columns)

    return build


@pytest.fixture
def write_predictions(tmp_path, monkeypatch):
    """Function that writes rows as Parquet and returns the path; the cache lies in the test's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(rows, name="predictions.parquet", facts=FACTS):
        write_table(rows, tmp_path / name, metadata={"airq": facts})
        return tmp_path / name

    return write


@pytest.fixture
def store(make_rows, write_predictions):
    """Two cities and days; Nairobi lies outside on the first day and has no value on the second."""
    store = pytest.importorskip("app.store")
    rows = make_rows({"kla": [10.0, 20.0], "nbo": [80.0, np.nan]}, inside_domain=[True, True, False, True])
    rows = rows.assign(lower=rows["pm25"] / 2, upper=rows["pm25"] * 2, level=0.9)
    return store.open_store(write_predictions(rows))


@pytest.fixture
def draw(write_predictions, monkeypatch):
    """Function that draws a page over rows with the files named on the command line."""
    testing = pytest.importorskip("streamlit.testing.v1")

    def run(page, rows=None, *, query=None, path=None, arguments=()):
        path = write_predictions(rows) if path is None else path
        monkeypatch.setattr("sys.argv", ["main.py", "--predictions", str(path), *map(str, arguments)])
        app = testing.AppTest.from_string(
            f"from app.views import {page}\n{page}.page()\n", default_timeout=PATIENCE
        )
        for name, value in (query or {}).items():
            app.query_params[name] = value
        return app.run()

    return run

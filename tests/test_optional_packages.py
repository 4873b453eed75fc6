"""Where Earth Engine's client and CatBoost are not installed, all that does not need them works."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from airq.io import read_panel, write_panel
from airq.models.baselines import ReferenceMethod
from airq.models.boosters import CannotFit
from airq.panel import check_panel
from airq.sources.simulated import simulate

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: Packages of the default dependencies that only part of airq needs -> their modules.
OPTIONAL = {
    "catboost": ["catboost"],
    "earthengine-api": ["ee"],
    "google-api-python-client": ["googleapiclient"],
    "google-auth": ["google.auth", "google.oauth2"],
    "httplib2": ["httplib2"],
    "optuna": ["optuna"],
    "requests": ["requests"],
}
#: Runs a command as if they were not installed.
WITHOUT = f"""
import importlib.metadata, sys

GONE, PACKAGES = {sum(OPTIONAL.values(), [])}, {list(OPTIONAL)}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if any(f"{{name}}.".startswith(f"{{gone}}.") for gone in GONE):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

def version(package, found=importlib.metadata.version):
    if package in PACKAGES:
        raise importlib.metadata.PackageNotFoundError(package)
    return found(package)

sys.meta_path.insert(0, Missing())
importlib.metadata.version = version
*first, last = " ".join(sys.argv[1:]).split(" && ")
for command in (*first, last):
    sys.argv = command.split()
    module = sys.argv[0]
    __import__(f"{{module}}.cli")
    try:
        sys.modules[f"{{module}}.cli"].main()
    except SystemExit as end:
        if end.code or command is last:
            raise
"""


def without(*command, cwd):
    "Run commands of airq or imbalance, with && between them, in one process without the packages."
    command = [sys.executable, "-c", WITHOUT, *map(str, command)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def one_line(result, words):
    "It ended with 1, and the last line of its messages is the only one about an error."
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == f"Error: {words}"
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "Six simulated cities, 40 days, and what was trained on and predicted for them without the packages."
    folder = tmp_path_factory.mktemp("core")
    write_panel(
        check_panel(simulate(n_cities=6, start="2020-01-01", end="2020-02-09", random_state=1)),
        folder / "panel.parquet",
    )
    command = ["train", "panel.parquet", "--model", "lightgbm", "--scheme", "none", "--jobs", "1"]
    predict = ["predict", "panel.parquet", "--bundle", "bundle", "--out", "predictions.parquet"]
    result = without("airq", *command, "--out", "bundle", "&&", "airq", *predict, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.slow
def test_ingest_works_without_them(tmp_path):
    "A table of one's own becomes a panel."
    (tmp_path / "own.csv").write_text(
        "site,day,lat,lon,town,nation,pm\nk1,2020-01-01,0.32,32.58,Kampala,UGA,41\n", encoding="utf-8"
    )
    (tmp_path / "own.toml").write_text(
        '[columns]\nsite_id = "site"\ndate = "day"\nlatitude = "lat"\nlongitude = "lon"\ncity = "town"\n'
        'country = "nation"\npm25 = { from = "pm", unit = "µg/m³" }\n',
        encoding="utf-8",
    )
    command = ["ingest", "own.csv", "--format", "table", "--mapping", "own.toml", "--out", "panel.parquet"]
    result = without("airq", *command, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert read_panel(tmp_path / "panel.parquet")["pm25"].tolist() == [41]


@pytest.mark.slow
def test_training_and_prediction_with_lightgbm_work_without_them(folder):
    "Every row of the panel is predicted."
    predicted = pd.read_parquet(folder / "predictions.parquet")
    assert len(predicted) == 6 * 40
    assert predicted["pm25"].notna().all()


@pytest.mark.slow
def test_a_comparison_works_without_them(tmp_path):
    "`imbalance compare` with LightGBM on 200 rows."
    rng = np.random.default_rng(0)
    late = np.repeat(["no", "yes"], [160, 40])
    table = pd.DataFrame({"size": rng.normal(size=200) + (late == "yes"), "late": late})
    table.to_csv(tmp_path / "table.csv", index=False)
    command = ["compare", "table.csv", "--target", "late", "--models", "lightgbm", "--rows", "none"]
    quick = ["--ending", "prior", "--folds", "2", "--repeats", "1", "--jobs", "1"]
    result = without("imbalance", *command, *quick, "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert set(pd.read_csv(tmp_path / "out" / "table.csv")["ending"]) == {"raw", "prior"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "catboost"], "CatBoost models need catboost"),
        (["--tune", "2"], "Searches of settings need optuna"),
    ],
)
def test_a_model_that_needs_one_says_so(folder, options, words):
    "One line that says what to install; no bundle."
    command = ["train", "panel.parquet", "--scheme", "none", "--jobs", "1", "--out", "other"]
    hint = f"which is not installed: pip install {words.split()[-1]}"
    one_line(without("airq", *command, *options, cwd=folder), f"{words}, {hint}")
    assert not (folder / "other").exists()


@pytest.mark.slow
def test_an_extraction_needs_the_client(tmp_path):
    "The plan, which asks nobody, does not; the extraction says what to install."
    cities = ["cities", "--country", "UGA", "--min-population", "1000000", "--out", "cities.csv"]
    days = ["--cities", "cities.csv", "--start", "2020-01-01", "--end", "2020-01-02"]
    plan, extract = ["airq", "plan", *days], ["airq", "extract", *days, "--out", "features"]
    one_line(
        without("airq", *cities, "&&", *plan, "&&", *extract, cwd=tmp_path),
        "Requests to Earth Engine need earthengine-api, which is not installed: pip install earthengine-api",
    )


def test_a_baseline_that_needs_one_is_left_out(monkeypatch):
    "The evaluation goes on without it and gives the reason."
    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(CannotFit, match="^CatBoost models need catboost, which is not installed"):
        ReferenceMethod().fit(np.zeros((9, 1)), np.arange(9.0), np.arange(9))


def test_what_may_be_missing_is_among_the_dependencies():
    "The default installation brings them all."
    assert set(OPTIONAL) <= dependencies()


def test_the_small_installation_is_all_but_these():
    "The list of CONTRIBUTING.md is that of the dependencies without them."
    (listed,) = re.findall(r"`pip install ([^`.]*)`, `pip install --no-deps \.`", GUIDE)
    assert set(listed.split()) == dependencies() - set(OPTIONAL)


def dependencies():
    "What the default installation brings."
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split("[<>=]", line)[0] for line in facts["dependencies"]}


def test_no_message_names_a_stranger():
    "On the package index, airq is another project: nothing says to install it."
    sources = [path for package in ("airq", "imbalance", "app") for path in (ROOT / package).rglob("*.py")]
    texts = [README, *(path.read_text("utf-8") for path in sources)]
    assert [text for text in texts if re.search(r"install\s+\S*airq(?!-)", text)] == []

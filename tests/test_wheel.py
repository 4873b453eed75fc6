"""The built wheel carries everything it needs."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from airq.sources.mapping import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    "The wheel, installed into an empty folder without its dependencies, which are here already."
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, because building leaves its own folders beside the sources.
    source = shutil.copytree(
        ROOT, folder / "source", ignore=shutil.ignore_patterns(".*", "build", "demo", "*.egg-info")
    )
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", source]
    subprocess.run(build, check=True, cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--target", folder / "site", wheel], check=True, cwd=folder)
    return wheel, folder / "site"


def in_wheel(site, code, cwd):
    "Run code that sees the installed wheel first, from a folder without a checkout."
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.slow
def test_tables_ship_in_the_wheel(installed):
    "The city table, the countries, their licence and the mappings are inside; tests are not."
    names = zipfile.ZipFile(installed[0]).namelist()
    assert {"airq/_data/african_cities.csv", "airq/_data/countries.csv", "airq/_data/README.md"} <= set(names)
    assert "airq/_data/south_africa.parquet" in names
    assert {f"airq/sources/formats/{format}.toml" for format in SHIPPED} <= set(names)
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.slow
def test_every_module_ships_in_the_wheel(installed):
    "A folder that pyproject.toml forgets would be missing for everyone but us."
    modules = [file for room in ("airq", "app", "imbalance") for file in (ROOT / room).rglob("*.py")]
    assert {str(file.relative_to(ROOT)) for file in modules} <= set(zipfile.ZipFile(installed[0]).namelist())


@pytest.mark.slow
def test_the_installed_package_reads_its_own_table(installed, tmp_path):
    "Imported from the wheel, not from the checkout, the cities are there."
    code = "import airq, airq.cities; print(airq.__file__); print(len(airq.cities.bundled_cities()))"
    where, number = in_wheel(installed[1], code, tmp_path).splitlines()
    assert Path(where).is_relative_to(installed[1])
    assert int(number) > 3900


@pytest.mark.slow
def test_the_installed_app_finds_the_published_predictions(installed, tmp_path):
    "72 places, from the wheel."
    code = "from app import sources; path = sources.south_africa().predictions; "
    code += "print(path, sum(len(part) for part in sources.open_table(path).parts(['date'])))"
    where, number = in_wheel(installed[1], code, tmp_path).rsplit(" ", 1)
    assert Path(where).is_relative_to(installed[1])
    assert int(number) == 72 * 579


@pytest.mark.slow
def test_both_commands_answer_from_the_wheel(installed, tmp_path):
    "airq and imbalance print the version of the wheel."
    code = "import sys; from {0}.cli import main; sys.argv = ['{0}', '--version']; main()"
    version = installed[0].name.split("-")[1]
    assert in_wheel(installed[1], code.format("airq"), tmp_path) == f"airq {version}"
    assert in_wheel(installed[1], code.format("imbalance"), tmp_path) == f"imbalance {version}"

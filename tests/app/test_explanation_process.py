"""Answers of the process that explains a prediction."""

import subprocess
import sys

import pandas as pd
import pytest

from airq.io import read_panel, write_panel
from app.explanation_process import explain_days


def explain(folder, city_id, date, *, panel=None):
    "Explain the prediction for a day."
    panel = panel or folder / "panel.parquet"
    return explain_days(panel, folder / "bundle", city_id, date, advance=lambda *_: None)


@pytest.fixture(scope="module")
def city_id(trained):
    "The first city of the panel."
    return read_panel(trained / "panel.parquet")["city_id"].iloc[0]


def test_a_week_to_either_side_is_answered_along(trained, city_id):
    "2020-01-20 brings 13 to 27 January."
    days = pd.date_range("2020-01-13", "2020-01-27").strftime("%Y-%m-%d")
    assert list(explain(trained, city_id, "2020-01-20")) == list(days)


def test_every_day_has_words_of_its_own(trained, city_id):
    "The first sentence names the day."
    found = explain(trained, city_id, "2020-01-01")
    assert all(day in answer["sentences"][0] for day, answer in found.items())


def test_a_day_that_the_panel_lacks_gives_words(trained, city_id):
    "It ends on 15 February, which is the nearest day."
    with pytest.raises(ValueError, match="no 2020-03-01 .* nearest day is 2020-02-15"):
        explain(trained, city_id, "2020-03-01")


def test_a_panel_that_does_not_fit_the_bundle_gives_words(trained, city_id, tmp_path):
    "The message names the column that is missing."
    write_panel(read_panel(trained / "panel.parquet").drop(columns="no2"), tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="lacks 1 of the bundle's .* 'no2'"):
        explain(trained, city_id, "2020-01-20", panel=tmp_path / "other.parquet")


@pytest.mark.slow
def test_the_process_does_not_load_what_draws_pictures():
    "Nobody waits for matplotlib."
    code = "import sys, app.explanation_process; print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"

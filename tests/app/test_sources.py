"""What is looked at before the server starts."""

import pandas as pd
import pytest

from airq.io import write_panel, write_table
from airq.panel import IDENTITY, PanelMetadata, label_panel
from app import sources


def text(path):
    path.write_text("a note\n")
    return path


def empty(path):
    path.touch()
    return path


def headings(path):
    path.write_text("city_id,city,country,latitude,longitude,date,pm25\n")
    return path


def folder(path):
    path.mkdir()
    return path


def plain_table(path):
    pd.DataFrame({"site": ["a"], "value": [1.0]}).to_parquet(path)
    return path


def predictions(path):
    rows = pd.DataFrame(columns=[*IDENTITY, "pm25"])
    write_table(rows, path, metadata={"airq": {"period": "day"}})
    return path


def panel_without_sites(path):
    panel = pd.DataFrame({"date": pd.to_datetime(["2020-01-01"]), "pm25": [1.0]})
    write_panel(label_panel(panel, PanelMetadata()), path)
    return path


WRONG = [
    ("predictions", folder, "p", "is a folder"),
    ("predictions", text, "p.parquet", "not a whole Parquet file"),
    ("predictions", empty, "p.csv", "is empty"),
    ("predictions", headings, "p.csv", "has no rows"),
    ("predictions", plain_table, "p.parquet", "no column 'city_id'"),
    ("panel", folder, "p", "is a folder"),
    ("panel", text, "p.parquet", "not a whole Parquet file"),
    ("panel", plain_table, "p.parquet", "not a panel"),
    ("panel", predictions, "p.parquet", "not a panel"),
    ("panel", panel_without_sites, "p.parquet", "no column 'site_id'"),
    ("bundle", folder, "b", "not a bundle"),
    ("bundle", text, "b", "not a bundle"),
    ("evaluation", folder, "e", "airq evaluate"),
    ("evaluation", text, "e.json", "not JSON"),
    ("comparison", folder, "c", "holds no comparison"),
    ("comparison", text, "c", "not a folder"),
]


@pytest.mark.parametrize(("kind", "make", "name", "words"), WRONG)
def test_a_wrong_file_is_refused(tmp_path, kind, make, name, words):
    "By its header or its facts, in words that name the option."
    given = sources.Sources(**{kind: make(tmp_path / name)})
    with pytest.raises(ValueError, match=f"^--{kind}: .*{words}"):
        sources.check(given)


def test_a_panel_is_no_table_of_predictions(trained):
    "What was measured or simulated would be shown as predicted."
    given = sources.Sources(predictions=trained / "panel.parquet")
    with pytest.raises(ValueError, match=r"^--predictions: .* is a panel .* --panel"):
        sources.check(given)


def test_sound_files_pass(trained):
    "Predictions, panel and bundle of one run are looked at, and nothing is said against them."
    given = sources.in_folder(trained)
    assert {kind for kind in sources.CHECKS if getattr(given, kind)} == {
        "predictions",
        "panel",
        "bundle",
    }
    assert sources.check(given) is None

"""Panels are written part by part, whole or not at all."""

import numpy as np
import pandas as pd
import pytest

from airq.io import panel_writer, read_panel, write_panel
from airq.panel import PanelMetadata, panel_metadata

DAYS = ["2020-01-01", "2020-01-02"]
FACTS = PanelMetadata(units={"mine": "K"}, day_basis="local", sources=("me",))


@pytest.fixture
def panel(make_panel):
    return make_panel(
        {"a": DAYS, "b": DAYS, "c": DAYS}, no2=np.arange(6) * 1e-5, mine=range(6), metadata=FACTS
    )


def test_parts_make_the_same_panel_as_one(tmp_path, panel):
    "Four rows and two, or all six: the same table with the same metadata."
    write_panel(panel, tmp_path / "one.parquet")
    with panel_writer(tmp_path / "parts.parquet", FACTS) as write:
        write(panel[:4])
        write(panel[4:])
    one, parts = (read_panel(tmp_path / f"{name}.parquet") for name in ("one", "parts"))
    pd.testing.assert_frame_equal(parts, one)
    assert panel_metadata(parts) == panel_metadata(one)
    assert panel_metadata(parts).units["mine"] == "K"


def test_nothing_is_left_after_an_error(tmp_path, panel):
    "The second part never comes; an older panel of that name stays."
    path = tmp_path / "panel.parquet"
    write_panel(panel[:1], path)
    with pytest.raises(KeyboardInterrupt), panel_writer(path, FACTS) as write:
        write(panel[:4])
        raise KeyboardInterrupt
    assert [entry.name for entry in tmp_path.iterdir()] == ["panel.parquet"]
    assert len(read_panel(path)) == 1


def test_no_part_is_an_error(tmp_path):
    "A panel has rows."
    with pytest.raises(ValueError, match="without rows"), panel_writer(tmp_path / "panel.parquet", FACTS):
        pass
    assert list(tmp_path.iterdir()) == []


def test_parts_must_have_the_same_columns(tmp_path, panel):
    "A part that lacks one is refused, and nothing is written."
    with pytest.raises(ValueError), panel_writer(tmp_path / "panel.parquet", FACTS) as write:
        write(panel[:4])
        write(panel[4:].drop(columns="no2"))
    assert list(tmp_path.iterdir()) == []


def test_the_name_must_say_parquet(tmp_path):
    "A name that promises CSV is refused before anything is done."
    refused = pytest.raises(ValueError, match="name that ends in .parquet")
    with refused, panel_writer(tmp_path / "panel.csv", FACTS):
        pass

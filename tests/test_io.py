"""Panels in files, files that are whole or absent, and outputs that must not destroy anything."""

import itertools
import os

import numpy as np
import pandas as pd
import pandas.testing as pdt
import pyarrow.parquet as pq
import pytest

from airq.io import (
    ROW_GROUP,
    atomic_folder,
    atomic_write,
    check_outputs,
    check_writable,
    json_ready,
    panel_writer,
    read_panel,
    table_writer,
    write_panel,
    write_text,
)
from airq.panel import PanelMetadata, check_panel, label_panel, panel_metadata

DAYS = {"a": ["2020-01-01", "2020-01-02"], "b": ["2020-01-01"]}


def test_an_error_leaves_neither_file_nor_folder(tmp_path):
    "A failure half-way leaves nothing, not even the folder made for the file."
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "new" / "a.txt") as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_the_old_file(tmp_path):
    "What stood there before still stands there."
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("new")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_keeps_the_old_folder(tmp_path):
    "A bundle that cannot be finished leaves the one before."
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "mark").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(folder, marker="mark") as unfinished:
        (unfinished / "mark").write_text("new")
        raise RuntimeError
    assert (folder / "mark").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_an_interrupt_between_old_and_new_keeps_the_old(tmp_path, monkeypatch):
    "Ctrl-C just after the old folder was set aside brings it back."
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "mark").write_text("old")
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder, marker="mark") as unfinished:
        (unfinished / "mark").write_text("new")
    assert (folder / "mark").read_text() == "old"


def test_a_file_is_no_folder_to_write_in(tmp_path):
    "An output below a file is refused before any work."
    (tmp_path / "a").write_text("")
    with pytest.raises(NotADirectoryError):
        check_writable(tmp_path / "a" / "b" / "panel.parquet")


def test_checking_makes_nothing(tmp_path):
    "The check leaves no trace."
    check_writable(tmp_path / "x" / "y" / "panel.parquet")
    assert list(tmp_path.iterdir()) == []


def test_json_holds_no_nan():
    "NaN is not JSON; it becomes null."
    assert json_ready({"a": [float("nan"), 1.5, float("inf")]}) == {"a": [None, 1.5, None]}


def test_a_panel_survives_the_file(make_panel, tmp_path):
    "Rows, dtypes, units, kind of day, origin and sources come back from Parquet."
    facts = PanelMetadata(
        units={"mine": "furlongs"},
        day_basis="local",
        pm25_origin="index",
        statistic="median",
        sources=["here"],
    )
    panel = check_panel(make_panel(DAYS, metadata=facts, pm25=[1, 2, 3], mine=[4, 5, 6]))
    write_panel(panel, tmp_path / "p.parquet")
    back = read_panel(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(back, panel)
    facts = panel_metadata(back)
    assert (facts.day_basis, facts.pm25_origin, facts.statistic) == ("local", "index", "median")
    assert facts.units["mine"] == "furlongs"
    assert facts.units["pm25"] == "µg m⁻³"
    assert facts.sources == ("here",)


def test_text_named_parquet_is_told(tmp_path):
    "A CSV under the wrong name names the command that reads it."
    path = tmp_path / "panel.parquet"
    path.write_text("site_id,date\na,2020-01-01\n")
    with pytest.raises(ValueError, match="not a whole Parquet file.*airq ingest"):
        read_panel(path)


def test_a_cut_file_is_told(make_panel, tmp_path):
    "Half of a Parquet file is refused."
    path = tmp_path / "panel.parquet"
    write_panel(make_panel(DAYS, pm25=[1, 2, 3]), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="not a whole Parquet file"):
        read_panel(path)


def test_foreign_parquet_is_told(tmp_path):
    "Parquet without panel metadata is refused."
    path = tmp_path / "panel.parquet"
    pd.DataFrame({"pm25": [1.0]}).to_parquet(path)
    with pytest.raises(ValueError, match="not a panel"):
        read_panel(path)


TWO_DAYS = ["2020-01-01", "2020-01-02"]
FACTS = PanelMetadata(units={"mine": "K"}, day_basis="local", sources=("me",))


@pytest.fixture
def panel(make_panel):
    return make_panel(
        {"a": TWO_DAYS, "b": TWO_DAYS, "c": TWO_DAYS}, no2=np.arange(6) * 1e-5, mine=range(6), metadata=FACTS
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


def test_a_panel_may_be_a_table(make_panel):
    "A DataFrame with metadata is checked and sorted like a file; the one that was given stays as it is."
    panel = make_panel(DAYS, pm25=[1, 2, 3]).iloc[[2, 1, 0]]
    before = panel.copy(deep=True)
    for checked in (read_panel(panel), read_panel(panel, target="required")):
        assert checked["pm25"].tolist() == [1, 2, 3]
    pdt.assert_frame_equal(panel, before)


def test_a_table_that_is_no_panel_is_refused(make_panel):
    "Without metadata, or without the PM2.5 that is needed."
    with pytest.raises(ValueError, match="no panel metadata"):
        read_panel(pd.DataFrame({"pm25": [1.0]}))
    with pytest.raises(ValueError, match="has no PM2.5"):
        read_panel(make_panel(DAYS), target="required")


def test_an_unsound_file_is_refused_by_name(make_panel, tmp_path):
    "The line begins with the file."
    path = tmp_path / "p.parquet"
    write_panel(label_panel(make_panel(DAYS, pm25=[1, 2, 3]).assign(latitude=95.0), PanelMetadata()), path)
    with pytest.raises(ValueError, match=rf"^{path}: Column 'latitude' is 95"):
        read_panel(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Current folder with a panel, a bundle, and links to them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle" / "boosters").mkdir(parents=True)
    for name in ("p.parquet", "bundle/bundle.json"):
        (tmp_path / name).write_text("here")
    (tmp_path / "link.parquet").symlink_to("p.parquet")
    (tmp_path / "hard.parquet").hardlink_to(tmp_path / "p.parquet")
    (tmp_path / "linked").symlink_to("bundle")
    return tmp_path


REFUSED = {
    "twice the same": ({"--out": "a.json", "--json": "./x/../a.json"}, {}, "--out and --json are both"),
    "the input": ({"--out": "p.parquet"}, {"PANEL": "p.parquet"}, "p.parquet is also the input PANEL"),
    "one of several": ({"--out": "p.parquet"}, {"FILES": ["a.csv", "p.parquet"]}, "also the input FILES"),
    "by another path": ({"--out": "bundle/../p.parquet"}, {"PANEL": "p.parquet"}, "also the input"),
    "by a link": ({"--out": "link.parquet"}, {"PANEL": "p.parquet"}, "also the input"),
    "by a hard link": ({"--out": "hard.parquet"}, {"PANEL": "p.parquet"}, "also the input"),
    "missing, by a link": ({"--out": "linked/new"}, {"--for": "bundle/new"}, "also the input"),
    "a folder": ({"--json": "bundle"}, {}, "--json bundle is a folder; give the name of a file"),
    "in an input": ({"--json": "bundle/new/e.json"}, {"--bundle": "bundle"}, "inside the input --bundle"),
    "in a linked input": ({"--json": "linked/e.json"}, {"--bundle": "bundle"}, "inside the input --bundle"),
    "over the input": ({"--folder": "bundle"}, {"--bundle": "linked"}, "bundle is also the input --bundle"),
    "around the input": ({"--folder": "."}, {"PANEL": "p.parquet"}, "contains the input PANEL"),
    "in an output": ({"--folder": "new", "--json": "new/bundle.json"}, {}, "lies inside --folder new"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_output_that_would_destroy_something_is_refused(folder, case):
    "One line; every file is as before, and none is new."
    outputs, inputs, message = REFUSED[case]
    before = {path: path.is_file() and path.read_text() for path in folder.rglob("*")}
    with pytest.raises(ValueError, match=message) as raised:
        check_outputs(outputs, inputs, folders=["--folder"])
    assert "\n" not in str(raised.value)
    assert {path: path.is_file() and path.read_text() for path in folder.rglob("*")} == before


def test_outputs_that_harm_nothing_pass(folder):
    "New names, an older output, a folder beside its input, options that are not given; nothing is made."
    (folder / "old.json").write_text("[]")
    before = set(folder.rglob("*"))
    check_outputs(
        {"--out": "new/deep/p.parquet", "--json": "old.json", "--folder": "bundle", "--plot": None},
        {"PANEL": "p.parquet", "--for": None},
        folders=["--folder"],
    )
    assert set(folder.rglob("*")) == before


@pytest.mark.parametrize("path", ["p.parquet/e.json", "/proc/no/where.json"])
def test_an_output_that_cannot_be_written_is_refused(folder, path):
    "Below a file, or where the system allows none."
    with pytest.raises(OSError):
        check_outputs({"--json": path}, {})


def test_a_table_does_not_depend_on_where_its_parts_end(tmp_path):
    whole = pd.DataFrame({"x": np.arange(2 * ROW_GROUP + 7)})
    for name, ends in {"one": [], "many": [3, ROW_GROUP - 1, ROW_GROUP + 1, 2 * ROW_GROUP]}.items():
        with table_writer(tmp_path / name, {}) as write:
            for begin, end in itertools.pairwise([0, *ends, len(whole)]):
                write(whole[begin:end])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    groups = pq.ParquetFile(tmp_path / "many").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [ROW_GROUP, ROW_GROUP, 7]

"""Files are whole or absent."""

import os

import pytest

from airq.io import atomic_folder, atomic_write, check_writable, json_ready, write_text


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

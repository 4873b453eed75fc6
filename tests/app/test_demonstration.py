"""The demonstration that the app makes where nothing was given."""

import shutil
from contextlib import closing
from dataclasses import replace

import pytest
from filelock import FileLock
from patience import PATIENCE

from app import demonstration, sources
from app.processes import Step

pytest.importorskip("streamlit")

SCRIPT = """
import shutil
from app.processes import serve

def work(folder, job, advance):
    advance(1, 2, "Judging")
    shutil.copytree("made", job["out"])

if __name__ == "__main__":
    serve(work)
"""


@pytest.fixture
def place(tmp_path, monkeypatch, make_rows, write_predictions):
    "A folder without ./demo whose demonstrations copy a small one, `made`; the cache lies in it."
    (tmp_path / "own_demonstration.py").write_text(SCRIPT)
    (tmp_path / "made").mkdir()
    shutil.move(
        write_predictions(make_rows({"kla": [10.0, 20.0]})), tmp_path / "made" / "predictions.parquet"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["main.py", "--example", "demonstration"])
    task = replace(demonstration.DEMONSTRATION, module="own_demonstration")
    monkeypatch.setattr(demonstration, "DEMONSTRATION", task)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def page():
    "The map of the demonstration."
    from streamlit.testing.v1 import AppTest

    return AppTest.from_string("from app.views import map\nmap.page()\n", default_timeout=PATIENCE).run()


def test_simulated_is_said_while_it_is_made(place, monkeypatch):
    "Before anything else; beside it the stage and how far it is."

    def make():
        yield Step(1, 4, "Training")
        raise ValueError("Stopped here.")

    monkeypatch.setattr(demonstration, "make", make)
    app = page()
    assert app.warning[0].value.startswith("**SIMULATED.**")
    bar = app.get("progress")[0].proto
    assert (bar.value, bar.text) == (25, "Training")
    assert app.error[0].value == r"Stopped here\."


def test_its_folder_is_told_afterwards(place):
    "From where the app was started, with nothing that Markdown would take for markup."
    app = page()
    assert not app.exception
    assert not app.error
    assert app.caption[0].value == "The files of this demonstration lie in cache/airq/demonstration"
    assert app.warning[0].value.startswith("**SIMULATED.**")


def test_it_is_made_once(place):
    "The second time it is there; nothing unfinished lies beside it."
    list(demonstration.make())
    made = demonstration.ready().predictions.stat()
    list(demonstration.make())
    assert demonstration.ready().predictions.stat() == made
    left = {path.name for path in sources.demonstration_folder().parent.iterdir()}
    assert {name for name in left if name.startswith(".")} == set()


def test_a_second_window_waits_in_words(place):
    "The lock is held by another."
    root = sources.demonstration_folder()
    with FileLock(root.with_suffix(".lock")), closing(demonstration.make()) as steps:
        assert "Another window" in next(steps).text

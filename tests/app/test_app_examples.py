"""What the app offers to those who have no files: real predictions that were published, or a simulation."""

import shutil
import sys

import pandas as pd
import pytest
from patience import PATIENCE
from typer.testing import CliRunner

from airq import cli
from airq.workflows import app as workflow
from app import downloads, jobs, sources
from app.downloads import citation
from app.store import open_store

testing = pytest.importorskip("streamlit.testing.v1")

PAGES = ["map", "city", "countries", "trust", "data"]
REAL = "72 places in South Africa, 2019 to 2020"


@pytest.fixture
def place(tmp_path, monkeypatch):
    "An empty folder, whose cache is empty, too; nothing may be made."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(jobs, "make_demonstration", None)
    monkeypatch.setattr("sys.argv", ["main.py"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def demo(place, make_rows, write_predictions):
    "A demonstration in ./demo of that folder."
    path = write_predictions(make_rows({"kla": [10.0, 20.0]}), facts={"trained_on": "simulated"})
    (place / "demo").mkdir()
    shutil.move(path, place / "demo" / "predictions.parquet")


@pytest.fixture
def shipped(place):
    "The store of the shipped predictions."
    return open_store(sources.south_africa().predictions)


def page(name="map", **query):
    "A page, opened without files."
    app = testing.AppTest.from_string(
        f"from app.views import {name}\n{name}.page()\n", default_timeout=PATIENCE
    )
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def said(app):
    "All text of a page, also in boxes to choose from."
    parts = (
        *app.markdown,
        *app.metric,
        *app.caption,
        *app.warning,
        *app.error,
        *app.info,
        *app.title,
        *app.header,
    )
    html = [one.proto.body for one in app.get("html")]
    metrics = [f"{one.label} {one.value}" for one in app.metric]
    options = [str(option) for box in app.selectbox for option in box.options]
    return "\n".join([*(str(part.value) for part in parts), *html, *metrics, *options])


@pytest.mark.parametrize("name", [*PAGES, "imbalance"])
def test_both_examples_are_offered_where_nothing_is_there(place, name):
    "The published ones stand first, the other one is called SIMULATED; nothing is made unasked."
    app = page(name)
    assert not app.exception
    first, second = (button.label for button in app.button)
    assert first == f"Open {REAL} (published predictions, US AQI points of 2012)"
    assert "SIMULATED" in second
    assert "1 August 2020" in said(app)


def test_a_click_opens_south_africa(place):
    "The last day of the file, in Johannesburg; the address leads back to it."
    app = page()
    app.button(key="open_south-africa").click().run()
    assert not app.exception
    assert app.header[0].value == "Daily median, 1 August 2020"
    assert app.metric[0].label == "Johannesburg, South Africa"
    assert app.query_params["example"] in ("south-africa", ["south-africa"])


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_what_it_is_and_never_micrograms(place, monkeypatch, name):
    "Published, predicted, points of 2012, medians, the last day and its age; µg stands nowhere."
    monkeypatch.setattr(pd.Timestamp, "now", staticmethod(lambda: pd.Timestamp("2026-11-29 12:00")))
    app = page(name, example="south-africa")
    assert not app.exception
    assert not app.error
    text = said(app).replace("\\", "")
    for words in (
        f"{REAL}: published predictions of a model",
        "but no measurements",
        "(table of 2012) for PM2.5, daily medians; they are no concentrations",
        "These data end 1 August 2020, more than 6 years ago. There is no forecast.",
        "MEDIANS",
    ):
        assert words in text
    assert "µg" not in text
    assert "SIMULATED" not in text


@pytest.mark.parametrize("show", ["day", "mean", "share"])
def test_the_map_of_points_has_their_own_classes(place, show):
    "Whatever is shown, the levels are those of the index of 2012."
    app = page(show=show, example="south-africa")
    assert not app.exception
    assert "AQI points (2012)" in said(app)
    assert "µg" not in said(app)
    assert [one.key for one in app.get("button_group") if one.key == "scale"] == []


def test_the_two_middelburgs_are_told_apart(shipped):
    "By their positions, in every list."
    named = sorted(label for label in shipped.by_label.values() if label.startswith("Middelburg"))
    assert named == ["Middelburg, South Africa (-25.78, 29.46)", "Middelburg, South Africa (-31.49, 25.01)"]


def test_its_downloads_and_citation_are_the_authors(shipped):
    "CC0 and the repository in every row; no column in µg/m³."
    rows = downloads.selection(shipped, ["ZAF:Paarl"], "2020-07-31", "2020-08-01")
    text = downloads.to_csv(rows, downloads.about(shipped)).decode("utf-8-sig")
    assert text.count("CC0 1.0") == text.count("aqi-us-2012,") / 2 == 2
    assert "µg" not in text
    assert citation(shipped).startswith("J. Whitaker (2020)")


def test_trust_tells_the_errors_that_were_reported(place):
    "In points; nothing here can check them."
    text = said(page("trust", example="south-africa"))
    assert r"27 AQI points \(RMSE\)" in text
    assert "Nothing here can check this" in text


def test_one_leads_to_the_other(demo):
    "./demo is opened as before and offers South Africa; the way back keeps nothing of it."
    app = page()
    assert app.warning[0].value.startswith("**SIMULATED.**")
    app.button(key="open_south-africa").click().run()
    assert "SIMULATED" not in said(app)
    app.selectbox(key="city").select_index(0).run()
    app.button(key="open_demonstration").click().run()
    assert not app.exception
    assert app.warning[0].value.startswith("**SIMULATED.**")
    assert "city" not in app.query_params or "ZAF" not in str(app.query_params["city"])


def test_a_link_to_an_example_that_is_not_there_gives_words(place, make_rows):
    "The offer stays."
    app = page(example="atlantis")
    assert not app.exception
    assert [one.value for one in app.warning] == [
        "The link asks for the example “atlantis”, which is not here."
    ]
    assert len(app.button) == 2


def test_what_a_file_tells_of_itself_is_shown_not_obeyed(draw, make_rows, write_predictions):
    "Markup in its description, a city that does not exist, texts that are none."
    facts = {"description": "<b>x</b> [a](b)", "title": "**t", "usual_city": "nowhere", "licence": 3}
    for name in ("map", "data"):
        app = draw(name, path=write_predictions(make_rows({"kla": [10.0]}), facts=facts))
        assert not app.exception
        assert r"\<b\>x\</b\> \[a\]\(b\)" in app.info[0].value
        assert r"\*\*t" in app.info[0].value
    assert "GeoNames" in said(app)


def test_the_command_opens_an_example_and_nothing_beside_it(monkeypatch):
    "The server gets its name; with files, or a name that there is not, nothing starts."
    commands = []
    monkeypatch.setattr(workflow, "run", lambda command: commands.append(command) or 0)
    assert CliRunner().invoke(cli.app, ["app", "--example", "south-africa"]).exit_code == 0
    assert commands[0][-2:] == ["--example", "south-africa"]
    ended = CliRunner().invoke(cli.app, ["app", "--example", "south-africa", "--panel", sys.executable])
    assert ended.exit_code == 1
    assert "leave out --panel" in ended.stderr
    assert CliRunner().invoke(cli.app, ["app", "--example", "atlantis"]).exit_code == 2
    with pytest.raises(ValueError, match="choose south-africa or demonstration"):
        workflow.start_app(example="atlantis")
    with pytest.raises(ValueError, match="leave out --bundle"):
        sources.named(["--example", "south-africa", "--bundle", "b"])
    assert len(commands) == 1


def test_the_help_names_every_example():
    "As the workflow has them."
    assert [one.value for one in cli.Example] == list(workflow.EXAMPLES)
    text = " ".join(CliRunner().invoke(cli.app, ["app", "--help"]).stdout.split())
    assert "airq app --example south-africa" in text

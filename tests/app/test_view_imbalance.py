"""The page Imbalance, drawn without a browser."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("streamlit")

from airq.panel import ORIGINS
from imbalance.comparison.compare import compare
from imbalance.comparison.report import write_comparison

PM25 = {"kla": [10.0, 60.0], "nbo": [30.0, 31.0]}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    "A folder as `imbalance compare` writes it; a class has markup for a name."
    rng = np.random.default_rng(0)
    y = np.repeat(["<b>no</b>", "yes"], [100, 40])
    X = rng.normal(size=(140, 2)) + (y == "yes")[:, None]
    asked = {"models": "logistic", "rows": ["none", "weights"], "ending": ["raw", "prior"]}
    found = compare(X, y, **asked, cv=3, repeats=1, title="Loans")
    folder = tmp_path_factory.mktemp("comparison")
    write_comparison(found, folder)
    return folder


@pytest.fixture
def page(draw, make_rows):
    "Function that draws the page."
    return lambda *arguments, **options: draw("imbalance", make_rows(PM25), arguments=arguments, **options)


def said(app):
    "All text of a page."
    kinds = (app.markdown, app.caption, app.warning, app.error, app.info, app.header, app.subheader, app.code)
    return "\n".join(str(part.value) for kind in kinds for part in kind)


def test_a_comparison_is_shown_with_the_published_one_beside_it(page, comparison):
    "Its title, its table, its sentences; and that the other was published, on a private set."
    app = page("--comparison", comparison)
    assert not app.exception
    assert not app.error
    assert app.header[0].value == "Loans"
    assert set(app.dataframe[1].value["strategy"]) == {
        "as they are", "as they are+prior", "weights", "weights+prior",
    }  # fmt: skip
    assert "0.556998" not in said(app)
    assert app.dataframe[2].value["published"].iloc[0] == 0.556998
    assert "Published by its author" in said(app)
    assert "private validation set" in said(app)
    assert "any of the 4 apart" in said(app) or "lowest log loss" in said(app)


def test_no_cell_says_none(page, comparison):
    "The published strategies that the comparison lacks have no value here: a dash stands for it."
    tables = page("--comparison", comparison).dataframe
    assert tables[2].value.iloc[:, -1].isna().any()
    assert {table.proto.placeholder for table in tables} == {"–"}


@pytest.mark.parametrize("show", ["losses", "shares", "reliability", "sweep"])
def test_every_chart_of_a_comparison_is_drawn(page, comparison, show):
    "None raises, and each is one chart."
    app = page("--comparison", comparison)
    app.button_group(key="imbalance_given_show").set_value(show).run()
    assert not app.exception
    assert not app.error
    assert len(app.get("vega_lite_chart")) == 1


def test_without_a_comparison_the_published_one_stands_above_an_upload(page):
    "It stands beside nothing then; and the page says how to give one."
    app = page()
    assert not app.exception
    assert [one.value for one in app.header] == ["The published comparison", "Your own table"]
    assert app.dataframe[0].value["published"].min() == 0.556998
    assert len(app.file_uploader) == 1
    assert "imbalance compare table.csv" in said(app)


def test_the_table_has_its_own_caption(page, comparison):
    "It tells the units and the folds; what the figures support stands above it and is not said again."
    captions = [caption.value for caption in page("--comparison", comparison).caption]
    assert [caption for caption in captions if "log loss in nats" in caption and "3 folds" in caption]
    assert not [caption for caption in captions if caption.startswith("Cannot tell")]


def test_what_is_not_simulated_is_not_called_so(draw, make_rows, write_predictions, comparison):
    "Predictions of a simulation are open, but the published table, an upload and other rows are none."
    path = write_predictions(make_rows(PM25), facts={"trained_on": "simulated"})
    assert "SIMULATED" in said(draw("map", path=path))
    assert "SIMULATED" not in said(draw("imbalance", path=path))
    for part in ("comparison", "own"):
        app = draw("imbalance", path=path, arguments=("--comparison", comparison), query={"part": part})
        assert not app.exception
        assert "SIMULATED" not in said(app)


def test_a_comparison_of_a_demonstration_is_called_simulated(draw, make_rows, write_predictions, comparison):
    "It lies beside predictions of a simulation; an upload to the same app is not simulated."
    path = write_predictions(make_rows(PM25), facts={"trained_on": "simulated"})
    beside = shutil.copytree(comparison, path.parent / "comparison")
    for part, simulated in {"comparison": True, "own": False}.items():
        app = draw("imbalance", path=path, arguments=("--comparison", beside), query={"part": part})
        assert ("SIMULATED" in said(app)) == simulated


def test_a_comparison_of_simulated_rows_says_so_itself(page, comparison, tmp_path):
    "Its own note becomes the warning at its head, whatever else is open."
    marked = shutil.copytree(comparison, tmp_path / "marked")
    settings = json.loads((marked / "settings.json").read_text())
    settings["notes"] = [ORIGINS["simulated"].warning]
    (marked / "settings.json").write_text(json.dumps(settings))
    assert page("--comparison", marked).warning[0].value.startswith("SIMULATED")


def test_a_folder_of_something_else_gives_words(page, tmp_path):
    "An empty folder is named."
    (tmp_path / "empty").mkdir()
    app = page("--comparison", tmp_path / "empty")
    assert not app.exception
    assert "holds no comparison" in app.error[0].value


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"PK\x03\x04", "Excel"), (b"a,b\n" + b"1,2\n" * 20_001, "20,002 lines")],
)
def test_a_bad_upload_gives_words(page, content, words):
    "No traceback, and nothing to run."
    app = page()
    app.file_uploader[0].upload("table.csv", content, "text/csv").run()
    assert not app.exception
    assert words in app.error[0].value
    assert "imbalance_run" not in [button.key for button in app.button]


def test_names_in_an_upload_are_text(page):
    "A column of markup, classes of markup and formulas: escaped wherever Markdown is read."
    app = page()
    content = b"size,<img src=x onerror=alert(1)>\n" + b"1,=cmd()\n2,<script>\n3,=cmd()\n" * 9
    app.file_uploader[0].upload("$(reboot).csv", content, "text/csv").run()
    assert not app.exception
    text = "\n".join(part.value for part in (*app.caption, *app.markdown))
    assert "\\<script\\>" in text
    assert "<script" not in text.replace("\\<", "")
    assert "'$(reboot).csv'" in app.code[0].value


@pytest.mark.long
def test_an_upload_is_compared_on(page):
    "A fifth of 150 rows is rare; two strategies beside none, shares of 3 to 1."
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal() + 2 * (i % 5 == 0):.3f},{'yes' if i % 5 == 0 else 'no'}" for i in range(150)]
    app = page()
    app.file_uploader[0].upload("t.csv", ("size,late\n" + "\n".join(lines)).encode(), "text/csv").run()
    app.multiselect(key="imbalance_strategies").set_value(["under-sample", "weights"])
    app.button_group(key="imbalance_prior").set_value("own").run()
    app.number_input(key="imbalance_share_0").set_value(3.0).run()
    assert "--target-prior no=0.75,yes=0.25" in app.code[0].value
    app.button(key="imbalance_run").click().run()
    assert not app.exception
    assert not app.error
    table = app.dataframe[1].value
    assert set(table["rows"]) == {"as they are", "under-sample", "weights"}
    assert set(table["ending"]) == {"raw", "prior", "calibrated"}
    assert any("150 rows" in header.value for header in app.header)
    assert "Shares: no 75.0%, yes 25.0%" in said(app)


def test_too_few_strategies_give_words(page):
    "Nothing is none to compare."
    app = page()
    app.file_uploader[0].upload("t.csv", b"size,late\n" + b"1,no\n2,yes\n" * 20, "text/csv").run()
    app.multiselect(key="imbalance_strategies").set_value([]).run()
    assert "Choose 1 to 4" in app.error[0].value

"""Folders of comparisons, told apart and read."""

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from app import comparisons

STRATEGIES = ["as they are+prior", "as they are"]


def write(folder, **files):
    "Tables as records or CSV, all else as JSON."
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        path = folder / f"{stem}.{suffix}"
        if suffix == "csv":
            pd.DataFrame(content).to_csv(path, index=False)
        elif suffix == "json":
            path.write_text(json.dumps(content))
        else:
            path.write_text(content)
    return folder


@pytest.fixture
def comparison(tmp_path):
    "None loses 0.5, none+prior 0.3, in a table of a rare and a common class."
    row = {"model": "lightgbm", "log_loss_sd": 0.1, "wins": 3}
    better = {
        "strategy": "as they are+prior",
        "log_loss": 0.3,
        "vs_none": -0.2,
        "ci_low": -0.3,
        "ci_high": -0.1,
    }
    none = {"strategy": "as they are", "log_loss": 0.5, "vs_none": 0.0, "ci_low": 0.0, "ci_high": 0.0}
    pair = {"model": "lightgbm", "strategy": "as they are+prior", "other": "as they are", "difference": -0.2}
    shares = {"rare": 0.5, "common": 0.5}
    return write(
        tmp_path / "c",
        table_json=[better | row, none | row],
        differences_csv=[pair | {"joint_low": -0.4, "joint_high": 0.0}],
        sweep_csv=[
            {
                "strategy": name,
                "model": "lightgbm",
                "share": share,
                "log_loss": 0.4,
                "follows": name != "as they are",
            }
            for name in STRATEGIES
            for share in (0.1, 0.5)
        ],
        settings_json={
            "title": "Loans",
            "classes": ["common", "rare"],
            "rarest": "rare",
            "target_prior": shares,
            "training_prior": {"common": 0.9, "rare": 0.1},
            "findings": ["Corrected is better."],
            "notes": ["2 rows are equal."],
        },
        table_md="Loans\n\n| a |\n| - |\n\n"
        + "Log loss in nats, for a population. " * 5
        + "\n\n- a sentence\n",
    )


@pytest.fixture
def reproduction(tmp_path):
    "Two recipes on a real table: drop-majority loses 0.6, nothing 0.8."
    row = {"table": "page-blocks", "model": "lightgbm", "ci_low": -0.3, "ci_high": -0.1, "wins": 5}
    return write(
        tmp_path / "r",
        table_json=[
            row | {"strategy": "drop-majority", "log_loss": 0.6, "vs_none": -0.2},
            row | {"strategy": "as they are", "log_loss": 0.8, "vs_none": 0.0},
        ],
        published_csv=[{"recipe": "nothing", "published": 0.674555, "mismatch": 0.238}],
        settings_json={"seed": 0},
        findings_json={"findings": ["The order follows the mismatch."], "notes": []},
    )


def test_a_comparison_is_read_with_its_own_words(comparison):
    "Title, caption, findings and notes are those of the folder."
    found = comparisons.open_comparison(comparison)
    assert (found.kind, found.title) == ("comparison", "Loans")
    assert found.findings == ("Corrected is better.",)
    assert found.notes == ("2 rows are equal.",)
    assert found.caption.startswith("Log loss in nats")


def test_a_suite_lists_the_sets_that_are_there(comparison, tmp_path):
    "A name in a table that leads out of the folder is no set."
    row = {"strategy": "as they are+prior", "model": "lightgbm", "vs_none": -0.2}
    suite = write(
        tmp_path / "s",
        sets_csv=[row | {"set": "../c", "family": "f", "ci_low": -0.3, "ci_high": -0.1}],
        table_json=[row | {"families": 1, "sets": 1, "low": None, "high": None}],
    )
    found = comparisons.open_comparison(suite)
    assert (found.kind, found.sets) == ("suite", ())
    with pytest.raises(ValueError, match="no set"):
        comparisons.open_set(suite, "../c")
    comparison.rename(suite / "loans")
    assert comparisons.open_comparison(suite).sets == ("loans",)
    assert comparisons.open_set(suite, "loans").title == "Loans"


def test_the_published_stand_with_what_explains_them(reproduction):
    "0.557 - 0.675 was published; 0.238 is how far the shares are off where nothing is done."
    found = comparisons.open_comparison(reproduction)
    assert (found.kind, found.findings) == ("reproduction", ("The order follows the mismatch.",))
    table = comparisons.published_table(found).set_index("recipe")
    assert list(table) == ["published", "published, minus none", "mismatch"]
    best = table.loc["drop 5/6 of the largest class"]
    assert best["published, minus none"] == pytest.approx(0.556998 - 0.674555)
    assert table.loc["nothing", "mismatch"] == pytest.approx(0.238, abs=0.001)


def test_other_rows_stand_beside_the_published_recipes(comparison):
    "Doing nothing is compared with itself; the recipes that the comparison lacks have no value."
    table = comparisons.published_table(comparisons.open_comparison(comparison)).set_index("recipe")
    assert table["here, minus none (other rows)"].dropna().to_dict() == {"nothing": 0.0}


def test_a_simulated_panel_is_called_simulated():
    "In the words of its folder; plain monitors need none."
    warned = comparisons.Found("hazards", "h", pd.DataFrame(), settings={"warnings": ["SIMULATED: so."]})
    assert warned.warnings == ("SIMULATED: so.",)
    assert comparisons.Found("hazards", "h", pd.DataFrame(), settings={"warnings": []}).warnings == ()


def test_an_interval_reaches_from_end_to_end(comparison):
    "-0.2 with -0.3 to -0.1; doing nothing, which is compared with, has no row."
    chart = comparisons.differences(comparisons.open_comparison(comparison).table)
    (row,) = chart["data"]["values"]
    np.testing.assert_allclose([row["low"], row["value"], row["high"]], [-0.3, -0.2, -0.1])


def test_class_shares_add_up_to_one(comparison):
    "Target, training rows and each strategy; the scores are weights, not shares."
    found = comparisons.open_comparison(comparison)
    scores = pd.DataFrame({"strategy": STRATEGIES, "prior_common": [1.0, 9.0], "prior_rare": [1.0, 1.0]})
    cells = pd.DataFrame(comparisons.class_shares(found.settings, scores)["data"]["values"])
    np.testing.assert_allclose(cells.loc[cells["class"] == "common", "share"], [0.5, 0.9, 0.5, 0.9])
    np.testing.assert_allclose(cells.groupby("name")["share"].sum(), 1)


def test_a_line_that_follows_the_population_is_solid(comparison):
    "none+prior is corrected to each population, none is not."
    found = comparisons.open_comparison(comparison)
    chosen = [(name, "lightgbm") for name in STRATEGIES]
    chart = comparisons.sweep(found.tables["sweep"], found.settings, chosen)
    solid, broken = chart["layer"][-1]["encoding"]["strokeDash"]["scale"]["range"]
    assert solid == [1, 0]
    assert broken != [1, 0]


def test_bins_of_few_rows_are_hollow():
    "Nine test rows are few, ten are not."
    bins = pd.DataFrame({"predicted": [0.1, 0.6], "observed": [0.2, 0.5], "rows": [10, 9], "bin": [1, 6]})
    bins = bins.assign(**{"strategy": "as they are", "model": "lightgbm", "class": "rare"})
    chart = comparisons.reliability(bins, [("as they are", "lightgbm")], label="rare")
    assert chart["layer"][-1]["encoding"]["fill"]["condition"]["test"] == "datum.rows < 10"
    assert [row["rows"] for row in chart["data"]["values"]] == [10, 9]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("table_json", [{"strategy": "as they are"}], "no column 'model'"),
        ("table_json", {"a": 1}, "no table"),
        ("differences_csv", [{"model": "lightgbm"}], "no column 'strategy'"),
        ("settings_json", None, "holds no comparison"),
    ],
)
def test_a_damaged_folder_is_named(comparison, name, content, words):
    "The line says which file and what is wrong with it."
    if content is None:
        (comparison / "settings.json").unlink()
    else:
        write(comparison, **{name: content})
    with pytest.raises(ValueError, match=words):
        comparisons.open_comparison(comparison)


def test_a_figure_that_is_text_is_refused(comparison):
    "A log loss that is no number is not drawn."
    records = json.loads((comparison / "table.json").read_text())
    write(comparison, table_json=[record | {"log_loss": "<b>"} for record in records])
    with pytest.raises(ValueError, match="'log_loss' must hold numbers"):
        comparisons.open_comparison(comparison)


def test_a_comparison_that_was_interrupted_is_called_so(tmp_path):
    "Pieces are there, the table is not."
    (tmp_path / "parts").mkdir()
    with pytest.raises(ValueError, match="not finished"):
        comparisons.open_comparison(tmp_path)


def test_an_archive_holds_no_formulas(tmp_path):
    "Headings and cells of CSV files are neutralised, numbers are not; folders stay out."
    (tmp_path / "parts").mkdir()
    (tmp_path / "table.csv").write_bytes(b'class,"=cmd()"\n@sum,-1.5\n\r=1,2\n')
    files = zipfile.ZipFile(io.BytesIO(comparisons.archive(tmp_path)))
    assert files.namelist() == ["table.csv"]
    assert files.read("table.csv").decode() == "class,'=cmd()\n'@sum,-1.5\n =1,2\n"

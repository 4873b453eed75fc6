"""From a table to a model, predictions, corrected probabilities and class shares, as a user types it."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from imbalance.cli import app
from imbalance.comparison.compare import compare
from imbalance.comparison.models import NAMES
from imbalance.reading import LabelledTable, read_alike, read_labelled, read_rows
from imbalance.serving import (
    MARKER,
    TREE,
    batches,
    correct_rows,
    fit_bundle,
    load_bundle,
    predict_rows,
    same_season,
    save_bundle,
    season_of,
    share_cells,
    share_findings,
    vocabulary,
    watch_shares,
)


def imbalance(*arguments):
    "Run a command in this process."
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result, *words):
    "Exit code 1, one line that holds the words."
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    for word in words:
        assert word in line


def loans_table(n=400, *, rare=0.1, seed=0, date="2020-01-01"):
    "Loans of which a share defaults; those have the higher rate; as an Excel in Europe writes them."
    rng = np.random.default_rng(seed)
    default = rng.random(n) < rare
    rate = rng.normal(size=n) + 2.5 * default
    return pd.DataFrame(
        {
            "case": [f"={i}" for i in range(n)],
            "rate": [f"{value:.3f}".replace(".", ",") for value in rate],
            "town": rng.choice(["Kano", "Jos"], n),
            "when": pd.date_range(date, periods=n, freq="6h").strftime("%d.%m.%Y"),
            "default": np.where(default, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "A table, and a model of it that charges 20 for a default that is taken for none."
    folder = tmp_path_factory.mktemp("serving")
    loans_table().to_csv(folder / "loans.csv", sep=";", index=False)
    loans_table(300, rare=0.4, seed=1).drop(columns="default").to_csv(
        folder / "new.csv", sep=";", index=False
    )
    result = imbalance(
        "fit", folder / "loans.csv", "--target", "default", "--drop", "case,when",
        "--costs", "yes>no=20,no>yes=1", "--target-prior", "no=.6,yes=.4", "--out", folder / "model",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("rows", ["as they are", "bagged-under"])
def test_a_saved_model_predicts_as_the_fitted_one(tmp_path, model, rows):
    "Numbers with gaps, categories and dates; to the last digit, for every model by name."
    if model != "logistic":
        pytest.importorskip(model)
    path = tmp_path / "t.csv"
    table = loans_table(150, rare=0.3)
    table.loc[::7, "rate"] = ""
    table.to_csv(path, sep=";", index=False)
    learned = read_labelled(path, target="default", drop=["case"])
    bundle = fit_bundle(learned, model=model, rows=rows, target="balanced")
    save_bundle(bundle, tmp_path / "model", X=learned.X)
    again = load_bundle(tmp_path / "model")
    np.testing.assert_array_equal(
        again.classifier.predict_proba(learned.X), bundle.classifier.predict_proba(learned.X)
    )
    assert again.columns == learned.columns


def test_a_model_holds_no_pickle(folder):
    "No file of it can be unpickled; arrays load without."
    for path in (folder / "model").iterdir():
        with pytest.raises(
            (pickle.UnpicklingError, UnicodeDecodeError, ValueError, EOFError, KeyError, IndexError)
        ):
            pickle.loads(path.read_bytes())
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype != object for name in arrays)


def test_what_was_changed_or_asks_for_other_classes_is_not_loaded(folder, tmp_path):
    "A hash tells; and with a right hash, os.system is still no part of a model."
    copy = tmp_path / "model"
    shutil.copytree(folder / "model", copy)
    tree = copy / "classifier.json"
    tree.write_text(json.dumps({"object": "os.system", "state": {}}))
    with pytest.raises(ValueError, match="was changed since it was saved"):
        load_bundle(copy)
    facts = json.loads((copy / "model.json").read_text())
    facts["files"]["classifier.json"] = hashlib.sha256(tree.read_bytes()).hexdigest()
    (copy / "model.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"asks for os\.system"):
        load_bundle(copy)
    facts["versions"]["scikit-learn"] = "0.1.0"
    (copy / "model.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"saved with scikit-learn 0\.1\.0"):
        load_bundle(copy)


DAMAGED = {
    "no list of files": ("model.json", lambda facts: facts | {"files": {}}),
    "files as a list": ("model.json", lambda facts: facts | {"files": [1]}),
    "no columns": ("model.json", lambda facts: facts | {"columns": None}),
    "a column of another kind": ("model.json", lambda facts: facts | {"columns": [{"x": 1}]}),
    "no versions": ("model.json", lambda facts: facts | {"versions": None}),
    "versions of numbers": ("model.json", lambda facts: facts | {"versions": {"scikit-learn": 1}}),
    "no costs": ("model.json", lambda facts: {key: facts[key] for key in facts if key != "costs"}),
    "no parts": ("classifier.json", lambda tree: []),
    "an unknown class": (
        "classifier.json",
        lambda tree: [{"object": "sklearn.base.None", "state": {}}, None],
    ),
    "a part of nothing": ("classifier.json", lambda tree: [{"array": "a99999"}, None]),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_model_is_a_sentence(folder, tmp_path, kind):
    "Hashes and all: it names the folder and says what to do."
    name, change = DAMAGED[kind]
    copy = shutil.copytree(folder / "model", tmp_path / "model")
    (copy / name).write_text(json.dumps(change(json.loads((copy / name).read_text()))))
    if name != "model.json":
        facts = json.loads((copy / "model.json").read_text())
        facts["files"][name] = hashlib.sha256((copy / name).read_bytes()).hexdigest()
        (copy / "model.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"fit the model again\.$") as refusal:
        load_bundle(copy)
    assert str(copy) in str(refusal.value)


def test_a_correction_hides_no_column():
    "p_corrected is there already, as text."
    table = pd.DataFrame({"p": [0.2], "p_corrected": ["mine"]})
    with pytest.raises(ValueError, match="'p_corrected' is what the correction adds"):
        correct_rows(table, ["p"], trained=[0.5], target=[0.1])


def test_what_cannot_be_saved_without_pickle_is_refused(folder, tmp_path):
    "A function has no place in JSON; no folder is left."
    bundle = load_bundle(folder / "model")
    bundle.classifier.surprise = lambda: None
    with pytest.raises(TypeError, match="cannot be saved without pickle"):
        save_bundle(bundle, tmp_path / "model", X=pd.DataFrame())
    assert not list(tmp_path.iterdir())


def test_predictions_have_a_probability_for_each_class_and_the_least_cost(folder):
    "They sum to one; 1/21 is enough for yes where a missed one costs 20; text that is a formula is none."
    out = folder / "predictions.csv"
    result = imbalance("predict", folder / "model", folder / "new.csv", "--keep", "case", "--out", out)
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(out)
    assert list(rows) == ["case", "p_no", "p_yes", "prediction"]
    np.testing.assert_allclose(rows["p_no"] + rows["p_yes"], 1)
    assert ((rows["p_yes"] > 1 / 21) == (rows["prediction"] == "yes")).all()
    assert rows["case"].iloc[0] == "'=0"
    assert "300 rows" in result.stdout
    assert "label of least expected cost, not the most probable one: " in result.stdout
    assert "20 for no where it is yes" in result.stdout


def test_another_population_gets_other_probabilities(folder):
    "Every row is less likely a default where fewer default; the model's own shares change nothing."
    bundle, table = load_bundle(folder / "model"), read_rows(folder / "new.csv")
    usual, _ = predict_rows(bundle, table)
    fewer, _ = predict_rows(bundle, table, target="no=.9,yes=.1")
    same, _ = predict_rows(bundle, table, target="yes=.4,no=.6")
    assert (fewer["p_yes"] < usual["p_yes"]).all()
    np.testing.assert_allclose(same["p_yes"], usual["p_yes"])


def test_columns_that_are_missing_and_words_never_seen_are_said(folder, tmp_path):
    "One line for the first; a note with its number of cells for the second."
    table = pd.read_csv(folder / "new.csv", sep=";")
    table.drop(columns="rate").to_csv(tmp_path / "less.csv", sep=";", index=False)
    refused(
        imbalance("predict", folder / "model", tmp_path / "less.csv", "--out", tmp_path / "p.csv"),
        "less.csv", "no column 'rate'",
    )  # fmt: skip
    table.assign(town="Lagos").to_csv(tmp_path / "other.csv", sep=";", index=False)
    result = imbalance("predict", folder / "model", tmp_path / "other.csv", "--out", tmp_path / "p.csv")
    assert result.exit_code == 0
    assert "Taken for missing: 300 cells of town (first 'Lagos')." in result.stderr


def test_columns_that_are_kept_stand_once_and_hide_no_prediction(folder, tmp_path):
    "Named twice, a column stands once; one that is called as the model's own is refused."
    table = pd.read_csv(folder / "new.csv", sep=";").assign(p_no=1)
    table.to_csv(tmp_path / "t.csv", sep=";", index=False)
    command = ["predict", folder / "model", tmp_path / "t.csv", "--out", tmp_path / "p.csv", "--keep"]
    assert imbalance(*command, "case,case").exit_code == 0
    assert list(pd.read_csv(tmp_path / "p.csv")) == ["case", "p_no", "p_yes", "prediction"]
    refused(imbalance(*command, "case,p_no"), "t.csv", "'p_no' is what the model adds")


def test_the_end_of_a_name_may_be_in_capitals(tmp_path):
    "p.CSV is a CSV, p.Parquet is Parquet."
    pd.DataFrame({"p": [0.5]}).to_csv(tmp_path / "t.csv", index=False)
    options = ["--trained", ".5", "--target", ".1", "--columns", "p", "--out"]
    for name, read in [("p.CSV", pd.read_csv), ("p.Parquet", pd.read_parquet)]:
        result = imbalance("correct", tmp_path / "t.csv", *options, tmp_path / name)
        assert result.exit_code == 0, result.output
        assert read(tmp_path / name)["p_corrected"].tolist() == [pytest.approx(0.1)]


@pytest.mark.parametrize("command", ["predict", "correct", "monitor"])
def test_rows_are_written_as_csv_or_parquet_only(folder, command):
    "Nothing is done where the name promises a workbook."
    rest = ["--trained", ".5", "--target", ".1", "--columns", "rate"] if command == "correct" else []
    model = [] if command == "correct" else [folder / "model"]
    result = imbalance(command, *model, folder / "new.csv", *rest, "--out", folder / "rows.xlsx")
    assert result.exit_code == 2
    assert "must end in .csv or .parquet" in result.output
    assert not (folder / "rows.xlsx").exists()


def test_a_batch_is_not_watched_twice(folder, tmp_path):
    "The same file twice is a slip, not two batches."
    new = folder / "new.csv"
    result = imbalance("monitor", folder / "model", new, new, "--out", tmp_path / "s.csv")
    assert (result.exit_code, "named twice" in result.output) == (2, True)


@pytest.mark.parametrize("command", ["predict", "correct", "monitor"])
def test_no_output_is_an_input(folder, command):
    "Refused before anything is read; the table stays as it is."
    before = (folder / "new.csv").read_bytes()
    model = [] if command == "correct" else [folder / "model"]
    shares = ["--columns", "rate", "--trained", ".5", "--target", ".1"] if command == "correct" else []
    refused(
        imbalance(command, *model, folder / "new.csv", *shares, "--out", folder / "new.csv"), "also the input"
    )
    assert (folder / "new.csv").read_bytes() == before


def test_a_column_of_probabilities_is_corrected_by_hand(tmp_path):
    "Odds of 1 become odds of 1 / 19: one half at one half trained is 5 % where the class has 5 %."
    (tmp_path / "p.csv").write_text("case;score\n=A;0,5\nB;0,9\n")
    out = tmp_path / "out.csv"
    shares = ["--columns", "score", "--trained", ".5", "--target", ".05"]
    result = imbalance("correct", tmp_path / "p.csv", *shares, "--out", out)
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(out)
    assert rows["case"].tolist() == ["'=A", "B"]
    np.testing.assert_allclose(rows["score_corrected"], [0.05, 9 / 19 / (1 + 9 / 19)])


def test_columns_of_all_classes_are_found_by_name(tmp_path):
    "In whatever order the shares are written."
    table = pd.DataFrame({"p_a": [0.25, 0.5], "p_b": [0.25, 0.25], "c": [0.5, 0.25]})
    table.to_csv(tmp_path / "p.csv", index=False)
    result = imbalance(
        "correct", tmp_path / "p.csv", "--trained", "a=.25,b=.25,c=.5", "--target", "c=.5,b=.4,a=.1",
        "--out", tmp_path / "out.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(tmp_path / "out.csv")
    np.testing.assert_allclose(
        rows.loc[0, ["p_a_corrected", "p_b_corrected", "c_corrected"]], [0.1, 0.4, 0.5]
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([0.5, 1.5], "row 2 has 1.5"),
        ([0.5, None], "probabilities from 0 to 1"),
        (["x", "0.5"], "row 1 has x"),
    ],
)
def test_what_is_no_probability_is_named(cells, words):
    "With its row."
    with pytest.raises(ValueError, match=words):
        correct_rows(pd.DataFrame({"p": cells}), ["p"], trained=[0.5], target=[0.1])


def test_probabilities_that_do_not_sum_to_one_are_refused():
    "A column for a class is missing."
    with pytest.raises(ValueError, match=r"row 1 sum to 0\.5"):
        correct_rows(
            pd.DataFrame({"a": [0.2], "b": [0.3]}), ["a", "b"], trained=[0.5, 0.5], target=[0.1, 0.9]
        )


def test_batches_are_cut_by_values_and_by_periods():
    "Days written day first; numbers in their order; rows without a value are in no batch."
    table = pd.DataFrame(
        {"when": ["31.01.2020", "01.01.2021", "01.02.2020", None], "team": ["10", "9", "9", "x"]}
    )
    assert list(batches({"f": table}, "when:month")) == ["2020-01", "2020-02", "2021-01"]
    assert {name: len(part) for name, part in batches({"f": table[:3]}, "team").items()} == {"9": 2, "10": 1}
    assert list(batches({"f": table, "g": table})) == ["f", "g"]
    with pytest.raises(ValueError, match="'fortnight' is no period"):
        batches({"f": table}, "when:fortnight")
    with pytest.raises(ValueError, match="f has no column 'week'"):
        batches({"f": table}, "week")


def test_class_shares_of_batches_follow_the_truth(folder, tmp_path):
    "A tenth and two fifths of 300 rows default; the intervals hold the truth, and no alarm is raised."
    table = pd.concat([loans_table(300, rare=share, seed=seed) for seed, share in ((5, 0.1), (6, 0.4))])
    table = table.assign(batch=np.repeat(["few", "many"], 300)).drop(columns="default")
    table.to_csv(tmp_path / "t.csv", sep=";", index=False)
    out = tmp_path / "shares.csv"
    result = imbalance("monitor", folder / "model", tmp_path / "t.csv", "--by", "batch", "--out", out)
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(out).query("label == 'yes'").set_index("when")
    for name, share in (("few", 0.1), ("many", 0.4)):
        assert rows.loc[name, "low"] < share < rows.loc[name, "high"]
    assert not rows["alarm"].any()
    assert "The share of yes is estimated at" in result.stdout


def test_rows_that_changed_raise_an_alarm(folder):
    "Rates that are ten higher are no mixture of those known, but their season might be another one."
    bundle = load_bundle(folder / "model")
    table = read_rows(folder / "new.csv")
    X, _ = read_alike(table, bundle.columns)
    moved = table.assign(rate=X["rate"] + 10)
    history, _ = watch_shares(bundle, {"as before": table, "moved": moved, "three": table[:3]})
    alarms = history.drop_duplicates("when").set_index("when")["alarm"]
    assert alarms.to_dict() == {"as before": False, "moved": True, "three": False}
    assert "1 of 2 batches (moved)" in share_findings(history, bundle)[0]
    assert "or differ by season (--season month" in share_findings(history, bundle)[0]
    assert "season" not in share_findings(history, bundle, season="month")[0]
    bundle.months.clear()
    assert "season" not in share_findings(history, bundle)[0]


def year_table(year, shares, *, rows=100, seed=0):
    "So many cases a month, a share of them ill; those have a higher marker. Summer is 20 degrees warmer."
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(1, 13), rows)
    ill = rng.permuted(np.arange(rows) < rows * np.asarray(shares)[:, None], axis=1).ravel()
    return pd.DataFrame(
        {
            "marker": rng.normal(size=len(ill)) + 4 * ill,
            "heat": rng.normal(size=len(ill)) + 20 * ((month > 3) & (month < 10)),
            "when": [f"{year}-{one:02d}-15" for one in month],
            "state": np.where(ill, "ill", "well"),
        }
    )


@pytest.fixture(scope="module")
def yearly(tmp_path_factory):
    "A model of a year with 20 of 100 ill each month, but 5 in December; and another year, of 40."
    folder = tmp_path_factory.mktemp("yearly")
    year_table(2020, [0.2] * 11 + [0.05]).to_csv(folder / "2020.csv", index=False)
    year_table(2021, [0.4] * 12, seed=101).drop(columns="state").to_csv(folder / "2021.csv", index=False)
    fit = ["fit", folder / "2020.csv", "--target", "state", "--drop", "when", "--out", folder / "model"]
    assert imbalance(*fit).exit_code == 0
    return folder


def test_a_season_of_its_own_raises_no_alarm(yearly, tmp_path):
    """Half of the year is warm: beside all of it, no month looks like a mixture of the classes. Beside
    100 rows of the same month of the year before, July does, with 40 of 100 ill."""
    command = ["monitor", yearly / "model", yearly / "2021.csv", "--by", "when:month", "--out"]
    for name, options in {"year": [], "month": ["--season", "month"]}.items():
        result = imbalance(*command, tmp_path / f"{name}.csv", *options)
        assert result.exit_code == 0, result.output
    year, month = (
        pd.read_csv(tmp_path / f"{name}.csv").query("label == 'ill'").set_index("when")
        for name in ("year", "month")
    )
    assert year["alarm"].all() and (year["n_held_out"] == 1200).all()
    assert not month["alarm"][:11].any() and (month["n_held_out"][:11] == 100).all()
    assert abs(month.loc["2021-07", "share"] - 0.4) < 0.06


def test_a_season_with_too_few_rows_is_compared_with_all_and_said(yearly, tmp_path):
    "5 of the rows of December are ill, fewer than 10: the note names the month and what was done."
    result = imbalance(
        "monitor", yearly / "model", yearly / "2021.csv", "--by", "when:month", "--season", "month",
        "--out", tmp_path / "s.csv",
    )  # fmt: skip
    said = "Batch 2021-12: training has fewer than 10 rows of a class in the same month, so all its rows were"
    assert said in " ".join(result.stderr.split())
    assert (
        pd.read_csv(tmp_path / "s.csv").set_index("when").loc["2021-12", "n_held_out"].tolist() == [1200] * 2
    )


def test_the_training_rows_of_a_quarter_are_those_of_its_three_months(yearly):
    "February 2021 is of the first quarter: the first 300 of 1,200 rows of 2020; as a month, the second 100."
    bundle, times = load_bundle(yearly / "model"), pd.Series(pd.to_datetime(["2021-02-28"]))
    assert np.flatnonzero(same_season(bundle, "when", "quarter", times)).tolist() == list(range(300))
    assert np.flatnonzero(same_season(bundle, "when", "month", times)).tolist() == list(range(100, 200))


def test_a_season_needs_dates_that_the_model_knows(folder, yearly, tmp_path):
    "A model without dates, a table without them, and two columns of dates: one line each."
    season = ["--season", "month", "--out", tmp_path / "s.csv"]
    table = year_table(2020, [0.2] * 12)
    table.drop(columns="when").to_csv(tmp_path / "none.csv", index=False)
    table.assign(born=table["when"]).to_csv(tmp_path / "two.csv", index=False)
    refused(
        imbalance("monitor", yearly / "model", tmp_path / "none.csv", *season),
        "none.csv has no column 'when'",
    )
    for name in ("none", "two"):
        fit = ["fit", tmp_path / f"{name}.csv", "--target", "state", "--out", tmp_path / name]
        assert imbalance(*fit).exit_code == 0
        words = {"none": "knows no dates of its training rows", "two": "knows dates in when, born"}[name]
        refused(imbalance("monitor", tmp_path / name, yearly / "2021.csv", *season), words)
    two = load_bundle(tmp_path / "two")
    assert season_of(two, "month", "born:month") == ("born", "month")
    assert season_of(two, "born:quarter") == ("born", "quarter")
    with pytest.raises(ValueError, match="knows dates in when, born, not in 'birth'"):
        season_of(two, "birth:month")


def watched(yearly, table, out, *options):
    "Monitor a table by month and season; return the result of the command and what it wrote."
    table.to_csv(out.with_suffix(".in.csv"), index=False)
    command = ["monitor", yearly / "model", out.with_suffix(".in.csv"), "--out", out]
    return imbalance(*command, *(options or ("--by", "when:month", "--season", "month")))


def test_dates_of_another_order_give_the_same_shares(yearly, tmp_path):
    "The model learned from 2020-01-15; dates such as 15.01.2021 and 01/15/2021 tell their own order."
    table = pd.read_csv(yearly / "2021.csv")
    for name, form in {"iso": "%Y-%m-%d", "day": "%d.%m.%Y", "month": "%m/%d/%Y"}.items():
        written = table.assign(when=pd.to_datetime(table["when"]).dt.strftime(form))
        result = watched(yearly, written, tmp_path / f"{name}.csv")
        assert result.exit_code == 0, result.output
    iso = (tmp_path / "iso.csv").read_bytes()
    assert (tmp_path / "day.csv").read_bytes() == (tmp_path / "month.csv").read_bytes() == iso


def test_dates_that_do_not_tell_their_order_have_that_of_the_model(tmp_path):
    "05.03.2021 may be 3 May; a model of dates such as 15.01.2020 knows that it is 5 March."
    table = pd.DataFrame({"when": ["05.03.2021", "06.03.2021"], "x": [1, 2]})
    found = batches({"new.csv": table}, "when:month", months={"when": ("day", [])})
    assert list(found) == ["2021-03"]
    with pytest.raises(ValueError, match=r"new.csv: 'when' does not tell day from month, as in row 1"):
        batches({"new.csv": table}, "when:month", months={"when": ("year", [])})


def test_a_cell_that_is_no_date_is_named(yearly, tmp_path):
    "One word among dates: its row and what to write, and nothing is written."
    table = pd.read_csv(yearly / "2021.csv")
    table.loc[3, "when"] = "soon"
    refused(
        watched(yearly, table, tmp_path / "s.csv"),
        "'when' is no date in row 4 ('soon'); write dates as 2022-03-05",
    )
    assert not (tmp_path / "s.csv").exists()


def test_batches_without_dates_are_compared_with_all_rows(yearly, tmp_path):
    "Of two places one has no dates; without a date in any row there is no season."
    table = pd.read_csv(yearly / "2021.csv").assign(place=lambda t: np.where(t.index % 2, "a", "b"))
    table["when"] = table["when"].where(table["place"] == "a")
    season = ["--by", "place", "--season", "quarter"]
    result = watched(yearly, table, tmp_path / "s.csv", *season)
    said = "Batch b: no row has a date in 'when', so all rows of training were compared with."
    assert said in " ".join(result.stderr.split())
    refused(
        watched(yearly, table.assign(when=""), tmp_path / "t.csv", *season), "No row has a date in 'when'"
    )


def test_days_that_group_rows_tell_the_season(tmp_path):
    "Days that keep rows together are no feature, but the months of training rows all the same."
    year_table(2020, [0.2] * 12).to_csv(tmp_path / "t.csv", index=False)
    learned = read_labelled(tmp_path / "t.csv", target="state", group="when")
    assert fit_bundle(learned).months["when"][1].tolist() == np.repeat(range(1, 13), 100).tolist()


def test_a_model_of_an_earlier_version_predicts_and_says_what_it_cannot(yearly, tmp_path):
    "Its file holds classifier and adapter, no months, and the adapter no held-out rows to choose from."
    shutil.copytree(yearly / "model", tmp_path / "old")
    tree = json.loads((tmp_path / "old" / TREE).read_text())
    (tmp_path / "old" / TREE).write_text(json.dumps(tree[:2]))
    marker = json.loads((tmp_path / "old" / MARKER).read_text())
    marker["files"][TREE] = hashlib.sha256((tmp_path / "old" / TREE).read_bytes()).hexdigest()
    (tmp_path / "old" / MARKER).write_text(json.dumps(marker))
    bundle, table = load_bundle(tmp_path / "old"), pd.read_csv(yearly / "2021.csv")
    assert len(predict_rows(bundle, table)[0]) == 1200
    del bundle.adapter._reference
    with pytest.raises(ValueError, match="fitted by an earlier version, which predicts only"):
        watch_shares(bundle, {"new": table})


def test_later_dates_are_said_but_raise_no_alarm(tmp_path):
    "Of course the months of a later year are others: they are not tested, but the model extrapolates."
    loans_table().to_csv(tmp_path / "t.csv", sep=";", index=False)
    learned = read_labelled(tmp_path / "t.csv", target="default", drop=["case"])
    assert {"when", "when month", "when weekday"} <= set(learned.X)
    bundle = fit_bundle(learned)
    assert bundle.adapter._names == ["rate"]
    loans_table(100, date="2021-01-01").to_csv(tmp_path / "later.csv", sep=";", index=False)
    later = read_rows(tmp_path / "later.csv", columns=bundle.columns)
    said = (
        "The model extrapolates from what it was trained on: when (dates outside 2020-01-01 to 2020-04-09)."
    )
    assert predict_rows(bundle, later)[1] == [said]
    assert watch_shares(bundle, {"one": later, "two": later})[1] == [f"2 batches (one, two): {said}"]


@pytest.mark.slow
def test_the_best_of_a_comparison_is_fitted(folder, tmp_path):
    "Its model, rows and target; a folder without a comparison is one line."
    compared = tmp_path / "compared"
    quick = ["--models", "logistic", "--rows", "none", "--folds", "2", "--repeats", "1", "--jobs", "1"]
    shares = ["--target-prior", "no=.8,yes=.2", "--drop", "case,when"]
    loans = [folder / "loans.csv", "--target", "default"]
    assert imbalance("compare", *loans, *quick, *shares, "--out", compared).exit_code == 0
    result = imbalance("fit", *loans, "--like", compared, "--out", tmp_path / "model")
    assert result.exit_code == 0, result.output
    facts = load_bundle(tmp_path / "model").facts
    assert (facts["model"], facts["target_prior"]) == ("logistic", {"no": 0.8, "yes": 0.2})
    refused(
        imbalance("fit", *loans, "--like", folder / "model", "--out", tmp_path / "other"),
        "holds no finished comparison",
    )


def test_a_folder_that_is_no_model_is_left_alone(folder, tmp_path):
    "Neither replaced nor read."
    (tmp_path / "letter.txt").write_text("keep")
    refused(imbalance("fit", folder / "loans.csv", "--target", "default", "--out", tmp_path), "model.json")
    refused(imbalance("predict", tmp_path, folder / "new.csv", "--out", "p.csv"), "holds no model")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_all_names_that_options_take_are_listed(tmp_path):
    "As a table and as records."
    result = imbalance("strategies", "--json", tmp_path / "s.json")
    assert result.exit_code == 0
    names = {one["name"] for one in json.loads((tmp_path / "s.json").read_text())}
    assert {"as they are", "smote", "calibrated", "logistic", "recall@0.05"} <= names
    assert names == {one["name"] for one in vocabulary()}
    assert all(name in result.stdout for name in names)


def test_rows_that_are_repeated_do_not_calibrate_themselves():
    """Noise, every row six times: a booster knows a row again, so the copies must be held out with it; then
    new rows are predicted near the share of .32, not as 0 and 1."""
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.normal(size=(150, 4)), columns=list("abcd")), rng.random(150) < 0.3
    table = LabelledTable(pd.concat([X] * 6, ignore_index=True), np.tile(y, 6))
    bundle = fit_bundle(table, model="lightgbm")
    new = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    assert np.abs(bundle.classifier.predict_proba(new)[:, 1] - y.mean()).max() < 0.2
    assert any("equal rows stay in one fold" in note for note in bundle.facts["notes"])
    assert not any("alone tells" in note for note in bundle.facts["notes"])


@pytest.fixture(scope="module")
def compared(folder):
    "A comparison on the loans, with costs, a group, and a column left out that only defaulters have."
    table = pd.read_csv(folder / "loans.csv", sep=";", dtype="str")
    table["paid"], table["client"] = np.where(table["default"] == "yes", "late", "ok"), np.arange(400) // 2
    table.to_csv(folder / "leaky.csv", sep=";", index=False)
    result = imbalance(
        "compare", folder / "leaky.csv", "--target", "default", "--drop", "case,when,paid",
        "--group", "client",
        "--costs", "yes>no=20,no>yes=1", "--models", "logistic", "--rows", "none", "--ending", "prior",
        "--folds", "2", "--repeats", "1", "--jobs", "1", "--out", folder / "compared",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder / "compared"


def test_the_command_that_is_printed_brings_no_dropped_column_back(folder, compared, tmp_path):
    "Target, columns, group and costs are those of the comparison, and are said."
    result = imbalance("fit", folder / "leaky.csv", "--like", compared, "--out", tmp_path / "model")
    assert result.exit_code == 0, result.output
    bundle = load_bundle(tmp_path / "model")
    assert [column.name for column in bundle.columns] == ["rate", "town"]
    assert sorted(bundle.facts["costs"]) == [["no", "yes", 1.0], ["yes", "no", 20.0]]
    said = " ".join(result.stdout.split())
    assert "target default; group client; drop case, when, paid; costs no>yes=1, yes>no=20." in said


def test_what_is_named_wins_over_the_comparison(folder, compared, tmp_path):
    "Another column left out, other costs and shares."
    result = imbalance(
        "fit", folder / "leaky.csv", "--like", compared, "--drop", "case,when,paid,town", "--costs",
        "yes>no=2,no>yes=1", "--target-prior", "training", "--out", tmp_path / "model",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    bundle = load_bundle(tmp_path / "model")
    assert [column.name for column in bundle.columns] == ["rate"]
    assert ["yes", "no", 2.0] in bundle.facts["costs"]
    assert bundle.facts["target_prior"] == bundle.facts["training_prior"]


def test_the_ending_of_the_best_row_is_taken_along(folder, compared, tmp_path):
    "The same probabilities as the winner that the comparison fits itself, to the last digit."
    settings = json.loads((compared / "settings.json").read_text())
    table = read_labelled(folder / "leaky.csv", **settings["table"])
    found = compare(
        table.X, table.y, groups=table.groups, models="logistic", rows="none", ending="prior", cv=2, repeats=1
    )
    assert found.table["ending"].iloc[0] == "prior"
    imbalance("fit", folder / "leaky.csv", "--like", compared, "--out", tmp_path / "model")
    bundle = load_bundle(tmp_path / "model")
    assert bundle.facts["ending"] == "prior"
    own = found.fit(table.X, table.y, groups=table.groups)
    np.testing.assert_array_equal(bundle.classifier.predict_proba(table.X), own.predict_proba(table.X))


@pytest.mark.slow
def test_many_batches_that_are_too_small_are_one_note(folder):
    "200 batches of one row: no row of the table, one sentence with the first names."
    bundle, table = load_bundle(folder / "model"), read_rows(folder / "new.csv")
    parts = {"all": table, **{str(n): table[n : n + 1].assign(town="Lagos") for n in range(200)}}
    history, notes = watch_shares(bundle, parts)
    assert [row[0] for row in share_cells(history)[1]] == ["all"]
    assert notes == [
        "200 batches (0, 1, 2, …): Taken for missing: 1 cell of town (first 'Lagos').",
        "200 batches (0, 1, 2, …) have fewer than 10 rows: too few to tell class shares.",
    ]


def test_batches_that_are_all_too_small_are_still_written(folder, tmp_path):
    "One sentence instead of a table; the file has a row for each batch and class."
    table = pd.read_csv(folder / "new.csv", sep=";", dtype="str")[:20].assign(n=range(20))
    table.to_csv(tmp_path / "t.csv", sep=";", index=False)
    out = tmp_path / "shares.csv"
    result = imbalance("monitor", folder / "model", tmp_path / "t.csv", "--by", "n", "--out", out)
    assert result.exit_code == 0, result.output
    assert "20 batches (0, 1, 2, …) have fewer than 10 rows" in " ".join(result.stderr.split())
    assert len(pd.read_csv(out)) == 2 * 20

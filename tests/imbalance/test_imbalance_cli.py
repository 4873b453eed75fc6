"""The commands as a user types them: what they print, what they write, how they end."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from patience import PATIENCE, wait_until
from typer.testing import CliRunner

from imbalance.cli import app

IMBALANCE = [sys.executable, "-c", "from imbalance.cli import main; main()"]
FAST = ["--models", "logistic", "--folds", "2", "--repeats", "1", "--jobs", "1"]
QUICK = ["--rows", "none", "--ending", "prior", *FAST]


def imbalance(*arguments):
    "Run a command in this process; the result has exit_code, stdout and stderr."
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def group_lives(number):
    "Whether a group has a process, one that has ended and waits to be counted included."
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def refused(result, *words):
    "The command ended with 1, one line that holds the words, no empty one before it, and no traceback."
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    assert "" not in result.stderr.splitlines()
    for word in words:
        assert word in lines[0]
    assert "Traceback" not in result.output


@pytest.fixture
def loans(tmp_path):
    "200 loans, of which 30 default; those have the higher rate."
    rng = np.random.default_rng(0)
    default = np.repeat(["no", "yes"], [170, 30])
    table = pd.DataFrame(
        {
            "rate": rng.normal(size=200) + 2 * (default == "yes"),
            "purpose": rng.choice(["car", "home"], 200),
            "branch": rng.integers(0, 20, 200),
            "default": default,
        }
    )
    path = tmp_path / "loans.csv"
    table.to_csv(path, index=False)
    return path


def test_help_needs_neither_boosters_nor_pandas():
    "Importing the commands loads no heavy library."
    code = (
        "import sys, imbalance.cli; heavy = {'catboost', 'lightgbm', 'sklearn', 'pandas', 'matplotlib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_compare_writes_the_folder_and_says_what_it_found(loans, tmp_path):
    "Table, records, settings, pictures; the console shows strategies and findings."
    out, records = tmp_path / "out", tmp_path / "records.json"
    result = imbalance(
        "compare", loans, "--target", "default", "--target-prior", "no=.6,yes=.4", "--group", "branch",
        *QUICK, "--out", out, "--json", records,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "scores.parquet", "table.csv", "table.md", "table.html", "table.json", "differences.csv",
        "settings.json", "log_loss.png", "reliability.png", "reliability.csv", "sweep.png",
        "sweep.csv", "parts",
    }  # fmt: skip
    rows = json.loads(records.read_text())
    assert {row["strategy"] for row in rows} == {"as they are", "as they are+prior"}
    assert rows == json.loads((out / "table.json").read_text())
    assert len(pd.read_parquet(out / "scores.parquet")) == 4
    settings = json.loads((out / "settings.json").read_text())
    assert settings["target_prior"] == {"no": 0.6, "yes": 0.4}
    assert settings["class_rows"] == {"no": 170, "yes": 30}
    assert settings["features"] == 2
    assert "as they are+prior" in result.stdout
    assert "log loss" in result.stdout


def test_compare_says_at_its_start_how_many_fits_it_does(loans, tmp_path):
    "The rows as they are and weighted, on two folds: four fits; run again, all are there."
    options = ["--target", "default", "--rows", "none,weights", "--ending", "raw", *FAST]
    first, second = (imbalance("compare", loans, *options, "--out", tmp_path / "out") for _ in range(2))
    said = first.stderr.splitlines()
    assert said[0].startswith("4 fits;")
    assert "are left if the other fits take as long as the first" in said[1]
    assert second.stderr.startswith("4 fits, of which 4 are there;")
    assert "At most" not in second.stderr


@pytest.mark.long
def test_run_again_goes_on_from_what_is_there(loans, tmp_path):
    "Two pieces are there; further rows add two, and the table has them, too."
    out = tmp_path / "out"
    assert imbalance("compare", loans, "--target", "default", *QUICK, "--out", out).exit_code == 0
    before = {path.name: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}
    more = ["--rows", "none,weights", "--ending", "prior", *FAST]
    assert imbalance("compare", loans, "--target", "default", *more, "--out", out).exit_code == 0
    after = {path.name: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}
    assert len(after) == len(before) + 2
    assert {name: after[name] for name in before} == before
    assert set(pd.read_csv(out / "table.csv")["rows"]) == {"as they are", "weights"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "defualt"], ["no column 'defualt'", "Did you mean default?"]),
        (["--target", "default", "--target-prior", "no=.5,yes=.6"], ["sums to 1.1"]),
        (["--target", "default", "--target-prior", "no=.5,maybe=.5"], ["'maybe'", "'no', 'yes'"]),
        (["--target", "default", "--rows", "smoothe"], ["'smoothe'", "smote"]),
        (["--target", "default", "--rows", "weights:2"], ["'weights' takes no number"]),
        (["--target", "default", "--ending", "calibrate"], ["Did you mean calibrated?"]),
        (["--target", "default", "--models", "forest"], ["Unknown model 'forest'", "lightgbm, catboost"]),
        (["--target", "default", "--scoring", "recal"], ["Unknown score 'recal'"]),
        (["--target", "default", "--costs", "yes=20"], ["'yes=20' is not of the form true>predicted=cost"]),
        (
            ["--target", "default", "--costs", "yes>maybe=20"],
            ["yes>maybe, which is no pair", "of no, yes"],
        ),
        (["--target", "rate"], ["continuous"]),
        (["--target", "default", "--folds", "31"], ["Class yes has 30 rows", "31 folds"]),
        (["--target", "default", "--group", "purpose"], ["Class", "2 groups", "5 folds"]),
    ],
)
def test_bad_input_is_one_line(loans, tmp_path, options, words):
    "Exit code 1, and nothing under the name of the result."
    refused(imbalance("compare", loans, *options, "--out", tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_files_that_are_none_are_one_line(tmp_path):
    "Absent, empty, a folder."
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    for path, word in [(tmp_path / "no.csv", "No such file"), (empty, "is empty"), (folder, "is a folder")]:
        refused(imbalance("compare", path, "--target", "a", "--out", tmp_path / "out"), word)


def test_a_folder_of_another_table_is_one_line(loans, tmp_path):
    "The data differ, so nothing is mixed."
    out = tmp_path / "out"
    assert imbalance("compare", loans, "--target", "default", *QUICK, "--out", out).exit_code == 0
    pd.read_csv(loans).iloc[1:].to_csv(loans, index=False)
    refused(
        imbalance("compare", loans, "--target", "default", *QUICK, "--out", out),
        f"{out} holds a comparison with other data",
        "choose another folder",
    )


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["loans.csv"],
        ["loans.csv", "--target", "a", "--suite", "note"],
        ["--suite", "note", "--target", "a"],
    ],
)
def test_either_a_file_with_a_target_or_a_suite(options, tmp_path):
    "Anything else is a matter of usage: exit code 2."
    assert imbalance("compare", *options, "--out", tmp_path / "out").exit_code == 2


def test_a_suite_that_is_unknown_or_asks_for_shares_is_one_line(tmp_path):
    "Its sets have different classes."
    refused(imbalance("compare", "--suite", "nope", "--out", tmp_path / "out"), "nope")
    refused(
        imbalance("compare", "--suite", "note", "--target-prior", "a=.5,b=.5", "--out", tmp_path / "out"),
        "balanced or training",
    )


@pytest.mark.long
def test_rows_with_a_number_stand_in_the_table_as_they_were_asked_for(loans, tmp_path):
    "Separated by commas, on the console and in the file."
    out, asked = tmp_path / "out", "under-sample:2,drop-majority:1/2"
    result = imbalance("compare", loans, "--target", "default", "--rows", asked, *FAST, "--out", out)
    assert result.exit_code == 0, result.output
    for name in asked.split(","):
        assert name in result.stdout
    assert set(pd.read_csv(out / "table.csv")["rows"]) == {"as they are", *asked.split(",")}


def test_costs_and_scores_stand_in_the_table(loans, tmp_path):
    "The cost of a row, and recall at 10 % false alarms."
    out = tmp_path / "out"
    options = ["--costs", "yes>no=20,no>yes=1", "--scoring", "recall@0.1", *QUICK]
    result = imbalance("compare", loans, "--target", "default", *options, "--out", out)
    assert result.exit_code == 0, result.output
    assert {"cost", "recall@0.1"} <= set(pd.read_csv(out / "table.csv"))


def test_mismatch_reads_shares_by_name_or_in_order():
    "KL of .5/.5 from .75/.25 is 0.144, whatever the order of the names."
    for target, trained in [(".5,.5", ".75,.25"), ("a=.5,b=.5", "b=.25,a=.75")]:
        assert "= 0.144 nats" in imbalance("mismatch", "--target", target, "--trained", trained).stdout
    for target, trained in [("a=.5,b=.5", ".5,.5"), ("a=.5,b=.5", "a=.5,c=.5"), ("a,b", ".5,.5")]:
        assert imbalance("mismatch", "--target", target, "--trained", trained).exit_code == 2
    refused(imbalance("mismatch", "--target", "a=.5,a=.5", "--trained", "a=.5,b=.5"), "names 'a' twice")
    refused(imbalance("mismatch", "--target", "balanced=1,b", "--trained", "a=.5,b=.5"), "not of the form")


@pytest.mark.parametrize("command", ["compare", "fit", "monitor", "reproduce", "datasets"])
def test_help_says_how_long_it_takes(command):
    "And gives an example."
    text = imbalance(command, "--help").stdout
    assert "Typical time" in text
    assert "Example: imbalance" in text


def test_mismatch_of_a_class_never_trained_on_is_one_line():
    "No correction can create it."
    refused(imbalance("mismatch", "--target", ".5,.5", "--trained", "1,0"), "never trained on")


@pytest.mark.long
@pytest.mark.slow
def test_ctrl_c_ends_clean(loans, tmp_path):
    "One line, exit code 1, no temporary file, no process left; finished pieces are kept whole."
    out = tmp_path / "out"
    command = [
        *IMBALANCE,
        "compare",
        loans,
        "--target",
        "default",
        "--jobs",
        "2",
        "--rows",
        "all",
        "--out",
        out,
    ]
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp"), "OMP_NUM_THREADS": "1"}
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    wait_until(lambda: len(list((out / "parts").glob("*.npz"))) >= 2, "The end of two pieces")
    os.killpg(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert "Interrupted" in stderr.splitlines()[-1]
    assert not [path for path in (tmp_path / "tmp").iterdir() if path.name.startswith("imbalance-")]
    wait_until(lambda: not group_lives(process.pid), "The end of all processes")
    kept = {path.name for path in (out / "parts").iterdir() if path.suffix == ".npz"}
    assert len(kept) >= 2
    assert not [path for path in (out / "parts").iterdir() if path.name.startswith(".")]

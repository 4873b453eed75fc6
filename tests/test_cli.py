"""The commands as a user types them: what they print, what they write, how they end."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import optuna
import pandas as pd
import pytest
from optuna.storages.journal import JournalFileBackend
from patience import PATIENCE
from typer.testing import CliRunner

from airq import cli
from airq.cli import app
from airq.features.recipe import RECIPES
from airq.io import read_panel, write_panel
from airq.messages import AirqWarning
from airq.models.baselines import baselines
from airq.models.ensemble import MEMBERS
from airq.models.intervals import PERIODS
from airq.models.predictor import training_panel
from airq.panel import PLACE, PanelMetadata, check_panel, label_panel, panel_metadata
from airq.sources.mapping import SHIPPED
from airq.sources.simulated import simulate
from airq.workflows.ingest import READERS

pytestmark = pytest.mark.usefixtures("few_rounds")
AIRQ = [sys.executable, "-c", "from airq.cli import main; main()"]


def airq(*arguments):
    "Run a command in this process; the result has exit_code, stdout and stderr."
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result, *words):
    "The command ended with 1, one line on standard error that holds the words, and no traceback."
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]
    assert "Traceback" not in result.output


def test_the_demonstration_is_refused_where_it_cannot_be_written(tmp_path):
    "At once, in a line: a file under the name of its folder, a folder under that of the records."
    (tmp_path / "demo").write_text("mine")
    refused(airq("demo", "--out", tmp_path / "demo"), "is a file", "another name")
    (tmp_path / "records.json").mkdir()
    refused(airq("demo", "--out", tmp_path / "d", "--json", tmp_path / "records.json"), "is a folder")
    assert (tmp_path / "demo").read_text() == "mine" and not (tmp_path / "d").exists()


@pytest.fixture(scope="module")
def panel_file(tmp_path_factory):
    "Eight simulated cities, forty days."
    path = tmp_path_factory.mktemp("panel") / "panel.parquet"
    write_panel(check_panel(simulate(n_cities=8, start="2020-01-01", end="2020-02-09", random_state=2)), path)
    return path


@pytest.fixture(scope="module")
def bundle(panel_file, tmp_path_factory):
    "A bundle that was trained by the command."
    folder = tmp_path_factory.mktemp("trained") / "bundle"
    result = airq(
        "train", panel_file, "--out", folder, "--model", "lightgbm", "--scheme", "none", "--jobs", 1
    )
    assert result.exit_code == 0, result.output
    return folder


def test_help_needs_neither_boosters_nor_pandas():
    "Importing the package and its commands loads no heavy library."
    code = (
        "import sys, airq, airq.cli;"
        "heavy = {'catboost', 'lightgbm', 'streamlit', 'ee', 'pandas', 'geopandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    ["demo", "cities", "places", "sample", "ingest", "join", "train", "evaluate", "predict"],
)
def test_every_command_has_help_with_an_example(command):
    "--help ends with a line that can be typed."
    result = airq(command, "--help")
    assert result.exit_code == 0
    assert f"Example: airq {command}" in " ".join(result.stdout.split())


def test_options_name_what_the_package_has(panel_file):
    "The help lists the schemes, baselines, models and formats that exist."
    assert [*cli.FAST_BASELINES, *cli.SLOW_BASELINES] == list(baselines(read_panel(panel_file)))
    assert {model.value for model in cli.Model} == set(MEMBERS)
    assert {recipe.value for recipe in cli.RecipeName} == set(RECIPES)
    assert {period.value for period in cli.Period} == set(PERIODS)
    assert {format.value for format in cli.Format} == {*READERS, *SHIPPED}


def test_usage_errors_end_with_two(panel_file, tmp_path):
    "A misspelt option, scheme or model, a missing option, two options that exclude each other."
    assert airq("train", panel_file, "--ouut", tmp_path / "b").exit_code == 2
    assert airq("evaluate", panel_file, "--scheme", "city,sites").exit_code == 2
    assert airq("explain", panel_file, "--drop-products", "--scheme", "town").exit_code == 2
    assert airq("evaluate", panel_file, "--model", "boosst").exit_code == 2
    assert airq("train", panel_file).exit_code == 2
    assert airq("predict", panel_file, "--out", tmp_path / "p.parquet").exit_code == 2


def test_cities_writes_a_table_that_reads_back(tmp_path):
    "Two countries, large cities only."
    out = tmp_path / "cities.csv"
    result = airq("cities", "--country", "KEN,Uganda", "--min-population", 1_000_000, "--out", out)
    assert result.exit_code == 0
    cities = pd.read_csv(out)
    assert set(cities["country"]) == {"KEN", "UGA"}
    assert (cities["population"] >= 1_000_000).all()


def test_cities_of_one_country_are_counted_in_the_singular(tmp_path):
    "One country is a country."
    result = airq("cities", "--country", "KEN", "--out", tmp_path / "cities.csv")
    assert "cities of 1 country (GeoNames" in " ".join(result.output.split())


@pytest.mark.slow
def test_evaluate_prints_and_writes_the_same_figures(panel_file, tmp_path):
    "Random beside city, records with their unit, a picture of each kind, SIMULATED on the console."
    result = airq(
        *("evaluate", panel_file, "--scheme", "random,city", "--coverage", 0, "--jobs", 1),
        *("--baselines", "mean,climatology,cams,lightgbm-defaults,airqo-job"),
        *("--json", tmp_path / "e.json", "--out", tmp_path / "evaluation"),
    )
    assert result.exit_code == 0, result.output
    assert "SIMULATED" in result.stderr
    records = json.loads((tmp_path / "e.json").read_text())
    assert {(r["scheme"], r["model"]) for r in records} >= {
        (scheme, model)
        for scheme in ("random", "city")
        for model in ("default", "mean", "climatology", "cams", "lightgbm-defaults", "airqo-job")
    }
    ours = next(r for r in records if r["scheme"] == "city" and r["model"] == "default")
    assert ours["unit"] == "µg m⁻³"
    assert ours["pm25_origin"] == "simulated"
    assert f"{ours['rmse']:.2f}" in result.stdout
    names = {path.name for path in (tmp_path / "evaluation").iterdir()}
    assert {"evaluation.json", "evaluation.md", "held_out.parquet"} <= names
    assert {"observed_city.png", "map_city.png", "classes_city.png"} <= names
    assert "SIMULATED" in (tmp_path / "evaluation" / "evaluation.md").read_text()


def test_predict_gives_the_promised_columns(panel_file, bundle, tmp_path):
    "Cities that the model never saw, without PM2.5; intervals and applicability stay empty."
    new = simulate(n_cities=3, start="2020-01-01", end="2020-01-31", random_state=6).drop(columns="pm25")
    write_panel(new, tmp_path / "new.parquet")
    out = tmp_path / "p.parquet"
    result = airq("predict", tmp_path / "new.parquet", "--bundle", bundle, "--out", out)
    assert result.exit_code == 0, result.output
    rows = pd.read_parquet(out)
    assert " ".join(rows.columns).startswith(
        "site_id city_id city country latitude longitude population place date period n_days pm25 "
        "lower upper level inside_domain aqi aqi_table who_class p_above_9 p_above_15"
    )
    assert len(rows) == 93
    assert rows["pm25"].between(0, 1500).all()
    # The bundle was trained with --scheme none: nothing calibrates an interval.
    assert rows[["lower", "upper", "level", "p_above_9"]].isna().all(axis=None)
    assert rows["inside_domain"].notna().all()


def test_monthly_predictions_are_means_of_days(panel_file, bundle, tmp_path):
    "One whole month gives one row a city, its mean; nine days of February give none."
    airq("predict", panel_file, "--bundle", bundle, "--out", tmp_path / "d.parquet")
    airq("predict", panel_file, "--bundle", bundle, "--out", tmp_path / "m.parquet", "--period", "month")
    days, months = pd.read_parquet(tmp_path / "d.parquet"), pd.read_parquet(tmp_path / "m.parquet")
    assert set(months["date"]) == {pd.Timestamp("2020-01-01")}
    january = days[days["date"] < "2020-02-01"].groupby("site_id")["pm25"].mean()
    pd.testing.assert_series_equal(months.set_index("site_id")["pm25"], january)
    assert months["aqi"].isna().all()


@pytest.mark.long
@pytest.mark.slow
def test_a_search_goes_on_where_it_stopped(panel_file, tmp_path):
    "One trial, then three: the journal holds three, and each fold of the evaluation searches for itself."
    arguments = ["train", panel_file, "--out", tmp_path / "b", "--jobs", 1]
    assert airq(*arguments, "--tune", 1, "--scheme", "none").exit_code == 0
    assert airq(*arguments, "--tune", 3, "--scheme", "city").exit_code == 0
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / "b.tuning.log")))
    trials = [summary.n_trials for summary in optuna.get_all_study_summaries(storage)]
    assert trials == [3] * 6
    facts = json.loads((tmp_path / "b" / "bundle.json").read_text())
    assert facts["settings"]["tuning_trials"] == 3


def test_a_search_may_have_a_time_instead_of_trials(panel_file, tmp_path):
    "In 0.1 s the settings as they are get tried, and nothing else; the card says what the limit was."
    search = ["--tune-seconds", 0.1, "--scheme", "none", "--jobs", 1]
    assert airq("train", panel_file, "--out", tmp_path / "b", *search).exit_code == 0
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / "b.tuning.log")))
    assert [summary.n_trials for summary in optuna.get_all_study_summaries(storage)] == [1]
    assert "Parameters: best of the trials within 0.1 s" in (tmp_path / "b" / "card.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("seconds", ["0", "inf"])
def test_a_time_that_is_none_is_refused(panel_file, tmp_path, seconds):
    "Neither no time nor endless time; nothing is begun."
    result = airq("train", panel_file, "--out", tmp_path / "b", "--tune-seconds", seconds, "--jobs", 1)
    refused(result, "a number of seconds above 0")
    assert list(tmp_path.iterdir()) == []


def test_evaluate_a_bundle_tells_new_sites_from_known_ones(bundle, panel_file, tmp_path):
    "The panel of training has no new sites; another draw of cities has."
    airq("evaluate", panel_file, "--bundle", bundle, "--json", tmp_path / "known.json")
    assert [r["scheme"] for r in json.loads((tmp_path / "known.json").read_text())] == ["known sites"]
    write_panel(
        simulate(n_cities=20, start="2020-01-01", end="2020-01-31", random_state=2), tmp_path / "more.parquet"
    )
    airq("evaluate", tmp_path / "more.parquet", "--bundle", bundle, "--json", tmp_path / "new.json")
    schemes = {r["scheme"]: r for r in json.loads((tmp_path / "new.json").read_text())}
    assert schemes["new sites"]["groups"] == 12


def spoil(panel_file, tmp_path, change, **facts):
    "Write a panel that a user should not have."
    panel = read_panel(panel_file)
    metadata = PanelMetadata.from_dict(panel_metadata(panel).to_dict() | facts)
    path = tmp_path / "spoiled.parquet"
    write_panel(label_panel(change(panel), metadata), path)
    return path


def test_pm25_in_the_wrong_unit_is_refused(tmp_path):
    "41 and 38 µg/m³ called mg/m³ would be 41,000 and 38,000."
    (tmp_path / "t.csv").write_text(
        "s,d,lat,lon,c,pm\na,2020-01-01,0.3,32.6,UGA,41\na,2020-01-02,0.3,32.6,UGA,38\n"
    )
    (tmp_path / "m.toml").write_text(
        '[panel]\npm25_origin = "sensor"\n[columns]\nsite_id = "s"\ndate = "d"\nlatitude = "lat"\n'
        'longitude = "lon"\ncountry = "c"\npm25 = { from = "pm", unit = "mg/m³" }\n'
    )
    arguments = ["ingest", tmp_path / "t.csv", "--format", "table", "--mapping", tmp_path / "m.toml"]
    refused(airq(*arguments, "--out", tmp_path / "p.parquet"), "2 of 2 values of PM2.5", "Wrong unit")
    refused(airq(*arguments, "--out", tmp_path / "p.csv"), "ends in .parquet")
    assert not (tmp_path / "p.parquet").exists()


def test_no_whole_year_writes_nothing(panel_file, bundle, tmp_path):
    "Forty days make no year: one line, no file."
    out = tmp_path / "p.parquet"
    refused(
        airq("predict", panel_file, "--bundle", bundle, "--out", out, "--period", "year"), "no mean to give"
    )
    assert not out.exists()


def test_an_impossible_scheme_is_refused_before_training(panel_file, tmp_path):
    "A misspelt scheme does not cost a fit; the hint is the nearest one."
    result = airq("train", panel_file, "--out", tmp_path / "b", "--scheme", "citty")
    assert result.exit_code == 2
    assert "Did you mean city?" in " ".join(result.output.replace("│", " ").split())


def test_a_folder_of_something_else_is_refused_before_training(panel_file, tmp_path):
    "An existing folder that is no bundle is not overwritten."
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("mine")
    refused(airq("train", panel_file, "--out", tmp_path / "thesis"), "choose another name")


@pytest.mark.slow
def test_a_baseline_that_cannot_learn_is_left_out(panel_file, tmp_path):
    "AirQo's job takes targets below 200 only; where there are none, it is named with the reason."
    path = spoil(panel_file, tmp_path, lambda p: p.assign(pm25=p["pm25"] + 200))
    result = airq("evaluate", path, "--scheme", "city", "--baselines", "airqo-job", "--coverage", 0)
    assert result.exit_code == 0, result.output
    assert "city/airqo-job: no training row is below 200" in result.stdout


@pytest.mark.long
def test_a_panel_without_inputs_goes_the_whole_way(panel_file, tmp_path):
    "Trained on places, days and PM2.5, and predicted at three new places; each command says what that means."
    bare = [*PLACE, "date"]
    path = spoil(panel_file, tmp_path, lambda p: p[[*bare, "pm25"]])
    result = airq("train", path, "--out", tmp_path / "bare", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert "There are no input columns" in result.stderr
    new = simulate(n_cities=3, start="2020-01-01", end="2020-01-31", random_state=6)
    write_panel(label_panel(new[bare], panel_metadata(new)), tmp_path / "new.parquet")
    out = tmp_path / "bare.csv"
    result = airq("predict", tmp_path / "new.parquet", "--bundle", tmp_path / "bare", "--out", out)
    assert result.exit_code == 0, result.output
    assert "There are no input columns" in result.stderr
    assert pd.read_csv(out)["pm25"].between(0, 1500).all()


def test_monitors_go_to_bundles_only(tmp_path, panel_file, bundle):
    "A model file from elsewhere knows its features alone; a panel without PM2.5 has no monitors."
    out = ["--out", tmp_path / "p.csv"]
    foreign = ["--model-file", "m.cbm", "--unit", "µg/m³"]
    assert airq("predict", panel_file, *foreign, "--monitors", panel_file, *out).exit_code == 2
    nothing = spoil(panel_file, tmp_path, lambda p: p.drop(columns="pm25"))
    refused(airq("predict", panel_file, "--bundle", bundle, "--monitors", nothing, *out), "pm25")


def test_fast_is_a_model_of_its_own(tmp_path, panel_file):
    "It stands beside no other model; the bundle says which it was."
    both = ["--fast", "--model", "blend"]
    assert airq("train", panel_file, *both, "--out", tmp_path / "b").exit_code == 2
    result = airq("train", panel_file, "--fast", "--scheme", "none", "--out", tmp_path / "b", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "b" / "bundle.json").read_text())["settings"]["model"] == "fast"


def test_without_inputs_there_is_no_product_to_drop(panel_file, tmp_path):
    "One line, no fault of airq."
    path = spoil(panel_file, tmp_path, lambda p: p[[*PLACE, "date", "pm25"]])
    refused(airq("explain", path, "--drop-products", "--jobs", 1), "no product to drop")


@pytest.mark.parametrize(
    ("typed", "passed"),
    [([], True), (["fast"], True), (["all"], "all"), (["none"], False), (["mean,cams"], ["mean", "cams"])],
)
def test_words_for_baselines(panel_file, monkeypatch, typed, passed):
    "Nothing and `fast` are the fast ones; all, none, or names as they are typed."
    asked = []

    def run(*arguments, baselines, **options):
        asked.append(baselines)
        raise ValueError("enough")

    monkeypatch.setattr("airq.workflows.evaluate.evaluate", run)
    refused(airq("evaluate", panel_file, *(["--baselines", *typed] if typed else [])), "enough")
    assert asked == [passed]


BAD_PANELS = {
    "constant": (lambda p: p.assign(pm25=7.0), ["7 in every row"]),
    "few rows": (lambda p: p[:5], ["in 5 rows"]),
    "misspelt column": (lambda p: p.rename(columns={"latitude": "lattitude"}), ["'latitude'", "lattitude"]),
    "duplicate key": (lambda p: pd.concat([p, p.iloc[:1]]), ["repeats 1 (site_id, date) row"]),
    "swapped": (
        lambda p: p.rename(columns={"latitude": "longitude", "longitude": "latitude"}),
        ["look swapped"],
    ),
    "negative": (lambda p: p.assign(pm25=-1.0), ["negative"]),
    "ceiling": (lambda p: p.assign(pm25=999.99), ["ceiling"]),
    "no target": (lambda p: p.drop(columns="pm25"), ["no PM2.5"]),
    "one city": (lambda p: p[p["site_id"] == p["site_id"].iloc[0]], ["one city only"]),
    "no rows": (lambda p: p.iloc[:0], ["no rows"]),
}


@pytest.mark.parametrize("case", BAD_PANELS)
def test_evaluate_refuses(panel_file, tmp_path, case):
    "Each fault gets one line, and no file."
    change, words = BAD_PANELS[case]
    path = spoil(panel_file, tmp_path, change)
    refused(airq("evaluate", path, "--scheme", "city", "--json", tmp_path / "e.json"), *words)
    assert not (tmp_path / "e.json").exists()


def test_an_empty_column_is_left_out(panel_file, tmp_path):
    "A satellite that saw nothing in a short period does not stop the training; the user is told."
    path = spoil(panel_file, tmp_path, lambda p: p.assign(mine=float("nan")))
    with pytest.warns(AirqWarning, match="no row has a value: mine"):
        assert "mine" not in training_panel(path)


def test_other_days_than_the_bundle_are_refused(panel_file, bundle, tmp_path):
    "Local days do not fit a predictor of UTC days."
    path = spoil(panel_file, tmp_path, lambda p: p, day_basis="local")
    refused(airq("predict", path, "--bundle", bundle, "--out", tmp_path / "p.parquet"), "local", "utc")


@pytest.mark.parametrize("content", [b"", b"PAR1 cut", b"site_id,date\na,2020-01-01\n"])
def test_what_is_not_parquet_is_refused(tmp_path, content):
    "Empty, cut off, or text under the wrong name."
    (tmp_path / "p.parquet").write_bytes(content)
    refused(airq("train", tmp_path / "p.parquet", "--out", tmp_path / "b"), "not a whole Parquet file")
    assert not (tmp_path / "b").exists()


def test_a_missing_file_is_named(tmp_path):
    "Which file was looked for."
    refused(airq("train", tmp_path / "none.parquet", "--out", tmp_path / "b"), "none.parquet")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_level_of_more_than_one_is_refused_before_the_work(command, panel_file, bundle, tmp_path):
    "A level is a share: 90 is not 0.9."
    more = ["--bundle", bundle, "--out", tmp_path / "p.parquet"] if command == "predict" else []
    refused(airq(command, panel_file, *more, "--coverage", 90), "coverage is 90")


def test_an_unwritable_output_is_refused_before_the_work(panel_file, tmp_path):
    "A file stands where the folder should be."
    (tmp_path / "file").write_text("")
    refused(airq("train", panel_file, "--out", tmp_path / "file" / "bundle"), "not a folder")


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(panel_file, bundle, tmp_path):
    "Files may grow to 1 kB only, as on a full disk: one line, exit code 1, no output."

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    out = tmp_path / "out"
    command = [*AIRQ, "predict", panel_file, "--bundle", bundle, "--out", out / "p.parquet"]
    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert result.returncode == 1
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(panel_file, tmp_path):
    "Interrupted in the middle of training: one line, exit code 1, no bundle."
    command = [*AIRQ, "train", str(panel_file), "--out", str(tmp_path / "b"), "--jobs", "1"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    # The warning about simulated data is the first line, printed when the work begins.
    assert "SIMULATED" in process.stderr.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "Interrupted" in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_ingest_and_join_leave_their_inputs_alone(panel_file, tmp_path):
    "An output that is an input is refused before anything is read or written."
    table = tmp_path / "t.csv"
    table.write_text("not a table of WAQI\n")
    refused(airq("ingest", table, "--format", "waqi", "--out", table), "t.csv", "choose another name")
    assert table.read_text() == "not a table of WAQI\n"
    before = panel_file.read_bytes()
    refused(airq("join", panel_file, table, "--out", panel_file), "choose another name")
    assert panel_file.read_bytes() == before


def test_ingest_refuses_an_impossible_output_before_it_reads(tmp_path):
    "The folder would be a file; the missing input is not even looked for."
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "p.parquet"
    refused(airq("ingest", tmp_path / "missing.csv", "--format", "waqi", "--out", out), "is not a folder")


def test_ingest_is_repeatable(tmp_path):
    "The same file makes the same bytes; the JSON record names the panel and counts the rows."
    table = tmp_path / "w.csv"
    table.write_text(
        "Date,Country,City,Specie,count,min,max,median,variance\n2020-01-01,UG,Kampala,pm25,9,1,9,50,2\n"
    )
    outs = [tmp_path / "a" / "p.parquet", tmp_path / "b" / "p.parquet"]
    for out in outs:
        result = airq("ingest", table, "--format", "waqi", "--out", out, "--json", tmp_path / "r.json")
        assert f"{out}: 1 row read, 1 kept, 0 dropped." in result.stdout
    assert outs[0].read_bytes() == outs[1].read_bytes()
    (record,) = json.loads((tmp_path / "r.json").read_text())
    assert (record["out"], record["format"], record["rows"]) == (str(outs[1]), "waqi", 1)


def test_ingest_suggests_a_mapping(tmp_path):
    "On the screen or in a file; it fits the table; other options do not apply."
    table, mapping, out = (tmp_path / name for name in ("t.csv", "m.toml", "p.parquet"))
    table.write_text("site,day,lat,lon,PM2.5 (µg/m³)\nk1,2020-01-01,0.3,32.6,41\nk1,2020-01-02,0.3,32.6,38\n")
    shown = airq("ingest", table, "--suggest")
    airq("ingest", table, "--suggest", "--out", mapping)
    assert mapping.read_text() == shown.stdout
    assert "may have answers in it" in airq("ingest", table, "--suggest", "--out", mapping).stderr
    airq("ingest", table, "--format", "table", "--mapping", mapping, "--out", out)
    assert read_panel(out)["pm25"].tolist() == [41, 38]
    for options, words in [
        (["--suggest", "--by", "city"], "--by does not apply"),
        (["--out", out], "needs --format and --out"),
    ]:
        result = airq("ingest", table, *options)
        assert result.exit_code == 2
        assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize("package", ["airq", "imbalance"])
def test_a_package_runs_as_a_module(package):
    ended = subprocess.run([sys.executable, "-m", package, "--version"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{package} ")

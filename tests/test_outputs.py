"""No output of any command destroys an input, another output, or hours of work.

The inputs hold no more than a word: all refusals come before a table is read.
"""

import pytest
from typer.testing import CliRunner

from airq.cli import app

#: Command -> its inputs by option (an argument has no dashes), and what else it needs.
INPUTS = {
    "cities": ({}, []),
    "places": ({"--population": "people.tif", "--boundary": "outline.geojson"}, ["--clusters", "UGA"]),
    "sample": ({"RASTERS": "weather.nc", "--cities": "cities.csv"}, []),
    "plan": ({"--cities": "cities.csv"}, ["--start", "2020-01-01", "--end", "2020-01-02"]),
    "extract": ({"--cities": "cities.csv"}, ["--start", "2020-01-01", "--end", "2020-01-02"]),
    "ingest": (
        {"FILES": "table.csv", "--mapping": "mapping.toml", "--cities": "cities.csv"},
        ["--format", "table"],
    ),
    "join": ({"FEATURES": "features.parquet", "TARGETS": "targets.parquet"}, []),
    "train": ({"PANEL": "panel.parquet"}, []),
    "evaluate": ({"PANEL": "panel.parquet"}, []),
    "evaluate a bundle": ({"PANEL": "panel.parquet", "--bundle": "bundle"}, []),
    "evaluate for cities": ({"PANEL": "panel.parquet", "--for": "cities.csv"}, []),
    "predict": ({"PANEL": "panel.parquet", "--bundle": "bundle"}, []),
    "predict with a model file": (
        {"PANEL": "panel.parquet", "--model-file": "model.cbm"},
        ["--unit", "aqi-us-2012"],
    ),
    "explain": ({"PANEL": "panel.parquet", "--bundle": "bundle"}, []),
    "explain one day": (
        {"PANEL": "panel.parquet", "--bundle": "bundle"},
        ["--site", "a", "--date", "2020-01-01"],
    ),
    "explain without products": ({"PANEL": "panel.parquet"}, ["--drop-products"]),
}
CANCEL = ["--batch", "drive:folder", "--cancel"]
#: Commands that write nothing but records.
ONLY_RECORDS = ["plan", "evaluate a bundle"]
WITH_TWO_OUTPUTS = [name for name in INPUTS if name not in ONLY_RECORDS]
SUFFIX = {"cities": ".csv", "places": ".csv", "extract": "", "train": "", "evaluate": "", "explain": ""}
OUTPUTS = [(name, "--json") for name in INPUTS] + [(name, "--out") for name in WITH_TWO_OUTPUTS]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    "A folder of inputs that hold a word each."
    for name in ("cities.csv", "table.csv", "mapping.toml", "features.parquet", "targets.parquet"):
        (tmp_path / name).write_text("mine")
    for name in ("people.tif", "outline.geojson", "weather.nc"):
        (tmp_path / name).write_text("mine")
    for name in ("panel.parquet", "model.cbm", "bundle/bundle.json", "bundle/card.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder, name, *outputs):
    "Run a command; one line that begins with Error (1) or a usage error (2), and nothing is touched."
    before = contents(folder)
    inputs, more = INPUTS[name]
    arguments = [path for option, path in inputs.items() if not option.startswith("-")]
    options = [part for option, path in inputs.items() if option.startswith("-") for part in (option, path)]
    command = [name.split()[0], *arguments, *options, *more, *map(str, outputs)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code in (1, 2), result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == (result.exit_code == 1), result.stderr
    assert contents(folder) == before
    return lines[0] if lines else result.stderr


def default_output(name):
    "A fresh --out, where the case is about another output."
    return [] if name in ONLY_RECORDS else ["--out", "new" + SUFFIX.get(name.split()[0], ".parquet")]


@pytest.mark.parametrize(
    ("name", "output", "source"),
    [(name, output, source) for name, output in OUTPUTS for source in INPUTS[name][0].values()],
)
def test_an_output_is_no_input(folder, name, output, source):
    "The same name, written another way."
    others = default_output(name) if output == "--json" else []
    line = refused(folder, name, output, f"../{folder.name}/{source}", *others)
    assert output in line and source in line


@pytest.mark.parametrize(
    ("name", "output"), [(name, "--json") for name in INPUTS if "--bundle" in INPUTS[name][0]]
)
def test_an_output_is_no_file_of_an_input_folder(folder, name, output):
    "The card of a bundle is not replaced by records."
    assert "bundle" in refused(folder, name, output, "bundle/card.md", *default_output(name))


@pytest.mark.parametrize("name", WITH_TWO_OUTPUTS)
def test_two_outputs_differ(folder, name):
    "The records would replace the table, or lie in the folder that is replaced."
    out = default_output(name)
    line = refused(folder, name, *out, "--json", out[1])
    assert "--out" in line and "--json" in line


@pytest.mark.parametrize(("name", "output"), OUTPUTS)
def test_an_unwritable_output_is_refused_before_the_work(folder, name, output):
    "A file stands where its folder should be."
    (folder / "file").write_text("mine")
    others = default_output(name) if output == "--json" else []
    suffix = ".json" if output == "--json" else SUFFIX.get(name.split()[0], ".parquet")
    assert "not a folder" in refused(folder, name, output, f"file/new{suffix}", *others)


@pytest.mark.parametrize("name", ["demo", *(n for n in ("cities", "ingest", "join", "predict"))])
def test_a_folder_is_no_file(folder, name):
    "An existing folder under the name of a file is left alone."
    (folder / "there.csv").mkdir()
    if name == "demo":
        result = CliRunner().invoke(app, ["demo", "--out", "d", "--json", "there.csv"])
        assert result.exit_code == 1 and "is a folder" in result.stderr and not (folder / "d").exists()
    else:
        assert "is a folder" in refused(folder, name, "--out", "there.csv")


@pytest.mark.parametrize("name", ["train", "evaluate", "evaluate for cities", "explain"])
def test_a_folder_of_something_else_is_not_replaced(folder, name):
    "A thesis is no bundle and no evaluation."
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter").write_text("mine")
    assert "choose another name" in refused(folder, name, "--out", "thesis")


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("evaluate a bundle", ["--scheme", "city"], "--scheme"),
        ("evaluate a bundle", ["--model", "lightgbm"], "--model"),
        ("evaluate a bundle", ["--recipe", "live"], "--recipe"),
        ("evaluate a bundle", ["--baselines", "mean"], "--baselines"),
        ("evaluate a bundle", ["--buffer-km", "50"], "--buffer-km"),
        ("evaluate a bundle", ["--for", "cities.csv"], "--for"),
        ("evaluate a bundle", ["--out", "e"], "--out"),
        ("evaluate a bundle", ["--seed", "0"], "--seed"),
        ("evaluate a bundle", ["--jobs", "1"], "--jobs"),
        ("evaluate a bundle", ["--repeats", "1"], "--repeats"),
        ("evaluate for cities", ["--model", "catboost"], "--model"),
        ("evaluate for cities", ["--recipe", "live"], "--recipe"),
        ("evaluate for cities", ["--baselines", "none"], "--baselines"),
        ("evaluate for cities", ["--coverage", "0.9"], "--coverage"),
        ("evaluate for cities", ["--jobs", "1"], "--jobs"),
        ("evaluate for cities", ["--repeats", "2"], "--repeats"),
        ("evaluate", ["--scheme", "knndm"], "--for"),
        ("evaluate", ["--scheme", "city", "--buffer-km", "10"], "--buffer-km"),
        ("predict", ["--out", "p.parquet", "--recipe", "live"], "--recipe"),
        ("predict", ["--out", "p.parquet", "--unit", "µg/m³"], "--unit"),
        ("predict", ["--out", "p.parquet", "--model-file", "model.cbm"], "--model-file"),
        ("predict with a model file", ["--out", "p.parquet", "--coverage", "0.9"], "--coverage"),
        ("explain", ["--scheme", "city"], "--scheme"),
        ("explain", ["--jobs", "1"], "--jobs"),
        ("explain", ["--seed", "1"], "--seed"),
        ("explain", ["--model", "lightgbm"], "--model"),
        ("explain", ["--site", "a"], "--date"),
        ("explain", ["--site", "a", "--date", "2020-01-01", "--days-around", "7"], "--json"),
        ("explain without products", ["--bundle", "bundle", "--recipe", "live"], "--recipe"),
        ("explain without products", ["--site", "a", "--date", "2020-01-01"], "--site"),
        ("extract", ["--check", "--out", "features"], "--out"),
        ("extract", ["--out", "new", *CANCEL, "--refresh", "2020-01-01..2020-01-02"], "--refresh"),
        ("plan", ["--ee-project", "p"], "--ee-project"),
        ("plan", ["--ee-credentials", "anonymous"], "--ee-credentials"),
    ],
)
def test_an_option_that_does_not_apply_is_refused(folder, name, options, word):
    "A usage error that names it, also where its value is the default."
    before = contents(folder)
    assert word in refused(folder, name, *options)
    assert contents(folder) == before

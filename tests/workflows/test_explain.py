"""Explain a bundle or a fitted model: importance, one site and day, options of the command."""

import json

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from typer.testing import CliRunner

from airq.cli import app
from airq.io import read_panel, write_panel
from airq.messages import AirqWarning
from airq.models.explanation import PanelRows
from airq.panel import PanelMetadata, label_panel, sort_panel
from airq.regressor import PM25Regressor, load
from airq.workflows import predict_blocks
from airq.workflows.explain import (
    contributions_to,
    explain,
    explain_row,
    find_row,
    open_rows,
    products_of_columns,
    rows_around,
)

pytestmark = pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    "A panel of six cities, 20 days each, and a bundle trained on it."
    folder = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(0)
    city = np.repeat(["Gulu", "Jinja", "Lira", "Masaka", "Mbale", "Soroti"], 20)
    co = rng.uniform(0.02, 0.06, 120)
    panel = pd.DataFrame(
        {
            "site_id": np.char.lower(city),
            "city_id": city,
            "city": city,
            "country": "UGA",
            "latitude": np.repeat(np.arange(6.0), 20),
            "longitude": 32.0,
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.tile(np.arange(20), 6), unit="D"),
            "pm25": 1000 * co,
            "co": co,
            "temp_air": rng.normal(25, 3, 120),
        }
    )
    panel = label_panel(sort_panel(panel), PanelMetadata(pm25_origin="simulated"))
    write_panel(panel, folder / "panel.parquet")
    PM25Regressor(recipe="live").fit(panel).save(folder / "bundle")
    return folder


def run(*arguments):
    "Run `airq explain` in this process."
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


@pytest.mark.parametrize(("by", "first"), [("product", "co"), ("column", "co"), ("feature", "co")])
def test_what_pm25_follows_is_the_most_important(files, by, first):
    "PM2.5 is 1,000 times `co`; the table has one grouping, in µg m⁻³."
    table = explain(files / "bundle", files / "panel.parquet", by=by)
    assert table["name"].iloc[0].startswith(first)
    assert set(table["by"]) == {by} and set(table["unit"]) == {"µg m⁻³"}
    assert table["importance"].is_monotonic_decreasing


def test_a_fitted_model_is_explained_like_its_bundle(files):
    "A model in memory, on a DataFrame."
    table = explain(load(files / "bundle"), read_panel(files / "panel.parquet"))
    pd.testing.assert_frame_equal(table, explain(files / "bundle", files / "panel.parquet"))


def test_an_unknown_grouping_is_refused(files):
    "The message names the three."
    with pytest.raises(ValueError, match="product, column, feature"):
        explain(files / "bundle", files / "panel.parquet", by="band")


def test_a_simulated_bundle_warns(files):
    "Before any figure."
    with pytest.warns(AirqWarning, match="SIMULATED"):
        explain(files / "bundle", files / "panel.parquet")


def test_days_outside_training_are_counted(files):
    "A copy of the panel one year later: all 120 rows."
    panel = read_panel(files / "panel.parquet")
    later = panel.assign(date=panel["date"] + pd.Timedelta(days=366))
    later.attrs = panel.attrs
    with pytest.warns(AirqWarning, match="120 of 120 rows are outside the days of training"):
        explain(files / "bundle", later)


def test_the_command_writes_tables_and_pictures(files, tmp_path):
    "The records of all three groupings, `co` first; the text says that the panel is simulated."
    out, records = tmp_path / "why", tmp_path / "why.json"
    result = run(files / "panel.parquet", "--bundle", files / "bundle", "--out", out, "--json", records)
    assert result.exit_code == 0, result.output
    names = {"explanation.json", "explanation.md", "importance.csv", "importance.png"}
    assert {path.name for path in out.iterdir()} == names | {"dependence.csv", "dependence.png"}
    first = json.loads(records.read_text())[0]
    assert (first["by"], first["name"], first["unit"]) == ("product", "co", "µg m⁻³")
    assert "SIMULATED" in (out / "explanation.md").read_text()


@pytest.mark.slow
def test_one_day_is_explained(files, tmp_path):
    "The contributions sum to the prediction that the sentences begin with; a city's name will do."
    table = explain_row(files / "bundle", files / "panel.parquet", "gulu", "2020-01-05")
    assert table["product"].iloc[1] == "co"
    out = tmp_path / "why"
    day = ["--site", "GULU", "--date", "2020-01-05"]
    result = run(files / "panel.parquet", "--bundle", files / "bundle", *day, "--out", out)
    records = json.loads((out / "explanation.json").read_text())
    npt.assert_allclose([record["contribution"] for record in records], table["contribution"])
    assert f"PM2.5 {table['contribution'].sum():.1f} µg m⁻³ predicted" in result.stdout
    assert {record["date"] for record in records} == {"2020-01-05"}
    assert {path.suffix for path in out.iterdir()} == {".json", ".md", ".png"}


@pytest.mark.parametrize(
    ("site", "date", "hint"),
    [
        ("gullu", "2020-01-05", "Near names: gulu"),
        ("Kampala", "2020-01-05", "no site and no city 'Kampala'"),
        ("gulu", "2020-02-05", "nearest day is 2020-01-20"),
        ("gulu", "5 January", "write it like 2020-03-01"),
    ],
)
def test_an_unknown_site_or_day_is_one_line_with_what_is_near(files, site, date, hint):
    "A misspelt site, a city that is not there, a day outside, no day at all."
    with pytest.raises(ValueError, match=hint) as error:
        explain_row(files / "bundle", files / "panel.parquet", site, date)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_blocks_of_files_have_the_bits_of_one_piece(files, tmp_path, monkeypatch):
    "Two parts, fifty rows at a time: importance, dependence and one day are those of the whole panel."
    panel = read_panel(files / "panel.parquet")
    for name, rows in (("a", panel["site_id"] < "lira"), ("b", panel["site_id"] >= "lira")):
        part = panel[rows].sample(frac=1, random_state=0)
        part.attrs = panel.attrs
        write_panel(part, tmp_path / "parts" / f"{name}.parquet")
    model = load(files / "bundle")

    def everything(source):
        with open_rows(model, source) as (_, rows):
            made, row = contributions_to(model, rows), find_row(rows, "Masaka", "2020-01-05")
            around = rows_around(rows, row, 3)
            return made.importance(), made.dependence(["co", "latitude"]), made.table(around), rows.units

    whole = everything(panel)
    monkeypatch.setattr(predict_blocks, "_rows_within", lambda memory, n_features: 50)
    for found, expected in zip(everything(tmp_path / "parts"), whole, strict=True):
        if isinstance(expected, dict):
            assert found == expected
        else:
            pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert len(whole[2]["date"].unique()) == 7


@pytest.fixture
def cities(make_panel):
    "One site in Gulu, seven in Kampala, one day each."
    panel = make_panel({f"s{number}": ["2020-01-01"] for number in range(8)}, pm25=[1] * 8)
    return PanelRows(None, label_panel(panel.assign(city=["Gulu", *["Kampala"] * 7]), PanelMetadata()))


@pytest.mark.parametrize("name", ["s0", "S0", "Gulu", "gulu", "GULU"])
def test_a_site_is_found_by_its_id_or_by_its_city(cities, name):
    "In upper or lower case, where the city has one site."
    assert find_row(cities, name, "2020-01-01") == 0


def test_a_city_of_several_sites_lists_five(cities):
    "Seven sites; the first five are named."
    with pytest.raises(ValueError, match=r"'kampala' has 7 sites; .* s1, s2, s3, s4, s5 …"):
        find_row(cities, "kampala", "2020-01-01")


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (["--bundle", "b", "--drop-products", "--model", "catboost"], "--model"),
        (["--bundle", "b", "--drop-products", "--recipe", "live"], "--recipe"),
        (["--bundle", "b", "--drop-products", "--seed", "0"], "--seed"),
        (["--bundle", "b", "--scheme", "city"], "--scheme"),
        (["--bundle", "b", "--model", "lightgbm"], "--model"),
        (["--bundle", "b", "--recipe", "live"], "--recipe"),
        (["--bundle", "b", "--seed", "1"], "--seed"),
        (["--bundle", "b", "--jobs", "1"], "--jobs"),
        (["--drop-products", "--site", "gulu"], "--site"),
        (["--drop-products", "--date", "2020-01-05"], "--date"),
    ],
)
def test_options_that_do_not_apply_are_refused(files, options, refused):
    "A usage error that names the option, also where its value is the default."
    result = run(files / "panel.parquet", *options)
    assert result.exit_code == 2
    assert f"{refused} does not apply" in " ".join(result.stderr.split())


def test_the_row_is_that_of_site_and_day(make_panel):
    "The second day of the second site is row 3."
    panel = make_panel({"a": ["2020-01-01", "2020-01-02"], "b": ["2020-01-01", "2020-01-02"]}, pm25=[1] * 4)
    assert find_row(PanelRows(None, panel), "b", "2020-01-02") == 3


def test_columns_of_the_catalogue_have_its_products():
    "Also their counts and ages; streams and recipes of one product share its name."
    found = products_of_columns(["no2_age", "fire_power_150km", "0_NO2_column_number_density", "wind_u"])
    assert list(found.values()) == ["no2", "fires", "no2", "weather"]

"""The user's way from a table of cities to a trained predictor, through the commands and a real server."""

import json
import subprocess
import sys
from copy import copy

import numpy as np
import pandas as pd
import pytest
from earthengine_server import EarthEngineServer, Faults
from typer.testing import CliRunner

from airq.cities import bundled_cities
from airq.cli import app
from airq.features.recipe import reference
from airq.io import read_panel, write_panel
from airq.messages import AirqWarning
from airq.panel import IDENTITY, panel_metadata
from airq.workflows.extract import EarthEngine, ExtractionRequest, check, extract, plan, run_extraction

#: What a request costs little for; rain and NO2 change every day.
FEW = ["--products", "no2,era5-rain,elevation"]
CITIES = pd.DataFrame(
    {
        "city_id": ["accra", "bamako", "kampala"],
        "city": ["Accra", "Bamako", "Kampala"],
        "country": ["GHA", "MLI", "UGA"],
        "latitude": [5.6, 12.6, 0.3],
        "longitude": [-0.2, -8.0, 32.6],
        "population": [2.5e6, 2.4e6, np.nan],
    }
)


def airq(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result, *words):
    """The command ended with one line that holds the words."""
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.strip()]
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.delenv("EARTHENGINE_PROJECT", raising=False)
        with EarthEngineServer() as server:
            yield server


@pytest.fixture
def user(server, tmp_path, monkeypatch):
    """A folder with a table of three cities, and ``extract``; `sent` counts the requests since."""
    server.stats.reset()
    CITIES.to_csv(tmp_path / "cities.csv", index=False)
    # Where --check remembers what it has measured.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    class User:
        out, cities = tmp_path / "out", tmp_path / "cities.csv"
        url = server.url

        def options(self, start, end, *more, cities=None):
            return ["--cities", cities or self.cities, "--start", start, "--end", end, *more]

        def extract(self, start, end, *more, url=server.url, cities=None, out=None):
            service = ["--ee-url", url, "--ee-credentials", "anonymous", "--ee-project", "p", "--workers", 4]
            place = [] if "--check" in more else ["--out", out or self.out]
            return airq("extract", *self.options(start, end, *more, cities=cities), *place, *service)

        def panel(self):
            return read_panel(self.out / "panel.parquet")

        def manifest(self):
            return json.loads((self.out / "manifest.json").read_text())

        def chunks(self):
            return {path.name for path in (self.out / "chunks").glob("*.parquet")}

        def sent(self):
            """Regions and bands of the requests since, those for the times of images left out."""
            tables = [one for one in server.stats.compute if one.path == "table:computeFeatures"]
            asked = [(one.regions, one.bands) for one in tables]
            server.stats.reset()
            return asked

    return User()


@pytest.fixture
def first(user):
    """After a first extraction: three cities, three days of NO2, rain and heights."""
    result = user.extract("2020-01-01", "2020-01-03", *FEW)
    assert result.exit_code == 0, result.output
    user.asked = sorted(user.sent())
    return user


def test_a_plan_sends_nothing_and_tells_the_requests(user):
    "Three cities: 2 bands x 3 days in one request, the heights in another."
    result = airq(
        "plan", *user.options("2020-01-01", "2020-01-03", *FEW), "--json", user.out.parent / "p.json"
    )
    assert result.exit_code == 0, result.output
    assert "3 cities, 3 days: about 2 requests for 7 bands" in result.stdout
    (facts,) = json.loads((user.out.parent / "p.json").read_text())
    assert (facts["requests"], facts["bands"], facts["cells"]) == (2, 7, 21)
    assert user.sent() == []
    assert not user.out.exists()


@pytest.mark.parametrize("workers", [1, 20, 40])
@pytest.mark.parametrize(
    ("n_cities", "end", "settings"),
    [
        (1, "2025-03-01", {}),
        (3, "2025-03-31", {"recipe": "live"}),
        (3, "2026-01-31", {"quality": True, "day_basis": "local"}),
        (40, "2025-03-09", {"recipe": "reference"}),
        (555, "2025-08-31", {"products": ["no2", "maiac", "fires", "population"]}),
    ],
    ids=["day", "month", "year", "reference", "large"],
)
def test_the_rows_of_a_plan_add_up(n_cities, end, settings, workers):
    "The layers' requests and hours add up to those of the whole run, which shares its workers among them."
    cities = bundled_cities().nlargest(n_cities, "population")
    planned = plan(cities, "2025-03-01", end, client=EarthEngine(workers=workers), **settings)
    assert sum(row["requests"] for row in planned.layers) == planned.cost.requests
    assert sum(row["hours"] for row in planned.layers) == pytest.approx(planned.cost.compute_hours)
    assert len({row["layer"] for row in planned.layers}) == len(planned.layers)
    assert {row["cities"] for row in planned.layers} == {n_cities}


def test_the_table_of_a_plan_adds_up_to_its_sentence(user):
    "As a user reads it: 5 cities, a month, all of the default recipe, one row for each of seven layers."
    bundled_cities().nlargest(5, "population").to_csv(user.cities, index=False)
    result = airq("plan", *user.options("2020-01-01", "2020-01-31"), "--json", user.out.parent / "p.json")
    (facts,) = json.loads((user.out.parent / "p.json").read_text())
    assert f"5 cities, 31 days: about {facts['requests']} requests" in result.stdout
    table = result.stdout.split("asked together")[1].splitlines()
    rows = [words for words in map(str.split, table) if len(words) > 4 and words[-4] == "5"]
    assert len(rows) == 7
    assert sum(int(words[-2]) for words in rows) == facts["requests"]


def test_an_extraction_sends_what_was_planned(first):
    "Three regions of 1 and of 6 bands; nine rows, with all columns, known cities and places."
    assert first.asked == [(3, 1), (3, 6)]
    panel = first.panel()
    assert panel["site_id"].tolist() == [site for site in CITIES["city_id"] for _ in range(3)]
    assert list(panel)[-4:] == ["population", "no2", "precipitation", "elevation"]
    assert panel["precipitation"].notna().all()
    assert panel["population"].isna().sum() == 3


def test_the_manifest_tells_what_was_done(first):
    "Recipe, assets, days, cities, requests; no project and no credential."
    facts = first.manifest()
    assert facts["extraction"]["recipe"] == "default"
    assert facts["assets"]["no2"] == "COPERNICUS/S5P/OFFL/L3_NO2"
    assert (facts["first_day"], facts["last_day"]) == ("2020-01-01", "2020-01-03")
    assert (facts["panel"]["rows"], len(facts["cities"])) == (9, 3)
    (run,) = facts["runs"]
    assert (run["ended"], run["requests"], run["retries"], run["chunks"]) == ("complete", 2, 0, 2)
    assert run["workload_tag"] == "airq-default"
    assert "anonymous" not in (first.out / "manifest.json").read_text()


def test_a_second_run_sends_nothing_and_needs_no_connection(first):
    "The address leads nowhere; the panel's file is not even written anew."
    before = (first.out / "panel.parquet").stat().st_mtime_ns
    result = first.extract("2020-01-01", "2020-01-03", *FEW, url="http://127.0.0.1:9")
    assert result.exit_code == 0, result.output
    assert "Nothing was missing, nothing was sent." in result.stdout
    assert (first.out / "panel.parquet").stat().st_mtime_ns == before
    assert first.sent() == []


def test_a_lost_panel_is_made_again_from_the_chunks(first):
    "Without a connection."
    before = first.panel()
    (first.out / "panel.parquet").unlink()
    assert first.extract("2020-01-01", "2020-01-03", *FEW, url="http://127.0.0.1:9").exit_code == 0
    pd.testing.assert_frame_equal(first.panel(), before)


def test_later_days_are_fetched_alone(first):
    "Two days more: 2 bands x 2 days, no heights; the old days keep their values."
    before, old = first.panel(), first.chunks()
    assert first.extract("2020-01-03", "2020-01-05", *FEW).exit_code == 0
    assert first.sent() == [(3, 4)]
    assert old < first.chunks()
    panel = first.panel()
    assert len(panel) == 15
    pd.testing.assert_frame_equal(panel[panel["date"] <= "2020-01-03"].reset_index(drop=True), before)
    # A third run sends nothing.
    assert first.extract("2020-01-03", "2020-01-05", *FEW).exit_code == 0
    assert first.sent() == []


def test_days_that_need_no_request_become_rows(user):
    "The heights of January are those of February; a city's new name is in the panel, too."
    assert user.extract("2020-01-01", "2020-01-03", "--products", "elevation").exit_code == 0
    user.sent()
    CITIES.replace("Bamako", "Bamakɔ").to_csv(user.cities, index=False)
    assert user.extract("2020-01-31", "2020-02-01", "--products", "elevation").exit_code == 0
    assert user.sent() == []
    panel = user.panel()
    assert panel["site_id"].value_counts().tolist() == [5, 5, 5]
    assert panel["elevation"].notna().all()
    assert panel["city"].unique().tolist() == ["Accra", "Bamakɔ", "Kampala"]


def test_a_plan_refuses_what_is_no_address(user):
    "As the extraction would, which sends requests there."
    result = airq("plan", *user.options("2020-01-01", "2020-01-02", *FEW), "--ee-url", "ftp://127.0.0.1")
    refused(result, "--ee-url takes an address")


def test_a_plan_counts_only_what_a_folder_lacks(first):
    "Of five days three are there."
    more = ["--out", first.out, "--ee-url", "http://127.0.0.1:1"]
    result = airq("plan", *first.options("2020-01-01", "2020-01-05", *FEW), *more)
    assert "3 cities, 5 days: about 1 requests for 4 bands" in result.stdout


def test_more_cities_are_fetched_alone(first, tmp_path):
    "A fourth city: one region, all bands; the others are not asked for again."
    more = pd.concat([CITIES, CITIES.tail(1).assign(city_id="gulu", city="Gulu", latitude=2.8)])
    more.to_csv(tmp_path / "more.csv", index=False)
    result = first.extract("2020-01-01", "2020-01-03", *FEW, cities=tmp_path / "more.csv")
    assert result.exit_code == 0, result.output
    assert sorted(first.sent()) == [(1, 1), (1, 6)]
    assert first.panel()["site_id"].unique().tolist() == ["accra", "bamako", "gulu", "kampala"]


def test_other_settings_are_refused_in_an_old_folder(first):
    "Another radius, kind of day or recipe: one line, nothing sent, the panel as it was."
    before = first.panel()
    for more, word in ((["--radius-km", 8], "radius_km"), (["--day", "local"], "day_basis")):
        refused(first.extract("2020-01-01", "2020-01-03", *FEW, *more), "begun with other settings", word)
    other = first.extract("2020-01-01", "2020-01-03", "--recipe", "live")
    refused(other, "begun with other settings", "product no2, product era5-rain")
    assert first.sent() == []
    pd.testing.assert_frame_equal(first.panel(), before)


def test_a_moved_city_is_refused(first, tmp_path):
    "Bamako a degree further north."
    CITIES.assign(latitude=[5.6, 13.6, 0.3]).to_csv(tmp_path / "moved.csv", index=False)
    result = first.extract("2020-01-01", "2020-01-03", *FEW, cities=tmp_path / "moved.csv")
    refused(result, "'bamako' has other coordinates")
    assert first.sent() == []


def test_a_failed_beginning_does_not_bind_the_folder(user, server):
    "The project is not registered; the next command may ask for other products and days."
    server.faults = Faults(project="unregistered")
    refused(user.extract("2021-01-01", "2021-01-03", *FEW), "not registered")
    server.faults = Faults()
    result = user.extract("2020-01-01", "2020-01-01", "--products", "elevation")
    assert result.exit_code == 0, result.output
    assert user.panel()["date"].dt.year.unique().tolist() == [2020]


def test_check_tells_what_works(user, server):
    "One city, one day: three products in three requests, the refused one named; nothing is written."
    server.faults = Faults(refused_assets={"ECMWF/ERA5/HOURLY": 403})
    try:
        result = user.extract("2020-01-01", "2020-01-31", *FEW, "--check")
    finally:
        server.faults = Faults()
    refused(result, "1 of 3 products do not work: era5-rain")
    for words in (["no2", "yes"], ["era5-rain", "NO"], ["elevation", "yes"]):
        assert any(all(word in line for word in words) for line in result.stdout.splitlines())
    assert {regions for regions, _ in user.sent()} <= {0, 1}
    assert not user.out.exists()


def test_check_of_a_whole_recipe(user):
    "All of `default` work: seventeen lines of yes, three of them for the rings."
    result = user.extract("2020-01-01", "2020-01-31", "--check", "--rings-km", "5,10,15")
    assert result.exit_code == 0, result.output
    assert result.stdout.count(" yes ") == 17


def test_check_measures_what_a_plan_then_reckons_with(user, tmp_path):
    "Three cities and two days of NO2, rain and heights; the stand-in says 0.5 EECU-s and 1e-5 a pixel."
    address = ["--ee-url", user.url]
    days = user.options("2020-01-01", "2020-01-02", *FEW, *address, "--json", tmp_path / "p.json")
    guess = airq("plan", *days)
    assert "a first guess at the EECU-hours" in guess.stdout
    assert json.loads((tmp_path / "p.json").read_text())[0]["measured"] is None
    checked = user.extract("2020-01-01", "2020-01-31", *FEW, "--check")
    assert "EECU-seconds, measured" in checked.stdout
    measured = airq("plan", *days)
    assert "EECU-hours, measured with one city and one day" in measured.stdout
    (facts,) = json.loads((tmp_path / "p.json").read_text())
    # NO2 and rain of six city-days, the heights of three cities.
    assert facts["compute_hours"] * 3600 == pytest.approx(6 * 2 * 0.5 + 3 * 0.5, rel=0.05)
    # Another radius was not measured.
    other = airq("plan", *user.options("2020-01-01", "2020-01-02", *FEW, *address, "--radius-km", 8))
    assert "a first guess at the EECU-hours" in other.stdout


def test_a_plan_names_what_is_unconfirmed(user):
    "Of MAIAC its times, of NO2 nothing."
    result = airq("plan", *user.options("2020-01-01", "2020-01-02", "--products", "no2,maiac"))
    notes = [line for line in " ".join(result.stdout.split()).split("note: ")[1:] if "unconfirmed" in line]
    assert len(notes) == 2
    assert all("unconfirmed of maiac" in note for note in notes)


def test_quality_columns(user):
    "Satellites bring count and age, models none; an age is of the day that ends, so between 0 and 1."
    result = user.extract("2020-01-01", "2020-01-03", "--products", "no2,era5-rain", "--quality")
    assert result.exit_code == 0, result.output
    panel = user.panel()
    assert list(panel)[-4:] == ["no2", "no2_count", "no2_age", "precipitation"]
    assert (panel["no2_count"] > 0).tolist() == panel["no2"].notna().tolist()
    seen = panel["no2_age"].dropna()
    assert ((seen > 0) & (seen < 1)).all()
    assert panel_metadata(panel).units["no2_age"] == "d"


def test_local_days(user):
    "In Kampala, two hours ahead, other rain falls than on the day in UTC; in Accra the same."
    utc, local = user.out.parent / "utc", user.out.parent / "local"
    for out, more in ((utc, []), (local, ["--day", "local"])):
        assert user.extract("2020-01-01", "2020-01-02", *FEW, *more, out=out).exit_code == 0
    panels = [read_panel(out / "panel.parquet").set_index("site_id") for out in (utc, local)]
    assert [panel_metadata(panel).day_basis for panel in panels] == ["utc", "local"]
    rain = [panel["precipitation"] for panel in panels]
    assert rain[0]["accra"].tolist() == rain[1]["accra"].tolist()
    assert (rain[0]["kampala"] != rain[1]["kampala"]).all()


def test_products_without_images_are_told_and_left_out(user):
    "GFS has these bands since 2025; in 2020 `live` lacks their columns."
    result = user.extract("2020-01-01", "2020-01-01", "--recipe", "live", "--products", "gfs-2025,gfs-rain")
    assert result.exit_code == 0, result.output
    assert "gfs-2025 (NOAA/GFS0P25) has no images: it runs from 2025-01-17 to today" in result.output
    assert "temp_dew" not in user.panel()
    assert user.panel()["precipitation"].notna().all()


def test_the_live_recipe_fills_the_live_columns(user):
    "All of them, in 2025."
    result = user.extract("2025-03-01", "2025-03-01", "--recipe", "live")
    assert result.exit_code == 0, result.output
    columns = ["no2", "relative_humidity", "temp_dew", "precipitation", "precipitable_water", "night_lights"]
    assert set(columns) <= set(user.panel())
    assert user.manifest()["assets"]["no2-nrti"] == "COPERNICUS/S5P/NRTI/L3_NO2"


def test_the_reference_recipe_has_the_inputs_of_the_published_model(user):
    "Every input that `reference()` reads, and nothing else beside keys and population."
    result = user.extract("2020-01-01", "2020-01-01", "--recipe", "reference")
    assert result.exit_code == 0, result.output
    extracted = {*user.panel()} - {*IDENTITY, "population"}
    read = {*reference().inputs} - {*IDENTITY}
    assert extracted == read


def test_features_meet_targets_and_train(user, make_panel):
    "Three cities and twelve days: extract, join with PM2.5 of the same cities, train."
    days = pd.date_range("2020-01-01", periods=12).strftime("%Y-%m-%d").tolist()
    assert user.extract(days[0], days[-1], *FEW).exit_code == 0
    targets = make_panel(dict.fromkeys(CITIES["city_id"], days), pm25=20 + np.arange(36.0) % 7)
    places = CITIES.set_index("city_id")
    for name in ("latitude", "longitude", "country"):
        targets[name] = targets["site_id"].map(places[name])
    write_panel(targets, user.out.parent / "targets.parquet")
    panel, bundle = user.out.parent / "panel.parquet", user.out.parent / "bundle"
    joined = airq("join", user.out / "panel.parquet", user.out.parent / "targets.parquet", "--out", panel)
    assert joined.exit_code == 0, joined.output
    assert read_panel(panel)["pm25"].notna().sum() == 36
    trained = airq("train", panel, "--out", bundle, "--scheme", "none", "--jobs", 1)
    assert trained.exit_code == 0, trained.output
    features = json.loads((bundle / "bundle.json").read_text())["features"]
    assert any("precipitation" in str(feature) for feature in features)


# -- from Python


@pytest.fixture
def client(server):
    return EarthEngine("p", "anonymous", server.url, workers=4)


def test_a_table_and_a_file_give_the_same_panel(user, client):
    "Cities as a DataFrame, days as text or time stamps; the panel has its metadata, and warns of its origin."
    settings = {"products": ["no2", "elevation"], "client": client}
    with pytest.warns(AirqWarning, match="SIMULATED"):
        one = extract(CITIES, "2020-01-01", "2020-01-03", out=user.out, **settings)
    days = pd.date_range("2020-01-01", "2020-01-03")
    with pytest.warns(AirqWarning, match="SIMULATED"):
        other = extract(user.cities, days[0], days[-1], out=user.out.parent / "other", **settings)
    pd.testing.assert_frame_equal(one, other)
    assert panel_metadata(one).units["no2"] == "mol m⁻²"
    assert one["site_id"].tolist() == [site for site in CITIES["city_id"] for _ in range(3)]


def test_a_table_of_cities_is_checked(user, client):
    "A missing column is named; nothing is sent."
    with pytest.raises(ValueError, match="The city table has no column 'latitude'"):
        extract(CITIES.drop(columns="latitude"), "2020-01-01", "2020-01-03", out=user.out, client=client)
    assert user.sent() == []


def test_progress_is_reported(user, client):
    "Cities times bands: 3 x 1 of the heights and 3 x 3 of NO2, all done at the last report; two requests."
    request = ExtractionRequest(CITIES, "2020-01-01", "2020-01-03", products=["no2", "elevation"])
    seen = []
    run_extraction(request, out=user.out, client=client, report_progress=lambda own: seen.append(copy(own)))
    assert [own.done for own in seen] == sorted(own.done for own in seen)
    assert (seen[-1].total, seen[-1].done, seen[-1].chunks) == (12, 12, 2)
    assert (seen[-1].requests, seen[-1].under_way, seen[-1].retries) == (2, 0, 0)


def test_check_from_python(client):
    "A record for each product, with values and units."
    (probe,) = check(CITIES, "2020-01-01", "2020-01-01", products=["elevation"], client=client)
    assert (probe.product, probe.works) == ("elevation", True)
    assert probe.answer.startswith("elevation ")
    assert probe.answer.endswith(" m")


WITHOUT_CLIENT = """
import sys
for name in ("ee", "google", "googleapiclient", "httplib2", "tenacity"):
    sys.modules[name] = None
from airq.workflows.extract import EarthEngine, extract, plan
print(plan(sys.argv[1], "2020-01-01", "2020-01-31").cost.requests)
try:
    extract(sys.argv[1], "2020-01-01", "2020-01-31", out=sys.argv[2], client=EarthEngine("p"))
except ModuleNotFoundError as error:
    print(error)
"""


def test_plans_need_no_client_and_extractions_say_what_to_install(user):
    "In a process that has no earthengine-api: requests are counted; then one line that names the package."
    command = [sys.executable, "-c", WITHOUT_CLIENT, user.cities, user.out]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    requests, line = result.stdout.splitlines()
    assert int(requests) > 0
    assert line.endswith("pip install earthengine-api")
    assert "airq[" not in line


# -- wrong input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--start", "2020-02-30"], "is not a day such as 2020-01-31"),
        (["--end", "2019-01-01"], "lies before the start"),
        (["--products", "no3"], "no product 'no3'. Did you mean o3?"),
        (["--radius-km", "0"], "radius of 0 km"),
        (["--rings-km", "50,50"], "rings need"),
        (["--cities", "none.csv"], "none.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_input_is_told_in_one_line(user, arguments, words):
    "Before anything is sent or written."
    result = user.extract("2020-01-01", "2020-01-02", *arguments)
    refused(result, words)
    assert user.sent() == []
    assert not user.out.exists()


def test_a_city_at_exchanged_coordinates_is_refused(user):
    "Kampala at 32.6 north, 0.3 east is in Algeria: one line, nothing sent."
    exchanged = CITIES.rename(columns={"latitude": "longitude", "longitude": "latitude"})
    table = pd.concat([CITIES[CITIES["city_id"] != "kampala"], exchanged[exchanged["city_id"] == "kampala"]])
    table.to_csv(user.cities, index=False)
    refused(user.extract("2020-01-01", "2020-01-01", *FEW), "look swapped", "'Kampala'")
    assert user.sent() == []


def test_a_table_without_populations_makes_no_empty_column(user):
    "What nobody knows is no column, else training would stumble over it."
    CITIES.drop(columns="population", errors="ignore").to_csv(user.cities, index=False)
    assert user.extract("2020-01-01", "2020-01-01", *FEW).exit_code == 0
    assert "population" not in user.panel()

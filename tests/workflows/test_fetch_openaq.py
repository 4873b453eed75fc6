"""From cities to a panel of OpenAQ's monitors, against a server of simulated air."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from http_servers import Air, AirServer, Faults, Limits, Monitors
from http_servers.archive import key_of
from patience import PATIENCE, wait_until
from typer.testing import CliRunner

from airq.cities import read_cities
from airq.cli import app
from airq.io import read_panel
from airq.panel import panel_metadata
from airq.sources.online.http import Patience
from airq.workflows.fetch_openaq import fetch_openaq, plan_openaq

QUICK = Patience(attempts=4, base=0.001, longest=0.002)
PLACES = [
    ("Kampala", "UGA", 0.32, 32.58),
    ("Nairobi", "KEN", -1.29, 36.82),
    ("Lagos", "NGA", 6.45, 3.39),
    ("Accra", "GHA", 5.56, -0.20),
    ("Addis Ababa", "ETH", 9.03, 38.74),
    ("Dakar", "SEN", 14.69, -17.44),
    ("Kigali", "RWA", -1.94, 30.06),
    ("Lusaka", "ZMB", -15.41, 28.28),
]
CITIES = read_cities(pd.DataFrame(PLACES, columns=["city", "country", "latitude", "longitude"]))
TRAPS = {
    1: "moved",
    2: "twins",
    3: "other_unit",
    4: ["other_parameters", "bad_values"],
    5: ["months_missing", "no_licence"],
    6: "mobile",
    7: "hours_missing",
}
START, END = "2024-02-20", "2024-03-10"
SPAN = {"start": START, "end": END}


@pytest.fixture(scope="module")
def served():
    air = Air(epoch="2023-12-01")
    monitors = Monitors(CITIES, air, traps=TRAPS, moved_on="2024-03-01")
    with AirServer(air, today="2024-04-30", monitors=monitors, limits=Limits().without()) as server:
        yield server


@pytest.fixture
def server(served, monkeypatch):
    monkeypatch.setenv("OPENAQ_API_KEY", "0123456789abcdef")
    served.faults = Faults()
    served.reset()
    return served


def fetch(server, folder, cities=CITIES, **settings):
    settings = {**SPAN, "out": folder / "monitors.parquet", "url": server.url, "patience": QUICK, **settings}
    return fetch_openaq(cities, **settings)


def expected(server, number, first=START, last=END, *, min_hours=18):
    """Work out the daily means of a location from the archive's hours, by local day."""
    monitor, means = server.monitors[number], {}
    for day in pd.date_range(first, last):
        if not monitor.measures_on(day.date()):
            continue
        rows = pd.read_csv(io.StringIO(server.bucket.text(key_of(number, day))))
        rows = rows[(rows["parameter"] == "pm25") & (rows["value"] >= 0)]
        value = rows["value"] * np.where(rows["units"] == "mg/m³", 1000.0, 1.0)
        sensors = value.groupby(rows["sensors_id"]).agg(["mean", "size"])
        sensors = sensors[sensors["size"] >= min_hours]
        if len(sensors):
            means[day] = sensors["mean"].mean()
    return pd.Series(means)


def series(panel, number):
    return panel[panel["site_id"] == f"openaq-{number}"].set_index("date")["pm25"]


def test_values_are_those_of_the_hours_and_traps_are_named(server, tmp_path):
    """Each day is the mean of its local hours; what is left out or lacks is counted and named."""
    report = fetch(server, tmp_path)
    panel = read_panel(tmp_path / "monitors.parquet")
    for number in (900001, 900003, 900004, 900005, 900006, 900008):
        own, right = series(panel, number), expected(server, number)
        assert own.index.tolist() == right.index.tolist() and len(own)
        npt.assert_allclose(own, right, rtol=1e-4)
    assert len(series(panel, 900001)) == 20
    assert set(panel["site_id"].str[-1]) == set("134568")
    assert set(panel["city_id"]) == set(CITIES["city_id"]) - {"KEN:Nairobi", "RWA:Kigali"}
    assert report.left_out == {"mobile": 1, "that moved in these days": 1}
    assert (report.locations, report.locations_kept, report.cities_with) == (8, 6, 6)
    assert report.ingest.dropped["of a location that moves"] == 20 * 24
    assert report.ingest.dropped["other parameter"] == 2 * 20 * 24
    assert report.ingest.dropped["negative PM2.5"] > 0
    assert report.ingest.dropped["fewer than 18 hours"] > 0
    notes = " | ".join(report.notes)
    assert "1 location left out, that moved in these days: 900002 (SIMULATED Nairobi 1)" in notes
    assert "1 location left out, mobile: 900007 (SIMULATED Kigali 1)" in notes
    assert "1 of 14 months of locations have no files: 900006 2024-03" in notes
    assert "2 cities without a location in the panel: Nairobi, Kigali" in notes
    assert "SIMULATED, or another stand-in for OpenAQ (a server on this machine)" in notes
    assert "the licences of 1 location are unknown: OpenAQ tells none" in notes
    assert json.loads(json.dumps(report.to_dict()))["locations"] == 8


def test_licence_and_provider_are_kept(server, tmp_path):
    """In the table by location, in the panel by phrase; what is simulated says so in both."""
    fetch(server, tmp_path)
    metadata = panel_metadata(read_panel(tmp_path / "monitors.parquet"))
    who = "SIMULATED, or another stand-in for OpenAQ (a server on this machine): provider SIMULATED provider"
    assert metadata.sources == (f"{who}, licence CC BY 4.0", f"{who}, licence unknown")
    assert (metadata.pm25_origin, metadata.day_basis) == ("simulated", "local")
    table = pd.read_csv(tmp_path / "monitors-locations.csv", index_col="location_id")
    assert table.loc[900001, ["city", "country", "provider", "owner", "licence", "attribution"]].tolist() == [
        *("Kampala", "UGA", "SIMULATED provider", "SIMULATED owner", "CC BY 4.0", "SIMULATED provider"),
    ]
    assert table.loc[900001, ["first_day", "last_day", "files", "rows", "days"]].tolist() == [
        *(START, END, 22, 480, 20),
    ]
    assert table.loc[900006, "licence"] is np.nan
    assert table.loc[900002, "left_out"] == "that moved in these days"
    assert table["source"].str.startswith("SIMULATED").all()


@pytest.mark.slow
def test_a_third_run_sends_nothing(server, tmp_path):
    """A run with faults at every step gives the same panel; then nothing is asked for any more."""
    usual = fetch(server, tmp_path / "usual")
    kinds = ("unavailable", "truncated", "dropped", "truncated_gzip", "truncated_length", "too_many")
    server.faults = Faults(**dict.fromkeys(kinds, 0.03), seed=3)
    patient = Patience(attempts=12, base=0.001, longest=0.002)
    faulty = fetch(server, tmp_path / "faulty", patience=patient)
    assert faulty.retries > 0 and faulty.fetched == usual.fetched
    server.faults = Faults()
    server.reset()
    third = fetch(server, tmp_path / "faulty")
    assert (third.requests, third.fetched, third.files) == (0, 0, usual.files)
    assert server.stats.of() == []
    assert "all there before, nothing was sent" in str(third)
    pd.testing.assert_frame_equal(
        read_panel(tmp_path / "usual" / "monitors.parquet"),
        read_panel(tmp_path / "faulty" / "monitors.parquet"),
    )


def test_a_later_end_fetches_the_new_days_only(server, tmp_path):
    fetch(server, tmp_path)
    server.reset()
    report = fetch(server, tmp_path, end="2024-03-12")
    assert report.fetched == 2 * 6
    assert len(server.stats.of("openaq")) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [("ids.csv", "location_id,note\n900001,ours\n900004,theirs\n"), ("ids.txt", "900001\n900004\n")],
)
def test_a_list_of_ids_needs_no_key(server, tmp_path, monkeypatch, name, text):
    """Positions come from the readings, and so do the cities; licences stay unknown, which is said."""
    monkeypatch.delenv("OPENAQ_API_KEY")
    (tmp_path / name).write_text(text)
    report = fetch(server, tmp_path, locations=tmp_path / name)
    panel = read_panel(tmp_path / "monitors.parquet")
    npt.assert_allclose(series(panel, 900004), expected(server, 900004), rtol=1e-4)
    assert server.stats.of("openaq") == []
    assert any("the licences of 2 locations are unknown: a list" in note for note in report.notes)
    table = pd.read_csv(tmp_path / "monitors-locations.csv")
    assert table["city"].tolist() == ["Kampala", "Accra"] and table["distance_km"].between(0.01, 3.2).all()
    if "note" in text:
        assert table["note"].tolist() == ["ours", "theirs"]


@pytest.mark.slow
def test_the_table_of_locations_is_a_list_for_another_run(server, tmp_path, monkeypatch):
    """It gives the same panel, licences among it, without a key."""
    fetch(server, tmp_path / "first")
    monkeypatch.delenv("OPENAQ_API_KEY")
    fetch(server, tmp_path / "second", locations=tmp_path / "first" / "monitors-locations.csv")
    first, second = (read_panel(tmp_path / name / "monitors.parquet") for name in ("first", "second"))
    pd.testing.assert_frame_equal(first, second)
    assert panel_metadata(first) == panel_metadata(second)


def test_locations_that_are_not_of_use_are_named(server, tmp_path):
    """A location of another place, one of ids that do not exist, one that OpenAQ says lacks PM2.5."""
    table = pd.DataFrame({"location_id": ["900001", "900003", "12"], "name": ["a", "b", "c"]})
    report = fetch(server, tmp_path, CITIES.iloc[:2], locations=table)
    assert report.left_out == {"farther than 25 km from every city": 1, "without files in these days": 1}
    assert report.ingest.read == 20 * 24
    table = table.assign(has_pm25=[True, False, True], is_mobile=False)
    report = fetch(server, tmp_path, locations=table)
    assert report.left_out == {"without PM2.5": 1, "without files in these days": 1}


def test_one_unreadable_location_does_not_stop_the_others(server, tmp_path):
    """With 24 hours asked for, one that lacks a third of its hours has no day."""
    (tmp_path / "ids.csv").write_text("location_id\n900003\n900008\n")
    report = fetch(server, tmp_path, locations=tmp_path / "ids.csv", min_hours=24)
    assert report.left_out == {"without a daily value": 1}
    assert any("900008 (none of " in note and "fewer than 24 hours" in note for note in report.notes)


def test_twins_are_named_or_merged(server, tmp_path):
    """Two ids of one monitor: the archive has its files under another id, too."""
    air, cities = server.air, CITIES.iloc[:1]
    monitors = Monitors(cities, air)
    (monitor,) = monitors.all
    twin = dataclasses.replace(monitor, id=900002, name="SIMULATED again")
    monitors.all.append(twin)
    monitors._by_id[twin.id] = twin
    with AirServer(air, today="2024-04-30", monitors=monitors) as other:
        report = fetch(other, tmp_path, cities)
        assert report.ingest.sites == 2
        assert any("one monitor under two names; --twins merge" in note for note in report.notes)
        report = fetch(other, tmp_path, cities, twins="merge")
        assert report.ingest.sites == 1
        assert any(
            "merged, as they read the same: openaq-900002 into openaq-900001" in n for n in report.notes
        )


def around(server, cities, **settings):
    """Return a server of other monitors in the same air."""
    monitors = Monitors(cities, server.air, **settings)
    return AirServer(server.air, today="2024-04-30", monitors=monitors, limits=Limits().without())


def test_a_location_that_moved_after_the_days_stands_where_it_read(server, tmp_path):
    """OpenAQ has it 4 km further north by now."""
    with around(server, CITIES.iloc[:1], traps={0: "moved"}, moved_on="2024-04-10") as other:
        report = fetch(other, tmp_path, CITIES.iloc[:1])
        before, _ = other.monitors[900001].position(pd.Timestamp(END).date())
    assert "location 900001 (SIMULATED Kampala 1) stood 4.0 km from where OpenAQ has it now" in report.notes
    assert pd.read_csv(report.locations_file)["latitude"].tolist() == [before]
    assert read_panel(report.out)["latitude"].unique().tolist() == [before]


def test_a_neighbour_across_a_border_is_of_no_city_asked_for(server, tmp_path):
    """Kinshasa's monitor is near Brazzaville, but in another country; the nearest city asked for is told."""
    rows = [("Kinshasa", "COD", -4.32, 15.31), ("Brazzaville", "COG", -4.27, 15.28)]
    cities = read_cities(pd.DataFrame(rows, columns=["city", "country", "latitude", "longitude"]))
    with around(server, cities) as other:
        report = fetch(other, tmp_path, cities.iloc[1:])
    panel = read_panel(report.out)
    assert panel.groupby("country", observed=True)["city_id"].first().to_dict() == {
        "COD": "openaq-900001",
        "COG": "COG:Brazzaville",
    }
    assert any("1 of the locations in another country" in note for note in report.notes)
    assert report.cities_with == 1


def test_days_that_the_archive_does_not_have_yet_are_said(server, tmp_path):
    """It has files until three days ago."""
    report = fetch(server, tmp_path, CITIES.iloc[:1], start="2024-04-20", end="2024-04-30")
    assert any("no file after 2024-04-27 yet, 3 days before the end" in note for note in report.notes)
    assert report.ingest.last == "2024-04-27"


COMMAND = """
import sys
from airq.sources.online.http import Patience
from airq.workflows.fetch_openaq import fetch_openaq
url, cities, out, cache = sys.argv[1:]
fetch_openaq(cities, "2024-02-20", "2024-03-10", out=out, url=url, cache=cache, workers=3,
             patience=Patience(attempts=12, base=0.001, longest=0.002))
"""


def start(server, folder, name="monitors"):
    CITIES.to_csv(folder / f"{name}-cities.csv", index=False)
    arguments = [server.url, folder / f"{name}-cities.csv", folder / f"{name}.parquet", folder / "files"]
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "ignore"})


@pytest.mark.slow
def test_a_killed_run_goes_on(server, tmp_path):
    """What it had is not fetched again, nothing of it is half a panel, and the third run sends nothing."""
    server.faults = Faults(slow=range(60, 1000), slow_seconds=PATIENCE)
    process = start(server, tmp_path)
    wait_until(lambda: len(server.stats.of()) == 63, "The 60 answers and the three that all workers wait for")
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)
    process.stderr.close()
    assert not (tmp_path / "monitors.parquet").exists()
    had = len(list((tmp_path / "files").rglob("location-*.csv.gz")))
    assert had > 20
    server.faults = Faults()
    report = fetch(server, tmp_path, cache=tmp_path / "files")
    assert report.fetched == report.files - had
    assert fetch(server, tmp_path, cache=tmp_path / "files").requests == 0
    npt.assert_allclose(series(read_panel(report.out), 900001), expected(server, 900001), rtol=1e-4)


@pytest.mark.long
def test_two_processes_at_once(server, tmp_path):
    """They share the folder of files; both panels are whole and the same."""
    server.faults = Faults(truncated=0.05, seed=1)
    processes = [start(server, tmp_path, name) for name in ("one", "two")]
    for process in processes:
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, error.decode()
    one, two = (read_panel(tmp_path / f"{name}.parquet") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two)
    npt.assert_allclose(series(one, 900001), expected(server, 900001), rtol=1e-4)
    assert not list((tmp_path / "files").rglob(".*"))
    assert fetch(server, tmp_path, cache=tmp_path / "files").requests == 0


def test_a_file_that_stays_broken_is_an_error_that_names_it(server, tmp_path):
    """No panel is written; the next run fetches the rest."""
    server.faults = Faults(truncated_gzip=range(30, 10_000), services=("s3",))
    with pytest.raises(ConnectionError, match=r"location-9000\d\d-2024\d{4}\.csv\.gz came broken"):
        fetch(server, tmp_path)
    assert not (tmp_path / "monitors.parquet").exists()
    assert not (tmp_path / "monitors-locations.csv").exists()
    server.faults = Faults()
    report = fetch(server, tmp_path)
    assert 0 < report.fetched < report.files


def test_a_file_that_is_broken_in_the_archive_itself_is_left_out_and_named(server, tmp_path, monkeypatch):
    """It is what the archive lists, so that asking again cannot help; the other days are there."""
    name, content = "location-900001-20240225.csv.gz", server.bucket._content

    def broken(monitor, day):
        whole = content(monitor, day)
        return whole[: len(whole) // 2] if (monitor.id, f"{day}") == (900001, "2024-02-25") else whole

    monkeypatch.setattr(server.bucket, "_content", broken)
    report = fetch(server, tmp_path)
    own = series(read_panel(tmp_path / "monitors.parquet"), 900001)
    assert pd.Timestamp("2024-02-25") not in own.index and len(own) == 19
    assert f"left out, as damaged in the archive itself: {name}" in report.notes
    assert report.retries == 0


def test_a_plan_with_ids_sends_nothing(server, tmp_path):
    """Two locations, two months each, 22 days; once they are fetched nothing is left."""
    ids = pd.DataFrame({"location_id": ["900001", "900003"]})
    plan = plan_openaq(CITIES, **SPAN, out=tmp_path / "p.parquet", locations=ids, url=server.url)
    assert (plan.locations, plan.months, plan.lists, plan.files_at_most) == (2, 4, 4, 44)
    assert (plan.requests_at_most, plan.requests_sent) == (48, 0)
    assert server.stats.of() == [] and list(tmp_path.iterdir()) == []
    assert str(plan).startswith("At most 48 requests for 2 locations: 4 lists of 4 months, up to 44 files")
    report = fetch(server, tmp_path, out=tmp_path / "p.parquet", locations=ids)
    assert report.requests == plan.requests_at_most
    plan = plan_openaq(CITIES, **SPAN, out=tmp_path / "p.parquet", locations=ids, url=server.url)
    assert (plan.lists, plan.requests_at_most) == (0, 0)


def test_a_plan_asks_for_the_locations_only(server, tmp_path):
    plan = plan_openaq(CITIES, **SPAN, out=tmp_path / "p.parquet", url=server.url)
    assert plan.requests_sent == len(server.stats.of("openaq")) == len(server.stats.of()) == 8
    assert (plan.locations, plan.left_out) == (7, {"mobile": 1})


@pytest.mark.parametrize("option", [["--workers", "8"], ["--twins", "keep"], ["--min-hours", "18"]])
def test_a_plan_refuses_what_only_a_fetch_uses(server, tmp_path, option):
    "Also where the value is the default."
    CITIES.to_csv(tmp_path / "cities.csv", index=False)
    files = ["--cities", f"{tmp_path / 'cities.csv'}", "--out", f"{tmp_path / 'p.parquet'}"]
    command = ["fetch", "openaq", *files, "--start", START, "--end", END, "--url", server.url, "--plan"]
    result = CliRunner().invoke(app, [*command, *option], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"{option[0]} does not apply with --plan" in result.stderr
    assert server.stats.of() == []


def test_no_location_near_any_city(server, tmp_path):
    nowhere = pd.DataFrame(
        [("Tunis", "TUN", 36.8, 10.18)], columns=["city", "country", "latitude", "longitude"]
    )
    with pytest.raises(
        ValueError, match=r"No location of OpenAQ with PM2\.5 stands within 25 km of any of 1 city"
    ):
        fetch(server, tmp_path, nowhere)


def test_no_reading_in_the_days(server, tmp_path):
    ids = pd.DataFrame({"location_id": ["900001"]})
    with pytest.raises(
        ValueError, match=r"No daily PM2\.5 is left of 1 location of OpenAQ \(1 without files"
    ):
        fetch(server, tmp_path, start="2020-01-01", end="2020-01-03", locations=ids)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"radius_km": 0}, "The radius is 0 km"),
        ({"radius_km": float("nan")}, "The radius is nan km"),
        ({"radius_km": 1e4}, "The radius is 10000 km"),
        ({"start": "2024-03-11"}, "The end 2024-03-10 lies before the start 2024-03-11."),
        ({"end": "10.3.2024"}, "The end '10.3.2024' is not a day such as 2020-01-31."),
        ({"end": "2090-01-01", "start": "2080-01-01"}, "The end 2090-01-01 lies in the future"),
        ({"workers": 0}, "workers is 0"),
        ({"min_hours": 25}, "min_hours is 25; a day has 1 to 24 hours."),
        ({"twins": "drop"}, "twins is 'drop'; it must be one of keep, merge."),
        ({"url": "localhost:8080"}, "--url takes an address like"),
        ({"locations": "nothing.csv"}, "No such file: nothing.csv."),
        ({"locations": "cities.csv"}, "cities.csv has no column 'location_id'."),
        ({"out": "panel.csv"}, "panel.csv would hold Parquet"),
        ({"cities": "swapped.csv"}, "latitude and longitude look swapped"),
        ({"cache": "cities.csv"}, "cities.csv is a file; the fetched files need a folder"),
        ({}, "OPENAQ_API_KEY"),
    ],
)
def test_wrong_arguments_are_one_line(server, tmp_path, monkeypatch, changed, message):
    """Nothing is sent, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAQ_API_KEY")
    CITIES.to_csv("cities.csv", index=False)
    swapped = {"latitude": "longitude", "longitude": "latitude"}
    CITIES.iloc[:3].rename(columns=swapped).to_csv("swapped.csv", index=False)
    before = sorted(tmp_path.iterdir())
    settings = {"cities": "cities.csv", **SPAN, "out": "monitors.parquet", "url": server.url, **changed}
    with pytest.raises((ValueError, OSError)) as error:
        fetch_openaq(settings.pop("cities"), **settings)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert server.stats.of() == []
    assert sorted(tmp_path.iterdir()) == before

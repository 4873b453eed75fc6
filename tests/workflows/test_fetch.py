"""From cities to a panel of Open-Meteo's fields, against a server of simulated air."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from http_servers import Air, AirServer, Faults, Limits
from patience import PATIENCE, wait_until
from typer.testing import CliRunner

import airq
from airq.cities import bundled_cities, read_cities
from airq.cli import app
from airq.messages import AirqWarning
from airq.panel import panel_metadata
from airq.sources.chunks import read_chunks
from airq.sources.online.errors import Unavailable
from airq.sources.online.http import Patience
from airq.sources.online.open_meteo import calls_of
from airq.workflows.fetch import OpenMeteo, fetch_open_meteo, plan_open_meteo

AIRQ = [sys.executable, "-c", "from airq.cli import main; main()"]
QUICK = Patience(attempts=6, base=0.001, longest=0.002, timeout=30.0)
PLACES = [
    ("Kampala", "UGA", 0.32, 32.58),
    ("Nairobi", "KEN", -1.29, 36.82),
    ("Dakar", "SEN", 14.69, -17.44),
]
CITIES = read_cities(pd.DataFrame(PLACES, columns=["city", "country", "latitude", "longitude"]))
SPAN = ("2024-02-27", "2024-03-05")
TODAY = np.datetime64("2024-06-30")
WEATHER = {
    "temperature_2m": "temp_air",
    "dew_point_2m": "temp_dew",
    "relative_humidity_2m": "relative_humidity",
    "surface_pressure": "pressure",
    "boundary_layer_height": "boundary_layer_height",
}
FIELDS = {
    "pm2_5": "cams_pm25",
    "aerosol_optical_depth": "aod055",
    **{
        name: name
        for name in ("pm10", "dust", "carbon_monoxide", "nitrogen_dioxide", "sulphur_dioxide", "ozone")
    },
}


@pytest.fixture(scope="module")
def served():
    with AirServer(Air(epoch="2022-07-01"), today=str(TODAY), limits=Limits().without()) as server:
        yield server


@pytest.fixture
def server(served):
    served.faults, served.down, served.today = Faults(), set(), str(TODAY)
    served.limits = Limits().without()
    served.reset()
    return served


def fetch(server, folder, start=SPAN[0], end=SPAN[1], *, cities=CITIES, patience=QUICK, **settings):
    client = OpenMeteo(url=server.url, patience=patience)
    return fetch_open_meteo(cities, start, end, out=folder / "out", client=client, on_day=TODAY, **settings)


def panel(folder):
    return airq.read_panel(folder / "out" / "panel.parquet")


def expected(air, cities, start, end, offset_hours=0):
    """Work out the panel from the hours that are served, by local day where an offset is given [h]."""
    cities = cities.sort_values("city_id")
    hours = [pd.Timestamp(start) - pd.Timedelta(days=1), pd.Timestamp(end) + pd.Timedelta(hours=47)]
    place = cities["latitude"].to_numpy(), cities["longitude"].to_numpy()
    asked = [*WEATHER, "precipitation", "wind_speed_10m", "wind_direction_10m"]
    weather = air.hours(*place, *hours, asked, grid="era5", round_as={"wind_speed_unit": "ms"})
    fields = air.hours(*place, *hours, [*FIELDS], grid="cams_global", round_as={})
    angle = np.radians(weather["wind_direction_10m"])
    table = weather.rename(columns=WEATHER)[[*WEATHER.values()]].join(fields.rename(columns=FIELDS))
    table["wind_u"] = -weather["wind_speed_10m"] * np.sin(angle)
    table["wind_v"] = -weather["wind_speed_10m"] * np.cos(angle)
    table["precipitation"] = weather["precipitation"]
    time = table.index.get_level_values("time") + pd.Timedelta(hours=offset_hours)
    by_day = table.groupby([table.index.get_level_values("place"), time.normalize()])
    how = {name: "sum" if name == "precipitation" else "mean" for name in table.columns}
    daily = by_day.agg(how).reset_index(names=["place", "date"])
    daily["site_id"] = cities["city_id"].to_numpy()[daily["place"]]
    return daily[daily["date"].between(start, end)].drop(columns="place").set_index(["site_id", "date"])


def same(panel, expected):
    "All columns, to 1e-4 of their size."
    made = panel.set_index(["site_id", "date"])[expected.columns].loc[expected.index]
    assert made.notna().all(axis=None)
    npt.assert_allclose(made.to_numpy(), expected.to_numpy(), rtol=1e-4, atol=1e-4)


def test_the_panel_is_what_the_hours_make(server, tmp_path):
    "Every value equals a computation apart from ours; units, days and who answered are told."
    report = fetch(server, tmp_path)
    same(panel(tmp_path), expected(server.air, CITIES, *SPAN))
    metadata = panel_metadata(panel(tmp_path))
    assert report.rows == 3 * 8 and report.retries == 0
    assert metadata.day_basis == "utc" and metadata.units["wind_u"] == "m s⁻¹"
    assert metadata.sources[0].startswith("SIMULATED, or another stand-in for Open-Meteo")


def test_local_days_follow_the_longitude(server, tmp_path):
    "Kampala's day begins two hours before that of UTC."
    fetch(server, tmp_path, cities=CITIES[:1], day_basis="local")
    same(panel(tmp_path), expected(server.air, CITIES[:1], *SPAN, offset_hours=2))
    assert panel_metadata(panel(tmp_path)).day_basis == "local"


def test_again_sends_nothing(server, tmp_path):
    "The folder holds all that was asked for."
    fetch(server, tmp_path)
    before = panel(tmp_path)
    server.reset()
    report = fetch(server, tmp_path)
    assert not server.stats.of() and report.requests == 0
    assert str(report).startswith("Nothing was missing, nothing was sent.")
    pd.testing.assert_frame_equal(panel(tmp_path), before)


def test_more_days_and_cities_extend_the_folder(server, tmp_path):
    "Only what is new is asked for; the panel is that of one run for all."
    fetch(server, tmp_path / "a", "2024-02-27", "2024-03-01", cities=CITIES[:2])
    server.reset()
    fetch(server, tmp_path / "a", *SPAN)
    asked = [
        (own.query["start_date"], own.query["end_date"], own.places) for own in server.stats.of("archive")
    ]
    assert sorted(asked) == [("2024-02-27", "2024-03-05", 1), ("2024-03-02", "2024-03-05", 2)]
    fetch(server, tmp_path / "b", *SPAN)
    pd.testing.assert_frame_equal(panel(tmp_path / "a"), panel(tmp_path / "b"))


def test_calls_are_counted_as_documented(server, tmp_path):
    "The plan, the report, the formula and the server agree: 3 cities, 100 days, twice 8 variables."
    plan = plan_open_meteo(CITIES, "2024-01-01", "2024-04-09", client=OpenMeteo(url=server.url), on_day=TODAY)
    report = fetch(server, tmp_path, "2024-01-01", "2024-04-09")
    documented = 2 * calls_of(8, 100, 3)
    assert plan.calls == pytest.approx(documented) and report.calls == pytest.approx(documented)
    assert server.stats.calls("archive", "air-quality") == pytest.approx(documented)
    assert plan.requests == report.requests == len(server.stats.of())


def test_a_plan_sends_nothing(server, tmp_path):
    "Nor does it make a folder; what a folder holds is not counted."
    client = OpenMeteo(url=server.url)
    plan_open_meteo(CITIES, *SPAN, out=tmp_path / "out", client=client, on_day=TODAY)
    assert not server.stats.of() and not (tmp_path / "out").exists()
    fetch(server, tmp_path)
    assert plan_open_meteo(CITIES, *SPAN, out=tmp_path / "out", client=client, on_day=TODAY).requests == 0


def test_a_plan_of_the_free_service_counts_its_minutes():
    "28 place-years of 8 variables are 584 calls: within a minute; twice as many services and cities are not."
    cities = bundled_cities(min_population=1_000_000)[:56]
    plan = plan_open_meteo(cities, "2023-01-01", "2023-12-31", on_day=TODAY)
    assert plan.calls == pytest.approx(2 * 56 * 0.8 * 365 / 14)
    assert plan.limits == (600, 5000, 10_000) and 3 <= plan.minutes <= 5


@pytest.mark.parametrize(
    "fault",
    [
        *("too_many", "too_many_retry_after", "internal", "bad_gateway", "unavailable", "dropped"),
        *("dropped_midway", "truncated", "truncated_length", "invalid_json", "html", "truncated_gzip"),
        *("wrong_units", "swapped", "ends_early"),
    ],
)
def test_the_same_values_under_every_fault(server, tmp_path, fault):
    "The first request of each service fails, then the third: they are sent again."
    server.faults = Faults(**{fault: [0, 2]}, retry_after=0)
    report = fetch(server, tmp_path)
    assert report.retries == 2
    same(panel(tmp_path), expected(server.air, CITIES, *SPAN))


def test_a_fault_that_stays_ends_the_run(server, tmp_path):
    "In one error that says what to do; what came before is kept, and the next run asks for the rest only."
    server.down = {"air-quality": 503}
    with pytest.raises(Unavailable, match=r"answered 503.*6 times. Run the same command again to go on"):
        fetch(server, tmp_path)
    assert panel(tmp_path)["temp_air"].notna().all() and panel(tmp_path)["cams_pm25"].isna().all()
    server.down, before = set(), len(server.stats.of("archive"))
    fetch(server, tmp_path)
    assert len(server.stats.of("archive")) == before
    same(panel(tmp_path), expected(server.air, CITIES, *SPAN))


def test_an_unknown_variable_is_an_error_at_once(server, tmp_path, monkeypatch):
    "What the service refuses for good is not repeated; its reason is told."
    server.down = {"archive": 400}
    with pytest.raises(ValueError, match="Open-Meteo: .* refused /v1/archive"):
        fetch(server, tmp_path)
    assert len(server.stats.of("archive")) == 1


def test_an_exhausted_day_says_when_to_go_on(tmp_path, monkeypatch, server):
    "Five calls a day: one service's three cities of one call each, then two of the other's."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    client = OpenMeteo(url=server.url, calls=(5, 5, 5), patience=QUICK)
    with pytest.raises(
        Unavailable, match=r"are used up. Go on after \d{4}-\d\d-\d\d \d\d:\d\d UTC. Run the same"
    ):
        fetch_open_meteo(CITIES, *SPAN, out=tmp_path / "out", client=client, on_day=TODAY)
    chunks, _ = read_chunks(tmp_path / "out" / "chunks")
    assert sorted(chunk.layer for chunk in chunks) == ["cams-global"] * 2 + ["weather-era5"] * 3


def test_the_service_says_that_the_day_is_over(server, tmp_path, monkeypatch):
    "Its refusal for the day is not repeated."
    # Shortly before midnight the next day would be waited for.
    monkeypatch.setattr("airq.sources.online.http.LONGEST_WAIT", 0.0)
    server.limits = Limits(minute=1e9, hour=1e9, day=2)
    with pytest.raises(
        Unavailable, match=r"Daily API request limit exceeded.*Go on after \d{4}-\d\d-\d\d 00:00 UTC"
    ):
        fetch(server, tmp_path)
    assert server.stats.statuses("archive", "air-quality") == {200: 1, 429: 1}


def test_days_before_cams_are_told_and_left_empty(server, tmp_path):
    "Two days of July 2022 have weather, and no PM2.5."
    report = fetch(server, tmp_path, "2022-07-30", "2022-08-02")
    assert any("CAMS begins on 2022-08-01: 2 of 4 days have no values of it" in note for note in report.notes)
    made = panel(tmp_path).set_index("date")
    assert (
        made.loc["2022-07-31", "cams_pm25"].isna().all() and made.loc["2022-07-31", "temp_air"].notna().all()
    )
    assert made.loc["2022-08-01", "cams_pm25"].notna().all()


def test_days_that_era5_does_not_have_yet_come_later(server, tmp_path):
    "It is five days late: they are told, left empty, and asked for on a later day."
    client = OpenMeteo(url=server.url, patience=QUICK)
    where = {"out": tmp_path / "out", "client": client}
    report = fetch_open_meteo(CITIES, "2024-06-20", "2024-06-28", on_day=TODAY, **where)
    assert any("ERA5 ends on 2024-06-25 now: 3 of 9 days stay empty" in note for note in report.notes)
    assert panel(tmp_path)["temp_air"].notna().sum() == 3 * 6
    server.today = "2024-07-08"
    fetch_open_meteo(CITIES, "2024-06-20", "2024-06-28", on_day=np.datetime64("2024-07-08"), **where)
    same(panel(tmp_path), expected(server.air, CITIES, "2024-06-20", "2024-06-28"))


def test_live_fetches_the_days_since_and_ahead(server, tmp_path):
    "The last week comes from forecasts, and so do four days ahead; the height stays that of ERA5's cell."
    fetch(server, tmp_path, "2024-06-20", "2024-07-04", recipe="live")
    made = panel(tmp_path)
    assert len(made) == 3 * 15 and made["temp_air"].notna().all() and made["cams_pm25"].notna().all()
    assert (made.groupby("site_id")["elevation"].nunique() == 1).all()
    with pytest.raises(ValueError, match="lies in the future.*at most 4 days ahead"):
        fetch(server, tmp_path, "2024-06-20", "2024-07-05", recipe="live")
    with pytest.raises(ValueError, match="only with --recipe live"):
        fetch(server, tmp_path / "other", "2024-06-20", "2024-07-01")


def test_the_cell_of_each_city_is_kept(server, tmp_path):
    "Kampala lies in ERA5's cell at 0.25° N, 32.5° E."
    fetch(server, tmp_path, cities=CITIES[:1])
    chunks, _ = read_chunks(tmp_path / "out" / "chunks")
    (weather,) = [chunk for chunk in chunks if chunk.layer == "weather-era5"]
    npt.assert_allclose(weather.cells[0][:2], [0.25, 32.5], atol=1e-4)


def test_values_of_two_kinds_do_not_mix(server, tmp_path):
    "A folder keeps its recipe, kind of day, and who answered."
    fetch(server, tmp_path)
    with pytest.raises(ValueError, match=r"begun with other settings \(recipe"):
        fetch(server, tmp_path, recipe="live")
    with pytest.raises(ValueError, match=r"begun with other settings \(day_basis"):
        fetch(server, tmp_path, day_basis="local")
    with pytest.raises(ValueError, match=r"begun with other settings \(service"):
        plan_open_meteo(CITIES, *SPAN, out=tmp_path / "out", on_day=TODAY)


def test_a_key_is_never_written(server, tmp_path):
    "Not into the folder, nor into an error; the service got it."
    client = OpenMeteo(url=server.url, api_key="s3cret", patience=QUICK)
    fetch_open_meteo(CITIES, *SPAN, out=tmp_path / "out", client=client, on_day=TODAY)
    assert {own.key for own in server.stats.of("archive", "air-quality")} == {"s3cret"}
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert files and not any(b"s3cret" in path.read_bytes() for path in files)
    assert "s3cret" not in repr(client)
    server.down = {"archive": 400}
    with pytest.raises(ValueError) as refusal:
        fetch_open_meteo(CITIES, *SPAN, out=tmp_path / "other", client=client, on_day=TODAY)
    assert "s3cret" not in str(refusal.value)


def test_fetch_returns_the_panel_and_warns(server, tmp_path):
    "The function of the front door."
    with pytest.warns(AirqWarning, match="no figure of it is about a real place"):
        made = airq.fetch("open-meteo", CITIES, *SPAN, out=tmp_path / "out", client=OpenMeteo(url=server.url))
    assert len(made) == 3 * 8
    with pytest.raises(ValueError, match="Did you mean open-meteo"):
        airq.fetch("open-meteor", CITIES, *SPAN, out=tmp_path / "out")


def command(server, folder, *more, span=("2024-01-01", "2024-03-31")):
    CITIES.to_csv(folder / "cities.csv", index=False)
    words = ["fetch", "open-meteo", "--cities", folder / "cities.csv", "--start", span[0], "--end", span[1]]
    return [str(word) for word in [*words, "--out", folder / "out", "--url", server.url, *more]]


def test_the_command_prints_its_plan_first(server, tmp_path):
    "On standard error; --plan prints it alone and sends nothing."
    planned = CliRunner().invoke(app, command(server, tmp_path, "--plan"))
    assert planned.exit_code == 0 and re.search(r"3 cities, 91 days: \d+ requests, 31 calls", planned.stdout)
    assert not server.stats.of()
    result = CliRunner().invoke(app, command(server, tmp_path, "--json", tmp_path / "report.json"))
    assert result.exit_code == 0 and "31 calls" in result.stderr
    assert "panel.parquet: 273 rows, 3 cities, 2024-01-01 to 2024-03-31." in result.stdout
    assert json.loads((tmp_path / "report.json").read_text())[0]["rows"] == 273


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--products", "clouds"], 1, "some of weather and cams"),
        (["--calls", "1,2"], 1, "a minute, an hour and a day"),
        (["--calls", "many"], 2, "not a list of numbers"),
        (["--end", "2023-01-01"], 1, "lies before the start"),
        (["--start", "January"], 1, "is not a day such as 2020-01-31"),
        (["--url", "ftp://x"], 1, "--url takes an address like"),
        (["--cities", "nowhere.csv"], 1, "nowhere.csv"),
        (["--recipe", "past"], 2, "past"),
    ],
)
def test_wrong_arguments_end_in_a_line(server, tmp_path, more, code, words):
    "And nothing is written."
    result = CliRunner().invoke(app, [*command(server, tmp_path), *more])
    assert result.exit_code == code and words in " ".join(result.stderr.split())
    assert "Traceback" not in result.output and not (tmp_path / "out").exists()


def killed_after(words, chunks, number, environment):
    """Run the command until so many chunks are there, and kill it."""
    running = subprocess.Popen([*AIRQ, *words], env=environment, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(read_chunks(chunks)[0]) >= number or running.poll() is not None, "a chunk")
    running.send_signal(signal.SIGKILL)
    running.wait(PATIENCE)


@pytest.mark.long
def test_killed_at_any_moment_it_goes_on(server, tmp_path):
    "After one chunk, two and three; the panel is that of a run in peace, and one more run sends nothing."
    server.faults = Faults(slow=1, slow_seconds=0.2)
    words = [*command(server, tmp_path), "--cities", str(cities_file(tmp_path, 40))]
    for number in (1, 2, 3):
        killed_after(words, tmp_path / "out" / "chunks", number, os.environ)
    server.faults = Faults()
    assert CliRunner().invoke(app, words).exit_code == 0
    made = panel(tmp_path)
    server.reset()
    assert CliRunner().invoke(app, words).exit_code == 0 and not server.stats.of()
    same(made, expected(server.air, read_cities(tmp_path / "many.csv"), "2024-01-01", "2024-03-31"))


def cities_file(folder, number):
    path = folder / "many.csv"
    bundled_cities(min_population=500_000)[:number].to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_two_at_once_do_not_mix(server, tmp_path):
    "The second is told that another is at work; the first ends as if alone."
    server.faults = Faults(slow=[1], slow_seconds=5)
    words = command(server, tmp_path)
    first = subprocess.Popen([*AIRQ, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: server.stats.of() or first.poll() is not None, "a request")
    second = CliRunner().invoke(app, words)
    assert second.exit_code == 1 and "Another airq process is at work in" in second.stderr
    assert first.wait(PATIENCE) == 0
    same(panel(tmp_path), expected(server.air, CITIES, "2024-01-01", "2024-03-31"))


@pytest.mark.live
def test_the_real_service_answers_as_the_stand_in(tmp_path):
    "Ten days of three cities: the units, cells and columns that the layers rest on; a few calls."
    report = fetch_open_meteo(CITIES, "2023-01-01", "2023-01-10", out=tmp_path / "out")
    made = panel(tmp_path)
    assert report.rows == 30 and made[[*WEATHER.values(), *FIELDS.values(), "wind_u"]].notna().all(axis=None)
    assert made["pressure"].between(600, 1050).all() and made["cams_pm25"].between(0, 500).all()

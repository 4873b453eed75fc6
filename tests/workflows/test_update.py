"""A live folder, morning by morning, against a server of simulated air."""

import dataclasses
import shutil

import filelock
import numpy as np
import pandas as pd
import pytest
from earthengine_server import EarthEngineServer
from http_servers import Air, AirServer, Faults, Limits
from typer.testing import CliRunner

import airq
from airq.cities import bundled_cities
from airq.cli import app
from airq.io import read_panel, write_panel
from airq.panel import KEYS, PLACE, PanelMetadata, check_panel, label_panel, panel_metadata
from airq.sources.online.http import Patience
from airq.workflows.extract import ExtractionRequest, run_extraction
from airq.workflows.fetch import OpenMeteo, fetch_open_meteo
from airq.workflows.live import init, read_settings
from airq.workflows.update import update

QUICK = Patience(attempts=2, base=0.001, longest=0.002)
CITIES = bundled_cities(countries=["UGA", "KEN"], min_population=150_000)[:10]
FIRST = np.datetime64("2024-06-01")
SERVICES = {"archive", "forecast", "air-quality"}


@pytest.fixture(scope="module")
def served():
    with AirServer(Air(epoch="2024-01-01"), today=str(FIRST), limits=Limits().without()) as server:
        yield server


@pytest.fixture
def server(served):
    served.faults, served.down, served.today = Faults(), set(), str(FIRST)
    served.reset()
    return served


def monitors(air, start, end):
    "What a monitor in each city read, day by day."
    cities = CITIES.sort_values("city_id")
    hours = air.hours(cities["latitude"].to_numpy(), cities["longitude"].to_numpy(), start, end, ["pm25"])
    place, time = (hours.index.get_level_values(name) for name in ("place", "time"))
    daily = hours.groupby([cities["city_id"].to_numpy()[place], time.normalize()])["pm25"].mean()
    rows = daily.rename_axis(["city_id", "date"]).reset_index()
    rows = rows.merge(cities[[*PLACE[1:]]], on="city_id").assign(site_id=rows["city_id"])
    return check_panel(label_panel(rows, PanelMetadata(pm25_origin="simulated", day_basis="local")))


@pytest.fixture(scope="module")
def bundle(served, few_rounds, tmp_path_factory):
    "A model of forty days of ten cities, without features that look ahead."
    folder = tmp_path_factory.mktemp("trained")
    client, span = OpenMeteo(url=served.url), ("2024-03-01", "2024-04-09")
    options = {"client": client, "on_day": FIRST, "recipe": "live", "day_basis": "local"}
    panel = read_panel(fetch_open_meteo(CITIES, *span, out=folder / "inputs", **options).panel)
    labelled = panel.merge(monitors(served.air, *span)[[*KEYS, "pm25"]], on=KEYS)
    metadata = dataclasses.replace(panel_metadata(panel), pm25_origin="simulated")
    panel = check_panel(label_panel(labelled, metadata))
    write_panel(panel, folder / "panel.parquet")
    airq.PM25Regressor("fast", recipe="live").fit(panel).calibrate(panel).save(folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def live(server, bundle, tmp_path):
    "A folder that begins on 20 May and looks four days ahead."
    init(tmp_path / "live", CITIES, bundle, start="2024-05-20", ahead=4, url=server.url, on_day=FIRST)
    return tmp_path / "live"


def morning(server, folder, number=0, patience=QUICK):
    "The run of a morning, counted from the first of June."
    server.today = str(FIRST + number)
    client = OpenMeteo(url=read_settings(folder).url, patience=patience)
    return update(folder, on_day=FIRST + number, client=client)


def predictions(folder):
    return pd.read_parquet(folder / "predictions.parquet")


def history(folder):
    return pd.concat([pd.read_parquet(path) for path in sorted((folder / "history").glob("*.parquet"))])


def test_settings_are_small_and_readable(live, bundle):
    "They read back; what is not used stands there as a comment."
    text = (live / "update.toml").read_text()
    assert 'source = "open-meteo"' in text and "ahead = 4" in text and "# monitors = " in text
    settings = read_settings(live)
    assert settings.start == "2024-05-20" and settings.bundle == str(bundle) and settings.monitors is None


def test_the_first_morning(server, live):
    "Days until 25 May are final, those since provisional, today and four days ahead forecasts."
    report = morning(server, live)
    assert report.predicted == {"final": 60, "provisional": 60, "forecast": 50}
    assert report.newest_day == "2024-06-05" and report.missing == {} and not report.lasting
    rows = predictions(live)
    ends = rows.groupby("inputs")["date"].agg(["min", "max"]).map(lambda day: f"{day:%m-%d}")
    assert ends.loc["final"].tolist() == ["05-20", "05-25"]
    assert ends.loc["provisional"].tolist() == ["05-26", "05-31"]
    assert ends.loc["forecast"].tolist() == ["06-01", "06-05"]
    assert not rows.duplicated(KEYS).any() and (rows["as_of"] == pd.Timestamp("2024-06-01")).all()


def test_forecasts_have_no_interval_yet(server, live):
    "Nothing was forecast before; what is past has one, and the log says so."
    morning(server, live)
    rows = predictions(live)
    ahead = rows["inputs"] == "forecast"
    assert rows.loc[ahead, ["lower", "upper", "p_above_35.4"]].isna().all(axis=None)
    assert rows.loc[~ahead, ["lower", "upper"]].notna().all(axis=None)
    assert rows.loc[ahead].groupby("lead_days").size().to_dict() == dict.fromkeys(range(5), 10)
    assert "Forecasts have no intervals: these are learned from" in (live / "log.md").read_text()


def test_the_next_morning(server, live):
    "One day became final, one a forecast; what was said before is kept with its date."
    morning(server, live)
    before = predictions(live)
    report = morning(server, live, 1)
    assert report.predicted == {"final": 10, "provisional": 60, "forecast": 50}
    rows, replaced_by_then = predictions(live), history(live)
    assert len(rows) == len(before) + 10
    final = before[before["inputs"] == "final"].merge(rows, on=KEYS)
    assert (final["as_of_x"] == final["as_of_y"]).all() and (final["pm25_x"] == final["pm25_y"]).all()
    replaced = before[before["inputs"] != "final"]
    pd.testing.assert_frame_equal(
        replaced_by_then[replaced.columns].reset_index(drop=True),
        replaced.sort_values(KEYS).reset_index(drop=True),
    )


def test_the_same_morning_again(server, live):
    "Nothing is sent or predicted."
    morning(server, live)
    before, sent = predictions(live), len(server.stats.of())
    report = morning(server, live)
    assert report.predicted == {} and len(server.stats.of()) == sent
    pd.testing.assert_frame_equal(predictions(live), before)


@pytest.mark.slow
def test_a_source_that_is_down_passes(server, live):
    "The run tells it, and ends well; the next one predicts what was missed, once."
    morning(server, live)
    server.down = SERVICES
    report = morning(server, live, 1)
    assert report.predicted == {} and not report.lasting
    assert list(report.missing.values()) == [10] and "gave no more for now" in next(iter(report.missing))
    server.down = set()
    assert morning(server, live, 2).missing == {}
    rows = predictions(live)
    assert len(rows) == 10 * 19 and not rows.duplicated(KEYS).any()


def test_a_forecast_stays_one_while_the_source_is_down(server, live):
    "Its day passes, its inputs are still those of the day before: the row keeps its lead and its date."
    morning(server, live)
    server.down = SERVICES
    morning(server, live, 2)
    rows = predictions(live).set_index("date").loc["2024-06-02"]
    assert set(rows["inputs"]) == {"forecast"} and set(rows["lead_days"]) == {1}


@pytest.mark.long
def test_killed_between_two_files(server, live):
    "The history has what was replaced, the predictions are older: the next run leaves no row twice."
    morning(server, live)
    shutil.copy(live / "predictions.parquet", live / "old.parquet")
    morning(server, live, 1)
    shutil.move(live / "old.parquet", live / "predictions.parquet")
    morning(server, live, 1)
    assert not history(live).duplicated([*KEYS, "as_of"]).any()
    rows = predictions(live)
    assert len(rows) == 10 * 18 and rows["as_of"].max() == pd.Timestamp("2024-06-02")


def test_values_that_will_not_come_are_an_error(server, live):
    "A final day of which the source has nothing: the report says so."
    server.faults = Faults(nulls=1)
    report = morning(server, live)
    assert report.predicted == {} and not report.lasting  # they may still come
    server.faults = Faults(nulls=1)
    report = morning(server, live, 30)
    assert report.lasting
    assert report.missing["the source has no values for them, and will not get any"] == 60


@pytest.mark.slow
def test_a_city_that_is_added_is_predicted_from_the_start(server, live):
    "Its days are fetched and predicted; the others' stay."
    morning(server, live)
    more = pd.concat([pd.read_csv(live / "cities.csv"), bundled_cities(countries=["TZA"]).head(1)])
    more.to_csv(live / "cities.csv", index=False)
    report = morning(server, live)
    assert report.predicted == {"final": 6, "provisional": 6, "forecast": 5}
    assert predictions(live)["site_id"].nunique() == 11


@pytest.mark.long
def test_one_service_that_is_down_leaves_nothing_stale(server, live, bundle, tmp_path):
    "Weather comes, CAMS does not: when it does, on the same day, the rows are those of a run in peace."
    morning(server, live)
    server.down = {"air-quality"}
    assert list(morning(server, live, 1).missing.values()) == [10]
    server.down = set()
    assert morning(server, live, 1).missing == {}
    init(tmp_path / "other", CITIES, bundle, start="2024-05-20", ahead=4, url=server.url, on_day=FIRST)
    morning(server, tmp_path / "other", 1)
    both = predictions(live).merge(predictions(tmp_path / "other"), on=KEYS)
    assert len(both) == 10 * 18
    fresh = both["as_of_x"] == both["as_of_y"]
    assert (both.loc[fresh, "inputs_x"] == both.loc[fresh, "inputs_y"]).all()
    pd.testing.assert_series_equal(
        both.loc[fresh, "pm25_x"], both.loc[fresh, "pm25_y"], check_names=False, rtol=1e-6
    )


@pytest.mark.slow
def test_days_without_one_service_are_not_predicted(server, live):
    "CAMS answers with nothing, once: no row rests on weather alone, and the next morning has them all."
    server.faults = Faults(nulls=1, services=("air-quality",))
    assert morning(server, live).predicted == {}
    server.faults = Faults()
    assert morning(server, live, 1).predicted == {"final": 70, "provisional": 60, "forecast": 50}


@pytest.mark.long
def test_a_clock_that_ran_ahead_is_not_believed(server, live):
    "A run dated ten days later, then the right morning: every row is made anew, and once."
    morning(server, live, 10)
    report = morning(server, live)
    assert report.predicted == {"final": 60, "provisional": 60, "forecast": 50}
    sent = len(server.stats.of())
    assert morning(server, live).predicted == {} and len(server.stats.of()) == sent


def test_a_city_that_leaves_keeps_its_final_days(server, live):
    "Its forecasts of days gone by do not stand for ever."
    morning(server, live)
    table = pd.read_csv(live / "cities.csv")
    table.iloc[1:].to_csv(live / "cities.csv", index=False)
    morning(server, live, 1)
    gone = predictions(live)[lambda rows: rows["site_id"] == str(table["city_id"].iloc[0])]
    assert set(gone["inputs"]) == {"final"} and len(gone) == 6


def test_two_at_once(server, live):
    "The second is told that another is at work."
    with filelock.FileLock(live / ".lock"), pytest.raises(BlockingIOError, match="Another airq update"):
        morning(server, live)


def test_a_folder_is_not_begun_twice(live, bundle):
    "Its settings stay."
    with pytest.raises(FileExistsError, match="is a live folder already"):
        init(live, CITIES, bundle)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ahed = 1", "unknown setting 'ahed'. Did you mean ahead?"),
        ("ahead = 9", "0 to 4 days"),
        ("ahead = true", "0 to 4 days"),
        ("bundle = 5", "must be text in quotes"),
        ('recipe = "nonsense"', "default, live"),
        ('url = "ftp://x"', "takes an address like"),
        ('source = "satellite"', "open-meteo, earthengine"),
        ('start = "soon"', "not a day such as"),
        ("bundle =", "update.toml"),
    ],
)
def test_wrong_settings_name_the_file(tmp_path, line, words):
    "And the line to change."
    name = line.split(" ")[0]
    sound = {"bundle": 'bundle = "b"', "start": 'start = "2024-01-01"'}
    (tmp_path / "update.toml").write_text("\n".join([*(sound | {name: line}).values()]))
    with pytest.raises(ValueError, match="update.toml") as refusal:
        read_settings(tmp_path)
    assert words in str(refusal.value)


def test_a_bundle_that_looks_ahead_is_refused(trained, tmp_path):
    "A live folder does not have the days after."
    with pytest.raises(ValueError, match="looks at later days.*--recipe live"):
        init(tmp_path / "live", CITIES, trained / "bundle")
    assert not (tmp_path / "live").exists()


def test_the_commands(bundle, tmp_path):
    "init, then the folder alone, on the date of today; a folder that is none ends in a line."
    CITIES.to_csv(tmp_path / "cities.csv", index=False)
    today = pd.Timestamp.now(tz="UTC")
    air = Air(epoch=f"{today - pd.Timedelta(days=90):%Y-%m-%d}")
    with AirServer(air, today=None, limits=Limits().without()) as server:
        words = ["update", "init", tmp_path / "live", "--cities", tmp_path / "cities.csv", "--bundle", bundle]
        begun = CliRunner().invoke(app, [str(word) for word in [*words, "--url", server.url, "--ahead", 1]])
        assert begun.exit_code == 0 and "now: airq update" in begun.stdout
        result = CliRunner().invoke(app, ["update", str(tmp_path / "live")])
    assert result.exit_code == 0, result.output
    assert "80 final, 60 provisional, 20 forecast predicted on" in result.stdout
    refused = CliRunner().invoke(app, ["update", str(tmp_path / "nowhere")])
    assert refused.exit_code == 1 and "is no live folder" in refused.stderr


@pytest.mark.long
def test_thirty_mornings(server, bundle, tmp_path):
    "The source is down on three, one run is killed: every day is predicted once with final inputs."
    folder = tmp_path / "live"
    watched = monitors(server.air, "2024-05-01", "2024-07-10")
    write_panel(watched, tmp_path / "monitors.parquet")
    more = {"ahead": 4, "url": server.url, "monitors": tmp_path / "monitors.parquet"}
    init(folder, CITIES, bundle, start="2024-05-20", on_day=FIRST, **more)
    said = []
    for number in range(30):
        server.down = SERVICES if number in (5, 6, 20) else set()
        if number == 12:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("airq.workflows.update.prediction_rows", _killed)
                with pytest.raises(KeyboardInterrupt):
                    morning(server, folder, number)
        report = morning(server, folder, number)
        assert not report.lasting
        said.append(predictions(folder).assign(run=number))
        if number == 2:
            assert "have no interval yet: past ones stand beside observations on 1 days" in str(report.notes)
    rows, earlier = predictions(folder), history(folder)
    assert len(rows) == 10 * 46 and not rows.duplicated(KEYS).any()
    both = pd.concat([rows, earlier])
    finals = both[both["inputs"] == "final"]
    assert len(finals) == len(rows[rows["inputs"] == "final"]) and not finals.duplicated(KEYS).any()
    assert (finals["as_of"] - finals["date"] >= pd.Timedelta(days=7)).all()
    # Whatever a run has said is among the predictions or in the history, under its date.
    known = pd.MultiIndex.from_frame(both[[*KEYS, "as_of"]])
    assert pd.MultiIndex.from_frame(pd.concat(said)[[*KEYS, "as_of"]]).isin(known).all()
    leads = rows[rows["inputs"] == "forecast"]
    assert leads[["lower", "upper"]].notna().all(axis=None) and set(leads["lead_days"]) == set(range(5))


@pytest.mark.long
def test_inputs_from_earth_engine(tmp_path):
    "Days until the end of the simulated archive are predicted, once; later ones will not come, and are told."
    cities = CITIES[:2]
    with EarthEngineServer(pixels="centre") as server:
        client = airq.EarthEngine("p", "anonymous", server.url)
        request = ExtractionRequest(cities, "2025-03-01", "2025-03-15", "live")
        panel = read_panel(run_extraction(request, out=tmp_path / "inputs", client=client).panel)
        labelled = panel.assign(pm25=np.linspace(10, 60, len(panel)))
        metadata = dataclasses.replace(panel_metadata(panel), pm25_origin="simulated")
        panel = check_panel(label_panel(labelled, metadata))
        airq.PM25Regressor("fast", recipe="live").fit(panel).save(tmp_path / "bundle")
        settings = {"source": "earthengine", "url": server.url, "project": "p", "credentials": "anonymous"}
        init(tmp_path / "live", cities, tmp_path / "bundle", start="2026-07-20", **settings)
        report = update(tmp_path / "live")
        again = update(tmp_path / "live")
    rows = predictions(tmp_path / "live")
    assert report.predicted == {"final": len(rows)} and rows["date"].max() < pd.Timestamp("2026-08-10")
    assert report.lasting and again.predicted == {}


def _killed(*_arguments, **_settings):
    raise KeyboardInterrupt

"""What a plain client sees of the servers, against numbers worked out by hand or from the air itself."""

import csv
import gzip
import hashlib
import io
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import requests
from patience import PATIENCE

from airq.cities import bundled_cities

from . import Air, AirServer, Faults, Limits, Monitors
from .limits import calls_of

TODAY = "2024-06-30"
LAGOS, ADDIS = (6.45, 3.39), (9.03, 38.74)
S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
KEY = {"X-API-Key": "any"}


class Clock:
    """A clock that tests turn; it begins at the full day."""

    def __init__(self):
        self.seconds = 19_900 * 86_400

    def __call__(self):
        return self.seconds


@pytest.fixture(scope="module")
def air():
    return Air(epoch="2024-01-01")


@pytest.fixture(scope="module")
def cities():
    return bundled_cities(countries=["Uganda", "Nigeria"], min_population=1_000_000)


@pytest.fixture(scope="module")
def served(air, cities):
    """A server without limits; tests that change it set it back."""
    with AirServer(air, cities, TODAY, limits=Limits().without()) as server:
        yield server


@pytest.fixture
def server(served):
    """The same, without faults and counts."""
    served.faults, served.today, served.down = Faults(), TODAY, {}
    served.reset()
    return served


def weather(server, *places, service="archive", status=200, **query):
    """The answer to a question about two days of June 2024."""
    latitude, longitude = zip(*places or [LAGOS], strict=True)
    query = {
        "latitude": ",".join(map(str, latitude)),
        "longitude": ",".join(map(str, longitude)),
        "start_date": "2024-06-10",
        "end_date": "2024-06-11",
        "hourly": "pm2_5" if service == "air-quality" else "temperature_2m",
        **({"models": "era5"} if service == "archive" else {}),
        **query,
    }
    query = {name: value for name, value in query.items() if value is not None}
    answer = requests.get(f"{server.url}/v1/{service}", params=query, timeout=PATIENCE)
    assert answer.status_code == status, answer.text
    return answer.json()


def listing(server, **query):
    return requests.get(server.url, params={"list-type": 2, **query}, timeout=PATIENCE)


def keys(answer):
    return [key.text for key in ET.fromstring(answer.text).iter(f"{S3}Key")]


def rows_of(server, monitor, day):
    """The rows of a day's file, as dicts of text."""
    text = server.bucket.text(f"records/csv.gz/locationid={monitor.id}/{_of_day(monitor, day)}")
    return list(csv.DictReader(io.StringIO(text)))


def _of_day(monitor, day):
    year, month, _ = day.split("-")
    return f"year={year}/month={month}/location-{monitor.id}-{day.replace('-', '')}.csv.gz"


def test_calls():
    """Eight variables for a year are 0.8 x 365 / 14 = 20.9; few for a short time are one a place."""
    assert calls_of(8, 365) == pytest.approx(20.857, abs=0.001)
    assert calls_of(3, 2, places=7) == 7
    assert calls_of(15, 14) == 1.5
    assert calls_of(10, 28, models=2) == 4


def test_a_cell_is_answered_for_a_place(server):
    """6.45° N 3.39° E lies in ERA5's cell of 6.5, 3.5, and in CAMS's of -90 + 241 x 0.4 in 32 bits."""
    archive, cams = weather(server), weather(server, service="air-quality")
    assert (archive["latitude"], archive["longitude"]) == (6.5, 3.5)
    assert cams["latitude"] == pytest.approx(6.4, abs=1e-5) and cams["latitude"] != 6.4
    assert archive["hourly_units"] == {"time": "iso8601", "temperature_2m": "°C"}
    assert cams["hourly_units"]["pm2_5"] == "\u03bcg/m³"


def test_values_are_those_of_the_cell(server, air):
    """Without downscaling, temperature is the air's at the cell; wind turns from m/s to km/h."""
    names = ["temperature_2m", "wind_speed_10m"]
    answer = weather(server, hourly=",".join(names), elevation="nan")
    truth = air.hours(*LAGOS, "2024-06-10", "2024-06-11", names, grid="era5")
    npt.assert_allclose(answer["hourly"]["temperature_2m"], truth["temperature_2m"], atol=0.08)
    npt.assert_allclose(answer["hourly"]["wind_speed_10m"], 3.6 * truth["wind_speed_10m"], atol=0.051)
    served = air.hours(*LAGOS, "2024-06-10", "2024-06-11", names, grid="era5", round_as={})
    npt.assert_array_equal(answer["hourly"]["temperature_2m"], served["temperature_2m"])


def test_a_place_does_not_depend_on_others(server, air):
    """Asked together or alone, and by a fresh atmosphere, Addis Ababa has the same air."""
    together = weather(server, LAGOS, ADDIS)[1]["hourly"]
    alone = weather(server, ADDIS)["hourly"]
    assert together == alone
    fresh = Air(epoch="2024-01-01").hours(*ADDIS, "2024-06-10", "2024-06-11", ["pm25"])
    npt.assert_array_equal(fresh, air.hours(*ADDIS, "2024-06-10", "2024-06-11", ["pm25"]))


def test_the_order_is_that_of_the_question(server):
    """Of several places the answer is a list; the second and later ones are numbered."""
    first, second = weather(server, LAGOS, ADDIS)
    assert (first["longitude"], second["longitude"]) == (3.5, 38.75)
    assert "location_id" not in first and second["location_id"] == 1


def test_vector_wind_is_weaker_than_mean_speed(air):
    """The wind turns within the day, so averaging its components is another thing than averaging speeds."""
    hours = air.hours(*LAGOS, "2024-06-10", "2024-06-10", ["wind_speed_10m", "wind_direction_10m"])
    angle, speed = np.radians(hours["wind_direction_10m"]), hours["wind_speed_10m"]
    vector = np.hypot((speed * np.sin(angle)).mean(), (speed * np.cos(angle)).mean())
    assert vector < 0.95 * speed.mean()


def test_local_days(server):
    """A day of Lagos begins at 23:00 UTC, and its daily mean is that of its 24 hours."""
    local = weather(server, timezone="Africa/Lagos", daily="temperature_2m_mean")
    utc = weather(server, start_date="2024-06-09")
    assert local["utc_offset_seconds"] == 3600 and local["hourly"]["time"][0] == "2024-06-10T00:00"
    assert local["hourly"]["temperature_2m"][:24] == utc["hourly"]["temperature_2m"][23:47]
    mean = np.mean(local["hourly"]["temperature_2m"][:24])
    assert local["daily"]["temperature_2m_mean"][0] == pytest.approx(mean, abs=0.051)


def test_unix_time_is_utc(server):
    """Midnight in Lagos on 10 June 2024 is 1717974000, 23:00 UTC of the day before."""
    answer = weather(server, timezone="Africa/Lagos", timeformat="unixtime")
    assert answer["hourly"]["time"][:2] == [1717974000, 1717977600]


def test_rain_belongs_to_the_hour_before(air):
    """Hours stamped 1:00 to 24:00 add up to the day's rain, five of them at most."""
    rain = air.hours(*LAGOS, "2024-06-01", "2024-06-30", ["precipitation"])["precipitation"]
    days = rain.groupby((rain.index - pd.Timedelta(hours=1)).normalize())
    assert days.sum().max() > 1
    assert days.apply(lambda day: (day > 0).sum()).max() == 5


def test_the_archive_ends_five_days_ago(server):
    """ERA5's last day is 25 June; later ones up to today are null, tomorrow is refused."""
    values = weather(server, start_date="2024-06-25", end_date=TODAY)["hourly"]["temperature_2m"]
    assert values[23] is not None and values[24:] == [None] * 120
    refusal = weather(server, end_date="2024-07-01", status=400)
    assert refusal["reason"].endswith("out of allowed range from 1940-01-01 to 2024-06-30")


def test_pm25_begins_in_august_2022():
    """CAMS has nothing before, and 3-hourly values with straight lines between them after."""
    with AirServer(Air(epoch="2022-07-01"), today="2022-09-01") as server:
        answer = weather(server, service="air-quality", start_date="2022-07-31", end_date="2022-08-01")
    values = answer["hourly"]["pm2_5"]
    assert values[:24] == [None] * 24
    assert values[25] == pytest.approx((2 * values[24] + values[27]) / 3, abs=0.11)


def test_forecasts(server):
    """Five days of air by default, seven at most, without values after 120 hours; 16 days of weather."""
    air = weather(server, service="air-quality", start_date=None, end_date=None, forecast_days=7)
    assert len(air["hourly"]["time"]) == 168
    assert air["hourly"]["pm2_5"][120] is not None and air["hourly"]["pm2_5"][121] is None
    query = {"start_date": None, "end_date": None, "past_days": 2}
    long = weather(server, service="forecast", **query, forecast_days=16)
    assert long["hourly"]["time"][0] == "2024-06-28T00:00" and len(long["hourly"]["time"]) == 18 * 24
    assert None not in long["hourly"]["temperature_2m"]
    assert weather(server, service="forecast", **query, forecast_days=17, status=400)["error"] is True


def test_mornings_go_on(server):
    """With tomorrow's date the archive has one more day."""
    server.today = "2024-07-01"
    values = weather(server, start_date="2024-06-25", end_date="2024-06-27")["hourly"]["temperature_2m"]
    assert values[47] is not None and values[48] is None


def test_several_models(server):
    """Names carry the model; ERA5-Land has no boundary layer."""
    answer = weather(server, models="era5,era5_land", hourly="boundary_layer_height")
    assert set(answer["hourly"]) == {
        *("time", "boundary_layer_height_era5", "boundary_layer_height_era5_land")
    }
    assert set(answer["hourly"]["boundary_layer_height_era5_land"]) == {None}
    assert answer["hourly_units"]["boundary_layer_height_era5_land"] == "undefined"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"hourly": "temperature"}, "from invalid String value temperature."),
        ({"models": "era6"}, "Cannot initialize MultiDomains from invalid String value era6."),
        ({"wind_speed_unit": "bft"}, "Cannot initialize WindspeedUnit from invalid String value bft."),
        ({"latitude": "91"}, "Latitude must be in range of -90 to 90°. Given: 91.0."),
        ({"latitude": "1,2"}, "must have the same number of elements"),
        ({"elevation": "1,2"}, "must have the same number of elements as coordinates"),
        ({"end_date": "2024-06-09"}, "End-date must be larger or equals than start-date"),
        ({"end_date": None}, "Both 'start_date' and 'end_date' must be set in the url"),
        ({"timezone": "Africa/Nowhere"}, "Invalid timezone"),
        ({"colour": "red"}, "unknown parameter 'colour'"),
    ],
)
def test_refusals(server, query, reason):
    """What the service does not understand is 400 with a reason."""
    refusal = weather(server, **query, status=400)
    assert refusal["error"] is True and reason in refusal["reason"]


def test_limits_of_calls(air, cities):
    """Two of 400 calls pass, as 400 is below 600; then the minute, the hour and the day are full in turn."""
    clock, limits = Clock(), Limits(hour=1_000, day=1_300)
    query = {"latitude": ",".join(["1"] * 400), "longitude": ",".join(["1"] * 400)}
    with AirServer(air, today=TODAY, limits=limits, clock=clock) as server:
        for _ in range(2):
            weather(server, **query, end_date="2024-06-10")
        assert server.stats.calls() == 800
        assert weather(server, status=429)["reason"].startswith("Minutely API request limit exceeded.")
        clock.seconds += 60
        weather(server, **query, end_date="2024-06-10")
        clock.seconds += 60
        assert weather(server, status=429)["reason"].startswith("Hourly API request limit exceeded.")
        clock.seconds += 3600
        weather(server, **query, end_date="2024-06-10")
        clock.seconds += 3600
        assert weather(server, status=429)["reason"].startswith("Daily API request limit exceeded.")
        weather(server, apikey="any")
        clock.seconds += 86400
        weather(server)
        assert server.stats.statuses() == {200: 6, 429: 3}


def test_long_lists_go_by_post(server):
    """A thousand places pass as a form; one more is refused."""
    form = {
        "hourly": "temperature_2m",
        "start_date": "2024-06-10",
        "end_date": "2024-06-10",
        "models": "era5",
    }
    for number, status in ((1_000, 200), (1_001, 400)):
        form |= {"latitude": ",".join(["1"] * number), "longitude": ",".join(["2"] * number)}
        answer = requests.post(f"{server.url}/v1/archive", data=form, timeout=PATIENCE)
        assert answer.status_code == status
    assert server.stats.of("archive")[0].places == 1_000


def test_locations(server, cities):
    """A key is needed; the monitor of Kampala lies within 5 km, and measures PM2.5."""
    kampala = cities[cities["city"] == "Kampala"].iloc[0]
    query = {"coordinates": f"{kampala.latitude},{kampala.longitude}", "radius": 5_000, "parameters_id": 2}
    assert requests.get(f"{server.url}/v3/locations", params=query, timeout=PATIENCE).status_code == 401
    answer = requests.get(f"{server.url}/v3/locations", params=query, headers=KEY, timeout=PATIENCE)
    (found,) = answer.json()["results"]
    assert found["name"] == "SIMULATED Kampala 1" and 0 < found["distance"] < 5_000
    assert found["country"]["code"] == "UG" and found["sensors"][0]["parameter"]["units"] == "µg/m³"
    assert answer.json()["meta"]["found"] == 1
    one = requests.get(f"{server.url}/v3/locations/{found['id']}", headers=KEY, timeout=PATIENCE).json()
    assert one["results"][0]["coordinates"] == found["coordinates"]
    wide = requests.get(
        f"{server.url}/v3/locations", params=query | {"radius": 25_001}, headers=KEY, timeout=PATIENCE
    )
    assert wide.status_code == 422


def test_pages_of_locations(server, cities):
    """A full page has found ">2"; pages go on until one is not full."""
    pages, page = [], 1
    while not pages or pages[-1]["meta"]["found"] == ">2":
        query = {"limit": 2, "page": page, "iso": "NG"}
        pages.append(
            requests.get(f"{server.url}/v3/locations", params=query, headers=KEY, timeout=PATIENCE).json()
        )
        page += 1
    assert sum(len(page["results"]) for page in pages) == (cities["country"] == "NGA").sum()


def test_limits_of_openaq(air, cities):
    """Sixty requests a minute, told in headers, and again in the next minute."""
    clock = Clock()
    with AirServer(air, cities, TODAY, clock=clock) as server:
        url = f"{server.url}/v3/locations/900001"
        first = requests.get(url, headers=KEY, timeout=PATIENCE)
        assert (first.headers["x-ratelimit-remaining"], first.headers["x-ratelimit-reset"]) == ("59", "61")
        for _ in range(59):
            requests.get(url, headers=KEY, timeout=PATIENCE)
        assert requests.get(url, headers=KEY, timeout=PATIENCE).status_code == 429
        clock.seconds += 60
        assert requests.get(url, headers=KEY, timeout=PATIENCE).status_code == 200


def test_listing_in_pages(server):
    """June has 27 files, as those of the last three days come later; by ten they are three pages."""
    prefix = f"records/csv.gz/locationid={server.monitors.all[0].id}/year=2024/month=06/"
    assert len(keys(listing(server, prefix=prefix))) == 27
    token, sizes = {}, []
    while token is not None:
        page = listing(server, prefix=prefix, **{"max-keys": 10}, **token)
        sizes.append(len(keys(page)))
        following = ET.fromstring(page.text).find(f"{S3}NextContinuationToken")
        token = None if following is None else {"continuation-token": following.text}
    assert sizes == [10, 10, 7]


def test_folders(server):
    """With a delimiter the folders of a location are its years and months."""
    base = f"records/csv.gz/locationid={server.monitors.all[0].id}/year=2024/"
    answer = ET.fromstring(listing(server, prefix=base, delimiter="/").text)
    folders = [entry.find(f"{S3}Prefix").text for entry in answer.iter(f"{S3}CommonPrefixes")]
    assert folders == [f"{base}month={month:02d}/" for month in range(1, 7)]


def test_a_file(server, air):
    """24 ends of local hours, the air's truth; ETag and Content-Length are those of the content."""
    monitor = server.monitors.all[0]
    key = f"records/csv.gz/locationid={monitor.id}/{_of_day(monitor, '2024-06-10')}"
    answer = requests.get(f"{server.url}/{key}", timeout=PATIENCE)
    assert answer.headers["ETag"].strip('"') == hashlib.md5(answer.content).hexdigest()
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(answer.content).decode())))
    assert (rows[0]["datetime"], rows[-1]["datetime"]) == (
        *("2024-06-10T01:00:00+01:00", "2024-06-11T00:00:00+01:00"),
    )
    truth = air.hours(monitor.latitude, monitor.longitude, "2024-06-09T23:00", "2024-06-10T22:00", ["pm25"])
    npt.assert_allclose([float(row["value"]) for row in rows], truth["pm25"], atol=0.0051)
    assert requests.get(f"{server.url}/{key}x", timeout=PATIENCE).status_code == 404


def test_traps(air, cities):
    """Each trap changes what a client must notice."""
    traps = {0: "twins", 1: "moved", 2: ["bad_values", "mobile", "no_licence"], 3: "hours_missing"}
    traps |= {4: ["other_unit", "other_parameters"], 5: ["shared_place", "months_missing"]}
    monitors = Monitors(cities, air, traps=traps, moved_on="2024-05-01")
    server = AirServer(air, today=TODAY, monitors=monitors)
    own = [monitors.of(city)[0] for city in cities["city_id"]]
    twins = rows_of(server, own[0], "2024-06-10")
    assert len({row["sensors_id"] for row in twins}) == 2
    assert float(twins[24]["value"]) == pytest.approx(1.1 * float(twins[0]["value"]), abs=0.02)
    before, after = rows_of(server, own[1], "2024-04-30")[0], rows_of(server, own[1], "2024-05-01")[0]
    assert float(after["lat"]) - float(before["lat"]) == pytest.approx(0.036)
    bad = rows_of(server, own[2], "2024-06-10") + rows_of(server, own[2], "2024-06-11")
    assert min(float(row["value"]) for row in bad) < 0 and len({row["lat"] for row in bad}) == 48
    described = monitors.describe(own[2], server.now())
    assert described["licenses"] is None and described["isMobile"] is True
    assert len(rows_of(server, own[3], "2024-06-10")) < 24
    assert {row["units"] for row in rows_of(server, own[4], "2024-06-10")} == {"mg/m³", "µg/m³", "ppm"}
    assert len(monitors.of(own[5].city_id)) == 2
    assert (
        server.bucket.file(f"records/csv.gz/locationid={own[5].id}/{_of_day(own[5], '2024-03-10')}") is None
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [("too_many", 429), ("internal", 500), ("bad_gateway", 502), ("unavailable", 503)],
)
def test_fault_statuses(server, kind, status):
    """The first request fails, the second does not."""
    server.faults = Faults(**{kind: [0]})
    answers = [requests.get(f"{server.url}/v3/locations", headers=KEY, timeout=PATIENCE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, 200]
    assert "Retry-After" not in answers[0].headers


def test_fault_with_a_time_to_wait(server):
    """The header says how long."""
    server.faults = Faults(too_many_retry_after=[0], retry_after=7)
    assert listing(server).headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "kind",
    [
        *("dropped", "dropped_midway", "truncated", "truncated_length", "truncated_gzip"),
        *("invalid_json", "html"),
    ],
)
@pytest.mark.parametrize("service", ["archive", "openaq"])
def test_fault_of_the_connection_or_the_body(server, kind, service):
    """No JSON comes out of it."""
    server.faults = Faults(**{kind: 1}, services=(service,))
    with pytest.raises(requests.RequestException):
        if service == "archive":
            weather(server)
        else:
            requests.get(f"{server.url}/v3/locations", headers=KEY, timeout=PATIENCE).json()


@pytest.mark.parametrize("kind", ["truncated", "truncated_gzip"])
def test_fault_that_cuts_a_file(server, kind):
    """Half of a file looks whole by its length, not by its ETag, and does not unpack."""
    key = keys(listing(server, **{"max-keys": 1}))[0]
    server.faults = Faults(**{kind: 1})
    answer = requests.get(f"{server.url}/{key}", timeout=PATIENCE)
    assert answer.headers["ETag"].strip('"') != hashlib.md5(answer.content).hexdigest()
    with pytest.raises(EOFError):
        gzip.decompress(answer.content)


def test_fault_of_the_etag(server):
    """A listing and a file have another than the content's."""
    key = keys(listing(server, **{"max-keys": 1}))[0]
    right = requests.get(f"{server.url}/{key}", timeout=PATIENCE)
    server.faults = Faults(wrong_etag=1)
    wrong = requests.get(f"{server.url}/{key}", timeout=PATIENCE)
    assert wrong.content == right.content and wrong.headers["ETag"] != right.headers["ETag"]
    assert right.headers["ETag"] not in listing(server, **{"max-keys": 1}).text.replace("&quot;", '"')


def test_faults_of_the_values(server):
    """Units, order, length and nulls differ from a right answer, with the status 200."""
    right = weather(server, LAGOS, ADDIS)
    seen = {}
    for kind in ("wrong_units", "swapped", "ends_early", "nulls"):
        server.faults = Faults(**{kind: 1})
        seen[kind] = weather(server, LAGOS, ADDIS)
    assert seen["wrong_units"][0]["hourly_units"]["temperature_2m"] == "°F"
    assert seen["swapped"][0]["longitude"] == right[1]["longitude"]
    assert len(seen["ends_early"][0]["hourly"]["time"]) == 24
    assert seen["nulls"][0]["hourly"]["temperature_2m"][:3] == [
        *(None, *right[0]["hourly"]["temperature_2m"][1:3])
    ]


def test_fault_of_slowness(server):
    """A client that does not wait so long gives up."""
    server.faults = Faults(slow=1, slow_seconds=600)
    with pytest.raises(requests.Timeout):
        requests.get(server.url, params={"list-type": 2, "max-keys": 1}, timeout=0.2)


def test_shares_are_seeded(server):
    """The same seed fails the same requests."""
    runs = []
    for _ in range(2):
        server.faults = Faults(unavailable=0.5, seed=3)
        runs.append([listing(server, **{"max-keys": 1}).status_code for _ in range(12)])
    assert runs[0] == runs[1] and set(runs[0]) == {200, 503}


def test_a_service_is_down(server):
    """The others are not."""
    server.down = {"archive"}
    with pytest.raises(requests.ConnectionError):
        weather(server)
    weather(server, service="forecast", models=None)
    server.down = {"archive": 503}
    weather(server, status=503)


def test_settings_over_http(server):
    """Faults, the date and what is down can be set by POST, and counts read and reset."""
    assert requests.post(f"{server.url}/faults", json={"internal": [0]}, timeout=PATIENCE).json()[
        "internal"
    ] == [0]
    assert listing(server).status_code == 500
    assert requests.post(f"{server.url}/faults", json={"fire": 1}, timeout=PATIENCE).status_code == 400
    requests.post(f"{server.url}/today", json={"today": "2024-07-02"}, timeout=PATIENCE)
    requests.post(f"{server.url}/down", json={"s3": 502}, timeout=PATIENCE)
    assert (server.today, server.down) == ("2024-07-02", {"s3": 502})
    (counted,) = requests.get(f"{server.url}/stats", timeout=PATIENCE).json()["requests"]
    assert (counted["service"], counted["status"], counted["fault"]) == ("s3", 500, "internal")
    requests.post(f"{server.url}/stats/reset", timeout=PATIENCE)
    assert server.stats.of() == []


@pytest.mark.slow
def test_beside_a_command(tmp_path, cities):
    """The command finds the address in its words; its exit code is handed on."""
    cities.to_csv(tmp_path / "cities.csv", index=False)
    program = (
        "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '/?list-type=2&max-keys=1'); sys.exit(3)"
    )
    options = ["--cities", str(tmp_path / "cities.csv"), "--today", TODAY, "--fault", "internal=[5]"]
    command = [sys.executable, "-m", "http_servers", *options, "--", sys.executable, "-c", program, "{url}"]
    folder = Path(__file__).resolve().parents[1]
    assert subprocess.run(command, cwd=folder, check=False, timeout=PATIENCE).returncode == 3

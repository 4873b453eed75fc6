"""OpenAQ's locations and archive, asked for over HTTP; a server of simulated air stands in for OpenAQ."""

import gzip
import io
import json
import os

import pandas as pd
import pytest
from http_servers import Air, AirServer, Faults, Limits, Monitors
from hypothesis import given
from hypothesis import strategies as st

from airq.cities import read_cities
from airq.sources.online import openaq as online
from airq.sources.online import openaq_archive
from airq.sources.online.errors import Passing, Refused, Unavailable
from airq.sources.online.http import Client, Patience
from airq.sources.online.openaq import (
    Pace,
    ask_locations,
    is_kept,
    key_header,
    location_table,
    queries,
    read_locations,
)
from airq.sources.online.openaq_archive import Archive, read_listing
from airq.sources.online.openaq_panel import join_days

QUICK = Patience(attempts=3, base=0.001, longest=0.002)
KEY = "0123456789abcdef"
KAMPALA = read_cities(
    pd.DataFrame(
        {
            "city_id": ["UGA:Kampala", "UGA:Mukono"],
            "city": ["Kampala", "Mukono"],
            "country": "UGA",
            "latitude": [0.32, 0.35],
            "longitude": [32.58, 32.75],
        }
    )
)
DAYS = pd.date_range("2024-01-30", periods=4)
JANUARY, FEBRUARY = pd.Period("2024-01"), pd.Period("2024-02")
MARCH = pd.Period("2024-03")


@pytest.fixture(scope="module")
def served():
    """Three locations at Kampala, two at Mukono; the first lacks every third month."""
    air = Air(epoch="2023-12-01")
    monitors = Monitors(KAMPALA, air, 2, traps={0: ["months_missing", "shared_place"]})
    with AirServer(air, today="2024-04-30", monitors=monitors, limits=Limits().without()) as server:
        yield server


@pytest.fixture
def server(served):
    served.faults = Faults()
    served.reset()
    return served


@pytest.fixture
def client(server):
    return Client(server.url, QUICK, {"X-API-Key": KEY})


@pytest.fixture
def archive(server, tmp_path):
    return Archive(Client(server.url, QUICK), tmp_path / "files", workers=4)


def listed(archive, month=JANUARY):
    return archive.list_months([("900001", month)])[0]


def relist(archive, change):
    """List January and change the list that is kept, as if the archive had been another then."""
    listed(archive)
    (path,) = archive.cache.rglob("listing.json")
    kept = json.loads(path.read_text())
    kept["files"][0] = change(*kept["files"][0])
    path.write_text(json.dumps(kept))
    return listed(archive)


def test_all_pages_are_read_and_each_location_counts_once(server, client, tmp_path, monkeypatch):
    "Five locations on pages of two, all near both cities: three pages for each."
    monkeypatch.setattr(online, "PAGE", 2)
    found = ask_locations(KAMPALA, 25, client, cache=tmp_path)
    assert sorted(one["id"] for one in found) == [900001, 900002, 900003, 900004, 900005]
    assert len(server.stats.of("openaq")) == 6


def test_a_last_page_that_is_full_is_followed_by_an_empty_one(server, client, tmp_path, monkeypatch):
    monkeypatch.setattr(online, "PAGE", 5)
    assert len(ask_locations(KAMPALA.iloc[:1], 25, client, cache=tmp_path)) == 5
    assert len(server.stats.of("openaq")) == 2


def test_an_answer_is_kept_for_a_day(server, client, tmp_path):
    "A second run sends nothing; another radius is another question, and so is another address."
    found = ask_locations(KAMPALA, 25, client, cache=tmp_path)
    sent = client.requests
    assert ask_locations(KAMPALA, 25, client, cache=tmp_path) == found
    assert client.requests == sent
    assert is_kept(KAMPALA, 25, server.url, cache=tmp_path)
    assert not is_kept(KAMPALA, 20, server.url, cache=tmp_path)
    assert not is_kept(KAMPALA, 25, None, cache=tmp_path)


def test_a_damaged_answer_that_was_kept_is_asked_for_again(client, tmp_path):
    ask_locations(KAMPALA, 25, client, cache=tmp_path)
    (path,) = tmp_path.glob("locations-*.json")
    path.write_text(path.read_text()[:-20])
    assert len(ask_locations(KAMPALA, 25, client, cache=tmp_path)) == 5


def test_the_key_goes_to_the_api_and_nowhere_else(server, client, tmp_path, archive):
    ask_locations(KAMPALA, 25, client, cache=tmp_path)
    archive.fetch(listed(archive)[:3])
    assert {request.key for request in server.stats.of("openaq")} == {KEY}
    assert {request.key for request in server.stats.of("s3")} == {None}
    assert "X-API-Key" not in archive.client.headers
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
    assert KEY not in repr(client)


def test_a_key_is_missing_or_refused(server, tmp_path, monkeypatch):
    "One line says how to get a key, or how to do without."
    monkeypatch.delenv("OPENAQ_API_KEY", raising=False)
    with pytest.raises(ValueError, match=r"OPENAQ_API_KEY .*explore\.openaq\.org.*--locations"):
        key_header()
    with pytest.raises(Refused, match=r"401.*Invalid credentials.*Is OPENAQ_API_KEY right\?"):
        ask_locations(KAMPALA, 25, Client(server.url, QUICK), cache=tmp_path)


@pytest.mark.parametrize(
    "fault",
    ["too_many", "too_many_retry_after", "unavailable", "dropped", "truncated", "truncated_gzip", "html"],
)
def test_locations_are_the_same_after_a_fault(server, client, tmp_path, fault):
    server.faults = Faults(**{fault: [0, 1]}, retry_after=0)
    assert len(ask_locations(KAMPALA, 25, client, cache=tmp_path)) == 5
    assert client.retries == 2


def test_more_than_25_km_are_asked_for_as_a_box():
    "A box holds the circle; across 180° it is two."
    (one,) = queries(KAMPALA.iloc[:1], 40)
    west, south, east, north = map(float, one["bbox"].split(","))
    assert south < 0.32 - 40 / 110.6 and north > 0.32 + 40 / 110.6
    assert west < 32.58 - 40 / 111.3 and east > 32.58 + 40 / 111.3
    boxes = [
        box["bbox"].split(",")
        for box in queries(pd.DataFrame({"latitude": [-16.5], "longitude": [179.9]}), 40)
    ]
    assert (boxes[0][2], boxes[1][0]) == ("180.00000", "-180.00000")
    assert float(boxes[0][0]) < 179.9 - 40 / 106.8 and float(boxes[1][2]) > -180.1 + 40 / 106.8


def test_a_box_finds_what_a_circle_finds(client, tmp_path):
    wide = ask_locations(KAMPALA, 26, client, cache=tmp_path)
    table = location_table(wide, KAMPALA)
    assert table["location_id"].tolist() == ["900001", "900002", "900003", "900004", "900005"]
    assert table["city"].tolist() == ["Kampala"] * 3 + ["Mukono"] * 2
    assert table["distance_km"].between(0.01, 3.2).all()


class Clock:
    """Time that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@given(st.lists(st.floats(0, 20), max_size=80))
def test_no_minute_has_more_requests_than_are_granted(pauses):
    "In any minute 5, in any hour 30, whatever else takes time; and no wait without need."
    clock, sent = Clock(), []
    pace = Pace(((5, 60.0), (30, 3600.0)), clock=clock, sleep=clock.sleep)
    for pause in pauses:
        clock.now += pause
        before = clock.now
        pace.wait()
        full = [n for n, span in ((5, 60), (30, 3600)) if sum(before - t < span for t in sent) >= n]
        assert full or clock.now == before
        sent.append(clock.now)
    for number, span in ((5, 60.0), (30, 3600.0)):
        for first, beyond in zip(sent, sent[number:], strict=False):
            assert beyond - first >= span - 1e-6


def test_an_answer_that_leaves_nothing_delays_the_next_request():
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    pace.wait()
    pace.heed({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "17"})
    pace.wait()
    assert clock.now == 17
    pace.heed({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "17"})
    pace.wait()
    assert clock.now == 17


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ids.csv", "location_id,who\n7,a\n12,b\n"),
        ("ids.csv", "who;locations_id\na;7\nb;12\n"),
        ("ids.csv", "id\n7\n12\n"),
        ("ids.txt", "7\n12\n"),
        ("ids.txt", "7, 12"),
        ("page.json", '{"results": [{"id": 7, "coordinates": null}, {"id": 12, "coordinates": {}}]}'),
        (
            "pages.json",
            '[{"results": [{"id": 7, "coordinates": {}}]}, {"results": [{"id": 12, "coordinates": {}}]}]',
        ),
        (
            "list.json",
            '[{"id": 7, "coordinates": {}}, {"id": 12, "coordinates": {}}, {"id": 7, "coordinates": {}}]',
        ),
    ],
)
def test_locations_of_a_file(tmp_path, name, text):
    "Each way to write two ids gives the same two locations, without a city as they have no position."
    (tmp_path / name).write_text(text)
    table = location_table(read_locations(tmp_path / name), KAMPALA)
    assert table["location_id"].tolist() == ["7", "12"]
    assert table["distance_km"].isna().all() and table["city"].isna().all()
    if "who" in text:
        assert table["who"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ids.csv", "loction_id,who\n7,a\n", "no column 'location_id'. Did you mean loction_id?"),
        ("ids.csv", "location_id\nKampala\n", "location_id 'Kampala' is not the number"),
        ("error.json", '{"message": "Unauthorized"}', "no locations of OpenAQ"),
        ("empty.json", '{"results": []}', "no locations of OpenAQ"),
        ("cut.json", '{"results": [', "not whole JSON"),
    ],
)
def test_a_file_without_locations_is_refused_in_one_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError) as error:
        read_locations(tmp_path / name)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_what_the_api_says_of_a_location_is_kept():
    answer = {
        "id": 7,
        "name": "Embassy",
        "country": {"code": "UG"},
        "coordinates": {"latitude": 0.32, "longitude": 32.58},
        "provider": {"name": "AirNow"},
        "owner": {"name": "State"},
        "isMobile": False,
        "sensors": [{"id": 1, "parameter": {"id": 3, "name": "o3"}}],
        "licenses": [
            {"name": "CC BY 4.0", "attribution": {"name": "State"}, "dateTo": "2020-01-01"},
            {"name": "CC0", "attribution": {"name": "State"}},
        ],
    }
    row = location_table([answer], KAMPALA).iloc[0]
    assert row[["country", "provider", "owner", "licence", "attribution"]].tolist() == [
        "UGA",
        "AirNow",
        "State",
        "CC BY 4.0; CC0",
        "State",
    ]
    assert not row["has_pm25"] and not row["is_mobile"]


def test_a_list_of_several_pages_is_read_to_its_end(archive, monkeypatch):
    "31 files of January, ten on a page; March has none; a list is not asked for twice."
    monkeypatch.setattr(openaq_archive, "MOST_KEYS", 10)
    months = [("900001", JANUARY), ("900001", MARCH)]
    files, none = archive.list_months(months)
    assert [file.day.day for file in files] == list(range(1, 32)) and none == []
    assert archive.client.requests == 5
    assert archive.list_months(months) == [files, none]
    assert archive.client.requests == 5
    assert archive.known("900001", JANUARY) == files and archive.known("900001", FEBRUARY) is None


def test_a_list_of_a_new_month_counts_for_a_day(archive, monkeypatch):
    "That of a month that had ended 30 days before counts for 30 days."
    now = pd.Timestamp("2024-04-30").timestamp()
    monkeypatch.setattr(openaq_archive.time, "time", lambda: now)
    archive.list_months([("900001", JANUARY), ("900001", pd.Period("2024-04"))])
    for later, old, new in ((0.9, True, True), (1.1, True, False), (30.1, False, False), (-1, False, False)):
        monkeypatch.setattr(openaq_archive.time, "time", lambda later=later: now + 86_400 * later)
        assert (archive.known("900001", JANUARY) is not None) == old
        assert (archive.known("900001", pd.Period("2024-04")) is not None) == new


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "<ListBucketResult><Contents><Key>a",
        "<ListBucketResult><KeyCount>3</KeyCount></ListBucketResult>",
    ],
)
def test_a_list_that_is_cut_off_is_asked_for_again(text):
    with pytest.raises(Passing, match="cut off"):
        read_listing(text.encode(), {})


FILE_FAULTS = [
    "unavailable",
    "too_many",
    "dropped",
    "truncated",
    "truncated_length",
    "truncated_gzip",
    "html",
]


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_broken_file_is_asked_for_again(server, archive, fault):
    files = listed(archive)[:2]
    server.faults = Faults(**{fault: [0, 1]})
    for file, (path, new) in zip(files, archive.fetch(files), strict=True):
        assert new and path.read_bytes() == server.bucket.file(file.key)[0]
    assert archive.client.retries == 2


def test_a_file_that_is_served_as_compressed_comes_as_it_is_stored(server, archive, monkeypatch):
    "A bucket may say Content-Encoding: gzip; size and checksum are those of the bytes it stores."
    whole = server.bucket.file

    def encoded(key):
        content, headers = whole(key)
        return content, headers | {"Content-Encoding": "gzip"}

    monkeypatch.setattr(server.bucket, "file", encoded)
    files = listed(archive)[:1]
    assert archive.fetch(files)[0][0].read_bytes() == whole(files[0].key)[0]
    assert archive.client.retries == 0


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_broken_list_is_asked_for_again(server, archive, fault):
    server.faults = Faults(**{fault: [0, 1]})
    assert len(listed(archive)) == 31
    assert archive.client.retries == 2


@pytest.mark.parametrize("fault", ["truncated", "truncated_gzip"])
def test_a_file_that_stays_broken_is_named_and_leaves_nothing(server, archive, fault):
    "The next run fetches it, and it only."
    files = listed(archive)[:2]
    archive.fetch(files[:1])
    server.faults = Faults(**{fault: 1})
    with pytest.raises(
        Unavailable, match=rf"{files[1].name} came broken .* 3 times\. Run the same command again"
    ):
        archive.fetch(files)
    assert not list(archive.cache.rglob(f"*{files[1].name[:-7]}*"))
    assert archive.lacking(files) == files[1:]
    server.faults = Faults()
    assert [new for _, new in archive.fetch(files)] == [False, True]
    assert archive.lacking(files) == []
    assert [new for _, new in archive.fetch(files)] == [False, False]


def test_a_service_that_is_away_is_named_with_the_file(server, archive):
    files = listed(archive)[:1]
    server.faults = Faults(unavailable=1)
    with pytest.raises(Unavailable, match=rf"{files[0].name}: 127\.0\.0\.1:\d+ answered 503, 3 times"):
        archive.fetch(files)


def test_a_file_that_was_damaged_on_disk_is_fetched_again(archive):
    files = listed(archive)[:2]
    path = archive.fetch(files)[0][0]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    assert archive.lacking(files) == files[:1]
    assert archive.fetch(files)[0] == (path, True)
    assert path.read_bytes() == content


def test_another_version_since_the_list_is_taken_and_listed_anew(server, archive):
    files = relist(archive, lambda key, size, etag: [key, size - 1, etag[::-1]])
    assert archive.fetch(files[:1])[0][0].read_bytes() == server.bucket.file(files[0].key)[0]
    again = listed(archive)
    assert again[0] != files[0] and archive.lacking(again[:1]) == []


def test_a_wrong_checksum_in_a_list_is_not_believed_against_that_of_the_file(server, archive):
    server.faults = Faults(wrong_etag=[0])
    files = listed(archive)[:3]
    assert all(new for _, new in archive.fetch(files))
    assert archive.lacking(listed(archive)[:3]) == []


def test_a_wrong_checksum_of_a_file_that_is_as_listed_does_no_harm(server, archive):
    files = listed(archive)[:3]
    server.faults = Faults(wrong_etag=1)
    archive.fetch(files)
    assert archive.lacking(files) == [] and archive.client.retries == 0


def test_wrong_checksums_everywhere_are_an_error(server, archive):
    server.faults = Faults(wrong_etag=1)
    files = listed(archive)[:1]
    with pytest.raises(Unavailable, match="another checksum than is listed"):
        archive.fetch(files)


def test_a_file_that_is_gone_since_the_list_is_an_error_and_listed_anew(archive):
    files = relist(archive, lambda key, size, etag: [key.replace("20240101", "20240132"), size, etag])
    with pytest.raises(
        Unavailable, match="location-900001-20240132.csv.gz is in the archive's list, but not"
    ):
        archive.fetch(files[:1])
    assert listed(archive)[0].day == pd.Timestamp("2024-01-01")


def test_a_checksum_of_parts_is_none_of_the_whole(server, archive):
    "Such a file is whole if it has its length and its gzip data end."
    files = relist(archive, lambda key, size, etag: [key, size, f"{etag}-2"])
    assert archive.fetch(files[:1])[0][0].read_bytes() == server.bucket.file(files[0].key)[0]
    files = relist(archive, lambda key, size, etag: [key, size // 2, etag])
    server.faults = Faults(truncated=1)
    with pytest.raises(Unavailable, match="its gzip data do not end"):
        archive.fetch(files[:1])


def test_what_killed_runs_left_is_swept_not_what_is_being_written(archive):
    path = archive.fetch(listed(archive)[:1])[0][0]
    old, new = (path.parent / f".{path.name}.{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / path.name).write_bytes(b"half")
    os.utime(old, (0, 0))
    archive.sweep()
    assert (old.exists(), new.exists(), path.exists()) == (False, True, True)


def test_a_list_counts_for_its_address_only(archive):
    "Files of a stand-in do not stand for OpenAQ's."
    listed(archive)
    assert Archive(Client(None, QUICK), archive.cache).known("900001", JANUARY) is None


def test_files_of_another_name_are_no_way_out_of_the_cache():
    "A key with .. in it is not of the form that the archive has."
    text = (
        "<ListBucketResult><Contents><Key>records/../../location-7-20240101.csv.gz</Key><Size>3</Size>"
        "<ETag>&quot;../x&quot;</ETag></Contents></ListBucketResult>"
    )
    ((file,), _) = read_listing(text.encode(), {})
    assert file.etag == "x"


def test_joined_days_keep_the_hours_between_the_midnights(tmp_path):
    "The hour marked 00:00 on the first day belongs to the day before, that after the last day to it."
    times = pd.date_range("2024-01-30", periods=96, freq="h")
    paths, days = [], []
    for day, own in times.to_series().groupby(times.normalize()):
        rows = "".join(f'7,"a, b",{time:%Y-%m-%dT%H:%M:%S}+03:00,1.0\n' for time in own)
        paths.append(tmp_path / f"{day:%d}.csv.gz")
        paths[-1].write_bytes(gzip.compress(f"location_id,location,datetime,value\n{rows}".encode()))
        days.append(day)
    paths[0].write_bytes(b"no gzip")
    joined, damaged = join_days(paths, days, DAYS[1], DAYS[2])
    assert damaged == [0]
    ((header, rows),) = joined.items()
    table = pd.read_csv(io.BytesIO(header + b"\n" + rows))
    kept = table["datetime"].str[:16].tolist()
    assert (kept[0], kept[-1], len(kept)) == ("2024-01-31T01:00", "2024-02-02T00:00", 48)


def test_files_with_other_columns_stay_apart(tmp_path):
    for number, header in enumerate(("a,datetime", "datetime,a")):
        (tmp_path / str(number)).write_bytes(gzip.compress(f"{header}\n1,2\n".encode()))
    joined, _ = join_days([tmp_path / "0", tmp_path / "1"], [DAYS[1]] * 2, DAYS[0], DAYS[3])
    assert joined == {b"a,datetime": b"1,2\n", b"datetime,a": b"1,2\n"}


@pytest.mark.live
def test_the_archive_is_as_it_is_described(tmp_path):
    """The file that the documentation names: its checksum, its columns, local times at the ends of hours."""
    archive = Archive(Client(None), tmp_path)
    (files,) = archive.list_months([("2178", pd.Period("2022-05"))])
    (file,) = [file for file in files if file.day == pd.Timestamp("2022-05-03")]
    ((path, _),) = archive.fetch([file])
    table = pd.read_csv(path)
    assert table.columns.tolist() == [
        *("location_id", "sensors_id", "location", "datetime", "lat", "lon", "parameter", "units", "value"),
    ]
    assert len(file.etag) == 32
    assert table["datetime"].str.fullmatch(r"2022-05-0[34]T\d\d:\d\d:\d\d-0[67]:00").all()

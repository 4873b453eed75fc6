"""OpenAQ's locations and archive, asked for over HTTP; the server stands in for OpenAQ."""

import gzip
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openaq_stand_in import OpenAQ, key_of, serving

from airq.sources.online.http import Client, Passing, Patience, Refused, Unavailable
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
KAMPALA = pd.DataFrame(
    {
        "city_id": ["UGA:Kampala", "UGA:Mukono"],
        "city": ["Kampala", "Mukono"],
        "country": "UGA",
        "latitude": [0.32, 0.35],
        "longitude": [32.58, 32.75],
    }
)
DAYS = pd.date_range("2024-01-30", periods=4)
JANUARY, FEBRUARY = pd.Period("2024-01"), pd.Period("2024-02")


@pytest.fixture
def openaq():
    with serving(OpenAQ()) as state:
        yield state


@pytest.fixture
def client(openaq):
    return Client(openaq.url, QUICK, {"X-API-Key": KEY})


@pytest.fixture
def archive(openaq, tmp_path):
    return Archive(Client(openaq.url, QUICK), tmp_path / "files", workers=4)


def listed(archive, number=7, month=JANUARY):
    return archive.list_months([(str(number), month)])[0]


def test_all_pages_are_read_and_each_location_counts_once(openaq, client, tmp_path):
    "Five locations on pages of two, all near both cities."
    openaq.page_size = 2
    for number in range(1, 6):
        openaq.add(number, 0.33, 32.60 + number / 100, days=[])
    found = ask_locations(KAMPALA, 25, client, cache=tmp_path)
    assert [one["id"] for one in found] == [1, 2, 3, 4, 5]
    assert openaq.asked["v3/locations"] == 6


def test_an_answer_is_kept_for_a_day(openaq, client, tmp_path):
    "A second run sends nothing; another radius is another question."
    openaq.add(1, 0.33, 32.60, days=[])
    ask_locations(KAMPALA, 25, client, cache=tmp_path)
    sent = client.requests
    assert ask_locations(KAMPALA, 25, client, cache=tmp_path)[0]["id"] == 1
    assert client.requests == sent
    assert is_kept(KAMPALA, 25, openaq.url, cache=tmp_path)
    assert not is_kept(KAMPALA, 20, openaq.url, cache=tmp_path)
    assert not is_kept(KAMPALA, 25, None, cache=tmp_path)


def test_a_damaged_answer_that_was_kept_is_asked_for_again(openaq, client, tmp_path):
    openaq.add(1, 0.33, 32.60, days=[])
    ask_locations(KAMPALA, 25, client, cache=tmp_path)
    (path,) = tmp_path.glob("locations-*.json")
    path.write_text(path.read_text()[:-20])
    assert len(ask_locations(KAMPALA, 25, client, cache=tmp_path)) == 1


def test_the_key_goes_to_the_api_and_nowhere_else(openaq, client, tmp_path, archive):
    openaq.add(7, 0.33, 32.60, days=DAYS)
    ask_locations(KAMPALA, 25, client, cache=tmp_path)
    archive.fetch(listed(archive))
    for name, headers in openaq.headers:
        assert (headers.get("X-API-Key") == KEY) == (name == "v3/locations")
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
    assert KEY not in repr(client)


def test_a_key_is_missing_or_refused(openaq, tmp_path, monkeypatch):
    "One line says how to get a key, or how to do without."
    monkeypatch.delenv("OPENAQ_API_KEY", raising=False)
    with pytest.raises(ValueError, match=r"OPENAQ_API_KEY .*explore\.openaq\.org.*--locations"):
        key_header()
    with pytest.raises(Refused, match=r"401.*Unauthorized.*Is OPENAQ_API_KEY right\?"):
        ask_locations(KAMPALA, 25, Client(openaq.url, QUICK), cache=tmp_path)


def test_more_than_25_km_are_asked_for_as_a_box():
    "A box holds the circle; across 180° it is two."
    (one,) = queries(KAMPALA.iloc[:1], 40)
    west, south, east, north = map(float, one["bbox"].split(","))
    assert south < 0.32 - 40 / 110.7 and north > 0.32 + 40 / 110.7
    assert west < 32.58 - 40 / 111.4 and east > 32.58 + 40 / 111.4
    boxes = queries(pd.DataFrame({"latitude": [-16.5], "longitude": [179.9]}), 40)
    assert boxes[0]["bbox"].split(",")[2] == "180.00000"
    assert boxes[1]["bbox"].split(",")[0] == "-180.00000"


def test_corners_of_boxes_and_nearest_cities(openaq, client, tmp_path):
    "The table tells the distance to the nearest city; a corner of the box is farther than the radius."
    openaq.add(1, 0.32, 32.60, days=[])
    openaq.add(2, 0.67, 32.93, days=[])
    table = location_table(ask_locations(KAMPALA, 40, client, cache=tmp_path), KAMPALA)
    assert table["city"].tolist() == ["Kampala", "Mukono"]
    assert table["distance_km"].tolist() == pytest.approx([2.226, 40.61], abs=0.2)


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


def test_a_list_of_several_pages_is_read_to_its_end(openaq, archive):
    "31 files of January, ten on a page; February has none; a list is not asked for twice."
    openaq.add(7, 0.33, 32.60, days=pd.date_range("2024-01-01", "2024-01-31"))
    openaq.keys_per_page = 10
    openaq.files["records/csv.gz/locationid=7/year=2024/month=01/README.md"] = b"x"
    files, none = archive.list_months([("7", JANUARY), ("7", FEBRUARY)])
    assert [file.day.day for file in files] == list(range(1, 32)) and none == []
    assert archive.client.requests == 5
    assert archive.list_months([("7", JANUARY), ("7", FEBRUARY)]) == [files, none]
    assert archive.client.requests == 5
    assert archive.known("7", JANUARY) == files and archive.known("8", JANUARY) is None


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


@pytest.mark.parametrize("fault", ["cut", "wrong", "503", "429"])
def test_a_broken_file_is_asked_for_again(openaq, archive, fault):
    openaq.add(7, 0.33, 32.60, days=DAYS)
    files = listed(archive)
    openaq.faults[files[0].key] = [fault, fault]
    ((path, new), _) = archive.fetch(files)
    assert new and path.read_bytes() == openaq.files[files[0].key]
    assert openaq.asked[files[0].key] == 3 and archive.client.retries == 2


@pytest.mark.parametrize("fault", ["cut", "wrong"])
def test_a_file_that_stays_broken_is_named_and_leaves_nothing(openaq, archive, fault):
    "The next run fetches it, and it only."
    openaq.add(7, 0.33, 32.60, days=DAYS)
    files = listed(archive)
    openaq.faults[files[1].key] = [fault] * 3
    with pytest.raises(
        Unavailable, match=rf"{files[1].name} came broken .* 3 times\. Run the same command again"
    ):
        archive.fetch(files[1:])
    assert archive.lacking(files) == files
    assert not list(archive.cache.rglob(f"*{files[1].name[:-7]}*"))
    assert [new for _, new in archive.fetch(files)] == [True, True]
    assert archive.lacking(files) == []
    assert [new for _, new in archive.fetch(files)] == [False, False]


def test_a_file_that_was_damaged_on_disk_is_fetched_again(openaq, archive):
    openaq.add(7, 0.33, 32.60, days=DAYS)
    files = listed(archive)
    path = archive.fetch(files)[0][0]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    assert archive.lacking(files) == files[:1]
    assert archive.fetch(files)[0] == (path, True)
    assert path.read_bytes() == content


def test_another_version_since_the_list_is_taken_and_listed_anew(openaq, archive):
    openaq.add(7, 0.33, 32.60, days=DAYS)
    files = listed(archive)
    openaq.files[files[0].key] = newer = gzip.compress(b"newer\n", mtime=0)
    assert archive.fetch(files)[0][0].read_bytes() == newer
    again = listed(archive)
    assert again[0] != files[0] and archive.lacking(again) == []


def test_a_file_that_is_gone_since_the_list_is_an_error_and_listed_anew(openaq, archive):
    openaq.add(7, 0.33, 32.60, days=DAYS)
    files = listed(archive)
    del openaq.files[files[0].key]
    with pytest.raises(
        Unavailable, match=f"{files[0].name} is in the archive's list, but not in the archive"
    ):
        archive.fetch(files)
    assert listed(archive) == files[1:]


def test_a_checksum_of_parts_is_none_of_the_whole(openaq, archive):
    "Such a file is whole if it has its length and its gzip data end."
    openaq.add(7, 0.33, 32.60, days=DAYS)
    key = key_of(7, DAYS[0])
    openaq.etags[key] = "d41d8cd98f00b204e9800998ecf8427e-2"
    files = listed(archive)
    assert archive.fetch(files)[0][0].read_bytes() == openaq.files[key]
    openaq.files[key] = openaq.files[key][:-8] + bytes(8)
    archive.fetch(files)[0][0].unlink()
    with pytest.raises(Unavailable, match="its gzip data do not end"):
        archive.fetch(files)


def test_a_list_counts_for_its_address_only(openaq, archive):
    "Files of a stand-in do not stand for OpenAQ's."
    openaq.add(7, 0.33, 32.60, days=DAYS)
    listed(archive)
    assert Archive(Client(None, QUICK), archive.cache).known("7", JANUARY) is None


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

"""What a folder lacks, by hand: cities, days, and what was fetched too early."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from airq.sources.chunks import write_chunk
from airq.sources.earthengine.catalogue import products_of
from airq.sources.earthengine.extraction import Extraction
from airq.sources.folder import Folder, locked_folder, open_folder
from airq.sources.site_days import SiteDays

TODAY = np.datetime64("2024-01-01")
LONGITUDES = {"accra": -0.2, "cairo": 31.2, "kampala": 32.6}


def cities(*names, shift=0.0, population=1e6):
    """A table of cities."""
    return pd.DataFrame(
        {
            "city_id": list(names),
            "city": [name.title() for name in names],
            "country": "UGA",
            "latitude": [0.5 + shift] * len(names),
            "longitude": [LONGITUDES[name] for name in names],
            "population": population,
        }
    )


def wanted(names, start, end, **settings):
    return SiteDays.from_cities(cities(*names, **settings), pd.Timestamp(start), pd.Timestamp(end))


def january(*days):
    return np.array([f"2020-01-{day:02d}" for day in days], dtype="datetime64[D]")


def extraction(*products, recipe="default", **settings):
    return Extraction(recipe, products_of(recipe, products or ["no2"]), **settings)


@pytest.fixture
def begun(tmp_path):
    """Function that makes a folder; it has ``fetch(sites, days)``, which puts a chunk into it."""

    def make(where_and_when, what=None):
        folder = Folder(tmp_path / "out", what or extraction(), where_and_when)

        def fetch(sites, periods, *, fetched="2021-01-01", layer=0):
            layer = folder.extraction.layers[layer]
            return write_chunk(
                folder.chunks,
                fingerprints={part.key: folder.extraction.fingerprint_of(part) for part in layer.parts},
                layer=layer.name,
                columns=layer.columns,
                sites=list(sites),
                places=[(LONGITUDES[site], 0.5) for site in sites],
                periods=periods,
                values=np.ones((len(sites), len(periods), len(layer.columns))),
                fetched=np.datetime64(fetched, "s"),
            )

        folder.fetch = fetch
        return folder

    return make


def missing(folder, today=TODAY):
    """Cities and days of every request that is missing, with its offset."""
    folder.on_day = np.datetime64(today)
    chunks, _ = folder.read_chunks()
    names = folder.site_days.sites.index
    return [
        (names[request.rows].tolist(), request.periods.astype(str).tolist(), request.offset_hours)
        for request in folder.missing(chunks)
    ]


# -- what is wanted


def test_cities_are_sorted():
    "Whatever the order of the table."
    assert wanted(["kampala", "accra"], "2020-01-01", "2020-01-02").sites.index.tolist() == [
        "accra",
        "kampala",
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("01", "02"), ("03", "04"), [("01", "04")]),
        (("03", "04"), ("01", "02"), [("01", "04")]),
        (("01", "05"), ("02", "03"), [("01", "05")]),
        (("01", "02"), ("02", "03"), [("01", "03")]),
        (("01", "01"), ("03", "03"), [("01", "01"), ("03", "03")]),
        (("01", "02"), ("01", "02"), [("01", "02")]),
    ],
    ids=["next", "before", "inside", "overlap", "apart", "same"],
)
def test_spans_that_touch_become_one(first, second, expected):
    "A gap of a day keeps them apart."
    parts = [wanted(["accra"], *(f"2020-01-{day}" for day in span)) for span in (first, second)]
    both = parts[0].union(parts[1])
    assert both.spans == {"accra": [tuple(f"2020-01-{day}" for day in span) for span in expected]}


def test_new_cities_have_their_own_days():
    "Accra was wanted in the beginning, Cairo later: no day in common, none between."
    both = wanted(["accra"], "2020-01-01", "2020-01-02").union(wanted(["cairo"], "2020-01-04", "2020-01-05"))
    assert both.days.astype(str).tolist() == [f"2020-01-0{day}" for day in range(1, 6)]
    assert both.mask(both.days).astype(int).tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 1, 1]]


def test_a_city_that_moved_is_refused():
    "By a thousandth of a degree, a hundred metres; a millionth is rounding."
    before = wanted(["accra", "cairo"], "2020-01-01", "2020-01-02")
    before.union(wanted(["cairo"], "2020-01-03", "2020-01-03", shift=5e-7))
    with pytest.raises(ValueError, match="City 'cairo' has other coordinates.*another --out"):
        before.union(wanted(["cairo"], "2020-01-03", "2020-01-03", shift=1e-3))


def test_later_facts_of_a_city_prevail():
    "A city that grew keeps its place."
    both = wanted(["accra"], "2020-01-01", "2020-01-01").union(
        wanted(["accra"], "2020-01-02", "2020-01-02", population=2e6)
    )
    assert both.sites["population"].tolist() == [2e6]


def test_what_is_wanted_survives_json():
    "Through the manifest's text, a city without known population, too."
    both = wanted(["accra"], "2020-01-01", "2020-01-01", population=np.nan).union(
        wanted(["accra", "cairo"], "2020-01-05", "2020-01-06")
    )
    lone = wanted(["kampala"], "2020-01-01", "2020-01-01", population=np.nan)
    for one in (both, lone):
        text = json.dumps(one.to_dict()).replace("NaN", "null")
        again = SiteDays.from_dict(json.loads(text))
        pd.testing.assert_frame_equal(again.sites, one.sites)
        assert (again.spans, again.cities_hash) == (one.spans, one.cities_hash)


def test_hash_of_the_cities_knows_places_not_people():
    "A moved city changes it, a grown one does not."
    one = wanted(["accra"], "2020-01-01", "2020-01-01").cities_hash
    assert wanted(["accra"], "2021-01-01", "2021-01-01", population=1).cities_hash == one
    assert wanted(["accra"], "2020-01-01", "2020-01-01", shift=1.0).cities_hash != one


# -- what is missing


def test_a_new_folder_lacks_everything(begun):
    "Two cities, two days: one request."
    folder = begun(wanted(["accra", "cairo"], "2020-01-01", "2020-01-02"))
    assert missing(folder) == [(["accra", "cairo"], ["2020-01-01", "2020-01-02"], 0)]


def test_a_whole_folder_lacks_nothing(begun):
    "A chunk of everything."
    folder = begun(wanted(["accra", "cairo"], "2020-01-01", "2020-01-02"))
    folder.fetch(["accra", "cairo"], january(1, 2))
    assert missing(folder) == []


def test_holes_are_found(begun):
    "Of three cities and four days a day of one and two days of another are missing."
    folder = begun(wanted(["accra", "cairo", "kampala"], "2020-01-01", "2020-01-04"))
    folder.fetch(["cairo"], january(1, 2, 3, 4))
    folder.fetch(["kampala", "accra"], january(1, 2))
    folder.fetch(["kampala"], january(4))
    assert missing(folder) == [
        (["accra"], ["2020-01-03", "2020-01-04"], 0),
        (["kampala"], ["2020-01-03"], 0),
    ]


def test_cities_that_lack_the_same_days_share_a_request(begun):
    "Later days for all: one request, not one for each city."
    folder = begun(wanted(["accra", "cairo", "kampala"], "2020-01-01", "2020-01-04"))
    folder.fetch(["accra"], january(1, 2))
    folder.fetch(["cairo", "kampala"], january(1, 2))
    assert missing(folder) == [(["accra", "cairo", "kampala"], ["2020-01-03", "2020-01-04"], 0)]


def test_days_that_are_not_wanted_are_not_missing(begun):
    "Accra's first days and Cairo's last: nothing of the gap between."
    both = wanted(["accra"], "2020-01-01", "2020-01-02").union(wanted(["cairo"], "2020-01-04", "2020-01-04"))
    assert missing(begun(both)) == [
        (["accra"], ["2020-01-01", "2020-01-02"], 0),
        (["cairo"], ["2020-01-04"], 0),
    ]


def test_a_year_is_missing_once(begun):
    "The population of 2019 and 2020 for two days, whatever else is asked of these years."
    folder = begun(wanted(["accra"], "2019-12-31", "2020-01-01"), extraction("population"))
    assert missing(folder) == [(["accra"], ["2019-01-01", "2020-01-01"], 0)]
    folder.fetch(["accra"], np.array(["2019-01-01", "2020-01-01"], "datetime64[D]"))
    folder.site_days = folder.site_days.union(wanted(["accra"], "2020-05-01", "2020-06-01"))
    assert missing(folder) == []


def test_local_days_part_cities_by_their_offset(begun):
    "Cairo and Kampala begin their day two hours before Accra, whose day is that of UTC."
    what = extraction("no2", day_basis="local")
    folder = begun(wanted(list(LONGITUDES), "2020-01-01", "2020-01-01"), what)
    assert missing(folder) == [
        (["cairo", "kampala"], ["2020-01-01"], 2),
        (["accra"], ["2020-01-01"], 0),
    ]


@pytest.mark.parametrize("product", ["fires", "population", "elevation"])
def test_what_has_no_local_days_is_asked_for_all_cities_at_once(begun, product):
    "Images of whole days or years are the same for all."
    what = extraction(product, day_basis="local", rings_km=(50,))
    folder = begun(wanted(list(LONGITUDES), "2020-01-01", "2020-01-01"), what)
    assert [(names, offset) for names, _, offset in missing(folder)] == [(list(LONGITUDES), 0)]


def test_chunks_of_another_extraction_do_not_count(begun):
    "Another radius is another fingerprint."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-01"))
    folder.fetch(["accra"], january(1))
    other = begun(folder.site_days, extraction(radius_km=6))
    assert len(missing(other)) == 1


def test_chunks_of_other_places_do_not_count(begun):
    "The manifest was deleted, and Cairo now stands a degree further north."
    folder = begun(wanted(["accra", "cairo"], "2020-01-01", "2020-01-01"))
    folder.fetch(["accra"], january(1))
    folder.fetch(["cairo"], january(1))
    moved = wanted(["accra"], "2020-01-01", "2020-01-01").union(
        wanted(["cairo"], "2020-01-01", "2020-01-01", shift=1.0)
    )
    assert missing(begun(moved)) == [(["cairo"], ["2020-01-01"], 0)]


def test_cities_unknown_to_the_folder_do_no_harm(begun):
    "A chunk holds a city and a day that nobody wants now."
    folder = begun(wanted(["cairo"], "2020-01-02", "2020-01-03"))
    folder.fetch(["accra", "cairo"], january(1, 2))
    assert missing(folder) == [(["cairo"], ["2020-01-03"], 0)]


# -- what was fetched too early


@pytest.mark.parametrize(
    ("fetched", "today", "again"),
    [
        ("2020-01-05T08:00:00", "2020-01-05", False),
        ("2020-01-05T08:00:00", "2020-01-06", True),
        ("2020-01-11T23:00:00", "2020-01-12", True),
        ("2020-01-12T00:00:00", "2020-01-13", False),
        ("2020-01-01T08:00:00", "2020-01-02", True),
    ],
    ids=["same day", "next day", "a day short", "complete", "the day itself"],
)
def test_what_came_early_is_asked_for_on_a_later_day(begun, fetched, today, again):
    "The images of 1 January are all there 10 days after its end, on the 12th."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-01"))
    folder.fetch(["accra"], january(1), fetched=fetched)
    assert bool(missing(folder, today)) is again


def test_only_early_days_of_a_chunk_are_asked_for_again(begun):
    "Fetched on the 14th: the 1st to the 3rd are complete, the 4th is not."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-04"))
    folder.fetch(["accra"], january(1, 2, 3, 4), fetched="2020-01-14")
    assert missing(folder, "2020-01-20") == [(["accra"], ["2020-01-04"], 0)]


def test_every_product_of_a_layer_has_its_own_time(begun):
    "CAMS is there after two days, NO2 after ten: fetched together after four, NO2 alone is asked for again."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-01"), extraction("cams", "no2"))
    folder.fetch(["accra"], january(1), fetched="2020-01-05")
    folder.on_day = np.datetime64("2020-01-06")
    (request,) = folder.missing(folder.read_chunks()[0])
    assert request.layer.columns == ["no2"]


def test_products_that_lack_the_same_are_asked_for_together(begun):
    "Before June 2018 there is no NO2: it is taken along with CAMS, as there is nothing to draw of it."
    folder = begun(wanted(["accra"], "2018-06-01", "2018-07-31"), extraction("cams", "no2"))
    (request,) = folder.missing([])
    assert (len(request.layer.products), len(request.periods)) == (2, 61)


def test_a_year_is_asked_for_again_after_a_month(begun):
    "Night lights of 2023 come in 2024 or 2025: fetched in June, asked for again in July."
    year = np.array(["2023-01-01"], "datetime64[D]")
    folder = begun(wanted(["accra"], "2023-05-01", "2023-05-01"), extraction("night-lights"))
    folder.fetch(["accra"], year, fetched="2023-06-01")
    assert missing(folder, "2023-06-30") == []
    assert len(missing(folder, "2023-07-01")) == 1


def test_what_never_changes_is_asked_for_once(begun):
    "Heights, years later."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-01"), extraction("elevation"))
    folder.fetch(["accra"], np.array(["1970-01-01"], "datetime64[D]"), fetched="2020-01-01")
    assert missing(folder, "2030-01-01") == []


def test_chunks_that_were_fetched_again_are_superseded(begun):
    "Two early ones, then one of both days; a chunk of a third day stays, as does the last."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-03"))
    early = [folder.fetch(["accra"], january(day), fetched="2020-01-05") for day in (1, 2)]
    folder.fetch(["accra"], january(3), fetched="2020-01-05")
    folder.fetch(["accra"], january(1, 2), fetched="2020-02-05")
    idle = folder.superseded(folder.read_chunks()[0])
    assert {chunk.path for chunk in idle} == {chunk.path for chunk in early}


def test_a_chunk_fetched_again_in_part_stays(begun):
    "One of its two cities, or one of its two days."
    folder = begun(wanted(["accra", "cairo"], "2020-01-01", "2020-01-02"))
    folder.fetch(["accra", "cairo"], january(1, 2), fetched="2020-01-05")
    folder.fetch(["accra"], january(1, 2), fetched="2020-02-05")
    assert folder.superseded(folder.read_chunks()[0]) == []


# -- the folder


def test_a_folder_is_opened_again_with_more(tmp_path):
    "A later day for both and a third city; the runs so far are remembered."
    path = tmp_path / "out"
    folder = open_folder(path, extraction(), wanted(["accra", "cairo"], "2020-01-01", "2020-01-02"))
    folder.runs.append({"requests": 1})
    folder.write_manifest()
    again = open_folder(path, extraction(), wanted(["cairo", "kampala"], "2020-01-03", "2020-01-03"))
    assert again.site_days.mask(again.site_days.days).astype(int).tolist() == [
        [1, 1, 0],
        [1, 1, 1],
        [0, 0, 1],
    ]
    assert again.runs == [{"requests": 1}]


def test_what_is_written_keeps_its_names(begun, tmp_path):
    "A folder that an earlier version began is continued: the same keys in manifest and chunk."
    folder = begun(wanted(["accra"], "2020-01-01", "2020-01-01"))
    chunk = folder.fetch(["accra"], january(1))
    folder.write_manifest()
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sorted(facts) == [
        *("airq", "assets", "cities", "cities_sha256", "earlier", "extraction", "fingerprint", "first_day"),
        *("images", "last_day", "panel", "refreshes", "replaced", "runs"),
    ]
    assert facts["cities"] == {
        "accra": {
            **{"city": "Accra", "country": "UGA", "latitude": 0.5, "longitude": -0.2, "population": 1e6},
            "days": [["2020-01-01", "2020-01-01"]],
        }
    }
    assert facts["fingerprint"] == folder.extraction.fingerprint
    schema = pq.read_schema(chunk.path)
    assert schema.names == ["site_id", "period", "no2"]
    assert json.loads(schema.metadata[b"chunk"]) == {
        "fingerprints": folder.extraction.fingerprints,
        "layer": "day-disc5km-1113p2m-mean",
        "sites": ["accra"],
        "places": [[-0.2, 0.5]],
        "periods": ["2020-01-01"],
        "fetched": "2021-01-01T00:00:00",
    }


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (extraction(radius_km=6), "other settings.*radius_km"),
        (extraction(day_basis="local"), "other settings.*day_basis"),
        (extraction("no2-nrti", recipe="live"), "other settings.*product no2"),
    ],
    ids=["radius", "day", "recipe"],
)
def test_another_extraction_is_refused(tmp_path, other, words):
    "Values of two kinds must not mix; the message tells what differs."
    where = wanted(["accra"], "2020-01-01", "2020-01-02")
    begun = open_folder(tmp_path / "out", extraction(), where)
    begun.panel_facts = {"columns": ["no2"]}
    begun.write_manifest()
    with pytest.raises(ValueError, match=words):
        open_folder(tmp_path / "out", other, where)


def test_a_foreign_folder_is_refused(tmp_path):
    "Someone's notes, or a file."
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    (tmp_path / "file").write_text("")
    for name in ("mine", "file"):
        with pytest.raises(FileExistsError, match="choose another name for --out"):
            open_folder(tmp_path / name, extraction(), wanted(["accra"], "2020-01-01", "2020-01-02"))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"extraction": {}}', "\xff"),
        '{"extraction": {}, "cities": {"accra": {"where": [5.6, -0.2]}}, "runs": []}',
        '{"extraction": {}, "cities": {}, "runs": [], "images": [1], "earlier": {}}',
    ],
)
def test_a_damaged_manifest_is_told(tmp_path, text):
    "Cut, of another kind, or without its parts: the chunks are still good."
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(
        ValueError, match="manifest.json is damaged, or of another version of airq. Delete it"
    ):
        open_folder(tmp_path, extraction(), wanted(["accra"], "2020-01-01", "2020-01-02"))


BLOCK = {"layer": "x", "products": ["no2"], "cities": 0, "periods": ["2020-01-01"], "offset_hours": 0}
ACCRA = {"city": "a", "country": "b", "latitude": 0.5, "longitude": -0.2, "population": 1.0}
SPAN = {"start": "2020-01-01", "end": "2020-01-02", "since": "2020-02-01T00:00:00.000", "products": ["no2"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("earlier", [1]),
        ("cities", {"accra": {**ACCRA, "days": [["2020-01-01", "x"]]}}),
        ("images", {"no2": {"2020-01-01": [1]}}),
        ("images", {"no2": {"2020-01-01": ["x", "2020-01-01", "2020-01-02", None, 1]}}),
        ("images", {"no2": {"2020-01-01": [2, "2020-01-01", "2020-01-02", None, 1, 5]}}),
        ("tasks", {"blocks": {"k": BLOCK | {"fingerprints": {"no2": "1a"}}}, "cities": [["accra"]]}),
        ("tasks", [["blocks", [1]]]),
        ("tasks", {"blocks": {"k": {"layer": "x"}}}),
        ("tasks", {"blocks": {"k": BLOCK}}),
        ("tasks", {"blocks": {"k": BLOCK}, "cities": []}),
        ("tasks", {"blocks": {"k": BLOCK}, "cities": ["accra"]}),
        ("tasks", {"blocks": {"k": {**BLOCK, "periods": ["x"]}}, "cities": [["accra"]]}),
        ("tasks", {"blocks": {"k": {**BLOCK, "newest": "x"}}, "cities": [["accra"]]}),
        ("refreshes", [1]),
        ("refreshes", [{"start": "x"}]),
        *(("refreshes", [{**SPAN, name: value}]) for name, value in zip(SPAN, ("x", "", 1, 1), strict=True)),
        ("replaced", [1]),
        ("replaced", [{"until": "2020-01-01"}]),
    ],
)
def test_damaged_notes_of_a_manifest_are_told(begun, tmp_path, name, value):
    "Tasks, images, days that are fetched anew and replaced products of another kind, or without their parts."
    asked = wanted(["accra"], "2020-01-01", "2020-01-02")
    begun(asked).write_manifest()
    manifest = tmp_path / "out" / "manifest.json"
    facts = json.loads(manifest.read_text())
    noted = {"tasks": {"blocks": {"k": BLOCK}, "cities": [["accra"]]}, "refreshes": [SPAN]}
    manifest.write_text(json.dumps(facts | noted))
    open_folder(tmp_path / "out", extraction(), asked)
    manifest.write_text(json.dumps(facts | noted | {name: value}))
    with pytest.raises(ValueError, match="manifest.json is damaged"):
        open_folder(tmp_path / "out", extraction(), asked)


def test_two_processes_do_not_lock_a_folder(tmp_path):
    "The second is told at once; after the first it may."
    busy = pytest.raises(BlockingIOError, match="Another airq process is at work")
    with locked_folder(tmp_path / "out"), busy, locked_folder(tmp_path / "out"):
        pass
    with locked_folder(tmp_path / "out"):
        pass

"""Chunks become a panel: later ones prevail, part by part, nothing more than was wanted."""

import numpy as np
import pandas as pd
import pytest

from airq.io import read_panel
from airq.panel import COLUMNS, panel_metadata
from airq.sources import assembly
from airq.sources.assembly import assemble
from airq.sources.chunks import Chunk, write_chunk
from airq.sources.earthengine.catalogue import products_of
from airq.sources.earthengine.extraction import Extraction
from airq.sources.folder import Folder
from airq.sources.site_days import SiteDays

SITES = ["accra", "cairo", "kampala"]


def wanted(sites=SITES, start="2020-01-01", end="2020-01-02"):
    cities = pd.DataFrame(
        {"city_id": sites, "city": [site.title() for site in sites], "country": "UGA", "population": 1e6}
    ).assign(latitude=0.5, longitude=30.0)
    return SiteDays.from_cities(cities, pd.Timestamp(start), pd.Timestamp(end))


def days(*texts):
    return np.array(texts, dtype="datetime64[D]")


TWO = days("2020-01-01", "2020-01-02")


@pytest.fixture
def begun(tmp_path):
    """Function that makes a folder; its ``put`` writes a chunk of the values of one layer."""

    def make(*products, where_and_when=None, **settings):
        what = Extraction("default", products_of("default", products), **settings)
        folder = Folder(tmp_path / "out", what, where_and_when or wanted())

        def put(values, periods=TWO, *, sites=SITES, layer=0, fetched="2021-01-01"):
            layer = what.layers[layer]
            shape = (len(sites), len(periods), len(layer.columns))
            return write_chunk(
                folder.chunks,
                fingerprints={part.key: what.fingerprint_of(part) for part in layer.parts},
                layer=layer.name,
                columns=layer.columns,
                sites=list(sites),
                places=[(30.0, 0.5)] * len(sites),
                periods=periods,
                values=np.array(values, dtype="float64").reshape(shape),
                fetched=np.datetime64(fetched, "s"),
            )

        folder.put = put
        return folder

    return make


def assembled(folder):
    """The panel and the facts about it."""
    facts = assemble(folder, folder.read_chunks()[0])
    return read_panel(folder.panel), facts


def column(panel, name):
    """Values by city and day."""
    return [values.tolist() for _, values in panel.groupby("site_id")[name]]


def test_values_stand_at_their_city_and_day(begun):
    "Three cities, two days; the chunk has the cities in another order, and the days."
    folder = begun("no2")
    folder.put([[6e-5, 5e-5], [2e-5, 1e-5], [4e-5, 3e-5]], TWO[::-1], sites=["kampala", "accra", "cairo"])
    panel, facts = assembled(folder)
    expected = np.array([[1e-5, 2e-5], [3e-5, 4e-5], [5e-5, 6e-5]], dtype="float32")
    assert column(panel, "no2") == expected.tolist()
    assert (facts["rows"], facts["sites"], facts["columns"]) == (6, 3, ["no2"])
    assert (facts["first_day"], facts["last_day"]) == ("2020-01-01", "2020-01-02")


def test_a_panel_is_in_its_order_with_its_units(begun):
    "By site and day; keys as text, coordinates exact, values float32."
    folder = begun("no2")
    folder.put(np.zeros(6))
    panel, _ = assembled(folder)
    pd.testing.assert_frame_equal(panel, panel.sort_values(["site_id", "date"], ignore_index=True))
    known = [name for name in panel if name in COLUMNS]
    assert {name: str(panel[name].dtype) for name in known} == {name: COLUMNS[name].dtype for name in known}
    metadata = panel_metadata(panel)
    assert (metadata.units["no2"], metadata.units["population"]) == ("mol m⁻²", "people")
    assert "COPERNICUS/S5P/OFFL/L3_NO2" in metadata.sources[0]


def test_later_chunks_prevail(begun):
    "A day that was fetched again has the new value, be it empty; the other keeps the old."
    folder = begun("no2", where_and_when=wanted(["accra"]))
    folder.put([1e-5, 2e-5], sites=["accra"], fetched="2021-01-01")
    folder.put([3e-5], TWO[1:], sites=["accra"], fetched="2021-02-01")
    assert column(assembled(folder)[0], "no2") == [np.array([1e-5, 3e-5], dtype="float32").tolist()]
    folder.put([np.nan], TWO[1:], sites=["accra"], fetched="2021-03-01")
    panel, facts = assembled(folder)
    assert panel["no2"].isna().tolist() == [False, True]
    assert facts["filled"] == {"no2": 0.5}


def test_only_wanted_days_become_rows(begun):
    "Accra on the 1st, Cairo on the 3rd: two rows, though a chunk holds more."
    both = wanted(["accra"], end="2020-01-01").union(wanted(["cairo"], "2020-01-03", "2020-01-03"))
    folder = begun("no2", where_and_when=both)
    three = days("2020-01-01", "2020-01-02", "2020-01-03")
    folder.put(1e-5 * np.arange(6), three, sites=["accra", "cairo"])
    panel, _ = assembled(folder)
    assert panel["site_id"].tolist() == ["accra", "cairo"]
    assert panel["date"].dt.day.tolist() == [1, 3]
    assert panel["no2"].tolist() == np.array([0, 5e-5], dtype="float32").tolist()


def test_a_year_serves_all_its_days(begun):
    "Night lights of 2019 and 2020 around the new year, heights throughout."
    where = wanted(["accra"], "2019-12-30", "2020-01-01")
    folder = begun("night-lights", "elevation", where_and_when=where)
    folder.put([5.0, 7.0], days("2019-01-01", "2020-01-01"), sites=["accra"], layer=0)
    folder.put([1200.0], days("1970-01-01"), sites=["accra"], layer=1)
    panel, _ = assembled(folder)
    assert panel["night_lights"].tolist() == [5.0, 5.0, 7.0]
    assert panel["elevation"].tolist() == [1200.0] * 3


def test_rings_are_differences_of_discs(begun):
    "10 MW within 50 km, 30 within 150, 25 within 300: 10, 20 and, for rounding, not below 0."
    folder = begun("fires", where_and_when=wanted(["accra"], end="2020-01-01"))
    for layer, value in enumerate([10.0, 30.0, 25.0]):
        folder.put([value, 0.0], TWO[:1], sites=["accra"], layer=layer)
    panel, facts = assembled(folder)
    rings = ["fire_power_50km", "fire_power_150km", "fire_power_300km"]
    assert panel[rings].to_numpy().tolist() == [[10.0, 20.0, 0.0]]
    shares = ["fire_seen_50km", "fire_seen_150km", "fire_seen_300km"]
    assert panel[shares].to_numpy().tolist() == [[0.0, 0.0, 0.0]]
    assert facts["columns"] == rings + shares


def test_a_ring_without_an_inner_disc_is_empty(begun):
    "What lies between is not known."
    folder = begun("fires", where_and_when=wanted(["accra"], end="2020-01-01"))
    folder.put([30.0, 60_000.0], TWO[:1], sites=["accra"], layer=1)
    assert assembled(folder)[0][["fire_power_150km", "fire_seen_150km"]].isna().all(axis=None)


def test_implausible_values_are_emptied_and_counted(begun):
    "A column of NO2 of 0.03 mol m⁻²; the plausible end 0.02 stays."
    folder = begun("no2", where_and_when=wanted(["accra"]))
    folder.put([0.03, 0.02], sites=["accra"])
    panel, facts = assembled(folder)
    assert panel["no2"].isna().tolist() == [True, False]
    assert (facts["emptied"], facts["filled"]) == ({"no2": 1}, {"no2": 0.5})


def test_products_without_images_make_no_column(begun):
    "HCHO began in December 2018; NO2, June."
    folder = begun("no2", "hcho", quality=True, where_and_when=wanted(start="2018-08-01", end="2018-08-02"))
    layer = folder.extraction.layers[0]
    folder.put(np.zeros((3, 2, len(layer.columns))), days("2018-08-01", "2018-08-02"))
    panel, facts = assembled(folder)
    assert facts["columns"] == ["no2", "no2_count", "no2_age"]
    assert not [name for name in panel if name.startswith("hcho")]


def test_a_panel_in_parts_is_the_same_panel(begun, monkeypatch):
    "One city at a time, two, or all: the same table, the same counts."
    folder = begun("no2", "elevation", "fires")
    random = np.random.default_rng(0)
    values = random.uniform(0, 1e-4, (3, 2))
    values[1, 1] = 0.5
    folder.put(values[:2], sites=SITES[:2])
    folder.put(values[2:], sites=SITES[2:])
    for layer in (1, 2, 3):
        folder.put(random.uniform(layer, layer + 1, 12), layer=layer)
    folder.put([1.0, 2.0, 3.0], days("1970-01-01"), layer=4)
    whole, facts = assembled(folder)
    assert facts["emptied"] == {"no2": 1}
    for cities in (1, 2):
        # Two days of eight columns and a mask.
        monkeypatch.setattr(assembly, "MOST_VALUES", cities * 2 * 9)
        parts, same = assembled(folder)
        pd.testing.assert_frame_equal(parts, whole)
        assert same == facts


@pytest.mark.parametrize(("room", "times"), [(48, 2), (47, 3)])
def test_chunks_are_kept_by_their_bytes(begun, monkeypatch, room, times):
    "Chunks of 32 and 16 bytes: the second city's turn drops that of the first and third, or keeps it."
    folder, read = begun("no2"), []
    folder.put([1e-5, 2e-5, 5e-5, 6e-5], sites=["accra", "kampala"])
    folder.put([3e-5, 4e-5], sites=["cairo"])
    values = Chunk.values
    monkeypatch.setattr(Chunk, "values", lambda *args: read.append(args) or values(*args))
    monkeypatch.setattr(assembly, "MOST_VALUES", 1)
    monkeypatch.setattr(assembly, "KEPT_BYTES", room)
    panel, _ = assembled(folder)
    assert len(read) == times
    assert panel["no2"].tolist() == pytest.approx([1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5])


def test_no_chunk_is_an_empty_panel(begun):
    "Rows without values, rather than an error: the share that is filled tells."
    panel, facts = assembled(begun("no2"))
    assert (len(panel), facts["filled"]) == (6, {"no2": 0.0})


def test_local_days_are_told(begun):
    "A join must know whose midnight ends a day."
    folder = begun("no2", day_basis="local")
    folder.put(np.zeros(6))
    assert panel_metadata(assembled(folder)[0]).day_basis == "local"

"""A folder outlives its catalogue: what changed or was added is fetched, the rest is used."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from extractions import CITIES, MAIAC, kept, panel, run, same, sent, simulated, six_cities
from typer.testing import CliRunner

from airq.cli import app
from airq.sources.earthengine import catalogue
from airq.sources.earthengine.catalogue import PRODUCTS
from airq.sources.earthengine.extraction import Extraction
from airq.workflows.extract import EarthEngine, plan


@pytest.fixture
def upgrade(monkeypatch):
    """Function that changes facts of a product of the catalogue, as a later version does."""

    def change(key, **facts):
        monkeypatch.setitem(catalogue.PRODUCTS, key, dataclasses.replace(PRODUCTS[key], **facts))

    return change


def halved(product):
    """The bands of a product with half their scale."""
    return tuple(dataclasses.replace(band, scale=band.scale / 2) for band in product.bands)


def cost(server, folder, asked=None, **settings):
    """Cities times bands that a run brings."""
    server.stats.reset()
    run(server, folder, asked, **settings)
    return sent(server)


@pytest.mark.slow
def test_an_upgrade_fetches_what_changed(tmp_path, upgrade):
    "MAIAC has another scale: 6 cities x 4 days x 2 bands are sent; the panel is that of a new folder."
    with simulated() as server:
        run(server, tmp_path)
        upgrade("maiac", bands=halved(PRODUCTS["maiac"]))
        asked = six_cities(tmp_path)
        settings = {"products": asked.products, "client": EarthEngine(url=server.url)}
        planned = plan(asked.cities, asked.start, asked.end, out=tmp_path / "out", **settings)
        (change,) = planned.changes
        assert change == {
            "product": "maiac",
            "reason": "changed in the catalogue",
            "city_days": 24,
            "requests": planned.cost.requests,
        }
        assert planned.cost.cells == 6 * 4 * 2
        assert any("maiac: changed in the catalogue, 24 city-days to fetch" in note for note in planned.notes)
        assert cost(server, tmp_path) == 6 * 4 * 2
        assert cost(server, tmp_path) == 0
        run(server, tmp_path, out="new")
    same(panel(tmp_path), panel(tmp_path, "new"))
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    (before,) = facts["replaced"]
    now = {product["key"]: product for product in facts["extraction"]["products"]}["maiac"]
    assert [own["bands"][0]["scale"] for own in (before, now)] == [0.001, 0.0005]


def test_an_upgrade_while_tasks_run(server, tmp_path, upgrade):
    "The task of days, MAIAC among them, gets another name; that of night lights is taken up."
    where = {"batch": "gs://bucket/x"}

    def ctrl_c(progress):
        if progress.under_way == 2:
            raise KeyboardInterrupt

    server.exports.held = True
    with pytest.raises(KeyboardInterrupt):
        run(server, tmp_path, report_progress=ctrl_c, **where)
    server.exports.release()
    upgrade("maiac", bands=halved(PRODUCTS["maiac"]))
    assert run(server, tmp_path, **where).started == 1
    run(server, tmp_path, out="new")
    same(panel(tmp_path), panel(tmp_path, "new"))


@pytest.mark.long
def test_an_upgrade_that_is_killed_goes_on(tmp_path, upgrade):
    "The panel stays the old one until all of the new values are there; nothing is fetched twice."
    with simulated() as server:
        run(server, tmp_path)
        before = panel(tmp_path)
        upgrade("maiac", bands=halved(PRODUCTS["maiac"]))
        server.stats.reset()

        def stop(progress):
            if progress.chunks >= 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(server, tmp_path, workers=1, report_progress=stop)
        begun = sent(server)
        assert begun > 0
        same(panel(tmp_path), before)
        assert cost(server, tmp_path) == 6 * 4 * 2 - begun
        run(server, tmp_path, out="new")
    same(panel(tmp_path), panel(tmp_path, "new"))


@pytest.mark.parametrize(
    "facts",
    [{"title": "Another name"}, {"citation": "Another", "latency": 3}, {"end": "2030-01-01"}],
    ids=lambda facts: " ".join(facts),
)
def test_other_words_cost_nothing(tmp_path, upgrade, facts):
    "A title, a source, a latency or a later end decides no value."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        upgrade("maiac", **facts)
        assert cost(server, tmp_path) == 0


def test_days_that_a_product_loses_are_emptied(tmp_path, upgrade):
    "MAIAC now begins on the 4th: nothing is sent, and the panel is that of a new folder."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        upgrade("maiac", start="2023-01-04")
        assert cost(server, tmp_path) == 0
        run(server, tmp_path, out="new")
    found = panel(tmp_path)
    assert found["aod047"].isna().groupby(found["date"]).all().tolist()[:2] == [True, True]
    same(found, panel(tmp_path, "new"))


@pytest.mark.long
def test_a_product_is_added_after_a_year(tmp_path):
    "CAMS for 365 days, then MAIAC beside it: only its two bands are sent, and the new days of both."
    two = CITIES.iloc[:2]
    with simulated(limits=None) as server:
        year = six_cities(tmp_path, cities=two, products=["cams"], start="2022-01-01", end="2022-12-31")
        assert cost(server, tmp_path, year) == 2 * 365 * 2
        both = six_cities(
            tmp_path, cities=two, products=["maiac", "cams"], start="2022-01-01", end="2023-01-02"
        )
        assert cost(server, tmp_path, both) == 2 * (365 * 2 + 2 * 4)
        run(server, tmp_path, both, out="once")
        assert cost(server, tmp_path, both) == 0
    same(panel(tmp_path), panel(tmp_path, "once"))


def test_what_a_folder_holds_stays_in_it(undisturbed, tmp_path):
    "Asked for without two of its products, or in another order, it sends nothing and keeps all columns."
    with simulated(limits=None) as server:
        run(server, tmp_path, six_cities(tmp_path, products=["night-lights", "cams"]))
        run(server, tmp_path, six_cities(tmp_path, products=["maiac"]))
        assert cost(server, tmp_path, six_cities(tmp_path, products=["cams", "maiac"])) == 0
    same(panel(tmp_path), undisturbed)


def test_quality_is_added(tmp_path):
    "Count and age of MAIAC, and the age of CAMS, come with two bands and two times each; the lights stay."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        with_quality = six_cities(tmp_path, quality=True)
        assert cost(server, tmp_path, with_quality) == 6 * 4 * (4 + 4)
        assert cost(server, tmp_path, with_quality) == 0
        # Without being asked for it stays, for new days, too.
        assert cost(server, tmp_path, six_cities(tmp_path, end="2023-01-05")) == 6 * (4 + 4)
        run(server, tmp_path, six_cities(tmp_path, quality=True, end="2023-01-05"), out="once")
    same(panel(tmp_path), panel(tmp_path, "once"))


def test_a_ring_is_added(tmp_path):
    "Both bands within 20 km beside those within 10 and 30 km, for 4 days; three rings of each in the panel."
    asked = {"products": ["fires"], "cities": CITIES.iloc[:2]}
    with simulated(limits=None) as server:
        assert cost(server, tmp_path, six_cities(tmp_path, rings_km=(10, 30), **asked)) == 2 * 4 * 2 * 2
        assert cost(server, tmp_path, six_cities(tmp_path, rings_km=(20,), **asked)) == 2 * 4 * 2
        run(server, tmp_path, six_cities(tmp_path, rings_km=(10, 20, 30), **asked), out="once")
    rings = [f"{name}_{radius}km" for name in ("fire_power", "fire_seen") for radius in (10, 20, 30)]
    assert list(panel(tmp_path))[-6:] == rings
    same(panel(tmp_path), panel(tmp_path, "once"))


def test_a_product_that_is_refused_does_not_bind(tmp_path, upgrade):
    "Added and denied, it can be left out again; the panel of the others goes on."
    from earthengine_server import Faults

    with simulated(limits=None) as server:
        run(server, tmp_path, six_cities(tmp_path, products=["cams"]))
        server.faults = Faults(refused_assets={MAIAC: 403})
        with pytest.raises(ValueError, match="maiac"):
            run(server, tmp_path, six_cities(tmp_path, products=["cams", "maiac"]))
        assert cost(server, tmp_path, six_cities(tmp_path, products=["cams"], end="2023-01-05")) == 6 * 2
    assert "aod047" not in panel(tmp_path)


def test_a_product_that_leaves_the_recipe(tmp_path, monkeypatch):
    "A later version has no CAMS: a note says so, its columns go, and nothing is sent."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        monkeypatch.setitem(catalogue.EXTRACTIONS, "default", ("maiac", "night-lights"))
        server.stats.reset()
        report = run(server, tmp_path, six_cities(tmp_path, products=["maiac"]))
        assert sent(server) == 0
    assert "cams: no longer in the recipe, no column of it is made" in report.notes
    assert {"aod047", "night_lights"} <= set(panel(tmp_path))
    assert "cams_pm25" not in panel(tmp_path)


# -- folders of the versions before fingerprints by product


def aged(folder, extraction, fingerprint="0123456789abcdef"):
    """Write chunks and manifest of a folder as versions before this one did."""
    for chunk in kept(folder):
        table = pq.read_table(chunk.path)
        facts = json.loads(table.schema.metadata[b"chunk"])
        facts = {key: facts[key] for key in ("layer", "sites", "places", "periods")}
        facts |= {"fingerprint": fingerprint, "fetched": str(chunk.fetched.astype("datetime64[s]"))}
        table = table.replace_schema_metadata({b"chunk": json.dumps(facts).encode()})
        pq.write_table(table, chunk.path, compression="zstd")
        content = chunk.path.read_bytes()
        import hashlib

        name = f"{chunk.path.stem.rpartition('_')[0]}_{hashlib.sha256(content).hexdigest()[:16]}.parquet"
        chunk.path.rename(chunk.path.with_name(name))
    path = folder / "out" / "manifest.json"
    facts = json.loads(path.read_text())
    for key in ("images", "refreshes", "replaced", "earlier"):
        del facts[key]
    path.write_text(json.dumps(facts | {"fingerprint": fingerprint}))


def test_a_folder_of_an_earlier_version_is_used(undisturbed, tmp_path, upgrade):
    "Nothing is sent for what it holds; after an upgrade what changed alone, though its chunks hold more."
    with simulated(limits=None) as server:
        asked = six_cities(tmp_path)
        run(server, tmp_path, six_cities(tmp_path, end="2023-01-03"))
        aged(tmp_path, asked.extraction(server.url))
        assert cost(server, tmp_path, six_cities(tmp_path, end="2023-01-03")) == 0
        assert cost(server, tmp_path) == 6 * 4
        same(panel(tmp_path), undisturbed)
        upgrade("cams", bands=halved(PRODUCTS["cams"]))
        assert cost(server, tmp_path) == 6 * 4 * 2
        run(server, tmp_path, out="new")
    same(panel(tmp_path), panel(tmp_path, "new"))


def test_chunks_that_nothing_tells_the_products_of(undisturbed, tmp_path):
    "Without the manifest, those of an earlier version are named, left alone, and fetched again."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        aged(tmp_path, six_cities(tmp_path).extraction(server.url))
        (tmp_path / "out" / "manifest.json").unlink()
        server.stats.reset()
        report = run(server, tmp_path)
        assert sent(server) == 6 * 4 * 4 + 6
        assert any("2 chunks of an earlier version are not used" in note for note in report.notes)
    same(panel(tmp_path), undisturbed)


def test_fingerprints_by_product():
    "A radius is one of the disc's products alone, the kind of day not of products of whole days."
    products = tuple(PRODUCTS[key] for key in ("no2", "maiac", "fires"))
    one = Extraction("mine", products).fingerprints
    for settings, changed in (
        ({"radius_km": 6}, {"no2", "maiac"}),
        ({"day_basis": "local"}, {"no2"}),
        ({"quality": True}, set()),
        ({"rings_km": (10,)}, set()),
        ({"service": "127.0.0.1"}, {"no2", "maiac", "fires"}),
    ):
        other = Extraction("mine", products, **settings).fingerprints
        assert {key for key in one if one[key] != other[key]} == changed


def test_a_fact_that_is_new_and_has_its_default_changes_nothing():
    "A version that knows neither windows nor masks has the same fingerprint for a product without them."
    facts = Extraction("mine", (PRODUCTS["no2"],)).to_dict()
    extraction = Extraction("mine", (PRODUCTS["no2"],))
    (product,) = facts["products"]
    for name in ("window", "mask", "instead", "fewest", "whole_days", "unconfirmed"):
        del product[name]
    del product["bands"][0]["offset"], product["bands"][0]["classes"]
    assert extraction.fingerprints_of(facts) == extraction.fingerprints


def test_the_command_says_what_a_change_costs(tmp_path, upgrade):
    "`airq plan` names the product and its city-days, `airq extract --refresh` fetches a span anew."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        place = ["--cities", tmp_path / "cities.csv", "--start", "2023-01-01", "--end", "2023-01-04"]
        place += ["--out", tmp_path / "out", "--ee-url", server.url, "--products", "maiac"]
        who = ["--ee-credentials", "anonymous", "--ee-project", "p"]

        def airq(command, *more):
            return CliRunner().invoke(app, [str(word) for word in (command, *place, *more)])

        server.stats.reset()
        result = airq("extract", *who, "--refresh", "2023-01-02..2023-01-02")
        assert result.exit_code == 0, result.output
        assert sent(server) == 6 * 2
        wrong = airq("extract", *who, "--refresh", "2023-01-02")
        assert (wrong.exit_code, len(wrong.stderr.strip().splitlines())) == (1, 1)
        upgrade("maiac", bands=halved(PRODUCTS["maiac"]))
        result = airq("plan", "--json", tmp_path / "plan.json")
        assert "maiac: changed in the catalogue, 24 city-days to fetch" in result.output
        (facts,) = json.loads((tmp_path / "plan.json").read_text())
        assert (facts["changes"][0]["city_days"], facts["cells"]) == (24, 48)


def test_values_of_both_versions_do_not_mix(tmp_path, upgrade):
    "A city that is added with the upgrade has the new scale, and so have the others."
    with simulated(limits=None) as server:
        run(server, tmp_path, six_cities(tmp_path, cities=CITIES.iloc[:5], products=["maiac"]))
        before = panel(tmp_path)
        upgrade("maiac", bands=halved(PRODUCTS["maiac"]))
        assert cost(server, tmp_path, six_cities(tmp_path, products=["maiac"])) == 6 * 4 * 2
    after = panel(tmp_path)
    after = after[after["site_id"].isin(before["site_id"])].reset_index(drop=True)
    np.testing.assert_allclose(after["aod047"], before["aod047"] / 2, rtol=1e-6)

"""Predictions laid out as an array."""

import sys
from pathlib import Path
from subprocess import run

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from app import sources
from app.store import by_country, open_store, ranking


def test_a_day_a_city_and_a_mean_are_what_the_rows_say(make_rows, write_predictions):
    "Two cities and three days, one value missing: every slice can be read off the rows."
    store = open_store(write_predictions(make_rows({"kla": [10, 20, np.nan], "nbo": [1, 2, 3]})))
    assert store.cities["city_id"].tolist() == ["kla", "nbo"]
    npt.assert_array_equal(store.day("pm25", "2020-01-02"), [20, 2])
    npt.assert_array_equal(store.city("pm25", "kla"), [10, 20, np.nan])
    npt.assert_array_equal(store.mean("pm25"), [15, 2])
    npt.assert_array_equal(store.mean("pm25", "2020-01-02", "2020-01-03"), [20, 2.5])
    npt.assert_array_equal(store.days_known(), [2, 3])


def test_the_share_above_a_level_counts_known_days_only(make_rows, write_predictions):
    "One of two known days lies above 15; 15 itself does not; a city without days has no share."
    rows = make_rows({"kla": [15, 15.1, np.nan], "nbo": [np.nan] * 3})
    npt.assert_array_equal(open_store(write_predictions(rows)).share_above(15.0), [0.5, np.nan])


def test_the_expected_share_is_the_mean_of_the_probabilities(make_rows, write_predictions):
    "Two days with 20 % and 40 % make 30 %, though neither prediction is above the level."
    rows = make_rows({"kla": [10, 11]}, p_above_15=[0.2, 0.4])
    store = open_store(write_predictions(rows))
    assert store.exceedance_thresholds == (15.0,)
    npt.assert_allclose(store.share_above(15.0, how="probability"), [0.3], rtol=1e-6)
    npt.assert_array_equal(store.share_above(15.0), [0.0])


def test_the_array_is_made_once(make_rows, write_predictions):
    "Opening a file again maps the array that is there; a changed file gets one of its own."
    path = write_predictions(make_rows({"kla": [10, 20]}))
    open_store(path)
    folder = sources.cached(path)
    made = (folder / sources.ARRAY).stat().st_mtime_ns
    open_store(path)
    assert (folder / sources.ARRAY).stat().st_mtime_ns == made
    write_predictions(make_rows({"kla": [30, 40, 50]}))
    npt.assert_array_equal(open_store(path).city("pm25", "kla"), [30, 40, 50])


def test_a_large_file_is_laid_out_alike_in_a_process_of_its_own(make_rows, write_predictions, monkeypatch):
    "Three rows, of which one is already too many for the server: array, cities and facts are the same."
    path = write_predictions(make_rows({"kla": [10, 20], "nbo": [np.nan, 3]}, p_above_15=0.25))
    here, there = Path(path.parent / "here"), Path(path.parent / "there")
    here.mkdir()
    sources.write_array(sources.open_table(path), here)
    monkeypatch.setattr(sources, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(sources, "write_array", None)
    sources.cached(path).rename(there)
    for name in (sources.ARRAY, sources.CITIES, sources.FACTS):
        assert (there / name).read_bytes() == (here / name).read_bytes()


def test_the_words_of_a_process_are_those_of_the_server(make_rows, tmp_path, write_predictions, monkeypatch):
    "A date that is none in a large file: the same sentence, and nothing is left in the cache."
    make_rows({"kla": [1.0]}).assign(date="yesterday").to_csv(tmp_path / "x.csv", index=False)
    monkeypatch.setattr(sources, "BYTES_AT_ONCE", 1)
    with pytest.raises(ValueError, match="x.csv: 'yesterday' is not a date; write days like 2020-01-31."):
        open_store(tmp_path / "x.csv")
    assert list((tmp_path / "cache" / "airq").iterdir()) == []


def test_a_process_that_is_killed_leaves_nothing(make_rows, write_predictions, tmp_path, monkeypatch):
    "The memory of the machine is short: words, and no half of an array in the cache."
    path = write_predictions(make_rows({"kla": [1.0, 2.0]}))
    monkeypatch.setattr(sources, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr("app.sources.subprocess.run", killed)
    with pytest.raises(OSError, match="Reading the predictions stopped before its end"):
        open_store(path)
    assert list((tmp_path / "cache" / "airq").iterdir()) == []


def killed(command, **options):
    "A process that has written a part and is killed."
    (Path(command[-1]) / sources.ARRAY).write_bytes(b"half")
    return run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], **options)


def test_a_cache_that_cannot_be_written_is_not_needed(make_rows, write_predictions, tmp_path, monkeypatch):
    "With a file where the cache folder should be, the folder for temporary files takes the array."
    path = write_predictions(make_rows({"kla": [10]}))
    (tmp_path / "cache").write_text("in the way")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert open_store(path).mean("pm25").tolist() == [10]
    assert sources.cached(path).is_relative_to(tmp_path / "temporary")


def test_several_sites_of_a_city_are_averaged_and_said(make_rows, write_predictions):
    "Sites with 10 and 30 make 20; the sentence about it names one city."
    rows = pd.concat([make_rows({"kla": [10.0]}), make_rows({"kla": [30.0]}).assign(site_id="other")])
    store = open_store(write_predictions(rows))
    assert store.city("pm25", "kla").tolist() == [20]
    assert any("several sites" in note for note in store.notes)


def test_index_points_stay_index_points(make_rows, write_predictions):
    "A file without concentrations is shown in the unit of its index, and says so."
    rows = make_rows({"kla": [np.nan, np.nan]}, aqi=[60.0, 160.0], aqi_table="aqi-us-2012")
    store = open_store(write_predictions(rows))
    assert (store.main, store.unit) == ("aqi", "aqi-us-2012")
    npt.assert_array_equal(store.share_above(150.0), [0.5])
    assert any("points" in note for note in store.notes)


def test_days_that_are_missing_are_no_days(make_rows, write_predictions):
    "A file of 1 and 9 January has two dates."
    rows = make_rows({"kla": [10.0] * 9}).iloc[[0, 8]]
    assert open_store(write_predictions(rows)).dates.strftime("%d").tolist() == ["01", "09"]


def test_csv_reads_as_parquet_does(make_rows, write_predictions, tmp_path):
    "The same rows as CSV give the same array; a city called NA keeps its name."
    rows = make_rows({"NA": [10.0, np.nan], "nbo": [1.0, 2.0]}, inside_domain=[True, False, True, True])
    rows.to_csv(tmp_path / "rows.csv", index=False)
    parquet, csv = open_store(write_predictions(rows)), open_store(tmp_path / "rows.csv")
    npt.assert_array_equal(csv.array("pm25"), parquet.array("pm25"))
    npt.assert_array_equal(csv.city("inside_domain", "NA"), [1, 0])
    assert csv.cities["city"].tolist() == ["NA", "Nairobi"]


def test_negative_values_are_left_out_and_counted(make_rows, write_predictions):
    "A concentration below zero is no concentration."
    store = open_store(write_predictions(make_rows({"kla": [-1.0, 5.0]})))
    npt.assert_array_equal(store.city("pm25", "kla"), [np.nan, 5])
    assert any(note.startswith("1 negative") for note in store.notes)


def test_a_file_of_months_says_months(make_rows, write_predictions):
    "The facts of the file tell its period; without them the dates do."
    rows = make_rows({"kla": [1.0, 2.0]}).assign(date=pd.to_datetime(["2020-01-01", "2020-02-01"]))
    assert open_store(write_predictions(rows, facts={"period": "month"})).period == "month"
    assert open_store(write_predictions(rows, "plain.parquet", facts={})).period == "month"


def test_an_empty_file_is_refused_in_words(make_rows, write_predictions):
    "No rows: the message says so and names the file."
    path = write_predictions(make_rows({"kla": [1.0]}).iloc[:0])
    with pytest.raises(ValueError, match="predictions.parquet has no rows"):
        open_store(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"a,b\n1,2\n", "no column 'city_id'"), (b"\xff\xfe\x00", "not a CSV table")],
)
def test_a_file_of_something_else_is_refused_in_words(content, words, tmp_path):
    "Empty, other columns, no text: each is told."
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        open_store(tmp_path / "x.csv")


def test_a_date_that_is_none_is_named(make_rows, tmp_path):
    "The first wrong date stands in the message."
    make_rows({"kla": [1.0]}).assign(date="yesterday").to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(ValueError, match="'yesterday' is not a date"):
        open_store(tmp_path / "x.csv")


def test_labels_are_unique(make_rows, write_predictions):
    "Two towns of one name in one country differ by their position."
    rows = make_rows({"a": [1.0], "b": [2.0]}).assign(city="Middelburg")
    rows["latitude"] = [-25.77, -31.49]
    labels = open_store(write_predictions(rows)).cities["label"]
    assert labels.is_unique
    assert labels.iloc[0].startswith("Middelburg, Uganda (-25.77")


def test_ranking_puts_the_highest_first_and_shares_ranks(make_rows, write_predictions):
    "Values 5, 9, 9 and none: ranks 1, 1, 3."
    cities = open_store(write_predictions(make_rows({one: [1.0] for one in "abcd"}))).cities
    ranked = ranking(cities, [5, 9, 9, np.nan])
    assert ranked["rank"].tolist() == [1, 1, 3]
    assert ranked["city_id"].tolist() == ["b", "c", "a"]


def test_countries_are_weighted_by_people(make_rows, write_predictions):
    "Cities of 1 and 3 million with 10 and 20 make 17.5; a city of unknown size does not count there."
    cities = open_store(write_predictions(make_rows({one: [1.0] for one in "abcd"}))).cities
    cities = cities.assign(country=["UGA", "UGA", "UGA", "KEN"], population=[1e6, 3e6, np.nan, np.nan])
    table = by_country(cities, [10, 20, 99, 7]).set_index("country")
    assert table["value"].to_dict() == {"KEN": 7.0, "UGA": 17.5}
    assert table.loc["UGA", ["people", "cities", "without_population"]].tolist() == [4e6, 3, 1]


def test_a_country_by_day_is_weighted_by_the_cities_known_that_day(make_rows, write_predictions):
    "On a day without the large city the small one stands alone."
    rows = make_rows({"a": [10.0, 10.0], "b": [20.0, np.nan]})
    rows["population"] = [1e6, 1e6, 3e6, 3e6]
    npt.assert_array_equal(open_store(write_predictions(rows)).country("pm25", "UGA"), [17.5, 10])


def test_rows_come_back_as_they_were(make_rows, write_predictions):
    "What is laid out as an array can be given back as rows, a part of it too."
    rows = make_rows({"kla": [10.0, np.nan], "nbo": [1.0, 2.0]})
    back = open_store(write_predictions(rows)).rows(["nbo"], "2020-01-02")
    assert back[["city", "pm25"]].values.tolist() == [["Nairobi", 2.0]]  # noqa: PD011
    assert back["date"].tolist() == [pd.Timestamp("2020-01-02")]


def test_cities_without_population_are_not_called_weighted(make_rows, write_predictions):
    "Where no population is known every city counts alike, and the words say so; one that is known weighs."
    rows = make_rows({"kla": [10.0], "nbo": [20.0]})
    rows = rows.assign(latitude=[-40.0, -41.0], longitude=-10.0)  # at sea, far from any city
    known = open_store(write_predictions(rows.assign(population=[np.nan, 4e6])))
    unknown = open_store(write_predictions(rows.assign(population=np.nan)))
    assert known.weight_words == "weighted by people"
    assert unknown.weight_words == "every city counted alike"


def test_a_population_that_is_missing_is_that_of_the_bundled_city_there(make_rows, write_predictions):
    "Kampala and Nairobi stand at their places: both get people, downloads do not."
    rows = make_rows({"kla": [10.0], "nbo": [20.0]}).assign(population=np.nan)
    store = open_store(write_predictions(rows))
    assert (store.cities["population"] > 1e6).all()
    assert store.cities["filled"].all()
    assert store.cities_as_told["population"].isna().all()
    assert store.weight_words == "weighted by people (of 2 by the bundled table)"

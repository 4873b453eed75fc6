"""Evidence of quality is read from an evaluation, a bundle or the predictions, and told in words."""

import json

import numpy as np
import pandas as pd
import pytest

from airq.io import write_panel
from airq.panel import PanelMetadata, label_panel
from airq.report.words import coverage_sentence, worst_city_sentence
from app import evidence
from app.evidence import agreement, agreement_words, held_out_days, read_observations
from app.sources import Sources

RECORD = {"scheme": "city", "model": "default", "rmse": 18.0, "mae": 9.0, "bias": -1.0, "n": 100}
ALL = {"scheme": "city", "period": "day", "part": "all", "value": "", "n": 100, "groups": 20}
COVERED = ALL | {"coverage": 0.914, "level": 0.9, "width": 50.0, "ci_low": None, "ci_high": None}
DAYS = pd.date_range("2020-01-01", periods=6)


def write(folder, records, coverage=None):
    (folder / "evaluation.json").write_text(json.dumps(records))
    if coverage is not None:
        (folder / "coverage.json").write_text(json.dumps(coverage))
    return folder / "evaluation.json"


def test_coverage_lies_beside_the_evaluation(tmp_path):
    "The file is named; what stands in its folder is found, and so by naming the folder."
    path = write(tmp_path, [RECORD], [COVERED])
    for named in (path, tmp_path):
        assert evidence.read_evaluation(named).coverage[0]["coverage"] == 0.914


def test_an_older_bundle_has_no_intervals_to_judge():
    "Its facts know no `uncertainty`."
    found = evidence.of_bundle({"evaluation": [RECORD]})
    assert len(found.records) == 1
    assert found.coverage == []


def test_an_evaluation_counts_before_a_bundle(tmp_path):
    "What was given last by hand is what is shown; the bundle is not even asked."
    path = write(tmp_path, [RECORD])
    found = evidence.gather(Sources(evaluation=path, bundle=tmp_path), None, lambda: pytest.fail("asked"))
    assert found.records[0]["rmse"] == 18.0


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"scheme": 5, "model": "default"}]', "[" * 100_000])
def test_another_file_is_refused_in_words(tmp_path, content):
    "Not JSON, no list, no records, nested without end: a ValueError that says so."
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(ValueError, match="airq evaluate"):
        evidence.read_evaluation(tmp_path)


def test_a_page_has_the_sentence_of_the_files_in_its_own_units():
    "91.4 % lay inside the 90 % interval, 50 µg m⁻³ wide: the sentence of the card, with µg/m³."
    (record,) = evidence.checked([COVERED], "coverage", "it")
    sentence = evidence.said(coverage_sentence, record)
    assert sentence == coverage_sentence(record).replace("µg m⁻³", "µg/m³")
    assert "91 % of 100 days lay inside their 90 % interval. The mean width is 50 µg/m³." in sentence


def test_names_in_a_sentence_are_without_markup():
    "A worst city with a link is shown as it is written; the code of its country becomes a name."
    record = {"scheme": "city", "worst_city": "[a](b), NGA", "worst_city_rmse": 4.0}
    assert r"\[a\]\(b\), Nigeria, with" in evidence.said(worst_city_sentence, record)


def test_intervals_of_other_models_are_left_out():
    "Of two models with intervals the page shows the predictor."
    records = [COVERED | {"model": "default"}, COVERED | {"model": "ridge"}]
    assert [one["model"] for one in evidence.checked(records, "coverage", "it")] == ["default"]


def test_new_cities_speak_before_known_ones():
    "The scheme `random` flatters and is never the headline where another was judged."
    records = evidence.checked([RECORD | {"scheme": "random"}, RECORD], "records", "it")
    assert evidence.headline(records)["scheme"] == "city"


def test_baselines_do_not_speak_for_the_predictor():
    "An evaluation of baselines alone has no headline."
    assert evidence.headline(evidence.checked([RECORD | {"model": "mean"}], "records", "it")) is None


def test_a_panel_of_inputs_holds_no_observations(make_rows, tmp_path):
    "An extraction has no column pm25; its panel is one all the same."
    rows = make_rows({"kla": [1.0, 2.0]}).drop(columns="pm25")
    write_panel(label_panel(rows, PanelMetadata()), tmp_path / "panel.parquet")
    assert read_observations(tmp_path / "panel.parquet").of("kla").empty


def test_sites_of_a_city_are_averaged(make_rows, tmp_path):
    "10 and 20 µg m⁻³ on one day."
    rows = make_rows({"kla": [10.0, 20.0]}).assign(site_id=["a", "b"])
    rows["date"] = rows["date"].iloc[0]
    write_panel(label_panel(rows, PanelMetadata()), tmp_path / "panel.parquet")
    assert read_observations(tmp_path / "panel.parquet").of("kla").tolist() == [15.0]


@pytest.fixture
def held_out(tmp_path):
    "Six days of Kampala by two schemes: 10 observed, 12 predicted by city, 10 by site."
    one = pd.DataFrame({"city_id": "kla", "date": DAYS, "observed": 10.0, "lower": 9.0, "upper": 11.0})
    rows = pd.concat([one.assign(scheme="site", default=10.0), one.assign(scheme="city", default=12.0)])
    rows.to_parquet(tmp_path / "held_out.parquet")
    return tmp_path / "held_out.parquet"


def test_the_scheme_of_an_unseen_city_counts_first(held_out):
    "By city the predictions are 2 too high; those by site, which are right, do not count."
    rows, scheme = held_out_days(held_out, "kla")
    assert rows["predicted"].tolist() == [12.0] * 6
    assert agreement(rows).bias == 2.0
    assert "cit" in scheme


def test_repeats_are_not_averaged(held_out):
    "One repeat is 2 too high, the other 2 too low; their mean would be right, the first one is not."
    rows = pd.read_parquet(held_out)
    more = [rows.assign(repeat=0), rows.assign(repeat=1, default=20.0 - rows["default"])]
    pd.concat(more).to_parquet(held_out)
    assert held_out_days(held_out, "kla")[0]["predicted"].tolist() == [12.0] * 6


def test_another_city_has_no_rows(held_out):
    "Nairobi was not held out."
    assert held_out_days(held_out, "nbo")[0].empty
    assert held_out_days(None, "kla")[0].empty


def test_few_days_say_nothing():
    "Four days are too few, five are enough; a day without an observation does not count."
    rows = pd.DataFrame({"observed": [1.0, 1, 1, 1, np.nan], "predicted": 2.0})
    rows[["lower", "upper"]] = np.nan
    assert agreement(rows) is None
    found = agreement(rows.fillna({"observed": 1.0}))
    assert (found.days, found.bias) == (5, 1.0)
    assert "interval" not in agreement_words(found)


def test_the_share_inside_counts_days_with_an_interval():
    "Four of five days lie between 0 and 2."
    rows = pd.DataFrame({"observed": [1.0, 1, 1, 1, 3], "predicted": 1.0, "lower": 0.0, "upper": 2.0})
    assert agreement(rows).inside == pytest.approx(0.8)

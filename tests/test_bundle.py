"""A bundle is whole, or it is refused with the reason."""

import json
import shutil
import subprocess
import sys

import numpy.testing as npt
import pandas as pd
import pytest

from airq.bundle import check_fits, load_bundle
from airq.bundle_metadata import read_metadata
from airq.features.recipe import make_recipe
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictor import Predictor
from airq.panel import PanelMetadata, check_panel, label_panel, panel_metadata
from airq.sources.simulated import simulate

QUICK = {"rounds": 15, "patience": 15, "min_data_in_leaf": 5}


@pytest.fixture(scope="module")
def panel():
    return check_panel(simulate(n_cities=8, start="2020-01-01", end="2020-02-15", random_state=1))


@pytest.fixture(scope="module")
def trained(panel):
    members = (
        Member("lightgbm", 0.5, QUICK | {"linear_tree": True}),
        Member("catboost", 1.0, {"rounds": 15}),
    )
    predictor = Predictor(
        lambda table: make_recipe("retrospective", table),
        lambda: BoosterEnsemble(members, n_inner=2),
        residual_scale=ResidualScale,
        applicability=AreaOfApplicability,
    )
    held_out = pd.DataFrame({"group": list("abcdefghi"), "date": panel["date"].iloc[0]})
    held_out = held_out.assign(observed=12.0, predicted=10.0, scale_low=1.0, scale_high=1.0)
    return predictor.fit(panel, "city_id").calibrate(held_out)


@pytest.fixture(scope="module")
def original(trained, panel, fitted_around, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "bundle"
    fitted_around(trained, panel).save(folder)
    return folder


@pytest.fixture
def bundle(original, tmp_path):
    "A copy that a test may damage."
    return shutil.copytree(original, tmp_path / "bundle")


def test_a_loaded_bundle_predicts_the_same(original, trained):
    "Cities that neither has seen get the same PM2.5 from both."
    new = simulate(n_cities=5, start="2020-01-01", end="2020-01-20", random_state=7).drop(columns="pm25")
    predictor, _ = load_bundle(original)
    npt.assert_allclose(predictor.predict(new), trained.predict(new), rtol=1e-9)


def test_a_loaded_bundle_describes_the_same(original, trained):
    "ResidualScale, domain and calibration come back: the same intervals and distances for cities of neither."
    new = simulate(n_cities=5, start="2020-01-01", end="2020-01-20", random_state=7).drop(columns="pm25")
    predictor, _ = load_bundle(original)
    npt.assert_allclose(predictor.predict_interval(new), trained.predict_interval(new), rtol=1e-6)
    pd.testing.assert_frame_equal(predictor.describe(new), trained.describe(new), rtol=1e-6)


def test_nothing_in_it_is_pickled(original):
    "Boosters are native files, tables Parquet, facts JSON, the card Markdown."
    assert {file.suffix for file in original.iterdir()} == {".txt", ".cbm", ".parquet", ".json", ".md"}


def test_a_changed_byte_is_found(bundle):
    "In any file, the facts included, one other byte is refused."
    for file in sorted(bundle.iterdir()):
        whole = file.read_bytes()
        middle = len(whole) // 2
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises(ValueError, match=f"{file.name} (was changed|is damaged)"):
            load_bundle(bundle)
        file.write_bytes(whole)
    load_bundle(bundle)


def test_a_missing_file_is_found(bundle):
    "The message names it."
    (bundle / "monitors.parquet").unlink()
    with pytest.raises(ValueError, match="lacks the file monitors.parquet"):
        load_bundle(bundle)


def test_another_format_is_refused(bundle):
    "A bundle of a later version says so, whatever its hash."
    facts = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(ValueError, match="bundle format 99"):
        read_metadata(bundle)


def test_any_folder_is_not_a_bundle(tmp_path):
    "A folder without bundle.json is refused."
    with pytest.raises(ValueError, match="is not a bundle"):
        read_metadata(tmp_path)


def test_facts_are_read_without_what_predicts():
    "A server that shows them stays small: no array, booster or geometry is loaded."
    code = (
        "import sys, airq.bundle_metadata;"
        "heavy = {'numpy', 'pandas', 'sklearn', 'scipy', 'geopandas', 'lightgbm', 'catboost'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


MISFITS = {
    "missing column": (lambda p: p.drop(columns="no2"), {}, "lacks 1 of .* first 'no2'"),
    "another unit": (lambda p: p, {"units": {"no2": "molecules cm⁻²"}}, "'no2' is in molecules"),
    "another midnight": (lambda p: p, {"day_basis": "local"}, "days are local, .* trained on utc"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_panel_that_does_not_fit_is_refused(original, panel, case):
    "Missing columns, other units and other days are told apart."
    change, facts, message = MISFITS[case]
    other = label_panel(change(panel), PanelMetadata(**facts))
    with pytest.raises(ValueError, match=message):
        check_fits(other, panel_metadata(other), read_metadata(original))


def test_a_new_place_under_a_training_name_is_refused(original, panel):
    "A site that training had elsewhere would take over its surroundings."
    moved = panel.assign(latitude=panel["latitude"] + 0.5)
    with pytest.raises(ValueError, match="is not where the training place"):
        check_fits(moved, panel_metadata(panel), read_metadata(original))


def test_the_card_says_that_the_data_are_simulated(original):
    "The label stands before any figure."
    card = (original / "card.md").read_text()
    assert 0 < card.index("SIMULATED") < card.index("## Errors on held-out rows")


def test_a_bundle_replaces_a_bundle_but_no_other_folder(trained, panel, fitted_around, bundle, tmp_path):
    "Training again into the same name works; a folder of something else is left alone."
    model = fitted_around(trained, panel)
    model.save(bundle)
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="choose another name"):
        model.save(other)
    assert (other / "chapter.txt").read_text() == "mine"

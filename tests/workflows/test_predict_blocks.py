"""Panels that do not fit into memory are predicted in blocks: the same bytes, in parts, resumable."""

import functools

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from airq.cli import app
from airq.features.recipe import make_recipe
from airq.io import write_panel
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictor import Predictor
from airq.panel import IDENTITY, check_panel
from airq.sources.simulated import simulate
from airq.workflows import predict_blocks as module
from airq.workflows.predict_blocks import predict_panel

INPUTS = ["no2", "precipitation"]
MEMBERS = (Member("lightgbm", 0.5, {"rounds": 15, "patience": 15, "min_data_in_leaf": 5}),)


@pytest.fixture(scope="module")
def model(fitted_around):
    "Ten cities, calibrated as if nine others had been wrong by 1 to 9 residual scales."
    panel = check_panel(simulate(n_cities=10, start="2020-01-01", end="2020-01-31", random_state=1))
    panel = panel[[*IDENTITY, "pm25", *INPUTS]]
    estimator = functools.partial(BoosterEnsemble, MEMBERS, n_inner=2)
    recipe = functools.partial(make_recipe, "retrospective")
    predictor = Predictor(
        recipe, estimator, residual_scale=ResidualScale, applicability=AreaOfApplicability
    ).fit(panel, "city_id")
    held_out = {"group": list("abcdefghi"), "date": pd.Timestamp("2020-01-01"), "predicted": 10.0}
    held_out |= {"observed": 10 + np.arange(1.0, 10), "scale_low": 1.0, "scale_high": 1.0}
    return fitted_around(predictor.calibrate(pd.DataFrame(held_out)), panel)


@pytest.fixture(scope="module")
def panel():
    "Twenty-four places of forty days, six of them those of training; some days are missing."
    panel = simulate(n_cities=24, start="2020-01-25", end="2020-03-04", random_state=5)
    panel = panel[[*IDENTITY, "pm25", *INPUTS]]
    panel["population"] = np.arange(len(panel)) % 7 * 1e5
    others = ~panel["city_id"].isin(panel["city_id"].unique()[:6])
    for name in ("site_id", "city_id"):
        panel[name] = panel[name].where(~others, "new " + panel[name])
    attrs = panel.attrs
    panel = panel.drop(index=panel.sample(frac=0.1, random_state=0).index)
    panel.attrs = attrs
    return panel


@pytest.fixture
def blocks(monkeypatch):
    "Three hundred rows fit into memory, and 150 are read at a time."
    monkeypatch.setattr(module, "_rows_within", lambda memory, n_features: 300)
    monkeypatch.setattr(module, "BATCH", 150)


def shuffled(panel):
    mixed = panel.sample(frac=1, random_state=1)
    mixed.attrs = panel.attrs
    return mixed


def in_months(panel, folder):
    "A part for every month, in a folder for every year."
    for month, part in panel.groupby(panel["date"].dt.to_period("M")):
        part.attrs = panel.attrs
        write_panel(part, folder / f"{month.year}" / f"{month.month}.parquet")
    return folder


def test_parts_whose_names_end_in_capitals_are_read(panel, tmp_path):
    "Two parts, one as Windows may call it; what is hidden is none."
    for name in ("a.parquet", "B.PARQUET", "_c.parquet"):
        write_panel(panel, tmp_path / name)
    assert list(module.panel_files(tmp_path)) == ["B.PARQUET", "a.parquet"]


@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
@pytest.mark.parametrize("period", ["day", "month"])
def test_blocks_of_a_file_in_any_order_give_the_same_bytes(model, panel, tmp_path, monkeypatch, period):
    "Rows in any order, in one piece and in blocks: the same file of predictions, and the same figures."
    write_panel(shuffled(panel), tmp_path / "p.parquet")
    _, one = predict_panel(model, tmp_path / "p.parquet", tmp_path / "one.parquet", 0.8, period)
    monkeypatch.setattr(module, "_rows_within", lambda memory, n_features: 200)
    _, other = predict_panel(model, tmp_path / "p.parquet", tmp_path / "blocks.parquet", 0.8, period)
    read = [pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("one", "blocks")]
    pd.testing.assert_frame_equal(*read, check_exact=True)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "blocks.parquet").read_bytes()
    assert one.of() == other.of() | {"pm25_mean": pytest.approx(one.of()["pm25_mean"])}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocks.parquet", "one.parquet", "p.parquet"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
def test_parts_give_parts(model, panel, tmp_path, blocks):
    "A folder of parts becomes one file, the same as from one file, or a folder of parts of the same names."
    write_panel(panel, tmp_path / "p.parquet")
    predict_panel(model, tmp_path / "p.parquet", tmp_path / "one.parquet", 0.8)
    parts = in_months(panel, tmp_path / "parts")
    predict_panel(model, parts, tmp_path / "joined.parquet", 0.8)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "joined.parquet").read_bytes()
    predict_panel(model, parts, tmp_path / "out", 0.8)
    written = sorted((tmp_path / "out").rglob("*.parquet"))
    assert [path.relative_to(tmp_path / "out") for path in written] == [
        path.relative_to(parts) for path in sorted(parts.rglob("*.parquet"))
    ]
    joined = pd.concat(map(pd.read_parquet, written)).sort_values(["site_id", "date"], ignore_index=True)
    pd.testing.assert_frame_equal(joined, pd.read_parquet(tmp_path / "one.parquet"), check_exact=True)


@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
def test_monitors_are_seen_in_every_block(model, panel, tmp_path, blocks):
    "Monitors of the days move predictions, alike in one piece and in blocks."
    write_panel(panel, tmp_path / "p.parquet")
    monitors = simulate(n_cities=30, start="2020-02-10", end="2020-03-10", random_state=9).tail(600)
    monitors = monitors.assign(site_id="m " + monitors["site_id"], city_id="m " + monitors["city_id"])
    predict_panel(model, tmp_path / "p.parquet", tmp_path / "out.parquet", 0.8, monitors=monitors)
    expected = model.predict_table(panel, 0.8, monitors=monitors)
    read = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(read, expected, check_exact=True)
    assert not read["pm25"].equals(model.predict_table(panel, 0.8)["pm25"])


@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
def test_an_interrupted_run_goes_on(model, panel, tmp_path, blocks, monkeypatch):
    "Stopped at the third block: nothing under the final name; the next run predicts the other blocks only."
    write_panel(panel, tmp_path / "p.parquet")
    predict, numbers = module.Run._predict, []

    def stopped(self, number):
        numbers.append(number)
        if len(numbers) == 3:
            raise KeyboardInterrupt
        return predict(self, number)

    monkeypatch.setattr(module.Run, "_predict", stopped)
    with pytest.raises(KeyboardInterrupt):
        predict_panel(model, tmp_path / "p.parquet", tmp_path / "out.parquet", 0.8)
    assert not (tmp_path / "out.parquet").exists()
    predict_panel(model, tmp_path / "p.parquet", tmp_path / "out.parquet", 0.8)
    assert sorted(numbers) == sorted([2, *range(max(numbers) + 1)])
    expected = model.predict_table(panel, 0.8)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), expected, check_exact=True)


@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
def test_what_another_panel_left_is_not_used(model, panel, tmp_path, blocks, monkeypatch):
    "A run is stopped, the panel is replaced: the next run begins anew."
    write_panel(panel, tmp_path / "p.parquet")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.Run, "write", lambda *more: (_ for _ in ()).throw(KeyboardInterrupt))
        predict_panel(model, tmp_path / "p.parquet", tmp_path / "out.parquet", 0.8)
    other = panel.assign(no2=panel["no2"] * 2)
    write_panel(other, tmp_path / "p.parquet")
    predict_panel(model, tmp_path / "p.parquet", tmp_path / "out.parquet", 0.8)
    expected = model.predict_table(other, 0.8)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), expected, check_exact=True)


def test_a_day_that_two_parts_hold_is_refused(model, panel, tmp_path, blocks):
    "The second part repeats a row of the first: refused by its site and day, and nothing is left."
    write_panel(panel, tmp_path / "parts" / "a.parquet")
    again = panel.tail(1)
    again.attrs = panel.attrs
    write_panel(again, tmp_path / "parts" / "b.parquet")
    with pytest.raises(ValueError, match="repeats 1 .site_id, date. row, first site"), pytest.warns():
        predict_panel(model, tmp_path / "parts", tmp_path / "out.parquet", 0.8)
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda part: part.assign(no2=-5.0), "b.parquet: Column 'no2' is -5"),
        (lambda part: part.drop(columns="no2"), "have different columns; parts"),
        (lambda part: part.assign(latitude=part["latitude"] + 5), "has two positions or cities"),
    ],
)
def test_unsound_parts_are_refused(model, panel, tmp_path, change, reason):
    "Whatever is wrong with one part is said in one line with its file or site."
    for name, part in (("a", panel.head(99)), ("b", change(panel.iloc[99:200]))):
        part.attrs = panel.attrs
        write_panel(part, tmp_path / "parts" / f"{name}.parquet")
    with pytest.raises(ValueError, match=reason):
        predict_panel(model, tmp_path / "parts", tmp_path / "out", 0.8)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["parts", "--out", "out", "--period", "month"], "The days of a month may lie in several parts"),
        (["parts", "--out", "parts/out"], "lies inside the input"),
        (["p.parquet", "--out", "out"], "only a folder of panels gives a folder"),
        (["parts", "--out", "out", "--memory", "much"], "write it like 1GB or 800MB"),
        (["parts", "--out", "out", "--memory", "9MB"], "more than 400MB"),
        (["empty", "--out", "out"], "empty holds no Parquet file"),
    ],
)
def test_what_does_not_go_together_is_refused(model, panel, tmp_path, monkeypatch, arguments, reason):
    "One line each, exit code 1, nothing written."
    monkeypatch.chdir(tmp_path)
    model.save("bundle")
    write_panel(panel, "p.parquet")
    write_panel(panel, "parts/p.parquet")
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["predict", *arguments, "--bundle", "bundle"])
    assert result.exit_code == 1
    assert reason in result.output
    assert not (tmp_path / "out").exists()

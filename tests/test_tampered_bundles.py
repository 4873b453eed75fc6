"""Bundles that somebody changed, hashes and all: one line each; no signal, no traceback, no NaN."""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from airq.bundle_metadata import read_metadata, write_metadata
from airq.features.recipe import make_recipe
from airq.io import write_panel
from airq.models.applicability import AreaOfApplicability
from airq.models.boosters import catboost_regressor, check_catboost
from airq.models.ensemble import RIDGE, BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictor import Predictor
from airq.panel import IDENTITY, check_panel
from airq.sources.simulated import simulate

LIGHTGBM, RIDGES = "0_lightgbm_0.txt", "1_ridge_0.json"

#: Runs `airq predict` with every bundle, each in a process of its own, and prints how each ended.
MANY = textwrap.dedent(
    """
    import json, os, sys
    from airq.cli import main
    import airq.workflows.predict_blocks, airq.regressor, lightgbm
    ended = {}
    for bundle in sys.argv[2:]:
        child = os.fork()
        if not child:
            said = os.open(f"{bundle}.said", os.O_WRONLY | os.O_CREAT)
            os.dup2(said, 1), os.dup2(said, 2)
            sys.argv = ["airq", "predict", sys.argv[1], "--bundle", bundle, "--out", f"{bundle}.parquet"]
            main()
        ended[bundle] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps(ended))
    """
)


@pytest.fixture(scope="module")
def panel():
    panel = check_panel(simulate(n_cities=8, start="2020-01-01", end="2020-01-31", random_state=1))
    return panel[[*IDENTITY, "pm25", "no2", "precipitation"]]


@pytest.fixture(scope="module")
def original(panel, fitted_around, tmp_path_factory):
    "A small bundle with linear trees, a ridge, kriging, intervals and applicability."
    quick = {"rounds": 10, "min_data_in_leaf": 5, "linear_tree": True, "lambda_l2": 0.0}
    members = Member("lightgbm", 0.5, quick), RIDGE
    predictor = Predictor(
        lambda table: make_recipe("retrospective", table),
        lambda: BoosterEnsemble(members, n_inner=2),
        residual_scale=ResidualScale,
        applicability=AreaOfApplicability,
    )
    held_out = pd.DataFrame({"group": list("abcdefghi"), "date": panel["date"].iloc[0]})
    held_out = held_out.assign(observed=12.0, predicted=10.0, scale_low=1.0, scale_high=1.0)
    folder = tmp_path_factory.mktemp("original") / "bundle"
    fitted_around(predictor.fit(panel, "city_id").calibrate(held_out), panel).save(folder)
    return folder


def facts(change):
    "Change the metadata."

    def apply(folder, metadata):
        change(metadata)

    return apply


def text(before, after, name=LIGHTGBM):
    "Change the first line of a file that begins so."

    def apply(folder, metadata):
        lines = (folder / name).read_text().split("\n")
        found = [n for n, line in enumerate(lines) if line.startswith(before)]
        # The first that says something, if any does.
        number = next((n for n in found if len(lines[n]) > len(before)), found[0])
        lines[number] = after(lines[number]) if callable(after) else after
        whole = "\n".join(lines)
        head, _, rest = whole.partition("\nTree=")
        body = f"Tree={rest.partition(chr(10) + 'end of trees')[0]}".split("\nTree=")
        sizes = " ".join(str(len(part) + (1 if number == 0 else 6)) for number, part in enumerate(body))
        fixed = [f"tree_sizes={sizes}" if line.startswith("tree_sizes=") else line for line in lines]
        (folder / name).write_text("\n".join(fixed))

    return apply


def words(change):
    "Change the numbers of a line."

    def apply(line):
        name, _, values = line.partition("=")
        return f"{name}={' '.join(change(values.split()))}"

    return apply


def cut(name, share=0.5):
    def apply(folder, metadata):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return apply


def numbers(name, column, value):
    "Change a column of a table in its first row."

    def apply(folder, metadata):
        table = pd.read_parquet(folder / name)
        values = table[column].to_numpy().copy()
        values[0] = value
        table.assign(**{column: values}).to_parquet(folder / name, index=False)

    return apply


def ridge(**changes):
    def apply(folder, metadata):
        state = json.loads((folder / RIDGES).read_text())
        (folder / RIDGES).write_text(json.dumps(state | changes))

    return apply


def estimator(**changes):
    return facts(lambda metadata: metadata["estimator"].update(changes))


def member(**changes):
    return facts(lambda metadata: metadata["estimator"]["members"][0].update(changes))


def kriging(**changes):
    return facts(lambda metadata: metadata["estimator"]["monitors"]["parameters"].update(changes))


def without(*names):
    def change(metadata):
        *path, last = names
        for name in path:
            metadata = metadata[name]
        del metadata[last]

    return facts(change)


KINDS = {
    "a booster is cut in two": cut(LIGHTGBM),
    "a booster is empty": cut(LIGHTGBM, 0),
    "the last line of a booster's trees is gone": text("end of trees", ""),
    "a split on a feature that is not there": text("split_feature=", words(lambda w: ["9999", *w[1:]])),
    "a split on a negative feature": text("split_feature=", words(lambda w: ["-7", *w[1:]])),
    "a child beside the tree": text("left_child=", words(lambda w: ["77777", *w[1:]])),
    "children in a circle": text("left_child=", words(lambda w: ["0", *w[1:]])),
    "a thousand million leaves": text("num_leaves=", "num_leaves=1000000000"),
    "categories that are not there": text("num_cat=", "num_cat=3"),
    "a leaf that is no number": text("leaf_value=", words(lambda w: ["nan", *w[1:]])),
    "a leaf beyond all numbers": text("leaf_value=", words(lambda w: ["1e309", *w[1:]])),
    "too few thresholds": text("threshold=", words(lambda w: w[1:])),
    "linear leaves with a coefficient more": text("leaf_coeff=", lambda line: f"{line} 1.5"),
    "a linear leaf of a feature that is not there": text(
        "leaf_features=", words(lambda w: ["99999", *w[1:]])
    ),
    "a linear leaf of very many features": text("num_features=", words(lambda w: ["1000000", *w[1:]])),
    "trees of another length": text("max_feature_idx=", "max_feature_idx=2"),
    "several classes": text("num_class=", "num_class=5"),
    "a ridge of another shape": ridge(slopes=[1.0]),
    "a ridge that is not finite": ridge(base=float("nan")),
    "a ridge without slopes": ridge(slopes=None),
    "very many threads": estimator(threads=1_000_000),
    "no threads": estimator(threads=0),
    "threads as text": estimator(threads="4"),
    "weights of too few members": estimator(weights=[1.0]),
    "a weight beyond all": estimator(weights=[1e308, 0.0]),
    "a negative weight": estimator(weights=[-1.0, 1.0]),
    "weights of nothing": estimator(weights=None),
    "ranges of another shape": estimator(ranges=[[0.0], [1.0]]),
    "no highest": estimator(highest=None),
    "a highest that is no number": estimator(highest=float("nan")),
    "members of nothing": estimator(members=[]),
    "a member that is none": estimator(members=[3]),
    "another library": member(kind="pickle"),
    "a power of text": member(power="2"),
    "a file with an absolute path": member(files=["/etc/passwd", "/etc/passwd"]),
    "a file of another folder": member(files=["../original/bundle.json"] * 2),
    "a file that is not listed": member(files=["nothing.txt"] * 2),
    "files of nothing": member(files=[]),
    "kriging without a range": kriging(range_km=0),
    "kriging with a negative nugget": kriging(nugget=-1),
    "kriging with a parameter more": kriging(more=1),
    "lags of another kind": facts(lambda m: m["estimator"]["monitors"].update(lags="tomorrow")),
    "shares of too few classes": facts(lambda m: m["estimator"]["monitors"].update(shares=[0.5])),
    "a residual scale of another shape": facts(lambda m: m["residual_scale"].update(factors=[[1.0, 1.0]])),
    "a negative residual scale": facts(lambda m: m["residual_scale"].update(factors=[[-1.0, 1.0]] * 9)),
    "a residual scale without exponent": without("residual_scale", "exponent"),
    "no threshold": facts(lambda m: m["applicability"].update(threshold=None)),
    "a mean distance of zero": facts(lambda m: m["applicability"].update(mean_distance=0.0)),
    "candidates by the million": facts(
        lambda m: m["applicability"]["search"].update(n_candidates=10**9)
    ),
    "monitors that read nothing": numbers("monitors.parquet", "pm25", np.nan),
    "monitors beyond the pole": numbers("monitors.parquet", "latitude", np.inf),
    "a calibration that is no number": numbers("calibration.parquet", "score", np.nan),
    "rows of training that are not finite": numbers("applicability_rows.parquet", "component_0", np.nan),
    "components that are not finite": numbers("applicability_space.parquet", "value_0", np.inf),
    "places that are no positions": facts(lambda m: m["data"].update(places={"a": ["north", None]})),
    "places as a list": facts(lambda m: m["data"].update(places=[1])),
    "a first day that is none": facts(lambda m: m["data"].update(first_day="yesterday")),
    "a recipe of nothing": facts(lambda m: m.update(recipe={"name": "mine"})),
    "a feature of another kind": facts(lambda m: m["recipe"]["features"][0].update(kind="magic")),
    "a feature over no days": facts(lambda m: m["recipe"]["features"][0].update(days="many")),
    "features of nothing": facts(lambda m: m.update(features=[])),
    "a panel of another basis": facts(lambda m: m["panel"].update(day_basis="martian")),
    "an evaluation that is none": facts(lambda m: m.update(evaluation=[1])),
    "an evaluation without numbers": facts(lambda m: m.update(evaluation=[{"scheme": 3}])),
    "promises of nothing": facts(lambda m: m["uncertainty"].update(promises=[])),
    "libraries without versions": facts(lambda m: m.update(libraries={"lightgbm": 4})),
    "no groups of inner folds": without("settings", "inner_groups"),
    "groups of no kind": facts(lambda m: m["settings"].update(inner_groups="planet")),
    "no midnight of the panel": without("panel", "day_basis"),
    "no origin of its PM2.5": without("panel", "pm25_origin"),
    "no statistic of the panel": without("panel", "statistic"),
    "an error without unit": facts(lambda m: m.update(evaluation=[{"scheme": "city", "rmse": 3.0}])),
    **{f"no {name}": without(name) for name in ("settings", "target", "data", "recipe_inputs")},
    **{f"no {name} of the boosters": without("estimator", name) for name in ("members", "threads", "ranges")},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds", [list(KINDS)[::9], pytest.param(list(KINDS), marks=pytest.mark.long)], ids=["some", "all"]
)
def test_every_kind_of_tampering_is_one_line(original, panel, tmp_path, kinds):
    "Each in a process of its own: exit code 1, one line of error, nothing written; the original predicts."
    bundles = {}
    for number, (kind, change) in enumerate(
        [("nothing at all", lambda *more: None), *((kind, KINDS[kind]) for kind in kinds)]
    ):
        bundles[kind] = folder = shutil.copytree(original, tmp_path / f"b{number}")
        metadata = read_metadata(folder)
        del metadata["hash"]
        change(folder, metadata)
        (folder / "bundle.json").unlink()
        write_metadata(folder, metadata)
    write_panel(panel, tmp_path / "p.parquet")
    command = [sys.executable, "-c", MANY, tmp_path / "p.parquet", *bundles.values()]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    codes = json.loads(ran.stdout.splitlines()[-1])
    wrong = {}
    for kind, folder in bundles.items():
        said = (tmp_path / f"{folder.name}.said").read_text().splitlines()
        errors = [line for line in said if line.startswith("Error: ")]
        fine = codes[str(folder)] == 1 and len(errors) == 1 and said[-1] == errors[0]
        fine &= "fault of airq" not in said[-1] and not (tmp_path / f"{folder.name}.parquet").exists()
        if kind == "nothing at all":
            fine = codes[str(folder)] == 0
        if not fine:
            wrong[kind] = codes[str(folder)], said[-3:]
    assert not wrong
    assert pd.read_parquet(tmp_path / "b0.parquet")["pm25"].notna().all()


@pytest.mark.parametrize("content", [b"", b"CBM1" + b"\xff" * 99, None], ids=["empty", "noise", "cut in two"])
def test_a_damaged_catboost_model_ends_only_the_process_that_tries_it(tmp_path, content):
    "It is refused in one line that names its file."
    model = catboost_regressor(5, 5, 0).fit(np.arange(60.0).reshape(30, 2), np.arange(30.0))
    model.save_model(str(tmp_path / "fine.cbm"))
    whole = (tmp_path / "fine.cbm").read_bytes()
    (tmp_path / "m.cbm").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match="m.cbm is not a CatBoost model") as refusal:
        check_catboost([tmp_path / "fine.cbm", tmp_path / "m.cbm"], 2)
    assert "\n" not in str(refusal.value)

"""Gradient boosters, and the ridge beside them, behind one interface: fit, stop on other rows, save natively.

LightGBM and CatBoost are imported where they are used, because each takes a while.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from airq.messages import import_optional
from airq.models.booster_text import check_lightgbm
from airq.models.ridge import Ridge

KINDS = ("lightgbm", "catboost", "ridge")
ENDINGS = {"lightgbm": ".txt", "catboost": ".cbm", "ridge": ".json"}

#: Settings of our boosters; tuning may change them.
LIGHTGBM = {
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "rounds": 1500,
    "patience": 60,
}
CATBOOST = {
    "learning_rate": 0.05,
    "depth": 6,
    "border_count": 64,
    "rsm": 0.2,
    "l2_leaf_reg": 5.0,
    "rounds": 1000,
    "patience": 60,
}
#: Rows from which LightGBM chooses the edges of its bins: some 300 a bin, whatever the table. It holds them
#: in double precision beside the features.
BINNED_ON = 20_000
DEFAULTS = {"lightgbm": LIGHTGBM, "catboost": CATBOOST}


class CannotFit(ValueError):
    """A booster cannot learn from these rows; the message says why."""


@dataclass
class Booster:
    """A fitted booster of either kind."""

    #: Library, of :data:`KINDS`.
    kind: str
    #: The model itself, lightgbm.Booster or catboost.CatBoost.
    native: object
    #: Number of threads for predictions.
    threads: int = 1

    def predict(self, features):
        """Return raw predictions, shape (n_samples,), on the scale of the training target."""
        threads = "num_threads" if self.kind == "lightgbm" else "thread_count"
        return self.native.predict(_matrix(features), **{threads: self.threads})

    @property
    def rounds(self):
        """Number of trees."""
        return self.native.num_trees() if self.kind == "lightgbm" else self.native.tree_count_

    @property
    def importances(self):
        """Share of every feature in what the splits changed, shape (n_features,); zero without a split.

        LightGBM counts the gain of the splits, CatBoost the change of the prediction over them. What linear
        leaves add is not counted.
        """
        if self.kind == "lightgbm":
            gained = self.native.feature_importance("gain")
        else:
            gained = np.asarray(self.native.get_feature_importance(type="PredictionValuesChange"))
        return gained / (gained.sum() or 1.0)

    def save(self, path):
        """Write the library's own file; an OSError is raised if it cannot be written."""
        if self.kind == "lightgbm":
            # The library itself would print a line of its own if the disk is full.
            try:
                Path(path).write_text(self.native.model_to_string(), encoding="utf-8")
            except OSError as error:
                raise OSError(f"{path} cannot be written: {error.strerror}.") from None
            return
        import catboost

        try:
            self.native.save_model(str(path))
        except catboost.CatBoostError as error:
            raise OSError(f"{path} cannot be written: {str(error).splitlines()[0][:200]}") from None


def load_booster(path, kind, n_features, *, threads=1):
    """Read a booster that :meth:`Booster.save` wrote; refuse a file that is no model of so many features.

    What stands in it is checked first, because a damaged one would end the process.
    """
    if kind == "ridge":
        return Ridge.load(path, n_features)
    if kind == "lightgbm":
        import lightgbm

        try:
            model = Path(path).read_text(encoding="utf-8")
            check_lightgbm(model, n_features)
            return Booster(kind, lightgbm.Booster(model_str=model), threads)
        except (ValueError, lightgbm.basic.LightGBMError) as error:
            raise ValueError(f"{path} is not a LightGBM model of airq: {error}.") from None
    native = _load_catboost(path)
    if len(native.feature_names_) != n_features:
        raise ValueError(f"{path} has {len(native.feature_names_)} features, not {n_features}.")
    return Booster(kind, native, threads)


def check_catboost(paths, n_features):
    """Refuse CatBoost models that end the process when they are read or predict; it is tried in another."""
    command = [sys.executable, "-c", _TRIAL, str(n_features), *map(str, paths)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_READ)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{paths[0].parent}: its CatBoost models cannot be read.") from None
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or [f"reading it ends the process ({ended.returncode})"]
        read = ended.stdout.split("\n")[:-1]
        raise ValueError(f"{paths[min(len(read), len(paths) - 1)]} is not a CatBoost model: {said[-1][:200]}")


#: A program that reads models and predicts a row with each; it prints a line for each that survives.
_TRIAL = """
import sys, catboost, numpy
for path in sys.argv[2:]:
    model = catboost.CatBoostRegressor().load_model(path)
    rows = numpy.array([[0.0], [numpy.nan], [1e30], [-1e30]]).repeat(int(sys.argv[1]), axis=1)
    assert numpy.isfinite(model.predict(rows, thread_count=1)).all(), "it predicts what is not finite"
    print(path, flush=True)
"""
#: Longer than any sound model takes. [s]
SECONDS_TO_READ = 300


def load_foreign_catboost(path, names):
    """Read a native CatBoost model (.cbm) from elsewhere, which must expect the features `names` in order.

    FileNotFoundError is raised if there is no such file, ValueError if it is not a CatBoost regressor with
    exactly these features in this order.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}.")
    model = _load_catboost(path)
    loss = model.get_all_params().get("loss_function", "")
    if loss.split(":")[0] in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll"):
        raise ValueError(f"{path} is a classifier ({loss}); a regressor of PM2.5 is needed.")
    if model.get_cat_feature_indices():
        raise ValueError(f"{path} has categorical features, which no recipe makes.")
    expected = list(model.feature_names_)
    if expected != list(names):
        other = next((pair for pair in zip(expected, names, strict=False) if pair[0] != pair[1]), None)
        where = f"; it expects {other[0]!r} where the recipe has {other[1]!r}" if other else ""
        raise ValueError(f"{path} has {len(expected)} features, the recipe makes {len(names)}{where}.")
    return Booster("catboost", model)


def fit_booster(
    kind, features, target, stop_features, stop_target, *, parameters=None, seed=0, threads=1, binned=None
):
    """Fit a booster of a library; stop when its error on other rows stops improving. A ridge has no stop.

    `features` and `stop_features` are functions that make DataFrames of shape (n_samples, n_features), whose
    missing values are left to the trees; they are called where they are needed, so that no copy of them lasts
    longer. Targets have the shape (n_samples,). `parameters` change :data:`LIGHTGBM` or
    :data:`CATBOOST`; `huber`, of LightGBM, makes errors beyond so many standard deviations of the target
    count by their size instead of their square. The same `seed` and number of `threads` give the same model.
    `binned` is a dict for several boosters of the same features and seed, which LightGBM then bins once.
    """
    if kind == "ridge":
        return Ridge.fit(features(), target)
    if kind == "catboost" and target.min() == target.max():
        raise CannotFit("PM2.5 is constant in the training rows of an inner fold, which CatBoost refuses")
    # Native files number the features, because LightGBM refuses some characters in names.
    settings = DEFAULTS[kind] | (parameters or {})
    rounds, patience = settings.pop("rounds"), settings.pop("patience")
    learn, stop = (features, target), (stop_features, stop_target)
    if kind == "lightgbm":
        fitted = _fit_lightgbm(learn, stop, settings, rounds, patience, seed, threads, binned)
        return Booster(kind, fitted, threads)
    model = catboost_regressor(rounds, patience, seed, threads, **settings)
    stop = _matrix(stop_features()), stop_target
    return Booster(kind, model.fit(_matrix(features()), target, eval_set=stop), threads)


def _fit_lightgbm(learn, stop, settings, rounds, patience, seed, threads, binned):
    import lightgbm

    if huber := settings.pop("huber", None):
        settings |= {"objective": "huber", "alpha": huber * float(np.std(learn[1])) or 1.0}
    settings = {
        "objective": "regression",
        "metric": "rmse",
        "verbosity": -1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": seed,
        "num_threads": threads,
        "bin_construct_sample_cnt": BINNED_ON,
        **settings,
    }
    binned, shared = {} if binned is None else binned, binned is not None
    bins = settings["max_bin"], settings["min_data_in_leaf"]
    if bins not in binned:
        # Linear leaves need the raw values, too; other boosters do not look at them.
        kept = settings | {"linear_tree": True} if shared else settings
        data = lightgbm.Dataset(_matrix(learn[0]()), learn[1], params=kept).construct()
        validation = lightgbm.Dataset(_matrix(stop[0]()), stop[1], reference=data, params=kept)
        binned[bins] = data, validation.construct()
    data, validation = binned[bins]
    for part, (_, target) in ((data, learn), (validation, stop)):
        part.set_label(target).params = dict(settings)
    stopping = lightgbm.early_stopping(patience, verbose=False)
    model = lightgbm.train(settings, data, rounds, valid_sets=[validation], callbacks=[stopping])
    # Only the rounds up to the best one are kept, in memory as in the file.
    return lightgbm.Booster(model_str=model.model_to_string(num_iteration=model.best_iteration))


def catboost_regressor(rounds, patience, seed, threads=1, **settings):
    """Return an unfitted CatBoost model of the RMSE, with further settings of the library."""
    catboost = import_optional("catboost", "CatBoost models")
    return catboost.CatBoostRegressor(
        loss_function="RMSE",
        iterations=rounds,
        early_stopping_rounds=patience,
        random_seed=seed,
        thread_count=threads,
        allow_writing_files=False,
        verbose=False,
        **settings,
    )


def _load_catboost(path):
    catboost = import_optional("catboost", "CatBoost models")

    model = catboost.CatBoostRegressor()
    try:
        model.load_model(str(path))
    except catboost.CatBoostError as error:
        raise ValueError(f"{path} is not a CatBoost model: {str(error).splitlines()[0][:200]}") from None
    return model


def _matrix(features):
    return np.ascontiguousarray(features.to_numpy(dtype="float32"))

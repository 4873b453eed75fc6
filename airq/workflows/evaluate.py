"""Score estimators on held-out rows, sites, cities and countries, beside the baselines."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from sklearn.base import clone

from airq.cities import read_cities
from airq.io import atomic_folder, write_json, write_table, write_text
from airq.messages import warn
from airq.models import FAST_BASELINES, OURS
from airq.models.baselines import baselines as all_baselines
from airq.models.intervals import DEFAULT_COVERAGE, check_coverage
from airq.models.predictions import at_training_places
from airq.models.predictor import SCALE, check_targets, regressor_candidate, training_panel
from airq.panel import PLACE, TARGET, Labels, PanelMetadata, check_panel, origin_warning, panel_metadata
from airq.regressor import PM25Regressor, load
from airq.report.card import evaluation_markdown
from airq.report.charts import (
    distance_curves,
    draw_distance,
    draw_evaluation,
    draw_uncertainty,
    observed_against_predicted,
    save,
)
from airq.report.words import proximity_markdown, proximity_records
from airq.units import PM25_UNIT, exceedance_thresholds
from airq.validation.evaluation import (
    HeldOutScores,
    plan_folds,
    score_applicability,
    score_calibration,
    score_candidates,
    score_predictions,
)
from airq.validation.proximity import proximity as compare_distances
from airq.validation.repeats import mean_of_repeats
from airq.validation.schemes import BUNDLE_SCHEMES, FEW_FITS, PLACE_SCHEMES, SCHEMES, check_schemes
from airq.workflows.predict_blocks import rows_at_once, sorted_blocks

EVALUATION_JSON = "evaluation.json"
PROXIMITY_JSON = "proximity.json"
#: What describes a prediction and is scored beside it.
SCORED = (*SCALE, "inside_domain")


@dataclass(repr=False)
class Evaluation(HeldOutScores):
    """Scores of models on held-out rows, as tables, text and pictures.

    Attributes
    ----------
    metadata : PanelMetadata
        Of the panel.
    """

    metadata: PanelMetadata = dataclasses.field(default_factory=PanelMetadata)

    def __repr__(self):
        shown = ["scheme", "model", "n", "rmse", "mae", "r2", "coverage", "width"]
        return (
            f"Evaluation [{PM25_UNIT}]\n{self.scores.reindex(columns=shown).round(3).to_string(index=False)}"
        )

    @property
    def scores(self) -> pd.DataFrame:
        """Return errors by scheme and model: RMSE, MAE, bias [µg m⁻³], R² [1], coverage [1] and more."""
        return pd.DataFrame(self.records)

    @property
    def coverage(self) -> pd.DataFrame:
        """Return how often intervals held, by scheme, model, period and part of the rows."""
        return pd.DataFrame(self.coverage_records)

    @property
    def exceedance(self) -> pd.DataFrame:
        """Return Brier score and skill of the probabilities, by scheme, model and threshold."""
        return pd.DataFrame(self.exceedance_records)

    def plot(self, scheme: str | None = None, model: str | None = None) -> alt.LayerChart:
        """Draw predicted against observed PM2.5 of the held-out rows [µg m⁻³].

        Parameters
        ----------
        scheme, model : str, optional
            What was held out, and whose predictions; by default the first that were scored.

        Raises
        ------
        ValueError
            If they were not scored, or a bundle was, which keeps no predictions.
        """
        scored = [(one["scheme"], one["model"]) for one in self.records if len(self.predictions)]
        chosen = [pair for pair in scored if scheme in (None, pair[0]) and model in (None, pair[1])]
        if not chosen:
            known = "; ".join(", ".join(pair) for pair in scored) or "none"
            raise ValueError(f"No held-out predictions of {scheme=}, {model=}; there are: {known}.")
        scheme, model = chosen[0]
        rows = self.first_repeat
        rows = rows[rows["scheme"] == scheme]
        return observed_against_predicted(rows, self.metadata, model=model)

    def to_markdown(self) -> str:
        """Return tables and sentences as Markdown."""
        return evaluation_markdown(self, self.metadata)

    def save(self, folder: str | Path) -> None:
        """Write records, text, held-out predictions and pictures into a folder, whole or not at all.

        With cities to predict, what :func:`save_proximity` writes is there, too.
        """
        with atomic_folder(folder, marker=EVALUATION_JSON) as new:
            self.save_summary(new)
            metadata = {"airq": self.metadata.to_dict()}
            write_table(self.predictions, new / "held_out.parquet", metadata=metadata)
            draw_evaluation(self.first_repeat, self.metadata, new)
            draw_uncertainty(self, self.metadata, new)
            draw_distance(self, self.metadata, new)
            if self.proximity is not None:
                _write_proximity(self.proximity, new)

    def save_summary(self, folder: str | Path) -> None:
        """Write records and text into a folder.

        The files are evaluation.json, coverage.json, exceedance.json, parts.json, distance.json and
        evaluation.md; with cities to predict expected.json, too.
        """
        tables = {"coverage": self.coverage_records, "exceedance": self.exceedance_records}
        tables |= {"parts": self.parts, "distance": self.distance_records}
        if self.proximity is not None:
            tables["expected"] = self.city_records
        write_json(Path(folder) / EVALUATION_JSON, self.records)
        for name, records in tables.items():
            write_json(Path(folder) / f"{name}.json", records)
        write_text(Path(folder) / "evaluation.md", self.to_markdown())


def evaluate(
    estimators: Mapping[str, Any] | Any,
    panel: pd.DataFrame | str | Path,
    schemes: Sequence[str] = FEW_FITS,
    *,
    coverage: float | None = DEFAULT_COVERAGE,
    baselines: bool | str | Sequence[str] = True,
    recipe: str = "retrospective",
    buffer_km: float = 50.0,
    cities: pd.DataFrame | str | Path | None = None,
    random_state: int = 0,
    repeats: int = 1,
    n_jobs: int = 1,
    advance: Callable | None = None,
) -> Evaluation:
    """Score estimators on held-out places and days, beside the baselines, all on the same folds.

    A held-out place is out of everything: training, stopping, blending, kriging, calibration and the values
    of its neighbours. Any scikit-learn regressor gets the features of a recipe and, from its own out-of-fold
    errors, intervals, probabilities and an area of applicability like ours.

    Parameters
    ----------
    estimators : dict of str to estimator, or estimator
        Unfitted `PM25Regressor` objects or scikit-learn regressors, by name. One that cannot take missing
        values (NaN) needs an imputer before it, as in ``make_pipeline(SimpleImputer(), Ridge())``.
    panel : DataFrame, str or Path
        Panel with PM2.5. Rows without it lend their inputs to lags and neighbours.
    schemes : sequence of str
        What is held out, see :mod:`airq.validation.schemes`.
    coverage : float or None
        Coverage of the intervals, which need a fit for every pair of folds; None for no intervals.
    baselines : bool, str or sequence of str
        Baselines beside the estimators: True for those that take seconds
        (:data:`airq.models.FAST_BASELINES`), ``"all"`` for all that the panel supports, names for those
        named, False for none.
    recipe : str
        Features of the scikit-learn regressors; a `PM25Regressor` has its own.
    buffer_km : float
        Distance of the schemes ``"buffer"`` and ``"leave-city-out"``. [km]
    cities : DataFrame, str or Path, optional
        City table of the places to predict: the scheme ``"knndm"`` needs it; for the others it tells which
        scheme and which error by distance apply.
    random_state : int
        Seed of the folds and the baselines; 0 does not shuffle places, see :class:`airq.HoldOut`.
    repeats : int
        How often everything is repeated, each time with the next seed for folds, baselines and estimators
        (their whole-number `random_state`). Records hold the mean, the lowest and the highest of the
        repeats; schemes without chance in their folds are repeated with other models only.
    n_jobs : int
        Number of processes, one thread each. Results do not depend on it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.

    Raises
    ------
    ValueError
        If the panel is unsound or supports none of the schemes, or a name is unknown or used twice.

    Examples
    --------
    >>> import warnings
    >>> import airq
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> warnings.simplefilter("ignore")
    >>> panel = airq.simulate(n_cities=6, start="2020-01-01", end="2020-01-20", random_state=0)
    >>> ridge = make_pipeline(SimpleImputer(keep_empty_features=True), Ridge())
    >>> evaluation = airq.evaluate({"ridge": ridge}, panel, ["city"], coverage=None, baselines=["mean"])
    >>> evaluation.scores["model"].tolist()
    ['ridge', 'mean']
    """
    if coverage is not None:
        check_coverage(coverage)
    if isinstance(estimators, (list, tuple)):
        raise ValueError("Give the estimators as a dict of names, such as {'ridge': Ridge()}.")
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}.")
    if not isinstance(estimators, Mapping):
        estimators = {OURS: estimators}
    schemes = [schemes] if isinstance(schemes, str) else schemes
    check_schemes(schemes)
    cities = None if cities is None else read_cities(cities)
    # A wrong estimator is refused before the panel is read.
    _candidates(estimators, recipe, random_state, 0)
    panel = training_panel(panel)
    done = []
    for repeat in range(repeats):
        seed = random_state + repeat
        beside = _chosen_baselines(panel, baselines, seed)
        if twice := [name for name in estimators if name in beside]:
            raise ValueError(f"{twice[0]!r} is the name of a baseline; give your estimator another one.")
        try:
            folds, skipped = plan_folds(panel, schemes, buffer_km=buffer_km, cities=cities, seed=seed)
        except ValueError as error:
            if not done:
                raise
            warn(f"Repeat {repeat + 1} is left out. {error}")
            continue
        if repeat == 0:
            _warn_of_the_same(folds, buffer_km)
        scores = score_candidates(
            panel,
            _candidates(estimators, recipe, random_state, repeat) | beside,
            folds,
            described=tuple(estimators),
            nominal=coverage,
            n_jobs=n_jobs,
            advance=advance and functools.partial(_advance_repeat, advance, repeat, repeats),
        )
        scores.skipped = skipped | scores.skipped
        done.append(scores)
    result = Evaluation(**vars(mean_of_repeats(done)), metadata=panel_metadata(panel))
    result.add_parts()
    if cities is not None:
        scored = dict.fromkeys(record["scheme"] for record in result.records)
        # Folds of days say nothing about other places.
        held_out = [scheme for scheme in scored if SCHEMES[scheme].places]
        options = {"buffer_km": buffer_km, "seed": random_state}
        result.proximity = compare_distances(panel, cities, held_out or PLACE_SCHEMES, **options)
    return result


def _candidates(estimators, recipe, seed, repeat):
    """Return a candidate of every estimator, with the seeds of a repeat."""
    candidates = {}
    for name, one in estimators.items():
        one = _reseeded(one, repeat) if repeat else one
        if isinstance(one, PM25Regressor):
            candidates[name] = one.candidate()
        else:
            candidates[name] = regressor_candidate(one, recipe=recipe, seed=seed + repeat)
    return candidates


def _reseeded(estimator, repeat):
    """Return a clone whose seeds are so many further; those that are no whole numbers stay."""
    seeds = {
        name: value + repeat
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and isinstance(value, Integral)
    }
    return clone(estimator).set_params(**seeds)


def _advance_repeat(advance, repeat, repeats, done, total, text):
    advance(repeat * total + done, repeats * total, text)


def _warn_of_the_same(folds, buffer_km):
    """Warn where no training place is near a held-out city, so that its surroundings hide nothing."""
    if {"city", "buffer"} <= set(folds) and all(
        np.array_equal(fold.train, other.train)
        for fold, other in zip(folds["city"], folds["buffer"], strict=True)
    ):
        warn(f"No training place is within {buffer_km:g} km of a held-out city: buffer repeats city.")


def _chosen_baselines(panel, chosen, seed):
    available = all_baselines(panel, seed=seed)
    if chosen is True:
        return {name: make for name, make in available.items() if name in FAST_BASELINES}
    if isinstance(chosen, str):
        chosen = available if chosen == "all" else [chosen]
    for name in chosen or ():
        if name not in available:
            raise ValueError(f"No baseline {name!r} for this panel; choose from {', '.join(available)}.")
    return {name: available[name] for name in chosen or ()}


def evaluate_bundle(
    model: PM25Regressor | str | Path,
    panel: pd.DataFrame | str | Path,
    *,
    coverage: float | None = DEFAULT_COVERAGE,
) -> Evaluation:
    """Score a fitted model on labelled rows.

    Rows of the sites that the model was trained on, under any name, are scored apart, because it saw them.
    Area of applicability, intervals and probabilities, made by the model's own calibration, are scored at new
    sites only. `model` is a fitted one or the folder of a bundle; `panel` has PM2.5, or is the file of one or
    a folder of its parts, which need not fit into memory. `coverage` is that of the intervals, None for none.
    The Evaluation has the schemes of
    :data:`airq.validation.schemes.BUNDLE_SCHEMES`.
    """
    if coverage is not None:
        check_coverage(coverage)
    model = model if isinstance(model, PM25Regressor) else load(model)
    begun = time.process_time()
    if (most := rows_at_once(model, panel)) is None:
        panel = model.check_panel(panel)
        rows, n_rows = _described(model, check_panel(panel, target="required")), len(panel)
    else:
        with sorted_blocks(model, panel, kept=TARGET, most=most) as run:
            rows, n_rows = _described_in_blocks(run), run.total
    if text := origin_warning(panel_metadata(rows)):
        warn(text)
    seconds = time.process_time() - begun
    trained = at_training_places(rows, model.metadata_["data"]["places"])
    result = Evaluation(metadata=panel_metadata(rows))
    new_sites, known_sites = BUNDLE_SCHEMES
    for scheme, chosen in ((new_sites, ~trained), (known_sites, trained)):
        if not chosen.any():
            result.skipped[scheme] = "the panel has none with PM2.5"
            continue
        part = rows if chosen.all() else rows[chosen].reset_index(drop=True)
        record = score_predictions(
            part,
            part["predicted"],
            scheme=scheme,
            model="bundle",
            folds=1,
            groups=part["site_id"].nunique(),
            group="sites",
            rmse_sd=None,
        )
        record["seconds"] = seconds * len(part) / n_rows
        result.records.append(record)
        if scheme == new_sites:
            _score_description(result, part, model, coverage)
    if trained.any():
        warn(
            "Rows of known sites are of places that the bundle learned from: their scores are no validation."
        )
    return result


def _described(model, panel):
    """Return the rows of a checked panel that have PM2.5, with their predictions and what describes them.

    The columns are those of places, `date`, `pm25`, `predicted` [µg m⁻³] and :data:`SCORED`.
    """
    labelled = panel[TARGET].notna()
    check_targets(panel.loc[labelled, TARGET].to_numpy())
    described = _scored(model.predictor_.describe(panel.drop(columns=TARGET)))
    rows = panel[[*PLACE, "date", TARGET]].join(described)[labelled].reset_index(drop=True)
    rows.attrs = panel.attrs
    return rows


def _scored(described):
    """Return the columns of :meth:`Predictor.describe` that are scored, `pm25` as `predicted`."""
    chosen = [name for name in (TARGET, *SCORED) if name in described]
    return described[chosen].rename(columns={TARGET: "predicted"})


def _described_in_blocks(run):
    """Return the same for the rows of a panel in files, block after block; names of places are categories."""
    survey, blocks, tables = run.survey, range(len(run.blocks)), []
    pm25 = [run.load(number)[TARGET] for number in blocks if TARGET in survey.record.names]
    if not pm25 or np.isnan(pm25 := np.concatenate(pm25)).all():
        check_panel(next(survey.batches())[-1], target="required")
    check_targets(pm25[~np.isnan(pm25)])
    for number in blocks:
        records, panel, around = run.block(number)
        described = _scored(run.predictor.describe(panel, around=around))
        table = described.assign(**{name: records[name] for name in ("place", "day", TARGET)})
        tables.append(table[table[TARGET].notna()])
    rows = pd.concat(tables, ignore_index=True)
    del tables
    rows = rows.take(np.lexsort((rows["day"], survey.site[rows["place"]]))).reset_index(drop=True)
    spelled = survey.spelled.astype(dict.fromkeys(PLACE[:4], "category"))
    places = {name: spelled[name].take(rows["place"]).array for name in PLACE}
    days = rows["day"].to_numpy().astype("datetime64[D]").astype("datetime64[us]")
    rows = rows.assign(**places, date=days).drop(columns=["place", "day"])
    rows.attrs = {"airq": Labels(survey.metadata.to_dict())}
    return rows


def _score_description(result, rows, model, coverage):
    """Score area of applicability and intervals of a fitted model at new places."""
    record, scheme = result.records[-1], result.records[-1]["scheme"]
    table = rows.rename(columns={TARGET: "observed"}).assign(scheme=scheme)
    if "inside_domain" in table:
        record |= score_applicability(table)
    calibration, uncertainty = model.predictor_.calibration_, model.metadata_["uncertainty"]
    if coverage is None:
        return
    if calibration is None:
        result.skipped[f"{scheme}/intervals"] = uncertainty["promises"][0]
        return
    scored = score_calibration(table, calibration, nominal=coverage, thresholds=exceedance_thresholds())
    result.add_intervals(record, *scored)
    if not result.coverage_records:
        reason = calibration.explain(coverage, groups=uncertainty["calibrated_on"])
        result.skipped[f"{scheme}/intervals"] = reason


def proximity(panel, cities, *, schemes=PLACE_SCHEMES, buffer_km=50.0, random_state=0):
    """Compare cities to predict with the held-out places of every scheme; nothing is fitted.

    `panel` with PM2.5 and `cities`, the city table of the places to predict, are DataFrames or paths; the
    other arguments are those of :func:`evaluate`. Returns a :class:`airq.validation.proximity.Proximity`;
    ValueError is raised if panel or city table are unsound, or a scheme is unknown.
    """
    check_schemes(schemes)
    cities = cities if isinstance(cities, pd.DataFrame) else read_cities(cities)
    return compare_distances(training_panel(panel), cities, schemes, buffer_km=buffer_km, seed=random_state)


def save_proximity(comparison, folder):
    """Write proximity.json, proximity.md, distances.png and the cities with their distances into a folder."""
    with atomic_folder(folder, marker=PROXIMITY_JSON) as new:
        _write_proximity(comparison, new)


def _write_proximity(comparison, folder):
    write_json(folder / PROXIMITY_JSON, proximity_records(comparison))
    write_text(folder / "proximity.md", proximity_markdown(comparison))
    comparison.cities.to_csv(folder / "cities.csv", index=False)
    save(distance_curves(comparison), folder / "distances.png")

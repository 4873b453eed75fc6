"""The predictor as a scikit-learn estimator: fit, calibrate, predict with intervals, save, load."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from airq.bundle import check_fits, check_same_places, load_bundle, save_bundle
from airq.features.recipe import POSITION
from airq.io import read_panel
from airq.messages import AirqWarning, warn
from airq.models import OURS
from airq.models.intervals import DEFAULT_COVERAGE, PERIODS, check_coverage
from airq.models.predictions import DEFAULT_AQI_TABLE, prediction_rows
from airq.models.predictor import NO_INPUTS, default_candidate, open_panel, training_panel
from airq.models.tuning import Tuning
from airq.panel import KEYS, TARGET, PanelMetadata, label_panel, origin_warning, panel_metadata
from airq.report.card import write_card
from airq.validation.evaluation import (
    SECONDS,
    HeldOutScores,
    held_out_errors,
    plan_folds,
    score_candidates,
)
from airq.validation.schemes import SCHEMES
from airq.validation.splitters import training_groups

NOT_CALIBRATED = "There are no intervals: no places were held out that could calibrate one."


class PM25Regressor(RegressorMixin, BaseEstimator):
    """Daily PM2.5 for places without a monitor, from a panel of satellite and weather columns.

    `fit` learns from all rows with PM2.5; `calibrate` holds places out in turn to learn how wide intervals
    must be. A panel is a DataFrame with metadata, see :mod:`airq.panel`; a path to its Parquet file serves
    as well, here and in every method.

    Parameters
    ----------
    booster : {"lightgbm", "catboost", "blend", "fast"}
        Which gradient boosting; ``fast`` is a short LightGBM in a third of the time.
    recipe : {"retrospective", "live", "reference"}
        Features: ``retrospective`` sees the days around a day, ``live`` nothing later than the day,
        ``reference`` makes the 163 columns of the published model of 2020.
    random_state : int
        Seed of every fit; same input, seed and thread count: same predictions.
    n_trials : int
        Trials of a search for parameters on inner folds; 0 for none, or as many as `search_seconds` allows.
    search_seconds : float, optional
        Time that every search may take, one trial at least; the result then depends on the speed of the
        machine. [s]
    journal : str or Path, optional
        File that keeps the trials, so that an interrupted search goes on; needed for a search.
    n_jobs : int
        Processes that fit side by side in `calibrate`, one thread each.

    Attributes
    ----------
    predictor_ : airq.models.predictor.Predictor
        Recipe and boosters, fitted.
    groups_ : {"city_id", "site_id"}
        What training keeps together: cities, or sites where there are too few cities.
    metadata_ : dict
        What the model was trained on and how good it is; `bundle.json` holds the same keys.

    See Also
    --------
    airq.evaluate : errors and coverage on held-out places.

    Notes
    -----
    ``cross_val_score(PM25Regressor(), panel, panel["pm25"], cv=HoldOut("city"))`` works, but
    scikit-learn's protocol cannot hand over rows without PM2.5, which lend their inputs to lags and
    neighbours; :func:`airq.evaluate` is the honest path.

    Examples
    --------
    >>> import warnings
    >>> import airq
    >>> warnings.simplefilter("ignore")
    >>> panel = airq.simulate(n_cities=8, start="2020-01-01", end="2020-01-20", random_state=0)
    >>> model = airq.PM25Regressor(random_state=0).fit(panel)
    >>> model.predict(panel).shape
    (160,)
    """

    def __init__(
        self,
        booster: str = "lightgbm",
        recipe: str = "retrospective",
        random_state: int = 0,
        *,
        n_trials: int = 0,
        search_seconds: float | None = None,
        journal: str | Path | None = None,
        n_jobs: int = 1,
    ):
        self.booster = booster
        self.recipe = recipe
        self.random_state = random_state
        self.n_trials = n_trials
        self.search_seconds = search_seconds
        self.journal = journal
        self.n_jobs = n_jobs

    def candidate(self, advance: Callable | None = None) -> Callable:
        """Return a function that makes a fresh predictor like this one, for :mod:`airq.validation`."""
        tuning = None
        if self.searches:
            if self.journal is None:
                raise ValueError("A search needs a journal, the file that keeps the trials.")
            tuning = Tuning(self.n_trials or None, Path(self.journal), advance, self.search_seconds)
        return default_candidate(
            model=self.booster, recipe=self.recipe, seed=self.random_state, tuning=tuning
        )

    @property
    def searches(self) -> bool:
        """Whether `fit` searches for parameters; a ValueError says that the time for it is none."""
        if self.search_seconds is not None and not 0 < self.search_seconds < np.inf:
            raise ValueError(
                f"The time of a search must be a number of seconds above 0, got {self.search_seconds:g}."
            )
        return bool(self.n_trials or self.search_seconds)

    def fit(self, X: pd.DataFrame | str | Path, y=None, *, advance: Callable | None = None) -> PM25Regressor:
        """Learn from all rows with PM2.5.

        Parameters
        ----------
        X : DataFrame, str or Path
            Panel. Rows without `pm25` lend their inputs to lags and neighbours.
        y : array-like of shape (n_rows,), optional
            PM2.5 that replaces the panel's. [µg m⁻³]
        advance : callable, optional
            Called as ``advance(done, total, text)`` after every trial of a search.

        Raises
        ------
        ValueError
            If the panel is unsound, or has PM2.5 in fewer than 20 rows.
        """
        if y is not None:
            panel = X if isinstance(X, pd.DataFrame) else read_panel(X)
            target = np.asarray(y, dtype="float32")
            X = label_panel(panel.assign(**{TARGET: target}), panel_metadata(panel))
        panel = training_panel(X)
        self.groups_ = training_groups(panel)
        self.predictor_ = self.candidate(advance)().fit(panel, self.groups_)
        self._describe(panel)
        return self

    def _describe(self, panel):
        """Put into the metadata what the model learned from."""
        metadata = panel_metadata(panel)
        self.metadata_ = {
            "panel": metadata.to_dict(),
            "data": describe_data(panel),
            "target": {"column": TARGET, "unit": metadata.units[TARGET]},
            "settings": {
                "model": self.booster,
                "seed": self.random_state,
                "tuning_trials": self.n_trials,
                **({"tuning_seconds": float(self.search_seconds)} if self.search_seconds else {}),
                "inner_groups": self.groups_,
            },
            "recipe": self.predictor_.recipe_.to_dict(),
            "features": self.predictor_.recipe_.names,
            "recipe_inputs": self.predictor_.recipe_.inputs,
            "looks_ahead": self.predictor_.looks_ahead,
        }
        self._add_evaluation(None)

    def calibrate(
        self,
        X: pd.DataFrame | str | Path,
        *,
        evaluation: HeldOutScores | None = None,
        name: str | None = None,
        advance: Callable | None = None,
    ) -> PM25Regressor:
        """Learn how wide intervals must be, from predictions for places that were held out in turn.

        Parameters
        ----------
        X : DataFrame, str or Path
            The panel of `fit`.
        evaluation : Evaluation, optional
            Of this model on this panel, from :func:`airq.evaluate`; its held-out predictions are used if
            it has the scheme of :attr:`groups_`. Without one, these places are held out here.
        name : str, optional
            What this model is called in the evaluation; only needed where that scored several estimators.
        advance : callable, optional
            Called as ``advance(done, total, text)`` after every fit.
        """
        check_is_fitted(self, "predictor_")
        scheme = self.calibration_scheme_
        held_out = evaluation
        if evaluation is None or scheme not in set(evaluation.predictions["scheme"]):
            with warnings.catch_warnings():
                # They were given when the model was fitted.
                warnings.simplefilter("ignore", AirqWarning)
                panel = training_panel(X)
            try:
                folds, _ = plan_folds(panel, [scheme], seed=self.random_state)
            except ValueError as error:
                warn(f"There are no intervals. {error}")
                return self
            held_out = score_candidates(
                panel, {OURS: self.candidate()}, folds, n_jobs=self.n_jobs, advance=advance
            )
        name = _own_name(held_out.described, name)
        if reason := held_out.skipped.get(f"{scheme}/{name}"):
            warn(f"There are no intervals: {reason}.")
            return self
        self.predictor_.calibrate(held_out_errors(held_out, scheme, name))
        self._add_evaluation(held_out if evaluation is None else evaluation)
        return self

    @property
    def calibration_scheme_(self):
        """Return the scheme whose held-out groups are those that training keeps together."""
        return "site" if self.groups_ == "site_id" else "city"

    def _add_evaluation(self, evaluation):
        """Put scores on held-out rows, and what the intervals promise, into the metadata."""
        groups = SCHEMES[self.calibration_scheme_].calibration_groups
        calibration = self.predictor_.calibration_
        promises = [NOT_CALIBRATED]
        if calibration is not None:
            promises = [calibration.explain(DEFAULT_COVERAGE, period, groups=groups) for period in PERIODS]
        # The same data and seed make the same bundle, however long it took.
        records = [
            {name: value for name, value in one.items() if name not in SECONDS}
            for one in (evaluation.records if evaluation else [])
        ]
        self.evaluation_ = evaluation
        self.metadata_ |= {
            "evaluation": records,
            "skipped": evaluation.skipped if evaluation else {},
            "uncertainty": {
                "calibrated_on": groups,
                "promises": promises,
                "coverage": evaluation.coverage_records if evaluation else [],
                "exceedance": evaluation.exceedance_records if evaluation else [],
            },
        }

    def predict(
        self, X: pd.DataFrame | str | Path, *, monitors: pd.DataFrame | str | Path | None = None
    ) -> np.ndarray:
        """Return PM2.5 of every row.

        Parameters
        ----------
        X : DataFrame of n_rows, str or Path
            Panel with the model's input columns; PM2.5 in it is ignored.
        monitors : DataFrame, str or Path, optional
            Panel with the PM2.5 of monitors on these days, used in addition to the training places, whose
            days are often long past. Where no monitor has a value within 1,000 km, the answer is that
            for a place without any nearby.

        Returns
        -------
        numpy.ndarray of shape (n_rows,)
            In the order of the panel's rows, never negative. [µg m⁻³]
        """
        panel, order = self._open(X)
        visible = panel.drop(columns=TARGET, errors="ignore")
        return self.predictor_.predict(visible, self.open_monitors(monitors))[order]

    def predict_interval(
        self,
        X: pd.DataFrame | str | Path,
        coverage: float = DEFAULT_COVERAGE,
        *,
        monitors: pd.DataFrame | str | Path | None = None,
    ) -> np.ndarray:
        """Return the lower and upper end of an interval for every row.

        Parameters
        ----------
        X : DataFrame of n_rows, str or Path
            Panel with the model's input columns.
        coverage : float
            Share of the days of a new place that the interval should hold.
        monitors : DataFrame, str or Path, optional
            As for :meth:`predict`.

        Returns
        -------
        numpy.ndarray of shape (n_rows, 2)
            In the order of the panel's rows, never below zero; NaN where too few places calibrate. [µg m⁻³]

        Raises
        ------
        ValueError
            Before :meth:`calibrate`.
        """
        check_coverage(coverage)
        panel, order = self._open(X)
        visible = panel.drop(columns=TARGET, errors="ignore")
        near = self.open_monitors(monitors)
        return self.predictor_.predict_interval(visible, coverage=coverage, monitors=near)[order]

    def predict_table(
        self,
        X: pd.DataFrame | str | Path,
        coverage: float = DEFAULT_COVERAGE,
        period: str = "day",
        *,
        aqi_table: str = DEFAULT_AQI_TABLE,
        monitors: pd.DataFrame | str | Path | None = None,
    ) -> pd.DataFrame:
        """Return the table of predictions: interval, classes and probabilities, one row per place and period.

        Parameters
        ----------
        X : DataFrame, str or Path
            Panel with the model's input columns.
        coverage : float
            Coverage of the intervals.
        period : {"day", "month", "year"}
            What a row stands for.
        aqi_table : str
            Index in which `aqi` is given.
        monitors : DataFrame, str or Path, optional
            As for :meth:`predict`.

        Returns
        -------
        DataFrame
            Sorted by site and date, see :func:`airq.models.predictions.prediction_rows`; ``attrs["airq"]``
            holds where it comes from, as :func:`airq.write_predictions` stores it.
        """
        check_coverage(coverage)
        panel = self.check_panel(X)
        visible = panel.drop(columns=TARGET, errors="ignore")
        near = self.open_monitors(monitors)
        rows = prediction_rows(
            panel,
            self.predictor_.describe(visible, near),
            calibration=self.predictor_.calibration_,
            places=self.metadata_["data"]["places"],
            coverage=coverage,
            aqi_table=aqi_table,
            period=period,
        )
        sources = list(panel_metadata(panel).sources)
        rows.attrs["airq"] = {**self.prediction_metadata(coverage, period, near), "inputs": sources}
        return rows

    def prediction_metadata(self, coverage, period, monitors):
        """Return where predictions come from, as :func:`airq.write_predictions` stores it."""
        calibration, metadata = self.predictor_.calibration_, self.metadata_
        trained, uncertainty = metadata["panel"], metadata["uncertainty"]
        intervals, area = uncertainty["promises"][0], self.predictor_.applicability_
        if calibration is not None:
            intervals = calibration.explain(coverage, period, groups=uncertainty["calibrated_on"])
        return {
            "unit": metadata["target"]["unit"],
            "trained_on": trained["pm25_origin"],
            "trained_days": [metadata["data"]["first_day"], metadata["data"]["last_day"]],
            "statistic": trained["statistic"],
            "day_basis": trained["day_basis"],
            "period": period,
            "intervals": intervals,
            "applicability_threshold": area and area.threshold_,
            "recipe": metadata["recipe"]["name"],
            "looks_ahead": metadata["looks_ahead"],
            "validation": metadata["evaluation"],
            "monitors": monitors is not None and panel_metadata(monitors).pm25_origin,
            "bundle_hash": metadata.get("hash"),
            "sources": trained["sources"],
        }

    def save(self, path: str | Path) -> None:
        """Write the model as a bundle, a folder that :func:`airq.load` reads.

        Parameters
        ----------
        path : str or Path
            Folder; a bundle that is already there is replaced.
        """
        check_is_fitted(self, "predictor_")
        draw = None
        if self.evaluation_ is not None and len(self.evaluation_.predictions):
            from airq.report.charts import draw_evaluation, draw_uncertainty

            def draw(folder):
                metadata = PanelMetadata.from_dict(self.metadata_["panel"])
                draw_evaluation(self.evaluation_.predictions, metadata, folder)
                draw_uncertainty(self.evaluation_, metadata, folder)

        save_bundle(path, self.predictor_, self.metadata_, write_card, draw=draw)

    def check_panel(self, X: pd.DataFrame | str | Path) -> pd.DataFrame:
        """Return a checked panel that the model can predict; warn about what its figures do not cover.

        Parameters
        ----------
        X : DataFrame, str or Path
            Panel with the model's input columns.

        Raises
        ------
        ValueError
            If an input column is missing or in another unit, or days begin at another midnight.
        """
        panel, _ = self._open(X)
        inputs = self.metadata_["recipe_inputs"]
        empty = [name for name in inputs if panel[name].isna().all()]
        self.warn_of(empty, self.n_outside(panel), len(panel))
        return panel

    def n_outside(self, panel):
        """Return how many rows of a panel are outside the days of training."""
        data = self.metadata_["data"]
        return int((~panel["date"].between(data["first_day"], data["last_day"])).sum())

    def warn_of(self, empty, n_outside, n_rows):
        """Warn about empty input columns, rows outside the days of training, and the kind of its PM2.5."""
        inputs, data = self.metadata_["recipe_inputs"], self.metadata_["data"]
        if empty:
            warn(
                f"{len(empty)} of {len(inputs)} input columns are empty in this panel (first {empty[0]}); "
                "predictions rest on the others."
            )
        if not set(inputs) - set(POSITION):
            warn(NO_INPUTS)
        if n_outside:
            warn(
                f"{n_outside:,} of {n_rows:,} rows are outside the days of training "
                f"({data['first_day']} to {data['last_day']}); the scores of the card do not hold for them."
            )
        if text := origin_warning(PanelMetadata.from_dict(self.metadata_["panel"])):
            warn(text)

    def open_monitors(self, monitors):
        """Return a checked panel of monitors, or None; refuse one of other days than the training panel's."""
        if monitors is None:
            return None
        panel = open_panel(monitors, target="required")
        there, here = self.metadata_["panel"], panel_metadata(panel)
        if here.day_basis != there["day_basis"]:
            raise ValueError(
                f"The monitors' days are {here.day_basis}, the model was trained on {there['day_basis']} "
                "days; build both on the same."
            )
        if self.predictor_.estimator_.monitors_ is None:
            raise ValueError("This model does not look at monitors nearby; leave them out.")
        if here.statistic != there["statistic"]:
            raise ValueError(
                f"The monitors' PM2.5 is a daily {here.statistic}, the model was trained on a daily "
                f"{there['statistic']}."
            )
        check_same_places(panel, self.metadata_["data"]["places"])
        if text := origin_warning(here):
            warn(f"Monitors: {text}")
        return panel

    def _open(self, X):
        """Return a panel that the model can predict, and the position of every given row in it."""
        check_is_fitted(self, "predictor_")
        panel = open_panel(X)
        check_fits(panel, panel_metadata(panel), self.metadata_)
        if not isinstance(X, pd.DataFrame):
            return panel, slice(None)
        given = pd.MultiIndex.from_frame(X[KEYS].astype(panel[KEYS].dtypes.to_dict()))
        return panel, pd.MultiIndex.from_frame(panel[KEYS]).get_indexer(given)


def load(path: str | Path) -> PM25Regressor:
    """Load a model that :meth:`PM25Regressor.save` or `airq train` wrote.

    Parameters
    ----------
    path : str or Path
        Folder of the bundle.

    Returns
    -------
    PM25Regressor
        Fitted, and calibrated if it was.

    Raises
    ------
    ValueError
        If it is no bundle, or of another format or version, or if a byte of it has changed.
    """
    predictor, metadata = load_bundle(path)
    settings = metadata["settings"]
    model = PM25Regressor(settings["model"], metadata["recipe"]["name"], settings["seed"])
    model.predictor_, model.metadata_, model.evaluation_ = predictor, metadata, None
    model.groups_ = settings["inner_groups"]
    return model


def describe_data(panel):
    """Return the entry `data` of the metadata: figures of the rows that a model learned from."""
    labelled = panel[panel[TARGET].notna()]
    places = labelled.drop_duplicates("site_id")[["site_id", "latitude", "longitude"]]
    columns = [*KEYS, *sorted(set(panel.columns) - set(KEYS))]
    rows = pd.util.hash_pandas_object(panel[columns], index=False)
    return {
        "rows": len(labelled),
        "rows_without_target": len(panel) - len(labelled),
        "sites": labelled["site_id"].nunique(),
        "cities": labelled["city_id"].nunique(),
        "countries": labelled["country"].nunique(),
        "places": {site: [float(lat), float(lon)] for site, lat, lon in places.itertuples(index=False)},
        "first_day": f"{labelled['date'].min():%Y-%m-%d}",
        "last_day": f"{labelled['date'].max():%Y-%m-%d}",
        "pm25_mean": float(labelled[TARGET].mean()),
        "pm25_max": float(labelled[TARGET].max()),
        # Keys and numbers only: it does not depend on the file that held them.
        "hash": hashlib.sha256("\0".join(columns).encode() + rows.to_numpy().tobytes()).hexdigest(),
    }


def _own_name(described, name):
    """Return the name of a model in an evaluation of several."""
    if name is None and OURS in described:
        return OURS
    if name is None and len(described) == 1:
        return described[0]
    if name not in described:
        raise ValueError(f"name must say which of {', '.join(described)} this model is, got {name!r}.")
    return name

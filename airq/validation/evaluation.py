"""Intervals of held-out rows, from calibration groups that share nothing with them.

The rows of fold *k* are predicted by a predictor that left fold *k* out. What calibrates their
intervals are errors on every other fold *j*, of predictors that left both *j* and *k* out. So a held-out
city has touched neither the predictions nor the residual scales, nor the errors that its interval is made of:
a whole bundle, intervals included, is judged, not only its predictions.

What intervals, probabilities and the flag of extrapolation were worth at held-out places.

Out-of-fold predictions of several candidates on the same folds, and their figures.

A *candidate* is anything that makes a fresh predictor of panels: ``candidate()`` returns an object
with ``fit(panel, groups)`` and ``predict(panel)``, see :mod:`airq.models.predictor` and
:mod:`airq.models.baselines`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd

from airq.models import OURS
from airq.models.boosters import CannotFit
from airq.models.intervals import HELD_OUT, PERIODS, Calibration, period_means
from airq.panel import TARGET, panel_metadata
from airq.parallel import workers
from airq.units import exceedance_column, exceedance_thresholds
from airq.validation.schemes import ALL_SCHEMES, SCHEMES, check_schemes
from airq.validation.scores import (
    bootstrap_difference,
    coverage_table,
    exceedance_scores,
    reliability,
    rmse,
    scores,
)
from airq.validation.splitters import (
    N_FOLDS,
    Fold,
    PairFold,
    UnsupportedScheme,
    inner_column,
    make_folds,
    pair_folds,
)


def held_out_errors(predictions, scheme, model):
    """What :class:`airq.models.intervals.Calibration` learns from, out of held-out predictions.

    Parameters
    ----------
    predictions : DataFrame
        See :class:`airq.validation.evaluation.Evaluation`.
    scheme, model : str
        Whose rows are taken, and whose predictions.

    Returns
    -------
    DataFrame
        `group, site_id, date` and :data:`airq.models.intervals.HELD_OUT`.
    """
    rows = predictions[predictions["scheme"] == scheme]
    return calibration_rows(rows.rename(columns={model: "predicted"}), scheme)


def calibration_rows(rows, scheme):
    """The columns that calibrate, `group` among them."""
    rows = rows.assign(group=rows[ALL_SCHEMES[scheme].calibration_column])
    return rows[["group", "site_id", "date", *HELD_OUT]].reset_index(drop=True)


def nested_calibrations(errors, scheme, superfolds):
    """One calibration per superfold, from errors at the others.

    Parameters
    ----------
    errors : dict of (int, int) to DataFrame
        By pair of superfolds, the rows of both, predicted without either: `superfold` and what
        :func:`calibration_rows` takes.
    scheme : str
        The scheme.
    superfolds : iterable of int
        Blocks to calibrate; those that no pair holds are left out.

    Returns
    -------
    dict of int to Calibration
    """
    found = {}
    for superfold in superfolds:
        others = [rows[rows["superfold"] != superfold] for pair, rows in errors.items() if superfold in pair]
        if others:
            found[superfold] = Calibration.from_held_out(calibration_rows(pd.concat(others), scheme))
    return found


def nested_intervals(table, calibrations, *, nominal, thresholds=(), period="day"):
    """Intervals and probabilities of held-out rows, each from the calibration of its superfold.

    Parameters
    ----------
    table : DataFrame of n_rows
        `superfold, predicted, scale_low, scale_high` of days or of means over a period.
    calibrations : dict of int to Calibration
        By superfold, see :func:`nested_calibrations`.
    nominal : float
        Level of the intervals.
    thresholds : sequence of float
        Levels that may be exceeded. [µg m⁻³]
    period : {"day", "month", "year"}
        What a row stands for.

    Returns
    -------
    DataFrame of n_rows
        `lower, upper` and a probability for each of `thresholds`; missing where too few groups calibrate.
    """
    columns = ["lower", "upper", *map(exceedance_column, thresholds)]
    found = pd.DataFrame(np.nan, index=table.index, columns=columns)
    for superfold, rows in table.groupby("superfold"):
        if superfold in calibrations:
            calibration = calibrations[superfold]
            described = rows["predicted"].to_numpy(), rows[["scale_low", "scale_high"]].to_numpy()
            found.loc[rows.index, columns[:2]] = calibration.interval(*described, nominal, period)
            found.loc[rows.index, columns[2:]] = calibration.exceedance(*described, thresholds, period)
    return found


#: An error ratio outside to inside needs this many rows on either side.
MIN_ROWS = 20


def score_intervals(table, calibrations, *, nominal, thresholds):
    """Coverage of the intervals of days, months and years, and scores of the probabilities of days.

    Parameters
    ----------
    table : DataFrame of n_rows
        Held-out days of one scheme: place, date, `scheme, superfold, observed, predicted, scale_low,
        scale_high, lower, upper` and a probability for each of `thresholds`. [µg m⁻³]
    calibrations : dict of int to Calibration
        See :func:`airq.validation.evaluation.nested_calibrations`.
    nominal : float
        Level of the intervals.
    thresholds : sequence of float
        Levels that may be exceeded. [µg m⁻³]

    Returns
    -------
    coverage : list of dict
        Records of :func:`airq.validation.scores.coverage_table` with their `scheme`.
    exceedance : list of dict
        Records of :func:`airq.validation.scores.exceedance_scores` with their `scheme`.
    reliable : DataFrame
        See :func:`airq.validation.scores.reliability`.
    """
    scheme = table["scheme"].iloc[0]
    table = table.assign(group=table[ALL_SCHEMES[scheme].calibration_column])
    coverage = []
    for period in PERIODS:
        rows = table if period == "day" else _means(table, calibrations, nominal, period)
        coverage += coverage_table(rows, nominal, period=period)
    probability = table[[exceedance_column(limit) for limit in thresholds]].to_numpy()
    exceedance = exceedance_scores(table["observed"], probability, thresholds)
    reliable = reliability(table["observed"], probability, thresholds, table["group"])
    return _of(scheme, coverage), _of(scheme, exceedance), reliable.assign(scheme=scheme)


def score_calibration(table, calibration, *, nominal, thresholds):
    """The same for rows of places that took no part in one calibration, such as new places of a bundle.

    Parameters
    ----------
    table : DataFrame of n_rows
        As for :func:`score_intervals`, without superfold, intervals and probabilities.
    calibration : Calibration
        What makes all intervals.
    nominal, thresholds
        As for :func:`score_intervals`.

    Returns
    -------
    coverage, exceedance, reliable
        See :func:`score_intervals`; no coverage where too few groups calibrate.
    """
    table, calibrations = table.assign(superfold=0), {0: calibration}
    found = nested_intervals(table, calibrations, nominal=nominal, thresholds=thresholds)
    return score_intervals(table.join(found), calibrations, nominal=nominal, thresholds=thresholds)


def score_applicability(table):
    """Errors inside and outside the domain of training.

    Parameters
    ----------
    table : DataFrame of n_rows
        `city_id, observed, predicted` [µg m⁻³] and `inside_domain`.

    Returns
    -------
    dict
        `outside_share` [1], `rmse_inside, rmse_outside` [µg m⁻³], `outside_ratio` of the two, and
        `outside_ratio_within`, the same with every error divided by the RMSE of its city, so that a
        clean city outside and a dirty one inside do not decide. Missing with fewer than 20 rows a side.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"predicted": [1.0, 3.0] * 20, "inside_domain": [True, False] * 20})
    >>> score_applicability(table.assign(observed=0.0, city_id="a"))["outside_ratio"]
    3.0
    """
    inside = table["inside_domain"].to_numpy(dtype=bool)
    square = np.square(table["predicted"] - table["observed"])
    own = square / square.groupby(table["city_id"]).transform("mean")
    rmse_inside, rmse_outside = _on_either_side(square, inside)
    own_inside, own_outside = _on_either_side(own, inside)
    return {
        "outside_share": float(np.mean(~inside)),
        "rmse_inside": rmse_inside,
        "rmse_outside": rmse_outside,
        "outside_ratio": rmse_outside / rmse_inside,
        "outside_ratio_within": own_outside / own_inside,
    }


def interval_figures(coverage):
    """What the record of a scheme tells of its intervals: the figures of the days of all rows."""
    return {name: coverage[0][name] for name in ("level", "coverage", "width", "winkler")}


def _on_either_side(square, inside):
    return [
        float(np.sqrt(square[rows].mean())) if rows.sum() >= MIN_ROWS else np.nan
        for rows in (inside, ~inside)
    ]


def _means(table, calibrations, nominal, period):
    """Means over periods with intervals of their own, never means of daily bounds."""
    means = period_means(table.drop(columns=["lower", "upper"]), period, keys=["group", "site_id"])
    return means.join(nested_intervals(means, calibrations, nominal=nominal, period=period))


def _of(scheme, records):
    return [{"scheme": scheme, **record} for record in records]


@dataclass
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    records : list of dict
        One per scheme and model, see :func:`airq.validation.scores.scores`.
    skipped : dict of str to str
        Scheme -> why the panel cannot support it; ``"scheme/model"`` -> why a model was left out.
    predictions : DataFrame
        One row per scheme and held-out row: keys, `scheme, fold, observed` and a column per model
        [µg m⁻³]; of ours also `scale_low, scale_high, lower, upper` [µg m⁻³], `dissimilarity`,
        `inside_domain` and the probabilities `p_above_…`.
    coverage, exceedance : list of dict
        How intervals and probabilities of ours did, see :func:`airq.validation.evaluation.score_intervals`.
    reliability : DataFrame
        How often thresholds were exceeded, by probability.
    """

    records: list = field(default_factory=list)
    skipped: dict = field(default_factory=dict)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    coverage: list = field(default_factory=list)
    exceedance: list = field(default_factory=list)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)


class Job(NamedTuple):
    """One fit: a split of the panel, the rows that judge, and whose predictor is fitted."""

    scheme: str
    number: int | tuple[int, int]
    split: Fold | PairFold
    rows: np.ndarray
    model: str

    @property
    def key(self):
        """What tells it from the others."""
        return self.scheme, self.number, self.model


def plan_folds(panel, schemes, **options):
    """Folds of every scheme that the panel supports, and the reasons for the others.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    schemes : sequence of str
        Names from :data:`airq.validation.splitters.SCHEMES`.
    **options
        Passed to :func:`airq.validation.splitters.make_folds`.

    Returns
    -------
    folds : dict of str to list of Fold
    skipped : dict of str to str
    """
    folds, skipped = {}, {}
    check_schemes(schemes)
    one_site_a_city = panel["site_id"].nunique() == panel["city_id"].nunique()
    few_countries = panel.loc[panel[TARGET].notna(), "country"].nunique() <= N_FOLDS
    for scheme in dict.fromkeys(schemes):
        if scheme == "site" and "city" in schemes and one_site_a_city:
            skipped[scheme] = "every city has one site, so it would repeat the city split"
            continue
        if scheme == "leave-country-out" and "country" in schemes and few_countries:
            skipped[scheme] = f"with {N_FOLDS} countries or fewer it would repeat the country split"
            continue
        try:
            folds[scheme] = make_folds(panel, scheme, **options)
        except UnsupportedScheme as reason:
            skipped[scheme] = str(reason)
    return folds, skipped


def evaluate(panel, candidates, folds, *, intervals=None, n_jobs=1, advance=None):
    """Judge candidates on the same folds.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    candidates : dict of str to callable
        Name -> function that makes a fresh predictor.
    folds : dict of str to list of Fold
        From :func:`plan_folds`.
    intervals : float, optional
        Level of the intervals of ours, which need a fit for every pair of folds, see
        :mod:`airq.validation.evaluation`; none by default.
    n_jobs : int
        Number of processes; each fits with one thread. Results do not depend on it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.

    Returns
    -------
    Evaluation
        Without the schemes that were skipped before.
    """
    jobs = [
        Job(scheme, fold.number, fold, fold.test, name)
        for scheme, listed in folds.items()
        for fold in listed
        for name in candidates
    ]
    calibrated = [scheme for scheme in folds if scheme != "random" and intervals and OURS in candidates]
    pairs = {scheme: pair_folds(panel, folds[scheme]) for scheme in calibrated}
    jobs += [_pair_job(scheme, pair) for scheme, (listed, _) in pairs.items() for pair in listed]
    # The slowest first, so that no process is left alone with one at the end.
    jobs.sort(key=lambda job: job.model != OURS)
    tasks = (joblib.delayed(_held_out)(panel, job, candidates[job.model]) for job in jobs)
    held_out = {}
    with workers(n_jobs, return_as="generator_unordered", max_nbytes=None) as run:
        for done, (key, values) in enumerate(run(tasks), start=1):
            held_out[key] = values
            if advance is not None:
                advance(done, len(jobs), f"{key[0]}: {key[2]}")
    return _summary(panel, candidates, folds, held_out, pairs, intervals)


def judge(panel, predicted, *, scheme, model, **facts):
    """The record of one set of predictions that nothing was fitted for.

    Parameters
    ----------
    panel : DataFrame of n_samples rows
        Rows with an observed `pm25`.
    predicted : array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]
    scheme, model : str
        What to call them.
    **facts
        Further entries.
    """
    origin = panel_metadata(panel).pm25_origin
    return {
        "scheme": scheme,
        "model": model,
        **facts,
        **scores(panel, predicted),
        "pm25_origin": origin,
    }


def _pair_job(scheme, pair):
    return Job(scheme, (pair.first, pair.second), pair, pair.test, OURS)


def _held_out(panel, job, candidate):
    """What a fresh predictor says of the rows that judge: a DataFrame, or why it cannot be fitted."""
    predictor, training = candidate(), job.split.training_panel(panel)
    if isinstance(job.split, PairFold):
        # What calibrates are errors; no one asks where these predictors extrapolate.
        predictor.applicability = None
    # A pair may leave too few groups of the scheme; then the inner folds keep what is left together.
    inner = inner_column(job.scheme, training if isinstance(job.split, PairFold) else panel)
    try:
        predictor.fit(training, inner)
    except CannotFit as reason:
        return job.key, str(reason)
    rows = _rows_to_predict(panel, job)
    described = describe(predictor, panel.iloc[rows].drop(columns=TARGET).reset_index(drop=True))
    return job.key, described.set_index(rows).loc[job.rows]


def describe(predictor, panel):
    """Predictions as a DataFrame: with their description where the predictor has one."""
    if hasattr(predictor, "describe"):
        return predictor.describe(panel)
    return pd.DataFrame({"pm25": predictor.predict(panel)})


def _rows_to_predict(panel, job):
    """Rows that a user would hand over: all of the held-out places, or the whole table."""
    hidden = np.setdiff1d(np.arange(len(panel)), job.split.visible)
    return hidden if len(hidden) else np.arange(len(panel))


def _summary(panel, candidates, folds, held_out, pairs, nominal):
    evaluation = Evaluation()
    tables = []
    for scheme, listed in folds.items():
        rows = np.concatenate([fold.test for fold in listed])
        part = panel.iloc[rows].reset_index(drop=True)
        table = part[["site_id", "city_id", "city", "country", "latitude", "longitude", "date"]].copy()
        table["scheme"] = scheme
        table["fold"] = np.repeat([fold.number for fold in listed], [len(fold.test) for fold in listed])
        table["observed"] = part[TARGET]
        able = []
        for name in candidates:
            values = [held_out[scheme, fold.number, name] for fold in listed]
            reasons = [value for value in values if isinstance(value, str)]
            if reasons:
                evaluation.skipped[f"{scheme}/{name}"] = reasons[0]
                continue
            described = pd.concat(values, ignore_index=True)
            table[name] = described.pop("pm25")
            if name == OURS:
                table = table.join(described)
            able.append(name)
        records = [_record(scheme, name, part, table, listed) for name in able]
        _compare(records, part, table)
        if OURS in able:
            ours = records[able.index(OURS)]
            table = _describe_ours(evaluation, ours, panel, table, pairs.get(scheme), held_out, nominal)
        evaluation.records += records
        tables.append(table)
    evaluation.predictions = pd.concat(tables, ignore_index=True)
    return evaluation


def _describe_ours(evaluation, record, panel, table, pairs, held_out, nominal):
    """Judge domain and intervals of our predictions; return the table with the intervals."""
    predicted = table.rename(columns={OURS: "predicted"})
    if "inside_domain" in predicted:
        record |= score_applicability(predicted)
    if pairs is None or "scale_low" not in predicted:
        return table
    (listed, superfold), scheme, thresholds = pairs, record["scheme"], exceedance_thresholds()
    predicted["superfold"] = superfold[predicted["fold"]]
    errors = _errors_of_pairs(panel, scheme, listed, held_out)
    calibrations = nested_calibrations(errors, scheme, np.unique(superfold))
    found = nested_intervals(predicted, calibrations, nominal=nominal, thresholds=thresholds)
    if found["lower"].isna().all():
        evaluation.skipped[f"{scheme}/intervals"] = _why_none(calibrations, nominal, scheme)
    coverage, exceedance, reliable = score_intervals(
        predicted.join(found), calibrations, nominal=nominal, thresholds=thresholds
    )
    if coverage:
        record |= interval_figures(coverage)
    evaluation.coverage += coverage
    evaluation.exceedance += exceedance
    evaluation.reliability = pd.concat([evaluation.reliability, reliable], ignore_index=True)
    return table.join(found)


def _errors_of_pairs(panel, scheme, pairs, held_out):
    """Errors of the predictors that left a pair of superfolds out, on the rows of both."""
    errors = {}
    for pair in pairs:
        described = held_out[scheme, (pair.first, pair.second), OURS]
        if not isinstance(described, str):
            rows = panel[["site_id", "city_id", "date", TARGET]].iloc[described.index]
            rows = rows.rename(columns={TARGET: "observed"}).assign(superfold=pair.superfolds)
            described = described.rename(columns={"pm25": "predicted"}).set_index(rows.index)
            errors[pair.first, pair.second] = rows.join(described)
    return errors


def _why_none(calibrations, nominal, scheme):
    if not calibrations:
        return "too few places are left to learn from when two folds are held out"
    largest = max(calibrations.values(), key=lambda calibration: calibration.n_groups())
    return largest.explain(nominal, groups=ALL_SCHEMES[scheme].calibration_groups)


def _record(scheme, name, part, table, listed):
    by_fold = [rmse(group["observed"], group[name]) for _, group in table.groupby("fold") if len(group)]
    return judge(
        part,
        table[name],
        scheme=scheme,
        model=name,
        folds=len(listed),
        groups=sum(len(fold.groups) for fold in listed) or len(part),
        group=SCHEMES[scheme].groups,
        rmse_sd=float(np.std(by_fold, ddof=1)) if len(by_fold) > 1 else np.nan,
    )


def _compare(records, part, table):
    """Add to our record its difference to the best baseline, with an interval over cities."""
    ours = [record for record in records if record["model"] == OURS]
    baselines = [record for record in records if record["model"] != OURS]
    if not ours or not baselines:
        return
    best = min(baselines, key=lambda record: record["rmse"])["model"]
    ours[0].update(best_baseline=best, **bootstrap_difference(part, table[OURS], table[best]))

"""Score several models on the same folds, with intervals that are calibrated inside every fold.

A *candidate* is a function without arguments that makes a fresh predictor: an object with
``fit(panel, groups)`` and ``predict(panel)``, see :mod:`airq.models.predictor` and
:mod:`airq.models.baselines`. A *described* candidate also has ``describe(panel)``: its predictions come with
a residual scale and the area of applicability, so its intervals and probabilities are scored, too.

Intervals are nested. The rows of fold *k* are predicted by a model that left fold *k* out; their intervals
are calibrated on the errors in every other fold *j* of models that left out both *j* and *k*. So a held-out
city has touched neither its prediction, nor the residual scale, nor the errors that its interval is made of:
what is scored is a whole bundle, intervals included.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import joblib
import numpy as np
import pandas as pd

from airq.models import OURS
from airq.models.boosters import CannotFit
from airq.models.intervals import HELD_OUT, PERIODS, Calibration, period_means
from airq.panel import PLACE, TARGET, panel_metadata
from airq.parallel import opened, shared, workers
from airq.units import exceedance_column, exceedance_thresholds
from airq.validation.parts import error_by_distance, expected_error, skill_by_part
from airq.validation.proximity import Proximity, training_distances
from airq.validation.schemes import ALL_SCHEMES, SCHEMES, check_schemes
from airq.validation.scores import (
    bootstrap_difference,
    coverage_table,
    exceedance_scores,
    group_numbers,
    reliability,
    rmse,
    scores,
)
from airq.validation.splitters import (
    N_FOLDS,
    PairFold,
    UnsupportedScheme,
    inner_column,
    make_folds,
    pair_folds,
)

#: An error ratio outside to inside needs this many rows on either side.
MIN_ROWS = 20
#: Entries of a record that differ between two runs of the same evaluation. [s]
SECONDS = ("seconds", "seconds_intervals")


@dataclass
class HeldOutScores:
    """Scores of models on held-out rows.

    Attributes
    ----------
    records : list of dict
        One per scheme and model, see :func:`airq.validation.scores.scores`. `seconds` is the processor time
        of all fits and predictions of the model, `seconds_intervals` that of those that only calibrate
        intervals; of the repeats `repeats, ranked_first, rmse_low` and more, see
        :func:`airq.validation.repeats.mean_of_repeats`.
    skipped : dict of str to str
        Scheme -> why the panel cannot support it; ``"scheme/model"`` -> why a model was left out.
    predictions : DataFrame
        One row per repeat, scheme and held-out row: keys, `repeat, scheme, fold, distance_km` (to the nearest
        site to learn from), `observed` and a column per model [µg m⁻³]; of the first described model also
        `scale_low, scale_high, lower, upper` [µg m⁻³], `dissimilarity`, `inside_domain` and the probabilities
        `p_above_…`; of other described models the same with their name and an underscore in front.
    coverage_records, exceedance_records : list of dict
        Scores of intervals and probabilities, by `model`, see :func:`score_intervals`.
    reliability : DataFrame
        How often thresholds were exceeded, by `model` and probability.
    described : tuple of str
        Names of the models with intervals, the first of which has no prefix in `predictions`.
    parts, distance_records : list of dict
        Errors and skill by part of the rows, see :func:`airq.validation.parts.skill_by_part`, and by distance
        from training, see :func:`airq.validation.parts.error_by_distance`, both after :meth:`add_parts`.
    proximity : Proximity, optional
        How far given cities to predict lie from training, beside the schemes.
    """

    records: list = field(default_factory=list)
    skipped: dict = field(default_factory=dict)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    coverage_records: list = field(default_factory=list)
    exceedance_records: list = field(default_factory=list)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    described: tuple = ()
    parts: list = field(default_factory=list)
    distance_records: list = field(default_factory=list)
    proximity: Proximity | None = None

    @property
    def first_repeat(self):
        """Return the held-out predictions of the first repeat: every row once per scheme."""
        if "repeat" not in self.predictions:
            return self.predictions
        return self.predictions[self.predictions["repeat"] == 0]

    @property
    def city_records(self):
        """Return the error to expect at the cities to predict, a record per scheme and described model.

        They are those of :func:`airq.validation.parts.expected_error`; the scheme whose distances are most
        like those of the cities comes first.
        """
        if self.proximity is None:
            return []
        distance = self.proximity.cities["distance_km"]
        records = []
        for scheme in (one["scheme"] for one in self.proximity.records):
            for model in self.described:
                by_distance = [
                    one for one in self.distance_records if (one["scheme"], one["model"]) == (scheme, model)
                ]
                records += [expected_error(distance, by_distance)] if by_distance else []
        return records

    def add_parts(self):
        """Add errors and skill by part of the held-out rows and by distance, of all repeats together."""
        for record in self.records:
            scheme, model = record["scheme"], record["model"]
            rows = self.predictions[self.predictions["scheme"] == scheme].dropna(subset=[model])
            prefix = None
            if model in self.described:
                self.parts += skill_by_part(rows, scheme, model, record.get("best_baseline"))
                prefix = "" if model == self.described[0] else f"{model}_"
            if SCHEMES[scheme].places:
                self.distance_records += error_by_distance(rows, scheme, model, prefix=prefix)

    def add_intervals(self, record, coverage, exceedance, reliable):
        """Add the scores of one model's intervals, as :func:`score_intervals` returns them.

        The figures of days go into the model's record, too.
        """
        if coverage:
            record |= {name: coverage[0][name] for name in ("level", "coverage", "width", "winkler")}
        model = {"model": record["model"]}
        self.coverage_records += [model | one for one in coverage]
        self.exceedance_records += [model | one for one in exceedance]
        self.reliability = pd.concat([self.reliability, reliable.assign(**model)], ignore_index=True)


def plan_folds(panel, schemes, **options):
    """Return the folds of every scheme that the panel supports, and the reasons for the others.

    Both are dictionaries by scheme. `options` are those of :func:`airq.validation.splitters.make_folds`.
    ValueError is raised if the panel supports none of the schemes, with the reason of each.
    """
    folds, skipped = {}, {}
    check_schemes(schemes)
    one_site_a_city = panel["site_id"].nunique() == panel["city_id"].nunique()
    few_countries = panel.loc[panel[TARGET].notna(), "country"].nunique() <= N_FOLDS
    for scheme in dict.fromkeys(schemes):
        if scheme == "site" and "city" in schemes and one_site_a_city:
            skipped[scheme] = "every city has one site, so it would repeat the city split"
        elif scheme == "leave-country-out" and "country" in schemes and few_countries:
            skipped[scheme] = f"with {N_FOLDS} countries or fewer it would repeat the country split"
        else:
            try:
                folds[scheme] = make_folds(panel, scheme, **options)
            except UnsupportedScheme as reason:
                skipped[scheme] = str(reason)
    if not schemes:
        raise ValueError(f"Name at least one scheme of {', '.join(SCHEMES)}.")
    if not folds:
        reasons = "; ".join(f"no {scheme} split, because {reason}" for scheme, reason in skipped.items())
        raise ValueError(f"The panel cannot be split: {reasons}.")
    return folds, skipped


def score_candidates(panel, candidates, folds, *, described=(OURS,), nominal=None, n_jobs=1, advance=None):
    """Score candidates on the same folds, as :class:`HeldOutScores`.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    candidates : dict of str to callable
        Name -> function that makes a fresh predictor.
    folds : dict of str to list of Fold
        From :func:`plan_folds`.
    described : sequence of str
        Names of the candidates that have ``describe``; the others are baselines.
    nominal : float, optional
        Coverage of the intervals of described candidates, which need a fit for every pair of folds; no
        intervals by default.
    n_jobs : int
        Number of processes; each fits with one thread. Results do not depend on it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.
    """
    described = tuple(name for name in described if name in candidates)
    calibrated = [scheme for scheme in folds if scheme != "random" and nominal and described]
    pairs = {scheme: pair_folds(panel, folds[scheme]) for scheme in calibrated}
    fits = [(fold, name) for listed in folds.values() for fold in listed for name in candidates]
    fits += [(pair, name) for listed, _ in pairs.values() for pair in listed for name in described]
    # The slowest first, so that no process is left alone with one at the end.
    fits.sort(key=lambda fit: fit[1] not in described)
    held_out, seconds = {}, {}
    with (
        shared(panel, n_jobs) as given,
        workers(n_jobs, return_as="generator_unordered", max_nbytes=None) as run,
    ):
        tasks = (joblib.delayed(_held_out)(given, fold, name, candidates[name]) for fold, name in fits)
        for done, (key, values, spent) in enumerate(run(tasks), start=1):
            held_out[key], seconds[key] = values, spent
            if advance is not None:
                advance(done, len(fits), f"{key[0]}: {key[2]}")
    result = HeldOutScores(described=described)
    tables = [
        _score_scheme(result, panel, candidates, listed, held_out, pairs.get(scheme), described, nominal)
        for scheme, listed in folds.items()
    ]
    result.predictions = pd.concat(tables, ignore_index=True)
    _add_seconds(result.records, seconds)
    return result


def _add_seconds(records, seconds):
    """Add the processor time [s] of the fits of every record's model, that of pairs of folds apart."""
    for record in records:
        own = {
            key[1]: spent for key, spent in seconds.items() if key[::2] == (record["scheme"], record["model"])
        }
        of_pairs = [spent for number, spent in own.items() if isinstance(number, tuple)]
        record["seconds"] = sum(own.values()) - sum(of_pairs)
        if of_pairs:
            record["seconds_intervals"] = sum(of_pairs)


def score_predictions(panel, predicted, *, scheme, model, **entries):
    """Return the record of predictions [µg m⁻³] of a panel's rows, all of which have an observed `pm25`.

    It holds scheme, model and further entries, then the figures of :func:`airq.validation.scores.scores`.
    """
    origin = panel_metadata(panel).pm25_origin
    return {"scheme": scheme, "model": model, **entries, **scores(panel, predicted), "pm25_origin": origin}


def _held_out(panel, fold, name, candidate):
    """Return the key of a fit, its predictions of the rows to score or why it failed, and its seconds."""
    begun = time.process_time()
    try:
        values = _predicted(opened(panel), fold, candidate)
    except CannotFit as reason:
        values = str(reason)
    return (fold.scheme, fold.number, name), values, time.process_time() - begun


def _predicted(panel, fold, candidate):
    """Fit a candidate on what a fold leaves, and return its predictions of the rows to score."""
    predictor, training = candidate(), fold.training_panel(panel)
    of_pair = isinstance(fold, PairFold)
    if of_pair:
        # These predictors calibrate: their errors are needed, not where they extrapolate.
        predictor.applicability = None
    # A pair may leave too few groups of the scheme; then the inner folds keep what is left together.
    predictor.fit(training, inner_column(fold.scheme, training if of_pair else panel))
    # The rows that a user would hand over: all of the held-out places, or the whole table.
    hidden = np.setdiff1d(np.arange(len(panel)), fold.visible)
    rows = hidden if len(hidden) else np.arange(len(panel))
    visible = panel.iloc[rows].drop(columns=TARGET).reset_index(drop=True)
    if hasattr(predictor, "describe"):
        predicted = predictor.describe(visible)
    else:
        predicted = pd.DataFrame({"pm25": predictor.predict(visible)})
    return predicted.set_index(rows).loc[fold.test]


def _score_scheme(result, panel, candidates, folds, held_out, pairs, described, nominal):
    """Add the scores of one scheme to the result; return its held-out predictions."""
    scheme = folds[0].scheme
    rows = panel.iloc[np.concatenate([fold.test for fold in folds])].reset_index(drop=True)
    table = rows[[*PLACE, "date"]].copy()
    table["repeat"] = 0
    table["scheme"] = scheme
    table["fold"] = np.repeat([fold.number for fold in folds], [len(fold.test) for fold in folds])
    table["distance_km"] = training_distances(panel, folds)
    table["observed"] = rows[TARGET]
    records, descriptions = {}, {}
    for name in candidates:
        values = [held_out[scheme, fold.number, name] for fold in folds]
        if reasons := [value for value in values if isinstance(value, str)]:
            result.skipped[f"{scheme}/{name}"] = reasons[0]
            continue
        description = pd.concat(values, ignore_index=True)
        table[name] = description.pop("pm25")
        records[name] = _record(scheme, name, rows, table, folds)
        if name in described:
            descriptions[name] = description
    for name, description in descriptions.items():
        _compare(records, name, described, rows, table)
        columns = _score_description(
            result, records[name], panel, table, description, pairs, held_out, nominal
        )
        table = table.join(columns if name == described[0] else columns.add_prefix(f"{name}_"))
    result.records += records.values()
    return table


def _record(scheme, name, rows, table, folds):
    by_fold = [rmse(group["observed"], group[name]) for _, group in table.groupby("fold") if len(group)]
    return score_predictions(
        rows,
        table[name],
        scheme=scheme,
        model=name,
        folds=len(folds),
        groups=sum(len(fold.groups) for fold in folds) or len(rows),
        group=SCHEMES[scheme].groups,
        rmse_sd=float(np.std(by_fold, ddof=1)) if len(by_fold) > 1 else np.nan,
    )


def _compare(records, name, described, rows, table):
    """Add a model's difference to the best baseline, with an interval over cities.

    Without baselines, later models are compared with the first.
    """
    others = [other for other in records if other not in described]
    others = others or [other for other in described[:1] if other != name and other in records]
    if others:
        best = min(others, key=lambda other: records[other]["rmse"])
        difference = bootstrap_difference(rows, table[name], table[best])
        records[name].update(best_baseline=best, **difference)


def _score_description(result, record, panel, table, description, pairs, held_out, nominal):
    """Score area of applicability and intervals of a model; return its description with the intervals."""
    name, scheme = record["model"], record["scheme"]
    shared = table[[*PLACE, "date", "scheme", "fold", "observed"]]
    predicted = shared.assign(predicted=table[name]).join(description)
    if "inside_domain" in predicted:
        record |= score_applicability(predicted)
    if pairs is None or "scale_low" not in predicted:
        return description
    listed, superfold = pairs
    predicted["superfold"] = superfold[predicted["fold"]]
    errors = _errors_of_pairs(panel, scheme, name, listed, held_out)
    calibrations = nested_calibrations(errors, scheme, np.unique(superfold))
    asked = {"nominal": nominal, "thresholds": exceedance_thresholds()}
    intervals = nested_intervals(predicted, calibrations, **asked)
    if intervals["lower"].isna().all():
        key = f"{scheme}/intervals" if name == OURS else f"{scheme}/{name}/intervals"
        result.skipped[key] = "too few places are left to learn from when two folds are held out"
        if calibrations:
            largest = max(calibrations.values(), key=lambda calibration: calibration.n_groups())
            result.skipped[key] = largest.explain(nominal, groups=SCHEMES[scheme].calibration_groups)
    result.add_intervals(record, *score_intervals(predicted.join(intervals), calibrations, **asked))
    return description.join(intervals)


def _errors_of_pairs(panel, scheme, name, pairs, held_out):
    """Return the errors of the predictors that left a pair of superfolds out, on the rows of both."""
    errors = {}
    for pair in pairs:
        described = held_out[scheme, pair.number, name]
        if not isinstance(described, str):
            rows = panel[["site_id", "city_id", "date", TARGET]].iloc[described.index]
            rows = rows.rename(columns={TARGET: "observed"}).assign(superfold=pair.superfolds)
            described = described.rename(columns={"pm25": "predicted"}).set_index(rows.index)
            errors[pair.number] = rows.join(described)
    return errors


def held_out_errors(held_out, scheme, model):
    """Return what :class:`airq.models.intervals.Calibration` learns from, out of held-out predictions.

    `held_out` must hold the scheme and the described model. The columns are those of
    :func:`calibration_rows`.
    """
    rows = held_out.first_repeat
    rows = rows[rows["scheme"] == scheme]
    if model != held_out.described[0]:
        own = {f"{model}_{name}": name for name in ("scale_low", "scale_high")}
        rows = rows.drop(columns=own.values(), errors="ignore").rename(columns=own)
    return calibration_rows(rows.rename(columns={model: "predicted"}), scheme)


def calibration_rows(rows, scheme):
    """Return the columns that calibrate, `group, site_id, date` and :data:`HELD_OUT`."""
    rows = rows.assign(group=rows[ALL_SCHEMES[scheme].calibration_column])
    return rows[["group", "site_id", "date", *HELD_OUT]].reset_index(drop=True)


def nested_calibrations(errors, scheme, superfolds):
    """Return one calibration per superfold, from the errors in the others.

    `errors` holds by pair of superfolds the rows of both, predicted without either: `superfold` and what
    :func:`calibration_rows` takes. Superfolds that no pair holds are left out.
    """
    calibrations = {}
    for superfold in superfolds:
        others = [rows[rows["superfold"] != superfold] for pair, rows in errors.items() if superfold in pair]
        if others:
            calibrations[superfold] = Calibration.from_held_out(calibration_rows(pd.concat(others), scheme))
    return calibrations


def nested_intervals(table, calibrations, *, nominal, thresholds=(), period="day"):
    """Return intervals and probabilities of held-out rows, each from the calibration of its superfold.

    `table` holds `superfold, predicted, scale_low, scale_high` [µg m⁻³] of days, or of means over a `period`
    (day, month, year); `calibrations` come from :func:`nested_calibrations`. The DataFrame of n_rows has
    `lower, upper` [µg m⁻³] of the coverage `nominal`, and a probability for each threshold [µg m⁻³]; NaN
    where too few groups calibrate.
    """
    columns = ["lower", "upper", *map(exceedance_column, thresholds)]
    intervals = pd.DataFrame(np.nan, index=table.index, columns=columns)
    for superfold, rows in table[["superfold", *HELD_OUT[1:]]].groupby("superfold"):
        if superfold in calibrations:
            calibration = calibrations[superfold]
            described = rows["predicted"].to_numpy(), rows[["scale_low", "scale_high"]].to_numpy()
            intervals.loc[rows.index, columns[:2]] = calibration.interval(*described, nominal, period)
            intervals.loc[rows.index, columns[2:]] = calibration.exceedance(*described, thresholds, period)
    return intervals


def score_intervals(table, calibrations, *, nominal, thresholds):
    """Score the intervals of days, months and years, and the probabilities of days.

    `table` holds days of one scheme: place, date, `scheme, superfold, observed, predicted, scale_low,
    scale_high, lower, upper` [µg m⁻³] and a probability for each of the `thresholds` [µg m⁻³], which is
    computed where it is not there; `calibrations` come from :func:`nested_calibrations`, `nominal` is the
    coverage of the intervals.

    Returns
    -------
    coverage : list of dict
        Records of :func:`airq.validation.scores.coverage_table` with their `scheme`; none where too few
        groups calibrate.
    exceedance : list of dict
        Records of :func:`airq.validation.scores.exceedance_scores` with their `scheme`.
    reliable : DataFrame
        See :func:`airq.validation.scores.reliability`.
    """
    scheme = table["scheme"].iloc[0]
    table = table.assign(group=table[ALL_SCHEMES[scheme].calibration_column])
    coverage = _coverage(table, calibrations, nominal)
    exceedance, reliable, groups = [], [], group_numbers(table["group"])
    for threshold in thresholds:
        name, probability = exceedance_column(threshold), table
        if name not in table:
            # One after another: all together are larger than the rest of the table.
            asked = {"nominal": nominal, "thresholds": [threshold]}
            probability = nested_intervals(table, calibrations, **asked)
        scored = table["observed"], probability[[name]].to_numpy(), [threshold]
        exceedance += exceedance_scores(*scored)
        reliable.append(reliability(*scored, groups))
    coverage, exceedance = ([{"scheme": scheme, **one} for one in part] for part in (coverage, exceedance))
    return coverage, exceedance, pd.concat(reliable, ignore_index=True).assign(scheme=scheme)


def _coverage(table, calibrations, nominal):
    """Return the records of the coverage of days, months and years."""
    columns = ["group", *PLACE[:4], "date", "superfold", *HELD_OUT]
    coverage = coverage_table(table[[*columns, "lower", "upper"]], nominal)
    for period in PERIODS:
        if period != "day":
            # Means have intervals of their own, never means of daily bounds.
            rows = period_means(table[columns], period, keys=["group", "site_id"])
            rows = rows.join(nested_intervals(rows, calibrations, nominal=nominal, period=period))
            coverage += coverage_table(rows, nominal, period=period)
    return coverage


def score_calibration(table, calibration, *, nominal, thresholds):
    """Score the intervals that one calibration gives to rows of places that took no part in it.

    The arguments are those of :func:`score_intervals`, the table without superfold, intervals and
    probabilities; so are the results.
    """
    table, calibrations = table.assign(superfold=0), {0: calibration}
    intervals = nested_intervals(table, calibrations, nominal=nominal)
    return score_intervals(table.join(intervals), calibrations, nominal=nominal, thresholds=thresholds)


def score_applicability(table):
    """Compare errors inside and outside the area of applicability.

    `table` holds `city_id, observed, predicted` [µg m⁻³] and `inside_domain`. The result has `outside_share`
    [1], `rmse_inside, rmse_outside` [µg m⁻³], `outside_ratio` of the two, and `outside_ratio_within`, the
    same with every error divided by the RMSE of its city, so that a clean city outside and a dirty one inside
    do not decide. NaN with fewer than 20 rows a side.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"predicted": [1.0, 3.0] * 20, "inside_domain": [True, False] * 20})
    >>> score_applicability(table.assign(observed=0.0, city_id="a"))["outside_ratio"]
    3.0
    """
    inside = table["inside_domain"].to_numpy(dtype=bool)
    square = np.square(table["predicted"] - table["observed"])
    own = square / square.groupby(table["city_id"]).transform("mean")
    rmse_inside, rmse_outside, own_inside, own_outside = (
        float(np.sqrt(errors[rows].mean())) if rows.sum() >= MIN_ROWS else np.nan
        for errors in (square, own)
        for rows in (inside, ~inside)
    )
    return {
        "outside_share": float(np.mean(~inside)),
        "rmse_inside": rmse_inside,
        "rmse_outside": rmse_outside,
        "outside_ratio": rmse_outside / rmse_inside,
        "outside_ratio_within": own_outside / own_inside,
    }

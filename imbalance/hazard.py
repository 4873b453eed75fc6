"""High-pollution days as a rare class: what catches them in places without a sensor, and at what price.

A day is hazardous where PM2.5 lies above a level [µg m⁻³]. Whole cities or sites are held out, and
thresholds are chosen on inner held-out groups of the training rows: the rate of false alarms that was
asked for and the one that new places get are two figures, both shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.metrics import confusion_matrix

from airq.panel import KEYS, TARGET, feature_columns, origin_label, origin_warnings, panel_metadata
from airq.units import AQI_CLASSES, PM25_UNIT, aqi_class
from airq.validation.schemes import SCHEMES
from airq.validation.scores import AQI_TABLE
from imbalance.comparison.runs import claim_folder, versions
from imbalance.hazard_fits import held_out_scores, panel_mark, recipe_for
from imbalance.hazard_methods import BOOSTER, ROUNDS, chosen_methods
from imbalance.hazard_panel import (
    N_FOLDS,
    N_INNER,
    check_level,
    group_by,
    hazardous_rows,
)
from imbalance.hazard_scores import BASELINE, alarm_curve, judge_alarms, judge_methods

#: False alarms asked for, as shares of the days that are not hazardous.
RATES = (0.01, 0.05, 0.10)
#: Folder of the finished fits, and the file in it that says what they are fits of.
PARTS, RUN = "parts", "run.json"


@dataclass
class HazardComparison:
    """What a comparison found.

    Attributes
    ----------
    scores : DataFrame
        A row per method, rule and fold, see :func:`imbalance.hazard_scores.judge_alarms`.
    table : DataFrame
        A row per method and rule: recall, false alarms and precision on the held-out rows.
    methods : DataFrame
        A row per method: average precision, log loss, Brier score, RMSE.
    curve : DataFrame
        Recall and false alarms as the threshold moves.
    confusion : DataFrame
        Rows by observed and predicted AQI class of the mean regression, shape (6, 6); empty without it.
    held_out : DataFrame
        Keys, `fold`, `observed` [µg m⁻³], `hazardous`, and the score that each method gave.
    settings : dict
        The question, the counts, and what was run.
    skipped : dict of str to str
        Method -> why it was left out.
    notes : dict of str to list of str
        Method -> what had to be changed to fit it.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    methods: pd.DataFrame
    curve: pd.DataFrame
    confusion: pd.DataFrame
    held_out: pd.DataFrame
    settings: dict
    skipped: dict
    notes: dict


def compare_hazard(
    panel,
    above,
    *,
    group="auto",
    methods=None,
    rates=RATES,
    n_folds=N_FOLDS,
    recipe="retrospective",
    seed=0,
    n_jobs=1,
    out=None,
    advance=None,
):
    """Compare ways to catch the days on which PM2.5 lies above a level, in held-out places.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets, see :func:`airq.panel.check_panel`.
    above : float
        Level; a day is hazardous where PM2.5 exceeds it. [µg m⁻³]
    group : {"auto", "city", "site"}
        What is held out. By itself cities, where there are five or more and none holds more than half
        of the rows; else sites.
    methods : sequence of str, optional
        Names, see :func:`imbalance.hazard_methods.chosen_methods`.
    rates : sequence of float
        False alarms to ask for, as shares of the days that are not hazardous.
    n_folds, recipe, seed, n_jobs, advance
        As in :func:`imbalance.hazard_fits.held_out_scores`.
    out : str or Path, optional
        Folder for finished fits, by which an interrupted comparison goes on.

    Returns
    -------
    HazardComparison

    Raises
    ------
    ValueError
        If fewer than five groups, or fewer than folds, reach the level, with the counts; if the class
        above it is not the rare one; if a method is unknown, or none can be fitted; if `out` holds fits
        of another question.
    OSError
        If `out` holds something else or cannot be written.
    """
    chosen, rates = chosen_methods(methods), check_rates(rates)
    group = check_question(panel, above, group=group, n_folds=n_folds)
    question = {"above": float(above), "group": group, "folds": n_folds, "recipe": recipe, "seed": seed}
    held_out, skipped, notes = held_out_scores(
        panel,
        above,
        chosen,
        group=group,
        n_folds=n_folds,
        recipe=recipe,
        seed=seed,
        n_jobs=n_jobs,
        folder=None if out is None else _claimed(out, panel, question),
        advance=advance,
    )
    able = {name: method for name, method in chosen.items() if name not in skipped}
    if not able:
        name, reason = next(iter(skipped.items()))
        raise ValueError(f"No method can learn from these rows; {name}: {reason}")
    hazardous = hazardous_rows(panel, above)
    groups = pd.factorize(panel[SCHEMES[group].column].where(panel[TARGET].notna()), sort=True)[0]
    judged = {"hazardous": hazardous, "groups": groups, "above": above, "seed": seed}
    scores, table = judge_alarms(held_out, able, rates=rates, **judged)
    rows = _table_of_rows(panel, held_out, able, hazardous)
    return HazardComparison(
        scores,
        table,
        judge_methods(held_out, able, panel[TARGET].to_numpy(dtype="float64"), **judged),
        alarm_curve(held_out, able, hazardous),
        class_confusion(rows["observed"], rows[BASELINE]) if BASELINE in able else pd.DataFrame(),
        rows,
        {
            **describe(panel, above, group),
            **question,
            "rates": list(rates),
            "inner_folds": N_INNER,
            "looks_ahead": recipe_for(recipe, panel, held_out[0].fold, group).looks_ahead,
            "methods": {name: method.meaning for name, method in able.items()},
            "booster": {**BOOSTER, "rounds": ROUNDS},
            "panel": panel_metadata(panel).to_dict(),
            "versions": versions(),
        },
        skipped,
        {name: said for name, said in notes.items() if said and name in able},
    )


def _claimed(out, panel, question):
    """Folder of the finished fits, refused where they answer another question."""
    facts = {
        **question,
        "rows": panel_mark(panel),
        "inner_folds": N_INNER,
        "booster": {**BOOSTER, "rounds": ROUNDS},
        "versions": versions(),
    }
    claim_folder(out, facts, marker=f"{PARTS}/{RUN}", what="comparison of hazardous days")
    return Path(out) / PARTS


def check_question(panel, above, *, group="auto", n_folds=N_FOLDS):
    """Refuse a panel and level that no comparison can be made of; return the group that is held out.

    Raises
    ------
    ValueError
        See :func:`imbalance.hazard_panel.check_level`; also if the panel has no column to learn from.
    """
    if not feature_columns(panel):
        raise ValueError("The panel has no input column to learn from, only places, days and PM2.5.")
    group = group_by(panel, group)
    check_level(panel, above, group, n_folds)
    return group


def check_rates(rates):
    """Rates of false alarms as a tuple, in order.

    Raises
    ------
    ValueError
        If one is not between 0 and 1, or there is none.

    Examples
    --------
    >>> check_rates([0.1, 0.01])
    (0.01, 0.1)
    """
    wrong = [rate for rate in rates if not 0 < rate < 1]
    if wrong or not len(rates):
        raise ValueError(
            f"Rates of false alarms must lie between 0 and 1, not {wrong[0] if wrong else 'none'}."
        )
    return tuple(sorted(set(rates)))


def class_confusion(observed, predicted):
    """Rows by observed and predicted US AQI class.

    Parameters
    ----------
    observed, predicted : array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]

    Returns
    -------
    DataFrame of int, shape (6, 6)
        Observed classes in rows, predicted ones in columns.

    Examples
    --------
    >>> int(class_confusion([300.0, 5.0], [60.0, 5.0]).loc["Hazardous", "Unhealthy"])
    1
    """
    counts = confusion_matrix(
        aqi_class(observed, AQI_TABLE), aqi_class(predicted, AQI_TABLE), labels=range(len(AQI_CLASSES))
    )
    names = list(AQI_CLASSES)
    return pd.DataFrame(counts, index=pd.Index(names, name="observed"), columns=names)


def describe(panel, above, group):
    """The question and the counts behind it."""
    labelled = panel[panel[TARGET].notna()]
    hazardous = hazardous_rows(labelled, above)
    column, metadata = SCHEMES[group].column, panel_metadata(panel)
    return {
        "data": origin_label(metadata),
        "warnings": origin_warnings(metadata),
        "above": above,
        "unit": PM25_UNIT,
        "group": group,
        "groups": int(labelled[column].nunique()),
        "groups_that_reach": int(labelled.loc[hazardous, column].nunique()),
        "rows": len(labelled),
        "hazardous": int(hazardous.sum()),
        "share": float(hazardous.mean()),
        "first_day": f"{labelled['date'].min():%Y-%m-%d}",
        "last_day": f"{labelled['date'].max():%Y-%m-%d}",
        "aqi_table": AQI_TABLE,
    }


def _table_of_rows(panel, held_out, methods, hazardous):
    tables = []
    for part in held_out:
        test = part.fold.test
        table = panel.iloc[test][[*dict.fromkeys([*KEYS, "city_id", "country"])]].copy()
        table["fold"], table["observed"] = part.fold.number, panel[TARGET].iloc[test]
        table["hazardous"] = hazardous[test]
        for name in methods:
            table[name] = part.outer[name].astype("float32")
        tables.append(table)
    return pd.concat(tables, ignore_index=True).sort_values(KEYS, ignore_index=True)

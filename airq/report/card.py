"""Words and tables about a predictor: the card of a bundle and the text of an evaluation."""

from __future__ import annotations

import math

from airq.models import OURS
from airq.panel import MEDIAN_WARNING, PanelMetadata, origin_warning
from airq.report.words import (
    ORIGINS,
    PARTS,
    PICTURES,
    applicability_sentences,
    coverage_rows,
    coverage_sentences,
    exceedance_rows,
    markdown_table,
    uncertainty_section,
)
from airq.validation.schemes import ALL_SCHEMES

#: Column of the table -> (heading, decimals); shares are given in percent.
FIGURES = {
    "scheme": ("scheme", None),
    "model": ("model", None),
    "folds": ("folds", 0),
    "groups": ("held out", None),
    "n": ("rows", 0),
    "rmse": ("RMSE", 2),
    "rmse_sd": ("± folds", 2),
    "mae": ("MAE", 2),
    "bias": ("bias", 2),
    "r2": ("R²", 3),
    "aqi_right": ("AQI class right", 0),
    "aqi_within_one": ("within one", 0),
    "rmse_smoothed10": ("RMSE 10 d", 2),
    "coverage": ("coverage", 0),
    "width": ("width", 1),
    "worst_city": ("worst city", None),
    "worst_city_rmse": ("its RMSE", 2),
}
SHARES = ("aqi_right", "aqi_within_one", "coverage")
#: What fits into a terminal.
NARROW = {
    "scheme": "scheme",
    "model": "model",
    "n": "rows",
    "rmse": "RMSE",
    "rmse_sd": "±",
    "mae": "MAE",
    "bias": "bias",
    "r2": "R²",
    "aqi_right": "class",
    "aqi_within_one": "±1",
    "rmse_smoothed10": "10 d",
    "worst_city_rmse": "worst",
    "coverage": "cover",
    "width": "width",
}
#: Left out in terminals of fewer characters than the key.
SPARE = {115: ("aqi_within_one", "rmse_smoothed10"), 95: ("n", "aqi_right")}


def evaluation_rows(records):
    """Headings and cells of the table of an evaluation, as text."""
    headings = [heading for heading, _ in FIGURES.values()]
    rows = [[_cell(record, name) for name in FIGURES] for record in records]
    return headings, rows


def narrow_rows(records, width):
    """The same for a terminal of so many characters: fewer columns, shorter headings."""
    left_out = [name for limit, names in SPARE.items() if width < limit for name in names]
    names = [name for name in NARROW if name not in left_out]
    return [NARROW[name] for name in names], [[_cell(record, name) for name in names] for record in records]


def evaluation_caption(records):
    """What the figures of an evaluation are: unit, AQI table, kind of validation."""
    if not records:
        return "No evaluation."
    return (
        f"Errors in {records[0]['unit']}, AQI classes by {records[0]['aqi_table']}; the scheme says what was "
        "held out; `default` is the predictor of this package. bias: predicted minus observed; ±: standard "
        "deviation over folds; class, ±1: rows in the right AQI class and within one of it; 10 d: RMSE of "
        "10-day means; worst: RMSE of the worst city."
        + (
            " cover: share of the rows inside our intervals; width: their mean width."
            if any(_finite(record.get("coverage")) for record in records)
            else ""
        )
    )


def comparison_sentences(records):
    """One sentence per scheme on our difference to the best baseline."""
    sentences = []
    for record in records:
        if not record.get("best_baseline"):
            continue
        difference = record["difference"]
        interval = (
            f"95 % interval over {record['resampled']} {record['ci_low']:+.2f} to {record['ci_high']:+.2f}"
            if _finite(record.get("ci_low"))
            else "too few groups for an interval"
        )
        clear = _finite(record.get("ci_low")) and record["ci_low"] * record["ci_high"] > 0
        sentences.append(
            f"{record['scheme']}: RMSE {abs(difference):.2f} {record['unit']} "
            f"{'below' if difference < 0 else 'above'} the best baseline, {record['best_baseline']} "
            f"(default minus baseline: {interval}){'' if clear else ', no clear difference'}."
        )
    return sentences


def validation_sentence(records):
    """How good a bundle's predictions were on held-out places, in a sentence."""
    ours = [record for record in records if record["model"] == OURS and record["scheme"] != "random"]
    if not ours:
        return "This bundle was not validated on held-out places; train it with --scheme to know its error."
    figures = ", ".join(f"{record['rmse']:.2f} {record['unit']} by {record['scheme']}" for record in ours)
    return f"Error of a day on held-out places when it was trained: RMSE {figures}."


def evaluation_markdown(evaluation, metadata):
    """Text of evaluation.md.

    Parameters
    ----------
    evaluation : Evaluation
        See :class:`airq.validation.evaluation.Evaluation`.
    metadata : PanelMetadata
        Facts about the panel.
    """
    records, coverage, exceedance = evaluation.records, evaluation.coverage, evaluation.exceedance
    parts = ["# Evaluation", origin_warning(metadata), _evaluation_section(records, evaluation.skipped)]
    if coverage:
        sentences = "\n".join(f"- {sentence}" for sentence in coverage_sentences(coverage))
        parts += ["## Intervals", sentences, markdown_table(*coverage_rows(coverage, PARTS))]
    if outside := applicability_sentences(records):
        parts += ["## Domain of training", "\n".join(f"- {sentence}" for sentence in outside)]
    if exceedance:
        parts += ["## Probability of a day above a level", markdown_table(*exceedance_rows(exceedance))]
    return "\n\n".join(filter(None, parts)) + "\n"


def write_card(facts):
    """Text of a bundle's card.md, from its facts.

    Parameters
    ----------
    facts : dict
        What `bundle.json` holds.

    Returns
    -------
    str
        Markdown.
    """
    metadata = PanelMetadata.from_dict(facts["panel"])
    sections = [
        "# Predictor of daily PM2.5",
        origin_warning(metadata) and f"**{origin_warning(metadata)}**",
        _data_section(facts, metadata),
        _recipe_section(facts),
        "## How good it is\n\n" + _evaluation_section(facts["evaluation"], facts["skipped"]),
        uncertainty_section(facts),
        _pictures_section(facts["pictures"]),
        _limits_section(facts, metadata),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _evaluation_section(records, skipped):
    parts = [evaluation_caption(records)]
    if records:
        parts.append(markdown_table(*evaluation_rows(records)))
        asked = dict.fromkeys(record["scheme"] for record in records)
        parts.append(
            "\n".join(
                f"- *{scheme}*: {ALL_SCHEMES[scheme].question if scheme in ALL_SCHEMES else scheme}."
                for scheme in asked
            )
        )
        parts.append("\n".join(f"- {sentence}" for sentence in comparison_sentences(records)))
    parts.append("\n".join(f"- Left out, {name}: {reason}." for name, reason in skipped.items()))
    return "\n\n".join(filter(None, parts))


def _data_section(facts, metadata):
    data = facts["data"]
    sources = "; ".join(metadata.sources) or "not stated"
    return "\n".join(
        [
            "## What it learned from",
            "",
            f"- PM2.5 [{facts['target']['unit']}], daily {metadata.statistic} of {metadata.day_basis} days, "
            f"from {ORIGINS[metadata.pm25_origin]}.",
            f"- {data['rows']:,} rows with PM2.5 of {data['sites']:,} sites in {data['cities']:,} cities "
            f"and {data['countries']:,} countries, {data['first_day']} to {data['last_day']}.",
            f"- PM2.5 in them: mean {data['pm25_mean']:.1f}, highest {data['pm25_max']:.1f} "
            f"{facts['target']['unit']}.",
            f"- Sources: {sources}.",
            f"- SHA-256 of the data: `{data['hash']}`.",
        ]
    )


def _recipe_section(facts):
    recipe, settings = facts["recipe"], facts["settings"]
    ahead = (
        "It looks ahead: features of a day use later days, so it cannot forecast or run live."
        if facts["looks_ahead"]
        else "It does not look ahead: every feature of a day is known on that day."
    )
    units = facts["panel"]["units"]
    inputs = ", ".join(f"`{name}` [{units.get(name, 'unknown')}]" for name in facts["recipe_inputs"])
    return "\n".join(
        [
            "## How it works",
            "",
            f"- Recipe `{recipe['name']}`: {len(facts['features'])} features from "
            f"{len(facts['recipe_inputs'])} input columns. {ahead}",
            f"- Model `{settings['model']}`, seed {settings['seed']}; inner folds by "
            f"`{settings['inner_groups']}`.",
            f"- Search for parameters: {settings['tuning_trials']} trials on inner folds."
            if settings.get("tuning_trials")
            else "- No search for parameters: the defaults.",
            _kriging_line(facts["estimator"].get("kriging")),
            f"- Inputs: {inputs}.",
        ]
    )


def _kriging_line(kriging):
    if not kriging or kriging["amplitude"] == 0:
        return "- Residuals of the training places are not carried elsewhere."
    return (
        f"- Residuals of the training places are carried to places nearby by kriging: range "
        f"{kriging['parameters']['range_km']:g} km, amplitude {kriging['amplitude']:.2f} of 1."
    )


def _pictures_section(names):
    """The pictures that lie beside the card, with what they show."""
    lines = [
        f"![{PICTURES[kind]}, held out by {scheme}]({name})"
        for kind in PICTURES
        for name in names
        for scheme in [name.removesuffix(".png").removeprefix(f"{kind}_")]
        if name.startswith(f"{kind}_")
    ]
    return "## Pictures\n\n" + "\n\n".join(lines) if lines else ""


def _limits_section(facts, metadata):
    limits = [
        "A prediction for a place is an estimate of what a monitor of the training kind would show there.",
        "Figures by *city* or *site* apply to places like those held out; far from them errors are larger.",
        f"They hold for days from {facts['data']['first_day']} to {facts['data']['last_day']}, when monitors "
        "elsewhere were known; before or after it errors are larger (`airq evaluate --scheme season` tells "
        "by how much for another season).",
    ]
    if facts["uncertainty"]["coverage"]:
        limits.append(
            "Intervals hold for most places like those held out, not for every one: see the worst city."
        )
    if facts["looks_ahead"]:
        limits.append(
            "The last days of a panel lack the later days that features look at; errors grow there."
        )
    if metadata.statistic == "median":
        limits.append(MEDIAN_WARNING)
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _cell(record, name):
    value = record.get(name)
    if name == "groups":
        return f"{record['groups']:,} {record.get('group', 'groups')}"
    if isinstance(value, str):
        return value
    if not _finite(value):
        return ""
    if name in SHARES:
        return f"{100 * value:.0f} %"
    return f"{value:,.{FIGURES[name][1]}f}"


def _finite(value):
    return isinstance(value, (int, float)) and math.isfinite(value)

"""Words and tables about intervals, probabilities and the domain of training."""

from __future__ import annotations

import math

from airq.models.nested import unit_words
from airq.tables import markdown_table

PARTS = {
    "all": "all held-out rows",
    "country": "country",
    "season": "season",
    "predicted_class": "predicted WHO class",
    "observed_class": "observed WHO class (diagnosis only)",
    "worst_city": "worst city",
}
#: Parts that a card lists; the others stand in bundle.json.
ON_THE_CARD = ("all", "country", "season", "predicted_class", "worst_city")


def coverage_rows(records, parts=ON_THE_CARD):
    """Headings and cells of the table of coverage, as text; days, months and years below each other."""
    headings = ["scheme", "period", "part", "", "rows", "places", "coverage", "95 %", "width", "Winkler"]
    rows = [
        [
            record["scheme"],
            record["period"],
            PARTS[record["part"]],
            record["value"],
            f"{record['n']:,}",
            f"{record['units']:,}",
            _percent(record["coverage"]),
            _between(record["ci_low"], record["ci_high"]),
            f"{record['width']:.1f}",
            f"{record['winkler']:.1f}",
        ]
        for record in records
        if record["part"] in parts and (record["period"] == "day" or record["part"] == "all")
    ]
    return headings, rows


def coverage_sentences(records):
    """One sentence per scheme and period on how often intervals held."""
    sentences = []
    for record in records:
        if record["part"] != "all":
            continue
        unit = unit_words(record["scheme"])
        held_out = f"{unit}, their season held out," if record["scheme"] == "season" else f"held-out {unit}"
        between = _between(record["ci_low"], record["ci_high"])
        sentences.append(
            f"{record['scheme']}: {_percent(record['coverage'])} of {record['n']:,} {record['period']}s of "
            f"{record['units']:,} {held_out} lay in their {100 * record['level']:g} % interval"
            f"{f' (95 % interval over {unit} {between})' if between else ''}, which is "
            f"{record['width']:.0f} {record['unit']} wide on average."
            f"{_worst(records, record)}"
        )
    return sentences


def domain_sentences(records):
    """One sentence per scheme on errors outside the domain of training."""
    return [
        f"{record['scheme']}: {_percent(record['outside_share'])} of the held-out rows lie outside the "
        f"domain of training; {_ratio(record)}"
        for record in records
        if record.get("outside_share") is not None
    ]


def exceedance_rows(records):
    """Headings and cells of the table of the probabilities of exceeding a level, as text."""
    headings = ["scheme", "above", "rows", "observed", "predicted", "Brier", "skill"]
    rows = [
        [
            record["scheme"],
            f"{record['threshold']:g} {record['unit']}",
            f"{record['n']:,}",
            _percent(record["frequency"]),
            _percent(record["mean_probability"]),
            f"{record['brier']:.3f}",
            f"{record['skill']:+.2f}" if _finite(record["skill"]) else "",
        ]
        for record in records
    ]
    return headings, rows


def uncertainty_section(facts):
    """The part of a card about intervals, probabilities and the domain, in Markdown."""
    found = facts["uncertainty"]
    parts = ["## How sure it is", *found["promises"]]
    parts.append("\n".join(f"- {sentence}" for sentence in coverage_sentences(found["coverage"])))
    if found["coverage"]:
        parts.append(markdown_table(*coverage_rows(found["coverage"])))
        parts.append(
            "Coverage: share of the rows whose observation lies in its interval; 95 %: its interval, whole "
            f"places resampled; width and Winkler score (lower is better) in {found['coverage'][0]['unit']}. "
            "Every interval was made by predictors that had seen neither what it is for (place, or season of "
            "the place) nor what calibrated it."
        )
    elif len(found["promises"]) > 1:
        parts.append("How often intervals hold at held-out places was not measured.")
    parts.append("\n".join(f"- {sentence}" for sentence in domain_sentences(facts["evaluation"])))
    if facts.get("domain"):
        parts.append(
            "`inside_domain` is false where the inputs are unlike all that training has seen (area of "
            "applicability, Meyer & Pebesma 2021): there the predictor guesses, and neither its error nor "
            "its interval is known. "
            f"{_search_error(facts['domain']['error'])}"
        )
    if found["exceedance"]:
        parts.append(
            "Probability of a day above a level, beside how often it happened at held-out places; the skill "
            "is 1 for perfect probabilities, 0 for the constant frequency:"
        )
        parts.append(markdown_table(*exceedance_rows(found["exceedance"])))
    return "\n\n".join(filter(None, parts))


def _worst(records, record):
    same = ("scheme", "period", "level")
    for other in records:
        if other["part"] == "worst_city" and all(other[name] == record[name] for name in same):
            return f" Worst city: {other['value']}, {_percent(other['coverage'])} of {other['n']:,}."
    return ""


def _ratio(record):
    if not _finite(record.get("outside_ratio")):
        return "too few for an error there."
    text = (
        f"their RMSE is {record['rmse_outside']:.1f} {record['unit']}, {record['outside_ratio']:.2f} times "
        f"that inside ({record['rmse_inside']:.1f})"
    )
    within = record.get("outside_ratio_within")
    if _finite(within):
        text += f"; with every error relative to its own city's, {within:.2f} times"
    if min(record["outside_ratio"], within) < 1:
        text += ". Here the flag says unlike training, not larger error"
    return f"{text}."


def _search_error(error):
    return (
        f"The distance behind it is found by a quick search; on {error['rows']:,} training rows the exact "
        f"search gave the same verdict for {_percent(error['same_verdict'])}."
    )


def _between(low, high):
    return f"{100 * low:.0f}-{100 * high:.0f} %" if _finite(low) and _finite(high) else ""


def _percent(share):
    return f"{100 * share:.0f} %" if _finite(share) else ""


def _finite(value):
    return isinstance(value, (int, float)) and math.isfinite(value)

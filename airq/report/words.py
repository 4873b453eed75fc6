"""Tables as text.

Words and tables about intervals, probabilities and the domain of training.

Words and tables about how far cities to predict lie from training.
"""

from __future__ import annotations

import math

import numpy as np

from airq.validation.proximity import NEAR_KM
from airq.validation.schemes import ALL_SCHEMES, SCHEMES

ORIGINS = {
    "sensor": "monitors",
    "index": "a published air-quality index, inverted",
    "model": "a model's output",
    "simulated": "a simulation",
}

#: What the pictures beside a card show, by the beginning of their names.
PICTURES = {
    "coverage": "Share of the rows inside their interval, all and by part",
    "reliability": "How often a level was exceeded, against the probability that was given",
    "observed": "Predicted against observed PM2.5",
    "map": "Error of every city",
    "classes": "Observed and predicted AQI classes",
}


def markdown_table(headings, rows):
    """A table in Markdown.

    >>> print(markdown_table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return text.replace("| --- ", "|---").replace("--- |", "---|")


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
            f"{record['groups']:,}",
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
        unit = ALL_SCHEMES[record["scheme"]].calibration_groups
        held_out = f"{unit}, their season held out," if record["scheme"] == "season" else f"held-out {unit}"
        between = _between(record["ci_low"], record["ci_high"])
        sentences.append(
            f"{record['scheme']}: {_percent(record['coverage'])} of {record['n']:,} {record['period']}s of "
            f"{record['groups']:,} {held_out} lay in their {100 * record['level']:g} % interval"
            f"{f' (95 % interval over {unit} {between})' if between else ''}, which is "
            f"{record['width']:.0f} {record['unit']} wide on average."
            f"{_worst(records, record)}"
        )
    return sentences


def applicability_sentences(records):
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
    parts.append("\n".join(f"- {sentence}" for sentence in applicability_sentences(facts["evaluation"])))
    if facts.get("applicability"):
        parts.append(
            "`inside_domain` is false where the inputs are unlike all that training has seen (area of "
            "applicability, Meyer & Pebesma 2021): there the predictor guesses, and neither its error nor "
            "its interval is known. "
            f"{_search_error(facts['applicability']['error'])}"
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


#: Lower ends of the bars of the histogram. [km]
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
WIDTH = 24
#: By which factor distances may differ before it is said.
ALIKE = 1.5
N_NAMED = 5


def proximity_records(found):
    """The records of :class:`airq.validation.proximity.Proximity`, each with the facts about the cities."""
    distance = found.cities["distance_km"]
    facts = {
        "cities": len(distance),
        "cities_median_km": float(distance.median()),
        "cities_farthest_km": float(distance.max()),
        "cities_beyond_all": int(found.cities["beyond"].sum()),
    }
    nearest = found.nearest_scheme
    return [{**record, "applies": record is nearest, **facts} for record in found.records]


def proximity_rows(found):
    """Headings and cells of the table of schemes, as text; the cities to predict come first."""
    headings = ["scheme", "places", "10 %", "median", "90 %", "farthest", "differ by", "> 90 %", "> all"]
    distance = found.cities["distance_km"]
    quantiles = [_km(distance.quantile(level)) for level in (0.1, 0.5, 0.9, 1.0)]
    rows = [["cities to predict", f"{len(distance):,}", *quantiles, "", "", ""]]
    for record in found.records:
        figures = [_km(record[name]) for name in ("low_km", "median_km", "high_km", "farthest_km")]
        beyond = [f"{record[name]:,}" for name in ("cities_beyond_most", "cities_beyond")]
        rows.append(
            [record["scheme"], f"{record['sites']:,}", *figures, f"{record['factor']:.1f} times", *beyond]
        )
    return headings, rows


def proximity_caption():
    """What the columns of the table are."""
    return (
        "Distances in km: from the cities to predict to the nearest site with PM2.5, and from the held-out "
        "sites of each scheme to the nearest training site. differ by: factor between the distances of the "
        "cities and of the held-out sites, rank by rank (Wasserstein-1 distance of the logarithms); > 90 %, "
        "> all: cities that lie farther than nine tenths of the held-out sites, and than all of them."
    )


def proximity_sentences(found):
    """What follows from the distances: which scheme applies, how well, and to which cities none does."""
    distance = found.cities["distance_km"]
    sentences = [
        f"{_counted(len(distance), 'city', 'cities')} to predict, {found.n_sites:,} sites with PM2.5: the "
        f"nearest is {_km(distance.median())} km away in the median, {_km(distance.max())} km at most; "
        f"{int((distance < NEAR_KM).sum()):,} of the cities have one within {NEAR_KM:g} km."
    ]
    record = found.nearest_scheme
    if record is None:
        return [*sentences, "The panel supports no scheme that holds places out: no figures speak for them."]
    question = SCHEMES[record["scheme"]].question
    sentences.append(
        f"The figures of the scheme `{record['scheme']}`{f' ({question})' if question else ''} come nearest: "
        f"its held-out sites lie {_km(record['median_km'])} km from training in the median."
    )
    return [*sentences, *_warnings(found, record)]


def _warnings(found, record):
    warnings = []
    if record["farther"] > ALIKE:
        warnings.append(
            f"Yet the cities lie {record['farther']:.1f} times farther (geometric mean) than those sites, "
            f"{record['cities_beyond_most']:,} of {len(found.cities):,} farther than nine tenths of them: "
            "expect larger errors than the figures tell."
        )
    elif record["farther"] < 1 / ALIKE:
        warnings.append(
            f"Yet the cities lie {1 / record['farther']:.1f} times nearer (geometric mean) than those sites: "
            "the figures are on the careful side."
        )
    elif record["factor"] > ALIKE:
        warnings.append(
            f"Yet the distances are spread otherwise, by a factor of {record['factor']:.1f} rank by rank: "
            "some cities are nearer and some farther than the figures assume."
        )
    beyond = found.cities[found.cities["beyond"]].sort_values("distance_km", ascending=False)
    if len(beyond):
        named = [f"{row.city} ({_km(row.distance_km)} km)" for row in beyond.head(N_NAMED).itertuples()]
        more = f" and {len(beyond) - N_NAMED:,} more" if len(beyond) > N_NAMED else ""
        warnings.append(
            f"{_counted(len(beyond), 'city lies', 'cities lie')} farther than any held-out site of any "
            f"scheme ({_km(found.farthest_km)} km), so no scheme speaks for "
            f"{'it' if len(beyond) == 1 else 'them'}: {', '.join(named)}{more}."
        )
    return warnings


def distance_histogram(found):
    """Bars of the cities to predict beside the held-out sites of the scheme that applies, as lines."""
    record = found.nearest_scheme
    columns = {"cities to predict": found.cities["distance_km"].to_numpy()}
    if record is not None:
        columns[f"held out by {record['scheme']}"] = found.held_out[record["scheme"]]
    counts = np.array([np.histogram(values, [*EDGES, np.inf])[0] for values in columns.values()])
    used = np.flatnonzero(counts.sum(axis=0))
    lines = ["".join([f"{'km':>13}", *(f"  {name:<{WIDTH + 6}}" for name in columns)]).rstrip()]
    for bar in range(used[0], used[-1] + 1):
        upper = f"{EDGES[bar + 1]:,}" if bar + 1 < len(EDGES) else "more"
        cells = [_bar(count[bar], count.max()) for count in counts]
        lines.append("".join([f"{EDGES[bar]:>5,} - {upper:>5}", *(f"  {cell}" for cell in cells)]).rstrip())
    return "\n".join(lines)


def proximity_markdown(found):
    """Text of proximity.md."""
    parts = [
        "# Distance from training",
        "\n".join(f"- {sentence}" for sentence in proximity_sentences(found)),
        f"```\n{distance_histogram(found)}\n```",
        markdown_table(*proximity_rows(found)),
        proximity_caption(),
        "\n".join(f"- Left out, {scheme}: {reason}." for scheme, reason in found.skipped.items()),
        "Distance does not say what a city is like; the column `inside_domain` of its predictions does.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _bar(count, largest):
    length = int(np.ceil(WIDTH * count / largest)) if largest else 0
    return f"{count:>5,} {'#' * length:<{WIDTH}}"


def _km(distance):
    """Distance with as many digits as matter.

    >>> _km(0.04), _km(7.26), _km(1234.5)
    ('0.0', '7.3', '1,234')
    """
    return f"{distance:,.1f}" if distance < 10 else f"{distance:,.0f}"


def _counted(number, one, several):
    return f"{number:,} {one if number == 1 else several}"

"""Sentences, captions and tables about figures, worded once for cards, files, console and pages.

Records are those of `airq evaluate`; any figure may be missing or NaN, and so may the key `model`. A sentence
is empty where its figures are missing. A table is a pair: headings, and rows of text.
"""

from __future__ import annotations

import math

import numpy as np

from airq.models import OURS
from airq.units import PM25_UNIT, WHO_LEVELS
from airq.validation.schemes import ALL_SCHEMES, NEAR_KM

#: Key of a record -> (heading, heading in a terminal, decimals); shares are given in percent.
COLUMNS = {
    "scheme": ("scheme", "scheme", None),
    "model": ("model", "model", None),
    "folds": ("folds", None, 0),
    "groups": ("held out", None, None),
    "n": ("rows", "rows", 0),
    "rmse": ("RMSE", "RMSE", 2),
    "rmse_sd": ("± folds", "±", 2),
    "mae": ("MAE", "MAE", 2),
    "bias": ("bias", "bias", 2),
    "r2": ("R²", "R²", 3),
    "aqi_right": ("AQI class right", "class", 0),
    "aqi_within_one": ("within one", "±1", 0),
    "rmse_smoothed10": ("RMSE 10 d", "10 d", 2),
    "coverage": ("coverage", "cover", 0),
    "width": ("width", "width", 1),
    "worst_city": ("worst city", None, None),
    "worst_city_rmse": ("its RMSE", "worst", 2),
    "seconds": ("seconds", "s", 1),
}
#: Key of a record -> (heading, decimals).
FIGURES = {name: (heading, digits) for name, (heading, _, digits) in COLUMNS.items()}
SHARES = ("aqi_right", "aqi_within_one", "coverage")
#: Characters of the longest usual name of a model; a longer one takes its room from the columns.
LONGEST_NAME = 17
#: Left out in terminals of fewer characters than the key, and where repeats make a column wide.
SPARE = {115: ("aqi_within_one", "rmse_smoothed10", "seconds"), 95: ("n", "aqi_right")}
SPARE_IN_REPEATS = ("n", "rmse_sd")
PARTS = {
    "all": "all held-out rows",
    "country": "country",
    "season": "season",
    "predicted_class": "predicted WHO class",
    "observed_class": "observed WHO class (diagnosis only)",
    "worst_city": "worst city",
    "worst_site": "worst site",
}
#: Parts of the table of skill; parts.json has the countries, too.
SKILL_PARTS = ("season", "observed_class")
COVERAGE_CAPTION = (
    f"coverage: share of rows inside their interval; 95 %: its interval, places resampled; width and Winkler "
    f"score in {PM25_UNIT} (lower is better)."
)
EXCEEDANCE_CAPTION = "skill: 1 for perfect probabilities, 0 for always giving the observed frequency."
SKILL_CAPTION = (
    f"RMSE in {PM25_UNIT}; in brackets: skill, 1 without error, 0 where the mean squared error is that of "
    "the best baseline. No one knows the observed class when predicting."
)
DISTANCE_CAPTION = (
    f"Distance to the nearest site to learn from. Errors and mean width of the intervals in {PM25_UNIT}; "
    "baseline: RMSE of the best one in all rows of the scheme. Few places give a figure by chance."
)
PROXIMITY_CAPTION = (
    "Distances in km to the nearest training site. differ by: mean factor between cities and held-out sites, "
    "rank by rank. > 90 %, > all: cities farther than 90 % or all of the held-out sites."
)
#: The threshold that sentences name where it was evaluated. [µg m⁻³]
GUIDELINE = WHO_LEVELS["day"][0]


def markdown_table(headings, rows):
    """Return a table in Markdown.

    >>> print(markdown_table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return text.replace("| --- ", "|---").replace("--- |", "---|")


def evaluation_table(records):
    """Return the table of an evaluation."""
    names = [name for name in FIGURES if name != "seconds" or _timed(records)]
    return [FIGURES[name][0] for name in names], [[_cell(one, name) for name in names] for one in records]


def narrow_table(records, width):
    """Return the same for a terminal of so many characters: fewer columns, shorter headings."""
    width -= max([0, *(len(str(one.get("model", ""))) - LONGEST_NAME for one in records)])
    left_out = [name for limit, names in SPARE.items() if width < limit for name in names]
    left_out += SPARE_IN_REPEATS if any(map(_repeated, records)) else ()
    left_out += () if _timed(records) else ("seconds",)
    names = {name: short for name, (_, short, _) in COLUMNS.items() if short and name not in left_out}
    return list(names.values()), [[_cell(one, name, spread=("rmse",)) for name in names] for one in records]


def evaluation_caption(records, *, headings=None):
    """Return what the columns of an evaluation mean; those with `headings`, of a terminal, or of a file."""
    if not records:
        return "No evaluation."
    unit, index = records[0].get("unit", PM25_UNIT), records[0].get("aqi_table", "AQI")
    if headings is not None:
        meanings = {
            "bias": "predicted minus observed",
            "±": "SD over folds",
            "class": f"in the right {index} class",
            "±1": "within one class",
            "10 d": "of 10-day means",
            "worst": "worst city",
            "cover": "inside intervals",
            "width": "of the intervals",
            "s": "processor time",
        }
        return f"Errors in {unit}. " + "; ".join(
            f"{name}: {meaning}" for name, meaning in meanings.items() if name in headings
        )
    return (
        f"Errors in {unit}, AQI classes by {index}. bias: predicted minus observed; ± folds: standard "
        "deviation over folds; RMSE 10 d: of 10-day means; coverage: rows inside their interval; width: its "
        "mean width; seconds: processor time."
    )


def repeats_sentence(record):
    """Return how many repeats a record is the mean of, and in how many its model was the best."""
    if not _repeated(record):
        return ""
    low, high = record["rmse_low"], record["rmse_high"]
    return (
        f"Mean of {record['repeats']} repeats with other seeds: RMSE {low:.1f} to {high:.1f} "
        f"{_unit(record)}. It had the lowest RMSE in {record['ranked_first']} of {record['repeats']}."
    )


def robust_sentence(record):
    """Return the error without the few highest observations, and that of half of the rows."""
    share, others, median = (record.get(name) for name in ("top1_share", "rmse_without_top1", "median_error"))
    if not (_finite(share) and _finite(others) and _finite(median)):
        return ""
    return (
        f"Half of the predictions were off by {median:.1f} {_unit(record)} or less. The highest 1 % of the "
        f"observations make {_percent(share)} of the squared error; without them RMSE is {others:.1f}."
    )


def by_scheme(sentence, records, mark=""):
    """Return the sentence of each record that has one, its scheme (and model) before it between marks."""
    return [f"{mark}{_label(one)}{mark}: {text}" for one in records if (text := sentence(one))]


def _label(record):
    model = record.get("model", OURS)
    return record["scheme"] if model == OURS else f"{record['scheme']}, {model}"


def error_sentence(record):
    """Return how far a day's prediction is off."""
    where, error, unit = _where(record), record.get("mae"), _unit(record)
    if not _finite(error):
        return ""
    text = f"{where}, a day's prediction was off by {error:.1f} {unit} on average."
    bias, right, near = (record.get(name) for name in ("bias", "aqi_right", "aqi_within_one"))
    if _finite(bias):
        text += f" Over all days it was {abs(bias):.1f} {unit} too {'high' if bias > 0 else 'low'}."
    if _finite(right) and _finite(near):
        text += f" The AQI class was right on {_percent(right)} of days, and within one on {_percent(near)}."
    return text


def worst_city_sentence(record):
    """Return the city of the largest error."""
    city, error = record.get("worst_city"), record.get("worst_city_rmse")
    if not isinstance(city, str) or not _finite(error):
        return ""
    return f"The worst city was {city}, with an RMSE of {error:.1f} {_unit(record)}."


def comparison_sentence(record):
    """Return how our error differs from that of the best baseline."""
    difference, baseline = record.get("difference"), record.get("best_baseline")
    if not isinstance(baseline, str) or not _finite(difference):
        return ""
    low, high, groups = record.get("ci_low"), record.get("ci_high"), record.get("resampled", "groups")
    text = (
        f"RMSE is {abs(difference):.2f} {_unit(record)} {'lower' if difference < 0 else 'higher'} than that "
        f"of the best baseline, {baseline}."
    )
    if not (_finite(low) and _finite(high)):
        return f"{text} There are too few {groups} to tell whether the difference is clear."
    clear = "" if low * high > 0 else " This is no clear difference."
    return f"{text} The 95 % interval of the difference over {groups} is {low:+.2f} to {high:+.2f}.{clear}"


def validation_sentence(records):
    """Return the error of a bundle on held-out places, or what to do where it is unknown."""
    ours = [one for one in records if one.get("model", OURS) == OURS and one["scheme"] != "random"]
    ours = [one for one in ours if one["rmse"] is not None]
    if not ours:
        return "This bundle was not evaluated on held-out places. Train it with --scheme to know its error."
    figures = ", ".join(f"{one['rmse']:.2f} {one['unit']} ({one['scheme']})" for one in ours)
    return f"Daily RMSE on held-out places, measured at training: {figures}."


def coverage_sentence(record, records=()):
    """Return how often intervals held, and where least if the record of the worst city is among others."""
    scheme, period = ALL_SCHEMES.get(record["scheme"]), record["period"]
    groups = scheme.calibration_groups if scheme else "places"
    number = f"{record['n']:,.0f} " if _finite(record["n"]) else ""
    text = (
        f"{_where(record)}, {_percent(record['coverage'])} of {number}{period}s lay inside their "
        f"{100 * record['level']:g} % interval."
    )
    if between := _between(record["ci_low"], record["ci_high"]):
        many = f"{record['groups']:,.0f} " if _finite(record.get("groups")) else ""
        text += f" The 95 % interval over {many}{groups} is {between}."
    if _finite(record["width"]):
        text += f" The mean width is {record['width']:.0f} {_unit(record)}."
    same = ("scheme", "model", "period", "level")
    for other in records:
        if other["part"] == "worst_city" and all(other.get(name) == record.get(name) for name in same):
            text += (
                f" The worst city is {other['value']}: {_percent(other['coverage'])} of {other['n']:,.0f}."
            )
    return text


def coverage_sentences(records, mark=""):
    """Return one line for every scheme, model and period on how often intervals held."""
    whole = [one for one in records if one["part"] == "all"]
    return by_scheme(lambda one: coverage_sentence(one, records), whole, mark)


def part_name(record):
    """Return which part of the rows a record of coverage is about.

    >>> part_name({"part": "season", "value": "DJF"}), part_name({"part": "all", "value": ""})
    ('season: DJF', 'all held-out rows')
    """
    name = PARTS[record["part"]]
    return f"{name}: {record['value']}" if record["value"] else name


def coverage_table(records, parts=PARTS):
    """Return the table of coverage: parts of the days, and all rows of months and years."""
    headings = ["scheme", "period", "part", "", "rows", "places", "coverage", "95 %", "width", "Winkler"]
    records = [
        one for one in records if one["part"] in parts and (one["period"] == "day" or one["part"] == "all")
    ]
    rows = [
        [
            one["scheme"],
            one["period"],
            PARTS[one["part"]],
            one["value"],
            f"{one['n']:,}",
            f"{one['groups']:,}",
        ]
        + [_percent(one["coverage"]), _between(one["ci_low"], one["ci_high"])]
        + [f"{one[name]:.1f}" for name in ("width", "winkler")]
        for one in records
    ]
    return _with_models(headings, rows, records)


def applicability_sentence(record):
    """Return the errors outside the area of applicability."""
    if not _finite(record.get("outside_share")):
        return ""
    text = f"{_percent(record['outside_share'])} of held-out rows lie outside the area of applicability."
    names = ("rmse_outside", "rmse_inside", "outside_ratio", "outside_ratio_within")
    outside, inside, ratio, within = (record.get(name) for name in names)
    if not (_finite(outside) and _finite(inside)):
        return f"{text} These are too few to give an error."
    text += f" RMSE is {outside:.1f} {_unit(record)} there and {inside:.1f} inside"
    text += f" ({ratio:.2f} times as large)." if _finite(ratio) else "."
    if _finite(within):
        text += f" Relative to each city's own error, it is {within:.2f} times as large."
    if min((one for one in (ratio, within) if _finite(one)), default=1) < 1:
        text += " Here, rows outside the area of applicability do not have larger errors."
    return text


def exceedance_sentence(record):
    """Return how the probabilities of a threshold met what happened."""
    return (
        f"{_where(record)}, {_percent(record['frequency'])} of days were above {record['threshold']:g} "
        f"{_unit(record)}. The mean predicted probability was {_percent(record['mean_probability'])}."
    )


def exceedance_sentences(records, mark=""):
    """Return one line for every scheme and model on the WHO guideline, else on the first threshold."""
    chosen = {}
    for one in records:
        if one["threshold"] == GUIDELINE or _label(one) not in chosen:
            chosen[_label(one)] = one
    return by_scheme(exceedance_sentence, chosen.values(), mark)


def exceedance_table(records):
    """Return the table of the probabilities of exceeding thresholds."""
    headings = ["scheme", "above", "rows", "observed", "predicted", "Brier", "skill"]
    rows = [
        [one["scheme"], f"{one['threshold']:g} {one['unit']}", f"{one['n']:,}"]
        + [_percent(one[name]) for name in ("frequency", "mean_probability")]
        + [f"{one['brier']:.3f}", f"{one['skill']:+.2f}" if _finite(one["skill"]) else ""]
        for one in records
    ]
    return _with_models(headings, rows, records)


def rows_of_repeats(records):
    """Return that the rows of tables of parts count in every repeat, if there are several."""
    return "Rows count in every repeat." if any(map(_repeated, records)) else ""


def skill_table(records):
    """Return RMSE and skill by season and observed class, with a column per scheme."""
    records = [one for one in records if one["part"] in SKILL_PARTS]
    schemes = list(dict.fromkeys(one["scheme"] for one in records))
    rows = {}
    for one in records:
        skill = f" ({one['skill']:+.2f})" if _finite(one["skill"]) else ""
        row = rows.setdefault((one["model"], one["part"], one["value"]), {"n": one["n"]})
        row[one["scheme"]] = f"{one['rmse']:.1f}{skill}"
    several = len({model for model, _, _ in rows}) > 1
    cells = [
        [*[model] * several, PARTS[part].split(" (")[0], value, f"{row['n']:,}"]
        + [row.get(scheme, "") for scheme in schemes]
        for (model, part, value), row in rows.items()
    ]
    return [*["model"] * several, "part", "", "rows", *schemes], cells


def worst_places_sentences(records, mark=""):
    """Return one line for every scheme and model with the places of the largest errors."""
    places = {}
    for one in records:
        if one["part"] in ("worst_city", "worst_site"):
            error = f"RMSE {one['rmse']:.1f}, bias {one['bias']:+.1f} {_unit(one)}, {one['n']:,} rows"
            places.setdefault(_label(one), []).append(f"{one['value']} ({error})")
    return [
        f"{mark}{label}{mark}: The largest errors are in {'; '.join(named)}."
        for label, named in places.items()
    ]


def distance_table(records, evaluated):
    """Return the errors by distance of the models that `evaluated` records compare with a best baseline."""
    best = {(one["scheme"], one["model"]): one.get("best_baseline") for one in evaluated}
    found = {(one["scheme"], one["model"], one["low_km"]): one for one in records}
    models = {one["model"] for one in evaluated if "best_baseline" in one} or {OURS}
    records = [one for one in records if one["model"] in models]
    rows = []
    for one in records:
        scheme, model, low = one["scheme"], one["model"], one["low_km"]
        beside = found.get((scheme, best.get((scheme, model)), low), {}).get("rmse")
        figures = [f"{one[name]:,}" for name in ("places", "n")]
        figures += [f"{one[name]:.1f}" for name in ("rmse", "bias")] + [_percent(one["coverage"])]
        figures += [f"{value:.1f}" if _finite(value) else "" for value in (one["width"], beside)]
        rows.append([scheme, distance_label(one), *figures])
    headings = ["scheme", "km", "places", "rows", "RMSE", "bias", "coverage", "width", "baseline"]
    return _with_models(headings, rows, records)


def distance_label(record):
    """Return the name of a class of distance.

    >>> distance_label({"low_km": 2.0, "high_km": 5.0}), distance_label({"low_km": 500.0, "high_km": None})
    ('2-5', '> 500')
    """
    if not _finite(record["high_km"]):
        return f"> {record['low_km']:g}"
    return f"{record['low_km']:g}-{record['high_km']:g}"


def expected_sentence(record):
    """Return the error to expect at the cities to predict, and how many it does not hold for.

    `record` is that of :func:`airq.validation.parts.expected_error`.
    """
    beyond, unscored = record["cities_beyond"], record["cities"] - record["cities_scored"]
    text = f"No error was scored at the distances of the {_counted(record['cities'], 'city', 'cities')}."
    if _finite(record["rmse"]):
        text = (
            f"Expect a daily RMSE of {record['rmse']:.1f} {_unit(record)} in the cities to predict: that of "
            f"held-out places as far from training, weighted by the distances of "
            f"{_counted(record['cities_scored'], 'city', 'cities')}."
        )
    if beyond:
        text += f" {_counted(beyond, 'city lies', 'cities lie')} farther than all places that were scored."
    if unscored > beyond:
        text += f" At the distance of {_counted(unscored - beyond, 'city', 'cities')} no place was scored."
    return text


def prediction_sentences(figures):
    """Return :class:`airq.models.predictions.Figures` as sentences, new places apart from training places."""
    places = [place for place in ("new", "training") if place in figures.parts] or [""]
    return [_prediction_sentence(figures.of(place), place, figures.period) for place in places]


def _prediction_sentence(part, place, period):
    kind, noun = f"{place} " * bool(place), "row" if period == "day" else f"{period}ly mean"
    return (
        f"{_counted(part['rows'], noun, f'{noun}s')} at "
        f"{_counted(part['sites'], f'{kind}place', f'{kind}places')}, {part['first_day']} to "
        f"{part['last_day']}: mean PM2.5 {part['pm25_mean']:.1f}, highest {part['pm25_max']:.1f} {PM25_UNIT}."
    )


def _with_models(headings, rows, records):
    """Add a column of models where a record is not of the default one."""
    models = [one.get("model", OURS) for one in records]
    if set(models) <= {OURS}:
        return headings, rows
    rows = [[row[0], model, *row[1:]] for row, model in zip(rows, models, strict=True)]
    return [headings[0], "model", *headings[1:]], rows


def _where(record):
    scheme = ALL_SCHEMES.get(record["scheme"])
    return f"In {scheme.unseen}" if scheme else f"In what the scheme {record['scheme']} holds out"


def _repeated(record):
    return record.get("repeats", 1) > 1


def _timed(records):
    return any("seconds" in one for one in records)


def _cell(record, name, spread=("rmse", "mae")):
    value = record.get(name)
    if name == "groups":
        return f"{record['groups']:,} {record.get('group', 'groups')}"
    if isinstance(value, str):
        return value
    if not _finite(value):
        return ""
    if name in spread and _repeated(record):
        return f"{value:,.1f} ({record[f'{name}_low']:,.1f} to {record[f'{name}_high']:,.1f})"
    return _percent(value) if name in SHARES else f"{value:,.{FIGURES[name][1]}f}"


def _unit(record):
    return record.get("unit", PM25_UNIT)


def _between(low, high):
    return f"{100 * low:.0f}-{100 * high:.0f} %" if _finite(low) and _finite(high) else ""


def _percent(share):
    return f"{100 * share:.0f} %" if _finite(share) else ""


def _finite(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


#: Lower ends of the bars of the histogram [km], and their length [characters].
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
WIDTH = 24
#: Factor between distances from which a sentence warns, and how many far cities are named.
ALIKE, N_NAMED = 1.5, 5


def proximity_records(comparison):
    """Return the records of :class:`airq.validation.proximity.Proximity`, each with figures of the cities."""
    distance = comparison.cities["distance_km"]
    cities = {
        "cities": len(distance),
        "cities_median_km": float(distance.median()),
        "cities_farthest_km": float(distance.max()),
        "cities_beyond_all": int(comparison.cities["beyond"].sum()),
    }
    return [{**one, "applies": one is comparison.nearest_scheme, **cities} for one in comparison.records]


def proximity_table(comparison):
    """Return the table of schemes; the cities to predict come first."""
    headings = ["scheme", "places", "10 %", "median", "90 %", "farthest", "differ by", "> 90 %", "> all"]
    distance = comparison.cities["distance_km"]
    quantiles = [_km(distance.quantile(share)) for share in (0.1, 0.5, 0.9, 1.0)]
    rows = [["cities to predict", f"{len(distance):,}", *quantiles, "", "", ""]]
    for one in comparison.records:
        figures = [_km(one[name]) for name in ("low_km", "median_km", "high_km", "farthest_km")]
        beyond = [f"{one[name]:,}" for name in ("cities_beyond_most", "cities_beyond")]
        rows.append([one["scheme"], f"{one['sites']:,}", *figures, f"{one['factor']:.1f} times", *beyond])
    return headings, rows


def proximity_sentences(comparison):
    """Return which scheme applies to the cities, how well, and to which cities none does."""
    distance, record = comparison.cities["distance_km"], comparison.nearest_scheme
    near = int((distance < NEAR_KM).sum())
    sentences = [
        f"{_counted(len(distance), 'city', 'cities')} to predict, {comparison.n_sites:,} sites with PM2.5.",
        f"The nearest site is {_km(distance.median())} km away (median), {_km(distance.max())} km at most.",
        f"{_counted(near, 'city has', 'cities have')} one within {NEAR_KM:g} km.",
    ]
    if record is None:
        return [
            *sentences,
            "The panel supports no scheme that holds out places, so no figures apply to them.",
        ]
    sentences += [
        f"The scheme `{record['scheme']}` comes closest ({ALL_SCHEMES[record['scheme']].question}).",
        f"Its held-out sites lie {_km(record['median_km'])} km from training in the median.",
    ]
    beyond = comparison.cities[comparison.cities["beyond"]].sort_values("distance_km", ascending=False)
    return [*sentences, *_difference(record, len(distance)), *_beyond(beyond, comparison.farthest_km)]


def _difference(record, n_cities):
    if record["farther"] > ALIKE:
        yield f"The cities lie {record['farther']:.1f} times as far from training (geometric mean)."
        yield (
            f"{record['cities_beyond_most']:,} of {n_cities:,} lie farther than 90 % of those sites. Expect "
            "larger errors than the figures show."
        )
    elif record["farther"] < 1 / ALIKE:
        yield f"The cities lie {1 / record['farther']:.1f} times nearer to training (geometric mean)."
        yield "Expect errors no larger than the figures show."
    elif record["factor"] > ALIKE:
        yield (
            f"Rank by rank, the distances differ by a factor of {record['factor']:.1f}. Some cities lie "
            "nearer and some farther than the figures assume."
        )


def _beyond(cities, farthest_km):
    if len(cities):
        named = [f"{one.city} ({_km(one.distance_km)} km)" for one in cities.head(N_NAMED).itertuples()]
        more = f" and {len(cities) - N_NAMED:,} more" if len(cities) > N_NAMED else ""
        yield (
            f"{_counted(len(cities), 'city lies', 'cities lie')} farther than any held-out site of any scheme"
            f" ({_km(farthest_km)} km): {', '.join(named)}{more}. Errors there may be larger than any figure "
            "here."
        )


def distance_histogram(comparison):
    """Return lines of bars: the cities to predict beside the held-out sites of the scheme that applies."""
    record = comparison.nearest_scheme
    columns = {"cities to predict": comparison.cities["distance_km"].to_numpy()}
    if record is not None:
        columns[f"held out by {record['scheme']}"] = comparison.held_out[record["scheme"]]
    counts = np.array([np.histogram(values, [*EDGES, np.inf])[0] for values in columns.values()])
    used = np.flatnonzero(counts.sum(axis=0))
    lines = ["".join([f"{'km':>13}", *(f"  {name:<{WIDTH + 6}}" for name in columns)]).rstrip()]
    for bar in range(used[0], used[-1] + 1):
        upper = f"{EDGES[bar + 1]:,}" if bar + 1 < len(EDGES) else "more"
        cells = []
        for count in counts:
            length = int(np.ceil(WIDTH * count[bar] / max(count.max(), 1)))
            cells.append(f"{count[bar]:>5,} {'#' * length:<{WIDTH}}")
        lines.append("".join([f"{EDGES[bar]:>5,} - {upper:>5}", *(f"  {cell}" for cell in cells)]).rstrip())
    return "\n".join(lines)


def proximity_markdown(comparison):
    """Return the text of proximity.md."""
    parts = [
        "# Distance from training",
        "\n".join(f"- {sentence}" for sentence in proximity_sentences(comparison)),
        f"```\n{distance_histogram(comparison)}\n```",
        markdown_table(*proximity_table(comparison)),
        PROXIMITY_CAPTION,
        "\n".join(f"- Left out, {scheme}: {reason}." for scheme, reason in comparison.skipped.items()),
        "Distance does not show what a city is like. The column `inside_domain` of its predictions does.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _km(distance):
    """Return a distance with as many digits as matter.

    >>> _km(0.04), _km(7.26), _km(1234.5)
    ('0.0', '7.3', '1,234')
    """
    return f"{distance:,.1f}" if distance < 10 else f"{distance:,.0f}"


def _counted(number, one, several):
    return f"{number:,} {one if number == 1 else several}"

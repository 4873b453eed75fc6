"""The card of a bundle and the text of an evaluation, in Markdown."""

from __future__ import annotations

from airq.models import OURS
from airq.panel import MEDIAN_WARNING, ORIGINS, PanelMetadata, origin_warning
from airq.report import words
from airq.report.words import by_scheme, markdown_table
from airq.validation.schemes import ALL_SCHEMES

#: Parts of the coverage that a card lists; bundle.json has the others, too.
ON_THE_CARD = ("all", "country", "season", "predicted_class", "worst_city")
#: What the pictures beside a card show, by the beginning of their names.
PICTURES = {
    "coverage": "Coverage of the intervals, for all rows and by part",
    "reliability": "How often thresholds were exceeded, against the predicted probability",
    "observed": "Predicted and observed PM2.5",
    "map": "Error of every city",
    "classes": "Observed and predicted AQI classes",
}
APPLICABILITY = (
    "`inside_domain` is false outside the area of applicability (Meyer & Pebesma 2021). Inputs there are "
    "unlike all training data. The predictor extrapolates, so its error and interval are not known."
)


def evaluation_markdown(evaluation, metadata):
    """Return evaluation.md of an Evaluation and the PanelMetadata of its panel."""
    sections = [
        "# Evaluation",
        origin_warning(metadata),
        *_errors(evaluation.records, evaluation.skipped),
        *_cities(evaluation),
        *_parts(evaluation),
        *_distances(evaluation),
        *_intervals(evaluation.coverage_records, words.PARTS),
        *_applicability(evaluation.records),
        *_probabilities(evaluation.exceedance_records),
    ]
    return _joined(sections)


def write_card(bundle_metadata):
    """Return card.md of a bundle from the content of its bundle.json."""
    metadata = PanelMetadata.from_dict(bundle_metadata["panel"])
    uncertainty = bundle_metadata["uncertainty"]
    warning = origin_warning(metadata)
    sections = [
        "# Predictor of daily PM2.5",
        warning and f"**{warning}**",
        "## Training data",
        _items(_data(bundle_metadata, metadata)),
        "## Model",
        _items(_model(bundle_metadata)),
        "## Errors on held-out rows",
        *_errors(bundle_metadata["evaluation"], bundle_metadata["skipped"]),
        *_intervals(uncertainty["coverage"], ON_THE_CARD, uncertainty["promises"]),
        *_applicability(bundle_metadata["evaluation"], bundle_metadata.get("applicability")),
        *_probabilities(uncertainty["exceedance"]),
        *_pictures(bundle_metadata["pictures"]),
        "## Limits",
        _items(_limits(bundle_metadata, metadata)),
    ]
    return _joined(sections)


def _errors(records, skipped):
    yield words.evaluation_caption(records)
    if records:
        if any(one["model"] == OURS for one in records):
            yield f"Model `{OURS}` is the predictor of this package."
        yield markdown_table(*words.evaluation_table(records))
        schemes = {one["scheme"]: ALL_SCHEMES.get(one["scheme"]) for one in records}
        yield _items(f"*{name}*: {scheme.question}." for name, scheme in schemes.items() if scheme)
        yield _items(by_scheme(words.comparison_sentence, records, "*"))
        ours = [one for one in records if "best_baseline" in one or one["model"] == OURS]
        yield _items(by_scheme(words.repeats_sentence, ours, "*"))
        yield _items(by_scheme(words.robust_sentence, ours, "*"))
    yield _items(f"Left out, {name}: {reason.rstrip('.')}." for name, reason in skipped.items())


def _cities(evaluation):
    if evaluation.proximity is not None:
        yield "## The cities to predict"
        yield _items(words.proximity_sentences(evaluation.proximity))
        yield _items(by_scheme(words.expected_sentence, evaluation.city_records, "*"))


def _parts(evaluation):
    if evaluation.parts:
        yield "## Parts of the rows"
        yield words.rows_of_repeats(evaluation.records)
        yield markdown_table(*words.skill_table(evaluation.parts))
        yield words.SKILL_CAPTION
        yield _items(words.worst_places_sentences(evaluation.parts, "*"))


def _distances(evaluation):
    if evaluation.distance_records:
        yield "## Error by distance"
        yield words.rows_of_repeats(evaluation.records)
        yield markdown_table(*words.distance_table(evaluation.distance_records, evaluation.records))
        yield words.DISTANCE_CAPTION


def _intervals(coverage, parts, promises=()):
    if coverage or promises:
        yield "## Intervals"
    yield from promises
    yield _items(words.coverage_sentences(coverage, "*"))
    if coverage:
        yield markdown_table(*words.coverage_table(coverage, parts))
        yield words.COVERAGE_CAPTION
        yield (
            "No predictor behind an interval had seen its place (or that place's season) or the places that "
            "calibrated it."
        )
    elif len(promises) > 1:
        yield "The coverage at held-out places was not measured."


def _applicability(records, threshold=None):
    sentences = by_scheme(words.applicability_sentence, records, "*")
    if sentences or threshold:
        yield "## Area of applicability"
        yield _items(sentences)
        yield APPLICABILITY
    if threshold:
        error = threshold["error"]
        yield (
            f"The distance behind it comes from a quick search. On {error['rows']:,} training rows, an exact "
            f"search gave the same verdict for {100 * error['same_verdict']:.0f} %."
        )


def _probabilities(exceedance):
    if exceedance:
        yield "## Probability of a day above a threshold"
        yield _items(words.exceedance_sentences(exceedance, "*"))
        yield markdown_table(*words.exceedance_table(exceedance))
        yield words.EXCEEDANCE_CAPTION


def _data(bundle_metadata, metadata):
    data, unit = bundle_metadata["data"], bundle_metadata["target"]["unit"]
    yield (
        f"PM2.5 [{unit}] from {ORIGINS[metadata.pm25_origin].words}, daily {metadata.statistic} of "
        f"{metadata.day_basis} days."
    )
    yield (
        f"{data['rows']:,} rows with PM2.5; sites: {data['sites']:,}, cities: {data['cities']:,}, countries: "
        f"{data['countries']:,}; {data['first_day']} to {data['last_day']}."
    )
    yield f"PM2.5 in these rows: mean {data['pm25_mean']:.1f}, highest {data['pm25_max']:.1f} {unit}."
    yield f"Sources: {'; '.join(metadata.sources) or 'not stated'}."
    yield f"SHA-256 of the data: `{data['hash']}`."


def _model(bundle_metadata):
    recipe, settings, inputs = (bundle_metadata[name] for name in ("recipe", "settings", "recipe_inputs"))
    n_features = len(bundle_metadata["features"])
    yield f"Recipe `{recipe['name']}`: {n_features} features from {len(inputs)} input columns."
    if bundle_metadata["looks_ahead"]:
        yield "It looks ahead: a day's features use later days. It cannot forecast or run live."
    else:
        yield "It does not look ahead: every feature of a day is known on that day."
    groups, trials = settings["inner_groups"], settings.get("tuning_trials")
    yield f"Boosters `{settings['model']}`, seed {settings['seed']}, inner folds by `{groups}`."
    seconds = settings.get("tuning_seconds")
    most = f"{trials} trials" if trials else ""
    if seconds:
        most = f"{f'at most {most}' if most else 'the trials'} within {seconds:g} s"
    yield f"Parameters: best of {most} on inner folds." if most else "Parameters: the defaults."
    around = bundle_metadata["estimator"].get("monitors")
    if around:
        near, far = around["shares"][0], around["shares"][-2]
        yield (
            "Monitors nearby are looked at. Towards their kriging (range "
            f"{around['parameters']['range_km']:g} km) a prediction is drawn by {near:.0%} next to a monitor "
            f"and by {far:.0%} between 500 and 1,000 km. The "
            "bundle holds the PM2.5 of its training places: share it only if you may share that."
        )
    else:
        yield "What monitors nearby show is not used."
    units = bundle_metadata["panel"]["units"]
    listed = (f"`{name}` [{units.get(name, 'unknown')}]" for name in inputs)
    yield f"Inputs: {', '.join(listed)}."


def _pictures(names):
    pictures = [(kind, name) for kind in PICTURES for name in names if name.startswith(f"{kind}_")]
    if pictures:
        yield "## Pictures"
    for kind, name in pictures:
        scheme = name.removesuffix(".png").removeprefix(f"{kind}_")
        yield f"![{PICTURES[kind]}, held out by {scheme}]({name})"


def _limits(bundle_metadata, metadata):
    data = bundle_metadata["data"]
    yield "Predictions estimate what a monitor like those in the training data would report."
    yield "Figures by *city* or *site* apply to places like those held out. Far from them, errors are larger."
    yield (
        f"The figures apply from {data['first_day']} to {data['last_day']}, when monitors elsewhere were "
        "known. Before and after, errors are larger: `airq evaluate --scheme season` measures by how much."
    )
    if bundle_metadata["uncertainty"]["coverage"]:
        yield "Intervals hold for most places like those held out, not for all: see the worst city."
    if bundle_metadata["looks_ahead"]:
        yield "The last days of a panel lack the later days that features use, so errors grow there."
    if metadata.statistic == "median":
        yield MEDIAN_WARNING


def _items(sentences):
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _joined(sections):
    return "\n\n".join(filter(None, sections)) + "\n"

"""What is known of a predictor: the records of an evaluation, of a bundle, or of the predictions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from airq.report.card import FIGURES
from airq.validation.schemes import ALL_SCHEMES, HEADLINES
from app import theme
from app.text import for_markdown

COVERAGE, EXCEEDANCE, HELD_OUT = "coverage.json", "exceedance.json", "held_out.parquet"
#: Larger files of records are not of an evaluation. [bytes]
MOST_BYTES = 20_000_000
#: What a record must hold as text; its other values are numbers, text, or missing.
NEEDED = {
    "records": ("scheme", "model"),
    "coverage": ("scheme", "period", "part", "value"),
    "exceedance": ("scheme",),
}
NUMBERS = {
    "records": tuple(name for name, (_, digits) in FIGURES.items() if digits is not None),
    "coverage": ("coverage", "level", "n", "groups", "width", "winkler", "ci_low", "ci_high"),
    "exceedance": ("threshold", "n", "frequency", "mean_probability", "brier", "skill"),
}
PERIODS = ("day", "month", "year")
OURS = ("default", "bundle")
#: What the pages call the predictor, whose records have one of the names OURS.
OUR_NAME = "this predictor"


@dataclass(frozen=True)
class Evidence:
    """Records of how predictions met observations.

    Attributes
    ----------
    records, coverage, exceedance : list of dict
        As `airq evaluate` writes them.
    promises : list of str
        What a bundle promises of its intervals.
    source : str
        Where they come from, in words; empty where there are none.
    held_out : Path or None
        Table of held-out predictions.
    """

    records: list = field(default_factory=list)
    coverage: list = field(default_factory=list)
    exceedance: list = field(default_factory=list)
    promises: list = field(default_factory=list)
    source: str = ""
    held_out: Path | None = None


def gather(sources, store, bundle_facts):
    """The evidence that is there: of the evaluation, else of the bundle, else of the predictions' own file.

    Parameters
    ----------
    sources : app.sources.Sources
        What was given.
    store : app.store.Store or None
        Predictions.
    bundle_facts : callable
        Gives the facts of the bundle; asked only where a bundle was given and no evaluation.

    Returns
    -------
    Evidence

    Raises
    ------
    OSError, ValueError
        If a file is not a record of an evaluation.
    """
    if sources.evaluation is not None:
        return read_evaluation(sources.evaluation)
    if sources.bundle is not None:
        return of_bundle(bundle_facts())
    told = store.facts.get("validation") if store is not None else None
    if told:
        return Evidence(records=checked(told, "records", "The predictions"), source="the file of predictions")
    return Evidence()


def read_evaluation(path):
    """The records of an evaluation: evaluation.json, or its folder, with what stands beside it.

    Parameters
    ----------
    path : str or Path
        File or folder that `airq evaluate` made.

    Returns
    -------
    Evidence
    """
    path = Path(path)
    path = path / "evaluation.json" if path.is_dir() else path
    if not path.exists():
        raise FileNotFoundError(
            f"No such file: {path}. Make one with `airq evaluate panel.parquet --out FOLDER`."
        )
    found = {"records": checked(_json(path), "records", path)}
    for kind, name in (("coverage", COVERAGE), ("exceedance", EXCEEDANCE)):
        beside = path.parent / name
        found[kind] = checked(_json(beside), kind, beside) if beside.exists() else []
    tables = [path.parent / HELD_OUT, path.parent / "evaluation" / HELD_OUT]
    held_out = next((table for table in tables if table.exists()), None)
    return Evidence(**found, source=f"the file {path.name}", held_out=held_out)


def of_bundle(facts):
    """The evidence in the facts of a bundle; older bundles know nothing of intervals."""
    told = facts.get("uncertainty") or {}
    return Evidence(
        records=checked(facts.get("evaluation") or [], "records", "The bundle"),
        coverage=checked(told.get("coverage") or [], "coverage", "The bundle"),
        exceedance=checked(told.get("exceedance") or [], "exceedance", "The bundle"),
        promises=[str(one) for one in told.get("promises") or []],
        source="the bundle",
    )


def checked(records, kind, name):
    """Records with text where text belongs and numbers where numbers do (missing ones NaN).

    Raises
    ------
    ValueError
        If they are not records of this kind.
    """
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise ValueError(f"{name} holds no list of records; `airq evaluate` writes one.")
    sound = []
    for one in records:
        for needed in NEEDED[kind]:
            if not isinstance(one.get(needed), str):
                raise ValueError(
                    f"{name}: a record of {kind} has no {needed!r}; make it again with `airq evaluate`."
                )
        if kind == "coverage" and one["period"] not in PERIODS:
            raise ValueError(
                f"{name}: a record of coverage has no period of {', '.join(PERIODS)}; run `airq evaluate`."
            )
        numbers = {field: _number(one.get(field)) for field in NUMBERS[kind]}
        sound.append({**one, **numbers})
    return sound


def ours(records):
    """The records of the predictor itself, its baselines left out."""
    return [record for record in records if record["model"] in OURS]


def headline(records):
    """The record of the predictor that speaks for a city without a monitor, or None."""
    by_scheme = {record["scheme"]: record for record in ours(records)}
    for scheme in (*HEADLINES, *by_scheme):
        if scheme in by_scheme:
            return by_scheme[scheme]
    return None


def places(scheme):
    """Where a scheme judges, in words, in Markdown."""
    return (
        ALL_SCHEMES[scheme].unseen
        if scheme in ALL_SCHEMES
        else f"what the scheme {for_markdown(scheme)} holds out"
    )


def short(scheme):
    """A scheme in two or three words."""
    return ALL_SCHEMES[scheme].short if scheme in ALL_SCHEMES else scheme


def question(scheme):
    """What a scheme asks.

    >>> question("city")
    'a city without any monitor'
    """
    return ALL_SCHEMES[scheme].question if scheme in ALL_SCHEMES else scheme


def compared_words(record):
    """How the predictor's error met that of the best other method, in a sentence; empty without one.

    >>> record = {"best_baseline": "cams", "difference": -0.79, "ci_low": -2.04, "ci_high": 0.39}
    >>> compared_words(record | {"resampled": "cities", "unit": "µg m⁻³"})
    'Its error (RMSE) was 0.79 µg/m³ lower than that of the best other method, cams: no clear difference (95 \
% interval of the difference over cities: -2.04 to +0.39).'
    """
    texts = [record.get(name) for name in ("best_baseline", "resampled", "unit")]
    difference = _number(record.get("difference"))
    if not all(isinstance(text, str) and text for text in texts) or not math.isfinite(difference):
        return ""
    baseline, resampled = (for_markdown(text, limit=60) for text in texts[:2])
    low, high = _number(record.get("ci_low")), _number(record.get("ci_high"))
    known = math.isfinite(low) and math.isfinite(high)
    verdict = "a clear difference" if known and low * high > 0 else "no clear difference"
    interval = (
        f"95 % interval of the difference over {resampled}: {low:+.2f} to {high:+.2f}"
        if known
        else f"too few {resampled} for an interval"
    )
    return (
        f"Its error (RMSE) was {abs(difference):.2f} {theme.unit_words(texts[2])} "
        f"{'lower' if difference < 0 else 'higher'} than that of the best other method, {baseline}: "
        f"{verdict} ({interval})."
    )


def error_words(record):
    """How far a day's prediction is off, in sentences.

    >>> error_words({"scheme": "city", "mae": 7.19, "bias": -0.62, "aqi_right": 0.76, "aqi_within_one": 0.99})
    'In cities that it had never seen, a prediction for a day was off by 7.2 µg/m³ on average, and too low \
by 0.6 µg/m³ over all days. Of 100 days, 76 fell into the right AQI class and 99 within one class of it.'
    """
    where, error = places(record["scheme"]), record["mae"]
    text = f"In {where}, a prediction for a day was off by {error:.1f} µg/m³ on average"
    bias = record["bias"]
    if math.isfinite(bias):
        text += f", and too {'high' if bias > 0 else 'low'} by {abs(bias):.1f} µg/m³ over all days"
    right, near = _number(record.get("aqi_right")), _number(record.get("aqi_within_one"))
    if math.isfinite(right) and math.isfinite(near):
        text += (
            f". Of 100 days, {round(100 * right)} fell into the right AQI class and {round(100 * near)} "
            "within one class of it"
        )
    return text + "."


def place_words(place):
    """A city of a record with the name of its country for the country's code.

    >>> place_words("Ogoja, NGA"), place_words("Ogoja")
    ('Ogoja, Nigeria', 'Ogoja')
    """
    city, comma, code = place.rpartition(", ")
    return f"{city}{comma}{theme.country_name(code)}"


def coverage_words(record):
    """How often intervals held, as an official says it.

    >>> coverage_words({"scheme": "city", "period": "day", "coverage": 0.912, "level": 0.9, "width": 31.4,
    ...                 "ci_low": 0.88, "ci_high": 0.94, "n": 4000, "groups": 40})
    'Of 100 days in cities that it had never seen, 91 lay in the interval, which promises 90 (88 to 94 if \
other such places had been drawn). It is 31 µg/m³ wide on average.'
    """
    text = (
        f"Of 100 {record['period']}s in {places(record['scheme'])}, {round(100 * record['coverage'])} lay "
        f"in the interval, which promises {round(100 * record['level'])}"
    )
    if math.isfinite(record["ci_low"]) and math.isfinite(record["ci_high"]):
        text += (
            f" ({round(100 * record['ci_low'])} to {round(100 * record['ci_high'])} if other such places had "
            "been drawn)"
        )
    if math.isfinite(record["width"]):
        text += f". It is {record['width']:.0f} µg/m³ wide on average"
    return text + "."


def exceedance_words(record):
    """How a probability met what happened, in a sentence.

    >>> exceedance_words({"scheme": "city", "threshold": 15.0, "mean_probability": 0.62, "frequency": 0.655})
    'Of 100 days in cities that it had never seen, 66 lay above 15 µg/m³; the probabilities said 62.'
    """
    return (
        f"Of 100 days in {places(record['scheme'])}, {round(100 * record['frequency'])} lay above "
        f"{record['threshold']:g} µg/m³; the probabilities said {round(100 * record['mean_probability'])}."
    )


def domain_words(record):
    """Errors outside the domain of training, in a sentence; empty where an evaluation does not tell."""
    share = _number(record.get("outside_share"))
    if not math.isfinite(share):
        return ""
    where = places(record["scheme"])
    text = f"Of 100 days in {where}, {round(100 * share)} lay outside what the model was trained on"
    inside, outside = _number(record.get("rmse_inside")), _number(record.get("rmse_outside"))
    if math.isfinite(inside) and math.isfinite(outside):
        text += f"; its error there (RMSE) was {outside:.1f} µg/m³, {inside:.1f} inside"
    return text + "."


def _json(path):
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} is too large for the records of an evaluation.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not JSON as `airq evaluate` writes it.") from None


def _number(value):
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan

"""What is known of a predictor: records of an evaluation, of a bundle or of the predictions; observations."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from airq.io import open_panel_file
from airq.models.intervals import Calibration
from airq.panel import ORIGINS, TARGET, check_names
from airq.report.words import FIGURES
from airq.validation.schemes import ALL_SCHEMES, HEADLINES
from app import style
from app.series import STEPS, lengths
from app.style import for_markdown

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
#: Texts of a record that are no names.
FIXED = ("part", "period")
#: What the pages call the predictor, whose records have one of the names OURS.
OUR_NAME = "this predictor"
#: Columns of a table of held-out predictions.
HELD_OUT_COLUMNS = ("city_id", "date", "repeat", "scheme", "observed", "default", "lower", "upper")
#: Fewer days say nothing of a city.
FEWEST = 5
#: A month or year is observed where this share of its days is.
MOSTLY = 0.75


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

    @property
    def trained_on(self):
        """Origin of what was observed, a key of :data:`airq.panel.ORIGINS`; empty where no record tells."""
        return next((str(one["pm25_origin"]) for one in self.records if one.get("pm25_origin")), "")


def gather(sources, store, bundle_facts):
    """Return the evidence of the evaluation, else of the bundle, else of the predictions' own file.

    `bundle_facts` is called for the metadata of the bundle only where a bundle was given and no evaluation;
    `store` may be None. OSError or ValueError if a file is not a record of an evaluation.
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
    """Read the records of an evaluation: evaluation.json or its folder, with the files beside it."""
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
    """Return the evidence in the metadata of a bundle; older bundles have no intervals."""
    told = facts.get("uncertainty") or {}
    return Evidence(
        records=checked(facts.get("evaluation") or [], "records", "The bundle"),
        coverage=checked(told.get("coverage") or [], "coverage", "The bundle"),
        exceedance=checked(told.get("exceedance") or [], "exceedance", "The bundle"),
        promises=[str(one) for one in told.get("promises") or []],
        source="the bundle",
    )


def checked(records, kind, name):
    """Return records with text where text belongs and numbers where numbers do (missing ones NaN).

    Intervals and probabilities of other models than the predictor are left out.

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
        if kind == "records" or one.get("model", OURS[0]) in OURS:
            sound.append({**one, **numbers})
    return sound


def ours(records):
    """Return the records of the predictor itself, without its baselines."""
    return [record for record in records if record["model"] in OURS]


def headline(records):
    """Return the record of the predictor that applies to a city without a monitor, or None."""
    by_scheme = {record["scheme"]: record for record in ours(records)}
    for scheme in (*HEADLINES, *by_scheme):
        if scheme in by_scheme:
            return by_scheme[scheme]
    return None


def short(scheme):
    """Return a scheme in two or three words."""
    return ALL_SCHEMES[scheme].short if scheme in ALL_SCHEMES else scheme


def question(scheme):
    """Return what a scheme asks about.

    >>> question("city")
    'a city without any monitor'
    """
    return ALL_SCHEMES[scheme].question if scheme in ALL_SCHEMES else scheme


def place_words(place):
    """Return a city of a record with the name of its country for the country's code.

    >>> place_words("Ogoja, NGA"), place_words("Ogoja")
    ('Ogoja, Nigeria', 'Ogoja')
    """
    city, comma, code = place.rpartition(", ")
    return f"{city}{comma}{style.country_name(code)}"


def said(sentence, record, *others):
    """Return a sentence of :mod:`airq.report.words` about a record, for Markdown on a page.

    `sentence` makes it of the record and `others`, lists of records. Names, which may hold anything, come
    without markup, countries by name, units as the pages write them.
    """
    shown = [[_for_page(one) for one in records] for records in others]
    return style.with_page_units(sentence(_for_page(record), *shown))


def _for_page(record):
    texts = {name: value for name, value in record.items() if isinstance(value, str) and name not in FIXED}
    for name in {"worst_city", "value"} & set(texts):
        texts[name] = place_words(texts[name])
    if record["scheme"] in ALL_SCHEMES:
        texts.pop("scheme")
    return {**record, **{name: for_markdown(text, limit=60) for name, text in texts.items()}}


def _json(path):
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} is too large for the records of an evaluation.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not JSON as `airq evaluate` writes it.") from None


def _number(value):
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


@dataclass(frozen=True, eq=False)
class Observations:
    """Daily PM2.5: means over a city's sites, indexed by `city_id` and `date` [µg m⁻³], and its name."""

    days: pd.Series
    name: str

    def of(self, city_id):
        """Return values of a city by date; empty where it has none."""
        if city_id not in self.days.index.get_level_values(0):
            return pd.Series(dtype="float32", index=pd.DatetimeIndex([]))
        return self.days.loc[city_id]


def check_panel(path):
    """Refuse a file that is no panel, by its header."""
    with open_panel_file(path) as (file, _):
        check_names(file.schema_arrow.names)


def read_observations(path):
    """Return the observed PM2.5 of a panel, a Parquet file; OSError or ValueError if it is none."""
    with open_panel_file(path) as (file, metadata):
        check_names(file.schema_arrow.names)
        # The panel of an extraction has inputs only.
        observed = TARGET in file.schema_arrow.names
        rows = file.read(columns=["city_id", "date", *[TARGET] * observed]).to_pandas()
    if not observed:
        rows = rows.assign(**{TARGET: float("nan")})
    rows = rows.dropna(subset=TARGET)
    days = rows.groupby(["city_id", "date"], sort=True)[TARGET].mean()
    return Observations(days, ORIGINS[metadata.pm25_origin].series)


def read_calibration(path):
    """Return the calibration of a bundle, a Parquet file, for intervals of means."""
    return Calibration.from_table(pd.read_parquet(path))


@dataclass(frozen=True)
class Agreement:
    """Errors of the predictions of a city on its days (months, years) with an observation.

    `bias` and `error` are the means of the differences (above 0: predicted too high) and of their sizes
    [µg m⁻³]; `inside` is the share of the days inside their interval, NaN without intervals.
    """

    days: int
    bias: float
    error: float
    inside: float


def agreement(rows):
    """Compare the predictions of a city with what was observed; None with fewer than :data:`FEWEST` days.

    `rows` holds `observed, predicted, lower, upper` [µg m⁻³], a row a day, month or year.

    >>> rows = pd.DataFrame({"observed": [10.0] * 5, "predicted": [12.0] * 5, "lower": 9.0, "upper": 11.0})
    >>> agreement(rows)
    Agreement(days=5, bias=2.0, error=2.0, inside=1.0)
    """
    rows = rows.dropna(subset=["observed", "predicted"])
    if len(rows) < FEWEST:
        return None
    difference = (rows["predicted"] - rows["observed"]).astype("float64")
    known = rows.dropna(subset=["lower", "upper"])
    inside = known["observed"].between(known["lower"], known["upper"]).mean() if len(known) else np.nan
    return Agreement(len(rows), float(difference.mean()), float(difference.abs().mean()), float(inside))


def held_out_days(path, city_id):
    """Read the predictions of a city by models that had not seen it, and what was held out, in words.

    `path` is the table of held-out predictions of `airq evaluate`, or None. The rows hold `date, observed,
    predicted, lower, upper` [µg m⁻³], means over the sites of the city. Of repeated evaluations only the
    first counts: a mean over repeats has smaller errors than any model.
    """
    columns = ["date", "observed", "predicted", "lower", "upper"]
    there = set() if path is None else set(pq.read_schema(path).names)
    if not {"city_id", "date", "scheme", "observed", "default"} <= there:
        return pd.DataFrame(columns=columns), ""
    chosen = [name for name in HELD_OUT_COLUMNS if name in there]
    rows = pq.read_table(path, columns=chosen, filters=[("city_id", "=", city_id)]).to_pandas()
    for scheme in HEADLINES:
        mine = rows[rows["scheme"] == scheme]
        if len(mine):
            mine = mine[mine["repeat"] == mine["repeat"].min()] if "repeat" in mine else mine
            mine = mine.rename(columns={"default": "predicted"}).reindex(columns=columns)
            return mine.groupby("date", as_index=False).mean(), short(scheme)
    return pd.DataFrame(columns=columns), ""


def averaged(observed, period):
    """Average the observations of days [µg m⁻³, by date] over the periods that predictions stand for.

    Only months or years count of which :data:`MOSTLY` of the days are observed; dates are their first days.

    >>> days = pd.date_range("2020-01-01", "2020-02-10")
    >>> averaged(pd.Series(8.0, index=days), "month")
    date
    2020-01-01    8.0
    dtype: float64
    """
    if period == "day" or observed.empty:
        return observed
    observed = observed.dropna()
    begins = observed.index.to_numpy().astype(f"datetime64[{STEPS[period]}]").astype("datetime64[us]")
    by = observed.groupby(pd.DatetimeIndex(begins, name="date"))
    means, known = by.mean(), by.size()
    return means[known >= MOSTLY * lengths(means.index, period)]


def bias_words(bias):
    """Say behind the size of an error [µg m⁻³] how much of it is bias.

    >>> bias_words(-2.0), bias_words(0.01)
    (' and 2.0 µg/m³ too low on average', ' on average, with no bias')
    """
    size = f"{abs(bias):.1f}"
    if size == "0.0":
        return " on average, with no bias"
    return f" and {size} µg/m³ too {'high' if bias > 0 else 'low'} on average"


def agreement_words(found, period="day"):
    """Write an agreement as a sentence; `period` is what its predictions stand for.

    >>> agreement_words(Agreement(120, -1.25, 3.5, 0.925))
    'On 120 days with an observation the predictions were off by 3.5 µg/m³ and 1.2 µg/m³ too low on average; \
92% of the days lay inside their interval.'
    >>> agreement_words(Agreement(12, 0.01, 3.5, float("nan")), "month")
    'In 12 months with an observation the predictions were off by 3.5 µg/m³ on average, with no bias.'
    """
    when = f"{'On' if period == 'day' else 'In'} {style.count_words(found.days, period)} with an observation"
    off = f"the predictions were off by {found.error:.1f} µg/m³"
    text = f"{when} {off}{bias_words(found.bias)}"
    if np.isnan(found.inside):
        return f"{text}."
    return f"{text}; {style.chance_words(found.inside)} of the {period}s lay inside their interval."

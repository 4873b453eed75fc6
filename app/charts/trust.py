"""How predictions met observations: tables for a page, and pictures beside those of `airq.report.charts`.

Each picture is a Vega-Lite specification for a light or `dark` page.
"""

from __future__ import annotations

import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.report.words import FIGURES, SHARES
from airq.units import PM25_UNIT, WHO_CLASSES, exceedance_column
from app import evidence, scales, theme
from app.charts import vega
from app.text import shown

SEASONS = {"DJF": "Dec–Feb", "MAM": "Mar–May", "JJA": "Jun–Aug", "SON": "Sep–Nov"}
#: Most schemes in the picture of errors, and most countries in that of coverage.
MOST_SCHEMES, MOST_COUNTRIES = 12, 12
INSIDE_EDGES = (5.0, 25.0, 50.0, 75.0, 95.0)
INSIDE_WORDS = ("hardly any", "few", "less than half", "more than half", "most", "nearly all")
#: Columns of held-out predictions that the pictures of a scheme are drawn from.
HELD_OUT = ["scheme", "city_id", "city", "latitude", "longitude", "observed", "default"]
#: Pictures of held-out rows that `airq evaluate` writes, too -> name and what they show.
ROWS = {
    "observed": (
        "Observed and predicted",
        "Held-out days by what was observed and what was predicted; on the dashed line both are the same.",
    ),
    "cities": (
        "Error of every city",
        "Error of a day (RMSE) in every city while it was held out; the three worst are named.",
    ),
    "classes": (
        "Classes of the index",
        "Days by their observed and their predicted class of the US AQI; on the diagonal they agree.",
    ),
}


def evaluation_table(records):
    """Return the figures of an evaluation as a table of numbers.

    Columns have the headings of :data:`airq.report.words.FIGURES`, shares are in percent, columns without a
    single value are left out. `records` come from :func:`app.evidence.checked`.
    """
    table = pd.DataFrame(
        {heading: [_cell(record, name) for record in records] for name, (heading, _) in FIGURES.items()}
    )
    return table.dropna(axis=1, how="all")


def _cell(record, name):
    value = record.get(name)
    if name == "model" and value in evidence.OURS:
        return evidence.OUR_NAME
    if name == "groups":
        return shown(f"{value if value is not None else ''} {record.get('group', '')}") or None
    if FIGURES[name][1] is None:
        return shown(value) if isinstance(value, str) else None
    number = value if isinstance(value, (int, float)) else math.nan
    return 100 * number if name in SHARES else number


def errors(records, *, dark=False):
    """Draw the error of every scheme: the predictor's, and what other methods do on the same folds.

    `records` are those of an evaluation; the first :data:`MOST_SCHEMES` schemes are drawn.
    """
    tone, mine = theme.tones(dark), {"filter": f"datum.model == {vega.literal(evidence.OUR_NAME)}"}
    schemes = list(dict.fromkeys(record["scheme"] for record in records))[:MOST_SCHEMES]
    rows = [_error(one) for one in records if one["scheme"] in schemes and math.isfinite(one["rmse"])]
    models = sorted(dict.fromkeys(row["model"] for row in rows), key=lambda model: model != evidence.OUR_NAME)
    ours = {"test": mine["filter"]}
    told = vega.told(
        ("model", "Model"),
        ("scheme", "Held out"),
        ("rmse", "RMSE [µg/m³]", ".1f"),
        ("mae", "Mean error [µg/m³]", ".1f"),
        ("bias", "Bias [µg/m³]", "+.1f"),
        ("n", "Days", ",.0f"),
    )
    x = {"type": "quantitative", "title": "Error of a day (RMSE) [µg/m³]", "scale": {"zero": True}}
    return {
        "description": "Error of a day (RMSE) by what was held out, of this predictor and of other methods",
        "height": {"step": 52},
        "data": {"values": rows},
        "encoding": {"y": {"field": "scheme", "type": "nominal", "sort": None, "title": None}},
        "layer": [
            {
                "transform": [mine, {"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "color": tone["line"], "strokeWidth": 2},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "opacity": 1, "strokeWidth": 2},
                "encoding": {
                    "x": {**x, "field": "rmse"},
                    "shape": {"field": "model", "scale": {"domain": models}, "legend": vega.ABOVE},
                    "color": {"condition": {**ours, "value": tone["line"]}, "value": tone["soft"]},
                    "fill": {"condition": {**ours, "value": tone["line"]}, "value": "transparent"},
                    "size": {"condition": {**ours, "value": 190}, "value": 100},
                    "tooltip": told,
                },
            },
        ],
        "config": vega.config(dark),
    }


def _error(record):
    ours = record["model"] in evidence.OURS
    spread = record.get("rmse_sd")
    spread = spread if isinstance(spread, float) and math.isfinite(spread) else None
    ends = {} if spread is None else {"low": record["rmse"] - spread, "high": record["rmse"] + spread}
    names = {
        "scheme": shown(evidence.short(record["scheme"]), limit=24),
        "model": evidence.OUR_NAME if ours else shown(record["model"], limit=24),
    }
    numbers = {name: record[name] for name in ("rmse", "mae", "bias", "n") if math.isfinite(record[name])}
    return names | numbers | ends


def coverage(records, *, dark=False):
    """Draw how often intervals held: all days, by season, predicted class and country, in the worst city.

    `records` come from :func:`coverage_parts`; the first :data:`MOST_COUNTRIES` countries are drawn.
    """
    # See app.charts.vega.of_picture.
    from airq.report import charts

    countries = [one for one in records if one["part"] == "country"]
    drawn = [one for one in records if one["part"] != "country"] + countries[:MOST_COUNTRIES]
    says = "How often the observed value lay inside its interval, by part of the days"
    return vega.of_picture(charts.coverage_by_part(drawn, name=_part), says, dark=dark)


def coverage_parts(coverage, scheme, period="day"):
    """Return the records of a scheme and period: all days, seasons, classes, worst city, countries.

    Countries stand in the order of their coverage, the lowest first.
    """
    mine = [one for one in coverage if one["scheme"] == scheme and one["period"] == period]
    rising = sorted(mine, key=lambda one: one["coverage"])
    return [
        one
        for part in ("all", "season", "predicted_class", "worst_city", "country")
        for one in (rising if part == "country" else mine)
        if one["part"] == part
    ]


def coverage_table(records):
    """Return the records of :func:`coverage_parts` as a table of numbers; shares in percent.

    Columns: `Part, Inside [%], 95 % low, 95 % high, Mean width [µg/m³], Days, Places`.
    """
    names = ["Part", "Inside [%]", "95 % low", "95 % high", f"Mean width [{theme.unit_words(PM25_UNIT)}]"]
    rows = [
        (
            _part(one),
            *(100 * one[name] for name in ("coverage", "ci_low", "ci_high")),
            *(one[name] for name in ("width", "n", "groups")),
        )
        for one in records
    ]
    return pd.DataFrame(rows, columns=[*names, "Days", "Places"])


def _part(record):
    """Name a part of the days in words short enough for an axis."""
    part, value = record["part"], record["value"]
    if part == "all":
        return "all days" if record["period"] == "day" else f"all {record['period']}s"
    if part == "country":
        return shown(theme.country_name(value), limit=24)
    if part == "worst_city":
        return f"worst: {shown(evidence.place_words(value), limit=22)}"
    if part == "predicted_class" and value in WHO_CLASSES:
        return scales.BESIDE[WHO_CLASSES.index(value)]
    return shown(SEASONS.get(value, value), limit=30)


def probabilities(records, *, dark=False):
    """Draw the share of days above each level: what the probabilities said, and what happened.

    `records` are those of exceedance of one scheme.
    """
    tone = theme.tones(dark)
    rows = [
        {
            "level": f"above {one['threshold']:g}",
            "said": one["mean_probability"],
            "happened": one["frequency"],
        }
        for one in records
    ]
    x = {"type": "quantitative", "axis": {"format": "%", "title": "Share of days"}}
    told = vega.told(("level", "Days"), ("said", "Said", ".0%"), ("happened", "Happened", ".0%"))
    return {
        "description": "Share of days above each level as predicted and as observed",
        "height": {"step": 34},
        "data": {"values": rows},
        "encoding": {
            "y": {"field": "level", "type": "nominal", "sort": None, "title": None},
            "tooltip": told,
        },
        "layer": [
            {
                "mark": {"type": "rule", "color": tone["soft"], "strokeWidth": 2},
                "encoding": {"x": {**x, "field": "said"}, "x2": {"field": "happened"}},
            },
            {
                "transform": [{"fold": ["said", "happened"]}],
                "mark": {"type": "point", "opacity": 1, "strokeWidth": 3, "filled": False, "size": 130},
                "encoding": {
                    "x": {**x, "field": "value"},
                    "color": {
                        "field": "key",
                        "scale": {"domain": ["said", "happened"], "range": [tone["second"], tone["line"]]},
                        "legend": vega.ABOVE,
                    },
                    "shape": {
                        "field": "key",
                        "scale": {"domain": ["said", "happened"], "range": ["circle", "cross"]},
                        "legend": vega.ABOVE,
                    },
                },
            },
        ],
        "config": vega.config(dark),
    }


def levels_of(path):
    """Return the levels whose probabilities a table of held-out predictions holds. [µg m⁻³]

    OSError or ValueError if it cannot be read; no level if it holds no observations.
    """
    names = _columns(path)
    return levels_in(names) if {"observed", "scheme", "city_id"} <= set(names) else []


def levels_in(columns):
    """Return levels whose probability a table holds, in rising order. [µg m⁻³]

    >>> levels_in(["pm25", "p_above_15", "p_above_37.5"])
    [15.0, 37.5]
    """
    prefix = exceedance_column(0).removesuffix("0")
    return sorted(float(name.removeprefix(prefix)) for name in columns if name.startswith(prefix))


def reliability_picture(path, scheme, level, *, dark=False, n_draws=200):
    """Draw how often a level was exceeded where its probability was said to be low, middling or high.

    `path` is held_out.parquet of an evaluation, `level` one of :func:`levels_of` [µg m⁻³]; `n_draws` samples
    of cities give the intervals. None where the scheme has no probabilities.
    """
    # See app.charts.vega.of_picture.
    from airq.report import charts
    from airq.validation.scores import reliability

    rows = _rows(path, scheme, ["city_id", "observed", exceedance_column(level)]).dropna()
    if rows.empty:
        return None
    said = rows[[exceedance_column(level)]].to_numpy(dtype="float64")
    table = reliability(rows["observed"], said, [level], rows["city_id"], n_draws=n_draws)
    says = f"How often a day was above {level:g} µg/m³, by the probability that was told"
    return vega.of_picture(charts.reliability_of_thresholds(table.assign(scheme=scheme)), says, dark=dark)


def rows_picture(path, scheme, what, *, dark=False):
    """Draw the held-out rows of a scheme in one of the ways of :data:`ROWS`; None where there are none.

    `path` is held_out.parquet of an evaluation.
    """
    # See app.charts.vega.of_picture.
    from airq.report import charts

    if not set(HELD_OUT) <= set(_columns(path)):
        return None
    rows = _rows(path, scheme, HELD_OUT).dropna(subset=["observed", "default"])
    if rows.empty:
        return None
    rows["city"] = [shown(name, limit=24) for name in rows["city"].astype("str")]
    draw = {
        "observed": charts.observed_against_predicted,
        "cities": charts.error_map,
        "classes": charts.class_confusion,
    }
    return vega.of_picture(draw[what](rows, model="default"), ROWS[what][1], dark=dark)


def _rows(path, scheme, columns):
    """Read the held-out rows of a scheme; of repeated evaluations those of the first, as files do."""
    wanted = [("scheme", "=", scheme)] + [("repeat", "=", 0)] * ("repeat" in _columns(path))
    return pq.read_table(path, columns=columns, filters=wanted, partitioning=None).to_pandas()


def _columns(path):
    try:
        return pq.read_schema(path).names
    except pa.ArrowException as error:
        raise ValueError(f"{path} is not a whole Parquet file: {str(error).splitlines()[0][:120]}") from None


def inside_scale(span="days"):
    """Return the scale of the share of days inside the model's domain: dark where few are. [%]"""
    return scales.Scale(
        "share",
        "%",
        INSIDE_EDGES,
        INSIDE_WORDS,
        tuple(reversed(theme.READABLE)),
        f"Share of {span} like those that the model was trained on",
    )

"""Pictures of how predictions met observations; records in, Plotly figures out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from airq.report.words import FIGURES, SHARES
from airq.units import PM25_UNIT, exceedance_column
from app import evidence, scales, theme
from app.text import for_plotly, shown

SEASONS = {"DJF": "Dec–Feb", "MAM": "Mar–May", "JJA": "Jun–Aug", "SON": "Sep–Nov"}
#: Symbols of the baselines, so that they differ without colour.
SYMBOLS = (
    "square-open",
    "diamond-open",
    "triangle-up-open",
    "x-open",
    "cross-open",
    "star-open",
    "hourglass-open",
    "triangle-down-open",
    "triangle-left-open",
    "triangle-right-open",
    "pentagon-open",
    "hexagon-open",
    "octagon-open",
    "star-square-open",
    "star-diamond-open",
    "bowtie-open",
)
#: Height of a part of the days in the picture of coverage, and size of its name. [px]
PART_ROW, PART_SIZE = 20, 13
#: Most countries in it.
MOST_COUNTRIES = 12
INSIDE_EDGES = (5.0, 25.0, 50.0, 75.0, 95.0)
INSIDE_WORDS = ("hardly any", "few", "less than half", "more than half", "most", "nearly all")


def evaluation_table(records):
    """The figures of an evaluation as a table of numbers.

    Parameters
    ----------
    records : list of dict
        See :func:`app.evidence.checked`.

    Returns
    -------
    DataFrame
        A row a record; columns by the headings of :data:`airq.report.words.FIGURES`, shares in percent,
        columns without a single value left out.
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


def errors_picture(records, *, dark=False, most=12):
    """Error of every scheme: the predictor's, and what other methods do on the same folds.

    Parameters
    ----------
    records : list of dict
        Records of an evaluation.
    dark : bool
        Whether the page is dark.
    most : int
        Most schemes.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    tone = theme.tones(dark)
    schemes = list(dict.fromkeys(record["scheme"] for record in records))[:most]
    records = [record for record in records if record["scheme"] in schemes and math.isfinite(record["rmse"])]
    fig = go.Figure()
    baselines = dict.fromkeys(record["model"] for record in records if record["model"] not in evidence.OURS)
    for number, model in enumerate(baselines):
        theirs = [record for record in records if record["model"] == model]
        marker = {
            "symbol": SYMBOLS[number % len(SYMBOLS)],
            "size": 12,
            "color": tone["soft"],
            "line": {"width": 2},
        }
        fig.add_trace(_dots(theirs, for_plotly(model), marker))
    marker = {"size": 17, "color": tone["line"]}
    mine = _dots(evidence.ours(records), evidence.OUR_NAME, marker)
    spread = [record.get("rmse_sd", math.nan) for record in evidence.ours(records)]
    if any(isinstance(one, float) and math.isfinite(one) for one in spread):
        mine.error_x = {"array": spread, "color": tone["line"], "thickness": 2, "width": 6}
    fig.add_trace(mine)
    theme.apply(fig, dark=dark, height=150 + 52 * len(schemes))
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=[_scheme(scheme) for scheme in schemes],
        autorange="reversed",
        type="category",
    )
    fig.update_xaxes(title="Error of a day (RMSE) [µg/m³]", rangemode="tozero")
    return fig.update_layout(margin={"t": 90}, legend={"traceorder": "reversed"})


def _dots(records, name, marker):
    return go.Scatter(
        x=[record["rmse"] for record in records],
        y=[_scheme(record["scheme"]) for record in records],
        customdata=[[record["mae"], record["bias"], record["n"]] for record in records],
        mode="markers",
        name=name,
        marker=marker,
        hovertemplate=f"<b>{name}</b>, %{{y}}<br>RMSE %{{x:.1f}}, mean error %{{customdata[0]:.1f}}, bias "
        "%{customdata[1]:+.1f} µg/m³<br>%{customdata[2]:,.0f} days<extra></extra>",
    )


def coverage_picture(coverage, scheme, *, period="day", dark=False):
    """How often intervals held: all days, by season, by predicted class, by country, in the worst city.

    Parameters
    ----------
    coverage : list of dict
        Records of coverage.
    scheme, period : str
        Which of them.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
        At most :data:`MOST_COUNTRIES` countries, those whose intervals held least.
    """
    tone = theme.tones(dark)
    records = _drawn(coverage_parts(coverage, scheme, period))
    percent = np.array([100 * record["coverage"] for record in records])
    ends = np.array([[100 * record["ci_low"], 100 * record["ci_high"]] for record in records]).reshape(-1, 2)
    fig = go.Figure(
        go.Scatter(
            x=percent,
            y=[_part(record) for record in records],
            mode="markers",
            marker={
                "size": [13 if record["part"] == "all" else 9 for record in records],
                "opacity": 1,
                "color": tone["line"],
                "symbol": ["diamond" if record["part"] == "worst_city" else "circle" for record in records],
            },
            error_x={
                "array": ends[:, 1] - percent,
                "arrayminus": percent - ends[:, 0],
                "color": tone["line"],
                "thickness": 1.5,
                "width": 4,
            },
            customdata=[[record["n"], record["groups"], record["width"]] for record in records],
            hovertemplate="<b>%{y}</b><br>%{x:.0f} % of %{customdata[0]:,.0f} in %{customdata[1]:,.0f} places"
            "<br>width %{customdata[2]:.0f} µg/m³<extra></extra>",
            showlegend=False,
        )
    )
    level = 100 * records[0]["level"] if records else 90
    fig.add_vline(x=level, line={"color": tone["second"], "width": 2, "dash": "dash"})
    fig.add_annotation(
        x=level, y=1, yref="paper", yanchor="bottom", text=f"promised {level:.0f} %", showarrow=False
    )
    theme.apply(fig, dark=dark, height=110 + PART_ROW * len(records))
    fig.update_yaxes(range=[len(records) - 0.4, -0.6], type="category", tickfont={"size": PART_SIZE})
    low = min([70.0, *percent, *ends[np.isfinite(ends)]]) if len(records) else 70.0
    fig.update_xaxes(title="Days inside their interval", ticksuffix=" %", range=[low - 3, 103])
    return fig.update_layout(margin={"t": 30})


def coverage_parts(coverage, scheme, period="day"):
    """The records of coverage of a scheme and period: all days, seasons, classes, worst city, countries.

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


def _drawn(records):
    """The parts that a picture has room for."""
    countries = [one for one in records if one["part"] == "country"]
    return [one for one in records if one["part"] != "country"] + countries[:MOST_COUNTRIES]


def coverage_table(records):
    """The figures of parts of the days as a table of numbers; shares in percent.

    Parameters
    ----------
    records : list of dict
        See :func:`coverage_parts`.

    Returns
    -------
    DataFrame
        `Part, Inside [%], 95 % low, 95 % high, Mean width [µg/m³], Days, Places`.
    """
    unit = theme.unit_words(PM25_UNIT)
    rows = [
        (
            _part(one),
            100 * one["coverage"],
            100 * one["ci_low"],
            100 * one["ci_high"],
            one["width"],
            one["n"],
            one["groups"],
        )
        for one in records
    ]
    names = ["Part", "Inside [%]", "95 % low", "95 % high", f"Mean width [{unit}]", "Days", "Places"]
    return pd.DataFrame(rows, columns=names)


def _part(record):
    """A part of the days, in words short enough for an axis."""
    part, value = record["part"], record["value"]
    if part == "all":
        return "all days" if record["period"] == "day" else f"all {record['period']}s"
    if part == "season":
        return SEASONS.get(value, for_plotly(value))
    if part == "country":
        return for_plotly(theme.country_name(value), limit=24)
    if part == "predicted_class":
        return for_plotly(value, limit=30)
    return f"worst: {for_plotly(evidence.place_words(value), limit=22)}"


def probabilities_picture(exceedance, scheme, *, dark=False):
    """Share of days above each level: what the probabilities said, and what happened.

    Parameters
    ----------
    exceedance : list of dict
        Records of exceedance.
    scheme : str
        Which of them.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    tone = theme.tones(dark)
    records = [one for one in exceedance if one["scheme"] == scheme]
    levels = [f"above {one['threshold']:g}" for one in records]
    fig = go.Figure()
    for record, level in zip(records, levels, strict=True):
        fig.add_scatter(
            x=[100 * record["mean_probability"], 100 * record["frequency"]],
            y=[level, level],
            mode="lines",
            line={"color": tone["soft"], "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    for name, field, marker in (
        (
            "said",
            "mean_probability",
            {"symbol": "circle-open", "size": 15, "color": tone["second"], "line": {"width": 3}},
        ),
        ("happened", "frequency", {"symbol": "circle", "size": 11, "color": tone["line"]}),
    ):
        fig.add_scatter(
            x=[100 * record[field] for record in records],
            y=levels,
            mode="markers",
            name=name,
            marker=marker,
            cliponaxis=False,
            hovertemplate="%{y} µg/m³: %{x:.0f} % of days " + name + "<extra></extra>",
        )
    theme.apply(fig, dark=dark, height=110 + 34 * len(records))
    fig.update_yaxes(autorange="reversed", type="category")
    top = 100 * max([one[field] for one in records for field in ("mean_probability", "frequency")], default=1)
    # Room at the left for markers at zero, which else lie over the names of the levels.
    fig.update_xaxes(title="Share of days", ticksuffix=" %", range=[-0.05 * top, 1.05 * top])
    return fig.update_layout(margin={"t": 40})


def reliability_picture(table, *, dark=False):
    """How often a level was exceeded where its probability was said to be low, middling or high.

    Parameters
    ----------
    table : DataFrame
        See :func:`reliability_table`; one level.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    tone = theme.tones(dark)
    fig = go.Figure()
    fig.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": tone["second"], "width": 2, "dash": "dash"},
        name="as often as said",
        hoverinfo="skip",
    )
    happened = 100 * table["frequency"]
    fig.add_scatter(
        x=100 * table["probability"],
        y=happened,
        mode="lines+markers",
        name="what happened",
        marker={"size": 12, "color": tone["line"]},
        line={"color": tone["line"], "width": 2},
        error_y={
            "array": (100 * table["ci_high"] - happened).fillna(0),
            "arrayminus": (happened - 100 * table["ci_low"]).fillna(0),
            "color": tone["line"],
            "thickness": 1.5,
        },
        customdata=table[["n"]],
        hovertemplate="said %{x:.0f} %, happened %{y:.0f} %<br>%{customdata[0]:,.0f} days<extra></extra>",
    )
    theme.apply(fig, dark=dark, height=380)
    fig.update_xaxes(title="Probability that was said", ticksuffix=" %", range=[-3, 103])
    fig.update_yaxes(title="Days on which it happened", ticksuffix=" %", range=[-3, 103])
    return fig


def inside_scale(span="days"):
    """The scale of the share of days inside the model's domain: dark where few are. [%]"""
    return scales.Scale(
        "share",
        "%",
        INSIDE_EDGES,
        INSIDE_WORDS,
        tuple(reversed(theme.READABLE)),
        f"Share of {span} like those that the model was trained on",
    )


def levels_in(columns):
    """Levels whose probability a table holds, in rising order. [µg m⁻³]

    >>> levels_in(["pm25", "p_above_15", "p_above_37.5"])
    [15.0, 37.5]
    """
    prefix = exceedance_column(0).removesuffix("0")
    return sorted(float(name.removeprefix(prefix)) for name in columns if name.startswith(prefix))


def _scheme(scheme):
    return for_plotly(evidence.short(scheme), limit=24)

"""Pictures for files and pages, in the grammar of Altair.

Every function returns a chart, which :func:`save` writes without network or display and a page can show as it
is. The title names what was held out, the subtitle the origin of the PM2.5 (from `metadata`, a
:class:`airq.panel.PanelMetadata`; None for none). Tables are summed up before they are drawn, so the
chart of a million rows is as small as that of a thousand.
"""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd

from airq.models import BASE, OURS, REMAINDER
from airq.panel import origin_label, origin_warning
from airq.report.words import distance_label, part_name
from airq.units import AQI_CLASSES, PM25_UNIT, aqi_class
from airq.validation.schemes import NEAR_KM

#: What a page in other colours changes for its own.
BLUE, RED, GREY, DARK, PAPER = "#2166ac", "#b2182b", "#8c8c8c", "#333333", "#ffffff"
COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566", "#777777")
PLAIN = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
LOOKS = {
    # It has the superscripts of units, and Matplotlib brings it.
    "font": "DejaVu Sans, Arial, sans-serif",
    "background": PAPER,
    "padding": 8,
    "view": {"stroke": None},
    "axis": {**PLAIN, "gridColor": "#e6e6e6"},
    "axisY": {"labelLimit": 420},
    "legend": {**PLAIN, "labelLimit": 400},
    "title": {"fontSize": 14, "subtitleFontSize": 12, "anchor": "start", "offset": 10},
}
DASHED = {"color": DARK, "strokeDash": [5, 4], "strokeWidth": 1}
#: Height of a row of bars. [px]
ROW = 20
#: Cells of the density along each axis; most bars, thresholds, places and steps of a curve that are drawn.
N_CELLS, N_BARS, N_THRESHOLDS, N_PLACES, N_STEPS = 50, 15, 4, 2000, 400
#: Baselines beside a model in a picture of errors.
N_BASELINES = 3


def save(chart, path):
    """Write a chart as PNG, SVG or PDF, whatever the name ends with."""
    _register_fonts()
    chart.save(str(path), scale_factor=1.3)


@functools.cache
def _register_fonts():
    import vl_convert

    for folder in font_folders():
        vl_convert.register_font_directory(folder)


def font_folders():
    """Return the folders of the fonts of :data:`LOOKS`, which Matplotlib brings."""
    if not (matplotlib := find_spec("matplotlib")):
        return []
    return [str(Path(matplotlib.submodule_search_locations[0], "mpl-data", "fonts", "ttf"))]


def draw_evaluation(predictions, metadata, folder, *, model=OURS):
    """Draw density, map and AQI classes of every scheme as PNG files.

    `predictions` are those of an :class:`airq.workflows.evaluate.Evaluation`; schemes that lack some of
    `model` are left out. The files are ``observed_SCHEME.png``, ``map_SCHEME.png``, ``classes_SCHEME.png``.
    """
    pictures = {"observed": observed_against_predicted, "map": error_map, "classes": class_confusion}
    for scheme, table in predictions.groupby("scheme", sort=False):
        if model in table and table[model].notna().all():
            for name, draw in pictures.items():
                save(draw(table, metadata, model=model), _file(folder, name, scheme))


def draw_uncertainty(evaluation, metadata, folder):
    """Draw coverage and reliability of every scheme as PNG files.

    `evaluation` is an :class:`airq.workflows.evaluate.Evaluation`. The files are ``coverage_SCHEME.png``
    and, where there are probabilities, ``reliability_SCHEME.png``; every model after the first has its own,
    ``coverage_SCHEME_MODEL.png``.
    """
    first = {}
    for scheme, model in dict.fromkeys((one["scheme"], _model(one)) for one in evaluation.coverage_records):
        name = [scheme] if first.setdefault(scheme, model) == model else [scheme, model]
        records = [
            one for one in evaluation.coverage_records if (one["scheme"], _model(one)) == (scheme, model)
        ]
        save(coverage_by_part(records, metadata), _file(folder, "coverage", *name))
        table = evaluation.reliability
        table = table[(table["scheme"] == scheme) & (table.get("model", OURS) == model)]
        # Three cities give intervals of a low coverage, but no probabilities.
        if len(table):
            save(reliability_of_thresholds(table, metadata), _file(folder, "reliability", *name))


def draw_distance(evaluation, metadata, folder):
    """Draw the errors by distance of every scheme that holds places out, as ``error_by_distance_SCHEME.png``.

    `evaluation` is an :class:`airq.workflows.evaluate.Evaluation`; its first model is drawn.
    """
    for scheme in dict.fromkeys(one["scheme"] for one in evaluation.distance_records):
        records = [one for one in evaluation.distance_records if one["scheme"] == scheme]
        model = next(
            (name for name in evaluation.described if name in {_model(one) for one in records}), None
        )
        if model is not None:
            others = [
                one
                for one in sorted(evaluation.records, key=lambda one: one["rmse"])
                if one["scheme"] == scheme and one["model"] not in evaluation.described
            ]
            names = [model, *(one["model"] for one in others[:N_BASELINES])]
            save(
                error_by_distance(records, metadata, models=names), _file(folder, "error_by_distance", scheme)
            )


def observed_against_predicted(table, metadata=None, *, model=OURS):
    """Draw the density of held-out rows over observed and predicted PM2.5 [µg m⁻³].

    `table` holds `scheme`, `observed` and the column of `model`. Rows are counted in 50 times 50 cells up to
    the 99.5 % quantile; the subtitle counts those beyond.
    """
    observed, predicted = (table[name].to_numpy("float64") for name in ("observed", model))
    top = float(max(np.quantile(observed, 0.995), np.quantile(predicted, 0.995), 1.0))
    edges = np.linspace(0, top, N_CELLS + 1)
    counts = np.histogram2d(observed, predicted, [edges, edges])[0]
    column, row = np.nonzero(counts)
    ends = {"x": edges[column], "x_to": edges[column + 1], "y": edges[row], "y_to": edges[row + 1]}
    cells = pd.DataFrame({**ends, "rows": counts[column, row]})
    x = _axis(alt.X, "x", f"observed PM2.5 [{PM25_UNIT}]", [0, top])
    y = _axis(alt.Y, "y", f"predicted PM2.5 [{PM25_UNIT}]", [0, top])
    color = alt.Color("rows:Q", scale=alt.Scale(type="log", scheme="viridis"))
    density = alt.Chart(cells).mark_rect().encode(x, y, color, x2="x_to", y2="y_to")
    chart = (density + _diagonal(x, y, top)).properties(width=400, height=400)
    error = float(np.sqrt(np.mean((predicted - observed) ** 2)))
    note = f"RMSE {error:.2f} {PM25_UNIT}, {len(table):,} rows"
    if beyond := int(len(table) - counts.sum()):
        note += f" ({beyond:,} beyond the axes)"
    return _titled(chart, f"Predicted and observed PM2.5, {_held_out(table.iloc[0], model)}", metadata, note)


def error_map(table, metadata=None, *, model=OURS):
    """Draw the RMSE of every city on a map, with the names of the three worst [µg m⁻³].

    `table` holds `scheme, city_id, city, latitude, longitude, observed` and the column of `model`. Of more
    than 2,000 cities one in two, three ... by rank of error is drawn.
    """
    # With it comes scikit-learn, which the other pictures do without.
    from airq.validation.scores import error_by_group

    part = table.rename(columns={"observed": "pm25"})
    cities = part.groupby("city_id")[["longitude", "latitude", "city"]].first()
    cities["rmse"] = error_by_group(part, part[model])["rmse"]
    cities = cities.sort_values("rmse", ascending=False, ignore_index=True)
    step = -(-len(cities) // N_PLACES)
    note = f"{len(cities):,} cities" + (f", one in {step} drawn" if step > 1 else "")
    cities = cities.iloc[::step]
    room = 0.5 + 0.1 * np.ptp(cities[["longitude", "latitude"]], axis=0)
    low, high = cities[["longitude", "latitude"]].min() - room, cities[["longitude", "latitude"]].max() + room
    pixels = 430 / max(high - low)
    x, y = (
        _axis(channel, name, f"{name} [°]", [low[name], high[name]])
        for channel, name in ((alt.X, "longitude"), (alt.Y, "latitude"))
    )
    color = alt.Color("rmse:Q", title=f"RMSE [{PM25_UNIT}]", scale=alt.Scale(scheme="yelloworangered"))
    dots = alt.Chart(cities[::-1]).mark_circle(size=80, stroke=DARK, strokeWidth=0.5, opacity=1)
    names = alt.Chart(_apart(cities.head(3), pixels)).encode(x, y, text="city:N")
    chart = alt.layer(dots.encode(x, y, color), *_haloed(names, dy=-12))
    chart = chart.properties(**dict(zip(("width", "height"), pixels * (high - low), strict=True)))
    return _titled(chart, f"Error of every city, {_held_out(table.iloc[0], model)}", metadata, note)


def _apart(cities, pixels):
    """Drop cities whose names would overlap that of a worse one."""
    kept = []
    for place in cities.itertuples():
        if not any(
            abs(place.latitude - other.latitude) * pixels < 16
            and abs(place.longitude - other.longitude) * pixels < 4 * len(place.city + other.city)
            for other in kept
        ):
            kept.append(place)
    return cities.loc[[place.Index for place in kept]]


def class_confusion(table, metadata=None, *, model=OURS):
    """Draw how the rows of each observed AQI class fall into predicted classes.

    `table` holds `scheme`, `observed` and the column of `model` [µg m⁻³]. A figure is a number of rows, its
    colour their share of the observed class.
    """
    from airq.validation.scores import AQI_TABLE

    classes = [aqi_class(np.maximum(table[name], 0), AQI_TABLE) for name in ("observed", model)]
    counts = np.zeros((len(AQI_CLASSES), len(AQI_CLASSES)), dtype="int64")
    np.add.at(counts, tuple(classes), 1)
    names = [name.replace("Unhealthy for Sensitive Groups", "Unhealthy, sensitive") for name in AQI_CLASSES]
    row, column = np.indices(counts.shape).reshape(2, -1)
    cells = pd.DataFrame({"observed": np.take(names, row), "predicted": np.take(names, column)})
    cells = cells.assign(
        rows=counts.ravel(), share=(100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).ravel()
    )
    tilted = alt.Axis(labelAngle=-35)
    base = alt.Chart(cells).encode(
        alt.X("predicted:N", sort=names, title=f"predicted class ({AQI_TABLE})", axis=tilted),
        alt.Y("observed:N", sort=names, title="observed class"),
    )
    scale = alt.Scale(scheme="blues", domain=[0, 100])
    color = alt.Color("share:Q", scale=scale, title=["share of the", "observed class [%]"])
    light = alt.condition("datum.share > 60", alt.value("white"), alt.value("black"))
    figures = base.mark_text(fontSize=12).encode(text=alt.Text("rows:Q", format=","), color=light)
    chart = (base.mark_rect().encode(color) + figures).properties(width=alt.Step(62), height=alt.Step(40))
    title = f"Observed and predicted AQI classes, {_held_out(table.iloc[0], model)}"
    return _titled(chart, title, metadata, f"{len(table):,} rows")


def coverage_by_part(records, metadata=None, *, name=part_name):
    """Draw the coverage of the days' intervals in every part of the held-out rows [%].

    `records` are those of one scheme and model, see :func:`airq.validation.scores.coverage_table`; `name`
    says which part one of them is about.
    """
    days = [one for one in records if one["period"] == "day"]
    shares = 100 * pd.DataFrame(days)[["coverage", "ci_low", "ci_high"]].astype("float64")
    shares.columns = ["value", "low", "high"]
    table = shares.assign(label=[f"{name(one)} ({one['n']:,.0f})" for one in days], color=BLUE)
    asked = 100 * float(days[0]["level"])
    title = f"rows inside their {asked:g} % interval [%]"
    chart = _forest(table, title, asked, [min(60.0, shares.min().min()) - 2, 102])
    note = "bar: 95 % interval, places resampled; in brackets: rows"
    return _titled(chart, f"Coverage of the intervals, {_held_out(days[0])}", metadata, note)


def error_by_distance(records, metadata=None, *, models=(OURS,)):
    """Draw the RMSE [µg m⁻³] by distance to the nearest training site, and the coverage below [%].

    `records` are those of one scheme, see :func:`airq.validation.parts.error_by_distance`; of them `models`
    are drawn, the first with its coverage and its number of places.
    """
    chosen = sorted((one for one in records if _model(one) in models), key=lambda one: one["low_km"])
    table = pd.DataFrame(chosen)[["model", "places", "rmse", "coverage"]]
    table["coverage"] = 100 * table["coverage"].astype("float64")
    table["km"] = [distance_label(one) for one in chosen]
    ours = table[table["model"] == models[0]]
    title = "distance to the nearest training site [km]"
    x = alt.X("km:N", sort=list(table["km"].unique()), title=title, axis=alt.Axis(labelAngle=0))
    colors = alt.Scale(domain=list(models), range=[BLUE, *COLORS[1 : len(models)]])
    y = alt.Y("rmse:Q", title=f"RMSE [{PM25_UNIT}]")
    base = alt.Chart(table).encode(x, y, alt.Color("model:N", title=None, scale=colors))
    # Above the axis they do not hide the errors.
    figures = alt.Chart(ours).encode(x, text=alt.Text("places:Q", format=","), y=alt.value(210))
    layers = base.mark_line(), base.mark_circle(size=60, opacity=1), *_haloed(figures)
    panes = [alt.layer(*layers).properties(width=480, height=220)]
    if ours["coverage"].notna().any():
        low = min(50.0, ours["coverage"].min() - 2)
        below = alt.Chart(ours).encode(x, _axis(alt.Y, "coverage", "coverage [%]", [low, 102]))
        below = below.mark_line(color=BLUE) + below.mark_circle(size=60, opacity=1, color=BLUE)
        panes.append(below.properties(width=480, height=110))
    title = f"Error by distance, {_held_out(chosen[0], models[0])}"
    return _titled(alt.vconcat(*panes), title, metadata, "figures above the axis: places at that distance")


def drop_score_bars(records, metadata=None):
    """Draw what every product saves in error, with its interval [µg m⁻³].

    `records` are those of one scheme, see :func:`airq.workflows.explain.drop_product_scores`.
    """
    names = {"product": "label", "increase": "value", "ci_low": "low", "ci_high": "high"}
    table = pd.DataFrame(records)[list(names)].rename(columns=names)
    sign = np.where(table["value"] > 0, RED, BLUE)
    table["color"] = np.where(table["low"] * table["high"] > 0, sign, GREY)
    chart = _forest(table, f"RMSE without it minus RMSE with it [{PM25_UNIT}]", 0.0)
    note = f"right of zero it helps; bar: 95 % interval, {records[0]['resampled']} resampled; grey: unclear"
    return _titled(chart, f"Drop-product scores, held out by {records[0]['scheme']}", metadata, note)


def _forest(table, title, at, domain=None):
    """Draw a row for each `label`, `value` with its interval (`low, high`), and a dashed line at `at`."""
    x, y = _axis(alt.X, "value", title, domain), alt.Y("label:N", sort=list(table["label"]), title=None)
    rows = alt.Chart(table).encode(y, alt.Color("color:N", scale=None, legend=None))
    bars = rows.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2, opacity=0.6)
    line = alt.Chart(pd.DataFrame({"value": [at]})).mark_rule(**DASHED).encode(x)
    layers = line, bars.encode(x="low:Q", x2="high"), rows.mark_circle(size=65, opacity=1).encode(x)
    return alt.layer(*layers).properties(width=430, height=alt.Step(ROW))


def reliability_of_thresholds(table, metadata=None):
    """Draw how often thresholds were exceeded against the predicted probability [%].

    `table` holds one scheme and model, see :func:`airq.validation.scores.reliability`. The four thresholds
    with the most rows between 5 and 95 % are drawn.
    """
    middling = table["n"].where(table["low"].between(0.05, 0.95, inclusive="left"), 0)
    rows = middling.groupby(table["threshold"]).sum().sort_values(ascending=False, kind="stable")
    chosen = sorted(rows.index[:N_THRESHOLDS])
    table = table[table["threshold"].isin(chosen)]
    # Side by side, so that bars do not cover each other.
    shift = 0.6 * (table["threshold"].map(chosen.index) - (len(chosen) - 1) / 2)
    shares = 100 * table[["probability", "frequency", "ci_low", "ci_high"]].astype("float64")
    shares = shares.assign(probability=shares["probability"] + shift)
    shares["above"] = [f"{threshold:g} {PM25_UNIT}" for threshold in table["threshold"]]
    names = {"sort": [f"{threshold:g} {PM25_UNIT}" for threshold in chosen], "title": "days above"}
    scale = alt.Scale(range=COLORS[:N_THRESHOLDS])
    x = _axis(alt.X, "probability", "predicted probability [%]", [-2, 102])
    y = _axis(alt.Y, "frequency", "observed share of days [%]", [-2, 102])
    base = alt.Chart(shares).encode(x, alt.Color("above:N", scale=scale, **names))
    bars = base.transform_filter("isValid(datum.ci_low)").mark_rule(strokeWidth=0.8)
    dots = base.mark_point(size=60, filled=True, opacity=1).encode(y, alt.Shape("above:N", **names))
    layers = base.mark_line().encode(y), _diagonal(x, y, 100), bars.encode(y="ci_low:Q", y2="ci_high"), dots
    chart = alt.layer(*layers).properties(width=380, height=380)
    title = f"Probability of a day above a threshold, {_held_out(table.iloc[0])}"
    return _titled(chart, title, metadata, "bar: 95 % interval, places resampled")


def importance_bars(importance, metadata=None):
    """Draw the mean size of the contributions by product, and by the most important columns [µg m⁻³].

    `importance` comes from :meth:`airq.models.explanation.Contributions.importance`.
    """
    title = f"mean size of the contribution [{PM25_UNIT}]"
    panes = []
    for by in ("product", "column"):
        part = importance[(importance["by"] == by) & (importance["importance"] > 0)].head(N_BARS)
        bars = alt.Chart(part[["name", "importance"]]).mark_bar(color=BLUE)
        bars = bars.encode(alt.X("importance:Q", title=title), alt.Y("name:N", sort=None, title=f"by {by}"))
        panes.append(bars.properties(width=290, height=alt.Step(ROW)))
    note = f"{int(importance['rows'].iloc[0]):,} rows"
    return _titled(alt.hconcat(*panes), "What the predictions rest on", metadata, note)


def dependence_curves(dependence, metadata=None):
    """Draw the mean prediction against the value of every column; dots are quantiles [µg m⁻³].

    `dependence` comes from :meth:`airq.models.explanation.Contributions.dependence`.
    """
    limits = [float(dependence["pm25"].min()), float(dependence["pm25"].max())]
    panes = []
    for name, table in dependence.groupby("column", sort=False):
        axis = alt.Axis(titleLimit=215, tickCount=4)
        curve = alt.Chart(table[["value", "pm25"]]).mark_line(color=BLUE, point={"size": 18, "color": BLUE})
        curve = curve.encode(
            _axis(alt.X, "value", f"{name} [{table['unit'].iloc[0]}]", axis=axis),
            _axis(alt.Y, "pm25", f"mean prediction [{PM25_UNIT}]", limits),
        )
        panes.append(curve.properties(width=215, height=150))
    note = "the model's response to one column, not an effect in nature"
    return _titled(alt.concat(*panes, columns=3), "How predictions depend on a column", metadata, note)


def contribution_bars(table, title, metadata=None, *, names=None):
    """Draw one prediction from the base to its value, product by product [µg m⁻³].

    `table` comes from :meth:`airq.models.explanation.Contributions.table` for one row; `title` names it;
    `names` are words for products.
    """
    amounts = table["contribution"]
    base, prediction = float(amounts[table["product"] == BASE].iloc[0]), float(amounts.sum())
    steps = table[(table["product"] != BASE) & ((amounts != 0) | (table["product"] == REMAINDER))]
    steps = steps[["product", "contribution"]].assign(end=base + steps["contribution"].cumsum())
    steps["start"] = steps["end"] - steps["contribution"]
    steps["right"] = steps[["start", "end"]].max(axis=1)
    steps["product"] = [(names or {}).get(product, product) for product in steps["product"]]
    low, high = min(base, steps["end"].min()), max(base, steps["end"].max())
    room = 0.1 * max(high - low, 0.1)
    at = functools.partial(_axis, title=f"PM2.5 [{PM25_UNIT}]", domain=[low - room / 3, high + room])
    rows = alt.Chart(steps).encode(alt.Y("product:N", sort=None, title=None))
    sign = alt.condition("datum.contribution > 0", alt.value(RED), alt.value(BLUE))
    amount = rows.encode(at(alt.X, "right"), alt.Text("contribution:Q", format="+.1f"))
    lines = alt.Chart(pd.DataFrame({"at": [base, prediction], "line": ["base", "prediction"]})).mark_rule()
    dashes = alt.StrokeDash("line:N", title=None, scale=alt.Scale(range=[[2, 3], [6, 4]]))
    bars = rows.mark_bar().encode(at(alt.X, "start"), x2="end", color=sign)
    chart = alt.layer(bars, lines.encode(at(alt.X, "at"), dashes), *_haloed(amount, align="left", dx=4))
    chart = chart.properties(width=430, height=alt.Step(ROW))
    return _titled(chart, title, metadata, f"base {base:.1f}, prediction {prediction:.1f} {PM25_UNIT}")


def distance_curves(comparison, metadata=None):
    """Draw the distances of cities to predict and of held-out sites [km].

    `comparison` is an :class:`airq.validation.proximity.Proximity`. Above is a histogram of the cities beside
    the scheme that applies, below are cumulative shares; schemes of the same distances share a curve.
    """
    groups = _distances(comparison)
    names, applies = list(groups), comparison.nearest_scheme is not None
    top = 1.001 * max(10 * NEAR_KM, *(values.max() for values in groups.values()))
    edges = np.geomspace(NEAR_KM, top, 25)
    ticks = [step * 10**power for power in range(5) for step in (1, 2, 5) if step * 10**power <= top]
    axis = alt.Axis(values=ticks, format=",d", labelOverlap=True)
    at = functools.partial(_axis, alt.X, "km", domain=[NEAR_KM, top], type="log", axis=axis)
    colors = [DARK, *(COLORS * len(names))[: len(names) - 1]]
    color = alt.Color("group:N", title=None, scale=alt.Scale(domain=names, range=colors))
    share, nearer = (alt.Y("share:Q", title=f"share of places{more} [%]") for more in ("", " nearer"))
    bars = [_histogram(name, groups[name], edges) for name in names[: 2 if applies else 1]]
    above = alt.Chart(pd.concat(bars)).mark_rect(opacity=0.55)
    above = above.encode(at(title=None), share, color, x2="km_to", y2=alt.datum(0))
    title = f"distance to the nearest training site [km], {NEAR_KM:g} or less at the left"
    # Where two curves are the same, the thin one is drawn over the thick one.
    looks = [
        {"strokeDash": [6, 4], "strokeWidth": 2.5},
        {"strokeWidth": 5},
        *[{"strokeWidth": 1.8}] * len(names),
    ]
    below = [
        alt.Chart(_cumulative(name, groups[name]))
        .mark_line(interpolate="step-after", **look)
        .encode(at(title=title), nearer, color)
        for name, look in zip(names, looks, strict=False)
    ]
    below = alt.layer(*below[1:], below[0])
    panes = above.properties(width=480, height=150), below.properties(width=480, height=230)
    return _titled(alt.vconcat(*panes), "Distance to the nearest training site", metadata)


def _distances(comparison):
    """Return distances [km] by name: the cities, the scheme that applies, the other schemes."""
    applies = comparison.nearest_scheme and comparison.nearest_scheme["scheme"]
    shared = {}
    for scheme, values in comparison.held_out.items():
        shared.setdefault(tuple(np.sort(values).round(6)), []).append(scheme)
    groups = {"cities to predict": comparison.cities["distance_km"].to_numpy()}
    for values, schemes in sorted(shared.items(), key=lambda item: applies not in item[1]):
        groups[f"held out by {', '.join(schemes)}" + " (nearest)" * (applies in schemes)] = np.array(values)
    return {name: np.maximum(values, NEAR_KM) for name, values in groups.items()}


def _histogram(name, values, edges):
    share = 100 * np.histogram(values, edges)[0] / len(values)
    return pd.DataFrame({"group": name, "km": edges[:-1], "km_to": edges[1:], "share": share})


def _cumulative(name, values):
    """Return the steps of an empirical distribution, not more than can be seen."""
    share = np.linspace(0, 1, min(len(values), N_STEPS) + 1)
    km = np.quantile(values, share, method="inverted_cdf")
    return pd.DataFrame({"group": name, "km": km, "share": 100 * share})


def _axis(channel, field, title, domain=None, *, axis=alt.Undefined, **scale):
    """Return an axis of numbers that need not begin at zero."""
    scale = alt.Scale(zero=False, **scale, **({"domain": domain, "nice": False} if domain else {}))
    return channel(f"{field}:Q", title=title, scale=scale, axis=axis)


def _haloed(chart, **look):
    """Return layers of text that stays legible over marks."""
    return chart.mark_text(stroke=PAPER, strokeWidth=4, **look), chart.mark_text(**look)


def _diagonal(x, y, top):
    ends = pd.DataFrame({one.shorthand.removesuffix(":Q"): [0, top] for one in (x, y)})
    return alt.Chart(ends).mark_line(**DASHED).encode(x, y)


def _titled(chart, title, metadata, note=""):
    """Add the title, a subtitle of origin and note, and the looks."""
    origin = f"PM2.5: {origin_label(metadata)}" if metadata else ""
    color = RED if metadata and origin_warning(metadata) else DARK
    subtitle = "; ".join(filter(None, [origin, note]))
    return chart.properties(title=alt.Title(title, subtitle=subtitle, subtitleColor=color)).configure(**LOOKS)


def _held_out(record, model=None):
    model = model or _model(record)
    return f"held out by {record['scheme']}" + (f" ({model})" if model != OURS else "")


def _model(record):
    return record.get("model", OURS)


def _file(folder, *parts):
    return Path(folder, "_".join(re.sub(r"[^\w.-]+", "_", part) for part in parts) + ".png")

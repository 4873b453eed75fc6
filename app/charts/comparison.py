"""Charts of a comparison for rare classes: Vega-Lite for a light or `dark` page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from app import theme
from app.charts import vega
from app.text import shown

#: Told apart by all kinds of colour vision (Okabe & Ito 2008), lighter on a dark page.
PALETTE = {
    "light": ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    "dark": ("#56B4E9", "#ff8c42", "#2fbf8f", "#e3a1c6", "#f0c04a", "#9ec7e8"),
}
#: Dashes of lines that stay as trained. [px]
BROKEN = ([2, 3], [7, 4], [8, 3, 2, 3], [12, 4])
NONE = "as they are"
#: Fewer test rows in a bin say too little of the share that comes true.
FEWEST_IN_BIN = 10
#: Classes at most that are drawn one by one.
MOST_CLASSES = 6
#: Marks of the axis of shares.
TICKS = (0.01, 0.1, 0.5, 0.9, 0.99)
_ROWS = {"type": "nominal", "sort": None, "axis": {"title": None, "ticks": False, "labelLimit": 230}}


def palette(dark):
    """Return the colours of lines and marks."""
    return PALETTE["dark" if dark else "light"]


def names(table):
    """Name every row: the strategy, with the model where there are several."""
    several = table["model"].nunique() > 1
    return [
        shown(f"{row.strategy}, {row.model}" if several else row.strategy, limit=32)
        for row in table[["strategy", "model"]].itertuples()
    ]


def differences(table, *, dark=False):
    """Draw the paired difference to none of every strategy with its 95 % interval. [nats]

    `table` holds `strategy, model, vs_none, ci_low, ci_high`.
    """
    table = table[table["strategy"] != NONE]
    heading = "log loss minus that of none, same folds [nats]"
    return _rows(table, "vs_none", table["ci_low"], table["ci_high"], heading, dark, zero=True)


def losses(table, *, dark=False):
    """Draw the mean log loss of every strategy with its standard deviation over folds. [nats]

    `table` holds `strategy, model, log_loss, log_loss_sd`.
    """
    middle, spread = table["log_loss"], table["log_loss_sd"]
    heading = "log loss on the target population [nats]"
    return _rows(table, "log_loss", middle - spread, middle + spread, heading, dark)


def family_means(table, *, dark=False):
    """Draw the mean difference to none over families of sets, with its 95 % interval. [nats]

    `table` holds `strategy, model, vs_none, low, high`.
    """
    table = table[table["strategy"] != NONE]
    heading = "log loss minus that of none, mean over families [nats]"
    return _rows(table, "vs_none", table["low"], table["high"], heading, dark, zero=True)


def _rows(table, column, low, high, heading, dark, *, zero=False):
    """Draw a dot a row with its interval, coloured by model; a line at zero where it is asked for."""
    tone, models = theme.tones(dark), [shown(one) for one in table["model"].unique()]
    rows = pd.DataFrame({"name": names(table), "value": table[column], "low": low, "high": high})
    rows["model"] = [shown(one) for one in table["model"]]
    x = {"type": "quantitative", "title": heading, "scale": {"zero": False}}
    ends = (("value", "Value", ".4f"), ("low", "Low", ".4f"), ("high", "High", ".4f"))
    by_model = {
        "field": "model",
        "scale": {"domain": models},
        "legend": vega.ABOVE if len(models) > 1 else None,
    }
    colours = {**by_model, "scale": {**by_model["scale"], "range": list(palette(dark))}}
    line = {
        "data": {"values": [{"at": 0}]},
        "mark": {"type": "rule", "color": tone["soft"]},
        "encoding": {"x": {**x, "field": "at"}, "y": None},
    }
    rule = {
        "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
        "mark": {"type": "rule", "color": tone["soft"], "strokeWidth": 1.6},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
    }
    dot = {
        "mark": {"type": "point", "filled": True, "opacity": 1, "size": 90},
        "encoding": {
            "x": {**x, "field": "value"},
            "color": colours,
            "shape": by_model,
            "tooltip": vega.told(("name", "Strategy"), *ends),
        },
    }
    return {
        "description": f"By strategy: {heading}",
        "height": {"step": 32},
        "data": {"values": _records(rows)},
        "encoding": {"y": {"field": "name", **_ROWS}},
        "layer": [line, rule, dot] if zero else [rule, dot],
        "config": vega.config(dark),
    }


def set_differences(sets, *, dark=False):
    """Draw the difference to none of every strategy on every set of a suite, as a map of cells. [nats]

    `sets` holds `set, strategy, model, vs_none, ci_low, ci_high` of one model; bold where the interval leaves
    zero out.
    """
    sets = sets[sets["strategy"] != NONE]
    order = sets.groupby("strategy")["vs_none"].mean().sort_values().index
    sets = sets.assign(clear=(sets["ci_high"] < 0) | (sets["ci_low"] > 0)).sort_values(
        "strategy", key=lambda column: column.map(list(order).index), kind="stable"
    )
    cells = pd.DataFrame({"set": [shown(one, limit=18) for one in sets["set"]], "value": sets["vs_none"]})
    cells["name"], cells["clear"] = names(sets), sets["clear"].to_numpy()
    most = max(float(sets["vs_none"].abs().max()), 1e-9)
    axis = {"title": None, "orient": "top", "ticks": False, "labelLimit": 120}
    told = vega.told(("name", "Strategy"), ("set", "Set"), ("value", "Against none [nats]", "+.4f"))
    scale = {"scheme": "redblue", "reverse": True, "domain": [-most, most]}
    text = {"field": "value", "format": "+.2f"}
    ink = {"value": "black", "condition": {"test": f"abs(datum.value) > {0.6 * most}", "value": "white"}}
    figures = [
        {
            "transform": [{"filter": f"datum.clear == {wanted}"}],
            "mark": {"type": "text", "fontWeight": weight},
            "encoding": {"text": text, "color": ink},
        }
        for wanted, weight in (("true", "bold"), ("false", "normal"))
    ]
    colour = {"field": "value", "type": "quantitative", "scale": scale, "legend": None}
    return {
        "description": "Log loss minus that of none by strategy and set, in nats",
        "height": {"step": 34},
        "data": {"values": _records(cells)},
        "encoding": {
            "x": {"field": "set", "type": "nominal", "sort": None, "axis": axis},
            "y": {"field": "name", **_ROWS},
            "tooltip": told,
        },
        "layer": [{"mark": "rect", "encoding": {"color": colour}}, *figures],
        "config": vega.config(dark),
    }


def class_shares(settings, scores, *, dark=False):
    """Draw the class shares of the target, of the training rows, and those that each strategy predicts for.

    `settings` holds `classes, target_prior, training_prior`, `scores` holds `strategy` and `prior_CLASS`, a
    row a fold. Classes beyond the six largest of the training rows are one piece.
    """
    training = list(settings["training_prior"].values())
    classes = [str(name) for name in settings["classes"]]
    seen = scores.groupby("strategy", sort=False)[[f"prior_{name}" for name in classes]].mean()
    rows = [list(settings["target_prior"].values()), training, *seen.to_numpy().tolist()]
    shares = np.array(rows, dtype="float64")
    shares /= shares.sum(axis=1, keepdims=True)
    labels = ["target", "training rows", *(shown(name, limit=32) for name in seen.index)]
    largest = sorted(range(len(classes)), key=lambda place: -training[place])
    pieces = {shown(classes[place], limit=24): [place] for place in sorted(largest[:MOST_CLASSES])}
    if others := largest[MOST_CLASSES:]:
        pieces[f"{len(others)} more"] = others
    table = pd.DataFrame({piece: shares[:, columns].sum(axis=1) for piece, columns in pieces.items()})
    until = table.cumsum(axis=1)
    cells = [
        {"name": label, "class": piece, "share": share, "from": end - share, "until": end}
        for piece in table
        for label, share, end in zip(labels, table[piece].tolist(), until[piece].tolist(), strict=True)
    ]
    colours = [*palette(dark)[: min(len(pieces), MOST_CLASSES)], theme.tones(dark)["soft"]][: len(pieces)]
    scale = {"domain": list(pieces), "range": colours}
    x = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "title": "share of the class"},
    }
    told = vega.told(("name", "Name"), ("class", "Class"), ("share", "Share", ".1%"))
    return {
        "description": "Class shares of the target, of the training rows, and of each strategy",
        "height": {"step": 32},
        "data": {"values": cells},
        "encoding": {"y": {"field": "name", **_ROWS}, "tooltip": told},
        "layer": [
            {
                "mark": "bar",
                "encoding": {
                    "x": {**x, "field": "from"},
                    "x2": {"field": "until"},
                    "color": {"field": "class", "scale": scale, "legend": vega.ABOVE},
                },
            },
            {
                "transform": [
                    {"filter": "datum.share > 0.06"},
                    {"calculate": "(datum.from + datum.until) / 2", "as": "middle"},
                ],
                "mark": {"type": "text", "color": "white" if not dark else "black"},
                "encoding": {"x": {**x, "field": "middle"}, "text": {"field": "share", "format": ".0%"}},
            },
        ],
        "config": vega.config(dark),
    }


def reliability(bins, chosen, *, label, dark=False):
    """Draw the share that came true against the probability told, for one class on the target population.

    `bins` holds `strategy, model, class, bin, predicted, observed, rows`; `chosen` are the (strategy, model)
    to draw. Bins of fewer than ten test rows are hollow.
    """
    own, tone = _chosen(bins[bins["class"] == label].sort_values("bin"), chosen), theme.tones(dark)
    domain = {"domain": [-0.02, 1.02], "nice": False}
    axes = {
        "x": {
            "field": "predicted",
            "type": "quantitative",
            "scale": domain,
            "title": f"probability of {shown(label, limit=24)} told",
        },
        "y": {"field": "observed", "type": "quantitative", "scale": domain, "title": "share that came true"},
    }
    shares = (("predicted", "Predicted", ".1%"), ("observed", "Observed", ".1%"))
    told = vega.told(("name", "Strategy"), ("rows", "Test rows", ",.0f"), *shares)
    diagonal = {
        "data": {"values": [{"predicted": 0, "observed": 0}, {"predicted": 1, "observed": 1}]},
        "mark": {"type": "line", "strokeDash": [5, 4], "color": tone["soft"], "strokeWidth": 1.2},
        "encoding": axes,
    }
    hollow = {"test": f"datum.rows < {FEWEST_IN_BIN}", "value": tone["page"]}
    colour = _colours(own, dark)
    marks = {
        "mark": {"type": "point", "opacity": 1, "filled": False, "strokeWidth": 2},
        "encoding": {
            **axes,
            "color": colour,
            "shape": {"field": "name", "scale": {"domain": colour["scale"]["domain"]}, "legend": vega.ABOVE},
            "fill": {"condition": hollow, "field": "name", "scale": colour["scale"], "legend": None},
            "size": {"field": "rows", "type": "quantitative", "scale": {"range": [40, 260]}, "legend": None},
            "tooltip": told,
        },
    }
    lines = {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": {**axes, "color": colour}}
    return _curves(own, [diagonal, lines, marks], f"Reliability for {shown(label, limit=24)}", dark)


def sweep(table, settings, chosen, *, dark=False):
    """Draw the log loss along populations in which the rarest class has ever more of the rows. [nats]

    `table` holds `strategy, model, share, log_loss, follows`, `settings` holds `rarest, target_prior,
    training_prior`; `chosen` are the (strategy, model) to draw. Solid lines follow the population, broken
    ones stay as trained.
    """
    own, tone = _chosen(table.sort_values("share"), chosen), theme.tones(dark)
    own["at"] = _logit(own["share"])
    follows = own.groupby("name", sort=False)["follows"].all()
    highest = 1.0
    if len(own):
        # What is far above the others runs out of the picture.
        highest = 1.05 * min(own["log_loss"].max(), 3 * own.groupby("share")["log_loss"].median().max())
    heading = f"share of {shown(settings['rarest'], limit=24)} in the population"
    ticks = {"values": _logit(TICKS).tolist(), "labelExpr": "format(1 / (1 + exp(-datum.value)), '.0%')"}
    x = {"field": "at", "type": "quantitative", "axis": {"title": heading, **ticks}, "scale": {"zero": False}}
    y = {
        "field": "log_loss",
        "type": "quantitative",
        "title": "log loss [nats]",
        "scale": {"domain": [0, highest]},
    }
    priors = {word: settings[f"{word}_prior"][settings["rarest"]] for word in ("target", "training")}
    marks = [{"at": float(_logit(one)), "word": word} for word, one in priors.items() if 0 < one < 1]
    told = vega.told(("name", "Strategy"), ("share", "Share", ".1%"), ("log_loss", "Log loss [nats]", ".3f"))
    dashes = {
        "field": "name",
        "scale": {
            "domain": list(follows.index),
            "range": [[1, 0] if one else BROKEN[at % len(BROKEN)] for at, one in enumerate(follows)],
        },
        "legend": vega.ABOVE,
    }
    layers = [
        {"data": {"values": marks}, "mark": {"type": "rule", "color": tone["soft"]}, "encoding": {"x": x}},
        {
            "data": {"values": marks},
            "mark": {"type": "text", "align": "left", "dx": 4, "dy": 8, "color": tone["text"]},
            "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "word"}},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.2, "clip": True},
            "encoding": {"x": x, "y": y, "color": _colours(own, dark), "strokeDash": dashes, "tooltip": told},
        },
    ]
    return _curves(own, layers, f"Log loss by the {heading}", dark)


def alarm_curves(curve, *, dark=False):
    """Draw the recall of hazardous days against false alarms, on held-out rows.

    `curve` holds `method, recall, false_alarm_rate`.
    """
    own = curve[curve["false_alarm_rate"] > 0]
    own = own.assign(name=[shown(one, limit=32) for one in own["method"]])
    axis = {
        "format": ".1%",
        "values": [0.001, 0.01, 0.05, 0.1, 0.5],
        "title": "false alarms, share of the other days",
    }
    x = {"field": "false_alarm_rate", "type": "quantitative", "scale": {"type": "log"}, "axis": axis}
    y = {
        "field": "recall",
        "type": "quantitative",
        "title": "recall of days above the level",
        "axis": {"format": "%"},
    }
    alarms = ("false_alarm_rate", "False alarms", ".2%")
    told = vega.told(("name", "Method"), ("recall", "Recall", ".1%"), alarms)
    encoding = {"x": x, "y": y, "color": _colours(own, dark), "tooltip": told}
    mark = {"type": "line", "strokeWidth": 2, "interpolate": "step-after"}
    return _curves(own, [{"mark": mark, "encoding": encoding}], "Recall against false alarms", dark)


def _chosen(table, chosen):
    """Return the rows of some strategies and models, with their name, in the order of the choice."""
    parts = [table[(table["strategy"] == strategy) & (table["model"] == model)] for strategy, model in chosen]
    own = pd.concat(parts) if parts else table.iloc[:0]
    return own.assign(name=names(own))


def _colours(own, dark):
    scale = {"domain": list(dict.fromkeys(own["name"])), "range": list(palette(dark))}
    return {"field": "name", "type": "nominal", "scale": scale, "legend": vega.ABOVE}


def _curves(own, layers, what, dark):
    data = {"description": what, "height": 420, "data": {"values": _records(own)}}
    return {**data, "layer": layers, "config": vega.config(dark)}


def _records(table):
    """Return rows as plain values; what is missing is None."""
    return table.astype("object").where(table.notna(), None).to_dict("records")


def _logit(share):
    share = np.asarray(share, dtype="float64")
    return np.log(share / (1 - share))

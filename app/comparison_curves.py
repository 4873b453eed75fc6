"""Curves and shares of a comparison for rare classes: tables in, Plotly figures out."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app import theme
from app.comparison_charts import SYMBOLS, palette
from app.text import for_plotly

BROKEN = ("dot", "dash", "dashdot", "longdash")
#: Fewer test rows in a bin say too little of the share that comes true.
FEWEST_IN_BIN = 10
#: Classes at most that are drawn one by one.
MOST_CLASSES = 6
#: Marks of the axis of shares.
TICKS = (0.01, 0.1, 0.5, 0.9, 0.99)


def class_shares(settings, scores, *, dark=False):
    """Class shares of the target, of the training rows, and those that each strategy predicts for.

    Parameters
    ----------
    settings : dict
        `classes, target_prior, training_prior` of a comparison.
    scores : DataFrame
        `strategy` and `prior_CLASS`, a row per fold.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
        Classes beyond the six largest of the training rows are one piece.
    """
    training = settings["training_prior"]
    classes = [str(name) for name in settings["classes"]]
    seen = scores.groupby("strategy", sort=False)[[f"prior_{name}" for name in classes]].mean()
    rows = [list(settings["target_prior"].values()), list(training.values()), *seen.to_numpy().tolist()]
    shares = np.array(rows, dtype="float64")
    shares /= shares.sum(axis=1, keepdims=True)
    labels = ["target", "training rows", *(for_plotly(name, limit=32) for name in seen.index)]
    fig = go.Figure()
    for piece, columns, colour in _pieces(classes, training, dark):
        part = shares[:, columns].sum(axis=1)
        hover = [
            f"{label}<br>{piece}: {share:.1%}" for label, share in zip(labels, part.tolist(), strict=True)
        ]
        fig.add_bar(
            x=part,
            y=np.arange(len(labels)),
            orientation="h",
            name=piece,
            marker={"color": colour, "line": {"width": 0}},
            text=[f"{share:.0%}" if share > 0.06 else "" for share in part],
            textposition="inside",
            textangle=0,
            hovertext=hover,
            hoverinfo="text",
        )
    theme.apply(fig, dark=dark, height=120 + 32 * len(labels))
    fig.update_layout(barmode="stack", bargap=0.25, showlegend=True, legend={"traceorder": "normal"})
    fig.update_xaxes(title="share of the class", range=[0, 1], tickformat=".0%")
    fig.add_hline(y=1.5, line={"color": theme.tones(dark)["soft"], "width": 1})
    return fig.update_yaxes(
        tickvals=np.arange(len(labels)), ticktext=labels, range=[len(labels) - 0.4, -0.6], showgrid=False
    )


def _pieces(classes, training, dark):
    """Name, columns and colour of the classes, the smallest of many taken together."""
    largest = sorted(range(len(classes)), key=lambda place: -list(training.values())[place])
    alone = sorted(largest[:MOST_CLASSES])
    pieces = [
        (for_plotly(classes[place], limit=24), [place], palette(dark)[number])
        for number, place in enumerate(alone)
    ]
    others = sorted(largest[MOST_CLASSES:])
    if others:
        pieces.append((f"{len(others)} more", others, theme.tones(dark)["soft"]))
    return pieces


def reliability(bins, chosen, *, label, dark=False):
    """Share that came true against the probability told, for one class on the target population.

    Parameters
    ----------
    bins : DataFrame
        `strategy, model, class, bin, predicted, observed, rows`.
    chosen : sequence of (strategy, model)
        Which lines.
    label : str
        The class.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
        Bins of fewer than ten test rows are hollow, and no line leads to them.
    """
    tone, bins = theme.tones(dark), bins[bins["class"] == label].sort_values("bin")
    fig = go.Figure()
    fig.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="as told", hoverinfo="skip",
        line={"color": tone["soft"], "dash": "dash", "width": 1.2},
    )  # fmt: skip
    several = len({model for _, model in chosen}) > 1
    for number, (strategy, model) in enumerate(chosen):
        own = bins[(bins["strategy"] == strategy) & (bins["model"] == model)]
        name = for_plotly(f"{strategy}, {model}" if several else strategy, limit=32)
        fig.add_trace(_reliability_line(own, name, number, dark))
    theme.apply(fig, dark=dark, height=470)
    fig.update_xaxes(title=f"probability of {for_plotly(label, limit=24)} told", range=[-0.02, 1.02])
    return fig.update_yaxes(title="share that came true", range=[-0.02, 1.02])


def _reliability_line(bins, name, number, dark):
    colour, sound = palette(dark)[number % 6], bins["rows"] >= FEWEST_IN_BIN
    hover = [
        f"{name}<br>told {row.predicted:.1%}, came true {row.observed:.1%}<br>{row.rows:,.0f} test rows"
        for row in bins.itertuples()
    ]
    most = max(bins["rows"].max(), 1) if len(bins) else 1
    symbol = SYMBOLS[number % len(SYMBOLS)]
    return go.Scatter(
        x=bins["predicted"].to_numpy(),
        y=bins["observed"].to_numpy(),
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 1.6},
        marker={
            "color": colour,
            "size": (6 + 12 * np.sqrt(bins["rows"] / most)).to_numpy(),
            "symbol": [symbol if one else f"{symbol}-open" for one in sound],
        },
        hovertext=hover,
        hoverinfo="text",
    )


def sweep(table, settings, chosen, *, dark=False):
    """Log loss along populations in which the rarest class has ever more of the rows. [nats]

    Parameters
    ----------
    table : DataFrame
        `strategy, model, share, log_loss, follows`.
    settings : dict
        `rarest, target_prior, training_prior`.
    chosen : sequence of (strategy, model)
        Which lines; solid ones follow the population, broken ones stay as trained.
    dark : bool
        Whether the page is dark.
    """
    tone, several = theme.tones(dark), len({model for _, model in chosen}) > 1
    fig = go.Figure()
    for number, (strategy, model) in enumerate(chosen):
        own = table[(table["strategy"] == strategy) & (table["model"] == model)].sort_values("share")
        name = for_plotly(f"{strategy}, {model}" if several else strategy, limit=32)
        dash = "solid" if own["follows"].all() else BROKEN[number % len(BROKEN)]
        fig.add_scatter(
            x=_logit(own["share"]),
            y=own["log_loss"].to_numpy(),
            mode="lines",
            name=name,
            line={"color": palette(dark)[number % 6], "dash": dash, "width": 2.2},
            hovertext=[
                f"{name}<br>share {s:.1%}: {v:.3f} nats" for s, v in own[["share", "log_loss"]].values
            ],
            hoverinfo="text",
        )
    for word in ("target", "training"):
        share = settings[f"{word}_prior"][settings["rarest"]]
        if 0 < share < 1:
            where = "top right" if share < 0.5 else "top left"
            line = {"color": tone["soft"], "width": 1}
            fig.add_vline(
                x=float(_logit(share)), line=line, annotation={"text": word}, annotation_position=where
            )
    theme.apply(fig, dark=dark, height=450)
    heading = f"share of {for_plotly(settings['rarest'], limit=24)} in the population"
    fig.update_xaxes(title=heading, tickvals=_logit(TICKS), ticktext=[f"{share:.0%}" for share in TICKS])
    return fig.update_yaxes(title="log loss [nats]", range=[0, _highest(table, chosen)])


def _highest(table, chosen):
    """Top of the axis: what is far above the others runs out of the picture."""
    own = table[[pair in set(chosen) for pair in zip(table["strategy"], table["model"], strict=True)]]
    if own.empty:
        return 1.0
    return 1.05 * min(own["log_loss"].max(), 3 * own.groupby("share")["log_loss"].median().max())


def _logit(share):
    share = np.asarray(share, dtype="float64")
    return np.log(share / (1 - share))


def alarm_curves(curve, *, dark=False):
    """Recall of hazardous days against false alarms, on held-out rows.

    Parameters
    ----------
    curve : DataFrame
        `method, recall, false_alarm_rate`.
    dark : bool
        Whether the page is dark.
    """
    fig = go.Figure()
    for number, (name, own) in enumerate(curve.groupby("method", sort=False)):
        own = own[own["false_alarm_rate"] > 0]
        fig.add_scatter(
            x=own["false_alarm_rate"].to_numpy(),
            y=own["recall"].to_numpy(),
            mode="lines",
            name=for_plotly(name, limit=32),
            line={
                "color": palette(dark)[number % 6],
                "dash": ("solid", *BROKEN)[number // 6 % 5],
                "width": 2,
            },
            hovertext=[
                f"{for_plotly(name)}<br>recall {recall:.1%} at {rate:.2%} false alarms"
                for recall, rate in own[["recall", "false_alarm_rate"]].values
            ],
            hoverinfo="text",
        )
    theme.apply(fig, dark=dark, height=470)
    ticks = [0.001, 0.01, 0.05, 0.1, 0.5]
    fig.update_xaxes(
        type="log", title="false alarms, share of the other days",
        tickvals=ticks, ticktext=[f"{tick:.1%}" for tick in ticks],
    )  # fmt: skip
    return fig.update_yaxes(title="recall of days above the level", range=[-0.02, 1.02], tickformat=".0%")

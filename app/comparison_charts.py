"""Charts of a comparison for rare classes, a row a strategy: tables in, Plotly figures out."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app import theme
from app.text import for_plotly

#: Told apart by all kinds of colour vision (Okabe & Ito 2008), lighter on a dark page.
PALETTE = {
    "light": ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    "dark": ("#56B4E9", "#ff8c42", "#2fbf8f", "#e3a1c6", "#f0c04a", "#9ec7e8"),
}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
NONE = "as they are"


def palette(dark):
    """Colours of lines and marks."""
    return PALETTE["dark" if dark else "light"]


def names(table):
    """Name of every row: the strategy, with the model where there are several; escaped."""
    several = table["model"].nunique() > 1
    return [
        for_plotly(f"{row.strategy}, {row.model}" if several else row.strategy, limit=32)
        for row in table[["strategy", "model"]].itertuples()
    ]


def differences(table, *, dark=False):
    """Paired difference to none of every strategy with its 95 % interval. [nats]

    Parameters
    ----------
    table : DataFrame
        `strategy, model, vs_none, ci_low, ci_high, wins`.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    table = table[table["strategy"] != NONE]
    hover = [
        f"{name}<br>{row.vs_none:+.4f} nats against none<br>95 %: {row.ci_low:+.4f} to {row.ci_high:+.4f}"
        f"<br>folds below none: {row.wins:g}"
        for name, row in zip(names(table), table.itertuples(), strict=True)
    ]
    ends = (table["ci_low"], table["ci_high"])
    fig = _dots(table, table["vs_none"], ends, hover, dark)
    fig.add_vline(x=0, line={"color": theme.tones(dark)["soft"], "width": 1.5})
    return _rows_layout(fig, table, "log loss minus that of none, same folds [nats]", dark)


def losses(table, *, dark=False):
    """Mean log loss of every strategy with its standard deviation over folds. [nats]

    Parameters
    ----------
    table : DataFrame
        `strategy, model, log_loss, log_loss_sd`.
    dark : bool
        Whether the page is dark.
    """
    hover = [
        f"{name}<br>{row.log_loss:.4f} ± {row.log_loss_sd:.4f} nats"
        for name, row in zip(names(table), table.itertuples(), strict=True)
    ]
    spread = table["log_loss_sd"].fillna(0)
    ends = (table["log_loss"] - spread, table["log_loss"] + spread)
    fig = _dots(table, table["log_loss"], ends, hover, dark)
    return _rows_layout(fig, table, "log loss on the target population [nats]", dark)


def family_means(table, *, dark=False):
    """Mean difference to none over families of sets, with its 95 % interval. [nats]"""
    table = table[table["strategy"] != NONE]
    ends = (table["low"].fillna(table["vs_none"]), table["high"].fillna(table["vs_none"]))
    hover = [
        f"{name}<br>{row.vs_none:+.4f} nats over {row.families:g} families<br>95 %: {low:+.4f} to {high:+.4f}"
        for name, row, low, high in zip(names(table), table.itertuples(), *ends, strict=True)
    ]
    fig = _dots(table, table["vs_none"], ends, hover, dark)
    fig.add_vline(x=0, line={"color": theme.tones(dark)["soft"], "width": 1.5})
    return _rows_layout(fig, table, "log loss minus that of none, mean over families [nats]", dark)


def _dots(table, middle, ends, hover, dark):
    colours = palette(dark)
    models = list(table["model"].unique())
    numbers = [models.index(model) for model in table["model"]]
    reach = {
        "type": "data",
        "symmetric": False,
        "array": (ends[1] - middle).to_numpy(),
        "arrayminus": (middle - ends[0]).to_numpy(),
        "thickness": 1.6,
        "width": 5,
        "color": theme.tones(dark)["soft"],
    }
    marks = {
        "size": 11,
        "color": [colours[number % len(colours)] for number in numbers],
        "symbol": [SYMBOLS[number % len(SYMBOLS)] for number in numbers],
    }
    return go.Figure(
        go.Scatter(
            x=middle.to_numpy(),
            y=np.arange(len(table)),
            mode="markers",
            error_x=reach,
            marker=marks,
            hovertext=hover,
            hoverinfo="text",
        )
    )


def _rows_layout(fig, table, heading, dark, *, extra=0):
    theme.apply(fig, dark=dark, height=96 + extra + 32 * len(table))
    fig.update_xaxes(title=heading)
    fig.update_yaxes(
        tickvals=np.arange(len(table)),
        ticktext=names(table),
        range=[len(table) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
    )
    return fig.update_layout(showlegend=bool(extra))


def set_differences(sets, *, dark=False):
    """Difference to none of every strategy on every set of a suite, as a map of cells. [nats]

    Parameters
    ----------
    sets : DataFrame
        `set, strategy, model, vs_none, ci_low, ci_high`, of one model.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
        Bold where the 95 % interval leaves zero out.
    """
    sets = sets[sets["strategy"] != NONE]
    cells = sets.pivot_table(index="strategy", columns="set", values="vs_none", sort=False)
    cells = cells.loc[cells.mean(axis=1).sort_values().index]
    clear = sets.assign(clear=(sets["ci_high"] < 0) | (sets["ci_low"] > 0)).pivot_table(
        index="strategy", columns="set", values="clear", aggfunc="max", sort=False
    )
    clear = clear.reindex(index=cells.index, columns=cells.columns).to_numpy() == 1
    numbers = cells.to_numpy()
    text = np.vectorize(lambda value: "" if np.isnan(value) else f"{value:+.2f}")(numbers)
    most = max(float(np.nanmax(np.abs(numbers))), 1e-9)
    fig = go.Figure(
        go.Heatmap(
            z=numbers,
            x=np.arange(cells.shape[1]),
            y=np.arange(cells.shape[0]),
            text=np.where(clear & (text != ""), np.char.add(np.char.add("<b>", text), "</b>"), text),
            texttemplate="%{text}",
            hovertext=[
                [
                    f"{for_plotly(s)}<br>{for_plotly(d)}: {v:+.4f} nats"
                    for d, v in zip(cells, row, strict=True)
                ]
                for s, row in zip(cells.index, numbers, strict=True)
            ],
            hoverinfo="text",
            colorscale="RdBu_r",
            zmin=-most,
            zmax=most,
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    theme.apply(fig, dark=dark, height=110 + 34 * len(cells))
    fig.update_xaxes(
        tickvals=np.arange(cells.shape[1]), ticktext=[for_plotly(one, limit=18) for one in cells],
        side="top", showgrid=False,
    )  # fmt: skip
    return fig.update_yaxes(
        tickvals=np.arange(len(cells)), ticktext=[for_plotly(one, limit=24) for one in cells.index],
        autorange="reversed", showgrid=False,
    )  # fmt: skip

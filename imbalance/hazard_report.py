"""What a comparison on hazardous days comes to: tables and pictures for people, and the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from airq.io import atomic_write, write_json, write_table, write_text
from airq.units import PM25_UNIT
from airq.validation.schemes import PLURALS
from imbalance.comparison.report import format_cell
from imbalance.hazard_findings import findings, headline_rate
from imbalance.hazard_scores import BASELINE, PLAIN, rule_name

FILES = ["hazard.parquet", "held_out.parquet", "table.csv", "table.md", "table.json", "methods.csv",
         "confusion.csv", "curve.csv", "curve.png", "rmse_cost.png", "settings.json"]  # fmt: skip

#: Column of the table of alarms -> heading and format; rates in percent.
ALARM_COLUMNS = {
    "method": ("method", "s"),
    "rule": ("rule", "s"),
    "recall": ("recall", ".3f"),
    "recall_low": ("95 % low", ".3f"),
    "recall_high": ("high", ".3f"),
    "recall_sd": ("±", ".3f"),
    "false_alarm_rate": ("false alarms", ".2%"),
    "false_alarm_rate_low": ("low", ".2%"),
    "false_alarm_rate_high": ("high", ".2%"),
    "false_alarm_rate_where_reached": ("where reached", ".2%"),
    "precision": ("precision", ".3f"),
    "precision_sd": ("±", ".3f"),
    "vs_regression": ("recall vs regression", "+.3f"),
    "vs_low": ("low", "+.3f"),
    "vs_high": ("high", "+.3f"),
}
METHOD_COLUMNS = {
    "method": ("method", "s"),
    "average_precision": ("AP", ".3f"),
    "average_precision_sd": ("±", ".3f"),
    "ap_vs_regression": ("vs regression", "+.3f"),
    "ap_vs_low": ("low", "+.3f"),
    "ap_vs_high": ("high", "+.3f"),
    "log_loss": ("log loss", ".4f"),
    "brier": ("Brier", ".4f"),
    "log_loss_recalibrated": ("log loss, recalibrated", ".4f"),
    "log_loss_recalibrated_sd": ("±", ".4f"),
    "brier_recalibrated": ("Brier, recalibrated", ".4f"),
    "rmse": ("RMSE", ".2f"),
    "rmse_sd": ("±", ".2f"),
    "rmse_cost": ("cost", "+.2f"),
    "rmse_cost_low": ("low", "+.2f"),
    "rmse_cost_high": ("high", "+.2f"),
    "rmse_hazardous": ("RMSE above the level", ".2f"),
    "bias_hazardous": ("bias above the level", "+.2f"),
}
#: Where a terminal has less room, these go.
SPARE = ("vs regression", " 95 %")


def cells(table, columns):
    """Headings and cells of a table as text, empty where a figure is missing.

    Parameters
    ----------
    table : DataFrame
        Figures.
    columns : dict of str to (heading, format)
        Which of its columns, in order; those that it lacks are left out.

    Returns
    -------
    headings : list of str
    rows : list of list of str
    """
    kept = [name for name in columns if name in table.columns]
    rows = [
        [format_cell(value, columns[name][1]) for name, value in zip(kept, row, strict=True)]
        for row in table[kept].itertuples(index=False)
    ]
    return [columns[name][0] for name in kept], rows


def headline_cells(comparison, width):
    """Headings and cells of one rate of false alarms, highest recall first, for so many characters."""
    rule = rule_name(headline_rate(comparison.settings))
    table = comparison.table[comparison.table["rule"] == rule].merge(comparison.methods, on="method")
    columns = {
        "method": lambda row: row["method"],
        "recall": lambda row: format_cell(row["recall"], ".3f"),
        "95 %": lambda row: _range(row, "recall_low", "recall_high", ".3f"),
        "false alarms": lambda row: format_cell(row["false_alarm_rate"], ".1%"),
        "precision": lambda row: format_cell(row["precision"], ".3f"),
        "vs regression": lambda row: format_cell(row.get("vs_regression", np.nan), "+.3f"),
        " 95 %": lambda row: _range(row, "vs_low", "vs_high", "+.3f"),
        "RMSE": lambda row: format_cell(row.get("rmse", np.nan), ".2f"),
        "cost": lambda row: format_cell(row.get("rmse_cost", np.nan), "+.2f"),
    }
    # Its difference to itself is none.
    own = table["method"] == BASELINE
    differences = [name for name in ("vs_regression", "vs_low", "vs_high", "rmse_cost") if name in table]
    table[differences] = table[differences].where(~own)
    rows = table.sort_values("recall", ascending=False, kind="stable").to_dict("records")
    shown = {name: [name.strip(), *(text(row) for row in rows)] for name, text in columns.items()}
    if sum(max(map(len, cells)) + 1 for cells in shown.values()) > width:
        shown = {name: cells for name, cells in shown.items() if name not in SPARE}
    headings, *rows = map(list, zip(*shown.values(), strict=True))
    return headings, rows


def headline_title(settings):
    """What the table of one rate is, for a line above it; what is not plain measurement is named first."""
    named = "" if settings["data"] == "monitors" else f"{settings['data']}: "
    return (
        f"{named}days above {settings['above']:g} {PM25_UNIT} in held-out {PLURALS[settings['group']]}, "
        f"asked for {rule_name(headline_rate(settings))} on training {PLURALS[settings['group']]}"
    )


def headline_caption(settings):
    """What its columns are."""
    return (
        f"recall: share of the days above {settings['above']:g} {PM25_UNIT} that raise an alarm; false "
        "alarms: what the held-out rows got, a share of the other days; precision: share of the alarms that "
        "are right; vs regression: recall less that of thresholded mean regression; 95 %: bootstrap of whole "
        f"{PLURALS[settings['group']]}; RMSE in {PM25_UNIT}, and its cost against mean regression."
    )


def _range(row, low, high, form):
    low, high = row.get(low, np.nan), row.get(high, np.nan)
    return "" if np.isnan(low) else f"{low:{form}} to {high:{form}}"


def caption(settings):
    """What the figures are: what was held out, how thresholds were chosen, what the intervals hold for."""
    what = PLURALS[settings["group"]]
    ahead = "looks ahead" if settings["looks_ahead"] else "does not look ahead"
    return (
        f"Rows of held-out {what}, {settings['folds']} folds. Recall: share of the days above "
        f"{settings['above']:g} {PM25_UNIT} that raise an alarm; false alarms: share of the other days that "
        f"do; where reached: of the other days of the {what} that ever exceed the level. A rule of so many "
        f"percent takes its threshold from {settings['inner_folds']} inner folds of training {what} only; "
        "plain: prediction above the level, probability above 0.5. Low, high: 95 % bootstrap of whole "
        f"held-out {what}, for the models as fitted; ±: standard deviation over folds. AP: average "
        "precision, mean over folds. Recalibrated: a sigmoid fitted on the inner folds. "
        f"RMSE, cost and bias in {PM25_UNIT}; cost: RMSE less that of the mean regression. Features: recipe "
        f"{settings['recipe']}, which {ahead}."
    )


def markdown(comparison):
    """Tables, findings and caption as Markdown."""
    settings = comparison.settings
    parts = [
        f"# Days above {settings['above']:g} {PM25_UNIT} in held-out {PLURALS[settings['group']]}",
        *(f"**{warning}**" for warning in settings["warnings"]),
        "\n".join(f"- {sentence}" for sentence in findings(comparison)),
        "## Alarms",
        _pipes(*cells(comparison.table, ALARM_COLUMNS), left=2),
        "## Ranks, probabilities, errors",
        _pipes(*cells(comparison.methods, METHOD_COLUMNS), left=1),
        _confusion(comparison),
        caption(settings),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def write_hazard(comparison, out):
    """Write a comparison as a folder; each file is whole or absent, `settings.json` comes last.

    Parameters
    ----------
    comparison : imbalance.hazard.HazardComparison
        What was found.
    out : str or Path
        Folder for :data:`FILES`; those of an earlier comparison are replaced.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder, settings = Path(out), comparison.settings
    folder.mkdir(parents=True, exist_ok=True)
    about = {"hazard": settings}
    write_table(_marked(comparison.scores, settings), folder / "hazard.parquet", metadata=about)
    write_table(_marked(comparison.held_out, settings), folder / "held_out.parquet", metadata=about)
    for name, table in {
        "table.csv": comparison.table,
        "methods.csv": comparison.methods,
        "curve.csv": comparison.curve,
        "confusion.csv": comparison.confusion.reset_index(names="observed"),
    }.items():
        with atomic_write(folder / name) as path:
            _marked(table, settings).to_csv(path, index=False)
    write_text(folder / "table.md", markdown(comparison))
    write_json(folder / "table.json", records(comparison))
    for name, draw in {"curve.png": alarm_curves, "rmse_cost.png": weight_costs}.items():
        with atomic_write(folder / name) as path:
            draw(comparison).savefig(path, dpi=120)
    said = {"skipped": comparison.skipped, "notes": comparison.notes, "findings": findings(comparison)}
    write_json(folder / "settings.json", {**settings, **said})


def records(comparison):
    """The table as records: one per method and rule, with the figures of the method in each."""
    table = comparison.table.merge(comparison.methods, on="method")
    return _marked(table, comparison.settings).to_dict("records")


def _marked(table, settings):
    """The table with a first column that says where its PM2.5 comes from."""
    marked = table.copy()
    marked.insert(0, "data", settings["data"])
    return marked


def _confusion(comparison):
    if comparison.confusion.empty:
        return ""
    table = comparison.confusion
    rows = [
        [name, *(f"{count:,}" for count in counts)]
        for name, counts in zip(table.index, table.to_numpy(), strict=True)
    ]
    heading = f"## Mean regression, then class ({comparison.settings['aqi_table']})"
    return f"{heading}\n\n{_pipes(['observed, predicted', *table.columns], rows, left=1)}"


def _pipes(headings, rows, *, left):
    rule = ["---"] * left + ["---:"] * (len(headings) - left)
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, rule, *rows])


def alarm_curves(comparison):
    """Recall against false alarms on held-out rows, thresholds from inner folds; crosses: taken plainly."""
    settings, table = comparison.settings, comparison.table
    figure, axes = _figure(settings, width=9, height=5.2)
    kinds = comparison.methods.set_index("method")["kind"]
    others = [name for name in kinds.index if name != BASELINE]
    for name, curve in comparison.curve.groupby("method", sort=False):
        color = "k" if name == BASELINE else colormaps["tab10"](others.index(name) % 10)
        style = "-" if kinds[name] == "regression" else "--"
        axes.plot(curve["false_alarm_rate"], curve["recall"], style, color=color, label=name)
        plain = table[(table["method"] == name) & (table["rule"] == PLAIN)]
        axes.plot(plain["false_alarm_rate"], plain["recall"], "x", color=color)
    for rate in settings["rates"]:
        axes.axvline(rate, color="0.85", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([0.001, 0.01, 0.05, 0.1, 0.5]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(
        xlim=(5e-4, 0.6),
        ylim=(-0.02, 1.02),
        xlabel="false alarms that held-out rows got, share of the other days (grey: rates asked for)",
        ylabel=f"recall of days above {settings['above']:g} {PM25_UNIT}",
    )
    axes.grid(axis="y", color="0.92")
    axes.set_title(
        f"Held-out {PLURALS[settings['group']]}; solid: regression, dashed: classifier, x: taken by its word",
        fontsize=10,
    )
    figure.legend(loc="outside right center", frameon=False)
    return figure


def weight_costs(comparison):
    """RMSE of the regressions against the mean regression's, and their recall taken by their word."""
    methods = comparison.methods[comparison.methods["kind"] == "regression"]
    figure = Figure(figsize=(9, 1.8 + 0.45 * len(methods)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    alarms = comparison.table[comparison.table["rule"] == PLAIN].set_index("method")
    names = list(methods["method"])
    if "rmse_cost" in methods:
        _bars(left, names, methods.set_index("method"), "rmse_cost")
    _bars(right, names, alarms, "recall")
    left.axvline(0, color="0.4", linewidth=1)
    left.set(xlabel=f"RMSE less that of mean regression [{PM25_UNIT}]")
    right.set(xlabel=f"recall of predictions above {comparison.settings['above']:g} {PM25_UNIT}", xlim=(0, 1))
    left.invert_yaxis()
    figure.suptitle(
        _warned(
            comparison.settings,
            "Regressions: cost in RMSE, and recall when taken by their word; 95 % bootstrap of groups",
        ),
        fontsize=10,
    )
    return figure


def _bars(axes, names, table, figure):
    places = np.arange(len(names))
    values = table.loc[names, figure].to_numpy(dtype="float64")
    limits = table.loc[names, [f"{figure}_low", f"{figure}_high"]].to_numpy(dtype="float64").T
    axes.barh(places, values, color="#4878a8", height=0.6)
    axes.errorbar(
        values, places, xerr=np.maximum(np.abs(limits - values), 0), fmt="none", ecolor="0.2", capsize=3
    )
    axes.set_yticks(places, names)
    axes.grid(axis="x", color="0.92", zorder=0)
    axes.set_axisbelow(True)


def _figure(settings, *, width, height):
    figure = Figure(figsize=(width, height), layout="constrained")
    if warning := _warned(settings, ""):
        figure.suptitle(warning, color="#a50026", fontsize=10)
    return figure, figure.add_subplot()


def _warned(settings, title):
    named = "" if settings["data"] == "monitors" else settings["data"]
    return ". ".join(filter(None, [named, title]))

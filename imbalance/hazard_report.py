"""What a comparison on hazardous days comes to: tables for people, and the folder."""

from __future__ import annotations

from airq.files import whole_folder, write_json, write_text
from airq.models.folds import PLURAL
from airq.panel import write_table
from airq.units import PM25_UNIT
from imbalance.hazard_findings import findings, origin_warning
from imbalance.hazard_plots import alarm_curves, weight_costs

MARKER = "hazard.parquet"
FILES = (
    f"{MARKER} held_out.parquet table.csv table.md table.json methods.csv confusion.csv curve.csv "
    "settings.json curve.png rmse_cost.png"
).split()

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
#: What a terminal shows.
NARROW = {
    "alarms": ["method", "rule", "recall", "recall_low", "recall_high", "false_alarm_rate", "precision"],
    "methods": ["method", "average_precision", "average_precision_sd", "log_loss", "log_loss_recalibrated",
                "brier_recalibrated", "rmse", "rmse_cost"],
}  # fmt: skip


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
        [
            format(value, columns[name][1]) if value == value else ""
            for name, value in zip(kept, row, strict=True)
        ]
        for row in table[kept].itertuples(index=False)
    ]
    return [columns[name][0] for name in kept], rows


def narrow_cells(comparison, part):
    """The same of `part` ("alarms" or "methods") of a comparison, as a terminal has room for."""
    table, columns = {
        "alarms": (comparison.table, ALARM_COLUMNS),
        "methods": (comparison.methods, METHOD_COLUMNS),
    }[part]
    return cells(table, {name: columns[name] for name in NARROW[part]})


def caption(settings):
    """What the figures are: what was held out, how thresholds were chosen, what the intervals hold for."""
    what = PLURAL[settings["group"]]
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
        f"# Days above {settings['above']:g} {PM25_UNIT} in held-out {PLURAL[settings['group']]}",
        origin_warning(settings["panel"]),
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
    """Write a comparison as a folder, whole or not at all.

    Parameters
    ----------
    comparison : imbalance.hazard.HazardComparison
        What was found.
    out : str or Path
        Folder for :data:`FILES`; one of an earlier comparison is replaced.

    Raises
    ------
    OSError
        If something else stands under the name, or it cannot be written.
    """
    facts = {
        **comparison.settings,
        "skipped": comparison.skipped,
        "notes": comparison.notes,
        "findings": findings(comparison),
    }
    with whole_folder(out, marker=MARKER) as folder:
        about = {"hazard": comparison.settings}
        write_table(comparison.scores, folder / MARKER, metadata=about)
        write_table(comparison.held_out, folder / "held_out.parquet", metadata=about)
        comparison.table.to_csv(folder / "table.csv", index=False)
        comparison.methods.to_csv(folder / "methods.csv", index=False)
        comparison.curve.to_csv(folder / "curve.csv", index=False)
        comparison.confusion.to_csv(folder / "confusion.csv")
        write_text(folder / "table.md", markdown(comparison))
        write_json(folder / "table.json", records(comparison))
        write_json(folder / "settings.json", facts)
        alarm_curves(comparison).savefig(folder / "curve.png", dpi=120)
        weight_costs(comparison).savefig(folder / "rmse_cost.png", dpi=120)


def records(comparison):
    """The table as records: one per method and rule, with the figures of the method in each."""
    return comparison.table.merge(comparison.methods, on="method").to_dict("records")


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

"""Explain a bundle: what its predictions rest on, and the reasons for a single one."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from airq.console import notes
from airq.files import check_replaceable, check_writable, whole_folder, write_json, write_text
from airq.origin import origin_warning
from airq.reasons import N_COLUMNS, reason_sentences
from airq.reasons_plots import dependence_curves, importance_bars, reason_bars
from airq.tables import markdown_table
from airq.units import PM25_UNIT
from airq.workflows.panels import open_panel
from airq.workflows.products import POSITION
from airq.workflows.reasons import find_row, open_reasons

RECORDS = "explanation.json"
CAPTION = (
    "Importance: mean size of the contribution to a prediction, in µg m⁻³. Contributions (TreeSHAP) sum to "
    "the prediction exactly; within a group they are summed before their size is taken. They say what the "
    "model uses, not what its error would be without it (see `airq explain --prices`), nor what pollutes."
)
DEPENDENCE_CAPTION = (
    "Dependence: mean prediction when a column, its values on other days and its means around, are set to "
    "one value in every row. It is the model's response, not an effect of nature."
)


@dataclass
class Explanation:
    """What a bundle's predictions of a panel rest on.

    Attributes
    ----------
    importance : DataFrame
        See :meth:`airq.reasons.Reasons.importance`.
    dependence : DataFrame
        See :meth:`airq.reasons.Reasons.dependence`; empty where it was not asked for.
    """

    importance: pd.DataFrame
    dependence: pd.DataFrame = field(default_factory=pd.DataFrame)


def explain(panel_path, *, bundle, out=None, json_path=None):
    """What the predictions of a bundle rest on: importance by product, column and feature.

    Parameters
    ----------
    panel_path : str or Path
        Panel with the bundle's input columns.
    bundle : str or Path
        Folder of the bundle.
    out : str or Path, optional
        Folder for explanation.json, explanation.md, tables and pictures, those of partial dependence
        among them.
    json_path : str or Path, optional
        File for the records of importance.

    Returns
    -------
    Explanation
    """
    _check_outputs(out, json_path)
    made, facts, metadata = open_reasons(panel_path, bundle)
    with notes.status("taking predictions apart"):
        found = Explanation(made.importance())
    if out is not None:
        # Places lie where monitors are; a latitude without its longitude is nowhere.
        table = found.importance[found.importance["level"] == "column"]
        inside = table["name"].isin(made.panel.columns) & (table["product"] != POSITION)
        columns = table.loc[inside, "name"].tolist()
        with notes.status("asking how the model responds"):
            found.dependence = made.dependence(columns[:N_COLUMNS])
        _write(found, metadata, out)
    if json_path is not None:
        write_json(json_path, importance_records(found))
    return found


def explain_row(panel_path, *, bundle, site, date, out=None, json_path=None):
    """The reasons for the prediction of one site and day.

    Parameters
    ----------
    panel_path, bundle
        As for :func:`explain`.
    site : str
        `site_id`.
    date : str
        Day, such as 2020-03-01.
    out : str or Path, optional
        Folder for explanation.json, explanation.md and the picture.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    table : DataFrame
        See :meth:`airq.reasons.Reasons.of`.
    sentences : list of str
        The same in words.

    Raises
    ------
    ValueError
        If the panel has no such site or day, with the nearest that it has.
    """
    _check_outputs(out, json_path)
    panel = open_panel(panel_path)
    row = find_row(panel, site, date)
    made, facts, metadata = open_reasons(panel_path, bundle, panel=panel)
    table = made.of([row])
    sentences = reason_sentences(table, panel.iloc[row])
    records = table.to_dict("records")
    if out is not None:
        figure = reason_bars(table, sentences[0], metadata)
        with whole_folder(out, marker=RECORDS) as folder:
            write_json(folder / RECORDS, _plain(records))
            warning = origin_warning(metadata)
            lines = ["# Reasons for a prediction", warning, f"```\n{chr(10).join(sentences)}\n```"]
            write_text(folder / "explanation.md", "\n\n".join(filter(None, lines)) + "\n")
            figure.savefig(folder / "reasons.png", dpi=120)
    if json_path is not None:
        write_json(json_path, _plain(records))
    return table, sentences


def importance_records(explanation):
    """Records of the importance: `level, name, product, importance, unit, rows`."""
    return explanation.importance.assign(unit=PM25_UNIT).to_dict("records")


def importance_rows(explanation, level="product"):
    """Headings and cells of the table of importance, as text.

    Columns of no weight are left out.
    """
    table = explanation.importance[explanation.importance["level"] == level]
    total = table["importance"].sum()
    rows = [
        [line.name, f"{line.importance:.2f}", f"{100 * line.importance / total:.0f} %"]
        for line in table[table["importance"] > 0].itertuples(index=False)
    ]
    return [level, f"importance [{PM25_UNIT}]", "share"], rows


def _write(found, metadata, out):
    parts = ["# What the predictions rest on", origin_warning(metadata), CAPTION]
    for level in ("product", "column"):
        headings, rows = importance_rows(found, level)
        parts.append(markdown_table(headings, rows[:30]))
    parts.append("![importance](importance.png)")
    with whole_folder(out, marker=RECORDS) as folder:
        write_json(folder / RECORDS, importance_records(found))
        found.importance.to_csv(folder / "importance.csv", index=False)
        importance_bars(found.importance, metadata).savefig(folder / "importance.png", dpi=120)
        if len(found.dependence):
            found.dependence.to_csv(folder / "dependence.csv", index=False)
            dependence_curves(found.dependence, metadata).savefig(folder / "dependence.png", dpi=120)
            parts += [f"![dependence](dependence.png)\n\n{DEPENDENCE_CAPTION}"]
        write_text(folder / "explanation.md", "\n\n".join(filter(None, parts)) + "\n")


def _check_outputs(out, json_path):
    if out is not None:
        check_writable(out)
        check_replaceable(out, marker=RECORDS)
    if json_path is not None:
        check_writable(json_path)


def _plain(records):
    return [
        {**record, "date": f"{record['date']:%Y-%m-%d}", "contribution_unit": PM25_UNIT} for record in records
    ]

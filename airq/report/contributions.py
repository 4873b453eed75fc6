"""Contributions to a prediction in sentences."""

from __future__ import annotations

import numpy as np

from airq.models import BASE, BESIDE, CALENDAR, MONITORS, REMAINDER
from airq.units import PM25_UNIT

#: Products that a text names one by one.
N_NAMED = 8


def contribution_sentences(table, panel):
    """Return sentences on one prediction: its value, base, products, monitors nearby, remainder.

    `table` comes from :meth:`airq.models.explanation.Contributions.table` for one row; the panel names city
    and country of its site.
    """
    place = panel[panel["site_id"] == table["site_id"].iloc[0]].iloc[0]
    amounts = table.set_index("product")["contribution"]
    inside = table[~table["product"].isin(BESIDE)]
    where = ", ".join(dict.fromkeys([place["site_id"], place["city"], place["country"]]))
    sentences = [
        f"{where}, {table['date'].iloc[0]:%Y-%m-%d}: PM2.5 {amounts.sum():.1f} {PM25_UNIT} predicted.",
        f"{amounts[BASE]:8.1f}  base: what the boosters predict without any feature",
        *(_product_sentence(line) for line in inside.head(N_NAMED).itertuples()),
    ]
    if len(inside) > N_NAMED:
        rest = inside["contribution"].iloc[N_NAMED:]
        sentences.append(f"{rest.sum():+8.1f}  {len(rest)} other products together")
    return [
        *sentences,
        f"{amounts[MONITORS]:+8.1f}  {MONITORS}: a correction by the boosters' errors there",
        f"{amounts[REMAINDER]:+8.1f}  {REMAINDER}: what the limits of predictions cut off or added",
    ]


def _product_sentence(line):
    text = f"{line.contribution:+8.1f}  {line.product}"
    if not line.column or line.column == CALENDAR:
        return text
    if not np.isfinite(line.value):
        return f"{text}: {line.column} is missing on that day"
    unit = "" if line.unit in ("", "1", "unknown") else f" {line.unit}"
    return (
        f"{text}: {line.column} = {line.value:.4g}{unit}, above {100 * line.rank:.0f} % of the panel's values"
    )

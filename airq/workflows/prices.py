"""The price of a product: how the error on held-out places grows when its columns are dropped."""

from __future__ import annotations

import functools
import math

from airq.bundle_facts import read_facts
from airq.console import notes, progress
from airq.files import check_replaceable, check_writable, whole_folder, write_json, write_text
from airq.models import OURS
from airq.models.evaluation import evaluate, plan_folds
from airq.models.metrics import bootstrap_difference, rmse
from airq.origin import origin_warning
from airq.panel import TARGET, feature_columns, panel_metadata
from airq.reasons_plots import price_bars
from airq.tables import markdown_table
from airq.units import PM25_UNIT
from airq.workflows.candidates import default_candidate
from airq.workflows.evaluate import refuse_unsupported
from airq.workflows.panels import open_training_panel
from airq.workflows.products import POSITION, products_of_columns
from airq.workflows.train import calibration_scheme

RECORDS = "prices.json"
CAPTION = (
    "Price: RMSE without the product's columns minus RMSE with them, in µg m⁻³, on the same held-out places, "
    "each time fitted anew; interval: 95 %, places resampled. What one product says another may say as well, "
    "so a small price means that it can be spared, not that it says nothing, and prices do not add up."
)


class Without:
    """A predictor that never sees some columns.

    Parameters
    ----------
    candidate : callable
        Makes the predictor.
    columns : sequence of str
        Columns of the panel that are hidden from it.
    """

    def __init__(self, candidate, columns):
        self.predictor = candidate()
        self.columns = list(columns)

    def fit(self, panel, groups):
        """Learn from the panel without the columns."""
        self.predictor.fit(panel.drop(columns=self.columns), groups)
        return self

    def predict(self, panel):
        """PM2.5 of every row. [µg m⁻³]"""
        return self.predictor.predict(panel.drop(columns=self.columns))


def prices(
    panel_path,
    *,
    schemes=None,
    bundle=None,
    model="lightgbm",
    recipe="retrospective",
    seed=0,
    n_jobs=1,
    out=None,
    json_path=None,
):
    """The price of every product of a panel.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    schemes : sequence of str, optional
        What is held out; by default what training keeps together, cities or sites.
    bundle : str or Path, optional
        Bundle whose model, recipe and seed are taken instead of the next three.
    model, recipe : str
        See :func:`airq.workflows.candidates.default_candidate`.
    seed, n_jobs : int
        Seed, and number of processes.
    out : str or Path, optional
        Folder for prices.json, prices.md and pictures.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    list of dict
        See :func:`price_records`.
    """
    panel = open_training_panel(panel_path)
    for path in filter(None, [out, json_path]):
        check_writable(path)
    if out is not None:
        check_replaceable(out, marker=RECORDS)
    if bundle is not None:
        facts = read_facts(bundle)
        model, recipe, seed = facts["settings"]["model"], facts["recipe"]["name"], facts["settings"]["seed"]
    if schemes is None:
        schemes = [calibration_scheme(panel)]
    # Neither the size of errors nor the domain is asked for.
    make = functools.partial(
        default_candidate(model=model, recipe=recipe, seed=seed), spread=None, domain=None
    )
    records = price_records(panel, make, schemes, seed=seed, n_jobs=n_jobs)
    if json_path is not None:
        write_json(json_path, records)
    if out is not None:
        write_prices(records, panel_metadata(panel), out)
    return records


def price_records(panel, candidate, schemes, *, products=None, seed=0, n_jobs=1):
    """Fit a candidate with and without every product and compare on held-out places.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    candidate : callable
        Makes a fresh predictor.
    schemes : sequence of str
        Names from :data:`airq.models.folds.SCHEMES`.
    products : dict of str to str, optional
        Column -> product; by the columns' names where it is not given.
    seed, n_jobs : int
        Seed of the folds, and number of processes.

    Returns
    -------
    list of dict
        `scheme, product, columns, price, ci_low, ci_high` [µg m⁻³], `resampled, rmse, rmse_without, n,
        unit`, the highest price first within a scheme. A price above zero means that the product
        helps.

    Raises
    ------
    ValueError
        If the panel supports none of the schemes or has one product only.
    """
    inputs = feature_columns(panel)
    by_column = products_of_columns(inputs) if products is None else products
    columns = {}
    for name in inputs:
        columns.setdefault(by_column.get(name, name), []).append(name)
    columns.pop(POSITION, None)
    if len(columns) < 2:
        raise ValueError(
            f"Every input column belongs to the product {next(iter(columns))!r}; without it nothing is left."
        )
    folds, skipped = plan_folds(panel, schemes, seed=seed)
    for scheme, reason in skipped.items():
        notes.print(f"[yellow]skipped[/] {scheme}: {reason}")
    refuse_unsupported(folds, skipped)
    contenders = {OURS: candidate}
    contenders |= {
        _without(product): functools.partial(Without, candidate, names) for product, names in columns.items()
    }
    with progress("pricing") as advance:
        evaluation = evaluate(panel, contenders, folds, n_jobs=n_jobs, advance=advance)
    for name, reason in evaluation.skipped.items():
        notes.print(f"[yellow]left out[/] {name}: {reason}")
    records = []
    for scheme, table in evaluation.predictions.groupby("scheme", sort=False):
        found = [
            _price(table, scheme, product, names)
            for product, names in columns.items()
            if _without(product) in table and table[_without(product)].notna().all()
        ]
        records += sorted(found, key=lambda record: -record["price"])
    return records


def _without(product):
    return f"without {product}"


def _price(table, scheme, product, columns):
    rows = table.rename(columns={"observed": TARGET})
    without, whole = rows[_without(product)], rows[OURS]
    difference = bootstrap_difference(rows, without, whole)
    return {
        "scheme": scheme,
        "product": product,
        "columns": columns,
        "price": difference.pop("difference"),
        **difference,
        "rmse": rmse(rows[TARGET], whole),
        "rmse_without": rmse(rows[TARGET], without),
        "n": len(rows),
        "unit": PM25_UNIT,
    }


def price_rows(records):
    """Headings and cells of the table of prices, as text."""
    rows = [
        [
            record["scheme"],
            record["product"],
            str(len(record["columns"])),
            f"{record['rmse_without']:.2f}",
            f"{record['price']:+.2f}",
            _interval(record),
        ]
        for record in records
    ]
    return ["scheme", "product", "columns", "RMSE without", "price", "95 % interval"], rows


def _interval(record):
    if math.isnan(record["ci_low"]):
        return "too few places"
    return f"{record['ci_low']:+.2f} to {record['ci_high']:+.2f}"


def write_prices(records, metadata, out):
    """Write records, text and pictures into a folder."""
    whole = f"RMSE with all products: {', '.join(_with_all(records))} {PM25_UNIT}."
    parts = ["# The price of a product", origin_warning(metadata), CAPTION, whole]
    with whole_folder(out, marker=RECORDS) as folder:
        write_json(folder / RECORDS, records)
        write_text(
            folder / "prices.md",
            "\n\n".join(filter(None, [*parts, markdown_table(*price_rows(records))])) + "\n",
        )
        for scheme in dict.fromkeys(record["scheme"] for record in records):
            mine = [record for record in records if record["scheme"] == scheme]
            price_bars(mine, metadata).savefig(folder / f"prices_{scheme}.png", dpi=120)


def _with_all(records):
    return list(dict.fromkeys(f"{record['rmse']:.2f} by {record['scheme']}" for record in records))

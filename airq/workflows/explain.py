"""Explain a model: what its predictions rest on, why one is what it is, what each product saves in error.

:func:`explain` and :func:`explain_row` split predictions into contributions, see
:mod:`airq.models.explanation`: they show what the model *uses*. :func:`drop_product_scores` fits the model
again without each product and compares errors at held-out places: it shows what the model *needs*.
"""

from __future__ import annotations

import contextlib
import datetime
import difflib
import functools
import logging
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from airq.io import atomic_folder, write_json, write_text
from airq.messages import warn
from airq.models import OURS
from airq.models.explanation import GROUPINGS, N_COLUMNS, Contributions, PanelRows
from airq.models.predictor import training_panel
from airq.panel import IDENTITY, TARGET, feature_columns, origin_warning
from airq.regressor import load
from airq.report.contributions import contribution_sentences
from airq.report.words import markdown_table
from airq.sources.products import POSITION, products_of_columns
from airq.units import PM25_UNIT
from airq.validation.evaluation import plan_folds, score_candidates
from airq.validation.scores import bootstrap_difference, rmse
from airq.validation.splitters import training_groups
from airq.workflows.predict_blocks import rows_at_once, sorted_blocks

#: Records in the folder of an explanation, and of drop-product scores: such a folder may be replaced.
RECORDS = "explanation.json"
DROP_RECORDS = "drop_scores.json"
CAPTION = (
    "Importance: mean size of the contribution to a prediction, in µg m⁻³. Contributions (TreeSHAP) sum to "
    "the prediction exactly; within a group they are summed before their size is taken. They show what the "
    "model uses, not what its error would be without it (see `airq explain --drop-products`), nor what "
    "pollutes."
)
DEPENDENCE_CAPTION = (
    "Dependence: mean prediction when a column, its values on other days and its means around, are set to "
    "one value in every row. It is the model's response, not an effect of nature."
)
DROP_CAPTION = (
    "Increase: RMSE without the product's columns minus RMSE with them, in µg m⁻³, on the same held-out "
    "places, fitted anew each time; interval: 95 %, places resampled. Products overlap, so a small increase "
    "means that the others can replace the product, not that it holds no information, and increases do not "
    "add up."
)

logger = logging.getLogger(__name__)


def explain(model, panel: pd.DataFrame | str | Path, *, by: str = "product") -> pd.DataFrame:
    """Return what the predictions of a model rest on: the importance of products, columns or features.

    Parameters
    ----------
    model : PM25Regressor, str or Path
        A fitted model, or the folder of its bundle.
    panel : DataFrame, str or Path
        Panel with the model's input columns, or a folder of its parts; PM2.5 in it is not looked at.
    by : {"product", "column", "feature"}
        What contributes.

    Returns
    -------
    DataFrame
        `by, name, product, importance` [µg m⁻³], `unit` and `rows`, the largest first; see
        :meth:`airq.models.explanation.Contributions.importance`.

    Examples
    --------
    ::

        airq.explain("bundle", "panel.parquet", by="column").head(10)
    """
    if by not in GROUPINGS:
        raise ValueError(f"Unknown grouping {by!r}; choose from {', '.join(GROUPINGS)}.")
    with open_rows(model, panel) as (model, rows):
        table = contributions_to(model, rows).importance()
    return table[table["by"] == by].reset_index(drop=True)


def explain_row(model, panel: pd.DataFrame | str | Path, site: str, date) -> pd.DataFrame:
    """Return the contributions to the prediction for one site and day, such as 2020-03-01.

    `model` and `panel` are those of :func:`explain`; `site` is a `site_id`, or the name of a city with one
    site. The table is that of :meth:`airq.models.explanation.Contributions.table`; its contributions [µg
    m⁻³] sum to the prediction. ValueError is raised if the panel has no such site or day, with the nearest
    that it has.
    """
    with open_rows(model, panel) as (model, rows):
        row = find_row(rows, site, date)
        return contributions_to(model, rows).table([row])


@contextlib.contextmanager
def open_rows(model, panel):
    """Yield a model, loaded where it is a bundle's folder, and rows of a panel for :class:`Contributions`.

    A panel in files that does not fit whole stays there, see :class:`FileRows`. ValueError is raised if the
    panel does not fit the model.
    """
    model = load(model) if isinstance(model, (str, Path)) else model
    if (most := rows_at_once(model, panel)) is None:
        yield model, PanelRows(model.predictor_, model.check_panel(panel))
        return
    with sorted_blocks(model, panel, kept=None, most=most) as run:
        yield model, FileRows(run)


def contributions_to(model, rows):
    """Return the :class:`Contributions` to the predictions of a model for rows of :func:`open_rows`."""
    logger.info("computing the features of a sample of %s rows", f"{len(rows):,}")
    return Contributions(model.predictor_, rows, products_of_columns(rows.columns))


class FileRows:
    """The rows of a panel in files by number, read and computed a block at a time.

    Made from a :class:`airq.workflows.predict_blocks.Run` whose rows are sorted into blocks; otherwise like
    :class:`airq.models.explanation.PanelRows`. ValueError is raised if a site has a day twice.
    """

    def __init__(self, run):
        self.run = run
        self.columns = [*IDENTITY, *run.survey.record.names[3:]]
        self.units, self.places = run.survey.metadata.units, run.survey.places
        n_rows = run.survey.n_rows.sum(axis=0)
        ends = np.cumsum(n_rows)
        #: Numbers of the rows of every block, which come by site and day.
        self._numbers = [
            np.concatenate([np.arange(ends[site] - n_rows[site], ends[site]) for site in block])
            for block in run.blocks
        ]
        for number in range(len(run.blocks)):
            run.load(number)

    def __len__(self):
        return self.run.total

    def inputs(self, rows):
        """Return what the estimator gets, see :meth:`airq.models.predictor.Predictor.inputs`."""
        return self._of_blocks(
            rows, lambda panel, at, around: self.run.predictor.inputs(panel, at, around=around)
        )

    def of_site(self, site):
        """Return the rows of a site as a table, with their numbers as index."""
        number = int(self.places["site_id"].searchsorted(site))
        n_rows = self.run.survey.n_rows.sum(axis=0)
        first = n_rows[:number].sum()
        return self.take(np.arange(first, first + n_rows[number]))

    def take(self, rows):
        """Return some rows as a table, with their numbers as index."""
        return self._of_blocks(rows, lambda panel, at, around: panel.iloc[at])

    def values(self, column):
        """Return the values of a column that are not missing, float64."""
        survey, stored = self.run.survey, [column] if column in self.run.survey.record.names else []
        blocks = (survey.panel(self.run.load(n), stored)[column] for n in range(len(self.run.blocks)))
        return np.concatenate([values.dropna().to_numpy(dtype="float64") for values in blocks])

    def _of_blocks(self, rows, compute):
        """Return what `compute` makes of the rows of each block, with the numbers of the rows as index."""
        rows, tables = np.asarray(rows), []
        for number, numbers in enumerate(self._numbers):
            part = np.flatnonzero(np.isin(rows, numbers))
            if len(part):
                _, panel, around = self.run.block(number)
                tables.append(compute(panel, np.searchsorted(numbers, rows[part]), around).set_axis(part))
        return pd.concat(tables).sort_index().set_axis(rows)


def find_row(rows, site, date):
    """Return the number of the row of a site and day among those of :func:`open_rows`.

    `site` is a `site_id`, or the name of a city with one site, in upper or lower case. ValueError is raised
    if there is none, with the nearest names or days, or if the city has several sites.
    """
    try:
        day = pd.Timestamp(datetime.date.fromisoformat(str(date)))
    except ValueError:
        raise ValueError(f"{date!r} is not a day; write it like 2020-03-01.") from None
    site = _find_site(rows.places, site)
    days = rows.of_site(site)["date"]
    if (days == day).any():
        return int(days.index[days == day][0])
    nearest = days.iloc[(days - day).abs().argsort().iloc[0]]
    raise ValueError(
        f"The panel has no {day:%Y-%m-%d} for site {site!r}; its nearest day is {nearest:%Y-%m-%d} "
        f"(it has {len(days):,}, {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d})."
    )


def rows_around(rows, row, days):
    """Return the numbers of the rows of the same site up to so many days before and after a row."""
    here = rows.take([row]).iloc[0]
    dates = rows.of_site(here["site_id"])["date"]
    return dates.index[(dates - here["date"]).abs() <= pd.Timedelta(days=days)].to_numpy()


def _find_site(places, name):
    """Return the site of that `site_id`, or the only site of a city of that name."""
    places = places[["site_id", "city"]].drop_duplicates()
    if (places["site_id"] == name).any():
        return name
    names = places.apply(lambda column: column.str.casefold())
    sites = places.loc[names.eq(name.casefold()).any(axis=1), "site_id"].unique()
    if len(sites) == 1:
        return sites[0]
    if len(sites):
        listed = f"{', '.join(sites[:5])}{' …' if len(sites) > 5 else ''}"
        raise ValueError(f"{name!r} has {len(sites)} sites; name one of them: {listed}.")
    known = {key.casefold(): key for key in [*places["city"], *places["site_id"]]}
    near = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.4) or list(known)[:3]
    raise ValueError(
        f"The panel has no site and no city {name!r}. Near names: {', '.join(known[key] for key in near)}."
    )


def importance_rows(importance, by="product"):
    """Return headings and cells of the table of importance, as text; names of no importance are left out."""
    table = importance[importance["by"] == by]
    total = table["importance"].sum()
    rows = [
        [line.name, f"{line.importance:.2f}", f"{100 * line.importance / total:.0f} %"]
        for line in table[table["importance"] > 0].itertuples(index=False)
    ]
    return [by, f"importance [{PM25_UNIT}]", "share"], rows


def write_explanation(contributions, importance, metadata, out):
    """Write tables, text and pictures of importance and partial dependence into a folder.

    `importance` is that of the contributions, `metadata` that of the training panel; a folder that holds
    `explanation.json` is replaced.
    """
    from airq.report.charts import dependence_curves, importance_bars, save

    # Monitors and remainder are no columns; a latitude without its longitude is nowhere.
    columns = importance[importance["by"] == "column"]
    used = columns["name"].isin(contributions.rows.columns) & (columns["product"] != POSITION)
    dependence = contributions.dependence(columns.loc[used, "name"].tolist()[:N_COLUMNS])
    tables = [importance_rows(importance, by) for by in ("product", "column")]
    parts = [CAPTION, *(markdown_table(headings, rows[:30]) for headings, rows in tables)]
    parts.append("![importance](importance.png)")
    with atomic_folder(out, marker=RECORDS) as folder:
        write_json(folder / RECORDS, importance.to_dict("records"))
        importance.to_csv(folder / "importance.csv", index=False)
        save(importance_bars(importance, metadata), folder / "importance.png")
        if len(dependence):
            dependence.to_csv(folder / "dependence.csv", index=False)
            save(dependence_curves(dependence, metadata), folder / "dependence.png")
            parts.append(f"![dependence](dependence.png)\n\n{DEPENDENCE_CAPTION}")
        _write_text(folder / "explanation.md", "What the predictions rest on", metadata, parts)


def row_records(table):
    """Return the contributions to one prediction as records of plain values, with their unit."""
    table = table.assign(date=table["date"].dt.strftime("%Y-%m-%d"), contribution_unit=PM25_UNIT)
    return table.to_dict("records")


def write_row_explanation(table, places, metadata, out):
    """Write records, text and picture of the contributions to one prediction into a folder.

    `places` names city and country, `metadata` is that of the training panel; a folder that holds
    `explanation.json` is replaced.
    """
    from airq.report.charts import contribution_bars, save

    sentences = contribution_sentences(table, places)
    with atomic_folder(out, marker=RECORDS) as folder:
        write_json(folder / RECORDS, row_records(table))
        parts = ["```\n" + "\n".join(sentences) + "\n```"]
        _write_text(folder / "explanation.md", "Contributions to a prediction", metadata, parts)
        save(contribution_bars(table, sentences[0], metadata), folder / "contributions.png")


def drop_product_scores(
    estimator,
    panel: pd.DataFrame | str | Path,
    *,
    schemes: list[str] | None = None,
    random_state: int = 0,
    n_jobs: int = 1,
    advance: Callable | None = None,
) -> pd.DataFrame:
    """Return how much the error at held-out places grows when a product's columns are dropped.

    The estimator is fitted anew without each product, on the same folds.

    Parameters
    ----------
    estimator : PM25Regressor or callable
        An unfitted model, or a function that makes a fresh :class:`airq.models.predictor.Predictor`.
    panel : DataFrame, str or Path
        Panel with targets.
    schemes : sequence of str, optional
        What is held out, see :data:`airq.validation.schemes.SCHEMES`; by default what training keeps
        together, cities or sites.
    random_state, n_jobs : int
        Seed of the folds, and number of processes.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.

    Returns
    -------
    DataFrame
        `scheme, product, columns, increase, ci_low, ci_high` [µg m⁻³], `resampled, rmse, rmse_without, n,
        unit`; the largest increase first within a scheme. `increase` is the RMSE without the product minus
        the RMSE with it: above zero, the product helps.

    Raises
    ------
    ValueError
        If the panel supports none of the schemes or has one product only.
    """
    panel = training_panel(panel)
    make = estimator.candidate() if hasattr(estimator, "candidate") else estimator
    columns = _columns_of_products(panel)
    schemes = schemes or ["site" if training_groups(panel) == "site_id" else "city"]
    folds, skipped = plan_folds(panel, schemes, seed=random_state)
    candidates = {OURS: functools.partial(Without, make, [])}
    candidates |= {f"without {name}": functools.partial(Without, make, columns[name]) for name in columns}
    evaluation = score_candidates(panel, candidates, folds, described=(), n_jobs=n_jobs, advance=advance)
    for name, reason in (skipped | evaluation.skipped).items():
        warn(f"{name} is left out: {reason}.")
    records = []
    for scheme, table in evaluation.predictions.groupby("scheme", sort=False):
        whole = table.dropna(axis="columns")
        scores = [
            _drop_score(whole, scheme, product, listed)
            for product, listed in columns.items()
            if {OURS, f"without {product}"} <= set(whole)
        ]
        records += sorted(scores, key=lambda record: -record["increase"])
    if not records:
        raise ValueError("The model cannot be fitted on the held-out folds of this panel.")
    return pd.DataFrame(records)


class Without:
    """A candidate's predictor that never sees some columns of the panel."""

    def __init__(self, candidate, columns):
        self.predictor = candidate()
        # Only predictions are compared.
        self.predictor.residual_scale = self.predictor.applicability = None
        self.columns = list(columns)

    def fit(self, panel, groups):
        """Learn from the panel without the columns."""
        self.predictor.fit(panel.drop(columns=self.columns), groups)
        return self

    def predict(self, panel):
        """Return PM2.5 of every row, shape (n_rows,) [µg m⁻³]."""
        return self.predictor.predict(panel.drop(columns=self.columns))


def _columns_of_products(panel):
    """Return the input columns of every product of a panel; position stays in every model."""
    columns = {}
    for name, product in products_of_columns(feature_columns(panel)).items():
        columns.setdefault(product, []).append(name)
    columns.pop(POSITION, None)
    if not columns:
        raise ValueError("The panel has no input columns, so there is no product to drop.")
    if len(columns) < 2:
        raise ValueError(
            f"Every input column belongs to the product {next(iter(columns))!r}; without it nothing is left."
        )
    return columns


def _drop_score(table, scheme, product, columns):
    rows, without = table.rename(columns={"observed": TARGET}), table[f"without {product}"]
    difference = bootstrap_difference(rows, without, table[OURS])
    return {
        "scheme": scheme,
        "product": product,
        "columns": columns,
        "increase": difference.pop("difference"),
        **difference,
        "rmse": rmse(rows[TARGET], table[OURS]),
        "rmse_without": rmse(rows[TARGET], without),
        "n": len(rows),
        "unit": PM25_UNIT,
    }


def drop_score_rows(scores):
    """Return headings and cells of the table of drop-product scores, as text."""
    rows = [
        [
            line.scheme,
            line.product,
            str(len(line.columns)),
            f"{line.rmse_without:.2f}",
            f"{line.increase:+.2f}",
            "too few places" if math.isnan(line.ci_low) else f"{line.ci_low:+.2f} to {line.ci_high:+.2f}",
        ]
        for line in scores.itertuples(index=False)
    ]
    return ["scheme", "product", "columns", "RMSE without", "increase", "95 % interval"], rows


def write_drop_scores(scores, metadata, out):
    """Write records, text and a picture per scheme of drop-product scores into a folder.

    `metadata` is that of the panel; a folder that holds `drop_scores.json` is replaced.
    """
    from airq.report.charts import drop_score_bars, save

    whole = scores.groupby("scheme", sort=False)["rmse"].first()
    words = ", ".join(f"{value:.2f} by {scheme}" for scheme, value in whole.items())
    parts = [DROP_CAPTION, f"RMSE with all products: {words} {PM25_UNIT}."]
    parts.append(markdown_table(*drop_score_rows(scores)))
    with atomic_folder(out, marker=DROP_RECORDS) as folder:
        write_json(folder / DROP_RECORDS, scores.to_dict("records"))
        _write_text(folder / "drop_scores.md", "Drop-product scores", metadata, parts)
        for scheme, table in scores.groupby("scheme", sort=False):
            save(drop_score_bars(table.to_dict("records"), metadata), folder / f"drop_scores_{scheme}.png")


def _write_text(path, title, metadata, parts):
    write_text(path, "\n\n".join(filter(None, [f"# {title}", origin_warning(metadata), *parts])) + "\n")

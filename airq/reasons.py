"""Reasons beside predictions: contributions by feature, column and product, and how the model responds."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from airq.features.recipe import Recipe
from airq.models.contributions import BASE, BESIDE, MONITORS, REMAINDER, Explainer, grouped, mean_size
from airq.models.dependence import partial_dependence, value_grid
from airq.panel import TARGET, panel_metadata
from airq.predictor import PLACES
from airq.units import PM25_UNIT

CALENDAR = "calendar"
#: Rows from which linear leaves take their centres, and rows that importance and dependence look at.
N_BACKGROUND = 1000
N_SAMPLE = 500
N_DEPENDENCE = 200
N_COLUMNS = 6
LEVELS = ("product", "column", "feature")
#: Kinds of features that are of the size of their column, so that they can be set to one value together.
_OF_ITS_SIZE = ("value", "lag", "lead", "mean", "max", "near", "area")
#: Products that a text names one by one.
N_NAMED = 8


class Reasons:
    """Why a predictor says what it says of the rows of a panel.

    Making it takes some seconds, for it computes the features of the whole panel; a row then takes a
    tenth of a second.

    Parameters
    ----------
    predictor : Predictor
        Fitted, or loaded from a bundle.
    panel : DataFrame
        A checked panel with the predictor's inputs; a target in it is not looked at. A sample of its
        rows is the background.
    products : dict of str to str
        Column -> product; what it lacks counts by itself.
    seed : int
        Seed of the samples.

    Attributes
    ----------
    columns_ : dict of str to list of str
        Feature -> the columns that it is made of, among which its contribution is shared evenly;
        ``calendar`` for features of the day.
    """

    def __init__(self, predictor, panel, products, *, seed=0):
        self.predictor = predictor
        self.panel = panel.drop(columns=TARGET, errors="ignore").reset_index(drop=True)
        self.seed = seed
        self.features = predictor.features(self.panel)
        self.columns_ = columns_of_features(predictor.recipe_)
        used = {name for listed in self.columns_.values() for name in listed}
        self._products = {name: products.get(name, name) for name in used}
        self._explainer = Explainer(predictor.estimator_, self.features.iloc[self.sample(N_BACKGROUND)])

    def sample(self, n_rows):
        """Numbers of rows drawn without replacement, in order; all where there are fewer."""
        order = np.random.default_rng(self.seed).permutation(len(self.panel))
        return np.sort(order[:n_rows])

    def contributions(self, rows, *, level="product"):
        """Contributions to the predictions of some rows.

        Parameters
        ----------
        rows : sequence of int
            Numbers of rows of the panel.
        level : {"product", "column", "feature"}
            What contributes.

        Returns
        -------
        DataFrame of shape (n_rows, n_names + 3)
            By name, then `base`, `nearby monitors` and `remainder`; a row sums to the prediction.
            [µg m⁻³]
        """
        table = self._explainer.contributions(self.features.iloc[rows], self.panel.loc[rows, PLACES])
        return grouped(table, self._groups(level))

    def _groups(self, level):
        if level == "feature":
            return {feature: [feature] for feature in self.columns_}
        if level == "column":
            return self.columns_
        return {
            feature: [self._products[name] for name in listed] for feature, listed in self.columns_.items()
        }

    def of(self, rows):
        """Reasons for some rows, by product, the largest first within a row.

        Parameters
        ----------
        rows : sequence of int
            Numbers of rows of the panel.

        Returns
        -------
        DataFrame
            `site_id, date, product, contribution` [µg m⁻³]; of the column of the product that
            contributes most its name `column`, its `value` on that day, its `unit`, and its `rank`: the
            share of the panel's values that lie below it, equal ones counted half [1]. The
            contributions of a row sum to its prediction; `base`, `nearby monitors` and `remainder`
            stand beside the products.
        """
        rows = np.asarray(rows)
        by_feature = self._explainer.contributions(self.features.iloc[rows], self.panel.loc[rows, PLACES])
        by_product = grouped(by_feature, self._groups("product"))
        by_column = grouped(by_feature, self.columns_)
        tables = [self._row(row, by_product.loc[row], by_column.loc[row]) for row in rows]
        return pd.concat(tables, ignore_index=True)

    def _row(self, row, by_product, by_column):
        inside = by_product.drop(list(BESIDE))
        order = [BASE, *inside.sort_values(key=np.abs, ascending=False, kind="stable").index]
        table = pd.DataFrame({"product": [*order, MONITORS, REMAINDER]})
        table["contribution"] = by_product[table["product"]].to_numpy()
        main = [self._main_column(product, by_column) for product in table["product"]]
        table["column"] = main
        table["value"] = [self._value(row, name) for name in main]
        table["unit"] = [self._units.get(name, "") for name in main]
        table["rank"] = [self._rank(name, value) for name, value in zip(main, table["value"], strict=True)]
        table.insert(0, "site_id", self.panel["site_id"].iloc[row])
        table.insert(1, "date", self.panel["date"].iloc[row])
        return table

    def _main_column(self, product, by_column):
        mine = [name for name in by_column.index if self._products.get(name) == product]
        return max(mine, key=lambda name: abs(by_column[name]), default="")

    def _value(self, row, name):
        return float(self.panel[name].iloc[row]) if name in self.panel.columns else np.nan

    def _rank(self, name, value):
        if not np.isfinite(value):
            return np.nan
        known = self.panel[name].dropna().to_numpy(dtype="float64")
        return float((np.mean(known < value) + np.mean(known <= value)) / 2)

    @functools.cached_property
    def _units(self):
        return panel_metadata(self.panel).units

    def importance(self, *, n_rows=N_SAMPLE):
        """Mean size of the contributions over a sample of rows.

        Parameters
        ----------
        n_rows : int
            Rows of the sample.

        Returns
        -------
        DataFrame
            `level, name, product, importance` [µg m⁻³] and `rows`, largest first within a level.
            Contributions are summed within a group before their size is taken, so a group counts for
            less than the sum of its members where they pull either way.
        """
        rows = self.sample(n_rows)
        by_feature = self._explainer.contributions(self.features.iloc[rows], self.panel.loc[rows, PLACES])
        tables = []
        for level in LEVELS:
            sizes = mean_size(grouped(by_feature, self._groups(level)))
            table = pd.DataFrame({"level": level, "name": sizes.index, "importance": sizes.to_numpy()})
            groups = self._groups("product")
            product = self._products if level == "column" else {f: g[0] for f, g in groups.items()}
            table.insert(2, "product", [product.get(name, name) for name in table["name"]])
            tables.append(table)
        return pd.concat(tables, ignore_index=True).assign(rows=len(rows))

    def dependence(self, columns, *, n_rows=N_DEPENDENCE):
        """Partial dependence on columns, each with everything of its size made of it.

        Where a column is set, so are its values on other days and at places nearby, and their means;
        differences, counts and quantities made of several columns stay.

        Parameters
        ----------
        columns : sequence of str
            Columns of the panel; those of which the recipe makes nothing of their size are left out.
        n_rows : int
            Rows of the background sample.

        Returns
        -------
        DataFrame
            `column, unit, value, pm25` [µg m⁻³].
        """
        X = self.features.iloc[self.sample(n_rows)]
        tables = []
        for column in columns:
            features = [f.name for f in self.predictor.recipe_.features if _of_size(f, column)]
            if features and column in self.panel.columns:
                values = value_grid(self.panel[column])
                pm25 = partial_dependence(self.predictor.estimator_, X, features, values)
                facts = {"column": column, "unit": self._units.get(column, ""), "value": values}
                tables.append(pd.DataFrame({**facts, "pm25": pm25}))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def reasons(predictor, panel, rows, products):
    """Reasons for some rows of a panel; see :meth:`Reasons.of`, which is quicker for one after another."""
    return Reasons(predictor, panel, products).of(rows)


def columns_of_features(recipe: Recipe):
    """The columns that every feature of a recipe is made of; ``calendar`` for features of the day.

    >>> from airq.features.feature import Feature
    >>> columns_of_features(Recipe("mine", (Feature("weather", "wind_speed"), Feature("calendar", "month"))))
    {'wind_speed': ['wind_u', 'wind_v'], 'month': ['calendar']}
    """
    return {feature.name: list(feature.inputs) or [CALENDAR] for feature in recipe.features}


def reason_sentences(table, place):
    """The reasons for one row in words.

    Parameters
    ----------
    table : DataFrame
        Reasons for one row, from :meth:`Reasons.of`.
    place : Series
        Its row of the panel: names of site, city and country.

    Returns
    -------
    list of str
        Prediction, base, products, monitors nearby, remainder.
    """
    prediction = table["contribution"].sum()
    amounts = table.set_index("product")["contribution"]
    inside = table[~table["product"].isin(BESIDE)]
    where = ", ".join(dict.fromkeys([place["site_id"], place["city"], place["country"]]))
    sentences = [
        f"{where}, {table['date'].iloc[0]:%Y-%m-%d}: PM2.5 {prediction:.1f} {PM25_UNIT} predicted.",
        f"{amounts[BASE]:8.1f}  base: where the boosters start, knowing nothing of the row",
        *(_product_sentence(line) for line in inside.head(N_NAMED).itertuples()),
    ]
    if len(inside) > N_NAMED:
        rest = inside["contribution"].iloc[N_NAMED:]
        sentences.append(f"{rest.sum():+8.1f}  {len(rest)} other products together")
    sentences.append(
        f"{amounts[MONITORS]:+8.1f}  {MONITORS}: what they showed beyond the boosters, carried here"
    )
    sentences.append(f"{amounts[REMAINDER]:+8.1f}  {REMAINDER}: what the limits of predictions took or gave")
    return sentences


def _product_sentence(line):
    text = f"{line.contribution:+8.1f}  {line.product}"
    if not line.column or line.column == CALENDAR:
        return text
    if not np.isfinite(line.value):
        return f"{text}: {line.column} is missing on that day"
    unit = "" if line.unit in ("", "1", "unknown") else f" {line.unit}"
    return f"{text}: {line.column} = {line.value:.4g}{unit}, above {100 * line.rank:.0f} % of the panel's"


def _of_size(feature, column):
    return feature.kind.removesuffix("_centred") in _OF_ITS_SIZE and feature.inputs == (column,)

"""Explain a prediction: contributions of features, columns and products, in µg m⁻³, that sum to it.

**Contributions.** TreeSHAP [1]_ of the boosters themselves gives contributions on the scale that a
booster learned, averaged over the inner folds. On the square-root scale ``s² - b² = (s - b) (s + b)``, so
contributions times ``s + b`` sum to the step in PM2.5 from the base ``b`` to the prediction ``s``; for
any other power likewise with the slope of the chord from ``b`` to ``s``. Members are blended by their
weights. What monitors nearby show is one more contribution: that of the features which describe them, and
of the kriging towards which the blend is drawn, all else counting the less. The `remainder` is what the
limits of predictions (zero, the highest, and for a booster the others) took away or gave. Contributions of
features add up to those of the columns that they are made of, and these to products.

**Importance** is the mean size of the contributions over a sample of rows.

**Partial dependence** [2]_ shows how the answer changes with one input. It describes the model, not
nature: inputs that occur together are moved apart, and what the model learned from correlated inputs
stands in for the input itself.

References
----------
.. [1] S. Lundberg et al., From local explanations to global understanding with explainable AI for
   trees, Nature Machine Intelligence 2, 56-67, 2020.
.. [2] J. H. Friedman, Greedy function approximation: a gradient boosting machine, Annals of
   Statistics 29, 1189-1232, 2001.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.models import BASE, BESIDE, CALENDAR, MONITORS, REMAINDER
from airq.models.linear_trees import LinearTrees
from airq.models.monitors import FEATURES
from airq.panel import TARGET, panel_metadata
from airq.units import PM25_UNIT

GROUPINGS = ("product", "column", "feature")

#: Rows from which linear leaves take their centres, and rows behind importance and dependence.
N_BACKGROUND = 1000
N_SAMPLE = 500
N_DEPENDENCE = 200
#: Columns whose dependence is drawn, and values of each; this share of the rows lies beyond either end.
N_COLUMNS = 6
N_VALUES = 15
TAIL = 0.02
#: Kinds of features that have the size of their column, so that they can be set to one value together.
_OF_ITS_SIZE = ("value", "lag", "lead", "mean", "max", "near", "area")


class Explainer:
    """Contributions to the predictions of a fitted :class:`airq.models.ensemble.BoosterEnsemble`.

    `background` holds features of usual rows, (n_samples, n_features), from which linear leaves take their
    centres, see :mod:`airq.models.linear_trees`.
    """

    def __init__(self, estimator, background=None):
        self.estimator = estimator
        self._background = background
        self._members = [
            (weight, member, [self._prepared(member, booster) for booster in boosters])
            for weight, member, boosters in zip(
                estimator.weights_, estimator.members_, estimator.boosters_, strict=True
            )
            if weight > 0
        ]

    def contributions(self, X):
        """Return the contributions [µg m⁻³] to every prediction from features X, (n_samples, n_features).

        By feature, then `base`, `nearby monitors` and `remainder`; the features that describe monitors nearby
        are in `nearby monitors`. A row sums to the prediction. `base` is the same in every row: the
        prediction of members that know no feature.
        """
        total = np.zeros((len(X), X.shape[1] + 1))
        lifted = np.zeros(len(X))
        for weight, member, boosters in self._members:
            values = self._values(X, member)
            each = np.array([contributions(values) for contributions in boosters])
            said = each.sum(axis=2)
            kept = (member.agreed(said, self.estimator.highest_) - said).mean(axis=0)
            # As one more feature before the base, so that it, too, comes to µg m⁻³.
            parts, clipped = to_concentration(np.insert(each.mean(axis=0), -1, kept, axis=1), member)
            total += weight * np.delete(parts, -2, axis=1)
            lifted += weight * (parts[:, -2] + clipped)
        share = self.estimator.share_of_kriging(X)
        base = total[:, -1].copy()
        # Towards the kriging: all else counts the less, and the kriging its step from the base.
        total[:, :-1] *= (1 - share)[:, None]
        lifted *= 1 - share
        table = pd.DataFrame(total, columns=[*X.columns, BASE], index=X.index)
        described = [name for name in X.columns if name in FEATURES]
        table[MONITORS] = table[described].sum(axis=1)
        if described:
            step = np.expm1(X["monitors_kriging"].to_numpy(dtype="float64")) - base
            table[MONITORS] += np.where(share > 0, share * step, 0.0)
        table = table.drop(columns=described)
        reached = table.to_numpy().sum(axis=1) + lifted
        # A copy: pandas warns where a table of many columns gets another.
        table = table.copy()
        table[REMAINDER] = lifted + np.clip(reached, 0, self.estimator.highest_) - reached
        return table

    def _values(self, X, member):
        return np.ascontiguousarray(self.estimator.within_ranges(X, member.reach), dtype="float32")

    def _prepared(self, member, booster):
        """Return a function from values to contributions, the base last, on the scale of the booster."""
        if booster.kind == "ridge":
            return lambda values: booster.contributions(values.astype("float64"))
        if booster.kind == "catboost":
            import catboost

            options = {"type": "ShapValues", "thread_count": booster.threads}
            return lambda values: booster.native.get_feature_importance(catboost.Pool(values), **options)
        if not member.parameters.get("linear_tree"):
            options = {"pred_contrib": True, "num_threads": booster.threads}
            return lambda values: booster.native.predict(values, **options)
        trees = LinearTrees(booster.native)
        if self._background is not None:
            trees.centre_on(self._values(self._background, member))
        return lambda values: trees.contributions(values, threads=booster.threads)


def to_concentration(contributions, member):
    """Convert contributions from the scale of a member's boosters to µg m⁻³.

    They have the shape (n_samples, n_features + 1); the base comes last. The second result, of shape
    (n_samples,), is what lifts predictions below zero to zero.

    From a base of 5 a feature takes the square root to 7: 49 = 25 + 2 (7 + 5).

    >>> from airq.models.ensemble import Member
    >>> to_concentration(np.array([[2.0, 5.0]]), Member("lightgbm", 0.5))[0].tolist()
    [[24.0, 25.0]]
    """
    start, scale = contributions[:, -1], contributions.sum(axis=1)
    end = np.maximum(scale, 0)
    base = member.backward(start)
    step = end - start
    # Where base and prediction meet, the tangent stands for the chord.
    short = np.abs(step) < 1e-6 * np.maximum(np.abs(start), 1e-6)
    chord = np.where(short, member.slope(start), (member.backward(end) - base) / np.where(short, 1, step))
    parts = contributions * chord[:, None]
    parts[:, -1] = base
    return parts, -chord * np.minimum(scale, 0)


def grouped(contributions, groups):
    """Sum contributions by groups, given as feature -> its groups, among which it is shared evenly.

    The groups come in order of appearance; `base`, `nearby monitors` and `remainder` stay as they are.

    >>> table = pd.DataFrame({"speed": [4.0], "no2": [1.0], "base": [30.0]})
    >>> grouped(table, {"speed": ["wind_u", "wind_v"], "no2": ["no2"]}).to_dict("records")
    [{'wind_u': 2.0, 'wind_v': 2.0, 'no2': 1.0, 'base': 30.0}]
    """
    names = pd.Index(dict.fromkeys(name for listed in groups.values() for name in listed))
    shares = np.zeros((len(groups), len(names)))
    for number, listed in enumerate(groups.values()):
        np.add.at(shares[number], names.get_indexer(listed), 1 / len(listed))
    sums = contributions[list(groups)].to_numpy() @ shares
    table = pd.DataFrame(sums, columns=names, index=contributions.index)
    return pd.concat([table, contributions.drop(columns=list(groups))], axis=1)


def mean_size(contributions):
    """Return the mean size [µg m⁻³] of contributions over rows as a Series, without `base`, largest first."""
    sizes = contributions.drop(columns=BASE, errors="ignore").abs().mean()
    return sizes.sort_values(ascending=False, kind="stable")


def partial_dependence(estimator, X, features, values):
    """Return the mean prediction over background rows X when some features are set to each of some values.

    The boosters of the ensemble predict, without monitors nearby. The result has shape (n_values,). [µg m⁻³]
    """
    means = []
    for value in np.asarray(values, dtype="float64"):
        changed = X.copy()
        changed[list(features)] = np.float32(value)
        means.append(float(estimator.predict(estimator.with_monitors(changed, None)).mean()))
    return np.array(means)


def value_grid(values, *, n_values=N_VALUES, tail=TAIL):
    """Return quantiles of the known values of a column, each once.

    >>> value_grid([1.0, 2.0, 3.0, np.nan], n_values=3, tail=0.0).tolist()
    [1.0, 2.0, 3.0]
    """
    known = pd.Series(values, dtype="float64").dropna().to_numpy()
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.linspace(tail, 1 - tail, n_values)))


class PanelRows:
    """The rows of a checked panel by number, and what an estimator gets for them.

    A target in the panel is not looked at. :class:`airq.workflows.explain.FileRows` has the same attributes
    and methods.

    Attributes
    ----------
    columns : list of str
        Of the panel.
    units : dict of str to str
        Of the columns.
    """

    def __init__(self, predictor, panel):
        self.predictor = predictor
        self.panel = panel.drop(columns=TARGET, errors="ignore").reset_index(drop=True)
        self.columns, self.units = list(self.panel.columns), panel_metadata(self.panel).units

    def __len__(self):
        return len(self.panel)

    def inputs(self, rows):
        """Return what the estimator gets, see :meth:`airq.models.predictor.Predictor.inputs`."""
        return self.predictor.inputs(self.panel, rows)

    @property
    def places(self):
        """Return the different `site_id, city, country` of the rows."""
        return self.panel[["site_id", "city", "country"]].drop_duplicates()

    def of_site(self, site):
        """Return the rows of a site as a table, with their numbers as index."""
        return self.panel[self.panel["site_id"] == site]

    def take(self, rows):
        """Return some rows as a table, with their numbers as index."""
        return self.panel.iloc[rows]

    def values(self, column):
        """Return the values of a column that are not missing, float64."""
        return self.panel[column].dropna().to_numpy(dtype="float64")


class Contributions:
    """Contributions to a predictor's predictions of the rows of a panel, by feature, column and product.

    Making it takes some seconds, because it computes the features of a sample of rows; a row then takes a
    tenth of a second. The predictor is fitted; the panel is a checked one with its inputs, or its rows as
    :class:`PanelRows` give them, of which a sample is the background. `products` maps columns to products; a
    column that is not in it counts by itself. `seed` is that of the samples.

    Attributes
    ----------
    groups_ : dict of str to dict of str to list of str
        By `product`, `column` and `feature`: feature -> the groups among which its contribution is shared
        evenly; ``calendar`` for features of the date.
    """

    def __init__(self, predictor, panel, products, *, seed=0):
        self.predictor = predictor
        self.rows = PanelRows(predictor, panel) if isinstance(panel, pd.DataFrame) else panel
        self.seed = seed
        self._background = self.rows.inputs(self.sample(N_BACKGROUND))
        columns = {f.name: list(f.inputs) or [CALENDAR] for f in predictor.recipe_.features}
        self._products = {name: products.get(name, name) for listed in columns.values() for name in listed}
        self.groups_ = {
            "product": {f: [self._products[name] for name in listed] for f, listed in columns.items()},
            "column": columns,
            "feature": {feature: [feature] for feature in columns},
        }
        self._explainer = Explainer(predictor.estimator_, self._background)

    def sample(self, n_rows):
        """Return numbers of rows drawn without replacement, in order; all where there are fewer."""
        return np.sort(np.random.default_rng(self.seed).permutation(len(self.rows))[:n_rows])

    def contributions(self, rows, *, by="product"):
        """Return the contributions [µg m⁻³] to the predictions of rows of the panel, given by number.

        A DataFrame of shape (n_rows, n_names + 3): by product, column or feature, then `base`,
        `nearby monitors` and `remainder`; a row sums to the prediction.
        """
        return grouped(self._by_feature(rows), self.groups_[by])

    def table(self, rows):
        """Return the contributions to rows of the panel, given by number, the largest product first in a row.

        `site_id, date, product, contribution` [µg m⁻³]; of the column of the product that contributes most
        its name `column`, its `value` on that day, its `unit`, and its `rank`: the share of the panel's
        values that lie below it, equal ones counted half [1]. The contributions of a row sum to its
        prediction; `base`, `nearby monitors` and `remainder` are listed with the products.
        """
        rows = np.asarray(rows)
        by_feature = self._by_feature(rows)
        by_product, by_column = (grouped(by_feature, self.groups_[by]) for by in ("product", "column"))
        whole = self.rows.take(rows)
        tables = [self._row_table(whole.loc[row], by_product.loc[row], by_column.loc[row]) for row in rows]
        return self._ranked(pd.concat(tables, ignore_index=True))

    def importance(self, *, n_rows=N_SAMPLE):
        """Return the mean size of the contributions over a sample of rows.

        `by, name, product, importance` [µg m⁻³], `unit` and `rows`, largest first within a grouping.
        Contributions are summed within a group before their size is taken, so a group counts for less than
        the sum of its members where they pull either way.
        """
        rows = self.sample(n_rows)
        by_feature = self._by_feature(rows)
        of_features = {feature: listed[0] for feature, listed in self.groups_["product"].items()}
        tables = []
        for by in GROUPINGS:
            sizes = mean_size(grouped(by_feature, self.groups_[by]))
            products = self._products if by == "column" else of_features
            product = [products.get(name, name) for name in sizes.index]
            table = {"by": by, "name": sizes.index, "product": product, "importance": sizes.to_numpy()}
            tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True).assign(unit=PM25_UNIT, rows=len(rows))

    def dependence(self, columns, *, n_rows=N_DEPENDENCE):
        """Return the partial dependence on columns: `column, unit, value, pm25` [µg m⁻³].

        Where a column is set, so are its values on other days and at places nearby, and their means;
        differences, counts and quantities made of several columns stay. Columns of which the recipe makes
        nothing of their size are left out. The background is a sample of rows.
        """
        X = self._inputs(self.sample(n_rows)).drop(columns=list(FEATURES), errors="ignore")
        tables = []
        for column in columns:
            features = [
                f.name
                for f in self.predictor.recipe_.features
                if f.kind.removesuffix("_centred") in _OF_ITS_SIZE and f.inputs == (column,)
            ]
            if features and column in self.rows.columns:
                values = value_grid(self.rows.values(column))
                pm25 = partial_dependence(self.predictor.estimator_, X, features, values)
                unit = self.rows.units.get(column, "")
                tables.append(pd.DataFrame({"column": column, "unit": unit, "value": values, "pm25": pm25}))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def _by_feature(self, rows):
        return self._explainer.contributions(self._inputs(rows))

    def _inputs(self, rows):
        known = np.isin(rows, self._background.index).all()
        return self._background.loc[rows] if known else self.rows.inputs(rows)

    def _row_table(self, here, by_product, by_column):
        products = by_product.drop(list(BESIDE)).sort_values(key=np.abs, ascending=False, kind="stable").index
        records = []
        for product in [BASE, *products, MONITORS, REMAINDER]:
            columns = [name for name in by_column.index if self._products.get(name) == product]
            column = max(columns, key=lambda name: abs(by_column[name]), default="")
            value = float(here.get(column, np.nan))
            records.append(
                {
                    "site_id": here["site_id"],
                    "date": here["date"],
                    "product": product,
                    "contribution": by_product[product],
                    "column": column,
                    "value": value,
                    "unit": self.rows.units.get(column, ""),
                }
            )
        return pd.DataFrame(records)

    def _ranked(self, table):
        """Return a table of values with their `rank` among those of their column in the panel."""
        table["rank"] = np.nan
        # The rows may lie in files: each column is read once, and only one is held.
        for column, own in table[np.isfinite(table["value"])].groupby("column"):
            known = np.sort(self.rows.values(column))
            below, up_to = (np.searchsorted(known, own["value"], side) for side in ("left", "right"))
            table.loc[own.index, "rank"] = (below / len(known) + up_to / len(known)) / 2
        return table

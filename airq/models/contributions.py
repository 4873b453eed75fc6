"""Why a prediction is what it is: contributions of the features, in µg m⁻³, that sum to it.

TreeSHAP [1]_ of the boosters themselves gives contributions on the scale that a booster learned. They
are averaged over the inner folds; on the square-root scale ``s² - b² = (s - b) (s + b)``, so that
contributions times ``s + b`` sum to the step in PM2.5 from the base ``b`` to the prediction ``s``, for
any other power likewise with the slope of the chord from ``b`` to ``s``. Members are blended by
their weights, and what monitors nearby add by kriging is one more contribution. What is left, the
`remainder`, is what the limits took away or gave: predictions below zero and above the highest.

References
----------
.. [1] S. Lundberg et al., From local explanations to global understanding with explainable AI for
   trees, Nature Machine Intelligence 2, 56-67, 2020.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.models.linear_trees import LinearTrees

BASE = "base"
MONITORS = "nearby monitors"
REMAINDER = "remainder"
#: What stands beside the features in a table of contributions.
BESIDE = (BASE, MONITORS, REMAINDER)


class Explainer:
    """Takes the predictions of an ensemble apart.

    Parameters
    ----------
    estimator : BoosterEnsemble
        A fitted ensemble.
    background : DataFrame of shape (n_samples, n_features), optional
        Features of usual rows, from which linear leaves take their centres, see
        :mod:`airq.models.linear_trees`.
    """

    def __init__(self, estimator, background=None):
        self.estimator = estimator
        self._background = None if background is None else _as_boosters_get(estimator, background)
        self._members = [
            (weight, member, [self._prepared(member, booster) for booster in boosters])
            for weight, member, boosters in zip(
                estimator.weights_, estimator.members_, estimator.boosters_, strict=True
            )
            if weight > 0
        ]

    def _prepared(self, member, booster):
        """Function from values to contributions, the base last, on the scale of the booster."""
        if booster.kind == "catboost":
            return lambda values: _catboost_contributions(booster, values)
        if not member.parameters.get("linear_tree"):
            return lambda values: booster.native.predict(
                values, pred_contrib=True, num_threads=booster.threads
            )
        trees = LinearTrees(booster.native)
        if self._background is not None:
            trees.centre_on(self._background)
        return lambda values: trees.contributions(values, threads=booster.threads)

    def contributions(self, X, places=None):
        """Contributions to every prediction.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Features.
        places : DataFrame of n_samples rows, optional
            `site_id, date, latitude, longitude`, as for the prediction.

        Returns
        -------
        DataFrame of shape (n_samples, n_features + 3)
            By feature, then `base`, `nearby monitors` and `remainder`; a row sums to the prediction.
            `base` is the same in every row: the prediction of boosters that know no feature.
            [µg m⁻³]
        """
        values = _as_boosters_get(self.estimator, X)
        total = np.zeros((len(X), X.shape[1] + 1))
        lifted = np.zeros(len(X))
        for weight, member, boosters in self._members:
            scale = np.mean([contributions(values) for contributions in boosters], axis=0)
            parts, clipped = to_concentration(scale, member)
            total += weight * parts
            lifted += weight * clipped
        table = pd.DataFrame(total, columns=[*X.columns, BASE], index=X.index)
        kriging = self.estimator.kriging_
        table[MONITORS] = 0.0 if kriging is None else kriging.predict(places)
        reached = total.sum(axis=1) + lifted + table[MONITORS].to_numpy()
        table[REMAINDER] = lifted + np.clip(reached, 0, self.estimator.highest_) - reached
        return table


def _as_boosters_get(estimator, X):
    return np.ascontiguousarray(estimator.within_ranges(X), dtype="float32")


def to_concentration(contributions, member):
    """Contributions on a member's scale in µg m⁻³.

    Parameters
    ----------
    contributions : numpy.ndarray of shape (n_samples, n_features + 1)
        On the scale that the member's boosters learn; the base comes last.
    member : Member
        Knows the way back from that scale.

    Returns
    -------
    contributions : numpy.ndarray of shape (n_samples, n_features + 1)
        Base last. [µg m⁻³]
    lifted : numpy.ndarray of shape (n_samples,)
        What lifts predictions below zero to zero. [µg m⁻³]

    Examples
    --------
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
    tangent = np.maximum(start, 0) ** (1 / member.power - 1) / member.power
    chord = np.where(short, tangent, (member.backward(end) - base) / np.where(short, 1, step))
    parts = contributions * chord[:, None]
    parts[:, -1] = base
    return parts, -chord * np.minimum(scale, 0)


def grouped(contributions, groups):
    """Contributions of groups of features.

    Parameters
    ----------
    contributions : DataFrame
        From :meth:`Explainer.contributions`.
    groups : dict of str to sequence of str
        Feature -> its groups, among which its contribution is shared evenly.

    Returns
    -------
    DataFrame
        By group in order of appearance; `base`, `nearby monitors` and `remainder` as they are.

    Examples
    --------
    >>> table = pd.DataFrame({"speed": [4.0], "no2": [1.0], "base": [30.0]})
    >>> grouped(table, {"speed": ["wind_u", "wind_v"], "no2": ["no2"]}).to_dict("records")
    [{'wind_u': 2.0, 'wind_v': 2.0, 'no2': 1.0, 'base': 30.0}]
    """
    names = pd.Index(dict.fromkeys(name for listed in groups.values() for name in listed))
    shares = np.zeros((len(groups), len(names)))
    for number, listed in enumerate(groups.values()):
        np.add.at(shares[number], names.get_indexer(listed), 1 / len(listed))
    sums = contributions[list(groups)].to_numpy() @ shares
    beside = [name for name in contributions.columns if name not in groups]
    return pd.concat(
        [pd.DataFrame(sums, columns=names, index=contributions.index), contributions[beside]], axis=1
    )


def mean_size(contributions):
    """Mean size of contributions over rows: the importance of features or groups, largest first.

    Returns
    -------
    Series
        Without `base`. [µg m⁻³]
    """
    sizes = contributions.drop(columns=BASE, errors="ignore").abs().mean()
    return sizes.sort_values(ascending=False, kind="stable")


def _catboost_contributions(booster, values):
    import catboost

    pool = catboost.Pool(values)
    return booster.native.get_feature_importance(pool, type="ShapValues", thread_count=booster.threads)

"""Our estimator: boosters fitted on inner folds of whole groups, blended and averaged.

Every booster leaves one inner fold of groups (cities or sites) out and stops on it. So each training row
gets a prediction from a booster that never saw its place. These out-of-fold predictions choose the
weights of the blend, and their residuals are carried to places nearby, see :mod:`airq.models.kriging`. At
a new place the boosters of all folds are averaged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from sklearn.model_selection import GroupKFold, KFold

from airq.models.boosters import ENDINGS, fit_booster, load_booster
from airq.models.kriging import ResidualKriging

N_INNER = 5
RESIDUALS = "residuals.parquet"
#: Predictions are limited to the highest training target times this.
HEADROOM = 1.2


@dataclass(frozen=True)
class Member:
    """A way to fit boosters."""

    #: Library, of :data:`airq.models.boosters.KINDS`.
    kind: str
    #: The booster learns PM2.5 to this power; 0.5 is the square root.
    power: float = 1.0
    #: Changes to the library's settings in :mod:`airq.models.boosters`.
    parameters: dict = field(default_factory=dict)

    def forward(self, target):
        """Return PM2.5 [µg m⁻³] on the scale that the booster learns."""
        return np.power(target, self.power)

    def backward(self, scale):
        """Return PM2.5 [µg m⁻³] from the scale that the booster learns."""
        return np.power(np.maximum(scale, 0), 1 / self.power)


#: Members of every `--model`.
MEMBERS = {
    "lightgbm": (
        Member("lightgbm"),
        Member("lightgbm", 0.5, {"linear_tree": True, "linear_lambda": 10.0, "lambda_l2": 0.0}),
    ),
    "catboost": (Member("catboost"),),
}
MEMBERS["blend"] = (*MEMBERS["lightgbm"], *MEMBERS["catboost"])


def inner_folds(groups, *, n_folds=N_INNER, seed=0):
    """Return the number of the inner fold of every row, (n_samples,); rows of a group stay together.

    Groups are cities or sites, or row numbers where nothing must stay together. There are fewer folds where
    there are fewer groups; one group alone is split by rows. `seed` is that of the shuffle.
    """
    groups = np.asarray(groups, dtype=object)
    n_groups = len(set(groups))
    options = {"shuffle": True, "random_state": seed}
    splitter = GroupKFold(min(n_folds, n_groups), **options) if n_groups > 1 else KFold(n_folds, **options)
    number = np.empty(len(groups), dtype=int)
    for fold, (_, rows) in enumerate(splitter.split(groups, groups=groups if n_groups > 1 else None)):
        number[rows] = fold
    return number


class BoosterEnsemble:
    """Blend of boosters over inner folds of groups.

    Parameters
    ----------
    members : sequence of Member
        What is blended.
    n_inner : int
        Number of inner folds.
    residuals : {"kriging", "ignored"}
        Whether residuals of the training places are carried to places nearby.
    seed, threads : int
        Seed and number of threads; the same pair gives the same predictions.
    search : callable, optional
        ``search(members, score, data, seed)`` returns better members, see
        :class:`airq.models.tuning.Tuning`.

    Attributes
    ----------
    members_ : tuple of Member
        The members that were fitted.
    boosters_ : list of list of Booster
        By member, then by inner fold.
    weights_ : numpy.ndarray of shape (n_members,)
        Not negative; they sum to one.
    folds_ : numpy.ndarray of int, shape (n_samples,)
        Inner fold of every training row.
    inner_predictions_ : numpy.ndarray of shape (n_samples,)
        Blended out-of-fold predictions of the training rows. [µg m⁻³]
    inner_rmse_ : float
        Their error. [µg m⁻³]
    kriging_ : ResidualKriging or None
        Carries the residuals to places nearby.
    ranges_ : numpy.ndarray of shape (2, n_features)
        Lowest and highest value of every feature in training; linear leaves must not extrapolate.
    highest_ : float
        Upper limit of the predictions. [µg m⁻³]
    """

    def __init__(
        self,
        members=MEMBERS["lightgbm"],
        *,
        n_inner=N_INNER,
        residuals="kriging",
        seed=0,
        threads=1,
        search=None,
    ):
        self.members = tuple(members)
        self.n_inner = n_inner
        self.residuals = residuals
        self.seed = seed
        self.threads = threads
        self.search = search

    def fit(self, X, y, groups, places=None):
        """Fit all members on all inner folds, then blend them.

        X has the shape (n_samples, n_features), its missing values are left to the trees; y is PM2.5 [µg
        m⁻³]. `groups`, (n_samples,), stay together in a fold; `places` are rows of `site_id, date, latitude,
        longitude`.
        """
        self.folds_ = folds = inner_folds(groups, n_folds=self.n_inner, seed=self.seed)
        values = X.to_numpy(dtype="float64")
        self.ranges_ = np.array([np.fmin.reduce(values), np.fmax.reduce(values)])
        self.members_ = self.members
        if self.search is not None:

            def score(members):
                return self._fit_all(members, X, y, folds)

            self.members_ = self.search(self.members, score, (values, y, folds), self.seed)
        self._fit_all(self.members_, X, y, folds)
        self.kriging_ = None
        if self.residuals == "kriging" and len(set(groups)) > 1:
            residual = y - self.inner_predictions_
            self.kriging_ = ResidualKriging(seed=self.seed).fit(residual, folds, places)
        return self

    def _fit_all(self, members, X, y, folds):
        """Fit members and blend; return the error of the inner predictions."""
        self.highest_ = float(y.max() * HEADROOM)
        self.members_ = tuple(members)
        inner = np.empty((len(y), len(members)))
        self.boosters_ = [
            [self._fit_fold(member, X, y, folds == fold, fold, column) for fold in range(folds.max() + 1)]
            for member, column in zip(members, inner.T, strict=True)
        ]
        self.weights_ = blend_weights(inner, y)
        self.inner_predictions_ = inner @ self.weights_
        self.inner_rmse_ = float(np.sqrt(np.mean(np.square(self.inner_predictions_ - y))))
        return self.inner_rmse_

    def _fit_fold(self, member, X, y, stop, fold, inner):
        """Fit the booster that stops on the rows of a fold; write its predictions of them into `inner`."""
        target = member.forward(y)
        options = {"parameters": member.parameters, "seed": self.seed + fold, "threads": self.threads}
        booster = fit_booster(member.kind, X[~stop], target[~stop], X[stop], target[stop], **options)
        inner[stop] = np.minimum(member.backward(booster.predict(X[stop])), self.highest_)
        return booster

    def predict(self, X, places=None):
        """Return PM2.5 [µg m⁻³], shape (n_samples,), from zero to a little above the highest one learned."""
        X = pd.DataFrame(self.within_ranges(X), columns=X.columns)
        blended = np.zeros(len(X))
        for member, boosters, weight in zip(self.members_, self.boosters_, self.weights_, strict=True):
            if weight > 0:
                scale = np.mean([booster.predict(X) for booster in boosters], axis=0)
                blended += weight * member.backward(scale)
        if self.kriging_ is not None:
            blended += self.kriging_.predict(places)
        return np.clip(blended, 0, self.highest_)

    @property
    def importances_(self):
        """Share of every feature in what the boosters learned, shape (n_features,).

        Averaged over the folds, then over the members by their weights in the blend; equal where no booster
        found a split.
        """
        shares = [np.mean([booster.importances for booster in member], axis=0) for member in self.boosters_]
        blended = self.weights_ @ np.array(shares)
        return blended / blended.sum() if blended.any() else np.full(len(blended), 1 / len(blended))

    def within_ranges(self, X):
        """Return the features as the boosters get them, none beyond its training range, shape as `X`."""
        return np.clip(X.to_numpy(), *np.nan_to_num(self.ranges_))

    def save(self, folder):
        """Write the boosters' native files into a folder; return what :meth:`load` needs beside them."""
        state = {"members": [], "n_inner": self.n_inner, "seed": self.seed, "threads": self.threads}
        for position, (member, boosters) in enumerate(zip(self.members_, self.boosters_, strict=True)):
            names = []
            for fold, booster in enumerate(boosters):
                names.append(f"{position}_{member.kind}_{fold}{ENDINGS[member.kind]}")
                booster.save(folder / names[-1])
            rounds = [booster.rounds for booster in boosters]
            state["members"].append({**asdict(member), "files": names, "rounds": rounds})
        if self.kriging_ is not None:
            self.kriging_.observations().to_parquet(folder / RESIDUALS, index=False)
            kriging = self.kriging_
            state["kriging"] = {"parameters": kriging.parameters_, "amplitude": kriging.amplitude_}
        state |= {"weights": self.weights_, "ranges": self.ranges_}
        return {**state, "highest": self.highest_, "inner_rmse": self.inner_rmse_}

    @classmethod
    def load(cls, folder, state):
        """Read what :meth:`save` wrote."""
        listed, threads = state["members"], state["threads"]
        members = [Member(m["kind"], m["power"], m["parameters"]) for m in listed]
        ensemble = cls(members, n_inner=state["n_inner"], seed=state["seed"], threads=threads)
        ensemble.members_ = ensemble.members
        ensemble.boosters_ = [
            [load_booster(folder / name, m["kind"], threads=threads) for name in m["files"]] for m in listed
        ]
        ensemble.weights_ = np.array(state["weights"])
        ensemble.ranges_ = np.array(state["ranges"], dtype="float64")
        ensemble.highest_, ensemble.inner_rmse_ = state["highest"], state["inner_rmse"]
        ensemble.kriging_ = None
        if "kriging" in state:
            table = pd.read_parquet(folder / RESIDUALS)
            ensemble.kriging_ = ResidualKriging.from_observations(table, **state["kriging"])
        return ensemble


def blend_weights(predictions, observed):
    """Return the weights of the convex combination of members with the least squared error.

    From out-of-fold predictions, shape (n_samples, n_members), and observations. [µg m⁻³] The weights are not
    negative and sum to one. Source: L. Breiman, Stacked regressions, Machine Learning 24, 49-64, 1996.

    >>> blend_weights([[1.0, 3.0], [2.0, 6.0]], [2.0, 4.0]).round(3).tolist()
    [0.5, 0.5]
    """
    predictions, observed = np.asarray(predictions), np.asarray(observed)
    # A heavy extra row asks the weights to sum to one.
    heavy = 1e4 * np.sqrt(np.mean(np.square(observed)) * len(observed))
    rows = np.vstack([predictions, np.full(predictions.shape[1], heavy)])
    weights, _ = nnls(rows, np.append(observed, heavy))
    if weights.sum() == 0:
        return np.full(len(weights), 1 / len(weights))
    return weights / weights.sum()


def make_estimator(model, *, residuals="kriging", seed=0, threads=1, tuning=None):
    """Return our estimator by the name of its members: "blend", "lightgbm" or "catboost".

    The options are those of :class:`BoosterEnsemble`; `tuning` is its search.
    """
    if model not in MEMBERS:
        raise ValueError(f"Unknown model {model!r}; choose from {', '.join(MEMBERS)}.")
    return BoosterEnsemble(MEMBERS[model], residuals=residuals, seed=seed, threads=threads, search=tuning)

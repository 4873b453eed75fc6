"""Our estimator: boosters and a ridge fitted on inner folds of whole groups, blended with kriging.

Every booster leaves one inner fold of groups (cities or sites) out and stops on it. So each training row
gets a prediction from a booster that never saw its place. These out-of-fold predictions choose the
weights of the blend. All members see what monitors nearby show, see :mod:`airq.models.monitors`; how far the
blend is drawn towards the kriging of these monitors depends on how near the nearest one is. At a new place
the boosters of all folds are averaged, each kept near their median: one that extrapolates wildly would
outweigh the others.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from sklearn.model_selection import GroupKFold, KFold

from airq.models.boosters import ENDINGS, check_catboost, fit_booster, load_booster
from airq.models.monitors import (
    FEATURES,
    LAGS,
    Monitors,
    TrainingMonitors,
    kilometres,
    no_monitor,
)
from airq.models.shares import kriging_shares, share_at

N_INNER, N_INNER_FAST = 5, 3
MONITORS = "monitors.parquet"
#: Radii within which monitors are hidden when out-of-fold predictions are made; the first hides none. [km]
TRIED_KM = (0.0, 25.0, 100.0, np.inf)
#: Predictions are limited to the highest training target times this.
HEADROOM = 1.2
#: Linear leaves may extrapolate beyond the training range of a feature by so many widths of it. [1]
REACH = 1.0
#: A booster may say at most this times what the median of the boosters of its member says, and at least the
#: median divided by this; beyond it a little more, so that it matters to no prediction near zero.
AGREEMENT, SLACK = 2.0, 2.0  # [1], [µg m⁻³]


@dataclass(frozen=True)
class Member:
    """A way to fit boosters."""

    #: Library, of :data:`airq.models.boosters.KINDS`.
    kind: str
    #: The booster learns PM2.5 to this power; 0.5 is the square root, 0 the logarithm of PM2.5 plus 1.
    power: float = 1.0
    #: Changes to the library's settings in :mod:`airq.models.boosters`.
    parameters: dict = field(default_factory=dict)
    #: Its weight in a blend before any evidence, relative to those of the other members, and the largest.
    prior: float = 1.0
    most: float = 1.0

    @property
    def reach(self):
        """Widths of the training range that a feature may lie beyond it; only linear leaves extrapolate."""
        return REACH if self.parameters.get("linear_tree") else 0.0

    def forward(self, target):
        """Return PM2.5 [µg m⁻³] on the scale that the booster learns."""
        return np.power(target, self.power) if self.power else np.log1p(target)

    def backward(self, scale):
        """Return PM2.5 [µg m⁻³] from the scale that the booster learns."""
        positive = np.maximum(scale, 0)
        return np.power(positive, 1 / self.power) if self.power else np.expm1(np.minimum(positive, 50))

    def agreed(self, scales, highest):
        """Return what boosters say on their scale, (n_boosters, n_samples), each kept near their median.

        That is between half and twice the PM2.5 of the median, give or take 2 µg m⁻³, and not above
        `highest` [µg m⁻³].

        >>> Member("lightgbm").agreed(np.array([[20.0], [24.0], [900.0]]), 500.0).ravel().tolist()
        [20.0, 24.0, 50.0]
        """
        scales = np.minimum(scales, self.forward(highest))
        middle = self.backward(np.median(scales, axis=0))
        low = np.maximum(middle / AGREEMENT - SLACK, 0)
        high = np.minimum(middle * AGREEMENT + SLACK, highest)
        return np.clip(scales, self.forward(low), self.forward(high))

    def slope(self, scale):
        """Return how fast PM2.5 [µg m⁻³] grows with the scale that the booster learns."""
        positive = np.maximum(scale, 0)
        return (
            positive ** (1 / self.power - 1) / self.power if self.power else np.exp(np.minimum(positive, 50))
        )


#: It extrapolates, so it starts low and its weight has a limit.
RIDGE = Member("ridge", 0.0, prior=0.25, most=0.5)
#: Share of the evidence in the weights of a blend; the rest is that of the members' own. Weights from the
#: errors at few places are unstable, and equal ones are hard to beat (J. Smith, K. Wallis, A simple
#: explanation of the forecast combination puzzle, Oxford Bulletin of Economics and Statistics 71, 331-355,
#: 2009).
EVIDENCE = 0.5
#: Members of every `--model`.
MEMBERS = {
    "lightgbm": (
        # The squared error alone would follow a few days of smoke or dust.
        Member("lightgbm", 1.0, {"huber": 1.0}),
        Member("lightgbm", 0.5, {"linear_tree": True, "linear_lambda": 10.0, "lambda_l2": 0.0}),
        RIDGE,
    ),
    "catboost": (Member("catboost"), RIDGE),
    "fast": (Member("lightgbm", 1.0, {"learning_rate": 0.15, "rounds": 300, "patience": 20}), RIDGE),
}
MEMBERS["blend"] = (*MEMBERS["lightgbm"], Member("catboost"))


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
    monitors : {"retrospective", "live", None}
        Whether the members see what monitors nearby show, from the days around or from no later day.
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
    held_out_ : DataFrame
        The same with nearby monitors hidden, too: `row` (number of the training row), `km` to the nearest
        monitor that was seen, infinite without one, and `predicted` [µg m⁻³].
    monitors_ : Monitors or None
        PM2.5 of the training places.
    shares_ : numpy.ndarray
        How far the blend is drawn towards the kriging, by distance, see :mod:`airq.models.shares`.
    ranges_ : numpy.ndarray of shape (2, n_features)
        Lowest and highest value of every feature in training, see :meth:`within_ranges`.
    highest_ : float
        Upper limit of the predictions. [µg m⁻³]
    """

    def __init__(
        self,
        members=MEMBERS["lightgbm"],
        *,
        n_inner=N_INNER,
        monitors="retrospective",
        seed=0,
        threads=1,
        search=None,
    ):
        self.members = tuple(members)
        self.n_inner = n_inner
        self.monitors = monitors
        self.seed = seed
        self.threads = threads
        self.search = search

    def fit(self, X, y, groups, places=None):
        """Fit all members on all inner folds, then blend them.

        X has the shape (n_samples, n_features), its missing values are left to the trees; y is PM2.5 [µg
        m⁻³]. `groups`, (n_samples,), stay together in a fold; `places` are rows of `site_id, date, latitude,
        longitude`. Without them, or with one group, no monitors are looked at.
        """
        self.folds_ = folds = inner_folds(groups, n_folds=self.n_inner, seed=self.seed)
        self.monitors_ = None
        if self.monitors and places is not None and len(set(groups)) > 1:
            self.monitors_ = Monitors(places, y, lags=LAGS[self.monitors]).fit(groups, seed=self.seed)
        tables = self._tables(X, groups)
        self.members_ = self.members
        if self.search is not None:
            tables = list(tables)

            def score(members):
                return self._fit_all(members, tables, y)

            data = X.to_numpy(dtype="float64"), y, folds
            self.members_ = self.search(self.members, score, data, self.seed)
        self._fit_all(self.members_, tables, y)
        # What the area of applicability compares new rows with.
        self.training_ = X if self.monitors_ is None else _joined(X, self.training_)
        return self

    def _tables(self, X, groups):
        """Yield the features that each fold's boosters learn from, and those of the rows left out."""
        seen = None
        if self.monitors_ is not None:
            seen = TrainingMonitors(self.monitors_, groups, self.folds_)
        for fold in range(self.folds_.max() + 1):
            dropped, tried = None, [None]
            if seen is not None:
                dropped = seen.dropped(fold, self.seed)
                tried = [seen.beyond(fold, radius) for radius in TRIED_KM]
            yield FoldTable(X, self.folds_ == fold, dropped, tried)

    def _fit_all(self, members, tables, y):
        """Fit members and blend; return the error of the inner predictions."""
        self.highest_ = float(y.max() * HEADROOM)
        self.members_ = tuple(members)
        n_radii = 1 if self.monitors_ is None else len(TRIED_KM)
        inner = np.empty((n_radii, len(y), len(members)))
        apart, kriged = np.full((2, n_radii, len(y)), np.nan)
        self.boosters_ = [[] for _ in members]
        ends = []
        for fold, table in enumerate(tables):
            self._fit_fold(fold, table, y, inner)
            ends.append(table.ends())
            if self.monitors_ is not None:
                for radius, rows in enumerate(table.left_out()):
                    apart[radius, table.stop] = kilometres(rows)
                    kriged[radius, table.stop] = _kriged(rows)
            if fold == 0:
                self.training_ = table.dropped
        low, high = np.stack(ends, axis=1).astype("float64")
        self.ranges_ = np.array([np.fmin.reduce(low), np.fmax.reduce(high)])
        prior = np.array([member.prior for member in members])
        # With monitors at hand and without: the weights must hold in both cases.
        evidence = blend_weights(inner.reshape(-1, len(members)), np.tile(y, len(inner)))
        weights = EVIDENCE * evidence + (1 - EVIDENCE) * prior / prior.sum()
        self.weights_ = limited_weights(weights, [member.most for member in members])
        self._draw_to_kriging(inner @ self.weights_, apart, kriged, y)
        self.inner_rmse_ = float(np.sqrt(np.mean(np.square(self.inner_predictions_ - y))))
        return self.inner_rmse_

    def _fit_fold(self, fold, table, y, inner):
        """Fit every member without the rows of a fold, and put its predictions for them into `inner`."""
        learned, binned = ~table.stop, {}
        ends = _ends(table.learned(learned).to_numpy())
        for number, member in enumerate(self.members_):
            if member.kind != "lightgbm":
                # What LightGBM keeps of the features is as large as they are.
                binned.clear()
            target = member.forward(y)
            booster = fit_booster(
                member.kind,
                functools.partial(table.learned, learned),
                target[learned],
                functools.partial(table.learned, table.stop),
                target[table.stop],
                parameters=member.parameters,
                seed=self.seed + fold,
                threads=self.threads,
                binned=binned if sum(one.kind == "lightgbm" for one in self.members_) > 1 else None,
            )
            self.boosters_[number].append(booster)
            for radius, rows in enumerate(table.left_out()):
                # As a prediction is made, so that the weights are those of what predicts.
                predicted = member.backward(booster.predict(_limited(rows, ends, member.reach)))
                inner[radius, table.stop, number] = np.minimum(predicted, self.highest_)

    def _draw_to_kriging(self, blended, apart, kriged, y):
        """Choose the shares of the kriging from out-of-fold predictions; all of shape (n_radii, n_samples).

        `apart` is the distance to the nearest monitor that is seen [km], `kriged` what these monitors give.
        """
        self.shares_ = None
        if self.monitors_ is not None:
            observed = np.broadcast_to(y, blended.shape)
            self.shares_ = kriging_shares(*(part.ravel() for part in (apart, blended, kriged, observed)))
            blended = _drawn(blended, kriged, share_at(self.shares_, apart))
        blended = np.clip(blended, 0, self.highest_)
        self.inner_predictions_ = blended[0]
        self.held_out_ = pd.DataFrame(
            {
                "row": np.tile(np.arange(len(y)), len(blended)),
                "km": apart.ravel(),
                "predicted": blended.ravel(),
            }
        )

    def joined(self, others):
        """Return this estimator with monitors beside those of training, None for none.

        They are rows of `site_id, date, latitude, longitude, pm25` [µg m⁻³].
        """
        if self.monitors_ is None or others is None:
            return self
        more = copy.copy(self)
        more.monitors_ = self.monitors_.joined(others)
        return more

    def with_monitors(self, X, places):
        """Return features of rows X with what monitors nearby show beside them.

        `places` are rows of `site_id, date, latitude, longitude`; without them no monitor is seen.
        """
        if self.monitors_ is None:
            return X
        if places is None:
            return _joined(X, no_monitor(len(X)).T)
        return _joined(X, self.monitors_.around(places).to_numpy())

    def predict(self, X):
        """Return PM2.5 [µg m⁻³], shape (n_samples,), from zero to a little above the highest one learned.

        X holds the features of :meth:`with_monitors`.
        """
        blended = np.zeros(len(X))
        for member, boosters, weight in zip(self.members_, self.boosters_, self.weights_, strict=True):
            if weight > 0:
                limited = self.within_ranges(X, member.reach)
                scales = np.array([booster.predict(limited) for booster in boosters])
                blended += weight * member.backward(member.agreed(scales, self.highest_).mean(axis=0))
        if self.monitors_ is not None:
            blended = _drawn(blended, _kriged(X), self.share_of_kriging(X))
        return np.clip(blended, 0, self.highest_)

    def share_of_kriging(self, X):
        """Return how far the prediction of every row is drawn towards the kriging, from 0 to 1."""
        if self.monitors_ is None:
            return np.zeros(len(X))
        return np.where(np.isnan(_kriged(X)), 0.0, share_at(self.shares_, kilometres(X)))

    @property
    def importances_(self):
        """Share of every feature in what the boosters learned, shape (n_features,).

        Averaged over the folds, then over the members by their weights in the blend; equal where no booster
        found a split. The ridge, of at most half the weight, is not counted.
        """
        shares = np.zeros(self.ranges_.shape[1])
        for weight, boosters in zip(self.weights_, self.boosters_, strict=True):
            if boosters[0].kind != "ridge":
                shares += weight * np.mean([booster.importances for booster in boosters], axis=0)
        return shares / shares.sum() if shares.any() else np.full(len(shares), 1 / len(shares))

    def within_ranges(self, X, reach=0.0):
        """Return the features as the boosters of a member get them, a DataFrame like `X`.

        None lies beyond its training range by more than `reach` widths of it, see :attr:`Member.reach`.
        """
        return _limited(X, self.ranges_, reach)

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
        if self.monitors_ is not None:
            self.monitors_.table().to_parquet(folder / MONITORS, index=False)
            state["monitors"] = {
                "parameters": self.monitors_.parameters,
                "lags": self.monitors,
                "shares": self.shares_,
            }
        state |= {"weights": self.weights_, "ranges": self.ranges_}
        return {**state, "highest": self.highest_, "inner_rmse": self.inner_rmse_}

    @classmethod
    def load(cls, folder, state):
        """Read what :meth:`save` wrote."""
        listed, threads = state["members"], state["threads"]
        n_features = len(state["ranges"][0])
        if not all(len(m["files"]) == len(listed[0]["files"]) for m in listed):
            raise ValueError(f"{folder}: its members have different numbers of boosters.")
        members = [Member(m["kind"], m["power"], m["parameters"]) for m in listed]
        ensemble = cls(members, n_inner=state["n_inner"], seed=state["seed"], threads=threads)
        ensemble.members_ = ensemble.members
        if cats := [folder / name for m in listed if m["kind"] == "catboost" for name in m["files"]]:
            check_catboost(cats, n_features)
        ensemble.boosters_ = [
            [load_booster(folder / name, m["kind"], n_features, threads=threads) for name in m["files"]]
            for m in listed
        ]
        ensemble.weights_ = np.array(state["weights"])
        ensemble.ranges_ = np.array(state["ranges"], dtype="float64")
        ensemble.highest_, ensemble.inner_rmse_ = state["highest"], state["inner_rmse"]
        ensemble.monitors_ = ensemble.monitors = None
        if "monitors" in state:
            table, around = pd.read_parquet(folder / MONITORS), state["monitors"]
            check_finite(table, ["latitude", "longitude", "pm25"], folder / MONITORS)
            if table.empty or table["date"].isna().any() or table.duplicated(["site_id", "date"]).any():
                raise ValueError(f"{folder / MONITORS} holds no monitors by site and day.")
            ensemble.monitors = around["lags"]
            options = {"lags": LAGS[around["lags"]], "parameters": around["parameters"]}
            ensemble.monitors_ = Monitors(table, table["pm25"], **options)
            ensemble.shares_ = np.array(around["shares"], dtype="float64")
        return ensemble


def check_finite(table, columns, path):
    """Refuse a table of a bundle that lacks columns, or holds in them what is no finite number."""
    if missing := [name for name in columns if name not in table.columns]:
        raise ValueError(f"{path} has no column {missing[0]!r}.")
    for name in columns:
        values = table[name]
        if not pd.api.types.is_numeric_dtype(values) or not np.isfinite(values.astype("float64")).all():
            raise ValueError(f"{path}: column {name!r} holds what is no finite number.")


class FoldTable(NamedTuple):
    """Features for one inner fold; those that no fold changes are held once for all."""

    #: Features of all training rows, and which of the rows are left out.
    X: pd.DataFrame
    stop: np.ndarray
    #: What monitors show all rows; what those beyond each of :data:`TRIED_KM` show the rows left out. None
    #: without monitors.
    dropped: np.ndarray | None
    tried: list

    def learned(self, rows):
        """Return the features that the fold's boosters learn, of rows given as booleans, laid out by row."""
        values = self.X.to_numpy()
        width = 0 if self.dropped is None else len(FEATURES)
        table = np.empty((np.count_nonzero(rows), values.shape[1] + width), values.dtype)
        # Column by column: chosen together, the rows would be there twice.
        for number, column in enumerate(values.T):
            table[:, number] = column[rows]
        if width:
            table[:, values.shape[1] :] = self.dropped[rows]
        columns = [*self.X.columns, *FEATURES[:width]]
        return pd.DataFrame(table, columns=columns, copy=False)

    def left_out(self):
        """Yield the features of the rows left out, for every radius."""
        rows = self.X[self.stop]
        for seen in self.tried:
            yield rows if seen is None else _joined(rows, seen)

    def ends(self):
        """Return the lowest and highest value of every feature, shape (2, n_features), whatever is seen."""
        seen = [part for part in (self.dropped, *self.tried) if part is not None]
        monitors = [_ends(np.concatenate(seen))] if seen else []
        return np.concatenate([_ends(self.X.to_numpy()), *monitors], axis=1)


def _joined(X, monitors):
    """Return features with those of the monitors, (n_samples, n_columns), beside them."""
    beside = pd.DataFrame(monitors, columns=list(FEATURES), index=X.index)
    return pd.concat([X, beside], axis=1)


def _limited(X, ranges, reach):
    """Return features at most `reach` widths beyond their ranges, (2, n_features); 0 where these are NaN."""
    low, high = np.nan_to_num(ranges).astype("float64")
    beyond = reach * (high - low)
    return pd.DataFrame(np.clip(X.to_numpy(), low - beyond, high + beyond), columns=X.columns)


def _ends(values):
    return np.array([np.fmin.reduce(values), np.fmax.reduce(values)])


def _kriged(X):
    """Return the kriging's PM2.5 [µg m⁻³], shape (n_samples,); NaN without a monitor."""
    return np.expm1(X["monitors_kriging"].to_numpy(dtype="float64"))


def _drawn(blended, kriged, share):
    """Return predictions [µg m⁻³] drawn towards the kriging where there is one."""
    return np.where(np.isnan(kriged), blended, blended + share * (np.nan_to_num(kriged) - blended))


def limited_weights(weights, most):
    """Return weights of which none is larger than its limit; what is above goes to the others.

    >>> limited_weights([0.3, 0.1, 0.6], [1.0, 1.0, 0.2]).round(3).tolist()
    [0.6, 0.2, 0.2]
    """
    weights, most = np.array(weights, dtype="float64"), np.asarray(most)
    over = weights > most
    if over.all() or not over.any():
        return weights
    weights[over] = most[over]
    others = weights[~over] if weights[~over].any() else np.ones((~over).sum())
    weights[~over] = (1 - weights[over].sum()) * others / others.sum()
    return weights


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


def make_estimator(model, *, monitors="retrospective", seed=0, threads=1, tuning=None):
    """Return our estimator by the name of its members: "blend", "lightgbm", "catboost" or "fast".

    "fast" has :data:`N_INNER_FAST` inner folds. The options are those of :class:`BoosterEnsemble`; `tuning`
    is its search.
    """
    if model not in MEMBERS:
        raise ValueError(f"Unknown model {model!r}; choose from {', '.join(MEMBERS)}.")
    n_inner = N_INNER_FAST if model == "fast" else N_INNER
    return BoosterEnsemble(
        MEMBERS[model], n_inner=n_inner, monitors=monitors, seed=seed, threads=threads, search=tuning
    )

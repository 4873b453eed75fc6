"""Folds: which rows a model may learn from, and which rows score it.

The schemes and the questions that they ask are described in :mod:`airq.validation.schemes`. A :class:`Fold`
keeps three sets of rows apart: those that score, those with a target to learn from, and those whose inputs
may be seen. :class:`HoldOut` hands the first two to scikit-learn.

An interval for a held-out fold must be calibrated on errors at other held-out places, made by a model that
has not seen the fold either. The errors of fold `j` under the model that left `j` *and* `k` out are such;
hence one model for every unordered pair of folds, see :func:`pair_folds`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.model_selection import GroupKFold, KFold

from airq.cities import station_ids
from airq.geo import chord_km, geocentric_km, nearest, sites_of
from airq.panel import MIN_TRAINING_ROWS, TARGET, check_names
from airq.parallel import one_thread
from airq.validation.matched import matched_folds
from airq.validation.schemes import SCHEMES, check_schemes

N_FOLDS = 5
MIN_TRAINING_SITES = 2
#: Most regions that a panel is cut into, and cities that a region holds on average at least.
MAX_REGIONS = 25
CITIES_IN_REGION = 2
#: Meteorological seasons, by the first letters of their months.
SEASONS = ("DJF", "MAM", "JJA", "SON")
#: Days before and after a held-out season that training does not see: longer than kriging reaches. [d]
SEASON_MARGIN_DAYS = 7


class HoldOut(BaseEstimator):
    """Split a panel by a validation scheme, for scikit-learn's ``cv=``.

    Parameters
    ----------
    scheme : str
        What is held out: ``"random"``, ``"site"``, ``"city"``, ``"country"``, ``"buffer"``, ``"region"``,
        ``"season"``, ``"leave-city-out"``, ``"leave-country-out"`` or ``"knndm"``.
    n_splits : int
        Number of folds; fewer where there are fewer groups.
    buffer_km : float
        With ``"buffer"`` and ``"leave-city-out"``, training places lie at least this far from every held-out
        place. [km]
    random_state : int
        Order of the rows of ``"random"``, start of the clustering of ``"region"``, and which groups share a
        fold: with 0 the largest are spread over the folds, without chance; any other number deals the groups
        out in a random order, to the fold of fewest rows each.
    cities : DataFrame, optional
        The places to predict, with `latitude` and `longitude` [°]; ``"knndm"`` needs them, no other scheme
        looks at them.

    Notes
    -----
    X must be a panel: a DataFrame with `site_id, city_id, city, country, latitude, longitude, date`. Only
    rows with PM2.5 are handed out. What scikit-learn's protocol cannot hand over are rows *without* PM2.5,
    whose inputs a model may see (for lags, and for means over neighbours). :func:`airq.evaluate` keeps
    them, gives the same features to every model, and is the honest path.

    Examples
    --------
    >>> import airq
    >>> panel = airq.simulate(n_cities=6, start="2020-01-01", end="2020-01-10", random_state=0)
    >>> folds = list(HoldOut("city", n_splits=3).split(panel))
    >>> train, test = folds[0]
    >>> len(folds), set(panel["city_id"].iloc[train]) & set(panel["city_id"].iloc[test])
    (3, set())
    """

    def __init__(
        self,
        scheme: str = "city",
        n_splits: int = 5,
        buffer_km: float = 50.0,
        random_state: int = 0,
        cities: pd.DataFrame | None = None,
    ):
        self.scheme = scheme
        self.n_splits = n_splits
        self.buffer_km = buffer_km
        self.random_state = random_state
        self.cities = cities

    def split(self, X: pd.DataFrame, y=None, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield row numbers to learn from and row numbers to score, fold by fold.

        Parameters
        ----------
        X : DataFrame of n_rows
            A panel.
        y : array-like of shape (n_rows,), optional
            PM2.5; by default the panel's. [µg m⁻³]
        groups : object
            Ignored; the scheme says what stays together.

        Raises
        ------
        ValueError
            If X is no panel, or cannot be split by the scheme.
        """
        if not isinstance(X, pd.DataFrame):
            raise ValueError(
                "HoldOut needs the panel itself (a DataFrame) as X, to know place and day of a row."
            )
        check_names(X.columns)
        if y is not None:
            X = X.assign(**{TARGET: np.asarray(y, dtype="float64")})
        options = {"n_folds": self.n_splits, "buffer_km": self.buffer_km, "seed": self.random_state}
        for fold in iter_folds(X, self.scheme, cities=self.cities, **options):
            yield fold.train, fold.test

    def get_n_splits(self, X: pd.DataFrame | None = None, y=None, groups=None) -> int:
        """Return the number of folds; it depends on the panel unless the scheme is ``"random"``."""
        if X is None and self.scheme == "random":
            return self.n_splits
        return sum(1 for _ in self.split(X, y))


class UnsupportedScheme(ValueError):
    """A panel cannot be split by the scheme; the message says why."""


@dataclass(frozen=True)
class Fold:
    """Row numbers of one split of a panel."""

    #: Name from :data:`SCHEMES`.
    scheme: str
    #: Which of the folds, from 0.
    number: int | tuple[int, int]
    #: Rows with a target that score, and rows with a target to learn from.
    test: np.ndarray
    train: np.ndarray
    #: Rows whose *inputs* training may see, `train` among them. A held-out place is not visible, nor is a
    #: held-out season; a held-out day of a known place is, because its satellite and weather columns are
    #: known.
    visible: np.ndarray
    #: The held-out groups; empty with ``"random"``, whose groups are rows.
    groups: tuple = ()

    def training_panel(self, panel):
        """Return the panel that a model may learn from: visible rows, targets of `train` only."""
        hidden = np.setdiff1d(self.visible, self.train)
        target = panel[TARGET].copy()
        target.iloc[hidden] = np.nan
        return panel.assign(**{TARGET: target}).iloc[np.sort(self.visible)].reset_index(drop=True)


def make_folds(panel, scheme, *, n_folds=N_FOLDS, buffer_km=50.0, seed=0, cities=None):
    """Split a checked panel with targets by a scheme of :data:`SCHEMES`; return a list of :class:`Fold`.

    There are at most `n_folds` folds; the schemes of one group at a time have one fold per group,
    ``"season"`` has one per season of the year. `buffer_km` [km], `seed` and `cities` are those of
    :class:`HoldOut`; a seed of 0, the default, does not shuffle places, so its folds are those of every
    earlier version. UnsupportedScheme is raised if the panel has too few groups, or too few rows are left to
    learn from; ValueError if the scheme needs cities and there are none.
    """
    options = {"n_folds": n_folds, "buffer_km": buffer_km, "seed": seed, "cities": cities}
    return list(iter_folds(panel, scheme, **options))


def iter_folds(panel, scheme, *, n_folds=N_FOLDS, buffer_km=50.0, seed=0, cities=None):
    """Yield the folds of :func:`make_folds` one after the other, for panels of very many groups."""
    check_schemes([scheme])
    if SCHEMES[scheme].for_cities and cities is None:
        raise ValueError(
            f"The scheme {scheme} needs the cities to predict; give them to `airq evaluate` with --for (in "
            "Python, cities=)."
        )
    labelled = np.flatnonzero(panel[TARGET].notna().to_numpy())
    if scheme == "random":
        return _row_folds(panel, labelled, n_folds, seed)
    if scheme == "season":
        return _season_folds(panel, labelled)
    return _place_folds(panel, labelled, scheme, n_folds, buffer_km, seed, cities)


def training_groups(panel):
    """Return the column by which the inner folds of a final model are grouped.

    It is ``"city_id"`` where there are at least five cities and none holds more than half of the labelled
    rows, else ``"site_id"``.
    """
    cities = panel.loc[panel[TARGET].notna(), "city_id"].value_counts(normalize=True)
    return "city_id" if len(cities) >= 5 and cities.iloc[0] <= 0.5 else "site_id"


def inner_column(scheme, panel):
    """Return the column that groups the inner folds of a model scored by `scheme`; None for single rows.

    It is the scheme's own, so that stopping, blending and kriging are chosen for the question that
    the outer fold asks; for regions it is their cities. A held-out season scores a model that was
    trained as a final one is.
    """
    column = SCHEMES[scheme].column
    few = column is not None and panel.loc[panel[TARGET].notna(), column].nunique() < 3
    return training_groups(panel) if few or scheme == "season" else column


def enough_to_learn(panel, train):
    """Return whether the rows `train` are enough to learn from: 20 rows of 2 sites."""
    return len(train) >= MIN_TRAINING_ROWS and panel["site_id"].iloc[train].nunique() >= MIN_TRAINING_SITES


def _row_folds(panel, labelled, n_folds, seed):
    if len(labelled) < max(2 * n_folds, MIN_TRAINING_ROWS):
        raise UnsupportedScheme(f"the panel has only {len(labelled)} rows with PM2.5")
    everything = np.arange(len(panel))
    splitter = KFold(n_splits=n_folds, shuffle=True, random_state=seed)
    for number, (train, test) in enumerate(splitter.split(labelled)):
        yield Fold("random", number, labelled[test], labelled[train], everything)


def _season_folds(panel, labelled):
    seasons = season_of(panel["date"])
    present = [season for season in SEASONS if (seasons[labelled] == season).any()]
    _check_several(present, "season")
    for number, season in enumerate(present):
        test = labelled[seasons[labelled] == season]
        hidden = in_or_near_season(panel["date"], season, SEASON_MARGIN_DAYS)
        yield _fold(panel, labelled, "season", number, test, hidden, (season,))


def _place_folds(panel, labelled, scheme, n_folds, buffer_km, seed, cities):
    codes, names = pd.factorize(_groups(panel, labelled, scheme, seed), sort=True)
    present = names[np.unique(codes[labelled])]
    _check_several(present, SCHEMES[scheme].group)
    n_folds = len(present) if SCHEMES[scheme].one_by_one else min(n_folds, len(present))
    if SCHEMES[scheme].for_cities:
        number = _matched(panel, codes, labelled, cities, n_folds, seed)
    else:
        number = fold_of_rows(codes[labelled], n_folds, 0 if SCHEMES[scheme].one_by_one else seed)
    buffered = SCHEMES[scheme].buffered
    site, positions = site_positions(panel) if buffered else (None, None)
    station, _ = pd.factorize(station_ids(panel))
    for fold in range(n_folds):
        test = labelled[number == fold]
        held_out = np.unique(codes[test])
        hidden = np.isin(codes, held_out)
        # A station under two names in two cities would be on both sides.
        hidden = np.isin(station, station[hidden])
        if buffered:
            hidden |= within_km(positions, np.unique(site[hidden]), buffer_km)[site]
        groups = tuple(str(name) for name in names[held_out])
        yield _fold(panel, labelled, scheme, fold, test, hidden, groups, buffer_km if buffered else None)


def fold_of_rows(groups, n_folds, seed):
    """Return the fold of every row, shape (n_rows,), so that the rows of a group share one.

    `groups` are integers. A seed of 0 gives the largest group first to the fold of fewest rows, as
    scikit-learn's GroupKFold does. Any other seed takes the groups in a random order; then no two folds
    differ by more rows than the largest group has.

    >>> fold_of_rows(np.array([0, 0, 0, 1, 1, 2]), 2, seed=0).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    fold = np.empty(len(groups), dtype=int)
    if not seed:
        for number, (_, test) in enumerate(GroupKFold(n_splits=n_folds).split(groups, groups=groups)):
            fold[test] = number
        return fold
    groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    of_group, load = np.empty(len(sizes), dtype=int), np.zeros(n_folds, dtype=int)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        of_group[group] = load.argmin()
        load[of_group[group]] += sizes[group]
    return of_group[groups]


def _matched(panel, codes, labelled, cities, n_folds, seed):
    """Return the fold of every labelled row whose places lie as far from training as the cities."""
    # A station has the position of the first of its sites.
    stations = panel.iloc[labelled].assign(code=codes[labelled]).drop_duplicates("code").sort_values("code")
    _, distance = nearest(cities, stations)
    fold = matched_folds(geocentric_km(stations), distance, n_folds, seed=seed)
    return fold[np.searchsorted(stations["code"], codes[labelled])]


def _groups(panel, labelled, scheme, seed):
    if SCHEMES[scheme].group == "site":
        return station_ids(panel).to_numpy(dtype=object)
    if scheme != "region":
        return panel[SCHEMES[scheme].column].to_numpy(dtype=object)
    regions = region_of_city(panel, labelled, seed=seed)
    return panel["city_id"].map(regions).to_numpy(dtype=object)


def _fold(panel, labelled, scheme, number, test, hidden, groups, around=None):
    visible = np.flatnonzero(~hidden)
    train = np.intersect1d(labelled, visible, assume_unique=True)
    if not enough_to_learn(panel, train):
        n_sites = panel["site_id"].iloc[train].nunique()
        what = f"fold {number + 1}"
        if len(groups) == 1:
            city = SCHEMES[scheme].column == "city_id" and scheme != "region"
            what = f"holding out {panel['city'].iloc[test[0]] if city else groups[0]}"
        if around:
            what += f" with {around:g} km around it"
        raise UnsupportedScheme(
            f"{what} leaves {len(train)} rows of {n_sites} site{'' if n_sites == 1 else 's'} to learn from; "
            f"{MIN_TRAINING_ROWS} rows of {MIN_TRAINING_SITES} sites are needed"
        )
    return Fold(scheme, number, test, train, visible, groups)


def _check_several(present, name):
    if name == "region" and len(present) < 2:
        raise UnsupportedScheme("the panel has PM2.5 in too few cities for two regions of two")
    if len(present) < 2:
        raise UnsupportedScheme(
            f"the panel has PM2.5 in one {name} only ({present[0]}), so none can be held out"
        )


def region_of_city(panel, labelled, *, seed=0):
    """Cut the cities of a panel into compact regions by k-means on the unit sphere.

    A city has the mean position of its sites and is never cut. There are half as many regions as places of
    cities with a target (the rows `labelled`), 25 at most; a city without a target falls to the nearest
    centre. The names of the regions come as a Series by city_id; all cities are in one region where there are
    too few for two. The same seed gives the same regions.
    """
    sites = sites_of(panel)
    directions = pd.DataFrame(_normalised(geocentric_km(sites)), index=sites["city_id"].to_numpy())
    means = directions.groupby(level=0).mean()
    cities = pd.DataFrame(_normalised(means.to_numpy()), index=means.index)
    with_target = cities.loc[cities.index.isin(set(panel["city_id"].iloc[labelled]))]
    n_places = len(with_target.round(9).drop_duplicates())
    n_regions = min(MAX_REGIONS, max(1, n_places // CITIES_IN_REGION))
    # One thread, because sums over several depend on their number.
    with one_thread():
        clusters = KMeans(n_regions, n_init=10, random_state=seed).fit(with_target.to_numpy())
        number = clusters.predict(cities.to_numpy())
    return pd.Series([f"region {region + 1:02d}" for region in number], index=cities.index)


def site_positions(panel):
    """Return the site number of each row, shape (n_rows,), and the sites' positions [km], (n_sites, 3)."""
    sites = sites_of(panel)
    return sites.index.get_indexer(panel["site_id"]), geocentric_km(sites)


def within_km(positions, chosen, radius_km):
    """Return which places are closer than a radius [km] to a chosen one, as booleans of shape (n_places,).

    `positions` are those of :func:`airq.geo.geocentric_km`, `chosen` row numbers of them; distances are along
    the Earth.
    """
    apart, _ = cKDTree(positions[chosen]).query(positions)
    return apart < chord_km(radius_km)


def _normalised(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def season_of(dates):
    """Return the meteorological season of each day of a Series, one of :data:`SEASONS`.

    >>> season_of(pd.Series(pd.to_datetime(["2019-12-01", "2020-02-29", "2020-03-01"]))).tolist()
    ['DJF', 'DJF', 'MAM']
    """
    return np.array(SEASONS)[dates.dt.month.to_numpy() % 12 // 3]


def in_or_near_season(dates, season, margin_days):
    """Return whether each day of a Series is in a season of any year, or at most so many days from it.

    The margin must be shorter than a season. [d]
    """
    margin = pd.Timedelta(days=margin_days)
    return np.any([season_of(dates + shift) == season for shift in (-margin, 0 * margin, margin)], axis=0)


@dataclass(frozen=True)
class PairFold(Fold):
    """Row numbers of a panel from which two superfolds of folds are left out.

    The attributes are those of :class:`Fold`. `number` is the pair of superfolds, the lower one first, see
    :func:`superfolds_of`; `test` holds the rows of the first, then those of the second.
    """

    #: The superfold that holds out each of the rows `test`.
    superfolds: np.ndarray = None


def superfolds_of(folds, n_superfolds=N_FOLDS):
    """Merge the folds of a scheme into at most so many superfolds of about as many held-out rows.

    Returns the superfold of every fold, shape (n_folds,); its own number where there are few folds.
    """
    if len(folds) <= n_superfolds:
        return np.arange(len(folds))
    sizes = np.array([len(fold.test) for fold in folds])
    superfold, load = np.empty(len(folds), dtype=int), np.zeros(n_superfolds, dtype=int)
    for number in np.argsort(-sizes, kind="stable"):
        superfold[number] = load.argmin()
        load[superfold[number]] += sizes[number]
    return superfold


def pair_folds(panel, folds, *, n_superfolds=N_FOLDS):
    """Return what is left to learn from when two superfolds are held out, for every two.

    `folds` are those of one scheme, from :func:`make_folds` with the same panel.

    Returns
    -------
    pairs : list of PairFold
        Ten at most with five superfolds. A pair that leaves fewer than 20 rows or 2 sites is left out.
    superfold : numpy.ndarray of int, shape (n_folds,)
        Superfold of every fold: fold `k` is calibrated by the pairs that ``superfold[k]`` is one of.

    Examples
    --------
    Errors for the calibration of fold `k`, none of whose predictors has seen a row of `k`::

        for pair in pairs:
            if superfold[k] in pair.number:
                score(pair, pair.test[pair.superfolds != superfold[k]])
    """
    superfold = superfolds_of(folds, n_superfolds)
    parts = [
        [fold for fold, of in zip(folds, superfold, strict=True) if of == number]
        for number in range(superfold.max() + 1)
    ]
    train = [_shared(panel, [fold.train for fold in part]) for part in parts]
    visible = [_shared(panel, [fold.visible for fold in part]) for part in parts]
    tests = [np.sort(np.concatenate([fold.test for fold in part])) for part in parts]
    pairs = []
    for pair in itertools.combinations(range(len(parts)), 2):
        first, second = pair
        rows = np.flatnonzero(train[first] & train[second])
        if enough_to_learn(panel, rows):
            seen = np.flatnonzero(visible[first] & visible[second])
            test = np.concatenate([tests[first], tests[second]])
            superfolds = np.repeat(pair, [len(tests[first]), len(tests[second])])
            pairs.append(PairFold(folds[0].scheme, pair, test, rows, seen, superfolds=superfolds))
    return pairs, superfold


def _shared(panel, listed):
    """Return a mask of the rows that are in all of several lists of row numbers."""
    count = np.zeros(len(panel), dtype=int)
    for rows in listed:
        count[rows] += 1
    return count == len(listed)

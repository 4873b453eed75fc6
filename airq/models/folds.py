"""Folds: which rows a predictor may learn from, and which rows judge it.

Every scheme asks another question. `random` asks about a missing day of a known monitor, `site`
about a new monitor in a known city, `city` about a city without any, `country` about a country
without any, `buffer` about a city whose surroundings have none either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from airq.geography import chord_km, geocentric_km, sites_of
from airq.panel import TARGET

SCHEMES = ("random", "site", "city", "country", "buffer")
#: Column whose values stay together in a fold.
GROUP_COLUMN = {
    "random": None,
    "site": "site_id",
    "city": "city_id",
    "country": "country",
    "buffer": "city_id",
}
#: What a scheme's held-out groups are called.
GROUP_NAME = {"random": "row", "site": "site", "city": "city", "country": "country", "buffer": "city"}
PLURAL = {"row": "rows", "site": "sites", "city": "cities", "country": "countries"}

N_FOLDS = 5
MIN_TRAINING_ROWS = 20


class UnsupportedScheme(ValueError):
    """A panel cannot be split by the scheme; the message says why."""


@dataclass(frozen=True)
class Fold:
    """Row numbers of one split of a panel.

    Attributes
    ----------
    scheme : str
        Name from :data:`SCHEMES`.
    number : int
        Which of the folds, from 0.
    test : numpy.ndarray of int
        Rows with a target that judge.
    train : numpy.ndarray of int
        Rows with a target to learn from.
    visible : numpy.ndarray of int
        Rows whose *inputs* training may see, `train` among them. A held-out place is not visible;
        a held-out day of a known place is, because its satellite and weather columns are known.
    """

    scheme: str
    number: int
    test: np.ndarray
    train: np.ndarray
    visible: np.ndarray

    def training_panel(self, panel):
        """The panel that a predictor may learn from: visible rows, targets of `train` only."""
        hidden = np.setdiff1d(self.visible, self.train)
        target = panel[TARGET].copy()
        target.iloc[hidden] = np.nan
        return panel.assign(**{TARGET: target}).iloc[np.sort(self.visible)].reset_index(drop=True)


def make_folds(panel, scheme, *, n_folds=N_FOLDS, buffer_km=50.0, seed=0):
    """Split a panel by a scheme.

    Parameters
    ----------
    panel : DataFrame of n_rows
        A checked panel with targets.
    scheme : {"random", "site", "city", "country", "buffer"}
        What stays together.
    n_folds : int
        Number of folds; fewer where there are fewer groups.
    buffer_km : float
        With ``"buffer"``, training places lie at least this far from every held-out place. [km]
    seed : int
        Order of the rows of ``"random"``; the other schemes do not depend on it.

    Returns
    -------
    list of Fold

    Raises
    ------
    UnsupportedScheme
        If the panel has too few groups, or too few rows are left to learn from.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"Unknown scheme {scheme!r}; choose from {', '.join(SCHEMES)}.")
    labelled = np.flatnonzero(panel[TARGET].notna().to_numpy())
    if scheme == "random":
        return _row_folds(panel, labelled, n_folds, seed)
    groups = panel[GROUP_COLUMN[scheme]].to_numpy(dtype=object)
    n_groups = len(set(groups[labelled]))
    if n_groups < 2:
        raise UnsupportedScheme(
            f"the panel has PM2.5 in one {GROUP_NAME[scheme]} only ({groups[labelled][0]}), "
            f"so none can be held out"
        )
    splitter = GroupKFold(n_splits=min(n_folds, n_groups))
    folds = []
    for number, (_, test) in enumerate(splitter.split(labelled, groups=groups[labelled])):
        held_out = set(groups[labelled[test]])
        seen = ~np.isin(groups, list(held_out))
        if scheme == "buffer":
            seen &= ~_within_buffer(panel, ~seen, buffer_km)
        visible = np.flatnonzero(seen)
        train = np.intersect1d(labelled, visible)
        _check_enough(panel, train, scheme, number)
        folds.append(Fold(scheme, number, labelled[test], train, visible))
    return folds


def training_groups(panel):
    """Name of the column by which a final predictor's inner folds are grouped.

    Cities, where there are at least five and none holds more than half of the labelled rows;
    else sites.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.

    Returns
    -------
    {"city_id", "site_id"}
    """
    cities = panel.loc[panel[TARGET].notna(), "city_id"].value_counts(normalize=True)
    return "city_id" if len(cities) >= 5 and cities.iloc[0] <= 0.5 else "site_id"


def inner_column(scheme, panel):
    """Column that groups the inner folds of a predictor judged by `scheme`; None for single rows.

    It is the scheme's own, so that stopping, blending and kriging are chosen for the question that
    the outer fold asks.
    """
    column = GROUP_COLUMN[scheme]
    if column is not None and panel.loc[panel[TARGET].notna(), column].nunique() < 3:
        return training_groups(panel)
    return column


def _row_folds(panel, labelled, n_folds, seed):
    if len(labelled) < max(2 * n_folds, MIN_TRAINING_ROWS):
        raise UnsupportedScheme(f"the panel has only {len(labelled)} rows with PM2.5")
    everything = np.arange(len(panel))
    splitter = KFold(n_splits=n_folds, shuffle=True, random_state=seed)
    return [
        Fold("random", number, labelled[test], labelled[train], everything)
        for number, (train, test) in enumerate(splitter.split(labelled))
    ]


def _within_buffer(panel, held_out, buffer_km):
    """Rows whose site lies closer than `buffer_km` to a held-out site."""
    sites = sites_of(panel)
    positions = geocentric_km(sites)
    out = sites.index.isin(set(panel.loc[held_out, "site_id"]))
    distance = np.full(len(sites), np.inf)
    for position in positions[out]:
        distance = np.minimum(distance, np.linalg.norm(positions - position, axis=1))
    near = sites.index[distance < chord_km(buffer_km)]
    return panel["site_id"].isin(set(near)).to_numpy()


def _check_enough(panel, train, scheme, number):
    n_sites = panel["site_id"].iloc[train].nunique()
    if len(train) < MIN_TRAINING_ROWS or n_sites < 2:
        raise UnsupportedScheme(
            f"fold {number + 1} leaves {len(train)} rows of {n_sites} "
            f"site{'' if n_sites == 1 else 's'} to learn from; {MIN_TRAINING_ROWS} rows of 2 sites are needed"
        )

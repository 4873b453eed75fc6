"""Folds: which rows a predictor may learn from, and which rows judge it.

Every scheme asks another question. `random` asks about a missing day of a known monitor, `site`
about a new monitor in a known city, `city` about a city without any, `country` about a country
without any, `buffer` about a city whose surroundings have none either, `block` about a region of
several cities without any, `season` about a part of the year that no monitor has seen.
`leave-country-out` and `leave-city-out` (buffered) ask about one country or city at a time, which
needs as many fits as there are countries or cities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from airq.models.schemes import block_of_city, site_positions, within_km
from airq.models.seasons import SEASON_MARGIN_DAYS, SEASONS, in_or_near_season, season_of
from airq.panel import TARGET

#: Schemes of five folds or fewer.
FEW_FITS = ("random", "site", "city", "country", "buffer", "block", "season")
#: Schemes in which every group is a fold of its own.
LEAVE_ONE_OUT = ("leave-city-out", "leave-country-out")
SCHEMES = (*FEW_FITS, *LEAVE_ONE_OUT)
#: Schemes that also hide the surroundings of what they hold out.
BUFFERED = ("buffer", "leave-city-out")
#: Column whose values stay together in a fold; None where no column says what is held out.
GROUP_COLUMN = {
    "random": None,
    "site": "site_id",
    "city": "city_id",
    "country": "country",
    "buffer": "city_id",
    "block": "city_id",
    "season": None,
    "leave-city-out": "city_id",
    "leave-country-out": "country",
}
#: What a scheme's held-out groups are called.
GROUP_NAME = {
    "random": "row",
    "site": "site",
    "city": "city",
    "country": "country",
    "buffer": "city",
    "block": "block",
    "season": "season",
    "leave-city-out": "city",
    "leave-country-out": "country",
}
PLURAL = {
    "row": "rows",
    "site": "sites",
    "city": "cities",
    "country": "countries",
    "block": "blocks",
    "season": "seasons",
}

N_FOLDS = 5
MIN_TRAINING_ROWS = 20
MIN_TRAINING_SITES = 2


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
        Rows whose *inputs* training may see, `train` among them. A held-out place is not visible,
        nor is a held-out season; a held-out day of a known place is, because its satellite and
        weather columns are known.
    groups : tuple of str
        The held-out groups; empty with ``"random"``, whose groups are rows.
    """

    scheme: str
    number: int
    test: np.ndarray
    train: np.ndarray
    visible: np.ndarray
    groups: tuple = ()

    def training_panel(self, panel):
        """The panel that a predictor may learn from: visible rows, targets of `train` only."""
        return visible_panel(panel, self.visible, self.train)


def visible_panel(panel, visible, train):
    """The visible rows of a panel, with the targets of the rows `train` only."""
    hidden = np.setdiff1d(visible, train)
    target = panel[TARGET].copy()
    target.iloc[hidden] = np.nan
    return panel.assign(**{TARGET: target}).iloc[np.sort(visible)].reset_index(drop=True)


def make_folds(panel, scheme, *, n_folds=N_FOLDS, buffer_km=50.0, seed=0):
    """Split a panel by a scheme.

    Parameters
    ----------
    panel : DataFrame of n_rows
        A checked panel with targets.
    scheme : str
        What stays together, from :data:`SCHEMES`.
    n_folds : int
        Number of folds; fewer where there are fewer groups. The schemes of :data:`LEAVE_ONE_OUT`
        have one per group, ``"season"`` one per season of the year.
    buffer_km : float
        With ``"buffer"`` and ``"leave-city-out"``, training places lie at least this far from every
        held-out place. [km]
    seed : int
        Order of the rows of ``"random"`` and start of the clustering of ``"block"``; the other
        schemes do not depend on it.

    Returns
    -------
    list of Fold

    Raises
    ------
    UnsupportedScheme
        If the panel has too few groups, or too few rows are left to learn from.
    """
    return list(iter_folds(panel, scheme, n_folds=n_folds, buffer_km=buffer_km, seed=seed))


def iter_folds(panel, scheme, *, n_folds=N_FOLDS, buffer_km=50.0, seed=0):
    """The folds of :func:`make_folds` one after the other, for panels of very many groups."""
    if scheme not in SCHEMES:
        raise ValueError(f"Unknown scheme {scheme!r}; choose from {', '.join(SCHEMES)}.")
    labelled = np.flatnonzero(panel[TARGET].notna().to_numpy())
    if scheme == "random":
        return _row_folds(panel, labelled, n_folds, seed)
    if scheme == "season":
        return _season_folds(panel, labelled)
    return _place_folds(panel, labelled, scheme, n_folds, buffer_km, seed)


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
    the outer fold asks; for blocks it is their cities. A held-out season judges a predictor that was
    trained as a final one is.
    """
    column = GROUP_COLUMN[scheme]
    few = column is not None and panel.loc[panel[TARGET].notna(), column].nunique() < 3
    return training_groups(panel) if few or scheme == "season" else column


def enough_to_learn(panel, train):
    """Whether the rows `train` are enough to learn from: 20 rows of 2 sites."""
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


def _place_folds(panel, labelled, scheme, n_folds, buffer_km, seed):
    codes, names = pd.factorize(_groups(panel, labelled, scheme, seed), sort=True)
    present = names[np.unique(codes[labelled])]
    _check_several(present, GROUP_NAME[scheme])
    n_folds = len(present) if scheme in LEAVE_ONE_OUT else min(n_folds, len(present))
    site, positions = site_positions(panel) if scheme in BUFFERED else (None, None)
    splits = GroupKFold(n_splits=n_folds).split(labelled, groups=codes[labelled])
    for number, (_, test) in enumerate(splits):
        held_out = np.unique(codes[labelled[test]])
        hidden = np.isin(codes, held_out)
        if scheme in BUFFERED:
            hidden |= within_km(positions, np.unique(site[hidden]), buffer_km)[site]
        groups = tuple(str(name) for name in names[held_out])
        around = buffer_km if scheme in BUFFERED else None
        yield _fold(panel, labelled, scheme, number, labelled[test], hidden, groups, around)


def _groups(panel, labelled, scheme, seed):
    if scheme != "block":
        return panel[GROUP_COLUMN[scheme]].to_numpy(dtype=object)
    blocks = block_of_city(panel, labelled, seed=seed)
    return panel["city_id"].map(blocks).to_numpy(dtype=object)


def _fold(panel, labelled, scheme, number, test, hidden, groups, around=None):
    visible = np.flatnonzero(~hidden)
    train = np.intersect1d(labelled, visible, assume_unique=True)
    if not enough_to_learn(panel, train):
        n_sites = panel["site_id"].iloc[train].nunique()
        what = f"fold {number + 1}"
        if len(groups) == 1:
            city = GROUP_COLUMN[scheme] == "city_id" and scheme != "block"
            what = f"holding out {panel['city'].iloc[test[0]] if city else groups[0]}"
        if around:
            what += f" with {around:g} km around it"
        raise UnsupportedScheme(
            f"{what} leaves {len(train)} rows of {n_sites} site{'' if n_sites == 1 else 's'} to learn from; "
            f"{MIN_TRAINING_ROWS} rows of {MIN_TRAINING_SITES} sites are needed"
        )
    return Fold(scheme, number, test, train, visible, groups)


def _check_several(present, name):
    if name == "block" and len(present) < 2:
        raise UnsupportedScheme("the panel has PM2.5 in too few cities for two blocks of two")
    if len(present) < 2:
        raise UnsupportedScheme(
            f"the panel has PM2.5 in one {name} only ({present[0]}), so none can be held out"
        )

"""Pairs of folds: predictors that have seen neither of two held-out parts.

An interval for a held-out fold must be calibrated on errors at other held-out places, made by a
predictor that has not seen the fold either. The errors of fold `j` under the predictor that left
`j` *and* `k` out are such; hence one predictor for every unordered pair.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from airq.models.folds import N_FOLDS, enough_to_learn, visible_panel


@dataclass(frozen=True)
class PairFold:
    """Row numbers of a panel from which two blocks of folds are left out.

    Attributes
    ----------
    scheme : str
        Scheme of the folds.
    first, second : int
        Numbers of the blocks, `first` the lower one; see :func:`blocks_of_folds`.
    first_test, second_test : numpy.ndarray of int
        Rows with a target that the folds of each block hold out.
    train, visible : numpy.ndarray of int
        Rows with a target to learn from, and rows whose inputs training may see: those that no fold
        of the two blocks hides.
    """

    scheme: str
    first: int
    second: int
    first_test: np.ndarray
    second_test: np.ndarray
    train: np.ndarray
    visible: np.ndarray

    def training_panel(self, panel):
        """The panel that a predictor may learn from: visible rows, targets of `train` only."""
        return visible_panel(panel, self.visible, self.train)

    @property
    def test(self):
        """Rows with a target that either block holds out, those of `first` before those of `second`."""
        return np.concatenate([self.first_test, self.second_test])

    @property
    def blocks(self):
        """Number of the block that holds out each of the rows :attr:`test`."""
        return np.repeat([self.first, self.second], [len(self.first_test), len(self.second_test)])

    def test_of(self, block):
        """Rows with a target that the folds of a block hold out."""
        return {self.first: self.first_test, self.second: self.second_test}[block]


def blocks_of_folds(folds, n_blocks=N_FOLDS):
    """Merge the folds of a scheme into a few blocks of about as many held-out rows.

    Parameters
    ----------
    folds : list of Fold
        Folds of one scheme.
    n_blocks : int
        Most blocks.

    Returns
    -------
    numpy.ndarray of int, shape (n_folds,)
        Block of every fold; its own number where there are few folds.
    """
    if len(folds) <= n_blocks:
        return np.arange(len(folds))
    sizes = np.array([len(fold.test) for fold in folds])
    block, load = np.empty(len(folds), dtype=int), np.zeros(n_blocks, dtype=int)
    for number in np.argsort(-sizes, kind="stable"):
        block[number] = load.argmin()
        load[block[number]] += sizes[number]
    return block


def pair_folds(panel, folds, *, n_blocks=N_FOLDS):
    """For every two blocks of folds, what is left when both are held out.

    Parameters
    ----------
    panel : DataFrame
        The panel that the folds split.
    folds : list of Fold
        Folds of one scheme, from :func:`airq.models.folds.make_folds`.
    n_blocks : int
        Most blocks, see :func:`blocks_of_folds`.

    Returns
    -------
    pairs : list of PairFold
        Ten at most with five blocks. A pair that leaves fewer than 20 rows or 2 sites is left out.
    block : numpy.ndarray of int, shape (n_folds,)
        Block of every fold: fold `k` is calibrated by the pairs that ``block[k]`` is one of.

    Examples
    --------
    Errors for the calibration of fold `k`, none of whose predictors has seen a row of `k`::

        for pair in pairs:
            if block[k] in (pair.first, pair.second):
                other = pair.second if block[k] == pair.first else pair.first
                judge(pair, pair.test_of(other))
    """
    block = blocks_of_folds(folds, n_blocks)
    parts = [[fold for fold, of in zip(folds, block, strict=True) if of == b] for b in range(block.max() + 1)]
    train = [_shared(panel, [fold.train for fold in part]) for part in parts]
    visible = [_shared(panel, [fold.visible for fold in part]) for part in parts]
    test = [np.sort(np.concatenate([fold.test for fold in part])) for part in parts]
    pairs = []
    for first, second in itertools.combinations(range(len(parts)), 2):
        rows = np.flatnonzero(train[first] & train[second])
        if enough_to_learn(panel, rows):
            seen = np.flatnonzero(visible[first] & visible[second])
            pairs.append(PairFold(folds[0].scheme, first, second, test[first], test[second], rows, seen))
    return pairs, block


def _shared(panel, listed):
    """Mask of the rows that stand in all of several lists of row numbers."""
    count = np.zeros(len(panel), dtype=int)
    for rows in listed:
        count[rows] += 1
    return count == len(listed)

"""What depends on the distance to the nearest monitor, by classes of it: the share of the kriging.

Between the centres of the classes the logarithm of the distance is interpolated, so that maps have no steps.
"""

from __future__ import annotations

import numpy as np

#: Ends of the classes [km]; without any monitor the distance is infinite, a class of its own.
EDGES_KM = (0.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
#: Centres of the classes, the last one standing for no monitor. [km]
CENTRES_KM = (2.5, 7.5, 17.0, 35.0, 70.0, 160.0, 350.0, 700.0, 2000.0)
#: Weight of all rows together in the share of a class, relative to the rows next to monitors. [1]
SHRINKAGE = 0.1


def distance_class(km):
    """Return the class of every distance [km], the last one where it is infinite or unknown.

    >>> distance_class([0.0, 7.0, 800.0, np.inf, np.nan]).tolist()
    [0, 1, 7, 8, 8]
    """
    km = np.nan_to_num(np.asarray(km, dtype="float64"), nan=np.inf, posinf=np.inf)
    return np.minimum(np.searchsorted(EDGES_KM, km, side="right") - 1, len(CENTRES_KM) - 1)


def at_distance(values, km):
    """Return values of classes, (n_classes, ...), interpolated at distances [km]; shape (n_rows, ...)."""
    km = np.nan_to_num(np.asarray(km, dtype="float64"), nan=np.inf, posinf=np.inf)
    centres, where = np.log1p(CENTRES_KM), np.log1p(np.minimum(km, CENTRES_KM[-1]))
    columns = np.asarray(values).reshape(len(centres), -1).T
    shape = (*km.shape, *np.shape(values)[1:])
    return np.stack([np.interp(where, centres, column) for column in columns], axis=-1).reshape(shape)


def kriging_shares(km, blended, kriged, observed):
    """Return how far predictions should be drawn towards a kriging, by class of distance, from 0 to 1.

    The share of a class has the least squared error of its rows, to which :data:`SHRINKAGE` times all rows
    are added; no share is larger than that of a nearer class. Beyond the farthest class with a row it is 0.
    All arguments have the shape (n_rows,); `kriged` [µg m⁻³] is NaN and `km` infinite where there is no
    monitor.
    """
    known = ~np.isnan(kriged) & np.isfinite(km)
    shares = np.zeros(len(CENTRES_KM))
    if not known.any():
        return shares
    number, step = distance_class(km[known]), (kriged - blended)[known]
    # Intervals of saved models need no estimator; the app reads them without loading one.
    from sklearn.isotonic import IsotonicRegression

    gain = np.bincount(number, (observed - blended)[known] * step, len(shares))
    size = np.bincount(number, step**2, len(shares))
    prior = SHRINKAGE * size.sum()
    overall = gain.sum() / max(size.sum(), 1e-9)
    seen = np.flatnonzero(np.bincount(number, minlength=len(shares)))
    best = np.clip((gain + prior * overall) / np.maximum(size + prior, 1e-9), 0, 1)
    falling = IsotonicRegression(increasing=False).fit(
        seen, best[seen], sample_weight=(size + prior + 1e-9)[seen]
    )
    nearer = np.arange(seen[-1] + 1)
    shares[nearer] = falling.predict(np.clip(nearer, seen[0], seen[-1]))
    return shares


def share_at(shares, km):
    """Return the share of the kriging at distances [km], of the same shape; 0 without a monitor."""
    return np.where(np.isfinite(km), at_distance(shares, km), 0.0)

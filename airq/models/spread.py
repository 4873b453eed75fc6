"""The scale of a prediction's error, below and above, learned on out-of-fold residuals.

Errors grow with concentration, and they are larger above the prediction than below it, where zero
bounds them. A power of the prediction with a factor for each side says so in three numbers. At
equal coverage it makes the Winkler score of 90 % intervals in unseen cities some 17 % better than a constant
does on the simulated atmosphere; boosters on the features gain one or two per cent more, at the price of
files and time, so they are not used.

Only the shape matters: how wide intervals are is calibrated afterwards, see
:mod:`airq.models.intervals`.
"""

from __future__ import annotations

import numpy as np

from airq.models.intervals import unit_weights

#: Added to predictions before the power is taken, and to residuals before the logarithm. [µg m⁻³]
OFFSET = 5.0
RESIDUAL_OFFSET = 0.5
#: Exponents stay between a constant and a little more than proportional.
EXPONENTS = (0.0, 1.2)
#: A side's factor is this quantile of its scaled residuals, that of a central 90 % interval.
SIDE = 0.95
#: A side's factor is at least this share of the other's.
LEAST_SHARE = 0.1
#: Smallest spread. [µg m⁻³]
FLOOR = 0.5


class Spread:
    """Scale of the error as a power of the prediction.

    The spread of a side is ``factor * (prediction + 5) ** exponent``, at least 0.5 µg m⁻³.

    Attributes
    ----------
    exponent_ : float
        Slope of the logarithm of the absolute residual in that of the prediction, between 0 and 1.2.
    factors_ : numpy.ndarray of shape (2,)
        Factors below and above: the 95 % quantiles of the residuals of either sign, scaled.

    Examples
    --------
    >>> predicted = np.tile([5.0, 20.0, 45.0], 40)
    >>> residual = np.repeat([-0.2, 0.4], 60) * (predicted + 5)
    >>> spread = Spread().fit(None, predicted, residual, np.arange(120)).predict(None, [15.0])
    >>> (spread[:, 1] / spread[:, 0]).round(1).tolist()
    [2.0]
    """

    def fit(self, X, predicted, residual, groups):
        """Learn from residuals of predictions that never saw their place.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features) or None
            Features; not used.
        predicted : array-like of shape (n_samples,)
            Out-of-fold predictions. [µg m⁻³]
        residual : array-like of shape (n_samples,)
            Observed minus predicted. [µg m⁻³]
        groups : array-like of shape (n_samples,)
            Cities or sites; each has the same weight.
        """
        residual, weights = np.asarray(residual, dtype="float64"), unit_weights(groups)
        size = _log_size(predicted)
        self.exponent_ = _slope(size, np.log(np.abs(residual) + RESIDUAL_OFFSET), weights)
        scaled = residual / np.exp(self.exponent_ * size)
        factors = np.array([_weighted_quantile(sign * scaled, weights, SIDE) for sign in (-1, 1)])
        self.factors_ = np.maximum(factors, LEAST_SHARE * max(factors.max(), 0))
        return self

    def predict(self, X, predicted):
        """Spread below and above every prediction.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features) or None
            Features; not used.
        predicted : array-like of shape (n_rows,)
            Predictions. [µg m⁻³]

        Returns
        -------
        numpy.ndarray of shape (n_rows, 2)
            Positive. [µg m⁻³]
        """
        scale = np.exp(self.exponent_ * _log_size(predicted))
        return np.maximum(scale[:, None] * self.factors_, FLOOR)

    def save(self, folder):
        """Facts to load it by; it needs no file in the folder."""
        return {"exponent": float(self.exponent_), "factors": self.factors_.tolist()}

    @classmethod
    def load(cls, folder, facts):
        """Inverse of :meth:`save`."""
        spread = cls()
        spread.exponent_, spread.factors_ = facts["exponent"], np.array(facts["factors"], dtype="float64")
        return spread


def _log_size(predicted):
    return np.log(np.maximum(np.asarray(predicted, dtype="float64"), 0) + OFFSET)


def _slope(x, y, weights):
    """Slope of the weighted least-squares line, within :data:`EXPONENTS`; 0 where `x` does not vary."""
    apart = x - np.average(x, weights=weights)
    square = np.average(apart**2, weights=weights)
    if square < 1e-12:
        return EXPONENTS[0]
    return float(np.clip(np.average(apart * y, weights=weights) / square, *EXPONENTS))


def _weighted_quantile(values, weights, share):
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return values[order][min(np.searchsorted(reached, share * reached[-1]), len(values) - 1)]

"""Former place of names of `imbalance.probability`."""

from imbalance.probability import Calibrator, fit_calibrator, log_clipped  # noqa: F401

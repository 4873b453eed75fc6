"""The two classifiers: one for a known class prior, one for an unknown."""

from imbalance.adapter import LabelShiftAdapter
from imbalance.doors import NEVER, resolve_prior
from imbalance.prior_corrected import PriorCorrectedClassifier

__all__ = ["NEVER", "LabelShiftAdapter", "PriorCorrectedClassifier", "resolve_prior"]

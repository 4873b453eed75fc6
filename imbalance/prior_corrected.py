"""Former place of some names."""

from imbalance.estimators import (  # noqa: F401
    PriorCorrectedClassifier,
    held_out_members,
    held_out_probabilities,
)

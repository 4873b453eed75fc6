"""Former place of some names."""

from imbalance.estimators import MetaClassifier, check_labels  # noqa: F401
from imbalance.probability import mean_corrected, resolve_prior  # noqa: F401

NEVER = 1e-30

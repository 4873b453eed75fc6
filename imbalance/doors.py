"""Former place of some names."""

from imbalance.estimators import MetaClassifier, check_labels  # noqa: F401
from imbalance.probability import NEVER, mean_corrected, resolve_prior  # noqa: F401

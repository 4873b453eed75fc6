"""Former place of some names."""

from imbalance.estimators import fit_weighted, learns_as_counted, own_weights, rule_weights  # noqa: F401

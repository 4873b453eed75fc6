"""Estimators and baselines, and the intervals, applicability and explanation of their predictions."""

#: Name of this package's own predictor among the candidates of an evaluation.
OURS = "default"

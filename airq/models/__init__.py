"""Estimators, the folds that judge them, and what is said of their uncertainty."""

#: Name of this package's own predictor among the candidates of an evaluation.
OURS = "default"

"""Estimators and baselines, and the intervals, applicability and explanation of their predictions."""

#: Name of this package's own predictor among the candidates of an evaluation.
OURS = "default"
#: Baselines of an evaluation for which none are named; see :mod:`airq.models.baselines`.
FAST_BASELINES = (
    *("mean", "climatology", "cams", "nearest", "inverse-distance", "day-mean", "kriging"),
    *("ridge-log", "lightgbm-defaults", "lightgbm-date"),
)
#: The others, most of them slow.
SLOW_BASELINES = (
    *("airqo-job", "lightgbm-stopped", "hist-gradient-boosting", "extra-trees", "reference-method"),
)
#: Names in tables of contributions; see :mod:`airq.models.explanation`.
BASE = "base"
MONITORS = "nearby monitors"
REMAINDER = "remainder"
#: Columns beside the features in a table of contributions.
BESIDE = (BASE, MONITORS, REMAINDER)
#: Name of the group of features that are made of the date alone.
CALENDAR = "calendar"

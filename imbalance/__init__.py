"""Class imbalance and label shift: compare resampling strategies, correct probabilities, decide.

The names below load what they need when they are first used: ``import imbalance`` is fast and brings in
neither a booster nor maps.

>>> import imbalance as im
>>> im.correct_prior([[0.5, 0.5]], trained=[0.5, 0.5], target=[0.95, 0.05]).tolist()
[[0.95, 0.05]]
"""

from importlib import import_module

_HOMES = {
    "comparison.compare": ("Comparison", "compare"),
    "comparison.strategies": ("Strategy",),
    "datasets.loading": ("load_dataset",),
    "decisions": ("CostSensitiveClassifier", "LabelSetClassifier", "cost_curve"),
    "estimators": ("PriorCorrectedClassifier",),
    "label_shift": ("LabelShiftAdapter", "PriorTracker", "adapt"),
    "metrics": ("scorer",),
    "probability": ("correct_prior", "estimate_prior", "kl_divergence"),
    "regression": ("DenseWeightRegressor", "sera"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'imbalance' has no attribute {name!r}")
    return getattr(import_module(f"imbalance.{_HOME_OF[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})

"""Weights by class: by a rule, and those that an estimator applies by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from imbalance.metrics import class_codes, class_shares

#: Classifiers that learn the class shares of the rows they are given.
PLAIN = {
    "catboost": {"CatBoostClassifier"},
    "imbalance": {"BoostedClassifier"},
    "lightgbm": {"LGBMClassifier"},
    "sklearn": {
        "DecisionTreeClassifier",
        "ExtraTreesClassifier",
        "GaussianNB",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "KNeighborsClassifier",
        "LinearDiscriminantAnalysis",
        "LogisticRegression",
        "MLPClassifier",
        "QuadraticDiscriminantAnalysis",
        "RandomForestClassifier",
    },
    "xgboost": {"XGBClassifier"},
}
#: Their parameters that leave these shares alone. Any other one that is set costs fits, no accuracy.
SHAPE_ONLY = """
C alpha allow_writing_files bagging_fraction bagging_freq bagging_seed bootstrap cat_features
categorical_features colsample_bylevel colsample_bytree criterion deterministic depth early_stopping
feature_fraction force_col_wise force_row_wise gamma hidden_layer_sizes importance_type iterations
l1_ratio l2_leaf_reg l2_regularization lambda_l1 lambda_l2 learning_rate library max_bin max_bins
max_depth max_features max_iter max_leaf_nodes max_samples min_child_samples min_child_weight
min_data_in_leaf min_samples_leaf min_samples_split min_split_gain n_estimators n_iter_no_change n_jobs
n_neighbors num_leaves oob_score path_smooth penalty random_seed random_state reg_alpha reg_lambda seed
solver subsample subsample_for_bin subsample_freq thread_count tol validation_fraction var_smoothing
verbose verbosity warm_start
"""


def learns_as_counted(estimator):
    """Whether a classifier certainly learns the class shares of its rows, or says itself what it learns.

    True for common classifiers, also at the end of a scikit-learn pipeline, with no more set than what
    shapes the model. False may only mean not known.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> learns_as_counted(GaussianNB()), learns_as_counted(GaussianNB(priors=[0.5, 0.5]))
    (True, False)
    """
    kind = type(estimator)
    if kind is Pipeline:
        return learns_as_counted(estimator.steps[-1][1])
    if hasattr(kind, "output_prior_"):
        return True
    if kind.__name__ not in PLAIN.get(kind.__module__.split(".")[0], ()):
        return False
    default = kind().get_params(deep=False)
    changed = {k: v for k, v in estimator.get_params(deep=False).items() if repr(v) != repr(default.get(k))}
    return set(changed) | set(changed.pop("settings", None) or ()) <= {"settings", *SHAPE_ONLY.split()}


def rule_weights(rule, y, classes, sample_weight, target):
    """Weight of each row, of shape (n_samples,), or None where all count alike.

    Parameters
    ----------
    rule : None, "balanced", "target" or mapping
        Classes count alike, or have the shares of the target, or each row has its class's weight.
    y : array-like of shape (n_samples,)
        Labels after resampling.
    classes : array-like of shape (n_classes,)
        Classes.
    sample_weight : array-like of shape (n_samples,) or None
        Weight that each row has already.
    target : callable
        Gives the target prior.

    Raises
    ------
    ValueError
        If the rule is unknown, or lacks a class, or gives one no or a negative weight.

    Examples
    --------
    >>> rule_weights("balanced", ["a", "a", "a", "b"], ["a", "b"], None, None).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    if rule is None:
        return sample_weight
    shares = class_shares(y, classes, sample_weight)
    if isinstance(rule, Mapping):
        factors = _named_factors(rule, classes)
    elif rule == "balanced":
        factors = 1 / (len(classes) * shares)
    elif rule == "target":
        factors = target() / shares
    else:
        raise ValueError(f"Unknown weights {rule!r}; use None, 'balanced', 'target' or weights by class.")
    rows = factors[class_codes(y, classes)]
    return rows if sample_weight is None else rows * sample_weight


def _named_factors(rule, classes):
    names = np.asarray(classes).tolist()
    if set(rule) != set(names):
        raise ValueError(f"The weights name {list(rule)}, but the classes are {names}.")
    factors = np.array([rule[name] for name in names], dtype="float64")
    if not np.all(factors > 0):
        raise ValueError("The weight of a class must be more than zero.")
    return factors


def own_weights(estimator, y):
    """Factor by which an estimator's own ``class_weight`` weights each row, of shape (n_samples,)."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    own = None if hasattr(type(last), "output_prior_") else getattr(last, "class_weight", None)
    return compute_sample_weight("balanced" if own == "balanced_subsample" else own, y)


def fit_weighted(estimator, X, y, sample_weight):
    """Fit an estimator or pipeline, with row weights where there are any.

    Raises
    ------
    ValueError
        If there are weights, but the estimator takes none.
    """
    if sample_weight is None:
        return estimator.fit(X, y)
    name, last = estimator.steps[-1] if hasattr(estimator, "steps") else (None, estimator)
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(f"{type(last).__name__} takes no weights; use a sampler instead.")
    key = "sample_weight" if name is None else f"{name}__sample_weight"
    return estimator.fit(X, y, **{key: sample_weight})

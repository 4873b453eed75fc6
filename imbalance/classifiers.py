"""What holds for any scikit-learn classifier: the prior that it learns, checks, weights, copies."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import pandas as pd
from sklearn import config_context, get_config
from sklearn.base import clone, is_classifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from imbalance.metrics import class_codes, class_shares
from imbalance.probability import by_name

#: Classifiers of scikit-learn whose mean probability is the class share in the rows they are given. Of naive
#: Bayes it is not where columns depend on each other, of quadratic discriminants where they are skewed;
#: nearest neighbours were .010 short of .06, and .025 short of .30 after a correction; boosted trees are too
#: sure on new rows.
PLAIN = """
DecisionTreeClassifier ExtraTreesClassifier LinearDiscriminantAnalysis LogisticRegression MLPClassifier
RandomForestClassifier
"""
#: Their parameters that leave these shares alone. Any other one that is set costs fits, no accuracy:
#: `solver`, say, which may shrink the intercept of a logistic regression ("liblinear").
SHAPE_ONLY = """
C alpha bootstrap criterion early_stopping hidden_layer_sizes l1_ratio learning_rate max_depth max_features
max_iter max_leaf_nodes max_samples min_samples_leaf min_samples_split n_estimators n_iter_no_change n_jobs
oob_score penalty random_state tol validation_fraction verbose warm_start
"""


def learns_as_counted(estimator):
    """Return whether a classifier surely learns the class shares of its rows, or says what it learns."""
    kind = type(estimator)
    if kind is Pipeline:
        return learns_as_counted(estimator.steps[-1][1])
    if hasattr(kind, "output_prior_"):
        return True
    if kind.__name__ not in PLAIN.split() or not kind.__module__.startswith("sklearn."):
        return False
    default = kind().get_params(deep=False)
    changed = {k for k, v in estimator.get_params(deep=False).items() if repr(v) != repr(default.get(k))}
    return changed <= set(SHAPE_ONLY.split())


def counts_its_prior(estimator, samplers, weights):
    """Return whether the prior of a classifier's probabilities can be counted from its rows."""
    return not samplers and weights is None and learns_as_counted(estimator)


def last_step(model):
    """Return the classifier at the end of a pipeline, and the best one of a fitted search."""
    while True:
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model


def check_classifier(model, name):
    """Raise ValueError where a model cannot give probabilities."""
    if isinstance(model, type) or not hasattr(model, "get_params"):
        what = getattr(model, "__name__", str(name))
        raise ValueError(f"Model {what!r} is no scikit-learn classifier; give an instance of one.")
    if not is_classifier(model):
        raise ValueError(f"Model {str(name)!r} is no classifier.")
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"Model {str(name)!r} has no predict_proba, so it gives no probabilities; "
            "CalibratedClassifierCV of scikit-learn adds it."
        )


def rule_weights(rule, y, classes, sample_weight, target):
    """Return the weight of each row by "balanced", "target" or a weight for each class, or None where all
    count alike."""
    if rule is None:
        return sample_weight
    shares, rule = class_shares(y, classes, sample_weight), by_name(rule)
    if isinstance(rule, Mapping):
        factors = _named_factors(rule, classes)
    elif rule == "balanced":
        factors = 1 / (len(classes) * shares)
    elif rule == "target" and target is None:
        raise ValueError("weights='target' needs a target_prior.")
    elif rule == "target":
        factors = target / shares
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
    """Return the factor by which an estimator's own ``class_weight`` weights each row."""
    last = last_step(estimator)
    own = None if hasattr(type(last), "output_prior_") else getattr(last, "class_weight", None)
    return compute_sample_weight("balanced" if own == "balanced_subsample" else own, y)


def fit_weighted(estimator, X, y, sample_weight):
    """Fit an estimator, or the last step of a pipeline, with row weights where there are any; with scikit-
    learn's metadata routing, the steps that request them."""
    if sample_weight is None:
        return estimator.fit(X, y)
    params = accepted(estimator, {"sample_weight": sample_weight})
    if get_config()["enable_metadata_routing"]:
        with suppress(UnsetMetadataPassedError):
            return estimator.fit(X, y, sample_weight=sample_weight)
    with config_context(enable_metadata_routing=False):
        return estimator.fit(X, y, **params)


def accepted(estimator, given):
    """Return weights and groups by the names that an estimator, or a pipeline's last step, has for them."""
    last, prefix = estimator, ""
    while isinstance(last, Pipeline):
        prefix, last = f"{prefix}{last.steps[-1][0]}__", last.steps[-1][1]
    taken = {prefix + k: v for k, v in given.items() if v is not None and has_fit_parameter(last, k)}
    if given["sample_weight"] is not None and f"{prefix}sample_weight" not in taken:
        raise ValueError(f"{type(last).__name__} takes no sample_weight; use a sampler instead.")
    return taken


def copy_of(estimator):
    """Return an unfitted copy, also of CatBoost with a list of ``cat_features``, which `clone` refuses."""
    try:
        return clone(estimator, safe=False)
    except RuntimeError:
        return copy.deepcopy(estimator)


def check_labels(y):
    """Check labels; return them and their sorted classes, of which there are two or more."""
    if y is None:
        raise ValueError("This classifier requires y to be passed, but the target y is None.")
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    if missing := int(pd.isna(y).sum()):
        raise ValueError(f"{missing:,} of {len(y):,} labels are missing; remove or label these rows.")
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"The rows hold 1 class, {classes.tolist()[0]!r}; two or more are needed.")
    return y, classes


def check_known(estimator, classes):
    """Raise ValueError where a fitted estimator knows other classes than the rows hold."""
    known, held = np.asarray(getattr(estimator, "classes_", classes)).tolist(), classes.tolist()
    if known != held:
        raise ValueError(f"The estimator knows the classes {known}, but the rows hold {held}.")

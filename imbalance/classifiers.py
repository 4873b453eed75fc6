"""What holds for any scikit-learn classifier: the prior that it learns, checks, weights, copies."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone, is_classifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from imbalance.metrics import class_codes, class_shares
from imbalance.probability import by_name

#: Classifiers whose mean probability is the class share in the rows they are given, by the library's name.
#: Of naive Bayes it is not where columns depend on each other, nor of quadratic discriminants where they are
#: skewed.
PLAIN = {
    "sklearn": """DecisionTreeClassifier ExtraTreesClassifier KNeighborsClassifier LinearDiscriminantAnalysis
        LogisticRegression MLPClassifier RandomForestClassifier""",
}
#: They do, too, but are too sure on new rows: the mean probability of a rare class falls short.
BOOSTED = {
    "catboost": "CatBoostClassifier",
    "imbalance": "BoostedClassifier",
    "lightgbm": "LGBMClassifier",
    "sklearn": "GradientBoostingClassifier HistGradientBoostingClassifier",
    "xgboost": "XGBClassifier",
}
#: Their parameters that leave these shares alone. Any other one that is set costs fits, no accuracy:
#: `solver`, say, which may shrink the intercept of a logistic regression ("liblinear").
SHAPE_ONLY = """
C alpha allow_writing_files bagging_fraction bagging_freq bagging_seed bootstrap cat_features
categorical_features colsample_bylevel colsample_bytree criterion deterministic depth early_stopping
feature_fraction force_col_wise force_row_wise gamma hidden_layer_sizes importance_type iterations
l1_ratio l2_leaf_reg l2_regularization lambda_l1 lambda_l2 learning_rate library max_bin max_bins
max_depth max_features max_iter max_leaf_nodes max_samples min_child_samples min_child_weight
min_data_in_leaf min_samples_leaf min_samples_split min_split_gain n_estimators n_iter_no_change n_jobs
n_neighbors num_leaves oob_score path_smooth penalty random_seed random_state reg_alpha reg_lambda seed
subsample subsample_for_bin subsample_freq thread_count tol validation_fraction var_smoothing
verbose verbosity warm_start
"""


def learns_as_counted(estimator):
    """Return whether a classifier surely learns the class shares of its rows, or says what it learns.

    True for common classifiers, also at the end of a scikit-learn pipeline, with no more set than what
    shapes the model. False may only mean not known.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> [learns_as_counted(LogisticRegression(class_weight=own)) for own in (None, "balanced")]
    [True, False]
    """
    kind = type(estimator)
    if kind is Pipeline:
        return learns_as_counted(estimator.steps[-1][1])
    if hasattr(kind, "output_prior_"):
        return True
    if not (_is_one_of(PLAIN, kind) or _is_one_of(BOOSTED, kind)):
        return False
    default = kind().get_params(deep=False)
    changed = {k: v for k, v in estimator.get_params(deep=False).items() if repr(v) != repr(default.get(k))}
    return set(changed) | set(changed.pop("settings", None) or ()) <= {"settings", *SHAPE_ONLY.split()}


def _is_one_of(classifiers, kind):
    return kind.__name__ in classifiers.get(kind.__module__.split(".")[0], "").split()


def counts_its_prior(estimator, samplers, weights):
    """Return whether the prior that a classifier's probabilities stand for can be counted from its rows.

    It can where nothing resamples or weights them and the classifier is right in the mean on new rows, too,
    which boosted trees are not.

    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> [counts_its_prior(one(), None, None) for one in (LogisticRegression, GradientBoostingClassifier)]
    [True, False]
    """
    boosted = _is_one_of(BOOSTED, type(last_step(estimator)))
    return not samplers and weights is None and learns_as_counted(estimator) and not boosted


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
    """Return the weight of each row, of shape (n_samples,), or None where all count alike.

    Parameters
    ----------
    rule : None, "balanced", "target", mapping or pandas.Series
        Classes count alike, or have the shares of the target, or each row has its class's weight.
    y : array-like of shape (n_samples,)
        Labels after resampling.
    classes : array-like of shape (n_classes,)
        Classes.
    sample_weight : array-like of shape (n_samples,) or None
        Weight that each row has already.
    target : callable
        Gives the target prior.

    Examples
    --------
    >>> rule_weights("balanced", ["a", "a", "a", "b"], ["a", "b"], None, None).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    if rule is None:
        return sample_weight
    shares, rule = class_shares(y, classes, sample_weight), by_name(rule)
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
    """Return the factor by which an estimator's own ``class_weight`` weights each row."""
    last = last_step(estimator)
    own = None if hasattr(type(last), "output_prior_") else getattr(last, "class_weight", None)
    return compute_sample_weight("balanced" if own == "balanced_subsample" else own, y)


def fit_weighted(estimator, X, y, sample_weight):
    """Fit an estimator or pipeline, with row weights where there are any.

    Of a pipeline the last step gets them; with scikit-learn's metadata routing, the steps that request them,
    if every step that could says so.
    """
    if sample_weight is None:
        return estimator.fit(X, y)
    name, last = estimator.steps[-1] if hasattr(estimator, "steps") else (None, estimator)
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(f"{type(last).__name__} takes no weights; use a sampler instead.")
    if get_config()["enable_metadata_routing"]:
        with suppress(UnsetMetadataPassedError):
            return estimator.fit(X, y, sample_weight=sample_weight)
    key = "sample_weight" if name is None else f"{name}__sample_weight"
    with config_context(enable_metadata_routing=False):
        return estimator.fit(X, y, **{key: sample_weight})


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

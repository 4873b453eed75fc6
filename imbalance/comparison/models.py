"""The models that are known by name: logistic regression, and boosters that find their number of trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted, validate_data

from airq.messages import import_optional, near_name
from imbalance.decisions import CostSensitiveClassifier
from imbalance.estimators import check_classifier, copy_of
from imbalance.metrics import weighted_log_loss
from imbalance.reading import is_number
from imbalance.resampling import TooFewRows, stratified_split

#: Each library's own defaults, but for threads, files and talk; CatBoost's 1,000 trees are capped at 300
#: (its learning rate, which it chooses by rows and trees, follows).
SETTINGS = {
    "lightgbm": {
        "n_estimators": 100, "n_jobs": 1, "deterministic": True, "force_col_wise": True, "verbose": -1,
    },
    "catboost": {"iterations": 300, "thread_count": 1, "allow_writing_files": False, "verbose": False},
}  # fmt: skip


class BoostedClassifier(ClassifierMixin, BaseEstimator):
    """Gradient boosting on rows as they are: numbers, gaps, and words as categories of training rows."""

    def __init__(self, library="lightgbm", *, random_state=0, settings=None):
        self.library = library
        self.random_state = random_state
        self.settings = settings

    def fit(self, X, y, sample_weight=None):
        """Fit on rows, each with its weight; return self."""
        validate_data(self, X, skip_check_array=True)
        frame = _frame(X)
        words = {c: _words(frame[c]) for c in frame.columns if not is_number(frame[c])}
        self.categories_ = {c: sorted(column.dropna().unique()) for c, column in words.items()}
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        model, self.trees_ = self._unfitted(), None
        words = {"cat_features": list(self.categories_)} if self.library == "catboost" else {}
        try:
            self.model_ = model.fit(self._prepared(frame), codes, sample_weight=sample_weight, **words)
        except Exception as error:
            if type(error).__name__ not in ("LightGBMError", "CatBoostError"):
                raise
            reason = str(error).rsplit("cpp:", 1)[-1].lstrip("0123456789: ").strip()  # not its place
            raise ValueError(f"{self.library} cannot learn from these rows: {reason}") from None
        return self

    def _unfitted(self):
        if self.library not in SETTINGS:
            raise ValueError(f"Unknown model {self.library!r}; use one of {', '.join(SETTINGS)}.")
        settings = SETTINGS[self.library] | {"random_state": self.random_state} | (self.settings or {})
        if self.library == "lightgbm":
            from lightgbm import LGBMClassifier

            return LGBMClassifier(**settings)
        return import_optional("catboost", "CatBoost models").CatBoostClassifier(**settings)

    def _prepared(self, frame):
        words = {c: _words(frame[c]) for c in self.categories_}
        words = {
            c: pd.Categorical(column.where(column.isin(self.categories_[c]), None), self.categories_[c])
            for c, column in words.items()
        }
        if self.library == "catboost":
            words = {c: np.where(v.isna(), "missing", v.astype(object)) for c, v in words.items()}
        return frame.assign(**words)

    def predict_proba(self, X):
        """Return probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        first = {"lightgbm": "num_iteration", "catboost": "ntree_end"}[self.library]
        limit = {} if self.trees_ is None else {first: self.trees_}
        return self.model_.predict_proba(self._prepared(_frame(X)), **limit)

    def predict(self, X):
        """Return the most probable class of each row, of shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


def _frame(X):
    """Return a frame whose column names LightGBM accepts."""
    frame = pd.DataFrame(X)
    return frame.set_axis([f"f{i}" for i in range(frame.shape[1])], axis=1)


def _words(column):
    """Return a column as text."""
    return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")


# Models by name

#: Numbers of trees to choose from, and what each library calls them.
TREES = (5, 10, 15, 20, 30, 40, 50, 70, 100, 140, 200)
TREES_NAME = {"lightgbm": "n_estimators", "catboost": "iterations"}
#: CatBoost's own learning rate would follow the number of trees.
LEARNING_RATE = 0.1
#: Libraries that take all cores for every fit.
OWN_THREADS = ("lightgbm", "xgboost")
#: Name of a model -> what it is.
MEANINGS = {
    "logistic": "Logistic regression; gaps filled, numbers scaled, categories one-hot",
    "lightgbm": "LightGBM; its number of trees is found on held-out training rows",
    "catboost": "CatBoost; its number of trees is found on held-out training rows",
}
NAMES = tuple(MEANINGS)


def logistic(*, sparse=False):
    """Return logistic regression on a table as it is, or on sparse rows, whose columns are only scaled."""
    if sparse:
        return make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=2000))
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=2000))


def choose_models(models=None, *, sparse=False):
    """Return classifiers by name, and which of them learn from numbers and categories: those by name.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> list(choose_models(["logistic", GaussianNB(), GaussianNB()])[0])
    ['logistic', 'GaussianNB', 'GaussianNB 2']
    """
    if models is None:
        models = ["logistic"] if sparse else [name for name in NAMES if name == "logistic" or find_spec(name)]
    if not isinstance(models, Mapping):
        models = _named(models if isinstance(models, list | tuple) else [models])
    if not models:
        raise ValueError(f"No model is named; choose from {', '.join(NAMES)}, or give a classifier.")
    chosen = {}
    for name, one in models.items():
        if isinstance(one, str):
            if one not in NAMES:
                known = f"{near_name(one, NAMES)} Known: {', '.join(NAMES)}"
                raise ValueError(f"Unknown model {one!r}.{known}; or give a classifier.")
            if sparse and one != "logistic":
                raise ValueError(f"{one} by name takes no sparse rows; give a classifier of the library.")
            one = logistic(sparse=sparse) if one == "logistic" else BoostedClassifier(one, random_state=None)
        check_classifier(one, name)
        chosen[str(name)] = one
    return chosen, {name for name, one in models.items() if isinstance(one, str)}


def _named(models):
    named = {}
    for one in models:
        last = one.steps[-1][1] if hasattr(one, "steps") else one
        base = one if isinstance(one, str) else type(last).__name__
        several = [base, *(f"{base} {number}" for number in range(2, len(models) + 1))]
        name = next(name for name in several if name not in named or named[name] is one)
        named[name] = one
    return named


def seeded(model, seed):
    """Return a copy of a model with a seed wherever it has none, and boosters with one thread.

    >>> seeded(LogisticRegression(), 3).random_state
    3
    """
    model, missing = copy_of(model), {}
    params = {"": model, **model.get_params()}
    for name, value in params.items():
        owner, _, last = name.rpartition("__")
        if value is None and last == "random_state":
            missing[name] = seed
        if value is None and last == "n_jobs" and type(params.get(owner)).__module__.startswith(OWN_THREADS):
            missing[name] = 1  # scikit-learn's are limited from outside
    model.set_params(**missing)  # returns nothing of a FrozenEstimator
    return model


def with_trees(model, strategy, X, y, *, target, groups=None, seed=0):
    """Return a booster by name with the number of trees that predicts held-out training rows best, and notes.

    A fifth of the training rows is held out, whole groups of them, before anything is resampled or weighted;
    in the loss they are weighted to the class shares that the others have after it. Any other model is
    returned as it is.
    """
    if type(model) is not BoostedClassifier or TREES_NAME[model.library] in (model.settings or {}):
        return model, []
    settings = {"learning_rate": LEARNING_RATE} if model.library == "catboost" else {}
    settings, name = settings | (model.settings or {}), TREES_NAME[model.library]
    try:
        train, test = stratified_split(y, groups, cv=5, seed=seed)[0]
    except TooFewRows:
        return model, [f"{model.library} grows its usual number of trees: a class is too small to hold out."]
    long = copy_of(model).set_params(settings=settings | {name: max(TREES)})
    fitted = replace(strategy, bag=1).classifier(long, ending="raw", target=target, seed=seed)
    fitted.fit(_safe_indexing(X, train), y[train])
    held_out, losses = _safe_indexing(X, test), []
    for fitted.estimators_[0].trees_ in TREES:
        p, known = fitted.raw_proba(held_out), {"classes": fitted.classes_, "target": fitted.nominal_prior_}
        losses.append(weighted_log_loss(y[test], p, **known))
    return copy_of(model).set_params(settings=settings | {name: TREES[int(np.argmin(losses))]}), []


def fit_row(model, strategy, X, y, *, ending, target, groups=None, costs=None, seed=0):
    """Return a row of a comparison fitted to a table, deciding by `costs` where there are any, and notes.

    `model` is as :func:`choose_models` gives it; `groups` hold equal rows together, see
    :func:`imbalance.comparison.problem.whole_groups`; `costs` has the shape (n_classes, n_classes).
    """
    model, notes = with_trees(model, strategy, X, y, target=target, groups=groups, seed=seed)
    classifier = strategy.classifier(model, ending=ending, target=target, seed=seed)
    if costs is not None:
        if get_config()["enable_metadata_routing"]:
            classifier.set_fit_request(groups=True, sample_weight=True)
        classifier = CostSensitiveClassifier(classifier, costs)
    return classifier.fit(X, y, groups=groups), notes

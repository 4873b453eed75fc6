"""LightGBM and CatBoost as classifiers of frames: one thread, a fixed seed, categories as categories.

Both libraries are imported where they are used, because each takes a while.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from airq.messages import import_optional
from imbalance.reading import is_number

#: Each library's own defaults, but for threads, files and talk; CatBoost's 1,000 trees are capped at 300
#: (its learning rate, which it chooses by rows and trees, follows).
SETTINGS = {
    "lightgbm": {
        "n_estimators": 100, "n_jobs": 1, "deterministic": True, "force_col_wise": True, "verbose": -1,
    },
    "catboost": {"iterations": 300, "thread_count": 1, "allow_writing_files": False, "verbose": False},
}  # fmt: skip
MODELS = tuple(SETTINGS)


class BoostedClassifier(ClassifierMixin, BaseEstimator):
    """Gradient boosting on a frame or array as it is: numbers, gaps, and words as categories of the
    training rows."""

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
        except _errors_of(self.library) as error:
            reason = str(error).rsplit("cpp:", 1)[-1].lstrip("0123456789: ").strip()  # not its place
            raise ValueError(f"{self.library} cannot learn from these rows: {reason}") from None
        return self

    def _unfitted(self):
        if self.library not in SETTINGS:
            raise ValueError(f"Unknown model {self.library!r}; use one of {', '.join(MODELS)}.")
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


def _errors_of(library):
    """Return the class of a library's errors."""
    if library == "lightgbm":
        from lightgbm.basic import LightGBMError

        return LightGBMError
    from catboost import CatBoostError

    return CatBoostError


def _frame(X):
    """Return a frame whose column names LightGBM accepts."""
    frame = pd.DataFrame(X)
    return frame.set_axis([f"f{i}" for i in range(frame.shape[1])], axis=1)


def _words(column):
    """Return a column as text."""
    return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")


def make_model(name, *, random_state=0, **settings):
    """Return a booster with the library's defaults, one thread and a fixed seed."""
    if name not in SETTINGS:
        raise ValueError(f"Unknown model {name!r}; use one of {', '.join(MODELS)}.")
    return BoostedClassifier(name, random_state=random_state, settings=settings or None)

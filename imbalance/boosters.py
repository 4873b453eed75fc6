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
        "n_estimators": 100,
        "n_jobs": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    },
    "catboost": {"iterations": 300, "thread_count": 1, "allow_writing_files": False, "verbose": False},
}
MODELS = tuple(SETTINGS)


class BoostedClassifier(ClassifierMixin, BaseEstimator):
    """Gradient boosting on a frame or array as it is: numbers, gaps, words.

    Columns of words, categories or truth values become categories with the values of the training rows.
    LightGBM gets them as pandas categories (a value never seen counts as missing), CatBoost as strings
    under ``cat_features`` ("missing" is one of them). Numbers stay numbers, 0-1 columns included.

    Parameters
    ----------
    library : {"lightgbm", "catboost"}
        Which one.
    random_state : int
        Seed.
    settings : dict, optional
        Parameters of the library's classifier, over those of ``SETTINGS``.

    Attributes
    ----------
    classes_ : numpy.ndarray of shape (n_classes,)
        Sorted labels.
    model_ : lightgbm.LGBMClassifier or catboost.CatBoostClassifier
        The fitted classifier.
    trees_ : int or None
        So many of its first trees predict; all if None, as after a fit. Set it to look for the best number.

    Examples
    --------
    >>> X = pd.DataFrame({"size": range(60), "place": list("ab") * 30})
    >>> model = BoostedClassifier().fit(X, ["no"] * 30 + ["yes"] * 30)
    >>> model.predict(pd.DataFrame({"size": [2, 57], "place": ["a", "never seen"]})).tolist()
    ['no', 'yes']
    """

    def __init__(self, library="lightgbm", *, random_state=0, settings=None):
        self.library = library
        self.random_state = random_state
        self.settings = settings

    def fit(self, X, y, sample_weight=None):
        """Fit on rows, each with its weight; return self."""
        validate_data(self, X, skip_check_array=True)
        frame = _frame(X)
        self.categories_ = {c: _values(frame[c]) for c in frame.columns if not is_number(frame[c])}
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        model, self.trees_ = self._unfitted(), None
        try:
            self.model_ = model.fit(
                self._prepared(frame), codes, sample_weight=sample_weight, **self._columns_of_words()
            )
        except _errors_of(self.library) as error:
            raise ValueError(f"{self.library} cannot learn from these rows: {_last_part(error)}") from None
        return self

    def _unfitted(self):
        if self.library not in SETTINGS:
            raise ValueError(f"Unknown model {self.library!r}; use one of {', '.join(MODELS)}.")
        settings = SETTINGS[self.library] | {"random_state": self.random_state} | (self.settings or {})
        if self.library == "lightgbm":
            from lightgbm import LGBMClassifier

            return LGBMClassifier(**settings)
        return import_optional("catboost", "CatBoost models").CatBoostClassifier(**settings)

    def _columns_of_words(self):
        return {"cat_features": list(self.categories_)} if self.library == "catboost" else {}

    def _prepared(self, frame):
        words = {c: _category(frame[c], v) for c, v in self.categories_.items()}
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
    if library == "lightgbm":
        from lightgbm.basic import LightGBMError

        return LightGBMError
    from catboost import CatBoostError

    return CatBoostError


def _last_part(error):
    """Return a library's message without the place in its source."""
    return str(error).rsplit("cpp:", 1)[-1].lstrip("0123456789: ").strip()


def _frame(X):
    """Return a frame whose column names LightGBM accepts."""
    frame = pd.DataFrame(X)
    return frame.set_axis([f"f{i}" for i in range(frame.shape[1])], axis=1)


def _words(column):
    return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")


def _category(column, values):
    words = _words(column)
    return pd.Categorical(words.where(words.isin(values), None), categories=values)


def _values(column):
    return sorted(_words(column).dropna().unique())


def make_model(name, *, random_state=0, **settings):
    """Return a booster with the library's defaults, one thread and a fixed seed.

    Parameters
    ----------
    name : {"lightgbm", "catboost"}
        Library. LightGBM grows its default 100 trees, CatBoost 300.
    random_state : int
        Seed.
    **settings
        Parameters of ``LGBMClassifier`` or ``CatBoostClassifier``.

    Returns
    -------
    BoostedClassifier

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> make_model("catboost", iterations=50).settings
    {'iterations': 50}
    """
    if name not in SETTINGS:
        raise ValueError(f"Unknown model {name!r}; use one of {', '.join(MODELS)}.")
    return BoostedClassifier(name, random_state=random_state, settings=settings or None)

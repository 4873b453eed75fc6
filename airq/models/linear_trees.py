"""Exact contributions of LightGBM's linear trees [2]_, which the library itself does not give.

A leaf of a linear tree holds a constant, the mean of its training rows, and a linear model, which applies
where none of its features is missing. The contributions are those of the plain tree with the constants
(TreeSHAP [1]_, by LightGBM) plus, in the leaf that a row reaches, ``slope * (value - centre)`` of every
feature of the linear model. At the centre the linear model gives the constant, so both parts sum to the
prediction; a row with a missing value, for which LightGBM falls back to the constant, has no linear part.

The centre is the mean of the background rows in the leaf, or the middle of the leaf's box where there is
none, moved until the linear model gives the constant: every feature by the same share of the box, whose
ends are the splits above the leaf and the training ranges.

References
----------
.. [1] S. Lundberg et al., From local explanations to global understanding with explainable AI for
   trees, Nature Machine Intelligence 2, 56-67, 2020.
.. [2] Y. Shi, J. Li, Z. Li, Gradient boosting with piece-wise linear regression trees, IJCAI 2019.
"""

from __future__ import annotations

import itertools

import numpy as np

#: Terms that are computed at a time, so that memory stays small.
AT_ONCE = 5_000_000


class LinearTrees:
    """A LightGBM booster of linear trees, `native`, split into constants and linear models.

    Attributes
    ----------
    plain_ : lightgbm.Booster
        The same trees with the constants of the leaves alone.
    first_ : numpy.ndarray of int, shape (n_trees,)
        Number of the first leaf of every tree, where the leaves of all trees are numbered through.
    features_ : numpy.ndarray of int, shape (n_leaves, n_terms)
        Features of the linear models; the number of features stands for none.
    slopes_, centres_ : numpy.ndarray of shape (n_leaves, n_terms)
        Their coefficients, and the values at which they contribute nothing.
    """

    def __init__(self, native):
        import lightgbm

        header, *blocks = native.model_to_string().split("\nTree=")
        trees = [_Tree(block) for block in blocks]
        self.native = native
        self.plain_ = lightgbm.Booster(model_str=_plain_text(header, blocks, trees))
        self.n_features = native.num_feature()
        self.first_ = np.cumsum([0] + [tree.n_leaves for tree in trees[:-1]])
        ranges = _ranges(header)
        leaves = [leaf for tree in trees for leaf in tree.leaves(ranges)]
        shape = (len(leaves), max((len(leaf["features"]) for leaf in leaves), default=0))
        self.features_ = np.full(shape, self.n_features)
        self.slopes_, self._low, self._high = np.zeros((3, *shape))
        for number, leaf in enumerate(leaves):
            terms = (number, slice(len(leaf["features"])))
            self.features_[terms], self.slopes_[terms] = leaf["features"], leaf["slopes"]
            self._low[terms], self._high[terms] = leaf["low"], leaf["high"]
        self._lift = np.array([leaf["lift"] for leaf in leaves])
        self._settle((self._low + self._high) / 2)

    def centre_on(self, values):
        """Take the means of background rows, shape (n_samples, n_features), as centres.

        A row does not count in a leaf whose linear model lacks a value of it.
        """
        start = (self._low + self._high) / 2
        sums, rows = np.zeros(start.shape), np.zeros(len(start))
        for leaf, terms in self._terms(values):
            whole = ~np.isnan(terms).any(axis=2)
            np.add.at(sums, leaf[whole], terms[whole])
            np.add.at(rows, leaf[whole], 1)
        self._settle(np.where(rows[:, None] > 0, sums / np.maximum(rows, 1)[:, None], start))
        return self

    def _settle(self, start):
        """Move the centres from `start` until the linear models give the constants."""
        half = np.abs(self._high - self._low) / 2
        # A box without width, or slopes of zero along its width.
        half[(np.abs(self.slopes_) * half).sum(axis=1) == 0] = 1
        reach = (np.abs(self.slopes_) * half).sum(axis=1)
        missed = self._lift - (self.slopes_ * start).sum(axis=1)
        share = np.divide(missed, reach, out=np.zeros(len(reach)), where=reach > 0)
        self.centres_ = start + np.sign(self.slopes_) * half * share[:, None]

    def contributions(self, values, *, threads=1):
        """Return contributions on the scale that the booster learned, shape (n_samples, n_features + 1).

        From float32 features, shape (n_samples, n_features). The base comes last; a row sums to the booster's
        prediction.
        """
        result = self.plain_.predict(values, pred_contrib=True, num_threads=threads)
        begin = 0
        for leaf, terms in self._terms(values):
            rows = np.arange(len(leaf))[:, None, None]
            parts = self.slopes_[leaf] * (terms - self.centres_[leaf])
            parts = np.where(np.isnan(parts).any(axis=2, keepdims=True), 0.0, parts)
            width = self.n_features + 1
            cells = (self.features_[leaf] + rows * width).ravel()
            sums = np.bincount(cells, parts.ravel(), minlength=len(leaf) * width).reshape(-1, width)
            result[begin : begin + len(leaf), :-1] += sums[:, :-1]
            begin += len(leaf)
        return result

    def _terms(self, values):
        """Yield, for some rows at a time, the leaves that they reach and the values used there."""
        step = max(AT_ONCE // max(len(self.first_) * self.features_.shape[1], 1), 1)
        for start in range(0, len(values), step):
            part = values[start : start + step]
            leaf = self.native.predict(part, pred_leaf=True, num_threads=1).reshape(len(part), -1)
            leaf = leaf.astype(int) + self.first_
            padded = np.pad(part.astype("float64"), ((0, 0), (0, 1)))
            yield leaf, padded[np.arange(len(part))[:, None, None], self.features_[leaf]]


class _Tree:
    """A tree of LightGBM's native text."""

    def __init__(self, block):
        self.lines = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        self.n_leaves = int(self.lines["num_leaves"])
        self.linear = self.lines["is_linear"] == "1" and self.n_leaves > 1
        self.sizes = self._numbers("num_features", int) if self.linear else [0] * self.n_leaves

    def _numbers(self, name, kind=float):
        return [kind(word) for word in self.lines.get(name, "").split()]

    def constants(self):
        """Return what every leaf predicts without its linear model.

        LightGBM predicts `leaf_value` where a value is missing, but `leaf_const` in a leaf whose
        linear model has no feature, and the two may differ.
        """
        values = self._numbers("leaf_value")
        if self.lines["is_linear"] == "0":
            return values
        constants = self._numbers("leaf_const")
        return [
            value if size else const for value, const, size in zip(values, constants, self.sizes, strict=True)
        ]

    def leaves(self, ranges):
        """Return the linear model of every leaf, and the box that the splits leave to its features."""
        if not self.linear:
            return [{"features": [], "slopes": [], "low": [], "high": [], "lift": 0.0}] * self.n_leaves
        features, slopes = iter(self._numbers("leaf_features", int)), iter(self._numbers("leaf_coeff"))
        values, constants = self._numbers("leaf_value"), self._numbers("leaf_const")
        boxes, leaves = self._boxes(ranges), []
        for leaf, size in enumerate(self.sizes):
            mine = list(itertools.islice(features, size))
            low, high = zip(*(boxes[leaf].get(f, ranges[f]) for f in mine), strict=True) if mine else ((), ())
            model = {"features": mine, "slopes": list(itertools.islice(slopes, size))}
            leaves.append(model | {"low": low, "high": high, "lift": values[leaf] - constants[leaf]})
        return leaves

    def _boxes(self, ranges):
        """Return, by leaf, the lowest and highest value of the features that are split on above it."""
        feature, threshold = self._numbers("split_feature", int), self._numbers("threshold")
        left, right = self._numbers("left_child", int), self._numbers("right_child", int)
        boxes, ahead = {}, [(0, {})]
        while ahead:
            node, box = ahead.pop()
            if node < 0:
                boxes[~node] = box
                continue
            low, high = box.get(feature[node], ranges[feature[node]])
            cut = min(max(threshold[node], low), high)
            ahead.append((left[node], box | {feature[node]: (low, cut)}))
            ahead.append((right[node], box | {feature[node]: (cut, high)}))
        return boxes


def _plain_text(header, blocks, trees):
    """Return the native text of the trees with the constants of their leaves alone."""
    # Without the sizes, which change, LightGBM finds the trees by their first lines.
    plain = ["".join(f"{line}\n" for line in header.splitlines() if not line.startswith("tree_sizes="))]
    for block, tree in zip(blocks, trees, strict=True):
        constants = " ".join(map(repr, tree.constants()))
        block = block.replace(f"leaf_value={tree.lines['leaf_value']}\n", f"leaf_value={constants}\n")
        plain.append(block.replace("\nis_linear=1\n", "\nis_linear=0\n"))
    return "\nTree=".join(plain).replace("[linear_tree: 1]", "[linear_tree: 0]")


def _ranges(header):
    """Return the lowest and highest training value of every feature; zero where it did not vary."""
    line = next(line for line in header.splitlines() if line.startswith("feature_infos="))
    ends = [part.strip("[]").split(":") for part in line.removeprefix("feature_infos=").split()]
    return [(float(pair[0]), float(pair[1])) if len(pair) == 2 else (0.0, 0.0) for pair in ends]

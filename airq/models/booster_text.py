"""Check the text of a LightGBM model before the library reads it.

LightGBM trusts its own files: a text that is cut off, or a tree whose nodes point beside it or in a circle,
ends the process or never ends.
"""

from __future__ import annotations

import math
import re

#: Entries of a tree: name -> kind, and how many numbers there are more than inner nodes.
_OF_NODES = {
    "split_feature": (int, 0),
    "split_gain": (float, 0),
    "threshold": (float, 0),
    "decision_type": (int, 0),
    "left_child": (int, 0),
    "right_child": (int, 0),
    "internal_value": (float, 0),
    "internal_weight": (float, 0),
    "internal_count": (int, 0),
    "leaf_value": (float, 1),
    "leaf_weight": (float, 1),
    "leaf_count": (int, 1),
}
_NEEDED = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value")
_LINEAR = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_SINGLE = ("num_leaves", "num_cat", "is_linear", "shrinkage")
MOST_LEAVES = 100_000


def check_lightgbm(text, n_features):
    """Refuse the text of a model that is no sound regressor of so many features.

    ValueError says what is wrong and in which tree.
    """
    head, separator, rest = text.partition("\nTree=")
    body, end, _ = rest.partition("\nend of trees\n")
    if not (head.startswith("tree\n") and separator and end):
        raise ValueError("it is cut off, or has no trees")
    header = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    expected = {"num_class": 1, "num_tree_per_iteration": 1, "max_feature_idx": n_features - 1}
    for name, number in expected.items():
        if header.get(name) != str(number):
            raise ValueError(f"its {name} is {header.get(name)!r}, not {number}")
    if header.get("feature_infos", "").count(" ") != n_features - 1:
        raise ValueError(f"it does not describe {n_features} features")
    blocks = [f"Tree={block}" for block in body.split("\nTree=")]
    # The last block ends where "end of trees" begins.
    sizes = [len(block) + 1 for block in blocks[:-1]] + [len(blocks[-1]) + 1]
    if [str(size) for size in sizes] != header.get("tree_sizes", "").split():
        raise ValueError("its trees are not as long as it says")
    for number, block in enumerate(blocks):
        try:
            _check_tree(block, number, n_features)
        except ValueError as error:
            raise ValueError(f"tree {number} {error}") from None


def _check_tree(block, number, n_features):
    first, *lines = block.splitlines()
    entries = dict(line.split("=", 1) for line in lines if line)
    if first != f"Tree={number}" or len(entries) != sum(map(bool, lines)):
        raise ValueError("is not numbered in order, or says something twice")
    if unknown := set(entries) - {*_OF_NODES, *_LINEAR, *_SINGLE}:
        raise ValueError(f"has an unknown entry {min(unknown)!r}")
    single = {name: _numbers(entries, name, float, 1)[0] for name in _SINGLE}
    n_leaves, linear = single["num_leaves"], single["is_linear"] == 1
    if not (1 <= n_leaves <= MOST_LEAVES and n_leaves % 1 == 0 and single["num_cat"] == 0):
        raise ValueError(f"has {n_leaves:g} leaves, or categories")
    n_nodes = int(n_leaves) - 1
    values = {
        name: _numbers(entries, name, kind, n_nodes + more)
        for name, (kind, more) in _OF_NODES.items()
        # A tree that is one leaf leaves most of them out.
        if entries.get(name) or (n_nodes and name in _NEEDED) or name == "leaf_value"
    }
    if not all(0 <= feature < n_features for feature in values.get("split_feature", ())):
        raise ValueError("splits on a feature that is not there")
    if not all(0 <= kind < 256 and not kind & 1 for kind in values.get("decision_type", ())):
        raise ValueError("has a decision of an unknown type")
    children = [*values.get("left_child", ()), *values.get("right_child", ())]
    _check_children(values.get("left_child", ()), values.get("right_child", ()), n_nodes)
    if len(children) != 2 * n_nodes:
        raise ValueError("lacks nodes")
    if linear:
        sizes = _numbers(entries, "num_features", int, n_nodes + 1)
        if min(sizes) < 0:
            raise ValueError("has a leaf of fewer than no features")
        _numbers(entries, "leaf_const", float, n_nodes + 1)
        used = _numbers(entries, "leaf_features", int, sum(sizes))
        _numbers(entries, "leaf_coeff", float, sum(sizes))
        if not all(0 <= feature < n_features for feature in used):
            raise ValueError("has a linear leaf of a feature that is not there")


def _check_children(left, right, n_nodes):
    """Follow a tree from its root: every node and leaf is met once."""
    met, ahead = set(), [0] if n_nodes else []
    while ahead:
        node = ahead.pop()
        if node in met or not -n_nodes - 1 <= node < n_nodes:
            raise ValueError("has nodes that point beside it or in a circle")
        met.add(node)
        if node >= 0:
            ahead += [left[node], right[node]]
    if n_nodes and len(met) != 2 * n_nodes + 1:
        raise ValueError("has nodes that nothing points to")


def _numbers(entries, name, kind, count):
    words = entries.get(name, "").split()
    try:
        numbers = [kind(word) for word in words]
    except ValueError:
        raise ValueError(f"has a {name} that is no number") from None
    if len(numbers) != count:
        raise ValueError(f"has {len(numbers):,} numbers as {name}, not {count:,}")
    # A split of what is missing from what is there has an infinite threshold.
    if any(math.isnan(number) or (name != "threshold" and math.isinf(number)) for number in numbers):
        raise ValueError(f"has a {name} that is not finite")
    if kind is int and not all(re.fullmatch(r"-?\d{1,10}", word) for word in words):
        raise ValueError(f"has a {name} that is too large")
    return numbers

"""Shapley values by their definition: every coalition of columns, from scikit-learn's own trees.

The game of a tree is path-dependent: a split on an unknown column goes both ways, weighted by the training
rows that came to each child. Nothing here is the product's.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def of_tree(tree: Any, row: Any) -> Any:
    """Base and contributions of one of scikit-learn's `Tree`s; shapes (values,) and (inputs, values)."""
    cast = np.asarray(row, dtype=np.float32)

    def expected(known: frozenset[int], node: int = 0) -> Any:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == -1:
            return tree.value[node][0]
        feature = tree.feature[node]
        if feature in known:
            if np.isnan(cast[feature]):
                return expected(known, left if tree.missing_go_to_left[node] else right)
            return expected(known, left if cast[feature] <= tree.threshold[node] else right)
        weights = tree.weighted_n_node_samples
        return (weights[left] * expected(known, left) + weights[right] * expected(known, right)) / (
            weights[left] + weights[right]
        )

    return _shapley(expected, len(row))


def of_histogram_tree(predictor: Any, row: Any) -> Any:
    """The same of one of HistGradientBoosting's; one value."""
    nodes = predictor.nodes

    def expected(known: frozenset[int], node: int = 0) -> Any:
        found = nodes[node]
        if found["is_leaf"]:
            return np.array([found["value"]])
        feature, left, right = int(found["feature_idx"]), int(found["left"]), int(found["right"])
        if feature in known:
            if np.isnan(row[feature]):
                return expected(known, left if found["missing_go_to_left"] else right)
            return expected(known, left if row[feature] <= found["num_threshold"] else right)
        weights = nodes["count"].astype(float)
        return (weights[left] * expected(known, left) + weights[right] * expected(known, right)) / (
            weights[left] + weights[right]
        )

    return _shapley(expected, len(row))


def _shapley(expected: Any, width: int) -> Any:
    """Source: Shapley (1953), A value for n-person games."""
    everybody = range(width)
    worth = {
        frozenset(some): expected(frozenset(some))
        for size in range(width + 1)
        for some in itertools.combinations(everybody, size)
    }
    found = []
    for one in everybody:
        total = 0.0
        for some, value in worth.items():
            if one not in some:
                share = math.factorial(len(some)) * math.factorial(width - len(some) - 1)
                total = total + share / math.factorial(width) * (worth[some | {one}] - value)
        found.append(total)
    return worth[frozenset()], np.array(found)

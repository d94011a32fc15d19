"""Decision trees hold raw indices that scikit-learn follows without looking: check them once, at load.

A node's children come after it in the arrays (every builder appends), so
"greater than the parent, less than the count" also rules out cycles.

Source: https://github.com/scikit-learn/scikit-learn/pull/34558
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ekiben.errors import ConfigError
from ekiben.serving.predictors import neighbours

_LEAF = -1


def check(estimator: Any) -> None:
    """Follow the estimator's attributes to every tree and check its nodes.

    Raises:
        ConfigError: An index points outside its tree or its row.
    """
    owned: set[int] = set()
    trees: list[Any] = []
    for part in _parts(estimator):
        if neighbours.is_tree(part):
            neighbours.require(part)
            continue
        neighbours.require_labels(part)
        if type(part).__name__ in {"Tree", "TreePredictor"}:
            trees.append(part)
            continue
        state = getattr(part, "__dict__", {})
        width = state.get("n_features_in_", 0)
        for tree in _trees_of(state):
            owned.add(id(tree))
            if not (
                _sound_tree(tree, width) if type(tree).__name__ == "Tree" else _sound_predictor(tree, width)
            ):
                raise ConfigError(
                    f"estimator: a decision tree of {type(part).__name__} points outside itself",
                    remedy="train the model again",
                )
    if any(id(tree) not in owned for tree in trees):
        raise ConfigError(
            "estimator: a decision tree that belongs to no estimator", remedy="train the model again"
        )


def _trees_of(state: dict[str, Any]) -> Iterator[Any]:
    """Trees that an estimator with these attributes follows itself."""
    if type(state.get("tree_")).__name__ == "Tree":
        yield state["tree_"]
    for stage in state.get("_predictors") or ():
        yield from stage


def _parts(root: Any) -> Iterator[Any]:
    """Every object that hangs below `root`, once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, str | bytes | int | float | None):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple | set):
            waiting.extend(part)
        elif isinstance(part, np.ndarray):
            if part.dtype == object:
                waiting.extend(part.ravel().tolist())
        else:
            waiting.extend(getattr(part, "__dict__", {}).values())


def _sound_tree(tree: Any, width: int) -> bool:
    """Source: sklearn/tree/_tree.pyx, `Tree._apply_dense`."""
    count = tree.node_count
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = left != _LEAF
    parents = np.arange(count)[inner]
    return (
        count > 0
        and tree.n_features == width
        and bool(np.array_equal(inner, right != _LEAF))
        and _within(left[inner], parents + 1, count)
        and _within(right[inner], parents + 1, count)
        and _within(feature[inner], 0, width)
    )


def _sound_predictor(predictor: Any, width: int) -> bool:
    """Source: sklearn/ensemble/_hist_gradient_boosting/_predictor.pyx; categories index a second table."""
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    parents = np.arange(len(nodes))[inner]
    return (
        len(nodes) > 0
        and not nodes["is_categorical"].any()
        and _within(nodes["left"][inner].astype(np.int64), parents + 1, len(nodes))
        and _within(nodes["right"][inner].astype(np.int64), parents + 1, len(nodes))
        and _within(nodes["feature_idx"][inner].astype(np.int64), 0, width)
    )


def _within(indices: Any, lowest: Any, below: int) -> bool:
    return bool(np.all((indices >= lowest) & (indices < below)))

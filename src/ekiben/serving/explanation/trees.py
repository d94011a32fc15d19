"""Trees: exact Shapley values of the path-dependent game, by TreeSHAP.

What is expected of a tree where some columns are not known follows both children of a split on such a
column, weighted by the training rows that came to each.

Source: Lundberg, Erion and Lee (2018), Consistent individualized feature attribution for tree ensembles,
algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError
from ekiben.serving.explanation.content import Array, Content
from ekiben.serving.explanation.explained import Explained
from ekiben.serving.explanation.lightgbm import Booster
from ekiben.serving.manifest import EXPLANATION

Floats = npt.NDArray[np.float64]
LEAF = -1  # in place of a child
MOST_COUNT = 2**31 - 1  # LightGBM counts rows in 32 bits
_MISSING_IS_NAN, _MISSING_LEFT = 8, 2  # bits of `decision_type`
_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Sub": np.subtract,
    "Div": np.divide,
    "Mul": np.multiply,
    "Add": np.add,
}


class TreeExplainer:
    """TreeSHAP of an ensemble whose scores are sums of leaves.

    Args:
        content: Of the artefact.
        width: Inputs of the model.

    Raises:
        ConfigError: The arrays are no trees of this width, or LightGBM's library is not here.
    """

    def __init__(self, content: Content, width: int) -> None:
        scores = content.summary.scores
        constant = content.array("base", "f", scores)
        if unknown := set(content.steps) - set(_OPERATIONS):
            raise ConfigError(f"{EXPLANATION}: steps that are not known: {', '.join(sorted(unknown))}")
        self._steps = [
            (_OPERATIONS[name], content.array(f"step_{number}", "f", width))
            for number, name in enumerate(content.steps)
        ]
        self._constant = constant
        self._divisor = float(content.array("divisor", "f", 1)[0])
        self._booster = Booster(_text(_columns(content, scores, width), width, scores), width, scores)
        expected = self._booster.contributions(np.zeros((1, width)))[0, :, width]
        self.base: Floats = constant + expected / self._divisor

    def explain(self, rows: Floats) -> Explained:
        """Explain rows of shape (rows, inputs)."""
        for operation, vector in self._steps:
            rows = operation(rows, vector)
        found = self._booster.contributions(rows)[:, :, :-1].transpose(0, 2, 1)
        return Explained(found / self._divisor, self._booster.raw(rows) / self._divisor + self._constant)


def _columns(content: Content, scores: int, width: int) -> list[list[str]]:
    """Trees in LightGBM's words, by the score that they add to."""
    sizes = content.array("sizes", "i", None)
    nodes = int(sizes.sum())
    parts = {
        "feature": content.array("feature", "i", nodes),
        "limit": content.array("limit", "e", nodes),
        "left": content.array("left", "i", nodes),
        "right": content.array("right", "i", nodes),
        "missing_left": content.array("missing_left", "b", nodes),
        "count": content.array("count", "i", nodes),
        "values": content.array("values", "f", nodes, scores),
    }
    found: list[list[str]] = [[] for _ in range(scores)]
    start = 0
    for size in sizes.tolist():
        tree = {name: array[start : start + size] for name, array in parts.items()}
        start += size
        _check(tree, width)
        for score in range(scores):
            if tree["values"][:, score].any():
                found[score].append(_tree(tree, score))
    return found


def _check(tree: Mapping[str, Array], width: int) -> None:
    """Indices that LightGBM would follow without looking: inside the tree, each child behind its parent."""
    left, right, count = tree["left"], tree["right"], tree["count"]
    inner = left != LEAF
    places = np.arange(len(left))[inner]
    sound = (
        len(left) > 0
        and bool(np.array_equal(inner, right != LEAF))
        and bool(((left[inner] > places) & (left[inner] < len(left))).all())
        and bool(((right[inner] > places) & (right[inner] < len(left))).all())
        and bool(((tree["feature"][inner] >= 0) & (tree["feature"][inner] < width)).all())
        and bool(((count > 0) & (count <= MOST_COUNT)).all())
        and bool((count[inner] == count[left[inner]] + count[right[inner]]).all())
    )
    if not sound:
        raise ConfigError(f"{EXPLANATION}: a tree that points outside itself", remedy="train the model again")


def _tree(tree: Mapping[str, Array], score: int) -> str:
    """One tree without its heading; floats are written so that they are read back exactly."""
    inner = tree["left"] != LEAF
    leaf = ~inner
    # LightGBM numbers inner nodes and leaves apart; a leaf as a child is the complement of its number.
    number = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(leaf))
    kinds = _MISSING_IS_NAN + _MISSING_LEFT * tree["missing_left"][inner]
    lines = {
        "num_leaves": [int(leaf.sum())],
        "num_cat": [0],
        "split_feature": tree["feature"][inner].tolist(),
        "split_gain": [0] * int(inner.sum()),
        "threshold": tree["limit"][inner].tolist(),
        "decision_type": kinds.tolist(),
        "left_child": number[tree["left"][inner]].tolist(),
        "right_child": number[tree["right"][inner]].tolist(),
        "leaf_value": tree["values"][leaf, score].tolist(),
        "leaf_count": tree["count"][leaf].tolist(),
        "internal_value": [0] * int(inner.sum()),
        "internal_count": tree["count"][inner].tolist(),
        "is_linear": [0],
        "shrinkage": [1],
    }
    return "".join(f"{name}={' '.join(map(repr, values))}\n" for name, values in lines.items())


_NOTHING = "num_leaves=1\nnum_cat=0\nleaf_value=0\nshrinkage=1\n"


def _text(columns: list[list[str]], width: int, scores: int) -> str:
    """A model: in each round one tree per score, constants where a score has no more."""
    rounds = max(1, *map(len, columns))
    return "".join(_lines(columns, rounds, width, scores))


def _lines(columns: list[list[str]], rounds: int, width: int, scores: int) -> Iterator[str]:
    names = " ".join(f"c{place}" for place in range(width))
    yield f"tree\nversion=v4\nnum_class={scores}\nnum_tree_per_iteration={scores}\nlabel_index=0\n"
    yield f"max_feature_idx={width - 1}\nfeature_names={names}\n"
    yield f"feature_infos={' '.join(['[-inf:inf]'] * width)}\n\n"
    number = 0
    for place in range(rounds):
        for column in columns:
            body = column[place] if place < len(column) else _NOTHING
            yield f"Tree={number}\n{body}\n\n"
            number += 1
    yield "end of trees\n"

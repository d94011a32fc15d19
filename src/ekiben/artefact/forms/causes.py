"""What can be told of a difference: another order of classes, a split, a leaf, last digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ekiben.artefact.forms.ensembles import LEAF, Tree, ensemble_of
from ekiben.artefact.forms.splits import copies

Values = npt.NDArray[np.float64]


def between(model: onnx.ModelProto, tensor: str, before: set[str]) -> list[onnx.NodeProto]:
    """Give the operators that lead to a tensor from others that are known, in the order of the graph."""
    makers = {name: node for node in model.graph.node for name in node.output}
    waiting, taken = [tensor], set()
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if node is None or name in before or node.output[0] in taken:
            continue
        taken.add(node.output[0])
        waiting.extend(node.input)
    return [node for node in model.graph.node if node.output[0] in taken]


def order(found: Values, expected: Values) -> str:
    """Say how columns are swapped, if that is all that differs; else nothing."""
    if found.shape != expected.shape or np.array_equal(found, expected):
        return ""
    if found.shape[1] == 1:
        return (
            "the two classes are swapped: scores have the other sign" if np.allclose(found, -expected) else ""
        )
    pairs = {}
    for column in range(found.shape[1]):
        match = [
            other for other in range(expected.shape[1]) if np.allclose(found[:, column], expected[:, other])
        ]
        if len(match) != 1:
            return ""
        pairs[column] = match[0]
    swapped = [f"column {one} holds class {other}" for one, other in pairs.items() if one != other]
    if not swapped or len(set(pairs.values())) < len(pairs):
        return ""
    return f"classes are in another order: {', '.join(swapped)}"


def distance(found: Values, expected: Values) -> str:
    """Say how far two tensors are apart, and in which column most."""
    if found.shape != expected.shape:
        return f"shape {found.shape} where {expected.shape} is right"
    apart = np.abs(found.astype(np.float64) - expected)
    apart = np.where(np.isnan(apart), np.inf, apart)
    column = int(apart.max(axis=0).argmax())
    ulp = float((apart / np.spacing(np.abs(expected)))[:, column].max())
    return f"column {column} is off by up to {ulp:.3g} ulp"


def rounded(node: onnx.NodeProto) -> bool:
    """Whether all limits of an ensemble are float32 numbers."""
    limits = onnx.numpy_helper.to_array(_attribute(node, "nodes_splits"))
    return bool(np.array_equal(limits, limits.astype(np.float32)))


def of_trees(node: onnx.NodeProto, last: Any, rows: Values) -> str:
    """Name the first tree that gives something else than scikit-learn's, and the split or leaf in it.

    Args:
        node: The operator TreeEnsemble.
        last: scikit-learn's estimator.
        rows: What both take.
    """
    ensemble = ensemble_of(last)
    graph = _Graph(node, len(ensemble.base))
    constants = int(np.count_nonzero(ensemble.base))
    for row in rows:
        place = constants
        for number, tree in enumerate(ensemble.trees):
            count = copies(tree)
            found = sum((graph.leaf(root, row) for root in graph.roots[place : place + count]), graph.nothing)
            expected, path = _walk(tree, row, float32=ensemble.float32)
            if not np.array_equal(found, expected):
                return f"tree {number}: {_difference(graph, graph.roots[place], row, path, found, expected)}"
            place += count
    found = sum((graph.leaf(root, rows[0]) for root in graph.roots[:constants]), graph.nothing)
    if not np.array_equal(found, ensemble.base):
        return f"the sums start with {found.tolist()} where {ensemble.base.tolist()} is right"
    return "every tree gives what scikit-learn's gives; sums or what follows them differ"


@dataclass(frozen=True, slots=True)
class _Turn:
    """One comparison of a walk."""

    column: int
    threshold: float
    left: bool


class _Graph:
    """The operator's attributes as arrays, to walk one tree alone."""

    def __init__(self, node: onnx.NodeProto, scores: int) -> None:
        self.nothing = np.zeros(scores)
        self.roots: list[int] = list(_attribute(node, "tree_roots"))
        self._limits = onnx.numpy_helper.to_array(_attribute(node, "nodes_splits"))
        self._weights = onnx.numpy_helper.to_array(_attribute(node, "leaf_weights"))
        self._targets = _attribute(node, "leaf_targetids")
        self._feature, self._true, self._false, self._leaf_true, self._leaf_false = (
            _attribute(node, f"nodes_{name}")
            for name in ("featureids", "truenodeids", "falsenodeids", "trueleafs", "falseleafs")
        )
        names = {each.name for each in node.attribute}
        missing = "nodes_missing_value_tracks_true"
        self._missing = _attribute(node, missing) if missing in names else [0] * len(self._true)

    def leaf(self, root: int, row: Values) -> Values:
        """What a tree adds to each score."""
        *_, (end, _) = self.turns(root, row)
        found = self.nothing.copy()
        found[self._targets[end]] = self._weights[end]
        return found

    def turns(self, root: int, row: Values) -> Iterator[tuple[int, _Turn]]:
        """Walk from a root: where each comparison leads, at last a leaf."""
        node, is_leaf = root, 0
        while not is_leaf:
            value, limit = row[self._feature[node]], float(self._limits[node])
            left = bool(self._missing[node]) if np.isnan(value) else bool(value <= limit)
            turn = _Turn(int(self._feature[node]), limit, left)
            is_leaf = (self._leaf_true if left else self._leaf_false)[node]
            node = (self._true if left else self._false)[node]
            yield node, turn


def _walk(tree: Tree, row: Values, *, float32: bool) -> tuple[Values, list[_Turn]]:
    """Walk as scikit-learn does: a cast to float32, then a comparison with its own threshold."""
    node, path = 0, []
    while tree.left[node] != LEAF:
        value = row[tree.feature[node]]
        compared = np.float32(value) if float32 else value
        threshold = tree.threshold[node]
        left = bool(tree.missing_left[node]) if np.isnan(value) else bool(compared <= threshold)
        path.append(_Turn(int(tree.feature[node]), float(threshold), left))
        node = tree.left[node] if left else tree.right[node]
    return tree.values[node], path


def _difference(graph: _Graph, root: int, row: Values, path: list[_Turn], found: Any, expected: Any) -> str:
    for right, (_, turn) in zip(path, graph.turns(root, row), strict=False):
        if (turn.column, turn.left) != (right.column, right.left):
            sides = {True: "left", False: "right"}
            value = float(row[right.column])
            return (
                f"the split of column {right.column} at {right.threshold!r} sends {value!r} "
                f"{sides[turn.left]}, not {sides[right.left]}: it compares column {turn.column} with "
                f"{turn.threshold!r}"
            )
    place = int(np.argmax(np.abs(found - expected)))
    return f"a leaf adds {float(found[place])!r} to score {place} where {float(expected[place])!r} is right"


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    [found] = [each for each in node.attribute if each.name == name]
    return onnx.helper.get_attribute_value(found)

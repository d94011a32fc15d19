"""Trees as the attributes of ONNX's TreeEnsemble, whose leaves add to one score each.

A leaf of a forest may add to several classes: its tree stands there once for
the first value that is not zero, once for the second one, and so on, cut down
to where there is one. Sums per class stay in the order of the trees, so their
float64 results are scikit-learn's to the bit.

Source: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms.ensembles import LEAF, Ensemble, Floats, Tree

_AT_MOST = 0  # BRANCH_LEQ
_MISSING = "missing_value_tracks_true"


class Splits:
    """Collects nodes and leaves of all trees.

    Args:
        ensemble: The trees.
        missing: Whether a row may lack a value (NaN); ONNX Runtime is faster where it need not look.
    """

    def __init__(self, ensemble: Ensemble, *, missing: bool = False) -> None:
        self._nodes = self._leaves = 0
        self._roots: list[int] = []
        self._integers: dict[str, list[npt.NDArray[np.int64]]] = {
            f"nodes_{name}": []
            for name in ("featureids", "truenodeids", "falsenodeids", "trueleafs", "falseleafs", _MISSING)
        }
        self._missing = missing
        self._limits: list[Floats] = []
        self._targets: list[npt.NDArray[np.int64]] = []
        self._weights: list[Floats] = []
        self._scores = len(ensemble.base)
        for score in np.flatnonzero(ensemble.base):
            self._constant(int(score), ensemble.base[score])
        for tree in ensemble.trees:
            self._add(tree)

    def attributes(self) -> dict[str, Any]:
        """Give the operator's attributes; numbers of float64 as arrays, which become tensors."""
        limits = np.concatenate(self._limits)
        integers = {name: np.concatenate(parts).tolist() for name, parts in self._integers.items()}
        if not self._missing:
            del integers[f"nodes_{_MISSING}"]
        return {
            "n_targets": self._scores,
            "aggregate_function": 1,  # SUM
            "post_transform": 0,  # NONE
            "tree_roots": self._roots,
            **integers,
            "nodes_splits": limits,
            "nodes_modes": np.full(len(limits), _AT_MOST, dtype=np.uint8),
            "leaf_targetids": np.concatenate(self._targets).tolist(),
            "leaf_weights": np.concatenate(self._weights),
        }

    def _constant(self, score: int, value: float) -> None:
        """A tree that is one leaf: a node whose two children are the same leaf."""
        one = np.ones(1, dtype=np.int64)
        self._append(
            {
                "featureids": one * 0,
                "truenodeids": one * self._leaves,
                "falsenodeids": one * self._leaves,
                "trueleafs": one,
                "falseleafs": one,
                _MISSING: one * 0,
            },
            np.zeros(1),
            one * score,
            np.array([value]),
        )

    def _add(self, tree: Tree) -> None:
        leaf = tree.left == LEAF
        several = np.where(leaf, np.count_nonzero(tree.values, axis=1), 0)
        order = np.argsort(tree.values == 0, axis=1, kind="stable")  # columns that are not zero come first
        for place in range(copies(tree)):
            cut = leaf.copy() if place == 0 else ~_above(tree, several > place)
            targets = order[:, place]
            values = np.take_along_axis(tree.values, targets[:, None], axis=1)[:, 0]
            weights = np.where(several > place, values, 0.0)
            if cut[0]:
                self._constant(int(targets[0]), float(weights[0]))
            else:
                self._copy(tree, cut, targets, weights)

    def _copy(self, tree: Tree, cut: npt.NDArray[np.bool_], targets: Any, weights: Floats) -> None:
        """Append a tree that ends where `cut` says."""
        kept = _reached(tree, cut)
        inner, ends = kept & ~cut, kept & cut
        place = np.where(inner, self._nodes + np.cumsum(inner) - 1, self._leaves + np.cumsum(ends) - 1)
        left, right = tree.left[inner], tree.right[inner]
        self._append(
            {
                "featureids": tree.feature[inner],
                "truenodeids": place[left],
                "falsenodeids": place[right],
                "trueleafs": ends[left].astype(np.int64),
                "falseleafs": ends[right].astype(np.int64),
                _MISSING: tree.missing_left[inner].astype(np.int64),
            },
            tree.limit[inner],
            targets[ends],
            weights[ends],
        )

    def _append(self, integers: dict[str, Any], limits: Floats, targets: Any, weights: Floats) -> None:
        self._roots.append(self._nodes)
        for name, values in integers.items():
            self._integers[f"nodes_{name}"].append(values)
        self._limits.append(limits)
        self._targets.append(targets)
        self._weights.append(weights)
        self._nodes += len(limits)
        self._leaves += len(weights)


def copies(tree: Tree) -> int:
    """How many times a tree stands in the graph: once per score that a leaf of it adds to."""
    return max(1, int(np.count_nonzero(tree.values[tree.left == LEAF], axis=1).max()))


def _above(tree: Tree, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Inner nodes with a wanted leaf below them."""
    found = wanted.copy()
    inner = np.flatnonzero(tree.left != LEAF)
    for node in inner[::-1]:
        found[node] = found[tree.left[node]] or found[tree.right[node]]
    found[tree.left == LEAF] = False
    return found


def _reached(tree: Tree, cut: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Nodes that a walk from the root can come to."""
    found = np.zeros(len(cut), dtype=np.bool_)
    found[0] = True
    for node in np.flatnonzero(~cut):
        if found[node]:
            found[tree.left[node]] = found[tree.right[node]] = True
    return found
